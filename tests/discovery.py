"""Estimators of the package, found rather than listed."""

import importlib
import inspect
import pkgutil

from sklearn.base import BaseEstimator

import skepi


def public_estimators():
    """Classes of estimators in public modules."""
    found = set()
    for module in pkgutil.walk_packages(skepi.__path__, "skepi."):
        if "._" in module.name:
            continue
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if member.__module__.startswith("skepi") and issubclass(member, BaseEstimator):
                found.add(member)
    return found
