"""Everything that was handed in for one page, checked to belong together."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pandas as pd

from skepi._dataset import check_dataset
from skepi._doors import some
from skepi.comparison import ModelComparison
from skepi.inspection import ImportanceProfile
from skepi.paired import PairedDataset
from skepi.report._subject import SplitKind, Subject, choose_subject, kinds_of

_COLUMNS = {
    "parts": (("fold", "gene", "cell_type", "y_true", "y_pred", "train_mean"), "skepi.inspection.cross_val_parts"),
    "links": (("gene", "chrom", "start", "end", "distance_bp", "score"), "skepi.inspection.score_links"),
    "outliers": (("nearest", "score", "flagged"), "skepi.inspection.cell_type_outliers"),
}


class Findings(NamedTuple):
    """What a page shows; None for what was not handed in."""

    data: PairedDataset | None
    comparison: ModelComparison | None
    importance: ImportanceProfile | None
    parts: pd.DataFrame | None
    links: pd.DataFrame | None
    outliers: pd.DataFrame | None
    kinds: dict[str, SplitKind]
    subject: Subject | None

    @property
    def held_out(self) -> pd.DataFrame | None:
        """Held-out pairs of the subject."""
        if self.comparison is None or self.subject is None:
            return None
        return self.comparison.held_out(self.subject.split, self.subject.model)


def findings_of(
    data: Any, comparison: Any, importance: Any, parts: Any, links: Any, outliers: Any, model: Any, split: Any
) -> Findings:
    """Check what was handed in, and choose what the page is about.

    Raises
    ------
    TypeError
        For what is of another kind than the function in its place returns.
    ValueError
        For missing columns, tables without rows, names that ``data`` lacks, a model or split that was not compared, and
        a model or split without a comparison.
    """
    if data is not None:
        check_dataset(data)
    _check_kind("comparison", comparison, ModelComparison, "skepi.comparison.compare_models")
    _check_kind("importance", importance, ImportanceProfile, "skepi.inspection.importance_profile")
    for name, table in (("parts", parts), ("links", links), ("outliers", outliers)):
        _check_table(name, table)
    if data is not None:
        _check_names(data, comparison, parts, links, outliers)
    if comparison is None:
        if model is not None or split is not None:
            raise ValueError("model= and split= choose from a comparison: give comparison=, too")
        return Findings(data, None, importance, parts, links, outliers, {}, None)
    kinds = kinds_of(comparison, _lineages(data))
    subject = choose_subject(comparison, kinds, model, split)
    return Findings(data, comparison, importance, parts, links, outliers, kinds, subject)


def _check_kind(name: str, value: Any, kind: type, maker: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name}: wanted the {kind.__name__} that {maker} returns, got {type(value).__name__}")


def _check_table(name: str, table: Any) -> None:
    if table is None:
        return
    columns, maker = _COLUMNS[name]
    _check_kind(name, table, pd.DataFrame, maker)
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{name}: missing columns {missing}, got {list(table.columns)}; wanted the table of {maker}")
    if table.empty:
        raise ValueError(f"{name}: the table has no rows; leave {name}= out, and the page says that it was not run")


def _check_names(data: PairedDataset, comparison: Any, parts: Any, links: Any, outliers: Any) -> None:
    """Refuse what was computed from a data set with other genes or cell types."""
    genes, cell_types = data.genes["name"], data.cell_types["name"]
    if comparison is not None:
        _check_known("comparison", "cell type", comparison.by_cell_type.index.get_level_values("cell_type"), cell_types)
        tested = comparison.held_out(comparison.splits[0], comparison.models[0])["gene"]
        _check_known("comparison", "gene", tested, genes)
    if parts is not None:
        _check_known("parts", "gene", parts["gene"], genes)
        _check_known("parts", "cell type", parts["cell_type"], cell_types)
    if links is not None:
        _check_known("links", "gene", links["gene"], genes)
    if outliers is not None:
        _check_known("outliers", "cell type", outliers.index, cell_types)


def _check_known(name: str, what: str, found: Iterable[Any], known: Iterable[Any]) -> None:
    unknown = pd.Index(pd.unique(pd.Series(found, dtype=object))).difference(pd.Index(known, dtype=object))
    if len(unknown):
        raise ValueError(
            f"{name}: data has no {what} called {some(unknown)}; wanted both from one data set (as it was before genes "
            "were left out)"
        )


def _lineages(data: PairedDataset | None) -> pd.Series | None:
    if data is None or "lineage" not in data.cell_types:
        return None
    return data.cell_types.set_index("name")["lineage"]
