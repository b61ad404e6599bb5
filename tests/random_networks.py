"""Random networks for properties that must hold whatever is run: a strategy, inputs for it, and what makes two results equal."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    TTFS,
    AlphaCurrent,
    Delta,
    ExponentialCurrent,
    FixedProbability,
    Network,
    Poisson,
    PoissonInput,
    Result,
    Sparse,
    SpikeArray,
    SpikeTrain,
    StepCurrent,
    Uniform,
)

DT = 0.5
STEPS = 40
COUNTS = ("acs", "macs", "membrane_updates", "encoder_operations", "spikes", "events", "fired")

few = settings(max_examples=30, deadline=None, derandomize=True, database=None)

# Weights and parameters of any value, so that sums round and a disorder would show. Few combinations of receptors, because each is
# a kernel to compile.
MODELS: list[Callable[[np.random.Generator, int], Any]] = [
    lambda rng, n: IF(v_threshold=1.0, bias=0.07, reset="soft"),
    lambda rng, n: IF(v_threshold=rng.uniform(0.5, 1.5, n), v_reset=-0.1, bias=0.1, t_open=2.0),
    lambda rng, n: LIF(tau_m=9.0, t_ref=2.0, receptors={"now": Delta(), "slow": ExponentialCurrent(tau=3.3)}),
    lambda rng, n: LIF(
        tau_m=rng.uniform(5, 15, n),
        v_rest=0.3,
        v_reset=rng.uniform(-0.5, 0.0, n),
        t_ref=rng.integers(0, 30, n) * DT,
        receptors={"rising": AlphaCurrent(tau=2.0), "on": StepCurrent(), "now": Delta()},
    ),
    lambda rng, n: TTFS(v_threshold=4.0, ramp=rng.uniform(0.1, 1.0, n), t_open=rng.integers(0, 20, n) * DT),
]


HALVING = DT / math.log(2)
"""The time constant of what halves in a step: binary fractions stay such."""

# What adds up without rounding where weights are binary fractions: the order in which they arrive changes nothing.
EXACT_MODELS: list[Callable[[np.random.Generator, int], Any]] = [
    lambda rng, n: IF(v_threshold=1.0, bias=0.125, reset="soft"),
    lambda rng, n: IF(v_threshold=rng.integers(4, 12, n) / 8, v_reset=-0.25, bias=0.25, t_open=2.0),
    lambda rng, n: LIF(tau_m=HALVING, v_rest=0.75, v_reset=-0.5, t_ref=2.0),
    lambda rng, n: LIF(
        tau_m=rng.uniform(5, 15, n),
        t_ref=rng.integers(0, 12, n) * DT,
        receptors={"rising": AlphaCurrent(tau=HALVING), "slow": ExponentialCurrent(tau=HALVING), "on": StepCurrent()},
    ),
    lambda rng, n: TTFS(v_threshold=4.0, ramp=rng.integers(2, 16, n) / 16, t_open=rng.integers(0, 12, n) * DT),
]


def _slice(rng: np.random.Generator, population: sn.Population) -> sn.Slice:
    a, b = sorted(rng.choice(population.size + 1, 2, replace=False))
    return population[a:b] if rng.random() < 0.7 else population[:]


def _weights(rng: np.random.Generator, shape: tuple[int, ...], exact: bool) -> Any:
    return rng.integers(-2, 7, shape) / 16 if exact else rng.normal(0.2, 0.3, shape)


def _connection(rng: np.random.Generator, kind: str, shape: tuple[int, int], exact: bool) -> tuple[Any, dict[str, Any]]:
    """A connection and the options that go with it."""
    w = _weights(rng, shape, exact) * (rng.random(shape) < 0.5)
    delay = DT * int(rng.integers(0, 9))
    if kind == "dense":
        return w, {"delay": delay}
    if kind == "rule":
        delays = Uniform(0.0, 9.0) if rng.random() < 0.5 else delay
        return FixedProbability(0.3), {"weight": float(_weights(rng, (), exact)) or 0.25, "delay": delays}
    made = Sparse.from_matrix(w)
    if kind == "ascending":
        return made, {"delay": delay}
    # Targets in no order, some of them twice; with delays of their own or one for all.
    order = np.concatenate(
        [a + rng.permutation(b - a) for a, b in zip(made.pointers, made.pointers[1:], strict=False)] or [[]]
    ).astype(int)
    targets, weights = np.repeat(made.targets[order], 2), np.repeat(made.weights[order], 2) / 2
    own = DT * rng.integers(0, 9, len(targets)) if kind == "delays" else None
    return Sparse(2 * made.pointers, targets, weights, made.size, own), {} if kind == "delays" else {"delay": delay}


@st.composite
def networks(draw: Any, *, endless: bool = False, exact: bool = False, largest: int = 180) -> Network:
    """Noise and spike trains onto up to three populations that are joined at random, with stimuli onto parts of them.

    ``endless`` leaves out what stops sending: every source sends in every run of some length. ``exact``: no sum rounds in double
    precision, for about 20 steps.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    net = Network(dt=DT, seed=draw(st.integers(0, 2**64 - 1)))
    sizes = st.integers(1, largest)
    net.population("noise", draw(sizes), Poisson(rate=200.0))
    net.population("in", draw(st.integers(1, 9)), SpikeArray())
    models = draw(st.lists(st.sampled_from(EXACT_MODELS if exact else MODELS), min_size=1, max_size=3))
    targets = []
    for k, model in enumerate(models):
        n = draw(sizes)
        asleep = not endless and draw(st.integers(0, 4)) == 0
        active = (3 * DT, 30 * DT) if asleep else (0.0, np.inf)
        targets.append(net.population(f"p{k}", n, model(rng, n), active=active))
    everybody = list(net.populations.values())
    kinds = st.sampled_from(["dense", "ascending", "unordered", "delays", "rule"])
    for k in range(draw(st.integers(1, 6))):
        source = everybody[0] if k == 0 else draw(st.sampled_from(everybody))
        target = draw(st.sampled_from(targets))
        receptor = draw(st.sampled_from(list(target.model.receptor_map)))
        a, b = _slice(rng, source), _slice(rng, target)
        connection, options = _connection(rng, draw(kinds), (len(a), len(b)), exact)
        net.connect(a, b, connection, receptor=receptor, **options)
    for _ in range(draw(st.integers(0, 2))):
        target = draw(st.sampled_from(targets))
        receptor = draw(st.sampled_from(list(target.model.receptor_map)))
        rate = draw(st.sampled_from([0.0, 30.0, 900.0, 20_000.0]))
        weight = 0.0625 if exact else float(rng.normal(0.1, 0.1)) or 0.1
        net.stimulate(_slice(rng, target), PoissonInput(rate), weight=weight, receptor=receptor)
    return net


def inputs_of(net: Network, copies: int, first: int, last: int) -> dict[str, Any]:
    """The part of a fixed input that falls into steps ``first`` to ``last`` - 1, for one run."""
    size = net.populations["in"].size
    fires = np.random.default_rng(size).random((copies, STEPS, size)) < 0.3
    c, s, n = np.nonzero(fires[:, first:last])
    given: dict[str, Any] = {"in": SpikeTrain(c, s, n, size, copies, DT, 0, last - first)}
    if first == 0:
        given["noise"] = np.random.default_rng(1).random((copies, net.populations["noise"].size)) * 1.5
    return given


def everything(net: Network) -> dict[str, list[str]]:
    return {name: ["spikes", *population.model.states] for name, population in net.populations.items()}


def simulate(net: Network, *, copies: int = 1, **options: Any) -> Result:
    simulator = sn.Simulator(net, copies=copies, **options)
    return simulator.run(STEPS * DT, inputs=inputs_of(net, copies, 0, STEPS), record=everything(net))


def assert_same(found: Result, expected: Result) -> None:
    """Everything that both recorded, and all counts, are equal to the last bit."""
    for key in found.states.keys() & expected.states.keys():
        assert np.array_equal(found.states[key], expected.states[key]), key
    for name in found.spikes.keys() & expected.spikes.keys():
        assert found.spikes[name] == expected.spikes[name], name
    for name in COUNTS:
        assert np.array_equal(getattr(found.operations, name), getattr(expected.operations, name)), name


def assert_part(found: Result, whole: Result, first: int, last: int) -> None:
    """A result equals steps ``first`` to ``last`` - 1 of a longer one."""
    assert (found.start, found.stop) == (first, last)
    for key, values in found.states.items():
        assert np.array_equal(values, whole.states[key][:, first:last]), key
    for name, train in found.spikes.items():
        assert train == cut(whole.spikes[name], first, last), name
    for name in COUNTS:
        assert np.array_equal(getattr(found.operations, name), getattr(whole.operations, name)[:, first:last]), name


def cut(train: SpikeTrain, first: int, last: int) -> SpikeTrain:
    part = (train.steps >= first) & (train.steps < last)
    return SpikeTrain(
        train.copies[part], train.steps[part], train.neurons[part], train.size, train.n_copies, train.dt, first, last
    )
