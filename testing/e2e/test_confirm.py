# SPDX-License-Identifier: GPL-2.0
"""--confirm: a change is live at once, and undone by itself unless somebody confirms it."""
import json
import os
import pathlib
import pty
import random
import re
import resource
import signal
import subprocess
import time

import pytest

import kernel
from beside import OURS, XdpFilter, we_work
from frames import udp
from netlab import Namespace, wait_for
from product import BINARY, DONE, FAILED, NOT_LOADED, USAGE, Tool, environment

FOREVER = "1h"  # longer than any test
OLD = {"192.0.2.1": "drop", "198.51.100.0/24": "drop"}


@pytest.fixture
def filled(lab):
    """A filter with the rules OLD. Nothing waits after the test."""
    lab.load("-i", "192.0.2.1", "-i", "198.51.100.0/24")
    yield lab
    lab("confirm", "--revert")


def pending(lab):
    result = lab("status", "-j")
    return result.json()["confirm"]


def undone(lab, patience, what="the change is undone"):
    wait_for(lambda: pending(lab) is None, what, patience)


def live(lab):
    """Everything that must come back, with the counters of the rules."""
    status = lab.status("f0")
    state = {key: status[key] for key in ("state", "mode", "priority", "policy", "enforce")}
    if status["state"] == "not-loaded":
        return state
    return state | {"rules": sorted((rule["set"], rule["prefix"], rule["verdict"], rule["packets"],
                                     rule["expires_s"] is None) for rule in lab.rules("f0"))}


#: what changes -> its arguments, its standard input
CHANGES = {
    "add": (["add", "203.0.113.0/24"], None),
    "add over a rule": (["add", "--pass", "198.51.100.0/24"], None),
    "add with a timeout": (["add", "-t", "1h", "198.51.100.0/24", "203.0.113.7"], None),
    "add to a set": (["add", "-s", "new", "192.0.2.1"], None),
    "del": (["del", "198.51.100.0/24"], None),
    "replace": (["replace", "--force", "-f", "-"], "192.0.2.1\nset other\n10.0.0.0/8\n"),
    "flush": (["flush"], None),
    "enforce": (["enforce", "off"], None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", ["time", "revert", "SIGTERM"])
def test_a_change_is_undone(filled, patience, change, way):
    args, text = CHANGES[change]
    filled.wire.exchange([udp("192.0.2.1")] * 3)
    before = live(filled)
    said = filled.good(*args, "--confirm", "1s" if way == "time" else FOREVER, stdin=text)
    assert "xdp-ipfilter confirm" in said.out
    if way == "revert":
        assert live(filled)["rules"] != before["rules"] or not live(filled)["enforce"]
        assert filled.good("confirm", "--revert").out == f"f0: {args[0]} undone\n"
    elif way == "SIGTERM":
        os.kill(pending(filled)["pid"], signal.SIGTERM)
    undone(filled, patience)
    after = live(filled)
    if change in ("flush", "replace"):  # what was deleted, or may have been, counts anew
        assert {rule[:3] for rule in after["rules"]} == {rule[:3] for rule in before["rules"]}
    elif change in ("add", "enforce", "add to a set"):
        assert ("default", "192.0.2.1", "drop", 3, True) in after["rules"], "it kept its counter"
    assert {**after, "rules": [rule[:3] + rule[4:] for rule in after["rules"]]} == \
        {**before, "rules": [rule[:3] + rule[4:] for rule in before["rules"]]}
    assert filled.wire.exchange([udp("192.0.2.1"), udp("198.51.100.9"), udp("203.0.113.7")]) == [
        False, False, True]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_confirmed_stays(filled, change):
    args, text = CHANGES[change]
    filled.good(*args, "--confirm", FOREVER, stdin=text)
    there = live(filled)
    keeper = pending(filled)["pid"]
    assert filled.good("confirm").out == f"f0: {args[0]} confirmed\n"
    assert pending(filled) is None and live(filled) == there
    wait_for(lambda: not os.path.exists(f"/proc/{keeper}") or "Z" in
             pathlib.Path(f"/proc/{keeper}/stat").read_text().split()[2], "the keeper ends", 15)
    filled.refused(NOT_LOADED, "confirm", words="no change waits")
    filled.refused(NOT_LOADED, "confirm", "--revert", words="no change waits")


@pytest.mark.parametrize("options", [
    ["-p", "allow", "-P", "7"], ["-p", "deny"], ["--counters", "never"], ["--observe"]],
    ids=" ".join)
def test_unload_is_undone(lab, patience, options):
    lab.load("-f", "-", *options, stdin="drop 192.0.2.1\npass 203.0.113.1\nset s\n"
             "drop 198.51.100.0/24 timeout 1h\n", **({"warns": "drops nothing"} if "--observe" in options
                                                     else {}))
    before = live(lab)
    lab.good("unload", "--confirm", "1s", "f0")
    undone(lab, patience)
    assert live(lab) == before


def test_load_is_undone(lab, patience):
    lab.load("-i", "192.0.2.1", "--confirm", "1s")
    assert not lab.wire.passes(udp("192.0.2.1"))
    undone(lab, patience)
    assert live(lab)["state"] == "not-loaded" and lab.wire.passes(udp("192.0.2.1"))


@pytest.mark.dispatcher
def test_beside_another_program(chained, patience):
    """What comes back works, and the neighbour works all the time."""
    lab, they = chained, XdpFilter(chained)
    they.come()
    lab.load("-i", OURS)
    for args in (["unload", "f0"], ["enforce", "off"], ["flush"]):
        lab.good(*args, "--confirm", FOREVER)
        assert lab.wire.passes(udp(OURS)) and they.works()
        lab.good("confirm", "--revert")
        assert we_work(lab) and they.works()
    lab.good("unload", "f0")
    lab.load("-i", OURS, "--confirm", "1s")
    undone(lab, patience)
    assert live(lab)["state"] == "not-loaded" and they.works()
    they.go()


def test_a_change_of_many_rules_and_of_a_large_table(lab, patience):
    """Above 4096 rules, a change is kept apart from the others."""
    lab.load("-f", "-", stdin="".join(f"10.0.{number >> 8}.{number & 255}\n"
                                      for number in range(6000)))
    before = lab.good("list").out
    for args, text in ((["add", "192.0.2.1"], None), (["del", "10.0.0.7"], None),
                       (["replace", "--force", "-f", "-"], "192.0.2.9\n")):
        lab.good(*args, "--confirm", FOREVER, stdin=text)
        assert lab.good("list").out != before
        lab.good("confirm", "--revert")
        assert lab.good("list").out == before


def test_several_interfaces_together(lab):
    lab.add_pair("f1", "p1")
    lab.load("-i", "192.0.2.1")
    lab.good("load", "-m", "native", "-i", "192.0.2.2", "f1")
    before = lab.rules("f0"), lab.rules("f1")
    lab.good("add", "203.0.113.1", "--confirm", FOREVER)
    assert pending(lab)["interfaces"] == [{"ifname": "f0"}, {"ifname": "f1"}]
    lab.good("confirm", "--revert")
    assert (lab.rules("f0"), lab.rules("f1")) == before


def test_one_that_fails_keeps_no_other_back(lab):
    """Where another program took the place of a filter, the other interfaces get theirs back."""
    lab.add_pair("f1", "p1")
    lab.load("-i", "192.0.2.1")
    lab.good("load", "-m", "native", "-i", "192.0.2.2", "f1")
    lab.good("unload", "--confirm", FOREVER, "f0", "f1")
    lab.ns.ip("link", "set", "f0", "xdp", "obj", kernel.neighbour("dropmac"), "sec",
              kernel.SECTION)
    for _ in range(2):
        result = lab("confirm", "--revert")
        assert result.rc == FAILED and "f0: " in result.err and "f1" not in result.err
        assert lab.prefixes("f1") == {"192.0.2.2": "drop"} and pending(lab)
    lab.good("add", "-d", "f1", "203.0.113.1")
    lab.ns.ip("link", "set", "f0", "xdp", "off")
    assert lab.good("confirm", "--revert").err == ""
    assert lab.prefixes("f0") == {"192.0.2.1": "drop"}
    assert lab.prefixes("f1") == {"192.0.2.2": "drop", "203.0.113.1": "drop"}


def test_one_whose_rules_cannot_be_read_keeps_no_other_back(lab):
    lab.add_pair("f1", "p1")
    lab.load("-f", "-", stdin="".join(f"10.0.{number >> 8}.{number & 255}\n"
                                      for number in range(10000)))
    lab.good("load", "-m", "native", "-i", "192.0.2.2", "f1")
    lab.good("add", "--confirm", FOREVER, "203.0.113.1")
    with kernel.mapped(kernel.live_delta(lab.status("f0")["program_id"]), 4096) as view:
        right, view[0:4] = bytes(view[0:4]), b"\xa5\xa5\xa5\xa5"
        result = lab("confirm", "--revert")
        assert result.rc == FAILED and "f0: the rule table is damaged" in result.err
        assert result.err.count("f0: ") == 1 and "f1" not in result.err
        assert lab.prefixes("f1") == {"192.0.2.2": "drop"}
        view[0:4] = right
    assert lab.good("confirm", "--revert").err == ""
    assert len(lab.rules("f0")) == 10000 and lab.prefixes("f1") == {"192.0.2.2": "drop"}


# --- One at a time --------------------------------------------------------------------------------

def test_status_shows_the_time_left(filled):
    filled.good("add", "203.0.113.1", "--confirm", "100s")
    said = pending(filled)
    assert said["command"] == "add" and said["interfaces"] == [{"ifname": "f0"}]
    assert 0 < said["left_s"] <= 100 and os.path.exists(f"/proc/{said['pid']}")
    line = [one for one in filled.good("status").out.splitlines() if "confirm" in one]
    assert len(line) == 1 and re.fullmatch(
        r"f0: add is undone in (1m\d+s|1m|\d+s), unless 'xdp-ipfilter confirm' keeps it", line[0])
    wait_for(lambda: pending(filled)["left_s"] < said["left_s"], "the time passes", 15)
    filled.good("confirm", "--revert")
    assert pending(filled) is None
    assert "confirm" not in filled.good("status").out


def test_who_asks_while_it_is_undone_is_told_so(filled, patience):
    """Also if the question was there before, and whether it is over then or not. Never that the
    process does not answer."""
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    keeper = pending(filled)["pid"]
    os.kill(keeper, signal.SIGSTOP)
    wait_for(lambda: "State:\tT" in pathlib.Path(f"/proc/{keeper}/status").read_text(),
             "the keeper has stopped", patience)
    status, confirm = filled.start("status", "-j"), filled.start("confirm")
    wait_for(lambda: filled.ns.run("cat", "/proc/net/unix").stdout.count("@xdp-ipfilter/") == 3,
             "both have connected", patience)
    os.kill(keeper, signal.SIGTERM)
    os.kill(keeper, signal.SIGCONT)
    said = status.communicate(timeout=patience)
    confirming = json.loads(said[0])["confirm"]
    assert status.returncode == DONE and not said[1]
    assert confirming is None or confirming["left_s"] == 0
    said = confirm.communicate(timeout=patience)
    assert (confirm.returncode, said[1].strip()) in (
        (NOT_LOADED, "xdp-ipfilter: no change waits to be confirmed"),
        (FAILED, "xdp-ipfilter: add of f0 is being undone already"),
        (FAILED, "xdp-ipfilter: failed: it is being undone already"))
    undone(filled, patience)
    assert filled.prefixes("f0") == OLD


def ticks(pid):
    """The processor time that it has used."""
    return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))


def test_a_client_that_cannot_be_let_in_costs_nothing(filled):
    """The keeper has no free descriptor while status waits for it, which takes five seconds."""
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    keeper = pending(filled)["pid"]
    limits = resource.prlimit(keeper, resource.RLIMIT_NOFILE)
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, (3, limits[1]))
    before = ticks(keeper)
    filled.good("status", warns=f"process {keeper} keeps a change")
    assert ticks(keeper) - before < 20
    resource.prlimit(keeper, resource.RLIMIT_NOFILE, limits)
    filled.good("confirm", "--revert")
    assert filled.prefixes("f0") == OLD


def test_a_second_one_is_refused(filled):
    filled.good("add", "203.0.113.1", "--confirm", "1h")
    with filled.unchanged("f0"):
        filled.refused(FAILED, "del", "192.0.2.1", "--confirm", "1m", words=[
            "another change waits", "add of f0", re.compile(r"for (1h|59m(\d+s)?) more"),
            "confirm --revert"])
        filled.refused(FAILED, "unload", "f0", "--confirm", "1m", words="another change waits")
    filled.good("add", "203.0.113.2")  # without --confirm, others go on
    filled.good("confirm")
    filled.good("del", "203.0.113.1", "203.0.113.2", "--confirm", "1h")
    filled.good("confirm", "--revert")
    assert filled.prefixes("f0") == {**OLD, "203.0.113.1": "drop", "203.0.113.2": "drop"}


def test_two_at_the_same_moment(filled):
    racers = [filled.start("add", f"203.0.113.{number}", "--confirm", FOREVER)
              for number in range(6)]
    codes = [(racer.communicate(timeout=60), racer.returncode)[1] for racer in racers]
    assert sorted(codes) == [DONE] + [FAILED] * 5
    assert len(filled.rules("f0")) == 3
    filled.good("confirm", "--revert")
    assert filled.prefixes("f0") == OLD


def test_nothing_changed_means_nothing_waits(filled):
    filled.good("add", "192.0.2.1", "--confirm", FOREVER, warns="nothing to confirm")
    wait_for(lambda: pending(filled) is None, "nothing waits", 15)
    filled.refused(USAGE, "replace", "-n", "-f", "-", "--confirm", "1m", words="--dry-run")


def test_a_change_that_fails_leaves_nothing_waiting(filled):
    filled.refused(NOT_LOADED, "del", "-d", "lo", "192.0.2.1", "--confirm", "1m", words="lo")
    filled.refused(FAILED, "load", "--confirm", "1m", "f0", words="f0")
    assert pending(filled) is None


# --- What others change meanwhile -----------------------------------------------------------------

def test_rules_of_others_stay_and_are_named(filled):
    filled.good("add", "203.0.113.1", "203.0.113.2", "203.0.113.3", "--confirm", FOREVER)
    filled.good("del", "203.0.113.1")
    filled.good("add", "--pass", "203.0.113.2")
    filled.good("add", "203.0.113.77")
    result = filled("confirm", "--revert")
    assert result.rc == DONE
    assert result.err_lines == [
        "xdp-ipfilter: warning: f0: 203.0.113.1 (default) was deleted meanwhile, and stays so",
        "xdp-ipfilter: warning: f0: 203.0.113.2 (default) was changed meanwhile, and stays so",
        "xdp-ipfilter: warning: f0: kept what others have changed meanwhile: 1 rule"]
    assert filled.prefixes("f0") == {**OLD, "203.0.113.2": "pass", "203.0.113.77": "drop"}


def test_many_rules_of_others_are_counted(filled):
    many = [f"203.0.113.{number}" for number in range(30)]
    filled.good("add", *many, "--confirm", FOREVER)
    filled.good("del", *many)
    result = filled("confirm", "--revert")
    assert len(result.err_lines) == 11 and "f0: and 20 rules more" in result.err_lines[-1]
    assert filled.prefixes("f0") == OLD


def test_rules_that_ended_meanwhile_are_no_change_of_others(filled, patience):
    filled.good("add", "-t", "1s", "198.51.100.0/24", "203.0.113.1", "--confirm", FOREVER)
    wait_for(lambda: "203.0.113.1" not in filled.prefixes("f0"), "they end", patience)
    assert filled.good("confirm", "--revert").err == ""
    assert filled.prefixes("f0") == OLD


def test_a_filter_of_others_is_left_alone(filled):
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    filled.good("unload", "f0")
    result = filled("confirm", "--revert")
    assert result.rc == DONE and "f0: left alone: its filter was unloaded" in result.err
    filled.load("-i", "192.0.2.1")
    filled.good("unload", "f0", "--confirm", FOREVER)
    filled.load("-p", "deny", "-i", "192.0.2.9")
    result = filled("confirm", "--revert")
    assert result.rc == DONE and "f0: left alone: its filter was loaded anew" in result.err
    assert filled.prefixes("f0") == {"192.0.2.9": "pass"}


def test_a_filter_that_was_loaded_anew_gets_its_rules_back(filled):
    """As after a repair: it may be what locks the operator out."""
    filled.good("add", "--confirm", FOREVER, "203.0.113.0/24")
    rules = filled.good("list").out
    filled.good("unload", "f0")
    filled.load("-f", "-", stdin=rules)
    result = filled("confirm", "--revert")
    assert result.rc == DONE
    assert result.err_lines == [
        "xdp-ipfilter: warning: f0: its filter was loaded anew meanwhile, and stays so"]
    assert filled.prefixes("f0") == OLD


def test_undoing_a_load_says_which_rules_go_with_it(lab):
    lab.load("-i", "192.0.2.1", "--confirm", FOREVER)
    lab.good("add", "203.0.113.1", "203.0.113.2")
    result = lab("confirm", "--revert")
    assert result.rc == DONE and "f0: lost what others have changed meanwhile: 2 rules" in result.err
    assert live(lab)["state"] == "not-loaded"


def test_an_interface_that_goes_or_gets_another_name(own_lab, deleted_chain):
    lab = own_lab
    lab.load("-i", "192.0.2.1")
    lab.good("add", "203.0.113.1", "--confirm", FOREVER)
    for command in (["down"], ["name", "wan0"], ["up"]):
        device = "wan0" if command == ["up"] else "f0"
        lab.ns.run("ip", "link", "set", device, *command)
    lab.good("confirm", "--revert")
    assert lab.prefixes("wan0") == {"192.0.2.1": "drop"}
    lab.good("add", "203.0.113.1", "--confirm", FOREVER)
    elsewhere = Tool(Namespace())
    try:
        lab.ns.ip("link", "set", "wan0", "netns", elsewhere.namespace.name)
        result = lab("confirm", "--revert")
        assert result.rc == DONE and "wan0: left alone: it has gone" in result.err
        assert elsewhere.prefixes("wan0") == {"192.0.2.1": "drop", "203.0.113.1": "drop"}
        elsewhere.namespace.ip("link", "set", "wan0", "netns", lab.ns.name)
    finally:
        elsewhere.namespace.close()
    lab.good("add", "203.0.113.2", "--confirm", FOREVER)
    lab.ns.run("ip", "link", "del", "wan0")
    deleted_chain()
    result = lab("confirm", "--revert")
    assert result.rc == DONE and "wan0: left alone: it has gone" in result.err


# --- What must not end it -------------------------------------------------------------------------

def in_a_terminal(lab, script):
    """A shell that leads a session with its own terminal. Returns its pid, and the terminal."""
    pid, terminal = pty.fork()
    if not pid:
        try:
            with lab.ns:
                os.execve("/bin/sh", ["sh", "-c", script, BINARY], environment())
        finally:
            os._exit(127)
    return pid, terminal


@pytest.mark.parametrize("end", ["closed terminal", "SIGKILL of the shell", "SIGHUP to all"])
def test_the_end_of_the_session_does_not_end_it(filled, patience, end):
    """ssh is cut: the operator is locked out, and the way back must open by itself."""
    shell, terminal = in_a_terminal(filled, '"$0" flush --confirm 4s; read forever')
    try:
        wait_for(lambda: pending(filled), "the change waits", patience)
        assert filled.rules("f0") == []
        if end == "SIGHUP to all":
            os.killpg(shell, signal.SIGHUP)
            os.kill(pending(filled)["pid"], signal.SIGHUP)
        elif end == "SIGKILL of the shell":
            os.killpg(shell, signal.SIGKILL)
        os.close(terminal)
        terminal = -1
        os.waitpid(shell, 0)
        undone(filled, patience)
        assert filled.prefixes("f0") == OLD
    finally:
        if terminal >= 0:
            os.close(terminal)


def test_no_pipe_is_kept_open(filled):
    """`ssh host xdp-ipfilter add --confirm 1h ...` returns at once: nobody holds its output."""
    start = time.monotonic()
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    assert time.monotonic() - start < 60
    keeper = pending(filled)["pid"]
    open_files = {os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd")}
    assert not any("pipe" in name or "bpf" in name for name in open_files), open_files
    assert os.getsid(keeper) == keeper


def test_a_reader_that_went_away_does_not_matter(filled, patience):
    reader, writer = os.pipe()
    os.close(reader)
    process = filled.start("add", "203.0.113.1", "--confirm", "1s", stdout=writer)
    os.close(writer)
    process.communicate(timeout=60)
    assert process.returncode == DONE
    undone(filled, patience)
    assert filled.prefixes("f0") == OLD


def test_the_command_killed_at_any_moment(filled, patience):
    """Either nothing has changed, or it is undone when the time is over."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(20):
        process = filled.start("flush", "--confirm", "1s")
        try:
            process.communicate(timeout=rng.random() * 0.05)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        wait_for(lambda: pending(filled) is None and filled.prefixes("f0") == OLD,
                 "the old rules are there", patience)


def test_a_killed_keeper_leaves_the_change(filled):
    """As the manual says: that is the one thing that takes the way back away."""
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    os.kill(pending(filled)["pid"], signal.SIGKILL)
    wait_for(lambda: pending(filled) is None, "nothing waits", 15)
    assert filled.prefixes("f0") == {**OLD, "203.0.113.1": "drop"}
    filled.good("del", "203.0.113.1", "--confirm", FOREVER)
    filled.good("confirm")


def may_choose_who_is_killed():
    capabilities, = re.findall(r"CapEff:\t(\w+)", pathlib.Path("/proc/self/status").read_text())
    return int(capabilities, 16) >> 24 & 1


def test_where_memory_runs_out_it_is_killed_last(filled, patience):
    """The command itself is not, nor what gave up CAP_SYS_RESOURCE before."""
    if not may_choose_who_is_killed():
        pytest.skip("no CAP_SYS_RESOURCE in this container")
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    keeper = pathlib.Path(f"/proc/{pending(filled)['pid']}")
    assert (keeper / "oom_score_adj").read_text() == "-1000\n"
    filled.good("confirm")
    reading = filled.start("add", "-f", "-", stdin=subprocess.PIPE)
    own = pathlib.Path(f"/proc/{reading.pid}/oom_score_adj")
    wait_for(lambda: "NoNewPrivs:\t1" in own.with_name("status").read_text(),
             "it has given up its capabilities", patience)
    wait_for(lambda: own.read_text() == pathlib.Path("/proc/self/oom_score_adj").read_text(),
             "it is killed as others are", patience)
    reading.communicate("203.0.113.2\n", timeout=60)
    # Before Linux 5.11, BPF memory counts as locked memory.
    without = ["prlimit", "--memlock=unlimited:unlimited", "setpriv",
               "--bounding-set=-sys_resource", "--inh-caps=-all"]
    filled.good("add", "203.0.113.3", "--confirm", FOREVER, prefix=without)


def test_it_counts_the_time_since_boot(filled):
    """Not the time of day, which somebody may set."""
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    keeper = pending(filled)["pid"]
    clocks = {line.split()[1] for fd in os.listdir(f"/proc/{keeper}/fdinfo")
              for line in pathlib.Path(f"/proc/{keeper}/fdinfo/{fd}").read_text().splitlines()
              if line.startswith("clockid:")}
    assert clocks == {str(time.CLOCK_BOOTTIME)}


@pytest.fixture
def time_of_day():
    """Sets the time of day by so many seconds, and takes all steps back at the end."""
    if not os.environ.get("VM_KERNEL"):
        pytest.skip("would set the clock of this machine")
    start, since = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    yield lambda seconds: time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
    time.clock_settime(time.CLOCK_REALTIME,
                       start + time.clock_gettime(time.CLOCK_BOOTTIME) - since)


@pytest.mark.parametrize("step", [86400 * 3650, -86400 * 365])
def test_a_clock_that_is_set_neither_ends_nor_stops_it(filled, patience, time_of_day, step):
    """Nor the rules with a timeout."""
    filled.good("add", "-t", "1h", "203.0.113.9")
    filled.good("add", "203.0.113.1", "--confirm", "1h")
    time_of_day(step)
    assert 3000 < pending(filled)["left_s"] <= 3600
    assert {"203.0.113.1", "203.0.113.9"} <= set(filled.prefixes("f0"))
    filled.good("confirm", "--revert")
    filled.good("add", "203.0.113.1", "--confirm", "2s")
    time_of_day(-step)
    undone(filled, patience)
    assert filled.prefixes("f0") == {**OLD, "203.0.113.9": "drop"}


def test_other_commands_that_hold_the_lock_are_waited_for(filled, patience):
    filled.good("add", "203.0.113.1", "--confirm", "1s")
    with kernel.queued(filled.ns):
        wait_for(lambda: pending(filled)["left_s"] == 0, "it waits for the lock", patience)
        assert "203.0.113.1" in filled.prefixes("f0")
        for args in ([], ["--revert"]):
            filled.refused(FAILED, "confirm", *args, words="add of f0 is being undone already")
        assert "f0: add is being undone\n" in filled.good("status").out
    undone(filled, patience)
    assert filled.prefixes("f0") == OLD


def test_revert_waits_for_them_and_others_are_told(filled, patience):
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    with kernel.queued(filled.ns):
        reverting = filled.start("confirm", "--revert")
        wait_for(lambda: pending(filled)["left_s"] == 0, "it waits for the lock", patience)
        filled.refused(FAILED, "confirm", words="add of f0 is being undone already")
    assert reverting.communicate(timeout=patience)[0] == "f0: add undone\n"
    assert filled.prefixes("f0") == OLD


def test_another_user_cannot_answer(filled):
    filled.good("add", "203.0.113.1", "--confirm", FOREVER)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
              "--bounding-set=-all"]
    for args in (["confirm"], ["confirm", "--revert"]):
        filled.refused(FAILED, *args, prefix=nobody, words="another user")
    assert pending(filled)
