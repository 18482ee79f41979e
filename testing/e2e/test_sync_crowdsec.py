# SPDX-License-Identifier: GPL-2.0
"""Do packets meet what CrowdSec decides, and go on meeting it when its API has failed?"""
import os
import re
import shutil
import statistics
import time

import pytest

import crowdsec
import product
from crowdsec import KEY, Lapi, Server, UnixListener
from frames import udp
from netlab import wait_for
from syncing import Sync
from webserver import Answer

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))
PAGE = product.REPOSITORY / "docs" / "crowdsec.md"


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def server(loaded, tmp_path):
    with Server(tmp_path / "crowdsec", place=loaded.ns) as server:
        yield server


@pytest.fixture
def lapi(loaded):
    with loaded.ns:
        lapi = Lapi()
    with lapi:
        yield lapi


@pytest.fixture
def start(loaded, tmp_path, key_file):
    """start(LOCATION): sync follows it, and asks each second. It is ended after the test."""
    running = []

    def begin(location, more=""):
        running.append(Sync(loaded, tmp_path, f'source bans {{ from = "{location}" every = 1s '
                                              f'key-file = "{key_file}" {more} }}'))
        return running[-1]
    yield begin
    for sync in running:
        if sync.process.poll() is None:
            sync.kill()


def wait_drops(loaded, address, drops=True, seconds=30):
    wait_for(lambda: loaded.wire.passes(udp(address)) is not drops,
             f"{address} is {'dropped' if drops else 'passed'}", seconds)


def wait_state(sync, *states):
    sync.wait(lambda: (sync.source("bans") or {}).get("state") in states, f"it is {states}", 30)


def test_bans_are_dropped_until_they_are_lifted(loaded, server, start):
    server.ban("192.0.2.1", "4h")
    sync = start(server.location)
    wait_drops(loaded, "192.0.2.1")
    server.ban("198.51.100.0/28", "1h")
    wait_drops(loaded, "198.51.100.15")
    assert loaded.wire.passes(udp("198.51.100.16"))
    server.lift("192.0.2.1")
    wait_drops(loaded, "192.0.2.1", drops=False)
    assert not loaded.wire.passes(udp("198.51.100.1"))
    wait_state(sync, "fresh")
    sync.end()
    assert loaded.prefixes("f0", "bans") == {"198.51.100.0/28": "drop"}, "the rules stay"


def test_the_longest_of_two_and_its_end(loaded, server, start):
    server.ban("192.0.2.1", "5s")
    server.ban("192.0.2.2", "5s")
    server.ban("192.0.2.2/32", "1h")
    start(server.location)
    wait_drops(loaded, "192.0.2.2")
    rules = {rule["prefix"]: rule["expires_s"] for rule in loaded.rules("f0", "bans")}
    assert 3500 < rules["192.0.2.2"] <= 3600
    # The rule ends by itself: the API is not needed for that.
    server.stop()
    wait_drops(loaded, "192.0.2.1", drops=False)
    assert not loaded.wire.passes(udp("192.0.2.2"))


def test_the_api_restarts(loaded, server, start):
    server.ban("192.0.2.1", "1h")
    sync = start(server.location)
    wait_drops(loaded, "192.0.2.1")
    server.stop()
    wait_state(sync, "failing")
    assert "cannot connect" in sync.source("bans")["error"]
    assert not loaded.wire.passes(udp("192.0.2.1"))
    server.start()
    server.lift("192.0.2.1")
    server.ban("192.0.2.2", "1h")
    wait_drops(loaded, "192.0.2.2", seconds=60)
    wait_drops(loaded, "192.0.2.1", drops=False)
    wait_state(sync, "fresh")


def test_killed_and_started_without_the_api(loaded, server, start):
    server.ban("192.0.2.1", "1h")
    sync = start(server.location)
    wait_drops(loaded, "192.0.2.1")
    sync.end()
    server.stop()
    # As after a boot.
    loaded.good("flush", "-s", "bans")
    sync = start(server.location)
    wait_drops(loaded, "192.0.2.1")
    sync.kill()
    assert not loaded.wire.passes(udp("192.0.2.1"))
    sync = start(server.location)
    server.start()
    server.ban("192.0.2.2", "1h")
    wait_drops(loaded, "192.0.2.2", seconds=60)
    assert not loaded.wire.passes(udp("192.0.2.1"))


def test_50_000_decisions(loaded, server, clocked, start):
    sync = start(server.location)
    wait_state(sync, "fresh")
    server.import_bans([f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in range(50000)])
    # Some may come a minute later: see test_source_crowdsec.
    sync.wait(lambda: sync.source("bans")["rules"] > 40000, "they are there", 60)
    if not LONG:
        # What the API tells by itself has come after the second of these.
        told = len(server.pulls()) + 3
        sync.wait(lambda: len(server.pulls()) >= told, "it goes on asking", 60)
        clocked.advance(61)
    wait_drops(loaded, "10.0.195.7", seconds=90)
    assert loaded.wire.passes(udp("10.1.0.0"))
    sync.wait(lambda: sync.source("bans")["rules"] == 50000, "all are there", 150)
    # cscli deletes the import at once: more than half are gone, which could be a mistake.
    server.cscli("decisions", "delete", "--all")
    wait_state(sync, "held")
    assert not loaded.wire.passes(udp("10.0.195.7"))


def test_from_a_ban_to_the_first_drop(loaded, server, start):
    """Most of it is the second between two questions, and cscli itself."""
    sync = start(server.location)
    wait_state(sync, "fresh")
    took = []
    for i in range(30 if LONG else 5):
        server.ban(f"192.0.2.{i}", "1h")
        then = time.monotonic()
        wait_drops(loaded, f"192.0.2.{i}")
        took.append(time.monotonic() - then)
    print(f"from the ban to the drop: median {statistics.median(took):.2f} s, "
          f"most {max(took):.2f} s of {len(took)}")
    assert statistics.median(took) < 5


def test_the_page(loaded, server, tmp_path):
    """The steps of docs/crowdsec.md, there and back. Beside it, the old bouncer goes on."""
    place = str(tmp_path / "xdp-ipfilter")
    os.mkdir(place)
    env = product.environment(CSCLI=f"{server.folder}/config.yaml")
    env["PATH"] = f"{os.path.dirname(product.BINARY)}:{env['PATH']}"
    here = ("cscli() { command cscli -c \"$CSCLI\" \"$@\"; }\n"
            f"xdp-ipfilter() {{ case \"$1 $2\" in 'sync --check') command xdp-ipfilter \"$@\" "
            f"-c {place}/sync.conf ;; *) command xdp-ipfilter \"$@\" ;; esac; }}\n")

    def do(text):
        text = text.replace("/etc/xdp-ipfilter", place)
        return loaded.ns.run("bash", "-e", "-o", "pipefail", "-c", here + text, env=env).stdout

    page = PAGE.read_text()
    key, check, service, status, dropped, counts, end, back = re.findall(
        r"^```sh\n(.*?)^```$", page, re.M | re.S)
    config, = re.findall(r"^```\n(interface .*?)^```$", page, re.M | re.S)
    server.cscli("bouncers", "delete", "xdp-ipfilter")
    server.cscli("bouncers", "add", "the-old-one")
    # More alerts than cscli shows by default; spellings, and decisions that are not for us.
    server.import_bans([f"10.9.0.{i}" for i in range(120)])
    for value in "192.0.2.1", "198.51.100.0/28", "192.0.2.5/32", "2001:DB8:5::/48", "2001:db8::1":
        server.ban(value)
    server.ban("192.0.2.1", "3h")
    server.cscli("decisions", "add", "--ip", "203.0.113.9", "--type", "captcha")
    server.cscli("decisions", "add", "--scope", "Country", "--value", "KP")

    do(key)
    assert os.stat(f"{place}/crowdsec.key").st_mode & 0o77 == 0
    config = config.replace("eth0", "f0").replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    config = config.replace("/etc/xdp-ipfilter", place)
    with open(f"{place}/sync.conf", "w") as file:
        file.write(config)
    assert do(check) == ""
    assert service == "systemctl enable --now xdp-ipfilter\n"
    with Sync(loaded, tmp_path, config) as sync:
        sync.wait(lambda: (sync.source("crowdsec") or {}).get("state") == "fresh", "it is fresh", 30)
        sync.wait(lambda: sync.source("crowdsec")["rules"] == 125, "all are there", 90)
        assert "fresh" in do(status) and "the-old-one" in do(status)
        assert do(dropped) == "125 drop, 0 pass\n"
        assert do(counts) == "125\n125\n"
        # An exception, and what is seen of it.
        loaded.good("add", "-s", "friends", "--pass", "192.0.2.1")
        assert do(f"{dropped.rstrip()} || true") == ("192.0.2.1: pass by 192.0.2.1 (friends)\n"
                                                     "124 drop, 1 pass\n")
        assert end == "systemctl disable --now crowdsec-firewall-bouncer\n"
        sync.end()
    assert not loaded.wire.passes(udp("10.9.0.7"))
    steps = [line for line in back.splitlines() if not line.startswith("systemctl")]
    assert len(steps) == len(back.splitlines()) - 2
    do("\n".join(steps))
    assert loaded.wire.passes(udp("10.9.0.7"))
    assert "xdp-ipfilter" not in server.cscli("bouncers", "list", "-o", "raw")


# --- What the real one does not do on demand ----------------------------------------------------


def test_a_gateway_that_fails_opens_nothing(loaded, lapi, start):
    for i in range(200):
        lapi.ban(f"192.0.2.{i}")
    sync = start(lapi.location)
    wait_drops(loaded, "192.0.2.199")
    lapi.spoil += [lambda answer, request: Answer("<html>504</html>", 504)] * 3
    wait_state(sync, "failing")
    assert not loaded.wire.passes(udp("192.0.2.199"))
    wait_state(sync, "fresh")
    # An error of the database in mid-stream: valid, status 200, and nearly nothing.
    lapi.spoil += [lambda answer, request: Answer("busy", 500),
                   lambda answer, request: Answer('{"new": [], "deleted": []}')]
    wait_state(sync, "held")
    assert not loaded.wire.passes(udp("192.0.2.199"))


def test_a_ban_drops_where_the_policy_is_to_deny(lab, tmp_path, key_file):
    with lab.ns:
        lapi = Lapi()
    lab.load("--policy", "deny", warns="no pass rule")
    lab.good("add", "-s", "friends", "192.0.2.0/24")
    assert lab.wire.passes(udp("192.0.2.7"))
    lapi.ban("192.0.2.7")
    with lapi, Sync(lab, tmp_path, f'source bans {{ from = "{lapi.location}" every = 1s '
                                   f'key-file = "{key_file}" }}'):
        wait_drops(lab, "192.0.2.7")
        assert lab.wire.passes(udp("192.0.2.8"))


def test_a_unix_socket(loaded, lapi, start, tmp_path):
    lapi.ban("192.0.2.1")
    with UnixListener(lapi, tmp_path / "lapi.sock") as listener:
        listener.path.chmod(0o600)
        sync = start(f"crowdsec+unix://{listener.path}")
        wait_drops(loaded, "192.0.2.1")
        listener.hang_up()
        lapi.ban("192.0.2.2")
        wait_drops(loaded, "192.0.2.2", seconds=60)
        assert listener.connections >= 2
        wait_state(sync, "fresh")


def test_what_was_dropped_is_reported(lab, lapi_in, clocked, tmp_path, key_file):
    lapi = lapi_in(lab)
    lab.load("--counters", "always")
    lapi.ban("192.0.2.1", "9h", origin="CAPI")
    with Sync(lab, tmp_path, f'source bans {{ from = "{lapi.location}" every = 1s '
                             f'key-file = "{key_file}" }}'):
        wait_drops(lab, "192.0.2.1")
        wait_for(lambda: len(lapi.pulls) > 3, "it has asked for counters", 30)
        for _ in range(5):
            assert not lab.wire.passes(udp("192.0.2.1"))
        clocked.advance(901)
        wait_for(lambda: lapi.reports, "a report", 60)
        component, = lapi.reports[0]["remediation_components"]
        dropped, = [item for item in component["metrics"][0]["items"]
                    if (item["name"], item["unit"]) == ("dropped", "packet")]
        packets = lab.counters("f0")["drop"][0]
        assert 5 <= dropped["value"] <= packets
        assert dropped["labels"] == {"origin": "CAPI", "ip_type": "ipv4", "remediation": "ban"}
        clocked.advance(901)
        wait_for(lambda: len(lapi.reports) > 1, "another report", 60)
        assert not [item for item in lapi.reports[1]["remediation_components"][0]["metrics"][0][
            "items"] if item["name"] == "dropped"], "nothing is reported twice"


@pytest.fixture
def lapi_in():
    made = []

    def make(lab):
        with lab.ns:
            made.append(Lapi())
        return made[-1]
    yield make
    for lapi in made:
        lapi.close()


@pytest.fixture
def clocked(tmp_path, monkeypatch):
    """The clock of the programs that read sources. sync gives them no environment, so programs
    beside a copy of the tool set it."""
    clock = crowdsec.Clock(tmp_path)
    here = os.path.dirname(product.BINARY)
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("xdp-ipfilter", "xdp-ipfilter-sync"):
        shutil.copy(os.path.join(here, name), folder)
    program = folder / "xdp-ipfilter-source"
    settings = " ".join(f"{name}={value}" for name, value in clock.env.items())
    program.write_text(f"#!/bin/sh\nexec env {settings} {here}/xdp-ipfilter-source\n")
    program.chmod(0o755)
    monkeypatch.setattr(product, "BINARY", str(folder / "xdp-ipfilter"))
    return clock
