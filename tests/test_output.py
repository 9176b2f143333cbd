"""set_output and transform_output: lazy rows stay what they are, arrays become tables as scikit-learn users expect."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import sklearn
from promises import assert_exact
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnedOpenness, TSSBinner
from skepi.compose import GeneZTarget
from skepi.linear_model import LassoBaselineCV
from skepi.normalization import ExpressionNormalizer
from skepi.preprocessing import AppendContext, LogZScaler, Materialize

EDGES = [-20_000, -1_000, 0, 1_000, 20_000]
LAZY = {
    "TSSBinner": (TSSBinner(edges=EDGES), BinnedOpenness),
    "LogZScaler": (make_pipeline(TSSBinner(edges=EDGES), LogZScaler()), BinnedOpenness),
    "AppendContext": (make_pipeline(TSSBinner(edges=EDGES), AppendContext(2)), BinnedOpenness),
}
PIPELINES = {
    "bins": make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(Ridge())),
    "context": make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), AppendContext(2), GeneZTarget(Ridge())),
    "dense": make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(make_pipeline(Materialize(), Ridge()))),
    "Lasso": make_pipeline(TSSBinner(edges=EDGES), LassoBaselineCV([1e-2, 1e-3], cv=3)),
}


@pytest.fixture(params=["set_output", "transform_output"])
def asked(request):
    """A function that makes a step for which tables are asked, and the context that it runs in."""
    if request.param == "set_output":
        return lambda step: clone(step).set_output(transform="pandas"), nullcontext()
    return clone, sklearn.config_context(transform_output="pandas")


@pytest.mark.parametrize(("step", "kind"), LAZY.values(), ids=LAZY)
def test_lazy_rows_stay_what_they_are(pairs, step, kind, asked):
    X, y = pairs
    make, context = asked
    wanted = clone(step).fit_transform(X, y)
    with context:
        both = make(step).fit_transform(X, y), make(step).fit(X, y).transform(X)
    assert [type(rows) for rows in both] == [kind, kind]
    assert_exact(both[0].dense(), wanted.dense())


@pytest.mark.parametrize("model", PIPELINES.values(), ids=PIPELINES)
def test_whole_pipelines_predict_the_same(pairs, model, asked):
    X, y = pairs
    make, context = asked
    with context:
        got = make(model).fit(X, y).predict(X)
    assert_exact(got, clone(model).fit(X, y).predict(X))


@pytest.mark.parametrize("step", [LogZScaler(), Materialize(), ExpressionNormalizer("log_cpm")], ids=repr)
def test_arrays_become_tables(rng, step, asked):
    values = rng.poisson(50, (6, 4)) + 1.0
    frame = pd.DataFrame(values, index=list("uvwxyz"), columns=list("abcd"))
    make, context = asked
    wanted = np.asarray(clone(step).fit_transform(values))
    with context:
        tables = [
            make(step).fit_transform(values),
            make(step).fit_transform(frame),
            make(step).fit(frame).transform(frame),
        ]
    assert all(isinstance(table, pd.DataFrame) for table in tables)
    assert [list(table.columns) for table in tables[1:]] == [list("abcd")] * 2
    assert [list(table.index) for table in tables[1:]] == [list("uvwxyz")] * 2
    for table in tables:
        assert_exact(np.asarray(table), wanted)


def test_dense_rows_of_pairs_become_a_table(pairs, asked):
    bins = TSSBinner(edges=EDGES).fit_transform(pairs[0])
    make, context = asked
    with context:
        table = make(Materialize()).fit_transform(bins)
    assert table.shape == (len(bins), 4)
    assert_exact(np.asarray(table), bins.dense())


def test_the_cross_validated_lasso_takes_arrays_where_tables_are_asked_for(rng):
    X, y = rng.exponential(size=(30, 3)), rng.normal(size=30)
    wanted = LassoBaselineCV([1e-2, 1e-3], one_gene=True).fit(X, y)
    with sklearn.config_context(transform_output="pandas"):
        got = LassoBaselineCV([1e-2, 1e-3], one_gene=True).fit(X, y)
        assert_exact(got.predict(X), wanted.predict(X))
    assert_exact(got.coef_, wanted.coef_)


def test_a_table_cannot_hold_sparse_rows(pairs):
    bins = TSSBinner(edges=EDGES).fit_transform(pairs[0])
    with pytest.raises(ValueError, match="outputs a scipy sparse matrix"):
        Materialize("csr").set_output(transform="pandas").fit_transform(bins)
