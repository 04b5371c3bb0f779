"""Time and memory against the number of rows, as SVG and PNG. plot.py compare.json FOLDER"""

import json
import statistics
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

NAMES = {"ours": "import-cji", "import": ".import alone", "duckdb": "DuckDB, unique key", "duckdb-bare": "DuckDB, no index",
         "staging": "staging script", "loop": "loop (Python)", "sqlite-utils": "sqlite-utils"}


def short(number, _):
    return f"{number / 1e6:g} M" if number >= 1e6 else f"{number / 1e3:g} k"


def main():
    report, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    measured = sorted(report["measured"], key=lambda of: of["rows"])
    figure, plots = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    parts = [("seconds", "seconds"), ("peak_mib", "peak memory, MiB")]
    for plot, (part, label) in zip(plots, parts):
        for number, name in enumerate(report["peers"]):
            points = [(of["rows"], of["runs"][name]) for of in measured if name in of["runs"]]
            # What was measured on a sample says nothing of the memory of more.
            if part == "peak_mib":
                points = [(rows, runs) for rows, runs in points if "extrapolated_from" not in runs[0]]
            if not points:
                continue
            ours = name == "ours"
            plot.plot([rows for rows, _ in points], [statistics.median(r[part] for r in runs) for _, runs in points],
                      marker="o", markersize=4, linewidth=2.5 if ours else 1.2, color="black" if ours else f"C{number}",
                      label=NAMES.get(name, name), zorder=3 if ours else 2)
        plot.set(xscale="log", yscale="log", xlabel="rows", ylabel=label)
        plot.set_xticks([of["rows"] for of in measured])
        plot.minorticks_off()
        plot.xaxis.set_major_formatter(FuncFormatter(short))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        plot.grid(True, which="major", alpha=0.3)
    plots[1].axhline(96, color="black", linestyle=":", linewidth=1)
    plots[1].annotate("asked: 96", (measured[0]["rows"], 96), xytext=(0, 3), textcoords="offset points", fontsize=8)
    figure.legend(*plots[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(report["peers"]), fontsize=8)
    for end in ("svg", "png"):
        figure.savefig(folder / f"compare.{end}", dpi=150)


main()
