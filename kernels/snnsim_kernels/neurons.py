"""Update and reset kernels: one loop template each, bound to the scalar functions of a model.

An update kernel advances some neurons of a population of one copy by one step, and lists those that spiked, in ascending order.
A reset kernel applies a model's reset to them once their spikes have been delivered, and holds them while they are refractory.
"""

from typing import Any

import numpy as np
from numba import njit
from snnsim_models import FOREVER

from .bits import trailing_zeros
from .layout import PopulationColumn
from .refractoriness import enter, hold
from .scaling import CYCLE, rescale
from .views import view

__all__ = [
    "list_train",
    "release_due",
    "release_nothing",
    "reset",
    "reset_nothing",
    "sweep_per_neuron",
    "sweep_stochastic",
    "sweep_uniform",
    "update_per_neuron",
    "update_scaled",
    "update_stochastic",
    "update_uniform",
]

_SIZE, _STATE, _CONSTANTS = int(PopulationColumn.SIZE), int(PopulationColumn.STATE), int(PopulationColumn.CONSTANTS)
_TRAIN, _TRAIN_FIRST = int(PopulationColumn.TRAIN), int(PopulationColumn.TRAIN_FIRST)
_TRAIN_STEPS, _NEURON = int(PopulationColumn.TRAIN_STEPS), int(PopulationColumn.NEURON)
_FOREVER = np.int32(FOREVER)
_ONE, _BYTE = np.uint64(1), np.uint64(3)
_STRIDE = int(PopulationColumn.STRIDE)
_SCALED, _GAINS = int(PopulationColumn.SCALED), int(PopulationColumn.GAINS)
_CALENDAR, _DAYS = int(PopulationColumn.CALENDAR), int(PopulationColumn.DAYS)


@njit
def list_flagged(flags: Any, n: Any, first: Any, spikes: Any) -> Any:
    """Write ``first`` + the indices of the nonzero flags to ``spikes`` and return their number, reading 64 flags at a time.

    A flag is 0 or 1. ``flags`` has at least n entries, rounded up to a multiple of 64; what lies past n is ignored.
    """
    count = 0
    blocks = (n + 63) // 64
    eights = view(flags, 0, 64 * blocks).view(np.uint64)
    for b in range(blocks):
        e = view(eights, 8 * b, 8)
        if (e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) != 0:
            for k in range(8):
                word = e[k]
                while word != 0:
                    i = 64 * b + 8 * k + np.int64(trailing_zeros(word) >> _BYTE)
                    if i < n:
                        spikes[count] = first + i
                        count += 1
                    word &= word - _ONE
    return count


# Free names of the templates, bound by the registry for each model: scalar is its function; state_rows, state_of and store
# reach its states, constant_rows and constants_of its constants, scalars those of one neuron (see tuples.py); draw makes its random
# number from a word.
scalar: Any
release: Any
state_rows: Any
state_of: Any
store: Any
constant_rows: Any
constants_of: Any
scalars: Any
gains_of: Any
PER_NEURON: bool  # whether each neuron has constants of its own
FIRST: int  # the number of a neuron's own state variables
draw: Any


def sweep_uniform(rows: Any, n: Any, masked: Any, flags: Any, now: Any, c: Any) -> None:
    """Template: advance every neuron; all have the same constants. A function of its own, or it would not vectorise."""
    for i in range(n):
        new, spike = scalar(state_of(rows, i), masked[i] != 0, now, c)
        store(rows, i, new)
        flags[i] = spike


def sweep_per_neuron(rows: Any, n: Any, masked: Any, flags: Any, now: Any, c: Any) -> None:
    """Template: advance every neuron; each has constants of its own."""
    for i in range(n):
        new, spike = scalar(state_of(rows, i), masked[i] != 0, now, constants_of(c, i))
        store(rows, i, new)
        flags[i] = spike


def sweep_stochastic(rows: Any, n: Any, masked: Any, flags: Any, now: Any, c: Any, words: Any) -> None:
    """Template: advance every neuron with a random number and constants of its own."""
    for i in range(n):
        new, spike = scalar(state_of(rows, i), masked[i] != 0, now, draw(words[i]), constants_of(c, i))
        store(rows, i, new)
        flags[i] = spike


def release_due(
    step: Any, row: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any, due: Any, constants: Any
) -> None:
    """Template: release the neurons whose refractoriness ends in this step."""
    if row[_DAYS] == 0:
        return
    n, today = row[_SIZE], step % row[_DAYS]
    i = calendar[row[_CALENDAR] + today]
    if i < 0:
        return
    calendar[row[_CALENDAR] + today] = -1
    rows = state_rows(state, row[_STATE], row[_STRIDE])
    while i >= 0:
        after, wait = following[row[_NEURON] + i], held[row[_NEURON] + i]
        if wait >= _FOREVER:
            pass
        elif wait > 0:
            enter(row, i, step, today, wait, held, calendar, following, due)
        else:
            masked[row[_NEURON] + i] = 0
            c = scalars(constants, row[_CONSTANTS] + (i if PER_NEURON else 0), n if PER_NEURON else 1)
            store(rows, i, scalar(state_of(rows, i), c))
        i = after


def release_nothing(
    step: Any, row: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any, due: Any, constants: Any
) -> None:
    """Do nothing: no neuron of this model is released."""


sweep: Any  # one of the sweeps, bound and compiled


# The update kernels take the same arguments, whichever of them they use: they are called through one function type.


def update_uniform(
    step: Any, copy: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any,
    following: Any, due: Any, flags: Any, spikes: Any, constants: Any, words: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """Template: every neuron has the same constants."""
    n = high - low
    release(step, row, state, held, masked, calendar, following, due, constants)
    rows = state_rows(state, row[_STATE] + low, row[_STRIDE])
    sweep(rows, n, view(masked, row[_NEURON] + low, n), flags, np.int32(step), scalars(constants, row[_CONSTANTS], 1))
    return list_flagged(flags, n, low, spikes)


def update_scaled(
    step: Any, copy: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any,
    following: Any, due: Any, flags: Any, spikes: Any, constants: Any, words: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """Template: every neuron has the same constants, and the rows of its receptors are kept scaled."""
    n = high - low
    release(step, row, state, held, masked, calendar, following, due, constants)
    count, gains = row[_SCALED], row[_GAINS]
    # The powers of a whole cycle stand behind the gains of its steps.
    rescale(row, FIRST, count, low, high, step, state, constants, gains + CYCLE * count)
    rows = state_rows(state, row[_STATE] + low, row[_STRIDE])
    c = scalars(constants, row[_CONSTANTS], 1) + gains_of(constants, gains + step % CYCLE * count, 1)
    sweep(rows, n, view(masked, row[_NEURON] + low, n), flags, np.int32(step), c)
    return list_flagged(flags, n, low, spikes)


def update_per_neuron(
    step: Any, copy: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any,
    following: Any, due: Any, flags: Any, spikes: Any, constants: Any, words: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """Template: every neuron has constants of its own."""
    n = high - low
    release(step, row, state, held, masked, calendar, following, due, constants)
    rows = state_rows(state, row[_STATE] + low, row[_STRIDE])
    c = constant_rows(constants, row[_CONSTANTS] + low, row[_SIZE])
    sweep(rows, n, view(masked, row[_NEURON] + low, n), flags, np.int32(step), c)
    return list_flagged(flags, n, low, spikes)


def update_stochastic(
    step: Any, copy: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any,
    following: Any, due: Any, flags: Any, spikes: Any, constants: Any, words: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """Template: every neuron has a random number per step and constants of its own."""
    n = high - low
    release(step, row, state, held, masked, calendar, following, due, constants)
    rows = state_rows(state, row[_STATE] + low, row[_STRIDE])
    c = constant_rows(constants, row[_CONSTANTS] + low, row[_SIZE])
    sweep(rows, n, view(masked, row[_NEURON] + low, n), flags, np.int32(step), c, words)
    return list_flagged(flags, n, low, spikes)


def list_train(
    step: Any, copy: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any,
    following: Any, due: Any, flags: Any, spikes: Any, constants: Any, words: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """List the spikes that the copy's train holds for this step."""
    now = step - row[_TRAIN_FIRST]
    if row[_TRAIN] < 0 or now < 0 or now >= row[_TRAIN_STEPS]:
        return 0
    k = row[_TRAIN] + copy * row[_TRAIN_STEPS] + now
    count = 0
    for q in range(train_pointers[k], train_pointers[k + 1]):
        if low <= train_neurons[q] < high:
            spikes[count] = train_neurons[q]
            count += 1
    return count


def reset(
    step: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any,
    due: Any, spikes: Any, n_spikes: Any, constants: Any,
) -> None:  # fmt: skip
    """Template: reset, and hold for as long as they are refractory, those of the neurons ``low`` to ``high`` - 1 that spiked."""
    n, today = row[_SIZE], step % max(row[_DAYS], 1)
    rows = state_rows(state, row[_STATE], row[_STRIDE])
    for q in range(n_spikes):
        i = spikes[q]
        if low <= i < high:
            c = scalars(constants, row[_CONSTANTS] + (i if PER_NEURON else 0), n if PER_NEURON else 1)
            new, updates = scalar(state_of(rows, i), c)
            store(rows, i, new)
            if updates > 0:
                hold(row, i, step, today, updates, held, masked, calendar, following, due)


def reset_nothing(
    step: Any, row: Any, low: Any, high: Any, state: Any, held: Any, masked: Any, calendar: Any, following: Any,
    due: Any, spikes: Any, n_spikes: Any, constants: Any,
) -> None:  # fmt: skip
    """Do nothing: a spike of this model resets nothing."""
