"""What cannot learn, and what does not fit, is refused by name; scalar functions keep their precision."""

import math
from typing import Any

import numpy as np
import pytest
from plastic_networks import RULES
from plastic_runs import N_POST, made, reward
from snnsim_models import PLASTICITY

from snnsim import (
    BCM,
    IF,
    AntiHebbian,
    Convolution,
    Covariance,
    DeltaRule,
    EventSimulator,
    Graded,
    Network,
    NetworkError,
    OrPooling,
    PairSTDP,
    PostTriggeredSTDP,
    RewardSTDP,
    SimulationError,
    Simulator,
    SpikeArray,
    TimedInput,
)


def test_connections_that_cannot_learn_are_refused() -> None:
    net = Network(dt=1.0)
    a, g, b = net.population("a", 16, SpikeArray()), net.population("g", 4, Graded()), net.population("b", 4, IF())
    one = net.population("one", 9, IF())
    cases: list[tuple[Any, ...]] = [
        (
            a,
            one,
            Convolution(np.ones((1, 2, 2, 1)), 4, 4),
            "PairSTDP needs dense or sparse weights, a Convolution shares",
        ),
        (a, b, OrPooling(2, 2, 1, 4, 4, 0.5), "a OrPooling shares them"),
        (g, b, np.ones((4, 4)), "learns from spikes, the source is graded"),
    ]
    for source, target, connection, match in cases:
        with pytest.raises(NetworkError, match=match):
            net.connect(source, target, connection, plasticity=PairSTDP())
    with pytest.raises(NetworkError, match=r"plasticity must be a rule such as PairSTDP\(\), got 3"):
        net.connect(a, b, np.ones((16, 4)), plasticity=3)  # type: ignore[arg-type]
    with pytest.raises(NetworkError, match="delay_side must be 'axonal' or 'dendritic', got 'left'"):
        net.connect(a, b, np.ones((16, 4)), plasticity=PairSTDP(), delay_side="left")
    assert not net.projections
    net.connect(a, b, np.full((16, 4), 0.5), plasticity=PairSTDP(w_max=0.4))
    with pytest.raises(
        NetworkError, match=r"a->b: weights must lie within w_min = 0 and w_max = 0.4 of its PairSTDP, got 0.5"
    ):
        Simulator(net)
    with pytest.raises(NetworkError, match="the event method cannot run projection a->b: it knows no plasticity"):
        EventSimulator(net)


def test_modulators_that_do_not_fit_are_named() -> None:
    simulator = Simulator(made("reward"), threads=1)
    times = [1.0, 2.0]
    cases: list[tuple[Any, str]] = [
        (
            {"driver->post": TimedInput(times, [1, 1])},
            "no projection 'driver->post' whose plasticity takes one, only pre->post",
        ),
        ({"pre->post": [1.0]}, "takes a TimedInput, got list"),
        ({"pre->post": TimedInput(times, np.ones((2, N_POST)))}, r"takes values of shape \(rows,\), got \(2, 8\)"),
        (
            {"pre->post": TimedInput([0.7], [1.0])},
            "modulators: the times for projection 'pre->post' must be multiples of dt",
        ),
    ]
    for given, match in cases:
        with pytest.raises(SimulationError, match=match):
            simulator.run(10.0, modulators=given)
    with pytest.raises(SimulationError, match=r"no projection 'pre->post' whose plasticity takes one, only none"):
        Simulator(made("triplet")).run(10.0, modulators=reward())
    with pytest.raises(SimulationError, match=r"shape \(rows,\) or \(rows, 8\), got \(2, 3\)"):
        Simulator(made("delta")).run(10.0, modulators={"pre->post": TimedInput(times, np.ones((2, 3)))})
    assert simulator.step == 0


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: PairSTDP(w_min=1.0, w_max=1.0), ("PairSTDP.w_max", "above w_min", "1 and 1")),
        (lambda: PairSTDP(w_min=math.nan), ("PairSTDP.w_min", "NaN")),
        (lambda: PairSTDP(w_min=math.inf), ("PairSTDP.w_min", "finite", "inf")),
        (lambda: PairSTDP(tau_plus=0.0), ("PairSTDP.tau_plus", "above 0 ms")),
        (lambda: PairSTDP(a_plus=-1.0), ("PairSTDP.a_plus", "at least 0")),
        (lambda: PairSTDP(a_plus=[1.0, 2.0]), ("PairSTDP.a_plus", "one number for all synapses")),
        (lambda: PairSTDP(dependence="linear"), ("PairSTDP.dependence", "power-law", "linear")),
        (lambda: PairSTDP(pairing="some"), ("PairSTDP.pairing", "nearest", "some")),
        (lambda: PairSTDP(w_max=math.inf, dependence="soft"), ("PairSTDP", "finite", "dependence='soft'")),
        (lambda: PairSTDP(w_min=-1.0, dependence="power-law"), ("PairSTDP.w_min", "at least 0", "power-law")),
        (lambda: PostTriggeredSTDP(w_max=math.inf), ("PostTriggeredSTDP", "finite", "mu above 0")),
        (lambda: Covariance(tau=20.0, tau_mean=10.0), ("Covariance.tau_mean", "above tau")),
        (lambda: BCM(y_0=0.0), ("BCM.y_0", "above 0")),
        (lambda: RewardSTDP(tau_e=0.0), ("RewardSTDP.tau_e", "above 0 ms")),
        (lambda: DeltaRule(own=-0.5), ("DeltaRule.own", "at least 0")),
        (lambda: AntiHebbian(rho_0=-1.0), ("AntiHebbian.rho_0", "at least 0 Hz")),
    ],
)
def test_parameters_out_of_bounds_are_named(make: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        make()
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize("rule", PLASTICITY, ids=lambda rule: rule.__name__)
def test_scalar_functions_keep_float32(rule: Any) -> None:
    """No literal widens them: any backend may run them in either precision."""
    made = [r for r in RULES.values() if type(r) is rule]
    assert made
    for each in made:
        one = np.float32(0.3)
        pre, post = (tuple(one for _ in traces) for traces in (each.pre_traces, each.post_traces))
        constants = tuple(np.float32(value) for value in each.constants())
        from numba import typeof

        for function in (each.on_pre, each.on_post):
            if function is not None:
                function(one, pre, post, constants)
                signature = (typeof(one), typeof(pre), typeof(post), typeof(constants))
                assert str(function.overloads[signature].signature.return_type) == "float32"
        if each.on_signal is not None:
            each.on_signal(one, one, pre, post, constants)
            signature = (typeof(one), typeof(one), typeof(pre), typeof(post), typeof(constants))
            assert str(each.on_signal.overloads[signature].signature.return_type) == "float32"
