"""How much does skill on unseen blood populations grow with the number of training populations?

Reads the same folder of tables as ``unseen_cell_types.py`` (SKEPI_HEME14 names it). Expression is normalised once, over
all populations. Prints the curve of ``CisTransRegressor``, one population held out at a time, and its extrapolation.
A number sets how many random orders of the training populations are taken (5 by default). ``simulated`` asks whether
extrapolations come true: curves of 3 to 13 of 40 simulated cell types, and what 20, 26 and 32 then give.
"""

import os
import sys
import time
from pathlib import Path

from memory import peak_gb
from unseen_cell_types import on_bands, read

from skepi.datasets import make_paired_openness
from skepi.gaussian_process import CisTransRegressor
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut, learning_curve_pairs
from skepi.normalization import ExpressionNormalizer

SIZES = [3, 4, 6, 8, 10, 13]
MORE = [20, 26, 40]
LATER = [20, 26, 32]


def simulated(n_data_sets=6):
    for seed in range(n_data_sets):
        X, y = make_paired_openness(200, 40, n_lineages=8, random_state=seed)[0].pairs(return_X_y=True)
        setup = on_bands(CisTransRegressor()), X, y, CellTypeKFold(5)
        curve = learning_curve_pairs(*setup, train_sizes=SIZES, n_subsets=4, extrapolate_to=LATER)
        found = learning_curve_pairs(*setup, train_sizes=LATER, n_subsets=4).points["skill"]
        print(f"data set {seed}", curve.unavailable)
        print(curve.extrapolation.assign(found=found).round(3).to_string())


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
    if sys.argv[1:] == ["simulated"]:
        sys.exit(simulated())
    if "SKEPI_HEME14" not in os.environ:
        sys.exit("SKEPI_HEME14 must name the folder of tables")
    main(Path(os.environ["SKEPI_HEME14"]), int(sys.argv[1]) if len(sys.argv) > 1 else 5)
