"""Values drawn one per synapse, in double precision: the weights of a row (source neuron)."""

import math
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ._jit import jit
from .random import CHUNK, CONNECTIONS, WEIGHTS, fill_row

__all__ = ["ValueKind", "Values", "draw_values", "fill_values"]

_UNIT = 2.0**-32


class ValueKind(IntEnum):
    """Distributions: see :class:`Values`."""

    CONSTANT = 0
    UNIFORM = 1
    NORMAL = 2
    LOGNORMAL = 3


class Values(NamedTuple):
    """A distribution: a constant a; uniform in a to a + b; normal with mean a and deviation b; exp of such a normal. Clipped."""

    kind: int
    a: float
    b: float
    low: float
    high: float


@njit
def fill_values(out: Any, words: Any, n: Any, first: Any, values: Any, seed: Any, row: Any, stream: Any) -> None:
    """Fill ``out[:n]`` (float64, up to CHUNK) with the values ``first`` and on of a row; ``first`` is a multiple of CHUNK.

    Normal numbers are those of Box & Muller 1958, two of two words. A value that comes to exactly 0 by rounding alone, where the
    distribution has no mass, is moved by half the resolution of a word: a zero would not be a synapse.
    """
    if values.kind == ValueKind.CONSTANT:
        out[:n] = values.a
        return
    fill_row(words, n, first, seed, row, stream, WEIGHTS)
    if values.kind == ValueKind.UNIFORM:
        for q in range(n):
            out[q] = values.a + values.b * ((np.float64(words[q]) + 0.5) * _UNIT)
    else:
        for q in range(0, n, 2):
            radius = math.sqrt(-2.0 * math.log((np.float64(words[q]) + 0.5) * _UNIT))
            angle = 2.0 * math.pi * ((np.float64(words[q + 1]) + 0.5) * _UNIT)
            out[q] = values.a + values.b * (radius * math.cos(angle))
            out[q + 1] = values.a + values.b * (radius * math.sin(angle))
    if values.kind == ValueKind.LOGNORMAL:
        for q in range(n):
            out[q] = math.exp(out[q])
    else:
        for q in range(n):
            out[q] = out[q] if out[q] != 0.0 else 0.5 * _UNIT * values.b
    for q in range(n):
        out[q] = min(max(out[q], values.low), values.high)


@jit()
def draw_values(n: Any, values: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Return the first n values of a row, float64."""
    out, part, words = np.empty(n), np.empty(CHUNK), np.empty(CHUNK, np.uint32)
    for first in range(0, n, CHUNK):
        m = min(n - first, CHUNK)
        fill_values(part, words, m, first, values, np.uint64(seed), row, np.uint64(stream) | CONNECTIONS)
        out[first : first + m] = part[:m]
    return out
