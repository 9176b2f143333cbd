"""The replication of the report runs whole, and says what the report's own files and the blood data show."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from promises import assert_within
from scripts import ROOT, run

from skepi.binning import TSSBinner
from skepi.datasets import make_paired_openness
from skepi.model_selection import LeaveOneCellTypeOut

FOLDER = ROOT / "examples" / "replication"
LOGS = Path(os.environ.get("SKEPI_SEED_RESULTS", ROOT.parent / "shared" / "data" / "seed_results"))
FIGURES = 9


def claims_module():
    spec = importlib.util.spec_from_file_location("claims", FOLDER / "claims.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def claims_of(folder, name):
    """What was found on one data set, by the words of the report."""
    table = pd.read_csv(folder / "claims.csv")
    assert len(table) == len(claims_module().CLAIMS)
    assert table[name].notna().all()
    return table.set_index("the report says")[name]


def found_on(claims, words):
    (match,) = [text for claim, text in claims.items() if words in claim]
    return match


def test_the_leak_is_worth_what_the_mean_over_all_cell_types_saves(monkeypatch):
    """With one of n cell types held out, (L - mean of all) is (n - 1) / n of (L - mean of the others)."""
    monkeypatch.syspath_prepend(str(FOLDER))
    import experiments

    X, y = make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2, random_state=3)[0].pairs(return_X_y=True)
    Z = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    zero, lasso = experiments.leaky_skill(X, Z, y, LeaveOneCellTypeOut(), (1e6,))
    assert zero == pytest.approx(1 - (5 / 6) ** 2)
    assert_within(lasso, zero, 0.2, "all weights are 0; the intercept is the mean of training z-scores")
    noise = experiments.leaky_skill(X, Z, np.random.default_rng(0).normal(size=len(y)), LeaveOneCellTypeOut(), (1e6,))
    assert noise[0] == pytest.approx(zero)  # of anything


@pytest.mark.slow
def test_a_tiny_replication_ends_with_a_table_and_all_figures(tmp_path):
    output = run(
        "examples/replication/replicate.py",
        tmp_path,
        arguments=["--size", "tiny", "--data", "simulated", "--out", "out"],
    )
    claims = claims_of(tmp_path / "out", "simulated")
    assert "(the corrupted one) first" in found_on(claims, "sample 91 stands out")
    assert found_on(claims, "10 worst points").endswith("most influence on others: cell005")
    assert found_on(claims, "80 % of the MSE").endswith("of normal errors they carry 78%")
    figures = sorted((tmp_path / "out" / "simulated").glob("*.png"))
    assert len(figures) == FIGURES
    assert min(path.stat().st_size for path in figures) > 10_000
    for claim in claims.index:
        assert claim in output
    assert (tmp_path / "out" / "claims.md").read_text().count("\n") == len(claims) + 2


@pytest.mark.slow
@pytest.mark.long
def test_on_blood_erythroblasts_stand_out_and_importance_is_no_noise(tmp_path, blood_files):
    run("examples/replication/replicate.py", tmp_path, blood_files, ["--data", "blood", "--out", "out"])
    claims = claims_of(tmp_path / "out", "blood")
    assert found_on(claims, "sample 91 stands out").startswith("Ery first")
    lasso, network = found_on(claims, "pure noise").split("; ")[:2]
    assert lasso.startswith("Lasso")
    assert network.startswith("network at its best epoch")
    for profile in (lasso, network):
        assert float(profile.split("upstream and ")[1].split(" kb")[0]) >= 50
    assert len(list((tmp_path / "out" / "blood").glob("*.png"))) == FIGURES


def test_the_page_of_the_documentation_has_every_claim():
    page = " ".join((ROOT / "docs" / "replication.rst").read_text().split()).lower()
    for claim in claims_module().CLAIMS:
        assert claim.report.lower() in page
        assert claim.logs.lower() in page


@pytest.mark.slow
def test_an_unknown_size_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="invalid choice"):
        run("examples/replication/replicate.py", tmp_path, arguments=["--size", "huge"])


@pytest.fixture(scope="module")
def logs():
    if not (LOGS / "training_logs.csv").exists():
        pytest.skip(f"the report's training logs are not at {LOGS}; SKEPI_SEED_RESULTS names another folder")
    return pd.read_csv(LOGS / "training_logs.csv")


def best(logs, model, **chosen):
    """Least dev MSE and its epoch, for each run of a model."""
    rows = logs[(logs["model"] == model) & logs["dev_mse"].notna()]
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    at = rows.groupby(["source_file", "run"])["dev_mse"].idxmin()
    return rows.loc[at, ["dev_mse", "epoch"]].round(3).to_numpy().tolist()


def test_the_figures_that_claims_give_for_the_logs_are_those_of_the_logs(logs):
    """Rounded as the claims say them; 1.0306 is the dev MSE of networks whose weights are all 0."""
    assert [0.909, 25] in best(logs, "nn_full")
    assert [0.928, 21] in best(logs, "nn_full")
    assert [0.933, 7] in best(logs, "nn_decreasing")
    assert [0.931, 9] in best(logs, "nn_l1", l1_lambda=1e-6)
    assert min(best(logs, "nn_l1", l1_lambda=1e-5))[0] == 0.994
    assert_within(
        min(best(logs, "nn_l1", l1_lambda=1e-3))[0], 1.0306, 5e-4, "the best of a run is rounded to 3 decimals"
    )
    assert min(best(logs, "lasso_linear", l1_lambda=5e-4))[0] == 1.020
    zero = logs.loc[(logs["model"] == "nn_l1") & (logs["l1_lambda"] == 1e-3), "dev_mse"].min()
    for model, wanted in {"nn_full": (0.118, 0.099), "nn_decreasing": (0.095,)}.items():
        rows = logs[(logs["model"] == model) & logs["dev_mse"].notna()]
        found = 1 - rows.groupby(["source_file", "run"])["dev_mse"].min() / zero
        assert set(wanted) <= set(found.round(3))
    words = " ".join(claim.logs for claim in claims_module().CLAIMS)
    for figure in (".909 and .928", "R2 .118, .099", ".931 at epoch 9", ".933 at epoch 7 (R2 .095)", "1.0196, R2 .011"):
        assert figure in words
