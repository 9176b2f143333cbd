"""Fetch files or blood data, killed again and again: run as a program by the tests, never imported by them.

The interpreter starts once; each attempt is a fork of it, so that kills fall into the work and not into imports.
It reads one job (JSON) per line, and prints one JSON line for each attempt and ``"end"`` behind the last.
"""

import json
import os
import random
import resource
import signal
import sys
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
    """Fork and work; the parent gets the child's number, whose exit status is 0 done, 1 failed, below 0 killed."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.environ.clear()
        os.environ.update(job["environ"])
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
    """Let each attempt die after a random time, up to ``window_s``, of an alarm that nothing handles.

    The kernel rings it, so no attempt lives longer than it was given, however busy the machine is.
    """
    rng = random.Random(job["seed"])
    for _ in range(job["n_kills"]):
        seconds = rng.uniform(1e-4, job["window_s"])
        pid = attempt(job, partial(signal.setitimer, signal.ITIMER_REAL, seconds))
        print(json.dumps({"status": ended(pid)}), flush=True)


def kill_at_lines(job):
    """Kill each attempt before the k-th line of the watched modules, for each k of ``lines``."""
    for at in job["lines"]:
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


def at_once(job):
    """``n`` attempts that begin together."""
    for pid in [attempt(job) for _ in range(job["n"])]:
        print(json.dumps({"status": ended(pid)}), flush=True)


HOW = {"moments": kill_at_moments, "lines": kill_at_lines, "little_space": with_little_space, "at_once": at_once}

if __name__ == "__main__":
    import skepi.datasets  # noqa: F401 - so that forks need not

    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        HOW[job["how"]](job)
        print(json.dumps("end"), flush=True)
