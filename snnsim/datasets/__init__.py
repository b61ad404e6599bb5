"""Data sets: MNIST and its kin as IDX files, and the 8x8 digits of scikit-learn."""

from snnsim.datasets._sources import DATASETS, find, load
from snnsim.datasets._types import Dataset, Split

__all__ = ["DATASETS", "Dataset", "Split", "find", "load"]
