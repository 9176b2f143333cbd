"""Options that would have no effect: refused, because whoever writes them expects one."""

from argparse import Namespace
from collections.abc import Iterator

from skepi.cli._endings import ANNOTATED, ending_of, is_cell_ranger, is_table
from skepi.cli._errors import UsageError
from skepi.cli._options import RULES
from skepi.cli._parser import make_parser

#: Options, and the words that say when they have no effect.
Rule = tuple[tuple[str, ...], str]

_OF_MATRIX = ("openness_labels", "one_based", "openness_drop")
_OF_CONSENSUS = ("exclude", "width", "score")


def given_options(options: Namespace) -> set[str]:
    """Names of the options whose value is not their default."""
    command = make_parser()[1][options.command]
    return {key for key, value in vars(options).items() if key != "command" and value != command.get_default(key)}


def check_used(options: Namespace, given: set[str]) -> None:
    """Refuse the first option that was given and has no effect."""
    for names, when in _rules(options):
        for name in names:
            if name in given:
                raise UsageError(f"--{name.replace('_', '-')} has no effect {when}: leave it out")


def _rules(options: Namespace) -> Iterator[Rule]:
    if options.command in ("check", "build", "predict"):
        yield from _of_openness(options)
        yield from _of_cells(options)
    if options.command in ("check", "build"):
        yield from _of_genes_and_expression(options)
    if options.command == "build":
        yield ("overwrite",), "on a data set, which is never replaced"
    if getattr(options, "normalizer", None) == "none":
        yield ("min_mean_cpm",), "with --normalizer none"
    if options.command == "links" and not options.test:
        yield ("random_state",), "without --test"
    if options.command == "fit" and options.model != "network":
        yield ("random_state",), f"with --model {options.model.replace(' ', '-')}, in which nothing is random"
    if options.command == "report" and options.model in RULES:
        yield ("n_permutations",), f"with --model {options.model.replace(' ', '-')}, which has no bins"
    if options.command == "predict" and options.fitted is not None:
        yield ("model", "random_state"), "with --fitted, which is a model already"


def _of_openness(options: Namespace) -> Iterator[Rule]:
    if options.openness is None:
        yield (*_OF_MATRIX, "modalities"), "with --peak-calls"
        if options.peaks is not None:
            yield _OF_CONSENSUS, "with --peaks, which are taken as they are"
        return
    yield _OF_CONSENSUS, "with --openness"
    if not is_table(options.openness):
        yield _OF_MATRIX, f"with {options.openness}, whose peaks have their names"
    if ending_of(options.openness) != ".h5mu":
        yield ("modalities",), "without an .h5mu"
    is_annotated = ending_of(options.openness) in ANNOTATED
    if is_annotated and options.cell_labels is None and options.label_column is None:
        yield ("peaks",), f"with {options.openness}, whose var has the places of its peaks"


def _of_cells(options: Namespace) -> Iterator[Rule]:
    paths = [path for path in (options.openness, getattr(options, "expression", None)) if path is not None]
    if all(map(is_table, paths)):
        yield ("cell_labels", "label_column", "unlabelled"), "without a file of single cells"
    elif options.cell_labels is None and options.label_column is None:
        yield ("unlabelled",), "without --cell-labels or --label-column"


def _of_genes_and_expression(options: Namespace) -> Iterator[Rule]:
    if options.genes is None:
        yield ("policy", "gene_name", "strandless"), "without --genes"
    tables = [path is not None and is_table(path) for path in (options.openness, options.expression)]
    if not any(tables):
        yield ("missing",), "without a table"
    if options.expression is None and ending_of(options.openness or "") != ".h5mu":
        yield ("drop", "repeated", "feature", "common_cell_types"), "without --expression"
    elif not tables[1]:
        yield ("drop", "repeated"), "on expression that is no table"
    if not is_cell_ranger(options.expression):
        yield ("feature",), "without expression of Cell Ranger"
