# SPDX-License-Identifier: GPL-2.0
"""Which headings, description items and blocks does an org file have?"""
import re

BEGIN = re.compile(r"\s*#\+begin_(src|example)\b\s*(.*)", re.IGNORECASE)
END = re.compile(r"\s*#\+end_(src|example)\b", re.IGNORECASE)
NAME = re.compile(r"\s*#\+name:\s*(\S+)", re.IGNORECASE)
HEADING = re.compile(r"(\*+)\s+(.*)")
ITEM = re.compile(r"- (.+?) ::(?:\s|$)")


class Block:
    """One block, from #+begin_... to #+end_..., with the options of its first line."""

    def __init__(self, kind, header, name, line):
        self.kind, self.name, self.line = kind, name, line
        words = header.split()
        self.language = words[0] if kind == "src" and words else ""
        #: ":exit 2 :needs dispatcher" is {"exit": "2", "needs": "dispatcher"}
        self.options = dict(re.findall(r":(\S+)\s+([^\s:]+)", header))
        self.lines = []
        #: the example that follows, after nothing but blank lines
        self.output = None


def blocks(path):
    """All blocks of the file, in order."""
    found, block, name, last = [], None, None, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if block:
                if END.match(line):
                    block, last = None, block
                else:
                    block.lines.append(line)
                continue
            begin = BEGIN.match(line)
            named = NAME.match(line)
            if begin:
                block = Block(begin.group(1).lower(), begin.group(2), name, number)
                if (block.kind == "example" and not name and last and last.kind == "src"
                        and last.output is None):
                    last.output = block.lines
                found.append(block)
                name = last = None
            elif named:
                name = named.group(1)
            elif line.strip():
                name = last = None
    assert block is None, f"{path}:{block.line}: this block has no end"
    return found


def plain(text):
    """The text without org's marks: =verbatim=, *bold*, /italic/."""
    return re.sub(r"(?<![^\s(,])([=*/~])(\S(?:.*?\S)?)\1(?=$|[\s.,:;)?!])", r"\2", text)


def sections(path):
    """{heading: [lines]} for headings of the first level. Deeper headings are among the lines."""
    found, current = {}, []
    in_block = False
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            heading = None if in_block else HEADING.match(line)
            if BEGIN.match(line):
                in_block = True
            elif END.match(line):
                in_block = False
            if heading and len(heading.group(1)) == 1:
                current = found.setdefault(heading.group(2).strip(), [])
            else:
                current.append(line)
    return found


def subsections(lines):
    """{heading: [lines]} for headings of the second level, in the lines of a section."""
    found, current = {}, []
    for line in lines:
        heading = HEADING.match(line)
        if heading and len(heading.group(1)) == 2:
            current = found.setdefault(plain(heading.group(2).strip()), [])
        else:
            current.append(line)
    return found


def items(lines):
    """The terms of the description lists at the left margin, without org's marks."""
    return [plain(match.group(1)) for match in map(ITEM.match, lines) if match]


def described(lines):
    """[(term, text)] of the description lists at the left margin; the text keeps org's marks."""
    found = []
    for line in lines:
        match = ITEM.match(line)
        if match:
            found.append((plain(match.group(1)), line[match.end():]))
        elif found and line.startswith("  "):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif found:
            found.append(("", ""))
    return found
