# SPDX-License-Identifier: GPL-2.0
"""All or nothing: under traffic, when killed at any moment, and with many commands at once."""
import os
import random
import signal
import threading
import time

import pytest

import kernel
import product
from frames import udp
from netlab import wait_for
from product import DONE, FAILED, NOT_LOADED


#: The last command waits for all others, on a machine that may be slow.
PATIENT = ("--lock-timeout", 100)

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))


def big(first, count):
    return "".join(f"10.{first}.{n >> 7}.{2 * n & 255}\n" for n in range(count))


def test_a_replace_under_traffic_never_lets_the_common_rule_slip(loaded, slow):
    """192.0.2.66 is in the old and in the new rules, .67 in neither."""
    loaded.good("add", "192.0.2.66", "192.0.2.1")
    stop, errors = threading.Event(), []

    def swap():
        for number in range(1000 if LONG else 3 if slow else 30):
            text = f"192.0.2.66\n192.0.2.{number % 50}\n" + big(number % 7, 300)
            result = loaded("replace", "--force", "-f", "-", stdin=text)
            if result.rc != DONE:
                errors.append(result)
        stop.set()

    swapper = threading.Thread(target=swap)
    swapper.start()
    frames, slipped, lost, rounds = [udp("192.0.2.66"), udp("192.0.2.67")] * 20, 0, 0, 0
    while not stop.is_set():
        got = loaded.wire.exchange(frames)
        slipped += sum(got[0::2])
        lost += got[1::2].count(False)
        rounds += 1
    swapper.join()
    assert not errors and rounds > 1
    assert (slipped, lost) == (0, 0)


@pytest.mark.parametrize("change", ["add", "del", "replace", "flush"])
def test_a_killed_change_leaves_the_old_rules_or_the_new(lab, slow, change):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    count = 500 if slow else 3000
    lab.load()
    old, new = big(1, count), big(2, count)
    outcomes = set()
    for _ in range(3 if slow else 8):
        lab.good("replace", "--force", "-f", "-", stdin=old)
        args, text = {"add": (("add", "-f", "-"), new), "del": (("del", "-f", "-"), old),
                      "replace": (("replace", "-f", "-"), new), "flush": (("flush",), "")}[change]
        start = time.monotonic()
        process = lab.start(*args, stdin=-1)
        killer = threading.Timer(rng.uniform(0, 0.4 if slow else 0.04), process.kill)
        killer.start()
        try:
            process.communicate(text, timeout=60)
        except BrokenPipeError:
            process.communicate(timeout=60)
        killer.join()
        assert process.returncode in (DONE, -signal.SIGKILL), (process.returncode, start)
        rules = {rule["prefix"] for rule in lab.rules("f0")}
        before = set(old.split())
        after = {"add": before | set(new.split()), "del": set(), "replace": set(new.split()),
                 "flush": set()}[change]
        assert rules in (before, after), f"{len(rules)} rules"
        outcomes.add((process.returncode, rules == after))
        lab.good("add", "192.0.2.66", timeout=60)
        assert not lab.wire.passes(udp("192.0.2.66"))
        lab.good("del", "192.0.2.66")
    print(outcomes)


def nothing_keeps_leaking(lab, before):
    """Later commands remove the pins of a killed command, once they are too old to be in use."""
    product.age_pins()
    lab.load()
    lab.good("unload", "f0")
    assert set(product.pins()) <= before


def test_a_killed_load_is_repaired_by_the_next_command(lab, slow, no_more_progs):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    before = set(product.pins())
    for _ in range(6 if slow else 25):
        process = lab.start("load", "-i", "192.0.2.66", "f0")
        killer = threading.Timer(rng.uniform(0, 0.6 if slow else 0.06), process.kill)
        killer.start()
        process.communicate(timeout=60)
        killer.join()
        state = lab.status("f0")["state"]
        assert state in ("not-loaded", "filtering-chained", "filtering-single", "not-filtering")
        if state.startswith("filtering"):
            assert lab.wire.exchange([udp("192.0.2.66"), udp("192.0.2.67")]) == [False, True]
            lab.good("unload", "f0")
        elif state == "not-filtering":
            assert lab("unload", "f0").rc in (DONE, NOT_LOADED)
        lab.load("-i", "192.0.2.67")
        assert lab.prefixes("f0") == {"192.0.2.67": "drop"}
        assert lab.wire.exchange([udp("192.0.2.66"), udp("192.0.2.67")]) == [True, False]
        lab.good("unload", "f0")
        assert "xdp" not in lab.ns.links()["f0"]
    nothing_keeps_leaking(lab, before)


def test_a_killed_unload_is_finished_by_the_next_one(lab, slow, no_more_progs):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    before = set(product.pins())
    for _ in range(4 if slow else 15):
        lab.load("-i", "192.0.2.66")
        process = lab.start("unload", "f0")
        killer = threading.Timer(rng.uniform(0, 0.3 if slow else 0.03), process.kill)
        killer.start()
        process.communicate(timeout=60)
        killer.join()
        assert lab("unload", "f0").rc in (DONE, NOT_LOADED)
        assert "xdp" not in lab.ns.links()["f0"]
        assert lab.wire.passes(udp("192.0.2.66"))
    nothing_keeps_leaking(lab, before)


def test_concurrent_adds_wait_for_each_other_and_all_arrive(loaded, slow):
    count = 6 if slow else 20
    running = [loaded.start(*PATIENT, "add", f"192.0.2.{n}") for n in range(count)]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == DONE, err
    assert set(loaded.prefixes("f0")) == {f"192.0.2.{n}" for n in range(count)}


def test_concurrent_loads_of_one_interface_leave_one_instance(lab, slow, no_more_progs):
    for _ in range(2 if slow else 5):
        running = [lab.start(*PATIENT, "load", "-i", "192.0.2.66", "f0") for _ in range(4)]
        codes = []
        for process in running:
            _, err = process.communicate(timeout=120)
            codes.append(process.returncode)
            assert process.returncode == DONE or "already" in err, err
        assert sorted(codes) == [DONE, FAILED, FAILED, FAILED]
        assert not lab.wire.passes(udp("192.0.2.66"))
        lab.good("unload", "f0")
        assert "xdp" not in lab.ns.links()["f0"]


def test_concurrent_loads_of_different_interfaces_all_succeed(lab, slow):
    names = [f"c{n}" for n in range(3 if slow else 6)]
    for name in names:
        lab.add_pair(name, f"{name}p")
    running = [lab.start(*PATIENT, "load", "-i", "192.0.2.66", name) for name in names]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == DONE, err
    assert all(lab.status(name)["state"].startswith("filtering") for name in names)
    lab.good("unload", "-a")


def test_a_stopped_writer_that_dies_frees_the_lock(loaded):
    """The lock ends with its holder, which is stopped in the middle and then killed."""
    text = big(3, 3000)
    process = loaded.start("replace", "--force", "-f", "-", stdin=-1)
    feeder = threading.Thread(target=lambda: _feed(process, text))
    feeder.start()
    time.sleep(0.01)  # not a wait: this moment is the test case
    process.send_signal(signal.SIGSTOP)
    process.kill()
    feeder.join()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    loaded.good("add", "192.0.2.66", timeout=60)


def _feed(process, text):
    try:
        process.stdin.write(text)
        process.stdin.close()
    except (BrokenPipeError, ValueError):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
                         ids=lambda n: n.name)
def test_a_signal_at_a_load_tells_the_truth(lab, slow, number):
    """Other loaders exit with 143 although the program is attached. Here only 0 means loaded."""
    for delay in ([0.05, 0.2, 0.4] if slow else [0.002, 0.006, 0.012, 0.02, 0.03, 0.05]):
        process = lab.start("load", "-i", "192.0.2.66", "f0")
        time.sleep(delay)  # not a wait: this moment is the test case
        process.send_signal(number)
        process.communicate(timeout=60)
        loaded = lab.status("f0")["state"].startswith("filtering")
        assert (process.returncode == DONE) is loaded, (process.returncode, loaded, delay)
        lab.reset()


def test_many_changes_leak_nothing_in_the_kernel(loaded, slow):
    loaded.good("add", "192.0.2.66")
    count = len(kernel.maps())
    for number in range(8 if slow else 40):
        loaded.good("add", f"10.0.0.{number}")
        loaded.good("del", f"10.0.0.{number}")
    wait_for(lambda: len(kernel.maps()) <= count, "maps of old rules are freed", 20)
