# SPDX-License-Identifier: GPL-2.0
"""Many commands at the same time: every acknowledged change is made, and no reader sees half of
one.

XDP_IPFILTER_LONG=1 makes it a minute."""
import os
import random
import signal
import threading
import time

import pytest

import beside
import kernel
import product
from beside import OURS, DropMac
from frames import udp
from product import DONE, FAILED

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))


class Worker(threading.Thread):
    """Runs step() repeatedly until the time is over. The test shows what it raises."""

    def __init__(self, lab, number, seed, until):
        super().__init__()
        self.lab, self.number, self.until = lab, number, until
        self.random = random.Random(seed + number)
        self.error, self.steps = None, 0

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.step()
                self.steps += 1
        except BaseException as error:
            self.error = error

    def tool(self, *args, **kwargs):
        # Sixteen commands wait for each other, and an emulated machine is slow.
        return self.lab.good("--lock-timeout", 100, *args, **kwargs)


class Changer(Worker):
    """Adds and deletes addresses of its own, and remembers which must be there."""

    def __init__(self, *args):
        super().__init__(*args)
        self.there = {"f0": set(), "f1": set()}

    def step(self):
        where = self.random.choice([["f0"], ["f1"], ["f0", "f1"]])
        some = {f"10.{self.number}.0.{self.random.randrange(40)}"
                for _ in range(self.random.randrange(1, 6))}
        devs = [arg for dev in where for arg in ("-d", dev)]
        command = self.random.choice(["add", "del"])
        self.tool(command, *devs, *some)
        for dev in where:
            self.there[dev] = (self.there[dev] | some if command == "add" else
                               self.there[dev] - some)


class Replacer(Worker):
    """Replaces its own set by the next generation of fifty."""
    COUNT = 50

    def __init__(self, *args):
        super().__init__(*args)
        self.generation = 0

    def step(self):
        self.generation += 1
        text = "".join(f"10.{self.number}.{self.generation % 256}.{2 * n}\n"
                       for n in range(self.COUNT))
        self.tool("replace", "-s", f"set{self.number}", "-f", "-", stdin=text)


class Reader(Worker):
    """Lists, without the lock: each set of a Replacer is complete, or not there yet."""

    def step(self):
        rules = self.lab.rules(self.random.choice(["f0", "f1"]))
        keys = [(rule["set"], rule["prefix"]) for rule in rules]
        assert len(keys) == len(set(keys)), "a rule is there twice"
        sets = {}
        for name, prefix in keys:
            sets.setdefault(name, []).append(prefix)
        for name, prefixes in sets.items():
            if name != "default":
                assert len(prefixes) == Replacer.COUNT, f"{name}: {len(prefixes)} rules"
                assert len({prefix.split(".")[2] for prefix in prefixes}) == 1, prefixes


def test_sixteen_at_once_lose_nothing(lab, slow):
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    lab.add_pair("f1", "p1")
    lab.load()
    lab.load(dev="f1")
    until = time.monotonic() + (60 if LONG else 6 if slow else 4)
    workers = [kind(lab, number, seed, until) for number, kind in
               enumerate([Changer] * 10 + [Replacer] * 2 + [Reader] * 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print({kind.__name__: sum(one.steps for one in workers if type(one) is kind)
           for kind in (Changer, Replacer, Reader)})
    for worker in workers:
        if worker.error:
            raise worker.error
    for dev in ("f0", "f1"):
        rules = lab.rules(dev)
        there = sorted(rule["prefix"] for rule in rules if rule["set"] == "default")
        assert there == sorted(one for worker in workers[:10] for one in worker.there[dev])
        for worker in workers[10:12]:
            mine = {rule["prefix"] for rule in rules if rule["set"] == f"set{worker.number}"}
            assert {prefix.split(".")[2] for prefix in mine} == {str(worker.generation % 256)}
    assert all(worker.steps for worker in workers)


@pytest.mark.dispatcher
def test_eight_loads_while_neighbours_come_and_go(lab, need, slow):
    need("xdp-loader")
    stop, rounds = threading.Event(), 20 if LONG else 1
    they = DropMac(lab)
    they.come()

    def come_and_go():
        """Other loaders lose races against each other and against us. That is not our failure."""
        while not stop.is_set():
            lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("count"), check=False)
            for number, name in beside.chain(lab):
                if name == "nb_count":
                    lab.ns.run("xdp-loader", "unload", "f0", "-i", number, check=False)

    neighbour = threading.Thread(target=come_and_go)
    neighbour.start()
    try:
        for _ in range(rounds):
            running = [lab.start("--lock-timeout", 100, "load", "-i", OURS, "f0")
                       for _ in range(8)]
            ended = [(process.communicate(timeout=120)[1], process.returncode)
                     for process in running]
            assert sorted(code for _, code in ended) == [DONE] + [FAILED] * 7, ended
            assert all(code == DONE or "loaded already" in said for said, code in ended), ended
            assert beside.we_work(lab) and they.works()
            lab.good("unload", "f0")
            assert lab.wire.passes(udp(OURS)) and they.works()
    finally:
        stop.set()
        neighbour.join()


# The lock

@pytest.fixture
def held(loaded_once):
    """Held by this process, until it is closed."""
    with kernel.queued(loaded_once.ns) as ticket:
        yield ticket


def test_a_holder_that_hangs_is_named_in_time(loaded, held):
    with loaded.unchanged("f0"):
        for args in (("add", "192.0.2.1"), ("unload", "f0"), ("load", "f0"), ("flush",),
                     ("repair", "f0")):
            start = time.monotonic()
            loaded.refused(FAILED, *args, "--lock-timeout", 0,
                           words=[f"process {os.getpid()} (", "--lock-timeout"])
            assert time.monotonic() - start < loaded.patience
    start = time.monotonic()
    loaded.refused(FAILED, "add", "192.0.2.1", "--lock-timeout", 1, words="after 1 s")
    assert 1 <= time.monotonic() - start < 1 + loaded.patience


def test_who_waits_goes_on_when_the_lock_is_free(loaded, held):
    waiter = loaded.start("add", "192.0.2.1", "-v")
    assert "waiting" in waiter.stderr.readline()
    held.close()
    waiter.communicate(timeout=60)
    assert waiter.returncode == DONE and "192.0.2.1" in loaded.prefixes("f0")


def test_stopping_and_going_on_is_no_end_of_waiting(loaded, held):
    waiter = loaded.start("add", "192.0.2.1", "-v")
    assert "waiting" in waiter.stderr.readline()
    waiter.send_signal(signal.SIGSTOP)
    waiter.send_signal(signal.SIGCONT)
    assert waiter.poll() is None
    held.close()
    waiter.communicate(timeout=60)
    assert waiter.returncode == DONE


def test_run_leaves_nothing_behind_though_the_lock_is_held(lab):
    runner = lab.start("run", "--interval", 50, "--lock-timeout", 2, "f0")
    try:
        runner.stdout.readline()
        with kernel.queued(lab.ns):
            runner.terminate()
            _, said = runner.communicate(timeout=60)
        assert runner.returncode == DONE
        assert f"process {os.getpid()}" in said and "without the lock" in said
        assert "xdp" not in lab.ns.links()["f0"]
    finally:
        runner.kill()
        runner.wait()


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "86401", "010"])
def test_a_wrong_timeout_is_refused(module_lab, value):
    for args in ((f"--lock-timeout={value}", "unload", "f0"),
                 ("unload", "f0", f"--lock-timeout={value}")):
        module_lab.refused(product.USAGE, *args, words=["seconds", "86400"])
    assert module_lab("unload", "--lock-timeout=x", "--help").rc == DONE
