# SPDX-License-Identifier: GPL-2.0
"""What xdp-ipfilter@.service runs: the filter of an interface comes, changes, and goes only when it
should."""
import os
import pathlib
import re
import threading

import pytest

import product
from frames import udp
from netlab import sh
from product import DONE, FAILED
from test_repair import lose

SHARE = product.REPOSITORY / "xdp-ipfilter" / "share" / "systemd"
BLOCKED, OTHER = "192.0.2.66", "192.0.2.7"

#: Gives the script an /etc of its own, in which IFNAME.rules have the lines of standard input.
OWN_ETC = ('mount -t tmpfs tmpfs /etc && mkdir /etc/xdp-ipfilter && cat >"/etc/xdp-ipfilter/$1.rules" '
           '&& shift && exec "$@"')


class Unit:
    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.script = folder / "xdp-ipfilter-interface"
        text = (SHARE / "xdp-ipfilter-interface.in").read_text()
        self.script.write_text(text.replace("@SBINDIR@", str(pathlib.Path(product.BINARY).parent)))
        self.script.chmod(0o755)
        self.jobs("")

    def jobs(self, text):
        """What systemctl lists from now on."""
        (self.folder / "jobs").write_text(text)
        systemctl = self.folder / "systemctl"
        systemctl.write_text(f'#!/bin/sh\n[ "$1" = list-jobs ] && cat "{self.folder}/jobs"\n')
        systemctl.chmod(0o755)

    def __call__(self, action, *args, rules=f"{BLOCKED}\n", dev=None):
        dev = dev or self.lab.dev
        with self.lab.ns:
            return sh("unshare", "-m", "--propagation", "slave", "sh", "-c", OWN_ETC, "sh", dev,
                      self.script, action, dev, *args, check=False, stdin=None, input=rules,
                      env=product.environment(PATH=f"{self.folder}:{os.environ['PATH']}"))

    def stop(self, **kwargs):
        return self("stop", "xdp-ipfilter@f0.service", **kwargs)


@pytest.fixture
def unit(lab, tmp_path):
    return Unit(lab, tmp_path)


def prefixes(lab):
    return {rule["prefix"] for rule in lab.rules("f0")}


def test_it_loads_with_the_options_and_unloads(unit, lab):
    done = unit("start", "--mode", "native", "--policy", "deny", rules=f"pass {OTHER}\n")
    assert done.returncode == DONE and "f0: filtering" in done.stdout, done
    assert lab.status("f0")["policy"] == "deny"
    assert lab.wire.passes(udp(OTHER)) and not lab.wire.passes(udp(BLOCKED))
    assert unit.stop().returncode == DONE
    assert "xdp" not in lab.ns.links()["f0"]


def test_it_reloads(unit, lab):
    unit("start")
    assert unit("reload", rules=f"{OTHER}\n").returncode == DONE
    assert lab.wire.passes(udp(BLOCKED)) and not lab.wire.passes(udp(OTHER))
    done = unit("reload", rules="# none\n")
    assert done.returncode == FAILED and "--force" in done.stderr, done
    assert not lab.wire.passes(udp(OTHER)), "a reload that fails changes nothing"


def test_a_restart_leaves_no_gap_and_keeps_what_others_added(unit, lab):
    unit("start")
    lab.good("add", "-s", "fail2ban", OTHER)
    program = lab.status("f0")["program_id"]
    stop, slipped = threading.Event(), []

    def flood():
        while not stop.is_set():
            slipped.extend(lab.wire.exchange([udp(BLOCKED)] * 16))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for _ in range(3):
            unit.jobs("7 other@f0.service stop waiting\n12 xdp-ipfilter@f0.service restart running\n")
            assert unit.stop().returncode == DONE
            unit.jobs("")
            done = unit("start", rules=f"{BLOCKED}\n192.0.2.8\n")
            assert done.returncode == DONE and "stays as it was loaded" in done.stdout, done
    finally:
        stop.set()
        flooding.join()
    assert not any(slipped)
    assert lab.status("f0")["program_id"] == program
    assert prefixes(lab) == {BLOCKED, OTHER, "192.0.2.8"}


def test_a_restart_without_rules_in_the_file_keeps_those_of_others(unit, lab):
    unit("start", rules="; from elsewhere\n\n")
    lab.good("add", BLOCKED)
    done = unit("start", rules="# from elsewhere\n")
    assert done.returncode == DONE and "with its rules" in done.stdout, done
    assert prefixes(lab) == {BLOCKED}


@pytest.mark.dispatcher
def test_a_start_brings_back_what_was_turned_off(unit, lab):
    unit("start")
    lab.good("add", "-s", "fail2ban", OTHER)
    for kind in ("xdp", "xdpgeneric", "xdpdrv"):
        lab.ns.run("ip", "link", "set", "f0", kind, "off", check=False)
    assert unit("start").returncode == DONE
    assert prefixes(lab) == {BLOCKED, OTHER}


@pytest.mark.dispatcher
def test_a_start_loads_anew_what_lost_its_rules(unit, lab):
    """Nothing filters there, and only the file still has the rules."""
    unit("start", "--policy", "deny", rules=f"pass {OTHER}\n")
    lose(lab)
    assert lab.wire.passes(udp(BLOCKED))
    done = unit("start", "--policy", "deny", rules=f"pass {OTHER}\n")
    assert done.returncode == DONE and "f0: filtering" in done.stdout, done
    assert lab.status("f0")["policy"] == "deny" and prefixes(lab) == {OTHER}
    assert lab.wire.passes(udp(OTHER)) and not lab.wire.passes(udp(BLOCKED))


@pytest.mark.parametrize("options", [
    ["--policy", "deny"], ["--policy=deny"], ["-p", "deny"], ["-pdeny"], ["--po", "deny"],
    ["-p", "allow", "--polic=deny"]])
def test_another_policy_changes_nothing(unit, lab, options):
    """A line without a verdict would do the opposite: it means to pass, and would drop."""
    unit("start", "--policy", "allow")
    for action in ("reload", "start"):
        done = unit(action, *options, rules=f"{OTHER}\n")
        assert done.returncode == FAILED and "NOTHING IS CHANGED" in done.stderr, done
        assert "policy allow, not deny" in done.stderr and "unload f0" in done.stderr, done
        assert prefixes(lab) == {BLOCKED}
    lab.good("unload", "f0")
    assert unit("start", *options, rules=f"{OTHER}\n").returncode == DONE
    assert lab.wire.passes(udp(OTHER)) and not lab.wire.passes(udp(BLOCKED))
    done = unit("reload", rules=f"{BLOCKED}\n")
    assert "policy deny, not allow" in done.stderr and prefixes(lab) == {OTHER}, done


def test_another_mode_is_said(unit, lab):
    unit("start", "-m", "native")
    for options, said in ((["--mode", "skb"], True), (["-mskb"], True), (["-m", "native"], False),
                          (["--mode=unspecified"], False), ([], False)):
        done = unit("reload", *options, rules=f"{OTHER}\n")
        assert done.returncode == DONE and prefixes(lab) == {OTHER}, done
        assert ("f0: the mode stays native, and does not become skb" in done.stderr) == said, done


def test_a_restart_of_another_unit_is_none_of_this(unit, lab):
    unit("start")
    unit.jobs("12 xdp-ipfilter@f00.service restart running\n13 xdp-ipfilter@f0.service stop running\n"
              "14 f0.service restart waiting\n")
    assert unit.stop().returncode == DONE
    assert "xdp" not in lab.ns.links()["f0"]


def test_the_name_of_a_unit_may_look_like_a_pattern(unit, lab):
    lab.ns.run("ip", "link", "add", "br-lan", "type", "veth", "peer", "name", "br-far")
    try:
        name = r"xdp-ipfilter@br\x2dlan.service"
        assert unit("start", dev="br-lan").returncode == DONE
        unit.jobs(f"12 {name} restart running\n")
        assert unit("stop", name, dev="br-lan").returncode == DONE
        assert "xdp" in lab.ns.links()["br-lan"]
        unit.jobs("")
        assert unit("stop", name, dev="br-lan").returncode == DONE
        assert "xdp" not in lab.ns.links()["br-lan"]
    finally:
        lab.ns.run("ip", "link", "del", "br-lan")


def test_a_stop_finds_nothing_to_do(unit, lab):
    """Somebody unloaded the filter, or the interface is gone."""
    unit("start")
    lab.good("unload", "f0")
    assert unit.stop().returncode == DONE
    for gone in ("gone0", "f."):
        assert unit.stop(dev=gone).returncode == DONE, gone


def test_a_start_that_fails_says_why_once(unit):
    done = unit("start", rules="192.0.2.300\n")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done
    assert re.search(r"f0\.rules:1:1: '192\.0\.2\.300'", done.stderr), done
    done = unit("start", dev="gone0")
    assert done.returncode == FAILED and "gone0: no such interface" in done.stderr, done


def test_it_names_what_it_can_do(unit):
    done = unit("pause")
    assert done.returncode == 2 and "start, reload or stop" in done.stderr, done
