"""The simulator: a network, a number of independent copies, a precision and a backend."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import RecorderColumn as Rec
from snnsim_models import SpikeArray

from ._checks import real_array, steps_of, whole_number
from ._errors import SimulationError
from .backend import Backend, Counters, Stretch, Trains
from .brian2_backend import Brian2Backend
from .compilation import CompiledNetwork, compile_network
from .cpu_backend import CpuBackend
from .event_method import EventSimulator
from .network import Network, Population
from .results import Operations, Result
from .spikes import SpikeTrain
from .state_file import load_state, save_state

__all__ = ["Simulator"]

Inputs = Mapping[str, ArrayLike | SpikeTrain]


class Simulator:
    """Runs ``copies`` independent copies of a network.

    net : the description; later changes to it do not reach the simulator
    copies : at least 1; copy c uses the random numbers of sample ``first_sample`` + c, whatever the batch
    precision : "float32" or "float64"
    backend : "auto", "cpu", or "brian2": the same network in Brian2, one copy in float64, from time 0
    threads : at least 1, by default one per core; it changes no result
    method : "grid", or "event": no time grid, exact spike times, a cost that grows with events alone; in float64 on one core, for
        the models, receptors and connections that :mod:`snnsim.event_method` names

    Raises NetworkError or SimulationError for values out of bounds.
    """

    def __init__(
        self,
        net: Network,
        *,
        copies: int = 1,
        precision: str = "float64",
        backend: str = "auto",
        threads: int | None = None,
        method: str = "grid",
    ) -> None:
        if method not in ("grid", "event"):
            raise SimulationError(f"Simulator.method must be 'grid' or 'event', got {method!r}")
        if backend not in ("auto", "cpu", "brian2"):
            raise SimulationError(f"Simulator.backend must be 'auto', 'cpu' or 'brian2', got {backend!r}")
        if threads is not None:
            threads = whole_number("Simulator.threads", threads, 1, None, SimulationError)
        self._event: EventSimulator | None = None
        if method == "event":
            if backend not in ("auto", "cpu") or precision != "float64":
                raise SimulationError(
                    f"Simulator: the event method runs on the cpu in float64, got backend {backend!r} and {precision!r}"
                )
            self._event = EventSimulator(net, copies=copies)
            self.copies = self._event.copies
            return
        self.copies = whole_number("Simulator.copies", copies, 1, 2**31 - 1, SimulationError)
        self._compiled: CompiledNetwork = compile_network(net, precision)
        self._backend: Backend = (
            Brian2Backend(self._compiled, self.copies) if backend == "brian2" else CpuBackend(self._compiled, threads)
        )
        self.reset()

    @property
    def network(self) -> Network:
        """The description as it was when the simulator was made."""
        if self._event is not None:
            return self._event.network
        return self._compiled.network

    @property
    def backend(self) -> str:
        """The name of the backend that runs."""
        if self._event is not None:
            return self._event.backend
        return self._backend.name

    @property
    def step(self) -> int:
        """The number of steps simulated since the last reset."""
        if self._event is not None:
            return self._event.step
        return self._step

    @property
    def time(self) -> float:
        """The time simulated since the last reset, in ms."""
        return self.step * self.network.dt

    def reset(self, *, first_sample: int = 0, seed: int | None = None) -> None:
        """Put every copy back to its initial state and to time 0.

        ``first_sample`` numbers the random streams of the copies; ``seed`` replaces the network's until the next reset.
        """
        if self._event is not None:
            return self._event.reset(first_sample=first_sample, seed=seed)
        seed = self.network.seed if seed is None else seed
        self._seed = whole_number("Simulator.reset: seed", seed, 0, 2**64 - 1, SimulationError)
        self._first_sample = whole_number("Simulator.reset: first_sample", first_sample, 0, 2**32 - 1, SimulationError)
        self._step = 0
        self._interrupted = False
        self._state = self._compiled.state(self.copies)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that a run changes: potentials, currents, refractoriness, spikes under way, time, random streams.

        Raises SimulationError where the file cannot be written (none is left then) or a run was interrupted.
        """
        if self._event is not None:
            return self._event.save(path)
        self._refuse_interrupted("save")
        if not self._backend.continues:
            raise SimulationError(f"save: the {self.backend} backend keeps no state")
        numbers = {"step": self._step, "seed": self._seed, "first_sample": self._first_sample}
        save_state(path, self._compiled, self._state, numbers)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go back to a saved state of the same network, precision and number of copies.

        Raises SimulationError where the file is not such a state; the simulator is then as before.
        """
        if self._event is not None:
            return self._event.load(path)
        if not self._backend.continues:
            raise SimulationError(f"load: the {self.backend} backend keeps no state")
        self._state, numbers = load_state(path, self._compiled, self.copies)
        self._step, self._seed, self._first_sample = (numbers[key] for key in ("step", "seed", "first_sample"))
        self._interrupted = False

    def state(self, population: str, variable: str) -> NDArray[np.float64]:
        """Return a state variable such as "v" as it is now, shape (copies, neurons). The event method alone has it; others record.

        Raises SimulationError where there is no such population or variable.
        """
        if self._event is None:
            raise SimulationError(
                f"state: only the event method has it; record={{{population!r}: [{variable!r}]}} in a run"
            )
        return self._event.state(population, variable)

    def _refuse_interrupted(self, what: str) -> None:
        if self._interrupted:
            raise SimulationError(
                f"{what}: an earlier run was interrupted and left the copies at different times; call reset()"
            )

    def run(
        self,
        duration: float,
        *,
        inputs: Inputs | None = None,
        record: Mapping[str, Iterable[str]] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Continue for ``duration`` ms, a multiple of dt, and return what was recorded and counted.

        inputs : for a SpikeArray population a SpikeTrain (of one copy, given to all, or of as many copies as the simulator has;
            times count from the start of this run); for any other the analog values, shape (neurons,) or (copies, neurons):
            they set the state variable that the model names as its INPUT, and stay until they are set again
        record : for each population the names "spikes" and of state variables such as "v"
        progress : called with the fraction done, at least every 0.1 s

        What the event method does differently stands in :meth:`.event_method.EventSimulator.run`.

        Raises SimulationError where something does not fit; the state is then as before.
        """
        if self._event is not None:
            return self._event.run(duration, inputs=inputs, record=record, progress=progress)
        self._refuse_interrupted("run")
        steps = steps_of("run: duration", duration, self.network.dt, SimulationError)
        first, last = self._step, self._step + steps
        if first and not self._backend.continues:
            raise SimulationError(
                f"run: a run of the {self.backend} backend cannot be continued; call reset() and run once"
            )
        populations = self._compiled.populations.copy()
        recorded, recorders, width = self._recorders(record or {}, populations)
        values, trains = self._inputs(inputs or {}, populations, first, steps)
        for offset, array in values:
            self._state.values[:, offset : offset + array.shape[1]] = array
        n_projections = len(self._compiled.projections)
        counters = Counters(
            np.zeros((self.copies, steps, len(populations)), np.int64),
            np.zeros((self.copies, steps, len(populations)), np.int64),
            np.zeros((self.copies, steps, n_projections), np.int64),
        )
        traces = np.zeros((self.copies, steps, width), registry.PRECISIONS[self._compiled.precision])
        self._interrupted = True
        log = self._backend.advance(
            Stretch(
                state=self._state,
                populations=populations,
                recorders=recorders,
                trains=trains,
                counters=counters,
                traces=traces,
                seed=self._seed,
                first_sample=self._first_sample,
                first=first,
                last=last,
                log_spikes=bool(populations[:, Pop.RECORD_SPIKES].any()),
                progress=progress,
            )
        )
        self._step, self._interrupted = last, False
        states = {key: traces[:, :, out : out + size] for key, out, size in recorded}
        return Result(
            self.network.dt,
            first,
            last,
            self._spike_trains(populations, log, first, last),
            states,
            self._operations(*counters),
        )

    def _population(self, name: str, what: str) -> Population:
        try:
            return self.network.populations[name]
        except KeyError:
            known = ", ".join(self.network.populations)
            raise SimulationError(f"{what}: no population {name!r}, the network has {known}") from None

    def _recorders(
        self, record: Mapping[str, Iterable[str]], populations: NDArray[np.int64]
    ) -> tuple[list[tuple[tuple[str, str], int, int]], NDArray[np.int64], int]:
        recorded: list[tuple[tuple[str, str], int, int]] = []
        rows: list[list[int]] = []
        width = 0
        for name, variables in record.items():
            population = self._population(name, "record")
            for variable in [variables] if isinstance(variables, str) else variables:
                if variable == "spikes":
                    populations[self._compiled.index(name), Pop.RECORD_SPIKES] = 1
                    continue
                if variable not in population.model.states:
                    raise SimulationError(
                        f"record: population {name!r} has no {variable!r}, only 'spikes' and {list(population.model.states)}"
                    )
                row = [0] * Rec.COUNT
                row[Rec.STATE], row[Rec.SIZE] = self._compiled.state_offset(population, variable), population.size
                row[Rec.OUT] = width
                rows.append(row)
                recorded.append(((name, variable), width, population.size))
                width += population.size
        return recorded, np.array(rows, dtype=np.int64).reshape(-1, Rec.COUNT), width

    def _inputs(
        self, inputs: Inputs, populations: NDArray[np.int64], first: int, steps: int
    ) -> tuple[list[tuple[int, NDArray[Any]]], Trains]:
        values: list[tuple[int, NDArray[Any]]] = []
        pointers, neurons = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
        n_pointers = n_spikes = 0
        for name, given in inputs.items():
            population = self._population(name, "inputs")
            row = populations[self._compiled.index(name)]
            if isinstance(population.model, SpikeArray):
                if not isinstance(given, SpikeTrain):
                    raise SimulationError(f"inputs: population {name!r} takes a SpikeTrain, got {type(given).__name__}")
                ptr, ids = self._train(name, population, given, steps)
                row[Pop.TRAIN], row[Pop.TRAIN_FIRST], row[Pop.TRAIN_STEPS] = n_pointers, first, steps
                pointers.append(ptr + n_spikes)
                neurons.append(ids)
                n_pointers += len(ptr)
                n_spikes += len(ids)
            elif population.model.INPUT is None or isinstance(given, SpikeTrain):
                raise SimulationError(f"inputs: population {name!r} takes no such input")
            else:
                array = real_array(f"inputs: the values for population {name!r}", given, SimulationError)
                if np.abs(array).max(initial=0) > np.finfo(registry.PRECISIONS[self._compiled.precision]).max:
                    raise SimulationError(
                        f"inputs: the values for population {name!r} exceed {self._compiled.precision}"
                    )
                if array.shape not in ((population.size,), (self.copies, population.size)):
                    raise SimulationError(
                        f"inputs: population {name!r} takes shape ({population.size},) or ({self.copies}, {population.size}), "
                        f"got {array.shape}"
                    )
                values.append((self._compiled.state_offset(population, population.model.INPUT), np.atleast_2d(array)))
        return values, Trains(np.concatenate(pointers), np.concatenate(neurons))

    def _train(
        self, name: str, population: Population, train: SpikeTrain, steps: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return for each copy and step where its spikes start (and the end), and the neurons."""
        if train.size != population.size:
            raise SimulationError(
                f"inputs: the train for {name!r} has {train.size} neurons, the population {population.size}"
            )
        if train.n_copies not in (1, self.copies):
            raise SimulationError(
                f"inputs: the train for {name!r} has {train.n_copies} copies, the simulator {self.copies}"
            )
        if abs(train.dt - self.network.dt) > 1e-9 * self.network.dt:
            raise SimulationError(
                f"inputs: the train for {name!r} has dt = {train.dt:g} ms, the network {self.network.dt:g} ms"
            )
        late = int(np.count_nonzero(train.steps - train.start >= steps))
        if late:
            raise SimulationError(f"inputs: the train for {name!r} has {late} spikes after the end of the run")
        slot = train.copies.astype(np.int64) * steps + train.steps - train.start
        ids = train.neurons
        doubled = (np.diff(slot) == 0) & (np.diff(ids) == 0)
        if doubled.any():
            raise SimulationError(f"inputs: the train for {name!r} fires a neuron twice in one step")
        if train.n_copies < self.copies:
            slot = (slot[None, :] + (np.arange(self.copies) * steps)[:, None]).ravel()
            ids = np.tile(ids, self.copies)
        counts = np.bincount(slot, minlength=self.copies * steps)
        return np.concatenate([[0], np.cumsum(counts)]), ids

    def _spike_trains(
        self, populations: NDArray[np.int64], log: NDArray[np.int32], first: int, last: int
    ) -> dict[str, SpikeTrain]:
        trains = {}
        for row, population in zip(populations, self.network.populations.values(), strict=True):
            if row[Pop.RECORD_SPIKES]:
                mine = log[(log[:, 2] >= row[Pop.NEURON]) & (log[:, 2] < row[Pop.NEURON] + population.size)]
                trains[population.name] = SpikeTrain(
                    mine[:, 0], mine[:, 1].astype(np.int64) + first, mine[:, 2] - np.int32(row[Pop.NEURON]),
                    population.size, self.copies, self.network.dt, first, last,
                )  # fmt: skip
        return trains

    def _operations(
        self, updates: NDArray[np.int64], fired: NDArray[np.int64], events: NDArray[np.int64]
    ) -> Operations:
        populations, projections = list(self.network.populations.values()), self.network.projections
        graded = np.array([projection.graded for projection in projections], dtype=bool)
        encoder = np.array([population.encoder for population in populations])
        neuron = np.array(
            [not population.encoder and not isinstance(population.model, SpikeArray) for population in populations]
        )
        spiking = np.array([not population.model.GRADED for population in populations])
        return Operations(
            acs=events[:, :, ~graded].sum(axis=2),
            macs=events[:, :, graded].sum(axis=2),
            membrane_updates=updates[:, :, neuron].sum(axis=2),
            encoder_operations=updates[:, :, encoder].sum(axis=2),
            spikes=fired[:, :, spiking].sum(axis=2),
            events=events,
            fired=fired,
            projections=tuple(projection.name for projection in projections),
            populations=tuple(population.name for population in populations),
        )
