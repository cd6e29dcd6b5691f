#!/usr/bin/env python3
"""Plots what bqq_matrix_compression wrote: a panel for each matrix, and the effect of BQQ's rank."""

import argparse
import json
import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

# Okabe and Ito's colours, which colour-blind readers can tell apart; one for each family of methods,
# whose members differ in marker and line.
STYLES = {
    "uniform": ("#000000", "s", "-"),
    "binary coding": ("#000000", "^", ":"),
    "truncated SVD": ("#888888", "p", "-"),
    "LPLR, 8 bits": ("#CC79A7", "v", "-"),
    "LPLR, 4 bits": ("#CC79A7", "^", "--"),
    "LPLR, equal bits": ("#CC79A7", "x", ":"),
    "k-means of rows, 32 bits": ("#E69F00", "<", ":"),
    "k-means of rows, 8 bits": ("#E69F00", ">", "--"),
    "k-means of rows, 4 bits": ("#E69F00", "P", "-"),
    "E8 lattice": ("#009E73", "D", "-"),
    "E8 roots": ("#009E73", "+", ":"),
    "8-bit uniform + JPEG": ("#56B4E9", "*", "-"),
    "BQQ AMFD": ("#0072B2", "o", ":"),
    "BQQ AMFD, joint": ("#0072B2", "h", "-"),
    "BQQ flips": ("#D55E00", "o", ":"),
    "BQQ flips, joint": ("#D55E00", "h", "-"),
}
MATRIX_MARKERS = "osD^vP<>X*"
MATRIX_COLOURS = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#888888"]


def plot_matrix(axes, rows):
    for name, (colour, marker, line) in STYLES.items():
        points = sorted((row["bytes"] / 1000, row["mse"]) for row in rows if row["method"] == name)
        if points:
            bqq = name.startswith("BQQ")
            axes.plot(*zip(*points), color=colour, marker=marker, ls=line, label=name,
                      lw=1.8 if bqq else 1.1, ms=6, mfc="none" if line == ":" else None,
                      zorder=3 if bqq else 2)
    axes.set_yscale("log")
    axes.set_title(f"{rows[0]['matrix']}, {rows[0]['rows']} x {rows[0]['cols']}")
    axes.set(xlabel="kilobytes", ylabel="mean squared error")


def relative_errors(rows):
    """(rank scale, error divided by that of rank scale 1), at the largest number of bits that both have."""
    curves = {}
    for row in rows:
        if row["method"] == "BQQ flips" or row["method"].startswith("BQQ flips, rank"):
            curves.setdefault(row["rank_scale"], {})[row["bits"]] = row["mse"]
    reference = curves.get(1, {})
    for scale, curve in sorted(curves.items()):
        common = set(curve) & set(reference)
        if common:
            yield scale, curve[max(common)] / reference[max(common)], max(common)


def plot_ranks(axes, matrices):
    compared = {}
    for i, (name, rows) in enumerate(matrices.items()):
        points = list(relative_errors(rows))
        if len(points) < 2:
            continue
        axes.plot([scale for scale, _, _ in points], [error for _, error, _ in points], label=name,
                  color=MATRIX_COLOURS[i % len(MATRIX_COLOURS)], marker=MATRIX_MARKERS[i % len(MATRIX_MARKERS)],
                  lw=1.4)
        compared.update((scale, bits) for scale, _, bits in points)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(compared), [f"{scale:g}\n{bits:g} bits" for scale, bits in compared.items()])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axhline(1, color="#999999", lw=0.8)
    axes.set_title("Effect of the rank (BQQ flips)")
    axes.set(xlabel="rank scale, and the bits an entry at which it is compared",
             ylabel="error / error at rank scale 1")
    axes.legend(fontsize=9)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", help="written by bqq_matrix_compression --json")
    parser.add_argument("png", help="the picture to write")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        rows = json.load(file)
    matrices = {}
    for row in rows:
        matrices.setdefault(row["matrix"], []).append(row)
    with_ranks = any(len(list(relative_errors(members))) > 1 for members in matrices.values())

    panels = len(matrices) + with_ranks
    columns = min(3, math.ceil(math.sqrt(panels)))
    lines = math.ceil(panels / columns)
    figure, grid = plt.subplots(lines, columns, figsize=(6 * columns, 5 * lines), dpi=110,
                                squeeze=False, constrained_layout=True)
    for axes, members in zip(grid.flat, matrices.values()):
        plot_matrix(axes, members)
    if with_ranks:
        plot_ranks(grid.flat[len(matrices)], matrices)
    for axes in grid.flat[:panels]:
        axes.grid(True, which="major", color="#dddddd")
        axes.set_axisbelow(True)
    for axes in grid.flat[panels:]:
        axes.remove()
    handles = {}
    for axes in grid.flat[: len(matrices)]:
        handles.update(zip(*reversed(axes.get_legend_handles_labels())))
    figure.legend(handles.values(), handles.keys(), loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(arguments.png, bbox_inches="tight")


if __name__ == "__main__":
    main()
