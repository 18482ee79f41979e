# SPDX-License-Identifier: GPL-2.0
"""A fail2ban server of a test's own: its configuration, socket, database and log are in one folder.

The server is Debian's. FAIL2BAN_TREE names a folder in which a package of another release was
unpacked (testing/package-tree.sh makes one): then that one runs, with this machine's Python.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import product
from netlab import wait_for
from server import Server

TREE = os.environ.get("FAIL2BAN_TREE")
SHARE = product.REPOSITORY / "xdp-ipfilter" / "share" / "fail2ban"
ETC = pathlib.Path(TREE or "/") / "etc" / "fail2ban"

SERVER = """\
[Definition]
loglevel = INFO
logtarget = {0}/log
syslogsocket = auto
socket = {0}/socket
pidfile = {0}/pid
dbfile = {0}/db
dbpurgeage = 1d
dbmaxmatches = 1
allowipv6 = yes
[Thread]
"""

JAIL = """\
[DEFAULT]
backend = polling
filter = words
logpath = {0}/watched
bantime = 1h
findtime = 10m
maxretry = 1
action = {1}
"""


class Fail2ban(Server):
    """`with` starts it inside the lab's namespace and stops it. `options` are those of the action;
    `jails` are {name: lines of its section}."""

    def __init__(self, folder, lab, action="xdp-ipfilter.py", options="", jails=None):
        self.folder, self.lab, self.action = pathlib.Path(folder), lab, action
        self.process = None
        if not TREE and not shutil.which("fail2ban-server"):
            pytest.skip("fail2ban is not installed")
        for name in ("action.d", "filter.d"):
            (self.folder / name).mkdir(parents=True)
        for path in (SHARE / "action.d").iterdir():
            if path.is_file():
                shutil.copy(path, self.folder / "action.d")
        self.log = self.folder / "log"
        self.log.touch()
        self.watched = self.folder / "watched"
        self.watched.touch()
        (self.folder / "fail2ban.conf").write_text(SERVER.format(self.folder))
        (self.folder / "filter.d" / "words.conf").write_text(
            "[Definition]\nfailregex = ^failed <SUBNET>$\ndatepattern = ^{EPOCH}\\s\n")
        self.configure(options, jails)

    def configure(self, options="", jails=None):
        self.jails = jails or {"j": ""}
        action = f"{self.action}[{options}]" if options else self.action
        (self.folder / "jail.conf").write_text(
            JAIL.format(self.folder, action) + "".join(
                f"[{name}]\nenabled = true\n{lines}\n" for name, lines in self.jails.items()))

    def program(self, name):
        """(argv, environment)"""
        path = f"{TREE}/usr/bin/{name}" if TREE else shutil.which(name)
        more = {"PYTHONPATH": f"{TREE}/usr/lib/python3/dist-packages"} if TREE else {}
        env = product.environment(PYTHONDONTWRITEBYTECODE="1", **more)
        env["PATH"] = f"{os.path.dirname(product.BINARY)}:{env['PATH']}"
        return ["/usr/bin/python3", path, "-c", str(self.folder)], env

    def client(self, *args, check=True):
        argv, env = self.program("fail2ban-client")
        return subprocess.run([*argv, *map(str, args)], env=env, check=check, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300).stdout

    def start(self):
        argv, env = self.program("fail2ban-server")
        said = len(self.said())
        output = self.folder / "output"
        with self.lab.ns, open(output, "w") as out:
            self.process = subprocess.Popen([*argv, "-xf", "start"], env=env, stdout=out,
                                            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        wait_for(lambda: self.process.poll() is not None or "Server ready" in output.read_text() and
                 all(f"Jail '{name}' started" in self.said()[said:] for name in self.jails),
                 f"the jails start: {self.said()[-3000:]}", 60)
        assert self.process.poll() is None, output.read_text()
        return self

    def stop(self):
        if (self.folder / "socket").exists():
            # `fail2ban-client restart` has started another process.
            self.client("stop", check=False)
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
        self.process = None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        (self.folder / "socket").unlink()

    def ban(self, *addresses, jail="j"):
        self.client("set", jail, "banip", *addresses)

    def unban(self, *addresses, jail="j"):
        self.client("set", jail, "unbanip", *addresses)

    def said(self):
        return self.log.read_text()

    def _database(self, work):
        with contextlib.closing(sqlite3.connect(self.folder / "db", timeout=30)) as db, db:
            return work(db)

    def remember(self, rows):
        """Puts bans (jail, address, seconds ago, bantime, how many so far) into the database,
        while the server does not run."""
        now = time.time()
        bans = [(jail, ip, now - ago, bantime, count, json.dumps({"failures": 1}))
                for jail, ip, ago, bantime, count in rows]
        self._database(lambda db: db.executemany(
            "INSERT INTO bips(jail, ip, timeofban, bantime, bancount, data) "
            "VALUES(?, ?, ?, ?, ?, ?)", bans))

    def remembered(self):
        """How many bans are in the database. The server puts them there a moment later."""
        return self._database(lambda db: db.execute("SELECT count(*) FROM bips").fetchone()[0])
