"""The command as a user starts it: in a process of its own, from files to a report."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import user_files

pytestmark = pytest.mark.slow

NAMES = user_files.CELL_TYPES[:-1]
FILES = [
    *("--peak-calls", *(f"{name}_peaks.narrowPeak.gz" for name in NAMES)),
    *("--genes", "genes.gtf.gz", "--expression", "counts.txt", "--repeated", "drop", "--cell-types", "types.tsv"),
]
COMMANDS = {
    "check": FILES,
    "build": [*FILES, "--output", "blood"],
    "compare": ["blood", "--output", "scores.tsv", "--folder", "fits", "--n-jobs", "2"],
    "fit": ["blood", "--output", "blood.skepi"],
    "predict": ["--train", "blood", "--fitted", "blood.skepi", "--peak-calls", "NK_peaks.narrowPeak.gz"],
    "activity": ["blood"],
    "links": ["blood", "--top", "3"],
    "report": ["blood", "--folder", "fits", "--output", "report.html", "--n-jobs", "2"],
}


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "skepi", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    user_files.write_peak_calls_and_counts(folder)
    types = {"name": NAMES, "lineage": ["stem", "myeloid", "myeloid", "myeloid", *["lymphoid"] * 4]}
    pd.DataFrame(types).to_csv(folder / "types.tsv", sep="\t", index=False)
    return folder


def test_every_command_runs_and_standard_error_has_its_own_lines_alone(folder):
    for command, arguments in COMMANDS.items():
        done = run(folder, command, *arguments)
        assert done.returncode == 0, (command, done.stderr)
        strange = [line for line in done.stderr.splitlines() if not line.startswith(f"skepi {command}: ")]
        assert strange == [], command
        assert done.stdout or command in ("fit", "report"), command
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert 100_000 < Path(folder / "report.html").stat().st_size < 5e6
    assert list(folder.glob("**/.part*")) == []


def test_exit_codes(folder):
    assert run(folder, "--version").returncode == 0
    assert run(folder, "compare", "absent").returncode == 1
    assert run(folder, "compare", "--n-jobs", "x").returncode == 2
    assert run(folder).returncode == 2


def test_a_reader_that_has_seen_enough_is_no_error(folder):
    pipe = f"{sys.executable} -m skepi activity blood | head -1"
    done = subprocess.run(["bash", "-c", pipe], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.startswith("gene\t")
    assert done.stderr == ""
