"""One readable panel per example, for its thumbnail: a whole figure of several panels cannot be read at that size."""

from pathlib import Path

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import matplotlib_scraper
from sphinx_gallery.utils import scale_image

# Number of the figure and of its axes, from 0, where they are not the first of the example.
CHOSEN = {
    "plot_bins": (0, 1),
    "plot_error_analysis": (1, 0),
    "plot_importance": (1, 0),
    "plot_unseen_cell_types": (1, 0),
}


def chosen(name):
    """Figure and axes whose panel stands for an example."""
    return CHOSEN.get(name, (0, 0))


def save_panel(figure, axes, path):
    """Save the part of a figure that one of its axes takes, labels and titles included."""
    figure.canvas.draw()
    box = figure.axes[axes].get_tightbbox().transformed(figure.dpi_scale_trans.inverted())
    figure.savefig(path, bbox_inches=box.padded(0.08), dpi=110)


def save_chosen(name, n_before, path):
    """Save the panel of an example if its figure is among those that are open.

    ``n_before`` counts the figures of the example that earlier blocks of its code have drawn.
    """
    number, axes = chosen(name)
    open_figures = plt.get_fignums()
    if 0 <= number - n_before < len(open_figures):
        save_panel(plt.figure(open_figures[number - n_before]), axes, path)


def scraper(block, block_vars, gallery_conf):
    """Let the gallery take the figures of a block, and keep the panel beside them."""
    name = Path(block_vars["src_file"]).stem
    images = Path(gallery_conf["src_dir"]) / "auto_examples" / "images"
    save_chosen(name, len(block_vars["image_path_iterator"]), images / f"{name}_panel.png")
    return matplotlib_scraper(block, block_vars, gallery_conf)


def panels(docs):
    """Panels of a build by the name of their example: those that it drew, and those that are kept."""
    drawn = {path.stem.removesuffix("_panel"): path for path in (docs / "auto_examples" / "images").glob("*_panel.png")}
    return {path.parent.name: path for path in (docs / "kept").glob("*/panel.png")} | drawn


def use_as_thumbnails(app):
    """Replace the gallery's thumbnails, each a whole figure made small, by panels."""
    thumbnails = Path(app.srcdir) / "auto_examples" / "images" / "thumb"
    for name, path in panels(Path(app.srcdir)).items():
        size = app.config.sphinx_gallery_conf["thumbnail_size"]
        scale_image(str(path), str(thumbnails / f"sphx_glr_{name}_thumb.png"), *size)
