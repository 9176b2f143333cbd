"""What a model of DNA makes of every single letter: saturation mutagenesis, with a null band."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, check_codes
from skepi.inspection._null import check_permutations
from skepi.sequence import shuffle_dinucleotides

_LETTERS = np.array(list("ACGT"))

#: Letters of variants that are predicted at once.
_AT_ONCE = 2**22


def mutagenesis(
    model: Any,
    sequences: Any,
    *,
    cell_types: Any = None,
    n_shuffles: int = 19,
    level: float = 0.95,
    random_state: Any = None,
) -> pd.DataFrame:
    r"""Predict what every change of a single letter does to the openness of a sequence.

    .. math:: \Delta_{p, a, c} = \hat y_c(s \text{ with } a \text{ at } p) - \hat y_c(s)

    for a position p, a letter a that is not the one of s, and a cell type c. A site that the model needs shows as a
    stretch of positions where most changes lower the prediction.

    The limit says how large effects become where there is nothing to find: the same is done with shuffled sequences,
    whose pairs of neighbouring letters occur as often as before, and the limit is exceeded by the largest effect in
    a fraction of about 1 - ``level`` of them.

    Parameters
    ----------
    model : estimator
        Fitted, with ``predict`` of codes (n, width) to (n,) or (n, n_cell_types), such as
        :class:`skepi.neural_network.SequenceOpenness`.
    sequences : PeakSequences or ndarray of uint8, shape (n_sequences, width)
        A few: each takes 3 x width predictions.
    cell_types : sequence of str, optional
        Names of the targets, in order; by default their numbers.
    n_shuffles : int, default=19
        Shuffled sequences, made of the given ones in turn; 0 gives no limits.
    level : float, default=0.95
        Fraction of shuffled sequences whose largest effect lies within the limit. It needs ``level / (1 - level)``
        shuffled sequences.
    random_state : int, RandomState or None, default=None
        Seed of the shuffles.

    Returns
    -------
    DataFrame
        One row per changed letter and cell type: ``sequence`` (row), ``position`` (from 0), ``reference``,
        ``alternative``, ``cell_type``, ``effect`` (in the unit of the prediction) and ``limit`` (of the absolute effect
        in the cell type; NaN without shuffles). Positions of unknown letters are left out.

    Raises
    ------
    ValueError
        For sequences that are no codes of DNA of shape (n_sequences, width), another number of cell types than of
        targets, and too few shuffles for the level.

    Examples
    --------
    >>> import numpy as np
    >>> class CountsG:
    ...     def predict(self, codes):
    ...         return (codes == 2).sum(axis=1)
    >>> effects = mutagenesis(CountsG(), np.array([[0, 2]], np.uint8), n_shuffles=0)
    >>> effects.pivot(index="alternative", columns="position", values="effect").loc["T"].tolist()
    [0.0, -1.0]
    """
    check_permutations(n_shuffles, level)
    codes = np.asarray(sequences)
    check_codes(codes)
    if codes.ndim != 2 or not codes.size:
        raise ValueError(
            f"mutagenesis needs at least one sequence, as codes of shape (n_sequences, width), got shape "
            f"{codes.shape}: give sequences[[row]] for a single one"
        )
    effects = [_effects(model, sequence) for sequence in codes]
    names = _names(cell_types, effects[0].shape[-1])
    limits = _limits(model, codes, n_shuffles, level, random_state, len(names))
    tables = [_table(row, *one, names, limits) for row, one in enumerate(zip(codes, effects, strict=True))]
    return pd.concat(tables, ignore_index=True)


def _effects(model: Any, sequence: NDArray[np.uint8]) -> NDArray:
    """Effects of the three changes of each known letter, (n_known, 3, n_targets)."""
    reference = _predicted(model, sequence[None])
    parts = [_predicted(model, variants) for variants in _variants(sequence)]
    found = np.concatenate([np.empty((0, reference.shape[1]), reference.dtype), *parts]) - reference
    return found.reshape(-1, 3, reference.shape[1])


def _variants(sequence: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """All sequences with one letter changed, in the order of positions and then of letters, some at a time."""
    places = np.repeat(np.flatnonzero(sequence != UNKNOWN), 3)
    letters = _others(sequence)
    step = max(1, _AT_ONCE // len(sequence))
    for first in range(0, len(places), step):
        some = places[first : first + step]
        variants = np.repeat(sequence[None], len(some), axis=0)
        variants[np.arange(len(some)), some] = letters[first : first + step]
        yield variants


def _others(sequence: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The three letters that each known letter can become, in order."""
    known = sequence[sequence != UNKNOWN]
    letters = np.tile(np.arange(4, dtype=np.uint8), (len(known), 1))
    return letters[letters != known[:, None]]


def _predicted(model: Any, codes: NDArray[np.uint8]) -> NDArray:
    found = np.asarray(model.predict(codes))
    return found.reshape(len(codes), -1)


def _limits(
    model: Any, codes: NDArray[np.uint8], n_shuffles: int, level: float, random_state: Any, n_targets: int
) -> NDArray:
    """Return what the largest absolute effect on each target in a shuffled sequence rarely exceeds."""
    if not n_shuffles:
        return np.full(n_targets, np.nan)
    chosen = codes[np.arange(n_shuffles) % len(codes)]
    shuffled = shuffle_dinucleotides(chosen, random_state)
    largest = np.array([np.abs(_effects(model, one)).max(axis=(0, 1), initial=0) for one in shuffled])
    rank = int(np.ceil(level * (n_shuffles + 1) - 1e-9))
    return np.sort(largest, axis=0)[rank - 1]


def _names(cell_types: Any, n_targets: int) -> list[Any]:
    if cell_types is None:
        return list(range(n_targets))
    names = list(cell_types)
    if len(names) != n_targets:
        raise ValueError(f"{len(names)} cell_types for {n_targets} target(s) of the model")
    return names


def _table(row: int, sequence: NDArray[np.uint8], effects: NDArray, names: list[Any], limits: NDArray) -> pd.DataFrame:
    """Rows in the order of positions, letters and cell types."""
    places = np.flatnonzero(sequence != UNKNOWN)
    others = _others(sequence)
    n_targets = len(names)
    position = np.repeat(places, 3 * n_targets)
    return pd.DataFrame(
        {
            "sequence": row,
            "position": position,
            "reference": _LETTERS[sequence[position]],
            "alternative": np.repeat(_LETTERS[others], n_targets),
            "cell_type": np.tile(np.array(names, dtype=object), 3 * len(places)),
            "effect": effects.reshape(-1),
            "limit": np.tile(limits, 3 * len(places)),
        }
    )
