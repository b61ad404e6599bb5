"""Weights of a simulator: read, changed, kept by a reset and carried by a saved state."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import (
    IF,
    Convolution,
    Dense,
    FixedOutDegree,
    FixedProbability,
    Graded,
    Network,
    OrPooling,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
    Uniform,
)

DENSE = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, -5.0]])


def network() -> Network:
    """Two sources, three targets without leak or threshold, joined in several ways."""
    net = Network(dt=1.0, seed=3)
    a, b = net.population("a", 2, SpikeArray()), net.population("b", 5, IF(v_threshold=math.inf))
    net.connect(a, b[1:4], DENSE, delay=1.0)
    net.connect(a, b, Sparse([0, 2, 5], [4, 0, 3, 3, 1], [1.0, 2.0, 3.0, 4.0, 5.0], 5, [2.0, 0.0, 1.0, 1.0, 0.0]))
    net.connect(a[1:], b[2:], FixedProbability(1.0), weight=0.25)
    return net


def arrived(simulator: Simulator, neurons: tuple[int, ...] = (0, 1)) -> tuple[np.ndarray, np.ndarray]:
    """What one spike of each of the sources adds to the targets, and the synaptic events per projection."""
    spikes = SpikeTrain.from_times([0.0] * len(neurons), neurons, size=2, dt=1.0, duration=8.0)
    before = simulator.run(1.0, record={"b": "v"}).v("b")[0, 0]
    result = simulator.run(8.0, inputs={"a": spikes}, record={"b": "v"})
    return result.v("b")[0, -1] - before, result.operations.events[0].sum(axis=0)


def added(simulator: Simulator) -> np.ndarray:
    """The same from the lists of synapses."""
    total = np.zeros(5)
    for projection in simulator.network.projections:
        stored = simulator.synapses(projection)
        np.add.at(total, stored.targets, stored.weights)
    return total


def test_synapses_are_listed_by_source_delay_and_target_with_numbers_of_their_populations() -> None:
    simulator = Simulator(network())
    dense, sparse, drawn = (simulator.synapses(name) for name in ("a->b", "a->b#2", "a->b#3"))
    assert dense.sources.tolist() == [0, 0, 0, 1, 1, 1]
    assert dense.targets.tolist() == [1, 2, 3, 1, 2, 3]
    assert dense.weights.tolist() == DENSE.ravel().tolist()
    assert dense.delays.tolist() == [1.0] * 6
    assert np.column_stack(sparse).tolist() == [[0, 0, 2, 0], [0, 4, 1, 2], [1, 1, 5, 0], [1, 3, 3, 1], [1, 3, 4, 1]]
    assert np.column_stack(drawn).tolist() == [[1, 2, 0.25, 0], [1, 3, 0.25, 0], [1, 4, 0.25, 0]]
    assert simulator.weights("a->b#3").tolist() == [0.25]
    assert simulator.weights("a->b#2").tolist() == sparse.weights.tolist()


@pytest.mark.parametrize("n_targets", [65_536, 65_537, 70_000])
def test_targets_of_any_width_are_listed_and_reached(n_targets: int) -> None:
    """Up to 65,536 targets take 16 bits each, more take 32."""
    net = Network(dt=1.0, seed=1)
    a, b = net.population("a", 30, SpikeArray()), net.population("b", n_targets, IF(v_threshold=math.inf))
    net.connect(a, b, FixedOutDegree(50), weight=Uniform(0.5, 1.0))
    net.connect(a, b[n_targets - 3 :], np.ones((30, 3)))
    simulator = Simulator(net)
    expected = np.zeros(n_targets)
    for projection in net.projections:
        stored = simulator.synapses(projection)
        np.add.at(expected, stored.targets, stored.weights)
    assert expected[-3:].min() >= 30.0
    spikes = SpikeTrain.from_times(np.zeros(30), np.arange(30), size=30, dt=1.0, duration=2.0)
    v = simulator.run(2.0, inputs={"a": spikes}, record={"b": "v"}).v("b")[0, -1]
    np.testing.assert_allclose(v, expected, rtol=1e-14)


@pytest.mark.parametrize("name", ["a->b", "a->b#2", "a->b#3"])
def test_changed_weights_are_delivered_and_no_others_change(name: str) -> None:
    simulator = Simulator(network())
    others = {p.name: simulator.weights(p) for p in simulator.network.projections if p.name != name}
    new = simulator.weights(name) * -1.5
    simulator.set_weights(name, new)
    assert np.array_equal(simulator.weights(name), new)
    assert all(np.array_equal(simulator.weights(other), weights) for other, weights in others.items())
    total, events = arrived(simulator)
    assert np.array_equal(total, added(simulator))
    assert events.tolist() == [4, 5, 3]


def test_returned_weights_are_copies() -> None:
    simulator = Simulator(network())
    simulator.weights("a->b")[:] = 9.0
    simulator.synapses("a->b").weights[:] = 9.0
    assert np.array_equal(simulator.weights("a->b"), DENSE.ravel())


def test_one_value_is_for_all_synapses_and_makes_none() -> None:
    """The zeros of dense weights are no synapses: they deliver nothing, and nothing is counted for them."""
    simulator = Simulator(network())
    simulator.set_weights("a->b", 2.0)
    assert simulator.weights("a->b").tolist() == [0, 2, 2, 2, 0, 2]
    simulator.set_weights("a->b#2", 1.0)
    simulator.set_weights("a->b#3", 0.0)
    total, events = arrived(simulator)
    assert total.tolist() == [1, 3, 2, 6, 1]
    assert events.tolist() == [4, 5, 3]  # a synapse whose weight became 0 is still one


def test_where_no_synapse_is_none_can_be_made() -> None:
    simulator = Simulator(network())
    with pytest.raises(SimulationError, match=r"'a->b' has no synapse, and so must keep a weight of 0, at 2 of the"):
        simulator.set_weights("a->b", DENSE + 1.0)
    assert np.array_equal(simulator.weights("a->b"), DENSE.ravel())
    simulator.set_weights("a->b", 2 * DENSE)
    simulator.set_weights("a->b", 0.0)
    simulator.set_weights("a->b", DENSE)  # what became 0 may change again
    assert np.array_equal(arrived(simulator)[0], added(simulator))


def test_kernels_and_pooling_weights_change_within_their_bounds() -> None:
    net = Network(dt=1.0)
    a, b = net.population("a", 4, SpikeArray()), net.population("b", 1, IF(v_threshold=math.inf))
    net.connect(a, b, Convolution(np.array([[1.0, 0.0], [2.0, 3.0]]).reshape(1, 2, 2, 1), 2, 2))
    net.connect(a, b, OrPooling(2, 2, 1, 2, 2, 0.5))
    simulator = Simulator(net)
    simulator.set_weights("a->b", 4.0)
    assert simulator.weights("a->b").tolist() == [4, 0, 4, 4]
    simulator.set_weights("a->b#2", 20.0)
    spikes = SpikeTrain.from_times([0.0, 0.0, 0.0], [0, 1, 2], size=4, dt=1.0, duration=2.0)
    result = simulator.run(2.0, inputs={"a": spikes}, record={"b": "v"})
    assert result.v("b")[0, 1, 0] == 20.0  # the larger of itself, 8 by then, and the weight
    assert result.operations.events[0, 0].tolist() == [2, 3]
    for value in (0.0, -1.0):
        with pytest.raises(SimulationError, match=r"an OrPooling, must be above 0"):
            simulator.set_weights("a->b#2", value)
    with pytest.raises(SimulationError, match=r"shares its weights and stores no synapses"):
        simulator.synapses("a->b")


def test_graded_events_are_multiplied_by_the_changed_weights() -> None:
    net = Network(dt=1.0)
    a, b = net.population("a", 2, Graded()), net.population("b", 3, IF(v_threshold=math.inf))
    net.connect(a, b, DENSE)
    simulator = Simulator(net)
    simulator.set_weights("a->b", 3 * DENSE)
    v = simulator.run(2.0, inputs={"a": [0.5, 2.0]}, record={"b": "v"}).v("b")[0, 1]
    assert np.array_equal(v, np.array([0.5, 2.0]) @ (3 * DENSE))


def test_a_reset_keeps_changed_weights_and_a_description_never_knows_of_them(tmp_path: Path) -> None:
    net = network()
    simulator = Simulator(net)
    simulator.set_weights("a->b#2", [1, 2, 3, 4, 5])
    simulator.run(3.0)
    simulator.reset()
    assert simulator.weights("a->b#2").tolist() == [1, 2, 3, 4, 5]
    assert Simulator(net).weights("a->b#2").tolist() == [2, 1, 5, 3, 4]


def test_a_saved_state_holds_changed_weights(tmp_path: Path) -> None:
    net = network()
    first = Simulator(net)
    first.save(tmp_path / "before.npz")
    first.set_weights("a->b", DENSE * 4)
    first.set_weights("a->b#3", -1.0)
    first.save(tmp_path / "after.npz")
    second = Simulator(net)
    second.load(tmp_path / "after.npz")
    assert np.array_equal(second.weights("a->b"), 4 * DENSE.ravel())
    assert second.weights("a->b#3").tolist() == [-1.0]
    assert np.array_equal(arrived(second)[0], arrived(first)[0])
    second.load(tmp_path / "before.npz")
    assert np.array_equal(second.weights("a->b"), DENSE.ravel())
    second.set_weights("a->b", 1.0)  # a loaded state's weights are this simulator's own
    assert np.array_equal(first.weights("a->b"), 4 * DENSE.ravel())
    assert np.array_equal(Simulator(net).weights("a->b"), DENSE.ravel())


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_what_does_not_fit_is_named_and_changes_nothing(precision: str) -> None:
    simulator = Simulator(network(), precision=precision)
    cases: list[tuple[Any, Any, str]] = [
        ("a->b", [1.0, 2.0], r"projection 'a->b' stores 6 weights, got shape \(2,\)"),
        ("a->b#3", [1.0, 2.0], r"stores 1 weights"),
        ("a->b", math.nan, "must be finite"),
        ("a->b", "much", "must be numbers"),
        ("b->a", 1.0, r"set_weights: no projection 'b->a', the network has a->b, a->b#2, a->b#3"),
    ]
    if precision == "float32":
        cases.append(("a->b", 1e39, "exceed float32"))
    for name, values, match in cases:
        with pytest.raises(SimulationError, match=match):
            simulator.set_weights(name, values)
    with pytest.raises(SimulationError, match="weights: no projection"):
        simulator.weights("b->a")
    with pytest.raises(SimulationError, match="synapses: no projection"):
        simulator.synapses(network().projections[0])  # of another network, if of the same name
    assert np.array_equal(simulator.weights("a->b"), DENSE.ravel())


def test_a_projection_without_synapses_has_no_weights() -> None:
    net = Network(dt=1.0)
    a, b = net.population("a", 2, SpikeArray()), net.population("b", 3, IF())
    net.connect(a, b, FixedProbability(0.0), weight=Uniform(1.0, 2.0))
    net.connect(a, b, Dense(np.zeros((2, 3))))
    simulator = Simulator(net)
    assert len(simulator.synapses("a->b").weights) == len(simulator.weights("a->b")) == 0
    simulator.set_weights("a->b", 3.0)
    simulator.set_weights("a->b#2", 3.0)
    assert not simulator.weights("a->b#2").any()
    result = simulator.run(4.0, record={"a->b": "weights"})
    assert result.states["a->b", "weights"].shape == (1, 4, 0)
