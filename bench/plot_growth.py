#!/usr/bin/env python3
"""Plots what `bqq eval --json` wrote for several numbers of vectors: what each index costs, against their number."""

import argparse
import json

from plot_recall_vs_memory import STYLES, family, plt
from matplotlib.ticker import FuncFormatter, NullLocator

PANELS = (
    ("train_seconds", lambda value: value, "seconds to train"),
    ("add_seconds", lambda value: value, "seconds to add"),
    ("qps_1_thread", lambda value: 1000 / value, "milliseconds a query, one thread"),
    ("recall_k_at_k", lambda value: value, "recall"),
)
LINES = ("-", "--", ":", "-.")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", help="written by bqq eval --json")
    parser.add_argument("png", help="the picture to write")
    parser.add_argument("--title", required=True, help="data set and metric")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        rows = json.load(file)
    curves = {}
    for row in sorted(rows, key=lambda row: row["vectors"]):
        curves.setdefault(row["index"], []).append(row)
    curves = {index: members for index, members in curves.items() if len(members) > 1}
    lines = {}
    for index in curves:
        of_family = [other for other in curves if family(other) == family(index)]
        lines[index] = LINES[of_family.index(index) % len(LINES)]
    figure, grid = plt.subplots(2, 2, figsize=(13, 9), dpi=110, constrained_layout=True)
    figure.suptitle(arguments.title)
    for axes, (key, transform, label) in zip(grid.flat, PANELS):
        for index, members in curves.items():
            colour, marker = STYLES[family(index)]
            axes.plot([row["vectors"] for row in members], [transform(row[key]) for row in members], color=colour,
                      marker=marker, ls=lines[index], lw=1.2,
                      label=f"{index}, {members[-1]['bytes_per_vector']:.1f} B")
        axes.set_xscale("log")
        if key != "recall_k_at_k":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xticks(sorted({row["vectors"] for row in rows}))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.grid(True, color="#dddddd")
        axes.set_axisbelow(True)
        axes.set(xlabel="vectors", ylabel=label)
    grid[0, 0].legend(loc="best", title="bytes a vector: of the most vectors")
    figure.savefig(arguments.png)


if __name__ == "__main__":
    main()
