"""
A page for a colleague
======================

From a data set to one HTML file in three steps: compare models, look into one of them, write the page. The file needs
no network and no skepi to be read. Here the data are simulated, and one of the cell types is corrupted on purpose: the
page should say so.
"""

# %%
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.pipeline import make_pipeline

from skepi.baselines import NearestCellTypes, PromoterSum, TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cell_type_outliers, cross_val_parts, importance_profile, score_links
from skepi.model_selection import CellTypeKFold
from skepi.plotting import ComparisonDisplay
from skepi.report import caveats, write_report

warnings.simplefilter("ignore", DistantCellTypeWarning)  # whole lineages are held out on purpose
data, truth = make_paired_openness(n_genes=150, n_cell_types=12, corrupted=5)
print(data)
print("corrupted:", truth.corrupted)

# %%
# Compare
# -------
#
# Rules that any model must beat, and a model for cell types without expression. The control permutes the cell types of
# expression and fits everything again.

model = make_pipeline(TSSBinner(edges=symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])), CisTransRegressor())
models = {
    "training mean": TrainingMean(),
    "promoter sum": PromoterSum(),
    "nearest cell type": NearestCellTypes(),
    "cis and cell state": model,
}
comparison = compare_models(models, data, ["cell types", "lineages"], controls=("cell types",), n_bootstrap=200)
print(comparison)
ComparisonDisplay.from_comparison(comparison, by="cell_type")

# %%
# Look into one of them
# ---------------------
#
# The page is about the model that is named; parts and importance are of the same one.

X, y = data.pairs(return_X_y=True)
contents = {
    "model": "cis and cell state",
    "data": data,
    "comparison": comparison,
    "outliers": cell_type_outliers(data),
    "importance": importance_profile(
        model, X, y, CellTypeKFold(2), method="permutation", n_permutations=19, n_repeats=1
    ),
    "parts": cross_val_parts(model, X, y, CellTypeKFold(4), control=True),
    "links": score_links(data, min_distance=20_000),
}

# %%
# Write
# -----
#
# Nothing is fitted here. The page opens in any browser.

folder = Path("figures")
folder.mkdir(exist_ok=True)
path = write_report(folder / "report.html", **contents, settings={"n_bootstrap": 200}, title="Simulated cell types")
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")

# %%
# What to trust and what not, as the page says it:

for caveat in caveats(**contents):
    print(f"{caveat.level:8} {caveat.text}")
plt.show()
