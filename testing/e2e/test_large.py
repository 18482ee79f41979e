# SPDX-License-Identifier: GPL-2.0
"""A large table changes a little: by a delta beside its base. Users see one table, which is as if
it had been compiled anew."""
import os
import random
import struct
import threading

import pytest

import kernel
from frames import udp
from netlab import wait_for
from product import DONE, FAILED

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))

#: Enough for a delta.
MANY = 10000
#: The bits of ipf_root.generation.
HAS_DELTA = 4
SSH = {"SSH_CONNECTION": "192.0.2.10 40000 198.51.100.1 22"}


def hosts(count, first=10):
    """Every second address, so that there is room between them."""
    return [f"{first + (n >> 15)}.{n >> 7 >> 8 & 255}.{n >> 7 & 255}.{2 * n & 255}"
            for n in range(count)]


def lines(rules):
    return "".join(f"{rule}\n" for rule in rules)


@pytest.fixture
def large(lab):
    lab.load("--counters", "always", "-f", "-", stdin=lines(hosts(MANY)))
    return lab


def our_maps(lab):
    return kernel.program_maps(lab.status("f0")["program_id"])


def has_delta(lab):
    with kernel.mapped(our_maps(lab)[".data.ipf"], 4096) as view:
        return bool(int.from_bytes(view[:4], "little") & HAS_DELTA)


def memory(lab):
    """The bytes of the filter's maps, those in slots among them."""
    known, own = kernel.maps(), our_maps(lab)
    with kernel.mapped(own[".bss.ipf_slots"], 96 << 10) as view:
        own = set(own.values()) | set(struct.unpack("24576I", view[:96 << 10]))
    return sum(int(about["bytes_memlock"]) for number, about in known.items() if number in own)


def seen(lab):
    """What users see of the table."""
    status = lab.status("f0")
    for moving in ("counters", "per_cpu", "program_id", "loaded"):
        status.pop(moving, None)
    sources = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.6", "10.0.7.9", "2001:db8::1",
               "2001:db8::2", "203.0.113.5"]
    return (lab.good("list", "-d", "f0").out, lab("test", "-d", "f0", *sources).out,
            {key: status[key] for key in status if key in ("rules", "sets", "policy", "state")},
            [not arrived for arrived in lab.wire.exchange([udp(one) for one in sources])])


#: Each leaves a live delta.
CHANGES = {
    "add": [("add", "10.0.0.3", "2001:db8::1")],
    "del": [("del", "10.0.0.2", "10.0.0.4", "192.0.2.1")],
    "an exception": [("add", "--pass", "10.0.0.0/28"), ("add", "--pass", "10.0.0.2")],
    "a wide rule": [("add", "-s", "wide", "10.0.0.0/13"), ("del", "10.0.0.2")],
    "sets": [("add", "-s", "a", "10.0.0.2"), ("add", "-s", "z", "--pass", "10.0.0.6"),
             ("flush", "-s", "a")],
    "a flush of a set": [("add", "-s", "b", "10.0.0.3", "2001:db8::2"), ("flush", "-s", "b"),
                         ("add", "203.0.113.5")],
    "IPv6": [("add", "2001:db8::/64"), ("add", "--pass", "2001:db8::2"), ("del", "10.0.0.6")],
}


@pytest.mark.parametrize("what", CHANGES)
def test_users_see_one_table(large, what):
    for change in CHANGES[what]:
        large.good(*change)
    assert has_delta(large)
    before = seen(large)
    listed = large.good("list", "-d", "f0").out
    large.good("unload", "f0")
    large.load("-f", "-", stdin=listed)
    assert not has_delta(large)
    assert seen(large) == before


def test_replace_and_flush_see_the_delta(large):
    large.good("add", "10.0.0.3")
    large.good("add", "-s", "b", *hosts(200, 99))
    assert has_delta(large)
    large.refused(FAILED, "replace", "-s", "b", "-f", "-", stdin="99.0.0.0\n",
                  words=["set b", "1 of 200 rules"])
    large.good("replace", "-s", "b", "-f", "-", stdin=lines(hosts(150, 99)))
    assert len(large.prefixes("f0", "b")) == 150
    told = large.good("replace", "-n", "-s", "b", "-f", "-", stdin=lines(hosts(150, 99))).out
    assert told == f"0 added, 0 removed, {MANY + 151} kept\n"
    assert "10.0.0.3" in large.prefixes("f0")
    large.good("flush")
    assert not large.prefixes("f0") and len(large.prefixes("f0", "b")) == 150
    large.good("flush", "-a")
    assert not large.rules("f0") and not has_delta(large)


def test_what_is_undone_leaves_the_table_as_it_was(large):
    for undo in ([("add", "203.0.113.5"), ("del", "203.0.113.5")],
                 [("add", "-s", "x", "10.0.0.0/24"), ("flush", "-s", "x")],
                 [("add", "2001:db8::/40"), ("del", "2001:db8::/40")]):
        before = seen(large)
        large.good(*undo[0])
        assert has_delta(large), undo
        large.good(*undo[1])
        assert not has_delta(large) and seen(large) == before, undo


def test_a_change_of_nothing_publishes_nothing(large):
    def generation():
        with kernel.mapped(our_maps(large)[".data.ipf"], 4096) as view:
            return bytes(view[:4])

    large.good("add", "203.0.113.5")
    before = generation()
    for args in (["add", "203.0.113.5", "10.0.0.2"], ["del", "203.0.113.6"], ["flush", "-s", "no"],
                 ["del", "-s", "no", "10.0.0.2"]):
        assert "0 rules changed" in large(*args, "-v").err
        assert generation() == before, args


def test_counters_go_on_and_new_ones_start_at_zero(large):
    def packets(prefix):
        one, = (rule for rule in large.rules("f0") if rule["prefix"] == prefix)
        return one["packets"]

    large.good("add", "203.0.113.5")
    for count in (1, 2):
        large.wire.exchange([udp("203.0.113.5"), udp("10.0.0.2"), udp("10.0.0.2")])
        assert (packets("203.0.113.5"), packets("10.0.0.2")) == (count, 2 * count)
        large.good("add", "10.0.0.3", "10.0.0.0/24")  # the second time, nothing changes
    large.good("del", "203.0.113.5")
    large.good("add", "203.0.113.5", "203.0.113.6")
    large.wire.exchange([udp("203.0.113.6")])
    assert (packets("203.0.113.5"), packets("203.0.113.6")) == (0, 1)
    large.good("add", "-f", "-", stdin=lines(hosts(5000, 80)))  # compiles the table anew
    assert not has_delta(large)
    assert (packets("203.0.113.5"), packets("203.0.113.6"), packets("10.0.0.2")) == (0, 1, 4)


def test_counting_begins_and_ends_where_the_manual_says(lab):
    lab.load("-f", "-", stdin=lines(hosts(65530)))

    def counted():
        return lab.rules("f0", "x")[0]["packets"] is not None

    lab.good("add", "-s", "x", *(f"203.0.113.{n}" for n in range(6)))
    assert has_delta(lab) and counted()
    lab.good("add", "-s", "x", "203.0.113.6")
    assert not has_delta(lab) and not counted()
    lab.good("add", "-s", "x", "203.0.113.7")
    assert has_delta(lab) and not counted()
    lab.good("del", "-s", "x", "203.0.113.7")
    lab.good("del", "-s", "x", "203.0.113.6")
    assert not has_delta(lab) and counted()
    assert len(lab.rules("f0")) == 65536


def test_what_is_too_large_for_a_delta_is_compiled_anew(lab):
    """Fewer rules than a delta may have, but more bytes."""
    lab.load("-f", "-", stdin=lines(hosts(400000)))
    lab.good("add", "203.0.113.5")
    assert has_delta(lab)
    lab.good("add", "-s", "x", "-f", "-", stdin=lines(f"2001:db8:{n:x}::{n:x}" for n in range(24000)))
    assert not has_delta(lab)
    assert len(lab.rules("f0")) == 424001 and len(lab.prefixes("f0", "x")) == 24000
    assert not any(lab.wire.exchange([udp("203.0.113.5"), udp("2001:db8:7::7"), udp("10.0.0.2")]))


def test_a_rule_of_the_delta_ends(large):
    large.good("add", "-t", "2s", "203.0.113.5", "10.0.0.3")
    large.good("add", "-s", "x", "--pass", "-t", "2s", "10.0.0.2")
    frames = [udp("203.0.113.5"), udp("10.0.0.2"), udp("10.0.0.4")]
    wait_for(lambda: large.wire.exchange(frames) == [True, False, False], "the rules end", 30)
    assert {"203.0.113.5", "10.0.0.3"}.isdisjoint(large.prefixes("f0"))
    assert not large.prefixes("f0", "x") and "10.0.0.2" in large.prefixes("f0")
    large.good("add", "203.0.113.6")
    assert len(large.rules("f0")) == MANY + 1


def test_warnings_know_the_whole_table(large):
    large.good("add", "192.0.2.10", env=SSH, warns=["192.0.2.10", "SSH"])
    large.good("add", "--pass", "-s", "x", "192.0.2.10", env=SSH)
    large.good("add", "192.0.2.0/24", env=SSH)
    large.good("del", "-s", "x", "192.0.2.10", env=SSH, warns=["192.0.2.10", "SSH"])
    large.refused(FAILED, "add", "0.0.0.0/0", words="--force")
    assert "0.0.0.0/0" not in large.prefixes("f0")
    large.good("unload", "f0")
    large.load("-p", "deny", "-f", "-", stdin=lines(hosts(MANY)) + "set y\n")
    large.good("add", "10.0.0.3", env=SSH, warns=["192.0.2.10", "SSH"])
    large.good("add", "192.0.2.10", env=SSH)


def test_a_damaged_delta_is_detected(large):
    """By whatever reads the table. Packets outside of its regions are decided as before."""
    large.good("add", "203.0.113.5")
    delta = kernel.live_delta(large.status("f0")["program_id"])
    with kernel.mapped(delta, 4096) as view:
        before, view[0:4] = bytes(view[0:4]), b"\xa5\xa5\xa5\xa5"
        for args in (["list"], ["test", "10.0.0.2"], ["add", "192.0.2.1"],
                     ["del", "10.0.0.2"], ["replace", "--force", "-f", "-"]):
            large.refused(FAILED, *args, stdin="10.0.0.2\n", words="damaged")
        assert large.wire.exchange([udp("192.0.2.1")]) == [True]
        view[0:4] = before
    assert len(large.rules("f0")) == MANY + 1


def test_a_damaged_base_is_detected_where_it_is_read(lab):
    """A small change reads few records of the base, so it cannot see damage elsewhere. Whatever
    reads the table as a whole does."""
    lab.load("-f", "-", stdin=lines(hosts(200000)))
    with kernel.mapped(our_maps(lab)[".bss.ipf_slots"], 96 << 10) as view:
        ids = struct.unpack("24576I", view[:96 << 10])
    chunk, = {number for number, about in kernel.maps().items()
              if number in ids and about["name"] == "ipf_chunk" and number in
              (ids[2], ids[8192 + 2])}
    with kernel.mapped(chunk, 1 << 20) as view:
        before, view[4096:4100] = bytes(view[4096:4100]), b"\xa5\xa5\xa5\xa5"
        assert before != b"\xa5\xa5\xa5\xa5"
        for args in (["list"], ["test", "10.0.0.2"], ["replace", "--force", "-f", "-"],
                     ["add", "-f", "-"]):
            lab.refused(FAILED, *args, stdin=lines(hosts(60000, 100)), words="damaged")
        lab.good("add", "203.0.113.5")
        assert not lab.wire.passes(udp("203.0.113.5"))
        view[4096:4100] = before
    assert len(lab.rules("f0")) == 200001


def test_a_stream_of_changes_under_traffic(large, slow):
    """.66 is always dropped, .67 never, whatever is added and deleted beside and over them."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    large.good("add", "192.0.2.66")
    stop, errors, present = threading.Event(), [], set()

    def change():
        for _ in range(10000 if LONG else 20 if slow else 300):
            one = rng.choice([f"192.0.2.{rng.randrange(66)}", f"10.0.0.{rng.randrange(256)}",
                              "192.0.2.64/31", f"2001:db8::{rng.randrange(1, 64):x}"])
            add = one not in present
            result = large("add" if add else "del", one)
            if result.rc != DONE:
                errors.append(result)
            (present.add if add else present.remove)(one)
        stop.set()

    changer = threading.Thread(target=change)
    changer.start()
    frames, leaked, lost, rounds = [udp("192.0.2.66"), udp("192.0.2.67")] * 20, 0, 0, 0
    while not stop.is_set():
        got = large.wire.exchange(frames)
        leaked += sum(got[0::2])
        lost += got[1::2].count(False)
        rounds += 1
    changer.join()
    assert not errors and rounds > 1
    assert (leaked, lost) == (0, 0)
    beside = {one for one in large.prefixes("f0") if one.startswith(("192.", "2001:"))}
    assert beside - {"192.0.2.66"} == {one for one in present if one.startswith(("192.", "2001:"))}


def test_memory_after_many_changes(large, slow):
    """It stays within a quarter of a fresh load's."""
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(10000 if LONG else 20 if slow else 400):
        old, new = (f"10.0.{rng.randrange(78)}.{2 * rng.randrange(128)}" for _ in range(2))
        large.good("del", old)
        large.good("add", f"10.0.{rng.randrange(78)}.{2 * rng.randrange(128) + 1}", new)
    used, listed = memory(large), large.good("list", "-d", "f0").out
    large.good("unload", "f0")
    large.load("--counters", "always", "-f", "-", stdin=listed)
    fresh = memory(large)
    print(f"{used} bytes, {fresh} after a fresh load")
    assert used <= 1.25 * fresh


def test_sixteen_writers(large, slow):
    count = 2 if slow else 12

    def write(number):
        for n in range(count):
            large.good("--lock-timeout", 100, "add", f"172.16.{number}.{n}")
            if n % 3 == 0:
                large.good("--lock-timeout", 100, "del", f"172.16.{number}.{n}")

    writers = [threading.Thread(target=write, args=[number]) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {one for one in large.prefixes("f0") if one.startswith("172.")} == {
        f"172.16.{number}.{n}" for number in range(16) for n in range(count) if n % 3}
