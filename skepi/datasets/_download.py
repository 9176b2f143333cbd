"""Files from public addresses: checked, cached, and resumed where a download broke off."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock
from tqdm import tqdm

from skepi.exceptions import ChecksumError, DownloadError

MIRROR = "SKEPI_MIRROR"

_PUBLIC = "https://raw.githubusercontent.com/"
_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 18
_PASSING = (URLError, HTTPException, TimeoutError, ConnectionError)  # what another try may mend


@dataclass(frozen=True)
class RemoteFile:
    """A file at a public address.

    Attributes
    ----------
    path : str
        Below the address of the host, or of a mirror.
    sha256 : str
    n_bytes : int
    """

    path: str
    sha256: str
    n_bytes: int


def get_data_home(data_home: Any = None) -> Path:
    """Folder that holds downloaded data; it is made if it is not there.

    Parameters
    ----------
    data_home : path, optional
        By default the environment variable ``SKEPI_DATA``, else ``skepi_data`` in the user's home.
    """
    folder = Path(data_home or os.environ.get("SKEPI_DATA") or Path.home() / "skepi_data").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch_files(
    files: Sequence[RemoteFile],
    folder: Path,
    *,
    download_if_missing: bool = True,
    n_retries: int = 3,
    delay: float = 1.0,
    progress: bool | None = None,
) -> list[Path]:
    """Return the local paths of files, downloading those that are not there or are damaged.

    A download goes to ``NAME.part``, is continued there by a later call if it breaks off, and gets its name when its
    checksum is right. One process downloads at a time; others wait.

    Parameters
    ----------
    files : sequence of RemoteFile
    folder : path
    download_if_missing : bool, default=True
    n_retries : int, default=3
        Further tries after the connection failed.
    delay : float, default=1.0
        Seconds between them.
    progress : bool, optional
        Whether to show a progress bar; by default on a terminal only.

    Raises
    ------
    OSError
        Where a file is missing and must not be downloaded, or cannot be written (a full disk).
    DownloadError
        Where an address cannot be reached; ``ChecksumError`` where it holds another file.
    """
    paths = [folder / Path(file.path).name for file in files]
    missing = [(file, path) for file, path in zip(files, paths, strict=True) if not is_whole(path, file)]
    if not missing:
        return paths
    if not download_if_missing:
        raise OSError(f"{missing[0][1]} is missing or damaged, and download_if_missing is False")
    base = base_address()
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.n_bytes for file, _ in missing)
    with (
        FileLock(folder / ".lock"),
        tqdm(total=total, unit="B", unit_scale=True, disable=None if progress is None else not progress) as bar,
    ):
        for file, path in missing:
            if not is_whole(path, file):  # another process may have fetched it meanwhile
                _fetch(file, path, base + file.path, n_retries, delay)
            bar.update(file.n_bytes)
    return paths


def base_address() -> str:
    """Address that the paths of remote files follow: a mirror if ``SKEPI_MIRROR`` names a folder or an address."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return _PUBLIC
    if urlsplit(mirror).scheme in ("http", "https", "file"):
        return mirror.rstrip("/") + "/"
    if not Path(mirror).is_dir():
        raise DownloadError(f"{MIRROR}={mirror} is neither a folder nor an http, https or file address")
    return Path(mirror).resolve().as_uri() + "/"


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether a file is there, with the right checksum."""
    return path.is_file() and path.stat().st_size == file.n_bytes and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch(file: RemoteFile, path: Path, url: str, n_retries: int, delay: float) -> None:
    part = path.with_name(path.name + ".part")
    if is_whole(part, file):  # stopped between the last byte and the name
        os.replace(part, path)
        return
    for fresh in (False, True):  # what an earlier download left may be damaged: then once more, from the start
        resumed = not fresh and part.exists() and part.stat().st_size > 0
        _download(url, part, file.n_bytes, n_retries, delay)
        found = _sha256(part)
        if found == file.sha256:
            os.replace(part, path)
            return
        part.unlink()
        if not resumed:
            break
    raise ChecksumError(f"{url}: wrong checksum: wanted sha256 {file.sha256}, got {found}; nothing was kept")


def _download(url: str, part: Path, n_bytes: int, n_retries: int, delay: float) -> None:
    """Bring ``part`` to its full length, with a few tries."""
    for tries_left in range(n_retries, -1, -1):
        try:
            with _open(url, part, n_bytes) as (response, out):
                _copy(response, out, n_bytes)
            return
        except _PASSING as error:
            gone = isinstance(error, HTTPError) and error.code < 500 and error.code not in (408, 416, 429)
            if gone or tries_left == 0:
                raise DownloadError(
                    f"{url}: {error}. Run again to go on where it stopped, or name a mirror in {MIRROR}"
                ) from error
            time.sleep(delay)


@contextmanager
def _open(url: str, part: Path, n_bytes: int) -> Iterator[tuple[Any, BinaryIO]]:
    """What the address has left to give, and the file to add it to."""
    have = part.stat().st_size if part.exists() else 0
    wanted = {"Range": f"bytes={have}-"} if 0 < have < n_bytes else {}
    with urlopen(Request(url, headers=wanted), timeout=_TIMEOUT_S) as response:
        continues = wanted and str(response.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
        with open(part, "ab" if continues else "wb") as out:
            yield response, out


def _copy(response: Any, out: BinaryIO, n_bytes: int) -> None:
    while chunk := response.read(_CHUNK_BYTES):
        out.write(chunk)
        if out.tell() > n_bytes:
            break  # longer than it should be: the checksum will say so
    if out.tell() < n_bytes:
        raise ConnectionError(f"the connection ended after {out.tell():,} of {n_bytes:,} bytes")
