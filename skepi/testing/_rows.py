"""What a container of rows promises in :class:`skepi.rows.BinnedRows`, checked method by method."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi._columns import FIELDS, names_of_columns
from skepi._rows import missing_of_tier_one
from skepi.rows import BinnedRows, Slots, SlotScaling
from skepi.testing._promises import assert_exact, assert_float32_sums


def check_rows(X: Any) -> None:
    """Check a container of rows against the first tier of the contract, :class:`skepi.rows.BinnedRows`.

    Each answer is compared with the others: what ``dense`` gives is what ``tocsr`` and ``gene_blocks`` give, and rows
    that were chosen, scaled, put into other cell types or given more columns follow from those at hand.

    Parameters
    ----------
    X : BinnedRows
        A few dozen rows, at least 2, of at least 2 cell types, not scaled; whole matrices are made of them.

    Raises
    ------
    AssertionError
        At the first answer that breaks the contract: which method, what came, what was wanted.
    ValueError
        Where there are too few rows or cell types, or rows are scaled.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=5, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> check_rows(TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X))
    """
    _check_members(X)
    if len(X) < 2 or len(X.cell_types) < 2 or X.is_scaled:
        state = "scaled" if X.is_scaled else "not scaled"
        raise ValueError(
            f"wanted rows that are not scaled, at least 2, and at least 2 cell types to compare answers; got {len(X)} "
            f"rows, {state}, and {len(X.cell_types)} cell types"
        )
    _check_tables(X)
    _check_slots(X)
    _check_features(X)
    dense = _check_dense(X)
    _check_csr(X, dense)
    values = _check_gene_blocks(X, dense)
    _check_chosen_rows(X, dense)
    _check_other_cell_types(X, dense, values)
    _check_appended(X, dense)
    _check_scaled(X, dense)
    _same("slot_totals", np.asarray(X.slot_totals()), values.sum(axis=1), summed=np.abs(values).sum(axis=1))


def _check_members(X: Any) -> None:
    missing = missing_of_tier_one(X)
    if missing:
        raise AssertionError(f"{type(X).__name__} lacks {', '.join(missing)} of skepi.rows.BinnedRows")


def _require(holds: Any, method: str, got: Any, wanted: str) -> None:
    if not holds:
        raise AssertionError(f"{method}: got {got}, wanted {wanted}")


def _same(method: str, got: Any, wanted: Any, summed: Any = None) -> None:
    """Equal up to the rounding of float32 sums; the message names the method."""
    try:
        assert_float32_sums(got, wanted, summed=summed)
    except AssertionError as error:
        raise AssertionError(f"{method}: {error}") from error


def _equal(method: str, got: Any, wanted: Any) -> None:
    """Equal to the last bit, as codes and copies are; the message names the method."""
    try:
        assert_exact(got, wanted)
    except AssertionError as error:
        raise AssertionError(f"{method}: {error}") from error


def _check_tables(X: BinnedRows) -> None:
    for name, codes in (("genes", X.gene_codes), ("cell_types", X.cell_type_codes)):
        table, method = getattr(X, name), "gene_codes" if name == "genes" else "cell_type_codes"
        _require("name" in table, name, list(table), "a column 'name'")
        _require(table["name"].is_unique, name, "repeated names", "each name once: rows are found by name")
        described = f"{codes.dtype} of shape {codes.shape}"
        right = codes.dtype == np.int64 and codes.shape == (len(X),)
        _require(right, method, described, f"int64 of shape ({len(X)},)")
        inside = codes.min() >= 0 and codes.max() < len(table)
        _require(inside, method, f"{codes.min()} .. {codes.max()}", f"rows of {name}, 0 .. {len(table) - 1}")


def _check_slots(X: BinnedRows) -> None:
    slots, n_genes = X.slots, len(X.genes)
    ptr, bins = slots.gene_ptr, slots.slot_column
    _require(ptr.shape == (n_genes + 1,), "slots.gene_ptr", f"shape {ptr.shape}", f"({n_genes + 1},)")
    right = bool(ptr[0] == 0 and ptr[-1] == bins.size and (np.diff(ptr) >= 0).all())
    _require(right, "slots.gene_ptr", f"{ptr}", f"numbers that rise from 0 to the {bins.size} slots")
    n_columns = slots.n_columns
    inside = bins.size == 0 or (bins.min() >= 0 and bins.max() < n_columns)
    _require(inside, "slots.slot_column", "bins out of range", f"0 .. {n_columns - 1}")
    rises = (np.diff(np.repeat(np.arange(n_genes), np.diff(ptr)) * n_columns + bins) > 0).all()
    _require(rises, "slots.slot_column", "bins that do not rise within a gene", "each bin of a gene once, increasing")


def _check_features(X: BinnedRows) -> None:
    n_columns, appended, columns = X.slots.n_columns, X.appended, X.columns
    right = set(FIELDS) <= set(columns) and len(columns) == n_columns
    _require(right, "columns", f"{columns}", f"{n_columns} rows of {', '.join(FIELDS)}")
    right = bool((columns["end_bp"] > columns["start_bp"]).all()) and len(set(names_of_columns(columns))) == n_columns
    _require(right, "columns", f"{columns}", "start_bp < end_bp, and no column twice")
    right = appended.ndim == 2 and len(appended) == len(X) and appended.dtype == np.float32
    _require(right, "appended", f"{appended.dtype} of shape {appended.shape}", f"float32 with {len(X)} rows")
    wanted = len(X), n_columns + appended.shape[1]
    _require(X.shape == wanted, "shape", X.shape, f"{wanted}: rows x bins and appended columns")
    names = X.feature_names
    _require(len(names) == wanted[1], "feature_names", f"{len(names)} names", f"{wanted[1]}, one per column")


def _slot_mask(X: BinnedRows, slots: Slots) -> NDArray[np.bool_]:
    """Which (gene, bin) may differ from 0, (n_genes, n_columns)."""
    mask = np.zeros((len(X.genes), slots.n_columns), dtype=bool)
    mask[np.repeat(np.arange(slots.n_genes), np.diff(slots.gene_ptr)), slots.slot_column] = True
    return mask


def _check_dense(X: BinnedRows) -> NDArray[np.float32]:
    dense = X.dense()
    for dtype, got in ((np.float32, dense), (np.float64, X.dense(dtype=np.float64))):
        right = isinstance(got, np.ndarray) and got.dtype == dtype and got.shape == X.shape
        described = f"{getattr(got, 'dtype', type(got))} of shape {np.shape(got)}"
        _require(right, "dense", described, f"{np.dtype(dtype)} of shape {X.shape}")
    _require(np.isfinite(dense).all(), "dense", "NaN or infinite values", "finite ones")
    n_columns = X.slots.n_columns
    _require((dense[:, :n_columns] >= 0).all(), "dense", "negative openness", "0 or greater, where is_scaled is False")
    outside = dense[:, :n_columns][~_slot_mask(X, X.slots)[X.gene_codes]]
    _require(not outside.any(), "dense", f"{np.count_nonzero(outside)} values outside slots", "0 there")
    _equal("dense, appended columns", dense[:, n_columns:], X.appended)
    for rows in (slice(1, None, 2), np.arange(len(X)) % 2 == 1, np.arange(1, len(X), 2)[::-1]):
        _same(f"dense of rows chosen by {type(rows).__name__}", X.dense(rows), dense[rows], summed=dense.max())
    kept = dense.copy()
    dense += 1
    _equal("dense, after the caller changed what it got", X.dense(), kept)
    _equal("numpy.asarray, compared with dense", np.asarray(X), kept)
    return kept


def _check_csr(X: BinnedRows, dense: NDArray) -> None:
    sparse = X.tocsr()
    _require(getattr(sparse, "format", None) == "csr", "tocsr", type(sparse).__name__, "a scipy sparse array in csr")
    _require(sparse.dtype == np.float32, "tocsr", sparse.dtype, "float32")
    _same("tocsr, compared with dense", sparse.toarray(), dense)
    rows = np.arange(len(X) - 1, -1, -2)
    _same("tocsr of chosen rows", X.tocsr(rows).toarray(), dense[rows], summed=dense.max())


def _check_gene_blocks(X: BinnedRows, dense: NDArray) -> NDArray:
    """Values of all slots in all cell types, (n_slots, n_cell_types)."""
    values, genes = _joined_blocks(X, None)
    _equal("gene_blocks, genes", genes, np.arange(len(X.genes)))
    of_pairs = np.zeros((len(X.genes), X.slots.n_columns, len(X.cell_types)), dtype=np.float32)
    of_pairs[_slot_mask(X, X.slots)] = values
    wanted = dense[:, : X.slots.n_columns]
    _same("gene_blocks, compared with dense", of_pairs[X.gene_codes, :, X.cell_type_codes], wanted)
    chosen = np.array([X.gene_codes[-1], X.gene_codes[0], X.gene_codes[0]])
    some, genes = _joined_blocks(X, chosen)
    _equal("gene_blocks of chosen genes, genes", genes, np.unique(chosen))
    _same("gene_blocks of chosen genes", some, values[X.slots.of_genes(np.unique(chosen))], summed=values.max())
    return values


def _joined_blocks(X: BinnedRows, codes: NDArray | None) -> tuple[NDArray, NDArray]:
    """Values and genes of all blocks, one after the other; blocks are overwritten, as whoever gets them may."""
    values, genes = [np.empty((0, len(X.cell_types)), np.float32)], [np.empty(0, np.int64)]
    for block in X.gene_blocks(codes):
        wanted = X.slots.of_genes(np.asarray(block.genes))
        _equal("gene_blocks, slots", np.arange(X.slots.n_slots)[block.slots], wanted)
        n_slots = np.diff(X.slots.gene_ptr)[block.genes]
        _equal("gene_blocks, ptr", block.ptr, np.concatenate([[0], np.cumsum(n_slots)]))
        shape, right = (wanted.size, len(X.cell_types)), block.values.dtype == np.float32
        described = f"{block.values.dtype} of shape {block.values.shape}"
        _require(right and block.values.shape == shape, "gene_blocks, values", described, f"float32 of shape {shape}")
        values.append(block.values.copy())
        genes.append(block.genes)
        _require(block.values.flags.writeable, "gene_blocks, values", "a read-only array", "memory of its own")
        block.values[:] = np.nan
    return np.concatenate(values), np.concatenate(genes)


def _check_chosen_rows(X: BinnedRows, dense: NDArray) -> None:
    for rows in (slice(1, None, 2), np.arange(len(X)) % 2 == 1, np.arange(1, len(X), 2)[::-1]):
        some = X[rows]
        _require(not missing_of_tier_one(some), "X[rows]", type(some).__name__, "rows of the same kind")
        _equal("X[rows].gene_codes", some.gene_codes, X.gene_codes[rows])
        _equal("X[rows].cell_type_codes", some.cell_type_codes, X.cell_type_codes[rows])
        _require(len(some) == len(dense[rows]), "len(X[rows])", len(some), f"{len(dense[rows])}")
        _same("X[rows].dense", some.dense(), dense[rows], summed=dense.max())


def _check_other_cell_types(X: BinnedRows, dense: NDArray, values: NDArray) -> None:
    cells = (X.cell_type_codes + 1) % len(X.cell_types)
    other = X.in_cell_types(cells)
    _equal("in_cell_types, gene_codes", other.gene_codes, X.gene_codes)
    _equal("in_cell_types, cell_type_codes", other.cell_type_codes, cells)
    n_columns = X.slots.n_columns
    of_pairs = np.zeros((len(X.genes), n_columns, len(X.cell_types)), dtype=np.float32)
    of_pairs[_slot_mask(X, X.slots)] = values
    _same("in_cell_types, bins", other.dense()[:, :n_columns], of_pairs[X.gene_codes, :, cells])
    _equal("in_cell_types, appended", other.appended, X.appended)
    _same("in_cell_types must leave its rows as they are: dense", X.dense(), dense)


def _check_appended(X: BinnedRows, dense: NDArray) -> None:
    columns = np.arange(2.0 * len(X), dtype=np.float32).reshape(len(X), 2) - 3
    for from_targets in (False, True):
        more = X.with_appended(["one", "two"], columns, from_targets=from_targets)
        known = X.knows_targets or from_targets
        _require(more.knows_targets == known, "with_appended, knows_targets", more.knows_targets, f"{known}")
    _equal("with_appended, feature_names", list(more.feature_names), [*X.feature_names, "one", "two"])
    _equal("with_appended, appended", more.appended, np.hstack([X.appended, columns]))
    _same("with_appended, dense", more.dense(), np.hstack([dense, columns]), summed=dense.max())
    _same("with_appended, tocsr", more.tocsr().toarray(), np.hstack([dense, columns]), summed=dense.max())
    _equal("with_appended, of chosen rows", more[::-2].appended, more.appended[::-2])
    elsewhere = more.in_cell_types(X.cell_type_codes[::-1].copy())
    _equal("with_appended, then in_cell_types", elsewhere.appended, more.appended)


def _check_scaled(X: BinnedRows, dense: NDArray) -> None:
    own, n_columns = X.slots.slot_keys(), X.slots.n_columns
    every = np.arange(len(X.genes) * n_columns)
    for keys in (own, every):
        scaling = SlotScaling((0.1 + keys % 3).astype(np.float32), (0.5 + keys % 2).astype(np.float32))
        scaled = X.scaled(keys, scaling)
        _require(scaled.is_scaled, "scaled, is_scaled", scaled.is_scaled, "True")
        _equal("scaled, slots", scaled.slots.slot_keys(), keys)
        place = X.gene_codes[:, None] * n_columns + np.arange(n_columns)
        known = np.isin(place, keys)
        row, column = np.nonzero(known)
        wanted = dense.copy()
        slots = np.searchsorted(keys, place[known])
        wanted[row, column] = scaling.apply(dense[row, column], slots)
        largest = 3 * (1 + np.log1p(dense.max(initial=0)))
        _same("scaled, dense", scaled.dense(), wanted, summed=largest)
        _same("scaled, tocsr", scaled.tocsr().toarray(), wanted, summed=largest)
        _same("scaled, gene_blocks", _bins_from_blocks(scaled), wanted[:, :n_columns], summed=largest)
        totals = np.zeros(every.size, np.float32)
        totals[own] = X.slot_totals()
        _same("scaled, slot_totals", scaled.slot_totals(), totals[keys], summed=totals.max(initial=0))
        plain = scaled.unscaled()
        _require(not plain.is_scaled, "unscaled, is_scaled", plain.is_scaled, "False")
        _same("unscaled, dense", plain.dense(), dense)
    _require(not X.is_scaled, "scaled must leave its rows as they are: is_scaled", X.is_scaled, "False")


def _bins_from_blocks(X: BinnedRows) -> NDArray:
    """Bins of the rows from blocks of genes, (n_rows, n_columns)."""
    table = np.zeros((len(X.genes), X.slots.n_columns, len(X.cell_types)), dtype=np.float32)
    table[_slot_mask(X, X.slots)] = _joined_blocks(X, None)[0]
    return table[X.gene_codes, :, X.cell_type_codes]
