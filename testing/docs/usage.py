# SPDX-License-Identifier: GPL-2.0
"""What does --help say? It is printed from the tables of options in C, so it represents them."""
import os
import pathlib
import re
import subprocess

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
TOOL = os.environ.get("XDP_IPFILTER", str(TOP / "xdp-ipfilter" / "xdp-ipfilter"))

OPTION = re.compile(r"  (?:-(\w), |    )--([\w-]+)(?: ([A-Z]+))?(?:  +(\S.*))?$")
COMMAND = re.compile(r"  (\w+) {2,}\S")
CHOICES = re.compile(r"One of ([\w-]+(?:, [\w-]+)*)[.;]")
POSITIONAL = re.compile(r"(-\w )?\[?\b([A-Z]+)\b")


class Option:
    """A row of the options: "-m, --mode MODE  How to attach. One of native, skb."."""

    def __init__(self, letter, name, argument, text):
        self.letter, self.name, self.argument, self.text = letter, name, argument, text or ""

    @property
    def key(self):
        return self.letter, self.name, self.argument

    @property
    def words(self):
        """As they are typed: ["-m", "--mode"]."""
        return ([f"-{self.letter}"] if self.letter else []) + [f"--{self.name}"]

    @property
    def choices(self):
        match = CHOICES.search(self.text)
        return match.group(1).split(", ") if match else []


class Usage:
    """What `COMMAND --help` says; without a command, what the tool's does."""

    def __init__(self, *command):
        text = subprocess.run([TOOL, *command, "--help"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=True).stdout
        self.line = text.split("\n")[0].replace("usage: ", "")
        self.options, self.wrong = [], []
        for line in paragraph(text, "options"):
            self._add(line)
        self.wrong += [f"--{option.name} has no help text" for option in self.options
                       if not option.text]
        self.commands = [] if command else [match.group(1) for match in
                                            map(COMMAND.match, paragraph(text, "commands")) if match]

    def _add(self, line):
        match = OPTION.match(line)
        if match:
            self.options.append(Option(*match.groups()))
        elif line.startswith(" " * 10) and self.options:
            self.options[-1].text += " " + line.strip()
        else:
            self.wrong.append(f"this line is no option: {line}")

    @property
    def positional(self):
        """What the usage line calls the command's positionals; None where it has none."""
        found = [name for letter, name in POSITIONAL.findall(self.line)
                 if not letter and name != "OPTION"]
        return found[-1] if found else None


def paragraph(text, heading):
    """The lines below "heading:" up to the next blank line."""
    lines = text.split("\n")
    start = lines.index(heading + ":") + 1
    return lines[start:lines.index("", start)]
