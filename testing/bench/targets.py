# SPDX-License-Identifier: GPL-2.0
"""Which figures must the filter reach, and does it?

Each target is a line of TARGETS: the measurement, the limit, and the position of its values in the
results. The worst value counts, and is reported with its position."""

IPV4 = {"family": "ipv4"}
IPV6 = {"family": "ipv6"}
MISSES = ("near", "far")
MEBIBYTE = 1 << 20


def _matches(cell, wanted):
    return all(cell[key] in (value if isinstance(value, tuple) else (value,))
               for key, value in wanted.items())


def _place(cell):
    return (f"{cell['family']} {cell['kind']}, {cell['rules']:,} rules, {cell['outcome']}, "
            f"{cell['sources']} sources")


def of_floor(**wanted):
    """The ratio of our cost to the floor's."""
    def values(data):
        for cell in data["packets"]:
            ours = cell["candidates"].get("ours")
            if ours and "of_floor" in ours and _matches(cell, wanted):
                yield ours["of_floor"]["median"], _place(cell)
    return values


def faster_than(peer, **wanted):
    """The ratio of a peer's cost to ours."""
    def values(data):
        for cell in data["packets"]:
            other = cell["candidates"].get(peer)
            if other and "of_ours" in other and _matches(cell, wanted):
                yield other["of_ours"]["median"], _place(cell)
    return values


def counters_cost(**wanted):
    def values(data):
        for cell in data["packets"]:
            counted = cell["candidates"].get("ours-counted")
            if counted and "of_uncounted" in counted and _matches(cell, wanted):
                yield counted["of_uncounted"]["median"], _place(cell)
    return values


def drops_faster(*peers):
    def values(data):
        for row in data["drops"]:
            if row["name"] in peers and "ours_is_faster" in row:
                yield row["ours_is_faster"]["median"], row["name"]
    return values


def _command(data, what, tool, rules):
    for row in data["control"]:
        if (row["what"], row["tool"], row["rules"]) == (what, tool, rules) and "cpu" in row:
            return row["cpu"]["median"]
    return None


def command_cpu(what, rules):
    def values(data):
        ours = _command(data, what, "ours", rules)
        if ours is not None:
            yield ours, "ours"
    return values


def command_of(what, rules, peer):
    def values(data):
        ours, other = (_command(data, what, tool, rules) for tool in ("ours", peer))
        if ours is not None and other:
            yield ours / other, f"{ours:.1f} ms against {other:.1f} ms"
    return values


def memory(family, rules):
    """The memory of the smallest load that the tool offers."""
    def values(data):
        rows = [row for row in data["memory"] if row["tool"].startswith("ours") and
                row["table"][0] == family and row["table"][2] == rules]
        lean = [row for row in rows if row["tool"] == "ours-uncounted"] or rows
        for row in lean:
            yield row["bytes"] / MEBIBYTE, f"{row['table'][1]}, {row['tool']}"
    return values


def verifier(data):
    if data["verified_insns"] is not None:
        yield data["verified_insns"], f"kernel {data['machine']['kernel']}"


AT_MOST, AT_LEAST = "<=", ">="

MILLION = 1000000

# name, comparison, limit, unit, values
TARGETS = (
    ("IPv4, same source, 1 to 1M rules: hit", AT_MOST, 1.25, "x floor",
     of_floor(**IPV4, sources="same", outcome="hit")),
    ("IPv4, same source, 1 to 1M rules: miss", AT_MOST, 1.10, "x floor",
     of_floor(**IPV4, sources="same", outcome=MISSES)),
    ("IPv4, 1M rules, 4,096 sources", AT_MOST, 1.5, "x floor",
     of_floor(**IPV4, rules=MILLION, sources="4096")),
    ("IPv4, 100k rules, random sources: hit", AT_MOST, 2.0, "x floor",
     of_floor(**IPV4, rules=100000, sources="random", outcome="hit")),
    ("IPv4, 100k rules, random sources: miss", AT_MOST, 1.6, "x floor",
     of_floor(**IPV4, rules=100000, sources="random", outcome=MISSES)),
    ("IPv4, 1M rules, random sources: hit", AT_MOST, 4.0, "x floor",
     of_floor(**IPV4, rules=MILLION, sources="random", outcome="hit")),
    ("IPv4, 1M rules, random sources: far miss", AT_MOST, 2.0, "x floor",
     of_floor(**IPV4, rules=MILLION, sources="random", outcome="far")),
    ("against xdp-filter, 10k addresses, same source", AT_LEAST, 2.2, "x faster",
     faster_than("xdp-filter", rules=10000, sources="same")),
    ("against an LPM trie, IPv4, 100k rules, random sources", AT_LEAST, 8, "x faster",
     faster_than("lpm", **IPV4, rules=100000, sources="random")),
    ("against an LPM trie, IPv4, 1M rules, random sources", AT_LEAST, 10, "x faster",
     faster_than("lpm", **IPV4, rules=MILLION, sources="random")),
    ("against an LPM trie, IPv6, from 100k rules, random sources", AT_LEAST, 6, "x faster",
     faster_than("lpm", **IPV6, rules=(100000, MILLION), sources="random")),
    ("IPv6, same source, 1 to 1M rules", AT_MOST, 1.5, "x floor",
     of_floor(**IPV6, sources="same")),
    ("IPv6, 100k rules, random sources: hit", AT_MOST, 5.0, "x floor",
     of_floor(**IPV6, rules=100000, sources="random", outcome="hit")),
    ("IPv6, 100k rules, random sources: miss", AT_MOST, 2.0, "x floor",
     of_floor(**IPV6, rules=100000, sources="random", outcome=MISSES)),
    ("drop rate over veth, 10k rules, against xdp-filter", AT_LEAST, 1.2, "x faster",
     drops_faster("xdp-filter")),
    ("drop rate over veth, 10k rules, against nft and ipset", AT_LEAST, 2.5, "x faster",
     drops_faster("nft", "ipset")),
    ("1M rules from a text file to live, against ipset restore", AT_MOST, 0.25, "of its time",
     command_of("load", MILLION, "ipset")),
    ("1M rules from a text file to live, CPU", AT_MOST, 1000, "ms",
     command_cpu("load", MILLION)),
    ("memory at 1M IPv4 rules, rules not counted", AT_MOST, 24, "MiB", memory("ipv4", MILLION)),
    ("memory at 1M IPv6 rules, rules not counted", AT_MOST, 48, "MiB", memory("ipv6", MILLION)),
    ("memory at 1 rule", AT_MOST, 5, "MiB", memory("ipv4", 1)),
    ("one add at 10k rules, against ipset add", AT_MOST, 1.5, "of its time",
     command_of("add", 10000, "ipset")),
    ("one add at 1M rules, CPU", AT_MOST, 60, "ms", command_cpu("add", MILLION)),
    ("rules counted, same source, 1k rules", AT_MOST, 1.15, "x uncounted",
     counters_cost(rules=1000, sources="same")),
    ("instructions that the verifier processed", AT_MOST, 50000, "", verifier),
)


def judge(data):
    """One dict for each target. "met" is None if nothing was measured."""
    for what, relation, limit, unit, values in TARGETS:
        found = list(values(data))
        row = {"target": what, "relation": relation, "limit": limit, "unit": unit, "met": None}
        if found:
            worst, where = (max if relation == AT_MOST else min)(found)
            row.update(value=worst, where=where,
                       met=worst <= limit if relation == AT_MOST else worst >= limit)
        yield row
