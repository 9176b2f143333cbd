"""Names of samples, told by the files that hold them."""

import re
from pathlib import PurePath

_PACKED = re.compile(r"\.(gz|bgz|bz2|xz)$", re.IGNORECASE)
_ENDING = re.compile(
    r"\.(narrowpeak|broadpeak|gappedpeak|regionpeak|bed|xls|txt|tsv|bam|sam|cram|bw|bigwig|bdg|bedgraph)$",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"([._-](peaks|summits|treat_pileup|sorted|sort|dedup|markdup|rmdup|filtered|stringent|relaxed|idr)"
    r"|\.?Aligned\.sortedByCoord\.out)$",
    re.IGNORECASE,
)


def sample_name(path: str) -> str:
    """Name of the sample of a file: ``bam/HSC.sorted.bam`` and ``HSC_peaks.narrowPeak.gz`` are of ``HSC``.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
        The file name without folders, its ending, and what programs append to it. A text that does not end like
        a file of reads, peaks or tracks is a name already, and is returned as it is.

    Examples
    --------
    >>> sample_name("bam/HSC.sorted.bam"), sample_name("HSC_peaks.narrowPeak.gz"), sample_name("T.cell")
    ('HSC', 'HSC', 'T.cell')
    """
    ended = _PACKED.sub("", path)
    if not _ENDING.search(ended):
        return path
    name = _ENDING.sub("", PurePath(ended).name)
    while _WORDS.search(name) and _WORDS.sub("", name):
        name = _WORDS.sub("", name)
    return name or path
