"""Log CPM, TMM and quantiles: by hand, against edgeR's published definition, and from training rows only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from promises import assert_exact, assert_float64_sums
from sklearn.exceptions import NotFittedError

from skepi.datasets import make_paired_openness
from skepi.exceptions import EmptyLibraryWarning, MissingExpressionError, TableError
from skepi.normalization import ExpressionNormalizer, reference_library, tmm_factor
from skepi.paired import PairedDataset

METHODS = ["log_cpm", "tmm", "quantile"]
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def counts(rng):
    """Counts of 6 cell types x 80 genes, each cell type with its own composition and depth."""
    level = rng.gamma(1, 50, size=80) * rng.gamma(4, 0.25, size=(6, 80))
    return rng.poisson(level * rng.uniform(0.5, 3, size=(6, 1)))


def log_cpm(count, size, factor=1.0):
    return np.log(1 + 1e6 * count / (size * factor))


# --- log CPM


def test_log_cpm_by_hand():
    # Library sizes 4 and 10: 1 of 4 is 250,000 a million, 9 of 10 is 900,000.
    out = ExpressionNormalizer("log_cpm").fit_transform([[1, 3, 0], [0, 9, 1]])
    wanted = np.log([[250_001, 750_001, 1], [1, 900_001, 100_001]])
    assert_float64_sums(out, wanted)


def test_library_size_counts_the_genes_that_are_dropped():
    # Gene 1 has mean CPM (200,000 + 0) / 2 and is dropped; the others are still out of 10.
    model = ExpressionNormalizer("log_cpm", min_mean_cpm=150_000)
    out = model.fit_transform([[2, 8, 0], [0, 4, 6]])
    assert_float64_sums(model.mean_cpm_, [100_000, 600_000, 300_000])
    assert_float64_sums(out, np.log([[800_001, 1], [400_001, 600_001]]))


# --- TMM


def slow_reference(counts):
    """edgeR: upper quartile (R's type 7) of counts over library size, closest to the mean of all libraries."""
    counts = [list(row) for row in counts]
    kept = [g for g in range(len(counts[0])) if any(row[g] > 0 for row in counts)]
    quartiles = []
    for row in counts:
        values = sorted(row[g] / sum(row) for g in kept)
        at = 0.75 * (len(values) - 1)
        low = int(at)
        high = min(low + 1, len(values) - 1)
        quartiles.append(values[low] + (at - low) * (values[high] - values[low]))
    if sorted(quartiles)[len(quartiles) // 2] < 1e-20:
        roots = [sum(value**0.5 for value in row) for row in counts]
        return roots.index(max(roots)), [-root for root in roots]
    away = [abs(q - sum(quartiles) / len(quartiles)) for q in quartiles]
    return away.index(min(away)), away


def slow_rank(values):
    """Mean rank from 1, as R's rank."""
    return [sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values]


def slow_tmm(library, reference, logratio_trim=0.3, sum_trim=0.05):
    """Weighted trimmed mean of M, gene by gene; M is the log of one ratio, so that equal ratios tie."""
    size, size_ref = float(sum(library)), float(sum(reference))
    shared = [(float(k), float(r)) for k, r in zip(library, reference, strict=True) if k > 0 and r > 0]
    m = [np.log2((k / size) / (r / size_ref)) for k, r in shared]
    a = [(np.log2(k / size) + np.log2(r / size_ref)) / 2 for k, r in shared]
    if max(abs(value) for value in m) < 1e-6:
        return 1.0
    low_m, low_a = int(len(m) * logratio_trim) + 1, int(len(m) * sum_trim) + 1
    weighted = weights = 0.0
    for (k, r), value, rank_m, rank_a in zip(shared, m, slow_rank(m), slow_rank(a), strict=True):
        if low_m <= rank_m <= len(m) + 1 - low_m and low_a <= rank_a <= len(m) + 1 - low_a:
            weight = 1 / ((size - k) / size / k + (size_ref - r) / size_ref / r)
            weighted += weight * value
            weights += weight
    return 2 ** (weighted / weights)


def slow_factors(train, rows, **trims):
    """Factors of rows against the reference of the training rows, whose geometric mean is 1."""
    reference = train[slow_reference(train)[0]]
    of_train = [slow_tmm(row, reference, **trims) for row in train]
    centre = np.exp(sum(np.log(of_train)) / len(of_train))
    return np.array([slow_tmm(row, reference, **trims) for row in rows]) / centre


def test_tmm_by_hand():
    # Reference (20, 20, 20, 20, 20), library (5, 10, 20, 20, 45), both of size 100.
    #   M = log2 of 1/4, 1/2, 1, 1, 9/4; ranks 1, 2, 3.5, 3.5, 5
    #   trim 0.3 of 5: floor(1.5) = 1 at each end, so ranks 2 to 4 stay: M = -1, 0, 0; trim 0.05 takes none
    #   1 / w = (100 - k) / 100 k + (100 - r) / 100 r = .09 + .04, .04 + .04, .04 + .04
    #   log2 f = -(1 / .13) / (1 / .13 + 2 / .08) = -4 / 17
    # Both upper quartiles are .2, so the first library is the reference; centred at 1: 2 ** (+-2 / 17).
    reference, library = [20] * 5, [5, 10, 20, 20, 45]
    assert tmm_factor(np.array(library), np.array(reference)) == pytest.approx(2 ** (-4 / 17))
    model = ExpressionNormalizer("tmm").fit([reference, library])
    np.testing.assert_array_equal(model.reference_library_, reference)
    factors = model.norm_factors([reference, library])
    assert factors.tolist() == pytest.approx([2 ** (2 / 17), 2 ** (-2 / 17)])
    out = model.transform([reference, library])
    assert out[1, 4] == pytest.approx(log_cpm(45, 100, 2 ** (-2 / 17)))


def test_tmm_trims_intensities_by_hand():
    # 20 genes of ratio 1 but the loudest: 0.05 of 20 takes the quietest and the loudest, whatever their ratio.
    reference = np.arange(100.0, 120.0)
    library = reference * np.where(reference == 119, 3, 1)
    # Of sizes 2190 and 2428, all other genes have M = log2(2190 / 2428).
    assert tmm_factor(library, reference, logratio_trim=0.0) == pytest.approx(2190 / 2428)
    assert tmm_factor(library, reference, logratio_trim=0.0, sum_trim=0.0) > 2190 / 2428 + 0.01


def test_tmm_leaves_a_shift_in_composition_out():
    """Half of the RNA of the second library is one gene; TMM makes the other genes agree, CPM does not."""
    first = np.arange(20, 120, 2)
    second = first.copy()
    second[0] += first.sum()
    tmm, cpm = (ExpressionNormalizer(method).fit_transform([first, second]) for method in ("tmm", "log_cpm"))
    assert_float64_sums(tmm[0, 1:], tmm[1, 1:])
    assert (cpm[0, 1:] - cpm[1, 1:] > 0.6).all()


@given(st.integers(0, 10_000), st.integers(3, 6), st.integers(8, 60), st.floats(0, 0.3))
def test_tmm_equals_the_published_definition(seed, n_cell_types, n_genes, zeros):
    rng = np.random.default_rng(seed)
    counts = rng.gamma(0.7, 100, size=(n_cell_types, n_genes)) * (rng.random((n_cell_types, n_genes)) >= zeros)
    assume((counts > 0).all(axis=0).sum() >= 3)
    train, others = counts[:-1], counts
    place, away = slow_reference(train)
    assume(sorted(away)[1] - min(away) > 1e-9)  # else rounding chooses
    assert reference_library(train) == place
    model = ExpressionNormalizer("tmm").fit(train)
    assert_float64_sums(model.norm_factors(others), slow_factors(train, others), condition=10)


@given(st.integers(0, 10_000))
def test_tmm_breaks_ties_of_small_counts_as_published(seed):
    """1 in 2 and 2 in 4 are one ratio, in edgeR's arithmetic as well: ties stay or go together."""
    library, reference = np.random.default_rng(seed).integers(1, 13, size=(2, 200)).astype(float)
    assert_float64_sums(tmm_factor(library, reference), slow_tmm(library, reference))


def test_tmm_factor_is_1_where_all_ratios_agree():
    assert tmm_factor(np.array([2, 4, 6]), np.array([1, 2, 3])) == 1


def test_tmm_trims_are_settings(counts):
    trims = {"logratio_trim": 0.1, "sum_trim": 0.2}
    model = ExpressionNormalizer("tmm", **trims).fit(counts)
    assert_float64_sums(model.norm_factors(counts), slow_factors(counts, counts, **trims))
    assert (model.norm_factors(counts) != ExpressionNormalizer("tmm").fit(counts).norm_factors(counts)).any()


def test_geometric_mean_of_training_factors_is_1(counts):
    factors = ExpressionNormalizer("tmm").fit(counts).norm_factors(counts)
    assert_float64_sums(np.log(factors).mean(), 0, summed=1)
    assert np.ptp(factors) > 0.01


def test_reference_of_sparse_libraries_has_the_greatest_sum_of_root_counts():
    # All upper quartiles are 0; sums of roots 3, 2 + 2 and 3.5.
    counts = np.zeros((3, 20))
    counts[0, 0], counts[1, :2], counts[2, 0] = 9, 4, 12.25
    counts[0, 4:9] = 1e-30  # seen in one library only, so the genes count
    assert reference_library(counts) == slow_reference(counts)[0] == 1


# --- quantiles


def test_quantiles_by_hand():
    # In units of counts of 100: first (0, 10, 30, 60), second (40, 40, 0, 20), sorted (0, 20, 40, 40).
    # Reference: means of the sorted log CPM. In the second the two 40s share ranks 3 and 4: the middle of both.
    value = {count: log_cpm(count, 100) for count in (0, 10, 20, 30, 40, 60)}
    q1, q2, q3, q4 = (
        0,
        (value[10] + value[20]) / 2,
        (value[30] + value[40]) / 2,
        (value[60] + value[40]) / 2,
    )
    model = ExpressionNormalizer("quantile")
    out = model.fit_transform([[0, 10, 30, 60], [40, 40, 0, 20]])
    assert_float64_sums(model.reference_quantiles_, [q1, q2, q3, q4])
    tied = (q3 + q4) / 2
    assert_float64_sums(out, [[q1, q2, q3, q4], [tied, tied, q1, q2]])


abundances = st.integers(2, 5).flatmap(
    lambda n: arrays(np.float64, (n, 12), elements=st.integers(0, 500).map(float), unique=True)
)


@given(abundances)
def test_without_ties_all_training_rows_share_the_reference(counts):
    model = ExpressionNormalizer().fit(counts)
    for row in model.transform(counts):
        assert_float64_sums(np.sort(row), model.reference_quantiles_)


@given(arrays(np.int64, (3, 15), elements=st.integers(0, 9)))
def test_quantiles_keep_order_and_ties(counts):
    assume((counts.sum(axis=1) > 0).all())
    model = ExpressionNormalizer(min_mean_cpm=-1).fit(counts)
    for before, after in zip(counts, model.transform(counts), strict=True):
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= 0).all()
        for value in np.unique(before):
            assert np.ptp(after[before == value]) == 0


@pytest.mark.parametrize("method", ["log_cpm", "quantile"])
def test_depth_alone_changes_nothing(method, counts):
    model = ExpressionNormalizer(method).fit(counts)
    assert_float64_sums(model.transform(8 * counts), model.transform(counts))


# --- what is learned


@every_method
def test_held_out_rows_change_nothing_that_is_learned(method, counts, rng):
    model = ExpressionNormalizer(method).fit(counts[:4])
    learned = {name: np.copy(value) for name, value in vars(model).items() if name.endswith("_")}
    others = counts[4:] * rng.integers(0, 50, size=80)
    model.transform(others)
    for name, value in learned.items():
        np.testing.assert_array_equal(getattr(model, name), value)
    assert {"mean_cpm_", "support_"} < set(learned)


@every_method
def test_each_row_is_normalised_by_itself(method, counts):
    model = ExpressionNormalizer(method).fit(counts[:4])
    together = model.transform(counts)
    for row, values in zip(counts, together, strict=True):
        assert_float64_sums(model.transform([row])[0], values)


@every_method
def test_the_reference_comes_from_training_rows(method, counts):
    """Same held-out row, other training rows: only log CPM, which has no reference, stays."""
    model = ExpressionNormalizer(method, min_mean_cpm=-1)
    first, second = (model.fit(train).transform(counts[-1:]) for train in (counts[:2], counts[2:5]))
    if method == "log_cpm":
        assert_exact(first, second)
    else:
        assert np.abs(first - second).max() > 0.01


def test_the_gene_filter_comes_from_training_rows():
    train, others = [[5, 5, 0], [4, 6, 0]], [[0, 0, 100]]
    model = ExpressionNormalizer("log_cpm").fit(train)
    assert model.get_support().tolist() == [True, True, False]
    np.testing.assert_array_equal(model.transform(others), [[0, 0]])


def test_min_mean_cpm_is_a_strict_bound_and_keeps_all_below_0():
    counts = [[1, 9, 0, 0], [3, 7, 0, 0]]  # mean CPM 200,000, 800,000, 0 and 0
    for bound, kept in ((0.0, 2), (199_999, 2), (200_000, 1), (-1, 4)):
        assert ExpressionNormalizer(min_mean_cpm=bound).fit_transform(counts).shape == (2, kept)


@every_method
def test_caller_s_counts_are_left_alone(method, counts):
    before = counts.copy()
    ExpressionNormalizer(method).fit(counts).transform(counts)
    np.testing.assert_array_equal(counts, before)


def test_a_refit_leaves_nothing_of_another_method_behind(counts):
    model = ExpressionNormalizer("tmm").fit(counts)
    model.set_params(method="quantile").fit(counts)
    assert not hasattr(model, "reference_library_")
    model.set_params(method="log_cpm").fit(counts)
    assert not hasattr(model, "reference_quantiles_")


# --- names


@every_method
def test_frames_keep_their_gene_names(method, counts):
    genes = np.array([f"gene{i}" for i in range(80)], dtype=object)
    counts[:, [3, 7]] = 0
    frame = pd.DataFrame(counts, columns=genes)
    model = ExpressionNormalizer(method).fit(frame)
    kept = np.delete(genes, [3, 7])
    np.testing.assert_array_equal(model.get_feature_names_out(), kept)
    np.testing.assert_array_equal(genes[model.get_support()], kept)
    assert_float64_sums(model.transform(frame), ExpressionNormalizer(method).fit_transform(counts))
    named = model.set_output(transform="pandas").transform(frame)
    assert named.columns.tolist() == kept.tolist()


def test_genes_in_another_order_are_refused(counts):
    frame = pd.DataFrame(counts, columns=[f"gene{i}" for i in range(80)])
    model = ExpressionNormalizer().fit(frame)
    with pytest.raises(ValueError, match="same order"):
        model.transform(frame[frame.columns[::-1]])


@every_method
def test_a_data_set_is_normalised_by_its_training_cell_types(method, counts):
    data, _ = make_paired_openness(n_genes=80, n_cell_types=6, random_state=0)
    counts[[0, 2, 3], 5] = 0
    data = PairedDataset(data.openness, data.peaks, data.genes, counts.T, data.cell_types)
    model = ExpressionNormalizer(method)
    out = data.transform_expression(model, fit_cell_types=data.cell_types["name"][[0, 2, 3]])
    wanted = ExpressionNormalizer(method).fit(counts[[0, 2, 3]])
    assert_float64_sums(out.expression, wanted.transform(counts).T)
    np.testing.assert_array_equal(out.genes["name"], data.genes["name"][wanted.get_support()])
    assert "gene00005" not in set(out.genes["name"])


# --- empty libraries and errors


@every_method
def test_a_library_without_counts_warns_once_a_call_and_reads_nan(method, counts):
    model = ExpressionNormalizer(method).fit(counts)
    others = counts.copy()
    others[[2, 4]] = 0
    with pytest.warns(EmptyLibraryWarning, match=r"row 2 has no counts \(2 such row\(s\)\)") as caught:
        out = model.transform(others)
    assert len(caught) == 1
    assert np.isnan(out[[2, 4]]).all()
    assert_float64_sums(out[[0, 1, 3, 5]], model.transform(counts)[[0, 1, 3, 5]])


@every_method
def test_a_library_without_counts_is_left_out_of_what_is_learned(method, counts):
    with_empty = np.insert(counts, 1, 0, axis=0)
    with pytest.warns(EmptyLibraryWarning, match="it is left out of what is learned"):
        model = ExpressionNormalizer(method).fit(with_empty)
    assert_float64_sums(model.transform(counts), ExpressionNormalizer(method).fit_transform(counts))


@every_method
@pytest.mark.filterwarnings("ignore::skepi.exceptions.EmptyLibraryWarning")
def test_a_data_set_refuses_an_empty_library_by_name(method, counts):
    data, _ = make_paired_openness(n_genes=80, n_cell_types=6, random_state=0)
    counts[4] = 0
    data = PairedDataset(data.openness, data.peaks, data.genes, counts.T, data.cell_types)
    with pytest.raises(TableError, match=r"expression: nan in row 0, column 4 \(cell004\); wanted finite numbers"):
        data.transform_expression(ExpressionNormalizer(method))


def test_a_data_set_without_expression_has_nothing_to_normalise(simulated):
    data = simulated[0]
    openness_only = PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types)
    with pytest.raises(MissingExpressionError, match="there is nothing to normalise"):
        openness_only.transform_expression(ExpressionNormalizer())


def test_settings_are_checked(counts):
    with pytest.raises(ValueError, match=r"method must be one of .*'tmm'.*, got 'cpm'"):
        ExpressionNormalizer("cpm").fit(counts)
    with pytest.raises(
        ValueError, match=r"no gene has a mean CPM greater than min_mean_cpm=1000000.0; the greatest is"
    ):
        ExpressionNormalizer(min_mean_cpm=1e6).fit(counts)


@every_method
def test_counts_that_cannot_be_normalised_are_refused(method, counts):
    model = ExpressionNormalizer(method).fit(counts)
    for call in (ExpressionNormalizer(method).fit, model.transform):
        with pytest.raises(ValueError, match=r"Negative values .*: wanted counts on a linear scale"):
            call(np.where(counts == counts.max(), -1, counts))
        with pytest.raises(ValueError, match="no row has any counts: a library size of 0 has no CPM"):
            call(np.zeros((2, 80)))
        with pytest.raises(ValueError, match="NaN"):
            call(np.full((2, 80), np.nan))


def test_tmm_without_a_shared_gene_is_refused():
    model = ExpressionNormalizer("tmm").fit([[1, 2, 3, 0], [2, 2, 3, 0]])
    with pytest.raises(ValueError, match="TMM has no gene left to compare a library with the reference"):
        model.transform([[0, 0, 0, 7]])
    with pytest.raises(ValueError, match="TMM has no gene left"):
        tmm_factor(np.array([1, 2, 3]), np.array([3, 2, 1]), logratio_trim=0.7)


def test_factors_exist_for_tmm_alone(counts):
    with pytest.raises(NotFittedError):
        ExpressionNormalizer("tmm").norm_factors(counts)
    with pytest.raises(NotFittedError):
        ExpressionNormalizer("quantile").fit(counts).norm_factors(counts)
    with pytest.raises(NotFittedError):
        ExpressionNormalizer().get_support()


def test_normalised_values_are_not_turned_back_into_counts(counts):
    """The selector's inverse would fill dropped genes with 0 and call log expression counts."""
    model = ExpressionNormalizer().fit(counts)
    with pytest.raises((AttributeError, NotImplementedError, TypeError)):
        model.inverse_transform(model.transform(counts))


@pytest.mark.parametrize("name", ["logratio_trim", "sum_trim"])
def test_trimming_half_at_each_end_is_refused(name):
    """It would leave only the gene in the middle, or none; just below half is a setting like any other."""
    with pytest.raises(ValueError, match=rf"{name} must be a fraction in \[0, 0.5\), got 0.5"):
        ExpressionNormalizer("tmm", **{name: 0.5}).fit(TRIMMED)
    assert np.isfinite(ExpressionNormalizer("tmm", **{name: 0.499}).fit_transform(TRIMMED)).all()


TRIMMED = np.array([[9.0, 7, 5, 3, 4, 6, 8], [1, 2, 3, 4, 5, 6, 7]])
