"""Which members a class page documents in full: those that skepi defines, on private base classes too."""

import inspect
from importlib import import_module


def is_ours(name, member):
    """Whether skepi wrote a method or property, as a class holds it."""
    inner = next((getattr(member, key) for key in ("fget", "func", "__func__") if hasattr(member, key)), member)
    function = inspect.unwrap(inner)
    return (getattr(function, "__module__", None) or "").startswith("skepi") and not name.endswith("_request")


def skip(app, what, name, member, skipped, options):
    """Leave members of other packages out of class pages: their docstrings refer to pages of their own."""
    return True if what == "class" and not skipped and not is_ours(name, member) else None


class OurMethods:
    """Names of the public methods that skepi defines; for templates, which settings can only give objects."""

    def __call__(self, module, name):
        found = getattr(import_module(module), name)
        methods = {key: getattr(found, key, None) for key in dir(found) if not key.startswith("_")}
        return [key for key, method in methods.items() if inspect.isroutine(method) and is_ours(key, method)]
