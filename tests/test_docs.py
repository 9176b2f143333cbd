"""Documentation that is true: pages run as doctests, stated defaults are the defaults."""

import doctest
import importlib
import inspect
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import skepi

ROOT = Path(__file__).parents[1]


def test_the_contract_page_runs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = doctest.testfile(str(ROOT / "docs" / "contract.rst"), module_relative=False)
    assert result.attempted >= 15
    assert result.failed == 0


def test_the_page_on_scale_runs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = doctest.testfile(str(ROOT / "docs" / "scale.rst"), module_relative=False)
    assert result.attempted >= 20
    assert result.failed == 0


def public_callables():
    found = {}
    for module in pkgutil.walk_packages(skepi.__path__, "skepi."):
        if "._" in module.name:
            continue
        for name, member in vars(importlib.import_module(module.name)).items():
            if name.startswith("_") or not getattr(member, "__module__", "").startswith("skepi"):
                continue
            if inspect.isfunction(member) or (inspect.isclass(member) and not issubclass(member, Exception)):
                found[f"{member.__module__}.{name}"] = member
    return found


CALLABLES = public_callables()


def test_public_callables_are_found():
    assert len(CALLABLES) > 35


@pytest.mark.parametrize("name", CALLABLES)
def test_public_callables_have_docstrings(name):
    assert len(CALLABLES[name].__doc__.strip().splitlines()[0]) > 15


def stated_defaults(docstring):
    """Defaults of the form ``name : type, default=value``; joint lines (``a, b : ..., default=1 and 2``) too."""
    for names, values in re.findall(r"^ {4,8}(\w[\w, ]*) : .*default=(.+)$", docstring, flags=re.MULTILINE):
        names = names.split(", ")
        values = re.split(r", | and ", values) if len(names) > 1 else [values]
        yield from zip(names, values * (len(names) if len(values) == 1 else 1), strict=True)


@pytest.mark.parametrize("name", CALLABLES)
def test_stated_defaults_are_the_defaults(name):
    signature = inspect.signature(CALLABLES[name]).parameters
    for parameter, stated in stated_defaults(CALLABLES[name].__doc__):
        assert parameter in signature
        assert signature[parameter].default == eval(stated), parameter


def test_defaults_are_stated():
    assert sum(len(list(stated_defaults(member.__doc__))) for member in CALLABLES.values()) > 50


def test_the_readme_states_one_test_command_and_one_quick_start():
    text = (ROOT / "README.md").read_text()
    assert (
        len(re.findall(r"^\. \.venv/bin/activate && pip install .*&& python -m pytest$", text, flags=re.MULTILINE)) == 1
    )
    assert len(re.findall(r"^python3 -m venv .*examples/plot_quick_start.py$", text, flags=re.MULTILINE)) == 1
