"""``skepi predict``: expression of cell types of which only openness is known."""

import inspect
from argparse import Namespace
from pathlib import Path
from typing import Any

from skepi._fitted import last_step
from skepi.cli._cells import optional
from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, evaluate, output, py
from skepi.cli._fit import add_fitted, add_training_data, training_of
from skepi.cli._inputs import add_openness, add_paired
from skepi.cli._models import model_of, normalizer_of, opened
from skepi.cli._options import BEST
from skepi.cli._program import Program
from skepi.cli._tables import add_table, add_table_or_print
from skepi.datasets import fetch_hematopoiesis
from skepi.paired import PairedDataset
from skepi.persistence import load_model, read_model_info

#: Peaks that are looked at to tell the scale of openness.
_LOOKED_AT = 10_000


def program(options: Namespace) -> Program:
    """Fit to the training data, or read a model that was, and predict the new cell types."""
    made = Program()
    if options.std is not None:
        _check_std(options)
    data = _training_data(made, options)
    new = _new_data(made, options, data)
    made.guard(_check_scale, data, new)
    model = made.let("model", py(load_model)(options.fitted)) if options.fitted else add_fitted(made, options, data)
    X = made.let("X_new", new.pairs())
    if options.std is None:
        values = model.predict(X)
    else:
        values, std = made.let_both("y_pred", "y_std", model.predict(X, return_std=True))
        add_table(made, X.unstack(std), options.std)
    predicted = made.let("predicted", X.unstack(values))
    if options.output is not None and Path(options.output).suffix == ".h5ad":
        made.do(_as_anndata(predicted, data).write_h5ad(output(options.output)))
    else:
        add_table_or_print(made, predicted, options)
    return made


def _check_std(options: Namespace) -> None:
    """Refuse ``--std``, before anything is computed, for a model that gives no standard deviations."""
    unfitted = model_of(options.model, options.random_state)
    model = load_model(options.fitted) if options.fitted else evaluate(unfitted, {}, str)
    if "return_std" not in inspect.signature(last_step(model).predict).parameters:
        which, other = options.fitted or options.model.replace(" ", "-"), BEST.replace(" ", "-")
        raise UsageError(f"--std: {which} gives no standard deviations; leave --std out, or use --model {other}")


def _training_data(made: Program, options: Namespace) -> Expression:
    if options.train is None:
        raise UsageError("--train is missing: a folder that `skepi build` wrote, or hematopoiesis")
    if options.train == "hematopoiesis" and not Path(options.train).exists():
        return made.let("data", py(fetch_hematopoiesis)(n_jobs=options.n_jobs, **made.progress(options)).dataset)
    found = opened(options.train)
    if found.expression is None:
        raise UsageError(f"{options.train} holds openness only: there is nothing to learn from")
    normalizer = normalizer_of(made, options, found)
    if options.fitted:
        _check_fitted(options, training_of(options, found, normalizer))
    return add_training_data(made, py(PairedDataset).open(options.train), normalizer)


def _check_scale(train: PairedDataset, new: PairedDataset) -> None:
    """Refuse counts where the training data are fold enrichment, and the other way round."""
    whole = [bool((data.openness[:_LOOKED_AT] % 1 == 0).all()) for data in (train, new)]
    if whole[0] != whole[1]:
        is_of = ["whole numbers, such as counts" if one else "not whole, such as fold enrichment" for one in whole]
        raise UsageError(
            f"openness of --train is {is_of[0]}, that of the new cell types is {is_of[1]}: another scale; "
            "give openness measured as that of the training data was"
        )


def _check_fitted(options: Namespace, wanted: dict[str, Any]) -> None:
    """Refuse a model that was fitted to other data, or on another scale; models saved in Python do not say."""
    saved = read_model_info(options.fitted)["metadata"] or {}
    if not wanted.keys() & saved.keys():
        return
    if saved.get("data") != wanted["data"]:
        raise UsageError(f"{options.fitted} was fitted to other data than --train {options.train}")
    for option in ("--normalizer", "--min-mean-cpm"):
        if saved.get(option) != wanted.get(option):
            raise UsageError(f"{options.fitted} was fitted with {option} {saved.get(option)}: write the same here")


def _new_data(made: Program, options: Namespace, data: Expression) -> Expression:
    """Data set of the new openness, on the peaks of the training data where it comes as peak calls."""
    genes = made.let("genes", data.genes)
    return add_paired(made, options, add_openness(made, options, peaks=data.peaks), genes, variable="new")


def _as_anndata(predicted: Expression, data: Expression) -> Expression:
    """Predictions as an AnnData object: obs are cell types, var are genes with their places."""
    adata = optional("anndata", "AnnData")
    return adata(predicted.T, var=data.genes.set_index("name").rename_axis(None))
