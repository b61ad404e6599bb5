"""What a spike does to the synapses of its source or target, or an impulse to those of a source: a warp does it together.

With an eligibility, weights move between spikes and are brought up to date where they are needed (see
``snnsim_kernels.plasticity``).
"""

from typing import Any

import numpy as np

from ..layout import ProjectionColumn
from ..plasticity_layout import PlasticityColumn
from ..plasticity_registry import LearningKind
from ._jit import device
from .layout import LANES
from .neurons import loader
from .traces import reader

__all__ = ["columns_of", "moved_weight", "row_of", "rows_of", "settle"]

_SOURCES, _TARGETS = int(ProjectionColumn.SOURCE_SIZE), int(ProjectionColumn.TARGET_SIZE)
_POINTERS, _SYNAPSES = int(ProjectionColumn.POINTERS), int(ProjectionColumn.SYNAPSES)
_WEIGHTS, _PARAMETERS = int(ProjectionColumn.WEIGHTS), int(PlasticityColumn.PARAMETERS)
_PRE, _PRE_SEGMENTS = int(PlasticityColumn.PRE), int(PlasticityColumn.PRE_SEGMENTS)
_POST, _POST_SEGMENTS = int(PlasticityColumn.POST), int(PlasticityColumn.POST_SEGMENTS)
_STARTS, _EXISTING = int(PlasticityColumn.STARTS), int(PlasticityColumn.EXISTING)
_ELIGIBILITY, _STORED = int(PlasticityColumn.ELIGIBILITY), int(PlasticityColumn.SYNAPSES)
_SIGNAL_WIDTH = int(PlasticityColumn.SIGNAL_WIDTH)


def _clip(w: Any, low: Any, high: Any) -> Any:
    w = w if w > low else low
    return w if w < high else high


_clipped = device(_clip)


def _moved(learning: Any, rule: Any, w: Any, k: Any, level: Any) -> Any:
    """Return what the stored weight w number k is at a level."""
    at = np.uint64(rule[_ELIGIBILITY] + k)
    e, since = (
        learning.state.eligibility[at],
        learning.state.eligibility[np.uint64(rule[_ELIGIBILITY] + rule[_STORED] + k)],
    )
    low, high = learning.parameters[rule[_PARAMETERS]], learning.parameters[rule[_PARAMETERS] + 1]
    return _clipped(w + e * (level - since), low, high)


moved_weight = device(_moved)


def change_of(kind: LearningKind) -> tuple[Any, Any]:
    """Return what reads a weight, and what changes it by an amount, or its eligibility."""

    def standing(learning: Any, arrays: Any, rule: Any, row: Any, p: Any, level: Any) -> Any:
        return arrays.weights[np.uint64(row[_WEIGHTS] + p)]

    def moving(learning: Any, arrays: Any, rule: Any, row: Any, p: Any, level: Any) -> Any:
        return moved_weight(learning, rule, arrays.weights[np.uint64(row[_WEIGHTS] + p)], p, level)

    def change(
        learning: Any, arrays: Any, rule: Any, row: Any, p: Any, w: Any, by: Any, level: Any, power: Any
    ) -> None:
        low, high = learning.parameters[rule[_PARAMETERS]], learning.parameters[rule[_PARAMETERS] + 1]
        arrays.weights[np.uint64(row[_WEIGHTS] + p)] = _clipped(w + by, low, high)

    def change_eligibility(
        learning: Any, arrays: Any, rule: Any, row: Any, p: Any, w: Any, by: Any, level: Any, power: Any
    ) -> None:
        arrays.weights[np.uint64(row[_WEIGHTS] + p)] = w
        learning.state.eligibility[np.uint64(rule[_ELIGIBILITY] + p)] += by * power
        learning.state.eligibility[np.uint64(rule[_ELIGIBILITY] + rule[_STORED] + p)] = level

    if kind.eligible:
        return device(moving), device(change_eligibility)
    return device(standing), device(change)


def row_of(kind: LearningKind) -> tuple[Any, Any]:
    """Return what gives first place, number and number of existing synapses of a segment of the source side, and a target."""

    def dense(arrays: Any, row: Any, s: Any) -> Any:
        return s * row[_TARGETS], row[_TARGETS], np.int64(arrays.pointers[np.uint64(row[_POINTERS] + s)])

    def sparse(arrays: Any, row: Any, s: Any) -> Any:
        begin = np.int64(arrays.pointers[np.uint64(row[_POINTERS] + s)])
        n = np.int64(arrays.pointers[np.uint64(row[_POINTERS] + s + 1)]) - begin
        return begin, n, n

    def target_dense(arrays: Any, row: Any, begin: Any, k: Any) -> Any:
        return np.int64(k)

    def target_narrow(arrays: Any, row: Any, begin: Any, k: Any) -> Any:
        return np.int64(arrays.narrow_targets[np.uint64(row[_SYNAPSES] + begin + k)])

    def target_wide(arrays: Any, row: Any, begin: Any, k: Any) -> Any:
        return np.int64(arrays.targets[np.uint64(row[_SYNAPSES] + begin + k)])

    if kind.connectivity == "dense":
        return device(dense), device(target_dense)
    return device(sparse), device(target_narrow if kind.narrow else target_wide)


def _column_of(kind: LearningKind) -> tuple[Any, Any]:
    """Return what gives first entry, number and number of existing synapses of a segment of the target side, and one of them."""

    def dense(learning: Any, rule: Any, row: Any, s: Any) -> Any:
        return s, row[_SOURCES], np.int64(learning.starts[np.uint64(rule[_STARTS] + s)])

    def sparse(learning: Any, rule: Any, row: Any, s: Any) -> Any:
        begin = np.int64(learning.starts[np.uint64(rule[_STARTS] + s)])
        n = np.int64(learning.starts[np.uint64(rule[_STARTS] + s + 1)]) - begin
        return begin, n, n

    def synapse_dense(learning: Any, row: Any, begin: Any, k: Any) -> Any:
        return k * row[_TARGETS] + begin, np.int64(k)

    def synapse_sparse(learning: Any, row: Any, begin: Any, k: Any) -> Any:
        at = np.uint64(begin + k)
        return np.int64(learning.places[at]), np.int64(learning.segments[at])

    if kind.connectivity == "dense":
        return device(dense), device(synapse_dense)
    return device(sparse), device(synapse_sparse)


def _exists(kind: LearningKind) -> Any:
    def masked(learning: Any, rule: Any, p: Any) -> Any:
        return learning.existing[np.uint64(rule[_EXISTING] + p)] != 0

    def everywhere(learning: Any, rule: Any, p: Any) -> Any:
        return True

    return device(masked if kind.masked else everywhere)


def rows_of(kind: LearningKind, precision: str) -> Any:
    """Return what a spike of a source, or (``signal``) an impulse, does to the synapses of segment s of the source side."""
    read_x, read_y = reader(kind.n_pre), reader(kind.n_post)
    constants_of, (weight_at, change), (segment, target_of) = loader(kind.n_constants), change_of(kind), row_of(kind)
    exists, on_pre, on_signal = _exists(kind), kind.functions[0], kind.functions[2]

    def nothing(
        learning: Any, arrays: Any, rule: Any, row: Any, s: Any, own: Any, after: Any, x_scale: Any, y_scale: Any, level: Any,
        power: Any, given: Any, lane: Any,
    ) -> Any:  # fmt: skip
        return 0

    def spike(
        learning: Any, arrays: Any, rule: Any, row: Any, s: Any, own: Any, after: Any, x_scale: Any, y_scale: Any, level: Any,
        power: Any, given: Any, lane: Any,
    ) -> Any:  # fmt: skip
        c = constants_of(learning.parameters, rule[_PARAMETERS] + 2, 1)
        x = read_x(learning.state.traces, rule[_PRE] + own, rule[_PRE_SEGMENTS], x_scale)
        begin, n, count = segment(arrays, row, s)
        k = lane
        while k < n:
            if exists(learning, rule, begin + k):
                i = target_of(arrays, row, begin, k)
                y = read_y(learning.state.traces, rule[_POST] + after + i, rule[_POST_SEGMENTS], y_scale)
                w = weight_at(learning, arrays, rule, row, begin + k, level)
                change(learning, arrays, rule, row, begin + k, w, on_pre(w, x, y, c), level, power)
            k += LANES
        return count if lane == 0 else 0

    def impulse(
        learning: Any, arrays: Any, rule: Any, row: Any, s: Any, own: Any, after: Any, x_scale: Any, y_scale: Any, level: Any,
        power: Any, given: Any, lane: Any,
    ) -> Any:  # fmt: skip
        c = constants_of(learning.parameters, rule[_PARAMETERS] + 2, 1)
        low, high = learning.parameters[rule[_PARAMETERS]], learning.parameters[rule[_PARAMETERS] + 1]
        x = read_x(learning.state.traces, rule[_PRE] + own, rule[_PRE_SEGMENTS], x_scale)
        begin, n, count = segment(arrays, row, s)
        k = lane
        while k < n:
            if exists(learning, rule, begin + k):
                i = target_of(arrays, row, begin, k)
                y = read_y(learning.state.traces, rule[_POST] + after + i, rule[_POST_SEGMENTS], y_scale)
                at = np.uint64(row[_WEIGHTS] + begin + k)
                w = arrays.weights[at]
                value = learning.signals[given + (i if rule[_SIGNAL_WIDTH] > 1 else 0)]
                arrays.weights[at] = _clipped(w + on_signal(w, value, x, y, c), low, high)
            k += LANES
        return count if lane == 0 else 0

    return (
        device(nothing if on_pre is None else spike),
        device(nothing if on_signal is None else impulse),
    )


def columns_of(kind: LearningKind, precision: str) -> Any:
    """Return what a spike of a target does to the synapses of segment s of the target side."""
    read_x, read_y = reader(kind.n_pre), reader(kind.n_post)
    constants_of, (weight_at, change), (column_of, synapse) = (
        loader(kind.n_constants),
        change_of(kind),
        _column_of(kind),
    )
    exists, on_post = _exists(kind), kind.functions[1]

    def nothing(
        learning: Any, arrays: Any, rule: Any, row: Any, s: Any, x_scale: Any, y_scale: Any, level: Any, power: Any, lane: Any
    ) -> Any:  # fmt: skip
        return 0

    def spike(
        learning: Any, arrays: Any, rule: Any, row: Any, s: Any, x_scale: Any, y_scale: Any, level: Any, power: Any, lane: Any
    ) -> Any:  # fmt: skip
        c = constants_of(learning.parameters, rule[_PARAMETERS] + 2, 1)
        y = read_y(learning.state.traces, rule[_POST] + s, rule[_POST_SEGMENTS], y_scale)
        begin, n, count = column_of(learning, rule, row, s)
        k = lane
        while k < n:
            p, of = synapse(learning, row, begin, k)
            if exists(learning, rule, p):
                x = read_x(learning.state.traces, rule[_PRE] + of, rule[_PRE_SEGMENTS], x_scale)
                w = weight_at(learning, arrays, rule, row, p, level)
                change(learning, arrays, rule, row, p, w, on_post(w, x, y, c), level, power)
            k += LANES
        return count if lane == 0 else 0

    return device(nothing if on_post is None else spike)


def _settle(learning: Any, arrays: Any, rule: Any, row: Any, begin: Any, end: Any, stride: Any, level: Any) -> None:
    """Bring every ``stride``-th weight from place ``begin`` on up to date."""
    p = begin
    while p < end:
        at = np.uint64(row[_WEIGHTS] + p)
        arrays.weights[at] = moved_weight(learning, rule, arrays.weights[at], p, level)
        learning.state.eligibility[np.uint64(rule[_ELIGIBILITY] + rule[_STORED] + p)] = level
        p += stride


settle = device(_settle)
