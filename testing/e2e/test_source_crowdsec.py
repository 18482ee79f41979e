# SPDX-License-Identifier: GPL-2.0
"""A source of CrowdSec's decisions: is exactly what bans ask for delivered, whatever the API does?

Most tests ask a scripted API, because the real one does not fail on demand. The last ones ask the
real one."""
import re
import time

import pytest

import crowdsec
import sources
from crowdsec import KEY, Lapi, Server, over_socket
from netlab import wait_for
from webserver import Answer, Authority


@pytest.fixture
def lapi():
    with Lapi() as lapi:
        yield lapi


@pytest.fixture
def clock(tmp_path):
    return crowdsec.Clock(tmp_path)


def start(location, **job):
    """A program that polls each second."""
    return sources.start(location, **{"api_key": KEY, "poll_s": 1, **job})


def news(source):
    """The next delivery that is not `same` or `counters`."""
    deadline = time.monotonic() + sources.PATIENCE
    while time.monotonic() < deadline:
        delivery = source.next()
        if delivery.kind not in ("same", "counters"):
            return delivery
    raise AssertionError("no news")


def lasts(delivery, prefix, seconds):
    """Does the rule drop for about so long? Some of it passed before the answer."""
    match = re.fullmatch(r"drop timeout (\d+)", delivery.rules[prefix])
    return match and seconds - 15 <= int(match[1]) <= seconds


def pass_time(lapi, clock, seconds):
    """The API first: a program whose clock is ahead of it would take bans for longer ones."""
    lapi.later += seconds
    clock.advance(seconds)


def quiet(source, lapi, pulls=2):
    """Nothing is different for some pulls."""
    end = len(lapi.pulls) + pulls
    while len(lapi.pulls) < end:
        assert source.next().kind in ("same", "counters")


# --- What a decision asks for -----------------------------------------------------------------


def test_all_then_changes(lapi):
    lapi.ban("192.0.2.7", "3h59m57.609s")
    lapi.ban("198.51.100.0/28", "1h", scope="Range")
    with start(lapi.location) as source:
        everything = source.list()
        assert everything.rules.keys() == {"192.0.2.7", "198.51.100.0/28"}
        assert lasts(everything, "192.0.2.7", 14398)
        assert lasts(everything, "198.51.100.0/28", 3600)
        with lapi.at_once():
            lapi.ban("2001:db8::1", "1m")
            lapi.lift("192.0.2.7")
        change = news(source)
        assert (change.kind, list(change.rules), change.removed) == \
            ("change", ["2001:db8::1"], ["192.0.2.7"])
        assert lasts(change, "2001:db8::1", 60)
        quiet(source, lapi)
        source.ends_when_asked()
    assert lapi.pulls[:2] == ["all", "changes"] and set(lapi.pulls[1:]) == {"changes"}
    request = lapi.requests[0]
    assert request.headers["X-Api-Key"] == KEY
    assert request.headers["User-Agent"] == "xdp-ipfilter/1.2.3"


def test_nothing_is_a_list(lapi):
    with start(lapi.location) as source:
        assert source.list().rules == {}


def test_only_bans_of_addresses_and_ranges(lapi):
    lapi.ban("192.0.2.1", type="captcha")
    lapi.ban("DE", scope="Country")
    lapi.ban("192.0.2.2", type="BAN", scope="IP", uuid="0-1", more={"new": [1]})
    lapi.ban("192.0.2.3", simulated=True)
    lapi.ban("203.0.113.0/28", scope="Ip")
    lapi.ban("192.0.2.4", "-1s")
    lapi.ban("::ffff:192.0.2.5")
    with start(lapi.location) as source:
        assert set(source.list().rules) == {"192.0.2.2", "203.0.113.0/28", "192.0.2.5"}
        lapi.lift("192.0.2.1", type="captcha")
        lapi.lift("DE", scope="Country")
        quiet(source, lapi)


def test_a_ban_that_cannot_be_read_keeps_out_no_other(lapi):
    lapi.ban("nobody")
    lapi.ban("192.0.2.1", "soon")
    lapi.ban("192.0.2.2")
    with start(lapi.location) as source:
        text = source.expect("warning").text
        assert "2 bans" in text and "'nobody': not an address" in text
        assert set(source.list().rules) == {"192.0.2.2"}


def test_a_prefix_lasts_as_long_as_the_longest_of_its_decisions(lapi):
    # By name, the shorter one comes last.
    lapi.ban("192.0.2.7", "2h", scope="Ip")
    lapi.ban("192.0.2.7/32", "1h", scope="Range")
    with start(lapi.location) as source:
        assert lasts(source.list(), "192.0.2.7", 7200)
        lapi.lift("192.0.2.7")
        change = news(source)
        assert not change.removed and lasts(change, "192.0.2.7", 3600)
        lapi.lift("192.0.2.7/32", scope="Range")
        assert news(source).removed == ["192.0.2.7"]


def test_the_longest_of_one_name(lapi):
    for duration in ("1h", "3h", "2h"):
        decision = lapi.ban("192.0.2.7", duration)
        lapi.decisions[decision["id"]] = decision
    with start(lapi.location) as source:
        assert lasts(source.list(), "192.0.2.7", 10800)


def test_deleted_ones_go_before_new_ones_come(lapi):
    lapi.ban("192.0.2.7", "4h")
    with start(lapi.location) as source:
        source.list()
        with lapi.at_once():
            lapi.lift("192.0.2.7")
            lapi.ban("192.0.2.7", "1h")
        change = news(source)
        assert not change.removed and lasts(change, "192.0.2.7", 3600)


def test_a_decision_that_ends_needs_no_word(lapi, clock):
    lapi.ban("192.0.2.7", "1h")
    lapi.ban("192.0.2.8", "3h")
    with start(lapi.location, env=clock.env) as source:
        assert len(source.list().rules) == 2
        pass_time(lapi, clock, 2 * 3600)
        # sync knows the end, too. The API deletes it later, perhaps more than once.
        lapi.lift("192.0.2.7")
        # The first of them may have been decided on before.
        quiet(source, lapi, 3)
        assert "all" in lapi.pulls[1:]


def test_one_that_is_extended(lapi):
    lapi.ban("192.0.2.7", "1h")
    with start(lapi.location) as source:
        source.list()
        lapi.send_again("192.0.2.7", 1)
        quiet(source, lapi)
        lapi.send_again("192.0.2.7", 30)
        assert lasts(news(source), "192.0.2.7", 3631)
        # The API's word counts, also where it is shorter: the longer one may have been deleted.
        lapi.ban("192.0.2.7", "30m")
        assert lasts(news(source), "192.0.2.7", 1800)


# --- What the API does wrong --------------------------------------------------------------------


def status(code, text):
    return lambda answer, request: Answer(text, code)


def body(text):
    return lambda answer, request: Answer(text)


def cut(part):
    """The connection ends within the answer."""
    def spoil(answer, request):
        request.send_response(200)
        request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        request.wfile.write(answer.body[:int(len(answer.body) * part)])
    return spoil


def cut_chunked(answer, request):
    """A server behind a proxy fails in mid-stream."""
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(b"%x\r\n%s\r\n" % (len(answer.body) // 2,
                                          answer.body[:len(answer.body) // 2]))


def hang_up(answer, request):
    """No answer at all."""


FAULTS = {
    "504 of a proxy": (status(504, "<html>Gateway Time-out</html>"), "status 504"),
    "an error of the database": (status(500, '{"message":"database is locked"}'), "locked"),
    "a page with status 200": (body("<html>maintenance</html>"), "byte 1 of the answer"),
    "an error with status 200": (body('{"message":"busy"}'), "of the answer"),
    "half an answer, complete": (body('{"deleted":null,"new":[{"id":1'), "of the answer"),
    "no answer": (hang_up, "without an answer"),
    "cut early": (cut(0.1), "not complete"),
    "cut late": (cut(0.99), "not complete"),
    "cut in mid-stream": (cut_chunked, "not complete"),
    "a redirect": (lambda answer, request: Answer(b"", 302, Location="http://127.0.0.1:1/"),
                   "status 302"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_after_a_fault_all_are_asked_for(lapi, fault):
    spoil, words = FAULTS[fault]
    lapi.ban("192.0.2.1")
    lapi.ban("192.0.2.2")
    with start(lapi.location) as source:
        source.list()
        quiet(source, lapi, 1)
        with lapi.at_once():
            lapi.spoil.append(spoil)
            # These changes are in the answer that is lost.
            lapi.lift("192.0.2.1")
            lapi.ban("192.0.2.3")
        trouble = news(source)
        assert trouble.kind == "trouble" and words in trouble.text, trouble
        assert lapi.location.partition("+")[2] in trouble.text
        change = news(source)
        assert change.kind == "change"
        assert (list(change.rules), change.removed) == (["192.0.2.3"], ["192.0.2.1"])
        quiet(source, lapi, 1)
    pulls = lapi.pulls
    assert pulls[:2] == ["all", "changes"] and pulls.count("all") == 2, pulls


def test_a_fault_at_first(lapi):
    lapi.ban("192.0.2.1")
    lapi.spoil += [cut(0.5), cut(0.5)]
    with start(lapi.location) as source:
        source.trouble("not complete")
        # The same trouble is told once.
        assert list(source.list().rules) == ["192.0.2.1"]
    assert lapi.pulls[:3] == ["all"] * 3


def test_a_fault_that_changed_nothing(lapi):
    lapi.ban("192.0.2.1")
    with start(lapi.location) as source:
        source.list()
        lapi.spoil.append(status(503, "busy"))
        assert news(source).kind == "trouble"
        assert source.next().kind == "same"


def test_the_api_is_down_and_comes_back(lapi):
    lapi.ban("192.0.2.1")
    port = lapi.web.port
    with start(lapi.location) as source:
        source.list()
        lapi.close()
        assert "cannot connect" in news(source).text
        with Lapi(port=port) as again:
            again.ban("192.0.2.2")
            change = news(source)
            assert (list(change.rules), change.removed) == (["192.0.2.2"], ["192.0.2.1"])


def test_the_api_asks_to_be_left_alone(lapi):
    lapi.spoil.append(lambda answer, request: Answer("later", 429, Retry_After="4"))
    with start(lapi.location) as source:
        source.trouble("429")
        source.list()
    # The API's own times, which a late reader does not shorten.
    assert lapi.requests[1].at - lapi.requests[0].at >= 3.9


def test_a_refused_key(lapi):
    lapi.key = "another one"
    with start(lapi.location) as source:
        source.trouble("refuses the key", "key-file", "cscli bouncers add", lapi.web.url(""))
        lapi.key = KEY
        source.list()


def test_a_key_is_needed(lapi):
    with start(lapi.location, api_key=None) as source:
        source.trouble("key-file")
        source.ends(rc=1)
    assert not lapi.requests


def test_an_answer_that_is_too_large(lapi):
    for i in range(100):
        lapi.ban(f"192.0.2.{i}")
    with start(lapi.location, max_bytes=5000) as source:
        source.trouble("limit of 5,000 bytes")


def test_every_hour_all_are_asked_for(lapi, clock):
    lapi.ban("192.0.2.1", "9h")
    lapi.ban("192.0.2.2", "9h")
    with start(lapi.location, env=clock.env) as source:
        source.list()
        with lapi.silently():
            lapi.lift("192.0.2.1")
            lapi.ban("192.0.2.3", "9h")
        # An hour, up to a quarter more or less.
        pass_time(lapi, clock, 2600)
        quiet(source, lapi, 3)
        pass_time(lapi, clock, 2000)
        change = news(source)
        assert (list(change.rules), change.removed) == (["192.0.2.3"], ["192.0.2.1"])


def test_after_many_at_once_all_are_asked_for_soon(lapi, clock):
    with start(lapi.location, env=clock.env) as source:
        source.list()
        with lapi.at_once():
            for i in range(100):
                lapi.ban(f"192.0.2.{i}", "9h")
            # Made at the same time, but the API does not tell.
            with lapi.silently():
                lapi.ban("192.0.2.200", "9h")
        assert len(news(source).rules) == 100
        quiet(source, lapi)
        pass_time(lapi, clock, 61)
        assert list(news(source).rules) == ["192.0.2.200"]


def test_once(lapi):
    lapi.ban("192.0.2.1")
    with start(lapi.location, once=True) as source:
        assert list(source.list().rules) == ["192.0.2.1"]
        source.ends()
    lapi.spoil.append(status(504, "no"))
    with start(lapi.location, once=True) as source:
        source.trouble("504")
        source.ends(rc=1)
    assert len(lapi.requests) == 2


def test_it_ends_at_once_when_asked(lapi):
    held = []
    lapi.spoil.append(lambda answer, request: held.append(request) or time.sleep(60))
    with start(lapi.location) as source:
        wait_for(lambda: held, "it has asked", 30)
        then = time.monotonic()
        source.close_input()
        source.ends()
        assert time.monotonic() - then < 5


# --- Ways to the API --------------------------------------------------------------------------


def test_a_unix_socket(lapi):
    lapi.ban("192.0.2.1")
    with over_socket(lapi) as near:
        with start("crowdsec+unix:///run/crowdsec.sock", descriptor=near.fileno()) as source:
            assert list(source.list().rules) == ["192.0.2.1"]
            lapi.ban("192.0.2.2")
            assert list(news(source).rules) == ["192.0.2.2"]
            assert lapi.requests[0].headers["X-Api-Key"] == KEY
            # The connection ends: only sync can make another one.
            lapi.spoil += [hang_up, hang_up]
            deliveries = [news(source), source.next()]
            assert deliveries[0].kind == "trouble"
            while deliveries[-1]:
                deliveries.append(source.next())
            assert source.process.wait(30) == 1
            assert "connection has ended" in deliveries[-2].text, deliveries


@pytest.fixture
def authority(tmp_path, need):
    need("openssl")
    return Authority(tmp_path)


def test_tls(authority):
    with Lapi(tls=authority.issue("lapi")) as lapi:
        lapi.ban("192.0.2.1")
        with start(lapi.location, ca=authority.text()) as source:
            assert list(source.list().rules) == ["192.0.2.1"]
        with start(lapi.location) as source:
            source.trouble("certificate is not trusted", "ca = FILE")
        assert len(lapi.pulls) == 1


def test_a_certificate_instead_of_a_key(authority):
    certificate, key = (path.read_text() for path in authority.issue("bouncer"))
    with Lapi(tls=authority.issue("lapi"), client_ca=authority.certificate) as lapi:
        lapi.key = None
        lapi.ban("192.0.2.1")
        with start(lapi.location, ca=authority.text(), cert=certificate, key=key,
                   api_key=None) as source:
            assert list(source.list().rules) == ["192.0.2.1"]
            lapi.spoil.append(status(403, "no"))
            text = news(source).text
            assert "refuses the certificate" in text and "cert" in text
        assert lapi.requests[0].headers["X-Api-Key"] is None


# --- What CrowdSec is told ----------------------------------------------------------------------


def items(report):
    """{(name, unit, label...): value} of a report."""
    component, = report["remediation_components"]
    metrics, = component["metrics"]
    return {(item["name"], item["unit"], *sorted(item["labels"].values())): item["value"]
            for item in metrics["items"]}


def window(report):
    return report["remediation_components"][0]["metrics"][0]["meta"]["window_size_seconds"]


def next_question(source):
    source.until("counters")


@pytest.fixture
def counting(lapi, clock):
    """A source that has asked for counters, and has been told what there was before."""
    lapi.ban("192.0.2.1", "20h", origin="CAPI")
    lapi.ban("192.0.2.2", "20h", origin="lists", scenario="tor")
    lapi.ban("2001:db8::/32", "20h", scope="Range", origin="cscli")
    with start(lapi.location, env=clock.env) as source:
        source.list()
        source.expect("counters")
        source.say("total 100 6000 1000 60000", "192.0.2.1 100 6000", ".")
        yield source


def test_a_report_every_quarter_of_an_hour(lapi, clock, counting):
    quiet(counting, lapi)
    assert not lapi.reports
    clock.advance(901)
    next_question(counting)
    counting.say("total 111 6660 2000 160000", "192.0.2.1 103 6180", "192.0.2.2 1 60",
                 "2001:db8::/32 2 120", ".")
    wait_for(lambda: lapi.reports, "a report", 30)
    assert items(lapi.reports[0]) == {
        ("processed", "packet"): 1000, ("processed", "byte"): 100000,
        ("dropped", "packet", "CAPI", "ban", "ipv4"): 3,
        ("dropped", "byte", "CAPI", "ban", "ipv4"): 180,
        ("dropped", "packet", "ban", "ipv4", "lists:tor"): 1,
        ("dropped", "byte", "ban", "ipv4", "lists:tor"): 60,
        ("dropped", "packet", "ban", "cscli", "ipv6"): 2,
        ("dropped", "byte", "ban", "cscli", "ipv6"): 120,
        ("active_decisions", "ip", "CAPI", "ipv4"): 1,
        ("active_decisions", "ip", "ipv4", "lists:tor"): 1,
        ("active_decisions", "ip", "cscli", "ipv6"): 1}
    component = lapi.reports[0]["remediation_components"][0]
    assert (component["type"], component["version"]) == ("xdp-ipfilter", "1.2.3")
    assert abs(component["utc_startup_timestamp"] - time.time()) < 60
    assert lapi.requests[-1].headers["X-Api-Key"] == KEY
    # Only what is new; a counter that went back has begun anew, and a rule may have gone.
    clock.advance(901)
    next_question(counting)
    counting.say("total 1 60 500 30000", "192.0.2.1 105 6300", "2001:db8::/32 1 60", ".")
    wait_for(lambda: len(lapi.reports) == 2, "a report", 30)
    dropped = {key: value for key, value in items(lapi.reports[1]).items()
               if key[0] != "active_decisions"}
    assert dropped == {
        ("processed", "packet"): 500, ("processed", "byte"): 30000,
        ("dropped", "packet", "CAPI", "ban", "ipv4"): 2,
        ("dropped", "byte", "CAPI", "ban", "ipv4"): 120,
        ("dropped", "packet", "ban", "cscli", "ipv6"): 1,
        ("dropped", "byte", "ban", "cscli", "ipv6"): 60}


def test_a_report_that_is_lost_is_in_the_next_one(lapi, clock, counting):
    lapi.metrics_answer = Answer("busy", 503)
    clock.advance(901)
    next_question(counting)
    counting.say("total 0 0 1001 60000", "192.0.2.1 101 6060", ".")
    wait_for(lambda: lapi.requests[-1].path == crowdsec.METRICS, "a report", 30)
    lapi.metrics_answer = Answer(b"", 201)
    clock.advance(901)
    next_question(counting)
    counting.say("total 0 0 1002 60000", "192.0.2.1 102 6120", ".")
    wait_for(lambda: lapi.reports, "a report", 30)
    assert items(lapi.reports[0])["dropped", "packet", "CAPI", "ban", "ipv4"] == 2
    assert items(lapi.reports[0])["processed", "packet"] == 2
    quiet(counting, lapi)


def test_an_old_api_is_asked_once(lapi, clock, counting):
    lapi.metrics_answer = Answer(b"", 404)
    clock.advance(901)
    next_question(counting)
    counting.say("total 0 0 0 0", ".")
    wait_for(lambda: lapi.requests[-1].path == crowdsec.METRICS, "a report", 30)
    for _ in range(3):
        clock.advance(901)
        pulls = len(lapi.pulls)
        wait_for(lambda: len(lapi.pulls) > pulls + 1, "it goes on", 30)
    counting.close_input()
    while (delivery := counting.next()):
        assert delivery.kind not in ("counters", "warning", "trouble"), delivery
    assert [one.path for one in lapi.requests].count(crowdsec.METRICS) == 1


def test_a_report_that_is_refused_is_told_once(lapi, clock, counting):
    lapi.metrics_answer = Answer('{"message":"validation failure"}', 422)
    for _ in range(2):
        clock.advance(901)
        next_question(counting)
        counting.say("total 0 0 0 0", ".")
    wait_for(lambda: [one.path for one in lapi.requests].count(crowdsec.METRICS) == 2,
             "two reports", 30)
    quiet_from = len(lapi.pulls)
    wait_for(lambda: len(lapi.pulls) > quiet_from + 1, "it goes on", 30)
    counting.close_input()
    while (delivery := counting.next()):
        counting.passed.append(delivery)
    said = [one for one in counting.passed if one.kind not in ("same", "counters", "change")]
    assert [one.kind for one in said] == ["warning"] and "422" in said[0].text, said


def test_nobody_answers_the_question(lapi, clock):
    """Decisions are more important."""
    lapi.ban("192.0.2.1")
    with start(lapi.location, env=clock.env) as source:
        source.list()
        source.expect("counters")
        lapi.ban("192.0.2.2")
        assert list(news(source).rules) == ["192.0.2.2"]


# --- The real one -------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "crowdsec") as server:
        yield server


def take(delivery, known):
    """`known` is changed."""
    assert delivery.kind in ("list", "change", "same", "counters"), delivery
    if delivery.kind == "list":
        known.clear()
    for prefix in delivery.removed:
        del known[prefix]
    known.update(delivery.rules)


def rules_of(source, known):
    """What is known after the next news; `known` is changed."""
    take(news(source), known)
    return set(known)


def test_real_bans_come_and_go(server):
    server.ban("192.0.2.1", "4h")
    known = {}
    with start(server.location) as source:
        assert rules_of(source, known) == {"192.0.2.1"}
        assert 14390 < int(known["192.0.2.1"].split()[-1]) <= 14400
        server.ban("198.51.100.0/28", "1h")
        assert rules_of(source, known) == {"192.0.2.1", "198.51.100.0/28"}
        server.ban("192.0.2.9", "1h", "--type", "captcha")
        server.ban("2001:db8::1", "1h")
        assert rules_of(source, known) == {"192.0.2.1", "198.51.100.0/28", "2001:db8::1"}
        server.lift("192.0.2.1")
        assert rules_of(source, known) == {"198.51.100.0/28", "2001:db8::1"}
        # It says so in several answers.
        server.ban("192.0.2.1", "1h")
        assert rules_of(source, known) == {"192.0.2.1", "198.51.100.0/28", "2001:db8::1"}
        server.lift("192.0.2.1")
        assert rules_of(source, known) == {"198.51.100.0/28", "2001:db8::1"}
    assert set(server.pulls()[1:]) == {"changes"}


def test_real_longest_of_two(server):
    server.ban("192.0.2.1", "1h")
    known = {}
    with start(server.location) as source:
        rules_of(source, known)
        server.ban("192.0.2.1", "4h")
        rules_of(source, known)
        assert int(known["192.0.2.1"].split()[-1]) > 14390
        # Shorter ones are not told, and end before it.
        server.ban("192.0.2.1", "2h")
        server.ban("192.0.2.1/32", "10h")
        rules_of(source, known)
        assert int(known["192.0.2.1"].split()[-1]) > 35990
        server.lift_one("Range", "192.0.2.1/32")
        rules_of(source, known)
        assert 14000 < int(known["192.0.2.1"].split()[-1]) < 14400


def test_real_expiry(server):
    known = {}
    with start(server.location) as source:
        rules_of(source, known)
        server.ban("192.0.2.1", "6s")
        server.ban("192.0.2.2", "1h")
        while len(known) < 2:
            rules_of(source, known)
        # The API deletes the first one when it has ended; both know that.
        server.ban("192.0.2.3", "1h")
        assert "192.0.2.3" in rules_of(source, known)
        wait_for(lambda: "192.0.2.1" not in server.cscli("decisions", "list"), "it ends", 30)
        server.ban("192.0.2.4", "1h")
        while "192.0.2.4" not in known:
            change = news(source)
            assert set(change.removed) <= {"192.0.2.1"}
            known.update(change.rules)


def test_real_restart(server):
    server.ban("192.0.2.1", "1h")
    known = {}
    with start(server.location) as source:
        rules_of(source, known)
        server.stop()
        assert "cannot connect" in news(source).text
        server.start()
        server.ban("192.0.2.2", "1h")
        server.lift("192.0.2.1")
        while known.keys() != {"192.0.2.2"}:
            rules_of(source, known)


def test_real_wrong_key(server):
    with start(server.location, api_key="wrong") as source:
        source.trouble("refuses the key (status 403)", "key-file")


def test_real_api_without_usage_metrics(server, clock):
    with start(server.location, env=clock.env) as source:
        source.list()
        source.expect("counters")
        source.say("total 0 0 0 0", ".")
        clock.advance(901)
        source.until("counters")
        source.say("total 0 0 0 0", ".")
        log = server.folder / "log"
        wait_for(lambda: "POST /v1/usage-metrics HTTP/1.1 404" in log.read_text(), "a 404", 30)
        server.ban("192.0.2.1")
        assert list(news(source).rules) == ["192.0.2.1"]


def test_real_50_000_decisions(server, clock):
    bans = {f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in range(50000)}
    known = {}
    with start(server.location, env=clock.env) as source:
        rules_of(source, known)
        # While it imports, the API forgets to tell of some. A minute later all are asked for.
        server.import_bans(sorted(bans))
        told = len(server.pulls()) + 3
        while len(known) < 40000 or len(server.pulls()) < told:
            take(source.next(), known)
        clock.advance(61)
        deadline = time.monotonic() + 60
        while known.keys() != bans:
            assert time.monotonic() < deadline
            rules_of(source, known)
        assert int(source.status()["VmHWM"].split()[0]) < 150000  # kB
    with start(server.location) as source:
        assert set(source.list().rules) == bans
        server.lift("10.0.0.0")
        assert news(source).removed == ["10.0.0.0"]
