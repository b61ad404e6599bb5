"""Small networks that cover what a backend can be asked to run, each a case: what the CPU makes of them, every backend must.

A case is a function from the options of a Simulator (backend, precision) to an outcome: flat arrays of all that a run returns.
Weights are binary fractions wherever several different ones meet in one sum, and so is what they meet: no sum rounds then, whatever
the order. Elsewhere only one weight arrives at a time.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

import snnsim as sn
from snnsim import IF, LIF, TTFS, Network, Result, Simulator, SpikeArray, SpikeTrain

Outcome = dict[str, np.ndarray]
STEPS = 16
HALVING = 1 / math.log(2)
"""The time constant (ms) of what halves in a step of 1 ms: binary fractions stay such."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A case, and where its outcome is equal to the last bit."""

    run: Callable[..., Outcome]
    exact: tuple[str, ...]
    """The precisions in which no sum rounds."""
    library: bool
    """Whether it takes exponentials or logarithms while it runs: a card has its own."""


CASES: dict[str, Case] = {}


def case(
    *, exact: tuple[str, ...] = ("float64", "float32"), library: bool = False
) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    def enter(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
        assert run.__name__ not in CASES
        CASES[run.__name__] = Case(run, exact, library)
        return run

    return enter


# --- what cases are made of -------------------------------------------------------------------------------------------


def outcome(simulator: Simulator, *results: Result) -> Outcome:
    """All arrays of these results, and what the simulator is left with."""
    found: Outcome = {"step": np.array(simulator.step)}
    for number, result in enumerate(results):
        found[f"{number}/range"] = np.array([result.start, result.stop, result.count_every])
        for name, train in result.spikes.items():
            for column in ("copies", "steps", "neurons"):
                found[f"{number}/spikes/{name}/{column}"] = getattr(train, column)
        for (name, variable), values in result.states.items():
            found[f"{number}/states/{name}/{variable}"] = values
        for field in dataclasses.fields(result.operations):
            values = getattr(result.operations, field.name)
            if isinstance(values, np.ndarray):
                found[f"{number}/operations/{field.name}"] = values
    populations, projections = simulator.network.populations.values(), simulator.network.projections
    kinds = {type(part).__name__ for p in populations for part in (p.model, *p.model.receptor_map.values())}
    found["covers"] = np.array(sorted(kinds | {projection.connection.connectivity for projection in projections}))
    found["spikes"] = np.concatenate([result.operations.fired.sum((0, 1)) for result in results])
    for projection in projections:
        found[f"weights/{projection.name}"] = simulator.weights(projection.name)
    return found


def everything(net: Network) -> dict[str, list[str]]:
    return {name: ["spikes", *population.model.states] for name, population in net.populations.items()}


def train(size: int, *, steps: int = STEPS, copies: int = 1, p: float = 0.3, seed: int = 0) -> SpikeTrain:
    fires = np.random.default_rng(seed).random((copies, steps, size)) < p
    return SpikeTrain(*np.nonzero(fires), size, copies, 1.0, 0, steps)


def once(net: Network, inputs: Any = None, *, steps: int = STEPS, copies: int = 1, **options: Any) -> Outcome:
    """The outcome of one run of which everything is recorded."""
    simulator = Simulator(net, copies=copies, **options)
    return outcome(simulator, simulator.run(steps * net.dt, inputs=inputs, record=everything(net)))


def driven(model: Any, n: int, *, receptors: tuple[str, ...] = ("delta",), **options: Any) -> Outcome:
    """A population of which each neuron and receptor gets spikes of its own, with weights of any value."""
    net = Network(dt=1.0, seed=5)
    target = net.population("n", n, model)
    inputs = {}
    for k, receptor in enumerate(receptors):
        source = net.population(receptor, n, SpikeArray())
        net.connect(source, target, sn.OneToOne(), weight=sn.Normal(0.7, 0.2), receptor=receptor, delay=float(k))
        inputs[receptor] = train(n, seed=k)
    return once(net, inputs, **options)


def sixteenths(
    rng: np.random.Generator, shape: tuple[int, ...], low: int = -6, high: int = 10, filled: float = 0.6
) -> np.ndarray:
    return rng.integers(low, high + 1, shape) / 16 * (rng.random(shape) < filled)


def joined(connection: Any, n: int, m: int, *, t_open: float = 0.0, slices: bool = False, **how: Any) -> Network:
    """Spikes through one connection onto neurons that add them up without a leak."""
    net = Network(dt=1.0, seed=6)
    extra = 3 if slices else 0
    source = net.population("in", n + extra, SpikeArray())
    target = net.population("n", m + 2 * extra, IF(v_threshold=1.25, v_reset=-0.25, bias=0.0625, t_open=t_open))
    net.connect(source[extra : n + extra], target[extra : m + extra], connection, **how)
    return net


def delivered(net: Network, *, p: float = 0.3, **options: Any) -> Outcome:
    return once(net, {"in": train(net.populations["in"].size, p=p)}, **options)


def unordered(w: np.ndarray, delays: int) -> sn.Sparse:
    """A matrix as synapses in descending order of their targets, some of them double, with delays of their own."""
    sources, targets = (np.repeat(part[::-1], 2) for part in np.nonzero(w))
    own = np.random.default_rng(0).integers(0, delays, len(sources)).astype(float)
    return sn.Sparse.from_arrays(
        sources, targets, w[sources, targets] / 2, own, n_sources=w.shape[0], n_targets=w.shape[1]
    )


# --- neurons ----------------------------------------------------------------------------------------------------------


@case()
def lif_hard(**options: Any) -> Outcome:
    return driven(LIF(tau_m=9.0, v_rest=0.3, v_reset=-0.2), 40, **options)


@case()
def lif_soft(**options: Any) -> Outcome:
    return driven(LIF(tau_m=9.0, reset="soft"), 33, **options)


@case()
def lif_refractory(**options: Any) -> Outcome:
    return driven(LIF(tau_m=9.0, v_rest=1.2, v_reset=-0.2, t_ref=3.0), 40, **options)


@case()
def lif_per_neuron(**options: Any) -> Outcome:
    rng = np.random.default_rng(1)
    model = LIF(
        tau_m=rng.uniform(5, 15, 40),
        v_rest=0.9,
        v_reset=rng.uniform(-0.5, 0.0, 40),
        i_offset=rng.uniform(0, 0.3, 40),
        t_ref=rng.integers(0, 6, 40).astype(float),
    )
    return driven(model, 40, receptors=("delta", "step"), **options)


@case()
def if_hard_and_open_later(**options: Any) -> Outcome:
    return driven(IF(v_threshold=0.9, v_reset=-0.1, bias=0.07, t_open=6.0), 40, receptors=("delta", "step"), **options)


@case()
def if_soft_per_neuron(**options: Any) -> Outcome:
    threshold = np.random.default_rng(2).uniform(0.5, 1.5, 40)
    return driven(IF(v_threshold=threshold, bias=0.07, reset="soft"), 40, **options)


@case()
def time_to_first_spike(**options: Any) -> Outcome:
    rng = np.random.default_rng(3)
    model = TTFS(v_threshold=6.0, ramp=rng.uniform(0.2, 1.0, 40), t_open=rng.integers(0, 9, 40).astype(float))
    return driven(model, 40, receptors=("step",), **options)


@case()
def adaptive_threshold(**options: Any) -> Outcome:
    model = sn.AdaptiveThresholdLIF(tau_m=9.0, v_rest=0.8, theta_plus=0.3, tau_theta=30.0, t_ref=2.0)
    return driven(model, 40, **options)


@case()
def adaptive_threshold_soft(**options: Any) -> Outcome:
    return driven(sn.AdaptiveThresholdLIF(tau_m=9.0, theta_plus=0.3, tau_theta=1e7, reset="soft"), 40, **options)


@case()
def adaptive_current(**options: Any) -> Outcome:
    return driven(sn.AdaptiveCurrentLIF(tau_m=9.0, v_rest=1.3, b=0.4, tau_w=12.0, t_ref=2.0), 40, **options)


@case(library=True)
def escape_noise(**options: Any) -> Outcome:
    return driven(sn.EscapeNoiseLIF(tau_m=9.0, rho_0=200.0, delta_v=0.4, t_ref=2.0), 40, **options)


@case(library=True)
def white_noise(**options: Any) -> Outcome:
    return driven(sn.NoisyLIF(tau_m=9.0, sigma=0.6, t_ref=2.0), 40, **options)


# --- receptors --------------------------------------------------------------------------------------------------------


@case()
def scaled_currents(**options: Any) -> Outcome:
    """Longer than a cycle of the scaling."""
    net = Network(dt=1.0, seed=5)
    receptors = {"exc": sn.ExponentialCurrent(tau=5.0), "inh": sn.ExponentialCurrent(tau=10.0)}
    target = net.population("n", 12, LIF(tau_m=9.0, r_m=2.0, t_ref=2.0, receptors=receptors))
    source = net.population("in", 12, SpikeArray())
    net.connect(source, target, sn.OneToOne(), weight=sn.Normal(1.5, 0.2), receptor="exc")
    net.connect(source, target, np.diag(np.linspace(-0.5, -0.3, 12)), receptor="inh", delay=2.0)
    net.stimulate(target[3:], sn.PoissonInput(80.0), weight=0.3, receptor="exc")
    return once(net, {"in": train(12, steps=40)}, steps=40, **options)


@case()
def written_currents(**options: Any) -> Outcome:
    """Decays of their own: kept as they are."""
    tau = np.random.default_rng(4).uniform(3, 8, 40)
    receptors = {"exc": sn.ExponentialCurrent(tau=tau), "inh": sn.ExponentialCurrent(tau=2.0)}
    return driven(LIF(tau_m=9.0, receptors=receptors), 40, receptors=("exc", "inh"), **options)


@case()
def all_currents(**options: Any) -> Outcome:
    receptors = {
        "now": sn.Delta(), "on": sn.StepCurrent(), "rising": sn.AlphaCurrent(tau=2.5), "exc": sn.ExponentialCurrent(tau=4.0),
    }  # fmt: skip
    return driven(
        LIF(tau_m=19.0, t_ref=2.0, v_threshold=3.0, receptors=receptors), 33, receptors=tuple(receptors), **options
    )


@case(library=True)
def conductances(**options: Any) -> Outcome:
    receptors = {
        "exc": sn.ExponentialConductance(tau=5.0, e_rev=4.0),
        "inh": sn.ExponentialConductance(tau=10.0, e_rev=-1.0),
        "rising": sn.AlphaCurrent(tau=2.5),
        "current": sn.ExponentialCurrent(tau=4.0),
    }
    return driven(LIF(tau_m=9.0, t_ref=2.0, receptors=receptors), 33, receptors=tuple(receptors), **options)


@case(library=True)
def conductance_of_an_adaptive_neuron(**options: Any) -> Outcome:
    receptors = {"exc": sn.ExponentialConductance(tau=5.0, e_rev=4.0)}
    return driven(sn.AdaptiveCurrentLIF(tau_m=9.0, b=0.4, receptors=receptors), 33, receptors=("exc",), **options)


# --- sources ----------------------------------------------------------------------------------------------------------


def coded(source: Any, x: np.ndarray, weights: Any, **options: Any) -> Outcome:
    copies, n = x.shape
    net = Network(dt=1.0, seed=9)
    source, target = net.population("in", n, source), net.population("n", 21, IF(v_threshold=2.0, reset="soft"))
    net.connect(source, target, weights)
    return once(net, {"in": x}, copies=copies, **options)


@case()
def poisson(**options: Any) -> Outcome:
    rng = np.random.default_rng(5)
    model = sn.Poisson(rate=rng.uniform(100, 600, 70))
    return coded(model, rng.random((2, 70)) * 1.5, sixteenths(rng, (70, 21)), **options)


@case()
def latency(**options: Any) -> Outcome:
    rng = np.random.default_rng(6)
    return coded(sn.Latency(window=12.0), rng.random((2, 40)) * 1.2, sixteenths(rng, (40, 21)), **options)


@case()
def graded_dense(**options: Any) -> Outcome:
    rng = np.random.default_rng(7)
    x = rng.integers(0, 9, (2, 40)) / 8
    return coded(sn.Graded(), x, sixteenths(rng, (40, 21)), **options)


@case()
def graded_sparse(**options: Any) -> Outcome:
    rng = np.random.default_rng(8)
    x = rng.integers(0, 9, (2, 40)) / 8
    return coded(sn.Graded(), x, sn.Sparse.from_matrix(sixteenths(rng, (40, 21))), **options)


@case()
def graded_convolution(**options: Any) -> Outcome:
    rng = np.random.default_rng(9)
    net = Network(dt=1.0)
    kernel = sn.Convolution(sixteenths(rng, (2, 3, 3, 2)), height=5, width=6)
    source = net.population("in", kernel.n_sources, sn.Graded())
    target = net.population("n", kernel.n_targets, IF(v_threshold=2.0, bias=0.25))
    net.connect(source, target, kernel)
    return once(net, {"in": rng.integers(0, 9, (2, kernel.n_sources)) / 8}, copies=2, **options)


@case()
def graded_onto_a_scaled_current(**options: Any) -> Outcome:
    net = Network(dt=1.0)
    source = net.population("in", 33, sn.Graded(), active=(2.0, 6.0))
    target = net.population("n", 33, LIF(tau_m=9.0, receptors={"exc": sn.ExponentialCurrent(tau=8.0)}))
    net.connect(source, target, sn.OneToOne(), weight=sn.Normal(3.0, 0.5))
    return once(net, {"in": np.linspace(-0.3, 1.3, 33)[None]}, **options)


@case()
def trains_of_each_copy_or_of_all(**options: Any) -> Outcome:
    rng = np.random.default_rng(10)
    net = Network(dt=1.0)
    own, shared = (
        net.population("own", 30, SpikeArray()),
        net.population("shared", 40, SpikeArray(), active=(4.0, 12.0)),
    )
    net.population("silent", 3, SpikeArray())
    target = net.population("n", 35, IF(v_threshold=2.0, v_reset=-0.5))
    net.connect(own, target, sixteenths(rng, (30, 35)))
    net.connect(shared, target, sn.Sparse.from_matrix(sixteenths(rng, (40, 35))), delay=3.0)
    inputs = {"own": train(30, copies=2, seed=1), "shared": train(40, seed=2)}
    return once(net, inputs, copies=2, **options)


# --- connections ------------------------------------------------------------------------------------------------------


@case()
def dense(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(11), (45, 70))
    return delivered(joined(w, 45, 70), **options)


@case()
def dense_delayed_slices(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(12), (45, 30))
    return delivered(joined(w, 45, 30, slices=True, delay=4.0), **options)


@case()
def sparse_own_weights(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(13), (45, 70))
    return delivered(joined(sn.Sparse.from_matrix(w), 45, 70, delay=1.0), **options)


@case()
def sparse_own_delays(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(14), (45, 40))
    return delivered(joined(unordered(w, 7), 45, 40, slices=True), **options)


@case()
def sparse_one_weight(**options: Any) -> Outcome:
    rule = sn.FixedInDegree(6)
    return delivered(joined(rule, 45, 70, weight=0.1875, delay=sn.Uniform(0.0, 5.0)), **options)


@case()
def sparse_with_a_row_longer_than_a_warp(**options: Any) -> Outcome:
    w = sixteenths(np.random.default_rng(15), (9, 80), filled=1.0)
    return delivered(joined(sn.Sparse.from_matrix(w), 9, 80), **options)


@case()
def autapses(**options: Any) -> Outcome:
    net = Network(dt=1.0, seed=6)
    n = net.population("n", 40, IF(bias=np.arange(40) / 32))
    net.connect(n, n, sn.OneToOne(), weight=-0.25, delay=1.0)
    net.connect(n, n, sn.FixedProbability(0.2, autapses=False), weight=0.125)
    net.connect(n[:10], n[5:25], sixteenths(np.random.default_rng(16), (10, 20)), delay=2.0, receptor="step")
    return once(net, **options)


@case()
def convolution(**options: Any) -> Outcome:
    kernel = sn.Convolution(sixteenths(np.random.default_rng(17), (2, 3, 3, 3)), height=5, width=6)
    return delivered(joined(kernel, kernel.n_sources, kernel.n_targets, delay=1.0), **options)


@case()
def convolution_strided_slices(**options: Any) -> Outcome:
    kernel = sn.Convolution(sixteenths(np.random.default_rng(18), (1, 4, 4, 5)), height=8, width=7, stride=2)
    return delivered(joined(kernel, kernel.n_sources, kernel.n_targets, slices=True), **options)


@case()
def pooling(**options: Any) -> Outcome:
    windows = sn.OrPooling(kernel=2, stride=2, channels=3, height=5, width=6, weight=0.75)
    return delivered(joined(windows, windows.n_sources, windows.n_targets), p=0.1, **options)


@case()
def pooling_overlapping_slices(**options: Any) -> Outcome:
    windows = sn.OrPooling(kernel=3, stride=1, channels=2, height=5, width=6, weight=0.75)
    net = joined(windows, windows.n_sources, windows.n_targets, slices=True, delay=2.0)
    return delivered(net, p=0.05, **options)


@case()
def pooling_between_additions(**options: Any) -> Outcome:
    """Onto the same potentials: what is added before a maximum is taken is something else than what is added after it."""
    rng = np.random.default_rng(19)
    windows = sn.OrPooling(kernel=2, stride=1, channels=2, height=4, width=5, weight=0.75)
    net = joined(sixteenths(rng, (40, windows.n_targets), filled=0.2), 40, windows.n_targets)
    source, target = net.populations.values()
    net.connect(source, target, windows)
    net.connect(source, target, sn.Sparse.from_matrix(sixteenths(rng, (40, windows.n_targets), filled=0.1)))
    net.connect(source, target[4:20], sixteenths(rng, (40, 16), filled=0.1), receptor="step")
    net.stimulate(target, sn.PoissonInput(50.0), weight=0.125)
    return delivered(net, p=0.1, **options)


@case()
def many_projections_onto_one_population(**options: Any) -> Outcome:
    rng = np.random.default_rng(20)
    net = joined(sixteenths(rng, (45, 40)), 45, 40)
    source, target = net.populations.values()
    for k in range(4):
        net.connect(
            source[k : 20 + k], target[2 * k :], sn.FixedProbability(0.3), weight=0.0625 * (k + 1), delay=float(k)
        )
        net.connect(target[: 20 + k], target[k : k + 5], sixteenths(rng, (20 + k, 5)), delay=2.0, receptor="step")
    return delivered(net, **options)
