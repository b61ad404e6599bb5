"""What leaky integrate-and-fire neurons share in a step: how the potential moves, refractoriness, and reset.

Over a step a potential moves by an affine map, its ``move`` (decay, shift, gain):

    v(t + dt) = decay v(t) + shift,    where a further current i that is constant in the step adds gain i to the shift

    exact               decay = exp(-dt / tau_m),  shift = (1 - decay) v_rest + gain i + what each receptor adds, in closed form
    exponential Euler   decay = exp(-x),  shift = (1 - decay) (k v_rest + k r_m (i + I)) / x,  k = dt / tau_m,  x = k (1 + r_m g)
    backward Euler      decay = 1 / (1 + x),  shift = (k v_rest + k r_m (i + I)) / (1 + x), likewise

where g (nS) is the conductance of all receptors and I (pA) the sum of their currents and of g e_rev, both of the start of the step;
r_m i_offset counts into v_rest. The constants of every such neuron start with three of the method, (decay, (1 - decay) v_rest,
(1 - decay) r_m) or (k, k v_rest, k r_m), then threshold, reset potential, updates held, and whether the reset is soft.

References
----------
Rotter & Diesmann 1999, Exact digital simulation of time-invariant linear systems with applications to neuronal modeling,
Biological Cybernetics 81:381-402.
MacGregor 1987, Neural and Brain Modeling, Academic Press (exponential Euler).
Hairer & Wanner 1996, Solving Ordinary Differential Equations II, Springer (backward Euler).
"""

import math
from typing import Any

import numpy as np
from numba import njit

__all__ = [
    "CONSTANTS",
    "backward_euler",
    "exact",
    "exponential_euler",
    "integrate",
    "release",
    "reset_potential",
    "updates_held",
]

CONSTANTS = 7
"""The number of constants that all leaky integrate-and-fire neurons share; a model's own follow."""


@njit
def exact(state: Any, drive: Any, constants: Any) -> Any:
    """Return the move of a membrane whose receptors add ``drive`` (mV) in the step."""
    decay, rest, gain = constants[:3]
    return decay, rest + gain * state[1] + drive, gain


@njit
def exponential_euler(state: Any, drive: Any, constants: Any) -> Any:
    """Return the move of a membrane whose receptors have the conductance and current ``drive`` = (nS, pA) in the step."""
    leak, rest, per_current = constants[:3]
    conductance, current = drive
    x = leak + per_current * conductance
    decay, gain = math.exp(-x), per_current / x
    v_inf = rest / x + gain * (state[1] + current)
    # Not 1 - decay: the literal would widen float32.
    return decay, v_inf - decay * v_inf, gain - decay * gain


@njit
def backward_euler(state: Any, drive: Any, constants: Any) -> Any:
    """Return the move of a membrane whose receptors have the conductance and current ``drive`` = (nS, pA) in the step."""
    leak, rest, per_current = constants[:3]
    conductance, current = drive
    one = np.int8(1)  # a wider integer would widen float32
    decay = one / (one + (leak + per_current * conductance))
    gain = decay * per_current
    return decay, decay * rest + gain * (state[1] + current), gain


@njit
def integrate(v: Any, decay: Any, shift: Any, held: Any, constants: Any) -> Any:
    """Return the potential after the step; what arrives at a refractory neuron is discarded."""
    moved = decay * v + shift
    return constants[4] if held else moved


@njit
def reset_potential(v: Any, threshold: Any, constants: Any) -> Any:
    """Return the potential of a neuron that fired: hard or soft reset from the threshold that it crossed."""
    v_reset, soft = constants[4], constants[6]
    return v - (threshold - v_reset) if soft > 0 else v_reset


@njit
def updates_held(constants: Any) -> Any:
    """Return for how many updates a spike holds a neuron."""
    return np.int32(constants[5])


@njit
def release(state: Any, constants: Any) -> Any:
    """Return the state of a neuron at the end of its refractoriness: v (the first variable) starts from the reset potential."""
    return (constants[4],) + state[1:]  # noqa: RUF005 (Numba does not unpack)
