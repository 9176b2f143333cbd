"""Several data sets, with other peaks, genes and laboratories, as one."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import check_flag, some
from skepi._regions import check_same_naming
from skepi.exceptions import AssemblyWarning, LeftOutWarning, MissingExpressionError, ScaleWarning, TableError
from skepi.paired._dataset import PairedDataset
from skepi.paired._pool_cell_types import joined_cell_types
from skepi.paired._pool_check import warn_of_mismatched_populations, warn_of_untied
from skepi.paired._pool_places import check_places
from skepi.paired._pool_scale import warn_of_other_scales

_PLACE = ["chrom", "start", "end"]


def pool(
    datasets: Mapping[str, PairedDataset] | Sequence[PairedDataset],
    *,
    shared: Sequence[str] = (),
    expression: bool = True,
) -> PairedDataset:
    """Make one data set of several that have other peaks, other genes or come from other laboratories.

    The pool holds all cell types and the genes that every data set has. Peaks stay what they are in each data set, so
    bins of a cell type are sums over the peaks of its own data set, and
    :class:`skepi.binning.TSSBinner` gives all cell types the same columns. Two data sets that have the same peak share
    its row. A peak that a data set does not have reads 0 there.

    Parameters
    ----------
    datasets : dict of PairedDataset by name, or sequence of PairedDataset
        At least two. Data sets of a sequence are called ``set1``, ``set2`` and so on.
    shared : sequence of str, default=()
        Names of cell types that are the same population in every data set that has them, at least two. Their names
        then begin with that of the data set, as ``heme14:HSC``. A name that stands in two data sets and is not listed
        is an error.
    expression : bool, default=True
        Whether to pool expression. False makes a pool of openness alone, in which data sets without expression may be.

    Returns
    -------
    PairedDataset
        Its table of cell types has two more columns: ``data_set``, and ``population``, which is the same for cell types
        that two data sets share. A column ``population`` that a data set brings is kept; otherwise it is the name that
        the cell type had. Other columns are kept if all data sets have them. Genes lie where the first data set
        places them.

    Raises
    ------
    TypeError
        For anything but data sets.
    TableError
        For fewer than two data sets, one that is given twice, data sets without a common gene or signal, names of cell
        types that clash or are said to be shared and occur in one data set alone, most genes more than 10 kb away in
        another data set (as in another assembly), and features of peaks that do not agree.
    UnknownNameError
        Where ``shared`` names a cell type that no data set has.
    ChromosomeMismatchError
        Where two data sets name chromosomes in two ways.
    MissingExpressionError
        Where some data sets have expression and others have not.

    Warns
    -----
    PopulationMismatchWarning
        Where expression of a shared population is more like another population of the other data set.
    UntiedBatchWarning
        Where some data sets share populations, but not all are tied by them, directly or through others.
    ScaleWarning
        Where one data set has counts and another logarithms, or where expression of one spreads over 1.2 times as far
        over genes as that of another in the populations that both have, as log2 does against ln (1.44).
    AssemblyWarning
        Where genes lie on another chromosome, or more than 1 Mb away, in another data set.
    LeftOutWarning
        Where a signal is left out, because a data set does not have it.

    Notes
    -----
    Values are not changed. Depth is measured over the peaks of the whole pool, so all cell types have the same total
    signal, whatever the number of their peaks. The same data set outside the pool has another depth: to predict it with
    a model of a pool, put it into that pool. Normalise expression afterwards, for all cell types in the same way
    (:meth:`PairedDataset.transform_expression`). :class:`skepi.compose.BatchCorrection` takes out what is left of
    shifts between data sets.

    Openness takes ``4 * (peaks of all data sets) * (cell types of all data sets)`` bytes.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> here, _ = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2, random_state=0)
    >>> there, _ = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2, random_state=0, n_peaks=300)
    >>> there = there.subset(cell_types=list(there.cell_types["name"])[2:])
    >>> both = pool({"here": here, "there": there}, shared=list(there.cell_types["name"]))
    >>> both.cell_types[["name", "data_set", "population"]].tail(3)
                name data_set population
    3   here:cell003     here    cell003
    4  there:cell002    there    cell002
    5  there:cell003    there    cell003
    """
    check_flag("expression", expression)
    sets = _checked_sets(datasets)
    cell_types = joined_cell_types({name: data.cell_types for name, data in sets.items()}, shared)
    genes = _shared_genes(sets)
    signals = _shared_signals(sets)
    peaks, openness, features = _joined_peaks(sets, signals)
    values = _joined_expression(sets, genes) if expression else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScaleWarning)  # said of each data set when it was made
        warnings.simplefilter("ignore", AssemblyWarning)
        pooled = PairedDataset(openness, peaks, genes, values, cell_types, features)
    warn_of_untied(pooled.cell_types)
    warn_of_other_scales(pooled.cell_types, pooled.expression)
    warn_of_mismatched_populations(pooled.cell_types, pooled.expression)
    return pooled


def _checked_sets(datasets: Any) -> dict[str, PairedDataset]:
    """Data sets by name, at least two, none of them twice."""
    if isinstance(datasets, PairedDataset) or not isinstance(datasets, Mapping | Sequence) or isinstance(datasets, str):
        raise TypeError(f"wanted a dict or list of PairedDataset, got {type(datasets).__name__}")
    if not isinstance(datasets, Mapping):
        datasets = {f"set{number}": data for number, data in enumerate(datasets, start=1)}
    for name, data in datasets.items():
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"names of data sets must be text, got {name!r}")
        if not isinstance(data, PairedDataset):
            raise TypeError(f"{name}: wanted a PairedDataset, got {type(data).__name__}")
    if len(datasets) < 2:
        raise TableError(f"wanted at least two data sets to pool, got {len(datasets)}")
    _refuse_twice(datasets)
    return dict(datasets)


def _refuse_twice(datasets: Mapping[str, PairedDataset]) -> None:
    seen: dict[str, str] = {}
    for name, data in datasets.items():
        identity = data.tables.identity
        if identity in seen:
            raise TableError(f"{seen[identity]} and {name} are the same data set: give each once")
        seen[identity] = name


def _shared_genes(sets: Mapping[str, PairedDataset]) -> pd.DataFrame:
    """Genes that all data sets have, in the order and at the places of the first."""
    (first, data), *others = sets.items()
    genes = data.genes
    for name, other in others:
        theirs = other.genes
        check_same_naming(genes["chrom"].unique(), theirs["chrom"].unique(), f"genes of {first}", f"genes of {name}")
        kept = genes["name"].isin(theirs["name"])
        if not kept.any():
            raise TableError(
                f"no gene of {name} ({some(theirs['name'])}) is in {first} ({some(data.genes['name'])}): genes are "
                "matched by name; skepi.io.match_genes says how two tables name them"
            )
        genes = genes[kept]
        check_places(genes, theirs.set_index("name").loc[genes["name"]].reset_index(), first, name)
    return genes.reset_index(drop=True)


def _shared_signals(sets: Mapping[str, PairedDataset]) -> list[str]:
    """Signals that all data sets have, in the order of the first; those left out are named."""
    of_sets = {name: data.signals for name, data in sets.items()}
    every = list(dict.fromkeys(signal for signals in of_sets.values() for signal in signals))
    common = [signal for signal in every if all(signal in signals for signals in of_sets.values())]
    if not common:
        held = "; ".join(f"{name}: {', '.join(signals)}" for name, signals in of_sets.items())
        raise TableError(
            f"no signal that all data sets have ({held}); name them alike: PairedDataset({{'ATAC': openness}}, "
            "{'ATAC': peaks}, ...)"
        )
    if len(common) < len(every):
        left = [signal for signal in every if signal not in common]
        warnings.warn(f"left out {some(left)}: not every data set has it", LeftOutWarning, stacklevel=3)
    return common


def _joined_peaks(sets: Mapping[str, PairedDataset], signals: list[str]) -> tuple[pd.DataFrame, NDArray, Any]:
    """Peaks of all data sets, each once; openness, 0 where a data set has no such peak; features of peaks."""
    rows = {name: np.concatenate([data.tables.peaks_of(signal) for signal in signals]) for name, data in sets.items()}
    tables = [_places(data.peaks.iloc[rows[name]]) for name, data in sets.items()]
    every = pd.concat(tables, ignore_index=True)
    code = every.groupby(list(every), sort=False).ngroup().to_numpy()  # numbered as they come first
    first = np.flatnonzero(~pd.Series(code).duplicated())
    peaks = every.iloc[first].reset_index(drop=True)
    n_cell_types = [len(data.cell_types) for data in sets.values()]
    openness = np.zeros((len(peaks), sum(n_cell_types)), dtype=np.float32, order="F")
    bounds, columns = np.cumsum([0, *map(len, tables)]), np.cumsum([0, *n_cell_types])
    for number, (name, data) in enumerate(sets.items()):
        place = code[bounds[number] : bounds[number + 1]]
        openness[place, columns[number] : columns[number + 1]] = data.openness[rows[name]]
    features = _joined_features(sets, rows, code, first)
    return (peaks.drop(columns="signal") if signals == [UNNAMED] else peaks), openness, features


def _places(peaks: pd.DataFrame) -> pd.DataFrame:
    """What peaks are told apart by: signal and interval."""
    return peaks[_PLACE].assign(signal=peaks.get("signal", UNNAMED))


def _joined_features(sets: Mapping[str, PairedDataset], rows: Mapping, code: NDArray, first: NDArray) -> Any:
    """Features of the peaks of the pool; data sets have the same ones, and the same values where they share a peak."""
    names = {name: data.tables.feature_names for name, data in sets.items()}
    (a, wanted), *others = names.items()
    for name, found in others:
        if set(found) != set(wanted):
            raise TableError(
                f"features of peaks differ: {a} has {some(wanted) or 'none'}, {name} has {some(found) or 'none'}; "
                "give all data sets the same ones, or none"
            )
    if not wanted:
        return None
    stacked = sp.csr_array(sp.vstack([data.tables.features_of(wanted)[rows[name]] for name, data in sets.items()]))
    features = sp.csr_array(stacked[first])
    differs = np.unique((stacked != features[code]).nonzero()[0])
    if differs.size:
        raise TableError(f"{differs.size} peak(s) have other features in one data set than in another")
    return pd.DataFrame.sparse.from_spmatrix(features, columns=list(wanted))


def _joined_expression(sets: Mapping[str, PairedDataset], genes: pd.DataFrame) -> NDArray[np.float64] | None:
    """Expression of the shared genes in all cell types; None where no data set has it."""
    lacking = [name for name, data in sets.items() if data.expression is None]
    if len(lacking) == len(sets):
        return None
    if lacking:
        raise MissingExpressionError(
            f"{some(lacking)} has openness only and others have expression: pool openness alone, expression=False, "
            "and take targets from a pool of those that have them"
        )
    parts = []
    for data in sets.values():
        place = pd.Index(data.tables.genes["name"]).get_indexer(genes["name"])
        parts.append(data.expression[place])  # type: ignore[index]
    return np.hstack(parts)
