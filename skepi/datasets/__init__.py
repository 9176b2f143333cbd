"""Data sets: simulated from a known law."""

from skepi.datasets._simulate import make_paired_openness

__all__ = ["make_paired_openness"]
