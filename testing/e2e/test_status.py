# SPDX-License-Identifier: GPL-2.0
"""status, list --json and poll: what users and scripts can read. Schema 1 is a promise."""
import json
import re
import time


from frames import FREE4, LISTED4, LISTED6, ether, udp
from netlab import wait_for
from product import DONE, FAILED, NOT_LOADED, VERDICTS

COUNTER = {"packets", "bytes"}
INTERFACE = {"ifname", "ifindex", "state", "mode", "chained", "recoverable", "priority", "position",
             "program_id", "policy", "enforce", "rules", "counters", "per_cpu", "more"}


def test_status_json_has_the_keys_of_schema_1(lab, dispatcher):
    lab.load("-i", LISTED4, "-i", LISTED6)
    lab.good("add", "-s", "mine", "10.0.0.0/8")
    document = lab.good("status", "-j", "f0").json()
    assert set(document) == {"schema", "interfaces", "confirm", "sync", "sources"}
    assert document["schema"] == 1 and document["confirm"] is None
    [status] = document["interfaces"]
    assert set(status) == INTERFACE
    link = lab.ns.links()["f0"]
    assert status["ifname"] == "f0" and status["ifindex"] == link["ifindex"]
    assert status["state"] == ("filtering-chained" if dispatcher[0] else "filtering-single")
    assert status["mode"] == "native" and status["policy"] == "allow"
    assert status["chained"] is dispatcher[0]
    if dispatcher[0]:
        assert status["position"] in (0, 1) and status["priority"] == 5
    else:
        assert status["position"] is None
        assert status["program_id"] == link["xdp"]["prog"]["id"]
    assert status["recoverable"] is False and status["more"] == []
    assert status["rules"] == {"ipv4": 2, "ipv6": 1, "sets": {"default": 2, "mine": 1}}
    assert set(status["counters"]) == set(VERDICTS)
    for verdict in VERDICTS:
        assert set(status["counters"][verdict]) == COUNTER
    assert status["per_cpu"]
    for cpu in status["per_cpu"]:
        assert set(cpu) == {"cpu", *VERDICTS}
        assert isinstance(cpu["cpu"], int)
        assert all(set(cpu[verdict]) == COUNTER for verdict in VERDICTS)


def test_status_json_of_several_interfaces(lab):
    lab.add_pair("f1", "p1")
    lab.add_pair("f2", "p2")
    lab.good("load", "f1", "f2")
    every = lab.good("status", "-j").json()["interfaces"]
    filtering = [one["ifname"] for one in every if one["state"].startswith("filtering")]
    assert sorted(filtering) == ["f1", "f2"]
    named = lab.good("status", "--json", "f2", "f1").json()["interfaces"]
    assert [one["ifname"] for one in named] == ["f2", "f1"]
    mixed = lab("status", "-j", "f1", "f0")
    assert mixed.rc == NOT_LOADED
    assert [one["state"] for one in mixed.json()["interfaces"]][1] == "not-loaded"


def test_status_where_nothing_is_loaded(lab):
    result = lab("status", "-j", "f0")
    assert result.rc == NOT_LOADED and result.json()["interfaces"][0]["state"] == "not-loaded"
    assert result.json()["interfaces"][0]["ifindex"] == lab.ns.links()["f0"]["ifindex"]
    text = lab("status", "f0")
    assert text.rc == NOT_LOADED and "not loaded" in text.out + text.err
    nowhere = lab("status")
    assert nowhere.rc == DONE, nowhere
    assert "not loaded" in nowhere.out + nowhere.err or nowhere.out == "", nowhere
    empty = lab("status", "-j")
    assert empty.rc == DONE
    assert all(one["state"] == "not-loaded" for one in empty.json()["interfaces"])


def test_list_json_has_the_keys_of_schema_1(lab):
    lab.load()
    lab.good("add", "10.0.0.0/8")
    lab.good("add", "--pass", "-s", "mine", "-t", "1h", "2001:db8::/32")
    document = lab.good("list", "--json").json()
    assert set(document) == {"schema", "interfaces"}
    [interface] = document["interfaces"]
    assert set(interface) == {"ifname", "enforce", "rules"} and interface["ifname"] == "f0"
    by_prefix = {rule["prefix"]: rule for rule in interface["rules"]}
    for rule in by_prefix.values():
        assert set(rule) == {"prefix", "verdict", "set", "packets", "bytes", "expires_s"}
    assert by_prefix["10.0.0.0/8"] == {"prefix": "10.0.0.0/8", "verdict": "drop", "set": "default",
                                       "packets": 0, "bytes": 0, "expires_s": None}
    mine = by_prefix["2001:db8::/32"]
    assert mine["verdict"] == "pass" and mine["set"] == "mine" and 3500 < mine["expires_s"] <= 3600


def test_status_text_names_the_state_and_the_figures(lab, dispatcher):
    lab.load("-i", LISTED4, "-i", LISTED6)
    lab.wire.exchange([udp(LISTED4, 100)] * 7 + [udp(FREE4, 50)] * 3)
    said = lab.good("status", "f0").out
    assert "f0" in said
    assert ("filtering, chained" if dispatcher[0] else "filtering, single") in said
    assert "NOT filtering" not in said
    for word in ("native", "allow", LISTED4, LISTED6, "drop", "pass", "other", "malformed"):
        assert word in said, said
    assert re.search(r"\b7\b", said) and re.search(r"\b994\b", said), "7 packets, 7 * 142 bytes"
    assert re.search(r"\b276\b", said), "3 * 92 bytes passed"
    assert not re.search(r"(?i)\bcpu ?0\b", said), "per CPU with -v only"
    assert re.search(r"(?i)\bcpu\s*#?0\b|^\s*0\b", lab.good("status", "-v", "f0").out, re.M)


def test_status_text_shows_some_rules_and_list_all_of_them(loaded):
    loaded.good("add", "-f", "-",
                stdin="".join(f"10.0.{n >> 7}.{2 * n & 255}\n" for n in range(1000)))
    said = loaded.good("status", "f0").out
    assert "1000" in said and len(said.splitlines()) < 200
    listed = loaded.good("list", "-d", "f0").out
    assert len(re.findall(r"(?m)^(?:drop )?10\.0\.", listed)) == 1000


def test_json_holds_whatever_a_set_is_called(loaded):
    loaded.good("add", "-s", "A.b_c-9", "192.0.2.1")
    assert loaded.status("f0")["rules"]["sets"] == {"A.b_c-9": 1}


def test_counters_in_json_are_integers_of_any_size(loaded):
    loaded.wire.exchange([udp(FREE4), ether(bytes(46), 0x0806)])
    for counter in loaded.status("f0")["counters"].values():
        assert all(isinstance(value, int) for value in counter.values())


def test_reading_does_not_need_the_writers_lock(loaded):
    """Readers answer during a long change."""
    text = "".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(0, 40000, 2))
    writer = loaded.start("add", "-f", "-", stdin=-1)
    try:
        for _ in range(3):  # the writer is waiting for its input
            assert loaded("status", "f0", timeout=30).rc == DONE
            assert loaded("list", timeout=30).rc == DONE
        writer.communicate(text, timeout=60)
        assert writer.returncode == DONE
    finally:
        writer.kill()
        writer.wait()


# poll

def test_poll_prints_as_many_rounds_as_asked(loaded):
    loaded.wire.exchange([udp(FREE4)])
    one = loaded.good("poll", "-i", 10, "--count", 1, "f0").out
    three = loaded.good("poll", "--interval", 10, "--count", 3, "f0").out
    assert "f0" in one and "pass" in one, one
    assert len(three.splitlines()) > len(one.splitlines())


def test_poll_json_is_one_document_a_line(loaded):
    lines = loaded.good("poll", "-j", "-i", 10, "--count", 3, "f0").out.splitlines()
    assert len(lines) == 3
    for line in lines:
        document = json.loads(line)
        assert document["schema"] == 1
        assert [one["ifname"] for one in document["interfaces"]] == ["f0"]


def test_poll_sees_packets_between_two_rounds(loaded):
    before = loaded.counters("f0")["drop"][0]
    loaded.good("add", LISTED4)
    poller = loaded.start("poll", "-j", "-i", 50, "f0")
    try:
        poller.stdout.readline()
        loaded.wire.exchange([udp(LISTED4)] * 5)

        def total():
            [status] = json.loads(poller.stdout.readline())["interfaces"]
            return status["counters"]["drop"]["packets"] == before + 5

        wait_for(total, "five drops are polled", loaded.patience)
        poller.terminate()
        out, err = poller.communicate(timeout=30)
        assert poller.returncode in (DONE, -15) and err == "", err
    finally:
        poller.kill()
        poller.wait()


def test_poll_without_a_name_watches_all_that_are_loaded(lab):
    lab.add_pair("f1", "p1")
    lab.good("load", "f0", "f1")
    [line] = lab.good("poll", "-j", "-i", 10, "--count", 1).out.splitlines()
    assert [one["ifname"] for one in json.loads(line)["interfaces"]] == ["f0", "f1"]


def test_poll_where_nothing_is_loaded(lab):
    lab.refused(NOT_LOADED, "poll", "--count", 1, "f0", words="not loaded")
    lab.refused(FAILED, "poll", "--count", 1, "nosuch0", words=["nosuch0", "no such interface"])


def test_poll_ends_when_the_filter_goes(lab):
    lab.load()
    poller = lab.start("poll", "-i", 20, "f0")
    try:
        poller.stdout.readline()
        lab.good("unload", "f0")
        _, err = poller.communicate(timeout=lab.patience)
        assert poller.returncode == NOT_LOADED and "not loaded" in err, err
    finally:
        poller.kill()
        poller.wait()


def test_a_closed_pipe_ends_poll(loaded):
    poller = loaded.start("poll", "-i", 10, "f0")
    try:
        poller.stdout.readline()
        poller.stdout.close()
        start = time.monotonic()
        poller.wait(timeout=loaded.patience)
        assert time.monotonic() - start < loaded.patience
        assert poller.returncode == DONE
    finally:
        poller.kill()
        poller.wait()
        poller.stderr.close()


def test_many_interfaces_are_asked_for_one_by_one(own_lab, need, tmp_path):
    """The kernel is asked for one interface at a time, not for all of them each time."""
    need("strace")
    lab, answers = own_lab, tmp_path / "answers"
    lab.load("-i", "192.0.2.1")

    def received():
        lab.good("add", "192.0.2.2", prefix=["strace", "-qq", "-o", answers, "-e", "trace=recvmsg,recvfrom"])
        return len(answers.read_text().splitlines())

    few = received()
    for number in range(10):
        lab.add_pair(f"m{number}", f"m{number}p")
    assert received() - few <= 20 * 6, "four for each, and two of the list of all"
