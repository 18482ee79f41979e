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


def _ratio(candidate, name, wanted):
    """The ratio of that name, which a candidate's measurement has, if both were measured."""
    def values(data):
        for cell in data["packets"]:
            measured = cell["candidates"].get(candidate)
            if measured and name in measured and _matches(cell, wanted):
                yield measured[name]["median"], _place(cell)
    return values


def of_floor(**wanted):
    """The ratio of our cost to the floor's."""
    return _ratio("ours", "of_floor", wanted)


def faster_than(peer, **wanted):
    """The ratio of a peer's cost to ours."""
    return _ratio(peer, "of_ours", wanted)


def never_slower(peer, **wanted):
    """The ratio of a peer's cost to ours, counted or not, where the peer can hold the rules."""
    def values(data):
        for cell in data["packets"]:
            candidates = cell["candidates"]
            if peer not in candidates or not _matches(cell, wanted):
                continue
            for name in ("ours", "ours-counted", "ours-uncounted"):
                if name in candidates:
                    yield (candidates[peer]["ns"]["median"] / candidates[name]["ns"]["median"],
                           f"{name}, {_place(cell)}")
    return values


def of_unwatched(**wanted):
    """The ratio of our cost while somebody watches to that of the same program otherwise."""
    return _ratio("ours-watched", "of_unwatched", wanted)


def of_another(rules, other_rules, **wanted):
    """The ratio of our cost with one number of rules to that with another."""
    def values(data):
        costs = {cell["rules"]: cell["candidates"]["ours"]["ns"]["median"]
                 for cell in data["packets"]
                 if "ours" in cell["candidates"] and
                 _matches(cell, {**wanted, "rules": (rules, other_rules)})}
        if len(costs) == 2:
            yield (costs[rules] / costs[other_rules],
                   f"{costs[rules]:.0f} ns against {costs[other_rules]:.0f} ns")
    return values


def drops_faster(*peers):
    def values(data):
        for row in data["drops"]:
            if row["name"] in peers and "ours_is_faster" in row:
                yield (row["ours_is_faster"]["median"],
                       f"{row['name']}, {row['sources']} sources")
    return values


def _command(data, what, tool, rules, unit="cpu", figure="median"):
    for row in data["control"]:
        if (row["what"], row["tool"], row["rules"]) == (what, tool, rules) and unit in row:
            return row[unit][figure]
    return None


def command_cpu(what, rules, figure="median"):
    def values(data):
        ours = _command(data, what, "ours", rules, figure=figure)
        if ours is not None:
            yield ours, "ours"
    return values


def command_of(what, rules, peer, unit="cpu"):
    """The ratio of our command to that of a peer: `cpu`, or `wall` for the time."""
    def values(data):
        ours, other = (_command(data, what, tool, rules, unit) for tool in ("ours", peer))
        if ours is not None and other:
            yield ours / other, f"{ours:.1f} ms against {other:.1f} ms"
    return values


def command_of_another(what, rules, other_rules):
    """The ratio of our CPU time with one number of rules to that with another."""
    def values(data):
        many, few = (_command(data, what, "ours", count) for count in (rules, other_rules))
        if many is not None and few:
            yield many / few, f"{many:,.0f} ms against {few:,.0f} ms"
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

ADDRESSES = {"family": "ipv4", "kind": "random"}
MIXED = {"family": "ipv4", "kind": "mixed"}
UP_TO_A_MILLION = (1, 1000, 10000, 100000, MILLION)

# name, comparison, limit, unit, values
TARGETS = (
    ("one add at 10k rules, CPU against ipset add", AT_MOST, 2.5, "of its CPU",
     command_of("add", 10000, "ipset")),
    ("one add at 1M rules, CPU against ipset add", AT_MOST, 2.5, "of its CPU",
     command_of("add", MILLION, "ipset")),
    ("one add at 10k rules, time against ipset add", AT_MOST, 10, "of its time",
     command_of("add", 10000, "ipset", "wall")),
    ("one add at 1M rules, time against ipset add", AT_MOST, 10, "of its time",
     command_of("add", MILLION, "ipset", "wall")),
    ("2,000 adds in a row at 1M rules, mean CPU", AT_MOST, 5, "ms",
     command_cpu("adds in a row", MILLION, "mean")),
    ("IPv4, same source, 1 to 1M rules: hit", AT_MOST, 1.40, "x floor",
     of_floor(**IPV4, rules=UP_TO_A_MILLION, sources="same", outcome="hit")),
    ("IPv4, same source, 1 to 1M rules: miss", AT_MOST, 1.25, "x floor",
     of_floor(**IPV4, rules=UP_TO_A_MILLION, sources="same", outcome=MISSES)),
    ("IPv6, same source, 1 to 1M rules: hit", AT_MOST, 1.9, "x floor",
     of_floor(**IPV6, sources="same", outcome="hit")),
    ("IPv6, same source, 1 to 1M rules: miss", AT_MOST, 1.5, "x floor",
     of_floor(**IPV6, sources="same", outcome=MISSES)),
    ("watched, 1 of 1,000 packets of the same source", AT_MOST, 1.03, "x unwatched",
     of_unwatched(**ADDRESSES, rules=1, sources="same", outcome="hit")),
    ("never slower than the kernel's hash, counted or not", AT_LEAST, 1.0, "x faster",
     never_slower("hash")),
    ("against xdp-filter, 10k addresses, same source", AT_LEAST, 1.75, "x faster",
     faster_than("xdp-filter", rules=10000, sources="same")),
    ("against xdp-filter, 10k addresses, many sources", AT_LEAST, 1.4, "x faster",
     faster_than("xdp-filter", rules=10000, sources=("4096", "random"))),
    ("drop rate over veth, 10k rules, against xdp-filter", AT_LEAST, 1.2, "x faster",
     drops_faster("xdp-filter")),
    ("IPv4, 1M rules, 4,096 sources: addresses", AT_MOST, 1.9, "x floor",
     of_floor(**ADDRESSES, rules=MILLION, sources="4096")),
    ("IPv4, 1M rules, 4,096 sources: mixed", AT_MOST, 2.5, "x floor",
     of_floor(**MIXED, rules=MILLION, sources="4096")),
    ("IPv4, 1M rules, random hit: addresses", AT_MOST, 7.0, "x floor",
     of_floor(**ADDRESSES, rules=MILLION, sources="random", outcome="hit")),
    ("IPv4, 1M rules, random hit: mixed", AT_MOST, 8.0, "x floor",
     of_floor(**MIXED, rules=MILLION, sources="random", outcome="hit")),
    ("IPv4, 1M rules, random hit: against an LPM trie", AT_LEAST, 8, "x faster",
     faster_than("lpm", **IPV4, rules=MILLION, sources="random", outcome="hit")),
    ("IPv6, 100k rules, random hit", AT_MOST, 5.0, "x floor",
     of_floor(**IPV6, rules=100000, sources="random", outcome="hit")),
    ("IPv6, 1M rules, random hit", AT_MOST, 9.0, "x floor",
     of_floor(**IPV6, rules=MILLION, sources="random", outcome="hit")),
    ("IPv6, from 100k rules, random hit: against an LPM trie", AT_LEAST, 7, "x faster",
     faster_than("lpm", **IPV6, rules=(100000, MILLION), sources="random", outcome="hit")),
    ("1M rules from a text file to live, against ipset restore", AT_MOST, 0.15, "of its CPU",
     command_of("load", MILLION, "ipset")),
    ("1M rules from a text file to live, CPU", AT_MOST, 1000, "ms",
     command_cpu("load", MILLION)),
    ("10M rules from a text file to live, CPU", AT_MOST, 12, "x that of 1M",
     command_of_another("load", 10 * MILLION, MILLION)),
    ("10M rules: memory", AT_MOST, 180, "MiB", memory("ipv4", 10 * MILLION)),
    ("10M rules, random hit", AT_MOST, 1.6, "x that of 1M",
     of_another(10 * MILLION, MILLION, **ADDRESSES, sources="random", outcome="hit")),
    ("memory at 1M IPv4 rules, rules not counted", AT_MOST, 24, "MiB", memory("ipv4", MILLION)),
    ("memory at 1M IPv6 rules, rules not counted", AT_MOST, 48, "MiB", memory("ipv6", MILLION)),
    ("memory at 1 rule", AT_MOST, 5, "MiB", memory("ipv4", 1)),
    ("instructions that the verifier processed", AT_MOST, 60000, "", verifier),
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
