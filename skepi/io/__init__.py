"""Files to tables and tracks: one file per format, the only place that converts coordinates to 0-based half-open."""

from skepi.io._assemblies import assembly_of_lengths, possible_assemblies
from skepi.io._bed import read_bed, read_narrowpeak
from skepi.io._bedgraph import read_bedgraph
from skepi.io._bedpe import read_bedpe
from skepi.io._bigwig import bigwig_means
from skepi.io._genes import choose_tss
from skepi.io._gff3 import read_gff3
from skepi.io._gtf import read_gtf
from skepi.io._match import match_genes
from skepi.io._matrix import read_matrix
from skepi.io._mtx import read_10x_mtx
from skepi.io._names import chromosome_style, convert_chromosomes, format_intervals, parse_intervals, strip_versions
from skepi.io._peaks import read_peaks
from skepi.io._sample_names import sample_name
from skepi.io._tenx import CellMatrix, read_10x_h5
from skepi.io._text import Line, read_lines
from skepi.io._tracks import write_bedgraph, write_bedpe
from skepi.io._tss import read_tss

__all__ = [
    "CellMatrix",
    "Line",
    "assembly_of_lengths",
    "bigwig_means",
    "choose_tss",
    "chromosome_style",
    "convert_chromosomes",
    "format_intervals",
    "match_genes",
    "parse_intervals",
    "possible_assemblies",
    "read_10x_h5",
    "read_10x_mtx",
    "read_bed",
    "read_bedgraph",
    "read_bedpe",
    "read_gff3",
    "read_gtf",
    "read_lines",
    "read_matrix",
    "read_narrowpeak",
    "read_peaks",
    "read_tss",
    "sample_name",
    "strip_versions",
    "write_bedgraph",
    "write_bedpe",
]
