"""The scalar equations of each model and receptor, called as plain Python functions."""

import math
from typing import Any

import numba
import numpy as np
import pytest
from snnsim_models import (
    FOREVER,
    IF,
    LIF,
    MODELS,
    RECEPTORS,
    TTFS,
    AlphaCurrent,
    Delta,
    ExponentialCurrent,
    Graded,
    Latency,
    Poisson,
    Receptor,
    SpikeArray,
    StepCurrent,
)

DYNAMIC = [receptor for receptor in RECEPTORS if receptor.STATES]


def step_of(
    model: Any, state: tuple[float, ...], step: int = 0, held: bool = False, dt: float = 0.5, drive: float = 0.0, **extra: float
) -> tuple[tuple[float, ...], bool]:  # fmt: skip
    constants = tuple(float(value) for value in model.constants(dt))
    received = (drive,) if model.RECEIVES else ()
    state, spike = model.UPDATE.py_func(state, *received, held, step, *extra.values(), constants)
    return tuple(float(x) for x in state), bool(spike)


def reset_of(model: Any, state: tuple[float, ...], dt: float = 0.5) -> tuple[tuple[float, ...], int]:
    """The state after a spike, and for how many updates the neuron is held."""
    state, updates = model.RESET.py_func(state, tuple(float(value) for value in model.constants(dt)))
    return state, int(updates)


def test_if() -> None:
    assert step_of(IF(v_threshold=1.0, bias=0.5), (0.25, 1.0)) == ((1.0, 1.0), False)
    assert step_of(IF(v_threshold=0.99, bias=0.5), (0.25, 1.0)) == ((1.0, 1.0), True)
    assert reset_of(IF(v_threshold=1.0, v_reset=-0.25), (1.5, 3.0)) == ((-0.25, 3.0), 0)
    assert reset_of(IF(v_threshold=1.0, v_reset=-0.25, reset="soft"), (1.5, 3.0)) == ((0.25, 3.0), 0)


def test_if_is_gated_until_t_open() -> None:
    model = IF(v_threshold=1.0, t_open=2.0)
    assert [step_of(model, (5.0, 0.0), step)[1] for step in range(6)] == [False] * 4 + [True] * 2


def test_lif() -> None:
    model = LIF(tau_m=5.0, v_rest=-2.0, r_m=3.0, v_threshold=10.0)
    (v, i), spike = step_of(model, (1.0, 4.0))
    assert math.isclose(v, 10.0 + (1.0 - 10.0) * math.exp(-0.1), rel_tol=1e-15)
    assert (i, spike) == (4.0, False)
    assert reset_of(LIF(v_threshold=1.0, v_reset=-3.0), (1.5, 3.0)) == ((-3.0, 3.0), 0)
    assert reset_of(LIF(v_threshold=1.0, v_reset=-3.0, reset="soft"), (1.5, 3.0)) == ((-2.5, 3.0), 0)


def test_lif_adds_the_drive_unless_it_is_held() -> None:
    model = LIF(tau_m=1e300, v_threshold=4.0, v_reset=-1.0, t_ref=1.5)
    assert step_of(model, (1.0, 0.0), drive=2.5) == ((3.5, 0.0), False)
    assert step_of(model, (1.0, 0.0), drive=3.5) == ((4.5, 0.0), True)
    assert step_of(model, (9.0, 0.5), held=True, drive=9.0) == ((-1.0, 0.5), False)


def test_exponential_current() -> None:
    constants = tuple(float(c) for c in ExponentialCurrent(tau=5.0).constants(0.5, 20.0, 3.0))
    (i,), drive = ExponentialCurrent.RECEIVE.py_func((4.0,), constants)
    assert math.isclose(i, 4.0 * math.exp(-0.1), rel_tol=1e-15)
    # r_m i tau / (tau - tau_m) (exp(-dt / tau) - exp(-dt / tau_m))
    assert math.isclose(drive, 3.0 * 4.0 * 5.0 / -15.0 * (math.exp(-0.1) - math.exp(-0.025)), rel_tol=1e-13)


def test_alpha_current() -> None:
    constants = tuple(float(c) for c in AlphaCurrent(tau=5.0).constants(0.5, 20.0, 3.0))
    (i, h), drive = AlphaCurrent.RECEIVE.py_func((0.0, 4.0), constants)
    assert math.isclose(i, 4.0 * math.e * 0.1 * math.exp(-0.1), rel_tol=1e-15)
    assert math.isclose(h, 4.0 * math.exp(-0.1), rel_tol=1e-15)
    a = 1 / 20 - 1 / 5
    expected = 3.0 * 4.0 * math.e / (5.0 * 20.0) * math.exp(-0.025) * (math.exp(a / 2) * (a / 2 - 1) + 1) / a**2
    assert math.isclose(drive, expected, rel_tol=1e-10)  # this form cancels, the model's does not
    (i, h), drive = AlphaCurrent.RECEIVE.py_func((4.0, 0.0), constants)
    assert math.isclose(i, 4.0 * math.exp(-0.1), rel_tol=1e-15)
    assert h == 0
    assert math.isclose(drive, 3.0 * 4.0 * 5.0 / -15.0 * (math.exp(-0.1) - math.exp(-0.025)), rel_tol=1e-13)


@pytest.mark.parametrize(("t_ref", "updates"), [(0.0, 0), (0.5, 0), (1.0, 1), (1.5, 2), (500.0, 999)])
def test_lif_is_held_for_all_refractory_steps_but_that_of_the_spike(t_ref: float, updates: int) -> None:
    model = LIF(v_threshold=1.0, v_reset=-1.0, t_ref=t_ref)
    assert reset_of(model, (2.0, 0.5)) == ((-1.0, 0.5), updates)
    assert model.longest_hold(0.5) == updates


def test_lif_is_released_at_the_reset_potential() -> None:
    constants = tuple(float(value) for value in LIF(v_threshold=1.0, v_reset=-1.0, t_ref=1.5).constants(0.5))
    assert LIF.RELEASE.py_func((2.0, 0.5), constants) == (-1.0, 0.5)  # what arrived before is discarded


def test_longest_hold_is_that_of_the_slowest_neuron() -> None:
    assert LIF(t_ref=[0.0, 4.5, 1.5]).longest_hold(0.5) == 8
    assert IF().longest_hold(0.5) == TTFS().longest_hold(0.5) == Graded().longest_hold(0.5) == 0


def test_ttfs() -> None:
    model = TTFS(v_threshold=2.0, ramp=3.0, t_open=1.0)
    assert step_of(model, (9.0, 4.0), 1) == ((11.0, 4.0), False)
    assert step_of(model, (0.5, 4.0), 2) == ((2.0, 4.0), False)
    assert step_of(model, (0.75, 4.0), 2) == ((2.25, 4.0), True)
    assert step_of(model, (9.0, 4.0), 3, held=True) == ((10.5, 4.0), False)
    assert reset_of(model, (2.25, 4.0)) == ((2.25, 4.0), FOREVER)


def test_latency() -> None:
    model = Latency(window=4.0)
    for x, expected in ((1.0, 0), (0.5, 4), (0.0625, 7), (0.0624, None), (0.0, None), (-1.0, None)):
        steps = [step for step in range(9) if step_of(model, (x,), step)[1]]
        assert steps == ([] if expected is None else [expected]), x


def test_graded() -> None:
    cases = ((0.5, False), (-0.5, False), (0.0, False), (0.5, True))  # value, whether it has sent it
    assert [step_of(Graded(), (x,), held=held)[1] for x, held in cases] == [True, True, False, False]
    assert reset_of(Graded(), (0.5,)) == ((0.5,), FOREVER)


def test_poisson() -> None:
    model = Poisson(rate=500.0)  # 0.25 a step of 0.5 ms
    assert step_of(model, (1.0,), uniform=0.2499)[1]
    assert not step_of(model, (1.0,), uniform=0.25)[1]
    assert not step_of(model, (0.0,), uniform=0.0)[1]
    assert not step_of(model, (-1.0,), uniform=0.0)[1]


@pytest.mark.parametrize("model", [model for model in MODELS if model is not SpikeArray], ids=lambda m: m.__name__)
def test_declarations_agree_with_each_other(model: type) -> None:
    made = model()
    assert len(made.initial(1.0)) == len(model.STATES) > 0
    assert made.states[: len(model.STATES)] == model.STATES
    assert {made.arrival(name) for name in made.receptor_map} <= set(made.states)
    assert model.INPUT in (None, *model.STATES)
    assert model.__doc__
    extra = {"uniform": np.float32(0.5)} if model.STOCHASTIC else {}
    state, _ = step_of(made, tuple(float(v) for v in made.initial(1.0)), **extra)
    assert len(state) == len(model.STATES)
    assert model.DORMANT in (None, *model.STATES)
    assert model.RELEASE is None or model.RESET is not None  # who is never held is never released


@pytest.mark.parametrize("receptor", RECEPTORS, ids=lambda r: r.__name__)
def test_a_receptor_adds_to_a_state_that_there_is(receptor: type[Receptor]) -> None:
    model = LIF(receptors={"r": receptor()})
    assert model.states == ("v", "i", *(f"r.{variable}" for variable in receptor.STATES))
    assert model.arrival("r") in model.states
    assert (receptor.RECEIVE is None) == (not receptor.STATES)
    assert receptor.__doc__
    if receptor.STATES:
        assert receptor.ADDS_TO in receptor.STATES
        (constants,) = model.receptor_constants(0.1)
        states, drive = receptor.RECEIVE.py_func((0.0,) * len(receptor.STATES), tuple(map(float, constants)))
        assert (states, drive) == ((0.0,) * len(receptor.STATES), 0.0)


def test_states_of_receptors_follow_those_of_the_neuron() -> None:
    receptors = {
        "b": AlphaCurrent(),
        "now": Delta(),
        "a": ExponentialCurrent(),
        "on": StepCurrent(),
        "c": AlphaCurrent(),
    }
    model = LIF(receptors=receptors)
    assert model.states == ("v", "i", "b.i", "b.h", "a.i", "c.i", "c.h")
    arrivals = {"b": "b.h", "now": "v", "a": "a.i", "on": "i", "c": "c.h"}
    assert {name: model.arrival(name) for name in model.receptor_map} == arrivals
    assert list(model.dynamic_receptors) == ["b", "a", "c"]
    assert [len(part) for part in model.receptor_constants(0.1)] == [4, 2, 4]
    assert list(LIF().receptor_map) == list(IF().receptor_map) == ["delta", "step"]


@pytest.mark.parametrize("model", [m for m in MODELS if m.UPDATE is not None], ids=lambda m: m.__name__)
def test_nothing_widens_single_precision(model: type) -> None:
    made = model()
    single = tuple(np.float32(value) for value in made.constants(1.0))
    state = tuple(np.float32(value) for value in made.initial(1.0))
    received = (np.float32(0.5),) if model.RECEIVES else ()
    extra = (np.float32(0.5),) if model.STOCHASTIC else ()
    assert "float64" not in returned(model.UPDATE, state, *received, True, np.int32(3), *extra, single)
    if model.RESET is not None:
        assert "float64" not in returned(model.RESET, state, single)
    if model.RELEASE is not None:
        assert "float64" not in returned(model.RELEASE, state, single)


@pytest.mark.parametrize("receptor", DYNAMIC, ids=lambda r: r.__name__)
def test_no_receptor_widens_single_precision(receptor: type[Receptor]) -> None:
    constants = tuple(np.float32(value) for value in receptor().constants(1.0, 20.0, 1.0))
    assert "float64" not in returned(receptor.RECEIVE, (np.float32(1.0),) * len(receptor.STATES), constants)


def returned(function: Any, *arguments: Any) -> str:
    """Return the type of the result, compiled for exactly these types: a call might reuse a version for wider ones."""
    types = tuple(numba.typeof(argument) for argument in arguments)
    function.compile(types)
    return str(function.overloads[types].signature.return_type)
