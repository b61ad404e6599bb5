"""The 8x8 digits that come with scikit-learn: real handwriting that needs no file and no network.

References: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import hashlib

import numpy as np

from snnsim.datasets._types import Dataset, Split, split_training

FULL_SCALE = 16
N_TEST = 300
SOURCE = "the 8x8 digits embedded in scikit-learn"


def load_digits(notice: str | None = None) -> Dataset:
    """Load the 1,797 digits in scikit-learn's order: 1,248 train, 249 validation, and the last 300 test."""
    # Lazy: importing scikit-learn takes a second, which runs on MNIST need not spend.
    from sklearn.datasets import load_digits as sklearn_digits

    bunch = sklearn_digits()
    images = bunch.images.astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    train, validation = split_training(images[:-N_TEST], labels[:-N_TEST], FULL_SCALE)
    content = images.tobytes() + labels.astype("<i8").tobytes()
    return Dataset(
        name="digits",
        train=train,
        validation=validation,
        test=Split(images[-N_TEST:], labels[-N_TEST:], FULL_SCALE),
        n_classes=10,
        md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
        source=SOURCE,
        notice=notice,
    )
