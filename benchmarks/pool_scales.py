"""Does a pool tell logarithms of two bases apart, without false alarms?

Reads two folders of tables (as for ``pool.py``), heme14 and erythroid12. Prints the range in which the scale of
expression of the second data set on the first lies, over genes, in the populations that both have: as it is, with log2
in the second data set, and with its reads thinned. Then, how many ordered pairs of libraries of one population and how
many simulated pools give an alarm: on one scale, and with log2 in one of both.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from skepi.datasets import make_paired_openness
from skepi.paired._pool_scale import _ALIKE, scale_range

SHARED = ["HSC", "MPP"]
LOG2 = np.log2(np.e)


def log_cpm(counts):
    return np.log1p(1e6 * counts / counts.sum(axis=0))


def alarm(x, y):
    low, high = scale_range(x, y)
    return low > _ALIKE or high < 1 / _ALIKE


def counts_of(folder, name="expression"):
    return pd.read_parquet(folder / f"{name}.parquet").set_index("gene")


def libraries(folder):
    """Ordered pairs of libraries of one population, (n_genes, 1) each."""
    of = pd.read_csv(folder / "replicates.tsv", sep="\t").set_index("replicate")["sample"]
    logs = log_cpm(counts_of(folder, "expression_replicates"))
    for one, two in itertools.permutations(logs, 2):
        if of[one] == of[two]:
            yield logs[[one]].to_numpy(), logs[[two]].to_numpy()


def simulated(noise, shift, n_seeds=20):
    """Expression of three populations in two laboratories; noise and shifts of genes in SDs of expression."""
    for seed in range(n_seeds):
        x = make_paired_openness(n_genes=150, n_cell_types=12, n_lineages=4, random_state=seed)[0].expression[:, 4:7]
        rng, sd = np.random.default_rng(seed), x.std(axis=0).mean()
        yield x, x + noise * sd * rng.normal(size=x.shape) + shift * sd * rng.normal(size=(len(x), 1))


def said(what, pairs):
    pairs = list(pairs)
    alarms = [[alarm(x, scale * y) for x, y in pairs] for scale in (1.0, LOG2, 1 / LOG2)]
    print(f"{what}: {len(pairs)}; alarms {', '.join(str(int(np.sum(one))) for one in alarms)} at scales 1, 1.44, .69")


def main(heme14, erythroid12):
    first, second = (counts_of(folder)[SHARED] for folder in (heme14, erythroid12))
    second = second.loc[first.index]
    rng = np.random.default_rng(0)
    for share in (1.0, 0.5, 0.1, 0.02, 0.005):
        thinned = pd.DataFrame(rng.binomial(second, share), second.index, second.columns)
        x, y = log_cpm(first).to_numpy(), log_cpm(thinned).to_numpy()
        low, high = scale_range(x, y)
        print(f"{share:.3f} of the reads: {low:.3f} to {high:.3f}, in log2 {LOG2 * low:.3f} to {LOG2 * high:.3f}")
    said("pairs of libraries", itertools.chain(libraries(heme14), libraries(erythroid12)))
    for noise, shift in ((0.0, 0.0), (0.3, 0.0), (0.0, 0.6), (0.3, 0.6)):
        said(f"simulated pools, noise {noise} SD, shifts {shift} SD", simulated(noise, shift))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("wanted two folders of tables: python pool_scales.py HEME14 ERYTHROID12")
    main(*map(Path, sys.argv[1:]))
