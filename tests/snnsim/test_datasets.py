"""Where a data set comes from, what it is called, and how it is cut."""

import gzip
import hashlib
import re
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from snnsim._errors import DatasetError
from snnsim.datasets import DATASETS, Dataset, find, load
from snnsim.datasets import _sources as sources
from snnsim.datasets._idx import FILES
from snnsim.datasets._published import PUBLISHED, Published

NOWHERE = "http://127.0.0.1:1"
MNIST_MD5 = "f85aa589f05f099f408a1805d8a18637"


def make(folder: Path, n_train: int = 18, n_test: int = 5, size: tuple[int, int] = (3, 4), classes: int = 4) -> Path:
    rng = np.random.default_rng(n_train)
    folder.mkdir(parents=True)
    for i, n in enumerate((n_train, n_train, n_test, n_test)):
        array = rng.integers(0, 256, (n, *size), np.uint8) if i % 2 == 0 else np.arange(n, dtype=np.uint8) % classes
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        (folder / f"{FILES[i]}.gz").write_bytes(gzip.compress(header + array.tobytes(), 1))
    return folder


def md5s(folder: Path, *, unpacked: bool = True) -> tuple[str, str, str, str]:
    contents = [(folder / f"{name}.gz").read_bytes() for name in FILES]
    a, b, c, d = (hashlib.md5(gzip.decompress(x) if unpacked else x).hexdigest() for x in contents)
    return a, b, c, d


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no variables, and no network."""
    monkeypatch.setattr(sources, "cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("SNNSIM_DATA", raising=False)
    monkeypatch.setenv("SNNSIM_MIRROR", NOWHERE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Small sets that stand for the published ones, in folders whose names say nothing."""
    folders = {name: make(tmp_path / f"copy{i}", 60 + 6 * i) for i, name in enumerate(PUBLISHED)}
    for name, folder in folders.items():
        packed = PUBLISHED[name].packed
        published = Published(PUBLISHED[name].title, md5s(folder, unpacked=not packed), (NOWHERE,), packed)
        monkeypatch.setitem(PUBLISHED, name, published)
    return folders


def test_any_set_is_named_after_its_folder(tmp_path: Path) -> None:
    folder = make(tmp_path / "letters", n_train=27, n_test=8, size=(5, 7), classes=26)
    dataset = load("auto", folder)
    assert (dataset.name, dataset.source, dataset.notice) == ("letters", str(folder), None)
    assert (dataset.shape, dataset.n_classes) == ((5, 7), 26)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [23, 4, 8]
    assert dataset.md5 == hashlib.md5("".join(md5s(folder)).encode()).hexdigest()
    assert np.array_equal(dataset.validation.labels, [23, 24, 25, 0])


def test_pixels_and_first(tmp_path: Path) -> None:
    train = load("auto", str(make(tmp_path / "letters"))).train
    assert (train.pixels.dtype, train.pixels.shape) == (np.float32, (15, 12))
    assert np.array_equal(train.pixels, (train.images / 255).reshape(15, 12).astype(np.float32))
    assert np.array_equal(train.first(4).images, train.images[:4])
    assert np.array_equal(train.first(4).labels, train.labels[:4])
    assert len(train.first(1000)) == 15
    with pytest.raises(DatasetError, match="at least 1, not 0"):
        train.first(0)


def test_the_published_sets_are_known_by_their_md5(known: dict[str, Path]) -> None:
    for name, folder in known.items():
        assert load("auto", folder).name == name
        assert load(name, folder).name == name
        assert load(name, folder).notice is None


@pytest.mark.parametrize("asked", ["mnist", "fashion", "kmnist"])
def test_another_published_set_than_the_one_asked_for(asked: str, known: dict[str, Path]) -> None:
    for name in known.keys() - {asked}:
        with pytest.raises(
            DatasetError, match=f"mislabelled.*{PUBLISHED[asked].title}.*this is {PUBLISHED[name].title}"
        ):
            load(asked, known[name])


@pytest.mark.parametrize("asked", ["mnist", "fashion"])
def test_an_unknown_set_is_not_taken_for_a_published_one(asked: str, tmp_path: Path) -> None:
    folder = make(tmp_path / asked)
    with pytest.raises(DatasetError, match=rf"{FILES[0]}.gz: mislabelled.*expected .*{PUBLISHED[asked].md5[0]}.*found"):
        load(asked, folder)
    with pytest.raises(DatasetError, match=r"mislabelled.*rename the folder"):
        load("auto", folder)


def test_one_changed_pixel_is_named(known: dict[str, Path]) -> None:
    file = known["mnist"] / f"{FILES[2]}.gz"
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[-1] ^= 1
    file.write_bytes(gzip.compress(content))
    with pytest.raises(DatasetError, match=f"{FILES[2]}.gz: mislabelled"):
        load("mnist", known["mnist"])


def test_unpacked_kmnist_is_taken_with_a_notice(known: dict[str, Path]) -> None:
    for name in FILES:
        archive = known["kmnist"] / f"{name}.gz"
        (known["kmnist"] / name).write_bytes(gzip.decompress(archive.read_bytes()))
        archive.unlink()
    dataset = load("kmnist", known["kmnist"])
    assert dataset.name == "kmnist"
    assert dataset.notice is not None
    assert "unchecked" in dataset.notice


def test_given_data_never_falls_back(tmp_path: Path, known: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNSIM_DATA", str(known["mnist"]))
    for name in ("auto", "mnist", "fashion", "kmnist"):
        with pytest.raises(DatasetError, match="gone"):
            load(name, tmp_path / "gone")


def test_order_data_then_variable_then_cache(
    tmp_path: Path, cache: Path, known: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    known["mnist"].rename(cache / "mnist")
    assert load().source == str(cache / "mnist")
    assert load("mnist").name == "mnist"
    monkeypatch.setenv("SNNSIM_DATA", str(known["fashion"]))
    assert load().name == "fashion"
    assert load("auto", make(tmp_path / "letters")).name == "letters"
    monkeypatch.setenv("SNNSIM_DATA", "")
    assert load().name == "mnist"


def test_an_unusable_variable_is_an_error_that_names_it(
    tmp_path: Path, cache: Path, known: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    known["mnist"].rename(cache / "mnist")
    monkeypatch.setenv("SNNSIM_DATA", str(tmp_path / "gone"))
    for name in ("auto", "mnist"):
        with pytest.raises(DatasetError, match=r"\$SNNSIM_DATA is set but cannot be used: .*gone"):
            load(name)
    monkeypatch.setenv("SNNSIM_DATA", str(known["fashion"]))
    with pytest.raises(DatasetError, match=r"\$SNNSIM_DATA .*mislabelled.*MNIST"):
        load("mnist")


def test_auto_falls_back_to_the_digits_and_says_why(cache: Path) -> None:
    start = time.perf_counter()
    dataset = load(progress=False)
    assert time.perf_counter() - start < 10
    assert dataset.name == "digits"
    assert dataset.notice is not None
    assert re.search(
        f"digits embedded in scikit-learn: MNIST is not in {cache / 'mnist'} and .*127.0.0.1", dataset.notice
    )
    assert "\n" not in dataset.notice


def test_a_damaged_cache_is_told(cache: Path) -> None:
    make(cache / "mnist")
    notice = load(progress=False).notice
    assert notice is not None
    assert "damaged in the cache" in notice
    assert FILES[0] in notice


@pytest.mark.parametrize("name", ["mnist", "fashion", "kmnist"])
def test_a_set_that_was_asked_for_fails_with_what_to_do(name: str, cache: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        load(name, progress=False)
    for advice in ("--data", "$SNNSIM_DATA", str(cache / name), f"{NOWHERE}/{name}/"):
        assert advice in str(caught.value)


def test_digits() -> None:
    dataset = load("digits")
    assert (dataset.name, dataset.shape, dataset.n_classes, dataset.notice) == ("digits", (8, 8), 10, None)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [1248, 249, 300]
    assert dataset.train.full_scale == 16
    assert (dataset.train.pixels.min(), dataset.train.pixels.max()) == (0.0, 1.0)
    assert list(dataset.train.labels[:10]) == list(range(10))
    images = np.concatenate([dataset.train.images, dataset.validation.images, dataset.test.images])
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels, dataset.test.labels])
    assert dataset.md5 == hashlib.md5(images.tobytes() + labels.tobytes()).hexdigest()
    assert dataset.md5 == "5d8bc8ede2b0aee84f53c9369fc789d2"


def test_digits_take_no_folder_and_no_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNSIM_DATA", str(tmp_path / "gone"))
    assert load("digits").name == "digits"
    with pytest.raises(DatasetError, match="the digits come with scikit-learn"):
        load("digits", tmp_path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DatasetError, match=r"no data set is called 'minst': expected one of " + ", ".join(DATASETS)):
        load("minst")


def test_find_lists_what_is_here(
    tmp_path: Path, cache: Path, known: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = ("digits", "the 8x8 digits embedded in scikit-learn")
    assert find() == [digits]
    cache.mkdir()
    known["kmnist"].rename(cache / "kmnist")
    make(cache / "mnist")
    monkeypatch.setenv("SNNSIM_DATA", str(known["fashion"]))
    found = find()
    assert found[0] == ("fashion", f"$SNNSIM_DATA: {known['fashion']}")
    assert found[1][0] == "unusable"
    assert str(cache / "mnist") in found[1][1]
    assert found[2:] == [("kmnist", str(cache / "kmnist")), digits]
    monkeypatch.setenv("SNNSIM_DATA", str(tmp_path / "gone"))
    assert find()[0][0] == "unusable"
    assert "$SNNSIM_DATA" in find()[0][1]


@pytest.fixture(scope="module")
def mnist(mnist_dir: Path) -> Dataset:
    return load("mnist", mnist_dir)


def test_real_mnist(mnist: Dataset) -> None:
    assert (mnist.name, mnist.shape, mnist.n_classes, mnist.md5) == ("mnist", (28, 28), 10, MNIST_MD5)
    assert [len(split) for split in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    assert hashlib.md5("".join(PUBLISHED["mnist"].md5).encode()).hexdigest() == MNIST_MD5
    assert list(mnist.train.labels[:5]) == [5, 0, 4, 1, 9]
    assert list(mnist.test.labels[:5]) == [7, 2, 1, 0, 4]
    assert list(np.bincount(mnist.test.labels)) == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    labels = np.concatenate([mnist.train.labels, mnist.validation.labels])
    assert list(np.bincount(labels)) == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    pixels = mnist.test.first(100).pixels
    assert (pixels.min(), pixels.max()) == (0.0, 1.0)


def test_real_mnist_loads_fast(mnist_dir: Path) -> None:
    start = time.process_time()
    load("auto", mnist_dir)
    assert time.process_time() - start < 1.5
