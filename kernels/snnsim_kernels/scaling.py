"""Receptor rows that are kept scaled: an exponential current that decays without being written.

All currents of a receptor decay alike, i(t + dt) = d i(t). So a row holds a with i = a d^k, where k is the number of steps since
the last one whose number is a multiple of CYCLE. A step then only reads the row: it adds a (gain d^k) to v. What arrives is divided
by the power of d that is reached; once a cycle the row is multiplied by d^CYCLE. That is a third less traffic for two currents,
and memory traffic is what a step costs.
"""

from typing import Any

from numba import njit

from .layout import PopulationColumn
from .views import view

__all__ = ["CYCLE", "rescale"]

CYCLE = 32
"""Steps from one rescaling to the next. A current of which less than 1e-4 is left after it is not kept scaled."""

_STATE, _STRIDE = int(PopulationColumn.STATE), int(PopulationColumn.STRIDE)


@njit
def _multiply(row: Any, n: Any, factor: Any) -> None:
    for i in range(n):
        row[i] *= factor


@njit
def rescale(
    row: Any, first: Any, count: Any, low: Any, high: Any, step: Any, state: Any, constants: Any, powers: Any
) -> None:
    """At the start of a cycle, multiply the scaled rows (``count``, from state variable ``first`` on) of some neurons.

    ``powers`` is the offset in the constants of d^CYCLE of each.
    """
    if step % CYCLE != 0:
        return
    for k in range(count):
        own = view(state, row[_STATE] + (first + k) * row[_STRIDE] + low, high - low)
        _multiply(own, high - low, constants[powers + k])
