"""Rules about the data: enough cell types, one assembly, even depth, no shift between data sets, no outliers."""

from skepi.report._blocks import number, share
from skepi.report._data_section import depth_of
from skepi.report._findings import Findings
from skepi.report._rules import Verdict, careful, trust

#: Cell types below which intervals over cell types say little.
FEWEST_CELL_TYPES = 10
#: Ratio of the greatest to the smallest depth above which a data set counts as uneven.
MOST_DEPTH_RATIO = 5.0

#: By column of the cell types: what differs.
_SOURCES = {"data_set": "data sets", "batch": "batches"}


def few_cell_types(found: Findings) -> Verdict | None:
    """Careful below 10 tested (or given) cell types."""
    n = _n_cell_types(found)
    if n is None or n >= FEWEST_CELL_TYPES:
        return None
    return careful(
        f"There are only {n} cell types. One unusual cell type can change every figure, and intervals over cell types "
        "say little."
    )


def assemblies_may_differ(found: Findings) -> Verdict | None:
    """Careful where peaks are hardly more frequent at start sites than elsewhere, else trust; quiet without data."""
    if found.data is None:
        return None
    at_tss = found.data.peaks_at_start_sites
    said = f"{share(at_tss.share)} of genes have a peak at their start site, {share(at_tss.share_shifted)} by chance"
    if at_tss.seem_apart:
        return careful(
            f"Peaks and genes may be of different genome assemblies: {said}. If so, nothing on this page holds."
        )
    return trust(f"Peaks and genes fit together: {said}.") if at_tss.share > 2 * at_tss.share_shifted else None


def depth_is_uneven(found: Findings) -> Verdict | None:
    """Careful where a cell type has more than 5 times the depth of another, or none at all, in any signal."""
    if found.data is None:
        return None
    for signal, depth in depth_of(found.data).items():
        if depth.min() == 0:
            return careful(f"{depth.idxmin()} has no {signal} at all, so nothing that is predicted for it can be true.")
        ratio = float(depth.max() / depth.min())
        if ratio > MOST_DEPTH_RATIO:
            return careful(
                f"The {signal} of {depth.idxmax()} is {number(ratio)} times as deep as that of {depth.idxmin()}. "
                "Shallow cell types look unlike all others, and their predictions may be worse than average."
            )
    return None


def batches_may_differ(found: Findings) -> Verdict | None:
    """Careful where cell types come from several data sets or batches."""
    if found.data is None:
        return None
    for column, what in _SOURCES.items():
        if column in found.data.cell_types and (n := found.data.cell_types[column].nunique()) > 1:
            return careful(
                f"Cell types come from {n} {what}. A shift between them looks like biology unless the model corrects "
                "it, as BatchCorrection does."
            )
    return None


def cell_types_stand_out(found: Findings) -> Verdict | None:
    """Careful where a cell type is flagged as an outlier, else trust; quiet where outliers were not looked for."""
    if found.outliers is None:
        return None
    flagged = found.outliers.index[found.outliers["flagged"].astype(bool)]
    if flagged.empty:
        return trust("No cell type stands out from all others by its data.")
    named = ", ".join(map(str, flagged[:5])) + (f" and {len(flagged) - 5} more" if len(flagged) > 5 else "")
    return careful(
        f"Unlike all others by their data: {named}. That may be biology or a failed measurement. Check these "
        "measurements, or compare again without them."
    )


def _n_cell_types(found: Findings) -> int | None:
    """Cell types that were tested; those of the data set where nothing was."""
    if found.comparison is not None and found.subject is not None:
        return len(found.comparison.by_cell_type.loc[(found.subject.split, found.subject.model)])
    return None if found.data is None else len(found.data.cell_types)


RULES_OF_DATA = (few_cell_types, assemblies_may_differ, depth_is_uneven, batches_may_differ, cell_types_stand_out)
