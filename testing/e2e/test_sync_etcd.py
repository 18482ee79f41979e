# SPDX-License-Identifier: GPL-2.0
"""Do hosts drop what etcd's keys say, and go on dropping when etcd, sync or its child has failed?

Hosts are namespaces, each with a cable whose frames are filtered, and with another interface to the
network of the etcd nodes."""
import gzip
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import time

import pytest

import etcd
import product
from conftest import Lab
from etcd import Cluster
from frames import udp
from netlab import Namespace, wait_for
from syncing import Sync
from test_source_etcd import LONG, Writers, addresses, cpu_seconds

pytestmark = pytest.mark.skipif(bool(etcd.MISSING), reason=etcd.WHY)


class Fleet:
    """Hosts, and etcd nodes at 10.9.0.101 to 103, on one switch. `with` ends all of it."""

    def __init__(self, folder, patience, hosts=1, nodes=1):
        self.folder = folder
        self.store = Namespace()
        self.labs, self.syncs = [], []
        self.etcd = Cluster(folder / "etcd", size=nodes, place=self.store,
                            addresses=[f"10.9.0.{101 + i}" for i in range(nodes)])
        self.store.ip("link", "add", "switch", "up", "type", "bridge")
        for i in range(nodes):
            self.store.ip("address", "add", f"10.9.0.{101 + i}/24", "dev", "switch")
        for i in range(hosts):
            lab = Lab(patience)
            self.labs.append(lab)
            self.store.ip("link", "add", f"h{i}", "up", "master", "switch", "type", "veth",
                          "peer", "name", "m0", "netns", lab.ns.name)
            lab.ns.ip("link", "set", "m0", "up")
            lab.ns.ip("address", "add", f"10.9.0.{i + 1}/24", "dev", "m0")

    def config(self, more=""):
        return (f"interface f0 {{ mode = native }}\n"
                f'source fleet {{ from = "{self.etcd.location()}" {more} }}\n')

    def start(self, lab, more=""):
        folder = self.folder / f"host{self.labs.index(lab)}"
        folder.mkdir(exist_ok=True)
        sync = Sync(lab, folder, self.config(more))
        self.syncs.append(sync)
        sync.wait_interface("f0", "filtering")
        return sync

    def __enter__(self):
        try:
            self.etcd.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for sync in self.syncs:
            sync.kill()
        self.etcd.stop()
        for lab in self.labs:
            lab.close()
        self.store.close()


@pytest.fixture
def fleet(tmp_path, patience):
    with Fleet(tmp_path, patience) as made:
        yield made


def wait_drops(lab, source, drops=True):
    wait_for(lambda: lab.wire.passes(udp(source)) is not drops,
             f"{source} is {'dropped' if drops else 'passed'}", etcd.PATIENCE)


def wait_state(sync, *states):
    sync.wait(lambda: (sync.source("fleet") or {}).get("state") in states, f"it is {states}",
              etcd.PATIENCE)


def test_keys_are_dropped_and_passed_again(fleet):
    lab, = fleet.labs
    fleet.etcd.put("/f/192.0.2.1")
    with fleet.start(lab) as sync:
        wait_drops(lab, "192.0.2.1")
        fleet.etcd.put("/f/drop.gz", gzip.compress(b"198.51.100.0/24\npass 198.51.100.7\n"))
        wait_drops(lab, "198.51.100.1")
        assert lab.wire.passes(udp("198.51.100.7"))
        fleet.etcd.ctl("del", "/f/192.0.2.1")
        wait_drops(lab, "192.0.2.1", drops=False)
        assert not lab.wire.passes(udp("198.51.100.1"))
        sync.end()
        assert not lab.wire.passes(udp("198.51.100.1"))


def test_a_wrong_value_is_told(fleet):
    lab, = fleet.labs
    fleet.etcd.put("/f/a", "192.0.2.1\n")
    with fleet.start(lab) as sync:
        wait_drops(lab, "192.0.2.1")
        fleet.etcd.put("/f/a", "192.0.2.2\nrubbish\n")
        sync.wait_said("/f/a", "a:2:1", "rubbish")
        assert not lab.wire.passes(udp("192.0.2.1"))


def test_all_keys_gone_are_not_believed_at_once(fleet):
    """Somebody's `etcdctl del --prefix` opens no gate; new rules are still taken."""
    lab, = fleet.labs
    fleet.etcd.connection().put_many((f"/f/10.0.0.{i}", b"") for i in range(200))
    with fleet.start(lab) as sync:
        wait_drops(lab, "10.0.0.199")
        fleet.etcd.ctl("del", "--prefix", "/f/")
        wait_state(sync, "held")
        fleet.etcd.put("/f/192.0.2.1")
        wait_drops(lab, "192.0.2.1")
        assert not lab.wire.passes(udp("10.0.0.0"))
        fleet.etcd.connection().put_many((f"/f/10.0.0.{i}", b"") for i in range(1, 200))
        wait_state(sync, "fresh")
        wait_drops(lab, "10.0.0.0", drops=False)


def test_the_last_key_goes(fleet):
    """Whoever deletes it means it; etcd that comes back empty is not believed."""
    lab, = fleet.labs
    fleet.etcd.put("/f/192.0.2.1")
    with fleet.start(lab) as sync:
        wait_drops(lab, "192.0.2.1")
        fleet.etcd.ctl("del", "/f/192.0.2.1")
        wait_drops(lab, "192.0.2.1", drops=False)
        wait_state(sync, "fresh")
        assert not [line for line in sync.said if "held" in line]


def test_a_key_that_would_shut_out_everybody(fleet, tmp_path):
    """It is not used, nor is what comes with it; other sets go on, and it heals by itself."""
    lab, = fleet.labs
    other = tmp_path / "other.txt"
    other.write_text("198.51.100.1\n")
    fleet.etcd.put("/f/192.0.2.1")
    with fleet.start(lab, f'}}\nsource other {{ from = "{other}" ') as sync:
        wait_drops(lab, "192.0.2.1")
        wait_drops(lab, "198.51.100.1")
        fleet.etcd.put("/f/0.0.0.0/0")
        fleet.etcd.put("/f/192.0.2.2")
        wait_state(sync, "held")
        other.write_text("198.51.100.1\n198.51.100.2\n")
        wait_drops(lab, "198.51.100.2")
        assert lab.wire.passes(udp("203.0.113.1")) and lab.wire.passes(udp("192.0.2.2"))
        assert not lab.wire.passes(udp("192.0.2.1"))
        assert "most of them by 0.0.0.0/0" in sync.source("fleet")["error"]
        # Nor is it after a restart, or on an interface that is loaded now.
        sync.end()
        lab.reset()
        sync = fleet.start(lab, f'}}\nsource other {{ from = "{other}" ')
        wait_drops(lab, "192.0.2.1")
        wait_state(sync, "held")
        assert lab.wire.passes(udp("203.0.113.1"))
        fleet.etcd.ctl("del", "/f/0.0.0.0/0")
        wait_drops(lab, "192.0.2.2")
        wait_state(sync, "fresh")
        assert lab.wire.passes(udp("203.0.113.1"))


def test_etcd_is_down_and_back(fleet):
    lab, = fleet.labs
    fleet.etcd.put("/f/192.0.2.1")
    with fleet.start(lab) as sync:
        wait_drops(lab, "192.0.2.1")
        fleet.etcd.stop()
        wait_state(sync, "failing")
        assert not lab.wire.passes(udp("192.0.2.1"))
        assert "10.9.0.101" in sync.source("fleet")["error"]
        fleet.etcd.start()
        wait_state(sync, "fresh")
        fleet.etcd.put("/f/192.0.2.2")
        wait_drops(lab, "192.0.2.2")


def test_a_start_without_etcd(fleet):
    """After a reboot the last good copy is there."""
    lab, = fleet.labs
    fleet.etcd.put("/f/192.0.2.1")
    with fleet.start(lab) as sync:
        wait_drops(lab, "192.0.2.1")
        wait_for(lambda: any(sync.cache.glob("fleet*")), "a copy", etcd.PATIENCE)
        sync.end()
    lab.reset()
    assert lab.wire.passes(udp("192.0.2.1"))
    fleet.etcd.stop()
    with fleet.start(lab):
        wait_drops(lab, "192.0.2.1")
        fleet.etcd.start()
        fleet.etcd.put("/f/192.0.2.2")
        wait_drops(lab, "192.0.2.2")


def children(sync):
    """The source programs of this sync."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == sync.process.pid and " Z " not in stat:
                found.append(int(pid))
    return found


def test_killed_children_and_syncs(fleet):
    """At random moments, while keys change: the filter stays, and converges."""
    lab, = fleet.labs
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    connection = fleet.etcd.connection()
    sync = fleet.start(lab)
    connection.put("/f/203.0.113.1")
    wait_drops(lab, "203.0.113.1")
    for i in range(200 if LONG else 6):
        connection.put(f"/f/192.0.2.{i}")
        deadline = time.monotonic() + draw.random() / 10
        while time.monotonic() < deadline:
            assert not lab.wire.passes(udp("203.0.113.1"))
        if draw.random() < 0.5:
            for child in children(sync):
                os.kill(child, signal.SIGKILL)
        else:
            sync.kill()
            sync = fleet.start(lab)
        wait_drops(lab, f"192.0.2.{i}")
        assert not lab.wire.passes(udp("203.0.113.1"))
        if draw.random() < 0.5:
            connection.delete(f"/f/192.0.2.{i}")
            wait_drops(lab, f"192.0.2.{i}", drops=False)


# --- A fleet --------------------------------------------------------------------------------------


def drop_times(fleet, number, pause):
    """Seconds from the beginning of each put to when each host drops."""
    connection, times = fleet.etcd.connection(), []
    for i in range(number):
        source = f"172.16.{i >> 8}.{i & 255}"
        # What came last is a transaction of its own, if this is long enough.
        end = time.monotonic() + pause
        while time.monotonic() < end:
            assert fleet.labs[0].wire.passes(udp(source))
        start = time.monotonic()
        connection.put(f"/f/{source}")
        left = list(fleet.labs)
        while left:
            for lab in list(left):
                if not lab.wire.passes(udp(source)):
                    times.append(time.monotonic() - start)
                    left.remove(lab)
            assert time.monotonic() < start + etcd.PATIENCE
    return sorted(times)


def tell_times(name, times):
    print(f"{name}: from put to drop, median {1000 * statistics.median(times):.0f} ms, p99 "
          f"{1000 * times[int(len(times) * 0.99)]:.0f} ms, of {len(times)}")


def test_a_put_is_dropped_by_three_hosts(tmp_path, patience):
    """Three etcd nodes, three hosts."""
    with Fleet(tmp_path, patience, hosts=3, nodes=3) as fleet:
        for lab in fleet.labs:
            fleet.start(lab)
        times = drop_times(fleet, 100 if LONG else 5, pause=1.1)
        tell_times("now and then", times)
        assert statistics.median(times) < 1
        times = drop_times(fleet, 50 if LONG else 3, pause=0)
        tell_times("one after the other", times)
        assert times[-1] < 10


def process_facts(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return fields["VmRSS"].strip(), fields["VmHWM"].strip()


class Process:
    def __init__(self, pid):
        self.pid = pid


def received_bytes(lab):
    return json.loads(lab.ns.ip("-s", "-j", "link", "show", "m0"))[0]["stats64"]["rx"]["bytes"]


@pytest.mark.skipif(not LONG, reason="takes minutes: make campaigns")
@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_figures(fleet, size):
    """Of one host, as docs/fleet.md tells them."""
    lab, = fleet.labs
    connection = fleet.etcd.connection()
    wanted = addresses(size)
    for i in range(0, size, 50_000):
        chunk = "\n".join(wanted[i:i + 50_000]) + "\n"
        connection.put(f"/f/drop.{i:07}.gz", gzip.compress(chunk.encode()))
    before, start = received_bytes(lab), time.monotonic()
    with fleet.start(lab) as sync:
        wait_drops(lab, wanted[-1])
        child, = children(sync)
        print(f"{size}: live after {time.monotonic() - start:.2f} s, {received_bytes(lab) - before}"
              f" bytes; sync CPU {cpu_seconds(sync.process)} s, RSS and peak "
              f"{process_facts(sync.process.pid)}; source CPU {cpu_seconds(Process(child))} s, "
              f"{process_facts(child)}")
        tell_times(f"{size} rules", drop_times(fleet, 30, pause=1.1))
        before, cpu = received_bytes(lab), [cpu_seconds(sync.process), cpu_seconds(Process(child))]
        start = time.monotonic()
        with Writers(fleet.etcd, seconds=30, rate=1000) as writers:
            pass
        wait_drops(lab, "203.0.113.255")
        took = time.monotonic() - start
        print(f"{size}: {writers.count() / took:.0f} changes a second: sync "
              f"{100 * (cpu_seconds(sync.process) - cpu[0]) / took:.1f} % of a CPU, source "
              f"{100 * (cpu_seconds(Process(child)) - cpu[1]) / took:.1f} %, "
              f"{(received_bytes(lab) - before) / writers.count():.0f} bytes each")
        start = time.monotonic()
        sync.kill()
        with fleet.start(lab) as again:
            again.wait(lambda: again.source("fleet")["state"] == "fresh", "fresh", etcd.PATIENCE)
            print(f"{size}: started again, fresh after {time.monotonic() - start:.2f} s")


def test_the_demo():
    """testing/fleet-demo.sh tells the truth, and leaves nothing behind."""
    done = subprocess.run([product.REPOSITORY / "testing" / "fleet-demo.sh"], text=True,
                          env=product.environment(), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  ok  ") == 7 and "WRONG" not in done.stdout
