# SPDX-License-Identifier: GPL-2.0
"""Writers that share nothing but the filter: containers with the host's network, a chroot, two
network namespaces. They wait for each other, all succeed, and no rule is lost."""
import contextlib
import os
import pathlib
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

import kernel
import product
from frames import udp
from netlab import Namespace, wait_for
from product import DONE, FAILED, NOT_LOADED

PATIENT = ("--lock-timeout", 100)

OWN_RUN = "mount -t tmpfs tmpfs /run && "

#: The environment of a writer, as a prefix of its command. Each has its own /run.
PLACES = {
    "container": ["unshare", "-m", "sh", "-c", OWN_RUN + 'exec "$@"', "sh"],
    "another container": ["unshare", "-m", "-p", "-f", "--mount-proc", "sh", "-c",
                          OWN_RUN + 'exec "$@"', "sh"],
    "chroot": ["unshare", "-m", "sh", "-c",
               OWN_RUN + 'mkdir /run/root && mount --rbind / /run/root && '
               'mount -t tmpfs tmpfs /run/root/run && exec chroot /run/root "$@"', "sh"],
    "host": [],
}


class Writer(threading.Thread):
    """Runs work(self) in an environment. The test shows what it raises."""

    def __init__(self, lab, place, work):
        super().__init__()
        self.lab, self.place, self.work, self.error = lab, place, work, None
        self.start()

    def tool(self, *args, **kwargs):
        return self.lab.good(*PATIENT, *args, prefix=PLACES[self.place], **kwargs)

    def run(self):
        try:
            self.work(self)
        except BaseException as error:
            self.error = error


def join(writers):
    for writer in writers:
        writer.join()
    for writer in writers:
        if writer.error:
            raise writer.error


def pairs():
    names = list(PLACES)
    return [(one, other) for number, one in enumerate(names) for other in names[number:]]


@pytest.mark.parametrize("places", pairs(), ids=" and ".join)
def test_sixty_adds_of_each_of_two_are_all_there(loaded, slow, places):
    count = 8 if slow else 60 if places[0] == "container" else 20

    def adds(number):
        def work(writer):
            for n in range(count):
                writer.tool("add", f"10.{number}.0.{n}")
        return work

    join([Writer(loaded, place, adds(number)) for number, place in enumerate(places)])
    assert set(loaded.prefixes("f0")) == {f"10.{number}.0.{n}" for number in range(2)
                                          for n in range(count)}


def test_sixteen_in_all_places(loaded, slow):
    count = 2 if slow else 5

    def adds(number):
        def work(writer):
            for n in range(count):
                writer.tool("add", f"10.{number}.0.{n}")
        return work

    names = list(PLACES)
    join([Writer(loaded, names[number % len(names)], adds(number)) for number in range(16)])
    assert set(loaded.prefixes("f0")) == {f"10.{number}.0.{n}" for number in range(16)
                                          for n in range(count)}


def test_lists_of_thousands_replaced_by_two_are_never_damaged(loaded, slow):
    """Each writer has its own list. 192.0.2.66 is in both, and never gets through."""
    count, rounds = (300, 3) if slow else (3000, 15)
    lists = [{f"10.{number}.{n >> 7}.{2 * n & 255}" for n in range(count)} | {"192.0.2.66"}
             for number in range(2)]
    loaded.good("replace", "-f", "-", stdin="\n".join(lists[0]))

    def replaces(mine):
        def work(writer):
            for _ in range(rounds):
                writer.tool("replace", "-f", "-", stdin="\n".join(mine))
        return work

    writers = [Writer(loaded, place, replaces(mine))
               for place, mine in zip(("container", "another container"), lists)]
    looks = slipped = lost = 0
    while any(writer.is_alive() for writer in writers):
        assert set(loaded.prefixes("f0")) in lists
        assert loaded("test", "-q", "192.0.2.66").rc == DONE, "dropped"
        got = loaded.wire.exchange([udp("192.0.2.66"), udp("192.0.2.67")] * 10)
        slipped += sum(got[0::2])
        lost += got[1::2].count(False)
        looks += 1
    join(writers)
    assert looks and (slipped, lost) == (0, 0)
    assert set(loaded.prefixes("f0")) in lists


def test_a_filter_that_moves_between_namespaces_keeps_all_that_was_acknowledged(own_lab, slow):
    """Writers in both namespaces. One that finds the interface gone says so and adds nothing."""
    other = product.Tool(Namespace())
    try:
        own_lab.load()
        there, odd, stop = [set(), set()], [], threading.Event()

        def adds(number, tool):
            n = 0
            while not stop.is_set():
                n += 1
                prefix = f"10.{number}.{n >> 8}.{n & 255}"
                result = tool(*PATIENT, "add", "-d", "f0", prefix)
                if result.rc == DONE:
                    there[number].add(prefix)
                elif result.rc not in (FAILED, NOT_LOADED) or "damaged" in result.err:
                    odd.append(result)

        threads = [threading.Thread(target=adds, args=pair)
                   for pair in ((0, own_lab), (1, other))]
        for thread in threads:
            thread.start()
        homes = [own_lab.ns, other.namespace]
        for move in range(4 if slow else 20):
            seen = len(there[move % 2])
            wait_for(lambda: len(there[move % 2]) > seen + 2, "the writer beside it adds", 60)
            homes[move % 2].ip("link", "set", "f0", "netns", homes[(move + 1) % 2].name)
            homes[(move + 1) % 2].ip("link", "set", "f0", "up")
        stop.set()
        for thread in threads:
            thread.join()
        assert not odd
        rules = set(own_lab.prefixes("f0"))
        acknowledged = there[0] | there[1]
        assert acknowledged <= rules and all(there)
        # An addition made while the interface moved may be reported as failed.
        assert len(rules - acknowledged) <= 20
    finally:
        other.namespace.close()


@contextlib.contextmanager
def first_in_line_elsewhere(lab):
    """A process of another PID namespace is first in the queue, and stays there."""
    code = ("import contextlib, kernel\n"
            "with kernel.queued(contextlib.nullcontext()): print(1, flush=True); input()\n")
    with lab.ns:
        holder = subprocess.Popen(["unshare", "-p", "-f", "--mount-proc", sys.executable, "-c", code],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  cwd=pathlib.Path(__file__).parent)
    try:
        assert holder.stdout.readline()
        yield
    finally:
        holder.communicate("\n", timeout=60)


def test_a_holder_of_another_pid_namespace_is_told_as_such(loaded):
    with first_in_line_elsewhere(loaded), loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "192.0.2.1", "--lock-timeout", 0,
                       words=["a process in another PID namespace", "bpftool map show id",
                              "--lock-timeout"])
    loaded.good("add", "192.0.2.1")


def test_other_network_namespaces_are_not_waited_for(loaded):
    if not kernel.netns_cookie(loaded.ns):
        pytest.skip("this kernel does not tell network namespaces apart: one queue for all")
    ns = Namespace()
    try:
        with kernel.queued(ns):
            loaded.good("add", "192.0.2.1", "--lock-timeout", 0)
    finally:
        ns.close()


def test_one_program_on_two_interfaces_changes_once(own_lab):
    """The program is attached by hand. A command does not take itself for another one."""
    lab, pin = own_lab, "/sys/fs/bpf/ipfilter-test"
    lab.add_pair("f1", "p1")
    lab.load("-m", "skb", env={"LIBXDP_SKIP_DISPATCHER": "1"})
    kernel.bpftool("prog", "pin", "id", lab.status("f0")["program_id"], pin)
    try:
        lab.ns.ip("link", "set", "f1", "xdpgeneric", "pinned", pin)
    finally:
        os.unlink(pin)
    for args in (["add", "192.0.2.1", "192.0.2.2"], ["del", "192.0.2.1"]):
        lab.good("--lock-timeout", 0, *args)
    assert lab.prefixes("f0") == lab.prefixes("f1") == {"192.0.2.2": "drop"}


def test_nobody_queues_without_a_name(loaded, need, tmp_path):
    """A ticket without a name would be found by nobody."""
    need("strace")
    trace = tmp_path / "trace"
    strace = ["strace", "-qq", "-o", trace, "-e", "trace=bpf"]
    loaded.good("add", "192.0.2.1", prefix=strace)
    calls = trace.read_text().splitlines()
    assert 'map_name=""' not in trace.read_text()
    when, = [number for number, call in enumerate(calls, 1) if 'map_name="ipf_lock' in call]
    with loaded.unchanged("f0"):
        loaded.refused(FAILED, "add", "192.0.2.2", words="cannot make a map to queue with",
                       prefix=[*strace, "-e", f"inject=bpf:error=ENOMEM:when={when}"])


def test_a_stopped_writer_is_waited_for_until_it_is_killed(loaded, need, tmp_path):
    """The writer is stopped while it is first in the queue and holds the claim. Others name it and
    wait for it, and go on once it is killed."""
    need("strace")
    trace = tmp_path / "trace"
    strace = ["strace", "-qq", "-o", trace, "-e", "trace=munmap"]
    loaded.good("add", "192.0.2.1")
    loaded.good("add", "192.0.2.2", prefix=strace)
    # The last ones, of the slots, the root and the old table, follow the change.
    when = trace.read_text().count("munmap(") - 3
    writer = loaded.start("add", "192.0.2.3", prefix=[
        *strace, "-e", f"inject=munmap:signal=SIGSTOP:when={when}"])

    def stopped():
        try:
            pid, = pathlib.Path(f"/proc/{writer.pid}/task/{writer.pid}/children").read_text().split()
            held = trace.read_text().count("munmap(") == when
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2]
        except (FileNotFoundError, ProcessLookupError, ValueError):  # of strace's own children
            return 0
        return int(pid) if held and state in "tT" else 0

    pid = wait_for(stopped, "the writer is stopped", 60)
    try:
        root = kernel.program_maps(loaded.status("f0")["program_id"])[".data.ipf"]
        with kernel.mapped(root, 576) as view:
            assert int.from_bytes(view[4:8], sys.byteorder), "it has claimed the filter"
        loaded.refused(FAILED, "add", "192.0.2.4", "--lock-timeout", 0,
                       words=f"process {pid} (xdp-ipfilter)")
    finally:
        os.kill(pid, signal.SIGKILL)
        writer.communicate(timeout=60)
    loaded.good("add", "192.0.2.4", "--lock-timeout", 0)
    assert {"192.0.2.1", "192.0.2.2", "192.0.2.4"} == set(loaded.prefixes("f0"))


def test_a_first_command_under_a_strict_umask_shuts_nobody_out(lab):
    """Root with few capabilities can then enter what the command made."""
    few = ["setpriv", "--bounding-set=-all,+sys_admin,+net_admin", "--inh-caps=-all"]
    strict = ["sh", "-c", 'umask 0777; exec "$@"', "sh"]
    before = set(pathlib.Path("/run").iterdir())
    lab.load("-i", "192.0.2.1", prefix=strict)
    assert not any("ipfilter" in path.name for path in set(pathlib.Path("/run").iterdir()) - before)
    for pin in product.pins():
        for folder in pathlib.Path(pin).parents:
            if folder.is_relative_to("/sys/fs/bpf/xdp"):
                assert stat.S_IMODE(folder.stat().st_mode) & 0o700 == 0o700, folder
    lab.good("add", "192.0.2.2", prefix=few)
    lab.good("add", "192.0.2.3", prefix=[*strict, *few])
    assert set(lab.prefixes("f0")) == {"192.0.2.1", "192.0.2.2", "192.0.2.3"}
    lab.good("unload", "f0", prefix=few)
