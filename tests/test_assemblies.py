"""Which assemblies a table can be of."""

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skepi.exceptions import TableError
from skepi.io import possible_assemblies
from skepi.io._assemblies import _ASSEMBLIES

ENDS = {
    name: {"chrom": [f"chr{c}" for c in lengths], "end": [*lengths.values()]} for name, lengths in _ASSEMBLIES.items()
}


@pytest.mark.parametrize("name", ENDS)
def test_ends_of_all_chromosomes_leave_one_assembly(name):
    assert possible_assemblies(ENDS[name]) == [name]
    genes = pd.DataFrame(ENDS[name]).rename(columns={"end": "tss"}).assign(tss=lambda table: table["tss"] - 1)
    genes["chrom"] = genes["chrom"].str.removeprefix("chr").astype("category")
    assert possible_assemblies(genes) == [name]


@given(st.sampled_from(sorted(ENDS)), st.integers(0, 18), st.integers(1, 10**6))
def test_a_base_beyond_the_end_leaves_the_assembly_out(name, row, more):
    ends = [*ENDS[name]["end"]]
    ends[row] += more
    assert name not in possible_assemblies({**ENDS[name], "end": ends})


def test_few_places_say_nothing():
    assert possible_assemblies({"chrom": ["chr1", "X"], "end": [1_000, 5_000]}) == [*ENDS]
    assert possible_assemblies({"chrom": ["chr21"], "end": [1_000]}) == ["hg19", "hg38"]


@pytest.mark.parametrize("chrom", ["chr1_random", "chrM", "chrUn_GL000220v1", "NC_000001.11", "chrY"])
def test_other_sequences_do_not_count(chrom):
    assert possible_assemblies({"chrom": [chrom], "end": [10]}) == []
    assert possible_assemblies({"chrom": [chrom, "chr20"], "end": [10**9, 10]}) == ["hg19", "hg38"]


def test_chromosomes_that_no_assembly_has_leave_none():
    assert possible_assemblies({"chrom": ["chr25"], "end": [10]}) == []


def test_columns_that_are_missing_are_named():
    with pytest.raises(TableError, match=r"wanted a column end \(of peaks\) or tss \(of genes\), got \['chrom'\]"):
        possible_assemblies({"chrom": ["chr1"]})
    with pytest.raises(TableError, match="missing columns"):
        possible_assemblies({"end": [1]})


@pytest.mark.skipif("SKEPI_HEME14" not in os.environ, reason="SKEPI_HEME14 names no folder of blood data")
def test_blood_is_of_hg19():
    folder = Path(os.environ["SKEPI_HEME14"])
    for table in ("peaks", "genes"):
        assert possible_assemblies(pd.read_parquet(folder / f"{table}.parquet")) == ["hg19"]
