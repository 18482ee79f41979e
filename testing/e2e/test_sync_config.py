# SPDX-License-Identifier: GPL-2.0
"""sync --check and the options of sync: what is refused, where, and which secrets are told of.

testing/unit/test_config.c has every key and what is wrong with each."""
import os
import pathlib
import shutil
import tempfile

import pytest

import product
from netlab import sh
from product import DONE, USAGE, REPOSITORY, Tool, assert_words

tool = Tool()
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all")
EXAMPLE = REPOSITORY / "xdp-ipfilter" / "share" / "sync.conf"
SECRET = "hunter2hunter2"


@pytest.fixture
def write(tmp_path):
    """write("name", "text"): the path of a file that only root can read."""
    tmp_path.chmod(0o755)

    def made(name, text, mode=0o600):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(mode)
        return path
    return made


def check(path, *args, **kwargs):
    return tool("sync", "--check", "-c", path, *args, **kwargs)


def refused(path, *words, **kwargs):
    return tool.refused(USAGE, "sync", "--check", "-c", path, words=words, **kwargs)


def test_the_example_is_accepted_but_for_the_files_that_are_not_here():
    refused(EXAMPLE, "source friends", "/etc/xdp-ipfilter/lists-ca.pem", "No such file")


def test_the_example_is_accepted_with_all_that_it_shows(write):
    ca, user, key = write("ca", "PEM"), write("user", "me:x"), write("key", "x")
    text = EXAMPLE.read_text()
    for shown, here in (("lists-ca.pem", ca), ("lists.user", user), ("etcd-ca.pem", ca),
                        ("etcd-client.pem", ca), ("etcd-client.key", key), ("crowdsec.key", key)):
        text = text.replace(f"/etc/xdp-ipfilter/{shown}", str(here))
    # The sections that are comments, too; a comment that is prose follows a blank.
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line
             for line in text.splitlines()]
    path = write("sync.conf", "\n".join(lines))
    assert path.read_text().count("source ") == 7
    result = check(path)
    assert result.rc == DONE and result.out == result.err == "", result


def test_it_needs_no_privilege():
    """From a folder that everybody can enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        conf = pathlib.Path(folder) / "sync.conf"
        conf.write_text('source a { from = "/a" }')
        for name in ("xdp-ipfilter", "xdp-ipfilter-sync"):
            shutil.copy(pathlib.Path(product.BINARY).parent / name, folder)
        sh(*NOBODY, f"{folder}/xdp-ipfilter", "sync", "--check", "-c", conf)


@pytest.mark.parametrize("text, words", [
    ("source a { from = /a }\n\nsource a { from = /b }", ["sync.conf:3: 'a': there is another"]),
    ("# one\n# two\nsource a { bogus = 1 }", ["sync.conf:3: 'bogus'", "no such key"]),
    ("source a {\n  from = /a\n  every = soon\n}", ["sync.conf:3: every = 'soon'", "15m"]),
    ("source a { from = http://h/ every = 5s }", ["sync.conf:1: every = '5s'", "once a minute"]),
    ('source a { from = "http://me:pw@h/" }', ["sync.conf:1", "user-file"]),
    ("interface a { policy = deny }", ["interface a", "deny without a source"]),
    ("", ["names no source and no interface"]),
    ("# nothing but a comment", ["names no source and no interface"]),
], ids=range(8))
def test_a_mistake_is_told_with_file_and_line(write, text, words):
    refused(write("sync.conf", text), *words)


def test_a_file_that_is_not_there_is_named(tmp_path):
    refused(tmp_path / "none.conf", str(tmp_path / "none.conf"), "No such file")


@pytest.mark.parametrize("args, words", [
    (["a"], ["'a'", "SET=SOURCE"]),
    (["a=drop.txt"], ["a: ", "'drop.txt'", "not a source"]),
    (["a=/x", "a=/y"], ["'a'", "another one"]),
    (["not a name=/x"], ["'not a name'", "name of a set"]),
    (["--every", "5s", "a=http://h/"], ["a: every = '5s'", "once a minute"]),
    (["--every", "5s", "a=route:66"], ["a: every", "kind route"]),
    (["-d", "f0"], ["--dev", "SET=SOURCE"]),
    (["--every", "1h"], ["--every", "SET=SOURCE"]),
    (["-d", "", "a=/x"], ["not the name of an interface"]),
], ids=range(9))
def test_bad_arguments_are_refused(args, words):
    tool.refused(USAGE, "sync", "--check", *args, words=words)


def secret(write, text, mode=0o600, key="key-file", more="", **kwargs):
    """What --check says of a source with this secret."""
    path = write("secret", text, mode)
    conf = write("sync.conf", f'source a {{ from = "crowdsec+http://h:1"\n{key} = "{path}" {more} }}')
    result = check(conf, **kwargs)
    assert SECRET not in result.out + result.err, "a secret is never printed"
    return result


def test_a_secret_that_all_can_read_is_warned_of(write):
    result = secret(write, SECRET, 0o644)
    assert result.rc == DONE and len(result.err_lines) == 1, result
    assert_words(result.err, ["warning", "secret: every user can read", "chmod o="], result)


@pytest.mark.parametrize("text, words", [
    (f"{SECRET}\n{SECRET}\n", ["one line"]),
    ("", ["empty"]),
    (f"{SECRET}\0x", ["not text"]),
    ("x" * (1 << 20), ["too large"]),
], ids=["two lines", "empty", "NUL", "large"])
def test_a_bad_secret_is_refused_without_printing_it(write, text, words):
    result = secret(write, text)
    assert result.rc == USAGE
    assert_words(result.err, ["source a", "/secret", *words], result)


def test_a_user_file_has_a_colon(write):
    path = write("secret", SECRET)
    result = check(write("sync.conf", f'source a {{ from = "http://h/" user-file = "{path}" }}'))
    assert result.rc == USAGE and SECRET not in result.err, result
    assert_words(result.err, ["/secret", "USER:PASSWORD"], result)


def test_a_fifo_is_no_secret(write, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    conf = write("sync.conf",
                 f'source a {{ from = "crowdsec+http://h:1" key-file = "{tmp_path}/fifo" }}')
    refused(conf, "fifo: not a file")


def test_credentials_of_systemd_are_found_by_their_name(write, tmp_path):
    write("token", SECRET)
    conf = write("sync.conf", 'source a { from = "crowdsec+http://h:1" key-file = token }')
    refused(conf, "token", "LoadCredential=")
    assert check(conf, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}).rc == DONE
    refused(conf, "/token", "No such file", env={"CREDENTIALS_DIRECTORY": str(tmp_path / "x")})


def test_without_arguments_the_usual_file_is_read(tmp_path):
    if pathlib.Path("/etc/xdp-ipfilter/sync.conf").exists():
        pytest.skip("this machine has /etc/xdp-ipfilter/sync.conf")
    tool.refused(USAGE, "sync", words=["/etc/xdp-ipfilter/sync.conf", "No such file",
                                      "--config", "SET=SOURCE"])
