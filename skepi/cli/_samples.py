"""Which file is of which sample."""

import shlex
from pathlib import Path

from skepi.cli._errors import UsageError
from skepi.io import sample_name


def files_by_sample(arguments: list[str]) -> dict[str, str]:
    """Files by the name of their sample; ``NAME=FILE`` says it."""
    files: dict[str, str] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or "/" in name or Path(argument).is_file():
            name, path = sample_name(argument), argument
        if name in files:
            raise UsageError(
                f"--peak-calls: two files of a sample {name}: {files[name]} and {path}; name them, "
                f"such as {shlex.join(_named(one) for one in (files[name], path))}"
            )
        files[name] = path
    return files


def _named(path: str) -> str:
    """A file with a name to start from: that of its folder."""
    return f"{Path(path).resolve().parent.name or 'NAME'}={path}"
