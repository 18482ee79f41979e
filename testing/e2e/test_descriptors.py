# SPDX-License-Identifier: GPL-2.0
"""Too few file descriptors: each command works completely, or says so and changes nothing."""
import os

import pytest

import kernel
from beside import OURS, we_work
from product import DONE, FAILED

#: Enough for the most demanding command and for what is open anyway.
ENOUGH = 140

#: command: its arguments, and whether the filter is loaded before
COMMANDS = {
    "load": (("-i", "192.0.2.1", "f0"), False),
    "run": (("--count", 1, "--interval", 1, "f0"), False),
    "unload": (("f0",), True),
    "unload all": (("-a",), True),
    "repair": (("f0",), True),
    "add": (("192.0.2.9",), True),
    "del": (("192.0.2.1",), True),
    "replace": (("-f", "-"), True),
    "flush": ((), True),
    "list": ((), True),
    "test": (("192.0.2.1",), True),
    "status": (("f0",), True),
    "poll": (("--count", 1, "-i", 1, "f0"), True),
}


def with_limit(number, kind=""):
    """A process with this limit of descriptors, including those that it starts with."""
    return ["sh", "-c", f'ulimit {kind} -n {number}; exec "$@"', "sh"]


def limits(slow):
    if os.environ.get("XDP_IPFILTER_LONG"):
        return range(5, ENOUGH + 1)
    return [12, 40, ENOUGH] if slow else [5, 8, 12, 16, 20, 28, 40, 100, ENOUGH]


@pytest.mark.parametrize("command", COMMANDS)
def test_few_are_named_and_nothing_changes(lab, slow, command):
    args, loaded = COMMANDS[command]
    tried = set()
    for number in limits(slow):
        state = lab.status("f0")["state"]
        if loaded and state == "not-loaded":
            lab.load("-i", "192.0.2.1")
        elif not loaded and state != "not-loaded":
            lab.good("unload", "f0")
        before = lab.snapshot("f0")
        result = lab(command.split()[0], *args, stdin="192.0.2.7\n", prefix=with_limit(number))
        tried.add(result.rc)
        if result.rc == DONE:
            assert not result.complaints, (number, result)
            continue
        assert result.rc == FAILED and len(result.err_lines) == 1, (number, result)
        assert "too few file descriptors" in result.err and "ulimit" in result.err, (number, result)
        assert lab.snapshot("f0") == before, (number, result)
    assert tried == {DONE, FAILED}, "the limits tried are on both sides"


def test_usage_and_help_need_none(lab):
    assert lab("load", "--help", prefix=with_limit(5)).rc == DONE
    assert lab("--version", prefix=with_limit(5)).rc == DONE


def test_a_soft_limit_is_no_obstacle(lab):
    lab.load("-i", "192.0.2.1", prefix=with_limit(12, "-S"))
    lab.good("unload", "f0", prefix=with_limit(12, "-S"))


def test_many_interfaces_take_more(own_lab, slow):
    lab = own_lab
    names = ["f0", *(f"m{number}" for number in range(4 if slow else 20))]
    for name in names[1:]:
        lab.add_pair(name, f"{name}p")
    for number in ([ENOUGH] if slow else range(ENOUGH, 3 * ENOUGH, 20)):
        result = lab("load", *names, prefix=with_limit(number))
        loaded = [lab.status(name)["state"] != "not-loaded" for name in names]
        assert all(loaded) if result.rc == DONE else not any(loaded), (number, result)
        assert result.rc == DONE or "too few file descriptors" in result.err, (number, result)
        if result.rc == DONE:
            lab.good("unload", "-a")


@pytest.mark.dispatcher
def test_a_full_chain_takes_no_more_than_was_asked_for(chained):
    """Loading the tenth program: libxdp has both the old and the new chain open."""
    lab = chained
    lab.ns.run("xdp-loader", "load", "f0", *[kernel.neighbour("count")] * 9)
    lab.load("-i", OURS, prefix=with_limit(ENOUGH))
    assert we_work(lab)
    lab.good("add", "192.0.2.9", prefix=with_limit(ENOUGH))
    lab.good("unload", "f0", prefix=with_limit(ENOUGH))


def test_those_of_the_whole_system_are_told_apart(lab, need):
    need("strace")
    lab.load("-i", "192.0.2.1")
    with lab.unchanged("f0"):
        lab.refused(FAILED, "add", "192.0.2.9", words="the system has no file descriptors left",
                    prefix=["strace", "-qq", "-o", "/dev/null", "-P", "/", "-e", "trace=open,openat", "-e",
                            "inject=open,openat:error=ENFILE:when=1"])


def test_where_there_are_plenty_few_are_tried(lab, need, tmp_path):
    need("strace")
    lab.load("-i", "192.0.2.1")
    lines = tmp_path / "opens"
    lab.good("add", "192.0.2.9", prefix=["strace", "-qq", "-o", lines, "-P", "/", "-e", "trace=open,openat"])
    assert len(lines.read_text().splitlines()) == 2, "one before it starts, and one when its filters are open"
