"""Connections that depend on distance: probabilities, edges of the sheet, grids of different sizes, bounds."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim import IF, DistanceDependent, Network, NetworkError

many = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def joined(rule: DistanceDependent, *, seeds: int = 1, own: bool = False) -> np.ndarray:
    """How often each pair is joined, shape (sources, targets), over so many seeds."""
    n, m = math.prod(rule.source_grid), math.prod(rule.target_grid)
    counts = np.zeros((n, m), int)
    for seed in range(seeds):
        net = Network(seed=seed)
        a = net.population("a", n, IF())
        made: Any = net.connect(a, a if own else net.population("b", m, IF()), rule, weight=1.0).connection
        found = np.zeros((n, m), int)
        np.add.at(found, (np.repeat(np.arange(n), np.diff(made.pointers)), made.targets), 1)
        assert found.max() <= 1  # each pair at most once
        counts += found
    return counts


def distances(rule: DistanceDependent) -> np.ndarray:
    """From every source to every target, shape (sources, targets), straight from the description."""
    assert rule.extent is not None
    places = []
    for rows, columns in (rule.source_grid, rule.target_grid):
        y, x = np.mgrid[:rows, :columns]
        places.append([(y.ravel() + 0.5) * rule.extent[0] / rows, (x.ravel() + 0.5) * rule.extent[1] / columns])
    squared: Any = 0.0
    for source, target, length in zip(*places, rule.extent, strict=True):
        d = np.abs(source[:, None] - target)
        squared = squared + (np.minimum(d, length - d) if rule.periodic else d) ** 2
    return np.sqrt(squared)


def probabilities(rule: DistanceDependent) -> np.ndarray:
    d = distances(rule)
    profile = {"gaussian": np.exp(-(d**2) / (2 * rule.scale**2)), "exponential": np.exp(-d / rule.scale)}
    p = profile.get(rule.profile, np.where(d <= rule.scale + 1e-9, 1.0, 0.0))
    return rule.p * np.where(d <= rule.cutoff + 1e-9, p, 0.0)


@pytest.mark.parametrize("periodic", [False, True], ids=["sheet", "torus"])
@pytest.mark.parametrize("profile", DistanceDependent.PROFILES)
@pytest.mark.parametrize(("source", "target", "extent"), [
    ((9, 7), (9, 7), None), ((3, 4), (10, 6), None), ((12, 12), (5, 3), None), ((6, 6), (6, 6), (1.0, 2.5)),
    ((1, 20), (1, 30), None),
], ids=str)  # fmt: skip
def test_a_pair_is_joined_as_often_as_its_distance_says(
    source: Any, target: Any, extent: Any, profile: str, periodic: bool
) -> None:
    scale = 1.5 if extent is None else 0.6
    for cutoff in (math.inf, 1.4 * scale):
        rule = DistanceDependent(0.8, scale, source, target, profile, extent, periodic, cutoff)
        seeds = 60
        p, counts = probabilities(rule), joined(rule, seeds=seeds)
        assert not counts[p == 0].any()
        deviation = (counts - seeds * p) / np.sqrt(np.maximum(seeds * p * (1 - p), 1.0))
        assert np.abs(deviation).max() < 6.5
        # All pairs of about one probability together.
        for low, high in ((0.0, 0.01), (0.01, 0.1), (0.1, 0.4), (0.4, 1.0)):
            at = (p > low) & (p <= high)
            expected, variance = seeds * p[at].sum(), seeds * (p * (1 - p))[at].sum()
            assert abs(counts[at].sum() - expected) <= 5 * math.sqrt(variance) + 1e-9


@given(
    grids=st.tuples(*[st.integers(1, 9)] * 4), scale=st.floats(0.01, 20.0), periodic=st.booleans(),
    cutoff=st.floats(0.01, 20.0) | st.just(math.inf), extent=st.none() | st.tuples(st.floats(0.1, 30.0), st.floats(0.1, 30.0)),
)  # fmt: skip
@many
def test_a_disc_of_probability_1_is_everything_within_it(
    grids: Any, scale: float, periodic: bool, cutoff: float, extent: Any
) -> None:
    """Every pair within both scale and cutoff, none beyond; what lies on the edge up to rounding may be either."""
    rule = DistanceDependent(1.0, scale, grids[:2], grids[2:], "disc", extent, periodic, cutoff)
    d, radius = distances(rule), min(scale, cutoff)
    found = joined(rule).astype(bool)
    assert found[d < radius * (1 - 1e-6)].all()
    assert not found[d > radius * (1 + 1e-6)].any()


def test_neighbours_exactly_at_the_radius_belong_to_the_disc() -> None:
    found = joined(DistanceDependent(1.0, 1.0, (7, 7), (7, 7), "disc", periodic=True))
    assert (found.sum(axis=0) == 5).all()
    assert (found.sum(axis=1) == 5).all()
    corner = joined(DistanceDependent(1.0, 1.0, (7, 7), (7, 7), "disc"))[0].reshape(7, 7)
    assert np.argwhere(corner).tolist() == [[0, 0], [0, 1], [1, 0]]


def test_a_neuron_does_not_reach_itself_without_autapses() -> None:
    rule = DistanceDependent(1.0, 1.0, (5, 6), (5, 6), "disc")
    without = DistanceDependent(1.0, 1.0, (5, 6), (5, 6), "disc", autapses=False)
    assert joined(rule, own=True).trace() == 30
    assert np.array_equal(joined(rule, own=True) - np.eye(30, dtype=int), joined(without, own=True))
    assert np.array_equal(joined(without), joined(rule))  # other populations have none


def test_seeds_and_rows_differ() -> None:
    rule = DistanceDependent(0.5, 50.0, (10, 10), (10, 10))
    counts = joined(rule, seeds=40)
    assert 0 < counts.min() < counts.max() < 40
    first = joined(rule)
    assert np.array_equal(first, joined(rule))
    assert abs(np.corrcoef(first[0], first[1])[0, 1]) < 0.5


def make(**options: Any) -> DistanceDependent:
    return DistanceDependent(**({"p": 0.5, "scale": 1.0, "source_grid": (2, 3), "target_grid": (4, 5)} | options))


@pytest.mark.parametrize(("options", "words"), [
    ({"p": 1.5}, ("p", "0 and 1", "1.5")),
    ({"p": "x"}, ("p", "number")),
    ({"scale": 0.0}, ("scale", "above 0", "got 0")),
    ({"scale": math.inf}, ("scale", "finite")),
    ({"cutoff": -1.0}, ("cutoff", "above 0", "-1")),
    ({"cutoff": math.nan}, ("cutoff", "nan")),
    ({"profile": "square"}, ("profile", "gaussian", "'square'")),
    ({"source_grid": (0, 3)}, ("source_grid", "at least 1")),
    ({"target_grid": (2.5, 3)}, ("target_grid", "whole number", "2.5")),
    ({"target_grid": 12}, ("target_grid", "(rows, columns)", "12")),
    ({"extent": (1.0, 0.0)}, ("extent", "above 0")),
    ({"extent": 3.0}, ("extent", "(height, width)")),
])  # fmt: skip
def test_values_out_of_bounds_are_refused(options: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(NetworkError) as raised:
        make(**options)
    for word in ("DistanceDependent", *words):
        assert word in str(raised.value)


@pytest.mark.parametrize(("name", "sizes"), [("source_grid", (7, 20)), ("target_grid", (6, 19))])
def test_a_grid_must_have_the_size_of_its_population(name: str, sizes: tuple[int, int]) -> None:
    net = Network()
    a, b = (net.population(label, size, IF()) for label, size in zip("ab", sizes, strict=True))
    with pytest.raises(NetworkError, match=f"a->b.*{name}.*as many cells"):
        net.connect(a, b, make(), weight=1.0)
