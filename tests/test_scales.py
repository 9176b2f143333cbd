"""Values on another scale than is meant, and peaks of another assembly, get a warning; sound ones do not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget, PerGeneRegressor
from skepi.datasets import make_paired_openness
from skepi.exceptions import AssemblyWarning, FewGenesWarning, ScaleWarning, TableError
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.paired._assembly import PeaksAtStartSites, peaks_at_start_sites
from skepi.preprocessing import LogZScaler

LOGS = {"2.0 **": np.log2, "np.expm1": np.log, "10.0 **": np.log10}


def read_counts(n_libraries=4, n_genes=120, seed=0):
    level = np.random.default_rng(seed).lognormal(4, 2, n_genes)
    return np.random.default_rng(seed + 1).poisson(level, (n_libraries, n_genes)).astype(float)


def spoken(use, category=Warning):
    """Warnings of a kind that a call gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
    return [str(one.message) for one in caught if issubclass(one.category, category)]


# --- counts


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
@pytest.mark.parametrize("method", ["log_cpm", "tmm", "quantile"])
def test_logarithms_given_as_counts_get_one_warning(log, method):
    said = spoken(lambda: ExpressionNormalizer(method).fit_transform(log(read_counts() + 1)))
    assert len(said) == 1
    undone = next(way for way, one in LOGS.items() if one is log)
    assert "X: values look like logarithms, not counts: they are not whole, and the largest is" in said[0]
    assert f"{undone}{'(X)' if log is np.log else ' X - 1'} gives counts" in said[0]


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_the_way_out_of_logarithms_gives_the_counts(log):
    counts = read_counts()
    (said,) = spoken(lambda: ExpressionNormalizer("log_cpm").fit_transform(log(counts + 1)))
    way = said.partition("; ")[2].partition(" gives")[0]
    back = eval(way, {"np": np, "X": log(counts + 1)})
    assert np.array_equal(np.rint(back), counts)


@given(seed=st.integers(0, 2**31), digits=st.integers(3, 12))
def test_logarithms_of_rates_and_rounded_ones_are_noticed(seed, digits):
    counts = read_counts(seed=seed)
    rates = np.log2(1e6 * counts / counts.sum(axis=1, keepdims=True) + 1).round(digits)
    assert "values look like logarithms" in spoken(lambda: ExpressionNormalizer("log_cpm").fit_transform(rates))[0]


@given(seed=st.integers(0, 2**31), form=st.sampled_from(["counts", "expected counts", "rates", "few counts"]))
def test_what_is_linear_gets_no_word(seed, form):
    counts = read_counts(seed=seed)
    if form == "expected counts":
        counts = counts + np.random.default_rng(seed).random(counts.shape)
    elif form == "rates":
        counts = 1e6 * counts / counts.sum(axis=1, keepdims=True)
    elif form == "few counts":
        counts = np.minimum(counts, 9)
    assert spoken(lambda: ExpressionNormalizer("log_cpm").fit_transform(counts)) == []


def test_counts_in_data_set_are_checked_through_transform_expression():
    data = make_paired_openness(n_genes=120, n_cell_types=4, n_lineages=2)[0]
    logs = np.log2(read_counts().T + 1)
    data = PairedDataset(data.openness, data.peaks, data.genes, logs, data.cell_types)
    assert len(spoken(lambda: data.transform_expression(ExpressionNormalizer("tmm")), ScaleWarning)) == 1


def test_rates_given_to_tmm_get_a_warning():
    rates = read_counts()
    rates *= 1e6 / rates.sum(axis=1, keepdims=True)
    (said,) = spoken(lambda: ExpressionNormalizer("tmm").fit_transform(rates))
    assert "each library adds up to 1,000,000, as TPM and CPM do" in said
    assert "or method='log_cpm'" in said


@pytest.mark.parametrize("n_genes", [1, 99, 100])
def test_few_genes_get_a_warning(n_genes):
    said = spoken(lambda: ExpressionNormalizer("log_cpm").fit(read_counts(n_genes=n_genes) + 1), FewGenesWarning)
    assert len(said) == (n_genes < 100)
    assert all(f"X has {n_genes} gene(s) as columns" in one for one in said)


def test_a_table_of_genes_as_rows_is_recognised():
    """By shape with a hint; by names with an error."""
    (said,) = spoken(lambda: ExpressionNormalizer("log_cpm").fit(read_counts().T + 1), FewGenesWarning)
    assert "if the 120 rows are genes, give X.T" in said


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([f"ENSG{k:011d}" for k in range(120)]),
        pd.Index([f"ENSMUSG{k:011d}.3" for k in range(120)]),
        pd.Index([f"g{k}" for k in range(120)], name="gene_id"),
        pd.Index(["GAPDH", "ACTB", "B2M", *(f"g{k}" for k in range(117))]),
        pd.Index(["Gapdh", "Actb", "B2m", *(f"g{k}" for k in range(117))]),
    ],
)
def test_rows_called_after_genes_are_refused(index):
    table = pd.DataFrame(read_counts().T + 1, index, ["HSC", "MPP", "B", "Ery"])
    with pytest.raises(TableError, match=r"X looks transposed: got shape \(120, 4\) with genes as rows .*; give X.T"):
        ExpressionNormalizer().fit_transform(table)
    assert spoken(lambda: ExpressionNormalizer("log_cpm").fit_transform(table.T)) == []


# --- openness


def dataset_of(openness):
    data = make_paired_openness(n_genes=40, n_cell_types=5, n_lineages=2)[0]
    return lambda: PairedDataset(openness(data.openness.astype(float)), data.peaks, data.genes, None, data.cell_types)


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
def test_openness_as_logarithms_gets_a_warning(log):
    of_counts = spoken(dataset_of(lambda openness: log(np.rint(openness) + 1)), ScaleWarning)
    of_rates = spoken(dataset_of(lambda openness: log(openness / openness.mean(axis=0) * 5 + 1)), ScaleWarning)
    assert len(of_counts) == len(of_rates) == 1
    assert "because skepi sums peaks and takes logs itself" in of_rates[0]
    assert "gives counts" in of_counts[0]


@pytest.mark.parametrize("factor", [1, 0.05, 1e-3, 1e3])
def test_linear_openness_of_any_unit_gets_no_word(factor):
    assert spoken(dataset_of(lambda openness: factor * openness)) == []


# --- targets


def counts_and_pairs():
    data, _ = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)
    counts = np.random.default_rng(0).poisson(300, (20, 6)).astype(float)
    return PairedDataset(data.openness, data.peaks, data.genes, counts, data.cell_types)


def bands(model):
    return make_pipeline(TSSBinner(edges=[-5_000, 0, 5_000]), LogZScaler(), model)


def test_raw_counts_as_targets_get_a_warning_where_a_model_is_fitted():
    data = counts_and_pairs()  # no word
    X, y = data.pairs(return_X_y=True)
    with pytest.warns(ScaleWarning, match=r"y looks like raw counts .*Normalise: data.transform_expression"):
        bands(GeneZTarget(Ridge())).fit(X, y)
    assert spoken(lambda: bands(GeneZTarget(Ridge())).fit(X, np.log1p(y))) == []


def test_raw_counts_get_one_warning_in_a_comparison():
    models = {"ridge": bands(GeneZTarget(Ridge())), "more": bands(GeneZTarget(Ridge(10)))}
    data, splits = counts_and_pairs(), {"cells": CellTypeKFold(2)}
    assert len(spoken(lambda: compare_models(models, data, splits, n_bootstrap=10), ScaleWarning)) == 1
    normalizer = ExpressionNormalizer("log_cpm")
    said = spoken(lambda: compare_models(models, data, splits, n_bootstrap=10, normalizer=normalizer), ScaleWarning)
    assert said == []


@pytest.mark.parametrize("use", ["fit", "cross_val_pairs", "compare_models"])
def test_models_of_counts_get_no_word(use):
    data = counts_and_pairs()
    exposure = pd.Series(data.expression.sum(axis=0), data.cell_types["name"])
    model = bands(PerGeneRegressor(PoissonRegressor(alpha=10), exposure=exposure))
    X, y = data.pairs(return_X_y=True)
    uses = {
        "fit": lambda: model.fit(X, y),
        "cross_val_pairs": lambda: cross_val_pairs(model, X, y, CellTypeKFold(2)),
        "compare_models": lambda: compare_models({"m": model}, data, {"cells": CellTypeKFold(2)}, n_bootstrap=10),
    }
    assert spoken(uses[use], ScaleWarning) == []


# --- assemblies


@pytest.mark.parametrize("n_genes", [100, 400])
@pytest.mark.parametrize("seed", range(3))
def test_simulated_data_are_of_one_assembly(n_genes, seed):
    data, _ = make_paired_openness(n_genes=n_genes, n_cell_types=6, n_lineages=2, random_state=seed)
    assert spoken(lambda: PairedDataset(data.openness, data.peaks, data.genes, None, data.cell_types)) == []
    assert "of genes have a peak within 1 kb of the TSS" in repr(data)


@pytest.mark.parametrize("shift", [-300_000, 20_000, 250_000])
def test_genes_of_another_assembly_get_a_warning(shift):
    data, _ = make_paired_openness(n_genes=400, n_cell_types=6, n_lineages=2)
    genes = data.genes.assign(tss=(data.genes["tss"] + shift).clip(lower=0))
    with pytest.warns(AssemblyWarning, match="may be of different genome assemblies: only [0-9]+% of genes"):
        PairedDataset(data.openness, data.peaks, genes, None, data.cell_types)


def test_few_genes_say_nothing_of_assemblies():
    data, _ = make_paired_openness(n_genes=60, n_cell_types=6, n_lineages=2)
    genes = data.genes.assign(tss=data.genes["tss"] + 250_000)
    assert spoken(lambda: PairedDataset(data.openness, data.peaks, genes, None, data.cell_types)) == []
    assert "\n" not in repr(data)


def test_a_genome_that_is_tiled_says_nothing_of_assemblies():
    start = np.arange(0, 10_000_000, 1_000)
    peaks = pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 1_000})
    tss = np.random.default_rng(0).integers(100_000, 9_900_000, 500)
    found = peaks_at_start_sites(peaks, pd.DataFrame({"chrom": "chr1", "tss": tss}))
    assert (found.share, found.share_shifted, found.seem_apart) == (1.0, 1.0, False)


@pytest.mark.parametrize(("share", "apart"), [(0.5, True), (0.75, True), (0.85, False)])
def test_peaks_nearly_everywhere_say_nothing_of_assemblies(share, apart):
    near = int(1_000 * share)
    assert PeaksAtStartSites(1_000, near, 2 * near).seem_apart == apart


def test_broad_peaks_count_by_what_they_cover():
    peaks = pd.DataFrame({"chrom": ["chr1"], "start": [10_000], "end": [20_000]})
    at = [8_999, 9_000, 11_000, 20_999, 21_000]
    near = [peaks_at_start_sites(peaks, pd.DataFrame({"chrom": ["chr1"], "tss": [tss]})).n_near for tss in at]
    assert near == [0, 1, 1, 1, 0]


def test_what_has_been_said_is_not_said_again():
    data, _ = make_paired_openness(n_genes=400, n_cell_types=6, n_lineages=2)
    genes = data.genes.assign(tss=data.genes["tss"] + 250_000)
    counts = np.random.default_rng(0).poisson(200, (400, 6))
    with pytest.warns(AssemblyWarning):
        apart = PairedDataset(data.openness, data.peaks, genes, counts, data.cell_types)
    assert spoken(lambda: apart.subset(genes=genes["name"][:200].tolist())) == []
    assert spoken(lambda: apart.transform_expression(ExpressionNormalizer())) == []
    X, y = apart.pairs(return_X_y=True)
    assert len(spoken(lambda: cross_val_pairs(bands(LassoBaseline()), X, y, CellTypeKFold(3)), ScaleWarning)) == 1


def test_targets_that_are_transformed_may_be_counts():
    data = counts_and_pairs()
    X, y = data.pairs(return_X_y=True)
    model = TransformedTargetRegressor(bands(LassoBaseline()), func=np.log1p, inverse_func=np.expm1)
    assert spoken(lambda: cross_val_pairs(model, X, y, CellTypeKFold(2)), ScaleWarning) == []
    assert len(spoken(lambda: cross_val_pairs(bands(LassoBaseline()), X, y, CellTypeKFold(2)), ScaleWarning)) == 1


@given(st.integers(0, 2**31))
def test_peaks_at_start_sites_equal_a_slow_count(seed):
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 300_000, 40)
    peaks = pd.DataFrame({"chrom": rng.choice(["1", "2"], 40), "start": start, "end": start + rng.integers(1, 900, 40)})
    genes = pd.DataFrame({"chrom": rng.choice(["1", "2", "3"], 30), "tss": rng.integers(0, 300_000, 30)})

    def has_peak(chrom, place):
        reached = (peaks["start"] <= place + 1_000) & (peaks["end"] > place - 1_000)
        return bool(((peaks["chrom"] == chrom) & reached).any())

    known = genes[genes["chrom"].isin(peaks["chrom"])]
    near = [has_peak(gene.chrom, gene.tss) for gene in known.itertuples()]
    apart = [has_peak(gene.chrom, gene.tss + way) for gene in known.itertuples() for way in (-50_000, 50_000)]
    assert peaks_at_start_sites(peaks, genes) == (len(known), sum(near), sum(apart))


# --- real data


@pytest.mark.slow
@pytest.mark.parametrize("name", ["heme14", "erythroid12"])
def test_real_data_get_no_word(name, blood_path):
    folder = blood_path.parent / name
    if not folder.is_dir():
        pytest.skip(f"the tables are not at {folder}")
    tables = {
        kind: pd.read_parquet(folder / f"{kind}.parquet") for kind in ("openness", "peaks", "genes", "expression")
    }
    genes = tables["genes"].rename(columns={"gene": "name"})
    on_peaks = genes["chrom"].isin(tables["peaks"]["chrom"]).to_numpy()
    openness, counts = tables["openness"].set_index("peak"), tables["expression"].set_index("gene")
    cells = openness.columns.intersection(counts.columns)

    def use():
        data = PairedDataset(openness[cells], tables["peaks"], genes[on_peaks], counts.loc[on_peaks, cells])
        assert data.peaks_at_start_sites.share > 2 * data.peaks_at_start_sites.share_shifted
        data.transform_expression(ExpressionNormalizer("tmm", min_mean_cpm=1))

    assert spoken(use) == []
