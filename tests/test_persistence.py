"""Models on disk: the same model comes back, nothing in a file runs, and a damaged file is an error."""

import errno
import hashlib
import inspect
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from discovery import public_estimators
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import BaseEstimator, clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor, VotingRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit, RepeatedKFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import Bunch

import skepi
import skepi.metrics
from skepi import _files, _limits
from skepi._files import read_about, read_arrays, write_arrays
from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingFrequency, TrainingMean
from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.compose import (
    BatchCorrection,
    BucketedRegressor,
    GeneZTarget,
    PerGeneLassoCV,
    PerGeneRegressor,
    ResidualRegressor,
)
from skepi.datasets import make_paired_openness
from skepi.exceptions import ModelFileError, ModelVersionWarning, UnseenGeneWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.landmarks import LandmarkRegressor
from skepi.linear_model import LassoBaseline, LassoBaselineCV, TFProductLasso
from skepi.metrics import skill_scorer
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut, ResumableGridSearchCV
from skepi.motifs import MotifScanner
from skepi.neural_network import (
    BinAttention,
    BinAttentionClassifier,
    BinCNN,
    BinCNNClassifier,
    ExpressionMLP,
    SequenceOpenness,
)
from skepi.normalization import ExpressionNormalizer
from skepi.persistence import FittedPart, load_model, read_model_info, save_model
from skepi.preprocessing import AppendContext, LogZScaler, Materialize
from skepi.tf_activity import MotifDeviations

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
NET = ExpressionMLP((16,), lr=0.01, batch_size=64, max_epochs=2, random_state=0)
KIND = "skepi model"


class Constant(BaseEstimator):
    """An estimator of a user's own."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self


class Reduced(BaseEstimator):
    def __reduce__(self):
        return (Reduced, ())


class Slotted(BaseEstimator):
    def __getstate__(self):
        return ("not", "a dict")


@dataclass(frozen=True)
class Line(FittedPart):
    """What a user's own estimator could keep."""

    slope: np.ndarray
    name: str


@dataclass(frozen=True, slots=True)
class SlottedLine(FittedPart):
    slope: float


def there_and_back(model, path, **kwargs):
    save_model(model, path)
    return load_model(path, **kwargs)


def holding(value):
    """An estimator that holds a value, for what does not come from a fit."""
    model = LassoBaseline()
    model.value_ = value
    return model


def assert_same(one, other, where="model"):
    """Equal in type, content, dtype and memory order, all the way down."""
    assert type(one) is type(other), where
    if isinstance(one, np.ma.MaskedArray):
        assert_same(np.asarray(one.data), np.asarray(other.data), where)
        assert_same(np.asarray(one.mask), np.asarray(other.mask), where)
        assert_same(*(np.asarray(each.fill_value, dtype=each.dtype) for each in (one, other)), where)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        assert one.shape == other.shape, where
        assert one.flags.fnc == other.flags.fnc, where
        if one.dtype == object:
            assert_same(one.ravel().tolist(), other.ravel().tolist(), where)
        else:
            assert one.tobytes() == other.tobytes(), where
    elif isinstance(one, np.generic):
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), where
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{i}]")
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(one, pd.Series | pd.DataFrame | pd.Index):
        kind = {pd.Series: "series", pd.DataFrame: "frame"}.get(type(one), "index")
        getattr(pd.testing, f"assert_{kind}_equal")(one, other, check_exact=True)
    elif sp.issparse(one):
        assert one.shape == other.shape
        assert_same(one.toarray(), other.toarray(), where)
    elif isinstance(one, set | frozenset):
        assert sorted(map(repr, one)) == sorted(map(repr, other)), where
    elif isinstance(one, np.random.RandomState):
        assert_same(one.get_state(), other.get_state(), where)
    elif hasattr(one, "__dict__") and not isinstance(one, type | pathlib.Path) and not inspect.isfunction(one):
        assert_same(vars(one), vars(other), where)
    else:
        assert repr(one) == repr(other), where


# --- what estimators hold


ON_ARRAYS = [
    ExpressionNormalizer("quantile"),
    ExpressionNormalizer("tmm"),
    LogZScaler(),
    LogZScaler(scale_floor=float("inf")),
    Materialize("csr"),
    LassoBaseline(lam=1e-2),
    LassoBaselineCV([1e-2, 1e-1], cv=2, one_gene=True),
    NET,
    LandmarkRegressor(),
    BinCNN(filters=3, width=2, hidden=(4,), batch_size=64, max_epochs=2, random_state=0),
    BinAttention(bin_units=3, signal_units=2, batch_size=64, max_epochs=2, random_state=0),
    GeneZTarget(one_gene=True),
    GeneZTarget(make_pipeline(StandardScaler(), PCA(2), Ridge()), one_gene=True),
]


def on_pairs(regressor):
    return make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(regressor))


ON_PAIRS = {
    "Lasso": on_pairs(LassoBaseline()),
    "network": on_pairs(NET),
    "Ridge on csr": on_pairs(make_pipeline(Materialize("csr"), Ridge(solver="lsqr"))),
    "PCA": on_pairs(make_pipeline(Materialize(), StandardScaler(), PCA(3), Lasso(1e-3))),
    "PLS": on_pairs(make_pipeline(Materialize(), PLSRegression(2))),
    "around": GeneZTarget(make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), LassoBaseline())),
    "Lasso by cross-validation": make_pipeline(TSSBinner(edges=EDGES), LassoBaselineCV([1e-2, 1e-3], cv=3)),
    "context": GeneZTarget(make_pipeline(TSSBinner(edges=EDGES), AppendContext(2), Ridge(10.0))),
    "cis and cell state": make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor()),
    "two binners": make_pipeline(
        BinnerUnion([("near", TSSBinner(edges=EDGES)), ("far", TSSBinner(edges=[100_000, 200_000]))]),
        LogZScaler(),
        GeneZTarget(Ridge(10.0)),
    ),
    "own cis": make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor(own_cis=True)),
    "batch correction": make_pipeline(TSSBinner(edges=EDGES), BatchCorrection(batch="lineage", learn_from="all")),
    "residual": make_pipeline(TSSBinner(edges=EDGES), ResidualRegressor(Ridge(10.0), cv=CellTypeKFold(3))),
    "buckets": BucketedRegressor(
        make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor()), min_cell_types=2, max_distance=float("inf")
    ),
    "one ridge a gene": make_pipeline(TSSBinner(edges=EDGES), PerGeneRegressor(Ridge(3.0))),
    "one Lasso a gene": make_pipeline(TSSBinner(edges=EDGES), PerGeneLassoCV([0.3, 0.03], cv=3)),
    "training mean": TrainingMean(),
    "nearest cell type": NearestCellTypes(edges=EDGES),
    "promoter sum": PromoterSum(),
    "distance decay": DistanceDecay(),
    "products with TFs": TFProductLasso(["gene00003", "gene00007"]),
    "search": GridSearchCV(
        on_pairs(LassoBaseline()),
        [{"geneztarget__regressor__lam": [1e-2, 1e-3]}, {"tssbinner__edges": [EDGES, EDGES[::2]]}],
        cv=CellTypeKFold(3),
        scoring=skill_scorer,
    ),
}


# In tests of their own.
STORED_ELSEWHERE = {
    ResumableGridSearchCV,
    BinAttentionClassifier,
    BinCNNClassifier,
    TrainingFrequency,
    MotifDeviations,
    MotifScanner,
    SequenceOpenness,
}


def test_every_public_estimator_is_stored():
    found = public_estimators()
    assert len(found) >= 7
    parts = {type(one) for model in ON_PAIRS.values() for one in model.get_params().values()}
    assert found <= {type(one) for one in [*ON_ARRAYS, *ON_PAIRS.values()]} | parts | STORED_ELSEWHERE


@pytest.mark.parametrize(
    "estimator", [*ON_ARRAYS, TSSBinner(edges=EDGES), *ON_PAIRS.values()], ids=lambda e: type(e).__name__
)
def test_unfitted_estimators_come_back(estimator, tmp_path):
    loaded = there_and_back(estimator, tmp_path / "model.skepi")
    assert_same(loaded, estimator)
    assert repr(clone(loaded)) == repr(estimator)


@pytest.mark.parametrize("estimator", ON_ARRAYS, ids=repr)
def test_estimators_fitted_on_arrays_come_back(estimator, tmp_path, rng):
    X, y = np.round(rng.gamma(2, 50, size=(40, 5))), rng.normal(size=40)
    fitted = clone(estimator).fit(X, y)
    assert_same(there_and_back(fitted, tmp_path / "model.skepi"), fitted)


DEAR = {"PLS", "around", "own cis", "buckets", "residual", "one ridge a gene", "one Lasso a gene", "search"}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name in DEAR else ()) for name in ON_PAIRS])
def fitted(request, pairs):
    return clone(ON_PAIRS[request.param]).fit(*pairs)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")  # the other data set is another world
def test_models_of_pairs_predict_the_same_bits(fitted, pairs, tmp_path):
    X, y = pairs
    loaded = there_and_back(fitted, tmp_path / "model.skepi")
    assert_same(loaded, fitted)
    assert repr(loaded.get_params()) == repr(fitted.get_params())
    assert loaded.predict(X).tobytes() == fitted.predict(X).tobytes()
    other = make_paired_openness(n_genes=60, n_cell_types=5, n_lineages=2, random_state=3)[0].pairs()
    assert loaded.predict(other).tobytes() == fitted.predict(other).tobytes()
    again = clone(loaded).fit(X, y).predict(X)
    np.testing.assert_array_equal(again, clone(fitted).fit(X, y).predict(X))
    np.testing.assert_array_equal(loaded.fit(X, y).predict(X), again)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(loaded)).predict(X), again)


def test_genes_new_to_a_loaded_model_are_warned_of(pairs, tmp_path):
    X, y = pairs
    known = X.gene_codes < 30
    fitted = clone(ON_PAIRS["Lasso"]).fit(X[known], y[known])
    loaded = there_and_back(fitted, tmp_path / "model.skepi")
    with pytest.warns(UnseenGeneWarning):
        expected = fitted.predict(X)
    with pytest.warns(UnseenGeneWarning):
        np.testing.assert_array_equal(loaded.predict(X), expected)


def test_a_search_keeps_its_results_and_goes_on(pairs, tmp_path):
    X, y = pairs
    search = clone(ON_PAIRS["search"]).fit(X, y)
    loaded = there_and_back(search, tmp_path / "model.skepi")
    assert isinstance(loaded.cv_results_["param_tssbinner__edges"], np.ma.MaskedArray)
    assert loaded.best_params_ == search.best_params_
    assert loaded.score(X, y) == search.score(X, y)
    assert loaded.scorer_ is skill_scorer


@pytest.mark.parametrize(
    "cv", [CellTypeKFold(3), LeaveOneCellTypeOut(), KFold(3), ShuffleSplit(2), RepeatedKFold(), PredefinedSplit([0, 1])]
)
@pytest.mark.parametrize("scoring", [None, "r2", ["r2", "neg_mean_squared_error"]], ids=repr)
def test_splitters_and_scorers_come_back(cv, scoring, tmp_path, rng):
    X, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=KFold(3), scoring=scoring, refit="r2" if scoring else True)
    search.fit(X, y).set_params(cv=cv)
    loaded = there_and_back(search, tmp_path / "model.skepi")
    assert_same(loaded, search)
    assert loaded.score(X, y) == search.score(X, y)
    if scoring is None:
        assert loaded.scorer_._estimator is loaded.estimator


@pytest.mark.parametrize(
    "model",
    [
        VotingRegressor([("a", Ridge()), ("b", Lasso(0.1))]),
        SelectKBest(f_regression, k=1),
        IsotonicRegression(),
        OneHotEncoder(dtype=np.float32, handle_unknown="ignore"),
        FunctionTransformer(validate=True),
    ],
    ids=lambda model: type(model).__name__,
)
def test_estimators_of_scikit_learn_come_back(model, tmp_path, rng):
    X, y = rng.integers(3, size=(30, 1 if isinstance(model, IsotonicRegression) else 2)), rng.normal(size=30)
    fitted = model.fit(X, y)
    loaded = there_and_back(fitted, tmp_path / "model.skepi")
    use = "predict" if hasattr(fitted, "predict") else "transform"
    out, expected = getattr(loaded, use)(X), getattr(fitted, use)(X)
    assert_same(out, expected)


# --- what values come back as


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.slices(10),
    st.builds(range, st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 3)),
    st.frozensets(st.integers(0, 9), max_size=4),
    st.sets(st.text(max_size=2), max_size=1),
    st.sampled_from([np.dtype("<f4"), np.dtype(object), np.float64, np.str_, int, object, Ridge, KFold, f_regression]),
    st.sampled_from([pd.NA, pd.NaT, pathlib.Path("a") / "b", "\ud800", -0.0, 2**63, -(2**63)]),
)
DTYPES = hnp.scalar_dtypes() | hnp.unicode_string_dtypes() | hnp.byte_string_dtypes()
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
OBJECTS = st.lists(LEAVES, min_size=6, max_size=6).map(
    lambda items: np.array([*items, None], dtype=object)[:6].reshape(2, 3)
)
VALUES = st.recursive(
    LEAVES
    | ARRAYS
    | ARRAYS.map(np.asfortranarray)
    | ARRAYS.filter(lambda a: a.ndim > 0).map(lambda a: a[::-1])
    | ARRAYS.filter(lambda a: a.size > 0).map(lambda a: a.flat[0])
    | ARRAYS.filter(lambda a: a.dtype in (np.float32, np.float64)).map(np.ma.masked_invalid)
    | OBJECTS
    | OBJECTS.map(np.asfortranarray),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.tuples(st.booleans()), inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3).map(lambda parts: Bunch(**parts))
    ),
    max_leaves=8,
)


@given(value=VALUES)
def test_every_value_comes_back_with_its_type(value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "value.skepi"
    assert_same(there_and_back(holding(value), path).value_, value)


def test_integers_that_python_does_not_print_come_back(tmp_path):
    assert there_and_back(holding(16**5000), tmp_path / "model.skepi").value_ == 16**5000


TABLES = {
    "numbers": pd.Series([1.5, np.nan], pd.Index(["a", "b"], name="gene"), name="level"),
    "narrow": pd.Series(np.array([1, 2], np.int8), pd.Index([7, 7])),
    "object": pd.Series(["a", None, 3], pd.Index(["x", "y", None], dtype=object), dtype=object),
    "text": pd.Series(["a", "", None]),
    "no text": pd.Series([], dtype=pd.Series(["a"]).dtype),
    "nullable text": pd.Series(["a", pd.NA], dtype="string"),
    "times": pd.Series(np.array(["2020-01-01", "NaT"], dtype="M8[s]")),
    "frame": pd.DataFrame({"epoch": [1, 2], "mse": [0.5, np.nan], "name": ["a", "b"], "seen": [True, False]}),
    "no columns": pd.DataFrame(index=["a"]),
    "same names": pd.DataFrame([[1, 2.0]], columns=["a", "a"], index=["x"]),
    "range": pd.RangeIndex(3, 9, 2, name="row"),
    "attributes": pd.DataFrame({"a": [1]}),
}
TABLES["attributes"].attrs["unit"] = TABLES["numbers"].attrs["unit"] = "bp"


@pytest.mark.parametrize("name", TABLES)
def test_tables_come_back(name, tmp_path):
    loaded = there_and_back(holding(TABLES[name]), tmp_path / "model.skepi").value_
    assert_same(loaded, TABLES[name])
    assert getattr(loaded, "attrs", None) == getattr(TABLES[name], "attrs", None)


def model_file(path, root, *objects, arrays=None, **about):
    """A file written by hand."""
    versions = {"skepi": skepi.__version__, "scikit-learn": sklearn.__version__}
    write_arrays(
        path,
        arrays or {},
        {"kind": KIND, "format": 2, "versions": versions, "model": root, "objects": list(objects), **about},
    )
    return path


def lasso_file(path, node, *objects, **about):
    """A file of a LassoBaseline that holds one node, written by hand."""
    lasso = {"estimator": {"class": ["skepi.linear_model", "LassoBaseline"], "state": {"value_": node}}}
    return model_file(path, {"shared": len(objects)}, *objects, lasso, **about)


def test_text_of_pandas_3_and_2_is_read_by_both(tmp_path):
    """As pandas 3 (``str``) and pandas 2 (objects) write the names of genes, by hand."""
    names = [{"index": {"values": {"str": ["a", "b"]}, "name": "gene"}}]
    loaded = load_model(lasso_file(tmp_path / "three.skepi", {"shared": 0}, *names)).value_
    assert_same(loaded, pd.Index(["a", "b"], name="gene"))
    objects = {"objects": {"shape": [2], "order": "C", "items": ["a", "b"]}}
    index = {"index": {"values": {"array": {"shared": 0}}, "name": "gene"}}
    loaded = load_model(lasso_file(tmp_path / "two.skepi", {"shared": 1}, objects, index)).value_
    assert_same(loaded, pd.Index(["a", "b"], name="gene", dtype=object))
    assert pd.Series([1.0, 2.0], loaded).reindex(pd.Series(["b", "c"])).isna().tolist() == [False, True]


@pytest.mark.parametrize(
    "kind", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.csr_matrix, sp.csc_array, sp.coo_matrix]
)
def test_sparse_arrays_come_back(kind, tmp_path):
    matrix = kind(np.array([[0, 2.5, 0], [1, 0, 0]], dtype=np.float32))
    assert_same(there_and_back(holding(matrix), tmp_path / "model.skepi").value_, matrix)


def test_random_states_go_on(tmp_path):
    state = np.random.RandomState(5)
    state.normal(size=3)  # leaves a half of a pair of normal numbers behind
    loaded = there_and_back(
        make_pipeline(NET.set_params(random_state=state), Ridge(random_state=state)), tmp_path / "m"
    )
    NET.set_params(random_state=0)
    first, second = loaded[0].random_state, loaded[1].random_state
    assert first is second
    assert first.normal(size=4).tolist() == state.normal(size=4).tolist()


def test_memory_mapped_arrays_become_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "map", dtype=np.float32, mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    assert_same(there_and_back(holding(mapped), tmp_path / "model.skepi").value_, np.asarray(mapped))


def test_what_is_held_twice_is_stored_once(tmp_path, rng):
    array, ridge = rng.normal(size=10_000), Ridge()
    loaded = there_and_back(holding([array, {"again": array}, ridge, ridge]), tmp_path / "model.skepi").value_
    assert loaded[0] is loaded[1]["again"]
    assert loaded[2] is loaded[3]
    assert (tmp_path / "model.skepi").stat().st_size < 1.1 * array.nbytes


# --- what is refused in saving


def cyclic():
    items = [1]
    items.append({"again": items})
    return items


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (len, TypeError, r"model\.value_ is a builtins\.builtin_function_or_method, which cannot be saved without"),
        (
            [1, {"a": lambda x: x}],
            TypeError,
            r"model\.value_\[1\]\['a'\] is test_persistence\.<lambda>, which cannot be",
        ),
        (np.log1p, TypeError, r"model\.value_ is a numpy\.ufunc, which cannot be saved"),
        (np, TypeError, r"model\.value_ is a builtins\.module, which cannot"),
        (os.system, TypeError, r"builtin_function_or_method"),
        (subprocess.Popen, TypeError, r"model\.value_ is subprocess\.Popen, which cannot"),
        (np.zeros(2, dtype="i4,f4"), TypeError, r"model\.value_ is a numpy\.ndarray of \[\('f0', '<i4'\)"),
        (np.zeros(2, dtype="i4,f4")[0], TypeError, r"model\.value_ is a numpy\.void, which"),
        (np.dtype("i4,f4"), TypeError, r"model\.value_ is a numpy\.dtype.*which cannot"),
        (
            np.array([None, {1j}], dtype=object),
            TypeError,
            r"model\.value_\.flat\[1\]\[0\] is a builtins\.complex, which",
        ),
        (np.random.default_rng(0), TypeError, r"model\.value_ is a numpy\.random\._generator\.Generator, which"),
        (np.random.RandomState(np.random.PCG64(0)), TypeError, r"RandomState on PCG64, which cannot be saved"),
        (
            pd.Series([1, None], dtype="Int64"),
            TypeError,
            r"model\.value_ is a .*Series of Int64, which cannot be saved",
        ),
        (
            pd.DataFrame({"a": pd.Categorical(["x"])}),
            TypeError,
            r"model\.value_\.iloc\[:, 0\] is a .*Series of category",
        ),
        (Reduced(), TypeError, r"model\.value_ is a test_persistence\.Reduced with a __reduce__ of its own, which"),
        (Slotted(), TypeError, r"model\.value_ is a test_persistence\.Slotted whose state is not a dict, which"),
        (
            type("Local", (Ridge,), {"__module__": "nowhere"})(),
            TypeError,
            r"is nowhere\.Local, which is not found by that",
        ),
        (cyclic(), ValueError, r"model\.value_\[1\]\['again'\] leads back to itself: a model with a cycle"),
    ],
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(value, error, message, tmp_path):
    with pytest.raises(error, match=message):
        save_model(holding(value), tmp_path / "model.skepi")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("regressor", "message"),
    [
        (RandomForestRegressor(2), r"model\.steps\[1\]\[1\]\.regressor_\.estimators_\[0\]\.tree_ is a sklearn\.tree"),
        (GradientBoostingRegressor(n_estimators=2), r"model\.steps\[1\]\[1\]\.regressor_\._loss is a sklearn\._loss"),
    ],
)
def test_compiled_parts_are_named(regressor, message, tmp_path, rng):
    model = make_pipeline(StandardScaler(), GeneZTarget(regressor, one_gene=True)).fit(
        rng.normal(size=(20, 2)), rng.normal(size=20)
    )
    with pytest.raises(TypeError, match=message):
        save_model(model, tmp_path / "model.skepi")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [{"a": 1}, Ridge, KFold(2), None])
def test_only_estimators_are_models(model, tmp_path):
    with pytest.raises(TypeError, match="wanted a scikit-learn estimator, got"):
        save_model(model, tmp_path / "model.skepi")


# --- what is refused in loading


BAD_CLASSES = [
    ("os", "system", "only skepi, sklearn are trusted: pass trusted="),
    ("posix", "system", "are trusted"),
    ("subprocess", "Popen", "are trusted"),
    ("sklearn_evil", "Ridge", "are trusted"),
    ("builtins", "eval", "no estimator, fitted part, splitter or scorer"),
    ("builtins", "type", "no estimator, fitted part, splitter or scorer"),
    ("builtins", "object", "gives a state to builtins.object"),
    ("numpy", "load", "no estimator, fitted part, splitter or scorer"),
    ("numpy", "memmap", "no estimator, fitted part, splitter or scorer"),
    ("numpy", "float64", "gives a state to numpy.float64"),
    ("sklearn.utils.fixes", "platform", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.datasets._base", "os.system", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.datasets._base", "os", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.datasets._base.os", "system", "cannot be imported"),
    ("sklearn.datasets", "load_files", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.base", "BaseEstimator.__init__", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.base", "clone", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.metrics", "r2_score", "gives a state to sklearn.metrics._regression.r2_score"),
    ("sklearn.utils", "Bunch", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.pipeline", "NoSuchClass", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.no_such_module", "Ridge", "cannot be imported"),
    ("sklearn.tests.test_base", "K", "not imported for models"),
    ("sklearn.conftest", "K", "not imported for models"),
    ("skepi.__main__", "K", "not imported for models"),
    ("sklearn./../os", "system", "not imported for models"),
    ("sklearn..os", "system", "not imported for models"),
    ("skepi.persistence", "load_model", "no estimator, fitted part, splitter or scorer"),
    ("skepi.exceptions", "TableError", "no estimator, fitted part, splitter or scorer"),
    ("sklearn.model_selection", "BaseCrossValidator", "abstract"),
    (["os"], "system", "cannot be loaded"),
]


@pytest.mark.parametrize(("module", "name", "message"), BAD_CLASSES, ids=str)
def test_classes_of_malicious_files_are_refused(module, name, message, tmp_path):
    node = {"estimator": {"class": [module, name], "state": {"args": "true"}}}
    for path in (model_file(tmp_path / "a", {"shared": 0}, node), lasso_file(tmp_path / "b", {"shared": 0}, node)):
        with pytest.raises(ModelFileError, match=message):
            load_model(path)


@pytest.mark.parametrize(
    ("module", "name"), [one[:2] for one in BAD_CLASSES if "state" not in one[2] and "abstract" not in one[2]], ids=str
)
def test_functions_of_malicious_files_are_refused(module, name, tmp_path):
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        load_model(lasso_file(tmp_path / "model.skepi", {"named": [module, name]}))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"pickle": "gASVAAAA"}, "unknown kind 'pickle'"),
        ({"dtype": "i4,f4"}, "the dtype 'i4,f4'"),
        ({"scalar": ["O", "0000000000000000"]}, "the dtype 'O'"),
        ({"shared": -1}, "object -1, which does not exist or holds itself"),
        ({"shared": 7}, "object 7, which does not exist"),
        ({"shared": 1}, "object 1, which does not exist or holds itself"),
        ({"array": "9"}, "'9'"),
        ({"dict": [[["unhashable"], 1]]}, "unhashable"),
        ({"tuple": [], "list": []}, "too many values"),
        ({"missing": "anything"}, "anything"),
        ({"named": ["os", "system"]}, "are trusted"),
        ({"bytes": "nothex"}, "non-hexadecimal"),
    ],
    ids=str,
)
def test_nodes_of_malicious_files_are_refused(node, message, tmp_path):
    with pytest.raises(ModelFileError, match=message):
        load_model(lasso_file(tmp_path / "model.skepi", node, 5))


def test_indices_that_would_lead_compiled_code_astray_are_refused(tmp_path):
    arrays = {"0": np.ones(1), "1": np.array([10**6]), "2": np.array([0, 1])}
    parts = {"data": {"array": "0"}, "indices": {"array": "1"}, "indptr": {"array": "2"}}
    sparse = {"sparse": {"format": "csr_array", "shape": [1, 3], **parts}}
    with pytest.raises(ModelFileError, match=r"ind(ices|ex)"):
        load_model(lasso_file(tmp_path / "sparse.skepi", sparse, arrays=arrays))
    inner = {"dict": [["key", {"array": "0"}], ["pos", 10**6]]}
    state = {"dict": [["bit_generator", "MT19937"], ["state", inner], ["has_gauss", 0], ["gauss", 0.0]]}
    arrays = {"0": np.zeros(624, dtype=np.uint32)}
    with pytest.raises(ModelFileError, match="RandomState at position 1000000 of 624"):
        load_model(lasso_file(tmp_path / "random.skepi", {"random_state": state}, arrays=arrays))


def test_a_root_that_is_no_estimator_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="holds list, wanted an estimator"):
        load_model(model_file(tmp_path / "model.skepi", [1]))


@pytest.mark.parametrize("trusted", [["test_persistence"], [Constant], ["os", Constant]], ids=str)
def test_a_users_own_class_is_loaded_where_it_is_trusted(trusted, tmp_path):
    fitted = Constant().fit([[0]], [3.0])
    save_model(fitted, tmp_path / "model.skepi")
    assert_same(load_model(tmp_path / "model.skepi", trusted=trusted), fitted)


@pytest.mark.parametrize("trusted", [(), ["test"], [Reduced], ["test_persistence.deeper"]], ids=str)
def test_a_users_own_class_is_refused_elsewhere(trusted, tmp_path):
    save_model(Constant(), tmp_path / "model.skepi")
    with pytest.raises(
        ModelFileError, match=r"names test_persistence\.Constant, but only skepi, sklearn.* are trusted"
    ):
        load_model(tmp_path / "model.skepi", trusted=trusted)


def test_modules_are_imported_only_where_they_are_trusted(tmp_path, monkeypatch):
    (tmp_path / "stranger.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    monkeypatch.syspath_prepend(tmp_path)
    path = lasso_file(tmp_path / "model.skepi", {"named": ["stranger", "Model"]})
    with pytest.raises(ModelFileError, match="are trusted"):
        load_model(path)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ModelFileError, match=r"stranger\.Model, which is no estimator"):
        load_model(path, trusted=["stranger"])
    assert (tmp_path / "ran").exists()


def test_a_room_does_not_lend_its_trust_to_what_it_imports_or_makes(tmp_path, monkeypatch):
    path = lasso_file(tmp_path / "model.skepi", {"named": ["skepi.metrics", "Constant"]})
    monkeypatch.setattr(skepi.metrics, "Constant", Constant, raising=False)
    with pytest.raises(ModelFileError, match=r"skepi\.metrics\.Constant, which is no estimator"):
        load_model(path)
    monkeypatch.undo()
    monkeypatch.setattr(skepi.metrics, "__getattr__", lambda name: Ridge, raising=False)
    with pytest.raises(ModelFileError, match=r"skepi\.metrics\.Constant, which is no estimator"):
        load_model(path)


def test_fitted_parts_are_saved_with_their_estimator(tmp_path, monkeypatch):
    line = Line(np.arange(3.0), "mine")
    save_model(holding([line, line]), tmp_path / "model.skepi")
    monkeypatch.setattr(Line, "__init__", lambda self: pytest.fail("called"))
    one, two = load_model(tmp_path / "model.skepi", trusted=[Line]).value_
    assert_same(one, line)
    assert one is two
    with pytest.raises(FrozenInstanceError):
        one.name = "another"


def test_fitted_parts_of_others_are_found_only_where_they_are_trusted(tmp_path):
    save_model(holding(Line(np.arange(3.0), "mine")), tmp_path / "model.skepi")
    with pytest.raises(ModelFileError, match=r"names test_persistence\.Line, but only skepi, sklearn are trusted"):
        load_model(tmp_path / "model.skepi")


def test_a_fitted_part_with_slots_or_by_itself_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"model\.value_ is a test_persistence\.SlottedLine whose state is not a dict"):
        save_model(holding(SlottedLine(1.0)), tmp_path / "model.skepi")
    with pytest.raises(TypeError, match="wanted a scikit-learn estimator, got Line"):
        save_model(Line(np.arange(3.0), "mine"), tmp_path / "model.skepi")


def test_constructors_are_not_called(tmp_path, monkeypatch):
    save_model(Constant(), tmp_path / "model.skepi")
    monkeypatch.setattr(Constant, "__init__", lambda self: pytest.fail("called"))
    load_model(tmp_path / "model.skepi", trusted=[Constant])


def test_private_modules_may_move(tmp_path):
    """A file names the package that shows a class, not the private module where it lies today."""
    save_model(make_pipeline(TSSBinner(), StandardScaler()), tmp_path / "model.skepi")
    text = json.dumps(read_arrays(tmp_path / "model.skepi", KIND)[1])
    assert '["skepi.binning", "TSSBinner"]' in text
    assert '["sklearn.preprocessing", "StandardScaler"]' in text
    assert "._" not in text


def test_trust_does_not_make_an_estimator(tmp_path):
    node = {"estimator": {"class": ["subprocess", "Popen"], "state": {}}}
    path = model_file(tmp_path / "model.skepi", {"shared": 0}, node)
    for trusted in (["subprocess"], [subprocess.Popen]):
        with pytest.raises(ModelFileError, match=r"subprocess\.Popen, which is no estimator"):
            load_model(path, trusted=trusted)


@pytest.mark.parametrize("trusted", ["sklearn", [3], [""], [Ridge()]], ids=repr)
def test_trust_is_in_modules_and_classes(trusted, tmp_path):
    with pytest.raises(TypeError, match="sequence of module names and classes"):
        load_model(tmp_path / "absent", trusted=trusted)


# --- what a file says about itself


def test_a_file_says_what_it_is(tmp_path):
    path = tmp_path / "model.skepi"
    metadata = {"data": "heme14", "skill": 0.25, "genes": [1, None, True]}
    save_model(make_pipeline(Ridge()), path, metadata=metadata)
    info = read_model_info(path)
    assert info["metadata"] == metadata
    assert info["estimator"] == "sklearn.pipeline.Pipeline"
    assert info["format"] == 2
    assert info["versions"]["scikit-learn"] == sklearn.__version__
    assert sorted(info["versions"]) == ["numpy", "pandas", "python", "scikit-learn", "skepi"]
    assert abs(pd.Timestamp.now("UTC") - pd.Timestamp(info["date"])) < pd.Timedelta("1min")
    save_model(Ridge(), path)
    assert read_model_info(path)["metadata"] is None


def test_information_needs_no_class_and_no_trust(tmp_path):
    path = model_file(tmp_path / "model.skepi", {"named": ["os", "system"]}, estimator="os.system")
    assert read_model_info(path)["estimator"] == "os.system"


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": {1}}, "cannot be written as JSON: .*set"),
        ({"a": np.float32(1)}, "cannot be written as JSON: .*float32"),
        ({"a": cyclic()}, "cannot be written as JSON: Circular"),
        ({"a": float("nan")}, "gives back as it was"),
        ({"a": (1, 2)}, "gives back as it was"),
        ({1: "a"}, "gives back as it was"),
        (["a"], "must be a dict"),
    ],
    ids=str,
)
def test_metadata_that_json_would_change_are_refused(metadata, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save_model(Ridge(), tmp_path / "model.skepi", metadata=metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "written", "warned"),
    [
        ("scikit-learn", "1.2.3", r"written with scikit-learn 1\.2\.3 \(here"),
        ("skepi", "77.0.1", r"written with skepi 77\.0\.1 \(here"),
        ("scikit-learn", None, r"written with scikit-learn None \(here"),
        ("scikit-learn", ".".join([*sklearn.__version__.split(".")[:2], "99"]), None),
        ("numpy", "1.0", None),
    ],
)
def test_another_minor_version_is_warned_of(name, written, warned, tmp_path, recwarn):
    versions = {"skepi": skepi.__version__, "scikit-learn": sklearn.__version__, name: written}
    path = lasso_file(tmp_path / "model.skepi", 1, versions=versions)
    if warned is None:
        load_model(path)
        assert len(recwarn) == 0
    else:
        with pytest.warns(ModelVersionWarning, match=warned) as caught:
            load_model(path)
        assert caught[0].filename == __file__


def test_scikit_learns_own_version_warning_stays_away(tmp_path, monkeypatch):
    """Its estimators compare versions one by one; the file is compared once."""
    save_model(make_pipeline(StandardScaler(), Ridge()), tmp_path / "model.skepi")
    arrays, about = read_arrays(tmp_path / "model.skepi", KIND)
    assert "_sklearn_version" not in json.dumps(about)
    about["versions"]["scikit-learn"] = "1.0.2"
    write_arrays(tmp_path / "model.skepi", arrays, about)
    with pytest.warns(ModelVersionWarning) as caught:
        load_model(tmp_path / "model.skepi")
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"format": 1, "versions": {"skepi": "0.0"}}, r"has format 1 of skepi 0\.0; skepi .* reads format 2"),
        ({"format": "1"}, "does not say by which format"),
        ({"versions": None}, "does not say by which format"),
        ({"kind": "skepi.ExpressionMLP weights 1"}, "holds skepi.ExpressionMLP weights 1, wanted skepi model"),
    ],
    ids=str,
)
def test_other_formats_and_kinds_are_refused(about, message, tmp_path):
    path = lasso_file(tmp_path / "model.skepi", 1, **about)
    for read in (load_model, read_model_info):
        with pytest.raises(ModelFileError, match=message):
            read(path)


def test_what_is_no_model_file_is_refused(tmp_path):
    path = tmp_path / "model.skepi"
    for content in (b"", b"PK\x03\x04", b"\x80\x04\x95", pickle.dumps(Ridge())):
        path.write_bytes(content)
        for read in (load_model, read_model_info):
            with pytest.raises(ModelFileError, match=r"model\.skepi is not a file of a skepi model"):
                read(path)
    np.savez(path.with_suffix(".npz"), a=np.ones(2))
    with pytest.raises(ModelFileError, match="not a file of a skepi model"):
        load_model(path.with_suffix(".npz"))
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        load_model(tmp_path)


def sealed(path, **members):
    """An archive whose digest is right, whatever is in it."""
    np.savez(path, **members)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = bytes(32)
    content = path.read_bytes()[:-32]
    path.write_bytes(content + hashlib.blake2b(content, digest_size=16).hexdigest().encode())
    return path


def test_archives_of_other_programs_are_no_file_of_skepi(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.ones(2))
    with pytest.raises(ValueError, match="not a file of skepi's arrays: it is damaged, or an earlier version"):
        read_arrays(tmp_path / "a.npz", KIND)


def test_sealed_archives_are_read_with_care(tmp_path, monkeypatch):
    path = sealed(tmp_path / "a.npz", a=np.ones(2))
    with pytest.raises(ValueError, match="not a file of skepi's arrays: it has no description"):
        read_arrays(path, KIND)
    path = sealed(tmp_path / "a.npz", about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_arrays(path, KIND)
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: np.empty(10**6, "S0"))
    with pytest.raises(ValueError, match=r"an array of \d+ bytes states 1000000 values"):
        read_arrays(path, KIND)


def test_an_archive_that_would_fill_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    write_arrays(tmp_path / "a.npz", {"zeros": np.zeros(100_000)}, {"kind": KIND}, compress=True)
    assert read_arrays(tmp_path / "a.npz", KIND)[0]["zeros"].size == 100_000
    monkeypatch.setenv("SKEPI_MAX_UNPACKED_BYTES", "100000")
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    for read in (read_arrays, read_about):
        with pytest.raises(ValueError, match="SKEPI_MAX_UNPACKED_BYTES"):
            read(tmp_path / "a.npz", KIND)


def forged(path, stated, kind=zipfile.ZIP_DEFLATED):
    """An archive whose member states few bytes and unpacks to many."""
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.comment = bytes(32)
        archive.writestr("about.npy", bytes(10**6))
    content = bytearray(path.read_bytes()[:-32])
    for head, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(head) + place
        content[at : at + 4] = stated.to_bytes(4, "little")
    path.write_bytes(content + hashlib.blake2b(content, digest_size=16).hexdigest().encode())
    return path


def test_no_more_is_unpacked_than_is_stated(tmp_path):
    path = forged(tmp_path / "a.npz", 100)
    tracemalloc.start()
    with pytest.raises(ValueError, match="Bad CRC-32"):
        read_about(path, KIND)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 500_000
    with pytest.raises(ValueError, match="is packed in a way that skepi does not use"):
        read_about(forged(tmp_path / "a.npz", 100, zipfile.ZIP_BZIP2), KIND)


def test_a_description_has_a_limit_of_its_own(tmp_path, monkeypatch):
    path = model_file(tmp_path / "model.skepi", {"dict": []}, more="x" * (17 << 20))
    assert read_model_info(path)["format"] == 2  # not packed, so it is as long as its file
    monkeypatch.setattr(_files, "_may_be_read", lambda content: True)  # as a stranger would write it
    write_arrays(path, {}, {"kind": KIND, "more": "x" * (17 << 20)}, compress=True)
    with pytest.raises(ModelFileError, match=r"the description has 17,\d{3},\d{3} bytes; the limit is 16,777,216"):
        read_model_info(path)


def test_what_is_written_can_be_read_however_well_it_packs(tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "_ALWAYS_ALLOWED", 100_000)
    write_arrays(tmp_path / "a.npz", {"zeros": np.zeros(100_000)}, {"kind": KIND}, compress=True)
    assert (tmp_path / "a.npz").stat().st_size > 800_000  # stored as it is
    assert read_arrays(tmp_path / "a.npz", KIND)[0]["zeros"].size == 100_000


def test_a_long_description_can_be_read_however_well_it_packs(tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "_LONGEST_LINE", 1_000)
    write_arrays(tmp_path / "a.npz", {}, {"kind": KIND, "more": "x" * 100_000}, compress=True)
    assert read_about(tmp_path / "a.npz", KIND)["more"] == "x" * 100_000


def test_a_setting_that_is_no_number_is_not_taken_for_a_damaged_file(tmp_path, monkeypatch):
    save_model(Ridge(), tmp_path / "model.skepi")
    monkeypatch.setenv("SKEPI_MAX_UNPACKED_BYTES", "1e9")
    with pytest.raises(RuntimeError, match="SKEPI_MAX_UNPACKED_BYTES must be a whole number of bytes"):
        load_model(tmp_path / "model.skepi")


def test_tuples_that_hold_each_other_twice_are_refused(tmp_path):
    """As keys they would be hashed 2 to the 60 times."""
    pairs = [{"tuple": [0, 0]}, *({"tuple": [{"shared": i}, {"shared": i}]} for i in range(60))]
    path = lasso_file(tmp_path / "model.skepi", {"dict": [[{"shared": 60}, 1]]}, *pairs)
    with pytest.raises(ModelFileError, match="is a tuple, which has no identity to share"):
        load_model(path)


@pytest.mark.parametrize("node", [[1, 2], "text", {"shared": 0}, {"array": "0", "more": 1}], ids=repr)
def test_only_values_with_an_identity_are_shared(node, tmp_path):
    path = lasso_file(tmp_path / "model.skepi", {"shared": 1}, [], node)
    with pytest.raises(ModelFileError, match=r"has no identity to share|which does not exist"):
        load_model(path)


def test_one_number_is_no_column(tmp_path):
    """pandas would repeat it along an index of any length."""
    index = {"range_index": {"start": 0, "stop": 10**12, "step": 1, "name": None}}
    series = {
        "series": {"values": {"array": {"array": "0"}}, "index": {"shared": 0}, "name": None, "attrs": {"dict": []}}
    }
    lasso = {"estimator": {"class": ["skepi.linear_model", "LassoBaseline"], "state": {"a": {"shared": 1}}}}
    path = model_file(tmp_path / "model.skepi", {"shared": 2}, index, series, lasso, arrays={"0": np.array(1.0)})
    with pytest.raises(ModelFileError, match=r"a column of shape \(\)"):
        load_model(path)


# --- damage


@pytest.fixture
def small(tmp_path, rng):
    model = make_pipeline(StandardScaler(), GeneZTarget(LassoBaseline(), one_gene=True)).fit(
        rng.normal(size=(9, 2)), rng.normal(size=9)
    )
    save_model(model, tmp_path / "small.skepi")
    return model, tmp_path / "small.skepi"


def test_a_full_disk_leaves_the_former_file(small, monkeypatch):
    model, path = small

    def full(file, content):
        file.write(content[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files, "_write_through", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(Ridge(), path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert_same(load_model(path), model)


def test_a_renaming_that_fails_leaves_the_former_file(small, monkeypatch):
    model, path = small

    def refuse(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(KeyboardInterrupt):
        save_model(Ridge(), path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert_same(load_model(path), model)


def test_systems_without_nameless_files_write_as_well(small, monkeypatch):
    _, path = small

    def refuse(part, content):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(_files, "_write_nameless", refuse)
    save_model(Ridge(alpha=3), path)
    assert load_model(path).alpha == 3
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent is not a folder: cannot write model there"):
        save_model(Ridge(), tmp_path / "absent" / "model")


def test_a_file_can_be_read_by_those_who_may_read_others(tmp_path):
    save_model(Ridge(), tmp_path / "model")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "other").stat().st_mode


WRITE_FOR_EVER = """
import sys
import numpy as np
from sklearn.linear_model import Ridge
from skepi.persistence import save_model
ridge, i = Ridge(), 0
while True:
    ridge.coef_, ridge.alpha = np.full(200_000, i) + np.random.RandomState(0).normal(size=200_000), i
    save_model(ridge, sys.argv[1])
    print("saved", flush=True) if i == 0 else None
    i += 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed process may leave its unfinished file")
@pytest.mark.slow
def test_a_kill_leaves_a_whole_file_and_no_rubbish(tmp_path):
    path = tmp_path / "model.skepi"
    expected = np.random.RandomState(0).normal(size=200_000)
    for wait in (0.0, 0.07, 0.2):
        process = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE)
        with process:
            assert process.stdout.readline() == b"saved\n"
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        loaded = load_model(path)
        np.testing.assert_array_equal(loaded.coef_, np.full(200_000, loaded.alpha) + expected)
        assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_resumable_search_comes_back(pairs, tmp_path):
    grid = {"geneztarget__regressor__lam": [1e-2, 1e-3]}
    search = ResumableGridSearchCV(on_pairs(LassoBaseline()), grid, folder=tmp_path / "sweep", cv=CellTypeKFold(3))
    search.fit(*pairs)
    loaded = there_and_back(search, tmp_path / "model.skepi")
    np.testing.assert_array_equal(loaded.predict(pairs[0]), search.predict(pairs[0]))
    assert loaded.best_params_ == search.best_params_
