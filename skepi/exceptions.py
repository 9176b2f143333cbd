"""Errors and warnings that a caller may want to catch by name."""

import os


class TableError(ValueError):
    """A table (peaks, openness, genes, cell types, expression) cannot be used as it is."""


class ChromosomeMismatchError(TableError):
    """Two tables share no chromosome name, as with ``1`` and ``chr1``."""


class FileFormatError(ValueError):
    """A file does not hold what its format says.

    Parameters
    ----------
    path : path
    line, column : int or None
        From 1.
    message : str
    """

    def __init__(self, path: str | os.PathLike, line: int | None, column: int | None, message: str) -> None:
        self.path, self.line, self.column, self.message = path, line, column, message
        super().__init__(path, line, column, message)

    def __str__(self) -> str:
        line = "" if self.line is None else f", line {self.line}"
        column = "" if self.column is None else f", column {self.column}"
        return f"{os.fspath(self.path)}{line}{column}: {self.message}"


class UnknownNameError(KeyError):
    """A gene, a cell type or another name was asked for that the tables, or the rows, do not hold."""

    def __str__(self) -> str:
        # KeyError prints the repr of its argument, which hides line breaks and adds quotes.
        return str(self.args[0]) if self.args else ""


class MissingExpressionError(ValueError):
    """Targets were asked of a data set that holds openness only."""


class UnmatchedDataError(ValueError):
    """A fitted model, or a table of links or contacts, has no gene (or no peak) in common with what it is used on."""


class DenseSizeError(MemoryError):
    """Something that has to be kept in memory would exceed the stated size."""


class ModelFileError(ValueError):
    """A file is no whole model of skepi, or names what must not be loaded."""


class DivergenceError(ArithmeticError):
    """The loss of a network became infinite or not a number."""


class ChromosomeWarning(UserWarning):
    """Some genes lie on chromosomes without a single peak."""


class LeftOutWarning(UserWarning):
    """Genes, rows or lines were left out of a result, which is whole without them."""


class ScaleWarning(UserWarning):
    """Values look as if they had another scale than was expected, such as logarithms in place of counts."""


class AssemblyWarning(UserWarning):
    """Peaks or genes do not lie where they should, as where two genome assemblies are mixed."""


class FewGenesWarning(UserWarning):
    """So few genes are normalised that quantiles and library sizes say little."""


class DepthWarning(UserWarning):
    """One chromosome has more than half of a signal, so that depth says little about the others."""


class EmptyLibraryWarning(UserWarning):
    """A cell type has no counts at all, so that its normalised expression is not defined."""


class ShortMotifWarning(UserWarning):
    """Motifs are too short to be as rare as the p-value that was asked for, so that they never have a hit."""


class UnseenGeneWarning(UserWarning):
    """Predictions were asked for genes that had no training pair."""


class UnfittedSignalWarning(UserWarning):
    """Much of a data set's openness falls into slots that the scaler has never seen."""


class DistantCellTypeWarning(UserWarning):
    """Predictions were asked for cell types unlike any seen in training."""


class PopulationMismatchWarning(UserWarning):
    """A population that two data sets share is more like another one of the other data set than like itself."""


class SharedPopulationWarning(UserWarning):
    """A split tests a cell type and trains on the same population of another data set."""


class UntiedBatchWarning(UserWarning):
    """Data sets (or other batches) share no population, so that the shift between them is not known."""


class UnseenBatchWarning(UserWarning):
    """Predictions were asked for a data set (or another batch) that had no training cell type."""


class DownloadError(OSError):
    """A public file cannot be fetched."""


class ChecksumError(DownloadError):
    """An address holds another file than the one that was wanted."""


class ModelVersionWarning(UserWarning):
    """A model was written under another minor version of skepi or scikit-learn than reads it."""


class CompletenessWarning(UserWarning):
    """Integrated gradients do not add up to the change of the prediction."""
