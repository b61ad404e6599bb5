"""Pooling by a logical or: against NumPy's maximum over windows."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snnsim as sn
from snnsim import IF, Graded, Network, NetworkError, OrPooling, Simulator, SpikeArray, SpikeTrain

few = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def windows(spikes: np.ndarray, made: OrPooling) -> tuple[np.ndarray, np.ndarray]:
    """Whether a window has a spike, shape (..., targets), and how many (spike, window) pairs there are, shape (...)."""
    layer = spikes.reshape(*spikes.shape[:-1], made.height, made.width, made.channels)
    k, s = made.kernel, made.stride
    rows, columns = range(0, made.height - k + 1, s), range(0, made.width - k + 1, s)
    cut = np.array([[layer[..., y : y + k, x : x + k, :].sum(axis=(-3, -2)) for x in columns] for y in rows])
    counts = np.moveaxis(cut, (0, 1), (-3, -2)).reshape(*spikes.shape[:-1], -1)
    return counts > 0, counts.sum(axis=-1)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@given(seed=st.integers(0, 2**31), before=st.integers(0, 9), behind=st.integers(0, 9), delay=st.integers(0, 4))
@few
def test_a_window_with_spikes_delivers_the_weight_once(
    precision: str, seed: int, before: int, behind: int, delay: int
) -> None:
    """Into a layer without leak or threshold: what is highest so far stays. Source and target are slices."""
    rng = np.random.default_rng(seed)
    kernel, stride, channels = (int(rng.integers(1, 4)) for _ in range(3))
    made = OrPooling(kernel, stride, channels, kernel + int(rng.integers(0, 6)), kernel + int(rng.integers(0, 6)), 0.75)
    steps, copies = 4, 2
    stop = steps + delay + 1
    net = Network(dt=1.0)
    source = net.population("source", before + made.n_sources + behind, SpikeArray())
    target = net.population("target", behind + made.n_targets + before, IF(v_threshold=math.inf))
    net.connect(
        source[before : before + made.n_sources], target[behind : behind + made.n_targets], made, delay=float(delay)
    )
    spikes = rng.random((copies, steps, source.size)) < rng.choice([0.05, 0.3, 1.0])
    train = SpikeTrain(*np.nonzero(spikes), source.size, copies, 1.0, 0, steps)
    result = Simulator(net, copies=copies, precision=precision, threads=1).run(
        float(stop), inputs={"source": train}, record={"target": ["v"]}
    )
    reached, events = windows(spikes[:, :, before : before + made.n_sources], made)
    expected = np.zeros((copies, stop, target.size))
    expected[:, delay + 1 :, behind : behind + made.n_targets] = 0.75 * np.maximum.accumulate(reached, axis=1)
    assert np.array_equal(result.v("target"), expected)
    counted = np.zeros((copies, stop), np.int64)
    counted[:, delay : delay + steps] = events
    assert np.array_equal(result.operations.acs, counted)
    assert not result.operations.macs.any()


def test_pooled_neurons_fire_when_their_window_does() -> None:
    """A weight above the threshold: the targets show the or of the step before, but what arrives as they reset is lost."""
    made = OrPooling(2, 2, 3, 6, 4, 1.5)
    net = Network(dt=1.0, seed=3)
    source = net.population("s", made.n_sources, sn.Poisson(rate=150.0))
    target = net.population("t", made.n_targets, IF(v_threshold=1.0))
    net.connect(source, target, made)
    result = Simulator(net).run(50.0, record={"s": ["spikes"], "t": ["spikes"]})
    fired = {}
    for name, population in net.populations.items():
        train = result.spikes[name]
        fired[name] = np.zeros((50, population.size), bool)
        fired[name][train.steps, train.neurons] = True
    assert fired["s"].sum() > 300
    reached, _ = windows(fired["s"], made)
    assert not fired["t"][0].any()
    assert np.array_equal(fired["t"][1:], reached[:-1] & ~fired["t"][:-1])


def test_a_potential_above_the_weight_stays_and_others_do_not_add_up() -> None:
    net = Network(dt=1.0)
    source = net.population("s", 4, SpikeArray())
    target = net.population("t", 3, IF(v_threshold=math.inf, v_initial=[0.9, 0.2, -3.0]))
    for k in range(3):
        net.connect(source, target[k : k + 1], OrPooling(2, 1, 1, 2, 2, 0.5))
    train = SpikeTrain.from_times([0, 0, 0, 1], [0, 1, 3, 2], size=4, dt=1.0, duration=3.0)
    result = Simulator(net).run(3.0, inputs={"s": train}, record={"t": ["v"]})
    assert result.v("t")[0].tolist() == [[0.9, 0.2, -3.0], [0.9, 0.5, 0.5], [0.9, 0.5, 0.5]]
    assert result.operations.acs[0].tolist() == [9, 3, 0]


def test_sizes_and_synapses() -> None:
    made = OrPooling(3, 2, 4, 8, 10, 1.0)
    assert (made.height_out, made.width_out) == (3, 4)
    assert (made.n_sources, made.n_targets) == (320, 48)
    assert made.n_synapses == sum(
        int(windows(np.eye(320)[j], made)[1]) for j in range(320)
    )  # each pair of a neuron and a window once


def pooling(**options: Any) -> OrPooling:
    return OrPooling(**({"kernel": 2, "stride": 2, "channels": 1, "height": 4, "width": 4, "weight": 1.0} | options))


@pytest.mark.parametrize(("options", "words"), [
    ({"kernel": 5}, ("window of 5", "4 x 4")),
    ({"kernel": 0}, ("OrPooling.kernel", "at least 1")),
    ({"stride": 1.5}, ("OrPooling.stride", "whole number")),
    ({"channels": -1}, ("OrPooling.channels", "at least 1")),
    ({"height": 1}, ("window of 2", "1 x 4")),
    ({"weight": 0.0}, ("OrPooling.weight", "above 0")),
    ({"weight": -1.0}, ("OrPooling.weight", "above 0", "-1")),
    ({"weight": math.inf}, ("OrPooling.weight", "finite")),
    ({"weight": math.nan}, ("OrPooling.weight", "nan")),
    ({"weight": [1.0]}, ("OrPooling.weight", "number")),
])  # fmt: skip
def test_values_out_of_bounds_are_refused(options: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(NetworkError) as raised:
        pooling(**options)
    for word in words:
        assert word in str(raised.value)


def test_graded_sources_and_other_sizes_are_refused() -> None:
    net = Network()
    target = net.population("t", 4, IF())
    with pytest.raises(NetworkError, match="g->t: OrPooling takes spikes, the source is graded"):
        net.connect(net.population("g", 16, Graded()), target, pooling())
    with pytest.raises(NetworkError, match="s->t: weights join 16 to 4 neurons, the populations have 15 and 4"):
        net.connect(net.population("s", 15, SpikeArray()), target, pooling())


def test_a_weight_beyond_the_precision_is_refused() -> None:
    net = Network()
    net.connect(net.population("s", 16, SpikeArray()), net.population("t", 4, IF()), pooling(weight=1e39))
    with pytest.raises(NetworkError, match=r"s->t.*float32"):
        Simulator(net, precision="float32")
