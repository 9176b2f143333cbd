"""Arrays and JSON in one archive on disk: never pickle, never half-written, never quietly damaged."""

import io
import json
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_WHAT = "skepi's arrays"


def write_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], about: dict[str, Any], *, compress: bool = False
) -> None:
    """Write arrays and a JSON description to one ``.npz`` file, in place of any before."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    content = io.BytesIO()
    save = np.savez_compressed if compress else np.savez
    save(content, **{"about": text, **arrays})  # type: ignore[arg-type]
    replace_file(path, content.getbuffer())


def read_arrays(path: str | os.PathLike, kind: str, what: str = _WHAT) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote; ``kind`` must be that of its description, ``what`` is for messages."""
    arrays = _members(path, what, None)
    return arrays, _description(path, arrays.pop("about", None), kind, what)


def read_about(path: str | os.PathLike, kind: str, what: str = _WHAT) -> dict[str, Any]:
    """Read the description alone."""
    return _description(path, _members(path, what, "about.npy").get("about"), kind, what)


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Put a file in place of any before, whole or not at all."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            _write_nameless(part, content)
        except (AttributeError, OSError):  # not Linux, or a file system that has no nameless files
            _write_named(part, content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_nameless(part: Path, content: bytes | memoryview) -> None:
    """Name the file only when all is written, so that a killed process leaves nothing behind."""
    with os.fdopen(os.open(part.parent, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb") as file:
        _write_through(file, content)
        # A directory handle makes Python follow the link to the open file; the path is absolute, so it is not used.
        os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=file.fileno())


def _write_named(part: Path, content: bytes | memoryview) -> None:
    with open(part, "xb") as file:
        _write_through(file, content)


def _write_through(file: Any, content: bytes | memoryview) -> None:
    """Write down to the disk, or a power cut after the renaming could leave an empty file."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _members(path: str | os.PathLike, what: str, wanted: str | None) -> dict[str, np.ndarray]:
    """Arrays of an archive by name: all of them, or the one wanted."""
    content = Path(path).read_bytes()  # from here on an error is the content's, not the disk's
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist() if wanted is None else [wanted]
            # A member is read to its end, where its checksum is compared, before anything looks at it.
            return {name.removesuffix(".npy"): _array(archive.read(name)) for name in names}
    except Exception as error:
        raise ValueError(f"{path} is not a file of {what}: {error}") from error


def _array(content: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _description(path: str | os.PathLike, text: np.ndarray | None, kind: str, what: str) -> dict[str, Any]:
    try:
        if text is None:
            raise ValueError("it has no description")
        about = json.loads(text.tobytes())
        found = about["kind"]
    except Exception as error:
        raise ValueError(f"{path} is not a file of {what}: {error}") from error
    if found != kind:
        raise ValueError(f"{path} holds {found}, wanted {kind}")
    return about
