# SPDX-License-Identifier: GPL-2.0
"""What the checks of this folder share: they read the tree's files, and report in TAP.

A check is a function that takes {path: text} and yields (path, line, what is wrong). Its cases are
small trees that it must judge right: (what is planted, {path: text}, the places that it must find,
each as "path:line"). So no check can be silent because it looks at nothing.

    check-NAME          the check of this tree, then its cases
    check-NAME TREE     only the check, of another tree; exits with 1 when it finds something
"""
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
#: Prints what git knows, or without git all there is: one list of files for all checks.
LIST = '. "$1/testing/lib.sh" && tree_files "${@:2}"'


def read(top, *patterns):
    """{path: text} of the files whose path matches one of the patterns; * matches a / as well."""
    listed = subprocess.run(["bash", "-c", LIST, "bash", str(TOP), *patterns], cwd=top,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return {path: (pathlib.Path(top) / path).read_text(errors="replace")
            for path in sorted(listed.stdout.splitlines())}


class Tap:
    """Counts results and prints them; testing/lib.sh says how they look."""

    def __init__(self):
        self.count = 0
        self.failed = False

    def result(self, name, wrong):
        """`wrong` are the lines that say what is wrong; none when all is well."""
        self.count += 1
        for line in wrong:
            print(line)
        self.failed = self.failed or bool(wrong)
        print("not ok" if wrong else "ok", self.count, "-", name)

    def skip(self, name, reason):
        self.count += 1
        print("ok", self.count, "-", name, "# SKIP", reason)

    def done(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)


def lines(offences):
    return [f"{path}:{line}: {what}" for path, line, what in sorted(offences)]


def self_test(tap, offences, cases):
    for name, files, expected in cases:
        found = sorted({f"{path}:{line}" for path, line, _ in offences(files)})
        tap.result(f"self-test: {name}",
                   [] if found == sorted(expected) else [f"found {found} instead of {expected}"])


def main(name, offences, cases, *patterns):
    """Runs a check: of this tree and of its cases, or of the tree that is named."""
    if len(sys.argv) > 1:
        found = lines(offences(read(sys.argv[1], *patterns)))
        print("\n".join(found))
        sys.exit(1 if found else 0)
    tap = Tap()
    tap.result(name, excused(lines(offences(read(TOP, *patterns)))))
    self_test(tap, offences, cases)
    tap.done()


def excused(found):
    """What is left without the files that are still being mended."""
    check = pathlib.Path(sys.argv[0]).name
    listed = TOP / "testing" / "lint" / "exceptions"
    known = set(listed.read_text().splitlines()) if listed.exists() else set()
    return [line for line in found if f"{check} {line.split(':')[0]}" not in known]
