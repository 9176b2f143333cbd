"""``skepi activity``: scores of genes by the openness around them."""

from argparse import Namespace

from skepi.baselines import gene_activity
from skepi.cli._expressions import py
from skepi.cli._models import opened
from skepi.cli._program import Program
from skepi.cli._tables import add_table_or_print
from skepi.paired import PairedDataset


def program(options: Namespace) -> Program:
    """Score, and write or print the table."""
    made = Program()
    opened(options.data)
    data = made.let("data", py(PairedDataset).open(options.data))
    add_table_or_print(made, made.let("activity", py(gene_activity)(data)), options)
    return made
