# SPDX-License-Identifier: GPL-2.0
"""Do packets follow what BGP announces, and does a lost session open no gate?

Two BIRDs, as docs/fleet.md configures them, and sync with route:66."""
import os
import re
import statistics
import time

import pytest

import bird
from frames import udp
from syncing import Sync

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))
BAD4, BAD6, OTHER = "198.51.100.7", "2001:db8:bad::7", "203.0.113.9"
NET4, NET6 = "198.51.100.0/24", "2001:db8:bad::/48"


@pytest.fixture
def bgp(loaded, tmp_path, need):
    need("bird", "birdc")
    made = bird.Bgp(loaded, tmp_path)
    yield made
    made.close()


def follow(loaded, folder, *more):
    return Sync(loaded, folder, f'source bgp {{ from = "route:66" {" ".join(more)} }}')


def dropped(loaded):
    """Which of the three are dropped?"""
    passed = loaded.wire.exchange([udp(address) for address in (BAD4, BAD6, OTHER)])
    return {address for address, one in zip((BAD4, BAD6, OTHER), passed) if not one}


def check_dropped(loaded, *addresses):
    assert dropped(loaded) == set(addresses), "the gate opened"
    return True


def wait_dropped(sync, loaded, *addresses):
    sync.wait(lambda: dropped(loaded) == set(addresses), f"{addresses} are dropped", 20)


def wait_state(sync, loaded, state, meanwhile=None):
    """The source is in this state; until then just these are dropped."""
    def there():
        assert meanwhile is None or check_dropped(loaded, *meanwhile)
        return (sync.source("bgp") or {}).get("state") == state
    sync.wait(there, f"the source is {state}", 30)


def test_announced_and_withdrawn(loaded, bgp, tmp_path):
    bgp.start()
    with follow(loaded, tmp_path) as sync:
        wait_state(sync, loaded, "fresh")
        assert dropped(loaded) == set()
        bgp.announce(NET4)
        wait_dropped(sync, loaded, BAD4)
        bgp.announce(NET4, NET6)
        wait_dropped(sync, loaded, BAD4, BAD6)
        assert loaded.prefixes("f0", "bgp") == {NET4: "drop", NET6: "drop"}
        bgp.announce(NET6)
        wait_dropped(sync, loaded, BAD6)
        assert sync.source("bgp")["state"] == "fresh"
        sync.end()
    assert loaded.prefixes("f0", "bgp") == {NET6: "drop"}, "the rules stay"


def test_what_is_too_wide(loaded, bgp, tmp_path):
    """The host's BIRD refuses it."""
    bgp.prefixes = ["0.0.0.0/0", "128.0.0.0/7", "::/0", NET4]
    bgp.write()
    bgp.start()
    with follow(loaded, tmp_path) as sync:
        wait_dropped(sync, loaded, BAD4)
        assert bgp.routes() == {NET4}


def test_only_what_has_the_community(loaded, bgp, tmp_path):
    """Other announcements are refused by the host's BIRD."""
    config = bgp.feed.folder / "bird.conf"
    config.write_text(config.read_text().replace("bgp_community.add((65535, 666));", ""))
    bgp.prefixes = [NET4]
    bgp.write()
    bgp.start()
    with follow(loaded, tmp_path) as sync:
        wait_state(sync, loaded, "fresh")
        sync.wait(lambda: re.search(r"Import updates: +1 +0 +1 ",
                                    bgp.host.ask("show protocols all feed").stdout),
                  "the host's BIRD has got one and filtered it", 20)
        assert bgp.routes() == set() and dropped(loaded) == set()


def test_a_lost_session_is_held_and_comes_back(loaded, bgp, tmp_path):
    """No packet of a listed source passes at any time."""
    bgp.prefixes = [NET4, NET6]
    bgp.write()
    bgp.start()
    with follow(loaded, tmp_path, "hold = 10m") as sync:
        wait_dropped(sync, loaded, BAD4, BAD6)
        for lose in (bgp.feed.kill, bgp.feed.stop):
            lose()
            sync.wait(lambda: not bgp.routes(), "BIRD withdraws its routes", 60)
            wait_state(sync, loaded, "held", (BAD4, BAD6))
            bgp.feed.start()
            wait_state(sync, loaded, "fresh", (BAD4, BAD6))
            assert bgp.routes() == {NET4, NET6}
        bgp.announce(NET4)
        wait_dropped(sync, loaded, BAD4)


def test_after_the_hold_time_the_rules_go(loaded, bgp, tmp_path):
    bgp.prefixes = [NET4, NET6]
    bgp.write()
    bgp.start()
    with follow(loaded, tmp_path, "hold = 4s") as sync:
        wait_dropped(sync, loaded, BAD4, BAD6)
        bgp.feed.kill()
        sync.wait(lambda: not bgp.routes(), "BIRD withdraws its routes", 60)
        start = time.monotonic()
        wait_dropped(sync, loaded)
        assert time.monotonic() - start > 2
        bgp.feed.start()
        wait_dropped(sync, loaded, BAD4, BAD6)
        wait_state(sync, loaded, "fresh")


def test_the_daemon_of_the_host_is_killed(loaded, bgp, tmp_path):
    """Its routes stay in the kernel. When it is back it deletes them, and then gets them again."""
    bgp.prefixes = [NET4]
    bgp.write()
    bgp.start()
    with follow(loaded, tmp_path) as sync:
        wait_dropped(sync, loaded, BAD4)
        bgp.host.kill()
        assert bgp.routes() == {NET4} and dropped(loaded) == {BAD4}
        bgp.host.start()
        sync.wait(lambda: check_dropped(loaded, BAD4) and bgp.host.established(),
                  "the session is established", 30)
        bgp.announce(NET4, NET6)
        sync.wait(lambda: BAD4 in dropped(loaded) and BAD6 in dropped(loaded),
                  "the new one is dropped, too", 20)
        wait_state(sync, loaded, "fresh", (BAD4, BAD6))


def test_the_time_from_announcement_to_drop(loaded, bgp, tmp_path, slow):
    """Both ways; docs/fleet.md has the figures of the long form."""
    bgp.start()
    times = {"drop": [], "pass": []}
    with follow(loaded, tmp_path) as sync:
        wait_state(sync, loaded, "fresh")
        bgp.announce(NET6)
        wait_dropped(sync, loaded, BAD6)
        for _ in range(20 if LONG else 5):
            for what, prefixes, wanted in (("drop", (NET4, NET6), [BAD4, BAD6]),
                                           ("pass", (NET6,), [BAD6])):
                # sync makes one transaction of what comes within a second of the last one.
                time.sleep(1.1)
                start = time.monotonic()
                bgp.announce(*prefixes)
                wait_dropped(sync, loaded, *wanted)
                times[what].append(time.monotonic() - start)
    for what, taken in times.items():
        print(f"from `birdc configure` to {what}: median {statistics.median(taken) * 1000:.0f} ms, "
              f"at most {max(taken) * 1000:.0f} ms, of {len(taken)}")
    assert statistics.median(times["drop"]) < (20 if slow else 1)
