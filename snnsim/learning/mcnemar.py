"""McNemar's test: whether two classifiers differ, on the images that exactly one of them answers right.

References
----------
McNemar 1947, Note on the sampling error of the difference between correlated proportions or percentages, Psychometrika 12:153
(here the exact binomial form).
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["McNemar", "mcnemar"]


@dataclasses.dataclass(frozen=True)
class McNemar:
    """``first_only``, ``second_only`` : images that only one answered right; ``p`` : two-sided, exact, of no difference."""

    first_only: int
    second_only: int
    p: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Compare two classifiers by which of the same images they answered right."""
    # scipy comes with scikit-learn, and is slow to load.
    from scipy.stats import binomtest

    first_only, second_only = (int(np.count_nonzero(a & ~b)) for a, b in ((first, second), (second, first)))
    n = first_only + second_only
    return McNemar(first_only, second_only, float(binomtest(first_only, n).pvalue) if n else 1.0)
