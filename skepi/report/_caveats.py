"""What to trust and what not: one sentence for each rule that has something to say."""

from collections.abc import Callable
from typing import NamedTuple

from skepi.report._findings import Findings
from skepi.report._rules import TRUST, Verdict
from skepi.report._rules_of_data import RULES_OF_DATA
from skepi.report._rules_of_models import RULES_OF_MODELS
from skepi.report._rules_of_parts import RULES_OF_PARTS

#: In the order of the page.
RULES: tuple[Callable[[Findings], Verdict | None], ...] = (*RULES_OF_MODELS, *RULES_OF_DATA, *RULES_OF_PARTS)


class Caveat(NamedTuple):
    """A sentence on what to trust, and the rule that it comes from.

    Attributes
    ----------
    rule : str
        Name of the rule, such as ``"interval_reaches_zero"``.
    level : {"trust", "careful"}
    text : str

    Examples
    --------
    >>> Caveat("few_cell_types", "careful", "There are only 6 cell types.").level
    'careful'
    """

    rule: str
    level: str
    text: str

    @property
    def kind(self) -> str:
        """What the template makes of it."""
        return "remark"


def caveats_of(found: Findings) -> list[Caveat]:
    """Return what the rules say, warnings first."""
    verdicts = [(rule.__name__, rule(found)) for rule in RULES]
    said = [Caveat(name, *verdict) for name, verdict in verdicts if verdict is not None]
    return sorted(said, key=lambda caveat: caveat.level == TRUST)
