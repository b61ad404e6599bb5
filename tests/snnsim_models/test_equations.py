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
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Delta,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Graded,
    Latency,
    NoisyLIF,
    Poisson,
    Receptor,
    SpikeArray,
    StepCurrent,
)

DYNAMIC = [receptor for receptor in RECEPTORS if receptor.STATES]
CONDUCTING = {"g": ExponentialConductance(tau=5.0, e_rev=70.0)}


def step_of(
    model: Any, state: tuple[float, ...], step: int = 0, held: bool = False, dt: float = 0.5, drive: Any = 0.0, **extra: float
) -> tuple[tuple[float, ...], bool]:  # fmt: skip
    constants = tuple(float(value) for value in model.constants(dt))
    received = (model.MOVES[model.method].py_func(state, drive, constants),) if model.MOVES else ()
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


def test_lif_with_a_constant_current() -> None:
    model = LIF(tau_m=5.0, v_rest=-2.0, r_m=3.0, i_offset=4.0, v_threshold=math.inf)
    assert math.isclose(step_of(model, (1.0, 0.5))[0][0], 11.5 + (1.0 - 11.5) * math.exp(-0.1), rel_tol=1e-15)


def test_lif_with_conductances_follows_exponential_euler() -> None:
    model = LIF(tau_m=5.0, v_rest=-2.0, r_m=3.0, i_offset=1.0, v_threshold=10.0, t_ref=1.0, receptors=CONDUCTING)
    # tau_m dv/dt = -2 - v + 3 (1 + 4 + 2 - 0.25 v): towards 19 / 1.75 with 5 / 1.75 ms
    v_inf = 19 / 1.75
    expected = v_inf + (1.0 - v_inf) * math.exp(-0.5 * 1.75 / 5.0)
    (v, i), spike = step_of(model, (1.0, 4.0), drive=(0.25, 2.0))
    assert math.isclose(v, expected, rel_tol=1e-15)
    assert (i, spike) == (4.0, False)
    (v, _), spike = step_of(model, (30.0, 4.0), drive=(0.25, 2.0))
    assert (v > 10.0, spike) == (True, True)
    assert step_of(model, (30.0, 4.0), held=True, drive=(0.25, 2.0)) == ((0.0, 4.0), False)


def test_lif_with_conductances_follows_backward_euler_on_request() -> None:
    model = LIF(
        tau_m=5.0, v_rest=-2.0, r_m=3.0, i_offset=1.0, v_threshold=10.0, t_ref=1.0, receptors=CONDUCTING,
        conductances="backward_euler",
    )  # fmt: skip
    # The same equation, with the v of the end of the step: v = 1 + 0.1 (19 - 1.75 v).
    (v, i), spike = step_of(model, (1.0, 4.0), drive=(0.25, 2.0))
    assert math.isclose(v, (1.0 + 0.1 * 19) / (1 + 0.1 * 1.75), rel_tol=1e-15)
    assert (i, spike) == (4.0, False)
    assert step_of(model, (30.0, 4.0), held=True, drive=(0.25, 2.0)) == ((0.0, 4.0), False)
    with pytest.raises(ValueError, match=r"LIF\.conductances"):
        LIF(conductances="forward_euler")


def test_adaptive_threshold() -> None:
    given = {"v_threshold": 1.0, "v_reset": -1.0, "theta_plus": 0.5, "tau_theta": 5.0, "tau_m": 1e300}
    model = AdaptiveThresholdLIF(**given)
    (v, i, theta, carry), spike = step_of(model, (2.0, 3.0, 1.0, 0.0))
    assert math.isclose(theta + carry, math.exp(-0.1), rel_tol=1e-15)
    assert (v, i, spike) == (2.0, 3.0, True)  # above 1 + 0.9
    assert not step_of(model, (2.0, 3.0, 1.2, 0.0))[1]
    held, spike = step_of(model, (9.0, 3.0, 1.0, 0.0), held=True)
    assert (held[0], held[2], spike) == (-1.0, theta, False)  # it decays while refractory
    assert not step_of(model, (9.0, 3.0, -5.0, 0.0), held=True)[
        1
    ]  # nor does a threshold below the reset potential matter then
    assert reset_of(model, (2.0, 3.0, 0.75, 0.125)) == ((-1.0, 3.0, 1.25, 0.125), 0)
    soft = AdaptiveThresholdLIF(**given, reset="soft")
    assert reset_of(soft, (2.0, 3.0, 0.75, 0.125)) == ((-0.75, 3.0, 1.25, 0.125), 0)  # 2 - (1.75 - -1)
    lasting = AdaptiveThresholdLIF(tau_theta=math.inf)
    assert step_of(lasting, (0.0, 0.0, 1.3, 0.0))[0][2:] == (1.3, 0.0)


def test_adaptive_current() -> None:
    model = AdaptiveCurrentLIF(tau_m=20.0, r_m=3.0, v_threshold=math.inf, v_reset=-3.0, b=0.5, tau_w=5.0)
    (v, i, w), _ = step_of(model, (0.0, 0.0, 4.0))
    assert (i, math.isclose(w, 4.0 * math.exp(-0.1), rel_tol=1e-15)) == (0.0, True)
    # minus what an exponential current of 4 pA would add
    assert math.isclose(v, -3.0 * 4.0 * 5.0 / -15.0 * (math.exp(-0.1) - math.exp(-0.025)), rel_tol=1e-13)
    assert reset_of(model, (1.0, 2.0, 4.0)) == ((-3.0, 2.0, 4.5), 0)


def test_adaptive_current_with_conductances() -> None:
    model = AdaptiveCurrentLIF(tau_m=5.0, v_rest=-2.0, r_m=3.0, v_threshold=math.inf, receptors=CONDUCTING)
    v_inf = (-2.0 + 3.0 * (2.0 - 4.0)) / 1.75  # w as it was at the start of the step
    (v, _, _), _ = step_of(model, (1.0, 0.0, 4.0), drive=(0.25, 2.0))
    assert math.isclose(v, v_inf + (1.0 - v_inf) * math.exp(-0.5 * 1.75 / 5.0), rel_tol=1e-14)


def test_escape_noise() -> None:
    model = EscapeNoiseLIF(tau_m=1e300, v_threshold=10.0, t_ref=1.0, rho_0=200.0, delta_v=2.0)
    p = 1 - math.exp(-0.2 * 0.5 * math.exp(-1.5))  # at 7 mV: 3 below the threshold, for half a millisecond
    for v, uniform, fires in (
        (7.0, p - 1e-9, True),
        (7.0, p + 1e-9, False),
        (10.0, 0.0951, True),
        (10.0, 0.0952, False),
    ):
        assert step_of(model, (v, 0.0), uniform=uniform) == ((v, 0.0), fires)
    assert step_of(model, (99.0, 0.0), uniform=1.0)[1]
    assert not step_of(model, (99.0, 0.0), held=True, uniform=1e-10)[1]
    assert not step_of(EscapeNoiseLIF(v_threshold=math.inf), (99.0, 0.0), uniform=1e-10)[1]


def test_noise() -> None:
    model = NoisyLIF(tau_m=5.0, v_rest=-2.0, v_threshold=0.0, v_reset=-3.0, t_ref=1.0, sigma=3.0)
    mean, deviation = -2.0 + 1.0 * math.exp(-0.1), 3.0 * math.sqrt(1 - math.exp(-0.2))
    for normal, spike in ((-2.5, False), (0.0, False), (0.5, False), (1.5, True)):
        (v, i), fired = step_of(model, (-1.0, 0.0), normal=normal)
        assert math.isclose(v, mean + deviation * normal, rel_tol=1e-14)
        assert (i, fired) == (0.0, spike)
    assert step_of(model, (-1.0, 0.0), held=True, normal=9.0) == ((-3.0, 0.0), False)


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


def test_receptors_in_exponential_euler() -> None:
    """Conductance and current of the start of the step; then all move as dx/dt = A x + B with A and B of the start."""
    decay = math.exp(-0.1)

    def received(receptor: Receptor, *states: float) -> Any:
        constants = tuple(float(c) for c in receptor.euler_constants(0.5))
        return receptor.RECEIVE_EULER.py_func(states, constants)

    assert received(ExponentialConductance(tau=5.0, e_rev=-70.0), 4.0) == ((4.0 * decay,), (4.0, -280.0))
    assert received(ExponentialCurrent(tau=5.0), 4.0) == ((4.0 * decay,), (0.0, 4.0))
    (i, h), drive = received(AlphaCurrent(tau=5.0), 1.5, 4.0)
    assert math.isclose(i, 4.0 * math.e + (1.5 - 4.0 * math.e) * decay, rel_tol=1e-15)
    assert (h, drive) == (4.0 * decay, (0.0, 1.5))


def test_the_method_follows_from_the_receptors() -> None:
    linear = {"e": ExponentialCurrent(), "a": AlphaCurrent(), "d": Delta(), "s": StepCurrent()}
    assert LIF().method == LIF(receptors=linear).method == IF().method == "exact"
    assert LIF(receptors=linear | CONDUCTING).method == "exponential_euler"
    assert [len(part) for part in LIF(receptors=linear | CONDUCTING).receptor_constants(0.1)] == [2, 3, 2]


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
    extra = {"number": np.float32(0.5)} if model.STOCHASTIC else {}
    state, _ = step_of(made, tuple(float(v) for v in made.initial(1.0)), **extra)
    assert len(state) == len(model.STATES)
    assert model.DORMANT in (None, *model.STATES)
    assert model.RELEASE is None or model.RESET is not None  # who is never held is never released


@pytest.mark.parametrize("receptor", RECEPTORS, ids=lambda r: r.__name__)
def test_a_receptor_adds_to_a_state_that_there_is(receptor: type[Receptor]) -> None:
    model = LIF(receptors={"r": receptor()})
    assert model.states == ("v", "i", *(f"r.{variable}" for variable in receptor.STATES))
    assert model.arrival("r") in model.states
    assert receptor.__doc__
    methods = {"exact": receptor.RECEIVE, "exponential_euler": receptor.RECEIVE_EULER}
    if receptor.STATES:
        assert receptor.ADDS_TO in receptor.STATES
        (constants,) = model.receptor_constants(0.1)
        states, drive = methods[model.method].py_func((0.0,) * len(receptor.STATES), tuple(map(float, constants)))
        assert (states, drive) == ((0.0,) * len(receptor.STATES), 0.0 if model.method == "exact" else (0.0, 0.0))
    else:
        assert set(methods.values()) == {None}


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


COMPUTED = [model for model in MODELS if model.UPDATE is not None]
CASES = [(model, False) for model in COMPUTED] + [(model, True) for model in COMPUTED if model.MOVES]


@pytest.mark.parametrize(("model", "conducting"), CASES, ids=[f"{m.__name__}{' conducting' * c}" for m, c in CASES])
def test_nothing_widens_single_precision(model: type, conducting: bool) -> None:
    made = model(receptors=CONDUCTING) if conducting else model()
    single = tuple(np.float32(value) for value in made.constants(1.0))
    state = tuple(np.float32(value) for value in made.initial(1.0))
    received = (tuple(np.float32(x) for x in (0.5, 0.25, 2.0)),) if model.MOVES else ()
    extra = (np.float32(0.5),) if model.STOCHASTIC else ()
    assert "float64" not in returned(model.UPDATE, state, *received, True, np.int32(3), *extra, single)
    if model.RESET is not None:
        assert "float64" not in returned(model.RESET, state, single)
    if model.MOVES:
        drive = (np.float32(0.5), np.float32(3.0)) if conducting else np.float32(0.5)
        assert "float64" not in returned(model.MOVES[made.method], state, drive, single)
    if model.RELEASE is not None:
        assert "float64" not in returned(model.RELEASE, state, single)


@pytest.mark.parametrize("receptor", DYNAMIC, ids=lambda r: r.__name__)
def test_no_receptor_widens_single_precision(receptor: type[Receptor]) -> None:
    states = (np.float32(1.0),) * len(receptor.STATES)
    methods = ((receptor.RECEIVE, (1.0, 20.0, 1.0), "constants"), (receptor.RECEIVE_EULER, (1.0,), "euler_constants"))
    for function, arguments, name in methods:
        if function is not None:
            constants = tuple(np.float32(value) for value in getattr(receptor(), name)(*arguments))
            assert "float64" not in returned(function, states, constants)


def returned(function: Any, *arguments: Any) -> str:
    """Return the type of the result, compiled for exactly these types: a call might reuse a version for wider ones."""
    types = tuple(numba.typeof(argument) for argument in arguments)
    function.compile(types)
    return str(function.overloads[types].signature.return_type)
