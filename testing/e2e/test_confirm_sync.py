# SPDX-License-Identifier: GPL-2.0
"""--confirm while sync runs: each leaves alone what the other one changed, and says so.

sync puts its sets right within two seconds, whatever waits to be confirmed."""
import signal

import pytest

from frames import udp
from netlab import wait_for
from product import DONE
from syncing import Sync

FOREVER = "1h"  # longer than any test
FOLLOWED, SAID, BY_HAND, MINE = "192.0.2.1", "192.0.2.2", "203.0.113.7", "198.51.100.9"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text(f"{FOLLOWED}\n")
    return path


@pytest.fixture
def sync(loaded, tmp_path, file):
    """It follows the set `bad`. Nothing waits after the test."""
    with Sync(loaded, tmp_path, config(file)) as running:
        wait_set(running, FOLLOWED)
        yield running
        assert running.has_ended or running.process.poll() is None, running.said
    loaded("confirm", "--revert")


def config(file, more=""):
    return f'source bad {{ from = "{file}" {more} }}'


def wait_set(sync, *prefixes):
    sync.wait(lambda: set(sync.lab.prefixes("f0", "bad")) == set(prefixes), f"it has {prefixes}")


def wait_undone(sync):
    wait_for(lambda: sync.lab("status", "-j").json()["confirm"] is None, "it is undone",
             sync.lab.patience)


def drops(lab, *addresses):
    passed = lab.wire.exchange([udp(address) for address in addresses])
    return [address for address, one in zip(addresses, passed) if not one]


def test_a_followed_set_is_put_right_before_the_time_is_over(sync):
    """What sync took back was changed by somebody else: it is named, and nothing is undone."""
    lab = sync.lab
    lab.good("add", "-s", "bad", BY_HAND, "--confirm", FOREVER)
    wait_set(sync, FOLLOWED)
    result = lab("confirm", "--revert")
    assert result.rc == DONE, result
    assert result.err_lines == [f"xdp-ipfilter: warning: f0: {BY_HAND} (bad) was deleted "
                                "meanwhile, and stays so"]
    lab.good("flush", "-s", "bad", "--confirm", FOREVER)
    wait_set(sync, FOLLOWED)
    result = lab("confirm", "--revert")
    assert result.rc == DONE and f"{FOLLOWED} (bad) was changed meanwhile" in result.err, result
    assert set(lab.prefixes("f0", "bad")) == {FOLLOWED}


def test_what_sync_changes_meanwhile_stays(sync, file):
    """A change of another set is undone, on time; what the source said is live, and stays."""
    lab = sync.lab
    lab.good("add", "-s", "mine", MINE, "--confirm", FOREVER)
    file.write_text(f"{SAID}\n")
    wait_set(sync, SAID)
    result = lab("confirm", "--revert")
    assert result.rc == DONE and "kept what others have changed meanwhile: 2 rules" in result.err
    assert lab.prefixes("f0", "mine") == {} and set(lab.prefixes("f0", "bad")) == {SAID}
    lab.good("add", "-s", "mine", MINE, "--confirm", "1s")
    file.write_text(f"{SAID}\n{FOLLOWED}\n")
    wait_undone(sync)
    wait_set(sync, SAID, FOLLOWED)
    assert drops(lab, MINE, SAID, FOLLOWED) == [SAID, FOLLOWED]


def test_what_the_source_says_too_comes_back(sync, file):
    """The same rule came from both: the undo takes it away, and sync brings it back."""
    lab = sync.lab

    def is_added_first():
        """Unless sync was stopped in the middle of a change, where it has the lock."""
        sync.process.send_signal(signal.SIGSTOP)
        added = lab("--lock-timeout", "1", "add", "-s", "bad", SAID, "--confirm", FOREVER)
        if added.rc != DONE:
            sync.process.send_signal(signal.SIGCONT)
        return added.rc == DONE

    wait_for(is_added_first, "it is added while sync is stopped", lab.patience)
    file.write_text(f"{FOLLOWED}\n{SAID}\n")
    sync.process.send_signal(signal.SIGCONT)
    sync.wait(lambda: sync.source("bad")["rules"] == 2, "the source says it")
    lab.good("confirm", "--revert")
    sync.wait(lambda: drops(lab, FOLLOWED, SAID) == [FOLLOWED, SAID], "it is back")


def test_neither_waits_long_for_the_other(sync, file, slow):
    """Nothing holds the lock while a change waits; undoing one of many rules holds it shortly."""
    lab, count = sync.lab, 2_000 if slow else 50_000
    many = "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(count))
    lab.good("replace", "-s", "mine", "-f", "-", "--confirm", FOREVER, stdin=many)
    for number in range(3):
        file.write_text(f"192.0.2.{number + 10}\n")
        wait_set(sync, f"192.0.2.{number + 10}")
    assert lab("status", "-j").json()["confirm"], "it still waits"
    file.write_text(f"{SAID}\n")
    lab("confirm", "--revert")
    wait_set(sync, SAID)
    assert lab.prefixes("f0", "mine") == {}
    assert not any("cannot make rules live" in line for line in sync.said), sync.said


@pytest.mark.parametrize("copy", [True, False], ids=["with a copy", "without a copy"])
def test_a_sync_that_starts_does_not_make_it_last(sync, tmp_path, file, copy):
    """What is not confirmed is nothing that a set begins with: it would outlive the undo, and a
    reboot, while the source cannot be read."""
    lab = sync.lab
    sync.end()
    if not copy:
        (tmp_path / "cache" / "bad.rules").unlink()
    text = file.read_text()
    file.unlink()
    lab.good("add", "-s", "bad", BY_HAND, "--confirm", FOREVER)
    with Sync(lab, tmp_path, config(file)) as second:
        second.wait_said("bad: failing")
        lab("confirm", "--revert")
        wait_set(second, FOLLOWED)
        kept = tmp_path / "cache" / "bad.rules"
        assert not kept.exists() or BY_HAND not in kept.read_text()
        file.write_text(text + f"{SAID}\n")
        wait_set(second, FOLLOWED, SAID)


def test_a_kept_interface_that_is_unloaded_comes_back_at_once(own_lab, tmp_path, file):
    """sync does not wait for the undo, which then names what it found."""
    with Sync(own_lab, tmp_path, "interface f0 { }\n" + config(file)) as sync:
        sync.wait_interface("f0", "filtering")
        wait_set(sync, FOLLOWED)
        own_lab.good("unload", "--confirm", FOREVER, "f0")
        sync.wait(lambda: "xdp" in own_lab.ns.links()["f0"], "it is loaded again")
        wait_set(sync, FOLLOWED)
        result = own_lab("confirm", "--revert")
        assert result.rc == DONE and "f0: left alone: its filter was loaded anew" in result.err
        assert drops(own_lab, FOLLOWED, SAID) == [FOLLOWED]
        # Observing is undone in the same way as without sync.
        own_lab.good("enforce", "off", "--confirm", FOREVER)
        assert drops(own_lab, FOLLOWED) == []
        own_lab.good("confirm", "--revert")
        assert drops(own_lab, FOLLOWED) == [FOLLOWED]
