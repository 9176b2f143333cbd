"""A process that is killed (-9) leaves nothing that changes a later result, and nothing behind after the next save."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("_killed.py")
COMMANDS = ["check", "build", "compare", "fit", "predict", "activity", "links", "report"]


def outcomes(folder, n_kills, works):
    command = [sys.executable, PROGRAM, folder, str(n_kills), *works]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed process may leave its unfinished file")
@pytest.mark.parametrize(
    ("n_kills", "works"),
    [
        (1, ["save", "model"]),
        pytest.param(3, [f"command_{name}" for name in COMMANDS], marks=pytest.mark.slow),
        pytest.param(20, ["save", "model", "sweep", "compare", "training"], marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)
def test_killed_at_any_line_and_done_again(tmp_path, n_kills, works):
    wanted = {"n_killed": n_kills, "same": True, "left": []}
    assert outcomes(tmp_path, n_kills, works) == [{"work": work, **wanted} for work in works]
