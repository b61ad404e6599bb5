"""One neuron of the event method: brought up to a time, its next spike, what a spike does to it, the next spike of a source."""

from typing import Any

import numpy as np
from snnsim_models.closed_form import drive, first_crossing, no_crossing_before, relax

from ._jit import jit_unmanaged
from .event_layout import Kind, NeuronColumn, ParameterColumn
from .random import philox

__all__ = ["COINCIDENCE", "bring", "discards", "draw_interval", "fire", "next_spike"]

COINCIDENCE = 1e-10
"""ms: events no further apart are one instant, so that sums of delays that differ by roundings only still coincide."""

_V, _I, _LAST, _RELEASE = int(NeuronColumn.V), int(NeuronColumn.I), int(NeuronColumn.LAST), int(NeuronColumn.RELEASE)
_CURRENTS = int(NeuronColumn.CURRENTS)
_TAU_M, _REST, _R_M = int(ParameterColumn.TAU_M), int(ParameterColumn.REST), int(ParameterColumn.R_M)
_THRESHOLD, _RESET = int(ParameterColumn.THRESHOLD), int(ParameterColumn.RESET)
_T_REF, _SOFT, _TAUS = int(ParameterColumn.T_REF), int(ParameterColumn.SOFT), int(ParameterColumn.TAUS)
_PERFECT = int(Kind.PERFECT)
_MASK, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
# Bits 31 and 30 of the third word keep intervals apart from wiring (bit 31) and from the noise of the grid method (neither).
_INTERVALS = np.uint64(0xC0000000)


@jit_unmanaged
def _fade(neurons: Any, n: Any, parameters: Any, row: Any, k: Any, h: Any) -> None:
    """Let the k exponential currents of neuron n decay for h ms."""
    for j in range(k):
        if neurons[n, _CURRENTS + j] != 0:
            neurons[n, _CURRENTS + j] *= np.exp(-h / parameters[row, _TAUS + j])


@jit_unmanaged
def bring(neurons: Any, n: Any, parameters: Any, row: Any, kind: Any, k: Any, now: Any) -> None:
    """Bring neuron n, which has k exponential currents, up to the time ``now``. While it is refractory v is held."""
    then, release = neurons[n, _LAST], neurons[n, _RELEASE]
    if now <= then:
        return
    neurons[n, _LAST] = now
    if release > then:
        held = min(release, now) - then
        _fade(neurons, n, parameters, row, k, held)
        then += held
        if now <= release:
            return
    h, v, i = now - then, neurons[n, _V], neurons[n, _I]
    if kind == _PERFECT:
        neurons[n, _V] = v + (parameters[row, _REST] + i) * h
        return
    tau_m, r_m = parameters[row, _TAU_M], parameters[row, _R_M]
    v = relax(v, parameters[row, _REST] + r_m * i, tau_m, h)
    if k > 0:
        v += drive(neurons[n, _CURRENTS : _CURRENTS + k], parameters[row, _TAUS : _TAUS + k], r_m, tau_m, h)
        _fade(neurons, n, parameters, row, k, h)
    neurons[n, _V] = v


@jit_unmanaged
def discards(neurons: Any, n: Any, parameters: Any, row: Any, now: Any) -> Any:
    """Whether neuron n is refractory, or, with a hard reset, has fired in this very instant: it takes no input to v."""
    release = neurons[n, _RELEASE]
    return now + COINCIDENCE < release or (now <= release and parameters[row, _T_REF] == 0)


@jit_unmanaged
def next_spike(
    neurons: Any, n: Any, parameters: Any, row: Any, kind: Any, k: Any, scratch: Any, solve: Any
) -> Any:  # fmt: skip
    """Return when neuron n will fire (ms) if nothing arrives, ``inf`` for never, and whether this is exact.

    A crossing under decaying currents is searched for only if ``solve``; else the time returned is one before which the neuron will
    not fire. ``scratch`` has room for k numbers.
    """
    then = neurons[n, _LAST]
    start = max(then, neurons[n, _RELEASE])
    v, i, threshold = neurons[n, _V], neurons[n, _I], parameters[row, _THRESHOLD]
    if v > threshold:
        return start, True
    if kind == _PERFECT:
        drift = parameters[row, _REST] + i
        return (start + (threshold - v) / drift if drift > 0 else np.inf), True
    tau_m, r_m = parameters[row, _TAU_M], parameters[row, _R_M]
    v_inf = parameters[row, _REST] + r_m * i
    silent = True
    for j in range(k):
        current = neurons[n, _CURRENTS + j]
        silent = silent and current == 0
        if start > then and current != 0:
            current *= np.exp(-(start - then) / parameters[row, _TAUS + j])
        scratch[j] = current
    if silent:
        return (start + tau_m * np.log1p((threshold - v) / (v_inf - threshold)) if v_inf > threshold else np.inf), True
    taus = parameters[row, _TAUS : _TAUS + k]
    if not solve:
        wait = no_crossing_before(v, v_inf, tau_m, r_m, threshold, scratch[:k], taus)
        if wait > COINCIDENCE:
            return start + wait, wait == np.inf
    return start + first_crossing(v, v_inf, tau_m, r_m, threshold, scratch[:k], taus), True


@jit_unmanaged
def fire(neurons: Any, n: Any, parameters: Any, row: Any) -> None:
    """Reset neuron n, which fires at the time to which it has been brought."""
    if parameters[row, _SOFT] > 0:
        neurons[n, _V] -= parameters[row, _THRESHOLD] - parameters[row, _RESET]
    else:
        neurons[n, _V] = parameters[row, _RESET]
        neurons[n, _RELEASE] = neurons[n, _LAST] + parameters[row, _T_REF]


@jit_unmanaged
def draw_interval(neurons: Any, n: Any, rate: Any, seed: Any, sample: Any) -> Any:
    """Return the interval (ms) to the next spike of Poisson source n of ``rate`` (1/ms): the next draw of its own stream."""
    if not rate * neurons[n, _V] > 0:
        return np.inf
    draw = np.uint64(neurons[n, _I])
    neurons[n, _I] += 1.0
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _SHIFT
    w0, w1, _, _ = philox(np.uint64(n), draw & _MASK, _INTERVALS | (draw >> _SHIFT), np.uint64(sample) & _MASK, k0, k1)
    # 53 bits: a number in [0, 1), so that the logarithm is finite.
    u = (np.float64(w0 >> np.uint64(5)) * 67108864.0 + np.float64(w1 >> np.uint64(6))) * 2.0**-53
    return -np.log1p(-u) / (rate * neurons[n, _V])
