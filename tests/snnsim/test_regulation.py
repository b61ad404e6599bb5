"""Winner-take-all, homeostasis and the normalisation of weights, against a few lines of NumPy each."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import (
    IF,
    LIF,
    TTFS,
    AdaptiveThresholdLIF,
    FixedOutDegree,
    FixedProbability,
    Homeostasis,
    Network,
    NetworkError,
    Normalisation,
    Poisson,
    SimulationError,
    Simulator,
    Sparse,
    SpikeArray,
    SpikeTrain,
    Uniform,
    WinnerTakeAll,
)

# --- winner-take-all --------------------------------------------------------------------------------------------------

N, STEPS, COPIES = 7, 120, 2


def driven(rule: WinnerTakeAll | None, *, t_ref: float = 0.0) -> Network:
    """Neurons that rise at different speeds, and each get spikes of their own."""
    net = Network(dt=1.0)
    rest = np.array([2.0, 1.9, 1.9, 1.3, 2.2, 1.2, 0.5])
    model = LIF(tau_m=8.0, v_rest=rest, v_threshold=1.0, v_reset=-0.25, t_ref=t_ref)
    n, given = net.population("n", N, model), net.population("in", N, SpikeArray())
    net.connect(given, n, np.eye(N) * 0.25)
    if rule is not None:
        net.regulate(n, rule)
    return net


def given_spikes() -> np.ndarray:
    return np.random.default_rng(4).random((COPIES, STEPS, N)) < 0.1


def train_of(spikes: np.ndarray) -> SpikeTrain:
    return SpikeTrain(*np.nonzero(spikes), N, COPIES, 1.0, 0, spikes.shape[1])


def expected(rule: WinnerTakeAll, t_ref: int) -> tuple[np.ndarray, np.ndarray]:
    """Potentials and spikes, shape (copies, steps, neurons), as the docstring of WinnerTakeAll has it."""
    model = driven(None).populations["n"].model
    group, decay = rule.group or N, math.exp(-1 / 8.0)
    potentials, spikes = np.zeros((COPIES, STEPS, N)), np.zeros((COPIES, STEPS, N), bool)
    for copy in range(COPIES):
        v, held_until = np.zeros(N), np.full(N, -1.0)
        for t in range(STEPS):
            free = held_until < t
            v = np.where(
                held_until == t - 1, np.where(held_until >= 0, -0.25, v), v
            )  # released: from the reset potential
            v = np.where(free, model.v_rest + (v - model.v_rest) * decay, -0.25)
            potentials[copy, t] = v
            for first in range(0, N, group):
                mine = range(first, min(first + group, N))
                over = [i for i in mine if v[i] > 1.0]
                winners = sorted(over, key=lambda i: (-v[i], i))[: rule.winners]
                spikes[copy, t, winners] = True
                for i in mine if winners else ():
                    until = t + t_ref - 1 if i in winners else t + rule.inhibition
                    held_until[i] = max(held_until[i], until)
            v = v + 0.25 * given_spikes()[copy, t]
            v[spikes[copy, t]] = -0.25
    return potentials, spikes


rules = pytest.mark.parametrize(
    "rule",
    [
        WinnerTakeAll(1.0), WinnerTakeAll(9.0), WinnerTakeAll(4.0, group=3), WinnerTakeAll(6.0, winners=2),
        WinnerTakeAll(3.0, group=4, winners=2), WinnerTakeAll(math.inf), WinnerTakeAll(math.inf, group=2),
        WinnerTakeAll(2.0, group=50, winners=50), WinnerTakeAll(1e9),
    ],
    ids=repr,
)  # fmt: skip


@rules
@pytest.mark.parametrize("t_ref", [0, 5])
def test_winners_spike_and_the_others_are_held(rule: WinnerTakeAll, t_ref: int) -> None:
    simulator = Simulator(driven(rule, t_ref=float(t_ref)), copies=COPIES)
    result = simulator.run(STEPS, inputs={"in": train_of(given_spikes())}, record={"n": ["v", "spikes"]})
    potentials, spikes = expected(rule, t_ref)
    np.testing.assert_allclose(result.v("n"), potentials, rtol=0, atol=1e-12)
    train = result.spikes["n"]
    assert np.array_equal(np.column_stack([train.copies, train.steps, train.neurons]), np.argwhere(spikes))
    assert np.array_equal(result.operations.fired[:, :, 0], spikes.sum(axis=2))
    assert spikes.any()


@pytest.mark.parametrize("rule", [WinnerTakeAll(9.0), WinnerTakeAll(math.inf, group=3), WinnerTakeAll(5.0, winners=2)])
def test_a_competition_goes_on_from_a_saved_state(rule: WinnerTakeAll, tmp_path: Path) -> None:
    """Cut and carried over to a new simulator after every few steps, while neurons are held."""
    given = given_spikes()
    whole = Simulator(driven(rule, t_ref=3.0), copies=COPIES).run(
        STEPS, inputs={"in": train_of(given)}, record={"n": "v"}
    )
    parts = []
    for first in range(0, STEPS, 8):
        simulator = Simulator(driven(rule, t_ref=3.0), copies=COPIES)
        if first:
            simulator.load(tmp_path / "state.npz")
        inputs = {"in": train_of(given[:, first : first + 8])}
        parts.append(simulator.run(8.0, inputs=inputs, record={"n": "v"}).v("n"))
        simulator.save(tmp_path / "state.npz")
    assert np.array_equal(np.concatenate(parts, axis=1), whole.v("n"))


def test_of_equal_potentials_the_lower_number_wins() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 6, IF(bias=0.5))
    net.regulate(n, WinnerTakeAll(2.0, group=3))
    train = Simulator(net).run(12.0, record={"n": "spikes"}).spikes["n"]
    # The winner needs three updates to spike again. By then the others, held for two, have made one.
    assert train.steps.tolist() == [2, 2, 5, 5, 8, 8, 11, 11]
    assert train.neurons.tolist() == [0, 3] * 4


def test_a_reset_state_frees_who_was_held_for_ever() -> None:
    simulator = Simulator(driven(WinnerTakeAll(math.inf)), copies=COPIES)
    first = simulator.run(40.0, record={"n": "v"}).v("n")
    simulator.reset()
    assert np.array_equal(simulator.run(40.0, record={"n": "v"}).v("n"), first)


# --- homeostasis ------------------------------------------------------------------------------------------------------


def adaptive(decrement: float, *, rule: WinnerTakeAll | None = None, initial: float = 0.5) -> Network:
    net = Network(dt=1.0, seed=2)
    model = AdaptiveThresholdLIF(
        tau_m=10.0, v_rest=np.linspace(1.0, 6.0, 8), theta_plus=0.25, tau_theta=math.inf, theta_initial=initial
    )
    n = net.population("n", 8, model)
    net.regulate(n, Homeostasis(decrement))
    if rule is not None:
        net.regulate(n, rule)
    return net


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("rule", [None, WinnerTakeAll(3.0), WinnerTakeAll(3.0, group=4)], ids=repr)
def test_each_spike_lowers_all_thresholds(rule: WinnerTakeAll | None, precision: str) -> None:
    """A threshold is its start, plus a rise per spike of its neuron, minus a decrement per spike of any."""
    simulator = Simulator(adaptive(0.03125, rule=rule), precision=precision)  # binary fractions: the sums are exact
    result = simulator.run(200.0, record={"n": ["theta", "spikes"]})
    own = np.zeros((201, 8))
    np.add.at(own, (result.spikes["n"].steps + 1, result.spikes["n"].neurons), 1.0)
    own = own.cumsum(axis=0)[:200]
    theta = 0.5 + 0.25 * own - 0.03125 * own.sum(axis=1, keepdims=True)
    assert np.array_equal(result.states["n", "theta"][0], theta)
    # The decrement is the rise divided by the number of neurons, so the mean stays.
    assert np.array_equal(result.states["n", "theta"][0].mean(axis=1), np.full(200, 0.5))
    assert own[-1].min() < own[-1].max()


def test_homeostasis_evens_out_the_rates() -> None:
    plain = adaptive(0.0)
    assert np.ptp(Simulator(plain).run(100.0, record={"n": "spikes"}).spikes["n"].counts()) > 0
    driven_hard = Simulator(adaptive(0.03125))
    driven_hard.run(2000.0)
    late = driven_hard.run(1000.0, record={"n": ["spikes", "theta"]})
    # Thresholds have drawn apart with the drive, by as much as it does or nearly.
    assert np.all(np.diff(late.states["n", "theta"][0, -1]) > 0)
    counts = late.spikes["n"].counts()[0]
    early = Simulator(adaptive(0.03125)).run(100.0, record={"n": "spikes"}).spikes["n"].counts()[0]
    assert counts.std() / counts.mean() < early.std() / early.mean()


# --- normalisation ----------------------------------------------------------------------------------------------------


def sums(stored: Any, size: int) -> np.ndarray:
    return np.bincount(stored.targets, np.abs(stored.weights), minlength=size)


def normalised(kind: str, every: float = 5.0) -> tuple[Network, int]:
    """A projection under Normalisation between two others that are not, and the number of its targets."""
    net = Network(dt=0.5, seed=6)
    noise = net.population("noise", 20, Poisson(rate=200.0))
    n = net.population("n", 70_000 if kind == "wide" else 30, IF(v_threshold=math.inf))
    rng = np.random.default_rng(1)
    net.connect(noise, n[:3], np.full((20, 3), 7.0))
    if kind == "dense":
        weights = rng.uniform(-1, 1, (20, 30)) * (rng.random((20, 30)) < 0.5)
        weights[:, 4] = 0.0
        made = net.connect(noise, n, weights)
    elif kind == "sparse":
        targets = rng.integers(0, 26, 60)
        given = Sparse.from_arrays(
            rng.integers(0, 20, 60), targets, rng.uniform(-1, 1, 60), rng.integers(0, 4, 60) / 2, n_sources=20, n_targets=26
        )  # fmt: skip
        made = net.connect(noise, n[2:28], given)
    elif kind == "one":
        made = net.connect(noise, n, FixedProbability(0.2), weight=-0.5, delay=Uniform(0.0, 3.0))
    elif kind == "wide":
        made = net.connect(noise, n, FixedOutDegree(40), weight=Uniform(0.1, 1.0))
    else:
        made = net.connect(noise, n, FixedProbability(0.2), weight=Uniform(0.1, 1.0), delay=Uniform(0.0, 3.0))
    net.connect(noise, n[:3], np.full((20, 3), 5.0))
    net.regulate(made, Normalisation(total=2.5, every=every))
    return net, n.size


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["dense", "sparse", "one", "drawn", "wide"])
def test_weights_onto_each_target_are_scaled_to_the_total(kind: str, precision: str) -> None:
    net, size = normalised(kind)
    simulator = Simulator(net, precision=precision)
    name = net.projections[1].name
    before = simulator.synapses(name)
    expected = sums(before, size)
    result = simulator.run(6.0, record={name: "weights"})
    recorded = result.states[name, "weights"][0]
    # At the end of every tenth step: the sample of a step is taken before.
    assert np.array_equal(recorded[:10], np.tile(before.weights, (10, 1)))
    after = simulator.synapses(name)
    assert np.array_equal(recorded[10:], np.tile(after.weights, (2, 1)))
    close = {"rtol": 1e-6 if precision == "float32" else 1e-14}
    np.testing.assert_allclose(sums(after, size), np.where(expected > 0, 2.5, 0.0), **close)
    scale = np.divide(2.5, expected, where=expected > 0, out=np.zeros(size))
    np.testing.assert_allclose(after.weights, before.weights * scale[before.targets], **close)
    assert (sums(before, size) == 0).any() or kind == "one" or kind == "drawn"
    # The neighbours in the arrays are as they were.
    assert (simulator.weights(net.projections[0]) == 7.0).all()
    assert (simulator.weights(net.projections[2]) == 5.0).all()


@pytest.mark.parametrize("kind", ["dense", "sparse", "one", "drawn"])
def test_what_arrives_is_weighed_by_the_scaled_weights(kind: str) -> None:
    net, _ = normalised(kind, every=0.5)
    simulator = Simulator(net)
    simulator.run(0.5)  # scaled at the end of this step, and of each later one, to the same
    stored = [simulator.synapses(projection) for projection in net.projections]
    result = simulator.run(30.0, record={"noise": "spikes", "n": "v"})
    change = np.zeros(30)
    for own in stored:
        for source, target, weight, delay in zip(*own, strict=True):
            steps = result.spikes["noise"].steps[result.spikes["noise"].neurons == source]
            change[target] += weight * np.count_nonzero(steps + round(delay / 0.5) < result.stop - 1)
    # Spikes of the first step that were still under way come in addition: compare with a run that has none.
    late = result.v("n")[0, -1] - result.v("n")[0, 7]
    early = np.zeros(30)
    for own in stored:
        for source, target, weight, delay in zip(*own, strict=True):
            steps = result.spikes["noise"].steps[result.spikes["noise"].neurons == source]
            early[target] += weight * np.count_nonzero(steps + round(delay / 0.5) < result.start + 7)
    np.testing.assert_allclose(late, change - early, rtol=0, atol=1e-10)
    assert np.abs(late).max() > 1


def test_normalisation_is_due_at_the_same_steps_however_runs_are_cut(tmp_path: Path) -> None:
    net, _ = normalised("drawn", every=3.5)
    name = net.projections[1].name
    whole = Simulator(net).run(15.0, record={name: "weights", "n": "v"})
    parts, simulator = [], Simulator(net)
    for steps in (3, 4, 1, 6, 9, 7):
        result = simulator.run(0.5 * steps, record={name: "weights", "n": "v"})
        parts.append(result)
        simulator.save(tmp_path / "state.npz")
        simulator = Simulator(net)
        simulator.load(tmp_path / "state.npz")
    for key, value in whole.states.items():
        assert np.array_equal(np.concatenate([part.states[key] for part in parts], axis=1), value)


def test_changing_weights_are_for_one_copy() -> None:
    net, _ = normalised("dense")
    with pytest.raises(SimulationError, match=r"Simulator.copies must be 1 where weights change"):
        Simulator(net, copies=2)


# --- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "rule", "match"),
    [
        (IF(), WinnerTakeAll(0.3), "multiple of dt"), (IF(), Homeostasis(1.0), "needs adaptive thresholds, got IF"),
        (TTFS(), WinnerTakeAll(1.0), "needs neurons with a potential and a reset, got TTFS"),
        (SpikeArray(), WinnerTakeAll(1.0), "got SpikeArray"), (IF(), Normalisation(1.0, 1.0), "does not fit"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_is_named(model: Any, rule: Any, match: str) -> None:
    net = Network(dt=0.5)
    with pytest.raises(NetworkError, match=match):
        net.regulate(net.population("n", 4, model), rule)
    assert not net.regulations


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        (WinnerTakeAll, {"inhibition": 0.0}), (WinnerTakeAll, {"inhibition": math.nan}),
        (WinnerTakeAll, {"inhibition": 1.0, "group": 1}), (WinnerTakeAll, {"inhibition": 1.0, "winners": 0}),
        (Homeostasis, {"decrement": -1.0}), (Homeostasis, {"decrement": math.inf}),
        (Normalisation, {"total": 0.0, "every": 1.0}), (Normalisation, {"total": 1.0, "every": 0.0}),
    ],
)  # fmt: skip
def test_values_out_of_bounds_are_refused(rule: Any, values: dict[str, Any]) -> None:
    with pytest.raises(NetworkError, match=rule.__name__):
        rule(**values)


def test_a_slice_is_no_population_and_rules_are_frozen() -> None:
    net = Network(dt=1.0)
    n = net.population("n", 4, IF())
    with pytest.raises(NetworkError, match="need a population"):
        net.regulate(n[:2], WinnerTakeAll(1.0))  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        WinnerTakeAll(1.0).winners = 2  # type: ignore[misc]
