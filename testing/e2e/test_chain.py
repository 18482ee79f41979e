# SPDX-License-Identifier: GPL-2.0
"""Beside other XDP programs: packets prove that each one works, whichever is loaded or unloaded.

All tests need a kernel where libxdp's dispatcher works, such as that of the virtual machine."""
import itertools
import os
import pathlib
import random
import re
import subprocess
import threading
import time

import pytest

import kernel
import product
from beside import (FREE, NEIGHBOURS, OURS, THEIR_MAC, THEIRS, Count, DropMac, Dump, XdpFilter,
                    chain, names, we_work)
from frames import udp
from netlab import Namespace, Wire, sh, wait_for
from product import DONE, FAILED, NOT_LOADED, OBJECT

pytestmark = pytest.mark.dispatcher


@pytest.mark.parametrize("kind", NEIGHBOURS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("first", ["we first", "they first"])
@pytest.mark.parametrize("leaves", ["we leave first", "they leave first"])
def test_two_on_one_interface_in_every_order(chained, kind, first, leaves):
    lab, they = chained, kind(chained)
    if first == "we first":
        lab.load("-i", OURS)
        they.come()
    else:
        they.come()
        lab.load("-i", OURS)
    assert we_work(lab) and they.works()
    assert set(names(lab)) == {"xdp_ipfilter", they.program}
    lab.good("add", FREE)
    assert not lab.wire.passes(udp(FREE))
    lab.good("del", FREE)
    if leaves == "we leave first":
        lab.good("unload", "f0")
        assert names(lab) == [they.program] and they.works()
        assert lab.wire.passes(udp(OURS))
        they.go()
    else:
        they.go()
        assert we_work(lab) and names(lab) == ["xdp_ipfilter"]
        assert lab.prefixes("f0") == {OURS: "drop"}
        lab.good("unload", "f0")
    assert "xdp" not in lab.ns.links()["f0"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))),
                         ids=lambda order: "".join(map(str, order)))
def test_three_beside_us_leave_in_every_order(chained, order, slow):
    """The filter is loaded as the second of four programs. Each one unloads only itself."""
    lab = chained
    they = [kind(lab) for kind in NEIGHBOURS]
    they[order[0]].come()
    lab.load("-i", OURS)
    they[order[1]].come()
    they[order[2]].come()
    assert all(one.works() for one in they) and we_work(lab)
    assert names(lab) == ["nb_dropmac", "xdp_ipfilter", "xdpfilt_alw_ip", "nb_count"], \
        "by priority: 3, 5, 10, 20"
    assert lab.status("f0")["position"] in (1, 2)
    counters = lab.counters("f0")
    for index, leaver in enumerate(order):
        they[leaver].go()
        assert we_work(lab)
        assert all(they[rest].works() for rest in order[index + 1:])
    now = lab.counters("f0")
    assert now["drop"][0] == counters["drop"][0] + 3, "counters survive every rebuild"
    lab.good("unload", "f0")


def test_position_and_priority_are_told(chained):
    lab = chained
    lab.load("-P", 15, "-i", OURS)
    assert (lab.status("f0")["priority"], lab.status("f0")["position"]) in ((15, 0), (15, 1))
    base = lab.status("f0")["position"]
    DropMac(lab).come()
    assert lab.status("f0")["position"] == base + 1
    Count(lab).come()
    assert lab.status("f0")["position"] == base + 1
    said = lab.good("status", "f0").out
    assert "filtering, chained" in said and "15" in said


def test_our_program_keeps_its_id_and_rules_through_rebuilds(chained, slow):
    lab = chained
    lab.load("-i", OURS)
    number, they = lab.status("f0")["program_id"], DropMac(lab)
    for _ in range(3 if slow else 10):
        they.come()
        assert lab.status("f0")["program_id"] == number
        assert we_work(lab)
        they.go()
        assert we_work(lab)
    assert dict(chain(lab))[number] == "xdp_ipfilter"
    assert lab.prefixes("f0") == {OURS: "drop"}


def test_no_packet_slips_or_is_lost_while_chain_and_rules_change(chained):
    """In the long form, others rebuild the chain 300 times and our rules change 1,000 times."""
    lab, they, errors = chained, DropMac(chained), []
    rebuilds, changes = (300, 1000) if os.environ.get("XDP_IPFILTER_LONG") else (4, 8)

    def rebuild():
        count = Count(lab)
        for _ in range(rebuilds // 2):
            count.come()
            count.go()

    def change():
        for _ in range(changes // 2):
            lab.good("add", THEIRS)
            lab.good("del", THEIRS)

    def noting_errors(work):
        try:
            work()
        except Exception as error:  # shown below
            errors.append(error)

    they.come()
    lab.load("-i", OURS)
    workers = [threading.Thread(target=noting_errors, args=[work]) for work in (rebuild, change)]
    for worker in workers:
        worker.start()
    frames, sent, slipped, lost, start = [udp(OURS), udp(FREE)] * 30, 0, 0, 0, time.monotonic()
    while any(worker.is_alive() for worker in workers):
        got = lab.wire.exchange(frames)
        sent += len(frames)
        slipped += sum(got[0::2])
        lost += got[1::2].count(False)
    print(f"{rebuilds} rebuilds, {changes} changes, {sent} packets, "
          f"{sent / (time.monotonic() - start):.0f} a second: {slipped} slipped, {lost} lost")
    assert not errors, errors
    assert (slipped, lost) == (0, 0)


def test_xdp_loader_shows_us_and_can_take_us_away(chained):
    lab = chained
    lab.load("-i", OURS)
    said = lab.ns.run("xdp-loader", "status", "f0").stdout
    assert re.search(r"(?m)^ =>\s+5\s+xdp_ipfilter\s+\d+\s+\S+\s+XDP_PASS", said), said
    lab.ns.run("xdp-loader", "unload", "f0", "-i", lab.status("f0")["program_id"])
    assert lab.status("f0")["state"] == "not-loaded"
    lab.refused(NOT_LOADED, "add", "-d", "f0", FREE, words="not loaded")
    lab.load("-i", OURS)
    assert we_work(lab)


def load_object(lab, *args):
    if not os.path.exists(OBJECT):
        pytest.skip(f"{OBJECT} is not built")
    lab.ns.run("xdp-loader", "load", *args, "f0", OBJECT)


def test_xdp_loader_loads_us_beside_a_neighbour(chained):
    lab, they = chained, DropMac(chained)
    they.come()
    load_object(lab)
    status = lab.status("f0")
    assert status["state"] == "filtering-chained" and status["priority"] == 5
    assert lab.wire.exchange([udp(OURS), udp(FREE)]) == [True, True]
    lab.good("add", OURS)
    assert we_work(lab) and they.works()
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0", words="already")
    lab.good("unload", "f0")
    assert names(lab) == ["nb_dropmac"] and they.works()


def test_the_priority_that_another_loader_chose_is_told(chained):
    lab = chained
    load_object(lab, "-P", 77)
    assert lab.status("f0")["priority"] == 77
    assert re.search(r"(?m)^ *priority +77$", lab.good("status", "f0").out)
    Count(lab).come()
    assert lab.status("f0")["priority"] == 77


@pytest.mark.parametrize("priority", [4, 77], ids=["before ours", "after ours"])
def test_two_of_ours_in_one_chain(chained, priority):
    """Both are shown, neither is changed, and unload removes both."""
    lab, they = chained, DropMac(chained)
    they.come()
    lab.load("-i", OURS)
    mine = lab.status("f0")["program_id"]
    load_object(lab, "-P", priority)
    assert lab.wire.exchange([udp(OURS), udp(FREE)]) == [False, True]
    first = lab.status("f0")
    [second] = first["more"]
    own, other = (second, first) if priority == 4 else (first, second)
    assert own["program_id"] == mine != other["program_id"]
    assert (own["priority"], other["priority"]) == (5, priority)
    assert (first["position"], second["position"]) == (2, 3)
    assert own["rules"]["ipv4"] == 1 and other["rules"]["ipv4"] == 0
    assert own["counters"]["drop"]["packets"] == 1
    said = lab.good("status", "f0").out
    assert said.count("f0: filtering, chained") == 2 and OURS in said
    assert "'xdp-ipfilter unload f0'" in said
    assert len(lab.good("status", "-j").json()["interfaces"]) == 1
    for args in (("add", FREE), ("add", "-d", "f0", FREE), ("del", OURS), ("flush",),
                 ("replace", "-f", "/dev/null", "--force"), ("list",), ("test", OURS),
                 ("poll", "--count", 1)):
        lab.refused(FAILED, *args, words=["f0", "2 filters", "'xdp-ipfilter unload f0'",
                                          "'xdp-loader unload f0 -i ID'"])
    now = lab.status("f0")
    assert (now["rules"], now["more"][0]["rules"]) == (first["rules"], second["rules"])
    lab.refused(FAILED, "load", "f0", words="already")
    lab.good("repair")
    lab.good("unload", "f0")
    assert names(lab) == ["nb_dropmac"] and they.works() and lab.wire.passes(udp(OURS))


def test_one_of_two_of_ours_can_leave(chained):
    lab = chained
    lab.load("-i", OURS)
    load_object(lab)
    [second] = lab.status("f0")["more"]
    lab.ns.run("xdp-loader", "unload", "f0", "-i", second["program_id"])
    assert lab.prefixes("f0") in ({OURS: "drop"}, {})
    lab.good("add", FREE)


def test_run_takes_only_its_own_filter_off(chained):
    lab = chained
    run = lab.start("run", "--interval", 20, "-i", OURS, "f0")
    try:
        run.stdout.readline()
        load_object(lab)
        run.terminate()
        _, err = run.communicate(timeout=lab.patience)
        assert run.returncode == DONE and err == "", err
    finally:
        run.kill()
        run.wait()
    assert names(lab) == ["xdp_ipfilter"] and lab.prefixes("f0") == {}


def test_unload_all_of_xdp_loader_leaves_not_loaded(chained):
    lab = chained
    DropMac(lab).come()
    lab.load("-i", OURS)
    lab.ns.run("xdp-loader", "unload", "f0", "-a")
    assert lab.status("f0")["state"] == "not-loaded"
    assert lab("unload", "f0").rc == NOT_LOADED


@pytest.mark.parametrize("neighbour", [False, True], ids=["alone", "beside a neighbour"])
def test_removed_pins_are_attached_but_not_filtering(chained, neighbour):
    """The dispatcher stays on the interface, but the links of its components are gone."""
    lab = chained
    lab.load("-i", OURS)
    if neighbour:
        DropMac(lab).come()
    link = lab.ns.links()["f0"]
    sh("rm", "-r", f"/sys/fs/bpf/xdp/dispatch-{link['ifindex']}-{link['xdp']['prog']['id']}")
    assert lab.wire.exchange([udp(OURS), udp(FREE)]) == [True, True], "nothing filters now"
    result = lab("status", "-j", "f0")
    assert result.json()["interfaces"][0]["state"] == "not-filtering", result
    text = lab("status", "f0")
    assert "attached but NOT filtering" in text.out + text.err, text
    repaired = lab("unload", "f0")
    assert repaired.rc in (DONE, NOT_LOADED), repaired
    if not neighbour:
        assert "xdp" not in lab.ns.links()["f0"], "unload clears what is left of us"
        lab.load("-i", OURS)
        assert we_work(lab)


def test_a_second_bpffs_on_top_only_hides_the_pins(chained):
    lab = chained
    lab.load("-i", OURS)
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t bpf bpf /sys/fs/bpf; exec "$@"', "sh"]
    result = lab("status", "-j", "f0", prefix=hidden)
    assert result.json()["interfaces"][0]["state"] == "filtering-chained", result


def test_a_dispatcher_without_us_is_not_loaded(chained):
    lab = chained
    DropMac(lab).come()
    assert lab.status("f0")["state"] == "not-loaded"
    lab.refused(NOT_LOADED, "unload", "f0", words="not loaded")
    lab.good("unload", "-a")
    assert names(lab) == ["nb_dropmac"]


def test_another_mode_than_that_of_the_chain_is_refused(chained):
    lab = chained
    for theirs, ours in (("skb", "native"), ("native", "skb")):
        lab.ns.run("xdp-loader", "load", "-m", theirs, "f0", kernel.neighbour("dropmac"))
        before = chain(lab)
        with lab.unchanged("f0"):
            lab.refused(FAILED, "load", "-m", ours, "f0", words=["f0", f"--mode {theirs}"])
        assert chain(lab) == before and DropMac(lab).works()
        lab.load("-m", theirs, "-i", OURS)
        assert we_work(lab) and lab.status("f0")["mode"] == theirs
        lab.good("unload", "f0")
        assert chain(lab) == before and DropMac(lab).works()
        lab.ns.run("xdp-loader", "unload", "f0", "-a")


def test_a_full_chain_is_refused(chained):
    """A dispatcher takes at most ten programs."""
    lab, they = chained, DropMac(chained)
    they.come()
    lab.ns.run("xdp-loader", "load", "f0", *[kernel.neighbour("count")] * 9)
    before = chain(lab)
    assert len(before) == 10
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0", words=["f0", "full"])
    assert chain(lab) == before and they.works()


def test_the_tenth_place_is_ours(chained):
    lab = chained
    lab.ns.run("xdp-loader", "load", "f0", *[kernel.neighbour("count")] * 9)
    lab.load("-i", OURS)
    assert we_work(lab) and len(chain(lab)) == 10
    lab.good("unload", "f0")
    assert len(chain(lab)) == 9


def test_a_neighbour_without_frags_works_beside_us_at_mtu_1500(chained):
    lab = chained
    lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("plain"))
    lab.load("-i", OURS)
    assert we_work(lab)
    assert names(lab) == ["nb_plain", "xdp_ipfilter"]


def test_at_mtu_9000_we_have_frags_and_one_without_is_kept_out(chained):
    lab = chained
    lab.add_pair("j0", "j1", mtu=9000)
    lab.dev, lab.peer = "j0", "j1"
    lab.load("-i", OURS)
    frames = [udp(OURS, 8000), udp(FREE, 8000)]
    assert lab.wire.exchange(frames) == [False, True]
    with lab.unchanged("j0"):
        for command in (("xdp-loader", "load", "j0", kernel.neighbour("plain")),
                        ("xdp-filter", "load", "-f", "ipv4", "j0")):
            assert lab.ns.run(*command, check=False).returncode != 0
    assert we_work(lab, "j0")
    assert lab.wire.exchange(frames) == [False, True]
    assert lab.counters("j0")["drop"] == (3, 2 * len(frames[0]) + len(udp(OURS)))


def test_the_mtu_is_named_where_a_neighbour_without_frags_makes_it_too_large(chained):
    """In SKB mode such a neighbour works with any MTU, so ours must work or name the MTU."""
    lab = chained
    lab.add_pair("j0", "j1", mtu=9000)
    lab.dev, lab.peer = "j0", "j1"
    lab.ns.run("xdp-loader", "load", "-m", "skb", "j0", kernel.neighbour("plain"))
    result = lab("load", "-m", "skb", "-i", OURS, "j0")
    if result.rc == DONE:
        assert lab.wire.exchange([udp(OURS, 8000), udp(FREE, 100)]) == [False, True]
    else:
        assert result.rc == FAILED and len(result.err_lines) == 1 and "MTU" in result.err, result


def test_xdpdump_sees_our_verdicts(chained, need):
    """Beside xdp-filter and a program that xdp-loader loaded."""
    need("xdpdump", "stdbuf")
    lab = chained
    lab.load("-i", OURS)
    they = [XdpFilter(lab), Count(lab)]
    for one in they:
        one.come()
    with Dump(lab) as dump:
        assert "xdp_ipfilter" in dump.said, dump.said
        assert we_work(lab) and all(one.works() for one in they), "being watched changes nothing"
        text = dump.hears("xdp_ipfilter()@entry", "xdp_ipfilter()@exit[DROP]",
                          "xdp_ipfilter()@exit[PASS]", f"{XdpFilter.program}()@exit[DROP]",
                          "nb_count()@exit[PASS]")
        length = len(udp(OURS))
        assert re.search(rf"xdp_ipfilter\(\)@exit\[DROP\]: packet size {length} bytes", text), text
        assert len(re.findall(r"nb_count\(\)@entry", text)) < len(
            re.findall(r"xdp_ipfilter\(\)@entry", text)), "what we drop ends with us"
        lab.good("add", FREE)
        assert not lab.wire.passes(udp(FREE))
    assert not lab.wire.passes(udp(OURS))


def test_xdpdump_watches_neighbours_while_we_come_and_go(chained, need):
    need("xdpdump", "stdbuf")
    lab, they = chained, [DropMac(chained), Count(chained)]
    for one in they:
        one.come()
    with Dump(lab) as dump:
        lab.load("-i", OURS)
        assert we_work(lab) and all(one.works() for one in they)
        dump.hears("nb_dropmac()@exit[DROP]", "nb_count()@exit[PASS]")
        lab.good("unload", "f0")
        assert lab.wire.passes(udp(OURS)) and all(one.works() for one in they)
        dump.hears("nb_dropmac()@exit[DROP]", "nb_count()@exit[PASS]")
    assert names(lab) == ["nb_dropmac", "nb_count"]


def test_a_renamed_interface_keeps_its_chain(own_lab, need):
    need("xdp-loader")
    lab = own_lab
    lab.load("-i", OURS)
    lab.ns.ip("link", "set", "f0", "down")
    lab.ns.ip("link", "set", "f0", "name", "wan7")
    lab.ns.ip("link", "set", "wan7", "up")
    lab.wire.settle()
    assert lab.status("wan7")["state"] == "filtering-chained"
    lab.ns.run("xdp-loader", "load", "wan7", kernel.neighbour("dropmac"))
    assert lab.status("wan7")["state"] == "filtering-chained"
    assert lab.wire.exchange([udp(OURS), udp(FREE, source_mac=THEIR_MAC), udp(FREE)]) == [
        False, False, True]
    lab.good("add", "-d", "wan7", FREE)
    assert not lab.wire.passes(udp(FREE))
    lab.good("unload", "wan7")
    assert [name for _, name in chain(lab, "wan7")] == ["nb_dropmac"]
    lab.ns.run("xdp-loader", "unload", "wan7", "-a")


def test_an_interface_moved_to_another_namespace_keeps_its_filter(own_lab):
    lab = own_lab
    lab.load("-i", OURS)
    away = Namespace()
    try:
        lab.ns.ip("link", "set", "f0", "netns", away.name)
        away.ip("link", "set", "f0", "up")
        moved = product.Tool(away)
        assert moved.status("f0")["state"] == "filtering-chained"
        assert moved.prefixes("f0") == {OURS: "drop"}
        moved.good("unload", "f0")
        assert "xdp" not in away.links()["f0"]
    finally:
        away.close()


def reuse_index(ns, index, mac=None):
    """A new interface f0 with the number of one that this namespace no longer has."""
    ns.ip("link", "add", "f0", "index", index, *(["address", mac] if mac else []),
          "type", "veth", "peer", "name", "q0")
    ns.ip("link", "set", "q0", "up")
    ns.ip("link", "set", "f0", "up")


def test_the_chain_of_an_interface_that_moved_away_is_left_alone(own_lab, patience):
    """Even if another interface has its number by now."""
    lab, away = own_lab, Namespace()
    try:
        lab.load("-i", OURS)
        index = lab.ns.links()["f0"]["ifindex"]
        lab.ns.ip("link", "set", "f0", "netns", away.name)
        away.ip("link", "set", "f0", "up")
        if index in [link["ifindex"] for link in away.links().values() if link["ifname"] != "f0"]:
            pytest.skip("the number changed with the namespace")
        reuse_index(lab.ns, index)
        product.age_pins()
        assert lab.status("f0")["state"] == "not-loaded"
        said = lab("status", "-v").err
        assert f"interface {index} " in said and "rm -r" in said, said
        lab.load("-i", FREE)
        lab.good("unload", "f0")
        moved, wire = product.Tool(away), Wire(away, "f0", "p0", far_ns=lab.ns, patience=patience)
        wire.settle()
        assert moved.status("f0")["state"] == "filtering-chained"
        assert wire.exchange([udp(OURS), udp(FREE)]) == [False, True]
        wire.close()
        moved.good("unload", "f0")
    finally:
        away.close()


@pytest.mark.parametrize("same", [True, False], ids=["the same again", "another interface"])
def test_a_number_that_is_used_again(own_lab, deleted_chain, same):
    """The next load on what is certainly the same interface removes our pins of a deleted one."""
    lab, before = own_lab, set(product.pins())
    lab.load("-i", OURS)
    link = lab.ns.links()["f0"]
    lab.ns.ip("link", "del", "f0")
    reuse_index(lab.ns, link["ifindex"], link["address"] if same else None)
    assert lab.status("f0")["state"] == "not-loaded"
    product.age_pins()
    lab.load("-i", FREE)
    assert lab.status("f0")["state"] == "filtering-chained" and lab.prefixes("f0") == {FREE: "drop"}
    lab.good("unload", "f0")
    if same:
        assert set(product.pins()) <= before
    deleted_chain()


def test_xdp_off_by_others_is_not_loaded_and_can_be_loaded_again(chained):
    lab = chained
    before = set(product.pins())
    lab.load("-i", OURS)
    lab.ns.ip("link", "set", "f0", "xdp", "off")
    dead = set(product.pins())
    assert dead > before
    product.age_pins()
    assert lab.status("f0")["state"] == "not-loaded"
    lab.load("-i", OURS)
    assert set(product.pins()) - dead, "the live chain has pins"
    assert not set(product.pins()) & (dead - before), "and only it"
    assert we_work(lab)
    lab.good("unload", "f0")
    assert set(product.pins()) <= before, "the pins of the dead chain are swept"


def test_a_neighbour_that_is_killed_while_loading_hurts_nobody(chained, slow):
    lab = chained
    lab.load("-i", OURS)
    stale = pathlib.Path("/run/xdp-loader.lck")  # the lock outlives the program
    for delay in ([0.2, 0.6, 1.0] if slow else [0.005, 0.02, 0.04]):
        with lab.ns:
            process = subprocess.Popen(["xdp-loader", "load", "f0", kernel.neighbour("count")],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        killer = threading.Timer(delay, process.kill)
        killer.start()
        process.wait()
        killer.join()
        stale.unlink(missing_ok=True)
        assert we_work(lab)
        lab.good("add", THEIRS)
        lab.good("del", THEIRS)
    lab.good("unload", "f0")
    assert "xdp_ipfilter" not in names(lab)
    if "xdp" in lab.ns.links()["f0"]:
        lab.ns.run("xdp-loader", "unload", "f0", "-a")
    lab.ns.run("xdp-loader", "clean", "f0")


def test_a_killed_load_beside_a_neighbour_leaves_the_neighbour(chained, slow):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    lab, they = chained, DropMac(chained)
    they.come()
    for _ in range(4 if slow else 10):
        process = lab.start("load", "-i", OURS, "f0")
        killer = threading.Timer(rng.uniform(0, 1.5 if slow else 0.15), process.kill)
        killer.start()
        process.communicate(timeout=60)
        killer.join()
        assert they.works()
        if lab.status("f0")["state"] == "not-loaded":
            lab.load("-i", OURS)
        assert we_work(lab)
        lab.good("unload", "f0")
        assert names(lab) == ["nb_dropmac"] and they.works()
    product.age_pins()
    lab.load("-i", OURS)
    assert we_work(lab) and they.works()
    lab.good("unload", "f0")
    live = lab.ns.links()["f0"]["xdp"]["prog"]["id"]
    assert all(f"dispatch-{lab.ns.links()['f0']['ifindex']}-{live}/" in pin
               for pin in product.pins() if "/dispatch-" in pin), "what the kills left is swept"
    assert they.works()
