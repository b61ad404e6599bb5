"""More cases: what runs are given and asked for, rules at the level of a population, and what lies between two runs."""

import math
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from cuda_cases import (
    CASES,
    HALVING,
    STEPS,
    Outcome,
    case,
    delivered,
    everything,
    joined,
    once,
    outcome,
    sixteenths,
    train,
    unordered,
)

import snnsim as sn
from snnsim import IF, LIF, TTFS, Network, Record, Simulator, SpikeArray, TimedInput, placement

__all__ = ["CASES"]

# --- weights of any value ---------------------------------------------------------------------------------------------


@case(exact=())
def balanced_network(**options: Any) -> Outcome:
    """Sums round: potentials differ in the last places."""
    net = Network(dt=0.5, seed=2)
    receptors = {"exc": sn.ExponentialCurrent(tau=5.0), "inh": sn.ExponentialCurrent(tau=10.0)}
    lif = LIF(
        tau_m=20.0, v_rest=-49.0, v_initial=-50.5, v_reset=-60.0, v_threshold=-50.0, t_ref=5.0, receptors=receptors
    )
    exc, inh = net.population("exc", 64, lif), net.population("inh", 16, lif)
    for target in (exc, inh):
        net.connect(exc, target, sn.FixedProbability(0.3), weight=sn.Normal(1.62, 0.3), delay=0.5, receptor="exc")
        net.connect(inh, target, sn.FixedProbability(0.3), weight=-9.0, delay=sn.Uniform(0.5, 4.0), receptor="inh")
    net.stimulate(exc, sn.PoissonInput(2000.0), weight=1.62, receptor="exc")
    return once(net, steps=30, **options)


@case(exact=())
def dense_weights_of_any_value(**options: Any) -> Outcome:
    rng = np.random.default_rng(21)
    net = Network(dt=1.0, seed=3)
    noise, n = net.population("noise", 60, sn.Poisson(rate=150.0)), net.population("n", 40, LIF(tau_m=9.0, t_ref=2.0))
    net.connect(noise, n, rng.normal(0.1, 0.2, (60, 40)))
    net.connect(n, n, rng.normal(-0.1, 0.2, (40, 40)), delay=1.0)
    return once(net, copies=2, **options)


# --- stimuli and inputs -----------------------------------------------------------------------------------------------


@case()
def poisson_input(**options: Any) -> Outcome:
    """High and low rates, onto all and onto slices, several onto the same neurons."""
    net = Network(dt=1.0, seed=4)
    n = net.population("n", 70, IF(v_threshold=0.75, reset="soft"))
    for k, rate in enumerate((0.0, 40.0, 900.0, 9000.0)):
        net.stimulate(n[k : 70 - 9 * k], sn.PoissonInput(rate), weight=0.25 / (k + 1) ** 2 if k != 2 else -0.0625)
    net.stimulate(n, sn.PoissonInput(30.0), weight=0.125, receptor="step")
    return once(net, copies=2, **options)


@case()
def inputs_that_change(**options: Any) -> Outcome:
    """Values for all, for each neuron, and for each neuron and copy; one after the end, and one while nobody is awake."""
    rng = np.random.default_rng(22)
    net = Network(dt=1.0, seed=4)
    for name in ("one", "each"):
        net.population(name, 35, LIF(tau_m=9.0, t_ref=2.0))
    net.population("copies", 35, TTFS(v_threshold=3.0, t_open=8.0), active=(2.0, 13.0))
    net.population("noise", 35, sn.Poisson(rate=300.0))
    inputs = {
        "one": TimedInput([3.0, 4.0, 11.0, 40.0], [0.5, 2.0, -1.0, 9.0]),
        "each": TimedInput([0.0, 9.0], rng.random((2, 35)) * 3),
        "copies": TimedInput([0.0, 1.0, 9.0], rng.random((2, 3, 35))),
        "noise": TimedInput.regular(rng.random((5, 35)), 4.0),
    }
    return once(net, inputs, copies=2, **options)


@case()
def constant_currents(**options: Any) -> Outcome:
    """Set in one run and kept in the next, so that a state is no longer zero throughout."""
    net = Network(dt=1.0)
    net.population("n", 40, LIF(tau_m=9.0, v_rest=0.7, t_ref=1.0))
    simulator = Simulator(net, copies=2, **options)
    first = simulator.run(5.0, record=everything(net))
    given = {"n": np.linspace(-1, 2, 80).reshape(2, 40)}
    return outcome(simulator, first, simulator.run(8.0, inputs=given, record=everything(net)), simulator.run(4.0))


@case()
def sleeping_populations(**options: Any) -> Outcome:
    rng = np.random.default_rng(23)
    net = Network(dt=1.0, seed=4)
    early = net.population("early", 30, sn.Poisson(rate=400.0), active=(0.0, 9.0))
    late = net.population("late", 40, LIF(tau_m=HALVING, v_threshold=0.75, t_ref=3.0), active=(4.0, 12.0))
    last = net.population("last", 33, IF(v_threshold=0.5, reset="soft"), active=(10.0, math.inf))
    net.connect(early, late, sixteenths(rng, (30, 40), low=-2), delay=2.0)
    net.connect(late, last, sn.FixedProbability(0.3), weight=0.25, delay=3.0)
    net.stimulate(late, sn.PoissonInput(100.0), weight=0.25)
    return once(net, **options)


# --- rules at the level of a population -------------------------------------------------------------------------------


def competing(model: Any, *rules: Any, n: int = 40, active: tuple[float, float] = (0.0, math.inf)) -> Network:
    net = Network(dt=1.0, seed=4)
    target = net.population("n", n, model, active=active)
    source = net.population("in", n, SpikeArray())
    net.connect(source, target, np.eye(n) * 0.375)
    for rule in rules:
        net.regulate(target, rule)
    return net


def risen(n: int = 40) -> np.ndarray:
    """Currents of which some are equal."""
    return np.random.default_rng(24).integers(3, 12, n) / 8


@case()
def winner_take_all(**options: Any) -> Outcome:
    model = LIF(tau_m=9.0, i_offset=3 * risen(), v_reset=-0.25, t_ref=2.0)
    return delivered(competing(model, sn.WinnerTakeAll(3.0)), **options)


@case()
def winners_of_groups(**options: Any) -> Outcome:
    """The last group is smaller; the inhibition is shorter than refractoriness."""
    model = LIF(tau_m=9.0, i_offset=2 * risen(), v_reset=-0.25, t_ref=5.0)
    return delivered(competing(model, sn.WinnerTakeAll(2.0, group=7, winners=2)), **options)


@case()
def winners_for_ever(**options: Any) -> Outcome:
    model = IF(bias=risen(), v_threshold=2.0, reset="soft")
    return delivered(competing(model, sn.WinnerTakeAll(math.inf, group=9)), **options)


@case()
def several_competitions(**options: Any) -> Outcome:
    model = IF(bias=2 * risen(), v_threshold=2.0)
    rules = sn.WinnerTakeAll(4.0, group=5), sn.WinnerTakeAll(7.0, group=20, winners=2)
    return delivered(competing(model, *rules, active=(2.0, 14.0)), **options)


@case()
def inhibition_that_is_prolonged(**options: Any) -> Outcome:
    """One wins in a step and again in the next: the others are held for as long after the second time."""
    net = Network(dt=1.0)
    source, n = net.population("in", 1, SpikeArray()), net.population("n", 35, IF(bias=0.125))
    net.connect(source, n[7:8], sn.AllToAll(), weight=1.5)
    net.regulate(n, sn.WinnerTakeAll(3.0))
    given = sn.SpikeTrain.from_times([0, 1, 8, 10, 14], [0] * 5, size=1, dt=1.0, duration=STEPS)
    return once(net, {"in": given}, **options)


@case()
def homeostasis(**options: Any) -> Outcome:
    model = sn.AdaptiveThresholdLIF(tau_m=9.0, i_offset=2 * risen(), theta_plus=0.4, tau_theta=50.0, t_ref=2.0)
    return delivered(competing(model, sn.Homeostasis(0.01), sn.Homeostasis(0.003)), **options)


@case()
def homeostasis_of_winners(**options: Any) -> Outcome:
    model = sn.AdaptiveThresholdLIF(tau_m=9.0, i_offset=3 * risen(), theta_plus=0.4, tau_theta=50.0)
    net = competing(model, sn.WinnerTakeAll(2.0, winners=3), sn.Homeostasis(0.02))
    n, other = net.populations["n"], net.population("other", 40, IF(v_threshold=0.5))
    net.connect(n, other, sn.OneToOne(), weight=0.6, delay=1.0)
    net.regulate(other, sn.WinnerTakeAll(2.0, group=10))
    return delivered(net, **options)


def one_after_the_other(connection: Any, *, options: dict[str, Any], **rule: Any) -> Outcome:
    """One source sends in each step, so that only one weight arrives at a time."""
    net = Network(dt=1.0, seed=6)
    source, target = net.population("in", STEPS, SpikeArray()), net.population("n", 33, IF(v_threshold=1.5))
    projection = net.connect(
        source, target, connection, **({} if "weight" not in rule else {"weight": rule.pop("weight")})
    )
    net.regulate(projection, sn.Normalisation(**rule))
    given = sn.SpikeTrain.from_times(np.arange(STEPS), np.arange(STEPS)[::-1], size=STEPS, dt=1.0, duration=STEPS)
    simulator = Simulator(net, **options)
    record = everything(net) | {projection.name: ["weights"]}
    return outcome(simulator, simulator.run(float(STEPS), inputs={"in": given}, record=record), simulator.run(3.0))


@case()
def normalised_dense(**options: Any) -> Outcome:
    w = np.random.default_rng(25).normal(0.1, 0.4, (STEPS, 33))
    w[:, 5] = 0.0
    return one_after_the_other(w, options=options, total=6.5, every=4.0)


@case()
def normalised_sparse(**options: Any) -> Outcome:
    """Once: sums of what has been normalised before round."""
    w = sixteenths(np.random.default_rng(26), (STEPS, 33))
    return one_after_the_other(sn.Sparse.from_matrix(w), options=options, total=6.5, every=12.0)


@case(exact=())
def normalised_sparse_often(**options: Any) -> Outcome:
    with patch.object(placement, "_NARROW", 1):
        return one_after_the_other(
            sn.FixedInDegree(8), options=options, weight=sn.Normal(0.5, 0.1), total=6.5, every=3.0
        )


# --- what is recorded and counted -------------------------------------------------------------------------------------


@case()
def recorded_now_and_then(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(27), (45, 40))
    net = joined(sn.Sparse.from_matrix(w), 45, 40)
    record = {
        "n": [Record("spikes", neurons=[3, 17, 5]), Record("v", every=3.0), Record("i", neurons=slice(4, 40, 5))],
        "in": Record("spikes", neurons=slice(10)),
        net.projections[0].name: Record("weights", neurons=[7, 2], every=6.0),
    }
    simulator = Simulator(net, **options)
    inputs = {"in": train(45)}
    return outcome(simulator, simulator.run(float(STEPS), inputs=inputs, record=record, count_every=6.0))


@case()
def recorded_spikes_alone(**options: Any) -> Outcome:
    """All that a step does, one thing right after the other."""
    rng = np.random.default_rng(32)
    net = joined(sixteenths(rng, (45, 70)), 45, 70)
    target = net.populations["n"]
    net.connect(target, target[:35], sixteenths(rng, (70, 35)), delay=1.0)
    net.connect(target, target[30:], sn.FixedProbability(0.1), weight=0.125)
    simulator = Simulator(net, **options)
    return outcome(
        simulator, simulator.run(float(STEPS), inputs={"in": train(45)}, record={"n": "spikes", "in": "spikes"})
    )


@case()
def recorded_scaled_current(**options: Any) -> Outcome:
    net = Network(dt=1.0)
    source = net.population("in", 40, SpikeArray())
    target = net.population("n", 40, LIF(tau_m=9.0, receptors={"exc": sn.ExponentialCurrent(tau=12.0)}))
    net.connect(source, target, sn.OneToOne(), weight=1.3)
    simulator = Simulator(net, **options)
    record = {"n": [Record("exc.i", neurons=[39, 0, 7], every=2.0)]}
    given = {"in": train(40)}
    return outcome(
        simulator,
        simulator.run(13.0, record=record),
        simulator.run(float(STEPS), inputs=given, record=record, count_every=3.0),
        simulator.run(5.0, record=record, count_every=5.0),
    )


@case()
def nothing_is_joined(**options: Any) -> Outcome:
    net = Network(dt=1.0)
    net.population("n", 33, IF(bias=np.linspace(0, 1, 33)))
    net.population("m", 1, LIF(v_rest=2.0))
    return once(net, copies=2, **options)


@case()
def nobody_spikes(**options: Any) -> Outcome:
    net = joined(sn.FixedProbability(0.5), 20, 20, weight=0.5, delay=2.0, t_open=math.inf)
    simulator = Simulator(net, **options)
    return outcome(simulator, simulator.run(7.0), simulator.run(5.0, record=everything(net)))


@case()
def everybody_spikes(**options: Any) -> Outcome:
    """The log of spikes fills up."""
    net = Network(dt=1.0)
    n = net.population("n", 90, IF(bias=1.5, v_threshold=1.0))
    m = net.population("m", 7, IF(v_threshold=3.0))
    net.connect(n, m, sn.AllToAll(), weight=0.0625, delay=1.0)
    return once(net, steps=12, copies=2, **options)


# --- between two runs -------------------------------------------------------------------------------------------------


def lively(connection: Any = None) -> Network:
    """Noise, delays, refractoriness, currents that are kept scaled, and thresholds that adapt."""
    net = Network(dt=1.0, seed=8)
    noise = net.population("noise", 40, sn.Poisson(rate=300.0))
    n = net.population("n", 40, LIF(tau_m=9.0, t_ref=4.0, receptors={"exc": sn.ExponentialCurrent(tau=12.0)}))
    m = net.population("m", 35, IF(v_threshold=1.0, reset="soft"))
    net.connect(noise, n, sn.OneToOne(), weight=sn.Normal(1.5, 0.2), delay=3.0)
    net.connect(
        n, m, unordered(sixteenths(np.random.default_rng(28), (40, 35)), 6) if connection is None else connection
    )
    net.stimulate(m[4:], sn.PoissonInput(60.0), weight=0.25)
    return net


@case()
def runs_in_parts(**options: Any) -> Outcome:
    net = lively()
    simulator = Simulator(net, copies=2, **options)
    return outcome(
        simulator, *(simulator.run(t, record=everything(net), count_every=2.0) for t in (1.0, 7.0, 2.0, 6.0))
    )


@case()
def reset_to_other_samples(**options: Any) -> Outcome:
    net = lively()
    simulator = Simulator(net, **options)
    first = simulator.run(8.0, record=everything(net))
    simulator.reset(seed=2**64 - 5)
    second = simulator.run(8.0, record=everything(net))
    simulator.reset(first_sample=2**32 - 7)
    return outcome(simulator, first, second, simulator.run(8.0, record=everything(net)))


@case()
def other_weights(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(29), (40, 35))
    net = lively(w)
    simulator = Simulator(net, **options)
    first = simulator.run(9.0, record=everything(net))
    simulator.set_weights("n->m", w * 2)
    simulator.set_weights("noise->n", 2.0)
    second = simulator.run(9.0, record=everything(net))
    simulator.reset()
    return outcome(simulator, first, second, simulator.run(9.0, record=everything(net)))


def moved(net: Network, before: dict[str, Any], after: dict[str, Any], **run: Any) -> Outcome:
    """Begun on one backend, saved, and gone on with on another."""
    begun, gone_on = (Simulator(net, **options) for options in (before, after))
    first = begun.run(11.0, record=everything(net), **run)
    with tempfile.TemporaryDirectory() as folder:
        begun.save(Path(folder) / "state.npz")
        gone_on.load(Path(folder) / "state.npz")
    return outcome(gone_on, first, gone_on.run(12.0, record=everything(net)))


@case()
def saved_by_the_cpu(**options: Any) -> Outcome:
    return moved(lively(), options | {"copies": 2, "backend": "cpu"}, options | {"copies": 2})


@case()
def saved_for_the_cpu(**options: Any) -> Outcome:
    return moved(lively(), options | {"copies": 2}, options | {"copies": 2, "backend": "cpu"})


@case()
def saved_competition(**options: Any) -> Outcome:
    net = competing(IF(bias=2 * risen(), v_threshold=2.0), sn.WinnerTakeAll(6.0, group=5), sn.WinnerTakeAll(math.inf))
    return moved(net, options, options | {"backend": "cpu"})


@case()
def saved_adaptation(**options: Any) -> Outcome:
    model = sn.AdaptiveThresholdLIF(tau_m=9.0, i_offset=2 * risen(), theta_plus=0.4, tau_theta=50.0, t_ref=6.0)
    return moved(competing(model, sn.Homeostasis(0.01)), options | {"backend": "cpu"}, options)


@case()
def saved_weights(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(30), (40, 40))
    net = Network(dt=1.0)
    noise, n = net.population("noise", 40, sn.Latency(window=10.0)), net.population("n", 40, IF(v_threshold=0.75))
    net.regulate(net.connect(noise, n, w), sn.Normalisation(total=4.0, every=20.0))
    return moved(net, options, options | {"backend": "cpu"}, inputs={"noise": np.linspace(0, 1.2, 40)})


@case()
def wide_targets(**options: Any) -> Outcome:
    """Lists of targets of 32 bits each, as those of a large population."""
    with patch.object(placement, "_NARROW", 1):
        w = sixteenths(np.random.default_rng(31), (45, 40))
        net = joined(unordered(w, 4), 45, 40)
        source, target = net.populations.values()
        net.connect(source, target, sn.FixedOutDegree(40), weight=-0.0625, delay=1.0)
        return delivered(net, **options)
