"""What somebody else might write: a container of rows and two estimators that use no class of skepi's rooms."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.base import BaseEstimator, RegressorMixin

from skepi.rows import GeneBlock, Slots


class TableRows:
    """Rows of a table of openness, genes x cell types x bins: the first tier of the contract and no more."""

    def __init__(self, tables, columns, values, slots, codes, appended, names=(), knows_targets=False, scaling=None):
        self.genes, self.cell_types = tables
        self.columns, self.values, self.slots = columns, values, slots
        self.gene_codes, self.cell_type_codes = codes
        self.appended, self.names, self.knows_targets = appended, tuple(names), knows_targets
        self.scaling = scaling

    @classmethod
    def copy_of(cls, X):
        """The numbers of other rows, without appended appended."""
        values = np.zeros((len(X.genes), len(X.cell_types), X.slots.n_columns), dtype=np.float32)
        for block in X.gene_blocks():
            gene = np.repeat(block.genes, np.diff(block.ptr))
            values[gene, :, X.slots.slot_column[block.slots]] = block.values
        slots = Slots(X.slots.gene_ptr, X.slots.slot_column, X.slots.n_columns)
        nothing = np.empty((len(X), 0), dtype=np.float32)
        return cls((X.genes, X.cell_types), X.columns, values, slots, (X.gene_codes, X.cell_type_codes), nothing)

    def but(self, **changes):
        """The same rows, but for some fields."""
        fields = {
            "tables": (self.genes, self.cell_types),
            "columns": self.columns,
            "values": self.values,
            "slots": self.slots,
            "codes": (self.gene_codes, self.cell_type_codes),
            "appended": self.appended,
            "names": self.names,
            "knows_targets": self.knows_targets,
            "scaling": self.scaling,
        }
        return type(self)(**{**fields, **changes})

    @property
    def shape(self):
        return len(self), self.slots.n_columns + self.appended.shape[1]

    @property
    def feature_names(self):
        return np.array([*(f"bin {k}" for k in range(self.slots.n_columns)), *self.names], dtype=object)

    @property
    def is_scaled(self):
        return self.scaling is not None

    def __len__(self):
        return self.gene_codes.size

    def __getitem__(self, rows):
        rows = rows[0] if isinstance(rows, tuple) else rows
        codes = np.atleast_1d(self.gene_codes[rows]), np.atleast_1d(self.cell_type_codes[rows])
        return self.but(codes=codes, appended=self.appended[rows].reshape(codes[0].size, -1))

    def table(self):
        """Values as rows show them: openness, or log z-scores of slots and 0 elsewhere."""
        if self.scaling is None:
            return self.values
        out = np.zeros_like(self.values)
        gene = np.repeat(np.arange(self.slots.n_genes), np.diff(self.slots.gene_ptr))
        place = gene, slice(None), self.slots.slot_column
        out[place] = self.scaling.apply(self.values[place], slice(None))
        return out

    def dense(self, rows=slice(None), dtype=np.float32):
        bins = self.table()[self.gene_codes[rows], self.cell_type_codes[rows]]
        return np.hstack([bins, self.appended[rows]]).astype(dtype)

    def tocsr(self, rows=slice(None), dtype=np.float32):
        return sp.csr_array(self.dense(rows, dtype))

    def __array__(self, dtype=None, copy=None):
        return self.dense(dtype=dtype or np.float32)

    def gene_blocks(self, gene_codes=None):
        table = self.table()
        for gene in range(len(self.genes)) if gene_codes is None else np.unique(gene_codes):
            slots = slice(*self.slots.gene_ptr[gene : gene + 2].tolist())
            values = table[gene][:, self.slots.slot_column[slots]].T.copy()
            yield GeneBlock(np.array([gene]), np.array([0, len(values)]), slots, values)

    def in_cell_types(self, cell_type_codes):
        return self.but(codes=(self.gene_codes, np.asarray(cell_type_codes)))

    def with_appended(self, names, values, *, from_targets=False):
        appended = np.hstack([self.appended, values]).astype(np.float32)
        return self.but(
            appended=appended, names=[*self.names, *names], knows_targets=self.knows_targets or from_targets
        )

    def scaled(self, slot_keys, scaling):
        gene, bins = np.divmod(slot_keys, self.slots.n_columns)
        ptr = np.searchsorted(gene, np.arange(len(self.genes) + 1))
        return self.but(slots=Slots(ptr, bins.astype(np.int32), self.slots.n_columns), scaling=scaling)

    def unscaled(self):
        return self.but(scaling=None)

    def slot_totals(self):
        gene = np.repeat(np.arange(self.slots.n_genes), np.diff(self.slots.gene_ptr))
        return self.values.sum(axis=1)[gene, self.slots.slot_column]


class GeneLevel(RegressorMixin, BaseEstimator):
    """The mean of each gene, found by its name."""

    def __init__(self, plus=0.0):
        self.plus = plus

    def fit(self, X, y):
        if not hasattr(X, "gene_codes"):
            raise TypeError(f"GeneLevel needs pairs, got {type(X).__name__}")
        self.mean_ = pd.Series(y).groupby(self.names(X)).mean()
        return self

    def names(self, X):
        return X.genes["name"].to_numpy()[X.gene_codes]

    def training_mean(self, X):
        return self.mean_.reindex(self.names(X)).to_numpy()

    def predict(self, X):
        return self.training_mean(X) + self.plus

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


class StrangersRidge(GeneLevel):
    """Ridge regression of what is left of the gene's mean, on the log of binned openness."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        super().fit(X, y)
        z = np.asarray(y) - self.training_mean(X)
        features = np.log1p(X.dense(dtype=np.float64))
        self.centre_ = features.mean(axis=0)
        features -= self.centre_
        gram = features.T @ features + self.alpha * np.eye(features.shape[1])
        self.weights_ = np.linalg.solve(gram, features.T @ z)
        return self

    def predict(self, X):
        return self.training_mean(X) + (np.log1p(X.dense(dtype=np.float64)) - self.centre_) @ self.weights_
