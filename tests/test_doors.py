"""The same care at every door: what is no table, no name, no position or no number is refused wherever it comes in."""

import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from promises import assert_exact
from sklearn.linear_model import Ridge

from skepi import io
from skepi._rows import check_targets
from skepi.baselines import PromoterSum, gene_activity
from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.exceptions import FileFormatError, TableError
from skepi.inspection import link_enrichment, score_links
from skepi.intervals import MAX_POSITION
from skepi.io import choose_tss, match_genes
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.neural_network import ExpressionMLP
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks, openness_from_bigwigs, openness_over_peaks, read_narrowpeaks
from skepi.preprocessing import LogZScaler
from skepi.pseudobulk import pseudobulk

PEAKS = pd.DataFrame({"chrom": ["chr1", "chr2", "chr1"], "start": [90, 40, 500], "end": [110, 50, 600]})
GENES = pd.DataFrame({"name": ["a", "b"], "chrom": ["chr1", "chr2"], "tss": [100, 550], "strand": ["+", "-"]})
OPENNESS = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0.0, 5.0, 6.0], "z": [7.0, 8.0, 9.0], "w": [1.0, 1.0, 1.0]})
EXPRESSION = pd.DataFrame(np.arange(8.0).reshape(2, 4), ["a", "b"], list("xyzw"))
CONTACTS = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": 0, "end": 900, "gene": ["a", "b"], "contact": 1.0})
LINKS = PEAKS[:2].assign(gene=["a", "b"], tss=[100, 550], distance_bp=[0, 505], is_promoter=False, score=[1.0, 2.0])
CALLS = PEAKS.assign(log10_p=[3.0, 2.0, 1.0], signal_value=[1.0, 2.0, 3.0])


def dataset(**changes):
    return PairedDataset(**{"openness": OPENNESS, "peaks": PEAKS, "genes": GENES, "expression": EXPRESSION} | changes)


# Every door that takes a table: what the table is called, the table, the use of it.
TABLES = {
    "dataset peaks": ("peaks", PEAKS, lambda table: dataset(peaks=table)),
    "dataset genes": ("genes", GENES, lambda table: dataset(genes=table)),
    "choose_tss": ("transcripts", GENES, choose_tss),
    "choose_tss peaks": ("peaks", PEAKS, lambda table: choose_tss(GENES, "most_open", peaks=table, openness=[1, 2, 3])),
    "match_genes": ("genes", GENES, lambda table: match_genes(EXPRESSION, table)),
    "consensus exclude": ("exclude", PEAKS[:1], lambda table: consensus_peaks({"s": CALLS}, exclude=table)),
    "openness_over_peaks": ("peaks", PEAKS, lambda table: openness_over_peaks({"s": CALLS}, table)),
    "score_links": ("contact", CONTACTS, lambda table: score_links(dataset(), expressed=[True] * 2, contact=table)),
    "link_enrichment": ("truth", CONTACTS[CONTACTS.columns[:4]], lambda table: link_enrichment(LINKS, table)),
}
SAMPLES = {
    "consensus_peaks": ("sample s", CALLS, lambda table: consensus_peaks({"s": table})),
    "openness of a sample": ("sample s", CALLS, lambda table: openness_over_peaks({"s": table}, PEAKS)),
}
MATRICES = {
    "dataset openness": ("openness", OPENNESS, lambda table: dataset(openness=table)),
    "dataset expression": ("expression", EXPRESSION, lambda table: dataset(expression=table)),
    "choose_tss openness": (
        "openness",
        OPENNESS,
        lambda table: choose_tss(GENES, "most_open", peaks=PEAKS, openness=table),
    ),
    "normalizer": ("X", OPENNESS, lambda table: ExpressionNormalizer("log_cpm").fit(table)),
}
MATRIX_OF_MATCH = {"match_genes matrix": ("matrix", EXPRESSION, lambda table: match_genes(table, GENES))}


def doors(*groups):
    """Parametrize over the doors of some groups."""
    cases = {name: case for group in groups for name, case in group.items()}
    return pytest.mark.parametrize(("what", "table", "use"), cases.values(), ids=cases)


def levels(labels):
    return pd.MultiIndex.from_arrays([["level"] * len(labels), labels])


@doors(TABLES, SAMPLES, MATRICES, MATRIX_OF_MATCH)
def test_a_column_that_stands_twice_is_refused(what, table, use):
    with pytest.raises(TableError, match=f"^{what}: the same column twice: '{table.columns[0]}'"):
        use(pd.concat([table, table.iloc[:, :1]], axis=1))


@doors(TABLES, SAMPLES, MATRICES, MATRIX_OF_MATCH)
def test_labels_of_several_levels_are_refused(what, table, use):
    with pytest.raises(TableError, match=f"^{what}: columns have 2 levels of labels, wanted one; join the levels"):
        use(table.set_axis(levels(table.columns), axis=1))
    with pytest.raises(TableError, match=rf"^{what}: rows have 2 levels of labels, wanted one; reset_index\(\)"):
        use(table.set_axis(levels(table.index), axis=0))


@doors(TABLES)
def test_a_mapping_of_columns_is_a_table_and_nothing_else_is(what, table, use):
    use(table.to_dict("list"))
    for other in (table.to_numpy(), table.to_numpy().tolist(), 5, "peaks.bed"):
        kind = type(other).__name__
        with pytest.raises(TableError, match=rf"^{what}: wanted a table \(DataFrame or mapping .*\), got {kind}"):
            use(other)
    with pytest.raises(TableError, match=f"^{what}: no table can be made of the columns: "):
        use(table.to_dict("list") | {table.columns[0]: [1] * 9})
    with pytest.raises(TableError, match=f"^{what}: the table has no rows"):
        use(table.iloc[:0])
    with pytest.raises(TableError, match=rf"^{what}: missing columns .*'chrom'|^{what}: missing columns \['name'\]"):
        use(table.drop(columns=["chrom", "name"], errors="ignore"))


def test_a_matrix_of_expression_is_a_dataframe():
    with pytest.raises(TableError, match="matrix: wanted a pandas DataFrame with genes as index, got a dict"):
        match_genes({"x": [1, 2]}, GENES)


@pytest.mark.parametrize(
    ("cell", "said"),
    [({}, "{} of type dict"), ([1], r"\[1\] of type list"), (b"chr1", "b'chr1' of type bytes; decode bytes first")]
    + [(True, "True of type bool"), (1.0, "1.0 of type float"), (("c", 1), r"\('c', 1\) of type tuple")],
)
@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("transcripts: chrom", lambda cells: choose_tss(GENES.assign(chrom=cells[:2]))),
        ("transcripts: name", lambda cells: choose_tss(GENES.assign(name=cells[:2]))),
        ("genes: name", lambda cells: match_genes(EXPRESSION, GENES.assign(name=cells[:2]))),
        ("matrix: index", lambda cells: match_genes(EXPRESSION.set_axis(pd.Index(cells[:2])), GENES)),
        ("sample s: chrom", lambda cells: consensus_peaks({"s": CALLS.assign(chrom=cells)})),
        ("peaks: chrom", lambda cells: openness_over_peaks({"s": CALLS}, PEAKS.assign(chrom=cells))),
        ("peaks: chrom", lambda cells: dataset(peaks=PEAKS.assign(chrom=cells))),
        ("genes: name", lambda cells: dataset(genes=GENES.assign(name=cells[:2]))),
        ("cell_types: name", lambda cells: dataset(openness=OPENNESS.to_numpy(), cell_types=list(cells) + ["d"])),
        ("expression: rows", lambda cells: dataset(expression=EXPRESSION.set_axis(pd.Index(cells[:2])))),
    ],
)
def test_names_are_text_or_whole_numbers(what, use, cell, said):
    cells = np.empty(3, dtype=object)
    cells[:] = [cell, "b", "c"]
    single = f"{what}: wanted text, got {said}"
    with pytest.raises(TableError, match=f"^({single}|{what}: wanted single values, got cells that hold several)"):
        use(cells)


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_blank_names_are_refused(name):
    with pytest.raises(TableError, match="genes: name: a name is blank: row 1"):
        dataset(genes=GENES.assign(name=["a", name]))
    with pytest.raises(TableError, match="cell_types: name: a name is blank: row 0"):
        dataset(openness=OPENNESS.to_numpy(), cell_types=[name, "x", "y", "z"])


@pytest.mark.parametrize("name", [None, np.nan, b"s", ("s", 1), 1.5, ""])
@pytest.mark.parametrize(
    "use", [read_narrowpeaks, consensus_peaks, lambda samples: openness_over_peaks(samples, PEAKS)]
)
def test_samples_have_names(use, name):
    with pytest.raises(TableError, match=r"^samples: (missing values|wanted text|a name is blank)"):
        use({name: CALLS})


def test_whole_numbers_are_names():
    matrix = EXPRESSION.set_axis([7157, 1050]).set_axis([1, 2, 3, 4], axis=1)
    rows, genes = match_genes(matrix, GENES.assign(name=["1050", "7157"]))  # as PairedDataset matches them
    assert_exact(rows.to_numpy(), EXPRESSION.to_numpy()[::-1])
    data = dataset(openness=OPENNESS.to_numpy(), cell_types=[1, 2, 3, 4], genes=genes, expression=rows)
    assert data.cell_types["name"].tolist() == ["1", "2", "3", "4"]
    assert data.genes["name"].tolist() == ["1050", "7157"]


@pytest.mark.parametrize("names", ["wxyz", b"wxyz", {"w", "x", "y", "z"}, 4])
def test_cell_types_need_an_order(names):
    """A set has none, and a text is no list of letters."""
    with pytest.raises(TableError, match="cell_types: wanted a table, or names in the order of the columns, got"):
        dataset(openness=OPENNESS.to_numpy(), cell_types=names)


@pytest.mark.parametrize("values", [[True, False], [1j, 2], np.array([1, 2], object), ["1", "2"], [0.5, 1], [1, None]])
def test_positions_are_whole_numbers(values):
    three = pd.Series([*values, values[0]], dtype=getattr(values, "dtype", None))
    for what, use in [
        ("genes.tss", lambda: dataset(genes=GENES.assign(tss=values))),
        ("transcripts: tss", lambda: choose_tss(GENES.assign(tss=values))),
        ("peaks: start", lambda: dataset(peaks=PEAKS.assign(start=three))),
        ("peaks: start", lambda: openness_over_peaks({"s": CALLS}, PEAKS.assign(start=three))),
        ("sample s: end", lambda: consensus_peaks({"s": CALLS.assign(end=three)})),
        ("sample s: summit", lambda: consensus_peaks({"s": CALLS.assign(summit=three)})),
    ]:
        with pytest.raises(TableError, match=rf"^{what}: wanted whole numbers \(bp\)|^(genes|peaks): \w+ missing"):
            use()


@pytest.mark.parametrize("tss", [3.5e38, 2.0**63, 2**63 + 5, 2**40, MAX_POSITION + 1, -1])
def test_sites_lie_on_a_chromosome(tss):
    """3.5e38 and 2**63 + 5 became negative, and 2**40 was taken."""
    message = r"transcripts: tss: positions must lie in 0 \.\. 2147483647 \(bp\), got .* in row 0 \(2 such row\(s\)\)"
    with pytest.raises(TableError, match=message):
        choose_tss(GENES.assign(tss=[tss, tss]))


def test_the_largest_position_is_a_site_and_float32_rounds_it():
    assert choose_tss(GENES.assign(tss=MAX_POSITION))["tss"].tolist() == [MAX_POSITION] * 2
    with pytest.raises(
        TableError, match=r"tss: wanted whole numbers .bp., got dtype float32"
    ):  # which rounds positions
        choose_tss(GENES.assign(tss=np.float32([100, 200])))


@pytest.mark.parametrize(("start", "end"), [(300, 100), (300, 300)])
def test_transcripts_begin_before_they_end(start, end):
    table = GENES.drop(columns="tss").assign(start=start, end=end)
    with pytest.raises(TableError, match=rf"transcripts: wanted start < end, got {start} and {end} in row 0 \(2 such"):
        choose_tss(table)


def test_a_summit_beyond_int64_is_no_missing_summit():
    """2**64 - 1 became -1, which means that there is none."""
    summit = np.array([2**64 - 1, 45, 550], dtype=np.uint64)
    with pytest.raises(TableError, match=r"sample s: summit: positions must lie in -1 \.\. 2147483647"):
        consensus_peaks({"s": CALLS.assign(summit=summit)})


def test_lengths_of_chromosomes_are_positions():
    with pytest.raises(TypeError, match=r"chrom_sizes: wanted a mapping of names to lengths .bp., got list"):
        consensus_peaks({"s": CALLS}, chrom_sizes=[("chr1", 1000)])
    for length in ("1000", 0, 2**40, None):
        with pytest.raises(TableError, match=r"^chrom_sizes: (wanted whole numbers|positions must lie in 1)"):
            consensus_peaks({"s": CALLS}, chrom_sizes={"chr1": length})
    with pytest.raises(TableError, match="chrom_sizes: names: wanted text"):
        consensus_peaks({"s": CALLS}, chrom_sizes={b"chr1": 1000})
    sizes = {"chr1": 1000, "chr2": 1000}
    assert_exact(
        consensus_peaks({"s": CALLS}, width=20, chrom_sizes=pd.Series(sizes)),
        consensus_peaks({"s": CALLS}, width=20, chrom_sizes=sizes),
    )


def test_ends_of_genes_are_positions():
    with pytest.raises(TableError, match=r"genes\.tes: positions must lie in"):
        gene_activity(dataset(genes=GENES.assign(tes=[2**40, 500])), PromoterSum(gene_body=True))


# --- numbers


@doors(MATRICES)
def test_masked_values_are_refused(what, table, use):
    values = table.to_numpy()
    mask = np.zeros(values.shape, dtype=bool)
    masked = np.ma.array(values, mask=mask)
    options = {"cell_types": list("xyzw")}
    if what == "openness" and use is MATRICES["dataset openness"][2]:
        use = lambda array: dataset(openness=array, **options)  # noqa: E731
    use(masked)  # nothing is hidden
    masked[0, 1] = np.ma.masked
    for given in (masked, list(masked)):
        with pytest.raises(TableError, match=rf"^{what}: 1 value\(s\) are masked, .*; leave out their rows"):
            use(given)


@doors(TABLES)
def test_masked_columns_are_refused(what, table, use):
    column = table.columns[0]
    values = np.ma.array(table[column].to_numpy(dtype=object), mask=np.arange(len(table)) == 0)
    with pytest.raises(TableError, match=rf"^{what}: {column}: 1 value\(s\) are masked"):
        use(table.to_dict("list") | {column: values})


@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("y", lambda masked: check_targets(range(3), masked)),
        ("edges", lambda masked: TSSBinner(edges=masked).fit(dataset().pairs())),
        ("cells", lambda masked: pseudobulk(masked[None, :], ["T"])),
        ("labels", lambda masked: pseudobulk(np.ones((3, 1)), masked)),
    ],
)
def test_masked_targets_edges_cells_and_labels_are_refused(what, use):
    with pytest.raises(TableError, match=rf"^{what}: 1 value\(s\) are masked"):
        use(np.ma.array([0, 1, 2], mask=[False, True, False]))


ESTIMATORS = [
    LassoBaseline(),
    LassoBaselineCV([0.1], cv=2, one_gene=True),
    GeneZTarget(Ridge(), one_gene=True),
    ExpressionMLP((2,), max_epochs=1),
]


@pytest.mark.parametrize(
    ("model", "name"),
    [(LogZScaler(), "X"), *((model, name) for model in ESTIMATORS for name in "Xy")],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_masked_arrays_are_refused_by_estimators(model, name):
    """scikit-learn takes the values under the mask."""
    given = {"X": np.ones((4, 2)), "y": np.arange(4.0)}
    given[name] = np.ma.array(given[name], mask=False)
    given[name][1] = np.ma.masked
    with pytest.raises(TableError, match=rf"^{name}: \d value\(s\) are masked"):
        model.fit(**given)


def test_masked_names_are_refused():
    names = np.ma.array(list("xyzw"), mask=[True, False, False, False])
    with pytest.raises(TableError, match=r"cell_types: 1 value\(s\) are masked"):
        dataset(openness=OPENNESS.to_numpy(), cell_types=names)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.astype(object), r"dtype object(; \.astype\(float\) makes numbers of objects)?"),
        (lambda table: table.astype(str), "(dtype (object|str)|text in column 'x' .*numbers written as text)"),
        (lambda table: table * 1j, "dtype complex128"),
        (lambda table: table.map(lambda cell: [cell]), "dtype object"),
    ],
    ids=["objects", "text", "complex", "lists"],
)
@doors({name: case for name, case in MATRICES.items() if name != "normalizer"}, MATRIX_OF_MATCH)
def test_matrices_hold_real_numbers(what, table, use, change, said):
    with pytest.raises(TableError, match=f"^{what}: (column 'x': )?wanted numbers, got {said}"):
        use(change(table))


def test_openness_is_no_text_and_no_mapping_of_columns():
    with pytest.raises(TableError, match="openness: wanted a DataFrame, an array or a sparse array, got"):
        dataset(openness="text")
    with pytest.raises(TableError, match="openness holds the signals 'x', so wanted a dict of tables by these names"):
        dataset(openness={"x": [1, 2, 3]})


def test_rows_of_different_lengths_are_no_array():
    with pytest.raises(TableError, match="openness: no array can be made of it: "):
        dataset(openness=[[1], [1, 2], [3]], cell_types=["x"])


@pytest.mark.parametrize("table", ["peaks", "genes"])
def test_cells_that_hold_several_values_are_refused(table):
    """They failed only when the identity of the data set was asked for."""
    given = {"peaks": PEAKS, "genes": GENES}[table]
    with pytest.raises(TableError, match=f"{table}: tags: wanted single values, got cells that hold several"):
        dataset(**{table: given.assign(tags=[[k] for k in range(len(given))])})


def test_openness_of_choose_tss_follows_the_peaks():
    peaks = PEAKS.set_axis(["p", "q", "r"])
    openness = pd.Series([1.0, 2, 3], list("pqr"))
    in_order, turned = (choose_tss(GENES, "most_open", peaks=peaks, openness=o) for o in (openness, openness[::-1]))
    assert_exact(turned, in_order)
    unhashable = pd.Index([["p"], ["q"], ["r"]], dtype=object)
    with pytest.raises(TableError, match=r"openness: rows: wanted text, got \['r'\] of type list"):
        choose_tss(GENES, "most_open", peaks=peaks, openness=OPENNESS.set_axis(unhashable))
    assert len(choose_tss(GENES, "most_open", peaks=peaks, openness=sp.csr_array(OPENNESS.to_numpy()))) == 2


# --- transposed


def many_peaks(n):
    start = 10 * np.arange(n)
    peaks = pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 5})
    return peaks, pd.DataFrame(np.ones((2, n)), ["x", "y"], [f"chr1:{k}-{k + 5}" for k in start])


@pytest.mark.parametrize("cell_types", [None, ["x", "y"]])
@pytest.mark.parametrize("form", [lambda table: table, lambda table: table.set_axis(range(20_000), axis=1)])
def test_transposed_openness_is_refused_at_once(cell_types, form):
    """20,000 peaks took minutes, 110,000 hours."""
    peaks, turned = many_peaks(20_000)
    start = time.process_time()
    with pytest.raises(TableError, match=r"openness looks transposed: got shape \(2, 20000\), .*; give openness\.T"):
        PairedDataset(form(turned), peaks, GENES[:1], cell_types=cell_types)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("n_peaks", [2, 3])
def test_transposed_openness_is_known_by_its_names(n_peaks):
    """As many peaks as cell types have the same shape either way."""
    peaks, turned = many_peaks(n_peaks)
    with pytest.raises(TableError, match=r"openness looks transposed"):
        PairedDataset(turned, peaks, GENES[:1])
    with pytest.raises(TableError, match=r"openness looks transposed"):
        PairedDataset(
            turned.set_axis([f"p{k}" for k in range(n_peaks)], axis=1), peaks, GENES[:1], cell_types=list("xy")
        )


@pytest.mark.parametrize(
    "form", [np.asarray, lambda table: table.to_numpy().tolist(), lambda table: sp.csr_array(table.to_numpy())]
)
def test_transposed_arrays_are_known_by_their_shape(form):
    with pytest.raises(TableError, match=r"openness looks transposed: got shape \(4, 3\)"):
        dataset(openness=form(OPENNESS.T), cell_types=list("xyzw"))
    with pytest.raises(TableError, match=r"expression looks transposed: got shape \(4, 2\), .* give expression\.T"):
        dataset(expression=form(EXPRESSION.T))
    with pytest.raises(TableError, match=r"openness: wanted a row for each of 3 peaks, .* give openness\.T"):
        choose_tss(GENES, "most_open", peaks=PEAKS, openness=form(OPENNESS.T))


@pytest.mark.parametrize("n_cell_types", [2, 4])
def test_transposed_expression_is_known_by_its_names(n_cell_types):
    names = list("xyzw")[:n_cell_types]
    with pytest.raises(TableError, match="expression looks transposed"):
        dataset(openness=OPENNESS[names], expression=EXPRESSION[names].T)
    with pytest.raises(TableError, match=r"no gene in common: columns of the matrix have names of genes, .* matrix.T"):
        match_genes(EXPRESSION[names].T, GENES)


def test_a_wrong_shape_of_plain_rows_is_not_called_transposed():
    with pytest.raises(TableError, match=r"openness has shape \(2, 3\), wanted \(3, 3\): one row per peak"):
        dataset(openness=OPENNESS[["x", "y", "z"]][:2], expression=None)


# --- the range of numbers


@pytest.mark.parametrize("factor", [1e-40, 1e-60, 1e-300])
def test_openness_that_vanishes_in_float32_is_refused(factor):
    with pytest.raises(TableError, match=r"openness: the largest value of 'x' is .*float32 loses .* multiply openness"):
        dataset(openness=OPENNESS.assign(x=OPENNESS["x"] * factor))


def test_a_cell_type_without_signal_is_taken():
    assert not dataset(openness=OPENNESS.assign(x=0.0)).openness[:, 0].any()


def test_openness_whose_sum_leaves_float32_is_refused():
    """A bin that held both peaks was infinite."""
    openness = OPENNESS.assign(x=3e38)
    with pytest.raises(TableError, match=r"openness: the values of 'x' add up to 9e\+38, .* divide openness"):
        dataset(openness=openness)


def test_a_depth_without_inverse_in_float32_is_refused():
    """1 / 1e-39 is infinite in float32, and 0 times that is not a number."""
    peaks, _ = many_peaks(20)
    openness = np.zeros((20, 2))
    openness[0] = 2e-38, 1.0  # means 1e-39 and 0.05
    data = PairedDataset(openness, peaks, GENES[:1], cell_types=["x", "y"])
    with pytest.raises(TableError, match=r"openness: the mean of cell type\(s\) 'x' is below 2\.9e-39.*depth=None"):
        TSSBinner(edges=[-100, 0, 100]).fit_transform(data.pairs())
    assert np.isfinite(TSSBinner(edges=[-100, 0, 100], depth=None).fit_transform(data.pairs()).dense()).all()
    openness[1, 0] = 6e-38  # mean 4e-39: 20 times the share of signal
    data = PairedDataset(openness, peaks, GENES[:1], cell_types=["x", "y"])
    values = TSSBinner(edges=[-100, 0, 100]).fit_transform(data.pairs()).dense()
    assert values.sum(axis=1) == pytest.approx([20, 20])


@pytest.mark.parametrize("method", ["tmm", "log_cpm", "quantile"])
def test_counts_keep_to_the_exact_range_of_float64(method):
    """Products of counts of 1e300 are infinite, and TMM made NaN of them."""
    counts = np.array([[1.0, 2, 3, 4], [5, 6, 7, 9]])
    for factor in (1e300, 1e307, 2.0**50):
        with pytest.raises(ValueError, match=r"row 1: the counts add up to .*, more than 2\*\*53 = 9.01e\+15.* divide"):
            ExpressionNormalizer(method).fit(counts * factor)
    for factor in (1e-200, 1e-310):
        with pytest.raises(ValueError, match=r"row 0, column 0: got .*, and products of values below 1e-100 vanish"):
            ExpressionNormalizer(method).fit(counts * factor)
    rim = np.array([[2.0**52, 2.0**52], [2.0**51, 2.0**52]])
    assert np.isfinite(ExpressionNormalizer(method).fit_transform(rim)).all()
    assert np.isfinite(ExpressionNormalizer(method).fit_transform(counts * 2e-100)).all()


# --- files


READERS_OF_FOLDERS = {"read_10x_mtx"}


@pytest.mark.parametrize(
    "name", sorted(name for name in io.__all__ if name.startswith("read_") and name not in READERS_OF_FOLDERS)
)
def test_a_folder_is_no_file(tmp_path, name):
    if name == "read_10x_h5":
        pytest.importorskip("h5py", reason="h5py, which reads the files, is not installed")
    with pytest.raises(FileFormatError, match=f"{tmp_path}: this is a folder, wanted a file"):
        list(getattr(io, name)(tmp_path))  # read_lines opens its file when lines are asked for


@pytest.mark.parametrize(
    "use",
    [lambda path: io.bigwig_means(path, PEAKS), lambda path: openness_from_bigwigs({"s": path}, PEAKS)]
    + [lambda path: read_narrowpeaks({"s": path}), lambda path: consensus_peaks({"s": path})],
)
def test_a_folder_is_no_sample(tmp_path, use):
    with pytest.raises(FileFormatError, match=f"{tmp_path}: this is a folder, wanted a file"):
        use(tmp_path)


# --- from a review


def test_names_that_look_like_intervals_are_no_sign_of_a_transposed_table():
    data = dataset(openness=OPENNESS.set_axis(["HSC_1_2", "Ery_1_3", "B_2_9", "T_3_4"], axis=1), expression=None)
    assert data.cell_types["name"].tolist() == ["HSC_1_2", "Ery_1_3", "B_2_9", "T_3_4"]


def test_transposed_tables_without_row_names():
    plain = pd.DataFrame(OPENNESS.to_numpy().T)
    with pytest.raises(TableError, match=r"openness looks transposed: .* give openness\.T"):
        dataset(openness=plain, cell_types=None)


def test_infinity_in_half_precision():
    expression = np.array([[np.inf, 1, 2, 3], [0, 1, 2, 3]], dtype=np.float16)
    with pytest.raises(TableError, match="expression: inf in row 0, column 0"):
        dataset(expression=expression)
    assert dataset(openness=OPENNESS.astype(np.float16)).openness.dtype == np.float32


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({}, "wanted at least one chromosome"),
        ({("chr1",): 1000}, "wanted text"),
        ({1: 1000, "1": 1000}, "the same name twice: '1'"),
    ],
)
def test_lengths_of_chromosomes(sizes, said):
    with pytest.raises(TableError, match=f"chrom_sizes: .*{said}"):
        consensus_peaks({"s": CALLS}, chrom_sizes=sizes)


def test_openness_of_no_cell_type_chooses_no_site():
    with pytest.raises(TableError, match="openness: wanted at least one cell type, got none"):
        choose_tss(GENES, "most_open", peaks=PEAKS, openness=np.ones((3, 0)))


def test_columns_with_one_name_in_every_file():
    with pytest.raises(TableError, match=r"genes: the same column twice: '1'"):
        dataset(genes=pd.concat([GENES, pd.DataFrame({1: [0, 0], "1": [0, 0]})], axis=1))
