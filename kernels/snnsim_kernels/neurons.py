"""Update and reset kernels: one loop template each, bound to the scalar functions of a model.

An update kernel advances one population of one copy by one step, and lists the neurons that spiked, in ascending order. A reset
kernel applies a model's reset to them once their spikes have been delivered.
"""

from typing import Any

import numpy as np
from numba import njit

from .layout import PopulationColumn
from .random import fill_words

__all__ = [
    "list_train",
    "reset_per_neuron",
    "reset_uniform",
    "update_per_neuron",
    "update_stochastic",
    "update_uniform",
]

_SIZE, _STATE, _CONSTANTS = int(PopulationColumn.SIZE), int(PopulationColumn.STATE), int(PopulationColumn.CONSTANTS)
_TRAIN, _TRAIN_FIRST = int(PopulationColumn.TRAIN), int(PopulationColumn.TRAIN_FIRST)
_TRAIN_STEPS, _NEURON = int(PopulationColumn.TRAIN_STEPS), int(PopulationColumn.NEURON)


@njit
def list_flagged(flags: Any, n: Any, spikes: Any) -> Any:
    """Write the indices of the nonzero flags to ``spikes`` and return their number, reading eight flags at a time.

    ``flags`` has at least n entries, rounded up to a multiple of 8; what lies past n is ignored.
    """
    count = 0
    eights = flags[: (n + 7) // 8 * 8].view(np.uint64)
    for b in range(eights.size):
        if eights[b] != 0:
            for i in range(8 * b, min(8 * b + 8, n)):
                if flags[i] != 0:
                    spikes[count] = i
                    count += 1
    return count


# Free names of the templates, bound by the registry for each model: scalar is its function; state_rows, state_of and store
# reach its states, constant_rows and constants_of its constants (see tuples.py); draw makes its random number from a word.
scalar: Any
state_rows: Any
state_of: Any
store: Any
constant_rows: Any
constants_of: Any
draw: Any


def sweep_uniform(rows: Any, n: Any, held: Any, flags: Any, now: Any, c: Any) -> None:
    """Template: advance every neuron; all have the same constants. A function of its own, or it would not vectorise."""
    for i in range(n):
        new, hold, spike = scalar(state_of(rows, i), held[i], now, c)
        store(rows, i, new)
        held[i] = hold
        flags[i] = spike


def sweep_per_neuron(rows: Any, n: Any, held: Any, flags: Any, now: Any, c: Any) -> None:
    """Template: advance every neuron; each has constants of its own."""
    for i in range(n):
        new, hold, spike = scalar(state_of(rows, i), held[i], now, constants_of(c, i))
        store(rows, i, new)
        held[i] = hold
        flags[i] = spike


def sweep_stochastic(rows: Any, n: Any, held: Any, flags: Any, now: Any, c: Any, words: Any) -> None:
    """Template: advance every neuron with a random number and constants of its own."""
    for i in range(n):
        new, hold, spike = scalar(state_of(rows, i), held[i], now, draw(words[i]), constants_of(c, i))
        store(rows, i, new)
        held[i] = hold
        flags[i] = spike


sweep: Any  # one of the above, bound and compiled


# The update kernels take the same arguments, whichever of them they use: they are called through one function type.


def update_uniform(
    step: Any,
    copy: Any,
    sample: Any,
    row: Any,
    state: Any,
    held: Any,
    flags: Any,
    spikes: Any,
    constants: Any,
    words: Any,
    seed: Any,
    train_pointers: Any,
    train_neurons: Any,
) -> Any:
    """Template: every neuron has the same constants."""
    n = row[_SIZE]
    c = constants_of(constant_rows(constants, row[_CONSTANTS], 1), 0)
    sweep(state_rows(state, row[_STATE], n), n, held, flags, np.int32(step), c)
    return list_flagged(flags, n, spikes)


def update_per_neuron(
    step: Any,
    copy: Any,
    sample: Any,
    row: Any,
    state: Any,
    held: Any,
    flags: Any,
    spikes: Any,
    constants: Any,
    words: Any,
    seed: Any,
    train_pointers: Any,
    train_neurons: Any,
) -> Any:
    """Template: every neuron has constants of its own."""
    n = row[_SIZE]
    c = constant_rows(constants, row[_CONSTANTS], n)
    sweep(state_rows(state, row[_STATE], n), n, held, flags, np.int32(step), c)
    return list_flagged(flags, n, spikes)


def update_stochastic(
    step: Any,
    copy: Any,
    sample: Any,
    row: Any,
    state: Any,
    held: Any,
    flags: Any,
    spikes: Any,
    constants: Any,
    words: Any,
    seed: Any,
    train_pointers: Any,
    train_neurons: Any,
) -> Any:
    """Template: every neuron has a random number per step and constants of its own."""
    n = row[_SIZE]
    c = constant_rows(constants, row[_CONSTANTS], n)
    fill_words(words, n, seed, step, row[_NEURON], sample)
    sweep(state_rows(state, row[_STATE], n), n, held, flags, np.int32(step), c, words)
    return list_flagged(flags, n, spikes)


def list_train(
    step: Any, copy: Any, sample: Any, row: Any, state: Any, held: Any, flags: Any, spikes: Any, constants: Any, words: Any,
    seed: Any, train_pointers: Any, train_neurons: Any,
) -> Any:  # fmt: skip
    """List the spikes that the copy's train holds for this step."""
    now = step - row[_TRAIN_FIRST]
    if row[_TRAIN] < 0 or now < 0 or now >= row[_TRAIN_STEPS]:
        return 0
    k = row[_TRAIN] + copy * row[_TRAIN_STEPS] + now
    start, stop = train_pointers[k], train_pointers[k + 1]
    for q in range(start, stop):
        spikes[q - start] = train_neurons[q]
    return stop - start


def reset_uniform(row: Any, state: Any, spikes: Any, n_spikes: Any, constants: Any) -> None:
    """Template: reset the neurons that spiked; all have the same constants."""
    rows = state_rows(state, row[_STATE], row[_SIZE])
    c = constants_of(constant_rows(constants, row[_CONSTANTS], 1), 0)
    for q in range(n_spikes):
        store(rows, spikes[q], scalar(state_of(rows, spikes[q]), c))


def reset_per_neuron(row: Any, state: Any, spikes: Any, n_spikes: Any, constants: Any) -> None:
    """Template: reset the neurons that spiked; each has constants of its own."""
    rows = state_rows(state, row[_STATE], row[_SIZE])
    c = constant_rows(constants, row[_CONSTANTS], row[_SIZE])
    for q in range(n_spikes):
        store(rows, spikes[q], scalar(state_of(rows, spikes[q]), constants_of(c, spikes[q])))
