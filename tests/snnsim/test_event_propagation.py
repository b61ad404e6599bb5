"""Delivery of spikes and graded events through every kind of connection, against explicit matrices."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_simulator import Reference, matrix

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    TTFS,
    Convolution,
    Dense,
    EventTrain,
    Graded,
    Network,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
)

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def weights_of(rng: np.random.Generator, *shape: int, zeros: float = 0.4) -> np.ndarray:
    """Multiples of 1/8, exact in any order and precision; some are zero, those of one row all of them."""
    values = rng.integers(-16, 17, shape) * (rng.random(shape) > zeros) / 8
    if len(shape) == 2:
        values[rng.integers(shape[0])] = 0
    return values


def repeated(w: np.ndarray) -> Sparse:
    """The matrix as a sparse connection in which every synapse stands twice with half its weight, targets descending."""
    pointers, targets, values = [0], [], []
    for row in w:
        for target in np.nonzero(row)[0][::-1]:
            targets += [target, target]
            values += [row[target] / 2] * 2
        pointers.append(len(targets))
    return Sparse(np.array(pointers), np.array(targets, dtype=np.int32), np.array(values), w.shape[1])


def connections(rng: np.random.Generator, kind: str) -> Any:
    if kind == "convolution":
        kernel, stride = int(rng.integers(1, 5)), int(rng.integers(1, 5))
        height, width = (int(rng.integers(kernel, kernel + 7)) for _ in range(2))
        channels = rng.integers(1, 6, 2)
        w = weights_of(rng, int(channels[0]), kernel, kernel, int(channels[1]))
        return Convolution(w, height, width, stride)
    w = weights_of(rng, *(int(n) for n in rng.integers(1, 23, 2)))
    shared = np.where(w != 0, rng.choice([-0.75, 1.5]), 0.0)
    made = {"dense": Dense(w), "sparse": Sparse.from_matrix(w), "repeated": repeated(w), "one weight": repeated(shared)}
    return made[kind]


KINDS = ("dense", "sparse", "repeated", "one weight", "convolution")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(seed=st.integers(0, 2**31), before=st.integers(0, 9), behind=st.integers(0, 9), delay=st.integers(0, 4))
@few
def test_spikes_deliver_the_rows_of_the_matrix(
    kind: str, precision: str, seed: int, before: int, behind: int, delay: int
) -> None:
    """Source and target are slices of populations that are larger by ``before`` and ``behind`` neurons."""
    rng = np.random.default_rng(seed)
    connection = connections(rng, kind)
    w = matrix(connection)
    m, n = w.shape
    steps, copies = 4, 2
    stop = steps + delay + 1
    net = Network(dt=1.0)
    net.population("first", 3, SpikeArray())
    source = net.population("source", before + m + behind, SpikeArray())
    target = net.population("target", behind + n + before, IF(v_threshold=math.inf))
    net.connect(source[before : before + m], target[behind : behind + n], connection, delay=float(delay))
    spikes = rng.random((copies, steps, source.size)) < rng.choice([0.1, 0.5, 1.0])
    train = SpikeTrain(*np.nonzero(spikes), source.size, copies, 1.0, 0, steps)
    simulator = Simulator(net, copies=copies, precision=precision, threads=1)
    result = simulator.run(float(stop), inputs={"source": train}, record={"target": ["v", "i"]})
    sent = spikes[:, :, before : before + m]
    expected = np.zeros((copies, stop, target.size))
    expected[:, delay + 1 :, behind : behind + n] = np.cumsum(sent @ w, axis=1)
    assert np.array_equal(result.v("target"), expected)
    assert not result.states["target", "i"].any()
    counted = np.zeros((copies, stop), dtype=np.int64)
    copy, step, neuron = np.nonzero(sent)
    each = np.diff(connection.pointers) if isinstance(connection, Sparse) else np.count_nonzero(w, axis=1)
    np.add.at(counted, (copy, step + delay), each[neuron])
    assert np.array_equal(result.operations.acs, counted)
    assert not result.operations.macs.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(seed=st.integers(0, 2**31), before=st.integers(0, 9), behind=st.integers(0, 9))
@few
def test_graded_events_deliver_weight_times_value(
    kind: str, precision: str, seed: int, before: int, behind: int
) -> None:
    rng = np.random.default_rng(seed)
    connection = connections(rng, kind)
    w = matrix(connection)
    m, n = w.shape
    net = Network(dt=0.5)
    net.population("first", 3, Graded())
    source = net.population("source", before + m + behind, Graded())
    target = net.population("target", behind + n + before, IF(v_threshold=math.inf))
    net.connect(source[before : before + m], target[behind : behind + n], connection, receptor="step")
    x = rng.integers(-8, 9, (2, source.size)) * (rng.random((2, source.size)) < 0.7) / 16
    simulator = Simulator(net, copies=2, precision=precision, threads=1)
    result = simulator.run(2.0, inputs={"source": x}, record={"target": ["v", "i"]})
    sent = x[:, before : before + m]
    i = np.zeros((2, target.size))
    i[:, behind : behind + n] = sent @ w
    assert np.array_equal(result.states["target", "i"], i[:, None] * np.array([0, 1, 1, 1])[:, None])
    assert np.array_equal(result.v("target"), i[:, None] * np.array([0, 0.5, 1.0, 1.5])[:, None])
    each = np.diff(connection.pointers) if isinstance(connection, Sparse) else np.count_nonzero(w, axis=1)
    assert np.array_equal(result.operations.macs[:, 0], (sent != 0) @ each)
    assert result.operations.macs.sum() == ((sent != 0) @ each).sum()
    assert not result.operations.acs.any()
    assert not result.operations.spikes.any()


@pytest.mark.parametrize("n_spikes", range(14))
def test_any_number_of_rows_is_summed_in_their_order(n_spikes: int) -> None:
    """Dense rows are taken four at a time; sums that round must still be those of one row after the other."""
    rng = np.random.default_rng(n_spikes)
    w = rng.normal(size=(13, 11)).astype(np.float32)
    net = Network(dt=1.0)
    net.connect(
        net.population("s", 13, SpikeArray()), net.population("t", 11, IF(v_threshold=math.inf, v_initial=0.1)), w
    )
    rows = np.sort(rng.choice(13, n_spikes, replace=False))
    train = SpikeTrain.from_times(np.zeros(n_spikes), rows, size=13, dt=1.0, duration=2.0)
    v = Simulator(net, precision="float32").run(2.0, inputs={"s": train}, record={"t": ["v"]}).v("t")[0, 1]
    expected = np.full(11, 0.1, dtype=np.float32)
    for row in rows:
        expected += w[row]
    assert np.array_equal(v, expected)


def test_dense_sparse_and_convolution_deliver_alike() -> None:
    rng = np.random.default_rng(1)
    convolution = Convolution(weights_of(rng, 2, 3, 3, 5), 9, 8, 2)
    w = matrix(convolution)
    found = []
    for connection in (convolution, Dense(w), Sparse.from_matrix(w), scipy.sparse.coo_array(w), w.tolist()):
        net = Network(dt=1.0, seed=4)
        source = net.population("s", len(w), sn.Poisson(rate=200.0))
        target = net.population("t", w.shape[1], IF(v_threshold=1.0, reset="soft"))
        made = net.connect(source, target, connection)
        assert made.connection.n_synapses == net.n_synapses == np.count_nonzero(w)
        result = Simulator(net, copies=2).run(30.0, record={"t": ["v", "spikes"]})
        found.append((result.v("t"), result.spikes["t"], result.operations.acs))
    assert len(found[0][1]) > 100
    for v, spikes, acs in found[1:]:
        assert np.array_equal(v, found[0][0])
        assert spikes == found[0][1]
        assert np.array_equal(acs, found[0][2])


def test_zero_weights_are_no_synapses() -> None:
    net = Network(dt=1.0)
    source = net.population("s", 3, SpikeArray())
    target = net.population("t", 4, IF(v_threshold=math.inf))
    net.connect(source, target, [[1, 0, -1, 0], [0, 0, 0, 0], [0, 0, 0, 2]])
    train = SpikeTrain.from_times([0, 1, 1, 2], [0, 0, 1, 2], size=3, dt=1.0, duration=4.0)
    result = Simulator(net).run(4.0, inputs={"s": train})
    assert net.n_synapses == 3
    assert result.operations.acs.tolist() == [[2, 2, 1, 0]]
    assert result.operations.events.tolist() == [[[2], [2], [1], [0]]]
    assert result.operations.fired[0, :, 0].tolist() == [1, 2, 1, 0]


def test_events_are_counted_per_projection_and_summed() -> None:
    net = Network(dt=1.0)
    s, g = net.population("s", 2, SpikeArray()), net.population("g", 2, Graded())
    a, b = net.population("a", 3, IF(v_threshold=math.inf)), net.population("b", 5, IF(v_threshold=math.inf))
    net.connect(s, a, np.ones((2, 3)))
    net.connect(g, b, np.ones((2, 5)))
    net.connect(s[1:], b, np.ones((1, 5)))
    train = SpikeTrain.from_times([0, 0, 2], [0, 1, 0], size=2, dt=1.0, duration=3.0)
    operations = Simulator(net).run(3.0, inputs={"s": train, "g": [0.0, 0.5]}).operations
    assert operations.projections == ("s->a", "g->b", "s->b")
    assert operations.populations == ("s", "g", "a", "b")
    assert operations.events[0].tolist() == [[6, 5, 5], [0, 0, 0], [3, 0, 0]]
    assert operations.acs[0].tolist() == [11, 0, 3]
    assert operations.macs[0].tolist() == [5, 0, 0]
    assert operations.ops[0].tolist() == [16, 0, 3]
    assert operations.spikes[0].tolist() == [2, 0, 1]
    assert operations.encoder_operations[0].tolist() == [2, 2, 2]
    assert operations.membrane_updates[0].tolist() == [8, 8, 8]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 64, 65])
@pytest.mark.parametrize("model", [IF(v_threshold=0.5), IF(v_threshold=0.5, v_initial=0.0)], ids=["first", "second"])
def test_every_neuron_of_a_population_of_any_size_can_spike(size: int, model: IF) -> None:
    """Flags are scanned eight at a time: neighbours of the population must not be seen, nor stale flags of larger ones."""
    net = Network(dt=1.0)
    net.population("large", 67, IF(v_threshold=0.5))
    net.population("n", size, model)
    net.population("after", 3, IF(v_threshold=0.5))
    one_each = np.vstack([np.eye(size), np.ones((1, size)), np.zeros((1, size))])
    inputs = {"n": one_each, "large": np.ones(67), "after": np.ones(3)}
    result = Simulator(net, copies=size + 2).run(1.0, inputs=inputs, record={"n": ["spikes"]})
    assert np.array_equal(result.spikes["n"].counts(), one_each)


def test_more_kinds_of_kernels_than_one_tuple_holds() -> None:
    """Ten kinds of populations and all six kinds of delivery, in one network."""
    n = 6
    half = np.full(n, 0.5)
    net = Network(dt=1.0, seed=8)
    sources: dict[str, Any] = {
        "train": SpikeArray(), "poisson": sn.Poisson(rate=300.0), "latency": sn.Latency(window=4.0), "graded": Graded(),
    }  # fmt: skip
    neurons = {
        "if": IF(v_threshold=1.0, reset="soft"),
        "ifs": IF(v_threshold=half + 0.5, reset="soft"),
        "lif": LIF(tau_m=1e300, v_threshold=1.0),
        "lifs": LIF(tau_m=1e300, v_threshold=half + 0.5, v_reset=-half),
        "ttfs": TTFS(v_threshold=3.0, ramp=0.5),
        "ttfss": TTFS(v_threshold=half + 3.0, ramp=0.5, t_open=np.arange(6.0)),
    }
    for name, model in (sources | neurons).items():
        net.population(name, n, model)
    rng = np.random.default_rng(2)
    for k, name in enumerate(sources):
        for j, target in enumerate(neurons):
            w: Any = weights_of(rng, n, n)
            if (k + j) % 3 == 1:
                w = Sparse.from_matrix(w)
            elif (k + j) % 3 == 2:  # three positions, two channels to two
                w = Convolution(np.array([[0.75, -0.5], [0.0, 0.5]])[:, None, None, :], 3, 1)
            net.connect(net.populations[name], net.populations[target], w)
    net.connect(net.populations["if"], net.populations["lif"], weights_of(rng, n, n))
    net.connect(net.populations["lifs"], net.populations["ttfs"], weights_of(rng, n, n))
    fired = rng.random((2, 12, n)) < 0.4
    values = {name: rng.integers(0, 9, (2, n)) / 8 for name in ("poisson", "latency", "graded")}
    train = SpikeTrain(*np.nonzero(fired), n, 2, 1.0, 0, 12)
    result = Simulator(net, copies=2).run(
        12.0, inputs={"train": train, **values}, record={name: ["spikes"] for name in net.populations}
    )
    expected = Reference(net).run(12, 2, {"train": fired, **values}, seed=8)
    for name in net.populations:
        assert len(result.spikes[name]) > 0, name
        for ours, theirs in zip(("copies", "steps", "neurons"), expected.events(name), strict=True):
            assert np.array_equal(getattr(result.spikes[name], ours), theirs), name
    assert np.array_equal(result.operations.acs, expected.acs)
    assert np.array_equal(result.operations.macs, expected.macs)


def test_a_train_of_exact_times_is_given_in_the_order_of_the_neurons() -> None:
    """Within a step the earlier spike of a higher number comes first in it; a slice sends those of its own neurons alone."""
    net = Network(dt=1.0)
    given, n = net.population("given", 100, SpikeArray()), net.population("n", 5, IF(v_threshold=math.inf))
    net.connect(given[:5], n, np.eye(5))
    exact = EventTrain.from_times([3.1, 3.2, 3.3, 3.4, 3.5], [4, 99, 50, 2, 3], size=100, dt=1.0, duration=9.0)
    simulator = Simulator(net)
    result = simulator.run(9.0, inputs={"given": exact}, record={"n": "v", "given": "spikes"})
    assert result.v("n")[0, -1].tolist() == [0, 0, 1, 1, 1]
    assert result.spikes["given"] == exact.on_grid()
    assert result.operations.acs.sum() == 3
    twice = EventTrain.from_times([3.1, 3.2, 3.3], [0, 1, 0], size=100, dt=1.0, duration=9.0)
    with pytest.raises(SimulationError, match="fires a neuron twice in one step"):
        simulator.run(9.0, inputs={"given": twice})
