"""Files that others read of the project, held to the package: citation, recipe, templates, support."""

import re
import tomllib
from pathlib import Path

import jinja2
import pytest
import yaml

import skepi

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def recipe():
    """The recipe as conda reads it: a template of YAML, whose comments name platforms."""
    undefined = {"undefined": jinja2.StrictUndefined}
    text = jinja2.Environment(**undefined).from_string((ROOT / "recipe" / "meta.yaml").read_text())
    return yaml.safe_load(text.render(PYTHON="python"))


def as_conda(requirement):
    """``torch>=2.4`` as ``pytorch >=2.4``."""
    name, least = re.fullmatch(r"([\w-]+)(>=[\d.]+)", requirement).groups()
    return f"{CONDA_NAMES.get(name, name)} {least}"


def test_the_citation_names_this_version_and_nobody_else():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format wants
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == skepi.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["abstract"].strip() == f"{PROJECT['description']}."
    assert citation["authors"] == PROJECT["authors"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert not {"doi", "identifiers"} & set(citation)


def test_the_recipe_renders_to_what_the_package_needs():
    found = recipe()
    assert found["package"] == {"name": "skepi", "version": skepi.__version__}
    python = f"python {PROJECT['requires-python']}"
    assert found["requirements"]["run"] == [python, *map(as_conda, PROJECT["dependencies"])]
    optional = [
        one for extra in ("plot", "report", "parquet", "data") for one in PROJECT["optional-dependencies"][extra]
    ]
    constrained = [as_conda(one) for one in optional if not one.startswith("skepi[")]
    assert found["requirements"]["run_constrained"] == constrained
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert found["requirements"]["host"] == [python, "pip", *map(as_conda, build)]
    assert found["build"]["entry_points"] == [f"skepi = {PROJECT['scripts']['skepi']}"]
    assert found["about"]["license"] == PROJECT["license"]
    assert (ROOT / found["about"]["license_file"]).is_file()
    assert found["about"]["summary"] == PROJECT["description"]


@pytest.mark.parametrize("name", ["bug", "wish"])
def test_issue_forms_are_forms(name):
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert set(form) == {"name", "description", "labels", "body"}
    kinds = {field["type"] for field in form["body"]}
    assert kinds <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in form["body"])
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_classifiers_name_the_python_that_the_tests_run_on():
    pythons = {one for one in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", one)}
    assert pythons == {f"Programming Language :: Python :: {PROJECT['requires-python'].removeprefix('>=')}"}
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert (ROOT / "skepi" / "py.typed").is_file()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_to_files_of_the_project_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
    if page == "README.md":
        assert {"CONTRIBUTING.md", "SECURITY.md", "CITATION.cff", "docs/support.rst"} <= set(links)


def test_security_names_doors_and_limits_that_are_there():
    text = (ROOT / "SECURITY.md").read_text()
    from skepi.paired import PairedDataset
    from skepi.persistence import load_model

    assert "`load_model`" in text
    assert "trusted" in load_model.__kwdefaults__
    assert "verify" in PairedDataset.open.__kwdefaults__
    assert "SKEPI_MAX_UNPACKED_BYTES" in text
    assert "SKEPI_MAX_UNPACKED_BYTES" in (ROOT / "skepi" / "_limits.py").read_text()
