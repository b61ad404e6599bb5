"""The simulator: a network, a number of independent copies, a precision and a backend."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels import registry
from snnsim_kernels.layout import Counters
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import StimulusColumn as Stim
from snnsim_kernels.plasticity_layout import Learning, Updates
from snnsim_kernels.registry import NeuronKind
from snnsim_models import SpikeArray

from ._checks import steps_of, whole_number
from ._errors import SimulationError
from ._memory import require_memory
from .backend import Backend, Stretch
from .brian2_backend import Brian2Backend
from .compilation import CompiledNetwork, compile_network
from .cpu_backend import CpuBackend
from .freezing import frozen_constants, frozen_regulations
from .inputs import Inputs, TimedInput, prepare_inputs, prepare_modulators
from .network import Network, Projection
from .recording import Record, prepare_recorders
from .results import Operations, Result
from .state_file import load_state, save_state
from .synapses import Synapses, changed_weights, current_weights, number_of, settle, synapses_of

__all__ = ["Simulator"]


class Simulator:
    """Runs ``copies`` independent copies of a network on a grid of time steps. (:class:`EventSimulator` knows no grid.)

    net : the description; later changes to it do not reach the simulator
    copies : at least 1; copy c uses the random numbers of sample ``first_sample`` + c, whatever the batch
    precision : "float32" or "float64"
    backend : "auto", "cpu", or "brian2": the same network in Brian2, one copy in float64, from time 0
    threads : at least 1, by default one per core; it changes no result
    frozen : whether learning is off from the start, see :meth:`freeze`; for more than one copy it must be where weights change
    memory : bytes that the simulator may use, by default what the machine has left when something is to be allocated

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
        frozen: bool = False,
        memory: int | None = None,
    ) -> None:
        if backend not in ("auto", "cpu", "brian2"):
            raise SimulationError(f"Simulator.backend must be 'auto', 'cpu' or 'brian2', got {backend!r}")
        if threads is not None:
            threads = whole_number("Simulator.threads", threads, 1, None, SimulationError)
        if memory is not None:
            memory = whole_number("Simulator.memory", memory, 1, None, SimulationError)
        self._memory = memory
        self.copies = whole_number("Simulator.copies", copies, 1, 2**31 - 1, SimulationError)
        self._compiled: CompiledNetwork = compile_network(net, precision, memory)
        self._backend: Backend = (
            Brian2Backend(self._compiled, self.copies) if backend == "brian2" else CpuBackend(self._compiled, threads)
        )
        self._weights = self._compiled.weights
        self._frozen = frozen
        if self._compiled.changes_weights:
            if not frozen:
                self._require_one_copy()
            self._weights = self._compiled.weights.copy()
        self._learned = self._compiled.plasticity.state()
        self.reset()

    def _require_one_copy(self) -> None:
        if self._compiled.changes_weights and self.copies > 1:
            raise SimulationError(
                f"Simulator.copies must be 1 where weights change, since copies share them, got {self.copies}"
            )

    @property
    def frozen(self) -> bool:
        """Whether learning is off."""
        return self._frozen

    def freeze(self) -> None:
        """Stop learning, and with it all homeostasis: weights, adaptive thresholds, Homeostasis and Normalisation stay as they are.

        Spikes leave no traces in plastic synapses meanwhile, and modulators have no effect; earlier traces go on decaying.
        Competition (WinnerTakeAll) goes on: it is no learning. A frozen network costs no more than one without plasticity.
        """
        settle(self._compiled, self._weights, self._learned)
        self._frozen = True

    def thaw(self) -> None:
        """Resume learning. Raises SimulationError for more than one copy, where weights change."""
        self._require_one_copy()
        self._frozen = False

    def synapses(self, projection: Projection | str) -> Synapses:
        """Return sources, targets, weights and delays of a projection, given itself or its name, as they are now.

        Raises SimulationError where there is none such, or it shares its weights, as a convolution does.
        """
        number = number_of(self._compiled, projection, "synapses")
        own = current_weights(self._compiled, self._weights, number, self._learned)
        return synapses_of(self._compiled, own, number)

    def weights(self, projection: Projection | str) -> NDArray[np.floating]:
        """Return the stored weights of a projection, in the order of :meth:`synapses`; one where all synapses share it.

        Raises SimulationError where there is no such projection.
        """
        number = number_of(self._compiled, projection, "weights")
        return current_weights(self._compiled, self._weights, number, self._learned).copy()

    def set_weights(self, projection: Projection | str, values: ArrayLike) -> None:
        """Change the weights of a projection: as many as :meth:`weights` returns, or one value for all. ``reset`` keeps them.

        Synapses neither come nor go: one whose weight becomes 0 goes on being delivered and counted, and a 0 of dense weights or of
        a kernel stays. Raises SimulationError where the values do not fit, or there is no such projection.
        """
        number = number_of(self._compiled, projection, "set_weights")
        self._weights = changed_weights(self._compiled, self._weights, number, values)
        if (plastic := self._compiled.plasticity.number_of(number)) is not None:
            self._compiled.plasticity.stand(plastic, self._learned)

    @property
    def network(self) -> Network:
        """The description as it was when the simulator was made."""
        return self._compiled.network

    @property
    def backend(self) -> str:
        """The name of the backend that runs."""
        return self._backend.name

    @property
    def step(self) -> int:
        """The number of steps simulated since the last reset."""
        return self._step

    @property
    def time(self) -> float:
        """The time simulated since the last reset, in ms."""
        return self.step * self.network.dt

    def reset(self, *, first_sample: int = 0, seed: int | None = None) -> None:
        """Put every copy back to its initial state and to time 0, traces included. Weights stay as they are now, changed ones as
        well.

        ``first_sample`` numbers the random streams of the copies; ``seed`` replaces the network's until the next reset.
        """
        seed = self.network.seed if seed is None else seed
        self._seed = whole_number("Simulator.reset: seed", seed, 0, 2**64 - 1, SimulationError)
        self._first_sample = whole_number("Simulator.reset: first_sample", first_sample, 0, 2**32 - 1, SimulationError)
        self._step = 0
        self._interrupted = False
        require_memory(
            "the state", {"potentials and spikes under way": self._compiled.state_bytes(self.copies)}, self._budget
        )
        self._state = self._compiled.state(self.copies)
        settle(self._compiled, self._weights, self._learned)
        self._learned = self._compiled.plasticity.state()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that a run changes: potentials, currents, refractoriness, spikes under way, changed weights, what
        they learn with (traces, eligibilities, modulators), time, random streams.

        Raises SimulationError where the file cannot be written (none is left then) or a run was interrupted.
        """
        self._refuse_interrupted("save")
        if not self._backend.continues:
            raise SimulationError(f"save: the {self.backend} backend keeps no state")
        numbers = {"step": self._step, "seed": self._seed, "first_sample": self._first_sample}
        save_state(path, self._compiled, self._state, self._weights, self._learned, numbers)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go back to a saved state of the same network, precision and number of copies.

        Raises SimulationError where the file is not such a state; the simulator is then as before.
        """
        if not self._backend.continues:
            raise SimulationError(f"load: the {self.backend} backend keeps no state")
        self._state, self._weights, self._learned, numbers = load_state(path, self._compiled, self.copies)
        if self._frozen:
            self.freeze()
        self._step, self._seed, self._first_sample = (numbers[key] for key in ("step", "seed", "first_sample"))
        self._interrupted = False

    @cached_property
    def _frozen_constants(self) -> NDArray[np.floating]:
        return frozen_constants(self._compiled)

    @property
    def _budget(self) -> int | None:
        return None if self._memory is None else self._memory - self._compiled.nbytes

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
        record: Mapping[str, str | Record | Iterable[str | Record]] | None = None,
        modulators: Mapping[str, TimedInput] | None = None,
        count_every: float | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Result:
        """Continue for ``duration`` ms, a multiple of dt, and return what was recorded and counted.

        inputs : for a SpikeArray population a SpikeTrain (of one copy, given to all, or of as many copies as the simulator has;
            times count from the start of this run); for any other the analog values, shape (neurons,) or (copies, neurons), or a
            TimedInput: they set the state variable that the model names as its INPUT, and stay until they are set again
        record : for each population the names "spikes" and of state variables such as "v", or a Record of some neurons or of every
            few steps; for each projection (by name) "weights"
        modulators : for each projection (by name) whose rule takes one a TimedInput: each row of its values arrives at its time, as
            an impulse, and does not stay; a reward is one value, shape (rows,), a teaching signal also one per target, shape
            (rows, targets)
        count_every : ms, a multiple of dt: operations are counted in bins of this width, by default one step; wider ones save
            memory in long runs
        progress : called with the fraction done, at least every 0.1 s

        Raises SimulationError where something does not fit, memory included; the state is then as before. Only recorded spikes,
        whose number nobody knows beforehand, may fill the memory while a run goes on: ``reset`` or ``load`` has to follow.
        """
        self._refuse_interrupted("run")
        steps = steps_of("run: duration", duration, self.network.dt, SimulationError)
        first, last = self._step, self._step + steps
        if first and not self._backend.continues:
            raise SimulationError(
                f"run: a run of the {self.backend} backend cannot be continued; call reset() and run once"
            )
        per_bin = 1
        if count_every is not None:
            per_bin = steps_of("run: count_every", count_every, self.network.dt, SimulationError)
        compiled, populations = self._compiled, self._compiled.populations.copy()
        recorders = prepare_recorders(compiled, record or {}, populations, steps)
        given = prepare_inputs(compiled, inputs or {}, populations, self.copies, first, steps)
        modulation = prepare_modulators(compiled, modulators or {}, steps)
        bins, real = -(-steps // per_bin), registry.PRECISIONS[compiled.precision]
        n_joined = len(compiled.projections) + len(compiled.stimuli)
        require_memory(
            f"run: {duration:g} ms of {self.copies} copies" if self.copies > 1 else f"run: {duration:g} ms",
            {
                "recorded states": self.copies * recorders.width * np.dtype(real).itemsize,
                "operation counts": self.copies * bins * (2 * len(populations) + n_joined) * 8,
            },
            self._budget,
        )
        for offset, array in given.values:
            self._state.values[:, offset : offset + array.shape[1]] = array
        counters = Counters(
            np.zeros((self.copies, bins, len(populations)), np.int64),
            np.zeros((self.copies, bins, len(populations)), np.int64),
            np.zeros((self.copies, bins, n_joined), np.int64),
        )
        traces = np.zeros((self.copies, recorders.width), real)
        learning = compiled.plasticity.learning(self._learned, modulation, bins, frozen=self._frozen)
        self._interrupted = True
        log = self._backend.advance(
            Stretch(
                state=self._state,
                kinds=self._kinds(populations, {int(row[0]) for row in given.timed_inputs}),
                populations=populations,
                recorders=recorders.table,
                picked=recorders.picked,
                timed_inputs=given.timed_inputs,
                schedule=given.schedule,
                timed_values=given.timed_values,
                weights=self._weights,
                learning=learning,
                constants=self._frozen_constants if self._frozen else compiled.constants,
                regulations=frozen_regulations(compiled) if self._frozen else compiled.regulations,
                trains=given.trains,
                per_bin=per_bin,
                counters=counters,
                traces=traces,
                seed=self._seed,
                first_sample=self._first_sample,
                first=first,
                last=last,
                log_spikes=bool(recorders.spikes),
                log_bytes=None if self._budget is None else max(self._budget - traces.nbytes, 0),
                progress=progress,
            )
        )
        self._step, self._interrupted = last, False
        return Result(
            self.network.dt,
            first,
            last,
            recorders.trains(compiled, log, self.copies, first, last),
            recorders.states(traces, steps),
            self._operations(counters, learning),
            recorders.every(),
            per_bin,
        )

    def _kinds(self, populations: NDArray[np.int64], set_later: set[int]) -> tuple[NeuronKind, ...]:
        """Return the kernels of this run, and enter their numbers into the population table.

        A state variable that is zero and stays so in this run need not be read: that is a kernel of its own, and a fifth faster.
        """
        kinds: list[NeuronKind] = []
        joined = (*self._compiled.projections[:, Proj.TARGET_STATE], *self._compiled.stimuli[:, Stim.TARGET_STATE])
        for row, population in zip(populations, self.network.populations.values(), strict=True):
            kind = self._compiled.neuron_kinds[row[Pop.KIND]]
            if kind.model.DORMANT is not None:
                offset = self._compiled.state_offset(population, kind.model.DORMANT)
                reached = any(offset <= state < offset + population.size for state in joined) or offset in set_later
                zero = not self._state.values[:, offset : offset + population.size].any()
                kind = kind._replace(dormant=zero and not reached)
            if kind not in kinds:
                kinds.append(kind)
            row[Pop.KIND] = kinds.index(kind)
            row[Pop.RESET] = row[Pop.KIND] if kind.model.RESET is not None else -1
        return tuple(kinds)

    def _operations(self, counters: Counters, learning: Learning) -> Operations:
        network = self.network
        populations = list(network.populations.values())
        names = [projection.name for projection in network.projections]
        graded = np.array([projection.graded for projection in network.projections], dtype=bool)
        graded = np.concatenate([graded, np.zeros(len(network.stimuli), bool)])
        encoder = np.array([population.encoder for population in populations])
        neuron = np.array(
            [not population.encoder and not isinstance(population.model, SpikeArray) for population in populations]
        )
        spiking = np.array([not population.model.GRADED for population in populations])
        updates, fired, events = counters
        updated = np.zeros((*events.shape[:2], len(self._compiled.plasticity), Updates.COUNT), np.int64)
        if learning.counts.size:
            updated[0] = learning.counts
        return Operations(
            acs=events @ (~graded).astype(np.int64),
            macs=events @ graded.astype(np.int64),
            membrane_updates=updates @ neuron.astype(np.int64),
            encoder_operations=updates @ encoder.astype(np.int64),
            spikes=fired @ spiking.astype(np.int64),
            events=events,
            fired=fired,
            projections=(*names, *(stimulus.name for stimulus in network.stimuli)),
            populations=tuple(population.name for population in populations),
            sizes=tuple(population.size for population in populations),
            plasticity_updates=updated.sum(axis=(2, 3)),
            updated=updated,
            plastic=self._compiled.plasticity.names,
        )
