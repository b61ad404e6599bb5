"""Receptors, delays, rules and distributions that are refused: by errors that name the object, the attribute and the bound."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snnsim import (
    IF,
    LIF,
    TTFS,
    AllToAll,
    AlphaCurrent,
    Convolution,
    Delta,
    ExponentialCurrent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Lognormal,
    Network,
    NetworkError,
    Normal,
    OneToOne,
    Simulator,
    Sparse,
    SpikeArray,
    Uniform,
)


def network() -> Network:
    net = Network(dt=0.5)
    net.population("in", 3, SpikeArray())
    net.population("n", 4, LIF(receptors={"exc": ExponentialCurrent(), "inh": AlphaCurrent()}))
    return net


def connect(connection: Any = None, **options: Any) -> Any:
    """Join three neurons to four; by a rule with a weight of 1 unless another is given."""
    net = network()
    if connection is None:
        connection, options = AllToAll(), {"weight": 1.0} | options
    return net.connect(net.populations["in"], net.populations["n"], connection, **options)


def own(rule: Any, *, size: int = 1) -> Any:
    net = Network()
    p = net.population("p", size, IF())
    return net.connect(p, p, rule, weight=1.0)


def simulate(model: Any, size: int = 5) -> Simulator:
    net = Network(dt=0.5)
    net.population("m", size, model)
    return Simulator(net)


def sparse(delays: Any, **options: Any) -> Any:
    return connect(Sparse([0, 1, 2, 2], [0, 3], [1.0, 1.0], 4, delays), **options)


ONES = np.ones((3, 4))

REFUSED: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    # --- receptors
    ("no receptor", lambda: LIF(receptors={}), ("LIF.receptors", "at least one")),
    ("receptor class", lambda: LIF(receptors={"a": Delta}), ("LIF.receptors", "Delta()")),
    ("receptor name", lambda: LIF(receptors={"a": "delta"}), ("LIF.receptors", "Delta()", "'delta'")),
    ("receptors in a list", lambda: LIF(receptors=[Delta()]), ("LIF.receptors", "Delta()")),
    ("receptors None", lambda: LIF(receptors=None), ("LIF.receptors", "None")),
    ("tau zero", lambda: ExponentialCurrent(tau=0.0), ("ExponentialCurrent.tau", "above 0 ms", "got 0")),
    ("tau of one neuron", lambda: AlphaCurrent(tau=[2.0, -1.0]), ("AlphaCurrent.tau", "above 0 ms", "got -1")),
    ("tau nan", lambda: ExponentialCurrent(tau=math.nan), ("ExponentialCurrent.tau", "NaN")),
    ("tau no number", lambda: AlphaCurrent(tau="long"), ("AlphaCurrent.tau", "number", "'long'")),
    ("tau of two dimensions", lambda: AlphaCurrent(tau=np.ones((2, 2))), ("AlphaCurrent.tau", "(2, 2)")),
    (
        "tau for another number of neurons",
        lambda: simulate(LIF(receptors={"e": ExponentialCurrent(tau=[1.0, 2.0, 3.0])})), ("'m'", "5", "3"),
    ),
    (
        "tau for one neuron",
        lambda: simulate(LIF(receptors={"e": ExponentialCurrent(tau=[1.0])})), ("'m'", "5", "1"),
    ),
    (
        "tau and tau_m for other numbers of neurons",
        lambda: simulate(LIF(tau_m=[9.0] * 5, receptors={"e": AlphaCurrent(tau=[1.0, 2.0, 3.0])})), ("tau_m", "tau", "5", "3"),
    ),
    (
        "taus for other numbers of neurons",
        lambda: simulate(LIF(receptors={"e": AlphaCurrent(tau=[1.0] * 3), "i": AlphaCurrent(tau=[1.0] * 5)})), ("tau", "5", "3"),
    ),
    ("unknown receptor", lambda: connect(receptor="gaba"), ("in->n", "'gaba'", "exc", "inh")),
    ("default receptor of another model", lambda: connect(receptor="delta"), ("in->n", "'delta'", "exc", "inh")),
    # --- delays
    ("delay negative", lambda: connect(ONES, delay=-0.5), ("in->n", "delay", "at least 0 ms", "-0.5")),
    ("delay off the grid", lambda: connect(ONES, delay=0.7), ("in->n", "delay", "multiple of dt = 0.5 ms", "0.7")),
    ("delay nan", lambda: connect(ONES, delay=math.nan), ("in->n", "delay", "nan")),
    ("delay inf", lambda: connect(ONES, delay=math.inf), ("in->n", "delay", "inf")),
    ("delay None", lambda: connect(ONES, delay=None), ("in->n", "delay")),
    ("delay no number", lambda: connect(ONES, delay="late"), ("in->n", "delay", "number")),
    ("delay array without a rule", lambda: connect(ONES, delay=np.ones(12)), ("in->n", "delay", "rule")),
    ("delay distribution without a rule", lambda: connect(ONES, delay=Uniform(0, 1)), ("in->n", "delay", "rule")),
    ("delay of a convolution", lambda: _convolution(delay=0.3), ("in->t", "delay", "multiple of dt = 0.5 ms")),
    ("delay too long", lambda: Simulator(_with(connect(ONES, delay=1e13))), ("in->n", "delay", "at most")),
    ("delay far too long", lambda: Simulator(_with(connect(ONES, delay=1e30))), ("in->n", "delay", "at most")),
    ("own delay negative", lambda: sparse([0.5, -0.5]), ("Sparse.delays", "at least 0 ms")),
    ("own delay off the grid", lambda: sparse([0.5, 0.6]), ("in->n", "delay", "multiple of dt = 0.5 ms")),
    ("own delay nan", lambda: sparse([0.5, math.nan]), ("Sparse.delays", "finite", "1 of 2")),
    ("own delays too few", lambda: sparse([0.5]), ("Sparse.delays", "2")),
    ("own delays of two dimensions", lambda: sparse([[0.5, 0.5]]), ("Sparse.delays", "1 dimension", "(1, 2)")),
    ("own delays and one for all", lambda: sparse([0.5, 0.5], delay=0.5), ("in->n", "delay", "exclude", "0.5")),
    # --- what a rule is given
    ("no weight", lambda: connect(FixedProbability(0.5)), ("in->n", "FixedProbability", "weight")),
    ("weight without a rule", lambda: connect(ONES, weight=2.0), ("in->n", "weight", "rule")),
    ("weight zero", lambda: connect(weight=0.0), ("in->n", "weight", "zero")),
    ("weight nan", lambda: connect(weight=math.nan), ("in->n", "weight", "finite")),
    ("weight no number", lambda: connect(weight="strong"), ("in->n", "weight", "number")),
    ("weights too few", lambda: connect(weight=[1.0] * 11), ("in->n", "weight", "12", "(11,)")),
    ("weights in a matrix", lambda: connect(weight=ONES), ("in->n", "weight", "12", "(3, 4)")),
    ("delays too few", lambda: connect(delay=[0.5] * 11), ("in->n", "delay", "12", "(11,)")),
    ("delays negative", lambda: connect(delay=[-0.5] * 12), ("in->n", "delay", "at least 0 ms")),
    ("delays off the grid", lambda: connect(delay=[0.3] * 12), ("in->n", "delay", "multiple of dt = 0.5 ms", "0.3")),
    ("delay of a rule negative", lambda: connect(delay=-1.0), ("in->n", "delay", "at least 0 ms", "-1")),
    ("delay of a rule no number", lambda: connect(delay="late"), ("in->n", "delay", "number")),
    ("a rule's class", lambda: connect(AllToAll, weight=1.0), ("in->n", "weight")),
    # --- rules
    ("sizes of one to one", lambda: connect(OneToOne(), weight=1.0), ("in->n", "OneToOne", "3", "4")),
    ("p above 1", lambda: FixedProbability(1.001), ("FixedProbability.p", "0 and 1", "1.001")),
    ("p negative", lambda: FixedProbability(-0.1), ("FixedProbability.p", "0 and 1", "-0.1")),
    ("p nan", lambda: FixedProbability(math.nan), ("FixedProbability.p", "nan")),
    ("p no number", lambda: FixedProbability("often"), ("FixedProbability.p", "often")),
    ("in-degree negative", lambda: FixedInDegree(-1), ("FixedInDegree.k", "at least 0", "-1")),
    ("in-degree fractional", lambda: FixedInDegree(2.5), ("FixedInDegree.k", "whole number", "2.5")),
    ("out-degree", lambda: FixedOutDegree("ten"), ("FixedOutDegree.k", "whole number", "'ten'")),
    ("out-degree too large", lambda: FixedOutDegree(2**31), ("FixedOutDegree.k", "2**31 - 1")),
    ("total", lambda: FixedTotalNumber(-3), ("FixedTotalNumber.n", "at least 0", "-3")),
    ("nobody else, in", lambda: own(FixedInDegree(1, autapses=False)), ("FixedInDegree", "autapses", "one neuron")),
    ("nobody else, out", lambda: own(FixedOutDegree(1, autapses=False)), ("FixedOutDegree", "autapses", "one neuron")),
    ("nobody else, total", lambda: own(FixedTotalNumber(1, autapses=False)), ("FixedTotalNumber", "autapses", "one neuron")),
    # --- distributions
    ("uniform backwards", lambda: Uniform(2.0, 1.0), ("Uniform", "low must be below high", "2", "1")),
    ("uniform of no width", lambda: Uniform(1.0, 1.0), ("Uniform", "low must be below high")),
    ("uniform endless", lambda: Uniform(0.0, math.inf), ("Uniform", "finite", "inf")),
    ("uniform nan", lambda: Uniform(math.nan, 1.0), ("Uniform", "nan")),
    ("uniform no number", lambda: Uniform("a", "b"), ("Uniform", "number")),
    ("normal std", lambda: Normal(0.0, -1.0), ("Normal", "std at least 0", "-1")),
    ("normal mean", lambda: Normal(math.inf, 1.0), ("Normal", "mean must be finite", "inf")),
    ("normal bounds", lambda: Normal(0.0, 1.0, low=3.0, high=2.0), ("Normal", "low must be below high", "3", "2")),
    ("normal no number", lambda: Normal(None, 1.0), ("Normal", "number")),
    ("lognormal sigma", lambda: Lognormal(0.0, -0.1), ("Lognormal", "sigma at least 0", "-0.1")),
    ("lognormal mu", lambda: Lognormal(math.nan, 1.0), ("Lognormal", "mu must be finite", "nan")),
    ("lognormal low", lambda: Lognormal(0.0, 1.0, low=-1.0), ("Lognormal", "low must be at least 0", "-1")),
    ("lognormal bounds", lambda: Lognormal(0.0, 1.0, low=2.0, high=2.0), ("Lognormal", "low must be below high", "2")),
    ("lognormal no number", lambda: Lognormal("a", 1.0), ("Lognormal", "number")),
]  # fmt: skip


def _with(projection: Any) -> Network:
    return projection.source.population.network


def _convolution(**options: Any) -> Any:
    net = Network(dt=0.5)
    source, target = net.population("in", 9, SpikeArray()), net.population("t", 4, TTFS())
    return net.connect(source, target, Convolution(np.ones((1, 2, 2, 1)), 3, 3), **options)


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_refused_is_named(make: Callable[[], Any], words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        make()
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    "options", [{"delay": -0.5}, {"delay": 0.7}, {"weight": 0.0}, {"weight": [1.0]}, {"receptor": "x"}]
)
def test_a_refused_projection_leaves_the_network_as_it_was(options: dict[str, Any]) -> None:
    net = network()
    before = Normal(0.5, 0.1)
    kept: Any = net.connect(net.populations["in"], net.populations["n"], FixedProbability(0.5), weight=before)
    with pytest.raises(NetworkError):
        net.connect(net.populations["in"], net.populations["n"], AllToAll(), **({"weight": 1.0} | options))
    assert net.projections == [kept]
    # And the next one draws what it would have drawn.
    again = network()
    again.connect(again.populations["in"], again.populations["n"], FixedProbability(0.5), weight=before)
    one, other = (n.connect(n.populations["in"], n.populations["n"], AllToAll(), weight=before) for n in (net, again))
    assert np.array_equal(one.connection.weights, other.connection.weights)


def test_receptors_that_are_changed_later_do_not_reach_the_model() -> None:
    receptors: dict[str, Any] = {"exc": ExponentialCurrent()}
    model = LIF(receptors=receptors)
    receptors["inh"] = AlphaCurrent()
    assert list(model.receptor_map) == ["exc"]
    assert model.states == ("v", "i", "exc.i")
