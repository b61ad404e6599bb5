"""Adaptive and noisy LIF neurons and constant currents, against closed forms, other networks, and the laws of chance."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_neuron import train
from scipy.stats import binom, chi2, kstest
from snnsim_kernels.random import draws

import snnsim as sn
from snnsim import (
    LIF,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Delta,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Network,
    NoisyLIF,
    Simulator,
    SpikeArray,
)

CONDUCTING: dict[str, Any] = {"g": ExponentialConductance(tau=4.0, e_rev=50.0)}


def alone(model: LIF, duration: float, *, size: int = 1, dt: float = 1.0, seed: int = 0, **options: Any) -> Any:
    """Run a population without inputs; record all."""
    net = Network(dt=dt, seed=seed)
    net.population("n", size, model)
    return Simulator(net, **options).run(duration, record={"n": ["spikes", *model.states]})


# --- constant current -------------------------------------------------------------------------------------------------


def test_a_constant_current_charges_as_the_closed_form() -> None:
    model = LIF(tau_m=10.0, v_rest=1.0, v_initial=0.5, r_m=[1.0, 4.0], i_offset=[3.0, -2.0], v_threshold=math.inf)
    v = alone(model, 50.0, size=2, dt=0.25).v("n")[0]
    t, v_inf = (np.arange(200) + 1)[:, None] * 0.25, np.array([4.0, -7.0])
    np.testing.assert_allclose(v, v_inf + (0.5 - v_inf) * np.exp(-t / 10.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [LIF, AdaptiveThresholdLIF, AdaptiveCurrentLIF, EscapeNoiseLIF, NoisyLIF])
@pytest.mark.parametrize("receptors", [{"d": Delta()}, CONDUCTING], ids=["linear", "conducting"])
def test_a_constant_current_is_what_the_same_input_is(kind: type[LIF], receptors: dict[str, Any]) -> None:
    found = []
    for offset in (0.0, 3.0):
        net = Network(dt=0.5)
        net.population("n", 2, kind(tau_m=10.0, i_offset=offset, v_threshold=2.0, t_ref=2.0, receptors=receptors))
        run = Simulator(net).run(100.0, inputs={"n": [4.0 - offset, 3.0 - offset]}, record={"n": ["v", "spikes"]})
        found.append(run)
    np.testing.assert_allclose(found[0].v("n"), found[1].v("n"), rtol=0, atol=1e-12)
    assert found[0].spikes["n"] == found[1].spikes["n"]
    assert len(found[0].spikes["n"]) > 5


# --- adaptive threshold -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tau", "precision", "within"), [
    (50.0, "float64", 1e-12), (50.0, "float32", 1e-5), (1e7, "float64", 1e-12), (1e7, "float32", 1e-6), (math.inf, "float32", 0.0),
])  # fmt: skip
def test_theta_decays_as_the_closed_form(tau: float, precision: str, within: float) -> None:
    """Also where a step changes it by less than float32 resolves, as with the 1e7 ms of Diehl & Cook."""
    steps = 2000 if tau < 1e3 else 400_000
    net = Network(dt=0.5)
    net.population("n", 1, AdaptiveThresholdLIF(v_threshold=100.0, tau_theta=tau, theta_initial=20.0))
    simulator = Simulator(net, precision=precision)
    simulator.run(steps * 0.5)
    theta = simulator.run(0.5, record={"n": ["theta"]}).states["n", "theta"][0, 0, 0]
    expected = 20.0 * math.exp(-(steps + 1) * 0.5 / tau)
    assert expected < 19.7 or math.isinf(tau)
    assert theta == pytest.approx(expected, rel=within, abs=0)


def test_theta_lifts_the_threshold_after_each_spike() -> None:
    """v is 3 mV above the threshold in every step, theta rises by 1 mV a spike: it fires until theta has reached 3 mV."""
    given = {"v_threshold": 1.0, "v_reset": 0.0, "v_rest": 4.0, "tau_m": 1e-3, "theta_plus": 1.0}
    found = alone(AdaptiveThresholdLIF(tau_theta=math.inf, **given), 6.0)
    assert found.spikes["n"].steps.tolist() == [0, 1, 2]  # 4 > 1 + 0, 1, 2, but not > 1 + 3
    assert found.states["n", "theta"][0, :, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 3.0, 3.0]  # as it was compared
    # With a decay the threshold comes back to 4 mV, at once: 3 exp(-dt / tau) < 3.
    falling = alone(AdaptiveThresholdLIF(tau_theta=1000.0, **given), 6.0)
    assert falling.spikes["n"].steps.tolist() == [0, 1, 2, 3]


def test_a_soft_reset_keeps_the_excess_over_the_lifted_threshold() -> None:
    net = Network(dt=1.0)
    model = AdaptiveThresholdLIF(tau_m=1e300, v_threshold=1.0, theta_plus=0.5, tau_theta=math.inf, reset="soft")
    net.connect(net.population("in", 1, SpikeArray()), net.population("n", 1, model), [[4.0]])
    v = Simulator(net).run(6.0, inputs={"in": train([0], duration=6)}, record={"n": ["v"]}).v("n")[0, :, 0]
    assert v.tolist() == [0.0, 4.0, 3.0, 1.5, 1.5, 1.5]  # less 1, less 1.5; 1.5 is not above 2


# --- adaptation current -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receptors", [{"d": Delta()}, {"a": AlphaCurrent()}, CONDUCTING], ids=["delta", "alpha", "g"])
@pytest.mark.parametrize("t_ref", [0.0, 3.0])
@pytest.mark.parametrize("tau_w", [30.0, 10.0, 2.0])  # longer than that of the membrane, equal, and shorter
def test_adaptation_is_an_inhibitory_synapse_onto_oneself(receptors: Any, t_ref: float, tau_w: float) -> None:
    given = {"tau_m": 10.0, "v_rest": 3.0, "r_m": 2.0, "v_threshold": 1.0, "v_reset": -0.5, "t_ref": t_ref}
    adapting = AdaptiveCurrentLIF(b=0.75, tau_w=tau_w, receptors=receptors, **given)
    inhibited = LIF(receptors=receptors | {"w": ExponentialCurrent(tau=tau_w)}, **given)
    found = []
    for model in (adapting, inhibited):
        net = Network(dt=0.5, seed=5)
        noise, n = net.population("noise", 5, sn.Poisson(rate=100.0)), net.population("n", 4, model)
        net.connect(noise, n, np.full((5, 4), 0.125))
        if model is inhibited:
            net.connect(n, n, np.diag(np.full(4, -0.75)), receptor="w")
        found.append(Simulator(net).run(300.0, record={"n": ["v", "spikes", *model.states]}))
    assert found[0].spikes["n"] == found[1].spikes["n"]
    assert len(found[0].spikes["n"]) > 50
    np.testing.assert_allclose(found[0].v("n"), found[1].v("n"), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[0].states["n", "w"], -found[1].states["n", "w.i"], rtol=1e-13)


def test_adaptation_slows_a_neuron_down() -> None:
    given = {"tau_m": 10.0, "v_rest": 3.0, "v_threshold": 1.0}
    plain, adapting = (alone(model, 400.0, dt=0.1).spikes["n"].steps for model in (
        LIF(**given), AdaptiveCurrentLIF(b=0.2, tau_w=100.0, **given),
    ))  # fmt: skip
    assert set(np.diff(plain)) == {41}  # 10 ms ln(3 / 2)
    intervals = np.diff(adapting)
    assert intervals[0] > 41
    assert (np.diff(intervals)[:5] > 0).all()
    assert intervals[-1] > 2 * 41


# --- escape noise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", [-4.0, -1.0, 0.0, 1.5])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_escape_rate_at_a_constant_potential(above: float, precision: str) -> None:
    v, size, steps, dt = -50.0, 500, 400, 0.5
    # The potential at which it rests is that to which it is reset.
    model = EscapeNoiseLIF(
        v_rest=v, v_reset=min(v, v - above - 1e-3), v_initial=v, v_threshold=v - above, rho_0=100.0, delta_v=2.0, tau_m=1e-3,
    )  # fmt: skip
    fired = len(alone(model, steps * dt, size=size, dt=dt, seed=9, precision=precision).spikes["n"])
    p = 1 - math.exp(-0.1 * dt * math.exp(above / 2.0))
    assert binom.cdf(fired, size * steps, p) > 1e-3
    assert binom.sf(fired - 1, size * steps, p) > 1e-3


def test_escape_intervals_are_geometric_after_refractoriness() -> None:
    model = EscapeNoiseLIF(v_rest=0.0, v_reset=-1e-3, v_threshold=0.0, rho_0=100.0, delta_v=1.0, tau_m=1e-3, t_ref=2.0)
    spikes = alone(model, 4000.0, size=40, seed=2).spikes["n"]
    order = np.lexsort((spikes.steps, spikes.neurons))
    intervals = np.diff(spikes.steps[order])[np.diff(spikes.neurons[order]) == 0]
    assert intervals.min() == 2
    p = 1 - math.exp(-0.1)
    waited = intervals - 2
    counts = np.bincount(np.minimum(waited, 30), minlength=31)
    expected = len(waited) * np.append(p * (1 - p) ** np.arange(30), (1 - p) ** 30)
    assert chi2.sf(((counts - expected) ** 2 / expected).sum(), 30) > 1e-3


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_neuron_far_below_its_threshold_never_escapes_and_one_far_above_always_does(precision: str) -> None:
    """Its hazard of 1e-13 a step is not that of a uniform number's resolution, and e to the 1000 is no overflow."""
    quiet = EscapeNoiseLIF(v_threshold=30.0, rho_0=1000.0, delta_v=1.0)
    assert len(alone(quiet, 1000.0, size=20_000, precision=precision).spikes["n"]) == 0
    loud = EscapeNoiseLIF(v_rest=1000.0, v_threshold=1.0, tau_m=1e-3, delta_v=1.0)
    assert len(alone(loud, 50.0, size=20_000, precision=precision).spikes["n"]) == 1_000_000


# --- noise ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_noise_has_the_distribution_of_the_ornstein_uhlenbeck_process(dt: float, precision: str) -> None:
    """From a fixed start, after any time, in steps of any length."""
    size, sigma, tau, steps = 4000, 2.0, 10.0, 20
    model = NoisyLIF(tau_m=tau, v_rest=-50.0, v_initial=-47.0, v_threshold=math.inf, sigma=sigma)
    v = alone(model, steps * dt, size=size, dt=dt, seed=4, precision=precision).v("n")[0]
    for step in (0, 9, 19):
        t = (step + 1) * dt
        mean, deviation = -50.0 + 3.0 * math.exp(-t / tau), sigma * math.sqrt(1 - math.exp(-2 * t / tau))
        assert kstest(v[step], "norm", (mean, deviation)).pvalue > 1e-3
    t, lag = (steps - 5) * dt, 5 * dt
    stationary = 1 - math.exp(-2 * t / tau)
    covariance = np.mean((v[-6] - v[-6].mean()) * (v[-1] - v[-1].mean()))
    # Four standard errors of the covariance of two numbers of variance sigma**2.
    assert abs(covariance - sigma**2 * stationary * math.exp(-lag / tau)) < 4 * sigma**2 * math.sqrt(2 / size)


def test_the_noise_of_a_step_is_the_number_of_that_neuron_step_and_copy() -> None:
    """The potential of the kernels, put together from numbers drawn apart; after a sleeping and beside another population."""
    net = Network(dt=0.5, seed=31)
    net.population("before", 6, NoisyLIF())
    net.population("n", 5, NoisyLIF(tau_m=8.0, v_threshold=math.inf, sigma=[0.5, 1.0, 2.0, 0.0, 3.0]))
    simulator = Simulator(net, copies=2)
    simulator.reset(first_sample=7)
    v = np.concatenate([simulator.run(10.0, record={"n": ["v"]}).v("n") for _ in range(2)], axis=1)
    for copy in range(2):
        expected = np.zeros(5)
        for step, noise in enumerate(draws("normal", 5, 31, 0, 40, 6, 7 + copy)):
            expected = expected * math.exp(-0.5 / 8.0) + np.array([0.5, 1.0, 2.0, 0.0, 3.0]) * noise * math.sqrt(
                1 - math.exp(-1 / 8.0)
            )
            np.testing.assert_allclose(v[copy, step], expected, rtol=0, atol=1e-13)
    assert not v[:, :, 3].any()


def test_no_noise_is_no_noise() -> None:
    given = {"tau_m": 10.0, "v_rest": 2.0, "v_threshold": 1.0, "t_ref": 1.0}
    noisy, plain = alone(NoisyLIF(sigma=0.0, **given), 60.0), alone(LIF(**given), 60.0)
    assert np.array_equal(noisy.v("n"), plain.v("n"))
    assert noisy.spikes["n"] == plain.spikes["n"]
    assert len(plain.spikes["n"]) > 3


def test_noise_does_not_reach_a_refractory_neuron() -> None:
    v = alone(NoisyLIF(v_initial=5.0, v_threshold=1.0, v_reset=-3.0, t_ref=6.0, sigma=0.1), 9.0).v("n")[0, :, 0]
    assert v[0] > 4
    assert (v[1:6] == -3.0).all()
    assert v[6] not in (-3.0, v[7])


# --- all of them ------------------------------------------------------------------------------------------------------


def busy(receptors: dict[str, Any]) -> tuple[Network, dict[str, list[str]]]:
    """A network with every model, driven so that all fire, and all that can be recorded of it."""
    net = Network(dt=0.5, seed=8)
    noise = net.population("noise", 30, sn.Poisson(rate=200.0))
    for kind in (LIF, AdaptiveThresholdLIF, AdaptiveCurrentLIF, EscapeNoiseLIF, NoisyLIF):
        cells = net.population(
            kind.__name__, 7, kind(v_threshold=5.0, t_ref=1.5, v_rest=np.linspace(3, 6, 7), receptors=receptors)
        )
        for receptor in receptors:
            net.connect(noise, cells, np.full((30, 7), 0.05), receptor=receptor, delay=1.0)
    return net, {name: ["spikes", *p.model.states] for name, p in net.populations.items()}


RECEPTORS = {"now": Delta(), "e": ExponentialCurrent(), "a": AlphaCurrent()}


@pytest.mark.parametrize("receptors", [RECEPTORS, RECEPTORS | CONDUCTING], ids=["linear", "conducting"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(receptors: Any, precision: str, tmp_path: Path) -> None:
    net, record = busy(receptors)
    whole = Simulator(net, precision=precision).run(60.0, record=record)
    first = Simulator(net, precision=precision)
    first.run(25.0)
    first.save(tmp_path / "state.npz")
    second = Simulator(net, precision=precision)
    second.load(tmp_path / "state.npz")
    rest = second.run(35.0, record=record)
    assert whole.states.keys() == rest.states.keys()
    for key, values in whole.states.items():
        assert values.dtype == precision
        assert np.array_equal(values[:, 50:], rest.states[key]), key
    for name, spikes in whole.spikes.items():
        assert len(spikes) > 10, name
        late = spikes.steps >= 50
        assert np.array_equal(spikes.steps[late], rest.spikes[name].steps)
        assert np.array_equal(spikes.neurons[late], rest.spikes[name].neurons)


@pytest.mark.parametrize("receptors", [RECEPTORS, RECEPTORS | CONDUCTING], ids=["linear", "conducting"])
def test_copies_differ_by_their_noise_and_threads_change_nothing(receptors: Any) -> None:
    net, record = busy(receptors)
    runs = [Simulator(net, copies=4, threads=threads).run(40.0, record=record) for threads in (1, 3)]
    for key, values in runs[0].states.items():
        assert np.array_equal(values, runs[1].states[key]), key
    noisy = runs[0].v("NoisyLIF")
    assert len({noisy[copy].tobytes() for copy in range(4)}) == 4


@pytest.mark.parametrize("receptors", [RECEPTORS, RECEPTORS | CONDUCTING], ids=["linear", "conducting"])
def test_single_precision_is_as_good_as_its_digits(receptors: Any) -> None:
    net, record = busy(receptors)
    single, double = (Simulator(net, precision=p).run(4.0, record=record) for p in ("float32", "float64"))
    for key, values in double.states.items():
        np.testing.assert_allclose(single.states[key], values, rtol=1e-5, atol=2e-5, err_msg=str(key))


def test_per_neuron_parameters_equal_scalar_ones() -> None:
    own: dict[type[LIF], dict[str, float]] = {
        AdaptiveThresholdLIF: {"theta_plus": 0.3, "tau_theta": 30.0, "theta_initial": 0.1},
        AdaptiveCurrentLIF: {"b": 0.3, "tau_w": 30.0},
        EscapeNoiseLIF: {"rho_0": 80.0, "delta_v": 0.4},
        NoisyLIF: {"sigma": 0.3},
    }
    for kind, parameters in own.items():
        given = parameters | {"i_offset": 1.5, "tau_m": 12.0}
        found = []
        for per_neuron in (set(), set(given), {"i_offset"}, set(parameters)):
            values = {name: np.full(9, value) if name in per_neuron else value for name, value in given.items()}
            found.append(alone(kind(**values, t_ref=2.0), 80.0, size=9))
            assert len(found[-1].spikes["n"]) > 9
        for other in found[1:]:
            assert other.spikes["n"] == found[0].spikes["n"]
            for key, values in found[0].states.items():
                assert np.array_equal(values, other.states[key]), (kind, key)
