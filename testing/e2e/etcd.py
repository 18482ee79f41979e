# SPDX-License-Identifier: GPL-2.0
"""Runs etcd: nodes with their own folders, on loopback or in a namespace, ended by the test that
started them."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import time

from netlab import wait_for
from server import Server

PATIENCE = 60.0
MISSING = [name for name in ("etcd", "etcdctl") if not shutil.which(name)]
WHY = f"needs {' and '.join(MISSING)} (Debian: etcd-server, etcd-client)"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


class Authority:
    """A certificate authority of our own, made by openssl."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                      "-subj", "/CN=authority of the tests")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.folder, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stderr

    def issue(self, name, subject=None):
        """A certificate for 127.0.0.1, and for this common name. Returns its file and the key's."""
        (self.folder / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject or f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-extfile", "ext")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


class Node:
    """One member of a cluster."""

    def __init__(self, cluster, number, address, client, peer):
        self.cluster, self.name, self.address = cluster, f"n{number}", address
        self.folder = cluster.folder / self.name
        self.client, self.peer = client, peer
        self.process = None

    def peer_url(self):
        return f"http://{self.address}:{self.peer}"

    def endpoint(self, port=None):
        return f"{self.address}:{port or self.client}"

    def start(self, client=None):
        """`client`: another port for clients, this time."""
        url = f"{self.cluster.scheme}://{self.endpoint(client)}"
        argv = ["etcd", "--name", self.name, "--data-dir", self.folder,
                "--listen-client-urls", url, "--advertise-client-urls", url,
                "--listen-peer-urls", self.peer_url(),
                "--initial-advertise-peer-urls", self.peer_url(),
                "--initial-cluster", self.cluster.initial(),
                "--initial-cluster-token", self.cluster.token,
                *self.cluster.arguments]
        with open(self.cluster.folder / f"{self.name}.log", "ab") as log, self.cluster.place:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait()
        self.process = None


class Cluster(Server):
    """Nodes of one cluster. `with` starts them, and ends them in any case.

    `tls` is an Authority: clients must then show a certificate of it. `place` is the Namespace in
    which the nodes run. It has the `addresses`."""

    def __init__(self, folder, size=1, tls=None, token="tests", arguments=(), place=None,
                 addresses=("127.0.0.1",) * 3):
        self.place = place or contextlib.nullcontext()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.token, self.tls = token, tls
        self.scheme = "https" if tls else "http"
        self.user = None
        self.arguments = [*arguments]
        if tls:
            cert, key = tls.issue("server")
            self.arguments += ["--cert-file", cert, "--key-file", key,
                               "--trusted-ca-file", tls.ca, "--client-cert-auth"]
            self.own = tls.issue("administrator")
        ports = free_ports(2 * size)
        self.nodes = [Node(self, i, addresses[i], ports[2 * i], ports[2 * i + 1])
                      for i in range(size)]

    def initial(self):
        return ",".join(f"{node.name}={node.peer_url()}" for node in self.nodes)

    def endpoints(self, *nodes):
        return ",".join(node.endpoint() for node in nodes or self.nodes)

    def location(self, prefix="/f/", nodes=()):
        return f"etcd+{self.scheme}://{self.endpoints(*nodes)}{prefix}"

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait()

    def wait(self, port=None):
        """Until it takes writes."""
        wait_for(lambda: self.ctl("endpoint", "health", port=port, check=False).returncode == 0,
                 "etcd is healthy", PATIENCE)

    def stop(self, how=signal.SIGKILL):
        for node in self.nodes:
            node.stop(how)

    def ctl(self, *args, port=None, stdin=None, user=None, check=True):
        """etcdctl. Its standard input is the value of a `put` without one."""
        if port:
            endpoints = self.nodes[0].endpoint(port)
        else:
            endpoints = self.endpoints(*[node for node in self.nodes if node.process])
        argv = ["etcdctl", f"--endpoints={endpoints}"]
        if self.tls:
            argv += [f"--cacert={self.tls.ca}", f"--cert={self.own[0]}", f"--key={self.own[1]}"]
        if user or self.user:
            argv += [f"--user={user or self.user}"]
        if isinstance(stdin, str):
            stdin = stdin.encode()
        with self.place:
            done = subprocess.run([*argv, *map(str, args)], input=stdin, capture_output=True,
                                  env={"PATH": os.environ["PATH"], "ETCDCTL_API": "3"},
                                  check=False)
        assert not check or done.returncode == 0, (args, done.stderr)
        return done

    def put(self, key, value="", **kwargs):
        """A value from standard input may have any bytes and any size."""
        if value == "":
            return self.ctl("put", key, "", **kwargs)
        return self.ctl("put", key, stdin=value, **kwargs)

    def connection(self):
        node = next(node for node in self.nodes if node.process)
        with self.place:
            return Gateway(node.address, node.client, self.tls and self._context())

    def _context(self):
        context = ssl.create_default_context(cafile=self.tls.ca)
        context.load_cert_chain(*self.own)
        return context

    def revision(self):
        return int(self.connection().ask("/v3/kv/range", {"key": b64("/")})["header"]["revision"])

    def restore(self, snapshot):
        """A new store, of one node, from a snapshot. The node does not run."""
        node, = self.nodes
        shutil.rmtree(node.folder)
        subprocess.run(["etcdctl", "snapshot", "restore", snapshot, "--data-dir", node.folder,
                        "--name", node.name, "--initial-cluster", self.initial(),
                        "--initial-cluster-token", self.token,
                        "--initial-advertise-peer-urls", node.peer_url()],
                       env={"PATH": os.environ["PATH"], "ETCDCTL_API": "3"}, check=True,
                       capture_output=True)


class Gateway:
    """A connection to the JSON gateway."""

    def __init__(self, address, port, context=None):
        self.http = http.client.HTTPSConnection(address, port, context=context) if context \
            else http.client.HTTPConnection(address, port)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path, body):
        self.http.request("POST", path, json.dumps(body))
        answer = self.http.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def put(self, key, value=b""):
        return self.ask("/v3/kv/put", {"key": b64(key), "value": b64(value)})

    def delete(self, key):
        return self.ask("/v3/kv/deleterange", {"key": b64(key)})

    def put_many(self, pairs):
        """128 of them are one transaction, which is etcd's limit."""
        pairs = list(pairs)
        for i in range(0, len(pairs), 128):
            self.ask("/v3/kv/txn", {"success": [
                {"requestPut": {"key": b64(key), "value": b64(value)}}
                for key, value in pairs[i:i + 128]]})


class Rules:
    """What a source has delivered so far: {prefix: what else its line says}."""

    def __init__(self, source):
        self.source, self.rules = source, None
        self.kinds = []

    def take(self, seconds=PATIENCE):
        """The next delivery."""
        delivery = self.source.next(seconds)
        assert delivery is not None, "the source ended"
        self.kinds.append(delivery.kind)
        if delivery.kind == "list":
            self.rules = dict(delivery.rules)
        elif delivery.kind == "change":
            for prefix in delivery.removed:
                del self.rules[prefix]
            self.rules.update(delivery.rules)
        return delivery

    def until(self, wanted, seconds=PATIENCE):
        """Takes deliveries until the rules are those."""
        if not isinstance(wanted, dict):
            wanted = {prefix: "" for prefix in wanted}
        deadline = time.monotonic() + seconds
        while self.rules != wanted:
            left = deadline - time.monotonic()
            assert left > 0, self.explain(wanted)
            try:
                self.take(left)
            except AssertionError as error:
                raise AssertionError(f"{error}; {self.explain(wanted)}") from None
        return self

    def explain(self, wanted):
        have, want = set((self.rules or {}).items()), set(wanted.items())
        return (f"missing {sorted(want - have)[:10]}, too many {sorted(have - want)[:10]} after "
                f"{self.kinds[-20:]}")
