"""Where this copy of skepi is kept: links to source, issues and citation, on the start page and in the bar."""

_MARK = ".. links of conf.py"
_WORDS = {"source": "Source", "issues": "Questions and issues", "citation": "How to cite"}
_ICONS = {"source": "fa-solid fa-code", "issues": "fa-solid fa-circle-question", "citation": "fa-solid fa-quote-right"}


def icons(addresses):
    """Links for the bar at the head of each page, without those whose address is empty."""
    return [
        {"name": _WORDS[name], "url": url, "icon": _ICONS[name]} for name, url in _checked(addresses).items() if url
    ]


def sentence(addresses):
    """The same links as a line of text, empty where all addresses are."""
    return " · ".join(f"`{_WORDS[name]} <{url}>`__" for name, url in _checked(addresses).items() if url)


def _checked(addresses):
    """Addresses, after a look at their names: a misspelt one would be left out in silence."""
    if unknown := set(addresses) - set(_WORDS):
        raise ValueError(f"skepi_links has {sorted(unknown)}; wanted {sorted(_WORDS)}")
    return addresses


def show(app, docname, source):
    """Put the line where a page asks for it."""
    source[0] = source[0].replace(_MARK, sentence(app.config.skepi_links))
