"""MotifDeviationDisplay: the motifs that set cell types apart, and names that can be read at any size."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from promises import assert_exact

from skepi.plotting import MotifDeviationDisplay


def table_of(n_cell_types, n_motifs):
    """z that is high on the diagonal."""
    z = np.random.default_rng(0).normal(size=(n_cell_types, n_motifs))
    z[np.arange(n_cell_types), np.arange(n_cell_types) % n_motifs] += 9
    names = [f"population {k} of donor {k % 7}" for k in range(n_cell_types)]
    return pd.DataFrame(z, names, [f"TF{k}::PARTNER{k} (MA{k:04}.1)" for k in range(n_motifs)])


def test_values_are_those_of_the_table():
    z = pd.DataFrame([[4.0, 1.0, 0.5, np.nan], [-3.0, 0.0, 9.0, 1.0]], ["GMP", "Ery"], ["SPI1", "CEBPA", "GATA1", "x"])
    display = MotifDeviationDisplay.from_deviations(z, n_motifs=2)
    assert display.motifs_ == ["SPI1", "CEBPA", "GATA1", "x"]
    assert_exact(np.ma.filled(display.image_.get_array(), np.nan), z[display.motifs_].T.to_numpy())
    assert display.image_.get_clim() == (-9, 9)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == display.motifs_
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]  # the first row on top
    assert MotifDeviationDisplay(z=z, n_motifs=1).plot().motifs_ == ["SPI1", "GATA1"]


def test_too_many_rows_are_cut_by_rank():
    z = table_of(30, 60)
    display = MotifDeviationDisplay(z=z, most=30).plot()
    assert display.motifs_ == list(z.columns[:30])
    assert len(MotifDeviationDisplay(z=z, most=12).plot().motifs_) == 12


def test_one_motif_of_each_family():
    z = pd.DataFrame([[4.0, 3.0, 1.0]], ["Ery"], ["GATA1", "GATA2", "SPI1"])
    families = {"GATA1": "GATA", "GATA2": "GATA", "SPI1": "ETS"}
    assert MotifDeviationDisplay(z=z, families=families).plot().motifs_ == ["GATA1", "SPI1"]


@pytest.mark.parametrize("n_cell_types", [3, 14, pytest.param(200, marks=pytest.mark.slow)])
def test_names_can_be_read(n_cell_types):
    display = MotifDeviationDisplay(z=table_of(n_cell_types, 100)).plot()
    said = figures.assert_readable(display.figure_)
    assert sum(text.startswith("population") for text in said) >= min(n_cell_types, 40)
    assert any("1 in" in text for text in said) == (n_cell_types == 200)


def test_given_axes_get_words_in_place_of_a_colour_bar():
    figure, ax = plt.subplots(figsize=(8, 8), layout="constrained")
    display = MotifDeviationDisplay.from_deviations(table_of(5, 20), ax=ax)
    assert display.ax_ is ax
    assert figure.axes == [ax]
    assert "orange:" in ax.get_xlabel()


def test_bad_tables_are_refused():
    z = table_of(3, 5)
    with pytest.raises(TypeError, match="z: wanted a DataFrame, got list"):
        MotifDeviationDisplay(z=[1.0]).plot()
    with pytest.raises(ValueError, match="most must be a whole number of 1 or more"):
        MotifDeviationDisplay(z=z, most=0).plot()
    with pytest.raises(ValueError, match="z: no value is known: there is nothing to draw"):
        MotifDeviationDisplay(z=z * np.nan).plot()
