"""Settings of the documentation: ``sphinx-build -W docs docs/_build``."""

import skepi

project = "skepi"
author = "The skepi developers"
release = version = skepi.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc"]
html_theme = "pydata_sphinx_theme"
html_title = "skepi"
exclude_patterns = ["_build", "generated/*.tmp"]
autosummary_generate = True
templates_path = ["_templates"]
numpydoc_show_class_members = False  # the class template documents them in full
add_module_names = False
