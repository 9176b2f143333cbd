"""What to trust: each rule is made to fire once, kept quiet once, and says which figures it rests on."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from promises import assert_float64_sums
from report_inputs import compared, everything, named_data, parts_of, profile

from skepi.datasets import make_paired_openness
from skepi.paired import PairedDataset
from skepi.report import caveats
from skepi.report._caveats import RULES
from skepi.report._data_section import depth_of

SUBJECT = ("cell types", "knows")
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "reporting.rst"


def said(rule, **contents):
    """Level and text of a rule, or None where it is quiet."""
    found = [caveat for caveat in caveats(**contents) if caveat.rule == rule]
    return (found[0].level, found[0].text) if found else None


def with_scores(split="cell types", model="knows", **values):
    """The comparison with other scores of one model."""
    comparison = everything()["comparison"]
    scores = comparison.scores.copy()
    for name, value in values.items():
        scores.loc[(split, model), name] = value
    return {"comparison": replace(comparison, scores=scores), "model": "knows"}


def with_control(skill):
    comparison = everything()["comparison"]
    return {"comparison": replace(comparison, control_scores=comparison.control_scores.assign(skill=skill))}


def with_skill_of(cell_type, skill):
    comparison = everything()["comparison"]
    table = comparison.by_cell_type.copy()
    table.loc[(*SUBJECT, cell_type), "skill"] = skill
    return {"comparison": replace(comparison, by_cell_type=table)}


def only(split):
    return {"comparison": compared(everything()["data"], [split], controls=())}


def with_cell_types(**columns):
    data = everything()["data"]
    return PairedDataset(data.openness, data.peaks, data.genes, data.expression, data.cell_types.assign(**columns))


def with_depth(factor):
    data = everything()["data"]
    depth = data.openness.sum(axis=0)
    openness = data.openness / depth
    openness[:, 0] *= factor
    return PairedDataset(openness, data.peaks, data.genes, cell_types=data.cell_types)


def counts_compared():
    data, _ = make_paired_openness(n_genes=30, n_cell_types=8, n_lineages=4)
    counts = np.floor(np.expm1(data.expression) * 100)
    return PairedDataset(data.openness, data.peaks, data.genes, counts, data.cell_types)


def flagged(*names):
    outliers = everything()["outliers"]
    return outliers.assign(flagged=outliers.index.isin(names))


def case(rule):
    """Contents that make a rule fire, what it then says, contents that do not, and what it says then (or None)."""
    return {
        "interval_reaches_zero": (
            lambda: with_scores(low_cell_type=-0.1, high_cell_type=0.3),
            "“knows” is better than the mean of each gene is open.*0.10 to 0.30, which reaches 0",
            lambda: with_scores(low_cell_type=0.1, high_cell_type=0.3),
            "“knows” is better than the mean of each gene.*0.10 to 0.30",
        ),
        "control_was_not_run": (
            lambda: only("cell types"),
            r"No control with permuted cell types.*controls=\(\"cell types\",\)",
            lambda: with_control(0.0),
            None,
        ),
        "control_keeps_skill": (
            lambda: with_control(0.06),
            "the skill of “knows” is 0.06, and should be 0 or below",
            lambda: with_control(0.04),
            "the skill of “knows” is 0.04: nothing is left",
        ),
        "coverage_is_off": (
            lambda: with_scores(coverage=0.87),
            "The 90 % intervals of “knows” held 87 % of the held-out values: they are too narrow",
            lambda: with_scores(coverage=0.92),
            "held 92 % of the held-out values, as they should",
        ),
        "slope_is_off": (
            lambda: with_scores(slope=0.79),
            "too large: true ones are 0.79 times as large",
            lambda: with_scores(slope=0.81),
            None,
        ),
        "lineages_lose_much": (
            lambda: with_scores("lineages", skill=0.1),
            "falls from .* to 0.10 when the whole lineage is held out",
            lambda: with_scores("lineages", skill=with_scores()["comparison"].scores.loc[SUBJECT, "skill"] - 0.09),
            "changes little, from",
        ),
        "lineages_were_not_held_out": (
            lambda: only("cell types"),
            "Whole lineages were not held out",
            lambda: with_scores(),
            None,
        ),
        "no_cell_type_was_held_out": (
            lambda: only("chromosomes"),
            "No split held out whole cell types",
            lambda: with_scores(),
            None,
        ),
        "another_model_is_as_good": (
            lambda: with_scores(
                model="promoter", skill=with_scores()["comparison"].scores.loc[SUBJECT, "skill"] - 0.01
            ),
            "“promoter” scores .*, “knows” .*: the simpler one of the two will do",
            lambda: with_scores(
                model="promoter", skill=with_scores()["comparison"].scores.loc[SUBJECT, "skill"] - 0.03
            ),
            None,
        ),
        "model_was_chosen_here": (
            lambda: {"comparison": everything()["comparison"]},
            "“knows” is the best of 3 by the scores of this page",
            lambda: {"comparison": everything()["comparison"], "model": "knows"},
            None,
        ),
        "some_cell_types_lose": (
            lambda: with_skill_of("cell003", -0.2),
            r"“knows” is worse than the mean of each gene: cell003 \(.0.20\)\.",
            lambda: with_skill_of("cell003", 0.2),
            None,
        ),
        "many_pairs_were_left_out": (
            lambda: with_scores(n_left_out=160),
            "10 % of the test pairs were not scored",
            lambda: with_scores(n_left_out=60),
            None,
        ),
        "targets_look_like_counts": (
            lambda: {"comparison": _of_counts()},
            "Expression looks like read counts.*ExpressionNormalizer",
            lambda: with_scores(),
            None,
        ),
        "few_cell_types": (
            lambda: {"data": named_data(n_genes=20, n_cell_types=9)},
            "There are only 9 cell types",
            lambda: {"data": named_data(n_genes=20, n_cell_types=10)},
            None,
        ),
        "assemblies_may_differ": (
            lambda: {"data": _shifted(77_000)},
            "may be of different genome assemblies: .* by chance",
            lambda: {"data": everything()["data"]},
            "Peaks and genes fit together: 9. % of genes",
        ),
        "depth_is_uneven": (
            lambda: {"data": with_depth(5.1)},
            "The openness of cell000 is 5.10 times as deep as that of",
            lambda: {"data": with_depth(4.9)},
            None,
        ),
        "batches_may_differ": (
            lambda: {"data": with_cell_types(data_set=["a", "b"] * 6)},
            "Cell types come from 2 data sets",
            lambda: {"data": with_cell_types(data_set="a", batch="b")},
            None,
        ),
        "cell_types_stand_out": (
            lambda: {"outliers": flagged("cell001", "cell004")},
            "Unlike all others by their data: cell001, cell004",
            lambda: {"outliers": flagged()},
            "No cell type stands out",
        ),
        "parts_have_no_control": (
            lambda: {"parts": parts_of(everything()["comparison"], control=None)},
            "no control was run",
            lambda: {"parts": everything()["parts"]},
            None,
        ),
        "own_surroundings_add_little": (
            lambda: {"parts": parts_of(everything()["comparison"], control=0.99)},
            "hardly needs to know which peaks lie near which gene",
            lambda: {"parts": parts_of(everything()["comparison"], control=0.3)},
            "The surroundings of the gene itself matter",
        ),
        "importance_has_no_null": (
            lambda: {"importance": _without_null()},
            "no null band, so it cannot be told from noise",
            lambda: {"importance": profile()},
            None,
        ),
        "importance_is_noise": (
            lambda: {"importance": profile((False,) * 4)},
            "No distance from the TSS",
            lambda: {"importance": profile()},
            "2 of 4 bands of distance .* between .1 and 1 kb",
        ),
        "links_are_candidates": (
            lambda: {"links": everything()["links"]},
            "Links are candidates",
            lambda: {"data": everything()["data"]},
            None,
        ),
    }[rule]


def _of_counts():
    return compared(counts_compared(), ["cell types"], controls=())


def _shifted(distance_bp):
    data = everything()["data"]
    with pytest.warns(Warning, match="genome assemblies"):
        return PairedDataset(
            data.openness,
            data.peaks,
            data.genes.assign(tss=data.genes["tss"] + distance_bp),
            cell_types=data.cell_types,
        )


def _without_null():
    made = profile()
    return replace(made, table=made.table[["from_bp", "to_bp", "importance"]])


@pytest.mark.filterwarnings("ignore:y looks like raw counts")
@pytest.mark.parametrize("rule", [rule.__name__ for rule in RULES])
def test_a_rule_fires_and_is_kept_quiet(rule):
    firing, words, quiet, trusted = case(rule)
    level, text = said(rule, **firing())
    assert level == "careful"
    assert re.search(words, text), text
    verdict = said(rule, **quiet())
    if trusted is None:
        assert verdict is None
    else:
        assert verdict[0] == "trust"
        assert re.search(trusted, verdict[1]), verdict[1]


def test_rules_are_silent_without_anything_to_look_at():
    assert caveats() == []


def test_warnings_come_first():
    levels = [caveat.level for caveat in caveats(**everything())]
    assert levels == sorted(levels)
    assert set(levels) == {"careful", "trust"}


def test_one_tested_cell_type_has_no_interval():
    contents = with_scores(low_cell_type=np.nan, high_cell_type=np.nan)
    assert "one cell type alone was tested" in said("interval_reaches_zero", **contents)[1]


def test_wide_intervals_and_timid_predictions_are_named():
    assert "too wide" in said("coverage_is_off", **with_scores(coverage=0.95))[1]
    assert "too small" in said("slope_is_off", **with_scores(slope=1.3))[1]
    assert said("coverage_is_off", **with_scores(coverage=np.nan)) is None


@pytest.mark.parametrize(("lead", "fires"), [(0.019, True), (0.021, False)])
def test_a_lead_of_less_than_02_is_none(lead, fires):
    skill = with_scores()["comparison"].scores.loc[SUBJECT, "skill"] - lead
    assert (said("another_model_is_as_good", **with_scores(model="promoter", skill=skill)) is not None) == fires


@pytest.mark.parametrize(("share", "fires"), [(0.049, False), (0.051, True)])
def test_one_pair_in_20_may_be_left_out(share, fires):
    comparison = with_scores(n_left_out=1000 * share, n_pairs=1000 * (1 - share))
    assert (said("many_pairs_were_left_out", **comparison) is not None) == fires


def test_peaks_that_are_nearly_everywhere_say_nothing_of_the_assembly():
    data = everything()["data"]
    starts = np.concatenate([data.genes["tss"] + shift for shift in (-50_000, 0, 50_000)])
    peaks = pd.DataFrame({"chrom": [*data.genes["chrom"]] * 3, "start": starts, "end": starts + 1})
    dense = PairedDataset(np.ones((len(peaks), 12)), peaks, data.genes, cell_types=data.cell_types)
    found = dense.peaks_at_start_sites
    assert not found.seem_apart
    assert (found.share, found.share_shifted) == (1, 1)
    assert said("assemblies_may_differ", data=dense) is None


def test_a_better_model_is_not_called_simpler():
    assert "take the better one" in said("another_model_is_as_good", **with_scores(model="promoter", skill=0.99))[1]


def test_a_cell_type_without_signal_is_said_to_have_none():
    assert "cell000 has no openness at all" in said("depth_is_uneven", data=with_depth(0.0))[1]


def test_depth_leaves_out_mitochondrial_peaks():
    data = everything()["data"]
    peaks, openness = data.peaks.copy(), np.array(data.openness)
    peaks.loc[peaks.index[:2], "chrom"] = "chrM"
    openness[:2, 0] = 1e6  # in one cell type alone
    swamped = PairedDataset(openness, peaks, data.genes, cell_types=data.cell_types)
    shown = depth_of(swamped)["openness"]
    by_hand = openness[2:].astype(np.float64).mean(axis=0)
    assert_float64_sums(shown.to_numpy(), by_hand)
    assert said("depth_is_uneven", data=swamped) == said("depth_is_uneven", data=data)


def test_batches_are_called_batches():
    assert (
        "Cell types come from 3 batches."
        in said("batches_may_differ", data=with_cell_types(batch=["a", "b", "c"] * 4))[1]
    )


def test_an_interval_that_is_written_from_0_reaches_0():
    assert said("interval_reaches_zero", **with_scores(low_cell_type=0.004, high_cell_type=0.3))[0] == "careful"
    assert said("interval_reaches_zero", **with_scores(low_cell_type=0.005, high_cell_type=0.3))[0] == "trust"


def test_a_model_that_explains_little_is_not_praised_for_losing_little():
    scores = with_scores(skill=0.09)["comparison"].scores.copy()
    scores.loc[("lineages", "knows"), "skill"] = 0.07
    weak = {"comparison": replace(everything()["comparison"], scores=scores), "model": "knows"}
    assert said("lineages_lose_much", **weak) is None
    scores.loc[("lineages", "knows"), "skill"] = 0.075
    assert said("lineages_lose_much", **weak)[0] == "trust"
    scores.loc[(["cell types", "lineages"], "knows"), "skill"] = 0.004
    assert said("lineages_lose_much", **weak) is None


@pytest.mark.parametrize("split", ["lineages", "chromosomes"])
def test_a_loss_with_the_lineage_is_that_of_new_cell_types_alone(split):
    whole = {"comparison": everything()["comparison"], "model": "knows"}
    assert said("lineages_lose_much", **whole, split=split) is None
    assert said("lineages_lose_much", **whole, split="cell types") is not None


def test_outliers_may_be_biology():
    assert "biology or a failed measurement" in said("cell_types_stand_out", outliers=flagged("cell001"))[1]


def test_many_losing_cell_types_are_counted():
    comparison = everything()["comparison"]
    table = comparison.by_cell_type.assign(skill=-0.1)
    assert "and 7 more" in said("some_cell_types_lose", comparison=replace(comparison, by_cell_type=table))[1]


def test_the_guide_lists_the_rules_in_their_order():
    listed = re.findall(r"^``(\w+)``  ", PAGE.read_text(), flags=re.MULTILINE)
    assert listed == [rule.__name__ for rule in RULES]


def test_what_no_model_scores_is_nothing_to_report_on():
    comparison = everything()["comparison"]
    scores = comparison.scores.assign(skill=np.nan, within_gene_skill=np.nan)
    with pytest.raises(ValueError, match="no model has a score under"):
        caveats(comparison=replace(comparison, scores=pd.DataFrame(scores)))
