# SPDX-License-Identifier: GPL-2.0
"""load and unload: what is attached, how, and what is left after unload."""
import contextlib
import os
import subprocess

import pytest

import kernel
import product
from conftest import Lab
from frames import udp
from netlab import Wire, quiet_pair, wait_for
from product import DONE, FAILED, NOT_LOADED, OBJECT, USAGE

BLOCKED, OTHER = "192.0.2.66", "192.0.2.67"
BLOCKED6, OTHER6 = "2001:db8::66", "2001:db8::67"


def blocks(lab, source=BLOCKED, other=OTHER):
    """Whether this source is dropped while another one arrives."""
    return lab.wire.exchange([udp(source), udp(other)]) == [False, True]


@pytest.mark.parametrize("asked, dev, got", [
    ("native", "f0", "native"),
    ("skb", "f0", "skb"),
    ("unspecified", "f0", "native"),
    ("unspecified", "lo", "skb"),
    ("skb", "lo", "skb"),
])
def test_load_in_a_mode_reports_the_mode_in_effect(lab, asked, dev, got):
    lab.load("-m", asked, dev=dev)
    assert lab.status(dev)["mode"] == got
    in_kernel = lab.ns.links()[dev]["xdp"]["mode"]
    assert in_kernel == {"native": 1, "skb": 2}[got], "as the kernel sees it"
    lab.good("unload", dev)
    assert "xdp" not in lab.ns.links()[dev]


def test_load_without_a_mode_filters(lab):
    result = lab.good("load", "-i", BLOCKED, lab.dev)
    assert result.out.strip() == "" or lab.dev in result.out
    assert lab.status(lab.dev)["mode"] == "native", "as xdp-tools do"
    assert blocks(lab)


@pytest.mark.parametrize("mode", ["native", "skb"])
def test_blocked_sources_stop_and_others_arrive_until_unload(lab, mode):
    lab.load("-m", mode, "--ip", BLOCKED, "-i", BLOCKED6)
    assert blocks(lab) and blocks(lab, BLOCKED6, OTHER6)
    lab.good("unload", lab.dev)
    assert lab.wire.exchange([udp(BLOCKED), udp(BLOCKED6)]) == [True, True]


@pytest.mark.parametrize("policy", ["allow", "deny"])
@pytest.mark.parametrize("mode", ["native", "skb"])
def test_policy_says_what_happens_to_the_rest(lab, policy, mode):
    lab.load("-m", mode, "--policy", policy, "-i", BLOCKED)
    assert lab.status(lab.dev)["policy"] == policy
    assert lab.prefixes(lab.dev) == {BLOCKED: "drop" if policy == "allow" else "pass"}
    assert lab.wire.exchange([udp(BLOCKED), udp(OTHER), udp(OTHER6)]) == (
        [False, True, True] if policy == "allow" else [True, False, False])


def test_the_policy_is_allow_unless_said(lab):
    lab.load()
    assert lab.status(lab.dev)["policy"] == "allow"


def test_rules_come_from_options_files_and_standard_input_together(lab, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("192.0.2.1\n# a comment\n2001:db8::/64\n")
    two.write_text("set other\n192.0.2.2\n")
    lab.load("-i", "192.0.2.3", "--ip", "192.0.2.4", "-f", one, "--file", two, "-f", "-",
             stdin="192.0.2.5\n")
    assert set(lab.prefixes(lab.dev)) == {"192.0.2.1", "2001:db8::/64", "192.0.2.3", "192.0.2.4",
                                          "192.0.2.5"}
    assert set(lab.prefixes(lab.dev, "other")) == {"192.0.2.2"}


def test_priority_is_5_unless_said(lab, dispatcher):
    lab.load()
    status = lab.status(lab.dev)
    assert status["chained"] is dispatcher[0], dispatcher
    if dispatcher[0]:
        assert status["priority"] == 5


@pytest.mark.dispatcher
@pytest.mark.parametrize("option", ["-P", "--prio"])
def test_priority_can_be_said(lab, option):
    lab.load(option, 77)
    assert lab.status(lab.dev)["priority"] == 77
    assert " 77 " in lab.ns.run("xdp-loader", "status", lab.dev).stdout


def test_several_interfaces_get_the_same_rules_each_its_own(lab):
    lab.add_pair("f1", "p1")
    lab.good("load", "-i", BLOCKED, "f0", "f1")
    assert lab.prefixes("f0") == lab.prefixes("f1") == {BLOCKED: "drop"}
    lab.good("add", "-d", "f1", OTHER)
    assert set(lab.prefixes("f0")) == {BLOCKED}
    assert set(lab.prefixes("f1")) == {BLOCKED, OTHER}
    with contextlib.closing(Wire(lab.ns, "f1", "p1", patience=lab.patience)) as wire:
        assert wire.exchange([udp(BLOCKED), udp(OTHER)]) == [False, False]
    assert blocks(lab)
    assert lab.counters("f0")["drop"][0] == 1 and lab.counters("f1")["drop"][0] == 2
    lab.good("unload", "f0", "f1")
    assert lab("status", "f0").rc == lab("status", "f1").rc == NOT_LOADED


def test_load_on_several_interfaces_is_all_or_nothing(lab):
    lab.add_pair("f1", "p1")
    with lab.unchanged("f0", "f1"):
        lab.refused(FAILED, "load", "f0", "f1", "nosuch0", words=["nosuch0", "no such interface"])
    lab.load(dev="f1")
    with lab.unchanged("f0", "f1"):
        lab.refused(FAILED, "load", "f0", "f1", words=["f1", "already"])
    assert "xdp" not in lab.ns.links()["f0"]


def test_load_twice_is_refused_and_there_is_one_instance(lab, no_more_progs):
    lab.load("-i", BLOCKED)
    with lab.unchanged(lab.dev):
        for more in ((), ("-i", OTHER), ("-m", "native"), ("-p", "deny"), ("--force",)):
            lab.refused(FAILED, "load", *more, lab.dev, words=[lab.dev, "already"])
    assert blocks(lab)
    lab.good("unload", lab.dev)
    assert "xdp" not in lab.ns.links()[lab.dev]


def test_the_same_interface_named_twice_is_loaded_once_or_refused(lab):
    result = lab("load", lab.dev, lab.dev)
    if result.rc == DONE:
        assert lab.status(lab.dev)["state"].startswith("filtering")
        assert lab("unload", lab.dev).rc == DONE
    else:
        assert result.rc in (FAILED, USAGE), result
    assert "xdp" not in lab.ns.links()[lab.dev]


def test_unload_takes_everything_of_ours_away(lab, no_more_progs):
    before = product.pins()
    lab.load("-i", BLOCKED)
    lab.good("unload", lab.dev)
    assert lab.status(lab.dev)["state"] == "not-loaded"
    assert "xdp" not in lab.ns.links()[lab.dev]
    assert product.pins() == before
    left = [folder for folder, _, _ in os.walk("/sys/fs/bpf") if "ipfilter" in folder]
    if not before:
        assert left == [], "after the last one bpffs holds nothing of ours"


def test_unload_where_nothing_is_loaded_says_so(lab):
    lab.refused(NOT_LOADED, "unload", lab.dev, words=[lab.dev, "not loaded"])


def test_unload_without_a_name_is_wrong_usage(lab):
    lab.load()
    with lab.unchanged(lab.dev):
        lab.refused(USAGE, "unload")


def test_unload_all_takes_all_and_may_find_nothing(lab):
    lab.add_pair("f1", "p1")
    lab.good("load", "f0", "f1")
    lab.good("unload", "-a")
    assert not any("xdp" in link for link in lab.ns.links().values())
    lab.good("unload", "--all")


def test_unload_of_several_where_one_is_not_loaded(lab):
    lab.add_pair("f1", "p1")
    lab.load(dev="f0")
    result = lab("unload", "f0", "f1")
    assert result.rc == NOT_LOADED, result
    assert len(result.err_lines) == 1 and "f1" in result.err, result


def test_load_and_unload_many_times_leaks_nothing(lab, slow, no_more_progs):
    before = product.pins()
    for _ in range(5 if slow else 20):
        lab.load("-i", BLOCKED)
        lab.good("unload", lab.dev)
    assert product.pins() == before


def test_two_namespaces_with_the_same_name_and_index_are_two_filters(lab, patience):
    twin = Lab(patience)
    try:
        assert twin.ns.links()["f0"]["ifindex"] == lab.ns.links()["f0"]["ifindex"]
        lab.load("-i", BLOCKED)
        assert twin.status("f0")["state"] == "not-loaded"
        twin.load("-i", OTHER)
        assert lab.prefixes("f0") == {BLOCKED: "drop"}
        assert twin.prefixes("f0") == {OTHER: "drop"}
        assert blocks(lab) and blocks(twin, OTHER, BLOCKED)
        lab.good("unload", "-a")
        assert twin.prefixes("f0") == {OTHER: "drop"} and blocks(twin, OTHER, BLOCKED)
        twin.good("unload", "f0")
    finally:
        twin.close()


def test_require_dispatcher_is_kept_or_refused(lab, dispatcher, no_more_progs):
    if dispatcher[0]:
        lab.load("--require-dispatcher")
        assert lab.status(lab.dev)["state"] == "filtering-chained"
        assert lab.status(lab.dev)["chained"] is True
        lab.good("unload", lab.dev)
    else:
        with lab.unchanged(lab.dev):
            lab.refused(FAILED, "load", "--require-dispatcher", lab.dev, words=["dispatcher"])
        assert "xdp" not in lab.ns.links()[lab.dev]


def test_a_kernel_without_dispatcher_gives_single_with_one_warning(lab, dispatcher):
    if dispatcher[0]:
        pytest.skip("this kernel has the dispatcher")
    result = lab.load()
    assert len(result.err_lines) == 1, result
    assert "single" in result.err and lab.dev in result.err
    status = lab.status(lab.dev)
    assert status["state"] == "filtering-single"
    assert status["chained"] is False and status["position"] is None


def test_skipping_the_dispatcher_gives_single_with_one_warning(lab):
    env = {"LIBXDP_SKIP_DISPATCHER": "1"}
    result = lab.good("load", "-i", BLOCKED, lab.dev, env=env)
    assert len(result.err_lines) == 1, result
    assert "single" in result.err and "LIBXDP_SKIP_DISPATCHER" in result.err, result
    assert lab.status(lab.dev)["state"] == "filtering-single"
    assert blocks(lab)
    lab.good("add", OTHER)
    assert not lab.wire.passes(udp(OTHER))
    lab.good("unload", lab.dev)
    with lab.unchanged(lab.dev):
        lab.refused(FAILED, "load", "--require-dispatcher", lab.dev, env=env,
                    words=["dispatcher"])


@pytest.mark.skipif(kernel.is_before(5, 13), reason="before Linux 5.13 the kernel logs no addresses")
def test_trace_logs_each_verdict(lab, tmp_path):
    blocked, other = (f"10.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.{n}" for n in (66, 67))
    mount = tmp_path / "tracing"
    mount.mkdir()
    reader = subprocess.Popen(
        ["unshare", "-m", "sh", "-c",
         'mount -t tracefs tracefs "$1" && echo ready && exec cat "$1/trace_pipe"', "sh", mount],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if reader.stdout.readline() != "ready\n":
            pytest.skip(f"no tracefs: {reader.stderr.read().strip()}")
        os.set_blocking(reader.stdout.fileno(), False)
        heard = []

        def hears(*words):
            heard.extend(reader.stdout.readlines())
            return any(all(word in line for word in words) for line in heard)

        lab.load("--trace", "-i", blocked)
        lab.wire.exchange([udp(blocked), udp(other)])
        wait_for(lambda: hears("drop", blocked), "the drop in trace_pipe", lab.patience)
        wait_for(lambda: hears("pass", other), "the pass in trace_pipe", lab.patience)
        lab.good("unload", lab.dev)
        lab.load("-i", blocked)
        del heard[:]
        lab.wire.exchange([udp(blocked), udp(other)])
        lab.counters(lab.dev)
        assert not hears(blocked) and not hears(other), "silent without --trace"
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()
        reader.stderr.close()


def test_the_bpffs_is_there_after_a_load(lab):
    lab.load()
    assert kernel.bpffs_mounted()


def test_a_frame_length_costs_as_little_as_the_kernel_allows(lab, need):
    """Without a call for each frame where the kernel shows its flags. The byte is `frame_length` of
    struct ipf_config."""
    need("bpftool")
    lab.load()
    config = kernel.program_maps(lab.status(lab.dev)["program_id"])[".rodata.ipf"]
    length = kernel.only_value(config)[17]
    assert length == (0 if not kernel.HAS_FRAGS else 1 if kernel.is_before(6, 2) else 2)


@pytest.mark.parametrize("counters, elements", [("auto", 4096), ("never", 1)])
def test_counters_take_memory_only_where_rules_are_counted(lab, need, counters, elements):
    need("bpftool")
    lab.load("--counters", counters, "-i", BLOCKED)
    first = kernel.program_maps(lab.status(lab.dev)["program_id"])["ipf_first_count"]
    assert kernel.maps()[first]["max_entries"] == elements
    assert blocks(lab)
    (rule,) = lab.rules(lab.dev)
    assert rule.get("packets") == (1 if counters == "auto" else None), rule


@pytest.mark.skipif(not kernel.HAS_FRAGS, reason="before Linux 5.18 the object itself is refused")
def test_a_load_by_xdp_loader_is_ours_too(lab, dispatcher, need):
    """The object is installed for `xdp-loader load`. It has no rules and passes everything, and our
    commands see it."""
    need("xdp-loader")
    if not os.path.exists(OBJECT):
        pytest.skip(f"{OBJECT} is not built")
    lab.load()          # mounts bpffs where it is missing
    lab.good("unload", lab.dev)
    lab.ns.run("xdp-loader", "load", lab.dev, OBJECT)
    status = lab.status(lab.dev)
    assert status["state"] == ("filtering-chained" if dispatcher[0] else "filtering-single")
    assert status["policy"] == "allow" and status["rules"]["ipv4"] == 0
    assert lab.wire.exchange([udp(BLOCKED), udp(BLOCKED6)]) == [True, True]
    assert lab.counters(lab.dev)["pass"][0] == 2
    lab.good("add", BLOCKED)
    assert blocks(lab)
    lab.good("unload", lab.dev)
    assert "xdp" not in lab.ns.links()[lab.dev]


def test_an_interface_that_is_down_can_be_loaded(own_lab):
    own_lab.ns.ip("link", "set", own_lab.dev, "down")
    own_lab.load("-i", BLOCKED)
    own_lab.ns.ip("link", "set", own_lab.dev, "up")
    own_lab.wire.settle()
    assert blocks(own_lab)


def test_a_renamed_interface_keeps_its_filter(own_lab):
    own_lab.load("-i", BLOCKED)
    own_lab.ns.ip("link", "set", "f0", "down")
    own_lab.ns.ip("link", "set", "f0", "name", "uplink0")
    own_lab.ns.ip("link", "set", "uplink0", "up")
    assert own_lab.status("uplink0")["state"].startswith("filtering")
    own_lab.refused(FAILED, "status", "f0", words=["f0", "no such interface"])
    own_lab.good("add", "-d", "uplink0", OTHER)
    assert set(own_lab.prefixes("uplink0")) == {BLOCKED, OTHER}
    own_lab.good("unload", "uplink0")
    assert "xdp" not in own_lab.ns.links()["uplink0"]


def test_a_deleted_interface_leaves_a_name_that_can_be_loaded_again(own_lab, no_more_progs, deleted_chain):
    own_lab.load("-i", BLOCKED)
    own_lab.ns.ip("link", "del", "p0")
    deleted_chain()
    own_lab.refused(FAILED, "status", "f0", words=["f0", "no such interface"])
    quiet_pair(own_lab.ns, "f0", "p0")
    assert own_lab.status("f0")["state"] == "not-loaded"
    own_lab.load()
    assert own_lab.rules("f0") == [], "a new interface starts empty"
    own_lab.good("unload", "f0")


def test_xdp_off_by_somebody_else_is_not_loaded_and_can_be_loaded_again(lab, no_more_progs):
    before = set(product.pins())
    lab.load("-i", BLOCKED)
    lab.ns.ip("link", "set", lab.dev, "xdp", "off")
    product.age_pins()
    assert lab.status(lab.dev)["state"] == "not-loaded"
    lab.refused(NOT_LOADED, "add", "-d", lab.dev, OTHER, words="not loaded")
    lab.load()
    assert lab.rules(lab.dev) == []
    assert lab.wire.passes(udp(BLOCKED))
    lab.good("unload", lab.dev)
    assert set(product.pins()) <= before, "the pins of the dead chain are swept"


def test_where_there_is_no_dispatcher_the_tests_say_why(dispatcher):
    works, reason = dispatcher
    if works:
        pytest.skip("the dispatcher works here")
    assert "busy" not in reason
    assert any(word in reason for word in ("xdp-loader is not installed", "freplace: ", "Linux 5.13"))
