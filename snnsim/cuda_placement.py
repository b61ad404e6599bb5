"""The synapses of a network, built in the memory of a card: what the host's ``placement`` is on the host.

Drawn synapses never cross the bus: the host makes their tables and adds up how many each row draws. Connections and delays are the
CPU's, and so are weights but for rounding. What is given one by one is built on the host and copied, as are rules that depend on
distances, whose exponentials a card may round otherwise, and weights of which some are dropped.
"""

from functools import cached_property
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numba import cuda
from numpy.typing import NDArray
from snnsim_kernels.cuda import building
from snnsim_kernels.cuda._jit import SIMULATED
from snnsim_kernels.random import CONNECTIONS
from snnsim_kernels.tables import Table
from snnsim_kernels.targets import RuleKind, short_rows

from ._errors import NetworkError
from ._memory import require_memory
from .cuda_device import Device
from .placement import Drawn, Placed, Plan, lay_out, write_weights
from .rules import FixedInDegree, FixedTotalNumber
from .wiring import Wiring

__all__ = ["DeviceArrays", "DevicePlaced", "on_card", "place_on_device"]

_MOST = 2**32 - 1
"""Synapses of a projection: pointers take 32 bits."""

_SHARED_BYTES = 48 * 1024
"""Keys that a block can hold in its shared memory on every card."""

_SCRATCH_BYTES = 2**28
"""Keys of longer rows, unless a single row needs more."""

_KEY = building.KEY_BYTES

_TABLE_BYTES = 2**18
"""Tables of delays and gaps, generously."""

_BLOCKS = 2 if SIMULATED else 8192
"""Blocks of a launch at most: enough for any card; they share out what there is to do."""

_FEWEST, _THREADS = (4, 8) if SIMULATED else (32, 256)
"""Threads of a block; the simulator takes its time for each."""


class DeviceArrays(NamedTuple):
    """The flat arrays on the card, as ``snnsim.placement.Placed`` has them, but for pointers of 32 bits."""

    pointers: Any
    """uint32"""
    targets: Any
    narrow_targets: Any
    weights: Any


class DevicePlaced:
    """Synapses on a card; the host's arrays are copies that are made when they are asked for."""

    def __init__(self, device: DeviceArrays, delays: NDArray[np.int64]) -> None:
        self.device, self.delays = device, delays

    @cached_property
    def pointers(self) -> NDArray[np.int64]:
        """Where the synapses of a source and delay start, counted from the first of the projection."""
        return np.asarray(self.device.pointers.copy_to_host(), np.int64)

    @cached_property
    def targets(self) -> NDArray[np.int32]:
        """Targets of the projections that reach more than 65,536 neurons."""
        return np.asarray(self.device.targets.copy_to_host())

    @cached_property
    def narrow_targets(self) -> NDArray[np.uint16]:
        """Those of all others."""
        return np.asarray(self.device.narrow_targets.copy_to_host())

    @cached_property
    def weights(self) -> NDArray[Any]:
        """In the precision of the network."""
        return np.asarray(self.device.weights.copy_to_host())

    @property
    def nbytes(self) -> int:
        """The bytes of the host's memory that copies take."""
        made = (vars(self).get(name) for name in DeviceArrays._fields)
        return self.delays.nbytes + sum(int(array.nbytes) for array in made if array is not None)

    @property
    def device_bytes(self) -> int:
        """The bytes of the card's memory that the arrays take."""
        return sum(int(array.nbytes) for array in self.device)


def place_on_device(
    plans: list[Plan],
    names: list[str],
    projections: NDArray[np.int64],
    real: type[np.floating[Any]],
    memory: int | None,
) -> DevicePlaced:
    """Build all projections in new arrays on the current card, and write into the projection table where they start.

    memory : bytes of the card, None for what it has left

    Raises NetworkError, with the name of the projection, where a weight becomes infinite or zero in the precision ``real``, or the
    projection has 2**32 synapses or more, and SimulationError where the memory does not suffice.
    """
    for plan, name in zip(plans, names, strict=True):
        try:
            if _is_built_here(plan):
                _count(plan.wiring)
            _refuse_beyond(plan.extent.n_targets)
        except NetworkError as error:
            raise NetworkError(f"projection {name}: {error}") from None
    sizes, parts = lay_out(plans, projections)
    _require(plans, sizes, real, memory)
    kinds: tuple[Any, ...] = (np.uint32, np.int32, np.uint16, real)
    device = DeviceArrays(*(cuda.device_array(size, kind) for size, kind in zip(sizes, kinds, strict=False)))
    bad = cuda.to_device(np.zeros(len(plans), np.int32))
    for number, (plan, name, part) in enumerate(zip(plans, names, parts, strict=True)):
        try:
            if _is_built_here(plan):
                _build(plan, device, part, bad, number)
            else:
                _copy(plan, device, part)
        except NetworkError as error:
            raise NetworkError(f"projection {name}: {error}") from None
    for name, lost in zip(names, bad.copy_to_host().tolist(), strict=True):
        if lost:
            raise NetworkError(f"projection {name}: weights beyond the range of {np.dtype(real).name}")
    delays = [np.zeros(0, np.int64), *(plan.extent.delays for plan in plans)]
    return DevicePlaced(device, np.concatenate(delays))


def on_card(placed: Placed) -> DeviceArrays:
    """Return synapses in the card's memory: where they were built, or copied."""
    if isinstance(placed, DevicePlaced):
        return placed.device
    pointers = placed.pointers.astype(np.uint32)
    return DeviceArrays(*map(cuda.to_device, (pointers, placed.targets, placed.narrow_targets, placed.weights)))


def _is_built_here(plan: Plan) -> TypeGuard[Drawn]:
    return isinstance(plan, Drawn) and not plan.wiring.drops and plan.wiring.shape.kind != RuleKind.DISTANCE


def _refuse_beyond(n_synapses: int) -> None:
    if n_synapses > _MOST:
        raise NetworkError(f"a projection on a card has at most {_MOST:,} synapses, got {n_synapses:,}")


def _require(plans: list[Plan], sizes: list[int], real: type[np.floating[Any]], memory: int | None) -> None:
    """Raise SimulationError where the card has not enough memory for arrays of these sizes."""
    parts = {
        "pointers": 4 * sizes[0],
        "targets": 4 * sizes[1] + 2 * sizes[2],
        "weights": np.dtype(real).itemsize * sizes[3],
        "work space": max((_work_bytes(plan.wiring) for plan in plans if _is_built_here(plan)), default=0),
    }
    require_memory("the network on the card", parts, Device(memory).free_bytes(), (sizes[1] + sizes[2], "synapses"))


def _work_bytes(wiring: Wiring) -> int:
    """Return what building takes beside the arrays: where rows start, how far they are, keys of long ones, tables."""
    longest = _longest(wiring)
    keys = 0 if _KEY * longest <= _SHARED_BYTES else max(_SCRATCH_BYTES, _KEY * longest)
    return 8 * (wiring.n_sources + 1) + keys + _TABLE_BYTES


def _longest(wiring: Wiring) -> int:
    return int(np.diff(wiring.starts).max())


def _items(n: int) -> tuple[int, int]:
    """Return blocks and threads for n items, a thread for each."""
    return max(1, min(-(-n // _THREADS), _BLOCKS)), _THREADS


def _rows(n: int, longest: int) -> tuple[int, int]:
    """Return blocks and threads for n rows, a block for each."""
    threads = _FEWEST
    while threads < min(longest // 4, _THREADS):
        threads *= 2
    return min(n, _BLOCKS), threads


def _key(wiring: Wiring) -> tuple[np.uint64, np.uint64]:
    seed, stream = wiring.key
    return seed, np.uint64(stream) | CONNECTIONS


def _table(table: Table) -> Table:
    return Table(cuda.to_device(table.thresholds), cuda.to_device(table.guide))


def _gaps(wiring: Wiring) -> tuple[Any, ...]:
    fine, coarse, skipped, last, short = wiring.gaps
    return _table(fine), _table(coarse), int(skipped), int(last), bool(short)


def _starts(sizes: NDArray[Any]) -> NDArray[np.uint32]:
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    _refuse_beyond(int(starts[-1]))
    return starts.astype(np.uint32)


def _count(wiring: Wiring) -> None:
    """Count on the card what rows draw and which delays occur, and tell the wiring."""
    rule, shape, n, key = wiring.rule, wiring.shape, wiring.n_sources, _key(wiring)
    m, shift = shape.n_targets, shape.shift
    sizes: NDArray[Any] | None = wiring.known_sizes()
    if sizes is None:
        counts = cuda.to_device(np.zeros(n, np.uint32))
        if isinstance(rule, FixedTotalNumber):
            building.count_total[_items(rule.n)](counts, rule.n, n, m, *short_rows(shape, n), *key)
        elif isinstance(rule, FixedInDegree):
            _refuse_beyond(rule.k * m)
            building.count_in_degree[_rows(m, rule.k)](counts, rule.k, n, m, shift, *key)
        else:
            building.count_with_probability[_items(n)](counts, n, m, shift, *_gaps(wiring), *key)
        sizes = counts.copy_to_host()
    starts, occurs = _starts(sizes), np.zeros(0, np.uint8)
    if wiring.table is not None:
        found = cuda.to_device(np.zeros(len(wiring.table.table.thresholds) + 1, np.uint8))
        rows = _rows(n, int(np.max(sizes)))
        building.mark_delays[rows](found, cuda.to_device(starts), n, _table(wiring.table.table), *key)
        occurs = found.copy_to_host()
    wiring.adopt(sizes, occurs)


def _build(plan: Drawn, device: DeviceArrays, part: list[slice], bad: Any, number: int) -> None:
    """Build a projection in its part of the arrays; ``bad[number]`` counts its weights that the precision cannot hold."""
    wiring, key = plan.wiring, _key(plan.wiring)
    rule, shape, n, longest = wiring.rule, wiring.shape, wiring.n_sources, _longest(wiring)
    m, shift, n_delays = shape.n_targets, shape.shift, len(wiring.steps)
    targets, at = (device.narrow_targets, part[2].start) if plan.kind.narrow else (device.targets, part[1].start)
    host_starts = wiring.starts.astype(np.uint32)
    if n_delays == 1:  # then rows are what pointers point to
        starts = device.pointers[part[0]]
        starts.copy_to_device(host_starts)
    else:
        starts = cuda.to_device(host_starts)
        device.pointers[part[0].stop - 1 : part[0].stop].copy_to_device(host_starts[-1:])

    if plan.kind.one_weight:
        value = np.empty(1, device.weights.dtype)
        write_weights(value, np.array([wiring.weight]))
        device.weights[part[3]].copy_to_device(value)
    elif longest:
        building.fill_weights[_rows(n, longest)](
            device.weights, part[3].start, bad, number, starts, n, wiring.values, *key
        )
    if not longest:
        return

    if isinstance(rule, FixedInDegree):
        cursors = cuda.to_device(np.zeros(n, np.uint32))
        building.scatter_in_degree[_rows(m, rule.k)](targets, at, starts, cursors, rule.k, n, m, shift, *key)
    elif shape.kind == RuleKind.PROBABILITY:
        building.draw_with_probability[_items(n)](targets, at, starts, n, m, shift, *_gaps(wiring), *key)
    else:
        building.fill_rows[_rows(n, longest)](targets, at, starts, n, shape.kind, m, shift, *key)
    unsorted = shape.kind in (RuleKind.DRAWN, RuleKind.GIVEN)
    if not unsorted and n_delays == 1:
        return
    table, numbers = wiring.delay_numbers
    order = (
        device.pointers, part[0].start, targets, at, starts, n, unsorted, _table(table), cuda.to_device(numbers), n_delays, *key,
    )  # fmt: skip
    blocks, threads = _rows(n, longest)
    if _KEY * longest <= _SHARED_BYTES:
        building.order_rows[blocks, threads, 0, _KEY * longest](*order)
    else:
        blocks = max(1, min(blocks, _SCRATCH_BYTES // (_KEY * longest)))
        scratch = cuda.device_array(blocks * longest, np.uint64)
        building.order_long_rows[blocks, threads](scratch, longest, *order)


def _copy(plan: Plan, device: DeviceArrays, part: list[slice]) -> None:
    """Build a projection on the host and copy it to its part of the arrays. Raises SimulationError where the host has no room."""
    extent, real = plan.extent, device.weights.dtype
    require_memory("a projection on its way to the card", {"synapses": plan.nbytes(real.itemsize)}, None)
    pointers, weights = np.empty(extent.n_pointers, np.int64), np.empty(extent.n_weights, real)
    targets = np.empty(extent.n_targets, np.uint16 if plan.kind.narrow else np.int32)
    plan.fill(pointers, targets, weights)
    wide, narrow = (targets[:0], targets) if plan.kind.narrow else (targets, targets[:0])
    for array, at, made in zip(device, part, (pointers.astype(np.uint32), wide, narrow, weights), strict=False):
        if made.size:
            array[at].copy_to_device(made)
