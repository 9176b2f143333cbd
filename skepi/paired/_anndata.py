"""AnnData and MuData, in and out: obs are cell types, var are peaks or genes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import some
from skepi._regions import check_regions
from skepi.exceptions import MissingExpressionError, TableError
from skepi.io import format_intervals, parse_intervals
from skepi.paired._checks import first_other_interval
from skepi.pseudobulk import values_of

_PEAK_COLUMNS = ["chrom", "start", "end"]
_GENE_COLUMNS = ["chrom", "tss", "strand"]


def tables_of(
    openness: Any, genes: Any, expression: Any, openness_layer: str | None, expression_layer: str | None
) -> dict[str, Any]:
    """Arguments of ``PairedDataset`` from AnnData objects."""
    if isinstance(openness, Mapping):
        tables = {**_signals_of(openness, openness_layer), "genes": genes}
    else:
        _check_anndata(openness, "openness")
        values, peaks = _values(openness, openness_layer).T, _peaks_of(openness.var)
        tables = {"openness": values, "peaks": peaks, "cell_types": _cell_types_of(openness.obs), "genes": genes}
    if expression is None:
        return tables
    _check_anndata(expression, "expression")
    values = pd.DataFrame(
        _values(expression, expression_layer).T, list(expression.var_names), list(expression.obs_names)
    )
    return {**tables, "genes": _genes_of(expression.var) if genes is None else genes, "expression": values}


def _signals_of(openness: Mapping, layer: str | None) -> dict[str, Any]:
    """Peaks and openness of signals by name, as DataFrames, so that cell types are matched by name."""
    if not openness:
        raise TableError("openness: wanted at least one signal")
    for name, adata in openness.items():
        _check_anndata(adata, f"openness of {name}")
    cell_types = _cell_types_of(next(iter(openness.values())).obs).drop(columns="depth", errors="ignore")
    for name, adata in openness.items():
        _check_same_lineages(adata.obs, cell_types, name)
        if "depth" in adata.obs:  # each signal has its own
            cell_types[f"depth_{name}"] = adata.obs["depth"].reindex(cell_types["name"]).to_numpy()
    values = {
        name: pd.DataFrame(_values(adata, layer).T, columns=list(adata.obs_names)) for name, adata in openness.items()
    }
    peaks = {name: _peaks_of(adata.var) for name, adata in openness.items()}
    return {"openness": values, "peaks": peaks, "cell_types": cell_types}


def _check_same_lineages(obs: pd.DataFrame, cell_types: pd.DataFrame, signal: str) -> None:
    """Refuse a signal whose cell types are of other lineages than those of the first one."""
    if "lineage" not in obs or "lineage" not in cell_types:
        return
    own = obs["lineage"].astype(object).reindex(cell_types["name"]).to_numpy()
    differ = cell_types["name"][(own != cell_types["lineage"].to_numpy()) & ~pd.isna(own)]
    if len(differ):
        raise TableError(f"openness of {signal}: obs gives another lineage than the first signal: {some(differ)}")


def _cell_types_of(obs: pd.DataFrame) -> pd.DataFrame:
    known = obs[[column for column in ("lineage", "depth", "library_size") if column in obs]]
    if "lineage" in known:
        known = known.astype({"lineage": object})  # categories in files
    return known.rename_axis("name").reset_index()


def to_anndata(data: Any, what: str, signal: str | None) -> Any:
    """Openness of one signal, or expression, of a data set as an AnnData object."""
    anndata = _import("anndata")
    obs = data.cell_types.set_index("name").rename_axis(None)
    if what == "openness":
        signal = data.tables.the_signal(signal, "to_anndata")
        rows, obs = data.tables.peaks_of(signal), _with_own_depth(obs, signal, data.signals)
        peaks = data.peaks.iloc[rows].drop(columns="signal", errors="ignore")
        var = peaks.set_index(format_intervals(peaks)).rename_axis(None)
        return anndata.AnnData(data.openness[rows].T.copy(), obs=obs, var=var)
    if what != "expression":
        raise ValueError(f"what must be 'openness' or 'expression', got {what!r}")
    if data.expression is None:
        raise MissingExpressionError("this data set holds openness only: there is no expression to give")
    return anndata.AnnData(data.expression.T.copy(), obs=obs, var=data.genes.set_index("name").rename_axis(None))


def _with_own_depth(obs: pd.DataFrame, signal: str, signals: tuple[str, ...]) -> pd.DataFrame:
    """Cell types with the depth of one signal as ``depth``, and without that of others."""
    of_others = [f"depth_{other}" for other in signals if other != signal]
    obs, own = obs.drop(columns=of_others, errors="ignore"), f"depth_{signal}"
    return obs.drop(columns="depth", errors="ignore").rename(columns={own: "depth"}) if own in obs else obs


def to_mudata(data: Any) -> Any:
    """One modality per signal, ``atac`` for one without a name, and, where known, expression as ``rna``."""
    mudata = _import("mudata")
    names = {signal: "atac" if signal == UNNAMED else signal for signal in data.signals}
    modalities = {name: to_anndata(data, "openness", signal) for signal, name in names.items()}
    if data.expression is not None:
        if "rna" in modalities:
            raise TableError("a signal is called rna, which is the modality of expression: rename it")
        modalities["rna"] = to_anndata(data, "expression", None)
    with mudata.set_options(pull_on_update=False):
        return mudata.MuData(modalities)


def modality(mudata: Any, name: str) -> Any:
    """One modality of a MuData object."""
    if not hasattr(mudata, "mod"):
        raise TypeError(f"wanted a MuData object, got {type(mudata).__name__}")
    if name not in mudata.mod:
        raise TableError(f"no modality {name!r}; there are {', '.join(mudata.mod)}")
    return mudata.mod[name]


def write_layer(table: pd.DataFrame, adata: Any, layer: str) -> None:
    """Put values, genes x cell types, into a layer of an AnnData object; NaN where there is no value."""
    _check_anndata(adata, "adata")
    absent = [str(name) for name in table.index if name not in adata.var_names]
    absent += [str(name) for name in table.columns if name not in adata.obs_names]
    if absent:
        raise TableError(f"adata lacks {len(absent)} gene(s) or cell type(s): {', '.join(absent[:5])}")
    values = table.reindex(index=adata.var_names, columns=adata.obs_names)
    adata.layers[layer] = values.to_numpy().T.copy()


def _peaks_of(var: pd.DataFrame) -> pd.DataFrame:
    """Columns ``chrom, start, end`` if there, else the names read as ``chrom:start-end``; both must not differ."""
    if not set(_PEAK_COLUMNS) <= set(var.columns):
        return parse_intervals(var.index)
    peaks = var.reset_index(drop=True)
    row = first_other_interval(var.index, check_regions(peaks))
    if row is not None:
        place = "{chrom}:{start}-{end}".format(**peaks.iloc[row])
        raise TableError(
            f"openness.var: names and columns chrom, start, end tell different places: {var.index[row]!r} lies at "
            f"{place} (row {row}); set the names right, or drop the columns where the names are right"
        )
    return peaks


def _genes_of(var: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in _GENE_COLUMNS if column not in var]
    if missing:
        raise TableError(f"expression.var lacks {missing}: give the table of genes, or add chrom, tss and strand")
    return var.drop(columns="name", errors="ignore").rename_axis("name").reset_index()


def _values(adata: Any, layer: str | None) -> NDArray:
    values = values_of(adata, layer)
    return values.toarray() if sp.issparse(values) else np.asarray(values)


def _check_anndata(adata: Any, what: str) -> None:
    if not all(hasattr(adata, part) for part in ("obs", "var", "layers", "obs_names")):
        raise TypeError(f"{what}: wanted an AnnData object, got {type(adata).__name__}")
    for axis in ("obs_names", "var_names"):
        names = getattr(adata, axis)
        if not names.is_unique:
            raise TableError(f"{what}: {axis}: the same name twice: {names[names.duplicated()][0]}")


def _import(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(f"{name} is not installed: pip install {name}") from error
