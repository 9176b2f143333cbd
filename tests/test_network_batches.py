"""Batches of the network: the same rows in the same order, whichever way their features come."""

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums

from skepi.binning import BinnedOpenness, TSSBinner, _binned, symmetric_edges
from skepi.binning._operator import SlotOperator
from skepi.datasets import make_paired_openness
from skepi.neural_network import ExpressionMLP, _batches, _net, _operator
from skepi.neural_network._batches import Batches, FeaturePlan, half_of_free, plan_features, predicted_batches
from skepi.neural_network._operator import OperatorRows, OperatorTables, joined_ranges, operator_bytes, run_sums
from skepi.paired import GeneCellPairs, OpennessTables
from skepi.preprocessing import LogZScaler
from skepi.rows import SlotScaling, band_columns

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)  # only named here, never used
WAYS = ["resident", "operator", "streamed"]
BANDS = symmetric_edges([0, 2_000, 200_000, 1_000_000])


@pytest.fixture(scope="module")
def scaled(pairs):
    return LogZScaler().fit_transform(TSSBinner(flank=100_000, bin_size=1_000).fit_transform(pairs[0]))


@pytest.fixture
def force(monkeypatch):
    """Make every plan the named way."""

    def force(way):
        monkeypatch.setattr(_batches, "plan_features", lambda X, batch_size, device: FeaturePlan(way, 0))

    return force


def made_by_operator(X, rows):
    rows = np.asarray(rows, dtype=np.int64)
    return OperatorRows(X, OperatorTables(X, CPU), CPU).batch(rows, torch.from_numpy(rows)).numpy()


def random_binned(seed, most_entries, with_scaling, n_signals=1):
    """Rows over an operator with any numbers of slots and entries, zero included."""
    rng = np.random.default_rng(seed)
    n_genes, n_cells, n_peaks, n_bins, n_rows = rng.integers([1, 1, n_signals, n_signals, 1], [6, 4, 8, 7, 30])
    n_slots = rng.integers(0, n_bins + 1, n_genes)
    bins = [np.sort(rng.choice(n_bins, n, replace=False)) for n in n_slots]
    n_entries = rng.integers(0, most_entries + 1, n_slots.sum())
    operator = SlotOperator(
        np.concatenate([[0], np.cumsum(n_slots)]),
        np.concatenate(bins).astype(np.int32),
        int(n_bins),
        np.concatenate([[0], np.cumsum(n_entries)]),
        rng.integers(0, n_peaks, n_entries.sum()).astype(np.int32),
        rng.random(n_entries.sum(), dtype=np.float32),
        int(n_peaks),
    )
    frames = [pd.DataFrame(index=range(n)) for n in (n_peaks, n_genes, n_cells)]
    names = [f"signal{k}" for k in range(n_signals)]
    frames[0]["signal"] = [names[k % n_signals] for k in range(n_peaks)]
    tables = OpennessTables(*frames, openness=rng.random((n_peaks, n_cells), dtype=np.float32) * 20)
    pairs = GeneCellPairs(tables, rng.integers(0, n_genes, n_rows), rng.integers(0, n_cells, n_rows))
    statistics = rng.random((2, n_slots.sum()), dtype=np.float32)
    scaling = SlotScaling(*statistics) if with_scaling else None
    inverse_depth = rng.random((n_signals, n_cells), dtype=np.float32)
    columns = band_columns(range(n_bins + 1)).assign(signal=[names[k % n_signals] for k in range(n_bins)])
    return BinnedOpenness(pairs, columns, operator, inverse_depth, scaling)


@given(
    seed=st.integers(0, 2**32),
    most_entries=st.sampled_from([0, 1, 3, 40]),
    with_scaling=st.booleans(),
    n_signals=st.integers(1, 3),
)
def test_the_operator_makes_the_rows_of_dense(seed, most_entries, with_scaling, n_signals):
    X = random_binned(seed, most_entries, with_scaling, n_signals)
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(X), 40)
    assert_float32_sums(made_by_operator(X, rows), X.dense(rows))
    beside = X.with_appended(["one", "two"], rng.normal(size=(len(X), 2)))
    found = made_by_operator(beside, rows)
    assert_float32_sums(found, beside.dense(rows))
    assert_exact(found[:, -2:], beside.appended[rows])


@pytest.mark.parametrize("binner", [TSSBinner(), TSSBinner(edges=BANDS), TSSBinner(edges=BANDS, depth=None)])
def test_the_operator_makes_real_bins_and_bands(pairs, rng, binner):
    plain = binner.fit_transform(pairs[0])
    rows = rng.permutation(len(plain))
    assert_float32_sums(made_by_operator(plain, rows), plain.dense(rows))
    scaled = LogZScaler().fit_transform(plain)
    assert_float32_sums(made_by_operator(scaled, rows), scaled.dense(rows))
    if binner.edges is not None:
        assert np.diff(plain.operator.entry_ptr).max() > 100  # many peaks a band


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnfittedSignalWarning")
def test_slots_that_only_the_fitted_data_had_are_made_too(scaled):
    other, _ = make_paired_openness(n_genes=60, n_cell_types=4, random_state=5)
    X = TSSBinner(flank=100_000, bin_size=1_000).fit_transform(other.pairs())
    there = TSSBinner(flank=100_000, bin_size=1_000).fit_transform(scaled.pairs)
    union = LogZScaler().fit(there).transform(X)
    assert (np.diff(union.operator.entry_ptr) == 0).any()
    rows = np.arange(len(union))
    assert_float32_sums(made_by_operator(union, rows), union.dense(rows))


@pytest.mark.parametrize("limit", ["_CHUNK_ENTRIES", "_MAX_INT32"])
def test_chunks_and_wide_numbers_change_nothing(scaled, rng, monkeypatch, limit):
    rows = rng.integers(0, len(scaled), 50)
    expected = made_by_operator(scaled, rows)
    monkeypatch.setattr(_operator, limit, 300)
    np.testing.assert_array_equal(made_by_operator(scaled, rows), expected)
    wide = _operator.operator_arrays(scaled)["slot_entry"].dtype == np.int64
    assert wide == (limit == "_MAX_INT32")


@given(entries=st.lists(st.integers(0, 9), max_size=12), most=st.integers(1, 12))
def test_chunks_hold_rows_up_to_the_limit_and_no_fewer(entries, most):
    entries = np.array(entries, dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_operator, "_CHUNK_ENTRIES", most)
        parts = list(_operator._chunks(entries))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(entries.size))
    for part in parts:
        assert entries[part].sum() <= most or part.stop - part.start == 1
        assert part.stop == entries.size or entries[part.start : part.stop + 1].sum() > most


def test_a_row_is_the_same_bits_in_any_batch(scaled, rng):
    rows = rng.permutation(len(scaled))[:100]
    together = made_by_operator(scaled, rows)
    np.testing.assert_array_equal(made_by_operator(scaled, rows), together)
    np.testing.assert_array_equal(np.vstack([made_by_operator(scaled, [row]) for row in rows[:20]]), together[:20])


def test_joined_ranges_by_hand():
    number, member, above = joined_ranges(*map(torch.tensor, ([5, 2, 7, 0], [8, 2, 8, 2])), total=6)
    assert number.tolist() == [0, 0, 0, 2, 3, 3]
    assert member.tolist() == [5, 6, 7, 7, 0, 1]
    assert (member - above[number]).tolist() == [0, 1, 2, 3, 4, 5]


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_run_sums_against_a_loop(lengths, seed):
    ends = np.repeat(np.cumsum(lengths), lengths)
    values = np.random.default_rng(seed).random(ends.size)
    expected = [values[k:end].sum() for k, end in enumerate(ends)]
    remaining = torch.from_numpy(ends - np.arange(ends.size))
    assert_float64_sums(run_sums(torch.from_numpy(values), remaining, max(lengths)), expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", [3, None])
def test_every_way_gives_the_rows_of_seed_and_epoch(scaled, force, monkeypatch, way, seed):
    force(way)
    monkeypatch.setattr(_binned, "_CHUNK_ENTRIES", 500)
    batches = Batches(scaled, np.arange(len(scaled)), 100, CPU, seed)
    assert batches.plan.way == way
    for epoch in (0, 4):
        batches.epoch = epoch
        order = np.arange(720) if seed is None else np.random.default_rng([seed, epoch]).permutation(720)
        features, targets = zip(*batches, strict=True)
        assert [len(part) for part in targets] == [100] * 7 + [20]
        assert torch.cat(targets).tolist() == order.tolist()
        assert_float32_sums(torch.cat(features), scaled.dense(order))
        assert all(part.dtype == torch.float32 for part in (*features, *targets))


@pytest.mark.parametrize("way", ["resident", "streamed"])
def test_plain_arrays_have_two_ways(rng, force, way):
    force(way)
    X = rng.normal(size=(50, 3))
    features, targets = next(iter(Batches(X, np.arange(50), 20, CPU, 0)))
    np.testing.assert_array_equal(features, X[targets.long()].astype(np.float32))


def test_the_cpu_keeps_few_rows_and_streams_many(scaled, monkeypatch):
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", 4 * 720 * 200)
    assert plan_features(scaled, 100, CPU) == ("resident", 4 * 720 * 200)
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", 4 * 720 * 200 - 1)
    assert plan_features(scaled, 100, CPU) == ("streamed", 4 * 100 * 200)


def test_cuda_takes_the_operator_for_many_rows_where_it_fits(scaled, monkeypatch):
    free = {"bytes": 1e9}
    monkeypatch.setattr(_batches, "half_of_free", lambda device: free["bytes"])
    dense, needed = 4 * 720 * 200, operator_bytes(scaled, 100)
    assert plan_features(scaled, 100, CUDA) == ("resident", dense)
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", dense - 1)
    assert plan_features(scaled, 100, CUDA) == ("operator", needed)
    assert plan_features(scaled.dense(), 100, CUDA) == ("resident", dense)  # a plain array has no operator
    free["bytes"] = needed - 1
    assert plan_features(scaled, 100, CUDA).way == ("resident" if dense < needed else "streamed")
    free["bytes"] = min(dense, needed) - 1
    assert plan_features(scaled, 100, CUDA) == ("streamed", 4 * 100 * 200)


def test_dense_rows_come_before_streaming_where_the_operator_does_not_fit(scaled, monkeypatch):
    monkeypatch.setattr(_batches, "half_of_free", lambda device: 1e6)
    monkeypatch.setattr(_batches, "operator_bytes", lambda X, batch_size: 1e6 + 1)
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", 0)
    assert plan_features(scaled, 100, CUDA).way == "resident"


def test_memory_that_torch_holds_unused_counts_as_free(monkeypatch):
    for name, value in {"mem_get_info": (10, 99), "memory_reserved": 8, "memory_allocated": 2}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert half_of_free(CUDA) == (10 + 8 - 2) / 2
    assert half_of_free(CPU) == np.inf


def test_the_bytes_of_the_operator_are_those_of_its_tables(scaled):
    tables = OperatorTables(scaled, CPU)
    held = [value.nbytes for value in vars(tables).values() if isinstance(value, torch.Tensor)]
    assert tables.n_bytes == sum(held)
    rows = OperatorRows(scaled, tables, CPU)
    assert rows.n_bytes == 720 * 2 * 4
    work = _operator._BYTES_PER_ENTRY * 100 * tables.entries_of_gene.max()
    assert operator_bytes(scaled, 100) == tables.n_bytes + rows.n_bytes + 4 * 100 * 200 + work


@given(seed=st.integers(0, 2**32), with_scaling=st.booleans(), limit=st.sampled_from([0, _operator._MAX_INT32]))
def test_the_bytes_of_any_operator_are_known_before_it_is_laid_out(seed, with_scaling, limit):
    X = random_binned(seed, 3, with_scaling)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_operator, "_MAX_INT32", limit)
        tables = OperatorTables(X, CPU)
        held = tables.n_bytes + OperatorRows(X, tables, CPU).n_bytes
        patch.setattr(_operator, "operator_arrays", None)
        work = _operator._BYTES_PER_ENTRY * 10 * int(tables.entries_of_gene.max(initial=0))
        assert operator_bytes(X, 10) == held + 4 * 10 * X.shape[1] + work


def test_a_prediction_plans_once_and_lays_the_operator_out_once(scaled, monkeypatch):
    """As on a CUDA device with little room for dense rows and much for the operator, but the CPU does the work."""
    planned, laid_out = [], []
    arrays = _operator.operator_arrays
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", 0)
    monkeypatch.setattr(_batches, "half_of_free", lambda device: 1e9)
    monkeypatch.setattr(_operator, "operator_arrays", lambda X: laid_out.append(X) or arrays(X))
    plan = lambda X, batch_size, device: planned.append(X) or plan_features(X, batch_size, CUDA)  # noqa: E731
    monkeypatch.setattr(_batches, "plan_features", plan)
    batches = list(predicted_batches(scaled, 100, CPU))
    assert_float32_sums(torch.cat(batches), scaled.dense())
    assert (len(planned), len(laid_out)) == (1, 1)


@pytest.mark.parametrize("binner", [TSSBinner(), TSSBinner(edges=BANDS)])
def test_a_batch_needs_no_more_memory_than_is_stated(pairs, binner):
    X = LogZScaler().fit_transform(binner.fit_transform(pairs[0]))
    tables = OperatorTables(X, CPU)
    source, rows = OperatorRows(X, tables, CPU), np.arange(len(X))
    on_device = torch.from_numpy(rows)
    n_entries = int(tables.entries_of_gene[X.gene_codes].sum())
    with torch.profiler.profile(profile_memory=True) as profile:
        source.batch(rows, on_device)
    in_time = sorted(profile.events(), key=lambda event: event.time_range.end)
    held = np.cumsum([event.self_cpu_memory_usage for event in in_time])
    dense = 4 * X.shape[0] * X.shape[1]
    assert dense + 30 * n_entries < held.max() <= dense + _operator._BYTES_PER_ENTRY * n_entries


def test_development_rows_share_the_operator_of_the_training_rows(scaled, force, pairs):
    force("operator")
    train = Batches(scaled[:600], np.zeros(600), 100, CPU, 0)
    held = Batches(scaled[600:], np.arange(120.0), 100, CPU, None, beside=train)
    assert held.rows.tables is train.rows.tables
    assert held.plan == ("operator", 120 * 2 * 4)
    assert_float32_sums(torch.cat([features for features, _ in held]), scaled[600:].dense())
    rescaled = LogZScaler(scale_floor=2.0).fit_transform(TSSBinner(edges=BANDS).fit_transform(pairs[0]))
    other = Batches(rescaled, np.zeros(720), 100, CPU, None, beside=train)
    assert other.rows.tables is not train.rows.tables
    assert next(iter(other))[0].shape == (100, len(BANDS) - 1)


def test_a_fit_copies_the_operator_once(scaled, pairs, force, monkeypatch):
    force("operator")
    made = []
    monkeypatch.setattr(_batches, "OperatorTables", lambda *where: made.append(where) or OperatorTables(*where))
    ExpressionMLP((8,), max_epochs=1, random_state=0).fit(scaled, pairs[1])
    assert len(made) == 1


@pytest.mark.parametrize("way", WAYS)
def test_rows_to_predict_come_in_order_and_are_not_kept(scaled, force, way):
    force(way)
    batches = list(predicted_batches(scaled, 100, CPU))
    assert [len(batch) for batch in batches] == [100] * 7 + [20]
    assert_float32_sums(torch.cat(batches), scaled.dense())


def test_plain_arrays_to_predict_keep_their_type(rng):
    X = rng.normal(size=(30, 3))
    np.testing.assert_array_equal(torch.cat(list(predicted_batches(X, 7, CPU))), X)
    assert next(predicted_batches(X.astype(np.float32), 7, CPU)).dtype == torch.float32


def ancestors(event):
    """Names of the operations that an operation is a part of."""
    above = event.cpu_parent
    return [] if above is None else [above.name, *ancestors(above)]


#: What reads a number from the device, and so waits for it.
WAITING = {"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::masked_select"}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_waits_for_the_device_within_an_epoch(scaled, pairs, force, monkeypatch, way):
    force(way)
    names = []
    one_epoch = _net.PenalizedNet.run_single_epoch

    def recorded(*args, **kwargs):
        with torch.profiler.profile() as profile:
            one_epoch(*args, **kwargs)
        # Adam's steps are counted where its moments are: on the device, here the CPU.
        names.append({e.name for e in profile.events() if "aten::_fused_adam_" not in ancestors(e)})

    monkeypatch.setattr(_net.PenalizedNet, "run_single_epoch", recorded)
    net = ExpressionMLP((8,), dropout=0.1, l1=1e-3, l2=1e-3, batch_size=100, max_epochs=1, random_state=0)
    net.fit(scaled, pairs[1])
    train, dev = names
    assert {"aten::linear", "aten::_fused_adam_", "aten::dropout", "aten::mse_loss"} <= train
    assert "aten::linear" in dev
    assert not (train | dev) & WAITING


@pytest.fixture
def run_benchmark(monkeypatch, capsys):
    """Run a script of ``benchmarks/`` in this process, which has imported torch; what it changes is put back."""

    def run(name, *arguments):
        script = Path(__file__).parents[1] / "benchmarks" / name
        for changed in ("plan_features", "RESIDENT_BYTES"):
            monkeypatch.setattr(_batches, changed, getattr(_batches, changed))
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_a_small_size_of_the_benchmark_of_a_step_runs(run_benchmark):
    printed = run_benchmark("training_step.py", "small")
    assert "batches of 500 rows x 2,000 bins" in printed
    for kind in ("bare loop, float32", "lazy rows, float32", "lazy rows, bfloat16", "skorch, sparse rows"):
        assert re.search(rf"^{kind} +\d+\.\d ms", printed, flags=re.MULTILINE)


@pytest.mark.slow
def test_a_small_size_of_the_benchmark_of_an_epoch_runs_on_the_cpu(run_benchmark):
    printed = run_benchmark("gpu_epoch.py", "small", "cpu")
    assert "features: operator, 18.1 MB planned" in printed
    assert re.search(r"epoch of 5,400 rows: \d+\.\d\d s", printed)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_benchmark_of_an_epoch_says_that_it_needs_cuda(run_benchmark):
    with pytest.raises(SystemExit, match="needs a CUDA device, and torch finds none"):
        run_benchmark("gpu_epoch.py", "small")
