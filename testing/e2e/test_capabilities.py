# SPDX-License-Identifier: GPL-2.0
"""Least privilege: each command works with the capabilities that the manual names, fails without
any one of them, and gives up all others before it reads anything."""
import contextlib
import fcntl
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

import kernel
import product
from frames import udp
from netlab import wait_for
from product import DONE, FAILED

SYS_ADMIN, NET_ADMIN, FILES = "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_DAC_READ_SEARCH"
PTRACE = "CAP_SYS_PTRACE"
SETUID, SETGID, KILL = "CAP_SETUID", "CAP_SETGID", "CAP_KILL"
BITS = {SYS_ADMIN: 21, NET_ADMIN: 12, FILES: 2, PTRACE: 19, SETUID: 7, SETGID: 6, KILL: 5}

#: What sync follows, and where it keeps copies.
FOLDER = tempfile.TemporaryDirectory(prefix="test_capabilities.")
LIST = pathlib.Path(FOLDER.name, "list.txt")
LIST.write_text("192.0.2.7\n")
SYNC = ["--cache", FOLDER.name, f"bad={LIST}"]

#: command: its arguments, the capabilities that it needs, further ones that it keeps
COMMANDS = {
    "load": (["-i", "192.0.2.66", "f0"], {SYS_ADMIN, NET_ADMIN}, {FILES}),
    "run": (["--count", 1, "--interval", 1, "f0"], {SYS_ADMIN, NET_ADMIN}, {FILES, PTRACE}),
    "repair": (["f0"], {SYS_ADMIN, NET_ADMIN}, {FILES}),
    "unload": (["f0"], {SYS_ADMIN, NET_ADMIN}, set()),
    "add": (["192.0.2.7"], {SYS_ADMIN}, {FILES}),
    "del": (["192.0.2.66"], {SYS_ADMIN}, {FILES}),
    "replace": (["-f", "-"], {SYS_ADMIN}, {FILES}),
    "flush": ([], {SYS_ADMIN}, set()),
    "enforce": (["off"], {SYS_ADMIN}, set()),
    "list": ([], {SYS_ADMIN}, set()),
    "test": (["192.0.2.66"], {SYS_ADMIN}, {FILES}),
    "status": (["f0"], {SYS_ADMIN}, set()),
    "poll": (["--count", 1, "-i", 1, "f0"], {SYS_ADMIN}, set()),
    "sync": (["--once", *SYNC], {SYS_ADMIN, NET_ADMIN, SETUID, SETGID, KILL}, {FILES}),
    "watch": (["--count", 1, "f0"], {SYS_ADMIN}, set()),
    "top": (["-b", "--count", 1, "-i", 1, "f0"], {SYS_ADMIN}, set()),
    "metrics": ([], {SYS_ADMIN}, set()),
}

#: `metrics --listen`, which runs until it is ended.
SERVER, PORT = {SYS_ADMIN, SETUID, SETGID, KILL}, 9847


def packets(lab):
    """Packets come in all the time, without which `watch` would not end, but fewer than it prints
    in a second."""
    return lab.wire.flooded([udp("192.0.2.67")], pause=0.005)


def words(names):
    return "".join(f",+{name.removeprefix('CAP_').lower()}" for name in sorted(names))


#: Where BPF memory counts as locked memory, root without CAP_SYS_RESOURCE cannot raise the limit.
ENOUGH_MEMORY = ["prlimit", "--memlock=unlimited:unlimited"] if kernel.is_before(5, 11) else []


def having(*names):
    """Root with only these capabilities."""
    return [*ENOUGH_MEMORY, "setpriv", f"--bounding-set=-all{words(names)}", "--inh-caps=-all"]


def start_from(lab, command):
    """The state that the command expects."""
    if command not in ("load", "run"):
        lab.load("-i", "192.0.2.66")


def manual():
    """{command: capabilities} from the table in the manual."""
    text = (pathlib.Path(__file__).parents[2] / "xdp-ipfilter" / "README.org").read_text()
    chapter = text[text.index("* CAPABILITIES"):]
    return {name: set(re.findall(r"CAP_\w+", row)) for line in chapter.splitlines()
            for row in [line] if line.startswith("- =")
            for name in re.findall(r"=(\w+(?: --\w+)?)=", line.split("::")[0])}


def test_the_manual_names_them():
    said = manual()
    for command, (_, needed, kept) in COMMANDS.items():
        assert said.get(command) == needed | kept, command
    assert said.get("metrics --listen") == SERVER


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_needed_is_enough(lab, command):
    args, needed, _ = COMMANDS[command]
    start_from(lab, command)
    with packets(lab):
        result = lab(command, *args, prefix=having(*needed), stdin="192.0.2.7\n")
    assert result.rc == DONE and not result.complaints, result


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_missing_is_named_and_nothing_changes(lab, command):
    args, needed, kept = COMMANDS[command]
    start_from(lab, command)
    for missing in sorted(needed):
        # Related, weaker capabilities do not make up for it.
        have = (needed | kept) - {missing} | {"CAP_BPF", "CAP_PERFMON", "CAP_NET_RAW"}
        with lab.unchanged("f0"):
            lab.refused(FAILED, command, *args, prefix=having(*have), stdin="192.0.2.7\n",
                        words=["not permitted", missing])


def server_is_built():
    return pathlib.Path(product.BINARY).with_name("xdp-ipfilter-http").exists()


@pytest.mark.skipif(not server_is_built(), reason="built without libmicrohttpd")
def test_a_server_works_with_no_more_than_it_needs(lab):
    bits = sum(1 << BITS[name] for name in SERVER)
    expected = {"Eff": bits, "Prm": bits, "Inh": 0, "Amb": 0, "NoNewPrivs": 1}
    lab.ns.run("ip", "link", "set", "lo", "up")
    lab.load("-i", "192.0.2.66")
    with waiting_for_a_signal(lab, "metrics", "--listen", f":{PORT}", prefix=having(*SERVER)) as process:
        wait_for(lambda: 'filtering{device="f0"} 1' in
                 lab.ns.run("curl", "-sS", f"http://127.0.0.1:{PORT}/metrics", check=False).stdout,
                 "it serves", lab.patience)
        assert held(process) == expected
    for missing in sorted(SERVER):
        lab.refused(FAILED, "metrics", "--listen", f":{PORT}", prefix=having(*SERVER - {missing}),
                    words=["not permitted", missing])


@pytest.mark.dispatcher
def test_a_broken_chain_is_repaired_with_no_more(lab):
    """Without its links, no program of the chain runs: all of them must be attached again."""
    lab.load("-i", "192.0.2.66")
    for link in (pin for pin in product.pins() if re.search(r"/prog\d+-link$", pin)):
        if f"/dispatch-{lab.ns.links()['f0']['ifindex']}-" in link:
            os.unlink(link)
    assert lab.wire.passes(udp("192.0.2.66"))
    lab.good("repair", "f0", prefix=having(SYS_ADMIN, NET_ADMIN))
    assert not lab.wire.passes(udp("192.0.2.66"))


def test_wrong_usage_and_help_need_none(lab):
    assert lab("help", prefix=having()).rc == DONE
    assert lab("load", "--help", prefix=having()).rc == DONE
    lab.refused(2, "load", prefix=having(), words="which interface?")


@pytest.fixture
def file_of_a_user(tmp_path):
    """A file in a folder that only its owner, a user, can enter."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    file = folder / "rules.txt"
    file.write_text("192.0.2.99\n")
    file.chmod(0o600)
    os.chown(file, 1000, 1000)
    os.chown(folder, 1000, 1000)
    return file


def test_rules_in_the_home_of_a_user_are_read(loaded, file_of_a_user):
    """As with `sudo xdp-ipfilter add -f ~/rules.txt`."""
    loaded.good("add", "-f", file_of_a_user)
    assert loaded.prefixes("f0") == {"192.0.2.99": "drop"}
    loaded.good("replace", "-f", file_of_a_user, prefix=having(SYS_ADMIN, FILES))
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "-f", file_of_a_user, prefix=having(SYS_ADMIN),
                       words=[str(file_of_a_user), "Permission denied", FILES])


# What does a running command hold? Each waits for its input, a reader, the lock or a signal.

def held(process):
    """The capability sets of a process, and whether exec can give it new capabilities."""
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    sets = {name: int(value, 16) for name, value in re.findall(r"^Cap(\w+):\s+(\w+)", text, re.M)}
    return {**{name: sets[name] for name in ("Eff", "Prm", "Inh", "Amb")},
            "NoNewPrivs": int(re.search(r"^NoNewPrivs:\s+(\d)", text, re.M)[1])}


@contextlib.contextmanager
def waiting_for_a_reader(lab, *args):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(4096))
    process = lab.start(*args, stdout=writer)
    os.close(writer)
    try:
        yield process
    finally:
        os.close(reader)
        process.communicate(timeout=60)


@contextlib.contextmanager
def waiting_for_input(lab, *args):
    process = lab.start(*args, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.communicate("", timeout=60)


@contextlib.contextmanager
def waiting_for_the_lock(lab, *args):
    with kernel.queued(lab.ns):
        process = lab.start(*args)
        try:
            yield process
        finally:
            pass
    process.communicate(timeout=60)


@contextlib.contextmanager
def waiting_for_a_signal(lab, *args, **kwargs):
    process = lab.start(*args, **kwargs)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


WAITS = {
    "load": (waiting_for_input, ["-f", "-", "f0"]),
    "run": (waiting_for_a_signal, ["f0"]),
    "repair": (waiting_for_the_lock, ["f0"]),
    "unload": (waiting_for_the_lock, ["f0"]),
    "add": (waiting_for_input, ["-f", "-"]),
    "del": (waiting_for_input, ["-f", "-"]),
    "replace": (waiting_for_input, ["-f", "-"]),
    "flush": (waiting_for_the_lock, []),
    "enforce": (waiting_for_the_lock, ["on"]),
    "list": (waiting_for_a_reader, []),
    "test": (waiting_for_a_reader, ["192.0.2.66"]),
    "status": (waiting_for_a_reader, ["f0"]),
    "poll": (waiting_for_a_signal, ["-i", 60000, "f0"]),
    "sync": (waiting_for_a_signal, SYNC),
    "watch": (waiting_for_a_signal, ["f0"]),
    "top": (waiting_for_a_signal, ["-b", "f0"]),
    "metrics": (waiting_for_a_reader, []),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_running_command_holds_no_more(lab, command, patience):
    wait, args = WAITS[command]
    _, needed, kept = COMMANDS[command]
    bits = sum(1 << BITS[name] for name in needed | kept)
    expected = {"Eff": bits, "Prm": bits, "Inh": 0, "Amb": 0, "NoNewPrivs": 1}
    start_from(lab, command)
    # Started with all there are, ambient ones too.
    with wait(lab, command, *args) as process:
        wait_for(lambda: held(process) == expected, f"{command}: {expected}, not {held(process)}",
                 patience)
