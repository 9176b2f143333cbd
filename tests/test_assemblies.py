"""Which assemblies a table can be of."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skepi.exceptions import TableError
from skepi.io import possible_assemblies
from skepi.io._assemblies import _ASSEMBLIES

ENDS = {
    name: {"chrom": [f"chr{c}" for c in lengths], "start": [length - 1 for length in lengths.values()]}
    for name, lengths in _ASSEMBLIES.items()
}


@pytest.mark.parametrize("name", ENDS)
def test_ends_of_all_chromosomes_leave_one_assembly(name):
    assert possible_assemblies(ENDS[name]) == [name]
    genes = pd.DataFrame(ENDS[name]).rename(columns={"start": "tss"})
    genes["chrom"] = genes["chrom"].str.removeprefix("chr").astype("category")
    assert possible_assemblies(genes) == [name]


@given(st.sampled_from(sorted(ENDS)), st.integers(0, 18), st.integers(1, 10**6))
def test_a_base_beyond_the_end_leaves_the_assembly_out(name, row, more):
    starts = [*ENDS[name]["start"]]
    starts[row] += more
    assert name not in possible_assemblies({**ENDS[name], "start": starts})


def test_few_places_say_nothing():
    assert possible_assemblies({"chrom": ["chr1", "X"], "start": [1_000, 5_000]}) == [*ENDS]
    assert possible_assemblies({"chrom": ["chr21"], "start": [1_000]}) == ["hg19", "hg38"]


@pytest.mark.parametrize("chrom", ["chr1_random", "chrM", "chrUn_GL000220v1", "NC_000001.11", "chrY"])
def test_other_sequences_do_not_count(chrom):
    assert possible_assemblies({"chrom": [chrom], "start": [10]}) == []
    assert possible_assemblies({"chrom": [chrom, "chr20"], "start": [10**9, 10]}) == ["hg19", "hg38"]


def test_chromosomes_that_no_assembly_has_leave_none():
    assert possible_assemblies({"chrom": ["chr25"], "start": [10]}) == []


def test_columns_that_are_missing_are_named():
    with pytest.raises(TableError, match=r"wanted a column start \(of peaks\) or tss \(of genes\), got \['chrom'\]"):
        possible_assemblies({"chrom": ["chr1"]})
    with pytest.raises(TableError, match="missing columns"):
        possible_assemblies({"start": [1]})


def test_blood_is_of_hg19(blood_path):
    for table in ("peaks", "genes"):
        assert possible_assemblies(pd.read_parquet(blood_path / f"{table}.parquet")) == ["hg19"]
