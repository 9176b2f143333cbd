"""Peaks that may act on genes, the best first."""

from typing import Any

import numpy as np
import pandas as pd

from skepi.plotting import GeneLinksDisplay
from skepi.report._blocks import (
    Columns,
    Section,
    Table,
    Text,
    count,
    in_one_unit,
    not_run,
    number,
    place,
    significant,
    table_of,
    yes_no,
)
from skepi.report._figures import figure_of

_MOST = 15
_DRAWN = {"chrom", "start", "end", "gene", "tss", "strand", "score", "share", "activity"}
_WHAT = (
    "The best peak of each gene, by score. Scores narrow the list of candidates. Whether a peak acts on a gene is for "
    "an experiment to say."
)
#: By a column that only one function makes: what its score is.
_SCORES_ARE = {
    "tss_between": "The score is high for a peak that is open, close to the gene, and not separated from it by other "
    "expressed genes, if the gene's promoter is open too.",
    "slope": "The score is how much the peak moves the prediction of a model, on average.",
}


def links_section(links: pd.DataFrame | None) -> Section:
    """Return the best link of the best genes, and a drawing of the first gene."""
    name, title = "links", "Links of peaks to genes"
    if links is None:
        return not_run(name, title, "links = score_links(data, min_distance=20_000)")
    best = best_links(links)
    score_is = next((f" {said}" for column, said in _SCORES_ARE.items() if column in links), "")
    said = f"{count(len(links))} links of {count(links['gene'].nunique())} genes. {_WHAT}{score_is}"
    blocks = [Text(said), _table(best, "Best link of each gene, the greatest score first"), *_drawn(links, best)]
    if "is_promoter" in links and not (away := best_links(links[~links["is_promoter"].astype(bool)])).empty:
        blocks.append(_table(away.drop(columns="is_promoter"), "The same without peaks at promoters"))
    return Section(name, title, blocks)


def _table(best: pd.DataFrame, caption: str) -> Table:
    shown = best.head(_MOST)
    columns: Columns = {
        "gene": ("gene", str),
        "peak": ("peak", place),
        "distance_bp": ("distance (bp)", count),
        "score": ("score", in_one_unit(shown["score"])),
        "share": ("share of the gene's scores", number),
        "tss_between": ("start sites between", count),
        "r": ("r with expression", number),
        "fdr": ("false discovery rate", significant),
        "is_promoter": ("peak at a promoter", yes_no),
    }
    return table_of(best, caption, columns, most=_MOST)


def best_links(links: pd.DataFrame) -> pd.DataFrame:
    """Return the link with the greatest score of each gene, the greatest first; links without a score are left out."""
    score = links["score"].to_numpy(dtype=np.float64)
    order = np.argsort(-score, kind="stable")[: np.count_nonzero(~np.isnan(score))]
    is_first = ~links["gene"].iloc[order].duplicated().to_numpy()
    best = links.iloc[order[is_first]].astype({"gene": str})
    return best.assign(peak=[f"{row.chrom}:{row.start:,}-{row.end:,}" for row in best.itertuples()])


def _drawn(links: pd.DataFrame, best: pd.DataFrame) -> list[Any]:
    if best.empty or not set(links).issuperset(_DRAWN):
        return []
    gene = str(best["gene"].iloc[0])
    alt = f"Peaks around the start site of {gene}, with arcs for its best links."
    return [
        figure_of(lambda: GeneLinksDisplay.from_links(links, gene), alt, f"Links of {gene}, the first of the table.")
    ]
