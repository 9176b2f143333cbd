"""The way through: arguments, settings, program; one line for an error."""

import contextlib
import importlib
import os
import sys
import traceback
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from skepi.cli._config import take_settings
from skepi.cli._errors import UsageError
from skepi.cli._parser import make_parser
from skepi.cli._speech import in_options
from skepi.cli._unused import check_used, given_options

#: Exit codes: a mistake in the arguments has 2, as everywhere in Python.
FAILED, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``skepi`` with arguments, and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Without the name of the program; those of the process if not given.

    Returns
    -------
    int
        0 where all went well, 1 for an error, 130 where it was interrupted. For arguments that cannot be understood,
        and for ``--help``, SystemExit is raised, as by argparse.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=8, n_cell_types=3, n_lineages=2, n_chromosomes=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     data.save(f"{folder}/data")
    ...     code = main(["activity", f"{folder}/data", "--output", f"{folder}/activity.csv"])
    ...     header = pathlib.Path(folder, "activity.csv").read_text().split()[0]
    >>> code, header
    (0, 'gene,cell000,cell001,cell002')
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser, commands = make_parser()
    shared = take_settings(arguments, commands)
    options = parser.parse_args(arguments)
    given = given_options(options) - shared
    if options.progress is None:
        options.progress = sys.stderr.isatty()
    try:
        with _own_warnings(options):
            _run(options, given)
    except KeyboardInterrupt:
        print(f"skepi {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read standard output has seen enough; nothing is left to be written there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        return _failed(error, options)
    return 0


@contextlib.contextmanager
def _own_warnings(options: Namespace) -> Iterator[None]:
    """Show the warnings of this process, one line each, except what is done on purpose."""
    before = os.environ.get("PYTHONWARNINGS")
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)  # of other packages, for those who write programs
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        if options.command in ("compare", "report"):
            from skepi.exceptions import DistantCellTypeWarning

            warnings.simplefilter("ignore", DistantCellTypeWarning)  # cell types are held out on purpose
        warnings.showwarning = _one_line(options)
        os.environ["PYTHONWARNINGS"] = "ignore"  # of workers, which would write in a form of their own
        try:
            yield
        finally:
            os.environ.pop("PYTHONWARNINGS")
            if before is not None:
                os.environ["PYTHONWARNINGS"] = before


def _run(options: Namespace, given: set[str]) -> None:
    """Print or run the program of a command."""
    check_used(options, given)
    program = importlib.import_module(f"skepi.cli._{options.command}").program(options)
    if options.show_code:
        print(program.code(), end="")
        return
    program.check_outputs(options.overwrite)
    for note in program.notes:
        print(f"skepi {options.command}: note: {note}", file=sys.stderr)
    program.run()


def _failed(error: Exception, options: Namespace) -> int:
    if options.debug:
        traceback.print_exception(error)
    text = in_options(_text_of(error), options)
    expected = isinstance(
        error, UsageError | ValueError | TypeError | OSError | ImportError | RuntimeError | LookupError
    )
    kind = "" if expected else f"{type(error).__name__}: "
    hint = "" if expected or options.debug else " (--debug shows where)"
    print(f"skepi {options.command}: error: {kind}{text}{hint}", file=sys.stderr)
    return FAILED


def _text_of(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a result cannot be written'}: {error.strerror}"
    text = " ".join(str(error).split()) or "no message"
    return f"there is no {text}" if type(error) is KeyError else text  # whose text is the key alone


def _one_line(options: Namespace) -> Any:
    """A way to show warnings: one line each, once, without the place in the code."""
    said: set[str] = set()

    def show(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
        text = f"skepi {options.command}: warning: {in_options(' '.join(str(message).split()), options, way_on=False)}"
        if text not in said:
            said.add(text)
            print(text, file=sys.stderr)

    return show
