"""Figures of benchmarks over commits: appended by one script, drawn by another."""

import importlib
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
PRINTS = "print('lazy rows / bare loop: 1.080  (1.05 to 1.10)'); print('other: 3.2 s'); print('a / b: {value}')"


@pytest.fixture
def record(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("record")


@pytest.fixture
def history(record, monkeypatch, tmp_path):
    """Table of three runs of a tiny benchmark, at two commits."""
    path = tmp_path / "history.csv"
    for name, value in [("aaa", 2.5), ("bbb", 3.5), ("bbb", 4.5)]:
        (tmp_path / "tiny.py").write_text(PRINTS.format(value=value))
        monkeypatch.setattr(record, "commit", lambda name=name: name)
        record.main("small", path, {"small": [(["tiny.py"], record.RATIO)]}, tmp_path)
    return path


def test_each_run_appends_one_row_per_figure(record, history):
    table = pd.read_csv(history)
    assert list(table) == record.COLUMNS
    assert table["figure"].tolist() == ["lazy rows / bare loop", "a / b"] * 3
    assert table["value"].tolist() == [1.08, 2.5, 1.08, 3.5, 1.08, 4.5]
    assert table["commit"].tolist() == ["aaa"] * 2 + ["bbb"] * 4
    assert set(table["size"]) == {"small"}
    assert table["machine"].nunique() == 1
    assert re.search(r"\d+ cores, Python 3", table["machine"][0])
    assert pd.to_datetime(table["date"]).is_monotonic_increasing


def test_the_table_is_drawn_with_the_median_of_each_commit(history, tmp_path, monkeypatch, capsys, record):
    drawing = importlib.import_module("draw_history")
    drawing.main("small", history, tmp_path / "figures")
    assert (tmp_path / "figures" / "history.png").stat().st_size > 0
    assert capsys.readouterr().out.startswith("6 rows: ")
    first, second = drawing.draw(pd.read_csv(history)).axes
    assert [ax.get_title("left") for ax in (first, second)] == ["lazy rows / bare loop", "a / b"]
    assert second.lines[0].get_xydata().tolist() == [[0, 2.5], [1, 4.0]]
    assert [label.get_text() for label in second.get_xticklabels()] == ["aaa", "bbb"]
    plt.close("all")
    with pytest.raises(SystemExit, match=r"has no rows of size 'full': run record\.py first"):
        drawing.main("full", history, tmp_path)
    with pytest.raises(SystemExit, match=r"is not there: run record\.py first"):
        drawing.main("full", tmp_path / "none.csv", tmp_path)


def test_a_benchmark_without_its_figures_is_an_error(record, tmp_path):
    (tmp_path / "tiny.py").write_text("print('nothing')")
    with pytest.raises(ValueError, match="no line like"):
        record.measured(["tiny.py"], record.RATIO, tmp_path)
    (tmp_path / "tiny.py").write_text("raise OSError('no disk')")
    with pytest.raises(RuntimeError, match=r"tiny.py failed:\n(.|\n)*no disk"):
        record.measured(["tiny.py"], record.RATIO, tmp_path)


def test_patterns_fit_what_the_benchmarks_print(record):
    source = (BENCHMARKS / "lasso.py").read_text()
    assert "x skepi's path, " in source
    line = "scikit-learn: path 68.8 s, largest gap 9e-05; 13.7 x skepi's path, 11.3 x from tables"
    assert record.figures_in(line, record.TIMES) == [("scikit-learn", 13.7)]
    line = "lazy rows, float32 / bare loop, float32: 1.083  (1.071 to 1.120)"
    assert record.figures_in(line, record.RATIO) == [("lazy rows, float32 / bare loop, float32", 1.083)]


@pytest.mark.slow
def test_a_small_training_step_is_recorded(record, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "commit", lambda: "here")  # an sdist has no commits
    record.main("small", tmp_path / "history.csv")
    assert len(pd.read_csv(tmp_path / "history.csv")) == 4
