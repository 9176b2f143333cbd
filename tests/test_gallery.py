"""The gallery: which examples it runs, the output that is kept of the others, one panel as the thumbnail."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture
def beside_conf(monkeypatch):
    """Modules that lie beside conf.py."""
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module
    for name in ("_gallery", "_kept", "_panels"):
        sys.modules.pop(name, None)


def test_the_gallery_runs_quick_examples_by_default_and_all_when_asked(beside_conf):
    settings = beside_conf("_gallery")
    scripts = [path.as_posix() for path in sorted((ROOT / "examples").glob("plot_*.py"))]
    quick = [path for path in scripts if re.search(settings.executed(None), path)]
    assert {Path(path).name for path in scripts} - {Path(path).name for path in quick} == set(settings.LONG)
    assert not [path for path in quick if "fetch_" in Path(path).read_text()]
    assert {Path(path).name for path in quick} >= {"plot_quick_start.py", "plot_sweep.py"}
    assert [path for path in scripts if re.search(settings.executed("full"), path)] == scripts
    assert [Path(path).name for path in sorted(scripts, key=settings.place)][: len(settings.STORY)] == settings.STORY
    with pytest.raises(ValueError, match="SKEPI_GALLERY is 'quick'"):
        settings.executed("quick")


def test_kept_outputs_are_those_of_the_examples_that_no_build_runs(beside_conf):
    kept = beside_conf("_kept")
    long = {Path(script).stem for script in beside_conf("_gallery").LONG}
    assert {folder.name for folder in kept.KEPT.iterdir()} == long


def test_kept_outputs_are_of_the_code_as_it_is(beside_conf):
    kept = beside_conf("_kept")
    stale = [folder.name for folder in kept.KEPT.iterdir() if not kept.is_current(folder.name)]
    assert not stale, f"code has changed since its output was kept: python docs/_kept.py {' '.join(stale)}"


def test_kept_outputs_are_whole_and_small(beside_conf):
    kept = beside_conf("_kept")
    for folder in kept.KEPT.iterdir():
        files = {path.name: path.stat().st_size for path in folder.iterdir()}
        assert {"panel.png", "source.sha256"} < set(files)
        assert any(name.endswith(".txt") for name in files)
        assert {name: size for name, size in files.items() if not 0 < size <= kept.MAX_BYTES} == {}


def test_prose_may_change_and_code_may_not(beside_conf):
    digest = beside_conf("_kept").digest
    code = '"""Title\n=====\n"""\n\n# %%\n# Words.\n\nprint(1)  # one\n'
    assert digest(code) == digest('"""Another."""\n# %%\n# Other words.\n\n\nprint(1)  # one\n')
    assert digest(code) != digest(code.replace("print(1)", "print(2)"))
    assert digest(code) != digest(code.replace("print(1)", "    print(1)"))


def test_kept_output_follows_its_block_of_code(beside_conf, tmp_path):
    kept = beside_conf("_kept")
    mark = ".. GENERATED FROM PYTHON SOURCE LINES "
    page = f"Title\n\n{mark}1-2\n\nWords.\n\n{mark}3-4\n\n.. code-block:: Python\n\n\n    print(1)\n\n\n.. _footer:\n"
    (tmp_path / "02.txt").write_text("one\n\ntwo\n")
    (tmp_path / "02_1.png").write_bytes(b"")
    lines = kept.with_output(page, tmp_path, [2]).splitlines()
    order = [lines.index(line) for line in ("    print(1)", "    one", "    two", ".. _footer:")]
    assert order == sorted(order)
    assert f".. image:: /kept/{tmp_path.name}/02_1.png" in lines[order[2] : order[3]]
