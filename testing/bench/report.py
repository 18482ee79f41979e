# SPDX-License-Identifier: GPL-2.0
"""What did a run find? Collects the results, and writes them as JSON, as tables and as plots."""

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import time

import lab
import plots
import tables
import targets

#: The command that prints the version of each program in the run.
VERSIONS = {"xdp-ipfilter": (lab.PRODUCT, "--version"),
            "source": ("git", "-C", lab.TOP, "describe", "--always", "--dirty"),
            "xdp-filter": ("xdp-filter", "load", "--version"), "nft": ("nft", "--version"),
            "ipset": ("ipset", "--version"), "iptables": ("iptables", "--version")}


def version(command):
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return None
    lines = done.stdout.splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else None


def machine():
    with open("/proc/cpuinfo") as cpuinfo:
        model = re.search(r"model name\s*: (.*)", cpuinfo.read())
    return {"cpu": model.group(1) if model else platform.machine(), "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "versions": {name: version(command) for name, command in VERSIONS.items()}}


class Report:
    """Each method takes the results of one measurement."""

    def __init__(self, options):
        self._output = options.output
        self._started = time.monotonic()
        self.data = {"schema": 1, "quick": options.quick, "rounds": options.rounds,
                     "frames": options.frames, "machine": machine(), "packets": [], "drops": [],
                     "control": [], "memory": [], "verified_insns": None, "skipped": [],
                     "trials": []}

    def progress(self, text):
        print(f"{time.monotonic() - self._started:6.0f} s  {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def trial(self, name):
        """Note whether the verdicts measured inside are right. If not, the run goes on, and fails
        at the end."""
        self.progress(name)
        failure = None
        try:
            yield
        except lab.Failure as caught:
            failure = str(caught)
            self.progress(f"FAILED: {failure}")
        self.data["trials"].append({"name": name, "failure": failure})

    def skip(self, part, name, reason):
        row = {"name": f"{part}, {name}", "reason": reason}
        if row not in self.data["skipped"]:
            self.data["skipped"].append(row)

    def cell(self, cell):
        self.data["packets"].append(cell)

    def drop(self, row):
        self.data["drops"].append(row)

    def command(self, row):
        self.data["control"].append(row)

    def memory(self, row):
        self.data["memory"].append(row)

    def verifier(self, insns):
        self.data["verified_insns"] = insns

    def failed(self):
        return any(trial["failure"] for trial in self.data["trials"])

    def finish(self):
        """Write everything to the output folder, and the tables to stdout too."""
        self.data["seconds"] = round(time.monotonic() - self._started, 1)
        self.data["targets"] = list(targets.judge(self.data))
        self._output.mkdir(parents=True, exist_ok=True)
        (self._output / "results.json").write_text(json.dumps(self.data, indent=1) + "\n")
        text = tables.render(self.data)
        (self._output / "results.txt").write_text(text)
        (self._output / "results.tap").write_text(tables.tap(self.data))
        print(text, end="")
        try:
            plots.draw(self.data, self._output)
        except lab.Missing as missing:
            self.progress(f"no plots: {missing}")
