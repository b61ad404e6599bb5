"""Where a data set is looked for: a given folder, ``$SNNSIM_DATA``, the user cache, the network."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from snnsim._errors import DatasetError
from snnsim.datasets import _idx
from snnsim.datasets._digits import SOURCE, load_digits
from snnsim.datasets._download import download
from snnsim.datasets._published import PUBLISHED, identify
from snnsim.datasets._types import Dataset, Split, split_training

DATASETS = ("auto", *PUBLISHED, "digits")
"""The names that ``load`` takes."""

DATA_VARIABLE = "SNNSIM_DATA"
MIRROR_VARIABLE = "SNNSIM_MIRROR"
FULL_SCALE = 255


def load(name: str = "auto", data: str | os.PathLike[str] | None = None, *, progress: bool = True) -> Dataset:
    """Load a data set.

    ``name``: "mnist", "fashion" or "kmnist" (known by their md5s), "digits" (the 8x8 digits of scikit-learn), or
    "auto": whatever ``data`` or ``$SNNSIM_DATA`` holds, else MNIST, else the digits with a ``notice`` that says why.
    ``data``: a folder of four IDX files, packed or not, of any image size and any number of images and classes. Under
    "auto" a set that is not one of the published three is named after its folder.
    ``progress``: show progress bars, on stderr, while downloading.

    Looked for in this order: ``data``, the folder in ``$SNNSIM_DATA``, the user cache, and a download into that cache
    from public mirrors (or from ``$SNNSIM_MIRROR``, a URL under which ``mnist/train-images-idx3-ubyte.gz`` and so on
    lie). The last sixth of the training images validates: 50,000, 10,000 and 10,000 images for MNIST.

    Raises ``DatasetError`` where a folder that was given cannot be used, or a set that was asked for cannot be had.
    """
    if name not in DATASETS:
        raise DatasetError(
            f"no data set is called {name!r}: expected one of {', '.join(DATASETS)}; "
            "a folder of four IDX files is given as data, with the name 'auto'"
        )
    if name == "digits":
        if data is not None:
            raise DatasetError(f"data={os.fspath(data)}: the digits come with scikit-learn, not from a folder")
        return load_digits()
    if data is not None:
        return _from_folder(name, Path(data))
    variable = os.environ.get(DATA_VARIABLE)
    if variable:
        return _from_variable(name, variable)
    wanted = "mnist" if name == "auto" else name
    try:
        return _from_cache_or_network(wanted, progress)
    except DatasetError as error:
        if name == "auto":
            return load_digits(f"running on {SOURCE}: {error}")
        raise DatasetError(
            f"{error}. Get the four files from {_mirrors(wanted)[0]}/ and give their folder as --data (data=) or "
            f"${DATA_VARIABLE}, or put them into {cache_folder(wanted)}"
        ) from error


def find() -> list[tuple[str, str]]:
    """List the data sets that are on this machine, as (name, where). Downloads nothing, raises nothing."""
    found = []
    variable = os.environ.get(DATA_VARIABLE)
    if variable:
        try:
            found.append((_from_variable("auto", variable).name, f"${DATA_VARIABLE}: {variable}"))
        except DatasetError as error:
            found.append(("unusable", str(error)))
    for name in PUBLISHED:
        folder = cache_folder(name)
        if folder.is_dir():
            try:
                found.append((_from_folder(name, folder).name, str(folder)))
            except DatasetError as error:
                found.append(("unusable", str(error)))
    found.append(("digits", SOURCE))
    return found


def cache_folder(name: str) -> Path:
    """Return the folder of the user cache for the published set ``name``."""
    import platformdirs  # a folder that is given needs no package beyond NumPy

    return platformdirs.user_cache_path("snnsim") / name


def _from_variable(name: str, value: str) -> Dataset:
    try:
        return _from_folder(name, Path(value))
    except DatasetError as error:
        raise DatasetError(f"${DATA_VARIABLE} is set but cannot be used: {error}") from error


def _mirrors(name: str) -> tuple[str, ...]:
    own = os.environ.get(MIRROR_VARIABLE)
    return (f"{own.rstrip('/')}/{name}",) if own else PUBLISHED[name].mirrors


def _from_cache_or_network(name: str, progress: bool) -> Dataset:
    published, folder = PUBLISHED[name], cache_folder(name)
    state = f"not in {folder}"
    if folder.exists():
        try:
            return _from_folder(name, folder)
        except DatasetError as error:
            state = f"damaged in the cache ({error})"
    try:
        download(published, _mirrors(name), folder, progress=progress)
    except DatasetError as error:
        raise DatasetError(f"{published.title} is {state} and cannot be downloaded: {error}") from error
    return replace(_from_folder(name, folder), source=f"{folder}, downloaded now")


def _from_folder(name: str, folder: Path) -> Dataset:
    folder = folder.expanduser()
    files = [_idx.read(path) for path in _idx.locate(folder)]
    # What the files are comes before whose they are: "truncated" says more than "another md5".
    train, validation, test, n_classes = _splits(files)
    true_name, notice = _name(name, files, folder)
    return Dataset(
        name=true_name,
        train=train,
        validation=validation,
        test=test,
        n_classes=n_classes,
        md5=hashlib.md5("".join(file.md5 for file in files).encode("ascii"), usedforsecurity=False).hexdigest(),
        source=str(folder),
        notice=notice,
    )


def _name(asked: str, files: list[_idx.IdxFile], folder: Path) -> tuple[str, str | None]:
    """Name the set in ``folder``, with the notice that it needs. Raises ``DatasetError`` if another was asked for."""
    found = identify(files)
    if asked == "auto":
        return found or _folder_name(folder), None
    published = PUBLISHED[asked]
    difference = published.differing(files)
    if difference is None:
        return asked, None
    if published.packed and found is None:
        # Only the md5s of the archives are known: files unpacked, or packed anew, cannot be told from others.
        return asked, f"{folder} is taken for {published.title} unchecked: these are not the archives as published"
    file, md5, expected = difference
    hint = f"this is {PUBLISHED[found].title}" if found else "a set of your own goes by the name 'auto'"
    raise DatasetError(
        f"{file.path}: mislabelled: expected the published {published.title} (md5 {expected}), found md5 {md5}; {hint}"
    )


def _folder_name(folder: Path) -> str:
    name = folder.resolve().name
    if name in DATASETS or not name:
        raise DatasetError(
            f"{folder}: mislabelled: a set is named after its folder, and what lies here is not {name!r} as published; "
            "rename the folder"
        )
    return name


def _splits(files: list[_idx.IdxFile]) -> tuple[Split, Split, Split, int]:
    """Parse the four files and check that they fit together: training, validation, test, and the number of classes."""
    train_images, test_images = _idx.images(files[0]), _idx.images(files[2])
    train_labels, test_labels = _idx.labels(files[1]), _idx.labels(files[3])
    for images, labels, i in ((train_images, train_labels, 0), (test_images, test_labels, 2)):
        if len(images) != len(labels):
            raise DatasetError(
                f"{files[i + 1].path}: expected {len(images)} labels, one for each image in {files[i].path.name}, "
                f"found {len(labels)}"
            )
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DatasetError(
            f"{files[2].path}: wrong shape: expected images of {_size(train_images.shape)} pixels as in "
            f"{files[0].path.name}, found {_size(test_images.shape)}"
        )
    if len(train_images) < 6:
        raise DatasetError(
            f"{files[0].path}: expected at least 6 images, of which the last sixth validates, found {len(train_images)}"
        )
    n_classes = int(train_labels.max()) + 1
    if n_classes < 2:
        raise DatasetError(f"{files[1].path}: expected at least 2 classes, found the label 0 alone")
    if test_labels.max() >= n_classes:
        raise DatasetError(
            f"{files[3].path}: label out of range: expected 0 to {n_classes - 1} as in {files[1].path.name}, "
            f"found {test_labels.max()}"
        )
    train, validation = split_training(train_images, train_labels, FULL_SCALE)
    return train, validation, Split(test_images, test_labels, FULL_SCALE), n_classes


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[2]}"
