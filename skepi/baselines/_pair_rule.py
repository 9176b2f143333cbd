"""What rules on pairs have in common: they keep the mean of each gene and refuse rows that do not know theirs."""

from typing import Any

from numpy.typing import ArrayLike

from skepi._rows import check_log_targets, check_pairs
from skepi._targets import FloatArray, KeepsGeneMeans


class PairRule(KeepsGeneMeans):
    """Predicts expression of pairs, in units of ``y``."""

    def _checked_rows(self, X: Any) -> Any:
        check_pairs(X, self)
        return X

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        return self._checked_rows(X), check_log_targets(X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
