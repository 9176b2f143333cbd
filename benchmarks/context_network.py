"""From how many cell types on does a network, or boosting, gain on the kernel model? Simulated, with an interaction.

For each number of cell types: skill on held-out cell types (5 folds) of ``CisTransRegressor``, of boosting and of a
network on what it leaves, and of a network on bands, with and without the state of the cell beside them. The law has
local openness in bands, programs, and a saturating interaction that no linear model sees. Numbers of cell types may
be given.
"""

import sys
import time
import warnings

from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget, ResidualRegressor
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.neural_network import ExpressionMLP
from skepi.preprocessing import AppendContext, LogZScaler

EDGES = symmetric_edges([0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])


def models():
    bands, scale = TSSBinner(edges=EDGES), LogZScaler(float("inf"))
    network = ExpressionMLP((64, 32), dropout=0.1, lr=2e-3, batch_size=1_000, max_epochs=40, patience=5, random_state=0)
    return {
        "cis and cell state": make_pipeline(bands, CisTransRegressor()),
        "boosting on its errors": make_pipeline(bands, ResidualRegressor(cv=CellTypeKFold(5))),
        "network on its errors": make_pipeline(bands, ResidualRegressor(network, cv=CellTypeKFold(5))),
        "network on bands": make_pipeline(bands, scale, GeneZTarget(network)),
        "network on bands and context": GeneZTarget(make_pipeline(bands, scale, AppendContext(4), network)),
    }


def main(numbers):
    warnings.simplefilter("ignore", DistantCellTypeWarning)
    for n_cell_types in numbers:
        data, _ = make_paired_openness(
            400, n_cell_types, cis_share=0.2, program_share=0.4, interaction_share=0.3, cis_bands=EDGES, random_state=1
        )
        X, y = data.pairs(return_X_y=True)
        for name, model in models().items():
            start = time.perf_counter()
            skill = summarize(cross_val_pairs(model, X, y, CellTypeKFold(5)))["skill"]
            print(
                f"{n_cell_types:4d} cell types  {name:30s} {skill:.3f}  ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [14, 40, 100, 200])
