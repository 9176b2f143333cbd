"""What the library says to those who write Python, said to those who write commands."""

import re
from argparse import Namespace

#: Arguments of Python whose option has another name.
_RENAMED = {"labels": "openness_labels", "name": "gene_name"}
_PHRASES = {
    "skepi.io.convert_chromosomes renames them": "--chromosomes ucsc or --chromosomes ensembl renames them",
    "convert_chromosomes renames them": "--chromosomes ucsc or --chromosomes ensembl renames them",
    "strip_versions takes them off": "--strip-versions takes them off",
    "choose_tss(..., name='gene_id')": "--gene-name gene_id",
    "pandas.read_excel(path) reads it": "save its sheet as text separated by tabs",
    "; see distances()": "",
}
_VALUE = r"('[^']*'|\[[^]]*\]|True|-?[0-9.]+(?:e[+-]?[0-9]+)?)?"
_ARGUMENT = re.compile(rf"(?<![\w.-])([a-z][a-z_]+)={_VALUE}")
_WRITE_PYTHON = "arguments that are no options can be given in Python: --show-code prints the program"


def in_options(text: str, options: Namespace) -> str:
    """A message with options in place of arguments of Python, and with the option of the file that it is about.

    Where an argument has no option, the message ends in the way to it.
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
    return _with_source(f"{text} ({_WRITE_PYTHON})" if without_option else text, asked)


def _with_source(text: str, asked: dict[str, object]) -> str:
    """The message behind the option that named its file."""
    for key in ("peak_calls", "openness", "peaks", "exclude", "genes", "expression", "cell_labels", "cell_types"):
        if _names(text, asked.get(key)):
            return f"--{key.replace('_', '-')} {text}"
    return text


def _names(text: str, path: object) -> bool:
    """Whether a message begins with a path, or with one of several."""
    if isinstance(path, list):
        return any(_names(text, str(one).split("=")[-1]) for one in path)
    return path is not None and re.match(rf"{re.escape(str(path))}[,:]", text) is not None


def _quoted(value: str) -> str:
    return f"'{value}'" if " " in value else value
