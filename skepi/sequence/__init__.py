"""Reference genomes and the DNA under peaks."""

from skepi.sequence._check_genome import check_genome
from skepi.sequence._genome import Genome
from skepi.sequence._openness_scores import openness_scores, site_correlations
from skepi.sequence._peak_sequences import PeakSequences
from skepi.sequence._reverse_complement import reverse_complement
from skepi.sequence._shuffle import shuffle_dinucleotides

__all__ = [
    "Genome",
    "PeakSequences",
    "check_genome",
    "openness_scores",
    "reverse_complement",
    "shuffle_dinucleotides",
    "site_correlations",
]
