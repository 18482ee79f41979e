# SPDX-License-Identifier: GPL-2.0
"""Malicious names of interfaces, sets and files: none reaches a terminal raw, breaks JSON, or leads
out of a folder."""
import re

import pytest

from product import DONE, FAILED, USAGE

#: The kernel accepts up to 15 bytes, any but white space, '/' and ':'.
INTERFACES = ["f\x1b[2Jx", 'a"b\\c', "..x", "-f", "$(id)`id`", "caf\u00e9", "\udcff\udcfe",
              "\x01\x7f", "exactly15bytes_"]

RAW = re.compile("[^\n -~]")


def printable(name):
    return "".join(char if " " <= char <= "~" else
                   "".join(f"\\x{byte:02x}" for byte in char.encode(errors="surrogateescape"))
                   for char in name)


def in_json(name):
    """The name as UTF-8, with other bytes as \\xNN."""
    return re.sub("[\udc80-\udcff]", lambda char: printable(char.group()), name)


@pytest.mark.parametrize("name", INTERFACES, ids=printable)
def test_an_interface_of_any_name(own_lab, name):
    lab = own_lab
    rename(lab, "f0", name)
    try:
        look_at(lab, name)
    finally:  # `ip -j` writes such names as they are
        rename(lab, name, "f0")


def rename(lab, old, new):
    """Before 6.2, only an interface that is down can get another name."""
    lab.ns.ip("link", "set", old, "down")
    lab.ns.ip("link", "set", old, "name", new)
    lab.ns.ip("link", "set", new, "up")


def look_at(lab, name):
    lab.good("load", "-m", "native", "-i", "192.0.2.1", "--", name)
    for args in (("status", "--", name), ("list", "-d", name), ("test", "-d", name, "192.0.2.1"),
                 ("poll", "-i", 1, "--count", 1, "--", name), ("add", "-v", "-d", name, "192.0.2.2")):
        result = lab(*args)
        assert result.rc == DONE, result
        assert not RAW.search(result.out + result.err), result
    for args in (("status", "-j", "--", name), ("list", "-j", "-d", name),
                 ("poll", "-j", "-i", 1, "--count", 1, "--", name)):
        shown = [one["ifname"] for one in lab.good(*args).json()["interfaces"]]
        assert shown == [in_json(name)]
    lab.refused(FAILED, "load", "-m", "native", "--", name, words=printable(name))
    lab.good("unload", "--", name)
    result = lab("status", "--", name)
    assert not RAW.search(result.out + result.err), result


@pytest.mark.parametrize("name", ["wan", "exactly15bytes_", "sixteen_bytes_16", "a:b", "n" * 127,
                                  "f1\x1b[2J"], ids=printable)
def test_an_alternative_name_is_taken_and_the_interface_called_by_its_own(own_lab, name):
    lab = own_lab
    lab.ns.ip("link", "property", "add", "dev", "f0", "altname", name)
    try:
        shown = lab.good("load", "-m", "native", "-i", "192.0.2.1", name, "f0", name)
        assert shown.out.startswith("f0: filtering") and len(shown.out.splitlines()) == 1, shown
        for args in (("status", "-j", name), ("list", "-j", "-d", name), ("test", "-d", name, "192.0.2.1"),
                     ("poll", "-j", "-i", 1, "--count", 1, name), ("add", "-d", name, "192.0.2.2"),
                     ("del", "-d", name, "192.0.2.2"), ("flush", "-d", name), ("repair", name),
                     ("replace", "-d", name, "-f", "-"), ("run", "--count", 1, name), ("load", name),
                     ("unload", name), ("unload", name), ("status", name)):
            result = lab(*args, stdin="192.0.2.1\n")
            said = result.out + result.err
            assert printable(name) not in said and in_json(name) not in said, result
            assert "f0" in said or result.rc == DONE, result
            if "-j" in args:
                assert [one["ifname"] for one in result.json()["interfaces"]] == ["f0"], result
    finally:  # `ip -j` writes such names as they are
        lab.ns.ip("link", "property", "del", "dev", "f0", "altname", name)
    assert "xdp" not in lab.ns.links()["f0"]


@pytest.mark.parametrize("name", ["f0:1", "f0:", "lo:1"])
def test_the_label_of_an_address_is_no_interface(loaded, name):
    for args in (("load", name), ("status", name), ("list", "-d", name), ("add", "-d", name, "192.0.2.1"),
                 ("unload", name)):
        loaded.refused(FAILED, *args, words=[f"{name}: no such interface", "colon"])
    assert loaded.rules("f0") == []


@pytest.mark.parametrize("name", ["sixteen_bytes_16", "n" * 127, "n" * 128, "f0/../f0", "..", ".",
                                  "/", "f\n0", "f0\x1b[2J",
                                  "\udcff", "%n"], ids=printable)
def test_an_interface_that_cannot_be_is_named_on_one_line(module_lab, name):
    for args in (("load", name), ("status", name), ("status", "-j", name), ("list", "-d", name),
                 ("unload", name)):
        module_lab.refused(FAILED, *args, words=[printable(name), "no such interface"])


@pytest.mark.parametrize("name", ["..", ".", "../x", "a/b", "a b", "a\nb", "a\x1b[2J", "\udcff", "",
                                  "-x", "_x", "%n", 'a"b', "n" * 32], ids=printable)
def test_a_set_that_cannot_be_is_refused(loaded, name):
    for command in ("add", "del", "replace", "flush", "list"):
        args = ["-f", "-"] if command in ("add", "del", "replace") else []
        loaded.refused(USAGE, command, "-s", name, *args, stdin="192.0.2.1\n",
                       words=[printable(name), "a set's name is"])
    if not re.search("[\udc80-\udcff\n]|^$| ", name):
        loaded.refused(USAGE, "add", "-f", "-", stdin=f"set {name}\n192.0.2.1\n", words="-:1:5:")
        loaded.refused(USAGE, "add", "-f", "-", stdin=f"add {name} 192.0.2.1\n", words="-:1:5:")
    assert loaded.rules("f0") == []


def test_sets_with_names_as_strange_as_can_be(loaded):
    names = ["n" * 31, "0", "a..", "a-_.", "default.", "DEFAULT"]
    for name in names:
        loaded.good("add", "-s", name, "192.0.2.1")
    assert [rule["set"] for rule in loaded.rules("f0")] == sorted(names) or \
        sorted(rule["set"] for rule in loaded.rules("f0")) == sorted(names)
    assert set(loaded.status("f0")["rules"]["sets"]) == set(names)
    loaded.good("replace", "-f", "-", stdin=loaded.good("list", "-d", "f0").out)
    assert set(loaded.status("f0")["rules"]["sets"]) == set(names)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "\udcff", "%s%n", "x" * 200, 'a"b', "..."],
                         ids=printable)
def test_a_file_of_any_name(loaded, tmp_path, name):
    path = tmp_path / name
    path.write_text("192.0.2.1\n10.1.2.3/8\n")
    result = loaded("add", "-v", "-f", path)
    lines = [line for line in result.err_lines if "waiting for another" not in line]
    assert result.rc == DONE and len(lines) == 3, result
    assert not RAW.search(result.err) and printable(name) in result.err, result
    path.write_text("192.0.2.1\nnonsense\n")
    loaded.refused(USAGE, "add", "-f", path, words=f"{printable(name)}:2:1: 'nonsense'")
    path.unlink()
    loaded.refused(FAILED, "add", "-f", path, words=[printable(name), "cannot open it"])
