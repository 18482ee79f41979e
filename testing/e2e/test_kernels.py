# SPDX-License-Identifier: GPL-2.0
"""What do old kernels lack, and what do the messages say? The suite vm-5.10 tests on a real one."""
import os
import platform

import pytest

import kernel
from frames import udp
from product import FAILED, NOT_LOADED


def on_kernels_before(major, minor, what):
    return pytest.mark.skipif(not kernel.is_before(major, minor),
                              reason=f"only before Linux {major}.{minor} {what}")


untold = on_kernels_before(5, 13, "the kernel hides what a dispatcher runs")


# The system calls fail as on an old kernel. A personality of the process makes uname(2) report 2.6.

@pytest.mark.parametrize("when", [1, 4, 30], ids="call {}".format)
def test_a_kernel_that_is_too_old_is_named(lab, need, when):
    need("strace", "setarch")
    version = lab.ns.run("setarch", "--uname-2.6", "uname", "-r").stdout.strip()
    assert version.startswith("2.6.")
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "f0",
                    prefix=["setarch", "--uname-2.6", "strace", "-qq", "-o", "/dev/null", "-e",
                            "trace=bpf", "-e", f"inject=bpf:error=EINVAL:when={when}+"],
                    words=["Invalid argument", f"this is Linux {version}",
                           "5.10 is the oldest that is supported"])


def test_an_error_without_a_name_gets_words(lab, need):
    """ENOTSUPP, 524: an error that is internal to the kernel, but reaches programs."""
    need("strace")
    result = lab("load", "f0", prefix=["strace", "-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e",
                                       "inject=bpf:error=524"])
    assert result.rc == FAILED and "Operation not supported" in result.err, result
    assert "524" not in result.err, result


# BPF memory counts as locked memory

memory_limit = on_kernels_before(5, 11, "BPF memory counts as locked memory")
LOW = ["prlimit", "--memlock=65536:65536"]
WITHOUT_RESOURCE = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]


@memory_limit
def test_a_low_limit_of_locked_memory_is_raised(lab):
    lab.load("-i", "192.0.2.66", prefix=LOW)
    assert not lab.wire.passes(udp("192.0.2.66"))
    lab.good("replace", "-f", "-", prefix=LOW,
             stdin="".join(f"10.{i >> 8}.{i & 255}.1\n" for i in range(2000)))
    lab.good("unload", "f0", prefix=LOW)


@memory_limit
def test_the_hard_limit_is_enough_where_no_more_may_be_had(lab):
    lab.load("-i", "192.0.2.66", prefix=["prlimit", "--memlock=65536:67108864", *WITHOUT_RESOURCE])
    assert not lab.wire.passes(udp("192.0.2.66"))


@memory_limit
@pytest.mark.parametrize("command", ["load", "add"])
def test_a_limit_that_cannot_be_raised_is_named(lab, command):
    """CAP_SYS_RESOURCE is missing."""
    fixed = [*LOW, *WITHOUT_RESOURCE]
    if command == "add":
        lab.load("-i", "192.0.2.66")
    with lab.unchanged("f0"):
        lab.refused(FAILED, command, *(["192.0.2.7"] if command == "add" else ["f0"]), prefix=fixed,
                    words=["the limit of locked memory, 64 KiB", "ulimit -l unlimited"])


# Chains

def test_debians_kernels_chain(dispatcher, need):
    """Without this test, one that cannot would only skip the tests of chains."""
    if "VM_KERNEL" not in os.environ:
        pytest.skip("only in a virtual machine: other kernels may lack what chains need")
    need("xdp-loader")
    works, reason = dispatcher
    oldest = (6, 0) if platform.machine() == "aarch64" else (5, 13)
    assert works is not kernel.is_before(*oldest), reason


@untold
def test_it_runs_single_and_says_why(lab):
    result = lab("load", "-i", "192.0.2.66", "f0")
    assert result.rc == 0 and "single" in result.err, result
    assert "does not report what a dispatcher runs (Linux 5.13 does)" in result.err, result
    assert lab.status("f0")["state"] == "filtering-single"
    assert not lab.wire.passes(udp("192.0.2.66"))
    lab.good("unload", "f0")
    lab.refused(FAILED, "load", "--require-dispatcher", "f0",
                words=["no dispatcher", "Linux 5.13 does"])


@untold
def test_a_chain_of_others_is_left_alone(chained):
    chained.ns.run("xdp-loader", "load", "f0", kernel.neighbour("count"))
    with chained.unchanged("f0"):
        chained.refused(FAILED, "load", "f0", words=["dispatcher", "Linux 5.13", "xdp-loader unload"])
        chained.refused(NOT_LOADED, "unload", "f0", words="not loaded")
        chained.refused(NOT_LOADED, "add", "-d", "f0", "192.0.2.7", words="not loaded")
        chained.good("unload", "-a")
        assert chained.status("f0")["state"] == "not-loaded"
    assert [one for one in kernel.programs().values() if one["name"] == "nb_count"]
    # What the message says to do.
    chained.ns.run("xdp-loader", "unload", "f0", "--all")
    chained.load("-i", "192.0.2.66")
    assert not chained.wire.passes(udp("192.0.2.66"))


@on_kernels_before(5, 13, "the kernel logs no addresses")
def test_a_trace_that_would_show_nothing_is_refused(lab):
    with lab.unchanged("f0"):
        lab.refused(FAILED, "load", "--trace", "f0", words=["--trace", "Linux 5.13"])


@on_kernels_before(5, 18, "native XDP has no multi-buffer frames")
def test_an_mtu_of_several_buffers_is_named(own_lab):
    own_lab.add_pair("j0", "j1", mtu=9000)
    with own_lab.unchanged("j0"):
        own_lab.refused(FAILED, "load", "-m", "native", "j0",
                        words=["MTU 9000 is too large", "on this kernel", "--mode skb"])
    own_lab.load("-m", "skb", dev="j0")
