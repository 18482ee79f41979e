# SPDX-License-Identifier: GPL-2.0
"""Interfaces whose frames have no Ethernet header: filtered if the source can be read, otherwise
refused by the name of their type."""
import contextlib

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6, IPv6ExtHdrFragment
from scapy.packet import Raw

import kernel
import links
import product
from frames import FREE4, FREE6, LISTED4, LISTED6, OUR4, OUR6
from product import DONE, FAILED, assert_words

IPV4_ONLY, IPV6_ONLY = ("ipip",), ("sit",)


def packet(source, **fields):
    if ":" in source:
        return bytes(IPv6(src=source, dst=OUR6, **fields) / UDP(sport=7, dport=9) / Raw(bytes(40)))
    return bytes(IP(src=source, dst=OUR4, **fields) / UDP(sport=7, dport=9) / Raw(bytes(40)))


def fragment(source):
    if ":" in source:
        return bytes(IPv6(src=source, dst=OUR6) / IPv6ExtHdrFragment(offset=4, id=7, nh=17) /
                     Raw(bytes(40)))
    return bytes(IP(src=source, dst=OUR4, id=77, frag=4, proto=17) / Raw(bytes(40)))


DISCOVERY = bytes(IPv6(src=FREE6, dst=OUR6) / ICMPv6ND_NS() / Raw(bytes(20)))


def traffic(kind, policy):
    """(packet, whether it passes, its counter) for all packets that such a link carries."""
    listed, free = policy == "deny", policy == "allow"
    rows = []
    for four, six, passes in ((LISTED4, LISTED6, listed), (FREE4, FREE6, free)):
        for source in (four, six):
            if kind in IPV4_ONLY and ":" in source or kind in IPV6_ONLY and ":" not in source:
                continue
            rows += [(made, passes, "pass" if passes else "drop")
                     for made in (packet(source), fragment(source))]
    if kind not in IPV4_ONLY:
        rows.append((DISCOVERY, True, "pass"))
    return rows


@contextlib.contextmanager
def link_of(lab, kind, need):
    if kind == "wireguard":
        need("wg")
    if kind == "tun":
        link = links.Tun(lab)
    elif kind == "ppp":
        link = links.Ppp(lab)
    elif kind == "wireguard":
        link = links.WireGuard(lab, kind)
    elif kind.startswith("ip6"):
        link = links.Tunnel(lab, kind, over_ipv6=True,
                            options=("mode", "any") if kind == "ip6tnl" else ())
    else:
        name, _, options = kind.partition(" ")
        link = links.Tunnel(lab, name, options=options.split())
    with contextlib.closing(link):
        yield link


#: Up to Linux 5.13, their drivers left the outer headers before the packet.
TUNNELS = ("ipip", "sit", "gre", "gre key 5 csum seq", "ip6gre", "ip6tnl")


def assert_counted(counters, rows, control):
    for name in ("drop", "pass", "other", "malformed"):
        sizes = [len(one) for one, _, counter in rows if counter == name]
        if name == "pass":
            sizes.append(len(control))
        assert counters[name] == {"packets": len(sizes), "bytes": sum(sizes)}


@pytest.mark.parametrize("kind", ["tun", "wireguard", "ppp", *TUNNELS])
def test_sources_decide_on_links_without_ethernet(lab, need, dispatcher, kind):
    with link_of(lab, kind, need) as link:
        if kind in TUNNELS and kernel.is_before(5, 14):
            lab.refused(FAILED, "load", "-m", "skb", link.dev,
                        words=[link.dev, kind.split()[0], "before Linux 5.14", "outer headers"])
            return
        link.settle(traffic(kind, "allow")[0][0])
        for policy in ("allow", "deny"):
            rows = traffic(kind, policy)
            packets = [row[0] for row in rows]
            control = next(one for one, passes, _ in rows if passes)
            assert link.exchange(packets, control) == [True] * len(rows), "without the filter"
            lab.load("-m", "skb", "-p", policy, "-i", LISTED4, "-i", LISTED6, dev=link.dev)
            assert link.exchange(packets, control) == [row[1] for row in rows]
            status = lab.status(link.dev)
            assert status["state"] == f"filtering-{'chained' if dispatcher[0] else 'single'}"
            assert_counted(status["counters"], rows, control)
            lab.good("unload", link.dev)


@pytest.mark.dispatcher
def test_beside_another_program_on_a_link_without_ethernet(lab, need):
    need("xdp-loader")
    with contextlib.closing(links.Tun(lab)) as link:
        lab.ns.run("xdp-loader", "load", "-m", "skb", link.dev, kernel.neighbour("count"))
        lab.load("-m", "skb", "-i", LISTED4, "-i", LISTED6, dev=link.dev)
        assert lab.status(link.dev)["position"] == 1
        rows = traffic("tun", "allow")
        assert link.exchange([row[0] for row in rows], packet(FREE4)) == [row[1] for row in rows]
        lab.good("unload", link.dev)
        lab.ns.run("xdp-loader", "unload", link.dev, "-a")


#: The policy decides for packets without a readable source. Nothing else marks them as not IP.
UNREADABLE = {
    "version 0": b"\x05" + packet(LISTED4)[1:],
    "version 5": b"\x55" + packet(LISTED4)[1:],
    "version 15": b"\xf5" + packet(FREE4)[1:],
    "an Ethernet frame": bytes.fromhex("0200000000010200000000020800") + packet(LISTED4),
    "ihl 4": b"\x44" + packet(LISTED4)[1:],
    "IPv4 truncated": packet(LISTED4)[:19],
    "IPv6 truncated": packet(LISTED6)[:39],
}


@pytest.mark.parametrize("policy", ["allow", "deny"])
def test_what_is_not_ip_takes_the_policy_on_a_link_without_ethernet(lab, policy):
    control = packet(FREE4 if policy == "allow" else LISTED4)
    with contextlib.closing(links.Tun(lab)) as link:
        lab.load("-m", "skb", "-p", policy, "-i", LISTED4, dev=link.dev)
        passed = link.exchange(UNREADABLE.values(), control)
        assert passed == [policy == "allow"] * len(UNREADABLE)
        counters = lab.counters(link.dev)
        assert counters["malformed"] == (len(UNREADABLE), sum(map(len, UNREADABLE.values())))
        assert counters["other"] == (0, 0)


def test_an_address_is_told_as_packets_meet_it_on_a_link_without_ethernet(lab):
    with contextlib.closing(links.Tun(lab)) as link:
        lab.load("-m", "skb", dev=link.dev)
        lab.good("add", "-d", link.dev, LISTED4)
        assert lab("test", "-q", "-d", link.dev, LISTED4).rc == DONE
        assert link.exchange([packet(LISTED4)], packet(FREE4)) == [False]
        lab.good("del", "-d", link.dev, LISTED4)
        assert lab("test", "-q", "-d", link.dev, LISTED4).rc == FAILED
        assert link.exchange([packet(LISTED4)], packet(FREE4)) == [True]


def test_native_mode_on_a_tun_device_says_what_works_instead(lab):
    with contextlib.closing(links.Tun(lab)) as link:
        lab.refused(FAILED, "load", link.dev, words=[link.dev, "no native XDP", "--mode skb"])


#: device: (kind, options, words of the refusal)
UNFIT = {
    "can0": ("vcan", (), ["CAN", "280", "not IP packets"]),
    "nl0": ("nlmon", (), ["netlink monitor", "824", "not IP packets"]),
    "mgre0": ("gre", ("local", "10.7.0.1"), ["GRE", "without one remote end", "outer headers"]),
    "mcast0": ("gre", ("local", "10.7.0.1", "remote", "239.0.0.7"),
               ["GRE", "without one remote end", "outer headers"]),
    "vti0": ("vti", ("local", "10.7.0.1", "remote", "10.7.0.2", "key", "7"),
             ["'vti'", "do not always begin with the packet"]),
    "xfrm0": ("xfrm", ("dev", "f0", "if_id", "7"), ["'xfrm'", "do not always begin with the packet"]),
    "ifb0": ("ifb", (), ["'ifb'", "runs no XDP program"]),
    "vrf0": ("vrf", ("table", "7"), ["'vrf'", "runs no XDP program"]),
    "ipv0": ("ipvlan", ("mode", "l3s"), ["'ipvlan' in mode l3s", "runs no XDP program"]),
}


@pytest.mark.parametrize("dev", UNFIT)
def test_a_device_whose_sources_cannot_be_read_is_refused_by_name(lab, dev):
    kind, options, words = UNFIT[dev]
    links.add(lab.ns, dev, kind, *options, over=("link", "f0") if kind == "ipvlan" else ())
    try:
        if kind == "gre" and kernel.is_before(5, 14):
            words = ["gre", "before Linux 5.14"]
        for command in (("load",), ("run", "-m", "skb")):
            lab.refused(FAILED, *command, dev, words=[dev, *words])
        assert "xdp" not in lab.ns.links()[dev]
    finally:
        lab.ns.ip("link", "del", dev)


def test_one_unfit_device_keeps_the_filter_off_all(lab):
    with contextlib.closing(links.Tun(lab)) as link:
        link.set_type(803)
        with lab.unchanged("f0"):
            lab.refused(FAILED, "load", "-m", "skb", "f0", link.dev, words=[link.dev, "radiotap"])


#: hardware type: words
TYPES = {803: ["radiotap", "803"], 32: ["InfiniBand", "32"], 824: ["netlink monitor"],
         4242: ["4242", "does not know"], 1: ["tun device", "Ethernet"], 772: ["loopback", "tun device"]}


@pytest.mark.parametrize("hardware_type", TYPES)
def test_a_type_that_does_not_fit_is_refused_by_name(lab, hardware_type):
    with contextlib.closing(links.Tun(lab)) as link:
        link.set_type(hardware_type)
        lab.refused(FAILED, "load", "-m", "skb", link.dev,
                    words=[link.dev, *TYPES[hardware_type]])


def test_a_tap_device_has_ethernet(lab):
    with contextlib.closing(links.Tun(lab, dev="tap0", kind=links.IFF_TAP)) as link:
        lab.load("-m", "skb", dev=link.dev)
        lab.good("unload", link.dev)


def assert_found(lab, dev, words):
    """Every command that looks at the filter says that it does not filter. unload takes it off."""
    shown = lab("status", dev)
    assert shown.rc == FAILED and f"{dev}: attached but NOT filtering" in shown.out, shown
    assert_words(shown.out, words, shown)
    told = lab("status", "-j", dev)
    assert told.rc == FAILED, told
    assert told.json()["interfaces"][0]["state"] == "not-filtering"
    lab.good("add", "-d", dev, "203.0.113.9", warns=words)
    lab.good("list", "-d", dev, warns=words)
    judged = lab("test", "-d", dev, "203.0.113.9")
    assert judged.rc == FAILED, judged
    assert_words(judged.err, words, judged)
    lab.refused(FAILED, "repair", dev, words=words)
    lab.good("unload", dev)
    assert lab.status(dev)["state"] == "not-loaded"


def test_a_type_that_changes_under_the_filter_is_found(lab):
    with contextlib.closing(links.Tun(lab)) as link:
        lab.load("-m", "skb", dev=link.dev)
        link.set_type(803)
        shown = lab("status", "-j", link.dev)
        assert shown.rc == FAILED and shown.json()["interfaces"][0]["state"] == "not-filtering"
        link.set_type(0xFFFE)
        assert lab.status(link.dev)["state"].startswith("filtering")
        link.set_type(803)
        assert_found(lab, link.dev, ["radiotap", "filters nothing"])


def test_a_bond_that_takes_the_type_of_its_port_is_found(own_lab):
    lab = own_lab
    links.add(lab.ns, "bond0", "bond", "mode", "active-backup")
    links.add(lab.ns, "ipip0", "ipip", "local", "10.7.0.1", "remote", "10.7.0.2")
    lab.load("-m", "skb", "-i", LISTED4, dev="bond0")
    lab.ns.ip("link", "set", "ipip0", "master", "bond0")
    assert_found(lab, "bond0", ["bond0", "'bond'", "filters nothing"])
    lab.refused(FAILED, "load", "-m", "skb", "bond0", words=["bond0", "'bond'", "IPv4 tunnel"])


@pytest.mark.skipif(not kernel.HAS_FRAGS, reason="xdp-loader cannot load the object before 5.18")
def test_what_xdp_loader_puts_on_a_link_without_ethernet_is_found(lab, need):
    need("xdp-loader")
    with contextlib.closing(links.Tun(lab)) as link:
        lab.ns.run("xdp-loader", "load", "-m", "skb", link.dev, product.OBJECT)
        assert_found(lab, link.dev, ["Ethernet headers", "IP headers", "unload it"])
