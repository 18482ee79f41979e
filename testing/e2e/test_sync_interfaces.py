# SPDX-License-Identifier: GPL-2.0
"""sync keeps the interfaces of its configuration filtered, whatever happens to them. Packets show
it."""
import os
import signal
import time

import pytest

import kernel
import product
from beside import FREE, OURS, Count, XdpFilter, chain
from frames import udp
from netlab import Namespace, Wire, quiet_pair, wait_for
from product import DONE, FAILED
from syncing import Sync

#: A filter that somebody took off is back before that.
REPAIR_SECONDS = 5

CONFIG = """
interface {dev} {{ {keys} }}
source ours {{ from = "{list}" interfaces = {{ {dev} }} }}
"""


@pytest.fixture
def rules(tmp_path):
    """The file that a source reads: it drops OURS."""
    path = tmp_path / "ours.txt"
    path.write_text(f"{OURS}\n")
    return path


def config(rules, dev="f0", keys="mode = native"):
    return CONFIG.format(dev=dev, keys=keys, list=rules)


def everywhere(rules, **more):
    """The set is for every interface that has the filter."""
    return config(rules, **more).replace("interfaces = { f0 }", "")


@pytest.fixture
def sync(own_lab, tmp_path, rules):
    """sync, at work on f0."""
    with Sync(own_lab, tmp_path, config(rules)) as running:
        wait_works(running)
        yield running
        assert running.has_ended or running.process.poll() is None, running.said


def works(lab, dev="f0", wire=None):
    """The filter drops OURS and lets FREE pass."""
    return (wire or lab.wire).exchange([udp(OURS), udp(FREE)]) == [False, True]


def wait_works(sync, dev="f0", wire=None, seconds=None):
    sync.wait(lambda: sync.interface(dev)[0] == "filtering" and
              works(sync.lab, dev, wire), f"{dev} drops {OURS}", seconds)


def wait_repaired(sync, slow, dev="f0", wire=None):
    wait_works(sync, dev, wire, REPAIR_SECONDS * (6 if slow else 1))


def chain_pins():
    return [pin for pin in product.pins() if "/dispatch-" in pin]


def ours_on(lab, dev):
    """How many filters of ours an interface has."""
    status = lab.status(dev)
    return (status["program_id"] is not None) + len(status["more"])


def test_it_filters_with_the_rules_of_its_sources(sync):
    assert sync.lab.prefixes("f0", "ours") == {OURS: "drop"}
    assert sync.document()["sync"]["interfaces"] == [
        {"ifname": "f0", "state": "filtering", "error": None}]
    sync.end()
    assert works(sync.lab), "rules and filter stay"


def test_an_interface_that_comes_later_is_loaded_at_once(own_lab, tmp_path, rules, slow):
    """As at boot, where sync starts before the interfaces are there."""
    with Sync(own_lab, tmp_path, config(rules, "f1")) as sync:
        sync.wait_interface("f1", "absent")
        own_lab.add_pair("f1", "p1")
        wire = Wire(own_lab.ns, "f1", "p1", patience=own_lab.patience).settle()
        wait_repaired(sync, slow, "f1", wire)
        wire.close()
        assert own_lab.status("f0")["state"] == "not-loaded", "nobody asked for it"


def test_one_that_goes_and_comes_again_is_loaded_again(sync, slow):
    pins = len(chain_pins())
    for _ in range(3):
        sync.lab.wires.pop("f0").close()
        sync.lab.ns.ip("link", "del", "f0")
        sync.wait_interface("f0", "absent")
        # Nothing of it stays in the kernel: an interface may come and go a thousand times.
        sync.wait(lambda: not chain_pins(), "the pins of its chain are removed")
        quiet_pair(sync.lab.ns, "f0", "p0")
        sync.lab.wire.settle()
        wait_repaired(sync, slow)
        assert len(chain_pins()) == pins


@pytest.mark.parametrize("how", ["xdp off", "unload"])
def test_a_filter_that_somebody_takes_off_comes_back(sync, slow, how):
    for _ in range(3):
        if how == "unload":
            sync.lab.good("unload", "f0")
        else:
            sync.lab.ns.ip("link", "set", "f0", "xdp", "off")
        wait_repaired(sync, slow)
        assert ours_on(sync.lab, "f0") == 1


def test_a_renamed_interface_is_kept_under_its_new_name(sync, rules, slow):
    """With the sets that are for it by the name that it was configured by."""
    lab = sync.lab
    lab.wires.pop("f0").close()
    lab.ns.ip("link", "set", "f0", "down")
    lab.ns.ip("link", "set", "f0", "name", "g0")
    lab.ns.ip("link", "set", "g0", "up")
    wire = Wire(lab.ns, "g0", "p0", patience=lab.patience).settle()
    assert works(lab, "g0", wire)
    lab.good("unload", "g0")
    wait_repaired(sync, slow, "g0", wire)

    rules.write_text(f"{OURS}\n198.51.100.99\n")
    sync.wait(lambda: len(lab.prefixes("g0", "ours")) == 2, "its set follows the source")

    # A new one of the old name takes its place.
    lab.add_pair("f0", "q0")
    fresh = Wire(lab.ns, "f0", "q0", patience=lab.patience).settle()
    wait_repaired(sync, slow, "f0", fresh)
    assert works(lab, "g0", wire), "the renamed one keeps its filter"
    wire.close()
    fresh.close()


def test_one_that_moves_away_filters_there_and_is_kept_when_it_is_back(sync, slow):
    lab, elsewhere = sync.lab, Namespace()
    try:
        lab.wires.pop("f0").close()
        lab.ns.ip("link", "set", "f0", "netns", elsewhere.name)
        sync.wait_interface("f0", "absent")
        elsewhere.ip("link", "set", "f0", "up")
        wire = Wire(elsewhere, "f0", "p0", lab.ns, patience=lab.patience).settle()
        assert works(lab, wire=wire)
        wire.close()
        elsewhere.run("ip", "link", "set", "f0", "netns", lab.ns.name)
        lab.ns.ip("link", "set", "f0", "up")
        lab.wire.settle()
        wait_works(sync)
        assert ours_on(lab, "f0") == 1
        lab.good("unload", "f0")
        wait_repaired(sync, slow)
    finally:
        elsewhere.close()


def test_policy_deny_waits_for_the_rules_of_its_sources(own_lab, tmp_path):
    path = tmp_path / "late.txt"
    with Sync(own_lab, tmp_path, config(path, keys="policy = deny")) as sync:
        sync.wait_interface("f0", "waiting")
        assert own_lab.wire.passes(udp(FREE)), "an empty filter would drop everything"
        assert own_lab.status("f0")["state"] == "not-loaded"
        path.write_text(f"pass {FREE}\n")
        sync.wait_interface("f0", "filtering")
        assert works(own_lab)


def test_policy_deny_waits_for_a_source_that_uses_an_alternative_name(own_lab, tmp_path, rules):
    """f1 is loaded once `ours` has answered; f0, which was looked at before it, still waits."""
    path = tmp_path / "late.txt"
    own_lab.add_pair("f1", "p1")
    own_lab.ns.ip("link", "property", "add", "dev", "f0", "altname", "wan")
    both = f"""
interface f0 {{ policy = deny }}
interface f1 {{ policy = deny }}
source ours {{ from = "{rules}" }}
source late {{ from = "{path}" interfaces = {{ wan }} }}
"""
    with Sync(own_lab, tmp_path, both) as sync:
        sync.wait_interface("f1", "filtering")
        assert sync.interface("f0")[0] == "waiting"
        assert own_lab.wire.passes(udp(FREE)), "a filter without its rules would drop it"
        path.write_text(f"pass {FREE}\n")
        sync.wait_interface("f0", "filtering")
        assert own_lab.wire.passes(udp(FREE))


def test_policy_deny_waits_while_the_only_list_is_refused(own_lab, tmp_path):
    """Without a verdict, they would let everybody in here, and drop everybody elsewhere."""
    path = tmp_path / "all.txt"
    path.write_text("0.0.0.0/2\n64.0.0.0/2\n128.0.0.0/2\n192.0.0.0/2\n")
    with Sync(own_lab, tmp_path, config(path, keys="policy = deny")) as sync:
        sync.wait_said("held", "nearly all addresses", "128.0.0.0/2")
        sync.wait_interface("f0", "waiting")
        assert own_lab.wire.passes(udp(FREE))
        path.write_text("".join(f"pass {number}.0.0.0/2\n" for number in (0, 64, 128, 192)))
        sync.wait_interface("f0", "filtering")
        assert own_lab.wire.passes(udp(FREE))


def test_a_filter_with_another_policy_is_told_of_and_left_alone(own_lab, tmp_path, rules):
    own_lab.load("-p", "deny", "-i", FREE)
    before = own_lab.status("f0")["program_id"]
    with Sync(own_lab, tmp_path, config(rules)) as sync:
        sync.wait_said("f0", "policy deny", "unload f0")
        assert own_lab.status("f0")["program_id"] == before
        sync.process.send_signal(signal.SIGHUP)
        own_lab.good("unload", "f0")
        sync.wait(lambda: own_lab.status("f0")["policy"] == "allow", "it is loaded as configured")
        wait_works(sync)
        assert len([line for line in sync.said if "policy deny" in line]) == 1, sync.said


def test_what_others_have_there_is_left_alone_and_told_of_once(own_lab, tmp_path, rules):
    """A program outside a chain, which leaves no room for ours until it goes."""
    own_lab.ns.ip("link", "set", "f0", "xdp", "obj", kernel.neighbour("count"), "sec",
                  kernel.SECTION)
    theirs = own_lab.ns.links()["f0"]["xdp"]["prog"]["id"]
    with Sync(own_lab, tmp_path, config(rules)) as sync:
        sync.wait_interface("f0", "failing")
        sync.wait_said("f0")
        state, error = sync.interface("f0")
        assert state == "failing" and "f0" in error
        assert own_lab.ns.links()["f0"]["xdp"]["prog"]["id"] == theirs
        own_lab.ns.ip("link", "set", "f0", "xdp", "off")
        wait_works(sync)
        assert len(sync.warnings) == 1, sync.said


def test_killed_loads_and_a_killed_sync_are_made_up_for(own_lab, tmp_path, rules, slow):
    for moment in range(8):
        process = own_lab.start("load", "-m", "native", "f0")
        time.sleep(moment * (0.05 if slow else 0.01))  # the moment is what is tested
        process.kill()
        process.communicate()
        with Sync(own_lab, tmp_path, config(rules)) as sync:
            wait_works(sync)
            assert ours_on(own_lab, "f0") == 1
        # Killed: the filter stays, and the next one starts.
        assert works(own_lab)
        own_lab.reset()


def test_a_new_configuration_is_taken_and_a_bad_one_is_not(sync, rules, tmp_path, slow):
    lab = sync.lab
    lab.add_pair("f1", "p1")
    sync.reload(everywhere(rules) + "interface f1 { }")
    wire = Wire(lab.ns, "f1", "p1", patience=lab.patience).settle()
    wait_repaired(sync, slow, "f1", wire)
    wire.close()
    sync.reload("interface f0 { mode = fast }")
    said = sync.wait_said("sync.conf:1", "mode = 'fast'")
    assert "stays as it was" in said
    assert [one["ifname"] for one in sync.document()["sync"]["interfaces"]] == ["f0", "f1"]
    # Another policy is not given to a filter that is at work.
    sync.reload(everywhere(rules, keys="policy = deny") + "interface f1 { }")
    sync.wait_said("f0", "policy allow", "the configuration says deny")
    assert works(lab)
    # Without the section, the filter stays on the interface, and is not kept any more.
    sync.reload(everywhere(rules))
    sync.wait(lambda: len(sync.document()["sync"]["interfaces"]) == 1, "f1 is not kept any more")
    assert lab.status("f1")["state"].startswith("filtering")
    lab.good("unload", "f1")
    lab.good("unload", "f0")
    wait_repaired(sync, slow)
    assert lab.status("f1")["state"] == "not-loaded"


def test_only_one_of_them_runs_in_a_namespace(sync, tmp_path, rules):
    lab = sync.lab
    lab.refused(FAILED, "sync", "-c", sync.path, "--cache", tmp_path / "other",
                words=["runs already", f"process {sync.process.pid}"])
    sync.kill()
    with Sync(lab, tmp_path, config(rules)) as second:
        wait_works(second)
        second.end()
    assert lab("status", "-j").json()["sync"] is None


def _figures(pid):
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
    return int(status["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


def test_repairs_leave_no_memory_and_no_descriptors(sync, slow):
    def repair(times):
        for _ in range(times):
            sync.lab.good("unload", "f0")
            sync.wait(lambda: "xdp" in sync.lab.ns.links()["f0"], "it is loaded again")

    times = 6 if slow else 20
    repair(times // 2)
    memory, descriptors = _figures(sync.process.pid)
    repair(times)
    # It has some more while a source is read.
    sync.wait(lambda: _figures(sync.process.pid)[1] <= descriptors, "its descriptors are closed")
    more_memory, _ = _figures(sync.process.pid)
    # A leak of a program or its table would be many times that.
    assert more_memory < memory + 1024, (memory, more_memory)


@pytest.mark.dispatcher
def test_neighbours_of_its_chain_run_on(own_lab, tmp_path, rules, need, slow):
    need("xdp-loader", "xdp-filter")
    they = [XdpFilter(own_lab), Count(own_lab)]
    they[0].come()
    with Sync(own_lab, tmp_path, config(rules)) as sync:
        wait_works(sync)
        they[1].come()
        assert all(one.works() for one in they) and works(own_lab)
        sync.lab.ns.ip("link", "set", "f0", "xdp", "off")
        wait_repaired(sync, slow)
        assert all(one.works() for one in they), "the whole chain is back"
        sync.lab.good("unload", "f0")
        wait_repaired(sync, slow)
        assert all(one.works() for one in they)
        they[1].go()
        they[0].go()
        wait_works(sync)
        sync.end()


@pytest.mark.dispatcher
def test_a_chain_that_lost_its_links_filters_again(sync, need, slow):
    """The rules of other sets come back too, where the kernel still has them."""
    need("xdp-loader")
    lab = sync.lab
    lab.good("add", "-s", "mine", "198.51.100.9")
    link = lab.ns.links()["f0"]
    folder = f"/sys/fs/bpf/xdp/dispatch-{link['ifindex']}-{link['xdp']['prog']['id']}"
    for place, (_, name) in enumerate(chain(lab)):
        if name == "xdp_ipfilter":
            os.unlink(f"{folder}/prog{place}-link")
    wait_for(lambda: not works(lab) or True, "the link is gone", 1)
    wait_repaired(sync, slow)
    assert lab.prefixes("f0", "mine") == {"198.51.100.9": "drop"}


def test_once_loads_and_ends(own_lab, tmp_path, rules):
    (tmp_path / "sync.conf").write_text(config(rules))
    result = own_lab("sync", "--once", "-c", tmp_path / "sync.conf", "--cache", tmp_path / "cache")
    assert result.rc == DONE, result
    assert works(own_lab)


def observes(lab, dev="f0"):
    """What status says, and what Prometheus hears."""
    scraped = lab.good("metrics").out
    enforce = lab.status(dev)["enforce"]
    assert f'xdp_ipfilter_enforcing{{device="{dev}"}} {int(enforce)}\n' in scraped, scraped
    return not enforce


def passes_all(lab):
    return lab.wire.exchange([udp(OURS), udp(FREE)]) == [True, True]


def test_an_interface_may_begin_with_observing(own_lab, tmp_path, rules, dispatcher):
    """An operator decides when it drops; that holds through a repair, until it is loaded anew. When
    a single filter is turned off, nothing of it is left in the kernel, so it is loaded anew."""
    with Sync(own_lab, tmp_path, config(rules, keys="observe = yes")) as sync:
        sync.wait_interface("f0", "filtering")
        sync.wait(lambda: own_lab.prefixes("f0", "ours"), "it has its rules")
        before = own_lab.counters("f0")["drop"][0]
        assert observes(own_lab) and passes_all(own_lab)
        assert own_lab.counters("f0")["drop"][0] == before + 1, "counted as if it dropped"
        assert "f0: observing" in own_lab.good("status", "f0").out

        rules.write_text(f"{OURS}\n198.51.100.99\n")
        sync.wait(lambda: len(own_lab.prefixes("f0", "ours")) == 2, "its set follows the source")
        assert observes(own_lab)
        own_lab.ns.ip("link", "set", "f0", "xdp", "off")
        sync.wait(lambda: "xdp" in own_lab.ns.links()["f0"], "it is back")
        assert observes(own_lab) and passes_all(own_lab)
        assert not any("stays so" in line for line in sync.said), sync.said

        own_lab.good("enforce", "on")
        assert works(own_lab) and not observes(own_lab)
        own_lab.ns.ip("link", "set", "f0", "xdp", "off")
        sync.wait(lambda: "xdp" in own_lab.ns.links()["f0"], "it is back")
        if dispatcher[0]:
            assert works(own_lab) and not observes(own_lab), "a repair brings back what was"
            sync.wait_said("f0: its filter drops", "observe = yes", "enforce off -d f0")
        else:
            assert observes(own_lab)

        own_lab.good("unload", "f0")
        sync.wait(lambda: "xdp" in own_lab.ns.links()["f0"], "it is loaded anew")
        sync.wait(lambda: observes(own_lab), "it observes")
        assert passes_all(own_lab)


def test_a_filter_that_observes_is_told_of_and_left_alone(own_lab, tmp_path, rules):
    own_lab.load("--observe", warns="drops nothing")
    with Sync(own_lab, tmp_path, config(rules)) as sync:
        sync.wait_said("f0: its filter only observes", "observe = no", "enforce on -d f0")
        sync.wait(lambda: own_lab.prefixes("f0", "ours"), "it has its rules")
        assert observes(own_lab)
        sync.reload(config(rules, keys="priority = 7"))
        sync.wait(lambda: len(sync.warnings) == 2, "told again for a new configuration")
        own_lab.good("enforce", "on")
        wait_works(sync)
