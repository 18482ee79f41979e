# SPDX-License-Identifier: GPL-2.0
"""What sync tells others: status, its state file, systemd, exit codes."""
import json
import os
import re
import signal
import socket
import time

import pytest

import kernel
from beside import FREE, OURS
from frames import udp
from netlab import Namespace
from product import DONE, FAILED, USAGE, Tool
from syncing import Sync

SOURCE = {"set", "state", "from", "rules", "updated", "age_s", "error"}


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "ours.txt"
    path.write_text(f"{OURS}\n2001:db8::/32\n")
    return path


@pytest.fixture
def filtered(lab):
    lab.load()
    return lab


def source(name, location, keys=""):
    return f'source {name} {{ from = "{location}" {keys} }}\n'


def wait_state(sync, name, state):
    return sync.wait(lambda: (one := sync.source(name)) and one["state"] == state and one,
                     f"{name} is {state}")


def test_json_has_the_sources_and_interfaces(filtered, tmp_path, rules):
    config = source("good", rules) + source("bad", "/nowhere/list.txt") + "interface f0 { }\n"
    with Sync(filtered, tmp_path, config) as sync:
        good, bad = wait_state(sync, "good", "fresh"), wait_state(sync, "bad", "failing")
        assert set(good) == set(bad) == SOURCE
        assert good["from"] == str(rules) and good["rules"] == 2 and good["error"] is None
        assert abs(good["updated"] - time.time()) < 60 and good["age_s"] < 60
        assert bad["rules"] == 0 and bad["updated"] is None and bad["age_s"] is None
        assert "/nowhere/list.txt" in bad["error"]
        assert sync.document()["sync"] == {
            "pid": sync.process.pid, "error": None,
            "interfaces": [{"ifname": "f0", "state": "filtering", "error": None}]}
        # A filter is what the exit status is about.
        assert filtered("status").rc == DONE
        sync.end()
    after = filtered("status", "-j").json()
    assert after["sync"] is None and after["sources"] == []


def test_text_has_them_too_where_no_interface_is_named(filtered, tmp_path, rules):
    config = (source("good", rules) + source("bad", "/nowhere/list.txt") +
              "interface f0 { }\ninterface f9 { }\n")
    with Sync(filtered, tmp_path, config) as sync:
        wait_state(sync, "good", "fresh")
        wait_state(sync, "bad", "failing")
        said = filtered.good("status").out
        assert f"sync: process {sync.process.pid}\n" in said
        assert "  interface f9: absent\n" in said and "interface f0:" not in said
        assert re.search(r"(?m)^source good: fresh$", said)
        assert re.search(r"(?m)^  updated +\d+\w* ago$", said)
        assert re.search(r"(?m)^  rules +2$", said)
        assert re.search(r"(?m)^source bad: failing$", said)
        assert re.search(r"(?m)^  error +.*/nowhere/list.txt", said)
        assert "sync" not in filtered.good("status", "f0").out


def test_one_that_was_killed_counts_for_nothing(filtered, tmp_path, rules):
    with Sync(filtered, tmp_path, source("good", rules)) as sync:
        wait_state(sync, "good", "fresh")
        [path] = [entry.path for entry in os.scandir("/run/xdp-ipfilter")
                  if entry.name.endswith(".json") and
                  json.load(open(entry.path))["pid"] == sync.process.pid]
        assert os.stat(path).st_mode & 0o777 == 0o644, "others may read it"
        sync.kill()
    assert os.path.exists(path)
    document = filtered("status", "-j").json()
    assert document["sync"] is None and document["sources"] == []
    assert "sync" not in filtered.good("status").out
    with Sync(filtered, tmp_path, source("good", rules)) as second:
        wait_state(second, "good", "fresh")
        second.end()
    assert not os.path.exists(path)


@pytest.mark.skipif(kernel.is_before(5, 14), reason="the kernel gives namespaces no number")
def test_what_cannot_be_written_is_told_once_and_no_old_state_is_shown(filtered, tmp_path, rules):
    """As where /run is full."""
    with Sync(filtered, tmp_path, source("ours", rules)) as sync:
        wait_state(sync, "ours", "fresh")
        cookie = kernel.netns_cookie(filtered.ns)  # 0 before Linux 5.14
        path = f"/run/xdp-ipfilter/sync{f'-{cookie}' if cookie else ''}.json"
        assert os.path.exists(path)
        os.mkdir(f"{path}.new")
        for octet in (7, 8):
            rules.write_text(f"198.51.100.{octet}\n")
            sync.wait(lambda: f"198.51.100.{octet}" in filtered.prefixes("f0", "ours"),
                      "the rule is live")
        sync.wait(lambda: not os.path.exists(path), "the old state goes")
        assert sync.document()["sync"]["pid"] == sync.process.pid and not sync.source("ours")
        assert len([line for line in sync.said if "cannot show the sources" in line]) == 1
        os.rmdir(f"{path}.new")
        assert wait_state(sync, "ours", "fresh")["rules"] == 1


def test_a_sync_of_another_network_namespace_is_not_ours(filtered, tmp_path, rules):
    elsewhere = Namespace()
    try:
        with Sync(filtered, tmp_path, source("good", rules)) as sync:
            wait_state(sync, "good", "fresh")
            document = Tool(elsewhere)("status", "-j").json()
            assert document["sync"] is None and document["sources"] == []
            there = Tool(elsewhere)("sync", "--once", "-c", sync.path, "--cache", sync.cache)
            assert there.rc == DONE, "it may run there as well"
    finally:
        elsewhere.close()


def test_secrets_are_in_no_file_and_no_list_of_processes(filtered, tmp_path):
    secret = "hunter2hunter2"
    path = tmp_path / "key"
    path.write_text(secret)
    path.chmod(0o600)
    config = source("api", "crowdsec+http://127.0.0.1:9", f'key-file = "{path}"')
    with Sync(filtered, tmp_path, config, "-v") as sync:
        wait_state(sync, "api", "failing")
        assert secret not in json.dumps(sync.document())
        for number in filter(str.isdigit, os.listdir("/proc")):
            for name in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{number}/{name}", "rb") as file:
                        assert secret.encode() not in file.read()
                except OSError:
                    pass  # it has ended
        sync.end()
        assert secret not in "\n".join(sync.said)


class Listener:
    """systemd's end of the notify socket."""

    def __init__(self, path):
        self.path, self.told = str(path), []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    def has(self, *wanted):
        """Have these come, in this order?"""
        try:
            while True:
                self.told.append(self._socket.recv(4096).decode())
        except BlockingIOError:
            pass
        rest = iter(self.told)
        return all(any(message.startswith(one) for message in rest) for one in wanted)

    def close(self):
        self._socket.close()


def test_systemd_is_told(filtered, tmp_path, rules):
    listener = Listener(tmp_path / "notify")
    env = {"NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "1000000"}
    with Sync(filtered, tmp_path, source("good", rules), env=env) as sync:
        sync.wait(lambda: listener.has("READY=1"), "it is ready")
        wait_state(sync, "good", "fresh")
        sync.wait(lambda: listener.has("READY=1", "WATCHDOG=1", "WATCHDOG=1"),
                  "it is alive")
        sync.wait(lambda: listener.has("STATUS=1 source: 2 rules"), "its status is told")
        sync.reload(source("good", rules, "every = 2m"))
        sync.wait(lambda: listener.has("RELOADING=1\nMONOTONIC_USEC=", "READY=1"), "it has reloaded")
        sync.end()
        assert listener.has("STOPPING=1")
    listener.close()


def test_ready_means_that_copies_filter_already(filtered, tmp_path, rules):
    """A start without its sources: the last good copy is live before systemd is told."""
    with Sync(filtered, tmp_path, source("good", rules)) as sync:
        wait_state(sync, "good", "fresh")
        sync.end()
    filtered.good("flush", "-a")
    rules.unlink()
    listener = Listener(tmp_path / "notify")
    env = {"NOTIFY_SOCKET": listener.path}
    with Sync(filtered, tmp_path, source("good", rules), env=env) as sync:
        sync.wait(lambda: listener.has("READY=1"), "it is ready")
        assert filtered.wire.exchange([udp(OURS), udp(FREE)]) == [False, True]
    listener.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_0_and_rules_stay(filtered, tmp_path, rules, number):
    with Sync(filtered, tmp_path, source("good", rules)) as sync:
        wait_state(sync, "good", "fresh")
        sync.end(number)
    assert filtered.prefixes("f0", "good") == {OURS: "drop", "2001:db8::/32": "drop"}


def once(tool, folder, config, *args):
    (folder / "once.conf").write_text(config)
    return tool("sync", "--once", "-c", folder / "once.conf", "--cache", folder / "cache", *args)


def test_once_ends_with_0_when_all_is_done(filtered, tmp_path, rules):
    result = once(filtered, tmp_path, source("good", rules))
    assert result.rc == DONE and "warning" not in result.err, result
    assert len(filtered.prefixes("f0", "good")) == 2


def test_once_ends_with_1_when_some_source_failed_and_the_others_are_live(filtered, tmp_path, rules):
    result = once(filtered, tmp_path, source("bad", "/nowhere/list.txt") + source("good", rules))
    assert result.rc == FAILED and "/nowhere/list.txt" in result.err, result
    assert len(filtered.prefixes("f0", "good")) == 2


def test_once_ends_with_2_for_a_bad_configuration(filtered, tmp_path):
    result = once(filtered, tmp_path, "source good { }")
    assert result.rc == USAGE and "once.conf:1" in result.err, result
