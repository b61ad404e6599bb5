"""The leaky membrane between events: its state after any time, and when it first exceeds its threshold.

With constant v_inf and currents i_k that decay with tau_k,

    tau_m dv/dt = u(t) - v        u(t) = v_inf + r_m sum_k i_k exp(-t / tau_k)

v moves towards u. Hence v, being at or below a threshold, can rise through it only while u is above it, and where u stays above it
throughout an interval, v rises all the way up to the crossing: there one sign change of v - threshold is the crossing, and
bisection cannot miss it. On an interval [a, b] the positive currents are largest at a and the negative ones weakest at b, which
bounds u on both sides, and

    v(b') <= U + (v(a) - U) exp(-(b - a) / tau_m)        for b' in [a, b], where U >= u on [a, b] and U >= v(a)

bounds v. The search goes from interval to interval: it passes one that cannot hold a crossing, solves in one where u stays above
threshold and v ends above it, and halves any other.

References
----------
Brette 2007, Exact simulation of integrate-and-fire models with exponential currents, Neural Computation 19:2604-2609.
"""

from typing import Any

import numpy as np
from numba import njit

from ._propagators import exponential_scalar

__all__ = ["drive", "first_crossing", "no_crossing_before", "relax"]

_RESOLUTION = 1e-12
"""ms, and relative to the time itself a few roundings: where a search ends."""

_ROUNDINGS = 1e-15


@njit(_nrt=False)  # counting references to the arrays would cost more than the equations
def relax(v: Any, v_inf: Any, tau_m: Any, h: Any) -> Any:
    """Return v after h ms without currents; potentials in mV, times in ms."""
    return v_inf + (v - v_inf) * np.exp(-h / tau_m)


@njit(_nrt=False)
def drive(currents: Any, taus: Any, r_m: Any, tau_m: Any, h: Any) -> Any:
    """Return what currents (pA, shape (currents,)) that decay with ``taus`` (ms) add to v (mV) in h ms."""
    total = 0.0
    for k in range(currents.size):
        if currents[k] != 0:
            total += r_m * currents[k] * exponential_scalar(h, taus[k], tau_m)
    return total


@njit(_nrt=False)
def _targets(currents: Any, taus: Any, r_m: Any, h: Any) -> Any:
    """Return how far the positive and how far the negative currents move u after h ms: (up, down), both at least 0."""
    up, down = 0.0, 0.0
    for k in range(currents.size):
        if currents[k] > 0:
            up += r_m * currents[k] * np.exp(-h / taus[k])
        elif currents[k] < 0:
            down -= r_m * currents[k] * np.exp(-h / taus[k])
    return up, down


@njit(_nrt=False)
def no_crossing_before(v: Any, v_inf: Any, tau_m: Any, r_m: Any, threshold: Any, currents: Any, taus: Any) -> Any:
    """Return a time in ms, from now, before which v cannot exceed ``threshold``: the crossing if the currents did not decay.

    ``inf`` where it never does. Much cheaper than :func:`first_crossing`, which takes the same arguments.
    """
    up, _ = _targets(currents, taus, r_m, 0.0)
    highest = v_inf - threshold + up
    if highest <= 0:
        return np.inf
    # Less what the roundings of this line could amount to.
    return max(0.0, tau_m * np.log1p((threshold - v) / highest) * (1 - 1e-12) - _RESOLUTION)


@njit(_nrt=False)
def first_crossing(
    v: Any, v_inf: Any, tau_m: Any, r_m: Any, threshold: Any, currents: Any, taus: Any
) -> Any:  # fmt: skip
    """Return the time in ms, from now, at which v first exceeds ``threshold``; ``inf`` where it never does, 0 where it has.

    Exact to about 1e-12 ms, or, where v only just reaches the threshold, to what the roundings of v leave. Shapes of currents and
    taus: (currents,).
    """
    if v > threshold:
        return 0.0
    excess = v_inf - threshold
    up, down = _targets(currents, taus, r_m, 0.0)
    if excess + up <= 0:
        return np.inf
    if up == 0 and down == 0:
        return tau_m * np.log1p((threshold - v) / excess)
    a, below = 0.0, v - threshold
    step = tau_m
    while True:
        if excess + up <= 0:
            return np.inf  # from a on, u never exceeds the threshold again
        b = a + step
        then_up, then_down = _targets(currents, taus, r_m, b)
        highest, lowest = excess + up - then_down, excess + then_up - down
        if highest > 0 and highest + (below - highest) * np.exp(-step / tau_m) > 0:
            then = relax(v, v_inf, tau_m, b) + drive(currents, taus, r_m, tau_m, b) - threshold
            if then > 0 and lowest >= 0:
                return _solve(v, v_inf, tau_m, r_m, threshold, currents, taus, a, b, below, then)
            if lowest < 0 or then > 0:
                if step > _RESOLUTION + _ROUNDINGS * b:
                    step *= 0.5
                    continue
                if then > 0:
                    return b
        else:
            then = relax(v, v_inf, tau_m, b) + drive(currents, taus, r_m, tau_m, b) - threshold
        # A bound says that v has not exceeded the threshold; a rounding that says otherwise is put right.
        a, below, up, down = b, min(then, 0.0), then_up, then_down
        step *= 2.0


@njit(_nrt=False)
def _solve(
    v: Any, v_inf: Any, tau_m: Any, r_m: Any, threshold: Any, currents: Any, taus: Any, low: Any, high: Any, below: Any, above: Any
) -> Any:  # fmt: skip
    """Return where v - threshold, ``below`` (at most 0) at ``low`` and ``above`` (over 0) at ``high``, is 0: Newton, bracketed."""
    h = low - below * (high - low) / (above - below)
    for _ in range(200):
        x = relax(v, v_inf, tau_m, h) + drive(currents, taus, r_m, tau_m, h) - threshold
        if x > 0:
            high = h
        else:
            low = h
        up, down = _targets(currents, taus, r_m, h)
        slope = (v_inf + up - down - threshold - x) / tau_m
        after = h - x / slope if slope > 0 else low
        if not low < after < high:
            after = 0.5 * (low + high)
        resolution = _RESOLUTION + _ROUNDINGS * high
        if abs(after - h) <= resolution or high - low <= resolution:
            return after
        h = after
    return high
