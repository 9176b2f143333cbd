"""``skepi compare``: models under splits that hold out what they have not seen."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, py
from skepi.cli._models import model_of, normalizer_of, opened
from skepi.cli._program import Program
from skepi.cli._tables import add_table
from skepi.comparison import compare_models
from skepi.paired import PairedDataset


def program(options: Namespace) -> Program:
    """Compare, print the table of skill, and write the tables that are wanted."""
    made = Program()
    comparison = add_comparison(made, options)
    made.print(comparison)
    if options.output is not None:
        add_table(made, comparison.scores.reset_index(), options.output, index=False)
    if options.by_cell_type is not None:
        add_table(made, comparison.by_cell_type.reset_index(), options.by_cell_type, index=False)
    return made


def add_comparison(made: Program, options: Namespace) -> Expression:
    """Add the statements that open the data set, as ``data``, and compare models on it."""
    found = opened(options.data)
    data = made.let("data", py(PairedDataset).open(options.data))
    models = made.let("models", {name: model_of(name, options.random_state) for name in options.models})
    settings: dict[str, Any] = {}
    normalizer = normalizer_of(made, options, found)
    if normalizer is not None:
        settings["normalizer"] = normalizer
    if options.controls:
        settings["controls"] = tuple(options.controls)
    if options.folder is not None:
        if Path(options.folder).is_file():
            raise UsageError(f"--folder {options.folder} is a file; wanted a folder, which is made where there is none")
        settings["folder"] = options.folder
    splits = splits_of(options, found)
    return made.let(
        "comparison",
        py(compare_models)(
            models,
            data,
            splits,
            **settings,
            n_bootstrap=options.n_bootstrap,
            n_jobs=options.n_jobs,
            random_state=options.random_state,
            **made.progress(options),
        ),
    )


def splits_of(options: Namespace, data: PairedDataset) -> list[str]:
    """The splits that are asked for; by default cell types and, where there are two at least, lineages."""
    has_lineages = "lineage" in data.cell_types and data.cell_types["lineage"].nunique() > 1
    return options.splits or ["cell types"] + ["lineages"] * has_lineages
