# SPDX-License-Identifier: GPL-2.0
"""What can a source program do to sync when it was taken over by those whose lists it reads?

Another program stands in for it, and writes what it wants. Each time, the rules of other sources
are followed, its own last good ones stay, and the operator is told why.
"""
import pathlib
import shutil

import pytest

import product
from frames import udp
from syncing import Sync

#: What a program writes after a good list, as Python: `say` writes a text and flushes it.
ATTACKS = {
    "garbage": ("say(bytes(range(256)) * 100)", "it delivered '"),
    "an endless line": ("while True: say(b'x' * 65536)", "a line of more than"),
    "an endless rule": ("say(b'list\\n+')\nwhile True: say(b'1' * 65536)", "a line of more than"),
    "NUL bytes": ("say(b'list\\n+192.0.2.9\\0\\nend\\n')", "NUL"),
    "another set": ("say(b'list\\n+set other\\n+192.0.2.9\\nend\\n')", "not one rule"),
    "a file": ("say(b'list\\n+/etc/shadow\\nend\\n')", "bad rule"),
    "a rule outside a list": ("say(b'+192.0.2.9\\n')", "no list"),
    "talk without end": ("while True: say(b'same\\n' * 10000)", "says too much that is no rule"),
    "warnings without end": ("while True: say(b'warning x\\n' * 10000)", "says too much that is no rule"),
    "questions without end": ("while True: say(b'counters\\n' * 10000)", "says too much that is no rule"),
    "the end of its output": ("import os\nos.close(1)\ntime.sleep(1)\nsys.exit(3)",
                              "ended with status 3"),
    "its end": ("sys.exit(0)", "its program has ended"),
}

PROGRAM = """#!/usr/bin/python3
import pathlib, select, sys, time
sys.stdin.readline()
def say(text):
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()
def wait():
    while not select.select([sys.stdin], [], [], 5)[0]:
        say(b"alive\\n")
if sys.argv[1] == "good":
    say(b"list\\n+192.0.2.1\\nend\\n")
    wait()
    sys.exit()
once = pathlib.Path("FOLDER/begun")
say(b"list\\n+192.0.2.2\\nend\\n")
if once.exists():
    wait()
    sys.exit()
once.touch()
while not pathlib.Path("FOLDER/go").exists():
    time.sleep(0.01)
ATTACK
sys.stdin.read()
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder with the programs under test, where another one reads sources."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("xdp-ipfilter", "xdp-ipfilter-sync"):
        shutil.copy(pathlib.Path(product.BINARY).with_name(name), folder / name)
    monkeypatch.setattr(product, "BINARY", str(folder / "xdp-ipfilter"))
    return folder


#: Writes to its standard error what a terminal acts on, again and again, and then goes on.
LOUD = """#!/usr/bin/python3
import os, sys
sys.stdin.readline()
os.write(1, b"list\\n+192.0.2.1\\nend\\n")
for i in range(200):
    os.write(2, b"\\x1b]0;owned\\x07\\x9b2J\\rxdp-ipfilter: all is well\\n" * 10)
os.write(1, b"list\\n+192.0.2.2\\nend\\n")
sys.stdin.read()
"""


def test_errors_of_a_source_program_reach_no_terminal_raw(loaded, programs, tmp_path):
    """They are told as text, as that program's, and not without end."""
    program = programs / "xdp-ipfilter-source"
    program.write_text(LOUD)
    program.chmod(0o755)
    with Sync(loaded, tmp_path, 'source loud { from = "route:66" }\n') as sync:
        sync.wait(lambda: dropped(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.2"], "it goes on")
        sync.wait_said("set loud: its program says: ", "\\x1b]0;owned")
        assert all(line.isprintable() and line.startswith("xdp-ipfilter: ") and
                   not line.startswith("xdp-ipfilter: all") for line in sync.said)
        assert 1 <= sum("its program says" in line for line in sync.said) <= 10
        sync.end()


#: Delivers a list, then a change, and the next time nothing.
SILENT_LATER = """#!/usr/bin/python3
import os, pathlib, sys
sys.stdin.readline()
begun = pathlib.Path("FOLDER/begun")
if begun.exists():
    pathlib.Path("FOLDER/again").touch()
    sys.stdin.read()
begun.touch()
os.write(1, b"list\\n+192.0.2.1\\nend\\n")
while not pathlib.Path("FOLDER/go").exists():
    pass
os.write(1, b"change\\n+192.0.2.2\\nend\\n")
sys.stdin.read()
"""


def test_a_reload_keeps_the_latest_rules(loaded, programs, tmp_path):
    """A source that goes on with other limits, and cannot be read then, has lost nothing."""
    program = programs / "xdp-ipfilter-source"
    program.write_text(SILENT_LATER.replace("FOLDER", str(tmp_path)))
    program.chmod(0o755)
    both = ["192.0.2.1", "192.0.2.2"]
    with Sync(loaded, tmp_path, 'source bad { from = "route:66" }\n') as sync:
        sync.wait(lambda: dropped(loaded, *both) == both[:1], "the list is live")
        sync.wait(lambda: list(sync.cache.glob("bad.rules")), "there is a copy")
        (tmp_path / "go").touch()
        sync.wait(lambda: dropped(loaded, *both) == both, "the change is live")
        sync.reload('source bad { from = "route:66" hold = 1d }\n')
        sync.wait((tmp_path / "again").exists, "it is started again")
        # The set was compared with what it is to be if this is undone.
        loaded("del", "-d", "f0", "--set", "bad", "192.0.2.1")
        sync.wait(lambda: "192.0.2.1" in dropped(loaded, *both), "it is put right")
        assert dropped(loaded, *both) == both
        sync.end()


def dropped(loaded, *addresses):
    passed = loaded.wire.exchange([udp(address) for address in addresses])
    return [address for address, one in zip(addresses, passed) if not one]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_source_program_that_was_taken_over(loaded, programs, tmp_path, attack):
    code, told = ATTACKS[attack]
    program = programs / "xdp-ipfilter-source"
    program.write_text(PROGRAM.replace("ATTACK", code).replace("FOLDER", str(tmp_path)))
    program.chmod(0o755)
    config = ('source bad { from = "route:66" }\nsource good { from = "route:67" }\n')
    with Sync(loaded, tmp_path, config) as sync:
        both = ["192.0.2.1", "192.0.2.2"]
        sync.wait(lambda: dropped(loaded, *both, "192.0.2.9") == both, "both are followed")
        (tmp_path / "go").touch()
        sync.wait_said("set bad: failing", told, "keeps 1 rule")
        assert dropped(loaded, *both, "192.0.2.9") == both
        # It is started again, and is believed again.
        sync.wait_said("set bad: fresh")
        sync.wait(lambda: sum("set bad: fresh" in line for line in sync.said) == 2, "again")
        assert dropped(loaded, *both, "192.0.2.9") == both
        assert {rule["set"] for rule in loaded.rules("f0")} == {"bad", "good"}
        assert sum("warning x" in line or line.endswith(": x") for line in sync.said) <= 11
        sync.end()


#: Fails and answers in turn, many times a second.
FICKLE = """#!/usr/bin/python3
import os, select, sys
sys.stdin.readline()
os.write(1, b"list\\n+192.0.2.1\\nend\\n")
for i in range(400):
    os.write(1, b"trouble it is out of order\\n" if i % 2 else b"same\\n")
    select.select([], [], [], 0.01)
os.write(1, b"trouble it is out of order\\nchange\\n+192.0.2.2\\nend\\n")
while not select.select([sys.stdin], [], [], 5)[0]:
    os.write(1, b"alive\\n")
"""


def test_a_source_that_fails_and_answers_in_turn_is_not_told_of_each_time(loaded, programs,
                                                                          tmp_path):
    """The state is always the last one; the log has ten lines a minute."""
    program = programs / "xdp-ipfilter-source"
    program.write_text(FICKLE)
    program.chmod(0o755)
    with Sync(loaded, tmp_path, 'source bad { from = "route:66" }\n') as sync:
        sync.wait(lambda: dropped(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.1", "192.0.2.2"],
                  "it goes on")
        sync.wait(lambda: sync.source("bad")["state"] == "fresh", "it is fresh at last")
        assert sync.source("bad")["error"] is None
        sync.end()
    assert 2 <= sum("set bad: " in line for line in sync.said) <= 10, sync.said
