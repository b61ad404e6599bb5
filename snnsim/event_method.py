"""The event method: a simulator without a time grid.

Neurons are touched only when an event reaches them; between events their state is the closed form, and spike times are exact
(float64, ms). The cost grows with events, not with neurons x steps. It runs what has a closed form and a crossing that can be found
with certainty: LIF neurons with Delta, StepCurrent and ExponentialCurrent receptors, IF neurons, Poisson sources (exponential
intervals) and given spike trains, joined by Dense and Sparse weights.

An event comes exactly after its delay: what the grid method puts into the step after does not exist here. Events no further apart
than 1e-10 ms are one instant: all that arrives at a neuron in it is summed before the threshold is compared, and neurons that fire
in it do so in the order of their numbers. See ``snnsim_kernels.event_loop``.

References
----------
Brette 2006, Exact simulation of integrate-and-fire models with synaptic conductances, Neural Computation 18:2004-2027.
Brette 2007, Exact simulation of integrate-and-fire models with exponential currents, Neural Computation 19:2604-2609.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels import event_loop
from snnsim_kernels.event_layout import EventState, RowColumn
from snnsim_kernels.event_loop import Place, SpikeLog
from snnsim_kernels.event_neuron import COINCIDENCE
from snnsim_kernels.event_queue import FREE, HEAP, USED
from snnsim_kernels.plasticity_layout import Updates
from snnsim_models import IF, LIF, SpikeArray

from ._checks import steps_of, whole_number
from ._errors import SimulationError
from ._memory import aligned
from .event_compilation import CompiledEvents, compile_events
from .event_train import EventTrain
from .inputs import TimedInput, check_train, fitting
from .network import Network, Population
from .results import Operations, Result
from .spikes import SpikeTrain
from .state_file import read_arrays, write_arrays

__all__ = ["EventSimulator"]

_SLICE_S = 0.05
"""Seconds after which compiled code comes back to Python, for progress and Ctrl-C."""

_FIRST_BUDGET = 50_000
"""Operations in the first call, before any has been timed."""

_LEAST_ROOM = 256
"""Entries that are added at least where a list is full."""

_Spikes = tuple[NDArray[np.float64], NDArray[np.int32]]
"""Times (ms) and neurons."""


_LOGGED = 5
"""Where a Place counts the spikes logged."""


def _room(values: NDArray[Any], used: int, more: int) -> NDArray[Any]:
    """Return the values with room for ``more`` than are used: at least twice as many where there was too little."""
    if used + more <= len(values):
        return values
    return np.concatenate([values, np.zeros(len(values) + more + _LEAST_ROOM, values.dtype)])


class EventSimulator:
    """Runs ``copies`` independent copies of a network by events, one after the other, in float64.

    The interface is that of ``Simulator``; potentials are read after a run, by :meth:`state`, not recorded.

    Raises NetworkError for what the event method cannot run, SimulationError for values out of bounds.
    """

    backend = "event"

    def __init__(self, net: Network, *, copies: int = 1) -> None:
        self.copies = whole_number("EventSimulator.copies", copies, 1, 2**31 - 1, SimulationError)
        self._compiled: CompiledEvents = compile_events(net)
        self._touched, self._firing = (np.zeros(self.network.n_neurons, np.int32) for _ in range(2))
        self._scratch = np.zeros(self._compiled.most_currents)
        self.reset()

    @property
    def network(self) -> Network:
        """The description as it was when the simulator was made."""
        return self._compiled.network

    @property
    def step(self) -> int:
        """The number of steps of ``network.dt`` simulated since the last reset; the event method has no others."""
        return self._step

    @property
    def time(self) -> float:
        """The time simulated since the last reset, in ms."""
        return self._step * self.network.dt

    def reset(self, *, first_sample: int = 0, seed: int | None = None) -> None:
        """Put every copy back to its initial state and to time 0.

        ``first_sample`` numbers the random streams of the copies; ``seed`` replaces the network's until the next reset.
        """
        seed = self.network.seed if seed is None else seed
        self._seed = whole_number("EventSimulator.reset: seed", seed, 0, 2**64 - 1, SimulationError)
        self._first_sample = whole_number(
            "EventSimulator.reset: first_sample", first_sample, 0, 2**32 - 1, SimulationError
        )
        self._step = 0
        self._interrupted = False
        self._states = [self._compiled.state() for _ in range(self.copies)]
        for copy, state in enumerate(self._states):
            event_loop.start(self._compiled.arrays, state, self._scratch, np.uint64(self._seed), self._sample(copy))

    def _sample(self, copy: int) -> int:
        return self._first_sample + copy

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that a run changes: the neurons, the queue, spikes under way, time, random streams.

        Raises SimulationError where the file cannot be written (none is left then) or a run was interrupted.
        """
        self._refuse_interrupted("save")
        numbers = {"step": self._step, "seed": self._seed, "first_sample": self._first_sample, "copies": self.copies}
        arrays: dict[str, Any] = {key: np.uint64(value) for key, value in numbers.items()}
        for copy, state in enumerate(self._states):
            arrays |= {f"{copy}.{name}": array for name, array in state._asdict().items()}
        write_arrays(path, self._compiled.digest, arrays)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go back to a saved state of the same network and number of copies.

        Raises SimulationError where the file is not such a state; the simulator is then as before.
        """
        arrays = read_arrays(path, self._compiled.digest)
        numbers = {key: arrays.get(key, np.zeros(0)) for key in ("step", "seed", "first_sample", "copies")}
        for key, number in numbers.items():
            if number.dtype != np.uint64 or number.shape != ():
                raise SimulationError(f"{path}: {key} must be a number")
        if int(numbers["copies"]) != self.copies:
            raise SimulationError(f"{path}: the state of {numbers['copies']} copies, the simulator has {self.copies}")
        states = [self._restored(path, copy, arrays) for copy in range(self.copies)]
        self._states = states
        self._step, self._seed, self._first_sample = (int(numbers[key]) for key in ("step", "seed", "first_sample"))
        self._interrupted = False

    def _restored(self, path: str | os.PathLike[str], copy: int, arrays: dict[str, Any]) -> EventState:
        """Return the state of a copy among the arrays of a file. Raises SimulationError where it is not whole."""
        found: dict[str, NDArray[Any]] = {}
        for name, expected in self._compiled.state()._asdict().items():
            array = np.ascontiguousarray(arrays.get(f"{copy}.{name}", expected[:0]))
            wanted = found["pending_time"].shape if name in ("pending_block", "pending_after") else expected.shape
            grows = name == "pending_time" and array.ndim == 1
            if array.dtype != expected.dtype or not (grows or array.shape == wanted):
                raise SimulationError(f"{path}: {name} of copy {copy} does not fit the network")
            found[name] = array
        found["neurons"] = aligned(found["neurons"])
        state = EventState(**found)
        self._check_queue(path, state)
        return state

    def _check_queue(self, path: str | os.PathLike[str], state: EventState) -> None:
        """Raise SimulationError where a queue points beyond its arrays, which compiled code would follow."""
        entries, blocks = len(state.pending_time), len(self._compiled.arrays.synapses)
        used = state.counts[USED]
        sound = 0 <= used <= entries and -1 <= state.counts[FREE] < max(used, 1)
        sound = sound and 0 <= state.counts[HEAP] <= len(state.timer_time)
        for array, high in (
            (state.first, used), (state.last, used), (state.pending_after[:used], used), (state.pending_block[:used], blocks),
            (state.timer_place, len(state.timer_time)), (state.timer_number, len(state.timer_time)),
        ):  # fmt: skip
            sound = sound and (not array.size or bool(array.min() >= -1 and array.max() < max(high, 1)))
        if not sound:
            raise SimulationError(f"{path}: the queue of events is damaged")

    def _refuse_interrupted(self, what: str) -> None:
        if self._interrupted:
            raise SimulationError(
                f"{what}: an earlier run was interrupted and left the copies at different times; call reset()"
            )

    def state(self, population: str, variable: str) -> NDArray[np.float64]:
        """Return a state variable such as "v" (mV) as it is now, shape (copies, neurons); it touches no neuron.

        Raises SimulationError where there is no such population or variable, or a run was interrupted.
        """
        self._refuse_interrupted("state")
        found = self._population(population, "state")
        if variable not in found.model.states:
            raise SimulationError(
                f"state: population {population!r} has no {variable!r}, only {list(found.model.states)}"
            )
        column = self._compiled.column(found, variable)
        first = self._compiled.starts[population]
        values = np.zeros((self.copies, found.size))
        for copy, state in enumerate(self._states):
            neurons = state.neurons.copy()
            event_loop.bring_all(self._compiled.arrays, neurons, first, first + found.size, self.time)
            values[copy] = neurons[first : first + found.size, column]
        return values

    def run(
        self,
        duration: float,
        *,
        inputs: Mapping[str, ArrayLike | SpikeTrain] | None = None,
        record: Mapping[str, Iterable[str]] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Continue for ``duration`` ms, a multiple of the network's dt, and return what was recorded and counted.

        inputs : for a SpikeArray population a SpikeTrain or EventTrain (of one copy, given to all, or of as many copies as the
            simulator has; times count from the start of this run); for a Poisson source the values, for a neuron the constant
            currents, shape (neurons,) or (copies, neurons); they stay until they are set again
        record : for each population "spikes"; they come as EventTrain. Potentials are read by :meth:`state`
        progress : called with the fraction done, at least every 0.1 s

        Operations are those of the whole run: their arrays have one entry where those of the grid method have one per step. A
        membrane update is a neuron that was brought up to an event.

        What is due within 1e-10 ms of the end happens in the next run. Raises SimulationError where something does not fit (the
        state is then as before), or where a chain of spikes without delay does not end.
        """
        self._refuse_interrupted("run")
        steps = steps_of("run: duration", duration, self.network.dt, SimulationError)
        first, last = self._step, self._step + steps
        arrays = self._compiled.arrays._replace(rows=self._compiled.arrays.rows.copy())
        recorded = self._recorded(record or {})
        for index, name in enumerate(self.network.populations):
            arrays.rows[arrays.rows[:, RowColumn.POPULATION] == index, RowColumn.RECORD] = name in recorded
        values, trains = self._inputs(inputs or {}, first, last)
        begin, seed = first * self.network.dt, np.uint64(self._seed)
        self._interrupted = True
        for start, array in values:
            for copy, state in enumerate(self._states):
                given = array[copy % len(array)]
                event_loop.set_values(arrays, state, self._scratch, start, given, begin, seed, self._sample(copy))
        n_populations, n_projections = len(self.network.populations), len(self.network.projections)
        updates, fired = (np.zeros((self.copies, 1, n_populations), np.int64) for _ in range(2))
        events = np.zeros((self.copies, 1, n_projections), np.int64)
        logs = []
        for copy in range(self.copies):
            counters = updates[copy, 0], fired[copy, 0], events[copy, 0]

            def told(reached: float, copy: int = copy) -> None:
                if progress is not None:
                    progress((copy + max(0.0, reached - begin) / (last * self.network.dt - begin)) / self.copies)

            logs.append(self._advance(copy, arrays, trains[copy], counters, last * self.network.dt, told))
        self._step, self._interrupted = last, False
        return Result(
            self.network.dt,
            first,
            last,
            {name: self._train(name, logs, first, last) for name in self.network.populations if name in recorded},
            {},
            self._operations(updates, fired, events),
        )

    def _advance(
        self, copy: int, arrays: Any, train: _Spikes, counters: tuple[NDArray[np.int64], ...], stop: float,
        told: Callable[[float], None],
    ) -> _Spikes:  # fmt: skip
        """Run one copy to ``stop`` (ms) and return its recorded spikes."""
        budget = _FIRST_BUDGET
        log, at = SpikeLog(np.zeros(0), np.zeros(0, np.int32)), Place(np.zeros(1), np.zeros(7, np.int64))
        most_blocks = self._compiled.most_blocks
        while True:
            begun = time.perf_counter()
            status = event_loop.advance_events(
                arrays, self._states[copy], log, at, *train, *counters, self._touched, self._firing, self._scratch,
                np.uint64(self._seed), self._sample(copy), most_blocks, stop, budget,
            )  # fmt: skip
            told(float(at.now[0]))
            logged = int(at.numbers[_LOGGED])
            if status == event_loop.RUNAWAY:
                raise SimulationError(
                    f"run: at {at.now[0]:g} ms neurons go on firing without delay; a loop of projections needs a delay above 0 ms, "
                    "or its neurons refractoriness"
                )
            if status == event_loop.DONE:
                return log.time[:logged], log.neuron[:logged]
            if status == event_loop.FULL:
                log = SpikeLog(*(_room(array, logged, 1) for array in log))
                state = self._states[copy]
                used = int(state.counts[USED])
                names = [name for name in state._fields if name.startswith("pending")]
                wider = {name: _room(getattr(state, name), used, most_blocks) for name in names}
                self._states[copy] = state._replace(**wider)
                continue
            elapsed = time.perf_counter() - begun
            budget = max(1000, min(int(budget * _SLICE_S / max(elapsed, 1e-6)), 4 * budget))

    def _population(self, name: str, what: str) -> Population:
        try:
            return self.network.populations[name]
        except KeyError:
            known = ", ".join(self.network.populations)
            raise SimulationError(f"{what}: no population {name!r}, the network has {known}") from None

    def _recorded(self, record: Mapping[str, Iterable[str]]) -> set[str]:
        recorded = set()
        for name, variables in record.items():
            population = self._population(name, "record")
            for variable in (
                variables if isinstance(variables, Iterable) and not isinstance(variables, str) else [variables]
            ):
                if not isinstance(variable, str):
                    raise SimulationError(f"record: population {name!r} takes only the name 'spikes', got {variable!r}")
                if variable in population.model.states:
                    raise SimulationError(
                        f"record: the event method has no steps in which to record {variable!r} of population {name!r}; "
                        "read it between runs by state()"
                    )
                if variable != "spikes":
                    raise SimulationError(f"record: population {name!r} has no {variable!r}, only 'spikes'")
                recorded.add(name)
        return recorded

    def _inputs(
        self, inputs: Mapping[str, ArrayLike | SpikeTrain], first: int, last: int
    ) -> tuple[list[tuple[int, NDArray[np.float64]]], list[_Spikes]]:
        """Return (first neuron, values) of analog inputs, and for each copy its given spikes in the order of time."""
        values: list[tuple[int, NDArray[np.float64]]] = []
        given: list[list[_Spikes]] = [[] for _ in range(self.copies)]
        starts = self._compiled.starts
        for name, wanted in inputs.items():
            population = self._population(name, "inputs")
            if isinstance(population.model, SpikeArray):
                train = check_train(population, wanted, self.copies)
                times = self._times(name, train, first, last)
                for copy, lists in enumerate(given):
                    mine = train.copies == copy if train.n_copies > 1 else slice(None)
                    lists.append((times[mine], train.neurons[mine] + np.int32(starts[name])))
            elif isinstance(wanted, TimedInput):
                raise SimulationError(
                    f"inputs: the event method knows no TimedInput, which is given to population {name!r}; let a run end where "
                    "its value changes"
                )
            elif isinstance(wanted, SpikeTrain):
                raise SimulationError(f"inputs: population {name!r} takes no such input")
            else:
                array = fitting(name, wanted, population.size, self.copies, np.float64, timed=False)
                values.append((starts[name], np.atleast_2d(array)))
        trains = []
        for lists in given:
            times = np.concatenate([np.zeros(0), *(part[0] for part in lists)])
            neurons = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in lists)])
            order = np.argsort(times, kind="stable")  # fast where it is sorted, as every train is
            trains.append((times[order], neurons[order]))
        return values, trains

    def _times(self, name: str, train: SpikeTrain, first: int, last: int) -> NDArray[np.float64]:
        """Return the times (ms) of a given train that starts with this run."""
        dt = self.network.dt
        if isinstance(train, EventTrain) or train.dt != dt:
            times: NDArray[np.float64] = first * dt + (train.times - train.start * train.dt)
        else:
            times = (train.steps - train.start + first).astype(np.float64) * dt  # as in one long run, to the bit
        late = int(np.count_nonzero(times + COINCIDENCE >= last * dt))
        if late:
            raise SimulationError(f"inputs: the train for {name!r} has {late} spikes after the end of the run")
        return times

    def _train(self, name: str, logs: list[_Spikes], first: int, last: int) -> EventTrain:
        start, size = self._compiled.starts[name], len(self.network.populations[name])
        mine = [(neurons >= start) & (neurons < start + size) for _, neurons in logs]
        copies = np.repeat(np.arange(self.copies), [part.sum() for part in mine])
        times = np.concatenate([log[0][part] for log, part in zip(logs, mine, strict=True)])
        neurons = np.concatenate([log[1][part] for log, part in zip(logs, mine, strict=True)]) - start
        return EventTrain.at(times, neurons, size, self.network.dt, first, last, copies, self.copies)

    def _operations(
        self, updates: NDArray[np.int64], fired: NDArray[np.int64], events: NDArray[np.int64]
    ) -> Operations:
        populations = list(self.network.populations.values())
        encoder = np.array([population.encoder for population in populations])
        neuron = np.array([not p.encoder and isinstance(p.model, IF | LIF) for p in populations])
        acs = events.sum(axis=2)
        return Operations(
            acs=acs,
            macs=np.zeros_like(acs),
            membrane_updates=updates[:, :, neuron].sum(axis=2),
            encoder_operations=updates[:, :, encoder].sum(axis=2),
            spikes=fired.sum(axis=2),
            events=events,
            fired=fired,
            projections=tuple(projection.name for projection in self.network.projections),
            populations=tuple(population.name for population in populations),
            sizes=tuple(population.size for population in populations),
            plasticity_updates=np.zeros_like(acs),
            updated=np.zeros((*acs.shape, 0, Updates.COUNT), np.int64),
            plastic=(),
        )
