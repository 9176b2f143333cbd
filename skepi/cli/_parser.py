"""All commands and their options. Nothing but the standard library is imported here, so that ``--help`` is quick."""

import argparse
import textwrap
from typing import Any

from skepi import __version__
from skepi.cli._arguments import Parser
from skepi.cli._options import (
    add_cells,
    add_comparison,
    add_dataset,
    add_expression,
    add_genes,
    add_jobs,
    add_model,
    add_normalizer,
    add_openness,
    add_output,
    add_seed,
)


def make_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of ``skepi``, and those of its commands by name."""
    root = Parser(
        prog="skepi",
        description="Predict gene expression from chromatin openness around transcription start sites.",
        epilog="skepi COMMAND --help explains a command. In the order of use: check, build, compare, fit, predict, "
        "report; activity and links need no model.",
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"skepi {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_check, _build, _compare, _fit, _predict, _activity, _links, _report):
        add(commands)
    for command in commands.choices.values():
        _add_general(command)
    return root, dict(commands.choices)


def _command(commands: Any, name: str, what: str, example: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        usage=f"skepi {name} [options]" if name in ("check", "build", "predict") else f"skepi {name} DATA [options]",
        help=what[0].lower() + what[1:].split(".")[0],
        description=textwrap.fill(what, 78),
        epilog=f"example:\n{_broken(example)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    return command


def _broken(example: str) -> str:
    """A command in lines that a terminal of 80 columns shows, which a shell reads as one."""
    first, *options = example.split(" --")
    lines = [f"  {first}"]
    for option in options:
        if len(lines[-1]) + len(option) > 74:
            lines.append("   ")
        lines[-1] += f" --{option}"
    return " \\\n".join(lines)


def _add_general(command: argparse.ArgumentParser) -> None:
    """Add what every command has, behind what is its own."""
    group = command.add_argument_group("every command")
    group.add_argument("-h", "--help", action="help", help="show this help, and do nothing")
    group.add_argument(
        "--config",
        metavar="FILE",
        help="TOML file with settings: a table per command, [compare] say, with the names of its options (cell_labels "
        "for --cell-labels). Settings above all tables count for every command that has them; the command line wins",
    )
    group.add_argument(
        "--show-code", action="store_true", help="print the Python program that does the same, and do nothing"
    )
    group.add_argument("--overwrite", action="store_true", help="replace output files that exist, but no data set")
    group.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="progress bars on standard error (default: on a terminal)",
    )
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")


def _check(commands: Any) -> None:
    command = _command(
        commands,
        "check",
        "Say what matches in the files, before a data set is made of them. The checks go to standard output, one per "
        "line.",
        "skepi check --peak-calls *_peaks.narrowPeak.gz --genes genes.gtf.gz --expression counts.txt",
    )
    add_output(command, "write the checks as a table as well (.tsv, .csv or .parquet)")
    for group in (add_openness, add_genes, add_expression, add_cells, add_jobs):
        group(command)


def _build(commands: Any) -> None:
    command = _command(
        commands,
        "build",
        "Make a data set of files. It is saved to a folder that the other commands open.",
        "skepi build --peak-calls *_peaks.narrowPeak.gz --genes genes.gtf.gz --expression counts.txt --output blood",
    )
    add_output(command, "folder to write, which must not exist", "FOLDER")
    for group in (add_openness, add_genes, add_expression, add_cells, add_jobs):
        group(command)


def _compare(commands: Any) -> None:
    command = _command(
        commands,
        "compare",
        "Compare models on cell types, lineages or chromosomes that they have not seen. The table of skill goes to "
        "standard output.",
        "skepi compare blood --splits cell-types lineages --folder fits --output scores.tsv",
    )
    add_output(command, "write all scores as a table (.tsv, .csv or .parquet)")
    command.add_argument("--by-cell-type", metavar="FILE", help="write the scores of each cell type, likewise")
    for group in (add_dataset, add_comparison, add_normalizer, add_jobs, add_seed):
        group(command)


def _fit(commands: Any) -> None:
    command = _command(
        commands,
        "fit",
        "Fit a model to all cell types of a data set, and save it.",
        "skepi fit blood --model cis-and-cell-state --output blood.skepi",
    )
    add_output(command, "model file to write")
    for group in (add_dataset, add_model, add_normalizer, add_seed):
        group(command)


def _predict(commands: Any) -> None:
    command = _command(
        commands,
        "predict",
        "Predict the expression of cell types of which only openness is known. Predictions are log expression, on the "
        "scale of the training data.",
        "skepi predict --train blood --peak-calls NK_peaks.narrowPeak.gz --output predicted.tsv",
    )
    command.add_argument(
        "--train",
        metavar="DATA",
        help="data set to learn from: a folder that `skepi build` wrote, or hematopoiesis, 14 "
        "public blood populations (hg19; downloaded once, 41 MB)",
    )
    add_output(command, "table of genes x cell types (.tsv, .csv or .parquet) or .h5ad; standard output if not given")
    command.add_argument(
        "--std",
        metavar="FILE",
        help="write the standard deviation of each prediction as well, for models that give one",
    )
    add_model(command)
    command.add_argument(
        "--fitted",
        metavar="FILE",
        help="model that `skepi fit` wrote from --train, in place of a new fit of --model; the normalisation must be "
        "that it was fitted with",
    )
    command.add_argument(
        "--chromosomes", choices=["ucsc", "ensembl"], help="rename the chromosomes of the new peaks: chr1 or 1"
    )
    add_openness(command, consensus=False)
    for group in (add_cells, add_normalizer, add_jobs, add_seed):
        group(command)


def _activity(commands: Any) -> None:
    command = _command(
        commands,
        "activity",
        "Score every gene in every cell type by the openness around it. Nothing is trained, and no expression is "
        "needed.",
        "skepi activity blood --output activity.tsv",
    )
    add_dataset(command)
    add_output(command, "table of genes x cell types (.tsv, .csv or .parquet); standard output if not given")


def _links(commands: Any) -> None:
    command = _command(
        commands,
        "links",
        "Score which peaks may regulate which genes.",
        "skepi links blood --test --top 20 --output links.tsv",
    )
    add_dataset(command)
    add_output(command, "table (.tsv, .csv, .parquet) or .bedpe; standard output if not given")
    command.add_argument(
        "--max-distance", type=int, default=1_000_000, metavar="BP", help="from peak to TSS (default: %(default)s)"
    )
    command.add_argument(
        "--min-distance", type=int, default=0, metavar="BP", help="from peak to TSS (default: %(default)s)"
    )
    command.add_argument("--top", type=int, metavar="N", help="keep the N best peaks of each gene")
    command.add_argument("--only-genes", nargs="+", metavar="GENE", help="genes wanted (default: all)")
    command.add_argument(
        "--test",
        action="store_true",
        help="test each pair: does openness follow expression across cell "
        "types more than that of matched peaks elsewhere does?",
    )
    for group in (add_normalizer, add_seed):
        group(command)


def _report(commands: Any) -> None:
    command = _command(
        commands,
        "report",
        "Write a report, one self-contained HTML page. It shows the checks of the data, the comparison of models, "
        "their errors, importance, parts and links, and says what to trust.",
        "skepi report blood --folder fits --output report.html",
    )
    add_output(command, "page to write")
    add_model(command, "model that the page looks into, ")
    add_comparison(command, controls=["cell types"])
    for group in (add_dataset, add_normalizer, add_jobs, add_seed):
        group(command)
    command.add_argument("--title", help="title of the page (default: the name of the data set)")
    command.add_argument(
        "--n-permutations",
        type=int,
        default=19,
        metavar="N",
        help="refits for the null band of importance; 0 leaves it out (default: %(default)s)",
    )
