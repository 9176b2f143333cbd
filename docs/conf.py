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
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
add_module_names = False
# Docstrings inherited from scikit-learn point into its own guide.
suppress_warnings = ["ref.ref"]
