# SPDX-License-Identifier: GPL-2.0
"""Help and versions: anyone can read them anywhere, and they agree with the commands."""
import os
import re
import shutil
import subprocess

import pytest

from product import BINARY, COMMANDS, DONE, FAILED, USAGE, Tool

tool = Tool()

OPTIONS = {
    "load": ["--mode", "--policy", "--prio", "--ip", "--file", "--require-dispatcher", "--trace",
             "--observe", "--counters", "--format", "--force", "--confirm"],
    "run": ["--mode", "--policy", "--prio", "--ip", "--file", "--require-dispatcher", "--trace",
            "--observe", "--counters", "--format", "--force", "--interval", "--count"],
    "unload": ["--all", "--confirm"],
    "repair": ["--policy", "--prio", "--observe", "--ip", "--file", "--format", "--force"],
    "add": ["--dev", "--set", "--timeout", "--pass", "--drop", "--force", "--file",
            "--format", "--confirm"],
    "del": ["--dev", "--set", "--file", "--format", "--confirm"],
    "replace": ["--dev", "--set", "--dry-run", "--force", "--file", "--format", "--confirm"],
    "flush": ["--dev", "--set", "--all", "--confirm"],
    "enforce": ["--dev", "--confirm"],
    "list": ["--dev", "--set", "--json"],
    "test": ["--dev", "--rules", "--format", "--policy", "--file", "--only", "-q"],
    "status": ["--json"],
    "confirm": ["--revert"],
    "poll": ["--interval", "--count", "--json"],
    "watch": ["--drop", "--pass", "--sample", "--rate", "--count", "--json"],
    "top": ["--drop", "--pass", "--sample", "--interval", "--count", "--by", "--batch", "--json",
            "--rules"],
    "metrics": ["--output", "--listen"],
    "help": [],
}

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all"]
NO_BPFFS = ["unshare", "-m", "sh", "-c", 'umount -l /sys/fs/bpf 2>/dev/null; exec "$@"', "sh"]


def test_help_names_every_command():
    said = tool.good("help").out
    for command in COMMANDS:
        assert re.search(rf"(?m)^\s*(xdp-ipfilter )?{command}\b", said), f"{command}: {said}"
    assert max(map(len, said.splitlines())) <= 100, "fits a terminal"


@pytest.mark.parametrize("args", [("--help",), ("-h",)])
def test_help_as_an_option_says_the_same(args):
    assert tool.good(*args).out == tool.good("help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_names_its_options(command):
    said = tool.good("help", command).out
    assert command in said
    for option in OPTIONS[command]:
        assert option in said, f"{option} is missing: {said}"
    assert tool.good(command, "--help").out == said
    assert tool.good(command, "-h").out == said


@pytest.mark.parametrize("args", [("help",), ("help", "load"), ("--help",), ("load", "--help"),
                                  ("--version",), ("status", "--help")], ids=" ".join)
@pytest.mark.parametrize("prefix", [NOBODY, NO_BPFFS], ids=["not root", "no bpffs"])
def test_help_needs_neither_root_nor_bpffs(args, prefix):
    assert tool.good(*args, prefix=prefix).out == tool.good(*args).out


def test_version_is_one_line_with_a_number():
    said = tool.good("--version").out
    assert re.fullmatch(r"xdp-ipfilter \D*\d+\.\d+.*\n", said), said


@pytest.mark.parametrize("prefix, command", [
    ("loa", "load"), ("lo", "load"), ("ru", "run"), ("u", "unload"), ("a", "add"), ("d", "del"),
    ("repl", "replace"), ("repa", "repair"), ("f", "flush"), ("e", "enforce"), ("li", "list"),
    ("te", "test"), ("to", "top"), ("m", "metrics"), ("st", "status"), ("sy", "sync"), ("p", "poll"), ("w", "watch"), ("h", "help")])
def test_a_unique_prefix_of_a_command_is_the_command(prefix, command):
    assert tool.good(prefix, "--help").out == tool.good(command, "--help").out


@pytest.mark.parametrize("prefix, candidates", [("l", ["load", "list"]), ("r", ["run", "repair", "replace"]),
                                                ("rep", ["repair", "replace"]), ("t", ["test", "top"])])
def test_an_ambiguous_prefix_is_refused_with_the_candidates(prefix, candidates):
    tool.refused(USAGE, prefix, words=candidates)


@pytest.mark.parametrize("args, words", [
    (["frobnicate"], ["frobnicate"]),
    (["statusx"], ["statusx"]),
    (["LOAD", "lo"], ["LOAD"]),
    (["help", "frobnicate"], ["frobnicate"]),
    (["load", "--frobnicate", "lo"], ["frobnicate"]),
    (["list", "-Z"], ["Z"]),
    (["load"], []),
    (["run"], []),
    (["run", "lo", "lo"], []),
    (["unload"], []),
    (["add"], []),
    (["del"], []),
    (["replace"], []),
    (["test"], []),
    (["load", "-m"], []),
    (["load", "-m", "fast", "lo"], ["fast"]),
    (["load", "-p", "maybe", "lo"], ["maybe"]),
    (["load", "-P", "-1", "lo"], ["-1"]),
    (["load", "-P", "high", "lo"], ["high"]),
    (["load", "-P", "99999999999999", "lo"], ["99999999999999"]),
    (["load", "-P", "5x", "lo"], ["5x"]),
    (["run", "--interval", "0", "lo"], []),
    (["run", "--interval", "2s", "lo"], ["2s"]),
    (["run", "--count", "-3", "lo"], ["-3"]),
    (["poll", "-i", "x"], ["x"]),
    (["poll", "--count", "1.5"], ["1.5"]),
    (["add", "-t", "soon", "192.0.2.1"], ["soon"]),
    (["add", "-t", "5 m", "192.0.2.1"], ["5 m"]),
    (["add", "-t", "-5", "192.0.2.1"], ["-5"]),
    (["add", "-t", "", "192.0.2.1"], []),
    (["add", "-t", "1x", "192.0.2.1"], ["1x"]),
    (["add", "-t", "99999999999999999999d", "192.0.2.1"], ["99999999999999999999d"]),
    (["add", "--pass", "--drop", "192.0.2.1"], []),
    (["add", "-s", "", "192.0.2.1"], []),
    (["add", "-s", "a/b", "192.0.2.1"], ["a/b"]),
    (["add", "-s", "-x", "192.0.2.1"], ["-x"]),
    (["add", "-s", ".x", "192.0.2.1"], [".x"]),
    (["add", "-s", "a b", "192.0.2.1"], ["a b"]),
    (["add", "-s", "n" * 32, "192.0.2.1"], ["n" * 32]),
    (["flush", "-a", "-s", "x"], []),
    (["flush", "what"], ["what"]),
    (["list", "what"], ["what"]),
    (["test", "192.0.2.300"], ["192.0.2.300"]),
    (["test", "192.0.2.0/24"], ["192.0.2.0/24"]),
    (["unload", "-a", "lo"], []),
], ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else str(value))
def test_wrong_usage_is_refused_in_one_line(module_lab, args, words):
    module_lab.refused(USAGE, *args, words=words)


def test_no_command_is_wrong_usage():
    result = tool()
    assert result.rc == USAGE, result
    assert result.out == "" and result.err, result


def test_the_binary_alone_is_enough(tmp_path, lab):
    """The compiled program is embedded: the tool needs no object file and no working directory."""
    alone = shutil.copy(BINARY, tmp_path / "elsewhere")
    os.chmod(alone, 0o755)
    with lab.ns:
        done = subprocess.run([alone, "load", lab.dev], cwd="/", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == DONE, done
    assert lab.status(lab.dev)["state"].startswith("filtering")
    assert lab.good("unload", lab.dev)


def test_output_that_cannot_be_written_is_a_failure():
    """`--help > /dev/full` must not claim success (and never crash)."""
    with open("/dev/full", "w") as full:
        process = tool.start("help", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1, err


@pytest.mark.parametrize("command", ["sync", "metrics"])
def test_a_program_that_is_packaged_apart_is_named_with_its_package(tmp_path, command):
    """The tool alone, as its package brings it."""
    alone = tmp_path / "xdp-ipfilter"
    shutil.copy(BINARY, alone)
    done = subprocess.run([alone, command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert done.stderr.startswith(f"xdp-ipfilter: {command}: xdp-ipfilter-{command} is not installed in ")
    assert done.stderr.endswith(f"(Debian: xdp-ipfilter-{command})\n") and done.stderr.count("\n") == 1
