"""Prose in plain English: no banned turns where users and maintainers read, and no message of endless sentences."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")]
PAGES += sorted(ROOT.glob("docs/*.rst")) + sorted(ROOT.glob("docs/guide/*.rst"))
PACKAGE = sorted((ROOT / "skepi").rglob("*.py"))
SCRIPTS = sorted((ROOT / "examples").rglob("*.py")) + sorted((ROOT / "benchmarks").glob("*.py"))

# Words between a number and "a" that make no rate: 57 GB as a dense array, two places of a chromosome.
NO_RATE = (
    r"(?!(?:is|are|was|as|in|of|at|on|by|for|from|to|into|with|without|and|or|than|per|if|where|when|how|that|not|makes?"
    r"|has|have|had|needs?|leaves?|adds?|gives?|holds?|loses?|takes?|becomes?|about|under|over|through|between)\b)"
)
UNIT = (
    r"(?:array|band|base|batch|bin|bucket|cell|chromosome|claim|class|column|data set|epoch|feature|figure|file|fold"
    r"|format|gene|GPU|group|layer|line|lineage|model|motif|page|pair|panel|peak|penalty|population|resample|row|sample|score"
    r"|sequence|setting|share|signal|site|slot|split|step|table|test|TF|window)\b"
)
BANNED = {
    # one row a peak, 270 peaks a row, one value a held-out pair
    "a rate without per": rf"(?<![\w=.-])(?:one {NO_RATE}[\w-]+|one|two|three|four|five|ten|\d+(?:[.,]\d+)*)"
    rf" {NO_RATE}[\w-]+ an? (?:[\w-]+ )?{UNIT}",
    # a row a peak; "calls a row a sample" gives it a name
    "a rate of two articles": rf" an? (?:row|column|bar|line|value|model|weight|file|panel|gene|peak) (?<!call a row )"
    rf"(?<!calls a row )an? {UNIT}",
    # Of the predicted intervals, normal ones, ...
    "a sentence that begins with Of": r"Of ",
    "a gene on average": r" a (?:gene|row|pair|cell type|fold) on average\b",
    "nothing of, for nothing about": r"[^a] (?:nothing|little) of (?:the|these|this|them|their|cell|new|differences)\b",
    "but for": r"[^,] but for (?:the|those|a|an|what|some|one|rounding)\b",
    # turns of the first wording of this package
    "is measured of": r" is measured of\b",
    "of which a share": r" of which a ",
    "loses by": r" loses by the ",
    "a sound model": r" sound model",
    "as far as the farthest": r" as far as the farthest\b",
    "takes the rest": r" takes the rest\b",
    "turned so that": r" turned so that\b",
    "the zero stays": r" zero of the scale\b",
    "no path from": r" no (?:path|way) from\b",
    "food": r" food\b",
    "whom it": r"hom it\b",
    "what a part leaves": r" what the cis part leaves\b",
    "that of the fit": r" that of the fit\b",
}
BANNED = {name: re.compile(pattern) for name, pattern in BANNED.items()}


def prose(path):
    """A file as one line of text: without the marks of comments, and with the parts of a string put together."""
    text = re.sub(r'"[ \t]*\n\s*[rf]{0,2}"', "", path.read_text())
    return re.sub(r"\s*\n\s*(?:#:? |[*-] )?", " ", text)


def hits(text):
    """Banned turns of a text, by what they are called, each within its sentence."""
    for name, pattern in BANNED.items():
        for found in pattern.finditer(text):
            yield f"{name}: ...{text[max(0, found.start() - 40) : found.end() + 40]}..."


def words(node):
    """The text of a string, each placeholder as one word."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    return node.value


def strings(tree):
    """Line and text of every string of a module but docstrings, f-strings whole."""
    skipped, found = set(), []
    for node in ast.walk(tree):  # parents first
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            found.append(node)
    return [(node.lineno, words(node)) for node in found if id(node) not in skipped]


def long_sentences(text, limit=35):
    """Sentences of a message with more words than a reader holds; style sheets and scripts are no sentences."""
    sentences = [one.split() for one in re.split(r"[.!?](?:\s|$)|\n\s*\n", text)]
    return [" ".join(one) for one in sentences if len(one) > limit and "{" not in text]


@pytest.mark.parametrize(
    "turn",
    [
        "one row a peak",
        "a row a peak",
        "one value a held-out pair",
        "reads 270 peaks a row, and",
        "Of the predicted intervals, normal ones,",
        "the restricted likelihood, a gene on average, less",
        "depth says little of the rest",
        "no path from X to expression",
        "equal but for the rounding",
    ],
)
def test_banned_turns_are_found(turn):
    assert len(list(hits(f"before {turn} after"))) == 1


@pytest.mark.parametrize(
    "turn",
    [
        "one row per peak",
        "scikit-learn calls a row a sample",
        "57 GB as a dense array",
        "two places of a chromosome",
        "0 for a gene without any",
        "needs a linear model or one with a method",
        "the first 100 peaks have a motif",
        "1 is an average peak",
    ],
)
def test_good_english_is_let_through(turn):
    assert not list(hits(turn))


@pytest.mark.parametrize("paths", [PAGES, PACKAGE, SCRIPTS], ids=["pages", "package", "scripts"])
def test_prose_has_no_banned_turns(paths):
    assert len(paths) > 10
    found = [f"{path.relative_to(ROOT)}: {hit}" for path in paths for hit in hits(prose(path))]
    assert not found, "\n".join(found)


def test_long_sentences_are_found():
    tree = ast.parse(f'"""{"long " * 40}"""\nraise ValueError(f"{"much " * 20}{{x}} " "{"more " * 20}. Short.")')
    [(line, text)] = strings(tree)
    assert (line, [len(one.split()) for one in long_sentences(text)]) == (2, [41])


def test_messages_have_no_endless_sentences():
    texts = [(path, line, text) for path in PACKAGE for line, text in strings(ast.parse(path.read_text()))]
    assert len(texts) > 1_000
    found = [f"{path.relative_to(ROOT)}:{line}: {one}" for path, line, text in texts for one in long_sentences(text)]
    assert not found, "\n".join(found)
