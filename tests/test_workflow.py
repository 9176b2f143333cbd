"""The workflow among the examples names what the command line knows; Snakemake itself runs it in CI."""

import ast
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from joblib import Parallel, delayed
from user_files import make_files

from skepi.baselines import TrainingMean
from skepi.cli import main
from skepi.cli._config import take_settings
from skepi.cli._parser import make_parser
from skepi.comparison import compare_models
from skepi.peaks import openness_from_bigwigs, read_narrowpeaks

WORKFLOW = Path(__file__).parents[1] / "examples" / "workflow"
SNAKEFILE = (WORKFLOW / "Snakefile").read_text()
SETTINGS = "config/run.toml"
CONFIGS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(WORKFLOW.glob("config/*.yaml"))}
FAST = ["--models", "training-mean", "ridge", "--splits", "cell-types", "--n-bootstrap", "10", "--n-jobs", "1"]


def functions(config):
    """The functions of the Snakefile, which is plain Python between its configuration and its first rule."""
    names = {"config": config, "RUN": tomllib.loads((WORKFLOW / SETTINGS).read_text())}
    exec(SNAKEFILE[SNAKEFILE.index("\ndef settings(") : SNAKEFILE.index("\nrule all:")], names)
    return names


def shell_of_rules():
    """Shell command of each rule that has one, by the name of the rule."""
    found = {}
    for rule in re.split(r"^rule ", SNAKEFILE, flags=re.MULTILINE)[1:]:
        shell = re.search(r"^    shell:\n((?:^        \".*\"\n)+)", rule, flags=re.MULTILINE)
        if shell is not None:
            found[rule.split(":")[0]] = ast.literal_eval(f"({shell[1]})")
    return found


RULES = shell_of_rules()


def arguments(shell, files):
    """What skepi gets: names in braces filled in, up to where the shell sends what is printed."""
    filled = {"params.files:q": shlex.join(files), "threads": "2", "SETTINGS": SETTINGS}
    program, *words = shlex.split(re.sub(r"{(.+?)}", lambda match: filled.get(match[1], "a/file"), shell))
    assert program == "skepi"
    return words[: next(place for place, word in enumerate(words) if word in (">", "2>"))]


def parsed(argv):
    parser, commands = make_parser()
    take_settings(argv, commands)
    return parser.parse_args(argv)


def test_every_command_has_one_rule():
    assert set(RULES) == set(make_parser()[1])
    assert sorted(re.findall(r'"skepi (\w+)', SNAKEFILE)) == sorted(RULES)
    assert set(CONFIGS) == {"peak_calls", "single_cells", "h5ad"}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("rule", RULES)
def test_rules_and_settings_are_what_the_command_line_knows(monkeypatch, rule, config):
    monkeypatch.chdir(WORKFLOW)
    files = functions(CONFIGS[config])["options"]("predict" if rule == "predict" else "build")
    options = parsed(arguments(RULES[rule], files))
    assert options.command == rule
    assert options.config == SETTINGS
    assert options.output == "a/file"
    assert getattr(options, "n_jobs", 2) == 2
    assert "{params.files:q}" in RULES[rule] or rule not in ("check", "build", "predict")


def test_an_option_that_is_no_more_is_noticed(monkeypatch, capsys):
    monkeypatch.chdir(WORKFLOW)
    with pytest.raises(SystemExit):
        parsed(arguments(RULES["links"].replace("--output", "--table"), []))
    assert "--table" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parsed(arguments(RULES["build"], functions({"build": {"gtf": "genes.gtf"}})["options"]("build")))
    assert "--gtf" in capsys.readouterr().err


def test_settings_of_a_rule_are_those_that_its_command_takes(monkeypatch):
    """Where they change, Snakemake runs the rule again."""
    monkeypatch.chdir(WORKFLOW)
    named = functions(CONFIGS["peak_calls"])
    run = named["RUN"]
    for rule, shell in RULES.items():
        assert named["settings"](rule).items() >= run.get(rule, {}).items()
        assert f'settings=settings("{rule}")' in SNAKEFILE
        options = vars(parsed(arguments(shell, ["--genes", "a/file"] * (rule in ("check", "build")))))
        for key, value in named["settings"](rule).items():
            assert key not in options or str(options[key]).replace(" ", "-") == str(value).replace(" ", "-")
    named["RUN"] = {"model": "ridge", "links": {"model": "lasso"}}
    assert named["settings"]("fit") == {"model": "ridge"}
    assert named["settings"]("links") == {"model": "lasso"}


def test_files_become_options_with_the_names_of_their_cell_types():
    named = functions({"build": {"peak_calls": {"HSC": "a", "B": "b"}, "cell_types": "c"}})
    assert named["options"]("build") == ["--peak-calls", "HSC=a", "B=b", "--cell-types", "c"]
    assert named["files"]("build") == ["a", "b", "c"]


def test_the_page_tells_of_all_results_and_only_of_files_that_are_there():
    page = (WORKFLOW.parents[1] / "docs" / "guide" / "workflow.rst").read_text()
    outputs = set(re.findall(r'"(results/[\w./]+)"', SNAKEFILE)) - {"results/fits"}
    kept = {"results/fits", "results/logs", "results/logs/predict.log"}
    assert set(re.findall(r"results/[\w./]*\w", page)) - kept == {path for path in outputs if "/logs/" not in path}
    named = set(re.findall(r"config/[\w.]+", page))
    assert named == {path.relative_to(WORKFLOW).as_posix() for path in WORKFLOW.glob("config/*")}
    ci = (WORKFLOW.parents[1] / ".ci" / "run").read_text()
    for command in ("python make_files.py", "snakemake --cores 2"):
        assert f"\n   {command}\n" in page
        assert command in ci


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with all files that need no optional package."""
    folder = tmp_path_factory.mktemp("workflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["make_files.py", "--n-genes", "60", "--single-cells"])
        make_files.main()
    return folder


def files_of(config):
    named = functions(CONFIGS[config])
    return {command: named["files"](command) for command in ("build", "predict")}


@pytest.mark.parametrize("config", ["peak_calls", "single_cells"])
def test_files_are_there(made, config):
    for files in files_of(config).values():
        assert files
        assert all((made / file).exists() for file in files)


def test_anndata_files_are_there(tmp_path):
    pytest.importorskip("anndata", reason="anndata is not installed (extra `data`; it needs pandas < 3)")
    folder = tmp_path / "files"
    folder.mkdir()
    make_files.write_h5ad(make_files.simulate(20), folder)
    wanted = [file for files in files_of("h5ad").values() for file in files if file.endswith(".h5ad")]
    assert [(tmp_path / file).exists() for file in wanted] == [True] * 3


@pytest.mark.slow
@pytest.mark.parametrize("config", ["peak_calls", "single_cells"])
def test_files_go_all_the_way_to_a_new_cell_type(made, tmp_path, monkeypatch, capsys, config):
    monkeypatch.chdir(made)
    options = functions(CONFIGS[config])["options"]
    data, model, scores, table = (str(tmp_path / name) for name in ("data", "model", "scores.csv", "new.csv"))
    assert main(["build", *options("build"), "--n-jobs", "1", "--output", data]) == 0
    assert main(["compare", data, *FAST, "--output", scores]) == 0
    skill = pd.read_csv(scores).set_index("model")["skill"]
    assert skill["training mean"] == 0
    assert skill["ridge"] > 0.05
    assert main(["fit", data, "--output", model]) == 0
    known = ["--train", data, "--fitted", model, "--n-jobs", "1"]
    assert main(["predict", *options("predict"), *known, "--output", table]) == 0
    assert pd.read_csv(table, index_col=0).shape == (60, 1)
    assert pd.read_csv(table, index_col=0).columns.tolist() == ["NK"]
    assert "error" not in capsys.readouterr().err


def test_models_without_standard_deviations_are_refused_before_anything_is_computed(made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    asked = [
        "predict",
        "--train",
        "none",
        "--peak-calls",
        "files/NK_peaks.narrowPeak.gz",
        "--std",
        "std.csv",
        "--n-jobs",
        "1",
    ]
    assert main([*asked, "--model", "ridge"]) == 1
    error = "error: --std: ridge gives no standard deviations; leave --std out, or use --model cis-and-cell-state\n"
    assert capsys.readouterr().err.endswith(error)
    assert main([*asked, "--model", "cis-and-cell-state"]) == 1
    assert "--std" not in capsys.readouterr().err  # the data set is missing


def test_fitted_models_without_standard_deviations_are_refused(made, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(made)
    data, _ = make_files.make_paired_openness(20, 4, n_lineages=2, n_chromosomes=2)
    data.save(tmp_path / "data")
    model = str(tmp_path / "mean.skepi")
    assert main(["fit", str(tmp_path / "data"), "--model", "training-mean", "--output", model]) == 0
    asked = [
        "predict",
        "--train",
        str(tmp_path / "data"),
        "--peak-calls",
        "files/NK_peaks.narrowPeak.gz",
        "--n-jobs",
        "1",
    ]
    assert main([*asked, "--fitted", model, "--std", "std.csv"]) == 1
    assert "mean.skepi gives no standard deviations" in capsys.readouterr().err


@pytest.mark.slow
def test_relative_paths_are_those_of_the_folder_one_is_in_and_not_of_the_workers(tmp_path, monkeypatch):
    """Workers of joblib live on, in the folder where they were started, when the program goes to another one."""
    (tmp_path / "before").mkdir()
    monkeypatch.chdir(tmp_path / "before")
    Parallel(n_jobs=2)(delayed(abs)(number) for number in range(4))
    monkeypatch.chdir(tmp_path)
    data, _ = make_files.make_paired_openness(20, 4, n_lineages=2, n_chromosomes=2)
    monkeypatch.setattr(make_files, "CELL_TYPES", ["HSC", "CMP", "GMP", "Mono"])
    make_files.write_peak_calls(data, tmp_path)
    called = read_narrowpeaks({name: f"{name}_peaks.narrowPeak.gz" for name in ("HSC", "Mono")}, n_jobs=2)
    assert [len(table) for table in called.values()] == (data.openness[:, [0, 3]] > 0).sum(axis=0).tolist()
    compare_models({"mean": TrainingMean()}, data, ["cell types"], folder="fits", n_bootstrap=2, n_jobs=2)
    assert len(list((tmp_path / "fits").glob("*.npz"))) == 4
    assert not list((tmp_path / "before").iterdir())
    pybigtools = pytest.importorskip("pybigtools", reason="pybigtools, which writes the files, is not installed")
    for name in ("HSC", "Mono"):
        pybigtools.open(f"{name}.bw", "w").write({"chr1": 1_000}, [("chr1", 10, 20, 4.0)])
    peaks = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [20]})
    tracks = openness_from_bigwigs({"HSC": "HSC.bw", "Mono": "Mono.bw"}, peaks, n_jobs=2)
    assert tracks.to_numpy().tolist() == [[2.0, 2.0]]
