"""The run loop on the card, in two shapes that share every phase: a block runs a copy alone, or the whole grid runs one copy.

A block keeps the state of its copy in shared memory where that suffices, and runs many steps in one launch: the shape for batches
and small networks. A grid waits for itself twice a step, in one cooperative launch: the shape for a large network. A card that
cannot have a grid wait is served phase by phase, a launch each.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import cuda, types

from ..layout import PopulationColumn
from ..plasticity_layout import PlasticityColumn
from ..plasticity_registry import LearningKind
from ..registry import PRECISIONS, DeliveryKind, NeuronKind
from . import plasticity, regulation
from ._jit import device, kernel
from .layout import Clock, Copy
from .phases import phases
from .plasticity import LearningPhase, is_active, is_old, signalled

__all__ = ["Kernels", "PhaseNumber", "kernels", "shared_bytes"]

_SLOTS = int(PopulationColumn.SLOTS)
_SETTLE, _ELIGIBILITY = int(PlasticityColumn.SETTLE), int(PlasticityColumn.ELIGIBILITY)
_RECORD_SPIKES, _SIZE = int(PopulationColumn.RECORD_SPIKES), int(PopulationColumn.SIZE)


class Kernels(NamedTuple):
    """The kernels of networks of given kinds.

    All but ``phase`` take ``(tables, arrays, learning, work, state, trains, counters, run, seed, first_sample, first_step, per_bin,
    until)``; ``staged`` needs :func:`shared_bytes` of shared memory, ``block`` the same for no states, and ``grid`` takes the
    number of the copy behind all else.
    """

    staged: Any
    block: Any
    grid: Any
    phase: Any


def shared_bytes(n_states: int, n_neurons: int, n_populations: int, itemsize: int) -> int:
    """Return the bytes of shared memory that a copy's state and scratch take."""
    return n_states * itemsize + 4 * (n_neurons + 4 * n_populations)


def _start(tables: Any, copy: Any, step: Any, rank: Any, size: Any) -> None:
    """Prepare the lists of the first step of a launch."""
    n = tables.populations.shape[0]
    p = rank
    while p < n:
        copy.fresh[p] = 0
        copy.fresh[n + p] = 0
        copy.fresh[2 * n + p] = step % tables.populations[p, _SLOTS]
        p += size


_started = device(_start)


def _room(tables: Any) -> Any:
    """Return how many rows of the log a step may need."""
    need = np.int64(0)
    p = 0
    while p < tables.populations.shape[0]:
        if tables.populations[p, _RECORD_SPIKES] != 0:
            need += tables.populations[p, _SIZE]
        p += 1
    return need


_needed = device(_room)


def _learn(learn: Any, barrier: Any) -> Any:
    """Return the loop over the phases in which plastic projections learn from a step; ``learn`` is None where there are none."""
    renew, set_clock, signal, settle_all = (
        int(LearningPhase[name]) for name in ("RENEW", "SET_CLOCK", "SIGNAL", "SETTLE_ALL")
    )

    def learn_all(
        learning: Any, tables: Any, arrays: Any, copy: Any, clock: Any, step: Any, bin_: Any, side: Any, rank: Any, size: Any
    ) -> None:  # fmt: skip
        t = step - clock.first_step
        c = 0
        while c < learning.rules.shape[0]:
            rule = learning.rules[c]
            if is_active(tables, arrays, learning, copy, c, t, side):
                old, impulse = is_old(learning, c, step), signalled(learning, rule, t) >= 0
                settles = rule[_SETTLE] > 0 and (step + 1) % rule[_SETTLE] == 0
                what = renew
                while what <= settle_all:
                    wanted = old if what <= set_clock else impulse if what == signal else settles or what < settle_all
                    if wanted:
                        learn(what, learning, tables, arrays, copy, c, step, t, bin_, side, rank, size)
                        barrier()
                    what += 1
            c += 1

    def nothing(
        learning: Any, tables: Any, arrays: Any, copy: Any, clock: Any, step: Any, bin_: Any, side: Any, rank: Any, size: Any
    ) -> None:  # fmt: skip
        pass

    return device(nothing if learn is None else learn_all)


def _settle_delivered(learn: Any, barrier: Any) -> Any:
    """Return the loop that brings weights that move by themselves up to date before they are delivered."""
    what = int(LearningPhase.SETTLE_DELIVERED)

    def settle(
        learning: Any, tables: Any, arrays: Any, copy: Any, clock: Any, step: Any, bin_: Any, side: Any, rank: Any, size: Any
    ) -> None:  # fmt: skip
        c = 0
        while c < learning.rules.shape[0]:
            if learning.rules[c, _ELIGIBILITY] >= 0:
                t = step - clock.first_step
                learn(what, learning, tables, arrays, copy, c, step, t, bin_, side, rank, size)
                barrier()
            c += 1

    def nothing(
        learning: Any, tables: Any, arrays: Any, copy: Any, clock: Any, step: Any, bin_: Any, side: Any, rank: Any, size: Any
    ) -> None:  # fmt: skip
        pass

    return device(nothing if learn is None else settle)


def _advance(phase: Any, learn: Any, regulated: bool, barrier: Any) -> Any:
    """Return the loop over the steps of a copy, for threads that meet at ``barrier``."""
    visit, list_winners, record, deliver, in_rounds = phase
    learn_all, settle_delivered = _learn(learn, barrier), _settle_delivered(learn, barrier)
    compete, is_due, is_sparse = regulation.compete, regulation.is_due, regulation.is_sparse

    def advance(
        tables: Any, arrays: Any, learning: Any, work: Any, trains: Any, copy: Any, run: Any, clock: Any, until: Any, rank: Any,
        size: Any,
    ) -> Any:  # fmt: skip
        step = run.steps[copy.number]
        _started(tables, copy, step, rank, size)
        need, capacity, logged, side, begun = _needed(tables), copy.log.shape[1], np.int64(0), 0, False
        # A division of 64 bits takes as long as a visit: bins are counted along.
        bin_ = (step - clock.first_step) // clock.per_bin
        before, left = bin_, (bin_ + 1) * clock.per_bin - (step - clock.first_step)
        barrier()
        while step < until and logged + need <= capacity:
            visit(begun, True, before, tables, arrays, work, trains, copy, clock, step, side, rank, size)
            barrier()
            if regulated:
                r = 0
                while r < tables.regulations.shape[0]:
                    compete(tables.regulations[r], tables.populations, copy.values, copy.held, rank, size)
                    r += 1
                    barrier()
                list_winners(tables, arrays, work, trains, copy, clock, step, side, rank, size)
                barrier()
            if tables.recorders.shape[0] > 0:
                record(tables, arrays, learning, copy, clock, step, rank, size)
                barrier()
            settle_delivered(learning, tables, arrays, copy, clock, step, bin_, side, rank, size)
            if in_rounds:
                r = 0
                while r < work.rounds.shape[0] - 1:
                    logged = deliver(tables, arrays, work, trains, copy, clock, step, bin_, side, r, logged, rank, size)
                    r += 1
                    barrier()
            else:
                logged = deliver(tables, arrays, work, trains, copy, clock, step, bin_, side, 0, logged, rank, size)
                barrier()
            learn_all(learning, tables, arrays, copy, clock, step, bin_, side, rank, size)
            if regulated:
                r = 0
                while r < tables.regulations.shape[0]:
                    rule = tables.regulations[r]
                    if is_due(rule, step):
                        if is_sparse(rule):
                            regulation.clear_sums(rule, tables.projections, run.sums, rank, size)
                            barrier()
                            regulation.add_weights(rule, tables.projections, arrays, run.sums, rank, size)
                            barrier()
                            regulation.scale_weights(
                                rule, arrays.regulation_values, tables.projections, arrays, run.sums, rank, size
                            )
                        else:
                            regulation.normalise_dense(
                                rule, arrays.regulation_values, tables.projections, arrays.weights, rank, size
                            )
                        barrier()
                    r += 1
            step += 1
            side = 1 - side
            begun = True
            before = bin_
            left -= 1
            if left == 0:
                bin_, left = bin_ + 1, clock.per_bin
        if begun:
            visit(True, False, before, tables, arrays, work, trains, copy, clock, step, side, rank, size)
        if rank == 0:
            run.steps[copy.number] = step
            run.logged[copy.number] = logged
        return step

    return device(advance)


def _copy_of(number: Any, values: Any, held: Any, fresh: Any, state: Any, counters: Any, run: Any) -> Any:
    return Copy(
        number, values, held, state.history[number], fresh, state.lengths, counters.updates, counters.fired, counters.events,
        run.traces, run.log,
    )  # fmt: skip


_copied = device(_copy_of)


def _block(phase: Any, learn: Any, regulated: bool, precision: str, staged: bool) -> Any:
    """Return the kernel in which each block runs a copy."""
    real = types.float32 if precision == "float32" else types.float64
    ints_per_value = np.dtype(PRECISIONS[precision]).itemsize // 4

    def wait() -> None:
        cuda.syncthreads()

    advance = _advance(phase, learn, regulated, device(wait))

    def whole(
        tables: Any, arrays: Any, learning: Any, work: Any, state: Any, trains: Any, counters: Any, run: Any, seed: Any,
        first_sample: Any, first_step: Any, per_bin: Any, until: Any,
    ) -> None:  # fmt: skip
        number, rank, size = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        fresh = cuda.shared.array(0, types.int32)
        copy = _copied(number, state.values[number], state.held[number], fresh, state, counters, run)
        clock = Clock(first_sample + number, seed, first_step, per_bin)
        advance(tables, arrays, learning, work, trains, copy, run, clock, until, rank, size)

    def in_shared_memory(
        tables: Any, arrays: Any, learning: Any, work: Any, state: Any, trains: Any, counters: Any, run: Any, seed: Any,
        first_sample: Any, first_step: Any, per_bin: Any, until: Any,
    ) -> None:  # fmt: skip
        number, rank, size = cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x
        n_states, n_neurons = state.values.shape[1], state.held.shape[1]
        values = cuda.shared.array(0, real)
        ints = cuda.shared.array(0, types.int32)
        held = ints[n_states * ints_per_value : n_states * ints_per_value + n_neurons]
        fresh = ints[n_states * ints_per_value + n_neurons :]
        i = rank
        while i < n_states:
            values[i] = state.values[number, i]
            i += size
        i = rank
        while i < n_neurons:
            held[i] = state.held[number, i]
            i += size
        cuda.syncthreads()
        copy = _copied(number, values, held, fresh, state, counters, run)
        clock = Clock(first_sample + number, seed, first_step, per_bin)
        advance(tables, arrays, learning, work, trains, copy, run, clock, until, rank, size)
        cuda.syncthreads()
        i = rank
        while i < n_states:
            state.values[number, i] = values[i]
            i += size
        i = rank
        while i < n_neurons:
            state.held[number, i] = held[i]
            i += size

    return kernel(in_shared_memory if staged else whole)


def _grid(phase: Any, learn: Any, regulated: bool) -> Any:
    """Return the kernel in which all blocks run one copy."""

    def wait() -> None:
        cuda.cg.this_grid().sync()

    advance = _advance(phase, learn, regulated, device(wait))

    def together(
        tables: Any, arrays: Any, learning: Any, work: Any, state: Any, trains: Any, counters: Any, run: Any, seed: Any,
        first_sample: Any, first_step: Any, per_bin: Any, until: Any, number: Any,
    ) -> None:  # fmt: skip
        rank, size = cuda.grid(1), cuda.gridsize(1)
        copy = _copied(number, state.values[number], state.held[number], run.fresh, state, counters, run)
        clock = Clock(first_sample + number, seed, first_step, per_bin)
        advance(tables, arrays, learning, work, trains, copy, run, clock, until, rank, size)

    return kernel(together)


class PhaseNumber(IntEnum):
    """What the kernel ``phase`` is to do; deliveries take the number of a round, competition and normalisation that of a rule."""

    START = 0
    VISIT = 1  # end the step before, if there is one, and begin this one
    COMPETE = 2  # likewise
    LIST_WINNERS = 3
    RECORD = 4
    DELIVER = 5
    COMMIT = 6  # the rows of the log that the step has filled
    CLEAR_SUMS = 7
    ADD_WEIGHTS = 8
    SCALE_WEIGHTS = 9
    NORMALISE_DENSE = 10
    FINISH = 11  # end the last step
    LEARN = 12  # the first of the phases of learning, in their order; they take the number of a plastic projection


_P = {phase.name: int(phase) for phase in PhaseNumber}


def _single(phase: Any, learn: Any) -> Any:
    """Return the kernel that runs one phase of a step of one copy."""
    visit, list_winners, record, deliver, _ = phase
    learn_, renew, set_clock = _P["LEARN"], int(LearningPhase.RENEW), int(LearningPhase.SET_CLOCK)
    start, visit_, compete_, list_ = (_P[name] for name in ("START", "VISIT", "COMPETE", "LIST_WINNERS"))
    record_, deliver_, commit, clear = (_P[name] for name in ("RECORD", "DELIVER", "COMMIT", "CLEAR_SUMS"))
    add, scale, dense, finish = (
        _P[name] for name in ("ADD_WEIGHTS", "SCALE_WEIGHTS", "NORMALISE_DENSE", "FINISH")
    )  # fmt: skip

    def one(
        which: Any, rule: Any, tables: Any, arrays: Any, learning: Any, work: Any, state: Any, trains: Any, counters: Any, run: Any,
        seed: Any, first_sample: Any, first_step: Any, per_bin: Any, number: Any, step: Any, side: Any, begun: Any,
    ) -> None:  # fmt: skip
        rank, size = cuda.grid(1), cuda.gridsize(1)
        copy = _copied(number, state.values[number], state.held[number], run.fresh, state, counters, run)
        clock = Clock(first_sample + number, seed, first_step, per_bin)
        bin_, before = (step - first_step) // per_bin, max(step - 1 - first_step, 0) // per_bin
        if which == start:
            _started(tables, copy, step, rank, size)
            if rank == 0:
                run.logged[number] = 0
        elif which == visit_:
            visit(begun, True, before, tables, arrays, work, trains, copy, clock, step, side, rank, size)
        elif which == compete_:
            regulation.compete(tables.regulations[rule], tables.populations, copy.values, copy.held, rank, size)
        elif which == list_:
            list_winners(tables, arrays, work, trains, copy, clock, step, side, rank, size)
        elif which == record_:
            record(tables, arrays, learning, copy, clock, step, rank, size)
        elif which == deliver_:
            logged = np.int64(run.logged[number])
            deliver(tables, arrays, work, trains, copy, clock, step, bin_, side, rule, logged, rank, size)
        elif which == commit:
            if rank == 0:
                p = 0
                while p < tables.populations.shape[0]:
                    if tables.populations[p, _RECORD_SPIKES] != 0:
                        run.logged[number] += copy.fresh[side * tables.populations.shape[0] + p]
                    p += 1
        elif which == clear:
            regulation.clear_sums(tables.regulations[rule], tables.projections, run.sums, rank, size)
        elif which == add:
            regulation.add_weights(tables.regulations[rule], tables.projections, arrays, run.sums, rank, size)
        elif which == scale:
            regulation.scale_weights(
                tables.regulations[rule], arrays.regulation_values, tables.projections, arrays, run.sums, rank, size
            )
        elif which == dense:
            regulation.normalise_dense(
                tables.regulations[rule], arrays.regulation_values, tables.projections, arrays.weights, rank, size
            )
        elif which == finish:
            visit(True, False, before, tables, arrays, work, trains, copy, clock, step, side, rank, size)
        elif which >= learn_:
            what, t = which - learn_, step - first_step
            # Those that only some steps need.
            if is_active(tables, arrays, learning, copy, rule, t, side) and (
                what > set_clock or what < renew or is_old(learning, rule, step)
            ):
                learn(what, learning, tables, arrays, copy, rule, step, t, bin_, side, rank, size)

    return kernel(one)


@cache
def _kernels(
    kinds: tuple[NeuronKind, ...],
    deliveries: tuple[DeliveryKind, ...],
    learners: tuple[LearningKind, ...],
    regulated: bool,
    precision: str,
) -> Kernels:
    phase = phases(kinds, deliveries, bool(learners), precision)
    learn = plasticity.learn(learners, precision)
    # What nobody needs is left out of the loop: it would take registers.
    own = learn if learners else None
    return Kernels(
        _block(phase, own, regulated, precision, staged=True),
        _block(phase, own, regulated, precision, staged=False),
        _grid(phase, own, regulated),
        _single(phase, learn),
    )


def kernels(
    kinds: Sequence[NeuronKind],
    deliveries: Sequence[DeliveryKind],
    learners: Sequence[LearningKind],
    regulated: bool,
    precision: str,
) -> Kernels:
    """Return the kernels of networks of these kinds; each is compiled when it is launched first."""
    return _kernels(tuple(kinds), tuple(deliveries), tuple(learners), regulated, precision)
