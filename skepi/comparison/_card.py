"""What notebooks show of a comparison: the skill of each model under each split, its ceiling and its controls."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from skepi._html import Fact, Rows, card, count

_TITLES = {
    "skill": "skill over the training mean of the gene",
    "within_gene_skill": "within-gene skill, for genes without training pairs (not to be compared with skill)",
}


def card_of_comparison(comparison: Any) -> str:
    """Card of a :class:`skepi.comparison.ModelComparison`."""
    about = (
        f"{count(len(comparison.models), 'model')} under {count(len(comparison.splits), 'split')}, "
        f"{count(int(comparison.scores['n_pairs'].max()), 'held-out pair')}"
    )
    return card("ModelComparison", about, _facts(comparison), list(_tables(comparison)))


def skill_tables(comparison: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """Title and table, models x splits, of each kind of skill that there is."""
    for value, title in _TITLES.items():
        table = comparison.to_frame(value)
        if table.shape[1]:
            yield title, table.rename_axis(index=None, columns=None)


def _tables(comparison: Any) -> Iterator[Rows]:
    for title, table in skill_tables(comparison):
        yield Rows(title, table.rename_axis(index="model").reset_index(), decimals=3)


def _facts(comparison: Any) -> Iterator[Fact]:
    ceilings = comparison.ceilings["ceiling"].dropna()
    if len(ceilings):
        yield Fact("noise ceiling", ", ".join(f"{split} {value:.3f}" for split, value in ceilings.items()))
    controls = comparison.control_scores
    of_controls = controls["skill"].fillna(controls["within_gene_skill"]).dropna()
    if len(of_controls):
        yield Fact(
            "controls", f"{count(len(of_controls), 'skill')} on permuted data, the highest {of_controls.max():.3f}"
        )
