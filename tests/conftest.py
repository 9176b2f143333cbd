"""Shared fixtures: small simulated data, and the real blood data where they are at hand."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from skepi.datasets import make_paired_openness

BLOOD = Path(os.environ.get("SKEPI_HEME14", Path(__file__).parents[2] / "shared" / "data" / "heme14"))
HEME_DNA = Path(os.environ.get("SKEPI_HEME_DNA", BLOOD.parent / "heme_dna"))
MOTIFS = Path(os.environ.get("SKEPI_MOTIFS", BLOOD.parent / "motifs"))
MIRROR = Path(os.environ.get("SKEPI_MIRROR", Path(__file__).parents[2] / "shared" / "mirror"))


@pytest.fixture(autouse=True)
def _no_figures_left():
    """Close what a test drew, so that the next one finds no figures."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")
    parser.addoption("--examples", type=int, help="examples that hypothesis draws: 5 by default, 100 with --slow")


def pytest_configure(config):
    """Few examples, the same everywhere; many and others with ``--slow``; others with ``--hypothesis-seed`` too."""
    slow, seed = config.getoption("--slow"), config.getoption("--hypothesis-seed")
    n_examples = config.getoption("--examples") or (100 if slow else 5)
    settings.register_profile("skepi", deadline=None, max_examples=n_examples, derandomize=not slow and seed is None)
    settings.load_profile("skepi")
    if getattr(config.option, "numprocesses", None):  # pytest -n: one thread per process, or they wait for each other
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def simulated():
    """60 genes x 12 cell types of 4 lineages on 4 chromosomes, and the law behind them.

    The cis share is above that of real data, so that few genes show it.
    """
    return make_paired_openness(n_genes=60, n_cell_types=12, cis_share=0.45, program_share=0.25, random_state=1)


@pytest.fixture(scope="session")
def pairs(simulated):
    """``X, y`` of the simulated data."""
    return simulated[0].pairs(return_X_y=True)


@pytest.fixture(scope="session")
def blood_path():
    if not (BLOOD / "peaks.parquet").exists():
        pytest.skip(f"the blood tables are not at {BLOOD}; SKEPI_HEME14 names another folder")
    return BLOOD


@pytest.fixture(scope="session")
def heme_dna_path():
    """Folder with DNA of blood sites."""
    if not (HEME_DNA / "tal1_300bp_hg19.parquet").exists():
        pytest.skip(f"the DNA of blood sites is not at {HEME_DNA}; SKEPI_HEME_DNA names another folder")
    return HEME_DNA


@pytest.fixture(scope="session")
def motifs_path():
    """Folder with the matrices of JASPAR."""
    if not (MOTIFS / "JASPAR2024_CORE_human.meme.gz").exists():
        pytest.skip(f"the motifs are not at {MOTIFS}; SKEPI_MOTIFS names another folder")
    return MOTIFS


@pytest.fixture(scope="session")
def mirror_path():
    """Folder with copies of the public files of the blood data."""
    if not (MIRROR / "caleblareau").is_dir():
        pytest.skip(f"no copies of the public files at {MIRROR}; SKEPI_MIRROR names another folder")
    return MIRROR.resolve()


@pytest.fixture(scope="session")
def blood_files(mirror_path, tmp_path_factory):
    """Where the scripts find the public files, and the cache that they share."""
    return {"SKEPI_MIRROR": str(mirror_path), "SKEPI_DATA": str(tmp_path_factory.mktemp("data"))}
