"""The Lasso at the report's full size: a path of 9 penalties from tables, its cross-validation, and other solvers.

``lasso.py`` times the path and the cross-validation (5 folds of cell types, scaling learned in each, and the final
fit), each in a fresh process on a saved data set. ``lasso.py others 0.5`` times the path on the first half of the genes
against scikit-learn's ``Lasso`` and, where it is installed, ``celer``, both started from the solution before, to the
same gap.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from full_size import FULL, SMALL, PeakMemory, save

LAMS = [0.04 * 10 ** (-3 * k / 8) for k in range(9)]
GAP = 1e-4


def seconds(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def opened(path, share=1.0):
    """Pairs of the first genes of a saved data set, and expression."""
    from skepi.paired import PairedDataset

    X, y = PairedDataset.open(path).pairs(return_X_y=True)
    some = X.gene_codes < share * len(X.genes)
    return X[some], y[some]


def scaled(X, y):
    """Scaled rows and targets standardised per gene."""
    from skepi._targets import GeneScale
    from skepi.binning import TSSBinner
    from skepi.preprocessing import LogZScaler

    return LogZScaler().fit_transform(TSSBinner().fit_transform(X)), GeneScale.of(X, y, 1.0).z(X, y)


def time_path(path):
    from skepi.linear_model import LassoBaseline

    with PeakMemory() as memory:
        found, took = seconds(lambda: LassoBaseline(tol=GAP).path(*scaled(*opened(path)), LAMS))
    print(
        f"path of {len(LAMS)} penalties from tables: {took:.1f} s, largest relative gap {found['dual_gap'].max():.0e}, "
    )
    print(f"  {min(map(count, found['coef']))} to {max(map(count, found['coef']))} weights, {memory.peak:.2f} GB")


def time_cross_validation(path):
    from skepi.binning import TSSBinner
    from skepi.linear_model import LassoBaselineCV

    with PeakMemory() as memory:
        X, y = opened(path)
        model, took = seconds(lambda: LassoBaselineCV(LAMS, tol=GAP).fit(TSSBinner().fit_transform(X), y))
    gap, best = model.cv_results_["dual_gap"].max(), model.cv_results_["pooled_score"].max()
    print(
        f"5 folds of cell types and the final fit: {took:.1f} s, largest relative gap {gap:.0e}, {memory.peak:.2f} GB"
    )
    print(f"  best lambda {model.lam_:.1e}, skill {best:.4f}")


def time_others(path, share):
    from skepi._lasso._moments import moments_of_pairs
    from skepi._lasso._solve import duality_gap
    from skepi.linear_model import LassoBaseline

    X, y = opened(path, share)
    (rows, z), scaling = seconds(lambda: scaled(X, y))
    found, ours = seconds(lambda: LassoBaseline(tol=GAP).path(rows, z, LAMS))
    moments = moments_of_pairs(rows, z)
    print(f"{rows}: scaled in {scaling:.1f} s")
    print(f"skepi: path {ours:.1f} s, largest gap {found['dual_gap'].max():.0e}")
    matrix, making = seconds(lambda: stored_columns(rows))
    print(f"all rows in memory, {matrix.nnz:,} entries of {matrix.dtype}: {making:.1f} s")
    for name, solver in solvers():
        coefs, took = seconds(lambda solver=solver: warm_path(solver, matrix, z.astype(matrix.dtype)))
        gap = max(duality_gap(moments, coef, lam) for coef, lam in zip(coefs, LAMS, strict=True))
        print(
            f"{name}: path {took:.1f} s, largest gap {gap:.0e}; {took / ours:.1f} x skepi's path, "
            f"{(scaling + making + took) / (scaling + ours):.1f} x from tables",
            flush=True,
        )


def stored_columns(rows):
    import numpy as np
    import scipy.sparse as sp

    matrix = rows.tocsr().tocsc()
    indices = matrix.indices.astype(np.int32, copy=False), matrix.indptr.astype(np.int32, copy=False)
    return sp.csc_matrix((matrix.data, *indices), shape=matrix.shape)


def solvers():
    """Names and estimators; a gap of half the objective relative to |y|^2 is twice that of skepi's objective."""
    from sklearn.linear_model import Lasso

    yield "scikit-learn Lasso", Lasso(tol=GAP / 2, warm_start=True, copy_X=False, max_iter=100_000)
    if importlib.util.find_spec("celer"):
        from celer import Lasso as Celer

        yield "celer", Celer(tol=GAP / 2, warm_start=True)
    else:
        print("celer is not installed")


def warm_path(solver, matrix, z):
    return [solver.set_params(alpha=lam / 2).fit(matrix, z).coef_.astype(float) for lam in LAMS]


def count(coef):
    return int((coef != 0).sum())


STEPS = {"path": time_path, "cv": time_cross_validation, "others": time_others}


def main(size, steps):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "simulated")
        save(path, size)
        for step in steps:
            subprocess.run([sys.executable, __file__, "step", path, *step], check=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["step", path, name, *share]:
            STEPS[name](path, *map(float, share))
        case ["others", share]:
            main(FULL, [["others", share]])
        case ["small"]:
            main(SMALL, [["path"], ["cv"], ["others", "1"]])
        case []:
            main(FULL, [["path"], ["cv"]])
        case other:
            sys.exit(f"wanted nothing, 'small' or 'others SHARE', got {other}")
