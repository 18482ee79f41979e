# SPDX-License-Identifier: GPL-2.0
"""Published lists: each is read as it is, completely or not at all."""
import os
import pty
import re
import select
import subprocess
import time

import pytest

from frames import udp
from product import BINARY, DONE, FAILED, NOT_LOADED, USAGE, environment


def metadata(records):
    return f'{{"type":"metadata","timestamp":1759752000,"size":99,"records":{records}}}\n'


def address(number):
    return f"10.9.{number >> 8}.{number & 255}"


def padded(one):
    return ".".join(f"{int(octet):03}" for octet in one.split("."))


#: format -> how it writes a list of addresses
WRITE = {
    "rules": lambda all_of_it: "# a list\n" + "".join(f"{one} ; SBL1\n" for one in all_of_it),
    "ndjson": lambda all_of_it: "".join(f'{{"cidr":"{one}/32","sblid":"SBL1"}}\n'
                                        for one in all_of_it) + metadata(len(all_of_it)),
    "dshield": lambda all_of_it: "# DShield\nStart\tEnd\tNetblock\n" + "".join(
        f"{one}\t{one}\t32\t7\tX\n" for one in all_of_it),
    "ipsascii": lambda all_of_it: "# DShield\n" + "".join(
        f"{padded(one)}\t7\t3\t2025-10-01\t2025-10-06\n" for one in all_of_it),
    "dat": lambda all_of_it: "# made by us\n" + "".join(
        f"{padded(one)} - {padded(one)} , 000 , a: label, b\n" for one in all_of_it),
    "p2p": lambda all_of_it: "# made by us\n" + "".join(f"a: label, b:{one}-{one}\n"
                                                        for one in all_of_it),
    "ipset": lambda all_of_it: "create bad hash:net family inet\n" + "".join(
        f"add bad {one}\n" for one in all_of_it),
}

each_format = pytest.mark.parametrize("name", WRITE)


def write(tmp_path, name, count):
    path = tmp_path / f"{name}.txt"
    path.write_text(WRITE[name]([address(number) for number in range(count)]))
    return path


@each_format
@pytest.mark.parametrize("command", ["load", "add", "replace"])
def test_a_list_is_read_as_it_comes(lab, tmp_path, name, command):
    path = write(tmp_path, name, 20)
    args = [command, "-v", "-f", path]
    if command == "load":
        args += ["-m", "native", lab.dev]
    else:
        lab.load()
    result = lab(*args)
    assert result.rc == DONE, result
    assert f"xdp-ipfilter: {path}: read as {name}: 20 rules" in result.err_lines, result
    assert lab.prefixes("f0", "bad" if name == "ipset" else "default") == {
        address(number): "drop" for number in range(20)}
    assert lab.wire.exchange([udp(address(19)), udp(address(20))]) == [False, True]
    lab.good("del", "-f", path)
    assert lab.rules("f0") == []


@each_format
def test_under_deny_a_list_passes(lab, tmp_path, name):
    lab.load("-p", "deny", "-f", write(tmp_path, name, 3))
    assert lab.wire.exchange([udp(address(2)), udp(address(3))]) == [True, False]


@pytest.mark.parametrize("policy, inside", [("allow", "drop"), ("deny", "pass")])
@pytest.mark.parametrize("way", ["load", "add"])
def test_an_exception_of_an_ipset_does_the_opposite(lab, policy, inside, way):
    content = "add nets 10.9.0.0/24\nadd nets 10.9.0.7 nomatch\n"
    if way == "load":
        lab.load("-p", policy, "-f", "-", stdin=content)
    else:
        lab.load("-p", policy, "-i", "192.0.2.1")
        lab.good("add", "-f", "-", stdin=content)
    outside = {"drop": "pass", "pass": "drop"}[inside]
    assert lab.prefixes("f0", "nets") == {"10.9.0.0/24": inside, "10.9.0.7": outside}
    lab.good("add", "--pass", "-s", "mine", "-f", "-", stdin=content)
    assert lab.prefixes("f0", "mine") == {"10.9.0.0/24": "pass", "10.9.0.7": "drop"}


@each_format
def test_a_list_that_lost_half_of_itself_needs_force(loaded, tmp_path, name):
    loaded.good("replace", "-s", "feed", "-f", write(tmp_path, name, 200))
    path = write(tmp_path, name, 99)
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "replace", "-s", "feed", "-f", path,
                       words=["feed", "99 of 200", "--force"])
    loaded.good("replace", "-s", "feed", "--force", "-f", path)
    assert len(loaded.rules("f0")) == 99


@each_format
@pytest.mark.parametrize("content", ["", "# nothing\n; here\n"], ids=["empty", "comments"])
def test_a_list_of_nothing_replaces_nothing(loaded, tmp_path, name, content):
    loaded.good("replace", "-s", "feed", "-f", write(tmp_path, name, 5))
    nothing = FAILED if name != "ndjson" else USAGE
    with loaded.unchanged("f0"):
        loaded.refused(nothing, "replace", "-s", "feed", "--format", name, "-f", "-",
                       stdin=content, words="not complete" if name == "ndjson" else "no rules")
        loaded.refused(FAILED, "replace", "-s", "feed", "-f", "-", stdin=content,
                       words="no rules")
        if name == "ndjson":
            loaded.refused(FAILED, "replace", "-s", "feed", "-f", "-", stdin=metadata(0),
                           words="no rules")


#: a broken download -> where the error is found
DAMAGED = [
    ("ndjson", lambda text: text[:len(text) // 2], r"\d+:1: .*(not a JSON object|not complete)"),
    ("ndjson", lambda text: "".join(text.splitlines(True)[:-1]), r"21:1: the metadata line at the end is missing"),
    ("ndjson", lambda text: "".join(text.splitlines(True)[3:]),
     "18:1: .*the metadata line counts 20 records, but 17 come before it"),
    ("ndjson", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("dshield", lambda text: text[:-len("2\t7\tX\n")], r"22:\d+: .* ends elsewhere"),
    ("dshield", lambda text: text + "<html>\n", "23:1: '<html>'"),
    ("ipsascii", lambda text: text[:-2], r"21:1: .* a line is ADDRESS"),
    ("ipsascii", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("dat", lambda text: text[:-len(" , 000 , a: label, b\n")], r"21:1: .* a line is START"),
    ("dat", lambda text: text[:-len("0 , a: label, b\n")], r"21:37: '00': the file ends here"),
    ("dat", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("p2p", lambda text: text[:-len("9.0.19\n")], r"21:13: '10\.9\.0\.19-10\.'"),
    ("p2p", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("ipset", lambda text: text[:-len("0.19\n")], "21:9: '10.9.'"),
    ("ipset", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("rules", lambda text: text + "<html>\n", "22:1: '<html>'"),
    ("rules", lambda text: "<html>\n" + text, "1:1: '<html>'"),
    ("ipset", lambda text: text + metadata(20), "22:1: '{"),
    ("rules", lambda text: text + WRITE["p2p"](["10.0.0.1"]), "23:1: 'a:'"),
]


@pytest.mark.parametrize("name, damage, words", DAMAGED,
                         ids=[f"{row[0]} {row[2]}" for row in DAMAGED])
@pytest.mark.parametrize("command", ["add", "replace"])
def test_a_damaged_list_changes_nothing(loaded, tmp_path, command, name, damage, words):
    loaded.good("add", "192.0.2.1")
    path = write(tmp_path, name, 20)
    path.write_text(damage(path.read_text()))
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, command, "-f", path,
                       words=re.compile(f"^xdp-ipfilter: {re.escape(str(path))}:{words}"))


@each_format
def test_a_format_may_be_forced(loaded, tmp_path, name):
    path = write(tmp_path, name, 4)
    for other in WRITE:
        if other == name:
            loaded.good("add", "--format", name, "-f", path)
        else:
            loaded.refused(USAGE, "add", "--format", other, "-f", path, words=f"{path}:")


def test_several_lists_each_in_its_format(loaded, tmp_path):
    files = [item for name in WRITE for item in ("-f", write(tmp_path, name, 5))]
    loaded.good("replace", "-s", "feeds", *files)
    assert len(loaded.rules("f0")) == 5


def test_a_format_that_is_none(module_lab):
    module_lab.refused(USAGE, "add", "--format", "xml", "-f", "-", stdin="",
                       words=["xml", "rules, ndjson, dshield, ipsascii, dat, ipset, p2p", "--help"])


@each_format
@pytest.mark.parametrize("how", ["guessed", "told"])
def test_a_refused_line_says_what_its_file_was_read_as(loaded, tmp_path, name, how):
    path = write(tmp_path, name, 4)
    path.write_text(path.read_text() + "<html>\n")
    told = ["--format", name] if how == "told" else []
    result = loaded("add", "-v", *told, "-f", path)
    assert result.rc == USAGE, result
    assert f"xdp-ipfilter: {path}: read as {name}" in result.err_lines, result
    guess = f" (the file is read as {name}; --format changes that)"
    assert result.err_lines[-1].endswith(guess) is (how == "guessed"), result


def test_levels_above_127_of_an_ipfilter_dat_make_no_rule(loaded):
    loaded.good("add", "10.9.0.0/24")
    loaded.good("add", "-f", "-", stdin="010.009.000.007 - 010.009.000.007 , 128 , allowed\n"
                                        "010.009.001.000 - 010.009.001.255 , 127 , blocked\n")
    assert loaded.prefixes("f0") == {"10.9.0.0/24": "drop", "10.9.1.0/24": "drop"}


SCRIPT = ("create bl -exist hash:net family inet hashsize 16384 maxelem 131072\nflush bl\n"
          "add bl 10.9.1.0/24\nadd bl 10.9.2.7 -exist\n")


@pytest.mark.parametrize("command", ["add", "replace"])
@pytest.mark.parametrize("more", [[], ["-s", "mine"]], ids=["named", "--set"])
def test_a_flush_before_the_entries_of_an_ipset_replaces_its_set(loaded, command, more):
    name = "mine" if more else "bl"
    loaded.good("add", "-s", name, "10.9.0.1", "10.9.2.7")
    loaded.good("add", "-s", "other", "10.9.0.2")
    loaded.wire.exchange([udp("10.9.2.7")] * 3)
    loaded.good(command, *more, "-f", "-", stdin=SCRIPT)
    assert loaded.prefixes("f0", name) == {"10.9.1.0/24": "drop", "10.9.2.7": "drop"}
    assert loaded.prefixes("f0", "other") == {"10.9.0.2": "drop"}
    counted = {rule["prefix"]: rule["packets"] for rule in loaded.rules("f0", name)}
    assert counted["10.9.2.7"] == 3, "a rule that stays keeps its counter"


def test_a_flush_is_as_careful_as_replace(loaded, tmp_path):
    loaded.good("add", "-s", "bad", "-f", write(tmp_path, "ipset", 200))
    path = write(tmp_path, "ipset", 99)
    path.write_text("flush bad\n" + path.read_text())
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "-f", path, words=["bad", "99 of 200", "--force"])
        loaded.refused(FAILED, "add", "-f", "-", stdin="flush bad\n", words=["bad", "--force"])
        loaded.refused(USAGE, "del", "-f", path, words=[f"{path}:1:1: 'flush'"])
    loaded.good("add", "--force", "-f", path)
    assert len(loaded.rules("f0")) == 99


@pytest.mark.parametrize("line", ["swap bl old", "destroy old", "del bl 10.9.1.0/24", "flush bl",
                                  "rename bl old"])
def test_what_an_ipset_cannot_mean_here_is_refused_by_name(loaded, line):
    with loaded.unchanged("f0"):
        result = loaded.refused(USAGE, "add", "-f", "-", stdin=SCRIPT + line + "\n",
                                words=re.compile(r"^xdp-ipfilter: -:5:[17]: "))
    assert f"'{line.split()[0]}'" in result.err or "flushed after" in result.err, result


@pytest.mark.parametrize("line, advice", [
    ("add pass 192.0.2.10", "write 'pass 192.0.2.10'"),
    ("add drop 192.0.2.0/24", "write 'drop 192.0.2.0/24'"),
    ("add 192.0.2.10", "write '192.0.2.10'"), ("add set mine", "write 'set mine'")])
@pytest.mark.parametrize("more", [[], ["-s", "mine"]], ids=["named", "--set"])
def test_a_command_in_a_file_of_rules_is_no_entry_of_an_ipset(loaded, line, advice, more):
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "add", *more, "-f", "-", stdin=line + "\n",
                       words=["-:1:1: 'add'", advice])


#: lines of `ipset restore` that are read, and what they make here and there
RESTORED = [
    "create bl -exist hash:net family inet\nadd bl 10.9.1.0/24\n",
    "-exist create bl hash:net\ncreate -! bl hash:net\nadd bl 10.9.1.0/24\n-! add bl 10.9.1.0/24\n",
    "create bl hash:net -exist\nadd -exist bl 10.9.1.0/24\nadd bl -! 10.9.2.0/24\nCOMMIT\n",
    "-N bl nethash\n-A bl 10.9.1.0/24\n-A bl 10.9.3.1-10.9.3.6\n",
    "create bl hash:net -6\nadd bl 2001:db8::/48\n",
    "create bl hash:ip counters comment skbinfo\nadd bl 10.9.1.7 comment \"-exist; # x\"\n",
    SCRIPT,
]


def need_ipset(lab, need):
    need("ipset")
    asked = lab.ns.run("ipset", "list", check=False)
    if asked.returncode:
        pytest.skip(f"no ipset in this kernel: {asked.stderr.strip()}")


@pytest.mark.parametrize("text", RESTORED, ids=[text.replace("\n", " | ")[:40] for text in RESTORED])
def test_what_ipset_restores_means_the_same_here(loaded, need, text):
    need_ipset(loaded, need)
    loaded.ns.run("ipset", "destroy")
    made = loaded.ns.run("sh", "-c", f"printf '%s' '{text}' | ipset restore && ipset save",
                         check=False)
    assert made.returncode == 0, made.stderr
    loaded.good("add", "-f", "-", stdin=text)
    ours = loaded.prefixes("f0", "bl")
    loaded.good("replace", "-f", "-", stdin=made.stdout)
    assert loaded.prefixes("f0", "bl") == ours
    loaded.ns.run("ipset", "destroy")


def test_what_ipset_saves_is_read(loaded, need):
    need_ipset(loaded, need)
    content = ("create nets hash:net family inet comment counters timeout 0\n"
               "add nets 10.9.0.0/24 comment \"not 10.9.1.1; # timeout 5\"\n"
               "add nets 10.9.0.7 nomatch\nadd nets 10.9.3.1 timeout 3600\n"
               "create hosts hash:ip family inet6\nadd hosts 2001:db8::1\n")
    loaded.ns.run("sh", "-c", f"printf '%s' '{content}' | ipset restore")
    saved = loaded.ns.run("ipset", "save").stdout
    loaded.good("replace", "-f", "-", stdin=saved)
    assert loaded.prefixes("f0", "nets") == {"10.9.0.0/24": "drop", "10.9.0.7": "pass",
                                             "10.9.3.1": "drop"}
    assert loaded.prefixes("f0", "hosts") == {"2001:db8::1": "drop"}
    left = {rule["prefix"]: rule["expires_s"] for rule in loaded.rules("f0")}
    assert 3500 < left["10.9.3.1"] <= 3600 and left["10.9.0.7"] is None


def on_a_terminal(lab, *args):
    """Start the tool with its stderr on a terminal. Return (process, the terminal's other end)."""
    ours, theirs = pty.openpty()
    with lab.ns:
        process = subprocess.Popen([BINARY, *args], stdin=subprocess.PIPE, stderr=theirs,
                                   stdout=subprocess.DEVNULL, env=environment())
    os.close(theirs)
    return process, ours


def read_until(terminal, pattern, seconds):
    said, deadline = "", time.monotonic() + seconds
    while not re.search(pattern, said) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                said += os.read(terminal, 4096).decode()
            except OSError:  # the other end is closed
                break
    return said


def test_a_terminal_shows_how_far_a_long_list_is(module_lab, patience):
    process, terminal = on_a_terminal(module_lab, "add", "-f", "-")
    said, deadline = "", time.monotonic() + patience
    while "lines read" not in said and time.monotonic() < deadline:
        process.stdin.write(b"10.0.0.1\n" * 20000)  # until a second has passed
        process.stdin.flush()
        said += read_until(terminal, "lines read", 0.1)
    process.stdin.close()
    said += read_until(terminal, "not loaded", patience)
    assert process.wait(patience) == NOT_LOADED
    os.close(terminal)
    assert re.search(r"\r-: \d{1,3}(,\d{3})+ lines read\x1b\[K", said), repr(said)
    assert re.search(r"\r\x1b\[Kxdp-ipfilter: not loaded on any interface", said), repr(said)


def test_nobody_else_is_shown_that(module_lab, patience):
    process, terminal = on_a_terminal(module_lab, "add", "-f", "-")
    process.stdin.write(b"10.0.0.1\n" * 100000)
    process.stdin.close()
    said = read_until(terminal, "not loaded", patience)
    assert process.wait(patience) == NOT_LOADED
    os.close(terminal)
    assert "lines" not in said or patience > 15, "not within the first second"
    started = time.monotonic()
    with module_lab.ns:
        piped = subprocess.Popen([BINARY, "add", "-f", "-"], stdin=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=environment())
    while time.monotonic() - started < 1.3:
        piped.stdin.write(b"10.0.0.1\n" * 20000)
    assert b"lines" not in piped.communicate()[1], "a pipe is no terminal"
