"""Displays as images inside the page: lines as SVG, clouds of points as PNG."""

import base64
import io
from collections.abc import Callable
from typing import Any

from skepi.report._blocks import Figure

#: Dots per inch of images made of pixels: twice that of the page, for screens with small pixels.
_DPI = 150
_CSS_PIXELS = 96  # per inch
# A name with a dollar is no formula; identifiers inside an image repeat.
_STYLE: Any = {"text.parse_math": False, "svg.hashsalt": "skepi", "savefig.dpi": _DPI}
_WITHOUT = {"Creator": None, "Date": None, "Format": None, "Type": None}  # metadata: the same page for the same numbers


def figure_of(draw: Callable[[], Any], alt: str, caption: str, *, pixels: bool = False) -> Figure:
    """Draw a display and return it as an image of the page.

    Parameters
    ----------
    draw : callable
        Returns a display with ``figure_``.
    alt : str
        What the figure shows, for readers who do not see it.
    caption : str
    pixels : bool, default=False
        Whether to store pixels in place of lines: for thousands of points.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    plain: Any = {**mpl.rcParamsDefault, "backend": mpl.rcParams["backend"], **_STYLE}
    others = plt.get_fignums()
    with mpl.rc_context(plain), plt.ioff():
        try:
            figure = draw().figure_
            source = _png(figure) if pixels else _svg(figure)
            width = round(figure.get_figwidth() * _CSS_PIXELS)
        finally:
            for number in set(plt.get_fignums()).difference(others):
                plt.close(number)
    return Figure(source, alt, caption, width)


def _svg(figure: Any) -> str:
    return _address("svg+xml", _saved(figure, "svg", _WITHOUT))


def _png(figure: Any) -> str:
    return _address("png", _saved(figure, "png", {"Software": None}))


def _saved(figure: Any, kind: str, metadata: dict[str, None]) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata=metadata, facecolor="white")
    return content.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
