# SPDX-License-Identifier: GPL-2.0
"""Lockout is the classic accident: what needs --force, and what is warned about."""
import random
from ipaddress import ip_address

import pytest

import kernel
from frames import FREE4, udp
from product import DONE, FAILED

SSH = {"SSH_CONNECTION": "192.0.2.10 50000 192.0.2.1 22"}
SSH6 = {"SSH_CONNECTION": "2001:db8::10 50000 2001:db8::1 22"}
SSH_MAPPED = {"SSH_CONNECTION": "::ffff:192.0.2.10 50000 ::ffff:192.0.2.1 22"}
SSH_LINK_LOCAL = {"SSH_CONNECTION": "fe80::10%eth0 50000 fe80::1%eth0 22"}

HUNDRED = "".join(f"10.0.0.{2 * n}\n" for n in range(100))

#: rules that drop all of a family, alone or together -> that family
WHOLE = [(["0.0.0.0/0"], 4), (["::/0"], 6), (["0.0.0.0/0.0.0.0"], 4),
         (["0.0.0.0-255.255.255.255"], 4), (["0.0.0.1-255.255.255.255"], 4),
         (["1.0.0.0-223.255.255.255"], 4), (["0.0.0.0/1", "128.0.0.0/1"], 4),
         ([f"{octet}.0.0.0/8" for octet in range(1, 224)], 4),
         (["::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], 6), (["2000::/3"], 6),
         (["2000::/4", "3000::/4"], 6), (["::/1", "8000::/1"], 6), (["::ffff:0.0.0.0/96"], 4)]


@pytest.mark.parametrize("rules, family", WHOLE, ids=[" ".join(row[0])[:40] for row in WHOLE])
def test_rules_that_drop_a_whole_family_need_force(lab, rules, family):
    loads = [arg for one in rules for arg in ("-i", one)]
    words = ["--force", f"every IPv{family} source"]
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", *loads, "f0", words=words)
        lab.refused(FAILED, "load", "-f", "-", "f0", stdin="\n".join(rules) + "\n", words="--force")
        lab.refused(FAILED, "run", "--count", 1, *loads, "f0", words=words)
    lab.load()
    with lab.unchanged("f0"):
        lab.refused(FAILED, "add", *rules, words=words)
        lab.refused(FAILED, "add", "192.0.2.1", *rules, words=words)
        for more in ([], ["-n"]):
            lab.refused(FAILED, "replace", *more, "-f", "-", stdin="\n".join(rules) + "\n",
                        words=["--force", "-:"])
    lab.good("add", "--force", *rules)
    assert lab.wire.exchange([udp(FREE4), udp("2001:db8::1")]) == [family == 6, family == 4]
    lab.good("add", *rules)  # addresses that are dropped already are not newly dropped
    lab.good("replace", "-f", "-", stdin="\n".join(rules) + "\n")


def test_a_second_half_needs_force_too(loaded):
    loaded.good("add", "0.0.0.0/1")
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "128.0.0.0/1",
                       words=["'128.0.0.0/1'", "drops every IPv4 source", "--force"])


def test_what_exceptions_let_pass_counts(loaded):
    """A ninth of IPv4 is enough to pass; one net is not."""
    loaded.good("add", "-f", "-", stdin="pass 64.0.0.0/4\npass 2a00::/12\n")
    loaded.good("add", "0.0.0.0/0", "::/0")
    loaded.good("flush")
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "-f", "-", stdin="pass 192.0.2.0/24\n0.0.0.0/0\n",
                       words=["-:2:1: '0.0.0.0/0'", "nearly every IPv4 source"])


#: the text of a file -> the position of the mistake, what the text means, and what helps
FROM_FILES = [
    ("192.0.2.1\n\n ::ffff:0:0/96 # bogons\n", ":3:2: '::ffff:0:0/96' means 0.0.0.0/0: "
     "drops every IPv4 source; leave the line out, or use --force"),
    ("192.0.2.1\ndrop 0.0.0.1-255.255.255.255\n", ":2:6: '0.0.0.1-255.255.255.255': drops every IPv4"),
    ("0.0.0.0/1\n128.0.0.0/1\n", ":1:1: '0.0.0.0/1', "),
    ("0.0.0.0/1\n128.0.0.0/1\n", ":2:1: '128.0.0.0/1'; use --force"),
    ("192.0.2.0/24\n128.0.0.0/1\n", ":2:1: '128.0.0.0/1': drops 43 % of the IPv4 addresses in use; leave"),
    (5 * "128.0.0.0/1\n", ":5:1: '128.0.0.0/1': drops 43 % of the IPv4"),
    ("".join(f"pass 0.0.0.0-127.255.255.{n}\n" for n in range(4)) + "128.0.0.0/1\n",
     ":5:1: '128.0.0.0/1': drops 43 % of the IPv4"),
    ("10.0.0.1/1\n192.0.2.0/24\n", ":1:1: '10.0.0.1/1' means 0.0.0.0/1: drops 56 % of the IPv4"),
    ("1.0.0.0-191.255.255.255\n", ":1:1: '1.0.0.0-191.255.255.255': drops 85 % of the IPv4"),
    ("2000::/4\n", ":1:1: '2000::/4': drops every IPv6 source"),
    ("2400::/6\n", ":1:1: '2400::/6': drops 49 % of the IPv6"),
    ("192.0.2.0/24\n128.0.0.0/1", ":2:1: '128.0.0.0/1': the last line of its file may be truncated"),
    ("192.0.2.0/24\n192.0.2.128/2", ":2:1: '192.0.2.128/2': the last line of its file may be truncated"),
    ("64.0.0.0/2", ":1:1: '64.0.0.0/2': the last line of its file may be truncated"),
    ("2001:db8::/32\n2001:db8:1::/4", ":2:1: '2001:db8:1::/4': the last line of its file may be truncated"),
    ("set x\n192.0.2.0/24\npass 198.51.100.0/2", ":3:6: '198.51.100.0/2': the last line"),
]


#: repair of a filter that has its rules only reads the file
BY_COMMAND = [(command, *row) for row in FROM_FILES
              for command in ("add", "replace", "load", "run", "repair")
              if command != "repair" or "the last line" in row[1]]


@pytest.mark.parametrize("command, content, words", BY_COMMAND,
                         ids=[f"{row[0]} {row[1]!r:.30}" for row in BY_COMMAND])
def test_a_rule_of_a_file_is_named_by_its_place(lab, tmp_path, command, content, words):
    path = tmp_path / "list.txt"
    path.write_text(content)
    args = {"load": ["f0"], "run": ["--count", 1, "f0"], "repair": ["f0"]}.get(command, [])
    if command in ("add", "replace"):
        lab.load()
    with lab.unchanged("f0"):
        # Host bits cause another warning.
        result = lab(command, "-f", path, *args)
        assert result.rc == FAILED and not result.out, result
        assert f"{path}{words}" in result.complaints[-1], result
        result = lab(command, *args, "-f", "-", stdin=content)
        assert result.rc == FAILED and f"-{words}" in result.complaints[-1], result


@pytest.mark.parametrize("content", [
    "192.0.2.0/24\n192.0.2.1", "192.0.2.1", "10.0.0.0/8", "2001::/16", "128.0.0.0/2\n64.0.0.0/3",
    "224.0.0.0/3\n8000::/1\n128.0.0.0/2\n", "64.0.0.0/2\n", "2600::/8\n"], ids=repr)
def test_files_that_need_no_force(loaded, content):
    loaded.good("add", "-f", "-", stdin=content)


def test_what_is_typed_may_be_half_a_family(loaded):
    loaded.good("add", "0.0.0.0/1", "2400::/6")


#: The bogons of IPv4, and the IPv6 blocks that IANA has not given to registries
BOGONS4 = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
           "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
           "203.0.113.0/24", "224.0.0.0/3"]
BOGONS6 = ["::/8", "100::/8", "200::/7", "400::/6", "800::/5", "1000::/4", "2d00::/8", "2e00::/7",
           "3000::/4", "4000::/2", "8000::/1"]


def full_bogons6():
    """Most blocks of the registries are still unassigned: here, all but 1/32 of each /12."""
    blocks = ["240", "241", "260", "263", "280", "2a0", "2a1", "2c0"]
    return [f"{block}0:8000::/17" for block in blocks] + [
        f"{block}{number:x}::/16" for block in blocks for number in range(1, 16)]


def countries():
    """Half of IPv4, in 60,000 prefixes of many lengths."""
    rng = random.Random(4)
    at, rules = 1 << 24, []
    while at < 224 << 24:
        bits = rng.choice([13, 14, 15, 16, 17, 18, 19, 20, 22, 24])
        size = 1 << 32 - bits
        at = (at + size - 1) // size * size
        if rng.random() < 0.5:
            rules.append(f"{ip_address(at)}/{bits}")
        at += size
    return rules


LISTS = {"bogons of IPv4": BOGONS4, "bogons of IPv6": BOGONS6, "full bogons of IPv6": BOGONS6 + full_bogons6(),
         "all bogons": BOGONS4 + BOGONS6, "countries": countries(),
         "countries and bogons": countries() + BOGONS4 + BOGONS6}


@pytest.mark.parametrize("name", LISTS)
def test_real_lists_need_no_force(lab, name, slow):
    text = "# last updated\n" + "".join(f"{rule}\n" for rule in LISTS[name][:3000 if slow else None])
    for content in (text, text.rstrip("\n")):
        lab.load("-f", "-", stdin=content)
        lab.good("replace", "-f", "-", stdin=content)
        lab.good("flush")
        lab.good("add", "-f", "-", stdin=content)
        lab.good("unload", "f0")


def test_under_deny_what_the_policy_drops_is_not_newly_dropped(lab):
    lab.good("load", "-p", "deny", "f0", warns="drops every source")
    lab.good("add", "--drop", "0.0.0.0/0", warns="drops every source")
    lab.good("replace", "-f", "-", stdin="192.0.2.0/24\n")
    lab.good("replace", "-f", "-", stdin="198.51.100.0/24\n")
    lab.good("replace", "--force", "-f", "-", stdin="0.0.0.0/0\n")
    with lab.unchanged("f0"):
        lab.refused(FAILED, "replace", "-f", "-", stdin="192.0.2.0/24\n",
                    words=["f0: after this the rules drop nearly every IPv4 source", "--force"])
    lab.good("replace", "--force", "-f", "-", stdin="192.0.2.0/24\n")
    lab.good("del", "192.0.2.0/24", warns="drops every source")


def test_load_with_force_takes_a_whole_family(lab):
    lab.load("--force", "-i", "0.0.0.0/0")
    assert not lab.wire.passes(udp(FREE4))


@pytest.mark.parametrize("args", [["--pass", "0.0.0.0/0"], ["--pass", "::/0"], ["0.0.0.0/1"], ["64.0.0.0/2"],
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
    (SSH, "192.0.2.10"), (SSH, "192.0.2.0/24"), (SSH, "0.0.0.0/1,192.0.0.0/2"),
    (SSH6, "2001:db8::10"), (SSH6, "2001:db8::/32"), (SSH_MAPPED, "192.0.2.0/24"),
    (SSH_LINK_LOCAL, "fe80::/10")], ids=str)
def test_dropping_the_peer_of_the_ssh_session_warns(lab, env, rule):
    peer = env["SSH_CONNECTION"].split()[0].replace("::ffff:", "").split("%")[0]
    rules = rule.split(",")
    loads = [arg for one in rules for arg in ("-i", one)]
    lab.good("load", *loads, "f0", env=env, warns=[peer, "SSH"])
    lab.good("flush", env=env)
    lab.good("add", *rules, env=env, warns=[peer, "SSH"])


def test_the_warning_names_the_rule_that_decides(loaded, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# x\n203.0.113.0/24\n203.0.112.0/24\n203.0.111.0/24\n203.0.110.0/24\n drop 192.0.2.8/29\n")
    loaded.good("add", "-f", path, env=SSH, warns=f"SSH session ({path}:6:7: 192.0.2.8/29)")
    loaded.good("flush")
    loaded.good("add", "203.0.113.0/24", "192.0.2.8-192.0.2.11", env=SSH,
                warns="SSH session ('192.0.2.8-192.0.2.11' means 192.0.2.8/30)")
    # A live rule has no origin, whatever was in the memory that it is read into.
    for fill in ("1", "255"):
        loaded.good("add", "203.0.113.1", env={**SSH, "MALLOC_PERTURB_": fill},
                    warns="SSH session (192.0.2.8/30)")
        loaded.good("del", "203.0.113.1", env=SSH, warns="SSH session (192.0.2.8/30)")


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
    """The first table is in the second half. Commands that read it report that and change
    nothing. A small change of a large table reads no chunk as a whole (test_large.py)."""
    lab.load("-f", "-", stdin="".join(f"10.{n >> 15}.{n >> 7 & 255}.{2 * n & 255}\n"
                                      for n in range(rules)))
    maps = {about.get("name"): number for number, about in kernel.maps().items()}
    maps.update(kernel.program_maps(lab.status("f0")["program_id"]))
    with kernel.mapped(maps[name], size) as view:
        before = view[offset:offset + 4]
        view[offset:offset + 4] = bytes(byte ^ 0xff for byte in before)
        for args in (["list"], ["test", "10.0.0.2"], ["add", "192.0.2.1"], ["del", "10.0.0.2"],
                     ["replace", "-f", "-"]):
            if name != "ipf_chunk" or args[0] not in ("add", "del"):
                lab.refused(FAILED, *args, stdin=HUNDRED, words="damaged")
        view[offset:offset + 4] = before
    assert len(lab.rules("f0")) == rules
    lab.good("add", "192.0.2.1")
