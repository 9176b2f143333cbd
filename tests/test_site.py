"""The built site: offline, whole, and no wider than a phone. ``SKEPI_SITE`` names the folder that Sphinx wrote.

``python -m sphinx -W -q docs docs/_build && SKEPI_SITE=docs/_build python -m pytest --slow tests/test_site.py``
"""

import os
import re
from pathlib import Path

import pytest
from built_site import CHROMIUM, Page, broken_links, measured, pages_of

PHONE = 390  # CSS pixels


def test_a_page_is_read_as_a_browser_reads_it():
    page = Page(
        '<div id="a"><p>words \\(x\\) <code>\\(y\\)</code><br><a href="b.html#c">b</a></p></div>'
        '<span class="math"><math><mi>x</mi></math></span><span class="math">\\frac</span><img src="https://x.org/i.png">'
    )
    assert page.ids == {"a"}
    assert page.links == ["b.html#c"]
    assert page.loaded == ["https://x.org/i.png"]
    assert "".join(page.prose) == "words \\(x\\) b\\frac"
    assert len(page.formulas) == 1


def test_a_link_to_no_file_or_to_no_place_is_broken(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here"></a><a href="#there"></a><a href="sub/b.html#x%20y"></a><a href="c.html"></a>'
        '<a href="https://elsewhere.org"></a></p>'
    )
    (tmp_path / "sub" / "b.html").write_text('<p id="x y"><img src="../no.png"><a href="../a.html#here"></a></p>')
    broken = list(broken_links(tmp_path, pages_of(tmp_path)))
    assert broken == ["a.html -> #there", "a.html -> c.html", "sub/b.html -> ../no.png"]


@pytest.fixture(scope="module")
def site():
    named = os.environ.get("SKEPI_SITE")
    if not named:
        pytest.skip("no site was built: SKEPI_SITE names the folder of one, see the head of this file")
    folder = Path(named).resolve()
    assert (folder / "index.html").is_file(), f"SKEPI_SITE is {named}, which holds no index.html"
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return pages_of(site)


@pytest.mark.slow
def test_the_site_has_its_pages(pages):
    assert {"index.html", "api.html", "guide/index.html", "guide/messages.html", "auto_examples/index.html"} < set(
        pages
    )
    assert len(pages) > 150


@pytest.mark.slow
def test_no_link_within_the_site_is_broken(site, pages):
    assert list(broken_links(site, pages)) == []


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(pages):
    elsewhere = {(name, url) for name, page in pages.items() for url in page.loaded if re.match(r"(?:https?:)?//", url)}
    assert elsewhere == set()


@pytest.mark.slow
def test_no_formula_is_left_as_source(site, pages):
    assert sum((site / name).read_text(encoding="utf-8").count("<math") for name in pages) > 200
    source = re.compile(r"\\[(\[]|\\[a-zA-Z]{2}|:math:|\$\$")  # "\t" in a signature is a tab
    left = {name: source.search(" ".join(page.prose)) for name, page in pages.items()}
    assert {name: found.string[found.start() :][:60] for name, found in left.items() if found} == {}
    assert {name: page.formulas for name, page in pages.items() if page.formulas} == {}


drawn = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: pages are not drawn")


@drawn
@pytest.mark.slow
def test_a_wide_page_and_a_formula_without_room_are_found(tmp_path):
    (tmp_path / "wide.html").write_text('<div style="width:1000px">x</div><math></math>')
    (tmp_path / "narrow.html").write_text("<p>x</p><math><mi>x</mi></math>")
    found = measured(tmp_path, ["wide.html", "narrow.html"], PHONE, tmp_path / "profile")
    assert found["wide.html"]["width"] >= 1000
    assert found["wide.html"]["empty"] == 1
    assert found["narrow.html"] == {"width": PHONE, "empty": 0}


@drawn
@pytest.mark.slow
def test_no_page_is_wider_than_a_phone_and_every_formula_is_drawn(site, pages, tmp_path):
    found = measured(site, pages, PHONE, tmp_path)
    assert set(found) == set(pages)
    assert {name: page["width"] for name, page in found.items() if page["width"] > PHONE} == {}
    assert {name: page["empty"] for name, page in found.items() if page["empty"]} == {}
