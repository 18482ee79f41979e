# SPDX-License-Identifier: GPL-2.0
"""A source of a URL: is what the server answers delivered, and is everything else refused?"""
import gzip
import shutil
import socket

import pytest

import sources
from webserver import Answer, Authority, Raw, Web

LIST = "192.0.2.1\n198.51.100.0/24 timeout 1h\npass 2001:db8::/32\n"
RULES = {"192.0.2.1": "", "198.51.100.0/24": "timeout 3600", "2001:db8::/32": "pass"}


@pytest.fixture
def web():
    with Web() as web:
        yield web


def refused(location, *words, seconds=sources.PATIENCE, **job):
    """The source ends with one trouble that names the URL and has these words."""
    with sources.start(location, **job) as source:
        text = source.trouble(location.partition("?")[0], *words, seconds=seconds)
        source.ends(rc=1)
    return text


def leaves_alone(location, **job):
    """For how many seconds, after it failed?"""
    with sources.start(location, **job) as source:
        source.trouble()
        source.ends(rc=1)
    return source.later_s


def the_list(location, **job):
    with sources.start(location, **job) as source:
        delivery = source.list()
        source.ends()
    return delivery


def test_a_list_is_delivered(web):
    web.answers["/list"] = Answer(LIST)
    assert the_list(web.url("/list?key=1#x")).rules == RULES
    request = web.requests[0]
    assert request.path == "/list?key=1"
    assert request.headers["User-Agent"] == "xdp-ipfilter/1.2.3"
    for absent in ("If-None-Match", "If-Modified-Since", "Authorization", "Cookie"):
        assert absent not in request.headers


FORMATS = {
    "rules": ("192.0.2.0/24\n", None),
    "ndjson": ('{"cidr":"192.0.2.0/24"}\n{"type":"metadata","records":1}\n', None),
    "dshield": ("192.0.2.0\t192.0.2.255\t24\t5\n", None),
    "ipset": ("create x hash:net family inet\nadd x 192.0.2.0/24\n", None),
    "p2p": ("some one:192.0.2.0-192.0.2.255\n", None),
    "dat": ("192.000.002.000 - 192.000.002.255 , 000 , some one\n", None),
    "ipsascii": ("192.000.002.000\t9\t9\t2026-01-01\t2026-01-02\n", {"192.0.2.0": ""}),
}


@pytest.mark.parametrize("packed", ["plain", "gz"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read(web, name, packed):
    text, rules = FORMATS[name]
    web.answers["/list"] = Answer(gzip.compress(text.encode()) if packed == "gz" else text)
    rules = rules or {"192.0.2.0/24": ""}
    assert the_list(web.url("/list")).rules == rules
    assert the_list(web.url("/list"), format=name).rules == rules


def test_the_format_can_be_forced(web):
    web.answers["/list"] = Answer("192.0.2.0/24\n")
    refused(web.url("/list"), "not a JSON object", format="ndjson")
    web.answers["/list"] = Answer("some one\n")
    refused(web.url("/list"), ":1:1: 'some'", "read as rules; format = NAME changes that")


def test_content_encoding_and_gz_come_together(web):
    packed = gzip.compress(LIST.encode())
    web.answers["/encoded"] = Answer(packed, Content_Encoding="gzip")
    web.answers["/twice"] = Answer(gzip.compress(packed), Content_Encoding="gzip")
    web.answers["/members.gz"] = Answer(gzip.compress(LIST[:20].encode()) +
                                        gzip.compress(LIST[20:].encode()))
    for path in web.answers:
        assert the_list(web.url(path)).rules == RULES
    assert web.requests[0].headers["Accept-Encoding"] == "gzip"


def test_pieces_of_any_size_are_one_list(web):
    web.answers["/chunked"] = lambda _: Answer(LIST[i:i + 1].encode() for i in range(len(LIST)))
    packed = gzip.compress(LIST.encode())
    web.answers["/packed"] = lambda _: Answer(packed[i:i + 1] for i in range(len(packed)))
    assert the_list(web.url("/chunked")).rules == RULES
    assert the_list(web.url("/packed")).rules == RULES


@pytest.mark.parametrize("body", ["", "# nothing today\n", gzip.compress(b"")])
def test_an_empty_list_is_a_list(web, body):
    web.answers["/list"] = Answer(body)
    assert the_list(web.url("/list")).rules == {}


def test_sets_of_a_list(web):
    """The source's own set may be named, no other one; ipsets all go to it."""
    web.answers["/list"] = Answer("set mine\n192.0.2.1\n")
    assert the_list(web.url("/list"), set="mine").rules == {"192.0.2.1": ""}
    refused(web.url("/list"), ":1:5: 'mine': not the set that the source names, other",
            set="other")
    web.answers["/list"] = Answer("create a hash:ip\nadd a 192.0.2.1\n"
                                  "create b hash:ip family inet6\nadd b 2001:db8::1\n")
    assert set(the_list(web.url("/list"), set="mine").rules) == {"192.0.2.1", "2001:db8::1"}


def test_host_bits_are_a_warning(web):
    web.answers["/list"] = Answer("192.0.2.1/24\n198.51.100.1/24\n")
    with sources.start(web.url("/list")) as source:
        text = source.expect("warning").text
        assert ":1:1: '192.0.2.1/24' means 192.0.2.0/24, and 1 more" in text
        assert set(source.list().rules) == {"192.0.2.0/24", "198.51.100.0/24"}
        source.ends()


# --- Validators -----------------------------------------------------------------------------------

def revalidating(modified, etag):
    """A server that answers 304 when both conditions are the ones that it gave."""
    headers = {}
    if modified:
        headers["Last_Modified"] = modified
    if etag:
        headers["ETag"] = etag

    def answer(request):
        same = (request.headers["If-Modified-Since"] == modified and
                request.headers["If-None-Match"] == etag)
        return Answer("", 304, **headers) if same else Answer(LIST, **headers)
    return answer


@pytest.mark.parametrize("etag", [None, '"abc"', 'W/"a|b c"', '"' + "x" * 200 + '"'])
@pytest.mark.parametrize("modified", [None, "Sun, 29 Nov 2026 23:58:51 GMT"])
def test_a_list_that_is_the_same_is_not_sent_again(web, modified, etag):
    web.answers["/list"] = revalidating(modified, etag)
    if not modified and not etag:
        web.answers["/list"] = Answer(LIST)
    first = the_list(web.url("/list"))
    assert bool(first.validator) == bool(modified or etag)
    if not first.validator:
        return
    with sources.start(web.url("/list"), validator=first.validator) as source:
        source.expect("same")
        source.ends()
    assert the_list(web.url("/list"), validator="|old").rules == RULES


def test_a_validator_of_another_list_is_answered_by_the_list(web):
    web.answers["/list"] = revalidating(None, '"new"')
    delivery = the_list(web.url("/list"), validator='|"old"')
    assert delivery.rules == RULES and delivery.validator == '|"new"'


def test_304_that_was_not_asked_for_is_refused(web):
    web.answers["/list"] = Answer("", 304)
    refused(web.url("/list"), "304")


def test_the_validator_is_that_of_the_last_response(web):
    web.answers["/old"] = Answer("", 302, Location="/new", ETag='"old"')
    web.answers["/new"] = Answer(LIST)
    assert the_list(web.url("/old")).validator == ""


# --- What is no list ------------------------------------------------------------------------------

@pytest.mark.parametrize("status, words", [
    (401, "user-file"), (403, "user-file"), (404, "no list at this URL"), (429, "too often"),
    (500, "500"), (503, "503"), (204, "204"), (206, "206"), (300, "300")])
def test_other_answers_are_refused(web, status, words):
    web.answers["/list"] = Answer("192.0.2.1\n" if status != 204 else "", status)
    refused(web.url("/list?key=secret"), f"answers {status}", words)


def test_what_the_server_says_is_quoted(web):
    web.answers["/list"] = Answer("come back\nlater", 503, Retry_After="5400")
    refused(web.url("/list"), '503: "come back"', "asks for a pause of 1h30m")
    web.answers["/list"] = Answer("<html>no</html>", 503)
    assert "html" not in refused(web.url("/list"), "503")
    web.answers["/list"] = Answer("\x1b[31m" + "x" * (1 << 20), 500)
    assert "\x1b" not in refused(web.url("/list"), "500")


def test_a_server_that_answers_is_left_alone_for_a_while(web):
    """Whoever asks too often is banned; who did not answer may only be restarting."""
    web.answers["/list"] = Answer("", 503, Retry_After="5400")
    assert leaves_alone(web.url("/list")) == 5400
    web.answers["/list"] = Answer("", 503, Retry_After="2")
    assert leaves_alone(web.url("/list")) == 60
    web.answers["/list"] = Answer("", 429, Retry_After="99999999")
    assert leaves_alone(web.url("/list")) == 24 * 3600
    web.answers["/list"] = Answer("", 404)
    assert leaves_alone(web.url("/list")) == 60
    web.answers["/list"] = Answer("nonsense\n")
    assert leaves_alone(web.url("/list")) == 60
    with Raw(lambda connection: None) as raw:
        assert leaves_alone(raw.url("/list")) is None


@pytest.mark.parametrize("body", ["<!DOCTYPE html>\n<html>", "\ufeff\n <?xml version='1.0'?>"])
def test_a_page_is_no_list(web, body):
    web.answers["/list"] = Answer(body)
    refused(web.url("/list"), "a page of HTML or XML, not a list", "login page")


def test_one_bad_line_refuses_all(web):
    web.answers["/list"] = Answer("192.0.2.1\n10.0.0.300\n192.0.2.2\n")
    refused(web.url("/list?key=secret"), ":2:1: '10.0.0.300': not an address")


@pytest.mark.parametrize("line, refuses", [
    ("0.0.0.0/0", True), ("128.0.0.0/1", True), ("0.0.0.0-255.255.255.255", True),
    ("drop 2000::/3", True), ("::ffff:0:0/96", True), ("pass 0.0.0.0/0", False),
    ("64.0.0.0/2", False), ("8000::/1", False), ("10.0.0.0/8", False)])
def test_a_line_that_shuts_out_a_third_of_the_internet(web, line, refuses):
    web.answers["/list"] = Answer(f"192.0.2.1\n{line}\n")
    if refuses:
        refused(web.url("/list"), f"{web.url('/list')}:2:", "a third of the addresses in use")
    else:
        assert len(the_list(web.url("/list")).rules) == 2


def test_json_that_is_nested_deeply_is_refused(web):
    """The list is read in a thread, whose stack would be as small with musl as it is here."""
    web.answers["/list"] = Answer('{"cidr":' + "[" * 2000 + "]" * 2000 + "}\n")
    refused(web.url("/list"), "neither a", format="ndjson",
            prefix=("prlimit", "--stack=131072:131072"))


def test_a_last_line_that_lost_digits_is_refused(web):
    web.answers["/list"] = Answer("192.0.2.0/24\n198.51.100.0/24\n208.0.0.0/4")
    refused(web.url("/list"), "may have lost digits")


@pytest.mark.parametrize("send, words", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n192.0.2.1\n", "not complete"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n192.0.2.1\n\r\n", "not complete"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(LIST.encode())[:-9],
     "gzip data is not complete"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(gzip.compress(LIST.encode())[:-9]),
     "gzip data is not complete"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(LIST.encode())[:-9], "gzip data is not complete"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(LIST.encode()) + b"more", "gzip data is damaged"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(LIST.encode())[:-4] + b"\1\1\1\1",
     "gzip data is damaged"),
    (b"", "without an answer"),
    (b"192.0.2.1\n", "does not speak HTTP"),
])
def test_what_is_cut_off_or_damaged_is_refused(send, words):
    with Raw(lambda connection: connection.sendall(send)) as raw:
        refused(raw.url("/list"), words)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused(f"http://127.0.0.1:{port}/list?key=secret",
            f"cannot connect to port {port} of 127.0.0.1: Connection refused")


def test_an_unknown_host():
    refused("http://nosuch.invalid/list", "no address is known for its host")


# --- Redirects, users, proxies --------------------------------------------------------------------

def test_redirects_are_followed_to_the_list(web):
    for number in range(5):
        web.answers[f"/{number}"] = Answer("192.0.2.99\n", 301 + number % 2,
                                           Location=f"/{number + 1}")
    web.answers["/5"] = Answer(LIST, ETag='"last"')
    delivery = the_list(web.url("/0"))
    assert delivery.rules == RULES and delivery.validator == '|"last"'


def test_a_user_is_sent_to_the_host_of_the_url_only(web):
    web.answers["/list"] = Answer(LIST)
    web.answers["/elsewhere"] = lambda _: Answer("", 302, Location=web.url("/list", "localhost"))
    who = {"user": "me", "password": "secret:1"}
    assert the_list(web.url("/list"), **who).rules == RULES
    assert web.requests[-1].headers["Authorization"] == "Basic bWU6c2VjcmV0OjE="
    assert the_list(web.url("/elsewhere"), **who).rules == RULES
    assert web.requests[-2].headers["Authorization"]
    assert web.requests[-1].headers["Host"].startswith("localhost")
    assert "Authorization" not in web.requests[-1].headers


def test_the_proxy_of_the_environment_is_used(web):
    web.answers["http://list.example/list"] = Answer(LIST)
    proxy = {"http_proxy": web.url("/")}
    assert the_list("http://list.example/list", env=proxy).rules == RULES
    web.answers["/list"] = Answer(LIST)
    assert the_list(web.url("/list"), env={**proxy, "no_proxy": "127.0.0.1"}).rules == RULES
    assert web.requests[-1].path == "/list"


def test_a_proxy_that_is_down_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused("http://list.example/list", f"port {port} of 127.0.0.1", "names a proxy",
            env={"http_proxy": f"http://127.0.0.1:{port}"})


# --- TLS ------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return Authority(tmp_path_factory.mktemp("ca"))


def test_tls_with_an_authority_of_its_own(authority):
    with Web(tls=authority.issue("good"), list=Answer(LIST)) as web:
        assert the_list(web.url("/list"), ca=authority.text()).rules == RULES
        assert the_list(web.url("/list", "localhost"), ca=authority.text()).rules == RULES
        refused(web.url("/list"), "not trusted", "ca = FILE")


def test_ca_replaces_the_authorities_of_the_system(authority, tmp_path):
    """With ca, no other authority is trusted."""
    other = Authority(tmp_path, "another authority")
    with Web(tls=authority.issue("good"), list=Answer(LIST)) as web:
        refused(web.url("/list"), "not trusted", ca=other.text())
        refused(web.url("/list"), "authorities (ca)", ca="no certificate")


def test_a_client_certificate(authority, tmp_path):
    cert, key = (path.read_text() for path in authority.issue("client"))
    with Web(tls=authority.issue("good"), client_ca=authority.certificate,
             list=Answer(LIST)) as web:
        assert the_list(web.url("/list"), ca=authority.text(), cert=cert, key=key).rules == RULES
        refused(web.url("/list"), "certificate of yours: cert = FILE", ca=authority.text())
        refused(web.url("/list"), "cert or key", ca=authority.text(), cert=cert, key="none")
