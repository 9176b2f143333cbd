"""From sections to one HTML file, by a template; all text is escaped."""

import datetime
import re
from typing import Any

from skepi.report._blocks import Section

_EXTRA = 'pip install "skepi[report]"'


def check_extra() -> None:
    """Refuse before anything is drawn, where a package of the extra is missing."""
    for package, name in (("jinja2", "jinja2"), ("matplotlib", "matplotlib")):
        try:
            __import__(package)
        except ImportError as error:
            raise ImportError(f"a report needs {name}, which comes with the extra report: {_EXTRA}") from error


def rendered(title: str, headline: list[str], sections: list[Section], date: datetime.date, n_careful: int) -> str:
    """Return the whole page as text."""
    environment = _environment()
    page = environment.get_template("page.html.jinja")
    parts = {"title": title, "headline": headline, "sections": sections, "n_careful": n_careful}
    return _kept_together(page.render(date=date.isoformat(), **parts))


def _kept_together(page: str) -> str:
    """Keep a number and its sign on one line.

    Examples
    --------
    >>> _kept_together("95 % interval")
    '95\\xa0% interval'
    """
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", page)


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("skepi.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
