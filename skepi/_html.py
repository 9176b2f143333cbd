"""Cards that notebooks show: a title, facts and small tables as HTML, with nothing from elsewhere.

Colours are those of the page around a card, so it reads on light and on dark ground.
"""

from collections.abc import Iterable, Sequence
from html import escape
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_STYLE = """<style>
.skepi-card{max-width:60em;overflow-x:auto;font-size:.9em;line-height:1.45;padding:.6em .8em;border-radius:6px;
border:1px solid rgba(128,128,128,.45)}
.skepi-card .skepi-title{font-weight:600;margin-bottom:.35em}
.skepi-card .skepi-title span{font-weight:400}
.skepi-card .skepi-caption{margin:.7em 0 .2em;opacity:.75}
.skepi-card table{border-collapse:collapse;border:0;margin:0;table-layout:auto;font-size:inherit;background:transparent;
color:inherit}
.skepi-card tr,.skepi-card th,.skepi-card td{background:transparent!important;color:inherit;border:0;padding:.12em .9em
.12em 0;text-align:left!important;vertical-align:top;line-height:inherit;max-width:44em;overflow-wrap:anywhere}
.skepi-card .skepi-facts th{font-weight:400;opacity:.75;white-space:nowrap}
.skepi-card .skepi-rows th{font-weight:600;border-bottom:1px solid rgba(128,128,128,.45);white-space:nowrap}
.skepi-card .skepi-rows td{white-space:nowrap}
.skepi-card .skepi-number{text-align:right!important;font-variant-numeric:tabular-nums}
.skepi-card .skepi-doubtful{font-weight:600}
</style>"""
_MOST_LETTERS = 200


class Fact(NamedTuple):
    """One line of a card.

    Attributes
    ----------
    label, text : str
    is_doubtful : bool
        Whether a reader should look at it.
    """

    label: str
    text: str
    is_doubtful: bool = False


class Rows(NamedTuple):
    """A small table with a caption.

    Attributes
    ----------
    caption : str
    table : DataFrame
        Its index is not shown.
    decimals : int or None
        Decimals of numbers that are not whole; None for three digits.
    """

    caption: str
    table: pd.DataFrame
    decimals: int | None = None


def card(name: str, about: str, facts: Iterable[Fact], tables: Sequence[Rows] = ()) -> str:
    """Return a card as HTML; all text is escaped.

    Parameters
    ----------
    name : str
        What it is, such as the name of a class.
    about : str
        How large it is, on the line of the name.
    facts : iterable of Fact
    tables : sequence of Rows

    Examples
    --------
    >>> page = card("Pairs", "2 <rows>", [Fact("genes", "a & b")])
    >>> page[page.index("<div") :]  # behind the style
    '<div class="skepi-card"><div class="skepi-title">Pairs <span>2 &lt;rows&gt;</span></div>\
<table class="skepi-facts"><tr><th>genes</th><td>a &amp; b</td></tr></table></div>'
    """
    lines = "".join(_line(fact) for fact in facts)
    rows = "".join(_table(one) for one in tables)
    title = f'<div class="skepi-title">{_text(name)} <span>{_text(about)}</span></div>'
    return f'{_STYLE}<div class="skepi-card">{title}<table class="skepi-facts">{lines}</table>{rows}</div>'


def count(n: int, what: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "gene"), count(17_794, "gene")
    ('1 gene', '17,794 genes')
    """
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def short(value: float) -> str:
    """Return a number with three digits.

    Examples
    --------
    >>> short(0.12345), short(184_665.0), short(0.0), short(2.5e-9)
    ('0.123', '185,000', '0', '2.5e-09')
    """
    if not np.isfinite(value) or value == 0 or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    return f"{float(f'{value:.3g}'):,.10g}"


def _line(fact: Fact) -> str:
    text = f'<span class="skepi-doubtful">&#9888; {_text(fact.text)}</span>' if fact.is_doubtful else _text(fact.text)
    return f"<tr><th>{_text(fact.label)}</th><td>{text}</td></tr>"


def _table(rows: Rows) -> str:
    numeric = [pd.api.types.is_numeric_dtype(dtype) for dtype in rows.table.dtypes]
    lines = [("th", rows.table.columns), *(("td", row) for row in rows.table.itertuples(index=False, name=None))]
    body = "".join(f"<tr>{_cells(tag, row, numeric, rows.decimals)}</tr>" for tag, row in lines)
    caption = f'<div class="skepi-caption">{_text(rows.caption)}</div>'
    return f'{caption}<table class="skepi-rows">{body}</table>'


def _cells(tag: str, row: Iterable[Any], numeric: Sequence[bool], decimals: int | None) -> str:
    """Cells of a line; columns of numbers stand at the right."""
    styles = [' class="skepi-number"' if right else "" for right in numeric]
    cells = zip(row, styles, strict=True)
    return "".join(f"<{tag}{style}>{_text(_shown(value, decimals))}</{tag}>" for value, style in cells)


def _shown(value: Any, decimals: int | None) -> str:
    """A value of a table: whole numbers as they are, others rounded, nothing for what is missing."""
    if isinstance(value, bool | np.bool_ | str):
        return str(value)
    if pd.isna(value):
        return ""
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if not isinstance(value, Real):
        return str(value)
    return short(float(value)) if decimals is None else f"{float(value):.{decimals}f}"


def _text(text: str) -> str:
    """Escaped, and cut where it is very long."""
    return escape(text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}...")
