"""TSSBinner: pairs in, binned openness out."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_unmasked
from skepi._output import KeepsPairs
from skepi.binning._binned import BinnedOpenness, names_of_bins
from skepi.binning._overlap import _ASSIGN, SlotOperator, build_operator
from skepi.intervals import MAX_POSITION
from skepi.paired import GeneCellPairs

_WEIGHTS = ("peak_length", "bin_width")

# Widths that suit how fast the effect of openness falls off; finer or coarser bands predict new cell types no better.
_BAND_DISTANCES_BP = [
    *(0, 250, 500, 1_000, 2_000, 3_500, 5_000, 7_500, 10_000, 15_000, 20_000),
    *(35_000, 50_000, 75_000, 100_000, 150_000, 200_000, 350_000, 500_000, 750_000, 1_000_000),
]


class TSSBinner(KeepsPairs, TransformerMixin, BaseEstimator):
    r"""Sum the openness of the peaks around each gene's TSS in bins along the direction of transcription.

    For pair (g, c) and bin b

    .. math:: x_{gc,b} = \frac{1}{d_c} \sum_p o_{pc} \, n_{p,gb} / \ell

    with :math:`o_{pc}` the openness of peak p, :math:`n_{p,gb}` the bases of p assigned to bin b of gene g,
    :math:`\ell` the length of the peak or of the bin, and :math:`d_c` the depth of the cell type.

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
    depth : {"mean"} or None, default="mean"
        ``"mean"`` divides each cell type by its mean openness over all peaks of the data set.

    Attributes
    ----------
    edges_ : ndarray of int64, shape (n_bins + 1,)
        Bin edges in bp from the TSS, from most upstream to most downstream.
    n_features_in_ : int
        2: a gene and a cell type.

    Raises
    ------
    TypeError
        Where ``X`` is not made of pairs.
    ValueError
        For settings that do not fit together.
    TableError
        With ``depth="mean"``, for a cell type without signal, or with a mean below 2.9e-39, which has no inverse in
        float32.

    Notes
    -----
    Nothing is learned from rows: any data set can be binned, whichever was seen in ``fit``. The TSS base has
    offset 0 and belongs to the first downstream bin on both strands. A gene with no peak in reach has zeros.

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
    ) -> None:
        self.flank = flank
        self.bin_size = bin_size
        self.edges = edges
        self.assign = assign
        self.weight = weight
        self.depth = depth

    def fit(self, X: GeneCellPairs, y: Any = None) -> Self:
        """Check the settings; nothing is learned.

        Parameters
        ----------
        X : GeneCellPairs
        y : None
            Ignored.
        """
        _check_pairs(X)
        for name, value, allowed in (
            ("assign", self.assign, tuple(_ASSIGN)),
            ("weight", self.weight, _WEIGHTS),
            ("depth", self.depth, ("mean", None)),
        ):
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
        self.edges_ = _uniform_edges(self.flank, self.bin_size) if self.edges is None else _checked_edges(self.edges)
        self.n_features_in_ = 2
        return self

    def transform(self, X: GeneCellPairs) -> BinnedOpenness:
        """Bin the openness around the genes of the pairs.

        Parameters
        ----------
        X : GeneCellPairs

        Returns
        -------
        BinnedOpenness of shape (n_pairs, n_bins)
            Lazy: rows are computed when asked for.
        """
        check_is_fitted(self)
        _check_pairs(X)
        tables = X.tables
        depth = tables.mean_openness() if self.depth == "mean" else np.ones(len(X.cell_types))
        return BinnedOpenness(X, self.edges_, self._operator(X), (1 / depth).astype(np.float32))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name bins by their offsets from the TSS in bp, as ``[-1000, 0) bp``."""
        check_is_fitted(self)
        return np.array(names_of_bins(self.edges_), dtype=object)

    def _operator(self, X: GeneCellPairs) -> SlotOperator:
        key = ("slots", self.edges_.tobytes(), self.assign, self.weight)
        settings = self.edges_, self.assign, self.weight
        return X.tables.derived(key, lambda: build_operator(X.peaks, X.genes, *settings))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def symmetric_edges(distances: ArrayLike | None = None) -> NDArray[np.int64]:
    """Edges of bands that lie at the same distances on both sides of the TSS.

    Parameters
    ----------
    distances : array-like of int, default=None
        Increasing distances from the TSS in bp; the first is 0. ``None`` is 20 bands a side, from 250 bp wide at the
        TSS to 250 kb wide at 1 Mb.

    Examples
    --------
    >>> symmetric_edges([0, 500, 2_000])
    array([-2000,  -500,     0,   500,  2000])
    >>> symmetric_edges().size
    41
    """
    edges = _checked_edges(_BAND_DISTANCES_BP if distances is None else distances)
    if edges[0] != 0:
        raise ValueError(f"distances must begin with 0, got {edges[0]}")
    return np.concatenate([-edges[:0:-1], edges])


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


def _check_pairs(X: Any) -> None:
    if not isinstance(X, GeneCellPairs):
        raise TypeError(
            f"TSSBinner needs pairs of genes and cell types, got {type(X).__name__}: use PairedDataset(...).pairs()"
        )
