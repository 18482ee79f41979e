# SPDX-License-Identifier: GPL-2.0
"""watch: each packet of a sample, as it came, with the rule that decided. Off when nobody looks."""
import contextlib
import json
import pathlib
import random
import re
import signal
import struct
import threading

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6

import kernel
from beside import FREE, OURS, THEIRS, Count, Dump, XdpFilter
from frames import CORPUS, FREE4, IPV4, LISTED4, LISTED6, OUR4, ether, udp
from netlab import wait_for
from product import DONE, NOT_LOADED, USAGE

KEYS = {"time", "ifname", "verdict", "enforce", "source", "destination", "protocol", "source_port",
        "destination_port", "bytes", "prefix", "set", "sample"}

#: Where struct ipf_root has the modes, and the id of the rings.
SAMPLE_AT, RINGS_AT = 20, 28

RULES = ["-i", LISTED4, "-i", LISTED6]


class Watch:
    """A watch that has begun. `lines` are those that it has printed by now."""

    def __init__(self, lab, *args):
        self.lab = lab
        self.process = lab.start("watch", "-v", *args)
        self.lines, self.complaints = [], []
        while "watching" not in (line := self.process.stderr.readline()):
            assert line, f"{self.complaints}: exit {self.process.wait()}"
            self.complaints.append(line)
        self._threads = [threading.Thread(target=self._collect, args=pair) for pair in (
            (self.process.stdout, self.lines), (self.process.stderr, self.complaints))]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line)

    def wait_for(self, count):
        wait_for(lambda: len(self.lines) >= count, f"{count} lines, of {self.lines[-3:]}",
                 self.lab.patience)
        return self.lines

    def events(self, count):
        return [json.loads(line) for line in self.wait_for(count)]

    def end(self, kill=False):
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        for thread in self._threads:
            thread.join()
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def watching(lab, *args):
    watch = Watch(lab, *args)
    try:
        yield watch
    finally:
        watch.end()


def root(lab):
    program = lab.status(lab.dev)["program_id"]
    return kernel.mapped(kernel.program_maps(program)[".data.ipf"], 4096)


def word(lab, at):
    with root(lab) as view:
        return struct.unpack_from("=I", view, at)[0]


def nothing_is_on(lab):
    return word(lab, SAMPLE_AT) == 0 and word(lab, RINGS_AT) == 0


def flow(frame):
    """What scapy, which knows nothing of us, reads: (source, destination, protocol, ports)."""
    raw = frame[12:]
    while raw[:2] in (b"\x81\0", b"\x88\xa8", b"\x91\0"):
        raw = raw[4:]
    kind, raw = raw[:2], raw[2:]
    if kind == b"\x88\x64":
        raw = raw[6:]
        kind, raw = raw[:1 if raw[0] & 1 else 2], raw[1 if raw[0] & 1 else 2:]
    ip = IPv6(raw) if kind in (b"\x86\xdd", b"\x57", b"\0\x57") else IP(raw)
    fragment = ip.frag if isinstance(ip, IP) else ip.getlayer("IPv6ExtHdrFragment") is not None \
        and ip["IPv6ExtHdrFragment"].offset
    ports = next((ip[kind] for kind in (UDP, TCP) if ip.haslayer(kind) and not fragment), None)
    return ip.src, ip.dst, (ports.sport, ports.dport) if ports else (None, None)


@pytest.mark.parametrize("policy", ["allow", "deny"])
def test_every_packet_of_the_corpus_is_shown_as_it_is(lab, policy):
    """One line for each, in their order, with what an independent parser reads."""
    lab.load("-p", policy, *RULES)
    expected = []
    for at, frame in enumerate(CORPUS):
        expected.append(frame)
        if at % lab.wire.BATCH == lab.wire.BATCH - 1 or at == len(CORPUS) - 1:
            expected.append(None)  # the control frame
    with watching(lab, "-j", lab.dev) as watch:
        lab.wire.exchange([frame.data for frame in CORPUS])
        events = watch.events(len(expected))
    assert len(events) == len(expected)
    for event, frame in zip(events, expected):
        assert set(event) == KEYS and event["ifname"] == lab.dev and event["sample"] == 1
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
        passes, counter = frame.verdict(policy) if frame else (True, "other")
        assert event["verdict"] == ("pass" if passes else "drop"), (frame, event)
        if frame:
            assert event["bytes"] == len(frame.data), (frame, event)
        if counter in ("other", "malformed"):
            assert (event["source"], event["prefix"], event["protocol"]) == (None,) * 3, event
            continue
        source, destination, ports = flow(frame.data)
        assert (event["source"], event["destination"]) == (source, destination), frame.name
        if ports[0] is not None:
            assert (event["source_port"], event["destination_port"]) == ports, frame.name
            assert event["protocol"] in ("udp", "tcp")
        listed = source in (LISTED4, LISTED6)
        assert (event["prefix"], event["set"]) == ((source, "default") if listed else (None, None))
    assert nothing_is_on(lab)


def test_text(lab):
    lab.load("-i", "192.0.2.64/26")
    with watching(lab, "--drop") as watch:
        lab.wire.exchange([udp(LISTED4), udp("198.51.100.1")])
        [line] = watch.wait_for(1)
    assert re.fullmatch(rf"\S+Z {lab.dev} drop {LISTED4}:7 > {OUR4}:9 udp 62 bytes by "
                        r"192\.0\.2\.64/26 \(default\)\n", line), line
    with watching(lab, "--pass", lab.dev) as watch:
        lab.wire.exchange([udp(LISTED6), udp(LISTED4)])
        lines = watch.wait_for(2)
    assert f" pass [{LISTED6}]:7 > " in lines[0] and " bytes by " not in lines[0]
    assert " pass not IP 60 bytes" in lines[1]


def test_count_ends_it_and_pipes_that_close_are_no_failure(lab):
    lab.load(*RULES)
    with watching(lab, "--drop", "--count", "3") as watch:
        lab.wire.exchange([udp(LISTED4)] * 5)
        assert watch.process.wait(timeout=lab.patience) == watch.end() == DONE
    assert len(watch.lines) == 3
    watch = lab.start("watch", "-v")
    assert "watching" in watch.stderr.readline()
    watch.stdout.close()
    lab.wire.exchange([udp(LISTED4)])
    assert watch.wait(timeout=lab.patience) == DONE and watch.stderr.read() == ""
    watch.stderr.close()
    assert nothing_is_on(lab)


def test_one_of_n(lab, slow):
    """The number of samples is within six standard deviations."""
    lab.load(*RULES)
    count, every = (2000, 10) if slow else (20000, 10)
    with watching(lab, "-j", "--drop", "-n", every, "--rate", 1000000) as watch:
        for burst in range(1, count // 1000 + 1):
            lab.wire.exchange([udp(LISTED4)] * 1000)
            # Whatever is outstanding is less than the ring holds: on a busy machine, watch is late.
            so_far = burst * 1000 / every
            watch.wait_for(so_far - 6 * so_far ** 0.5)
        mean = count / every
        wait_for(lambda: mean - 6 * mean ** 0.5 < len(watch.lines) < mean + 6 * mean ** 0.5,
                 f"about {mean} samples", lab.patience)
    assert len(watch.lines) < mean + 6 * mean ** 0.5
    assert all(json.loads(line)["sample"] == every for line in watch.lines)


def rounds(process):
    """Grows with each round that the process waits for."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", status)[1])


def reads_all(lab, process):
    """Two rounds read what is there by now. One that comes too early reads nothing."""
    last = rounds(process) + 6
    wait_for(lambda: rounds(process) >= last, "it has read all", lab.patience)


def test_what_exceeds_the_rate_is_counted_and_said(lab):
    lab.load(*RULES)
    with watching(lab, "--drop", "--rate", 10, "-n", 1) as watch:
        lab.wire.exchange([udp(LISTED4)] * 500)
        watch.wait_for(10)
        reads_all(lab, watch.process)
        assert watch.end() == DONE
    said = "".join(watch.complaints)
    skipped = int(re.search(r"(\d+) packets skipped", said).group(1))
    assert skipped + len(watch.lines) == 500, (len(watch.lines), said)


def test_twenty_lookers_all_see_the_same(lab):
    lab.load(*RULES)
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(watching(lab, "-j", "--drop")) for _ in range(20)]
        lab.wire.exchange([udp(f"192.0.2.{66}", size) for size in range(50)])
        seen = [[event["bytes"] for event in watch.events(50)] for watch in watches]
        assert all(one == list(range(42, 92)) for one in seen)
        for watch in watches[1:]:
            assert watch.end() == DONE
        lab.wire.exchange([udp(LISTED4)])
        watches[0].wait_for(51)
    assert nothing_is_on(lab)


def test_lookers_get_what_each_asked_for(lab):
    """One wants all that is dropped, one wants a tenth of what passes."""
    lab.load(*RULES)
    with watching(lab, "-j", "--drop", "--rate", 100000) as all_drops, \
            watching(lab, "-j", "--pass", "-n", 10, "--rate", 100000) as some_passes:
        # All at once they would not fit into a ring.
        for drops in range(25, 501, 25):
            lab.wire.exchange([udp(LISTED4), udp(FREE4)] * 25)
            all_drops.wait_for(drops)
        assert len(all_drops.events(500)) == 500
        some_passes.wait_for(1)
    passes = [json.loads(line) for line in some_passes.lines]
    assert {event["sample"] for event in passes} == {10} and len(passes) < 150
    assert {event["verdict"] for event in passes} == {"pass"}


def test_more_lookers_than_there_is_room_for_are_refused(lab):
    lab.load()
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(watching(lab))
        lab.refused(1, "watch", words=(lab.dev, "32 others"))


def lease_ends(lab):
    """Waits until the program finds that nobody looks any more."""
    def off():
        lab.wire.exchange([udp(LISTED4)])
        return not word(lab, SAMPLE_AT)
    wait_for(off, "the program ends it by itself", 30)


def test_a_killed_looker_leaves_nothing_on(lab):
    lab.load(*RULES)
    watch = Watch(lab, "--drop")
    watch.end(kill=True)
    assert word(lab, SAMPLE_AT), "until its lease ends"
    lease_ends(lab)
    lab.good("add", "10.0.0.1")
    assert nothing_is_on(lab), "the next change takes the rings away"
    with watching(lab, "--drop") as watch:
        lab.wire.exchange([udp(LISTED4)])
        watch.wait_for(1)


def test_a_looker_that_was_stopped_goes_on(lab):
    """Its lease ended meanwhile, and another command took the rings away."""
    lab.load(*RULES)
    with watching(lab, "--drop") as watch:
        watch.process.send_signal(signal.SIGSTOP)
        try:
            lease_ends(lab)
            lab.good("add", "10.0.0.1")
            assert nothing_is_on(lab)
        finally:
            watch.process.send_signal(signal.SIGCONT)
        wait_for(lambda: word(lab, RINGS_AT) and word(lab, SAMPLE_AT), "packets are sampled again",
                 lab.patience)
        before = len(watch.lines)
        lab.wire.exchange([udp(LISTED4)])
        watch.wait_for(before + 1)
    assert nothing_is_on(lab)


def test_a_reader_that_stops_reading_harms_no_other_and_can_be_ended(lab):
    """Another one sees every packet, and the one that nobody reads says how many were lost."""
    lab.load(*RULES)
    stopped = lab.start("watch", "-v", "--drop", "--rate", 1000000)
    assert "watching" in stopped.stderr.readline()
    with watching(lab, "--drop", "--rate", 1000000) as watch:
        for number in range(1, 21):
            lab.wire.exchange([udp(LISTED4)] * 100)
            watch.wait_for(number * 100)
    reads_all(lab, stopped)
    stopped.terminate()
    out, err = stopped.communicate(timeout=lab.patience)
    assert stopped.returncode == DONE
    lost = int(re.search(r"(\d+) packets lost", err)[1])
    assert lost and out.count("\n") + lost == 2000, err
    assert nothing_is_on(lab)


def test_rules_that_change_meanwhile(lab):
    lab.load(*RULES)
    with watching(lab, "-j", "--drop") as watch:
        lab.wire.exchange([udp(LISTED4)])
        assert watch.events(1)[0]["prefix"] == LISTED4
        lab.good("replace", "-s", "other", "-f", "-", stdin="192.0.2.0/24\n")
        lab.good("del", LISTED4)
        lab.wire.exchange([udp(LISTED4)])
        event = watch.events(2)[1]
        assert (event["prefix"], event["set"]) == ("192.0.2.0/24", "other")


def test_what_observing_lets_pass_is_marked(lab):
    lab.load("--observe", *RULES, warns="drops nothing")
    with watching(lab, "--drop") as text, watching(lab, "-j", "--drop") as watch:
        lab.wire.exchange([udp(LISTED4)])
        [event] = watch.events(1)
        assert f" drop (passed) {LISTED4}" in text.wait_for(1)[0]
    assert (event["verdict"], event["enforce"], event["prefix"]) == ("drop", False, LISTED4)


def test_each_event_tells_what_became_of_its_packet(lab, slow):
    """While enforcing is switched: the packets that arrive are those that were let pass."""
    lab.load(*RULES)
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    switches = random.Random(seed).choices(["on", "off"], k=50 if slow else 300)
    stop = threading.Event()

    def switch():
        for to in switches:
            lab.good("enforce", to)
        stop.set()

    with watching(lab, "-j", "--drop", "--rate", 1000000) as watch:
        switcher = threading.Thread(target=switch)
        switcher.start()
        arrived = []
        while not stop.is_set():
            arrived += lab.wire.exchange([udp(LISTED4)] * 20)
            watch.wait_for(len(arrived) - 200)  # on a busy machine it may be late
        switcher.join()
        events = watch.events(len(arrived))
    assert [not event["enforce"] for event in events] == arrived and len(set(arrived)) == 2


@pytest.mark.dispatcher
def test_beside_xdp_filter_and_xdpdump(chained, need):
    """watch tells what we decide, whatever comes after us. Watched by both, each program of the
    chain drops what it did before, also when we only observe and when the chain changes."""
    need("xdpdump", "stdbuf")
    lab, they = chained, [XdpFilter(chained), Count(chained)]
    lab.load("-i", OURS)
    for one in they:
        one.come()
    frames = [udp(OURS), udp(THEIRS), udp(FREE)]
    ours = [(OURS, "drop"), (THEIRS, "pass"), (FREE, "pass"), (None, "pass")]

    def seen(times):
        return [(event["source"], event["verdict"]) for event in watch.events(times * len(ours))]

    with Dump(lab) as dump, watching(lab, "-j", lab.dev) as watch:
        assert lab.wire.exchange(frames) == [False, False, True]
        assert seen(1) == ours
        dump.hears("xdp_ipfilter()@exit[DROP]", f"{XdpFilter.program}()@exit[DROP]",
                   "nb_count()@exit[PASS]")
        lab.good("enforce", "off")
        assert lab.wire.exchange(frames) == [True, False, True]
        assert seen(2) == 2 * ours
        they[0].go()
        assert lab.wire.exchange(frames) == [True, True, True]
        assert seen(3) == 3 * ours and they[1].works()
    assert nothing_is_on(lab)
    assert lab.counters(lab.dev)["drop"][0] == 3


def test_a_filter_that_goes_ends_it(lab):
    lab.load(*RULES)
    with watching(lab) as watch:
        lab.good("unload", lab.dev)
        assert wait_for(lambda: watch.process.poll() is not None, "it ends", lab.patience)
        assert watch.end() == NOT_LOADED
    assert any("not loaded any more" in line for line in watch.complaints)
    lab.refused(NOT_LOADED, "watch", words=("not loaded",))
    lab.refused(NOT_LOADED, "watch", lab.dev, words=(lab.dev, "not loaded"))


@pytest.mark.parametrize("args, words", [
    (["--drop", "--pass"], ["--drop", "--pass"]), (["-n", "0"], ["--sample"]),
    (["--rate", "0"], ["--rate"]), (["--count", "0"], ["--count"])])
def test_wrong_usage(lab, args, words):
    lab.refused(USAGE, "watch", *args, words=words)


def test_a_link_without_ethernet(own_lab, need):
    from links import Tun
    lab = own_lab
    tun = Tun(lab)
    try:
        lab.load("-m", "skb", "-i", LISTED4, dev="tun0")
        with watching(lab, "-j", "tun0") as watch:
            tun.send(bytes(IP(src=LISTED4, dst=OUR4) / UDP(sport=5, dport=6)))
            [event] = watch.events(1)
    finally:
        tun.close()
    assert (event["source"], event["source_port"], event["bytes"]) == (LISTED4, 5, 28)
