"""What neurons do over time, against closed forms and values worked out by hand."""

import math

import numpy as np
import pytest
from one_neuron import simulate, train

import snnsim as sn
from snnsim import IF, LIF, TTFS, Graded, Network, Simulator, SpikeArray, SpikeTrain

# --- exact integration ------------------------------------------------------------------------------------------------


def test_lif_decays_as_the_closed_form() -> None:
    net = Network(dt=0.1)
    net.population(
        "n", 3, LIF(tau_m=[5.0, 20.0, 33.3], v_rest=-65.0, v_initial=-51.0, v_threshold=-50.0, v_reset=-70.0)
    )
    result = Simulator(net).run(100.0, record={"n": ["v"]})
    t = (np.arange(1000) + 1)[:, None] * 0.1
    expected = -65.0 + 14.0 * np.exp(-t / np.array([5.0, 20.0, 33.3]))
    # A thousand roundings of -65: 1e-12 of the change since the start, and a few units in the last place of the potential.
    np.testing.assert_allclose(result.v("n")[0], expected, rtol=5e-14, atol=1e-12)


def test_lif_decays_to_zero_within_1e_12() -> None:
    net = Network(dt=0.1)
    net.population("n", 1, LIF(tau_m=20.0, v_initial=0.9))
    v = Simulator(net).run(300.0, record={"n": ["v"]}).v("n")[0, :, 0]
    np.testing.assert_allclose(v, 0.9 * np.exp(-(np.arange(3000) + 1) * 0.1 / 20.0), rtol=1e-12, atol=1e-12)


def test_lif_charges_as_the_closed_form_under_constant_current() -> None:
    net = Network(dt=0.25)
    net.population("n", 2, LIF(tau_m=10.0, v_rest=1.0, r_m=[1.0, 4.0], v_initial=0.5, v_threshold=math.inf))
    result = Simulator(net).run(50.0, inputs={"n": [3.0, 2.0]}, record={"n": ["v", "i"]})
    t = (np.arange(200) + 1)[:, None] * 0.25
    v_inf = np.array([4.0, 9.0])
    np.testing.assert_allclose(result.v("n")[0], v_inf + (0.5 - v_inf) * np.exp(-t / 10.0), rtol=0, atol=1e-12)
    assert np.array_equal(result.states["n", "i"][0], np.tile([3.0, 2.0], (200, 1)))


def test_lif_spikes_at_the_closed_form_time() -> None:
    # v(t) = 2 (1 - exp(-t / 20)) crosses 1 at t = 20 ln 2 = 13.863 ms: the step that ends at 13.9 ms starts at 13.8 ms.
    net = Network(dt=0.1)
    net.population("n", 1, LIF(tau_m=20.0, v_threshold=1.0))
    result = Simulator(net).run(60.0, inputs={"n": [2.0]}, record={"n": ["spikes"]})
    assert result.spikes["n"].steps.tolist() == [138, 277, 416, 555]
    np.testing.assert_allclose(result.spikes["n"].times[0], 13.8)


def test_if_integrates_current_and_bias_over_time() -> None:
    net = Network(dt=0.5)
    net.population("n", 1, IF(v_threshold=math.inf, bias=0.25, v_initial=-1.0))
    v = Simulator(net).run(4.0, inputs={"n": [2.0]}, record={"n": ["v"]}).v("n")[0, :, 0]
    assert v.tolist() == [-1.0 + 2.25 * 0.5 * (k + 1) for k in range(8)]


# --- reset ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [IF, lambda **kw: LIF(tau_m=1e300, **kw)], ids=["IF", "LIF"])
def test_hard_reset_forgets_the_excess_and_soft_reset_keeps_it(model: type[IF]) -> None:
    hard, hard_spikes = simulate(model(v_threshold=1.0, v_reset=-0.5, reset="hard"), [0], 2.0, duration=4)
    soft, soft_spikes = simulate(model(v_threshold=1.0, v_reset=-0.5, reset="soft"), [0], 2.0, duration=4)
    assert hard_spikes == soft_spikes == [1]
    assert hard.tolist() == [0, 2, -0.5, -0.5]
    assert soft.tolist() == [0, 2, 0.5, 0.5]  # 2 - (1 - -0.5)


def test_input_in_the_step_of_the_spike_is_lost_to_a_hard_reset_and_kept_by_a_soft_one() -> None:
    # Spikes at 0 and 1: the first makes the neuron fire in step 1, when the second is delivered.
    hard, hard_spikes = simulate(IF(v_threshold=0.5, reset="hard"), [0, 1], 0.75, duration=4)
    soft, soft_spikes = simulate(IF(v_threshold=0.5, reset="soft"), [0, 1], 0.75, duration=4)
    assert (hard.tolist(), hard_spikes) == ([0, 0.75, 0, 0], [1])
    assert (soft.tolist(), soft_spikes) == ([0, 0.75, 1.0, 0.5], [1, 2])


def test_a_soft_reset_neuron_fires_once_a_step_and_keeps_what_is_left() -> None:
    v, spikes = simulate(IF(v_threshold=1.0, reset="soft"), [0], 3.5, duration=6)
    assert v.tolist() == [0, 3.5, 2.5, 1.5, 0.5, 0.5]
    assert spikes == [1, 2, 3]


def test_hard_reset_does_not_touch_the_current() -> None:
    net = Network(dt=1.0)
    net.population("n", 1, IF(v_threshold=1.5, reset="hard"))
    result = Simulator(net).run(6.0, inputs={"n": [1.0]}, record={"n": ["v", "i", "spikes"]})
    assert result.v("n")[0, :, 0].tolist() == [1, 2, 1, 2, 1, 2]
    assert (result.states["n", "i"] == 1).all()


# --- refractoriness ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("r", [0, 1, 2, 5])
def test_a_refractory_neuron_integrates_again_after_exactly_t_ref(r: int) -> None:
    # Held at the threshold's far side: it fires as soon as it may, which is r steps later (one step later at least).
    net = Network(dt=0.5)
    net.population("n", 1, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=r * 0.5))
    steps = Simulator(net).run(20.0, record={"n": ["spikes"]}).spikes["n"].steps
    assert steps[0] == 0
    assert set(np.diff(steps)) == {max(r, 1)}


@pytest.mark.parametrize("r", [1, 2, 3, 6])
def test_input_is_discarded_while_refractory_and_counts_right_after(r: int) -> None:
    net = Network(dt=1.0)
    source = net.population("in", 2, SpikeArray())
    n = net.population("n", 1, LIF(tau_m=1e300, v_threshold=1.0, v_reset=0.25, t_ref=float(r)))
    net.connect(source, n, [[2.0], [0.5]])
    sim = Simulator(net)
    for late in range(10):
        # Neuron 0 makes it fire in step 1, neuron 1 sends half a millivolt so many steps later.
        spikes = SpikeTrain.from_times([0.0, 1.0 + late], [0, 1], size=2, dt=1.0, duration=20.0)
        sim.reset()
        v = sim.run(20.0, inputs={"in": spikes}, record={"n": ["v"]}).v("n")[0, :, 0]
        assert v[-1] == (0.75 if late >= r else 0.25), (r, late)
        assert (v[2 : 2 + late] == 0.25).all(), (r, late)


def test_current_is_not_discarded_while_refractory() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 1, SpikeArray())
    n = net.population("n", 1, LIF(tau_m=1e300, v_rest=0.0, v_initial=2.0, v_threshold=1.0, t_ref=4.0))
    net.connect(source, n, [[0.5]], receptor="step")
    result = Simulator(net).run(8.0, inputs={"in": train([1], duration=8)}, record={"n": ["i", "spikes"]})
    assert result.states["n", "i"][0, :, 0].tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert result.spikes["n"].steps.tolist() == [0]


def test_refractoriness_is_kept_per_neuron() -> None:
    net = Network(dt=1.0)
    net.population("n", 3, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=[0.0, 2.0, 7.0]))
    spikes = Simulator(net).run(28.0, record={"n": ["spikes"]}).spikes["n"]
    assert spikes.counts().tolist() == [[28, 14, 4]]


def test_a_neuron_that_is_refractory_for_ever_fires_once_or_is_refused() -> None:
    try:
        net = Network(dt=1.0)
        net.population("n", 1, LIF(tau_m=1.0, v_rest=10.0, v_threshold=1.0, t_ref=math.inf))
        sim = Simulator(net)
    except ValueError as error:
        assert "LIF.t_ref" in str(error)  # noqa: PT017
        return
    assert sim.run(10.0, record={"n": ["spikes"]}).spikes["n"].steps.tolist() == [0]


# --- phase gating, sleep, time to first spike -------------------------------------------------------------------------


def test_a_gated_neuron_integrates_but_fires_only_from_t_open_on() -> None:
    net = Network(dt=0.5)
    net.population("n", 2, IF(v_threshold=1.0, bias=1.0, t_open=[0.0, 3.0], reset="soft"))
    result = Simulator(net).run(5.0, record={"n": ["v", "spikes"]})
    spikes = result.spikes["n"]
    assert spikes.steps[spikes.neurons == 0].tolist() == [2, 4, 6, 8]
    assert spikes.steps[spikes.neurons == 1].tolist() == [6, 7, 8, 9]
    assert result.v("n")[0, 6, 1] == 3.5


def test_a_sleeping_population_is_neither_updated_nor_counted() -> None:
    net = Network(dt=0.5)
    net.population("n", 4, IF(v_threshold=math.inf, bias=2.0), active=(1.0, 3.0))
    result = Simulator(net).run(5.0, record={"n": ["v"]})
    assert result.v("n")[0, :, 3].tolist() == [0, 0, 1, 2, 3, 4, 4, 4, 4, 4]
    assert result.operations.membrane_updates.tolist() == [[0, 0, 4, 4, 4, 4, 0, 0, 0, 0]]


def test_a_sleeping_population_keeps_what_arrives_for_when_it_wakes() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 1, SpikeArray())
    n = net.population("n", 1, IF(v_threshold=1.5), active=(5.0, 8.0))
    net.connect(source, n, [[1.0]])
    result = Simulator(net).run(10.0, inputs={"in": train([0, 2, 9], duration=10)}, record={"n": ["v", "spikes"]})
    assert result.spikes["n"].steps.tolist() == [5]
    assert result.v("n")[0, 5, 0] == 2.0


def test_a_sleeping_source_sends_nothing() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 1, SpikeArray(), active=(2.0, 4.0))
    net.connect(source, net.population("n", 1, IF(v_threshold=math.inf)), [[1.0]])
    result = Simulator(net).run(6.0, inputs={"in": train([0, 1, 2, 3, 4, 5], duration=6)}, record={"in": ["spikes"]})
    assert result.spikes["in"].steps.tolist() == [2, 3]
    assert result.operations.acs.tolist() == [[0, 0, 1, 1, 0, 0]]


def test_a_graded_source_sends_in_its_first_step_also_when_that_is_not_step_0() -> None:
    net = Network(dt=1.0)
    source = net.population("in", 1, Graded(), active=(2.0, 5.0))
    net.connect(source, net.population("n", 1, IF(v_threshold=math.inf)), [[2.0]])
    result = Simulator(net).run(5.0, inputs={"in": [0.5]}, record={"n": ["v"]})
    assert result.v("n")[0, :, 0].tolist() == [0, 0, 0, 1, 1]
    assert result.operations.macs.tolist() == [[0, 0, 1, 0, 0]]


def test_ttfs_fires_once_at_the_closed_form_time() -> None:
    # A potential v fires in the first step whose end has v + ramp (t - t_open) above the threshold.
    v0, threshold, ramp, opened, dt = np.linspace(-1.0, 9.0, 41), 8.0, 0.5, 3.0, 0.5
    net = Network(dt=dt)
    net.population("n", v0.size, TTFS(v_threshold=threshold, ramp=ramp, v_initial=v0, t_open=opened))
    spikes = Simulator(net).run(40.0, record={"n": ["spikes"]}).spikes["n"]
    expected = opened / dt + np.maximum(np.floor((threshold - v0) / (ramp * dt)), 0)
    assert spikes.counts().tolist() == [[1] * v0.size]
    assert spikes.steps[np.argsort(spikes.neurons)].tolist() == expected.astype(int).tolist()


def test_ttfs_current_decodes_a_spike_time_as_the_time_left_in_the_window() -> None:
    opened = 9
    net = Network(dt=1.0)
    source = net.population("in", 8, SpikeArray())
    n = net.population("n", 8, TTFS(v_threshold=math.inf, ramp=0.0, t_open=float(opened)))
    net.connect(source, n, np.diag(np.full(8, 0.25)), receptor="step")
    spikes = SpikeTrain.from_times(np.arange(8.0), np.arange(8), size=8, dt=1.0, duration=12.0)
    v = Simulator(net).run(12.0, inputs={"in": spikes}, record={"n": ["v"]}).v("n")
    # A spike of step s first acts in step s + 1, and in every step until the one before t_open.
    assert v[0, -1].tolist() == [0.25 * (opened - 1 - s) for s in range(8)]


def test_a_value_coded_by_latency_is_decoded_exactly() -> None:
    window = 16
    x = np.arange(window + 1) / window
    net = Network(dt=1.0)
    source = net.population("x", x.size, sn.Latency(window=float(window)), active=(0.0, float(window)))
    hidden = net.population(
        "hidden", x.size, TTFS(v_threshold=window, v_initial=-0.5, t_open=window + 1.0), active=(1.0, 2 * window + 1.0)
    )
    out = net.population("out", x.size, TTFS(v_threshold=math.inf, ramp=0.0, t_open=2 * window + 2.0))
    net.connect(source, hidden, np.eye(x.size))
    net.connect(hidden, out, np.eye(x.size))
    result = Simulator(net).run(2 * window + 2.0, inputs={"x": x}, record={"out": ["v"], "hidden": ["spikes"]})
    assert result.v("out")[0, -1].tolist() == (x * window).tolist()
    assert result.spikes["hidden"].counts()[0].tolist() == [0] + [1] * window


# --- parameters per neuron --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (
            LIF,
            {
                "tau_m": 7.0,
                "v_rest": 0.5,
                "v_threshold": 1.25,
                "v_reset": -0.5,
                "v_initial": 0.1,
                "r_m": 2.0,
                "t_ref": 3.0,
            },
        ),
        (IF, {"v_threshold": 1.25, "v_reset": -0.5, "v_initial": 0.1, "bias": 0.05, "t_open": 4.0}),
        (TTFS, {"v_threshold": 5.0, "ramp": 0.5, "v_initial": 0.1, "t_open": 4.0}),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_per_neuron_parameters_equal_scalar_ones(model: type, parameters: dict[str, float], precision: str) -> None:
    size = 13
    rng = np.random.default_rng(3)
    drive = rng.random(size)
    recorded = []
    for per_neuron in (set(), set(parameters), {"v_threshold"}, {"v_initial"}):
        net = Network(dt=0.5)
        values = {key: np.full(size, value) if key in per_neuron else value for key, value in parameters.items()}
        net.population("n", size, model(**values))
        sim = Simulator(net, precision=precision)
        result = sim.run(30.0, inputs={"n": drive}, record={"n": ["v", "i", "spikes"]})
        recorded.append((result.v("n"), result.spikes["n"]))
        assert len(result.spikes["n"]) > 3
    for v, spikes in recorded[1:]:
        assert np.array_equal(v, recorded[0][0])
        assert spikes == recorded[0][1]


def test_each_neuron_has_its_own_parameters() -> None:
    net = Network(dt=1.0)
    net.population("n", 3, IF(v_threshold=[1.5, 2.5, math.inf], v_reset=[0.0, 0.5, 0.0], bias=1.0))
    result = Simulator(net).run(6.0, record={"n": ["v", "spikes"]})
    assert result.v("n")[0].T.tolist() == [[1, 2, 1, 2, 1, 2], [1, 2, 3, 1.5, 2.5, 3.5], [1, 2, 3, 4, 5, 6]]
