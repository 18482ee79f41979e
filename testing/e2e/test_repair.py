# SPDX-License-Identifier: GPL-2.0
"""Attached but NOT filtering: reported truthfully, and repaired without harm to neighbours."""
import os
import pathlib
import shutil
import threading

import pytest

import kernel
import product
from beside import FREE, OURS, THEIR_MAC, Count, DropMac, XdpFilter, chain, names, we_work
from frames import udp
from netlab import sh, wait_for
from product import DONE, FAILED, NOT_LOADED

pytestmark = pytest.mark.dispatcher


def pins_of(lab, dev="f0"):
    link = lab.ns.links()[dev]
    return pathlib.Path(f"/sys/fs/bpf/xdp/dispatch-{link['ifindex']}-{link['xdp']['prog']['id']}")


def lose(lab, name=None, what=("link", "prog")):
    """Remove the pins of the program with this name (None: of all) from the chain's folder."""
    folder = pins_of(lab)
    for place, (_, program) in enumerate(chain(lab)):
        if name in (None, program):
            for kind in what:
                (folder / f"prog{place}-{kind}").unlink()
    if not list(folder.iterdir()):
        folder.rmdir()


def state(lab):
    result = lab("status", "-j", "f0")
    [one] = result.json()["interfaces"]
    assert (result.rc == FAILED) == (one["state"] == "not-filtering"), result
    return one["state"]


def not_filtering(lab, lost=False):
    """All that a user sees names the state, the way out, and whether the rules are lost."""
    repair = "'xdp-ipfilter repair f0 -f FILE'" if lost else "'xdp-ipfilter repair f0'"
    assert state(lab) == "not-filtering"
    assert lab("status", "-j", "f0").json()["interfaces"][0]["recoverable"] is not lost
    assert lab.wire.passes(udp(OURS))
    for said in (lab("status", "f0"), lab("status")):
        assert said.rc == FAILED and "attached but NOT filtering" in said.out
        assert repair in said.out
    for command in (("load", "f0"), ("add", "-d", "f0", FREE), ("list", "-d", "f0"),
                    ("poll", "--count", 1, "f0")):
        lab.refused(FAILED, *command, words=["f0", "attached but NOT filtering", repair])
    return True


def loader_knows(lab, *programs):
    """libxdp recognises the chain again."""
    return names(lab) == list(programs)


def test_rules_that_are_lost_are_not_made_up(chained):
    lab = chained
    lab.load("-i", OURS)
    lose(lab)
    assert not_filtering(lab, lost=True)
    lab.refused(FAILED, "repair", "f0", words=["f0", "lost", "repair f0 -f FILE", "--force"])
    lab.refused(FAILED, "repair", words=["f0", "lost"])
    assert not_filtering(lab, lost=True)
    said = lab.good("repair", "-i", OURS, "f0").out
    assert said.startswith("f0: filtering, chained (native, position 1 of 1), 1 rule"), said
    assert we_work(lab) and loader_knows(lab, "xdp_ipfilter")


def test_force_repairs_without_rules(chained):
    lab = chained
    lab.load("-i", OURS)
    lose(lab)
    lab.good("repair", "--force")
    assert state(lab) == "filtering-chained" and lab.rules("f0") == []
    lab.good("add", OURS)
    assert we_work(lab)


def test_a_pinned_program_comes_back_with_rules_and_counters(chained):
    lab = chained
    lab.load("-p", "deny", "-P", 7, "-i", FREE)
    assert lab.wire.exchange([udp(OURS), udp(FREE)]) == [False, True]
    counters, number = lab.counters("f0"), lab.status("f0")["program_id"]
    lose(lab, what=["link"])
    assert not_filtering(lab)
    lab.good("repair", "f0")
    status = lab.status("f0")
    assert (status["program_id"], status["policy"], status["priority"]) == (number, "deny", 7)
    assert lab.counters("f0")["drop"] == counters["drop"]
    assert lab.wire.exchange([udp(OURS), udp(FREE)]) == [False, True]


@pytest.mark.parametrize("ours_first, what", [(True, ("link", "prog")), (False, ("link",))],
                         ids=["we before them, all lost", "we after them, links lost"])
def test_neighbours_run_on_while_we_are_repaired(chained, ours_first, what):
    lab, they = chained, [DropMac(chained), Count(chained)]
    if ours_first:
        lab.load("-P", 1, "-i", OURS)
    for one in they:
        one.come()
    if not ours_first:
        lab.load("-P", 90, "-i", OURS)
    lose(lab, "xdp_ipfilter", what)
    assert not_filtering(lab, lost=len(what) == 2) and all(one.works() for one in they)

    stop, leaked, errors = threading.Event(), [], []

    def traffic():
        try:
            while not stop.is_set():
                leaked.extend(lab.wire.exchange([udp(FREE, source_mac=THEIR_MAC)] * 10))
        except Exception as error:  # shown below
            errors.append(error)

    seen, control = they[1].seen(), lab.wire.controls
    sender = threading.Thread(target=traffic)
    sender.start()
    try:
        lab.good("repair", *([] if len(what) == 1 else ["-P", 1 if ours_first else 90, "-i", OURS]),
                 "f0")
    finally:
        stop.set()
        sender.join()
    assert not errors, errors
    assert leaked and not any(leaked), "dropmac dropped all of it, all the while"
    assert they[1].seen() - seen == lab.wire.controls - control, "count has seen every other frame"
    assert we_work(lab) and all(one.works() for one in they)
    order = ["nb_dropmac", "nb_count"]
    order.insert(0 if ours_first else 2, "xdp_ipfilter")
    assert loader_knows(lab, *order)
    lab.good("unload", "f0")
    assert names(lab) == ["nb_dropmac", "nb_count"] and all(one.works() for one in they)


def test_a_neighbour_that_is_gone_for_good_is_named_and_others_can_join_again(chained):
    lab, they = chained, DropMac(chained)
    Count(lab).come()
    lab.load("-i", OURS)
    lose(lab, "nb_count")
    assert we_work(lab), "ours filters on"
    assert lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("dropmac"),
                      check=False).returncode != 0, "libxdp does not know the chain any more"
    assert "xdp-ipfilter repair f0" in lab.good("status", "f0").out
    number = lab.status("f0")["program_id"]
    lab.good("repair", "f0", warns=["f0", "1 of its programs", "load them again"])
    assert lab.status("f0")["program_id"] == number and we_work(lab)
    they.come()
    assert they.works() and we_work(lab) and loader_knows(lab, "nb_dropmac", "xdp_ipfilter")


def test_unload_of_a_broken_chain_leaves_the_neighbours(chained):
    lab, they = chained, DropMac(chained)
    for lost in ("xdp_ipfilter", "nb_count"):
        they.come()
        Count(lab).come()
        lab.load("-i", OURS)
        lose(lab, lost)
        lab.good("unload", "f0")
        assert they.works() and lab.status("f0")["state"] == "not-loaded"
        assert names(lab) == (["nb_dropmac", "nb_count"] if lost == "xdp_ipfilter"
                              else ["nb_dropmac"])
        lab.ns.run("xdp-loader", "unload", "f0", "-a")


def test_unload_of_a_chain_that_lost_everything_clears_the_interface(chained):
    lab, before = chained, set(product.pins())
    for what in (("link", "prog"), ("link",)):
        lab.load("-i", OURS)
        DropMac(lab).come()
        lose(lab, what=what)
        lab.good("unload", "f0")
        if len(what) == 1:
            assert names(lab) == ["nb_dropmac"], "what can be put back is put back"
            lab.ns.run("xdp-loader", "unload", "f0", "-a")
        assert "xdp" not in lab.ns.links()["f0"]
    assert set(product.pins()) <= before


def test_xdp_loader_clean_in_another_namespace(chained, own_lab):
    """It removes the pins of interfaces that it does not see."""
    lab = own_lab
    lab.load("-i", OURS)
    chained.ns.run("xdp-loader", "clean")
    if state(lab) == "filtering-chained":
        pytest.skip("this xdp-loader leaves pins of other namespaces alone")
    assert not_filtering(lab, lost=True)
    lab.good("repair", "-i", OURS)
    assert we_work(lab)


def turn_off(lab, kind="xdp"):
    lab.ns.ip("link", "set", "f0", kind, "off")
    assert state(lab) == "not-loaded"


def ours_held():
    """The number of our programs in the kernel."""
    return sum(one.get("name") == "xdp_ipfilter" for one in kernel.programs().values())


@pytest.mark.parametrize("args", [("repair", "f0"), ("repair",)], ids=["named", "found"])
def test_what_others_turned_off_comes_back_with_its_rules(chained, args):
    """`xdp off` leaves the pins of the program."""
    lab = chained
    lab.load("-i", OURS)
    lab.wire.exchange([udp(OURS)])
    before = lab.snapshot("f0"), lab.counters("f0")
    turn_off(lab)
    assert lab.wire.passes(udp(OURS))
    product.age_pins()
    for status in (lab("status"), lab("status", "f0")):
        assert status.rc == NOT_LOADED and "f0: not loaded" in status.out, status
        assert "somebody turned it off" in status.out, status
        assert "'xdp-ipfilter repair f0'" in status.out, status
    assert lab.status("f0")["recoverable"] is True
    lab.refused(NOT_LOADED, "add", "-d", "f0", FREE, words=["f0", "'xdp-ipfilter repair f0'"])
    said = lab.good(*args).out
    assert said == "f0: filtering, chained (native, position 1 of 1), 1 rule\n"
    assert (lab.snapshot("f0"), lab.counters("f0")) == before
    assert we_work(lab)
    lab.good("unload", "f0")
    assert state(lab) == "not-loaded"


def test_no_advice_destroys_what_repair_brings_back(chained):
    lab = chained
    lab.load("-i", OURS)
    turn_off(lab)
    product.age_pins()
    said = lab("status", "-v")
    assert "rm -r" not in said.out + said.err, said
    lab.good("repair")
    assert "rm -r" not in lab.good("status", "-v").err


def test_a_neighbour_that_was_turned_off_with_us_comes_back(chained):
    """In its position and with its settings."""
    lab, they = chained, [XdpFilter(chained), Count(chained)]
    for one in they:
        one.come()
    lab.load("-P", 15, "-i", OURS)
    assert all(one.works() for one in they)
    before, listed = chain(lab), lab.ns.run("xdp-loader", "status", "f0").stdout
    turn_off(lab)
    lab.good("repair")
    assert chain(lab) == before and we_work(lab) and all(one.works() for one in they)
    assert lab.ns.run("xdp-loader", "status", "f0").stdout == listed, "priorities, too"
    they[1].go()
    assert we_work(lab) and they[0].works(), "libxdp works on that chain"
    lab.good("unload", "f0")
    assert they[0].works()


def test_a_chain_that_was_turned_off_comes_back_in_its_mode(chained):
    lab = chained
    lab.load("-m", "skb", "-i", OURS)
    turn_off(lab, "xdpgeneric")
    lab.good("repair")
    assert we_work(lab) and lab.status("f0")["mode"] == "skb"


def test_a_neighbour_that_does_not_come_back_is_named(chained):
    """Its link is gone, or the interface has another chain by now."""
    lab = chained
    DropMac(lab).come()
    lab.load("-i", OURS)
    lose(lab, what=["link"])
    turn_off(lab)
    lab.good("repair", "f0", warns=["f0", "nb_dropmac", "load it again"])
    assert we_work(lab) and names(lab) == ["xdp_ipfilter"]
    DropMac(lab).come()
    turn_off(lab)
    they = Count(lab)
    they.come()
    lab.good("repair", warns=["f0", "nb_dropmac", "load it again"])
    assert we_work(lab) and they.works() and names(lab) == ["xdp_ipfilter", "nb_count"]


def test_what_lost_links_and_was_turned_off_comes_back(chained):
    """The neighbour's link still holds the dispatcher, which keeps our program."""
    lab, they = chained, DropMac(chained)
    they.come()
    lab.load("-i", OURS)
    number = lab.status("f0")["program_id"]
    lose(lab, "xdp_ipfilter", ["link"])
    turn_off(lab)
    lab.good("repair")
    assert lab.status("f0")["program_id"] == number and we_work(lab) and they.works()


def test_unload_ends_every_trace_of_a_filter(chained):
    """Even of a filter that was turned off before: nothing comes back, now or later."""
    lab, pins, held = chained, set(product.pins()), ours_held()
    lab.load("-i", OURS)
    turn_off(lab)
    lab.load("-i", FREE)
    lab.good("unload", "f0")
    assert set(product.pins()) <= pins
    lab.refused(NOT_LOADED, "repair", "f0", words="not loaded")
    lab.good("repair")
    for args in (("f0",), ("-a",)):
        lab.load("-i", OURS)
        Count(lab).come()
        turn_off(lab)
        lab.good("unload", *args)
        assert set(product.pins()) <= pins
        assert lab("unload", "f0").rc == NOT_LOADED
        lab.refused(NOT_LOADED, "repair", "f0", words="not loaded")
    wait_for(lambda: ours_held() <= held, "the kernel frees them", lab.patience)


def test_a_load_that_fails_leaves_what_was_turned_off(chained):
    lab = chained
    lab.load("-i", OURS)
    turn_off(lab)
    product.age_pins()
    lab.ns.run("xdp-loader", "load", "-m", "skb", "f0", kernel.neighbour("count"))
    lab.refused(FAILED, "load", "-m", "native", "f0", words="mode")
    lab.ns.run("xdp-loader", "unload", "f0", "-a")
    lab.good("repair")
    assert we_work(lab)


def test_run_leaves_nothing_when_somebody_turns_it_off(chained):
    lab, pins = chained, set(product.pins())
    run = lab.start("run", "--interval", 20, "-i", OURS, "f0")
    try:
        run.stdout.readline()
        lab.ns.ip("link", "set", "f0", "xdp", "off")
        _, err = run.communicate(timeout=lab.patience)
        assert run.returncode == NOT_LOADED and "turned it off" in err, err
    finally:
        run.kill()
        run.wait()
    assert set(product.pins()) <= pins


@pytest.mark.parametrize("lost", ["nb_count", None], ids=["one lost", "all lost"])
def test_the_broken_chain_of_others_is_left_alone(chained, lost):
    lab = chained
    DropMac(lab).come()
    Count(lab).come()
    lose(lab, lost)
    main = lab.ns.links()["f0"]["xdp"]["prog"]["id"]
    status = lab("status", "f0")
    assert status.rc == NOT_LOADED and "another program's chain is broken" in status.out, status
    assert lab.good("status").out == "the filter is not loaded on any interface\n"
    for args in (("f0",), ("f0", "--force"), ("f0", "-i", OURS)):
        lab.refused(NOT_LOADED, "repair", *args,
                    words=["f0", "not loaded", "another program's chain is broken"])
    lab.refused(NOT_LOADED, "unload", "f0", words=["f0", "not loaded"])
    lab.refused(FAILED, "load", "f0",
                words=["f0", "another program's chain is broken", "xdp-loader unload f0 -a"])
    lab.good("unload", "-a")
    lab.good("repair", "--force")
    assert lab.ns.links()["f0"]["xdp"]["prog"]["id"] == main
    assert lost is None or DropMac(lab).works()
    folder = pins_of(lab)
    lab.ns.run("xdp-loader", "unload", "f0", "-a")
    shutil.rmtree(folder, ignore_errors=True)  # libxdp no longer knows them


def test_a_chain_of_others_that_lacks_pins_is_joined(chained):
    lab, they = chained, DropMac(chained)
    they.come()
    lose(lab, what=["prog"])
    lab.load("-i", OURS)
    assert we_work(lab) and they.works() and loader_knows(lab, "nb_dropmac", "xdp_ipfilter")


def test_missing_pins_of_our_chain_are_told_and_made_again(chained):
    lab = chained
    lab.load("-i", OURS)
    assert "repair" not in lab.good("status", "f0").out
    lose(lab, what=["prog"])
    assert we_work(lab) and "'xdp-ipfilter repair f0'" in lab.good("status", "f0").out
    lab.good("repair")
    assert "repair" not in lab.good("status", "f0").out and loader_knows(lab, "xdp_ipfilter")


def test_a_link_that_somebody_else_pins_filters_on(chained):
    """Pins alone prove nothing. The running chain is pinned again, and libxdp recognises it."""
    lab, they = chained, DropMac(chained)
    lab.load("-i", OURS)
    they.come()
    number, extra = lab.status("f0")["program_id"], "/sys/fs/bpf/extra"
    [link] = [one for one, about in kernel.links().items() if about.get("prog_id") == number]
    sh("bpftool", "link", "pin", "id", link, extra)
    lose(lab, "xdp_ipfilter")
    try:
        assert we_work(lab) and they.works()
        lab.good("repair", "f0")
        assert we_work(lab) and they.works()
        assert loader_knows(lab, "nb_dropmac", "xdp_ipfilter")
        lose(lab, "xdp_ipfilter")
        lab.good("unload", "f0")
        assert names(lab) == ["nb_dropmac"] and they.works() and lab.wire.passes(udp(OURS))
    finally:
        os.unlink(extra)


def test_in_a_mount_namespace_with_another_bpffs_nothing_is_pinned(chained):
    """Pins made there would go away with it, and all programs of the chain too."""
    lab, they = chained, DropMac(chained)
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t bpf bpf /sys/fs/bpf; exec "$@"', "sh"]
    they.come()
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0", prefix=hidden, words=["f0", "nsenter -t 1 -m"])
    lab.load("-i", OURS)
    with lab.unchanged("f0"):
        lab.refused(FAILED, "unload", "f0", prefix=hidden, words=["f0", "nsenter -t 1 -m"])
    assert we_work(lab) and they.works()


def test_in_a_mount_namespace_with_the_same_bpffs_it_works(chained):
    """As in a service of systemd that may not write everywhere."""
    lab = chained
    lab.load("-i", OURS)
    lose(lab, what=["link"])
    lab.good("repair", "f0", prefix=["unshare", "-m", "--propagation", "slave"])
    assert loader_knows(lab, "xdp_ipfilter") and we_work(lab)


def test_nothing_to_repair(chained):
    lab = chained
    for args in (("repair", "f0"), ("repair", "-i", OURS, "f0")):
        lab.refused(NOT_LOADED, *args, words=["f0", "not loaded"])
    lab.good("repair")
    lab.load("-i", OURS)
    with lab.unchanged("f0"):
        for args in (("repair", "f0"), ("repair",), ("repair", "-i", FREE, "f0")):
            said = lab.good(*args).out
            assert said == "f0: filtering, chained (native, position 1 of 1), 1 rule\n"
    hidden = ["unshare", "-m", "sh", "-c", 'mount -t bpf bpf /sys/fs/bpf; exec "$@"', "sh"]
    with lab.unchanged("f0"):
        lab.good("repair", "f0", prefix=hidden)
    assert we_work(lab)


def test_a_missing_bpffs_is_mounted_in_the_mount_namespace_of_pid_1(chained):
    if not os.environ.get("VM_KERNEL"):
        pytest.skip("this machine is not ours to unmount its bpffs")
    lab = chained
    assert not product.pins()
    sh("umount", "/sys/fs/bpf")
    lab.load("-i", OURS)
    assert kernel.bpffs_mounted() and we_work(lab)


def test_bpffs_unmounted_and_mounted_again(chained):
    if not os.environ.get("VM_KERNEL"):
        pytest.skip("this machine is not ours to unmount its bpffs")
    lab = chained
    lab.load("-i", OURS)
    DropMac(lab).come()
    sh("umount", "/sys/fs/bpf")
    assert state(lab) == "not-filtering"
    lab.good("repair", "-i", OURS, "f0", warns=["f0", "1 of its programs"])
    assert kernel.bpffs_mounted() and we_work(lab)


def test_repair_refuses_what_it_cannot_read(chained):
    lab = chained
    lab.refused(FAILED, "repair", "nosuch0", words=["nosuch0", "no such interface"])
    assert lab("repair", "-i", "300.1.1.1").rc == product.USAGE
    lab.load("-i", OURS)
    lose(lab)
    lab.refused(FAILED, "repair", "-i", "0.0.0.0/0", "f0", words="--force")
    lab.refused(FAILED, "repair", "-f", "-", "f0", stdin="192.0.2.1\n::ffff:0:0/96\n",
                words=["-:2:1: '::ffff:0:0/96' means 0.0.0.0/0", "--force"])
    assert lab("unload", "f0").rc == DONE


def shut(root="/sys/fs/bpf/xdp"):
    """The folder as a loader leaves it that was started under umask 0777."""
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            os.chmod(os.path.join(folder, name), 0)
        os.chmod(folder, 0)


#: The tool itself drops all other capabilities. libxdp then finds folders that it cannot enter.
FEW = ["setpriv", "--bounding-set=-all,+sys_admin,+net_admin", "--inh-caps=-all"]


def test_what_a_strict_umask_left_is_entered(chained):
    lab, they = chained, DropMac(chained)
    they.come()
    shut()
    lab.load("-i", OURS, prefix=FEW)
    assert we_work(lab) and they.works()
    shut()
    assert lab.good("status", "f0", prefix=FEW).out.count("repair") == 0
    shut()
    lab.good("unload", "f0", prefix=FEW)
    assert names(lab) == ["nb_dropmac"] and they.works()
    lab.load("-i", OURS)
    lose(lab, "xdp_ipfilter", ["link"])
    shut()
    lab.good("repair", "f0", prefix=FEW)
    assert we_work(lab) and they.works() and names(lab) == ["nb_dropmac", "xdp_ipfilter"]
    turn_off(lab)
    product.age_pins()
    shut()
    lab.good("repair", prefix=FEW)
    assert we_work(lab) and they.works()
    lab.good("unload", "f0", prefix=FEW)
    they.go()
    shut()
    lab.load("-i", OURS, prefix=FEW)
    assert lab.status("f0")["chained"] and we_work(lab)


@pytest.mark.parametrize("off", [3600, -3600], ids=["set back", "set forward"])
def test_nothing_waits_for_pins_of_another_time(chained, need, tmp_path, off):
    """The system clock was set after they were made."""
    need("strace")
    lab = chained
    lab.load("-i", OURS)
    folder = pins_of(lab)
    turn_off(lab)
    when = folder.stat().st_mtime + off
    os.utime(folder, (when, when))
    waits = tmp_path / "waits"
    result = lab("status", prefix=["strace", "-qq", "-o", waits, "-e", "trace=nanosleep,clock_nanosleep"])
    assert result.rc == NOT_LOADED and "somebody turned it off" in result.out, result
    assert not waits.read_text()
    lab.good("unload", "f0")
