"""Letters of a simulated genome: random DNA whose GC share varies, with sites of motifs planted in peaks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import expit

from skepi._dna import Codes, codes_of, letters_of
from skepi.datasets._genome import FLANK_BP, PEAK_BP, Genome
from skepi.motifs import Motifs
from skepi.sequence import reverse_complement

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Words that motifs of five transcription factors resemble.
WORDS = {
    "GATA1": "TCAGATAAGA",
    "SPI1": "AAAGAGGAAGTG",
    "CEBPA": "TATTGCGCAATA",
    "RUNX1": "TTTGTGGTTA",
    "TBX21": "TTAGGTGTGAAA",
}
_WORD_SHARE = 0.94  # of the letter of the word at each position

# Human DNA has a GC share of .41, peaks have more, and promoters most.
_GC_LOGIT = -0.36
_GC_LOGIT_SD = 0.3
_GC_KEPT = 0.98  # from one block to the next
_GC_IN_PEAKS = 0.35
_GC_AT_PROMOTERS = 0.7


class Sites(NamedTuple):
    """Planted sites, one number for each, all (n_sites,).

    Attributes
    ----------
    peak, motif : ndarray of int64
    offset : ndarray of int64
        First base of the site within its peak, in bp.
    forward : ndarray of bool
        Whether the motif stands on the plus strand.
    """

    peak: IntArray
    motif: IntArray
    offset: IntArray
    forward: NDArray[np.bool_]


def checked_motifs(motifs: Any) -> dict[str, FloatArray]:
    """Probabilities of A, C, G and T by motif, (width, 4); the five words by default."""
    if motifs is None:
        return {name: _matrix_of_word(word) for name, word in WORDS.items()}
    if not isinstance(motifs, Motifs):
        if not isinstance(motifs, Mapping) or not motifs:
            raise ValueError(f"motifs must be a dict of arrays of shape (width, 4), or Motifs, got {motifs!r}")
        motifs = Motifs({str(name): matrix for name, matrix in motifs.items()})
    return dict(zip(motifs.names, motifs.matrices, strict=True))


def _matrix_of_word(word: str) -> FloatArray:
    rows = np.full((len(word), 4), (1 - _WORD_SHARE) / 3)
    rows[np.arange(len(word)), codes_of(word.encode())] = _WORD_SHARE
    return rows


def draw_sites(rng: Generator, n_peaks: int, widths: IntArray, share: float) -> Sites:
    """Give each peak each motif with a chance of ``share``, once, at places that do not overlap."""
    n_slots = PEAK_BP // int(widths.max())
    if n_slots < widths.size:
        raise ValueError(
            f"{widths.size} motifs of up to {widths.max()} bp do not fit into peaks of {PEAK_BP} bp: give fewer motifs"
        )
    has = rng.random((n_peaks, widths.size)) < share
    slots = np.argsort(rng.random((n_peaks, n_slots)), axis=1)[:, : widths.size]
    peak, motif = np.nonzero(has)
    spare = PEAK_BP // n_slots - widths[motif]
    offset = slots[peak, motif] * (PEAK_BP // n_slots) + rng.integers(spare + 1)
    return Sites(peak, motif, offset, rng.random(peak.size) < 0.5)


def write_letters(
    rng: Generator, genome: Genome, matrices: list[FloatArray], sites: Sites, *, shuffled: bool
) -> tuple[dict[str, str], FloatArray]:
    """Letters of each chromosome, and the GC share of each peak.

    ``shuffled`` puts the letters of each peak into random order, after the sites were planted: each peak keeps its
    letters, and motifs are no more frequent than by chance.
    """
    rng, of_order = rng.spawn(2)  # so that everything outside peaks stays the same where letters are shuffled
    words = [_drawn_words(rng, matrix, sites.forward[sites.motif == m]) for m, matrix in enumerate(matrices)]
    gc_share = np.empty(len(genome.peaks))
    letters = {}
    for chrom in pd.unique(genome.genes["chrom"]):
        of_chrom = (genome.peaks["chrom"] == chrom).to_numpy()
        start = genome.peaks["start"].to_numpy()
        codes = _random_letters(rng, _gc_of_blocks(rng, genome, str(chrom)))
        for m, written in enumerate(words):
            rows = np.flatnonzero(sites.motif == m)
            here = of_chrom[sites.peak[rows]]
            first = start[sites.peak[rows[here]]] + sites.offset[rows[here]]
            codes[first[:, None] + np.arange(written.shape[1])] = written[here]
        inside = start[of_chrom][:, None] + np.arange(PEAK_BP)
        if shuffled:
            codes[inside] = of_order.permuted(codes[inside], axis=1)
        in_peaks = codes[inside]
        gc_share[of_chrom] = ((in_peaks == 1) | (in_peaks == 2)).mean(axis=1)
        letters[str(chrom)] = letters_of(codes)
    return letters, gc_share


def _drawn_words(rng: Generator, matrix: FloatArray, forward: NDArray[np.bool_]) -> Codes:
    """One word of each site, (n_sites, width), drawn from the motif; reversed and complemented on the minus strand."""
    limits = np.cumsum(matrix, axis=1)
    drawn = rng.random((forward.size, len(matrix), 1)) * limits[:, -1:]
    codes = (drawn >= limits[:, :3]).sum(axis=2).astype(np.uint8)
    return np.where(forward[:, None], codes, reverse_complement(codes))


def _gc_of_blocks(rng: Generator, genome: Genome, chrom: str) -> FloatArray:
    """GC share of each block of 500 bp of a chromosome, which neighbours share; higher in peaks."""
    of_chrom = (genome.peaks["chrom"] == chrom).to_numpy()
    block = genome.peaks["start"].to_numpy()[of_chrom] // PEAK_BP
    last = genome.genes.loc[genome.genes["chrom"] == chrom, "tss"].max()
    n_blocks = 1 + max((int(last) + FLANK_BP) // PEAK_BP, block.max(initial=0))
    drawn = rng.normal(size=n_blocks)
    logit = _GC_LOGIT + _GC_LOGIT_SD * lfilter([np.sqrt(1 - _GC_KEPT**2)], [1, -_GC_KEPT], drawn)
    logit[block] += np.where(genome.promoter[of_chrom], _GC_AT_PROMOTERS, _GC_IN_PEAKS)
    return expit(logit)


def _random_letters(rng: Generator, gc_of_blocks: FloatArray) -> Codes:
    """Codes of A, C, G and T, 0 to 3, drawn with the GC share of each block."""
    shape = (gc_of_blocks.size, PEAK_BP)
    gc = rng.random(shape, dtype=np.float32) < gc_of_blocks[:, None].astype(np.float32)
    coin = rng.integers(2, size=shape, dtype=np.uint8)
    return np.where(gc, 1 + coin, 3 * coin).ravel().astype(np.uint8)
