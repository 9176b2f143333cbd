"""The report page: every section with and without its input, one file that needs nothing, escaped and well-formed."""

import base64
import builtins
import datetime
import os
import re
import subprocess
import sys
import types
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from report_inputs import compared, everything, named_data, parts_of, profile
from sklearn.pipeline import make_pipeline

from skepi import comparison, inspection
from skepi.baselines import TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cell_type_outliers, score_links
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.plotting import ImportanceDisplay
from skepi.report import caveats, write_report
from skepi.report._error_section import _limits, error_section
from skepi.report._findings import findings_of
from skepi.report._importance_section import importance_section
from skepi.report._links_section import best_links
from skepi.report._subject import choose_subject, kinds_of

SETTINGS = {"seed": 0, "model": {"a": 1}}
DAY = datetime.date(2026, 1, 2)
SECTIONS = {
    "data": "data",
    "comparison": "comparison",
    "controls": "comparison",
    "errors": "comparison",
    "outliers": "outliers",
    "importance": "importance",
    "parts": "parts",
    "links": "links",
}
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tags, texts and addresses of a page; refuses tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.images, self.links, self.sections = [], [], [], [], [], {}
        self.inside = None
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.images += [found] if tag == "img" else []
        self.links += [found["href"]] if "href" in found else []
        if tag == "section":
            self.inside = found["id"]
            self.sections[self.inside] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "section":
            self.inside = None

    def handle_data(self, text):
        if self.inside:
            self.sections[self.inside] += text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def text(folder):
    path = write_report(folder / "whole.html", **everything(), settings=SETTINGS, date=DAY)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


@pytest.fixture(scope="module")
def empty(folder):
    return Page(write_report(folder / "empty.html", date=DAY).read_text(encoding="utf-8"))


def test_a_whole_page_has_all_sections_in_order_and_none_is_missing(page, text):
    assert list(page.sections) == [*SECTIONS, "trust", "about"]
    assert "not run" not in text.lower()


@pytest.mark.parametrize("section", SECTIONS)
def test_an_absent_section_says_so_with_the_call_that_makes_it(empty, section):
    said = empty.sections[section]
    assert re.search(r"Not run\.|No data set was handed in\.", said)
    assert f"{SECTIONS[section]}=" in said or f"{SECTIONS[section]} = " in said


def test_the_calls_that_make_sections_are_those_of_the_package(empty):
    calls = re.findall(r"= (\w+)\(", " ".join(empty.sections.values()))
    assert len(set(calls)) == 5
    for name in calls:
        assert hasattr(inspection, name) or hasattr(comparison, name)


@pytest.mark.parametrize("name", ["data", "importance", "parts", "links", "outliers"])
def test_each_part_can_come_alone(folder, name):
    alone = Page(write_report(folder / "alone.html", **{name: everything()[name]}).read_text(encoding="utf-8"))
    for section, wanted in SECTIONS.items():
        missing = "This call makes it" in alone.sections[section]
        assert missing == (wanted != name)


def test_the_page_is_well_formed_and_needs_nothing_else(page, text):
    assert text.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert "://" not in text
    assert "url(" not in text
    assert "script" not in page.tags
    assert [tag for tag in page.tags if tag in ("h1", "h2", "h3")] == ["h1"] + ["h2"] * (len(page.sections) + 1)


def test_images_are_inside_the_page_and_described(page):
    assert len(page.images) >= 10
    kinds = set()
    for image in page.images:
        address, content = image["src"].split(",")
        kinds.add(address)
        head = base64.b64decode(content)[:8]
        assert b"mathdefault" not in base64.b64decode(content)  # dollars in names are no formulas, nor in our labels
        assert head.startswith(b"<?xml") if "svg" in address else head.startswith(b"\x89PNG")
        assert len(image["alt"]) > 20
    assert kinds == {"data:image/svg+xml;base64", "data:image/png;base64"}


def test_the_page_is_small(text):
    assert len(text.encode()) < 2e6


def test_the_headline_says_what_the_model_explains(text):
    comparison = everything()["comparison"]
    skill = comparison.scores.loc[("cell types", "knows"), "skill"]
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    headline = re.search(r'<p class="headline">(.*?)</p>', text).group(1)
    assert headline.startswith(f"On cell types never seen in training, “knows” explains {100 * skill:.0f} % of")
    farther = comparison.scores.loc[("lineages", "knows"), "skill"]
    assert f"With the whole lineage held out as well, “knows” explains {100 * farther:.0f} %." in text


def test_a_number_and_its_sign_stay_on_one_line(text):
    without_images = re.sub(r"data:image[^\"]*", "", text)
    assert "\N{NO-BREAK SPACE}%" in without_images
    assert not re.search(r"\d %", without_images)


def test_columns_and_scores_are_explained_where_they_are_shown(folder, page):
    for words in ("the median over genes is shown", "The slope is that of the truth", "Coverage is the share"):
        assert words in page.sections["comparison"]
    assert "The score is high for a peak that is open" in page.sections["links"]
    assert "what the model knows of the cell type" not in page.sections["controls"]  # no genes were permuted
    mean = compare_models({"training mean": TrainingMean()}, everything()["data"], ["cell types"], n_bootstrap=20)
    plain = Page(write_report(folder / "mean.html", comparison=mean).read_text("utf-8"))
    for words in ("median over genes", "slope", "Coverage"):
        assert words not in plain.sections["comparison"]


def test_genes_at_other_places_are_explained_where_they_were_permuted(folder):
    data = everything()["data"]
    both = compared(data, ["cell types"], controls=("cell types", "genes"))
    shown = Page(write_report(folder / "both.html", comparison=both).read_text("utf-8")).sections["controls"]
    assert "skill should be about 0 or below" in shown
    assert "what the model knows of the cell type as a whole" in shown


def test_errors_of_new_genes_have_no_column_of_skill(page):
    whole = {"comparison": everything()["comparison"], "model": "knows", "split": "chromosomes"}
    nothing = dict.fromkeys(("data", "importance", "parts", "links", "outliers"))
    shown = error_section(findings_of(**whole, **nothing))
    tables = [block for block in shown.blocks if block.kind == "table"]
    assert [table.columns[-1] for table in tables] == ["error ratio"] * 3 + ["how to read it"]
    assert not any("skill" in table.columns for table in tables)
    assert page.sections["errors"].count("\nskill\n") == 3


def test_skill_and_within_gene_skill_are_never_in_one_table(text):
    tables = re.findall(r"<table.*?</table>", text, flags=re.DOTALL)
    headings = [re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table) for table in tables]
    assert sum("skill" in heading for heading in headings) >= 3
    assert sum("within-gene skill" in heading for heading in headings) == 1
    assert not any("skill" in heading and "within-gene skill" in heading for heading in headings)


def test_a_comparison_writes_the_same_file_whatever_the_style_of_the_user(folder, text):
    rest = {name: value for name, value in everything().items() if name != "comparison"}
    before = plt.get_fignums()
    with plt.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        path = everything()["comparison"].to_html(folder / "again.html", **rest, settings=SETTINGS, date=DAY)
    assert path.read_text(encoding="utf-8") == text
    assert plt.get_fignums() == before


def test_the_date_is_today_unless_it_is_given(text, folder):
    assert '<time datetime="2026-01-02">' in text
    today = write_report(folder / "today.html").read_text(encoding="utf-8")
    assert f'<time datetime="{datetime.date.today().isoformat()}">' in today


def test_settings_and_versions_are_listed(page):
    about = page.sections["about"].split()
    for words in (["seed", "0"], ["model.a", "1"], ["jinja2"], ["numpy", np.__version__]):
        assert " ".join(words) in " ".join(about)


def test_long_settings_are_cut(folder):
    path = write_report(folder / "settings.html", settings={"genes": "x" * 1_000})
    assert "x" * 400 + " ..." in path.read_text(encoding="utf-8")


def test_long_tables_are_cut_and_say_so(page):
    n_genes = everything()["links"]["gene"].nunique()
    assert f"{n_genes - 15} more rows" in page.sections["links"]


def test_what_was_left_out_is_said(folder):
    data = everything()["data"]
    said = write_report(folder / "left.html", data=data, left_out=["3 genes <without> a start site"]).read_text("utf-8")
    assert "Left out: 3 genes &lt;without&gt; a start site" in said
    assert "Nothing was left out" in write_report(folder / "left.html", data=data, left_out=[]).read_text("utf-8")


def test_names_are_text_and_never_tags(folder):
    evil = "<script>alert({{ 1 }})</script>&\"'"
    data = named_data(evil.replace("{{ 1 }}", "{}"), "<b>{}</b>$^", n_genes=20, n_cell_types=8)
    comparison = compared(data, ["cell types"], name=evil, controls=())
    contents = {"data": data, "comparison": comparison, "parts": parts_of(comparison)}
    contents |= {"links": score_links(data), "outliers": cell_type_outliers(data), "settings": {evil: evil}}
    text = write_report(folder / "evil.html", **contents, title=evil, left_out=[evil]).read_text("utf-8")
    page = Page(text)
    assert not {"script", "b"} & set(page.tags)
    assert "<b>cell003</b>$^" in page.sections["outliers"]
    assert "{{ 1 }}" in page.sections["about"]
    assert text.count("<script") == 0


def test_model_and_split_can_be_chosen(folder):
    comparison = everything()["comparison"]
    path = comparison.to_html(folder / "chosen.html", model="promoter", split="chromosomes")
    text = path.read_text("utf-8")
    assert "On genes never seen in training, “promoter”" in text
    assert "around the mean of each gene" in text
    assert "Held-out pairs of “promoter”, split: chromosomes." in Page(text).sections["errors"]


def test_genes_crossed_with_cell_types_are_both_new_and_never_compared_with_skill():
    data = everything()["data"]
    models = {"training mean": TrainingMean()}
    comparison = compare_models(models, data, ["crossed", "lineages"], n_bootstrap=20)
    kinds = kinds_of(comparison, None)
    assert kinds["crossed"].words == "On genes and cell types never seen in training"
    assert choose_subject(comparison, kinds, None, None).split == "lineages"
    said = [caveat.rule for caveat in caveats(comparison=comparison, split="crossed")]
    assert "no_cell_type_was_held_out" not in said
    assert "lineages_lose_much" not in said


def test_random_pairs_and_a_poor_model_are_called_what_they_are(folder):
    data = everything()["data"]
    models = {"training mean": TrainingMean()}
    comparison = compare_models(models, data, ["random pairs"], n_bootstrap=20)
    text = comparison.to_html(folder / "pairs.html").read_text("utf-8")
    assert (
        "On held-out pairs of genes and cell types, “training mean” predicts no better than the training mean" in text
    )
    assert "The model predicts the mean of each gene: no slope." in text


def test_lineages_are_told_by_their_table_not_by_the_name_of_the_split():
    data = everything()["data"]
    comparison = compare_models({"training mean": TrainingMean()}, data, ["cell types", "lineages"], n_bootstrap=20)
    alone = data.cell_types.assign(lineage=data.cell_types["name"])
    other = PairedDataset(data.openness, data.peaks, data.genes, data.expression, alone)
    rules = {
        name: {caveat.rule for caveat in caveats(comparison=comparison, data=of)}
        for name, of in {"without": None, "own": data, "all alone": other}.items()
    }
    assert "lineages_were_not_held_out" not in rules["without"] | rules["own"]
    assert "lineages_were_not_held_out" in rules["all alone"]


@pytest.mark.parametrize(("rows", "whole"), [(slice(None), True), (slice(3), False)])
def test_cell_types_are_new_where_all_their_pairs_are_tested_together(rows, whole):
    pairs = pd.DataFrame({"cell_type": list("AABB"), "gene": list("abab"), "fold": 0, "train_mean": 1.0})
    later = pd.DataFrame({"cell_type": list("CC"), "gene": list("ab"), "fold": 1, "train_mean": 1.0})
    table = pd.concat([pairs[rows], later])  # without its last pair, B may be in training
    stub = types.SimpleNamespace(models=["m"], splits=["s"], held_out=lambda split, model: table)
    assert kinds_of(stub, None)["s"].new_cell_types == whole


def test_bands_far_below_chance_come_before_those_a_little_above():
    made = profile()
    table = made.table.assign(importance=[0.1, -0.5, 0.0, 0.3])
    bands = importance_section(replace(made, table=table)).blocks[-1]
    assert [row[0] for row in bands.rows] == ["\u22121 to 0 kb", "1 to 10 kb", "\u221210 to \u22121 kb", "0 to 1 kb"]


def test_the_lowest_group_begins_at_0_where_it_was_widened_for_rounding():
    assert _limits(pd.Interval(-0.001, 1.0)) == "0.00 to 1.00"
    assert _limits(pd.Interval(-0.3, 1.0)) == "\u22120.30 to 1.00"


def test_raw_counts_draw_no_map_and_no_distribution_of_logarithms(folder):
    data = everything()["data"]
    counts = np.floor(np.expm1(data.expression) * 100)
    raw = PairedDataset(data.openness, data.peaks, data.genes, counts, data.cell_types)
    page = Page(write_report(folder / "raw.html", data=raw, outliers=everything()["outliers"]).read_text("utf-8"))
    assert "looks like read counts" in page.sections["data"]
    assert [image["alt"].split(",")[0] for image in page.images] == ["Histogram of openness"]


def test_several_signals_and_openness_alone(folder):
    data = everything()["data"]
    both = PairedDataset(
        {"ATAC": data.openness, "H3K27ac": data.openness[::50]},
        {"ATAC": data.peaks, "H3K27ac": data.peaks[::50]},
        data.genes,
        cell_types=data.cell_types.drop(columns="lineage"),
    )
    page = Page(write_report(folder / "signals.html", data=both).read_text("utf-8"))
    for words in ("depth of H3K27ac", f"H3K27ac {len(data.peaks[::50])}", "openness only", "not given"):
        assert words in page.sections["data"]


def test_lineages_without_cell_types_are_not_listed(folder):
    data = everything()["data"]
    kinds = pd.Categorical(["a", "b"] * 6, ["a", "b", "c"])
    kept = PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types.assign(lineage=kinds))
    page = Page(write_report(folder / "kinds.html", data=kept).read_text("utf-8"))
    assert "\n2: a (6), b (6)\n" in page.sections["data"]


def test_links_without_scores_or_strands_are_listed_and_not_drawn(folder):
    links = everything()["links"][["gene", "chrom", "start", "end", "distance_bp", "score"]].head(40)
    page = Page(write_report(folder / "links.html", links=links).read_text("utf-8"))
    assert page.images == []
    assert "Best link of each gene" in page.sections["links"]
    none = links.assign(score=np.nan)
    assert "0 more" not in Page(write_report(folder / "none.html", links=none).read_text("utf-8")).sections["links"]


OTHER = named_data("other{}", "other{}", n_genes=20, n_cell_types=8)
MISTAKES = {
    "no comparison": (
        {"comparison": {}},
        TypeError,
        "comparison: wanted the ModelComparison .*compare_models.*got dict",
    ),
    "no data set": ({"data": pd.DataFrame()}, TypeError, "data: wanted a PairedDataset, got DataFrame"),
    "no profile": ({"importance": 1}, TypeError, "importance: wanted the ImportanceProfile .*got int"),
    "no table": ({"parts": []}, TypeError, "parts: wanted the DataFrame that .*cross_val_parts returns, got list"),
    "other columns": (
        {"links": pd.DataFrame({"gene": []})},
        ValueError,
        "links: missing columns .*score_links",
    ),
    "no rows": (
        {"outliers": pd.DataFrame({"nearest": [], "score": [], "flagged": []})},
        ValueError,
        "outliers: the table has no rows; leave outliers= out",
    ),
    "parts of other data": (
        {"data": OTHER, "parts": "whole"},
        ValueError,
        "parts: data has no gene called 'gene00000', .*; wanted both from one data set",
    ),
    "a comparison of other data": ({"data": OTHER, "comparison": "whole"}, ValueError, "comparison: data has no cell"),
    "links of other data": ({"data": OTHER, "links": "whole"}, ValueError, "links: data has no gene called"),
    "outliers of other data": ({"data": OTHER, "outliers": "whole"}, ValueError, "outliers: data has no cell type"),
    "an unknown model": ({"comparison": "whole", "model": "x"}, ValueError, "model: nothing is called 'x'.*'knows'"),
    "an unknown split": ({"comparison": "whole", "split": "x"}, ValueError, "split: nothing is called 'x'.*'lineages'"),
    "a model of nothing": ({"model": "x"}, ValueError, "model= and split= choose from a comparison"),
    "no title": ({"title": " "}, ValueError, "title must be text, got ' '"),
    "left out, one text": ({"left_out": "genes"}, TypeError, "left_out: wanted a list of sentences, got 'genes'"),
    "settings without names": ({"settings": [1]}, TypeError, "settings: wanted a mapping of names to values, got list"),
    "a date in words": ({"date": "today"}, TypeError, "date: wanted a datetime.date, got str"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_and_nothing_is_written(tmp_path, mistake):
    contents, error, words = MISTAKES[mistake]
    contents = {
        name: everything()[name] if isinstance(value, str) and value == "whole" else value
        for name, value in contents.items()
    }
    with pytest.raises(error, match=words):
        write_report(tmp_path / "report.html", **contents)
    assert os.listdir(tmp_path) == []


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"absent is not a folder: make it first, or write report\.html elsewhere"
    ):
        write_report(tmp_path / "absent" / "report.html")
    with pytest.raises(IsADirectoryError, match=r"is a folder: name a file in it, such as .*report\.html"):
        write_report(tmp_path)
    with pytest.raises(TypeError, match=r"path: wanted the path of a file, such as 'report\.html', got int"):
        write_report(3)


def test_a_failed_report_leaves_the_earlier_one(tmp_path, monkeypatch):
    path = write_report(tmp_path / "report.html", title="first")
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_report(path, title="second")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize("style", ["dark_background", "ggplot"])
def test_styles_and_figures_of_the_user_stay_as_they_are(folder, style):
    with plt.style.context(style):
        own, before = plt.figure(), dict(plt.rcParams)
        write_report(folder / "style.html", importance=everything()["importance"])
        assert plt.gcf() is own
        assert plt.get_fignums() == [own.number]
        assert dict(plt.rcParams) == before
        plt.close(own)


def test_an_error_while_drawing_leaves_no_figure_open(folder, monkeypatch):
    drawn = ImportanceDisplay.from_profile

    def fails_late(profile):
        drawn(profile)
        raise ArithmeticError("drawn in part")

    monkeypatch.setattr(ImportanceDisplay, "from_profile", fails_late)
    with pytest.raises(ArithmeticError, match="drawn in part"):
        write_report(folder / "late.html", importance=everything()["importance"])
    assert plt.get_fignums() == []


def test_the_best_link_of_each_gene_by_a_loop():
    rng = np.random.RandomState(0)
    links = everything()["links"].head(200)
    links = links.assign(score=np.where(rng.rand(len(links)) < 0.1, np.nan, rng.randint(0, 9, len(links)) / 4))
    first = {}
    for row in links.itertuples():
        if row.score > first.get(row.gene, (None, -1))[1]:
            first[row.gene] = (row.Index, row.score)
    order = sorted(first.values(), key=lambda found: (-found[1], found[0]))
    assert best_links(links).index.tolist() == [row for row, _ in order]


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, package):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == package:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=rf'a report needs {package}, .*pip install "skepi\[report\]"'):
        write_report(tmp_path / "report.html")


@pytest.mark.slow
def test_jinja2_and_matplotlib_come_in_with_the_page_alone():
    code = (
        "import sys, skepi.report, skepi.comparison; print(sorted({'jinja2', 'matplotlib.pyplot'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_part_that_is_no_cell_state_has_bars_alone(folder):
    parts = parts_of(everything()["comparison"]).rename(columns={"cell_state": "rest"})
    page = Page(write_report(folder / "rest.html", parts=parts).read_text("utf-8"))
    assert [image["alt"].split(":")[0] for image in page.images] == ["Stacked bars"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skepi.exceptions.ChromosomeWarning")
@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
def test_a_page_of_blood_is_small_and_says_that_relatives_help(blood_path, folder):
    openness, peaks, genes, counts = (
        pd.read_parquet(blood_path / f"{name}.parquet") for name in ("openness", "peaks", "genes", "expression")
    )
    lineage = pd.read_csv(blood_path / "samples.tsv", sep="\t").set_index("cell_type")["lineage"]
    begun = lineage.replace({"lymphoid progenitor": "lymphoid", "myeloid progenitor": "myeloid"})
    names = list(counts.columns[1:])
    cell_types = pd.DataFrame({"name": names, "lineage": begun[names].to_numpy()})
    some = genes.rename(columns={"gene": "name"})[::8].reset_index(drop=True)
    data = PairedDataset(openness[names].to_numpy(np.float32), peaks, some, counts[names][::8].to_numpy(), cell_types)
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    models = {"training mean": TrainingMean(), "cis and cell state": model}
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    comparison = compare_models(models, data, ["cell types", "lineages"], normalizer=normalizer, n_bootstrap=100)
    path = comparison.to_html(
        folder / "blood.html", data=data, links=score_links(data, expressed=np.ones(len(some), bool))
    )
    assert path.stat().st_size < 2e6
    text = path.read_text(encoding="utf-8")
    assert re.search(r"“cis and cell state” explains [45]\d\s% of the variation around the training mean", text)
    for rule in ("lineages_lose_much", "control_was_not_run", "many_pairs_were_left_out"):
        assert f'class="remark careful" data-rule="{rule}"' in text
