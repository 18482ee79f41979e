# SPDX-License-Identifier: GPL-2.0
"""Every error that an operator meets: one line, what to do, the exit code, and nothing changed."""
import os
import re
import shutil
import subprocess

import pytest

import kernel
import product
from frames import udp
from product import BINARY, DONE, FAILED, NOT_LOADED, USAGE

RULES = [("add", "192.0.2.1"), ("del", "192.0.2.1"), ("flush",), ("list",), ("test", "192.0.2.1"),
         ("replace", "-f", "-")]


def without(*capabilities):
    """Root without these capabilities."""
    dropped = ",".join(f"-{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"]


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all"]


@pytest.mark.parametrize("args", [("load", "nosuch0"), ("run", "--count", "1", "nosuch0"),
                                  ("unload", "nosuch0"), ("status", "nosuch0"),
                                  ("poll", "--count", "1", "nosuch0"),
                                  *[(command, "-d", "nosuch0", *rest) for command, *rest in RULES],
                                  ("load", "x" * 40), ("load", "f0/../f0"), ("load", ""),
                                  ("unload", "../../etc")], ids=" ".join)
def test_an_unknown_interface_is_named(module_lab, args):
    name = args[2] if len(args) > 2 and args[1] == "-d" else args[-1]
    module_lab.refused(FAILED, *args, words=[name, "no such interface"], stdin="192.0.2.1\n")


def test_json_status_of_an_unknown_interface_fails(module_lab):
    module_lab.refused(FAILED, "status", "-j", "nosuch0", words=["nosuch0", "no such interface"])


@pytest.mark.parametrize("prefix, words", [
    (NOBODY, re.compile("CAP_(SYS|NET)_ADMIN")),
    (without("sys_admin"), "CAP_SYS_ADMIN"),
    (without("net_admin"), "CAP_NET_ADMIN"),
    (without("net_admin", "sys_admin"), re.compile("CAP_(SYS|NET)_ADMIN")),
], ids=["not root", "without CAP_SYS_ADMIN", "without CAP_NET_ADMIN", "without both"])
def test_a_missing_capability_is_named(lab, prefix, words, no_more_progs):
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0", prefix=prefix, words=words)
        lab.refused(FAILED, "run", "--count", 1, "f0", prefix=prefix, words=words)
    assert "xdp" not in lab.ns.links()["f0"]
    lab.load("-i", "192.0.2.66")
    with lab.unchanged("f0"):
        lab.refused(FAILED, "unload", "f0", prefix=prefix, words=words)
        lab.refused(FAILED, "unload", "-a", prefix=prefix, words=words)
        lab.refused(FAILED, "repair", "f0", prefix=prefix, words=words)
        lab.refused(FAILED, "load", "f0", prefix=prefix)
    assert not lab.wire.passes(udp("192.0.2.66"))
    lab.good("unload", "f0")


def test_root_of_another_user_namespace_is_told_so(lab):
    result = lab("load", "-m", "skb", "lo", prefix=["unshare", "-Urn"])
    assert result.rc == FAILED and len(result.err_lines) == 1, result
    product.assert_words(result.err, ["not permitted", "initial user namespace"], result)


@pytest.mark.parametrize("args", [*RULES, ("flush", "-a"), ("status", "f0"),
                                  ("status",), ("poll", "--count", "1", "f0")], ids=" ".join)
@pytest.mark.parametrize("prefix, words", [(NOBODY, re.compile("CAP_[A-Z]+")),
                                           (without("sys_admin"), "CAP_SYS_ADMIN")],
                         ids=["not root", "without CAP_SYS_ADMIN"])
def test_rules_and_status_without_permission_say_so(loaded_once, args, prefix, words):
    loaded_once.good("add", "192.0.2.66")
    result = loaded_once(*args, prefix=prefix, stdin="192.0.2.7\n")
    assert loaded_once.prefixes("f0") == {"192.0.2.66": "drop"}
    assert result.rc == FAILED, result
    assert len(result.err_lines) == 1 or (args[0] == "status" and not result.err), result
    said = result.out + result.err
    assert words.search(said) if isinstance(words, re.Pattern) else words in said, result
    if args[0] == "status":
        assert "not permitted" in said, result
    product.assert_own_voice(result)


@pytest.mark.parametrize("command", ["load", "run"])
@pytest.mark.parametrize("how", ["no bpffs", "a directory in its place"])
def test_a_missing_bpffs_in_a_private_mount_namespace_is_refused(lab, command, how):
    """A bpffs mounted there would take the filter away with it. The message says what to run."""
    private = ["unshare", "-m", "sh", "-c",
               ("mount -t sysfs sysfs /sys; " if how == "no bpffs" else
                "umount -l /sys/fs/bpf; mount -t tmpfs tmpfs /sys/fs/bpf; ") + 'exec "$@"', "sh"]
    with lab.unchanged("f0"):
        more = ["--count", 1] if command == "run" else []
        lab.refused(FAILED, command, *more, "f0", prefix=private, words=["/sys/fs/bpf", "mount"])
    assert "xdp" not in lab.ns.links()["f0"]


def test_a_read_only_bpffs_is_refused_or_warned_about(lab):
    private = ["unshare", "-m", "sh", "-c",
               'mount -t bpf bpf /sys/fs/bpf && mount -o remount,ro,bind /sys/fs/bpf; '
               'exec "$@"', "sh"]
    result = lab("load", "f0", prefix=private)
    product.assert_own_voice(result)
    assert len(result.err_lines) == 1, result
    if result.rc == DONE:
        assert lab.status("f0")["state"] == "filtering-single"
    else:
        assert result.rc == FAILED and "xdp" not in lab.ns.links()["f0"]


@pytest.mark.parametrize("kind", ["lo", "dummy", "bridge"])
def test_no_native_xdp_hints_at_skb(own_lab, kind):
    dev = "lo" if kind == "lo" else "d0"
    if kind != "lo":
        own_lab.ns.run("ip", "link", "add", dev, "up", "type", kind, check=False)
        if dev not in own_lab.ns.links():
            pytest.skip(f"this kernel has no {kind} interfaces")
    with own_lab.unchanged(dev):
        own_lab.refused(FAILED, "load", "-m", "native", dev, words=[dev, "native", "--mode skb"])
    assert "xdp" not in own_lab.ns.links()[dev]
    own_lab.load("-m", "skb", dev=dev)
    assert own_lab.status(dev)["mode"] == "skb"


def test_hardware_mode_where_the_card_has_none(lab):
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "-m", "hw", "f0", words=["f0"])
    assert "xdp" not in lab.ns.links()["f0"]


# Another program, without a dispatcher, is in the way

def foreign_by_ip(lab):
    lab.ns.ip("link", "set", "f0", "xdpdrv", "obj", kernel.neighbour("dropmac"), "sec", kernel.SECTION)


def foreign_by_xdp_loader(lab):
    lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("dropmac"),
               env={**os.environ, "LIBXDP_SKIP_DISPATCHER": "1"})


def foreign_in_skb_mode(lab):
    lab.ns.run("xdp-loader", "load", "-m", "skb", "f0", kernel.neighbour("dropmac"),
               env={**os.environ, "LIBXDP_SKIP_DISPATCHER": "1"})


@pytest.mark.parametrize("foreign", [foreign_by_ip, foreign_by_xdp_loader, foreign_in_skb_mode])
@pytest.mark.parametrize("mode", ["native", "skb", "unspecified"])
def test_a_foreign_program_without_dispatcher_is_named_and_stays(lab, need, foreign, mode):
    need("xdp-loader", "ip")
    foreign(lab)
    link = lab.ns.links()["f0"]["xdp"]
    with lab.unchanged("f0"):
        for command in (("load",), ("load", "--force"), ("load", "--require-dispatcher"),
                        ("run", "--count", "1")):
            lab.refused(FAILED, *command, "-m", mode, "f0",
                        words=["f0", "nb_dropmac", re.compile(rf"\b{link['prog']['id']}\b")])
    assert lab.ns.links()["f0"]["xdp"] == link
    assert lab.status("f0")["state"] == "not-loaded"
    lab.refused(NOT_LOADED, "unload", "f0", words="not loaded")
    lab.good("unload", "-a")
    assert lab.ns.links()["f0"]["xdp"] == link, "what is not ours stays"
    dropped, passed = (udp("192.0.2.1", source_mac=mac)
                       for mac in ("02:00:00:00:00:dd", "02:00:00:00:00:01"))
    assert lab.wire.exchange([dropped, passed]) == [False, True]


def test_others_cannot_be_added_over_ours_when_single(lab, need):
    """How other loaders fail is their business. The filter must stay as it was."""
    need("xdp-loader")
    lab.good("load", "-i", "192.0.2.66", "f0", env={"LIBXDP_SKIP_DISPATCHER": "1"})
    with lab.unchanged("f0"):
        assert lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("count"),
                          check=False).returncode != 0
    assert not lab.wire.passes(udp("192.0.2.66"))


def libxdp_of(version, tmp_path):
    """A libxdp whose dispatcher has that version. The tool reads it from what the library loads."""
    shutil.copy(kernel.neighbour(f"dispatcher-{version}"), tmp_path / "xdp-dispatcher.o")
    return {"LIBXDP_OBJECT_PATH": str(tmp_path)}


@pytest.mark.parametrize("theirs, ours, advice", [(99, 2, "use the libxdp that made it"),
                                                  (99, 3, "use the libxdp that made it"),
                                                  (3, 2, "use the libxdp that made it"),
                                                  (2, 3, "'xdp-loader unload f0 -a'")])
def test_a_dispatcher_of_another_libxdp_is_refused_with_both_versions(lab, tmp_path, theirs, ours,
                                                                      advice):
    """The library at run time counts, not the headers of the build."""
    lab.ns.ip("link", "set", "f0", "xdpdrv", "obj", kernel.neighbour(f"dispatcher-{theirs}"), "sec", "xdp")
    before = lab.ns.links()["f0"]["xdp"]
    for args in (("load", "f0"), ("load", "-m", "skb", "f0"), ("run", "--count", 1, "f0")):
        lab.refused(FAILED, *args, env=libxdp_of(ours, tmp_path),
                    words=[f"f0: its dispatcher has format version {theirs}",
                           f"makes version {ours};", advice])
    assert lab.ns.links()["f0"]["xdp"] == before


@pytest.mark.parametrize("version", [2, 3])
def test_each_format_of_the_dispatcher_is_read_right(lab, tmp_path, version):
    """A chain that has lost its two programs is recognised as such."""
    lab.ns.ip("link", "set", "f0", "xdpdrv", "obj", kernel.neighbour(f"dispatcher-{version}"), "sec", "xdp")
    for ours in (2, 3):
        words = "has lost 2 of its 2 programs" if ours == version else f"makes version {ours};"
        lab.refused(FAILED, "load", "f0", env=libxdp_of(ours, tmp_path), words=["f0", words])


# Other errors

@pytest.mark.parametrize("args", RULES, ids=" ".join)
def test_not_loaded_says_so(module_lab, args):
    command, *rest = args
    module_lab.refused(NOT_LOADED, command, "-d", "f0", *rest, words=["f0", "not loaded"],
                       stdin="192.0.2.1\n")


def test_loaded_already_says_so(lab):
    lab.load()
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0", words=["f0", "loaded already"])


@pytest.mark.parametrize("rule", ["10.0.0.300", "2001:db8::/129"])
def test_a_bad_rule_loads_nothing(lab, rule):
    with lab.unchanged("f0"):
        lab.refused(USAGE, "load", "-i", "192.0.2.1", "-i", rule, "f0", words=rule)
    assert "xdp" not in lab.ns.links()["f0"]


@pytest.mark.parametrize("args, words", [
    (("load", "-f", "/nonexistent", "f0"), "/nonexistent"),
    (("add", "-f", "/nonexistent"), "/nonexistent"),
    (("add", "-f", ""), ""),
], ids=str)
def test_a_missing_file_is_a_failure(lab, args, words):
    if args[0] == "add":
        lab.load()
    lab.refused(FAILED, *args, words=words)


#: every command that prints, and its exit status when its output is read
PRINTING = [
    (("list",), DONE), (("list", "-j"), DONE), (("status",), DONE), (("status", "-j"), DONE),
    (("status", "-v", "f0"), DONE), (("test", *["192.0.2.1"] * 300), DONE),
    (("test", *["192.0.2.250"] * 300), FAILED), (("replace", "-n", "-f", "-"), DONE),
    (("poll", "-i", "10"), DONE), (("poll", "-j", "-i", "10"), DONE), (("help",), DONE),
    (("help", "load"), DONE), (("--help",), DONE), (("load", "--help"), DONE), (("--version",), DONE),
]
MANY = "".join(f"192.0.2.{number}\n" for number in range(200))

each_that_prints = pytest.mark.parametrize("args, rc", PRINTING,
                                           ids=[" ".join(row[0])[:30] for row in PRINTING])


def end_of(process):
    _, err = process.communicate(MANY.replace("192.0.2", "192.0.3"), timeout=60)
    return process.returncode, "".join(line for line in err.splitlines(True)
                                       if not product.is_single_warning(line))


def end_on_a_full_disk(lab, *args):
    with open("/dev/full", "w") as full:
        return end_of(lab.start(*args, stdin=subprocess.PIPE, stdout=full))


def end_on_a_closed_pipe(lab, *args):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        return end_of(lab.start(*args, stdin=subprocess.PIPE, stdout=closed))


NO_SPACE = "xdp-ipfilter: cannot write the output: No space left on device\n"


@each_that_prints
def test_results_that_cannot_be_written_are_a_failure_with_its_reason(loaded_once, args, rc):
    loaded_once.good("add", "-f", "-", stdin=MANY)
    assert end_on_a_full_disk(loaded_once, *args) == (FAILED, NO_SPACE)


@each_that_prints
def test_a_reader_that_has_gone_is_no_failure(loaded_once, args, rc):
    """A command that runs on ends. The exit status is as if everything had been read."""
    loaded_once.good("add", "-f", "-", stdin=MANY)
    assert end_on_a_closed_pipe(loaded_once, *args) == (rc, "")


def test_a_load_whose_output_cannot_be_written_loads_nothing(lab, no_more_progs):
    with lab.unchanged("f0"):
        assert end_on_a_full_disk(lab, "load", "-i", "192.0.2.66", "f0") == (FAILED, NO_SPACE)


def test_a_run_whose_output_cannot_be_written_leaves_nothing_behind(lab, no_more_progs):
    with lab.unchanged("f0"):
        for args in (("-i", "192.0.2.66"), ("-p", "deny", "-i", "192.0.2.66")):
            assert end_on_a_full_disk(lab, "run", "--interval", 10, *args, "f0") == (FAILED, NO_SPACE)
            assert end_on_a_closed_pipe(lab, "run", "--interval", 10, *args, "f0") == (DONE, "")


def test_a_load_is_done_though_its_reader_has_gone(lab):
    rc, err = end_on_a_closed_pipe(lab, "load", "-i", "192.0.2.66", "f0")
    assert rc == DONE and "cannot write" not in err, err
    assert not lab.wire.passes(udp("192.0.2.66"))


def test_what_goes_to_nowhere_is_done_all_the_same(lab):
    def closed(*args):
        with lab.ns:
            return subprocess.run(["sh", "-c", '"$@" 2>&- >&- <&-', "sh", BINARY, *args],
                                  check=False).returncode

    lab.load()
    assert closed("add", "192.0.2.66") == DONE and not lab.wire.passes(udp("192.0.2.66"))
    assert closed("add", "nonsense") == USAGE
    assert closed("flush") == DONE and lab.rules("f0") == []
    assert closed("list") == DONE
    assert closed("unload", "f0") == DONE and "xdp" not in lab.ns.links()["f0"]
    assert closed("unload", "f0") == NOT_LOADED


def test_a_closed_stderr_or_stdout_hurts_nobody(lab):
    """A closed pipe on stderr kills other loaders before they attach."""
    with lab.ns:
        done = subprocess.run(["sh", "-c", '"$@" 2>&- >&- <&-', "sh", BINARY, "load", "-i",
                               "192.0.2.66", "f0"])
    assert done.returncode == DONE
    assert not lab.wire.passes(udp("192.0.2.66"))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        process = lab.start("load", "f0", stderr=closed)
        process.communicate(timeout=60)
    assert process.returncode in (FAILED, -13)
    assert lab.prefixes("f0") == {"192.0.2.66": "drop"}


def test_verbose_may_say_more_but_ends_the_same(lab):
    result = lab("load", "-v", "nosuch0")
    assert result.rc == FAILED
    assert any(line.startswith("xdp-ipfilter: ") and "no such interface" in line
               for line in result.err_lines), result
