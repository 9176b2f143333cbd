"""One training step of the network on the CPU: what lazy rows cost over a batch that is dense already.

Prints medians of several repeats, all in one run and in turns: a bare torch loop on a dense batch, ExpressionMLP on
lazy rows, both in float32 and in bfloat16, and skorch's default loop on rows of a sparse matrix.

usage: training_step.py [small | PATH of a saved data set]
"""

import sys
import time

import numpy as np
import torch

from skepi.binning import TSSBinner
from skepi.datasets import make_paired_openness
from skepi.neural_network import ExpressionMLP, _batches
from skepi.neural_network._module import MLP
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

FULL = {"size": (17_794, 201, 184_665), "hidden": (1000, 1000, 1000), "batch_size": 10_000, "repeats": 5}
SMALL = {"size": (300, 20, 6_000), "hidden": (64, 64), "batch_size": 500, "repeats": 3}
STEPS = 3  # in a timed epoch; another one before it warms up


def scaled_rows(data, n_rows):
    """Binned, scaled rows drawn at random, and their targets."""
    X, y = data.pairs(return_X_y=True)
    rows = np.random.default_rng(0).choice(len(y), n_rows, replace=False)
    return LogZScaler().fit_transform(TSSBinner().fit_transform(X))[rows], (y[rows] - y.mean()) / y.std()


def bare_step(features, targets, hidden, bfloat16):
    """Seconds a step of a plain loop on one dense batch."""
    module = MLP(features.shape[1], hidden, 0.0)
    optimizer = torch.optim.Adam(module.parameters())
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                predicted = module(features).float()
            torch.nn.functional.mse_loss(predicted, targets).backward()
            optimizer.step()
        seconds = time.perf_counter() - start
    return seconds / STEPS


def our_step(X, y, hidden, bfloat16):
    """Seconds a step of the second epoch of ExpressionMLP on lazy rows; all that an epoch does counts."""
    net = ExpressionMLP(
        hidden,
        batch_size=len(y) // STEPS,
        max_epochs=2,
        early_stopping=False,
        device="cpu",
        precision="bfloat16" if bfloat16 else "float32",
        random_state=0,
    )
    return net.fit(X, y).history_["seconds"].iloc[1] / STEPS


class SparseRows(torch.utils.data.Dataset):
    """One dense row at a time of a CSR matrix, with its target."""

    def __init__(self, X, y):
        self.X, self.y = X, y.astype(np.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, row):
        return self.X[[row]].toarray()[0], self.y[row]


def skorch_step(X, y, hidden, n_rows):
    """Seconds a batch of ``len(y) // STEPS`` rows of skorch's NeuralNetRegressor, scaled up from ``n_rows``."""
    from skorch import NeuralNetRegressor

    net = NeuralNetRegressor(
        MLP,
        module__n_features=X.shape[1],
        module__hidden=hidden,
        module__dropout=0.0,
        optimizer=torch.optim.Adam,
        train_split=None,
        batch_size=n_rows,
        max_epochs=1,
        verbose=0,
    ).initialize()
    rows = SparseRows(X.tocsr(slice(0, n_rows)), y[:n_rows])
    start = time.perf_counter()
    net.partial_fit(rows, None)
    return (time.perf_counter() - start) * (len(y) // STEPS) / n_rows


def main(data, hidden, batch_size, repeats):
    _batches.RESIDENT_BYTES = 0  # so few rows would be made dense once
    X, y = scaled_rows(data, STEPS * batch_size)
    features = torch.from_numpy(X.dense(slice(0, batch_size)))
    targets = torch.from_numpy(y[:batch_size].astype(np.float32))
    kinds = {
        "bare loop, float32": lambda: bare_step(features, targets, hidden, False),
        "lazy rows, float32": lambda: our_step(X, y, hidden, False),
        "bare loop, bfloat16": lambda: bare_step(features, targets, hidden, True),
        "lazy rows, bfloat16": lambda: our_step(X, y, hidden, True),
        "making the rows": lambda: timed(lambda: X.dense(slice(0, batch_size))),
        "skorch, sparse rows": lambda: skorch_step(X, y, hidden, batch_size // 5),
    }
    seconds = {kind: [] for kind in kinds}
    for _ in range(repeats):
        for kind, step in kinds.items():
            seconds[kind].append(step())
    report(X, batch_size, hidden, seconds)


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(X, batch_size, hidden, seconds):
    print(f"batches of {batch_size:,} rows x {X.shape[1]:,} bins, hidden {hidden}, {torch.get_num_threads()} threads")
    for kind, times in seconds.items():
        print(f"{kind:20} {np.median(times) * 1e3:9.1f} ms  ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})")
    for what, over in (
        ("lazy rows, float32", "bare loop, float32"),
        ("lazy rows, bfloat16", "bare loop, bfloat16"),
        ("lazy rows, float32", "lazy rows, bfloat16"),
        ("skorch, sparse rows", "bare loop, float32"),
    ):
        ratios = np.divide(seconds[what], seconds[over])  # of neighbours in time
        print(f"{what} / {over}: {np.median(ratios):.3f}  ({min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    settings = SMALL if sys.argv[1:] == ["small"] else FULL
    size, *others = settings.values()
    if sys.argv[1:] in ([], ["small"]):
        n_genes, n_cell_types, n_peaks = size
        saved, _ = make_paired_openness(n_genes, n_cell_types, n_lineages=12, n_chromosomes=22, n_peaks=n_peaks)
    else:
        saved = PairedDataset.open(sys.argv[1])
    main(saved, *others)
