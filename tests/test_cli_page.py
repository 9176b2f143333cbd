"""The commands that the documentation shows run, on small files made for it."""

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
import user_files

from skepi.cli import main
from skepi.cli._parser import make_parser

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guide" / "command_line.rst").read_text()
README = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL))


def blocks(language):
    """Code of the page, without its indentation."""
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", PAGE)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


def commands(text):
    return [line for line in text.splitlines() if line.startswith("skepi ")]


def arguments_of(line):
    """Arguments of a command, with file names of a pattern; what is behind > is left out."""
    arguments = []
    for word in shlex.split(line.split(">")[0])[1:]:
        arguments += sorted(map(str, Path().glob(word))) if "*" in word else [word]
    return arguments


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the files that the page names, where NK has no expression."""
    monkeypatch.chdir(tmp_path)
    user_files.write_peak_calls_and_counts(tmp_path)
    counts = pd.read_csv("counts.txt", sep="\t", comment="#")
    counts = counts.drop_duplicates("Geneid")  # the page's table has no name twice
    counts.to_csv("counts.txt", sep="\t", index=False)
    shutil.move("peak_matrix.csv", "matrix.tsv")
    return tmp_path


@pytest.mark.slow
def test_the_five_commands_of_the_page_run_in_their_order(here, monkeypatch):
    lines = commands(blocks("sh")[0])
    assert [line.split()[1] for line in lines] == ["check", "build", "compare", "predict", "report"]
    Path("new").mkdir()
    shutil.move("NK_peaks.narrowPeak.gz", "new/NK_peaks.narrowPeak.gz")  # not among those of the first commands
    for line in lines:
        if " predict " in line:
            shutil.move("new/NK_peaks.narrowPeak.gz", "NK_peaks.narrowPeak.gz")
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*arguments_of(line), "--no-progress"]) == 0, line
    assert pd.read_csv("predicted.tsv", sep="\t", index_col=0).columns.tolist() == ["NK"]
    page = Path("report.html").read_text(encoding="utf-8")
    assert "cis and cell state" in page
    assert "not run" not in page
    assert Path("report.html").stat().st_size < 5e6


@pytest.mark.parametrize("line", commands("\n".join(blocks("sh"))) + commands(README))
def test_every_command_that_is_shown_is_understood(here, line):
    parser, _ = make_parser()
    options = parser.parse_args(arguments_of(line))
    assert options.command == line.split()[1]


def test_the_settings_of_the_page_are_understood(here, capsys):
    (settings,) = blocks("toml")
    Path("run.toml").write_text(settings)
    assert main(["build", "--config", "run.toml", "--no-progress"]) == 0
    capsys.readouterr()
    assert main(["compare", "--config", "run.toml", "--show-code"]) == 0
    code = capsys.readouterr().out
    for shown in ("n_jobs=4", '"lineages"', 'folder="fits"', "Ridge", 'open("blood")'):
        assert shown in code
