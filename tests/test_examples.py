"""The examples run as they are, and reach the figures that they are there to show."""

import re
import sys

import pytest
from promises import assert_within
from scripts import numbers_after, run


@pytest.mark.slow
def test_the_quick_start_ends_with_a_table_and_a_figure(tmp_path):
    output = run("examples/plot_quick_start.py", tmp_path)
    skill = {model: numbers_after(model, output) for model in ("training mean", "promoter sum", "Lasso", "network")}
    assert (tmp_path / "figures" / "quick_start.png").stat().st_size > 20_000
    assert skill["training mean"][::2] == [0, 0]
    assert re.search(r"training mean +0\.000 +\d\.\d+ +- ", output)  # a constant has no correlation
    for split in (0, 3):  # skill, rmse and r under random pairs, then under held-out cell types
        order = [skill["promoter sum"][split], skill["Lasso"][split], skill["network"][split]]
        assert 0 < order[0] < order[1] < order[2]


@pytest.mark.slow
@pytest.mark.long
def test_the_sweep_finds_a_model_better_than_the_gene_mean(tmp_path):
    output = run("examples/plot_sweep.py", tmp_path)
    assert (tmp_path / "figures" / "sweep.png").stat().st_size > 20_000
    assert len(re.findall(r"^ *(?:LassoBaseline|ExpressionMLP) ", output, flags=re.MULTILINE)) == 23


@pytest.mark.slow
@pytest.mark.long
def test_the_error_analysis_finds_the_corrupted_cell_type_on_three_roads(tmp_path):
    output = run("examples/plot_error_analysis.py", tmp_path)
    corrupted = re.search(r"corrupted: (\w+)", output).group(1)
    headers = ("openness_score", "error_ratio", "prediction_change")
    first = [re.search(rf"{header}.*\ncell_type.*\n(\w+)", output).group(1) for header in headers]
    assert first == [corrupted] * 3
    slopes = [float(value) for value in re.findall(r"^slope +(\d\.\d+)", output, flags=re.MULTILINE)]
    assert_within(slopes[-1], 1, 0.1, "a slope of a few thousand simulated pairs")
    assert len(list((tmp_path / "figures").glob("error_analysis_*.png"))) == 3


@pytest.mark.slow
@pytest.mark.long
def test_importance_follows_the_planted_decay_and_finds_nothing_in_noise(tmp_path):
    output = run("examples/plot_importance.py", tmp_path)
    found = [float(value) for value in re.findall(r"rank correlation with the law (-?\d\.\d+)", output)]
    assert len(found) == 3
    assert min(found) > 0.9
    assert "permuted targets: 0 of 20 bands beyond" in output
    assert (tmp_path / "figures" / "links.bedpe").read_text().count("\n") == 5 * 500
    assert (tmp_path / "figures" / "locus.png").stat().st_size > 20_000


@pytest.mark.slow
def test_networks_see_the_planted_product_and_attention_the_planted_bins(tmp_path):
    output = run("examples/plot_marks.py", tmp_path)
    lasso, cnn, attention = (numbers_after(name, output)[0] for name in ("best Lasso", "convolution", "attention (Bin"))
    assert min(cnn, attention) > lasso + 0.1
    assert re.search(r"^ *ATAC +-1000 +0 .* True$", output, flags=re.MULTILINE)
    assert re.search(r"^ *H3K27ac +0 +1000 .* True$", output, flags=re.MULTILINE)
    assert (tmp_path / "figures" / "marks.png").stat().st_size > 20_000


@pytest.mark.slow
def test_the_gene_alone_has_a_higher_auc_than_openness(tmp_path):
    output = run("examples/plot_high_or_low.py", tmp_path)
    (openness,), (gene_alone,) = (numbers_after(f"{name} ", output) for name in ("auc", "auc_mean"))
    assert 0.65 < openness < 0.8
    assert gene_alone > 0.9
    assert (tmp_path / "figures" / "high_or_low.png").stat().st_size > 20_000


@pytest.mark.slow
def test_the_nearest_samples_win_in_random_folds_and_lose_on_new_populations(tmp_path):
    rows = [line for line in run("examples/plot_landmarks.py", tmp_path).splitlines() if "other genes" in line]
    skill = [float(line.split()[-3]) for line in rows]  # linear, ridge and 3 nearest, twice
    assert max(skill[:3]) == skill[2]
    assert min(skill[3:]) == skill[5]
    assert (tmp_path / "figures" / "landmarks.png").stat().st_size > 20_000


@pytest.mark.slow
def test_planted_products_are_found_with_measured_expression_and_few_with_promoters(tmp_path):
    output = run("examples/plot_tf_products.py", tmp_path)
    names = "measured expression", "openness of promoters", "no TF"
    measured, promoters, without = (numbers_after(f"activity of TFs: {name}: skill", output)[0] for name in names)
    assert measured > promoters + 0.1 > without + 0.1
    pattern = r"^(?:measured|openness).*: (\d+) of (\d+) planted products found, (\d+)% with their sign; (\d+) others$"
    found = [[int(number) for number in line] for line in re.findall(pattern, output, flags=re.MULTILINE)]
    (right, n_planted, agree, wrong), of_promoters = found
    assert right > 0.6 * n_planted
    assert agree > 95
    assert wrong < right / 2
    assert of_promoters[0] < of_promoters[3]
    assert (tmp_path / "figures" / "tf_products.png").stat().st_size > 20_000


@pytest.mark.slow
@pytest.mark.long
def test_a_second_laboratory_helps_and_its_shift_is_found(tmp_path):
    output = run("examples/plot_pooling.py", tmp_path)
    alone, both, corrected = (numbers_after(label, output) for label in ("first alone", "both ", "both, corrected"))
    assert alone[0] < both[0] < corrected[0]  # the kernel model
    assert both[1] < alone[1] < corrected[1]  # ridge regression sees no cell state
    assert numbers_after("found shift on planted shift", output)[0] == 0.75  # three shared populations: 3 / (3 + 1)
    assert (tmp_path / "figures" / "pooling.png").stat().st_size > 20_000


@pytest.mark.slow
def test_evidence_finds_planted_links_and_only_correlation_finds_random_ones(tmp_path):
    output = run("examples/plot_links.py", tmp_path)
    planted, control = output.split("without preferences\n")
    found = [
        {name: numbers_after(f"{name}               all", part)[0] for name in ("score", "activity", "correlation")}
        for part in (planted, control)
    ]
    assert found[0]["score"] > 1.15 * found[0]["activity"] > 1.15
    assert found[0]["correlation"] > 1.3
    assert found[1]["correlation"] > 1.3
    assert_within([found[1][name] for name in ("score", "activity")], 1, 0.2, "chance, 4,000 links of one seed")
    of_all, of_best = numbers_after("planted links:", output)
    assert of_best > 3 * of_all
    assert (tmp_path / "figures" / "links.bedpe").read_text().count("\n") == 5 * 400
    for name in ("links", "links_locus"):
        assert (tmp_path / "figures" / f"{name}.png").stat().st_size > 20_000


@pytest.mark.slow
@pytest.mark.long
def test_blood_from_files_to_the_figures_of_the_contract(tmp_path, blood_files):
    output = run("examples/plot_blood.py", tmp_path, blood_files)
    assert (tmp_path / "figures" / "blood.png").stat().st_size > 20_000
    r2 = [float(value) for value in re.findall(r"^0\.\d+ +(-?0\.\d+)$", output, flags=re.MULTILINE)]
    assert len(r2) == 7
    assert_within(max(r2), 0.138, 0.02, "what another derivation of the same files gives")
    largest = re.search(r"the largest:\n.*\n +(-?\d\.\d) ", output)
    assert float(largest.group(1)) in (-1.0, 0.0)  # kb from the TSS
    assert numbers_after("28 bands, lambda by inner search", output)[0] >= 0.22
    assert numbers_after("2,000 bins, scale_floor=1", output)[0] >= 0.22
    assert numbers_after("2,000 bins, scale_floor=0", output)[0] < -0.05


@pytest.mark.slow
@pytest.mark.long
def test_on_blood_the_network_at_its_best_epoch_is_level_with_the_best_lasso(tmp_path, blood_files):
    output = run("examples/plot_blood_network.py", tmp_path, blood_files)
    lasso_dev, network_dev, lasso_test, network_test = numbers_after("mean", output)
    # Mean R2 of three splits of 1,500 pairs each; their noise is about 0.01.
    assert abs(network_dev - lasso_dev) < 0.01
    assert abs(network_test - lasso_test) < 0.01
    assert min(network_dev, network_test) > 0.12


@pytest.mark.slow
@pytest.mark.long
def test_on_blood_cis_and_cell_state_beat_every_simple_rule(tmp_path, blood_files):
    output = run("examples/plot_unseen_cell_types.py", tmp_path, blood_files)
    found = re.search(r"^cis and cell state +(\S+) +(\S+) +(\S+)$", output, flags=re.MULTILINE)
    pairs, cell_types, lineages = map(float, found.groups())
    assert min(pairs, cell_types) > lineages
    for rule in ("promoter sum", "distance decay", "nearest cell type", "3 nearest cell types"):
        skill = re.search(rf"^{rule} +(\S+) +(\S+) +(\S+)$", output, flags=re.MULTILINE)
        assert float(skill.group(2)) < cell_types - 0.1
        assert float(skill.group(3)) < lineages - 0.05
    pooled = {name: numbers_after(name, output)[0] for name in ("cis", "cell_state")}
    assert min(pooled.values()) > 0.1
    assert (tmp_path / "figures" / "unseen_cell_types.png").stat().st_size > 20_000
    assert "Mega" in output


@pytest.mark.slow
def test_all_genes_of_the_blood_data_bin_and_scale_within_the_stated_memory(tmp_path, blood_files):
    output = run("benchmarks/blood_memory.py", tmp_path, blood_files)
    assert numbers_after("peak memory", output)[0] < 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")
@pytest.mark.slow
@pytest.mark.long
def test_a_small_size_of_the_lasso_benchmark_runs(tmp_path):
    output = run("benchmarks/lasso.py", tmp_path, arguments=["small"])
    assert "path of 9 penalties from tables" in output
    assert "5 folds of cell types and the final fit" in output
    gaps = [float(gap) for gap in re.findall(r"largest (?:relative )?gap ([-\de.]+)", output)]
    assert len(gaps) >= 4
    assert max(gaps) <= 1e-4


@pytest.mark.slow
def test_the_benchmark_of_links_finds_what_is_planted_and_nothing_else(tmp_path):
    output = run("benchmarks/links.py", tmp_path, arguments=["2"])
    nothing, planted, strong = (numbers_after("score ", part) for part in output.split("over that of openness\n")[1:])
    assert_within(nothing[::4], 1, 0.2, "chance, 4,000 links of two seeds")
    assert min(planted[2], planted[6]) > 1.15
    assert strong[0] > planted[0] > 1.5


@pytest.mark.slow
def test_a_small_size_of_the_training_benchmark_runs(tmp_path):
    output = run("benchmarks/training_step.py", tmp_path, arguments=["small"])
    assert "bare" in output


@pytest.mark.slow
def test_a_small_size_of_the_prompt_benchmark_runs(tmp_path):
    output = run("benchmarks/prompt.py", tmp_path, arguments=["small"])
    assert numbers_after("import skepi", output)[0] < 0.3
    assert output.count("card of") == 4


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")
@pytest.mark.slow
def test_a_small_size_of_the_full_benchmark_runs(tmp_path):
    output = run("benchmarks/full_size.py", tmp_path, arguments=["small"])
    assert "6,000 pairs x 2,000 bins" in output
    assert 0 < numbers_after("peak anonymous memory", output)[0] < 1


@pytest.mark.skipif(sys.platform != "linux", reason="anonymous memory is read from /proc")
@pytest.mark.slow
def test_a_small_size_of_the_kernel_benchmark_runs(tmp_path):
    output = run("benchmarks/cis_trans.py", tmp_path, arguments=["small"])
    assert "300 genes, 20 cell types" in output
    assert re.search(r"prediction of 6,000 pairs with SDs \d+\.\d s", output)


@pytest.mark.slow
def test_the_report_warns_of_the_corrupted_cell_type(tmp_path):
    output = run("examples/plot_report.py", tmp_path)
    corrupted = re.search(r"corrupted: (\w+)", output).group(1)
    assert f"Unlike all others by their data: {corrupted}" in output
    page = (tmp_path / "figures" / "report.html").read_text(encoding="utf-8")
    assert "explains" in page
    assert len(page) < 2e6


@pytest.mark.slow
def test_motifs_are_found_by_their_deviations_and_help_to_predict(tmp_path):
    absent = dict.fromkeys(("SKEPI_HEME_DNA", "SKEPI_HEME14", "SKEPI_MOTIFS"), "")
    output = run("examples/plot_motifs.py", tmp_path, absent)
    ranked = re.findall(r"^(\S+(?: \d)?) +(\d\.\d\d) ", output, flags=re.MULTILINE)
    assert {name for name, _ in ranked[:5]} == {"GATA1", "SPI1", "CEBPA", "RUNX1", "TBX21"}
    bands, motifs = (numbers_after(label, output)[0] for label in ("bands alone", "and motifs  "))
    assert motifs > bands + 0.1
    assert_within(numbers_after("and motifs, shuffled DNA", output)[0], bands, 0.045, "chance of one seed")
    assert (tmp_path / "figures" / "motifs.png").stat().st_size > 20_000


@pytest.mark.slow
def test_letters_of_a_planted_site_matter_to_a_network(tmp_path):
    output = run("examples/plot_sequence.py", tmp_path)
    network, shuffled = (numbers[1] for numbers in re.findall(r"^mean +(-?\d\.\d+) +(-?\d\.\d+)", output, re.MULTILINE))
    assert float(network) > 0.2  # .39 here
    assert abs(float(shuffled)) < 0.1
    effects = re.search(r"mean absolute effect inside (\d\.\d+), elsewhere (\d\.\d+)", output).groups()
    inside, elsewhere = map(float, effects)
    assert inside > 3 * elsewhere
    assert (tmp_path / "figures" / "sequence.png").stat().st_size > 10_000
