"""Distributions of weights and delays: moments, quantiles, bounds, independence."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim import Lognormal, Normal, Uniform

N = 50_000

CASES: list[tuple[str, Any, Any]] = [
    ("uniform", Uniform(-2.0, 5.0), scipy.stats.uniform(-2.0, 7.0)),
    ("narrow uniform", Uniform(1.0, 1.0 + 1e-6), scipy.stats.uniform(1.0, 1e-6)),
    ("normal", Normal(3.0, 0.5), scipy.stats.norm(3.0, 0.5)),
    ("negative normal", Normal(-40.0, 7.0), scipy.stats.norm(-40.0, 7.0)),
    ("lognormal", Lognormal(0.3, 0.8), scipy.stats.lognorm(0.8, scale=math.exp(0.3))),
]
cases = pytest.mark.parametrize(
    ("distribution", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)


@cases
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_values_follow_the_distribution(distribution: Any, expected: Any, seed: int) -> None:
    distribution.draw(1, 0, 0, 1)  # kernels have met a small seed before
    values = distribution.draw(N, seed, 0, 1)
    assert values.shape == (N,)
    assert values.dtype == np.float64
    assert abs(values.mean() - expected.mean()) < 5 * expected.std() / math.sqrt(N)
    kurtosis = float(expected.stats("k")) + 3
    assert abs(values.var() / expected.var() - 1) < 5 * math.sqrt((kurtosis - 1) / N)
    assert scipy.stats.kstest(values, expected.cdf).pvalue > 1e-6
    assert len(np.unique(values)) > 0.99 * N


@cases
def test_values_are_independent_of_their_neighbours(distribution: Any, expected: Any) -> None:
    ranks = scipy.stats.rankdata(distribution.draw(N, 1, 0, 1))
    for lag in (1, 2, 3, 4, 7):
        assert abs(np.corrcoef(ranks[lag:], ranks[:-lag])[0, 1]) < 5 / math.sqrt(N), lag


@cases
def test_seed_stream_and_purpose_each_give_other_values(distribution: Any, expected: Any) -> None:
    keys = [(0, 0, 1), (1, 0, 1), (2**32, 0, 1), (0, 1, 1), (0, 0, 2)]
    drawn = [distribution.draw(N, *key) for key in keys]
    assert np.array_equal(drawn[0], distribution.draw(N, *keys[0]))
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            rank = scipy.stats.spearmanr(one, other).statistic
            assert abs(rank) < 5 / math.sqrt(N)


def test_a_longer_draw_begins_with_the_shorter() -> None:
    for distribution in (Uniform(0.0, 1.0), Normal(0.0, 1.0), Lognormal(0.0, 1.0)):
        assert np.array_equal(distribution.draw(100, 7, 3, 1)[:33], distribution.draw(33, 7, 3, 1))
        assert distribution.draw(0, 7, 3, 1).shape == (0,)


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6), seed=st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
def test_values_keep_their_bounds(low: float, width: float, seed: int) -> None:
    high = low + width
    values = Uniform(low, high).draw(200, seed, 0, 1)
    assert ((values >= low) & (values <= high)).all()
    values = Normal(low, width, low=low - width / 2, high=low + width / 4).draw(200, seed, 0, 1)
    assert ((values >= low - width / 2) & (values <= low + width / 4)).all()
    assert (Lognormal(low / 1e5, 1.0).draw(200, seed, 0, 1) > 0).all()


def test_a_normal_is_clipped_where_it_says() -> None:
    values = Normal(1.0, 2.0, low=-1.0, high=2.0).draw(N, 3, 0, 1)
    free = Normal(1.0, 2.0).draw(N, 3, 0, 1)
    assert np.array_equal(values, np.clip(free, -1.0, 2.0))
    for share, probability in (
        ((values == -1).mean(), scipy.stats.norm.cdf(-1)),
        ((values == 2).mean(), scipy.stats.norm.sf(0.5)),
    ):
        assert abs(share - probability) < 5 * math.sqrt(probability * (1 - probability) / N)


def test_a_lognormal_is_clipped_where_it_says() -> None:
    values = Lognormal(0.2, 0.9, low=0.8, high=2.0).draw(N, 3, 0, 1)
    assert np.array_equal(values, np.clip(Lognormal(0.2, 0.9).draw(N, 3, 0, 1), 0.8, 2.0))
    assert 0.01 < (values == 0.8).mean() < (values < 2.0).mean() < 0.99


@pytest.mark.parametrize("distribution", [
    Uniform(-1.0, 3.0), Normal(2.0, 0.7), Normal(0.0, 1.0, low=-0.5, high=2.5), Lognormal(0.3, 0.6),
    Lognormal(0.0, 1.0, low=1.0, high=1.5),
], ids=str)  # fmt: skip
def test_cumulative_probabilities_are_those_of_what_is_drawn(distribution: Any) -> None:
    values = distribution.draw(N, 5, 0, 1)
    low, high = distribution.range()
    assert low <= values.min() < values.max() <= high
    for x in np.linspace(-1.5, 4.0, 23):
        p = float(distribution.cumulative(np.array([x]))[0])
        assert abs((values <= x).mean() - p) <= 5 * math.sqrt(p * (1 - p) / N)


def test_without_spread_all_values_are_the_same() -> None:
    assert (Normal(-1.5, 0.0).draw(50, 0, 0, 1) == -1.5).all()
    np.testing.assert_allclose(Lognormal(2.0, 0.0).draw(50, 0, 0, 1), math.exp(2.0), rtol=1e-15)
