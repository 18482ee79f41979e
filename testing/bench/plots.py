# SPDX-License-Identifier: GPL-2.0
"""What do the results look like as plots? gnuplot makes SVG files."""

import lab

HEAD = """set terminal svg size 900,520 font 'sans-serif,13' background '#ffffff'
set output '{path}'
set title '{title}'
set grid ytics lc rgb '#dddddd'
set key outside right top
"""

#: The same colour in every plot.
COLOURS = {"ours": "#0b6e4f", "ours-counted": "#2a9d8f", "ours-uncounted": "#74c69d",
           "floor": "#888888", "drop": "#bbbbbb", "xdp-filter": "#e76f51",
           "xdp-filter-ip": "#f4a261", "hash": "#457b9d", "lpm": "#1d3557", "ipset": "#9d4edd",
           "nft": "#c9184a", "nft-interval": "#ff758f"}


def block(name, rows):
    return f"${name} << END\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "END\n"


def variable(name):
    return name.replace("-", "_")


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
    if not any(len(rows) > 1 for rows in series.values()):
        return
    path = output / f"{family}-{kind}-{outcome}-{'ns' if value == 'ns' else 'ratio'}.svg"
    script = HEAD.format(path=path, title=f"{family} {kind} rules, random sources: {outcome}")
    script += (f"set logscale xy\nset xlabel 'rules'\nset ylabel '{what}'\n"
               "set format x '10^{%T}'\nset xrange [0.7:1.4e6]\n")
    script += "".join(block(variable(name), rows) for name, rows in series.items())
    script += "plot " + ", ".join(
        f"${variable(name)} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 "
        f"lc rgb '{COLOURS[name]}' title '{name}'" for name, rows in series.items()) + "\n"
    lab.sh("gnuplot", stdin=script)


def bars(output, name, title, what, rows, logarithmic=False):
    """rows: (label, colour, {"median", "min", "max"})"""
    if not rows:
        return
    script = HEAD.format(path=output / f"{name}.svg", title=title)
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
    lab.sh("gnuplot", stdin=script)


def draw(data, output):
    lab.need("gnuplot", "gnuplot-nox")
    tables = dict.fromkeys((cell["family"], cell["kind"]) for cell in data["packets"])
    for family, kind in tables:
        for outcome in ("hit", "near", "far"):
            curves(data, output, family, kind, outcome, "ns", "ns a frame")
            curves(data, output, family, kind, outcome, "of_floor", "times the floor")
    bars(output, "drops", "Dropped over veth, 10,000 rules, random sources",
         "million frames a second of CPU time",
         [(row["name"], COLOURS[row["name"]], row["mpps"]) for row in data["drops"]])
    for what in ("load", "add"):
        bars(output, f"control-{what}", f"{what}: CPU time of the whole process", "ms",
             [(f"{row['tool']} {row['rules'] // 1000}k", COLOURS[row["tool"]], row["cpu"])
              for row in data["control"] if row["what"] == what and "cpu" in row],
             logarithmic=True)
