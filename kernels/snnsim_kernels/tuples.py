"""Rows of a flat array as tuples, for any fixed number of rows.

Numba has no tuple comprehension, so each length is spelled out. Rows as separate arrays, not as one matrix, are what lets the
loops over neurons vectorise: four times faster.
"""

from typing import Any

from numba import njit

__all__ = ["LOAD", "ROWS", "STORE"]


@njit
def _rows0(a: Any, o: Any, n: Any) -> Any:
    return ()


@njit
def _rows1(a: Any, o: Any, n: Any) -> Any:
    return (a[o : o + n],)


@njit
def _rows2(a: Any, o: Any, n: Any) -> Any:
    return a[o : o + n], a[o + n : o + 2 * n]


@njit
def _rows3(a: Any, o: Any, n: Any) -> Any:
    return a[o : o + n], a[o + n : o + 2 * n], a[o + 2 * n : o + 3 * n]


@njit
def _rows4(a: Any, o: Any, n: Any) -> Any:
    return _rows2(a, o, n) + _rows2(a, o + 2 * n, n)


@njit
def _rows5(a: Any, o: Any, n: Any) -> Any:
    return _rows3(a, o, n) + _rows2(a, o + 3 * n, n)


@njit
def _rows6(a: Any, o: Any, n: Any) -> Any:
    return _rows3(a, o, n) + _rows3(a, o + 3 * n, n)


@njit
def _rows7(a: Any, o: Any, n: Any) -> Any:
    return _rows4(a, o, n) + _rows3(a, o + 4 * n, n)


@njit
def _rows8(a: Any, o: Any, n: Any) -> Any:
    return _rows4(a, o, n) + _rows4(a, o + 4 * n, n)


@njit
def _load0(r: Any, i: Any) -> Any:
    return ()


@njit
def _load1(r: Any, i: Any) -> Any:
    return (r[0][i],)


@njit
def _load2(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i]


@njit
def _load3(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i]


@njit
def _load4(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i], r[3][i]


@njit
def _load5(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i], r[3][i], r[4][i]


@njit
def _load6(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i]


@njit
def _load7(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i], r[6][i]


@njit
def _load8(r: Any, i: Any) -> Any:
    return r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i], r[6][i], r[7][i]


@njit
def _store0(r: Any, i: Any, v: Any) -> None:
    pass


@njit
def _store1(r: Any, i: Any, v: Any) -> None:
    r[0][i] = v[0]


@njit
def _store2(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i] = v[0], v[1]


@njit
def _store3(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i] = v[0], v[1], v[2]


@njit
def _store4(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i], r[3][i] = v[0], v[1], v[2], v[3]


@njit
def _store5(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i], r[3][i], r[4][i] = v[0], v[1], v[2], v[3], v[4]


@njit
def _store6(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i] = v[0], v[1], v[2], v[3], v[4], v[5]


@njit
def _store7(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i], r[6][i] = v[0], v[1], v[2], v[3], v[4], v[5], v[6]


@njit
def _store8(r: Any, i: Any, v: Any) -> None:
    r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i], r[6][i], r[7][i] = (
        v[0],
        v[1],
        v[2],
        v[3],
        v[4],
        v[5],
        v[6],
        v[7],
    )


ROWS = (_rows0, _rows1, _rows2, _rows3, _rows4, _rows5, _rows6, _rows7, _rows8)
"""ROWS[k](array, offset, n): k successive rows of n entries."""

LOAD = (_load0, _load1, _load2, _load3, _load4, _load5, _load6, _load7, _load8)
"""LOAD[k](rows, i): the i-th entry of each of k rows."""

STORE = (_store0, _store1, _store2, _store3, _store4, _store5, _store6, _store7, _store8)
"""STORE[k](rows, i, values): set the i-th entry of each of k rows. A loop over the rows would keep callers from vectorising."""
