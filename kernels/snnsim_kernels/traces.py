"""Templates that read and raise k traces of a spike train at once, for any fixed k; bound by halves as in ``tuples``.

A trace x is kept as a = x exp((t - t0) / tau). To read it takes a factor exp(-(t - t0) / tau), the same for all neurons; a spike
adds the inverse of it.
"""

import math
from typing import Any

__all__ = [
    "powers_none",
    "powers_one",
    "powers_pair",
    "raise_none",
    "raise_one",
    "raise_pair",
    "read_none",
    "read_one",
    "read_pair",
]

first: Any
second: Any
SPLIT: int


def powers_none(like: Any, rates: Any, o: Any, age: Any) -> Any:
    """Return nothing for no traces."""
    return ()


def powers_one(like: Any, rates: Any, o: Any, age: Any) -> Any:
    """Return exp(age * rate) in the precision of ``like``."""
    return (like.dtype.type(math.exp(age * rates[o])),)


def powers_pair(like: Any, rates: Any, o: Any, age: Any) -> Any:
    """Return exp(age * rate) of successive rates."""
    return first(like, rates, o, age) + second(like, rates, o + SPLIT, age)


def read_none(r: Any, s: Any, factors: Any) -> Any:
    """Return nothing of no traces."""
    return ()


def read_one(r: Any, s: Any, factors: Any) -> Any:
    """Return the trace of segment s."""
    return (r[0][s] * factors[0],)


def read_pair(r: Any, s: Any, factors: Any) -> Any:
    """Return each trace of segment s."""
    return first(r[:SPLIT], s, factors[:SPLIT]) + second(r[SPLIT:], s, factors[SPLIT:])


def raise_none(r: Any, s: Any, kept: Any, powers: Any) -> None:
    """Raise no trace."""


def raise_one(r: Any, s: Any, kept: Any, powers: Any) -> None:
    """Add a spike to the trace of segment s, or set the trace to it where ``kept`` is 0."""
    r[0][s] = kept[0] * r[0][s] + powers[0]


def raise_pair(r: Any, s: Any, kept: Any, powers: Any) -> None:
    """Add a spike to each trace of segment s, or set the trace to it."""
    first(r[:SPLIT], s, kept[:SPLIT], powers[:SPLIT])
    second(r[SPLIT:], s, kept[SPLIT:], powers[SPLIT:])
