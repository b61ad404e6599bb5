"""The calendar of refractory neurons: who is held, and in which step each is released.

A held neuron costs nothing but a byte that the update reads; only spikes and releases touch the calendar. For each day (a step,
modulo the number of days) it keeps a list of the neurons that are released then, linked through ``following``. A neuron that is
held for longer than the calendar reaches is entered again on its way.
"""

from typing import Any

import numpy as np
from numba import njit
from snnsim_models import FOREVER

from .layout import PopulationColumn

__all__ = ["close_calendar", "enter", "hold", "open_calendar"]

_SIZE, _NEURON = int(PopulationColumn.SIZE), int(PopulationColumn.NEURON)
_CALENDAR, _DAYS = int(PopulationColumn.CALENDAR), int(PopulationColumn.DAYS)
_FOREVER = np.int32(FOREVER)


@njit
def enter(row: Any, i: Any, step: Any, wait: Any, held: Any, calendar: Any, following: Any) -> None:
    """Have neuron i released ``wait`` steps after ``step``."""
    days = row[_DAYS]
    far = min(np.int64(wait), days - 1)
    held[row[_NEURON] + i] = wait - far
    day = row[_CALENDAR] + (step + far) % days
    following[row[_NEURON] + i] = calendar[day]
    calendar[day] = i


@njit
def hold(row: Any, i: Any, step: Any, updates: Any, held: Any, masked: Any, calendar: Any, following: Any) -> None:
    """Hold neuron i, which spiked in ``step``, for the next ``updates`` updates, at least 1."""
    masked[row[_NEURON] + i] = 1
    if updates >= _FOREVER:
        held[row[_NEURON] + i] = _FOREVER
    else:
        enter(row, i, step, updates + 1, held, calendar, following)


@njit
def open_calendar(
    row: Any, low: Any, high: Any, step: Any, held: Any, masked: Any, calendar: Any, following: Any
) -> None:
    """Enter what ``held`` says before ``step`` of neurons ``low`` to ``high`` - 1."""
    for day in range(row[_DAYS]):
        calendar[row[_CALENDAR] + day] = -1
    a = row[_NEURON]
    for i in range(low, high):
        wait = held[a + i]
        masked[a + i] = wait > 0
        if 0 < wait < _FOREVER:
            enter(row, i, step, wait - 1, held, calendar, following)


@njit
def close_calendar(row: Any, step: Any, held: Any, calendar: Any, following: Any) -> None:
    """Say in ``held`` what the calendar holds before ``step``."""
    a, days = row[_NEURON], row[_DAYS]
    for ahead in range(days):
        i = calendar[row[_CALENDAR] + (step + ahead) % days]
        while i >= 0:
            held[a + i] += ahead + 1
            i = following[a + i]
