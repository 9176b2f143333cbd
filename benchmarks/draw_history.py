"""Draw ``history.csv``: one panel per figure, commits from left to right, one line per machine.

``draw_history.py`` writes ``figures/history.png`` of full sizes; ``draw_history.py small`` those of small ones.
"""

import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from record import HISTORY

FOLDER = Path("figures")


def draw(table):
    """One panel per figure; a commit measured twice on a machine is at its median."""
    commits = list(dict.fromkeys(table["commit"]))
    names = list(dict.fromkeys(table["figure"]))
    fig, axes = plt.subplots(
        len(names), 1, figsize=(8, 2.2 * len(names) + 0.8), sharex=True, squeeze=False, layout="constrained"
    )
    for ax, name in zip(axes.flat, names, strict=True):
        for machine, rows in table[table["figure"] == name].groupby("machine", sort=False):
            median = rows.groupby("commit", sort=False)["value"].median()
            ax.plot([commits.index(one) for one in median.index], median, marker="o", label=textwrap.fill(machine, 60))
        ax.set_ylim(0, 1.1 * table["value"][table["figure"] == name].max())
        ax.set_title(name, loc="left", size="medium")
    axes[-1, 0].set_xticks(range(len(commits)), commits, rotation=90)
    axes[-1, 0].set_xlabel("commit, in the order of the table")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", frameon=False)
    return fig


def main(size="full", path=HISTORY, folder=FOLDER):
    if not path.exists():
        raise SystemExit(f"{path} is not there: run record.py first")
    table = pd.read_csv(path)
    table = table[table["size"] == size]
    if table.empty:
        raise SystemExit(f"{path} has no rows of size {size!r}: run record.py first")
    folder.mkdir(exist_ok=True)
    draw(table).savefig(folder / "history.png", dpi=120)
    print(f"{len(table)} rows: {folder / 'history.png'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
