"""AnnData and MuData in and out: nothing is lost, nothing is guessed."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from promises import assert_exact

from skepi.exceptions import MissingExpressionError, TableError, UnknownNameError
from skepi.landmarks import LandmarkRegressor, samples_by_genes
from skepi.paired import PairedDataset

anndata = pytest.importorskip("anndata", reason="anndata is not installed (extra `data`; it needs pandas < 3)")
mudata = pytest.importorskip("mudata", reason="mudata is not installed (extra `data`)")

# Of mudata itself: it announces a default of its next version to whoever updates a MuData object.
pytestmark = pytest.mark.filterwarnings("ignore:From 0.4 .update:FutureWarning")


@pytest.fixture
def data(simulated):
    return simulated[0]


def same(one, other):
    """The same data set: tables, openness, expression."""
    for table in ("peaks", "genes", "cell_types"):
        left, right = getattr(one, table), getattr(other, table)
        assert_exact(left[right.columns].astype(object), right.astype(object))
    assert np.array_equal(one.openness, other.openness)
    assert (one.expression is None) == (other.expression is None)
    if one.expression is not None:
        assert np.array_equal(one.expression, other.expression)


# --- round trips


def test_a_data_set_comes_back_from_anndata_files(data, tmp_path):
    data.to_anndata().write_h5ad(tmp_path / "atac.h5ad")
    data.to_anndata("expression").write_h5ad(tmp_path / "rna.h5ad")
    atac, rna = (anndata.read_h5ad(tmp_path / name) for name in ("atac.h5ad", "rna.h5ad"))
    same(PairedDataset.from_anndata(atac, expression=rna), data)
    same(PairedDataset.from_anndata(atac, data.genes, rna), data)


def test_a_data_set_comes_back_from_a_mudata_file(data, tmp_path):
    data.to_mudata().write(tmp_path / "both.h5mu")
    back = mudata.read_h5mu(tmp_path / "both.h5mu")
    same(PairedDataset.from_mudata(back), data)
    openness_only = PairedDataset.from_mudata(back, data.genes, expression=None)
    assert openness_only.expression is None


def test_openness_alone_comes_back(data):
    alone = PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types)
    same(PairedDataset.from_anndata(alone.to_anndata(), data.genes), alone)
    assert list(alone.to_mudata().mod) == ["atac"]


def test_cell_types_and_genes_are_matched_by_name(data):
    atac, rna = data.to_anndata(), data.to_anndata("expression")
    shuffled = rna[::-1, ::-1].copy()
    same(PairedDataset.from_anndata(atac, data.genes, shuffled), data)


def test_obs_are_cell_types_and_var_are_peaks_or_genes(data):
    atac, rna = data.to_anndata(), data.to_anndata("expression")
    assert atac.shape == (len(data.cell_types), len(data.peaks))
    assert rna.shape == (len(data.cell_types), len(data.genes))
    first = data.peaks.iloc[0]
    assert atac.var_names[0] == f"{first.chrom}:{first.start}-{first.end}"
    assert atac.obs["lineage"].tolist() == data.cell_types["lineage"].tolist()
    assert rna.var["tss"].tolist() == data.genes["tss"].tolist()


def test_what_comes_out_is_a_copy(data):
    before = data.openness.copy(), data.expression.copy()
    for what in ("openness", "expression"):
        adata = data.to_anndata(what)
        adata.X[:] = -1
        adata.var["chrom"] = "changed"
    assert np.array_equal(data.openness, before[0])
    assert np.array_equal(data.expression, before[1])
    assert "changed" not in set(data.peaks["chrom"]) | set(data.genes["chrom"])


# --- kinds of input


@pytest.mark.parametrize("pack", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, np.asarray])
def test_sparse_openness(data, pack):
    atac = data.to_anndata()
    atac.X = pack(atac.X)
    same(PairedDataset.from_anndata(atac, data.genes, data.to_anndata("expression")), data)


def test_peaks_from_names_where_there_are_no_columns(data):
    atac = data.to_anndata()
    atac.var = atac.var[[]]
    found = PairedDataset.from_anndata(atac, data.genes)
    wanted = data.peaks[["chrom", "start", "end"]]
    assert_exact(found.peaks.astype(wanted.dtypes), wanted)


def test_a_layer_in_place_of_x(data):
    rna = data.to_anndata("expression")
    rna.layers["log"] = rna.X + 1
    found = PairedDataset.from_anndata(data.to_anndata(), data.genes, rna, expression_layer="log")
    assert np.array_equal(found.expression, data.expression + 1)


def test_a_layer_of_openness(data):
    atac = data.to_anndata()
    atac.layers["counts"] = atac.X * 2
    found = PairedDataset.from_anndata(atac, data.genes, openness_layer="counts")
    assert np.array_equal(found.openness, data.openness * 2)
    with pytest.raises(TableError, match="no layer 'tfidf'; there are counts"):
        PairedDataset.from_anndata(atac, data.genes, openness_layer="tfidf")
    with pytest.raises(TableError, match="no expression, so no layer 'log' of it"):
        PairedDataset.from_anndata(atac, data.genes, expression_layer="log")


def test_openness_on_disk(data, tmp_path):
    atac = data.to_anndata()
    atac.X = sp.csr_matrix(atac.X)
    atac.write_h5ad(tmp_path / "atac.h5ad")
    on_disk = anndata.read_h5ad(tmp_path / "atac.h5ad", backed="r")
    assert np.array_equal(PairedDataset.from_anndata(on_disk, data.genes).openness, data.openness)


# --- predictions as a layer


def test_predictions_become_a_layer_with_nan_where_there_is_none(data):
    rna = data.to_anndata("expression")
    genes, cell_types = data.genes["name"].iloc[[5, 2]], data.cell_types["name"].iloc[[3, 1]]
    X = data.pairs(genes, cell_types)
    X.to_layer(np.arange(4.0), rna, "predicted")
    layer = pd.DataFrame(rna.layers["predicted"], rna.obs_names, rna.var_names)
    assert layer.loc[cell_types.iloc[0], genes.iloc[0]] == 0
    assert layer.loc[cell_types.iloc[1], genes.iloc[0]] == 1
    assert layer.loc[cell_types.iloc[0], genes.iloc[1]] == 2
    assert layer.notna().sum().sum() == 4


def test_a_layer_needs_every_gene_and_cell_type(data):
    X = data.pairs()
    rna = data.to_anndata("expression")
    gene, cell_type = data.genes["name"].iloc[0], data.cell_types["name"].iloc[0]
    with pytest.raises(TableError, match=rf"adata lacks 1 gene\(s\) or cell type\(s\): {gene}"):
        X.to_layer(np.zeros(len(X)), rna[:, 1:].copy(), "predicted")
    with pytest.raises(TableError, match=rf"adata lacks 1 gene\(s\) or cell type\(s\): {cell_type}"):
        X.to_layer(np.zeros(len(X)), rna[1:].copy(), "predicted")
    with pytest.raises(TypeError, match="adata: wanted an AnnData object, got DataFrame"):
        X.to_layer(np.zeros(len(X)), pd.DataFrame(), "predicted")


# --- what is refused


def test_wrong_objects_are_refused(data):
    with pytest.raises(TypeError, match="openness: wanted an AnnData object, got DataFrame"):
        PairedDataset.from_anndata(pd.DataFrame(), data.genes)
    with pytest.raises(TypeError, match="expression: wanted an AnnData object, got ndarray"):
        PairedDataset.from_anndata(data.to_anndata(), data.genes, np.zeros((2, 2)))
    with pytest.raises(TypeError, match="wanted a MuData object, got AnnData"):
        PairedDataset.from_mudata(data.to_anndata())
    with pytest.raises(TableError, match="no modality 'peaks'; there are atac, rna"):
        PairedDataset.from_mudata(data.to_mudata(), openness="peaks")
    with pytest.raises(ValueError, match="what must be 'openness' or 'expression', got 'rna'"):
        data.to_anndata("rna")


def test_missing_parts_are_named(data):
    alone = PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types)
    with pytest.raises(MissingExpressionError, match="openness only"):
        alone.to_anndata("expression")
    with pytest.raises(TableError, match="wanted genes, or expression that holds them"):
        PairedDataset.from_anndata(data.to_anndata())
    rna = data.to_anndata("expression")
    with pytest.raises(TableError, match="no layer 'counts'; there are none"):
        PairedDataset.from_anndata(data.to_anndata(), data.genes, rna, expression_layer="counts")
    del rna.var["tss"]
    with pytest.raises(TableError, match=r"expression.var lacks \['tss'\]"):
        PairedDataset.from_anndata(data.to_anndata(), expression=rna)
    empty = anndata.AnnData(obs=rna.obs, var=data.to_anndata().var)
    with pytest.raises(TableError, match="no X: name a layer"):
        PairedDataset.from_anndata(empty, data.genes)


def test_names_that_do_not_match_are_errors(data):
    rna = data.to_anndata("expression")
    with pytest.raises(TableError, match="columns do not match the cell types"):
        PairedDataset.from_anndata(data.to_anndata(), data.genes, rna[1:].copy())
    with pytest.raises(TableError, match="row labels do not match genes"):
        PairedDataset.from_anndata(data.to_anndata(), data.genes.iloc[1:], rna)
    twice = rna.copy()
    twice.obs_names = [twice.obs_names[0]] * 2 + list(twice.obs_names[2:])
    with pytest.raises(TableError, match="expression: obs_names: the same name twice"):
        PairedDataset.from_anndata(data.to_anndata(), data.genes, twice)
    unnamed = data.to_anndata()
    unnamed.var = pd.DataFrame(index=[f"peak{k}" for k in range(unnamed.n_vars)])
    with pytest.raises(TableError, match="names of peaks"):
        PairedDataset.from_anndata(unnamed, data.genes)
    with pytest.raises(UnknownNameError):
        PairedDataset.from_anndata(data.to_anndata(), data.genes).pairs(genes=["nowhere"])


# --- landmark genes


def test_landmark_genes_are_taken_out_of_anndata(data):
    adata = data.to_anndata("expression")
    table = pd.DataFrame(data.expression, index=adata.var_names, columns=adata.obs_names)
    genes = list(adata.var_names[[5, 2, 9]])
    assert_exact(samples_by_genes(adata, genes), samples_by_genes(table, genes))
    adata.layers["sparse"] = sp.csr_matrix(adata.X)
    assert_exact(samples_by_genes(adata, genes, layer="sparse"), samples_by_genes(table, genes))
    with pytest.raises(
        TableError, match=r"X: wanted a pandas DataFrame, got an anndata AnnData object: use .*samples_by"
    ):
        LandmarkRegressor().fit(adata, table.T)
