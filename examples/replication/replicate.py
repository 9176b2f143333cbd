"""The report, experiment by experiment, on simulated and on blood data: one table of its claims, and its figures.

python examples/replication/replicate.py                  # reduced size, both data sets
python examples/replication/replicate.py --size full      # the report's size, for a GPU
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

from claims import as_markdown, as_text, claim_table
from error_analysis import held_out_pairs, importance, promoter_signal, spread_of_errors, who_errs
from experiments import honest, lasso_path, leaks, networks, report_split
from figures import draw_all
from sizes import SIZES, Size

from skepi.datasets import fetch_hematopoiesis, make_paired_openness
from skepi.exceptions import DownloadError
from skepi.inspection import distribution_summary
from skepi.model_selection import PairKFold


def simulated(size: Size) -> tuple[Any, str | None]:
    """Cell types of about ten a lineage; the expression of one of them is corrupted."""
    n_lineages = max(2, size.cell_types // 10)
    data, truth = make_paired_openness(
        size.genes, size.cell_types, n_lineages=n_lineages, corrupted=size.corrupted, n_chromosomes=min(22, size.genes)
    )
    return data, truth.corrupted


def blood(size: Size) -> tuple[Any, str | None]:
    """Sorted blood populations, genes of the chosen chromosomes."""
    data = fetch_hematopoiesis(n_jobs=2).dataset
    if size.blood_chromosomes:
        data = data.subset(genes=data.genes.loc[data.genes["chrom"].isin(size.blood_chromosomes), "name"])
    return data, None


DATA = {"simulated": simulated, "blood": blood}


def replicate(name: str, size: Size) -> dict[str, Any]:
    """Run every experiment on one data set."""
    start = time.perf_counter()

    def step(what: str) -> None:
        print(f"[{time.perf_counter() - start:5.0f} s] {name}: {what}", flush=True)

    data, corrupted = DATA[name](size)
    step(str(data))
    split = report_split(data, size)
    step(f"report's rows: {split.Z}")
    path = lasso_path(split, size)
    lam = float(path.loc[path["dev"].idxmax(), "lam"])
    step(f"Lasso, best lambda {lam:g}; networks")
    trained = networks(split, size)
    plain = trained["table"].set_index("network").loc["plain"]
    epochs = {"best": int(plain["best_epoch"]), "last": int(plain["epochs"])}
    step("errors of Lasso, every pair held out once")
    held_out = held_out_pairs(data, size)
    X, y = data.pairs(return_X_y=True)
    results = {
        "data": data,
        "corrupted": corrupted,
        "split": split,
        "path": path,
        "networks": trained,
        "held_out": held_out,
        "distribution": distribution_summary(data),
        "errors": spread_of_errors(held_out),
        "who": who_errs(data, held_out),
        "leaks": leaks(data, split, size),
        "final": honest(size, PairKFold(3)).fit(X, y),
    }
    step("importance of distance bands, and refits on permuted cell types")
    results["profiles"] = importance(split, size, lam, epochs["best"])
    results["promoter"] = promoter_signal(split, size, epochs)
    step("done")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="reduced")
    parser.add_argument("--data", choices=[*DATA, "both"], default="both")
    parser.add_argument("--out", type=Path, default=Path("figures") / "replication")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*had no training pair.*")
    results = {}
    for name in DATA if arguments.data == "both" else [arguments.data]:
        try:
            results[name] = replicate(name, SIZES[arguments.size])
        except DownloadError as error:
            print(f"{name}: left out, the public files cannot be had ({error})")
    if not results:
        raise SystemExit(1)
    table = claim_table(results)
    for name, found in results.items():
        paths = draw_all(found, arguments.out / name)
        print(f"{len(paths)} figures of {name}: {arguments.out / name}")
    (arguments.out / "claims.md").write_text(as_markdown(table))
    table.to_csv(arguments.out / "claims.csv", index=False)
    print(as_text(table))
    print(f"\ntable: {arguments.out / 'claims.md'}")


if __name__ == "__main__":
    main()
