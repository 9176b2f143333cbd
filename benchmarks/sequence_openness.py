"""Does a network that reads DNA predict the openness of sites never seen as well as ridge on motif scores?

``sequence_openness.py HEME_DNA HEME14 MOTIFS`` reads the folders of ``motif_ridge.py``, holds out chromosomes in the
same six folds, and fits the network from ``SEEDS`` seeds, whose predictions are averaged. Each fold takes the candidate
with the lowest loss on chromosomes set aside within the training chromosomes, summed over seeds. Filters start from the
``FILTERS`` motifs that resemble each other least, by their scores in the training sequences.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from motif_ridge import held_out, read_sites
from sklearn.model_selection import GroupKFold

from skepi.motifs import MotifScanner, read_motifs
from skepi.neural_network import SequenceOpenness
from skepi.sequence import openness_scores, site_correlations

SEEDS = (0, 1, 2)
FILTERS = 256
CANDIDATES = {
    "motifs": {"scale": 0.8, "max_epochs": 20, "patience": 5},
    "motifs, l2": {"scale": 0.8, "max_epochs": 20, "patience": 5, "l2": 1e-4},
}


def unlike(best, n):
    """Places of ``n`` columns: the first, then always the one that resembles those taken least."""
    likeness = np.abs(np.corrcoef(best.T))
    taken, nearest = [0], likeness[0].copy()
    while len(taken) < n:
        taken.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, likeness[taken[-1]])
    return taken


def fitted(settings, motifs, letters, openness, chromosomes):
    """Networks of all seeds, and the sum of their losses on chromosomes set aside."""
    nets = [
        SequenceOpenness(motifs=motifs, random_state=seed, **settings).fit(letters, openness, groups=chromosomes)
        for seed in SEEDS
    ]
    return nets, sum(net.history_["dev_mse"].min() for net in nets)


def network(letters, openness, chromosomes, best, motifs):
    """Predictions for chromosomes that were held out."""
    predicted = np.empty(openness.shape)
    for fold, (train, test) in enumerate(GroupKFold(6).split(letters, groups=chromosomes)):
        first = motifs.select([motifs.names[k] for k in unlike(best[train], FILTERS)])
        of_fold = letters[train], openness[train], chromosomes[train]
        found = {name: fitted(settings, first, *of_fold) for name, settings in CANDIDATES.items()}
        chosen = min(found, key=lambda name: found[name][1])
        predicted[test] = np.mean([net.predict(letters[test]) for net in found[chosen][0]], axis=0)
        epochs = [net.best_epoch_ for net in found[chosen][0]]
        print(f"fold {fold}: {chosen}, best epochs {epochs}", flush=True)
    return predicted


def shown(openness, predicted):
    """Mean correlations over populations, and the median over sites of that over populations."""
    scores = openness_scores(openness, predicted).loc["mean"]
    return {
        **scores[["r_levels", "r_relative", "r_site_mean"]],
        "r of a site": site_correlations(openness, predicted).median(),
    }


def main(dna, heme14, folder):
    start = time.perf_counter()
    letters, chromosomes, openness = read_sites(dna, heme14)
    motifs = read_motifs(folder / "JASPAR2024_CORE_human.meme.gz")
    best = MotifScanner(motifs).fit_transform(letters)
    features = np.hstack([best, np.isin(letters, (1, 2)).mean(axis=1, keepdims=True)])
    ridge = held_out(features, openness.to_numpy(), chromosomes)
    print(f"{len(letters)} sites; ridge after {time.perf_counter() - start:.0f} s")
    predicted = network(letters, openness.to_numpy(), chromosomes, best, motifs)
    rows = {"ridge on motifs": ridge, "network": predicted, "mean of both": (ridge + predicted) / 2}
    print(pd.DataFrame({name: shown(openness, row) for name, row in rows.items()}).T.round(3).to_string())
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("wanted three folders: python sequence_openness.py HEME_DNA HEME14 MOTIFS")
    main(*map(Path, sys.argv[1:]))
