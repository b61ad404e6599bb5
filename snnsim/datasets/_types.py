"""What a data set is once it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from snnsim._errors import DatasetError


@dataclass(frozen=True, eq=False)
class Split:
    """Labelled grey images.

    ``images``: uint8 (n, height, width), 0 to ``full_scale``. ``labels``: int64 (n,), from 0.
    ``full_scale``: the pixel value that means 1.0 (255 for IDX files, 16 for the 8x8 digits).
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    full_scale: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def pixels(self) -> npt.NDArray[np.float32]:
        """The images as float32 (n, height * width) in [0, 1]; a new array at each call."""
        pixels = self.images.reshape(len(self.images), -1).astype(np.float32)
        pixels /= self.full_scale
        return pixels

    def first(self, n: int) -> Split:
        """Take the first ``n`` images, or all of them where there are fewer; ``DatasetError`` if ``n`` < 1."""
        if n < 1:
            raise DatasetError(f"Split.first: n must be at least 1, not {n}")
        return Split(self.images[:n], self.labels[:n], self.full_scale)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one data set, with the record of where they come from.

    ``name``: "mnist", "fashion", "kmnist", "digits", or the name of the folder that held the files.
    ``n_classes``: one more than the highest training label.
    ``md5``: of the ASCII md5s of the four unpacked files in order (train images, train labels, test images, test
    labels), or, for the digits, of the pixels as uint8 followed by the labels as little-endian int64.
    ``source``: where the data were found, and ``notice``: what the user must be told about it, one line each.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    n_classes: int
    md5: str
    source: str
    notice: str | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        _, height, width = self.train.images.shape
        return height, width


def split_training(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], full_scale: int
) -> tuple[Split, Split]:
    """Cut the training images into training and validation: the last sixth validates (10,000 of MNIST's 60,000)."""
    n_train = len(images) - len(images) // 6
    return (
        Split(images[:n_train], labels[:n_train], full_scale),
        Split(images[n_train:], labels[n_train:], full_scale),
    )
