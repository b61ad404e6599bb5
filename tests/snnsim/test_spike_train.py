"""Spike trains: order, counts, rates, traces, and what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snnsim import SimulationError, SpikeTrain


def example() -> SpikeTrain:
    return SpikeTrain([1, 0, 1, 0, 1], [4, 7, 4, 3, 3], [2, 0, 0, 1, 1], 3, 2, 0.5, 2, 10)


def test_spikes_are_sorted_by_copy_step_and_neuron() -> None:
    train = example()
    assert train.copies.tolist() == [0, 0, 1, 1, 1]
    assert train.steps.tolist() == [3, 7, 3, 4, 4]
    assert train.neurons.tolist() == [1, 0, 1, 0, 2]
    assert (train.copies.dtype, train.steps.dtype, train.neurons.dtype) == (np.int32, np.int64, np.int32)
    assert len(train) == 5


def test_times_duration_counts_and_rates() -> None:
    train = example()
    assert train.times.tolist() == [1.5, 3.5, 1.5, 2.0, 2.0]
    assert train.duration == 4.0
    assert train.counts().tolist() == [[1, 1, 0], [1, 1, 1]]
    assert train.rates().tolist() == [[250, 250, 0], [250, 250, 250]]


def test_steps_beyond_32_bits() -> None:
    train = SpikeTrain([0], [2**40], [0], 1, 1, 0.5, 2**40, 2**40 + 1)
    assert train.times[0] == 2.0**39


def test_equality_is_of_the_spikes() -> None:
    assert example() == example()
    shuffled = SpikeTrain([0, 0, 1, 1, 1], [7, 3, 4, 3, 4], [0, 1, 0, 1, 2], 3, 2, 0.5, 2, 10)
    assert example() == shuffled
    assert example() != SpikeTrain([1, 0, 1, 0, 1], [4, 7, 4, 3, 3], [2, 0, 0, 1, 1], 4, 2, 0.5, 2, 10)
    assert example() != SpikeTrain([1, 0, 1, 0, 1], [4, 7, 4, 3, 5], [2, 0, 0, 1, 1], 3, 2, 0.5, 2, 10)
    assert example() != "train"
    with pytest.raises(TypeError):
        hash(example())


def test_one_copy_alone() -> None:
    train = example().copy(1)
    assert (train.n_copies, train.start, train.stop, train.size) == (1, 2, 10, 3)
    assert train.steps.tolist() == [3, 4, 4]
    assert train.copies.tolist() == [0, 0, 0]


def test_the_trace_is_the_exponential_filter() -> None:
    train, tau = example(), 3.0
    trace = train.trace(tau)
    assert trace.shape == (2, 8, 3)
    expected = np.zeros_like(trace)
    for copy, step, neuron in zip(train.copies, train.steps, train.neurons, strict=True):
        for t in range(step - 2, 8):
            expected[copy, t, neuron] += np.exp(-(t - (step - 2)) * 0.5 / tau)
    np.testing.assert_allclose(trace, expected, rtol=1e-14, atol=1e-15)


def test_from_times() -> None:
    train = SpikeTrain.from_times([0.3, 0.1], [4, 2], size=5, dt=0.1, duration=1.0)
    assert train.steps.tolist() == [1, 3]
    assert train.neurons.tolist() == [2, 4]
    assert (train.start, train.stop, train.n_copies) == (0, 10, 1)
    both = SpikeTrain.from_times([0.3, 0.1], [4, 2], size=5, dt=0.1, duration=1.0, copies=[0, 1], n_copies=2)
    assert both.copies.tolist() == [0, 1]
    assert both.steps.tolist() == [3, 1]
    assert len(SpikeTrain.from_times([], [], size=5, dt=0.1, duration=1.0)) == 0


def test_what_comes_out_goes_in() -> None:
    train = example()
    assert SpikeTrain(train.copies, train.steps, train.neurons, 3, 2, 0.5, 2, 10) == train


def from_times(**changes: Any) -> SpikeTrain:
    given: dict[str, Any] = {"times": [0.0, 0.2], "neurons": [0, 1], "size": 2, "dt": 0.1, "duration": 1.0}
    return SpikeTrain.from_times(**(given | changes))


BAD: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    ("neuron too large", lambda: SpikeTrain([0], [0], [3], 3, 1, 1.0, 0, 5), ("SpikeTrain.neurons", "0 and 2", "3")),
    ("neuron negative", lambda: SpikeTrain([0], [0], [-1], 3, 1, 1.0, 0, 5), ("SpikeTrain.neurons", "-1")),
    ("copy too large", lambda: SpikeTrain([1], [0], [0], 3, 1, 1.0, 0, 5), ("SpikeTrain.copies", "0 and 0", "1")),
    ("step at stop", lambda: SpikeTrain([0], [5], [0], 3, 1, 1.0, 0, 5), ("SpikeTrain.steps", "0 and 4", "5")),
    ("step before start", lambda: SpikeTrain([0], [1], [0], 3, 1, 1.0, 2, 5), ("SpikeTrain.steps", "2 and 4", "1")),
    ("lengths", lambda: SpikeTrain([0], [0, 1], [0], 3, 1, 1.0, 0, 5), ("SpikeTrain", "copies", "steps", "neurons")),
    ("time off the grid", lambda: from_times(times=[0.0, 0.25]), ("SpikeTrain.times", "multiples", "0.1 ms")),
    ("time nan", lambda: from_times(times=[0.0, np.nan]), ("SpikeTrain.times",)),
    ("time negative", lambda: from_times(times=[0.0, -0.1]), ("SpikeTrain.steps", "-1")),
    ("time at the end", lambda: from_times(times=[0.0, 1.0]), ("SpikeTrain.steps", "0 and 9", "10")),
    ("more times than neurons", lambda: from_times(times=[0.0, 0.1, 0.2]), ("SpikeTrain", "3", "2")),
    ("copies of another length", lambda: from_times(copies=[0, 0, 0]), ("SpikeTrain", "copies", "3", "2")),
    ("fractional neuron", lambda: from_times(neurons=[0.5, 1.0]), ("SpikeTrain.neurons",)),
    ("neuron beyond 32 bits", lambda: from_times(neurons=[0, 2**32]), ("SpikeTrain.neurons",)),
    ("dt zero", lambda: from_times(times=[0.0], neurons=[0], dt=0.0), ("SpikeTrain.dt", "above 0")),
    ("dt negative", lambda: from_times(times=[], neurons=[], dt=-0.1), ("SpikeTrain.dt", "above 0")),
    ("duration off the grid", lambda: from_times(duration=1.05), ("SpikeTrain", "duration", "0.1 ms")),
    ("duration negative", lambda: from_times(times=[], neurons=[], duration=-1.0), ("SpikeTrain", "duration")),
    ("copy asked for", lambda: example().copy(2), ("SpikeTrain.copy", "2", "0 and 1")),
    ("tau", lambda: example().trace(0.0), ("SpikeTrain.trace", "tau", "above 0")),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_trains_are_named(make: Callable[[], Any], words: tuple[str, ...]) -> None:
    with pytest.raises(SimulationError) as raised:
        make()
    for word in words:
        assert word in str(raised.value)
