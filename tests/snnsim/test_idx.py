"""IDX files: read back exactly, or refused by a message that names the file, what was expected and what was found."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from snnsim._errors import DatasetError
from snnsim.datasets import load
from snnsim.datasets._idx import FILES, IdxFile, images, labels, locate, read

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


def idx(array: np.ndarray, kind: int = 0x08) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        TRAIN_IMAGES: rng.integers(0, 256, (12, 5, 4), np.uint8),
        TRAIN_LABELS: np.arange(12, dtype=np.uint8) % 3,
        TEST_IMAGES: rng.integers(0, 256, (7, 5, 4), np.uint8),
        TEST_LABELS: np.arange(7, dtype=np.uint8) % 3,
    }


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, array in arrays().items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array), 1))
    return folder


Damage = Callable[[Path], None]


def plain(name: str, content: bytes) -> Damage:
    """Put ``content`` in place of the file ``name``, unpacked."""

    def damage(folder: Path) -> None:
        (folder / f"{name}.gz").unlink()
        (folder / name).write_bytes(content)

    return damage


def packed(name: str, change: Callable[[bytes], bytes]) -> Damage:
    """Change the bytes of the archive ``name``."""

    def damage(folder: Path) -> None:
        file = folder / f"{name}.gz"
        file.write_bytes(change(file.read_bytes()))

    return damage


WHOLE = arrays()
IMAGES, LABELS = idx(WHOLE[TRAIN_IMAGES]), idx(WHOLE[TRAIN_LABELS])
BAD: dict[str, tuple[Damage, str, tuple[str, ...]]] = {
    "body truncated": (
        plain(TRAIN_IMAGES, IMAGES[:-1]),
        TRAIN_IMAGES,
        ("truncated", "expected 256 bytes", "found 255"),
    ),
    "header truncated": (plain(TRAIN_IMAGES, IMAGES[:9]), TRAIN_IMAGES, ("truncated", "header of 16 bytes", "found 9")),
    "magic truncated": (plain(TRAIN_LABELS, LABELS[:3]), TRAIN_LABELS, ("truncated", "found 3 bytes")),
    "file empty": (plain(TEST_LABELS, b""), TEST_LABELS, ("truncated", "found 0 bytes")),
    "trailing bytes": (plain(TEST_IMAGES, IMAGES + b"x"), TEST_IMAGES, ("trailing bytes", "expected 256", "found 257")),
    "labels for images": (plain(TRAIN_IMAGES, LABELS), TRAIN_IMAGES, ("mislabelled", "expected", "found labels")),
    "images for labels": (plain(TEST_LABELS, IMAGES), TEST_LABELS, ("mislabelled", "expected", "found images")),
    "two dimensions": (
        plain(TRAIN_IMAGES, idx(WHOLE[TRAIN_IMAGES][0])),
        TRAIN_IMAGES,
        ("wrong shape", "images (3 dimensions)", "found 2 dimensions"),
    ),
    "floats": (
        plain(TRAIN_IMAGES, idx(WHOLE[TRAIN_IMAGES].astype(">f4"), 0x0D)),
        TRAIN_IMAGES,
        ("wrong magic", "unsigned bytes", "found 32-bit floats"),
    ),
    "little-endian magic": (
        plain(TRAIN_LABELS, LABELS[3::-1] + LABELS[4:]),
        TRAIN_LABELS,
        ("not IDX", "found the bytes 01 08 00 00"),
    ),
    "a web page": (plain(TRAIN_IMAGES, b"<!DOCTYPE html>"), TRAIN_IMAGES, ("not IDX", "found the bytes 3c 21 44 4f")),
    "packed but not named so": (
        plain(TRAIN_IMAGES, gzip.compress(IMAGES)),
        TRAIN_IMAGES,
        ("not IDX", "found a gzip archive (its name should end in .gz)"),
    ),
    "no images": (
        plain(TRAIN_IMAGES, idx(np.zeros((0, 5, 4), np.uint8))),
        TRAIN_IMAGES,
        ("empty", "at least one value", "0 x 5 x 4"),
    ),
    "no pixels": (plain(TEST_IMAGES, idx(np.zeros((7, 0, 4), np.uint8))), TEST_IMAGES, ("empty", "7 x 0 x 4")),
    "huge header": (
        plain(TRAIN_IMAGES, struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)),
        TRAIN_IMAGES,
        ("truncated", "found 16"),
    ),
    "not gzip": (
        packed(TRAIN_IMAGES, lambda _: IMAGES),
        TRAIN_IMAGES,
        ("expected a gzip archive", "found a file that begins with the bytes 00 00 08 03"),
    ),
    "archive empty": (packed(TRAIN_IMAGES, lambda _: b""), TRAIN_IMAGES, ("expected a gzip archive", "nothing")),
    "archive truncated": (packed(TEST_IMAGES, lambda b: b[:-20]), TEST_IMAGES, ("truncated", "ends early")),
    "archive cut in its check": (packed(TEST_LABELS, lambda b: b[:-2]), TEST_LABELS, ("truncated", "ends early")),
    "archive with a wrong check": (packed(TEST_LABELS, lambda b: b[:-8] + bytes(8)), TEST_LABELS, ("damaged",)),
    "archive garbled": (packed(TRAIN_LABELS, lambda b: b[:10] + b"\xff" * 20), TRAIN_LABELS, ("damaged",)),
    "archive with a tail": (packed(TRAIN_LABELS, lambda b: b + b"tail"), TRAIN_LABELS, ("damaged",)),
    "fewer training labels": (
        plain(TRAIN_LABELS, idx(WHOLE[TRAIN_LABELS][:-1])),
        TRAIN_LABELS,
        ("expected 12 labels", "found 11"),
    ),
    "more test labels": (
        plain(TEST_LABELS, idx(np.zeros(8, np.uint8))),
        TEST_LABELS,
        ("expected 7 labels", "found 8"),
    ),
    "test label out of range": (
        plain(TEST_LABELS, idx(np.full(7, 3, np.uint8))),
        TEST_LABELS,
        ("label out of range", "expected 0 to 2", "found 3"),
    ),
    "one class": (plain(TRAIN_LABELS, idx(np.zeros(12, np.uint8))), TRAIN_LABELS, ("at least 2 classes",)),
    "images of two sizes": (
        plain(TEST_IMAGES, idx(np.zeros((7, 4, 5), np.uint8))),
        TEST_IMAGES,
        ("wrong shape", "expected images of 5 x 4", "found 4 x 5"),
    ),
    "a file is missing": (lambda folder: (folder / f"{TEST_IMAGES}.gz").unlink(), TEST_IMAGES, ("looked for",)),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("name", ["auto", "mnist"])
def test_bad_files_are_refused_by_name(case: str, name: str, tmp_path: Path) -> None:
    damage, file, words = BAD[case]
    folder = write(tmp_path / "letters")
    damage(folder)
    with pytest.raises(DatasetError) as caught:
        load(name, folder)
    message = str(caught.value)
    assert str(folder) in message
    assert file in message
    for word in words:
        assert word in message
    assert "\n" not in message


def test_too_few_training_images(tmp_path: Path) -> None:
    folder = write(tmp_path / "letters")
    plain(TRAIN_IMAGES, idx(WHOLE[TRAIN_IMAGES][:5]))(folder)
    plain(TRAIN_LABELS, idx(WHOLE[TRAIN_LABELS][:5]))(folder)
    with pytest.raises(DatasetError, match=f"{TRAIN_IMAGES}: expected at least 6 images.*found 5"):
        load("auto", folder)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.gz: cannot be read"):
        read(tmp_path / "gone.gz")


def test_locate_wants_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="file: expected a folder with the four IDX files, found a file"):
        locate(tmp_path / "file")
    with pytest.raises(DatasetError, match="gone: expected a folder with the four IDX files, found nothing"):
        locate(tmp_path / "gone")
    with pytest.raises(DatasetError, match="cannot be looked into"):
        locate(tmp_path / ("x" * 5000))


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("mark", ["-idx", ".idx"])
def test_every_spelling_is_found(suffix: str, mark: str, tmp_path: Path) -> None:
    for name, array in WHOLE.items():
        content = idx(array)
        file = tmp_path / (name.replace("-idx", mark) + suffix)
        file.write_bytes(gzip.compress(content) if suffix else content)
    dataset = load("auto", tmp_path)
    assert np.array_equal(dataset.test.images, WHOLE[TEST_IMAGES])
    assert np.array_equal(dataset.test.labels, WHOLE[TEST_LABELS])


@settings(max_examples=60, deadline=None)
@given(
    array=npst.arrays(np.uint8, st.one_of(npst.array_shapes(min_dims=3, max_dims=3), npst.array_shapes(max_dims=1))),
    pack=st.booleans(),
)
def test_round_trip(array: np.ndarray, pack: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("idx") / ("a.gz" if pack else "a")
    file.write_bytes(gzip.compress(idx(array), 1) if pack else idx(array))
    back = images(read(file)) if array.ndim == 3 else labels(read(file))
    assert back.dtype == (np.uint8 if array.ndim == 3 else np.int64)
    assert np.array_equal(back, array)


def almost_idx() -> st.SearchStrategy[bytes]:
    """Bytes with a header that is right or nearly so, in front of a body of any length."""
    small = st.integers(0, 3)
    header = st.builds(
        lambda kind, dims: struct.pack(f">HBB{len(dims)}I", 0, kind, len(dims), *dims),
        st.sampled_from([0x07, 0x08, 0x0B]),
        st.lists(small, min_size=1, max_size=3),
    )
    return st.builds(bytes.__add__, header, st.binary(max_size=8))


@settings(max_examples=300, deadline=None)
@given(content=st.one_of(st.binary(max_size=20), almost_idx()), n_dimensions=st.sampled_from([1, 3]))
def test_any_bytes_parse_or_are_refused(content: bytes, n_dimensions: int) -> None:
    file = IdxFile(Path("any"), content, "", "")
    expected = struct.pack(">I", 0x800 + n_dimensions)
    shape = struct.unpack(f">{n_dimensions}I", content[4 : 4 + 4 * n_dimensions].ljust(4 * n_dimensions, b"\0"))
    body = content[4 + 4 * n_dimensions :]
    good = content[:4] == expected and 0 < int(np.prod(shape)) == len(body)
    parse = images if n_dimensions == 3 else labels
    if good:
        assert parse(file).shape == shape
        assert parse(file).astype(np.uint8).tobytes() == body
    else:
        with pytest.raises(DatasetError, match=r"^any: "):
            parse(file)
