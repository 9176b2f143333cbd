"""Which file is of which sample."""

from skepi.cli._errors import UsageError
from skepi.io import sample_name


def files_by_sample(arguments: list[str]) -> dict[str, str]:
    """Files by the name of their sample; ``NAME=FILE`` says it."""
    files: dict[str, str] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or "/" in name:
            name, path = sample_name(argument), argument
        if name in files:
            raise UsageError(f"two files of a sample {name}: {files[name]} and {path}; write NAME={path}")
        files[name] = path
    return files
