"""The command line: every command through ``main``, and what it shows gives the same numbers."""

import contextlib
import gzip
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


@pytest.mark.filterwarnings("ignore:From 0.4:FutureWarning")  # of mudata, where it is made
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
    assert error.count("\n") == 1


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
        (["build", "--peak-calls", FILES[0], FILES[0], *GENES, "--output", "x"], "two files of a sample HSC: "),
        (["build", "--peak-calls", FILES[0], *GENES, "--output", "blood"], "blood exists; remove it first"),
        (["build", "--peak-calls", FILES[0], *GENES, "--output", "no/x"], "there is no folder no to make it in"),
        (["compare"], "DATA is missing: the folder of a data set, which `skepi build` writes"),
        (["compare", "absent"], "absent: there is no such folder; wanted a folder that `skepi build` wrote"),
        (["compare", "genes.gtf.gz"], "genes.gtf.gz: no data set is there"),
        (["compare", "blood", "--splits", "lineages"], "`skepi build --cell-types` gives lineages"),
        (["compare", "blood", "--output", "scores.doc"], "wanted a name that ends in .tsv, .csv or .parquet"),
        (["report", "blood", "--output", "p.html", "--n-permutations", "9"], "wanted 19 or more, or 0 for none, got 9"),
        (["report", "blood", "--output", "page.pdf"], "page.pdf: wanted a name that ends in .html"),
        (["fit", "blood"], "--output is missing: the model file to write"),
        (["predict", "--peak-calls", FILES[0]], "--train is missing"),
        (["predict", "--train", "blood"], "wanted either --peak-calls or --openness"),
        (["predict", "--train", "blood", "--fitted", "genes.gtf.gz", "--peak-calls", FILES[0]], "genes.gtf.gz"),
        (["links", "blood", "--top", "0"], "--top: wanted a number of peaks of 1 or more, got 0"),
        (["links", "blood", "--only-genes", "GATA9"], "'GATA9'; names are those of `skepi build`"),
        (["compare", "blood", "--folder", "counts.txt"], "--folder counts.txt is a file; wanted a folder"),
        (["compare", "blood", "--output", "a.tsv", "--by-cell-type", "a.tsv"], "a.tsv: two results cannot be one file"),
        (
            ["build", "--openness", "peak_matrix.csv", "--one-based", *GENES, "--output", "x"],
            "--one-based needs --open",
        ),
        (["build", "--openness", "blood", *GENES, "--output", "x"], "--cell-labels is missing"),
        (["build", "--peak-calls", "blood", *GENES, "--output", "x"], "blood is a folder; wanted a file"),
        (
            [*BUILD, "--cell-types", "counts.txt", "--output", "x"],
            "wanted a tab-separated table with a column name, got [",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_has_one_line(here, capsys, arguments, message):
    before = set(here.iterdir())
    line = one_line(arguments, capsys)
    assert line.startswith(f"skepi {arguments[0]}: error: ")
    assert message in line
    assert set(here.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*BUILD, "--width", "400", "--peaks", "p.bed"], "--width has no effect with --peaks"),
        ([*BUILD, "--openness-labels", "CHR"], "--openness-labels has no effect with --peak-calls"),
        ([*BUILD, "--label-column", "kind"], "--label-column has no effect without a file of single cells"),
        ([*BUILD, "--feature", "id"], "--feature has no effect without expression of Cell Ranger"),
        ([*BUILD, "--modalities", "a", "b"], "--modalities has no effect with --peak-calls"),
        ([*BUILD, "--overwrite"], "--overwrite has no effect on a data set"),
        (["build", "--openness", "peak_matrix.csv", "--exclude", "x.bed"], "--exclude has no effect with --openness"),
        (["build", "--openness", "peak_matrix.csv", "--modalities", "a", "b"], "no effect without an .h5mu"),
        (["build", "--openness", "x.h5ad", "--peaks", "p.bed"], "--peaks has no effect with x.h5ad"),
        (["build", "--openness", "x.h5ad", "--unlabelled", "drop"], "without --cell-labels or --label-column"),
        (["build", "--openness", "x.h5ad", "--one-based"], "--one-based has no effect with x.h5ad"),
        (["build", "--openness", "x.h5ad", "--expression", "y.h5ad", "--drop", "z"], "that is no table"),
        (["build", "--openness", "x.h5ad", "--expression", "y.h5ad", "--missing", "zero"], "without a table"),
        (["build", "--openness", "x.h5ad", "--policy", "all"], "--policy has no effect without --genes"),
        (["build", "--openness", "peak_matrix.csv", "--common-cell-types"], "no effect without --expression"),
        (["compare", "blood", "--normalizer", "none", "--min-mean-cpm", "3"], "no effect with --normalizer none"),
        (["links", "blood", "--random-state", "3"], "--random-state has no effect without --test"),
        (["fit", "blood", "--random-state", "3"], "--random-state has no effect with --model cis-and-cell-state"),
        (["report", "blood", "--model", "promoter-sum", "--n-permutations", "9"], "which has no bins"),
        (["predict", "--train", "blood", "--fitted", "m", "--model", "ridge"], "--model has no effect with --fitted"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_an_option_without_effect_is_refused(here, capsys, arguments, message):
    line = one_line(arguments, capsys)
    assert message in line
    assert line.endswith(": leave it out")


def test_settings_for_every_command_may_have_no_effect_on_one(here, capsys):
    Path("run.toml").write_text('random_state = 3\nmodel = "ridge"\n')
    assert "Ridge" in code_of(["fit", "blood", "--output", "m.skepi", "--config", "run.toml"], capsys)
    Path("run.toml").write_text('[fit]\nrandom_state = 3\nmodel = "ridge"\n')
    asked = ["fit", "blood", "--output", "m.skepi", "--config", "run.toml"]
    assert "--random-state has no effect with --model ridge" in one_line(asked, capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: pd.concat([table, table[:1]]), "--repeated drop or --repeated sum says what to do"),
        (lambda table: table.astype(object).mask(table == table.iloc[3, 3]), "--missing zero reads it as 0"),
        (lambda table: table.assign(length=5), "--drop length leaves them out"),
        (lambda table: table.assign(gene=[f"ENSG{i:011d}" for i in range(90)]), "--gene-name gene_id makes genes of"),
        (lambda table: table.rename(columns=str.upper), "NAME=FILE names the cell type of peak calls"),
        (lambda table: table.rename(columns={"gene": "a;b"}).iloc[:, :1], "--show-code prints the program"),
    ],
    ids=["repeated", "missing", "length", "identifiers", "names", "no option"],
)
def test_messages_speak_of_options(here, capsys, change, message):
    table = pd.read_csv("counts.txt", sep="\t", comment="#").drop_duplicates("Geneid")[:90]
    table = table.drop(columns=["Chr", "Start", "End", "Strand", "Length"]).rename(columns={"Geneid": "gene"})
    change(table).to_csv("changed.txt", sep="\t", index=False)
    asked = ["build", "--peak-calls", *FILES, *GENES, "--expression", "changed.txt", "--output", "x"]
    assert message in one_line(asked, capsys)


def test_names_of_chromosomes_are_mended_by_an_option(here, capsys):
    Path("ensembl.gtf").write_text(gzip.decompress(Path("genes.gtf.gz").read_bytes()).decode().replace("chr", ""))
    asked = ["build", "--peak-calls", FILES[0], "--genes", "ensembl.gtf", "--output", "x"]
    assert "--chromosomes ucsc or --chromosomes ensembl renames them" in one_line(asked, capsys)
    assert main([*asked, "--chromosomes", "ensembl"]) == 0


def test_tables_that_are_no_text(here, capsys):
    """Parquet is read; a workbook is refused in words."""
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    table = pd.read_csv("counts.txt", sep="\t", comment="#", index_col=0).iloc[:90, 5:]
    table.to_parquet("counts.parquet")
    asked = ["build", "--peak-calls", *FILES, *GENES, "--expression"]
    assert main([*asked, "counts.parquet", "--output", "x"]) == 0
    np.testing.assert_array_equal(PairedDataset.open("x").expression, table.to_numpy())
    Path("counts.xlsx").write_bytes(b"PK\x03\x04\x14\xff\xfe\x80\n")
    capsys.readouterr()
    assert "save its sheet as text separated by tabs" in one_line([*asked, "counts.xlsx", "--output", "y"], capsys)


def test_a_gtf_is_known_by_its_name(here, capsys):
    shutil.copy("genes.gtf.gz", "genes.txt")
    asked = ["build", "--peak-calls", FILES[0], "--genes", "genes.txt", "--output", "x"]
    assert "genes.txt looks like a GTF or GFF3: give it a name that ends in .gtf" in one_line(asked, capsys)


def test_no_cell_type_in_common_is_said(here, capsys):
    asked = ["build", "--peak-calls", f"other={FILES[0]}", *BUILD[-8:], "--common-cell-types", "--output", "x"]
    assert "openness and expression have no cell type in common" in one_line(asked, capsys)


def test_a_fitted_model_is_held_to_its_data(here, capsys):
    assert main(["fit", "blood", "--model", "ridge", "--output", "m.skepi", "--normalizer", "tmm"]) == 0
    assert main([*BUILD[:3], FILES[3], *BUILD[-8:], "--common-cell-types", "--output", "other"]) == 0
    capsys.readouterr()
    asked = ["predict", "--fitted", "m.skepi", "--peak-calls", FILES[0], "--output", "p.tsv", "--train"]
    assert "m.skepi was fitted with --normalizer tmm: write the same here" in one_line([*asked, "blood"], capsys)
    other_genes = [*asked, "blood", "--normalizer", "tmm", "--min-mean-cpm", "9"]
    assert "m.skepi was fitted with --min-mean-cpm 1.0" in one_line(other_genes, capsys)
    assert "m.skepi was fitted to other data than --train other" in one_line([*asked, "other"], capsys)
    assert main([*asked, "blood", "--normalizer", "tmm"]) == 0


def test_openness_on_two_scales_is_refused(here, capsys):
    counts = pd.read_csv("peak_matrix.csv", index_col=0).mul(10).round().astype(int)
    counts.to_csv("reads.csv")
    asked = ["build", "--openness", "reads.csv", *GENES, "--expression", "counts.txt", "--repeated", "drop"]
    assert main([*asked, "--output", "reads"]) == 0
    capsys.readouterr()
    predict = ["predict", "--output", "p.tsv", "--model", "training-mean", "--train"]
    assert "openness of --train is whole numbers" in one_line([*predict, "reads", "--peak-calls", FILES[0]], capsys)
    assert "the new cell types is whole numbers" in one_line([*predict, "blood", "--openness", "reads.csv"], capsys)
    assert main([*predict, "reads", "--openness", "reads.csv"]) == 0


def test_a_table_of_featurecounts_over_peaks_needs_no_option(here):
    peaks = pd.read_csv("peak_matrix.csv", index_col=0).round().astype(int)
    places = peaks.index.str.extract(r"(?P<Chr>.+):(?P<Start>\d+)-(?P<End>\d+)").astype({"Start": int, "End": int})
    places = places.assign(Start=places["Start"] + 1, Strand=".", Length=500)  # SAF counts from 1
    table = pd.concat([places.set_index(peaks.index), peaks.add_prefix("bam/").add_suffix(".sorted.bam")], axis=1)
    Path("over.txt").write_text("# Program:featureCounts\n" + table.rename_axis("Geneid").to_csv(sep="\t"))
    assert main(["build", "--openness", "over.txt", *GENES, "--output", "over"]) == 0
    data = PairedDataset.open("over")
    np.testing.assert_array_equal(data.openness, peaks.to_numpy())
    assert data.cell_types["name"].tolist() == peaks.columns.tolist()
    intervals = data.peaks["chrom"] + ":" + data.peaks["start"].astype(str) + "-" + data.peaks["end"].astype(str)
    assert intervals.tolist() == peaks.index.tolist()
    diffbind = table.drop(columns=["Length"]).rename(columns=str.upper)
    diffbind.to_csv("diffbind.csv", index=False)
    labels = ["--openness-labels", "CHR", "START", "END", "--one-based", "--openness-drop", "STRAND"]
    assert main(["build", "--openness", "diffbind.csv", *labels, *GENES, "--output", "diffbind"]) == 0
    again = PairedDataset.open("diffbind")
    assert_exact(again.peaks, data.peaks)
    np.testing.assert_array_equal(again.openness, data.openness)


def test_files_of_equal_names_and_odd_ones(here, capsys):
    """Names of folders, spaces, =, quotes and letters of other languages; what is shown reads the same files."""
    odd = 'T cell\'s "n=1" \\ Zürich_peaks.narrowPeak.gz'
    for name in ("HSC", "B"):
        Path(name).mkdir()
        shutil.copy(f"{name}_peaks.narrowPeak.gz", f"{name}/peaks.narrowPeak.gz")
    shutil.copy(FILES[0], odd)
    same = ["HSC/peaks.narrowPeak.gz", "B/peaks.narrowPeak.gz"]
    line = one_line(["build", "--peak-calls", *same, *GENES, "--output", "x"], capsys)
    assert "name them, such as HSC=HSC/peaks.narrowPeak.gz B=B/peaks.narrowPeak.gz" in line
    asked = ["build", "--peak-calls", f"HSC={same[0]}", f"B={same[1]}", odd, *GENES, "--output"]
    assert main([*asked, "my own"]) == 0
    capsys.readouterr()
    ran = PairedDataset.open("my own")
    assert ran.cell_types["name"].tolist() == ["HSC", "B", odd.removesuffix("_peaks.narrowPeak.gz")]
    run_code(code_of([*asked, "shown"], capsys))
    assert PairedDataset.open("shown").tables.identity == ran.tables.identity


def test_lineages_of_a_table_in_another_order_reach_their_cell_types(here):
    pytest.importorskip("anndata", reason="h5ad needs anndata")
    user_files.write_anndata(here)
    names = user_files.CELL_TYPES[:-1]
    pd.DataFrame({"name": names[::-1], "lineage": names[::-1]}).to_csv("types.tsv", sep="\t", index=False)
    asked = ["build", "--openness", "atac.h5ad", "--expression", "rna.h5ad", *GENES, "--cell-types", "types.tsv"]
    assert main([*asked, "--output", "x"]) == 0
    data = PairedDataset.open("x")
    assert data.cell_types["name"].tolist() == names == data.cell_types["lineage"].tolist()


@pytest.mark.filterwarnings("ignore:From 0.4:FutureWarning")  # of mudata, where it is made
def test_what_an_annotated_file_lacks_is_named(here, capsys):
    anndata = pytest.importorskip("anndata", reason="h5ad needs anndata")
    mudata = pytest.importorskip("mudata", reason="h5mu needs mudata")
    user_files.write_anndata(here)
    asked = ["build", "--openness", "cells.h5ad", *GENES, "--output", "x"]
    assert "--label-column kind is not there; there are cell_type" in one_line(
        [*asked, "--label-column", "kind"], capsys
    )
    assert main([*asked, "--show-code"]) == 0
    assert main(asked) == 0
    assert "note: each row of obs of cells.h5ad is taken as a cell type" in capsys.readouterr().err
    mudata.MuData({"atac": anndata.read_h5ad("atac.h5ad")}).write("both.h5mu")
    asked = ["build", "--openness", "both.h5mu", *GENES, "--output", "y"]
    assert "--modalities rna is not there; there are atac" in one_line(asked, capsys)
    shutil.copy("counts.txt", "text.h5ad")
    asked = ["build", "--openness", "text.h5ad", *GENES, "--output", "y", "--label-column", "kind"]
    assert "text.h5ad: wanted a file of AnnData or MuData" in one_line(asked, capsys)


def test_compare_gives_the_numbers_of_a_comparison_written_by_hand(here, capsys):
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    from skepi.baselines import TrainingMean
    from skepi.binning import TSSBinner, symmetric_edges
    from skepi.comparison import compare_models
    from skepi.compose import GeneZTarget
    from skepi.preprocessing import LogZScaler

    assert main(["compare", "blood", *FAST, "--output", "scores.tsv"]) == 0
    binner, scaler = TSSBinner(edges=symmetric_edges()), LogZScaler(scale_floor=float("inf"))
    models = {"training mean": TrainingMean(), "ridge": make_pipeline(binner, scaler, GeneZTarget(Ridge(100.0)))}
    by_hand = compare_models(
        models,
        PairedDataset.open("blood"),
        ["cell types"],
        normalizer=ExpressionNormalizer("quantile"),
        n_bootstrap=10,
        random_state=0,
    )
    seconds = ["fit_s", "predict_s"]
    by_hand.scores.reset_index().to_csv("by_hand.tsv", sep="\t", index=False)
    ours, theirs = (pd.read_csv(path, sep="\t").drop(columns=seconds) for path in ("scores.tsv", "by_hand.tsv"))
    assert_exact(ours, theirs)


def test_checks_by_hand(tmp_path, monkeypatch, capsys):
    """Three peaks and two genes: depths 6 and 0 of integers; B is nowhere open; one row of counts has no gene."""
    monkeypatch.chdir(tmp_path)
    Path("m.tsv").write_text("peak\tA\tB\nchr1:100-200\t1\t0\nchr1:900-950\t2\t0\nchr2:5-9\t3\t0\n")
    Path("t.bed").write_text("chr1\t150\t151\tT1\tG1\t+\nchr1\t9000\t9001\tT2\tG2\t-\n")
    Path("c.tsv").write_text("gene\tA\tC\nG1\t5\t6\nG2\t0\t1\nG3\t7\t8\n")
    asked = ["check", "--openness", "m.tsv", "--genes", "t.bed", "--expression", "c.tsv", "--output", "checks.csv"]
    assert main(asked) == 1  # B has no expression, C no openness
    lines = {line[2:].split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["chromosomes"].startswith("  ")
    assert "1 in both; only in peaks: 'chr2'" in lines["chromosomes"]
    assert lines["cell types"].split("  ", 2)[2].strip() == "1 in both; only in openness: 'B'; only in expression: 'C'"
    assert "2 of 2 genes with a start site have expression; 1 row of expression without a gene ('G3')" in lines["genes"]
    assert lines["depth (reads in peaks)"].startswith("! ")
    assert "median 3, smallest 0 in B" in lines["depth (reads in peaks)"]


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "skepi: error: the following arguments are required: COMMAND"),
        (["buld"], "got 'buld'; did you mean build?"),
        (["compare", "blood", "--n-jobs", "two"], "argument --n-jobs: invalid int value: 'two'"),
        (["fit", "--mod", "x"], "skepi fit: error: there is no option --mod; did you mean --model?"),
        (["fit", "blood", "cells"], "there is no place for the argument 'cells'"),
        (["fit", "blood", "--model", "cis-and-cell-stat"], "cis-and-cell-stat'; did you mean cis-and-cell-state?"),
        (["fit", "blood", "--normalizer", "TMM"], "wanted quantile, tmm, log_cpm or none, got 'TMM'"),
    ],
)
def test_arguments_that_cannot_be_understood_have_exit_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_peak_calls_by_name_in_a_file_of_settings(here, capsys):
    Path("run.toml").write_text(
        f'[build]\ngenes = "genes.gtf.gz"\noutput = "x"\n[build.peak_calls]\nNK = "{FILES[0]}"\n'
    )
    assert f'{{"NK": "{FILES[0]}"}}' in code_of(["build", "--config", "run.toml"], capsys)


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
