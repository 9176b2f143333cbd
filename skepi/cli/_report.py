"""``skepi report``: one page about a data set and what models make of it."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from skepi.cli._compare import add_comparison, splits_of
from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, name, output, py
from skepi.cli._models import WITH_PARTS, method_of, normalizer_of, opened
from skepi.cli._options import RULES
from skepi.cli._program import Program
from skepi.inspection import cell_type_outliers, cross_val_parts, importance_profile, score_links
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut
from skepi.paired import PairedDataset
from skepi.report import write_report

#: Importance is refitted many times, so that it is measured on about so many genes.
_GENES = 2_000
#: Links nearer than this are of promoters.
_LINK_FROM = 20_000
_FEW_CELL_TYPES = 30
#: Limits at level 0.95 need so many.
_LEAST_PERMUTATIONS = 19


def program(options: Namespace) -> Program:
    """Compare models, look into one of them, and write the page."""
    _check(options)
    made = Program()
    found = opened(options.data)
    if options.model not in options.models:
        options.models = [*options.models, options.model]
    sections: dict[str, Any] = {"data": name("data"), "comparison": add_comparison(made, options)}
    normalizer = normalizer_of(Program(), options, found)  # what it decides was said for the comparison
    log_data = sections["data"]
    if normalizer is not None:
        log_data = made.let("log_data", log_data.transform_expression(normalizer))
    sections["outliers"] = made.let("outliers", py(cell_type_outliers)(log_data))
    made.let("model", name("models")[options.model])
    if options.model in WITH_PARTS:
        sections["parts"] = _add_parts(made, options, found, log_data)
    if options.model not in RULES and options.n_permutations:
        sections["importance"] = _add_importance(made, options, found, log_data)
    sections["links"] = made.let("links", py(score_links)(log_data, min_distance=_LINK_FROM, **made.progress(options)))
    settings = _settings(options, found, method_of(normalizer))
    title = options.title or Path(options.data).resolve().name
    made.do(py(write_report)(output(options.output), **sections, model=options.model, settings=settings, title=title))
    return made


def _check(options: Namespace) -> None:
    """Refuse before the comparison what would fail behind it."""
    if options.output is None:
        raise UsageError("--output is missing: the page to write")
    if Path(options.output).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{options.output}: wanted a name that ends in .html")
    if 0 != options.n_permutations < _LEAST_PERMUTATIONS:
        raise UsageError(
            f"--n-permutations: wanted {_LEAST_PERMUTATIONS} or more, or 0 for none, got {options.n_permutations}"
        )


def _add_parts(made: Program, options: Namespace, found: PairedDataset, data: Expression) -> Expression:
    X, y = made.let_both("X", "y", data.pairs(return_X_y=True))
    few = len(found.cell_types) <= _FEW_CELL_TYPES
    cv = py(LeaveOneCellTypeOut)() if few else py(CellTypeKFold)(5)
    settings = {"control": True, "random_state": options.random_state, "n_jobs": options.n_jobs}
    return made.let(
        "parts",
        py(cross_val_parts)(name("model"), X, y, cv, **settings, **made.progress(options)),
    )


def _add_importance(made: Program, options: Namespace, found: PairedDataset, data: Expression) -> Expression:
    step = max(1, len(found.genes) // _GENES)
    if step > 1:
        made.note(f"importance is measured on every {step}th gene")
    genes = {"genes": data.genes["name"][::step]} if step > 1 else {}
    X, y = made.let_both("X_some", "y_some", data.pairs(**genes, return_X_y=True))
    return made.let(
        "importance",
        py(importance_profile)(
            name("model"),
            X,
            y,
            py(CellTypeKFold)(min(4, len(found.cell_types))),
            method="permutation",
            n_repeats=1,
            n_permutations=options.n_permutations,
            random_state=options.random_state,
            n_jobs=options.n_jobs,
            **made.progress(options),
        ),
    )


def _settings(options: Namespace, found: PairedDataset, normalizer: str) -> dict[str, Any]:
    """What the page lists: the arguments, and what was decided by looking at the data."""
    values = {
        "data": options.data,
        "models": options.models,
        "splits": splits_of(options, found),
        "controls": options.controls or "none",
        "normalizer": normalizer,
        **({} if normalizer == "none" else {"min_mean_cpm": options.min_mean_cpm}),
        "model": options.model,
        "n_permutations": options.n_permutations,
        "random_state": options.random_state,
    }
    return {key: ", ".join(value) if isinstance(value, list) else value for key, value in values.items()}
