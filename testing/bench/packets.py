# SPDX-License-Identifier: GPL-2.0
"""What does a frame cost under each candidate, and does each give the right verdict?"""

import contextlib

import lab
from figures import ratios, spread

ACTIVE = {"same": 1, "4096": 4096, "random": 1 << 20}
OUTCOMES = ("hit", "near", "far")
CANDIDATES = ("ours", "ours-delta", "ours-counted", "ours-uncounted", "ours-before",
              "ours-watched", "ours-unwatched", "floor", "drop", "xdp-filter", "xdp-filter-ip",
              "hash", "lpm")

#: Ten million rules are a row of ours alone: the others would take minutes to fill.
MOST_OF_PEERS = 1000000

#: family, kind, rules. xdp-filter can hold 10,000.
TABLES = ([("ipv4", "random", count) for count in (1, 1000, 10000, 100000, 1000000, 10000000)] +
          [("ipv4", "mixed", count) for count in (1, 1000, 100000, 1000000)] +
          [("ipv6", "mixed", count) for count in (1, 1000, 100000, 1000000)])


def summary(raw):
    """Add to the rounds of a cell: ns without the driver, and ratios to the floor in the same
    round."""
    def net(name):
        return [ns - driver for ns, driver in zip(raw["ns"][name], raw["driver_ns"])]

    floor = net("floor") if "floor" in raw["ns"] else None
    results = {}
    for name in raw["ns"]:
        results[name] = {"raw_ns": raw["ns"][name], "ns": spread(net(name))}
        if floor:
            results[name]["of_floor"] = ratios(net(name), floor)
        if name != "ours" and "ours" in raw["ns"]:
            results[name]["of_ours"] = ratios(net(name), net("ours"))
        if name == "ours-watched" and "ours-unwatched" in raw["ns"]:
            results[name]["of_unwatched"] = ratios(net(name), net("ours-unwatched"))
        if name == "ours-counted" and "ours-uncounted" in raw["ns"]:
            results[name]["of_uncounted"] = ratios(net(name), net("ours-uncounted"))
    return results


def applies(name, table):
    """Whether this candidate can hold these rules."""
    family, kind, count = table
    if count > MOST_OF_PEERS:
        return name in ("ours", "floor", "drop")
    if name == "ours-delta":
        return count >= lab.DELTA_FROM and (family, kind) != ("ipv4", "mixed")
    if name == "ours-before":
        return lab.BEFORE is not None
    if name == "ours-unwatched":
        return applies("ours-watched", table)
    if name == "hash":
        return kind == "random"
    if name.startswith("xdp-filter"):
        return family == "ipv4" and kind == "random" and count <= lab.XdpFilter.LIMIT
    return True


def describe(table):
    family, kind, count = table
    return f"{family} {kind}, {count:,} rule{'s' if count > 1 else ''}"


def expect_counters(product, before, after, outcome, cell):
    """Our program counted every frame of the cell under the right verdict."""
    frames = cell["frames_each"]
    if product == "ours-watched" and "ours-unwatched" in cell["ns"]:
        frames *= 2
    verdict = "drop" if outcome == "hit" else "pass"
    for name in after:
        want = (frames, frames * cell["frame_bytes"]) if name == verdict else (0, 0)
        got = tuple(now - then for now, then in zip(after[name], before[name]))
        if got != want:
            raise lab.Failure(f"wrong verdicts: {product} counts {got[0]} packets, {got[1]} bytes "
                              f"as {name}, not {want[0]}, {want[1]} ({outcome})")


class Table:
    """One table of rules with its candidates, which are set up in turn and removed together."""

    def __init__(self, table, wanted, folder, report):
        self.table, self.wanted, self.report = table, wanted, report
        self.rules = folder / "rules"
        self.products = {}
        self.arguments = []

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        try:
            text = lab.sh(lab.HERE / "rules", *self.table, "lines")
            self.rules.write_text(text)
            self._first = text.split("\n", 1)[0]
            for name in self.wanted:
                if not applies(name, self.table):
                    continue
                try:
                    self._set_up(name)
                except lab.Missing as missing:
                    self.report.skip("packets", name, str(missing))
            if "drop" not in self.arguments:
                self.arguments.append("drop")  # gives the cost of the driver
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _set_up(self, name):
        if name == "ours-unwatched":
            # Two programs that are equal may differ by 2 %, for their addresses.
            if "ours-watched" not in self.products:
                raise lab.Missing("it is the same program as ours-watched")
            self.arguments.append(f"{name}={self.products['ours-watched'].status()['program_id']}")
        elif name.startswith("ours"):
            mode = {"ours-counted": "always", "ours-uncounted": "never"}.get(name)
            if mode and not lab.Product.can_choose_counters():
                raise lab.Missing("this build has no `load --counters`")
            program = lab.BEFORE if name == "ours-before" else lab.PRODUCT
            product = self._stack.enter_context(lab.Product(mode, program))
            product.replace(self.rules)
            if name == "ours-watched":
                self._stack.enter_context(product.watched())
            if name == "ours-delta":
                product.make_delta(self.rules)
            self.products[name] = product
            self.arguments.append(f"{name}={product.status()['program_id']}")
        elif name.startswith("xdp-filter"):
            features = "ipv4" if name.endswith("-ip") else None
            peer = self._stack.enter_context(lab.XdpFilter(features))
            peer.fill(*self.table, self._first)
            self.arguments.append(f"{name}={peer.wire.xdp_id()}")
        else:
            self.arguments.append(name)

    def counters(self):
        return {name: product.counters() for name, product in self.products.items()}

    def check_rule_counters(self):
        """The rules counted exactly the dropped frames."""
        for name, product in self.products.items():
            counted = product.rule_counters()
            dropped = product.counters()["drop"]
            if counted is not None and counted != dropped:
                raise lab.Failure(f"{name}: the rules count {counted}, the total is {dropped}")


def run(options, folder, report):
    """Measure all tables, and pass every cell to `report`."""
    for table in TABLES:
        family, kind, count = table
        if not (options.wants("family", family) and options.wants("kind", kind) and
                options.wants("rules", count)):
            continue
        wanted = [name for name in CANDIDATES if options.wants("candidates", name)]
        with (report.trial(f"packets, {describe(table)}"),
              Table(table, wanted, folder, report) as ready):
            measure_table(table, ready, options, report)


def measure_table(table, ready, options, report):
    family, kind, count = table
    with lab.Instrument("packets", *table, *ready.arguments) as instrument:
        before = ready.counters()
        for outcome in OUTCOMES:
            for sources, active in ACTIVE.items():
                if not (options.wants("outcomes", outcome) and options.wants("sources", sources)):
                    continue
                raw = instrument.ask(outcome, active, options.frames, options.rounds)
                after = ready.counters()
                for name in after:
                    expect_counters(name, before[name], after[name], outcome, raw)
                before = after
                report.cell({"family": family, "kind": kind, "rules": count, "outcome": outcome,
                             "sources": sources, "frames": options.frames,
                             "driver_ns": raw["driver_ns"], "candidates": summary(raw)})
    ready.check_rule_counters()
