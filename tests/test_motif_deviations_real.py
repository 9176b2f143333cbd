"""Motif deviations of blood: known regulators are highest in the populations where they act."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
DNA = Path(os.environ.get("SKEPI_HEME_DNA", DATA / "heme_dna"))
MOTIFS = Path(os.environ.get("SKEPI_MOTIFS", DATA / "motifs"))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def z(blood_path):
    """z of all motifs that have hits, as the benchmark computes it."""
    if not (DNA / "tal1_300bp_hg19.parquet").exists():
        pytest.skip(f"the DNA of blood is not at {DNA}; SKEPI_HEME_DNA names another folder")
    if not (MOTIFS / "JASPAR2024_CORE_human.meme.gz").exists():
        pytest.skip(f"the matrices of JASPAR are not at {MOTIFS}; SKEPI_MOTIFS names another folder")
    path = ROOT / "benchmarks" / "motif_deviations.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_motif_deviations", path)
    benchmark = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(benchmark)
    finally:
        sys.path.remove(str(path.parent))
    motifs = benchmark.read_motifs(MOTIFS / "JASPAR2024_CORE_human.meme.gz")
    return benchmark.deviations_of_blood(*benchmark.read_blood(DNA, blood_path), motifs)


def test_gata1_with_tal1_acts_in_erythroblasts(z):
    motif = z["GATA1::TAL1"].sort_values(ascending=False)
    assert motif.index[0] == "Ery"
    assert motif.iloc[0] > 7
    assert motif.iloc[0] > 1.5 * motif.iloc[1]
    assert "GATA1::TAL1" in set(z.loc["Ery"].nlargest(5).index)


def test_cebpa_acts_in_myeloid_cells(z):
    assert set(z["CEBPA"].nlargest(4).index) == {"GMP-A", "GMP-B", "GMP-C", "Mono"}
    assert z["CEBPA"].nlargest(4).min() > 1


def test_t_box_factors_act_in_nk_and_cytotoxic_cells(z):
    for motif in ("TBX21", "EOMES"):
        assert set(z[motif].nlargest(2).index) == {"NK", "CD8"}


def test_oct2_acts_in_b_cells(z):
    assert z["POU2F2"].idxmax() == "B"
    assert z.loc["B", "POU2F2"] > 1


def test_what_does_not_behave_in_these_peaks_is_known(z):
    """PAX5 and EBF1 make B cells, and their motifs do not deviate there: sites of TAL1 are few of their peaks."""
    assert (z.loc["B", ["PAX5", "EBF1"]] < 2).all()
