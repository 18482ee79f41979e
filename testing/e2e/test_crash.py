# SPDX-License-Identifier: GPL-2.0
"""A command is killed, or the kernel refuses it something, at every system call that changes
something outside the command.

No other process can see what happens between two of those calls, so there are no other moments to
test. (A table becomes live by a store to memory, between two of them.) XDP_IPFILTER_LONG=1 tries
every moment. Without it, the tests try a few for each command, chosen anew each time."""
import os
import random
import re
import signal

import pytest

import beside
import kernel
import product
from beside import DropMac, Count
from frames import udp
from netlab import wait_for
from product import DONE, FAILED, NOT_LOADED

#: Sources in the old rules, in the new ones, in both, in neither.
OLD, NEW, BOTH, FREE = "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"
SOURCES = [OLD, NEW, BOTH, FREE]
NOTHING, OLD_RULES, NEW_RULES = set(), {OLD, BOTH}, {NEW, BOTH}

CHANGES = "bpf,sendto,sendmsg,mkdir,mkdirat,unlink,unlinkat,rmdir,flock,write,exit_group"

#: command: (rules before, None if not loaded; arguments; rules after)
COMMANDS = {
    "load": (None, ("load", "-i", OLD, "-i", BOTH, "f0"), OLD_RULES),
    "unload": (OLD_RULES, ("unload", "f0"), None),
    "add": (OLD_RULES, ("add", NEW), OLD_RULES | NEW_RULES),
    "del": (OLD_RULES, ("del", OLD), {BOTH}),
    "replace": (OLD_RULES, ("replace", "-f", "RULES"), NEW_RULES),
    "flush": (OLD_RULES, ("flush",), NOTHING),
}


#: Enough other rules for a delta (test_large.py), and for more than one can take.
MANY = "".join(f"10.{n >> 15}.{n >> 7 & 255}.{2 * n & 255}\n" for n in range(10000))
MORE = "".join(f"11.{n >> 15}.{n >> 7 & 255}.{2 * n & 255}\n" for n in range(5000))

#: The same on a large table, which has a delta already.
LARGE_COMMANDS = {
    "a small add": (OLD_RULES, ("add", NEW), OLD_RULES | NEW_RULES),
    "a small del": (OLD_RULES, ("del", OLD), {BOTH}),
    "an add that compiles the table anew": (OLD_RULES, ("add", NEW, "-f", "MORE"),
                                            OLD_RULES | NEW_RULES),
}

LONG = bool(os.environ.get("XDP_IPFILTER_LONG"))
#: An emulated machine is slow: in the short form, it tries only what needs it, the chain.
CHAIN_ONLY = bool(os.environ.get("VM_KERNEL")) and not LONG

#: Calls that the kernel can refuse because memory is short, or through a security module.
MAKERS = ("BPF_MAP_CREATE", "BPF_MAP_UPDATE", "BPF_PROG_LOAD", "BPF_BTF_LOAD", "BPF_LINK_CREATE",
          "BPF_RAW_TRACEPOINT_OPEN", "BPF_OBJ_PIN")


def some(choices, few):
    print(f"{len(choices)} moments")
    if LONG:
        return choices
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    return sorted(random.Random(seed).sample(choices, min(few, len(choices))))


class Campaign:
    """One command in one environment, tried again and again from the same state."""

    def __init__(self, lab, tmp_path, before, args, after):
        self.lab, self.before, self.after = lab, before, after
        self.rules = tmp_path / "rules"
        self.rules.write_text(f"{NEW}\n{BOTH}\n")
        self.args = [str(self.rules) if arg == "RULES" else arg for arg in args]
        self.trace = tmp_path / "trace"

    def start(self):
        """Restore the state before the command, with ordinary commands, which must succeed."""
        lab = self.lab
        state = self.state()
        if self.before is None:
            if state != "not-loaded":
                lab.good("unload", "f0")
            return
        if state != "not-loaded" and self.args[0] == "load":
            lab.good("unload", "f0")
            state = "not-loaded"
        if state == "not-loaded":
            lab.load()
        lab.good("replace", "--force", "-f", "-", stdin="".join(f"{one}\n" for one in self.before))

    def state(self):
        [one] = self.lab("status", "-j", "f0").json()["interfaces"]
        return one["state"]

    def strace(self, *options, calls=CHANGES):
        return self.lab(*self.args, may_die=True,
                        prefix=["strace", "-qq", "-o", self.trace, "-e", f"trace={calls}", *options])

    def moments(self, calls=CHANGES, names=None):
        """The numbers, from 1, of the calls that mention one of these names."""
        self.start()
        assert self.strace(calls=calls).rc == DONE
        lines = re.findall(r"(?m)^\w+\(.*$", self.trace.read_text())
        return [number for number, line in enumerate(lines, 1)
                if not names or any(name in line for name in names)]

    def dropped(self):
        got = self.lab.wire.exchange([udp(source) for source in SOURCES])
        return {source for source, arrived in zip(SOURCES, got) if not arrived}

    def holds(self, what):
        """The old state or the new one, whole; status, list and packets agree."""
        dropped, state = self.dropped(), self.state()
        allowed = [self.before or NOTHING, self.after or NOTHING]
        assert dropped in allowed, f"{what}: {dropped} are dropped"
        if state == "not-loaded":
            assert None in (self.before, self.after), what
            assert dropped == NOTHING, what
        else:
            assert state.startswith("filtering"), f"{what}: {state}"
            assert set(self.lab.prefixes("f0")) == dropped, what
        return None if state == "not-loaded" else dropped


class LargeCampaign(Campaign):
    """There are many other rules, which stay."""

    def __init__(self, lab, tmp_path, *command):
        super().__init__(lab, tmp_path, *command)
        more = tmp_path / "more"
        more.write_text(MORE)
        self.args = [str(more) if arg == "MORE" else arg for arg in self.args]

    def start(self):
        lab = self.lab
        if self.state() == "not-loaded":
            lab.load()
        lab.good("replace", "--force", "-f", "-", stdin=f"{MANY}{BOTH}\n")
        lab.good("add", *self.before - {BOTH})

    def holds(self, what):
        """The old state or the new one; all other rules are there, or all that came with it."""
        dropped, state, rules = self.dropped(), self.state(), set(self.lab.prefixes("f0"))
        assert dropped in (self.before, self.after), f"{what}: {dropped} are dropped"
        assert state.startswith("filtering"), f"{what}: {state}"
        assert rules & set(SOURCES) == dropped, what
        others = {*MANY.split(), *(MORE.split() if "-f" in self.args and NEW in dropped else ())}
        assert rules - set(SOURCES) == others, what
        return dropped


def objects(lab):
    product.age_pins()
    return {"programs": kernel.our_programs(), "pins": set(product.pins()),
            "links": set(kernel.links()), "maps": set(kernel.maps())}


@pytest.fixture
def nothing_more(lab):
    """After the test and one more load and unload, the kernel holds what it held before: each
    command cleans up what it finds."""
    before = objects(lab)
    yield
    product.age_pins()
    lab.load()
    lab.good("unload", "f0")

    def back():
        now = objects(lab)
        return all(now[kind] <= before[kind] for kind in before)
    if os.environ.get("VM_KERNEL"):  # on other machines, other processes load programs too
        wait_for(back, "nothing is left in the kernel", 120)
    else:
        wait_for(lambda: objects(lab)["pins"] <= before["pins"], "no pins are left", 30)


@pytest.fixture(params=["beside neighbours"] if CHAIN_ONLY else ["alone", "beside neighbours"])
def company(request, lab, need):
    """Programs that share the interface. Each is checked after each blow."""
    need("strace")
    if request.param == "alone":
        yield []
        return
    works, reason = request.getfixturevalue("dispatcher")
    if not works:
        pytest.skip(f"the dispatcher is refused on this kernel: {reason}")
    need("xdp-loader")
    they = [DropMac(lab), Count(lab)]
    for one in they:
        one.come()
    yield they
    # The last blow may have left a dead chain with pins of only these programs. A command removes
    # them while they run; later it cannot know that they were this interface's.
    product.age_pins()
    if lab("status", "f0").rc == NOT_LOADED:
        lab.load()
    lab.good("unload", "f0")
    for one in they:
        one.go()


@pytest.mark.parametrize("command", ["load", "unload", "replace"] if CHAIN_ONLY else COMMANDS)
def test_killed_at_any_moment(lab, nothing_more, company, tmp_path, command, slow):
    campaign = Campaign(lab, tmp_path, *COMMANDS[command])
    for moment in some(campaign.moments(), 2 if slow else 12):
        campaign.start()
        result = campaign.strace("-e", f"inject={CHANGES}:signal=SIGKILL:when={moment}")
        what = f"{command} killed at call {moment}"
        now = campaign.holds(what)
        assert all(one.works() for one in company), what
        if result.rc == DONE:
            assert now == campaign.after, what
        again = lab(*campaign.args)
        told_so = [DONE]
        if command == "load" and now is not None:
            told_so = [FAILED]
        elif command == "unload" and now is None:  # it may remove what pins still held
            told_so = [NOT_LOADED, DONE]
        assert again.rc in told_so, f"{what}, then again: {again}"
        assert campaign.holds(what) == campaign.after
    if campaign.state() != "not-loaded":
        lab.good("unload", "f0")


@pytest.mark.parametrize("command", LARGE_COMMANDS)
def test_a_large_table_killed_at_any_moment(lab, nothing_more, need, tmp_path, command, slow):
    need("strace")
    campaign = LargeCampaign(lab, tmp_path, *LARGE_COMMANDS[command])
    for moment in some(campaign.moments(), 2 if slow else 12):
        campaign.start()
        result = campaign.strace("-e", f"inject={CHANGES}:signal=SIGKILL:when={moment}")
        what = f"{command} killed at call {moment}"
        now = campaign.holds(what)
        if result.rc == DONE:
            assert now == campaign.after, what
        lab.good(*campaign.args)
        assert campaign.holds(what) == campaign.after
    lab.good("unload", "f0")


@pytest.mark.parametrize("command", LARGE_COMMANDS)
@pytest.mark.parametrize("blow", ["ENOMEM", "EPERM", "SIGTERM"])
def test_a_large_table_refused_by_the_kernel_at_any_moment(lab, nothing_more, need, tmp_path,
                                                           command, blow, slow):
    """Or ended by a signal: a failure changes nothing."""
    need("strace")
    campaign = LargeCampaign(lab, tmp_path, *LARGE_COMMANDS[command])
    calls = CHANGES if blow == "SIGTERM" else "bpf"
    inject = f"signal={blow}" if blow == "SIGTERM" else f"error={blow}"
    for moment in some(campaign.moments(calls), 2 if slow else 8):
        campaign.start()
        before = campaign.holds("at the start")
        result = campaign.strace("-e", f"inject={calls}:{inject}:when={moment}", calls=calls)
        what = f"{command}, {blow} at call {moment}: {result}"
        now = campaign.holds(what)
        product.assert_own_voice(result)
        if result.rc == DONE:
            assert now == campaign.after, what
        else:
            assert result.rc in (FAILED, -signal.SIGTERM) and now == before, what
            assert len(result.complaints) == (result.rc == FAILED), what
        lab.good(*campaign.args)
        assert campaign.holds(what) == campaign.after
    lab.good("unload", "f0")


@pytest.mark.parametrize("command", ["load"] if CHAIN_ONLY else COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGTERM] if CHAIN_ONLY else
                         [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_ended_at_any_moment_the_exit_code_agrees_with_the_state(lab, nothing_more, need, tmp_path,
                                                                 command, number, slow):
    need("strace")
    campaign = Campaign(lab, tmp_path, *COMMANDS[command])
    for moment in some(campaign.moments(), 2 if slow else 6):
        campaign.start()
        before = campaign.holds("at the start")
        result = campaign.strace("-e", f"inject={CHANGES}:signal={number.name}:when={moment}")
        assert result.rc in (DONE, -number), f"{command} at call {moment}: {result}"
        now = campaign.holds(f"{command}, {number.name} at call {moment}")
        assert now == (campaign.after if result.rc == DONE else before), (
            f"{command} at call {moment}: {result}")
    if campaign.state() != "not-loaded":
        lab.good("unload", "f0")


@pytest.mark.dispatcher
def test_repair_killed_at_any_moment(lab, nothing_more, need, tmp_path, slow):
    from test_repair import lose
    need("strace", "xdp-loader")
    they = [DropMac(lab), Count(lab)]
    for one in they:
        one.come()
    campaign = Campaign(lab, tmp_path, None, ("repair", "-i", OLD, "-i", BOTH, "f0"), OLD_RULES)

    def start():
        if campaign.state() == "not-loaded":
            lab.load("-i", OLD, "-i", BOTH)
        lose(lab, "xdp_ipfilter")
        assert campaign.state() == "not-filtering"

    start()
    campaign.start = start
    lab.good("repair", "-i", OLD, "-i", BOTH, "f0")
    for moment in some(campaign.moments(), 2 if slow else 12):
        start()
        campaign.strace("-e", f"inject={CHANGES}:signal=SIGKILL:when={moment}")
        what = f"repair killed at call {moment}"
        assert campaign.dropped() in (NOTHING, OLD_RULES), what
        assert all(one.works() for one in they), what
        state = campaign.state()
        if state == "not-loaded":  # the chain is whole already, but without the filter
            lab.load("-i", OLD, "-i", BOTH)
        else:
            lab.good("repair", "-i", OLD, "-i", BOTH, "f0")
        assert campaign.dropped() == OLD_RULES, what
        assert beside.names(lab) == ["nb_dropmac", "xdp_ipfilter", "nb_count"], what
        assert all(one.works() for one in they), what
    lab.good("unload", "f0")
    for one in they:
        one.go()


@pytest.mark.dispatcher
def test_repair_of_what_was_turned_off_killed_at_any_moment(lab, nothing_more, need, tmp_path, slow):
    """One call brings the whole chain back. Another, lost link of it is put back after that."""
    from test_repair import lose
    need("strace", "xdp-loader")
    they = [DropMac(lab), Count(lab)]
    for one in they:
        one.come()
    lab.load("-i", OLD, "-i", BOTH)
    campaign = Campaign(lab, tmp_path, None, ("repair", "f0"), OLD_RULES)

    def start():
        lose(lab, "nb_count", ["link"])
        lab.ns.ip("link", "set", "f0", "xdp", "off")
        assert campaign.state() == "not-loaded"

    campaign.start = start
    for moment in some(campaign.moments(), 2 if slow else 12):
        start()
        campaign.strace("-e", f"inject={CHANGES}:signal=SIGKILL:when={moment}")
        what = f"repair killed at call {moment}"
        assert campaign.dropped() in (NOTHING, OLD_RULES), what
        lab.good("repair", "f0")
        assert campaign.dropped() == OLD_RULES, what
        assert beside.names(lab) == ["nb_dropmac", "xdp_ipfilter", "nb_count"], what
        assert all(one.works() for one in they), what
    lab.good("unload", "f0")
    for one in they:
        one.go()


@pytest.mark.dispatcher
def test_unload_of_what_was_turned_off_killed_at_any_moment(lab, nothing_more, need, tmp_path, slow):
    """The next unload finds what the killed one left. Then nothing brings the filter back."""
    need("strace", "xdp-loader")
    campaign = Campaign(lab, tmp_path, OLD_RULES, ("unload", "f0"), None)

    def start():
        DropMac(lab).come()
        lab.load("-i", OLD, "-i", BOTH)
        lab.ns.ip("link", "set", "f0", "xdp", "off")

    campaign.start = start
    for moment in some(campaign.moments(), 2 if slow else 12):
        start()
        campaign.strace("-e", f"inject={CHANGES}:signal=SIGKILL:when={moment}")
        what = f"unload killed at call {moment}"
        assert campaign.dropped() == NOTHING, what
        assert lab("unload", "f0").rc in (DONE, NOT_LOADED), what
        lab.refused(NOT_LOADED, "repair", "f0", words="not loaded")


@pytest.mark.parametrize("command", ["load", "unload"] if CHAIN_ONLY else COMMANDS)
@pytest.mark.parametrize("error", ["ENOMEM"] if CHAIN_ONLY else ["ENOMEM", "EPERM"])
def test_refused_by_the_kernel_at_any_moment(lab, nothing_more, need, tmp_path, command, error,
                                             slow):
    """One bpf() call fails. The command then reports it and changes nothing, or it works without
    the call. For commands that attach, only the calls that create something fail: libraries ignore
    it when a call that only looks fails."""
    need("strace")
    campaign = Campaign(lab, tmp_path, *COMMANDS[command])
    names = MAKERS if command in ("load", "unload") else None
    for moment in some(campaign.moments("bpf", names), 2 if slow else 12):
        campaign.start()
        before = campaign.holds("at the start")
        result = campaign.strace("-e", f"inject=bpf:error={error}:when={moment}", calls="bpf")
        what = f"{command}, {error} at bpf() call {moment}: {result}"
        now = campaign.holds(what)
        product.assert_own_voice(result)
        if result.rc == DONE:
            assert now == campaign.after, what
        else:
            assert result.rc in (FAILED, NOT_LOADED) and len(result.complaints) == 1, what
            assert now == before, what
    if campaign.state() != "not-loaded":
        lab.good("unload", "f0")


def test_a_look_that_was_repeated_says_nothing(lab, need, tmp_path, slow):
    """The chain is read again if the kernel asks for that. Success in the end is no failure."""
    need("strace")
    if slow:
        pytest.skip("slow, and the same on every kernel")
    lab.load("-i", "192.0.2.1")
    again = 0
    for moment in range(1, 40):
        result = lab("list", prefix=("strace", "-qq", "-o", tmp_path / "trace", "-e", "trace=bpf",
                                     "-e", f"inject=bpf:error=EAGAIN:when={moment}"))
        again += result.rc == DONE and "INJECTED" in (tmp_path / "trace").read_text()
        assert (result.rc == DONE) == (not result.err), f"EAGAIN at bpf() call {moment}: {result}"
    assert again, "no look was repeated"


@pytest.mark.dispatcher
@pytest.mark.parametrize("error", ["ENOMEM", "EMFILE", "EAGAIN", "EPERM", "EINVAL"])
def test_no_call_that_fails_makes_it_single(lab, nothing_more, need, tmp_path, error, slow):
    """If the kernel has the dispatcher, a load is chained, or fails and leaves nothing."""
    need("strace")
    campaign = Campaign(lab, tmp_path, *COMMANDS["load"])
    single = "the kernel refuses programs that extend others"
    for moment in some(campaign.moments("bpf"), 3 if slow else 12):
        campaign.start()
        result = campaign.strace("-e", f"inject=bpf:error={error}:when={moment}", calls="bpf")
        what = f"{error} at bpf() call {moment}: {result}"
        state = campaign.state()
        product.assert_own_voice(result)
        if result.rc == DONE and error in ("EPERM", "EINVAL") and single in result.err:
            assert state == "filtering-single", what  # at that call, a kernel without it fails too
        elif result.rc == DONE:
            assert state == "filtering-chained" and not result.err, what
        else:
            assert result.rc == FAILED and len(result.err_lines) == 1, what
            assert state == "not-loaded" and campaign.dropped() == NOTHING, what
        print(f"{moment}: {result.rc} {result.err.strip()}")
    if campaign.state() != "not-loaded":
        lab.good("unload", "f0")
