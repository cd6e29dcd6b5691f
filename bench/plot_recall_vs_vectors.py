#!/usr/bin/env python3
"""Plots what `bqq eval --json` wrote for several numbers of vectors: the best recall in so many bytes a vector."""

import argparse
import json

from plot_recall_vs_memory import STYLES, family, place_labels, plt
from matplotlib.ticker import FuncFormatter, NullLocator


def best_in(rows, budget):
    """{family: its best row for each number of vectors, fewest first} among those of at most `budget` bytes a vector."""
    best = {}
    for row in rows:
        if row["bytes_per_vector"] <= budget:
            key = (family(row["index"]), row["vectors"])
            best[key] = max(best.get(key, row), row, key=lambda row: row["recall_k_at_k"])
    return {name: [best[key] for key in sorted(best) if key[0] == name] for name in STYLES}


def plot(axes, rows, budget):
    points = []
    for name, members in best_in(rows, budget).items():
        if len(members) > 1:
            colour, marker = STYLES[name]
            axes.plot([row["vectors"] for row in members], [row["recall_k_at_k"] for row in members],
                      color=colour, marker=marker, label=name, lw=1.2)
            points += [(row["vectors"], row["recall_k_at_k"], f"{row['index']}, {row['bytes_per_vector']:.1f} B")
                       for row in members]
    counts = sorted({x for x, _, _ in points})
    axes.set_xscale("log")
    axes.set_xticks(counts)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(True, color="#dddddd")
    axes.set_axisbelow(True)
    axes.margins(0.25, 0.1)
    k = rows[0]["k"]
    axes.set(xlabel="vectors", ylabel=f"{k}-recall@{k}", title=f"At most {budget:g} bytes per vector")
    axes.legend(loc="best")
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", help="written by bqq eval --json")
    parser.add_argument("png", help="the picture to write")
    parser.add_argument("--title", required=True, help="data set and metric")
    parser.add_argument("--bytes", type=float, action="append", required=True,
                        help="most bytes per vector; may be repeated, a panel for each")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        rows = json.load(file)
    figure, grid = plt.subplots(1, len(arguments.bytes), figsize=(7.5 * len(arguments.bytes), 7), dpi=110,
                                sharey=True, squeeze=False, constrained_layout=True)
    figure.suptitle(arguments.title)
    points = [plot(axes, rows, budget) for axes, budget in zip(grid.flat, arguments.bytes)]
    for axes, of_panel in zip(grid.flat, points):
        place_labels(axes, of_panel)
    figure.savefig(arguments.png)


if __name__ == "__main__":
    main()
