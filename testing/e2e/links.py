# SPDX-License-Identifier: GPL-2.0
"""How do packets come in through interfaces without Ethernet?

A link has `dev`, the interface to filter in the namespace of a lab, and send(), which makes a
packet come in there. A number at the end of each packet identifies it on the far side.
"""
import contextlib
import ctypes
import fcntl
import itertools
import os
import select
import socket
import struct
import subprocess
import time

import pytest

from netlab import Namespace, packet_socket, quiet_pair

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
PACKET_OUTGOING = 4
TUNSETIFF, TUNSETLINK = 0x400454CA, 0x400454CD
IFF_TUN, IFF_TAP = 1, 2
AF_PPPOX = 24
PPPIOCGCHAN, PPPIOCATTCHAN, PPPIOCNEWUNIT, PPPIOCCONNECT, PPPIOCSNPMODE = (
    0x80047437, 0x40047438, 0xC004743E, 0x4004743A, 0x4008744B)

_serial = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


def add(ns, name, kind, *options, over=()):
    """A new device, or a skip if the kernel has none of that kind."""
    done = ns.run("ip", "link", "add", *over, "name", name, "type", kind, *options, check=False)
    if done.returncode:
        assert "Unknown device type" in done.stderr or "not supported" in done.stderr, done.stderr
        pytest.skip(f"this kernel has no devices of kind {kind}")


def ethertype(packet):
    return ETH_P_IPV6 if packet and packet[0] >> 4 == 6 else ETH_P_IP


class Link:
    """Sends packets, and reports which of them reached the network stack of the lab."""

    def __init__(self, lab, dev):
        self.lab, self.dev = lab, dev
        self._receiver = packet_socket(lab.ns, dev, receive=True)

    def close(self):
        """Take the filter off: deleting an interface that has it would leave its chain pinned."""
        self._receiver.close()
        self.lab("unload", self.dev)

    def exchange(self, packets, control):
        """A list of bool: did each packet arrive? `control` is one that passes, and comes last."""
        marked = [_mark(packet) for packet in packets]
        last = _mark(control)
        for packet in (*marked, last):
            self.send(packet)
        seen = self._collect(last)
        return [packet in seen for packet in marked]

    def settle(self, control):
        """Wait until packets get through: a tunnel takes a while to come up."""
        deadline = time.monotonic() + self.lab.patience
        while True:
            last = _mark(control)
            with contextlib.suppress(OSError):
                self.send(last)
            try:
                self._collect(last, 0.2)
                return
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def _collect(self, last, seconds=None):
        seen = set()
        deadline = time.monotonic() + (seconds or self.lab.patience)
        while last not in seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self._receiver], [], [], left)[0], \
                f"the control packet did not arrive on {self.dev}"
            with contextlib.suppress(BlockingIOError):
                while True:
                    data, address = self._receiver.recvfrom(65536)
                    if address[2] != PACKET_OUTGOING:
                        seen.add(data)
        return seen


def _mark(packet):
    """The packet with its own number at the end, if there is room after the IP header."""
    room = 40 if ethertype(packet) == ETH_P_IPV6 else 20
    if len(packet) < room + 12:
        return packet
    return packet[:-4] + next(_serial).to_bytes(4, "big")


class Tun(Link):
    """A tun device: packets that are written to it come in. With the header that names the
    protocol, they can be any bytes."""

    def __init__(self, lab, dev="tun0", kind=IFF_TUN):
        with lab.ns:
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH", dev.encode(), kind))
        lab.ns.ip("link", "set", dev, "up")
        super().__init__(lab, dev)

    def send(self, packet):
        os.write(self.fd, struct.pack("!HH", 0, ethertype(packet)) + packet)

    def set_type(self, hardware_type):
        self.lab.ns.ip("link", "set", self.dev, "down")
        fcntl.ioctl(self.fd, TUNSETLINK, hardware_type)
        self.lab.ns.ip("link", "set", self.dev, "up")

    def close(self):
        super().close()
        os.close(self.fd)


class Tunnel(Link):
    """A tunnel to another namespace, over a cable of its own."""

    def __init__(self, lab, kind, options=(), over_ipv6=False):
        self.far = Namespace()
        try:
            quiet_pair(lab.ns, "u0", "u1", far_ns=self.far)
            here, there = ("fd00:7::1", "fd00:7::2") if over_ipv6 else ("10.7.0.1", "10.7.0.2")
            for ns, cable, address in ((lab.ns, "u0", here), (self.far, "u1", there)):
                for dev in ("lo", cable) if over_ipv6 else ():
                    with ns, open(f"/proc/sys/net/ipv6/conf/{dev}/disable_ipv6", "w") as knob:
                        knob.write("0")
                ns.ip("link", "set", cable, "arp", "on")
                ns.ip("address", "add", f"{address}/{64 if over_ipv6 else 24}", "dev", cable,
                      *(["nodad"] if over_ipv6 else []))
            self._connect(lab, kind, options, here, there)
            for ns in (lab.ns, self.far):
                ns.ip("link", "set", "t0", "up")
            super().__init__(lab, "t0")
            with self.far:
                self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except BaseException:
            self._remove(lab)
            raise

    def _connect(self, lab, kind, options, here, there):
        for ns, local, remote in ((lab.ns, here, there), (self.far, there, here)):
            add(ns, "t0", kind, "local", local, "remote", remote, *options)

    def send(self, packet):
        self._sender.sendto(packet, ("t0", ethertype(packet)))

    def _remove(self, lab):
        for name in ("t0", "u0"):
            lab.ns.run("ip", "link", "del", name, check=False)
        self.far.close()

    def close(self):
        super().close()
        self._sender.close()
        self._remove(self.lab)


class WireGuard(Tunnel):
    def _connect(self, lab, kind, options, here, there):
        del options
        ends = []
        for ns in (lab.ns, self.far):
            add(ns, "t0", kind)
            key = ns.run("wg", "genkey").stdout
            public = _with_input(ns, key, "wg", "pubkey").strip()
            ends.append((ns, key, public))
        for (ns, key, _), (_, _, peer), remote in zip(ends, reversed(ends), (there, here)):
            _with_input(ns, key, "wg", "set", "t0", "private-key", "/dev/stdin",
                        "listen-port", "7777", "peer", peer, "allowed-ips", "0.0.0.0/0,::/0",
                        "endpoint", f"{remote}:7777")


def _with_input(ns, text, *argv):
    with ns:
        return subprocess.run(argv, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


class Ppp(Link):
    """The kernel's PPP over a PPPoE session on the lab's cable, without any negotiation."""

    SESSION = 7

    def __init__(self, lab):
        links = lab.ns.links()
        self._peer, self._own = (bytes.fromhex(links[name]["address"].replace(":", ""))
                                 for name in (lab.peer, lab.dev))
        self._files = []
        with lab.ns:
            try:
                self._session = socket.socket(AF_PPPOX, socket.SOCK_STREAM, 0)
            except OSError:
                pytest.skip("this kernel has no PPPoE")
        address = struct.pack("=HIH6s16s", AF_PPPOX, 0, socket.htons(self.SESSION), self._peer,
                              lab.dev.encode())
        if _libc.connect(self._session.fileno(), address, len(address)):
            raise OSError(ctypes.get_errno(), "connect")
        # The kernel looks channels and units up in the namespace of the caller.
        with lab.ns:
            channel, unit = self._open(), self._open()
            number = fcntl.ioctl(self._session.fileno(), PPPIOCGCHAN, struct.pack("i", 0))
            fcntl.ioctl(channel, PPPIOCATTCHAN, number)
            unit_number = fcntl.ioctl(unit, PPPIOCNEWUNIT, struct.pack("i", -1))
            fcntl.ioctl(channel, PPPIOCCONNECT, unit_number)
            for protocol in (0x21, 0x57):
                fcntl.ioctl(unit, PPPIOCSNPMODE, struct.pack("ii", protocol, 0))
        dev = f"ppp{struct.unpack('i', unit_number)[0]}"
        lab.ns.ip("link", "set", dev, "up")
        self._sender = packet_socket(lab.ns, lab.peer, receive=False)
        super().__init__(lab, dev)

    def _open(self):
        try:
            self._files.append(os.open("/dev/ppp", os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            pytest.skip("this kernel has no PPP")
        return self._files[-1]

    def send(self, packet):
        protocol = b"\0\x57" if ethertype(packet) == ETH_P_IPV6 else b"\0\x21"
        self._sender.send(self._own + self._peer + b"\x88\x64\x11\0" +
                          struct.pack("!HH", self.SESSION, len(packet) + 2) + protocol + packet)

    def close(self):
        super().close()
        self._sender.close()
        for one in self._files:
            os.close(one)
        self._session.close()
