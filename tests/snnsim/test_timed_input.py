"""Inputs that change during a run: every shape, any number of copies, workers and runs, and what is refused."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim import (
    IF,
    LIF,
    Graded,
    Latency,
    Network,
    Poisson,
    SimulationError,
    Simulator,
    SpikeArray,
    TimedInput,
    cpu_backend,
)

few = settings(max_examples=30, deadline=None, derandomize=True, database=None)
DT = 0.5


def currents(
    value: TimedInput | np.ndarray, *, size: int = 3, copies: int = 1, steps: int = 8, threads: int = 1
) -> np.ndarray:
    """The current of neurons that never fire, per copy and step."""
    net = Network(dt=DT)
    net.population("n", size, IF(v_threshold=math.inf))
    simulator = Simulator(net, copies=copies, threads=threads)
    return simulator.run(steps * DT, inputs={"n": value}, record={"n": "i"}).states["n", "i"]


def expected(
    times: list[int], values: np.ndarray, steps: int, size: int, copies: int, before: float = 0.0
) -> np.ndarray:
    """Values of shape (copies, rows, neurons), each from its step on."""
    found = np.full((copies, steps, size), before)
    for row, first in enumerate(times):
        found[:, first:] = values[:, row, None, :]
    return found


# --- what it sets -----------------------------------------------------------------------------------------------------


def test_a_step_current_acts_from_its_step_on() -> None:
    net = Network(dt=DT)
    net.population("n", 2, IF(v_threshold=math.inf))
    result = Simulator(net).run(4.0, inputs={"n": TimedInput([1.0, 2.5], [2.0, 0.0])}, record={"n": ["i", "v"]})
    i = [0, 0, 2, 2, 2, 0, 0, 0]
    assert result.states["n", "i"][0].T.tolist() == [i, i]
    assert result.v("n")[0, :, 0].tolist() == [0, 0, 1, 2, 3, 3, 3, 3]  # the update of step 2 has it already


@pytest.mark.parametrize("threads", [1, 2, 4])
@given(
    times=st.lists(st.integers(0, 20), min_size=1, max_size=8, unique=True).map(sorted),
    shape=st.sampled_from(["rows", "neurons", "copies"]),
    copies=st.integers(1, 3),
    size=st.sampled_from([1, 7, 64, 65, 150]),
)
@few
def test_every_shape_sets_each_neuron_of_each_copy(
    threads: int, times: list[int], shape: str, copies: int, size: int
) -> None:
    full = np.random.default_rng(len(times)).normal(size=(copies, len(times), size))
    given_values = {"rows": full[0, :, 0], "neurons": full[0], "copies": full}[shape]
    whole = {"rows": full[:1, :, :1], "neurons": full[:1], "copies": full}[shape]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 16)
        timed = TimedInput(np.array(times) * DT, given_values)
        found = currents(timed, size=size, copies=copies, steps=15, threads=threads)
    within = [time for time in times if time < 15]
    values = np.broadcast_to(whole, full.shape)
    assert np.array_equal(found, expected(within, values, 15, size, copies))


def test_a_regular_input_holds_each_value_for_its_interval() -> None:
    values = np.array([1.0, -2.0, 3.0])
    assert currents(TimedInput.regular(values, 1.0))[0, :, 0].tolist() == [1, 1, -2, -2, 3, 3, 3, 3]
    by_neuron = np.arange(6.0).reshape(2, 3)
    assert currents(TimedInput.regular(by_neuron, 2.0))[0].tolist() == [[0, 1, 2]] * 4 + [[3, 4, 5]] * 4
    by_copy = np.arange(12.0).reshape(2, 2, 3)
    assert currents(TimedInput.regular(by_copy, 0.5), copies=2)[:, :2].tolist() == by_copy.tolist()


def test_one_row_at_time_0_equals_a_constant_input() -> None:
    values = np.array([1.0, 2.0, 3.0])
    assert np.array_equal(currents(TimedInput([0.0], values[None])), currents(values))


def test_the_arrays_are_copied() -> None:
    values = np.ones((1, 3))
    timed = TimedInput([0.0], values)
    values[:] = 7
    assert (currents(timed) == 1).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_sampled_current_equals_one_run_per_value(precision: str) -> None:
    """Also bit for bit, although in those runs a current of zero need not be read."""
    rng = np.random.default_rng(3)
    values = rng.normal(1.0, 1.0, (12, 70)) * (rng.random((12, 1)) < 0.6)
    net = Network(dt=DT)
    net.population("n", 70, LIF(tau_m=6.0, t_ref=1.5, v_threshold=0.8))
    record = {"n": ["v", "i", "spikes"]}
    whole = Simulator(net, precision=precision).run(24.0, inputs={"n": TimedInput.regular(values, 2.0)}, record=record)
    simulator = Simulator(net, precision=precision)
    parts = [simulator.run(2.0, inputs={"n": row}, record=record) for row in values]
    for variable in ("v", "i"):
        joined = np.concatenate([part.states["n", variable] for part in parts], axis=1)
        assert np.array_equal(joined, whole.states["n", variable]), variable
    assert np.array_equal(np.concatenate([part.spikes["n"].steps for part in parts]), whole.spikes["n"].steps)
    assert len(whole.spikes["n"]) > 50


def test_times_count_from_the_start_of_each_run_and_the_last_value_stays() -> None:
    net = Network(dt=DT)
    net.population("n", 1, IF(v_threshold=math.inf))
    simulator = Simulator(net)
    found = []
    for inputs in ({"n": TimedInput([1.0], [2.0])}, {}, {"n": TimedInput([0.5, 99.0], [5.0, 7.0])}, {"n": [1.0]}):
        found += simulator.run(2.0, inputs=inputs, record={"n": "i"}).states["n", "i"][0, :, 0].tolist()
    assert found == [0, 0, 2, 2] + [2] * 4 + [2, 5, 5, 5] + [1] * 4
    simulator.reset()
    assert not simulator.run(2.0, record={"n": "i"}).states["n", "i"].any()


@given(cuts=st.lists(st.integers(1, 19), unique=True, max_size=4), copies=st.integers(1, 2))
@few
def test_a_run_in_pieces_with_the_input_cut_alike_equals_one_run(cuts: list[int], copies: int) -> None:
    values = np.random.default_rng(5).normal(0.5, 1.0, (copies, 20, 9))
    net = Network(dt=DT)
    net.population("n", 9, LIF(tau_m=5.0, t_ref=1.0, v_threshold=0.3))
    record = {"n": ["v", "i"]}
    whole = Simulator(net, copies=copies).run(10.0, inputs={"n": TimedInput.regular(values, DT)}, record=record)
    simulator = Simulator(net, copies=copies)
    for first, last in itertools.pairwise([0, *sorted(cuts), 20]):
        timed = TimedInput(np.arange(last - first) * DT, values[:, first:last])
        part = simulator.run((last - first) * DT, inputs={"n": timed}, record=record)
        for key in whole.states:
            assert np.array_equal(part.states[key], whole.states[key][:, first:last]), key


def test_sources_take_timed_values_too() -> None:
    net = Network(dt=1.0, seed=1)
    for name, model in (("p", Poisson(rate=1000.0)), ("l", Latency(window=4.0)), ("g", Graded())):
        net.population(name, 2, model)
    inputs = {
        "p": TimedInput([0.0, 3.0, 5.0], [0.0, 1.0, 0.0]),
        "l": TimedInput([0.0, 2.0], [[0.0, 0.25], [0.5, 0.25]]),
        "g": TimedInput([1.0, 2.0], [[0.5, 0.0], [0.5, -1.0]]),
    }
    spikes = Simulator(net).run(8.0, inputs=inputs, record={name: "spikes" for name in net.populations}).spikes
    assert spikes["p"].steps.tolist() == [3, 3, 4, 4]
    assert (spikes["l"].steps.tolist(), spikes["l"].neurons.tolist()) == ([2, 3], [0, 1])
    assert (spikes["g"].steps.tolist(), spikes["g"].neurons.tolist()) == ([1, 2], [0, 1])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_graded_event_carries_the_value_of_its_step(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every step another neuron sends; no worker may deliver a value that another has set since."""
    monkeypatch.setattr(cpu_backend, "_NEURONS_PER_WORKER", 64)
    size, steps = 256, 200
    net = Network(dt=1.0)
    n = net.population("n", size, IF(v_threshold=math.inf))
    net.connect(net.population("x", size, Graded()), n, np.ones((size, size)))
    values = np.zeros((steps, size))
    values[np.arange(steps), np.arange(steps)] = 1.0
    values[np.arange(1, steps), np.arange(steps - 1)] = 64.0  # too late: neuron k has sent its 1 in step k
    simulator = Simulator(net, threads=threads)
    v = simulator.run(steps + 1.0, inputs={"x": TimedInput(np.arange(steps), values)}, record={"n": "v"}).v("n")
    assert np.array_equal(v[0], np.tile(np.arange(steps + 1.0)[:, None], size))


# --- errors -----------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    ("times falling", lambda: TimedInput([1.0, 0.5], [1.0, 2.0]), ("TimedInput.times", "rising")),
    ("times equal", lambda: TimedInput([1.0, 1.0], [1.0, 2.0]), ("TimedInput.times", "rising")),
    ("time negative", lambda: TimedInput([-1.0], [1.0]), ("TimedInput.times", "at least 0 ms")),
    ("time nan", lambda: TimedInput([math.nan], [1.0]), ("TimedInput.times", "finite", "1 of 1")),
    ("times in a matrix", lambda: TimedInput([[0.0]], [1.0]), ("TimedInput.times", "one list")),
    ("times no numbers", lambda: TimedInput(["now"], [1.0]), ("TimedInput.times", "numbers")),
    ("value nan", lambda: TimedInput([0.0], [math.nan]), ("TimedInput.values", "finite")),
    ("rows", lambda: TimedInput([0.0, 1.0], [1.0]), ("TimedInput.values", "2 rows", "(1,)")),
    ("rows of copies", lambda: TimedInput([0.0], np.ones((1, 2, 3))), ("TimedInput.values", "1 rows", "(1, 2, 3)")),
    ("a number", lambda: TimedInput([0.0], 1.0), ("TimedInput.values", "()")),
    ("four dimensions", lambda: TimedInput([0.0], np.ones((1, 1, 1, 1))), ("TimedInput.values", "(1, 1, 1, 1)")),
    ("interval", lambda: TimedInput.regular([1.0], -0.5), ("TimedInput.interval", "above 0 ms", "-0.5")),
    ("regular value", lambda: TimedInput.regular([math.inf], 0.5), ("TimedInput.values", "finite")),
    ("off the grid", lambda: currents(TimedInput([0.7], [1.0])), ("inputs", "'n'", "multiples of dt = 0.5 ms")),
    ("interval off the grid", lambda: currents(TimedInput.regular([1.0, 2.0], 0.7)), ("'n'", "multiples of dt")),
    ("neurons", lambda: currents(TimedInput([0.0], np.ones((1, 4)))), ("'n'", "(rows, 3)", "(1, 4)")),
    ("copies", lambda: currents(TimedInput([0.0], np.ones((3, 1, 3))), copies=2), ("'n'", "(2, rows, 3)", "(3, 1, 3)")),
    ("for a train", lambda: _for_a_train(), ("inputs", "'in'", "SpikeTrain", "TimedInput")),
    ("beyond float32", lambda: _in_single_precision(1e39), ("inputs", "'n'", "float32")),
]


def _for_a_train() -> None:
    net = Network(dt=DT)
    net.population("in", 1, SpikeArray())
    Simulator(net).run(1.0, inputs={"in": TimedInput([0.0], [1.0])})


def _in_single_precision(value: float) -> None:
    net = Network(dt=DT)
    net.population("n", 1, IF())
    Simulator(net, precision="float32").run(1.0, inputs={"n": TimedInput([0.0], [value])})


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_bad_timed_inputs_are_named(make: Callable[[], Any], words: tuple[str, ...]) -> None:
    with pytest.raises(SimulationError) as raised:
        make()
    for word in words:
        assert word in str(raised.value)
