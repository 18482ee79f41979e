# SPDX-License-Identifier: GPL-2.0
"""What can the program that speaks HTTP do to the one that reads filters, when it was taken over?

Another program stands in for it the first time. Each time it is ended, the operator is told why,
and the next one answers.
"""
import contextlib
import pathlib
import shutil
import threading
import time

import pytest

import product
from frames import LISTED4
from netlab import wait_for
from product import DONE, FAILED
from test_metrics_server import (OPENMETRICS, PORT, _needs_libmicrohttpd,  # noqa: F401  (a fixture)
                                 answers, ask, serving)

#: lib/metrics/serving.h
SILENCE_S, ANSWERS = 15, 2000

PROGRAM = """#!/usr/bin/python3
import os, pathlib, signal, socket, sys, time
once = pathlib.Path("FOLDER/begun")
if once.exists():
    os.execv("FOLDER/http", ["xdp-ipfilter-http"])
once.touch()
end = socket.socket(fileno=0)
ALIVE = b"\\3"
def ask(word=b"\\0"):
    end.send(word)
    _, fds, _, _ = socket.recv_fds(end, 4096, 1)
    return fds[0]
ATTACK
"""

#: What it does, and what the operator is told.
ATTACKS = {
    "a word that is none": ("end.send(ALIVE)\nend.send(b'\\4')\ntime.sleep(999)", "cannot mean"),
    "two words at once": ("end.send(ALIVE)\nend.send(b'\\0\\0')\ntime.sleep(999)", "cannot mean"),
    "a long text": ("end.send(ALIVE)\nend.send(b'GET / HTTP/1.1' * 1000)\ntime.sleep(999)", "cannot mean"),
    "questions without reading": ("end.send(ALIVE)\nwhile True: end.send(b'\\0')", "does not listen"),
    "an empty message": ("end.send(ALIVE)\nend.send(b'')\ntime.sleep(999)", "ended by signal 9"),
    "the end of its socket": ("end.send(ALIVE)\nend.close()\nos.close(1)\ntime.sleep(999)",
                              "ended by signal 9"),
    "its end": ("end.send(ALIVE)\nsys.exit(3)", "ended with status 3"),
    "a good end": ("end.send(ALIVE)\nsys.exit()", "ended by itself"),
    "a crash": ("end.send(ALIVE)\nos.kill(os.getpid(), signal.SIGSEGV)", "ended by signal 11"),
    "silence": ("end.send(ALIVE)\ntime.sleep(999)", "says nothing"),
    "complaints without end": ("end.send(ALIVE)\nfor i in range(9999): os.write(2, b'\\x1b]0;owned\\x07\\n')",
                               "says: \\x1b]0;owned"),
}


@pytest.fixture
def stands_in(tmp_path, monkeypatch):
    """A folder with the programs under test, in which another one speaks HTTP at first."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("xdp-ipfilter", "xdp-ipfilter-metrics"):
        shutil.copy(pathlib.Path(product.BINARY).with_name(name), folder / name)
    shutil.copy(pathlib.Path(product.BINARY).with_name("xdp-ipfilter-http"), tmp_path / "http")
    monkeypatch.setattr(product, "BINARY", str(folder / "xdp-ipfilter"))

    def install(code):
        program = folder / "xdp-ipfilter-http"
        program.write_text(PROGRAM.replace("ATTACK", code).replace("FOLDER", str(tmp_path)))
        program.chmod(0o755)
    return install


@contextlib.contextmanager
def serving_badly(lab, tmp_path):
    """The process, and a function that returns what it has said so far."""
    lab.ns.run("ip", "link", "set", "lo", "up")
    said = tmp_path / "said"
    with open(said, "w", encoding="utf-8") as err:
        process = lab.start("metrics", "--listen", f":{PORT}", stderr=err)
    try:
        yield process, said.read_text
        assert process.poll() is None, said.read_text()
        process.terminate()
        assert process.wait(lab.patience) == DONE
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_program_that_was_taken_over(lab, stands_in, tmp_path, attack):
    code, told = ATTACKS[attack]
    stands_in(code)
    lab.load()
    with serving_badly(lab, tmp_path) as (_, said):
        wait_for((tmp_path / "begun").exists, "it has begun", lab.patience)
        wait_for(lambda: answers(lab), "the next one answers", lab.patience + SILENCE_S)
        lines = said().splitlines()
        assert any(told in line for line in lines), lines
        assert all(line.isprintable() and line.startswith("xdp-ipfilter: warning: ") for line in lines)
        assert len(lines) <= 15, "the operator is not flooded"


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


#: Asks as fast as it can for some seconds; which texts came, and how often it was answered?
FLOOD = """end.send(ALIVE)
texts, answers, begun = set(), 0, time.monotonic()
while time.monotonic() - begun < 5:
    fd = ask(bytes([answers % 3]))
    texts.add(os.fstat(fd).st_ino)
    os.close(fd)
    answers += 1
pathlib.Path("FOLDER/new").write_text(f"{len(texts)} {answers}")
os.rename("FOLDER/new", "FOLDER/counted")
sys.exit()
"""


def test_a_flood_of_questions_costs_little(lab, stands_in, tmp_path):
    stands_in(FLOOD)
    lab.load()
    with serving_badly(lab, tmp_path) as (process, _):
        wait_for((tmp_path / "begun").exists, "it has begun", lab.patience)
        before = cpu_s(process.pid)
        wait_for((tmp_path / "counted").exists, "it has asked", lab.patience + 5)
        spent = cpu_s(process.pid) - before
        texts, count = map(int, (tmp_path / "counted").read_text().split())
        assert 3 <= texts <= 3 * 7, "each page is made once a second"
        assert count <= 7 * ANSWERS
        assert spent < 2.5, "of 5 seconds"
        wait_for(lambda: answers(lab), "the next one answers", lab.patience)


class Work:
    """What the one that reads filters has done so far, by its system calls."""

    def __init__(self, trace):
        self.prefix = ["strace", "-D", "-qq", "-o", trace, "-e", "trace=memfd_create,bpf"]
        self._trace = trace

    def count(self, text):
        return self._trace.read_text().count(text)

    def texts(self):
        return self.count("memfd_create(")


def ask_all_the_time(lab, requests, seconds):
    """Eight clients at once. Returns how many answers they got, and how long it took."""
    began, counts = time.monotonic(), [0] * 8

    def client(number):
        while time.monotonic() - began < seconds:
            path, headers = requests[counts[number] % len(requests)]
            assert ask(lab, path, **headers)[0] == 200
            counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts), time.monotonic() - began


SCRAPES = [("/metrics", {}), ("/metrics", {"Accept": OPENMETRICS})]


def test_many_scrapes_are_no_more_work_than_one_a_second(lab, need, tmp_path, slow):
    need("strace")
    work = Work(tmp_path / "trace")
    lab.load("-i", LISTED4)
    with serving(lab, prefix=work.prefix):
        once = work.count("bpf(") / work.texts()
        calls, texts = work.count("bpf("), work.texts()
        answers_, seconds = ask_all_the_time(lab, SCRAPES, 4)
        calls, texts = work.count("bpf(") - calls, work.texts() - texts
    assert texts <= len(SCRAPES) * (seconds + 1)
    assert answers_ > (2 if slow else 20) * texts, "they were many"
    assert 0 < calls <= 2 * once * texts, "filters are read only for a new text"


def test_many_pages_are_no_more_work_than_one_a_second(lab, need, tmp_path, slow):
    """They look at samples, which began once."""
    need("strace")
    work = Work(tmp_path / "trace")
    lab.load("-i", LISTED4)
    with serving(lab, prefix=work.prefix):
        texts = work.texts()
        answers_, seconds = ask_all_the_time(lab, [("/", {})], 4)
        texts = work.texts() - texts
        assert work.count('map_name="ipf_rings"') == work.count('map_name="ipf_lock') == 1
    assert texts <= seconds + 1
    assert answers_ > (2 if slow else 20) * texts, "they were many"


def test_texts_cannot_be_changed(lab, stands_in, tmp_path):
    stands_in("""end.send(ALIVE)
fd, wrong = ask(), []
for change in (lambda: os.write(fd, b"x"), lambda: os.ftruncate(fd, 0), lambda: os.pwrite(fd, b"x", 0)):
    try:
        change()
        wrong.append("it was changed")
    except PermissionError:
        pass
pathlib.Path("FOLDER/new").write_text(repr(wrong))
os.rename("FOLDER/new", "FOLDER/tried")
""")
    with serving_badly(lab, tmp_path):
        wait_for((tmp_path / "tried").exists, "it has tried", lab.patience)
        assert (tmp_path / "tried").read_text() == "[]"
        wait_for(lambda: answers(lab), "the next one answers", lab.patience)


@pytest.mark.parametrize("code, told", [
    ("print('no room', file=sys.stderr)\nsys.exit(1)", ("xdp-ipfilter-http ended with status 1", "no room")),
    ("os.kill(os.getpid(), 9)", ("xdp-ipfilter-http was ended by signal 9",))])
def test_a_program_that_cannot_begin(lab, stands_in, code, told):
    stands_in(code)
    lab.refused(FAILED, "metrics", "--listen", f":{PORT}", words=told)


def test_a_program_that_is_not_installed(lab, stands_in):
    del stands_in
    lab.refused(FAILED, "metrics", "--listen", f":{PORT}", words=("--listen", "xdp-ipfilter-http",
                                                                 "libmicrohttpd"))
