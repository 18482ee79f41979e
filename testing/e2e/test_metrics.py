# SPDX-License-Identifier: GPL-2.0
"""metrics: what Prometheus is told, as text and in a file."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import time

import pytest

import syncing
from frames import LISTED4, udp
from netlab import wait_for
from product import DONE, FAILED, USAGE, VERDICTS, environment
from webserver import Answer, Web

SO_NETNS_COOKIE = 71

SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\d+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """{(name, labels as they are written): value}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = (name, *(f"{label}={value}" for label, value in LABEL.findall(labels or "")))
        assert key not in found, f"twice: {line}"
        found[key] = int(value)
    return found


def scraped(lab):
    return samples(lab.good("metrics").out)


def lint(text):
    """What promtool finds in it."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          text=True, check=False, env=environment())
    return done.returncode, done.stdout + done.stderr


def test_packets_move_the_counters(lab):
    lab.load("-i", LISTED4, "-i", "2001:db8::/32", "-i", "198.51.100.0/24")
    before = scraped(lab)
    assert lab.wire.exchange([udp(LISTED4), udp("203.0.113.9"), udp(LISTED4)]) == [False, True, False]
    after = scraped(lab)
    moved = {verdict: tuple(after[(f"xdp_ipfilter_{what}_total", "device=f0", f"verdict={verdict}")] -
                            before[(f"xdp_ipfilter_{what}_total", "device=f0", f"verdict={verdict}")]
                            for what in ("packets", "bytes")) for verdict in VERDICTS}
    assert moved["drop"] == (2, 2 * len(udp(LISTED4)))
    assert moved["pass"] == (1, len(udp("203.0.113.9")))
    assert after[("xdp_ipfilter_rules", "device=f0", "family=ipv4", "set=default")] == 2
    assert after[("xdp_ipfilter_rules", "device=f0", "family=ipv6", "set=default")] == 1
    assert after[("xdp_ipfilter_filtering", "device=f0")] == 1
    version = lab.good("--version").out.split()[-1]
    assert after[("xdp_ipfilter_info", f"version={version}")] == 1
    assert {verdict: after[("xdp_ipfilter_packets_total", "device=f0", f"verdict={verdict}")]
            for verdict in VERDICTS} == {verdict: packets for verdict, (packets, _)
                                         in lab.counters("f0").items()}


def test_a_filter_that_observes(lab):
    lab("load", "-m", "native", "--observe", "f0")
    assert scraped(lab)[("xdp_ipfilter_enforcing", "device=f0")] == 0
    said = lab.good("metrics").out
    for what in ("packets", "bytes"):
        assert re.search(rf"# HELP xdp_ipfilter_{what}_total .*enforcing is 0, those of drop pass", said)
    lab.good("enforce", "on")
    assert scraped(lab)[("xdp_ipfilter_enforcing", "device=f0")] == 1


def test_without_a_filter(lab):
    assert set(scraped(lab)) == {key for key in scraped(lab) if key[0] == "xdp_ipfilter_info"}


def test_a_filter_that_was_turned_off(lab):
    lab.load("-i", LISTED4)
    lab.ns.run("ip", "link", "set", "f0", "xdp", "off", check=False)
    if lab("status", "f0").rc == DONE:
        pytest.skip("XDP cannot be turned off so on this kernel")
    after = scraped(lab)
    assert after.get(("xdp_ipfilter_filtering", "device=f0"), 0) == 0
    assert not [key for key in after if key[0] == "xdp_ipfilter_packets_total"]


def test_rules_of_a_large_table_and_its_delta(lab, tmp_path):
    rules = tmp_path / "rules"
    rules.write_text("".join(f"10.{n >> 8}.{n & 255}.1\n" for n in range(6000)))
    lab.load("-f", rules)
    family = ("xdp_ipfilter_rules", "device=f0", "family=ipv4", "set=default")
    assert scraped(lab)[family] == 6000
    lab.good("add", "192.0.2.1", "192.0.2.2", "2001:db8::1")
    lab.good("del", "10.0.0.1")
    after = scraped(lab)
    assert after[family] == 6001
    assert after[("xdp_ipfilter_rules", "device=f0", "family=ipv6", "set=default")] == 1


def rules_of(lab):
    """{(set, family): rules}"""
    return {(key[3].removeprefix("set="), key[2].removeprefix("family=")): value
            for key, value in scraped(lab).items() if key[0] == "xdp_ipfilter_rules"}


def test_rules_are_counted_by_set(lab, tmp_path):
    lab.load()
    assert rules_of(lab) == {("default", "ipv4"): 0, ("default", "ipv6"): 0}
    lab.good("add", "-s", "a", "192.0.2.1", "192.0.2.2", "2001:db8::1")
    lab.good("add", "-s", "b", "192.0.2.3")
    small = {("a", "ipv4"): 2, ("a", "ipv6"): 1, ("b", "ipv4"): 1, ("b", "ipv6"): 0}
    assert rules_of(lab) == small
    # A table that is so large that changes make a delta.
    rules = tmp_path / "rules"
    rules.write_text("".join(f"10.{n >> 8}.{n & 255}.1\n2001:db8:{n:x}::/48\n" for n in range(4000)))
    lab.good("add", "-s", "large", "-f", rules)
    large = {("large", "ipv4"): 4000, ("large", "ipv6"): 4000}
    assert rules_of(lab) == {**small, **large}
    lab.good("add", "-s", "new", "203.0.113.0/24", "203.0.113.7")
    lab.good("del", "-s", "large", "10.0.1.1", "10.0.2.1")
    lab.good("add", "-s", "a", "2001:db8:1::/48", "198.51.100.0/24")
    assert rules_of(lab) == {**small, ("a", "ipv4"): 3, ("a", "ipv6"): 2, ("new", "ipv4"): 2,
                             ("new", "ipv6"): 0, ("large", "ipv4"): 3998, ("large", "ipv6"): 4000}
    lab.good("flush", "-s", "b")
    assert ("b", "ipv4") not in rules_of(lab)
    counted = [line for line in lab.good("list").out.splitlines() if re.match(r"(drop|pass) ", line)]
    assert len(counted) == sum(rules_of(lab).values())


def test_rules_that_have_ended_do_not_count(lab):
    lab.load()
    lab.good("add", "-t", "1s", "192.0.2.1")
    lab.good("add", "192.0.2.2")
    family = ("xdp_ipfilter_rules", "device=f0", "family=ipv4", "set=default")
    wait_for(lambda: scraped(lab)[family] == 1, "the rule has ended", lab.patience)


def test_promtool_finds_nothing(lab, need):
    need("promtool")
    lab.load("-i", LISTED4)
    assert lint(lab.good("metrics").out) == (DONE, "")
    # It would find something.
    assert lint("# TYPE packets counter\npackets 1\n")[0] != DONE


def test_names_of_interfaces_are_escaped(own_lab):
    own_lab.ns.run("ip", "link", "set", "f0", "down")
    own_lab.ns.run("ip", "link", "set", "f0", "name", 'a"b\\c')
    own_lab.ns.run("ip", "link", "set", 'a"b\\c', "up")
    own_lab.load(dev='a"b\\c')
    text = own_lab.good("metrics").out
    assert 'xdp_ipfilter_filtering{device="a\\"b\\\\c"} 1\n' in text
    if shutil.which("promtool"):
        assert lint(text) == (DONE, "")
    own_lab.good("unload", 'a"b\\c')


def netns_cookie(lab):
    """0 before Linux 5.14, which has none."""
    with lab.ns, socket.socket() as any_socket, contextlib.suppress(OSError):
        return int.from_bytes(any_socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8),
                              sys.byteorder)
    return 0


@contextlib.contextmanager
def sync_that_says(lab, **state):
    """This process is the sync of the namespace, and has written this state (sync/state.h)."""
    ends = [f"-{netns_cookie(lab)}.{end}" if netns_cookie(lab) > 1 else f".{end}"
            for end in ("lock", "json")]
    folder = pathlib.Path("/run/xdp-ipfilter")
    folder.mkdir(exist_ok=True)
    lock, file = (folder / f"sync{end}" for end in ends)
    file.write_text(json.dumps({"schema": 1, "pid": os.getpid(), "sources": [], "interfaces": [],
                                **state}))
    with open(lock, "w", encoding="utf-8") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            file.unlink()


def source(name, state, updated=None, rules=0):
    return {"set": name, "from": "https://lists.example/", "state": state, "updated": updated,
            "rules": rules, "error": None}


def test_sources_of_sync(lab):
    lab.load()
    away = {"ifname": "away0", "state": "absent", "error": None}
    here = {"ifname": "f0", "state": "filtering", "error": None}
    with sync_that_says(lab, sources=[source("mine", "fresh", 1700000000, 2), {**source("gone", "failing"), "failures": 3}],
                        interfaces=[here, away]):
        text = lab.good("metrics").out
    found = samples(text)
    states = {key[1:]: value for key, value in found.items() if key[0] == "xdp_ipfilter_sync_state"}
    assert {key for key, value in states.items() if value} == {
        ("set=mine", "state=fresh"), ("set=gone", "state=failing")} and len(states) == 8
    assert found[("xdp_ipfilter_sync_rules", "set=mine")] == 2
    assert found[("xdp_ipfilter_sync_failures_total", "set=gone")] == 3
    assert found[("xdp_ipfilter_sync_failures_total", "set=mine")] == 0, "an older sync does not say"
    assert {key[1]: value for key, value in found.items() if "last_success" in key[0]} == {
        "set=mine": 1700000000}
    assert found[("xdp_ipfilter_filtering", "device=away0")] == 0
    assert found[("xdp_ipfilter_filtering", "device=f0")] == 1
    if shutil.which("promtool"):
        assert lint(text) == (DONE, "")
    assert "_sync_" not in lab.good("metrics").out, "sync has ended"


def test_interfaces_that_sync_waits_for(lab, tmp_path):
    with syncing.Sync(lab, tmp_path, "interface away0 { mode = native }\n") as sync:
        sync.wait_interface("away0", "absent")
        assert scraped(lab)[("xdp_ipfilter_filtering", "device=away0")] == 0
        sync.end()
    assert ("xdp_ipfilter_filtering", "device=away0") not in scraped(lab)


@pytest.fixture
def web(lab):
    lab.ns.run("ip", "link", "set", "lo", "up")
    with lab.ns, Web(list=lambda _: None) as web:
        yield web


def test_a_real_sync_with_a_file_and_a_server_that_fails(lab, web, tmp_path):
    """A server that hangs up is asked again after a second."""
    lab.load("-i", "203.0.113.1")
    file = tmp_path / "list.txt"
    file.write_text("198.51.100.1\n198.51.100.2\n198.51.100.3\n")
    config = (f'source file {{ from = "{file}" every = 1s }}\n'
              f'source url {{ from = "{web.url("/list")}" }}\n')

    def told(what, name, *more):
        return scraped(lab).get((f"xdp_ipfilter_sync_{what}", f"set={name}", *more))

    before = int(time.time())
    with syncing.Sync(lab, tmp_path, config) as sync:
        sync.wait(lambda: told("state", "file", "state=fresh") == 1, "the file is read")
        sync.wait(lambda: (told("failures_total", "url") or 0) >= 2, "the server has failed twice")
        assert told("state", "url", "state=failing") == 1 and told("state", "url", "state=fresh") == 0
        assert told("last_success_timestamp_seconds", "url") is None
        assert before <= told("last_success_timestamp_seconds", "file") <= time.time()
        assert told("failures_total", "file") == 0 and told("rules", "file") == 3
        assert rules_of(lab)[("file", "ipv4")] == 3 and ("url", "ipv4") not in rules_of(lab)
        # It comes back, and the failures stay counted.
        web.answers["/list"] = Answer("192.0.2.1\n192.0.2.2\n")
        sync.wait(lambda: told("state", "url", "state=fresh") == 1, "the server answers", 30)
        sync.wait(lambda: rules_of(lab).get(("url", "ipv4")) == 2, "its rules are live")
        failures = told("failures_total", "url")
        assert failures >= 2 and told("rules", "url") == 2
        assert told("last_success_timestamp_seconds", "url") >= before
        # The file goes: its rules stay.
        file.unlink()
        sync.wait(lambda: told("state", "file", "state=failing") == 1, "the file has gone")
        assert told("failures_total", "file") >= 1 and told("failures_total", "url") == failures
        assert rules_of(lab)[("file", "ipv4")] == 3
        if shutil.which("promtool"):
            assert lint(lab.good("metrics").out) == (DONE, "")
        sync.end()


# --- In a file ------------------------------------------------------------------------------------

def test_a_file_is_replaced_as_a_whole(lab, tmp_path):
    lab.load()
    prom = tmp_path / "xdp-ipfilter.prom"
    prom.write_text("old\n")
    old = os.open(prom, os.O_RDONLY)
    said = lab.good("metrics", "-o", prom)
    assert said.out == "" and os.read(old, 100) == b"old\n", "renamed, not written"
    os.close(old)
    assert set(samples(prom.read_text())) == set(scraped(lab)) and prom.read_text().endswith("\n")
    assert stat.S_IMODE(prom.stat().st_mode) == 0o644, "for the user of the exporter"
    assert os.listdir(tmp_path) == [prom.name]


def test_what_has_the_name_of_the_new_file_is_not_followed(lab, tmp_path):
    victim, prom = tmp_path / "victim", tmp_path / "a.prom"
    victim.write_text("mine\n")
    (tmp_path / "a.prom.tmp").symlink_to(victim)
    lab.good("metrics", "-o", prom)
    assert victim.read_text() == "mine\n" and not prom.is_symlink()


def test_a_file_that_cannot_be_written(lab, tmp_path):
    lab.refused(FAILED, "metrics", "-o", tmp_path / "none" / "a.prom", words=("none/a.prom.tmp",))
    (tmp_path / "a.prom").mkdir()
    lab.refused(FAILED, "metrics", "-o", tmp_path / "a.prom", words=("a.prom",))
    assert os.listdir(tmp_path) == ["a.prom"]


def test_wrong_usage(lab):
    lab.refused(USAGE, "metrics", "f0", words=("f0", "all interfaces"))
