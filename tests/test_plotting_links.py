"""LinkEnrichmentDisplay and GeneLinksDisplay: what is drawn are the numbers of the table, and can be read."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_within

from skepi.datasets import make_linked_openness
from skepi.exceptions import UnknownNameError
from skepi.inspection import link_enrichment, score_links
from skepi.plotting import GeneLinksDisplay, LinkEnrichmentDisplay
from skepi.plotting._style import ORANGE


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
    assert_exact(display.table, link_enrichment(links, truth.links, **settings))
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


# Arcs


def links_of(gene="GATA1", strand="+", tss=500_000, chrom="chrX", scores=(4.0, 3.0, 2.0, 1.0, 0.0)):
    """Links of one gene to peaks whose middle lies 100, -50, 20, -300 and 400 kb from its TSS."""
    middle = np.array([tss + 100_000, tss - 50_000, tss + 20_000, tss - 300_000, tss + 400_000])
    score = np.array(scores)
    columns = {"chrom": chrom, "start": middle - 250, "end": middle + 250, "gene": gene, "tss": tss, "strand": strand}
    share = score / score.sum() if score.sum() else score
    return pd.DataFrame({**columns, "score": score, "share": share, "activity": [1.0, 2, 3, 4, 5]})


def test_arcs_join_the_best_peaks_to_the_tss():
    display = GeneLinksDisplay(links=links_of().sample(frac=1, random_state=0)).plot(n=3)
    ends = [figures.data_of(arc)[0] for arc in display.arcs_]
    assert [x[0] for x in ends] == [600_000, 450_000, 520_000]  # the best first
    assert {x[-1] for x in ends} == {500_000}
    height = [max(figures.data_of(arc)[1]) for arc in display.arcs_]
    assert height[0] > height[1] > height[2]  # farther, higher
    width = [arc.get_linewidth() for arc in display.arcs_]
    assert_within(np.diff(width, n=2), [0], 1e-9, "a figure is drawn in single steps")  # shares 4 3 2 of 10
    assert width[0] > width[1] > width[2]
    bars = display.peaks_.get_segments()
    assert sorted(bar[0][0] for bar in bars) == [450_000, 520_000, 600_000]
    depth = {bar[0][0]: bar[0][1] - bar[1][1] for bar in bars}  # activities are 1, 2 and 3
    assert depth[600_000] / depth[520_000] == pytest.approx(np.log(2) / np.log(4))
    assert display.tss_.get_text() == "GATA1"
    said = figures.assert_readable(display.figure_)
    assert "position on chrX (kb)" in said
    assert any("the best 3 peaks" in text for text in said)


def test_closed_links_have_no_arc_and_marked_ones_another_colour():
    links = pd.concat([links_of("other", tss=900_000), links_of()], ignore_index=True)
    marked = np.zeros(10, dtype=bool)
    marked[[6, 9]] = True
    display = GeneLinksDisplay.from_links(links, "GATA1", marked=marked, marked_label="in Hi-C")
    assert len(display.arcs_) == 4  # one of the five has the score 0
    assert [arc.get_color() == ORANGE for arc in display.arcs_] == [False, True, False, False]
    said = figures.assert_readable(display.figure_)
    assert "in Hi-C: 1 of them" in said


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("name", ["A", "ENSG00000102145.15 of a long name that goes on"])
def test_links_of_a_gene_at_the_edge_can_be_read(strand, name):
    links = links_of(name, strand)
    for side in (links["end"] < 500_000, links["start"] > 500_000):
        figures.assert_readable(GeneLinksDisplay(links=links[side]).plot().figure_)


def test_links_of_simulated_genes_can_be_read():
    data, _ = make_linked_openness(60, 6, n_lineages=2)
    links = score_links(data)
    for gene in links.loc[links["score"] > 0, "gene"].unique()[::15]:
        figures.assert_readable(GeneLinksDisplay.from_links(links, gene, n=25).figure_)
        plt.close("all")
    _, ax = plt.subplots()
    assert GeneLinksDisplay.from_links(links, gene, ax=ax).ax_ is ax


def test_bad_links_of_a_gene_are_refused():
    links = links_of()
    with pytest.raises(UnknownNameError, match="gene MYB has no link in the table"):
        GeneLinksDisplay.from_links(links, "MYB")
    with pytest.raises(ValueError, match=r"links: missing columns \['share'\]"):
        GeneLinksDisplay.from_links(links.drop(columns="share"), "GATA1")
    with pytest.raises(ValueError, match="no link of GATA1 has a score above 0: is its promoter closed"):
        GeneLinksDisplay.from_links(links_of(scores=(0.0,) * 5), "GATA1")
    with pytest.raises(ValueError, match=r"links: wanted those of one gene, got 2: use from_links\(links, gene\)"):
        GeneLinksDisplay(links=pd.concat([links, links_of("MYB")])).plot()
    for bad in ([True], [1, 0, 0, 1, 0]):
        with pytest.raises(ValueError, match="marked must hold True or False for each of the 5 links, got"):
            GeneLinksDisplay.from_links(links, "GATA1", marked=bad)
    for bad in (0, 2.5):
        with pytest.raises(ValueError, match="n must be a whole number of 1 or more"):
            GeneLinksDisplay.from_links(links, "GATA1", n=bad)
