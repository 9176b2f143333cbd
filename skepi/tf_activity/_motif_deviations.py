"""Motif deviations: which motifs lie in peaks that are more open in a cell type than was expected."""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_choice, check_count, check_number, some
from skepi.exceptions import LeftOutWarning
from skepi.paired import PairedDataset
from skepi.tf_activity._anndata import anndata_of
from skepi.tf_activity._background_peaks import draw_background
from skepi.tf_activity._deviations import Deviations, deviations_of
from skepi.tf_activity._inputs import gc_share_of, in_order_of, matches_of, openness_of

FloatArray = NDArray[np.float64]

_LEAST_PEAKS = 100
_EXPECTATIONS = ("mean", "pooled")


class MotifDeviations(BaseEstimator):
    r"""Activity of transcription factors in cell types, from the openness of peaks with their motifs (chromVAR).

    A motif is active in a cell type where the peaks that have it are more open than the same peaks are on average. With
    :math:`s_{pc}` the share of peak p in the openness of cell type c, :math:`e_p` the share that is expected, and
    :math:`P_m` the peaks with motif m, the raw deviation is

    .. math:: D_{mc} = \frac{\sum_{p \in P_m} s_{pc} - \sum_{p \in P_m} e_p}{\sum_{p \in P_m} e_p}

    Experiments differ in how they favour GC-rich and open peaks. So each peak of :math:`P_m` is replaced by another one
    of like GC share and mean openness, ``n_background`` times. The mean of D over these sets is taken off, and what is
    left is divided by their SD:

    .. math:: d_{mc} = D_{mc} - \operatorname{mean}_k D^{(k)}_{mc}, \qquad
        z_{mc} = d_{mc} / \operatorname{sd}_k D^{(k)}_{mc}

    Everything is learned from the cell types given to ``fit``: the expected shares, the background peaks, and which
    peaks count at all. Other cell types are compared with these.

    Parameters
    ----------
    n_background : int, default=50
        Background peaks per peak, and so background sets per motif; 2 or more.
    expectation : {"mean", "pooled"}, default="mean"
        ``"mean"``: the expected share is the mean share over training cell types, each of which counts alike whatever
        its depth. ``"pooled"``: openness of all training cell types is added up first, so that deep ones count for
        more, as chromVAR does by default; meant for single cells with few reads.
    n_bins : int, default=50
        Bins of openness and of GC share in which peaks count as alike.
    bandwidth : float, default=0.1
        How far background peaks may be, in SDs; see the notes.
    signal : str, optional
        Signal of a data set whose openness counts; needed where there are several.
    random_state : int, RandomState or None, default=0
        Which background peaks are drawn.

    Attributes
    ----------
    motif_names_ : ndarray of str, shape (n_motifs,)
        Motifs in the order of ``matches``, without those that were left out.
    peaks_ : DataFrame
        Peaks that were given to ``fit``, with what names them.
    open_ : ndarray of bool, shape (n_peaks,)
        Peaks that are open in some training cell type; others do not count.
    expected_share_ : ndarray of shape (n_open,)
        Expected share of each of these in the openness of a cell type.
    background_peaks_ : ndarray of int32, shape (n_open, n_background)
        Places of background peaks among the open peaks.
    matches_ : csr_array of bool, shape (n_open, n_motifs)

    Raises
    ------
    TableError
        For openness with values below 0, missing values, or a cell type without openness; for tables with other peaks
        than openness; for matches below 0; for GC shares that are missing or outside 0 .. 1.
    ValueError
        For fewer than 2 training cell types or 100 open peaks, no motif that some open peaks have and others have not,
        the same GC share or mean openness in all peaks, and settings out of range.

    Warns
    -----
    LeftOutWarning
        In ``fit``, for peaks that are open in no training cell type, and for motifs in none or all of the open peaks.
        They are left out.

    Notes
    -----
    **Background peaks** are drawn as by chromVAR: log mean openness and GC share are made uncorrelated and scaled to an
    SD of 1 (Cholesky factor of their covariance), 50 x 50 bins span them, and a peak draws a bin with a chance in
    proportion to :math:`e^{-d^2 / 2 w^2}`, where d is the distance between the bins and w the ``bandwidth``, and then a
    peak of that bin. Peaks are drawn with replacement. The result does not depend on the order of the peaks, except
    through peaks equal in both measures, nor on the depth of a cell type.

    **What differs from chromVAR.** Cell types count alike by default (``expectation``). chromVAR refuses peaks without
    reads and here they are left out. chromVAR gives no value where fewer than 1 read is expected in the peaks of a
    motif; openness here may have any unit, so there is no such limit: give cell types, not single cells of few reads.
    z is NaN where the background sets do not vary at all.

    z grows with depth and with the number of peaks: compare motifs within a cell type, or one motif among cell types of
    like depth. Related TFs have like motifs, and a motif does not tell them apart.

    References
    ----------
    Schep et al., Nature Methods 14, 975 (2017).

    Examples
    --------
    The first 100 of 2,000 peaks have a motif and are three times as open in Ery. The other motif is strewn at random.

    >>> rng = np.random.default_rng(0)
    >>> openness = pd.DataFrame(rng.gamma(2, 10, size=(2_000, 3)), columns=["HSC", "Ery", "B"])
    >>> openness.loc[:99, "Ery"] *= 3
    >>> matches = pd.DataFrame({"GATA1": np.arange(2_000) < 100, "other": rng.random(2_000) < 0.2})
    >>> gc_share = rng.uniform(0.3, 0.7, size=2_000)
    >>> z = MotifDeviations().fit(openness, matches, gc_share).transform(openness)
    >>> z.shape
    (3, 2)
    >>> z["GATA1"].idxmax(), bool(z.loc["Ery", "GATA1"] > 5), bool(z["other"].abs().max() < 4)
    ('Ery', True, True)
    """

    def __init__(
        self,
        n_background: int = 50,
        *,
        expectation: str = "mean",
        n_bins: int = 50,
        bandwidth: float = 0.1,
        signal: str | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_background = n_background
        self.expectation = expectation
        self.n_bins = n_bins
        self.bandwidth = bandwidth
        self.signal = signal
        self.random_state = random_state

    def fit(self, openness: Any, matches: Any, gc_share: Any) -> Self:
        """Learn what is expected of each peak, and its background peaks, from training cell types.

        Parameters
        ----------
        openness : DataFrame or array-like, shape (n_peaks, n_cell_types), or PairedDataset
            Openness of the training cell types, on a linear scale: counts, CPM, fold enrichment.
        matches : DataFrame or array-like, shape (n_peaks, n_motifs)
            Greater than 0 where a peak has the motif: truth values, numbers of hits. Columns are named after motifs,
            and may be sparse.
        gc_share : Series or array-like, shape (n_peaks,)
            Share of G and C among the letters of each peak, 0 to 1.

        Returns
        -------
        MotifDeviations
            Itself. Rows of the tables are matched to those of openness by their labels, where they have labels.
        """
        self._check_settings()
        given = openness_of(openness, self.signal)
        names, found = matches_of(matches, given.peaks)
        gc = gc_share_of(gc_share, given.peaks)
        if len(given.cell_types) < 2:
            raise ValueError("motif deviations compare cell types: wanted 2 training cell types or more, got 1")
        self.open_ = given.values.max(axis=1) > 0
        _warn_of_closed_peaks(self.open_)
        self.expected_share_ = self._expected(given.values[self.open_])
        self.motif_names_, self.matches_ = _telling(names, sp.csr_array(found[self.open_]))
        self.peaks_ = given.peaks
        self.background_peaks_ = draw_background(
            self.expected_share_,
            gc[self.open_],
            self.n_background,
            self.n_bins,
            self.bandwidth,
            check_random_state(self.random_state),
        )
        return self

    def transform(self, openness: Any) -> pd.DataFrame:
        """Activity of each motif in each cell type, seen in ``fit`` or not.

        Parameters
        ----------
        openness : DataFrame or array-like, shape (n_peaks, n_cell_types), or PairedDataset
            Over the peaks of ``fit``, in any order where both have labels.

        Returns
        -------
        DataFrame
            z, cell types x motifs.
        """
        cell_types, found = self._deviations(openness)
        return self._labelled(found.z, cell_types)

    def fit_transform(self, openness: Any, matches: Any, gc_share: Any) -> pd.DataFrame:
        """Learn from cell types, and return z of the same cell types."""
        return self.fit(openness, matches, gc_share).transform(openness)

    def deviations(self, openness: Any) -> pd.DataFrame:
        """Bias-corrected deviations d, cell types x motifs: 0.1 is 10 % more openness than expected.

        Parameters
        ----------
        openness : DataFrame or array-like, shape (n_peaks, n_cell_types), or PairedDataset
            As for ``transform``.
        """
        cell_types, found = self._deviations(openness)
        return self._labelled(found.deviation, cell_types)

    def to_anndata(self, openness: Any) -> Any:
        """Activity of each motif in each cell type as an AnnData object: obs are cell types, var are motifs.

        Parameters
        ----------
        openness : DataFrame or array-like, shape (n_peaks, n_cell_types), or PairedDataset
            As for ``transform``.

        Returns
        -------
        AnnData
            ``X`` is z, the layer ``deviation`` holds d, and ``var`` has ``n_peaks``, the number of open peaks with the
            motif. From a data set, ``obs`` has the columns of its cell types.

        Raises
        ------
        ImportError
            Where anndata is not installed.
        """
        cell_types, found = self._deviations(openness)
        of_cells = openness.cell_types if isinstance(openness, PairedDataset) else pd.DataFrame({"name": cell_types})
        motifs = pd.DataFrame({"n_peaks": self.matches_.sum(axis=0)}, pd.Index(self.motif_names_))
        return anndata_of(found, of_cells.set_index("name").rename_axis(None), motifs)

    def _deviations(self, openness: Any) -> tuple[NDArray[np.object_], Deviations]:
        check_is_fitted(self)
        given = in_order_of(openness_of(openness, self.signal), self.peaks_)
        values = given.values[self.open_]
        _check_open(values, given.cell_types)
        return given.cell_types, deviations_of(values, self.expected_share_, self.matches_, self.background_peaks_)

    def _labelled(self, values: FloatArray, cell_types: NDArray[np.object_]) -> pd.DataFrame:
        return pd.DataFrame(values, pd.Index(cell_types, name="cell_type"), pd.Index(self.motif_names_, name="motif"))

    def _expected(self, openness: NDArray[np.float32]) -> FloatArray:
        """Expected share of each peak; they add up to 1."""
        if len(openness) < _LEAST_PEAKS:
            raise ValueError(
                f"wanted {_LEAST_PEAKS} peaks or more that are open in a training cell type, got {len(openness)}: "
                "too few to find background peaks among"
            )
        depth = openness.sum(axis=0, dtype=np.float64)
        weights = 1 / depth if self.expectation == "mean" else np.ones(depth.size)
        total = openness @ weights
        return total / total.sum()

    def _check_settings(self) -> None:
        check_count("n_background", self.n_background, 2)
        check_count("n_bins", self.n_bins, 2)
        check_number("bandwidth", self.bandwidth, 0, low_included=False)
        check_choice("expectation", self.expectation, _EXPECTATIONS)


def motif_deviations(
    openness: Any, matches: Any, gc_share: Any, *, n_background: int = 50, random_state: Any = 0, **settings: Any
) -> pd.DataFrame:
    """Score the activity of each motif in each cell type, with all of these cell types as the reference.

    For cell types that must not be learned from, such as held-out ones, use :class:`MotifDeviations`.

    Parameters
    ----------
    openness : DataFrame or array-like, shape (n_peaks, n_cell_types), or PairedDataset
        On a linear scale.
    matches : DataFrame or array-like, shape (n_peaks, n_motifs)
        Greater than 0 where a peak has the motif.
    gc_share : Series or array-like, shape (n_peaks,)
        Share of G and C in each peak.
    n_background : int, default=50
        Background sets per motif.
    random_state : int, RandomState or None, default=0
    **settings
        Settings of :class:`MotifDeviations`.

    Returns
    -------
    DataFrame
        z, cell types x motifs.

    Raises
    ------
    TableError, ValueError
        As for :class:`MotifDeviations`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> openness = pd.DataFrame(rng.gamma(2, 10, size=(200, 2)), columns=["HSC", "Ery"])
    >>> openness.loc[:39, "Ery"] *= 3
    >>> matches = pd.DataFrame({"GATA1": np.arange(200) < 40})
    >>> motif_deviations(openness, matches, rng.uniform(0.3, 0.7, size=200))["GATA1"].idxmax()
    'Ery'
    """
    model = MotifDeviations(n_background, random_state=random_state, **settings)
    return model.fit_transform(openness, matches, gc_share)


def _telling(names: NDArray[np.object_], matches: sp.csr_array) -> tuple[NDArray[np.object_], sp.csr_array]:
    """Motifs that some peaks have and others have not; the rest is left out, with a warning."""
    n_matches = matches.sum(axis=0)
    kept = (n_matches > 0) & (n_matches < matches.shape[0])
    if not kept.any():
        raise ValueError(
            f"matches: each of the {kept.size} motif(s) is in none or in all of the {matches.shape[0]} open peaks, and "
            "tells nothing; lower or raise the threshold of the scan"
        )
    if not kept.all():
        warnings.warn(
            f"{np.sum(~kept)} motif(s) are in none or in all of the open peaks, and are left out: {some(names[~kept])}",
            LeftOutWarning,
            stacklevel=3,
        )
    return names[kept], sp.csr_array(matches[:, kept])


def _warn_of_closed_peaks(is_open: NDArray[np.bool_]) -> None:
    closed = int(np.sum(~is_open))
    if closed:
        warnings.warn(
            f"{closed:,} of {is_open.size:,} peaks are open in no training cell type, and are left out: nothing is "
            "expected of them",
            LeftOutWarning,
            stacklevel=3,
        )


def _check_open(openness: NDArray[np.float32], cell_types: NDArray[np.object_]) -> None:
    closed = openness.max(axis=0) == 0
    if closed.any():
        raise ValueError(
            f"no peak that is open in a training cell type is open in {some(cell_types[closed])}: there is nothing to "
            "compare"
        )
