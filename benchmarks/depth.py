"""How much skill is lost where the openness of an erythroid culture is counted with fewer reads?

Reads a folder of tables (SKEPI_ERYTHROID12 names it), with read counts as openness, and thins them to 3, 2, 1 and .5
million reads for each cell type, then half of the cell types to 1 million. Prints skill and coverage of 90 %
intervals with cell types held out one by one, with and without the correction for counting noise, and for how many
cell types the nearest one is the same as at full depth.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from unseen_cell_types import read

from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.model_selection import LeaveOneCellTypeOut
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset

MILLIONS = (3, 2, 1, 0.5)


def with_openness(data, openness):
    return PairedDataset(openness, data.peaks, data.genes, data.expression, data.cell_types)


def thinned(data, reads, rng):
    """Each read stays with the same chance, so that a cell type has about ``reads`` of them, at most all."""
    counts = data.openness.astype(np.int64)
    kept = np.minimum(1, reads / counts.sum(axis=0))
    return with_openness(data, rng.binomial(counts, kept))


def without_noise_known(data):
    """The same openness times numbers that hide what one read is, so that counting noise is not known."""
    noise = 1 + 1e-3 * np.random.default_rng(0).random(data.openness.shape)
    return with_openness(data, data.openness * noise)


def nearest(data):
    """Nearest cell type of each cell type, in a model fitted on the others."""
    found = {}
    for name in data.cell_types["name"]:
        others = [one for one in data.cell_types["name"] if one != name]
        model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
        model.fit(*data.pairs(cell_types=others, return_X_y=True))
        found[name] = model[-1].distances(model[:-1].transform(data.pairs(cell_types=[name])))["nearest"].iloc[0]
    return pd.Series(found)


def main(folder):
    warnings.simplefilter("ignore", DistantCellTypeWarning)  # each cell type is held out on purpose
    data, rng = read(folder), np.random.default_rng(0)
    total = data.openness.sum(axis=0, dtype=np.float64)
    odd = np.arange(total.size) % 2 == 1
    depths = {f"{million} M": np.full(total.size, million * 1e6) for million in MILLIONS}
    depths |= {"odd ones 1 M": np.where(odd, 1e6, total), "even ones 1 M": np.where(odd, total, 1e6)}
    sets = {"all reads": data} | {name: thinned(data, reads, rng) for name, reads in depths.items()}
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    models = {"model": make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())}
    log_expression = data.transform_expression(normalizer)
    wanted, rows = nearest(log_expression), {}
    for name, one in sets.items():
        for corrected in (True, False):
            asked = one if corrected else without_noise_known(one)
            compared = compare_models(
                models, asked, {"s": LeaveOneCellTypeOut()}, normalizer=normalizer, n_bootstrap=10
            )
            row = compared.scores[["skill", "coverage"]].iloc[0].to_dict()
            same = nearest(asked.transform_expression(normalizer)) == wanted
            rows[name, "corrected" if corrected else "as it is"] = row | {"same nearest": int(same.sum())}
            print(name, "corrected" if corrected else "as it is", row, int(same.sum()), flush=True)
    print(pd.DataFrame(rows).T.round(3).to_string())


if __name__ == "__main__":
    if "SKEPI_ERYTHROID12" not in os.environ:
        sys.exit("SKEPI_ERYTHROID12 must name the folder of tables")
    main(Path(os.environ["SKEPI_ERYTHROID12"]))
