"""Checks of tables, and of the data set that is made of them."""

import numpy as np
import pandas as pd
import pytest

from skepi.datasets import make_paired_openness
from skepi.exceptions import TableError
from skepi.paired import DataChecks, PairedDataset, check_tables

OPENNESS = pd.DataFrame({"HSC": [3.0, 1.0], "NK": [2.0, 2.5]})
PEAKS = {"chrom": ["chr1", "chr2"], "start": [90, 10], "end": [110, 20]}
GENES = {"name": ["GATA1", "SPI1"], "chrom": ["chr1", "chr1"], "tss": [100, 500], "strand": ["+", "-"]}
EXPRESSION = pd.DataFrame({"HSC": [5.0, 1.0], "NK": [2.0, 0.0]}, index=["GATA1", "SPI1"])


def found(checks):
    return checks.table.set_index("check")["found"].to_dict()


def doubtful(checks):
    return checks.table["check"][checks.table["doubtful"]].tolist()


def test_tables_that_match_leave_no_doubt():
    checks = check_tables(OPENNESS, PEAKS, GENES, EXPRESSION)
    assert doubtful(checks) == []
    assert found(checks) == {
        "likely assembly": "cannot be told from so few places",
        "chromosomes": "1 in both; only in peaks: 'chr2'",
        "cell types": "2 in both",
        "genes": "2 of 2 genes with a start site have expression",
        "depth (sum of openness)": "median 4.25, smallest 4 in HSC",
    }


def test_cell_types_of_one_side_are_named():
    checks = check_tables(OPENNESS, PEAKS, GENES, EXPRESSION.rename(columns={"NK": "B"}))
    assert found(checks)["cell types"] == "1 in both; only in openness: 'NK'; only in expression: 'B'"
    assert doubtful(checks) == ["cell types"]
    assert found(check_tables(OPENNESS, PEAKS, GENES))["cell types"] == "2 in openness; no expression was given"


def test_genes_of_one_side_are_counted():
    more = pd.concat([EXPRESSION, EXPRESSION.set_axis(["X1", "X2"])])
    checks = check_tables(OPENNESS, PEAKS, GENES, more.drop("SPI1"))
    text = "1 of 2 genes with a start site have expression; 2 rows of expression without a gene ('X1', 'X2')"
    assert found(checks)["genes"] == text
    none = check_tables(OPENNESS, PEAKS, GENES, EXPRESSION.set_axis(["a", "b"]))
    assert found(none)["genes"].startswith("2 genes with a start site, of which none can be matched: ")
    assert doubtful(none) == ["genes"]


def test_chromosomes_of_two_styles_are_in_doubt():
    checks = check_tables(OPENNESS, {**PEAKS, "chrom": ["1", "2"]}, GENES, EXPRESSION)
    text = "0 in both; only in peaks: '1', '2'; only in genes: 'chr1'; names of peaks are ensembl, of genes ucsc"
    assert found(checks)["chromosomes"] == text
    assert doubtful(checks) == ["chromosomes"]


def test_two_assemblies_are_in_doubt():
    peaks = {"chrom": ["chr1", "chr17"], "start": [249_200_000, 10], "end": [249_200_100, 20]}
    genes = {**GENES, "chrom": ["chr17", "chr17"], "tss": [83_000_000, 5]}  # hg19 ends at 81 Mb
    checks = check_tables(OPENNESS, peaks, genes, EXPRESSION)
    assert found(checks)["likely assembly"] == "peaks: hg19; genes: hg38 or mm10 or mm39"
    assert "likely assembly" in doubtful(checks)


def test_an_empty_cell_type_is_in_doubt_and_counts_are_reads():
    checks = check_tables(OPENNESS.assign(NK=0.0), PEAKS, GENES)
    assert found(checks)["depth (reads in peaks)"] == "median 2, smallest 0 in NK"
    assert doubtful(checks) == ["depth (reads in peaks)"]


def test_arrays_are_named_by_the_table_of_cell_types():
    checks = check_tables(OPENNESS.to_numpy(), PEAKS, GENES, cell_types=pd.DataFrame({"name": ["HSC", "NK"]}))
    assert found(checks)["depth (sum of openness)"] == "median 4.25, smallest 4 in HSC"


def test_what_is_no_table_is_refused():
    with pytest.raises(TableError, match="peaks: missing columns"):
        check_tables(OPENNESS, {"chrom": ["chr1"]}, GENES)
    with pytest.raises(TableError, match="genes: missing columns"):
        check_tables(OPENNESS, PEAKS, {"name": ["GATA1"]})


def test_checks_of_a_data_set_are_those_of_its_card():
    data, _ = make_paired_openness(n_genes=120, n_cell_types=8)
    checks = data.checks()
    labels = ["peak within 1 kb of the TSS", "openness", "depth (mean openness)", "expression", "lineages"]
    assert checks.table["check"].tolist() == labels
    card = data._repr_html_()
    assert all(text.split(" (")[0] in card for text in checks.table["found"])
    assert doubtful(checks) == []


def test_an_empty_cell_type_of_a_data_set_is_in_doubt():
    data = PairedDataset(OPENNESS.assign(NK=np.float32(0)), PEAKS, GENES)
    assert doubtful(data.checks()) == ["depth (mean openness)"]


def test_checks_print_one_line_each_and_add_up():
    first, second = (
        DataChecks(pd.DataFrame({"check": [name], "found": ["x"], "doubtful": [doubt]}))
        for name, doubt in (("a", False), ("longer", True))
    )
    assert repr(first + second) == "  a       x\n! longer  x"
