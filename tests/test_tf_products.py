"""Products of TF activity and openness: the law, its two activities, and what is missing."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV

from skepi.baselines import DistanceDecay, PromoterSum, gene_activity
from skepi.datasets import make_paired_openness
from skepi.exceptions import MissingExpressionError, TableError, UnknownNameError, UnseenGeneWarning
from skepi.linear_model import TFProductLasso
from skepi.metrics import skill
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.persistence import load_model, save_model
from skepi.testing import PAIR_CHECKS

TFS = ["gene00003", "gene00007", "gene00011"]


@pytest.fixture(scope="module")
def tables():
    """Pairs of 30 genes in 24 cell types, openness of genes, and a table of TF expression."""
    data, _ = make_paired_openness(n_genes=30, n_cell_types=24, n_lineages=4)
    X, y = data.pairs(return_X_y=True)
    table = pd.DataFrame(
        np.random.default_rng(0).gamma(2.0, size=(3, 24)), index=TFS, columns=data.cell_types["name"].to_numpy()
    )
    return X, y, table


def with_expression(table, **settings):
    return TFProductLasso(TFS, tf_activity="expression", tf_expression=table, **settings)


def products_of(X, table, tf):
    activity = table.loc[tf].to_numpy()[X.cell_type_codes]
    return activity * DistanceDecay().gene_scores(X)


def test_each_gene_has_a_lasso_of_its_products(tables):
    X, y, table = tables
    model = with_expression(table, alpha=0.05, scale_floor=0).fit(X, y)
    for gene in ("gene00000", TFS[1]):
        rows = X.rows_of(genes=gene)
        others = [tf for tf in TFS if tf != gene]
        products = np.column_stack([products_of(X, table, tf)[rows] for tf in others])
        standard = (products - products.mean(axis=0)) / products.std(axis=0)
        target = (y[rows] - y[rows].mean()) / (y[rows].std() + 1)
        wanted = Lasso(0.05, tol=1e-10).fit(standard, target)
        assert_within(model.coef_table_.loc[gene, others], wanted.coef_, 1e-4, "both stop near the optimum")
        predicted = y[rows].mean() + (y[rows].std() + 1) * wanted.predict(standard)
        assert_within(model.predict(X[rows]), predicted, 1e-3, "both stop near the optimum")


def test_small_products_are_divided_by_the_floor(tables):
    X, y, table = tables
    bare, floored = (with_expression(table, scale_floor=floor).fit(X, y) for floor in (0, 0.7))
    floor = 0.7 * np.sqrt((bare.product_scale_**2).mean())
    assert_float64_sums(floored.product_scale_, np.maximum(bare.product_scale_, floor))
    assert (bare.product_scale_ < floor).any()
    assert (bare.product_scale_ > floor).any()


def test_a_tf_that_is_on_in_a_new_cell_type_alone_gives_no_prediction_without_bounds(tables):
    X, y, table = tables
    rare = table.copy()
    rare.loc[TFS[0]] = np.where(np.arange(24) < 20, 0.001 * np.arange(24) % 0.003, 5.0)
    train = X.cell_type_codes < 20
    far = {}
    for floor in (0, 1):
        model = with_expression(rare, alpha=0.01, scale_floor=floor).fit(X[train], y[train])
        far[floor] = np.abs(model.predict(X[~train]) - model.training_mean(X[~train])).max()
    assert far[0] > 100
    assert far[1] < 20


def test_a_tf_never_explains_itself(tables):
    X, _, table = tables
    y = np.zeros(len(X))
    for tf in TFS:
        rows = X.rows_of(genes=tf)
        y[rows] = products_of(X, table, tf)[rows]  # its own product is the target
    model = with_expression(table, alpha=0.01).fit(X, y)
    assert [model.coef_table_.loc[tf, tf] for tf in TFS] == [0.0, 0.0, 0.0]


def test_a_planted_product_is_found_on_cell_types_held_out(tables):
    X, _, table = tables
    y = 2 + products_of(X, table, TFS[1]) + 0.01 * np.random.default_rng(0).normal(size=len(X))
    model = with_expression(table, alpha=0.01)
    coef = clone(model).fit(X, y).coef_table_.drop(index=TFS)
    assert (coef.abs().idxmax(axis=1) == TFS[1]).mean() > 0.9
    rows = np.flatnonzero(~X.genes["name"].isin(TFS).to_numpy()[X.gene_codes])
    X, y = X[rows], y[rows]
    held_out = cross_val_pairs(model, X, y, CellTypeKFold(4))
    assert skill(held_out["y_true"], held_out["y_pred"], held_out["train_mean"]) > 0.9
    other = table.set_axis(np.roll(table.columns, 5), axis=1)  # TFs of other cell types
    wrong = cross_val_pairs(with_expression(other, alpha=0.01), X, y, CellTypeKFold(4))
    assert skill(wrong["y_true"], wrong["y_pred"], wrong["train_mean"]) < 0.5


def test_the_stand_in_is_the_openness_of_promoters(tables):
    X, y, _ = tables
    stand_in = gene_activity(X, PromoterSum()).loc[TFS]
    by_table = with_expression(stand_in).fit(X, y)
    by_promoter = TFProductLasso(TFS).fit(X, y)
    assert_float64_sums(by_promoter.coef_table_.to_numpy(), by_table.coef_table_.to_numpy())
    wide = TFProductLasso(TFS, promoter=PromoterSum(5_000), openness=PromoterSum(20_000)).fit(X, y)
    assert np.abs(wide.product_mean_ - by_promoter.product_mean_).max() > 1e-3


def test_the_model_says_which_activity_it_used(tables):
    X, y, table = tables
    assert TFProductLasso(TFS).fit(X, y).activity_ == "openness of the promoters of 3 TFs, in place of their expression"
    said = with_expression(table).fit(X, y).activity_
    assert said == "measured expression of 3 TFs, in the predicted cell type too"


def test_tables_are_found_by_name(tables):
    X, y, table = tables
    more = pd.concat([table, table.rename(index=str.upper)]).iloc[::-1, ::-1]
    assert_exact(with_expression(more).fit(X, y).predict(X), with_expression(table).fit(X, y).predict(X))


def test_a_new_cell_type_needs_expression_only_where_expression_is_used(tables):
    X, y, table = tables
    train, new = X.cell_type_codes < 20, X.cell_type_codes >= 20
    partial = table.iloc[:, :20]
    model = with_expression(partial).fit(X[train], y[train])
    with pytest.raises(MissingExpressionError, match=r"lacks 4 cell type\(s\) .*'cell020', .*'promoter' takes"):
        model.predict(X[new])
    assert np.isfinite(TFProductLasso(TFS).fit(X[train], y[train]).predict(X[new])).all()


def test_genes_without_pairs_are_predicted_at_the_mean_of_all(tables):
    X, y, _ = tables
    model = TFProductLasso(TFS).fit(X[X.gene_codes > 0], y[X.gene_codes > 0])
    with pytest.warns(UnseenGeneWarning, match=r"1 gene\(s\) had no training pair \(gene00000"):
        predicted = model.predict(X.select(genes="gene00000"))
    assert_float64_sums(predicted, np.full(24, y[X.gene_codes > 0].mean()))


def test_a_gene_that_does_not_vary_has_no_weights(tables):
    X, y, _ = tables
    flat = np.where(X.gene_codes == 5, 3.0, y)
    model = TFProductLasso(TFS, alpha=0.01).fit(X, flat)
    assert (model.coef_table_.loc["gene00005"] == 0).all()
    assert_exact(model.predict(X.select(genes="gene00005")), np.full(24, 3.0))


def test_products_that_do_not_vary_are_left_out(tables):
    X, y, table = tables
    model = with_expression(table.mul([0.0, 1.0, 1.0], axis=0), alpha=0.01).fit(X, y)
    assert (model.coef_table_[TFS[0]] == 0).all()
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"tfs": []}, ValueError, "tfs is empty: name the transcription factors"),
        ({"tfs": "GATA1"}, ValueError, r"tfs must be a sequence of names, .*got 'GATA1'"),
        ({"tfs": [TFS[0], TFS[0]]}, TableError, "tfs: the same TF twice: 'gene00003'"),
        ({"tfs": ["GATA1"]}, UnknownNameError, r"TF\(s\) not in the tables: GATA1 .*leave them out, or"),
        ({"tfs": ["GENE00003"]}, UnknownNameError, "upper and lower case differ"),
        ({"tf_activity": "motif"}, ValueError, r"tf_activity must be one of \('promoter', 'expression'\), got 'motif'"),
        ({"alpha": 0}, ValueError, "alpha must be finite and greater than 0, got 0"),
        ({"scale_floor": -1}, ValueError, "scale_floor must be finite and 0 or greater, got -1"),
        ({"openness": Lasso()}, TypeError, r"openness must be a DistanceDecay or a PromoterSum, got Lasso\(\)"),
        ({"tf_activity": "expression"}, MissingExpressionError, "needs tf_expression, a table of TFs x cell types"),
        ({"tf_expression": pd.DataFrame()}, ValueError, "tf_expression is given, and tf_activity='promoter' would not"),
    ],
)
def test_settings_that_make_no_sense(settings, error, message, tables):
    X, y, _ = tables
    with pytest.raises(error, match=message):
        TFProductLasso(**{"tfs": TFS} | settings).fit(X, y)


def test_tables_of_tf_expression_that_cannot_be_used(tables):
    X, y, table = tables
    cases = {
        r"lacks 1 TF\(s\) that are needed: 'gene00007'; add them": table.drop(index=TFS[1]),
        "lacks 1 TF.*upper and lower case differ": table.rename(index={TFS[1]: TFS[1].upper()}),
        r"looks transposed: columns are TFs, .*give tf_expression\.T": table.T,
        r"rows have no names; .*\.set_index\('gene'\)": table.rename_axis("gene").reset_index(),
        "wanted a DataFrame of TFs x cell types, got ndarray": table.to_numpy(),
        "the same name twice: 'gene00003'": pd.concat([table, table.iloc[:1]]),
        "got nan for gene00003 in cell000, wanted finite numbers": table.assign(cell000=[np.nan, 1.0, 1.0]),
    }
    for message, wrong in cases.items():
        with pytest.raises(ValueError, match=message):
            with_expression(wrong).fit(X, y)


def test_saved_and_loaded_to_the_bit(tables, tmp_path):
    X, y, table = tables
    for model in (TFProductLasso(TFS), with_expression(table, openness=PromoterSum())):
        save_model(model.fit(X, y), tmp_path / "model.skepi")
        loaded = load_model(tmp_path / "model.skepi")
        assert_exact(loaded.predict(X), model.predict(X))
        assert loaded.activity_ == model.activity_


@pytest.mark.parametrize("check", PAIR_CHECKS, ids=lambda check: check.name)
def test_pair_checks_with_expression(check, tables):
    if check.name == "check_new_cell_types":
        pytest.skip("expression of TFs in new cell types is an input")
    X, y, table = tables
    check(with_expression(table), X, y)


@pytest.mark.slow
def test_grid_search_in_two_processes(tables):
    X, y, table = tables
    model, grid = with_expression(table), {"alpha": [0.05, 0.2], "scale_floor": [0.5, 1.0]}
    one, two = (GridSearchCV(model, grid, cv=CellTypeKFold(3), n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    assert_float64_sums(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])
    assert len(set(one.cv_results_["mean_test_score"])) == 4
