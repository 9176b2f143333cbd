"""Files from public addresses: checked, cached, and resumed where a download broke off."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock

from skepi._doors import check_flag
from skepi._progress import progress_bar
from skepi.exceptions import ChecksumError, DownloadError

MIRROR = "SKEPI_MIRROR"

_PUBLIC = "https://raw.githubusercontent.com/"
_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 18
Report = Callable[[int], Any]  # is told how many bytes of a file are there

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

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     home = get_data_home(f"{folder}/skepi_data")
    ...     home.name, home.is_dir()
    ('skepi_data', True)
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
    if progress is not None:
        check_flag("progress", progress)
    if n_retries < 0 or delay < 0:
        raise ValueError(f"n_retries and delay must be 0 or greater, got n_retries={n_retries} and delay={delay}")
    paths = [folder / Path(file.path).name for file in files]
    if len(set(paths)) < len(paths):
        raise ValueError("two of the files would get the same name")
    missing = [(file, path) for file, path in zip(files, paths, strict=True) if not is_whole(path, file)]
    if not missing:
        return paths
    if not download_if_missing:
        raise OSError(f"{missing[0][1]} is missing or damaged, and download_if_missing is False")
    base = base_address()
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(file.n_bytes for file, _ in missing)
    with FileLock(folder / ".lock"), progress_bar(progress, "bytes", total, unit="B", unit_scale=True) as bar:
        for file, path in missing:
            report = partial(_advance, bar, bar.n)
            if not is_whole(path, file):  # another process may have fetched it meanwhile
                _fetch(file, path, base + quote(file.path), n_retries, delay, report)
            report(file.n_bytes)
    return paths


def _advance(bar: Any, before: int, there: int) -> None:
    """Set the bar to what earlier files had and what this one has."""
    bar.update(before + there - bar.n)


def base_address() -> str:
    """Address that the paths of remote files follow: a mirror if ``SKEPI_MIRROR`` names a folder or an address."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        return _PUBLIC
    if urlsplit(mirror).scheme in ("http", "https", "file"):
        return mirror.rstrip("/") + "/"
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise DownloadError(f"{MIRROR}={mirror} is neither a folder nor an http, https or file address")
    return folder.resolve().as_uri() + "/"


def is_whole(path: Path, file: RemoteFile) -> bool:
    """Whether a file is there, with the right checksum."""
    return path.is_file() and path.stat().st_size == file.n_bytes and _sha256(path) == file.sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _fetch(file: RemoteFile, path: Path, url: str, n_retries: int, delay: float, report: Report) -> None:
    part = path.with_name(path.name + ".part")
    if is_whole(part, file):  # stopped between the last byte and the name
        os.replace(part, path)
        return
    for fresh in (False, True):  # what an earlier download left may be damaged: then once more, from the start
        resumed = not fresh and part.exists() and part.stat().st_size > 0
        _download(url, part, file.n_bytes, n_retries, delay, report)
        found = _sha256(part)
        if found == file.sha256:
            os.replace(part, path)
            return
        part.unlink()
        if not resumed:
            break
    raise ChecksumError(f"{url}: wrong checksum: wanted sha256 {file.sha256}, got {found}; nothing was kept")


def _download(url: str, part: Path, n_bytes: int, n_retries: int, delay: float, report: Report) -> None:
    """Bring ``part`` to its full length, with a few tries."""
    for tries_left in range(n_retries, -1, -1):
        try:
            _continue(url, part, n_bytes, report)
            return
        except _PASSING as error:
            if tries_left == 0 or _is_final(error):
                raise DownloadError(
                    f"{url}: {error}. Run again to go on where it stopped, or name a mirror in {MIRROR}"
                ) from error
            time.sleep(delay)


def _continue(url: str, part: Path, n_bytes: int, report: Report) -> None:
    """Add to ``part`` what the address has left to give, or begin anew where it cannot tell."""
    have = part.stat().st_size if part.exists() else 0
    wanted = {"Range": f"bytes={have}-"} if 0 < have < n_bytes else {}
    try:
        response = urlopen(Request(url, headers=wanted), timeout=_TIMEOUT_S)
    except HTTPError as error:
        if error.code != 416 or not wanted:
            raise
        part.unlink()  # the next try asks for everything
        raise ConnectionError(f"the address has nothing behind byte {have:,} of {n_bytes:,}") from error
    with response:
        begins = str(response.headers.get("Content-Range", "")).removeprefix("bytes ").partition("-")[0]
        if begins and begins != str(have):
            part.unlink()
            raise ConnectionError(f"asked for what follows byte {have}, got what follows {begins}")
        with open(part, "ab" if begins else "wb") as out:
            _copy(response, out, n_bytes, report)


def _copy(response: Any, out: BinaryIO, n_bytes: int, report: Report) -> None:
    """Write down what comes as it comes, so that nothing is lost when it stops."""
    while chunk := _read(response):
        out.write(chunk)
        report(min(out.tell(), n_bytes))
        if out.tell() > n_bytes:
            return  # longer than it should be: the checksum will say so
    if out.tell() < n_bytes:
        raise ConnectionError(f"the connection ended after {out.tell():,} of {n_bytes:,} bytes")


def _read(response: Any) -> bytes:
    """Some bytes; an error of the network is told from one of the disk."""
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, HTTPException) as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


def _is_final(error: Exception) -> bool:
    """Whether another try would end in the same way: what was asked for is not there, or is no address."""
    if isinstance(error, HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    return isinstance(error, URLError) and isinstance(error.reason, FileNotFoundError)
