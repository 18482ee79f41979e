# SPDX-License-Identifier: GPL-2.0
"""What does this run measure, and where do the figures go? run.sh starts this program."""

import argparse
import pathlib
import signal
import sys

import control
import drops
import lab
import packets
import report as reports

PARTS = {"packets": packets.run, "drops": drops.run, "control": control.run}

DEFAULT_OUTPUT = "bench-results"


class Options:
    """The command line: lists that narrow the run, and the duration of each cell."""

    def __init__(self, arguments):
        self.quick = arguments.quick
        self.only = arguments.only or list(PARTS)
        self.output = pathlib.Path(arguments.output)
        self.rounds = arguments.rounds or (2 if self.quick else 5)
        self.frames = arguments.frames or (50000 if self.quick else 1 << 20)
        self._lists = {name: getattr(arguments, name)
                       for name in ("family", "kind", "rules", "outcomes", "sources", "candidates")}
        if self.quick:
            self._narrow("rules", ["1", "1000", "100000"])
            self._narrow("sources", ["same", "random"])

    def _narrow(self, name, values):
        if self._lists[name] is None:
            self._lists[name] = values

    def wants(self, name, value):
        return self._lists[name] is None or str(value) in self._lists[name]


def words(choices):
    def parse(text):
        values = text.split(",")
        for value in values:
            if value not in choices:
                raise argparse.ArgumentTypeError(f"'{value}': not one of {', '.join(choices)}")
        return values
    return parse


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}': not a number from 1 on")
    return int(text)


def parse_arguments():
    candidates = list(dict.fromkeys((*packets.CANDIDATES, *drops.CANDIDATES,
                                     *control.TOOLS)))
    counts = sorted({str(table[2]) for table in packets.TABLES}, key=int)
    parser = argparse.ArgumentParser(
        prog="run.sh", allow_abbrev=False,
        description="Measures xdp-ipfilter against its peers. Lists are separated by commas.")
    parser.add_argument("--quick", action="store_true",
                        help="small tables and few frames: checks verdicts, measures little")
    parser.add_argument("--only", type=words(PARTS), metavar="PARTS", help=", ".join(PARTS))
    parser.add_argument("--family", type=words(("ipv4", "ipv6")), help="ipv4, ipv6")
    parser.add_argument("--kind", type=words(("random", "mixed")), help="random, mixed")
    parser.add_argument("--rules", type=words(counts), help=", ".join(counts))
    parser.add_argument("--outcomes", type=words(packets.OUTCOMES),
                        help=", ".join(packets.OUTCOMES))
    parser.add_argument("--sources", type=words(packets.ACTIVE), help=", ".join(packets.ACTIVE))
    parser.add_argument("--candidates", type=words(candidates), help=", ".join(candidates))
    parser.add_argument("--rounds", type=at_least_one, help="measurements of each (5; quick: 2)")
    parser.add_argument("--frames", type=at_least_one,
                        help="frames of a measurement (1048576; quick: 50000)")
    parser.add_argument("--output", default=DEFAULT_OUTPUT, metavar="FOLDER",
                        help=f"where results go ({DEFAULT_OUTPUT})")
    return Options(parser.parse_args())


def end_by_signal(number, _):
    sys.exit(128 + number)


def main():
    options = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    lab.furnish()
    report = reports.Report(options)
    with lab.scratch() as folder:
        for part in options.only:
            PARTS[part](options, folder, report)
    report.finish()
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
