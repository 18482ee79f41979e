# SPDX-License-Identifier: GPL-2.0
"""Which lines of a file are comments, in C, Python and languages that comment with #?"""
import ast
import io
import re
import tokenize

import c_source

HASH_COMMENT = re.compile(r"(^|\s)#( |$)")
#: What can have a doc string.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def is_python(path, text):
    return path.endswith(".py") or re.match(r"#!.*python", text)


def python_lines(text):
    found = {token.start[0] for token in tokenize.generate_tokens(io.StringIO(text).readline)
             if token.type == tokenize.COMMENT}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node):
            found.update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return found


def lines(path, text):
    """The numbers of the lines that have a comment, or a part of one."""
    if path.endswith((".c", ".h")):
        return c_source.comment_lines(text)
    if is_python(path, text):
        return python_lines(text)
    return {number for number, line in enumerate(text.split("\n"), 1) if HASH_COMMENT.search(line)}
