"""Collections of motifs, and the files that hold them."""

import copy
import gzip
import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from promises import assert_exact, assert_float64_sums, assert_within

from skepi.exceptions import FileFormatError, TableError, UnknownNameError
from skepi.motifs import Motifs, jaspar_motifs, read_motifs

GATA = np.eye(4)[[2, 0, 3, 0]]
HEAD = (
    "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\nA 0.25 C 0.25 G 0.25 T 0.25\n\n"
)
ONE = "MOTIF MA0035.5 GATA1\nletter-probability matrix: alength= 4 w= 2 nsites= 9 E= 0\n"
ONE += "0 0 1 0\n0.5 0.25 0.25 0\n\nURL x\n"
JASPAR = ">MA0035.5\tGATA1\nA  [ 0  2 ]\nC  [ 0  1 ]\nG  [ 4  1 ]\nT  [ 0  0 ]\n"


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def write(content, name="motifs.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def two_ascl1():
    return Motifs(
        {"FOS": GATA, "ASCL1 (a)": GATA[:2], "ASCL1 (b)": GATA[:3]}, ids=list("xyz"), tfs=["FOS"] + 2 * ["ASCL1"]
    )


@pytest.mark.parametrize(
    "text", [HEAD + ONE, JASPAR, JASPAR.replace("[", "").replace("]", ""), re.sub(r"[ACGT]  \[|\]", "", JASPAR)]
)
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gz"])
def test_formats_say_the_same(put, text, pack):
    motifs = read_motifs(put(pack(text)))
    assert (motifs.names, motifs.ids, motifs.tfs) == (("GATA1",), ("MA0035.5",), ("GATA1",))
    assert_exact(motifs["GATA1"], [[0, 0, 1, 0], [0.5, 0.25, 0.25, 0]])


def test_a_pseudocount_is_spread_over_the_letters_of_counts(put):
    assert_float64_sums(read_motifs(put(JASPAR), pseudocount=1)["GATA1"][0], [0.05, 0.05, 0.85, 0.05])
    with pytest.raises(ValueError, match="pseudocount must be finite and 0 or greater, got -1"):
        read_motifs(put(JASPAR), pseudocount=-1)


def test_a_tf_of_several_matrices_has_names_with_identifiers(put):
    text = HEAD + ONE + ONE.replace("MA0035.5", "MA0035.4") + ONE.replace("MA0035.5 GATA1", "M7")
    motifs = read_motifs(put(text))
    assert motifs.names == ("GATA1 (MA0035.5)", "GATA1 (MA0035.4)", "M7")
    assert motifs.select(["MA0035.4", "M7"]).names == ("GATA1 (MA0035.4)", "M7")


BAD = {
    "chr1\t1\t2\n": (1, "wanted MEME format .* or JASPAR format"),
    HEAD: (None, "the file holds no motif"),
    HEAD + ONE.replace("w= 2", "w= 3"): (15, "wanted row 3 of 3 of the matrix above, got 'URL x'"),
    HEAD + ONE.replace("w= 2", "w= 1") + ONE: (13, "a row more than the w= 1 that line 11 states"),
    HEAD + ONE.replace("w= 2", "w= 0"): (11, "wanted w= and a width of 1 or more, got '0'"),
    HEAD + ONE.replace("w= 2 ", ""): (11, "wanted w= and a width of 1 or more, got 'nothing'"),
    HEAD + ONE.replace("alength= 4", "alength= 20"): (11, "wanted alength= 4"),
    HEAD + ONE.partition("0.5")[0]: (11, "the matrix has 1 of 2 rows: the file is cut off"),
    HEAD + ONE.partition("letter")[0]: (10, "no letter-probability matrix: is the file cut off"),
    HEAD + "MOTIF a\n" + ONE: (10, "the motif has no letter-probability matrix"),
    HEAD + ONE.partition("\n")[2]: (10, "a matrix stands before any line MOTIF"),
    HEAD + "MOTIF\n": (10, "wanted an identifier behind MOTIF"),
    HEAD + ONE.replace("0.5 ", "0.7 "): (10, r"probabilities of position 1 \(from 0\) add up to 1.2, wanted 1"),
    HEAD + ONE.replace("0.5 ", "1.5 "): (13, "wanted a number from 0 to 1, got 1.5"),
    HEAD + ONE.replace("0.5 ", "nan "): (13, "wanted a number from 0 to 1, got nan"),
    HEAD + ONE.replace("0.25 0.25", "0.25 x"): (13, "wanted a number, got 'x'"),
    HEAD + ONE + ONE: (16, "the motif 'MA0035.5' stands in line 10 too"),
    HEAD.replace("ACGT", "ACDEFGHIKLMNPQRSTVWY") + ONE: (3, "wanted the alphabet ACGT, got 'ACDE"),
    HEAD.replace("ACGT", "ACGU") + ONE: (3, "wanted the alphabet ACGT"),
    JASPAR + "A [ 1 ]\n": (6, "wanted a line that begins with '>'"),
    JASPAR.replace("MA0035.5\tGATA1", ""): (1, "wanted an identifier behind '>'"),
    JASPAR.partition("T  ")[0]: (1, "the matrix has 3 of 4 lines of counts: the file is cut off"),
    JASPAR.replace("4  1", "4"): (4, "wanted 2 counts as in the line of A, got 1"),
    JASPAR.replace("C  [", "G  ["): (3, "wanted one of C, got 'G'"),
    JASPAR.replace("0  2", ""): (2, "wanted counts of A, got none: the matrix has no position"),
    JASPAR.replace("4  1", "0  1"): (1, r"no counts at position 0 \(from 0\)"),
    JASPAR.replace("4  1", "-4  1"): (4, "wanted a number from 0 to 1e\\+15, got -4"),
    JASPAR + JASPAR: (6, "stands in line 1 too"),
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_files_are_named_with_their_line(put, text):
    path = put(text)
    line, message = BAD[text]
    with pytest.raises(FileFormatError, match=message) as error:
        read_motifs(path)
    assert error.value.line == line
    assert str(path) in str(error.value)


def test_a_truncated_gzip_is_told(put):
    with pytest.raises(FileFormatError, match="truncated or corrupt"):
        read_motifs(put(gzip.compress((HEAD + ONE).encode())[:-9]))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (GATA[:0], r"wanted shape \(width, 4\), width of 1 or more, got \(0, 4\)"),
        (np.full((4, 3), 0.25), r"got \(4, 3\); give its transpose"),
        (np.ones(4), r"got \(4,\)$"),
        (GATA * 0.98, r"add up to 1 \(within 0.01\), got \[0.0, 0.0, 0.98, 0.0\] at position 0; divide counts"),
        (GATA * np.nan, "wanted probabilities"),
        (GATA * 3 - 0.5, "wanted probabilities"),
    ],
)
def test_bad_matrices(matrix, message):
    with pytest.raises(TableError, match=f"motif 'x': .*{message}"):
        Motifs({"x": matrix})


def test_bad_collections():
    with pytest.raises(TableError, match="wanted a mapping of names to matrices, with at least one"):
        Motifs({})
    with pytest.raises(TableError, match="wanted a mapping"):
        Motifs([GATA])
    with pytest.raises(TableError, match="names must be text that is not blank, got ' '"):
        Motifs({" ": GATA})
    with pytest.raises(TableError, match="2 ids for 1 matrices: wanted one for each"):
        Motifs({"x": GATA}, ids=["a", "b"])
    with pytest.raises(TableError, match="the same identifier twice: 'a'"):
        Motifs({"x": GATA, "y": GATA}, ids=["a", "a"])


def test_motifs_are_found_by_name_identifier_and_tf():
    motifs = two_ascl1()
    assert list(motifs) == list(motifs.names)
    assert len(motifs) == 3
    assert "FOS" in motifs
    assert "ASCL1" not in motifs
    assert motifs["FOS"] is motifs["x"] is motifs.matrices[0]
    assert motifs["z"].shape == (3, 4)
    with pytest.raises(
        UnknownNameError, match=r"'ASCL1' has 2 matrices: give one of the names 'ASCL1 \(a\)', 'ASCL1 \(b\)'"
    ):
        motifs["ASCL1"]
    with pytest.raises(UnknownNameError, match="no name, identifier or TF 'GATA7'; there are 'FOS'"):
        motifs["GATA7"]


def test_select_keeps_the_order_asked_for():
    motifs = two_ascl1()
    chosen = motifs.select(["ASCL1", "FOS"])
    assert (chosen.names, chosen.ids, chosen.tfs) == (
        ("ASCL1 (a)", "ASCL1 (b)", "FOS"),
        ("y", "z", "x"),
        ("ASCL1", "ASCL1", "FOS"),
    )
    with pytest.raises(TypeError, match=r"got the text 'FOS': give \['FOS'\]"):
        motifs.select("FOS")
    with pytest.raises(TableError, match=r"asked for twice: 'ASCL1 \(b\)'"):
        motifs.select(["ASCL1", "z"])
    with pytest.raises(TableError, match="at least one matrix"):
        motifs.select([])


def test_motifs_are_never_changed_and_can_be_copied():
    rows = GATA.copy()
    motifs = Motifs({"GATA": rows})
    rows[:] = 0.25
    assert_exact(motifs["GATA"], GATA)
    with pytest.raises(ValueError, match="read-only"):
        motifs["GATA"][0, 0] = 1
    with pytest.raises(AttributeError):
        motifs.names = ("x",)
    for other in (copy.deepcopy(motifs), pickle.loads(pickle.dumps(motifs))):
        assert_exact(other["GATA"], GATA)


def test_information_and_consensus_by_hand():
    motifs = Motifs({"one": [[1, 0, 0, 0]], "even": np.full((2, 4), 0.25), "half": [[0, 0.5, 0, 0.5]]})
    table = motifs.to_frame()
    assert table["information"].tolist() == [2, 0, 1]
    assert table["consensus"].tolist() == ["A", "AA", "C"]
    assert table["width"].tolist() == motifs.widths.tolist() == [1, 2, 1]
    assert repr(motifs) == "Motifs(3: 'one', 'even', 'half')"


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.just(4)), elements=st.floats(0.001, 1)), st.integers(1, 3))
def test_what_is_written_is_read(tmp_path_factory, counts, n):
    rows = counts / counts.sum(axis=1, keepdims=True)
    motifs = Motifs({f"TF{k}": rows[::-1] if k else rows for k in range(n)}, ids=[f"M{k}" for k in range(n)])
    path = tmp_path_factory.mktemp("meme") / "motifs.meme"
    motifs.to_meme(path)
    again = read_motifs(path)
    # The name of a motif is its TF, which is its name here.
    assert (again.names, again.ids, again.tfs) == (motifs.names, motifs.ids, motifs.tfs)
    for one, other in zip(again.matrices, motifs.matrices, strict=True):
        assert_float64_sums(one, other)


def test_white_space_cannot_be_written(tmp_path):
    with pytest.raises(TableError, match="MEME format holds no white space in identifiers and TFs, got 'a b'"):
        Motifs({"a b": GATA}).to_meme(tmp_path / "motifs.meme")


def test_jaspar_is_read(motifs_path):
    motifs = read_motifs(motifs_path / "JASPAR2024_CORE_human.meme.gz")
    assert len(motifs) == 720
    assert motifs.to_frame().loc["TBX21", "id"] == motifs.ids[motifs.names.index("TBX21")]
    assert (motifs.widths <= 7).sum() == 153
    assert len(motifs.select(["ASCL1"])) > 1


@pytest.mark.slow
def test_motifs_of_jaspar_by_name(motifs_path):
    pytest.importorskip("pyjaspar", reason="pyjaspar, which holds JASPAR, is not installed")
    everything, read = jaspar_motifs(), read_motifs(motifs_path / "JASPAR2024_CORE_human.meme.gz")
    assert sorted(everything.names) == sorted(read.names)
    for name in read:
        assert_within(everything[name], read[name], 2e-6, "six decimals in the file, whose sum is not quite 1,")
    assert jaspar_motifs(["GATA1", "ASCL1"]).tfs == ("GATA1", "ASCL1", "ASCL1")
    assert jaspar_motifs(["Runx1"], species=10090).ids[0].startswith("MA")
    with pytest.raises(UnknownNameError, match="JASPAR2024 has no matrix of 'GATA7' for species 9606"):
        jaspar_motifs(["GATA7", "GATA1"])
    with pytest.raises(UnknownNameError, match="JASPAR2024 has no matrix for species 1"):
        jaspar_motifs(species=1)
    with pytest.raises(ValueError, match="release must be one of"):
        jaspar_motifs(release="JASPAR1999")


def test_motifs_of_jaspar_without_pyjaspar(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyjaspar", None)
    with pytest.raises(ImportError, match="come with pyjaspar: pip install pyjaspar"):
        jaspar_motifs()
    with pytest.raises(TypeError, match=r"got the text 'GATA1': give \['GATA1'\]"):
        jaspar_motifs("GATA1")
