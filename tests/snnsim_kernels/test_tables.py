"""Numbers drawn by integer tables: the number of a word is exactly what the thresholds say, and gaps are geometric."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numba import njit
from snnsim_kernels.tables import Table, drawn_from, gaps_of, table_of

from snnsim import IF, FixedProbability, Network


@njit
def numbers_of(table: Any, words: Any) -> Any:
    return np.array([drawn_from(table, word) for word in words])


@pytest.mark.parametrize(
    "cumulative",
    [
        np.array([1.0]), np.zeros(5), np.array([0.0, 0.0, 0.3, 0.3, 0.9, 1.0, 1.0]), np.linspace(0.001, 1.0, 1000),
        1 - np.exp(-np.arange(1, 20_000) / 3000), np.array([2.0**-32, 0.5, 1 - 2.0**-32]), np.repeat([0.25, 0.5, 1.0], 300),
    ],
    ids=["certain", "never", "gaps", "even", "long", "ends", "repeated"],
)  # fmt: skip
def test_the_number_of_a_word_is_that_of_the_thresholds_it_reaches(cumulative: np.ndarray) -> None:
    first, table = table_of(cumulative)
    reached = [round(value * 2**32) for value in cumulative]
    rng = np.random.default_rng(1)
    words = [0, 1, 2**20 - 1, 2**20, 2**31, 2**32 - 1, *rng.integers(0, 2**32, 300).tolist()]
    words += [
        min(max(threshold + d, 0), 2**32 - 1) for threshold in reached[:: len(reached) // 50 + 1] for d in (-1, 0, 1)
    ]
    found = first + numbers_of(Table(*table), np.array(words, np.uint32))
    assert found.tolist() == [sum(threshold <= word for threshold in reached) for word in words]


@pytest.mark.parametrize("p", [0.9, 0.3, 0.03, 0.004, 0.001, 1e-4, 1e-5, 3e-7])
def test_gaps_are_geometric(p: float) -> None:
    """Tested in about 20 classes of equal probability, over rows long enough for some 20,000 of them."""
    m = min(2**30, round(2000 / p))
    net = Network(seed=1)
    made: Any = net.connect(
        net.population("a", 12, IF()), net.population("b", m, IF()), FixedProbability(p), weight=1.0
    )
    made = made.connection
    sources = np.repeat(np.arange(12), np.diff(made.pointers))
    assert len(sources) > 3000
    gaps = np.diff(made.targets.astype(np.int64))[np.diff(sources) == 0]
    geometric = scipy.stats.geom(p)
    edges = np.unique(geometric.ppf(np.linspace(0, 1, 21)[1:-1]))
    counts = np.bincount(np.searchsorted(edges, gaps), minlength=len(edges) + 1)
    expected = np.diff(np.concatenate([[0.0], geometric.cdf(edges), [1.0]])) * len(gaps)
    assert scipy.stats.chisquare(counts[expected > 5], expected[expected > 5], sum_check=False).pvalue > 1e-4
    assert gaps.max() > 0.3 * math.log(len(gaps)) / p


def test_the_tables_of_a_gap_are_small() -> None:
    for p in (1e-300, 1e-9, 1e-5, 0.01, 0.5, 1 - 2.0**-53):
        gaps = gaps_of(p)
        assert len(gaps.fine.thresholds) <= 1024
        assert len(gaps.coarse.thresholds) <= 4096
