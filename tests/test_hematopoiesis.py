"""Blood data: made-up small files behind the same names for every run, the public files where they are at hand."""

import gzip
import hashlib
import inspect
import os
import random
import re
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helper_program import helper_program
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skepi._files import read_arrays, write_arrays
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import _hematopoiesis, fetch_hematopoiesis
from skepi.datasets._download import RemoteFile
from skepi.exceptions import ChecksumError, DownloadError
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

MIRROR = Path(os.environ.get("SKEPI_MIRROR") or Path(__file__).parents[2] / "shared" / "mirror")
PAIRED = ["HSC", "MPP", "LMPP", "CLP", "GMP-A", "GMP-B", "GMP-C", "NK", "CD4", "CD8", "B", "pDC", "Mono", "Ery"]
OPEN_ONLY = ["Mega", "mDC"]
WATCHED = ["datasets/_hematopoiesis.py", "skepi/_files.py"]

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch):
    """A test that names no mirror reaches a closed port, never the net, and never the user's own cache."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setenv("SKEPI_MIRROR", "http://127.0.0.1:9/")
    monkeypatch.setenv("SKEPI_DATA", "/proc/no/such/folder")


def names_in(folder):
    """What lies there, but for the lock, which stays."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.fixture(scope="module")
def helper():
    with helper_program() as run:
        yield run


def assert_same_data(one, two):
    """Every table and array, to the bit."""
    for part in ("dataset", "counts", "atac_only"):
        a, b = getattr(one, part), getattr(two, part)
        for table in ("peaks", "genes", "cell_types"):
            assert_exact(getattr(a, table), getattr(b, table))
        np.testing.assert_array_equal(a.openness, b.openness)
        if part != "atac_only":
            np.testing.assert_array_equal(a.expression, b.expression)
    np.testing.assert_array_equal(one.target, two.target)


# --- made-up files: 30 genes of one site and some that are difficult, a peak at each site

CALLED = [10_000 * k for k in range(1, 31)]
ODD_GENES = {"SEVERAL": "+", "MINUS": "-", "SILENT": "+", "TWIN": "+", "ON_Y": "+", "NO_COUNTS": "+"}
SITES = {"upstream": 500_000, "shared": 520_000, "open": 540_000}


def site_rows():
    """chrom, site, site, transcript, gene, strand."""
    for k, site in enumerate(CALLED):
        yield f"chr{1 + k % 2}", site, f"G{k}", "+"
    yield "chr1", SITES["upstream"], "SEVERAL", "+"
    yield from [("chr1", SITES["shared"], "SEVERAL", "+")] * 2
    yield "chr1", SITES["open"], "SEVERAL", "+"
    yield "chr2", 600_000, "MINUS", "-"
    yield "chr2", 610_000, "SILENT", "+"
    yield "chr2", 620_000, "TWIN", "+"
    yield "chrY", 10_000, "ON_Y", "+"
    yield "chr2", 630_000, "NO_COUNTS", "+"


def peak_places():
    """chrom and middle of the peaks: at each site, but for chrY and two sites of the gene with several."""
    places = [(chrom, site) for chrom, site, _, _ in site_rows() if chrom != "chrY"]
    return [place for place in dict.fromkeys(places) if place[1] not in (SITES["upstream"], SITES["shared"])]


def made_up_signal(name, seed):
    """Signal of each peak in a population; the site that is most open has 50."""
    rng = np.random.default_rng([seed, *name.encode()])
    signal = rng.uniform(1, 9, len(peak_places())).round(3)
    signal[[site == SITES["open"] for _, site in peak_places()]] = 50
    return signal


def narrowpeak(name, seed):
    lines = [
        f"{chrom}\t{site - 100}\t{site + 100}\tpeak{k}\t0\t.\t{signal}\t{10 * signal}\t{9 * signal}\t100\n"
        for k, ((chrom, site), signal) in enumerate(zip(peak_places(), made_up_signal(name, seed), strict=True))
    ]
    return gzip.compress("".join(lines).encode(), mtime=0)


def made_up_counts(seed):
    names = [f"G{k}" for k in range(30)] + ["SEVERAL", "MINUS", "SILENT", "ON_Y", "NO_SITE"]
    rng = np.random.default_rng(seed)
    columns = [*PAIRED[:7], "CMP", "MEP", *PAIRED[7:]]
    counts = pd.DataFrame(rng.poisson(3000, (len(names), 16)), index=pd.Index(names, name="Genes"), columns=columns)
    counts.loc["SILENT"] = 0
    return counts


def count_file(seed):
    counts = made_up_counts(seed)
    twice = pd.DataFrame(7, index=["TWIN", "TWIN"], columns=counts.columns)
    return pd.concat([counts, twice]).rename_axis("Genes").to_csv(sep="\t").encode()


class MadeUp:
    """A mirror of small files, and the module's tables that name them."""

    def __init__(self, folder, seed=0):
        self.folder, self.seed = folder, seed
        tss = "".join(f"{c}\t{s}\t{s}\tNM_{k}\t{gene}\t{st}\n" for k, (c, s, gene, st) in enumerate(site_rows()))
        self.tables = {
            "_COUNTS": self.put(_hematopoiesis._COUNTS.path, count_file(seed)),
            "_TSS": self.put(_hematopoiesis._TSS.path, tss.encode()),
            "_POPULATIONS": [self.population(name, lineage) for name, lineage, _, _ in _hematopoiesis._POPULATIONS],
        }

    def put(self, path, body):
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        return [path, hashlib.sha256(body).hexdigest(), len(body)]

    def population(self, name, lineage):
        path = f"{_hematopoiesis._ROOT}ATAC/narrowpeaks/{name}_peaks.narrowPeak.gz"
        return [name, lineage, *self.put(path, narrowpeak(name, self.seed))[1:]]

    def use(self, monkeypatch):
        monkeypatch.setenv("SKEPI_MIRROR", str(self.folder))
        for name in ("_COUNTS", "_TSS"):
            monkeypatch.setattr(_hematopoiesis, name, RemoteFile(*self.tables[name]))
        monkeypatch.setattr(_hematopoiesis, "_POPULATIONS", tuple(map(tuple, self.tables["_POPULATIONS"])))


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    small = MadeUp(tmp_path / "mirror")
    small.use(monkeypatch)
    return small


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A folder where the small files lie with the table of openness that is made from them, for copies."""
    folder = tmp_path_factory.mktemp("fetched")
    with pytest.MonkeyPatch.context() as patch:
        MadeUp(folder / "mirror").use(patch)
        fetch_hematopoiesis(data_home=folder / "home")
    return folder / "home"


@pytest.fixture
def blood(made_up, home, fetched):
    shutil.copytree(fetched, home)
    return fetch_hematopoiesis(data_home=home, delay=0)


def cache_of(home, n=1):
    found = sorted((home / "hematopoiesis").glob("openness-*.npz"))
    assert len(found) == n
    return found[0] if n == 1 else found


def no_consensus(monkeypatch):
    def called(*_, **__):
        raise AssertionError("the consensus is made again")

    monkeypatch.setattr(_hematopoiesis, "consensus_peaks", called)


# --- what comes


def test_fourteen_populations_have_both_and_two_openness_alone(blood):
    assert blood.dataset.cell_types["name"].tolist() == PAIRED
    assert blood.atac_only.cell_types["name"].tolist() == OPEN_ONLY
    assert blood.atac_only.cell_types["lineage"].tolist() == ["megakaryocytic", "dendritic"]
    lineages = blood.dataset.cell_types.groupby("lineage", sort=False)["name"].apply(list).to_dict()
    assert lineages == {
        "stem/progenitor": ["HSC", "MPP", "LMPP"],
        "lymphoid progenitor": ["CLP"],
        "myeloid progenitor": ["GMP-A", "GMP-B", "GMP-C"],
        "lymphoid": ["NK", "CD4", "CD8", "B"],
        "dendritic": ["pDC"],
        "myeloid": ["Mono"],
        "erythroid": ["Ery"],
    }
    assert blood.atac_only.expression is None


def test_every_documented_part_is_there_and_no_other(blood):
    assert isinstance(blood, Bunch)
    returns = re.search(r"data : Bunch\n(.*?)\n    \(data, target\)", inspect.getdoc(fetch_hematopoiesis), re.S)
    text = returns[1] if returns else inspect.getdoc(fetch_hematopoiesis).split("data : Bunch")[1].split("(data,")[0]
    documented = re.findall(r"``(\w+)``", text)
    assert set(documented) - {"peaks", "genes"} == set(blood)
    assert len(blood) == 9


def test_the_parts_fit_together(blood):
    assert blood.frame is None
    assert blood.target_names == ["expression"]
    assert len(blood.data) == len(blood.target) == len(blood.dataset.genes) * 14
    X, y = blood.dataset.pairs(return_X_y=True)
    assert_exact(blood.data.to_frame(), X.to_frame())
    np.testing.assert_array_equal(blood.target, y)
    assert "10.1038/s41588-019-0362-6" in blood.DESCR
    assert "states no licence" in blood.DESCR
    assert len(blood.filenames) == 18
    assert all(Path(name).is_file() for name in blood.filenames)
    assert_exact(blood.dataset.peaks, blood.atac_only.peaks)


def test_openness_is_the_signal_over_the_window(blood, made_up):
    """A peak of 200 bp in the middle of a window of 500: 0.4 of the signal."""
    peaks = blood.dataset.peaks
    middle = peaks["start"] + 250
    assert sorted(zip(peaks["chrom"], middle, strict=True)) == sorted(peak_places())
    assert (peaks["end"] - peaks["start"] == 500).all()
    assert (peaks["n_samples"] == 16).all()
    order = [peak_places().index(place) for place in zip(peaks["chrom"], middle, strict=True)]
    for data in (blood.dataset, blood.atac_only):
        for column, name in enumerate(data.cell_types["name"]):
            wanted = 0.4 * made_up_signal(name, 0)[order]
            assert_float32_sums(data.openness[:, column], wanted, summed=wanted)


def test_genes_are_those_of_both_tables_that_are_one_place_with_peaks(blood):
    assert blood.counts.genes["name"].tolist() == [f"G{k}" for k in range(30)] + ["SEVERAL", "MINUS", "SILENT"]
    assert blood.dataset.genes["name"].tolist() == [f"G{k}" for k in range(30)] + ["SEVERAL", "MINUS"]
    at = blood.counts.genes.set_index("name")
    assert at.loc["G0", ["chrom", "tss", "strand"]].tolist() == ["chr1", 10_000, "+"]
    assert at.loc["MINUS", ["chrom", "tss", "strand"]].tolist() == ["chr2", 599_999, "-"]


def test_counts_are_those_of_the_file(blood):
    wanted = made_up_counts(0).loc[blood.counts.genes["name"], PAIRED]
    np.testing.assert_array_equal(blood.counts.expression, wanted)


def test_expression_is_quantile_normalised_over_the_fourteen(blood):
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    counts = made_up_counts(0).loc[blood.counts.genes["name"], PAIRED].T
    wanted = normalizer.fit_transform(counts).T
    assert_float64_sums(blood.dataset.expression, wanted)


def test_another_normalizer_is_used_and_not_touched(made_up, home):
    normalizer = ExpressionNormalizer("log_cpm", min_mean_cpm=0)
    blood = fetch_hematopoiesis(data_home=home, normalizer=normalizer)
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(normalizer)
    counts = made_up_counts(0).loc[blood.counts.genes["name"], PAIRED].T
    wanted = clone(normalizer).fit_transform(counts).T
    assert_float64_sums(blood.dataset.expression, wanted)
    assert "SILENT" not in set(blood.dataset.genes["name"])


def test_data_and_target_alone(blood, home):
    X, y = fetch_hematopoiesis(data_home=home, return_X_y=True)
    assert_exact(X.to_frame(), blood.data.to_frame())
    np.testing.assert_array_equal(y, blood.target)


def test_as_frame_names_each_number(blood, home):
    framed = fetch_hematopoiesis(data_home=home, as_frame=True)
    assert framed.frame.shape == (32, 14)
    assert framed.frame.columns.tolist() == PAIRED
    assert framed.target.name == "expression"
    np.testing.assert_array_equal(framed.target.to_numpy(), blood.target)
    for gene, cell_type in (("G0", "HSC"), ("MINUS", "Ery"), ("G17", "GMP-B")):
        row = blood.dataset.genes["name"].tolist().index(gene)
        wanted = blood.dataset.expression[row, PAIRED.index(cell_type)]
        assert framed.frame.loc[gene, cell_type] == wanted
        assert framed.target.loc[(gene, cell_type)] == wanted
    X, target = fetch_hematopoiesis(data_home=home, as_frame=True, return_X_y=True)
    assert_exact(target, framed.target)
    assert len(X) == len(target)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "site"), [("most_transcripts", "shared"), ("most_upstream", "upstream"), ("most_open", "open")]
)
def test_policies_choose_the_site(made_up, home, policy, site):
    genes = fetch_hematopoiesis(data_home=home, tss=policy).dataset.genes
    assert genes.set_index("name").loc["SEVERAL", "tss"] == SITES[site]
    assert len(genes) == 32


def test_settings_that_are_no_mapping_are_refused(made_up, home):
    with pytest.raises(TypeError, match="peaks must be a mapping of settings of consensus_peaks, got 'merged'"):
        fetch_hematopoiesis(data_home=home, peaks="merged")


@pytest.mark.parametrize("tss", ["nearest", "all"])  # with all, a gene of three sites would count thrice in a library
def test_another_policy_is_refused_before_anything_is_fetched(tss, made_up, home):
    with pytest.raises(ValueError, match=f"tss must be one of .*'most_open'.*got '{tss}'"):
        fetch_hematopoiesis(data_home=home, tss=tss)
    assert not home.exists()


def test_a_model_of_the_fourteen_predicts_the_other_two(blood):
    model = Pipeline(
        [
            ("bins", TSSBinner(edges=symmetric_edges([0, 500, 20_000]))),
            ("scale", LogZScaler()),
            ("model", GeneZTarget(Ridge(1.0))),
        ]
    )
    model.fit(*blood.dataset.pairs(return_X_y=True))
    predicted = model.predict(blood.atac_only.pairs())  # no warning of unseen genes
    assert predicted.shape == (32 * 2,)
    assert np.isfinite(predicted).all()


# --- the cache


def test_a_second_call_reads_the_cache_and_gives_the_same_to_the_bit(blood, made_up, home, monkeypatch):
    assert names_in(home / "hematopoiesis") == sorted([*map(name_of, blood.filenames), cache_of(home).name])
    no_consensus(monkeypatch)
    shutil.rmtree(made_up.folder)
    assert_same_data(fetch_hematopoiesis(data_home=home, download_if_missing=False), blood)


def name_of(path):
    return Path(path).name


def test_the_cache_lies_where_the_environment_says(made_up, home, monkeypatch):
    monkeypatch.setenv("SKEPI_DATA", str(home))
    blood = fetch_hematopoiesis()
    assert {Path(name).parent for name in blood.filenames} == {home / "hematopoiesis"}
    cache_of(home)


@pytest.mark.slow
def test_other_settings_have_another_cache(blood, home):
    merged = fetch_hematopoiesis(data_home=home, peaks={"method": "merged"})
    assert (merged.dataset.peaks["end"] - merged.dataset.peaks["start"] == 200).all()
    wanted = blood.dataset.openness / 0.4
    assert_float32_sums(merged.dataset.openness, wanted, summed=wanted)
    cache_of(home, 2)
    wide = fetch_hematopoiesis(data_home=home, peaks={"width": 1000})
    assert (wide.dataset.peaks["end"] - wide.dataset.peaks["start"] == 1000).all()
    cache_of(home, 3)
    assert_same_data(fetch_hematopoiesis(data_home=home), blood)
    assert_same_data(fetch_hematopoiesis(data_home=home, peaks={}), blood)
    cache_of(home, 3)


@pytest.mark.slow
def test_regions_left_out_are_part_of_the_settings(blood, home, monkeypatch):
    exclude = pd.DataFrame({"chrom": ["chr1"], "start": [9_000], "end": [11_000]})
    options = {"data_home": home, "peaks": {"exclude": exclude}}
    without = fetch_hematopoiesis(**options)
    assert len(without.dataset.peaks) == len(blood.dataset.peaks) - 1
    other = fetch_hematopoiesis(data_home=home, peaks={"exclude": exclude.assign(chrom="chr2", end=21_000)})
    assert other.dataset.peaks["chrom"].eq("chr1").sum() == blood.dataset.peaks["chrom"].eq("chr1").sum()
    cache_of(home, 3)
    no_consensus(monkeypatch)
    assert_same_data(fetch_hematopoiesis(**options), without)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["category", "object"])
def test_regions_left_out_may_come_in_any_dtype(made_up, home, dtype):
    exclude = pd.DataFrame({"chrom": ["chr1"], "start": [9_000], "end": [11_000]}).astype({"chrom": dtype})
    peaks = fetch_hematopoiesis(data_home=home, peaks={"exclude": exclude}).dataset.peaks
    assert 9_750 not in peaks["start"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("width", [np.int64(400), np.int32(400)], ids=["int64", "int32"])
def test_numbers_of_numpy_are_settings_like_others(made_up, home, width):
    peaks = fetch_hematopoiesis(data_home=home, peaks={"width": width}).dataset.peaks
    assert (peaks["end"] - peaks["start"] == 400).all()
    fetch_hematopoiesis(data_home=home, peaks={"width": 400})
    cache_of(home, 1)


def test_unknown_settings_are_refused_and_leave_no_cache(made_up, home):
    with pytest.raises(TypeError, match="wide"):
        fetch_hematopoiesis(data_home=home, peaks={"wide": 3})
    with pytest.raises(ValueError, match="method must be one of"):
        fetch_hematopoiesis(data_home=home, peaks={"method": "nearest"})
    assert list((home / "hematopoiesis").glob("openness*")) == []


def test_the_settings_are_not_changed(made_up, home):
    peaks = {"width": 400}
    fetch_hematopoiesis(data_home=home, peaks=peaks)
    assert peaks == {"width": 400}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(body)


def other_kind(path):
    arrays, about = read_arrays(path, _hematopoiesis._CACHE_KIND)
    write_arrays(path, arrays, {**about, "kind": "another"})


def lacks_an_array(path):
    arrays, about = read_arrays(path, _hematopoiesis._CACHE_KIND)
    write_arrays(path, {name: array for name, array in arrays.items() if name != "openness"}, about)


@pytest.mark.parametrize(
    "damage", [flip, lacks_an_array, *(pytest.param(how, marks=slow) for how in (truncate, empty, other_kind))]
)
def test_a_damaged_cache_is_warned_of_and_made_anew(blood, home, damage, monkeypatch):
    damage(cache_of(home))
    with pytest.warns(UserWarning, match=rf"{cache_of(home).name} is damaged.*made anew") as caught:
        again = fetch_hematopoiesis(data_home=home)
    assert caught[0].filename == __file__
    assert_same_data(again, blood)
    no_consensus(monkeypatch)
    assert_same_data(fetch_hematopoiesis(data_home=home), blood)


@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_a_damaged_cache_that_another_process_removes_meanwhile_is_made_anew(blood, home, monkeypatch):
    """Both saw it; the other one was first to read it, warn and remove it."""
    cache = cache_of(home)
    empty(cache)

    def read_when_gone(path, *args):
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        return read_arrays(path, *args)

    monkeypatch.setattr(_hematopoiesis, "read_arrays", read_when_gone)
    assert_same_data(fetch_hematopoiesis(data_home=home), blood)


@pytest.mark.slow
def test_other_source_files_have_another_cache(blood, home, tmp_path, monkeypatch):
    """As when a later version of skepi names other files: the old table must not be mixed with new counts."""
    MadeUp(tmp_path / "other", seed=1).use(monkeypatch)
    other = fetch_hematopoiesis(data_home=home)
    assert not np.array_equal(other.dataset.openness, blood.dataset.openness)


@slow
def test_readers_at_once_give_the_same(made_up, home):
    one = fetch_hematopoiesis(data_home=home, n_jobs=1)
    two = fetch_hematopoiesis(data_home=home.with_name("second"), n_jobs=2)
    assert_same_data(one, two)


# --- what goes wrong


def test_missing_files_are_an_error_where_nothing_may_be_downloaded(made_up, home):
    with pytest.raises(OSError, match=r"RNAcounts\.txt is missing or damaged, and download_if_missing is False"):
        fetch_hematopoiesis(data_home=home, download_if_missing=False)


def test_an_address_that_cannot_be_reached_is_an_error(made_up, home, monkeypatch):
    monkeypatch.setenv("SKEPI_MIRROR", "http://127.0.0.1:9/")
    with pytest.raises(DownloadError, match=r"http://127.0.0.1:9/caleblareau.*RNAcounts.txt: .*SKEPI_MIRROR"):
        fetch_hematopoiesis(data_home=home, n_retries=0)
    waited = []
    monkeypatch.setattr("skepi.datasets._download.time.sleep", waited.append)
    with pytest.raises(DownloadError, match="SKEPI_MIRROR"):
        fetch_hematopoiesis(data_home=home, n_retries=2, delay=5.0)
    assert waited == [5.0, 5.0]


def test_a_mirror_with_another_file_is_an_error_and_the_rest_is_kept(made_up, home):
    path = made_up.folder / _hematopoiesis._ROOT / "ATAC" / "narrowpeaks" / "Ery_peaks.narrowPeak.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    with pytest.raises(ChecksumError, match=r"Ery_peaks.narrowPeak.gz: wrong checksum: wanted sha256 \w{64}, got"):
        fetch_hematopoiesis(data_home=home)
    assert "Mono_peaks.narrowPeak.gz" in names_in(home / "hematopoiesis")
    assert not [name for name in names_in(home / "hematopoiesis") if name.startswith(("Ery", "openness"))]
    path.write_bytes(whole)
    assert len(fetch_hematopoiesis(data_home=home).dataset.genes) == 32


def test_a_damaged_download_is_mended(blood, home):
    Path(blood.filenames[5]).write_bytes(b"damaged")
    assert_same_data(fetch_hematopoiesis(data_home=home), blood)


@pytest.mark.slow
def test_progress_is_shown_if_asked_for(made_up, home, capsys):
    fetch_hematopoiesis(data_home=home, progress=False)
    fetch_hematopoiesis(data_home=home.with_name("second"))
    assert capsys.readouterr() == ("", "")
    fetch_hematopoiesis(data_home=home.with_name("third"), progress=True)
    assert "100%" in capsys.readouterr().err


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_cache(blood, made_up, home, helper):
    """Room for the files, but not for the table of openness."""
    size = cache_of(home).stat().st_size
    biggest = max(Path(name).stat().st_size for name in blood.filenames)
    assert biggest < size
    other = home.with_name("full")
    job = {"work": "blood", "module": made_up.tables, "folder": str(other), "n_bytes": size - 1}
    error, end = helper("little_space", **job)
    assert end == {"status": 1}
    assert error["error"] == "OSError"
    assert names_in(other / "hematopoiesis") == sorted(map(name_of, blood.filenames))
    assert_same_data(fetch_hematopoiesis(data_home=other), blood)


# --- killed, and several at once


def without_table(home, other):
    """A copy of the folder where all is downloaded and the table of openness is still to be made."""
    shutil.copytree(home, other)
    cache_of(other).unlink()
    return other


@slow
@pytest.mark.parametrize("n_kills", [50])
def test_kills_at_random_lines_leave_nothing_broken(blood, made_up, home, helper, n_kills):
    other = without_table(home, home.with_name("killed"))
    job = {"work": "blood", "module": made_up.tables, "folder": str(other), "watched": WATCHED}
    attempts = helper("lines", lines=random.Random(2).choices(range(190), k=n_kills), **job)
    assert {attempt["status"] for attempt in attempts} <= {0, -signal.SIGKILL}
    assert sum(attempt["status"] == -signal.SIGKILL for attempt in attempts) >= 0.4 * n_kills
    assert_same_data(fetch_hematopoiesis(data_home=other), blood)


@slow
@pytest.mark.parametrize("step", [1])
def test_a_kill_at_any_line_of_the_writing_leaves_nothing_behind(blood, made_up, home, helper, step):
    other = without_table(home, home.with_name("killed"))
    job = {"work": "blood", "module": made_up.tables, "folder": str(other), "watched": ["skepi/_files.py"]}
    attempts = helper("lines", lines=[*range(0, 45, step), 1_000], in_writing=True, **job)
    assert {attempt["status"] for attempt in attempts} == {0, -signal.SIGKILL}
    assert_same_data(fetch_hematopoiesis(data_home=other), blood)
    assert names_in(other / "hematopoiesis") == names_in(home / "hematopoiesis")


@pytest.mark.slow
def test_two_processes_at_once_are_both_right(blood, made_up, home, helper):
    other = home.with_name("shared")
    job = {"work": "blood", "module": made_up.tables, "folder": str(other)}
    assert helper("at_once", n=2, **job) == [{"status": 0}] * 2
    assert names_in(other / "hematopoiesis") == names_in(home / "hematopoiesis")
    assert_same_data(fetch_hematopoiesis(data_home=other, download_if_missing=False), blood)


# --- the public files


@pytest.fixture(scope="session")
def mirror():
    if not (MIRROR / _hematopoiesis._ROOT).is_dir():
        pytest.skip(f"the public files are not at {MIRROR}; SKEPI_MIRROR names another folder")
    return str(MIRROR)


@pytest.fixture
def real_mirror(mirror, monkeypatch):
    monkeypatch.setenv("SKEPI_MIRROR", mirror)


@pytest.fixture(scope="session")
def real_home(mirror, tmp_path_factory):
    home = tmp_path_factory.mktemp("blood")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKEPI_MIRROR", mirror)
        began = time.perf_counter()
        fetch_hematopoiesis(data_home=home)
        print(f"the first call took {time.perf_counter() - began:.1f} s")
    return home


@pytest.fixture(scope="session")
def real(real_home):
    return fetch_hematopoiesis(data_home=real_home, download_if_missing=False)


@pytest.fixture(scope="session")
def heme14(blood_path):
    """Another derivation from the same files: peaks, openness, genes, counts, samples."""
    pytest.importorskip("pyarrow")
    tables = {name: pd.read_parquet(blood_path / f"{name}.parquet") for name in ("peaks", "openness", "genes")}
    tables["counts"] = pd.read_parquet(blood_path / "expression.parquet").set_index("gene")
    tables["samples"] = pd.read_csv(blood_path / "samples.tsv", sep="\t")
    return Bunch(**tables)


@slow
def test_the_public_files_are_those_named(mirror):
    sums = dict(line.split()[::-1] for line in (MIRROR / "SHA256SUMS").read_text().splitlines())
    assert {file.path: file.sha256 for file in _hematopoiesis._files()} == sums
    assert all((MIRROR / file.path).stat().st_size == file.n_bytes for file in _hematopoiesis._files())


@slow
@pytest.mark.long
def test_the_real_populations_are_those_of_the_other_derivation(real, heme14):
    lineages = heme14.samples.set_index("cell_type")["lineage"]
    assert real.dataset.cell_types["name"].tolist() == PAIRED == lineages.index.tolist()
    assert real.dataset.cell_types["lineage"].tolist() == lineages.tolist()
    assert real.atac_only.cell_types["name"].tolist() == OPEN_ONLY


@slow
@pytest.mark.long
def test_the_real_genes_and_counts_are_those_of_the_other_derivation(real, heme14):
    genes, wanted = real.counts.genes.set_index("name"), heme14.genes.set_index("gene")
    assert set(genes.index) == set(wanted.index[wanted["chrom"] != "chrY"])
    wanted = wanted.loc[genes.index]
    for column in ("chrom", "strand"):
        assert genes[column].tolist() == wanted[column].tolist()
    assert (genes["n_transcripts"] <= wanted["n_transcripts"]).all()  # of the site, and of the gene
    minus = (genes["strand"] == "-").to_numpy()
    np.testing.assert_array_equal(genes["tss"] + minus, wanted["tss"])
    assert 0.4 < minus.mean() < 0.6
    np.testing.assert_array_equal(real.counts.expression, heme14.counts.loc[genes.index, PAIRED])


@slow
@pytest.mark.long
def test_the_real_promoters_are_as_open_as_in_the_other_derivation(real, heme14):
    genes = real.dataset.genes
    other = PairedDataset(heme14.openness[PAIRED], heme14.peaks, genes, cell_types=real.dataset.cell_types)
    ours, theirs = (promoters(data, genes) for data in (real.dataset, other))
    r = {name: np.corrcoef(ours[name], theirs[name])[0, 1] for name in PAIRED}
    print({name: round(float(value), 3) for name, value in r.items()})
    assert min(r.values()) >= 0.95


def promoters(data, genes):
    X = data.pairs()
    bins = TSSBinner(edges=[-1000, 1000]).fit_transform(X).dense()
    return X.unstack(np.log1p(bins.sum(axis=1))).loc[genes["name"]]


@slow
@pytest.mark.long
def test_the_real_tables_are_bit_equal_from_the_cache(real_mirror, real, tmp_path):
    for path in real.filenames:  # the files are there, the table of openness is not
        (tmp_path / "hematopoiesis").mkdir(exist_ok=True)
        os.link(path, tmp_path / "hematopoiesis" / Path(path).name)
    fresh = fetch_hematopoiesis(data_home=tmp_path, download_if_missing=False)
    assert_same_data(fresh, real)
    assert 400_000 < len(fresh.dataset.peaks) < 500_000
    assert (np.vstack([fresh.dataset.openness.T, fresh.atac_only.openness.T]) > 0).any(axis=0).all()


@slow
def test_a_model_of_the_real_fourteen_predicts_the_other_two(real):
    names = real.dataset.genes["name"].sample(600, random_state=0).tolist()
    model = Pipeline(
        [
            ("bins", TSSBinner(edges=symmetric_edges([0, 500, 2_000, 10_000, 50_000, 200_000]))),
            ("scale", LogZScaler()),
            ("model", GeneZTarget(Ridge(1000.0))),
        ]
    )
    X, y = real.dataset.pairs(genes=names, return_X_y=True)
    model.fit(X, y)
    new = real.atac_only.pairs(genes=names)
    predicted = new.unstack(model.predict(new))
    assert np.isfinite(predicted.to_numpy()).all()
    known = X.unstack(y)
    mean = known.mean(axis=1)
    r = known.sub(mean, axis=0).corrwith(predicted["mDC"] - mean)
    print(r.round(2).to_dict())
    assert r.idxmax() == "Mono"  # of the fourteen the nearest to myeloid dendritic cells


@slow
@pytest.mark.long
def test_kills_at_random_moments_of_the_real_build_leave_nothing_broken(real_mirror, real_home, real, tmp_path, helper):
    began = time.perf_counter()
    assert helper("at_once", n=1, work="blood", folder=str(tmp_path / "undisturbed")) == [{"status": 0}]
    window_s = time.perf_counter() - began
    attempts = helper("moments", work="blood", folder=str(tmp_path / "killed"), n_kills=12, window_s=window_s, seed=4)
    print(f"{window_s:.0f} s undisturbed; {attempts}")
    assert {attempt["status"] for attempt in attempts} <= {0, -signal.SIGALRM}
    assert sum(attempt["status"] == -signal.SIGALRM for attempt in attempts) >= 6
    assert_same_data(fetch_hematopoiesis(data_home=tmp_path / "killed"), real)
    assert names_in(tmp_path / "killed" / "hematopoiesis") == names_in(real_home / "hematopoiesis")


@slow
@pytest.mark.long
def test_two_real_builds_at_once_are_both_right(real_mirror, real_home, real, tmp_path, helper):
    assert helper("at_once", n=2, work="blood", folder=str(tmp_path)) == [{"status": 0}] * 2
    assert_same_data(fetch_hematopoiesis(data_home=tmp_path, download_if_missing=False), real)
    assert names_in(tmp_path / "hematopoiesis") == names_in(real_home / "hematopoiesis")
