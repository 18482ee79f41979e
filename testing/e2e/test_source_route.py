# SPDX-License-Identifier: GPL-2.0
"""Does a routing table's source deliver the prefixes that the table discards, and all changes?

Each test has a namespace of its own, whose table 66 no rule uses: what it holds forwards nothing.
"""
import contextlib
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import pytest

import sources
from netlab import Namespace, wait_for

MANY = 100_000


class Routes:
    """A namespace whose routes a source follows."""

    def __init__(self):
        self.ns = Namespace()
        with self.ns:
            for scope in ("all", "default", "lo"):
                pathlib.Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6").write_text("0")

    def ip(self, line, check=True):
        """`ip ARGUMENTS`, as text."""
        return self.ns.run("ip", *line.split(), check=check)

    def batch(self, lines, force=False):
        """Many lines at once; with `force`, some may fail."""
        self.ns.run("ip", *(["-force"] if force else []), "-batch", "-",
                    stdin=None, input="".join(f"{line}\n" for line in lines), check=not force)

    def follow(self, table=66, **job):
        with self.ns:
            return sources.start(f"route:{table}", **job)

    def once(self, table=66):
        with self.ns:
            return sources.once(f"route:{table}", once=True)

    def drops(self, pid):
        """How many events were lost by the sockets of this process?"""
        with self.ns:
            lines = pathlib.Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]
        inodes = {os.readlink(link)[len("socket:["):-1]
                  for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()
                  if os.readlink(link).startswith("socket:")}
        return sum(int(line.split()[8]) for line in lines if line.split()[9] in inodes)


@pytest.fixture
def routes():
    made = Routes()
    yield made
    made.ns.close()


def converges(source, known, wanted, seconds=sources.PATIENCE):
    """Apply changes until the prefixes are those that are wanted. Returns how many there were."""
    deadline = time.monotonic() + seconds
    changes = 0
    while known != wanted:
        left = deadline - time.monotonic()
        assert left > 0, (f"missing {sorted(wanted - known)[:9]}, "
                          f"too many {sorted(known - wanted)[:9]}")
        change = source.until("change", left)
        assert not known & set(change.rules), "added twice"
        assert known >= set(change.removed), "removed twice"
        known |= set(change.rules)
        known -= set(change.removed)
        changes += 1
    return changes


def is_quiet(source, routes):
    """Nothing more was delivered before a mark."""
    routes.ip("route add blackhole 203.0.113.255 table 66")
    assert source.change().rules == {"203.0.113.255": ""}
    routes.ip("route del blackhole 203.0.113.255 table 66")
    assert source.change().removed == ["203.0.113.255"]


def test_routes_that_discard(routes):
    routes.batch(["route add blackhole 10.0.0.0/8 table 66",
                  "route add unreachable 192.0.2.0/24 table 66",
                  "route add prohibit 198.51.100.7 table 66",
                  "route add throw 198.51.100.8 table 66",
                  "route add unicast 198.51.100.9 dev lo table 66",
                  "route add local 198.51.100.10 dev lo table 66",
                  "route add blackhole 198.51.100.11 table 67",
                  "route add blackhole 198.51.100.12",
                  "route add blackhole 2001:db8::/32 table 66",
                  "route add unreachable 2001:db8:1::/48 table 66",
                  "route add prohibit 2001:db8:2::1 table 66",
                  "route add throw 2001:db8:3::1 table 66"])
    with routes.follow() as source:
        listed = source.list()
        assert listed.rules == dict.fromkeys(
            ("10.0.0.0/8", "192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "2001:db8:1::/48",
             "2001:db8:2::1"), "")
        status = source.status()
        assert status["Uid"].split() == ["65534"] * 4
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        routes.ip("route add unreachable 10.1.0.0/16 table 66")
        assert source.change().rules == {"10.1.0.0/16": ""}
        routes.ip("route del unreachable 2001:db8:1::/48 table 66")
        assert source.change().removed == ["2001:db8:1::/48"]
        for other in ("route add throw 10.2.0.0/16 table 66", "route add blackhole 10.2.0.0/16",
                      "route add blackhole 10.3.0.0/16 table 322"):
            routes.ip(other)
        is_quiet(source, routes)
        source.ends_when_asked()
    assert source.process.returncode == 0


def test_one_list(routes):
    routes.ip("route add blackhole 10.0.0.0/8 table 66")
    (only,) = routes.once()
    assert only.kind == "list" and only.rules == {"10.0.0.0/8": ""}


@pytest.mark.parametrize("table", [1, 66, 252, 254, 255, 256, 322, 65_602, 4_294_967_295])
def test_tables(routes, table):
    """The header of a message has eight bits for the table."""
    with routes.follow(table) as source:
        assert source.list().rules == {}
        routes.ip(f"route add blackhole 10.0.0.0/8 table {table}")
        assert source.change().rules == {"10.0.0.0/8": ""}
        routes.ip(f"route add blackhole 2001:db8::/32 table {table}")
        assert source.change().rules == {"2001:db8::/32": ""}
    assert routes.once(table)[0].rules == {"10.0.0.0/8": "", "2001:db8::/32": ""}


def test_a_table_comes_and_goes(routes):
    """One that does not exist is one without routes."""
    with routes.follow() as source:
        assert source.list().rules == {}
        for _ in range(3):
            routes.batch(f"route add blackhole 10.0.{i}.0/24 table 66" for i in range(200))
            known = set()
            converges(source, known, {f"10.0.{i}.0/24" for i in range(200)})
            routes.ip("route flush table 66")
            converges(source, known, set())


SEVERAL = [
    ("metrics", "route {} blackhole 10.0.0.0/8 table 66 metric 1",
     "route {} blackhole 10.0.0.0/8 table 66 metric 2"),
    ("types", "route {} blackhole 10.0.0.0/8 table 66 metric 1",
     "route {} prohibit 10.0.0.0/8 table 66 metric 2"),
    ("tos", "route {} blackhole 10.0.0.0/8 table 66",
     "route {} blackhole 10.0.0.0/8 tos 0x10 table 66"),
    ("protocols", "route {} blackhole 10.0.0.0/8 table 66 proto 5",
     "route {} blackhole 10.0.0.0/8 table 66 proto 6"),
    ("preferred sources", "route {} blackhole 10.0.0.0/8 table 66 proto 5 src 127.0.0.1",
     "route {} blackhole 10.0.0.0/8 table 66 proto 5 src 127.0.0.2"),
    ("realms", "route {} blackhole 10.0.0.0/8 table 66 proto 5 realms 1",
     "route {} blackhole 10.0.0.0/8 table 66 proto 5 realms 2"),
    ("metrics of IPv6", "route {} blackhole 2001:db8::/32 table 66 metric 1",
     "route {} unreachable 2001:db8::/32 table 66 metric 2"),
]


@pytest.mark.parametrize("first,second", [case[1:] for case in SEVERAL],
                         ids=[case[0] for case in SEVERAL])
def test_several_routes_of_a_prefix(routes, first, second):
    """The prefix is there until the last of them has gone, whichever goes first."""
    for gone, left in ((first, second), (second, first)):
        with routes.follow() as source:
            assert source.list().rules == {}
            routes.ip(first.format("append"))
            (prefix,) = source.change().rules
            routes.ip(second.format("append"))
            routes.ip(gone.format("del"))
            is_quiet(source, routes)
            assert [prefix] == list(routes.once()[0].rules)
            routes.ip(left.format("del"))
            assert source.change().removed == [prefix]


def test_a_type_changes_in_place(routes):
    routes.ip("route add blackhole 10.0.0.0/8 table 66")
    with routes.follow() as source:
        assert set(source.list().rules) == {"10.0.0.0/8"}
        routes.ip("route replace unreachable 10.0.0.0/8 table 66")
        routes.ip("route replace prohibit 10.0.0.0/8 table 66")
        is_quiet(source, routes)
        routes.ip("route replace throw 10.0.0.0/8 table 66")
        assert source.change().removed == ["10.0.0.0/8"]
        routes.ip("route replace blackhole 10.0.0.0/8 table 66")
        assert set(source.change().rules) == {"10.0.0.0/8"}
        routes.ip("route change unicast 10.0.0.0/8 dev lo table 66")
        assert source.change().removed == ["10.0.0.0/8"]


def test_another_route_of_the_prefix_is_replaced(routes):
    """The kernel replaces the first one; the event does not say which that was."""
    routes.batch(["route append unicast 10.0.0.0/8 dev lo table 66",
                  "route append blackhole 10.0.0.0/8 table 66"])
    with routes.follow() as source:
        assert set(source.list().rules) == {"10.0.0.0/8"}
        shown = routes.ip("route show table 66").stdout.splitlines()
        assert len(shown) == 2
        routes.ip("route replace throw 10.0.0.0/8 table 66")
        left = routes.ip("route show table 66 type blackhole").stdout
        if left:
            is_quiet(source, routes)
        else:
            assert source.change().removed == ["10.0.0.0/8"]


def test_nexthop_objects(routes):
    """Routes that use one change with it. When it goes, those of IPv4 go without an event."""
    for command in ("nexthop add id 1 blackhole", "-6 nexthop add id 2 blackhole"):
        if routes.ip(command, check=False).returncode:
            pytest.skip("this kernel has no nexthop objects")
    routes.ip("route add 10.0.0.0/8 nhid 1 table 66")
    routes.ip("route add 2001:db8::/32 nhid 2 table 66")
    with routes.follow() as source:
        assert set(source.list().rules) == {"10.0.0.0/8", "2001:db8::/32"}
        routes.ip("nexthop replace id 1 via 127.0.0.2 dev lo")
        assert source.change().removed == ["10.0.0.0/8"]
        routes.ip("nexthop replace id 1 blackhole")
        assert set(source.change().rules) == {"10.0.0.0/8"}
        routes.ip("nexthop del id 1")
        assert source.change().removed == ["10.0.0.0/8"]
        routes.ip("nexthop del id 2")
        assert source.change().removed == ["2001:db8::/32"]


def test_what_is_no_prefix_of_sources(routes):
    """Mapped prefixes would be IPv4 in rules: `unreachable ::ffff:0:0/96` would drop all of it."""
    mapped = ("::ffff:0:0/96", "::ffff:192.0.2.1", "::ffff:10.0.0.0/104")
    routes.batch(f"route add unreachable {prefix} table 66" for prefix in mapped)
    routes.ip("route add blackhole 2001:db8::/32 from 2001:db8:1::/48 table 66", check=False)
    routes.ip("route add blackhole ::ffff:0:0/95 table 66", check=False)
    with routes.follow() as source:
        assert set(source.list().rules) <= {"::fffe:0:0/95"}
        routes.ip("route add blackhole ::/0 table 66")
        assert source.change().rules == {"::/0": ""}
        routes.ip("route add blackhole default table 66")
        assert source.change().rules == {"0.0.0.0/0": ""}


def test_own_addresses(routes):
    """Such a prefix is delivered, and named once."""
    routes.batch(["addr add 10.1.2.3/24 dev lo scope global",
                  "addr add 2001:db8::5/64 dev lo",
                  "route add blackhole 10.0.0.0/8 table 66",
                  "route add blackhole 10.1.2.4/30 table 66",
                  "route add blackhole 127.0.0.0/8 table 66",
                  "route add blackhole default table 66",
                  "route add blackhole 2001:db8::/32 table 66"])
    with routes.follow() as source:
        assert len(source.until("list").rules) == 5
        assert [warning.kind for warning in source.passed] == ["warning"] * 2
        for warning, words in zip(source.passed, (("10.0.0.0/8 covers 10.1.2.3,", "table 66"),
                                                  ("2001:db8::/32 covers 2001:db8::5,", "66"))):
            assert all(word in warning.text for word in words), warning
        routes.ip("route del blackhole 10.0.0.0/8 table 66")
        assert source.change().removed == ["10.0.0.0/8"]
        routes.ip("route add blackhole 10.0.0.0/8 table 66")
        assert source.change().rules == {"10.0.0.0/8": ""}
        routes.ip("route add blackhole 10.1.2.3 table 66")
        assert source.next().text.startswith("10.1.2.3 covers 10.1.2.3,")
        assert source.change().rules == {"10.1.2.3": ""}
        routes.batch(f"route add blackhole 10.1.0.0/{bits} table 66" for bits in range(16, 23))
        routes.batch(f"route add blackhole 10.0.0.0/{bits} table 66" for bits in range(9, 16))
        known = set()
        converges(source, known, {f"10.1.0.0/{bits}" for bits in range(16, 23)} |
                  {f"10.0.0.0/{bits}" for bits in range(9, 16)})
        warnings = [one.text for one in source.passed if one.kind == "warning"]
        assert len(warnings) == 2 + 13
        assert [text for text in warnings if "Further ones" in text] == [warnings[-1]]


def stopped(source):
    """While it is stopped, its socket runs full."""
    @contextlib.contextmanager
    def stop():
        source.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: source.status()["State"].startswith("T"), "it has stopped", 10)
        yield
        source.process.send_signal(signal.SIGCONT)
    return stop()


def test_lost_events(routes):
    """How many the socket holds depends on net.core.rmem_max."""
    routes.batch(f"route add blackhole 10.0.{i}.0/24 table 66" for i in range(256))
    with routes.follow() as source:
        known = set(source.list().rules)
        assert len(known) == 256
        wanted = {f"2001:db8:{i + 1:x}::/48" for i in range(100)}
        with stopped(source):
            while not routes.drops(source.process.pid):
                assert len(wanted) < 200_000, "no event was lost"
                more = {prefix4(len(wanted) + i) for i in range(5000)}
                routes.batch(f"route add blackhole {prefix} table 66" for prefix in more)
                wanted |= more
            routes.batch([*(f"route del blackhole 10.0.{i}.0/24 table 66" for i in range(256)),
                          *(f"route add blackhole 2001:db8:{i + 1:x}::/48 table 66"
                            for i in range(100))])
        converges(source, known, wanted)


@pytest.fixture
def failing(need):
    """failing("2..3"): a prefix for a program that makes these calls of socket() fail."""
    need("strace")
    return lambda calls: ("strace", "-f", "-o", "/dev/null", "-e", "trace=socket",
                          "-e", f"inject=socket:error=EMFILE:when={calls}")


def test_trouble_at_start(routes, failing):
    """It tells once that it cannot list the table, and tries again."""
    routes.ip("route add blackhole 10.0.0.0/8 table 66")
    with routes.follow(prefix=failing("2..3")) as source:
        source.trouble("cannot ask for", "too many open files")
        assert source.list().rules == {"10.0.0.0/8": ""}


def test_trouble_later(routes, failing):
    """It keeps what it has, and says when it is back. Here a nexthop object makes it list again,
    which begins with a fifth socket: one is for events, three were for the first list."""
    if routes.ip("nexthop add id 1 blackhole", check=False).returncode:
        pytest.skip("this kernel has no nexthop objects")
    routes.ip("route add 10.0.0.0/8 nhid 1 table 66")
    with routes.follow(prefix=failing("5..6")) as source:
        assert source.list().rules == {"10.0.0.0/8": ""}
        routes.ip("nexthop replace id 1 blackhole")
        source.trouble("cannot ask for", "too many open files")
        source.expect("same")
        is_quiet(source, routes)


def test_changes_come_together(routes):
    """The first one at once, those that follow five times a second."""
    with routes.follow() as source:
        assert source.list().rules == {}
        start = time.monotonic()
        routes.batch(f"route add blackhole 10.0.{i // 256}.{i % 256} table 66"
                     for i in range(10_000))
        known = set()
        changes = converges(source, known,
                            {f"10.0.{i // 256}.{i % 256}" for i in range(10_000)})
        assert changes <= 2 + (time.monotonic() - start) / 0.2


def test_withdrawals_come_together(routes):
    """What a lost session takes away must be seen as one change, however long that takes; what is
    added meanwhile does not wait."""
    wanted = {prefix4(i) for i in range(20_000)}
    routes.batch(f"route add blackhole {prefix} table 66" for prefix in wanted)
    with routes.follow() as source:
        assert set(source.list().rules) == wanted
        halves = sorted(wanted)[:10_000], sorted(wanted)[10_000:]
        routes.batch(f"route del blackhole {prefix} table 66" for prefix in halves[0])
        routes.ip("route add blackhole 2001:db8::/32 table 66")
        change = source.change()
        assert set(change.rules) == {"2001:db8::/32"} and not change.removed
        routes.batch(f"route del blackhole {prefix} table 66" for prefix in halves[1])
        change = source.change()
        assert set(change.removed) == wanted and not change.rules


def test_a_flap_changes_nothing(routes):
    """What goes and is back before the next delivery is not delivered."""
    routes.ip("route add blackhole 10.0.0.0/8 table 66")
    with routes.follow() as source:
        source.list()
        with stopped(source):
            routes.batch(["route del blackhole 10.0.0.0/8 table 66",
                          "route add blackhole 10.0.0.0/8 table 66"] * 10)
        is_quiet(source, routes)


def prefix4(i):
    return f"{1 + i // 65536}.{i // 256 % 256}.{i % 256}.0/24"


def prefix6(i):
    return f"2001:db8:{i // 10 + 1:x}:{i % 10 + 1:x}::/64"


@pytest.mark.parametrize("make", [prefix4, prefix6], ids=["IPv4", "IPv6"])
def test_many(routes, make, slow):
    """100,000 routes: listed, followed while they are added and deleted, and what that takes."""
    count = MANY // 20 if slow else MANY
    wanted = {make(i) for i in range(count)}
    batch = [f"route add blackhole {prefix} table 66" for prefix in sorted(wanted)]
    with routes.follow() as source:
        known = set(source.list().rules)
        start = time.monotonic()
        routes.batch(batch)
        added = time.monotonic() - start
        converges(source, known, wanted, 120)
        followed = time.monotonic() - start
        cpu = cpu_s(source.process.pid)
        start = time.monotonic()
        (listed,) = routes.once()
        alone = time.monotonic() - start
        assert set(listed.rules) == wanted
        memory = int(source.status()["VmHWM"].split()[0])
        lost = routes.drops(source.process.pid)
        routes.ip(("-6 " if ":" in make(0) else "") + "route flush table 66")
        converges(source, known, set(), 120)
    print(f"{count} routes: added in {added:.2f} s, followed after {followed:.2f} s with {cpu:.2f} s "
          f"of CPU, {memory} kB and {lost} events lost; listed by a new program in {alone:.2f} s")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("make", [prefix4, prefix6], ids=["IPv4", "IPv6"])
def test_routes_come_and_go_while_the_table_is_listed(routes, make, slow):
    """A list must show each route that was there all the time, and none that was never there."""
    count = 2_000 if slow else 20_000
    stays = {make(i) for i in range(0, count, 2)}
    moves = [make(i) for i in range(1, count, 2)]
    routes.batch(f"route add blackhole {prefix} table 66" for prefix in sorted(stays))
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    random.Random(seed).shuffle(moves)
    end = threading.Event()

    def churn():
        while not end.is_set():
            for start in range(0, len(moves), 500):
                if end.is_set():
                    break
                for verb in ("add", "del"):
                    routes_batch(verb, moves[start:start + 500])

    def routes_batch(verb, prefixes):
        text = "".join(f"route {verb} blackhole {prefix} table 66\n" for prefix in prefixes)
        subprocess.run(["nsenter", f"--net={routes.ns.path}", "ip", "-force", "-batch", "-"],
                       input=text, text=True, check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(10):
            (listed,) = routes.once()
            assert stays <= set(listed.rules), f"missing: {sorted(stays - set(listed.rules))[:9]}"
            assert set(listed.rules) <= stays | set(moves)
    finally:
        end.set()
        thread.join()
    with routes.follow() as source:
        assert set(source.list().rules) == stays


def test_it_says_that_it_is_alive_while_nothing_happens(routes):
    """Every five seconds; sync ends one that is silent for thirty."""
    routes.ip("route add blackhole 192.0.2.1 table 66")
    with routes.follow() as source:
        source.list()
        began = time.monotonic()
        wait_for(lambda: time.monotonic() > began + 12, "two such moments", 20)
        routes.ip("route add blackhole 192.0.2.2 table 66")
        source.change()
        assert 2 <= source.alive <= 4
