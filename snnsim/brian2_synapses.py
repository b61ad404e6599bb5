"""Projections as Synapses of Brian2, for :mod:`snnsim.brian2_backend`: static ones, and those that learn."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.plasticity_layout import Learning, Updates
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic

from ._errors import NetworkError
from .brian2_equations import Brian2Equations
from .brian2_plasticity import Brian2Plasticity, plasticity_of
from .compilation import CompiledNetwork
from .connections import Connection, listed
from .network import Projection
from .synapses import synapses_of, weights_of

__all__ = ["Brian2Synapses", "PlasticSynapses"]


@dataclasses.dataclass(frozen=True, eq=False)
class Brian2Synapses:
    """A projection as a list of synapses: source and target neurons within their populations, weights, delays in steps."""

    source: str
    target: str
    variable: str
    dt: float
    i: NDArray[np.int64]
    j: NDArray[np.int64]
    weights: NDArray[np.float64]
    delays: NDArray[np.int64]

    @classmethod
    def of(cls, projection: Projection, dt: float) -> "Brian2Synapses":
        """Make them from a projection. Raises NetworkError for connections that have no counterpart."""
        connection: Connection = projection.connection
        found = listed(connection)
        if found is None:
            kind = type(connection).__name__
            raise NetworkError(f"Brian2 backend: projection {projection.name}: {kind} is not supported")
        i, j, weights, delays = found
        times = np.broadcast_to(projection.delay if delays is None else delays, len(i))
        return cls(
            projection.source.population.name,
            projection.target.population.name,
            projection.target.population.model.arrival(projection.receptor),
            dt,
            i + projection.source.start,
            j + projection.target.start,
            weights,
            np.rint(times / dt).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.i)

    def made(self, brian2: Any, groups: dict[str, Any], equations: dict[str, Brian2Equations], clock: Any) -> Any:
        """Return the Brian2 Synapses between the groups."""
        variable = equations[self.target].variables[self.variable]
        delays = self.delays * self.dt * brian2.ms
        # One value where one will do: Brian2's queue is then far cheaper.
        one = (self.delays == self.delays[0]).all()
        synapses = brian2.Synapses(
            groups[self.source], groups[self.target], "weight : 1", on_pre=f"{variable}_post += weight",
            delay=delays[0] if one else None, clock=clock, namespace={},
        )  # fmt: skip
        synapses.connect(i=self.i, j=self.j)
        synapses.weight = self.weights
        if not one:
            synapses.delay = delays
        return synapses

    def count(self, steps: NDArray[np.int64], neurons: NDArray[np.int64], events: NDArray[np.int64]) -> None:
        """Add to ``events``, one entry per step, the deliveries that the spikes of the source population cause."""
        for delay in np.unique(self.delays):
            fan_out = np.bincount(self.i[self.delays == delay], minlength=int(neurons.max(initial=0)) + 1)
            within = steps + delay < len(events)
            np.add.at(events, steps[within] + delay, fan_out[neurons[within]])


@dataclasses.dataclass(frozen=True, eq=False)
class PlasticSynapses(Brian2Synapses):
    """The same with what they learn by, in the order in which the compiled network stores them."""

    name: str
    projection: int
    number: int
    """Among the plastic projections."""
    rule: Brian2Plasticity
    places: NDArray[np.int64]
    """Among the flat weights."""
    dendritic: bool
    first_target: int
    n_targets: int

    @classmethod
    def learning(cls, compiled: CompiledNetwork, number: int, static: Brian2Synapses) -> "PlasticSynapses":
        """Make them from a row of the table of plastic projections. Raises NetworkError for a rule without a counterpart."""
        projection = int(compiled.plasticity.rules[number, Plastic.PROJECTION])
        described = compiled.network.projections[projection]
        own = weights_of(compiled, compiled.weights, projection)
        found = synapses_of(compiled, own, projection)
        exists = np.flatnonzero(found.weights)
        model = compiled.plasticity.models[number]
        return cls(
            static.source,
            static.target,
            static.variable,
            static.dt,
            found.sources[exists],
            found.targets[exists],
            np.asarray(found.weights[exists], np.float64),
            np.rint(found.delays[exists] / static.dt).astype(np.int64),
            described.name,
            projection,
            number,
            plasticity_of(described.name, model),
            int(compiled.projections[projection, Proj.WEIGHTS]) + exists,
            described.delay_side == "dendritic",
            described.target.start,
            len(described.target),
        )

    def plastic(
        self,
        brian2: Any,
        groups: dict[str, Any],
        equations: dict[str, Brian2Equations],
        clock: Any,
        learning: Learning,
        steps: int,
    ) -> Any:
        """Return the Brian2 Synapses between the groups.

        In a step an impulse of the modulator comes first, then deliveries, pre spikes, post spikes, and what happens in the step.
        """
        rule = self.rule
        deliver = f"{equations[self.target].variables[self.variable]}_post += weight"
        row = learning.rules[self.number]
        given = {} if row[Plastic.WHICH] < 0 else self._impulses(brian2, learning, row, steps)
        synapses = brian2.Synapses(
            groups[self.source], groups[self.target], rule.equations,
            on_pre={"deliver": f"{rule.before}\n{deliver}", "learn": f"{rule.before}\n{rule.on_pre}".strip() or "weight += 0"},
            on_post={"post": rule.on_post.strip() or "weight += 0"}, clock=clock, namespace=given,
        )  # fmt: skip
        synapses.deliver.order, synapses.learn.order, synapses.post.order = -2, -1, 1
        synapses.connect(i=self.i, j=self.j)
        synapses.weight = self.weights
        for name, value in rule.parameters.items():
            setattr(synapses, name, value)
        delays = self.delays * self.dt * brian2.ms
        synapses.deliver.delay = delays
        (synapses.post if self.dendritic else synapses.learn).delay = delays
        if given and rule.on_signal:
            synapses.run_regularly(rule.on_signal, when="synapses", order=-3)
        if given and rule.on_reward:
            synapses.run_regularly(rule.on_reward, when="synapses", order=-3)
        if rule.each_step:
            synapses.run_regularly(rule.each_step, when="synapses", order=2)
            synapses.run_regularly("d *= exp(-dt / second / tau_d)", when="synapses", order=3)
        return synapses

    def _impulses(self, brian2: Any, learning: Learning, row: NDArray[np.int64], steps: int) -> dict[str, Any]:
        which = learning.schedule[row[Plastic.WHICH] : row[Plastic.WHICH] + steps]
        width = int(row[Plastic.SIGNAL_WIDTH])
        values = learning.signals[row[Plastic.SIGNALS] :][: (which.max(initial=-1) + 1) * width].reshape(-1, width)
        each = np.zeros((steps, width))
        each[which >= 0] = values[which[which >= 0]]
        step = self.dt * brian2.ms
        # Its columns are the neurons of the population, of which these are a slice.
        signal = np.zeros((steps, self.first_target + self.n_targets))
        signal[:, self.first_target :] = each
        return {"reward": brian2.TimedArray(each[:, 0], dt=step), "signal": brian2.TimedArray(signal, dt=step)}

    def hand_back(self, made: Any, weights: NDArray[Any]) -> None:
        """Write what they have learned to the flat weights."""
        weights[self.places] = np.clip(made.weight[:], self.rule.parameters["w_min"], self.rule.parameters["w_max"])

    def count_updates(
        self,
        spikes: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
        learning: Learning,
        steps: int,
        per_bin: int,
    ) -> None:
        """Count the updates that the spikes of both sides, and impulses of a teaching signal, cause."""
        late = {"pre": 0 if self.dendritic else self.delays, "post": self.delays if self.dendritic else 0}
        for column, side, ids, code in (
            (Updates.PRE, "pre", self.i, self.rule.on_pre),
            (Updates.POST, "post", self.j, self.rule.on_post),
        ):
            each = np.zeros(steps, np.int64)
            if "weight =" in code or "c +=" in code:
                mine = dataclasses.replace(self, i=ids, delays=np.broadcast_to(late[side], len(ids)))
                mine.count(*spikes[self.source if side == "pre" else self.target], each)
            np.add.at(learning.counts[:, self.number, column], np.arange(steps) // per_bin, each)
        row = learning.rules[self.number]
        if self.rule.on_signal and row[Plastic.WHICH] >= 0:
            arrives = learning.schedule[row[Plastic.WHICH] :][:steps] >= 0
            np.add.at(learning.counts[:, self.number, Updates.SIGNAL], np.arange(steps) // per_bin, arrives * len(self))
