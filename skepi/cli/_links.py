"""``skepi links``: which peaks may regulate which genes."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, output, py
from skepi.cli._fit import add_training_data
from skepi.cli._models import normalizer_of, opened
from skepi.cli._program import Program
from skepi.cli._tables import add_table_or_print
from skepi.inspection import correlate_links, score_links
from skepi.io import write_bedpe
from skepi.paired import PairedDataset


def program(options: Namespace) -> Program:
    """Score, test where asked, and write or print the table, best links first."""
    made = Program()
    found = opened(options.data)
    if options.test and found.expression is None:
        raise UsageError(f"--test needs expression, and {options.data} holds openness only")
    data = add_training_data(made, py(PairedDataset).open(options.data), normalizer_of(made, options, found))
    settings: dict[str, Any] = {"max_distance": options.max_distance, "min_distance": options.min_distance}
    if options.only_genes is not None:
        settings["genes"] = options.only_genes
    links = add_best(made, made.let("links", py(score_links)(data, **settings, **made.progress(options))), options.top)
    if options.test:
        if options.top is None:
            made.note(
                "every peak within --max-distance of each gene is tested, which may take hours; --top N tests the best"
            )
        links = made.let(
            "links", py(correlate_links)(data, links, random_state=options.random_state, **made.progress(options))
        )
    if options.output is not None and Path(options.output.removesuffix(".gz")).suffix == ".bedpe":
        made.do(py(write_bedpe)(links, output(options.output)))
    else:
        add_table_or_print(made, links, options, index=False)
    return made


def add_best(made: Program, links: Expression, top: int | None) -> Expression:
    """Add the statement that sorts links by their score and keeps the best of each gene."""
    best = links.sort_values("score", ascending=False, kind="stable")
    if top is not None:
        if top < 1:
            raise UsageError(f"--top: wanted a number of peaks of 1 or more, got {top}")
        best = best.groupby("gene", sort=False, observed=True).head(top)
    return made.let("links", best.reset_index(drop=True))
