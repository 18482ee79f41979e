# SPDX-License-Identifier: GPL-2.0
"""Every state of an interface, and each command in it: the command that a message advises works,
and then the message is gone. (lib/dataplane/chain.h has the table of the states.)"""
import os
import pathlib
import random
import re
import shutil

import pytest

import kernel
import product
from beside import FREE, OURS
from product import DONE, FAILED, NOT_LOADED
from test_chain import load_object
from test_repair import lose

#: Commands that leave a state as it is, and commands that change it unless they are refused.
READERS = (("status", "f0"), ("status",), ("list", "-d", "f0"), ("test", "-d", "f0", OURS),
           ("poll", "--count", 1, "-i", 1, "f0"), ("add", "-d", "f0", FREE), ("add", FREE),
           ("del", "-d", "f0", FREE), ("flush", "-d", "f0", "-s", "empty"))
LOAD, UNLOAD = ("load", "f0"), ("unload", "f0")
REPAIRS = (("repair", "f0"), ("repair",), ("repair", "f0", "--force"))


def commands():
    """All commands, or in the short form the two most common ones, two readers and one repair."""
    if os.environ.get("XDP_IPFILTER_LONG"):
        return (*READERS, LOAD, *REPAIRS, UNLOAD)
    seed = random.randrange(2 ** 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    return (READERS[0], *rng.sample(READERS[1:], 2), LOAD, rng.choice(REPAIRS), UNLOAD)


def turn_off(lab):
    lab.ns.ip("link", "set", "f0", "xdp", "off")
    product.age_pins()


def lose_pin(lab, name):
    lose(lab, name, ["prog"])


def ours(lab):
    lab.load("-i", OURS)


def neighbours(lab):
    lab.ns.run("xdp-loader", "load", "f0", kernel.neighbour("dropmac"), kernel.neighbour("count"))


def lose_all(lab):
    lose(lab)


def lose_links(lab):
    lose(lab, what=["link"])


def alone(lab):
    """Another program, attached without a dispatcher."""
    lab.ns.run("env", "LIBXDP_SKIP_DISPATCHER=1", "xdp-loader", "load", "f0",
               kernel.neighbour("count"))


def single(lab):
    lab.load("-i", OURS, env={"LIBXDP_SKIP_DISPATCHER": "1"})


#: name: (steps that make it, its state in JSON). A step is a function of the lab, or one with an
#: argument.
STATES = {
    "not loaded": ((), "not-loaded"),
    "filtering": ((ours,), "filtering-chained"),
    "links lost": ((ours, neighbours, lose_links), "not-filtering"),
    "all lost": ((ours, lose_all), "not-filtering"),
    "ours lost beside neighbours": ((ours, neighbours, (lose, "xdp_ipfilter")), "not-filtering"),
    "a neighbour lost": ((ours, neighbours, (lose, "nb_count")), "filtering-chained"),
    "a pin lost": ((ours, (lose_pin, "xdp_ipfilter")), "filtering-chained"),
    "their pin lost": ((neighbours, (lose_pin, "nb_dropmac")), "not-loaded"),
    "their chain broken": ((neighbours, (lose, "nb_count")), "not-loaded"),
    "their chain lost": ((neighbours, lose_all), "not-loaded"),
    "turned off": ((ours, neighbours, turn_off), "not-loaded"),
    "turned off, then neighbours": ((ours, turn_off, neighbours), "not-loaded"),
    "turned off, then another": ((ours, turn_off, alone), "not-loaded"),
    "turned off, links lost": ((ours, neighbours, lose_links, turn_off), "not-loaded"),
    "turned off, theirs broken": ((ours, turn_off, neighbours, (lose, "nb_count")), "not-loaded"),
    "two of ours": ((ours, load_object), "filtering-chained"),
    "loaded by xdp-loader, link lost": ((load_object, lose_links), "not-filtering"),
}
HERE = {
    "not loaded": ((), "not-loaded"),
    "filtering": ((single,), "filtering-single"),
    "another alone": ((alone,), "not-loaded"),
}


class Walk:
    """The commands in one state."""

    def __init__(self, lab, steps, rules):
        self.lab, self.steps, self.rules = lab, steps, rules
        self.made = False
        self.index = lab.ns.links()["f0"]["ifindex"]

    def clear(self):
        """Remove everything, without our commands: they are under test."""
        self.lab.ns.ip("link", "set", "f0", "xdp", "off")
        for folder in pathlib.Path("/sys/fs/bpf/xdp").glob(f"dispatch-{self.index}-*"):
            shutil.rmtree(folder)

    def start(self):
        """Make the state, again if a command changed it."""
        if self.made:
            return
        self.clear()
        for step in self.steps:
            if isinstance(step, tuple):
                step[0](self.lab, *step[1:])
            else:
                step(self.lab)
        self.made = True

    def run(self, args):
        """Run a command of ours in this state. A refused command leaves the state as it is."""
        self.start()
        result = self.lab(*args)
        assert result.rc in (DONE, FAILED, NOT_LOADED), result
        product.assert_own_voice(result)
        self.made = args in READERS or result.rc != DONE
        return result

    def type(self, command, said):
        """Run what a message says. It works."""
        self.start()
        words = command.replace("FILE", self.rules).replace("IFNAME", "f0").split()
        if "-i" in words:
            words[words.index("-i") + 1] = str(self.lab.status("f0")["program_id"])
        self.made = False
        if words[0] == "xdp-ipfilter":
            done = self.lab(*words[1:])
            # This advice is for interfaces in general. On this one something else can be in the
            # way, and the command says so.
            if "IFNAME" in command and done.rc == FAILED:
                return False
            assert done.rc == DONE, f"{said}\nits advice, {command}: {done}"
        else:
            self.lab.ns.run(*words)
        return True

    def is_gone(self, args, before):
        """A refused command is not refused again with the same message."""
        now = self.lab(*args)
        assert before.rc == DONE or (now.rc, now.out, now.err) != (before.rc, before.out, before.err), (
            f"it did not help: {before}")


def walk(lab, tmp_path, steps, state):
    rules = tmp_path / "rules"
    rules.write_text(f"{OURS}\n")
    walker, advice, followed = Walk(lab, steps, str(rules)), {}, set()
    walker.start()
    assert lab("status", "-j", "f0").json()["interfaces"][0]["state"] == state
    for args in commands():
        result = walker.run(args)
        command = " ".join(("xdp-ipfilter", *map(str, args)))
        if result.rc == DONE and command in advice and command not in followed:
            walker.is_gone(*advice[command])
            followed.add(command)
        found = re.findall(r"'(xdp-(?:ipfilter|loader) [^']*)'", result.out + result.err)
        assert found or result.rc == DONE or args[0] in ("status", "unload"), result
        for command in found:
            advice.setdefault(re.sub(r"-i \d+", "-i ID", command), (args, result))
    for command in set(advice) - followed:
        if walker.type(command, advice[command][1]):
            walker.is_gone(*advice[command])
    walker.clear()


@pytest.mark.dispatcher
@pytest.mark.parametrize("name", STATES)
def test_what_a_message_says_to_do_works(chained, tmp_path, name):
    walk(chained, tmp_path, *STATES[name])


@pytest.mark.parametrize("name", HERE)
def test_what_a_message_says_to_do_works_without_a_chain(lab, need, tmp_path, name):
    need("xdp-loader")
    walk(lab, tmp_path, *HERE[name])
