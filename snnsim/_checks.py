"""Checks of what a user gives: each returns the value in its proper type, or raises an error that names it and its bound."""

import numbers
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import SnnsimError

__all__ = ["positive_time", "real_array", "real_number", "steps_of", "whole_array", "whole_number"]


def whole_number(name: str, value: Any, low: int, high: int | None, error: type[SnnsimError]) -> int:
    """Return ``value`` as an int within [low, high]; bool, fractions and strings are no whole numbers.

    An upper bound is that of a number of bits: 2**b - 1.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < low:
        raise error(f"{name} must be a whole number of at least {low}, got {value!r}")
    if high is not None and number > high:
        raise error(f"{name} must be at most 2**{(high + 1).bit_length() - 1} - 1, got {value!r}")
    return number


def positive_time(name: str, value: Any, error: type[SnnsimError]) -> float:
    """Return ``value``, a time in ms, as a finite float above 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise error(f"{name} must be a finite time above 0 ms, got {value!r}")
    return number


def real_number(name: str, value: Any, error: type[SnnsimError]) -> float:
    """Return ``value``, a number of any kind, as a float; it may be infinite or NaN."""
    if not isinstance(value, numbers.Real):
        raise error(f"{name} must be a number, got {value!r}")
    return float(value)


def real_array(name: str, value: Any, error: type[SnnsimError]) -> NDArray[np.float64]:
    """Return ``value`` as a finite float64 array of its own."""
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise error(f"{name} must be numbers in a regular array") from None
    if bad := int(np.count_nonzero(~np.isfinite(array))):
        raise error(f"{name} must be finite: {bad} of {array.size} are not")
    return array


def whole_array(name: str, value: Any, low: int, high: int, error: type[SnnsimError]) -> NDArray[np.int64]:
    """Return ``value`` as a one-dimensional int64 array with entries within [low, high]."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise error(f"{name} must be a one-dimensional array of whole numbers")
    if array.size and (array.min() < low or array.max() > high):
        raise error(f"{name} must lie within {low} and {high}, got {array.min()} to {array.max()}")
    return array.astype(np.int64)


def steps_of(name: str, duration: Any, dt: float, error: type[SnnsimError]) -> int:
    """Return ``duration`` (ms) in steps of ``dt`` (ms): a positive whole number."""
    try:
        steps = positive_time(name, duration, error) / dt
    except error:
        steps = 0.0
    if steps < 0.5 or abs(steps - round(steps)) > 1e-6:
        raise error(f"{name} must be a positive multiple of dt = {dt:g} ms, got {duration!r}")
    return round(steps)
