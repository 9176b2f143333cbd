"""write_report: what was computed, on one page that can be sent to a colleague."""

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skepi._files import replace_file
from skepi.comparison import ModelComparison
from skepi.inspection import ImportanceProfile
from skepi.paired import PairedDataset
from skepi.report._about_section import about_section
from skepi.report._blocks import Section, Text, not_run
from skepi.report._caveats import Caveat, caveats_of
from skepi.report._comparison_section import comparison_section, controls_section
from skepi.report._data_section import data_section
from skepi.report._error_section import error_section
from skepi.report._findings import Findings, findings_of
from skepi.report._headline import headline
from skepi.report._importance_section import importance_section
from skepi.report._links_section import links_section
from skepi.report._outlier_section import outlier_section
from skepi.report._page import check_extra, rendered
from skepi.report._parts_section import parts_section


def write_report(
    path: str | os.PathLike,
    *,
    data: PairedDataset | None = None,
    comparison: ModelComparison | None = None,
    importance: ImportanceProfile | None = None,
    parts: pd.DataFrame | None = None,
    links: pd.DataFrame | None = None,
    outliers: pd.DataFrame | None = None,
    left_out: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    model: str | None = None,
    split: str | None = None,
    title: str = "Gene expression from open chromatin",
    date: datetime.date | None = None,
) -> Path:
    """Write one HTML page with data, scores, controls, errors, importance, links, and what to trust.

    The page is one file without scripts. It needs no network, so it can be sent by mail and opened from disk. Whatever
    was not handed in is listed as not run, with the call that makes it.

    Parameters
    ----------
    path : path
        File to write, in place of any before: whole or not at all.
    data : PairedDataset, optional
        The data set that the rest was computed from.
    comparison : ModelComparison, optional
        From :func:`skepi.comparison.compare_models`, best with ``controls=("cell types",)``.
    importance : ImportanceProfile, optional
        From :func:`skepi.inspection.importance_profile`.
    parts : DataFrame, optional
        From :func:`skepi.inspection.cross_val_parts`, best with ``control=True``.
    links : DataFrame, optional
        From :func:`skepi.inspection.score_links`, ``correlate_links`` or ``peak_gene_links``.
    outliers : DataFrame, optional
        From :func:`skepi.inspection.cell_type_outliers`.
    left_out : sequence of str, optional
        Sentences on what was left out when the data set was made, such as messages of ``LeftOutWarning``.
    settings : mapping, optional
        Settings to list, by name; mappings inside are listed under joined names.
    model, split : str, optional
        What the page is about. By default the first split with new cell types (else the first with skill), and the
        model with the greatest skill under it. Name the model where importance or parts are handed in: their tables
        do not say which one they are of.
    title : str, default="Gene expression from open chromatin"
    date : date, optional
        By default today. With a fixed date, the same input gives the same file.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib, which the extra ``report`` brings.
    FileNotFoundError
        Where the folder does not exist.
    TypeError, ValueError
        For what is of another kind than the function in its place returns, tables without rows or columns that are
        needed, genes or cell types that ``data`` lacks, and a model or split that was not compared.

    See Also
    --------
    caveats : the section on trust alone, as a list.

    Examples
    --------
    >>> import tempfile
    >>> from skepi.baselines import PromoterSum, TrainingMean
    >>> from skepi.comparison import compare_models
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=40, n_cell_types=6, n_lineages=2)
    >>> rules = {"training mean": TrainingMean(), "promoter": PromoterSum()}
    >>> comparison = compare_models(rules, data, ["cell types"], n_bootstrap=20)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(f"{folder}/report.html", data=data, comparison=comparison)
    ...     path.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    path = checked_path(path)
    check_extra()
    _check_texts(title, left_out, settings, date)
    found = findings_of(data, comparison, importance, parts, links, outliers, model, split)
    said = caveats_of(found)
    sections = [*_sections(found, left_out), _trust_section(said), about_section(settings)]
    n_careful = sum(caveat.level == "careful" for caveat in said)
    page = rendered(title, headline(found), sections, date or datetime.date.today(), n_careful)
    replace_file(path, page.encode())
    return path


def caveats(
    *,
    data: PairedDataset | None = None,
    comparison: ModelComparison | None = None,
    importance: ImportanceProfile | None = None,
    parts: pd.DataFrame | None = None,
    links: pd.DataFrame | None = None,
    outliers: pd.DataFrame | None = None,
    model: str | None = None,
    split: str | None = None,
) -> list[Caveat]:
    """Say what to trust and what not, by stated rules about the figures.

    Parameters
    ----------
    data, comparison, importance, parts, links, outliers, model, split
        As in :func:`write_report`. A rule is silent where what it looks at was not handed in.

    Returns
    -------
    list of Caveat
        Warnings first.

    Raises
    ------
    TypeError, ValueError
        As in :func:`write_report`.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=40, n_cell_types=6, n_lineages=2)
    >>> [(caveat.rule, caveat.level) for caveat in caveats(data=data)]
    [('few_cell_types', 'careful'), ('depth_is_uneven', 'careful'), ('assemblies_may_differ', 'trust')]
    """
    return caveats_of(findings_of(data, comparison, importance, parts, links, outliers, model, split))


def checked_path(path: Any) -> Path:
    """Return the path of a file that can be written.

    Raises
    ------
    TypeError
        For anything but a path.
    FileNotFoundError
        Where the folder does not exist.
    IsADirectoryError
        For a folder.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: wanted the path of a file, such as 'report.html', got {type(path).__name__}")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: make it first, or write {path.name} elsewhere")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it, such as {path / 'report.html'}")
    return path


def _check_texts(title: Any, left_out: Any, settings: Any, date: Any) -> None:
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title must be text, got {title!r}")
    if isinstance(left_out, str) or (left_out is not None and not all(isinstance(said, str) for said in left_out)):
        raise TypeError(f"left_out: wanted a list of sentences, got {left_out!r}")
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"settings: wanted a mapping of names to values, got {type(settings).__name__}")
    if date is not None and not isinstance(date, datetime.date):
        raise TypeError(f"date: wanted a datetime.date, got {type(date).__name__}")


def _sections(found: Findings, left_out: Sequence[str] | None) -> list[Section]:
    """Sections of results, in the order of the page."""
    return [
        data_section(found.data, left_out),
        comparison_section(found),
        controls_section(found),
        error_section(found),
        outlier_section(found),
        importance_section(found.importance),
        parts_section(found.parts),
        links_section(found.links),
    ]


def _trust_section(said: list[Caveat]) -> Section:
    name, title = "trust", "What to trust and what not"
    if not said:
        return not_run(name, title, "write_report(path, data=data, comparison=comparison, ...)", "Nothing to judge.")
    return Section(name, title, [Text("Each sentence comes from a fixed rule about the figures above."), *said])
