"""Network descriptions: what is kept, and what is refused by which message, before and at a run."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    TTFS,
    Convolution,
    Dense,
    Graded,
    Network,
    NetworkError,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
)


def small(**changes: Any) -> Network:
    net = Network(dt=0.5, **changes)
    net.population("in", 3, SpikeArray())
    net.population("x", 2, Graded())
    net.population("n", 4, LIF())
    net.connect(net.populations["in"], net.populations["n"], np.ones((3, 4)))
    return net


def test_a_network_holds_what_it_was_given() -> None:
    net = Network(dt=0.25, seed=2**64 - 1)
    model = LIF(tau_m=[1.0, 2.0, 3.0])
    a = net.population("a", 3, model, active=(1.0, 2.5), encoder=True)
    b = net.population("b", 5, IF())
    projection = net.connect(a[1:], b[-2:], np.ones((2, 2)), receptor="step")
    assert (net.dt, net.seed, net.n_neurons, net.n_synapses) == (0.25, 2**64 - 1, 8, 4)
    assert (a.name, a.size, len(a), a.model, a.active, a.encoder) == ("a", 3, 3, model, (1.0, 2.5), True)
    assert net.populations == {"a": a, "b": b}
    assert (projection.name, projection.receptor, projection.graded) == ("a->b", "step", False)
    assert (projection.source.start, projection.source.stop) == (1, 3)
    assert (projection.target.start, projection.target.stop) == (3, 5)
    assert net.connect(a, b, np.ones((3, 5))).receptor == "delta"


def test_sources_that_code_a_value_are_encoders() -> None:
    net = Network()
    models = {"p": sn.Poisson(), "l": sn.Latency(), "g": Graded(), "s": SpikeArray(), "i": IF(), "t": TTFS()}
    encoders = {name: net.population(name, 1, model).encoder for name, model in models.items()}
    assert encoders == {"p": True, "l": True, "g": True, "s": False, "i": False, "t": False}


@pytest.mark.parametrize(("key", "expected"), [
    (slice(None), (0, 10)), (slice(3), (0, 3)), (slice(3, None), (3, 10)), (slice(-2, None), (8, 10)), (slice(2, 99), (2, 10)),
])  # fmt: skip
def test_slices(key: slice, expected: tuple[int, int]) -> None:
    part = Network().population("n", 10, IF())[key]
    assert (part.start, part.stop) == expected
    assert len(part) == expected[1] - expected[0]


def test_sparse_connections_hold_the_nonzero_weights() -> None:
    w = np.array([[0, 2.0, 0], [0, 0, 0], [-1.0, 0, 3.0]])
    for given in (w, scipy.sparse.csr_array(w), scipy.sparse.coo_matrix(w), scipy.sparse.csc_array(w)):
        made = Sparse.from_matrix(given)
        assert made.pointers.tolist() == [0, 1, 1, 3]
        assert made.targets.tolist() == [1, 0, 2]
        assert made.weights.tolist() == [2, -1, 3]
        assert (made.n_sources, made.n_targets, made.n_synapses) == (3, 3, 3)
    explicit_zero = scipy.sparse.csr_array(([1.0, 0.0], ([0, 1], [0, 1])), shape=(2, 2))
    assert Sparse.from_matrix(explicit_zero).n_synapses == 1
    assert explicit_zero.nnz == 2


def test_connections_are_counted_and_locked() -> None:
    weights = np.ones((3, 2))
    weights[1, 1] = 0
    dense = Dense(weights)
    weights[:] = 7
    assert (dense.n_sources, dense.n_targets, dense.n_synapses) == (3, 2, 5)
    with pytest.raises(ValueError, match="read-only"):
        dense.weights[0, 0] = 2
    convolution = Convolution(np.ones((2, 3, 3, 5)), 8, 6, 2)
    assert (convolution.height_out, convolution.width_out) == (3, 2)
    assert (convolution.n_sources, convolution.n_targets, convolution.n_synapses) == (96, 30, 90 * 6)


def connect(source: Any = "in", target: Any = "n", weights: Any = None, **options: Any) -> Any:
    net = small()
    pick = lambda value: net.populations[value] if isinstance(value, str) else value(net)  # noqa: E731
    return net.connect(pick(source), pick(target), np.ones((3, 4)) if weights is None else weights, **options)


BAD_NETWORKS: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    ("dt zero", lambda: Network(dt=0.0), ("Network.dt", "above 0 ms", "0")),
    ("dt negative", lambda: Network(dt=-0.1), ("Network.dt", "-0.1")),
    ("dt nan", lambda: Network(dt=math.nan), ("Network.dt", "nan")),
    ("dt inf", lambda: Network(dt=math.inf), ("Network.dt", "inf")),
    ("seed negative", lambda: Network(seed=-1), ("Network.seed", "-1")),
    ("seed too large", lambda: Network(seed=2**64), ("Network.seed", "2**64 - 1")),
    ("seed fractional", lambda: Network(seed=1.5), ("Network.seed", "1.5")),
    ("name taken", lambda: small().population("n", 1, IF()), ("'n'", "taken")),
    ("name empty", lambda: small().population("", 1, IF()), ("name", "empty")),
    ("model class", lambda: small().population("m", 1, LIF), ("'m'", "model", "LIF")),
    ("size zero", lambda: small().population("m", 0, LIF()), ("'m'", "size", "at least 1", "0")),
    ("size fractional", lambda: small().population("m", 1.5, LIF()), ("'m'", "size", "1.5")),
    ("size of parameters", lambda: small().population("m", 3, LIF(tau_m=[1, 2])), ("'m'", "3", "LIF", "2")),
    (
        "active off the grid",
        lambda: small().population("m", 1, IF(), active=(0.0, 1.3)),
        ("'m'", "active", "1.3", "0.5"),
    ),
    (
        "active backwards",
        lambda: small().population("m", 1, IF(), active=(2.0, 1.0)),
        ("'m'", "active", "start < stop"),
    ),
    ("active negative", lambda: small().population("m", 1, IF(), active=(-1.0, 1.0)), ("'m'", "active", "-1")),
    ("active nan", lambda: small().population("m", 1, IF(), active=(math.nan, 1.0)), ("'m'", "active", "nan")),
    ("index", lambda: small().populations["n"][2], ("'n'", "n[a:b]", "2")),
    ("empty slice", lambda: small().populations["n"][4:], ("'n'", "slice", "at least one")),
    ("step slice", lambda: small().populations["n"][::2], ("'n'", "slice", "rising")),
    ("weights transposed", lambda: connect(weights=np.ones((4, 3))), ("in->n", "4 to 3", "3 and 4")),
    (
        "weights of a slice",
        lambda: connect(source=lambda net: net.populations["in"][1:]),
        ("in->n", "3 to 4", "2 and 4"),
    ),
    ("weights flat", lambda: connect(weights=np.ones(12)), ("Dense.weights", "2 dimensions", "(12,)")),
    ("weights nan", lambda: connect(weights=np.full((3, 4), np.nan)), ("Dense.weights", "finite", "12 of 12")),
    (
        "weights inf",
        lambda: connect(weights=[[1, 2, 3, 4], [math.inf, 0, 0, 0], [0] * 4]),
        ("Dense.weights", "1 of 12"),
    ),
    ("weights no numbers", lambda: connect(weights="all-to-all"), ("Dense.weights", "number")),
    ("weights ragged", lambda: connect(weights=[[1, 2], [3]]), ("Dense.weights", "number")),
    ("receptor", lambda: connect(receptor="gaba"), ("in->n", "'gaba'", "delta", "step")),
    ("receptor of TTFS", lambda: _to_ttfs("delta"), ("in->t", "'delta'", "step")),
    ("to a source", lambda: connect(target="x", weights=np.ones((3, 2))), ("in->x", "Graded", "no receptor")),
    ("a name", lambda: small().connect("in", "n", np.ones((3, 4))), ("'in'", "no population")),
    ("another network", lambda: connect(source=lambda _: small().populations["in"]), ("'in'", "no population of this")),
    ("sparse start", lambda: Sparse([1, 2], [0], [1.0], 3), ("Sparse.pointers", "start at 0")),
    ("sparse falling", lambda: Sparse([0, 2, 1], [0], [1.0], 3), ("Sparse.pointers", "never decrease")),
    ("sparse lengths", lambda: Sparse([0, 2], [0, 1], [1.0], 3), ("Sparse.targets", "2", "1")),
    ("sparse target", lambda: Sparse([0, 1], [3], [1.0], 3), ("Sparse.targets", "0 and 2", "3")),
    ("sparse target of 33 bits", lambda: Sparse([0, 1], np.array([2**32]), [1.0], 3), ("Sparse.targets", "0 and 2")),
    ("sparse zero", lambda: Sparse([0, 1], [2], [0.0], 3), ("Sparse.weights", "zero")),
    ("sparse nan", lambda: Sparse([0, 1], [2], [math.nan], 3), ("Sparse.weights", "finite")),
    ("convolution shape", lambda: Convolution(np.ones((3, 3)), 8, 8), ("Convolution.weights", "4 dimensions")),
    ("kernel not square", lambda: Convolution(np.ones((1, 3, 2, 1)), 8, 8), ("Convolution.weights", "square", "3 x 2")),
    ("kernel too large", lambda: Convolution(np.ones((1, 9, 9, 1)), 8, 10), ("Convolution", "kernel of 9", "8 x 10")),
    ("stride zero", lambda: Convolution(np.ones((1, 3, 3, 1)), 8, 8, 0), ("Convolution.stride", "at least 1", "0")),
    ("stride fractional", lambda: Convolution(np.ones((1, 3, 3, 1)), 8, 8, 1.5), ("Convolution.stride", "1.5")),
    ("empty network", lambda: Simulator(Network()), ("no population",)),
    ("precision", lambda: Simulator(small(), precision="float16"), ("precision", "float32", "float64", "float16")),
    ("rate too high", lambda: _compile(sn.Poisson(rate=3000.0)), ("'m'", "Poisson.rate", "2000 Hz")),
    ("t_ref off the grid", lambda: _compile(LIF(t_ref=0.3)), ("'m'", "LIF.t_ref", "multiple", "0.5 ms")),
    ("t_open off the grid", lambda: _compile(TTFS(t_open=0.7)), ("'m'", "TTFS.t_open", "multiple")),
    ("window off the grid", lambda: _compile(sn.Latency(window=0.7)), ("'m'", "Latency.window", "multiple")),
]


def _compile(model: Any) -> Simulator:
    net = small()
    net.population("m", 2, model)
    return Simulator(net)


def _to_ttfs(receptor: str) -> Any:
    net = small()
    return net.connect(net.populations["in"], net.population("t", 4, TTFS()), np.ones((3, 4)), receptor=receptor)


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in BAD_NETWORKS], ids=[case[0] for case in BAD_NETWORKS])
def test_bad_networks_are_named(make: Callable[[], Any], words: tuple[str, ...]) -> None:
    with pytest.raises(NetworkError) as raised:
        make()
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize("make", [
    lambda net: net.population("m", 3, LIF(tau_m=[1, 2])), lambda net: net.population("m", 1, IF(), active=(0.0, 0.3)),
    lambda net: net.connect(net.populations["in"], net.populations["n"], np.ones((2, 2))),
])  # fmt: skip
def test_a_refused_addition_leaves_the_network_as_it_was(make: Callable[[Network], Any]) -> None:
    net = small()
    with pytest.raises(NetworkError):
        make(net)
    assert list(net.populations) == ["in", "x", "n"]
    assert len(net.projections) == 1


@pytest.mark.parametrize(("options", "words"), [
    ({"copies": 0}, ("Simulator.copies", "at least 1", "0")), ({"copies": 1.5}, ("Simulator.copies", "1.5")),
    ({"backend": "tpu"}, ("Simulator.backend", "tpu")), ({"threads": 0}, ("Simulator.threads", "at least 1", "0")),
    ({"threads": -2}, ("Simulator.threads", "-2")), ({"threads": 1.5}, ("Simulator.threads", "1.5")),
])  # fmt: skip
def test_bad_simulators_are_named(options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(SimulationError) as raised:
        Simulator(small(), **options)
    for word in words:
        assert word in str(raised.value)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    net = Network()
    net.population("n", np.int64(3), IF())
    assert Simulator(net, copies=np.int32(2)).copies == 2


def train(**changes: Any) -> SpikeTrain:
    given = {"copies": [0], "steps": [1], "neurons": [0], "size": 3, "n_copies": 1, "dt": 0.5, "start": 0, "stop": 4}
    return SpikeTrain(**(given | changes))


BAD_RUNS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("duration zero", {"duration": 0.0}, ("duration", "positive multiple", "0.5 ms")),
    ("duration negative", {"duration": -1.0}, ("duration", "-1")),
    ("duration off the grid", {"duration": 1.2}, ("duration", "0.5 ms", "1.2")),
    ("duration nan", {"duration": math.nan}, ("duration", "nan")),
    ("duration inf", {"duration": math.inf}, ("duration", "inf")),
    ("record nobody", {"record": {"m": ["v"]}}, ("record", "'m'", "in, x, n")),
    ("record nothing known", {"record": {"n": ["v", "w"]}}, ("record", "'n'", "'w'", "spikes", "'v'")),
    ("record the state of a train", {"record": {"in": ["v"]}}, ("record", "'in'", "'v'")),
    ("input for nobody", {"inputs": {"m": [1.0]}}, ("inputs", "'m'", "in, x, n")),
    ("array for a train", {"inputs": {"in": [1.0, 0.0, 0.0]}}, ("inputs", "'in'", "SpikeTrain", "list")),
    ("train for values", {"inputs": {"x": train(size=2)}}, ("inputs", "'x'")),
    ("values of another size", {"inputs": {"x": [1.0]}}, ("inputs", "'x'", "(2,)", "(2, 2)", "(1,)")),
    ("values for other copies", {"inputs": {"x": np.ones((3, 2))}}, ("inputs", "'x'", "(2, 2)", "(3, 2)")),
    ("values nan", {"inputs": {"x": [1.0, math.nan]}}, ("inputs", "'x'", "finite")),
    ("values no numbers", {"inputs": {"x": ["bright", "dark"]}}, ("inputs", "'x'", "number")),
    ("values ragged", {"inputs": {"x": [[1.0], [1.0, 2.0]]}}, ("inputs", "'x'", "number")),
    ("train of another size", {"inputs": {"in": train(size=4)}}, ("inputs", "'in'", "4", "3")),
    ("train of other copies", {"inputs": {"in": train(n_copies=3)}}, ("inputs", "'in'", "3 copies", "2")),
    ("train of another step", {"inputs": {"in": train(dt=0.1)}}, ("inputs", "'in'", "dt", "0.1", "0.5")),
    (
        "train fires twice",
        {"inputs": {"in": train(copies=[0, 0], steps=[1, 1], neurons=[2, 2])}},
        ("inputs", "'in'", "twice"),
    ),
    (
        "good values beside a bad train",
        {"inputs": {"n": [1.0] * 4, "x": [1.0, 1.0], "in": train(size=4)}},
        ("inputs", "'in'"),
    ),
    ("good values, bad recorder", {"inputs": {"n": [1.0] * 4}, "record": {"n": ["w"]}}, ("record", "'n'")),
]


@pytest.mark.parametrize(("given", "words"), [case[1:] for case in BAD_RUNS], ids=[case[0] for case in BAD_RUNS])
def test_a_refused_run_names_the_reason_and_leaves_the_state(given: dict[str, Any], words: tuple[str, ...]) -> None:
    record = {"n": ["v", "i"], "x": ["x"]}
    simulators = [Simulator(small(), copies=2) for _ in range(2)]
    inputs = {"n": [3.0, 2.0, 1.5, 0.5], "x": [0.25, 0.5], "in": train()}
    for simulator in simulators:
        simulator.run(2.5, inputs=inputs)
    with pytest.raises(SimulationError) as raised:
        simulators[0].run(**({"duration": 1.0} | given))
    for word in words:
        assert word in str(raised.value)
    assert simulators[0].step == 5
    refused, other = (simulator.run(4.0, record=record) for simulator in simulators)
    assert refused.states["n", "v"].any()
    for key, values in other.states.items():
        assert np.array_equal(refused.states[key], values), key


def test_a_potential_that_was_not_recorded_is_named() -> None:
    result = Simulator(small()).run(1.0, record={"n": ["spikes"]})
    with pytest.raises(SimulationError, match="'n' was not recorded"):
        result.v("n")
