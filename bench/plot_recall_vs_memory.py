#!/usr/bin/env python3
"""Plots what `bqq eval --json` wrote: recall against memory, and speed against recall.

Of rows for several numbers of vectors, those for the most are shown."""

import argparse
import json
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter, ScalarFormatter

# Okabe and Ito's colours, which colour-blind readers can tell apart; one for each family.
STYLES = {
    "BQQ": ("#D55E00", "o"),
    "BQQ, local bases": ("#000000", "o"),
    "PQ": ("#0072B2", "s"),
    "PQ fast-scan": ("#56B4E9", "D"),
    "OPQ": ("#009E73", "^"),
    "RaBitQ, EDEN": ("#CC79A7", "v"),
    "SQ": ("#E69F00", "P"),
    "ASH": ("#8C6D31", "*"),
    "transform code": ("#555555", "."),
    "Shannon's bound, Gaussian": ("#999999", ""),
    "other": ("#666666", "x"),
}


LINES = {"transform code": "--", "Shannon's bound, Gaussian": ":"}  # without names beside the points


def family(index):
    code = index.split(",")[-1]
    for start, name in (("ASH", "ASH"), ("TC", "transform code"), ("Shannon", "Shannon's bound, Gaussian")):
        if index.startswith(start):
            return name
    if "BQQ" in index:
        return "BQQ, local bases" if re.search(r"BQQ[^,]*g", index) else "BQQ"
    if "OPQ" in index:
        return "OPQ"
    if code.startswith(("RaBitQ", "EDEN")):
        return "RaBitQ, EDEN"
    if code.startswith("PQ"):
        return "PQ fast-scan" if "fs" in code else "PQ"
    return "SQ" if code.startswith("SQ") else "other"


def place_labels(axes, points):
    """Writes each name beside its point, in the first of several places that is still free."""
    figure = axes.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    pixels = axes.transData.transform([(x, y) for x, y, _ in points])
    taken = [matplotlib.transforms.Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in pixels]
    if axes.get_legend():
        taken.append(axes.get_legend().get_window_extent(renderer))
    places = []
    for distance in (7, 13, 20, 28, 38, 50):
        for dx, horizontal in ((1, "left"), (-1, "right"), (0, "center")):
            for dy in (0, 1, -1):
                if dx or dy:
                    places.append((dx * distance, dy * distance, horizontal))
    for x, y, name in points:
        best = None
        for dx, dy, horizontal in places:
            line = {"arrowstyle": "-", "color": "#999999", "lw": 0.6, "shrinkA": 0} if max(abs(dx), abs(dy)) > 13 else None
            label = axes.annotate(name, (x, y), (dx, dy), textcoords="offset points", ha=horizontal,
                                  va="center", fontsize=8, arrowprops=line,
                                  path_effects=[withStroke(linewidth=2.5, foreground="white")])
            label.set_in_layout(False)  # or the axes would move after this
            # The box of the text alone: the line may cross what it likes.
            label.update_positions(renderer)
            box = matplotlib.text.Text.get_window_extent(label, renderer).padded(1)
            inside = frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1)
            overlaps = box.count_overlaps(taken) + (0 if inside else 100)
            if best is None or overlaps < best[0]:
                if best:
                    best[1].remove()
                best = (overlaps, label, box)
            else:
                label.remove()
            if overlaps == 0:
                break
        taken.append(best[2])


def plot(axes, rows, x_key, y_key):
    for name, (colour, marker) in STYLES.items():
        members = sorted((row for row in rows if family(row["index"]) == name), key=lambda row: row[x_key])
        if members:
            axes.plot([row[x_key] for row in members], [row[y_key] for row in members], color=colour,
                      marker=marker, label=name, lw=1.2, ls=LINES.get(name, "-"))
    axes.grid(True, which="major", color="#dddddd")
    axes.set_axisbelow(True)
    axes.margins(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("json", help="written by bqq eval --json")
    parser.add_argument("png", help="the picture to write")
    parser.add_argument("--title", required=True, help="data set and metric")
    arguments = parser.parse_args()
    with open(arguments.json, encoding="utf-8") as file:
        rows = json.load(file)
    most = max(row["vectors"] for row in rows)
    rows = [row for row in rows if row["vectors"] == most]
    k = rows[0]["k"]
    recall = f"{k}-recall@{k}"

    figure, (memory, speed) = plt.subplots(1, 2, figsize=(15, 7), dpi=110, constrained_layout=True)
    figure.suptitle(arguments.title)

    memory.set_xscale("log", base=2)
    plot(memory, rows, "bytes_per_vector", "recall_k_at_k")
    memory.xaxis.set_major_formatter(ScalarFormatter())
    memory.xaxis.set_minor_formatter(NullFormatter())
    memory.set(xlabel="bytes per vector", ylabel=recall, title="Recall for each byte of memory")
    memory.legend(loc="lower right")

    timed = [row for row in rows if row["qps_1_thread"] > 0]  # peers are not
    speed.set_yscale("log")
    plot(speed, timed, "recall_k_at_k", "qps_1_thread")
    speed.set(xlabel=recall, ylabel="queries per second, one thread", title="Speed at that recall")

    for axes, shown, x_key, y_key in ((memory, rows, "bytes_per_vector", "recall_k_at_k"),
                                      (speed, timed, "recall_k_at_k", "qps_1_thread")):
        place_labels(axes, [(row[x_key], row[y_key], row["index"]) for row in shown
                            if family(row["index"]) not in LINES])
    figure.savefig(arguments.png)


if __name__ == "__main__":
    main()
