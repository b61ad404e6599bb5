"""The synapses of a network in flat arrays: all sizes, then arrays of exactly these sizes, then each projection into its place.

Nothing is moved once it is written, so that the arrays themselves are nearly all the memory that is needed. Where the arrays lie is
the business of a :data:`Placer`: on the host by default.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.registry import DeliveryKind

from ._errors import NetworkError
from ._memory import require_memory
from .connections import Convolution, Dense, OrPooling, Sparse
from .network import Projection
from .wiring import Wiring

__all__ = [
    "Drawn",
    "Extent",
    "HostPlaced",
    "Placed",
    "Placer",
    "Plan",
    "lay_out",
    "place_on_host",
    "plan_of",
    "write_weights",
]

_NARROW = 2**16  # targets that 16 bits can tell apart


class Placed(Protocol):
    """The flat arrays; the columns of the projection table say where in them a projection's entries start.

    Arrays that lie on a device are copied to the host when they are asked for, once.
    """

    @property
    def pointers(self) -> NDArray[np.int64]:
        """Where the synapses of a source and delay start, counted from the first of the projection."""

    @property
    def targets(self) -> NDArray[np.int32]:
        """Targets of the projections that reach more than 65,536 neurons."""

    @property
    def narrow_targets(self) -> NDArray[np.uint16]:
        """Those of all others."""

    @property
    def weights(self) -> NDArray[Any]:
        """In the precision of the network."""

    @property
    def delays(self) -> NDArray[np.int64]:
        """The different delays of each projection, in steps, ascending."""

    @property
    def nbytes(self) -> int:
        """The bytes of the host's memory that they take now."""


class HostPlaced(NamedTuple):
    """The flat arrays in the host's memory."""

    pointers: NDArray[np.int64]
    targets: NDArray[np.int32]
    narrow_targets: NDArray[np.uint16]
    weights: NDArray[Any]
    delays: NDArray[np.int64]

    @property
    def nbytes(self) -> int:
        """Their bytes."""
        return sum(array.nbytes for array in self)


class Extent(NamedTuple):
    """How many entries a projection has in each array, and its different delays in steps, ascending."""

    delays: NDArray[np.int64]
    n_pointers: int
    n_targets: int
    n_weights: int


class Plan(ABC):
    """How many entries a projection has in each array, and how they are written."""

    kind: DeliveryKind

    @property
    @abstractmethod
    def extent(self) -> Extent:
        """How many entries it has; the synapses of a rule are counted when this is first asked for."""

    @abstractmethod
    def fill(self, pointers: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Write all entries. Raises NetworkError where a weight does not fit its precision."""

    def nbytes(self, per_weight: int) -> int:
        """Return the bytes of its entries, with weights of so many bytes each."""
        delays, n_pointers, n_targets, n_weights = self.extent
        per_target = 2 if self.kind.narrow else 4
        return 8 * (n_pointers + len(delays)) + per_target * n_targets + per_weight * n_weights

    @property
    def geometry(self) -> dict[Proj, int]:
        """What the row of the projection table holds for this kind of connection alone."""
        return {}


class _Shared(Plan):
    """Weights as they are, without a list of targets: dense, convolution, pooling."""

    def __init__(self, connection: Dense | Convolution | OrPooling, graded: bool, delay: int) -> None:
        # Nonzero weights per source (dense) or tap, which the kernels count.
        axis = {Dense: 1, Convolution: 3}.get(type(connection))
        given = connection.weights
        self.connection, self.counts = connection, np.zeros(0) if axis is None else np.count_nonzero(given, axis=axis)
        self.kind = DeliveryKind(connection.connectivity, graded)
        self._extent = Extent(np.array([delay]), self.counts.size, 0, given.size)

    @property
    def extent(self) -> Extent:
        """How many entries it has."""
        return self._extent

    def fill(self, pointers: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Write all entries."""
        pointers[:] = self.counts.ravel()
        write_weights(weights, self.connection.weights.ravel())

    @property
    def geometry(self) -> dict[Proj, int]:
        """Positions, channels and kernel of both layers."""
        made = self.connection
        if isinstance(made, Dense):
            return {}
        if isinstance(made, Convolution):
            channels_in, kernel, _, channels_out = made.weights.shape
        else:
            channels_in, kernel, channels_out = made.channels, made.kernel, made.channels
        return {
            Proj.CHANNELS_IN: channels_in, Proj.HEIGHT_IN: made.height, Proj.WIDTH_IN: made.width, Proj.KERNEL: kernel,
            Proj.STRIDE: made.stride, Proj.CHANNELS_OUT: channels_out, Proj.HEIGHT_OUT: made.height_out,
            Proj.WIDTH_OUT: made.width_out,
        }  # fmt: skip


class _Explicit(Plan):
    """Synapses that are given one by one."""

    def __init__(self, connection: Sparse, graded: bool, delay: int, dt: float, own_weights: bool) -> None:
        self.connection = connection
        delays, part = np.array([delay]), np.zeros(1, np.int64)
        if connection.delays is not None and connection.n_synapses:
            delays, part = np.unique(np.rint(connection.delays / dt).astype(np.int64), return_inverse=True)
        source = np.repeat(np.arange(connection.n_sources), np.diff(connection.pointers))
        self.segment = source * len(delays) + part
        one = not own_weights and bool(np.all(connection.weights == connection.weights[:1]))
        n, n_weights = connection.n_synapses, len(connection.weights[:1]) if one else connection.n_synapses
        self.kind = DeliveryKind("sparse", graded, one, connection.n_targets <= _NARROW)
        self._extent = Extent(delays, connection.n_sources * len(delays) + 1, n, n_weights)

    @property
    def extent(self) -> Extent:
        """How many entries it has."""
        return self._extent

    def fill(self, pointers: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Write all entries; synapses of one source, delay and target keep their order."""
        order = np.lexsort((self.connection.targets, self.segment))
        pointers[0] = 0
        pointers[1:] = np.cumsum(np.bincount(self.segment, minlength=len(pointers) - 1))
        targets[:] = self.connection.targets[order]
        write_weights(weights, self.connection.weights[:1] if self.kind.one_weight else self.connection.weights[order])


class Drawn(Plan):
    """Synapses of a rule."""

    def __init__(self, wiring: Wiring, graded: bool, own_weights: bool) -> None:
        self.wiring = wiring
        one = wiring.weight is not None and not own_weights
        self.kind = DeliveryKind("sparse", graded, one, wiring.n_targets <= _NARROW)

    @property
    def extent(self) -> Extent:
        """How many entries it has."""
        n, steps = self.wiring.n_synapses, self.wiring.steps
        return Extent(steps, self.wiring.n_sources * len(steps) + 1, n, 1 if self.kind.one_weight else n)

    def fill(self, pointers: NDArray[np.int64], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Write all entries."""
        if self.wiring.weight is None:
            self.wiring.fill(pointers, targets, weights)
        else:
            self.wiring.fill(pointers, targets, weights[:1])
            weights[1:] = weights[:1]


def plan_of(projection: Projection, dt: float, *, own_weights: bool = False) -> Plan:
    """Return how the synapses of a projection are written; ``own_weights``: each with its own weight, even if all are equal."""
    made, delay = projection.synapses, round(projection.delay / dt)
    if isinstance(made, Wiring):
        return Drawn(made, projection.graded, own_weights)
    if isinstance(made, Sparse):
        return _Explicit(made, projection.graded, delay, dt, own_weights)
    if isinstance(made, Dense | Convolution | OrPooling):
        return _Shared(made, projection.graded, delay)
    raise NetworkError(f"no kernel delivers a {type(made).__name__}")


Placer = Callable[[list[Plan], list[str], NDArray[np.int64], type[np.floating[Any]], int | None], Placed]
"""What writes all projections to new arrays, and into the projection table where they start: see :func:`place_on_host`."""


def lay_out(plans: list[Plan], projections: NDArray[np.int64]) -> tuple[list[int], list[list[slice]]]:
    """Write into the projection table where projections start; return the sizes of the arrays, and its part of each for each one.

    Arrays are in the order of the fields of :class:`HostPlaced`.
    """
    ends = np.zeros(5, np.int64)
    parts = []
    for plan, row in zip(plans, projections, strict=True):
        narrow, extent = plan.kind.narrow, plan.extent
        sizes = [
            extent.n_pointers,
            0 if narrow else extent.n_targets,
            extent.n_targets if narrow else 0,
            extent.n_weights,
        ]
        starts = ends.copy()
        ends += [*sizes, len(extent.delays)]
        row[Proj.POINTERS], wide, short, row[Proj.WEIGHTS], row[Proj.DELAYS] = starts
        row[Proj.SYNAPSES], row[Proj.N_DELAYS] = short if narrow else wide, len(extent.delays)
        for column, value in plan.geometry.items():
            row[column] = value
        parts.append([slice(*bounds) for bounds in zip(starts.tolist(), ends.tolist(), strict=True)])
    return ends.tolist(), parts


def place_on_host(
    plans: list[Plan],
    names: list[str],
    projections: NDArray[np.int64],
    real: type[np.floating[Any]],
    memory: int | None,
) -> HostPlaced:
    """Write all projections to new arrays, and into the projection table where they start.

    Raises NetworkError, with the name of the projection, where a weight becomes infinite or zero in the precision ``real``, and
    SimulationError where ``memory`` bytes (None: what the machine has left) do not suffice.
    """
    require_memory("the network", {"synapses": sum(plan.nbytes(np.dtype(real).itemsize) for plan in plans)}, memory)
    sizes, parts = lay_out(plans, projections)
    kinds: tuple[Any, ...] = (np.int64, np.int32, np.uint16, real, np.int64)
    placed = HostPlaced(*(np.empty(size, kind) for size, kind in zip(sizes, kinds, strict=True)))
    arrays: tuple[NDArray[Any], ...] = placed
    for plan, name, part in zip(plans, names, parts, strict=True):
        pointers, targets, narrow_targets, weights, delays = (array[at] for array, at in zip(arrays, part, strict=True))
        delays[:] = plan.extent.delays
        try:
            plan.fill(pointers, narrow_targets if plan.kind.narrow else targets, weights)
        except NetworkError as error:
            raise NetworkError(f"projection {name}: {error}") from None
    return placed


def write_weights(weights: NDArray[Any], given: NDArray[np.float64]) -> None:
    """Write weights. Raises NetworkError where one becomes infinite or zero in their precision."""
    with np.errstate(over="ignore", under="ignore"):
        weights[:] = given
    if not np.isfinite(weights).all() or np.count_nonzero(weights) != np.count_nonzero(given):
        raise NetworkError(f"weights beyond the range of {weights.dtype.name}")
