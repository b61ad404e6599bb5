"""LIF neurons with conductances: what exponential Euler solves exactly, and how fast it converges elsewhere."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from one_neuron import train
from scipy.integrate import solve_ivp

from snnsim import (
    LIF,
    AlphaCurrent,
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    Network,
    Simulator,
    SpikeArray,
    SpikeTrain,
    StepCurrent,
)

ENDLESS = 1e300
"""A time constant with which nothing decays: then dv/dt = A v + B with constant A and B, which exponential Euler solves exactly."""


def simulate(
    model: LIF,
    weights: dict[str, float],
    steps: list[int],
    duration: int,
    *,
    dt: float = 1.0,
    precision: str = "float64",
) -> dict[str, Any]:
    """States of one neuron per step, by name, that gets a spike at each receptor in the given steps; and its spikes."""
    net = Network(dt=dt)
    source, target = net.population("in", 1, SpikeArray()), net.population("n", 1, model)
    for name, weight in weights.items():
        net.connect(source, target, [[weight]], receptor=name)
    times = np.array(steps) * dt
    spikes = SpikeTrain.from_times(times, np.zeros(len(steps), int), size=1, dt=dt, duration=duration * dt)
    result = Simulator(net, precision=precision).run(
        duration * dt, inputs={"in": spikes}, record={"n": [*model.states, "spikes"]}
    )
    return {name: result.states["n", name][0, :, 0] for name in model.states} | {"spikes": result.spikes["n"].steps}


@pytest.mark.parametrize(("precision", "within"), [("float64", 1e-12), ("float32", 3e-5)])
def test_constant_conductances_charge_as_the_closed_form(precision: str, within: float) -> None:
    receptors = {
        "e": ExponentialConductance(tau=ENDLESS, e_rev=0.0),
        "i": ExponentialConductance(tau=ENDLESS, e_rev=-80.0),
    }
    model = LIF(
        tau_m=20.0, v_rest=-65.0, v_initial=-70.0, v_threshold=math.inf, r_m=0.5, i_offset=4.0, receptors=receptors
    )
    v = simulate(model, {"e": 1.5, "i": 2.0}, [0], 200, dt=0.5, precision=precision)["v"]
    t = np.arange(200) * 0.5
    before = -63.0 - 7.0 * math.exp(-0.5 / 20.0)  # after the step of the spike; it acts from the next on
    # 20 dv/dt = -65 - v + 0.5 (4 - 1.5 v + 2 (-80 - v))
    v_inf, tau = (-65.0 + 2.0 - 80.0) / 2.75, 20.0 / 2.75
    np.testing.assert_allclose(v, v_inf + (before - v_inf) * np.exp(-t / tau), rtol=0, atol=within)


def test_a_conductance_jumps_by_the_weight_and_decays() -> None:
    model = LIF(v_threshold=math.inf, receptors={"g": ExponentialConductance(tau=5.0, e_rev=60.0)})
    g = simulate(model, {"g": 3.0}, [2, 6], 30)["g.g"]
    t = np.arange(30)
    expected = 3.0 * (np.exp(-(t - 2) / 5.0) * (t > 2) + np.exp(-(t - 6) / 5.0) * (t > 6))
    np.testing.assert_allclose(g, expected, rtol=1e-12)


def test_at_the_reversal_potential_a_conductance_does_nothing() -> None:
    receptors = {"g": ExponentialConductance(tau=5.0, e_rev=-65.0)}
    given = {"v_rest": -65.0, "v_threshold": math.inf, "v_reset": -70.0}
    resting = simulate(LIF(v_initial=-65.0, receptors=receptors, **given), {"g": 9.0}, [0, 3], 40)["v"]
    np.testing.assert_allclose(resting, -65.0, rtol=0, atol=1e-12)
    shunted, free = (
        simulate(LIF(v_initial=-60.0, receptors=receptors, **given), {"g": w}, [0, 3], 40)["v"] for w in (9.0, 1e-12)
    )
    assert (shunted[1:] < free[1:]).all()
    assert (shunted > -65.0).all()


def mixture(**given: Any) -> LIF:
    receptors = {
        "g": ExponentialConductance(tau=3.0, e_rev=50.0), "e": ExponentialCurrent(tau=4.0), "a": AlphaCurrent(tau=2.0),
        "h": ExponentialConductance(tau=7.0, e_rev=-30.0), "d": Delta(), "s": StepCurrent(),
    }  # fmt: skip
    return LIF(**{"tau_m": 10.0, "v_rest": 1.0, "r_m": 2.0, "v_threshold": math.inf, "receptors": receptors} | given)


WEIGHTS = {"g": 0.1, "e": 3.0, "a": -2.0, "h": 0.05, "d": 1.5, "s": 0.5}


def test_it_converges_to_the_solution_of_the_differential_equations() -> None:
    """Any mixture of receptors, against SciPy's solver: halving the step halves the error."""

    def derivative(t: float, y: Any) -> list[float]:
        v, g, e, i, h, gi = y
        into = e + i + 0.5 + g * (50.0 - v) + gi * (-30.0 - v)
        return [(1.0 - v + 2.0 * into) / 10.0, -g / 3.0, -e / 4.0, (math.e * h - i) / 2.0, -h / 2.0, -gi / 7.0]

    # The spike of step 0 is delivered at the end of that step, to a neuron that has charged for so long without it.
    errors = []
    for dt in (0.2, 0.1, 0.05, 0.025):
        steps = round(12.0 / dt)
        start = 1.0 - math.exp(-dt / 10.0) + 1.5
        exact = solve_ivp(derivative, (0, (steps - 1) * dt), [start, 0.1, 3.0, 0.0, -2.0, 0.05], rtol=1e-11, atol=1e-12)
        v = simulate(mixture(), WEIGHTS, [0], steps, dt=dt)["v"]
        errors.append(abs(v[-1] - exact.y[0, -1]))
    assert errors[-1] < 0.01 < v[-1]
    for coarse, fine in itertools.pairwise(errors):
        assert 1.8 < coarse / fine < 2.2


def test_without_conductances_the_integration_stays_exact() -> None:
    """The same receptors but for the conductances: the step changes nothing."""
    linear = {name: r for name, r in mixture().receptors.items() if not isinstance(r, ExponentialConductance)}
    weights = {name: WEIGHTS[name] for name in linear if name != "d"}
    coarse, fine = (
        simulate(mixture(receptors=linear), weights, [round(2 / dt) - 1], round(30 / dt), dt=dt)["v"]
        for dt in (1.0, 0.25)
    )
    np.testing.assert_allclose(fine[3::4], coarse, rtol=1e-12, atol=1e-13)


def test_conductances_go_on_decaying_while_a_neuron_is_refractory() -> None:
    model = mixture(v_threshold=5.0, v_reset=-1.0, t_ref=6.0)
    found = simulate(model, WEIGHTS | {"d": 20.0, "s": 0.0001}, [0, 3], 20)
    assert found["spikes"][0] == 1
    assert (found["v"][2:7] == -1.0).all()  # also what arrived with the spike of step 3
    assert found["v"][7] != -1.0
    t = np.arange(20)
    expected = 0.1 * (np.exp(-t / 3.0) * (t > 0) + np.exp(-(t - 3) / 3.0) * (t > 3))
    np.testing.assert_allclose(found["g.g"], expected, rtol=1e-12)


def test_each_neuron_has_its_own_conductance() -> None:
    tau, e_rev = [2.0, 5.0, 9.0], [50.0, 0.0, -40.0]
    net = Network(dt=0.5)
    source = net.population("in", 1, SpikeArray())
    together = LIF(v_threshold=math.inf, receptors={"g": ExponentialConductance(tau=tau, e_rev=e_rev)})
    net.connect(source, net.population("n", 3, together), [[0.2, 0.3, 0.4]])
    spikes = SpikeTrain.from_times([0.0, 4.0], [0, 0], size=1, dt=0.5, duration=20.0)
    v = Simulator(net).run(20.0, inputs={"in": spikes}, record={"n": ["v"]}).v("n")[0]
    for k, weight in enumerate((0.2, 0.3, 0.4)):
        model = LIF(v_threshold=math.inf, receptors={"g": ExponentialConductance(tau=tau[k], e_rev=e_rev[k])})
        np.testing.assert_array_equal(v[:, k], simulate(model, {"g": weight}, [0, 8], 40, dt=0.5)["v"])
    assert abs(v).max() > 0.1


def test_a_strong_conductance_is_stable() -> None:
    """A thousand times the leak: forward Euler would explode, exponential Euler goes to the reversal potential."""
    model = LIF(v_threshold=math.inf, receptors={"g": ExponentialConductance(tau=ENDLESS, e_rev=60.0)})
    net = Network(dt=1.0)
    net.connect(net.population("in", 1, SpikeArray()), net.population("n", 1, model), [[1000.0]])
    v = Simulator(net).run(10.0, inputs={"in": train([0], duration=10)}, record={"n": ["v"]}).v("n")[0, :, 0]
    assert (np.diff(v[2:]) >= 0).all()
    assert v[-1] == pytest.approx(60.0 * 1000 / 1001, rel=1e-12)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_backward_euler_comes_to_the_same_as_exponential_euler(precision: str) -> None:
    """The two differ by the order of dt; a conductance that is far too large for a step does no harm."""
    ends = []
    for dt in (0.1, 0.01):
        for method in ("exponential_euler", "backward_euler"):
            neuron = LIF(
                tau_m=100.0, v_rest=-65.0, v_reset=-65.0, v_initial=-65.0, v_threshold=0.0, conductances=method,
                receptors={"g": ExponentialConductance(tau=5.0, e_rev=-20.0)},
            )  # fmt: skip
            net = Network(dt=dt)
            source, target = net.population("source", 1, SpikeArray()), net.population("target", 1, neuron)
            net.connect(source, target, np.array([[3000.0]]), receptor="g")
            train = SpikeTrain.from_times([0.0], [0], size=1, dt=dt, duration=2.0)
            result = Simulator(net, precision=precision).run(2.0, inputs={"source": train}, record={"target": ["v"]})
            assert result.v("target").dtype == precision
            assert (result.v("target") <= -20.0 + 1e-4).all()
            ends.append(float(result.v("target")[0, round(0.3 / dt), 0]))
    apart = abs(ends[0] - ends[1]), abs(ends[2] - ends[3])
    assert 0 < apart[1] < apart[0] / 5
