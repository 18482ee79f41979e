# SPDX-License-Identifier: GPL-2.0
"""The libxdp of another release made the chain, in another format: which commands work, do the
others name both formats, and does the filter keep on?

OTHER_LIBXDP names the unpacked packages of that libxdp (testing/package-tree.sh makes them). The
virtual machines vm-trixie and vm-sid have one of each other. Without it, nothing here is collected
(conftest.py). Programs run by the dynamic linker of that release, which may be a newer one."""
import os
import pathlib
import platform
import re

import pytest

import product
from beside import FREE, OURS, THEIRS
from frames import udp
from product import FAILED, NOT_LOADED

pytestmark = pytest.mark.dispatcher

ROOT = pathlib.Path(os.environ["OTHER_LIBXDP"]) / "usr"
LIBRARIES = ROOT / "lib" / f"{platform.machine()}-linux-gnu"


class Here(product.Tool):
    """The tool, xdp-filter and xdp-loader with the libxdp of this machine."""

    prefix, env, folder = (), {}, pathlib.Path("/usr/sbin")

    def start(self, *args, prefix=(), env=None, **kwargs):
        return super().start(*args, prefix=[*prefix, *self.prefix], env={**self.env, **(env or {})},
                             **kwargs)

    def run(self, program, *args, check=True):
        self.namespace.run(*self.prefix, self.folder / program, *args, check=check,
                           env={**os.environ, **self.env})


class Other(Here):
    """The same with the other libxdp."""

    prefix = (LIBRARIES / "ld-linux-x86-64.so.2", "--library-path", LIBRARIES)
    env, folder = {"LIBXDP_OBJECT_PATH": str(LIBRARIES / "bpf")}, ROOT / "sbin"


@pytest.fixture(params=[(Here, Other), (Other, Here)], ids=["they are others", "we are others"])
def tools(request, chained):
    """(the tool, that of those who made the chain)"""
    return tuple(kind(chained.namespace) for kind in request.param)


@pytest.fixture
def neighbour(chained, tools):
    """Their xdp-filter, which drops THEIRS. Only they can take the chain off with its pins."""
    theirs = tools[1]
    theirs.run("xdp-filter", "load", "-f", "ipv4", "f0")
    theirs.run("xdp-filter", "ip", "-m", "src", THEIRS)

    def works():
        return chained.wire.exchange([udp(THEIRS), udp(FREE)]) == [False, True]
    assert works()
    yield works
    theirs.run("xdp-loader", "unload", "f0", "-a", check=False)


def refused(tool, *args):
    """(the format of the chain, that of the tool's libxdp)"""
    said = tool.refused(FAILED, *args).err
    found = re.match(r"xdp-ipfilter: f0: its dispatcher has format version (\d+), and the libxdp here "
                     r"makes version (\d+); (.+)", said)
    assert found, said
    theirs, ours = int(found[1]), int(found[2])
    assert {theirs, ours} == {2, 3}, said
    assert ("'xdp-loader unload f0 -a'" if theirs < ours else "use the libxdp that made it") in found[3]
    return theirs, ours


def test_their_chain_is_not_joined_and_both_formats_are_named(chained, tools, neighbour):
    ours, theirs = tools
    for command in (("load",), ("load", "-m", "native"), ("run", "--count", 1)):
        assert refused(ours, *command, "f0") == refused(ours, "load", "f0")
    ours.refused(NOT_LOADED, "unload", "f0", words="not loaded")
    ours.good("unload", "-a")
    assert neighbour()
    theirs.good("load", "-m", "native", "-i", OURS, "f0")
    assert neighbour() and not chained.wire.passes(udp(OURS))


def test_the_advice_makes_room(chained, tools, neighbour, deleted_chain):
    ours = tools[0]
    version, made = refused(ours, "load", "f0")
    if version < made:
        ours.run("xdp-loader", "unload", "f0", "-a")
    else:
        deleted_chain()
        chained.ns.ip("link", "set", "f0", "xdpdrv", "off")
    ours.good("load", "-m", "native", "-i", OURS, "f0")
    assert not chained.wire.passes(udp(OURS)) and chained.wire.passes(udp(THEIRS))
    ours.good("unload", "f0")


def test_rules_of_a_filter_in_their_chain_can_be_changed(chained, tools, neighbour):
    ours, theirs = tools
    theirs.good("load", "-m", "native", "-i", OURS, "f0")
    assert ours.status("f0")["state"] == "filtering-chained"
    assert ours.prefixes("f0") == {OURS: "drop"}
    ours.good("add", FREE)
    assert not chained.wire.passes(udp(FREE))
    ours.good("replace", "-f", "-", stdin=f"{OURS}\npass {FREE}\n")
    assert theirs.prefixes("f0") == {OURS: "drop", FREE: "pass"}
    ours.good("enforce", "off", "-d", "f0")
    assert chained.wire.passes(udp(OURS))
    ours.good("enforce", "on", "-d", "f0")
    assert not chained.wire.passes(udp(OURS)) and neighbour()


def test_their_chain_is_left_only_by_theirs(chained, tools, neighbour):
    ours, theirs = tools
    theirs.good("load", "-m", "native", "-i", OURS, "f0")
    with theirs.unchanged("f0"):
        refused(ours, "unload", "f0")
        refused(ours, "unload", "-a")
    assert neighbour() and not chained.wire.passes(udp(OURS))
    theirs.good("unload", "f0")
    assert neighbour() and chained.wire.passes(udp(OURS))


def test_alone_in_an_older_chain_it_can_be_unloaded(chained, tools, neighbour):
    ours, theirs = tools
    version, made = refused(ours, "load", "f0")
    theirs.run("xdp-filter", "unload", "f0")
    theirs.good("load", "-m", "native", "-i", OURS, "f0")
    if version < made:
        ours.good("unload", "f0")
    else:
        refused(ours, "unload", "f0")
        assert not chained.wire.passes(udp(OURS))
        theirs.good("unload", "f0")
    assert chained.wire.passes(udp(OURS)) and "xdp" not in chained.ns.links()["f0"]
