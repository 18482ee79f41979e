# SPDX-License-Identifier: GPL-2.0
"""Rules by country, continent and AS number, from the databases that MaxMind, DB-IP and IPinfo
publish: as MaxMind DB files, which the tests write themselves, and as CSV."""
import ipaddress
import os
import pathlib
import random
import re
import subprocess

import pytest

import mmdb
from frames import udp
from product import BINARY, DONE, FAILED, USAGE, Tool

CONVERTER = pathlib.Path(BINARY).resolve().with_name("xdp-ipfilter-mmdb")
tool = Tool()

needs_library = pytest.mark.skipif(not CONVERTER.exists(),
                                   reason="configure found no libmaxminddb")


def maxmind(country, continent):
    return {"continent": {"code": continent, "names": {"en": "A continent, perhaps"}},
            "country": {"geoname_id": 7, "iso_code": country, "names": {"en": "A country"}},
            "registered_country": {"iso_code": "DE"}}


COUNTRIES = {"192.0.2.0/24": ("KP", "AS"), "198.51.100.0/25": ("RU", "EU"),
             "198.51.100.128/25": ("RU", "EU"), "203.0.113.0/24": ("DE", "EU"),
             "2001:db8::/32": ("DE", "EU"), "2001:db8:7::/48": ("KP", "AS")}
ASNS = {"192.0.2.0/24": 64500, "198.51.100.0/24": 64501, "2001:db8::/32": 4200000000}

#: maker -> {network: record}
COUNTRY_RECORDS = {
    "MaxMind and DB-IP": {network: maxmind(*places) for network, places in COUNTRIES.items()},
    "IPinfo": {network: {"country": "A country", "country_code": country, "continent": "Some",
                         "continent_code": continent, "asn": "AS1"}
               for network, (country, continent) in COUNTRIES.items()},
    "IPinfo, earlier": {network: {"country": country, "country_name": "A country",
                                  "continent": continent}
                        for network, (country, continent) in COUNTRIES.items()},
}
ASN_RECORDS = {
    "MaxMind and DB-IP": {network: {"autonomous_system_number": number,
                                    "autonomous_system_organization": "Example, \"Inc.\"\n"}
                          for network, number in ASNS.items()},
    "IPinfo": {network: {"asn": f"AS{number}", "as_name": "Example"}
               for network, number in ASNS.items()},
}


def write(tmp_path, content, name="test.mmdb"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def in_memory(path):
    """A copy of the file in memory, as the tool makes it: the converter can open no other."""
    file = os.fdopen(os.memfd_create("copy"), "w+b")
    file.write(pathlib.Path(path).read_bytes())
    file.seek(0)
    return file


def table(path, *conditions):
    """The lines that the converter writes, without the header."""
    with in_memory(path) as file:
        done = subprocess.run([CONVERTER, str(path), *conditions], stdin=file, capture_output=True,
                              text=True, check=False, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout.splitlines()[1:]


@needs_library
@pytest.mark.parametrize("maker", COUNTRY_RECORDS)
@pytest.mark.parametrize("record", [24, 28, 32])
def test_a_country_is_dropped(loaded, tmp_path, maker, record):
    path = write(tmp_path, mmdb.write(COUNTRY_RECORDS[maker], record=record))
    loaded.good("add", "-s", "geo", "-f", path, "--where", "country=kp,RU")
    assert loaded.prefixes("f0", "geo") == {"192.0.2.0/24": "drop", "198.51.100.0/24": "drop",
                                            "2001:db8:7::/48": "drop"}
    assert loaded.wire.exchange([udp("192.0.2.7"), udp("198.51.100.200"), udp("203.0.113.7"),
                                 udp("2001:db8:7::1"), udp("2001:db8:8::1")]) == [
                                     False, False, True, False, True]
    loaded.good("replace", "-s", "geo", "-f", path, "--where", "continent=AS", "--force")
    assert set(loaded.prefixes("f0", "geo")) == {"192.0.2.0/24", "2001:db8:7::/48"}
    loaded.good("del", "-s", "geo", "-f", path, "--where", "country=KP")
    assert loaded.prefixes("f0", "geo") == {}


@needs_library
@pytest.mark.parametrize("maker", ASN_RECORDS)
def test_an_as_is_dropped(loaded, tmp_path, maker):
    path = write(tmp_path, mmdb.write(ASN_RECORDS[maker]))
    loaded.good("add", "-f", path, "--where", "asn=64501,AS4200000000")
    assert set(loaded.prefixes("f0")) == {"198.51.100.0/24", "2001:db8::/32"}


@needs_library
def test_a_database_for_ipv4_alone(tmp_path):
    path = write(tmp_path, mmdb.write({network: maxmind(*places) for network, places
                                       in COUNTRIES.items() if ":" not in network}, version=4))
    assert table(path, "country=x") == ["192.0.2.0,192.0.2.255,KP", "198.51.100.0,198.51.100.255,RU",
                                        "203.0.113.0,203.0.113.255,DE"]


@needs_library
@pytest.mark.parametrize("form", [{"aliases": mmdb.ALIASES}, {"aliases": ()},
                                  {"aliases": (), "mapped": True}],
                         ids=["aliases", "no aliases", "only mapped"])
def test_ipv4_is_listed_once(tmp_path, form):
    """::ffff:0:0/96, 2001::/32 and 2002::/16 lead to the IPv4 part, which is at ::/96 or, in files
    by careless writers, only at ::ffff:0:0/96."""
    path = write(tmp_path, mmdb.write(COUNTRY_RECORDS["MaxMind and DB-IP"], **form))
    lines = table(path, "country=x")
    assert sorted(lines) == sorted(set(lines))
    assert [line for line in lines if "." in line] == [
        "192.0.2.0,192.0.2.255,KP", "198.51.100.0,198.51.100.255,RU", "203.0.113.0,203.0.113.255,DE"]
    assert not any(line.startswith(("2002:", "::ffff:", "2001:0", "2001::")) for line in lines)


@needs_library
def test_a_record_over_all_addresses_is_split_around_ipv4(tmp_path):
    path = write(tmp_path, mmdb.write({"::/1": {"country": "KP"}}))
    assert table(path, "country=x") == [
        "0.0.0.0,255.255.255.255,KP", "::1:0:0,::fffe:ffff:ffff,KP",
        "::1:0:0:0,7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,KP"]
    # Whoever wants that must say so: it drops everything.
    tool.good("test", "--rules", path, "--where", "country=KP", "192.0.2.1", "2001:db8::1")


@needs_library
def test_networks_at_random_are_what_the_library_finds(tmp_path):
    """Each address has the record of the longest network over it, as a look at all of them says."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    networks = {}
    while len(networks) < 300:
        bits = rng.choice([8, 12, 16, 20, 24, 32])
        start = rng.getrandbits(32) >> 32 - bits << 32 - bits
        networks[str(ipaddress.ip_network((start, bits)))] = rng.choice(["KP", "RU", "DE"])
    # Wide ones first: a writer splits them where narrow ones are put in.
    ordered = sorted(networks, key=lambda one: ipaddress.ip_network(one).prefixlen)
    path = write(tmp_path, mmdb.write({one: {"country": networks[one]} for one in ordered}))
    addresses = [ipaddress.ip_address(rng.getrandbits(32)) for _ in range(300)]
    for one in rng.sample(ordered, 100):
        network = ipaddress.ip_network(one)
        addresses += [network[0], network[-1]]
    wanted = set()
    for address in addresses:
        over = [one for one in reversed(ordered) if address in ipaddress.ip_network(one)]
        if over and networks[over[0]] == "KP":
            wanted.add(str(address))
    said = tool("test", "--rules", path, "--where", "country=KP", "--only", "drop", *addresses)
    got = {line.split(": ")[0] for line in said.out.splitlines() if ": drop by" in line}
    assert got == wanted


@needs_library
def test_what_is_asked_for_must_be_there(loaded, tmp_path):
    path = write(tmp_path, mmdb.write(COUNTRY_RECORDS["MaxMind and DB-IP"]), "countries.mmdb")
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "add", "-f", path, words=[
            "countries.mmdb: a table of networks", "--where", "there is country, continent"])
        loaded.refused(USAGE, "add", "-f", path, "--where", "asn=64500", words=[
            "countries.mmdb: no record has 'asn'; there is country, continent"])
        loaded.refused(USAGE, "add", "-f", path, "--where", "country=UK",
                       words="countries.mmdb: no network has country=UK")
        again = write(tmp_path, mmdb.write(COUNTRY_RECORDS["MaxMind and DB-IP"]), "again.mmdb")
        loaded.refused(USAGE, "add", "-f", path, "-f", again, "--where", "country=UK",
                       words=f"{path}, {again}: no network has country=UK")
        loaded.refused(USAGE, "add", "--where", "country=KP", "192.0.2.1", words="no --file")
        loaded.refused(USAGE, "add", "-f", path, "--where", "country", words="KEY=VALUE")
    loaded.good("add", "-f", path, "--where", "country=KP,UK", warns="countries.mmdb: no network has country=UK")
    assert set(loaded.prefixes("f0")) == {"192.0.2.0/24", "2001:db8:7::/48"}


@needs_library
def test_a_list_is_no_database(loaded, tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("192.0.2.1\n")
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "add", "-f", path, "--where", "country=KP",
                       words=["list.txt:1:1:", "--where"])
        loaded.refused(USAGE, "add", "-f", path, "--format", "mmdb", "--where", "country=KP",
                       words=["list.txt: not a sound MaxMind DB file"])


@needs_library
def test_a_pipe_needs_the_name_of_the_format(tmp_path):
    content = mmdb.write(COUNTRY_RECORDS["IPinfo"])
    path = write(tmp_path, content)
    for args, rc in ((("--format", "mmdb"), DONE), ((), USAGE)):
        result = tool("test", "--rules", "-", *args, "--where", "country=KP", "192.0.2.1",
                      prefix=["sh", "-c", f'cat "{path}" | "$@"', "sh"])
        assert result.rc == rc, result


@needs_library
def test_damaged_databases_are_refused(tmp_path):
    """Whatever is broken, and wherever the file ends: an answer or a message, never a crash."""
    content = mmdb.write(COUNTRY_RECORDS["MaxMind and DB-IP"])
    mark = content.index(mmdb.MARK)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    broken = [content[:cut] + content[mark:] for cut in range(0, mark, mark // 20)]
    for _ in range(60):
        bytes_of = bytearray(content)
        for _ in range(rng.choice([1, 4, 40])):
            bytes_of[rng.randrange(len(bytes_of))] = rng.randrange(256)
        broken.append(bytes(bytes_of))
    for number, one in enumerate(broken):
        path = write(tmp_path, one, f"{number}.mmdb")
        result = tool("test", "--rules", path, "--format", "mmdb", "--where", "country=KP",
                      "192.0.2.1")
        assert result.rc in (DONE, FAILED, USAGE), (number, result)
        assert "signal" not in result.err, (number, result)
        assert len(result.err_lines) <= 1, (number, result)


@needs_library
def test_a_tree_with_a_loop_ends(tmp_path):
    content = bytearray(mmdb.write({"192.0.2.0/24": {"country": "KP"}}, record=24, aliases=()))
    content[0:6] = bytes(6)  # both sides of the root lead to the root
    path = write(tmp_path, bytes(content))
    tool.refused(USAGE, "test", "--rules", path, "--where", "country=KP", "192.0.2.1",
                 words=["test.mmdb: the database is damaged", re.compile("loop|deeper")])


@needs_library
@pytest.mark.parametrize("conditions", [["country=KP"], []])
def test_records_that_take_too_long_are_refused(tmp_path, conditions):
    """All of 16,384 records are the same one, in which keys are looked for one after the other."""
    networks = {"0.0.0.0/14": mmdb.Raw(mmdb.control(7, 60000) + mmdb.encode("") * 120000)}
    for number in range(1, 1 << 14):
        address = ipaddress.ip_address(number << 18)
        networks[f"{address}/14"] = mmdb.Raw(mmdb.FIRST + number.to_bytes(2, "big"))
    path = write(tmp_path, mmdb.write(networks, version=4))
    where = [arg for one in conditions for arg in ("--where", one)]
    tool.refused(USAGE, "test", "--rules", path, *where, "192.0.2.1",
                 words="test.mmdb: the database is damaged: its records take too long to read")


@needs_library
def test_a_database_of_another_user_is_read(loaded, tmp_path):
    """Root's command opens it, and hands a copy over to the program, which could not."""
    path = write(tmp_path, mmdb.write(COUNTRY_RECORDS["IPinfo"]))
    path.chmod(0o600)
    os.chown(path, 1000, 1000)
    loaded.good("add", "-f", path, "--where", "country=KP")
    assert set(loaded.prefixes("f0")) == {"192.0.2.0/24", "2001:db8:7::/48"}


@needs_library
def test_the_reader_of_databases_has_no_privileges(tmp_path, need):
    """It gives up all capabilities before it opens the file, and can open nothing after that."""
    need("strace")
    path = write(tmp_path, mmdb.write(COUNTRY_RECORDS["IPinfo"]))
    with in_memory(path) as file:
        done = subprocess.run(["strace", CONVERTER, "x.mmdb", "country=KP"], stdin=file,
                              capture_output=True, text=True, timeout=60, check=True)
    calls = done.stderr.splitlines()
    dropped = next(at for at, line in enumerate(calls) if line.startswith("capset("))
    closed = next(at for at, line in enumerate(calls) if "RLIMIT_NOFILE, {rlim_cur=0" in line)
    opened = next(at for at, line in enumerate(calls) if "/proc/self/fd/0" in line)
    assert dropped < opened < closed, calls
    assert not any(line.startswith("open") for line in calls[closed:]), calls


# --- CSV ------------------------------------------------------------------------------------------

LOCATIONS = ("geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,"
             "is_in_european_union\n1873107,en,AS,Asia,KP,\"Korea, North\",0\n"
             "2017370,en,EU,Europe,RU,Russia,0\n")
BLOCKS = ("network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,"
          "is_anonymous_proxy,is_satellite_provider,is_anycast\n"
          "192.0.2.0/24,1873107,,,0,0,\n198.51.100.0/24,2017370,,,0,0,\n")


def test_geolite2_as_csv(loaded, tmp_path):
    locations, blocks = tmp_path / "Locations-en.csv", tmp_path / "Blocks-IPv4.csv"
    locations.write_text(LOCATIONS)
    blocks.write_text(BLOCKS)
    result = loaded("add", "-v", "-f", locations, "-f", blocks, "--where", "country=KP")
    assert result.rc == DONE, result
    assert f"xdp-ipfilter: {blocks}: read as csv: 1 rule" in result.err_lines
    assert loaded.prefixes("f0") == {"192.0.2.0/24": "drop"}
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "add", "-f", blocks, "-f", locations, "--where", "country=KP",
                       words=["Blocks-IPv4.csv:1:1:", "locations", "first"])


def test_a_csv_from_a_pipe(loaded):
    loaded.good("add", "-f", "-", "--where", "country=KP",
                stdin="192.0.2.0,192.0.2.255,KP\n198.51.100.0,198.51.100.255,RU\n")
    assert loaded.prefixes("f0") == {"192.0.2.0/24": "drop"}


def test_a_csv_without_a_choice_is_refused(loaded):
    with loaded.unchanged("f0"):
        loaded.refused(USAGE, "add", "-f", "-", stdin="192.0.2.0,192.0.2.255,KP\n",
                       words=["-:1:1: a table of networks", "--where", "there is country"])
