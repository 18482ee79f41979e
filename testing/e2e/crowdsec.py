# SPDX-License-Identifier: GPL-2.0
"""CrowdSec's local API: a scripted one, and the real one of Debian's package."""
import contextlib
import copy
import itertools
import json
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import types
import urllib.parse

import pytest

import server
import webserver
from netlab import wait_for
from webserver import Answer, Web

KEY = "a-key-of-a-bouncer"
STREAM = "/v1/decisions/stream"
METRICS = "/v1/usage-metrics"


def seconds(duration):
    """The seconds of "1h2m3.5s"; 0: it is no such duration."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(-?[\d.]+)s)?", duration)
    return sum(float(part or 0) * unit
               for part, unit in zip(parts.groups(), (3600, 60, 1))) if parts else 0


class Lapi:
    """A scripted API. It sends each change once, in the next answer, as the real one does.

    `spoil` are functions that replace the next answers: each takes the Answer that was meant and
    the handler, and returns an Answer, or None if it has answered itself."""

    def __init__(self, **web):
        self.web = Web(**web)
        self.web.answers[STREAM] = self._stream
        self.web.answers[METRICS] = self._metrics
        self.location = f"crowdsec+{self.web.url('')}"
        self.decisions, self.spoil, self.reports = {}, [], []
        #: The path, headers and body of each request. (A handler serves a whole connection.)
        self.requests = []
        self.metrics_answer = Answer(b"", 201)
        self.key = KEY
        self._closed = False
        #: Seconds that have passed although nobody waited.
        self.later = 0
        self._ends = {}
        self._new, self._deleted, self._ids = [], [], itertools.count(1)
        self._lock = threading.RLock()

    def ban(self, value, duration="1h", scope="Ip", type="ban", origin="cscli", **more):
        decision = {"id": next(self._ids), "duration": duration, "scope": scope, "type": type,
                    "value": value, "origin": origin, "scenario": "manual", **more}
        with self._lock:
            self.decisions[scope, type, value] = decision
            self._ends[decision["id"]] = time.monotonic() + self.later + seconds(duration)
            self._new.append(decision)
        return decision

    def send_again(self, value, later=0, scope="Ip", type="ban"):
        """The same decision, which now ends so many seconds later."""
        decision = self.decisions[scope, type, value]
        with self._lock:
            self._ends[decision["id"]] += later
            self._new.append(decision)

    def _counting_down(self, decisions):
        now = time.monotonic() + self.later
        return [{**one, "duration": f"{self._ends[one['id']] - now:.6f}s"
                 if seconds(one["duration"]) else one["duration"]} for one in decisions]

    def lift(self, value, scope="Ip", type="ban"):
        with self._lock:
            decision = self.decisions.pop((scope, type, value), None)
            if decision:
                self._deleted.append({**decision, "duration": "-134.5ms"})

    @contextlib.contextmanager
    def at_once(self):
        """No answer has only a part of the changes that are made meanwhile."""
        with self._lock:
            yield

    @contextlib.contextmanager
    def silently(self):
        """Nobody is told of the changes that are made meanwhile."""
        with self._lock:
            told = self._new, self._deleted
            self._new, self._deleted = [], []
            yield
            self._new, self._deleted = told

    @property
    def pulls(self):
        """For each request so far: "all" or "changes"."""
        return [{"true": "all", "false": "changes"}[
                    urllib.parse.parse_qs(request.path.partition("?")[2])["startup"][0]]
                for request in list(self.requests) if request.path.startswith(STREAM)]

    def _note(self, request):
        self.requests.append(types.SimpleNamespace(path=request.path, headers=request.headers,
                                                   body=request.body,
                                                   at=time.monotonic()))

    def _stream(self, request):
        self._note(request)
        if self._closed:  # A connection outlives the server that accepted it.
            return None
        if self.key and request.headers["X-Api-Key"] != self.key:
            return Answer('{"message":"access forbidden"}', 403, Content_Type="application/json")
        with self._lock:
            if request.path.endswith("?startup=true"):
                new, deleted = copy.copy(list(self.decisions.values())), []
            else:
                new, deleted = self._new, self._deleted
            self._new, self._deleted = [], []
            new = self._counting_down(new)
        # Go's encoder, too, makes null of a list without items.
        text = json.dumps({"deleted": deleted or None, "new": new or None}) + "\n"
        answer = Answer(text, Content_Type="application/json")
        return self.spoil.pop(0)(answer, request) if self.spoil else answer

    def _metrics(self, request):
        self._note(request)
        answer = self.metrics_answer
        if answer.status < 300:
            self.reports.append(json.loads(request.body))
        return answer

    def close(self):
        self._closed = True
        self.web.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def over_socket(lapi):
    """The client's end of a unix socket that the scripted API serves."""
    near, far = socket.socketpair()
    server = types.SimpleNamespace(web=lapi.web)

    def serve():
        with contextlib.suppress(OSError):
            webserver._Handler(far, "", server)
        far.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield near
    finally:
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)
        near.close()
        thread.join(10)


class UnixListener:
    """A unix socket that the scripted API serves, one connection at a time."""

    def __init__(self, lapi, path):
        self.path, self.connections = path, 0
        self._server = types.SimpleNamespace(web=lapi.web)
        self._current = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                self._current, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError):
                webserver._Handler(self._current, "", self._server)
            self._current.close()

    def hang_up(self):
        with contextlib.suppress(OSError):
            self._current.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()


CONFIG = """\
common: {{daemonize: false, log_media: stdout, log_level: info}}
config_paths: {{config_dir: {0}, data_dir: {0}/data, hub_dir: {0}/hub, index_path: {0}/hub/.index.json,
               simulation_path: {0}/simulation.yaml}}
db_config: {{type: sqlite, db_path: {0}/data/crowdsec.db, use_wal: true, log_level: info}}
cscli: {{output: json}}
api:
  client: {{credentials_path: {0}/credentials.yaml}}
  server: {{listen_uri: "127.0.0.1:{1}", profiles_path: {0}/profiles.yaml, log_level: info}}
prometheus: {{enabled: false}}
"""

PROFILES = """\
name: default
filters: ["true"]
decisions: [{type: ban, duration: 4h}]
on_success: break
"""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(server.Server):
    """The real API, in a folder of its own, on loopback (of `place`, a namespace), without
    detection. `with` stops it."""

    def __init__(self, folder, place=None):
        for program in ("crowdsec", "cscli"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        self._place = place
        self.folder, self.port = pathlib.Path(folder), _free_port()
        for name in ("data", "hub"):
            (self.folder / name).mkdir(parents=True)
        for name, text in {"config.yaml": CONFIG.format(self.folder, self.port),
                           "profiles.yaml": PROFILES, "simulation.yaml": "simulation: false\n",
                           "credentials.yaml": "", "hub/.index.json": "{}"}.items():
            (self.folder / name).write_text(text)
        self.location = f"crowdsec+http://127.0.0.1:{self.port}"
        self.process = None
        self.cscli("machines", "add", "tests", "--password", "secret", "--force",
                   "--file", self.folder / "credentials.yaml")
        self.cscli("bouncers", "add", "xdp-ipfilter", "--key", KEY)

    @property
    def _config(self):
        return ("-c", str(self.folder / "config.yaml"))

    def _there(self):
        return self._place or contextlib.nullcontext()

    def cscli(self, *args):
        with self._there():
            return subprocess.run(["cscli", *self._config, *map(str, args)], check=True, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=120).stdout

    def _answers(self):
        with self._there(), contextlib.suppress(OSError), \
                socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        return False

    def start(self):
        with open(self.folder / "log", "ab") as log, self._there():
            self.process = subprocess.Popen(["crowdsec", *self._config, "-no-cs"],
                                            stdout=log, stderr=log)
        wait_for(self._answers, "CrowdSec's API answers", 60)
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def ban(self, value, duration="1h", *more):
        kind = "--range" if "/" in value else "--ip"
        self.cscli("decisions", "add", kind, value, "--duration", duration, *more)

    def lift(self, value):
        self.cscli("decisions", "delete", "--range" if "/" in value else "--ip", value)

    def lift_one(self, scope, value):
        """Only the decision of this scope. (A range that is lifted takes along what is in it.)"""
        alerts = json.loads(self.cscli("decisions", "list", "--all", "-o", "json"))
        number, = {decision["id"] for alert in alerts for decision in alert["decisions"]
                   if (decision["scope"], decision["value"]) == (scope, value)}
        self.cscli("decisions", "delete", "--id", number)

    def import_bans(self, values, duration="4h"):
        """Many at once."""
        path = self.folder / "bans.csv"
        path.write_text("duration,scope,type,value\n" +
                        "".join(f"{duration},{'range' if '/' in value else 'ip'},ban,{value}\n"
                                for value in values))
        self.cscli("decisions", "import", "--input", path)

    def pulls(self):
        """For each request so far: "all" or "changes"."""
        text = (self.folder / "log").read_text(errors="replace")
        return [{"true": "all", "false": "changes"}[one]
                for one in re.findall(r"GET /v1/decisions/stream\?startup=(true|false)", text)]


#: A library that lets a program believe that time has passed: what a file says, in seconds, is
#: added to the clocks that never go back.
CLOCK = """\
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile const unsigned int *later;

__attribute__((constructor)) static void start(void)
{
	int fd = open(getenv("LATER"), O_RDONLY);

	later = mmap(NULL, sizeof(*later), PROT_READ, MAP_SHARED, fd, 0);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int ret = real(clock, out);

	if (clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME)
		out->tv_sec += *later;
	return ret;
}
"""


class Clock:
    """The clock of a program that is started with this environment."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        if not shutil.which("cc"):
            pytest.skip("there is no C compiler")
        self.path, library = folder / "later", folder / "clock.so"
        self.path.write_bytes(bytes(4))
        (folder / "clock.c").write_text(CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, folder / "clock.c", "-ldl"],
                       check=True)
        self.env = {"LD_PRELOAD": str(library), "LATER": str(self.path)}

    def advance(self, seconds):
        with open(self.path, "r+b", buffering=0) as file:
            later = int.from_bytes(file.read(4), "little") + seconds
            file.seek(0)
            file.write(later.to_bytes(4, "little"))

