"""Networks whose synapses are built on a card, or in Numba's CUDA simulator, and what must hold there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim import (
    IF,
    AllToAll,
    Convolution,
    DistanceDependent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Lognormal,
    Network,
    NetworkError,
    Normal,
    Normalisation,
    OneToOne,
    SimulationError,
    Simulator,
    Sparse,
    Uniform,
)
from snnsim.compilation import CompiledNetwork, compile_network

ARRAYS = ("pointers", "targets", "narrow_targets", "weights", "delays", "projections", "populations")

RULES: dict[str, Any] = {
    "total": FixedTotalNumber(50), "total without autapses": FixedTotalNumber(50, autapses=False),
    "out": FixedOutDegree(7), "out without autapses": FixedOutDegree(7, autapses=False),
    "in": FixedInDegree(7), "in without autapses": FixedInDegree(7, autapses=False),
    "probability": FixedProbability(0.4), "probability without autapses": FixedProbability(0.4, autapses=False),
    "all": AllToAll(), "all without autapses": AllToAll(autapses=False),
    "one": OneToOne(), "one without autapses": OneToOne(autapses=False),
}  # fmt: skip
VALUES: dict[str, tuple[Any, Any, str]] = {
    "one weight, one delay": (-1.5, 0.3, "float32"),
    "uniform, drawn delays": (Uniform(-0.5, 1.5), Uniform(0.0, 1.2), "float64"),
    "clipped normal, drawn delays": (Normal(1.0, 0.5, low=0.3, high=1.4), Normal(1.5, 0.75, low=0.1), "float32"),
    "clipped lognormal, one delay": (Lognormal(0.0, 1.0, low=0.3, high=2.0), 0.1, "float64"),
}


def join(rule: Any, weight: Any, delay: Any, *, n: int = 6, m: int = 6, seed: int = 2**63 + 5) -> Network:
    """One population, or from it to another, so that autapses are possible, or not."""
    net = Network(dt=0.1, seed=seed)
    a = net.population("a", n, IF())
    b = a if not rule.autapses else net.population("b", m, IF())
    net.connect(a, b, rule, weight=weight, delay=delay)
    return net


def slices() -> Network:
    """Rules between slices of one population, in which some sources can reach themselves and others cannot."""
    net = Network(dt=0.1, seed=11)
    p = net.population("p", 12, IF())
    for rule in (
        FixedTotalNumber(40, autapses=False), FixedOutDegree(6, autapses=False), FixedInDegree(6, autapses=False),
        FixedProbability(0.5, autapses=False), AllToAll(autapses=False),
    ):  # fmt: skip
        net.connect(p[2:9], p[5:12], rule, weight=Uniform(0.5, 1.5), delay=Uniform(0.1, 0.9))
        net.connect(p[6:12], p[0:8], rule, weight=1.0)
    return net


def mixed() -> Network:
    """Projections that are built on the host between those that are built on the card, and wide targets between narrow ones."""
    net = Network(dt=0.1, seed=12)
    small, large = net.population("small", 9, IF()), net.population("large", 70_000, IF())
    net.connect(small, large, FixedTotalNumber(60), weight=Normal(1.0, 0.1), delay=Uniform(0.1, 0.5))
    net.connect(small, small, np.arange(81.0).reshape(9, 9), delay=0.2)
    net.connect(small, large, FixedProbability(2e-4), weight=Uniform(0.5, 1.0), delay=0.1)
    net.connect(small, small, DistanceDependent(0.8, 1.0, (3, 3), (3, 3)), weight=0.5, delay=Uniform(0.1, 0.5))
    net.connect(small, small, Convolution(np.ones((1, 3, 3, 9)), 3, 3), delay=0.1)
    net.connect(
        small, small, FixedOutDegree(5), weight=Normal(0.5, 0.5, low=0.0), delay=Uniform(0.1, 0.5)
    )  # drops zeros
    own = Sparse([0, 1, 1, 3, 3, 3, 3, 3, 3, 3], [69_999, 5, 5], [1.0, 2.0, 3.0], 70_000, [0.3, 0.2, 0.1])
    net.connect(small, large, own)
    net.connect(small, large, FixedOutDegree(3), weight=-0.25)
    return net


def normalised() -> Network:
    """Synapses with weights of their own, although these are equal."""
    net = Network(dt=0.1, seed=13)
    a, b = net.population("a", 8, IF()), net.population("b", 8, IF())
    net.regulate(net.connect(a, b, FixedProbability(0.5), weight=0.1), Normalisation(1.0, 1.0))
    net.regulate(net.connect(a, b, FixedTotalNumber(30), weight=Uniform(0.1, 0.9)), Normalisation(1.0, 1.0))
    return net


def empty() -> Network:
    """Rules without a single synapse."""
    net = Network(dt=0.1, seed=14)
    a, b = net.population("a", 5, IF()), net.population("b", 4, IF())
    for rule in (
        FixedTotalNumber(0),
        FixedOutDegree(0),
        FixedInDegree(0),
        FixedProbability(0.0),
        FixedProbability(1e-300),
    ):
        net.connect(a, b, rule, weight=Normal(1.0, 0.1), delay=Uniform(0.4, 0.8))
    return net


def unconnected() -> Network:
    """A network without projections."""
    net = Network(dt=0.1)
    net.population("a", 3, IF())
    return net


def alone() -> Network:
    """One neuron to many, and many to one."""
    net = Network(dt=0.1, seed=15)
    one, many = net.population("one", 1, IF()), net.population("many", 30, IF())
    for rule in (FixedOutDegree(35), FixedInDegree(2), FixedProbability(0.9), FixedTotalNumber(33), AllToAll()):
        net.connect(one, many, rule, weight=Uniform(0.5, 1.5), delay=Uniform(0.1, 0.3))
        net.connect(many, one, rule if rule != FixedOutDegree(35) else FixedOutDegree(2), weight=1.0)
    return net


CASES: dict[str, tuple[Callable[[], Network], str]] = {
    f"{name}, {values}": (lambda rule=rule, weight=weight, delay=delay: join(rule, weight, delay), precision)
    for name, rule in RULES.items()
    for values, (weight, delay, precision) in VALUES.items()
} | {
    "slices": (slices, "float32"), "mixed": (mixed, "float32"), "normalised": (normalised, "float32"), "empty": (empty, "float32"),
    "alone": (alone, "float64"),
    "no projections": (unconnected, "float32"),
    "rare": (lambda: join(FixedProbability(3e-4), 1.0, 0.1, n=40, m=3000), "float32"),  # gaps longer than the fine table
    "nearly all": (lambda: join(FixedProbability(1 - 2.0**-53), 1.0, 0.1, n=3, m=40), "float32"),
    "delays of one step": (lambda: join(FixedOutDegree(4), 1.0, Uniform(0.46, 0.54)), "float32"),
    "delays of many steps": (lambda: join(FixedOutDegree(40), Uniform(0.1, 1.0), Uniform(0.0, 40.0)), "float32"),
    "long rows": (lambda: join(FixedOutDegree(70), Normal(1.0, 0.1), Uniform(0.1, 0.9), n=4), "float32"),
    "long rows, one delay": (lambda: join(FixedInDegree(40), 1.0, 0.1, n=3, m=5), "float32"),
}  # fmt: skip


def built(name: str) -> CompiledNetwork:
    """Compile the network of a case with its synapses on the card; what does not fit shared memory there is small for long rows."""
    from snnsim import cuda_placement

    make, precision = CASES[name]
    before = cuda_placement._SHARED_BYTES
    if name.startswith("long rows"):
        cuda_placement._SHARED_BYTES = 8 * 16
    try:
        return compile_network(make(), precision, None, cuda_placement.place_on_device)
    finally:
        cuda_placement._SHARED_BYTES = before


def arrays_of(compiled: CompiledNetwork) -> dict[str, np.ndarray]:
    """The flat arrays and the tables that point into them."""
    return {name: getattr(compiled, name) for name in ARRAYS}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Connections and delays are the same; weights agree to 1e-6."""
    for name in ARRAYS:
        assert found[name].dtype == expected[name].dtype, name
        if name == "weights":
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=0)
        else:
            np.testing.assert_array_equal(found[name], expected[name], name)


@st.composite
def networks(draw: Any) -> Network:
    """One rule between two slices of one or of two populations."""
    sizes = [draw(st.integers(1, 40)) for _ in range(2)]
    net = Network(dt=0.1, seed=draw(st.integers(0, 2**64 - 1)))
    own = draw(st.booleans())
    pre = net.population("a", sizes[0], IF())
    post = pre if own else net.population("b", sizes[1], IF())
    bounds = [sorted(draw(st.lists(st.integers(0, p.size), min_size=2, max_size=2, unique=True))) for p in (pre, post)]
    number, p = draw(st.integers(0, 30)), draw(st.floats(0, 1))
    # A neuron that has nobody but itself to draw may not leave itself out.
    autapses = draw(st.booleans()) or min(b - a for a, b in bounds) == 1
    rule = draw(st.sampled_from([FixedTotalNumber, FixedOutDegree, FixedInDegree, FixedProbability]))
    made = rule(p if rule is FixedProbability else number, autapses=autapses)
    weight = draw(st.sampled_from([1.0, Uniform(0.5, 1.5), Normal(0.0, 1.0), Lognormal(0.0, 1.0, high=3.0)]))
    delay = draw(st.sampled_from([0.2, Uniform(0.0, 1.0), Normal(1.5, 0.75)]))
    net.connect(pre[slice(*bounds[0])], post[slice(*bounds[1])], made, weight=weight, delay=delay)
    return net


@given(net=networks(), precision=st.sampled_from(["float32", "float64"]))
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def check_random_networks(net: Network, precision: str) -> None:
    """What a card builds for any sizes, slices and seeds is what the CPU builds."""
    from snnsim.cuda_placement import place_on_device

    expected = arrays_of(compile_network(net, precision))
    # Counted anew: a description remembers what was counted for it.
    for projection in net.projections:
        for known in ("_drawn", "starts", "steps"):
            vars(projection.synapses).pop(known, None)
    assert_equal(arrays_of(compile_network(net, precision, None, place_on_device)), expected)


def check_that_a_run_asks_for_no_synapse(path: str) -> None:
    """Nothing of the size of the synapses comes to the host unless somebody asks, and a saved state goes on on the CPU."""
    net = join(FixedOutDegree(5), Normal(1.0, 0.1), Uniform(0.1, 0.9))
    simulator = Simulator(net, backend="cuda", precision="float32")
    placed: Any = simulator._compiled.placed
    simulator.run(0.5)
    simulator.save(path)
    assert set(vars(placed)) == {"device", "delays"}
    assert placed.nbytes == placed.delays.nbytes
    assert placed.device_bytes == 30 * (2 + 4) + 4 * (6 * len(placed.delays) + 1)
    other = Simulator(net, backend="cpu", precision="float32")
    other.load(path)
    assert np.allclose(simulator.weights("a->b"), other.weights("a->b"), rtol=1e-6, atol=0)
    assert "weights" in vars(placed)


def check_bad_networks() -> None:
    """What cannot be built is refused, with the name and the numbers, before anything is allocated for it."""
    from snnsim.cuda_placement import place_on_device

    def refused(error: type[Exception], words: tuple[str, ...], net: Network, memory: int | None = None) -> None:
        with np.errstate(all="ignore"), pytest.raises(error) as raised:
            compile_network(net, "float32", memory, place_on_device)
        for word in words:
            assert word in str(raised.value), str(raised.value)

    beyond = ("projection a->b: weights beyond the range of float32",)
    refused(NetworkError, beyond, join(FixedOutDegree(3), 1e-60, 0.1))
    refused(NetworkError, beyond, join(FixedOutDegree(3), Uniform(1e50, 2e50), 0.1))
    refused(NetworkError, beyond, join(FixedOutDegree(3), Lognormal(-150.0, 1.0), Uniform(0.1, 0.9)))
    many = ("projection a->b", "at most 4,294,967,295 synapses", "6,442,450,941")
    refused(NetworkError, many, join(FixedInDegree(2**31 - 1), 1.0, 0.1, m=3))
    refused(NetworkError, many, join(FixedOutDegree(2**31 - 1), 1.0, 0.1, n=3))

    net = join(FixedOutDegree(2**20), Uniform(0.5, 1.5), 0.1, n=5)
    need = 5 * 2**20 * (2 + 4) + 4 * 6
    numbers = (
        "targets 10.0 MiB, weights 20.0 MiB, work space",
        "the budget is 15.0 MiB",
        "of its 5,242,880 synapses would fit",
    )
    refused(SimulationError, ("the network on the card needs", *numbers), net, 15 * 2**20)
    assert need > 15 * 2**20


def build_all(folder: str) -> None:
    """Write what is built of each case to a file."""
    for number, name in enumerate(CASES):
        np.savez(f"{folder}/{number}.npz", **arrays_of(built(name)))
