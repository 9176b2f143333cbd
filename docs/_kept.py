"""What examples on real data print and draw, kept in ``docs/kept``: an ordinary build has no such data.

``python docs/_kept.py`` runs all of them again, ``python docs/_kept.py plot_blood`` one of them. Each has a folder:
``03.txt`` is what its code block 3 printed, ``03_1.png`` the first figure of that block, ``panel.png`` the thumbnail,
``source.sha256`` the digest of the code that was run. Prose can change without a new run; code cannot.
"""

import contextlib
import hashlib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

KEPT = Path(__file__).parent / "kept"
EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_BYTES = 100_000  # of a file
_BLOCK = ".. GENERATED FROM PYTHON SOURCE LINES "
_CODE = re.compile(r"\.\. code-block:: Python\n(?: .*\n|\n)+")


def code_blocks(path):
    """Blocks of code of an example, in the gallery's order, by their place among blocks of code and of text."""
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    _, blocks = split_code_and_text_blocks(str(path))
    return {place: block for place, block in enumerate(blocks) if block.type == "code"}


def digest(source):
    """SHA-256 of an example's code: without its opening text, comments on lines of their own and empty lines."""
    code = re.sub(r'\A(?:#.*\n|\s)*"""(?:.|\n)*?"""', "", source)
    lines = [line.rstrip() for line in code.splitlines()]
    return hashlib.sha256(
        "\n".join(line for line in lines if line and not line.lstrip().startswith("#")).encode()
    ).hexdigest()


def is_current(name):
    """Whether what is kept of an example was made by the code that it has now."""
    kept = KEPT / name / "source.sha256"
    return kept.is_file() and kept.read_text().strip() == digest((EXAMPLES / f"{name}.py").read_text())


def _save(figure, path):
    """Save a figure in 64 colours, which lines and letters do not miss."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"{path.name} takes {path.stat().st_size:,} bytes, and {MAX_BYTES:,} are allowed; draw less in it"
        )


def _run_block(block, namespace, folder, name, n_before):
    """Run a block and keep its output; the number of its figures."""
    import _panels
    import matplotlib.pyplot as plt

    place, (_, code, line) = block
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * (line - 1) + code, f"{name}.py", "exec"), namespace)
    if printed.getvalue().strip():
        (folder / f"{place:02}.txt").write_text(printed.getvalue().strip("\n") + "\n")
    _panels.save_chosen(name, n_before, folder / "panel.png")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    for number, figure in enumerate(figures, start=1):
        _save(figure, folder / f"{place:02}_{number}.png")
    plt.close("all")
    return len(figures)


def keep(name):
    """Run an example in an empty folder and keep what it prints and draws in place of what was kept."""
    folder = KEPT / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    namespace, n_figures = {"__name__": "__main__"}, 0
    with tempfile.TemporaryDirectory() as work, contextlib.chdir(work):
        for block in code_blocks(EXAMPLES / f"{name}.py").items():
            n_figures += _run_block(block, namespace, folder, name, n_figures)
    (folder / "source.sha256").write_text(digest((EXAMPLES / f"{name}.py").read_text()) + "\n")


def _output(folder, place):
    """What a block printed and drew, as the gallery would show it."""
    text = folder / f"{place:02}.txt"
    if text.exists():
        yield ".. rst-class:: sphx-glr-script-out\n\n .. code-block:: none\n\n"
        yield "".join(f"    {line}\n" for line in text.read_text().splitlines())
        yield "\n"
    for figure in sorted(folder.glob(f"{place:02}_*.png")):
        yield f".. image:: /kept/{folder.name}/{figure.name}\n   :alt: drawn by the code above\n"
        yield "   :class: sphx-glr-single-img\n\n"


def with_output(page, folder, places):
    """Page of an example that was not run, with its kept output below each block of code."""
    blocks = page.split(_BLOCK)  # the opening text, block 0, has no mark of its own
    for place in places:
        end = _CODE.search(blocks[place]).end()
        blocks[place] = blocks[place][:end] + "\n" + "".join(_output(folder, place)) + blocks[place][end:]
    return _BLOCK.join(blocks)


def show(app, docname, source):
    """Put what is kept on the page of an example that this build did not run."""
    folder, name = KEPT / Path(docname).name, Path(docname).name
    if docname.startswith("auto_examples/") and folder.is_dir() and os.environ.get("SKEPI_GALLERY") != "full":
        source[0] = with_output(source[0], folder, code_blocks(EXAMPLES / f"{name}.py"))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("TQDM_DISABLE", "1")
    import _gallery

    for each in sys.argv[1:] or [Path(script).stem for script in _gallery.LONG]:
        print(each, flush=True)
        keep(each)
