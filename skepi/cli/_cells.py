"""Single cells, and what AnnData and MuData hold: the statements that read them and sum cells to cell types."""

import gzip
import importlib
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from skepi.cli._endings import ending_of
from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, py
from skepi.cli._program import Program
from skepi.io import read_10x_h5, read_10x_mtx
from skepi.pseudobulk import pseudobulk

read_table = py(pd.read_csv, "pandas")


class Cells(NamedTuple):
    """Single cells or cell types in a file that holds more than a table."""

    expression: Expression
    is_adata: bool


def cells_of(
    program: Program, options: Namespace, path: str, variable: str, feature_type: str, mudata: Expression | None
) -> Cells | None:
    """Cells of Cell Ranger's files, or an AnnData object; None for tables."""
    if mudata is not None:
        modality = options.modalities[0 if variable == "atac" else 1]
        return Cells(program.let(variable, mudata[modality]), True)
    ending = ending_of(path)
    if Path(path).is_dir():
        return Cells(program.let(variable, py(read_10x_mtx)(path, feature_type=feature_type)), False)
    if ending == ".h5":
        return Cells(program.let(variable, py(read_10x_h5)(check_file(path), feature_type=feature_type)), False)
    if ending == ".h5ad":
        if options.label_column is not None and options.cell_labels is None:
            check_group(path, "obs", [options.label_column], "--label-column")
        return Cells(program.let(variable, optional("anndata", "read_h5ad")(check_file(path))), True)
    return None


def rna_of(program: Program, options: Namespace, mudata: Expression | None) -> Cells | None:
    if mudata is None and options.expression is None:
        return None
    if mudata is not None and options.expression is not None:
        raise UsageError("--expression is taken from the .h5mu of --openness: leave it out, or give the .h5ad of ATAC")
    return cells_of(program, options, options.expression, "rna", "Gene Expression", mudata)


def labelled(options: Namespace, cells: Cells) -> bool:
    """Whether rows are cells that are to be summed; Cell Ranger's always are."""
    if cells.is_adata:
        return options.cell_labels is not None or options.label_column is not None
    if options.cell_labels is None:
        raise UsageError("--cell-labels is missing: a table of the cell type of each cell of Cell Ranger's file")
    return True


def pseudobulk_of(options: Namespace, cells: Cells) -> Expression:
    if options.cell_labels is not None:
        column = options.label_column or "cell_type"
        check_columns(options.cell_labels, [column], "--label-column COLUMN says which one has the cell types")
        labels = read_table(options.cell_labels, sep="\t", index_col=0)[column]
    else:
        labels = cells.expression.obs[options.label_column]
    settings = {} if options.unlabelled == "error" else {"unlabelled": options.unlabelled}
    if not cells.is_adata and getattr(options, "feature", "name") != "name":
        settings["feature"] = options.feature
    return py(pseudobulk)(cells.expression, labels, **settings)


def mudata_of(program: Program, options: Namespace) -> Expression | None:
    if options.openness is None or ending_of(options.openness) != ".h5mu":
        return None
    read = optional("mudata", "read_h5mu")
    check_group(options.openness, "mod", options.modalities, "--modalities")
    return program.let("mudata", read(options.openness))


def check_group(path: str, group: str, wanted: list[str], option: str) -> None:
    """Refuse a file of AnnData or MuData that lacks what an option names in one of its groups."""
    import h5py  # which both packages need

    try:
        with h5py.File(check_file(path)) as file:
            found = sorted(set(file[group]) - {"__categories", "_index"})
    except (OSError, KeyError) as error:
        raise UsageError(f"{path}: wanted a file of AnnData or MuData, got something else ({error})") from error
    for name in wanted:
        if name not in found:
            raise UsageError(f"{path}: {option} {name} is not there; there are {', '.join(found)}")


def optional(module: str, function: str) -> Expression:
    """A function of a package that only some files need."""
    try:
        return py(getattr(importlib.import_module(module), function), module)
    except ImportError as error:
        raise ImportError(f'{module} is not installed, which this file needs: pip install "skepi[data]"') from error


def check_columns(path: str, wanted: list[str], advice: str) -> None:
    """Refuse a tab-separated table without the columns that are wanted."""
    found = header_of(check_file(path))
    for column in wanted:
        if column not in found:
            raise UsageError(f"{path}: wanted a tab-separated table with a column {column}, got {found}; {advice}")


def header_of(path: str) -> list[str]:
    """Names of the columns of a tab-separated table, by its first line that is no comment."""
    with open(path, "rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    text: Any = {"mode": "rt", "encoding": "utf-8-sig", "errors": "replace"}  # the readers say what is no text
    with gzip.open(path, **text) if packed else open(path, **text) as file:
        line = next((line for line in file if not line.startswith("#")), "")
    return [name.strip('"') for name in line.rstrip("\r\n").split("\t")]


def check_file(path: str) -> str:
    """Refuse what is not there before anything is read."""
    if not Path(path).is_file():
        raise UsageError(
            f"{path}: there is no such file" if not Path(path).exists() else f"{path} is a folder; wanted a file"
        )
    return path
