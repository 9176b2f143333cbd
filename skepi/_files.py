"""Arrays and JSON in one archive on disk: never pickle, never half-written, never quietly damaged.

An archive is a zip file of ``.npy`` members. Its comment, which is the end of the file, is a digest of all bytes before
it. So every changed bit is noticed, wherever it lies: in a member, or in the directory that lists the members.
"""

import hashlib
import io
import json
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from skepi._limits import Unpacked, allowed, allowed_description, check_description
from skepi.exceptions import FileFormatError

_WHAT = "skepi's arrays"
_DIGEST_BYTES = 32  # of hexadecimal text


def write_arrays(
    path: str | os.PathLike, arrays: dict[str, np.ndarray], about: dict[str, Any], *, compress: bool = False
) -> None:
    """Write arrays and a JSON description to one ``.npz`` file, in place of any before."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    members = {"about": text, **arrays}
    content = _packed(members, zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED)
    if compress and not _may_be_read(content):
        content = _packed(members, zipfile.ZIP_STORED)
    content[-_DIGEST_BYTES:] = _digest(content[:-_DIGEST_BYTES])
    replace_file(path, content)


def _packed(members: dict[str, np.ndarray], compression: int) -> memoryview:
    """An archive with room for its digest at the end."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.comment = bytes(_DIGEST_BYTES)
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
    return content.getbuffer()


def _may_be_read(content: memoryview) -> bool:
    """Whether a reader would not take an archive for a bomb, as it does where nearly all is zeros."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
    return sum(sizes.values()) <= allowed(len(content)) and sizes["about.npy"] <= allowed_description(len(content))


def read_arrays(path: str | os.PathLike, kind: str, what: str = _WHAT) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote; ``kind`` must be that of its description, ``what`` is for messages."""
    arrays = _members(path, what, None)
    return arrays, _description(path, arrays.pop("about", None), kind, what)


def read_about(path: str | os.PathLike, kind: str, what: str = _WHAT) -> dict[str, Any]:
    """Read the description alone."""
    return _description(path, _members(path, what, "about.npy").get("about"), kind, what)


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Put a file in place of any before, whole or not at all."""
    try:
        _write_nameless(path, content)
    except (AttributeError, OSError):  # not Linux, no nameless files here, or another process writes the same file
        _write_named(path, content)


def _write_nameless(path: Path, content: bytes | memoryview) -> None:
    """Name the file only when all is written, so that a killed process leaves nothing behind.

    A process that is killed between its last two steps leaves a whole file under the name of the part, which the next
    one takes away.
    """
    part = path.with_name(f"{path.name}.skepi-part")
    with os.fdopen(os.open(part.parent, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb") as file:
        _write_through(file, content)
        part.unlink(missing_ok=True)
        # A directory handle makes Python follow the link to the open file; the path is absolute, so it is not used.
        os.link(f"/proc/self/fd/{file.fileno()}", part, src_dir_fd=file.fileno())
        _move(part, path)


def _write_named(path: Path, content: bytes | memoryview) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            _write_through(file, content)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _move(part, path)


def _move(part: Path, path: Path) -> None:
    try:
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def file_digest(path: Path) -> str:
    """Text that stands for the content of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _blake2b).hexdigest()


def _blake2b(content: bytes | memoryview = b"") -> Any:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES // 2)


def _digest(content: bytes | memoryview) -> bytes:
    return _blake2b(content).hexdigest().encode()


def _write_through(file: Any, content: bytes | memoryview) -> None:
    """Write down to the disk, or a power cut after the renaming could leave an empty file."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _members(path: str | os.PathLike, what: str, wanted: str | None) -> dict[str, np.ndarray]:
    """Arrays of an archive by name: all of them, or the one wanted."""
    content = Path(path).read_bytes()
    unpacked = Unpacked(path, len(content))  # from here on an error is the content's, not the disk's or a setting's
    try:
        if content[-_DIGEST_BYTES:] != _digest(memoryview(content)[:-_DIGEST_BYTES]):
            raise ValueError("it is damaged, or an earlier version of skepi or another program wrote it; make it anew")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked.add(sum(member.file_size for member in archive.infolist()))  # stated, before any is unpacked
            if "about.npy" in archive.namelist():
                check_description(archive.getinfo("about.npy").file_size, len(content), path)
            names = archive.namelist() if wanted is None else [wanted]
            return {name.removesuffix(".npy"): _array(_unpacked(archive, name)) for name in names}
    except FileFormatError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a file of {what}: {error}") from error


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Bytes of a member: as many as it states, and no more is unpacked."""
    about = archive.getinfo(name)
    if about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that skepi does not use")
    with archive.open(name) as member:
        return member.read(about.file_size)  # read() without a number would unpack all that is there


def _array(content: bytes) -> np.ndarray:
    array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    if array.size > len(content):  # of values that have no bytes, any number fits in
        raise ValueError(f"an array of {len(content)} bytes states {array.size} values")
    return array


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
