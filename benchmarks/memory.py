"""Peak memory of this process or of its children, for the benchmarks beside it."""

import resource
import sys


def peak_gb(who=resource.RUSAGE_SELF):
    """Peak resident memory in GB (10^9 bytes); Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
