"""Does the state of the cell cost skill where lineages share nothing but local openness?

Simulates 20 data sets (or as many as are asked for) in which lineages share the cis part alone, and holds out each
lineage. Prints how much skill ``CisTransRegressor`` gains over its own cis part, with learned and with unlimited reach.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cross_val_parts
from skepi.model_selection import LineageKFold
from skepi.paired import PairedDataset


def far_lineages(seed, n_genes=300, n_cell_types=12, n_lineages=4):
    """Simulate lineages that share nothing but cis: which gene has which program is permuted in each of them."""
    data, truth = make_paired_openness(n_genes, n_cell_types, n_lineages=n_lineages, random_state=seed)
    rng, program = np.random.default_rng(seed), truth.program.to_numpy().copy()
    lineage = data.cell_types["lineage"].to_numpy()
    for name in pd.unique(lineage):
        program[:, lineage == name] = program[rng.permutation(n_genes)][:, lineage == name]
    expression = truth.gene_mean.to_numpy()[:, None] + truth.cis.to_numpy() + program + truth.noise.to_numpy()
    return PairedDataset(data.openness, data.peaks, data.genes, expression, data.cell_types)


def gain_of_state(data, **settings):
    """Skill of the model less that of its cis part, lineages held out."""
    X, y = data.pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor(**settings))
    table = cross_val_parts(model, X, y, LineageKFold())
    truth = table["y_true"] - table["train_mean"]
    parts = table["cis"] + table["cell_state"]
    return float((np.sum((truth - table["cis"]) ** 2) - np.sum((truth - parts) ** 2)) / np.sum(truth**2))


def main(n_seeds):
    warnings.simplefilter("ignore", DistantCellTypeWarning)  # lineages are held out on purpose
    data = [far_lineages(seed) for seed in range(n_seeds)]
    for reach in ("learned", "unlimited"):
        gains = np.array([gain_of_state(one, reach=reach) for one in data])
        error = gains.std(ddof=1) / np.sqrt(n_seeds)
        print(
            f"{reach}: mean gain {gains.mean():.4f} (standard error {error:.4f}), least {gains.min():.4f}", flush=True
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
