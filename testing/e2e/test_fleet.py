# SPDX-License-Identifier: GPL-2.0
"""Do the commands of docs/fleet.md, chapter etcd, do what it says?

Each block of it is run as it is written, but for two folders: where a comment before it says, in a
namespace with the addresses of the page."""
import pathlib
import re
import signal
import subprocess

import pytest

import etcd
import product
from netlab import Namespace, wait_for

pytestmark = pytest.mark.skipif(bool(etcd.MISSING), reason=etcd.WHY)

PAGE = product.REPOSITORY / "docs" / "fleet.md"
BLOCK = re.compile(r"^<!-- (run|file): (\S+) -->\n```\w*\n(.*?)^```$", re.M | re.S)


class Page:
    """The blocks, in order, and the places where they run. `with` ends what they started."""

    def __init__(self, folder):
        self.folder = folder
        self.store, self.host = Namespace(), Namespace()
        self.processes = []
        for name in ("etc", "var"):
            (folder / name).mkdir()
        self.store.ip("link", "add", "switch", "up", "type", "bridge")
        for i in (1, 2, 3, 4):
            self.store.ip("address", "add", f"10.0.0.{i}/24", "dev", "switch")
        self.store.ip("link", "add", "host", "up", "master", "switch", "type", "veth",
                      "peer", "name", "eth0", "netns", self.host.name)
        self.host.ip("link", "set", "eth0", "up")
        self.host.ip("address", "add", "10.0.0.11/24", "dev", "eth0")
        # A shell keeps what earlier blocks have exported.
        with self.store:
            self.shell = subprocess.Popen(
                ["bash", "-u"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, env=product.environment())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()
        self.shell.communicate()
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        product.Tool(self.host)("unload", "eth0")
        self.store.close()
        self.host.close()

    def here(self, text):
        return (text.replace("/etc/xdp-ipfilter", f"{self.folder}/etc")
                .replace("/var/lib/etcd", f"{self.folder}/var")
                .replace("xdp-ipfilter sync -c", f"xdp-ipfilter sync --cache {self.folder}/var -c"))

    def do(self, text):
        """In the shell. A command that fails ends it."""
        self.shell.stdin.write(f"set -e\n{self.here(text)}\nset +e\necho '[done]'\n")
        self.shell.stdin.flush()
        said = []
        while (line := self.shell.stdout.readline()) != "[done]\n":
            assert line, f"failed:\n{text}\n{''.join(said)}"
            said.append(line)
        return "".join(said)

    def start(self, place, text):
        with open(self.folder / f"log{len(self.processes)}", "wb") as log, place:
            self.processes.append(subprocess.Popen(
                ["bash", "-euc", self.here(text).replace("\netcd", "\nexec etcd")
                 .replace("xdp-ipfilter sync", f"exec {product.BINARY} sync")],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=product.environment()))

    def on_host(self, text):
        """Commands of xdp-ipfilter on the host."""
        return "".join(self.host.run(product.BINARY, *line.split()[1:]).stdout
                       for line in self.here(text).splitlines())

    def rules(self):
        done = self.host.run(product.BINARY, "list", "-s", "fleet", check=False).stdout
        return {line for line in done.splitlines() if re.match("drop|pass", line)}

    def wait_rules(self, *rules):
        wanted = set(rules)
        wait_for(lambda: {re.sub(" timeout.*", " timeout", rule) for rule in self.rules()} == wanted
                 or None, f"rules {wanted}, there are {self.rules()}", etcd.PATIENCE)

    def wait_health(self):
        def healthy():
            answer = self.do("etcdctl endpoint health 2>&1 || true")
            return answer.count("is healthy") == 3
        self.do("export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://10.0.0.1:2379,"
                "https://10.0.0.2:2379,https://10.0.0.3:2379 "
                "ETCDCTL_CACERT=/etc/xdp-ipfilter/fleet/ca.pem "
                "ETCDCTL_CERT=/etc/xdp-ipfilter/fleet/root.pem "
                "ETCDCTL_KEY=/etc/xdp-ipfilter/fleet/root.key")
        wait_for(healthy, "three healthy nodes", etcd.PATIENCE)


def test_the_page(tmp_path):
    with Page(tmp_path) as page:
        chapter = re.search(r"^## etcd$.*?(?=^## |\Z)", PAGE.read_text(), re.M | re.S)[0]
        blocks = [match.groups() for match in BLOCK.finditer(chapter)]
        # Nothing that looks like a command is left out.
        assert len(blocks) == chapter.count("```") // 2
        for number, (what, where, text) in enumerate(blocks):
            said = ""
            if what == "file":
                pathlib.Path(page.here(where)).write_text(page.here(text))
            elif where == "node":
                for i in (1, 2, 3):
                    page.start(page.store, text.replace("NAME=n1 ADDRESS=10.0.0.1",
                                                        f"NAME=n{i} ADDRESS=10.0.0.{i}"))
                page.wait_health()
            elif where == "sync":
                page.start(page.host, text)
            elif where == "host":
                page.on_host(text)
            elif where == "list":
                chunks(page, text)
            else:
                said = page.do(text)
            after(page, text, said)
        assert number >= 10


def after(page, text, said):
    """What the page says of some of the blocks."""
    if "lease grant" in text:
        page.wait_rules("drop 192.0.2.67")
    elif "partners.txt <<" in text:
        page.wait_rules("drop 192.0.2.67", "drop 198.51.100.0/24", "pass 198.51.100.7",
                        "drop 203.0.113.9 timeout")
        # "Try a list first": it changes nothing.
        (page.folder / "partners.txt").write_text("198.51.100.0/24\n")
        assert "- drop 192.0.2.67" in page.on_host(
            f"xdp-ipfilter replace --dry-run -s fleet -f {page.folder}/partners.txt")
    elif "as_analyst" in text:
        assert "as it should be" in said
        page.wait_rules("drop 192.0.2.67", "drop 198.51.100.0/24", "pass 198.51.100.7",
                        "drop 203.0.113.9 timeout", "drop 203.0.113.77")


def chunks(page, text):
    """Three times: all chunks, then the one that has changed, then one less."""
    first = [f"{i}.0.{j}.0/24" for i in range(11, 31) for j in range(250)]
    (page.folder / "big.txt").write_text("\n".join(first) + "\n2001:db8::/32\n")
    before = len(page.rules())
    assert page.do(f"cd {page.folder}\n{text}").count("OK") == 21
    wait_for(lambda: len(page.rules()) == before + 5001, "5001 more rules", etcd.PATIENCE)
    (page.folder / "big.txt").write_text("\n".join(first) + "\n2001:db8::/32\n12.1.0.0/16\n")
    assert page.do(text).count("OK") == 1
    wait_for(lambda: "drop 12.1.0.0/16" in page.rules(), "one more rule", etcd.PATIENCE)
    (page.folder / "big.txt").write_text("\n".join(first) + "\n12.1.0.0/16\n")
    assert page.do(text).strip() == "1"
    wait_for(lambda: len(page.rules()) == before + 5001, "one rule less", etcd.PATIENCE)
