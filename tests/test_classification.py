"""High or low: labels by the median, held-out probabilities and their scores, and the rule of the gene's frequency."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi.baselines import TrainingFrequency
from skepi.binning import TSSBinner, symmetric_edges
from skepi.classification import (
    above_median,
    cross_val_probabilities,
    probability_scores_by,
    summarize_probabilities,
)
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnmatchedDataError, UnseenGeneWarning
from skepi.model_selection import CellTypeKFold, ChromosomeKFold, LeaveOneCellTypeOut
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler, Materialize

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000])
EIGHT_GENES = make_paired_openness(n_genes=8, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()


def logistic():
    return make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), Materialize(), LogisticRegression(C=0.1))


@pytest.fixture(scope="module")
def small():
    """5 genes in 3 cell types."""
    return make_paired_openness(n_genes=5, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()


@pytest.fixture(scope="module")
def labelled(simulated):
    X, y = simulated[0].pairs(return_X_y=True)
    return X, above_median(X, y)


def held_out(y_true, y_prob, train_mean, cell_type="HSC", gene="a"):
    columns = {"y_true": y_true, "y_prob": y_prob, "train_mean": train_mean}
    return pd.DataFrame({"fold": 0, "gene": gene, "cell_type": cell_type, **columns})


def test_each_cell_type_has_its_own_median(small):
    table = np.array([[1.0, 50.0, 0.0], [2.0, 40.0, 0.0], [3.0, 30.0, 1.0], [4.0, 20.0, 2.0], [5.0, 10.0, 0.0]])
    # Medians are 3, 30 and 0; the middle gene equals its median and is low, and so are all zeros.
    wanted = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]])
    labels = above_median(small, table.ravel())
    assert labels.dtype == np.int64
    assert_exact(labels, wanted.ravel())


def test_the_median_is_that_of_the_genes_that_are_there(small):
    y = np.arange(15.0)
    rows = small.rows_of(genes=["gene00000", "gene00001"])
    assert above_median(small, y)[rows].sum() == 0
    assert above_median(small[rows], y[rows]).tolist() == [0, 0, 0, 1, 1, 1]


@given(st.integers(0, 10_000))
def test_labels_keep_to_the_order_of_genes_alone(seed):
    X = EIGHT_GENES
    y = np.random.default_rng(seed).gamma(1.0, size=len(X))
    labels = above_median(X, y)
    assert_exact(above_median(X, np.log(y)), labels)
    order = np.random.default_rng(seed).permutation(len(X))
    assert_exact(above_median(X[order], y[order]), labels[order])
    assert (np.bincount(X.cell_type_codes, weights=labels) == 4).all()  # half of 8, without ties


def test_a_cell_type_without_a_high_gene_is_refused_by_name(small):
    y = np.arange(15.0)
    y[1::3] = 7.0
    with pytest.raises(ValueError, match=r"no gene is above the median in cell type\(s\) 'cell001', .*leave these"):
        above_median(small, y)


def test_labels_need_pairs():
    with pytest.raises(TypeError, match="above_median needs pairs of genes and cell types, got ndarray"):
        above_median(np.ones((3, 1)), np.ones(3))


def test_held_out_probabilities_are_those_of_a_loop(labelled):
    X, y = labelled
    cv = CellTypeKFold(3)
    table = cross_val_probabilities(logistic(), X, y, cv)
    assert list(table) == ["fold", "gene", "cell_type", "y_true", "y_prob", "train_mean"]
    start = 0
    for fold, (train, test) in enumerate(cv.split(X)):
        part = table.iloc[start : start + test.size]
        start += test.size
        assert (part["fold"] == fold).all()
        assert_exact(part["y_true"], y[test])
        assert_exact(part["y_prob"], clone(logistic()).fit(X[train], y[train]).predict_proba(X[test])[:, 1])
        share = pd.Series(y[train]).groupby(X.gene_codes[train]).mean()
        assert_float64_sums(part["train_mean"], share[X.gene_codes[test]].to_numpy())
    assert start == len(table) == len(X)


def test_the_column_of_high_is_found_where_it_is_the_first(labelled):
    class Reversed(TrainingFrequency):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, ::-1]

        def fit(self, X, y):
            super().fit(X, y).classes_ = np.array([1, 0])
            return self

    X, y = labelled
    straight = cross_val_probabilities(TrainingFrequency(), X, y, CellTypeKFold(3))
    assert_exact(cross_val_probabilities(Reversed(), X, y, CellTypeKFold(3))["y_prob"], straight["y_prob"])


def test_the_frequency_of_genes_is_what_the_table_holds_beside(labelled):
    X, y = labelled
    table = cross_val_probabilities(TrainingFrequency(), X, y, LeaveOneCellTypeOut())
    assert_float64_sums(table["y_prob"], table["train_mean"])
    scores = summarize_probabilities(table)
    assert scores["auc"] == scores["auc_mean"]
    assert scores["average_precision"] == scores["average_precision_mean"]


def test_a_planted_law_is_found_where_the_gene_says_nothing(labelled):
    X, _ = labelled
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    own = bins.dense()[:, EDGES.size // 2]
    median = pd.Series(own).groupby(X.gene_codes).transform("median").to_numpy()
    y = (own > median).astype(int)  # every gene is high in about half of the cell types
    scores = summarize_probabilities(cross_val_probabilities(logistic(), X, y, CellTypeKFold(4)))
    assert scores["auc"] > 0.75
    assert scores["auc_mean"] < 0.55
    shuffled = np.random.default_rng(0).permutation(y)
    scores = summarize_probabilities(cross_val_probabilities(logistic(), X, shuffled, CellTypeKFold(4)))
    assert abs(scores["auc"] - 0.5) < 0.1


def test_genes_held_out_have_no_training_share(labelled):
    X, y = labelled
    table = cross_val_probabilities(logistic(), X, y, ChromosomeKFold(2))
    assert table["train_mean"].isna().all()
    scores = summarize_probabilities(table)
    assert np.isfinite(scores[["auc", "average_precision"]]).all()
    assert scores[["auc_mean", "average_precision_mean"]].isna().all()


@pytest.mark.slow
def test_two_processes_give_the_same(labelled):
    X, y = labelled
    one = cross_val_probabilities(logistic(), X, y, CellTypeKFold(3))
    two = cross_val_probabilities(logistic(), X, y, CellTypeKFold(3), n_jobs=2)
    assert_exact(one, two)
    search = GridSearchCV(
        logistic(), {"logisticregression__C": [0.01, 1.0]}, scoring="roc_auc", cv=CellTypeKFold(3), n_jobs=2
    )
    assert 0.4 < search.fit(X, y).best_score_ <= 1


def test_what_is_no_classifier_of_labels_is_refused(labelled):
    X, y = labelled
    with pytest.raises(TypeError, match=r"with predict_proba, such as LogisticRegression\(\), got RidgeClassifier"):
        cross_val_probabilities(RidgeClassifier(), X, y, CellTypeKFold(3))
    with pytest.raises(ValueError, match=r"1 for high and 0 for low, got 2 among 1 other value.*above_median"):
        cross_val_probabilities(logistic(), X, y * 2, CellTypeKFold(3))
    with pytest.raises(ValueError, match=r"fold 0: all \d+ training labels are 0, and a classifier needs both"):
        cross_val_probabilities(logistic(), X, y * 0, CellTypeKFold(3))
    with pytest.raises(TypeError, match="cross_val_probabilities needs pairs of genes and cell types"):
        cross_val_probabilities(logistic(), np.ones((4, 2)), [0, 1, 0, 1], CellTypeKFold(2))


def test_areas_by_hand():
    table = held_out([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], [1.0, 0.5, 0.5, 0.0])
    scores = summarize_probabilities(table)
    # 3 of 4 (high, low) pairs are in order; of the frequencies 3 are, and one is a tie that counts half.
    assert scores["auc"] == 0.75
    assert scores["auc_mean"] == 0.875
    # Highs are found at ranks 1 and 3: precisions 1 and 2/3, half of the recall each.
    assert_float64_sums(scores["average_precision"], (1 + 2 / 3) / 2)
    assert scores["share_high"] == 0.5
    assert scores["n_pairs"] == 4


def test_groups_are_scored_apart_and_one_class_alone_has_no_area():
    table = held_out([1, 0, 1, 1], [0.9, 0.2, 0.3, 0.4], 0.5, cell_type=["HSC", "HSC", "Ery", "Ery"])
    scores = probability_scores_by(table)
    assert scores.index.tolist() == ["HSC", "Ery"]
    assert scores.loc["HSC", "auc"] == 1
    assert scores.loc["HSC", "auc_mean"] == 0.5
    assert scores.loc["Ery", ["auc", "average_precision", "auc_mean"]].isna().all()
    assert scores["share_high"].tolist() == [0.5, 1.0]
    assert scores["n_pairs"].tolist() == [2, 2]
    assert probability_scores_by(table, by="gene").loc["a", "n_pairs"] == 4


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ([[1, 0.5]], TypeError, "wanted the DataFrame of cross_val_probabilities, got list"),
        (held_out([1], [0.5], 0.5).drop(columns="y_prob"), ValueError, r"missing columns \['y_prob'\]"),
        (held_out([1], [0.5], 0.5).iloc[:0], ValueError, "the table has no rows"),
        (held_out([3.2], [0.5], 0.5), ValueError, "y_true must hold labels, 1 for high and 0 for low"),
        (held_out([1], [1.5], 0.5), ValueError, "y_prob must hold probabilities between 0 and 1"),
        (held_out([1], [np.nan], 0.5), ValueError, "y_prob must hold probabilities between 0 and 1, none missing"),
    ],
)
def test_tables_that_cannot_be_scored(table, error, message):
    with pytest.raises(error, match=message):
        summarize_probabilities(table)


def test_scores_by_what_the_table_does_not_hold():
    with pytest.raises(ValueError, match=r"by must be one of \('cell_type', 'fold', 'gene'\), got 'lineage'"):
        probability_scores_by(held_out([1, 0], [0.5, 0.2], 0.5), by="lineage")


def test_frequencies_by_hand(small):
    y = [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    model = TrainingFrequency().fit(small[:12], y[:12])
    assert_float64_sums(model.gene_frequency_, [2 / 3, 1 / 3, 0, 1])
    assert model.frequency_ == 0.5
    with pytest.warns(UnseenGeneWarning, match=r"1 gene\(s\) had no training pair \(gene00004, \.\.\.\)"):
        probabilities = model.predict_proba(small[10:])
    assert_float64_sums(probabilities, [[0, 1], [0, 1], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    with pytest.warns(UnseenGeneWarning):
        assert_exact(model.predict(small[12:]), [0, 0, 0])  # half is not more than half
    assert_exact(model.predict(small[:12]), [1] * 3 + [0] * 6 + [1] * 3)
    assert model.score(small[:12], y[:12]) == 10 / 12  # accuracy


def test_the_frequency_refuses_what_tells_it_nothing(small):
    with pytest.raises(ValueError, match="TrainingFrequency: all 15 training labels are 1, and a classifier needs"):
        TrainingFrequency().fit(small, np.ones(15))
    with pytest.raises(ValueError, match=r"y must hold labels, 1 for high and 0 for low, got 0\.5"):
        TrainingFrequency().fit(small, np.full(15, 0.5))
    model = TrainingFrequency().fit(small[:6], [0, 1, 0, 1, 1, 1])
    with pytest.raises(UnmatchedDataError, match=r"no gene in common: fitted on gene00000, \.\.\. \(2 genes\)"):
        model.predict(other_genes())


def other_genes():
    data, _ = make_paired_openness(n_genes=2, n_cell_types=2, n_lineages=1, n_chromosomes=1)
    renamed = data.genes.assign(name=["other", "another"])
    return type(data)(data.openness, data.peaks, renamed, cell_types=data.cell_types).pairs()


def test_classifiers_are_saved_and_loaded_to_the_bit(labelled, tmp_path):
    X, y = labelled
    for model in (TrainingFrequency(), logistic()):
        save_model(model.fit(X, y), tmp_path / "model.skepi")
        loaded = load_model(tmp_path / "model.skepi")
        assert_exact(loaded.predict_proba(X), model.predict_proba(X))
        assert_exact(loaded.predict(X), model.predict(X))
