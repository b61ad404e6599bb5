"""IDX files, the format of MNIST.

A big-endian header (two zero bytes, a type code, the number of dimensions, one uint32 per dimension), then the values
in C order. Images are type 0x08 (unsigned byte) with three dimensions, labels type 0x08 with one.

References: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from snnsim._errors import DatasetError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

_UBYTE = 0x08
_KNOWN_TYPES = {
    0x08: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "32-bit floats",
    0x0E: "64-bit floats",
}
_DIMENSIONS = {1: "labels (1 dimension)", 3: "images (3 dimensions)"}
_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class IdxFile:
    """One file as it was read: ``data`` is unpacked, ``md5`` is of ``data``, ``packed_md5`` of the file on disk."""

    path: Path
    data: bytes
    md5: str
    packed_md5: str


def locate(folder: Path) -> tuple[Path, ...]:
    """Find the four files in ``folder``, packed or not, also spelled ``train-images.idx3-ubyte``.

    Raises ``DatasetError`` where ``folder`` is no folder, or lacks one of them.
    """
    try:
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            raise DatasetError(f"{folder}: expected a folder with the four IDX files, found {found}")
        return tuple(_locate_one(folder, name) for name in FILES)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be looked into ({error.strerror or error})") from error


def _locate_one(folder: Path, name: str) -> Path:
    dotted = name.replace("-idx", ".idx")
    # The first is what a download leaves, so that it wins over whatever lay in the cache before.
    candidates = (f"{name}.gz", name, f"{dotted}.gz", dotted)
    for candidate in candidates:
        if (folder / candidate).is_file():
            return folder / candidate
    raise DatasetError(f"{folder}: no {name} here, looked for {', '.join(candidates)}")


def read(path: Path) -> IdxFile:
    """Read one file, unpacked if its name ends in ``.gz``. Raises ``DatasetError`` where that fails."""
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror or error})") from error
    packed_md5 = _md5(packed)
    if path.suffix != ".gz":
        return IdxFile(path, packed, packed_md5, packed_md5)
    if packed[:2] != _GZIP_MAGIC:
        raise DatasetError(f"{path}: expected a gzip archive, found a file that begins with {_begin(packed)}")
    try:
        data = gzip.decompress(packed)
    except EOFError as error:
        raise DatasetError(f"{path}: truncated: the gzip archive ends early, after {len(packed)} bytes") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path}: expected a whole gzip archive, found a damaged one ({error})") from error
    return IdxFile(path, data, _md5(data), packed_md5)


def images(file: IdxFile) -> npt.NDArray[np.uint8]:
    """Return the images of ``file``: uint8 (n, height, width), a read-only view. Raises ``DatasetError``."""
    return _parse(file, 3)


def labels(file: IdxFile) -> npt.NDArray[np.int64]:
    """Return the labels of ``file``: int64 (n,), 0 to 255. Raises ``DatasetError``."""
    return _parse(file, 1).astype(np.int64)


def _parse(file: IdxFile, n_dimensions: int) -> npt.NDArray[np.uint8]:
    data, path = file.data, file.path
    expected = f"an IDX file of {_DIMENSIONS[n_dimensions]}"
    header = 4 + 4 * n_dimensions
    if len(data) < 4:
        raise DatasetError(f"{path}: truncated: expected {expected}, found {len(data)} bytes in all")
    zero, kind, dimensions = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind not in _KNOWN_TYPES:
        raise DatasetError(f"{path}: not IDX: expected {expected}, found {_begin(data)}")
    if dimensions != n_dimensions:
        found = _DIMENSIONS.get(dimensions, f"{dimensions} dimensions")
        mislabelled = "mislabelled: " if dimensions in _DIMENSIONS else "wrong shape: "
        raise DatasetError(f"{path}: {mislabelled}expected {expected}, found {found}")
    if kind != _UBYTE:
        raise DatasetError(f"{path}: wrong magic: expected {expected} of unsigned bytes, found {_KNOWN_TYPES[kind]}")
    if len(data) < header:
        raise DatasetError(f"{path}: truncated: expected a header of {header} bytes, found {len(data)} bytes in all")
    shape = struct.unpack(f">{n_dimensions}I", data[4:header])
    size = " x ".join(str(length) for length in shape)
    if 0 in shape:
        raise DatasetError(f"{path}: empty: expected at least one value, its header says {size}")
    body = math.prod(shape)
    if len(data) != header + body:
        wrong = "truncated" if len(data) < header + body else "trailing bytes"
        raise DatasetError(
            f"{path}: {wrong}: expected {header + body} bytes, as its header says ({size}), found {len(data)}"
        )
    return np.frombuffer(data, np.uint8, body, header).reshape(shape)


def _begin(data: bytes) -> str:
    if data[:2] == _GZIP_MAGIC:
        return "a gzip archive (its name should end in .gz)"
    return f"the bytes {data[:4].hex(' ')}" if data else "nothing"


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
