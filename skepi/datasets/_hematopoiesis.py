"""Sorted human blood populations: ATAC peaks and RNA read counts, from public files to pairs."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from sklearn.base import clone
from sklearn.utils import Bunch

from skepi._files import read_arrays, write_arrays
from skepi.datasets._download import RemoteFile, fetch_files, get_data_home
from skepi.exceptions import FileFormatError, LeftOutWarning
from skepi.io import choose_tss, match_genes, read_matrix, read_tss
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks, openness_over_peaks, read_narrowpeaks

_ROOT = "caleblareau/singlecell_bloodtraits/1da2a246b6f1ad13e8bfcbd424080f8ea5917c86/data/bulk/"
_COUNTS = RemoteFile(
    _ROOT + "RNA/16populations_RNAcounts.txt",
    "a28316112693c31c9a21588e179699e85ba2edaf733ee8d0d20c898f9621568e",
    1_863_770,
)
_TSS = RemoteFile(
    _ROOT + "RNA/refGene_hg19_TSS.bed",
    "ee9da75d951261e5f5ee6d4d800c74f670115c58182cbc8457a1f430c887e675",
    1_835_676,
)
#: Population, lineage, checksum and size of its narrowPeak file; populations without RNA come last.
_POPULATIONS = (
    ("HSC", "stem/progenitor", "dd61e502abe14bd3fc30c2785b1a3a80c8b877988064acc172c692deb9a1e2dd", 3_636_854),
    ("MPP", "stem/progenitor", "f3746bfb7d3c0b3c1daa8b13b01a4818e42523a553a51f2a4571b9c5545f27fa", 3_841_779),
    ("LMPP", "stem/progenitor", "fa118a6f02068a245de5284da5964c9929e3894e063700cce49c1c80b03a0a78", 2_767_627),
    ("CLP", "lymphoid progenitor", "1fc73e90b75a49ca49224501455f312d7f82a1630e69237914fda4d5aed05fbb", 2_035_135),
    ("GMP-A", "myeloid progenitor", "e417088b14b82814757c9219a90024b8628abdd3912842dc88685b0df7a53097", 1_916_304),
    ("GMP-B", "myeloid progenitor", "2df16eb9c0388e62002ea414215fbe6e24167df4700b454ef6043afd1ce21e95", 2_391_654),
    ("GMP-C", "myeloid progenitor", "8bcfc372832e25b8a35bde0e0d16b8b8bd564a64463a09ef3d3108ae2bacb61d", 2_411_319),
    ("NK", "lymphoid", "4694344eef188b70795e64d9599963235816b82fd83446f1b0a4b764e15e6cc5", 2_168_416),
    ("CD4", "lymphoid", "40babb4fb2d6390ec9c91eb14c4680e3083d4c284a19d2c99908485d8bb337d5", 2_419_529),
    ("CD8", "lymphoid", "f3a40397ed645d98b8adfa67e4d50f6a923f9684133fde999ff087d78211fe29", 2_402_380),
    ("B", "lymphoid", "7377677e3ff748624159064a415bf799d80f12f521b4b9d174399b274a460424", 2_873_468),
    ("pDC", "dendritic", "301632ae3d06cd241d27a717472ffe845abd05b6fedae64022ede052e3b085cf", 1_466_280),
    ("Mono", "myeloid", "b279ee6344f4f0c17de6bafc7d79bf76c9610f9df72680c4ebb220821c4d593b", 1_647_465),
    ("Ery", "erythroid", "682a70913f1b0e9d8eb5c583050f9157ed2adf6045ac98c12b7af8a19bfa4a6f", 1_385_327),
    ("Mega", "megakaryocytic", "5b4ffd37edcc3dbb3fab9f521ed621fa573baabcdbdd8d34bed8eeb0b47427bf", 2_740_471),
    ("mDC", "dendritic", "a655b99c2e5d9377aaf3d5f611aee7a2aaa2e454ea89422df5a6e3e56bc51fe1", 2_418_244),
)
_POLICIES = ("most_transcripts", "most_upstream", "most_open")
_WITHOUT_RNA = ("Mega", "mDC")
# Its number goes up with every change of the code that changes the table.
_CACHE_KIND = "skepi hematopoiesis openness 1"

_DESCR = """\
Hematopoiesis: 14 sorted human blood populations with ATAC-seq peaks and RNA-seq read counts (hg19),
and 2 (Mega, mDC) with ATAC-seq alone.

Openness: MACS2 signal (fold enrichment at the summit) of each population's own peak calls, averaged over
consensus peaks of all 16 populations; 0 where nothing was called. Expression: read counts summed over
replicates, of genes whose symbol occurs once and that have one start site; genes on chromosomes without a
peak (Y) are left out. The symbols, sites and populations are those of the source.

Measurements: Corces et al., Nature Genetics 2016 (GEO GSE74912, GSE74246); Ulirsch, Lareau, Bao et al.,
Nature Genetics 2019, doi 10.1038/s41588-019-0362-6. Please cite both. The files come from
https://github.com/caleblareau/singlecell_bloodtraits, which states no licence; skepi does not ship them.
"""


def fetch_hematopoiesis(
    *,
    data_home: Any = None,
    download_if_missing: bool = True,
    peaks: Mapping[str, Any] | None = None,
    tss: str = "most_transcripts",
    normalizer: Any = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    n_jobs: int | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
    progress: bool | None = None,
) -> Any:
    """Load openness and expression of sorted human blood populations (hg19), from public files.

    The first call downloads 41 MB and makes the table of openness (about 15 s); both are kept for later calls, beside
    an empty file ``.lock`` that keeps processes apart.

    Parameters
    ----------
    data_home : path, optional
        Folder of the cache: by default the environment variable ``SKEPI_DATA``, else ``skepi_data`` in the user's home.
    download_if_missing : bool, default=True
        If False, raise where files are missing.
    peaks : mapping, optional
        Settings of :func:`skepi.peaks.consensus_peaks`, such as ``{"method": "merged"}``.
    tss : {"most_transcripts", "most_upstream", "most_open"}, default="most_transcripts"
        Start site of a gene; see :func:`skepi.io.choose_tss`. ``"most_open"`` looks at all 16 populations.
    normalizer : transformer, optional
        What makes expression of read counts, fitted on all 14 populations; by default
        ``ExpressionNormalizer("quantile", min_mean_cpm=1)``. Where populations are held out, ``counts`` can be
        normalised anew from the training ones; the difference is about .01 in correlation and less in skill.
    return_X_y : bool, default=False
        Whether to return ``data, target`` alone.
    as_frame : bool, default=False
        Whether ``target`` is a Series with the pair as its index, and ``frame`` the expression as a table. ``data``
        stays the pairs: a table of names would not know its peaks.
    n_jobs : int, optional
        Number of files that are read at the same time, as in joblib.
    n_retries : int, default=3
        Further tries after a connection failed.
    delay : float, default=1.0
        Seconds between them.
    progress : bool, optional
        Whether to show a progress bar; by default on a terminal only.

    Returns
    -------
    data : Bunch
        ``data`` (:class:`~skepi.paired.GeneCellPairs`, every gene in every population), ``target`` (ndarray, their
        normalised log expression), ``dataset`` (:class:`~skepi.paired.PairedDataset` behind both), ``counts`` (the same
        with read counts of all genes), ``atac_only`` (Mega and mDC, openness only, genes of ``dataset``), ``frame``
        (DataFrame, genes x populations, or None), ``target_names``, ``DESCR`` and ``filenames``.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    ValueError
        For another ``tss``, or settings of ``peaks`` out of range.
    TypeError
        Where ``peaks`` is no mapping.
    DownloadError
        Where an address cannot be reached or holds another file. The environment variable ``SKEPI_MIRROR`` names a
        folder or an address with copies, under the paths of the source.
    OSError
        Where files are missing and must not be downloaded, or cannot be written.

    Examples
    --------
    Not run with the other examples, because it needs the network:

    >>> X, y = fetch_hematopoiesis(return_X_y=True)  # doctest: +SKIP
    >>> X  # doctest: +SKIP
    GeneCellPairs: 169,148 pairs of 12,082 genes and 14 cell types
    """
    if not isinstance(peaks, Mapping | None):
        raise TypeError(f"peaks must be a mapping of settings of consensus_peaks, got {peaks!r}")
    if tss not in _POLICIES:
        raise ValueError(f"tss must be one of {_POLICIES}, got {tss!r}")
    folder = get_data_home(data_home) / "hematopoiesis"
    options: dict[str, Any] = {"n_retries": n_retries, "delay": delay, "progress": progress}
    files = fetch_files(_files(), folder, download_if_missing=download_if_missing, **options)
    raw, atac_only = _assemble(files, folder, dict(peaks or {}), tss, n_jobs)
    if normalizer is None:
        normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    dataset = raw.transform_expression(clone(normalizer))
    X, y = dataset.pairs(return_X_y=True)
    target = pd.Series(y, pd.MultiIndex.from_frame(X.to_frame()), name="expression") if as_frame else y
    if return_X_y:
        return X, target
    return Bunch(
        data=X,
        target=target,
        frame=X.unstack(y) if as_frame else None,
        dataset=dataset,
        counts=raw,
        atac_only=atac_only.subset(genes=dataset.genes["name"]),
        target_names=["expression"],
        DESCR=_DESCR,
        filenames=[str(path) for path in files],
    )


def _files() -> list[RemoteFile]:
    narrowpeaks = (
        RemoteFile(f"{_ROOT}ATAC/narrowpeaks/{name}_peaks.narrowPeak.gz", sha256, n_bytes)
        for name, _, sha256, n_bytes in _POPULATIONS
    )
    return [_COUNTS, _TSS, *narrowpeaks]


def _assemble(
    files: list[Path], folder: Path, settings: dict[str, Any], tss: str, n_jobs: int | None
) -> tuple[PairedDataset, PairedDataset]:
    """Openness and read counts of the populations that have both, and openness of those that have no counts."""
    counts_file, tss_file, *narrowpeaks = files
    peaks, openness = _openness(folder, narrowpeaks, settings, n_jobs)
    if_open = {"peaks": peaks, "openness": openness} if tss == "most_open" else {}
    genes = choose_tss(read_tss(tss_file), tss, left_out="ignore", **if_open)
    genes = genes[genes["chrom"].isin(peaks["chrom"].unique())]
    cell_types = pd.DataFrame([row[:2] for row in _POPULATIONS], columns=["name", "lineage"])
    counted = ~cell_types["name"].isin(_WITHOUT_RNA).to_numpy()
    with warnings.catch_warnings():  # the file is always the same one, and so are the symbols that it repeats
        warnings.simplefilter("ignore", LeftOutWarning)
        counts = read_matrix(counts_file, columns=cell_types["name"][counted].tolist(), repeated="drop")
    expression, genes = match_genes(counts, genes, left_out="ignore")
    return (
        PairedDataset(openness[:, counted], peaks, genes, expression, cell_types[counted]),
        PairedDataset(openness[:, ~counted], peaks, genes, cell_types=cell_types[~counted]),
    )


def _openness(
    folder: Path, narrowpeaks: list[Path], settings: dict[str, Any], n_jobs: int | None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Consensus peaks and their openness in every population; kept on disk for each set of files and settings."""
    described = json.dumps([settings, [row[2] for row in _POPULATIONS]], sort_keys=True, default=_described)
    cache = folder / f"openness-{hashlib.sha256(described.encode()).hexdigest()[:16]}.npz"
    kept = _read_cache(cache)
    if kept is not None:
        return kept
    with FileLock(folder / ".lock"):
        kept = _read_cache(cache)  # another process may have made it meanwhile
        if kept is not None:
            return kept
        for left in folder.glob(f"{cache.name}.*.part"):  # of a process that was killed
            left.unlink()
        samples = {row[0]: path for row, path in zip(_POPULATIONS, narrowpeaks, strict=True)}
        tables = read_narrowpeaks(samples, n_jobs=n_jobs)
        peaks = consensus_peaks(tables, **settings)
        openness = openness_over_peaks(tables, peaks).to_numpy()
        write_arrays(cache, _packed(peaks, openness), {"kind": _CACHE_KIND, "settings": described}, compress=True)
    return peaks, openness


def _read_cache(cache: Path) -> tuple[pd.DataFrame, np.ndarray] | None:
    """What an earlier call kept; None, and a warning, where it is damaged."""
    try:
        return _unpacked(read_arrays(cache, _CACHE_KIND)[0])
    except FileNotFoundError:  # not made yet, or found damaged and removed by another process
        return None
    except FileFormatError:  # larger than a setting of the environment allows: nothing is wrong with it
        raise
    except (ValueError, KeyError, IndexError) as error:
        warnings.warn(f"{cache} is damaged ({error}); it is made anew", UserWarning, stacklevel=5)
        cache.unlink(missing_ok=True)
        return None


def _described(value: Any) -> Any:
    """Numbers of numpy and tables of regions as JSON, for the name of the cache."""
    return value.item() if isinstance(value, np.generic) else value.to_dict("list")


def _packed(peaks: pd.DataFrame, openness: np.ndarray) -> dict[str, np.ndarray]:
    code, names = pd.factorize(peaks["chrom"])
    columns = {name: peaks[name].to_numpy() for name in ("start", "end", "n_samples")}
    return {"chrom": code.astype(np.int32), "chrom_names": np.array(names, dtype=str), **columns, "openness": openness}


def _unpacked(arrays: dict[str, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    chrom = arrays["chrom_names"][arrays["chrom"]]
    columns = {name: arrays[name] for name in ("start", "end", "n_samples")}
    return pd.DataFrame({"chrom": chrom, **columns}), arrays["openness"]
