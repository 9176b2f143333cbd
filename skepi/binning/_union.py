"""BinnerUnion: the columns of several binners side by side, still lazy."""

from typing import Any, Self

from sklearn.utils.metaestimators import _BaseComposition

from skepi.binning._binner import TSSBinner
from skepi.binning._layout import Layout
from skepi.binning._makes_columns import MakesColumns, check_is_pairs
from skepi.paired import GeneCellPairs


class BinnerUnion(MakesColumns, _BaseComposition):
    """Put the columns of several binners side by side: one map, whose rows stay lazy and know their genes.

    scikit-learn's ``FeatureUnion`` would make dense arrays that have forgotten their genes.

    Parameters
    ----------
    binners : list of (str, TSSBinner)
        Names and binners; parameters are reached as ``<name>__<parameter>``.

    Attributes
    ----------
    columns_ : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``; those of the binners, in their order.
    layout_ : object
        What the columns are made of; saved with the union.
    n_features_in_ : int
        2: a gene and a cell type.

    Raises
    ------
    TypeError
        For anything but named binners, and where ``X`` is not made of pairs.
    ValueError
        Where a name stands twice or holds ``__``, where two columns have one name, and where two binners measure the
        depth of a signal in two ways.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)[0].pairs()
    >>> near, far = TSSBinner(edges=[-500, 0, 500]), TSSBinner(edges=[-100_000, -500])
    >>> BinnerUnion([("near", near), ("far", far)]).fit(X).get_feature_names_out().tolist()
    ['[-500, 0) bp', '[0, 500) bp', '[-100000, -500) bp']
    """

    def __init__(self, binners: list[tuple[str, TSSBinner]]) -> None:
        self.binners = binners

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the binners and, with ``deep``, their parameters."""
        return self._get_params("binners", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set a binner by its name, or one of its parameters as ``<name>__<parameter>``."""
        self._set_params("binners", **params)
        return self

    def fit(self, X: GeneCellPairs, y: Any = None) -> Self:
        """Fit the binners.

        Parameters
        ----------
        X : GeneCellPairs
        y : None
            Ignored.
        """
        self._check_binners()
        check_is_pairs(X, self)
        for _, binner in self.binners:
            binner.fit(X)
        return self._keep(Layout.joined({name: binner.layout_ for name, binner in self.binners}))

    def _check_binners(self) -> None:
        if not isinstance(self.binners, list | tuple) or not self.binners:
            raise TypeError(f'binners must be a list such as [("near", TSSBinner())], got {self.binners!r}')
        for one in self.binners:
            if not (isinstance(one, list | tuple) and len(one) == 2 and isinstance(one[1], TSSBinner)):
                raise TypeError(f"binners must be pairs of a name and a TSSBinner, got {one!r}")
        self._validate_names([name for name, _ in self.binners])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "columns_")
