"""Files to tables: one file a format, and the only place that converts coordinates to 0-based half-open."""

from skepi.io._bed import read_bed, read_narrowpeak
from skepi.io._genes import choose_tss, read_tss
from skepi.io._gff import read_gff3, read_gtf

__all__ = ["choose_tss", "read_bed", "read_gff3", "read_gtf", "read_narrowpeak", "read_tss"]
