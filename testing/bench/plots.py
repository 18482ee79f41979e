# SPDX-License-Identifier: GPL-2.0
"""What do the results look like as plots? gnuplot makes SVG files."""

import lab

HEAD = """set terminal svg size 900,520 font 'sans-serif,13' background '#ffffff'
set output '{path}'
set title '{title}'
set grid ytics lc rgb '#dddddd'
set key outside right top
"""

#: The same colour in every plot, legible on white and on nearly black.
COLOURS = {"ours": "#1a9850", "ours-delta": "#a6611a", "ours-counted": "#2a9d8f",
           "ours-uncounted": "#66a61e", "ours-before": "#333333", "ours-watched": "#c0a030",
           "ours-unwatched": "#8a7a20",
           "floor": "#888888", "drop": "#aaaaaa", "xdp-filter": "#e76f51",
           "xdp-filter-ip": "#d98a2b", "hash": "#4a90c4", "lpm": "#8073ac", "ipset": "#b05fe0",
           "nft": "#e0407b", "nft-interval": "#e08fa0"}

#: A viewer in the dark gets a dark sheet: these replace gnuplot's white, black and grey.
DARK = """<style>@media (prefers-color-scheme: dark) {
[fill="#ffffff"] { fill: #0d1117 } [fill="black"] { fill: #d8dee4 }
[color="black"] { color: #d8dee4 } [stroke="black"] { stroke: #d8dee4 }
[stroke^="rgb(221,"] { stroke: #3d444d; color: #3d444d }
text { fill: #d8dee4 } }</style>
"""

#: What docs/ keeps: testing/bench/keep-plots.sh copies them.
KEPT = (
    ("packet-ipv4", "ipv4", "random", "A packet, IPv4: random sources, each under a drop rule"),
    ("packet-ipv6", "ipv6", "mixed", "A packet, IPv6: random sources, each under a drop rule"),
)


def block(name, rows):
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def variable(name):
    return name.replace("-", "_")


def darken(path):
    text = path.read_text()
    at = text.index(">", text.index("<svg")) + 1
    path.write_text(text[:at] + "\n" + DARK + text[at:])


def plot(path, script):
    lab.sh("gnuplot", stdin=script)
    darken(path)


def lines(path, title, what, series):
    """A curve for each candidate: {name: [(rules, median, min, max)]}"""
    if not any(len(rows) > 1 for rows in series.values()):
        return
    script = HEAD.format(path=path, title=title)
    script += (f"set logscale xy\nset xlabel 'rules'\nset ylabel '{what}'\n"
               "set format x '10^{%T}'\nset xrange [0.7:1.4e7]\n")
    script += "".join(block(variable(name), rows) for name, rows in series.items())
    script += "plot " + ", ".join(
        f"${variable(name)} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 "
        f"lc rgb '{COLOURS[name]}' title '{name}'" for name in series) + "\n"
    plot(path, script)


def curves(data, output, family, kind, outcome, value, what):
    """A value over the number of rules with random sources, as a curve for each candidate."""
    series = {}
    for cell in data["packets"]:
        if (cell["family"], cell["kind"], cell["outcome"], cell["sources"]) != (
                family, kind, outcome, "random"):
            continue
        for name, result in cell["candidates"].items():
            if value in result:
                series.setdefault(name, []).append(
                    (cell["rules"], *(result[value][key] for key in ("median", "min", "max"))))
    lines(output / f"{family}-{kind}-{outcome}-{'ns' if value == 'ns' else 'ratio'}.svg",
          f"{family} {kind} rules, random sources: {outcome}", what, series)


#: The names of our variants are for us.
OF_USERS = ("ours", "xdp-filter", "hash", "lpm", "floor")


def packet_costs(data, family, kind):
    series = {}
    for cell in data["packets"]:
        if (cell["family"], cell["kind"], cell["outcome"], cell["sources"]) != (
                family, kind, "hit", "random"):
            continue
        for name in OF_USERS:
            if name in cell["candidates"]:
                values = cell["candidates"][name]["ns"]
                series.setdefault(name, []).append(
                    (cell["rules"], *(values[key] for key in ("median", "min", "max"))))
    return series


def change_costs(data):
    series = {}
    for row in data["control"]:
        if row["what"] == "add" and "cpu" in row:
            series.setdefault(row["tool"], []).append(
                (row["rules"], *(row["cpu"][key] for key in ("median", "min", "max"))))
    return series


def draw_kept(data, output):
    for name, family, kind, title in KEPT:
        lines(output / f"{name}.svg", title, "ns", packet_costs(data, family, kind))
    lines(output / "change.svg", "One add: CPU time of the whole process", "ms",
          change_costs(data))


def bars(output, name, title, what, rows, logarithmic=False):
    """rows: (label, colour, {"median", "min", "max"})"""
    if not rows:
        return
    path = output / f"{name}.svg"
    script = HEAD.format(path=path, title=title)
    script += (f"set ylabel '{what}'\nset key off\nset boxwidth 0.7\nset style fill solid\n"
               f"set xtics rotate by -30\nset xrange [-0.7:{len(rows) - 0.3}]\n")
    script += "set logscale y\nset yrange [0.5:*]\n" if logarithmic else "set yrange [0:*]\n"
    script += "set xtics (" + ", ".join(
        f"'{label}' {at}" for at, (label, _, _) in enumerate(rows)) + ")\n"
    script += block("bars", [(at, int(colour[1:], 16), values["median"], values["min"],
                              values["max"])
                             for at, (_, colour, values) in enumerate(rows)])
    script += ("plot $bars using 1:3:2 with boxes lc rgb variable, "
               "$bars using 1:3:4:5 with yerrorbars lc rgb '#333333' ps 0\n")
    plot(path, script)


def draw(data, output):
    lab.need("gnuplot", "gnuplot-nox")
    tables = dict.fromkeys((cell["family"], cell["kind"]) for cell in data["packets"])
    for family, kind in tables:
        for outcome in ("hit", "near", "far"):
            curves(data, output, family, kind, outcome, "ns", "ns a frame")
            curves(data, output, family, kind, outcome, "of_floor", "times the floor")
    draw_kept(data, output)
    bars(output, "drops", "Dropped over veth, 10,000 rules, random sources",
         "million frames a second of CPU time",
         [(row["name"], COLOURS[row["name"]], row["mpps"]) for row in data["drops"]
          if row["sources"] == "random"])
    for what in ("load", "add"):
        bars(output, f"control-{what}", f"{what}: CPU time of the whole process", "ms",
             [(f"{row['tool']} {row['rules'] // 1000}k", COLOURS[row["tool"]], row["cpu"])
              for row in data["control"] if row["what"] == what and "cpu" in row],
             logarithmic=True)
