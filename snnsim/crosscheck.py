"""The same networks in snnsim and in Brian2: equal spikes where sums are exact, equal statistics where the network is chaotic.

The matrix joins neuron models, receptors, resets, refractoriness, delays, parameters, connections and sources. A covering set of
its cases holds every pair of values that can occur together. Weights are binary fractions, so that the order in which they are
added cannot matter; thresholds lie off every grid of sums that reach them.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_models import (
    IF,
    LIF,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Delta,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    NoisyLIF,
    Poisson,
    Receptor,
    SpikeArray,
    StepCurrent,
)

from .inputs import Inputs, TimedInput
from .network import Network, Population, Slice
from .networks import brunel, coba, cuba
from .results import Result
from .rules import FixedInDegree
from .simulator import Simulator
from .spikes import SpikeTrain
from .stimuli import PoissonInput

__all__ = [
    "CHAOTIC",
    "FACTORS",
    "Case",
    "Comparison",
    "compare",
    "compare_statistics",
    "covering_cases",
    "every_case",
    "kolmogorov_smirnov",
    "make",
    "perturbed",
]

Case = dict[str, str]
Floats = NDArray[np.float64]

_LEAKY: Mapping[str, tuple[type[LIF], Mapping[str, tuple[float, float]]]] = {
    "LIF": (LIF, {}),
    "AdaptiveThresholdLIF": (AdaptiveThresholdLIF, {"theta_plus": (0.5, 0.2), "tau_theta": (80.0, 20.0)}),
    "AdaptiveCurrentLIF": (AdaptiveCurrentLIF, {"b": (1.5, 0.5), "tau_w": (90.0, 20.0)}),
    "EscapeNoiseLIF": (EscapeNoiseLIF, {"rho_0": (200.0, 50.0), "delta_v": (1.5, 0.3)}),
    "NoisyLIF": (NoisyLIF, {"sigma": (1.5, 0.5)}),
}
"""Neurons that take receptors with dynamics, and (middle, spread) of the parameters that LIF lacks."""

_KINDS: Mapping[str, tuple[str, ...]] = {
    "mixed": ("step", "delta", "exponential", "alpha"),
    "mixed with conductance": ("exponential", "conductance", "alpha", "conductance"),
}
"""The receptors of the projections from both halves of the sources, from excitatory and from inhibitory neurons."""

FACTORS: Mapping[str, tuple[str, ...]] = {
    "model": (*_LEAKY, "IF"),
    "receptor": ("delta", "step", "exponential", "alpha", "conductance", *_KINDS),
    "reset": ("hard", "soft"),
    "t_ref": ("0", "0.1", "2", "per neuron"),
    "delay": ("0", "0.1", "1.5", "per synapse"),
    "parameters": ("scalar", "per neuron"),
    "connection": ("dense", "sparse"),
    "source": ("trains", "Poisson", "PoissonInput"),
}
"""The matrix: what varies, and its values."""

CHAOTIC: Mapping[str, tuple[Callable[[], Network], str]] = {
    "CUBA, 4,000 neurons": (cuba, "float64"),
    "CUBA, 4,000 neurons, snnsim in float32": (cuba, "float32"),
    "COBA, 4,000 neurons": (coba, "float64"),
    "Brunel, 5,000 neurons, fixed in-degree": (lambda: brunel(0.4, fixed_in_degree=True), "float64"),
}
"""Networks in which one spike that moves by a step soon moves all others, and the precision of snnsim.

A rounding error of float64 is rarely enough for that: on the grid it decays unless it carries a potential over the threshold.
"""

TOLERANCE_MV = 1e-9
LEAST_P = 0.01
_PERTURBED = 99  # a statistic larger than all of theirs has p = 0.01

_CELLS, _SOURCES, _IN_DEGREE = 60, 30, 12
_RATE_HZ = 20.0
# mV, pA and nS, a quarter of the largest weight:
_UNITS = {"delta": 0.5, "step": 1 / 16, "exponential": 2.0, "alpha": 1.0, "conductance": 1 / 32}
_UNIT_WITHOUT_LEAK = 2.0**-12  # mV/ms, for the currents of IF, which integrates them for good


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One network in both simulators.

    agrees : equal spikes, potentials within 1e-9 mV, learned weights within 1e-9; for a chaotic network no distribution that
        differs by more than those of 99 runs of snnsim do whose neurons are kicked a little at the start
    spikes : those of snnsim, sources not counted
    first_divergence_ms : the first step in which spikes differ; None if none do
    max_dv_mv : the largest difference of potentials up to there; None where they were not recorded
    max_dw : the largest difference of weights that have learned, in their unit; None where none have
    distributions : for a chaotic network the Kolmogorov-Smirnov statistic of each, and p, the share of these runs that exceed it
    """

    name: str
    agrees: bool
    spikes: int
    first_divergence_ms: float | None
    max_dv_mv: float | None
    distributions: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    max_dw: float | None = None


def every_case() -> Iterator[Case]:
    """Yield all combinations that exist."""
    for values in itertools.product(*FACTORS.values()):
        case = dict(zip(FACTORS, values, strict=True))
        leaky = case["receptor"] not in ("delta", "step", "mixed") or case["t_ref"] != "0"
        if case["model"] == "IF" and leaky:
            continue
        if case["reset"] == "soft" and case["t_ref"] != "0":
            continue
        if case["delay"] == "per synapse" and case["connection"] == "dense":
            continue
        yield case


def covering_cases() -> list[Case]:
    """Return a small set of cases that holds every pair of values that occurs in any: greedily, the same every time."""
    cases = list(every_case())
    pairs = [set(itertools.combinations(case.items(), 2)) for case in cases]
    missing = set().union(*pairs)
    chosen = []
    while missing:
        best = max(range(len(cases)), key=lambda k: len(pairs[k] & missing))
        chosen.append(cases[best])
        missing -= pairs[best]
    return chosen


def make(case: Case, duration: float) -> tuple[Network, Inputs]:
    """Return the network of a case, its population ``cells``, and its inputs for a run of ``duration`` ms."""
    # The same numbers for the same case, whatever else is run.
    rng = np.random.default_rng([FACTORS[factor].index(value) for factor, value in case.items()])
    net = Network(dt=0.1, seed=7)
    inputs: Inputs = {}
    source = None
    if case["source"] == "Poisson":
        source = net.population("input", _SOURCES, Poisson(rate=_RATE_HZ))
    elif case["source"] == "trains":
        source = net.population("input", _SOURCES, SpikeArray())
        steps = round(duration / net.dt)
        step, neuron = np.nonzero(rng.random((steps, _SOURCES)) < _RATE_HZ * net.dt / 1000.0)
        inputs = {
            "input": SpikeTrain.from_times(step * net.dt, neuron, size=_SOURCES, dt=net.dt, duration=duration),
        }
    cells = net.population("cells", _CELLS, _model(case, rng))
    kinds = _KINDS.get(case["receptor"], (case["receptor"],))
    kinds = tuple(kind for kind in kinds if kind in cells.model.receptor_map)
    drive, excitatory = _SOURCES // 2, _CELLS * 4 // 5
    parts = [None, None] if source is None else [source[:drive], source[drive:]]
    signed = zip((*parts, cells[:excitatory], cells[excitatory:]), (1, 1, 1, -4), itertools.cycle(kinds), strict=False)
    for part, sign, kind in signed:
        if part is None:
            _stimulate(net, cells, kind, case)
        else:
            _join(net, part, cells, kind, sign, case, rng)
    return net, inputs


def _model(case: Case, rng: np.random.Generator) -> LIF | IF:
    varied = case["parameters"] == "per neuron"

    def value(middle: float, spread: float) -> float | Floats:
        return middle + spread * rng.uniform(-1, 1, _CELLS) if varied else middle

    common: dict[str, Any] = {
        "v_threshold": value(20.00371, 1.0),
        "v_reset": value(10.0, 2.0),
        "v_initial": value(5.0, 5.0),
        "reset": case["reset"],
    }
    if case["model"] == "IF":
        t_open = np.asarray(rng.integers(0, 500, _CELLS) * 0.1, np.float64) if varied else 5.0
        return IF(bias=value(0.20219, 0.1), t_open=t_open, **common)
    receptors: dict[str, Receptor] = {"delta": Delta(), "step": StepCurrent()}
    kinds = _KINDS.get(case["receptor"], (case["receptor"],))
    if "exponential" in kinds:
        receptors["exponential"] = ExponentialCurrent(tau=value(5.0, 1.0))
    if "alpha" in kinds:
        receptors["alpha"] = AlphaCurrent(tau=value(2.0, 0.5))
    if "conductance" in kinds:
        receptors["conductance"] = ExponentialConductance(tau=value(5.0, 1.0), e_rev=value(70.0, 5.0))
        receptors["inhibition"] = ExponentialConductance(tau=value(10.0, 1.0), e_rev=value(-10.0, 5.0))
    t_ref = rng.choice([0.0, 0.1, 2.0, 5.0], _CELLS) if case["t_ref"] == "per neuron" else float(case["t_ref"])
    model, own = _LEAKY[case["model"]]
    middles = {"tau_m": (20.0, 5.0), "v_rest": (18.5, 2.0), "r_m": (1.0, 0.2), "i_offset": (0.5, 0.25), **own}
    leaky: dict[str, Any] = {name: value(*middle) for name, middle in middles.items()}
    return model(t_ref=t_ref, receptors=receptors, **leaky, **common)


def _unit(kind: str, case: Case) -> float:
    return _UNIT_WITHOUT_LEAK if kind == "step" and case["model"] == "IF" else _UNITS[kind]


def _stimulate(net: Network, cells: Population, kind: str, case: Case) -> None:
    for sign in (1, -1) if kind == "step" else (1,):
        weight = 2 * sign * _unit(kind, case)
        net.stimulate(cells, PoissonInput(_IN_DEGREE * _RATE_HZ), weight=weight, receptor=kind)


def _join(
    net: Network, source: Slice, cells: Population, kind: str, sign: int, case: Case, rng: np.random.Generator
) -> None:
    sparse = case["connection"] == "sparse"
    shape = (_CELLS * _IN_DEGREE,) if sparse else (len(source), _CELLS)
    if kind == "step":  # never switched off: only of both signs can their sum stay small
        weights = rng.integers(1, 5, shape) * _unit(kind, case) * rng.choice([-1, 1], shape)
    else:
        weights = rng.integers(1, 5, shape) * _unit(kind, case) * sign
    if kind == "conductance" and sign < 0:
        weights, kind = -weights, "inhibition"
    if case["delay"] == "per synapse":
        delay: float | Floats = np.asarray(rng.integers(0, 40, shape) * net.dt, np.float64)
    else:
        delay = float(case["delay"])
    if sparse:
        net.connect(source, cells, FixedInDegree(_IN_DEGREE), weight=weights, delay=delay, receptor=kind)
    else:
        weights[rng.random(shape) > _IN_DEGREE / len(source)] = 0.0
        net.connect(source, cells, weights, delay=delay, receptor=kind)


def compare(case: Case, duration: float) -> Comparison:
    """Run a case for ``duration`` ms in both simulators and compare spikes and potentials."""
    net, inputs = make(case, duration)
    record = {"cells": ["spikes", "v"]}
    ours, theirs = (
        Simulator(net, backend=backend, threads=1).run(duration, inputs=inputs, record=record)
        for backend in ("cpu", "brian2")
    )
    step = _divergence(ours, theirs)
    until = None if step is None else step + 1
    dv = float(np.abs(ours.v("cells")[0, :until] - theirs.v("cells")[0, :until]).max())
    agrees = step is None and dv <= TOLERANCE_MV
    return Comparison(
        name="{model} {receptor} {reset}, t_ref {t_ref}, delay {delay}, parameters {parameters}, {connection}, {source}".format(
            **case
        ),
        agrees=agrees,
        spikes=len(ours.spikes["cells"]),
        first_divergence_ms=None if step is None else step * net.dt,
        max_dv_mv=dv,
    )


def compare_statistics(name: str, net: Network, duration: float, precision: str = "float64") -> Comparison:
    """Run a network without inputs for ``duration`` ms in both simulators and compare distributions over its neurons.

    ``precision`` is that of snnsim; Brian2 computes in float64.
    """
    record = {population: ["spikes"] for population in _neurons(net)}
    ours = Simulator(net, precision=precision, threads=1).run(duration, record=record)
    theirs = Simulator(net, backend="brian2").run(duration, record=record)
    found = kolmogorov_smirnov(ours.spikes, theirs.spikes)
    usual = [kolmogorov_smirnov(ours.spikes, other) for other in perturbed(net, duration, precision)]
    distributions = {
        quantity: (statistic, (1 + sum(other[quantity] >= statistic for other in usual)) / (1 + len(usual)))
        for quantity, statistic in found.items()
    }
    step = _divergence(ours, theirs)
    return Comparison(
        name=name,
        agrees=all(p > LEAST_P for _, p in distributions.values()),
        spikes=sum(len(train) for train in ours.spikes.values()),
        first_divergence_ms=None if step is None else step * net.dt,
        max_dv_mv=None,
        distributions=distributions,
    )


def _neurons(net: Network) -> dict[str, Population]:
    """Return the populations that are no sources."""
    return {name: population for name, population in net.populations.items() if population.model.receptor_map}


def perturbed(
    net: Network, duration: float, precision: str = "float64", runs: int = _PERTURBED
) -> Iterator[Mapping[str, SpikeTrain]]:
    """Yield the spikes of runs of a network whose neurons get a current of about 2 pA in the first step, another in each run.

    In a chaotic network they show how far runs of one and the same simulator differ. A p value for independent samples would not
    say so: neurons of one network share its fluctuations.
    """
    rng = np.random.default_rng(1)
    kicks = {
        name: TimedInput([0.0, net.dt], np.stack([rng.normal(0.0, 2.0, (runs, p.size)), np.zeros((runs, p.size))], 1))
        for name, p in _neurons(net).items()
    }
    record = {name: ["spikes"] for name in _neurons(net)}
    spikes = Simulator(net, copies=runs, precision=precision).run(duration, inputs=kicks, record=record).spikes
    for k in range(runs):
        yield {name: train.copy(k) for name, train in spikes.items()}


def kolmogorov_smirnov(ours: Mapping[str, SpikeTrain], theirs: Mapping[str, SpikeTrain]) -> dict[str, float]:
    """Return the Kolmogorov-Smirnov statistics of the distributions of rate, CV of intervals, and correlation of pairs."""
    from scipy.stats import ks_2samp  # networks run where SciPy is not installed

    tested = {}
    for quantity, measured in _STATISTICS.items():
        one, two = (np.concatenate([measured(train) for train in trains.values()]) for trains in (ours, theirs))
        tested[quantity] = float(ks_2samp(one, two, method="asymp").statistic)
    return tested


def _divergence(ours: Result, theirs: Result) -> int | None:
    """Return the first step in which the spikes of any population differ, or None."""
    different: list[int] = []
    for name, train in ours.spikes.items():
        mine, other = (t.steps * t.size + t.neurons for t in (train, theirs.spikes[name]))
        different.extend(np.setxor1d(mine, other) // train.size)
    return int(min(different)) if different else None


def _rates(train: SpikeTrain) -> Floats:
    return np.asarray(train.rates()[0])


def _irregularity(train: SpikeTrain) -> Floats:
    cv = train.interval_cv()[0]
    return np.asarray(cv[np.isfinite(cv)])


def _correlations(train: SpikeTrain) -> Floats:
    """Return the correlation of spike counts in bins of 10 ms, of disjoint pairs, which makes the values independent."""
    per_bin = round(10.0 / train.dt)
    counts = np.zeros((train.size, -(-(train.stop - train.start) // per_bin)))
    np.add.at(counts, (train.neurons, (train.steps - train.start) // per_bin), 1.0)
    active = counts[counts.std(axis=1) > 0]
    normal = (active - active.mean(axis=1, keepdims=True)) / active.std(axis=1, keepdims=True)
    half = len(normal) // 2
    return np.asarray((normal[:half] * normal[half : 2 * half]).mean(axis=1))


_STATISTICS: Mapping[str, Callable[[SpikeTrain], Floats]] = {
    "rate": _rates,
    "CV": _irregularity,
    "correlation": _correlations,
}
