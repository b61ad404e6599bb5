"""Downloads: whole and checked, or nothing at all in the cache. Served by a small HTTP server on this machine."""

import gzip
import hashlib
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from snnsim._errors import DatasetError
from snnsim.datasets import _download as downloads
from snnsim.datasets import _sources as sources
from snnsim.datasets import load
from snnsim.datasets._idx import FILES
from snnsim.datasets._published import PUBLISHED, Published

DEAD = "http://127.0.0.1:1/mnist"
Answer = Callable[[str, bytes], tuple[int, bytes, int]]


def archives() -> dict[str, bytes]:
    rng = np.random.default_rng(7)
    made = {}
    for name, n in zip(FILES, (60, 60, 10, 10), strict=True):
        array = rng.integers(0, 256, (n, 28, 28), np.uint8) if "images" in name else np.arange(n, dtype=np.uint8) % 10
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        made[f"{name}.gz"] = gzip.compress(header + array.tobytes(), 1)
    return made


ARCHIVES = archives()


class Mirror:
    """A server of ``ARCHIVES``. ``answer`` may change status, body and declared length of each answer to a GET."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.answer: Answer = lambda _, body: (200, body, len(body))
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(200 if self.path.rpartition("/")[2] in ARCHIVES else 404)
                self.end_headers()

            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.requests[name] += 1
                status, body, length = mirror.answer(name, ARCHIVES[name])
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/mnist"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    yield server
    server.close()


@pytest.fixture
def second() -> Iterator[Mirror]:
    server = Mirror()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sources, "cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("SNNSIM_DATA", raising=False)
    monkeypatch.delenv("SNNSIM_MIRROR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make ``ARCHIVES`` the published MNIST (or another set), at these mirrors."""

    def set_mirrors(*mirrors: str, name: str = "mnist", packed: bool = False) -> None:
        contents = [ARCHIVES[f"{file}.gz"] for file in FILES]
        a, b, c, d = (hashlib.md5(x if packed else gzip.decompress(x)).hexdigest() for x in contents)
        monkeypatch.setitem(PUBLISHED, name, Published(PUBLISHED[name].title, (a, b, c, d), mirrors, packed))

    return set_mirrors


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


WHOLE = ["mnist", *sorted(f"mnist/{name}" for name in ARCHIVES)]


def test_download_then_cache(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    dataset = load(progress=False)
    assert dataset.name == "mnist"
    assert dataset.source == f"{cache / 'mnist'}, downloaded now"
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [50, 10, 10]
    assert listing(cache) == WHOLE
    assert mirror.requests.total() == 4
    assert load(progress=False).source == str(cache / "mnist")
    assert mirror.requests.total() == 4


def test_progress_bars_name_every_file(
    mirror: Mirror, publish: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    publish(mirror.url)
    load(progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    for name in FILES:
        assert name in captured.err
    load(progress=True)
    assert capsys.readouterr().err == ""


def test_dead_first_mirror(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(DEAD, mirror.url)
    assert load("mnist", progress=False).name == "mnist"
    assert listing(cache) == WHOLE


def test_a_mirror_that_never_answers_is_given_up(
    mirror: Mirror, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "ANSWER_S", 0.3)
    silent = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # listens, but nobody serves
    publish(f"http://127.0.0.1:{silent.server_port}", mirror.url)
    assert load("mnist", progress=False).name == "mnist"
    publish(f"http://127.0.0.1:{silent.server_port}")
    with pytest.raises(DatasetError, match=r"no answer in 0.3 s"):
        downloads.download(PUBLISHED["mnist"], PUBLISHED["mnist"].mirrors, Path("unused"), progress=False)
    silent.server_close()


def test_a_mirror_without_the_files(
    mirror: Mirror, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(mirror.url)
    monkeypatch.delitem(ARCHIVES, f"{FILES[3]}.gz")
    with pytest.raises(DatasetError, match=f"has no {FILES[3]}.gz"):
        load("mnist", progress=False)


BROKEN: dict[str, tuple[Answer, str]] = {
    "broken off": (lambda _, body: (200, body[: len(body) // 2], len(body)), "broke off"),
    "cut short": (
        lambda _, body: (200, body[: len(body) // 2], len(body) // 2),
        "truncated: the gzip archive ends early",
    ),
    "server error": (lambda _, body: (503, b"", 0), "503"),
    "a web page": (lambda _, body: (200, b"<html>log in</html>", 19), "expected a gzip archive"),
    "other content": (lambda _, body: (200, (other := gzip.compress(b"else")), len(other)), "wrong md5"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_bad_answer_is_retried(case: str, mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    name = f"{FILES[2]}.gz"
    broken, _ = BROKEN[case]
    mirror.answer = lambda file, body: (
        broken(file, body) if file == name and mirror.requests[file] == 1 else (200, body, len(body))
    )
    assert load("mnist", progress=False).name == "mnist"
    assert mirror.requests[name] == 2
    assert listing(cache) == WHOLE


@pytest.mark.parametrize("case", BROKEN)
def test_bad_answers_leave_nothing_and_name_the_file(
    case: str, mirror: Mirror, publish: Callable[..., None], cache: Path
) -> None:
    publish(mirror.url)
    broken, words = BROKEN[case]
    name = f"{FILES[2]}.gz"
    mirror.answer = lambda file, body: broken(file, body) if file == name else (200, body, len(body))
    with pytest.raises(DatasetError) as caught:
        load("mnist", progress=False)
    assert f"{mirror.url}/{name}" in str(caught.value)
    assert words in str(caught.value)
    assert mirror.requests[name] == downloads.ATTEMPTS
    assert listing(cache) == []
    mirror.answer = lambda _, body: (200, body, len(body))
    assert load("mnist", progress=False).name == "mnist"


@pytest.mark.parametrize("case", BROKEN)
def test_a_bad_first_mirror_gives_way_to_the_second(
    case: str, mirror: Mirror, second: Mirror, publish: Callable[..., None], cache: Path
) -> None:
    publish(mirror.url, second.url)
    mirror.answer = BROKEN[case][0]
    assert load("mnist", progress=False).name == "mnist"
    assert second.requests.total() == 4
    assert listing(cache) == WHOLE


def test_auto_runs_on_digits_when_the_download_fails(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    mirror.answer = BROKEN["other content"][0]
    dataset = load(progress=False)
    assert dataset.name == "digits"
    assert dataset.notice is not None
    assert "wrong md5" in dataset.notice
    assert listing(cache) == []


def test_interrupted_then_run_again(
    mirror: Mirror, publish: Callable[..., None], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(mirror.url)

    def interrupt(path: Path) -> None:
        if path.name.startswith(FILES[2]):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        read = downloads.read
        patch.setattr(downloads, "read", lambda path: interrupt(path) or read(path))
        with pytest.raises(KeyboardInterrupt):
            load("mnist", progress=False)
    assert listing(cache) == []
    assert load("mnist", progress=False).name == "mnist"
    assert listing(cache) == WHOLE


@pytest.mark.parametrize("spoil", ["cut", "remove", "shadow"])
def test_a_damaged_cache_is_replaced(spoil: str, mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    load("mnist", progress=False)
    file = cache / "mnist" / f"{FILES[0]}.gz"
    if spoil == "cut":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        file.unlink()
    if spoil == "shadow":
        (cache / "mnist" / FILES[0]).write_bytes(b"unpacked, but not IDX")
    assert load("mnist", progress=False).name == "mnist"
    assert mirror.requests.total() == 8


def test_runs_at_the_same_time(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    with ThreadPoolExecutor(6) as pool:
        names = list(pool.map(lambda _: load("mnist", progress=False).name, range(6)))
    assert names == ["mnist"] * 6
    assert listing(cache) == WHOLE


def test_a_cache_that_cannot_be_written(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url)
    cache.write_text("a file where the cache folder should be")
    with pytest.raises(DatasetError, match="cannot be written"):
        load("mnist", progress=False)


def test_own_mirror(mirror: Mirror, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    publish(DEAD)
    monkeypatch.setenv("SNNSIM_MIRROR", mirror.url.removesuffix("mnist"))
    assert load("mnist", progress=False).name == "mnist"


def test_kmnist_is_checked_by_its_archives(mirror: Mirror, publish: Callable[..., None], cache: Path) -> None:
    publish(mirror.url, name="kmnist", packed=True)
    assert load("kmnist", progress=False).notice is None
    file = cache / "kmnist" / f"{FILES[0]}.gz"
    file.unlink()
    mirror.answer = lambda _, body: (200, (anew := gzip.compress(gzip.decompress(body), 9)), len(anew))
    with pytest.raises(DatasetError, match="wrong md5"):
        load("kmnist", progress=False)
