# SPDX-License-Identifier: GPL-2.0
"""Lockout is the classic accident: what needs --force, and what is warned about."""
import pytest

import kernel
from frames import FREE4, udp
from product import DONE, FAILED

SSH = {"SSH_CONNECTION": "192.0.2.10 50000 192.0.2.1 22"}
SSH6 = {"SSH_CONNECTION": "2001:db8::10 50000 2001:db8::1 22"}
SSH_MAPPED = {"SSH_CONNECTION": "::ffff:192.0.2.10 50000 ::ffff:192.0.2.1 22"}
SSH_LINK_LOCAL = {"SSH_CONNECTION": "fe80::10%eth0 50000 fe80::1%eth0 22"}

HUNDRED = "".join(f"10.0.0.{2 * n}\n" for n in range(100))

WHOLE = ["0.0.0.0/0", "::/0", "0.0.0.0/0.0.0.0", "0.0.0.0-255.255.255.255",
         "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:0.0.0.0/96"]


@pytest.mark.parametrize("rule", WHOLE)
def test_a_drop_rule_for_a_whole_family_needs_force(lab, rule):
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "-i", rule, "f0", words="--force")
    lab.load()
    with lab.unchanged("f0"):
        lab.refused(FAILED, "add", rule, words="--force")
        lab.refused(FAILED, "add", "192.0.2.1", rule, words="--force")
        lab.refused(FAILED, "replace", "-f", "-", stdin=rule + "\n", words="--force")
    lab.good("add", "--force", rule)
    family = 6 if rule.startswith("::/") or rule.startswith("::-") else 4
    assert lab.wire.exchange([udp(FREE4), udp("2001:db8::1")]) == [family == 6, family == 4]


def test_load_with_force_takes_a_whole_family(lab):
    lab.load("--force", "-i", "0.0.0.0/0")
    assert not lab.wire.passes(udp(FREE4))


@pytest.mark.parametrize("args", [["--pass", "0.0.0.0/0"], ["--pass", "::/0"], ["0.0.0.0/1"],
                                  ["128.0.0.0/1"], ["8000::/1"]], ids=" ".join)
def test_a_pass_rule_for_all_and_half_a_family_need_no_force(loaded, args):
    loaded.good("add", *args)


def test_under_deny_a_rule_for_all_passes_and_needs_no_force(lab):
    lab.load("-p", "deny", "-i", "0.0.0.0/0")
    assert lab.wire.exchange([udp(FREE4), udp("2001:db8::1")]) == [True, False]
    with lab.unchanged("f0"):
        lab.refused(FAILED, "add", "--drop", "0.0.0.0/0", words="--force")


@pytest.mark.parametrize("content", ["", "\n", "# only a comment\n", "\ufeff\r\n"], ids=repr)
def test_an_empty_replace_needs_force(loaded, content):
    loaded.good("add", "192.0.2.1")
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "replace", "-f", "-", stdin=content, words="--force")
    loaded.good("replace", "--force", "-f", "-", stdin=content)
    assert loaded.rules("f0") == []


@pytest.mark.parametrize("before, after, needs_force", [
    (100, 49, True), (100, 50, False), (101, 50, True), (101, 51, False), (99, 1, False),
    (100, 1, True), (100, 200, False)])
def test_a_replace_that_leaves_less_than_half_needs_force(loaded, before, after, needs_force):
    def text(count):
        return "".join(f"10.0.{n >> 7}.{2 * n & 255}\n" for n in range(count))

    loaded.good("add", "-s", "list", "-f", "-", stdin=text(before))
    args = ("replace", "-s", "list", "-f", "-")
    if needs_force:
        with loaded.unchanged("f0"):
            loaded.refused(FAILED, *args, stdin=text(after), words="--force")
        loaded.good(*args, "--force", stdin=text(after))
    else:
        loaded.good(*args, stdin=text(after))
    assert len(loaded.rules("f0")) == after


def test_flush_and_del_need_no_force(loaded):
    loaded.good("add", "-f", "-", stdin=HUNDRED)
    loaded.good("del", "-f", "-", stdin=HUNDRED)
    loaded.good("add", "-f", "-", stdin=HUNDRED)
    loaded.good("flush")


@pytest.mark.parametrize("env, rule", [
    (SSH, "192.0.2.10"), (SSH, "192.0.2.0/24"), (SSH, "0.0.0.0/1,128.0.0.0/1"),
    (SSH6, "2001:db8::10"), (SSH6, "2001:db8::/32"), (SSH_MAPPED, "192.0.2.0/24"),
    (SSH_LINK_LOCAL, "fe80::/10")], ids=str)
def test_dropping_the_peer_of_the_ssh_session_warns(lab, env, rule):
    peer = env["SSH_CONNECTION"].split()[0].replace("::ffff:", "").split("%")[0]
    rules = rule.split(",")
    loads = [arg for one in rules for arg in ("-i", one)]
    lab.good("load", *loads, "f0", env=env, warns=[peer, "SSH"])
    lab.good("flush", env=env)
    lab.good("add", *rules, env=env, warns=[peer, "SSH"])


def test_replace_warns_too_and_without_ssh_nobody_does(loaded):
    loaded.good("replace", "-f", "-", stdin="192.0.2.0/24\n", env=SSH, warns=["192.0.2.10", "SSH"])
    loaded.good("replace", "-f", "-", stdin="192.0.2.0/23\n")


@pytest.mark.parametrize("env", [SSH, SSH6, {"SSH_CONNECTION": ""}, {"SSH_CONNECTION": "nonsense"},
                                 {"SSH_CONNECTION": "300.1.1.1 1 2 3"}], ids=str)
def test_other_rules_and_strange_environments_do_not_warn(loaded, env):
    loaded.good("add", "198.51.100.0/24", "2001:db8:1::/48", env=env)
    loaded.good("add", "--pass", "192.0.2.0/24", env=env)


def test_an_exception_for_the_peer_silences_the_warning(loaded):
    loaded.good("add", "-f", "-", stdin="drop 192.0.2.0/24\npass 192.0.2.10\n", env=SSH)
    loaded.good("del", "192.0.2.10", env=SSH, warns=["192.0.2.10", "SSH"])


def test_under_deny_the_peer_without_a_rule_warns(lab):
    lab.good("load", "-p", "deny", "-i", "203.0.113.1", "f0", env=SSH, warns=["192.0.2.10", "SSH"])
    lab.good("add", "192.0.2.0/24", env=SSH)
    lab.good("unload", "f0")
    lab.good("load", "-p", "deny", "-i", "192.0.2.10", "f0", env=SSH)


def test_deny_with_nobody_to_pass_warns(lab):
    lab.good("load", "-p", "deny", "f0", warns=["deny", "pass"])
    assert lab.wire.exchange([udp(FREE4), udp("2001:db8::1")]) == [False, False]
    lab.good("add", FREE4)
    assert lab.wire.passes(udp(FREE4))
    lab.good("del", FREE4, warns=["deny", "pass"])
    lab.good("add", FREE4)
    lab.good("flush", warns=["deny", "pass"])
    lab.good("unload", "f0")
    lab.good("load", "-p", "deny", "-i", FREE4, "f0")
    assert lab("status", "f0").rc == DONE


@pytest.mark.parametrize("name, size, offset, rules", [
    (".data.ipf", 576, 64 + 256, 100), (".bss.ipf", 4 << 20, 2 << 20, 100),
    ("ipf_chunk", 1 << 20, 4096, 200000)], ids=["header", "index", "chunk"])
def test_a_table_that_somebody_wrote_over_is_detected(lab, name, size, offset, rules):
    """The first table lies in the second half. Whoever reads it says so and changes nothing."""
    lab.load("-f", "-", stdin="".join(f"10.{n >> 15}.{n >> 7 & 255}.{2 * n & 255}\n"
                                      for n in range(rules)))
    maps = {about.get("name"): number for number, about in kernel.maps().items()}
    maps.update(kernel.program_maps(lab.status("f0")["program_id"]))
    with kernel.mapped(maps[name], size) as view:
        before = view[offset:offset + 4]
        view[offset:offset + 4] = bytes(byte ^ 0xff for byte in before)
        for args in (["list"], ["test", "10.0.0.2"], ["add", "192.0.2.1"], ["del", "10.0.0.2"],
                     ["replace", "-f", "-"]):
            lab.refused(FAILED, *args, stdin=HUNDRED, words="damaged")
        view[offset:offset + 4] = before
    assert len(lab.rules("f0")) == rules
    lab.good("add", "192.0.2.1")
