"""What notebooks show: facts that are right, text that is escaped, and data on disk that stays there."""

import pickle
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from promises import assert_float32_sums

from skepi._html import Fact, Rows, card, short
from skepi.baselines import PromoterSum, TrainingMean
from skepi.binning import BinnedTable, BinnerUnion, TSSBinner
from skepi.comparison import compare_models
from skepi.datasets import make_paired_openness
from skepi.paired import PairedDataset, _summary
from skepi.preprocessing import LogZScaler
from skepi.rows import band_columns

SCRIPT = "<script>alert('&')</script>"
VOID = {"br", "hr"}


class Page(HTMLParser):
    """Cells of a card, line by line; complains of tags that are not closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.lines, self.text = [], set(), [], ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert {name for name, _ in attrs} <= {"class"}
        self.tags.add(tag)
        self.open.append(tag)
        if tag == "tr":
            self.lines.append([])
        if tag in ("td", "th"):
            self.lines[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if {"td", "th"} & set(self.open):
            self.lines[-1][-1] += data

    @property
    def facts(self):
        return {line[0]: line[1] for line in self.lines if len(line) == 2}


def page_of(shown):
    return Page(shown._repr_html_())


def small(**changes):
    """Three peaks, two genes and two cell types: gene "a" has a peak at its TSS, "b" has none near."""
    given = {
        "openness": pd.DataFrame({"HSC": [1.0, 0.5, 0.0], "Ery": [0.0, 2.5, 0.0]}),
        "peaks": {"chrom": ["chr1"] * 3, "start": [90, 70_000, 80_000], "end": [110, 70_010, 80_010]},
        "genes": {"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [100, 300_000], "strand": ["+", "-"]},
        "expression": [[0.5, 2.0], [1.25, -3.0]],
        "cell_types": {"name": ["HSC", "Ery"], "lineage": ["stem", "red"]},
    }
    return PairedDataset(**given | changes)


@pytest.fixture(scope="module")
def simulated():
    return make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2)[0]


def test_facts_of_a_data_set_by_hand():
    page = page_of(small())
    assert page.text.startswith("PairedDataset 3 peaks, 2 genes, 2 cell types; openness and expression")
    assert page.facts == {
        "peak within 1 kb of the TSS": "50% of genes, by chance 0% (at places 50 kb away); 2 genes cannot tell",
        "openness": "0 to 2.5, 50% above 0; linear and not whole, such as fold enrichment",
        "depth (mean openness)": "median 0.667, smallest 0.5 in HSC",  # (1 + 0.5) / 3 and 2.5 / 3
        "expression": "-3 to 2; in the range of logarithms",
        "lineages": "2: stem (1), red (1)",
    }
    assert page.lines[-3:] == [
        ["name", "chrom", "tss", "strand", "HSC", "Ery"],
        ["a", "chr1", "100", "+", "0.50", "2.00"],
        ["b", "chr1", "300,000", "-", "1.25", "-3.00"],
    ]


def test_openness_alone_has_no_expression():
    page = page_of(small(expression=None, cell_types=["HSC", "Ery"]))
    assert "openness only" in page.text
    assert not {"expression", "lineages"} & set(page.facts)
    assert page.lines[-1] == ["b", "chr1", "300,000", "-"]


def test_signals_and_features_have_lines_of_their_own():
    data = make_paired_openness(
        n_genes=30, n_cell_types=6, n_lineages=2, signals={"ATAC": 1.0, "input": 0.0}, peak_classes=True
    )[0]
    facts = page_of(data).facts
    n_peaks = (data.peaks["signal"] == "input").sum()
    assert facts["openness of input"].startswith(f"{n_peaks:,} peaks; 0 to ")
    assert {"depth of ATAC", "depth of input"} < set(facts)
    assert facts["features of peaks"].startswith("2: ")


@pytest.mark.parametrize("signals", [None, {"ATAC": 1.0, "input": 0.0}])
def test_depth_is_that_of_the_binner(signals):
    """Without mitochondrial peaks, for each signal."""
    data = make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2, signals=signals)[0]
    peaks = data.peaks.copy()
    moved = np.arange(0, len(peaks), 7)
    peaks.loc[moved, "chrom"] = "chrM"
    peaks.loc[moved, "start"], peaks.loc[moved, "end"] = moved * 1_000, moved * 1_000 + 500
    data = _with_peaks(data, peaks)
    for summary in data.tables.summaries:
        wanted = data.tables.mean_openness(summary.name)
        assert_float32_sums(summary.depth, wanted)
        assert summary.n_seen == summary.n_peaks


def _with_peaks(data, peaks):
    if "signal" not in peaks:
        return PairedDataset(data.openness, peaks, data.genes, cell_types=data.cell_types)
    rows = {name: data.tables.peaks_of(name) for name in data.signals}
    openness = {name: data.openness[of] for name, of in rows.items()}
    tables = {name: peaks.iloc[of].drop(columns="signal") for name, of in rows.items()}
    return PairedDataset(openness, tables, data.genes, cell_types=data.cell_types)


def test_doubtful_scales_are_marked(simulated):
    logs = np.log2(1 + np.round(simulated.openness)).astype(np.float32)
    with pytest.warns(match="openness: values look like logarithms"):
        data = PairedDataset(
            logs, simulated.peaks, simulated.genes, np.round(simulated.expression * 100), simulated.cell_types
        )
    facts = page_of(data).facts
    assert facts["openness"].startswith("\u26a0 0 to ")
    assert "looks like logarithms; a linear scale is wanted" in facts["openness"]
    assert "looks like raw counts; ExpressionNormalizer" in facts["expression"]
    rates = page_of(small(expression=[[0.5, 20_000.0], [1.0, 2.0]])).facts["expression"]
    assert rates == "\u26a0 0.5 to 20,000; too large for logarithms, which are wanted"


def test_counts_and_an_empty_cell_type_are_seen():
    facts = page_of(small(openness=pd.DataFrame({"HSC": [1.0, 5.0, 0.0], "Ery": [0.0, 0.0, 0.0]}))).facts
    assert facts["openness"] == "0 to 5, 33% above 0; whole numbers, such as counts"
    assert facts["depth (mean openness)"] == "\u26a0 median 1, smallest 0 in Ery"


def test_another_assembly_is_marked(simulated):
    rng = np.random.default_rng(0)
    n = 200
    genes = pd.DataFrame({"name": np.arange(n), "chrom": "chr1", "tss": rng.integers(10**6, 10**8, n), "strand": "+"})
    start = np.sort(rng.choice(10**5, 20_000, replace=False)) * 1_000
    peaks = pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 300})
    with pytest.warns(match="different genome assemblies"):
        data = PairedDataset(rng.random((20_000, 2)), peaks, genes, cell_types=["x", "y"])
    assert page_of(data).facts["peak within 1 kb of the TSS"].startswith("\u26a0 ")


def test_many_lineages_are_cut():
    names = [f"c{i}" for i in range(9)]
    data = small(
        openness=np.ones((3, 9)), expression=None, cell_types={"name": names, "lineage": [f"l{i}" for i in range(9)]}
    )
    assert page_of(data).facts["lineages"].endswith("l5 (1) and 3 more")


def test_lineages_without_cell_types_are_not_counted():
    kinds = pd.Categorical(["stem", "red"], ["stem", "red", "white"])  # as AnnData keeps them
    data = small(cell_types=pd.DataFrame({"name": ["HSC", "Ery"], "lineage": kinds}))
    assert page_of(data).facts["lineages"] == "2: stem (1), red (1)"


def everything(tmp_path):
    """One of each kind, with a script for every name that a user can choose."""
    data = small(
        genes={"name": [SCRIPT, "b"], "chrom": ["chr1"] * 2, "tss": [100, 300_000], "strand": ["+", "-"]},
        openness={SCRIPT: [[1.0, 0.0], [0.5, 2.5], [0.5, 1.0]]},
        peaks={SCRIPT: {"chrom": ["chr1"] * 3, "start": [90, 70_000, 80_000], "end": [110, 70_010, 80_010]}},
        cell_types={"name": [SCRIPT, "Ery"], "lineage": [SCRIPT, "red"]},
        peak_features={SCRIPT: pd.DataFrame({SCRIPT: [1.0, 0.0, 2.0]})},
    )
    bins = TSSBinner(edges=[-50, 0, 50]).fit_transform(data.pairs())
    table = BinnedTable(
        bins.genes, bins.cell_types, bins.columns, np.ones((2, 2, 2)), bins.gene_codes, bins.cell_type_codes
    )
    data.save(tmp_path / "<b>folder")
    return [
        data,
        PairedDataset.open(tmp_path / "<b>folder"),
        data.pairs(),
        bins,
        LogZScaler().fit_transform(bins).with_appended([SCRIPT], np.ones((4, 1))),
        table,
    ]


def test_text_is_escaped_and_nothing_comes_from_elsewhere(tmp_path):
    for shown in everything(tmp_path):
        html = shown._repr_html_()
        page = Page(html)  # asserts that no tag has an attribute but its class
        assert page.tags <= {"style", "div", "span", "table", "tr", "th", "td"}
        assert SCRIPT in page.text
        assert "<script" not in html
        assert not any(outside in html for outside in ("http", "url(", "@import", "src="))
        assert len(html) < 8_000


def test_a_long_name_is_cut():
    page = Page(card("n" * 500, "", [Fact("a", "b" * 201)]))
    assert page.facts["a"] == "b" * 200 + "..."


class Watched(np.memmap):
    """Openness on disk that may be read in part only."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise AssertionError(f"{ufunc} of all openness")

    def __array_function__(self, function, types, args, kwargs):
        if function is np.may_share_memory:  # asked by numpy where a view is made
            return True
        raise AssertionError(f"{function} of all openness")

    def __getitem__(self, rows):
        part = self.view(np.ndarray)[rows]
        assert part.size <= 40
        return part


def test_openness_on_disk_is_read_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(_summary, "_SAMPLED_VALUES", 40)
    data = make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2)[0]
    data.save(tmp_path / "data")
    opened = PairedDataset.open(tmp_path / "data")
    assert isinstance(opened.openness, np.memmap)
    opened.tables.openness = opened.openness.view(Watched)
    opened.expression = opened.expression.view(Watched)
    n = len(data.peaks)
    page = page_of(opened)
    assert page.facts["openness"].endswith(f"(estimated from 6 of {n:,} peaks)")
    assert page.facts["expression"].endswith("(estimated from 6 of 30 genes)")
    assert page.facts["on disk"] == str(tmp_path / "data")
    first = (n - 6) // 2
    wanted = data.openness[first : first + 6].mean(axis=0, dtype=np.float64)
    assert_float32_sums(opened.tables.summaries[0].depth, wanted)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_reads_give_what_the_map_holds(tmp_path, order, dtype):
    values = np.asarray(np.arange(35).reshape(7, 5), dtype=dtype, order=order)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    for first, stop in ((0, 7), (2, 3), (3, 7)):
        rows = np.arange(first, stop)
        assert np.array_equal(_summary.some_rows(mapped, rows), values[first:stop])
        assert np.array_equal(_summary.some_rows(mapped.T, np.arange(1, 3)), values.T[1:3])
        assert np.array_equal(_summary.some_rows(mapped[2:6], np.arange(1, 3)), values[3:5])  # no whole file
    assert _summary.some_rows(mapped, np.arange(7)).dtype == dtype
    (tmp_path / "values.npy").unlink()  # what is mapped stays
    assert np.array_equal(_summary.some_rows(mapped, np.arange(7)), values)


def test_the_watch_notices():
    watched = np.ones((20, 6), dtype=np.float32).view(Watched)
    with pytest.raises(AssertionError, match="of all openness"):
        watched.max()
    with pytest.raises(AssertionError, match="of all openness"):
        np.count_nonzero(watched)
    with pytest.raises(AssertionError):
        watched[:]


def test_very_much_openness_in_memory_is_read_in_part(monkeypatch):
    data = make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2)[0]
    monkeypatch.setattr(_summary, "_MOST_VALUES", 100)
    monkeypatch.setattr(_summary, "_SAMPLED_VALUES", 60)
    assert data.tables.summaries[0].n_seen == 10
    assert "(estimated from 10 of" in page_of(data).facts["openness"]


def test_peaks_of_a_signal_that_do_not_lie_together_are_gathered(monkeypatch):
    """Rows 0, 2, 4 of six peaks, all of them looked at; with a limit of two values the one in the middle."""
    openness = np.asfortranarray(np.arange(12, dtype=np.float32).reshape(6, 2))
    rows = np.array([0, 2, 4])
    assert _summary.some_rows(openness, rows).tolist() == [[0, 1], [4, 5], [8, 9]]
    monkeypatch.setattr(_summary, "_SAMPLED_VALUES", 2)
    assert _summary.some_rows(openness, rows).tolist() == [[4, 5]]


def test_all_rows_are_taken_without_a_copy():
    openness = np.ones((6, 2), dtype=np.float32)
    assert np.shares_memory(_summary.some_rows(openness, np.arange(6)), openness)


def test_what_was_worked_out_is_kept_and_no_part_of_a_pickle(simulated):
    simulated._repr_html_()
    assert simulated.tables.summaries is simulated.tables.summaries
    assert simulated.peaks_at_start_sites is simulated.tables.at_start_sites
    copied = pickle.loads(pickle.dumps(simulated))
    assert not {"summaries", "at_start_sites"} & set(vars(copied.tables))
    assert copied._repr_html_() == simulated._repr_html_()


def test_facts_of_pairs(simulated):
    X = simulated.pairs()[3:]
    page = page_of(X)
    assert page.text.startswith("GeneCellPairs 177 pairs of 30 genes and 6 cell types")
    assert page.facts["pairs per cell type"] == "29 to 30"
    assert page.facts["pairs per gene"] == "3 to 6"
    assert [line[:2] for line in page.lines[-5:]] == X.head()[["gene", "cell_type"]].to_numpy().tolist()
    only = X.select(cell_types="cell000")
    assert page_of(only).facts["lineages"] == "1: lineage1 (1)"


def test_facts_of_bins(simulated):
    bins = TSSBinner(edges=[-5_000, -500, 0, 2_000_000]).fit_transform(simulated.pairs())
    page = page_of(bins)
    assert page.text.startswith("BinnedOpenness 180 pairs x 3 columns of openness")
    assert page.facts["bands"] == "3, from -5 kb to 2 Mb around the TSS, 500 bp to 2 Mb wide"
    share = bins.operator.n_slots / (30 * 3)
    assert page.facts["reached by a peak"] == f"{share:.0%} of all (gene, column); the others are 0"
    values = [[short(float(value)) for value in row] for row in bins.dense(slice(3))]
    assert [line[2:] for line in page.lines[-3:]] == values


def test_bins_show_the_columns_nearest_to_the_tss(simulated):
    bins = TSSBinner(flank=10_000).fit_transform(simulated.pairs())
    page = page_of(bins)
    assert "6 columns nearest to the TSS" in page.text
    assert page.lines[-4][2:] == bins.feature_names[7:13].tolist()
    assert page.facts["bands"] == "20, from -10 kb to 10 kb around the TSS, 1 kb wide"


def test_unions_name_their_runs_of_bands(simulated):
    near, far = TSSBinner(edges=[-500, 0, 500]), TSSBinner(edges=[-100_000, -500])
    union = BinnerUnion([("near", near), ("far", far)]).fit_transform(simulated.pairs())
    lines = [line for line in page_of(union).lines if line[0] == "bands"]
    assert [line[1].split(",")[0] for line in lines] == ["2", "1"]


def test_columns_beside_bins_are_named(simulated):
    bins = TSSBinner(edges=[-500, 0, 500]).fit_transform(simulated.pairs())
    more = bins.with_appended(["level"], np.ones((180, 1)), from_targets=True)
    assert page_of(more).facts["columns beside them"] == "1: 'level'; made from targets"


def test_many_runs_of_bands_are_cut():
    genes, cell_types = pd.DataFrame({"name": ["a"]}), pd.DataFrame({"name": ["x"]})
    columns = pd.concat([band_columns([0, 5], f"s{i}") for i in range(9)], ignore_index=True)
    X = BinnedTable(genes, cell_types, columns, np.ones((1, 9, 1)), np.array([0]), np.array([0]))
    facts = page_of(X).facts
    assert facts["bands of s5"] == "1, from 0 bp to 5 bp around the TSS, 5 bp wide"
    assert facts["further bands"] == "3 runs of them"


@pytest.mark.parametrize("n", [0, 1])
def test_few_rows_have_a_card(simulated, n):
    pairs = simulated.pairs()[:n]
    assert page_of(pairs).lines[-1][0] == ("gene" if n == 0 else "gene00000")
    assert len(page_of(TSSBinner(edges=[-500, 0, 500]).fit_transform(simulated.pairs())[:n]).lines) == 4 + n


def test_a_comparison_shows_both_kinds_of_skill(simulated):
    models = {"mean": TrainingMean(), SCRIPT: PromoterSum()}
    comparison = compare_models(
        models, simulated, ["cell types", "chromosomes"], n_bootstrap=20, controls=["cell types"], n_permutations=1
    )
    html = comparison._repr_html_()
    page = Page(html)
    assert "<script" not in html
    assert page.text.startswith("ModelComparison 2 models under 2 splits, 180 held-out pairs")
    skill = comparison.to_frame("skill")
    assert ["model", "cell types"] in page.lines
    for name in models:
        assert [name, f"{skill.loc[name, 'cell types']:.3f}"] in page.lines
    assert ["model", "chromosomes"] in page.lines
    controls = comparison.control_scores[["skill", "within_gene_skill"]].to_numpy()
    assert page.facts["controls"] == f"4 skills on permuted data, the highest {np.nanmax(controls):.3f}"


def test_a_comparison_without_controls_has_no_line_of_them(simulated):
    comparison = compare_models({"mean": TrainingMean()}, simulated, ["cell types"], n_bootstrap=20)
    page = page_of(comparison)
    assert "controls" not in page.facts
    assert "within-gene" not in page.text
    ceiling = pd.DataFrame({"ceiling": [0.75], "n_pairs": [180]}, index=comparison.ceilings.index)
    object.__setattr__(comparison, "ceilings", ceiling)
    assert page_of(comparison).facts["noise ceiling"] == "cell types 0.750"


def test_values_of_tables():
    table = pd.DataFrame(
        {"n": [1_000, 2], "x": [0.12345, np.nan], "yes": [True, False], "what": ["a", None], "at": [("b", 1), "c"]}
    )
    lines = Page(card("", "", [], [Rows("", table)])).lines
    assert lines == [
        ["n", "x", "yes", "what", "at"],
        ["1,000", "0.123", "True", "a", "('b', 1)"],
        ["2", "", "False", "", "c"],
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1,230"), (0.00012345, "0.000123"), (1e-5, "1e-05"), (2.5e8, "2.5e+08"), (np.inf, "inf"), (-1.5, "-1.5")],
)
def test_short_numbers(value, shown):
    assert short(value) == shown


def test_escaping_is_undone_by_a_browser():
    assert unescape(card(SCRIPT, "", [])).count(SCRIPT) == 1
