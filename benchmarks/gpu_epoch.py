"""One epoch of the network at full size on a GPU: rows made there, against a plain loop over dense rows kept there.

Prints the memory that the features take, the seconds of an epoch of ExpressionMLP, and those of a plain torch loop over
a dense half-precision matrix of as many rows as fit, scaled to the same number of rows. Needs CUDA; ``small cpu`` runs
the same code on the CPU.

usage: gpu_epoch.py [small] [cpu] [PATH of a saved data set]
"""

import sys
import time

import numpy as np
import torch

from skepi.binning import TSSBinner
from skepi.datasets import make_paired_openness
from skepi.neural_network import ExpressionMLP, _batches
from skepi.neural_network._batches import Batches, FeaturePlan
from skepi.neural_network._module import MLP
from skepi.neural_network._operator import operator_bytes
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

FULL = {"size": (17_794, 201, 184_665), "hidden": (1000, 1000, 1000), "batch_size": 10_000, "epochs": 5}
SMALL = {"size": (300, 20, 6_000), "hidden": (64, 64), "batch_size": 500, "epochs": 3}


def training_rows(data):
    """Binned, scaled rows of nine tenths of the cell types, and their targets."""
    X, y = data.pairs(return_X_y=True)
    rows = X.cell_type_codes < 0.9 * len(X.cell_types)
    return LogZScaler().fit_transform(TSSBinner().fit_transform(X[rows])), (y[rows] - y.mean()) / y.std()


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_memory(device):
    """Most memory that tensors took since :func:`forget_peak`, as text."""
    if device.type != "cuda":
        return "peak not measured on the CPU"
    return f"{torch.cuda.max_memory_allocated(device) / 1e9:.3f} GB at most"


def forget_peak(device):
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def features_alone(X, y, batch_size, device):
    """Plan, peak memory and seconds of an epoch of batches without a network."""
    forget_peak(device)
    batches = Batches(X, y, batch_size, device, seed=0)
    for epoch in range(2):
        batches.epoch = epoch
        wait(device)
        start = time.perf_counter()
        for batch in batches:
            del batch
        wait(device)
        seconds = time.perf_counter() - start
    return batches.plan, peak_memory(device), seconds


def our_epochs(X, y, hidden, batch_size, epochs, device):
    """Seconds of each epoch of ExpressionMLP but the first."""
    net = ExpressionMLP(
        hidden, batch_size=batch_size, max_epochs=epochs, early_stopping=False, device=str(device), random_state=0
    )
    return net.fit(X, y).history_["seconds"].to_numpy()[1:]


def dense_half(X, batch_size, device):
    """The first rows as a dense float16 matrix on the device: all, or as many as half of the free memory takes."""
    n_rows = int(min(len(X), _batches.half_of_free(device) / (2 * X.shape[1])))
    out = torch.empty((n_rows, X.shape[1]), dtype=torch.float16, device=device)
    first = 0
    for features, _ in Batches(X[:n_rows], np.zeros(n_rows), batch_size, device, seed=None):
        out[first : first + len(features)] = features
        first += len(features)
    return out


def bare_epochs(features, targets, hidden, batch_size, epochs):
    """Seconds of each epoch but the first of a plain loop over rows that are on the device."""
    device = features.device
    module = MLP(features.shape[1], hidden, 0.0).to(device)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    seconds = []
    for _ in range(epochs):
        wait(device)
        start = time.perf_counter()
        order = torch.randperm(len(features), device=device)
        for rows in order.split(batch_size):
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16):
                predicted = module(features[rows]).float()
            torch.nn.functional.mse_loss(predicted, targets[rows]).backward()
            optimizer.step()
        wait(device)
        seconds.append(time.perf_counter() - start)
    return np.array(seconds[1:])


def main(data, hidden, batch_size, epochs, device):
    X, y = training_rows(data)
    print(f"{X}; batches of {batch_size:,}, hidden {hidden}, {device_name(device)}, torch {torch.__version__}")
    plan, peak, seconds = features_alone(X, y, batch_size, device)
    print(f"features: {plan} planned, {peak}, {seconds:.2f} s an epoch without a network")
    ours = our_epochs(X, y, hidden, batch_size, epochs, device)
    print(f"epoch of {len(X):,} rows: {np.median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f})")
    features = dense_half(X, batch_size, device)
    targets = torch.from_numpy(y[: len(features)].astype(np.float32)).to(device)
    bare = bare_epochs(features, targets, hidden, batch_size, epochs) * len(X) / len(features)
    print(
        f"plain loop over {len(features):,} dense rows of {features.nbytes / 1e9:.1f} GB: "
        f"{np.median(bare):.2f} s ({min(bare):.2f} to {max(bare):.2f}) for {len(X):,} rows"
    )
    print(f"epoch over plain loop: {np.median(ours) / np.median(bare):.2f}")


def device_name(device):
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    arguments = sys.argv[1:]
    settings = SMALL if "small" in arguments else FULL
    if "cpu" not in arguments and not torch.cuda.is_available():
        sys.exit("this benchmark needs a CUDA device, and torch finds none; 'small cpu' runs it on the CPU")
    if "small" in arguments:  # so few rows would be kept dense
        _batches.plan_features = lambda X, batch_size, device: FeaturePlan("operator", operator_bytes(X, batch_size))
    paths = [argument for argument in arguments if argument not in ("small", "cpu")]
    (n_genes, n_cell_types, n_peaks), *others = settings.values()
    if paths:
        saved = PairedDataset.open(paths[0])
    else:
        saved, _ = make_paired_openness(n_genes, n_cell_types, n_lineages=12, n_chromosomes=22, n_peaks=n_peaks)
    main(saved, *others, torch.device("cpu") if "cpu" in arguments else torch.device("cuda", 0))
