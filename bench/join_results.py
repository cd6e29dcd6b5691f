#!/usr/bin/env python3
"""Joins the rows that several runs of `bqq eval --json` wrote, in one JSON and one CSV."""

import argparse
import csv
import json


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="+", help="written by bqq eval --json")
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--csv", required=True, help="file to write")
    arguments = parser.parse_args()
    rows = []
    for part in arguments.part:
        with open(part, encoding="utf-8") as file:
            rows += json.load(file)
    with open(arguments.json, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=2)
        file.write("\n")
    with open(arguments.csv, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
