"""From files to a data set: the statements that read them."""

from argparse import Namespace
from typing import Any, NamedTuple

from skepi.cli._cells import (
    Cells,
    cells_of,
    check_columns,
    check_file,
    header_of,
    labelled,
    mudata_of,
    pseudobulk_of,
    read_table,
    rna_of,
)
from skepi.cli._endings import ending_of
from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, py
from skepi.cli._program import Program
from skepi.cli._samples import files_by_sample
from skepi.io import (
    choose_tss,
    convert_chromosomes,
    match_genes,
    parse_intervals,
    read_bed,
    read_gff3,
    read_gtf,
    read_matrix,
    read_tss,
    sample_name,
    strip_versions,
)
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks, openness_over_peaks, read_narrowpeaks

#: First columns of a table of featureCounts.
_FEATURECOUNTS = ["Geneid", "Chr", "Start", "End", "Strand", "Length"]

_GTF_COLUMNS = 9


class Openness(NamedTuple):
    """Openness as a table with its peaks, or as an AnnData object whose obs are cell types."""

    table: Any
    peaks: Any
    cell_types: Expression | None
    adata: Expression | None = None


class Tables(NamedTuple):
    """All that a data set is made of, before genes of both sides are matched."""

    opened: Openness
    genes: Expression
    expression: Expression | None


def add_tables(program: Program, options: Namespace) -> Tables:
    """Add the statements that read all files."""
    mudata = mudata_of(program, options)
    opened = add_openness(program, options, mudata)
    rna = rna_of(program, options, mudata)
    return Tables(opened, _genes(program, options, rna), _expression(program, options, rna))


def add_dataset(program: Program, options: Namespace, tables: Tables) -> Expression:
    """Add the statements that match genes and make a data set, and return its name."""
    opened, genes, counts = tables
    if counts is not None:
        counts, genes = program.let_both("expression", "genes", py(match_genes)(counts, genes))
    return add_paired(program, options, opened, genes, counts)


def add_paired(
    program: Program,
    options: Namespace,
    opened: Openness,
    genes: Expression,
    expression: Expression | None = None,
    variable: str = "data",
) -> Expression:
    """Add the statement that puts openness, genes and, where known, expression together."""
    openness, peaks, cell_types = opened.table, opened.peaks, opened.cell_types
    if opened.adata is not None:
        atac = atac_of(program, opened.adata, genes)
        table, cell_types = cell_types, atac.cell_types
        openness, peaks = atac.openness, atac.peaks
        if table is not None:
            cell_types = program.let("cell_types", _with_lineages(cell_types, table))
        if expression is not None and options.common_cell_types:
            raise UsageError("--common-cell-types needs openness in a table; give both .h5ad the same obs")
    elif expression is not None and options.common_cell_types:
        common = program.let("common", openness.columns.intersection(expression.columns, sort=False))
        openness, expression = program.let("openness", openness[common]), program.let("expression", expression[common])
        if cell_types is not None:
            of_common = cell_types.set_index("name").loc[common].rename_axis("name").reset_index()
            cell_types = program.let("cell_types", of_common)
    settings = {"expression": expression, "cell_types": cell_types}
    given = {key: value for key, value in settings.items() if value is not None}
    return program.let(variable, py(PairedDataset)(openness, peaks, genes, **given))


def _with_lineages(known: Expression, table: Expression) -> Expression:
    """Cell types in the order that openness has them, with the columns of the table of ``--cell-types``."""
    return known.drop(columns="lineage", errors="ignore").merge(table, on="name", how="left")


def atac_of(program: Program, adata: Expression, genes: Expression) -> Expression:
    """Add the statement that takes peaks and openness out of an AnnData object."""
    return program.let("atac_data", py(PairedDataset).from_anndata(adata, genes))


def add_openness(
    program: Program, options: Namespace, mudata: Expression | None = None, peaks: Expression | None = None
) -> Openness:
    """Add the statements that read openness, and the cell types where they are known.

    Peak calls are put on ``peaks``, where they are given, in place of consensus peaks.
    """
    if (options.peak_calls is None) == (options.openness is None):
        raise UsageError("wanted either --peak-calls or --openness")
    found = (
        _of_peak_calls(program, options, peaks) if options.openness is None else _of_matrix(program, options, mudata)
    )
    table = getattr(options, "cell_types", None)
    if table is None:
        return found
    check_columns(table, ["name"], "--cell-types wants one row per cell type")
    cell_types = read_table(table, sep="\t")
    if found.cell_types is not None:
        cell_types = _with_lineages(found.cell_types, cell_types)
    return found._replace(cell_types=program.let("cell_types", cell_types))


def _of_peak_calls(program: Program, options: Namespace, peaks: Expression | None) -> Openness:
    files = files_by_sample(options.peak_calls)
    for path in files.values():
        check_file(path)
    called = program.let("called", py(read_narrowpeaks)(files, n_jobs=options.n_jobs, **program.progress(options)))
    if options.peaks is not None:
        peaks = py(read_bed)(check_file(options.peaks))
    elif peaks is None:
        exclude = {} if options.exclude is None else {"exclude": py(read_bed)(check_file(options.exclude))}
        peaks = py(consensus_peaks)(called, width=options.width, score=options.score, **exclude, n_jobs=options.n_jobs)
    named = program.let("peaks", peaks)
    table = program.let(
        "openness", py(openness_over_peaks)(called, named, n_jobs=options.n_jobs, **program.progress(options))
    )
    return Openness(table, _renamed(program, options, "peaks", named), None)


def _of_matrix(program: Program, options: Namespace, mudata: Expression | None) -> Openness:
    source = cells_of(program, options, options.openness, "atac", "Peaks", mudata)
    if source is not None and not labelled(options, source):
        program.note(f"each row of obs of {options.openness} is taken as a cell type; --label-column sums cells")
        return Openness(None, None, None, source.expression)
    cell_types = None
    if source is not None:
        bulk = program.let("atac_bulk", pseudobulk_of(options, source))
        table, cell_types = program.let("openness", bulk.counts), program.let("cell_types", bulk.cell_types)
    else:
        table = program.let("openness", _read_openness(options))
    peaks = py(parse_intervals)(table.index) if options.peaks is None else py(read_bed)(check_file(options.peaks))
    return Openness(table, _renamed(program, options, "peaks", program.let("peaks", peaks)), cell_types)


def _read_openness(options: Namespace) -> Expression:
    path, labels, drop = check_file(options.openness), options.openness_labels, options.openness_drop
    settings: dict[str, Any] = {} if labels is None else {"labels": labels if len(labels) > 1 else labels[0]}
    if labels is None and ending_of(path) != ".parquet" and header_of(path)[:6] == _FEATURECOUNTS:
        settings = {"labels": _FEATURECOUNTS[1:4], "one_based": True}  # positions of SAF and GTF count from 1
        drop = [*_FEATURECOUNTS[:1], *_FEATURECOUNTS[4:], *(drop or [])]
    if options.one_based:
        if len(labels or []) != 3:
            raise UsageError("--one-based needs --openness-labels with three columns: chromosome, start and end")
        settings["one_based"] = True
    if drop:
        settings["drop"] = drop
    if getattr(options, "missing", "error") != "error":
        settings["missing"] = options.missing
    return _with_sample_names(py(read_matrix)(path, **settings))


def _genes(program: Program, options: Namespace, rna: Cells | None) -> Expression:
    """Add the statements that choose one start site per gene."""
    if options.genes is None:
        if rna is None or not rna.is_adata:
            raise UsageError("--genes is missing: a GTF, GFF3 or a table of start sites")
        genes = program.let("genes", rna.expression.var.rename_axis("name").reset_index())
    else:
        genes = program.let("genes", _chosen(options))
    if options.strip_versions:
        genes = program.let("genes", genes.assign(name=py(strip_versions)(genes["name"])))
    return _renamed(program, options, "genes", genes)


def _chosen(options: Namespace) -> Expression:
    """One start site per gene of a file."""
    check_file(options.genes)
    reader = {".gtf": read_gtf, ".gff": read_gff3, ".gff3": read_gff3}.get(ending_of(options.genes), read_tss)
    if reader is read_tss and len(header_of(options.genes)) == _GTF_COLUMNS:
        raise UsageError(f"{options.genes} looks like a GTF or GFF3: give it a name that ends in .gtf or .gff3")
    settings: dict[str, Any] = {} if options.policy == "most_transcripts" else {"policy": options.policy}
    if options.gene_name is not None:
        settings["name"] = options.gene_name
    if options.strandless != "error":
        settings["strandless"] = options.strandless
    return py(choose_tss)(py(reader)(options.genes), **settings)


def _expression(program: Program, options: Namespace, rna: Cells | None) -> Expression | None:
    """Add the statements that read expression, genes x cell types."""
    if rna is not None:
        table = pseudobulk_of(options, rna).counts if labelled(options, rna) else rna.expression.to_df().T
    elif options.expression is None:
        return None
    else:
        path = check_file(options.expression)
        drop = options.drop or (_FEATURECOUNTS[1:] if header_of(path)[:6] == _FEATURECOUNTS else [])
        settings: dict[str, Any] = {"drop": drop} if drop else {}
        for key in ("repeated", "missing"):
            if getattr(options, key) != "error":
                settings[key] = getattr(options, key)
        table = _with_sample_names(py(read_matrix)(path, **settings))
    table = program.let("expression", table)
    if options.strip_versions:
        table = program.let("expression", table.set_axis(py(strip_versions)(table.index), axis=0))
    return table


def _renamed(program: Program, options: Namespace, variable: str, table: Expression) -> Expression:
    """Table of peaks or genes whose chromosomes have the names that were asked for."""
    if options.chromosomes is None:
        return table
    return program.let(variable, py(convert_chromosomes)(table, options.chromosomes))


def _with_sample_names(table: Expression) -> Expression:
    """Table whose columns are named after samples where they are paths of files of reads."""
    return table.rename(columns=py(sample_name))
