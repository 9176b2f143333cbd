"""The root of the package: light, lazy, and the same to people, to type checkers and to the build."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import skepi

ROOT = Path(skepi.__file__).parent
EVERYDAY = sorted(set(skepi.__all__) - set(skepi._ROOMS) - {"__version__"})


def run(code):
    """Output of a fresh process."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=False)
    return done.stdout + done.stderr


def test_rooms_are_the_public_modules():
    found = [module.name for module in pkgutil.iter_modules(skepi.__path__) if not module.name.startswith("_")]
    assert sorted(skepi._ROOMS) == found


def test_everyday_names_are_few_and_none_is_called_like_a_room():
    assert 25 <= len(EVERYDAY) <= 35
    assert not set(skepi._HOMES) & set(skepi._ROOMS)


@pytest.mark.parametrize("name", EVERYDAY)
def test_an_everyday_name_is_that_of_its_room(name):
    room = importlib.import_module(f"skepi.{skepi._HOMES[name]}")
    assert getattr(skepi, name) is getattr(room, name)
    assert name in getattr(room, "__all__", vars(room))


def test_a_name_is_looked_up_once():
    assert skepi.gene_activity is vars(skepi)["gene_activity"]


def test_rooms_can_be_got():
    for room in skepi._ROOMS:
        assert getattr(skepi, room) is importlib.import_module(f"skepi.{room}")


def test_dir_lists_what_is_offered():
    assert dir(skepi) == sorted(skepi.__all__)


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(
        AttributeError, match=r"^skepi has no attribute 'PairdDataset'; did you mean 'PairedDataset'\?$"
    ):
        skepi.PairdDataset  # noqa: B018
    with pytest.raises(AttributeError, match=r"did you mean 'TSSBinner'\?$"):
        skepi.tssbinner  # noqa: B018
    with pytest.raises(AttributeError, match=r"^skepi has no attribute 'zzz'; dir\(skepi\) lists what it offers$"):
        skepi.zzz  # noqa: B018
    with pytest.raises(AttributeError, match=r"^skepi has no attribute '__wrapped__'$"):
        skepi.__wrapped__  # noqa: B018


def test_type_checkers_are_told_the_same():
    """Names of the stub, and where it takes them from."""
    tree = ast.parse((ROOT / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert all(alias.name == alias.asname for node in imports for alias in node.names)  # exported, by PEP 484
    told = {alias.name: node.module for node in imports for alias in node.names}
    rooms = dict.fromkeys(skepi._ROOMS, "skepi")
    assert told == rooms | {name: f"skepi.{room}" for name, room in skepi._HOMES.items()}


def test_the_build_reads_the_version_without_importing():
    """As setuptools does for ``attr``: from the source, where it is a literal."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    values = [n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "__version__"]
    assert [ast.literal_eval(value) for value in values] == [skepi.__version__]


def test_no_module_takes_more_than_the_version_from_the_root():
    """Import-linter does not see the table of names, so nothing inside may go through it: that would be a circle."""
    taken = {
        alias.name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "skepi"
        for alias in node.names
    }
    assert taken == {"__version__"}


@pytest.mark.slow
def test_importing_the_root_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import skepi; dir(skepi); print(sorted(set(sys.modules) - before))"
    assert run(code) == "['skepi']\n"


@pytest.mark.slow
def test_the_root_needs_no_package():
    code = f"import sys; sys.path.insert(0, {str(ROOT.parent)!r}); import skepi; print(skepi.__version__)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{skepi.__version__}\n"


@pytest.mark.slow
def test_data_sets_come_without_torch_and_matplotlib():
    code = "import sys, skepi; skepi.PairedDataset; print({'torch', 'matplotlib'} & set(sys.modules))"
    assert run(code) == "set()\n"


@pytest.mark.slow
def test_every_offered_name_can_be_got_in_a_fresh_process():
    code = "import skepi; print(sum(getattr(skepi, name) is not None for name in dir(skepi)))"
    assert run(code) == f"{len(skepi.__all__)}\n"


@pytest.mark.slow
def test_the_nearest_name_is_told_once():
    assert run("import skepi; skepi.PairdDataset").count("PairedDataset") == 1
