# SPDX-License-Identifier: GPL-2.0
"""Does sync make sets equal to their sources, and keep them so? Packets prove it.

Sources are files, and a routing table where a program has to keep running.
"""
import contextlib
import gzip
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest

from frames import udp
from netlab import Wire, quiet_pair, wait_for
from product import DONE, FAILED
from syncing import Sync

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))
#: Seconds from a change of a source to the verdict of a packet, on a machine that is not emulated.
SOON = 2


@pytest.fixture
def file(tmp_path):
    return tmp_path / "list.txt"


def soon(loaded):
    return SOON if loaded.patience < 20 else loaded.patience


def start(loaded, folder, *sources):
    """A sync without interfaces of its own: the filter is there already."""
    return Sync(loaded, folder, "\n".join(sources))


def source(name, path, *more):
    return f'source {name} {{ from = "{path}" {" ".join(more)} }}'


def drops(loaded, *addresses, dev="f0"):
    """Which of these are dropped?"""
    wire = loaded.wire if dev == "f0" else loaded.wires[dev]
    passed = wire.exchange([udp(address) for address in addresses])
    return [address for address, one in zip(addresses, passed) if not one]


def wait_drops(sync, loaded, dropped, passed=(), seconds=None):
    addresses = [*dropped, *passed]
    sync.wait(lambda: drops(loaded, *addresses) == list(dropped), f"{dropped} are dropped",
              seconds or soon(loaded))


def wait_state(sync, state):
    """It is told each second."""
    sync.wait(lambda: (sync.source("bad") or {}).get("state") == state, f"it is {state}")


def test_a_file_is_followed(loaded, file, tmp_path):
    """Each change decides for packets within two seconds: appended, rewritten, renamed over."""
    file.write_text("192.0.2.1\n")
    loaded.good("add", "-s", "other", "198.51.100.9")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "198.51.100.9"], ["192.0.2.2"])
        with file.open("a") as out:
            out.write("192.0.2.2\n")
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2", "198.51.100.9"], ["192.0.2.3"])
        file.write_text("192.0.2.3\npass 192.0.2.1\n")
        wait_drops(sync, loaded, ["192.0.2.3", "198.51.100.9"], ["192.0.2.1", "192.0.2.2"])
        other = tmp_path / "new"
        other.write_text("192.0.2.4\n")
        other.rename(file)
        wait_drops(sync, loaded, ["192.0.2.4", "198.51.100.9"], ["192.0.2.3"])
        wait_state(sync, "fresh")
        sync.wait(lambda: sync.source("bad")["rules"] == 1, "one rule is told")
        sync.end()
    assert loaded.prefixes("f0", "bad") == {"192.0.2.4": "drop"}, "the rules stay"


def test_a_config_map_is_followed(loaded, tmp_path):
    """Kubernetes swaps a link to a folder; the file itself is a link that never changes."""
    for number in (1, 2):
        folder = tmp_path / f"..v{number}"
        folder.mkdir()
        (folder / "list.txt").write_text(f"192.0.2.{number}\n")
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "list.txt").symlink_to("..data/list.txt")
    with start(loaded, tmp_path, source("bad", tmp_path / "list.txt", "every = 1h")) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"], ["192.0.2.2"])
        (tmp_path / "..data_tmp").symlink_to("..v2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        wait_drops(sync, loaded, ["192.0.2.2"], ["192.0.2.1"])


def test_a_packed_file_is_followed(loaded, tmp_path):
    path = tmp_path / "list.gz"
    path.write_bytes(gzip.compress(b"192.0.2.1\n2001:db8::/32\n"))
    with start(loaded, tmp_path, source("bad", path)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "2001:db8::7"], ["192.0.2.2"])


def test_the_folder_of_the_file_may_be_another_one(loaded, tmp_path):
    """It is watched again at the next look."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "list.txt").write_text("192.0.2.1\n")
    with start(loaded, tmp_path, source("bad", folder / "list.txt", "every = 1s")) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"])
        folder.rename(tmp_path / "old")
        wait_state(sync, "failing")
        assert drops(loaded, "192.0.2.1"), "the rules stay"
        folder.mkdir()
        (folder / "list.txt").write_text("192.0.2.2\n")
        wait_drops(sync, loaded, ["192.0.2.2"], ["192.0.2.1"], loaded.patience)
        wait_state(sync, "fresh")


def test_a_list_that_shrinks_is_held(loaded, file, tmp_path):
    """Nothing is withdrawn, what it adds is added; the state says so, once."""
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(300)]
    file.write_text("".join(f"{one}\n" for one in many))
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, [many[0], many[299]])
        file.write_text(f"{many[0]}\n192.0.2.1\n")
        wait_drops(sync, loaded, [many[0], many[299], "192.0.2.1"])
        wait_state(sync, "held")
        assert len(loaded.prefixes("f0", "bad")) == 301
        file.write_text("")
        sync.wait(lambda: "only 0 of" in (sync.source("bad")["error"] or ""), "it is empty")
        assert len(loaded.prefixes("f0", "bad")) == 301
        file.write_text("".join(f"{one}\n" for one in many[:200]))
        wait_drops(sync, loaded, [many[0], many[199]], [many[299], "192.0.2.1"])
        wait_state(sync, "fresh")
        sync.end()
    assert sum("held" in line for line in sync.said) == 1, sync.said


def test_a_list_may_shrink_if_that_is_meant(loaded, file, tmp_path):
    file.write_text("192.0.2.1\n")
    with start(loaded, tmp_path, source("bad", file, "shrink = yes")) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"])
        file.write_text("")
        wait_drops(sync, loaded, [], ["192.0.2.1"])
        wait_state(sync, "fresh")


def test_a_bad_file_is_refused_as_a_whole(loaded, file, tmp_path):
    file.write_text("192.0.2.1\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"])
        file.write_text("192.0.2.2\nnonsense\n")
        sync.wait_said("set bad: failing", "list.txt:2", "nonsense", "keeps 1 rule")
        assert drops(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.1"]
        file.write_text("192.0.2.2\n")
        wait_drops(sync, loaded, ["192.0.2.2"], ["192.0.2.1"])
        sync.wait_said("set bad: fresh")


def test_a_start_without_the_source_uses_the_copy(loaded, file, tmp_path):
    """Verdicts and ends too. A damaged copy, or one of another source, is not used."""
    file.write_text("192.0.2.1\npass 192.0.2.2\n192.0.2.3 timeout 1h\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.3"], ["192.0.2.2"])
        sync.end()
    copy = tmp_path / "cache" / "bad.rules"
    assert copy.stat().st_mode & 0o777 == 0o600
    file.unlink()
    loaded.good("flush", "-a")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.3"], ["192.0.2.2"])
        wait_state(sync, "failing")
        assert {rule["prefix"]: rule["expires_s"] is not None for rule in loaded.rules("f0")} == {
            "192.0.2.1": False, "192.0.2.2": False, "192.0.2.3": True}
        sync.end()
    loaded.good("flush", "-a")
    with start(loaded, tmp_path, source("bad", tmp_path / "other.txt")) as sync:
        wait_state(sync, "failing")
        assert not loaded.rules("f0")
        sync.end()
    copy.write_text(copy.read_text()[:-3])
    with start(loaded, tmp_path, source("bad", file)) as sync:
        sync.wait_said("bad.rules", "damaged")
        assert not loaded.rules("f0")


def wait_copy(sync, folder, prefix, name="bad"):
    copy = folder / "cache" / f"{name}.rules"
    sync.wait(lambda: copy.exists() and prefix in copy.read_text(), "its copy is kept")
    return copy


def test_after_a_kill_filters_are_newer_than_the_copy(loaded, file, tmp_path):
    """The copy, which is a minute old, does not replace what filters have, although the source
    cannot be read. With the source, all is as it says."""
    file.write_text("192.0.2.1\n192.0.2.3\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"])
        copy = wait_copy(sync, tmp_path, "192.0.2.1")
        file.write_text("192.0.2.1\n192.0.2.2\n192.0.2.4 timeout 1h\n")
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2", "192.0.2.4"], ["192.0.2.3"])
        sync.kill()
    assert "192.0.2.2" not in copy.read_text()
    text = file.read_text()
    file.unlink()
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_state(sync, "failing")
        assert sync.source("bad")["rules"] == 3
        assert {rule["prefix"]: rule["expires_s"] is not None for rule in loaded.rules("f0")} == {
            "192.0.2.1": False, "192.0.2.2": False, "192.0.2.4": True}
        wait_copy(sync, tmp_path, "192.0.2.2")
        file.write_text("192.0.2.5\n" + text)
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2", "192.0.2.5"], ["192.0.2.3"],
                   loaded.patience)
        wait_state(sync, "fresh")


def test_the_copy_of_a_file_is_known_again_after_a_kill(loaded, file, tmp_path):
    """Where filters have what the copy says, its validator counts: the file is not read again."""
    file.write_text("192.0.2.1\npass 192.0.2.2\n192.0.2.3 timeout 1h\n")
    # The stamp of a file that has just changed is no validator.
    wait_for(lambda: time.time() > file.stat().st_ctime + 4, "the file is no longer new", 10)
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.3"], ["192.0.2.2"])
        copy = wait_copy(sync, tmp_path, "192.0.2.1")
        sync.kill()
    before = copy.stat().st_ino
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_state(sync, "fresh")
        sync.end()
    # A copy that says the same is not written again.
    assert copy.stat().st_ino == before


def test_an_empty_first_list_does_not_empty_a_set(loaded, file, tmp_path):
    """There is no copy: what filters have counts as what the source had."""
    loaded.good("add", "-s", "bad", "192.0.2.1", "192.0.2.2")
    loaded.good("add", "-s", "other", "192.0.2.9")
    file.write_text("")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_state(sync, "held")
        assert drops(loaded, "192.0.2.1", "192.0.2.2", "192.0.2.9") == [
            "192.0.2.1", "192.0.2.2", "192.0.2.9"]
        assert sync.source("bad")["rules"] == 2
        file.write_text("192.0.2.2\n")
        wait_drops(sync, loaded, ["192.0.2.2", "192.0.2.9"], ["192.0.2.1"])


def test_a_set_of_another_source_is_not_held_against_a_new_one(loaded, file, tmp_path):
    """Its copy says that the rules came from elsewhere: the first list replaces them."""
    other = tmp_path / "other.txt"
    other.write_text("".join(f"10.0.0.{number}\n" for number in range(200)))
    with start(loaded, tmp_path, source("bad", other)) as sync:
        wait_drops(sync, loaded, ["10.0.0.1"])
        wait_copy(sync, tmp_path, "10.0.0.1")
        sync.kill()
    file.write_text("192.0.2.1\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"], ["10.0.0.1"], loaded.patience)
        wait_state(sync, "fresh")


def test_rules_that_sync_knows_nothing_of_stay(loaded, file, tmp_path):
    """A set of an earlier run, whose source cannot be read and of which there is no copy."""
    loaded.good("add", "-s", "bad", "192.0.2.1")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_state(sync, "failing")
        assert drops(loaded, "192.0.2.1")
        file.write_text("192.0.2.2\n")
        wait_drops(sync, loaded, ["192.0.2.2"], ["192.0.2.1"])


def test_changes_by_hand_are_put_right(loaded, file, tmp_path):
    """Only those of its sets."""
    file.write_text("192.0.2.1\n192.0.2.2\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2"])
        loaded.good("del", "-s", "bad", "192.0.2.1")
        loaded.good("add", "-s", "bad", "--pass", "192.0.2.2")
        loaded.good("add", "-s", "bad", "192.0.2.3")
        loaded.good("add", "-s", "mine", "192.0.2.4")
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2", "192.0.2.4"], ["192.0.2.3"],
                   loaded.patience)
        loaded.good("flush", "-a")
        wait_drops(sync, loaded, ["192.0.2.1", "192.0.2.2"], ["192.0.2.4"], loaded.patience)
        assert not loaded.prefixes("f0", "mine")


def test_a_filter_that_is_loaded_later_gets_its_sets(loaded, file, tmp_path):
    file.write_text("192.0.2.1\n")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, ["192.0.2.1"])
        loaded.good("unload", "f0")
        sync.wait(lambda: not drops(loaded, "192.0.2.1"), "the filter has gone")
        loaded.load()
        wait_drops(sync, loaded, ["192.0.2.1"], seconds=loaded.patience)


@pytest.fixture
def two(own_lab):
    """Two interfaces with the filter; the policy of f1 is deny."""
    own_lab.load()
    quiet_pair(own_lab.ns, "f1", "p1")
    own_lab.wires["f1"] = Wire(own_lab.ns, "f1", "p1", patience=own_lab.patience)
    own_lab.wires["f1"].settle()
    own_lab.load("-p", "deny", dev="f1", warns="policy deny")
    return own_lab


def test_a_source_may_be_for_one_interface(two, file, tmp_path):
    """On f1, whose policy is deny, a rule without a verdict passes."""
    file.write_text("192.0.2.1\n")
    other = tmp_path / "other.txt"
    other.write_text("192.0.2.2\n")
    with start(two, tmp_path, source("one", file, "interfaces = { f0 }"),
               source("all", other)) as sync:
        wait_drops(sync, two, ["192.0.2.1", "192.0.2.2"])
        assert two.prefixes("f0", "one") == {"192.0.2.1": "drop"}
        # It is committed after f0.
        sync.wait(lambda: two.prefixes("f1", "all") == {"192.0.2.2": "pass"}, "f1 has its rule")
        assert two.prefixes("f1", "one") == {}
        assert drops(two, "192.0.2.1", "192.0.2.2", dev="f1") == ["192.0.2.1"]


def test_what_one_filter_missed_is_not_taken_from_the_other(two, file, tmp_path):
    """As after a blow between two commits. f1 denies: a rule without a verdict passes there."""
    file.write_text("192.0.2.1\n192.0.2.2\n")
    with start(two, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, two, ["192.0.2.1", "192.0.2.2"])
        sync.wait(lambda: len(two.prefixes("f1", "bad")) == 2, "f1 has its rules")
        sync.kill()
    two.good("del", "-s", "bad", "-d", "f0", "192.0.2.1")
    two.good("del", "-s", "bad", "-d", "f1", "192.0.2.2")
    file.unlink()
    (tmp_path / "cache" / "bad.rules").unlink(missing_ok=True)
    with start(two, tmp_path, source("bad", file)) as sync:
        sync.wait(lambda: len(two.prefixes("f0", "bad")) == 2, "f0 has both")
        sync.wait(lambda: len(two.prefixes("f1", "bad")) == 2, "f1 has both")
        assert two.prefixes("f0", "bad")["192.0.2.2"] == "drop"
        assert two.prefixes("f1", "bad")["192.0.2.1"] == "pass"


def test_a_set_goes_from_an_interface_that_its_source_no_longer_names(two, file, tmp_path):
    """At a reload, also where the source itself is another one, or nothing is known of it."""
    file.write_text("192.0.2.1\n")
    two.good("add", "-s", "mine", "-d", "f1", "192.0.2.9")
    with start(two, tmp_path, source("bad", file)) as sync:
        sync.wait(lambda: two.prefixes("f1", "bad"), "f1 has it")
        sync.reload(source("bad", file, "interfaces = { f0 }"))
        sync.wait(lambda: not two.prefixes("f1", "bad"), "f1 has it no more")
        assert set(two.prefixes("f0", "bad")) == {"192.0.2.1"}
        assert set(two.prefixes("f1", "mine")) == {"192.0.2.9"}
        sync.wait_said("set bad: is not on interfaces any more")
        # What somebody does there by hand now is not sync's matter.
        two.good("add", "-s", "bad", "-d", "f1", "192.0.2.7")
        sync.reload(source("bad", file, "interfaces = { f0, f1 }"))
        sync.wait(lambda: set(two.prefixes("f1", "bad")) == {"192.0.2.1"}, "f1 has it again")
        sync.reload(source("bad", tmp_path / "none", "interfaces = { f1 }"))
        sync.wait(lambda: not two.prefixes("f0", "bad"), "f0 has it no more")
        assert set(two.prefixes("f1", "bad")) == {"192.0.2.1"}, "rules stay until it answers"
        sync.reload("interface f9 { }")
        sync.wait(lambda: not sync.document()["sources"], "there is no source any more")
        assert set(two.prefixes("f1", "bad")) == {"192.0.2.1"}, "it keeps its rules"


def changes(sync):
    """How many rules changed, by interface, in each transaction that changed any."""
    found = {}
    for line in sync.said:
        match = re.match(r"xdp-ipfilter: (f\d): (\d+) rules? changed", line)
        if match and match[2] != "0":
            found.setdefault(match[1], []).append(int(match[2]))
    return found


def test_what_comes_together_is_one_transaction(two, file, tmp_path):
    """Two sources and two interfaces. What comes within a second after a change waits for a tick,
    so it is one transaction, unless that tick comes just between: then it is tried again."""
    other = tmp_path / "other.txt"
    file.write_text("192.0.2.1\n")
    other.write_text("192.0.2.2\n")
    with Sync(two, tmp_path, source("one", file) + "\n" + source("two", other), "-v") as sync:
        wait_drops(sync, two, ["192.0.2.1", "192.0.2.2"])
        sync.wait(lambda: sum(map(sum, changes(sync).values())) >= 4, "all are told")

        def together(number):
            first, second, third = (f"10.{number}.0.{one}" for one in (1, 2, 3))
            sync.said.clear()
            with file.open("a") as out:
                out.write(f"{first}\n")
            wait_drops(sync, two, [first], seconds=two.patience)
            sync.wait(lambda: changes(sync) == {"f0": [1], "f1": [1]}, "the first is told")
            sync.said.clear()
            with file.open("a") as one, other.open("a") as two_:
                one.write(f"{second}\n")
                two_.write(f"{third}\n")
            wait_drops(sync, two, [second, third], seconds=two.patience)
            sync.wait(lambda: sum(map(sum, changes(sync).values())) >= 4, "both are told")
            return changes(sync) == {"f0": [2], "f1": [2]}
        assert any(together(number) for number in range(10)), sync.said
        assert two.prefixes("f1", "two").keys() == two.prefixes("f0", "two").keys()


def test_once_ends_when_all_is_done(loaded, file, tmp_path):
    """With 1 if a source failed; the others are live."""
    file.write_text("192.0.2.1\n")
    cache = ("--cache", tmp_path / "cache")
    result = loaded("sync", "--once", *cache, f"good={file}")
    assert result.rc == DONE and not result.complaints, result
    assert drops(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.1"]
    other = tmp_path / "other.txt"
    other.write_text("192.0.2.2\n")
    file.unlink()
    result = loaded("sync", "--once", *cache, f"bad={file}", f"good={other}")
    assert result.rc == FAILED, result
    assert "set bad: failing" in result.err
    assert loaded.prefixes("f0", "good") == {"192.0.2.2": "drop"}


def test_without_a_filter_it_waits(lab, file, tmp_path):
    """It says so, once; a filter that is loaded later gets the rules."""
    file.write_text("192.0.2.1\n")
    with start(lab, tmp_path, source("bad", file)) as sync:
        sync.wait_said("no interface has the filter")
        file.write_text("192.0.2.1\n192.0.2.2\n")
        sync.wait(lambda: sync.source("bad")["rules"] == 2, "two rules are accepted")
        lab.load()
        wait_drops(sync, lab, ["192.0.2.1", "192.0.2.2"], seconds=lab.patience)
        lab.good("unload", "f0")
        sync.wait(lambda: sum("no interface" in line for line in sync.said) == 2, "said again")


# -- Processes ------------------------------------------------------------------------------------

def children(process):
    """The source programs of a sync, by their number."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], text=True,
                           stdout=subprocess.PIPE, check=False).stdout.split()
    return [int(one) for one in found]


def runs(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.fixture
def routed(loaded, tmp_path):
    """A sync that follows table 66, which discards 192.0.2.1: its program runs on."""
    def route(what, prefix):
        loaded.ns.ip("route", what, "blackhole", prefix, "table", "66")
    route("add", "192.0.2.1")
    with start(loaded, tmp_path, source("bad", "route:66")) as sync:
        sync.route = route
        wait_drops(sync, loaded, ["192.0.2.1"], seconds=loaded.patience)
        yield sync
    loaded.ns.run("ip", "route", "flush", "table", "66", check=False)


def test_a_source_program_that_dies_starts_again(loaded, routed):
    """The rules stay meanwhile, and what was missed is found."""
    for number in range(2, 5):
        [pid] = children(routed.process)
        os.kill(pid, signal.SIGKILL)
        routed.route("add", f"192.0.2.{number}")
        assert drops(loaded, "192.0.2.1")
        wait_drops(routed, loaded, ["192.0.2.1", f"192.0.2.{number}"], seconds=loaded.patience)
        [other] = children(routed.process)
        assert other != pid
    routed.wait_said("set bad: failing", "ended by signal 9")
    wait_state(routed, "fresh")


def test_a_source_program_that_hangs_is_replaced(loaded, routed):
    """It is noticed by its silence; the rules stay meanwhile."""
    [pid] = children(routed.process)
    os.kill(pid, signal.SIGSTOP)
    routed.route("add", "192.0.2.2")
    routed.wait_said("set bad: failing", "hangs", seconds=60 + loaded.patience)
    assert drops(loaded, "192.0.2.1")
    wait_drops(routed, loaded, ["192.0.2.1", "192.0.2.2"], seconds=loaded.patience)
    assert not runs(pid)
    wait_state(routed, "fresh")


def test_a_sync_that_was_stopped_ends_no_source_program(loaded, routed):
    """What it said meanwhile counts: it was sync that hung."""
    [pid] = children(routed.process)
    routed.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: time.monotonic() > stopped + 33, "the silence is long enough", 60)
    routed.process.send_signal(signal.SIGCONT)
    routed.route("add", "192.0.2.2")
    wait_drops(routed, loaded, ["192.0.2.1", "192.0.2.2"], seconds=loaded.patience)
    assert children(routed.process) == [pid] and not routed.warnings, routed.said


def test_a_sync_that_dies_leaves_the_filter_and_no_child(loaded, routed):
    [pid] = children(routed.process)
    routed.kill()
    wait_for(lambda: not runs(pid), "its program ends", loaded.patience)
    assert drops(loaded, "192.0.2.1")


def test_a_sync_that_ends_leaves_no_child(loaded, routed):
    [pid] = children(routed.process)
    routed.end()
    assert not runs(pid)
    assert drops(loaded, "192.0.2.1")


def test_a_source_program_has_nothing(routed):
    """No root, no capability, no way to new ones, only its own descriptors, and no environment."""
    [pid] = children(routed.process)
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    routed.wait(lambda: "Uid:\t65534\t65534\t65534\t65534" in
                pathlib.Path(f"/proc/{pid}/status").read_text(), "it is nobody")
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    assert status["Gid"] == "65534\t65534\t65534\t65534"
    assert status["Groups"].strip() == ""
    assert {status[one] for one in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["SigBlk"] == "0" * 16
    kinds = sorted(re.sub(r":?\[\d+\]$", "", os.readlink(link))
                   for link in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    assert kinds.count("pipe") <= 3 and kinds.count("socket") >= 1, kinds
    assert set(kinds) <= {"pipe", "socket", "anon_inode"}, kinds
    assert pathlib.Path(f"/proc/{pid}/environ").read_bytes() == b""
    assert pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() == b"xdp-ipfilter-source\0bad\0"


def test_blows_at_random_moments(loaded, file, tmp_path):
    """SIGKILL to sync, or to what reads its source, in the middle of whatever it does: the filter
    and rules stay, and the next start converges. 200 times in the long form. Prints its seed."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    draw = random.Random(seed)
    always = "192.0.2.254"

    def write(number):
        fresh = tmp_path / "fresh"
        fresh.write_text("".join(f"10.{number % 250}.{n >> 8}.{n & 255}\n" for n in range(5000)) +
                         f"{always}\n192.0.2.{number % 250}\n")
        fresh.rename(file)
    write(0)
    loaded.good("add", "-s", "mine", "198.51.100.1")
    with start(loaded, tmp_path, source("bad", file)) as sync:
        wait_drops(sync, loaded, [always])
    for number in range(1, 200 if LONG else 15):
        with start(loaded, tmp_path, source("bad", file, "shrink = yes")) as sync:
            assert drops(loaded, always) == [always]
            write(number)
            if draw.random() < 0.5:
                for pid in children(sync.process):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                wait_drops(sync, loaded, [always, f"192.0.2.{number}"], seconds=loaded.patience)
            else:
                draw_until = time.monotonic() + draw.random() * 0.3
                wait_for(lambda: time.monotonic() > draw_until, "the blow", 5)
    with start(loaded, tmp_path, source("bad", file, "shrink = yes")) as sync:
        write(0)
        wait_drops(sync, loaded, [always, "10.0.0.1", "198.51.100.1"], ["192.0.2.1"],
                   loaded.patience)
        sync.wait(lambda: len(loaded.prefixes("f0", "bad")) == 5002, "all rules")


def test_a_source_program_knows_proxies_only(loaded, tmp_path):
    proxies = {"http_proxy": "http://192.0.2.1:3128", "NO_PROXY": "localhost,.example"}
    with Sync(loaded, tmp_path, source("bad", "route:66"),
              env={**proxies, "LD_LIBRARY_PATH": "/tmp", "SECRET": "x"}) as sync:
        [pid] = sync.wait(lambda: children(sync.process), "its program runs")
        wait_state(sync, "fresh")
        said = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        assert sorted(said) == sorted(["", *(f"{name}={text}" for name, text in proxies.items())])


# -- What it costs --------------------------------------------------------------------------------

def cpu(process):
    """Seconds of CPU of sync itself, without its children."""
    return int(pathlib.Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9


def memory(process):
    """Kilobytes that are its own."""
    text = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return sum(int(number) for number in re.findall(r"Private_(?:Dirty|Clean): +(\d+)", text))


def test_a_change_of_a_large_set_costs_what_it_changes(loaded, tmp_path, slow):
    """A route comes to a set that has many others; what the first list cost is the measure. (A file
    is read whole again, which costs more.)"""
    count = 20_000 if slow else 200_000
    lines = [f"route add blackhole 10.{n >> 16}.{n >> 8 & 255}.{n & 255} table 67\n"
             for n in range(count)]
    loaded.ns.run("ip", "-batch", "-", stdin=None, input="".join(lines))
    try:
        with start(loaded, tmp_path, source("many", "route:67")) as sync:
            wait_drops(sync, loaded, ["10.0.0.0"], seconds=4 * loaded.patience)
            all_of_them = cpu(sync.process)
            before = cpu(sync.process)
            for number in range(5):
                loaded.ns.ip("route", "add", "blackhole", f"192.0.2.{number}", "table", "67")
                wait_drops(sync, loaded, [f"192.0.2.{number}"], seconds=loaded.patience)
            one = (cpu(sync.process) - before) / 5
            print(f"{all_of_them * 1000:.0f} ms for {count} rules, {one * 1000:.1f} ms for one")
            assert one < all_of_them / 4, f"{one} of {all_of_them} s"
    finally:
        loaded.ns.run("ip", "route", "flush", "table", "67", check=False)


def test_memory_and_descriptors_stay(loaded, file, tmp_path):
    """Over many changes: 1,000 in the long form, which takes six minutes."""
    def write(number):
        file.write_text("".join(f"10.{number % 250}.{n >> 8}.{n & 255}\n" for n in range(2000)) +
                        f"192.0.2.{number % 250}\n")
    write(0)
    with start(loaded, tmp_path, source("bad", file, "shrink = yes")) as sync:
        wait_drops(sync, loaded, ["192.0.2.0"])
        samples = []
        for number in range(1, 1000 if LONG else 25):
            write(number)
            wait_drops(sync, loaded, [f"192.0.2.{number % 250}"], seconds=loaded.patience)
            samples.append(memory(sync.process))
            if number == 8:
                descriptors = len(os.listdir(f"/proc/{sync.process.pid}/fd"))
        sync.wait(lambda: len(os.listdir(f"/proc/{sync.process.pid}/fd")) <= descriptors,
                  "descriptors are closed")
        # It breathes: what a list needs while it is read is given back.
        assert min(samples[-5:]) < max(samples[:10]) + 1024, samples
