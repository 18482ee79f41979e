# SPDX-License-Identifier: GPL-2.0
"""How many frames per second can each filter drop on a wire?

One CPU sends the frames into a veth pair and serves its other end. Every candidate has its own
pair. After each measurement, the candidate's counter must have grown by the number of frames
sent."""

import contextlib
import json
import re

import lab
from figures import ratios, spread

RULES = 10000
SOURCES = {"same": 1, "random": 1 << 20}
CANDIDATES = ("ours", "xdp-filter", "xdp-filter-ip", "nft", "ipset", "drop")


class OursOnWire:
    def __init__(self, stack, rules, _):
        self._product = stack.enter_context(lab.Product())
        self._product.replace(rules)
        self.wire = self._product.wire

    def dropped(self):
        return self._product.counters()["drop"][0]


class XdpOnWire:
    """An XDP program. The veth driver counts the frames that it drops."""

    def dropped(self):
        lines = lab.sh("ethtool", "-S", self.wire.near)
        return sum(int(count) for count in re.findall(r"rx_queue_\d+_xdp_drops: (\d+)", lines))


class XdpFilterOnWire(XdpOnWire):
    features = None

    def __init__(self, stack, rules, _):
        lab.need("ethtool", "ethtool")
        peer = stack.enter_context(lab.XdpFilter(self.features))
        peer.fill("ipv4", "random", RULES, rules.read_text().split("\n", 1)[0])
        self.wire = peer.wire


class XdpFilterIpOnWire(XdpFilterOnWire):
    features = "ipv4"


class PlainDropOnWire(XdpOnWire):
    def __init__(self, stack, *_):
        lab.need("ethtool", "ethtool")
        lab.need("bpftool", "bpftool")
        self.wire = stack.enter_context(lab.Wire())
        pins = "/sys/fs/bpf/bench"
        lab.sh("bpftool", "prog", "loadall", lab.HERE / "floor.bpf.o", pins)
        lab.sh("ip", "link", "set", "dev", self.wire.near, "xdpdrv", "pinned",
               f"{pins}/plain_drop")


class StackOnWire:
    """A filter of the network stack. With GRO, veth receives frames in its NAPI poll, as with
    XDP."""

    def __init__(self, stack):
        lab.need("ethtool", "ethtool")
        self.wire = stack.enter_context(lab.Wire())
        lab.sh("ethtool", "-K", self.wire.near, "gro", "on")


class NftOnWire(StackOnWire):
    def __init__(self, stack, _, folder):
        lab.need("nft", "nftables")
        super().__init__(stack)
        elements = lab.sh(lab.HERE / "rules", "ipv4", "random", RULES, "nft")
        path = folder / "drops.nft"
        path.write_text(f"""table netdev bench {{
    set rules {{ type ipv4_addr; elements = {{ {elements} }} }}
    chain in {{
        type filter hook ingress device "{self.wire.near}" priority 0;
        ip saddr @rules counter drop
    }}
}}
""")
        lab.sh("nft", "-f", path)
        stack.callback(lab.sh, "nft", "delete", "table", "netdev", "bench")

    def dropped(self):
        chain = json.loads(lab.sh("nft", "-j", "list", "chain", "netdev", "bench", "in"))
        return sum(part["counter"]["packets"] for entry in chain["nftables"]
                   for part in entry.get("rule", {}).get("expr", []) if "counter" in part)


class IpsetOnWire(StackOnWire):
    def __init__(self, stack, _, folder):
        lab.need("ipset", "ipset")
        lab.need("iptables", "iptables")
        super().__init__(stack)
        lab.sh("ipset", "create", "bench", "hash:ip")
        stack.callback(lab.sh, "ipset", "destroy", "bench")
        lab.sh("ipset", "restore",
               stdin=lab.sh(lab.HERE / "rules", "ipv4", "random", RULES, "ipset", "bench"))
        rule = ("PREROUTING", "-i", self.wire.near, "-m", "set", "--match-set", "bench", "src",
                "-j", "DROP")
        lab.sh("iptables", "-t", "raw", "-A", *rule)
        stack.callback(lab.sh, "iptables", "-t", "raw", "-D", *rule)

    def dropped(self):
        rules = lab.sh("iptables", "-t", "raw", "-S", "PREROUTING", "-v")
        return int(re.search(r"--match-set bench src -c (\d+)", rules).group(1))


KINDS = {"ours": OursOnWire, "xdp-filter": XdpFilterOnWire, "xdp-filter-ip": XdpFilterIpOnWire,
         "nft": NftOnWire, "ipset": IpsetOnWire, "drop": PlainDropOnWire}


def set_up(options, folder, stack, report):
    """{name: the candidate on its wire}, without those that this machine lacks."""
    rules = folder / "drops.rules"
    rules.write_text(lab.sh(lab.HERE / "rules", "ipv4", "random", RULES, "lines"))
    ready = {}
    for name in CANDIDATES:
        if not options.wants("candidates", name):
            continue
        try:
            ready[name] = KINDS[name](stack, rules, folder)
        except lab.Missing as missing:
            report.skip("drops", name, str(missing))
    return ready


def measure(name, candidate, live, frames, active):
    """(CPU ns, wall ns) per frame. Every frame was dropped."""
    wire = candidate.wire
    before = candidate.dropped()
    answer = live.ask(wire.show(wire.far)["ifindex"], wire.show(wire.near)["address"], frames,
                      active)
    dropped = candidate.dropped() - before
    if dropped != frames:
        raise lab.Failure(f"{name} dropped {dropped} of {frames} frames on the wire")
    return answer["cpu_ns"], answer["wall_ns"]


def run(options, folder, report):
    with report.trial("drops, over veth"), contextlib.ExitStack() as stack:
        ready = set_up(options, folder, stack, report)
        live = stack.enter_context(lab.Instrument("live", "random", RULES))
        for sources in SOURCES:
            if options.wants("sources", sources):
                measure_sources(ready, live, sources, options, report)


def measure_sources(ready, live, sources, options, report):
    cpu = {name: [] for name in ready}
    wall = {name: [] for name in ready}
    for _ in range(options.rounds):
        for name, candidate in ready.items():
            active = SOURCES[sources]
            measure(name, candidate, live, options.frames // 4 + 1, active)
            one_cpu, one_wall = measure(name, candidate, live, options.frames, active)
            cpu[name].append(one_cpu)
            wall[name].append(one_wall)
    for name in ready:
        rate = [1000 / ns for ns in cpu[name]]
        row = {"name": name, "sources": sources, "rules": RULES, "cpu_ns": cpu[name],
               "wall_ns": wall[name], "mpps": spread(rate)}
        if "ours" in ready:
            row["ours_is_faster"] = ratios(cpu[name], cpu["ours"])
        report.drop(row)
