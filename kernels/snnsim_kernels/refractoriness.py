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
def enter(
    row: Any, i: Any, step: Any, today: Any, wait: Any, held: Any, calendar: Any, following: Any, due: Any
) -> None:
    """Have neuron i released ``wait`` steps after ``step``, whose day is ``today``."""
    days = row[_DAYS]
    far = min(np.int64(wait), days - 1)
    held[row[_NEURON] + i] = wait - far
    due[row[_NEURON] + i] = step + far
    day = today + far
    if day >= days:
        day -= days
    following[row[_NEURON] + i] = calendar[row[_CALENDAR] + day]
    calendar[row[_CALENDAR] + day] = i


@njit
def hold(
    row: Any,
    i: Any,
    step: Any,
    today: Any,
    updates: Any,
    held: Any,
    masked: Any,
    calendar: Any,
    following: Any,
    due: Any,
) -> None:
    """Hold neuron i for the ``updates`` updates after ``step``, at least 1; or longer, where it is held for longer already."""
    a = row[_NEURON] + i
    if updates >= _FOREVER:
        held[a] = _FOREVER  # if it stands in the calendar, it stays held when its day comes
    elif not masked[a]:
        enter(row, i, step, today, updates + 1, held, calendar, following, due)
    elif held[a] < _FOREVER:
        held[a] = max(np.int64(held[a]), step + updates + 1 - due[a])
    masked[a] = 1


@njit
def open_calendar(
    row: Any, low: Any, high: Any, step: Any, held: Any, masked: Any, calendar: Any, following: Any, due: Any
) -> None:
    """Enter what ``held`` says before ``step`` of neurons ``low`` to ``high`` - 1."""
    for day in range(row[_DAYS]):
        calendar[row[_CALENDAR] + day] = -1
    a, today = row[_NEURON], step % max(row[_DAYS], 1)
    for i in range(low, high):
        wait = held[a + i]
        masked[a + i] = wait > 0
        if 0 < wait < _FOREVER:
            enter(row, i, step, today, wait - 1, held, calendar, following, due)


@njit
def close_calendar(row: Any, step: Any, held: Any, calendar: Any, following: Any) -> None:
    """Say in ``held`` what the calendar holds before ``step``."""
    a, days = row[_NEURON], row[_DAYS]
    for ahead in range(days):
        i = calendar[row[_CALENDAR] + (step + ahead) % days]
        while i >= 0:
            if held[a + i] < _FOREVER:
                held[a + i] += ahead + 1
            i = following[a + i]
