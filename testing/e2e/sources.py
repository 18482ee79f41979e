# SPDX-License-Identifier: GPL-2.0
"""Runs a source program, as sync does: a job goes in, deliveries come out.

    with sources.start("http://127.0.0.1:8000/list") as source:
        assert source.list().rules == {"192.0.2.1": ""}
        source.ends()
"""
import collections
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import threading
import time

import product

BINARY = os.environ.get("XDP_IPFILTER_SOURCE",
                        str(pathlib.Path(product.BINARY).parent / "xdp-ipfilter-source"))

#: The time limit of whatever must happen at once: a hang is a failure, a busy machine is not.
PATIENCE = 30.0

JOB = {"max_bytes": 1 << 30, "poll_s": 10, "once": False, "version": "1.2.3"}


class Delivery:
    """One delivery. `kind` is list, change, same, trouble, warning or counters.

    `rules` are {prefix: what else the line says}: "", "pass", "drop timeout 60"."""

    def __init__(self, kind, text=""):
        self.kind, self.text = kind, text
        self.rules, self.removed, self.validator = {}, [], None
        self._named = set()

    def __repr__(self):
        if self.kind not in ("list", "change"):
            return f"<{self.kind} {self.text}>"
        return (f"<{self.kind} +{dict(list(self.rules.items())[:20])} -{self.removed[:20]} "
                f"{self.validator!r}>")

    def add(self, line):
        """A line of a list or a change. Returns True after its last one."""
        if line.startswith("end"):
            self.validator = line[4:]
            return True
        match = re.fullmatch(r"\+((?:pass|drop) )?(\S+)( timeout \d+)?", line)
        prefix = match[2] if match else line[1:]
        # In a list, the last line for a prefix counts.
        assert self.kind == "list" or prefix not in self._named, f"twice: {line!r}"
        self._named.add(prefix)
        if match:
            self.rules[prefix] = f"{match[1] or ''}{match[3] or ''}".strip().replace("  ", " ")
        else:
            assert re.fullmatch(r"-\S+", line) and self.kind == "change", f"no such line: {line!r}"
            self.removed.append(prefix)
        return False


class Source:
    """A running source program. `with` ends it in any case."""

    def __init__(self, location, descriptor=None, env=None, prefix=(), **job):
        argv = [*prefix, BINARY]
        if descriptor is not None:
            argv = ["bash", "-c", f'exec "$0" 3<&{descriptor} {descriptor}<&-', BINARY]
            if descriptor == 3:
                argv = [BINARY]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=product.environment(**(env or {})),
            pass_fds=() if descriptor is None else (descriptor,))
        self._lines = collections.deque()
        self._unread = b""  # the beginning of a line
        #: How often it said that it is alive, among the lines that were read.
        self.alive = 0
        #: The most memory that it had at once.
        self.peak_bytes = 0
        threading.Thread(target=self._watch_memory, daemon=True).start()
        #: Deliveries that a search for others has passed over.
        self.passed = []
        self.later_s = None
        job = {key: value for key, value in {**JOB, "location": location, **job}.items()
               if value is not None}
        self.say(json.dumps(job))

    def _watch_memory(self):
        """What wait4(2) says of its memory includes that of this process before it started it."""
        path = f"/proc/{self.process.pid}/status"
        while True:
            try:
                with open(path, encoding="ascii") as status:
                    match = re.search(r"^VmHWM:\s*(\d+) kB", status.read(), re.MULTILINE)
            except OSError:
                return
            if not match:  # It has ended.
                return
            self.peak_bytes = int(match[1]) * 1024
            time.sleep(0.005)

    def say(self, *lines):
        """Write lines to its standard input, as sync does."""
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def _line(self, deadline):
        while not self._lines:
            left = deadline - time.monotonic()
            assert left > 0, f"no delivery in time; passed over: {self.passed}"
            if not select.select([self.process.stdout], [], [], left)[0]:
                continue
            some = os.read(self.process.stdout.fileno(), 1 << 20)
            if not some:
                assert not self._unread, f"cut off: {self._unread!r}"
                return None
            *whole, self._unread = (self._unread + some).split(b"\n")
            self._lines.extend(whole)
        line = self._lines.popleft().decode()
        if line != "alive":
            return line
        self.alive += 1
        return self._line(deadline)

    def next(self, seconds=PATIENCE):
        """The next delivery, complete; None when the program has closed its output."""
        deadline = time.monotonic() + seconds
        line = self._line(deadline)
        if line is None:
            return None
        kind, _, text = line.partition(" ")
        assert kind in ("list", "change", "same", "trouble", "later", "warning", "counters"), line
        delivery = Delivery(kind, text)
        if kind in ("list", "change"):
            while True:
                line = self._line(deadline)
                assert line is not None, f"it ended in the middle of a {kind}"
                if delivery.add(line):
                    break
        return delivery

    def expect(self, kind, seconds=PATIENCE):
        """The next delivery, which must be of this kind."""
        delivery = self.next(seconds)
        assert delivery and delivery.kind == kind, f"{kind} expected, not {delivery}"
        return delivery

    def until(self, kind, seconds=PATIENCE):
        """The next delivery of this kind; others go to `passed`."""
        deadline = time.monotonic() + seconds
        while True:
            delivery = self.next(max(deadline - time.monotonic(), 0.001))
            assert delivery, f"it ended before a {kind}; passed over: {self.passed}"
            if delivery.kind == kind:
                return delivery
            self.passed.append(delivery)

    def list(self, seconds=PATIENCE):
        return self.expect("list", seconds)

    def change(self, seconds=PATIENCE):
        return self.expect("change", seconds)

    def trouble(self, *words, seconds=PATIENCE):
        """The next delivery is trouble whose text has these words. Returns the text. `later_s` is
        how long the server is to be left alone; None: that was not said."""
        delivery = self.next(seconds)
        self.later_s = None
        if delivery and delivery.kind == "later":
            self.later_s = int(delivery.text)
            delivery = self.next(seconds)
        assert delivery and delivery.kind == "trouble", f"trouble expected, not {delivery}"
        text = delivery.text
        for word in words:
            assert word.lower() in text.lower(), f"{word!r} is missing in {text!r}"
        return text

    def close_input(self):
        """As when sync ends, or wants this program to end."""
        self.process.stdin.close()

    def ends(self, rc=0, seconds=PATIENCE):
        """It ends by itself, with this exit code, delivers nothing more and says nothing on
        stderr."""
        rest = self.next(seconds)
        assert rest is None, f"something else was delivered: {rest}"
        self.process.wait(seconds)
        said = self.process.stderr.read().decode()
        assert self.process.returncode == rc, f"exit {self.process.returncode}: {said}"
        assert not said, said

    def ends_when_asked(self, seconds=PATIENCE):
        self.close_input()
        while self.next(seconds):
            pass
        self.process.wait(seconds)
        assert self.process.returncode in (0, 1), f"exit {self.process.returncode}"

    def status(self):
        """{field: text} of /proc/PID/status."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines())

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def start(location, **job):
    """Start a source program: start(LOCATION, descriptor=FD, env={...}, MEMBER_OF_JOB=...).
    `prefix` are the words of a command that runs it, where there is no descriptor."""
    return Source(location, **job)


def once(location, seconds=PATIENCE, **job):
    """All deliveries of a program that ends by itself."""
    with start(location, **job) as source:
        deliveries = []
        while (delivery := source.next(seconds)) is not None:
            deliveries.append(delivery)
        source.process.wait(seconds)
        return deliveries
