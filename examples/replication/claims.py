"""The report's claims one by one: what it says, what its own logs show, and what is found here.

What logs and files show is from the report's public repository (sbodapati/Epigenetic_Deep_Learning, commit abf6e7d);
predicting 0 has a dev MSE of 1.0306 there, which R2 is taken against.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Claim:
    """One sentence of the report, and what to hold against it.

    ``found`` makes a few words of the results of one data set.
    """

    place: str
    report: str
    logs: str
    found: Callable[[dict[str, Any]], str]


def of_distribution(results: dict[str, Any]) -> str:
    table = results["distribution"]
    return (
        f"expression: {table.loc['expression', 'zero_share']:.0%} zeros "
        f"({table.loc['expression', 'expected_zero_share']:.0%} expected of a normal curve); "
        f"openness: {table.loc['openness', 'zero_share']:.0%} zeros"
    )


def of_outlier(results: dict[str, Any]) -> str:
    table = results["who"]
    first = table["score"].idxmax()
    flagged = "flagged" if table.loc[first, "flagged"] else "not flagged"
    known = " (the corrupted one)" if first == results["corrupted"] else ""
    return (
        f"{first}{known} first: {table.loc[first, 'score']:.1f} times the median distance to a relative, {flagged}; "
        f"by openness {table.loc[first, 'openness_score']:.1f}"
    )


def of_lasso(results: dict[str, Any]) -> str:
    path = results["path"]
    best = path.loc[path["dev"].idxmax()]
    return (
        f"R2 dev {best['dev']:.3f}, test {best['test']:.3f} at lambda {best['lam']:g} "
        f"({int(best['weights'])} weights not 0)"
    )


def of_small_lambda(results: dict[str, Any]) -> str:
    least = results["path"].iloc[0]
    return f"at lambda {least['lam']:g}: R2 training {least['train']:.3f}, dev {least['dev']:.3f}"


def of_network(results: dict[str, Any]) -> str:
    row = networks(results).loc["plain"]
    return (
        f"R2 dev {row['dev']:.3f} (test {row['test']:.3f}) at epoch {row['best_epoch']:.0f}; after {row['epochs']:.0f} "
        f"epochs {row['last_dev']:.3f} with a training MSE of {row['last_train_mse']:.2f}"
    )


def of_kind(kind: str) -> Callable[[dict[str, Any]], str]:
    def found(results: dict[str, Any]) -> str:
        table = networks(results)
        chosen = table[table["kind"] == kind]
        best = chosen.loc[chosen["dev"].idxmax()]
        at_end = chosen["value"].nunique() > 1 and best["value"] in (chosen["value"].min(), chosen["value"].max())
        value = "" if np.isnan(best["value"]) else f" at {kind} {best['value']:g}"
        value += ", an end of the grid" if at_end else ""
        return (
            f"best R2 dev {best['dev']:.3f} (test {best['test']:.3f}){value}, "
            f"epoch {best['best_epoch']:.0f}; plain network {table.loc['plain', 'dev']:.3f} "
            f"({table.loc['plain', 'test']:.3f})"
        )

    return found


def of_test(results: dict[str, Any]) -> str:
    table = networks(results)
    best = table.loc[table["dev"].idxmax()]
    path = results["path"]
    lasso = path.loc[path["dev"].idxmax()]
    return f"test R2: best network {best['test']:.3f} ({best.name}), Lasso {lasso['test']:.3f}"


def of_concentration(results: dict[str, Any]) -> str:
    errors = results["errors"]
    return (
        f"the worst 30 % carry {errors['worst_30_in_sds']:.0%} in SDs of the gene, {errors['worst_30']:.0%} in log "
        f"expression; of normal errors they carry {errors['worst_30_normal']:.0%}"
    )


def of_worst(results: dict[str, Any]) -> str:
    errors, table = results["errors"], results["who"]
    first, moved = table["error_ratio"].idxmax(), table["prediction_change"].idxmax()
    return (
        f"{errors['of_worst_100']} of the worst 100 pairs are {errors['worst_cell_type']}; {first} carries "
        f"{table.loc[first, 'error_ratio']:.1f} times its share of the error; most influence on others: {moved}"
    )


def of_slope(results: dict[str, Any]) -> str:
    errors = results["errors"]
    return (
        f"prediction on truth {errors['shrinkage_estimate']:.2f} ({errors['shrinkage_low']:.2f} to "
        f"{errors['shrinkage_high']:.2f}), where a calibrated predictor has its skill, {errors['skill']:.2f}; truth on "
        f"prediction {errors['slope_estimate']:.2f} ({errors['slope_low']:.2f} to {errors['slope_high']:.2f})"
    )


def of_levels(results: dict[str, Any]) -> str:
    errors = results["errors"]

    def tenths(of: str) -> str:
        return ", ".join(f"{errors[f'{of}_{place}']:.2f}" for place in ("lowest", "middle", "highest"))

    return (
        f"MSE in the lowest, a middle and the highest tenth of the truth {tenths('truth')}; of the gene's training "
        f"mean {tenths('gene')}"
    )


def of_importance(results: dict[str, Any]) -> str:
    words = []
    for name, profile in results["profiles"].items():
        up, down = profile.reach_bp()
        words.append(f"{name}: beyond the null band to {up / 1000:g} kb upstream and {down / 1000:g} kb downstream")
    signal = results["promoter"]
    words.append(
        f"gradient at the TSS in SDs of single far bins: {signal['best']:.1f} at the best epoch, {signal['last']:.1f} "
        f"after the last"
    )
    return "; ".join(words)


def of_leak(results: dict[str, Any]) -> str:
    table = results["leaks"].set_index(["targets", "held out"])
    noise, real = table.loc[("permuted", "cell types")], table.loc[("real", "cell types")]
    return (
        f"cell types held out, skill over the training mean (which has 0): predicting 0 in leaky z-scores has "
        f"{real['zero, leaky']:.3f}; Lasso {real['Lasso, leaky']:.3f} with the leak, {real['Lasso, honest']:.3f} when "
        f"all is learned from training pairs; on permuted targets {noise['Lasso, leaky']:.3f} and "
        f"{noise['Lasso, honest']:.3f}"
    )


def networks(results: dict[str, Any]) -> pd.DataFrame:
    """Scores of the networks by name."""
    return results["networks"]["table"].set_index("network")


CLAIMS = [
    Claim(
        "3, Fig. 1",
        "expression is approximately normal with an overabundance of zeros; most of openness is 0",
        "no data published",
        of_distribution,
    ),
    Claim(
        "3, Fig. 1",
        "sample 91 stands out in a PCA of expression; unlikely for biological reasons",
        "no data published",
        of_outlier,
    ),
    Claim(
        "6.1, Fig. 2",
        "no linear combination of bins predicts better than zero weights",
        "lambda 5e-4: dev MSE 1.0196, R2 .011; the 12 largest weights are the 12 bins nearest the TSS",
        of_lasso,
    ),
    Claim(
        "6.1, Fig. 2",
        "small lambdas overfit extremely: the lowest reached quite a low training MSE",
        "training MSE .967 at the lowest lambda that was logged; solved by Adam, no weight exactly 0",
        of_small_lambda,
    ),
    Claim(
        "6.2, Fig. 3",
        "the network overfits (training MSE .15, dev about 1) and needs about 150 epochs",
        "best dev MSE .909 and .928 (R2 .118, .099) at epochs 25 and 21, the first for one epoch only; "
        "1.14 and 1.11 at epoch 300",
        of_network,
    ),
    Claim(
        "6.3, Fig. 4",
        "L1 does not help the model to generalise",
        "1e-6: dev .931 at epoch 9; 1e-5: .994; from 1e-3 on the network is 0",
        of_kind("l1"),
    ),
    Claim("5, 8", "L2 does not help either", "not logged; the unsquared norm was penalised", of_kind("l2")),
    Claim(
        "6.4, Fig. 5",
        "at all dropout rates the model overfits; no regularisation",
        "not logged; the dropout layer was built and never called",
        of_kind("dropout"),
    ),
    Claim(
        "6.5, Fig. 6",
        "fewer units had little effect",
        "dev MSE .933 at epoch 7 (R2 .095), 1.08 at epoch 223",
        of_kind("narrowing"),
    ),
    Claim(
        "7",
        "test performance is as poor as on dev (MSE about 1)",
        "not logged; seven scripts pair test inputs with dev targets",
        of_test,
    ),
    Claim("7.1, Fig. 8", "30 % of the samples carry 80 % of the MSE", "no predictions published", of_concentration),
    Claim(
        "7.1, Fig. 8",
        "the 10 worst points are of one cell type, the outlier",
        "14 worst test rows and 49 of the worst 100 are cell type 91",
        of_worst,
    ),
    Claim(
        "7.1, Fig. 7", "the line of predicted on true values is not at 45 degrees", "no predictions published", of_slope
    ),
    Claim("7.1, Fig. 7", "highly expressed genes are penalised tremendously", "no predictions published", of_levels),
    Claim(
        "7.1, Fig. 9",
        "bin importance looks like pure noise",
        "the saved linear weights fall off from .066 at the TSS to .003 at 200 kb",
        of_importance,
    ),
    Claim(
        "4",
        "z-scores over all 201 cell types, then a random split",
        "every gene and every cell type is in training and dev",
        of_leak,
    ),
]


def claim_table(results: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row a claim; a column for each data set."""
    rows = [
        {"section": claim.place, "the report says": claim.report, "its logs and files show": claim.logs}
        | {name: claim.found(found) for name, found in results.items()}
        for claim in CLAIMS
    ]
    return pd.DataFrame(rows)


def as_text(table: pd.DataFrame) -> str:
    """Claim by claim, for a terminal."""
    lines = []
    for number, row in enumerate(table.itertuples(index=False), start=1):
        section, report, logs, *found = row
        lines += [f"\n{number:2}. [{section}] the report: {report}", f"    its logs: {logs}"]
        lines += [f"    {name}: {words}" for name, words in zip(table.columns[3:], found, strict=True)]
    return "\n".join(lines)


def as_markdown(table: pd.DataFrame) -> str:
    """Markdown, one row per claim."""
    head = "| " + " | ".join(table.columns) + " |\n|" + " --- |" * table.shape[1]
    return (
        head + "\n" + "\n".join("| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)) + "\n"
    )
