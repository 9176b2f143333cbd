"""Documentation that is true: pages run as doctests, stated defaults are the defaults."""

import doctest
import importlib
import inspect
import pkgutil
import re
import sys
import types
import warnings
from pathlib import Path

import pytest

import skepi

ROOT = Path(__file__).parents[1]


DOCS = ROOT / "docs"
# Needs files that its own test writes: test_bring_your_own_data.py.
RUN_ELSEWHERE = {"bring_your_own_data"}
# Fit models for seconds.
LONG = {
    f"guide/{name}"
    for name in (
        "comparing",
        "inspecting",
        "models",
        "new_cell_types",
        "reporting",
        "splitting",
        "sweeps",
        "tf_activity",
    )
}
# Told in words and shell commands alone.
WITHOUT_EXAMPLES = {"api", "architecture", "changelog", "glossary", "guide/index", "replication", "support"}
# Commands of the shell, which are run elsewhere: by test_cli_page.py, and by .ci/run.
WITHOUT_EXAMPLES |= (COMMANDS := {"guide/command_line", "guide/workflow"})


def written_pages():
    """Pages by name, without those that a build makes."""
    made = ("generated/", "auto_examples/", "_")
    names = {path: path.relative_to(DOCS).with_suffix("").as_posix() for path in sorted(DOCS.rglob("*.rst"))}
    return {name: path for path, name in names.items() if not name.startswith(made)}


PAGES = written_pages()
GUIDE = sorted(name for name in PAGES if name.startswith("guide/"))


def test_pages_are_found():
    assert {"contract", "scale", "quick_start", "guide/data", "guide/splitting"} < set(PAGES)
    assert len(GUIDE) >= 8
    assert set(PAGES) > RUN_ELSEWHERE | WITHOUT_EXAMPLES


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in LONG else ())
        for name in sorted(set(PAGES) - RUN_ELSEWHERE - WITHOUT_EXAMPLES)
    ],
)
def test_page_runs(name, monkeypatch):
    """As a script does: in a module, so that classes of the page can be pickled."""
    module = types.ModuleType("page_of_the_docs")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    page = doctest.DocTestParser().get_doctest(PAGES[name].read_text(), {}, name, str(PAGES[name]), 0)
    page.globs = vars(module)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = runner.run(page, clear_globs=False)
    assert result.attempted >= 2
    assert result.failed == 0


@pytest.mark.parametrize("name", sorted(WITHOUT_EXAMPLES))
def test_page_without_examples_has_none(name):
    assert ">>>" not in PAGES[name].read_text()


@pytest.mark.parametrize("name", sorted(set(GUIDE) - COMMANDS))
def test_every_code_block_of_a_guide_page_is_run(name):
    """A literal block or a code block would be shown and never tried."""
    text = PAGES[name].read_text()
    assert "code-block" not in text
    assert not re.search(r"^(?!\s*\.\. ).*::$", text, flags=re.MULTILINE)


# Show how to call something, and no result that could be drawn.
WITHOUT_FIGURE = {
    f"guide/{name}"
    for name in (
        "cited_systems",
        "coming_from",
        "index",
        "messages",
        "motifs",
        "own_estimator",
        "peak_features",
        "sequence",
    )
} | COMMANDS


def test_guide_pages_that_show_a_result_have_a_figure():
    without = {name for name in GUIDE if ".. figure::" not in PAGES[name].read_text()}
    assert without == WITHOUT_FIGURE


def test_every_guide_page_is_in_the_table_of_the_guide():
    table = PAGES["guide/index"].read_text().split(".. toctree::")[0]
    assert [
        name for name in GUIDE if name != "guide/index" and f":doc:`{name.removeprefix('guide/')}`" not in table
    ] == []


# Their examples need the network, or a package of 57 MB.
SHOWN_NOT_RUN = {"datasets.fetch_hematopoiesis", "motifs.jaspar_motifs"}
# Entries of the tables; errors and warnings are listed in another way.
API = re.findall(r"^ {3}(\w\S*)$", PAGES["api"].read_text(), flags=re.MULTILINE)


def test_names_of_the_api_are_found():
    assert len(set(API)) > 80
    assert set(API) > SHOWN_NOT_RUN


def test_the_api_has_one_section_per_module_with_links_to_the_guide():
    sections = re.split(r"^(skepi\.\w+)\n-+$", PAGES["api"].read_text(), flags=re.MULTILINE)
    titles, texts = sections[1::2], sections[2::2]
    assert len(set(titles)) == len(titles)
    assert {f"skepi.{name.split('.')[0]}" for name in API} | {"skepi.exceptions"} == set(titles)
    for title, text in zip(titles, texts, strict=True):
        assert re.search(r"Guide: :doc:`", text), title
        assert {f"skepi.{name.split('.')[0]}" for name in re.findall(r"^ {3}(\w+\.\w+)$", text, re.MULTILINE)} <= {
            title
        }


@pytest.mark.parametrize("name", API)
def test_every_name_of_the_api_has_an_example_that_runs(name):
    room, _, member = name.rpartition(".")
    docstring = getattr(importlib.import_module(f"skepi.{room}"), member).__doc__
    examples = doctest.DocTestParser().get_examples(docstring)
    assert len(examples) > 0
    assert {bool(example.options.get(doctest.SKIP)) for example in examples} == {name in SHOWN_NOT_RUN}


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
        len(
            re.findall(
                r"^\. \.venv/bin/activate && pip install .*&& python -m pytest -n auto$", text, flags=re.MULTILINE
            )
        )
        == 1
    )
    assert len(re.findall(r"^python3 -m venv .*examples/plot_quick_start.py$", text, flags=re.MULTILINE)) == 1
