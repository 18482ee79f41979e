# SPDX-License-Identifier: GPL-2.0
"""A filter that an older version loaded: refused with the way out, and made one of this version by
`repair` and by sync, with its rules and without a gap."""
import pathlib
import threading

import pytest

import product
from beside import FREE, OURS, Count, XdpFilter, names
from frames import udp, udp6
from netlab import wait_for
from product import DONE, FAILED
from syncing import Sync

OLDER = pathlib.Path(__file__).with_name("older")
RULES = """\
192.0.2.66
pass 192.0.2.64/30
198.51.100.0/24 timeout 1h
2001:db8::/32
set other
drop 192.0.2.67
pass 2001:db8:1::/48
"""


class Older(product.Tool):
    def start(self, *args, prefix=(), **kwargs):
        kept, product.BINARY = product.BINARY, OLDER
        try:
            return super().start(*args, prefix=prefix, **kwargs)
        finally:
            product.BINARY = kept


@pytest.fixture
def older(lab):
    return Older(lab.namespace)


def load(older, *args):
    return older.good("load", "-m", "native", "-f", "-", *args, "f0", stdin=RULES)


def listed(tool):
    """Rules without what moves."""
    return [{key: rule[key] for key in ("prefix", "verdict", "set")} | {"ends": rule["expires_s"] is not None}
            for rule in tool.rules("f0")]


def verdicts(lab):
    return lab.wire.exchange([udp(OURS), udp("192.0.2.65"), udp("198.51.100.7"), udp(FREE),
                              udp6("2001:db8::1"), udp6("2001:db8:1::1")])


def test_commands_name_the_way_out(lab, older):
    load(older)
    for command in (["list"], ["status", "f0"], ["add", FREE], ["poll", "--count", "1", "f0"],
                    ["watch", "--count", "1", "f0"], ["test", FREE]):
        lab.refused(FAILED, *command, words=["f0", "older version", "'xdp-ipfilter repair'"])
    assert not lab.wire.passes(udp(OURS))
    lab.good("unload", "f0")


@pytest.mark.parametrize("options", [(), ("--policy", "deny"), ("--prio", "7", "--counters", "never")],
                         ids=" ".join)
def test_repair_keeps_rules_and_options(lab, older, options):
    load(older, *options)
    before, seen, was = listed(older), verdicts(lab), older.status("f0")
    lab.good("repair", "f0")
    now = lab.status("f0")
    assert listed(lab) == before and verdicts(lab) == seen
    assert now["program_id"] != was["program_id"]
    for same in ("state", "mode", "policy", "priority", "rules"):
        assert now[same] == was[same], same
    lab.good("add", "-f", "-", stdin=f"drop {FREE}")
    assert not lab.wire.passes(udp(FREE))


def test_no_packet_slips_while_it_is_replaced(lab, older):
    """OURS is dropped by both versions, FREE by none."""
    load(older)
    done, slipped, lost, rounds = threading.Event(), 0, 0, 0
    results = []

    def repair():
        results.append(lab("repair", "f0"))
        done.set()

    worker = threading.Thread(target=repair)
    frames = [udp(OURS), udp(FREE)] * 20
    lab.wire.exchange(frames)
    worker.start()
    while not done.is_set() or not rounds:
        got = lab.wire.exchange(frames)
        slipped, lost, rounds = slipped + sum(got[0::2]), lost + got[1::2].count(False), rounds + 1
    worker.join()
    assert results[0].rc == DONE, results
    assert (slipped, lost) == (0, 0), f"in {rounds} rounds of 40 packets"
    assert not lab.wire.passes(udp(OURS))


@pytest.mark.dispatcher
def test_neighbours_stay(chained, older):
    lab = chained
    load(older)
    neighbours = [Count(lab), XdpFilter(lab)]
    for neighbour in neighbours:
        neighbour.come()
    before = names(lab)
    lab.good("repair")
    assert sorted(names(lab)) == sorted(before)
    assert lab.status("f0")["state"] == "filtering-chained"
    assert not lab.wire.passes(udp(OURS))
    for neighbour in neighbours:
        assert neighbour.works(), neighbour.name
        neighbour.go()


@pytest.mark.dispatcher
def test_a_killed_repair_is_finished_by_the_next(chained, older, need, tmp_path):
    """At some moments, both versions are in the chain. They filter alike."""
    need("strace")
    lab = chained
    both = 0
    for moment in range(1, 12):
        load(older)
        lab("repair", "f0", may_die=True, prefix=[
            "strace", "-qq", "-f", "-o", tmp_path / "trace", "-e", "trace=flock",
            "-e", f"inject=flock:signal=KILL:when={moment}"])
        both += names(lab).count("xdp_ipfilter") == 2
        assert not lab.wire.passes(udp(OURS)), moment
        lab.good("repair", "f0")
        assert names(lab) == ["xdp_ipfilter"] and not lab.wire.passes(udp(OURS)), moment
        lab.good("add", FREE)
        assert lab.prefixes("f0")[OURS] == "drop"
        lab.good("unload", "f0")
    assert both, "no moment had both versions in the chain"


def test_sync_replaces_it(lab, older, tmp_path):
    load(older)
    was = older.status("f0")["program_id"]
    with Sync(lab, tmp_path, "interface f0 { mode = native }") as sync:
        wait_for(lambda: lab("status", "f0").rc == DONE, "a filter of this version", lab.patience)
        sync.wait_interface("f0", "filtering")
        assert any("f0: its filter is of an older version" in line for line in sync.said), sync.said
    assert lab.status("f0")["program_id"] != was
    assert not lab.wire.passes(udp(OURS))
