"""Pools: what each data set held is there once, and bins of a cell type are those of its own data set."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.exceptions import (
    AssemblyWarning,
    ChromosomeMismatchError,
    LeftOutWarning,
    MissingExpressionError,
    PopulationMismatchWarning,
    ScaleWarning,
    TableError,
    UnknownNameError,
    UntiedBatchWarning,
)
from skepi.gaussian_process import CisTransRegressor
from skepi.paired import PairedDataset, pool
from skepi.paired._pool_places import check_places
from skepi.paired._pool_scale import scale_range

EDGES = symmetric_edges([0, 1_000, 10_000, 100_000])


def small(openness, starts, cell_types, genes=("a", "b"), **changes):
    """Peaks of 20 bp on chr1, and genes 1 kb apart whose expression counts up."""
    openness = np.asarray(openness, dtype=float)
    names = list(genes["name"] if hasattr(genes, "keys") else genes)
    n = len(names)
    tables = {
        "peaks": pd.DataFrame({"chrom": "chr1", "start": starts, "end": np.array(starts) + 20}),
        "genes": pd.DataFrame({"name": names, "chrom": "chr1", "tss": 1_000 * np.arange(n) + 100, "strand": "+"}),
        "expression": np.arange(n * openness.shape[1], dtype=float).reshape(n, -1),
        "cell_types": cell_types,
    }
    if hasattr(genes, "keys"):
        tables["genes"] = genes
    return PairedDataset(openness, **{**tables, **changes})


def here(**changes):
    return small([[1, 2], [3, 4]], [100, 500], **{"cell_types": ["HSC", "Ery"], **changes})


def there(**changes):
    return small([[5, 6], [7, 8]], [500, 510], **{"cell_types": ["HSC", "B"], "genes": ("b", "c", "a"), **changes})


@pytest.fixture(scope="module")
def simulated_pool():
    """A data set, and the same cut in two by cell types and put together again."""
    data, _ = make_paired_openness(n_genes=60, n_cell_types=9, n_lineages=3)
    names = list(data.cell_types["name"])
    parts = {"one": data.subset(cell_types=names[:4]), "two": data.subset(cell_types=names[4:])}
    return data, pool(parts)


def test_two_data_sets_by_hand():
    both = pool({"here": here(), "there": there()}, shared=["HSC"])
    assert both.cell_types["name"].tolist() == ["here:HSC", "Ery", "there:HSC", "B"]
    assert both.cell_types["data_set"].tolist() == ["here", "here", "there", "there"]
    assert both.cell_types["population"].tolist() == ["HSC", "Ery", "HSC", "B"]
    assert both.peaks.values.tolist() == [["chr1", 100, 120], ["chr1", 500, 520], ["chr1", 510, 530]]
    # The peak at 500 is one of both; that at 100 is of here alone, that at 510 of there alone.
    assert both.openness.tolist() == [[1, 2, 0, 0], [3, 4, 5, 6], [0, 0, 7, 8]]
    assert both.genes["name"].tolist() == ["a", "b"]
    assert both.genes["tss"].tolist() == [100, 1_100]  # of the first
    assert both.expression.tolist() == [[0, 1, 4, 5], [2, 3, 0, 1]]


def test_a_list_numbers_data_sets():
    assert pool([here(), there()], shared=["HSC"]).cell_types["data_set"].unique().tolist() == ["set1", "set2"]


def test_data_sets_stay_as_they_were():
    one, two = here(), there()
    before = one.tables.identity, two.tables.identity
    pool({"here": one, "there": two}, shared=["HSC"])
    del one.tables.__dict__["identity"], two.tables.__dict__["identity"]
    assert (one.tables.identity, two.tables.identity) == before


def test_a_data_set_cut_in_two_comes_back(simulated_pool):
    data, again = simulated_pool
    assert_exact(again.openness, data.openness)
    assert_exact(again.expression, data.expression)
    assert_exact(again.peaks, data.peaks)
    assert_exact(again.genes, data.genes)
    assert again.cell_types.columns.tolist() == [*data.cell_types, "data_set", "population"]


def test_a_model_of_the_pieces_is_the_model_of_the_whole(simulated_pool):
    data, again = simulated_pool
    names = list(data.cell_types["name"])
    model = make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor())
    got, wanted = (
        model.fit(*one.pairs(cell_types=names[1:], return_X_y=True)).predict(one.pairs(cell_types=names[:1]))
        for one in (again, data)
    )
    assert_float32_sums(got, wanted, summed=1e2)


@given(st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_bins_of_a_cell_type_are_those_of_its_own_data_set(seed, other_seed, shared_peaks):
    rng = np.random.default_rng([seed, other_seed])
    starts = 50 * rng.choice(200, 12, replace=False)
    own = starts[:6], starts[3:9] if shared_peaks else starts[6:]
    sets = {
        name: small(rng.poisson(3, (6, 2)) + 1, place, [f"{name}1", f"{name}2"], ("a", "b", "c"))
        for name, place in zip(("x", "y"), own, strict=True)
    }
    binner = TSSBinner(edges=[-3_000, -100, 0, 100, 3_000], depth=None)
    pooled = binner.fit_transform(pool(sets).pairs())
    for name, data in sets.items():
        alone = binner.fit_transform(data.pairs())
        rows = pooled.cell_types["data_set"].to_numpy()[pooled.cell_type_codes] == name
        assert_float32_sums(pooled[rows].dense(), alone.dense())


def test_all_cell_types_have_the_same_total_signal():
    both = pool({"here": here(), "there": there()}, shared=["HSC"])
    bins = TSSBinner(edges=[-10_000, 10_000]).fit_transform(both.pairs(genes=["a"]))
    assert_float32_sums(bins.dense().ravel(), [3.0] * 4)  # one for each of the three peaks of the pool


def test_the_order_of_data_sets_orders_cell_types():
    one, two = here(), there(genes=here().genes, expression=np.ones((2, 2)))
    there_first = pool({"there": two, "here": one}, shared=["HSC"])
    here_first = pool({"here": one, "there": two}, shared=["HSC"])
    order = pd.Index(there_first.cell_types["name"]).get_indexer(here_first.cell_types["name"])
    assert_exact(there_first.expression[:, order], here_first.expression)
    sums = [one.openness.sum(axis=0) for one in (there_first, here_first)]
    assert_exact(sums[0][order], sums[1])


def test_pools_are_saved_and_opened(tmp_path):
    both = pool({"here": here(), "there": there()}, shared=["HSC"])
    both.save(tmp_path / "pool")
    opened = PairedDataset.open(tmp_path / "pool")
    assert opened.tables.identity == both.tables.identity
    assert_exact(opened.cell_types, both.cell_types)


def test_a_column_population_ties_other_names():
    cells = pd.DataFrame({"name": ["LSK", "B"], "population": ["HSC", "B"], "donor": [1, 2]})
    both = pool({"here": here(), "there": there(cell_types=cells)}, shared=())
    assert both.cell_types["name"].tolist() == ["HSC", "Ery", "LSK", "B"]
    assert both.cell_types["population"].tolist() == ["HSC", "Ery", "HSC", "B"]
    assert both.cell_types.columns.tolist() == ["name", "data_set", "population"]  # donor is not known everywhere


def test_openness_alone_is_pooled():
    both = pool({"here": here(expression=None), "there": there(expression=None)}, shared=["HSC"])
    assert both.expression is None


def test_a_pool_of_openness_holds_data_sets_without_expression():
    sets = {"here": here(), "there": there(expression=None)}
    both = pool(sets, shared=["HSC"], expression=False)
    assert both.expression is None
    assert both.cell_types["name"].tolist() == ["here:HSC", "Ery", "there:HSC", "B"]


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")  # the last one lies far from all
def test_targets_of_a_smaller_pool_fit_the_rows_of_a_greater_one(simulated_pool):
    data, _ = simulated_pool
    names = list(data.cell_types["name"])
    cut = {"one": names[:3], "two": names[3:6], "new": names[6:]}
    sets = {name: data.subset(cell_types=cells) for name, cells in cut.items()}
    new = PairedDataset(sets["new"].openness, data.peaks, data.genes, None, sets["new"].cell_types)
    everything = pool({**sets, "new": new}, expression=False)
    labelled = pool({"one": sets["one"], "two": sets["two"]})
    X = everything.pairs(cell_types=labelled.cell_types["name"])
    _, y = labelled.pairs(everything.genes["name"], return_X_y=True)
    model = make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor())
    got = model.fit(X, y).predict(everything.pairs(cell_types=cut["new"]))
    wanted = model.fit(*data.pairs(cell_types=names[:6], return_X_y=True)).predict(data.pairs(cell_types=cut["new"]))
    assert_float32_sums(got, wanted, summed=1e2)


def signals(names, openness, start, cell_types):
    peaks = {"chrom": ["chr1"], "start": [start], "end": [start + 20]}
    return PairedDataset(
        {name: [openness] for name in names},
        dict.fromkeys(names, peaks),
        here().genes,
        cell_types=cell_types,
    )


def test_signals_that_all_have_are_kept_by_name():
    one = signals(["ATAC", "H3K27ac"], [1.0, 2.0], 100, ["A", "B"])
    two = signals(["H3K4me1", "ATAC"], [3.0], 100, ["C"])
    with pytest.warns(LeftOutWarning, match="left out 'H3K27ac', 'H3K4me1'"):
        both = pool({"one": one, "two": two})
    assert both.signals == ("ATAC",)
    assert both.openness.tolist() == [[1, 2, 3]]


def test_features_of_peaks_come_along():
    one, two = here(peak_features={"tss": [1, 0]}), there(peak_features={"tss": [0, 2]}, cell_types=["C", "D"])
    assert pool([one, two]).peak_features["tss"].tolist() == [1, 0, 2]
    with pytest.raises(TableError, match=r"1 peak.s. have other features"):
        pool([one, there(peak_features={"tss": [5, 2]}, cell_types=["C", "D"])])
    with pytest.raises(TableError, match="features of peaks differ: set1 has 'tss', set2 has none"):
        pool([one, there(cell_types=["C", "D"])])


def elsewhere(**changes):
    return there(cell_types=["C", "D"], **changes)


MOVED = pd.DataFrame({"name": ["b", "c", "a"], "chrom": "chr1", "tss": [90_100, 100, 200_000], "strand": "+"})
OTHER_CHROM = {"name": ["b", "c", "a"], "chrom": ["1"] * 3, "tss": [1, 2, 3], "strand": ["+"] * 3}
BAD = {
    "one": (lambda: pool([here()]), TableError, "at least two data sets to pool, got 1"),
    "no list": (lambda: pool(here()), TypeError, "dict or list of PairedDataset, got PairedDataset"),
    "text": (lambda: pool("ab"), TypeError, "dict or list of PairedDataset, got str"),
    "no data set": (lambda: pool([here(), 3]), TypeError, "set2: wanted a PairedDataset, got int"),
    "name": (lambda: pool({"here": here(), 2: elsewhere()}), TypeError, "names of data sets must be text, got 2"),
    "twice": (lambda: pool({"x": here(), "y": here()}), TableError, "x and y are the same data set"),
    "clash": (lambda: pool([here(), there()]), TableError, r"cell type.s. 'HSC' occur in two.*shared=\['HSC'\]"),
    "unknown": (
        lambda: pool([here(), there()], shared=["MPP"]),
        UnknownNameError,
        "no data set has 'MPP'; names in two of them: 'HSC'",
    ),
    "lone": (
        lambda: pool({"a": here(), "b": there()}, shared=["HSC", "Ery", "B"]),
        TableError,
        "shared: 'Ery' in 'a' alone; 'B' in 'b' alone: a shared name is one that at least two.*in two of them: 'HSC'$",
    ),
    "lone and none in two": (
        lambda: pool([here(), elsewhere()], shared=["Ery"]),
        TableError,
        "'Ery' in 'set1' alone.*names in two of them: none",
    ),
    "flag": (lambda: pool([here(), elsewhere()], expression="no"), ValueError, "expression must be True or False"),
    "letters": (lambda: pool([here(), there()], shared="HSC"), TypeError, "list of names, got the text 'HSC'"),
    "qualified": (
        lambda: pool([here(cell_types=["HSC", "set2:HSC"]), there()], shared=["HSC"]),
        TableError,
        "'set2:HSC' occur twice",
    ),
    "genes": (lambda: pool([here(genes=here().genes.assign(name=["x", "y"])), elsewhere()]), TableError, "no gene of"),
    "assembly": (lambda: pool([here(), elsewhere(genes=MOVED)]), TableError, "2 of 2 shared genes.*assemblies"),
    "expression": (lambda: pool([here(), elsewhere(expression=None)]), MissingExpressionError, "'set2' has openness"),
    "signal": (
        lambda: pool([here(), signals(["ATAC"], [1.0], 0, ["C"])]),
        TableError,
        "no signal that all.*set1: openness; set2: ATAC",
    ),
    "pool": (
        lambda: pool([pool([here(), elsewhere()]), there(cell_types=["E", "F"])]),
        TableError,
        "column 'data_set' already",
    ),
    "population": (
        lambda: pool([here(), there(cell_types={"name": ["C", "D"], "population": [None, "D"]})]),
        TableError,
        "set2: population missing for 'C'",
    ),
    "chromosomes": (
        lambda: pool(
            [here(), elsewhere(genes=OTHER_CHROM, peaks={"chrom": ["1"] * 2, "start": [1, 5], "end": [4, 9]})]
        ),
        ChromosomeMismatchError,
        "genes of set1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    make, error, message = BAD[case]
    with pytest.raises(error, match=message):
        make()


def test_disagreement_about_a_shared_population_is_said():
    rng = np.random.default_rng(0)
    genes = [f"g{number}" for number in range(50)]
    hsc, ery = rng.normal(5, 1, (2, 50))
    true = np.column_stack([hsc, ery])
    one = small([[1, 2]], [100], ["HSC", "Ery"], genes, expression=true)
    noisy = true + rng.normal(0, 0.1, true.shape)
    pool([one, small([[3, 4]], [100], ["HSC", "Ery"], genes, expression=noisy)], shared=["HSC", "Ery"])
    swapped = small([[3, 4]], [100], ["HSC", "Ery"], genes, expression=noisy[:, ::-1])
    with pytest.warns(PopulationMismatchWarning, match="set1:HSC is more like set2:Ery.*and 3 more"):
        pool([one, swapped], shared=["HSC", "Ery"])  # each of the four is more like another than like its twin


def test_a_shared_name_has_one_population():
    cells = pd.DataFrame({"name": ["HSC", "Ery"], "population": ["stem", "red"]})
    with pytest.raises(TableError, match="'HSC' is shared, but its population is 'stem' in a, 'HSC' in b: give it one"):
        pool({"a": here(cell_types=cells), "b": there()}, shared=["HSC"])


def test_data_sets_that_nothing_ties_to_the_others_are_named():
    sets = {"a": here(), "b": there(), "c": small([[1, 1]], [900], ["T", "NK"])}
    with pytest.warns(UntiedBatchWarning, match=r"ties \('a', 'b'\) and \('c'\): a shift between") as said:
        pool(sets, shared=["HSC"])
    assert len(said) == 1
    pool({"a": sets["a"], "c": sets["c"]})  # nobody said that anything is shared


def two_genomes(tss, chrom="chr1"):
    """Four genes of two data sets; the first of the second is placed by the caller."""
    tables = pd.DataFrame({"name": list("wxyz"), "chrom": "chr1", "tss": [100, 200, 300, 400], "strand": "+"})
    other = tables.assign(tss=[tss, 200, 300, 400], chrom=[chrom, "chr1", "chr1", "chr1"])
    peaks = {"chrom": ["chr1", "chr2"], "start": [100, 100], "end": [120, 120]}
    one = small([[1, 2], [3, 4]], [100, 500], ["A", "B"], tables, peaks=peaks)
    return one, small([[1, 2], [3, 5]], [100, 500], ["C", "D"], other, peaks=peaks)


@pytest.mark.parametrize("place", [(1_000_101, "chr1"), (100, "chr2")])
def test_single_genes_far_away_are_named(place):
    with pytest.warns(
        AssemblyWarning, match=r"^set2 places 1 of 4 shared genes on another.*bp away: 'w'\. They"
    ) as said:
        both = pool(two_genomes(*place))
    assert len(said) == 1
    assert both.genes["tss"].tolist() == [100, 200, 300, 400]


def test_other_start_sites_of_a_gene_are_no_alarm():
    pool(two_genomes(1_000_100))  # 1 Mb away, no more


def laboratories(n_genes=150, seed=0, noise=0.3, shift=0.0):
    """Two simulated data sets that share three populations, and expression of the second as it was measured there."""
    data, _ = make_paired_openness(n_genes=n_genes, n_cell_types=12, n_lineages=4, random_state=seed)
    names, rng = data.cell_types["name"].tolist(), np.random.default_rng(seed)
    one, two = data.subset(cell_types=names[:7]), data.subset(cell_types=names[4:])
    sd = two.expression.std(axis=0).mean()
    measured = two.expression + rng.normal(0, noise * sd, two.expression.shape)
    return one, two, measured + rng.normal(0, 1e-9 + shift * sd, (n_genes, 1)), names[4:7]


def with_expression(data, values):
    return PairedDataset(data.openness, data.peaks, data.genes, values, data.cell_types)


@pytest.mark.parametrize(
    ("factor", "said"), [(1.4427, "set2 spreads 1.[45].*set1"), (0.6931, "set1 spreads 1.3.*set2")]
)
def test_other_logarithms_are_said(factor, said):
    one, two, measured, shared = laboratories()
    with pytest.warns(
        ScaleWarning, match=f"^expression of {said} in populations that both have, as log2 does against ln"
    ):
        pool([one, with_expression(two, measured * factor)], shared=shared)


@pytest.mark.parametrize("shift", [0.0, 0.6])
@pytest.mark.parametrize("seed", range(5))
def test_noise_and_shifts_of_genes_are_no_other_logarithm(seed, shift):
    one, two, measured, shared = laboratories(seed=seed, noise=0.1, shift=shift)
    pool([one, with_expression(two, measured)], shared=shared)


def test_other_logarithms_of_several_data_sets_are_said_once():
    one, two, measured, shared = laboratories()
    third = with_expression(two, measured * 3.3219)
    cells = [f"third{name}" if name not in shared else name for name in third.cell_types["name"]]
    third = PairedDataset(third.openness, third.peaks, third.genes, third.expression, cells)
    said = r"of c spreads 3\.\d\d times .* that of a .*log10 \(and 1 more pair.s. of data sets\)"
    with pytest.warns(ScaleWarning, match=said) as warned:
        pool({"a": one, "b": with_expression(two, measured), "c": third}, shared=shared)
    assert len(warned) == 1


def test_counts_beside_logarithms_are_said():
    one, two, measured, shared = laboratories(n_genes=20)
    counts = np.floor(np.expm1(np.abs(measured)))
    with pytest.warns(
        ScaleWarning, match="expression of set2 goes up to .* and that of set1 to .* counts and logarithms"
    ):
        pool([one, with_expression(two, counts)], shared=shared)
    deeper = with_expression(one, np.floor(3 * np.expm1(np.abs(one.expression))))
    pool([deeper, with_expression(two, counts)], shared=shared)  # counts of two depths


def test_few_genes_say_nothing_of_a_scale():
    one, two, measured, shared = laboratories(n_genes=99)
    pool([one, with_expression(two, 1.4427 * measured)], shared=shared)


def test_range_of_scales_by_hand():
    # Less their means, x is -1, 0, 1 and y is -2, 1, 1: sums of x y, x x and y y are 3, 2 and 6.
    assert_exact(scale_range(np.array([[0.0], [1], [2]]), np.array([[1.0], [4], [4]])), (1.5, 2.0))
    assert np.isnan(scale_range(np.array([[0.0], [1]]), np.array([[1.0], [0]]))).all()


@given(st.integers(0, 1_000), st.floats(0.1, 10))
def test_the_range_holds_the_scale_and_turns_with_the_sets(seed, scale):
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1, (400, 2))
    x, y = (true * s + rng.normal(0, 0.5 * s, true.shape) for s in (1.0, scale))
    low, high = scale_range(x, y)
    assert low < scale < high
    assert_float64_sums((low * scale_range(y, x)[1], high * scale_range(y, x)[0]), (1.0, 1.0))


def test_more_than_half_of_the_genes_elsewhere_are_another_assembly():
    genes = pd.DataFrame({"name": list("abcdefghij"), "chrom": "chr1", "tss": 1_000_000})
    moved = [genes.assign(tss=genes["tss"] + np.where(np.arange(10) < n, 10_001, 10_000)) for n in (5, 6)]
    check_places(genes, moved[0], "set1", "set2")
    with pytest.raises(TableError, match=r"^set2 places 6 of 10 shared genes .*set1.*such as a: they look like two"):
        check_places(genes, moved[1], "set1", "set2")
