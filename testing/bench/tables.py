# SPDX-License-Identifier: GPL-2.0
"""How do the results read as text?"""

import itertools


def grid(header, rows):
    """Columns as wide as needed, the first aligned to the left, the others to the right."""
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for row in cells:
        yield "  " + "  ".join(text.ljust(width) if column == 0 else text.rjust(width)
                               for column, (text, width) in enumerate(zip(row, widths))).rstrip()


def span(values, digits):
    return (f"{values['median']:,.{digits}f} ({values['min']:,.{digits}f}.."
            f"{values['max']:,.{digits}f})")


def intro(data):
    box = data["machine"]
    yield f"{box['cpu']}, {box['cpus']} CPUs, kernel {box['kernel']}"
    yield "; ".join(f"{name}: {version}" for name, version in box["versions"].items() if version)
    yield (f"{data['rounds']} rounds, {data['frames']:,} frames a measurement; medians, and in "
           "brackets the least and the most; ratios are within a round")
    if data["quick"]:
        yield "A quick run: it checks verdicts, its figures mean little."


def packets(data):
    """A table for each family and kind: ns per frame, then the ratio to the floor."""
    def key(cell):
        return cell["family"], cell["kind"]

    for (family, kind), cells in itertools.groupby(sorted(data["packets"], key=key), key):
        cells = list(cells)
        names = list(dict.fromkeys(name for cell in cells for name in cell["candidates"]))
        yield ""
        yield (f"A frame, {family} {kind}: ns of CPU without the driver, and times the floor "
               f"(spread of ours)")
        rows = []
        for cell in cells:
            row = [f"{cell['rules']:,} {cell['outcome']}, {cell['sources']}"]
            for name in names:
                result = cell["candidates"].get(name)
                if not result:
                    row.append("-")
                    continue
                text = f"{result['ns']['median']:.1f}"
                if name == "ours" and "of_floor" in result:
                    text += f" {span(result['of_floor'], 2)}"
                elif "of_floor" in result:
                    text += f" {result['of_floor']['median']:.2f}"
                row.append(text)
            rows.append(row)
        yield from grid(["rules, sources", *names], rows)


def drops(data):
    if not data["drops"]:
        return
    yield ""
    yield (f"Dropped over veth, {data['drops'][0]['rules']:,} rules, sources that hit: millions a "
           "second of CPU time, sending included")
    yield from grid(["", "Mpps", "ours is so many times faster"],
                    [[f"{row['name']}, {row['sources']}", span(row["mpps"], 2),
                      span(row["ours_is_faster"], 2) if "ours_is_faster" in row else "-"]
                     for row in data["drops"]])


def control(data):
    if not data["control"]:
        return
    yield ""
    yield "Commands, the whole process: ms"
    rows = []
    for row in data["control"]:
        if "more_than_s" in row:
            times = [f"more than {row['more_than_s']} s"] * 2 + ["-"]
        else:
            times = [span(row["cpu"], 1), span(row["wall"], 1), f"{row['cpu']['mean']:,.1f}"]
        rows.append([f"{row['what']}, {row['rules']:,} rules: {row['tool']}", *times])
    yield from grid(["", "CPU", "wall", "CPU, mean"], rows)


def memory(data):
    if not data["memory"]:
        return

    def mebibytes(count):
        return "-" if count is None else f"{count / (1 << 20):.1f}"

    yield ""
    yield ("Kernel memory, MiB: as the kernel tells of the maps or the set, and by how much the "
           "system had less (others use it too)")
    yield from grid(["", "told", "system"],
                    [["{2:,} {0} {1}: {tool}".format(*row["table"], tool=row["tool"]),
                      mebibytes(row["bytes"]), mebibytes(row["system_bytes"])]
                     for row in data["memory"]])


def targets(data):
    if data["quick"]:
        return
    yield ""
    yield "Targets (the worst case of each)"
    rows = []
    for row in data["targets"]:
        wanted = f"{row['relation']} {row['limit']:,g} {row['unit']}".strip()
        if row["met"] is None:
            rows.append([row["target"], wanted, "-", "not measured", ""])
        else:
            rows.append([row["target"], wanted, f"{row['value']:,.2f}",
                         "met" if row["met"] else "NOT MET", row["where"]])
    yield from grid(["", "wanted", "measured", "", "where"], rows)


def skipped(data):
    if data["skipped"]:
        yield ""
        yield "Skipped"
    for row in data["skipped"]:
        yield f"  {row['name']}: {row['reason']}"


def render(data):
    lines = itertools.chain(intro(data), packets(data), drops(data), control(data), memory(data),
                            targets(data), skipped(data))
    lines = [*lines, "", f"{data['seconds']:.0f} s in all"]
    lines += [f"FAILED: {trial['name']}: {trial['failure']}" for trial in data["trials"]
              if trial["failure"]]
    return "\n".join(lines) + "\n"


def tap(data):
    """TAP for testing/tally.py: a test is a set of verdicts, never a time."""
    lines = []
    for number, trial in enumerate(data["trials"], 1):
        if trial["failure"]:
            lines += [f"# {trial['failure']}", f"not ok {number} - {trial['name']}"]
        else:
            lines.append(f"ok {number} - {trial['name']}")
    for number, row in enumerate(data["skipped"], len(data["trials"]) + 1):
        lines.append(f"ok {number} - {row['name']} # SKIP {row['reason']}")
    return "\n".join([*lines, f"1..{len(data['trials']) + len(data['skipped'])}"]) + "\n"
