# SPDX-License-Identifier: GPL-2.0
"""BIRD as docs/fleet.md sets it up: one daemon that has the list, and one on the host.

The configurations are those of the page, word for word. Each daemon has its own socket and folder
(-s, -P, -c), and none is a service of the system.
"""
import contextlib
import re
import subprocess

from netlab import Namespace, sh, wait_for
from product import REPOSITORY

PAGE = REPOSITORY / "docs" / "fleet.md"
FEED, HOST = "192.0.2.1", "192.0.2.2"


def documented(name):
    """The configuration that the page shows for "feed" or "host"."""
    (text,) = re.findall(rf"^<!-- bird: {name} -->\n```\n(.*?)^```$",
                         PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return text


class Daemon:
    """One BIRD in a namespace."""

    def __init__(self, ns, folder, name):
        self.ns, self.folder = ns, folder / name
        self.folder.mkdir()
        self.control = self.folder / "bird.ctl"
        (self.folder / "bird.conf").write_text(documented(name))
        self.process = None

    def start(self):
        with self.ns, (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["bird", "-f", "-c", self.folder / "bird.conf", "-s", self.control,
                 "-P", self.folder / "bird.pid"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.ask("show status", check=False).returncode == 0,
                 f"{self.folder.name} answers: {(self.folder / 'log').read_text()}", 20)

    def ask(self, command, check=True):
        return sh("birdc", "-s", self.control, *command.split(), check=check)

    def established(self):
        return "Established" in self.ask("show protocols").stdout

    def kill(self):
        """SIGKILL: it says goodbye to nobody."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self):
        """SIGTERM: it takes its routes along."""
        self.process.terminate()
        assert self.process.wait(20) == 0
        self.process = None


class Bgp:
    """The feed in a namespace of its own, and the host in that of a lab."""

    def __init__(self, lab, folder):
        self.lab, self.prefixes = lab, []
        self.feed_ns = Namespace()
        lab.ns.ip("link", "add", "bgp0", "type", "veth", "peer", "name", "bgp1", "netns",
                  self.feed_ns.name)
        for ns, name, address in ((lab.ns, "bgp0", HOST), (self.feed_ns, "bgp1", FEED)):
            ns.ip("addr", "add", f"{address}/24", "dev", name)
            ns.ip("link", "set", name, "up")
        self.feed = Daemon(self.feed_ns, folder, "feed")
        self.host = Daemon(lab.ns, folder, "host")
        self.write()

    def write(self):
        for name, colon in (("drop4.conf", False), ("drop6.conf", True)):
            (self.feed.folder / name).write_text(
                "".join(f"route {prefix} blackhole;\n" for prefix in self.prefixes
                        if (":" in prefix) == colon))

    def announce(self, *prefixes):
        """These, and nothing else."""
        self.prefixes = list(prefixes)
        self.write()
        self.feed.ask("configure")

    def start(self):
        self.feed.start()
        self.host.start()
        wait_for(self.host.established, "the session is established", 30)

    def routes(self):
        """The prefixes in table 66."""
        found = set()
        for family in ("-4", "-6"):
            shown = self.lab.ns.run("ip", family, "route", "show", "table", "66", check=False)
            found |= {line.split()[1] for line in shown.stdout.splitlines()}
        return found

    def close(self):
        for daemon in (self.host, self.feed):
            daemon.kill()
        with contextlib.suppress(RuntimeError):
            self.lab.ns.ip("link", "del", "bgp0")
        for family in ("-4", "-6"):
            self.lab.ns.run("ip", family, "route", "flush", "table", "66", check=False)
        self.feed_ns.close()
