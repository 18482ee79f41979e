# SPDX-License-Identifier: GPL-2.0
"""Named sets: each source of rules has its own, and all of them decide together."""
import pytest

from frames import udp
from product import DONE, FAILED


def sets(lab):
    """{set: {prefix: verdict}} of all live rules."""
    got = {}
    for rule in lab.rules("f0"):
        got.setdefault(rule["set"], {})[rule["prefix"]] = rule["verdict"]
    return got


def test_sets_are_changed_one_by_one(loaded):
    loaded.good("add", "192.0.2.1")
    loaded.good("add", "-s", "spamhaus", "192.0.2.2", "2001:db8::/32")
    loaded.good("add", "--set", "fail2ban", "192.0.2.3")
    assert sets(loaded) == {"default": {"192.0.2.1": "drop"},
                            "spamhaus": {"192.0.2.2": "drop", "2001:db8::/32": "drop"},
                            "fail2ban": {"192.0.2.3": "drop"}}
    assert loaded.status("f0")["rules"] == {
        "ipv4": 3, "ipv6": 1, "sets": {"default": 1, "spamhaus": 2, "fail2ban": 1}}
    loaded.good("replace", "-s", "spamhaus", "-f", "-", stdin="192.0.2.4\n")
    assert sets(loaded)["spamhaus"] == {"192.0.2.4": "drop"}
    loaded.good("flush")
    assert set(sets(loaded)) == {"spamhaus", "fail2ban"}, "flush means the set default"
    loaded.good("del", "192.0.2.3")
    assert "fail2ban" in sets(loaded), "del means the set default"
    loaded.good("del", "-s", "fail2ban", "192.0.2.3")
    assert set(sets(loaded)) == {"spamhaus"}
    loaded.good("flush", "-s", "spamhaus")
    assert sets(loaded) == {}


def test_flush_all_empties_every_set(loaded):
    loaded.good("add", "192.0.2.1")
    loaded.good("add", "-s", "other", "192.0.2.2")
    loaded.good("flush", "-a")
    assert sets(loaded) == {}
    assert loaded.wire.exchange([udp("192.0.2.1"), udp("192.0.2.2")]) == [True, True]


def test_flush_of_a_set_that_is_not_there_changes_nothing(loaded):
    loaded.good("add", "192.0.2.1")
    with loaded.unchanged("f0"):
        loaded.good("flush", "-s", "nothing")


@pytest.mark.parametrize("one, two, passes", [
    ("drop", "drop", False), ("drop", "pass", True), ("pass", "drop", True),
    ("pass", "pass", True)])
def test_the_same_prefix_in_two_sets_passes_if_one_says_pass(loaded, one, two, passes):
    loaded.good("add", "-s", "one", f"--{one}", "192.0.2.0/24")
    loaded.good("add", "-s", "two", f"--{two}", "192.0.2.0/24")
    assert loaded.wire.passes(udp("192.0.2.9")) is passes
    assert loaded("test", "-q", "192.0.2.9").rc == (FAILED if passes else DONE)
    assert sets(loaded) == {"one": {"192.0.2.0/24": one}, "two": {"192.0.2.0/24": two}}
    loaded.good("del", "-s", "one", "192.0.2.0/24")
    assert sets(loaded) == {"two": {"192.0.2.0/24": two}}
    assert loaded.wire.passes(udp("192.0.2.9")) is (two == "pass")


def test_the_longest_prefix_decides_across_sets(loaded):
    loaded.good("add", "-s", "wide", "10.0.0.0/8")
    loaded.good("add", "-s", "mine", "--pass", "10.1.0.0/16")
    assert loaded.wire.exchange([udp("10.0.0.1"), udp("10.1.0.1")]) == [False, True]
    loaded.good("flush", "-s", "mine")
    assert loaded.wire.exchange([udp("10.0.0.1"), udp("10.1.0.1")]) == [False, False]


@pytest.mark.parametrize("name", ["a", "0", "A.b_c-9", "n" * 31, "default"])
def test_a_good_name_of_a_set(loaded, name):
    loaded.good("add", "-s", name, "192.0.2.1")
    assert sets(loaded) == {name: {"192.0.2.1": "drop"}}
    assert [rule["set"] for rule in loaded.rules("f0", name)] == [name]
    assert "192.0.2.1" in loaded.good("list", "-d", "f0", "-s", name).out


def test_list_of_one_set_shows_only_that(loaded):
    loaded.good("add", "192.0.2.1")
    loaded.good("add", "-s", "other", "192.0.2.2")
    assert [rule["prefix"] for rule in loaded.rules("f0", "other")] == ["192.0.2.2"]
    said = loaded.good("list", "-d", "f0", "-s", "other").out
    assert "192.0.2.2" in said and "192.0.2.1" not in said
    assert loaded.rules("f0", "absent") == []


def test_replace_of_one_set_leaves_the_counters_of_the_others(loaded):
    loaded.good("add", "-s", "one", "192.0.2.1")
    loaded.good("add", "-s", "two", "192.0.2.2")
    loaded.wire.exchange([udp("192.0.2.1")] * 2 + [udp("192.0.2.2")] * 3)
    loaded.good("replace", "-s", "one", "-f", "-", stdin="192.0.2.1\n192.0.2.7\n")
    assert {(rule["set"], rule["prefix"]): rule["packets"] for rule in loaded.rules("f0")} == {
        ("one", "192.0.2.1"): 2, ("one", "192.0.2.7"): 0, ("two", "192.0.2.2"): 3}


def test_many_sets_are_no_trouble(loaded):
    text = "".join(f"set s{number}\n10.0.{number}.0/24\n" for number in range(100))
    loaded.good("add", "-f", "-", stdin=text)
    assert len(sets(loaded)) == 100
    assert loaded.status("f0")["rules"]["sets"] == {f"s{number}": 1 for number in range(100)}
    assert loaded.wire.exchange([udp("10.0.99.1"), udp("10.0.100.1")]) == [False, True]
