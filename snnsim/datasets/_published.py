"""The data sets that are published as four IDX files: where they are, and the md5s that tell them from all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snnsim.datasets._idx import FILES, IdxFile


@dataclass(frozen=True)
class Published:
    """``md5``: of the four files in the order of ``FILES``, unpacked, or ``packed`` where only those were published."""

    title: str
    md5: tuple[str, str, str, str]
    mirrors: tuple[str, ...]
    packed: bool = False

    def differing(self, files: Sequence[IdxFile]) -> tuple[IdxFile, str, str] | None:
        """Return the first of ``files`` that is not the published one, with its md5 and the published md5, or None."""
        for file, published in zip(files, self.md5, strict=True):
            md5 = file.packed_md5 if self.packed else file.md5
            if md5 != published:
                return file, md5, published
        return None

    def matches(self, file: IdxFile, name: str) -> bool:
        """Tell whether ``file`` is the published one of that ``name`` in ``FILES``."""
        return self.md5[FILES.index(name)] == (file.packed_md5 if self.packed else file.md5)


PUBLISHED = {
    "mnist": Published(
        "MNIST",
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist"),
    ),
    "fashion": Published(
        "Fashion-MNIST",
        (
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
        ),
    ),
    "kmnist": Published(
        "KMNIST",
        # Of the archives: the md5s of KMNIST's unpacked files were never published.
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        (
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            # The publisher's host is often out of reach; this is the web archive's unaltered copy of the same files.
            "https://web.archive.org/web/2020id_/http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        ),
        packed=True,
    ),
}


def identify(files: Sequence[IdxFile]) -> str | None:
    """Name the published set that these four files are, or None."""
    return next((name for name, published in PUBLISHED.items() if published.differing(files) is None), None)
