"""A data set of openness and, where known, expression of the same cell types."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._labels import rows_in_order
from skepi._matrices import check_expression, check_matrix
from skepi._rows import codes_of
from skepi.exceptions import AssemblyWarning, MissingExpressionError, ScaleWarning, TableError
from skepi.paired import _anndata, _checks, _saved
from skepi.paired._assembly import LEAST_GENES, PeaksAtStartSites, warn_of_other_assembly
from skepi.paired._cards import card_of_data, facts_of
from skepi.paired._data_checks import DataChecks, checks_of
from skepi.paired._pairs import GeneCellPairs
from skepi.paired._signals import by_signal, read_signals
from skepi.paired._tables import OpennessTables


class DatasetShape(NamedTuple):
    """Numbers of peaks, genes and cell types of a data set."""

    n_peaks: int
    n_genes: int
    n_cell_types: int


class PairedDataset:
    """Openness of peaks and expression of genes in the same cell types, checked at the door.

    Parameters
    ----------
    openness : DataFrame (pandas or polars), ndarray or sparse array, shape (n_peaks, n_cell_types), or dict of them
        Non-negative, finite signal on a linear scale (fold enrichment, counts), kept as float32: the values of a cell
        type add up to less than 3.4e38, and the largest is 0 or at least 1.2e-38. Rows of a DataFrame are matched to
        ``peaks`` by name: by the index of ``peaks``, a column of unique names, or ``chrom:start-end``. Labels that
        agree in part, or not at all, are refused. Arrays and DataFrames with a default index are in the order of
        ``peaks``.
        Columns of a DataFrame are matched to the cell types by name. A dict holds several signals by name, such as
        ``{"ATAC": ..., "H3K27ac": ...}``, each measured in all cell types.
    peaks : DataFrame or mapping, or dict of them
        Columns ``chrom, start, end``: 0-based half-open, in bp, any order, no interval twice. With a dict of openness a
        dict of tables by the same names; or one table of all peaks, whose column ``signal`` names their signals, as
        :attr:`peaks` returns it.
    genes : DataFrame or mapping
        Columns ``name, chrom, tss, strand``: ``tss`` is the 0-based position of the first transcribed
        base, strand is ``+`` or ``-``; further columns are kept.
    expression : DataFrame or ndarray, shape (n_genes, n_cell_types), optional
        What is to be predicted, on the scale it is to be predicted in (normalised log expression); see
        :meth:`transform_expression` for counts. Rows of a DataFrame are matched to ``genes`` by name, as those of
        openness to peaks, and columns to the cell types.
    cell_types : DataFrame or sequence of str, optional
        Column ``name`` and, where known, ``lineage``. By default the columns of ``openness``. Depth of a measurement
        may come as further columns, see :class:`skepi.binning.TSSBinner`.
    peak_features : DataFrame, Series or mapping, optional
        One row per peak, matched by name as openness is; with a dict of signals a dict by signal, in which some may be
        absent. A column of finite numbers of 0 or more is one feature, of whatever unit; sparse columns are welcome. A
        column of names or categories is one feature per name, called ``column:name``, which is 1 for its peaks.

    Attributes
    ----------
    tables : OpennessTables
        Everything but expression; the only thing that rows of ``X`` refer to.
    expression : ndarray of float64, shape (n_genes, n_cell_types), or None
        Read-only, rows in the order of ``genes``.

    Raises
    ------
    TableError
        Where a table cannot be used as it is: columns missing or repeated, labels of several levels, names that are
        missing, blank, repeated, or neither text nor whole numbers, positions that are not whole or not in
        0 .. 2,147,483,647, cells that hold lists, masked values, numbers that are complex, not finite or outside the
        range above, shapes that do not fit, a matrix that looks transposed. The message says what came and what was
        wanted.
        A dict of openness raises it, too, for signals with other cell types, a signal without a peak on the chromosomes
        of the genes, and features that are negative, not finite, of another number of peaks, or of one name.
    ChromosomeMismatchError
        Where peaks and genes have no chromosome name in common, or name the same one in two ways (``1`` and ``chr1``).

    Warns
    -----
    ChromosomeWarning
        Where some genes lie on chromosomes without a peak.
    AssemblyWarning
        Where at least 100 genes have peaks at their TSSs hardly more often than 50 kb away, as with peaks of hg19 and
        genes of hg38; see :attr:`peaks_at_start_sites`.

    Examples
    --------
    >>> data = PairedDataset(
    ...     openness=pd.DataFrame({"HSC": [1.0, 2.0], "Ery": [0.0, 3.0]}),
    ...     peaks={"chrom": ["chr1", "chr1"], "start": [90, 500], "end": [110, 600]},
    ...     genes={"name": ["GATA1"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
    ...     expression=[[0.5, 2.0]],
    ... )
    >>> X, y = data.pairs(return_X_y=True)
    >>> X
    GeneCellPairs: 2 pairs of 1 genes and 2 cell types
    >>> y
    array([0.5, 2. ])
    """

    def __init__(
        self,
        openness: Any,
        peaks: Any,
        genes: Any,
        expression: Any = None,
        cell_types: Any = None,
        peak_features: Any = None,
    ) -> None:
        gene_table = _checks.check_genes(genes)
        _checks.check_not_swapped(openness, expression, peaks, gene_table)
        signals = read_signals(openness, peaks, cell_types, peak_features, gene_table)
        _checks.check_shared_chromosomes(signals.peaks, gene_table)
        for signal, peaks_of_signal in by_signal(signals.peaks):
            on_peaks = _checks.check_shared_chromosomes(peaks_of_signal, gene_table, f"peaks of {signal}")
            _checks.warn_of_lonely_genes(on_peaks, gene_table, signal)
        cell_type_table = signals.cell_types
        self.tables: OpennessTables = OpennessTables(
            signals.peaks, gene_table, cell_type_table, signals.openness, signals.features
        )
        warn_of_other_assembly(self.tables.at_start_sites)
        self.expression: NDArray[np.float64] | None = None
        if expression is not None:
            expression = check_matrix(expression, "expression")
            _checks.check_expression_orientation(expression, gene_table, cell_type_table)
            expression = rows_in_order(expression, genes, "expression", "genes")
            self.expression = check_expression(expression, gene_table, cell_type_table)

    @classmethod
    def from_anndata(
        cls,
        openness: Any,
        genes: Any = None,
        expression: Any = None,
        *,
        openness_layer: str | None = None,
        expression_layer: str | None = None,
    ) -> "PairedDataset":
        """Make a data set from AnnData objects whose obs are cell types.

        Cells go to cell types first, with :func:`skepi.pseudobulk.pseudobulk`.

        Parameters
        ----------
        openness : AnnData, or dict of AnnData
            ``var`` are peaks: columns ``chrom, start, end`` (0-based half-open) or else names like ``chr1:10-20``.
            ``obs["lineage"]``, ``obs["depth"]`` and ``obs["library_size"]`` are kept where there. A dict holds several
            signals by name; the depth of each becomes a column ``depth_<signal>``.
        genes : DataFrame or mapping, optional
            Columns ``name, chrom, tss, strand``; by default ``expression.var`` with its names, which must hold the
            other three.
        expression : AnnData, optional
            ``var`` are genes; cell types and genes are matched by name.
        openness_layer, expression_layer : str, optional
            Layers to take in place of ``X``.

        Raises
        ------
        TableError
            As for the class, and where names, columns or layers are missing.
        TypeError
            For anything but AnnData.
        """
        if genes is None and expression is None:
            raise TableError("wanted genes, or expression that holds them")
        if expression is None and expression_layer is not None:
            raise TableError(f"no expression, so no layer {expression_layer!r} of it")
        return cls(**_anndata.tables_of(openness, genes, expression, openness_layer, expression_layer))

    @classmethod
    def from_mudata(
        cls, mudata: Any, genes: Any = None, *, openness: Any = "atac", expression: str | None = "rna"
    ) -> "PairedDataset":
        """Make a data set from a MuData object whose obs are cell types.

        Parameters
        ----------
        mudata : MuData
        genes : DataFrame or mapping, optional
            As in :meth:`from_anndata`.
        openness : str, list of str or dict of str to str, default="atac"
            Modality with peaks. A list names several, which are signals of the same names; a dict gives the modality of
            each signal.
        expression : str or None, default="rna"
            Modality with genes; None for openness alone.

        Raises
        ------
        TableError
            As in :meth:`from_anndata`, and where a modality is missing.
        TypeError
            For anything but MuData.
        """
        of_genes = None if expression is None else _anndata.modality(mudata, expression)
        if isinstance(openness, str):
            return cls.from_anndata(_anndata.modality(mudata, openness), genes, of_genes)
        names = openness if isinstance(openness, Mapping) else {name: name for name in openness}
        signals = {signal: _anndata.modality(mudata, name) for signal, name in names.items()}
        return cls.from_anndata(signals, genes, of_genes)

    def save(self, path: Any) -> None:
        """Write the data set to a folder, from which :meth:`open` maps it into memory.

        Parameters
        ----------
        path : path
            A folder that does not exist yet. It is written whole or not at all, under another name that ends in
            ``.part`` until it is whole. What a killed process left of an earlier try is removed.

        Raises
        ------
        FileExistsError, FileNotFoundError
            Where the folder exists, or the one that is to hold it does not.
        """
        _saved.save(self.tables, self.expression, path)

    @classmethod
    def open(cls, path: Any, *, verify: bool = True) -> "PairedDataset":
        """Open a data set that :meth:`save` wrote.

        Openness and expression stay on disk and are read where they are needed. A pickle of the data set, or of its
        pairs, holds the path alone, so that worker processes share one copy of them; the folder must stay in place.

        Parameters
        ----------
        path : path
        verify : bool, default=True
            Whether to read openness and expression once and compare them with the digests in the folder, so that
            damage is noticed. A process does this once per file, and so does each worker process. Reading 148 MB
            takes a fraction of a second. The tables are always compared.

        Raises
        ------
        FileNotFoundError
            Where there is no such folder, or a file of it is missing.
        ValueError
            Where the folder holds no data set, or a damaged one (``TableError`` for its arrays and for tables that
            no data set can have).
        """
        data = cls.__new__(cls)
        data.tables, data.expression = _saved.read(path, verify)
        return data

    def __reduce_ex__(self, protocol: Any) -> Any:
        if isinstance(self.tables, _saved.SavedTables):
            return _opened, (type(self), self.tables)
        return super().__reduce_ex__(protocol)

    def to_anndata(self, what: str = "openness", *, signal: str | None = None) -> Any:
        """Return openness or expression as an AnnData object: obs are cell types, var are peaks or genes.

        Parameters
        ----------
        what : {"openness", "expression"}, default="openness"
        signal : str, optional
            Signal whose openness is wanted; needed where there are several.

        Returns
        -------
        AnnData
            ``X`` a copy, (n_cell_types, n_peaks) or (n_cell_types, n_genes); the tables are in ``obs`` and ``var``.

        Raises
        ------
        MissingExpressionError
            Where expression is asked of a data set without it.
        ValueError
            For another ``what``, and where one of several signals is to be named.
        ImportError
            Without anndata.
        """
        return _anndata.to_anndata(self, what, signal)

    def to_mudata(self) -> Any:
        """Return a MuData object with one modality per signal and, where known, ``rna``; see :meth:`to_anndata`.

        A signal without a name is called ``atac``.
        """
        return _anndata.to_mudata(self)

    @property
    def shape(self) -> DatasetShape:
        """Numbers by name, ``(n_peaks, n_genes, n_cell_types)``; the peaks are those of all signals."""
        tables = self.tables
        return DatasetShape(len(tables.peaks), len(tables.genes), len(tables.cell_types))

    @property
    def genes(self) -> pd.DataFrame:
        """Table of genes, in the user's order."""
        return self.tables.genes.copy(deep=False)

    @property
    def peaks(self) -> pd.DataFrame:
        """Table of peaks, in the user's order."""
        return self.tables.peaks.copy(deep=False)

    @property
    def cell_types(self) -> pd.DataFrame:
        """Table of cell types, in the user's order."""
        return self.tables.cell_types.copy(deep=False)

    @property
    def peaks_at_start_sites(self) -> PeaksAtStartSites:
        """How many genes have a peak at their TSS, and how many by chance; few where two assemblies are mixed."""
        return self.tables.at_start_sites

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals; ``openness`` for one without a name."""
        return self.tables.signals

    @property
    def peak_features(self) -> pd.DataFrame | None:
        """Features of peaks, one row per peak, in sparse columns; None where there are none."""
        return None if self.tables.features is None else self.tables.features.to_frame()

    @property
    def openness(self) -> NDArray[np.float32]:
        """Signal, (n_peaks, n_cell_types), read-only."""
        return self.tables.openness

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.expression is not None:
            self.expression.flags.writeable = False  # numpy forgets it when pickled

    def __repr__(self) -> str:
        targets = "openness and expression" if self.expression is not None else "openness only"
        n_features = len(self.tables.feature_names)
        features = f" with {n_features:,} feature{'s' * (n_features > 1)}" if n_features else ""
        at_tss = self.peaks_at_start_sites
        check = f"\n  {at_tss}" if at_tss.n_genes >= LEAST_GENES else ""
        return (
            f"PairedDataset: {self._described_peaks()}{features}, {len(self.genes):,} genes, "
            f"{len(self.cell_types):,} cell types; {targets}{check}"
        )

    def checks(self) -> DataChecks:
        """Say what the data look like, one line per check: what a notebook shows of them, as text and as a table.

        Peaks at start sites and by chance, scale and depth of openness, scale of expression, lineages. From a data
        set on disk, only some peaks are read, and the line says so.
        """
        return checks_of(facts_of(self.tables, self.expression))

    def _repr_html_(self) -> str:
        """What notebooks show: the checks, and the first genes."""
        return card_of_data(self.tables, self.expression)

    def _described_peaks(self) -> str:
        if self.signals == (UNNAMED,):
            return f"{len(self.peaks):,} peaks"
        counts = np.bincount(self.tables.signal_codes)
        return " + ".join(f"{n:,} peaks of {name}" for n, name in zip(counts, self.signals, strict=True))

    @overload
    def pairs(
        self, genes: Any = None, cell_types: Any = None, *, return_X_y: Literal[False] = False
    ) -> GeneCellPairs: ...
    @overload
    def pairs(
        self, genes: Any = None, cell_types: Any = None, *, return_X_y: Literal[True]
    ) -> tuple[GeneCellPairs, NDArray[np.float64]]: ...
    def pairs(
        self, genes: Any = None, cell_types: Any = None, *, return_X_y: bool = False
    ) -> GeneCellPairs | tuple[GeneCellPairs, NDArray[np.float64]]:
        """Make rows of ``X``: every chosen gene in every chosen cell type, gene by gene.

        Parameters
        ----------
        genes, cell_types : sequence of str, optional
            Names, in the order wanted; all by default.
        return_X_y : bool, default=False
            Whether to return the expression of each pair as well.

        Returns
        -------
        X : GeneCellPairs
        y : ndarray of float64, shape (n_pairs,)
            Only with ``return_X_y=True``.

        Raises
        ------
        UnknownNameError
            Where a name is absent from the tables.
        MissingExpressionError
            Where ``y`` is asked of a data set without expression.
        """
        gene = np.arange(len(self.genes)) if genes is None else codes_of(genes, self.genes, "gene(s)")
        cell = (
            np.arange(len(self.cell_types))
            if cell_types is None
            else codes_of(cell_types, self.cell_types, "cell type(s)")
        )
        X = GeneCellPairs(self.tables, np.repeat(gene, cell.size), np.tile(cell, gene.size))
        if not return_X_y:
            return X
        if self.expression is None:
            raise MissingExpressionError("this data set holds openness only: there is no y to return")
        return X, self.expression[X.gene_codes, X.cell_type_codes]

    def subset(self, genes: Any = None, cell_types: Any = None, *, signals: Any = None) -> "PairedDataset":
        """Keep the named genes, cell types and signals, in the order named; all peaks of a signal stay.

        Statistics "for every gene of the data set" then mean these genes alone.
        """
        gene = slice(None) if genes is None else codes_of(genes, self.genes, "gene(s)")
        cell = slice(None) if cell_types is None else codes_of(cell_types, self.cell_types, "cell type(s)")
        peak = self._peaks_of(signals)
        return _checked_again(
            self.openness[peak][:, cell],
            self.peaks.iloc[peak],
            self.genes.iloc[gene],
            None if self.expression is None else self.expression[gene][:, cell],
            self.cell_types.iloc[cell],
            None if self.peak_features is None else self.peak_features.iloc[peak],
        )

    def _peaks_of(self, signals: Any) -> Any:
        """Rows of the peaks of some signals, signal after signal; all of them without a copy."""
        if signals is None:
            return slice(None)
        names = [signals] if isinstance(signals, str) else list(signals)
        if not names or len(set(names)) < len(names):
            raise ValueError(f"signals: wanted at least one name, and each once, got {names}")
        return np.concatenate([self.tables.peaks_of(name) for name in names])

    def transform_expression(self, normalizer: Any, fit_cell_types: Any = None) -> "PairedDataset":
        """Return a data set whose expression is normalised, with the genes that the normaliser keeps.

        Parameters
        ----------
        normalizer : transformer
            Rows are cell types and columns genes, as in :class:`skepi.normalization.ExpressionNormalizer`;
            ``get_support`` says which genes it keeps. It is fitted here.
        fit_cell_types : sequence of str, optional
            Cell types that the reference is learned from; all by default, which is right only where no
            cell type is held out later.
        """
        if self.expression is None:
            raise MissingExpressionError("this data set holds openness only: there is nothing to normalise")
        fit_on = slice(None) if fit_cell_types is None else codes_of(fit_cell_types, self.cell_types, "cell type(s)")
        by_cell_type = pd.DataFrame(self.expression.T, index=self.cell_types["name"], columns=list(self.genes["name"]))
        normalizer.fit(by_cell_type.iloc[fit_on])
        values = np.asarray(normalizer.transform(by_cell_type)).T
        kept = self.genes[normalizer.get_support()]
        return _checked_again(self.openness, self.peaks, kept, values, self.cell_types, self.peak_features)


def _checked_again(*tables: Any) -> PairedDataset:
    """Data set of what another one holds; what its scale and assembly look like has been said already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ScaleWarning)
        warnings.simplefilter("ignore", AssemblyWarning)
        return PairedDataset(*tables)


def _opened(cls: type[PairedDataset], tables: _saved.SavedTables) -> PairedDataset:
    """Data set of tables that a pickle named by path."""
    data = cls.open(tables.path)
    data.tables = tables  # the very ones that its pairs refer to
    return data
