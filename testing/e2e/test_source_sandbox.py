# SPDX-License-Identifier: GPL-2.0
"""A source that attacks the program that reads it: do time and memory stay bounded, is the end
orderly and the message good? And what could whoever has taken the program over do?"""
import gzip
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import threading
import time

import pytest

import sources
from netlab import wait_for
from webserver import Answer, Authority, Raw, Web

MIB = 1 << 20

#: What the program needs without any list, and room for a block of each buffer.
FEW_BYTES = 40 * MIB

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def web():
    with Web() as web:
        yield web


def refuses(location, *words, seconds=20, memory=FEW_BYTES, **job):
    """The program says so, in time, and ends; it never had more memory than that."""
    started = time.monotonic()
    with sources.start(location, **job) as source:
        text = source.trouble(*words, seconds=seconds)
        source.ends(rc=1)
    took = time.monotonic() - started
    assert source.peak_bytes < memory, f"{source.peak_bytes / MIB:.0f} MiB, {took:.1f} s: {text}"
    assert took < seconds
    print(f"{took:.2f} s, {source.peak_bytes / MIB:.0f} MiB: {text}")
    return text


def for_ever(piece):
    while True:
        yield piece


# --- Floods -------------------------------------------------------------------------------------

def test_garbage(web):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    numbers = random.Random(seed)
    web.answers["/list"] = lambda _: Answer(numbers.randbytes(MIB) for _ in range(1 << 12))
    refuses(web.url("/list"), web.url("/list"))


def test_4_gib_of_zeros(web):
    web.answers["/list"] = lambda _: Answer(bytes(MIB) for _ in range(4096))
    refuses(web.url("/list"), "a NUL byte, so not a text")


def test_4_gib_that_are_announced(web):
    """Nothing of it is read."""
    web.answers["/list"] = Answer(b"", Content_Length=str(4 << 30))
    refuses(web.url("/list"), "larger than the limit of 1,073,741,824 bytes", seconds=5)


@pytest.mark.parametrize("piece", [b"# a comment\n", b"\n", b"192.0.2.1\n"])
def test_a_list_that_never_ends(web, piece):
    """The rules that were read are gone, too."""
    limit = 32 * MIB
    web.answers["/list"] = lambda _: Answer(for_ever(piece * (MIB // len(piece))))
    refuses(web.url("/list"), f"larger than the limit of {limit:,} bytes", max_bytes=limit,
            memory=FEW_BYTES + limit // 10 * 60)


def test_a_line_that_never_ends(web):
    web.answers["/list"] = lambda _: Answer(for_ever(b"1" * MIB))
    refuses(web.url("/list"), "at most 4096 bytes")


def bomb(content, size, layers=1):
    """gzip data of so many bytes of that content, made in parts."""
    part = gzip.compress(content * (16 * MIB // len(content)))
    packed = part * (size // (16 * MIB))
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    return packed


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_of_4_gib(web, layers, headers):
    packed = bomb(b"#\n", 4 << 30, layers)
    assert len(packed) < 20 * MIB
    web.answers["/list"] = Answer(packed, **headers)
    refuses(web.url("/list"), "unpacked, it is larger than the limit of 67,108,864 bytes",
            max_bytes=1 << 26)


def test_a_bomb_that_gives_nothing(web):
    """Layers of empty members: the work is limited, though nothing comes out."""
    web.answers["/list"] = Answer(bomb(gzip.compress(b""), 1 << 30))
    refuses(web.url("/list"), "unpacked, it is larger", max_bytes=1 << 26)


def test_a_bomb_in_a_file(tmp_path):
    path = tmp_path / "list"
    path.write_bytes(bomb(b"#\n", 4 << 30))
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        refuses(str(path), str(path), "unpacked, it is larger", descriptor=fd, max_bytes=1 << 26)
    finally:
        os.close(fd)


JSON = {
    "deep objects": '{"a":' * 800,
    "deep arrays": "[" * 4090,
    "deep value": '{"cidr":' + "[" * 2000 + "]" * 2000 + "}",
    "NULs": '{"cidr":"' + "\\u0000" * 600 + '"}',
    "twice": '{"cidr":"192.0.2.1","cidr":"192.0.2.2"}',
    "below zero": '{"type":"metadata","records":-1}',
    "no number": '{"type":"metadata","records":1e400}',
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_is_deep_or_strange(web, name):
    web.answers["/list"] = Answer(JSON[name] + "\n")
    refuses(web.url("/list"), ":1:", format="ndjson")


# --- Headers and redirects ----------------------------------------------------------------------

def sends(*pieces, then=()):
    """A function of a connection: sends the pieces, then those of `then` again and again."""
    def serve(connection):
        for piece in pieces:
            connection.sendall(piece)
        while then:
            for piece in then:
                connection.sendall(piece)
    return serve


FRAMES = {
    "a header without end": sends(OK, b"X: ", then=(b"x" * MIB,)),
    "headers without end": sends(OK, then=(b"X: y\r\n" * 1000,)),
    "a long header": sends(OK, b"ETag: \"" + b"e" * 200000 + b"\"\r\nContent-Length: 0\r\n\r\n"),
    "100 without end": sends(then=(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,)),
    "103 without end": sends(then=(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 1000,)),
    "no answer without end": sends(then=(b"x" * MIB,)),
    "a status without end": sends(b"HTTP/1.1 200 ", then=(b"x" * MIB,)),
    "a chunk size without end": sends(CHUNKED, then=(b"f" * MIB,)),
    "a chunk size that is too large": sends(CHUNKED, b"ffffffffffffffffff\r\n"),
    "a chunk extension without end": sends(CHUNKED, b"1;", then=(b"x" * MIB,)),
    "trailers without end": sends(CHUNKED, b"0\r\n", then=(b"X: trailer\r\n" * 1000,)),
    "a length that is too large": sends(OK, b"Content-Length: 99999999999999999999\r\n\r\n"),
    "a length below 0": sends(OK, b"Content-Length: -1\r\n\r\n"),
    "two lengths": sends(OK, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_headers_and_frames_that_are_wrong_or_endless(name):
    with Raw(FRAMES[name]) as raw:
        refuses(raw.url("/list"), raw.url("/list"), silence_s=3, total_s=10)


def test_a_million_redirects(web):
    class Any(dict):
        def get(self, path, _=None):
            return Answer("", 302, Location=f"/{len(web.requests)}")
    web.answers = Any()
    refuses(web.url("/list"), web.url("/list"), "too many redirects")
    assert len(web.requests) == 6


@pytest.mark.parametrize("target", [
    "file:///etc/passwd", "ftp://127.0.0.1/list", "gopher://127.0.0.1/1", "ldap://127.0.0.1/",
    "dict://127.0.0.1/", "smb://127.0.0.1/x", "scp://127.0.0.1/x", "data:,192.0.2.1",
    "telnet://127.0.0.1/", "imap://127.0.0.1/", "tftp://127.0.0.1/list", "javascript:1"])
def test_a_redirect_to_another_scheme(web, target):
    web.answers["/list"] = Answer("", 302, Location=target)
    refuses(web.url("/list"), "redirects lead only to http and https")


def test_a_redirect_to_nowhere(web):
    web.answers["/list"] = Answer("", 302)
    refuses(web.url("/list"), "answers 302", "leads nowhere")


# --- Slowness -----------------------------------------------------------------------------------

def drips(beginning, piece, raw):
    """Sends the piece once a second."""
    def serve(connection):
        connection.sendall(beginning)
        while not raw[0].stop.wait(1):
            connection.sendall(piece)
    return serve


def slow(beginning, piece, **kwargs):
    holder = []
    holder.append(Raw(drips(beginning, piece, holder), **kwargs))
    return holder[0]


@pytest.mark.parametrize("beginning, piece", [
    (OK + b"\r\n", b"#"), (OK, b"X: y\r\n"),
    (CHUNKED, b"1\r\n#\r\n")])
def test_a_byte_a_second(beginning, piece):
    with slow(beginning, piece) as raw:
        refuses(raw.url("/list"), "not complete after 4 s", silence_s=3, total_s=4, seconds=10)


def test_a_header_that_never_gets_ready():
    with slow(OK, b"X") as raw:
        refuses(raw.url("/list"), "the answer made no progress for 3 s", silence_s=3, total_s=20,
                seconds=10)


def test_what_is_not_http():
    with Raw(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")) as raw:
        refuses(raw.url("/list"), "does not speak HTTP")


@pytest.mark.parametrize("beginning", [b"", OK, OK + b"\r\n192.0.2.1\n"])
def test_silence(beginning):
    with Raw(lambda connection: (connection.sendall(beginning), raw.stop.wait(60))) as raw:
        refuses(raw.url("/list"), "the answer made no progress for 2 s", silence_s=2, total_s=20,
                seconds=10)


def test_a_server_that_does_not_answer_tls():
    with Raw(lambda connection: raw.stop.wait(60), request=False) as raw:
        refuses(raw.url("/list", "https"), "no connection within 2 s", total_s=2, seconds=10)


def test_a_server_that_does_not_accept():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fill = []
        for _ in range(4):  # Its queue is full: the kernel drops further requests.
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            fill.append(one)
        refuses(f"http://127.0.0.1:{port}/list", "no connection within 2 s", total_s=2,
                seconds=10)
        for one in fill:
            one.close()


@pytest.mark.parametrize("beginning", [b"", OK + b"\r\n192.0.2.1\n"])
def test_it_ends_at_once_when_sync_does(beginning):
    with Raw(lambda connection: (connection.sendall(beginning), asked.set(),
                                 raw.stop.wait(60))) as raw:
        asked = threading.Event()
        with sources.start(raw.url("/list")) as source:
            assert asked.wait(20)
            source.close_input()
            started = time.monotonic()
            source.ends()
            assert time.monotonic() - started < 5


# --- TLS ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("name, options, words", [
    ("other", {"alternatives": "DNS:other.example"}, "a name that is in the certificate"),
    ("prefix", {"alternatives": "DNS:127.0.0.1.example,IP:127.0.0.2"}, "a name that is in"),
    ("expired", {"days": -1}, "expired; the server needs a new one"),
])
def test_a_certificate_that_is_wrong(authority, name, options, words):
    with Web(tls=authority.issue(name, **options), list=Answer("192.0.2.1\n")) as web:
        refuses(web.url("/list"), "the certificate is not trusted", words, ca=authority.text())


def test_a_certificate_that_is_its_own_authority(authority):
    own = (authority.certificate, authority.folder / "ca.key")
    with Web(tls=own, list=Answer("192.0.2.1\n")) as web:
        refuses(web.url("/list"), "the certificate is not trusted", "ca = FILE")


def test_from_https_no_redirect_leads_to_http(authority, web):
    web.answers["/list"] = Answer("192.0.2.1\n")
    with Web(tls=authority.issue("redirects"),
             list=Answer("", 302, Location=web.url("/list"))) as secure:
        refuses(secure.url("/list"), "from https only to https", ca=authority.text())
    assert not web.requests


# --- Taken over ---------------------------------------------------------------------------------

@pytest.fixture
def waiting():
    """A source program in the middle of its work."""
    with Raw(lambda connection: (asked.set(), raw.stop.wait(60))) as raw:
        asked = threading.Event()
        with sources.start(raw.url("/list"), password="secret") as source:
            assert asked.wait(20)
            yield source


def test_it_is_nobody_without_any_right(waiting):
    status = waiting.status()
    for ids in ("Uid", "Gid"):
        assert status[ids].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    for kind in ("Inh", "Prm", "Eff", "Amb"):
        assert int(status[f"Cap{kind}"], 16) == 0, kind
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_all_its_threads_are_so(waiting):
    tasks = list(pathlib.Path(f"/proc/{waiting.process.pid}/task").iterdir())
    assert len(tasks) > 1
    for task in tasks:
        text = (task / "status").read_text()
        assert "\nSeccomp:\t2\n" in text and "\nNoNewPrivs:\t1\n" in text
        assert "\nCapEff:\t0000000000000000\n" in text


def test_nobody_else_can_look_into_it(waiting):
    """The kernel gives what is in /proc of a process that cannot be traced to root."""
    for name in ("environ", "mem", "fd"):
        assert os.stat(f"/proc/{waiting.process.pid}/{name}").st_uid == 0
    for name in ("cmdline", "environ"):
        assert b"secret" not in pathlib.Path(f"/proc/{waiting.process.pid}/{name}").read_bytes()


def test_it_has_no_descriptor_of_others(waiting):
    """Its three streams, a pipe and what curl opens: sockets and its wake-up."""
    folder = f"/proc/{waiting.process.pid}/fd"
    links = {os.readlink(f"{folder}/{name}").partition(":")[0] for name in os.listdir(folder)}
    assert links <= {"pipe", "socket", "anon_inode"}


def test_its_memory_is_limited_and_the_first_to_go(waiting):
    limits = pathlib.Path(f"/proc/{waiting.process.pid}/limits").read_text()
    assert ["Max", "address", "space", str(4 << 30), str(4 << 30)] in \
        [line.split()[:5] for line in limits.splitlines()]
    assert ["Max", "core", "file", "size", "0", "0"] in \
        [line.split()[:6] for line in limits.splitlines()]
    assert pathlib.Path(f"/proc/{waiting.process.pid}/oom_score_adj").read_text() == "1000\n"


def has_ended(pid):
    try:
        return "State:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_it_dies_with_sync():
    """Also while somebody else holds the other end of its input."""
    with Raw(lambda connection: (asked.set(), raw.stop.wait(60))) as raw:
        asked = threading.Event()
        job = json.dumps({**sources.JOB, "location": raw.url("/list")})
        ours, theirs = os.pipe()
        with subprocess.Popen(["bash", "-c", f'"$0" <&{ours} & echo $!; wait', sources.BINARY],
                              pass_fds=(ours,), stdout=subprocess.PIPE) as parent:
            try:
                pid = int(parent.stdout.readline())
                os.write(theirs, f"{job}\n".encode())
                assert asked.wait(20)
                assert not has_ended(pid)
            finally:
                parent.kill()
            wait_for(lambda: has_ended(pid), "the program ends", 10)
        os.close(ours)
        os.close(theirs)
