"""The page on users' own files: every block runs, and what it leaves behind is right."""

import doctest
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import user_files
from promises import assert_exact, assert_float64_sums, assert_within

from skepi.exceptions import LeftOutWarning

PAGE = Path(__file__).parents[1] / "docs" / "bring_your_own_data.rst"
OPTIONAL = {"AnnData, MuData and single cells": "anndata", "Coverage tracks": "pybigtools"}


def sections():
    """Text of each section of the page by its title."""
    parts = re.split(r"^(.+)\n-{4,}$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def run(title, names):
    test = doctest.DocTestParser().get_doctest(sections()[title], names, title, str(PAGE), 0)
    assert test.examples, title
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOutWarning)  # the page says when rows are left out
        result = runner.run(test, clear_globs=False)
    assert result.failed == 0, title
    return test.globs


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Names and folder that the sections without optional packages leave."""
    folder = tmp_path_factory.mktemp("page")
    simulated = user_files.write_peak_calls_and_counts(folder)
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SKEPI_MAX_UNPACKED_BYTES", "")  # the page sets it, and it must not outlive the page
        for title in sections():
            if title not in OPTIONAL:
                names = run(title, names)
    return names, folder, simulated


def test_every_section_is_run():
    assert len(sections()) == 8
    assert set(OPTIONAL) < set(sections())


def test_files_become_the_data_they_were_written_from(page):
    names, _, simulated = page
    data = names["data"]
    truth = simulated.genes.set_index("name")
    found = data.genes.set_index("name")
    assert found.index.isin(truth.index).all()
    assert len(found) == len(truth)
    for column in ("chrom", "tss", "strand"):
        assert (found[column] == truth.loc[found.index, column]).all()
    assert "TWICE" not in found.index
    promoter = names["openness"].sum() / simulated.openness[:, :-1].sum(axis=0)
    assert promoter.between(0.5, 1.5).all()


def test_a_saved_model_predicts_the_same_to_the_bit(page):
    names, _, _ = page
    X = names["X"]
    assert np.array_equal(names["model"].predict(X), names["pipe"].predict(X))
    assert names["X_new"].unstack(names["model"].predict(names["X_new"])).std().iloc[0] > 0


def test_predictions_come_back_from_parquet_and_text(page):
    names, folder, _ = page
    assert_exact(pd.read_parquet(folder / "predicted.parquet"), names["predicted"])
    from_text, wanted = pd.read_csv(folder / "predicted.csv", index_col=0), names["predicted"].to_numpy()
    assert_float64_sums(from_text.to_numpy(), wanted, summed=wanted)  # pandas may round the last digit


def test_anndata_section(page, tmp_path, monkeypatch):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed (extra `data`; it needs pandas < 3)")
    pytest.importorskip("mudata")
    user_files.write_anndata(tmp_path)
    monkeypatch.chdir(tmp_path)
    simulated = user_files.simulate()
    own = {**page[0], "genes": simulated.genes}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "From 0.4 .update", FutureWarning)  # of mudata, to whoever writes a file
        names = run("AnnData, MuData and single cells", own)
    data = names["from_cell_types"]
    assert np.array_equal(data.openness, simulated.openness[:, :-1])
    assert data.cell_types["lineage"].tolist() == simulated.cell_types["lineage"].tolist()[:-1]
    back = anndata.read_h5ad("with_predictions.h5ad")
    assert np.array_equal(back.layers["predicted"].T, names["predicted"].loc[back.var_names, back.obs_names])


def test_tracks_section(page, tmp_path, monkeypatch):
    pytest.importorskip("pybigtools", reason="pybigtools, which writes the files, is not installed")
    user_files.write_tracks(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = run("Coverage tracks", dict(page[0]))
    called = page[0]["openness"][["HSC", "B"]]
    assert_within(names["tracks"], called, 1e-4, "peak calls and tracks hold the same steps, rounded in the files")
