"""``skepi check``: what matches in the files, before a data set is made of them."""

from argparse import Namespace

from skepi.cli._expressions import py
from skepi.cli._inputs import add_dataset, add_tables, atac_of
from skepi.cli._program import Program
from skepi.cli._tables import add_table
from skepi.paired import check_tables


def program(options: Namespace) -> Program:
    """Print what the tables have in common, then what the data set looks like, where one can be made."""
    made = Program()
    tables = add_tables(made, options)
    opened, genes, expression = tables
    openness, peaks, cell_types = opened.table, opened.peaks, opened.cell_types
    if opened.adata is not None:
        atac = atac_of(made, opened.adata, genes)
        openness, peaks, cell_types = atac.openness, atac.peaks, atac.cell_types
    settings = {"expression": expression, "cell_types": cell_types}
    given = {key: value for key, value in settings.items() if value is not None}
    checks = made.let("checks", py(check_tables)(openness, peaks, genes, **given))
    made.print(checks)
    of_data = made.let("of_data", add_dataset(made, options, tables).checks())
    made.print(of_data)
    if options.output is not None:
        add_table(made, py(sum)([of_data], checks).table, options.output, index=False)
    return made
