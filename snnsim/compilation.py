"""From a network description to the flat arrays that kernels run on."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.registry import NeuronKind

from ._errors import NetworkError
from .connections import Connection, Convolution, Dense, Sparse
from .network import Network, Population, Projection

__all__ = ["CompiledNetwork", "compile_network"]

_NEVER = 2**62


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """Tables and flat arrays of a network in one precision; the columns are those of ``snnsim_kernels.layout``."""

    network: Network
    """The description as it was when it was compiled."""
    precision: str
    populations: NDArray[np.int64]
    projections: NDArray[np.int64]
    initial: NDArray[Any]
    """One copy's state array before the first step."""
    constants: NDArray[Any]
    pointers: NDArray[np.int64]
    targets: NDArray[np.int32]
    weights: NDArray[Any]
    neuron_kinds: list[NeuronKind]
    deliveries: list[tuple[str, bool]]

    @property
    def n_neurons(self) -> int:
        """The number of neurons of one copy."""
        return self.network.n_neurons

    def index(self, name: str) -> int:
        """Return the row of the population ``name``."""
        return list(self.network.populations).index(name)

    def state_offset(self, population: Population, variable: str) -> int:
        """Return where the state variable of the population's first neuron lies in a copy's state array."""
        row = self.populations[self.index(population.name)]
        return int(row[Pop.STATE]) + population.model.STATES.index(variable) * population.size


class _Pool:
    """Arrays that are appended to one flat array; ``add`` returns the offset."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.parts, self.size = dtype, [np.zeros(0, dtype)], 0

    def add(self, array: Any) -> int:
        part = np.ascontiguousarray(array, dtype=self.dtype).ravel()
        offset = self.size
        self.parts.append(part)
        self.size += part.size
        return offset

    def array(self) -> NDArray[Any]:
        return np.concatenate(self.parts)


def compile_network(network: Network, precision: str) -> CompiledNetwork:
    """Compile a network for ``precision``, "float32" or "float64". Raises NetworkError where it has no population."""
    if precision not in registry.PRECISIONS:
        raise NetworkError(f"precision must be one of {list(registry.PRECISIONS)}, got {precision!r}")
    if not network.populations:
        raise NetworkError("the network has no population")
    network = network.snapshot()
    real = registry.PRECISIONS[precision]
    states, constants, pointers = _Pool(real), _Pool(real), _Pool(np.int64)
    targets, weights = _Pool(np.int32), _Pool(real)
    neuron_kinds: list[NeuronKind] = []
    deliveries: list[tuple[str, bool]] = []

    populations = np.zeros((len(network.populations), Pop.COUNT), dtype=np.int64)
    neuron = 0
    for row, population in zip(populations, network.populations.values(), strict=True):
        kind, values = _constants(population, network.dt)
        if kind not in neuron_kinds:
            neuron_kinds.append(kind)
        start, stop = (value / network.dt for value in population.active)
        row[Pop.KIND] = neuron_kinds.index(kind)
        row[Pop.RESET] = row[Pop.KIND] if kind.model.RESET is not None else -1
        row[Pop.SIZE], row[Pop.NEURON] = population.size, neuron
        row[Pop.FIRST_STEP] = round(start)
        row[Pop.LAST_STEP] = round(stop) if math.isfinite(stop) else _NEVER
        row[Pop.TRAIN] = -1
        row[Pop.CONSTANTS] = constants.add(values)
        row[Pop.STATE] = states.size
        for value in population.model.initial(network.dt):
            states.add(np.broadcast_to(value, population.size))
        neuron += population.size

    names = list(network.populations)
    projections = np.zeros((len(network.projections), Proj.COUNT), dtype=np.int64)
    for row, projection in zip(projections, network.projections, strict=True):
        kernel = (projection.connection.connectivity, projection.graded)
        if kernel not in deliveries:
            deliveries.append(kernel)
        row[Proj.KIND] = deliveries.index(kernel)
        source, target = projection.source, projection.target
        row[Proj.SOURCE] = names.index(source.population.name)
        row[Proj.SOURCE_NEURON], row[Proj.SOURCE_SIZE] = source.start, len(source)
        row[Proj.TARGET_STATE] = _receptor_state(populations, names, projection)
        row[Proj.TARGET_SIZE] = len(target)
        row[Proj.PAYLOAD] = populations[row[Proj.SOURCE], Pop.STATE]
        _place(row, projection.connection, pointers, targets, weights)

    return CompiledNetwork(
        network, precision, populations, projections, states.array(), constants.array(), pointers.array(),
        targets.array(), weights.array(), neuron_kinds, deliveries,
    )  # fmt: skip


def _constants(population: Population, dt: float) -> tuple[NeuronKind, NDArray[np.float64]]:
    """Return the kind of a population and its constants, shape (constants, 1) or (constants, neurons)."""
    model = type(population.model)
    try:
        values = [np.asarray(value, dtype=np.float64) for value in population.model.constants(dt)]
    except ValueError as error:
        raise NetworkError(f"population {population.name!r}: {error}") from error
    per_neuron = model.STOCHASTIC or any(value.ndim for value in values)
    width = population.size if per_neuron else 1
    table = np.array([np.broadcast_to(value, width) for value in values]).reshape(len(values), width)
    return NeuronKind(model, len(values), per_neuron), table


def _receptor_state(populations: NDArray[np.int64], names: list[str], projection: Projection) -> int:
    target = projection.target
    model = target.population.model
    variable = model.STATES.index(model.RECEPTORS[projection.receptor])
    row = populations[names.index(target.population.name)]
    return int(row[Pop.STATE]) + variable * target.population.size + target.start


def _place(row: NDArray[np.int64], connection: Connection, pointers: _Pool, targets: _Pool, weights: _Pool) -> None:
    """Append a connection's arrays to the pools and enter their offsets."""
    if isinstance(connection, Dense):
        row[Proj.POINTERS] = pointers.add(np.count_nonzero(connection.weights, axis=1))
        row[Proj.WEIGHTS] = weights.add(connection.weights)
    elif isinstance(connection, Sparse):
        row[Proj.POINTERS] = pointers.add(connection.pointers)
        row[Proj.SYNAPSES] = targets.add(connection.targets)
        row[Proj.WEIGHTS] = weights.add(connection.weights)
    elif isinstance(connection, Convolution):
        row[Proj.POINTERS] = pointers.add(np.count_nonzero(connection.weights, axis=3))
        row[Proj.WEIGHTS] = weights.add(connection.weights)
        row[Proj.CHANNELS_IN], row[Proj.KERNEL] = connection.weights.shape[:2]
        row[Proj.HEIGHT_IN], row[Proj.WIDTH_IN] = connection.height, connection.width
        row[Proj.STRIDE], row[Proj.CHANNELS_OUT] = connection.stride, connection.weights.shape[3]
        row[Proj.HEIGHT_OUT], row[Proj.WIDTH_OUT] = connection.height_out, connection.width_out
    else:
        raise NetworkError(f"no kernel delivers a {type(connection).__name__}")
