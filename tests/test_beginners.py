"""Mistakes of a first hour: each ends in words that say what came, what was wanted and what to do."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import DenseSizeError
from skepi.io import convert_chromosomes, match_genes
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler, Materialize

DATA, _ = make_paired_openness(n_genes=12, n_cell_types=6, n_lineages=2)
X, Y = DATA.pairs(return_X_y=True)
NAMES = list(DATA.cell_types["name"])
OPENNESS = pd.DataFrame(DATA.openness, columns=NAMES)
EXPRESSION = pd.DataFrame(DATA.expression, list(DATA.genes["name"]), NAMES)
PEAKS, GENES = DATA.peaks, DATA.genes


def pipeline(*steps):
    return make_pipeline(TSSBinner(edges=[-5_000, 0, 5_000]), *(steps or (LogZScaler(), GeneZTarget(Ridge()))))


MISTAKES = {
    "openness and expression swapped": (
        lambda: PairedDataset(EXPRESSION, PEAKS, GENES, OPENNESS),
        "openness has one row for each of 12 genes, and expression one for each of .* they look swapped",
    ),
    "peaks and genes swapped": (lambda: PairedDataset(OPENNESS, GENES, PEAKS), "are peaks and genes swapped"),
    "openness transposed": (lambda: PairedDataset(OPENNESS.T, PEAKS, GENES), "looks transposed.*give openness.T"),
    "expression transposed": (
        lambda: PairedDataset(OPENNESS, PEAKS, GENES, EXPRESSION.T),
        "expression looks transposed.*give expression.T",
    ),
    "identifiers against symbols": (
        lambda: PairedDataset(OPENNESS, PEAKS, GENES, EXPRESSION.add_prefix("ENSG", axis=0)),
        "have no name in common: 'ENSGgene00000', .*skepi.io.match_genes says what differs",
    ),
    "positions among the samples": (
        lambda: PairedDataset(pd.concat([PEAKS[["chrom", "start", "end"]], OPENNESS], axis=1), PEAKS, GENES),
        r"openness: wanted one column per cell type, got columns that describe the rows: 'chrom', 'start', 'end'; "
        r"remove them with openness\.drop\(columns=\['chrom', 'start', 'end'\]\)",
    ),
    "lengths among the samples": (
        lambda: match_genes(EXPRESSION.assign(Length=100), GENES),
        r"describe the rows: 'Length'; remove them with matrix\.drop\(columns=\['Length'\]\)$",
    ),
    "identifiers among the samples": (
        lambda: PairedDataset(OPENNESS, PEAKS, GENES, EXPRESSION.reset_index(drop=True).assign(entrez=range(12))),
        r"'entrez'; remove them .*, or make it the row labels with expression\.set_index\('entrez'\)",
    ),
    "gaps among objects": (
        lambda: PairedDataset(
            OPENNESS, PEAKS, GENES, EXPRESSION.astype(object).mask(EXPRESSION.iloc[2, 1] == EXPRESSION, None)
        ),
        r"got dtype object with 1 cell.s. that are no numbers, the first (None|nan) in row 2, column 1; leave out",
    ),
    "a table of chromosomes under another name": (
        lambda: convert_chromosomes(PEAKS.rename(columns={"chrom": "chr"}), "ensembl"),
        r"table: missing columns \['chrom'\].*rename\(columns=\{'chr': 'chrom'\}\)",
    ),
    "chromosomes of Ensembl": (
        lambda: PairedDataset(OPENNESS, PEAKS.assign(chrom=PEAKS["chrom"].str[3:]), GENES),
        "1 and chr1 are the same; skepi.io.convert_chromosomes renames them",
    ),
    "other names of columns": (
        lambda: PairedDataset(OPENNESS, PEAKS.rename(columns={"chrom": "seqnames"}), GENES),
        r"missing columns \['chrom'\].*\.rename\(columns=\{'seqnames': 'chrom'\}\) if these are the same",
    ),
    "upper case columns": (
        lambda: PairedDataset(OPENNESS, PEAKS, GENES.rename(columns={"name": "Gene", "tss": "TSS"})),
        re.escape(".rename(columns={'Gene': 'name', 'TSS': 'tss'}) if these are the same"),
    ),
    "genes without start sites": (
        lambda: PairedDataset(OPENNESS, PEAKS, GENES.rename(columns={"tss": "start"})),
        "skepi.io.choose_tss makes start sites of starts, ends and strands",
    ),
    "missing openness": (
        lambda: PairedDataset(OPENNESS.mask(OPENNESS > 10), PEAKS, GENES),
        r"openness: nan in row \d+, column \d+ \(cell\d+\); wanted finite numbers",
    ),
    "a table in place of pairs": (
        lambda: TSSBinner().fit(OPENNESS),
        r"got DataFrame: give PairedDataset\(openness, peaks, genes, expression\).pairs\(\)",
    ),
    "a data set in place of pairs": (lambda: pipeline().fit(DATA, Y), r"got PairedDataset: give data.pairs\(\)"),
    "no targets": (lambda: pipeline().fit(X), r"target y is None: X, y = data.pairs\(return_X_y=True\)"),
    "a table of targets": (
        lambda: pipeline().fit(X, EXPRESSION),
        r"one value per pair, got shape \(12, 6\): X, y = data.pairs\(return_X_y=True\)",
    ),
    "no binner": (lambda: GeneZTarget(Ridge()).fit(X, Y), r"put TSSBinner\(\) before this step of the Pipeline"),
    "arrays before GeneZTarget": (
        lambda: pipeline(Materialize(), GeneZTarget(Ridge())).fit(X, Y),
        r"belong inside it, as in GeneZTarget\(make_pipeline\(Materialize\(\), Ridge\(\)\)\)",
    ),
    "a scaler of arrays": (
        lambda: pipeline(StandardScaler(), GeneZTarget(Ridge())).fit(X, Y),
        r"belong inside it, as in GeneZTarget\(make_pipeline\(Materialize\(\), Ridge\(\)\)\)",
    ),
    "columns of lazy rows": (
        lambda: pipeline()[:1].fit_transform(X)[:, 0],
        r"goes inside the model, behind Materialize\(\): GeneZTarget\(make_pipeline\(Materialize\(\), step, Ridge",
    ),
    "a cell type that is not there": (lambda: DATA.pairs(cell_types=["HSC"]), "not in the tables: HSC"),
}


@pytest.mark.parametrize(("mistake", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered(mistake, words):
    with pytest.raises((ValueError, TypeError, KeyError, IndexError), match=words):
        mistake()


def test_a_number_of_folds_is_answered_with_the_advice_first():
    """scikit-learn turns errors of scores into NaN and prints them in a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = cross_val_score(pipeline(), X, Y, cv=3)
    assert np.isnan(scores).all()
    assert "ValueError: split by cell type, cv=CellTypeKFold(5), because a number such as cv=5" in str(
        caught[0].message
    )


def test_a_dense_array_that_is_too_large_is_answered():
    model = GeneZTarget(make_pipeline(Materialize(max_bytes=8), Ridge()))
    with pytest.raises(
        DenseSizeError, match=r"inside the model keep it sparse, GeneZTarget\(make_pipeline\(Materialize"
    ):
        pipeline(model).fit(X, Y)
