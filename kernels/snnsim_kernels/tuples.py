"""Templates that read and write k rows of a flat array as tuples, for any fixed k.

Numba has no tuple comprehension, so k rows are taken as two halves, each by a function for half as many; the registry binds
``first``, ``second`` and ``SPLIT``. Rows as separate arrays, not as one matrix and not in a loop, are what lets the loops over
neurons vectorise: four times faster.
"""

from typing import Any

__all__ = [
    "load_none",
    "load_one",
    "load_pair",
    "rows_none",
    "rows_one",
    "rows_pair",
    "store_none",
    "store_one",
    "store_pair",
]

first: Any
second: Any
SPLIT: int


def rows_none(a: Any, o: Any, n: Any) -> Any:
    """Return no rows."""
    return ()


def rows_one(a: Any, o: Any, n: Any) -> Any:
    """Return the row of n entries at offset o."""
    return (a[o : o + n],)


def rows_pair(a: Any, o: Any, n: Any) -> Any:
    """Return successive rows of n entries from offset o on."""
    return first(a, o, n) + second(a, o + SPLIT * n, n)


def load_none(r: Any, i: Any) -> Any:
    """Return nothing of no rows."""
    return ()


def load_one(r: Any, i: Any) -> Any:
    """Return the i-th entry of one row."""
    return (r[0][i],)


def load_pair(r: Any, i: Any) -> Any:
    """Return the i-th entry of each row."""
    return first(r[:SPLIT], i) + second(r[SPLIT:], i)


def store_none(r: Any, i: Any, v: Any) -> None:
    """Set nothing in no rows."""


def store_one(r: Any, i: Any, v: Any) -> None:
    """Set the i-th entry of one row."""
    r[0][i] = v[0]


def store_pair(r: Any, i: Any, v: Any) -> None:
    """Set the i-th entry of each row."""
    first(r[:SPLIT], i, v[:SPLIT])
    second(r[SPLIT:], i, v[SPLIT:])
