"""AttentionDisplay: what is drawn is the table, it can be read, and other tables are refused."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums
from several_signals import several_signals
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.inspection import bin_attention, signal_attention
from skepi.neural_network import BinAttention
from skepi.plotting import AttentionDisplay
from skepi.preprocessing import LogZScaler, Materialize

BANDS = np.arange(-4_000, 4_001, 1_000)
SMALL = {"bin_units": 2, "signal_units": 2, "max_epochs": 1, "random_state": 0}


def tables(signals, edges, seed=0):
    rng = np.random.default_rng(seed)
    of_bins = rng.dirichlet(np.ones(len(edges) - 1), size=len(signals))
    bins = [
        pd.DataFrame({"signal": name, "feature": "", "from_bp": edges[:-1], "to_bp": edges[1:], "attention": row})
        for name, row in zip(signals, of_bins, strict=True)
    ]
    of_signals = pd.DataFrame({"signal": signals, "feature": "", "attention": rng.dirichlet(np.ones(len(signals)))})
    return {"bins": pd.concat(bins, ignore_index=True), "signals": of_signals}


@pytest.fixture(scope="module")
def fitted():
    X, y = several_signals().pairs(return_X_y=True)
    return make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(BinAttention(**SMALL))).fit(X, y), X


@pytest.mark.parametrize(
    ("signals", "edges"),
    [
        (["H3K4me3", "H3K27me3", "H3K36me3", "H3K4me1", "H3K9me3"], np.arange(-10_000, 10_001, 500)),
        (["ATAC", "a signal whose name goes on and on and on"], BANDS),
        (["ATAC", "H3K27ac"], np.arange(-50_000, 50_001, 1_000)),
        (["ATAC"], [-300, -100, 100, 300]),
    ],
    ids=["five marks", "a long name", "100 bins", "no edge at the TSS"],
)
def test_the_figure_is_the_table_and_can_be_read(signals, edges):
    given = tables(signals, np.asarray(edges))
    display = AttentionDisplay(**given).plot()
    figures.assert_readable(display.figure_)
    drawn = display.image_.get_array()
    assert drawn.tolist() == given["bins"]["attention"].to_numpy().reshape(len(signals), -1).tolist()
    assert display.image_.get_clim() == (0, given["bins"]["attention"].max())
    assert [float(bar.get_width()) for bar in display.bars_] == given["signals"]["attention"].tolist()
    top, bottom = display.ax_.get_ylim()[::-1]
    assert top < bottom  # the first signal is on top
    assert (display.tss_ is None) == (0 not in edges)


def test_given_axes_hold_it_and_say_what_colours_mean():
    _, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    display = AttentionDisplay(**tables(["ATAC", "H3K27ac"], BANDS)).plot(ax)
    assert display.ax_ is ax
    figures.assert_readable(display.figure_)
    assert ax.get_title(loc="left").startswith("attention to bins, from 0 (white) to")


def test_a_fitted_pipeline_is_drawn_as_its_tables_say(fitted):
    model, X = fitted
    display = AttentionDisplay.from_estimator(model, X)
    assert_exact(display.bins, bin_attention(model, X))
    assert_exact(display.signals, signal_attention(model, X))
    assert display.image_.get_array().shape == (2, 8)


def test_attention_goes_through_pipelines_and_target_scaling(fitted):
    model, X = fitted
    Z = model[:-1].transform(X)
    network = model[-1].regressor_
    for verb in (bin_attention, signal_attention):
        own = getattr(network, verb.__name__)(Z, "gene")
        assert_exact(verb(model, X, "gene"), own)
        assert_exact(verb(network, Z, "gene"), own)
    around = GeneZTarget(make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), BinAttention(**SMALL)))
    expected = bin_attention(model, X)["attention"].to_numpy()
    y = several_signals().pairs(return_X_y=True)[1]
    assert_float32_sums(bin_attention(around.fit(X, y), X)["attention"].to_numpy(), expected)


def test_arrays_in_a_pipeline_have_attention(rng):
    X = rng.normal(size=(40, 6))
    model = make_pipeline(Materialize(), BinAttention(n_signals=2, **SMALL)).fit(X, X[:, 0])
    table = bin_attention(model, X)
    assert table.columns.tolist() == ["signal", "bin", "attention"]
    with pytest.raises(ValueError, match="bins of plain arrays have no offsets from a TSS; fit the network to binned"):
        AttentionDisplay.from_estimator(model, X)


def test_a_model_without_attention_is_refused(fitted):
    X, y = several_signals().pairs(return_X_y=True)
    ridge = make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    with pytest.raises(TypeError, match="Ridge has no attention: wanted a network that has it, such as BinAttention"):
        bin_attention(ridge, X)


def test_tables_that_are_no_grid_are_refused(fitted):
    model, X = fitted
    given = tables(["ATAC", "H3K27ac"], BANDS)
    with pytest.raises(ValueError, match="several rows per bin; take those of one cell type, gene or row, or by='all'"):
        AttentionDisplay(bins=bin_attention(model, X, "gene"), signals=given["signals"]).plot()
    with pytest.raises(ValueError, match="several rows per signal"):
        AttentionDisplay(bins=given["bins"], signals=signal_attention(model, X, "gene")).plot()
    with pytest.raises(ValueError, match=r"wanted the same neighbouring bins for each of the signals \['ATAC'\]"):
        AttentionDisplay(bins=given["bins"], signals=given["signals"][:1]).plot()
    with pytest.raises(ValueError, match="wanted the same neighbouring bins"):
        AttentionDisplay(bins=given["bins"][:-1], signals=given["signals"]).plot()
    with pytest.raises(ValueError, match="31 signals, and at most 30 can be read"):
        AttentionDisplay(**tables([f"s{k}" for k in range(31)], BANDS)).plot()
    with pytest.raises(ValueError, match=r"attention to signals: missing columns \['attention'\]"):
        AttentionDisplay(bins=given["bins"], signals=given["signals"].drop(columns="attention")).plot()
