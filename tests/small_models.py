"""Small pipelines of many kinds, and simulated pairs to fit them to."""

import numpy as np
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR, LinearSVR

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.model_selection import CellTypeKFold
from skepi.neural_network import ExpressionMLP
from skepi.preprocessing import LogZScaler, Materialize

EDGES = np.array([-30_000, -5_000, -1_000, 0, 1_000, 5_000, 30_000])


def binner():
    return TSSBinner(edges=EDGES)


def pipe(regressor, *before):
    """Bins, scaling, further steps and a regressor of standardised targets."""
    return make_pipeline(binner(), LogZScaler(), *before, GeneZTarget(regressor))


def small_net(hidden=(16, 8), **settings):
    return ExpressionMLP(hidden, lr=0.01, max_epochs=6, early_stopping=False, random_state=0, **settings)


def train_and_test():
    """``X_train, y_train, X_test, y_test``: 40 genes in 6 and in 3 other cell types."""
    data, _ = make_paired_openness(40, 9, n_lineages=3, n_peaks=900, cis_share=0.7, program_share=0.1)
    X, y = data.pairs(return_X_y=True)
    test = X.cell_type_codes % 3 == 0
    return X[~test], y[~test], X[test], y[test]


def scaled_rows(split):
    """Scaled bins of the training rows and of the test rows."""
    rows = make_pipeline(binner(), LogZScaler()).fit(split[0])
    return rows.transform(split[0]), rows.transform(split[2])


LINEAR = {
    "Ridge": pipe(Ridge(1.0)),
    "Lasso": pipe(Lasso(1e-4)),
    "LinearSVR": pipe(LinearSVR(max_iter=100_000, random_state=0)),
    "SVR": pipe(SVR(kernel="linear")),
    "PLS": pipe(PLSRegression(3)),
    "LassoBaseline": pipe(LassoBaseline(1e-4)),
    "LassoBaselineCV": make_pipeline(binner(), LassoBaselineCV([1e-3, 1e-4], cv=3)),
    "csr": pipe(make_pipeline(Materialize("csr"), "passthrough", Ridge())),
    "search in csr": pipe(make_pipeline(Materialize("csr"), GridSearchCV(Ridge(), {"alpha": [1, 9]}, cv=2))),
    "wrapped whole": GeneZTarget(make_pipeline(binner(), LogZScaler(), Materialize(), Ridge())),
    "search": GridSearchCV(pipe(Ridge()), {"geneztarget__regressor__alpha": [1, 9]}, cv=CellTypeKFold(2)),
    "scaled inside": make_pipeline(binner(), GeneZTarget(make_pipeline(LogZScaler(), Ridge()))),
    "nested": make_pipeline(make_pipeline(binner(), LogZScaler()), GeneZTarget(Ridge())),
}


def fitted_linear(name, split):
    """One of ``LINEAR``, fitted, its weights by least squares from its own predictions, and the scaled test rows."""
    model = LINEAR[name].fit(*split[:2])
    z = scaled_rows(split)[1].dense(dtype=np.float64)
    target = model
    while not hasattr(target, "gene_sd_"):
        target = target.best_estimator_ if hasattr(target, "best_estimator_") else target[-1]
    genes = split[2].to_frame()["gene"]
    standardised = (model.predict(split[2]) - target.gene_mean_[genes]) / (target.gene_sd_[genes] + 1)
    weights, *_ = np.linalg.lstsq(np.column_stack([z, np.ones(len(z))]), standardised.to_numpy())
    return model, weights[:-1], z
