"""Contributions of the parts of a prediction to its skill: by hand, by law, against slow loops, on a known law."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning, ScaleWarning, SharedPopulationWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cross_val_parts, part_contributions
from skepi.metrics import gene_correlation, gene_in_fold, skill, skill_by, within_gene_skill
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    cross_val_pairs,
)
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset, pool

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
#: Deviations of SD 1, a few per gene, are what is left of values around 3.
DEVIATIONS = 100
PAIRS = ["fold", "gene", "cell_type", "y_true", "y_pred", "train_mean"]
unseen_genes = pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
distant = pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")


def cis_trans(**settings):
    return make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor(**settings))


def pairs_of(n_genes, n_cell_types, **law):
    """``X, y`` of all but the last cell type, which is unlike all others."""
    settings = {"n_chromosomes": 2, "n_lineages": 2, "random_state": 1, **law}
    data, _ = make_paired_openness(n_genes, n_cell_types + 1, **settings)
    return data.pairs(cell_types=list(data.cell_types["name"][:-1]), return_X_y=True)


@pytest.fixture(scope="module")
def few():
    return pairs_of(24, 6)


class TwoParts(RegressorMixin, BaseEstimator):
    """Mean of the gene and two parts that are numbers of the pair's gene and cell type, perhaps with a fault."""

    def __init__(self, fault=None):
        self.fault = fault

    def fit(self, X, y):
        self.means_ = pd.Series(y).groupby(X.gene_codes).mean()
        return self

    def predict(self, X):
        return self._parts(X).sum(axis=1).to_numpy()

    def predict_parts(self, X):
        parts = self._parts(X)
        if self.fault == "sum":
            return parts.assign(near=parts["near"] + 0.01)
        if self.fault == "nan":
            return parts.assign(near=np.nan)
        return {"array": parts.to_numpy(), "level": parts.drop(columns="gene_mean")}.get(self.fault, parts)

    def _parts(self, X):
        near, far = 0.1 * X.gene_codes, 0.2 * X.cell_type_codes
        mean = self.means_.reindex(X.gene_codes).to_numpy() + (0.5 if self.fault == "other level" else 0)
        if self.fault == "level of unseen":
            mean = np.where(np.isnan(mean), self.means_.mean(), mean)
        return pd.DataFrame({"gene_mean": mean, "near": near, "far": far}, index=X.gene_codes)


def table_of(t, parts, genes, mean=3.0, fold=0, cells=None):
    """Held-out pairs with these deviations of truth and these parts."""
    t = np.asarray(t, dtype=float)
    frame = pd.DataFrame({"fold": fold, "gene": genes, "cell_type": "cell" if cells is None else cells})
    frame["y_true"] = t + mean
    frame["y_pred"] = np.sum(list(parts.values()), axis=0) + mean
    frame["train_mean"] = mean
    return frame.assign(**parts)


def random_table(seed, n_genes=5, n_cell_types=4, parts=("cis", "cell_state", "own_cis")):
    rng = np.random.default_rng(seed)
    genes, cells = np.repeat(np.arange(n_genes), n_cell_types), np.tile(np.arange(n_cell_types), n_genes)
    t = rng.normal(size=genes.size)
    values = {name: 0.3 * t + rng.normal(0, 0.5, t.size) for name in parts}
    names = [f"g{9 - gene}" for gene in genes]
    mean = rng.normal(3, 1, n_genes)[genes]
    return table_of(t, values, names, mean, fold=cells % 2, cells=[f"c{cell}" for cell in cells])


def assert_same_shares(found, wanted):
    """Shares of a sum of squares, or correlations, of few deviations: equal but for rounding."""
    assert_float64_sums(found, wanted, summed=1 + np.abs(wanted), condition=DEVIATIONS)


# Two genes in three cell types. Gene a: t = 2, -1, -1; cis = 1, 0, -1; state = 1, -1, 0; so p = t, 2 t - p = t,
# sum t^2 = 6, and contributions are (2 + 0 + 1) / 6 and (2 + 1 + 0) / 6. Gene b: t = 1, 0, -1; cis = 1, 1, 0;
# state = -1, 0, 0; so p = 0, 1, 0, 2 t - p = 2, -1, -2, sum t^2 = 2, and contributions are (2 - 1) / 2 and -2 / 2.
def by_hand():
    parts = {"cis": np.array([1.0, 0, -1, 1, 1, 0]), "cell_state": np.array([1.0, -1, 0, -1, 0, 0])}
    return table_of([2, -1, -1, 1, 0, -1], parts, list("bbbaaa"), cells=["x", "y", "z"] * 2)


def test_contributions_of_genes_by_hand():
    found = part_contributions(by_hand())
    r = np.sqrt(0.75)  # 3 / sqrt(6 * 2), and 1 / sqrt(2 * 2 / 3) where the part is less its mean
    wanted = {
        "skill": [1, -0.5],
        "cis": [0.5, 0.5],
        "cell_state": [0.5, -1],
        "skill_control": [np.nan, np.nan],
        "r_cis": [r, r],
        "r_cell_state": [r, -r],
        "n_pairs": [3, 3],
        "mse_mean": [2, 2 / 3],
    }
    index = pd.Index(["b", "a"], name="gene")  # in order of first appearance
    assert_float64_sums(found, pd.DataFrame(wanted, index=index))


def test_contributions_of_cell_types_and_of_all_pairs_by_hand():
    found = part_contributions(by_hand(), "cell_type")
    assert found.index.tolist() == ["x", "y", "z"]
    assert found.index.name == "cell_type"
    # x: t = 2, 1 and 2 t - p = 2, 2; y: t = -1, 0 and -1, -1; z: t = -1, -1 and -1, -2.
    assert found["cis"].tolist() == pytest.approx([4 / 5, -1, 1 / 2])
    assert found["cell_state"].tolist() == pytest.approx([0, 1, 0])
    pooled = part_contributions(by_hand(), by=None)
    assert isinstance(pooled, pd.Series)
    assert pooled.name is None
    assert np.isnan(pooled["skill_control"])
    assert pooled.drop(["skill_control", "r_cis", "r_cell_state"]).to_dict() == pytest.approx(
        {"skill": 5 / 8, "cis": 4 / 8, "cell_state": 1 / 8, "n_pairs": 6, "mse_mean": 8 / 6}
    )


@pytest.mark.parametrize("by", ["gene", "cell_type", None])
def test_contributions_are_those_of_a_slow_loop(by):
    table = random_table(0, n_genes=6, n_cell_types=7).sample(frac=0.8, random_state=0)
    found = part_contributions(table, by)
    labels = [0] * len(table) if by is None else table[by]
    rows = found.to_frame().T.set_axis([0]) if by is None else found
    assert list(rows.index) == list(pd.unique(pd.Series(labels)))
    for label, row in rows.iterrows():
        chosen = table[np.asarray(labels) == label]
        squares, sums = 0.0, dict.fromkeys(("cis", "cell_state", "own_cis"), 0.0)
        for pair in chosen.itertuples():
            t, p = pair.y_true - pair.train_mean, pair.y_pred - pair.train_mean
            squares += t * t
            for name in sums:
                sums[name] += 2 * t * getattr(pair, name) - getattr(pair, name) * p
        assert row["n_pairs"] == len(chosen)
        assert_float64_sums(row["mse_mean"], squares / len(chosen), condition=DEVIATIONS)
        t = chosen["y_true"] - chosen["train_mean"]
        for name, total in sums.items():
            assert_float64_sums(row[name], total / squares, summed=1, condition=DEVIATIONS)
            assert_float64_sums(row[f"r_{name}"], np.corrcoef(t, chosen[name])[0, 1], summed=1, condition=DEVIATIONS)


@given(st.integers(0, 10_000))
def test_contributions_add_up_to_the_skill(seed):
    table = random_table(seed)
    parts = ["cis", "cell_state", "own_cis"]
    columns = [table[name] for name in ("y_true", "y_pred", "train_mean")]
    pooled, genes = part_contributions(table, None), part_contributions(table)
    assert_same_shares(pooled[parts].sum(), skill(*columns))
    assert_same_shares(pooled["skill"], skill(*columns))
    for by in ("gene", "cell_type"):
        found = part_contributions(table, by)
        wanted = skill_by(*columns, by=table[by]).rename_axis(by)
        assert_same_shares(found[parts].sum(axis=1), wanted["skill"])
        assert_same_shares(found["skill"], wanted["skill"])
        assert_same_shares(found["mse_mean"], wanted["mse_mean"])
    weights = genes["n_pairs"] * genes["mse_mean"]
    assert_same_shares(pooled[parts], genes[parts].mul(weights, axis=0).sum() / weights.sum())
    r = gene_correlation(columns[0], columns[2] + table["cis"], columns[2], table["gene"])
    assert_same_shares(genes["r_cis"].to_numpy(), r)


@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_rows_may_come_in_any_order_and_in_any_units(seed, unit):
    table = random_table(seed)
    scaled = table.assign(**{name: unit * table[name] for name in table if name not in PAIRS[:3]})
    found = part_contributions(scaled.sample(frac=1, random_state=seed))
    wanted = part_contributions(table)
    wanted["mse_mean"] *= unit**2
    assert_same_shares(found.loc[wanted.index], wanted)


@given(st.integers(0, 10_000))
def test_a_contribution_is_the_mean_gain_over_all_orders(seed):
    table = random_table(seed)
    t = table["y_true"] - table["train_mean"]

    def skill_of(names):
        return 1 - float(((t - table[list(names)].sum(axis=1)) ** 2).sum() / (t**2).sum())

    orders = list(permutations(["cis", "cell_state", "own_cis"]))
    gains = dict.fromkeys(orders[0], 0.0)
    for order in orders:
        for k, name in enumerate(order):
            gains[name] += (skill_of(order[: k + 1]) - skill_of(order[:k])) / len(orders)
    assert_same_shares(part_contributions(table, None)[list(gains)], pd.Series(gains))


def test_a_part_that_is_zero_contributes_nothing_and_a_perfect_one_all():
    table = random_table(3, parts=("cis",))
    t = table["y_true"] - table["train_mean"]
    found = part_contributions(table.assign(cis=t, cell_state=0.0, y_pred=table["y_true"]))
    assert found["cis"].tolist() == pytest.approx([1] * 5)
    assert found["skill"].tolist() == pytest.approx([1] * 5)
    assert found["r_cis"].tolist() == pytest.approx([1] * 5)
    assert (found["cell_state"] == 0).all()
    assert found["r_cell_state"].isna().all()


def test_equal_parts_share_alike_and_a_part_may_be_split():
    table = random_table(4, parts=("cis", "cell_state"))
    whole = part_contributions(table)
    split = table.assign(left=0.5 * table["cis"], right=0.5 * table["cis"]).drop(columns="cis")
    found = part_contributions(split)
    assert_same_shares(found["left"], whole["cis"] / 2)
    assert found["right"].tolist() == found["left"].tolist()
    assert_same_shares(found["cell_state"], whole["cell_state"])


def test_genes_that_do_not_vary_have_no_contributions():
    table = by_hand()
    still = table["gene"] == "a"
    found = part_contributions(table.assign(y_true=table["y_true"].where(~still, 3.0)))
    assert found.loc["a", ["skill", "cis", "cell_state", "r_cis"]].isna().all()
    assert found.loc["a", ["n_pairs", "mse_mean"]].tolist() == [3, 0]
    assert found.loc["b", "skill"] == 1
    assert part_contributions(table[still].assign(y_true=3.0), None)[["skill", "cis"]].isna().all()


def test_unseen_genes_are_taken_within_the_gene_of_their_fold():
    table = random_table(5).assign(train_mean=np.nan)
    shift = gene_in_fold(table) * 0.7  # levels mean nothing here, whichever part they come from
    moved = table.assign(cis=table["cis"] + shift, y_pred=table["y_pred"] + 2 * shift)
    moved["cell_state"] += shift
    found, wanted = part_contributions(moved), part_contributions(table)
    assert_same_shares(found, wanted)
    assert "skill" not in found
    parts = ["cis", "cell_state", "own_cis"]
    pooled = part_contributions(table, None)
    score = within_gene_skill(table["y_true"], table["y_pred"], gene_in_fold(table))
    assert_same_shares(pooled["within_gene_skill"], score)
    assert_same_shares(pooled[parts].sum(), score)
    assert_same_shares(found[parts].sum(axis=1), found["within_gene_skill"])


def test_the_table_is_left_as_it_was():
    table = random_table(6)
    before = table.copy()
    part_contributions(table)
    assert_exact(table, before)


def test_parts_in_float32_add_up_well_enough():
    table = random_table(7)
    rounded = table.assign(**{name: table[name].astype(np.float32) for name in ("cis", "cell_state", "own_cis")})
    assert_float32_sums(part_contributions(rounded)["cis"], part_contributions(table)["cis"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.to_numpy(), TypeError, "wanted the DataFrame of cross_val_pairs, got ndarray"),
        (lambda t: t.drop(columns=["cis", "cell_state"]), ValueError, "no column holds a part"),
        (lambda t: t.assign(cis=t["cis"] + 1e-3), ValueError, r"\['cis', 'cell_state'\] do not add up.*up to 0.001"),
        (lambda t: t.assign(length=1.0), ValueError, "'length'.* do not add up.*drop columns that are no parts"),
        (lambda t: t.assign(chromosome="chr1"), TypeError, "chromosome: wanted numbers, got dtype .*drop it"),
        (lambda t: t.assign(cis=t["cis"].where(t["gene"] == "a")), ValueError, "cis: wanted finite.* 3 others in 6"),
        (lambda t: pd.concat([t, t[["cis"]]], axis=1), ValueError, "the same column twice"),
        (
            lambda t: t.rename(columns={"cis": "skill"}),
            ValueError,
            r"name of another column of the result: \['skill'\]",
        ),
        (lambda t: t.rename(columns={"cis": "skill_control"}), ValueError, r"of the result: \['skill_control'\]"),
        (lambda t: t.assign(y_pred_control=np.nan), ValueError, "y_pred_control: wanted finite numbers, got 6 others"),
        (lambda t: t.assign(y_pred_control="none"), TypeError, "y_pred_control: wanted numbers, got dtype"),
        (lambda t: t.rename(columns={"cis": "r_cell_state"}), ValueError, r"of the result: \['r_cell_state'\]"),
        (lambda t: t.assign(train_mean=[np.nan, 3, 3, 3, 3, 3]), ValueError, "1 of 6 held-out pairs have no training"),
    ],
)
def test_tables_of_another_kind(change, error, message):
    with pytest.raises(error, match=message):
        part_contributions(change(by_hand()))


def test_unseen_genes_whose_parts_do_not_add_up():
    table = random_table(8).assign(train_mean=np.nan)
    with pytest.raises(ValueError, match="do not add up to y_pred less the level of the gene"):
        part_contributions(table.assign(cis=table["cis"] * 1.1))


def test_groups_of_another_name():
    with pytest.raises(ValueError, match="by must be one of 'gene', 'cell_type', got 'fold'"):
        part_contributions(by_hand(), "fold")


# Held-out parts


@pytest.mark.parametrize("own_cis", [False, True])
def test_parts_stand_beside_the_held_out_pairs(few, own_cis):
    X, y = few
    model = cis_trans(own_cis=own_cis)
    table = cross_val_parts(model, X, y, CellTypeKFold(3))
    parts = ["cis", "cell_state", *["own_cis"] * own_cis]
    assert list(table.columns) == PAIRS + parts
    assert_exact(table[PAIRS], cross_val_pairs(model, X, y, CellTypeKFold(3)))
    assert_float64_sums(table["train_mean"] + table[parts].sum(axis=1), table["y_pred"])
    rows = []
    for train, test in CellTypeKFold(3).split(X, y):
        binner = TSSBinner(edges=EDGES).fit(X[train])
        fitted = CisTransRegressor(own_cis=own_cis).fit(binner.transform(X[train]), y[train])
        rows.append(fitted.predict_parts(binner.transform(X[test])))
    assert_exact(table[parts], pd.concat(rows, ignore_index=True)[parts])


@distant
@pytest.mark.slow
def test_folds_at_once_give_the_same(few):
    one, two = (cross_val_parts(cis_trans(), *few, CellTypeKFold(3), n_jobs=n_jobs) for n_jobs in (1, 2))
    numbers = one.select_dtypes("number").columns
    assert_exact(one.drop(columns=numbers), two.drop(columns=numbers))
    assert_float32_sums(two[numbers], one[numbers])


@distant
@pytest.mark.slow
def test_searches_and_nested_pipelines_give_the_same(few):
    X, y = few
    wanted = cross_val_parts(cis_trans(), X, y, CellTypeKFold(3))
    nested = Pipeline([("nothing", "passthrough"), ("none", None), ("model", cis_trans())])
    search = GridSearchCV(cis_trans(), {"cistransregressor__cis_penalty": [1e-3]}, cv=CellTypeKFold(2))
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    assert_exact(cross_val_parts(nested, X, y, CellTypeKFold(3)), wanted)
    assert_exact(cross_val_parts(search, X, y, CellTypeKFold(3)), wanted)
    assert_exact(cross_val_parts(CisTransRegressor(), bins, y, CellTypeKFold(3)), wanted)


def test_a_splitter_without_a_seed_splits_once(few):
    X, y = few
    cv = PairKFold(3, shuffle=True, random_state=np.random.RandomState(0))
    table = cross_val_parts(TwoParts(), X, y, cv)
    assert len(table) == len(X)
    assert not table.duplicated(["gene", "cell_type"]).any()
    assert_float64_sums(table["train_mean"] + table["near"] + table["far"], table["y_pred"])


@pytest.fixture(scope="module")
def two_laboratories():
    """Pairs of a pool whose two data sets share two populations."""
    data, _ = make_paired_openness(12, 8, n_chromosomes=2, n_lineages=2)
    names = list(data.cell_types["name"])
    sets = [data.subset(cell_types=names[:5]), data.subset(cell_types=names[3:])]
    return pool(sets, shared=names[3:5]).pairs(return_X_y=True)


def test_twins_of_all_folds_are_said_once(two_laboratories):
    X, y = two_laboratories
    said = "'set1:cell003', 'set1:cell004', 'set2:cell003', 'set2:cell004' is tested.*groups='population'$"
    with pytest.warns(SharedPopulationWarning, match=said) as warned:
        cross_val_parts(TwoParts(), X, y, LeaveOneCellTypeOut(), control=True)
    assert len(warned) == 1


@pytest.mark.parametrize("cv", [LeaveOneCellTypeOut(), CrossedKFold(4, 2)])
def test_groups_hold_twins_out_together(two_laboratories, cv):
    X, y = two_laboratories
    table = cross_val_parts(TwoParts("level of unseen"), X, y, cv, groups="population")
    assert_exact(table[PAIRS], cross_val_pairs(TwoParts("level of unseen"), X, y, cv, groups="population"))


def test_counts_are_said_once(few):
    X, _ = few
    counts = 1_000 + np.arange(len(X)) % 7
    with pytest.warns(ScaleWarning, match="y looks like raw counts") as warned:
        cross_val_parts(TwoParts(), X, counts, CellTypeKFold(3))
    assert len(warned) == 1


@unseen_genes
def test_unseen_genes_have_parts_around_the_level_that_the_model_gives_them(few):
    X, y = few
    table = cross_val_parts(cis_trans(), X, y, ChromosomeKFold(2))
    assert table["train_mean"].isna().all()
    assert (table["cell_state"] == 0).all()
    level = (table["y_pred"] - table["cis"] - table["cell_state"]).groupby(table["fold"])
    assert_float64_sums(level.std(), 0, summed=table["y_pred"].abs().max())  # the grand mean of the fold
    pooled = part_contributions(table, None)
    score = within_gene_skill(table["y_true"], table["y_pred"], gene_in_fold(table))
    assert_float64_sums(pooled["cis"], score, summed=1, condition=DEVIATIONS)
    assert pooled["cell_state"] == 0


def test_warnings_come_once():
    data, _ = make_paired_openness(24, 7, n_chromosomes=2, n_lineages=2, random_state=1)
    X, y = data.pairs(return_X_y=True)
    last = X.cell_type_codes == 6
    cv = [(np.flatnonzero(~last), np.flatnonzero(last))]
    with pytest.warns(DistantCellTypeWarning) as caught:
        cross_val_parts(cis_trans(), X, y, FixedFolds(cv))
    assert len(caught) == 1


class FixedFolds:
    """A splitter that gives these folds."""

    def __init__(self, folds):
        self.folds = folds

    def split(self, X, y=None, groups=None):
        return iter(self.folds)


class NeverFits(Ridge):
    def fit(self, X, y):
        raise AssertionError("refused before the first fit")


@pytest.mark.parametrize(
    "estimator",
    [
        NeverFits(),
        make_pipeline(TSSBinner(), NeverFits()),
        GeneZTarget(NeverFits()),
        TransformedTargetRegressor(CisTransRegressor()),
        GridSearchCV(NeverFits(), {}),
        DummyRegressor(),
    ],
)
def test_models_without_parts(few, estimator):
    with pytest.raises(TypeError, match=f"{type(estimator).__name__} has no predict_parts at its end"):
        cross_val_parts(estimator, *few, CellTypeKFold(3))


@pytest.mark.parametrize("fault", ["array", "level"])
def test_parts_without_a_level(few, fault):
    with pytest.raises(TypeError, match=r"TwoParts\.predict_parts: wanted a DataFrame with gene_mean"):
        cross_val_parts(TwoParts(fault), *few, CellTypeKFold(3))


@pytest.mark.parametrize(("fault", "off"), [("sum", "0.01"), ("nan", "nan"), ("other level", "0.5")])
def test_parts_that_do_not_add_up(few, fault, off):
    with pytest.raises(
        ValueError, match=rf"parts \['near', 'far'\] do not add up to the prediction: off by up to {off}"
    ):
        cross_val_parts(TwoParts(fault), *few, CellTypeKFold(3))


def test_what_is_not_a_splitter_or_no_pairs(few):
    with pytest.raises(TypeError, match="cv must be a splitter"):
        cross_val_parts(cis_trans(), *few, 3)
    with pytest.raises(TypeError, match="wanted pairs"):
        cross_val_parts(cis_trans(), np.zeros((4, 2)), np.zeros(4), FixedFolds([([0, 1], [2, 3])]))


# A known law, and blood


@pytest.mark.slow
@distant
def test_the_part_that_carries_the_law_contributes_more():
    by_cis, by_state = (
        part_contributions(cross_val_parts(cis_trans(), *pairs_of(80, 12, **law), LeaveOneCellTypeOut()), None)
        for law in ({"cis_share": 0.8, "program_share": 0.1}, {"cis_share": 0.1, "program_share": 0.8})
    )
    # The state may take what bands cannot say of single peaks, so that cis need not be the larger even where it is all.
    assert by_cis["cis"] > by_state["cis"] + 0.1
    assert by_state["cell_state"] > by_cis["cell_state"] + 0.3
    assert by_state["cis"] < 0.1 < 0.5 < by_state["cell_state"]


@distant
def test_genes_that_follow_their_own_openness_are_told_from_those_that_follow_the_state():
    data, truth = make_paired_openness(120, 13, n_chromosomes=2, n_lineages=2, cis_share=0.5, program_share=0.5)
    own = np.arange(120) % 2 == 0
    parts = np.where(own[:, None], truth.cis, truth.program) * np.sqrt(2)
    data = PairedDataset(data.openness, data.peaks, data.genes, np.maximum(parts + 5, 0), cell_types=data.cell_types)
    X, y = data.pairs(cell_types=list(data.cell_types["name"][:-1]), return_X_y=True)
    genes = part_contributions(cross_val_parts(cis_trans(), X, y, CellTypeKFold(6)))
    difference = (genes["cis"] - genes["cell_state"]).loc[data.genes["name"]].to_numpy()
    assert np.median(difference[own]) > 0.1 + np.median(difference[~own])


@pytest.fixture(scope="module")
def blood(blood_path):
    """``X, y`` of 14 populations with lineages, progenitors among those they become."""
    pytest.importorskip("pyarrow")
    openness, peaks, genes, counts = (
        pd.read_parquet(blood_path / f"{name}.parquet") for name in ("openness", "peaks", "genes", "expression")
    )
    lineage = pd.read_csv(blood_path / "samples.tsv", sep="\t").set_index("cell_type")["lineage"]
    folded = lineage.str.replace("stem/progenitor", "stem").str.replace(" progenitor", "")
    names, kept = list(openness.columns[1:]), genes["chrom"].isin(peaks["chrom"]).to_numpy()
    data = PairedDataset(
        openness[names].to_numpy(np.float32),
        peaks[["chrom", "start", "end"]],
        genes.rename(columns={"gene": "name"})[kept],
        counts.loc[kept, names].to_numpy(float),
        pd.DataFrame({"name": names, "lineage": folded[names].to_numpy()}),
    )
    return data.transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1)).pairs(return_X_y=True)


@pytest.mark.slow
@distant
@pytest.mark.long
def test_the_state_of_blood_cells_says_less_where_no_relative_is_in_training(blood):
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    population, lineage = (
        part_contributions(cross_val_parts(model, *blood, cv), None) for cv in (LeaveOneCellTypeOut(), LineageKFold())
    )
    assert population[["cis", "cell_state"]].min() > 0.15
    assert lineage["cell_state"] < population["cell_state"] - 0.1
    assert_within(lineage["cis"], population["cis"], 0.05, "two estimates from the same 14 populations")


# Without matching genes


def test_the_skill_of_the_control_by_hand():
    # Gene b: t = 2, -1, -1 and the control 1, -1, 0, so 1 - (1 + 0 + 1) / 6; gene a: t = 1, 0, -1 and the control
    # 0, 1, 0, so 1 - (1 + 1 + 1) / 2.
    table = by_hand().assign(y_pred_control=3 + np.array([1.0, -1, 0, 0, 1, 0]))
    found = part_contributions(table)
    assert found["skill_control"].tolist() == pytest.approx([2 / 3, -0.5])
    assert part_contributions(table, None)["skill_control"] == pytest.approx(1 - 5 / 8)
    assert_exact(found.drop(columns="skill_control"), part_contributions(by_hand()).drop(columns="skill_control"))


@given(st.integers(0, 10_000))
def test_the_skill_of_the_control_is_that_of_its_prediction(seed):
    table = random_table(seed)
    control = table["y_true"] + np.random.default_rng(seed).normal(size=len(table))
    columns = table["y_true"], control, table["train_mean"]
    found = part_contributions(table.assign(y_pred_control=control))
    assert_same_shares(found["skill_control"], skill_by(*columns, by=table["gene"])["skill"].rename_axis("gene"))
    unseen = table.assign(train_mean=np.nan, y_pred_control=control)
    pooled = part_contributions(unseen, None)
    wanted = within_gene_skill(table["y_true"], control, gene_in_fold(table))
    assert_same_shares(pooled["within_gene_skill_control"], wanted)


@distant
@pytest.mark.parametrize("cv", [CellTypeKFold(3), LineageKFold()])
@pytest.mark.slow
def test_the_control_is_that_of_compare_models(few, cv):
    X, y = few
    table = cross_val_parts(cis_trans(), X, y, cv, control=True, random_state=5)
    data = PairedDataset(X.tables.openness[:, :6], X.peaks, X.genes, X.unstack(y).to_numpy(), X.cell_types.iloc[:6])
    compared = compare_models(
        {"model": cis_trans()}, data, {"split": cv}, controls=("genes",), random_state=5, n_bootstrap=2
    )
    pooled = part_contributions(table, None)
    scores = compared.control_scores["skill"]
    assert_float64_sums(pooled["skill_control"], scores.loc["split", "model", "genes", 1], condition=DEVIATIONS)
    assert list(table.columns) == [*PAIRS, "cis", "cell_state", "y_pred_control"]
    assert_exact(table.drop(columns="y_pred_control"), cross_val_parts(cis_trans(), X, y, cv))


def pooled_with_control(cv, **law):
    """150 genes in 12 cell types, most of the variance from one source."""
    bands = symmetric_edges([0, 1_000, 5_000, 20_000])
    data, _ = make_paired_openness(150, 12, cis_bands=bands, random_state=2, **law)
    X, y = data.pairs(return_X_y=True)
    return part_contributions(cross_val_parts(cis_trans(), X, y, cv, control=True), None)


@distant
@pytest.mark.slow
def test_without_matching_genes_skill_goes_where_cis_is_the_law_and_stays_where_cell_state_is():
    cis = pooled_with_control(LineageKFold(), n_lineages=3, cis_share=0.9, program_share=0.0)
    assert cis["skill"] > 0.7
    assert cis["skill_control"] < 0.1
    state = pooled_with_control(CellTypeKFold(4), n_lineages=3, cis_share=0.0, program_share=0.9)
    assert state["skill"] > 0.4
    assert state["skill_control"] > 0.9 * state["skill"]


@distant
def test_relatives_in_training_know_by_state_what_the_model_takes_from_cis():
    found = pooled_with_control(CellTypeKFold(4), n_lineages=3, cis_share=0.9, program_share=0.0)
    assert found["cis"] > 0.9 * found["skill"]
    assert found["skill_control"] > 0.3  # although cis is the only law


def test_genes_of_the_rows_change_places_and_the_data_stay(few):
    X, y = few
    some = X[np.isin(X.gene_codes, [3, 7, 11, 20])]
    before = X.genes.copy()
    seen = []

    class Watcher(TwoParts):
        def fit(self, X, y):
            seen.append(X.genes)
            return super().fit(X, y)

    cross_val_parts(Watcher(), some, y[np.isin(X.gene_codes, [3, 7, 11, 20])], CellTypeKFold(2), control=True)
    assert_exact(X.genes, before)
    plain, moved = seen[0], seen[1]
    assert_exact(plain, before)
    assert_exact(seen[3], moved)  # one permutation for all folds
    changed = np.flatnonzero((moved["tss"] != before["tss"]).to_numpy())
    assert changed.size >= 2
    assert set(changed) <= {3, 7, 11, 20}
    assert_exact(moved["name"], before["name"])
    places = ["chrom", "tss", "strand"]
    assert sorted(map(tuple, moved[places].to_numpy())) == sorted(map(tuple, before[places].to_numpy()))


def test_the_control_follows_its_random_state(few):
    X, y = few
    cv = CellTypeKFold(2)
    first, again, other = (
        cross_val_parts(cis_trans(), X, y, cv, control=True, random_state=seed)["y_pred_control"] for seed in (0, 0, 1)
    )
    assert_exact(first, again)
    assert (first != other).any()


def test_rows_and_settings_that_allow_no_control(few):
    X, y = few
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    with pytest.raises(TypeError, match=r"X must be the pairs of a data set, got BinnedOpenness: give data.pairs\(\)"):
        cross_val_parts(CisTransRegressor(), bins, y, CellTypeKFold(2), control=True)
    with pytest.raises(ValueError, match="control must be True or False, got 'genes'"):
        cross_val_parts(cis_trans(), X, y, CellTypeKFold(2), control="genes")
    one = X.gene_codes == 3
    with pytest.raises(ValueError, match="control=True: nothing to permute among 1"):
        cross_val_parts(TwoParts(), X[one], y[one], CellTypeKFold(2), control=True)
