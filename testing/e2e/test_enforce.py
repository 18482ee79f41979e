# SPDX-License-Identifier: GPL-2.0
"""Observing: what would be dropped is counted so, and passes; one store switches it."""
import threading

import pytest

from beside import Count
from frames import LISTED4, udp
from product import DONE, NOT_LOADED, USAGE

FREE = "192.0.2.67"
LISTED6 = "2001:db8::66"

#: A frame of each kind of rule: which of them arrive, by whether the filter drops.
FRAMES = [udp(LISTED4), udp(FREE), udp(LISTED6)]


def enforcing(lab):
    status, = (one for one in lab.good("status", "-j").json()["interfaces"]
               if one["ifname"] == lab.dev)
    listed, = lab.good("list", "-j", "-d", lab.dev).json()["interfaces"]
    assert status["enforce"] is listed["enforce"]
    assert status["state"].startswith("filtering-"), "observing is not a state of its own in JSON"
    return status["enforce"]


def drops(lab):
    return lab.counters(lab.dev)["drop"][0]


def test_load_observe_drops_nothing_and_says_so(lab, dispatcher):
    result = lab.load("--observe", "-i", LISTED4, "-i", LISTED6, warns="drops nothing")
    how = "chained" if dispatcher[0] else "single"
    assert result.out.startswith(f"{lab.dev}: observing, {how} ("), result
    assert f"enforce on -d {lab.dev}" in result.err, result
    assert enforcing(lab) is False
    assert lab.wire.exchange(FRAMES) == [True, True, True]
    assert drops(lab) == 2, "they count as if they had been dropped"
    assert [rule["packets"] for rule in lab.rules(lab.dev)] == [1, 1]
    said = lab.good("status", lab.dev).out
    assert f"{lab.dev}: observing, {how}" in said and "drops nothing" in said
    assert "observing" in lab.good("list").out.splitlines()[0]
    assert "observing" in lab("test", LISTED4).err
    assert f"{lab.dev}: observing" in lab.good("poll", "-i", "1", "--count", "1").out
    polled, = lab.good("poll", "-j", "-i", "1", "--count", "1").json()["interfaces"]
    assert polled["enforce"] is False

    assert lab.good("enforce", "on").out == f"{lab.dev}: filtering, {how}\n"
    assert enforcing(lab) is True
    assert lab.wire.exchange(FRAMES) == [False, True, False]
    assert lab.good("enforce", "off", "-d", lab.dev).out == f"{lab.dev}: observing, {how}\n"
    assert lab.wire.exchange(FRAMES) == [True, True, True]
    assert drops(lab) == 6


def test_policy_deny_and_malformed_packets_pass_too(lab):
    lab.load("-p", "deny", "-i", FREE)
    cut = udp(FREE)[:20]
    frames = [udp(FREE), udp(LISTED4), cut]
    assert lab.wire.exchange(frames) == [True, False, False]
    lab.good("enforce", "off")
    assert lab.wire.exchange(frames) == [True, True, True]
    counters = lab.counters(lab.dev)
    assert (counters["drop"][0], counters["malformed"][0]) == (2, 2)


def test_it_lives_through_changes_replaces_and_flushes(lab):
    lab.load("--observe", "-i", LISTED4, warns="drops nothing")
    many = "".join(f"10.{n >> 8}.{n & 255}.0/24\n" for n in range(5000))
    for change in (("add", LISTED6), ("replace", "-f", "-"), ("add", "10.1.1.1"), ("flush",)):
        lab.good(*change, stdin=many + LISTED4 if change[-1] == "-" else None)
        assert enforcing(lab) is False, change
        assert lab.wire.exchange(FRAMES) == [True, True, True], change
    lab.good("enforce", "on")
    lab.good("replace", "-f", "-", stdin=many + LISTED4)
    assert enforcing(lab) is True and not lab.wire.passes(udp(LISTED4))


@pytest.mark.dispatcher
def test_it_lives_through_repairs(chained):
    lab = chained
    lab.load("--observe", "-i", LISTED4, warns="drops nothing")
    lab.ns.ip("link", "set", lab.dev, "xdp", "off")
    lab.good("repair", warns="drops nothing")
    assert enforcing(lab) is False and lab.wire.passes(udp(LISTED4))
    # The interface has another chain by now, so the filter comes back as a new program.
    program = lab.status(lab.dev)["program_id"]
    lab.ns.ip("link", "set", lab.dev, "xdp", "off")
    Count(lab).come()
    lab.good("repair", warns="drops nothing")
    assert lab.status(lab.dev)["program_id"] != program
    assert enforcing(lab) is False and lab.wire.passes(udp(LISTED4)) and drops(lab) == 1


def test_run_says_what_would_have_been_dropped(lab):
    result = lab("run", "--observe", "-i", LISTED4, "--interval", "1", "--count", "1", lab.dev)
    assert result.rc == DONE and "0 packets would have been dropped" in result.out, result


def test_an_interface_without_the_filter_and_wrong_words(lab):
    lab.refused(NOT_LOADED, "enforce", "on", words=("not loaded",))
    lab.refused(NOT_LOADED, "enforce", "off", "-d", lab.dev, words=(lab.dev, "not loaded"))
    lab.refused(USAGE, "enforce", words=("on or off?",))
    lab.refused(USAGE, "enforce", "maybe", words=("on or off?",))
    lab.refused(USAGE, "enforce", "on", lab.dev, words=("--dev",))


def test_enforce_on_warns_if_it_locks_the_operator_out(lab):
    lab.load("--observe", "-i", LISTED4, warns="drops nothing")
    session = {"SSH_CONNECTION": f"{LISTED4} 50000 192.0.2.1 22"}
    assert LISTED4 in lab.good("enforce", "on", env=session, warns=LISTED4).err
    lab.good("enforce", "on", env=session)  # nothing changes
    lab.good("enforce", "off", env=session)


def test_under_traffic_each_packet_has_the_verdict_of_one_state(lab, slow):
    """Switched 1,000 times, while listed and free sources send. No free packet is lost, each packet
    is counted once, a listed one as dropped, and whatever is sent between two switches is treated
    alike."""
    lab.load("-i", LISTED4)
    stop, faults, sent = threading.Event(), [], [0, 0]

    def switch():
        for number in range(100 if slow else 1000):
            result = lab("enforce", "off" if number % 2 else "on")
            if result.rc != DONE:
                faults.append(result)
        stop.set()

    switcher = threading.Thread(target=switch)
    switcher.start()
    frames, passed, controls = [udp(LISTED4), udp(FREE)] * 16, 0, lab.wire.controls
    while not stop.is_set():
        got = lab.wire.exchange(frames)
        assert all(got[1::2]), "a free source"
        sent[0] += len(got[0::2])
        sent[1] += len(got[1::2])
        passed += sum(got[0::2])
    switcher.join()
    assert not faults
    assert 0 < passed < sent[0], "both states were seen"
    sizes = len(udp(LISTED4)), len(udp(FREE))
    counters = lab.counters(lab.dev)
    assert [counters["drop"], counters["pass"]] == [
        (count, count * size) for count, size in zip(sent, sizes)]
    assert (counters["other"][0], counters["malformed"][0]) == (lab.wire.controls - controls, 0)
    assert [rule["packets"] for rule in lab.rules(lab.dev)] == [sent[0]]
    for number in range(4):
        lab.good("enforce", "off" if number % 2 else "on")
        assert lab.wire.exchange(frames[0::2]) == [bool(number % 2)] * 16
