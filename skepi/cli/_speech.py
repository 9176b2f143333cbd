"""What the library says to those who write Python, said to those who write commands."""

import re
from argparse import Namespace

#: Arguments of Python whose option has another name.
_RENAMED = {"labels": "openness_labels", "name": "gene_name"}
_PHRASES = {
    "repeated='drop' or 'sum' says": "--repeated drop or --repeated sum says",
    "skepi.io.convert_chromosomes renames them": "--chromosomes ucsc or --chromosomes ensembl renames them",
    "convert_chromosomes renames them": "--chromosomes ucsc or --chromosomes ensembl renames them",
    "strip_versions takes them off": "--strip-versions takes them off",
    "choose_tss(..., name='gene_id')": "--gene-name gene_id",
    "pandas.read_excel(path) reads it": "save its sheet as text separated by tabs",
    "data.transform_expression(ExpressionNormalizer()), or give PerGeneRegressor(exposure=...)": "--normalizer "
    "quantile",
    "; see distances()": "",
    "? .str.upper() writes both alike": "?",
}
#: What to do next, by the words that a message begins with, where it does not say so.
_NEXT = {
    "names of peaks: ": "--openness-labels names three columns with the places of peaks, --peaks a BED file with them",
    "expression: columns do not match the cell types": "NAME=FILE names the cell type of peak calls, "
    "--common-cell-types keeps those of both sides",
    "labels: wanted": "they are those of --openness-labels",
    "transcripts: missing columns": "--gene-name is for GTF and GFF3",
    "genes: missing columns": "--genes names a GTF, GFF3 or table of start sites",
    "split 'lineages' cannot be made": "`skepi build --cell-types` gives lineages",
    "X: values look like logarithms": "--normalizer none takes them as they are",
    "genes: not in the data set": "names are those of `skepi build`, and --min-mean-cpm leaves "
    "out what is hardly expressed",
}
_VALUE = r"('[^']*'|\[[^]]*\]|True|-?[0-9.]+(?:e[+-]?[0-9]+)?)?"
_ARGUMENT = re.compile(rf"(?<![\w./-])([a-z][a-z_]+)={_VALUE}")
_WRITE_PYTHON = "arguments that are no options can be given in Python: --show-code prints the program"


def in_options(text: str, options: Namespace, way_on: bool = True) -> str:
    """A message with options in place of arguments of Python, and with the option of the file that it is about.

    Where an argument has no option, the message ends in the way to it, if ``way_on``.
    """
    asked = vars(options)
    openness = _names(text, asked.get("openness"))
    for phrase, said in _PHRASES.items():
        text = text.replace(phrase, said)
    without_option: list[str] = []

    def option(match: re.Match[str]) -> str:
        key, value = match.groups()
        key = _RENAMED.get(key, key) if key != "labels" or openness else key
        key = "openness_drop" if key == "drop" and openness else key
        if key not in asked:
            without_option.append(key)
            return match[0]
        values = re.findall(r"'([^']*)'", value or "") or [value] * (value not in (None, "True"))
        return " ".join([f"--{key.replace('_', '-')}", *map(_quoted, values)])

    text = _ARGUMENT.sub(option, text)
    if asked.get("common_cell_types") and text == "cell_types: the table has no rows":
        text = "openness and expression have no cell type in common: `skepi check` lists the names of both"
    text += "".join(f"; {advice}" for words, advice in _NEXT.items() if text.startswith(words))
    return _with_source(f"{text} ({_WRITE_PYTHON})" if without_option and way_on else text, asked)


def _with_source(text: str, asked: dict[str, object]) -> str:
    """The message behind the option that named its file."""
    files = ("peak_calls", "openness", "peaks", "exclude", "genes", "expression", "cell_labels", "cell_types")
    options = [f"--{key.replace('_', '-')}" for key in files if _names(text, asked.get(key))]
    return f"{' or '.join(options)} {text}" if options else text


def _names(text: str, path: object) -> bool:
    """Whether a message begins with a path, or with one of several."""
    if isinstance(path, list):
        return any(_names(text, str(one).split("=")[-1]) for one in path)
    return path is not None and re.match(rf"{re.escape(str(path))}[,:]", text) is not None


def _quoted(value: str) -> str:
    return f"'{value}'" if " " in value else value
