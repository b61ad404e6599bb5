"""What a step does to one neuron: the end of the step before (reset), then release from refractoriness, update and threshold.

The scalar functions are those of the models, composed with their receptors as on the CPU. A function is made for each kind of
population; the loop chooses by the KIND column.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from snnsim_models import FOREVER, SpikeArray

from .. import registry
from ..layout import PopulationColumn
from ..random import word_of
from ..registry import PRECISIONS, NeuronKind
from ..scaling import CYCLE
from ._jit import device
from .layout import SPIKED

__all__ = ["finish", "loader", "update"]

_KIND, _STATE, _STRIDE = int(PopulationColumn.KIND), int(PopulationColumn.STATE), int(PopulationColumn.STRIDE)
_SIZE, _NEURON, _CONSTANTS = int(PopulationColumn.SIZE), int(PopulationColumn.NEURON), int(PopulationColumn.CONSTANTS)
_SCALED, _GAINS = int(PopulationColumn.SCALED), int(PopulationColumn.GAINS)
_FOREVER, _SPIKED = np.int32(FOREVER), np.int32(SPIKED)
_FREE = np.int32(0)


@cache
def loader(k: int) -> Any:
    """Return the function that reads k entries, ``stride`` apart, as a tuple."""
    if k == 0:

        def load(a: Any, at: Any, stride: Any) -> Any:
            return ()

    elif k == 1:

        def load(a: Any, at: Any, stride: Any) -> Any:
            return (a[np.uint32(at)],)

    else:
        half = k // 2
        first, second = loader(half), loader(k - half)

        def load(a: Any, at: Any, stride: Any) -> Any:
            return first(a, at, stride) + second(a, at + half * stride, stride)

    return device(load)


@cache
def _storer(k: int) -> Any:
    """Return the function that writes the first k entries of a tuple, ``stride`` apart."""
    if k == 0:

        def store(a: Any, at: Any, stride: Any, new: Any) -> None:
            pass

    elif k == 1:

        def store(a: Any, at: Any, stride: Any, new: Any) -> None:
            a[np.uint32(at)] = new[0]

    else:
        half = k // 2
        first, second = _storer(half), _storer(k - half)

        def store(a: Any, at: Any, stride: Any, new: Any) -> None:
            first(a, at, stride, new[:half])
            second(a, at + half * stride, stride, new[half:])

    return device(store)


@cache
def _loader_without(k: int, left_out: int, precision: str) -> Any:
    """Return the function that reads k entries of which one is zero throughout."""
    first, second, after, zero = loader(left_out), loader(k - left_out - 1), left_out + 1, PRECISIONS[precision](0)

    def load(a: Any, at: Any, stride: Any) -> Any:
        return first(a, at, stride) + (zero,) + second(a, at + after * stride, stride)  # noqa: RUF005 (Numba does not unpack)

    return device(load)


@cache
def _storer_without(k: int, left_out: int) -> Any:
    """Return the function that writes the others."""
    first, second, after = _storer(left_out), _storer(k - left_out - 1), left_out + 1

    def store(a: Any, at: Any, stride: Any, new: Any) -> None:
        first(a, at, stride, new[:left_out])
        second(a, at + after * stride, stride, new[after:])

    return device(store)


def _own_constants(kind: NeuronKind) -> Any:
    """Return the function that reads a neuron's own constants."""
    load = loader(kind.n_constants)
    if kind.per_neuron:

        def own(constants: Any, row: Any, i: Any, step: Any) -> Any:
            return load(constants, row[_CONSTANTS] + i, row[_SIZE])

    else:

        def own(constants: Any, row: Any, i: Any, step: Any) -> Any:
            return load(constants, row[_CONSTANTS], 1)

    return device(own)


def _all_constants(kind: NeuronKind) -> Any:
    """Return the function that reads the constants of a neuron and its receptors; of scaled ones the gains of the step."""
    if kind.scaled:
        own, gains, n = _own_constants(kind), loader(len(kind.receptors)), len(kind.receptors)

        def scaled(constants: Any, row: Any, i: Any, step: Any) -> Any:
            return own(constants, row, i, step) + gains(constants, row[_GAINS] + (step & (CYCLE - 1)) * n, 1)

        return device(scaled)
    return _own_constants(kind._replace(n_constants=kind.all_constants))


def _rescale(kind: NeuronKind) -> Any:
    """Return what multiplies the scaled rows of a neuron at the start of a cycle."""
    first = len(kind.model.STATES)

    def rescale(values: Any, at: Any, row: Any, constants: Any, step: Any) -> None:
        if step & (CYCLE - 1) == 0:
            powers = row[_GAINS] + CYCLE * row[_SCALED]
            k = 0
            while k < row[_SCALED]:
                values[np.uint32(at + (first + k) * row[_STRIDE])] *= constants[np.uint32(powers + k)]
                k += 1

    def nothing(values: Any, at: Any, row: Any, constants: Any, step: Any) -> None:
        pass

    return device(rescale if kind.scaled else nothing)


def _release(kind: NeuronKind) -> Any:
    """Return what happens to a neuron that is free again."""
    scalar: Any = kind.model.RELEASE
    n = len(kind.model.STATES)
    load, store, own = loader(n), _storer(n), _own_constants(kind)

    def release(values: Any, at: Any, row: Any, i: Any, constants: Any) -> None:
        store(values, at, row[_STRIDE], scalar(load(values, at, row[_STRIDE]), own(constants, row, i, 0)))

    def nothing(values: Any, at: Any, row: Any, i: Any, constants: Any) -> None:
        pass

    return device(nothing if scalar is None else release)


def _equations(kind: NeuronKind, precision: str) -> Any:
    """Return the equations of a neuron and its receptors, with the random number that they need."""
    scalar = registry.scalar(kind, precision)
    if not kind.model.STOCHASTIC:

        def advance(state: Any, masked: Any, step: Any, i: Any, row: Any, clock: Any, constants: Any) -> Any:
            return scalar(state, masked, np.int32(step), constants)

        return device(advance)
    draw, real = registry.draw(kind.model.DRAW, precision), PRECISIONS[precision]

    def advance_randomly(state: Any, masked: Any, step: Any, i: Any, row: Any, clock: Any, constants: Any) -> Any:
        word = np.uint32(word_of(i, clock.seed, step, row[_NEURON], clock.sample))
        return scalar(state, masked, np.int32(step), real(draw(word)), constants)

    return device(advance_randomly)


@cache
def _update(kind: NeuronKind, precision: str) -> Any:
    own, n = len(kind.model.STATES), kind.all_states
    equations, constants_of, rescale, release = (
        _equations(kind, precision), _all_constants(kind), _rescale(kind), _release(kind)
    )  # fmt: skip
    written = own if kind.scaled else n
    load, store = loader(n), _storer(written)
    if kind.dormant:
        left_out = kind.model.STATES.index(kind.model.DORMANT)
        load, store = _loader_without(n, left_out, precision), _storer_without(written, left_out)
    # A model that resets nothing has nothing to be told apart by.
    after_spike = _SPIKED if kind.model.RESET is not None else _FREE

    def update(row: Any, i: Any, values: Any, held: Any, constants: Any, step: Any, clock: Any) -> Any:
        at, neuron = row[_STATE] + i, np.uint32(row[_NEURON] + i)
        wait = held[neuron]
        if 0 < wait < _FOREVER:
            wait -= np.int32(1)
            held[neuron] = wait
            if wait == 0:
                release(values, at, row, i, constants)
        rescale(values, at, row, constants, step)
        state = load(values, at, row[_STRIDE])
        new, spike = equations(state, wait > 0, step, i, row, clock, constants_of(constants, row, i, step))
        store(values, at, row[_STRIDE], new)
        if spike:
            held[neuron] = after_spike
        return spike

    return device(update)


@cache
def _finish(kind: NeuronKind) -> Any:
    scalar: Any = kind.model.RESET
    n = len(kind.model.STATES)
    load, store, own = loader(n), _storer(n), _own_constants(kind)

    def finish(row: Any, i: Any, values: Any, held: Any, constants: Any) -> None:
        at, neuron = row[_STATE] + i, np.uint32(row[_NEURON] + i)
        if held[neuron] == _SPIKED:
            new, updates = scalar(load(values, at, row[_STRIDE]), own(constants, row, i, 0))
            store(values, at, row[_STRIDE], new)
            if updates >= _FOREVER:
                held[neuron] = _FOREVER
            elif updates > 0:
                held[neuron] = updates + 1
            else:
                held[neuron] = 0

    def nothing(row: Any, i: Any, values: Any, held: Any, constants: Any) -> None:
        pass

    return device(nothing if scalar is None else finish)


def update(kinds: Sequence[NeuronKind], precision: str) -> Any:
    """Return ``(row, i, values, held, constants, step, clock) -> spike`` for any population of these kinds.

    A spike is left marked in ``held``: the reset comes once all spikes of the step are delivered.
    """

    def asleep(row: Any, i: Any, values: Any, held: Any, constants: Any, step: Any, clock: Any) -> Any:
        return False

    made = device(asleep)
    for number, kind in enumerate(kinds):
        if not issubclass(kind.model, SpikeArray):
            made = _or_else(number, _update(kind, precision), made)
    return made


def _or_else(number: int, own: Any, others: Any) -> Any:
    def choose(row: Any, i: Any, values: Any, held: Any, constants: Any, step: Any, clock: Any) -> Any:
        if row[_KIND] == number:
            return own(row, i, values, held, constants, step, clock)
        return others(row, i, values, held, constants, step, clock)

    return device(choose)


def finish(kinds: Sequence[NeuronKind]) -> Any:
    """Return ``(row, i, values, held, constants)``, which resets a neuron that spiked and holds it while it is refractory."""

    def nothing(row: Any, i: Any, values: Any, held: Any, constants: Any) -> None:
        pass

    made = device(nothing)
    for number, kind in enumerate(kinds):
        if kind.model.RESET is not None:
            made = _or_finish(number, _finish(kind), made)
    return made


def _or_finish(number: int, own: Any, others: Any) -> Any:
    def choose(row: Any, i: Any, values: Any, held: Any, constants: Any) -> None:
        if row[_KIND] == number:
            own(row, i, values, held, constants)
        else:
            others(row, i, values, held, constants)

    return device(choose)
