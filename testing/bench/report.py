# SPDX-License-Identifier: GPL-2.0
"""What came out: collected as it comes, printed, and written as JSON."""

import json
import platform


class Report:
    def __init__(self, options):
        self.options = options
        self.data = {"schema": 1, "packets": [], "skipped": [], "failed": []}

    def skip(self, part, name, table, reason):
        self.data["skipped"].append({"part": part, "name": name, "where": list(table),
                                     "reason": reason})

    def fail(self, part, reason):
        self.data["failed"].append({"part": part, "reason": reason})

    def cell(self, cell):
        self.data["packets"].append(cell)
        title = (f"{cell['family']} {cell['kind']} {cell['rules']:,} rules, {cell['outcome']}, "
                 f"{cell['sources']} sources")
        print(title, flush=True)
        for name, result in cell["candidates"].items():
            ratio = result.get("of_floor")
            print(f"    {name:<16} {result['ns']['median']:8.1f} ns"
                  f" ({result['ns']['min']:.1f} to {result['ns']['max']:.1f})" +
                  (f" {ratio['median']:6.2f} x floor ({ratio['min']:.2f} to {ratio['max']:.2f})"
                   if ratio else ""), flush=True)

    def finish(self, seconds):
        self.data["seconds"] = round(seconds, 1)
        self.data["kernel"] = platform.release()
        (self.options.output / "results.json").write_text(json.dumps(self.data, indent=1) + "\n")
