"""Parts of the site that are made when it is built: formulas, links to where this copy is kept, what is copied."""

import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def beside_conf(monkeypatch):
    """Modules that lie beside conf.py."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module
    for name in ("_links", "_mathml"):
        sys.modules.pop(name, None)


def test_addresses_that_are_empty_are_left_out(beside_conf):
    links = beside_conf("_links")
    addresses = {"source": "https://x.org/skepi", "issues": "", "citation": "https://doi.org/1"}
    assert [link["url"] for link in links.icons(addresses)] == ["https://x.org/skepi", "https://doi.org/1"]
    assert links.sentence(addresses) == "`Source <https://x.org/skepi>`__ · `How to cite <https://doi.org/1>`__"
    assert links.sentence(dict.fromkeys(addresses, "")) == ""
    assert links.icons(dict.fromkeys(addresses, "")) == []


def test_a_misspelt_address_is_an_error(beside_conf):
    with pytest.raises(ValueError, match=r"skepi_links has \['sources'\]; wanted \['citation', 'issues', 'source'\]"):
        beside_conf("_links").sentence({"sources": "https://x.org"})


def test_the_start_page_and_the_bar_have_one_setting():
    assert (DOCS / "index.rst").read_text().count("\n.. links of conf.py\n") == 1
    assert len(re.findall(r"^skepi_links = ", (DOCS / "conf.py").read_text(), flags=re.MULTILINE)) == 1


def test_formulas_become_mathml_and_what_cannot_is_an_error(beside_conf):
    pytest.importorskip("math_core", reason="math-core is not installed (extra `docs`)")
    mathml = beside_conf("_mathml").mathml
    assert "<mfrac>" in mathml(r"\frac{1}{2}", True)
    assert 'display="block"' in mathml("x", True)
    assert 'display="block"' not in mathml("x", False)
    assert mathml("a &= b \\\\\n c &= d", True).count("<mtr>") == 2
    assert ">^<" in mathml(r"\hat L", False)
    with pytest.raises(Exception, match=r"the formula .*nosuch.* cannot be written as MathML"):
        mathml(r"\nosuch{x}", False)


@pytest.mark.parametrize("page", ["quick_start.rst", "guide/models.rst", "guide/own_estimator.rst", "scale.rst"])
def test_what_the_button_copies_is_the_code_that_is_tested(page):
    """The button takes lines that begin with a prompt, without it; doctest reads them by rules of its own."""
    conf = (DOCS / "conf.py").read_text()
    prompt = re.compile(re.search(r'^copybutton_prompt_text = r"(.*)"$', conf, flags=re.MULTILINE)[1])
    text = (DOCS / page).read_text()
    copied = [line[match.end() :] for line in text.splitlines() if (match := prompt.match(line))]
    tested = "".join(example.source for example in doctest.DocTestParser().get_examples(text))
    assert len(copied) > 10
    assert "\n".join(copied) + "\n" == tested
