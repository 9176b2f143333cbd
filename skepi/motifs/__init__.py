"""Motifs of transcription factors: matrices from files, and scores of DNA for each of them."""

from skepi.motifs._jaspar_database import jaspar_motifs
from skepi.motifs._motifs import Motifs
from skepi.motifs._read import read_motifs
from skepi.motifs._scanner import MotifScanner

__all__ = ["MotifScanner", "Motifs", "jaspar_motifs", "read_motifs"]
