# SPDX-License-Identifier: GPL-2.0
"""Do packets meet what fail2ban bans, as long as it bans, whatever happens to either?"""
import random
import re
import shlex
import shutil
import subprocess
import time

import pytest

import fail2ban
import product
from fail2ban import Fail2ban
from frames import udp
from netlab import wait_for

#: What a rule outlives its ban by, as the action says.
GRACE = {"xdp-ipfilter.py": 60, "xdp-ipfilter": 3600}
BOTH = pytest.mark.parametrize("action", GRACE)


PAGE = product.REPOSITORY / "docs" / "fail2ban.md"


@pytest.fixture
def server(loaded, tmp_path):
    """server(ACTION, OPTIONS, JAILS): a fail2ban that the test starts; it is stopped afterwards."""
    made = []

    def make(action="xdp-ipfilter.py", options="", jails=None):
        made.append(Fail2ban(tmp_path / "fail2ban", loaded, action, options, jails))
        return made[-1]
    yield make
    for one in made:
        one.stop()
        print(one.said())


def wait_drops(lab, address, drops=True, seconds=15):
    wait_for(lambda: lab.wire.passes(udp(address)) is not drops,
             f"{address} is {'dropped' if drops else 'passed'}", seconds)


def wait_rules(lab, name, prefixes, seconds=15):
    wait_for(lambda: set(lab.prefixes("f0", name)) == set(prefixes), f"the rules are {prefixes}",
             seconds)


def ends(lab, name="f2b-j"):
    return {rule["prefix"]: rule["expires_s"] for rule in lab.rules("f0", name)}


@BOTH
def test_banned_and_unbanned(loaded, server, action):
    with server(action) as f2b:
        f2b.ban("192.0.2.1", "198.51.100.5/24", "2001:db8::5", "2001:db8:1::/48")
        for address in "192.0.2.1", "198.51.100.255", "2001:db8::5", "2001:db8:1:2::3":
            wait_drops(loaded, address, seconds=1)
        for address in "192.0.2.2", "198.51.101.0", "2001:db8::6", "2001:db8:2::":
            assert loaded.wire.passes(udp(address))
        f2b.unban("192.0.2.1", "2001:db8::5", "203.0.113.77", "198.51.100.0/24")
        for address in "192.0.2.1", "198.51.100.255", "2001:db8::5":
            wait_drops(loaded, address, drops=False, seconds=1)
        assert not loaded.wire.passes(udp("2001:db8:1:2::3"))
        assert " ERROR " not in f2b.said()
    assert loaded.rules("f0") == [], "nothing stays when fail2ban stops"


@BOTH
def test_a_failure_in_a_log(loaded, server, action):
    with server(action) as f2b:
        with open(f2b.watched, "a") as log:
            print(f"{time.time():.0f} failed 192.0.2.9", file=log)
        wait_drops(loaded, "192.0.2.9", seconds=30)


@BOTH
def test_the_end_of_a_ban(loaded, server, action):
    jails = {"j": "bantime = 10m", "ever": "bantime = -1", "ages": "bantime = 20y"}
    with server(action, jails=jails) as f2b:
        f2b.ban("192.0.2.1")
        f2b.ban("192.0.2.2", jail="ever")
        f2b.ban("192.0.2.3", jail="ages")
        wait_rules(loaded, "f2b-ages", ["192.0.2.3"])
        (left,) = ends(loaded).values()
        assert 595 <= left - GRACE[action] <= 601
        assert ends(loaded, "f2b-ever") == {"192.0.2.2": None}
        assert ends(loaded, "f2b-ages") == {"192.0.2.3": None}
        # fail2ban says when a ban ends, not the rule.
        f2b.client("set", "j", "bantime", "3")
        f2b.ban("192.0.2.4")
        wait_drops(loaded, "192.0.2.4")
        wait_rules(loaded, "f2b-j", [], seconds=30)


@BOTH
def test_jails_with_long_names(loaded, server, action):
    stem = "a-jail-whose-name-is-so-long-that-sets-cannot-have-it"
    names = [f"{stem}-1", f"{stem}-2", "a" * 27, "a" * 28, "web:1", "web_1"]
    with server(action, jails=dict.fromkeys(names, "")) as f2b:
        for name in names:
            f2b.ban("192.0.2.1", jail=name)
        wait_for(lambda: len(loaded.rules("f0")) == len(names), "each jail has its own set", 15)
        sets = {rule["set"] for rule in loaded.rules("f0")}
        assert len(sets) == len(names) and {"f2b-" + "a" * 27, "f2b-web_1"} <= sets
        for name in names:
            assert not loaded.wire.passes(udp("192.0.2.1"))
            f2b.unban("192.0.2.1", jail=name)
        wait_drops(loaded, "192.0.2.1", drops=False)


def test_both_actions_name_sets_alike(loaded, server, tmp_path):
    name = "a-jail-whose-name-is-so-long: it is cut, and summed up"
    seen = []
    for number, action in enumerate(GRACE):
        with Fail2ban(tmp_path / str(number), loaded, action, f'set="{name}"') as f2b:
            f2b.ban("192.0.2.1")
            wait_for(lambda: loaded.rules("f0"), "it is banned", 15)
            seen += [rule["set"] for rule in loaded.rules("f0")]
    assert len(seen) == 2 and seen[0] == seen[1]


@BOTH
def test_restored_bans_have_the_time_that_is_left(loaded, server, action):
    f2b = server(action)
    with f2b:
        f2b.ban("192.0.2.1")
        wait_rules(loaded, "f2b-j", ["192.0.2.1"])
    assert loaded.wire.passes(udp("192.0.2.1"))
    f2b.remember([("j", "192.0.2.2", 1000.25, 3600, 1), ("j", "192.0.2.3", 5000, 3600, 1)])
    with f2b:
        wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])
        left = ends(loaded)
        assert 3500 <= left["192.0.2.1"] - GRACE[action] <= 3601
        assert 2550 <= left["192.0.2.2"] - GRACE[action] <= 2601


@BOTH
def test_a_ban_is_prolonged(loaded, server, action):
    f2b = server(action, jails={"j": "bantime = 10m\nbantime.increment = true"})
    f2b.start()
    f2b.stop()
    f2b.remember([("j", "192.0.2.1", 4000, 600, 1)])
    with f2b:
        f2b.ban("192.0.2.1")
        wait_for(lambda: (ends(loaded).get("192.0.2.1") or 0) > 1150 + GRACE[action],
                 "it is twice as long", 60)


def test_a_ban_is_prolonged_silently(loaded, server):
    with server(options="every=1") as f2b:
        f2b.ban("192.0.2.1")
        wait_rules(loaded, "f2b-j", ["192.0.2.1"])
        # As when a banned address fails again: fail2ban calls no action.
        f2b.client("set", "j", "bantime", "7200")
        wait_for(lambda: ends(loaded)["192.0.2.1"] > 7000, "its rule lasts as long", 15)


def test_the_filter_is_loaded_later_and_again(lab, server, tmp_path):
    with Fail2ban(tmp_path / "later", lab) as f2b:
        f2b.ban("192.0.2.1")
        wait_for(lambda: "the filter is not loaded; bans that wait for it: 1" in f2b.said(),
                 "it says so", 15)
        lab.load()
        wait_drops(lab, "192.0.2.1", seconds=30)
        lab.good("unload", lab.dev)
        f2b.ban("192.0.2.2")
        lab.load()
        wait_drops(lab, "192.0.2.1", seconds=30)
        wait_drops(lab, "192.0.2.2", seconds=30)
        assert "bans are effective again" in f2b.said()


def test_somebody_takes_rules_away(loaded, server):
    with server(options="every=1") as f2b:
        f2b.ban("192.0.2.1", "192.0.2.2")
        wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])
        loaded.good("flush", "-a")
        wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])
        loaded.good("add", "-s", "f2b-j", "192.0.2.7")
        wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])


def test_a_reload_of_the_jails_bans_again(lab, tmp_path):
    """The way of the action without Python: it cannot know that the filter was loaded anew."""
    with Fail2ban(tmp_path / "again", lab, "xdp-ipfilter") as f2b:
        f2b.ban("192.0.2.1")
        assert "Error banning" in f2b.said()
        lab.load()
        f2b.client("reload", "--restart", "--all")
        wait_drops(lab, "192.0.2.1")


@pytest.mark.dispatcher
def test_a_ban_repairs_a_filter_that_was_turned_off(lab, tmp_path):
    with Fail2ban(tmp_path / "repair", lab, "xdp-ipfilter") as f2b:
        lab.load()
        f2b.ban("192.0.2.1")
        lab.ns.ip("link", "set", lab.dev, "xdp", "off")
        f2b.ban("192.0.2.2")
        wait_drops(lab, "192.0.2.2")
        assert not lab.wire.passes(udp("192.0.2.1"))


@BOTH
def test_killed(loaded, server, action):
    f2b = server(action, "every=1" if action.endswith(".py") else "")
    f2b.start()
    f2b.ban("192.0.2.1", "192.0.2.2")
    wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])
    wait_for(lambda: f2b.remembered() == 2, "they are remembered", 15)
    f2b.kill()
    loaded.good("add", "-s", "f2b-j", "192.0.2.3")
    assert not loaded.wire.passes(udp("192.0.2.2"))
    f2b.start()
    wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])


@BOTH
def test_unbanned_all_and_reloaded(loaded, server, action):
    with server(action) as f2b:
        f2b.ban("192.0.2.1", "192.0.2.2")
        wait_rules(loaded, "f2b-j", ["192.0.2.1", "192.0.2.2"])
        f2b.client("unban", "--all")
        wait_rules(loaded, "f2b-j", [])
        f2b.ban("192.0.2.3")
        wait_rules(loaded, "f2b-j", ["192.0.2.3"])
        f2b.client("reload")
        f2b.ban("192.0.2.4")
        wait_rules(loaded, "f2b-j", ["192.0.2.3", "192.0.2.4"])
        f2b.action = "xdp-ipfilter" if action.endswith(".py") else "xdp-ipfilter.py"
        f2b.configure(jails={"j": "logpath = " + str(f2b.watched)})
        f2b.client("reload", "--restart", "--all")
        wait_rules(loaded, "f2b-j", ["192.0.2.3", "192.0.2.4"])


def test_a_reload_moves_bans_to_another_set(loaded, server):
    with server() as f2b:
        f2b.ban("192.0.2.1")
        wait_rules(loaded, "f2b-j", ["192.0.2.1"])
        f2b.configure("set=other")
        f2b.client("reload")
        wait_rules(loaded, "other", ["192.0.2.1"])
        assert loaded.prefixes("f0", "f2b-j") == {}


def test_what_cannot_be_banned_keeps_nothing_else_out(loaded, server):
    with server() as f2b:
        f2b.ban("8.0.0.0/5", "192.0.2.1", "::/3")
        wait_drops(loaded, "192.0.2.1")
        assert loaded.wire.passes(udp("8.8.8.8"))
        assert "8.0.0.0/5 is wider than a /8" in f2b.said()


def test_the_lock_is_waited_for(loaded, server, tmp_path):
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", fifo], check=True)
    with server() as f2b:
        busy = loaded.start("add", "-f", fifo, "203.0.113.1")
        f2b.ban("192.0.2.1")
        with open(fifo, "w") as rules:
            rules.write("203.0.113.2\n")
        busy.communicate(timeout=60)
        wait_drops(loaded, "192.0.2.1")


@BOTH
def test_a_jail_that_lets_addresses_in(loaded, server, action):
    with server(action, "blocktype=RETURN") as f2b:
        f2b.ban("192.0.2.1")
        wait_for(lambda: re.search("this jail lets addresses in", f2b.said()), "it is refused", 15)
        assert loaded.wire.passes(udp("192.0.2.1")) and loaded.rules("f0") == []


def test_10_000_restored_bans(loaded, server):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pick = random.Random(seed)
    addresses = [f"10.{pick.randrange(256)}.{i >> 8}.{i & 255}" for i in range(10000)]
    f2b = server()
    f2b.start()
    f2b.stop()
    f2b.remember([("j", address, 10, 3600, 1) for address in addresses])
    began = time.monotonic()
    with f2b:
        wait_for(lambda: loaded.status("f0")["rules"]["sets"].get("f2b-j", 0) == 10000,
                 "all are banned", 60)
        print(f"10,000 bans in {time.monotonic() - began:.1f} s")
        assert set(loaded.prefixes("f0", "f2b-j")) == set(addresses)
        for address in pick.sample(addresses, 20):
            assert not loaded.wire.passes(udp(address))
        f2b.unban(addresses[0])
        wait_drops(loaded, addresses[0], drops=False, seconds=1)


def test_the_drop_in_and_the_jails_of_debian(server):
    """fail2ban reads its own jails with our drop-in, and each bans once."""
    f2b = server()
    for name in "action.d", "filter.d", "jail.d":
        shutil.copytree(fail2ban.ETC / name, f2b.folder / name, dirs_exist_ok=True)
    for name in "jail.conf", "paths-common.conf", "paths-debian.conf":
        shutil.copy(fail2ban.ETC / name, f2b.folder)
    shutil.copy(fail2ban.SHARE / "jail.d" / "xdp-ipfilter.conf", f2b.folder / "jail.d")
    sections = re.findall(r"^\[([a-z][^\]]*)\]", (f2b.folder / "jail.conf").read_text(), re.M)
    (f2b.folder / "jail.d" / "zz.local").write_text("".join(
        f"[{name}]\nenabled = true\nbackend = systemd\n"
        for name in sections))
    said = f2b.client("-d")
    added = re.findall(r"\['set', '([^']+)', 'addaction', '(xdp-ipfilter[^']*)'", said)
    assert len(added) > 80, said[:2000]
    assert len(added) == len(set(added)), [one for one in added if added.count(one) > 1]
    others = set(re.findall(r"'addaction', '((?:ip|nf)tables[^']*)'", said))
    assert others == {"iptables-multiport-log"}, "xinetd-fail asks for it by name"


def test_the_page(loaded, tmp_path):
    """The commands of docs/fail2ban.md, with Debian's configuration of fail2ban."""
    root = tmp_path / "root"
    f2b = Fail2ban(root / "etc" / "fail2ban", loaded, jails={"sshd": ""})
    etc = f2b.folder
    for name in "action.d", "filter.d":
        shutil.rmtree(etc / name)
    (etc / "jail.conf").unlink()
    shutil.copytree(fail2ban.ETC, etc, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("fail2ban.conf"))
    (etc / "jail.local").write_text(
        f"[sshd]\nenabled = true\nbackend = polling\nlogpath = {f2b.watched}\n")
    client, env = f2b.program("fail2ban-client")
    # Two lines of the Makefile, which would build first; testing/build.sh tests them.
    examples = root / "usr/local/share/doc/xdp-ipfilter/examples"
    here = (f"fail2ban-client() {{ {shlex.join(client)} \"$@\"; }}\n"
            f"make() {{ cp {fail2ban.SHARE}/action.d/*.* \"${{2#FAIL2BANDIR=}}/action.d\"; }}\n"
            f"mkdir -p {examples}\n"
            f"cp {fail2ban.SHARE}/jail.d/xdp-ipfilter.conf {examples}/fail2ban-jail.conf\n")

    def do(text):
        text = re.sub("/etc/fail2ban|/usr/local", rf"{root}\g<0>", text)
        return loaded.ns.run("bash", "-ec", here + text, env=env).stdout

    page = PAGE.read_text()
    install, ask, ban, check, again = re.findall(r"^ *```sh\n(.*?)^ *```$", page, re.M | re.S)
    shown = re.search(r"^```\n(set f2b-sshd\n.*?)^```$", page, re.M | re.S)[1]
    with f2b:
        do(install)
        asked = do(ask)
        assert "OK: configuration test is successful" in asked
        assert "['set', 'sshd', 'addaction', 'xdp-ipfilter'" in asked
        assert re.sub("1[01]m[0-9s]*", "11m", do(ban)).endswith(f"1\n{shown}1\n")
        f2b.ban("192.0.2.1", jail="sshd")
        wait_drops(loaded, "192.0.2.1")
        do(check)
        # The other action, of which the page says how it bans again.
        (etc / "jail.d" / "xdp-ipfilter.conf").write_text("[DEFAULT]\nbanaction = xdp-ipfilter\n")
        loaded.good("flush", "-a")
        do(again)
        wait_drops(loaded, "192.0.2.1")
        do("fail2ban-client stop")
        wait_drops(loaded, "192.0.2.1", drops=False)
