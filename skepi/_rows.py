"""What estimators ask of rows of ``X`` and of targets, beyond the contract in :mod:`skepi.rows`."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from skepi._columns import first_difference, names_of_columns
from skepi._doors import check_unmasked
from skepi._scales import warn_of_raw_counts
from skepi.exceptions import UnknownNameError
from skepi.rows import BinnedRows, PairRows, has_map, is_binned, is_pairs, members_of

#: What pairs say when they are taken for an array.
NO_NUMBERS = "pairs have no numbers yet"
_MAKE_PAIRS = "PairedDataset(openness, peaks, genes, expression).pairs()"
_TIER_ONE = members_of(BinnedRows)


def resolve_rows(rows: Any, n_rows: int) -> NDArray[np.int64]:
    """Turn a slice, mask, integer or integer array into an array of row numbers."""
    if isinstance(rows, tuple):  # scikit-learn asks for ``X[rows, ...]``
        rows, *rest = rows
        if any(part is not Ellipsis and part != slice(None) for part in rest):
            raise IndexError(
                "rows can be chosen, columns cannot. A step that needs an array goes inside the model, behind "
                "Materialize(): GeneZTarget(make_pipeline(Materialize(), step, Ridge())). For the importance of bins "
                "use skepi.inspection.bin_importance(method='permutation')"
            )
    chosen = np.atleast_1d(np.arange(n_rows)[rows])
    if chosen.ndim != 1:
        raise IndexError(f"wanted one-dimensional row numbers, got shape {chosen.shape}")
    return chosen


def cell_types_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the cell type of each pair."""
    return X.cell_type_codes


def genes_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the gene of each pair."""
    return X.gene_codes


def chromosomes_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the chromosome of each pair's gene."""
    return pd.factorize(X.genes["chrom"])[0][X.gene_codes]


def codes_of(names: Any, table: pd.DataFrame, what: str) -> NDArray[np.int64]:
    """Row numbers of names in a table; an absent name is an error."""
    if not isinstance(names, Iterable):
        raise TypeError(f"{what}: wanted a name or a list of names, got {names!r}")
    names = [names] if isinstance(names, str) else [str(name) for name in names]
    codes = pd.Index(table["name"]).get_indexer(names)
    if (codes < 0).any():
        absent = [name for name, code in zip(names, codes, strict=True) if code < 0]
        raise UnknownNameError(f"{what} not in the tables: {', '.join(absent[:5])} ({len(absent)} name(s))")
    return codes.astype(np.int64)


def check_pairs(X: Any, estimator: Any) -> None:
    """Refuse rows that do not know their gene and cell type."""
    if not is_pairs(X):
        check_whole(X, estimator)
        raise no_pairs(X, estimator)


def no_pairs(X: Any, estimator: Any) -> TypeError:
    """Error for anything given in place of pairs, with the way to make pairs."""
    way = "data.pairs()" if hasattr(X, "pairs") and hasattr(X, "tables") else _MAKE_PAIRS
    return TypeError(f"{_name(estimator)} needs pairs of genes and cell types, got {type(X).__name__}: give {way}")


def check_binned(X: Any, estimator: Any, binner: str = "TSSBinner()") -> None:
    """Refuse rows that do not give the openness of bins; ``binner`` is the step that would make them."""
    if is_binned(X):
        return
    check_whole(X, estimator)
    source = "" if is_pairs(X) else f"give {_MAKE_PAIRS} and "
    raise TypeError(
        f"{_name(estimator)} needs pairs whose openness is binned, got {type(X).__name__}: {source}put {binner} before "
        "it in a Pipeline"
    )


def check_whole(X: Any, estimator: Any) -> None:
    """Refuse a container that has most of the first tier, and not all."""
    lacking = missing_of_tier_one(X)
    if 0 < len(lacking) < len(_TIER_ONE) // 2:
        raise TypeError(
            f"{_name(estimator)} needs rows that keep skepi.rows.BinnedRows, and {type(X).__name__} lacks "
            f"{', '.join(lacking)}"
        )


def missing_of_tier_one(X: Any) -> list[str]:
    """Members of :class:`skepi.rows.BinnedRows` that rows lack."""
    return [member for member in _TIER_ONE if not hasattr(X, member)]


def pairs_with_peaks(X: Any, estimator: Any) -> Any:
    """Pairs that know the peaks around their genes: those of binned rows with a map, or the pairs themselves."""
    pairs = X.pairs if has_map(X) else X
    if hasattr(pairs, "tables"):
        return pairs
    check_pairs(X, estimator)
    raise TypeError(
        f"{_name(estimator)} reads the openness of peaks, which {type(X).__name__} does not offer: it needs pairs, or "
        "rows that keep skepi.rows.MappedRows"
    )


def names_of_pairs(X: PairRows) -> pd.DataFrame:
    """Names of each pair: DataFrame with columns ``gene, cell_type``."""
    genes, cells = X.genes["name"].to_numpy(), X.cell_types["name"].to_numpy()
    return pd.DataFrame({"gene": genes[X.gene_codes], "cell_type": cells[X.cell_type_codes]})


def unstack(X: PairRows, values: ArrayLike) -> pd.DataFrame:
    """One value per pair as a table of the genes and cell types that occur; see ``GeneCellPairs.unstack``."""
    values = np.asarray(values)
    if values.shape != (len(X),):
        raise ValueError(f"values has shape {values.shape}, wanted ({len(X)},): one value per pair")
    genes, row = np.unique(X.gene_codes, return_inverse=True)
    cell_types, column = np.unique(X.cell_type_codes, return_inverse=True)
    if np.unique(row * cell_types.size + column).size != len(X):
        raise ValueError("the same pair occurs more than once; a table has one place for it")
    table = np.full((genes.size, cell_types.size), np.nan)
    table[row, column] = values
    return pd.DataFrame(
        table,
        index=pd.Index(X.genes["name"].to_numpy()[genes], name="gene"),
        columns=pd.Index(X.cell_types["name"].to_numpy()[cell_types], name="cell_type"),
    )


def check_unscaled(X: BinnedRows, estimator: Any) -> None:
    """Refuse rows that are log z-scores, where logs and scales are yet to be taken."""
    if X.is_scaled:
        raise ValueError(
            f"these rows are scaled already: {_name(estimator)} takes logs and scales itself, so drop the LogZScaler "
            "before it"
        )


def check_bins_alone(X: BinnedRows, estimator: Any) -> None:
    """Refuse columns beside the bins."""
    if X.appended.shape[1]:
        raise ValueError(
            f"{_name(estimator)} takes bins alone, and X has {X.appended.shape[1]} appended column(s): drop "
            "AppendContext before it"
        )


def check_no_leak(X: Any, whose: Any) -> None:
    """Refuse columns made from targets where folds of an estimator or function would know those of their test pairs."""
    if is_binned(X) and X.knows_targets:
        raise ValueError(
            f"X has appended columns that were made from the targets of all training pairs, including the inner test "
            f"pairs of {_name(whose)}, so its scores would be too good. Give pairs to a pipeline with "
            "AppendContext, or use GridSearchCV over the whole pipeline: both make them anew in every fold"
        )


def check_columns(X: BinnedRows, fitted: pd.DataFrame) -> None:
    """Refuse rows that have other columns than in ``fit``, and name the first difference."""
    difference = first_difference(X.columns, fitted)
    if difference is not None:
        raise ValueError(f"rows have other columns than those of the fit: {difference}")


def keep_features(X: Any, estimator: Any) -> None:
    """Let a fitted estimator keep what its features are: ``n_features_in_`` and, of binned rows, ``columns_``."""
    estimator.n_features_in_ = X.shape[1]
    estimator.__dict__.pop("columns_", None)  # of an earlier fit
    if is_binned(X):
        estimator.columns_ = X.columns


def names_of_features(estimator: Any) -> list[str]:
    """Names of the features that an estimator was fitted on: its columns, then appended ones by number."""
    names = names_of_columns(estimator.columns_)
    return names + [f"appended{k}" for k in range(estimator.n_features_in_ - len(names))]


def check_features(X: Any, estimator: Any) -> None:
    """Refuse rows with other columns than in ``fit``, as far as these are known, or another number of features."""
    if is_binned(X) and hasattr(estimator, "columns_"):
        check_columns(X, estimator.columns_)
    if X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {_name(estimator)} is expecting {estimator.n_features_in_} features as "
            "input"
        )


def _name(estimator: Any) -> str:
    return estimator if isinstance(estimator, str) else type(estimator).__name__


def check_arrays(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Plain arrays as :func:`sklearn.utils.validation.validate_data` checks them; it would drop a mask in silence."""
    check_unmasked(X, "X")
    check_unmasked(y, "y")
    return validate_data(estimator, X, y, **checks)


def check_targets(X: PairRows, y: ArrayLike) -> NDArray[np.float64]:
    """One finite target per pair, as float64; nothing masked."""
    check_unmasked(y, "y")
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None: X, y = data.pairs(return_X_y=True)")
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise ValueError(
            f"y should be a 1d array with one value per pair, got shape {np.shape(y)}: "
            "X, y = data.pairs(return_X_y=True) makes it from a table of genes x cell types"
        )
    values = column_or_1d(y, warn=True).astype(np.float64)
    if values.size == 0:
        raise ValueError("no pairs: wanted at least one row")
    if values.shape != (len(X),):
        raise ValueError(f"y has {values.size} values for {len(X)} pairs")
    if not np.isfinite(values).all():
        raise ValueError("y holds NaN or infinite values")
    return values


def check_log_targets(X: PairRows, y: ArrayLike) -> NDArray[np.float64]:
    """Targets of a model of log expression: raw counts get a warning."""
    values = check_targets(X, y)
    warn_of_raw_counts(values, stacklevel=3)
    return values
