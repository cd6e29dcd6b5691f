#!/usr/bin/env python3
"""Plots what bqq_ivf --json wrote: queries a second against recall, indexes with refinement apart."""

import argparse
import json
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe and Ito's colours, which colour-blind readers can tell apart; one for each family, whose members
# differ in marker and line.
COLOURS = {
    "BQQ": "#D55E00",
    "PQ": "#0072B2",
    "PQ fast-scan": "#56B4E9",
    "RaBitQ": "#CC79A7",
    "RaBitQ fast-scan": "#009E73",
    "SQ": "#E69F00",
    "other": "#666666",
}
MARKERS = "os^DvP*X"
LINES = ["-", "--", ":", "-."]


def family(factory):
    code = re.sub(r"^.*?IVF[^,]*,", "", factory)
    for name in ("BQQ", "RaBitQ", "PQ", "SQ"):
        if code.startswith(name):
            return name + (" fast-scan" if re.match(r"[^,]*fs", code) else "")
    return "other"


def curves_of(rows):
    """{factory: its rows}, one family after another, smaller codes first."""
    curves = {}
    for row in rows:
        curves.setdefault(row["factory"], []).append(row)
    order = list(COLOURS)
    return dict(sorted(curves.items(), key=lambda item: (order.index(family(item[0])), item[1][0]["bytes"])))


def front(rows):
    """(recall, queries a second) that no other row beats in both."""
    points = []
    for row in sorted(rows, key=lambda row: (-row["recall"], -row["qps_1_thread"])):
        if not points or row["qps_1_thread"] > points[-1][1]:
            points.append((row["recall"], row["qps_1_thread"]))
    return points[::-1]


def plot(axes, rows, title):
    members = {}
    for factory, curve in curves_of(rows).items():
        name = family(factory)
        i = members[name] = members.get(name, -1) + 1
        axes.plot(*zip(*front(curve)), color=COLOURS[name], marker=MARKERS[i % len(MARKERS)], ms=5.5,
                  ls=LINES[i % len(LINES)], lw=2 if name == "BQQ" else 1.2, zorder=3 if name == "BQQ" else 2,
                  label=f"{factory}, {curve[0]['bytes']:.0f} B")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="major", color="#cccccc")
    axes.grid(True, which="minor", color="#eeeeee")
    axes.set_axisbelow(True)
    k = rows[0]["k"]
    axes.set(xlabel=f"{k}-recall@{k}", ylabel="queries per second, one thread", title=title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=9,
                title="index, bytes a vector")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", help="written by bqq_ivf --json")
    parser.add_argument("png", help="the picture to write")
    parser.add_argument("--title", required=True, help="data set and metric")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        rows = json.load(file)
    panels = {
        "without refinement": [row for row in rows if row["k_factor"] is None],
        "with refinement": [row for row in rows if row["k_factor"] is not None],
    }
    panels = {title: members for title, members in panels.items() if members}

    figure, grid = plt.subplots(1, len(panels), figsize=(8 * len(panels), 8), dpi=110, squeeze=False,
                                constrained_layout=True)
    figure.suptitle(arguments.title)
    for axes, (title, members) in zip(grid.flat, panels.items()):
        plot(axes, members, title)
    figure.savefig(arguments.png, bbox_inches="tight")


if __name__ == "__main__":
    main()
