# SPDX-License-Identifier: GPL-2.0
"""Network namespaces, veth pairs and raw frames: where do the packets of a test travel?

Every packet that a test sends stays inside a namespace that the test made. The tests open sockets
inside a namespace and use them from outside: a socket belongs to the namespace that it was made in.

The destination MAC address of a frame carries a number that no other frame of the session has. It
identifies the frame on the far side. The kernel never answers such a frame, because it is addressed
to another host, and GRO never merges two of them.
"""
import contextlib
import ctypes
import errno
import itertools
import json
import os
import select
import socket
import subprocess
import threading
import time

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000

#: An ethertype for local experiments. It is neither IPv4 nor IPv6, so the filter lets it pass.
CONTROL_ETHERTYPE = 0x88B5
CONTROL_LENGTH = 60

_libc = ctypes.CDLL(None, use_errno=True)
_home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
_serial = itertools.count(1)
_names = itertools.count(1)


def sh(*argv, check=True, **kwargs):
    """Run a helper program. If it fails, its output is part of the error."""
    done = subprocess.run([str(a) for a in argv], stdin=kwargs.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit {done.returncode}: "
                           f"{done.stderr.strip() or done.stdout.strip()}")
    return done


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


def wait_for(condition, what, seconds):
    """Poll until condition() is true, and return its last value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.01)


class Namespace:
    """A network namespace of our own. `with ns:` moves this thread (and what it starts) into it.

    `nsenter --net=/run/netns/NAME` does the same. Unlike `ip netns exec`, it keeps the mount
    namespace and therefore bpffs."""

    def __init__(self):
        self.name = f"xe{os.getpid()}n{next(_names)}"
        sh("ip", "netns", "add", self.name)
        self.path = f"/run/netns/{self.name}"
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with self:
            for scope in ("all", "default"):
                try:
                    with open(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6", "w") as knob:
                        knob.write("1")
                except FileNotFoundError:
                    pass  # a kernel without IPv6 is quiet anyway
        self.ip("link", "set", "lo", "up")

    def __enter__(self):
        _setns(self._fd)
        return self

    def __exit__(self, *_):
        _setns(_home)

    def run(self, *argv, **kwargs):
        with self:
            return sh(*argv, **kwargs)

    def ip(self, *argv):
        return self.run("ip", *argv).stdout

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.ip("-j", "-d", "link", "show"))}

    def close(self):
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        sh("ip", "netns", "del", self.name)


def quiet_pair(ns, near, far, far_ns=None, mtu=None):
    """A veth pair that sends nothing by itself: no ARP, no IPv6, no addresses."""
    far_ns = far_ns or ns
    ns.ip("link", "add", near, "arp", "off", "type", "veth", "peer", "name", far)
    if far_ns is not ns:
        ns.ip("link", "set", far, "netns", far_ns.name)
    for where, name in ((far_ns, far), (ns, near)):
        more = ("mtu", mtu) if mtu else ()
        where.ip("link", "set", name, *more, "arp", "off", "up")


def packet_socket(ns, ifname, receive):
    with ns:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    with ns:
        made.bind((ifname, ETH_P_ALL if receive else 0))
    made.setblocking(False)
    return made


@contextlib.contextmanager
def meanwhile(work, pause=0):
    """A thread does it again and again, after a pause in seconds."""
    stop = threading.Event()

    def repeat():
        while not stop.wait(pause):
            work()

    worker = threading.Thread(target=repeat)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


class Wire:
    """Sends frames into `far` and reports which of them came out of `near`, in order.

    A control frame follows every few frames, and the filter always lets it pass. When it has
    arrived, every frame before it has arrived or never will. `controls` counts the control frames:
    it shows a test what the counter `other` must be."""

    BATCH = 64

    def __init__(self, ns, near, far, far_ns=None, patience=10.0):
        self.ns, self.near, self.far = ns, near, far
        self.far_ns = far_ns or ns
        self.patience = patience
        self.controls = 0
        self._out = packet_socket(self.far_ns, far, receive=False)
        self._in = packet_socket(ns, near, receive=True)

    def close(self):
        self._out.close()
        self._in.close()

    def exchange(self, frames):
        """Return a list of bool: did the frame at this position arrive?"""
        frames = list(frames)
        arrived = []
        for start in range(0, len(frames), self.BATCH):
            arrived += self._batch(frames[start:start + self.BATCH])
        return arrived

    @contextlib.contextmanager
    def flooded(self, frames, pause=0):
        """The frames come again and again, after a pause in seconds, sent by a thread, which has
        the wire for itself."""
        with meanwhile(lambda: self.exchange(frames), pause):
            yield

    def passes(self, frame):
        return self.exchange([frame])[0]

    def settle(self):
        """Wait until frames get through: right after `ip link set up`, the kernel drops them."""
        deadline = time.monotonic() + self.patience
        while True:
            last = self._control()
            try:
                self._collect(last, 0.2)
                return self
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def _batch(self, frames):
        marks = []
        for frame in frames:
            mark = _mark()
            marks.append(mark)
            self._transmit(mark + frame[6:])
        seen = self._collect(self._control(), self.patience)
        return [mark in seen for mark in marks]

    def _control(self):
        mark = _mark()
        self._transmit(mark + b"\x02\0\0\0\0\xcc" + CONTROL_ETHERTYPE.to_bytes(2, "big") +
                       bytes(CONTROL_LENGTH - 14))
        self.controls += 1
        return mark

    def _transmit(self, frame):
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self._out.send(frame)
                return
            except OSError as error:
                if (error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.ENETDOWN) or
                        time.monotonic() > deadline):
                    raise
                select.select([], [self._out], [], 0.05)

    def _collect(self, last, seconds):
        seen = set()
        deadline = time.monotonic() + seconds
        while last not in seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise AssertionError(f"the control frame did not arrive on {self.near}")
            try:
                while True:
                    data, address = self._in.recvfrom(65536)
                    if address[2] != PACKET_OUTGOING:
                        seen.add(data[:6])
            except BlockingIOError:
                pass
            except OSError as error:
                if error.errno != errno.ENETDOWN:  # it was down meanwhile; reported once
                    raise
        return seen


def _mark():
    """A locally administered unicast destination that belongs to no interface."""
    return b"\x06\xe2" + next(_serial).to_bytes(4, "big")
