"""``MotifScanner``: from DNA to one number per window and motif."""

import os
import warnings
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_choice, check_flag, check_number, some
from skepi.exceptions import ShortMotifWarning, TableError
from skepi.io import format_intervals
from skepi.motifs._groups import families_of, greatest
from skepi.motifs._log_odds import log_odds, threshold_by_p, threshold_by_share
from skepi.motifs._motifs import Motifs
from skepi.motifs._scan import SCORES, Scan
from skepi.motifs._sequences import check_sequences, letters_of, share_of_letters

_WITH_THRESHOLD = ("hits", "excess")
_P_VALUE = 1e-4
_WINDOWS_AT_ONCE = 1024


class MotifScanner(TransformerMixin, BaseEstimator):
    r"""Score windows of DNA for motifs of transcription factors: one row per window, one column per motif.

    A motif with probabilities :math:`p_{ka}` of letter :math:`a` at position :math:`k` scores the letters
    :math:`a_1, a_2, \dots` at one place of one strand by their log odds, in bits,

    .. math:: s = \sum_k \log_2 \frac{p_{k a_k} + \epsilon}{b_{a_k}}

    with the pseudocount :math:`\epsilon` and the background :math:`b`. Each term is rounded to 1/256 bit, so that sums
    in float32 are exact: scores depend neither on the processor nor on how windows are put into batches. A place that
    overlaps an N has no score. The scores of a window, over all places and both strands, become one number:

    * ``"best"``: the highest score, in bits;
    * ``"occupancy"``: :math:`\log_2 \sum 2^s`, which also grows with the number of good places;
    * ``"hits"``: the number of places with :math:`s \ge t` on either strand (a place with hits on both counts once);
    * ``"excess"``: how far the highest score exceeds :math:`t`, in bits, or 0.

    The threshold :math:`t` of a motif is the least score that a place of random DNA, with letters drawn from the
    background, reaches with probability ``p_value`` or less (exact, by dynamic programming over the rounded scores).
    With ``relative``, it lies this share of the way from the lowest to the highest score of the motif.

    Parameters
    ----------
    motifs : Motifs
    score : {"best", "occupancy", "hits", "excess"}, default="best"
    p_value : float, optional
        For ``"hits"`` and ``"excess"``; 1e-4 by default, as in FIMO. Probability per place and strand: a window of
        500 bp has about 1,000 of them. A motif of :math:`w` positions cannot be rarer than :math:`4^{-w}` in uniform
        DNA.
    relative : float, optional
        From 0 to 1, in place of ``p_value``; 0.8 is common.
    background : {None, "sequences"} or array-like of shape (4,), default=None
        Probabilities of A, C, G and T: 0.25 each, or shares among the letters given to ``fit``, or those given here.
        With ``both_strands``, A and T get the mean of theirs, and so do C and G.
    pseudocount : float, default=1e-4
        Greater than 0 and below 1.
    both_strands : bool, default=True
        Whether the reverse complement is scored, too.
    groups : mapping or Series, optional
        Family of each motif, by its name, identifier or TF. Each family becomes one column: the greatest number of its
        motifs.

    Attributes
    ----------
    background_ : ndarray of shape (4,)
        Probabilities of A, C, G and T.
    thresholds_ : ndarray of shape (n_motifs,)
        In bits, in the order of the motifs; infinite for motifs that are too short. Only for ``"hits"`` and
        ``"excess"``.

    Raises
    ------
    TableError
        For a window that is narrower than a motif; for windows without any place free of N, where ``score`` is
        ``"best"`` or ``"occupancy"`` (they have no hits and no excess); for letters other than 0 to 4; for a motif
        without a family.
    ValueError
        For settings out of range, and thresholds for scores that have none.

    Warns
    -----
    ShortMotifWarning
        In ``fit``, for motifs that are too short to be as rare as ``p_value``: they never have a hit.

    See Also
    --------
    read_motifs : matrices from files.

    References
    ----------
    Grant, Bailey and Noble, Bioinformatics 2011 (FIMO); Staden, CABIOS 1989 (exact p-values).

    Examples
    --------
    >>> import numpy as np
    >>> gata = Motifs({"GATA": np.eye(4)[[2, 0, 3, 0]]})
    >>> sequences = np.array([[1, 2, 0, 3, 0, 1], [3, 0, 3, 1, 1, 1]], dtype=np.uint8)  # CGATAC, and TATCCC
    >>> MotifScanner(gata).fit_transform(sequences)  # TATC is GATA on the other strand
    array([[8.],
           [8.]], dtype=float32)
    >>> MotifScanner(gata, "hits", p_value=0.01, both_strands=False).fit_transform(sequences)
    array([[1.],
           [0.]], dtype=float32)
    """

    def __init__(
        self,
        motifs: Motifs,
        score: str = "best",
        *,
        p_value: float | None = None,
        relative: float | None = None,
        background: Any = None,
        pseudocount: float = 1e-4,
        both_strands: bool = True,
        groups: Any = None,
    ) -> None:
        self.motifs = motifs
        self.score = score
        self.p_value = p_value
        self.relative = relative
        self.background = background
        self.pseudocount = pseudocount
        self.both_strands = both_strands
        self.groups = groups

    def fit(self, X: Any, y: Any = None) -> Self:
        """Set background and thresholds; of the windows, only ``background="sequences"`` learns anything.

        Parameters
        ----------
        X : PeakSequences, or array of uint8, shape (n_windows, width)
            A, C, G and T are 0 to 3, N is 4.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check_settings()
        check_sequences(X)
        self.background_ = self._background(X)
        if self.score in _WITH_THRESHOLD:
            self.thresholds_ = self._thresholds()
        return self

    def transform(self, X: Any, out: str | os.PathLike | None = None) -> NDArray[np.float32]:
        """Score windows.

        Parameters
        ----------
        X : PeakSequences, or array of uint8, shape (n_windows, width)
            Read 1,024 windows at a time.
        out : path, optional
            File in the format of :func:`numpy.save`, to which scores are written in place of memory. It gets its name
            once it is whole.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_motifs)
            Mapped from ``out``, read-only, where that is given.
        """
        check_is_fitted(self, "background_")
        shape = check_sequences(X)[0], len(self.get_feature_names_out())
        if out is None:
            scores = np.empty(shape, dtype=np.float32)
            self._fill(X, scores)
            return scores
        return self._into_file(X, Path(out), shape)

    def peak_features(self, X: Any, index: Any = None) -> pd.DataFrame:
        """Score windows of peaks as features for :class:`skepi.paired.PairedDataset`.

        Parameters
        ----------
        X : PeakSequences, or array of uint8, shape (n_peaks, width)
        index : Index, optional
            Names of the peaks, in the order of the windows. By default the places of the peaks of PeakSequences,
            ``chrom:start-end``, by which a data set of other peaks refuses the features; row numbers for an array.

        Returns
        -------
        DataFrame
            Sparse columns of float32, one per motif; hits or excess, so that all are 0 or more.

        Raises
        ------
        ValueError
            For ``"best"`` and ``"occupancy"``, which are no features of 0 or more.
        """
        check_is_fitted(self, "background_")
        if self.score not in _WITH_THRESHOLD:
            raise ValueError(f"features of peaks are 0 or more: wanted score='hits' or 'excess', got {self.score!r}")
        names = self.get_feature_names_out()
        if index is None and getattr(X, "peaks", None) is not None:
            index = format_intervals(X.peaks)
        parts = [sp.csr_array(scores) for _, scores in self._parts(X)]
        return pd.DataFrame.sparse.from_spmatrix(sp.vstack(parts, "csr"), index=index, columns=names)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the motifs, or of their families.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str
        """
        names = self.motifs.names if self.groups is None else families_of(self.motifs, self.groups)[1]
        return np.array(names, dtype=object)

    def _check_settings(self) -> None:
        if not isinstance(self.motifs, Motifs):
            raise TypeError(f"motifs must be Motifs, such as read_motifs(...) gives, got {type(self.motifs).__name__}")
        check_choice("score", self.score, tuple(SCORES))
        check_number("pseudocount", self.pseudocount, 0, 1, low_included=False)
        check_flag("both_strands", self.both_strands)
        given = {name: getattr(self, name) for name in ("p_value", "relative") if getattr(self, name) is not None}
        if given and self.score not in _WITH_THRESHOLD:
            raise ValueError(f"score={self.score!r} has no threshold: leave out {' and '.join(given)}")
        if len(given) > 1:
            raise ValueError("give p_value or relative, not both")
        if self.p_value is not None:
            check_number("p_value", self.p_value, 0, 1, low_included=False)
        if self.relative is not None:
            _check_share("relative", self.relative)
        if self.groups is not None:
            families_of(self.motifs, self.groups)

    def _background(self, X: Any) -> NDArray[np.float64]:
        if self.background is None:
            return np.full(4, 0.25)
        if isinstance(self.background, str):
            check_choice("background", self.background, ("sequences",))
            shares = share_of_letters(X, _WINDOWS_AT_ONCE)
        else:
            shares = _given_background(self.background)
        return (shares + shares[::-1]) / 2 if self.both_strands else shares

    def _log_odds(self) -> list[NDArray[np.int64]]:
        return [log_odds(matrix, self.background_, self.pseudocount) for matrix in self.motifs.matrices]

    def _thresholds(self) -> NDArray[np.float64]:
        if self.relative is not None:
            return np.array([threshold_by_share(scores, self.relative) for scores in self._log_odds()])
        p_value = _P_VALUE if self.p_value is None else self.p_value
        thresholds = np.array([threshold_by_p(scores, self.background_, p_value) for scores in self._log_odds()])
        self._warn_of_short(np.flatnonzero(np.isinf(thresholds)), p_value)
        return thresholds

    def _warn_of_short(self, short: NDArray[np.int64], p_value: float) -> None:
        if short.size:
            names = some(self.motifs.names[place] for place in short)
            warnings.warn(
                f"{short.size} of {len(self.motifs)} motifs are too short to be as rare as p = {p_value:g} and never "
                f"have a hit: {names}; give a greater p_value, or relative=0.8 in its place",
                ShortMotifWarning,
                stacklevel=4,
            )

    def _fill(self, X: Any, scores: NDArray[np.float32]) -> None:
        for rows, part in self._parts(X):
            scores[rows] = part

    def _into_file(self, X: Any, path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Scores in a file, which gets its name once it is whole."""
        unfinished = path.with_name(f"{path.name}.unfinished")
        try:
            scores = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=shape)
            self._fill(X, scores)
            scores.flush()
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        return np.load(path, mmap_mode="r")

    def _parts(self, X: Any) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield the scores of some windows: their rows, and an array (n, n_columns)."""
        _, width = check_sequences(X)
        widest = int(np.argmax(self.motifs.widths))
        if width < self.motifs.widths[widest]:
            raise TableError(
                f"sequences: windows of {width} bp are narrower than the motif {self.motifs.names[widest]!r} of "
                f"{self.motifs.widths[widest]} bp; give wider windows, or select narrower motifs"
            )
        scan = Scan(self._log_odds(), getattr(self, "thresholds_", None), self.both_strands)
        families = None if self.groups is None else families_of(self.motifs, self.groups)
        for rows, letters in letters_of(X, _WINDOWS_AT_ONCE):
            scores = scan(letters, self.score)
            self._check_scored(scores, rows.start)
            yield rows, scores if families is None else greatest(scores, families[0], len(families[1]))

    def _check_scored(self, scores: NDArray[np.float32], start: int) -> None:
        row, place = np.nonzero(np.isneginf(scores))
        if row.size:
            raise TableError(
                f"sequences: {np.unique(row).size} window(s) have no place free of N for some motif, the first is row "
                f"{start + row[0]} for {self.motifs.names[place[0]]!r}; leave such windows out, or take "
                "score='hits' or 'excess'"
            )


def _check_share(name: str, value: Any) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}")


def _given_background(background: Any) -> NDArray[np.float64]:
    shares = np.asarray(background, dtype=np.float64)
    if shares.shape != (4,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            "background must be None, 'sequences', or four probabilities of A, C, G and T above 0 that add up to 1, "
            f"got {background!r}"
        )
    return shares / shares.sum()
