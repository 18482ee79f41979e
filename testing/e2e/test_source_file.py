# SPDX-License-Identifier: GPL-2.0
"""A source of a file, which sync has opened: is it delivered whole, and only when it must be?"""
import contextlib
import gzip
import os
import threading
import time

import pytest

import mmdb
import product
import sources

LIST = "192.0.2.1\n198.51.100.0/24 timeout 1h\npass 2001:db8::/32\n"
RULES = {"192.0.2.1": "", "198.51.100.0/24": "timeout 3600", "2001:db8::/32": "pass"}


@contextlib.contextmanager
def reading(path, **job):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with sources.start(str(path), descriptor=fd, **job) as source:
            yield source
    finally:
        os.close(fd)


def refused(path, *words, **job):
    with reading(path, **job) as source:
        source.trouble(*words)
        source.ends(rc=1)


def the_list(path, **job):
    with reading(path, **job) as source:
        delivery = source.list()
        source.ends()
    return delivery


def written(path, content, age=60):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.parametrize("name, pack", [
    ("list", bytes), ("list.gz", gzip.compress), ("list.txt", gzip.compress), ("list.gz", bytes),
    ("list.gz.gz", lambda text: gzip.compress(gzip.compress(text)))])
def test_a_list_is_delivered(tmp_path, name, pack):
    """It is unpacked by what it is, not by its name."""
    assert the_list(written(tmp_path / name, pack(LIST.encode()))).rules == RULES


def test_ends_at_a_time_of_day(tmp_path):
    """They are delivered as the time that is left."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    (left,) = the_list(written(tmp_path / "list", f"192.0.2.1 until {end}\n")).rules.values()
    assert 3500 < int(left.removeprefix("timeout ")) <= 3601


def test_a_file_that_nobody_else_may_read(tmp_path):
    path = written(tmp_path / "list", LIST)
    path.chmod(0o600)
    assert the_list(path).rules == RULES


def test_an_empty_file_is_an_empty_list(tmp_path):
    assert the_list(written(tmp_path / "list", "")).rules == {}


def settled(path):
    """The kernel's own stamp of the last change is old enough to trust."""
    deadline = time.monotonic() + sources.PATIENCE
    while True:
        validator = the_list(path).validator
        if validator or time.monotonic() > deadline:
            return validator
        time.sleep(0.1)


def test_a_file_that_is_the_same_is_not_read_again(tmp_path):
    path = written(tmp_path / "list", LIST)
    # It has just changed, and might change again within one step of the clock.
    assert the_list(path).validator == ""
    validator = settled(path)
    assert validator
    with reading(path, validator=validator) as source:
        source.expect("same")
        source.ends()
    # As many bytes, an old time: another file, and one that was written over.
    other = written(tmp_path / "other", LIST.replace(".1\n", ".2\n"))
    assert "192.0.2.2" in the_list(other, validator=validator).rules
    written(path, LIST.replace(".1\n", ".2\n"))
    assert "192.0.2.2" in the_list(path, validator=validator).rules


@pytest.mark.parametrize("content, words", [
    ("192.0.2.1\nnonsense\n", ":2:1: 'nonsense'"),
    (b"\x1f\x8b\x08nonsense", "gzip data is damaged"),
    (gzip.compress(LIST.encode())[:-5], "gzip data is not complete"),
    (b"\x1f\x8b", "gzip data is not complete"),
    (b"192.0.2.1\0\n", "NUL"),
    ("192.0.2.0/24\n208.0.0.0/4", "may have lost digits"),
    ("<html>", "a page of HTML or XML"),
    ("x" * 5000, "at most 4096 bytes"),
])
def test_what_is_no_list_is_refused(tmp_path, content, words):
    path = written(tmp_path / "list", content)
    refused(path, str(path), words)


def test_what_it_unpacks_to_is_limited(tmp_path):
    """Also where only the inner layer is large, and where the limit is met exactly."""
    text = b"192.0.2.1\n" * 1000
    path = written(tmp_path / "list", gzip.compress(text))
    assert the_list(path, max_bytes=len(text)).rules == {"192.0.2.1": ""}
    refused(path, "larger than the limit of 9,999 bytes", max_bytes=len(text) - 1)
    refused(written(path, gzip.compress(gzip.compress(b"") * 10000)), "larger than the limit",
            max_bytes=9999)
    refused(written(path, text), "larger than the limit", max_bytes=len(text) - 1)


def test_what_is_no_file_is_refused(tmp_path):
    refused(tmp_path, "not a regular file")
    with sources.start("/nowhere/list") as source:
        source.trouble("/nowhere/list", "cannot read it")
        source.ends(rc=1)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    """Never half of one list and half of another one."""
    path = tmp_path / "list"
    path.write_bytes(b"192.0.2.1\n" * 1000000)
    stop, stamped = threading.Event(), 0

    def stamp():
        nonlocal stamped
        while not stop.is_set():
            stamped += 1
            os.utime(path, ns=(stamped, stamped))
    writer = threading.Thread(target=stamp)
    writer.start()
    try:
        refused(path, "it changed while it was read")
    finally:
        stop.set()
        writer.join()


TABLE = "192.0.2.0,192.0.2.255,KP\n198.51.100.0,198.51.100.255,RU\n203.0.113.0,203.0.113.255,DE\n"
RECORDS = {"192.0.2.0/24": {"country": {"iso_code": "KP"}}, "2001:db8::/32":
           {"country": {"iso_code": "RU"}}, "203.0.113.0/24": {"country": {"iso_code": "DE"}}}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_networks_of_a_table_are_chosen(tmp_path, pack):
    path = written(tmp_path / "table.csv", pack(TABLE.encode()))
    assert the_list(path, where="country=KP,RU").rules == {"192.0.2.0/24": "",
                                                          "198.51.100.0/24": ""}
    refused(path, str(path), "no network has country=UK", where="country=UK")
    refused(path, str(path), "a table of networks")
    refused(written(tmp_path / "list", LIST), "not a table of networks", where="country=KP")
    blocks = written(tmp_path / "blocks.csv", "network,geoname_id\n192.0.2.0/24,7\n")
    refused(blocks, "no column has 'country'", "a source is one file", "GeoLite2-Country.mmdb",
            where="country=KP")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_networks_of_a_database_are_chosen(tmp_path, pack):
    if not os.access(product.BINARY + "-mmdb", os.X_OK):
        pytest.skip("configure found no libmaxminddb")
    path = written(tmp_path / "table.mmdb", pack(mmdb.write(RECORDS)))
    assert the_list(path, where="country=KP\ncountry=KP,RU").rules == {"192.0.2.0/24": ""}
    refused(path, str(path), "no record has 'asn'; there is country", where="asn=64500")
    refused(path, str(path), "not a text", "NUL", "MaxMind", 'where = "country=KP,RU"')
    content = mmdb.write(RECORDS)
    refused(written(path, content[:200] + content[content.index(mmdb.MARK):]), str(path),
            where="country=KP")
