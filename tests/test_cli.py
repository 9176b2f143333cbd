"""The command line: every command through ``main``, and what it shows gives the same numbers."""

import contextlib
import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import user_files
from promises import assert_exact

from skepi.cli import main
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.persistence import load_model

pytestmark = [
    pytest.mark.filterwarnings("ignore::skepi.exceptions.LeftOutWarning"),
    pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning"),  # NK, where the code is run
]

FILES = [f"{name}_peaks.narrowPeak.gz" for name in user_files.CELL_TYPES[:-1]]
BUILD = [
    *("build", "--peak-calls", *FILES, "--genes", "genes.gtf.gz", "--expression", "counts.txt"),
    *("--repeated", "drop", "--n-jobs", "1"),
]
FAST = ["--n-jobs", "1", "--n-bootstrap", "10", "--models", "training-mean", "ridge", "--splits", "cell-types"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of a user's files, and the data set ``blood`` made of them."""
    folder = tmp_path_factory.mktemp("files")
    user_files.write_peak_calls_and_counts(folder)
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        assert main([*BUILD, "--output", "blood"]) == 0
    return folder


@pytest.fixture
def here(made, monkeypatch):
    """Work in that folder, and leave it as it was."""
    before = set(made.iterdir())
    monkeypatch.chdir(made)
    yield made
    for path in set(made.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def code_of(arguments, capsys):
    """The Python that does the same."""
    assert main([*arguments, "--show-code"]) == 0
    return capsys.readouterr().out


def run_code(code):
    exec(compile(code, "shown", "exec"), {})


# --- what is shown gives what is run


def test_check_and_its_code_say_the_same(here, capsys):
    arguments = ["check", *BUILD[1:], "--output", "checks.tsv"]
    assert main(arguments) == 0
    printed, table = capsys.readouterr().out, Path("checks.tsv").read_text()
    assert "  cell types               8 in both\n" in printed
    assert "90 of 90 genes with a start site have expression; 1 row of expression without a gene" in printed
    assert "! " not in printed
    assert len(table.splitlines()) == 1 + len(printed.splitlines())
    Path("checks.tsv").unlink()
    run_code(code_of(arguments, capsys))
    assert (capsys.readouterr().out, Path("checks.tsv").read_text()) == (printed, table)


def test_check_says_what_does_not_match_before_it_fails(here, capsys):
    with_nk = ["check", "--peak-calls", "NK_peaks.narrowPeak.gz", *BUILD[2:], "--output", "checks.tsv"]
    assert main(with_nk) == 1
    captured = capsys.readouterr()
    assert "! cell types               8 in both; only in openness: 'NK'\n" in captured.out
    assert "skepi check: error: expression: columns do not match the cell types" in captured.err
    assert not Path("checks.tsv").exists()


def test_build_and_its_code_make_one_data_set(here, capsys):
    code = code_of([*BUILD, "--output", "again"], capsys)
    assert "read_narrowpeaks" in code
    assert not Path("again").exists()
    run_code(code)
    ran, shown = PairedDataset.open("blood"), PairedDataset.open("again")
    assert ran.tables.identity == shown.tables.identity
    np.testing.assert_array_equal(ran.expression, shown.expression)
    assert ran.cell_types["name"].tolist() == user_files.CELL_TYPES[:-1]
    assert len(ran.genes) == 90


def test_compare_and_its_code_give_one_table(here, capsys):
    arguments = ["compare", "blood", *FAST, "--output", "scores.tsv", "--by-cell-type", "by.csv"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "ridge" in printed
    tables = {path: pd.read_csv(path, sep=None, engine="python") for path in ("scores.tsv", "by.csv")}
    Path("scores.tsv").unlink(), Path("by.csv").unlink()
    run_code(code_of(arguments, capsys))
    seconds = ["fit_s", "predict_s"]
    again = pd.read_csv("scores.tsv", sep="\t").drop(columns=seconds)
    assert_exact(again, tables["scores.tsv"].drop(columns=seconds))
    assert_exact(pd.read_csv("by.csv"), tables["by.csv"])
    assert set(again["model"]) == {"training mean", "ridge"}


def test_fit_and_predict_and_their_code_give_one_table(here, capsys):
    assert main(["fit", "blood", "--output", "model.skepi"]) == 0
    model = load_model("model.skepi")
    run_code(code_of(["fit", "blood", "--output", "again.skepi"], capsys))
    data = PairedDataset.open("blood")
    X = data.pairs(genes=data.genes["name"][:3])
    np.testing.assert_array_equal(model.predict(X), load_model("again.skepi").predict(X))
    asked = ["predict", "--train", "blood", "--peak-calls", FILES[0], "NK_peaks.narrowPeak.gz", "--n-jobs", "1"]
    assert main([*asked, "--output", "new.tsv", "--std", "std.tsv"]) == 0
    assert main([*asked, "--fitted", "model.skepi", "--output", "fitted.csv"]) == 0
    new, fitted = pd.read_csv("new.tsv", sep="\t", index_col=0), pd.read_csv("fitted.csv", index_col=0)
    assert_exact(new, fitted)
    assert new.columns.tolist() == ["HSC", "NK"]
    assert (pd.read_csv("std.tsv", sep="\t", index_col=0) > 0).all(axis=None)
    capsys.readouterr()
    assert main(asked) == 0
    printed = capsys.readouterr().out
    assert printed == Path("new.tsv").read_text()
    run_code(code_of(asked, capsys))
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("command", ["activity", "links"])
def test_tables_without_a_model_and_their_code(here, capsys, command):
    assert main([command, "blood", "--output", "table.csv"]) == 0
    table = Path("table.csv").read_text()
    Path("table.csv").unlink()
    run_code(code_of([command, "blood", "--output", "table.csv"], capsys))
    assert Path("table.csv").read_text() == table


def test_links_are_tested_and_cut_and_go_to_bedpe(here, capsys):
    arguments = ["links", "blood", "--top", "2", "--only-genes", "gene00001", "gene00002", "--test"]
    assert main([*arguments, "--output", "links.tsv"]) == 0
    links = pd.read_csv("links.tsv", sep="\t")
    assert links["gene"].value_counts().to_dict() == {"gene00001": 2, "gene00002": 2}
    assert links["score"].is_monotonic_decreasing
    assert "fdr" in links
    assert main(["links", "blood", "--top", "1", "--output", "links.bedpe"]) == 0
    assert len(Path("links.bedpe").read_text().splitlines()) == 90


# --- other files


def test_a_peak_matrix_makes_a_data_set(here):
    arguments = ["build", "--openness", "peak_matrix.csv", "--genes", "genes.gtf.gz", "--expression", "counts.txt"]
    assert main([*arguments, "--repeated", "drop", "--output", "matrix"]) == 0
    data = PairedDataset.open("matrix")
    truth = pd.read_csv("peak_matrix.csv", index_col=0)
    np.testing.assert_array_equal(data.openness, truth.to_numpy(np.float32))
    assert data.cell_types["name"].tolist() == truth.columns.tolist()


def test_lineages_and_peaks_of_a_bed_file(here):
    names = user_files.CELL_TYPES[:-1]
    pd.DataFrame({"name": names, "lineage": ["stem"] * 3 + ["other"] * 5}).to_csv("types.tsv", sep="\t", index=False)
    Path("peaks.bed").write_text("chr1\t0\t1000000\nchr2\t0\t9000000\nchr3\t5\t9000000\n")
    arguments = [*BUILD, "--cell-types", "types.tsv", "--peaks", "peaks.bed", "--output", "lineages"]
    assert main(arguments) == 0
    data = PairedDataset.open("lineages")
    assert data.cell_types["lineage"].tolist() == ["stem"] * 3 + ["other"] * 5
    assert len(data.peaks) == 3
    assert main(["compare", "lineages", "--n-jobs", "1", "--models", "training-mean", "--output", "s.csv"]) == 0
    assert pd.read_csv("s.csv")["split"].tolist() == ["cell types", "lineages"]


def test_cell_types_in_common_are_kept_where_asked(here, capsys):
    with_nk = [*BUILD[:2], "NK_peaks.narrowPeak.gz", *BUILD[2:]]
    assert main([*with_nk, "--output", "more"]) == 1
    assert "NK" in capsys.readouterr().err
    assert main([*with_nk, "--output", "more", "--common-cell-types"]) == 0
    assert PairedDataset.open("more").cell_types["name"].tolist() == user_files.CELL_TYPES[:-1]


def write_cells(folder, labels):
    """A folder as of Cell Ranger ARC: peaks and genes of the user's data set in 30 cells."""
    data = user_files.simulate()
    rng = np.random.default_rng(0)
    column = [user_files.CELL_TYPES.index(label) for label in labels]
    peaks = rng.poisson(data.openness[:, column] / 10)
    genes = rng.poisson(np.expm1(data.expression[:, column]))
    names = data.peaks["chrom"] + ":" + data.peaks["start"].astype(str) + "-" + data.peaks["end"].astype(str)
    values = np.vstack([peaks, genes])
    folder.mkdir()
    rows, cells = np.nonzero(values)
    entries = [f"{row + 1} {cell + 1} {values[row, cell]}" for row, cell in zip(rows, cells, strict=True)]
    header = "%%MatrixMarket matrix coordinate integer general"
    size = f"{values.shape[0]} {len(labels)} {len(entries)}"
    (folder / "matrix.mtx").write_text("\n".join([header, size, *entries]) + "\n")
    (folder / "barcodes.tsv").write_text("".join(f"AA{cell}-1\n" for cell in range(len(labels))))
    features = [f"{peak}\t{peak}\tPeaks\n" for peak in names]
    features += [f"ENSG{row:011d}\t{gene}\tGene Expression\n" for row, gene in enumerate(data.genes["name"])]
    (folder / "features.tsv").write_text("".join(features))
    Path("labels.tsv").write_text(
        "barcode\tkind\n" + "".join(f"AA{cell}-1\t{label}\n" for cell, label in enumerate(labels))
    )
    return pd.DataFrame(peaks, names).T.groupby(labels, sort=False).sum().T


def test_cells_of_a_folder_are_summed(here, capsys):
    sums = write_cells(here / "cells", ["HSC", "B", "CD4", "NK"] * 6)
    asked = ["build", "--openness", "cells", "--expression", "cells", "--genes", "genes.gtf.gz", "--output", "bulk"]
    assert main(asked) == 1
    assert "--cell-labels is missing" in capsys.readouterr().err
    labels = ["--cell-labels", "labels.tsv", "--label-column", "kind"]
    code = code_of([*asked[:-1], "shown", *labels], capsys)
    assert main([*asked, *labels]) == 0
    data = PairedDataset.open("bulk")
    np.testing.assert_array_equal(data.openness, sums.to_numpy())
    assert data.cell_types["name"].tolist() == ["HSC", "B", "CD4", "NK"]
    assert data.cell_types["n_cells"].tolist() == [6] * 4
    run_code(code)
    np.testing.assert_array_equal(PairedDataset.open("shown").expression, data.expression)


def test_anndata_and_mudata_make_the_same_data_set(here):
    anndata = pytest.importorskip("anndata", reason="h5ad needs anndata")
    mudata = pytest.importorskip("mudata", reason="h5mu needs mudata")
    user_files.write_anndata(here)
    genes = ["--genes", "genes.gtf.gz"]
    assert main(["build", "--openness", "atac.h5ad", "--expression", "rna.h5ad", *genes, "--output", "one"]) == 0
    one = PairedDataset.open("one")
    assert one.cell_types["lineage"].notna().all()
    both = mudata.MuData({"atac": anndata.read_h5ad("atac.h5ad"), "rna": anndata.read_h5ad("rna.h5ad")})
    both.write("both.h5mu")
    assert main(["build", "--openness", "both.h5mu", *genes, "--output", "two"]) == 0
    two = PairedDataset.open("two")
    assert one.tables.identity == two.tables.identity
    np.testing.assert_array_equal(one.expression, two.expression)
    cells = ["build", "--openness", "cells.h5ad", "--label-column", "cell_type", *genes, "--output", "three"]
    assert main(cells) == 0
    assert PairedDataset.open("three").cell_types["name"].tolist() == ["HSC", "B", "NK"]
    assert main(["predict", "--train", "one", "--openness", "atac.h5ad", "--output", "new.h5ad"]) == 0
    new = anndata.read_h5ad("new.h5ad")
    assert new.shape == (8, 90)
    assert "tss" in new.var


# --- settings in a file


def test_a_file_of_settings_gives_defaults_and_the_command_line_wins(here, capsys):
    Path("run.toml").write_text(
        'data = "blood"\nn_jobs = 1\nrandom_state = 3\n\n[compare]\nmodels = ["ridge", "promoter-sum"]\n'
        'controls = ["genes"]\nn_bootstrap = 7\n\n[fit]\nmodel = "ridge"\noutput = "from_toml.skepi"\n'
    )
    code = code_of(["compare", "--config", "run.toml"], capsys)
    for shown in ('open("blood")', "n_bootstrap=7", "random_state=3", 'controls=("genes",)', '"promoter sum"'):
        assert shown in code
    code = code_of(["compare", "--config", "run.toml", "--models", "training-mean", "--n-bootstrap", "9"], capsys)
    assert "n_bootstrap=9" in code
    assert '"promoter sum"' not in code
    assert "Ridge" in code_of(["fit", "--config", "run.toml"], capsys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_job = 1", "no command has a setting 'n_job'; did you mean n_jobs?"),
        ("[compares]\nn_jobs = 1", "no command is called 'compares'; did you mean compare?"),
        ("[compare]\nmodel = 'ridge'", "[compare] has no setting 'model'; did you mean models?"),
        ("[compare]\nmodels = ['ridges']", "cis-and-cell-state, got 'ridges'; did you mean ridge?"),
        ("n_jobs = true", "n_jobs: wanted text, a number or a list of them, got True"),
        ("overwrite = 1", "overwrite: wanted true or false, got 1"),
        ("n_jobs = ", "run.toml is no TOML file"),
        ("n_jobs = [1, 2]", "n_jobs: wanted one value, got a list of 2"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(here, capsys, text, message):
    Path("run.toml").write_text(text)
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "blood", "--config", "run.toml"])
    error = capsys.readouterr().err
    assert message in error


def test_a_file_of_settings_that_is_absent_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "blood", "--config", "absent.toml"])
    assert "No such file or directory: 'absent.toml'" in capsys.readouterr().err


def test_flags_in_a_file_of_settings(here, capsys):
    Path("run.toml").write_text('progress = true\nshow_code = true\n[build]\noutput = "x"\n')
    assert main([*BUILD, "--config", "run.toml"]) == 0
    assert "PairedDataset" in capsys.readouterr().out


# --- mistakes of beginners: one line each


def one_line(arguments, capsys):
    """The only line of standard error where a command fails."""
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if "warning:" not in line and "note:" not in line]
    assert len(lines) == 1, lines
    return lines[0]


GENES = ["--genes", "genes.gtf.gz"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "--output", "x"], "wanted either --peak-calls or --openness"),
        (["build", "--openness", "peak_matrix.csv", "--output", "x"], "--genes is missing"),
        (["build", "--openness", "peak_matrix.csv", *GENES], "--output is missing: the folder to write"),
        (["build", "--openness", "absent.csv", *GENES, "--output", "x"], "absent.csv: there is no such file"),
        (["build", "--openness", "counts.txt", *GENES, "--output", "x"], "counts.txt"),
        (["build", "--openness", "peak_matrix.csv", "--genes", "counts.txt", "--output", "x"], "counts.txt"),
        (["build", "--peak-calls", FILES[0], FILES[0], *GENES, "--output", "x"], "two files of a sample HSC"),
        (["build", "--peak-calls", FILES[0], *GENES, "--output", "blood"], "blood exists; remove it first"),
        (["build", "--peak-calls", FILES[0], *GENES, "--output", "no/x"], "there is no folder no to make it in"),
        (["compare"], "DATA is missing: the folder of a data set, which `skepi build` writes"),
        (["compare", "absent"], "absent"),
        (["compare", "genes.gtf.gz"], "genes.gtf.gz"),
        (["compare", "blood", "--splits", "lineages"], "lineage"),
        (["compare", "blood", "--output", "scores.doc"], "wanted a name that ends in .tsv, .csv or .parquet"),
        (["fit", "blood"], "--output is missing: the model file to write"),
        (["predict", "--peak-calls", FILES[0]], "--train is missing"),
        (["predict", "--train", "blood"], "wanted either --peak-calls or --openness"),
        (["predict", "--train", "blood", "--fitted", "genes.gtf.gz", "--peak-calls", FILES[0]], "genes.gtf.gz"),
        (["links", "blood", "--top", "0"], "--top: wanted a number of peaks of 1 or more, got 0"),
        (["links", "blood", "--only-genes", "GATA9"], "GATA9"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_has_one_line(here, capsys, arguments, message):
    before = set(here.iterdir())
    line = one_line(arguments, capsys)
    assert line.startswith(f"skepi {arguments[0]}: error: ")
    assert message in line
    assert set(here.iterdir()) == before


def test_openness_alone_has_nothing_to_learn_from(here, capsys):
    assert main(["build", "--openness", "peak_matrix.csv", *GENES, "--output", "openness"]) == 0
    capsys.readouterr()
    asked = ["predict", "--train", "openness", "--peak-calls", FILES[0]]
    assert "holds openness only: there is nothing to learn from" in one_line(asked, capsys)
    assert "--test needs expression, and openness holds openness only" in one_line(
        ["links", "openness", "--test"], capsys
    )


def test_debug_shows_where(here, capsys):
    assert main(["compare", "absent", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["buld"], ["compare", "blood", "--n-jobs", "two"], ["fit", "--mod", "x"]])
def test_arguments_that_cannot_be_understood_have_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "error: " in capsys.readouterr().err


def test_an_error_that_nobody_expected_says_how_to_see_it(here, capsys, monkeypatch):
    monkeypatch.setattr("skepi.cli._activity.program", lambda options: 1 / 0)
    assert "ZeroDivisionError: division by zero (--debug shows where)" in one_line(["activity", "blood"], capsys)


def test_an_interruption_has_its_exit_code(here, capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("skepi.cli._activity.program", interrupted)
    assert main(["activity", "blood"]) == 130
    assert capsys.readouterr().err == "skepi activity: interrupted\n"


def test_warnings_are_lines_and_said_once(here, capsys):
    assert main(["compare", "blood", *FAST]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(lines) == len(set(lines))
    assert all(line.startswith("skepi compare: warning: ") for line in lines)


def test_what_was_decided_by_the_data_is_said(here, capsys):
    assert main(["fit", "blood", "--model", "training-mean", "--output", "m.skepi"]) == 0
    assert "expression is taken as counts: quantile normalisation" in capsys.readouterr().err
    code = code_of(["fit", "blood", "--output", "n.skepi", "--normalizer", "none"], capsys)
    assert "ExpressionNormalizer" not in code
    logs = PairedDataset.open("blood").transform_expression(ExpressionNormalizer("log_cpm"))
    logs.save("logs")
    assert "ExpressionNormalizer" not in code_of(["fit", "logs", "--output", "n.skepi"], capsys)


def test_help_shows_an_example_of_every_command_and_imports_nothing_heavy():
    program = (
        "import sys, skepi.cli\n"
        "for command in 'check build compare fit predict activity links report'.split():\n"
        "    try: skepi.cli.main([command, '--help'])\n"
        "    except SystemExit as done: assert done.code == 0\n"
        "assert not {'numpy', 'pandas', 'sklearn', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("example:\n  skepi ") == 8
