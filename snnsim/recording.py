"""What a run records: which variables, of which neurons, how often; as the table that a backend takes."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import RecorderColumn as Rec
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic
from snnsim_kernels.scaling import CYCLE

from ._checks import steps_of, whole_array
from ._errors import SimulationError
from .compilation import CompiledNetwork
from .network import Population
from .spikes import SpikeTrain

__all__ = ["PreparedRecorders", "Record", "prepare_recorders"]

Neurons = slice | ArrayLike | None


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """A variable to record, of some neurons, every few steps.

    variable : "spikes", a state variable such as "v" or "exc.i", or "weights" of a projection
    neurons : a slice or a list of neuron numbers of the population (for weights: of synapses); all by default
    every : ms, a multiple of dt, from sample to sample, the first of a run being the first; every step by default. Spikes are
        always recorded in every step.
    """

    variable: str
    neurons: Neurons = None
    every: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Recorder:
    key: tuple[str, str]
    out: int
    size: int
    every: int

    def width(self, steps: int) -> int:
        """Return how many values of a copy it records."""
        return _samples(steps, self.every) * self.size


@dataclasses.dataclass(frozen=True, eq=False)
class PreparedRecorders:
    """The recorder table of a run, what it points into, and how to read what it writes."""

    table: NDArray[np.int64]
    picked: NDArray[np.int64]
    width: int
    """Recorded values of a copy."""
    recorders: list[_Recorder]
    spikes: dict[str, NDArray[np.int64] | None]
    """For each population whose spikes are recorded the neurons, or None for all."""

    def states(self, traces: NDArray[Any], steps: int) -> dict[tuple[str, str], NDArray[Any]]:
        """Return the recorded values by population (or projection) and variable, shape (copies, samples, neurons)."""
        return {
            r.key: traces[:, r.out : r.out + r.width(steps)].reshape(len(traces), _samples(steps, r.every), r.size)
            for r in self.recorders
        }

    def every(self) -> dict[tuple[str, str], int]:
        """Return the steps between samples by population (or projection) and variable."""
        return {r.key: r.every for r in self.recorders}

    def trains(
        self, compiled: CompiledNetwork, log: NDArray[np.int32], copies: int, first: int, last: int
    ) -> dict[str, SpikeTrain]:
        """Return the recorded spike trains from a log of (copy, step - first, neuron of the copy)."""
        trains = {}
        of_copy, after, of_neuron = np.ascontiguousarray(log.T)  # columns are read several times
        for name, only in self.spikes.items():
            row = compiled.populations[compiled.index(name)]
            start, size = row[Pop.NEURON], int(row[Pop.SIZE])
            neurons = of_neuron - np.int32(start)
            mine = np.flatnonzero((neurons >= 0) & (neurons < size))
            if only is not None:
                wanted = np.zeros(size, bool)
                wanted[only] = True
                mine = mine[wanted[neurons[mine]]]
            trains[name] = SpikeTrain.logged(
                of_copy[mine], after[mine].astype(np.int64) + first, neurons[mine], size, copies, compiled.network.dt, first, last
            )  # fmt: skip
        return trains


def prepare_recorders(
    compiled: CompiledNetwork,
    record: Mapping[str, str | Record | Iterable[str | Record]],
    populations: NDArray[np.int64],
    steps: int,
) -> PreparedRecorders:
    """Check what is to be recorded and make the table of it; mark in the population table whose spikes are logged.

    Raises SimulationError for a name, a variable or a neuron that does not exist, and for an interval that is not on the grid.
    """
    network = compiled.network
    projections = {projection.name: number for number, projection in enumerate(network.projections)}
    table: list[list[int]] = []
    picked: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    recorders: list[_Recorder] = []
    spikes: dict[str, NDArray[np.int64] | None] = {}
    width = n_picked = 0
    for name, wanted in record.items():
        for asked in _asked(name, wanted):
            if name in network.populations:
                population = network.populations[name]
                if asked.variable == "spikes":
                    if asked.every is not None:
                        raise SimulationError(
                            f"record: spikes of population {name!r} are recorded in every step, not every {asked.every:g} ms"
                        )
                    if name in spikes:
                        raise SimulationError(f"record: 'spikes' of {name!r} is asked for twice")
                    populations[compiled.index(name), Pop.RECORD_SPIKES] = 1
                    spikes[name] = _places(asked, name, population.size)
                    continue
                offset, size, row = _state(compiled, population, asked.variable)
            elif name in projections:
                offset, size, row = _weights(compiled, projections[name], asked.variable)
            else:
                known = ", ".join([*network.populations, *projections])
                raise SimulationError(f"record: no population {name!r}, the network has {known}")
            key = name, asked.variable
            if any(recorder.key == key for recorder in recorders):
                raise SimulationError(f"record: {asked.variable!r} of {name!r} is asked for twice")
            every = 1
            if asked.every is not None:
                every = steps_of(f"record: every, of {name!r}", asked.every, network.dt, SimulationError)
            line = [0] * Rec.COUNT
            line[Rec.STATE], line[Rec.POPULATION], line[Rec.EVERY] = offset, row, every
            line[Rec.OUT], line[Rec.INDEX], line[Rec.RULE] = width, -1, _moving(compiled, projections.get(name), row)
            line[Rec.FACTORS] = -1
            if row >= 0 and offset in compiled.factors:  # behind the factors of arriving weights stand those of values
                line[Rec.FACTORS] = compiled.factors[offset] + CYCLE
            places = _places(asked, name, size)
            if places is not None:
                line[Rec.INDEX], size = n_picked, len(places)
                picked.append(places)
                n_picked += size
            line[Rec.SIZE] = size
            table.append(line)
            recorders.append(_Recorder(key, width, size, every))
            width += recorders[-1].width(steps)
    return PreparedRecorders(
        np.array(table, np.int64).reshape(-1, Rec.COUNT), np.concatenate(picked), width, recorders, spikes
    )


def _samples(steps: int, every: int) -> int:
    return -(-steps // every)


def _asked(name: str, wanted: Any) -> list[Record]:
    """Return what is to be recorded of a population or projection as a list."""
    items = list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    for item in items:
        if not isinstance(item, str | Record):
            raise SimulationError(f"record: {name!r} takes names of variables and Records, got {item!r}")
    return [Record(item) if isinstance(item, str) else item for item in dict.fromkeys(items)]


def _state(compiled: CompiledNetwork, population: Population, variable: str) -> tuple[int, int, int]:
    """Return the offset, the size and the row of a state variable."""
    if variable not in population.model.states:
        raise SimulationError(
            f"record: population {population.name!r} has no {variable!r}, only 'spikes' and {list(population.model.states)}"
        )
    return compiled.state_offset(population, variable), population.size, compiled.index(population.name)


def _weights(compiled: CompiledNetwork, number: int, variable: str) -> tuple[int, int, int]:
    """Return the same of the weights of a projection, in the order in which they are stored."""
    projection = compiled.network.projections[number]
    if variable != "weights":
        raise SimulationError(f"record: projection {projection.name!r} has no {variable!r}, only 'weights'")
    return int(compiled.projections[number, Proj.WEIGHTS]), compiled.n_weights[number], -1


def _moving(compiled: CompiledNetwork, projection: int | None, row: int) -> int:
    """Return the row of a plastic projection whose weights, which are to be recorded, move by themselves; else -1."""
    number = None if row >= 0 or projection is None else compiled.plasticity.number_of(projection)
    return -1 if number is None or compiled.plasticity.rules[number, Plastic.ELIGIBILITY] < 0 else number


def _places(asked: Record, name: str, size: int) -> NDArray[np.int64] | None:
    """Return the numbers of the neurons (or synapses) that are asked for, or None for all."""
    if asked.neurons is None:
        return None
    if isinstance(asked.neurons, slice):
        places = np.arange(size)[asked.neurons]
    else:
        places = whole_array(f"record: neurons of {name!r}", asked.neurons, 0, size - 1, SimulationError)
    if len(places) == 0:
        raise SimulationError(f"record: neurons of {name!r} must name at least one of {size}")
    return places
