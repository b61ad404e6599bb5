"""Templates that read and write k rows of a flat array as tuples, for any fixed k.

Numba has no tuple comprehension, so k rows are taken as two halves, each by a function for half as many; the registry binds
``first``, ``second`` and ``SPLIT``. Rows as separate arrays, not as one matrix and not in a loop, are what lets the loops over
neurons vectorise: four times faster.
"""

from typing import Any

from .views import view

__all__ = [
    "load_none",
    "load_one",
    "load_pair",
    "load_without",
    "rows_none",
    "rows_one",
    "rows_pair",
    "rows_without",
    "scalars_none",
    "scalars_one",
    "scalars_pair",
    "store_none",
    "store_one",
    "store_own",
    "store_pair",
    "store_without",
]

first: Any
second: Any
SPLIT: int
AFTER: int  # SPLIT + 1
ZERO: Any  # of the precision of the rows


def rows_none(a: Any, o: Any, n: Any) -> Any:
    """Return no rows."""
    return ()


def rows_one(a: Any, o: Any, n: Any) -> Any:
    """Return the row of n entries at offset o."""
    return (view(a, o, n),)


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


def scalars_none(a: Any, o: Any, n: Any) -> Any:
    """Return nothing."""
    return ()


def scalars_one(a: Any, o: Any, n: Any) -> Any:
    """Return the entry at offset o."""
    return (a[o],)


def scalars_pair(a: Any, o: Any, n: Any) -> Any:
    """Return the entries at offset o, o + n, o + 2 n, ..."""
    return first(a, o, n) + second(a, o + SPLIT * n, n)


# One row, number SPLIT, that is zero throughout and stays so: it is neither read nor written. ``first`` serves the rows before
# it, ``second`` those behind it.


def rows_without(a: Any, o: Any, n: Any) -> Any:
    """Return successive rows of n entries from offset o on, one left out."""
    return first(a, o, n) + second(a, o + AFTER * n, n)


def load_without(r: Any, i: Any) -> Any:
    """Return the i-th entry of each row, and zero for the one left out."""
    return first(r[:SPLIT], i) + (ZERO,) + second(r[SPLIT:], i)  # noqa: RUF005 (Numba does not unpack)


def store_without(r: Any, i: Any, v: Any) -> None:
    """Set the i-th entry of each row but the one left out."""
    first(r[:SPLIT], i, v[:SPLIT])
    second(r[SPLIT:], i, v[AFTER:])


def store_own(r: Any, i: Any, v: Any) -> None:
    """Set the i-th entry of the first SPLIT rows: a neuron's own, those of its receptors being only read."""
    first(r[:SPLIT], i, v)
