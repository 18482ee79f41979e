#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Counts what test programs reported.

usage: tally.py REPORT STATUS PROGRAM SKIPS FAILURES

REPORT has TAP, or JUnit XML when its name ends in .xml; STATUS is the exit status of the program
that wrote it, PROGRAM its name. Prints "PASSED FAILED SKIPPED", and appends the reason of each
skipped test to the file SKIPS and the name of each failed one to the file FAILURES.

A program that reported less than it planned, was ended by a signal, or exited with an error though
none of its tests failed, counts as one more failure.
"""

import os
import re
import signal
import sys
import xml.etree.ElementTree as ElementTree

RESULT = re.compile(r"(not )?ok\b\s*\d*\s*(?:-\s*)?(.*)")
DIRECTIVE = re.compile(r"(?:^|\s)#\s*(SKIP|TODO)\S*\s*(.*)", re.IGNORECASE)
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\S*\s*(.*))?", re.IGNORECASE)


class Tally:
    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []

    def skip(self, reason):
        self.skips.append(" ".join((reason or "no reason given").split()))


def read_tap(path, tally):
    """Returns what is wrong with the report as a whole, or None."""
    planned = None
    results = 0
    remark = ""
    with open(path, errors="replace") as report:
        for line in report:
            line = line.rstrip("\n")
            plan = PLAN.fullmatch(line.strip())
            result = RESULT.fullmatch(line)
            if plan:
                # Several groups in one program each have a plan of their own.
                planned = (planned or 0) + int(plan.group(1))
                if planned == 0 and results == 0 and plan.group(2):
                    tally.skip(plan.group(2))
            elif line.startswith("Bail out!"):
                return line
            elif result:
                results += 1
                name = result.group(2)
                directive = DIRECTIVE.search(name)
                if directive and directive.group(1).upper() == "SKIP":
                    # cmocka 1.1 gives the test's name where the reason belongs and says "not ok";
                    # the reason is then the last remark that the test printed.
                    own = name[: directive.start()].strip()
                    said = directive.group(2)
                    tally.skip(said if own or not remark else f"{remark} ({said})")
                elif directive:
                    tally.skip(f"to do: {name[: directive.start()]} {directive.group(2)}")
                elif result.group(1):
                    tally.failures.append(name)
                else:
                    tally.passed += 1
                remark = ""
            elif line.startswith("#"):
                remark = line.lstrip("# ")
    if planned is None:
        return "ended without a plan" if results else "reported nothing"
    if not results and not tally.skips:
        return "planned no test"
    if planned != results:
        return f"planned {planned} tests and reported {results}"
    return None


def read_junit(path, tally):
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        return f"left no readable report: {error}"
    cases = 0
    for case in root.iter("testcase"):
        cases += 1
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failures.append(name)
        elif skipped is not None:
            tally.skip(skipped.get("message"))
        else:
            tally.passed += 1
    return None if cases else "reported no test"


def main():
    path, status, program, skips, failures = sys.argv[1:]
    status = int(status)
    tally = Tally()
    if path.endswith(".xml"):
        wrong = read_junit(path, tally)
    else:
        wrong = read_tap(path, tally) if os.path.exists(path) else "could not be run"

    if status == 124:
        wrong = "took too long and was stopped"
    elif status > 128:
        try:
            wrong = f"was ended by {signal.Signals(status - 128).name}"
        except ValueError:
            wrong = f"exited with {status}"
    elif status and not wrong and not tally.failures:
        wrong = f"exited with {status} though none of its tests failed"
    if wrong:
        tally.failures.append(wrong)

    with open(skips, "a") as out:
        out.writelines(f"{reason}\n" for reason in tally.skips)
    with open(failures, "a") as out:
        out.writelines(f"{program}: {name}\n" for name in tally.failures)
    print(tally.passed, len(tally.failures), len(tally.skips))


if __name__ == "__main__":
    main()
