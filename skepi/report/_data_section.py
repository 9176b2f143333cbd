"""Checks of the data set: what is in it, whether it fits together, and how even it is."""

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import pandas as pd

from skepi._scales import look_like_counts
from skepi.inspection import value_summary
from skepi.paired import MITOCHONDRIAL, PairedDataset
from skepi.plotting import DistributionDisplay
from skepi.report._blocks import (
    Columns,
    Figure,
    Section,
    Table,
    Text,
    count,
    facts,
    not_run,
    number,
    share,
    significant,
    table_of,
)
from skepi.report._figures import figure_of

_NAME, _TITLE = "data", "Data"


def data_section(data: PairedDataset | None, left_out: Sequence[str] | None) -> Section:
    """Return tables of checks and of cell types, and the distributions of openness and expression."""
    if data is None:
        return not_run(_NAME, _TITLE, "write_report(path, data=data, ...)", "No data set was handed in.")
    rows = [*_size(data), *_lineages(data), _start_sites(data), *_depths(data), _scale(data)]
    blocks = [facts("Checks of the data set", ("check", "found", "how to read it"), rows), *_left_out(left_out)]
    blocks.append(_cell_types(data))
    return Section(_NAME, _TITLE, [*blocks, *_distributions(data)])


def _distributions(data: PairedDataset) -> list[Figure]:
    """Draw each signal, and expression where it is logarithms."""
    counts = data.expression is None or look_like_counts(data.expression)
    kinds = [*data.signals, *([] if counts else ["expression"])]
    counted = cache(partial(DistributionDisplay.from_dataset, data, kind=kinds[0]))  # all values are counted once
    return [
        figure_of(
            lambda kind=kind: counted().plot(kind=kind),  # type: ignore[misc]
            f"Histogram of {kind}, with the share of exact zeros.",
            f"Distribution of {kind} in all cell types.",
        )
        for kind in kinds
    ]


def depth_of(data: PairedDataset) -> pd.DataFrame:
    """Mean openness of each cell type (rows) in each signal (columns), without mitochondrial peaks."""
    counted = ~data.peaks["chrom"].isin(MITOCHONDRIAL).to_numpy()
    depths = {}
    for code, name in enumerate(data.signals):
        rows = counted & (data.tables.signal_codes == code)
        total = data.openness.sum(axis=0, dtype=np.float64, where=rows[:, np.newaxis])
        depths[name] = total / max(1, np.count_nonzero(rows))
    return pd.DataFrame(depths, index=pd.Index(data.cell_types["name"], name="cell_type"))


def _size(data: PairedDataset) -> list[tuple[str, str, str]]:
    n_peaks = {name: len(data.tables.peaks_of(name)) for name in data.signals}
    peaks = count(len(data.peaks))
    if len(n_peaks) > 1:
        peaks += " (" + ", ".join(f"{name} {count(n)}" for name, n in n_peaks.items()) + ")"
    return [
        ("peaks", peaks, "regions in which openness was measured"),
        ("genes", count(len(data.genes)), "one start site for each"),
        ("cell types", count(len(data.cell_types)), "the more there are, the more can be learned and tested"),
    ]


def _lineages(data: PairedDataset) -> list[tuple[str, str, str]]:
    if "lineage" not in data.cell_types:
        return [("lineages", "not given", "without them, whole lineages cannot be held out")]
    sizes = data.cell_types["lineage"].astype(object).value_counts(sort=False)
    named = ", ".join(f"{name} ({n})" for name, n in sizes.head(12).items())
    more = f" and {len(sizes) - 12} more" if len(sizes) > 12 else ""
    return [("lineages", f"{len(sizes)}: {named}{more}", "with the number of cell types of each")]


def _start_sites(data: PairedDataset) -> tuple[str, str, str]:
    found = data.peaks_at_start_sites
    said = f"{share(found.share)} of genes; {share(found.share_shifted)} by chance"
    return (
        "peak within 1 kb of the TSS",
        said,
        "chance: places 50 kb away. With one genome assembly the first is several times the second",
    )


def _depths(data: PairedDataset) -> list[tuple[str, str, str]]:
    rows = []
    for name, depth in depth_of(data).items():
        what = "depth" if len(data.signals) == 1 else f"depth of {name}"
        said = f"{significant(depth.min())} ({depth.idxmin()}) to {significant(depth.max())} ({depth.idxmax()})"
        rows.append((what, said, "mean openness of all peaks but mitochondrial ones, smallest and greatest cell type"))
    return rows


def _scale(data: PairedDataset) -> tuple[str, str, str]:
    if data.expression is None:
        return ("expression", "not known", "openness only")
    values = value_summary(data.expression)
    quartiles = [number(values[name]) for name in ("lower_quartile", "median", "upper_quartile")]
    said = (
        f"quartiles {' / '.join(quartiles)}, greatest {significant(values['max'])}, {share(values['zero_share'])} zeros"
    )
    counts = look_like_counts(data.expression)
    return (
        "expression",
        said,
        "looks like read counts, which have to be normalised for a comparison; see the settings"
        if counts
        else "not read counts; taken as logarithms",
    )


def _left_out(left_out: Sequence[str] | None) -> list[Text]:
    if left_out is None:
        return [Text("What was left out when the data set was made is not known here.")]
    return [Text(f"Left out: {said}") for said in left_out] or [
        Text("Nothing was left out when the data set was made.")
    ]


def _cell_types(data: PairedDataset) -> Table:
    depth, several = depth_of(data), len(data.signals) > 1
    names = {f"_depth_{k}": name for k, name in enumerate(data.signals)}
    relative = {column: (depth[name] / depth[name].median()).to_numpy() for column, name in names.items()}
    columns: Columns = {
        "name": ("cell type", str),
        "data_set": ("data set", str),
        "lineage": ("lineage", str),
        **{
            column: (f"depth / median, {name}" if several else "depth / median", number)
            for column, name in names.items()
        },
    }
    return table_of(data.cell_types.assign(**relative), "Cell types", columns)
