"""A network as a user describes it: populations and the projections between them. Descriptions never run."""

import dataclasses
import itertools
import math
from functools import cached_property
from typing import Any

import numpy as np
from snnsim_models import Model, Plasticity

from ._checks import positive_time, real_number, steps_of, whole_number
from ._errors import NetworkError
from .connections import Connection, Dense, OrPooling, Sparse, as_connection
from .distributions import Distribution
from .regulation import Normalisation, Regulation, WinnerTakeAll
from .rules import Rule
from .stimuli import PoissonInput
from .wiring import Wiring, wire

__all__ = ["Network", "Population", "Projection", "Slice", "Stimulus", "snapshot_of"]

_MOST_STEPS = 2**24
"""The longest delay: every source neuron keeps a list entry per step of it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one model. Made by :meth:`Network.population`; ``population[a:b]`` can stand wherever a population can.

    active : ms, the stretch in which the population is updated; outside it sleeps: no update, no spike, no operation
    encoder : its updates count as encoder operations, not as membrane updates
    """

    name: str
    size: int
    model: Model
    active: tuple[float, float]
    encoder: bool
    network: "Network" = dataclasses.field(repr=False)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, key: slice) -> "Slice":
        if not isinstance(key, slice):
            raise NetworkError(f"population {self.name!r} is sliced like {self.name}[a:b], got {key!r}")
        start, stop, step = key.indices(self.size)
        if step != 1 or stop <= start:
            raise NetworkError(f"population {self.name!r}: slice {key} must be a rising range with at least one neuron")
        return Slice(self, start, stop)


@dataclasses.dataclass(frozen=True)
class Slice:
    """Neurons ``start`` to ``stop - 1`` of a population."""

    population: Population
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population (or a slice) to a receptor of another. Made by :meth:`Network.connect`."""

    name: str
    source: Slice
    target: Slice
    synapses: Connection | Wiring
    """What joins them, or how: a rule's synapses are drawn when they are asked for."""
    receptor: str
    delay: float
    plasticity: Plasticity | None = None
    delay_side: str = "axonal"

    @cached_property
    def connection(self) -> Connection:
        """The connection; that of a rule is drawn on first use, 20 bytes a synapse. Simulations do without it."""
        return self.synapses.sparse() if isinstance(self.synapses, Wiring) else self.synapses

    @property
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight."""
        return self.synapses.n_synapses

    @property
    def graded(self) -> bool:
        """Whether its events carry a value, so that each delivery is a multiply-accumulate."""
        return self.source.population.model.GRADED


@dataclasses.dataclass(frozen=True, eq=False)
class Stimulus:
    """Input from outside to a receptor of every neuron of a population, or of a slice. Made by :meth:`Network.stimulate`."""

    name: str
    target: Slice
    input: PoissonInput
    weight: float
    receptor: str


class Network:
    """A description of populations and projections.

    dt : ms, above 0, the time step
    seed : of all random numbers, 0 to 2**64 - 1

    Raises NetworkError for values out of bounds.
    """

    def __init__(self, dt: float = 0.1, seed: int = 0) -> None:
        self.dt = positive_time("Network.dt", dt, NetworkError)
        self.seed = whole_number("Network.seed", seed, 0, 2**64 - 1, NetworkError)
        self.populations: dict[str, Population] = {}
        self.projections: list[Projection] = []
        self.stimuli: list[Stimulus] = []
        self.regulations: list[tuple[Any, Regulation]] = []

    def population(
        self,
        name: str,
        size: int,
        model: Model,
        *,
        active: tuple[float, float] = (0.0, math.inf),
        encoder: bool | None = None,
    ) -> Population:
        """Add ``size`` neurons of ``model`` and return them.

        ``active`` = (start, stop) in ms, multiples of dt. ``encoder`` is true by default for sources that code an analog value.
        Raises NetworkError for a name that is taken, a size below 1, or parameters whose length is not ``size``.
        """
        if not isinstance(name, str):
            raise NetworkError(f"population name must be a string, got {name!r}")
        if not name or name in self.populations:
            raise NetworkError(f"population name {name!r} is {'taken' if name else 'empty'}")
        if not isinstance(model, Model):
            raise NetworkError(f"population {name!r}: model must be a neuron model such as LIF(), got {model!r}")
        size = whole_number(f"population {name!r}: size", size, 1, 2**31 - 1, NetworkError)
        if (expected := model.population_size) not in (None, size):
            raise NetworkError(
                f"population {name!r} has {size} neurons, its {type(model).__name__} parameters {expected}"
            )
        try:
            start, stop = (float(value) for value in active)
        except (TypeError, ValueError):
            raise NetworkError(f"population {name!r}: active must be (start, stop) in ms, got {active!r}") from None
        active = start, stop
        for value in active:
            if math.isfinite(value) and abs(value / self.dt - round(value / self.dt)) > 1e-6:
                raise NetworkError(f"population {name!r}: active {value:g} ms is not a multiple of dt = {self.dt:g} ms")
        if not 0 <= start < stop:
            raise NetworkError(f"population {name!r}: active must be 0 <= start < stop, got {active}")
        if encoder is None:
            encoder = not model.receptor_map and model.INPUT is not None
        made = Population(name, size, model, active, encoder, self)
        self.populations[name] = made
        return made

    def connect(
        self,
        source: Population | Slice,
        target: Population | Slice,
        connection: Any,
        *,
        weight: Any = None,
        delay: Any = 0.0,
        receptor: str | None = None,
        plasticity: Plasticity | None = None,
        delay_side: str = "axonal",
    ) -> Projection:
        """Join ``source`` to ``target`` and return the projection.

        connection : a :class:`Rule` such as ``FixedProbability(0.02)``, or weights: an array of shape (sources, targets), a SciPy
            sparse matrix, or a :class:`Connection`
        weight : with a rule: one value, a distribution, or one value per synapse, in the unit of the receptor
        delay : ms, at least 0, a multiple of dt; with a rule also a distribution (rounded to steps) or one value per synapse
        receptor : one of the target model's; its first by default
        plasticity : a rule such as ``PairSTDP()`` by which the weights learn: of dense or sparse weights of spikes, which must lie
            within its bounds
        delay_side : where a plastic synapse has its delay. "axonal": a spike of the source reaches it after the delay, one of the
            target at once. "dendritic": a spike of the source reaches it at once, one of the target after the delay, and what the
            synapse then weighs reaches the target. Without plasticity the two are the same.

        A spike of step t acts on the target's update in the step after t + delay. A plastic synapse delivers its weight first and
        learns afterwards. Raises NetworkError where sizes disagree, a delay is not on the grid, the receptor is unknown, or such
        a connection cannot learn.
        """
        source, target = self._own(source), self._own(target)
        name = self._new_name(f"{source.population.name}->{target.population.name}")
        receptor = _receptor(f"projection {name}", target, receptor)
        if isinstance(connection, Rule):
            if weight is None:
                raise NetworkError(f"projection {name}: {type(connection).__name__} needs a weight")
            same = source.population is target.population
            try:
                made: Connection | Wiring = wire(
                    connection,
                    len(source),
                    len(target),
                    weight=weight,
                    delay=delay,
                    own=source.start - target.start if same else None,
                    dt=self.dt,
                    longest=_MOST_STEPS,
                    seed=self.seed,
                    stream=len(self.projections),
                )
            except NetworkError as error:
                raise NetworkError(f"projection {name}: {error}") from None
            delay = float(delay) if not isinstance(delay, Distribution) and np.ndim(delay) == 0 else 0.0
        elif weight is not None:
            raise NetworkError(f"projection {name}: weight goes with a rule, this connection has weights of its own")
        else:
            made = as_connection(connection)
        if (made.n_sources, made.n_targets) != (len(source), len(target)):
            raise NetworkError(
                f"projection {name}: weights join {made.n_sources} to {made.n_targets} neurons, "
                f"the populations have {len(source)} and {len(target)}"
            )
        graded = source.population.model.GRADED
        if graded and isinstance(made, OrPooling):
            raise NetworkError(f"projection {name}: OrPooling takes spikes, the source is graded")
        self._check_delay(name, made, delay, graded)
        if delay_side not in ("axonal", "dendritic"):
            raise NetworkError(f"projection {name}: delay_side must be 'axonal' or 'dendritic', got {delay_side!r}")
        if plasticity is not None:
            _check_plasticity(name, plasticity, made, graded)
        projection = Projection(name, source, target, made, receptor, float(delay), plasticity, delay_side)
        self.projections.append(projection)
        return projection

    def stimulate(
        self, target: Population | Slice, stimulus: PoissonInput, *, weight: float, receptor: str | None = None
    ) -> Stimulus:
        """Give every neuron of ``target`` an input of its own and return the stimulus.

        stimulus : what arrives, such as ``PoissonInput(rate)``
        weight : of each arriving spike, finite and not 0, in the unit of the receptor
        receptor : one of the target model's; its first by default

        What arrives in a step acts on the target's next update, as a spike without delay does, and counts as a synaptic event.
        Raises NetworkError for values out of bounds.
        """
        target = self._own(target)
        name = self._new_name(f"stimulus->{target.population.name}")
        receptor = _receptor(name, target, receptor)
        if not isinstance(stimulus, PoissonInput):
            raise NetworkError(f"{name}: must be a stimulus such as PoissonInput(rate), got {stimulus!r}")
        weight = real_number(f"{name}: weight", weight, NetworkError)
        if not math.isfinite(weight) or weight == 0:
            raise NetworkError(f"{name}: weight must be finite and not 0, got {weight:g}")
        try:
            stimulus.thresholds(self.dt)
        except NetworkError as error:
            raise NetworkError(f"{name}: {error}") from None
        made = Stimulus(name, target, stimulus, weight, receptor)
        self.stimuli.append(made)
        return made

    def regulate(self, regulated: Population | Projection, rule: Regulation) -> None:
        """Put a population under WinnerTakeAll or Homeostasis, or a projection under Normalisation.

        Raises NetworkError where the rule does not fit: no such neurons, thresholds or weights, or a time that is not on the grid.
        """
        fits = isinstance(regulated, Projection) == isinstance(rule, Normalisation)
        if (
            not isinstance(rule, Regulation)
            or not fits
            or regulated not in (*self.populations.values(), *self.projections)
        ):
            raise NetworkError(
                f"regulate: {rule!r} does not fit {regulated!r}: WinnerTakeAll and Homeostasis need a population, Normalisation "
                "a projection of this network"
            )
        if isinstance(regulated, Projection):
            if isinstance(rule, Normalisation):
                steps_of("Normalisation.every", rule.every, self.dt, NetworkError)
            if not isinstance(regulated.synapses, Dense | Sparse | Wiring):
                raise NetworkError(
                    f"regulate: projection {regulated.name}: Normalisation needs dense or sparse weights"
                )
        else:
            model = regulated.model
            if isinstance(rule, WinnerTakeAll):
                if math.isfinite(rule.inhibition):
                    steps_of("WinnerTakeAll.inhibition", rule.inhibition, self.dt, NetworkError)
                if model.RELEASE is None or model.STATES[:1] != ("v",):
                    raise NetworkError(
                        f"regulate: population {regulated.name!r}: WinnerTakeAll needs neurons with a potential and a reset, "
                        f"got {type(model).__name__}"
                    )
            elif "theta" not in model.states:
                raise NetworkError(
                    f"regulate: population {regulated.name!r}: Homeostasis needs adaptive thresholds, got {type(model).__name__}"
                )
        self.regulations.append((regulated, rule))

    def _new_name(self, name: str) -> str:
        """Return the name, numbered where it is taken."""
        taken = {projection.name for projection in self.projections} | {stimulus.name for stimulus in self.stimuli}
        numbered = (f"{name}#{k}" for k in itertools.count(2))
        return name if name not in taken else next(other for other in numbered if other not in taken)

    def _check_delay(self, name: str, connection: Connection | Wiring, delay: float, graded: bool) -> None:
        own = connection.delays if isinstance(connection, Sparse) else None
        delay = real_number(f"projection {name}: delay (unless drawn by a rule)", delay, NetworkError)
        if own is not None and delay:
            raise NetworkError(f"projection {name}: a delay per synapse and delay={delay:g} ms exclude each other")
        values = np.asarray(delay if own is None else own, dtype=np.float64)
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise NetworkError(f"projection {name}: delay must be at least 0 ms, got {values.min():g}")
        steps = values / self.dt
        off = np.abs(steps - np.rint(steps)) > 1e-6
        if off.any():
            raise NetworkError(
                f"projection {name}: delay must be a multiple of dt = {self.dt:g} ms, got {values[off].flat[0]:g}"
            )
        drawn = connection.longest if isinstance(connection, Wiring) else 0
        if graded and max(steps.max(initial=0), drawn) > 0:
            raise NetworkError(f"projection {name}: a graded source sends its value at once, so its delay must be 0 ms")
        if steps.max(initial=0) > _MOST_STEPS:
            raise NetworkError(f"projection {name}: delay must be at most {_MOST_STEPS} steps, got {steps.max():g}")

    def snapshot(self) -> "Network":
        """Return a description that later additions to this one do not reach."""
        taken = Network(self.dt, self.seed)
        taken.populations, taken.projections = dict(self.populations), list(self.projections)
        taken.stimuli, taken.regulations = list(self.stimuli), list(self.regulations)
        return taken

    def _own(self, neurons: Population | Slice) -> Slice:
        if isinstance(neurons, Population):
            neurons = Slice(neurons, 0, neurons.size)
        if not isinstance(neurons, Slice) or neurons.population.network is not self:
            raise NetworkError(f"{neurons!r} is no population of this network")
        return neurons

    @property
    def n_neurons(self) -> int:
        """The number of neurons, sources included."""
        return sum(len(population) for population in self.populations.values())

    @property
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight."""
        return sum(projection.n_synapses for projection in self.projections)


def snapshot_of(net: Any, taker: str) -> Network:
    """Return the description that ``taker`` compiles. Raises NetworkError where it is none, or has no population."""
    if not isinstance(net, Network):
        raise NetworkError(f"{taker} takes a Network, got {net!r}")
    if not net.populations:
        raise NetworkError("the network has no population")
    return net.snapshot()


def _check_plasticity(name: str, rule: Any, made: Connection | Wiring, graded: bool) -> None:
    """Raise NetworkError where a connection cannot learn by a rule."""
    if not isinstance(rule, Plasticity):
        raise NetworkError(f"projection {name}: plasticity must be a rule such as PairSTDP(), got {rule!r}")
    if graded:
        raise NetworkError(f"projection {name}: {type(rule).__name__} learns from spikes, the source is graded")
    if not isinstance(made, Dense | Sparse | Wiring):
        raise NetworkError(
            f"projection {name}: {type(rule).__name__} needs dense or sparse weights, a {type(made).__name__} shares them"
        )


def _receptor(name: str, target: Slice, receptor: str | None) -> str:
    """Return the name of a receptor of the target, its first by default."""
    model = target.population.model
    receptors = model.receptor_map
    if not receptors:
        raise NetworkError(f"{name}: {type(model).__name__} is a source and has no receptor")
    if receptor is None:
        return next(iter(receptors))
    if receptor not in receptors:
        raise NetworkError(f"{name}: unknown receptor {receptor!r}, must be one of {list(receptors)}")
    return receptor
