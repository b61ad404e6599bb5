"""Connection rules: exact counts and degrees, bounds, autapses, statistics, and what a seed decides."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference_simulator import uniforms

import snnsim as sn
from snnsim import (
    IF,
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Network,
    NetworkError,
    OneToOne,
    Sparse,
    Uniform,
)

many = settings(max_examples=60, deadline=None, derandomize=True, database=None)
sizes = st.integers(1, 40)
seeds = st.integers(0, 2**64 - 1)

RANDOM: list[tuple[str, Callable[..., Any]]] = [
    ("FixedProbability", lambda **options: FixedProbability(0.3, **options)),
    ("FixedInDegree", lambda **options: FixedInDegree(6, **options)),
    ("FixedOutDegree", lambda **options: FixedOutDegree(6, **options)),
    ("FixedTotalNumber", lambda **options: FixedTotalNumber(200, **options)),
]
random_rules = pytest.mark.parametrize("rule", [case[1] for case in RANDOM], ids=[case[0] for case in RANDOM])


def join(rule: Any, n: int, m: int, *, seed: int = 0, **values: Any) -> Sparse:
    """Synapses from a population of n neurons to another of m."""
    net = Network(dt=0.5, seed=seed)
    made = net.connect(net.population("a", n, IF()), net.population("b", m, IF()), rule, **({"weight": 1.0} | values))
    assert isinstance(made.connection, Sparse)
    return made.connection


def join_own(rule: Any, size: int, source: slice, target: slice, *, seed: int = 0) -> Sparse:
    """Synapses from a slice of a population to another slice of it."""
    net = Network(seed=seed)
    p = net.population("p", size, IF())
    made: Any = net.connect(p[source], p[target], rule, weight=1.0).connection
    return made


def pairs(connection: Sparse) -> np.ndarray:
    """Rows of source and target; checks the form of the connection on the way."""
    pointers, targets = connection.pointers, connection.targets
    assert pointers[0] == 0
    assert len(targets) == len(connection.weights) == pointers[-1] == connection.n_synapses
    sources = np.repeat(np.arange(connection.n_sources), np.diff(pointers))
    assert ((targets >= 0) & (targets < connection.n_targets)).all()
    same_row = np.diff(sources) == 0
    assert (np.diff(targets)[same_row] >= 0).all()  # ascending within a source
    return np.stack([sources, targets], axis=1)


def assert_within(counts: Any, expected: Any, variance: Any, sigmas: float = 5.0) -> None:
    """Counts lie within so many standard deviations."""
    deviations = np.abs(np.asarray(counts) - expected) / np.sqrt(variance)
    assert (deviations < sigmas).all(), np.max(deviations)


# --- counts and bounds ------------------------------------------------------------------------------------------------


@given(n=sizes, m=sizes)
@many
def test_all_to_all_joins_every_pair_once(n: int, m: int) -> None:
    expected = [[j, k] for j in range(n) for k in range(m)]
    assert pairs(join(AllToAll(), n, m)).tolist() == expected
    assert pairs(join(FixedProbability(1.0), n, m)).tolist() == expected


@given(n=sizes)
@many
def test_one_to_one_joins_each_to_its_own(n: int) -> None:
    assert pairs(join(OneToOne(), n, n)).tolist() == [[j, j] for j in range(n)]


@given(n=sizes, m=sizes, p=st.floats(0, 1), seed=seeds)
@example(n=40, m=40, p=1e-300, seed=0)
@example(n=40, m=40, p=1 - 2.0**-53, seed=0)
@many
def test_fixed_probability_joins_a_pair_once_at_most(n: int, m: int, p: float, seed: int) -> None:
    found = pairs(join(FixedProbability(p), n, m, seed=seed))
    assert len(np.unique(found, axis=0)) == len(found)
    assert len(join(FixedProbability(0.0), n, m, seed=seed).targets) == 0


@given(n=sizes, m=sizes, k=st.integers(0, 60), seed=seeds)
@many
def test_degrees_and_totals_are_exact(n: int, m: int, k: int, seed: int) -> None:
    into = pairs(join(FixedInDegree(k), n, m, seed=seed))
    assert np.bincount(into[:, 1], minlength=m).tolist() == [k] * m
    out = pairs(join(FixedOutDegree(k), n, m, seed=seed))
    assert np.bincount(out[:, 0], minlength=n).tolist() == [k] * n
    assert len(pairs(join(FixedTotalNumber(k), n, m, seed=seed))) == k


@random_rules
def test_one_neuron_reaches_one_neuron(rule: Callable[..., Any]) -> None:
    assert set(pairs(join(rule(), 1, 1)).ravel()) <= {0}
    assert len(join(FixedInDegree(3), 1, 1).targets) == len(join(FixedOutDegree(3), 1, 1).targets) == 3


def test_synapses_are_counted() -> None:
    net = Network()
    a, b = net.population("a", 7, IF()), net.population("b", 5, IF())
    net.connect(a, b, AllToAll(), weight=1.0)
    net.connect(a[2:4], b, FixedInDegree(3), weight=1.0)
    assert net.n_synapses == 35 + 15


# --- autapses ---------------------------------------------------------------------------------------------------------


@st.composite
def two_slices(draw: Any) -> tuple[int, slice, slice]:
    size = draw(st.integers(1, 12))
    bounds = [sorted((draw(st.integers(0, size - 1)), draw(st.integers(1, size)))) for _ in range(2)]
    return size, *(slice(a, max(b, a + 1)) for a, b in bounds)


@given(where=two_slices(), seed=seeds, k=st.integers(0, 9))
@example(where=(10, slice(3, 4), slice(0, 10)), seed=0, k=2)
@example(where=(10, slice(0, 10), slice(3, 4)), seed=0, k=2)
@example(where=(5, slice(2, 3), slice(2, 3)), seed=0, k=1)
@settings(many, max_examples=200)
def test_without_autapses_no_neuron_reaches_itself(where: tuple[int, slice, slice], seed: int, k: int) -> None:
    """Counts stay exact; only where a neuron has nobody but itself is the connection refused."""
    size, source, target = where
    sources, targets = range(*source.indices(size)), range(*target.indices(size))
    allowed = [[s - source.start, t - target.start] for s in sources for t in targets if s != t]
    assert pairs(join_own(AllToAll(autapses=False), size, source, target)).tolist() == allowed
    free = np.array(allowed, int).reshape(-1, 2)
    alone_as_target = len(np.unique(free[:, 1])) < len(targets)
    alone_as_source = len(np.unique(free[:, 0])) < len(sources)
    rules = [
        (FixedProbability(0.5, autapses=False), False, None),
        (FixedInDegree(k, autapses=False), alone_as_target and k > 0, k * len(targets)),
        (FixedOutDegree(k, autapses=False), alone_as_source and k > 0, k * len(sources)),
        (FixedTotalNumber(k, autapses=False), not allowed and k > 0, k),
    ]
    for rule, refused, count in rules:
        if refused:
            with pytest.raises(NetworkError, match=f"{type(rule).__name__}.*autapses"):
                join_own(rule, size, source, target, seed=seed)
            continue
        found = pairs(join_own(rule, size, source, target, seed=seed))
        assert not (found[:, 0] + source.start == found[:, 1] + target.start).any(), rule
        assert count is None or len(found) == count, rule


@given(size=st.integers(1, 12), shift=st.integers(0, 11))
@many
def test_one_to_one_without_autapses(size: int, shift: int) -> None:
    found = pairs(join_own(OneToOne(autapses=False), size + shift, slice(0, size), slice(shift, size + shift)))
    assert found.tolist() == ([[j, j] for j in range(size)] if shift else [])


@random_rules
def test_autapses_occur_unless_they_are_excluded_and_only_within_a_population(rule: Callable[..., Any]) -> None:
    whole = slice(None)
    found = pairs(join_own(rule(), 40, whole, whole))
    assert (found[:, 0] == found[:, 1]).any()
    other = pairs(join(rule(autapses=False), 40, 40))
    assert np.array_equal(other, pairs(join(rule(), 40, 40)))
    assert (other[:, 0] == other[:, 1]).any()


@pytest.mark.parametrize(("rule", "number"), [(FixedInDegree, 400), (FixedOutDegree, 400), (FixedTotalNumber, 8000)])
def test_without_autapses_all_others_are_as_likely(rule: Any, number: int) -> None:
    found = pairs(join_own(rule(number, autapses=False), 20, slice(None), slice(None)))
    counts = np.zeros((20, 20), int)
    np.add.at(counts, (found[:, 0], found[:, 1]), 1)
    assert not counts.diagonal().any()
    assert_within(counts[~np.eye(20, dtype=bool)], 8000 / 380, 8000 / 380)


# --- statistics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "p"), [
    (200, 300, 0.02), (300, 200, 0.5), (50, 50, 0.98), (1000, 1000, 1e-4), (1, 50_000, 0.1), (50_000, 1, 0.1), (400, 400, 1 / 3),
    (2000, 2000, 0.1),
])  # fmt: skip
def test_a_fixed_probability_is_met(n: int, m: int, p: float) -> None:
    for seed in range(3):
        found = pairs(join(FixedProbability(p), n, m, seed=seed))
        assert_within(len(found), n * m * p, n * m * p * (1 - p))
        if min(n, m) * p > 5:
            # No row, column or neighbour is favoured, and degrees vary as those of independent pairs.
            for axis, size, others in ((0, n, m), (1, m, n)):
                degrees = np.bincount(found[:, axis], minlength=size)
                assert_within(degrees, others * p, others * p * (1 - p), 6.0)
                variance = others * p * (1 - p)
                assert_within(degrees.var(ddof=1), variance, 2 * variance**2 / (size - 1) * (1 + 6 / others))
            joined = np.zeros((n, m), bool)
            joined[found[:, 0], found[:, 1]] = True
            for both in (joined[:, 1:] & joined[:, :-1], joined[1:] & joined[:-1]):
                assert_within(both.sum(), both.size * p**2, both.size * (p**2 - p**4 + 2 * p**3 * (1 - p)))


@pytest.mark.parametrize(("rule", "axes"), [
    (FixedInDegree(300), (0,)), (FixedOutDegree(300), (1,)), (FixedTotalNumber(30_000), (0, 1)),
], ids=["in", "out", "total"])  # fmt: skip
def test_free_ends_are_drawn_evenly_and_with_replacement(rule: Any, axes: tuple[int, ...]) -> None:
    found = pairs(join(rule, 100, 100, seed=5))
    for axis in axes:
        assert_within(np.bincount(found[:, axis], minlength=100), 300, 300 * 0.99)
    # 300 draws of 100: with replacement a pair remains without a synapse with probability 0.99**300 = 4.9 %.
    free = 10_000 - len(np.unique(found, axis=0))
    expected = 10_000 * 0.99**300 if axes != (0, 1) else 10_000 * 0.9999**30_000
    assert_within(free, expected, expected)


# --- seeds ------------------------------------------------------------------------------------------------------------


@random_rules
def test_a_seed_decides(rule: Callable[..., Any]) -> None:
    values = {"weight": Uniform(0.5, 1.5), "delay": Uniform(0.0, 9.0)}
    one, again = (join(rule(), 30, 30, seed=2**62 + 5, **values) for _ in range(2))
    assert one.delays is not None
    for name in ("pointers", "targets", "weights", "delays"):
        assert np.array_equal(getattr(one, name), getattr(again, name)), name
    for seed in (2**62 + 6, 5, 2**61 + 5):  # the lower and the upper 32 bits both count
        other = join(rule(), 30, 30, seed=seed, **values)
        assert pairs(other).tolist() != pairs(one).tolist()
        k = min(len(other.weights), len(one.weights))
        assert np.mean(other.weights[:k] == one.weights[:k]) < 0.05
        assert np.mean(other.delays[:k] == one.delays[:k]) < 0.2  # of 19 delays


@random_rules
def test_projections_have_streams_of_their_own(rule: Callable[..., Any]) -> None:
    net = Network(seed=3)
    a, b = net.population("a", 30, IF()), net.population("b", 30, IF())
    made: list[Any] = [net.connect(a, b, rule(), weight=Uniform(0.0, 1.0)).connection for _ in range(4)]
    for i, one in enumerate(made):
        for other in made[:i]:
            assert pairs(one).tolist() != pairs(other).tolist()
            assert not np.isin(one.weights, other.weights).any()


@pytest.mark.parametrize("seed", [0, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_every_seed_that_a_network_takes_builds(seed: int) -> None:
    values = {"weight": sn.Normal(1.0, 0.1), "delay": Uniform(0.0, 9.0)}
    for _, rule in RANDOM:
        join(rule(), 5, 5, seed=1, **values)  # kernels have met a small seed before
        assert len(join(rule(), 30, 30, seed=seed, **values).weights) > 100


@pytest.mark.parametrize("rule", [FixedProbability(0.3), FixedInDegree(6), FixedOutDegree(6)], ids=["p", "in", "out"])
def test_a_row_does_not_depend_on_how_many_there_are(rule: Any) -> None:
    """Of sources (of targets for a fixed in-degree): more of them leave the first ones as they were."""
    by_target = isinstance(rule, FixedInDegree)
    few, more = (pairs(join(rule, *((25, k) if by_target else (k, 25)))) for k in (10, 20))
    row = more[:, 1] if by_target else more[:, 0]
    assert more[row < 10].tolist() == few.tolist()


def test_connections_and_noise_share_no_random_numbers() -> None:
    """Weights, targets and the noise of the first samples come from one key: their counters must not meet."""
    seed, n, bits = 9, 64, 2**24
    noise = {
        int(value * bits)
        for step in range(4)
        for population in (0, 1, 2)
        for value in uniforms(seed, step, population, np.arange(8), n).ravel()
    }
    net = Network(seed=seed)
    a, b = net.population("a", 8, IF()), net.population("b", 8, IF())
    weights: Any = net.connect(a, b, AllToAll(), weight=Uniform(0.0, 1.0)).connection.weights
    many: Any = net.population("many", bits, IF())
    reached: Any = net.connect(a, many, FixedOutDegree(8), weight=1.0).connection
    # A target of as many is the upper bits of a word.
    for drawn in ((weights * bits).astype(int), reached.targets):
        assert np.mean([int(value) in noise for value in drawn]) < 0.1


# --- weights and delays -----------------------------------------------------------------------------------------------


def test_values_are_one_or_an_array_in_the_order_of_the_synapses() -> None:
    one = join(AllToAll(), 2, 3, weight=0.25, delay=1.5)
    assert one.weights.tolist() == [0.25] * 6
    assert one.delays is None
    array = join(AllToAll(), 2, 3, weight=np.arange(1, 7), delay=[0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    assert array.weights.tolist() == [1, 2, 3, 4, 5, 6]
    assert array.delays.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    net = Network(dt=0.5)
    projection = net.connect(
        net.population("a", 2, IF()), net.population("b", 2, IF()), OneToOne(), weight=-1, delay=1.5
    )
    assert projection.delay == 1.5


def test_an_array_given_is_copied() -> None:
    weights = np.arange(1.0, 7.0)
    made = join(AllToAll(), 2, 3, weight=weights)
    weights[:] = 9
    assert made.weights.tolist() == [1, 2, 3, 4, 5, 6]


@given(
    mean=st.floats(-5, 5), std=st.floats(0, 5), dt=st.sampled_from([0.1, 0.25, 0.3, 1.0]), seed=st.integers(0, 2**31)
)
@many
def test_drawn_delays_lie_on_the_grid_and_are_not_negative(mean: float, std: float, dt: float, seed: int) -> None:
    net = Network(dt=dt, seed=seed)
    a, b = net.population("a", 10, IF()), net.population("b", 10, IF())
    for distribution in (sn.Normal(mean, std), sn.Uniform(mean, mean + std + 1), sn.Lognormal(mean / 5, std / 5)):
        delays: Any = net.connect(a, b, AllToAll(), weight=1.0, delay=distribution).connection.delays
        steps = delays / dt
        assert np.abs(steps - np.rint(steps)).max() < 1e-9
        assert delays.min() >= 0


def test_drawn_delays_are_rounded_to_the_nearest_step() -> None:
    delays = join(AllToAll(), 100, 100, delay=sn.Uniform(0.0, 2.0)).delays
    steps, counts = np.unique(np.rint(delays / 0.5), return_counts=True)
    assert steps.tolist() == [0, 1, 2, 3, 4]
    shares = np.array([1, 2, 2, 2, 1]) / 8  # half a step at either end
    assert_within(counts, 10_000 * shares, 10_000 * shares * (1 - shares))


def test_weights_clipped_to_zero_are_no_synapses() -> None:
    """Half of them are: a zero weight is not a synapse, so those pairs are not joined."""
    made = join(AllToAll(), 50, 50, weight=sn.Normal(0.0, 1.0, low=0.0), delay=sn.Uniform(0.0, 5.0))
    assert_within(made.n_synapses, 1250, 625)
    assert (made.weights > 0).all()
    assert len(pairs(made)) == len(made.delays)


def test_weights_and_delays_are_independent() -> None:
    made = join(AllToAll(), 100, 100, weight=Uniform(0.0, 1.0), delay=Uniform(0.0, 100.0))
    correlation = np.corrcoef(made.weights, made.delays)[0, 1]
    assert abs(correlation) < 5 / math.sqrt(10_000)
