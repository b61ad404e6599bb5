"""From a network description to the arrays that the event method runs on."""

import dataclasses
import hashlib
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.event_layout import EventNetwork, EventState, Kind, RowColumn
from snnsim_kernels.event_layout import NeuronColumn as Neuron
from snnsim_kernels.event_layout import ParameterColumn as Par
from snnsim_models import IF, LIF, Delta, ExponentialCurrent, Poisson, Receptor, SpikeArray, StepCurrent

from ._errors import NetworkError
from ._memory import aligned
from .connections import listed
from .network import Network, Population, Projection, snapshot_of

__all__ = ["CompiledEvents", "compile_events"]


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledEvents:
    """The arrays of a network."""

    network: Network
    """The description as it was when it was compiled."""
    arrays: EventNetwork
    initial: NDArray[np.float64]
    """The state of the neurons at 0 ms (neurons, columns)."""
    most_blocks: int
    """The largest number of distinct delays of a source."""

    @property
    def starts(self) -> dict[str, int]:
        """The number of the first neuron of each population."""
        return _starts(self.network)

    @property
    def most_currents(self) -> int:
        """The largest number of exponential receptors of a neuron."""
        return int(self.initial.shape[1] - Neuron.CURRENTS)

    def state(self) -> EventState:
        """Return the state of a copy at 0 ms, no timer set."""
        n_delays = len(self.arrays.delays)
        timers = len(self.initial) + n_delays + 1
        return EventState(
            neurons=aligned(self.initial),  # a row of eight numbers never lies on two cache lines
            timer_time=np.zeros(timers),
            timer_number=np.zeros(timers, np.int32),
            timer_place=np.full(timers, -1, np.int32),
            first=np.full(n_delays, -1, np.int32),
            last=np.full(n_delays, -1, np.int32),
            counts=np.array([0, -1, 0], np.int64),
            pending_time=np.zeros(0),
            pending_block=np.zeros(0, np.int64),
            pending_after=np.zeros(0, np.int32),
        )

    def column(self, population: Population, variable: str) -> int:
        """Return the state column of a variable of ``population.model.states``."""
        model = population.model
        if variable in model.STATES:
            return int(Neuron.I) if variable == "i" else int(Neuron.V)
        return int(Neuron.CURRENTS) + [f"{name}.i" for name in model.dynamic_receptors].index(variable)

    @cached_property
    def digest(self) -> str:
        """What tells this network from any other."""
        digest = hashlib.sha256(f"{self.network.dt!r} {list(self.network.populations)}".encode())
        for name, array in (*self.arrays._asdict().items(), ("initial", self.initial)):
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def compile_events(network: Network) -> CompiledEvents:
    """Compile a network for the event method.

    Raises NetworkError where it is no network or has no population, and names what has no closed form between events.
    """
    network = snapshot_of(network, "EventSimulator")
    for stimulus in network.stimuli:
        raise NetworkError(
            f"the event method cannot run {stimulus.name}: it knows no stimuli; a Poisson population joined OneToOne does the same"
        )
    for _, rule in network.regulations:
        raise NetworkError(
            f"the event method cannot run {type(rule).__name__}: it knows no rules at the level of populations"
        )
    for projection in network.projections:
        if projection.plasticity is not None:
            raise NetworkError(
                f"the event method cannot run projection {projection.name}: it knows no plasticity, such as "
                f"{type(projection.plasticity).__name__}"
            )
    most = max(len(_taus(population)) for population in network.populations.values())
    rows: list[list[int]] = []
    parameters: list[NDArray[np.float64]] = []
    initial: list[NDArray[np.float64]] = []
    first = 0
    for index, population in enumerate(network.populations.values()):
        table = _parameters(population, most)
        row = [0] * RowColumn.COUNT
        row[RowColumn.KIND], row[RowColumn.CURRENTS] = _kind(population), len(_taus(population))
        row[RowColumn.POPULATION] = index
        rows += [row] * len(table)
        parameters.append(table)
        state = _initial(population, most)
        state[:, Neuron.ROW] = first + np.arange(population.size) % len(table)
        first += len(table)
        initial.append(state)
    synapses, neurons = _synapses(network), np.concatenate(initial)
    neurons[:, Neuron.SYNAPSES] = synapses.at
    arrays = EventNetwork(
        np.concatenate(parameters),
        np.array(rows, dtype=np.int64),
        synapses.receives,
        synapses.delays,
        synapses.synapses,
    )
    return CompiledEvents(network, arrays, neurons, synapses.most_blocks)


def _starts(network: Network) -> dict[str, int]:
    sizes = [len(population) for population in network.populations.values()]
    return dict(zip(network.populations, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))


def _refuse(population: Population, what: str) -> NetworkError:
    model = type(population.model).__name__
    return NetworkError(f"the event method cannot run population {population.name!r} ({model}): {what}")


def _kind(population: Population) -> Kind:
    """Return the kind of a population's neurons. Raises NetworkError where the event method has none."""
    model = population.model
    kinds = {SpikeArray: Kind.GIVEN, Poisson: Kind.POISSON, LIF: Kind.LEAKY, IF: Kind.PERFECT}
    if type(model) not in kinds:
        raise _refuse(population, "it knows LIF, IF, Poisson and SpikeArray")
    if population.active != (0.0, math.inf):
        raise _refuse(population, "it must be active all the time")
    if isinstance(model, IF) and np.any(np.asarray(model.t_open) > 0):
        raise _refuse(population, "IF.t_open must be 0 ms")
    for name, receptor in model.receptor_map.items():
        if type(receptor) not in (Delta, StepCurrent, ExponentialCurrent):
            raise _refuse(
                population,
                f"its receptor {name!r} is {type(receptor).__name__}, and only the potential under Delta, "
                "StepCurrent and ExponentialCurrent is solved for",
            )
    return kinds[type(model)]


def _taus(population: Population) -> list[Any]:
    """Return the time constants of the exponential receptors."""
    return [
        receptor.tau for receptor in population.model.receptor_map.values() if isinstance(receptor, ExponentialCurrent)
    ]


def _parameters(population: Population, most: int) -> NDArray[np.float64]:
    """Return the parameters (1 or neurons, columns): one row where all neurons share it."""
    model = population.model
    _kind(population)
    values: dict[int, Any] = {}
    if isinstance(model, Poisson):
        values = {Par.REST: np.asarray(model.rate) / 1000.0}
    elif isinstance(model, IF):
        values = {Par.REST: model.bias}
    elif isinstance(model, LIF):
        rest = model.v_rest + model.r_m * model.i_offset
        values = {Par.TAU_M: model.tau_m, Par.REST: rest, Par.R_M: model.r_m, Par.T_REF: model.t_ref}
    if isinstance(model, IF | LIF):
        values |= {Par.THRESHOLD: model.v_threshold, Par.RESET: model.v_reset, Par.SOFT: float(model.reset == "soft")}
    values |= {Par.TAUS + k: tau for k, tau in enumerate(_taus(population))}
    table = np.zeros((population.size if model.population_size else 1, Par.TAUS + most))
    for column, value in values.items():
        table[:, column] = value
    return table


def _initial(population: Population, most: int) -> NDArray[np.float64]:
    """Return the state of the neurons at 0 ms (neurons, columns)."""
    state = np.zeros((population.size, Neuron.CURRENTS + most))
    model = population.model
    state[:, Neuron.V] = model.v_initial if isinstance(model, IF | LIF) else 1.0  # a Poisson source: its value
    state[:, Neuron.RELEASE] = -math.inf
    state[:, Neuron.DUE] = math.inf
    return state


def _column(receptors: dict[str, Receptor], name: str) -> int:
    """Return the state column to which a spike at the receptor ``name`` adds its weight."""
    if isinstance(receptors[name], ExponentialCurrent):
        exponential = [key for key, receptor in receptors.items() if isinstance(receptor, ExponentialCurrent)]
        return int(Neuron.CURRENTS) + exponential.index(name)
    return int(Neuron.V if isinstance(receptors[name], Delta) else Neuron.I)


def _edges(projection: Projection, starts: dict[str, int]) -> Iterator[NDArray[Any]]:
    """Yield sources, targets, weights and delays (ms) of the synapses of a projection; numbers are those of the network."""
    connection = projection.connection
    found = listed(connection)
    if found is None:
        raise NetworkError(
            f"the event method cannot run projection {projection.name}: its connection is "
            f"{type(connection).__name__}, it knows Dense and Sparse"
        )
    sources, targets, weights, delays = found
    yield sources + (starts[projection.source.population.name] + projection.source.start)
    yield targets + (starts[projection.target.population.name] + projection.target.start)
    yield weights
    yield np.full(len(weights), projection.delay) if delays is None else delays


class _Synapses(NamedTuple):
    """The part of an EventNetwork that holds the synapses, and what neurons and queues need to know of it."""

    receives: NDArray[np.int64]
    delays: NDArray[np.float64]
    synapses: NDArray[np.float64]
    at: NDArray[np.int64]
    """Where the synapses of each neuron are, or -1 (neurons,)."""
    most_blocks: int


def _synapses(network: Network) -> _Synapses:
    starts, projections = _starts(network), network.projections
    parts = [list(_edges(projection, starts)) for projection in projections]
    empty = [np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)]
    sources, targets, weights, times = (np.concatenate(arrays) for arrays in zip(empty, *parts, strict=True))
    numbers = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    delays, delay = np.unique(times, return_inverse=True)
    n_delays, n_projections = max(len(delays), 1), max(len(parts), 1)
    if network.n_neurons + len(delays) + 1 >= 2**31 or network.n_neurons * n_delays * n_projections >= 2**63:
        raise NetworkError("the event method: too many neurons, delays or projections to number them")
    key = (sources * n_delays + delay) * n_projections + numbers
    order = np.argsort(key, kind="stable")
    # Places of the first synapse of each segment, the first segment of each block, the first block of each source.
    segments, segment_at, segment = _runs(key[order])
    blocks, block_at, block = _runs(segments // n_projections)
    senders, sender_at, sender = _runs(blocks // n_delays)
    # Before a synapse stand all synapses before it, and the heads of its segment, block and source and of all before these.
    block, sender = block[segment], sender[block[segment]]
    place = 2 * np.arange(len(key)) + 2 * (segment + 1) + 2 * (block + 1) + (sender + 1)
    segment_head = place[segment_at] - 2
    block_head = segment_head[block_at] - 2
    sender_head = block_head[sender_at] - 1
    packed = np.zeros(2 * (len(key) + len(segments) + len(blocks)) + len(senders))
    packed[place], packed[place + 1] = targets[order], weights[order]
    packed[segment_head], packed[segment_head + 1] = segments % n_projections, np.diff(segment_at, append=len(key))
    block_end = np.append(block_head[1:], len(packed))
    block_end[sender_at[1:] - 1] -= 1  # there the head of the next source stands between
    packed[block_head], packed[block_head + 1] = blocks % n_delays, block_end
    packed[sender_head] = np.append(sender_head[1:], len(packed))
    at = np.full(network.n_neurons, -1)
    at[senders] = sender_head
    columns = [_column(dict(p.target.population.model.receptor_map), p.receptor) for p in projections]
    most = int(np.diff(sender_at, append=len(blocks)).max(initial=0))
    return _Synapses(np.array(columns, dtype=np.int64), delays, packed, at, most)


def _runs(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return of sorted values the distinct ones, where each begins, and for every place which of them it holds."""
    new = np.diff(values, prepend=-1) != 0
    at = np.nonzero(new)[0]
    return values[at], at, np.cumsum(new) - 1
