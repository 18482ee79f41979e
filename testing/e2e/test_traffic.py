# SPDX-License-Identifier: GPL-2.0
"""Real traffic: sockets and ping, VLAN devices, jumbo frames, loopback, both policies."""
import contextlib
import os
import socket
import threading
from functools import partial

import pytest

import kernel
import netlab
from frames import IPV4, LISTED4, ether, udp, udp4, udp6
from netlab import Namespace, Wire, quiet_pair, wait_for


@pytest.fixture
def hosts(own_lab):
    """Two hosts on one cable, with addresses of both families. The far host uses the address .2 by
    default, and .66 is the one to block."""
    lab = own_lab
    lab.far = Namespace()
    try:
        quiet_pair(lab.ns, "h0", "h1", far_ns=lab.far)
        lab.dev, lab.peer = "h0", "h1"
        for ns, dev, addresses in (
                (lab.ns, "h0", ["10.66.0.1/24", "fd66::1/64"]),
                (lab.far, "h1", ["10.66.0.2/24", "10.66.0.66/24", "fd66::2/64", "fd66::66/64"])):
            with ns:
                with open(f"/proc/sys/net/ipv6/conf/{dev}/disable_ipv6", "w") as knob:
                    knob.write("0")
            ns.ip("link", "set", dev, "arp", "on")
            for address in addresses:
                ns.ip("address", "add", address, "dev", dev, *(["nodad"] if ":" in address else []))
        yield lab
    finally:
        lab.reset()  # deleting the far namespace takes the cable away
        lab.far.close()


def ask(hosts, source, target, timeout):
    """Send a UDP question and wait for its answer; both cross the host of the filter."""
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with contextlib.ExitStack() as stack:
        with hosts.ns:
            server = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        server.bind((target, 0))
        server.settimeout(timeout)
        with hosts.far:
            client = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        client.bind((source, 0))
        client.sendto(b"hello", (target, server.getsockname()[1]))
        try:
            data, peer = server.recvfrom(100)
        except socket.timeout:
            return False
        return data == b"hello" and peer[0] == source


@pytest.mark.parametrize("mode", ["native", "skb"])
def test_sockets_talk_unless_their_source_is_blocked(hosts, mode):
    wait_for(lambda: ask(hosts, "10.66.0.2", "10.66.0.1", 1), "the cable works", hosts.patience)
    hosts.load("-m", mode, "-i", "10.66.0.66", "-i", "fd66::66")
    for allowed, blocked, target in (("10.66.0.2", "10.66.0.66", "10.66.0.1"),
                                     ("fd66::2", "fd66::66", "fd66::1")):
        assert ask(hosts, allowed, target, hosts.patience)
        before = hosts.counters("h0")["drop"][0]
        assert not ask(hosts, blocked, target, 0.3)
        assert hosts.counters("h0")["drop"][0] > before, "it was the filter that dropped it"
        assert ask(hosts, allowed, target, hosts.patience)
    hosts.good("unload", "h0")
    for blocked, target in (("10.66.0.66", "10.66.0.1"), ("fd66::66", "fd66::1")):
        assert ask(hosts, blocked, target, hosts.patience)


def test_under_deny_neighbours_are_found_and_only_listed_sources_get_through(hosts):
    hosts.load("-p", "deny", "-i", "10.66.0.2", "-i", "fd66::2")
    for ns, dev in ((hosts.ns, "h0"), (hosts.far, "h1")):
        ns.ip("neigh", "flush", "dev", dev)
    assert ask(hosts, "10.66.0.2", "10.66.0.1", hosts.patience)
    assert ask(hosts, "fd66::2", "fd66::1", hosts.patience)
    assert not ask(hosts, "10.66.0.66", "10.66.0.1", 0.3)
    assert not ask(hosts, "fd66::66", "fd66::1", 0.3)


@pytest.mark.parametrize("mode", ["native", "skb"])
def test_a_tcp_stream_passes_whole(hosts, mode, slow):
    """Segmentation offload hands XDP frames larger than the MTU. No byte can be lost."""
    hosts.load("-m", mode, "-i", "10.66.0.66")
    size = (1 << 18) if slow else (1 << 22)
    got = []

    def serve(listener):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65536):
                got.append(len(data))

    with hosts.ns:
        listener = socket.socket()
    with listener:
        listener.bind(("10.66.0.1", 0))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        with hosts.far:
            client = socket.socket()
        with client:
            client.bind(("10.66.0.2", 0))
            client.settimeout(hosts.patience * 2)
            client.connect(listener.getsockname())
            client.sendall(bytes(size))
        server.join(hosts.patience * 2)
    assert sum(got) == size
    assert hosts.counters("h0")["pass"][1] >= size and hosts.counters("h0")["drop"] == (0, 0)


def add_vlan(lab, link, name, vid):
    lab.ns.run("ip", "link", "add", "link", link, "name", name, "type", "vlan", "id", vid,
               check=False)
    if name not in lab.ns.links():
        pytest.skip("this kernel has no VLAN interfaces (8021q)")
    lab.ns.ip("link", "set", name, "arp", "off", "up")


@pytest.mark.parametrize("offload", ["on", "off"])
@pytest.mark.parametrize("mode", ["native", "skb"])
def test_vlan_devices_with_and_without_offload(own_lab, need, mode, offload):
    """With offload, the tag never reaches XDP. Without it, the tag is in the frame."""
    need("ethtool")
    lab = own_lab
    for dev in ("f0", "p0"):
        lab.ns.run("ethtool", "-K", dev, "rxvlan", offload, "txvlan", offload)
    for name, link in (("f0.5", "f0"), ("p0.5", "p0")):
        add_vlan(lab, link, name, 5)
    with contextlib.closing(Wire(lab.ns, "f0.5", "p0.5", patience=lab.patience)) as wire:
        frames = [udp(LISTED4, 100), udp("192.0.2.67", 100), udp("2001:db8::66", 50)]
        assert wire.exchange(frames) == [True, True, True], "the VLAN works without the filter"
        wire.settle()
        lab.load("-m", mode, "-i", LISTED4, "-i", "2001:db8::66")
        wire.controls = 0
        assert wire.exchange(frames) == [False, True, False]
        counters = lab.counters("f0")
    tag = {4 if offload == "off" else 0}
    if mode == "skb":
        tag = {0, 4}  # generic XDP sees the tag or not, as the kernel chooses
    assert counters["drop"][0] == 2 and counters["pass"][0] == 1
    assert counters["malformed"] == (0, 0)
    assert counters["drop"][1] - len(frames[0]) - len(frames[2]) in {2 * t for t in tag}
    assert counters["pass"][1] - len(frames[1]) in tag
    assert counters["other"][0] == wire.controls


@pytest.mark.parametrize("mode", ["native", "skb"])
@pytest.mark.parametrize("mtu", [1500, 3506, 3507, 9000])
def test_frames_up_to_the_mtu_are_counted_to_the_byte(own_lab, mode, mtu):
    """Above 3506 bytes, a veth hands over multi-buffer frames."""
    if mode == "native" and mtu > 3506 and not kernel.HAS_FRAGS:
        pytest.skip("before Linux 5.18 native XDP has no multi-buffer frames")
    lab = own_lab
    lab.add_pair("j0", "j1", mtu=mtu)
    lab.dev, lab.peer = "j0", "j1"
    lab.load("-m", mode, "-i", LISTED4, "-i", "2001:db8::66")
    sizes = sorted({0, 1, 1000, mtu // 2, mtu - 48, mtu - 49})
    dropped = [build(size) for size in sizes
               for build in (partial(udp4, LISTED4), partial(udp6, "2001:db8::66"))]
    passed = [build(size) for size in sizes
              for build in (partial(udp4, "192.0.2.67"), partial(udp6, "2001:db8::67"))]
    full = udp4(LISTED4, mtu - 28)
    assert len(full) == mtu + 14
    got = lab.wire.exchange(dropped + [full] + passed)
    assert got == [False] * (len(dropped) + 1) + [True] * len(passed)
    counters = lab.counters("j0")
    assert counters["drop"] == (len(dropped) + 1, sum(map(len, dropped)) + len(full))
    assert counters["pass"] == (len(passed), sum(map(len, passed)))
    rules = {rule["prefix"]: (rule["packets"], rule["bytes"]) for rule in lab.rules("j0")}
    assert rules[LISTED4] == (len(sizes) + 1, sum(map(len, dropped[::2])) + len(full))


def test_rules_are_counted_on_both_sides_of_the_first_counters(own_lab, tmp_path):
    """The first 4,096 counters are in a map of their own, the others in blocks. On both sides a
    rule's count is exact, and begins at zero again where another rule had the counter before."""
    lab = own_lab
    hosts = [socket.inet_ntoa((0x0a000000 + 2 * i).to_bytes(4, "big")) for i in range(4200)]
    some = {0: 3, 4094: 1, 4095: 2, 4096: 4, 4097: 1, 4199: 2}
    rules = tmp_path / "rules"
    rules.write_text("\n".join(hosts))
    lab.load("-f", rules)

    def counted():
        return {rule["prefix"]: (rule["packets"], rule["bytes"]) for rule in lab.rules(lab.dev)
                if rule["packets"]}

    def size(i):
        return len(udp4(hosts[i], 100 + i % 7))

    frames = [udp4(hosts[i], 100 + i % 7) for i, times in some.items() for _ in range(times)]
    assert lab.wire.exchange(frames) == [False] * len(frames)
    assert counted() == {hosts[i]: (times, times * size(i)) for i, times in some.items()}
    assert lab.counters(lab.dev)["drop"] == (len(frames), sum(map(len, frames)))

    rules.write_text("\n".join(host for i, host in enumerate(hosts) if i not in (4095, 4096)))
    lab.good("replace", "-f", rules)
    rules.write_text("\n".join(hosts))
    lab.good("replace", "-f", rules)
    again = {i: times for i, times in some.items() if i not in (4095, 4096)}
    assert counted() == {hosts[i]: (times, times * size(i)) for i, times in again.items()}
    frames = [udp4(hosts[i], 100 + i % 7) for i in (4095, 4096)]
    assert lab.wire.exchange(frames) == [False, False]
    again.update({4095: 1, 4096: 1})
    assert counted() == {hosts[i]: (times, times * size(i)) for i, times in again.items()}


def test_a_passed_frame_is_never_changed(lab):
    """Byte for byte, in native and SKB mode, with and without a match."""
    sender = netlab.packet_socket(lab.ns, "p0", receive=False)
    receiver = netlab.packet_socket(lab.ns, "f0", receive=True)
    with sender, receiver:
        receiver.setblocking(True)
        receiver.settimeout(lab.patience)
        for mode in ("native", "skb"):
            lab.load("-m", mode, "-i", "10.0.0.0/8")
            lab.good("add", "--pass", "10.1.0.0/16")
            for source in ("10.1.2.3", "192.0.2.1", "2001:db8::9"):
                for size in (0, 33, 1400):
                    frame = udp(source, size)
                    sender.send(frame)
                    assert receiver.recv(65536) == frame
            lab.good("unload", "f0")


def test_loopback_in_skb_mode_drops_exactly_the_blocked_source(lab):
    """On lo, a raw frame may vanish anyway, so a real socket is the control."""
    lab.load("-m", "skb", "-i", "127.0.0.66", dev="lo")

    def arrives(source):
        with lab.ns:
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server, client:
            server.bind(("127.0.0.1", 0))
            server.settimeout(lab.patience)
            client.bind((source, 0))
            client.sendto(b"one", server.getsockname())
            control = None
            if source != "127.0.0.2":
                with lab.ns:
                    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                control.bind(("127.0.0.2", 0))
                control.sendto(b"last", server.getsockname())
                control.close()
            return server.recv(10) == b"one"

    assert arrives("127.0.0.2")
    assert not arrives("127.0.0.66")
    counters = lab.counters("lo")
    assert counters["drop"] == (1, 14 + 28 + 3)
    assert counters["pass"] == (2, 14 + 28 + 3 + 14 + 28 + 4)
    lab.good("unload", "lo")
    assert arrives("127.0.0.66")


def test_counters_stand_still_without_packets_and_add_up_over_cpus(lab):
    lab.load("-i", LISTED4)
    home = os.sched_getaffinity(0)
    try:
        for cpu in sorted(home):
            os.sched_setaffinity(0, {cpu})
            lab.wire.exchange([udp(LISTED4)] * 5 + [udp("192.0.2.1")] * 3)
    finally:
        os.sched_setaffinity(0, home)
    status = lab.status("f0")
    assert status["counters"]["drop"]["packets"] == 5 * len(home)
    assert status["counters"]["pass"]["packets"] == 3 * len(home)
    for verdict in ("drop", "pass", "other", "malformed"):
        for unit in ("packets", "bytes"):
            assert sum(cpu[verdict][unit] for cpu in status["per_cpu"]) == \
                status["counters"][verdict][unit]
    assert lab.status("f0")["counters"] == status["counters"]


def test_a_burst_is_counted_whole(lab, slow):
    lab.load("-i", LISTED4)
    count = 300 if slow else 5000
    lab.wire.controls = 0
    got = lab.wire.exchange([udp4(LISTED4), udp4("192.0.2.67")] * count)
    assert got == [False, True] * count
    counters = lab.counters("f0")
    assert counters["drop"] == (count, count * len(udp4(LISTED4)))
    assert counters["pass"] == (count, count * len(udp4(LISTED4)))
    assert counters["other"] == (lab.wire.controls, 60 * lab.wire.controls)
    assert counters["malformed"] == (0, 0)


def test_a_rate_without_rules_passes_everything(lab):
    lab.load()
    assert all(lab.wire.exchange([udp(LISTED4), udp("2001:db8::1"), ether(b"", IPV4)]))
    assert lab.counters("f0")["malformed"] == (1, 14)


def test_a_vlan_device_can_be_filtered_itself(own_lab):
    lab = own_lab
    for name, link in (("f0.7", "f0"), ("p0.7", "p0")):
        add_vlan(lab, link, name, 7)
    lab.load("-m", "skb", "-i", LISTED4, dev="f0.7")
    with contextlib.closing(Wire(lab.ns, "f0.7", "p0.7", patience=lab.patience)) as wire:
        assert wire.exchange([udp(LISTED4), udp("192.0.2.67")]) == [False, True]
    assert lab.status("f0")["state"] == "not-loaded"
    lab.good("unload", "f0.7")
