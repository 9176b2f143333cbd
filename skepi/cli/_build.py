"""``skepi build``: files to a saved data set."""

from argparse import Namespace

from skepi.cli._errors import UsageError
from skepi.cli._inputs import add_dataset, add_tables
from skepi.cli._program import Program


def program(options: Namespace) -> Program:
    """Read all files, and save the data set."""
    made = Program()
    if options.output is None:
        raise UsageError("--output is missing: the folder to write")
    data = add_dataset(made, options, add_tables(made, options))
    made.do(data.save(made.folder(options.output)))
    made.print(data)
    return made
