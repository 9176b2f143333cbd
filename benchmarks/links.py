"""Do scores of links find planted links better than chance, at equal distance, and nothing where nothing is planted?

Simulated (``make_linked_openness``, 400 genes, 24 cell types, 20 seeds): 10 links per gene, 20 kb to 1 Mb from the TSS.
A link makes the expression of its gene follow the openness of its peak. Three laws by which links are chosen:

* ``nothing planted``: by distance alone. No evidence can find them but correlation across cell types.
* ``as in Hi-C``: active peaks act more often, active genes have more links, and each expressed gene between the two
  takes 28 % of the contact. Strengths are chosen so that the *single* pieces of evidence are about as enriched as among
  promoter-capture Hi-C contacts of red blood cell precursors at equal distance (top 5 %, all peaks): openness of the
  peak 1.3, openness times that of the promoter 1.6, fewer expressed start sites between 1.8. What the score makes of
  them together is not chosen (1.9 there).
* ``twice as strong``: the same law with its logarithm doubled.

The law has the form of a mechanism, not of the score: true signal, not measured openness; level of expression, not
openness of promoters; a share lost per gene between, not a square root. Prints the enrichment of planted links among
the top 5 % of pairs, the mean and SD over seeds, and the enrichment of each score over that of openness. Unlike in
the real data, correlation finds planted links: they act in all cell types alike.

``links.py 3`` runs 3 seeds; ``links.py blood`` measures time and memory on a folder of tables (SKEPI_HEME14).
"""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from memory import peak_gb

from skepi.datasets import make_linked_openness
from skepi.inspection import correlate_links, link_enrichment, score_links
from skepi.normalization import ExpressionNormalizer

LAWS = {"nothing planted": 0.0, "as in Hi-C": 1.0, "twice as strong": 2.0}
SCORES = {
    "activity": "openness (activity)",
    "promoter_activity": "openness of the promoter",
    "both_open": "openness x that of the promoter",
    "fewer_between": "fewer start sites between",
    "contact": "contact by distance",
    "abc": "activity x contact (ABC)",
    "score": "score",
    "r": "correlation",
}


def enrichments(seed, preference):
    data, truth = make_linked_openness(preference=preference, random_state=seed)
    links = correlate_links(data, score_links(data, min_distance=20_000), n_matched=50)
    links = links.assign(
        both_open=links["activity"] * links["promoter_activity"],
        fewer_between=-links["tss_between"],
        abc=links["activity"] * links["contact"],
        r=links["r"].fillna(0.0),
    )
    table = link_enrichment(links, truth.links, scores=list(SCORES), genes=data.genes["name"], n_bootstrap=2)
    return table.assign(seed=seed)


def planted(n_seeds):
    for law, preference in LAWS.items():
        table = pd.concat([enrichments(seed, preference) for seed in range(n_seeds)])
        wide = table.pivot(index=["peaks", "seed"], columns="score", values="enrichment")[list(SCORES)]
        over = wide.div(wide["activity"], axis=0)
        print(f"\n{law}: enrichment, mean (SD) over {n_seeds} seeds; over that of openness")
        for name, label in SCORES.items():
            cells = []
            for peaks in ("all", "without promoters"):
                one, ratio = wide.loc[peaks, name], over.loc[peaks, name]
                cells.append(f"{one.mean():5.2f} ({one.std():.2f})  x{ratio.mean():.2f} ({ratio.std():.2f})")
            print(f"{label:<34} all {cells[0]}   without promoters {cells[1]}", flush=True)


def blood(folder):
    from unseen_cell_types import read

    data = read(Path(folder)).transform_expression(ExpressionNormalizer("quantile"))
    start = time.perf_counter()

    def say(what):
        print(f"{what}: {time.perf_counter() - start:.1f} s, peak {peak_gb():.2f} GB", flush=True)

    links = score_links(data)
    say(f"{len(links):,} links of {data.genes.shape[0]:,} genes scored")
    links = correlate_links(data, links)
    say("correlated")
    for name, some in {
        "within 5 kb": links["distance_bp"].abs() < 5_000,
        "beyond 20 kb": abs(links["distance_bp"]) >= 20_000,
    }.items():
        p = links.loc[some, "p"].dropna()
        shares = [f"{np.mean(p < limit) / limit:.2f}" for limit in (0.05, 0.01, 0.001)]
        print(f"{name}: {p.size:,} pairs; share with p below .05, .01, .001, over chance: {', '.join(shares)}")
    elsewhere = on_other_chromosomes(data)
    p = correlate_links(data, elsewhere, random_state=1)["p"].dropna()
    shares = [f"{np.mean(p < limit) / limit:.2f}" for limit in (0.05, 0.01, 0.001, 0.0001)]
    print(f"on other chromosomes: {p.size:,} pairs; p below .05, .01, .001, .0001, over chance: {', '.join(shares)}")


def on_other_chromosomes(data, n=500_000):
    """Pairs that cannot be links."""
    rng = np.random.default_rng(0)
    genes, peaks = data.genes, data.peaks
    gene, peak = rng.integers(len(genes), size=n), rng.integers(len(peaks), size=n)
    apart = genes["chrom"].to_numpy()[gene] != peaks["chrom"].to_numpy()[peak]
    return peaks.iloc[peak[apart]][["chrom", "start", "end"]].assign(gene=genes["name"].to_numpy()[gene[apart]])


def main():
    warnings.simplefilter("error")
    if "blood" in sys.argv:
        warnings.simplefilter("default")
        blood(os.environ["SKEPI_HEME14"])
    else:
        planted(next((int(a) for a in sys.argv[1:] if a.isdigit()), 20))


if __name__ == "__main__":
    main()
