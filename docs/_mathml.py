"""Formulas as MathML, written when the site is built: browsers draw it without a script and without a network."""

from functools import cache

import math_core
from docutils import nodes
from sphinx.errors import ExtensionError

_converter = math_core.LatexToMathML(fancy_error=False)


@cache
def mathml(latex, display):
    """MathML Core of a formula in LaTeX, on a line of its own or among words."""
    latex = " ".join(latex.split())
    if r"\\" in latex:  # several lines, as Sphinx reads them
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        converted = _converter.convert_with_local_state(latex, displaystyle=display)
    except math_core.LatexError as error:
        raise ExtensionError(f"the formula {latex!r} cannot be written as MathML: {error}") from error
    return _legible(converted)


def _legible(converted):
    """Lift hats and bars off their letters, into which accents sink where no font for formulas is installed."""
    return converted.replace(">\N{MODIFIER LETTER CIRCUMFLEX ACCENT}<", ">^<").replace(' accent="true"', "")


def _inline(self, node):
    self.body.append(f'<span class="math">{mathml(node.astext(), False)}</span>')
    raise nodes.SkipNode


def _block(self, node):
    self.body.append(f'<div class="math">{mathml(node.astext(), True)}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
