"""The DNA under peaks: windows by hand, by the letters of the whole chromosome, and in any order."""

import pickle

import numpy as np
import pandas as pd
import pytest
from genome_files import bgzip, fasta, two_bit
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums

from skepi.exceptions import ChromosomeMismatchError, TableError
from skepi.sequence import Genome, PeakSequences, _windows, reverse_complement

CHROM = "AACCGGTTNNACGT"
WRITERS = {
    "plain": ("g.fa", lambda letters: fasta(letters).encode()),
    "bgzip": ("g.fa.gz", lambda letters: bgzip(fasta(letters).encode())),
    "2bit": ("g.2bit", two_bit),
}

codes = st.lists(st.integers(0, 4), min_size=1, max_size=30).map(lambda found: np.array(found, np.uint8))


def peaks_at(*places, chrom="chr1"):
    return pd.DataFrame([(chrom, start, end) for start, end in places], columns=["chrom", "start", "end"])


@pytest.fixture
def genome():
    return Genome.from_strings({"chr1": CHROM, "chr2": "GC" * 20})


@pytest.fixture(scope="module")
def random_genome():
    rng = np.random.default_rng(0)
    return {f"chr{k}": "".join(rng.choice(list("ACGTNacgt"), n)) for k, n in ((1, 30_000), (2, 20_003), (3, 61))}


@pytest.fixture(scope="module")
def random_peaks(random_genome):
    """Peaks in no order, close and far, some of whose windows go beyond the ends."""
    rng = np.random.default_rng(1)
    chrom = rng.choice([*random_genome], 300)
    length = np.array([len(random_genome[name]) for name in chrom])
    middle = rng.integers(1, length - 1)
    half = np.minimum(rng.integers(1, 40, 300), np.minimum(middle, length - middle))
    return pd.DataFrame({"chrom": chrom, "start": middle - half, "end": middle + half})


def by_hand(letters, peaks, width):
    """Windows cut from padded text, one by one."""
    padded = {name: "N" * width + text.upper() + "N" * width for name, text in letters.items()}
    starts = (peaks["start"] + peaks["end"]) // 2 - width // 2 + width
    return [padded[name][start : start + width] for name, start in zip(peaks["chrom"], starts, strict=True)]


# by hand


def test_a_window_lies_around_the_middle_of_its_peak(genome):
    # [2, 6) has its middle at 4; [3, 8) at 5, the lower of two
    assert PeakSequences(genome, peaks_at((2, 6), (3, 8)), width=4).to_strings() == ["CCGG", "CGGT"]
    assert PeakSequences(genome, peaks_at((2, 6)), width=5).to_strings() == ["CCGGT"]
    assert PeakSequences(genome, peaks_at((2, 6)), width=1).to_strings() == ["G"]


def test_without_a_width_peaks_of_equal_width_are_taken_as_they_are(genome):
    assert PeakSequences(genome, peaks_at((0, 3), (5, 8)), width=None).to_strings() == ["AAC", "GTT"]
    with pytest.raises(TableError, match="width=None wants peaks of equal width, got 3 to 4 bp; give a width"):
        PeakSequences(genome, peaks_at((0, 3), (5, 9)), width=None)


def test_a_window_lies_around_the_summit_on_request(genome):
    peaks = peaks_at((0, 8), (2, 9)).assign(summit=[2, 7.0])
    assert PeakSequences(genome, peaks, width=2, center="summit").to_strings() == ["AC", "TT"]
    for summit, got in (([-1, 7], "-1 in row 0"), ([2, 9], "9 in row 1")):
        with pytest.raises(TableError, match=rf"summit: .*got {got}"):
            PeakSequences(genome, peaks.assign(summit=summit), center="summit")
    with pytest.raises(TableError, match=r"missing columns \['summit'\]"):
        PeakSequences(genome, peaks_at((0, 8)), center="summit")
    with pytest.raises(ValueError, match="center must be one of"):
        PeakSequences(genome, peaks, center="tss")


def test_beyond_the_ends_of_a_chromosome_there_is_n(genome):
    assert PeakSequences(genome, peaks_at((0, 2), (13, 14)), 6, max_n_share=1).to_strings() == ["NNAACC", "ACGTNN"]
    wide = PeakSequences(genome, peaks_at((0, 2)), width=40, max_n_share=1).to_strings()[0]
    assert wide == "N" * 19 + CHROM + "N" * 7


def test_shares_count_letters(genome):
    sequences = PeakSequences(genome, peaks_at((0, 8), (8, 10), (6, 10)), 4, max_n_share=1)
    assert sequences.to_strings() == ["CCGG", "TNNA", "TTNN"]
    assert sequences.gc_share().tolist() == [1, 0, 0]
    assert sequences.n_share().tolist() == [0, 0.5, 0.5]
    none = PeakSequences.from_strings(["NNNN", "RYRY", "ACGT"])
    assert_exact(none.gc_share(), np.array([np.nan, np.nan, 0.5]))
    assert none.n_share().tolist() == [1, 1, 0]


def test_sequences_say_what_they_are(genome):
    peaks = peaks_at((2, 6), (3, 8)).assign(name=["a", "b"])
    sequences = PeakSequences(genome, peaks, 4)
    assert (len(sequences), sequences.shape, sequences.width, sequences.ndim) == (2, (2, 4), 4, 2)
    assert sequences.dtype == np.uint8
    assert sequences.genome is genome
    assert repr(sequences) == "<PeakSequences: 2 windows of 4 bp from <Genome from strings: 2 chromosomes, 54 bp>>"
    assert repr(PeakSequences.from_strings(["AC"])) == "<PeakSequences: 1 window of 2 bp from strings>"
    assert PeakSequences.from_strings(["AC"]).peaks is None
    assert PeakSequences.from_strings(["AC"]).genome is None
    copy = sequences.peaks
    copy.loc[0, "start"] = 9
    assert_exact(sequences.peaks, peaks[["chrom", "start", "end"]])


# by law


@pytest.mark.parametrize("kind", [*WRITERS])
@pytest.mark.parametrize("width", [1, 7, 200])
def test_windows_are_those_of_the_whole_text(kind, width, random_genome, random_peaks, tmp_path):
    name, write = WRITERS[kind]
    (tmp_path / name).write_bytes(write(random_genome))
    sequences = PeakSequences(Genome(tmp_path / name), random_peaks, width, max_n_share=1)
    assert sequences.to_strings() == by_hand(random_genome, random_peaks, width)


@pytest.mark.parametrize(("gap", "stretch"), [(0, 1), (10**9, 10**9), (100, 1000)])
def test_how_letters_are_read_does_not_change_them(gap, stretch, random_genome, random_peaks, monkeypatch):
    monkeypatch.setattr(_windows, "_GAP_BP", gap)
    monkeypatch.setattr(_windows, "_STRETCH_BP", stretch)
    sequences = PeakSequences(Genome.from_strings(random_genome), random_peaks, 50, max_n_share=1)
    assert sequences.to_strings() == by_hand(random_genome, random_peaks, 50)


@given(data=st.data())
def test_rows_taken_are_rows_of_the_whole(data, random_genome, random_peaks):
    sequences = PeakSequences(Genome.from_strings(random_genome), random_peaks, 20, max_n_share=1)
    whole = sequences.as_array()
    n = len(whole)
    key = data.draw(
        st.one_of(
            st.slices(n),
            st.lists(st.integers(-n, n - 1), max_size=20),
            st.lists(st.booleans(), min_size=n, max_size=n),
        )
    )
    wanted = whole[key if isinstance(key, slice) or len(key) else slice(0)]
    taken = sequences[key]
    assert_exact(taken.as_array(), wanted)
    assert_exact(taken.gc_share(), sequences.gc_share()[key if isinstance(key, slice) or len(key) else slice(0)])
    assert len(taken.peaks) == len(wanted)
    row = data.draw(st.integers(-n, n - 1))
    assert_exact(sequences[row], whole[row])


def test_an_array_is_made_as_numpy_makes_one(genome):
    sequences = PeakSequences(genome, peaks_at((2, 6), (3, 8)), 4)
    assert_exact(np.asarray(sequences), sequences.as_array())
    assert np.asarray(sequences, dtype=np.int64).dtype == np.int64
    assert [row.tolist() for row in sequences] == sequences.as_array().tolist()
    with pytest.raises(ValueError, match="copy=False cannot be"):
        np.array(sequences, copy=False)


def test_what_is_read_belongs_to_the_caller(genome):
    for sequences in (PeakSequences(genome, peaks_at((2, 6)), 4), PeakSequences.from_strings(["CCGG"])):
        for read in (sequences.as_array(), np.asarray(sequences[:]), sequences[0], np.asarray(sequences[[0]])):
            read[...] = 4
        assert sequences.to_strings() == ["CCGG"]
    given_codes = np.array([[1, 1, 2, 2]], np.uint8)
    sequences = PeakSequences.from_codes(given_codes)
    given_codes[:] = 0
    assert sequences.to_strings() == ["CCGG"]


@given(text=st.text("ACGTNacgtn", min_size=1, max_size=40), data=st.data())
def test_letters_go_there_and_back(text, data):
    assert PeakSequences.from_strings([text]).to_strings() == [text.upper()]


@given(found=codes, data=st.data())
def test_the_reverse_complement_is_its_own_inverse_and_turns_windows(found, data):
    assert_exact(reverse_complement(reverse_complement(found)), found)
    low, high = sorted(data.draw(st.integers(0, found.size)) for _ in range(2))
    n = found.size
    assert_exact(reverse_complement(found)[n - high : n - low], reverse_complement(found[low:high]))


def test_a_window_of_the_turned_genome_is_the_turned_window(random_genome):
    turned = {name: text[::-1].translate(str.maketrans("ACGTacgt", "TGCAtgca")) for name, text in random_genome.items()}
    length = len(random_genome["chr1"])
    here = peaks_at((500, 600), (7000, 7100))
    there = here.assign(start=length - here["end"], end=length - here["start"])
    one = PeakSequences(Genome.from_strings(random_genome), here, 80)
    other = PeakSequences(Genome.from_strings(turned), there, 80)
    assert_exact(other.as_array(), reverse_complement(one.as_array()))
    assert_float64_sums(other.gc_share(), one.gc_share())


@pytest.mark.parametrize("kind", [*WRITERS])
def test_a_pickle_holds_no_letters(kind, random_genome, random_peaks, tmp_path):
    name, write = WRITERS[kind]
    (tmp_path / name).write_bytes(write(random_genome))
    sequences = PeakSequences(Genome(tmp_path / name), random_peaks, 500, max_n_share=1)
    pickled = pickle.dumps(sequences)
    assert len(pickled) < sequences.shape[0] * 500 / 5
    assert_exact(pickle.loads(pickled).as_array(), sequences.as_array())


# bad input


def test_unknown_chromosomes_make_think_of_another_assembly(genome):
    with pytest.raises(ChromosomeMismatchError, match=r"chr1 are the same; skepi.io.convert_chromosomes renames them"):
        PeakSequences(genome, peaks_at((0, 4), chrom="1"))
    with pytest.raises(ChromosomeMismatchError, match=r"chr9 against chr1.*: are they of one assembly and species\?"):
        PeakSequences(genome, peaks_at((0, 4), chrom="chr9"))
    peaks = pd.concat([peaks_at((0, 4)), peaks_at((0, 4), (5, 9), chrom="chr9")])
    with pytest.raises(TableError, match=r"2 row\(s\) lie on chromosomes that the genome lacks: 'chr9'.*assembly"):
        PeakSequences(genome, peaks)


def test_peaks_beyond_the_end_make_think_of_another_assembly(genome):
    with pytest.raises(TableError, match=r"2 peak\(s\) lie beyond .* chr1:10-18 in row 1, .* ends at 14.*two assem"):
        PeakSequences(genome, peaks_at((0, 4), (10, 18), (20, 30)))
    hg19 = Genome.from_strings({"chr1": "ACGT"})
    with pytest.raises(TableError, match="The peaks fit hg19"):
        PeakSequences(hg19, peaks_at((249_200_000, 249_200_500)))
    assert PeakSequences(genome, peaks_at((10, 17)), 2).to_strings() == ["GT"], "its middle lies on the chromosome"


def test_windows_with_much_n_are_refused_when_they_are_read(genome):
    peaks = peaks_at((2, 6), (8, 10), (7, 9))
    sequences = PeakSequences(genome, peaks, 4, max_n_share=0.4)
    assert sequences[0].tolist() == [1, 1, 2, 2]
    said = r"2 of 3 windows have more N than max_n_share=0.4, the first chr1:8-10 in row 1 \(50% N\).*check_genome"
    with pytest.raises(TableError, match=said):
        sequences.as_array()
    with pytest.raises(TableError, match="1 of 1 windows have more N"):
        sequences[2]
    assert sequences[sequences.n_share() <= 0.4].to_strings() == ["CCGG"]
    assert len(PeakSequences(genome, peaks, 4, max_n_share=0.5).as_array()) == 3
    for wrong in (-0.1, 1.5, "much", None):
        with pytest.raises(ValueError, match="max_n_share must be a number with 0 <= max_n_share"):
            PeakSequences(genome, peaks, 4, max_n_share=wrong)


def test_settings_and_tables_are_checked(genome):
    with pytest.raises(TypeError, match=r"genome must be a skepi.sequence.Genome, such as"):
        PeakSequences("hg38.fa", peaks_at((0, 4)))
    for width in (0, 2.5, True):
        with pytest.raises(ValueError, match="width must be a whole number of 1 or more"):
            PeakSequences(genome, peaks_at((0, 4)), width)
    with pytest.raises(TableError, match="wanted 0 <= start < end"):
        PeakSequences(genome, peaks_at((4, 4)))


def test_strings_are_checked():
    for letters in ([], [""]):
        with pytest.raises(TableError, match="wanted at least one string of at least one letter"):
            PeakSequences.from_strings(letters)
    with pytest.raises(TableError, match="got 2 letters in row 0 and 3 in row 1; cut them to one width"):
        PeakSequences.from_strings(["AC", "ACG"])
    with pytest.raises(TableError, match="wanted text, got bytes in row 1"):
        PeakSequences.from_strings(["AC", b"AC"])
    with pytest.raises(TableError, match=r"row 1, position 1 \(from 0\): '!' is no letter of DNA"):
        PeakSequences.from_strings(["AC", "A!"])


def test_codes_are_checked():
    for wrong, said in (
        ([[0, 1]], "got list"),
        (np.zeros((1, 2), int), "got dtype int64"),
        (np.uint8(3) + np.zeros((), np.uint8), "wanted an array of uint8"),
        (np.array([[5]], np.uint8), r"wanted 0 to 4 \(A, C, G, T, N\), got 5"),
    ):
        for make in (reverse_complement, PeakSequences.from_codes):
            with pytest.raises(TableError, match=said):
                make(wrong)
    for shape in ((3,), (0, 3), (3, 0)):
        with pytest.raises(TableError, match="wanted at least one sequence of at least one letter, got shape"):
            PeakSequences.from_codes(np.zeros(shape, np.uint8))


def test_rows_are_asked_for_as_of_an_array(genome):
    sequences = PeakSequences(genome, peaks_at((2, 6), (3, 8)), 4)
    with pytest.raises(TypeError, match=r"numpy\.asarray\(sequences\[rows\]\)\[:, columns\]"):
        sequences[:, 2]
    with pytest.raises(TypeError, match="got 2 axes"):
        sequences[np.zeros((1, 1), int)]
    for wrong in (2, [5], [True, False, True]):
        with pytest.raises(IndexError, match=r"out of bounds|did not match"):
            sequences[wrong]
