"""SequenceLogoDisplay: letters as tall as what the model needs them for."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_within

from skepi.exceptions import UnknownNameError

pytest.importorskip("matplotlib")

from skepi.inspection import mutagenesis
from skepi.plotting import SequenceLogoDisplay


class Likes:
    """Two targets: G at place 3, and no T at place 5."""

    def predict(self, codes):
        return np.c_[2.0 * (codes[:, 3] == 2), -1.0 * (codes[:, 5] == 3)]


@pytest.fixture
def effects(rng):
    codes = np.zeros((2, 8), np.uint8)
    codes[1, [3, 5]] = 2, 3
    return mutagenesis(Likes(), codes, cell_types=["B", "T"], random_state=0)


def test_a_letter_is_as_tall_as_what_it_gives(effects):
    shown = SequenceLogoDisplay.from_effects(effects, sequence=1, cell_type="B")
    assert shown.heights_.to_dict() == {**dict.fromkeys(range(8), 0.0), 3: 2.0}
    (letter,) = shown.letters_
    box = letter.get_path().get_extents()
    assert_within([box.y0, box.y1], [0, 2], 1e-6, "outlines of glyphs")
    assert 2.5 < box.x0 < 3 < box.x1 < 3.5


def test_a_letter_that_lowers_the_prediction_hangs(effects):
    shown = SequenceLogoDisplay.from_effects(effects, sequence=1, cell_type="T")
    (letter,) = shown.letters_
    box = letter.get_path().get_extents()
    assert_within([box.y0, box.y1], [-1, 0], 1e-6, "outlines of glyphs")


def test_the_cell_type_with_the_largest_effect_is_drawn(effects):
    assert SequenceLogoDisplay.from_effects(effects, sequence=1).cell_type_ == "B"
    assert SequenceLogoDisplay.from_effects(effects, sequence=0).cell_type_ == "B"  # G is missing there: +2 at place 3


def test_some_positions(effects):
    shown = SequenceLogoDisplay.from_effects(effects, sequence=1, start=2, stop=5)
    assert shown.heights_.index.tolist() == [2, 3, 4]
    assert shown.ax_.get_xlim() == (1, 5)


def test_limits_are_drawn_where_there_are_any(effects):
    def dashed(shown):
        return [line.get_ydata()[0] for line in shown.ax_.lines if line.get_linestyle() == "--"]

    limit = effects.loc[effects["cell_type"] == "B", "limit"].iloc[0]
    assert dashed(SequenceLogoDisplay.from_effects(effects, cell_type="B")) == [limit, -limit]
    assert dashed(SequenceLogoDisplay.from_effects(effects.assign(limit=np.nan))) == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sequence": 2}, "no sequence 2; there are 0, 1"),
        ({"cell_type": "NK"}, "no cell_type 'NK'; there are B, T"),
    ],
)
def test_what_the_table_lacks(asked, message, effects):
    with pytest.raises(UnknownNameError, match=message):
        SequenceLogoDisplay.from_effects(effects, **asked)


def test_no_position_between(effects):
    with pytest.raises(ValueError, match="no position from 9 to 12"):
        SequenceLogoDisplay.from_effects(effects, start=9, stop=12)


def test_a_table_of_another_kind():
    with pytest.raises(ValueError, match="missing columns"):
        SequenceLogoDisplay.from_effects(pd.DataFrame({"position": [0]}))
