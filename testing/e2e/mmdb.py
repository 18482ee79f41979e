# SPDX-License-Identifier: GPL-2.0
"""Writes MaxMind DB files, by the description of the format
(https://maxmind.github.io/MaxMind-DB/): a binary tree of the bits of addresses, whose leaves point
to records in a data section, and metadata after a mark.

    write({"192.0.2.0/24": {"country": {"iso_code": "KP"}}}, kind="GeoLite2-Country")
"""
import ipaddress
import struct

MARK = b"\xab\xcd\xefMaxMind.com"
SEPARATOR = bytes(16)

#: What MaxMind's writer makes point to the IPv4 part of the tree.
ALIASES = ("::ffff:0:0/96", "2001::/32", "2002::/16")


class Uint(int):
    """A number of this many bits; plain numbers are written with 32."""

    def __new__(cls, value, bits):
        made = super().__new__(cls, value)
        made.bits = bits
        return made


class Raw(bytes):
    """A record that is written as it is."""


#: A pointer to the first record.
FIRST = Raw(b"\x20\0")


def encode(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, str):
        text = value.encode()
        return control(2, len(text)) + text
    if isinstance(value, bool):
        return control(14, int(value))
    if isinstance(value, float):
        return control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        return number(value)
    if isinstance(value, dict):
        return control(7, len(value)) + b"".join(encode(key) + encode(item)
                                                 for key, item in value.items())
    if isinstance(value, list):
        return control(11, len(value)) + b"".join(map(encode, value))
    raise TypeError(value)


def number(value):
    bits = getattr(value, "bits", 32)
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return control({16: 5, 32: 6, 64: 9}[bits], len(raw)) + raw


def control(kind, size):
    """The byte that says what follows, and how much of it."""
    extended = bytes([kind - 7]) if kind > 7 else b""
    kind = 0 if kind > 7 else kind
    if size < 29:
        return bytes([kind << 5 | size]) + extended
    if size < 285:
        return bytes([kind << 5 | 29]) + extended + bytes([size - 29])
    return bytes([kind << 5 | 30]) + extended + (size - 285).to_bytes(2, "big")


class Tree:
    """Nodes are lists of two: a node, a Leaf, or None."""

    def __init__(self, bits):
        self.bits, self.root = bits, [None, None]

    def place(self, network, mapped):
        """The address of a network in this tree, and its length."""
        if self.bits == 128 and network.version == 4:
            base = 0xffff << 32 if mapped else 0
            return base | int(network.network_address), network.prefixlen + 96
        return int(network.network_address), network.prefixlen

    def insert(self, address, length, what):
        node = self.root
        for depth in range(length - 1):
            side = address >> self.bits - 1 - depth & 1
            if not isinstance(node[side], list):
                # What is more specific splits what is there.
                node[side] = [node[side], node[side]]
            node = node[side]
        node[address >> self.bits - length & 1] = what

    def find(self, address, length):
        node = self.root
        for depth in range(length):
            node = node[address >> self.bits - 1 - depth & 1] if isinstance(node, list) else None
        return node


class Leaf:
    def __init__(self, offset):
        self.offset = offset


def write(networks, kind="Test", version=6, record=28, aliases=ALIASES, mapped=False):
    """The bytes of a database of {network: record}."""
    tree = Tree(128 if version == 6 else 32)
    data, offsets = bytearray(), {}
    for text, value in networks.items():
        packed = encode(value)
        if packed not in offsets:
            offsets[packed] = len(data)
            data += packed
        address, length = tree.place(ipaddress.ip_network(text), mapped)
        tree.insert(address, length, Leaf(offsets[packed]))
    if version == 6 and isinstance(ipv4 := tree.find(0, 96), list):
        for alias in aliases:
            network = ipaddress.ip_network(alias)
            tree.insert(int(network.network_address), network.prefixlen, ipv4)
    nodes = number_nodes(tree.root)
    return (b"".join(pack(node, nodes, record) for node in nodes.values()) + SEPARATOR +
            bytes(data) + MARK + encode(metadata(kind, version, record, len(nodes))))


def number_nodes(root):
    """{identity: [number, node]}, without recursion into what was met before."""
    nodes, waiting = {}, [root]
    while waiting:
        node = waiting.pop(0)
        if id(node) in nodes:
            continue
        nodes[id(node)] = (len(nodes), node)
        waiting += [child for child in node if isinstance(child, list)]
    return nodes


def value_of(child, nodes):
    if child is None:
        return len(nodes)
    if isinstance(child, Leaf):
        return len(nodes) + len(SEPARATOR) + child.offset
    return nodes[id(child)][0]


def pack(entry, nodes, record):
    left, right = (value_of(child, nodes) for child in entry[1])
    if record == 28:
        return (left & 0xffffff).to_bytes(3, "big") + bytes([left >> 24 << 4 | right >> 24]) + (
            right & 0xffffff).to_bytes(3, "big")
    return left.to_bytes(record // 8, "big") + right.to_bytes(record // 8, "big")


def metadata(kind, version, record, nodes):
    return {"binary_format_major_version": Uint(2, 16), "binary_format_minor_version": Uint(0, 16),
            "build_epoch": Uint(1764460800, 64), "database_type": kind,
            "description": {"en": "made by the tests"}, "ip_version": Uint(version, 16),
            "languages": ["en"], "node_count": nodes, "record_size": Uint(record, 16)}
