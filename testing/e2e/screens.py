# SPDX-License-Identifier: GPL-2.0
"""Pseudo terminals: what does somebody see who uses the tool on a screen? tmux emulates it."""
import contextlib
import itertools
import os
import shlex

from netlab import sh, wait_for
from product import BINARY, environment

_names = itertools.count(1)
PROMPT = "ready>"


class Screen:
    """A terminal with a shell, in a network namespace."""

    def __init__(self, lab, columns, rows, env):
        self.lab = lab
        self._name = f"xe{os.getpid()}s{next(_names)}"
        self._env = environment(PS1=f"{PROMPT} ", **env)
        # The shell has the environment; the emulator itself has UTF-8.
        shell = ["env", "-i", *(f"{key}={value}" for key, value in self._env.items()),
                 "TERM=" + env.get("TERM", "screen-256color"), "bash", "--norc", "--noprofile", "-i"]
        with lab.ns:
            self._tmux("-u", "-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows,
                       shlex.join(shell))
        self.wait(PROMPT)

    def _tmux(self, *args):
        return sh("tmux", "-L", self._name, *args,
                  env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "screen-256color"}).stdout

    def type(self, text):
        """A command line for the shell."""
        self._tmux("send-keys", "-l", text)
        self.press("Enter")

    def run(self, *args):
        """Run the tool; the shell then says how it ended."""
        self.type(shlex.join([BINARY, *map(str, args)]) + "; echo exit=$?")

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", columns, "-y", rows)

    def lines(self, *options):
        return self._tmux("capture-pane", "-p", *options).splitlines()

    def text(self):
        return "\n".join(self.lines())

    def wait_until(self, holds, what):
        """Wait until holds(lines); returns them. The screen is part of the failure."""
        seen = []

        def look():
            seen[:] = self.lines()
            return holds(seen)

        try:
            wait_for(look, what, self.lab.patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(seen)) from None
        return seen

    def wait(self, *words):
        return self.wait_until(lambda lines: all(word in "\n".join(lines) for word in words), words)

    def wait_gone(self, *words):
        return self.wait_until(lambda lines: not any(word in "\n".join(lines) for word in words),
                               f"{words} are gone")

    def pid(self, name):
        """The process of that name below the shell."""
        shell = self._tmux("display-message", "-p", "#{pane_pid}").strip()

        def find():
            return sh("pgrep", "-P", shell, name, check=False).stdout.strip()
        return int(wait_for(find, f"{name} runs", self.lab.patience))

    def close(self):
        with contextlib.suppress(RuntimeError):
            self._tmux("kill-server")


@contextlib.contextmanager
def screen(lab, columns=80, rows=24, **env):
    made = Screen(lab, columns, rows, env)
    try:
        yield made
    finally:
        made.close()
