"""What check_genome notices: another assembly, a shift, positions from 1, other names; and when it is quiet."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from promises import assert_float64_sums, assert_within

from skepi.exceptions import TableError
from skepi.io import assembly_of_lengths
from skepi.sequence import Genome, PeakSequences, check_genome
from skepi.sequence._check_genome import _at_middle
from skepi.sequence._gc_profile import PROFILE_BP, Contrast, gc_contrast
from skepi.sequence._known_bases import agreement

DNA = Path(os.environ.get("SKEPI_HEME_DNA", Path(__file__).parents[2] / "shared" / "data" / "heme_dna"))
CHECKS = ["assembly", "chromosomes", "ends", "coordinates", "N", "GC share", "GC displaced"]
ONE_PEAK = {"chrom": ["chr1"], "start": [5], "end": [9]}


@pytest.fixture(scope="module")
def dna_path():
    if not (DNA / "tal1_300bp_hg19.parquet").exists():
        pytest.skip(f"the DNA of hg19 is not at {DNA}; SKEPI_HEME_DNA names another folder")
    return DNA


@pytest.fixture(scope="module")
def open_regions():
    """A genome of 1.2 Mb with GC share .42, and 600 peaks with .52 within 150 bp of their middles."""
    rng = np.random.default_rng(0)
    n_peaks, apart = 600, 2000
    middle = apart * np.arange(n_peaks) + 1000 + rng.integers(-300, 300, n_peaks)
    gc = np.full(n_peaks * apart, 0.42)
    gc[(middle[:, None] + np.arange(-150, 150)).ravel()] = 0.52
    is_gc, second = rng.random(gc.size) < gc, rng.integers(0, 2, gc.size)
    letters = np.frombuffer(b"ATGC", np.uint8)[2 * is_gc + second].tobytes().decode()
    peaks = pd.DataFrame({"chrom": "chr1", "start": middle - 200, "end": middle + 200})
    return Genome.from_strings({"chr1": letters}), peaks


def shifted(peaks, by):
    return peaks.assign(start=peaks["start"] + by, end=peaks["end"] + by)


def doubts(checks):
    return checks.table.loc[checks.table["doubtful"], "check"].tolist()


def found(checks, check):
    return checks.table.set_index("check").loc[check, "found"]


def bases_of(genome, position, width=1):
    letters = PeakSequences(
        genome, {"chrom": ["chr1"] * len(position), "start": position, "end": position + width}, None
    )
    return pd.DataFrame({"chrom": "chr1", "position": position, "base": letters.to_strings()})


# the whole


def test_peaks_in_place_raise_no_doubt(open_regions):
    genome, peaks = open_regions
    checks = check_genome(genome, peaks, known_bases=bases_of(genome, np.arange(50, 5000, 100)))
    assert checks.table["check"].tolist() == [*CHECKS, "known bases"]
    assert doubts(checks) == []
    assert found(checks, "known bases") == "100% of 50 letters stand where they should"


@pytest.mark.parametrize("by", [100, -100])
def test_a_shift_of_100_bp_displaces_the_gc_share(open_regions, by):
    genome, peaks = open_regions
    checks = check_genome(genome, shifted(peaks, by))
    assert "GC displaced" in doubts(checks)
    assert found(checks, "GC displaced").endswith("are peaks or genome shifted?")
    displaced = int(found(checks, "GC displaced").split()[1])
    assert_within(displaced, -by, 40, "600 peaks tell the place within some 20 bp")


def test_other_places_are_no_richer_in_gc(open_regions):
    genome, peaks = open_regions
    checks = check_genome(genome, shifted(peaks, 1000)[:-1])
    assert "GC share" in doubts(checks)
    assert "peaks of the right assembly are richer in GC" in found(checks, "GC share")


def test_known_bases_tell_positions_that_begin_at_1_and_any_shift(open_regions):
    genome, _ = open_regions
    bases = bases_of(genome, np.arange(1000, 40_000, 500))
    for by, said in ((1, "100% would at -1 bp, as where positions begin at 1"), (100, "100% would at -100 bp")):
        checks = check_genome(genome, ONE_PEAK, known_bases=shifted_bases(bases, by))
        assert doubts(checks) == ["known bases"]
        assert found(checks, "known bases").endswith(said)
    nowhere = check_genome(genome, ONE_PEAK, known_bases=shifted_bases(bases, 7000))
    assert found(nowhere, "known bases").endswith("nor at any place within 200 bp: is it another assembly?")


def shifted_bases(bases, by):
    return bases.assign(position=bases["position"] + by)


@pytest.mark.parametrize(("width", "sign"), [(400, "most widths are 399 bp"), (377, "starts are one above")])
def test_positions_that_begin_at_1_leave_signs(open_regions, width, sign):
    genome, peaks = open_regions
    start = 2000 * np.arange(len(peaks))
    peaks = peaks.assign(start=start + 1, end=start + width)
    checks = check_genome(genome, peaks)
    assert "coordinates" in doubts(checks)
    assert found(checks, "coordinates").startswith(sign)
    assert "coordinates" not in doubts(check_genome(genome, peaks.head(19))), "few peaks say little"


def test_another_species_or_other_names_are_noticed(open_regions):
    genome, peaks = open_regions
    checks = check_genome(genome, peaks.assign(chrom="1"))
    assert doubts(checks) == ["chromosomes"]
    assert "1 and chr1 are the same: Genome(..., names=) renames" in found(checks, "chromosomes")
    fly = check_genome(genome, peaks.assign(chrom=np.where(np.arange(len(peaks)) < 100, "2L", "chr1")))
    assert found(fly, "chromosomes") == "500 of 600 peaks lie on chromosomes of the genome; it lacks '2L'"
    beyond = check_genome(genome, shifted(peaks, 1_000_000))
    assert "ends" in doubts(beyond)
    assert found(beyond, "ends").endswith("beyond the end of the chromosome, the first on chr1")


def test_an_assembly_is_told_by_its_lengths():
    genome = Genome.from_strings({"chrM": "ACGT"})
    genome._lengths = {"chr21": 46_709_983}  # what a file of hg38 states
    assert assembly_of_lengths(genome.chromosomes) == "hg38"
    checks = check_genome(genome, {"chrom": ["chr21"], "start": [48_000_000], "end": [48_000_100]})
    assert doubts(checks) == ["assembly", "ends"]
    assert found(checks, "assembly") == "genome: hg38; peaks fit hg19"


def test_much_n_is_noticed(open_regions):
    genome, peaks = open_regions
    letters = "".join("ACGTN"[code] for code in genome.letters("chr1", 0, 600 * 2000))
    holes = Genome.from_strings({"chr1": "N" * 6000 + letters[6000:]})
    checks = check_genome(holes, peaks)
    assert "N" in doubts(checks)
    assert found(checks, "N") == "3 peaks of 600 with more than half N"
    one = Genome.from_strings({"chr1": "N" * 2000 + letters[2000:]})
    assert "N" not in doubts(check_genome(one, peaks)), "one peak may lie at the edge of a gap"


def test_openness_follows_gc_or_is_doubtful(open_regions):
    genome, peaks = open_regions
    share = PeakSequences(genome, peaks).gc_share()
    for sign, doubtful in ((1, []), (-1, ["GC and openness"])):
        openness = np.exp(sign * 20 * (share - share.mean()))
        checks = check_genome(genome, peaks, np.stack([openness, openness], axis=1))
        assert doubts(checks) == doubtful
        assert f"over {len(peaks)} peaks" in found(checks, "GC and openness")
    same = check_genome(genome, peaks, np.ones(len(peaks)))
    assert found(same, "GC and openness") == "one of them is the same for all peaks"
    with pytest.raises(TableError, match=r"openness: wanted one row per peak \(600\), got shape \(3,\)"):
        check_genome(genome, peaks, [1.0, 2.0, 3.0])


def test_openness_is_matched_to_peaks_by_name(open_regions):
    genome, peaks = open_regions
    named = peaks.assign(name=[f"peak{k}" for k in range(len(peaks))])
    share = PeakSequences(genome, peaks).gc_share()
    openness = pd.DataFrame({"HSC": np.exp(20 * share)}, index=named["name"])
    given = check_genome(genome, named, openness.iloc[::-1])
    assert found(given, "GC and openness") == found(check_genome(genome, peaks, np.exp(20 * share)), "GC and openness")


def test_few_peaks_say_little(open_regions):
    genome, peaks = open_regions
    checks = check_genome(genome, peaks.head(20))
    assert found(checks, "GC share") == "20 peaks say little, 300 would do"
    assert doubts(checks) == []


# its parts


def test_the_contrast_is_that_of_a_slow_loop(open_regions):
    genome, peaks = open_regions
    windows = PeakSequences(genome, peaks.head(40), PROFILE_BP).as_array()
    gc, middle = np.isin(windows, (1, 2)), PROFILE_BP // 2

    def contrast(at):
        sides = gc[:, at - 300 : at - 100].mean(axis=1), gc[:, at + 100 : at + 300].mean(axis=1)
        return gc[:, at - 100 : at + 100].mean(axis=1) - (sides[0] + sides[1]) / 2

    result = gc_contrast(windows)
    assert_float64_sums(result.mean, contrast(middle).mean(), summed=1)
    assert_float64_sums(result.error, contrast(middle).std(ddof=1) / np.sqrt(40), summed=1)
    means = [contrast(middle + shift).mean() for shift in range(-300, 301, 5)]
    assert_float64_sums(means[(result.displaced_bp + 300) // 5], max(means), summed=1)
    assert result.low_bp <= result.high_bp


def test_peaks_beside_n_do_not_count():
    windows = np.zeros((5, PROFILE_BP), np.uint8)
    windows[1:, 7] = 4
    result = gc_contrast(windows)
    assert result.n_peaks == 1
    assert np.isnan(result.mean)


def test_known_bases_may_be_strings_of_any_length_and_case():
    genome = Genome.from_strings({"chr1": "ACGTTGCANN"})
    bases = {"chrom": ["chr1", "chr1", "chr1", "chr9"], "position": [0, 4, 7, 0], "base": ["acg", "T", "ANA", "A"]}
    result = agreement(genome, bases)
    assert (result.n_rows, result.n_unknown, result.n_letters, result.n_equal) == (4, 1, 5, 5)
    assert result.best_bp == 0, "letters beyond the ends and N count nowhere"
    unknown = agreement(genome, {"chrom": ["chr9"], "position": [0], "base": ["A"]})
    assert np.isnan(unknown.share)
    one = {"chrom": ["chr1"], "start": [0], "end": [4]}
    checks = check_genome(genome, one, known_bases={"chrom": ["chr9"], "position": [0], "base": ["A"]})
    assert found(checks, "known bases") == "none of 1 row lies on known letters of the genome"
    few = check_genome(genome, one, known_bases={"chrom": ["chr1", "chr9"], "position": [0, 1], "base": ["G", "A"]})
    assert found(few, "known bases") == (
        "0% of 1 letter stand where they should; 1 row beyond the genome; give 20 letters or more to learn where they "
        "stand"
    )


def test_known_bases_are_checked(open_regions):
    genome, peaks = open_regions
    good = {"chrom": ["chr1"], "position": [0], "base": ["A"]}
    for change, said in (
        ({"base": [None]}, "base: wanted letters as text, got None in row 0"),
        ({"base": [""]}, "base: wanted letters as text, got '' in row 0"),
        ({"base": ["A-"]}, "known_bases: base: row 0: '-' is no letter of DNA"),
        ({"position": [-1]}, "known_bases: position: positions must lie in 0"),
    ):
        with pytest.raises(TableError, match=said):
            check_genome(genome, peaks.head(2), known_bases={**good, **change})
    with pytest.raises(TableError, match=r"known_bases: missing columns \['base'\]"):
        check_genome(genome, peaks.head(2), known_bases={"chrom": ["chr1"], "position": [0]})


@pytest.mark.parametrize(("mean", "doubtful"), [(0.012, False), (0.004, False), (0.001, True), (-0.02, True)])
def test_a_contrast_is_doubtful_where_two_errors_above_it_one_hundredth_is_not_reached(mean, doubtful):
    assert _at_middle(Contrast(400, mean, 0.004, 0, -5, 5)).is_doubtful is doubtful


# real DNA


def test_the_sites_of_hg19_have_the_letters_of_the_file(dna_path):
    genome = Genome(dna_path / "chr22_1_22000000_hg19.fa.gz", names="ucsc")
    sites = pd.read_parquet(dna_path / "tal1_300bp_hg19.parquet")
    here = sites[(sites["chrom"] == "chr22") & (sites["end"] <= genome.chromosomes["chr22"])]
    assert len(here) > 5
    assert PeakSequences(genome, here, None).to_strings() == here["sequence"].str.upper().tolist()
    bases = here.rename(columns={"start": "position", "sequence": "base"})
    for by, doubtful in ((0, []), (1, ["known bases"])):
        assert doubts(check_genome(genome, here, known_bases=shifted_bases(bases, by))) == doubtful


def test_peaks_of_blood_lie_on_hg19_and_not_100_bp_beside(dna_path, blood_path):
    genome = Genome(dna_path / "chr22_1_22000000_hg19.fa.gz", names="ucsc")
    peaks = pd.read_parquet(blood_path / "peaks.parquet")
    inside = ((peaks["chrom"] == "chr22") & (peaks["end"] <= genome.chromosomes["chr22"])).to_numpy()
    openness = pd.read_parquet(blood_path / "openness.parquet").select_dtypes("number").to_numpy()[inside]
    peaks = peaks[inside].reset_index(drop=True)
    assert doubts(check_genome(genome, peaks, openness)) == []
    for by in (100, -100):
        assert "GC displaced" in doubts(check_genome(genome, shifted(peaks, by), openness))
