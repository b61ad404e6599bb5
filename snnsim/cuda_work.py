"""How the work of a step is shared out among the warps of a card: decided on the host, once per run."""

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.cuda.layout import LANES, ChunkColumn, TaskColumn
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import RegulationColumn as Reg
from snnsim_kernels.registry import DeliveryKind

__all__ = ["chunks_of", "rounds_of", "tasks_of"]


def chunks_of(
    populations: NDArray[np.int64], regulations: NDArray[np.int64], updated: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return the chunk table: all neurons of the populations that are updated, a warp's worth per row."""
    competing = set(regulations[regulations[:, Reg.KIND] == Reg.WINNER_TAKE_ALL, Reg.WHAT].tolist())
    parts = [np.zeros((0, ChunkColumn.COUNT), np.int32)]
    for p in np.flatnonzero(updated):
        first = np.arange(0, populations[p, Pop.SIZE], LANES, dtype=np.int32)
        part = np.zeros((len(first), ChunkColumn.COUNT), np.int32)
        part[:, ChunkColumn.POPULATION], part[:, ChunkColumn.FIRST] = p, first
        part[:, ChunkColumn.COMPETES] = int(p) in competing
        parts.append(part)
    return np.concatenate(parts)


def rounds_of(
    projections: NDArray[np.int64], deliveries: list[DeliveryKind], tasks: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Return the first task of each round of deliveries, and the one after the last.

    Additions may come in any order, and so may maxima (pooling), but not one among the other onto the same states: there, a
    projection has to wait for those before it.
    """
    first, starts = 0, []
    for c, row in enumerate(projections):
        pools = deliveries[row[Proj.KIND]].connectivity == "pooling"
        low, high = row[Proj.TARGET_STATE], row[Proj.TARGET_STATE] + row[Proj.TARGET_SIZE]
        for other in projections[first:c]:
            differs = pools != (deliveries[other[Proj.KIND]].connectivity == "pooling")
            if differs and other[Proj.TARGET_STATE] < high and low < other[Proj.TARGET_STATE] + other[Proj.TARGET_SIZE]:
                first = c
                starts.append(c)
                break
    found = np.searchsorted(tasks[:, TaskColumn.PROJECTION], starts)
    return np.array([0, *found, len(tasks)], np.int32)


def tasks_of(
    projections: NDArray[np.int64], deliveries: list[DeliveryKind], events_per_source: NDArray[np.float64], warps: int
) -> NDArray[np.int32]:
    """Return the task table for so many warps.

    Nobody knows beforehand who spikes, so warps are shared out in proportion to the synapses of each projection
    (``events_per_source`` times its sources), evenly over its delays. Each of these gets one at least.
    """
    tiles = [
        -(-int(row[Proj.TARGET_SIZE]) // LANES) if deliveries[row[Proj.KIND]].connectivity == "dense" else 1
        for row in projections
    ]
    load = events_per_source * projections[:, Proj.SOURCE_SIZE]
    share = warps * load / max(load.sum(), 1)
    parts = [np.zeros((0, TaskColumn.COUNT), np.int32)]
    for c, row in enumerate(projections):
        n_delays = int(row[Proj.N_DELAYS])
        n = max(1, int(share[c] / (n_delays * tiles[c])))
        k, part, tile = (
            grid.ravel() for grid in np.meshgrid(np.arange(n_delays), np.arange(n), np.arange(tiles[c]), indexing="ij")
        )
        made = np.zeros((len(k), TaskColumn.COUNT), np.int32)
        made[:, TaskColumn.PROJECTION], made[:, TaskColumn.PARTS] = c, n
        made[:, TaskColumn.DELAY], made[:, TaskColumn.PART], made[:, TaskColumn.TILE] = k, part, tile
        parts.append(made)
    return np.concatenate(parts)
