"""Which examples the gallery runs, in which order it shows them, and where they write."""

import os
import re
import shutil
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
# Fetch public data and compute for minutes; run where SKEPI_GALLERY=full.
LONG = ["plot_blood.py", "plot_blood_network.py", "plot_unseen_cell_types.py"]
STORY = [
    *("plot_quick_start.py", "plot_bins.py", "plot_sweep.py", "plot_error_analysis.py", "plot_importance.py"),
    *(
        "plot_several_signals.py",
        "plot_pooling.py",
        "plot_marks.py",
        "plot_high_or_low.py",
        "plot_landmarks.py",
        "plot_tf_products.py",
        "plot_links.py",
        "plot_motifs.py",
        "plot_sequence.py",
        "plot_report.py",
    ),
    *LONG,
]


def executed(gallery):
    """Pattern of the scripts to run: all of them, or those that are quick."""
    if gallery == "full":
        return r"[\\/]plot_"
    if gallery:
        raise ValueError(f"SKEPI_GALLERY is {gallery!r}; 'full' runs all examples, unset or empty those that are quick")
    return rf"[\\/](?!(?:{'|'.join(map(re.escape, LONG))})$)plot_"


def place(filename):
    """Key that sorts scripts: the story first, what is new after it by name."""
    name = Path(filename).name
    return (STORY.index(name) if name in STORY else len(STORY), name)


def copy_examples(app, config):
    """Let the gallery run copies beside the build's caches: scripts write to where they lie."""
    copies = Path(app.doctreedir) / "examples"
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir(parents=True)
    for path in [EXAMPLES / "README.rst", *EXAMPLES.glob("plot_*.py")]:  # folders beside them are run apart
        shutil.copy2(path, copies)
    config.sphinx_gallery_conf["examples_dirs"] = str(copies)
    os.environ.setdefault("TQDM_DISABLE", "1")  # bars belong on a terminal
