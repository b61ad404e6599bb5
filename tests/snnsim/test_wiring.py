"""Synapses in the flat arrays: their order, their precision, and that nothing but the seed decides them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from snnsim_kernels.layout import ProjectionColumn as Proj

import snnsim as sn
from snnsim import (
    IF,
    AllToAll,
    DistanceDependent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Lognormal,
    Network,
    NetworkError,
    Normal,
    Simulator,
    Sparse,
    Uniform,
)
from snnsim.compilation import CompiledNetwork, compile_network

N, M = 230, 180

RULES: dict[str, Callable[..., Any]] = {
    "all": AllToAll,
    "probability": lambda **options: FixedProbability(0.3, **options),
    "in": lambda **options: FixedInDegree(40, **options),
    "out": lambda **options: FixedOutDegree(60, **options),
    "total": lambda **options: FixedTotalNumber(9000, **options),
    "distance": lambda **options: DistanceDependent(0.9, 3.0, (23, 10), (12, 15), **options),
    "torus": lambda **options: DistanceDependent(0.9, 3.0, (23, 10), (12, 15), periodic=True, **options),
}
WEIGHTS: dict[str, Any] = {
    "one": -0.3,
    "normal": Normal(1.0, 0.3),
    "clipped": Normal(0.3, 1.0, low=0.0),
    "lognormal": Lognormal(0.1, 0.5, high=3.0),
}
DELAYS: dict[str, Any] = {"one delay": 0.3, "delays": Normal(1.5, 0.75, low=0.1)}


def network(rule: Any, weight: Any, delay: Any, *, seed: int = 3, n: int = N, m: int = M) -> Network:
    net = Network(dt=0.1, seed=seed)
    net.connect(net.population("a", n, IF()), net.population("b", m, IF()), rule, weight=weight, delay=delay)
    return net


def placed(compiled: CompiledNetwork, number: int = 0) -> tuple[np.ndarray, ...]:
    """Source, delay in steps, target and weight of each synapse of a projection, in the order of the arrays."""
    row, kind = compiled.projections[number], compiled.deliveries[compiled.projections[number, Proj.KIND]]
    n, n_delays = row[Proj.SOURCE_SIZE], row[Proj.N_DELAYS]
    pointers = compiled.pointers[row[Proj.POINTERS] :][: n * n_delays + 1]
    assert pointers[0] == 0
    assert (np.diff(pointers) >= 0).all()
    steps = compiled.delays[row[Proj.DELAYS] :][:n_delays]
    assert (np.diff(steps) > 0).all()
    size = pointers[-1]
    pool = compiled.narrow_targets if kind.narrow else compiled.targets
    targets = pool[row[Proj.SYNAPSES] :][:size].astype(np.int64)
    weights = compiled.weights[row[Proj.WEIGHTS] :][: 1 if kind.one_weight else size]
    segments = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    assert (np.diff(targets)[np.diff(segments) == 0] >= 0).all()
    return segments // n_delays, steps[segments % n_delays], targets, np.broadcast_to(weights, size)


@pytest.mark.parametrize("delay", DELAYS.values(), ids=DELAYS)
@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_compiled_synapses_are_those_of_the_connection(rule: Callable[..., Any], weight: Any, delay: Any) -> None:
    """The connection on demand holds what the arrays hold, in float64; targets ascend within a source and delay."""
    net = network(rule(), weight, delay)
    projection = net.projections[0]
    made: Any = projection.connection
    assert isinstance(made, Sparse)
    assert made.n_synapses == projection.n_synapses == net.n_synapses > 2000
    source = np.repeat(np.arange(N), np.diff(made.pointers))
    steps = np.full(len(source), 3) if made.delays is None else np.rint(made.delays / 0.1).astype(int)
    order = np.lexsort((made.targets, steps, source))
    for precision in ("float32", "float64"):
        found = placed(compile_network(net, precision))
        expected = source[order], steps[order], made.targets[order], made.weights[order].astype(precision)
        for ours, theirs in zip(found[:3], expected[:3], strict=True):
            assert np.array_equal(ours, theirs)
        # Synapses of one pair and delay may stand in either order.
        keys = [np.lexsort((w, t, d, s)) for s, d, t, w in (found, expected)]
        assert np.array_equal(found[3][keys[0]], expected[3][keys[1]])
        assert found[3].dtype == precision


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_threads_and_blocks_change_nothing(rule: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    arrays: list[Any] = []
    for threads, block in ((1, 2**18), (2, 2**18), (1, 50), (2, 700), (4, 97)):
        monkeypatch.setattr("snnsim.wiring.cores", lambda n=threads: n)
        monkeypatch.setattr("snnsim.wiring._BLOCK", block)
        compiled = compile_network(network(rule(), WEIGHTS["clipped"], DELAYS["delays"]), "float32")
        arrays.append([compiled.pointers, compiled.narrow_targets, compiled.weights, compiled.delays])
    for other in arrays[1:]:
        for ours, theirs in zip(arrays[0], other, strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("overlap", [False, True], ids=["apart", "itself"])
def test_totals_of_more_than_one_block_are_exact(overlap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five million edges are counted in two blocks, on one thread or more; sources are drawn evenly."""
    n, rows = 5_000_000, []
    for threads in (1, 2):
        monkeypatch.setattr("snnsim.wiring.cores", lambda n=threads: n)
        net = Network(seed=1)
        a = net.population("a", 100, IF())
        b = a if overlap else net.population("b", 100, IF())
        made: Any = net.connect(a, b, FixedTotalNumber(n, autapses=False), weight=1.0).synapses
        rows.append(made.starts)
    assert np.array_equal(*rows)
    assert rows[0][-1] == n
    assert scipy.stats.chisquare(np.diff(rows[0])).pvalue > 1e-6


@pytest.mark.parametrize("shift", [0, 3, 7])
def test_a_total_without_autapses_is_even_over_all_other_pairs(shift: int) -> None:
    """Also where the slices overlap in part: sources whose own neuron is no target have one target more."""
    net = Network(seed=5)
    p = net.population("p", 20, IF())
    made: Any = net.connect(p[:10], p[shift : shift + 10], FixedTotalNumber(200_000, autapses=False), weight=1.0)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (np.repeat(np.arange(10), np.diff(made.connection.pointers)), made.connection.targets), 1)
    allowed = np.arange(10)[:, None] != np.arange(10) + shift
    assert not counts[~allowed].any()
    assert scipy.stats.chisquare(counts[allowed]).pvalue > 1e-4


def test_sources_of_a_total_are_those_of_independent_edges() -> None:
    """Counts of a source are binomial: not exactly even, not more uneven than chance."""
    net = network(FixedTotalNumber(400_000), 1.0, 0.0, n=2000, m=2000)
    made: Any = net.projections[0].connection
    for degrees in (np.diff(made.pointers), np.bincount(made.targets, minlength=2000)):
        statistic = ((degrees - 200) ** 2 / 200).sum()
        assert 1e-4 < scipy.stats.chi2(1999).cdf(statistic) < 1 - 1e-4


@pytest.mark.parametrize(
    "distribution",
    [
        Normal(1.5, 0.75, low=0.1), Normal(0.75, 0.375), Normal(0.2, 2.0, low=-1.0, high=3.0), Uniform(0.33, 2.71),
        Lognormal(0.0, 0.7), Lognormal(0.3, 1.0, low=0.5, high=4.0),
    ],
    ids=str,
)  # fmt: skip
def test_delays_follow_the_distribution_on_the_grid(distribution: Any) -> None:
    """The share of each step is the probability of what is nearest to it; all below 0 counts as 0."""
    net = network(FixedOutDegree(1000), 1.0, distribution, n=200, m=50)
    _, steps, _, _ = placed(compile_network(net, "float32"))
    assert len(steps) == 200_000
    counts = np.bincount(steps)
    edges = (np.arange(len(counts)) + 0.5) * 0.1
    reached = cumulative(distribution, edges)
    reached[-1] = 1.0
    expected = np.diff(reached, prepend=0.0) * len(steps)
    assert counts[expected == 0].sum() == 0
    rare = expected < 10  # pooled, as the test wants
    pooled = [np.append(values[~rare], values[rare].sum()) for values in (counts, expected)]
    seen = pooled[1] > 0
    assert scipy.stats.chisquare(pooled[0][seen], pooled[1][seen]).pvalue > 1e-4
    assert steps.max() * 0.1 <= getattr(distribution, "high", math.inf) + 0.05


@pytest.mark.parametrize(
    ("distribution", "step"), [
        (Normal(1.04, 0.0), 10), (Normal(2.0, 1e-9), 20), (Normal(-3.0, 0.5), 0), (Lognormal(0.0, 0.0), 10),
        (Uniform(0.96, 1.04), 10), (Normal(0.0, 9.0, low=1.46, high=1.54), 15),
    ], ids=str,
)  # fmt: skip
def test_delays_of_one_step(distribution: Any, step: int) -> None:
    _, steps, _, _ = placed(compile_network(network(FixedOutDegree(30), 1.0, distribution), "float32"))
    assert (steps == step).all()


def cumulative(distribution: Any, x: np.ndarray) -> np.ndarray:
    """SciPy's probability of a value of at most x, clipping included."""
    if isinstance(distribution, Uniform):
        free = scipy.stats.uniform(distribution.low, distribution.high - distribution.low).cdf(x)
    elif isinstance(distribution, Normal):
        free = scipy.stats.norm(distribution.mean, max(distribution.std, 1e-12)).cdf(x)
    else:
        free = scipy.stats.lognorm(distribution.sigma, scale=math.exp(distribution.mu)).cdf(x)
    free = np.where(x < distribution.low, 0.0, free)
    return np.where(x >= distribution.high, 1.0, free)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_delays_are_independent_of_targets_and_weights(rule: Callable[..., Any]) -> None:
    _, steps, targets, weights = placed(compile_network(network(rule(), WEIGHTS["normal"], Uniform(0, 9)), "float64"))
    for other in (targets, weights):
        assert abs(scipy.stats.spearmanr(steps, other).statistic) < 5 / math.sqrt(len(steps))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_weights_follow_their_distribution_whatever_the_rule(rule: Callable[..., Any]) -> None:
    for weight, expected in (
        (Normal(1.0, 0.3), scipy.stats.norm(1.0, 0.3)),
        (
            Normal(0.3, 1.0, low=0.0),
            scipy.stats.truncnorm(-0.3, math.inf, 0.3, 1.0),
        ),  # what is clipped to 0 is no synapse
    ):
        _, _, _, weights = placed(compile_network(network(rule(), weight, Uniform(0, 9)), "float64"))
        assert scipy.stats.kstest(weights, expected.cdf).pvalue > 1e-5


def test_targets_take_16_bits_where_these_tell_them_apart() -> None:
    net = Network(seed=1)
    a, b = net.population("a", 50, IF()), net.population("b", 2**16 + 1, IF())
    for target in (b[1:], b):
        net.connect(a, target, FixedOutDegree(3000), weight=Normal(1.0, 0.1))
        net.connect(a, target, Sparse([0, *[2] * 50], [0, len(target) - 1], [1.0, 2.0], len(target)))
    compiled = compile_network(net, "float32")
    assert [compiled.deliveries[row[Proj.KIND]].narrow for row in compiled.projections] == [True, True, False, False]
    assert len(compiled.narrow_targets) == len(compiled.targets) == 150_002
    for number, size in enumerate((2**16, 2**16, 2**16 + 1, 2**16 + 1)):
        _, _, targets, _ = placed(compiled, number)
        made: Any = net.projections[number].connection
        assert np.array_equal(targets, made.targets)
        assert targets.max() >= size - 20
        assert targets.max() < size


@pytest.mark.parametrize("graded", [False, True], ids=["spikes", "graded"])
@pytest.mark.parametrize("weight", [0.25, Normal(0.2, 0.1)], ids=["one", "own"])
def test_narrow_and_wide_targets_give_the_same_simulation(
    weight: Any, graded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def simulate() -> Any:
        net = Network(dt=1.0, seed=2)
        source = net.population("s", 40, sn.Graded() if graded else sn.Poisson(rate=200.0))
        target = net.population("t", 60, IF(v_threshold=1.0))
        net.connect(source, target, FixedInDegree(9), weight=weight, delay=0.0 if graded else Uniform(0.0, 9.0))
        net.connect(target, target, FixedProbability(0.1), weight=weight)
        simulator = Simulator(net, precision="float32")
        inputs = {"s": np.linspace(-1.0, 1.0, 40)} if graded else None
        return simulator.run(100.0, inputs=inputs, record={"t": ["v", "spikes"]})

    narrow = simulate()
    monkeypatch.setattr("snnsim.placement._NARROW", 0)
    wide = simulate()
    assert np.array_equal(narrow.v("t"), wide.v("t"))
    assert narrow.spikes["t"] == wide.spikes["t"]
    assert np.array_equal(narrow.operations.events, wide.operations.events)
    assert narrow.operations.events.sum() > 300


def test_a_connection_is_drawn_when_it_is_asked_for() -> None:
    net = network(FixedTotalNumber(2**31 - 1), Normal(1.0, 0.1), 0.1, n=40_000, m=40_000)
    (projection,) = net.projections
    assert "connection" not in vars(projection)  # 43 GB
    assert not {"starts", "steps", "_drawn"} & vars(projection.synapses).keys()  # nor has anything been counted
    small = network(FixedTotalNumber(100), 1.0, 0.1).projections[0]
    assert small.connection is small.connection


def test_long_and_short_rows_are_sorted_alike() -> None:
    """Rows of 47 and of 48 targets are sorted in two ways, targets of 1 to 4 bytes in as many passes."""
    for m in (5, 200, 60_000, 2_000_000, 2**30):
        for k in (1, 2, 47, 48, 3000):
            made: Any = network(FixedOutDegree(k), 1.0, 0.0, n=3, m=m).projections[0].connection
            assert np.array_equal(np.diff(made.pointers), [k] * 3)
            for row in range(3):
                targets = made.targets[made.pointers[row] : made.pointers[row + 1]]
                assert (np.diff(targets) >= 0).all()
                if k == 3000:
                    assert scipy.stats.kstest(targets, scipy.stats.uniform(0, m).cdf).pvalue > 1e-5 or m == 5


@pytest.mark.parametrize(
    "weight", [1e-46, 1e39, Normal(1e39, 1e37), Lognormal(-110.0, 1.0)], ids=["zero", "infinite", "drawn", "lognormal"]
)
def test_weights_that_single_precision_cannot_hold_are_refused(weight: Any) -> None:
    net = network(FixedProbability(0.3), weight, 0.1)
    with pytest.raises(NetworkError, match=r"a->b.*float32"):
        compile_network(net, "float32")
    assert len(placed(compile_network(net, "float64"))[0]) == net.n_synapses


@pytest.mark.parametrize("mean", [0.0, -1.0, 1.0, 0.25])
def test_no_drawn_weight_is_zero(mean: float) -> None:
    weights: Any = network(AllToAll(), Normal(mean, abs(mean) + 0.5), 0.0, n=300, m=300).projections[0].connection
    assert weights.n_synapses == 90_000
    assert (weights.weights != 0).all()


@pytest.mark.parametrize("delay", [Lognormal(20.0, 1.0), Normal(1e7, 1.0), Uniform(0.0, 1e300), Lognormal(700.0, 9.0)])
def test_delays_that_may_be_too_long_are_refused_at_once(delay: Any) -> None:
    with pytest.raises(NetworkError, match=r"a->b.*delay.*at most 16777216 steps"):
        network(AllToAll(), 1.0, delay)


def test_graded_events_cannot_be_delayed_by_a_distribution() -> None:
    net = Network(dt=1.0)
    source, target = net.population("g", 3, sn.Graded()), net.population("t", 3, IF())
    with pytest.raises(NetworkError, match=r"g->t.*graded.*delay"):
        net.connect(source, target, AllToAll(), weight=1.0, delay=Uniform(0.0, 3.0))
    assert net.projections == []


# --- explicit synapses -------------------------------------------------------------------------------------------------


def test_arrays_of_synapses_in_any_order() -> None:
    made = Sparse.from_arrays([2, 0, 2, 2], [1, 0, 1, 0], [1.0, 2.0, 3.0, 4.0], n_sources=4, n_targets=2)
    assert made.pointers.tolist() == [0, 1, 1, 4, 4]
    assert made.targets.tolist() == [0, 1, 1, 0]
    assert made.weights.tolist() == [2, 1, 3, 4]
    assert made.delays is None
    assert made.n_targets == 2
    one = Sparse.from_arrays([1, 0], [0, 0], 0.5, [0.2, 0.1], n_sources=2, n_targets=1)
    assert one.weights.tolist() == [0.5, 0.5]
    assert one.delays is not None
    assert one.delays.tolist() == [0.1, 0.2]


def test_explicit_synapses_are_sorted_by_delay_and_target() -> None:
    rng = np.random.default_rng(1)
    sources, targets, delays = rng.integers(0, 9, 500), rng.integers(0, 7, 500), rng.integers(0, 4, 500) * 0.1
    weights = rng.normal(1.0, 0.1, 500)
    net = Network(dt=0.1)
    made = Sparse.from_arrays(sources, targets, weights, delays, n_sources=9, n_targets=7)
    net.connect(net.population("a", 9, IF()), net.population("b", 7, IF()), made)
    order = np.lexsort((targets, np.rint(delays / 0.1), sources))
    found = placed(compile_network(net, "float64"))
    assert np.array_equal(found[0], sources[order])
    assert np.array_equal(found[1], np.rint(delays / 0.1)[order])
    assert np.array_equal(found[2], targets[order])
    assert np.array_equal(found[3], weights[order])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 3], [0, 0], 1.0), ("sources", "0 and 2", "3")),
        (([0, 1], [0], 1.0), ("targets", "2", "(1,)")),
        (([0, 1], 0, 1.0), ("targets", "2", "()")),
        (([0, 1], [0, 5], 1.0), ("targets", "0 and 4", "5")),
        (([0, 1], [0, 1], [1.0]), ("weights", "2", "(1,)")),
        (([0, 1], [0, 1], 0.0), ("weights", "zero")),
        (([0, 1], [0, 1], 1.0, -0.1), ("delays", "at least 0 ms")),
        (([0.5, 1], [0, 1], 1.0), ("sources", "whole numbers")),
    ],
)
def test_arrays_that_disagree_are_refused(arguments: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(NetworkError) as raised:
        Sparse.from_arrays(*arguments, n_sources=3, n_targets=5)
    for word in ("Sparse", *words):
        assert word in str(raised.value)
