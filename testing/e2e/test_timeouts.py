# SPDX-License-Identifier: GPL-2.0
"""Timeouts: a rule ends by itself, in the kernel, without a daemon. The times are real, but
short."""
import datetime
import os
import re
import time

import pytest

from frames import udp
from netlab import wait_for
from product import DONE, FAILED


@pytest.mark.parametrize("text, seconds", [
    ("90", 90), ("90s", 90), ("2m", 120), ("1h30m", 5400), ("1d", 86400), ("1d2h3m4s", 93784),
    ("3650d", 3650 * 86400)])
def test_a_duration_is_read(loaded, text, seconds):
    loaded.good("add", "-t", text, "192.0.2.1")
    [rule] = loaded.rules("f0")
    assert seconds - 60 <= rule["expires_s"] <= seconds


def test_rules_end_by_themselves(loaded):
    """Prefixes and an exception inside another rule end. Rules without a timeout stay."""
    loaded.good("add", "192.0.2.0/24", "203.0.113.1")
    loaded.good("add", "-t", "2", "198.51.100.1", "2001:db8::/32")
    loaded.good("add", "-t", "2", "--pass", "192.0.2.128/25")
    start = time.monotonic()
    frames = [udp(source) for source in ("198.51.100.1", "2001:db8::9", "192.0.2.129", "192.0.2.1",
                                         "203.0.113.1")]
    first = loaded.wire.exchange(frames)
    if time.monotonic() - start < 1.5:
        assert first == [False, False, True, False, False]
    wait_for(lambda: loaded.wire.exchange(frames) == [True, True, False, False, False],
             "three rules end, their covers stay", 4 + loaded.patience)
    assert time.monotonic() - start > 1.0, "not before their time"
    assert set(loaded.prefixes("f0")) == {"192.0.2.0/24", "203.0.113.1"}
    assert loaded("test", "-q", "198.51.100.1").rc == FAILED
    assert loaded("test", "-q", "192.0.2.129").rc == DONE
    assert loaded.status("f0")["rules"]["ipv4"] == 2
    assert "198.51.100.1" not in loaded.good("list").out


def test_list_shows_what_is_left(loaded):
    loaded.good("add", "-t", "1h", "192.0.2.1")
    loaded.good("add", "192.0.2.2")
    said = loaded.good("list", "-d", "f0").out
    assert re.search(r"(?m)^(drop )?192\.0\.2\.1 timeout (1h|59m\d*s?|3[56]\d\ds?)\s*$", said), said
    assert re.search(r"(?m)^(drop )?192\.0\.2\.2\s*$", said), said


def test_list_can_show_when_rules_end(loaded):
    """Such a list means the same ends when it is read back later. What has ended is left out."""
    loaded.good("add", "-t", "1h", "192.0.2.1")
    loaded.good("add", "192.0.2.2")
    said = loaded.good("list", "--until").out
    [end] = re.findall(r"(?m)^drop 192\.0\.2\.1 until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$", said)
    ends = datetime.datetime.fromisoformat(end.replace("Z", "+00:00")).timestamp()
    assert 3590 < ends - time.time() < 3602
    loaded.good("flush", "-a")
    text = said + "192.0.2.3 until 2020-01-01T00:00:00Z\n"
    loaded.good("add", "-f", "-", stdin=text, warns="1 line left out, because the end has passed")
    assert set(loaded.prefixes("f0")) == {"192.0.2.1", "192.0.2.2"}
    loaded.good("add", "-f", "-", stdin="192.0.2.3 until 2020-01-01T00:00:00Z\n" * 2,
                warns="2 lines left out, because the end has passed")
    assert loaded.good("list", "--until").out == said
    assert "is for text" in loaded("list", "--until", "--json").err


def test_a_rule_ends_at_its_time(loaded):
    """In another time zone, which is the same moment."""
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    end = datetime.datetime.now(zone).replace(microsecond=0) + datetime.timedelta(seconds=3)
    loaded.good("add", "-f", "-", stdin=f"192.0.2.1 until {end.isoformat()}\n")
    frames = [udp("192.0.2.1")]
    if time.time() < end.timestamp() - 1:
        assert loaded.wire.exchange(frames) == [False]
    wait_for(lambda: loaded.wire.exchange(frames) == [True], "the rule ends", 4 + loaded.patience)
    assert time.time() >= end.timestamp()


def test_add_again_changes_the_timeout(loaded):
    loaded.good("add", "-t", "1h", "192.0.2.1")
    loaded.good("add", "-t", "2h", "192.0.2.1")
    assert 7100 < loaded.rules("f0")[0]["expires_s"] <= 7200
    loaded.good("add", "-t", "10m", "192.0.2.1")
    assert 500 < loaded.rules("f0")[0]["expires_s"] <= 600
    loaded.good("add", "192.0.2.1")
    assert loaded.rules("f0")[0]["expires_s"] is None, "without a timeout it stays for good"


def test_a_timeout_in_a_file_goes_before_the_option(loaded):
    loaded.good("add", "-t", "1h", "-f", "-", stdin="192.0.2.1 timeout 10s\n192.0.2.2\n")
    left = {rule["prefix"]: rule["expires_s"] for rule in loaded.rules("f0")}
    assert left["192.0.2.1"] <= 10 < 3000 < left["192.0.2.2"]


def test_other_changes_leave_the_clock_running(loaded):
    loaded.good("add", "-t", "2", "192.0.2.1")
    start = time.monotonic()
    loaded.good("add", "192.0.2.2")
    loaded.good("del", "192.0.2.2")
    wait_for(lambda: loaded.wire.passes(udp("192.0.2.1")), "the rule ends on time",
             3 + loaded.patience / 5)
    assert time.monotonic() - start < 3 + loaded.patience / 5


@pytest.mark.parametrize("text", ["0", "0s"])
def test_a_rule_that_ends_at_once_is_refused(loaded, text):
    with loaded.unchanged("f0"):
        loaded.refused(2, "add", "-t", text, "192.0.2.1")


def test_an_ended_rule_can_be_added_again_and_counts_anew(loaded):
    loaded.good("add", "-t", "1", "192.0.2.1")
    wait_for(lambda: loaded.wire.passes(udp("192.0.2.1")), "the rule ends", 3 + loaded.patience)
    loaded.good("add", "192.0.2.1")
    assert loaded.rules("f0")[0]["packets"] == 0
    assert not loaded.wire.passes(udp("192.0.2.1"))
    assert loaded.rules("f0")[0]["packets"] == 1


def test_the_same_prefix_with_a_timeout_in_one_set_lives_on_in_the_other(loaded):
    loaded.good("add", "-s", "one", "-t", "1", "--pass", "192.0.2.0/24")
    loaded.good("add", "-s", "two", "192.0.2.0/24")
    wait_for(lambda: not loaded.wire.passes(udp("192.0.2.9")), "pass ends, drop stays",
             3 + loaded.patience)
    assert [(rule["set"], rule["verdict"]) for rule in loaded.rules("f0")] == [("two", "drop")]


def test_under_deny_access_ends_with_its_timeout(lab):
    lab.load("-p", "deny", "-i", "203.0.113.1")
    lab.good("add", "-t", "1", "192.0.2.1")
    wait_for(lambda: not lab.wire.passes(udp("192.0.2.1")), "the pass rule ends", 3 + lab.patience)
    assert lab.wire.passes(udp("203.0.113.1"))


# Time namespaces: a process there sees a boot clock that differs from the kernel's.

@pytest.fixture(params=["100000", "-1"], ids=["ahead", "behind"])
def elsewhen(request, need):
    """A prefix that runs a command in a time namespace whose boot clock is off."""
    need("unshare")
    if not os.path.exists("/proc/self/ns/time"):
        pytest.skip("this kernel has no time namespaces")
    return ["unshare", "-T", "--fork", "--boottime", request.param]


def test_a_rule_of_a_time_namespace_ends_in_time(loaded, elsewhen):
    start = time.monotonic()
    loaded.good("add", "-t", "3s", "192.0.2.1", prefix=elsewhen)
    loaded.good("add", "-t", "1h", "192.0.2.2", prefix=elsewhen)
    assert 3500 < {rule["prefix"]: rule["expires_s"] for rule in loaded.rules("f0")}["192.0.2.2"] \
        <= 3600
    if time.monotonic() - start < 2.5:
        assert not loaded.wire.passes(udp("192.0.2.1"))
    wait_for(lambda: loaded.wire.passes(udp("192.0.2.1")), "the rule ends", 5 + loaded.patience)
    assert time.monotonic() - start > 2.9, "not before its time"
    assert set(loaded.prefixes("f0")) == {"192.0.2.2"}


def test_rules_of_others_are_left_alone_from_a_time_namespace(loaded, elsewhen):
    loaded.good("add", "-t", "1h", "192.0.2.1")
    for args in (["add", "192.0.2.2"], ["del", "192.0.2.2"],
                 ["replace", "-s", "mine", "-f", "-"]):
        loaded.good(*args, prefix=elsewhen, stdin="192.0.2.3\n")
        assert "192.0.2.1" in loaded.prefixes("f0")
        assert not loaded.wire.passes(udp("192.0.2.1"))
    said = loaded.good("list", "-j", prefix=elsewhen).json()
    [left] = [rule["expires_s"] for one in said["interfaces"] for rule in one["rules"]
              if rule["prefix"] == "192.0.2.1"]
    assert 3500 < left <= 3600


def test_without_proc_nobody_guesses_the_time(loaded, need):
    """The command cannot tell which clock it sees, so it treats no rule as ended."""
    need("unshare")
    loaded.good("add", "-t", "1h", "192.0.2.1")
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "192.0.2.2", words=["time namespace", "mount /proc"],
                       prefix=["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /proc && exec "$@"', "sh"])
