"""The openness side of a data set: all that rows of ``X`` may refer to, and nothing of expression."""

import hashlib
import json
import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import some
from skepi.exceptions import DepthWarning, TableError, UnknownNameError
from skepi.paired._assembly import PeaksAtStartSites, peaks_at_start_sites
from skepi.paired._features import PeakFeatures
from skepi.paired._summary import SignalSummary, summary_of

#: Chromosomes that depth is not measured on by default: mitochondrial DNA has no nucleosomes, and swamps it.
MITOCHONDRIAL = ("chrM", "chrMT", "M", "MT")

_DERIVED_BYTES = 4 * 2**30
_LEAST_DEPTH = 1 / float(np.finfo(np.float32).max)  # a smaller one has no inverse in float32
_FEWEST_READS = 3  # different values that a cell type must have before they pass for counts
_MOST_MULTIPLES = 1_000.0
_MOST_FEWEST = 20
_ROUNDING_OF_MULTIPLES = 1e-3
_DIGEST_BYTES = 2**24  # of openness at once

# By (identity of the tables, settings): the last few of this process, so that folds and grid points share one, in a
# worker process too, where the tables themselves are unpickled anew for every task.
_derived: dict[Hashable, Any] = {}


class OpennessTables:
    """Peaks, genes, cell types and openness of one data set, shared by all its pairs.

    :class:`PairedDataset` checks the tables and makes this object. ``GeneCellPairs.tables`` returns it, and so a model
    reaches the openness of peaks but never expression.

    Parameters
    ----------
    peaks, genes, cell_types : DataFrame
        Checked tables in the user's row order, with 0-based half-open positions in bp.
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
        Signal of each peak in each cell type; read-only.
    features : PeakFeatures, optional
        Non-negative features of peaks.

    Notes
    -----
    Peaks of all signals lie in one table. Where signals have names, its column ``signal`` holds them.

    What depends on these and on settings alone (the overlap of peaks with bins) is kept for reuse: the latest of a
    process, up to 4 GiB, found by an identity that travels with the pickled tables. The same data have the same
    identity, however often and wherever they are made.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> X.tables.openness.shape == (len(X.peaks), 3)
    True
    >>> X[:1].tables is X.tables  # shared, not copied
    True
    """

    def __init__(
        self,
        peaks: pd.DataFrame,
        genes: pd.DataFrame,
        cell_types: pd.DataFrame,
        openness: NDArray[np.float32],
        features: PeakFeatures | None = None,
    ) -> None:
        self.peaks = peaks
        self.genes = genes
        self.cell_types = cell_types
        self.openness = openness
        self.features = features

    def replace(self, **parts: Any) -> "OpennessTables":
        """Return tables of which some parts are others."""
        names = ("peaks", "genes", "cell_types", "openness", "features")
        return OpennessTables(**{name: getattr(self, name) for name in names} | parts)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals, in the order in which their peaks come; ``openness`` for one without a name."""
        return (UNNAMED,) if "signal" not in self.peaks else tuple(pd.unique(self.peaks["signal"].astype(object)))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of peaks."""
        return () if self.features is None else self.features.names

    @cached_property
    def signal_codes(self) -> NDArray[np.int64]:
        """Number of the signal of each peak, (n_peaks,)."""
        if "signal" not in self.peaks:
            return np.zeros(len(self.peaks), dtype=np.int64)
        return pd.factorize(self.peaks["signal"])[0].astype(np.int64)

    def signal_code(self, signal: str) -> int:
        """Number of a signal; an unknown one is an error that names those that there are."""
        if signal not in self.signals:
            raise UnknownNameError(f"no signal {signal!r} in the data set; there are {', '.join(self.signals)}")
        return self.signals.index(signal)

    def the_signal(self, signal: str | None, what: str) -> str:
        """Signal that is asked for; None is the only one there is, and an error where there are several."""
        if signal is None and len(self.signals) > 1:
            raise ValueError(
                f"{what} reads one signal, and this data set has {', '.join(self.signals)}: name one by signal="
            )
        return self.signals[self.signal_code(self.signals[0] if signal is None else signal)]

    def peaks_of(self, signal: str) -> NDArray[np.int64]:
        """Rows of the peaks of a signal."""
        return np.flatnonzero(self.signal_codes == self.signal_code(signal))

    def features_of(self, names: Sequence[str]) -> Any:
        """Features of peaks by name, a sparse array of shape (n_peaks, n_names)."""
        if self.features is None:
            raise UnknownNameError(f"the data set has no features of peaks: wanted {some(names)}")
        return self.features.of(names)

    @cached_property
    def at_start_sites(self) -> PeaksAtStartSites:
        """How many genes have a peak at their TSS, and how many by chance."""
        return peaks_at_start_sites(self.peaks, self.genes)

    @cached_property
    def summaries(self) -> tuple[SignalSummary, ...]:
        """What the openness of each signal looks like, for people; of openness on disk a part is read."""
        is_counted = ~self.peaks["chrom"].isin(MITOCHONDRIAL).to_numpy()
        return tuple(summary_of(name, self.openness, self.peaks_of(name), is_counted) for name in self.signals)

    @cached_property
    def identity(self) -> str:
        """Digest of the tables, of openness and of features."""
        digest = hashlib.blake2b(digest_size=16)
        for table in (self.peaks, self.genes, self.cell_types):
            _update(digest, [len(table), [str(column) for column in table]])
            for column in table:
                _update(digest, *_column_content(table[column]))
        _update(digest, list(self.openness.shape), *_row_blocks(self.openness))
        if self.features is not None:
            matrix = self.features.matrix
            _update(digest, [*self.features.names], matrix.indptr.astype("<i8"), matrix.indices.astype("<i4"))
            _update(digest, list(matrix.shape), matrix.data)
        return digest.hexdigest()

    def mean_openness(self, signal: str | None = None, without: Sequence[str] = MITOCHONDRIAL) -> NDArray[np.float64]:
        """Mean openness over the peaks of a signal in each cell type, (n_cell_types,).

        Parameters
        ----------
        signal : str, optional
            Needed where there are several.
        without : sequence of str, default=("chrM", "chrMT", "M", "MT")
            Chromosomes whose peaks are left out.

        Raises
        ------
        TableError
            Where the mean of a cell type is 0 or too small to divide by.

        Warns
        -----
        DepthWarning
            Where one of three or more chromosomes has more than half of the signal, and not more than half of its
            peaks.
        """
        signal = self.the_signal(signal, "depth")
        return self.derived(("depth", signal, tuple(without)), lambda: self._depth(signal, without))

    def size_of_read(self, signal: str) -> NDArray[np.float64]:
        """What one read adds to the openness of a peak, (n_cell_types,); 0 where openness is no read counts.

        That is 1 for whole numbers, and else the greatest step of which all values of a cell type are multiples, as in
        CPM; the least value above 0 may be 1 to 20 such steps. Cell types with one or two different values above 0 may
        be calls rather than counts, and get 0.
        """

        def sizes() -> NDArray[np.float64]:
            rows = self.peaks_of(signal)
            return np.array([_size_of_read(self.openness[rows, cell]) for cell in range(len(self.cell_types))])

        return self.derived(("size of a read", signal), sizes)

    def _depth(self, signal: str, without: Sequence[str]) -> NDArray[np.float64]:
        rows = self.peaks_of(signal)
        chrom = self.peaks["chrom"].to_numpy(dtype=object)[rows]
        kept = ~np.isin(chrom.astype(str), list(without))
        if not kept.any():
            raise TableError(f"{signal}: every peak lies on {some(without)}, which depth leaves out")
        openness = self.openness if kept.all() and rows.size == len(self.peaks) else self.openness[rows[kept]]
        depth = openness.mean(axis=0, dtype=np.float64)
        if (depth == 0).any():
            empty = ", ".join(self.cell_types["name"][depth == 0])
            raise TableError(f"{signal}: no signal in cell type(s) {empty}; depth=None leaves them unscaled")
        if (depth < _LEAST_DEPTH).any():
            faint = some(self.cell_types["name"][depth < _LEAST_DEPTH])
            raise TableError(
                f"{signal}: the mean of cell type(s) {faint} is below {_LEAST_DEPTH:.2g}, too small to divide by in "
                "float32; multiply openness by a constant, or depth=None leaves it unscaled"
            )
        _warn_of_swamped(openness, chrom[kept], signal)
        return depth

    def derived(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what ``make()`` gives for this key, made once and kept while it is among the latest.

        What is made says its size in ``nbytes``.
        """
        key = (self.identity, key)
        if key not in _derived:
            value = make()
            while _derived and sum(one.nbytes for one in _derived.values()) + value.nbytes > _DERIVED_BYTES:
                _derived.pop(next(iter(_derived)))
            _derived[key] = value
        return _derived[key]

    def __getstate__(self) -> dict[str, Any]:
        worked_out = {name for name in self.__dict__ if isinstance(getattr(type(self), name, None), cached_property)}
        given = {name: part for name, part in self.__dict__.items() if name not in worked_out}
        return given | {"identity": self.identity}  # so that it is not worked out again wherever this goes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.openness.flags.writeable = False  # numpy forgets it when pickled


def _size_of_read(openness: NDArray[np.float32]) -> float:
    """The step of which all values are multiples, 1 for whole numbers; 0 where there is none."""
    values = openness[openness > 0].astype(np.float64)
    if not values.size or np.unique(values).size < _FEWEST_READS:
        return 0.0
    if (values == np.floor(values)).all():
        return 1.0
    for fewest in range(1, _MOST_FEWEST + 1):  # reads of the peak that has fewest
        multiples = fewest * values / values.min()
        told = multiples[multiples < _MOST_MULTIPLES]  # rounding of float32 hides whether greater ones are whole
        if (np.abs(told - np.rint(told)) < _ROUNDING_OF_MULTIPLES).all():
            return float(values.min()) / fewest
    return 0.0


def _warn_of_swamped(openness: NDArray[np.float32], chrom: NDArray[np.object_], signal: str) -> None:
    """Say where one chromosome of many has more than half of the signal of the mean cell type."""
    code, names = pd.factorize(chrom)
    if names.size < 3:
        return
    share = np.bincount(code, weights=openness.sum(axis=1, dtype=np.float64))
    share, of_peaks = share / share.sum(), np.bincount(code) / code.size
    most = int(share.argmax())
    if share[most] > 0.5 >= of_peaks[most]:
        warnings.warn(
            f"{signal}: {share[most]:.0%} of the signal, but {of_peaks[most]:.0%} of the peaks, lies on {names[most]}, "
            "so depth is what this chromosome says; depth_without=[...] of TSSBinner leaves chromosomes out",
            DepthWarning,
            stacklevel=5,
        )


def _update(digest: Any, about: Any, *contents: NDArray) -> None:
    """Add a description that says how long the contents are, and the contents."""
    digest.update(json.dumps(about).encode() + b"\n")
    for content in contents:
        digest.update(np.ascontiguousarray(content).ravel())


def _column_content(values: pd.Series) -> tuple[list[Any], NDArray]:
    """Description and numbers of a column; text of any dtype is codes and names, so that pandas' versions agree."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
        return [values.dtype.str], values.to_numpy()
    code, names = pd.factorize(values)
    kind = "text" if pd.api.types.is_string_dtype(values.dtype) else str(values.dtype)
    return [kind, [str(name) for name in names]], code.astype("<i4")


def _row_blocks(array: NDArray) -> Iterator[NDArray]:
    step = max(1, _DIGEST_BYTES // max(1, array.itemsize * array.shape[1]))
    for first in range(0, len(array), step):
        yield array[first : first + step]
