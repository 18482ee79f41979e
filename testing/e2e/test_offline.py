# SPDX-License-Identifier: GPL-2.0
"""`test --rules`: would these visitors be dropped by that list? Without root, without a filter."""
import os
import time

import pytest

from product import DONE, FAILED, USAGE, Tool

RULES = "192.0.2.0/24\npass 192.0.2.9\nset feed\n2001:db8::/32\n"
VISITORS = "192.0.2.1\n192.0.2.9\n2001:db8::7\n198.51.100.1\n"
ANSWERS = ["192.0.2.1: drop by 192.0.2.0/24 (default)", "192.0.2.9: pass by 192.0.2.9 (default)",
           "2001:db8::7: drop by 2001:db8::/32 (feed)", "198.51.100.1: pass (policy)"]
COUNTS = "2 drop, 2 pass"

#: A user without any privilege, who may still read a path of /tmp.
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all",
          "--bounding-set=-all"]

tool = Tool()


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.txt"
    path.write_text(RULES)
    return path


def answers(*args, rc=FAILED, **kwargs):
    result = tool("test", *args, **kwargs)
    assert result.rc == rc and not result.err, result
    return result.out.splitlines()


def test_visitors_from_a_file(rules, tmp_path):
    visitors = tmp_path / "visitors.txt"
    visitors.write_text(VISITORS)
    assert answers("--rules", rules, "-f", visitors) == [*ANSWERS, COUNTS]


def test_visitors_from_standard_input_and_the_command_line(rules):
    assert answers("--rules", rules, "-f", "-", "192.0.2.7", stdin="192.0.2.1\n", rc=DONE) == [
        "192.0.2.1: drop by 192.0.2.0/24 (default)", "192.0.2.7: drop by 192.0.2.0/24 (default)",
        "2 drop, 0 pass"]


def test_rules_from_standard_input(rules):
    assert answers("--rules", "-", "192.0.2.1", stdin=RULES, rc=DONE)[-1] == "1 drop, 0 pass"
    tool.refused(USAGE, "test", "--rules", "-", "-f", "-", words="standard input")


def test_several_lists_decide_together(rules, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("198.51.100.0/24\n")
    assert answers("--rules", rules, "--rules", more, "198.51.100.1", "192.0.2.1", rc=DONE)[-1] == \
        "2 drop, 0 pass"


@pytest.mark.parametrize("only, lines", [("drop", (0, 2)), ("pass", (1, 3))])
def test_only_one_verdict(rules, only, lines):
    assert answers("--rules", rules, "--only", only, "-f", "-", stdin=VISITORS) == [
        *(ANSWERS[line] for line in lines), COUNTS]


def test_quiet_and_the_exit_status(rules):
    assert answers("--rules", rules, "-q", "192.0.2.1", rc=DONE) == []
    assert answers("--rules", rules, "-q", "192.0.2.1", "192.0.2.9") == []


def test_under_policy_deny_a_list_passes(rules):
    assert answers("--rules", rules, "-p", "deny", "192.0.2.1", "198.51.100.1") == [
        "192.0.2.1: pass by 192.0.2.0/24 (default)", "198.51.100.1: drop (policy)",
        "1 drop, 1 pass"]


def test_any_user_can_ask(rules, tmp_path):
    """Also where no file of ours can be read: the rules come by a pipe."""
    assert answers("--rules", "-", "192.0.2.1", stdin=RULES, prefix=NOBODY, rc=DONE) == [
        ANSWERS[0], "1 drop, 0 pass"]
    secret = tmp_path / "secret.txt"
    secret.touch(mode=0o600)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.name:
            folder.chmod(folder.stat().st_mode | 0o111)
    tool.refused(FAILED, "test", "--rules", secret, "192.0.2.1", prefix=NOBODY,
                 words=[str(secret), "Permission denied"])


def test_live_rules_still_need_privileges():
    tool.refused(FAILED, "test", "192.0.2.1", prefix=NOBODY, words="CAP_SYS_ADMIN")


@pytest.mark.parametrize("args, words", [
    (["--rules", "-"], "which address?"),
    (["--rules", "-", "-d", "lo", "192.0.2.1"], ["--dev", "--rules"]),
    (["-p", "deny", "192.0.2.1"], ["--policy", "--rules"]),
    (["--format", "rules", "192.0.2.1"], ["--format", "--rules"]),
    (["--rules", "-", "--only", "some", "192.0.2.1"], "some"),
])
def test_wrong_usage(args, words):
    tool.refused(USAGE, "test", *args, words=words)


def test_mistakes_are_named_with_their_line(rules, tmp_path):
    tool.refused(USAGE, "test", "--rules", rules, "-f", "-", stdin="192.0.2.1\n10.0.0.0/8\n",
                 words="-:2:1: '10.0.0.0/8': not an IPv4 or IPv6 address")
    tool.refused(USAGE, "test", "--rules", "-", "192.0.2.1", stdin="192.0.2.300\n",
                 words="-:1:1: '192.0.2.300'")
    tool.refused(FAILED, "test", "--rules", tmp_path / "absent", "192.0.2.1",
                 words=[f"{tmp_path}/absent", "No such file"])


def test_live_rules_are_asked_with_a_file_too(loaded):
    loaded.good("add", "192.0.2.0/24")
    result = loaded("test", "-f", "-", "--only", "drop", stdin=VISITORS)
    assert result.rc == FAILED and result.out.splitlines() == [
        ANSWERS[0], "192.0.2.9: drop by 192.0.2.0/24 (default)", COUNTS]


def test_a_filter_of_the_same_rules_answers_the_same(loaded, rules):
    loaded.good("replace", "-f", rules)
    live = loaded("test", "-f", "-", stdin=VISITORS)
    assert live.out.splitlines() == [*ANSWERS, COUNTS]


def test_a_million_visitors_against_a_million_rules(tmp_path, slow):
    """Compiled once and then looked up: seconds, where a look at each rule would take days."""
    count = 100_000 if slow else 1_000_000
    rules, visitors = tmp_path / "rules.txt", tmp_path / "visitors.txt"
    # Odd multiples spread the numbers over the space, each once.
    spread = [number * 2654435761 % 2**32 for number in range(2 * count)]
    rules.write_text("".join(f"{one >> 24}.{one >> 16 & 255}.{one >> 8 & 255}.{one & 255}\n"
                             for one in spread[:count]))
    visitors.write_text("".join(f"{one >> 24}.{one >> 16 & 255}.{one >> 8 & 255}.{one & 255}\n"
                                for one in spread[count // 2:count // 2 + count]))
    start = time.monotonic()
    said = answers("--rules", rules, "-f", visitors)
    assert time.monotonic() - start < 60
    assert said[-1] == f"{count - count // 2} drop, {count // 2} pass"
    assert len(said) == count + 1
