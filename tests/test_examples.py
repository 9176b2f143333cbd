"""The examples run as they are, and reach the figures that they are there to show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ("benchmarks/blood_memory.py", "benchmarks/blood_normalization.py")


def run(script, folder):
    done = subprocess.run(
        [sys.executable, str(ROOT / script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1800,
        env={**os.environ, "MPLBACKEND": "Agg"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def numbers_after(label, output):
    """Numbers of the first line that begins with a label."""
    line = next(line for line in output.splitlines() if line.strip().startswith(label))
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line.removeprefix(label))]


@pytest.mark.slow
def test_the_quick_start_ends_with_a_table_and_a_figure(tmp_path):
    output = run("examples/plot_quick_start.py", tmp_path)
    skill = {model: numbers_after(model, output) for model in ("training mean", "promoter sum", "Lasso", "network")}
    assert (tmp_path / "figures" / "quick_start.png").stat().st_size > 20_000
    assert skill["training mean"][::2] == [0, 0]
    assert re.search(r"training mean +0\.000 +\d\.\d+ +- ", output)  # a constant has no correlation
    for split in (0, 3):  # skill, rmse and r under random pairs, then under held-out cell types
        order = [skill["promoter sum"][split], skill["Lasso"][split], skill["network"][split]]
        assert 0 < order[0] < order[1] < order[2]


@pytest.mark.slow
def test_the_sweep_finds_a_model_better_than_the_gene_mean(tmp_path):
    output = run("examples/plot_sweep.py", tmp_path)
    assert (tmp_path / "figures" / "sweep.png").stat().st_size > 20_000
    assert len(re.findall(r"^ *(?:LassoBaseline|ExpressionMLP) ", output, flags=re.MULTILINE)) == 23


@pytest.mark.slow
def test_blood_reaches_the_figures_of_the_contract(tmp_path, blood_path):
    output = run("examples/plot_blood.py", tmp_path)
    r2 = [float(value) for value in re.findall(r"^0\.\d+ +(-?0\.\d+)$", output, flags=re.MULTILINE)]
    assert len(r2) == 7
    assert max(r2) >= 0.11  # a pooled ridge reaches 0.126
    largest = re.search(r"the largest:\n.*\n +(-?\d\.\d) ", output)
    assert float(largest.group(1)) in (-1.0, 0.0)  # kb from the TSS
    assert numbers_after("scale_floor=1", output)[0] >= 0.22
    assert numbers_after("scale_floor=0", output)[0] < -0.05


@pytest.mark.slow
def test_on_blood_the_network_at_its_best_epoch_is_level_with_the_best_lasso(tmp_path, blood_path):
    output = run("examples/plot_blood_network.py", tmp_path)
    lasso_dev, network_dev, lasso_test, network_test = numbers_after("mean", output)
    # Mean R2 of three splits of 1,500 pairs each; their noise is about 0.01.
    assert abs(network_dev - lasso_dev) < 0.01
    assert abs(network_test - lasso_test) < 0.01
    assert min(network_dev, network_test) > 0.12


@pytest.mark.slow
def test_all_genes_of_the_blood_data_bin_and_scale_within_the_stated_memory(tmp_path, blood_path):
    output = run("benchmarks/blood_memory.py", tmp_path)
    assert numbers_after("peak memory", output)[0] < 1.5


def test_examples_on_blood_say_why_they_skip(tmp_path, monkeypatch):
    monkeypatch.setenv("SKEPI_HEME14", str(tmp_path / "nowhere"))
    for script in ("examples/plot_blood.py", "examples/plot_blood_network.py", *BENCHMARKS):
        assert "skipped: the blood tables are not at" in run(script, tmp_path)
