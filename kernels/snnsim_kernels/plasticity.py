"""Learning kernels: what the spikes of both sides of a projection, and a modulator, do to its weights.

One template, bound to the scalar functions of a rule and to loops over dense or over sparse synapses. In a step, an impulse of the
modulator comes first, then the spikes that reach the synapses from their sources, then those from their targets; weights are
delivered before.

Where a rule has an eligibility, the weight moves by itself as long as there is dopamine: dw/dt = c d. With c kept as
e = c exp((t - t0) / tau_e), which only spikes change, w(t) = w(t1) + e (D(t) - D(t1)), where D is the integral of
d exp(-(t - t0) / tau_e), one number for all synapses. So a weight is brought up to date where it is needed: before it is
delivered, and where a spike changes its eligibility.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from .layout import PopulationColumn, ProjectionColumn
from .plasticity_layout import PlasticityColumn, Updates
from .views import view

__all__ = [
    "change_eligibility",
    "change_weight",
    "column_dense",
    "column_sparse",
    "columns_dense",
    "columns_sparse",
    "learn",
    "learn_nothing",
    "learned_weight",
    "learns_now",
    "moving_weight",
    "row_dense",
    "row_sparse",
    "rows_dense",
    "rows_sparse",
    "signal_dense",
    "signal_sparse",
    "standing_weight",
]

_SIZE, _SLOTS = int(PopulationColumn.SIZE), int(PopulationColumn.SLOTS)
_HISTORY, _LENGTHS, _P_COUNT = int(PopulationColumn.HISTORY), int(PopulationColumn.LENGTHS), int(PopulationColumn.COUNT)
_SOURCE, _TARGET = int(ProjectionColumn.SOURCE), int(ProjectionColumn.TARGET)
_SOURCE_NEURON, _SOURCES = int(ProjectionColumn.SOURCE_NEURON), int(ProjectionColumn.SOURCE_SIZE)
_TARGET_NEURON, _TARGETS = int(ProjectionColumn.TARGET_NEURON), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _DELAYS, _N_DELAYS = (
    int(ProjectionColumn.WEIGHTS), int(ProjectionColumn.DELAYS), int(ProjectionColumn.N_DELAYS),
)  # fmt: skip
_PARAMETERS, _RATES = int(PlasticityColumn.PARAMETERS), int(PlasticityColumn.RATES)
_PRE, _PRE_SEGMENTS = int(PlasticityColumn.PRE), int(PlasticityColumn.PRE_SEGMENTS)
_POST, _POST_SEGMENTS = int(PlasticityColumn.POST), int(PlasticityColumn.POST_SEGMENTS)
_DENDRITIC = int(PlasticityColumn.DENDRITIC)
_STARTS, _PLACES, _EXISTING = (
    int(PlasticityColumn.STARTS), int(PlasticityColumn.PLACES), int(PlasticityColumn.EXISTING),
)  # fmt: skip
_ELIGIBILITY, _STORED = int(PlasticityColumn.ELIGIBILITY), int(PlasticityColumn.SYNAPSES)
_CYCLE, _SETTLE, _WHICH = int(PlasticityColumn.CYCLE), int(PlasticityColumn.SETTLE), int(PlasticityColumn.WHICH)
_SIGNALS, _SIGNAL_WIDTH = int(PlasticityColumn.SIGNALS), int(PlasticityColumn.SIGNAL_WIDTH)
_BY_PRE, _BY_POST, _BY_SIGNAL = int(Updates.PRE), int(Updates.POST), int(Updates.SIGNAL)

# Free names of the templates, bound by the registry for each rule.
on_pre: Any  # the scalar functions of the rule...
on_post: Any
on_signal: Any
HAS_PRE: bool  # ...and which of them it has
HAS_POST: bool
HAS_SIGNAL: bool
ELIGIBLE: bool
DENSE: bool
MASKED: bool  # dense: whether some pairs have no synapse
N_PRE: int  # number of traces
N_POST: int
N_CONSTANTS: int
pre_rows: Any  # rows of traces (see tuples.py), and how they are read and raised (see traces.py)
post_rows: Any
pre_of: Any
post_of: Any
raise_pre: Any
raise_post: Any
pre_powers: Any
post_powers: Any
constants_of: Any  # the rule's constants, and whether a spike adds to its traces, as tuples
pre_kept: Any
post_kept: Any
reached_of: Any  # targets of either width
row_of: Any  # which synapses a segment of either side has
column_of: Any
weight_at: Any  # what a weight is now...
change: Any  # ...and what becomes of it
rows: Any  # loops over a row or a column of synapses
columns: Any
signal: Any


@njit
def _clipped(w: Any, low: Any, high: Any) -> Any:
    w = w if w > low else low
    return w if w < high else high


@njit
def learned_weight(w: Any, e: Any, moved: Any, low: Any, high: Any) -> Any:
    """Return a weight with eligibility e since whose last update the level has ``moved``."""
    return _clipped(w + e * moved, low, high)


# What rules with and without eligibility differ in. ``own`` are the weights, then eligibilities, then levels of a projection.


@njit
def standing_weight(own: Any, p: Any, level: Any, bounds: Any) -> Any:
    """Return a weight that only spikes change."""
    return own[0][p]


@njit
def moving_weight(own: Any, p: Any, level: Any, bounds: Any) -> Any:
    """Return a weight that moves with the level."""
    return learned_weight(own[0][p], own[1][p], level - own[2][p], bounds[0], bounds[1])


@njit
def change_weight(own: Any, p: Any, w: Any, by: Any, level: Any, power: Any, bounds: Any) -> None:
    """Change the weight, which is w, by ``by``."""
    own[0][p] = _clipped(w + by, bounds[0], bounds[1])


@njit
def change_eligibility(own: Any, p: Any, w: Any, by: Any, level: Any, power: Any, bounds: Any) -> None:
    """Change the eligibility by ``by``, and keep the weight, which is w at this level."""
    own[0][p] = w
    own[1][p] += by * power
    own[2][p] = level


# Which synapses a segment has: the first place (or, of a sparse column, entry of the index), how many, how many of them exist.


@njit
def row_dense(pointers: Any, row: Any, s: Any) -> Any:
    """Return those of a source."""
    return s * row[_TARGETS], row[_TARGETS], pointers[row[_POINTERS] + s]


@njit
def row_sparse(pointers: Any, row: Any, s: Any) -> Any:
    """Return those of a source and delay."""
    begin, end = pointers[row[_POINTERS] + s], pointers[row[_POINTERS] + s + 1]
    return begin, end - begin, end - begin


@njit
def column_dense(starts: Any, rule: Any, row: Any, s: Any) -> Any:
    """Return those of a target."""
    return s, row[_SOURCES], starts[rule[_STARTS] + s]


@njit
def column_sparse(starts: Any, rule: Any, row: Any, s: Any) -> Any:
    """Return those of a target, or of a delay and target."""
    begin, end = starts[rule[_STARTS] + s], starts[rule[_STARTS] + s + 1]
    return begin, end - begin, end - begin


# Loops over one row or column, functions of their own: in a larger one they would not vectorise. Nor would they with places from
# ``begin`` on instead of views from 0: an index that might be negative counts from the end.


@njit
def _part(own: Any, begin: Any, n: Any) -> Any:
    return view(own[0], begin, n), view(own[1], begin, n), view(own[2], begin, n)


def rows_dense(
    own: Any, begin: Any, n: Any, reached: Any, existing: Any, x: Any, post: Any, down: Any, c: Any, level: Any, power: Any,
    bounds: Any,
) -> None:  # fmt: skip
    """Template: a spike of a source changes its n synapses."""
    here, there = _part(own, begin, n), view(existing, begin, n)
    for k in range(n):
        w = weight_at(here, k, level, bounds)
        by = on_pre(w, x, post_of(post, k, down), c)
        if not MASKED or there[k]:
            change(here, k, w, by, level, power, bounds)


def rows_sparse(
    own: Any, begin: Any, n: Any, reached: Any, existing: Any, x: Any, post: Any, down: Any, c: Any, level: Any, power: Any,
    bounds: Any,
) -> None:  # fmt: skip
    """Template: a spike of a source changes its n synapses from place ``begin`` on."""
    for k in range(n):
        w = weight_at(own, begin + k, level, bounds)
        change(own, begin + k, w, on_pre(w, x, post_of(post, reached[k], down), c), level, power, bounds)


def columns_dense(
    own: Any, first: Any, n: Any, m: Any, places: Any, segments: Any, existing: Any, y: Any, pre: Any, down: Any, c: Any,
    level: Any, power: Any, bounds: Any,
) -> None:  # fmt: skip
    """Template: a spike of target number ``first`` of m changes its synapses from n sources."""
    for j in range(n):
        p = j * m + first
        if not MASKED or existing[p]:
            w = weight_at(own, p, level, bounds)
            change(own, p, w, on_post(w, pre_of(pre, j, down), y, c), level, power, bounds)


def columns_sparse(
    own: Any, first: Any, n: Any, m: Any, places: Any, segments: Any, existing: Any, y: Any, pre: Any, down: Any, c: Any,
    level: Any, power: Any, bounds: Any,
) -> None:  # fmt: skip
    """Template: a spike of a target changes the n synapses that stand from ``first`` on in the index: they lie anywhere."""
    at, sources = view(places, first, n).view(np.uint32), view(segments, first, n).view(np.uint32)
    for k in range(n):
        p = at[k]
        w = weight_at(own, p, level, bounds)
        change(own, p, w, on_post(w, pre_of(pre, sources[k], down), y, c), level, power, bounds)


def signal_dense(
    own: Any, begin: Any, n: Any, reached: Any, existing: Any, x: Any, post: Any, down: Any, c: Any, bounds: Any, given: Any,
    width: Any,
) -> None:  # fmt: skip
    """Template: an impulse of the teaching signal changes the n synapses of a source."""
    weights, there = view(own[0], begin, n), view(existing, begin, n)
    for k in range(n):
        w = weights[k]
        by = on_signal(w, given[k if width > 1 else 0], x, post_of(post, k, down), c)
        if not MASKED or there[k]:
            weights[k] = _clipped(w + by, bounds[0], bounds[1])


def signal_sparse(
    own: Any, begin: Any, n: Any, reached: Any, existing: Any, x: Any, post: Any, down: Any, c: Any, bounds: Any, given: Any,
    width: Any,
) -> None:  # fmt: skip
    """Template: an impulse of the teaching signal changes the n synapses of a segment of the source side."""
    for k in range(n):
        w, i = own[0][begin + k], reached[k]
        by = on_signal(w, given[i if width > 1 else 0], x, post_of(post, i, down), c)
        own[0][begin + k] = _clipped(w + by, bounds[0], bounds[1])


@njit
def _settle(own: Any, begin: Any, end: Any, level: Any, bounds: Any) -> None:
    """Bring the weights from place ``begin`` to ``end`` - 1 up to date."""
    for p in range(begin, end):
        own[0][p] = moving_weight(own, p, level, bounds)
        own[2][p] = level


@njit
def _spikes(populations: Any, p: Any, first: Any, size: Any, lists: Any, lengths: Any, step: Any, delay: Any) -> Any:
    """Return the list of what a population fired ``delay`` steps ago, and the part of it that neurons of a slice fired."""
    row = view(populations, p * _P_COUNT, _P_COUNT)
    slot = 0 if row[_SLOTS] == 1 else (step - delay) % row[_SLOTS]
    spikes = view(lists, row[_HISTORY] + slot * row[_SIZE], row[_SIZE])
    start, stop = 0, np.int64(lengths[row[_LENGTHS] + slot])
    while start < stop and spikes[start] < first:
        start += 1
    while stop > start and spikes[stop - 1] >= first + size:
        stop -= 1
    return spikes, start, stop


@njit
def learns_now(
    rule: Any, row: Any, step: Any, at: Any, populations: Any, lengths: Any, delays: Any, schedule: Any
) -> Any:
    """Whether a step changes anything in a projection: an impulse, or a spike of either population that comes to the synapses.

    Asked before the learning kernel is called: that takes a third of a microsecond even where it finds nothing to do.
    """
    if rule[_ELIGIBILITY] >= 0 or (rule[_WHICH] >= 0 and schedule[rule[_WHICH] + at] >= 0):
        return True
    for side in range(2):
        p = view(populations, row[_TARGET if side else _SOURCE] * _P_COUNT, _P_COUNT)
        if side == rule[_DENDRITIC]:
            for part in range(row[_N_DELAYS]):
                if lengths[p[_LENGTHS] + (step - delays[row[_DELAYS] + part]) % p[_SLOTS]] > 0:
                    return True
        elif lengths[p[_LENGTHS] + step % p[_SLOTS]] > 0:
            return True
    return False


@njit
def _renew(
    rule: Any, age: Any, own: Any, traces: Any, n_pre: Any, n_post: Any, rates: Any, eligible: Any, levels: Any
) -> None:
    """Bring all traces and eligibilities to a new t0, ``age`` steps after the old one."""
    at, place = rule[_RATES], rule[_PRE]
    for a in range(n_pre + n_post):
        size = rule[_PRE_SEGMENTS] if a < n_pre else rule[_POST_SEGMENTS]
        if a == n_pre:
            place = rule[_POST]
        factor = traces.dtype.type(math.exp(-age * rates[at + a]))
        for s in range(place, place + size):
            traces[s] *= factor
        place += size
    if eligible:
        factor, level = traces.dtype.type(math.exp(-age * rates[at + n_pre + n_post])), traces.dtype.type(levels[1])
        for p in range(rule[_STORED]):
            # Not clipped: a bound acts only where a spike meets the synapse, wherever t0 lies.
            own[0][p] += own[1][p] * (level - own[2][p])
            own[1][p] *= factor
            own[2][p] = 0
        levels[1] = 0.0


@njit
def _impulse(rates: Any, step: Any, clock: Any, levels: Any, value: Any) -> None:
    """Let the modulator, which may not have been followed for some steps, rise by ``value``."""
    if levels[0] != 0 and step > clock[1]:
        levels[0] *= math.exp(-(step - clock[1]) * rates[1])
    levels[0] += value


@njit
def _integrate(rates: Any, step: Any, clock: Any, levels: Any) -> None:
    """Follow modulator and level through a step."""
    if levels[0] != 0:
        levels[1] += levels[0] * math.exp((clock[0] - step) * rates[0]) * rates[2]
        levels[0] *= math.exp(-rates[1])
    clock[1] = step + 1


# The learning kernels take the same arguments: they are called through one function type. ``before_delivery``: only bring up to
# date what is delivered in this step. ``at`` is the step counted from the start of the run. ``traces`` to ``levels`` are the state
# (clock and levels: of this projection), ``counts`` the counters of this projection and bin; all else as in the layouts.


def learn_nothing(
    before_delivery: Any, rule: Any, row: Any, step: Any, at: Any, populations: Any, lists: Any, lengths: Any,
    delays: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any, starts: Any, places: Any, segments: Any,
    existing: Any, parameters: Any, rates: Any, traces: Any, eligibility: Any, clock: Any, levels: Any, schedule: Any,
    signals: Any, counts: Any,
) -> None:  # fmt: skip
    """Do nothing: no projection is plastic."""


def learn(
    before_delivery: Any, rule: Any, row: Any, step: Any, at: Any, populations: Any, lists: Any, lengths: Any,
    delays: Any, pointers: Any, targets: Any, narrow_targets: Any, weights: Any, starts: Any, places: Any, segments: Any,
    existing: Any, parameters: Any, rates: Any, traces: Any, eligibility: Any, clock: Any, levels: Any, schedule: Any,
    signals: Any, counts: Any,
) -> None:  # fmt: skip
    """Template: let a projection learn from what reaches its synapses in a step."""
    stored, n, m, parts = rule[_STORED], row[_SOURCES], row[_TARGETS], row[_N_DELAYS]
    dendritic, delay = rule[_DENDRITIC] != 0, view(delays, row[_DELAYS], parts)
    moving, e = (stored, rule[_ELIGIBILITY]) if ELIGIBLE else (0, 0)
    own = (view(weights, row[_WEIGHTS], stored), view(eligibility, e, moving), view(eligibility, e + moving, moving))
    bounds = (parameters[rule[_PARAMETERS]], parameters[rule[_PARAMETERS] + 1])
    level = traces.dtype.type(levels[1])
    if before_delivery:
        for part in range(parts):
            spikes, start, stop = _spikes(
                populations, row[_SOURCE], row[_SOURCE_NEURON], n, lists, lengths, step, delay[part]
            )
            for q in range(start, stop):
                begin, size, _ = row_of(pointers, row, (spikes[q] - row[_SOURCE_NEURON]) * parts + part)
                _settle(own, begin, begin + size, level, bounds)
        return
    which = schedule[rule[_WHICH] + at] if rule[_WHICH] >= 0 else -1
    age = step - clock[0]
    if age >= rule[_CYCLE]:
        _renew(rule, age, own, traces, N_PRE, N_POST, rates, ELIGIBLE, levels)
        clock[0], age, level = step, 0, traces.dtype.type(levels[1])
    own_rates = view(rates, rule[_RATES] + N_PRE + N_POST, 3)
    power = traces.dtype.type(1)
    if ELIGIBLE:
        _impulse(own_rates, step, clock, levels, signals[rule[_SIGNALS] + which] if which >= 0 else 0)
        power = traces.dtype.type(math.exp(age * own_rates[0]))
    c = constants_of(parameters, rule[_PARAMETERS] + 2, 1)
    pre = pre_rows(traces, rule[_PRE], rule[_PRE_SEGMENTS])
    post = post_rows(traces, rule[_POST], rule[_POST_SEGMENTS])
    x_scale = pre_powers(traces, rates, rule[_RATES], -age)
    y_scale = post_powers(traces, rates, rule[_RATES] + N_PRE, -age)
    there, reached = view(existing, rule[_EXISTING], 0), reached_of(targets, narrow_targets, row[_SYNAPSES], 0)
    if MASKED:
        there = view(existing, rule[_EXISTING], stored)
    if HAS_SIGNAL and which >= 0:
        width = rule[_SIGNAL_WIDTH]
        given = view(signals, rule[_SIGNALS] + which * width, width)
        for s in range(n * parts):
            begin, size, count = row_of(pointers, row, s)
            if not DENSE:
                reached = reached_of(targets, narrow_targets, row[_SYNAPSES] + begin, size)
            if dendritic:
                post = post_rows(traces, rule[_POST] + s % parts * m, rule[_POST_SEGMENTS])
            x = pre_of(pre, s // parts if dendritic else s, x_scale)
            signal(own, begin, size, reached, there, x, post, y_scale, c, bounds, given, width)
            counts[_BY_SIGNAL] += count
    kept = rule[_PARAMETERS] + 2 + N_CONSTANTS
    rise, keep = pre_powers(traces, rates, rule[_RATES], age), pre_kept(parameters, kept, 1)
    for part in range(1 if dendritic else parts):
        after = 0 if dendritic else delay[part]
        spikes, start, stop = _spikes(populations, row[_SOURCE], row[_SOURCE_NEURON], n, lists, lengths, step, after)
        for q in range(start, stop):
            j = spikes[q] - row[_SOURCE_NEURON]
            s = j if dendritic else j * parts + part
            if HAS_PRE:
                x = pre_of(pre, s, x_scale)
                for k in range(parts if dendritic else 1):
                    begin, size, count = row_of(pointers, row, j * parts + k if dendritic else s)
                    if not DENSE:
                        reached = reached_of(targets, narrow_targets, row[_SYNAPSES] + begin, size)
                    post = post_rows(traces, rule[_POST] + k * m, rule[_POST_SEGMENTS])
                    rows(own, begin, size, reached, there, x, post, y_scale, c, level, power, bounds)
                    counts[_BY_PRE] += count
            raise_pre(pre, s, keep, rise)
    post = post_rows(traces, rule[_POST], rule[_POST_SEGMENTS])
    raised, holds = post_powers(traces, rates, rule[_RATES] + N_PRE, age), post_kept(parameters, kept + N_PRE, 1)
    for part in range(parts if dendritic else 1):
        after = delay[part] if dendritic else 0
        spikes, start, stop = _spikes(populations, row[_TARGET], row[_TARGET_NEURON], m, lists, lengths, step, after)
        for q in range(start, stop):
            s = part * m + spikes[q] - row[_TARGET_NEURON]
            if HAS_POST:
                y = post_of(post, s, y_scale)
                begin, size, count = column_of(starts, rule, row, s)
                columns(own, begin, size, m, places, segments, there, y, pre, x_scale, c, level, power, bounds)
                counts[_BY_POST] += count
            raise_post(post, s, holds, raised)
    if ELIGIBLE:
        _integrate(own_rates, step, clock, levels)
        if rule[_SETTLE] > 0 and (step + 1) % rule[_SETTLE] == 0:
            _settle(own, 0, stored, traces.dtype.type(levels[1]), bounds)
