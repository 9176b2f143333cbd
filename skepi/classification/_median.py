"""Labels of DeepChrome and AttentiveChrome: is a gene above the median of its cell type?"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._doors import some
from skepi._rows import check_pairs, check_targets


def above_median(X: Any, y: ArrayLike) -> NDArray[np.int64]:
    r"""Label each pair by whether its expression is above the median of its cell type.

    .. math:: h_{gc} = 1 \text{ if } L_{gc} > \operatorname{median}_{g'} L_{g'c} \text{, else } 0

    The median is taken over the genes that have a pair in that cell type, so labels depend on which genes are in ``X``:
    make labels once, from all rows, and split afterwards. No other cell type enters, so splits that hold out cell types
    do not leak. Where whole genes are held out, the labels of training pairs know the level of held-out genes, but only
    through the median.

    Parameters
    ----------
    X : pairs
    y : array-like of shape (n_pairs,)
        Expression. Labels are the same on any scale that keeps the order of genes within a cell type: counts and their
        logarithms have the same labels.

    Returns
    -------
    ndarray of int64, shape (n_pairs,)
        1 for high, 0 for low. A gene that equals the median is low. This includes the middle gene of an odd number of
        genes, and all genes without a read in a cell type where these are half of the genes or more; fewer than half of
        the genes are then high.

    Raises
    ------
    ValueError
        Where no gene of a cell type is above its median, as in a cell type without a read.
    TypeError
        For rows that are not pairs.

    References
    ----------
    Singh et al., Bioinformatics 2016 (DeepChrome); Singh et al., NeurIPS 2017 (AttentiveChrome).

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=3, n_cell_types=2, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> labels = above_median(X, [1.0, 10.0, 2.0, 10.0, 3.0, 30.0])
    >>> X.unstack(labels).T.values.tolist()  # the medians are 2 and 10
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    check_pairs(X, "above_median")
    values = check_targets(X, y)
    cells = np.unique(X.cell_type_codes)
    medians = np.zeros(len(X.cell_types))
    medians[cells] = [np.median(values[X.cell_type_codes == cell]) for cell in cells]
    high = values > medians[X.cell_type_codes]
    flat = cells[~np.isin(cells, X.cell_type_codes[high])]
    if flat.size:
        names = X.cell_types["name"].iloc[flat]
        raise ValueError(
            f"no gene is above the median in cell type(s) {some(names)}, because half of the genes or more share the "
            "greatest value; leave these cell types out"
        )
    return high.astype(np.int64)
