"""What import-linter does not see: private names that are taken from another room. Its contracts guard the modules."""

import ast
import pkgutil
from pathlib import Path

import pytest

import skepi

PACKAGE = Path(skepi.__file__).parent
ROOMS = [module.name for module in pkgutil.iter_modules(skepi.__path__)]


def private_names_taken(source, room):
    """Names with a leading underscore that code of a room imports from other rooms."""
    imports = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.module]
    from_rooms = [node for node in imports if node.module.startswith("skepi.")]
    from_others = [node for node in from_rooms if node.module.split(".")[1] != room]
    return [f"{node.module}.{alias.name}" for node in from_others for alias in node.names if alias.name[0] == "_"]


def test_private_names_are_told_from_others():
    source = "from skepi import __version__\nfrom skepi._rows import check_pairs\nfrom skepi.metrics import _share"
    assert private_names_taken(source, "compose") == ["skepi.metrics._share"]
    assert private_names_taken(source, "metrics") == []


def test_rooms_are_found():
    assert {"compose", "metrics", "_rows", "_lasso"} < set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_takes_a_private_name_of_another(room):
    modules = [*PACKAGE.glob(f"{room}.py"), *(PACKAGE / room).rglob("*.py")]
    taken = {path.name: private_names_taken(path.read_text(), room) for path in modules}
    assert {name: names for name, names in taken.items() if names} == {}
