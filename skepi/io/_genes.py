"""One transcription start site for each gene, chosen from those of its transcripts."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import (
    check_choice,
    check_number,
    frame_of,
    names_of,
    numbers_of,
    positions_of,
    some,
    strands_of,
    understood_strands,
)
from skepi._identifiers import without_mark_of_y
from skepi._labels import rows_in_order
from skepi._regions import check_regions, check_same_naming, core_of
from skepi.exceptions import TableError
from skepi.intervals import IntArray, IntervalIndex, overlap_bp
from skepi.io._left_out import LeftOut, check_left_out, say_left_out

# What decides between the sites of a gene, the first that differs: larger counts first, small ``upstream`` first.
_POLICIES = {
    "most_transcripts": ("n_transcripts", "upstream"),
    "most_upstream": ("upstream",),
    "most_open": ("openness", "n_transcripts", "upstream"),
    "all": ("upstream",),
}
_PROMOTER_BP = 500
_ENDS = {"start", "end", "chromstart", "chromend"}
_PARTS_OF_TRANSCRIPTS = {
    "exon", "cds", "intron", "start_codon", "stop_codon", "utr", "five_prime_utr", "three_prime_utr", "5utr", "3utr",
    "selenocysteine",
}  # fmt: skip
_FLOAT32 = np.finfo(np.float32)


def choose_tss(
    transcripts: Any,
    policy: str = "most_transcripts",
    max_span: int = 500_000,
    *,
    name: str | None = None,
    peaks: Any = None,
    openness: Any = None,
    strandless: str = "error",
    left_out: str = "warn",
) -> pd.DataFrame:
    """Choose the start site of each gene from its transcripts.

    Where a gene has transcripts on a chromosome and on contigs beside it (``chr6_GL000250v2_alt``, ``_random``,
    ``_fix``), those on the chromosome count. Pseudo-autosomal genes, which lie on X and on Y, keep X.

    Parameters
    ----------
    transcripts : DataFrame or mapping
        From :func:`read_tss`, :func:`read_gtf` or :func:`read_gff3`: columns ``name`` (or ``gene_name``), ``chrom``,
        ``strand`` and ``tss``, or ``start`` and ``end`` in its place (0-based, bp). One row per transcript, or per
        gene: rows of exons or CDS are refused, because they do not begin at start sites. Strands may be 1 and -1.
    policy : {"most_transcripts", "most_upstream", "most_open", "all"}, default="most_transcripts"
        The site that most transcripts share (ties go to the most upstream one); the most upstream one; the one with the
        greatest openness within 500 bp (ties go to the one that most transcripts share); or every site as a row of its
        own, named ``gene@tss`` where a gene has several (normalise counts before a gene is repeated so).
    max_span : int, default=500_000
        In bp. A gene whose sites lie further apart, on several chromosomes or on both strands is no single place and is
        left out.
    name : str, optional
        Column of ``transcripts`` that names genes: by default ``"name"``, or else ``"gene_name"``. ``"gene_id"`` makes
        genes of identifiers, as a matrix with identifiers needs. Transcripts of one name are one gene.
    peaks : DataFrame or mapping, optional
        Only for ``"most_open"``: ``chrom, start, end``, 0-based half-open.
    openness : DataFrame, Series, array-like or sparse array, (n_peaks, n_cell_types) or (n_peaks,), optional
        Only for ``"most_open"``: signal of the peaks, 0 or greater. Each cell type counts the same: it is
        divided by its mean, as :class:`skepi.binning.TSSBinner` does.
    strandless : {"error", "drop"}, default="error"
        What to do with transcripts whose strand is not known (``.``, ``*``, ``?``): refuse them, or leave them out.
    left_out : {"warn", "ignore", "error"}, default="warn"
        What to do where genes are left out: warn, keep silent, or refuse.

    Returns
    -------
    DataFrame
        ``name, chrom, tss, strand, n_transcripts`` (that share the site), ready for
        :class:`skepi.paired.PairedDataset`; genes in order of first appearance; with ``"all"`` also ``gene``.
        ``attrs["left_out"]`` lists the names of genes that were left out.

    Raises
    ------
    TableError
        Where a table cannot be used as it is: columns missing, repeated or with several levels; names that are missing,
        blank, or neither text nor whole numbers; a strand other than ``+`` and ``-``; positions that are not whole or
        not in 0 .. 2,147,483,647; ``start`` not below ``end``; openness that is masked, negative, not finite, without
        signal in a cell type, of another shape or with its rows in another order than ``peaks``; or no gene left.
    ChromosomeMismatchError
        For peaks that share no chromosome name with the genes.
    ValueError
        For another policy, and for peaks or openness without ``"most_open"`` or the other way round.

    Warns
    -----
    LeftOutWarning
        Where genes are left out: how many, the first, and why.

    Examples
    --------
    >>> transcripts = pd.DataFrame({"name": "A", "chrom": "chr1", "tss": [100, 300, 300], "strand": "+"})
    >>> choose_tss(transcripts)["tss"].tolist(), choose_tss(transcripts, "most_upstream")["tss"].tolist()
    ([300], [100])
    >>> choose_tss(transcripts, "all")["name"].tolist()
    ['A@100', 'A@300']
    """
    if policy not in _POLICIES:
        raise ValueError(f"policy must be one of {tuple(_POLICIES)}, got {policy!r}")
    given = (peaks is not None) + (openness is not None)
    if given != (2 if policy == "most_open" else 0):
        raise ValueError("policy='most_open' needs peaks and openness, and the others take neither")
    check_choice("strandless", strandless, ("error", "drop"))
    check_number("max_span", max_span, 0)
    if name is not None and not isinstance(name, str):
        raise ValueError(f"name must be one column of transcripts, got {name!r}")
    check_left_out(left_out)
    all_sites = _sites(transcripts, name, strandless)
    known = all_sites.dropna(subset="strand")
    sites = _on_chromosomes(_without_y_copies(known))
    places = sites.groupby("name", sort=False).agg(
        chroms=("chrom", "nunique"), strands=("strand", "nunique"), low=("tss", "min"), high=("tss", "max")
    )
    single = (places["chroms"] == 1) & (places["strands"] == 1) & (places["high"] - places["low"] <= max_span)
    strandless_rows = all_sites["name"][all_sites["strand"].isna()]
    gone = _left_out(places, single, strandless_rows, max_span)
    sites = sites[sites["name"].map(single).astype(bool)]
    if sites.empty:
        raise TableError(f"choose_tss: no gene is left; left out {gone[0]}")
    counted = _counted(sites).assign(first=lambda table: table["name"].map(_first_rows(all_sites["name"])))
    if policy == "most_open":
        counted = counted.assign(openness=_promoter_openness(counted, peaks, openness))
    order = ["first", *_POLICIES[policy]]
    counted = counted.sort_values(order, ascending=[key in ("first", "upstream") for key in order], kind="stable")
    chosen = counted if policy == "all" else counted.drop_duplicates("name")
    out = chosen[["name", "chrom", "tss", "strand", "n_transcripts"]].reset_index(drop=True)
    if policy == "all":
        out = _named_by_site(out)
    copies = set(known["name"]).difference(places.index)  # of genes on X
    left = all_sites["name"][~all_sites["name"].isin(copies.union(sites["name"]))]
    out.attrs["left_out"] = left.unique().tolist()
    say_left_out("choose_tss", gone, left_out)
    return out


def _counted(sites: pd.DataFrame) -> pd.DataFrame:
    """Each site once, with how many transcripts share it, and a number that is small for upstream ones."""
    counted = sites.groupby(["name", "chrom", "tss", "strand"], sort=False).size().rename("n_transcripts").reset_index()
    return counted.assign(upstream=np.where(counted["strand"] == "-", -counted["tss"], counted["tss"]))


def _named_by_site(sites: pd.DataFrame) -> pd.DataFrame:
    """Sites with ``gene``, and ``gene@tss`` as the name where a gene has several."""
    gene = sites["name"]
    names = gene.where(~gene.duplicated(keep=False), gene + "@" + sites["tss"].astype(str))
    twice = names[names.duplicated()]
    if len(twice):
        raise TableError(f"transcripts: a site of one gene has the name of another gene: {twice.iloc[0]}")
    return sites.assign(name=names, gene=gene)


def _left_out(
    places: pd.DataFrame, single: pd.Series, strandless_rows: pd.Series, max_span: int
) -> tuple[LeftOut, LeftOut]:
    """Genes that are no single place, by the first reason that holds, and transcripts of others without a strand."""
    rest = places[~single]
    chroms, strands = rest["chroms"] > 1, rest["strands"] > 1
    strandless = strandless_rows[~strandless_rows.isin(places.index)].unique()
    reasons = {
        "without a strand": strandless,
        "on several chromosomes": rest.index[chroms],
        "on both strands": rest.index[~chroms & strands],
        f"with sites more than {max_span:,} bp apart": rest.index[~chroms & ~strands],
    }
    of_others = strandless_rows[strandless_rows.isin(places.index)]
    return (
        LeftOut("genes", len(places) + len(strandless), reasons),
        LeftOut("transcripts without a strand", len(strandless_rows), {"of genes that have others": of_others}),
    )


def _check_begin_at_sites(table: pd.DataFrame) -> None:
    """Refuse rows that do not begin at start sites, as far as a column of features tells."""
    column = next((column for column in table if str(column).lower() in ("feature", "type")), None)
    if column is None:
        return
    features = table[column].astype(str)
    parts = features[features.str.lower().isin(_PARTS_OF_TRANSCRIPTS)]
    if len(parts):
        raise TableError(
            f"transcripts: {len(parts):,} of {len(table):,} rows are {some(parts.unique(), 3)}, which do not begin at "
            "start sites; wanted transcripts: read_gtf(path) builds them from exons, or keep rows whose "
            f"{column!r} is 'transcript' (in GFF3: 'mRNA' and other kinds)"
        )
    genes = features.str.lower() == "gene"
    if "gene_id" in table and table["gene_id"][genes].isin(table["gene_id"][~genes]).any():
        raise TableError(
            "transcripts: genes have rows of their own beside those of their transcripts; keep rows whose "
            f"{column!r} is 'transcript', or 'gene'"
        )


def _sites(transcripts: Any, name: str | None, strandless: str) -> pd.DataFrame:
    """Gene name, chromosome, site and strand of each transcript; strands that are not known are None."""
    table = frame_of(transcripts, "transcripts")
    _check_begin_at_sites(table)
    if name is None:
        name = "gene_name" if "gene_name" in table and "name" not in table else "name"
    from_ends = "tss" not in table and not _ENDS.isdisjoint(str(column).lower() for column in table)
    table = frame_of(table, "transcripts", (name, "chrom", *(("start", "end") if from_ends else ("tss",)), "strand"))
    names = names_of(table[name], f"transcripts: {name}")
    if strandless == "drop":
        strand = understood_strands(table["strand"])
    else:
        strand = strands_of(table["strand"], "transcripts", names, "strandless='drop' leaves them out")
    # Text and wide numbers: what came may be categorical, or unsigned and without a negative.
    return pd.DataFrame(
        {
            "name": names,
            "chrom": names_of(table["chrom"], "transcripts: chrom"),
            "tss": _first_bases(table, strand) if from_ends else _whole(table, "tss"),
            "strand": strand,
        }
    )


def _first_bases(table: pd.DataFrame, strand: NDArray) -> IntArray:
    """Transcribed base that comes first in each interval: ``start``, or on the minus strand ``end - 1``."""
    start, end = _whole(table, "start"), _whole(table, "end")
    wrong = np.flatnonzero(end <= start)
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"transcripts: wanted start < end, got {start[row]} and {end[row]} in row {row} ({wrong.size} such row(s))"
        )
    return np.where(strand == "-", end - 1, start)


def _whole(table: pd.DataFrame, column: str) -> IntArray:
    return positions_of(table[column], f"transcripts: {column}", whole_floats=True)


def _without_y_copies(sites: pd.DataFrame) -> pd.DataFrame:
    """Leave out the sites on Y of genes that lie on X too, marks of copies on Y aside."""
    core = sites["chrom"].map({chrom: core_of(chrom) for chrom in sites["chrom"].unique()})
    on_x = set(sites.loc[core == "X", "name"])
    return sites[~((core == "Y") & sites["name"].map(without_mark_of_y).isin(on_x))]


def _on_chromosomes(sites: pd.DataFrame) -> pd.DataFrame:
    """Leave out the sites on contigs of genes that lie on a standard chromosome too."""
    standard = sites["chrom"].isin([chrom for chrom in sites["chrom"].unique() if core_of(chrom) is not None])
    return sites[standard | ~sites["name"].isin(set(sites.loc[standard, "name"]))]


def _promoter_openness(sites: pd.DataFrame, peaks: Any, openness: Any) -> NDArray[np.float64]:
    """Openness within 500 bp of each site, peaks shared by overlap, as a mean over cell types of equal depth."""
    table = check_regions(peaks)
    signal = numbers_of(rows_in_order(openness, peaks, "openness", "peaks"), "openness").astype(np.float64)
    if signal.ndim not in (1, 2) or len(signal) != len(table):
        turned = "; it looks transposed: give openness.T" if signal.shape[1:] == (len(table),) else ""
        raise TableError(f"openness: wanted a row for each of {len(table)} peaks, got shape {signal.shape}{turned}")
    signal = signal.reshape(len(table), -1)
    if signal.shape[1] == 0:
        raise TableError("openness: wanted at least one cell type, got none")
    fits = (signal >= 0) & (signal <= _FLOAT32.max)
    if not (fits.all() and (signal.max(axis=0, initial=0) >= _FLOAT32.tiny).all()):
        raise TableError(
            "openness: wanted finite values >= 0, with some signal in every cell type, in the range of float32 "
            f"({_FLOAT32.tiny:.2g} .. {_FLOAT32.max:.2g})"
        )
    depth = signal.mean(axis=0)
    chrom, start, end = (table[column].to_numpy() for column in ("chrom", "start", "end"))
    check_same_naming(table["chrom"].unique(), sites["chrom"].unique(), "peaks", "genes")
    tss = sites["tss"].to_numpy()
    site, peak = IntervalIndex(chrom, start, end).in_reach(sites["chrom"].to_numpy(), tss, _PROMOTER_BP)
    shared = overlap_bp(start[peak], end[peak], tss[site] - _PROMOTER_BP, tss[site] + _PROMOTER_BP + 1)
    share = shared / (end - start)[peak]
    added = share * (signal / depth).mean(axis=1)[peak]
    return np.bincount(site, added, minlength=len(sites)).astype(np.float64)


def _first_rows(names: pd.Series) -> pd.Series:
    """Place of each name's first appearance."""
    distinct = names.drop_duplicates()
    return pd.Series(np.arange(len(distinct)), index=distinct.to_numpy())
