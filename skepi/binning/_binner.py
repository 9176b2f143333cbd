"""TSSBinner: pairs in, binned openness out."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skepi._doors import check_unmasked
from skepi._edges import SymmetricEdges
from skepi.binning._layout import Depth, Layout, depth_of_table
from skepi.binning._makes_columns import MakesColumns, check_is_pairs
from skepi.binning._overlap import ASSIGN, BandGroup
from skepi.intervals import MAX_POSITION
from skepi.paired import MITOCHONDRIAL, GeneCellPairs

_WEIGHTS = ("peak_length", "bin_width")

# Widths that suit how fast the effect of openness falls off; finer or coarser bands predict new cell types no better.
_BAND_DISTANCES_BP = [
    *(0, 250, 500, 1_000, 2_000, 3_500, 5_000, 7_500, 10_000, 15_000, 20_000),
    *(35_000, 50_000, 75_000, 100_000, 150_000, 200_000, 350_000, 500_000, 750_000, 1_000_000),
]


class TSSBinner(MakesColumns, BaseEstimator):
    r"""Sum the openness of the peaks around each gene's TSS in bins along the direction of transcription.

    For pair (g, c) and bin b

    .. math:: x_{gc,b} = \frac{1}{d_c} \sum_p o_{pc} \, n_{p,gb} / \ell

    with :math:`o_{pc}` the openness of peak p, :math:`n_{p,gb}` the bases of p assigned to bin b of gene g,
    :math:`\ell` the length of the peak or of the bin, and :math:`d_c` the depth of the cell type. Each signal has bins
    of its own, from its own peaks. With ``features``, each feature has too, and openness is multiplied by the feature
    of the peak.

    Parameters
    ----------
    flank : int, default=1_000_000
        Reach in bp on each side of the TSS; a multiple of ``bin_size``. Not used where ``edges`` are given.
    bin_size : int, default=1_000
        Width of a bin in bp.
    edges : array-like of int, optional
        Increasing offsets from the TSS in bp, upstream negative; bin k is ``[edges[k], edges[k + 1])``.
        :func:`symmetric_edges` makes them for distance bands on both sides.
    assign : {"overlap", "midpoint", "end"}, default="overlap"
        What of a peak goes where: each base into its own bin; all of it into the bin of its middle; or the
        report's code: the bin that strictly holds its genomic end gets the bases they share, the rest is lost
        (use ``weight="bin_width", depth=None`` with it to repeat the report).
    weight : {"peak_length", "bin_width"}, default="peak_length"
        Length that the shared bases are divided by. The peak's own conserves signal: the bins of a window
        add up to the openness of the peaks inside. The bin's gives mean openness per bp of the bin.
    depth : {"mean"}, str or None, default="mean"
        What openness is divided by. ``"mean"``: the mean of a signal in a cell type, over its peaks in the data set.
        Another text names a column of ``cell_types`` with positive numbers, such as fragments per cell type; they are
        divided by their mean in the data set of the fit. Where the table has a column ``<text>_<signal>``, that one is
        taken for the signal.
    depth_without : sequence of str, default=("chrM", "chrMT", "M", "MT")
        Chromosomes whose peaks do not count in the mean.
    signals : sequence of str, optional
        Signals to bin, in this order; by default all that the data set of the fit has.
    features : sequence of str, optional
        Features of peaks that make columns of their own. By default there are none, and columns are of plain openness;
        :class:`BinnerUnion` puts both side by side.

    Attributes
    ----------
    edges_ : ndarray of int64, shape (n_bins + 1,)
        Bin edges in bp from the TSS, from most upstream to most downstream.
    columns_ : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``.
    signals_ : tuple of str
        Signals that are binned.
    layout_ : object
        What the columns are made of; saved with the binner.
    n_features_in_ : int
        2: a gene and a cell type.

    Raises
    ------
    TypeError
        Where ``X`` is not made of pairs.
    ValueError
        For settings that do not fit together, and where a data set has other signals than the one in ``fit``.
    UnknownNameError
        Where a data set lacks a signal, a feature or a column of ``cell_types`` that was asked for.
    TableError
        With ``depth="mean"``, for a cell type without signal, or with a mean below 2.9e-39, which has no inverse in
        float32. With a column of ``cell_types``, where it holds anything but positive numbers.
    DenseSizeError
        Where the map of many features would exceed 8 GiB.

    Notes
    -----
    Nothing is learned from rows. From the tables of the data set come the names of the signals and the unit of depth
    that is a column. Any data set that has these can be binned, whichever was seen in ``fit``. The TSS base has offset
    0 and belongs to the first downstream bin on both strands. A gene with no peak in reach has zeros.

    Examples
    --------
    >>> from skepi.paired import PairedDataset
    >>> data = PairedDataset(
    ...     openness=[[8.0]], cell_types=["HSC"],
    ...     peaks={"chrom": ["chr1"], "start": [98], "end": [102]},
    ...     genes={"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [100, 100], "strand": ["+", "-"]},
    ... )
    >>> TSSBinner(flank=4, bin_size=2, depth=None).fit_transform(data.pairs()).dense()
    array([[0., 4., 4., 0.],
           [0., 2., 4., 2.]], dtype=float32)
    """

    def __init__(
        self,
        flank: int = 1_000_000,
        bin_size: int = 1_000,
        edges: ArrayLike | None = None,
        *,
        assign: str = "overlap",
        weight: str = "peak_length",
        depth: str | None = "mean",
        depth_without: Sequence[str] = MITOCHONDRIAL,
        signals: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        self.flank = flank
        self.bin_size = bin_size
        self.edges = edges
        self.assign = assign
        self.weight = weight
        self.depth = depth
        self.depth_without = depth_without
        self.signals = signals
        self.features = features

    def fit(self, X: GeneCellPairs, y: Any = None) -> Self:
        """Check the settings; nothing is learned.

        Parameters
        ----------
        X : GeneCellPairs
        y : None
            Ignored.
        """
        check_is_pairs(X, self)
        for name, value, allowed in (("assign", self.assign, tuple(ASSIGN)), ("weight", self.weight, _WEIGHTS)):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
        if self.depth is not None and not isinstance(self.depth, str):
            raise ValueError(f'depth must be "mean", None or the name of a column of cell_types, got {self.depth!r}')
        self.edges_ = _uniform_edges(self.flank, self.bin_size) if self.edges is None else _checked_edges(self.edges)
        without = _checked_names("depth_without", self.depth_without)
        self.signals_ = X.tables.signals if self.signals is None else _checked_names("signals", self.signals)
        features = () if self.features is None else _checked_names("features", self.features)
        if not self.signals_ or (self.features is not None and not features):
            raise ValueError("signals and features must name at least one, or be None")
        settings = features, tuple(self.edges_.tolist()), self.assign, self.weight
        groups = tuple(BandGroup(signal, *settings) for signal in self.signals_)
        depths = {signal: self._depth(X, signal, without) for signal in self.signals_}
        layout = Layout(groups, depths, self.signals_ if self.signals is None else None)
        layout.check(X.tables)
        return self._keep(layout)

    def _depth(self, X: GeneCellPairs, signal: str, without: tuple[str, ...]) -> Depth:
        """What the openness of a signal is divided by."""
        if self.depth == "mean":
            return Depth("mean", tuple(sorted(without)), 1.0)
        unit = 1.0 if self.depth is None else float(depth_of_table(X.cell_types, self.depth, signal).mean())
        return Depth(self.depth, (), unit)


def symmetric_edges(distances: ArrayLike | None = None) -> NDArray[np.int64]:
    """Edges of bands that lie at the same distances on both sides of the TSS.

    Parameters
    ----------
    distances : array-like of int, default=None
        Increasing distances from the TSS in bp; the first is 0. ``None`` is 20 bands per side, from 250 bp wide at
        the TSS to 250 kb wide at 1 Mb.

    Returns
    -------
    ndarray of int64, shape (2 * n_distances - 1,)
        Offsets from the TSS in bp, increasing. ``repr`` shows the distances alone, so that pipelines print shortly;
        ``print`` shows all offsets.

    Examples
    --------
    >>> print(symmetric_edges([0, 500, 2_000]))
    [-2000  -500     0   500  2000]
    >>> symmetric_edges().size
    41
    >>> TSSBinner(edges=symmetric_edges())
    TSSBinner(edges=symmetric_edges([0, 250, 500, ..., 1000000]))
    """
    edges = _checked_edges(_BAND_DISTANCES_BP if distances is None else distances)
    if edges[0] != 0:
        raise ValueError(f"distances must begin with 0, got {edges[0]}")
    return np.concatenate([-edges[:0:-1], edges]).view(SymmetricEdges)


def _uniform_edges(flank: int, bin_size: int) -> NDArray[np.int64]:
    if not all(isinstance(n, Integral) for n in (flank, bin_size)) or bin_size <= 0 or flank <= 0 or flank % bin_size:
        raise ValueError(f"flank must be a positive multiple of bin_size, got flank={flank}, bin_size={bin_size}")
    return _checked_edges(np.arange(-flank, flank + 1, bin_size, dtype=np.int64))


def _checked_edges(edges: ArrayLike) -> NDArray[np.int64]:
    check_unmasked(edges, "edges")
    array = np.asarray(edges)
    if array.ndim != 1 or array.size < 2 or array.dtype.kind not in "iu":
        raise ValueError(f"edges must be at least two increasing whole numbers (bp), got {edges!r}")
    array = array.astype(np.int64)
    if (np.diff(array) <= 0).any():
        raise ValueError(f"edges must be at least two increasing whole numbers (bp), got {edges!r}")
    if np.abs(array).max() > MAX_POSITION:
        raise ValueError(f"edges must lie within {MAX_POSITION} bp of the TSS")
    return array.astype(np.int64)


def _checked_names(name: str, names: Any) -> tuple[str, ...]:
    """Names as a tuple; a text alone, which is no list of letters, and a name that stands twice are refused."""
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise ValueError(f"{name} must be a list of names, got {names!r}")
    if len(set(names)) != len(names):
        raise ValueError(f"{name} must name each once, got {names!r}")
    return tuple(names)
