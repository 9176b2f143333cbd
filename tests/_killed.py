"""Work that keeps something on disk, killed before lines of its code and then done again: run by test_kills.py.

``python _killed.py FOLDER N_KILLS WORK...`` prints one JSON line for each kind of work: how many attempts were killed,
whether the next attempt always had the result of an undisturbed one, and what else it left in its folder.
"""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _interrupted import ended, stop_at_line
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.cli import main
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV
from skepi.neural_network import ExpressionMLP
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model

DATA = make_paired_openness(n_genes=12, n_cell_types=6, random_state=0)[0]
ROWS = np.random.default_rng(0).normal(size=(24, 3))


def save(folder):
    with contextlib.suppress(FileExistsError):  # killed after the last step; what is left is cleared all the same
        DATA.save(folder / "set")
    found = PairedDataset.open(folder / "set")
    return [found.tables.identity, float(found.expression.sum())]


def model(folder):
    save_model(Ridge(alpha=2).fit(ROWS, ROWS[:, 0]), folder / "model.skepi")
    return load_model(folder / "model.skepi").coef_.tolist()


def sweep(folder):
    search = ResumableGridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, folder=folder, cv=3)
    return search.fit(ROWS, ROWS[:, 0]).cv_results_["mean_test_score"].tolist()


def compare(folder):
    pipe = make_pipeline(TSSBinner(edges=symmetric_edges([0, 10_000])), GeneZTarget(Ridge()))
    compared = compare_models({"ridge": pipe}, DATA, {"cell types": CellTypeKFold(3)}, folder=folder, n_bootstrap=2)
    return compared.held_out("cell types", "ridge")["y_pred"].tolist()


def training(folder):
    net = ExpressionMLP((3,), max_epochs=6, early_stopping=False, checkpoint=folder / "run.npz", random_state=0)
    return net.fit(ROWS, ROWS[:, 0]).predict(ROWS).tolist()


def command(name, *arguments, output):
    """Work of one command of the shell, on files beside the folders of all attempts; its output is what remains."""

    def work(folder):
        files, path = folder.parents[1] / "files", folder / output
        if path.is_dir():  # killed after the last step; the message says to remove it
            shutil.rmtree(path)
        with (
            contextlib.chdir(files),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            code = main([name, *arguments, "--output", str(path), *(["--folder", str(folder)] * (name == "compare"))])
        # 1 where an attempt was killed when the output was there already.
        return [code in (0, 1), content_of(path)]

    work.__name__ = f"command_{name}"
    return work


def content_of(path):
    """What is in an output, without dates and seconds."""
    if path.is_dir():
        return PairedDataset.open(path).tables.identity
    if path.suffix == ".skepi":
        return load_model(path).predict(DATA.pairs()).tolist()
    if path.suffix == ".html":
        return path.read_text(encoding="utf-8")
    return pd.read_csv(path, sep="\t").drop(columns=["fit_s", "predict_s"], errors="ignore").to_json()


def write_files(folder):
    """What the commands read: a saved data set, and tables as text."""
    folder.mkdir()
    DATA.save(folder / "data")
    names = DATA.peaks["chrom"] + ":" + DATA.peaks["start"].astype(str) + "-" + DATA.peaks["end"].astype(str)
    cell_types = list(DATA.cell_types["name"])
    pd.DataFrame(DATA.openness, names, cell_types).to_csv(folder / "openness.tsv", sep="\t")
    pd.DataFrame(DATA.expression, DATA.genes["name"], cell_types).to_csv(folder / "expression.tsv", sep="\t")
    genes = DATA.genes
    rows = zip(
        genes["chrom"], genes["tss"], genes["tss"] + 1, genes["name"], genes["name"], genes["strand"], strict=True
    )
    (folder / "genes.bed").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


FILES = ["--openness", "openness.tsv", "--genes", "genes.bed", "--expression", "expression.tsv"]
FEW = [
    "--models",
    "training-mean",
    "nearest-cell-type",
    "--splits",
    "cell-types",
    "--n-jobs",
    "1",
    "--n-bootstrap",
    "2",
]
COMMANDS = [
    command("check", *FILES, output="checks.tsv"),
    command("build", *FILES, output="data"),
    command("compare", "data", *FEW, output="scores.tsv"),
    command("fit", "data", "--model", "ridge", output="model.skepi"),
    command("predict", "--train", "data", "--openness", "openness.tsv", output="predicted.tsv"),
    command("activity", "data", output="activity.tsv"),
    command("links", "data", output="links.tsv"),
    command("report", "data", *FEW, "--model", "training-mean", "--controls", "genes", output="report.html"),
]

#: Each work, and the modules before whose lines it is killed.
WORK = {
    save: ("paired/_saved.py", "skepi/_files.py"),
    model: ("persistence/_model_file.py", "skepi/_files.py"),
    sweep: ("model_selection/_resumable.py", "model_selection/_outcomes.py", "skepi/_files.py"),
    compare: ("comparison/_fit.py", "skepi/_files.py"),
    training: ("neural_network/_checkpoint.py", "neural_network/_net.py", "skepi/_files.py"),
    **dict.fromkeys(COMMANDS, ("cli/_program.py", "paired/_saved.py", "skepi/_files.py")),
}


def in_a_fork(work, folder, before=None):
    """Result of the work, done in a fork; None where it was killed."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        if before is not None:
            before()
        os.write(write, json.dumps(work(folder)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as result:
        text = result.read()
    status = ended(pid)
    assert status in (0, -signal.SIGKILL), status
    return json.loads(text) if status == 0 else None


def n_lines(work, folder, watched):
    """How many lines of the watched modules the work runs."""
    at = [0]

    def count():
        def trace(frame, event, arg):
            if not frame.f_code.co_filename.endswith(watched):
                return None
            at[0] += event == "line"
            return trace

        sys.settrace(trace)

    def counted(folder):
        work(folder)
        return at[0]

    return in_a_fork(counted, folder, count)


def names_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def killed_and_done_again(work, folder, n_kills, seed):
    """Kill the work before a random line and do it again, in a new folder each time."""
    folders = [folder / work.__name__ / str(i) for i in range(n_kills + 2)]
    for one in folders:
        one.mkdir(parents=True)
    wanted = in_a_fork(work, folders[0])
    lines = random.Random(seed).choices(range(n_lines(work, folders[1], WORK[work])), k=n_kills)
    killed, same, left = 0, True, set()
    for at, again in zip(lines, folders[2:], strict=True):
        killed += in_a_fork(work, again, lambda at=at: stop_at_line(at, WORK[work])) is None
        same &= in_a_fork(work, again) == wanted
        left |= set(names_in(again)) ^ set(names_in(folders[0]))
    return {"work": work.__name__, "n_killed": killed, "same": same, "left": sorted(left)}


if __name__ == "__main__":
    folder, n_kills, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    warnings.simplefilter("ignore")  # of data this small
    write_files(folder / "files")
    for work in WORK:
        if work.__name__ in names:
            print(json.dumps(killed_and_done_again(work, folder, n_kills, seed=n_kills)), flush=True)
