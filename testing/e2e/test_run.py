# SPDX-License-Identifier: GPL-2.0
"""run: loads the filter, prints the drops of each CPU, and leaves nothing behind."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import kernel
import product
from frames import udp
from netlab import Namespace, sh, wait_for
from product import DONE, FAILED, NOT_LOADED, USAGE


def drops(line):
    """{cpu: drops} from the line of one round."""
    return {int(cpu): int(packets) for cpu, packets in re.findall(r"\bcpu (\d+): (\d+)", line)}


class Run:
    """A `run` in progress, whose output is read as it comes."""

    def __init__(self, lab, *args, **kwargs):
        self.lab = lab
        self.process = lab.start("run", *args, **kwargs)
        self.lines = []

    def read(self, want, seconds=None):
        """Read lines until want(line) is true."""
        deadline = time.monotonic() + (seconds or self.lab.patience)
        os.set_blocking(self.process.stdout.fileno(), False)
        while time.monotonic() < deadline:
            line = self.process.stdout.readline()
            if line:
                self.lines.append(line)
                if want(line):
                    return line
            elif self.process.poll() is not None:
                break
            else:
                time.sleep(0.01)
        raise AssertionError(f"in vain: {self.lines} {self.process.poll()}")

    def end(self, number=None):
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=self.lab.patience * 2)
        self.lines += out.splitlines(True)
        return product.Result(self.process.args, self.process.returncode, "".join(self.lines), err)


@pytest.fixture
def run(lab, no_more_progs):
    """Start a `run`, and check afterwards that it has left nothing behind."""
    before = product.pins()
    started = []

    def start(*args, **kwargs):
        started.append(Run(lab, *args, **kwargs))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()
    lab.reset()
    assert product.pins() == before


def nothing_is_left(lab, dev):
    assert "xdp" not in lab.ns.links()[dev]
    assert lab("status", dev).rc == NOT_LOADED


def test_the_program_of_the_article_filters_on_loopback(lab, run):
    started = run("-m", "skb", "-i", "127.0.0.66", "--interval", 100, "lo")
    started.read(drops)
    assert lab.status("lo")["mode"] == "skb"
    with lab.ns:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bad, good = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with server, bad, good:
        server.bind(("127.0.0.1", 0))
        server.settimeout(lab.patience)
        bad.bind(("127.0.0.66", 0))
        good.bind(("127.0.0.2", 0))
        for _ in range(3):
            bad.sendto(b"no", server.getsockname())
        good.sendto(b"yes", server.getsockname())
        assert server.recv(10) == b"yes"
    started.read(lambda line: sum(drops(line).values()) == 3)
    result = started.end(signal.SIGINT)
    assert result.rc == DONE and not result.complaints, result
    nothing_is_left(lab, "lo")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("mode", ["native", "skb"])
def test_a_signal_ends_it_with_success(lab, run, number, mode):
    started = run("-m", mode, "-i", "192.0.2.66", "--interval", 50, "f0")
    started.read(drops)
    assert lab.wire.exchange([udp("192.0.2.66"), udp("192.0.2.67")]) == [False, True]
    result = started.end(number)
    assert result.rc == DONE and not result.complaints, result
    nothing_is_left(lab, "f0")
    assert lab.wire.passes(udp("192.0.2.66"))


@pytest.mark.parametrize("rounds", [1, 3])
def test_it_ends_by_itself_after_a_number_of_rounds(lab, run, rounds):
    result = run("-i", "192.0.2.66", "--interval", 20, "--count", rounds, "f0").end()
    assert result.rc == DONE and not result.complaints, result
    seen = [drops(line) for line in result.out.splitlines() if drops(line)]
    assert len(seen) == rounds, result
    cpus = len(os.sched_getaffinity(0))
    assert all(len(counts) >= cpus for counts in seen), "a count for each CPU"
    nothing_is_left(lab, "f0")


def test_it_prints_every_2_seconds_unless_said(lab, run):
    started = run("-i", "192.0.2.66", "f0")
    started.read(drops)
    start = time.monotonic()
    started.read(drops)
    assert 1.5 < time.monotonic() - start < 2.5 + lab.patience / 10
    assert started.end(signal.SIGINT).rc == DONE


def test_rules_may_change_while_it_runs(lab, run):
    started = run("--interval", 50, "f0")
    started.read(drops)
    lab.good("add", "192.0.2.66")
    assert not lab.wire.passes(udp("192.0.2.66"))
    assert started.end(signal.SIGTERM).rc == DONE


def test_its_output_comes_line_by_line_through_a_pipe(lab, run):
    """A log at the other end of a pipe gets each round when it is printed."""
    started = run("--interval", 50, "f0")
    for _ in range(3):
        started.read(drops)
    assert started.end(signal.SIGINT).rc == DONE


def test_a_closed_pipe_leaves_nothing_behind(lab, run):
    started = run("-i", "192.0.2.66", "--interval", 20, "f0")
    started.read(drops)
    started.process.stdout.close()
    assert started.process.wait(timeout=lab.patience) == DONE
    started.process.stdout = open(os.devnull)
    nothing_is_left(lab, "f0")


def test_a_hangup_leaves_nothing_behind(lab, run):
    started = run("-i", "192.0.2.66", "--interval", 20, "f0")
    started.read(drops)
    started.end(signal.SIGHUP)
    nothing_is_left(lab, "f0")


def test_a_signal_right_after_the_start_leaves_nothing_behind(lab, run, slow):
    for delay in ([0.0, 0.1, 0.3, 0.6] if slow else [0.0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08]):
        started = run("-i", "192.0.2.66", "--interval", 20, "f0")
        time.sleep(delay)  # not a wait: this moment is the test case
        started.end(signal.SIGTERM)
        nothing_is_left(lab, "f0")


def test_a_killed_run_is_repaired_by_the_next_command(lab, run):
    """No program can catch SIGKILL. What stays must be visible, and the next command works."""
    started = run("-i", "192.0.2.66", "--interval", 20, "f0")
    started.read(drops)
    started.end(signal.SIGKILL)
    state = lab.status("f0")["state"]
    if state != "not-loaded":
        lab.good("unload", "f0")
    result = run("-i", "192.0.2.66", "--interval", 20, "--count", 1, "f0").end()
    assert result.rc == DONE, result
    nothing_is_left(lab, "f0")


def test_unload_by_another_ends_it(lab, run):
    started = run("--interval", 20, "f0")
    started.read(drops)
    lab.good("unload", "f0")
    result = started.end()
    assert result.rc in (FAILED, NOT_LOADED), result
    assert len(result.complaints) == 1 and "f0" in result.complaints[0], result


@pytest.fixture
def slow_to_open(lab, run, need, tmp_path):
    """A `run` that has attached its filter and released the lock, and opens it a second later."""
    need("strace")
    trace = tmp_path / "trace"
    strace = ["strace", "-D", "-o", trace, "-e", "trace=bpf,close"]  # -D: `run` is our child
    assert run("--interval", 20, "--count", 1, "f0", prefix=strace).end().rc == DONE
    wait_for(lambda: "+++ exited" in trace.read_text(), "the trace is whole", lab.patience)
    before, lock, after = re.search(
        r'(?ms)\A(.*?map_name="ipf_lock.*? = (\d+)$.*?^close\(\2\))(.*)', trace.read_text()).groups()
    assert after
    call = len(re.findall(r"(?m)^bpf\(", before)) + 1
    started = run("--interval", 20, "f0",
                  prefix=[*strace, "-e", f"inject=bpf:delay_enter=1000000:when={call}"])
    wait_for(lambda: lab.status("f0")["state"].startswith("filtering"), "it is attached", lab.patience)
    return started


def test_unload_before_the_first_round_ends_it(lab, slow_to_open):
    lab.good("unload", "f0")
    result = slow_to_open.end()
    assert result.rc == NOT_LOADED and not any(map(drops, result.out.splitlines())), result
    assert len(result.complaints) == 1 and "f0: not loaded any more" in result.complaints[0], result


def test_a_filter_that_came_instead_stays(lab, slow_to_open):
    lab.good("unload", "f0")
    lab.load("-i", "192.0.2.66")
    result = slow_to_open.end()
    assert result.rc == NOT_LOADED and "f0: not loaded any more" in result.err, result
    assert lab.status("f0")["state"].startswith("filtering")
    assert not lab.wire.passes(udp("192.0.2.66"))


@pytest.mark.parametrize("args, rc, words", [
    (["-i", "10.0.0.300", "f0"], USAGE, "10.0.0.300"),
    (["nosuch0"], FAILED, "no such interface"),
    (["-m", "native", "lo"], FAILED, "--mode skb"),
    (["-f", "/nonexistent/rules", "f0"], FAILED, "/nonexistent/rules"),
    (["-i", "0.0.0.0/0", "f0"], FAILED, "--force"),
    (["-p", "sometimes", "f0"], USAGE, "sometimes"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_load_refuses_run_refuses(lab, run, args, rc, words):
    with lab.unchanged("f0", "lo"):
        lab.refused(rc, "run", "--count", 1, *args, words=words)


def test_where_the_filter_is_loaded_run_is_refused_and_it_stays(lab, run):
    lab.load("-i", "192.0.2.66")
    with lab.unchanged("f0"):
        lab.refused(FAILED, "run", "--count", 1, "f0", words=["f0", "already"])
    assert not lab.wire.passes(udp("192.0.2.66"))
    wait_for(lambda: lab("unload", "f0").rc == DONE, "unload", 1)


# The interface moves away

def in_a_mount(lab):
    """A namespace as `ip netns add` makes it; (namespace, its file)."""
    away = Namespace()
    return away, away.path


def of_a_process(lab):
    """A namespace that only a process uses."""
    away = Namespace()
    with away:
        lab.holder = subprocess.Popen(["sleep", "1000"])
    sh("ip", "netns", "del", away.name)
    return away, f"/proc/{lab.holder.pid}/ns/net"


def of_an_open_file(lab):
    """A namespace that no other process can find."""
    away = Namespace()
    sh("ip", "netns", "del", away.name)
    return away, None


@pytest.fixture
def away_lab(own_lab):
    """A lab whose interface can move; `lab.away` is the namespace that it moves to."""
    own_lab.holder = own_lab.away = None
    yield own_lab
    if own_lab.away:
        own_lab.away.run("ip", "link", "del", "f0", check=False)
        own_lab.away.run("ip", "link", "del", "g0", check=False)
        os.close(own_lab.away._fd)
        sh("ip", "netns", "del", own_lab.away.name, check=False)
        own_lab.away._fd = -1
    if own_lab.holder:
        own_lab.holder.kill()
        own_lab.holder.wait()


def move(lab, run, where, name="f0", index=None):
    """Start a run, move its interface, and wait for the end."""
    started = Run(lab, "-i", "192.0.2.66", "--interval", 20, "f0")
    started.read(drops)
    lab.away, path = where(lab)
    lab.away.ip("link", "add", "taken", *(("index", index) if index else ()), "type", "veth")
    if name == "f0":
        lab.ns.ip("link", "set", "f0", "netns", f"/proc/{os.getpid()}/fd/{lab.away._fd}")
    else:
        lab.ns.ip("link", "set", "f0", "netns", f"/proc/{os.getpid()}/fd/{lab.away._fd}", "name", name)
    return started.end(), path


@pytest.mark.parametrize("where", [in_a_mount, of_a_process])
@pytest.mark.parametrize("name, same_index", [("f0", True), ("g0", False)],
                         ids=["as before", "under another name and number"])
def test_an_interface_that_moves_is_freed_where_it_is(away_lab, no_more_progs, where, name, same_index):
    lab, pins = away_lab, product.pins()
    index = None if same_index else lab.ns.links()["f0"]["ifindex"]
    result, path = move(lab, Run, where, name, index)
    assert result.rc == NOT_LOADED and len(result.complaints) == 1, result
    product.assert_words(result.err, [f"f0: moved to the network namespace {path}, as {name}",
                                      "taken off there"], result)
    assert "xdp" not in lab.away.links()[name]
    assert product.pins() == pins


def test_one_that_moves_where_nobody_finds_it_is_told(away_lab, dispatcher):
    lab = away_lab
    result, _ = move(lab, Run, of_an_open_file)
    if dispatcher[0]:
        assert result.rc == NOT_LOADED, result
    else:
        assert result.rc == FAILED, result
        product.assert_words(result.complaints[0], ["f0: moved to a network namespace", "still filters on it",
                                                    "xdp-ipfilter unload"], result)
        assert "xdp" in lab.away.links()["f0"]
    product.Tool(lab.away)("unload", "f0")
    assert "xdp" not in lab.away.links()["f0"]


def test_one_that_is_deleted_is_gone(own_lab, no_more_progs, deleted_chain):
    lab = own_lab
    started = Run(lab, "-i", "192.0.2.66", "--interval", 20, "f0")
    started.read(drops)
    deleted_chain()
    lab.ns.ip("link", "del", "f0")
    result = started.end()
    assert result.rc == NOT_LOADED and "f0: not loaded any more; the interface is gone" in result.err, result
