# SPDX-License-Identifier: GPL-2.0
"""Does sync follow a list at a URL, and does it keep the rules when the server fails or lies?

A URL is asked once a minute at most, so each round is that of a sync that has started again: its
cache is the same."""
import shutil
import time

import pytest

from frames import udp
from syncing import Sync
from webserver import Answer, Authority, Raw, Web

LIST = "set bad\n192.0.2.1\n2001:db8::/32\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def web(loaded):
    """A server that is reached from the namespace of the filter."""
    loaded.ns.ip("link", "set", "lo", "up")
    with loaded.ns, Web() as web:
        yield web


def source(url, *more):
    return f'source bad {{ from = "{url}" {" ".join(more)} }}'


def start(loaded, folder, url, *more):
    return Sync(loaded, folder, source(url, *more))


def drops(loaded, *addresses):
    passed = loaded.wire.exchange([udp(address) for address in addresses])
    return [address for address, one in zip(addresses, passed) if not one]


def wait_state(sync, state):
    sync.wait(lambda: (sync.source("bad") or {}).get("state") == state, f"it is {state}")
    return sync.source("bad")


def one_round(loaded, folder, url, state, *more):
    """Sync starts, comes to this state, and ends. Returns what it tells of the source."""
    with start(loaded, folder, url, *more) as sync:
        told = wait_state(sync, state)
        sync.end()
    return told


def modified(text):
    """A server that knows when its list is still the same."""
    etag = f'"{hash(text)}"'

    def answer(request):
        same = request.headers["If-None-Match"] == etag
        return Answer(b"" if same else text, 304 if same else 200, ETag=etag)
    return answer


def statuses(web):
    """200 or 304, as the conditions of each request asked for."""
    return [304 if "If-None-Match" in request.headers else 200 for request in web.requests]


def test_a_list_over_https(loaded, authority, tmp_path):
    loaded.ns.ip("link", "set", "lo", "up")
    user = tmp_path / "user"
    user.write_text("me:secret\n")
    user.chmod(0o600)
    with loaded.ns, Web(tls=authority.issue("good"), list=Answer(LIST)) as web:
        url = web.url("/list?key=hidden")
        assert "not trusted" in one_round(loaded, tmp_path, url, "failing")["error"]
        assert not loaded.prefixes("f0", "bad")
        with start(loaded, tmp_path, url, f'ca = "{authority.certificate}"',
                   f'user-file = "{user}"') as sync:
            told = wait_state(sync, "fresh")
            assert told["rules"] == 2 and told["error"] is None
            assert drops(loaded, "192.0.2.1", "192.0.2.2", "2001:db8::1") == [
                "192.0.2.1", "2001:db8::1"]
            sync.end()
        assert web.requests[-1].headers["Authorization"]
        assert web.requests[-1].headers["User-Agent"].startswith("xdp-ipfilter/")
        assert not sync.said or "secret" not in "".join(sync.said)


def test_a_list_that_is_the_same_is_fetched_once(loaded, web, tmp_path):
    web.answers["/list"] = modified(LIST)
    for _ in range(3):
        told = one_round(loaded, tmp_path, web.url("/list"), "fresh")
        assert told["rules"] == 2
        assert drops(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.1"]
    assert statuses(web) == [200, 304, 304]
    web.answers["/list"] = modified("192.0.2.2\n192.0.2.3\n")
    one_round(loaded, tmp_path, web.url("/list"), "fresh")
    assert drops(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.2"]


def test_the_copy_filters_until_the_server_confirms_it(loaded, web, tmp_path):
    """As after a boot without network: the filter is new, the server is down."""
    web.answers["/list"] = modified(LIST)
    url, port = web.url("/list?key=hidden"), web.port
    one_round(loaded, tmp_path, url, "fresh")
    web.close()
    loaded.good("flush", "-a")
    with start(loaded, tmp_path, url) as sync:
        sync.wait(lambda: drops(loaded, "192.0.2.1") == ["192.0.2.1"], "the copy is live")
        told = wait_state(sync, "failing")
        assert f"cannot connect to port {port}" in told["error"]
        assert "hidden" not in told["error"]
        assert told["rules"] == 2
        with loaded.ns, Web(port=port) as again:
            again.answers["/list"] = modified(LIST)
            wait_state(sync, "fresh")
            assert statuses(again) == [304]
        assert drops(loaded, "192.0.2.1", "192.0.2.2") == ["192.0.2.1"]
        sync.end()
    assert sum("cannot connect" in line for line in sync.said) == 1, sync.said


@pytest.mark.parametrize("answer, words", [
    (Answer("<html>log in</html>"), "a page of HTML"),
    (Answer("192.0.2.9\nnonsense\n"), ":2:1: 'nonsense'"),
    (Answer("set other\n192.0.2.9\n"), "not the set that the source names, bad"),
    (Answer(LIST, 500), "answers 500"),
    (Answer(LIST, 404), "no list at this URL"),
    (Answer(b"192.0.2.9\n", Content_Length="20"), "not complete"),
])
def test_what_is_no_list_changes_nothing(loaded, web, tmp_path, answer, words):
    web.answers["/list"] = Answer(LIST)
    one_round(loaded, tmp_path, web.url("/list"), "fresh")
    web.answers["/list"] = answer
    if words == "not complete":
        web.answers["/list"] = lambda request: cut_off(request, answer)
    told = one_round(loaded, tmp_path, web.url("/list"), "failing")
    assert words in told["error"] and told["rules"] == 2
    assert drops(loaded, "192.0.2.1", "192.0.2.9", "2001:db8::1") == ["192.0.2.1", "2001:db8::1"]


def cut_off(request, answer):
    """The connection ends before the length that was announced."""
    request.close_connection = True
    request.connection.settimeout(10)
    return answer


def test_a_list_that_shrinks_is_held(loaded, web, tmp_path):
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(300)]
    web.answers["/list"] = Answer("".join(f"{one}\n" for one in many))
    assert one_round(loaded, tmp_path, web.url("/list"), "fresh")["rules"] == 300
    web.answers["/list"] = Answer(f"{many[0]}\n192.0.2.1\n")
    assert one_round(loaded, tmp_path, web.url("/list"), "held")["rules"] == 301
    assert drops(loaded, many[299], "192.0.2.1") == [many[299], "192.0.2.1"]
    web.answers["/list"] = Answer("")
    one_round(loaded, tmp_path, web.url("/list"), "held")
    assert len(loaded.prefixes("f0", "bad")) >= 300
    assert one_round(loaded, tmp_path, web.url("/list"), "fresh", "shrink = yes")["rules"] == 0
    assert not loaded.prefixes("f0", "bad")


def test_a_server_that_is_down_is_left_alone_longer_and_longer(loaded, tmp_path):
    """A second, two, four: each with up to a quarter more or less."""
    loaded.ns.ip("link", "set", "lo", "up")
    times = []
    with loaded.ns, Raw(lambda connection: times.append(time.monotonic())) as raw:
        with start(loaded, tmp_path, raw.url("/list")) as sync:
            sync.wait(lambda: len(times) >= 4, "four tries", 30)
            sync.end()
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    for pause, least in zip(pauses, (0.75, 1.5, 3.0)):
        assert least <= pause, pauses
    assert sum("ended without an answer" in line for line in sync.said) == 1, sync.said


def test_a_server_that_answers_is_not_asked_again_soon(loaded, web, tmp_path):
    """While one that does not answer is."""
    tries = []
    web.answers["/list"] = Answer("", 503)
    with loaded.ns, Raw(tries.append) as raw:
        config = f'{source(web.url("/list"))}\nsource worse {{ from = "{raw.url("/list")}" }}'
        with Sync(loaded, tmp_path, config) as sync:
            wait_state(sync, "failing")
            sync.wait(lambda: len(tries) >= 4, "four tries", 30)
            sync.end()
    assert len(web.requests) == 1
