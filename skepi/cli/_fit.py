"""``skepi fit``: a model, fitted to all cell types of a data set."""

from argparse import Namespace
from typing import Any

from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, output, py
from skepi.cli._models import method_of, model_of, normalizer_of, opened
from skepi.cli._program import Program
from skepi.paired import PairedDataset
from skepi.persistence import save_model


def program(options: Namespace) -> Program:
    """Fit and save."""
    made = Program()
    if options.output is None:
        raise UsageError("--output is missing: the model file to write")
    found = opened(options.data)
    normalizer = normalizer_of(made, options, found)
    data = add_training_data(made, py(PairedDataset).open(options.data), normalizer)
    metadata = training_of(options, found, normalizer)
    made.do(py(save_model)(add_fitted(made, options, data), output(options.output), metadata=metadata))
    return made


def training_of(options: Namespace, found: PairedDataset, normalizer: Expression | None) -> dict[str, Any]:
    """What a model file says about its training data, for ``skepi predict`` to compare with."""
    scale = {} if normalizer is None else {"--min-mean-cpm": options.min_mean_cpm}
    return {"data": found.tables.identity, "--normalizer": method_of(normalizer), **scale}


def add_training_data(made: Program, dataset: Expression, normalizer: Expression | None) -> Expression:
    """Add the statement for a data set whose expression is on the scale that models learn."""
    return made.let("data", dataset if normalizer is None else dataset.transform_expression(normalizer))


def add_fitted(made: Program, options: Namespace, data: Expression) -> Expression:
    """Add the statements that fit a model to all pairs."""
    X, y = made.let_both("X", "y", data.pairs(return_X_y=True))
    return made.let("model", model_of(options.model, options.random_state).fit(X, y))
