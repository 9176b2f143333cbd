"""Scripts run as a user runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(script, folder, variables=None, arguments=()):
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=1800,
        env={**os.environ, "MPLBACKEND": "Agg", **(variables or {})},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    doubts = re.findall(r"(?:Scale|Assembly|FewGenes|LeftOut)Warning.*", done.stderr)
    assert not doubts, "an example must not make a newcomer doubt its data"
    return done.stdout


def numbers_after(label, output):
    """Numbers of the first line that begins with a label."""
    line = next(line for line in output.splitlines() if line.strip().startswith(label))
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line.strip().removeprefix(label))]
