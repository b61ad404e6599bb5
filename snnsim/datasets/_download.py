"""Download a published data set into the cache: from the first mirror that delivers, checked, whole or not at all."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from snnsim._errors import DatasetError
from snnsim.datasets._idx import FILES, read
from snnsim.datasets._published import Published

if TYPE_CHECKING:
    from rich.progress import Progress

ANSWER_S = 8.0
CONNECT_S = 5.0
READ_S = 15.0
ATTEMPTS = 3


def download(published: Published, mirrors: Sequence[str], folder: Path, *, progress: bool) -> None:
    """Put the four archives of a ``published`` set into ``folder``, from the first of ``mirrors`` that delivers each.

    All four are downloaded and checked in a temporary folder beside ``folder``, then renamed into place: another run
    never sees a part of one. Raises ``DatasetError`` where no mirror delivers; then ``folder`` is as before.
    """
    # Lazy, as pooch below: a data set that is there needs neither.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    usable = _answering(mirrors)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        disable=not progress,
    )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=folder.parent) as temporary, bars:
            staged = Path(temporary) / folder.name
            staged.mkdir()
            for name in FILES:
                _fetch(published, name, usable, staged / f"{name}.gz", bars)
            _move(staged, folder)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _answering(mirrors: Sequence[str]) -> list[str]:
    """Return the mirrors that have the smallest file, asked all at once, in the order given.

    A machine without network must learn so within seconds, and a name server or a firewall that never answers holds a
    request for longer than any timeout that can be given to it: hence threads that are not waited for.
    """
    # Lazy: pooch brings in requests, which runs that download nothing need not wait for.
    from pooch import HTTPDownloader

    verdicts: dict[str, str | None] = {}

    def ask(mirror: str) -> None:
        try:
            here = HTTPDownloader(timeout=CONNECT_S)(f"{mirror}/{FILES[-1]}.gz", None, None, check_only=True)
            verdicts[mirror] = None if here else f"has no {FILES[-1]}.gz"
        except OSError as error:
            verdicts[mirror] = _brief(error)

    threads = [threading.Thread(target=ask, args=(mirror,), daemon=True) for mirror in mirrors]
    deadline = time.monotonic() + ANSWER_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    reasons = {mirror: verdicts.get(mirror, f"no answer in {ANSWER_S:g} s") for mirror in mirrors}
    answering = [mirror for mirror, reason in reasons.items() if reason is None]
    if not answering:
        listed = "; ".join(f"{urlsplit(mirror).netloc or mirror}: {reason}" for mirror, reason in reasons.items())
        raise DatasetError(f"no mirror answers ({listed})")
    return answering


def _fetch(published: Published, name: str, mirrors: Sequence[str], target: Path, bars: Progress) -> None:
    from pooch import HTTPDownloader

    reasons = []
    for mirror in mirrors:
        url = f"{mirror}/{name}.gz"
        for _ in range(ATTEMPTS):
            bar = _Bar(bars, name)
            # The archive itself, not what a server makes of it by packing or unpacking on the way.
            loader = HTTPDownloader(
                bar, chunk_size=1 << 16, timeout=(CONNECT_S, READ_S), headers={"Accept-Encoding": "identity"}
            )
            try:
                loader(url, str(target), None)
                file = read(target)
            except DatasetError as error:
                reason = str(error).replace(str(target), url)
            except OSError as error:
                reason = f"{url}: {_brief(error)}"
            else:
                if published.matches(file, name):
                    return
                reason = f"{url}: wrong md5, this is not the published {published.title}"
            bars.remove_task(bar.task)
        reasons.append(reason)
    raise DatasetError(f"{name} could not be downloaded: {'; '.join(reasons)}")


def _move(staged: Path, folder: Path) -> None:
    try:
        staged.rename(folder)
    except OSError:
        # The folder exists: an older copy that was damaged, or the whole one of a run at the same time. Either way
        # each file is replaced by one that is whole.
        folder.mkdir(exist_ok=True)
        for name in FILES:
            (staged / f"{name}.gz").replace(folder / f"{name}.gz")


def _brief(error: OSError) -> str:
    """Say in a few words what requests says in a paragraph."""
    text = str(error)
    for mark, words in (
        ("NameResolutionError", "its name cannot be resolved"),
        ("ConnectTimeout", "no answer in time"),
        ("Connection refused", "connection refused"),
        ("IncompleteRead", "the transfer broke off"),
        ("Read timed out", "the transfer stalled"),
    ):
        if mark in text:
            return words
    return " ".join(text.split())[:120] or type(error).__name__


class _Bar:
    """A progress bar as pooch drives it (``total``, ``update``, ``reset``, ``close``), drawn by rich."""

    def __init__(self, bars: Progress, name: str) -> None:
        self.total = 0
        self.task = bars.add_task(name, total=None)
        self._bars = bars

    def update(self, n_bytes: int) -> None:
        self._bars.update(self.task, total=self.total or None, advance=n_bytes)

    def reset(self) -> None:
        self._bars.update(self.task, completed=0)

    def close(self) -> None:
        self._bars.stop_task(self.task)
