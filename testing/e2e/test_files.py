# SPDX-License-Identifier: GPL-2.0
"""Rule files and standard input: what is read, what is refused and where, and the way back."""
import re

import pytest

from frames import udp
from product import DONE, FAILED, USAGE

GOOD_FILE = """\
# a comment
; another one

192.0.2.1            # after a rule
192.0.2.2;
drop 192.0.2.3
pass 192.0.2.64/26
\tdrop\t2001:db8::/32\t
192.0.2.8-192.0.2.15
drop 203.0.113.1 timeout 1h30m
198.51.100.1 timeout 90
set spamhaus
10.0.0.0/8
pass 10.1.0.0/16
set default
192.0.2.200
"""
WANT = {
    ("default", "192.0.2.1", "drop"), ("default", "192.0.2.2", "drop"),
    ("default", "192.0.2.3", "drop"), ("default", "192.0.2.64/26", "pass"),
    ("default", "2001:db8::/32", "drop"), ("default", "192.0.2.8/29", "drop"),
    ("default", "203.0.113.1", "drop"), ("default", "198.51.100.1", "drop"),
    ("default", "192.0.2.200", "drop"),
    ("spamhaus", "10.0.0.0/8", "drop"), ("spamhaus", "10.1.0.0/16", "pass")}


def live(lab, dev="f0"):
    return {(rule["set"], rule["prefix"], rule["verdict"]) for rule in lab.rules(dev)}


@pytest.mark.parametrize("change", [
    lambda text: text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: "\ufeff" + text,
    lambda text: text.rstrip("\n"),
    lambda text: "\ufeff" + text.replace("\n", "\r\n").rstrip("\r\n"),
], ids=["LF", "CR LF", "BOM", "no newline at the end", "BOM, CR LF, no newline at the end"])
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_rule_file_is_read(loaded, tmp_path, change, way):
    content = change(GOOD_FILE)
    path = tmp_path / "rules.txt"
    path.write_bytes(content.encode())
    if way == "file":
        loaded.good("add", "-f", path)
    else:
        loaded.good("add", "-f", "-", stdin=content)
    assert live(loaded) == WANT


def test_a_file_may_be_deleted_rule_by_rule(loaded):
    loaded.good("add", "-f", "-", stdin=GOOD_FILE)
    loaded.good("del", "-f", "-", stdin=GOOD_FILE)
    assert live(loaded) == set()


def test_several_files_and_rules_on_the_command_line_go_together(loaded, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"10.{ord(name)}.0.0/16\n")
    loaded.good("add", "-f", tmp_path / "a", "-f", tmp_path / "b", "192.0.2.1")
    assert set(loaded.prefixes("f0")) == {"10.97.0.0/16", "10.98.0.0/16", "192.0.2.1"}


#: content -> line and column of the mistake, and a word of the message
BAD_FILES = [
    ("10.0.0.300\n", 1, 1, "10.0.0.300"),
    ("192.0.2.1\n\n# fine\n10.0.0.0/33\n", 4, 1, "10.0.0.0/33"),
    ("192.0.2.1\n   10.0.0.x\n", 2, 4, "10.0.0.x"),
    ("drop 10.0.0.256\n", 1, 6, "10.0.0.256"),
    ("\tpass\t2001:db8::g\n", 1, 7, "2001:db8::g"),
    ("deny 10.0.0.1\n", 1, None, None),
    ("drop\n", 1, None, None),
    ("10.0.0.1 10.0.0.2\n", 1, 10, "10.0.0.2"),
    ("10.0.0.1 timeout\n", 1, None, "timeout"),
    ("10.0.0.1 timeout soon\n", 1, 18, "soon"),
    ("10.0.0.1 timeout 5x # no\n", 1, 18, "5x"),
    ("10.0.0.1 timeout 5 6\n", 1, 20, "6"),
    ("10.0.0.1 - 10.0.0.2\n", 1, 10, "-"),
    ("set\n", 1, None, "set"),
    ("set a/b\n10.0.0.1\n", 1, 5, "a/b"),
    ("set one two\n", 1, 9, "two"),
    ("set " + "n" * 32 + "\n", 1, 5, "n" * 32),
    ("192.0.2.1\r\n10.0.0.300\r\n", 2, 1, "10.0.0.300"),
    ("\ufeff10.0.0.300\n", 1, None, "10.0.0.300"),
    ("10.0.0.1\0.2\n", 1, None, None),
    ("\x1b[2J\n", 1, 1, None),
    ("10.0.0.01\n", 1, 1, "10.0.0.01"),
    ("10.0.0.2-10.0.0.1\n", 1, 1, "10.0.0.2-10.0.0.1"),
    ("::ffff:0:0/90\n", 1, 1, "::ffff:0:0/90"),
    ("192.0.2.1\n" * 4710 + "10.0.0.300", 4711, 1, "10.0.0.300"),
    ("x" * 100000 + "\n", 1, None, None),
]


@pytest.mark.parametrize("content, line, column, word", BAD_FILES,
                         ids=[repr(row[0])[:30] for row in BAD_FILES])
def test_a_bad_line_is_named_by_file_line_and_column(loaded_once, tmp_path, content, line, column,
                                                     word):
    path = tmp_path / "drop.txt"
    path.write_bytes(content.encode())
    place = rf"^xdp-ipfilter: {re.escape(str(path))}:{line}:{column or '[0-9]+'}: "
    result = loaded_once.refused(USAGE, "add", "-f", path, words=re.compile(place))
    if word:
        assert word in result.err
    assert "\x1b" not in result.err, "what a file says cannot talk to the terminal"
    assert len(result.err) < 1000, "a message fits the eye"


@pytest.mark.parametrize("command", ["add", "del", "replace"])
def test_standard_input_is_called_dash(loaded, command):
    loaded.good("add", "192.0.2.1")
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, command, "-f", "-", stdin="192.0.2.7\n\n10.0.0.300\n",
                       words=re.compile(r"^xdp-ipfilter: -:3:1: .*10\.0\.0\.300"))


@pytest.mark.parametrize("command", ["add", "del", "replace", "load"])
@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_file_that_cannot_be_opened_is_a_failure(lab, tmp_path, command, kind):
    path = tmp_path / "nothing.txt"
    if kind == "directory":
        path.mkdir()
    if command != "load":
        lab.load("-i", "192.0.2.1")
    dev = [lab.dev] if command == "load" else []
    with lab.unchanged("f0"):
        lab.refused(FAILED, command, "-f", path, *dev, words=str(path))


def test_one_bad_file_of_two_changes_nothing(loaded, tmp_path):
    (tmp_path / "good").write_text("192.0.2.1\n")
    (tmp_path / "bad").write_text("192.0.2.2\nnonsense\n")
    for order in (("good", "bad"), ("bad", "good")):
        args = [item for name in order for item in ("-f", tmp_path / name)]
        loaded.refused(USAGE, "add", *args, words=f"{tmp_path}/bad:2:1:")
        assert loaded.rules("f0") == []


def test_a_bad_file_loads_nothing(lab, tmp_path):
    (tmp_path / "bad").write_text("192.0.2.2\nnonsense\n")
    with lab.unchanged("f0"):
        lab.refused(USAGE, "load", "-f", tmp_path / "bad", lab.dev, words=f"{tmp_path}/bad:2:1:")
    assert "xdp" not in lab.ns.links()["f0"]


@pytest.mark.parametrize("command", ["add", "del", "replace"])
def test_a_set_line_is_refused_together_with_the_option(loaded, command):
    loaded.good("add", "192.0.2.1")
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, command, "-s", "mine", "-f", "-", words=["-:1:", "set"],
                       stdin="set other\n192.0.2.2\n")


@pytest.mark.parametrize("command", ["add", "replace"])
def test_what_list_prints_of_a_set_is_read_back_into_it(loaded, command):
    loaded.good("add", "-s", "mine", "192.0.2.1", "192.0.2.2")
    listed = loaded.good("list", "-s", "mine").out
    assert "set mine\n" in listed
    with loaded.unchanged("f0"):
        loaded.good(command, "-s", "mine", "-f", "-", stdin=listed)
        loaded.refused(USAGE, command, "-s", "other", "-f", "-", stdin=listed,
                       words=["-:1:5: 'mine'", "--set", "other"])


@pytest.mark.parametrize("command", ["add", "del", "replace"])
def test_leading_zeros_are_said_to_be_the_trouble(loaded, command):
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, command, "-f", "-", stdin="192.000.002.001\n",
                       words=["-:1:1: '192.000.002.001'", "leading zeros", "octal"])
    loaded.refused(USAGE, "test", "192.000.002.001", words=["leading zeros", "octal"])


def test_host_bits_in_a_file_warn_with_their_place(loaded):
    loaded.good("add", "-f", "-", stdin="192.0.2.1\n10.1.2.3/8\n",
                warns=["-:2:1:", "10.1.2.3/8", "10.0.0.0/8"])
    assert set(loaded.prefixes("f0")) == {"192.0.2.1", "10.0.0.0/8"}


@pytest.mark.parametrize("content", [
    "192.0.2.1\n",
    "drop 10.0.0.0/8\npass 10.1.0.0/16\n2001:db8::/32\npass 2001:db8:1::/48\n",
    "set one\n192.0.2.1\nset two\npass 192.0.2.1\n",
    "192.0.2.9\nset zoo\n10.0.0.0/8\nset Ape\n10.0.0.0/8\n",
    "192.0.2.1 timeout 1d\n2001:db8::1 timeout 2h\n",
    "192.0.2.3-192.0.2.200\n",
], ids=lambda text: text.replace("\n", " | ")[:40])
def test_replace_reads_what_list_prints(loaded, content):
    loaded.good("add", "-f", "-", stdin=content)
    there_and_back(loaded, content)


def test_under_deny_too_replace_reads_what_list_prints(lab):
    content = "192.0.2.9\ndrop 192.0.2.10\nset zoo\n10.0.0.0/8\n"
    lab.load("-p", "deny", "-f", "-", stdin=content)
    there_and_back(lab, content)


def there_and_back(lab, content):
    before, rules = lab.good("list", "-d", "f0").out, lab.snapshot("f0")
    lab.good("replace", "-f", "-", stdin=before)
    assert lab.snapshot("f0") == rules
    again = lab.good("list", "-d", "f0").out
    without_clock = re.compile(r"timeout \S+")
    assert without_clock.sub("", again) == without_clock.sub("", before)
    assert ("set " in re.sub(r"(?m)^[#;].*$", "", before)) is ("set " in content), before
    assert lab("flush", "-a").rc == DONE  # with a warning under deny: nothing passes any more
    lab.good("add", "-f", "-", stdin=before)
    assert lab.snapshot("f0") == rules, "and so does add, on an empty filter"


def test_replace_without_a_set_means_the_sets_that_its_input_names(loaded):
    loaded.good("add", "-f", "-", stdin="192.0.2.1\nset other\n192.0.2.2\n")
    loaded.good("replace", "-f", "-", stdin="192.0.2.3\n")
    assert live(loaded) == {("default", "192.0.2.3", "drop"), ("other", "192.0.2.2", "drop")}


def test_replace_swaps_everything_at_once(loaded):
    loaded.good("add", "192.0.2.1", "192.0.2.2")
    loaded.good("replace", "-f", "-", stdin="192.0.2.2\npass 192.0.2.0/24\n")
    assert loaded.prefixes("f0") == {"192.0.2.2": "drop", "192.0.2.0/24": "pass"}
    assert loaded.wire.exchange([udp("192.0.2.1"), udp("192.0.2.2")]) == [True, False]


def test_a_dry_run_changes_nothing_and_says_what_would_change(loaded):
    loaded.good("add", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    for option in ("-n", "--dry-run"):
        with loaded.unchanged("f0"):
            result = loaded.good("replace", option, "-f", "-",
                                 stdin="192.0.2.3\n192.0.2.4\npass 192.0.2.2\n")
        assert "192.0.2.1" in result.out and "192.0.2.4" in result.out, result
        assert "192.0.2.3" not in result.out, "what stays is not a change"
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "replace", "-n", "-f", "-", stdin="nonsense\n", words="-:1:1:")
        assert "192.0.2" not in loaded.good(
            "replace", "-n", "-f", "-", stdin="192.0.2.1\n192.0.2.2\n192.0.2.3\n").out


def test_a_large_file_is_no_trouble(loaded, slow):
    count = 3000 if slow else 20000
    text = "".join(f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n" for n in range(0, 2 * count, 2))
    loaded.good("replace", "-f", "-", stdin=text)
    assert loaded.status("f0")["rules"]["ipv4"] == count
    assert loaded.wire.exchange(udp(source) for source in (
        "10.0.0.0", "10.0.0.1", "10.0.8.2", "10.0.8.3")) == [False, True, False, True]
    listed = [line for line in loaded.good("list", "-d", "f0").out.splitlines()
              if line and line[0] not in "#;"]
    assert len(listed) == count
    loaded.good("flush")


def test_a_million_rules_are_no_trouble(lab, tmp_path, slow):
    count = 50000 if slow else 1000000
    path = tmp_path / "million.txt"
    with path.open("w") as out:
        for number in range(0, 3 * count, 3):  # so that no two merge
            out.write(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}\n")
    lab.load("-f", path)
    assert lab.status("f0")["rules"]["ipv4"] == count
    last = 3 * (count - 1)
    assert lab.wire.exchange(udp(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
                             for number in (0, 1, last, last + 1)) == [False, True, False, True]
    path.write_text(path.read_text() + "10.0.0.300\n")
    lab.refused(USAGE, "replace", "-f", path, words=f"{path}:{count + 1}:1:")
    assert lab.status("f0")["rules"]["ipv4"] == count
