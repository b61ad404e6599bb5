"""Learning rules against closed forms: windows of pairs, the protocols of the triplet paper, and what rates do."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from plastic_networks import DT, weights_after

from snnsim import (
    BCM,
    LIF,
    AntiHebbian,
    ChargeSTDP,
    Covariance,
    DeltaRule,
    Network,
    Oja,
    OneToOne,
    PairSTDP,
    Plasticity,
    Poisson,
    PostTriggeredSTDP,
    RewardSTDP,
    Simulator,
    TripletSTDP,
    VolleySTDP,
)

WINDOW = [-160, -57, -20, -3, -1, 0, 1, 2, 9, 40, 111, 200]
"""Differences of post and pre spike in steps of 0.5 ms."""

FREE = {"w_min": -1e3, "w_max": 1e3}


def after_pair(rule: Plasticity, difference: int, weight: float) -> float:
    """Return the weight after a pre spike at step 210 and a post spike so many steps later, at step 600."""
    return weights_after(rule, [210], [210 + difference], weight=weight, steps=600)


# --- pairs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("difference", WINDOW)
@pytest.mark.parametrize("pairing", ["all-to-all", "nearest"])
@pytest.mark.parametrize("dependence", PairSTDP.DEPENDENCES)
def test_a_pair_changes_the_weight_by_the_exponential_window(dependence: str, pairing: str, difference: int) -> None:
    w, low, high, mu, w_0 = 0.013, 0.002, 0.03, 0.35, 0.02
    rule = PairSTDP(
        w_min=low, w_max=high, a_plus=3e-4, a_minus=2e-4, tau_plus=17.0, tau_minus=34.0, dependence=dependence, mu=mu,
        w_0=w_0, pairing=pairing,
    )  # fmt: skip
    u = (w - low) / (high - low)
    plus, minus = {
        "additive": (1, 1),
        "multiplicative": (1 - u, u),
        "soft": ((1 - u) ** mu, u**mu),
        "power-law": (w_0 ** (1 - mu) * w**mu, w),
    }[dependence]
    t = difference * DT
    change = 3e-4 * plus * math.exp(-t / 17.0) if t >= 0 else -2e-4 * minus * math.exp(t / 34.0)
    assert after_pair(rule, difference, w) == pytest.approx(w + change, rel=0, abs=1e-12)


@pytest.mark.parametrize("difference", WINDOW)
def test_windows_of_the_other_rules(difference: int) -> None:
    """A pair, and nothing before it: which is all that some rules need to do nothing."""
    t, w = difference * DT, 0.01
    first, second = (1.0, 0.0) if t >= 0 else (0.0, 1.0)  # whether pre or post comes first
    near = math.exp(-abs(t) / 20.0)
    slow = 0.02 * math.exp(-abs(t) / 1000.0)
    bcm = BCM(eta=1e-3, tau=20.0, **FREE)
    cases: list[tuple[Plasticity, float]] = [
        (
            TripletSTDP(a2_plus=1e-3, a2_minus=2e-3, tau_plus=20.0, tau_minus=20.0, **FREE),
            (first - 2 * second) * 1e-3 * near,
        ),
        (PostTriggeredSTDP(eta=1e-3, x_target=0.3, mu=0.0, **FREE), 1e-3 * (first * near - 0.3)),
        (PostTriggeredSTDP(eta=1e-3, x_target=0.3, mu=2.0, w_max=0.5), 1e-3 * (first * near - 0.3) * (0.5 - w) ** 2),
        (ChargeSTDP(eta=1e-3, gain=0.1, mu=1.0, **FREE), 1e-3 * (0.1 * first * abs(t) / 20.0 - w)),
        (Oja(eta=1e-3, tau=20.0, **FREE), 1e-3 * first * near),
        (bcm, 0.0),  # no rate yet that it could compare with the threshold
        (Covariance(eta=1e-3, tau=20.0, tau_mean=1000.0, **FREE), 1e-3 * (near - slow)),
        (DeltaRule(eta=1e-3), -1e-3 * first * near),
        (AntiHebbian(eta=1e-3, rho_0=5.0, w_min=-1e3, w_max=1e3), 1e-3 * (0.2 - near)),
    ]
    volley = VolleySTDP(w_min=-1.0, w_max=0.5, eta=0.1, window=20.0)
    # Pre or post, whichever comes first, within the window: potentiated. Else depressed, and a later pre spike changes nothing.
    cases.append((volley, 0.1 * ((0.5 if abs(t) <= 20.0 else -1.0) - w)))
    for rule, change in cases:
        found = after_pair(rule, difference, w)
        assert found == pytest.approx(w + change, rel=0, abs=1e-12), rule


@pytest.mark.parametrize("difference", [-40, 0, 40])
@pytest.mark.parametrize("wait", [1, 30, 900, 4000])
def test_a_reward_makes_weight_of_what_is_left_of_the_eligibility(difference: int, wait: int) -> None:
    rule = RewardSTDP(
        a_plus=1e-3, a_minus=2e-3, tau_plus=20.0, tau_minus=20.0, tau_e=300.0, tau_d=50.0, w_min=-1.0, w_max=1.0
    )
    last, steps = 210 + max(difference, 0), 210 + max(difference, 0) + wait + 700
    found = weights_after(rule, [210], [210 + difference], weight=0.1, steps=steps, rewards={last + wait: 0.5})
    t, rate = difference * DT, 1 / 300 + 1 / 50
    c = 1e-3 * math.exp(-t / 20) if t >= 0 else -2e-3 * math.exp(t / 20)
    left = c * math.exp(-wait * DT / 300)
    assert found == pytest.approx(0.1 + 0.5 * left * -math.expm1(-700 * DT * rate) / rate, rel=0, abs=1e-12)


def test_a_teaching_signal_is_compared_with_the_own_spikes() -> None:
    """Where the neuron fires when it is told to, nothing changes."""
    rule = DeltaRule(eta=0.01, tau=20.0)
    assert weights_after(rule, [10], [50], weight=0.1, steps=100, rewards={50: 1.0}) == pytest.approx(0.1, abs=1e-15)
    taught = weights_after(rule, [10], [], weight=0.1, steps=100, rewards={50: 2.0})
    assert taught == pytest.approx(0.1 + 0.02 * math.exp(-40 * DT / 20), abs=1e-12)


@pytest.mark.parametrize(("a_plus", "a_minus", "bound"), [(1.0, 0.0, 0.03), (0.0, 1.0, 0.002)])
def test_weights_stay_within_their_bounds_and_leave_them_again(a_plus: float, a_minus: float, bound: float) -> None:
    rule = PairSTDP(w_min=0.002, w_max=0.03, a_plus=a_plus, a_minus=a_minus)
    assert after_pair(rule, 4 if a_plus else -4, 0.01) == bound
    rule = PairSTDP(w_min=0.002, w_max=0.03, a_plus=a_plus or 1e-3, a_minus=a_minus or 1e-3)
    pre, post = ([10, 5010], [14, 5006]) if a_plus else ([10, 5010], [6, 5014])
    moved = weights_after(rule, pre, post, weight=0.01, steps=5100)
    assert moved == pytest.approx(bound + (-1 if a_plus else 1) * 1e-3 * math.exp(-2 / 20), abs=1e-12)


# --- triplets: Pfister & Gerstner 2006 --------------------------------------------------------------------------------

CORTEX = TripletSTDP(a2_plus=5e-10, a3_plus=6.2e-3, a2_minus=7e-3, a3_minus=2.3e-4, tau_y=125.0, **FREE)
HIPPOCAMPUS = TripletSTDP(
    a2_plus=6.1e-3, a3_plus=6.7e-3, a2_minus=1.6e-3, a3_minus=1.4e-3, tau_x=946.0, tau_y=27.0, **FREE
)
"""The full all-to-all models of tables 3 and 4."""


def summed(rule: TripletSTDP, pre: Sequence[int], post: Sequence[int]) -> float:
    """Return the change as the sums over pairs and triplets of spikes that define the model."""

    def trace(spikes: Sequence[int], at: int, tau: float, simultaneous: bool) -> float:
        return sum(math.exp(-(at - s) * DT / tau) for s in spikes if s < at or (simultaneous and s == at))

    change = 0.0
    for t in pre:
        r2, o1 = trace(pre, t, rule.tau_x, False), trace(post, t, rule.tau_minus, False)
        change -= o1 * (rule.a2_minus + rule.a3_minus * r2)
    for t in post:
        r1, o2 = trace(pre, t, rule.tau_plus, True), trace(post, t, rule.tau_y, False)
        change += r1 * (rule.a2_plus + rule.a3_plus * o2)
    return change


def changed(rule: TripletSTDP, pre: Sequence[int], post: Sequence[int]) -> float:
    """Return the change that the simulator makes."""
    return weights_after(rule, pre, post, weight=0.1, steps=max(*pre, *post) + 10) - 0.1


def periodic(rate: float, difference: float, pairs: int) -> tuple[list[int], list[int]]:
    """Return the steps of so many pairs at a rate (Hz), the post spike ``difference`` ms after the pre spike."""
    starts = [100 + round(k * 1000 / rate / DT) for k in range(pairs)]
    return starts, [start + round(difference / DT) for start in starts]


# Rate (Hz), difference (ms): relative change and its standard error. Sjostrom, Turrigiano & Nelson 2001, as in table 1 of the
# paper.
FREQUENCIES = {
    (0.1, 10): (-0.04, 0.05), (10.0, 10): (0.14, 0.10), (20.0, 10): (0.29, 0.14), (40.0, 10): (0.53, 0.11),
    (50.0, 10): (0.56, 0.26), (0.1, -10): (-0.29, 0.08), (10.0, -10): (-0.41, 0.11), (20.0, -10): (-0.34, 0.10),
    (40.0, -10): (0.56, 0.32), (50.0, -10): (0.75, 0.19),
}  # fmt: skip


@pytest.mark.parametrize(("rate", "difference"), FREQUENCIES)
def test_the_dependence_on_frequency_is_that_of_visual_cortex(rate: float, difference: float) -> None:
    """60 pairs, as in the paper, whose fit lies within two standard errors of every datum."""
    pre, post = periodic(rate, difference, 60)
    found = changed(CORTEX, pre, post)
    assert found == pytest.approx(summed(CORTEX, pre, post), rel=0, abs=1e-12)
    datum, error = FREQUENCIES[rate, difference]
    assert abs(found - datum) < 2 * error


@pytest.mark.parametrize("rule", [CORTEX, HIPPOCAMPUS], ids=["visual cortex", "hippocampus"])
@pytest.mark.parametrize(
    "shape",
    [
        *(("pre-post-pre", a, b) for a, b in ((5, -5), (10, -10), (15, -5), (5, -15))),
        *(("post-pre-post", a, b) for a, b in ((-5, 5), (-10, 10), (-5, 15), (-15, 5))),
        *(("quadruplet", t, 5) for t in (-90, -40, -15, 0, 15, 40, 90)),
    ],
    ids=str,
)
def test_triplets_and_quadruplets_sum_their_pairs_and_triples(rule: TripletSTDP, shape: tuple[str, int, int]) -> None:
    kind, a, b = shape
    at = 1000
    if kind == "pre-post-pre":  # a = t_post - t_pre1, b = t_post - t_pre2
        post, pre = [at], [at - round(a / DT), at - round(b / DT)]
    elif kind == "post-pre-post":
        pre, post = [at], [at + round(a / DT), at + round(b / DT)]
    else:  # a post-pre pair and a pre-post pair, each 5 ms, their centres a ms apart
        half, far = round(b / DT / 2), round(a / DT)
        pre, post = [at + half, at + far - half], [at - half, at + far + half]
    pre, post = sorted(set(pre)), sorted(set(post))
    found = changed(rule, pre, post)
    assert found == pytest.approx(summed(rule, pre, post), rel=0, abs=1e-12)
    assert found != 0


# --- rates ------------------------------------------------------------------------------------------------------------


def drift(
    rule: Plasticity, pre_hz: float, post_hz: float, weight: float, seconds: float, n: int = 60
) -> tuple[np.ndarray, float, float]:
    """Return the mean weight of n x n synapses between independent Poisson trains at 20 times, and both rates per step.

    A post neuron does not fire twice in a row: its reset discards what would make it.
    """
    net = Network(dt=1.0, seed=11)
    pre, driver = net.population("pre", n, Poisson(rate=pre_hz)), net.population("driver", n, Poisson(rate=post_hz))
    neuron = LIF(tau_m=1.0, v_rest=0.0, v_reset=0.0, v_threshold=1.0, v_initial=0.0, t_ref=0.0)
    post = net.population("post", n, neuron)
    net.connect(driver, post, OneToOne(), weight=1e6)
    net.connect(pre, post, np.full((n, n), weight), plasticity=rule)
    simulator = Simulator(net, threads=1)
    means, fired = [], np.zeros(3)
    for _ in range(20):
        fired += simulator.run(seconds * 50.0, count_every=seconds * 50.0).operations.fired[0, 0]
        means.append(simulator.weights("pre->post").mean())
    return np.array(means), fired[0] / n / simulator.step, fired[2] / n / simulator.step


def test_independent_trains_let_a_pair_rule_drift_by_the_area_of_its_window() -> None:
    rule = PairSTDP(w_min=-1.0, w_max=1.0, a_plus=1e-7, a_minus=1.5e-7, tau_plus=20.0, tau_minus=30.0)
    found, pre, post = drift(rule, 20.0, 30.0, 1e-9, 40.0)
    # Sums over steps of 1 ms; a pair in the same step potentiates.
    plus, minus = 1e-7 / -math.expm1(-1 / 20), 1.5e-7 / math.expm1(1 / 30)
    assert found[-1] == pytest.approx(pre * post * 40_000 * (plus - minus), rel=0.03)


def test_ojas_rule_settles_where_growth_and_decay_are_equal() -> None:
    found, pre, post = drift(Oja(w_max=1.0, eta=1e-5, alpha=2e3, tau=50.0), 20.0, 30.0, 1e-5, 60.0)
    # x holds the spike of the same step; y holds neither that nor one of the step before.
    x, y = pre / -math.expm1(-1 / 50), post * (1 / math.expm1(1 / 50) - math.exp(-1 / 50))
    assert found[10:].mean() == pytest.approx(x / (2e3 * y), rel=0.03)


@pytest.mark.parametrize(("post_hz", "sign"), [(5.0, 1), (40.0, -1)])
def test_bcm_potentiates_below_and_depresses_above_its_target_rate(post_hz: float, sign: int) -> None:
    """The threshold slides to y^2 / y_0: with a rate that does not react, above y_0 it lies above the rate."""
    rule = BCM(w_min=-1.0, w_max=1.0, eta=1e-8, y_0=1.0, tau=50.0, tau_theta=500.0)  # y_0: 20 Hz
    assert np.sign(np.diff(drift(rule, 20.0, post_hz, 1e-9, 20.0)[0][4:]).mean()) == sign


def test_covariance_changes_nothing_between_independent_trains() -> None:
    rule = Covariance(w_min=-1.0, w_max=1.0, eta=1e-7, tau=20.0, tau_mean=500.0)
    hebb = 1e-7 * 2 * 0.02 * 0.03 * 20 * 40_000  # what the products alone, without their means, would give
    assert abs(drift(rule, 20.0, 30.0, 1e-9, 40.0)[0][-1]) < 0.05 * hebb


@pytest.mark.parametrize(("post_hz", "sign"), [(4.0, 1), (10.0, 0), (25.0, -1)])
def test_inhibition_grows_above_the_target_rate_and_shrinks_below(post_hz: float, sign: int) -> None:
    rule = AntiHebbian(w_min=-1.0, w_max=1.0, eta=1e-7, rho_0=10.0, tau=20.0)
    found = drift(rule, 20.0, post_hz, 1e-9, 40.0)[0][-1]
    scale = 1e-7 * 2 * 0.02 * 0.01 * 20 * 40_000
    assert np.sign(round(found / scale, 0 if sign == 0 else 2)) == sign


def test_traces_may_count_for_ever_or_last_less_than_a_step() -> None:
    counting = DeltaRule(eta=1e-3, tau=math.inf, own=0.0)
    counted = weights_after(counting, [1, 5, 9], [], weight=0.1, steps=40_000, rewards={39_000: 1.0})
    assert counted == pytest.approx(0.103)
    short = PairSTDP(tau_plus=0.01, tau_minus=0.01, a_plus=0.1, a_minus=0.1, **FREE)
    assert weights_after(short, [10, 5000], [10, 15, 5001], weight=0.1, steps=6000) == pytest.approx(0.2)
