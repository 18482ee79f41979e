# SPDX-License-Identifier: GPL-2.0
"""The dashboard, the alert rules and the manual speak of families and labels that there are."""
import json
import re
import shutil
import subprocess

import pytest

from product import DONE, REPOSITORY, environment
from test_metrics import LABEL, SAMPLE, source, sync_that_says

SHARE = REPOSITORY / "xdp-ipfilter" / "share"
DASHBOARD = SHARE / "grafana" / "xdp-ipfilter.json"
ALERTS = SHARE / "prometheus" / "alerts.yml"
MANUAL = REPOSITORY / "xdp-ipfilter" / "README.org"

#: Prometheus gives these to each series.
SERVERS_LABELS = {"instance", "job"}


@pytest.fixture
def families(lab):
    """{family: {label: values}} of a machine that has all of them."""
    lab.load("-i", "192.0.2.1")
    with sync_that_says(lab, sources=[source("a", "fresh", 1700000000, 1)]):
        text = lab.good("metrics").out
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, _ = SAMPLE.fullmatch(line).groups()
            for label, value in LABEL.findall(labels or ""):
                found.setdefault(name, {}).setdefault(label, set()).add(value)
    return found


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def dashboard_expressions():
    board = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    for one in board["templating"]["list"]:
        if one["type"] == "query":
            assert one["definition"] == one["query"]["query"]
            yield one["definition"]


def alert_expressions():
    """What follows `expr:`, on its line or on lines that are indented more."""
    text = ALERTS.read_text()
    found = re.findall(r"(?m)^ +expr: (?:\|-\n((?: {10,}.*\n)+)|(.+)\n)", text)
    assert len(found) == text.count("- alert:")
    return [block or line for block, line in found]


def faults(families, expression):
    """What the expression names that there is not."""
    used = re.findall(r"(xdp_ipfilter_\w+)(?:\{([^}]*)\})?", expression)
    assert used, expression
    known = SERVERS_LABELS.union(*(families.get(name, {}) for name, _ in used))
    for name, matchers in used:
        if name not in families:
            yield name
        for label, kind, values in re.findall(r'(\w+)(=~?)"([^"]*)"', matchers):
            if label not in {*families.get(name, {}), *SERVERS_LABELS}:
                yield f"{name} has no {label}"
            for value in values.split("|") if "$" not in values else ():
                if label in ("verdict", "state", "family") and value not in families[name][label]:
                    yield f"{name} has no {label} {value} ({kind})"
    for group in re.findall(r"(?:by|without|on) \(([^)]*)\)", expression):
        yield from (f"no {label} to group by" for label in re.findall(r"\w+", group)
                    if label not in known)


def test_the_dashboard_and_the_alerts_name_what_there_is(families):
    for expression in (*dashboard_expressions(), *alert_expressions()):
        assert not list(faults(families, expression)), expression
    # It would find something.
    for wrong in ("xdp_ipfilter_packets", 'xdp_ipfilter_rules{mode="a"}',
                  'xdp_ipfilter_packets_total{verdict="dropped"}',
                  "sum by (set) (xdp_ipfilter_filtering)"):
        assert list(faults(families, wrong)), wrong


def test_the_dashboard_shows_all_families(families):
    assert set(families) == set(re.findall(r"xdp_ipfilter_\w+", " ".join(dashboard_expressions())))


def test_the_manual_names_all_families_and_labels(families):
    text = re.sub(r"\s+", " ", MANUAL.read_text())
    section = text[text.index("** Families of metrics"):text.index("* EXIT STATUS")]
    said = {}
    for names, labels in re.findall(r"- ((?:=xdp_ipfilter_\w+=(?:, )?)+) \{([^}]*)\}", section):
        for name in re.findall(r"\w+", names):
            said[name] = set(re.findall(r"\w+", labels))
    assert said == {name: set(labels) for name, labels in families.items()}


def test_the_dashboard_is_whole():
    board = json.loads(DASHBOARD.read_text())
    assert board["uid"] == "xdp-ipfilter" and "id" not in board, "for provisioning"
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for panel in panels():
        assert panel["title"] and panel["description"], panel
        for one in (panel, *panel["targets"]):
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    taken = [(column, row) for panel in panels()
             for column in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
             for row in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])]
    assert len(taken) == len(set(taken)) and max(column for column, _ in taken) == 23


def test_expressions_of_the_dashboard_are_promql(need, tmp_path):
    need("promtool")
    rules = [{"record": f"a:{number}", "expr": expression.replace("$__rate_interval", "5m")}
             for number, expression in enumerate(dashboard_expressions())
             if not expression.startswith("label_values")]
    # JSON is YAML, too.
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


def promtool(*args, cwd=None):
    done = subprocess.run(["promtool", *args], capture_output=True, text=True, check=False,
                          cwd=cwd, env=environment())
    assert done.returncode == DONE, done.stdout + done.stderr


def test_alerts_begin_when_they_should(need, tmp_path):
    need("promtool")
    cases = REPOSITORY / "testing" / "e2e" / "alerts_test.yml"
    for file in (ALERTS, cases):
        shutil.copy(file, tmp_path)
    promtool("check", "rules", "alerts.yml", cwd=tmp_path)
    promtool("test", "rules", cases.name, cwd=tmp_path)
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert set(names) == set(re.findall(r"alertname: (\w+)", cases.read_text())), "each has a case"
