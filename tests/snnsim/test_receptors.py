"""Currents of LIF neurons against closed forms, worked out in 60 digits."""

import math
from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from one_neuron import train

from snnsim import (
    LIF,
    AlphaCurrent,
    Delta,
    ExponentialCurrent,
    Network,
    Simulator,
    SpikeArray,
    SpikeTrain,
    StepCurrent,
)

TIMES = [
    (5.0, 20.0),
    (20.0, 5.0),
    (0.5, 50.0),
    (100.0, 1.0),
    (10.0, 10.0),
    (10.0, 10.0 * (1 + 1e-9)),
    (10.0, 10.01),
    (3, 3.3),
]


def psp(kind: type, t: float, tau: float, tau_m: float) -> float:
    """Return v at t (ms) after a spike of weight 1 at a membrane of resistance 1 at rest."""
    with localcontext() as context:
        context.prec = 60
        t_, tau_, m = Decimal(t), Decimal(tau), Decimal(tau_m)
        a, leak = 1 / m - 1 / tau_, (-t_ / m).exp()
        if kind is ExponentialCurrent:
            integral = t_ if a == 0 else ((a * t_).exp() - 1) / a
            return float(integral * leak / m)
        integral = t_ * t_ / 2 if a == 0 else ((a * t_).exp() * (a * t_ - 1) + 1) / a**2
        return float(integral * leak * Decimal(1).exp() / (tau_ * m))


def psps(kind: type, steps: int, tau: float, tau_m: float, dt: float = 1.0) -> np.ndarray:
    return np.array([psp(kind, k * dt, tau, tau_m) for k in range(steps)])


def network(model: LIF, weights: Mapping[str, float], *, size: int = 1, dt: float = 1.0, delay: float = 0.0) -> Network:
    """One spike source onto a population, with a weight for each receptor."""
    net = Network(dt=dt)
    source, target = net.population("in", 1, SpikeArray()), net.population("n", size, model)
    for name, weight in weights.items():
        net.connect(source, target, np.full((1, size), weight), receptor=name, delay=delay)
    return net


def simulate(net: Network, steps: list[int], duration: int, **options: Any) -> dict[str, np.ndarray]:
    """States of the population per step, shape (steps, neurons), by name."""
    spikes = SpikeTrain.from_times(
        np.array(steps) * net.dt, np.zeros(len(steps), int), size=1, dt=net.dt, duration=duration * net.dt
    )
    names = list(net.populations["n"].model.states)
    result = Simulator(net, **options).run(duration * net.dt, inputs={"in": spikes}, record={"n": [*names, "spikes"]})
    return {name: result.states["n", name][0] for name in names} | {"spikes": result.spikes["n"].steps}


# --- one receptor -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
@pytest.mark.parametrize(("tau", "tau_m"), TIMES)
def test_postsynaptic_potentials_follow_the_closed_form(kind: type, tau: float, tau_m: float) -> None:
    model = LIF(tau_m=tau_m, r_m=2.0, v_threshold=math.inf, receptors={"syn": kind(tau=tau)})
    v = simulate(network(model, {"syn": 3.0}, dt=0.1), [0], 600)["v"][:, 0]
    expected = 6.0 * psps(kind, 600, tau, tau_m, 0.1)
    assert expected.max() > 0.01
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=1e-12 * expected.max())


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
def test_the_step_changes_nothing_but_the_times_at_which_one_looks(kind: type) -> None:
    model = LIF(tau_m=7.0, v_threshold=math.inf, receptors={"syn": kind(tau=3.0)})
    fine = simulate(network(model, {"syn": 3.0}, dt=0.125), [0, 8, 40], 400)["v"]
    coarse = simulate(network(model, {"syn": 3.0}, dt=1.0), [0, 1, 5], 50)["v"]
    np.testing.assert_allclose(fine[::8], coarse, rtol=1e-12, atol=1e-13)


def test_an_exponential_current_jumps_by_the_weight_and_decays() -> None:
    model = LIF(v_threshold=math.inf, receptors={"syn": ExponentialCurrent(tau=5.0)})
    i = simulate(network(model, {"syn": -3.0}), [2], 30)["syn.i"][:, 0]
    assert i[:3].tolist() == [0, 0, 0]
    # The state as it stands after the update: the spike of step 2 has decayed over step 3.
    np.testing.assert_allclose(i[3:], -3.0 * np.exp(-np.arange(1, 28) / 5.0), rtol=1e-13)


def test_an_alpha_current_peaks_at_tau_with_the_weight() -> None:
    model = LIF(v_threshold=math.inf, receptors={"syn": AlphaCurrent(tau=4.0)})
    i = simulate(network(model, {"syn": 3.0}, dt=0.5), [0], 80)["syn.i"][:, 0]
    t = np.arange(80) * 0.5
    np.testing.assert_allclose(i, 3.0 * math.e * t / 4.0 * np.exp(-t / 4.0), rtol=1e-12)
    assert np.argmax(i) * 0.5 == 4.0
    assert math.isclose(i.max(), 3.0, rel_tol=1e-13)


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
def test_the_potentials_of_successive_spikes_add_up(kind: type) -> None:
    model = LIF(tau_m=11.0, v_rest=-65.0, v_initial=-65.0, v_threshold=math.inf, receptors={"syn": kind(tau=3.0)})
    steps = [0, 1, 7, 7 + 13]
    v = simulate(network(model, {"syn": 5.0}), steps, 60)["v"][:, 0]
    one = psps(kind, 60, 3.0, 11.0)
    expected = -65.0 + 5.0 * sum(np.concatenate([np.zeros(s), one[: 60 - s]]) for s in steps)
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-12 * 65)


def test_a_delay_shifts_the_potential() -> None:
    model = LIF(tau_m=11.0, v_threshold=math.inf, receptors={"syn": AlphaCurrent(tau=3.0)})
    prompt, late = (simulate(network(model, {"syn": 5.0}, delay=d), [1], 40)["v"] for d in (0.0, 6.0))
    assert np.array_equal(late[6:], prompt[:-6])
    assert not late[:8].any()


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
def test_single_precision_is_as_good_as_its_digits(kind: type) -> None:
    model = LIF(tau_m=20.0, v_threshold=math.inf, receptors={"syn": kind(tau=5.0)})
    v = simulate(network(model, {"syn": 3.0}, dt=0.1), [0], 300, precision="float32")["v"][:, 0]
    assert v.dtype == np.float32
    np.testing.assert_allclose(v, 3.0 * psps(kind, 300, 5.0, 20.0, 0.1), rtol=0, atol=1e-5)


# --- several receptors ------------------------------------------------------------------------------------------------

FOUR: dict[str, Any] = {
    "fast": ExponentialCurrent(tau=1.5), "now": Delta(), "slow": ExponentialCurrent(tau=40.0), "alpha": AlphaCurrent(tau=6.0),
}  # fmt: skip
WEIGHTS = {"fast": 2.0, "now": 0.5, "slow": -0.75, "alpha": 1.25}


def test_receptors_add_up() -> None:
    model = LIF(tau_m=9.0, v_threshold=math.inf, receptors=FOUR)
    together = simulate(network(model, WEIGHTS), [0, 4], 50)["v"][:, 0]
    one = (
        2.0 * psps(ExponentialCurrent, 50, 1.5, 9.0) - 0.75 * psps(ExponentialCurrent, 50, 40.0, 9.0)
        + 1.25 * psps(AlphaCurrent, 50, 6.0, 9.0) + np.where(np.arange(50) > 0, 0.5 * np.exp(-np.arange(50) / 9.0), 0.0)
    )  # fmt: skip
    np.testing.assert_allclose(together, one + np.concatenate([np.zeros(4), one[:-4]]), rtol=0, atol=1e-13)


def test_a_spike_reaches_its_receptor_alone_and_the_first_is_the_default() -> None:
    model = LIF(v_threshold=math.inf, receptors=FOUR)
    states = {"fast": ["fast.i", "v"], "now": ["v"], "slow": ["slow.i", "v"], "alpha": ["alpha.i", "alpha.h", "v"]}
    for name, moved in states.items():
        found = simulate(network(model, {name: 1.0}), [0], 4)
        assert sorted(key for key in model.states if found[key].any()) == sorted(moved), name
    net = Network(dt=1.0)
    projection = net.connect(net.population("in", 1, SpikeArray()), net.population("n", 1, model), [[1.0]])
    assert projection.receptor == "fast"


def test_the_order_of_receptors_does_not_matter() -> None:
    found = []
    for names in (list(FOUR), list(FOUR)[::-1]):
        model = LIF(tau_m=9.0, v_threshold=math.inf, receptors={name: FOUR[name] for name in names})
        found.append(simulate(network(model, WEIGHTS), [0, 4], 40))
    for name in found[0].keys() - {"spikes", "v"}:
        assert np.array_equal(found[0][name], found[1][name]), name
    np.testing.assert_allclose(found[0]["v"], found[1]["v"], rtol=0, atol=1e-14)


@pytest.mark.parametrize("per_neuron", [False, True], ids=["one value", "per neuron"])
def test_more_than_eight_states(per_neuron: bool) -> None:
    """Nine receptors, fifteen states: each moves v as it does alone."""
    alpha, exponential = AlphaCurrent, ExponentialCurrent
    kinds = [alpha, exponential, alpha, Delta, alpha, alpha, exponential, alpha, exponential]
    size, tau_m = 3, 12.0
    taus = [np.array([1.0, 1.5, 2.0]) * (k + 1) if per_neuron else np.full(size, k + 1.0) for k in range(9)]
    given = {
        f"r{k}": kind() if kind is Delta else kind(tau=taus[k] if per_neuron else float(k + 1))
        for k, kind in enumerate(kinds)
    }
    model = LIF(tau_m=tau_m, v_threshold=math.inf, receptors=given)
    assert len(model.states) == 15
    weights = {f"r{k}": (k + 1.0) * (-1) ** k for k in range(9)}
    v = simulate(network(model, weights, size=size), [1], 30)["v"]
    t = np.arange(29)
    expected = np.zeros((30, size))
    for k, (kind, weight) in enumerate(zip(kinds, weights.values(), strict=True)):
        for n in range(size):
            one = np.exp(-t / tau_m) * (t > 0) if kind is Delta else psps(kind, 29, float(taus[k][n]), tau_m)
            expected[1:, n] += weight * one
    np.testing.assert_allclose(v, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
def test_each_neuron_has_its_own_time_constants(kind: type) -> None:
    """Those of the receptor alone, of the neuron alone, and of both, equal ones among them."""
    tau, tau_m = np.array([2.0, 5.0, 8.0, 8.0]), np.array([8.0, 5.0, 8.0, 20.0])
    for taus, members in ((tau, 8.0), (5.0, tau_m), (tau, tau_m)):
        model = LIF(tau_m=members, v_threshold=math.inf, receptors={"syn": kind(tau=taus)})
        v = simulate(network(model, {"syn": 2.0}, size=4), [0], 40)["v"]
        for n in range(4):
            own = float(np.broadcast_to(taus, 4)[n]), float(np.broadcast_to(members, 4)[n])
            np.testing.assert_allclose(v[:, n], 2.0 * psps(kind, 40, *own), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_time_constants_per_neuron_equal_scalar_ones(precision: str) -> None:
    found = []
    for taus in (
        {"fast": 1.5, "alpha": 6.0},
        {"fast": np.full(5, 1.5), "alpha": 6.0},
        {"fast": 1.5, "alpha": np.full(5, 6.0)},
    ):
        given = {"fast": ExponentialCurrent(tau=taus["fast"]), "now": Delta(), "alpha": AlphaCurrent(tau=taus["alpha"])}
        model = LIF(tau_m=9.0, v_threshold=0.5, t_ref=2.0, receptors=given)
        net = network(model, {"fast": 2.0, "now": 0.25, "alpha": 1.5}, size=5)
        found.append(simulate(net, list(range(0, 40, 3)), 60, precision=precision))
        assert len(found[-1]["spikes"]) > 10
    for other in found[1:]:
        for name, values in found[0].items():
            assert np.array_equal(values, other[name]), name


# --- spikes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ExponentialCurrent, AlphaCurrent])
@pytest.mark.parametrize("r", [1, 2, 5])
def test_currents_go_on_decaying_while_a_neuron_is_refractory(kind: type, r: int) -> None:
    """A jump makes the neuron fire in step 1; the current that arrived with it decays, and moves v only after t_ref."""
    tau, tau_m, steps = 6.0, 15.0, 40
    receptors = {"now": Delta(), "syn": kind(tau=tau)}
    model = LIF(tau_m=tau_m, v_threshold=5.0, v_reset=-1.0, t_ref=float(r), receptors=receptors)
    found = simulate(network(model, {"now": 9.0, "syn": 2.0}), [0], steps)
    v, i = found["v"][:, 0], found["syn.i"][:, 0]
    t = np.arange(steps)
    expected = 2.0 * (np.exp(-t / tau) * (t > 0) if kind is ExponentialCurrent else math.e * t / tau * np.exp(-t / tau))
    np.testing.assert_allclose(i, expected, rtol=1e-12)
    assert found["spikes"].tolist() == [1]
    assert (v[2 : 1 + r] == -1.0).all()
    # From the end of step r on the membrane starts at v_reset, and what is left of the current drives it on.
    since = t[r + 1 :] - r
    free = 2.0 * psps(kind, steps, tau, tau_m)
    held = np.exp(-since / tau_m) * free[r]  # what the current would have added until then
    np.testing.assert_allclose(v[r + 1 :], free[r + 1 :] - held - np.exp(-since / tau_m), rtol=0, atol=1e-13)


def test_spikes_that_arrive_at_a_refractory_neuron_reach_its_currents() -> None:
    receptors = {"now": Delta(), "syn": ExponentialCurrent(tau=50.0)}
    model = LIF(tau_m=15.0, v_threshold=5.0, v_reset=0.0, v_initial=9.0, t_ref=10.0, receptors=receptors)
    found = simulate(network(model, {"now": 1.0, "syn": 0.25}), [2, 4], 16)
    assert found["spikes"].tolist() == [0]
    assert not found["v"][1:10].any()  # 1 mV twice, discarded
    i = found["syn.i"][:, 0]
    np.testing.assert_allclose(i[9], 0.25 * (math.exp(-7 / 50) + math.exp(-5 / 50)), rtol=1e-13)
    assert math.isclose(found["v"][10, 0], i[9] * psp(ExponentialCurrent, 1.0, 50.0, 15.0), rel_tol=1e-12)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_reset_does_not_touch_the_currents(reset: str) -> None:
    model = LIF(v_threshold=0.2, reset=reset, receptors={"e": ExponentialCurrent(tau=8.0), "a": AlphaCurrent(tau=3.0)})
    found = simulate(network(model, {"e": 3.0, "a": 5.0}), [0], 30)
    assert len(found["spikes"]) > 3
    t = np.arange(1, 30)
    np.testing.assert_allclose(found["e.i"][1:, 0], 3.0 * np.exp(-t / 8.0), rtol=1e-12)
    np.testing.assert_allclose(found["a.i"][1:, 0], 5.0 * math.e * t / 3.0 * np.exp(-t / 3.0), rtol=1e-12)


def test_constant_input_and_receptors_add_up() -> None:
    receptors = {"syn": ExponentialCurrent(tau=4.0), "on": StepCurrent()}
    net = network(LIF(tau_m=9.0, v_threshold=math.inf, receptors=receptors), {"syn": 2.0, "on": 0.5})
    result = Simulator(net).run(30.0, inputs={"in": train([3], duration=30), "n": [1.5]}, record={"n": ["v", "i"]})
    t = np.arange(30)
    late = np.maximum(t - 3, 0)
    expected = 1.5 * -np.expm1(-(t + 1) / 9.0) + 0.5 * -np.expm1(-late / 9.0)
    expected += 2.0 * np.array([psp(ExponentialCurrent, float(k), 4.0, 9.0) for k in late])
    np.testing.assert_allclose(result.v("n")[0, :, 0], expected, rtol=0, atol=1e-13)
    assert result.states["n", "i"][0, :, 0].tolist() == [1.5] * 4 + [2.0] * 26


def test_currents_are_kept_across_runs_and_gone_after_a_reset() -> None:
    net = network(
        LIF(v_threshold=math.inf, receptors={"e": ExponentialCurrent(), "a": AlphaCurrent()}), {"e": 1.0, "a": 2.0}
    )
    whole = simulate(net, [1], 20)
    sim = Simulator(net)
    record = {"n": list(net.populations["n"].model.states)}
    first = sim.run(5.0, inputs={"in": train([1], duration=5)}, record=record)
    second = sim.run(15.0, record=record)
    for name in record["n"]:
        assert np.array_equal(
            np.concatenate([first.states["n", name], second.states["n", name]], axis=1)[0], whole[name]
        )
    sim.reset()
    again = sim.run(3.0, record=record)
    assert not any(values.any() for values in again.states.values())
