# SPDX-License-Identifier: GPL-2.0
"""What does it cost to load a million rules or to add one, and how much memory do the rules take?
How do ten million do, which only ours gets?

The measurements cover whole processes, from fork to exit: the user and system time that the kernel
charged to them, and the elapsed time. The tools run in turn, again and again."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import time

import lab
from figures import spread

#: The tools of a group are loaded at the same time. A command of nft reads all existing sets, so a
#: group can have only one set of nft.
GROUPS = (("ours", "ipset", "nft"), ("nft-interval",))
TOOLS = sum(GROUPS, ())

COUNTS = (1, 1000, 10000, 100000, 1000000)
MANY = 1000000
#: Of ours alone.
MOST = 10000000

#: Single adds in a row, and who makes them.
STREAM = 2000
STREAMERS = ("ours", "ipset")

ADDED = "198.51.100.{}"
FIRST_ADDED = ADDED.format(1)

#: The limit of one run. A longer run is reported as "more than".
TIMEOUT_S = 60


class TooLong(Exception):
    pass


def timed(*argv):
    """Run a command that must succeed, and return {"cpu_ms", "wall_ms"}."""
    started = time.monotonic()
    process = subprocess.Popen([str(arg) for arg in argv], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "LC_ALL": "C.UTF-8"})

    def stop(*_):
        process.kill()

    # wait4 has no time limit, so an alarm ends the process.
    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(TIMEOUT_S)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    said = process.stderr.read().strip()
    process.stderr.close()
    if process.returncode == -signal.SIGKILL and wall >= TIMEOUT_S:
        raise TooLong
    if process.returncode:
        raise lab.Failure(f"{' '.join(map(str, argv))}: exit {process.returncode}: {said}")
    return {"cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000, "wall_ms": wall * 1000}


def available_bytes():
    with open("/proc/meminfo") as meminfo:
        return int(re.search(r"MemAvailable: *(\d+)", meminfo.read()).group(1)) * 1024


class Ours:
    def __init__(self, stack, table, folder, counters=None):
        self._product = stack.enter_context(lab.Product(counters))
        self._rules = folder / "control.rules"
        self._rules.write_text(lab.sh(lab.HERE / "rules", *table, "lines"))

    def load(self):
        return timed(lab.PRODUCT, "replace", "-d", self._product.wire.near, "-f", self._rules)

    def clear(self):
        lab.sh(lab.PRODUCT, "flush", "-d", self._product.wire.near)

    def add(self, address):
        return timed(lab.PRODUCT, "add", "-d", self._product.wire.near, address)

    def list(self):
        return timed(lab.PRODUCT, "list", "-d", self._product.wire.near)

    def test(self):
        return timed(lab.PRODUCT, "test", "-d", self._product.wire.near, FIRST_ADDED)

    def status(self):
        return timed(lab.PRODUCT, "status", self._product.wire.near)

    def count(self):
        rules = self._product.status()["rules"]
        return rules["ipv4"] + rules["ipv6"]

    def account(self):
        return self._product.account()

    def memory(self):
        return self.account()["map_bytes"]


class Ipset:
    """A set of this size as `ipset save` writes it: with the hash at its final size, which is the
    best case for `ipset restore`."""

    def __init__(self, stack, table, folder):
        lab.need("ipset", "ipset")
        family, kind, count = table
        self._rules = folder / "control.ipset"
        hashsize = 1 << max(count // 2, 64).bit_length()
        self._rules.write_text(
            f"create bench hash:{'ip' if kind == 'random' else 'net'} "
            f"family {'inet' if family == 'ipv4' else 'inet6'} "
            f"hashsize {hashsize} maxelem {2 * count + 1000}\n" +
            lab.sh(lab.HERE / "rules", *table, "ipset", "bench"))
        stack.callback(self._destroy)

    @staticmethod
    def _destroy():
        with contextlib.suppress(lab.Failure):
            lab.sh("ipset", "destroy", "bench")

    def load(self):
        return timed("ipset", "restore", "-f", self._rules)

    def clear(self):
        lab.sh("ipset", "destroy", "bench")

    def add(self, address):
        return timed("ipset", "-exist", "add", "bench", address)

    @staticmethod
    def _told(what):
        return int(re.search(rf"{what}: (\d+)", lab.sh("ipset", "list", "-t", "bench")).group(1))

    def count(self):
        return self._told("Number of entries")

    def memory(self):
        return self._told("Size in memory")


class Nft:
    """A set of addresses; with `flags interval`, one that could also hold prefixes."""

    flags = ""
    def __init__(self, stack, table, folder):
        lab.need("nft", "nftables")
        family, _, count = table
        self._count = count
        self._rules = folder / "control.nft"
        elements = lab.sh(lab.HERE / "rules", *table, "nft")
        self._rules.write_text(
            f"table inet bench {{\n\tset rules {{\n\t\ttype {family}_addr\n{self.flags}"
            f"\t\telements = {{\n{elements}}}\n\t}}\n}}\n")
        stack.callback(self._delete)

    def _delete(self):
        with contextlib.suppress(lab.Failure):
            self.clear()

    def load(self):
        return timed("nft", "-f", self._rules)

    def clear(self):
        lab.sh("nft", "delete", "table", "inet", "bench")

    def add(self, address):
        return timed("nft", "add", "element", "inet", "bench", "rules", f"{{ {address} }}")

    def count(self):
        return None  # listing them would take longer than everything else

    def memory(self):
        return None  # no tool reports it; see the change of the system's memory


class NftInterval(Nft):
    flags = "\t\tflags interval\n\t\tauto-merge\n"


MAKERS = {"ours": Ours, "ipset": Ipset, "nft": Nft, "nft-interval": NftInterval}


class Series:
    """One tool that does one thing, a few times."""

    def __init__(self, what, tool, rules):
        self.row = {"what": what, "tool": tool, "rules": rules, "cpu_ms": [], "wall_ms": []}

    def add(self, one):
        self.row["cpu_ms"].append(one["cpu_ms"])
        self.row["wall_ms"].append(one["wall_ms"])

    def too_long(self):
        self.row["more_than_s"] = TIMEOUT_S

    def is_over(self, rounds):
        """Whether there are enough runs, or the tool is too slow for more."""
        return ("more_than_s" in self.row or len(self.row["cpu_ms"]) >= rounds or
                sum(self.row["wall_ms"]) > 1000 * TIMEOUT_S / 3)

    def finish(self):
        for unit in ("cpu_ms", "wall_ms"):
            values = self.row[unit]
            if values:
                self.row[unit.replace("_ms", "")] = {**spread(values),
                                                     "mean": sum(values) / len(values)}
        return self.row


def measure_stream(tools, count, options, report):
    """Many single adds in a row, all over the address space, with the tools in turn. For ours, the
    mean includes the compilations of the whole table that they cause."""
    chosen = {name: Series("adds in a row", name, count) for name in tools if name in STREAMERS}
    numbers = random.Random(1)
    for _ in range(50 if options.quick else STREAM):
        address = ".".join(str(numbers.randrange(1, 224)) for _ in range(4))
        for name, series in chosen.items():
            series.add(tools[name].add(address))
    for series in chosen.values():
        report.command(series.finish())


def measure_reads(ours, count, options, report):
    """The commands that only read. `test` asks for an address that was added."""
    rows = {what: Series(what, "ours", count) for what in ("list", "test", "status")}
    for _ in range(options.rounds):
        for what, series in rows.items():
            if not series.is_over(options.rounds):
                series.add(getattr(ours, what)())
    for series in rows.values():
        report.command(series.finish())


def measure_count(table, names, options, folder, report):
    """Load this number of rules, then add single ones, with the tools in turn."""
    _, _, count = table
    with contextlib.ExitStack() as stack:
        tools = {}
        for name in names:
            try:
                tools[name] = MAKERS[name](stack, table, folder)
            except lab.Missing as missing:
                report.skip("control", name, str(missing))
        loads = {name: Series("load", name, count) for name in tools}
        adds = {name: Series("add", name, count) for name in tools}
        memory = {}
        for _ in range(options.rounds):
            for name, tool in tools.items():
                if loads[name].is_over(options.rounds):
                    continue
                if loads[name].row["cpu_ms"]:
                    tool.clear()
                load_once(name, tool, count, loads[name], memory)
        for turn in range(2 * options.rounds):
            for name, tool in tools.items():
                if (loads[name].row.get("more_than_s") or
                        adds[name].is_over(2 * options.rounds)):
                    continue
                try:
                    adds[name].add(tool.add(ADDED.format(turn + 1)))
                except TooLong:
                    adds[name].too_long()
        for name in tools:
            report.command(loads[name].finish())
            if not loads[name].row.get("more_than_s"):
                report.command(adds[name].finish())
                report.memory({"tool": name, "table": list(table), **memory[name]})
        if "ours" in tools and count >= MANY:
            measure_reads(tools["ours"], count, options, report)
        if "ours" in tools and count == most_of_all(options):
            measure_stream(tools, count, options, report)


def load_once(name, tool, count, series, memory):
    before = available_bytes()
    try:
        series.add(tool.load())
    except TooLong:
        series.too_long()
        return
    loaded = tool.count()
    if loaded not in (None, count):
        raise lab.Failure(f"{name} holds {loaded} of {count} rules")
    memory[name] = {"bytes": tool.memory(), "system_bytes": before - available_bytes()}


def measure_our_memory(options, folder, report):
    """Our memory, without counters of rules if the load has that option, and the verifier's
    work."""
    counters = "never" if lab.Product.can_choose_counters() else None
    most = 100000 if options.quick else 1000000
    for table in (("ipv4", "random", 1), ("ipv4", "random", most), ("ipv4", "mixed", most),
                  ("ipv6", "mixed", 1), ("ipv6", "mixed", most)):
        with contextlib.ExitStack() as stack:
            ours = Ours(stack, table, folder, counters)
            before = available_bytes()
            ours.load()
            account = ours.account()
            report.memory({"tool": "ours-uncounted" if counters else "ours", "table": list(table),
                           "bytes": account["map_bytes"], "maps": account["maps"],
                           "system_bytes": before - available_bytes()})
    report.verifier(account["verified_insns"])


def most_of_all(options):
    """The most rules that every tool gets."""
    return MANY // 10 if options.quick else MANY


def groups(options):
    """(number of rules, tools that are loaded with so many at the same time)"""
    for count in COUNTS:
        if count <= most_of_all(options):
            yield from ((count, group) for group in GROUPS)
    if not options.quick:
        yield MOST, ("ours",)


def run(options, folder, report):
    for count, group in groups(options):
        if options.wants("rules", count):
            names = [name for name in group if options.wants("candidates", name)]
            if names:
                with report.trial(f"control, {count:,} rules: {', '.join(names)}"):
                    measure_count(("ipv4", "random", count), names, options, folder, report)
    if options.wants("candidates", "ours"):
        with report.trial("control, our memory"):
            measure_our_memory(options, folder, report)
