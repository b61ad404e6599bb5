"""Learning on the card: the phases in which a plastic projection learns from a step, from the scalar functions of its rule.

They follow ``snnsim_kernels.plasticity``, whose state they share, traces kept relative to t0 and weights that move with the level
included. Within a phase no two threads touch the same synapse: a warp takes a spike, its threads the synapses of a source or of
a target. Traces rise in phases of their own, once all who read them are through.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np

from ..layout import PopulationColumn, ProjectionColumn
from ..plasticity_layout import PlasticityColumn, Updates
from ..plasticity_registry import LearningKind
from ..registry import PRECISIONS
from ._jit import device
from .layout import LANES, SHIFT
from .neurons import loader
from .synapses import columns_of, row_of, rows_of, settle
from .traces import powers_of, raiser
from .warp import add_up

__all__ = ["LearningPhase", "is_active", "is_old", "learn", "signalled"]

_SIZE, _SLOTS = int(PopulationColumn.SIZE), int(PopulationColumn.SLOTS)
_HISTORY, _LENGTHS = int(PopulationColumn.HISTORY), int(PopulationColumn.LENGTHS)
_SOURCE, _TARGET = int(ProjectionColumn.SOURCE), int(ProjectionColumn.TARGET)
_SOURCE_NEURON, _SOURCES = int(ProjectionColumn.SOURCE_NEURON), int(ProjectionColumn.SOURCE_SIZE)
_TARGET_NEURON, _TARGETS = int(ProjectionColumn.TARGET_NEURON), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _DELAYS = int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.DELAYS)
_N_DELAYS = int(ProjectionColumn.N_DELAYS)
_KIND, _PROJECTION = int(PlasticityColumn.KIND), int(PlasticityColumn.PROJECTION)
_PARAMETERS, _RATES = int(PlasticityColumn.PARAMETERS), int(PlasticityColumn.RATES)
_PRE, _PRE_SEGMENTS = int(PlasticityColumn.PRE), int(PlasticityColumn.PRE_SEGMENTS)
_POST, _POST_SEGMENTS = int(PlasticityColumn.POST), int(PlasticityColumn.POST_SEGMENTS)
_DENDRITIC, _STARTS = int(PlasticityColumn.DENDRITIC), int(PlasticityColumn.STARTS)
_EXISTING, _ELIGIBILITY = int(PlasticityColumn.EXISTING), int(PlasticityColumn.ELIGIBILITY)
_STORED, _CYCLE = int(PlasticityColumn.SYNAPSES), int(PlasticityColumn.CYCLE)
_WHICH, _SIGNALS = int(PlasticityColumn.WHICH), int(PlasticityColumn.SIGNALS)
_SIGNAL_WIDTH = int(PlasticityColumn.SIGNAL_WIDTH)
_BY_PRE, _BY_POST, _BY_SIGNAL = int(Updates.PRE), int(Updates.POST), int(Updates.SIGNAL)


class LearningPhase(IntEnum):
    """What :func:`learn` is to do; phases are kept apart by barriers."""

    SETTLE_DELIVERED = 0  # before delivery: bring up to date the weights that this step delivers
    RENEW = 1  # after it: where t0 lies far back, bring traces and eligibilities to this step...
    SET_CLOCK = 2  # ...and take it as t0
    SIGNAL = 3  # what an impulse of the teaching signal changes
    PRE = 4  # what spikes of the sources change...
    RAISE_PRE = 5  # ...and their traces
    POST = 6  # what spikes of the targets change...
    RAISE_POST = 7  # ...their traces, and modulator and level through the step
    SETTLE_ALL = 8  # before a normalisation: bring all weights up to date


_P = {phase.name: int(phase) for phase in LearningPhase}


def _impulse_row(learning: Any, rule: Any, t: Any) -> Any:
    """Return the row of the modulator that arrives in step t of the run, or -1."""
    if rule[_WHICH] < 0:
        return np.int64(-1)
    return np.int64(learning.schedule[rule[_WHICH] + t])


signalled = device(_impulse_row)


def _list_of(tables: Any, copy: Any, p: Any, side: Any, delay: Any) -> Any:
    """Return where the list of what a population fired ``delay`` steps ago begins, and its length."""
    row, n = tables.populations[p], tables.populations.shape[0]
    slot = np.int64(copy.fresh[(2 + side) * n + p]) - delay
    if slot < 0:
        slot += row[_SLOTS]
    length = copy.fresh[side * n + p] if delay == 0 else copy.lengths[copy.number, row[_LENGTHS] + slot]
    return row[_HISTORY] + slot * row[_SIZE], np.int64(length)


_listed = device(_list_of)


def _is_active(tables: Any, arrays: Any, learning: Any, copy: Any, c: Any, t: Any, side: Any) -> Any:
    """Return whether a plastic projection learns from this step: spikes or an impulse come, or its weights move by themselves."""
    rule = learning.rules[c]
    row = tables.projections[rule[_PROJECTION]]
    if rule[_ELIGIBILITY] >= 0 or signalled(learning, rule, t) >= 0:
        return True
    late, now = (row[_TARGET], row[_SOURCE]) if rule[_DENDRITIC] != 0 else (row[_SOURCE], row[_TARGET])
    _, count = _listed(tables, copy, now, side, np.int64(0))
    k = 0
    while k < row[_N_DELAYS]:
        _, waiting = _listed(tables, copy, late, side, arrays.delays[row[_DELAYS] + k])
        count += waiting
        k += 1
    return count > 0


is_active = device(_is_active)


def _is_old(learning: Any, c: Any, step: Any) -> Any:
    """Return whether t0 lies so far back that a new one is due."""
    return step - learning.state.clock[2 * c] >= learning.rules[c, _CYCLE]


is_old = device(_is_old)


def _renew(kind: LearningKind, precision: str) -> Any:
    """Return what brings traces and eligibilities to a new t0."""
    real, n_pre, n_both, eligible = PRECISIONS[precision], kind.n_pre, kind.n_pre + kind.n_post, kind.eligible

    def renew(learning: Any, arrays: Any, rule: Any, row: Any, c: Any, step: Any, rank: Any, size: Any) -> None:
        age, rates, state = step - learning.state.clock[2 * c], learning.rates, learning.state
        a = 0
        while a < n_both:
            factor = real(math.exp(-age * rates[rule[_RATES] + a]))
            of_pre = a < n_pre
            length = rule[_PRE_SEGMENTS] if of_pre else rule[_POST_SEGMENTS]
            first = rule[_PRE] + a * length if of_pre else rule[_POST] + (a - n_pre) * length
            s = rank
            while s < length:
                state.traces[np.uint64(first + s)] *= factor
                s += size
            a += 1
        if eligible:
            factor, level = real(math.exp(-age * rates[rule[_RATES] + n_both])), real(state.levels[2 * c + 1])
            first, stored = rule[_ELIGIBILITY], rule[_STORED]
            p = rank
            while p < stored:
                at, since = np.uint64(first + p), np.uint64(first + stored + p)
                arrays.weights[np.uint64(row[_WEIGHTS] + p)] += state.eligibility[at] * (
                    level - state.eligibility[since]
                )
                state.eligibility[at] *= factor
                state.eligibility[since] = 0
                p += size

    return device(renew)


def _commit(eligible: bool) -> Any:
    """Return what follows modulator and level through a step: one thread does it."""

    def integrate(learning: Any, rule: Any, c: Any, step: Any, which: Any, first: Any) -> None:
        rates, clock, levels = learning.rates, learning.state.clock, learning.state.levels
        if levels[2 * c] != 0 and step > clock[2 * c + 1]:
            levels[2 * c] *= math.exp(-(step - clock[2 * c + 1]) * rates[first + 1])
        if which >= 0:
            levels[2 * c] += np.float64(learning.signals[rule[_SIGNALS] + which])
        if levels[2 * c] != 0:
            levels[2 * c + 1] += levels[2 * c] * math.exp((clock[2 * c] - step) * rates[first]) * rates[first + 2]
            levels[2 * c] *= math.exp(-rates[first + 1])
        clock[2 * c + 1] = step + 1

    def nothing(learning: Any, rule: Any, c: Any, step: Any, which: Any, first: Any) -> None:
        pass

    return device(integrate if eligible else nothing)


def _phases(kind: LearningKind, precision: str) -> Any:
    """Return the phases of a kind of plastic projection."""
    real, first_rate, eligible = PRECISIONS[precision], kind.n_pre + kind.n_post, kind.eligible
    n_pre, n_post, n_constants = kind.n_pre, kind.n_post, kind.n_constants
    pre_powers, post_powers = powers_of(n_pre, precision), powers_of(n_post, precision)
    raise_pre, raise_post = raiser(n_pre), raiser(n_post)
    pre_kept, post_kept = loader(n_pre), loader(n_post)
    renew, commit, columns = _renew(kind, precision), _commit(eligible), columns_of(kind, precision)
    rows, impulse = rows_of(kind, precision)
    segment_of, _ = row_of(kind)
    settle_delivered, renew_, set_clock = (_P[name] for name in ("SETTLE_DELIVERED", "RENEW", "SET_CLOCK"))
    signal_, pre_, raise_pre_ = (_P[name] for name in ("SIGNAL", "PRE", "RAISE_PRE"))
    post_, raise_post_, settle_all = (_P[name] for name in ("POST", "RAISE_POST", "SETTLE_ALL"))

    def learn(
        what: Any, learning: Any, tables: Any, arrays: Any, copy: Any, c: Any, step: Any, t: Any, bin_: Any, side: Any, rank: Any,
        size: Any,
    ) -> None:  # fmt: skip
        rule = learning.rules[c]
        row = tables.projections[rule[_PROJECTION]]
        lane, warp, warps = rank & (LANES - 1), rank >> SHIFT, size >> SHIFT
        n, m, parts, dendritic = row[_SOURCES], row[_TARGETS], row[_N_DELAYS], rule[_DENDRITIC] != 0
        level = real(learning.state.levels[2 * c + 1])
        if what == settle_all:
            if eligible:
                settle(learning, arrays, rule, row, rank, rule[_STORED], size, level)
            return
        if what == renew_:
            renew(learning, arrays, rule, row, c, step, rank, size)
            return
        if what == set_clock:
            if rank == 0:
                learning.state.clock[2 * c] = step
                if eligible:
                    learning.state.levels[2 * c + 1] = 0.0
            return
        age = step - learning.state.clock[2 * c]
        rates, which = rule[_RATES], signalled(learning, rule, t)
        x_scale, y_scale = pre_powers(learning.rates, rates, -age), post_powers(learning.rates, rates + n_pre, -age)
        power = real(1)
        if eligible:
            power = real(math.exp(age * learning.rates[rates + first_rate]))
        if what == signal_:
            s = warp
            while s < n * parts:
                own, after = (s // parts, s % parts * m) if dendritic else (s, np.int64(0))
                given = rule[_SIGNALS] + which * rule[_SIGNAL_WIDTH]
                count = impulse(learning, arrays, rule, row, s, own, after, x_scale, y_scale, level, power, given, lane)
                add_up(learning.counts, bin_, c, _BY_SIGNAL, count, lane)
                s += warps
        elif what >= post_:
            raised = post_powers(learning.rates, rates + n_pre, age)
            kept = post_kept(learning.parameters, rule[_PARAMETERS] + 2 + n_constants + n_pre, 1)
            part = np.int64(0)
            while part < (parts if dendritic else 1):
                delay = arrays.delays[row[_DELAYS] + part] if dendritic else np.int64(0)
                base, spikes = _listed(tables, copy, row[_TARGET], side, delay)
                q = np.int64(warp) if what == post_ else np.int64(rank)
                while q < spikes:
                    i = copy.lists[np.uint32(base + q)] - row[_TARGET_NEURON]
                    if 0 <= i < m:
                        s = part * m + i
                        if what == post_:
                            count = columns(learning, arrays, rule, row, s, x_scale, y_scale, level, power, lane)
                            add_up(learning.counts, bin_, c, _BY_POST, count, lane)
                        else:
                            raise_post(learning.state.traces, rule[_POST] + s, rule[_POST_SEGMENTS], kept, raised)
                    q += warps if what == post_ else size
                part += 1
            if what == raise_post_ and rank == 0:
                commit(learning, rule, c, step, which, rates + first_rate)
        else:
            raised = pre_powers(learning.rates, rates, age)
            kept = pre_kept(learning.parameters, rule[_PARAMETERS] + 2 + n_constants, 1)
            part = np.int64(0)
            while part < (1 if dendritic and what != settle_delivered else parts):
                late = not dendritic or what == settle_delivered
                delay = arrays.delays[row[_DELAYS] + part] if late else np.int64(0)
                base, spikes = _listed(tables, copy, row[_SOURCE], side, delay)
                q = np.int64(rank) if what == raise_pre_ else np.int64(warp)
                while q < spikes:
                    j = copy.lists[np.uint32(base + q)] - row[_SOURCE_NEURON]
                    if 0 <= j < n:
                        s = j if dendritic else j * parts + part
                        if what == pre_:
                            k = np.int64(0)
                            while k < (parts if dendritic else 1):
                                segment = j * parts + k if dendritic else s
                                count = rows(
                                    learning, arrays, rule, row, segment, s, k * m, x_scale, y_scale, level, power, np.int64(0),
                                    lane,
                                )  # fmt: skip
                                add_up(learning.counts, bin_, c, _BY_PRE, count, lane)
                                k += 1
                        elif what == raise_pre_:
                            raise_pre(learning.state.traces, rule[_PRE] + s, rule[_PRE_SEGMENTS], kept, raised)
                        elif eligible:
                            begin, length, _ = segment_of(arrays, row, j * parts + part)
                            settle(learning, arrays, rule, row, begin + lane, begin + length, LANES, level)
                    q += size if what == raise_pre_ else warps
                part += 1

    return device(learn)


def learn(kinds: Sequence[LearningKind], precision: str) -> Any:
    """Return ``(what, learning, tables, arrays, copy, c, step, t, bin, side, rank, size)``: a phase of plastic projection c.

    ``what`` is a LearningPhase, t the step counted from the start of the run.
    """

    def nothing(
        what: Any, learning: Any, tables: Any, arrays: Any, copy: Any, c: Any, step: Any, t: Any, bin_: Any, side: Any, rank: Any,
        size: Any,
    ) -> None:  # fmt: skip
        pass

    made = device(nothing)
    for number, kind in enumerate(kinds):
        made = _or_else(number, _phases(kind, precision), made)
    return made


def _or_else(number: int, own: Any, others: Any) -> Any:
    def choose(
        what: Any, learning: Any, tables: Any, arrays: Any, copy: Any, c: Any, step: Any, t: Any, bin_: Any, side: Any, rank: Any,
        size: Any,
    ) -> None:  # fmt: skip
        if learning.rules[c, _KIND] == number:
            own(what, learning, tables, arrays, copy, c, step, t, bin_, side, rank, size)
        else:
            others(what, learning, tables, arrays, copy, c, step, t, bin_, side, rank, size)

    return device(choose)
