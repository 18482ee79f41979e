# SPDX-License-Identifier: GPL-2.0
"""The frames that the tests send, each with its name and the expected verdict.

scapy builds them once; from then on, they are plain bytes. Each frame says what its source is:

    listed      its address has a rule
    free        its address has no rule
    nd          neighbour discovery from an address without a rule
    other       neither IPv4 nor IPv6: passes, counted as `other`
    malformed   no readable source: the policy decides, counted as `malformed`
"""
import dataclasses
import logging

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLReport, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
    ICMPv6ND_Redirect, ICMPv6ND_RS, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, LLC, SNAP, STP, Dot3  # noqa: E402
from scapy.packet import Raw  # noqa: E402

LISTED4, FREE4, OUR4 = "192.0.2.66", "198.51.100.7", "203.0.113.1"
LISTED6, FREE6, OUR6 = "2001:db8:66::1", "2001:db8:1::7", "2001:db8:ffff::1"

SOURCE_MAC = "02:00:00:00:00:01"
PLACEHOLDER = "06:00:00:00:00:00"  # netlab writes the frame's number here
IPV4, IPV6 = 0x0800, 0x86DD
CTAG, STAG, OLD_STAG = 0x8100, 0x88A8, 0x9100
PPPOE_SESSION = 0x8864


@dataclasses.dataclass(frozen=True)
class Frame:
    name: str
    data: bytes
    source: str

    def verdict(self, policy):
        """(whether it passes, its counter) under this policy. LISTED* have the opposite rule."""
        allow = policy == "allow"
        return {"listed": (not allow, "drop" if allow else "pass"),
                "free": (allow, "pass" if allow else "drop"),
                "nd": (True, "pass"),
                "other": (True, "other"),
                "malformed": (allow, "malformed")}[self.source]


def ether(payload, ethertype, tags=(), source_mac=SOURCE_MAC):
    """A frame made by hand: MAC addresses, tags as (tpid, vid), ethertype, payload."""
    raw = bytes.fromhex(PLACEHOLDER.replace(":", "")) + bytes.fromhex(source_mac.replace(":", ""))
    for tpid, vid in tags:
        raw += tpid.to_bytes(2, "big") + vid.to_bytes(2, "big")
    return raw + ethertype.to_bytes(2, "big") + payload


def header4(source):
    return bytes(IP(src=source, dst=OUR4, proto=17, len=20))


def udp4(source, size=20, **kwargs):
    return ether(bytes(IP(src=source, dst=OUR4) / UDP(sport=7, dport=9) / Raw(bytes(size))), IPV4,
                 **kwargs)


def udp6(source, size=20, **kwargs):
    return ether(bytes(IPv6(src=source, dst=OUR6) / UDP(sport=7, dport=9) / Raw(bytes(size))),
                 IPV6, **kwargs)


def udp(source, size=20, **kwargs):
    """A UDP frame from this address of either family."""
    return (udp6 if ":" in source else udp4)(source, size, **kwargs)


def numbered4(base, count):
    """`count` frames from consecutive addresses, made fast by patching one frame."""
    from ipaddress import IPv4Address
    model = bytearray(udp4(str(base)))
    start = int(IPv4Address(base))
    made = []
    for number in range(start, start + count):
        model[26:30] = number.to_bytes(4, "big")
        made.append(bytes(model))
    return made


def _pairs(name, build):
    """The same frame from an address with a rule and from one without, in both families."""
    yield Frame(f"{name}, IPv4, listed", build(LISTED4), "listed")
    yield Frame(f"{name}, IPv4, free", build(FREE4), "free")
    yield Frame(f"{name}, IPv6, listed", build(LISTED6), "listed")
    yield Frame(f"{name}, IPv6, free", build(FREE6), "free")


def _both4(name, packet):
    for what, source in (("listed", LISTED4), ("free", FREE4)):
        yield Frame(f"{name}, {what}", ether(bytes(packet(source)), IPV4), what)


def _both6(name, packet):
    for what, source in (("listed", LISTED6), ("free", FREE6)):
        yield Frame(f"{name}, {what}", ether(bytes(packet(source)), IPV6), what)


def _ordinary():
    yield from _pairs("UDP", udp)
    yield from _pairs("UDP, empty", lambda source: udp(source, 0))
    yield from _pairs("UDP, full MTU",
                      lambda source: udp(source, 1500 - (48 if ":" in source else 28)))
    yield from _both4("TCP SYN", lambda s: IP(src=s, dst=OUR4) / TCP(dport=22, flags="S"))
    yield from _both4("ICMP echo", lambda s: IP(src=s, dst=OUR4) / ICMP())
    yield from _both4("protocol 253", lambda s: IP(src=s, dst=OUR4, proto=253) / Raw(b"x" * 9))
    yield from _both4("nothing after the header", lambda s: IP(src=s, dst=OUR4, len=20, proto=59))
    yield from _both4("40 bytes of options", lambda s: IP(
        src=s, dst=OUR4, options=[IPOption_NOP()] * 40) / UDP(dport=9))
    yield from _both4("first fragment", lambda s: IP(
        src=s, dst=OUR4, id=77, flags="MF") / UDP(dport=9) / Raw(b"x" * 24))
    yield from _both4("later fragment", lambda s: IP(
        src=s, dst=OUR4, id=77, frag=4, proto=17) / Raw(b"x" * 24))
    yield from _both4("last fragment, reserved bit set", lambda s: IP(
        src=s, dst=OUR4, id=77, frag=8191, flags="evil", proto=6) / Raw(b"x"))
    yield from _both4("total length beyond the frame", lambda s: IP(
        src=s, dst=OUR4, len=1500) / UDP(dport=9))
    yield from _both4("checksum wrong", lambda s: IP(src=s, dst=OUR4, chksum=0xbad) / UDP(dport=9))
    yield from _both4("TTL 0", lambda s: IP(src=s, dst=OUR4, ttl=0) / UDP(dport=9))
    yield from _both6("TCP SYN, IPv6", lambda s: IPv6(src=s, dst=OUR6) / TCP(dport=22, flags="S"))
    yield from _both6("ICMPv6 echo", lambda s: IPv6(src=s, dst=OUR6) / ICMPv6EchoRequest())
    yield from _both6("hop-by-hop options", lambda s: IPv6(
        src=s, dst=OUR6) / IPv6ExtHdrHopByHop() / UDP(dport=9))
    yield from _both6("destination options", lambda s: IPv6(
        src=s, dst=OUR6) / IPv6ExtHdrDestOpt() / UDP(dport=9))
    yield from _both6("first fragment, IPv6", lambda s: IPv6(
        src=s, dst=OUR6) / IPv6ExtHdrFragment(m=1, id=7) / UDP(dport=9) / Raw(b"x" * 24))
    yield from _both6("later fragment, IPv6", lambda s: IPv6(
        src=s, dst=OUR6) / IPv6ExtHdrFragment(offset=4, id=7, nh=17) / Raw(b"x" * 24))
    yield from _both6("no next header", lambda s: IPv6(src=s, dst=OUR6, nh=59))
    yield from _both6("payload length 0, jumbo", lambda s: IPv6(
        src=s, dst=OUR6, plen=0, nh=0) / Raw(b"x" * 40))


def _tagged():
    stacks = {
        "one tag 0x8100": [(CTAG, 5)],
        "one tag 0x88a8": [(STAG, 5)],
        "one tag 0x9100": [(OLD_STAG, 5)],
        "a priority tag, VLAN 0": [(CTAG, 0xE000)],
        "VLAN 4095": [(CTAG, 4095)],
        "QinQ, 0x88a8 and 0x8100": [(STAG, 10), (CTAG, 20)],
        "two tags 0x8100": [(CTAG, 10), (CTAG, 20)],
        "three tags": [(OLD_STAG, 1), (STAG, 2), (CTAG, 3)],
        "four tags": [(STAG, 1), (CTAG, 2), (CTAG, 3), (OLD_STAG, 4)],
    }
    for name, tags in stacks.items():
        yield from _pairs(name, lambda source, tags=tags: udp(source, tags=tags))
    yield Frame("five tags, listed source after them",
                udp4(LISTED4, tags=[(CTAG, vid) for vid in range(1, 6)]), "malformed")
    yield Frame("five tags, free source after them, IPv6",
                udp6(FREE6, tags=[(STAG, 1)] + [(CTAG, vid) for vid in range(2, 6)]), "malformed")
    yield Frame("eight tags", udp4(FREE4, tags=[(CTAG, vid) for vid in range(1, 9)]), "malformed")
    yield Frame("five tags, ARP after them",
                ether(bytes(ARP()), 0x0806, tags=[(CTAG, vid) for vid in range(1, 6)]), "malformed")


def session(payload, protocol, header=b"\x11\0\0\1", **kwargs):
    """A PPPoE session frame, with the protocol as on the wire."""
    length = len(protocol + payload).to_bytes(2, "big")
    return ether(header + length + protocol + payload, PPPOE_SESSION, **kwargs)


def ppp(source, size=20, short=False, **kwargs):
    """A UDP packet from this address, as a session carries it."""
    protocol = b"\x57" if ":" in source else b"\x21"
    return session(udp(source, size)[14:], protocol if short else b"\0" + protocol, **kwargs)


def _sessions():
    yield from _pairs("PPPoE", ppp)
    yield from _pairs("PPPoE, protocol in one byte", lambda source: ppp(source, short=True))
    yield from _pairs("PPPoE after a tag", lambda source: ppp(source, tags=[(CTAG, 7)]))
    yield from _pairs("PPPoE after four tags", lambda source: ppp(source, tags=[(STAG, 7)] * 4))
    yield from _pairs("PPPoE, full MTU",
                      lambda source: ppp(source, 1492 - (48 if ":" in source else 28)))
    yield from _pairs("PPPoE, version, type and code as no one has them",
                      lambda source: ppp(source, header=b"\x25\x09\0\1"))
    yield Frame("PPPoE after five tags", ppp(LISTED4, tags=[(CTAG, 7)] * 5), "malformed")
    yield Frame("PPPoE, IPv4 truncated", session(header4(LISTED4)[:19], b"\0\x21"), "malformed")
    yield Frame("PPPoE, no protocol", session(b"", b""), "malformed")
    yield Frame("PPPoE, protocol truncated", session(b"", b"\0"), "malformed")
    yield Frame("PPPoE, header truncated", ether(b"\x11\0\0", PPPOE_SESSION), "malformed")
    yield Frame("PPPoE, ND", session(bytes(IPv6(src=FREE6, dst=OUR6) / ICMPv6ND_NS()),
                                     b"\0\x57"), "nd")


def _not_ip():
    yield Frame("ARP request", ether(bytes(ARP(psrc=LISTED4, pdst=OUR4)), 0x0806), "other")
    yield Frame("ARP, tagged", ether(bytes(ARP()), 0x0806, tags=[(CTAG, 7)]), "other")
    yield Frame("ARP after four tags", ether(bytes(ARP()), 0x0806, tags=[(CTAG, 7)] * 4), "other")
    yield Frame("LLDP", ether(b"\x02\x07\x04\x02\0\0\0\0\x01" + bytes(40), 0x88CC), "other")
    yield Frame("802.3 with LLC (STP)", bytes(
        Dot3(dst=PLACEHOLDER, src=SOURCE_MAC) / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP()), "other")
    yield Frame("IPv4 in SNAP: not Ethernet II", bytes(
        Dot3(dst=PLACEHOLDER, src=SOURCE_MAC) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) /
        SNAP(code=IPV4) / IP(src=LISTED4, dst=OUR4)), "other")
    yield Frame("EAPOL", ether(b"\x01\x01\0\0" + bytes(42), 0x888E), "other")
    yield Frame("MPLS with a listed address inside",
                ether(b"\0\0\x11\x40" + header4(LISTED4) + bytes(20), 0x8847), "other")
    yield Frame("PPPoE discovery with a listed address inside",
                ether(b"\x11\x09\0\0\0\x16\0\x21" + header4(LISTED4), 0x8863), "other")
    yield Frame("PPPoE, LCP with a listed address inside",
                session(header4(LISTED4), b"\xc0\x21"), "other")
    yield Frame("PPPoE, IPV6CP after a tag",
                session(bytes([1, 1, 0, 4]), b"\x80\x57", tags=[(CTAG, 7)]), "other")
    yield Frame("ethertype 0x9200, not a tag of ours", ether(bytes(40), 0x9200), "other")
    yield Frame("ethertype 0xffff", ether(bytes(46), 0xFFFF), "other")
    yield Frame("nothing after an unknown ethertype", ether(b"", 0x88B6), "other")


def _cut_short():
    full4 = bytes(IP(src=LISTED4, dst=OUR4) / UDP())
    full6 = bytes(IPv6(src=LISTED6, dst=OUR6) / UDP())
    for length in (0, 1, 12, 16, 19):
        yield Frame(f"IPv4 header truncated after {length} bytes",
                    ether(full4[:length], IPV4), "malformed")
    for length in (0, 1, 24, 39):
        yield Frame(f"IPv6 header truncated after {length} bytes",
                    ether(full6[:length], IPV6), "malformed")
    yield Frame("IPv4 header truncated after a tag",
                ether(full4[:19], IPV4, tags=[(CTAG, 5)]), "malformed")
    yield Frame("IPv6 header truncated after four tags",
                ether(full6[:39], IPV6, tags=[(CTAG, 5)] * 4), "malformed")
    for length in range(4):
        yield Frame(f"a tag truncated after {length} bytes",
                    ether((b"\0\5\x08\0")[:length], CTAG), "malformed")
    for length in range(4):
        yield Frame(f"a second tag truncated after {length} bytes",
                    ether((b"\0\5\x08\0")[:length], CTAG, tags=[(STAG, 5)]), "malformed")


def _wrong_header():
    good4 = bytes(IP(src=LISTED4, dst=OUR4) / UDP())
    good6 = bytes(IPv6(src=LISTED6, dst=OUR6) / UDP())
    for version in (0, 1, 5, 6, 15):
        yield Frame(f"version {version} under ethertype IPv4",
                    ether(bytes([version << 4 | 5]) + good4[1:] + bytes(20), IPV4), "malformed")
    for ihl in (0, 1, 4):
        yield Frame(f"ihl {ihl}", ether(bytes([0x40 | ihl]) + good4[1:], IPV4), "malformed")
    for version in (0, 4, 5, 7):
        yield Frame(f"version {version} under ethertype IPv6",
                    ether(bytes([version << 4]) + good6[1:], IPV6), "malformed")
    yield Frame("IPv4 packet under ethertype IPv6", ether(good4 + bytes(20), IPV6), "malformed")
    yield Frame("IPv6 packet under ethertype IPv4", ether(good6, IPV4), "malformed")


def _neighbour_discovery():
    kinds = {"router solicitation": ICMPv6ND_RS, "router advertisement": ICMPv6ND_RA,
             "neighbour solicitation": ICMPv6ND_NS, "neighbour advertisement": ICMPv6ND_NA,
             "redirect": ICMPv6ND_Redirect}
    for name, kind in kinds.items():
        yield Frame(f"ND {name}", ether(bytes(IPv6(src=FREE6, dst=OUR6) / kind()), IPV6), "nd")
        yield Frame(f"ND {name}, listed",
                    ether(bytes(IPv6(src=LISTED6, dst=OUR6) / kind()), IPV6), "listed")
    yield Frame("ND from ::, duplicate address detection",
                ether(bytes(IPv6(src="::", dst="ff02::1") / ICMPv6ND_NS()), IPV6), "nd")
    yield Frame("ND from a link-local address",
                ether(bytes(IPv6(src="fe80::1", dst="ff02::1") / ICMPv6ND_RA()), IPV6), "nd")
    yield Frame("ND after a tag", ether(bytes(IPv6(src=FREE6, dst=OUR6) / ICMPv6ND_NS()), IPV6,
                                         tags=[(CTAG, 3)]), "nd")
    yield Frame("ND after a hop-by-hop header is not right after it", ether(bytes(
        IPv6(src=FREE6, dst=OUR6) / IPv6ExtHdrHopByHop() / ICMPv6ND_NS()), IPV6), "free")
    yield Frame("ICMPv6 type 132, one below ND", ether(bytes(
        IPv6(src=FREE6, dst=OUR6) / Raw(b"\x84\0\0\0" + bytes(20))), IPV6), "free")
    yield Frame("ICMPv6 type 132, next header 58", _icmp6(132), "free")
    yield Frame("ICMPv6 type 133, the first of ND", _icmp6(133), "nd")
    yield Frame("ICMPv6 type 137, the last of ND", _icmp6(137), "nd")
    yield Frame("ICMPv6 type 138, one above ND", _icmp6(138), "free")
    yield Frame("ND type in a UDP packet", ether(bytes(
        IPv6(src=FREE6, dst=OUR6, nh=17) / Raw(b"\x87" + bytes(30))), IPV6), "free")
    yield Frame("multicast listener report",
                ether(bytes(IPv6(src=FREE6, dst="ff02::16") / ICMPv6MLReport()), IPV6), "free")
    yield Frame("destination unreachable",
                ether(bytes(IPv6(src=FREE6, dst=OUR6) / ICMPv6DestUnreach()), IPV6), "free")
    yield Frame("ICMPv6 truncated before its type",
                ether(bytes(IPv6(src=FREE6, dst=OUR6, nh=58, plen=8)), IPV6), "free")
    yield Frame("later fragment of ICMPv6", ether(bytes(
        IPv6(src=FREE6, dst=OUR6) / IPv6ExtHdrFragment(offset=1, nh=58) / Raw(b"\x87" * 16)), IPV6),
        "free")


def _icmp6(kind):
    return ether(bytes(IPv6(src=FREE6, dst=OUR6, nh=58) / Raw(bytes([kind, 0, 0, 0]) + bytes(20))),
                 IPV6)


CORPUS = [*_ordinary(), *_tagged(), *_sessions(), *_not_ip(), *_cut_short(), *_wrong_header(),
          *_neighbour_discovery()]
assert len({frame.name for frame in CORPUS}) == len(CORPUS), "two frames have one name"
