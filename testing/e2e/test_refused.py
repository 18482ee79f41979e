# SPDX-License-Identifier: GPL-2.0
"""What does the kernel refuse at attach and detach, and does one message give the real reason?"""
import os
import re
import signal

import pytest

import kernel
from frames import udp
from netlab import Namespace, wait_for
from product import DONE, FAILED

KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
knows_above = pytest.mark.skipif(KERNEL < (5, 15), reason=(
    "before Linux 5.15 the kernel looks at no interface above, and bonds have no native XDP"))

UPPERS = ["bridge", "vlan", "macvlan", "bond"]


def put_above(lab, kind, dev="f0", upper="u0"):
    """An interface `upper` above `dev`."""
    on = {"vlan": ("link", dev), "macvlan": ("link", dev)}.get(kind, ())
    more = {"vlan": ("id", 7), "bond": ("mode", "active-backup")}.get(kind, ())
    lab.ns.run("ip", "link", "add", upper, *on, "type", kind, *more, check=False)
    if upper not in lab.ns.links():
        pytest.skip(f"this kernel has no {kind} interfaces")
    if not on:
        lab.ns.ip("link", "set", dev, "down")
        lab.ns.ip("link", "set", dev, "master", upper)
        lab.ns.ip("link", "set", dev, "up")
    lab.ns.ip("link", "set", upper, "up")


def has_xdp(lab, dev):
    return "xdp" in lab.ns.links()[dev]


@knows_above
@pytest.mark.parametrize("kind", UPPERS)
def test_what_is_above_is_named_and_the_advice_works(own_lab, kind):
    lab = own_lab
    put_above(lab, kind)
    lab.load("-m", "skb", dev="u0")
    for mode in ("native", "skb", "unspecified"):
        with lab.unchanged("f0", "u0"):
            lab.refused(FAILED, "load", "-m", mode, "f0",
                        words=["f0: u0 above it has xdp-ipfilter", "'xdp-ipfilter unload u0'"])
    lab.refused(FAILED, "run", "--count", 1, "f0", words="u0 above it")
    lab.good("unload", "u0")
    lab.load("-m", "skb")
    lab.good("unload", "f0")


@knows_above
def test_anothers_program_above_is_named(own_lab):
    lab = own_lab
    put_above(lab, "bridge")
    lab.ns.ip("link", "set", "u0", "xdpgeneric", "obj", kernel.neighbour("dropmac"), "sec", kernel.SECTION)
    number = lab.ns.links()["u0"]["xdp"]["prog"]["id"]
    lab.refused(FAILED, "load", "f0",
                words=[f"f0: u0 above it has program 'nb_dropmac' (id {number})", "xdp-loader status u0"])
    assert not has_xdp(lab, "f0") and has_xdp(lab, "u0")


@knows_above
@pytest.mark.parametrize("kind", UPPERS)
@pytest.mark.parametrize("unload", [("-a",), ("f0", "u0"), ("u0", "f0")], ids=" ".join)
def test_what_is_below_cannot_go_first_and_all_can_go(own_lab, kind, unload):
    """The kernel changes no program below another, so the upper interface is unloaded first."""
    lab = own_lab
    put_above(lab, kind)
    lab.load("-i", "192.0.2.66")
    lab.load("-m", "skb", dev="u0")
    with lab.unchanged("f0", "u0"):
        lab.refused(FAILED, "unload", "f0",
                    words=["f0: u0 above it has xdp-ipfilter", "'xdp-ipfilter unload u0'"])
    lab.good("unload", *unload)
    assert not has_xdp(lab, "f0") and not has_xdp(lab, "u0")


@knows_above
def test_a_bond_over_a_port_with_a_program_names_the_port(own_lab):
    lab = own_lab
    put_above(lab, "bond")
    lab.load()
    with lab.unchanged("f0", "u0"):
        lab.refused(FAILED, "load", "u0",
                    words=["u0: f0 below it has xdp-ipfilter", "'xdp-ipfilter unload f0'"])
    lab.good("unload", "f0")
    lab.load(dev="u0")
    lab.refused(FAILED, "load", "f0", words="u0 above it")


@knows_above
def test_a_bond_whose_port_has_no_xdp_says_what_the_kernel_says(own_lab):
    lab = own_lab
    put_above(lab, "bond")
    lab.ns.ip("link", "set", "f0", "nomaster")
    lab.ns.ip("link", "add", "d0", "type", "dummy")
    lab.ns.ip("link", "set", "d0", "master", "u0")
    lab.refused(FAILED, "load", "u0", words=["u0", "does not support XDP", "--mode skb"])
    lab.load("-m", "skb", dev="u0")


@knows_above
def test_what_is_above_in_another_namespace_is_told(own_lab):
    lab, away = own_lab, Namespace()
    try:
        put_above(lab, "macvlan")
        lab.load("-m", "skb", dev="u0")
        lab.ns.ip("link", "set", "u0", "netns", away.name)
        lab.refused(FAILED, "load", "f0", words=["f0", "above it, in another network namespace"])
        # Its pins would outlive it.
        away.ip("link", "set", "u0", "netns", lab.ns.name)
        lab.good("unload", "u0")
    finally:
        away.close()
    assert not has_xdp(lab, "f0")


def test_a_driver_speaks_for_itself(own_lab):
    """veth needs as many queues as its peer has."""
    lab = own_lab
    lab.ns.ip("link", "add", "w0", "numtxqueues", 4, "numrxqueues", 1, "type", "veth",
              "peer", "name", "w1", "numtxqueues", 4, "numrxqueues", 4)
    lab.ns.ip("link", "set", "w0", "up")
    lab.ns.ip("link", "set", "w1", "up")
    for mode in ("native", "unspecified"):
        with lab.unchanged("w0"):
            lab.refused(FAILED, "load", "-m", mode, "w0",
                        words=["w0: the driver refuses native XDP", "rx queues", "--mode skb"])
    lab.load("-m", "skb", dev="w0")


def test_one_that_comes_at_the_last_moment_is_named(lab, need, tmp_path):
    """The load is stopped after it has looked at the interface and before it attaches."""
    need("strace")
    trace = tmp_path / "trace"
    watch = ["strace", "-qq", "-o", trace, "-e", "trace=getsockname,sendto,sendmsg"]
    assert lab("load", "f0", prefix=watch).rc == DONE
    lines = re.split(r"(?m)^send.*nlmsg_type=(?:RTM_SETLINK|0x13\b).*$", trace.read_text())
    opened = len(re.findall(r"(?m)^getsockname", lines[0]))
    assert len(lines) > 1 and opened, trace.read_text()
    lab.good("unload", "f0")

    process = lab.start("load", "f0", prefix=[
        *watch, "-e", f"inject=getsockname:signal=SIGSTOP:when={opened}"])
    wait_for(lambda: "stopped by SIGSTOP" in trace.read_text(), "it stops", lab.patience)
    lab.ns.ip("link", "set", "f0", "xdpdrv", "obj", kernel.neighbour("dropmac"), "sec", kernel.SECTION)
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
        os.kill(int(children.read().split()[0]), signal.SIGCONT)
    _, said = process.communicate(timeout=lab.patience * 4)
    assert process.returncode == FAILED and len(said.splitlines()) == 1, said
    assert "f0: " in said and ("nb_dropmac" in said or "meanwhile" in said), said
    assert lab.ns.links()["f0"]["xdp"]["prog"]["name"] == "nb_dropmac"
    assert lab.wire.passes(udp("192.0.2.66"))
