"""Peak memory of this process or of its children, for the benchmarks beside it."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_gb(who=resource.RUSAGE_SELF):
    """Peak resident memory in GB (10^9 bytes).

    On Linux, ``ru_maxrss`` of a process starts at the peak of the process that started it,
    so the peak of this process itself is read from ``VmHWM``.
    """
    if who == resource.RUSAGE_SELF and STATUS.exists():
        return _high_water_mark_kib(STATUS.read_text()) * 1024 / 1e9
    # Linux counts in KiB, macOS in bytes.
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def _high_water_mark_kib(status):
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])
