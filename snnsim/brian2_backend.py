"""The Brian2 backend: the same network, synapse by synapse and input spike by input spike, simulated by Brian2.

For trust, not for speed: it runs on Brian2's NumPy code generation, which needs no compiler. Sources, random ones included, are
run here, and Brian2 is given their spikes; noise and Poisson input reach it as the very numbers that the kernels draw.

References
----------
Stimberg, Brette & Goodman 2019, Brian 2, an intuitive and efficient neural simulator, eLife 8:e47314.
"""

import dataclasses
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import Counters, State
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import RecorderColumn as Rec
from snnsim_kernels.layout import StimulusColumn as Stim
from snnsim_kernels.layout import TimedInputColumn as Timed
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic
from snnsim_kernels.random import draws, words_of

from ._errors import NetworkError, SimulationError
from .backend import Backend, Stretch
from .brian2_equations import Brian2Equations, equations_of
from .brian2_synapses import Brian2Synapses, PlasticSynapses
from .compilation import CompiledNetwork
from .cpu_backend import CpuBackend

__all__ = ["Brian2Backend"]


class Brian2Backend(Backend):
    """Runs one copy of a compiled network in Brian2, in float64, from its initial state.

    Needs the extra ``brian2``. Raises SimulationError where it is not installed or asked for more than that, and NetworkError for
    models, receptors and connections that have no counterpart here.
    """

    name = "brian2"
    continues = False

    def __init__(self, compiled: CompiledNetwork, copies: int) -> None:
        self._brian2 = _import()
        if copies != 1:
            raise SimulationError(f"Brian2 backend: Simulator.copies must be 1, got {copies}")
        if compiled.precision != "float64":
            raise SimulationError(f"Brian2 backend: Simulator.precision must be 'float64', got {compiled.precision!r}")
        self.compiled = compiled
        network = compiled.network
        self._equations: dict[str, Brian2Equations] = {}
        for name, population in network.populations.items():
            if population.model.GRADED:
                raise NetworkError(f"Brian2 backend: population {name!r}: graded events are not supported")
            if population.model.receptor_map:
                if population.active != (0.0, np.inf):
                    raise NetworkError(
                        f"Brian2 backend: population {name!r}: active={population.active} is not supported"
                    )
                self._equations[name] = equations_of(name, population.model, network.dt)
        if network.regulations:
            raise NetworkError(f"Brian2 backend: {type(network.regulations[0][1]).__name__} is not supported")
        self._synapses = [Brian2Synapses.of(projection, network.dt) for projection in network.projections]
        self._plastic = [
            PlasticSynapses.learning(compiled, number, self._synapses[int(row[Plastic.PROJECTION])])
            for number, row in enumerate(compiled.plasticity.rules)
        ]

    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch that starts at step 0 and return the spike log."""
        if not np.array_equal(stretch.weights, self.compiled.weights):
            raise SimulationError(
                "Brian2 backend: weights that were changed after the simulator was made are not supported"
            )
        if not np.array_equal(stretch.constants, self.compiled.constants):
            raise SimulationError("Brian2 backend: frozen adaptive thresholds are not supported")
        plastic = self._plastic if len(stretch.learning.rules) else []
        for synapses in plastic:
            if np.isin(self.compiled.projections[synapses.projection, Proj.WEIGHTS], recorded_weights(stretch)):
                raise SimulationError(
                    f"Brian2 backend: weights of projection {synapses.name}, which learn, cannot be recorded"
                )
        updates, fired, events = stretch.counters
        everyone = stretch.populations.copy()
        everyone[:, Pop.RECORD_SPIKES] = 1
        # All that Brian2 does not do: the spikes of the sources, their recorded values, and the number of updates.
        nothing: dict[str, Any] = {
            name: getattr(self.compiled, name)[:0] for name in ("projections", "stimuli", "regulations")
        }
        silent = dataclasses.replace(self.compiled, **nothing)
        sources = dataclasses.replace(
            stretch,
            state=State(*(part.copy() for part in stretch.state)),
            populations=everyone,
            counters=Counters(updates, np.zeros_like(fired), events[:, :, :0]),
            learning=self.compiled.plasticity.learning(
                self.compiled.plasticity.state(), self.compiled.plasticity.nothing, 1, frozen=True
            ),
            log_spikes=True,
            progress=None,
        )
        log = CpuBackend(silent, 1).advance(sources)
        spikes = self._run(stretch, log[:, 1:])
        logs = [np.zeros((0, 3), np.int32)]
        for column, (row, name) in enumerate(zip(stretch.populations, self.compiled.network.populations, strict=True)):
            step, neuron = spikes[name]
            fired[0, :, column] += np.bincount(step // stretch.per_bin, minlength=fired.shape[1])
            if row[Pop.RECORD_SPIKES]:
                logs.append(np.column_stack([np.zeros_like(step), step, neuron + row[Pop.NEURON]]).astype(np.int32))
        for column, joined in enumerate(self._synapses):
            each = np.zeros(stretch.last, np.int64)
            joined.count(*spikes[joined.source], each)
            np.add.at(events[0, :, column], np.arange(stretch.last) // stretch.per_bin, each)
        for synapses in plastic:
            synapses.count_updates(spikes, stretch.learning, stretch.last, stretch.per_bin)
        return np.concatenate(logs)

    def _run(self, stretch: Stretch, log: NDArray[np.int32]) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Simulate, fill ``traces`` for the neurons, and return steps and neurons of the spikes of every population."""
        brian2, net, progress = self._brian2, self.compiled.network, stretch.progress
        ms = brian2.ms
        clock = brian2.Clock(net.dt * ms)
        spikes: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        groups: dict[str, Any] = {}
        owners: dict[int, tuple[str, str]] = {}
        for row, (name, population) in zip(self.compiled.populations, net.populations.items(), strict=True):
            first, size = int(row[Pop.NEURON]), population.size
            if name not in self._equations:
                mine = log[(log[:, 1] >= first) & (log[:, 1] < first + size)].astype(np.int64)
                spikes[name] = mine[:, 0], mine[:, 1] - first
                times = mine[:, 0] * net.dt * ms
                groups[name] = brian2.SpikeGeneratorGroup(size, mine[:, 1] - first, times, clock=clock)
                continue
            equations, model = self._equations[name], population.model
            group = brian2.NeuronGroup(
                size, equations.equations, threshold=equations.threshold, reset=equations.reset,
                refractory=equations.refractory, method=equations.method, clock=clock, namespace={},
            )  # fmt: skip
            if model.STOCHASTIC:
                numbers = draws(model.DRAW, size, stretch.seed, 0, stretch.last, first, stretch.first_sample)
                self._each_step(group, "random_numbers", numbers)
            if equations.after_update:
                group.run_regularly(equations.after_update, when="groups", order=1)
            group.set_states(equations.parameters, units=False)
            for variable, theirs in equations.variables.items():
                offset = self.compiled.state_offset(population, variable)
                owners.update(dict.fromkeys(range(offset, offset + size), (name, theirs)))
                group.set_states({theirs: stretch.state.values[0, offset : offset + size]}, units=False)
            groups[name] = group
        self._stimulate(stretch, groups, owners)
        self._set_inputs(stretch, groups, owners)
        learning = {p.projection: p for p in self._plastic if len(stretch.learning.rules)}
        static = [s for number, s in enumerate(self._synapses) if number not in learning and len(s)]
        joined = [synapses.made(brian2, groups, self._equations, clock) for synapses in static]
        learned = [
            (plastic, plastic.plastic(brian2, groups, self._equations, clock, stretch.learning, stretch.last))
            for plastic in learning.values()
            if len(plastic)
        ]
        monitors = {name: brian2.SpikeMonitor(groups[name]) for name in self._equations}
        # Between update and delivery: the value that is compared with the threshold.
        states = [
            (row, brian2.StateMonitor(groups[name], variable, record=True, when="after_groups", clock=clock), variable)
            for row in stretch.recorders
            if row[Rec.POPULATION] >= 0  # weights, which do not change, are recorded by the sources' run
            for name, variable in [owners.get(int(row[Rec.STATE]), ("", ""))]
            if name
        ]
        run = brian2.Network(
            *groups.values(),
            *joined,
            *(made for _, made in learned),
            *monitors.values(),
            *(monitor for _, monitor, _ in states),
        )
        with _numpy_code(brian2):
            run.run(
                stretch.last * net.dt * ms,
                report=None if progress is None else lambda elapsed, done, start, duration: progress(float(done)),
                report_period=0.1 * brian2.second,
                namespace={},
            )
        for plastic, made in learned:
            plastic.hand_back(made, stretch.weights)
        for row, monitor, variable in states:
            values = np.asarray(getattr(monitor, variable)).T[:: row[Rec.EVERY]]
            if row[Rec.INDEX] >= 0:
                values = values[:, stretch.picked[row[Rec.INDEX] : row[Rec.INDEX] + row[Rec.SIZE]]]
            stretch.traces[0, row[Rec.OUT] : row[Rec.OUT] + values.size] = values.ravel()
        for name, monitor in monitors.items():
            spikes[name] = (
                np.rint(np.asarray(monitor.t / ms) / net.dt).astype(np.int64),
                np.asarray(monitor.i, np.int64),
            )
        return spikes

    def _stimulate(self, stretch: Stretch, groups: dict[str, Any], owners: dict[int, tuple[str, str]]) -> None:
        """Add the Poisson input of every step after the synapses' and count it."""
        events = stretch.counters.events[0, :, len(self._synapses) :]
        described = self.compiled.network.stimuli
        for column, (row, stimulus) in enumerate(zip(self.compiled.stimuli, described, strict=True)):
            name, variable = owners[int(row[Stim.TARGET_STATE])]
            first, stop = row[Stim.TARGET_NEURON], row[Stim.TARGET_NEURON] + row[Stim.TARGET_SIZE]
            thresholds = self.compiled.thresholds[row[Stim.THRESHOLDS] :][: row[Stim.N_THRESHOLDS]]
            drawn = words_of(int(stop), stretch.seed, 0, stretch.last, int(row[Stim.STREAM]), stretch.first_sample)
            counts = np.zeros((stretch.last, len(groups[name])))
            counts[:, first:stop] = np.searchsorted(thresholds, drawn[:, first:])
            np.add.at(
                events[:, column], np.arange(stretch.last) // stretch.per_bin, counts.sum(axis=1).astype(np.int64)
            )
            self._each_step(groups[name], f"stimulus{column}", stimulus.weight * counts)
            groups[name].run_regularly(f"{variable} += stimulus{column}(t, i)", when="synapses", order=1)

    def _set_inputs(self, stretch: Stretch, groups: dict[str, Any], owners: dict[int, tuple[str, str]]) -> None:
        """Set the inputs that change during the run before the update of the step; those of sources have been."""
        for number, row in enumerate(stretch.timed_inputs):
            name, variable = owners.get(int(row[Timed.STATE]), ("", ""))
            if not name:
                continue
            which = stretch.schedule[row[Timed.WHICH] : row[Timed.WHICH] + stretch.last]
            width = row[Timed.SIZE] if row[Timed.PER_NEURON] else 1
            rows = stretch.timed_values[row[Timed.VALUES] :][: (which.max(initial=-1) + 1) * width].reshape(-1, width)
            values = np.zeros((stretch.last, row[Timed.SIZE]))
            values[which >= 0] = rows[which[which >= 0]]
            self._each_step(groups[name], f"input{number}", values)
            self._each_step(groups[name], f"is_set{number}", np.broadcast_to((which >= 0)[:, None], values.shape) * 1.0)
            groups[name].run_regularly(
                f"{variable} = input{number}(t, i) + (1 - is_set{number}(t, i)) * {variable}", when="start"
            )

    def _each_step(self, group: Any, name: str, values: NDArray[Any]) -> None:
        """Let the equations of a group use the values (steps, neurons) as ``name(t, i)``."""
        group.namespace[name] = self._brian2.TimedArray(values, dt=self.compiled.network.dt * self._brian2.ms)


def recorded_weights(stretch: Stretch) -> NDArray[np.int64]:
    """Return where the recorded weights of each projection start."""
    return np.asarray(stretch.recorders[stretch.recorders[:, Rec.POPULATION] < 0, Rec.STATE])


def _import() -> Any:
    # Optional, and slow to import. It replaces the hook for uncaught errors by one that calls each of them a bug in Brian2.
    hook = sys.excepthook
    try:
        import brian2
    except ImportError as error:
        raise SimulationError('Brian2 backend: brian2 is not installed: pip install "snnsim[brian2]"') from error
    finally:
        sys.excepthook = hook
    return brian2


@contextmanager
def _numpy_code(brian2: Any) -> Iterator[None]:
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    try:
        yield
    finally:
        brian2.prefs.codegen.target = before
