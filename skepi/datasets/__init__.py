"""Data sets: simulated from a known law, and public data with checksums."""

from skepi.datasets._download import get_data_home
from skepi.datasets._hematopoiesis import fetch_hematopoiesis
from skepi.datasets._landmarks import make_landmark_expression
from skepi.datasets._links import make_linked_openness
from skepi.datasets._make_genome import make_genome
from skepi.datasets._reads import make_read_counts
from skepi.datasets._simulate import make_paired_openness

__all__ = [
    "fetch_hematopoiesis",
    "get_data_home",
    "make_genome",
    "make_landmark_expression",
    "make_linked_openness",
    "make_paired_openness",
    "make_read_counts",
]
