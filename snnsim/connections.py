"""What joins two populations: dense, sparse and convolutional weights and pooling, as a user describes them.

Weights are in the unit of the receptor that they address (mV for ``delta``). A zero weight is not a synapse: it delivers nothing
and is not counted.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._checks import real_array, real_number, whole_array, whole_number
from ._errors import NetworkError

__all__ = ["Connection", "Convolution", "Dense", "OrPooling", "Sparse", "as_connection", "listed"]


class Connection(ABC):
    """Base of all connections."""

    connectivity: ClassVar[str]
    """The name of the delivery loop that serves it."""
    weights: NDArray[np.float64]
    """Every stored weight."""

    @property
    @abstractmethod
    def n_sources(self) -> int:
        """The number of source neurons."""

    @property
    @abstractmethod
    def n_targets(self) -> int:
        """The number of target neurons."""

    @property
    @abstractmethod
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight."""


def _finite(name: str, values: ArrayLike, ndim: int) -> NDArray[np.float64]:
    array = real_array(name, values, NetworkError)
    if array.ndim != ndim:
        raise NetworkError(f"{name} must have {ndim} dimension{'s' if ndim > 1 else ''}, got shape {array.shape}")
    array.setflags(write=False)
    return array


@dataclasses.dataclass(frozen=True, eq=False)
class Dense(Connection):
    """All-to-all weights, shape (sources, targets). Raises NetworkError unless two-dimensional and finite."""

    weights: NDArray[np.float64]
    connectivity: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", _finite("Dense.weights", self.weights, 2))

    @property
    def n_sources(self) -> int:
        """The number of source neurons."""
        return int(self.weights.shape[0])

    @property
    def n_targets(self) -> int:
        """The number of target neurons."""
        return int(self.weights.shape[1])

    @property
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight."""
        return int(np.count_nonzero(self.weights))


@dataclasses.dataclass(frozen=True, eq=False)
class Sparse(Connection):
    """Compressed sparse rows: source j reaches ``targets[pointers[j]:pointers[j + 1]]``, with the weights at the same places.

    Shapes: pointers (sources + 1,), targets and weights (synapses,), and delays (ms, at least 0, likewise) where each synapse has
    its own. Several synapses may join the same pair. Raises NetworkError where the arrays disagree, a target is not within
    [0, size), a weight is zero or not finite, or a delay is negative.
    """

    pointers: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[np.float64]
    size: int
    delays: NDArray[np.float64] | None = None
    connectivity: ClassVar[str] = "sparse"

    def __post_init__(self) -> None:
        weights = _finite("Sparse.weights", self.weights, 1)
        object.__setattr__(self, "size", whole_number("Sparse.size", self.size, 1, 2**31 - 1, NetworkError))
        pointers = whole_array("Sparse.pointers", self.pointers, 0, 2**62, NetworkError)
        targets = whole_array("Sparse.targets", self.targets, 0, self.size - 1, NetworkError).astype(np.int32)
        if pointers.ndim != 1 or len(pointers) == 0 or pointers[0] != 0 or np.any(np.diff(pointers) < 0):
            raise NetworkError("Sparse.pointers must start at 0 and never decrease")
        if len(targets) != pointers[-1] or len(weights) != pointers[-1]:
            raise NetworkError(
                f"Sparse.targets and .weights must have {pointers[-1]} entries (the last pointer), "
                f"got {len(targets)} and {len(weights)}"
            )
        if self.delays is not None:
            delays = _finite("Sparse.delays", self.delays, 1)
            if len(delays) != len(weights) or np.any(delays < 0):
                raise NetworkError(f"Sparse.delays must be {len(weights)} times of at least 0 ms")
            object.__setattr__(self, "delays", delays)
        if np.any(weights == 0):
            raise NetworkError("Sparse.weights must not be zero: a zero weight is not a synapse")
        for name, array in (("weights", weights), ("pointers", pointers), ("targets", targets)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @classmethod
    def from_matrix(cls, matrix: Any) -> "Sparse":
        """Make it from a matrix of shape (sources, targets): an array or anything that SciPy's sparse ``tocsr`` serves."""
        if hasattr(matrix, "tocsr"):
            rows = matrix.tocsr().copy()
            rows.sum_duplicates()
            rows.eliminate_zeros()
            return cls(rows.indptr, rows.indices, rows.data, int(rows.shape[1]))
        array = _finite("Sparse.weights", matrix, 2)
        sources, targets = np.nonzero(array)
        pointers = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=array.shape[0]))])
        return cls(pointers, targets.astype(np.int32), array[sources, targets], array.shape[1])

    @classmethod
    def from_arrays(
        cls, sources: Any, targets: Any, weights: Any, delays: Any = None, *, n_sources: int, n_targets: int
    ) -> "Sparse":
        """Make it from one entry per synapse, in any order, neurons numbered from 0.

        sources, targets : (synapses,) whole numbers; weights, delays (ms) : likewise, or one value for all. Synapses of one source
        keep their order; several may join the same pair. Raises NetworkError where the arrays disagree or are out of bounds.
        """
        n_sources = whole_number("Sparse.from_arrays: n_sources", n_sources, 1, 2**31 - 1, NetworkError)
        sources = whole_array("Sparse.from_arrays: sources", sources, 0, n_sources - 1, NetworkError)
        order = np.argsort(sources, kind="stable")

        def ordered(name: str, values: Any) -> NDArray[Any]:
            array = np.asarray(values)
            if array.ndim == 0 and name != "targets":
                array = np.broadcast_to(array, sources.shape)
            if array.shape != sources.shape:
                raise NetworkError(
                    f"Sparse.from_arrays: {name} must have one entry for each of {len(sources)} sources, got shape {array.shape}"
                )
            return array[order]

        pointers = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_sources))])
        own = None if delays is None else ordered("delays", delays)
        return cls(pointers, ordered("targets", targets), ordered("weights", weights), n_targets, own)

    @property
    def n_sources(self) -> int:
        """The number of source neurons."""
        return len(self.pointers) - 1

    @property
    def n_targets(self) -> int:
        """The number of target neurons."""
        return self.size

    @property
    def n_synapses(self) -> int:
        """The number of synapses."""
        return len(self.weights)


@dataclasses.dataclass(frozen=True, eq=False)
class Convolution(Connection):
    """A valid (unpadded) convolution with shared weights, never unrolled into a synapse list.

    weights : shape (channels in, kernel, kernel, channels out)
    height, width : size of the source layer in positions; neurons of both layers are ordered (y, x, channel)
    stride : at least 1

    Raises NetworkError where the kernel is not square or does not fit.
    """

    weights: NDArray[np.float64]
    height: int
    width: int
    stride: int = 1
    connectivity: ClassVar[str] = "convolution"

    def __post_init__(self) -> None:
        weights = _finite("Convolution.weights", self.weights, 4)
        object.__setattr__(self, "weights", weights)
        kernel = weights.shape[1]
        if weights.shape[2] != kernel:
            raise NetworkError(f"Convolution.weights must have a square kernel, got {kernel} x {weights.shape[2]}")
        for name in ("height", "width", "stride"):
            value = whole_number(f"Convolution.{name}", getattr(self, name), 1, None, NetworkError)
            object.__setattr__(self, name, value)
        if kernel > min(self.height, self.width):
            raise NetworkError(
                f"Convolution: a kernel of {kernel} does not fit a layer of {self.height} x {self.width}"
            )

    @property
    def height_out(self) -> int:
        """The height of the target layer in positions."""
        return (self.height - int(self.weights.shape[1])) // self.stride + 1

    @property
    def width_out(self) -> int:
        """The width of the target layer in positions."""
        return (self.width - int(self.weights.shape[1])) // self.stride + 1

    @property
    def n_sources(self) -> int:
        """The number of source neurons."""
        return int(self.weights.shape[0]) * self.height * self.width

    @property
    def n_targets(self) -> int:
        """The number of target neurons."""
        return int(self.weights.shape[3]) * self.height_out * self.width_out

    @property
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight: each shared weight counts once per target position."""
        return int(np.count_nonzero(self.weights)) * self.height_out * self.width_out


@dataclasses.dataclass(frozen=True, eq=False)
class OrPooling(Connection):
    """A logical or over windows: a target that one or more spikes of its window reach in a step gets the weight once.

    The receptor's variable becomes the larger of itself and the weight, in whatever order the spikes come; it does not add up over
    steps either. A target that fires is reset after delivery, so what ``v`` gets in that step is lost, as with any connection.
    Neurons of both layers are ordered (y, x, channel), channels are pooled apart. Never unrolled into a synapse list.

    kernel : size of the square window in positions, at least 1
    stride : at least 1
    channels : at least 1, of both layers
    height, width : size of the source layer in positions
    weight : above 0, in the unit of the receptor

    Raises NetworkError where the window does not fit or a value is out of bounds.
    """

    kernel: int
    stride: int
    channels: int
    height: int
    width: int
    weight: float
    connectivity: ClassVar[str] = "pooling"

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "channels", "height", "width"):
            value = whole_number(f"OrPooling.{name}", getattr(self, name), 1, None, NetworkError)
            object.__setattr__(self, name, value)
        if self.kernel > min(self.height, self.width):
            raise NetworkError(
                f"OrPooling: a window of {self.kernel} does not fit a layer of {self.height} x {self.width}"
            )
        weight = real_number("OrPooling.weight", self.weight, NetworkError)
        if not 0 < weight < math.inf:
            raise NetworkError(f"OrPooling.weight must be finite and above 0, got {weight:g}")
        object.__setattr__(self, "weights", _finite("OrPooling.weight", [weight], 1))

    @property
    def height_out(self) -> int:
        """The height of the target layer in positions."""
        return (self.height - self.kernel) // self.stride + 1

    @property
    def width_out(self) -> int:
        """The width of the target layer in positions."""
        return (self.width - self.kernel) // self.stride + 1

    @property
    def n_sources(self) -> int:
        """The number of source neurons."""
        return self.channels * self.height * self.width

    @property
    def n_targets(self) -> int:
        """The number of target neurons."""
        return self.channels * self.height_out * self.width_out

    @property
    def n_synapses(self) -> int:
        """The number of pairs of a target and a neuron of its window."""
        return self.n_targets * self.kernel**2


def listed(
    connection: Connection,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64] | None] | None:
    """Return sources, targets, weights and delays (ms; None where synapses have none of their own), one entry per synapse.

    None for a connection whose synapses share weights.
    """
    if isinstance(connection, Dense):
        sources, targets = np.nonzero(connection.weights)
        return sources, targets, connection.weights[sources, targets], None
    if isinstance(connection, Sparse):
        sources = np.repeat(np.arange(connection.n_sources), np.diff(connection.pointers))
        return sources, connection.targets.astype(np.int64), connection.weights, connection.delays
    return None


def as_connection(weights: Any) -> Connection:
    """Return a connection as it is, an array as :class:`Dense`, a SciPy sparse matrix as :class:`Sparse`."""
    if isinstance(weights, Connection):
        return weights
    return Sparse.from_matrix(weights) if hasattr(weights, "tocsr") else Dense(weights)
