"""Fetch files or blood data, killed again and again: run as a program by the tests, never imported by them.

The interpreter starts once; each attempt is a fork of it, so that kills fall into the work and not into imports.
``python _interrupted.py HOW JOB`` reads the job (JSON), and prints one JSON line for each attempt.
"""

import json
import os
import random
import resource
import signal
import sys
import time
from functools import partial
from pathlib import Path


def files_of(job):
    from skepi.datasets._download import RemoteFile

    return [RemoteFile(*row) for row in job["files"]]


def fetch(job):
    from skepi.datasets._download import fetch_files

    return fetch_files(files_of(job), Path(job["folder"]), delay=0)


def blood(job):
    from skepi.datasets import _hematopoiesis

    if "module" in job:  # small made-up files in place of the real ones
        from skepi.datasets._download import RemoteFile

        _hematopoiesis._POPULATIONS = tuple(map(tuple, job["module"]["_POPULATIONS"]))
        _hematopoiesis._COUNTS = RemoteFile(*job["module"]["_COUNTS"])
        _hematopoiesis._TSS = RemoteFile(*job["module"]["_TSS"])
    return _hematopoiesis.fetch_hematopoiesis(data_home=job["folder"], delay=0)


WORK = {"fetch": fetch, "blood": blood}


def attempt(job, before=None):
    """Fork and work; the parent gets the child's number, whose exit status is 0 done, 1 failed, -9 killed."""
    pid = os.fork()
    if pid:
        return pid
    try:
        if before is not None:
            before()
        WORK[job["work"]](job)
        os._exit(0)
    except BaseException as error:
        about = {"error": type(error).__name__, "errno": getattr(error, "errno", None), "text": str(error)}
        print(json.dumps(about), flush=True)
        os._exit(1)


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_at_moments(job):
    """Kill each attempt after a random time, up to ``window_s``."""
    rng = random.Random(job["seed"])
    for _ in range(job["n_kills"]):
        pid = attempt(job)
        time.sleep(rng.uniform(0, job["window_s"]))
        os.kill(pid, signal.SIGKILL)  # a zombie does not mind
        print(json.dumps({"status": ended(pid)}), flush=True)


def kill_at_lines(job):
    """Kill each attempt before the k-th line of the watched modules: all k in turn, or random ones."""
    lines = range(job["n_lines"])
    if "n_kills" in job:
        lines = random.Random(job["seed"]).choices(lines, k=job["n_kills"])
    for at in lines:
        stop = stop_in_writing if job.get("in_writing") else stop_at_line
        pid = attempt(job, partial(stop, at, tuple(job["watched"])))
        print(json.dumps({"status": ended(pid), "line": at}), flush=True)


def stop_at_line(at, watched):
    seen = 0

    def trace(frame, event, arg):
        nonlocal seen
        if not frame.f_code.co_filename.endswith(watched):
            return None
        if event == "line":
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1
        return trace

    sys.settrace(trace)


def stop_in_writing(at, watched):
    """Count lines from where the table of openness is written: tracing all before it is slow."""
    from skepi.datasets import _hematopoiesis

    write = _hematopoiesis.write_arrays

    def traced(*args, **kwargs):
        stop_at_line(at, watched)
        write(*args, **kwargs)

    _hematopoiesis.write_arrays = traced


def with_little_space(job):
    """Files cannot grow beyond ``n_bytes``: what a full disk looks like to the program."""
    limit = (job["n_bytes"], resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    pid = attempt(job, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    print(json.dumps({"status": ended(pid)}), flush=True)


def once(job):
    """One attempt, when a line comes: several such programs begin together."""
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps({"status": ended(attempt(job))}), flush=True)


if __name__ == "__main__":
    import skepi.datasets  # noqa: F401 - so that forks need not

    how, job = sys.argv[1], json.loads(sys.argv[2])
    {"moments": kill_at_moments, "lines": kill_at_lines, "little_space": with_little_space, "once": once}[how](job)
