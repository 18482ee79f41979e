# SPDX-License-Identifier: GPL-2.0
"""Which environment does a measurement need: namespaces, programs, interfaces, the product?"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
PRODUCT = os.environ.get("XDP_IPFILTER", str(TOP / "xdp-ipfilter" / "xdp-ipfilter"))

#: Another build of it, to be measured in the same rounds.
BEFORE = os.environ.get("XDP_IPFILTER_BEFORE")


#: So many rules are changed by a delta; fewer are always compiled anew.
DELTA_FROM = 10000


class Failure(Exception):
    """The bench cannot go on, or a verdict was wrong."""


class Missing(Exception):
    """This machine lacks something. The row is skipped, and this is the reason."""


def sh(*argv, stdin=None, timeout=600):
    """Run a command that must succeed, and return its stdout."""
    # Whatever the kernel supports, the filter runs alone and is called directly, like all others.
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LIBXDP_SKIP_DISPATCHER": "1"}
    try:
        done = subprocess.run([str(arg) for arg in argv], input=stdin, env=env, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Missing(f"{argv[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(map(str, argv))}: still running after {timeout} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Failure(f"{' '.join(map(str, argv))}: exit {done.returncode}: "
                      f"{said[-1] if said else ''}")
    return done.stdout


def need(program, package):
    if not shutil.which(program):
        raise Missing(f"{program} is not installed (package {package})")


def furnish():
    """Prepare the fresh namespaces that run.sh made: their own bpffs and /run (locks, our files),
    and nothing that sends packets."""
    for scope in ("all", "default"):
        with contextlib.suppress(OSError):
            pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("1")
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    sh("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
    sh("ip", "link", "set", "lo", "up")


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        yield pathlib.Path(folder)


class Wire:
    """A veth pair. The filter is on `near`, and frames come from `far`."""

    _made = 0

    def __init__(self):
        Wire._made += 1
        self.near, self.far = f"near{Wire._made}", f"far{Wire._made}"

    def __enter__(self):
        sh("ip", "link", "add", self.near, "arp", "off", "type", "veth", "peer", "name", self.far)
        for name in (self.near, self.far):
            sh("ip", "link", "set", name, "arp", "off", "up")
        return self

    def __exit__(self, *_):
        sh("ip", "link", "del", self.near)

    @staticmethod
    def show(name):
        link, = json.loads(sh("ip", "-j", "link", "show", "dev", name))
        return link

    def xdp_id(self):
        """The id of the program on `near`."""
        return self.show(self.near)["xdp"]["prog"]["id"]


class Product:
    """The tool as its users run it, on its own wire."""

    def __init__(self, counters=None, program=PRODUCT):
        self.wire = Wire()
        self.program = program
        self.options = ("--counters", counters) if counters else ()

    @staticmethod
    def can_choose_counters():
        return "--counters" in sh(PRODUCT, "load", "--help")

    def __enter__(self):
        self.wire.__enter__()
        try:
            sh(self.program, "load", *self.options, self.wire.near)
        except BaseException:
            self.wire.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            sh(self.program, "unload", self.wire.near)
        finally:
            self.wire.__exit__()

    def replace(self, path):
        sh(self.program, "replace", "--force", "-d", self.wire.near, "-f", path)

    def make_delta(self, path):
        """Change some of the rules, up to 1,000: addresses, or else the longest prefixes, get a
        distant end, so that all verdicts stay as they are."""
        rules = [line for line in path.read_text().splitlines() if not line.startswith("pass ")]
        longest = max(map(self._length, rules))
        hosts = [rule for rule in rules if self._length(rule) == longest]
        count = min(1000, len(rules) // 32)
        sh(self.program, "add", "--force", "-d", self.wire.near, "--timeout", "10d",
           *hosts[::max(1, len(hosts) // count)][:count])
        if not self.account()["delta"]:
            raise Missing("this build compiles all rules anew at each change")

    @staticmethod
    def _length(rule):
        _, slash, bits = rule.partition("/")
        return int(bits) if slash else 128

    @contextlib.contextmanager
    def watched(self):
        """Somebody looks at one of 1,000 packets."""
        process = subprocess.Popen([self.program, "watch", "-v", "-n", "1000", self.wire.near],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            process.stderr.readline()  # "watching"
            yield
        finally:
            process.kill()
            process.communicate()

    def account(self):
        return json.loads(sh(HERE / "account", self.status()["program_id"]))

    def status(self):
        document = json.loads(sh(self.program, "status", "-j", self.wire.near))
        return document["interfaces"][0]

    def counters(self):
        """{verdict: (packets, bytes)}"""
        return {verdict: (value["packets"], value["bytes"])
                for verdict, value in self.status()["counters"].items()}

    def rule_counters(self):
        """(packets, bytes) of all rules together, or None if rules are not counted."""
        document = json.loads(sh(self.program, "list", "-j", "-d", self.wire.near))
        rules = document["interfaces"][0]["rules"]
        if any(rule["packets"] is None for rule in rules):
            return None
        return (sum(rule["packets"] for rule in rules), sum(rule["bytes"] for rule in rules))


class XdpFilter:
    """The packaged xdp-filter, on its own wire. `features` is its option; None is its default."""

    LIMIT = 10000

    def __init__(self, features=None):
        need("xdp-filter", "xdp-tools")
        self.wire = Wire()
        self.options = ("-f", features) if features else ()

    def __enter__(self):
        self.wire.__enter__()
        try:
            sh("xdp-filter", "load", *self.options, self.wire.near)
        except BaseException:
            self.wire.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            sh("xdp-filter", "unload", self.wire.near)
        finally:
            self.wire.__exit__()

    def fill(self, family, kind, count, first):
        """Add the rules of a workload, of which `first` is one."""
        sh("xdp-filter", "ip", first, "-m", "src")
        sh(HERE / "fill", self.wire.xdp_id(), family, kind, count)


class Instrument:
    """A measuring program that answers each line with a line of JSON."""

    def __init__(self, name, *arguments):
        self._name = name
        self._process = subprocess.Popen(
            [HERE / name, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        if failure:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()

    def ask(self, *question):
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(" ".join(map(str, question)) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            said = self._process.stderr.read().strip().splitlines()
            raise Failure(said[-1].removeprefix("bench: ") if said else
                          f"the program `{self._name}` ended silently")
        return json.loads(answer)
