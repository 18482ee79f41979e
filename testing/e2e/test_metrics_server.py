# SPDX-License-Identifier: GPL-2.0
"""metrics --listen: who is answered, by what, and who cannot keep others out."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

import kernel
import product
from frames import LISTED4, udp
from netlab import wait_for
from product import DONE, FAILED, USAGE, environment
from test_metrics import lint, samples, scraped, source, sync_that_says

PORT, PROMETHEUS = 9845, 9846
OPENMETRICS = "application/openmetrics-text"

#: The numbers of capabilities, and of a user and a group.
KILL, SETGID, SETUID, SYS_ADMIN = 5, 6, 7, 21
NOBODY = "65534"

#: Of connections, from lib/metrics/server.h.
AT_A_TIME, IDLE_S, MAX_S = 16, 10, 30


@pytest.fixture(scope="module", autouse=True)
def _needs_libmicrohttpd():
    if "libmicrohttpd" in product.Tool()("metrics", "--listen", "nowhere").err:
        pytest.skip("built without libmicrohttpd")


def connect(lab, port=PORT):
    with lab.ns:
        return socket.create_connection(("127.0.0.1", port), lab.patience + MAX_S)


class Connection(http.client.HTTPConnection):
    """From inside the namespace."""

    def __init__(self, lab, port=PORT):
        super().__init__("127.0.0.1", port)
        self.lab = lab

    def connect(self):
        self.sock = connect(self.lab, self.port)


def ask(lab, path="/metrics", method="GET", port=PORT, body=None, **headers):
    """(status, headers, text)"""
    connection = Connection(lab, port)
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def answers(lab, path="/metrics", port=PORT):
    try:
        return ask(lab, path, port=port)[0] == 200
    except OSError:
        return False


@contextlib.contextmanager
def serving(lab, place=f":{PORT}", *more, **kwargs):
    lab.ns.run("ip", "link", "set", "lo", "up")
    process = lab.start("metrics", "--listen", place, *more, **kwargs)
    try:
        wait_for(lambda: process.poll() is not None or answers(lab), "it answers", lab.patience)
        yield process
        process.terminate()
        out, err = process.communicate(timeout=lab.patience)
        assert (process.returncode, out, err) == (DONE, "", "")
    finally:
        process.kill()
        process.communicate()


def test_it_says_what_the_command_prints(lab):
    lab.load("-i", LISTED4)
    with serving(lab):
        lab.wire.exchange([udp(LISTED4)])
        wait_for(lambda: samples(ask(lab)[2]) == scraped(lab), "a new text", lab.patience)
        status, headers, text = ask(lab)
        assert status == 200
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "# EOF" not in text
        status, headers, strict = ask(lab, Accept=OPENMETRICS)
        assert status == 200 and samples(strict) == samples(text)
        assert headers["Content-Type"].startswith(OPENMETRICS) and strict.endswith("\n# EOF\n")
        if shutil.which("promtool"):
            assert lint(text) == (DONE, "")


def status_of(pid):
    return dict(line.split(":\t") for line in
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def speaker(process):
    """The pid of the program that speaks HTTP."""
    [pid] = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(pid)


def sockets(pid):
    links = {os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    return {link for link in links if link.startswith("socket:")}


def test_who_reads_filters_speaks_to_nobody_and_the_other_way_round(lab):
    with serving(lab) as process:
        reader, http = status_of(process.pid), status_of(speaker(process))
        assert int(reader["CapEff"], 16) == int(reader["CapPrm"], 16) == sum(
            1 << bit for bit in (SYS_ADMIN, SETUID, SETGID, KILL))
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(http[kind], 16) == 0, kind
        assert http["Uid"].split() == http["Gid"].split() == [NOBODY] * 4 and not http["Groups"].strip()
        assert http["Seccomp"] == "2" and reader["NoNewPrivs"] == http["NoNewPrivs"] == "1"
        assert pathlib.Path(f"/proc/{speaker(process)}/cmdline").read_bytes() == b"xdp-ipfilter-http\0"
        assert pathlib.Path(f"/proc/{speaker(process)}/environ").read_bytes() == b""
        # A client is connected to the one, and never to the other.
        read, spoken = sockets(process.pid), sockets(speaker(process))
        with connect(lab):
            wait_for(lambda: sockets(speaker(process)) - spoken, "it is accepted", lab.patience)
            assert sockets(process.pid) == read
        # The library for HTTP is not even in the memory of the one with capabilities.
        assert "microhttpd" not in pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        assert "microhttpd" in pathlib.Path(f"/proc/{speaker(process)}/maps").read_text()


def test_it_is_gone_with_the_one_that_reads(lab):
    with serving(lab) as process:
        http = speaker(process)
    assert not pathlib.Path(f"/proc/{http}").exists()
    process = lab.start("metrics", "--listen", f":{PORT}")
    wait_for(lambda: answers(lab), "it answers", lab.patience)
    http = speaker(process)
    process.kill()
    process.communicate(timeout=lab.patience)
    wait_for(lambda: not pathlib.Path(f"/proc/{http}").exists() or
             status_of(http)["State"].startswith("Z"), "it is gone", lab.patience)


def test_maps_of_an_unloaded_filter_are_freed(lab, no_more_progs):
    lab.load()
    program = lab.status("f0")["program_id"]
    with serving(lab) as process:
        assert ask(lab, "/")[0] == ask(lab)[0] == 200
        lab.good("unload", "f0")
        wait_for(lambda: program not in kernel.programs(), "the program is freed", lab.patience)
        # Where the page looks at packets, within a second or two.
        wait_for(lambda: not [fd for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
                              if "bpf" in str(fd.resolve())], "its maps are freed", lab.patience)


def test_methods_and_paths(lab):
    lab.load()
    with serving(lab):
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            status, headers, _ = ask(lab, method=method, body="x" * 100)
            assert (status, headers["Allow"]) == (405, "GET, HEAD"), method
        for path in ("/metrics/", "/x", "/metric", "//", "/../etc/passwd"):
            assert ask(lab, path)[0] == 404, path
        status, headers, text = ask(lab, method="HEAD")
        assert status == 200 and text == "" and int(headers["Content-Length"]) > 0
        assert ask(lab, "/metrics?x=1")[0] == 200
        with connect(lab) as nonsense:
            nonsense.sendall(b"\0\xff nonsense\r\n\r\n" + b"x" * 100000)
        assert answers(lab)


def test_it_follows_what_happens(lab):
    def says(value, *key):
        return lambda: samples(ask(lab)[2]).get(key) == value

    filtering = ("xdp_ipfilter_filtering", "device=f0")
    with serving(lab):
        assert says(None, *filtering)()
        lab.load("-i", LISTED4)
        wait_for(says(1, *filtering), "it filters", lab.patience)
        lab.good("add", "192.0.2.200")
        wait_for(says(2, "xdp_ipfilter_rules", "device=f0", "family=ipv4", "set=default"), "a rule", lab.patience)
        lab.good("unload", "f0")
        wait_for(says(None, *filtering), "it has gone", lab.patience)


def test_a_page_for_people(lab):
    lab.load("-i", LISTED4)
    sources = [{**source("<b>", "held", 1700000000, 7), "error": "a & b"}]
    with serving(lab), sync_that_says(lab, sources=sources):
        ask(lab, "/")
        assert lab.wire.exchange([udp(LISTED4)] * 50) == [False] * 50
        wait_for(lambda: ">50</td>" in ask(lab, "/")[2], "a new text", lab.patience)
        status, headers, page = ask(lab, "/")
        assert status == 200 and headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "src=" not in page and "https://lists.example/" in page
        assert "<h2 class=good>f0: filtering" in page
        assert "<tr><td>default</td><td class=n>1</td><td class=n>0</td></tr>" in page
        packets, rate = re.search(r"<td>drop</td><td class=n>([\d,]+)</td><td class=n>[\d,]+</td>"
                                  r"<td class=n>([\d,]+)</td>", page).groups()
        assert packets == "50" and int(rate.replace(",", "")) > 0
        assert "<td>&lt;b></td><td>held</td>" in page and "a &amp; b" in page and "<b>" not in page


def test_the_page_needs_nothing_and_escapes_names(own_lab):
    """The name of an interface may have any character but blanks, `/` and `:`."""
    own_lab.ns.run("ip", "link", "set", "f0", "down")
    own_lab.ns.run("ip", "link", "set", "f0", "name", "<i>&amp;\"'")
    own_lab.ns.run("ip", "link", "set", "<i>&amp;\"'", "up")
    own_lab.load(dev="<i>&amp;\"'")
    with serving(own_lab):
        page = ask(own_lab, "/")[2]
    assert "&lt;i>&amp;amp;\"': filtering" in page and "<i>" not in page
    # It is read-only, and loads nothing: not even a script of its own.
    assert not re.search(r"<(script|form|img|link|iframe|input)|https?:|url\(|@import", page)
    assert "color-scheme:light dark" in page and "width=device-width" in page
    own_lab.good("unload", "<i>&amp;\"'")


def test_the_page_does_not_call_an_observer_good(lab):
    lab("load", "-m", "native", "--observe", "f0")
    with serving(lab):
        page = ask(lab, "/")[2]
        assert "<h2 class=note>f0: observing" in page and "It drops nothing" in page
        lab.good("enforce", "on")
        page = wait_for(lambda: "<h2 class=good>f0: filtering" in (page := ask(lab, "/")[2]) and page,
                        "it drops", lab.patience)
        assert "It drops nothing" not in page


def test_an_interface_that_lost_the_filter_does_not_end_it(lab):
    with serving(lab) as process:
        stop = threading.Event()

        def change():
            while not stop.is_set():
                lab("load", "-m", "native", "f0")
                lab("unload", "f0")
        changer = threading.Thread(target=change)
        changer.start()
        try:
            for _ in range(30):
                assert ask(lab)[0] == 200
        finally:
            stop.set()
            changer.join()
        assert process.poll() is None


# --- Many clients, and bad ones -------------------------------------------------------------------

def test_twenty_clients_at_once(lab):
    lab.load()
    with serving(lab):
        clients = [connect(lab) for _ in range(20)]
        for client in clients:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        texts = []
        for client in clients:
            with client, client.makefile("rb") as answer:
                texts.append(answer.read())
        assert all(text.startswith(b"HTTP/1.1 200") and b'filtering{device="f0"} 1' in text
                   for text in texts)


def test_slow_clients_keep_nobody_out(lab):
    lab.load()
    with serving(lab):
        silent = [connect(lab) for _ in range(AT_A_TIME)]
        silent[0].sendall(b"GET /metrics HTTP/1.1\r\n")
        started = time.monotonic()
        # All connections are taken, so this client waits until the silent ones are ended.
        assert answers(lab)
        assert IDLE_S - 3 < time.monotonic() - started < IDLE_S + lab.patience
        assert answers(lab), "now without waiting"
        for client in silent:
            client.close()


def test_a_client_that_says_a_little_all_the_time_is_ended(lab):
    with serving(lab), connect(lab) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")
        started = time.monotonic()
        while not select.select([client], [], [], 1)[0]:
            assert time.monotonic() - started < MAX_S + lab.patience
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(b"X: y\r\n")
        assert time.monotonic() - started > MAX_S - 3
        assert answers(lab)


def test_a_client_that_does_not_read_keeps_nobody_out(lab):
    lab.load()
    with serving(lab), connect(lab) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert all(answers(lab) for _ in range(20))


# --- Sockets --------------------------------------------------------------------------------------

def test_a_socket_of_systemd(lab):
    lab.ns.run("ip", "link", "set", "lo", "up")
    lab.load()
    with lab.ns:
        listener = socket.create_server(("127.0.0.1", PORT))
    script = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{listener.fileno()}'
    with listener, serving(lab, "systemd", prefix=("bash", "-c", script, "bash"),
                           pass_fds=(listener.fileno(),)):
        assert ("xdp_ipfilter_filtering", "device=f0") in samples(ask(lab)[2])


@pytest.mark.parametrize("env", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}])
def test_no_socket_of_systemd(lab, env):
    lab.refused(USAGE, "metrics", "--listen", "systemd", words=(".socket",), env=env)


def test_it_listens_where_it_was_told(lab):
    lab.ns.run("ip", "link", "set", "lo", "up")
    for place, listens in ((f":{PORT}", f"127.0.0.1:{PORT}"), (f"127.0.0.2:{PORT}", f"127.0.0.2:{PORT}"),
                           (f"0.0.0.0:{PORT}", f"0.0.0.0:{PORT}"), (f"[::]:{PORT}", f"[::]:{PORT}")):
        process = lab.start("metrics", "--listen", place)
        wait_for(lambda at=listens: f" {at} " in lab.ns.run("ss", "-Hltn").stdout, listens, lab.patience)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=lab.patience)
        assert process.returncode == DONE


def test_a_port_that_is_taken(lab):
    with serving(lab):
        lab.refused(FAILED, "metrics", "--listen", f":{PORT}", words=(f":{PORT}", "another port"))


@pytest.mark.parametrize("place", ["", "9845", ":", ":0", ":65536", ":08080", "localhost:9845",
                                   "::1:9845", "[::1]", "[::1:9845", "1.2.3:9845", ":9845x"])
def test_places_that_are_none(lab, place):
    lab.refused(USAGE, "metrics", "--listen", place, words=("ADDRESS:PORT",))


def test_a_file_or_a_server(lab):
    lab.refused(USAGE, "metrics", "--listen", f":{PORT}", "-o", "/x", words=("--output", "--listen"))


# --- Prometheus itself ----------------------------------------------------------------------------

def query(lab, text):
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": text})
    try:
        document = json.loads(ask(lab, path, port=PROMETHEUS)[2])
    except (OSError, ValueError):
        return []
    return document.get("data", {}).get("result", [])


def test_prometheus_scrapes_it(lab, need, tmp_path):
    need("prometheus")
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n"
        f"- job_name: xdp-ipfilter\n  static_configs: [{{targets: ['127.0.0.1:{PORT}']}}]\n")
    lab.load("-i", LISTED4)
    with serving(lab), lab.ns:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path}/prometheus.yml",
             f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{PROMETHEUS}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        try:
            wait_for(lambda: query(lab, "up == 1"), "it scrapes", lab.patience + 30)
            assert lab.wire.exchange([udp(LISTED4)] * 3) == [False] * 3
            [one] = wait_for(lambda: query(
                lab, 'xdp_ipfilter_packets_total{device="f0",verdict="drop"} == 3'),
                "it has counted", lab.patience)
            assert one["metric"]["instance"] == f"127.0.0.1:{PORT}"
            assert query(lab, "xdp_ipfilter_filtering == 1")
        finally:
            prometheus.kill()
            prometheus.wait()
