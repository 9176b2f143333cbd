"""Models by name, as Python expressions, and the normalisation that they learn from."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, evaluate, py
from skepi.cli._program import Program
from skepi.compose import GeneZTarget
from skepi.gaussian_process import CisTransRegressor
from skepi.linear_model import LassoBaseline
from skepi.neural_network import ExpressionMLP
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

#: Models whose predictions are sums of parts.
WITH_PARTS = ("cis and cell state",)

#: No logarithm of a count is greater: 2^30 reads of one gene.
_GREATEST_LOG = 30.0


def model_of(name: str, random_state: int) -> Expression:
    """The model of a name: a rule on pairs, or a pipeline from bins on."""
    bands = py(TSSBinner)(edges=py(symmetric_edges)())
    one_scale = py(LogZScaler)(scale_floor=float("inf"))
    makers = {
        "training mean": lambda: py(TrainingMean)(),
        "promoter sum": lambda: py(PromoterSum)(),
        "distance decay": lambda: py(DistanceDecay)(),
        "nearest cell type": lambda: py(NearestCellTypes)(),
        "lasso": lambda: py(make_pipeline)(
            py(TSSBinner)(), py(LogZScaler)(), py(GeneZTarget)(py(LassoBaseline)(5e-3, tol=1e-4))
        ),
        "ridge": lambda: py(make_pipeline)(bands, one_scale, py(GeneZTarget)(py(Ridge)(100.0))),
        "network": lambda: py(make_pipeline)(bands, one_scale, py(GeneZTarget)(_network(random_state))),
        "cis and cell state": lambda: py(make_pipeline)(bands, py(CisTransRegressor)()),
    }
    return makers[name]()


def _network(random_state: int) -> Expression:
    return py(ExpressionMLP)(
        (64, 16), dropout=0.2, batch_size=500, max_epochs=10, patience=3, random_state=random_state
    )


def opened(path: str | None) -> PairedDataset:
    """The data set of a folder, looked at before the program runs."""
    if path is None:
        raise UsageError("DATA is missing: the folder of a data set, which `skepi build` writes")
    if not Path(path, "tables.npz").is_file():
        what = "there is no such folder" if not Path(path).exists() else "no data set is there"
        raise UsageError(f"{path}: {what}; wanted a folder that `skepi build` wrote")
    return PairedDataset.open(path, verify=False)


def normalizer_of(made: Program, options: Namespace, data: PairedDataset) -> Expression | None:
    """What makes log expression; None where expression is on that scale, or where there is none."""
    if options.normalizer == "none" or data.expression is None:
        return None
    method = options.normalizer
    if method is None:
        if not _are_counts(data.expression):
            made.note("expression is taken as log values, as it is; --normalizer says otherwise")
            return None
        method = "quantile"
        made.note("expression is taken as counts: quantile normalisation; --normalizer says otherwise")
    return py(ExpressionNormalizer)(method, min_mean_cpm=options.min_mean_cpm)


def method_of(normalizer: Expression | None) -> str:
    """The value of ``--normalizer`` that an expression of :func:`normalizer_of` is made by."""
    return "none" if normalizer is None else evaluate(normalizer, {}, str).method


def _are_counts(expression: Any) -> bool:
    """Whether values are counts: too great for logarithms, or all whole."""
    return bool(expression.max() > _GREATEST_LOG or (expression == np.floor(expression)).all())
