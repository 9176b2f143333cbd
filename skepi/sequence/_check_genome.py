"""Whether peaks lie on a genome as they should: the signs of another assembly, a shift, or positions from 1."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import frame_of, numbers_of, some
from skepi._html import Fact, count
from skepi._labels import rows_in_order
from skepi._regions import check_regions, core_of
from skepi.exceptions import TableError
from skepi.io import assembly_of_lengths, possible_assemblies
from skepi.paired import DataChecks
from skepi.sequence._gc_profile import PROFILE_BP, Contrast, gc_contrast
from skepi.sequence._genome import Genome, lengths_of
from skepi.sequence._known_bases import Agreement, agreement
from skepi.sequence._peak_sequences import PeakSequences

_MOST_PEAKS = 20_000  # more tell no more, and take time
_LEAST_PEAKS = 300
_LEAST_CONTRAST = 0.01
_LEAST_CORRELATION = 0.05
_ERRORS = 2.0
_MOST_N = 0.001  # share of peaks; reads cannot lie where the genome is not known
_LEAST_SHIFT_BP = 25
_LEAST_EQUAL = 0.95
_LEAST_LETTERS = 20
_NEARLY_ALL = 0.95


def check_genome(genome: Genome, peaks: Any, openness: Any = None, known_bases: Any = None) -> DataChecks:
    """Say whether peaks seem to lie on this genome, and on the right letters of it; nothing is refused or repaired.

    What is looked at, and when it is doubtful:

    * the assembly of the genome (by exact lengths of chromosomes) and those that the peaks fit: it is not among them;
    * chromosomes and their ends: peaks lie on chromosomes that the genome lacks, or beyond their ends;
    * coordinates: nearly all widths are one below a multiple of 50 bp, or nearly all starts one above a multiple of
      10, as where positions from 1 were read as if they began at 0;
    * N: more than one peak in a thousand has more than half N, where no read can be placed;
    * the GC share of the middle 200 bp over that of the 200 bp on either side. Open regions are richer in GC. It is
      doubtful where a contrast of .01 is ruled out (2 standard errors), as it is 500 bp away from the right place;
    * where around the middle this contrast is largest: the 95% bootstrap interval lies beyond 25 bp;
    * the correlation of the GC share of a peak with its log mean openness: .05 is ruled out (2 standard errors);
    * known bases: fewer than 95% of letters stand where they should. The distance up to 200 bp at which they do is
      told.

    The GC checks take 300 peaks or more, and 20,000 at most, evenly spaced among rows. They can notice another
    assembly or a shift of 100 bp, and never one of 1 bp: for that, give known bases. They are made for vertebrates:
    where open regions are not richer in GC, as in yeast and in simulated DNA without such a law, their doubts mean
    nothing. A check that finds nothing proves nothing.

    Parameters
    ----------
    genome : Genome
    peaks : DataFrame or mapping
        Columns ``chrom, start, end``.
    openness : DataFrame or array, shape (n_peaks,) or (n_peaks, n_cell_types), optional
        Openness of peaks, on a linear scale.
    known_bases : DataFrame or mapping, optional
        Columns ``chrom, position`` (0-based) and ``base``: one letter or more that the genome has from there on, such
        as reference alleles of SNPs or sequences of known regions.

    Returns
    -------
    DataChecks
        One line per check.

    Raises
    ------
    TableError
        For tables that are no peaks or known bases, and openness of other shape.

    Examples
    --------
    >>> genome = Genome.from_strings({"chr1": "ACGTTGCA" * 100})
    >>> bases = {"chrom": ["chr1"] * 3, "position": [16, 100, 203], "base": ["ACGTTGCA", "TGCAACGT", "TTGCAACG"]}
    >>> checks = check_genome(genome, {"chrom": ["chr1"], "start": [100], "end": [160]}, known_bases=bases)
    >>> checks.table.set_index("check").loc["known bases", "found"]
    '100% of 24 letters stand where they should'
    """
    regions = check_regions(peaks)
    mean_openness = None if openness is None else _mean_openness(openness, frame_of(peaks, "peaks"))
    facts = [*_assembly(genome, regions), *_places(genome, regions), *_coordinates(regions)]
    inside = _inside(genome, regions)
    if inside.any():
        facts += _letters(genome, regions[inside], None if mean_openness is None else mean_openness[inside])
    if known_bases is not None:
        facts.append(_known(agreement(genome, known_bases)))
    return DataChecks(pd.DataFrame(facts, columns=["check", "found", "doubtful"]))


def _mean_openness(openness: Any, peaks: pd.DataFrame) -> NDArray[np.float64]:
    """Mean over cell types of each peak."""
    values = numbers_of(rows_in_order(openness, peaks, "openness", "peaks"), "openness")
    if values.ndim not in (1, 2) or len(values) != len(peaks):
        raise TableError(f"openness: wanted one row per peak ({len(peaks):,}), got shape {values.shape}")
    return values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)


def _assembly(genome: Genome, regions: pd.DataFrame) -> Iterator[Fact]:
    ours, fitting = assembly_of_lengths(genome.chromosomes), possible_assemblies(regions)
    apart = ours is not None and bool(fitting) and ours not in fitting
    theirs = " or ".join(fitting) or "none of hg19, hg38, mm10 and mm39"
    yield Fact("assembly", f"genome: {ours or 'not known by its lengths'}; peaks fit {theirs}", apart)


def _places(genome: Genome, regions: pd.DataFrame) -> Iterator[Fact]:
    """Chromosomes of peaks that the genome has, and peaks beyond their ends."""
    lengths = genome.chromosomes
    known = regions["chrom"].isin(lengths.index)
    lacking = pd.unique(regions["chrom"][~known])
    text = f"{int(known.sum()):,} of {count(len(regions), 'peak')} lie on chromosomes of the genome"
    yield Fact("chromosomes", text + _without(lacking, lengths.index), not bool(known.all()))
    here = regions[known]
    beyond = (here["start"] + here["end"]).to_numpy() // 2 >= lengths_of(genome, here["chrom"])
    first = f", the first on {here['chrom'][beyond].iloc[0]}" if beyond.any() else ""
    text = f"{count(int(beyond.sum()), 'peak')} beyond the end of the chromosome{first}"
    yield Fact("ends", text, bool(beyond.any()))


def _without(lacking: Any, names: pd.Index) -> str:
    if not len(lacking):
        return ""
    cores = {core_of(name): name for name in names if core_of(name)}
    twin = next(((name, cores[core_of(name)]) for name in lacking if core_of(name) in cores), None)
    way = f" ({twin[0]} and {twin[1]} are the same: Genome(..., names=) renames)" if twin else ""
    return f"; it lacks {some(lacking)}{way}"


def _coordinates(regions: pd.DataFrame) -> Iterator[Fact]:
    """Signs that positions began at 1."""
    width = (regions["end"] - regions["start"]).to_numpy()
    enough = len(regions) >= _LEAST_LETTERS
    narrow = np.mean(width % 50 == 49) >= _NEARLY_ALL
    tiles = np.mean(regions["start"].to_numpy() % 10 == 1) >= _NEARLY_ALL
    if enough and (narrow or tiles):
        sign = f"most widths are {int(np.median(width))} bp" if narrow else "starts are one above a multiple of 10"
        text = f"{sign}, as where positions from 1 are read as if they began at 0 (one_based=True of the readers)"
        yield Fact("coordinates", text, True)
    else:
        yield Fact("coordinates", "no sign that they begin at 1 (known bases would show it)")


def _inside(genome: Genome, regions: pd.DataFrame) -> NDArray[np.bool_]:
    middle = (regions["start"] + regions["end"]).to_numpy() // 2
    return middle < lengths_of(genome, regions["chrom"])


def _letters(genome: Genome, regions: pd.DataFrame, openness: NDArray[np.float64] | None) -> Iterator[Fact]:
    """What the letters under peaks say."""
    rows = np.arange(0, len(regions), -(-len(regions) // _MOST_PEAKS))
    windows = PeakSequences(genome, regions.iloc[rows], PROFILE_BP, max_n_share=1).as_array()
    middle = windows[:, PROFILE_BP // 2 - 250 : PROFILE_BP // 2 + 250]
    yield _n(middle)
    contrast = gc_contrast(windows)
    if contrast.n_peaks < _LEAST_PEAKS:
        yield Fact("GC share", f"{count(contrast.n_peaks, 'peak')} say little, {_LEAST_PEAKS} would do")
        return
    yield _at_middle(contrast)
    yield _displaced(contrast)
    if openness is not None:
        yield _with_openness(middle, openness[rows])


def _n(middle: NDArray[np.uint8]) -> Fact:
    share = np.mean((middle == 4).mean(axis=1) > 0.5)
    n_many = int(np.count_nonzero((middle == 4).mean(axis=1) > 0.5))
    text = f"{count(n_many, 'peak')} of {len(middle):,} with more than half N"
    return Fact("N", text, bool(share > _MOST_N and n_many > 1))


def _at_middle(found: Contrast) -> Fact:
    text = f"{found.mean:+.3f} in the middle over both sides (standard error {found.error:.3f})"
    doubtful = found.mean + _ERRORS * found.error < _LEAST_CONTRAST
    if doubtful:
        text += ": peaks of the right assembly are richer in GC than what lies beside them"
    return Fact("GC share", text, doubtful)


def _displaced(found: Contrast) -> Fact:
    interval = f"95%: {found.low_bp:+.0f} to {found.high_bp:+.0f}"
    text = f"highest {found.displaced_bp:+d} bp from the middle of peaks ({interval})"
    doubtful = found.low_bp > _LEAST_SHIFT_BP or found.high_bp < -_LEAST_SHIFT_BP
    return Fact("GC displaced", text + (": are peaks or genome shifted?" if doubtful else ""), doubtful)


def _with_openness(middle: NDArray[np.uint8], openness: NDArray[np.float64]) -> Fact:
    sequences = PeakSequences.from_codes(middle)
    share, level = sequences.gc_share(), np.log1p(openness)
    known = np.isfinite(share) & np.isfinite(level)
    if np.ptp(share[known]) == 0 or np.ptp(level[known]) == 0:
        return Fact("GC and openness", "one of them is the same for all peaks")
    r = float(np.corrcoef(share[known], level[known])[0, 1])
    doubtful = r + _ERRORS / np.sqrt(known.sum()) < _LEAST_CORRELATION
    return Fact("GC and openness", f"correlation {r:.2f} over {int(known.sum()):,} peaks", bool(doubtful))


def _known(found: Agreement) -> Fact:
    if found.n_letters == 0:
        return Fact("known bases", f"none of {count(found.n_rows, 'row')} lies on known letters of the genome", True)
    text = f"{found.share:.0%} of {count(found.n_letters, 'letter')} stand where they should"
    if found.n_unknown:
        text += f"; {count(found.n_unknown, 'row')} beyond the genome"
    doubtful = found.share < _LEAST_EQUAL
    return Fact("known bases", text + (_where_instead(found) if doubtful else ""), doubtful)


def _where_instead(found: Agreement) -> str:
    """Where known bases stand that are not where they should."""
    if found.n_letters < _LEAST_LETTERS:
        return f"; give {_LEAST_LETTERS} letters or more to learn where they stand"
    if found.best_share < _LEAST_EQUAL:
        return ", nor at any place within 200 bp: is it another assembly?"
    from_one = ", as where positions begin at 1" if found.best_bp == -1 else ""
    return f"; {found.best_share:.0%} would at {found.best_bp:+d} bp{from_one}"
