"""Symmetric edges: an array like any other, which prints in a line."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skepi._edges import SymmetricEdges
from skepi._keys import described
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.linear_model import LassoBaseline
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler

PIPELINE = Pipeline(
    [("bins", TSSBinner(edges=symmetric_edges())), ("scale", LogZScaler()), ("model", GeneZTarget(LassoBaseline()))]
)


@pytest.mark.parametrize(
    ("distances", "shown"),
    [
        ([0, 1], "symmetric_edges([0, 1])"),
        ([0, 1, 2, 3, 4, 5], "symmetric_edges([0, 1, 2, 3, 4, 5])"),
        ([0, 1, 2, 3, 4, 5, 6], "symmetric_edges([0, 1, 2, ..., 6])"),
        (None, "symmetric_edges([0, 250, 500, ..., 1000000])"),
    ],
)
def test_edges_print_the_distances(distances, shown):
    assert repr(symmetric_edges(distances)) == shown


def test_what_is_printed_whole_makes_the_same_edges():
    edges = symmetric_edges([0, 500, 2_000])
    assert (eval(repr(edges)) == edges).all()


@pytest.mark.parametrize(
    "other",
    [
        symmetric_edges()[3:],
        symmetric_edges().astype(float),
        symmetric_edges()[:0],
        symmetric_edges().reshape(1, -1),
        symmetric_edges([0, 1])[1:2],
        symmetric_edges()[::-1],
        np.array([-2, -1, 1, 2]).view(SymmetricEdges),
        np.array([-2, -2, 0, 2, 2]).view(SymmetricEdges),
    ],
    ids=["part", "float", "empty", "table", "zero", "from the end", "without 0", "repeated"],
)
def test_anything_else_prints_as_an_array(other):
    assert type(other) is SymmetricEdges
    assert repr(other) == repr(np.asarray(other))


def test_what_is_computed_from_edges_is_a_plain_array_or_number():
    edges = symmetric_edges()
    for made in (edges + 1, np.abs(edges), np.diff(edges), edges == 0, np.concatenate([edges, edges])):
        assert type(made) is np.ndarray
    assert type(edges.max()) is np.int64
    assert type(edges[0]) is np.int64


def test_a_pipeline_prints_in_four_lines():
    text = repr(PIPELINE)
    assert "symmetric_edges([0, 250, 500, ..., 1000000])" in text
    assert len(text.splitlines()) <= 4


def test_the_diagram_of_a_pipeline_has_the_short_form():
    page = PIPELINE._repr_html_()
    assert "symmetric_edges([0, 250, 500, ..., 1000000])" in page
    assert "750000" not in page


def test_a_binner_without_settings_prints_none():
    assert repr(TSSBinner()) == "TSSBinner()"


def test_settings_are_what_was_given():
    edges = symmetric_edges()
    binner = TSSBinner(edges=edges)
    assert binner.get_params()["edges"] is edges
    for copied in (clone(binner).edges, deepcopy(edges), pickle.loads(pickle.dumps(edges))):
        assert repr(copied) == repr(edges)
        assert np.array_equal(copied, edges)


def test_keys_of_fits_are_those_of_plain_edges():
    plain = np.asarray(symmetric_edges())
    assert type(plain) is np.ndarray
    assert described(symmetric_edges()) == described(plain)
    assert described(PIPELINE) == described(clone(PIPELINE).set_params(bins__edges=plain))
    assert described(symmetric_edges()) != described(symmetric_edges([0, 250, 500, 1_000_000]))


def test_a_saved_model_prints_as_before(tmp_path):
    X, y = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)[0].pairs(return_X_y=True)
    fitted = clone(PIPELINE).fit(X, y)
    assert type(fitted["bins"].edges_) is np.ndarray
    save_model(fitted, tmp_path / "model.skepi")
    loaded = load_model(tmp_path / "model.skepi")
    assert repr(loaded) == repr(fitted)
    assert np.array_equal(loaded["bins"].edges, symmetric_edges())
