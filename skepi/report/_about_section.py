"""What made the page: settings as they were handed in, versions of packages, the date."""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from skepi import __version__
from skepi.report._blocks import Section, Text, facts

_PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "torch", "skorch", "matplotlib", "jinja2")
_LONGEST = 400


def about_section(settings: Mapping[str, Any] | None) -> Section:
    """Return settings and versions."""
    blocks: list[Any] = [Text("No settings were handed in (settings=).")]
    if settings:
        rows = [(name, text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...") for name, text in _flat(settings)]
        blocks = [facts("Settings, as they were handed in", ("setting", "value"), rows)]
    versions = [("skepi", __version__), ("Python", platform.python_version()), *_versions()]
    return Section("about", "Settings and versions", [*blocks, facts("Versions", ("package", "version"), versions)])


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Settings of settings under joined names.

    Examples
    --------
    >>> list(_flat({"seed": 0, "model": {"name": "ridge"}}))
    [('seed', '0'), ('model.name', 'ridge')]
    """
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
