"""From a network description to the flat arrays that kernels run on."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import RegulationColumn as Reg
from snnsim_kernels.layout import State
from snnsim_kernels.layout import StimulusColumn as Stim
from snnsim_kernels.registry import DeliveryKind, NeuronKind, ReceptorKind
from snnsim_kernels.scaling import CYCLE
from snnsim_models import FOREVER, ExponentialCurrent

from ._errors import NetworkError
from ._memory import CACHE_LINE, aligned, require_memory
from .network import Network, Population, Projection, Stimulus, snapshot_of
from .placement import Placed, Placer, place_on_host, plan_of
from .plasticity import CompiledPlasticity, compile_plasticity, plasticity_bytes
from .regulation import Homeostasis, Normalisation, WinnerTakeAll

__all__ = ["CompiledNetwork", "compile_network"]

_NEVER = 2**62

_MOST_DAYS = 2**16
"""Days of a calendar of releases; who is held for longer is entered again on the way."""

_LEAST_POWER = 1e-4
"""What must be left of a current after a cycle for it to be kept scaled: rows grow by the inverse."""

_ROW = CACHE_LINE // 4
"""State rows start at multiples of this: cache lines, in either precision."""

_STIMULI = 2**31 + 2**30
"""The first random stream of a stimulus: neurons have those below 2**31, wiring those from there on."""


@dataclasses.dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """Tables and flat arrays of a network in one precision; the columns are those of ``snnsim_kernels.layout``."""

    network: Network
    """The description as it was when it was compiled."""
    precision: str
    populations: NDArray[np.int64]
    projections: NDArray[np.int64]
    stimuli: NDArray[np.int64]
    initial: NDArray[Any]
    """One copy's state array before the first step."""
    constants: NDArray[Any]
    placed: Placed
    """The synapses, wherever they lie."""
    n_weights: list[int]
    """How many weights each projection stores: 1 where all synapses share one."""
    thresholds: NDArray[np.uint32]
    stimulus_weights: NDArray[Any]
    regulations: NDArray[np.int64]
    regulation_values: NDArray[Any]
    history: int
    """Entries of a copy's spike lists."""
    lengths: int
    """Number of a copy's spike lists."""
    calendar: int
    """Entries of the calendars of releases from refractoriness."""
    factors: dict[int, int]
    """For each state row that is kept scaled, by its offset, where its factors stand in the constants."""
    neuron_kinds: list[NeuronKind]
    deliveries: list[DeliveryKind]
    plasticity: CompiledPlasticity

    @property
    def n_neurons(self) -> int:
        """The number of neurons of one copy."""
        return self.network.n_neurons

    @property
    def changes_weights(self) -> bool:
        """Whether a run changes weights."""
        return len(self.plasticity) > 0 or bool((self.regulations[:, Reg.KIND] == Reg.NORMALISATION).any())

    @property
    def pointers(self) -> NDArray[np.int64]:
        """Where synapses start, on the host, as all of the following."""
        return self.placed.pointers

    @property
    def targets(self) -> NDArray[np.int32]:
        """Targets of the projections that reach more than 65,536 neurons."""
        return self.placed.targets

    @property
    def narrow_targets(self) -> NDArray[np.uint16]:
        """Targets of the projections that reach at most 65,536 neurons."""
        return self.placed.narrow_targets

    @property
    def weights(self) -> NDArray[Any]:
        """Weights before anything changes them."""
        return self.placed.weights

    @property
    def delays(self) -> NDArray[np.int64]:
        """Delays in steps."""
        return self.placed.delays

    @property
    def nbytes(self) -> int:
        """The bytes of the host's memory that tables and flat arrays take now: synapses on a device are not among them."""
        fields = (getattr(self, field.name) for field in dataclasses.fields(self))
        return self.placed.nbytes + sum(value.nbytes for value in fields if isinstance(value, np.ndarray))

    def state_bytes(self, copies: int) -> int:
        """The bytes of the state of so many copies."""
        return copies * (self.initial.nbytes + 4 * (self.n_neurons + self.history + self.lengths))

    def state(self, copies: int) -> State:
        """Return the state before the first step."""
        return State(
            aligned(np.tile(self.initial, (copies, 1))),
            np.zeros((copies, self.n_neurons), np.int32),
            np.zeros((copies, self.history), np.int32),
            np.zeros((copies, self.lengths), np.int32),
        )

    def index(self, name: str) -> int:
        """Return the row of the population ``name``."""
        return list(self.network.populations).index(name)

    def state_offset(self, population: Population, variable: str) -> int:
        """Return where the state variable of the population's first neuron lies in a copy's state array."""
        row = self.populations[self.index(population.name)]
        return int(row[Pop.STATE]) + population.model.states.index(variable) * int(row[Pop.STRIDE])


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


def compile_network(
    network: Network, precision: str, memory: int | None = None, place: Placer = place_on_host
) -> CompiledNetwork:
    """Compile a network for ``precision``, "float32" or "float64", in ``memory`` bytes (None: what the machine has left).

    ``place`` builds the synapses, and decides where they lie.

    Raises NetworkError where it has no population, and SimulationError where the memory does not suffice.
    """
    if precision not in registry.PRECISIONS:
        raise NetworkError(f"precision must be one of {list(registry.PRECISIONS)}, got {precision!r}")
    network = snapshot_of(network, "Simulator")
    real = registry.PRECISIONS[precision]
    states, constants, thresholds = _Pool(real), _Pool(real), _Pool(np.uint32)
    factors: dict[int, int] = {}
    neuron_kinds: list[NeuronKind] = []
    deliveries: list[DeliveryKind] = []

    populations = np.zeros((len(network.populations), Pop.COUNT), dtype=np.int64)
    neuron = 0
    for row, population in zip(populations, network.populations.values(), strict=True):
        neuron_kind, values = _constants(population, network.dt)
        if neuron_kind not in neuron_kinds:
            neuron_kinds.append(neuron_kind)
        start, stop = (value / network.dt for value in population.active)
        row[Pop.KIND] = neuron_kinds.index(neuron_kind)
        row[Pop.RESET] = row[Pop.KIND] if neuron_kind.model.RESET is not None else -1
        row[Pop.STOCHASTIC] = population.model.STOCHASTIC
        row[Pop.SIZE], row[Pop.NEURON] = population.size, neuron
        row[Pop.STRIDE] = stride = -(-population.size // _ROW) * _ROW
        row[Pop.FIRST_STEP] = round(start)
        row[Pop.LAST_STEP] = round(stop) if math.isfinite(stop) else _NEVER
        row[Pop.TRAIN], row[Pop.SLOTS] = -1, 1
        row[Pop.STATE] = states.size
        own = population.model.initial(network.dt)
        for value in (values, *own):
            _check_parameters(population, value, real)
        row[Pop.CONSTANTS] = constants.add(values)
        if neuron_kind.scaled:
            row[Pop.SCALED], row[Pop.GAINS] = len(neuron_kind.receptors), constants.add(_gains(neuron_kind, values))
            first = states.size + len(neuron_kind.model.STATES) * stride
            for k, decay in enumerate(values[neuron_kind.n_constants + 1 :: 2, 0]):
                factors[first + k * stride] = constants.add(_factors(decay))
        for value in (*own, *(0.0 for _ in population.model.states[len(own) :])):
            states.add(np.pad(np.broadcast_to(value, population.size), (0, stride - population.size)))
        if longest := population.model.longest_hold(network.dt):
            row[Pop.DAYS] = min(longest + 2, _MOST_DAYS)
        neuron += population.size

    names = list(network.populations)
    projections = np.zeros((len(network.projections), Proj.COUNT), dtype=np.int64)
    normalised = {id(regulated) for regulated, rule in network.regulations if isinstance(rule, Normalisation)}
    plans = [
        plan_of(projection, network.dt, own_weights=id(projection) in normalised or projection.plasticity is not None)
        for projection in network.projections
    ]
    for row, projection, plan in zip(projections, network.projections, plans, strict=True):
        source, target = projection.source, projection.target
        row[Proj.SOURCE] = names.index(source.population.name)
        row[Proj.SOURCE_NEURON], row[Proj.SOURCE_SIZE] = source.start, len(source)
        row[Proj.TARGET_STATE] = _receptor_state(populations, names, projection)
        row[Proj.TARGET_SIZE] = len(target)
        row[Proj.TARGET], row[Proj.TARGET_NEURON] = names.index(target.population.name), target.start
        if plan.kind.connectivity in ("convolution", "pooling"):
            populations[row[Proj.TARGET], Pop.WHOLE] = 1
        row[Proj.FACTORS] = factors.get(int(row[Proj.TARGET_STATE]) - target.start, -1)
        row[Proj.PAYLOAD] = populations[row[Proj.SOURCE], Pop.STATE]
        kind = plan.kind._replace(scaled=bool(row[Proj.FACTORS] >= 0))
        if kind not in deliveries:
            deliveries.append(kind)
        row[Proj.KIND] = deliveries.index(kind)
    placed = place(plans, [projection.name for projection in network.projections], projections, real, memory)
    for row, projection, plan in zip(projections, network.projections, plans, strict=True):
        sender = populations[row[Proj.SOURCE]]
        longest = plan.extent.delays.max() + 1
        sender[Pop.SLOTS] = max(sender[Pop.SLOTS], longest)
        if projection.plasticity is not None and projection.delay_side == "dendritic":
            receiver = populations[row[Proj.TARGET]]
            receiver[Pop.SLOTS] = max(receiver[Pop.SLOTS], longest)
    n_weights, per_weight = [plan.extent.n_weights for plan in plans], np.dtype(real).itemsize
    learning = (plasticity_bytes(p, n, per_weight) for p, n in zip(network.projections, n_weights, strict=True))
    left = None if memory is None else memory - placed.nbytes
    require_memory("the network's plasticity", {"indices and eligibilities": sum(learning)}, left)

    stimuli = np.zeros((len(network.stimuli), Stim.COUNT), dtype=np.int64)
    for number, (row, stimulus) in enumerate(zip(stimuli, network.stimuli, strict=True)):
        row[Stim.TARGET] = names.index(stimulus.target.population.name)
        row[Stim.TARGET_NEURON], row[Stim.TARGET_SIZE] = stimulus.target.start, len(stimulus.target)
        row[Stim.TARGET_STATE] = _receptor_state(populations, names, stimulus)
        _check_range(stimulus.name, np.array([stimulus.weight]), real)
        row[Stim.WEIGHT] = number
        row[Stim.FACTORS] = factors.get(int(row[Stim.TARGET_STATE]) - stimulus.target.start, -1)
        table = stimulus.input.thresholds(network.dt)
        row[Stim.THRESHOLDS], row[Stim.N_THRESHOLDS] = thresholds.add(table), len(table)
        row[Stim.STREAM] = _STIMULI + number

    regulations, regulation_values = _regulations(network, populations, projections, deliveries)

    lists = populations[:, Pop.SLOTS] * populations[:, Pop.SIZE]
    populations[:, Pop.HISTORY] = np.cumsum(lists) - lists
    populations[:, Pop.LENGTHS] = np.cumsum(populations[:, Pop.SLOTS]) - populations[:, Pop.SLOTS]
    populations[:, Pop.CALENDAR] = np.cumsum(populations[:, Pop.DAYS]) - populations[:, Pop.DAYS]
    return CompiledNetwork(
        network=network,
        precision=precision,
        populations=populations,
        projections=projections,
        stimuli=stimuli,
        initial=states.array(),
        constants=constants.array(),
        placed=placed,
        n_weights=n_weights,
        thresholds=thresholds.array(),
        stimulus_weights=np.array([stimulus.weight for stimulus in network.stimuli], real),
        regulations=regulations,
        regulation_values=np.array(regulation_values, real),
        history=int(lists.sum()),
        lengths=int(populations[:, Pop.SLOTS].sum()),
        calendar=int(populations[:, Pop.DAYS].sum()),
        factors=factors,
        neuron_kinds=neuron_kinds,
        deliveries=deliveries,
        plasticity=compile_plasticity(network, projections, deliveries, placed, n_weights, precision),
    )


def _constants(population: Population, dt: float) -> tuple[NeuronKind, NDArray[np.float64]]:
    """Return the kind of a population and its constants, shape (constants, 1) or (constants, neurons)."""
    model = population.model
    try:
        own = model.constants(dt)
        received = model.receptor_constants(dt)
    except ValueError as error:
        raise NetworkError(f"population {population.name!r}: {error}") from error
    values = [np.asarray(value, dtype=np.float64) for part in (own, *received) for value in part]
    per_neuron = model.STOCHASTIC or any(value.ndim for value in values)
    width = population.size if per_neuron else 1
    table = np.array([np.broadcast_to(value, width) for value in values]).reshape(len(values), width)
    dynamic = model.dynamic_receptors.values()
    kinds = tuple(ReceptorKind(type(r), len(part)) for r, part in zip(dynamic, received, strict=True))
    scaled = not per_neuron and _can_be_scaled(population, kinds, table[len(own) :, 0])
    return NeuronKind(type(model), len(own), per_neuron, kinds, method=model.method, scaled=scaled), table


def _can_be_scaled(population: Population, kinds: tuple[ReceptorKind, ...], received: NDArray[np.float64]) -> bool:
    """Whether the receptors of a population are exponential currents that may be kept scaled (see ``snnsim_kernels.scaling``)."""
    if not kinds or population.active != (0.0, math.inf) or population.model.method != "exact":
        return False
    # Their constants are (gain, decay) each.
    exponential = all(kind.receptor is ExponentialCurrent for kind in kinds)
    return exponential and bool((received[1::2] ** CYCLE >= _LEAST_POWER).all())


def _gains(kind: NeuronKind, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what scaled currents add to v in each step of a cycle, shape (CYCLE, receptors), then their decay in a whole one."""
    received = values[kind.n_constants :, 0]
    gain, decay = received[::2], received[1::2]
    return np.vstack([gain * decay ** np.arange(CYCLE)[:, None], decay**CYCLE])


def _factors(decay: float) -> NDArray[np.float64]:
    """Return, for a scaled row after each step of a cycle, what arriving weights are multiplied by, then what its values are."""
    powers = decay ** np.arange(1, CYCLE + 1)
    return np.concatenate([1 / powers, powers])


def _check_parameters(population: Population, given: Any, real: type[np.floating[Any]]) -> None:
    """Raise NetworkError where a finite constant or initial value becomes infinite in the precision of the network."""
    if np.any(np.isfinite(given) & (np.abs(given) > np.finfo(real).max)):
        raise NetworkError(
            f"population {population.name!r}: parameters of {type(population.model).__name__} beyond the range of "
            f"{np.dtype(real).name}"
        )


def _receptor_state(populations: NDArray[np.int64], names: list[str], joined: Projection | Stimulus) -> int:
    target = joined.target
    model = target.population.model
    variable = model.states.index(model.arrival(joined.receptor))
    row = populations[names.index(target.population.name)]
    return int(row[Pop.STATE]) + variable * int(row[Pop.STRIDE]) + target.start


def _regulations(
    network: Network,
    populations: NDArray[np.int64],
    projections: NDArray[np.int64],
    deliveries: list[DeliveryKind],
) -> tuple[NDArray[np.int64], list[float]]:
    """Return the table of rules at the level of populations and projections, and their real numbers."""
    names = list(network.populations)
    table = np.zeros((len(network.regulations), Reg.COUNT), np.int64)
    values = []
    for number, (row, (regulated, rule)) in enumerate(zip(table, network.regulations, strict=True)):
        row[Reg.VALUE] = number
        if isinstance(regulated, Population):
            population = populations[names.index(regulated.name)]
            row[Reg.WHAT], population[Pop.WHOLE] = names.index(regulated.name), 1
        if isinstance(rule, WinnerTakeAll):
            row[Reg.KIND] = Reg.WINNER_TAKE_ALL
            row[Reg.GROUP], row[Reg.WINNERS] = rule.group or regulated.size, rule.winners
            steps = rule.inhibition / network.dt
            row[Reg.UPDATES] = round(steps) if steps < FOREVER else FOREVER
            # Who is held for ever is in no calendar, but a day has to have a number.
            days = min(row[Reg.UPDATES] + 2, _MOST_DAYS) if row[Reg.UPDATES] < FOREVER else 1
            population[Pop.DAYS] = max(population[Pop.DAYS], days)
            values.append(0.0)
        elif isinstance(rule, Homeostasis):
            row[Reg.KIND] = Reg.HOMEOSTASIS
            row[Reg.STATE] = population[Pop.STATE] + regulated.model.states.index("theta") * population[Pop.STRIDE]
            values.append(rule.decrement)
        elif isinstance(rule, Normalisation):
            row[Reg.KIND] = Reg.NORMALISATION
            row[Reg.WHAT] = network.projections.index(regulated)
            row[Reg.EVERY] = round(rule.every / network.dt)
            kind = deliveries[projections[row[Reg.WHAT], Proj.KIND]]
            row[Reg.DENSE], row[Reg.NARROW] = kind.connectivity == "dense", kind.narrow
            values.append(rule.total)
    return table, values


def _check_range(name: str, given: NDArray[np.float64], real: type[np.floating[Any]]) -> None:
    """Raise NetworkError where a weight becomes infinite or zero in the precision of the network."""
    with np.errstate(over="ignore", under="ignore"):
        kept = given.astype(real)
    if not np.isfinite(kept).all() or np.count_nonzero(kept) != np.count_nonzero(given):
        raise NetworkError(f"{name}: weights beyond the range of {np.dtype(real).name}")
