# SPDX-License-Identifier: GPL-2.0
"""Runs the tool and checks what the manual demands of every run."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("XDP_IPFILTER", str(REPOSITORY / "xdp-ipfilter" / "xdp-ipfilter"))
OBJECT = os.environ.get("XDP_IPFILTER_OBJECT",
                        str(REPOSITORY / "lib" / "bpf" / "xdp_ipfilter.o"))

DONE, FAILED, USAGE, NOT_LOADED = 0, 1, 2, 3
COMMANDS = ("load", "run", "unload", "repair", "add", "del", "replace", "flush", "enforce",
            "confirm", "list", "test", "status", "poll", "watch", "top", "metrics", "help")
VERDICTS = ("drop", "pass", "other", "malformed")

#: The time limit of a command: a hang is a failure, a slow emulated machine is not.
TIMEOUT = 120


def environment(**extra):
    """The environment of the tool, without that of the session that runs the tests."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/root"}
    env.update(extra)
    return env


class Result:
    """One finished run: exit code, stdout and stderr as text."""

    def __init__(self, argv, rc, out, err):
        self.argv, self.rc, self.out, self.err = argv, rc, out, err

    def __repr__(self):
        return (f"$ {' '.join(self.argv)}\nexit {self.rc}\n--- stdout\n{self.out}"
                f"--- stderr\n{self.err}---")

    @property
    def err_lines(self):
        return self.err.splitlines()

    @property
    def complaints(self):
        """The lines on stderr, except the warning that the dispatcher is not used."""
        return [line for line in self.err_lines if not is_single_warning(line)]

    def json(self):
        document = json.loads(self.out)
        assert document["schema"] == 1, self
        return document


def is_single_warning(line):
    return re.match(r"xdp-ipfilter: warning: \S+: loaded single\b", line) is not None


class Tool:
    """The binary under test, which runs inside a namespace (or outside)."""

    def __init__(self, namespace=None):
        self.namespace = namespace

    def _place(self):
        return self.namespace or contextlib.nullcontext()

    def start(self, *args, prefix=(), env=None, **kwargs):
        """Start the tool and return the process; the caller ends it."""
        argv = [*map(str, prefix), BINARY, *map(str, args)]
        kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                  "stderr": subprocess.PIPE, "text": True, **kwargs}
        with self._place():
            return subprocess.Popen(argv, env=environment(**(env or {})), **kwargs)

    def __call__(self, *args, stdin=None, timeout=TIMEOUT, may_die=False, **kwargs):
        """Run the tool to its end. Only with may_die can a signal end it."""
        if stdin is not None:
            kwargs["stdin"] = subprocess.PIPE
        process = self.start(*args, **kwargs)
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"still running after {timeout} s: {process.args}\n{out}\n{err}") from None
        result = Result(list(process.args), process.returncode, out or "", err or "")
        assert may_die or result.rc >= 0, f"ended by {signal.Signals(-result.rc).name}: {result}"
        assert "AddressSanitizer" not in result.err and "runtime error" not in result.err, result
        return result

    def good(self, *args, warns=None, **kwargs):
        """The command succeeds, and prints nothing on stderr (or just the expected warning)."""
        result = self(*args, **kwargs)
        assert result.rc == DONE, result
        if warns is None:
            assert not result.complaints, result
        else:
            assert len(result.complaints) == 1, result
            assert_words(result.complaints[0], warns, result)
        assert_own_voice(result)
        return result

    def refused(self, rc, *args, words=(), **kwargs):
        """The command fails with this exit code, and one line on stderr contains these words."""
        result = self(*args, **kwargs)
        assert result.rc == rc, f"exit code {rc} expected: {result}"
        assert result.out == "", f"a refusal belongs on stderr: {result}"
        assert len(result.err_lines) == 1, f"one line expected: {result}"
        assert_own_voice(result)
        assert_words(result.err, words, result)
        return result

    def status(self, ifname):
        """The JSON of one interface, in any state."""
        result = self("status", "-j", ifname)
        assert result.rc in (DONE, NOT_LOADED), result
        interfaces = result.json()["interfaces"]
        assert [one["ifname"] for one in interfaces] == [ifname], result
        assert (result.rc == NOT_LOADED) == (interfaces[0]["state"] == "not-loaded"), result
        return interfaces[0]

    def counters(self, ifname):
        """(packets, bytes) for each verdict."""
        counters = self.status(ifname)["counters"]
        assert set(counters) == set(VERDICTS), counters
        return {verdict: (counters[verdict]["packets"], counters[verdict]["bytes"])
                for verdict in VERDICTS}

    def rules(self, ifname, name=None):
        """The rules, as `list --json` prints them."""
        more = ("-s", name) if name else ()
        interfaces = self.good("list", "-j", "-d", ifname, *more).json()["interfaces"]
        assert [one["ifname"] for one in interfaces] == [ifname], interfaces
        return interfaces[0]["rules"]

    def prefixes(self, ifname, name="default"):
        """{prefix: verdict} of one set."""
        return {rule["prefix"]: rule["verdict"] for rule in self.rules(ifname)
                if rule["set"] == name}

    def snapshot(self, ifname):
        """Everything about an interface except its counters and clocks, for a later comparison."""
        status = self.status(ifname)
        for moving in ("counters", "per_cpu"):
            status.pop(moving, None)
        rules = []
        if status["state"] != "not-loaded":
            rules = sorted(({key: value for key, value in rule.items()
                      if key not in ("packets", "bytes", "expires_s")} |
                     {"ends": rule["expires_s"] is not None} for rule in self.rules(ifname)),
                           key=lambda rule: (rule["set"], rule["prefix"]))
        return {"status": status, "rules": rules, "pins": pins()}

    @contextlib.contextmanager
    def unchanged(self, *ifnames):
        """The code inside must leave these interfaces and bpffs unchanged."""
        before = [self.snapshot(ifname) for ifname in ifnames]
        yield
        assert [self.snapshot(ifname) for ifname in ifnames] == before


def assert_own_voice(result):
    """Every line on stderr is ours: libbpf and libxdp print nothing."""
    for line in result.err_lines:
        assert line.startswith("xdp-ipfilter: "), result
        assert "libbpf:" not in line and "libxdp:" not in line, result


def assert_words(text, words, result):
    for word in [words] if isinstance(words, (str, re.Pattern)) else words:
        if isinstance(word, re.Pattern):
            assert word.search(text), f"no match for {word.pattern!r}: {result}"
        else:
            assert word.lower() in text.lower(), f"{word!r} is missing: {result}"


def pins(root="/sys/fs/bpf"):
    """Every file pinned in bpffs, without directories, which hold nothing. xdp-filter keeps its
    maps there even after a failed load."""
    return sorted(os.path.join(folder, name) for folder, _, files in os.walk(root)
                  for name in files if not folder.startswith(root + "/xdp-filter"))


def age_pins(root="/sys/fs/bpf/xdp"):
    """Make the pins of chains look an hour old: the tool does not remove pins that another process
    may be working on."""
    then = time.time() - 3600
    for entry in os.scandir(root) if os.path.isdir(root) else []:
        os.utime(entry.path, (then, then))
