"""Settings of a run in a TOML file: they are read as arguments are, and become the defaults of a command."""

import argparse
import tomllib
from typing import Any

from skepi.cli._arguments import nearest

Parsers = dict[str, argparse.ArgumentParser]


def take_settings(arguments: list[str], commands: Parsers) -> set[str]:
    """Make the settings of the file that ``--config`` names the defaults of the command that is asked for.

    Returns the names of those that the file has for every command: some have no effect on this one.
    """
    if not arguments or arguments[0] not in commands:
        return set()
    command = commands[arguments[0]]
    finder = argparse.ArgumentParser(prog=command.prog, usage=command.usage, add_help=False, allow_abbrev=False)
    finder.add_argument("--config", nargs="?")
    path = finder.parse_known_args(arguments)[0].config
    if path is None:
        return set()
    try:
        shared, own = _settings_of(path, arguments[0], commands)
        settings = {**shared, **own}
        tokens = [token for key, value in settings.items() for token in _tokens(command, key, value)]
    except (OSError, ValueError) as error:
        command.error(f"argument --config: {error}")
    given = command.parse_args(tokens)
    command.set_defaults(**{key: getattr(given, key) for key in settings})
    return set(shared) - set(own)


def _settings_of(path: str, name: str, commands: Parsers) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of one command: those above all tables that it knows, and those of its table."""
    with open(path, "rb") as file:
        try:
            content = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is no TOML file: {error}") from error
    known = {command: _known(parser) for command, parser in commands.items()}
    everywhere = {key: value for key, value in content.items() if not isinstance(value, dict)}
    _check_names(everywhere, set().union(*known.values()), f"{path}: no command has a setting")
    tables = {key: value for key, value in content.items() if isinstance(value, dict)}
    _check_names(tables, set(commands), f"{path}: no command is called")
    for table, settings in tables.items():
        _check_names(settings, known[table], f"{path}: [{table}] has no setting")
    shared = {key: value for key, value in everywhere.items() if key in known[name]}
    return shared, tables.get(name, {})


def _known(command: argparse.ArgumentParser) -> set[str]:
    return {action.dest for action in command._actions} - {"help", "config"}


def _check_names(names: Any, known: set[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{what} {name!r}{nearest(name, known)}")


def _tokens(command: argparse.ArgumentParser, key: str, value: Any) -> list[str]:
    """Arguments that say what a setting says."""
    action = next(action for action in command._actions if action.dest == key)
    if isinstance(value, bool) != (action.nargs == 0) or (isinstance(value, dict) and key != "peak_calls"):
        wanted = "true or false" if action.nargs == 0 else "text, a number or a list of them"
        raise ValueError(f"{key}: wanted {wanted}, got {value!r}")
    if isinstance(value, bool):
        negative = [option for option in action.option_strings if option.startswith("--no-")]
        return [action.option_strings[0]] if value else negative
    if isinstance(value, dict) and key == "peak_calls":
        value = [f"{sample}={path}" for sample, path in value.items()]
    values = [str(item) for item in (value if isinstance(value, list) else [value])]
    if action.nargs not in (None, "?"):
        return [action.option_strings[0], *values]
    if isinstance(value, list):
        raise ValueError(f"{key}: wanted one value, got a list of {len(value)}")
    return [f"{action.option_strings[0]}={values[0]}"] if action.option_strings else values
