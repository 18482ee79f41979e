# SPDX-License-Identifier: GPL-2.0
"""top: the sources with the most packets, estimated from samples."""
import collections
import json
import random
import re

import pytest

from frames import LISTED4, LISTED6, udp
from product import DONE, NOT_LOADED, USAGE

#: (source, how many of its packets are in each burst): 60, 30 and 10 percent.
FLOOD = (("192.0.2.66", 30), ("198.51.100.7", 15), ("2001:db8:1::7", 5))


def flood(lab, senders=FLOOD):
    """The same burst, in random order, all the time."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    frames = [udp(source, 100) for source, count in senders for _ in range(count)]
    random.Random(seed).shuffle(frames)
    return lab.wire.flooded(frames)


def round_ms(lab):
    """A busy machine sometimes sends nothing for half a second, an emulated one for longer."""
    return 4000 if lab.patience > 30 else 1000


def sources(lab, *args):
    """The last of three rounds of the only interface, in their order."""
    lines = lab.good("top", "-j", "--count", 3, "-i", round_ms(lab), *args).out.splitlines()
    assert len(lines) == 3
    [interface] = json.loads(lines[-1])["interfaces"]
    assert set(interface) == {"ifname", "enforce", "sources"} and interface["ifname"] == lab.dev
    assert interface["enforce"] is True
    return interface["sources"]


def test_sources_come_in_order_with_their_shares_and_rules(lab):
    lab.load("-i", LISTED4)
    with flood(lab):
        seen = sources(lab)
    assert [one["source"] for one in seen] == [source for source, _ in FLOOD]
    for one, (source, count) in zip(seen, FLOOD):
        assert set(one) == {"source", "verdict", "packets_per_s", "error_per_s", "bytes_per_s",
                            "share", "prefix", "set"}
        assert abs(one["share"] - 2 * count) <= 5, seen
        assert one["error_per_s"] == 0 and one["packets_per_s"] > 0
        size = len(udp(source, 100))
        assert abs(one["bytes_per_s"] / one["packets_per_s"] - size) < size / 10, one
        listed = source == LISTED4
        assert one["verdict"] == ("drop" if listed else "pass")
        assert (one["prefix"], one["set"]) == ((source, "default") if listed else (None, None))


def test_samples_estimate_the_same(lab):
    lab.load("-i", LISTED4)
    with flood(lab):
        few, all_of_them = sources(lab, "-n", "10"), sources(lab)
    assert few[0]["source"] == all_of_them[0]["source"] == LISTED4
    assert abs(few[0]["share"] - all_of_them[0]["share"]) <= 20


@pytest.mark.parametrize("seed", [1, 20261130, 0x9e3779b9])
def test_the_heaviest_of_200_sources(lab, slow, seed):
    """By Zipf's law, against exact counts: the first three in order, and their shares within 20 %.
    The rate of 1,000 events in a second takes the whole burst, wherever it begins."""
    rng = random.Random(seed)
    addresses = [f"198.51.100.{host}" for host in rng.sample(range(256), 200)]
    exact = collections.Counter(rng.choices(
        addresses, [1 / rank for rank in range(1, 201)], k=1000)).most_common()
    lab.load()
    with flood(lab, exact):
        [line] = lab.good("top", "-j", "--count", 1, "-i", 8000 if slow else 2000).out.splitlines()
    seen = json.loads(line)["interfaces"][0]["sources"]
    assert [one["source"] for one in seen[:3]] == [source for source, _ in exact[:3]], (seen, exact)
    for one, (source, count) in zip(seen[:3], exact):
        assert abs(one["share"] - count / 10) <= 0.2 * count / 10, (seen, exact[:10])


def test_groups_and_verdicts(lab):
    lab.load("-i", LISTED4)
    senders = [(f"203.0.113.{host}", 1) for host in range(30)] + [(LISTED4, 10), (LISTED6, 5)]
    with flood(lab, senders):
        grouped = sources(lab, "--pass", "--by", "24,32")
        dropped = sources(lab, "--drop")
    assert [one["source"] for one in grouped] == ["203.0.113.0/24", "2001:db8::/32"]
    assert {one["verdict"] for one in grouped} == {"pass"} and grouped[0]["share"] > 75
    assert [(one["source"], one["share"]) for one in dropped] == [(LISTED4, 100)]


def test_text(lab):
    lab.load("-i", "192.0.2.0/24")
    with flood(lab):
        said = lab.good("top", "-b", "--count", "1", "-i", round_ms(lab), lab.dev).out.splitlines()
    assert re.fullmatch(rf"{lab.dev}: [\d,]+ packets/s, [\d.]+[kM]? bits/s, (\d+) % dropped",
                        said[0]), said
    assert said[1] == "  packets/s  bits/s  share  verdict  source         rule          set"
    assert re.fullmatch(rf" +[\d,]+ +[\d.]+[kM]? +\d+ %  drop     {LISTED4}     192\.0\.2\.0/24  "
                        r"default", said[2]), said
    assert len(said) == 5 and max(map(len, said)) < 80


def test_an_observing_filter_is_said(lab):
    lab.load("--observe", "-i", "192.0.2.0/24", warns="drops nothing")
    with flood(lab):
        said = lab.good("top", "-b", "--count", "1", "-i", round_ms(lab), lab.dev).out.splitlines()
        document = lab.good("top", "-j", "--count", "1", "-i", round_ms(lab), lab.dev).out
    assert said[0].startswith(f"{lab.dev}: observing, ") and said[0].endswith("% would be dropped")
    assert f"%  drop (passed)  {LISTED4} " in said[2], said
    [interface] = json.loads(document)["interfaces"]
    assert interface["enforce"] is False and interface["sources"][0]["verdict"] == "drop"


def test_its_rules_block_the_flood(lab):
    lab.load()
    with flood(lab):
        rules = lab.good("top", "--pass", "--rules", "--count", "1", "-i", round_ms(lab)).out
    assert rules.startswith(f"drop {FLOOD[0][0]} # ")
    lab.good("add", "-t", "10m", "-f", "-", stdin=rules)
    assert lab.wire.exchange([udp(source) for source, _ in FLOOD]) == [False] * 3


def test_rules_spare_what_the_link_needs(lab):
    lab.load()
    needed = ["fe80::7", "febf::1", "169.254.1.2", "0.0.0.0", "::"]
    others = ["fec0::1", "169.253.1.2", "0.0.0.1", "::1:0:0:1"]
    with flood(lab, [(source, 10) for source in needed + others]):
        rules = lab.good("top", "--rules", "--count", "1", "-i", "2000").out.splitlines()
    assert sorted(rule.split()[1] for rule in rules) == sorted(others)


def test_rules_spare_sources_of_a_quiet_link(lab):
    """One or two packets in six seconds are 0 packets/s."""
    lab.load()
    every = ["--count", "1", "-i", "6000"]
    with lab.wire.flooded([udp("192.0.2.67")], pause=5):
        shows = lab.start("top", "-b", *every)
        rules = lab.good("top", "--rules", *every).out
        assert "192.0.2.67" in shows.communicate(timeout=60)[0]
    assert rules == ""


def test_without_packets_and_without_a_filter(lab):
    lab.load()
    assert sources(lab) == []
    lab.good("unload", lab.dev)
    lab.refused(NOT_LOADED, "top", "-b", words=("not loaded",))


def test_it_leaves_nothing_on(lab):
    from test_watch import nothing_is_on
    lab.load()
    process = lab.start("top", "-b", "-i", "10")
    process.stdout.readline()
    process.terminate()
    process.communicate(timeout=lab.patience)
    assert process.returncode == DONE and nothing_is_on(lab)


@pytest.mark.parametrize("args, words", [
    (["-j", "--rules"], ["--json", "--rules"]), (["-b", "--by", "33"], ["--by"]),
    (["-b", "--by", "24,129"], ["--by"]), (["-b", "--by", ","], ["--by"]),
    (["-b", "--by", "24,"], ["--by"]), (["-b", "--by", "024,48"], ["--by"])])
def test_wrong_usage(lab, args, words):
    lab.refused(USAGE, "top", *args, words=words)
