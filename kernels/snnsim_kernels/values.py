"""Values drawn one per synapse, in double precision: the weights of a row (source neuron)."""

import math
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from ._jit import jit
from .random import CHUNK, CONNECTIONS, WEIGHTS, block_of_row, fill_row, open_uniform

__all__ = ["ValueKind", "Values", "draw_values", "fill_values", "pair_of_row"]

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
def _uniform(values: Any, word: Any) -> Any:
    return values.a + values.b * open_uniform(word)


@njit
def _normals(values: Any, first: Any, second: Any) -> Any:
    """Return two normal numbers of two words: Box & Muller 1958."""
    radius = math.sqrt(-2.0 * math.log(open_uniform(first)))
    angle = 2.0 * math.pi * open_uniform(second)
    return values.a + values.b * (radius * math.cos(angle)), values.a + values.b * (radius * math.sin(angle))


@njit
def _finished(values: Any, x: Any) -> Any:
    """Return a value from what was drawn for it.

    One that comes to exactly 0 by rounding alone, where the distribution has no mass, is moved by half the resolution of a word: a
    zero would not be a synapse.
    """
    if values.kind == ValueKind.LOGNORMAL:
        x = math.exp(x)
    elif x == 0.0:
        x = 0.5 * _UNIT * values.b
    return min(max(x, values.low), values.high)


@njit
def pair_of_row(pair: Any, values: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Return the values 2 * ``pair`` and 2 * ``pair`` + 1 of a row alone."""
    if values.kind == ValueKind.CONSTANT:
        return values.a, values.a
    w0, w1, w2, w3 = block_of_row(np.uint64(pair) >> np.uint64(1), seed, row, stream, WEIGHTS)
    first, second = (w2, w3) if pair & 1 else (w0, w1)
    if values.kind == ValueKind.UNIFORM:
        x, y = _uniform(values, first), _uniform(values, second)
    else:
        x, y = _normals(values, first, second)
    return _finished(values, x), _finished(values, y)


@njit
def fill_values(out: Any, words: Any, n: Any, first: Any, values: Any, seed: Any, row: Any, stream: Any) -> None:
    """Fill ``out[:n]`` (float64, up to CHUNK) with the values ``first`` and on of a row; ``first`` is a multiple of CHUNK."""
    if values.kind == ValueKind.CONSTANT:
        out[:n] = values.a
        return
    fill_row(words, n, first, seed, row, stream, WEIGHTS)
    if values.kind == ValueKind.UNIFORM:
        for q in range(n):
            out[q] = _uniform(values, words[q])
    else:
        for q in range(0, n, 2):
            out[q], out[q + 1] = _normals(values, words[q], words[q + 1])
    for q in range(n):
        out[q] = _finished(values, out[q])


@jit()
def draw_values(n: Any, values: Any, seed: Any, row: Any, stream: Any) -> Any:
    """Return the first n values of a row, float64."""
    out, part, words = np.empty(n), np.empty(CHUNK), np.empty(CHUNK, np.uint32)
    for first in range(0, n, CHUNK):
        m = min(n - first, CHUNK)
        fill_values(part, words, m, first, values, np.uint64(seed), row, np.uint64(stream) | CONNECTIONS)
        out[first : first + m] = part[:m]
    return out
