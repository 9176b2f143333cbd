"""Outlier scores of sound and of corrupted cell types: what the flag of ``cell_type_outliers`` rests on."""

from skepi.datasets import fetch_hematopoiesis, make_paired_openness
from skepi.exceptions import DownloadError
from skepi.inspection import cell_type_outliers

SEEDS = range(20)


def scores(n_cell_types, corrupted, on, column):
    """Score of the highest cell type, or of the corrupted one, for each seed."""
    for seed in SEEDS:
        settings = {"corrupted": corrupted, "random_state": seed}
        data, truth = make_paired_openness(n_genes=300, n_cell_types=n_cell_types, **settings)
        table = cell_type_outliers(data, on)["score"]
        yield table.max() if column is None else table[truth.corrupted]


print(
    f"300 genes, {len(SEEDS)} seeds: highest score of any sound cell type, lowest of a corrupted one (4 SDs of noise)"
)
for n in (12, 24, 60, 201):
    sound = {on: max(scores(n, None, on, None)) for on in ("expression", "openness")}
    corrupted = min(min(scores(n, column, "expression", "own")) for column in (0, n // 2, n - 1))
    both = f"sound {sound['expression']:.1f} (openness {sound['openness']:.1f}), corrupted {corrupted:.1f}"
    print(f"{n:4} cell types: {both}")

try:
    blood = fetch_hematopoiesis(n_jobs=2).dataset
except DownloadError as error:
    print(f"blood: the public files cannot be had ({error})")
else:
    for on in ("expression", "openness"):
        print(f"blood, {on}: {cell_type_outliers(blood, on)['score'].nlargest(3).round(1).to_dict()}")
