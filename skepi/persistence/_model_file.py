"""The model file: what it says about itself, and the way in and out."""

import json
import os
import platform
import warnings
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.base import BaseEstimator

from skepi import __version__
from skepi._files import read_about, read_arrays, write_arrays
from skepi.exceptions import ModelFileError, ModelVersionWarning
from skepi.persistence._classes import Trusted, check_trusted, public_module
from skepi.persistence._kinds import KINDS, kind_of
from skepi.persistence._nodes import Reader, Writer

_KIND, _WHAT = "skepi model", "a skepi model"
_FORMAT = 2
# State may change its meaning between minor versions of those whose classes a file names.
_CLASSES_OF = ("skepi", "scikit-learn")


def save_model(model: BaseEstimator, path: str | os.PathLike, *, metadata: dict[str, Any] | None = None) -> None:
    """Write a model, fitted or not, to one file without pickle.

    Parameters
    ----------
    model : estimator
        A scikit-learn estimator: of skepi, of scikit-learn, or of your own, such as a pipeline or a search. Its
        state may hold other estimators, splitters, numbers, text, arrays, pandas tables, Python's containers, and
        objects of a :class:`FittedPart`.
    path : path
        A zip archive of numpy arrays and JSON, replaced as a whole or not at all. The ending is free; ``.skepi``
        is customary.
    metadata : dict, optional
        Yours to keep with the model, of values that JSON gives back as they were.

    Raises
    ------
    TypeError
        Where the model holds something else, such as a function or a compiled tree; the message gives its path
        inside the model. Nothing is written then.
    ValueError
        Where the model holds itself.

    Notes
    -----
    The file holds everything that ``fit`` learned: names of genes, and statistics of the training data.
    Memory order and dtype of arrays are kept, so predictions are the same to the last bit on the same machine.

    Examples
    --------
    >>> import tempfile
    >>> from skepi.linear_model import LassoBaseline
    >>> model = LassoBaseline(lam=1.0).fit([[-1.0], [0.0], [1.0]], [0.0, 1.0, 2.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/lasso.skepi", metadata={"data": "three rows"})
    ...     loaded = load_model(f"{folder}/lasso.skepi")
    >>> loaded.predict([[2.0]])
    array([1.5])
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"wanted a scikit-learn estimator, got {type(model).__name__}")
    writer = Writer(KINDS, kind_of)
    about = {
        "kind": _KIND,
        "format": _FORMAT,
        "estimator": f"{public_module(type(model).__module__)}.{type(model).__qualname__}",
        "versions": _versions(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "metadata": _checked_metadata(metadata),
        "model": writer.node(model, "model"),
        "objects": writer.objects,
    }
    write_arrays(path, writer.arrays, about, compress=True)


def load_model(path: str | os.PathLike, *, trusted: Trusted = ()) -> Any:
    """Read a model that :func:`save_model` wrote.

    Nothing in the file is run: it names classes, which are looked up in skepi, scikit-learn and what you trust, and
    must be estimators, fitted parts of estimators, splitters or scorers there. Their constructors are not called.

    Parameters
    ----------
    path : path
    trusted : sequence of str or class, default=()
        Modules (with all below them) and classes beyond skepi and scikit-learn that the file may name. Modules are
        imported, which runs their code.

    Returns
    -------
    estimator
        As it was saved; arrays and estimators that it held in several places are one again.

    Raises
    ------
    ModelFileError
        Where the file is damaged, no model, of a newer format, or names what is not trusted.
    TypeError
        Where ``trusted`` is neither modules nor classes.

    Warns
    -----
    ModelVersionWarning
        Where skepi or scikit-learn had another minor version when the file was written.

    Notes
    -----
    A model from a stranger runs no code in loading, but its settings are theirs: look at file names among its
    parameters (``checkpoint``, ``memory``) before fitting it again.

    See Also
    --------
    save_model, read_model_info

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(model, f"{folder}/line.skepi")
    ...     loaded = load_model(f"{folder}/line.skepi")
    >>> type(loaded).__name__, bool(loaded.predict([[2.0]]) == model.predict([[2.0]]))
    ('LinearRegression', True)
    """
    check_trusted(trusted)
    _warn_of_versions(path, read_model_info(path)["versions"])
    try:
        arrays, about = read_arrays(path, _KIND, _WHAT)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    try:
        model = Reader(KINDS, about["objects"], arrays, trusted).value(about["model"])
    except Exception as error:
        raise ModelFileError(f"{path} cannot be loaded: {error}") from error
    if not isinstance(model, BaseEstimator):
        raise ModelFileError(f"{path} holds {type(model).__name__}, wanted an estimator")
    return model


def read_model_info(path: str | os.PathLike) -> dict[str, Any]:
    """Read what a model file says about itself, without loading the model.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        ``format`` (int), ``estimator`` (name of the class), ``versions`` (of skepi, scikit-learn, numpy, pandas and
        Python when it was written), ``date`` (UTC, ISO 8601) and ``metadata`` (yours, or None).

    Raises
    ------
    ModelFileError
        Where the file is damaged, no model, or of a newer format.

    Examples
    --------
    >>> import tempfile
    >>> from skepi.linear_model import LassoBaseline
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(LassoBaseline(), f"{folder}/lasso.skepi", metadata={"genes": 17})
    ...     info = read_model_info(f"{folder}/lasso.skepi")
    >>> info["estimator"], info["metadata"]
    ('skepi.linear_model.LassoBaseline', {'genes': 17})
    """
    try:
        about = read_about(path, _KIND, _WHAT)
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    written, versions = about.get("format"), about.get("versions")
    if type(written) is not int or not isinstance(versions, dict):
        raise ModelFileError(f"{path} does not say by which format and versions it was written")
    if written != _FORMAT:
        raise ModelFileError(
            f"{path} has format {written} of skepi {versions.get('skepi')}; skepi {__version__} reads format {_FORMAT}"
        )
    return {name: about.get(name) for name in ("format", "estimator", "versions", "date", "metadata")}


def _versions() -> dict[str, str]:
    return {
        "skepi": __version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "python": platform.python_version(),
    }


def _warn_of_versions(path: str | os.PathLike, written: dict[str, str]) -> None:
    own = _versions()
    differing = [
        f"{name} {written.get(name)} (here {own[name]})"
        for name in _CLASSES_OF
        if str(written.get(name)).split(".")[:2] != own[name].split(".")[:2]
    ]
    if differing:
        warnings.warn(
            f"{path} was written with {' and '.join(differing)}: check its predictions before you rely on them",
            ModelVersionWarning,
            stacklevel=3,
        )


def _checked_metadata(metadata: dict[str, Any] | None) -> dict[str, Any] | None:
    try:
        same = json.loads(json.dumps(metadata)) == metadata
    except (TypeError, ValueError) as error:
        raise TypeError(f"metadata cannot be written as JSON: {error}") from error
    if not same or not isinstance(metadata, dict | None):
        raise TypeError(f"metadata must be a dict that JSON gives back as it was, got {metadata!r}")
    return metadata
