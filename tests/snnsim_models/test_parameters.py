"""Parameters of models: kept as given, checked against their bounds, by messages that name class, attribute and bound."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from snnsim_models import (
    IF,
    LIF,
    TTFS,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Latency,
    Model,
    NoisyLIF,
    Poisson,
    Receptor,
)


@dataclasses.dataclass(frozen=True, eq=False)
class LinearOnly(ExponentialCurrent):
    """A receptor that knows no exponential Euler."""

    RECEIVE_EULER = None


BAD: list[tuple[str, Callable[[], Model | Receptor], tuple[str, ...]]] = [
    ("tau_m zero", lambda: LIF(tau_m=0.0), ("LIF.tau_m", "above 0", "ms", "got 0")),
    ("tau_m of one neuron", lambda: LIF(tau_m=[1.0, -2.0, 3.0]), ("LIF.tau_m", "above 0", "got -2")),
    ("tau_m nan", lambda: LIF(tau_m=math.nan), ("LIF.tau_m", "NaN")),
    ("tau_m of two dimensions", lambda: LIF(tau_m=np.ones((2, 2))), ("LIF.tau_m", "(2, 2)")),
    ("v_rest no number", lambda: LIF(v_rest="low"), ("LIF.v_rest", "number", "'low'")),
    ("v_rest a dict", lambda: LIF(v_rest={}), ("LIF.v_rest", "number")),
    ("r_m", lambda: LIF(r_m=-1.0), ("LIF.r_m", "above 0", "GOhm")),
    ("t_ref negative", lambda: LIF(t_ref=-0.1), ("LIF.t_ref", "at least 0", "ms", "got -0.1")),
    ("t_ref with soft reset", lambda: LIF(t_ref=1.0, reset="soft"), ("LIF.t_ref", "soft")),
    ("t_ref of one neuron", lambda: LIF(t_ref=[0.0, 1.0], reset="soft"), ("LIF.t_ref", "soft")),
    ("LIF threshold", lambda: LIF(v_threshold=-60.0, v_reset=-50.0), ("LIF.v_threshold", "v_reset", "-60", "-50")),
    ("LIF reset", lambda: LIF(reset="medium"), ("LIF.reset", "hard", "soft", "medium")),
    ("LIF sizes", lambda: LIF(tau_m=[1.0, 2.0], v_rest=[1.0, 2.0, 3.0]), ("LIF", "tau_m", "v_rest", "2", "3")),
    ("IF threshold at reset", lambda: IF(v_threshold=1.0, v_reset=1.0), ("IF.v_threshold", "above v_reset")),
    (
        "IF threshold of one neuron",
        lambda: IF(v_threshold=[2.0, 1.0], v_reset=[0.0, 1.5]),
        ("IF.v_threshold", "above v_reset", "got 1 and 1.5"),
    ),
    ("IF t_open", lambda: IF(t_open=-1.0), ("IF.t_open", "at least 0", "ms")),
    ("IF reset", lambda: IF(reset=None), ("IF.reset", "hard", "None")),
    ("IF bias nan in array", lambda: IF(bias=[0.0, math.nan]), ("IF.bias", "NaN")),
    ("TTFS ramp", lambda: TTFS(ramp=-1.0), ("TTFS.ramp", "at least 0", "mV/ms")),
    ("TTFS t_open", lambda: TTFS(t_open=[0.0, -3.0]), ("TTFS.t_open", "at least 0", "-3")),
    ("Poisson rate", lambda: Poisson(rate=-1.0), ("Poisson.rate", "at least 0", "Hz")),
    ("i_offset", lambda: LIF(i_offset=math.inf), ("LIF.i_offset", "finite")),
    ("tau_m of a subclass", lambda: NoisyLIF(tau_m=0.0), ("NoisyLIF.tau_m", "above 0", "ms")),
    ("t_ref of a subclass", lambda: NoisyLIF(t_ref=1.0, reset="soft"), ("NoisyLIF.t_ref", "soft")),
    ("receptors of a subclass", lambda: NoisyLIF(receptors={}), ("NoisyLIF.receptors", "at least one")),
    (
        "theta_plus",
        lambda: AdaptiveThresholdLIF(theta_plus=-0.1),
        ("AdaptiveThresholdLIF.theta_plus", "at least 0", "mV"),
    ),
    ("tau_theta", lambda: AdaptiveThresholdLIF(tau_theta=0.0), ("AdaptiveThresholdLIF.tau_theta", "above 0", "ms")),
    (
        "theta_initial",
        lambda: AdaptiveThresholdLIF(theta_initial=math.nan),
        ("AdaptiveThresholdLIF.theta_initial", "NaN"),
    ),
    (
        "theta_initial of one neuron",
        lambda: AdaptiveThresholdLIF(v_threshold=-72.0, v_reset=-65.0, theta_initial=[20.0, 7.0]),
        ("AdaptiveThresholdLIF", "v_threshold + theta_initial", "above v_reset", "-65 and -65"),
    ),
    ("b", lambda: AdaptiveCurrentLIF(b=-1.0), ("AdaptiveCurrentLIF.b", "at least 0", "pA")),
    ("tau_w", lambda: AdaptiveCurrentLIF(tau_w=math.inf), ("AdaptiveCurrentLIF.tau_w", "finite")),
    ("rho_0", lambda: EscapeNoiseLIF(rho_0=[1.0, 0.0]), ("EscapeNoiseLIF.rho_0", "above 0", "Hz")),
    ("delta_v", lambda: EscapeNoiseLIF(delta_v=0.0), ("EscapeNoiseLIF.delta_v", "above 0", "mV")),
    ("sigma", lambda: NoisyLIF(sigma=-1.0), ("NoisyLIF.sigma", "at least 0", "mV")),
    ("conductance tau", lambda: ExponentialConductance(tau=0.0), ("ExponentialConductance.tau", "above 0", "ms")),
    ("e_rev", lambda: ExponentialConductance(e_rev=math.inf), ("ExponentialConductance.e_rev", "finite")),
    (
        "a receptor without exponential Euler",
        lambda: LIF(receptors={"g": ExponentialConductance(), "mine": LinearOnly()}),
        ("LIF.receptors", "'mine'", "LinearOnly", "exponential Euler"),
    ),
    (
        "sizes of a conductance",
        lambda: LIF(tau_m=[1.0, 2.0], receptors={"g": ExponentialConductance(e_rev=[0.0, 1.0, 2.0])}),
        ("LIF", "tau_m", "g.e_rev", "2", "3"),
    ),
    ("Latency window", lambda: Latency(window=0.0), ("Latency.window", "above 0", "ms")),
]


@pytest.mark.parametrize(("make", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_parameters_are_named(make: Callable[[], Model], words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        make()
    for word in words:
        assert word in str(raised.value)


@pytest.mark.parametrize(
    ("model", "dt", "words"),
    [
        (LIF(t_ref=0.25), 0.1, ("LIF.t_ref", "multiple", "0.1 ms")),
        (IF(t_open=[0.1, 0.25]), 0.1, ("IF.t_open", "multiple", "0.1 ms")),
        (TTFS(t_open=1.5), 1.0, ("TTFS.t_open", "multiple", "1 ms")),
        (Latency(window=1.5), 1.0, ("Latency.window", "multiple")),
        (Poisson(rate=10_001.0), 0.1, ("Poisson.rate", "10000 Hz", "0.1 ms")),
        (Latency(window=1e12), 0.1, ("Latency.window", "2**31")),
    ],
)
def test_parameters_that_do_not_fit_the_step_are_named(model: Model, dt: float, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        model.constants(dt)
    for word in words:
        assert word in str(raised.value)


def test_numbers_are_kept_as_floats_and_arrays_are_copied_and_locked() -> None:
    tau = np.array([10, 20])
    model = LIF(tau_m=tau, v_rest=np.int32(-3), v_threshold=np.float32(0.5))
    assert (model.v_rest, type(model.v_rest), model.v_threshold) == (-3.0, float, 0.5)
    tau[0] = 0
    assert model.tau_m.tolist() == [10.0, 20.0]
    with pytest.raises(ValueError, match="read-only"):
        model.tau_m[0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.tau_m = 3.0


def test_population_size() -> None:
    assert LIF().population_size is None
    assert LIF(tau_m=[1.0, 2.0, 3.0], v_rest=[0.0] * 3).population_size == 3


def test_durations_become_whole_steps() -> None:
    assert LIF(t_ref=2.0).steps("t_ref", 0.1) == 20.0
    assert IF(t_open=[0.0, 0.3, 0.7]).steps("t_open", 0.1).tolist() == [0.0, 3.0, 7.0]
    assert LIF(t_ref=0.3).steps("t_ref", 0.1) == 3.0  # 0.3 / 0.1 is 2.9999999999999996


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LIF(r_m=math.inf), "LIF.r_m"),
        (lambda: LIF(v_rest=-math.inf), "LIF.v_rest"),
        (lambda: LIF(tau_m=[1.0, math.inf]), "LIF.tau_m"),
        (lambda: LIF(v_threshold=-math.inf), "LIF.v_threshold"),
        (lambda: IF(v_initial=math.inf), "IF.v_initial"),
        (lambda: Latency(window=math.inf), "Latency.window"),
    ],
)
def test_infinite_parameters_are_named(make: Callable[[], Model], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        make()


def test_a_threshold_below_the_reset_is_legal_where_theta_lifts_it() -> None:
    assert AdaptiveThresholdLIF(v_threshold=-72.0, v_reset=-65.0, theta_initial=20.0).initial(1.0)[2] == 20.0
    assert AdaptiveThresholdLIF(tau_theta=math.inf).tau_theta == math.inf


def test_infinite_thresholds_are_legal() -> None:
    assert IF(v_threshold=math.inf).v_threshold == math.inf
    assert LIF(v_threshold=[1.0, math.inf]).v_threshold.tolist() == [1.0, math.inf]
    assert TTFS(v_threshold=math.inf).v_threshold == math.inf
