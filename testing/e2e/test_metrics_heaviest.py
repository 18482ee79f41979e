# SPDX-License-Identifier: GPL-2.0
"""The heaviest sources on the page of metrics --listen: who they are, and what it costs to know."""
import contextlib
import re
import struct
import time

import pytest

import kernel
import links
from frames import FREE4, LISTED4, udp
from netlab import meanwhile, wait_for
from test_descriptors import with_limit
from test_metrics_server import PORT, _needs_libmicrohttpd, ask, serving  # noqa: F401  (a fixture)
from test_top import FLOOD, flood
from test_watch import SAMPLE_AT, nothing_is_on, rounds, word

#: lib/metrics/heaviest.h
PATIENCE_S = 12

#: Where struct ipf_root has N, of which one packet is a sample, and the lookers.
EVERY_AT, LOOKERS_AT, LOOKERS, LOOKER_SIZE = 40, 1088, 32, 24

JUST_BEGUN = "just begun to look"


def sections(page):
    """{interface: what the page says of its heaviest sources}"""
    return {name: part[at:] for name, part in
            re.findall(r"<h2 class=\w+>(\w+): (.*?)(?=<h2|\Z)", page, re.S)
            for at in [part.find("Heaviest sources")] if at >= 0}


def rows(lab):
    """The cells of each source: source, verdict, packets/s, bits/s, share, rule, set."""
    said = sections(ask(lab, "/")[2]).get(lab.dev, "")
    return [cells for line in said.splitlines() if (cells := re.findall(r"<td[^>]*>(.*?)</td>", line))]


def shown(lab, *sources):
    """Waits for a page with these sources first, and returns its rows."""
    def found():
        seen = rows(lab)
        return [one[0] for one in seen[:len(sources)]] == list(sources) and seen
    return wait_for(found, f"{sources} on the page", lab.patience)


def number(cell):
    return int(cell.replace(",", ""))


def test_sources_come_in_order_with_their_shares_and_rules(lab):
    """Two pages after it began, at the latest."""
    lab.load("-i", LISTED4)
    with serving(lab), flood(lab):
        assert JUST_BEGUN in ask(lab, "/")[2]
        seen = shown(lab, *(source for source, _ in FLOOD))
    for (_, verdict, packets, bits, share, rule, name), (source, count) in zip(seen, FLOOD):
        assert abs(number(share) - 2 * count) <= 10, seen
        assert number(bits) > 8 * number(packets) > 0
        assert (verdict, rule, name) == (("drop", LISTED4, "default") if source == LISTED4 else
                                         ("pass", "", ""))


def test_filters_make_samples_only_while_somebody_looks(lab):
    lab.load("-i", LISTED4)
    with serving(lab), flood(lab):
        ask(lab)
        assert nothing_is_on(lab), "a scrape looks at no packets"
        shown(lab, LISTED4)
        assert not nothing_is_on(lab)
        asked = time.monotonic()
        # Scrapes go on.
        wait_for(lambda: ask(lab) and nothing_is_on(lab), "the end of sampling",
                 lab.patience + PATIENCE_S)
        assert time.monotonic() - asked > PATIENCE_S - 3
        shown(lab, LISTED4)
    assert nothing_is_on(lab), "the end of the server is the end of its looking"


def test_what_observing_lets_pass_is_said(lab):
    lab.load("--observe", "-i", LISTED4, warns="drops nothing")
    with serving(lab), flood(lab):
        assert shown(lab, LISTED4)[0][1] == "drop (passed)"
        assert "It drops nothing" in ask(lab, "/")[2]
        for to, verdict in (("on", "drop"), ("off", "drop (passed)")):
            lab.good("enforce", to)
            wait_for(lambda v=verdict: [LISTED4, v] in [one[:2] for one in rows(lab)], verdict,
                     lab.patience)


def test_without_packets(lab):
    lab.load()
    with serving(lab):
        wait_for(lambda: "No packets just now" in ask(lab, "/")[2], "a round", lab.patience)


def test_filters_come_and_go(lab):
    with serving(lab), flood(lab):
        for _ in range(2):
            assert rows(lab) == []
            lab.load("-i", LISTED4)
            shown(lab, LISTED4)
            lab.good("unload", "f0")
            wait_for(lambda: "not loaded on any" in ask(lab, "/")[2], "a page without it", lab.patience)


def test_a_filter_that_cannot_be_looked_at_hides_no_other(own_lab):
    """Others look at it already, as many as there can be."""
    own_lab.add_pair("f1", "p1")
    own_lab.load("-i", LISTED4)
    own_lab.load(dev="f1")
    taken = struct.pack("=QIIII", 2 ** 63, 1, 1, 1, 0) * LOOKERS
    root = kernel.program_maps(own_lab.status("f1")["program_id"])[".data.ipf"]
    with kernel.mapped(root, 4096) as view:
        view[LOOKERS_AT:LOOKERS_AT + LOOKERS * LOOKER_SIZE] = taken
    with serving(own_lab), flood(own_lab):
        shown(own_lab, LISTED4)
        wait_for(lambda: "look at its packets already" in sections(ask(own_lab, "/")[2])["f1"],
                 "why there are none", own_lab.patience)
        assert "packets already" not in sections(ask(own_lab, "/")[2])["f0"]
        with kernel.mapped(root, 4096) as view:
            view[LOOKERS_AT:LOOKERS_AT + LOOKER_SIZE] = bytes(LOOKER_SIZE)
        wait_for(lambda: "No packets just now" in sections(ask(own_lab, "/")[2])["f1"],
                 "a free place is taken", own_lab.patience)


def test_a_filter_that_gets_no_packets_hides_no_other(lab):
    """Its interface changes to a type that it cannot read, and back."""
    lab.load("-i", LISTED4)
    with contextlib.closing(links.Tun(lab)) as link, serving(lab), flood(lab):
        lab.load("-m", "skb", dev=link.dev)
        for hardware_type, state in ((803, "attached but NOT filtering"), (0xFFFE, "filtering")):
            link.set_type(hardware_type)
            page = wait_for(lambda: f"{link.dev}: {state}" in (page := ask(lab, "/")[2]) and page,
                            state, lab.patience)
            assert (link.dev in sections(page)) == (state == "filtering"), page
            shown(lab, LISTED4)


def test_nobody_waits_for_another_command(lab):
    """Nor gives up: when the other one has finished, it looks without being asked again."""
    lab.load("-i", LISTED4)
    with serving(lab, f":{PORT}", "--lock-timeout", 1000):
        with kernel.queued(lab.ns):
            wait_for(lambda: "Another command" in ask(lab, "/")[2], "why there are none", lab.patience)
            assert ask(lab)[0] == ask(lab, "/")[0] == 200
            assert not word(lab, SAMPLE_AT)
        wait_for(lambda: word(lab, SAMPLE_AT), "it looks", PATIENCE_S - 2)
        # Its end does not wait, either.
        queued = kernel.queued(lab.ns)
        queued.__enter__()
    queued.__exit__(None, None, None)


@pytest.mark.parametrize("observe", [False, True])
def test_a_killed_server_leaves_nothing_on(lab, observe):
    """The program ends its lease, and the next change takes the rings away."""
    lab("load", "-m", "native", *(["--observe"] if observe else []), "-i", LISTED4, lab.dev)
    with pytest.raises(AssertionError), serving(lab) as process:
        ask(lab, "/")
        wait_for(lambda: word(lab, SAMPLE_AT), "it looks", lab.patience)
        process.kill()
        process.wait(lab.patience)
    assert word(lab, SAMPLE_AT), "until its lease ends"

    def off():
        assert lab.wire.exchange([udp(LISTED4), udp(FREE4)]) == [observe, True]
        return not word(lab, SAMPLE_AT)
    wait_for(off, "the program ends it by itself", 30)
    lab.good("add", "10.0.0.1")
    assert nothing_is_on(lab)


# --- What it costs --------------------------------------------------------------------------------

@contextlib.contextmanager
def torrent(lab, tmp_path, senders):
    """Frames at the speed of the processor, by the kernel's own runs of the program."""
    program = lab.status(lab.dev)["program_id"]
    for source, _ in senders:
        (tmp_path / source).write_bytes(udp(source, 100))

    def send():
        for source, count in senders:
            kernel.bpftool("prog", "run", "id", program, "data_in", tmp_path / source,
                           "repeat", count)
    with meanwhile(send):
        yield


def test_a_flood_is_sampled_as_far_as_need_be(lab, tmp_path):
    """So that packets need not be skipped for the rate: N follows the rate, up and down."""
    lab.load("-i", LISTED4, env={"LIBXDP_SKIP_DISPATCHER": "1"})
    with serving(lab):
        with torrent(lab, tmp_path, [(LISTED4, 30000), (FREE4, 10000)]):
            # N is that of the round that the page shows, if no other one has ended since then.
            wait_for(lambda: 1 < sum(number(one[2]) for one in rows(lab)) // 1100 <= word(lab, EVERY_AT),
                     "few samples", lab.patience)
            wait_for(lambda: sum(number(one[2]) for one in rows(lab)) > 200 * word(lab, EVERY_AT) > 200,
                     "but enough", lab.patience)
            wait_for(lambda: [(one[0], abs(number(one[4]) - share) <= 10) for one, share in
                              zip(rows(lab), (75, 25))] == [(LISTED4, True), (FREE4, True)],
                     "their shares", lab.patience)
        wait_for(lambda: ask(lab, "/") and word(lab, EVERY_AT) == 1, "every packet", lab.patience)
        assert lab.wire.exchange([udp(LISTED4), udp(FREE4)]) == [False, True]


def time_of_rounds(process, count):
    """How many seconds it takes to wake up so often."""
    began, last = time.monotonic(), rounds(process) + count
    wait_for(lambda: rounds(process) >= last, f"{count} rounds", 60)
    return time.monotonic() - began


def test_samples_are_read_often_and_without_them_it_sleeps(lab):
    """A ring has room for 1024. Beside a watch of all packets, it is full in no time."""
    lab.load()
    with serving(lab) as process:
        ask(lab, "/")
        wait_for(lambda: word(lab, SAMPLE_AT), "it looks", lab.patience)
        assert time_of_rounds(process, 30) < 10
        wait_for(lambda: nothing_is_on(lab), "nobody looks any more", lab.patience + PATIENCE_S)
        assert time_of_rounds(process, 8) > 2


FILTERS = 12


@pytest.fixture
def many(own_lab):
    names = ["f0", *(f"m{at}" for at in range(1, FILTERS))]
    for name in names[1:]:
        own_lab.add_pair(name, f"{name}p")
    own_lab.load(*names[1:])
    return own_lab


def test_many_filters_need_no_higher_limit(many):
    """Services of systemd begin with a soft limit of 1024 descriptors; this one is lower."""
    with serving(many, prefix=with_limit(140, "-S")):
        wait_for(lambda: ask(many, "/")[2].count("No packets just now") == FILTERS,
                 "it looks at all of them", many.patience + PATIENCE_S)


def test_where_descriptors_are_few_scrapes_come_first(many):
    """All filters are opened for each, and that must go on while somebody looks at some of them."""
    with serving(many, prefix=with_limit(240)):
        page = wait_for(lambda: "too few file descriptors" in (page := ask(many, "/")[2]) and
                        "No packets just now" in page and page, "what is missing", many.patience)
        assert len(sections(page)) == FILTERS
        assert ask(many)[0] == 200
