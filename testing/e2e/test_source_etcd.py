# SPDX-License-Identifier: GPL-2.0
"""Is a prefix of etcd's keys followed, whatever happens to keys, nodes, stores and tokens?

Real servers are started on loopback. What a real one does too seldom is done by one of our own."""
import gzip
import http.server
import json
import os
import re
import signal
import threading
import time

import pytest

import etcd
import sources
from etcd import Cluster, Rules, b64
from netlab import sh, wait_for

pytestmark = pytest.mark.skipif(bool(etcd.MISSING), reason=etcd.WHY)
LONG = os.environ.get("XDP_IPFILTER_LONG") == "1"


@pytest.fixture
def one(tmp_path):
    """A cluster of one node."""
    with Cluster(tmp_path / "etcd") as cluster:
        yield cluster


def follow(cluster, **job):
    return sources.start(cluster.location(), **job)


# --- Keys and values ------------------------------------------------------------------------------


def test_keys_and_values(one):
    """An empty value is the key's name; others are lists; all together are the set."""
    one.put("/f/192.0.2.1")
    one.put("/f/2001:db8::/32")
    one.put("/f/drop.txt", "10.0.0.0/8\npass 10.1.0.0/16\n")
    one.put("/f/packed.gz", gzip.compress(b"203.0.113.0/24\n"))
    one.put("/f/two.gz", gzip.compress(b"198.51.100.1\n") + gzip.compress(b"198.51.100.2\n"))
    one.put("/f/folder/192.0.2.9")
    one.put("/f", "1.0.0.0/8\n")
    one.put("/f0/192.0.2.3")
    one.put("/e/192.0.2.4")
    with follow(one) as source:
        rules = Rules(source)
        warning = source.expect("warning").text
        assert "/f/folder/192.0.2.9" in warning
        rules.until({"192.0.2.1": "", "2001:db8::/32": "", "10.0.0.0/8": "",
                     "10.1.0.0/16": "pass", "203.0.113.0/24": "", "198.51.100.1": "",
                     "198.51.100.2": ""})
        assert rules.kinds == ["list"]
        one.put("/f/packed.gz", gzip.compress(b"203.0.113.0/25\n"))
        one.ctl("del", "/f/two.gz")
        one.ctl("del", "/f/192.0.2.1")
        one.put("/f/drop.txt", "pass 10.0.0.0/8\n")
        rules.until({"2001:db8::/32": "", "10.0.0.0/8": "pass", "203.0.113.0/25": ""})
        source.ends_when_asked()


def test_no_keys_are_an_empty_list(one):
    with follow(one) as source:
        assert source.list().rules == {}
        one.put("/f/192.0.2.1")
        assert source.change().rules == {"192.0.2.1": ""}


def test_one_rule_in_several_keys(one):
    """It stays until the last key that has it goes; the key that sorts last decides."""
    one.put("/f/a", "192.0.2.1\n192.0.2.2\n")
    one.put("/f/b", "pass 192.0.2.1\n")
    with follow(one) as source:
        rules = Rules(source).until({"192.0.2.1": "pass", "192.0.2.2": ""})
        one.put("/f/c", "drop 192.0.2.1 timeout 1h\n")
        change = rules.take()
        assert set(change.rules) == {"192.0.2.1"} and "drop timeout 3" in change.rules["192.0.2.1"]
        one.ctl("del", "/f/b")
        one.ctl("del", "/f/c")
        rules.until({"192.0.2.1": "", "192.0.2.2": ""})
        one.ctl("del", "/f/a")
        rules.until({})


def test_ends(one):
    """A lease, or an `until`, ends at the same moment on every host; a timeout counts from when a
    host has read it."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    one.put("/f/a", f"192.0.2.1 until {end}\n192.0.2.2 timeout 1h\n")
    with follow(one) as source:
        for text in source.list().rules.values():
            assert 3500 < int(re.fullmatch(r"timeout (\d+)", text)[1]) <= 3601


def test_a_transaction_is_one_change(one):
    with follow(one) as source:
        source.list()
        for i in range(20):
            one.ctl("txn", stdin=f"\nput /f/192.0.2.{i} \"\"\nput /f/198.51.100.{i} \"\"\n\n\n")
            both = {}
            while len(both) < 2:
                change = source.change()
                both.update(change.rules)
                assert len(change.rules) % 2 == 0, change
            assert both == {f"192.0.2.{i}": "", f"198.51.100.{i}": ""}


def test_a_wrong_value_leaves_the_old_rules(one):
    one.put("/f/a", "192.0.2.1\n")
    one.put("/f/b", "rubbish\n")
    with follow(one) as source:
        warning = source.expect("warning").text
        assert "/f/b" in warning and "rubbish" in warning
        rules = Rules(source).until(["192.0.2.1"])
        one.put("/f/a", "192.0.2.2\n192.0.2.333\n")
        assert "/f/a" in source.expect("warning").text
        one.put("/f/c", gzip.compress(b"192.0.2.3\n" * 1000)[:-9])
        assert "/f/c" in source.expect("warning").text
        one.put("/f/d", "192.0.2.4\n")
        rules.until(["192.0.2.1", "192.0.2.4"])
        one.put("/f/b", "192.0.2.5\n")
        one.put("/f/a", "192.0.2.2\n")
        rules.until(["192.0.2.2", "192.0.2.4", "192.0.2.5"])


def test_many_wrong_values_are_few_warnings(one):
    one.connection().put_many((f"/f/bad{i}", "rubbish") for i in range(300))
    with follow(one) as source:
        kinds = []
        while "list" not in kinds:
            delivery = source.next()
            kinds.append(delivery.kind)
        assert 5 <= kinds.count("warning") <= 15
        assert "290 more keys" in source.expect("warning").text


def test_a_bomb_is_refused(one):
    """1 GiB in 1 MiB; the limit of the job is 16 MiB."""
    bomb = gzip.compress(b"\n" * (1 << 24)) * 64
    assert len(bomb) < 1_100_000
    one.put("/f/a", "192.0.2.1\n")
    one.put("/f/bomb", bomb)
    with follow(one, max_bytes=1 << 24) as source:
        assert "/f/bomb" in source.expect("warning").text
        assert source.list().rules == {"192.0.2.1": ""}
        assert memory_kb(source) < 200_000


def test_values_of_a_mebibyte(one):
    """Pages are made of whatever fits, also when large values follow many small ones."""
    def text(i):
        return "".join(f"10.{i}.{j >> 8}.{j & 255} # {'x' * 75}\n" for j in range(12000))
    assert 900_000 < len(text(1)) < 1_400_000
    connection = one.connection()
    connection.put_many((f"/f/192.0.{i >> 8}.{i & 255}", b"") for i in range(5000))
    for i in range(1, 30):
        connection.put(f"/f/x{i:02}", text(i))
    wanted = {f"192.0.{i >> 8}.{i & 255}" for i in range(5000)}
    wanted |= {f"10.{i}.{j >> 8}.{j & 255}" for i in range(1, 30) for j in range(12000)}
    with follow(one) as source:
        rules = Rules(source).until(wanted)
        connection.put("/f/x07", "10.7.0.0/16\n")
        wanted = {rule for rule in wanted if not rule.startswith("10.7.")} | {"10.7.0.0/16"}
        rules.until(wanted)


def test_a_lease_that_ends_takes_the_rule_away(one):
    lease = one.ctl("lease", "grant", "2").stdout.split()[1].decode()
    one.ctl("put", f"--lease={lease}", "/f/192.0.2.1", "")
    one.put("/f/192.0.2.2")
    with follow(one) as source:
        assert source.list().rules == {"192.0.2.1": "", "192.0.2.2": ""}
        assert source.change().removed == ["192.0.2.1"]


def test_once(one):
    one.put("/f/192.0.2.1")
    delivered = sources.once(one.location(), once=True)
    assert [delivery.kind for delivery in delivered] == ["list"]
    assert delivered[0].rules == {"192.0.2.1": ""}
    one.stop()
    delivered = sources.once(one.location(), once=True)
    assert [delivery.kind for delivery in delivered] == ["trouble"]


# --- Nodes ----------------------------------------------------------------------------------------


def test_three_nodes_of_which_one_fails(tmp_path):
    """Whichever node is watched: when it dies, another one is, without trouble."""
    with Cluster(tmp_path / "etcd", size=3) as cluster:
        cluster.put("/f/192.0.2.0")
        with follow(cluster) as source:
            rules = Rules(source).until(["192.0.2.0"])
            wanted = {"192.0.2.0"}
            for i, node in enumerate(cluster.nodes, 1):
                node.stop()
                # The others may have to elect a leader first.
                wait_for(lambda key=f"/f/192.0.2.{i}":
                         cluster.put(key, check=False).returncode == 0, "a put", etcd.PATIENCE)
                wanted.add(f"192.0.2.{i}")
                rules.until(wanted)
                node.start()
                cluster.wait()
                wait_for(lambda n=node: cluster.ctl("endpoint", "health", port=n.client,
                                                    check=False).returncode == 0,
                         "the node is back", etcd.PATIENCE)
            assert "trouble" not in rules.kinds


@pytest.mark.skipif(not LONG, reason="takes 50 s: make campaigns")
def test_a_node_that_hangs(tmp_path):
    """It says nothing, and its connections stay: after a probe, another one is watched."""
    with Cluster(tmp_path / "etcd", size=3) as cluster:
        with follow(cluster) as source:
            rules = Rules(source).until([])
            port = watched_port(source, cluster)
            node, = [node for node in cluster.nodes if node.client == port]
            node.process.send_signal(signal.SIGSTOP)
            others = [other for other in cluster.nodes if other is not node]
            wait_for(lambda: cluster.ctl("put", "/f/192.0.2.1", "", port=others[0].client,
                                         check=False).returncode == 0, "a put", etcd.PATIENCE)
            rules.until(["192.0.2.1"], 90)
            assert watched_port(source, cluster) != port
            assert "trouble" not in rules.kinds


def connections(source):
    """Lines of ss about the source's connections."""
    lines = sh("ss", "-tnopH", "state", "established").stdout.splitlines()
    return [line for line in lines if f"pid={source.process.pid}," in line]


def watched_port(source, cluster):
    ports = {node.client for node in cluster.nodes}
    found = {int(line.split()[3].rsplit(":", 1)[1]) for line in connections(source)}
    port, = found & ports
    return port


def test_a_silent_watch_keeps_its_connection(one):
    """Routers forget connections on which nothing is sent."""
    with follow(one) as source:
        source.list()
        one.put("/f/192.0.2.1")
        source.change()
        for line in connections(source):
            assert "timer:(keepalive," in line, line


def test_all_nodes_fail_and_come_back(tmp_path):
    with Cluster(tmp_path / "etcd", size=3) as cluster:
        cluster.put("/f/192.0.2.1")
        with follow(cluster) as source:
            assert source.list().rules == {"192.0.2.1": ""}
            cluster.stop()
            assert "127.0.0.1" in source.until("trouble").text
            cluster.start()
            while source.next().kind == "trouble":
                pass
            cluster.put("/f/192.0.2.2")
            while (delivery := source.next()).kind != "change":
                assert delivery.kind in ("same", "trouble")
            assert delivery.rules == {"192.0.2.2": ""}


def test_down_at_start(one):
    one.stop()
    with follow(one) as source:
        source.trouble("127.0.0.1", "cannot connect")
        one.start()
        one.put("/f/192.0.2.1")
        Rules(source).until(["192.0.2.1"])


def test_the_same_after_a_short_absence(one):
    one.put("/f/192.0.2.1")
    with follow(one) as source:
        source.list()
        one.stop()
        source.trouble()
        one.start()
        source.until("same")
        assert all(delivery.kind == "trouble" for delivery in source.passed)


# --- Stores ---------------------------------------------------------------------------------------


def changed_meanwhile(cluster, change):
    """Changes the store while the source cannot see it: on another port, which it does not know."""
    node, = cluster.nodes
    port, = etcd.free_ports(1)
    node.start(client=port)
    cluster.wait(port=port)
    change(lambda *args, **kwargs: cluster.ctl(*args, port=port, **kwargs))
    node.stop(signal.SIGTERM)
    node.start()


def test_compacted_while_it_was_away(one):
    one.put("/f/192.0.2.1")
    one.put("/f/192.0.2.2")

    def change(ctl):
        ctl("del", "/f/192.0.2.1")
        for i in range(3, 9):
            ctl("put", f"/f/192.0.2.{i}", "")
        ctl("compaction", str(2 + 1 + 1 + 6))
    with follow(one) as source:
        rules = Rules(source).until(["192.0.2.1", "192.0.2.2"])
        one.stop()
        source.until("trouble")
        changed_meanwhile(one, change)
        rules.until([f"192.0.2.{i}" for i in range(2, 9)])


@pytest.mark.parametrize("later", [0, 40], ids=["older", "grown beyond what was known"])
def test_restored_from_a_backup(one, tmp_path, later):
    """What was put after the backup goes, what was deleted after it is back."""
    one.put("/f/192.0.2.1")
    one.put("/f/list", "198.51.100.1\n")
    one.ctl("snapshot", "save", tmp_path / "backup")
    one.ctl("del", "/f/192.0.2.1")
    one.put("/f/list", "198.51.100.2\n")
    for i in range(20):
        one.put(f"/f/203.0.113.{i}")

    def change(ctl):
        for i in range(later):
            ctl("put", f"/f/100.64.0.{i % 3}", "")
    with follow(one) as source:
        rules = Rules(source).until([f"203.0.113.{i}" for i in range(20)] + ["198.51.100.2"])
        one.stop()
        source.until("trouble")
        one.restore(tmp_path / "backup")
        changed_meanwhile(one, change)
        rules.until(["192.0.2.1", "198.51.100.1"] + [f"100.64.0.{i}" for i in range(min(later, 3))])
        one.put("/f/192.0.2.77")
        rules.take()
        assert "192.0.2.77" in rules.rules


def test_another_cluster_at_the_same_address(one, tmp_path):
    one.put("/f/192.0.2.1")
    one.put("/f/192.0.2.2")
    with follow(one) as source:
        rules = Rules(source).until(["192.0.2.1", "192.0.2.2"])
        one.stop()
        source.until("trouble")
        other = Cluster(tmp_path / "other", token="others")
        other.nodes[0].client = one.nodes[0].client
        with other:
            other.put("/f/192.0.2.2")
            other.put("/f/192.0.2.3")
            rules.until(["192.0.2.2", "192.0.2.3"])


# --- TLS, users -----------------------------------------------------------------------------------


def test_tls_and_a_certificate_of_ours(tmp_path):
    authority = etcd.Authority(tmp_path / "tls")
    cert, key = authority.issue("host")
    ours = {"ca": authority.ca.read_text(), "cert": cert.read_text(), "key": key.read_text()}
    stranger = etcd.Authority(tmp_path / "stranger")
    with Cluster(tmp_path / "etcd", tls=authority) as cluster:
        cluster.put("/f/192.0.2.1")
        with follow(cluster, **ours) as source:
            assert source.list().rules == {"192.0.2.1": ""}
            cluster.put("/f/192.0.2.2")
            assert source.change().rules == {"192.0.2.2": ""}
        for wrong in ({**ours, "ca": stranger.ca.read_text()}, {**ours, "ca": None}):
            with follow(cluster, **wrong) as source:
                source.trouble("certificate", "not trusted")
        with follow(cluster, ca=ours["ca"]) as source:
            source.trouble("https://127.0.0.1")


def test_a_certificate_and_a_user(tmp_path):
    """etcd's gateway refuses certificates with a common name once there are users."""
    authority = etcd.Authority(tmp_path / "tls")
    job = {"ca": authority.ca.read_text(), "user": "host", "password": "secret"}
    with Cluster(tmp_path / "etcd", tls=authority) as cluster:
        cluster.put("/f/192.0.2.1")
        enable_users(cluster)
        for name, subject in (("named", "/CN=host"), ("unnamed", "/O=hosts")):
            cert, key = (path.read_text() for path in authority.issue(name, subject))
            with follow(cluster, **job, cert=cert, key=key) as source:
                if name == "named":
                    source.trouble("must have no common name")
                else:
                    assert source.list().rules == {"192.0.2.1": ""}


def enable_users(cluster):
    """A reader of /f/, and another who may read nothing."""
    cluster.ctl("user", "add", "root:administrator")
    cluster.ctl("user", "grant-role", "root", "root", check=False)
    cluster.ctl("role", "add", "reader")
    cluster.ctl("role", "grant-permission", "reader", "--prefix=true", "read", "/f/")
    cluster.ctl("user", "add", "host:secret")
    cluster.ctl("user", "grant-role", "host", "reader")
    cluster.ctl("user", "add", "nobody:secret")
    cluster.ctl("auth", "enable")
    cluster.user = "root:administrator"


def test_users(one):
    one.put("/f/192.0.2.1")
    # A user that is not needed yet does no harm.
    with follow(one, user="host", password="secret") as source:
        assert source.list().rules == {"192.0.2.1": ""}
    enable_users(one)
    with follow(one, user="host", password="secret") as source:
        assert source.list().rules == {"192.0.2.1": ""}
        one.put("/f/192.0.2.2")
        assert source.change().rules == {"192.0.2.2": ""}
    with follow(one, user="host", password="wrong") as source:
        source.trouble("authentication failed")
    with follow(one, user="nobody", password="secret") as source:
        source.trouble("permission denied")
    with follow(one) as source:
        source.trouble("user-file")


def test_a_token_that_is_forgotten_is_renewed(one):
    """A node that was started again knows no token of before."""
    enable_users(one)
    one.put("/f/192.0.2.1")
    with follow(one, user="host", password="secret") as source:
        rules = Rules(source).until(["192.0.2.1"])
        for i in (2, 3):
            one.stop()
            source.until("trouble")
            one.start()
            one.put(f"/f/192.0.2.{i}")
            rules.until([f"192.0.2.{j}" for j in range(1, i + 1)])


def test_a_short_lived_token(tmp_path):
    """Its life is a second; each new watch and each read gets another one."""
    with Cluster(tmp_path / "etcd", arguments=["--auth-token-ttl", "1"]) as cluster:
        enable_users(cluster)
        cluster.put("/f/192.0.2.1")
        with follow(cluster, user="host", password="secret") as source:
            rules = Rules(source).until(["192.0.2.1"])
            # The node has forgotten the token when a lease of two seconds has ended.
            lease = cluster.ctl("lease", "grant", "3").stdout.split()[1].decode()
            cluster.ctl("put", f"--lease={lease}", "/f/192.0.2.2", "")
            rules.until(["192.0.2.1", "192.0.2.2"])
            rules.until(["192.0.2.1"])
            cluster.put("/f/192.0.2.3")
            rules.until(["192.0.2.1", "192.0.2.3"])


# --- A server that does what real ones seldom do --------------------------------------------------


class Fake:
    """Answers as etcd's gateway would. `ranges` and `watches` answer one request each, in turn:
    (status, object); or for a watch, functions that get a function which sends an object."""

    def __init__(self, ranges, watches, token=None):
        fake = self
        self.ranges, self.watches, self.token = list(ranges), list(watches), token
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.asked.append((self.path, body, self.headers.get("Authorization")))
                if self.path == "/v3/watch":
                    fake.watch(self)
                else:
                    fake.answer(self, *fake.pick(self.path, body))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.server.serve_forever)

    def pick(self, path, body):
        if path == "/v3/auth/authenticate":
            return 200, {"header": {}, "token": self.token}
        if body.get("count_only") or body.get("keys_only"):
            return self.checks(body)
        return self.ranges.pop(0) if len(self.ranges) > 1 else self.ranges[0]

    def checks(self, body):
        """The history is as it was."""
        return 200, range_of(self.ranges[0][1].get("kvs", []))

    @staticmethod
    def answer(handler, status, body):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def watch(self, handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        def send(*objects):
            text = b"".join(json.dumps(o).encode() + b"\n" for o in objects)
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        if self.watches:
            self.watches.pop(0)(send)
        else:
            send(created(revision=30))
        self.over.wait()

    def location(self):
        return f"etcd+http://127.0.0.1:{self.server.server_address[1]}/f/"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def count(self, path):
        return sum(1 for asked in self.asked if asked[0] == path)


def header(revision=10, cluster=1):
    return {"cluster_id": str(cluster), "revision": str(revision)}


def pair(name, revision=5, value=""):
    return {"key": b64(f"/f/{name}"), "value": b64(value), "mod_revision": str(revision)}


def range_of(pairs, more=False, **kwargs):
    return {"header": header(**kwargs), "kvs": pairs, "more": more, "count": str(len(pairs))}


def created(**kwargs):
    return {"result": {"header": header(**kwargs), "created": True}}


def events(*pairs, revision=11, **more):
    return {"result": {"header": header(revision), "events": [{"kv": p} for p in pairs], **more}}


COMPACTED = (400, {"error": "etcdserver: mvcc: required revision has been compacted", "code": 11})


def test_compacted_between_two_pages():
    """All is read from the beginning, and nothing of the first try is left."""
    with Fake([(200, range_of([pair("192.0.2.1")], more=True)), COMPACTED,
               (200, range_of([pair("192.0.2.2")], more=True, revision=20)),
               (200, range_of([pair("192.0.2.3")], revision=21))], []) as fake, \
            sources.start(fake.location()) as source:
        assert source.list().rules == {"192.0.2.2": "", "192.0.2.3": ""}
        wait_for(lambda: fake.count("/v3/watch"), "it watches", etcd.PATIENCE)
        pages = [body for path, body, _ in fake.asked if path == "/v3/kv/range"]
        assert [page["revision"] for page in pages] == ["0", "10", "0", "20"]
        assert pages[1]["key"] == b64(b"/f/192.0.2.1\0")
        watch, = [body for path, body, _ in fake.asked if path == "/v3/watch"]
        assert watch["create_request"]["start_revision"] == "21"


@pytest.mark.parametrize("lines", [
    [{"result": {"header": header(), "created": True}},
     {"result": {"header": header(), "canceled": True, "compact_revision": "15"}}],
    [created(revision=9)],
    [created(cluster=2)],
    [created(), events(revision=3)],
    [created(), {"result": {"header": header(cluster=2)}}],
], ids=["compacted", "created with a lower revision", "another cluster", "a lower revision later",
        "another cluster later"])
def test_a_watch_that_cannot_go_on(lines):
    """All is read again, at once, without trouble."""
    with Fake([(200, range_of([pair("192.0.2.1")])), (200, range_of([pair("192.0.2.2")]))],
              [lambda send: send(*lines)]) as fake, sources.start(fake.location()) as source:
        assert source.list().rules == {"192.0.2.1": ""}
        change = source.change()
        assert (change.rules, change.removed) == ({"192.0.2.2": ""}, ["192.0.2.1"])


def test_a_watch_that_is_cancelled_without_a_reason_to_read_again():
    """The connection stays open, as etcd leaves it; the watch begins again, with another token."""
    with Fake([(200, range_of([pair("192.0.2.1")]))],
              [lambda send: send({"result": {"header": header(), "created": True, "canceled": True,
                                             "cancel_reason": "permission denied"}})],
              token="t") as fake, \
            sources.start(fake.location(), user="u", password="p") as source:
        assert source.list().rules == {"192.0.2.1": ""}
        source.trouble("cancelled", "permission denied")
        source.expect("same")
        assert fake.count("/v3/auth/authenticate") == 2
        assert fake.asked[-1][2] == "t"


@pytest.mark.parametrize("last", [
    None, {"result": {"header": header(), "canceled": True, "compact_revision": "15"}},
], ids=["ends", "is compacted"])
def test_a_watch_that_begins_and_never_lasts(last):
    """It is not begun again without a pause."""
    def watch(send):
        send(created(), *([last] if last else []))
        raise BrokenPipeError
    with Fake([(200, range_of([pair("192.0.2.1")]))], [watch] * 1000) as fake:
        port = fake.server.server_address[1]
        with sources.start(f"etcd+http://127.0.0.1:{port},127.0.0.1:{port}/f/") as source:
            assert source.list().rules == {"192.0.2.1": ""}
            for most in (4, 5):
                assert "watch" in source.trouble() or last
                assert fake.count("/v3/watch") <= most
                source.expect("same")


def test_fragments_are_one_change():
    released = threading.Event()

    def watch(send):
        send(created(), events(pair("192.0.2.2", 11), fragment=True))
        released.wait(etcd.PATIENCE)
        send(events(pair("192.0.2.3", 11)))
    with Fake([(200, range_of([pair("192.0.2.1")]))], [watch]) as fake, \
            sources.start(fake.location()) as source:
        assert source.list().rules == {"192.0.2.1": ""}
        with pytest.raises(AssertionError, match="no delivery in time"):
            source.next(1)
        released.set()
        assert source.change().rules == {"192.0.2.2": "", "192.0.2.3": ""}


def test_a_watch_that_is_cut_between_fragments():
    """It begins before them again, so that none is lost."""
    def watch(send):
        send(created(), events(pair("192.0.2.2", 11), fragment=True))
        raise BrokenPipeError
    with Fake([(200, range_of([pair("192.0.2.1")])), (200, range_of([pair("192.0.2.1")]))],
              [watch]) as fake, sources.start(fake.location()) as source:
        assert source.list().rules == {"192.0.2.1": ""}
        wait_for(lambda: fake.count("/v3/watch") == 2, "it watches again", etcd.PATIENCE)
        watches = [body for path, body, _ in fake.asked if path == "/v3/watch"]
        assert {w["create_request"]["start_revision"] for w in watches} == {"11"}


@pytest.mark.parametrize("answer, words", [
    ((200, b"<html>welcome to the proxy</html>"), ["/v3/kv/range", "gateway"]),
    ((200, b"[" * 100_000), ["gateway"]),
    ((200, b"{}"), ["gateway"]),
    ((200, range_of([{"key": "%%"}])), ["gateway", "key"]),
    ((200, range_of([{"key": b64("/g/192.0.2.1")}])), ["not asked for"]),
    ((404, b"404 page not found"), ["404", "client port"]),
    ((503, {"message": "etcdserver: request timed out"}), ["503", "timed out"]),
], ids=["a proxy", "deep", "empty", "bad base64", "a foreign key", "not etcd", "no leader"])
def test_nonsense_is_trouble(answer, words):
    with Fake([answer], []) as fake, sources.start(fake.location()) as source:
        source.trouble(*words)


def test_an_endless_line_is_refused():
    def watch(send):
        send(created())
        for _ in range(100):
            send({"x": "y" * (1 << 20)})
    with Fake([(200, range_of([pair("192.0.2.1")]))], [watch]) as fake, \
            sources.start(fake.location()) as source:
        source.list()
        source.trouble("gateway")
        assert memory_kb(source) < 500_000


# --- Size and speed -------------------------------------------------------------------------------


def memory_kb(source):
    return int(source.status()["VmHWM"].split()[0])


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(source):
    return len(os.listdir(f"/proc/{source.process.pid}/fd"))


def addresses(count):
    return [f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(count)]


def figures(name, source, **more):
    """Printed, and shown by pytest -rP."""
    facts = {"cpu_s": round(cpu_seconds(source.process), 2), "memory_kb": memory_kb(source), **more}
    print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in facts.items()))


def test_a_hundred_thousand_keys(one):
    wanted = addresses(100_000)
    connection = one.connection()
    connection.put_many((f"/f/{address}", b"") for address in wanted)
    start = time.monotonic()
    with follow(one) as source:
        rules = Rules(source).until(wanted)
        figures("100,000 keys", source, seconds=round(time.monotonic() - start, 2))
        assert memory_kb(source) < 300_000
        connection.delete("/f/10.0.0.7")
        assert rules.take().removed == ["10.0.0.7"]


def test_a_million_prefixes_in_chunks(one):
    """Packed by gzip, of 50,000 each, as docs/fleet.md has it."""
    wanted = addresses(1_000_000)
    connection = one.connection()
    for i in range(20):
        chunk = "\n".join(wanted[i * 50_000:(i + 1) * 50_000]) + "\n"
        connection.put(f"/f/drop.{i:02}.gz", gzip.compress(chunk.encode()))
    start = time.monotonic()
    with follow(one) as source:
        rules = Rules(source).until(wanted, 180)
        figures("1,000,000 prefixes", source, seconds=round(time.monotonic() - start, 2))
        assert memory_kb(source) < 1_000_000
        before = cpu_seconds(source.process)
        connection.put("/f/203.0.113.7")
        assert rules.take().rules == {"203.0.113.7": ""}
        assert cpu_seconds(source.process) - before < 0.3, "a change costs what it changes"


def test_a_thousand_changes_a_second(one):
    """Held for a minute in the long form. Deliveries are few, memory and descriptors flat."""
    wanted = addresses(10_000)
    one.connection().put_many((f"/f/{address}", b"") for address in wanted)
    with follow(one) as source:
        rules = Rules(source).until(wanted)
        open_before, cpu, start = descriptors(source), cpu_seconds(source.process), time.monotonic()
        with Writers(one, seconds=60 if LONG else 10, rate=1000) as writers:
            while "203.0.113.255" not in rules.rules:
                rules.take()
        took, changes = time.monotonic() - start, rules.kinds.count("change")
        assert rules.rules == dict.fromkeys([*wanted, *writers.there(), "203.0.113.255"], "")
        figures("1,000 changes a second", source, put_a_second=round(writers.count() / took),
                deliveries=changes,
                cpu_percent=round(100 * (cpu_seconds(source.process) - cpu) / took, 1))
        assert writers.count() > 100 * took, "this machine is too slow to say anything"
        assert took / 2 < changes <= took * 5 + 5
        assert "trouble" not in rules.kinds
        assert memory_kb(source) < 100_000
        assert descriptors(source) == open_before


class Writers:
    """4 connections that put and delete 1,000 keys in turn, then put 203.0.113.255."""

    COUNT, KEYS = 4, 1000

    def __init__(self, cluster, seconds, rate):
        self.cluster, self.seconds, self.rate = cluster, seconds, rate
        self.counts, self.failure = [0] * self.COUNT, None
        self.present = [False] * self.KEYS
        self.thread = threading.Thread(target=self.write)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        assert not self.failure, self.failure

    def write(self):
        threads = [threading.Thread(target=self.write_one, args=(writer,))
                   for writer in range(self.COUNT)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.cluster.connection().put("/f/203.0.113.255")

    def write_one(self, writer):
        connection, start = self.cluster.connection(), time.monotonic()
        try:
            while (now := time.monotonic()) < start + self.seconds:
                if self.counts[writer] > (now - start) * self.rate / self.COUNT:
                    time.sleep(0.001)
                else:
                    self.change(connection, writer)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def change(self, connection, writer):
        i = writer + self.COUNT * (self.counts[writer] * 7 % (self.KEYS // self.COUNT))
        key = f"/f/172.16.{i >> 8}.{i & 255}"
        if self.present[i]:
            connection.delete(key)
        else:
            connection.put(key)
        self.present[i] = not self.present[i]
        self.counts[writer] += 1

    def count(self):
        return sum(self.counts)

    def there(self):
        return [f"172.16.{i >> 8}.{i & 255}" for i in range(self.KEYS) if self.present[i]]
