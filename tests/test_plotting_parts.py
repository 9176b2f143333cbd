"""PartContributionsDisplay: what is drawn are the numbers of the tables, and they can be read."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skepi.exceptions import UnknownNameError
from skepi.inspection import part_contributions
from skepi.plotting import PartContributionsDisplay

LONG = "CD4-positive, alpha-beta memory T cell, donor"
EACH = pytest.mark.parametrize("n_genes", [2, 40, pytest.param(400, marks=pytest.mark.slow), 12_000])


def table_of(n_genes, n_cell_types=8, parts=("cis", "cell_state"), gene="gene{}", cell="cell{}", seed=0, worst=0):
    """Held-out pairs whose parts each know some of the truth, more or less of it in different genes."""
    rng = np.random.default_rng(seed)
    genes, cells = np.repeat(np.arange(n_genes), n_cell_types), np.tile(np.arange(n_cell_types), n_genes)
    t = rng.normal(0, 1, genes.size)
    values = {}
    for name in parts:
        weight = rng.uniform(-0.1, 0.8, n_genes)[genes] / len(parts) * 1.5
        values[name] = weight * t + rng.normal(0, 0.15, t.size) * np.where(genes < worst, 16, 1)
    names = {"gene": [gene.format(k) for k in genes], "cell_type": [cell.format(k) for k in cells]}
    frame = pd.DataFrame({"fold": 0, **names, "y_true": 3 + t, "train_mean": 3.0, **values})
    return frame.assign(y_pred=3 + frame[list(parts)].sum(axis=1))


@pytest.fixture(scope="module")
def held_out():
    return table_of(40)


def contributions_of(table):
    return part_contributions(table), part_contributions(table, None)


def said_by(display):
    return " | ".join(figures.assert_readable(display.figure_)).replace("\n", " ")


def named(display):
    return [name.get_text() for name in display.names_]


# Genes


def test_points_are_the_contributions_of_genes(held_out):
    genes, pooled = contributions_of(held_out)
    display = PartContributionsDisplay.from_predictions(held_out)
    assert np.asarray(display.points_.get_offsets()) == pytest.approx(genes[["cis", "cell_state"]].to_numpy())
    assert np.ravel(figures.data_of(display.pooled_point_)) == pytest.approx(pooled[["cis", "cell_state"]].tolist())
    assert np.ravel(figures.data_of(display.median_point_)) == pytest.approx(
        genes[["cis", "cell_state"]].median().tolist()
    )
    assert display.outside_ is None
    assert display.bars_ == {}
    assert display.skill_points_ is None
    said = said_by(display)
    assert "40 genes without matching genes: not measured; use control=True |" in said
    assert display.control_line_ is None
    cis, state, skill = (f"{pooled[name]:.2f}" for name in ("cis", "cell_state", "skill"))
    assert f"all pairs: cis {cis} + cell state {state} = skill {skill}" in said
    assert f"medians over genes: cis {genes['cis'].median():.2f}, cell state" in said
    assert "contribution of cis to skill" in said
    assert "contribution of cell state to skill" in said
    assert "each point is a gene: further right, more skill from cis; further up, more from cell state" in said
    assert display.figure_ is display.ax_.figure


def test_the_control_is_a_line_of_its_skill(held_out):
    table = held_out.assign(y_pred_control=held_out["y_true"] - 0.6 * (held_out["y_true"] - held_out["train_mean"]))
    display = PartContributionsDisplay.from_predictions(table)
    assert np.sum(figures.data_of(display.control_line_), axis=0) == pytest.approx([1 - 0.36] * 2)
    said = said_by(display)
    assert "all pairs, without matching genes: skill 0.64" in said
    assert "not measured" not in said


def test_a_control_outside_the_frame_is_told_in_words(held_out):
    table = held_out.assign(y_pred_control=held_out["train_mean"] + 5)
    display = PartContributionsDisplay.from_predictions(table)
    assert display.control_line_ is None
    level = part_contributions(table, None)["skill_control"]
    assert level < -5
    assert f"without matching genes: skill \N{MINUS SIGN}{-level:.2f}" in said_by(display)


def test_the_control_stands_on_the_bars_of_cell_types(held_out):
    table = held_out.assign(y_pred_control=held_out["y_true"] - 0.6 * (held_out["y_true"] - held_out["train_mean"]))
    display = PartContributionsDisplay.from_predictions(table, by="cell_type")
    values, places = figures.data_of(display.control_points_)
    assert values == pytest.approx([0.64] * 9)  # all pairs, and eight cell types
    assert places == figures.data_of(display.skill_points_)[1]
    assert "open diamonds: skill without matching genes" in said_by(display)
    plain = PartContributionsDisplay.from_predictions(held_out, by="cell_type")
    assert plain.control_points_ is None
    assert "without matching genes: not measured; use control=True" in said_by(plain)


def test_tables_made_without_a_control_are_drawn(held_out):
    genes, pooled = contributions_of(held_out)
    old = PartContributionsDisplay(
        contributions=genes.drop(columns="skill_control"), pooled=pooled.drop("skill_control")
    ).plot()
    assert "not measured; use control=True" in said_by(old)


def test_lines_of_equal_contributions_and_equal_skill(held_out):
    display = PartContributionsDisplay.from_predictions(held_out)
    x, y = figures.data_of(display.equal_line_)
    assert x == y
    low, high = x
    assert len(display.contours_) == 3
    for level, line in zip((0, 0.5, 1), display.contours_, strict=True):
        ends = np.array(figures.data_of(line))
        assert ends.sum(axis=0) == pytest.approx([level, level])
        assert (ends >= low - 1e-12).all()
        assert (ends <= high + 1e-12).all()
    said = said_by(display).split(" | ")
    assert {"skill 0", "0.5", "1"} <= set(said)
    at = {text.get_text(): np.sum(text.xy) for text in display.ax_.texts if hasattr(text, "xy")}
    assert (at["skill 0"], at["0.5"], at["1"]) == pytest.approx((0, 0.5, 1))  # each at its own line


@pytest.mark.slow
@EACH
def test_few_and_many_genes_can_be_read(n_genes):
    table = table_of(n_genes, gene="LONGGENENAME{}", n_cell_types=5, worst=n_genes // 50)
    display = PartContributionsDisplay.from_predictions(table)
    said = said_by(display)
    assert f"{n_genes:,} genes" in said
    assert len(display.names_) >= min(n_genes, 4)
    hexagons = display.points_.get_array() is not None
    assert hexagons == (n_genes > 4_000)


@pytest.mark.slow
@pytest.mark.parametrize("n_genes", [40, 12_000])
def test_small_axes_of_a_larger_figure_can_be_read(n_genes):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    figure.draw_without_rendering()
    display = PartContributionsDisplay.from_predictions(table_of(n_genes, n_cell_types=5), ax=right)
    assert display.ax_ is right
    assert not left.has_data()
    figures.assert_readable(figure)


def test_genes_outside_the_frame_are_counted_and_crossed_at_its_edge():
    table = table_of(40, worst=3)
    genes, _ = contributions_of(table)
    out = genes[(genes[["cis", "cell_state"]] < -1).any(axis=1)]
    assert len(out) == 3
    display = PartContributionsDisplay.from_predictions(table)
    assert len(display.points_.get_offsets()) == 37
    edge = np.asarray(display.outside_.get_offsets())
    high = display.equal_line_.get_xdata()[1]
    assert edge == pytest.approx(out[["cis", "cell_state"]].clip(-1, high).to_numpy())
    assert "40 genes 3 outside the frame (crosses)" in said_by(display)


def test_of_many_genes_the_outermost_are_outside():
    rng = np.random.default_rng(0)
    genes, pooled = contributions_of(table_of(1_000, n_cell_types=12))
    genes[["cis", "cell_state"]] = rng.normal(0.3, 0.1, (1_000, 2))
    genes.iloc[0, genes.columns.get_loc("cis")] = 1.4
    display = PartContributionsDisplay(contributions=genes, pooled=pooled).plot()
    low, high = display.equal_line_.get_xdata()
    assert high < 0.9
    n_out = int(((genes[["cis", "cell_state"]] > high) | (genes[["cis", "cell_state"]] < low)).any(axis=1).sum())
    assert 1 <= n_out <= 8
    assert len(display.outside_.get_offsets()) == n_out
    assert f"{n_out} outside the frame (crosses)" in said_by(display)


def test_genes_asked_for_are_named_wherever_they_lie():
    table = table_of(40, worst=2)
    genes, _ = contributions_of(table)
    display = PartContributionsDisplay.from_predictions(table, genes=["gene20", "gene1"])
    x, y = (f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in genes.loc["gene1", ["cis", "cell_state"]])
    assert named(display) == ["gene20", f"gene1 ({x}, {y})"]
    assert display.names_[0].xy == pytest.approx(tuple(genes.loc["gene20", ["cis", "cell_state"]]))
    assert min(display.names_[1].xy) == -1  # at the edge
    said_by(display)
    assert PartContributionsDisplay.from_predictions(table, genes=[]).names_ == []


def test_the_genes_named_by_default_are_those_with_the_largest_gain_on_each_side():
    genes, pooled = contributions_of(table_of(6, n_cell_types=4))
    genes["cis"] = [0.9, 0.5, 0.4, 0.6, 0.1, 0.0]
    genes["cell_state"] = [0.0, 0.1, 0.2, 0.3, 0.5, 0.0]
    genes["mse_mean"] = [0.1, 1.0, 1.0, 1.0, 1.0, 9.0]  # .09, .5, .4 and .6; .5 above the line; 0 at the line
    display = PartContributionsDisplay(contributions=genes, pooled=pooled).plot()
    assert named(display) == ["gene3", "gene1", "gene2", "gene4"]


@pytest.mark.slow
def test_all_parts_but_the_state_lie_along_the_other_axis():
    table = table_of(40, parts=("cis", "cell_state", "own_cis"))
    genes, pooled = contributions_of(table)
    display = PartContributionsDisplay.from_predictions(table)
    wanted = np.column_stack([genes["cis"] + genes["own_cis"], genes["cell_state"]])
    assert np.asarray(display.points_.get_offsets()) == pytest.approx(wanted)
    assert np.ravel(figures.data_of(display.pooled_point_)) == pytest.approx(
        [pooled["cis"] + pooled["own_cis"], pooled["cell_state"]]
    )
    said = said_by(display)
    assert "contribution of cis + own cis to skill" in said
    assert f"+ own cis {pooled['own_cis']:.2f} = skill {pooled['skill']:.2f}" in said
    display = PartContributionsDisplay.from_predictions(table, state="own_cis")
    assert np.asarray(display.points_.get_offsets())[:, 1] == pytest.approx(genes["own_cis"].to_numpy())
    assert "contribution of cis + cell state to skill" in said_by(display)


@pytest.mark.slow
def test_unseen_genes_say_which_skill_it_is():
    table = table_of(40).assign(train_mean=np.nan)
    for by in ("gene", "cell_type"):
        said = said_by(PartContributionsDisplay.from_predictions(table, by=by))
        assert "to within-gene skill" in said
        assert " skill " not in said.replace("within-gene skill", "")


def test_genes_that_do_not_vary_are_left_out_and_counted():
    table = table_of(40)
    still = table["gene"].isin(["gene3", "gene5"])
    table["y_true"] = table["y_true"].where(~still, 3.0)
    display = PartContributionsDisplay.from_predictions(table)
    assert len(display.points_.get_offsets()) == 38
    assert "38 genes 2 that do not vary left out" in said_by(display)
    with pytest.raises(ValueError, match=r"genes that do not vary have no contributions: \['gene3'\]"):
        PartContributionsDisplay.from_predictions(table, genes=["gene1", "gene3"])
    with pytest.raises(ValueError, match="no gene varies"):
        PartContributionsDisplay.from_predictions(table[still])


# Cell types


@pytest.mark.parametrize("parts", [("cis", "cell_state"), ("cis", "cell_state", "own_cis"), ("cis",)])
def test_bars_of_cell_types_are_stacked_contributions(parts):
    table = table_of(40, parts=parts)
    cells = part_contributions(table, "cell_type").sort_values("skill", ascending=False)
    pooled = part_contributions(table, None)
    display = PartContributionsDisplay.from_predictions(table, by="cell_type")
    assert list(display.bars_) == list(parts)
    for name, bars in display.bars_.items():
        assert [bar.get_width() for bar in bars] == pytest.approx([pooled[name], *cells[name]])
    sums, places = figures.data_of(display.skill_points_)
    assert sums == pytest.approx([pooled["skill"], *cells["skill"]])
    assert places == sorted(places, reverse=True)
    assert [bar.get_y() + bar.get_height() / 2 for bar in display.bars_["cis"]] == pytest.approx(places)
    assert display.points_ is None
    said = said_by(display)
    assert "contribution to skill" in said
    assert "black dots: skill, the sum" in said
    sentence = "each bar adds up what the parts of the prediction contribute to the skill"
    assert sentence in said.replace(" | ", " ")
    labels = dict(zip(display.ax_.get_yticks(), display.ax_.get_yticklabels(), strict=True))
    assert [labels[place].get_text() for place in places] == ["all pairs", *cells.index]


def test_negative_contributions_go_to_the_left():
    cells, pooled = part_contributions(table_of(40), "cell_type"), part_contributions(table_of(40), None)
    cells = cells.iloc[:2].assign(skill=[0.3, 0.2], cis=[0.4, 0.5], cell_state=[-0.1, -0.3])
    bars = PartContributionsDisplay(contributions=cells, pooled=pooled).plot().bars_
    ends = [[(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars[name]][1:] for name in ("cis", "cell_state")]
    assert np.array(ends[0]) == pytest.approx(np.array([(0, 0.4), (0, 0.5)]))
    assert np.array(ends[1]) == pytest.approx(np.array([(0, -0.1), (0, -0.3)]))


@pytest.mark.slow
@pytest.mark.parametrize("n_cell_types", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (14, 45)), 200])
def test_few_and_many_cell_types_can_be_read(n_cell_types):
    display = PartContributionsDisplay.from_predictions(table_of(30, n_cell_types, cell=LONG + " {}"), by="cell_type")
    said = said_by(display)
    assert len(display.bars_["cis"]) == n_cell_types + 1
    assert ("200 cell types, one in 5 named" in said) == (n_cell_types == 200)
    assert said.count(LONG[-12:]) == min(n_cell_types, 40 if n_cell_types == 200 else 45)


def test_cell_types_that_do_not_vary_have_no_bar():
    table = table_of(40)
    table["y_true"] = table["y_true"].where(table["cell_type"] != "cell2", 3.0)
    display = PartContributionsDisplay.from_predictions(table, by="cell_type")
    assert len(display.bars_["cis"]) == 8
    assert "cell2" not in said_by(display)
    with pytest.raises(ValueError, match="the truth varies in no cell type"):
        PartContributionsDisplay.from_predictions(table.assign(y_true=3.0), by="cell_type")


# What cannot be drawn


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"by": "fold"}, ValueError, "by must be one of .*'gene', 'cell_type'.*, got 'fold'"),
        ({"state": "trans"}, ValueError, "state must be one of .*'cis', 'cell_state'.*, got 'trans'"),
        ({"genes": "gene1"}, TypeError, "wanted a sequence of names, got the string 'gene1'"),
        ({"genes": ["gene1", "HBB"]}, UnknownNameError, r"1 gene\(s\) not among the contributions: \['HBB'\]"),
        ({"genes": ["gene1"], "by": "cell_type"}, ValueError, "genes can be named in the plane of genes alone"),
        ({"ax": 3}, TypeError, "ax must be matplotlib axes"),
    ],
)
def test_settings_that_cannot_be_drawn(held_out, settings, error, message):
    with pytest.raises(error, match=message):
        PartContributionsDisplay.from_predictions(held_out, **settings)


def test_a_single_part_has_no_plane():
    with pytest.raises(ValueError, match=r"needs two parts or more, got \['cis'\]"):
        PartContributionsDisplay.from_predictions(table_of(10, parts=("cis",)), state="cis")


def test_tables_of_another_kind(held_out):
    genes, pooled = contributions_of(held_out)
    with pytest.raises(TypeError, match="contributions: wanted a DataFrame, got Series"):
        PartContributionsDisplay(contributions=pooled, pooled=pooled).plot()
    for other in (genes.drop(columns="skill"), genes.rename_axis("chromosome")):
        with pytest.raises(ValueError, match="wanted the table of part_contributions by gene or by cell type"):
            PartContributionsDisplay(contributions=other, pooled=pooled).plot()
    with pytest.raises(ValueError, match="missing columns"):
        PartContributionsDisplay(contributions=genes.drop(columns="mse_mean"), pooled=pooled).plot()
