"""Downloads: whole, resumed, refused, killed and shared, from a server on this machine. Nothing goes further."""

import errno
import hashlib
import http.server
import os
import random
import re
import signal
import ssl
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from helper_program import helper_program
from tqdm import tqdm

from skepi import _progress
from skepi.datasets import _download
from skepi.datasets._download import RemoteFile, base_address, fetch_files, get_data_home, is_whole
from skepi.exceptions import ChecksumError, DownloadError


def content(n_bytes, seed=0):
    return np.random.default_rng(seed).bytes(n_bytes)


def remote(path, body):
    return RemoteFile(path, hashlib.sha256(body).hexdigest(), len(body))


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve ``server.files``; ``server.faults`` says what goes wrong with the next requests."""

    def do_GET(self):
        server, name = self.server, urlsplit(self.path).path.lstrip("/")
        with server.busy:
            fault = server.faults.pop(0) if server.faults else {}
        entry = {"name": name, "range": self.headers.get("Range"), "target": self.path, "sent": 0}
        server.log.append(entry)
        status = fault.get("status", 200 if name in server.files else 404)
        if status >= 300:
            entry["status"] = status  # before the client can know of it
            self.send_error(status)
            return
        body = fault.get("body", server.files[name])
        first = int(entry["range"].removeprefix("bytes=").removesuffix("-")) if entry["range"] else 0
        if entry["range"] and server.refuses_ranges:
            entry["status"] = 416
            self.send_error(416)
            return
        if entry["range"] and server.ranges:
            if first >= len(body):
                entry["status"] = 416
                self.send_error(416)
                return
            entry["status"] = 206
            self.send_response(206)
            begin = first + fault.get("shift", 0)
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
            body = body[first:]
        else:
            entry["status"] = 200
            self.send_response(200)
        if not fault.get("no_length"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.send(body[: fault.get("cut", len(body))], entry)
        if "hang_s" in fault:
            time.sleep(fault["hang_s"])

    def send(self, body, entry):
        step = self.server.bytes_per_step or 1 << 16
        for first in range(0, len(body), step):
            piece = body[first : first + step]
            entry["sent"] += len(piece)  # before the client can know of it
            self.wfile.write(piece)
            time.sleep(self.server.step_s)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.busy = threading.Lock()
        self.files, self.faults, self.log = {}, [], []
        self.ranges, self.refuses_ranges = True, False
        self.bytes_per_step, self.step_s = 0, 0.0  # 0: as fast as it goes

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, path, body):
        self.files[path] = body
        return remote(path, body)

    def sent(self, key="status"):
        return [entry.get(key) for entry in self.log]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # clients here hang up, are killed, run out of time
            super().handle_error(request, client_address)


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch):
    """A test that names no mirror reaches a closed port, never the net."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxies of the first request
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("SKEPI_MIRROR", "http://127.0.0.1:9/")


@pytest.fixture
def server(monkeypatch):
    with running_server() as server:
        monkeypatch.setenv("SKEPI_MIRROR", server.address)
        yield server


@contextmanager
def running_server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch_one(file, folder, **options):
    return fetch_files([file], folder, **{"delay": 0, **options})[0]


def names_in(folder):
    """What lies there, but for the lock, which stays."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.fixture(scope="module")
def helper():
    with helper_program() as run:
        yield run


def rows(files):
    return [[file.path, file.sha256, file.n_bytes] for file in files]


# --- whole files and the cache


def test_files_come_whole_in_order_and_a_second_call_asks_for_nothing(server, tmp_path):
    bodies = [content(700_000, 1), b"x", content(10_000, 2)]
    files = [server.add(f"a/b/c{i}.gz", body) for i, body in enumerate(bodies)]
    folder = tmp_path / "not" / "there"
    paths = fetch_files(files, folder, delay=0)
    assert paths == [folder / f"c{i}.gz" for i in range(3)]
    assert [path.read_bytes() for path in paths] == bodies
    assert names_in(folder) == ["c0.gz", "c1.gz", "c2.gz"]
    assert server.sent("name") == ["a/b/c0.gz", "a/b/c1.gz", "a/b/c2.gz"]
    assert fetch_files(files, folder, delay=0) == paths
    assert len(server.log) == 3


def test_only_what_is_missing_is_asked_for(server, tmp_path):
    files = [server.add(f"{i}", content(1000, i)) for i in range(3)]
    (tmp_path / "1").write_bytes(content(1000, 1))
    fetch_files(files, tmp_path, delay=0)
    assert server.sent("name") == ["0", "2"]


@pytest.mark.parametrize("damage", [b"", b"short", content(1000, 9), content(1001, 9)])
def test_a_damaged_file_in_the_cache_is_fetched_anew(server, tmp_path, damage):
    file = server.add("f", content(1000))
    (tmp_path / "f").write_bytes(damage)
    assert fetch_one(file, tmp_path).read_bytes() == content(1000)
    assert names_in(tmp_path) == ["f"]


def test_whole_means_length_and_checksum(tmp_path):
    file = remote("f", b"abc")
    path = tmp_path / "f"
    assert not is_whole(path, file)
    path.mkdir()
    assert not is_whole(path, file)
    path.rmdir()
    for body, whole in ((b"abc", True), (b"abd", False), (b"abcd", False), (b"", False)):
        path.write_bytes(body)
        assert is_whole(path, file) is whole


def test_what_must_not_be_downloaded_is_an_error_that_names_the_file(server, tmp_path):
    file = server.add("f", b"abc")
    with pytest.raises(OSError, match=r"f is missing or damaged, and download_if_missing is False"):
        fetch_one(file, tmp_path / "new", download_if_missing=False)
    assert not server.log
    assert not (tmp_path / "new").exists()
    fetch_one(file, tmp_path)
    assert fetch_one(file, tmp_path, download_if_missing=False).read_bytes() == b"abc"
    (tmp_path / "f").write_bytes(b"abd")
    with pytest.raises(OSError, match="missing or damaged"):
        fetch_one(file, tmp_path, download_if_missing=False)
    assert (tmp_path / "f").read_bytes() == b"abd"


def test_a_whole_cache_needs_no_mirror_and_no_right_to_write(server, tmp_path, monkeypatch):
    file = server.add("f", b"abc")
    fetch_one(file, tmp_path)
    (tmp_path / ".lock").unlink()
    monkeypatch.setenv("SKEPI_MIRROR", "neither folder nor address")
    assert fetch_one(file, tmp_path).read_bytes() == b"abc"
    assert not (tmp_path / ".lock").exists()


def test_a_download_goes_through_to_an_empty_file(server, tmp_path):
    assert fetch_one(server.add("empty", b""), tmp_path).read_bytes() == b""


# --- where the files are


def test_a_mirror_is_a_folder_or_an_address(tmp_path, monkeypatch):
    body = content(300_000)
    mirror = tmp_path / "mirror with spaces, # and %41"
    (mirror / "data").mkdir(parents=True)
    (mirror / "data" / "f").write_bytes(body)
    monkeypatch.chdir(tmp_path)
    for i, address in enumerate((str(mirror), f"{mirror}/", mirror.name, mirror.as_uri(), f"{mirror.as_uri()}/")):
        monkeypatch.setenv("SKEPI_MIRROR", address)
        assert fetch_one(remote("data/f", body), tmp_path / str(i)).read_bytes() == body


def test_an_address_may_have_a_path_and_a_slash_at_its_end(server, tmp_path, monkeypatch):
    file = server.add("copies/f", b"abc")
    for end in ("", "/"):
        monkeypatch.setenv("SKEPI_MIRROR", f"{server.address}/copies{end}")
        fetch_one(RemoteFile("f", file.sha256, 3), tmp_path / f"folder{end}")
    assert server.sent("name") == ["copies/f"]  # the second call has found the first one's file


def test_without_a_mirror_the_public_address_is_named(monkeypatch):
    for empty in (None, ""):
        monkeypatch.delenv("SKEPI_MIRROR") if empty is None else monkeypatch.setenv("SKEPI_MIRROR", empty)
        assert base_address() == "https://raw.githubusercontent.com/"


@pytest.mark.parametrize("mirror", ["/no/such/folder", "ftp://example.org/", "example.org/mirror"])
def test_a_mirror_that_is_neither_folder_nor_address_is_refused(tmp_path, monkeypatch, mirror):
    monkeypatch.setenv("SKEPI_MIRROR", mirror)
    wanted = f"SKEPI_MIRROR={re.escape(mirror)} is neither a folder nor an http, https or file address"
    with pytest.raises(DownloadError, match=wanted):
        fetch_one(remote("f", b"abc"), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    server.add("copies/f", b"abc")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", server.address)
    monkeypatch.setenv("SKEPI_MIRROR", "http://mirror.invalid/copies")
    assert fetch_one(remote("f", b"abc"), tmp_path).read_bytes() == b"abc"
    assert server.sent("target") == ["http://mirror.invalid/copies/f"]


@pytest.mark.parametrize("name", ["two words.txt", "per%20cent", "hash#tag", "question?", "Ωmega"])
@pytest.mark.parametrize("kind", ["folder", "address"])
def test_a_name_may_hold_any_letter(server, tmp_path, monkeypatch, name, kind):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / name).write_bytes(b"abc")
    if kind == "folder":
        monkeypatch.setenv("SKEPI_MIRROR", str(mirror))
    else:
        server.files[quote(name)] = b"abc"
    assert fetch_one(remote(name, b"abc"), tmp_path / "cache").read_bytes() == b"abc"


def test_files_that_would_get_one_name_are_refused(server, tmp_path):
    files = [server.add("a/f", b"abc"), server.add("b/f", b"xyz")]
    with pytest.raises(ValueError, match="f"):
        fetch_files(files, tmp_path, delay=0)


def test_the_data_folder_is_the_one_named_or_of_the_environment_or_in_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SKEPI_DATA", str(tmp_path / "of_environment"))
    assert get_data_home(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert get_data_home(str(tmp_path / "c")) == tmp_path / "c"
    assert get_data_home() == tmp_path / "of_environment"
    monkeypatch.setenv("SKEPI_DATA", "~/elsewhere")
    assert get_data_home() == tmp_path / "home" / "elsewhere"
    monkeypatch.delenv("SKEPI_DATA")
    assert get_data_home() == tmp_path / "home" / "skepi_data"
    folders = ["a/b", "c", "of_environment", "home/elsewhere", "home/skepi_data"]
    assert all((tmp_path / name).is_dir() for name in folders)
    assert get_data_home() == tmp_path / "home" / "skepi_data"  # there already


# --- resumption


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    """900,000 bytes, cut after 300,000 and again after 300,000 more: the three answers add up to one file."""
    body = content(900_000)
    file = server.add("f", body)
    server.faults = [{"cut": 300_000}, {"cut": 300_000}]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent("range") == [None, "bytes=300000-", "bytes=600000-"]
    assert server.sent() == [200, 206, 206]
    assert sum(server.sent("sent")) == len(body)


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, tmp_path):
    body = content(900_000)
    file = server.add("f", body)
    server.faults = [{"cut": 300_000}, {"cut": 100_000}]
    with pytest.raises(DownloadError, match=r"400,000 of 900,000 bytes.*Run again to go on"):
        fetch_one(file, tmp_path, n_retries=1)
    assert names_in(tmp_path) == ["f.part"]
    assert (tmp_path / "f.part").read_bytes() == body[:400_000]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent("range")[-1] == "bytes=400000-"
    assert sum(server.sent("sent")) == len(body)
    assert names_in(tmp_path) == ["f"]


def test_a_server_without_ranges_starts_over_and_is_right(server, tmp_path):
    body = content(900_000)
    file = server.add("f", body)
    server.ranges = False
    server.faults = [{"cut": 300_000}, {"cut": 700_000}]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent("range") == [None, "bytes=300000-", "bytes=700000-"]
    assert server.sent() == [200, 200, 200]


def test_a_range_that_begins_elsewhere_is_not_added(server, tmp_path):
    body = content(900_000)
    file = server.add("f", body)
    server.faults = [{"cut": 300_000}, {"shift": 5}]
    assert fetch_one(file, tmp_path).read_bytes() == body


def test_a_server_that_refuses_ranges_starts_over_and_is_right(server, tmp_path):
    body = content(900_000)
    file = server.add("f", body)
    server.refuses_ranges = True
    server.faults = [{"cut": 300_000}]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent()[:2] == [200, 416]


@pytest.mark.parametrize("left", [content(900_000, 9), content(300_000, 9), content(1_000_000, 9), content(900_001)])
def test_a_damaged_part_is_recovered_from(server, tmp_path, left):
    body = content(900_000)
    file = server.add("f", body)
    (tmp_path / "f.part").write_bytes(left)
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert names_in(tmp_path) == ["f"]
    assert server.sent("range")[-1] is None  # from the start, and
    assert len(server.log) <= 2  # once only


def test_an_empty_part_and_one_that_is_whole_need_no_range(server, tmp_path):
    body = content(5000)
    file = server.add("f", body)
    (tmp_path / "f.part").write_bytes(b"")
    assert fetch_one(file, tmp_path / "").read_bytes() == body
    assert server.sent("range") == [None]
    (tmp_path / "f").rename(tmp_path / "f.part")
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert names_in(tmp_path) == ["f"]
    assert len(server.log) == 1


@pytest.mark.parametrize("n_bytes", [50_000, 400_000])
def test_what_came_before_a_stall_is_kept(server, tmp_path, monkeypatch, n_bytes):
    """A line that stalls after few bytes each time would otherwise never bring the file."""
    body = content(600_000)
    file = server.add("f", body)
    monkeypatch.setattr(_download, "_TIMEOUT_S", 0.5)
    server.faults = [{"cut": n_bytes, "hang_s": 5}]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent("range") == [None, f"bytes={n_bytes}-"]


def test_a_line_that_stalls_for_good_is_an_error(server, tmp_path, monkeypatch):
    file = server.add("f", content(1000))
    monkeypatch.setattr(_download, "_TIMEOUT_S", 0.3)
    server.faults = [{"cut": 0, "hang_s": 5} for _ in range(2)]
    with pytest.raises(DownloadError, match="timed out"):
        fetch_one(file, tmp_path, n_retries=1)
    assert len(server.log) == 2


# --- wrong content


def test_a_wrong_checksum_names_the_address_and_both_sums_and_keeps_nothing(server, tmp_path):
    file, wrong = server.add("a/f", content(900_000)), content(900_000, 9)
    server.files["a/f"] = wrong
    with pytest.raises(ChecksumError) as caught:
        fetch_one(file, tmp_path)
    assert isinstance(caught.value, DownloadError)
    assert str(caught.value) == (
        f"{server.address}/a/f: wrong checksum: wanted sha256 {file.sha256}, "
        f"got {hashlib.sha256(wrong).hexdigest()}; nothing was kept"
    )
    assert names_in(tmp_path) == []
    assert len(server.log) == 1
    server.files["a/f"] = content(900_000)
    assert is_whole(fetch_one(file, tmp_path), file)


@pytest.mark.parametrize("length", ["stated", "not stated"])
def test_a_file_that_is_too_long_is_another_file(server, tmp_path, length):
    file = server.add("f", content(900_000))
    server.files["f"] = content(900_001)
    server.faults = [{"no_length": length == "not stated"}]
    with pytest.raises(ChecksumError, match=f"{server.address}/f: wrong (checksum|file)"):
        fetch_one(file, tmp_path)
    assert names_in(tmp_path) == []
    assert len(server.log) == 1


def test_a_wrong_checksum_leaves_files_that_came_before(server, tmp_path):
    files = [server.add("a", b"abc"), server.add("b", b"abc")]
    server.files["b"] = b"abd"
    with pytest.raises(ChecksumError, match="/b: wrong checksum"):
        fetch_files(files, tmp_path, delay=0)
    assert names_in(tmp_path) == ["a"]


def test_far_too_many_bytes_are_not_all_read(server, tmp_path):
    """An address that sends without end fills no disk."""
    file = server.add("f", b"abc")
    server.files["f"] = content(50_000_000)
    server.faults = [{"no_length": True}]
    with pytest.raises(ChecksumError, match="wrong checksum"):
        fetch_one(file, tmp_path)
    assert names_in(tmp_path) == []
    assert server.sent("sent")[0] < 20_000_000  # it was still sending when the client hung up


def test_an_address_that_holds_a_shorter_file_is_said_to(server, tmp_path):
    file = server.add("f", content(900_000))
    server.files["f"] = content(300_000)
    with pytest.raises(DownloadError, match=r"300,000.*900,000"):
        fetch_one(file, tmp_path)
    server.files["f"] = content(900_000)
    assert is_whole(fetch_one(file, tmp_path), file)


def test_a_damaged_part_and_a_wrong_file_end_in_a_checksum_error(server, tmp_path):
    file = server.add("f", content(900_000))
    server.files["f"] = content(900_000, 9)
    (tmp_path / "f.part").write_bytes(content(300_000))
    with pytest.raises(ChecksumError, match="wrong checksum"):
        fetch_one(file, tmp_path)
    assert server.sent("range") == ["bytes=300000-", None]
    assert names_in(tmp_path) == []


# --- answers that are errors


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_is_not_there_fails_at_once(server, tmp_path, status):
    file = server.add("a/f", b"abc")
    server.faults = [{"status": status}] * 4
    wanted = f"{server.address}/a/f: HTTP Error {status}.*Run again .* name a mirror in SKEPI_MIRROR"
    with pytest.raises(DownloadError, match=wanted):
        fetch_one(file, tmp_path)
    assert len(server.log) == 1
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_what_may_pass_is_tried_again(server, tmp_path, status):
    file = server.add("f", b"abc")
    server.faults = [{"status": status}] * 3
    assert fetch_one(file, tmp_path, n_retries=3).read_bytes() == b"abc"
    assert server.sent() == [status] * 3 + [200]


@pytest.mark.parametrize("n_retries", [0, 1, 3])
def test_tries_are_counted(server, tmp_path, n_retries):
    file = server.add("f", b"abc")
    server.faults = [{"status": 503}] * 10
    with pytest.raises(DownloadError, match="HTTP Error 503"):
        fetch_one(file, tmp_path, n_retries=n_retries)
    assert len(server.log) == n_retries + 1


def test_the_delay_lies_between_tries_and_not_after_the_last(server, tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(_download.time, "sleep", waited.append)
    file = server.add("f", b"abc")
    server.faults = [{"status": 503}] * 3
    with pytest.raises(DownloadError, match="503"):
        fetch_one(file, tmp_path, n_retries=2, delay=7.0)
    assert waited == [7.0, 7.0]


@pytest.mark.parametrize("bad", [{"n_retries": -1}, {"delay": -1.0}])
def test_fewer_than_no_retries_are_refused(server, tmp_path, bad):
    file = server.add("f", b"abc")
    server.faults = [{"status": 503}]
    with pytest.raises(ValueError, match=rf"{next(iter(bad))}\b.*-1"):
        fetch_one(file, tmp_path, **bad)


def test_no_network_is_an_error_that_names_the_address(tmp_path, monkeypatch):
    with running_server() as gone:
        address = gone.address
    monkeypatch.setenv("SKEPI_MIRROR", address)
    with pytest.raises(DownloadError, match=f"{address}/f: .*refused.*SKEPI_MIRROR"):
        fetch_one(remote("f", b"abc"), tmp_path)
    assert names_in(tmp_path) == []


def test_a_host_without_address_is_an_error_that_names_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SKEPI_MIRROR", "http://mirror.invalid/")
    with pytest.raises(DownloadError, match=r"http://mirror\.invalid/f: "):
        fetch_one(remote("f", b"abc"), tmp_path, n_retries=0)


def test_a_folder_that_lacks_the_file_is_an_error_at_once(tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("SKEPI_MIRROR", str(tmp_path / "mirror"))
    waited = []
    monkeypatch.setattr(_download.time, "sleep", waited.append)
    with pytest.raises(DownloadError, match=r"file://.*mirror/data/f: .*No such file"):
        fetch_one(remote("data/f", b"abc"), tmp_path / "cache", delay=7.0)
    assert waited == []  # a file that is not there does not come by waiting


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError("timed out"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        OSError(errno.EHOSTUNREACH, "no route to host"),
        OSError(errno.ENETDOWN, "network is down"),
        ssl.SSLError(1, "bad record"),
    ],
    ids=lambda error: f"{type(error).__name__} {error.errno}",
)
def test_a_network_lost_on_the_way_is_a_passing_error(server, tmp_path, monkeypatch, error):
    body = content(900_000)
    file = server.add("f", body)
    broken = lose_the_network_once(monkeypatch, error)
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert broken == [error]
    assert server.sent("range")[1] is not None


def lose_the_network_once(monkeypatch, error):
    """The first response gives 100,000 bytes and then the error."""
    raised = []

    class Lossy:
        def __init__(self, response):
            self._response, self._left = response, 100_000

        def __getattr__(self, name):
            return getattr(self._response, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._response.close()

        def read(self, n_bytes=-1):
            if raised:
                return self._response.read(n_bytes)
            if self._left == 0:
                raised.append(error)
                raise error
            chunk = self._response.read(min(n_bytes, self._left))
            self._left -= len(chunk)
            return chunk

        read1 = read

    monkeypatch.setattr(_download, "urlopen", lambda *a, **k: Lossy(urllib.request.urlopen(*a, **k)))
    return raised


def test_an_interrupt_of_the_user_passes_and_the_next_call_goes_on(server, tmp_path, monkeypatch):
    body = content(900_000)
    file = server.add("f", body)
    lose_the_network_once(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        fetch_one(file, tmp_path)
    assert (tmp_path / "f.part").read_bytes() == body[:100_000]
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert server.sent("range") == [None, "bytes=100000-"]


# --- disks


@pytest.mark.slow
def test_a_full_disk_is_an_error_of_the_disk_and_a_later_call_succeeds(server, tmp_path, helper):
    body = content(900_000)
    file = server.add("f", body)
    error, end = helper("little_space", work="fetch", files=rows([file]), folder=str(tmp_path), n_bytes=400_000)
    assert end == {"status": 1}
    assert error["error"] == "OSError"
    assert error["errno"] == errno.EFBIG
    assert len(server.log) == 1  # no further try: waiting frees no disk
    assert names_in(tmp_path) == ["f.part"]
    assert body.startswith((tmp_path / "f.part").read_bytes())
    assert fetch_one(file, tmp_path).read_bytes() == body
    assert names_in(tmp_path) == ["f"]
    assert server.log[-1]["range"] is not None


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_an_error_of_the_disk_passes_through_untried(server, tmp_path, monkeypatch, code):
    file = server.add("f", content(900_000))

    def full(path, mode):
        out = open(path, mode)  # noqa: SIM115 - the caller closes it
        if "b" in mode and mode != "rb":
            out = Full(out)
        return out

    class Full:
        def __init__(self, out):
            self._out = out

        def __getattr__(self, name):
            return getattr(self._out, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._out.close()

        def write(self, chunk):
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(_download, "open", full, raising=False)
    with pytest.raises(OSError, match=re.escape(os.strerror(code))) as caught:
        fetch_one(file, tmp_path)
    assert not isinstance(caught.value, DownloadError)
    assert caught.value.errno == code
    assert len(server.log) == 1
    monkeypatch.undo()
    monkeypatch.setenv("SKEPI_MIRROR", server.address)
    assert is_whole(fetch_one(file, tmp_path), file)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_the_right_to_write_is_an_error(server, tmp_path):
    file = server.add("f", b"abc")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            fetch_one(file, tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert not server.log


def test_a_folder_in_the_place_of_a_file_is_an_error_of_the_disk(server, tmp_path):
    file = server.add("f", b"abc")
    for name in ("f", "f.part"):
        (tmp_path / name).mkdir()
        with pytest.raises(IsADirectoryError):
            fetch_one(file, tmp_path)
        (tmp_path / name).rmdir()
        (tmp_path / "f.part").unlink(missing_ok=True)
    assert is_whole(fetch_one(file, tmp_path), file)


def test_a_file_in_the_place_of_the_folder_is_an_error_of_the_disk(server, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(FileExistsError, match="cache"):
        fetch_one(server.add("f", b"abc"), tmp_path / "cache")
    with pytest.raises(FileExistsError, match="cache"):
        get_data_home(tmp_path / "cache")


# --- progress


@pytest.mark.parametrize(("progress", "shown"), [(None, False), (False, False), (True, True)])
def test_a_progress_bar_is_shown_if_asked_for_and_by_default_on_a_terminal_only(
    server, tmp_path, capsys, progress, shown
):
    files = [server.add(f"{i}", content(700_000, i)) for i in range(2)]
    fetch_files(files, tmp_path, delay=0, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("1.40M/1.40M" in err) is shown
    assert (err != "") is shown
    fetch_files(files, tmp_path, delay=0, progress=progress)
    assert capsys.readouterr() == ("", "")  # nothing to do, nothing to show


def test_the_bar_moves_within_a_file_and_counts_what_is_there_already(server, tmp_path, monkeypatch):
    class Bar(tqdm):
        seen = []

        def update(self, n=1):
            super().update(n)
            self.seen.append(self.n)

    monkeypatch.setattr(_progress, "_kind_of_bar", lambda: Bar)
    file = server.add("f", content(3_000_000))
    (tmp_path / "f.part").write_bytes(content(3_000_000)[:1_000_000])
    server.faults = [{"cut": 500_000}]
    fetch_one(file, tmp_path, progress=True)
    assert Bar.seen == sorted(Bar.seen)
    assert Bar.seen[0] > 1_000_000
    assert Bar.seen[-1] == 3_000_000
    assert len(Bar.seen) > 3


# --- several processes


@pytest.mark.slow
def test_two_processes_at_once_fetch_each_file_once_and_both_are_right(server, tmp_path, helper):
    files = [server.add(f"{i}", content(300_000, i)) for i in range(4)]
    server.bytes_per_step, server.step_s = 60_000, 0.02  # 0.4 s in all, so that the second comes in the middle
    job = {"work": "fetch", "files": rows(files), "folder": str(tmp_path)}
    assert helper("at_once", n=2, **job) == [{"status": 0}] * 2
    assert sorted(server.sent("name")) == ["0", "1", "2", "3"]
    assert names_in(tmp_path) == ["0", "1", "2", "3"]
    assert all(is_whole(tmp_path / file.path, file) for file in files)


def test_threads_at_once_fetch_each_file_once(server, tmp_path):
    files = [server.add(f"{i}", content(300_000, i)) for i in range(3)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: fetch_files(files, tmp_path, delay=0), range(4)))
    assert all(paths == [tmp_path / str(i) for i in range(3)] for paths in results)
    assert len(server.log) == 3
    assert all(is_whole(tmp_path / file.path, file) for file in files)


# --- killed


@pytest.mark.parametrize(("n_kills", "window_s"), [(8, 0.2), pytest.param(50, 0.03, marks=pytest.mark.slow)])
def test_kills_at_random_moments_leave_nothing_broken(server, tmp_path, helper, n_kills, window_s):
    """6 MB at 2.4 MB/s or less take longer than all attempts together, so each of them is killed."""
    files = [server.add(f"{i}", content(1_000_000, i)) for i in range(6)]
    server.bytes_per_step, server.step_s = 24_000, 0.01
    job = {"work": "fetch", "files": rows(files), "folder": str(tmp_path)}
    attempts = helper("moments", n_kills=n_kills, window_s=window_s, seed=3, **job)
    assert [attempt["status"] for attempt in attempts] == [-signal.SIGALRM] * n_kills
    server.bytes_per_step, server.step_s = 0, 0.0
    paths = fetch_files(files, tmp_path, delay=0)
    assert all(is_whole(path, file) for path, file in zip(paths, files, strict=True))
    assert names_in(tmp_path) == [str(i) for i in range(6)]


def test_kills_cost_only_what_was_on_its_way(server, tmp_path, helper):
    """No byte comes thrice: what is killed goes on, it does not begin again."""
    files = [server.add("f", content(30_000_000))]
    job = {"work": "fetch", "files": rows(files), "folder": str(tmp_path), "watched": ["datasets/_download.py"]}
    # So few lines take a few pieces each, of at most 256 kB, and never the whole.
    attempts = helper("lines", lines=[*range(70, 150, 10)], **job)
    assert [attempt["status"] for attempt in attempts] == [-signal.SIGKILL] * 8
    assert is_whole(fetch_one(files[0], tmp_path), files[0])
    begun = [int((entry["range"] or "bytes=0-")[6:-1]) for entry in server.log if entry["status"] in (200, 206)]
    assert begun == sorted(begun)
    assert len(set(begun)) > 3


@pytest.mark.parametrize("n_kills", [15, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("left", ["nothing", "a damaged part", "damaged files"])
def test_kills_at_random_lines_leave_nothing_broken(tmp_path, monkeypatch, helper, left, n_kills):
    """Each attempt is killed before a random line of the module, those between last byte and name among them."""
    mirror, folder = tmp_path / "mirror", tmp_path / "cache"
    mirror.mkdir()
    folder.mkdir()
    bodies = [content(300_000, i) for i in range(3)]
    for i, body in enumerate(bodies):
        (mirror / str(i)).write_bytes(body)
        if left == "a damaged part":
            (folder / f"{i}.part").write_bytes(content(290_000, 9))
        elif left == "damaged files":
            (folder / str(i)).write_bytes(content(300_000, 9))
    monkeypatch.setenv("SKEPI_MIRROR", str(mirror))
    files = [remote(str(i), body) for i, body in enumerate(bodies)]
    job = {"work": "fetch", "files": rows(files), "folder": str(folder), "watched": ["datasets/_download.py"]}
    lines = random.Random(5).choices(range(120), k=n_kills)
    attempts = helper("lines", lines=lines, **job)
    assert {attempt["status"] for attempt in attempts} <= {0, -signal.SIGKILL}
    assert sum(attempt["status"] == -signal.SIGKILL for attempt in attempts) >= 0.3 * n_kills
    for path, body in zip(fetch_files(files, folder, delay=0), bodies, strict=True):
        assert path.read_bytes() == body
    assert names_in(folder) == ["0", "1", "2"]
