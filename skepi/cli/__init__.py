"""The command line: from files to a report. Each command is a short program of Python, which ``--show-code`` prints."""

from skepi.cli._main import main

__all__ = ["main"]
