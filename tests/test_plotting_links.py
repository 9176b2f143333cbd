"""LinkEnrichmentDisplay: what is drawn are the numbers of the table, and they can be read."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skepi.datasets import make_linked_openness
from skepi.inspection import link_enrichment, score_links
from skepi.plotting import LinkEnrichmentDisplay


@pytest.fixture(autouse=True)
def _no_figures_left():
    yield
    plt.close("all")


def table_of(*scores, peaks=("all", "without promoters")):
    """Enrichments that rise from score to score."""
    rows = [
        {"score": score, "peaks": kind, "enrichment": 1 + k + 0.2 * j, "low": 0.8 + k, "high": 1.5 + k}
        for k, score in enumerate(scores)
        for j, kind in enumerate(peaks)
    ]
    return pd.DataFrame(rows)


def test_points_and_intervals_are_those_of_the_table():
    table = table_of("activity", "score")
    display = LinkEnrichmentDisplay(table=table).plot()
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["score", "activity"]
    for kind, one in table.groupby("peaks"):
        x, y = figures.data_of(display.points_[kind])
        assert x == pytest.approx(one["enrichment"])
        assert np.round(y).tolist() == [1, 0]  # the first score on top
        segments = display.intervals_[kind].get_segments()
        assert [segment[:, 0].tolist() for segment in segments] == one[["low", "high"]].to_numpy().tolist()
    assert figures.data_of(display.chance_line_)[0] == [1, 1]
    said = figures.assert_readable(display.figure_)
    assert {"all peaks", "without promoters"} <= set(said)


def test_links_are_judged_and_drawn():
    data, truth = make_linked_openness(60, 6, n_lineages=2)
    links = score_links(data, min_distance=20_000)
    settings = {"scores": ["activity", "score"], "distance_bins": 10, "n_bootstrap": 20}
    display = LinkEnrichmentDisplay.from_links(links, truth.links, **settings)
    pd.testing.assert_frame_equal(display.table, link_enrichment(links, truth.links, **settings))
    _, ax = plt.subplots()
    assert LinkEnrichmentDisplay.from_links(links, truth.links, ax=ax, **settings).ax_ is ax


def test_one_kind_of_peaks_and_names_of_ones_own():
    table = table_of("z", "tss_between", "abc", peaks=("all",))
    names = {"z": "correlation across cell types, against matched peaks, of any kind"}
    display = LinkEnrichmentDisplay(table=table).plot(names=names)
    assert list(display.points_) == ["all"]
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[-1].startswith("correlation across")
    assert labels[:-1] == ["abc", "tss_between"]
    figures.assert_readable(display.figure_)


def test_many_scores_can_be_read():
    figures.assert_readable(LinkEnrichmentDisplay(table=table_of(*(f"score {k}" for k in range(14)))).plot().figure_)


def test_bad_tables_are_refused():
    table = table_of("score")
    with pytest.raises(TypeError, match="enrichment of links: wanted a DataFrame, got list"):
        LinkEnrichmentDisplay(table=[1]).plot()
    with pytest.raises(ValueError, match=r"enrichment of links: missing columns \['low'\]"):
        LinkEnrichmentDisplay(table=table.drop(columns="low")).plot()
    with pytest.raises(ValueError, match="enrichment of links: the table has no rows"):
        LinkEnrichmentDisplay(table=table[:0]).plot()
    with pytest.raises(ValueError, match="no enrichment is finite: no pair is a measured link"):
        LinkEnrichmentDisplay(table=table.assign(enrichment=np.nan)).plot()
    with pytest.raises(ValueError, match=r"peaks must be 'all' or 'without promoters', got 'some'"):
        LinkEnrichmentDisplay(table=table.assign(peaks="some")).plot()
    with pytest.raises(TypeError, match="ax must be matplotlib axes or None, got str"):
        LinkEnrichmentDisplay(table=table).plot("here")
