# SPDX-License-Identifier: GPL-2.0
"""Does sync follow the networks of a country or an AS, in a table of a file or of a URL?"""
import gzip
import os

import pytest

import mmdb
import product
from frames import udp
from syncing import Sync
from webserver import Answer, Web

KP, RU, DE = "192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"
COUNTRIES = {KP: "KP", RU: "RU", DE: "DE"}


def table(countries, **_):
    """As DB-IP publishes it, without a header."""
    lines = {KP: "192.0.2.0,192.0.2.255", RU: "198.51.100.0,198.51.100.255",
             DE: "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}
    return "".join(f"{lines[network]},{country}\n"
                   for network, country in countries.items()).encode()


def database(countries, **_):
    return mmdb.write({network: {"country": {"iso_code": country}}
                       for network, country in countries.items()})


@pytest.fixture(params=[table, database], ids=["csv", "mmdb"])
def make(request):
    if request.param is database and not os.access(product.BINARY + "-mmdb", os.X_OK):
        pytest.skip("configure found no libmaxminddb")
    return request.param


@pytest.fixture
def served(loaded):
    loaded.ns.ip("link", "set", "lo", "up")
    with loaded.ns, Web() as web:
        yield web


def config(place, where, *more):
    return f'source geo {{ from = "{place}" where = {where} shrink = yes {" ".join(more)} }}'


def wait_rules(sync, *prefixes):
    sync.wait(lambda: set(sync.lab.prefixes("f0", "geo")) == set(prefixes), f"it has {prefixes}")


def replace(path, content):
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").rename(path)


def test_a_file_is_followed(loaded, tmp_path, make):
    """When the file changes, when the condition changes, and in the copy that is kept."""
    path = tmp_path / "table"
    path.write_bytes(make(COUNTRIES))
    with Sync(loaded, tmp_path, config(path, '"country=KP,RU"')) as sync:
        wait_rules(sync, KP, RU)
        assert loaded.wire.exchange([udp("192.0.2.1"), udp("198.51.100.1"),
                                     udp("2001:db8::1")]) == [False, False, True]
        replace(path, make({KP: "RU", RU: "DE", DE: "KP"}))
        wait_rules(sync, KP, DE)
        sync.reload(config(path, '{ "country=KP" }'))
        wait_rules(sync, DE)
        sync.end()
    path.unlink()
    loaded.good("flush", "-a")
    with Sync(loaded, tmp_path, config(path, '{ "country=KP" }')) as sync:
        wait_rules(sync, DE)
        sync.end()
    loaded.good("flush", "-a")
    with Sync(loaded, tmp_path, config(path, '"country=RU"')) as sync:
        sync.wait_said("geo: failing", "No such file")
        assert not loaded.prefixes("f0"), "a copy of other networks is not used"


def test_a_key_that_the_table_lacks_is_told(loaded, tmp_path, make):
    """With those that are there; and so is a country that it lacks. The rules stay."""
    path = tmp_path / "table"
    path.write_bytes(make(COUNTRIES))
    with Sync(loaded, tmp_path, config(path, '"country=KP"')) as sync:
        wait_rules(sync, KP)
        sync.reload(config(path, '"city=Berlin"'))
        sync.wait_said("geo: failing", str(path), "city", "there is country")
        sync.reload(config(path, '"country=UK"'))
        sync.wait_said("geo: failing", "no network has country=UK")
        assert set(loaded.prefixes("f0", "geo")) == {KP}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
def test_a_url_is_followed(loaded, served, tmp_path, make, pack):
    served.answers["/table"] = Answer(pack(make(COUNTRIES)))
    url = served.url("/table")
    with Sync(loaded, tmp_path, config(url, '"country=KP"')) as sync:
        wait_rules(sync, KP)
        assert loaded.wire.exchange([udp("192.0.2.1"), udp("198.51.100.1")]) == [False, True]
        sync.reload(config(url, '"country=DE,RU"'))
        wait_rules(sync, RU, DE)


def test_a_table_without_a_condition_is_refused(loaded, served, tmp_path, make):
    """What to write is in the message."""
    served.answers["/table"] = Answer(make(COUNTRIES))
    result = loaded("sync", "--once", "--cache", tmp_path / "cache", f"geo={served.url('/table')}")
    assert result.rc == product.FAILED, result
    product.assert_words(result.err, ["set geo: failing", "/table", "where ="], result)
    assert not loaded.prefixes("f0")
