# SPDX-License-Identifier: GPL-2.0
"""How does a check get the files of the tree, test itself and report?

A check is a function that takes {path: text} and yields (path, line, what is wrong). Its cases are
small trees to try it on: (what the case shows, {path: text}, the lines that the check must find,
each as "path:line"). They prove that the check still finds what it is for. Reports are in TAP.

    check-NAME          the check of this tree, then its cases
    check-NAME TREE     only the check, of another tree; exits with 1 when it finds something
"""
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
#: Whatever people write and read; without git, what was built is beside it.
SOURCES = ("*.c", "*.h", "*.py", "*.sh", "*.bash", "*.mk", "*.md", "*.org", "*.dict", "*.ini",
           "*Makefile", "testing/*/check-*", "testing/vm/init", "configure", ".ci/*",
           ".clang-format", ".editorconfig", ".gitignore", "*/.gitignore", ".shellcheckrc")
#: The same list of files as in shell.
LIST = '. "$1/testing/lib.sh" && tree_files "${@:2}"'


def read(top, *patterns):
    """{path: text} of the files whose path matches a pattern, in which * matches a / as well."""
    listed = subprocess.run(["bash", "-c", LIST, "bash", str(TOP), *patterns], cwd=top,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return {path: (pathlib.Path(top) / path).read_text(errors="replace")
            for path in sorted(listed.stdout.splitlines())}


class Tap:
    """Prints results and counts them; testing/lib.sh describes the protocol."""

    def __init__(self):
        self.count = 0
        self.failed = False

    def result(self, name, wrong):
        """Passed when `wrong`, the lines that say what is wrong, is empty."""
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
    """Checks this tree and the cases, or only the tree that the command line names."""
    if len(sys.argv) > 1:
        found = lines(offences(read(sys.argv[1], *patterns)))
        print("\n".join(found))
        sys.exit(1 if found else 0)
    tap = Tap()
    try:
        tap.result(name, lines(offences(read(TOP, *patterns))))
    except subprocess.CalledProcessError as nothing:
        tap.result(name, [nothing.stderr.strip()])
    self_test(tap, offences, cases)
    tap.done()
