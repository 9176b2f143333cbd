"""How far from the TSS a Lasso finds signal in the blood data: all genes, the report's 2,000 bins and its protocol.

Lambda is the best of ``examples/plot_blood.py``. Takes some minutes on two cores: 2 folds of genes, fitted 20 times.
"""

import time

from skepi.binning import TSSBinner
from skepi.compose import z_score_per_gene
from skepi.datasets import fetch_hematopoiesis
from skepi.inspection import importance_profile
from skepi.linear_model import LassoBaseline
from skepi.model_selection import GeneKFold
from skepi.preprocessing import LogZScaler

blood = fetch_hematopoiesis(n_jobs=2)
Z = LogZScaler(scale_floor=0, statistics="all").fit_transform(TSSBinner().fit_transform(blood.data))
z = z_score_per_gene(blood.data, blood.target)
print(Z)
start = time.perf_counter()
profile = importance_profile(
    LassoBaseline(0.005, tol=1e-6), Z, z, GeneKFold(2), method="coefficients", n_permutations=19
)
print(profile.table.round(4).to_string(index=False))
up, down = profile.reach_bp()
print(f"beyond the null band to {up / 1000:g} kb upstream and {down / 1000:g} kb downstream")
print(f"{time.perf_counter() - start:.0f} s")
