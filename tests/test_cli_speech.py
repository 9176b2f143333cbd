"""Messages of the library, said in options."""

import re
from argparse import Namespace
from pathlib import Path

import pytest

from skepi.cli._speech import _NEXT, _PHRASES, in_options

ROOT = Path(__file__).parents[1]
ASKED = Namespace(
    openness="m.tsv", expression="c.tsv", openness_drop=None, drop=None, repeated="error", openness_labels=None
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drop=['a', 'b c'] leaves them out", "--drop a 'b c' leaves them out"),
        ("c.tsv, line 3: drop=['a']", "--expression c.tsv, line 3: --drop a"),
        ("m.tsv: drop=['a']", "--openness m.tsv: --openness-drop a"),
        ("m.tsv: labels=['chr', 'start', 'end'] or", "--openness m.tsv: --openness-labels chr start end or"),
        ("repeated='drop' or 'sum' says", "--repeated drop or --repeated sum says"),
        ("x == 3, a<=b, sum=of", "x == 3, a<=b, sum=of"),
        ("runs/drop=5/x.tsv: no", "runs/drop=5/x.tsv: no"),
        ("cm.tsv: no path of an option", "cm.tsv: no path of an option"),
    ],
)
def test_arguments_are_options(text, said):
    assert in_options(text, ASKED, way_on=False) == said


def test_an_argument_without_option_has_a_way_on():
    assert in_options("separator= tells which", ASKED).endswith("--show-code prints the program)")
    assert in_options("separator= tells which", ASKED, way_on=False) == "separator= tells which"


def test_a_file_of_two_options_has_both():
    same = Namespace(genes="x.gz", peak_calls=["HSC=x.gz"])
    assert in_options("x.gz, line 1: no", same) == "--peak-calls or --genes x.gz, line 1: no"


@pytest.mark.parametrize("phrase", [*_PHRASES, *(re.sub(r"^.*?(: |' )(?=.)", "", words) for words in _NEXT)])
def test_phrases_are_those_of_the_library(phrase):
    """Where the library says it otherwise, the command line has to follow; names before a colon are filled in there."""
    files = [path for path in (ROOT / "skepi").rglob("*.py") if "cli" not in path.parts]
    joined = [re.sub(r'"\n\s+f?"', "", path.read_text()) for path in files]
    assert any(phrase in text for text in joined), phrase
