# SPDX-License-Identifier: GPL-2.0
"""add, del, replace, flush, list and test: rules on the command line, and their canonical text."""
import random
import re
from ipaddress import ip_address, ip_network, summarize_address_range

import pytest

from frames import FREE4, LISTED4, LISTED6, numbered4, udp
from product import DONE, FAILED, NOT_LOADED, USAGE

#: rule as typed -> what `list` shows
GOOD = [
    ("192.0.2.1", ["192.0.2.1"]),
    ("192.0.2.1/32", ["192.0.2.1"]),
    ("192.0.2.0/24", ["192.0.2.0/24"]),
    ("192.0.2.0/255.255.255.0", ["192.0.2.0/24"]),
    ("192.0.2.9/255.255.255.255", ["192.0.2.9"]),
    ("128.0.0.0/1", ["128.0.0.0/1"]),
    ("128.0.0.0/128.0.0.0", ["128.0.0.0/1"]),
    ("0.0.0.0/32", ["0.0.0.0"]),
    ("255.255.255.255", ["255.255.255.255"]),
    ("192.0.2.0-192.0.2.255", ["192.0.2.0/24"]),
    ("192.0.2.7-192.0.2.7", ["192.0.2.7"]),
    ("192.0.2.1-192.0.2.6", ["192.0.2.1", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6"]),
    ("192.0.2.255-192.0.3.0", ["192.0.2.255", "192.0.3.0"]),
    ("2001:db8::1", ["2001:db8::1"]),
    ("2001:DB8:0:0:0:0:0:1", ["2001:db8::1"]),
    ("2001:0db8::0001/128", ["2001:db8::1"]),
    ("2001:db8::/32", ["2001:db8::/32"]),
    ("8000::/1", ["8000::/1"]),
    ("::/128", ["::"]),
    ("::1", ["::1"]),
    ("fe80::/10", ["fe80::/10"]),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
    ("2001:db8::0-2001:db8::ffff", ["2001:db8::/112"]),
    ("2001:db8::ffff-2001:db8::1:0", ["2001:db8::ffff", "2001:db8::1:0"]),
    ("2001:db8:0:1:0:0:0:1", ["2001:db8:0:1::1"]),
    ("2001:db8::192.0.2.1", ["2001:db8::c000:201"]),
    ("::ffff:192.0.2.1", ["192.0.2.1"]),
    ("::FFFF:c000:0201", ["192.0.2.1"]),
    ("0:0:0:0:0:ffff:192.0.2.1", ["192.0.2.1"]),
    ("::ffff:192.0.2.0/120", ["192.0.2.0/24"]),
    ("::ffff:192.0.2.1/128", ["192.0.2.1"]),
]


@pytest.mark.parametrize("typed, shown", GOOD, ids=[typed for typed, _ in GOOD])
def test_a_rule_is_shown_in_its_canonical_form(loaded, typed, shown):
    loaded.good("add", typed)
    assert sorted(loaded.prefixes("f0")) == sorted(shown)
    loaded.good("del", typed)
    assert loaded.prefixes("f0") == {}


def test_list_shows_all_of_them_one_a_line(loaded):
    rules = {shown for _, every in GOOD for shown in every} - {"128.0.0.0/1", "8000::/1"}
    loaded.good("add", *rules)
    listed = loaded.good("list", "-d", "f0").out
    for prefix in rules:
        assert re.search(rf"(?m)^(drop )?{re.escape(prefix)}$", listed), listed


@pytest.mark.parametrize("typed, shown", [
    ("192.0.2.1/24", "192.0.2.0/24"),
    ("192.0.2.1/255.255.0.0", "192.0.0.0/16"),
    ("2001:db8::1/64", "2001:db8::/64"),
    ("::ffff:192.0.2.1/120", "192.0.2.0/24"),
])
def test_host_bits_are_cleared_with_a_warning(loaded, typed, shown):
    loaded.good("add", typed, warns=[typed, shown])
    assert loaded.prefixes("f0") == {shown: "drop"}


BAD = [
    "", " ", "192.0.2", "192.0.2.256", "192.0.2.1.1", "192.0.2.01", "0192.0.2.1", "+192.0.2.1",
    "-192.0.2.1", " 192.0.2.1", "192.0.2.1 ", "192.0. 2.1", "192.0.2.1x", "192.0.2.1/",
    "192.0.2.1/33",
    "192.0.2.1/-1", "192.0.2.1/+24", "192.0.2.1/024", "192.0.2.1/24x", "192.0.2.1/ 24", "/24",
    "192.0.2.0/255.0.255.0", "192.0.2.0/0.0.0.255", "192.0.2.0/255.255.255", "192.0.2.9-192.0.2.8",
    "192.0.2.1-", "-192.0.2.9", "192.0.2.1-192.0.2.9/31", "192.0.2.1-2001:db8::1",
    "192.0.2.1--192.0.2.9",
    "192.0.2.1 - 192.0.2.9", "192.0.2.1-9", "0x7f.0.0.1", "3221225985", "192.0.2.1,192.0.2.2",
    "2001:db8::1::2", "2001:db8:", ":1", "2001:db8::12345", "2001:db8::g", "2001:db8::/129",
    "2001:db8::/ffff::", "2001:db8::1%eth0", "[2001:db8::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", ":::", "2001:db8::1/64/64", "2001:db8::2-2001:db8::1", "::ffff:0:0/95",
    "::ffff:192.0.2.1/95", "::/80x", "::ffff:192.0.2.256", "::ffff:192.0.02.1", "example.org",
    "localhost", "drop 192.0.2.1", "1" * 300, "192.0.2.1\n", "192.0.2.\uff11",
]


@pytest.mark.parametrize("typed", BAD, ids=lambda text: repr(text)[:40])
def test_a_bad_rule_is_refused(loaded_once, typed):
    loaded_once.refused(USAGE, "add", "--", typed)


def test_del_reads_rules_as_add_does(loaded_once):
    for typed in BAD[::9]:
        loaded_once.refused(USAGE, "del", "--", typed)


@pytest.mark.parametrize("command", ["add", "del"])
def test_one_bad_rule_among_good_ones_changes_nothing(loaded, command):
    loaded.good("add", "192.0.2.1", "2001:db8::/32")
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, command, "192.0.2.1", "192.0.2.7", "10.0.0.300", words="10.0.0.300")


def test_add_and_del_are_idempotent(loaded):
    loaded.good("add", "192.0.2.1", "192.0.2.2")
    with loaded.unchanged("f0"):
        loaded.good("add", "192.0.2.1", "192.0.2.2")
        loaded.good("del", "192.0.2.3", "2001:db8::/48")
    loaded.good("del", "192.0.2.1")
    loaded.good("del", "192.0.2.1")
    assert loaded.prefixes("f0") == {"192.0.2.2": "drop"}


def changes(result):
    """The number of changed rules that -v prints."""
    numbers = [int(number) for line in result.err_lines
               for number in re.findall(r"\b(\d+) rules?\b", line)]
    assert numbers, f"-v names a number of rules: {result}"
    return numbers


def test_verbose_says_how_many_rules_really_changed(loaded):
    def count(*args):
        result = loaded(*args, "-v")
        assert result.rc == DONE, result
        return changes(result)

    assert 2 in count("add", "192.0.2.1", "192.0.2.2")
    assert 1 in count("add", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert 0 in count("add", "192.0.2.1")
    assert 2 in count("del", "192.0.2.1", "192.0.2.2", "192.0.2.99")
    assert 0 in count("del", "192.0.2.1")
    assert 1 in count("add", "--pass", "192.0.2.3"), "another verdict is a change"
    assert 0 in count("add", "--pass", "192.0.2.3")
    assert 1 in count("add", "--pass", "-t", "1h", "192.0.2.3"), "another timeout is a change"


@pytest.mark.parametrize("first, then, verdict", [
    ("--drop", "--pass", "pass"), ("--pass", "--drop", "drop"), ("--pass", "--pass", "pass")])
def test_add_with_another_verdict_replaces_the_rule(loaded, first, then, verdict):
    loaded.good("add", first, "192.0.2.0/24")
    loaded.good("add", then, "192.0.2.0/24")
    assert loaded.prefixes("f0") == {"192.0.2.0/24": verdict}
    assert loaded.wire.passes(udp("192.0.2.5")) is (verdict == "pass")


def test_a_verdict_is_the_opposite_of_the_policy_unless_said(lab):
    lab.load("-p", "deny", "-i", FREE4)
    lab.good("add", "192.0.2.1")
    lab.good("add", "--drop", "192.0.2.2")
    lab.good("add", "--pass", "192.0.2.3")
    assert lab.prefixes("f0") == {FREE4: "pass", "192.0.2.1": "pass", "192.0.2.2": "drop",
                                  "192.0.2.3": "pass"}


#: The longest prefix decides, in whatever order the rules are added.
NESTED = [("10.0.0.0/8", "drop"), ("10.1.0.0/16", "pass"), ("10.1.2.0/24", "drop"),
          ("10.1.2.128/25", "pass"), ("10.1.2.129", "drop"),
          ("2001:db8::/32", "drop"), ("2001:db8:1::/48", "pass"), ("2001:db8:1:1::/64", "drop"),
          ("2001:db8:1:1::1", "pass")]
PROBES = [
    ("9.255.255.255", True), ("10.0.0.0", False), ("10.0.255.255", False), ("10.1.0.0", True),
    ("10.1.1.255", True), ("10.1.2.0", False), ("10.1.2.127", False), ("10.1.2.128", True),
    ("10.1.2.129", False), ("10.1.2.130", True), ("10.1.2.255", True), ("10.1.3.0", True),
    ("10.1.255.255", True), ("10.2.0.0", False), ("10.255.255.255", False), ("11.0.0.0", True),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", True), ("2001:db8::", False),
    ("2001:db8:0:ffff:ffff:ffff:ffff:ffff", False), ("2001:db8:1::", True),
    ("2001:db8:1:1::", False), ("2001:db8:1:1::1", True), ("2001:db8:1:1::2", False),
    ("2001:db8:1:1:ffff:ffff:ffff:ffff", False), ("2001:db8:1:2::", True),
    ("2001:db8:2::", False), ("2001:db9::", True),
]


@pytest.mark.parametrize("order", ["long first", "short first", "random"])
def test_exceptions_live_inside_prefixes_both_ways(loaded, order):
    rules = list(NESTED)
    if order == "long first":
        rules.reverse()
    elif order == "random":
        seed = random.randrange(2 ** 32)
        print(f"seed {seed}")
        random.Random(seed).shuffle(rules)
    loaded.good("add", "-f", "-", stdin="".join(f"{verdict} {rule}\n" for rule, verdict in rules))
    got = loaded.wire.exchange(udp(source) for source, _ in PROBES)
    assert {source: yes for (source, _), yes in zip(PROBES, got)} == dict(PROBES)
    for source, passes in PROBES[::5]:
        assert loaded("test", "-q", source).rc == (FAILED if passes else DONE), source


@pytest.mark.parametrize("rule, inside, outside", [
    ("192.0.2.16-192.0.2.35", ["192.0.2.16", "192.0.2.20", "192.0.2.35"],
     ["192.0.2.15", "192.0.2.36"]),
    ("192.0.2.64/255.255.255.192", ["192.0.2.64", "192.0.2.127"], ["192.0.2.63", "192.0.2.128"]),
    ("0.0.0.0/1", ["0.0.0.0", "127.255.255.255"], ["128.0.0.0", "255.255.255.255"]),
    ("255.255.255.255", ["255.255.255.255"], ["255.255.255.254", "0.0.0.0"]),
    ("2001:db8::10-2001:db8::23", ["2001:db8::10", "2001:db8::23"],
     ["2001:db8::f", "2001:db8::24"]),
    ("2001:db8::/127", ["2001:db8::", "2001:db8::1"], ["2001:db8::2", "2001:db7::1"]),
    ("2001:db8:0:0:8000::/65", ["2001:db8::8000:0:0:0", "2001:db8::ffff:ffff:ffff:ffff"],
     ["2001:db8::7fff:ffff:ffff:ffff", "2001:db8:0:1::"]),
    ("8000::/1", ["8000::", "ffff::1"], ["7fff::1", "::"]),
    ("::ffff:192.0.2.0/120", ["192.0.2.0", "192.0.2.255"],
     ["192.0.1.255", "192.0.3.0", "::ffff:192.0.2.1"]),
], ids=lambda value: value if isinstance(value, str) else "")
def test_both_edges_of_a_rule_hold_on_packets(loaded, rule, inside, outside):
    loaded.good("add", rule)
    got = loaded.wire.exchange(udp(source) for source in inside + outside)
    assert got == [False] * len(inside) + [True] * len(outside)
    assert loaded("test", "-q", *inside).rc == DONE


def test_a_family_is_not_hit_by_the_other_one(loaded):
    loaded.good("add", "--force", "0.0.0.0/0")
    assert loaded.wire.exchange([udp(FREE4), udp(LISTED6)]) == [False, True]
    loaded.good("flush")
    loaded.good("add", "--force", "::/0")
    assert loaded.wire.exchange([udp(FREE4), udp(LISTED6)]) == [True, False]


def test_a_thousand_rules_of_both_families_hold_on_packets(loaded, slow):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    rules = {}
    for _ in range(500):
        rules[str(ip_network((rng.getrandbits(32), rng.randint(8, 32)), strict=False))] = \
            rng.choice(["drop", "pass"])
        base = 0x20010DB8 << 96 | rng.getrandbits(96)
        rules[str(ip_network((base, rng.randint(33, 128)), strict=False))] = \
            rng.choice(["drop", "pass"])
    loaded.good("add", "-f", "-",
                stdin="".join(f"{verdict} {rule}\n" for rule, verdict in rules.items()))
    nets = sorted(((ip_network(rule), verdict) for rule, verdict in rules.items()),
                  key=lambda pair: -pair[0].prefixlen)

    def passes(address):
        for net, verdict in nets:
            if address.version == net.version and address in net:
                return verdict == "pass"
        return True

    sample = rng.sample(nets, 100 if slow else 300)
    addresses = [ip_address(edge) for net, _ in sample for edge in
                 (net.network_address, net.broadcast_address)]
    got = loaded.wire.exchange(udp(str(address)) for address in addresses)
    wrong = [(str(address), "passed" if yes else "dropped")
             for address, yes in zip(addresses, got) if yes != passes(address)]
    assert not wrong


def test_a_random_range_is_the_smallest_set_of_prefixes(loaded, slow):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for round_ in range(6 if slow else 20):
        bits, kind = (32, "10.0.0.0") if round_ % 2 else (128, "2001:db8::")
        base = int(ip_address(kind))
        low, high = sorted(base + rng.getrandbits(22 if bits == 32 else 90) for _ in range(2))
        low, high = type(ip_address(kind))(low), type(ip_address(kind))(high)
        loaded.good("add", f"{low}-{high}")
        want = {str(net.network_address) if net.prefixlen == bits else str(net)
                for net in summarize_address_range(low, high)}
        assert set(loaded.prefixes("f0")) == want, f"{low}-{high}"
        loaded.good("del", f"{low}-{high}")
        assert loaded.prefixes("f0") == {}


def test_commands_mean_every_loaded_interface_unless_said(lab):
    lab.add_pair("f1", "p1")
    lab.add_pair("f2", "p2")
    lab.good("load", "f0", "f1")
    lab.good("add", "192.0.2.1")
    lab.good("add", "-d", "f1", "192.0.2.2")
    assert set(lab.prefixes("f0")) == {"192.0.2.1"}
    assert set(lab.prefixes("f1")) == {"192.0.2.1", "192.0.2.2"}
    both = lab.good("list", "-j").json()["interfaces"]
    assert [one["ifname"] for one in both] == ["f0", "f1"]
    lab.good("add", "-d", "f0", "--dev", "f1", "192.0.2.3")
    assert "192.0.2.3" in lab.prefixes("f0") and "192.0.2.3" in lab.prefixes("f1")
    lab.good("del", "192.0.2.1")
    assert set(lab.prefixes("f0")) == {"192.0.2.3"}
    lab.good("flush", "-d", "f1")
    assert lab.prefixes("f1") == {} and set(lab.prefixes("f0")) == {"192.0.2.3"}
    with lab.unchanged("f0", "f1"):
        lab.refused(NOT_LOADED, "add", "-d", "f0", "-d", "f2", "192.0.2.9",
                    words=["f2", "not loaded"])
        lab.refused(FAILED, "add", "-d", "f0", "-d", "nosuch0", "192.0.2.9",
                    words=["nosuch0", "no such interface"])


@pytest.mark.parametrize("args", [("add", "192.0.2.1"), ("del", "192.0.2.1"), ("flush",),
                                  ("flush", "-a"), ("list",), ("list", "-j"), ("test", "192.0.2.1"),
                                  ("replace", "-f", "-")], ids=" ".join)
@pytest.mark.parametrize("where", [(), ("-d", "f0")], ids=["anywhere", "on f0"])
def test_rules_where_nothing_is_loaded_exit_3(module_lab, args, where):
    command, *rest = args
    module_lab.refused(NOT_LOADED, command, *where, *rest, words="not loaded", stdin="192.0.2.1\n")


@pytest.mark.parametrize("addresses, rc", [
    ([LISTED4], DONE), ([FREE4], FAILED), ([LISTED4, FREE4], FAILED), ([LISTED4, LISTED6], DONE),
    ([FREE4, LISTED6], FAILED), (["::ffff:" + LISTED4], DONE)], ids=str)
def test_test_says_whether_every_address_would_be_dropped(loaded, addresses, rc):
    loaded.good("add", LISTED4, LISTED6)
    result = loaded("test", *addresses)
    assert result.rc == rc and result.err == "", result
    for address in addresses:
        assert address in result.out or address.replace("::ffff:", "") in result.out, result
    assert ("drop" in result.out) or rc == FAILED, result
    quiet = loaded("test", "-q", *addresses)
    assert quiet.rc == rc and quiet.out == "" and quiet.err == "", quiet


def test_test_counts_nothing(loaded):
    loaded.good("add", LISTED4)
    before = loaded.status("f0")["counters"]
    loaded("test", LISTED4, FREE4)
    assert loaded.status("f0")["counters"] == before
    assert loaded.rules("f0")[0]["packets"] == 0


def test_test_on_two_interfaces_needs_a_drop_on_both(lab):
    lab.add_pair("f1", "p1")
    lab.good("load", "f0", "f1")
    lab.good("add", "-d", "f0", LISTED4)
    assert lab("test", "-d", "f0", LISTED4).rc == DONE
    assert lab("test", "-d", "f1", LISTED4).rc == FAILED


def test_counters_of_a_rule_are_those_of_the_packets_it_decided(loaded):
    loaded.good("add", "10.0.0.0/8", LISTED4, LISTED6)
    loaded.good("add", "--pass", "10.1.0.0/16")
    frames = ([udp("10.2.0.1", 100)] * 3 + [udp("10.1.0.1", 200)] * 2 + [udp(LISTED4, 0)] +
              [udp(LISTED6, 1000)] * 4 + [udp(FREE4)] * 5)
    loaded.wire.exchange(frames)
    got = {rule["prefix"]: (rule["packets"], rule["bytes"]) for rule in loaded.rules("f0")}
    assert got == {"10.0.0.0/8": (3, 3 * 142), "10.1.0.0/16": (2, 2 * 242), LISTED4: (1, 42),
                   LISTED6: (4, 4 * 1062)}


def test_counters_of_a_rule_stay_while_others_come_and_go(loaded):
    loaded.good("add", "192.0.2.66", "10.0.0.0/8")
    loaded.wire.exchange([udp("192.0.2.66")] * 3 + [udp("10.0.0.1")] * 2)

    def packets():
        return {rule["prefix"]: rule["packets"] for rule in loaded.rules("f0")}

    assert packets() == {"192.0.2.66": 3, "10.0.0.0/8": 2}
    loaded.good("add", "1.2.3.4", "192.0.2.67")
    assert packets() == {"192.0.2.66": 3, "10.0.0.0/8": 2, "1.2.3.4": 0, "192.0.2.67": 0}
    loaded.good("del", "1.2.3.4")
    loaded.good("replace", "-f", "-", stdin="192.0.2.66\n9.9.9.9\n10.0.0.0/8\n")
    assert packets() == {"192.0.2.66": 3, "10.0.0.0/8": 2, "9.9.9.9": 0}
    loaded.wire.exchange([udp("192.0.2.66")])
    assert packets()["192.0.2.66"] == 4
    loaded.good("add", "--pass", "192.0.2.66")
    assert packets()["192.0.2.66"] == 0, "another verdict is another rule"
    loaded.good("del", "10.0.0.0/8")
    loaded.good("add", "10.0.0.0/8")
    assert packets()["10.0.0.0/8"] == 0, "a rule that was gone starts again"


def test_flush_empties_and_the_policy_decides(loaded):
    loaded.good("add", *[f"192.0.2.{n}" for n in range(20)])
    assert not any(loaded.wire.exchange(numbered4("192.0.2.0", 20)))
    loaded.good("flush")
    assert loaded.rules("f0") == []
    assert all(loaded.wire.exchange(numbered4("192.0.2.0", 20)))
    loaded.good("flush")
