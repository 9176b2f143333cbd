"""One helper program for many tests: it starts once, and forks what is to be killed, starved or run at once."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).with_name("_interrupted.py")
ROOM_S = 900  # a job that takes longer hangs


@contextmanager
def helper_program():
    """A function ``run(how, **job)`` that gives the lines of a job, which sees the environment of the caller."""
    program = subprocess.Popen([sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(how, **job):
        program.stdin.write(json.dumps({"how": how, "environ": dict(os.environ), **job}) + "\n")
        program.stdin.flush()
        watch = threading.Timer(ROOM_S, program.kill)
        watch.start()
        lines = list(iter(program.stdout.readline, '"end"\n')) if program.poll() is None else [""]
        watch.cancel()
        return [json.loads(line) for line in lines]

    with program:
        yield run
        program.stdin.close()
