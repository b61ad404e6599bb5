"""A network as a user describes it: populations and the projections between them. Descriptions never run."""

import dataclasses
import math
from typing import Any

from snnsim_models import Model

from ._checks import whole_number
from ._errors import NetworkError
from .connections import Connection, as_connection

__all__ = ["Network", "Population", "Projection", "Slice"]


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
    connection: Connection
    receptor: str

    @property
    def graded(self) -> bool:
        """Whether its events carry a value, so that each delivery is a multiply-accumulate."""
        return self.source.population.model.GRADED


class Network:
    """A description of populations and projections.

    dt : ms, above 0, the time step
    seed : of all random numbers, 0 to 2**64 - 1

    Raises NetworkError for values out of bounds.
    """

    def __init__(self, dt: float = 0.1, seed: int = 0) -> None:
        if not (math.isfinite(dt) and dt > 0):
            raise NetworkError(f"Network.dt must be above 0 ms, got {dt:g}")
        self.dt = float(dt)
        self.seed = whole_number("Network.seed", seed, 0, 2**64 - 1, NetworkError)
        self.populations: dict[str, Population] = {}
        self.projections: list[Projection] = []

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
        if not name or name in self.populations:
            raise NetworkError(f"population name {name!r} is {'taken' if name else 'empty'}")
        if not isinstance(model, Model):
            raise NetworkError(f"population {name!r}: model must be a neuron model such as LIF(), got {model!r}")
        size = whole_number(f"population {name!r}: size", size, 1, 2**31 - 1, NetworkError)
        if (expected := model.population_size) not in (None, size):
            raise NetworkError(
                f"population {name!r} has {size} neurons, its {type(model).__name__} parameters {expected}"
            )
        for value in active:
            if math.isfinite(value) and abs(value / self.dt - round(value / self.dt)) > 1e-6:
                raise NetworkError(f"population {name!r}: active {value:g} ms is not a multiple of dt = {self.dt:g} ms")
        if not 0 <= active[0] < active[1]:
            raise NetworkError(f"population {name!r}: active must be 0 <= start < stop, got {active}")
        if encoder is None:
            encoder = not model.RECEPTORS and model.INPUT is not None
        made = Population(name, size, model, active, encoder, self)
        self.populations[name] = made
        return made

    def connect(
        self, source: Population | Slice, target: Population | Slice, weights: Any, *, receptor: str | None = None
    ) -> Projection:
        """Join ``source`` to ``target`` and return the projection.

        weights : an array of shape (sources, targets), a SciPy sparse matrix, or a :class:`Connection`
        receptor : one of the target model's; its first by default

        A spike acts on the target's next update. Raises NetworkError where sizes disagree or the receptor is unknown.
        """
        source, target = self._own(source), self._own(target)
        connection = as_connection(weights)
        name = f"{source.population.name}->{target.population.name}"
        receptors = target.population.model.RECEPTORS
        if not receptors:
            raise NetworkError(
                f"projection {name}: {type(target.population.model).__name__} is a source and has no receptor"
            )
        if receptor is None:
            receptor = next(iter(receptors))
        if receptor not in receptors:
            raise NetworkError(f"projection {name}: unknown receptor {receptor!r}, must be one of {list(receptors)}")
        if (connection.n_sources, connection.n_targets) != (len(source), len(target)):
            raise NetworkError(
                f"projection {name}: weights join {connection.n_sources} to {connection.n_targets} neurons, "
                f"the populations have {len(source)} and {len(target)}"
            )
        made = Projection(name, source, target, connection, receptor)
        self.projections.append(made)
        return made

    def snapshot(self) -> "Network":
        """Return a description that later additions to this one do not reach."""
        taken = Network(self.dt, self.seed)
        taken.populations, taken.projections = dict(self.populations), list(self.projections)
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
        return sum(projection.connection.n_synapses for projection in self.projections)
