# SPDX-License-Identifier: GPL-2.0
"""Other XDP programs on the interface: load and unload them, and prove by packets that they
work."""
import os
import re
import signal
import subprocess

import kernel
from frames import udp
from netlab import wait_for

OURS, THEIRS, FREE = "192.0.2.66", "192.0.2.77", "192.0.2.88"
THEIR_MAC = "02:00:00:00:00:dd"


class XdpFilter:
    """xdp-filter of xdp-tools, set up to drop THEIRS."""

    name, program = "xdp-filter", "xdpfilt_alw_ip"

    def __init__(self, lab):
        self.lab = lab

    def come(self):
        self.lab.ns.run("xdp-filter", "load", "-f", "ipv4", "f0")
        self.lab.ns.run("xdp-filter", "ip", "-m", "src", THEIRS)

    def go(self):
        self.lab.ns.run("xdp-filter", "unload", "f0")

    def works(self):
        return self.lab.wire.exchange([udp(THEIRS), udp(FREE)]) == [False, True]


class Loaded:
    """A program that xdp-loader loads, and unloads by its id."""

    def __init__(self, lab):
        self.lab = lab
        self.id = None

    def come(self):
        before = set(chain(self.lab))
        self.lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour(self.object))
        [self.id] = [number for number, name in chain(self.lab) if
                     (number, name) not in before and name == self.program]

    def go(self):
        self.lab.ns.run("xdp-loader", "unload", "f0", "-i", self.id)


class DropMac(Loaded):
    name, object, program = "dropmac", "dropmac", "nb_dropmac"

    def works(self):
        return self.lab.wire.exchange([udp(FREE, source_mac=THEIR_MAC), udp(FREE)]) == [False, True]


class Count(Loaded):
    name, object, program = "count", "count", "nb_count"

    def seen(self):
        [number] = kernel.program_maps(self.id).values()
        return kernel.array_value(number)

    def works(self):
        before = self.seen()
        assert self.lab.wire.passes(udp(FREE))
        return self.seen() == before + 2  # the frame and the control frame


class Dump:
    """xdpdump, which watches all programs of the chain, at entry and exit."""

    def __init__(self, lab):
        self.lab, self.text = lab, ""
        with lab.ns:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", "xdpdump", "-i", "f0", "-p", "all", "--rx-capture", "entry,exit"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)

    def hears(self, *texts):
        """Wait until it has printed all of these since the last call."""
        def all_there():
            self.text += "".join(self.process.stdout.readlines())
            return all(text in self.text for text in texts)
        wait_for(all_there, f"xdpdump shows {texts}", self.lab.patience)
        text, self.text = self.text, ""
        return text


NEIGHBOURS = [XdpFilter, DropMac, Count]


def chain(lab, dev="f0"):
    """(id, name) of the programs on an interface, in the order that `xdp-loader status` prints."""
    said = lab.ns.run("xdp-loader", "status", dev).stdout
    return [(int(found[2]), found[1])
            for found in re.finditer(r"(?m)^ =>\s+\d+\s+(\S+)\s+(\d+)\s", said)]


def names(lab):
    return [name for _, name in chain(lab)]


def we_work(lab, dev="f0"):
    """The filter drops OURS and lets FREE pass, and status says so."""
    status = lab.status(dev)
    assert status["state"] == "filtering-chained" and status["chained"] is True, status
    return lab.wire.exchange([udp(OURS), udp(FREE)]) == [False, True]
