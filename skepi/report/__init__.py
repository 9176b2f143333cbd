"""One page that can be sent to a colleague: renders what other rooms computed, and computes no result of its own."""

from skepi.report._caveats import Caveat
from skepi.report._report import caveats, write_report

__all__ = ["Caveat", "caveats", "write_report"]
