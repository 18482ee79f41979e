# SPDX-License-Identifier: GPL-2.0
"""Which names does a C file declare, and which lines of it are comments?

This is no compiler: it knows just enough of C, as it is written in this tree, to find what is
outside of function bodies.
"""
import collections
import re

COMMENT_OR_STRING = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\\\n]|\\.|\\\n)*$", re.MULTILINE)
DEFINE = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)")
TOKEN = re.compile(r"\w+|\S")
WORD = re.compile(r"[A-Za-z_]\w*$")
#: Words that come before a parenthesis and are no function's name.
NO_FUNCTION = {"__attribute__", "_Static_assert", "__asm__", "SEC", "__uint", "__type", "__array"}

#: kind: macro, enum, struct, union, enumerator, typedef, function, variable
Name = collections.namedtuple("Name", "kind name line static defined")


def blank(match):
    """Keeps the line ends, so that lines keep their numbers."""
    return " " + "\n" * match.group().count("\n")


def code(text):
    """The text without comments and strings."""
    return COMMENT_OR_STRING.sub(blank, text)


def comment_lines(text):
    """The numbers of the lines that have a comment, or a part of one."""
    found = set()
    for match in COMMENT_OR_STRING.finditer(text):
        if match.group()[0] == "/":
            first = text.count("\n", 0, match.start()) + 1
            found.update(range(first, first + match.group().count("\n") + 1))
    return found


def line_at(text, offset):
    return text.count("\n", 0, offset) + 1


def tokens_of(text):
    line, end = 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        yield match.group(), line


def close(tokens, start):
    """The position of the bracket that closes the one at `start`."""
    depth = 0
    for position in range(start, len(tokens)):
        if tokens[position][0] in "{([":
            depth += 1
        elif tokens[position][0] in "})]":
            depth -= 1
            if not depth:
                return position
    return len(tokens) - 1


def enumerators(body):
    expected = True
    depth = 0
    for token, line in body:
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
        elif token == "," and not depth:
            expected = True
        elif expected and WORD.match(token):
            yield Name("enumerator", token, line, False, True)
            expected = False


def inside(body):
    """The tags and enumerators that a struct's body declares; C gives them to the whole file."""
    position = 0
    while position < len(body):
        if body[position][0] in ("struct", "union", "enum"):
            opening = position + 1
            if opening < len(body) and WORD.match(body[opening][0]):
                opening += 1
            if opening < len(body) and body[opening][0] == "{":
                end = close(body, opening)
                yield from tagged(body[position:end + 1])
                position = end
        position += 1


def tagged(definition):
    """struct, union or enum [TAG] { ... }"""
    kind, line = definition[0]
    opening = 1
    if WORD.match(definition[1][0]):
        yield Name(kind, definition[1][0], line, False, True)
        opening = 2
    body = definition[opening + 1:-1]
    yield from enumerators(body) if kind == "enum" else inside(body)


def without_macro(statement):
    """Without macros that come before it and end without a semicolon: LIST(DECLARE) int next;"""
    while len(statement) > 1 and statement[0][0].isupper() and statement[1][0] == "(":
        after = close(statement, 1) + 1
        if after == len(statement):
            break
        statement = statement[after:]
    return statement


def declared(statement, defined):
    """The function, variable or type that a statement without its body declares."""
    statement = without_macro(statement)
    words = [token for token, _ in statement]
    static = "static" in words or "IPF_INLINE" in words or "IPF_OUTLINE" in words
    if not words or words[0] in NO_FUNCTION:
        return
    line = statement[0][1]
    if "typedef" in words:
        pointer = [words[at + 2] for at in range(len(words) - 2) if words[at:at + 2] == ["(", "*"]]
        name = pointer[0] if pointer else next(word for word in reversed(words) if WORD.match(word))
        yield Name("typedef", name, line, False, True)
        return
    before = words.index("=") if "=" in words else len(words)
    position = 0
    while position < before - 1:
        if words[position] in NO_FUNCTION:
            position = close(statement, position + 1)
        elif WORD.match(words[position]) and words[position + 1] == "(" and \
                words[position + 2] != "*":
            yield Name("function", words[position], statement[position][1], static, defined)
            return
        position += 1
    head = words[:words.index("[")] if "[" in words[:before] else words[:before]
    if len(head) > 1 and WORD.match(head[-1]) and not (
            head[-2] in ("struct", "union", "enum") and before == len(words)):
        yield Name("variable", head[-1], line, static, "extern" not in words)


def names(text):
    """Every name that a file has outside of function bodies."""
    bare = code(text)
    for match in DIRECTIVE.finditer(bare):
        define = DEFINE.match(match.group())
        if define:
            yield Name("macro", define.group(1), line_at(bare, match.start()), False, True)
    tokens = list(tokens_of(DIRECTIVE.sub(blank, bare)))
    statement, position, tag = [], 0, None
    while position < len(tokens):
        token, line = tokens[position]
        if token in ("struct", "union", "enum"):
            tag = position
        if token in "([":
            end = close(tokens, position)
            statement += tokens[position:end + 1]
            position = end
        elif token == "{":
            end = close(tokens, position)
            if tag is not None and position - tag <= 2:
                yield from tagged(tokens[tag:end + 1])
            elif not any(word == "=" for word, _ in statement):
                yield from declared(statement, True)
                statement = []
            position = end
        elif token == ";":
            yield from declared(statement, False)
            statement = []
        else:
            statement.append((token, line))
        position += 1
