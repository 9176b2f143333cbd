"""Do more data sets train a better model? 14 blood populations and 12 erythroid ones of two laboratories, pooled.

Reads two folders of tables (as for ``unseen_cell_types.py``), heme14 and erythroid12. Expression is normalised once,
over all cell types of the pool. HSC and MPP of both come from one source, so one copy is never trained on when the
other is tested. Skill is over the mean of the gene in the training pairs of heme14, the same baseline for every model.

(a) the culture's stages P1 to P8 from blood alone; (b) blood populations held out one by one, with erythroid12 added.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from unseen_cell_types import on_bands, read

from skepi.compose import BatchCorrection
from skepi.exceptions import DistantCellTypeWarning, UnseenBatchWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import skill
from skepi.normalization import ExpressionNormalizer
from skepi.paired import pool

SHARED = ["HSC", "MPP"]
MODELS = {
    "no correction": CisTransRegressor(),
    "shared": BatchCorrection(),
    "shared, openness alone": BatchCorrection(expression=False),
    "all": BatchCorrection(learn_from="all"),
}


def held_out(model, X, y, train, test, baseline, asked=None):
    """Truth, prediction and training mean in heme14 of test pairs; ``asked`` are the same pairs in another data set."""
    fitted = on_bands(model).fit(X[train], y[train])
    means = pd.Series(y[baseline]).groupby(X.gene_codes[baseline]).mean()
    gene, cell = X.gene_codes[test], X.cell_types["name"].to_numpy()[X.cell_type_codes[test]]
    y_pred = fitted.predict(X[test] if asked is None else asked)
    return pd.DataFrame(
        {"gene": gene, "cell_type": cell, "y_true": y[test], "y_pred": y_pred, "train_mean": means[gene].to_numpy()}
    )


def summary(table):
    """Skill, skill less the mean offset of each gene in the test pairs, and median r within genes."""
    error = (table["y_true"] - table["y_pred"]).groupby(table["gene"])
    centred = table["y_true"] - table.groupby("gene")["y_true"].transform("mean")
    within = 1 - np.sum((error.transform(lambda e: e - e.mean())) ** 2) / np.sum(centred**2)
    wide = table.pivot(index="gene", columns="cell_type")
    r = wide["y_true"].corrwith(wide["y_pred"], axis=1).median() if wide["y_true"].shape[1] > 2 else np.nan
    return {"skill": skill(*(table[c] for c in ("y_true", "y_pred", "train_mean"))), "within": within, "median_r": r}


def stages_from_blood(X, y, of):
    """(a) P1 to P8, from heme14 alone and with progenitors of erythroid12 in training as well."""
    test = of["name"].str.fullmatch(r"P\d").to_numpy()
    blood = (of["data_set"] == "heme14").to_numpy()
    copies = (~blood) & of["population"].isin(SHARED).to_numpy()
    for what, train in (
        ("blood alone", blood),
        ("blood, HSC and MPP of both", blood | copies),
        ("all but P1-P8", ~test),
    ):
        for name, model in MODELS.items():
            table = held_out(model, X, y, *(np.flatnonzero(rows) for rows in (train, test, blood)))
            yield {"train": what, "model": name, **summary(table)}


def stages_outside_the_pool(X, y, of, erythroid12):
    """(a) from heme14 alone, where the stages are asked for in their own data set, with its depth."""
    test = of["name"].str.fullmatch(r"P\d").to_numpy()
    rows = [np.flatnonzero(part) for part in (of["data_set"] == "heme14", test, of["data_set"] == "heme14")]
    asked = erythroid12.pairs(X.genes["name"], of["name"][test].unique())
    return summary(held_out(CisTransRegressor(), X, y, *rows, asked))


def blood_with_stages(X, y, of):
    """(b) each population of heme14 held out, with and without erythroid12 in training."""
    blood = (of["data_set"] == "heme14").to_numpy()
    names = of["name"][blood].unique()
    for what, more in (("heme14", blood), ("heme14 + erythroid12", np.ones(len(of), dtype=bool))):
        for name, model in MODELS.items():
            if what == "heme14" and name != "no correction":
                continue
            tables = []
            for one in names:
                test = (of["name"] == one).to_numpy()
                same = of["population"] == of["population"][test].iloc[0]
                train = more & ~same.to_numpy()
                rows = (np.flatnonzero(part) for part in (train, test, blood & ~test))
                tables.append(held_out(model, X, y, *rows))
            table = pd.concat(tables)
            by_type = {
                cell: skill(part["y_true"], part["y_pred"], part["train_mean"])
                for cell, part in table.groupby("cell_type")
            }
            yield {"train": what, "model": name, **summary(table), **by_type}


def main(heme14, erythroid12):
    for known in (DistantCellTypeWarning, UnseenBatchWarning):
        warnings.simplefilter("ignore", known)
    stages = read(erythroid12)
    data = pool({"heme14": read(heme14), "erythroid12": stages}, shared=SHARED)
    data = data.transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))
    X, y = data.pairs(return_X_y=True)
    print(data)
    of = data.cell_types.iloc[X.cell_type_codes].reset_index(drop=True)
    print("outside the pool", stages_outside_the_pool(X, y, of, stages))
    for part in (stages_from_blood, blood_with_stages):
        start = time.perf_counter()
        print(pd.DataFrame(part(X, y, of)).round(3).T.to_string())
        print(f"{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("wanted two folders of tables: python pool.py HEME14 ERYTHROID12")
    main(*map(Path, sys.argv[1:]))
