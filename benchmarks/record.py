"""Record ratios of benchmarks over commits: ``record.py`` appends one row per figure to ``history.csv``.

``record.py small`` tries it in less than a minute. A ratio compares two things that run beside each other on one
machine, so that it says more over commits than seconds do. Each row has the time (UTC), the commit (with ``+`` where
the tree differs from it), the machine, the size (``full`` or ``small``), the figure and its value.
``draw_history.py`` draws the table.
"""

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
HISTORY = HERE / "history.csv"
COLUMNS = ["date", "commit", "machine", "size", "figure", "value"]

# Lines of output, with the name of the figure and its value.
RATIO = r"^(?P<figure>.+ / .+): (?P<value>\d+\.\d+)"
TIMES = r"^(?P<figure>[\w-]+): .*; (?P<value>\d+\.\d+) x skepi's path"

#: Command and pattern of each benchmark by size.
BENCHMARKS = {
    "full": [(["training_step.py"], RATIO), (["lasso.py", "others", "0.1"], TIMES)],
    "small": [(["training_step.py", "small"], RATIO)],
}


def figures_in(output, pattern):
    """Figures and values in what a benchmark prints; none at all is an error."""
    found = [(match["figure"], float(match["value"])) for match in re.finditer(pattern, output, re.MULTILINE)]
    if not found:
        raise ValueError(f"no line like {pattern} in the output:\n{output}")
    return found


def measured(command, pattern, folder=HERE):
    """Run a benchmark and read its figures."""
    run = [sys.executable, str(folder / command[0]), *command[1:]]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return figures_in(done.stdout, pattern)


def commit():
    """Short name of the commit, with ``+`` where the tree differs from it."""
    git = ["git", "-C", str(HERE)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "-uno", "--", ":!history.csv"], capture_output=True, check=True
    )
    return head.stdout.strip() + "+" * bool(changed.stdout)


def machine():
    """Processor, number of cores and Python, without the name of the host."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"model name\s*: (.+)", info.read_text()) if info.exists() else []
    return f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def append(figures, size, path=HISTORY, **facts):
    """Append figures to the table, in one write."""
    about = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "size": size} | facts
    rows = pd.DataFrame([{**about, "figure": name, "value": value} for name, value in figures])
    rows[COLUMNS].to_csv(path, mode="a", header=not path.exists(), index=False)
    return rows[COLUMNS]


def main(size="full", path=HISTORY, benchmarks=BENCHMARKS, folder=HERE):
    figures = [figure for command, pattern in benchmarks[size] for figure in measured(command, pattern, folder)]
    rows = append(figures, size, path, commit=commit(), machine=machine())
    print(rows.to_string(index=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
