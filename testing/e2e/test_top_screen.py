# SPDX-License-Identifier: GPL-2.0
"""top on a terminal: what is on the screen, on screens of all kinds, and what is left after it."""
import os
import re
import shlex
import shutil
import signal
import time

import pytest

from frames import LISTED4, LISTED6, udp
from netlab import wait_for
from product import BINARY, DONE, FAILED, NOT_LOADED, USAGE
from screens import PROMPT, screen
from test_top import FLOOD, flood
from test_watch import SAMPLE_AT, nothing_is_on, word

KEYS = "q quit  ? help  d drop  p pass"
RULE = "192.0.2.0/24"

pytestmark = pytest.mark.usefixtures("_tmux")


@pytest.fixture
def _tmux(need):
    need("tmux", "pgrep")


@pytest.fixture
def flooded(lab):
    lab.load("-i", RULE)
    with flood(lab):
        yield lab


def fits(lines, columns, rows):
    return len(lines) == rows and all(len(line) <= columns for line in lines)


def row_of(lines, source):
    """The cells of the source's row."""
    return next((re.split(r" {2,}", line.strip()) for line in lines if source in line), None)


@pytest.mark.parametrize("columns, rows", [(80, 24), (200, 50), (132, 43)])
def test_the_sources_of_a_flood_with_all_that_is_known_of_them(flooded, columns, rows):
    with screen(flooded, columns, rows) as on:
        on.run("top", "-i", 500)
        lines = on.wait_until(lambda lines: row_of(lines, LISTED4) and row_of(lines, "2001:db8:1::7"),
                              "the sources are there")
        assert fits(lines, columns, rows)
        assert lines[0].startswith(f"top  {flooded.dev}  all packets  by address  every 500 ms")
        assert re.match(r"[\d,]+ packets/s  \S+ bits/s  dropped \d+ %  \d+ looked at", lines[1])
        assert re.match(rf"packets/s .*█.* max +\S+$", lines[2]) and len(lines[2]) in (columns, columns - 1)
        assert lines[3].split() == ["packets/s", "bits/s", "share", "verdict", "source", "rule",
                                    "set"]
        packets, bits, share, verdict, *rest = row_of(lines, LISTED4)
        assert re.fullmatch(r"[\d,]+", packets) and re.fullmatch(r"[\d.]+[kM]?", bits)
        assert abs(int(share.split()[0]) - 60) <= 5 and verdict == "drop"
        assert rest == [LISTED4, RULE, "default"]
        assert row_of(lines, FLOOD[1][0])[3:] == ["pass", FLOOD[1][0]]
        assert lines[-1].startswith(KEYS)


def test_a_flood_is_on_the_screen_after_two_rounds(lab, slow):
    lab.load()
    with screen(lab) as on:
        on.run("top", "-i", 2000)
        on.wait("no packets")
        began = time.monotonic()
        with flood(lab):
            on.wait(LISTED4, "60 %")
            assert time.monotonic() - began < 2 * 2 + (10 if slow else 0.5)


def test_it_is_drawn_anew_at_every_size(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 500)
        on.wait(LISTED4, KEYS)
        for columns, rows in ((200, 50), (80, 24), (60, 20), (45, 12), (40, 10), (80, 24)):
            on.resize(columns, rows)
            lines = on.wait_until(
                lambda lines, n=columns: len(lines) > 2 and " max " in "\n".join(lines) and
                any(len(line) in (n, n - 1) and " max " in line for line in lines) and
                lines[-1].startswith("q quit  ? help") and row_of(lines, LISTED4),
                f"{columns}x{rows} is filled")
            assert fits(lines, columns, rows), lines
            shown = row_of(lines, LISTED4)
            assert (RULE in shown) == (columns >= 80) and shown[-1] in (LISTED4, "default")
        for columns, rows in ((39, 24), (80, 9), (12, 3), (1, 1)):
            on.resize(columns, rows)
            on.wait_gone(LISTED4)
            if columns > 12:
                assert "too small" in on.wait("too small")[0]
        on.resize(80, 24)
        on.wait(LISTED4, RULE, KEYS)


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_without_utf8_there_is_only_ascii(flooded, locale):
    with screen(flooded, LC_ALL=locale) as on:
        on.run("top", "-i", 200)
        lines = on.wait(LISTED4, KEYS, "#", " max ")
        assert all(line.isascii() for line in lines)


@pytest.mark.parametrize("env, coloured", [
    ({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "vt100"}, False)])
def test_colour_only_where_it_is_wanted(flooded, env, coloured):
    with screen(flooded, **env) as on:
        on.run("top", "-i", 200)
        on.wait(LISTED4, KEYS)
        raw = "\n".join(on.lines("-e"))
        # The codes of colours in front; 39 is none.
        assert bool(re.search(r"\x1b\[(?:\d+;)*3[0-7]m", raw)) == coloured, raw


def test_keys(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 200)
        on.wait(LISTED4, FLOOD[1][0])
        on.press("d")
        on.wait("only drop", "100 %", LISTED4)
        on.wait_gone(FLOOD[1][0])
        on.press("p")
        on.wait("only pass", FLOOD[1][0])
        on.wait_gone(LISTED4)
        on.press("p")
        on.wait("all packets", LISTED4, FLOOD[1][0])
        on.press("b")
        on.wait("by /24, /64", "198.51.100.0/24", "2001:db8:1::/64")
        on.press("b", "b")
        on.wait("by /8, /32", "198.0.0.0/8")
        on.press("b")
        on.wait("by address", LISTED4)
        on.press("?")
        on.wait("only packets that are dropped")
        on.wait_gone(LISTED4)
        on.press("?")
        on.wait(LISTED4)
        on.press("x", "F5", "q")
        on.wait("exit=0")


def test_a_paused_screen_stays_as_it_is(flooded):
    def dropped():
        return flooded.counters(flooded.dev)["drop"][0]

    with screen(flooded) as on:
        on.run("top", "-i", 50)
        on.wait(LISTED4)
        on.press("Space")
        still = on.wait("PAUSED")
        enough = dropped() + 5000
        wait_for(lambda: dropped() > enough, "many rounds go by", flooded.patience)
        assert on.lines() == still
        on.press("Space")
        on.wait_gone("PAUSED")
        on.wait_until(lambda lines: lines[1] != still[1] and lines[2] != still[2], "it goes on")


def test_more_sources_than_fit_can_be_scrolled(lab):
    lab.load()
    senders = [(f"203.0.113.{host}", 1) for host in range(1, 64)]
    with screen(lab) as on, flood(lab, senders):
        on.run("top", "-i", 500)
        on.wait("sources 1 to 19 of 63")
        on.press("Down")
        on.wait("sources 2 to 20 of 63")
        on.press("PageDown", "PageDown", "PageDown", "PageDown")
        on.wait("sources 45 to 63 of 63")
        on.press("Up", "PageUp")
        on.wait("sources 25 to 43 of 63")
        on.press("Home")
        on.wait("sources 1 to 19 of 63")


def test_several_interfaces(lab):
    lab.add_pair("f1", "p1")
    lab.load()
    lab.load(dev="f1")
    with screen(lab, 100) as on, flood(lab):
        on.run("top", "-i", 500)
        lines = on.wait(LISTED4, "f0  f1  all packets")
        assert lines[3].split()[-1] == "interface" and row_of(lines, LISTED4)[-1] == lab.dev


def test_an_observing_filter_cannot_be_missed(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 500)
        on.wait(LISTED4, "drop ")
        flooded.good("enforce", "off")
        on.wait(f"OBSERVING, nothing is dropped: {flooded.dev}", "drop (passed)")
        flooded.good("enforce", "on")
        on.wait_gone("OBSERVING", "(passed)")


def test_a_change_that_waits_to_be_confirmed(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 500)
        on.wait(LISTED4)
        flooded.good("add", "--confirm", "10m", "10.9.8.7")
        on.wait("add will be undone in 9m5", f"unless confirmed: {flooded.dev}")
        flooded.good("confirm")
        on.wait_gone("undone")


@pytest.mark.parametrize("how", ["q", "C-c", "TERM", "count"])
def test_the_screen_is_as_before_when_it_ends(flooded, how):
    with screen(flooded) as on:
        on.type("stty -a >/tmp/before$$; echo before")
        before = on.wait_until(lambda lines: "before" in lines and lines[-1] != "before", "stty")
        on.run("top", "-i", 300, *(["--count", 3] if how == "count" else []))
        on.wait(KEYS)
        on.wait_gone("before")
        if how == "TERM":
            os.kill(on.pid("xdp-ipfilter"), signal.SIGTERM)
        elif how != "count":
            on.press(how)
        lines = on.wait("exit=0", "before")
        assert lines[:2] == before[:2] and not any(KEYS in line for line in lines)
        on.type("stty -a | cmp - /tmp/before$$ && rm /tmp/before$$ && echo 'same' 'modes'")
        on.wait("same modes")
    assert nothing_is_on(flooded)


def test_stopped_and_continued(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 300)
        on.wait(LISTED4)
        on.press("C-z")
        on.wait("Stopped")
        on.wait_gone(KEYS)
        on.type("fg")
        on.wait(KEYS, LISTED4)
        on.press("q")
        on.wait_gone(KEYS)


def test_stopped_for_longer_than_its_lease(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 300)
        on.wait(LISTED4)
        on.press("C-z")
        on.wait("Stopped")
        wait_for(lambda: not word(flooded, SAMPLE_AT), "the lease ends", 30)
        flooded.good("add", "10.0.0.1")  # takes the rings away
        assert nothing_is_on(flooded)
        on.type("fg")
        on.wait(KEYS, LISTED4)
        wait_for(lambda: word(flooded, SAMPLE_AT), "it looks again", flooded.patience)


@pytest.mark.parametrize("how", ["killed", "closed"])
def test_it_leaves_nothing_on(lab, how):
    lab.load()
    with screen(lab) as on:
        on.run("top")
        on.wait(KEYS)
        if how == "killed":
            os.kill(on.pid("xdp-ipfilter"), signal.SIGKILL)
    # Otherwise the terminal has gone by now.
    if how == "closed":
        wait_for(lambda: nothing_is_on(lab), "it ends and takes the rings away", lab.patience)
        return

    def off():
        lab.wire.exchange([udp(LISTED4)])
        return not word(lab, SAMPLE_AT)
    wait_for(off, "the lease ends", 30)
    lab.good("add", "10.0.0.1")
    assert nothing_is_on(lab)


def test_a_filter_that_goes_ends_it_with_a_message(flooded):
    with screen(flooded) as on:
        on.run("top", "-i", 300)
        on.wait(LISTED4)
        flooded.good("unload", flooded.dev)
        lines = on.wait(f"xdp-ipfilter: {flooded.dev}: ", f"exit={NOT_LOADED}")
        assert not any(KEYS in line for line in lines)


def test_without_a_terminal_it_prints_text(flooded):
    with screen(flooded) as on:
        on.type(f"{shlex.join([BINARY, 'top', '-i', '300', '--count', '1'])} | cat")
        on.wait(f"drop     {LISTED4} ", "% dropped")
        on.type(f"clear; {shlex.join([BINARY, 'top', '-i', '300', '--count', '1'])} </dev/null")
        on.wait(f"drop     {LISTED4} ", "% dropped")


@pytest.mark.parametrize("option", ["-b", "-j", "--rules"])
def test_text_that_is_asked_for_is_text_on_a_terminal_too(flooded, option):
    with screen(flooded, 200) as on:
        on.run("top", option, "-i", 300, "--count", 1)
        on.wait(LISTED4, "exit=0")
        assert not any(KEYS in line for line in on.lines())


def test_an_unknown_terminal(lab):
    lab.load()
    with screen(lab, TERM="nosuch") as on:
        on.run("top")
        on.wait("the terminal 'nosuch' (TERM) is not known", "--batch", f"exit={FAILED}")
    assert nothing_is_on(lab)


@pytest.mark.parametrize("prefix", [[], ["setpriv", "--bounding-set", "-all,+sys_admin"]])
def test_it_needs_and_keeps_only_cap_sys_admin(flooded, prefix):
    with screen(flooded) as on:
        on.type(shlex.join([*prefix, BINARY, "top", "-i", "300"]))
        on.wait(LISTED4, KEYS)
        with open(f"/proc/{on.pid('xdp-ipfilter')}/status", encoding="ascii") as status:
            said = dict(line.split(":\t", 1) for line in status.read().splitlines())
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 1 << 21
        assert int(said["CapInh"], 16) == int(said["CapAmb"], 16) == 0
        assert said["NoNewPrivs"] == "1"


def test_wrong_options_are_refused_as_everywhere(lab):
    with screen(lab) as on:
        on.run("top", "--by", "33")
        on.wait("--by", f"exit={USAGE}")


def test_without_its_program_it_says_what_to_do(lab, tmp_path):
    """As where a distribution packages it apart."""
    lab.load()
    alone = tmp_path / "xdp-ipfilter"
    shutil.copy(BINARY, alone)
    with screen(lab, 200) as on:
        on.type(f"{alone} top; echo exit=$?")
        on.wait("xdp-ipfilter: top: xdp-ipfilter-top is not installed",
                "--batch prints text without it", f"exit={FAILED}")
        on.type(f"clear; {alone} top -b -i 100 --count 1; echo exit=$?")
        on.wait(lab.dev, f"exit={DONE}")
