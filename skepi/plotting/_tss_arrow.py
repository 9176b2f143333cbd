"""The bent arrow that marks a TSS."""

from typing import Any

from skepi.plotting._style import BLACK, SMALL


def draw_tss_arrow(
    ax: Any,
    x: float,
    y: float,
    *,
    forward: bool,
    text: str = "TSS",
    foot: float | None = None,
    color: str = BLACK,
) -> Any:
    """Arrow in the direction of transcription at the top of a line at the TSS, with a text at its head.

    Parameters
    ----------
    ax : Axes
    x, y : float
        Corner of the bent arrow in data units.
    forward : bool
        Whether transcription goes to the right.
    text : str, default="TSS"
    foot : float, optional
        Where the line begins, in data units; at the lower limit of the axes by default.
    color : str, default="#000000"

    Returns
    -------
    Annotation
        The text; its ``arrow_patch`` is the arrow.
    """
    sign = 1 if forward else -1
    ax.plot([x, x], [ax.get_ylim()[0] if foot is None else foot, y], color=color, lw=0.9, ls=":", zorder=2)
    return ax.annotate(
        text,
        (x, y),
        xytext=(sign * 22, 8),
        textcoords="offset points",
        ha="left" if forward else "right",
        va="center",
        size=SMALL,
        color=color,
        arrowprops={
            "arrowstyle": "<|-",
            "connectionstyle": "angle,angleA=0,angleB=90,rad=0",
            "relpos": (0 if forward else 1, 0.5),
            "color": color,
            "lw": 1.3,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
