"""What a section of the page is made of: texts, tables, figures and code."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

#: What stands where there is no value.
NOTHING = "\N{EN DASH}"

_MINUS = "\N{MINUS SIGN}"

#: By column of a table: its heading, and what writes a cell.
Columns = Mapping[str, tuple[str, Callable[[Any], str]]]


class Text(NamedTuple):
    """One paragraph."""

    text: str

    @property
    def kind(self) -> str:
        """What the template makes of it."""
        return "text"


class Code(NamedTuple):
    """A call that the reader can make."""

    text: str

    @property
    def kind(self) -> str:
        """What the template makes of it."""
        return "code"


class Figure(NamedTuple):
    """An image as an address that holds the whole file.

    Attributes
    ----------
    source : str
        ``data:image/...``.
    alt, caption : str
    width : int
        Natural width in CSS pixels.
    """

    source: str
    alt: str
    caption: str
    width: int

    @property
    def kind(self) -> str:
        """What the template makes of it."""
        return "figure"


class Table(NamedTuple):
    """Cells as text; the first column names the rows.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : list of tuple of str
    n_more : int
        Rows that were cut off.
    styles : tuple of {"text", "number", "place", "fact"}
        By column: numbers stand to the right, places stay on one line, facts stand below each other on a phone.
    """

    caption: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    n_more: int
    styles: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What the template makes of it."""
        return "table"


class Section(NamedTuple):
    """A part of the page with a heading; ``was_run`` is whether what it shows was handed in."""

    name: str
    title: str
    blocks: list[Any]
    was_run: bool = True


def not_run(name: str, title: str, call: str, what: str = "Not run.") -> Section:
    """Return a section that says what is missing, and the one call that makes it."""
    return Section(name, title, [Text(f"{what} This call makes it:"), Code(call)], was_run=False)


def table_of(frame: pd.DataFrame, caption: str, columns: Columns, most: int = 30) -> Table:
    """Return the first rows of a table as text.

    Parameters
    ----------
    frame : DataFrame
    caption : str
    columns : Columns
        By column of ``frame``: its heading, and what writes a cell. Columns that the frame lacks are left out.
    most : int, default=30
        Rows that are shown.

    Examples
    --------
    >>> frame = pd.DataFrame({"cell_type": ["HSC", "Ery"], "skill": [0.5, float("nan")]})
    >>> table_of(frame, "Skill", {"cell_type": ("cell type", str), "skill": ("skill", number)}, most=1)[2:4]
    ([('HSC', '0.50')], 1)
    """
    shown = {name: about for name, about in columns.items() if name in frame}
    head = frame.head(most)
    cells = [[write(value) for value in head[name]] for name, (_, write) in shown.items()]
    styles = tuple(_STYLES.get(write, "number") for _, write in shown.values())
    headings = tuple(heading for heading, _ in shown.values())
    return Table(caption, headings, list(zip(*cells, strict=True)), len(frame) - len(head), styles)


def facts(caption: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    """Return a table of texts."""
    return Table(caption, columns, list(rows), 0, ("fact",) * len(columns))


def number(value: float) -> str:
    """Write two decimals, or a dash for what is not known.

    Examples
    --------
    >>> number(0.534), number(-0.001), number(1234.5)
    ('0.53', '0.00', '1,234')
    """
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:,.2f}" if abs(value) < 99.995 else f"{value:,.0f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", _MINUS)


def significant(value: float) -> str:
    """Write three significant digits, for values of any size.

    Examples
    --------
    >>> significant(0.00123), significant(12_345.0)
    ('0.00123', '12,300')
    """
    if not math.isfinite(value):
        return NOTHING
    rounded = float(f"{value:.3g}")
    return (f"{rounded:,.0f}" if abs(rounded) >= 1_000 else f"{rounded:g}").replace("-", _MINUS)


def count(value: float) -> str:
    """Write a whole number.

    Examples
    --------
    >>> count(12_345)
    '12,345'
    """
    return f"{int(value):,}".replace("-", _MINUS)


def share(value: float) -> str:
    """Write a fraction in percent.

    Examples
    --------
    >>> share(0.534), share(0.004)
    ('53 %', '0.4 %')
    """
    if not math.isfinite(value):
        return NOTHING
    shown = 100 * value
    text = f"{shown:.0f}" if abs(shown) >= 0.95 or abs(shown) < 0.05 else f"{shown:.1f}"
    return text.lstrip("-" if float(text) == 0 else "").replace("-", _MINUS) + " %"


def interval(low: float, high: float) -> str:
    """Write two limits.

    Examples
    --------
    >>> interval(0.41, 0.6)
    '0.41 to 0.60'
    """
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else NOTHING


def yes_no(value: Any) -> str:
    """Write a flag as a word."""
    return "yes" if value else "no"


def place(text: str) -> str:
    """Write a place in the genome, which stays on one line."""
    return text


def as_is(text: str) -> str:
    """Write numbers that are text already."""
    return text


def in_one_unit(values: Any) -> Callable[[float], str]:
    """Return what writes numbers of one column, with as many decimals as give the greatest three digits.

    Examples
    --------
    >>> write = in_one_unit([0.0294, 0.001])
    >>> write(0.0294), write(0.001)
    ('0.0294', '0.0010')
    >>> in_one_unit([59.2])(4.0)
    '4.0'
    """
    finite = [abs(float(value)) for value in values if math.isfinite(value)]
    greatest = max(finite, default=0.0)
    decimals = max(0, 2 - math.floor(math.log10(greatest))) if greatest > 0 else 2
    return lambda value: f"{value:,.{decimals}f}".replace("-", _MINUS) if math.isfinite(value) else NOTHING


def quoted(name: Any) -> str:
    """Write a name that a user gave, so that it does not read as part of the sentence."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}"


_STYLES: dict[Any, str] = {str: "text", yes_no: "text", place: "place"}
