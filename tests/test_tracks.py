"""Tables for genome browsers: what is written is read again by a small parser and by pandas."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_within
from sklearn.linear_model import Ridge

from skepi import _files
from skepi.binning import TSSBinner
from skepi.inspection import bin_track, peak_gene_links, peak_scores
from skepi.io import write_bedgraph, write_bedpe

BEDPE = ["chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1", "strand2"]
SIX_DIGITS = "numbers are written with six digits"


@pytest.fixture
def regions():
    return pd.DataFrame(
        {"chrom": ["chr2", "chr1", "chr1"], "start": [5, 100, 0], "end": [9, 130, 100], "score": [-0.5, 1e-9, 2e7 / 3]}
    )


@pytest.fixture
def links():
    return pd.DataFrame(
        {
            "chrom": ["chr2", "chr1"],
            "start": [100, 7],
            "end": [600, 9],
            "gene": ["b", "a"],
            "tss": [900, 0],
            "strand": ["-", "+"],
            "score": [0.25, 1e-3],
        }
    )


@pytest.fixture(scope="module")
def model(pairs):
    bins = TSSBinner(edges=[-3_000, -1_000, 0, 1_000, 2_000]).fit_transform(pairs[0])
    return Ridge().fit(bins, pairs[1]), bins


def read_bedgraph(path):
    """Header and rows ``(chrom, start, end, value)`` as a browser takes them."""
    with gzip.open(path, "rt") if str(path).endswith(".gz") else open(path) as file:
        content = file.read()
    assert content.endswith("\n")
    header, *lines = content[:-1].split("\n")
    rows = [line.split("\t") for line in lines]
    assert {len(row) for row in rows} == {4}
    return header, [(chrom, int(start), int(end), float(value)) for chrom, start, end, value in rows]


def test_bedgraph_by_hand(regions, tmp_path):
    before = regions.copy()
    write_bedgraph(regions, tmp_path / "a.bedgraph")
    assert (tmp_path / "a.bedgraph").read_text() == (
        'track type=bedGraph name="skepi"\nchr1\t0\t100\t6.66667e+06\nchr1\t100\t130\t1e-09\nchr2\t5\t9\t-0.5\n'
    )
    assert_exact(regions, before)


def test_bedpe_by_hand(links, tmp_path):
    write_bedpe(links, tmp_path / "a.bedpe")
    assert (tmp_path / "a.bedpe").read_text() == (
        "chr2\t100\t600\tchr2\t900\t901\tb\t0.25\t.\t-\nchr1\t7\t9\tchr1\t0\t1\ta\t0.001\t.\t+\n"
    )


@st.composite
def tables(draw):
    """Regions apart from each other on three chromosomes, in any order."""
    rows = []
    for chrom in ("chr1", "chr10", "X"):
        cuts = draw(st.lists(st.integers(0, 10_000), max_size=8, unique=True).map(sorted))
        rows += [(chrom, a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    rows = draw(st.permutations([*rows, ("chr1", 20_000, 20_001)]))
    values = st.floats(-1e9, 1e9, allow_subnormal=False)
    table = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    return table.assign(height=draw(st.lists(values, min_size=len(rows), max_size=len(rows))))


@given(tables(), st.sampled_from(["a.bedgraph", "a.bg.gz"]))
def test_bedgraph_is_read_again(tmp_path_factory, table, name):
    path = tmp_path_factory.mktemp("tracks") / name
    write_bedgraph(table, path, value="height", name="my track")
    header, rows = read_bedgraph(path)
    assert header == 'track type=bedGraph name="my track"'
    assert rows == sorted(rows)
    wanted = table.sort_values(["chrom", "start"]).itertuples(index=False)
    for row, known in zip(rows, wanted, strict=True):
        assert row[:3] == tuple(known[:3])
        assert_within(row[3], known.height, 5e-6 * abs(known.height), SIX_DIGITS)
    again = pd.read_csv(path, sep="\t", skiprows=1, names=["chrom", "start", "end", "height"])
    assert again.iloc[:, :3].to_numpy().tolist() == [list(row[:3]) for row in rows]


@pytest.mark.parametrize("name", ["a.bedpe", "a.bedpe.gz"])
def test_links_of_a_model_are_read_again(model, tmp_path, name):
    links = peak_gene_links(*model)
    write_bedpe(links, tmp_path / name)
    again = pd.read_csv(tmp_path / name, sep="\t", names=BEDPE)
    same = {"chrom": "chrom1", "start": "start1", "end": "end1", "gene": "name", "tss": "start2", "strand": "strand2"}
    for column, written in same.items():
        assert again[written].tolist() == links[column].tolist()
    assert (again["chrom2"] == again["chrom1"]).all()
    assert (again["end2"] == again["start2"] + 1).all()
    assert (again["strand1"] == ".").all()
    assert_within(again["score"] / links["score"], 1, 5e-6, SIX_DIGITS)


def test_scores_and_bins_of_a_model_are_read_again(model, tmp_path):
    scores = peak_scores(peak_gene_links(*model))
    write_bedgraph(scores, tmp_path / "peaks.bedgraph")
    assert [row[:3] for row in read_bedgraph(tmp_path / "peaks.bedgraph")[1]] == list(
        scores[["chrom", "start", "end"]].itertuples(index=False, name=None)
    )
    track = bin_track(*model, model[1].genes["name"][3])
    write_bedgraph(track, tmp_path / "bins.bedgraph", value="importance")
    values = [row[3] for row in read_bedgraph(tmp_path / "bins.bedgraph")[1]]
    assert_within(values / track["importance"], 1, 5e-6, SIX_DIGITS)


def test_gzipped_files_are_gzip_and_repeat(regions, links, tmp_path):
    write_bedgraph(regions, tmp_path / "a.gz")
    write_bedgraph(regions, tmp_path / "a")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == (tmp_path / "a").read_bytes()
    first = (tmp_path / "a.gz").read_bytes()
    write_bedgraph(regions, str(tmp_path / "a.gz"))  # a path or a string
    assert (tmp_path / "a.gz").read_bytes() == first


def test_a_file_is_replaced_as_a_whole_or_not_at_all(regions, links, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("before, and much longer than what comes\n" * 99)
    write_bedpe(links, path)
    content = path.read_bytes()
    assert content.startswith(b"chr2\t100")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(_files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_bedgraph(regions, path)
    monkeypatch.undo()
    assert path.read_bytes() == content
    with pytest.raises(ValueError, match="not finite"):
        write_bedgraph(regions.assign(score=np.nan), path)
    assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.txt"]


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["end", "score"]), r"lacks the column\(s\) end, score; it has chrom, start"),
        (lambda t: t[:0], "the table is empty"),
        (lambda t: t.assign(score=[1.0, np.nan, np.nan]), r"2 value\(s\) of score are not finite"),
        (lambda t: t.assign(score=[1.0, np.inf, 2.0]), r"1 value\(s\) of score are not finite"),
        (lambda t: t.assign(end=[5, 130, 100]), "wanted 0 <= start < end, got chr2:5-5"),
        (lambda t: t.assign(start=[5, 100, -1]), "wanted 0 <= start < end, got chr1:-1-100"),
        (lambda t: t.assign(start=[5, 99, 0]), "one value per base, but chr1:0-100 overlaps"),
        (lambda t: t.assign(start=[5, 0, 0], end=[9, 130, 10]), "one value per base, but chr1:0-1"),
        (lambda t: t.assign(start=[5.5, 100.0, 0.0]), "start must hold whole numbers, got float64"),
        (lambda t: t.assign(end=[9, 130, np.nan]), "end must hold whole numbers, got float64"),
        (lambda t: t.assign(chrom=["chr2", "chr 1", "chr1"]), "chrom must hold names without white space, got 'chr 1'"),
        (lambda t: t.assign(chrom=["chr2", "", "chr1"]), "chrom must hold names without white space, got ''"),
        (lambda t: t.assign(chrom=["chr2", None, "chr1"]), "chrom must hold names without white space, got (nan|None)"),
    ],
)
def test_tables_that_make_no_track_are_refused(regions, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_bedgraph(change(regions), tmp_path / "a")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ['my "track"', "two\nlines", "a\ttab"])
def test_names_that_break_the_first_line_are_refused(regions, tmp_path, name):
    with pytest.raises(ValueError, match="quotation marks or line breaks"):
        write_bedgraph(regions, tmp_path / "a", name=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["tss", "gene"]), r"lacks the column\(s\) gene, tss; it has chrom, start"),
        (lambda t: t[:0], "the table is empty"),
        (lambda t: t.assign(score=[1.0, np.nan]), r"1 value\(s\) of score are not finite"),
        (lambda t: t.assign(end=[100, 9]), "wanted 0 <= start < end, got chr2:100-100"),
        (lambda t: t.assign(tss=[1.0, np.nan]), "tss must hold whole numbers, got float64"),
        (lambda t: t.assign(gene=["a\tb", "c"]), r"gene must hold names without white space, got 'a\\tb'"),
        (lambda t: t.assign(gene=["a", "c\n"]), r"gene must hold names without white space, got 'c\\n'"),
        (lambda t: t.assign(chrom=["chr1", "chr 2"]), "chrom must hold names without white space, got 'chr 2'"),
        (lambda t: t.assign(strand=["+", "+\t"]), r"strand must hold names without white space, got '\+\\t'"),
    ],
)
def test_links_that_cannot_be_written_are_refused(links, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_bedpe(change(links), tmp_path / "a")
    assert not os.listdir(tmp_path)


def test_a_folder_that_does_not_exist_is_named(regions, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder: cannot write a.bedgraph there"):
        write_bedgraph(regions, tmp_path / "nowhere" / "a.bedgraph")


def test_touching_regions_and_equal_places_elsewhere_do_not_overlap(tmp_path):
    table = pd.DataFrame({"chrom": ["1", "2", "1"], "start": [0, 0, 10], "end": [10, 10, 20], "score": 1})
    write_bedgraph(table, tmp_path / "a")
    assert len(read_bedgraph(tmp_path / "a")[1]) == 3
