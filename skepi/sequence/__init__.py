"""Reference genomes and the DNA under peaks."""

from skepi.sequence._check_genome import check_genome
from skepi.sequence._codes import reverse_complement
from skepi.sequence._genome import Genome
from skepi.sequence._peak_sequences import PeakSequences

__all__ = ["Genome", "PeakSequences", "check_genome", "reverse_complement"]
