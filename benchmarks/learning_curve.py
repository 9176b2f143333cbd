"""How much does skill on unseen blood populations grow with the number of training populations?

Reads the same folder of tables as ``unseen_cell_types.py`` (SKEPI_HEME14 names it). Expression is normalised once, over
all populations. Prints the curve of ``CisTransRegressor``, one population held out at a time, and its extrapolation.
A number sets how many random orders of the training populations are taken (3 by default).
"""

import os
import sys
import time
from pathlib import Path

from memory import peak_gb
from unseen_cell_types import on_bands, read

from skepi.gaussian_process import CisTransRegressor
from skepi.model_selection import LeaveOneCellTypeOut, learning_curve_pairs
from skepi.normalization import ExpressionNormalizer

SIZES = [3, 4, 6, 8, 10, 13]
MORE = [20, 26, 40]


def main(folder, n_subsets):
    data = read(folder).transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))
    X, y = data.pairs(return_X_y=True)
    start = time.perf_counter()
    curve = learning_curve_pairs(
        on_bands(CisTransRegressor()),
        X,
        y,
        LeaveOneCellTypeOut(),
        train_sizes=SIZES,
        n_subsets=n_subsets,
        extrapolate_to=MORE,
    )
    print(curve)
    n_fits = int(curve.points["n_fits"].sum())
    print(f"{n_fits} fits {time.perf_counter() - start:.0f} s, peak resident memory {peak_gb():.2f} GB")


if __name__ == "__main__":
    if "SKEPI_HEME14" not in os.environ:
        sys.exit("SKEPI_HEME14 must name the folder of tables")
    main(Path(os.environ["SKEPI_HEME14"]), int(sys.argv[1]) if len(sys.argv) > 1 else 3)
