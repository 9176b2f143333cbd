"""Settings of the documentation: ``python -m sphinx -W -q docs docs/_build``."""

import os
import sys
from pathlib import Path

import skepi

sys.path.insert(0, str(Path(__file__).parent))
import _gallery
import _kept
import _links
import _members
import _panels

project = "skepi"
author = "The skepi developers"
release = version = skepi.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "_mathml",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/*.tmp", "**/GALLERY_HEADER.rst"]
templates_path = ["_templates"]
autosummary_generate = True
autosummary_context = {"our_methods": _members.OurMethods()}
numpydoc_show_class_members = False  # the class template documents them in full
add_module_names = False
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # docstrings state types, with shapes and units
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"

html_math_renderer = "mathml"
copybutton_prompt_text = r">>> |\.\.\. |\.\.\.$"
copybutton_prompt_is_regexp = True  # what follows a prompt is copied; prompts and output are not

html_theme = "pydata_sphinx_theme"
html_title = "skepi"
html_static_path = ["_static"]
html_css_files = ["skepi.css"]
html_show_sourcelink = False
# Addresses of this copy; what is empty is left out of every page.
skepi_links = {"source": "", "issues": "", "citation": ""}
html_theme_options = {
    "icon_links": _links.icons(skepi_links),
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {"index": [], "replication": [], "install": [], "quick_start": [], "glossary": [], "changelog": []}
copyright = "The skepi developers, BSD 3-Clause"

sphinx_gallery_conf = {
    "gallery_dirs": "auto_examples",
    "filename_pattern": _gallery.executed(os.environ.get("SKEPI_GALLERY")),
    "within_subsection_order": "_gallery.place",
    "minigallery_sort_order": "_gallery.place",
    "default_thumb_file": str(Path(__file__).parent / "_static" / "not_run.png"),
    "image_scrapers": ("_panels.scraper",),
    "thumbnail_size": (480, 320),
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skepi",),
    "capture_repr": (),
    "matplotlib_animations": False,
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
}

# An inventory that cannot be reached is a warning, and warnings are errors: links to other projects are asked for.
if os.environ.get("SKEPI_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }


def setup(app):
    app.connect("autodoc-skip-member", _members.skip)
    app.connect("config-inited", _gallery.copy_examples, priority=1)  # before the gallery reads its settings
    app.connect("builder-inited", _panels.use_as_thumbnails, priority=900)  # after the gallery has drawn its own
    app.connect("source-read", _kept.show)
    app.add_config_value("skepi_links", {}, "env", dict)
    app.connect("source-read", _links.show)
