"""Exact contributions of decaying currents to a leaky membrane within one step.

With x = dt (1 / tau_m - 1 / tau), the integral over a step of u(s) exp(-(dt - s) / tau_m) / tau_m is

    u(s) = exp(-s / tau):      dt / tau_m exp(-dt / tau_m) phi(x),        phi(x) = integral of exp(x r) over r in [0, 1]
    u(s) = s exp(-s / tau):    dt^2 / tau_m exp(-dt / tau_m) psi(x),      psi(x) = integral of r exp(x r) over r in [0, 1]

The usual differences of exponentials divide by zero where the two time constants agree and cancel near it; these forms do not.
No exponential here has a positive argument, so none overflows for time constants far below dt.

References
----------
Rotter & Diesmann 1999, Biological Cybernetics 81:381-402.
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = ["exponential", "exponential_scalar", "ramped_exponential"]

_SERIES_BELOW = 0.5
_TERMS = 18  # 0.5**18 / 18! is far below one rounding


def _exponential(dt: Any, tau: Any, tau_m: Any) -> Any:
    x = np.abs(dt / tau_m - dt / tau)
    # phi(x) exp(-dt / tau_m) is the same integral from either end: the slower exponential times (1 - exp(-|x|)) / |x|.
    same = x == 0
    return dt / tau_m * np.exp(-dt / np.maximum(tau, tau_m)) * (same - np.expm1(-x) / (x + same))


exponential_scalar = njit(_exponential)
"""The same as :func:`exponential` for single numbers, for compiled code."""


def exponential(dt: float, tau: ArrayLike, tau_m: ArrayLike) -> NDArray[np.float64]:
    """Return what exp(-s / tau) contributes to v in a step; all in ms, all above 0."""
    tau, tau_m = np.asarray(tau, dtype=np.float64), np.asarray(tau_m, dtype=np.float64)
    return np.asarray(_exponential(dt, tau, tau_m))


def ramped_exponential(dt: float, tau: ArrayLike, tau_m: ArrayLike) -> NDArray[np.float64]:
    """Return what s exp(-s / tau) contributes to v in a step, in ms; all in ms, all above 0."""
    tau, tau_m = np.asarray(tau, dtype=np.float64), np.asarray(tau_m, dtype=np.float64)
    x = np.asarray(dt / tau_m - dt / tau)
    near = np.where(np.abs(x) < _SERIES_BELOW, x, 0.0)
    far = np.where(np.abs(x) < _SERIES_BELOW, 1.0, x)
    series = np.exp(-dt / tau_m) * sum(near**k / (math.factorial(k) * (k + 2)) for k in range(_TERMS))
    closed = (np.exp(-dt / tau) * (far - 1) + np.exp(-dt / tau_m)) / far**2
    return np.asarray(dt**2 / tau_m * np.where(np.abs(x) < _SERIES_BELOW, series, closed))
