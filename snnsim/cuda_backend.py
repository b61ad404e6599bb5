"""The CUDA backend: kernels on one card, for many copies of a small network or for one large network.

The state of a run is copied to the card and back; synapses stay there from the first run on.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda
from numpy.typing import NDArray
from snnsim_kernels.cuda.layout import LANES, Run, Work
from snnsim_kernels.cuda.loop import Kernels, PhaseNumber, kernels, shared_bytes
from snnsim_kernels.cuda.plasticity import LearningPhase
from snnsim_kernels.layout import Arrays, Counters, State, Tables, Trains
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.layout import RegulationColumn as Reg
from snnsim_kernels.plasticity_layout import LearningState
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic
from snnsim_models import SpikeArray

from ._memory import require_memory
from .backend import Backend, Stretch
from .compilation import CompiledNetwork
from .cuda_device import Device
from .cuda_placement import on_card
from .cuda_work import chunks_of, rounds_of, tasks_of

__all__ = ["CudaBackend"]

_SLICE_S = 0.05
"""Seconds after which a launch ends, for progress and Ctrl-C."""

_FIRST_STEPS = 64
"""Steps of the first launch, before any has been timed."""

_LOG_ROWS = 2**20
"""Rows of the log of recorded spikes, shared out among the copies; never fewer than a step may need."""


class CudaBackend(Backend):
    """Runs a compiled network on a card.

    Results are those of the CPU wherever no sum of synaptic weights is rounded, and where only one weight arrives at a receptor
    of a neuron; elsewhere sums differ in the last bit, because the order of additions is not fixed.
    """

    name = "cuda"
    continues = True

    def __init__(self, compiled: CompiledNetwork, device: Device) -> None:
        self.compiled, self.device = compiled, device
        self._fixed = {
            name: _on_card(getattr(compiled, name))
            for name in ("projections", "stimuli", "thresholds", "stimulus_weights", "regulation_values", "delays")
        }  # fmt: skip
        self._synapses = on_card(compiled.placed)
        self._events_per_source = _events_per_source(compiled)

    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch and return the spike log."""
        return _Execution(self, stretch).run()


class _Execution:
    """One stretch on the card."""

    def __init__(self, backend: CudaBackend, stretch: Stretch) -> None:
        compiled, self.backend, self.stretch = backend.compiled, backend, stretch
        self.copies = len(stretch.state.values)
        self.device = backend.device
        self.kernels: Kernels = kernels(
            stretch.kinds,
            compiled.deliveries,
            compiled.plasticity.kinds,
            len(stretch.regulations) > 0,
            compiled.precision,
        )
        populations = stretch.populations
        itemsize = stretch.state.values.itemsize
        self.shared = shared_bytes(compiled.initial.size, compiled.n_neurons, len(populations), itemsize)
        self.by_block = self.device.runs_in_blocks(compiled.n_neurons, self.copies)
        self.staged = self.shared <= self.device.shared_bytes
        recorded = int(populations[populations[:, Pop.RECORD_SPIKES] == 1, Pop.SIZE].sum())
        at_once = self.copies if self.by_block else 1
        self.capacity = max(2 * recorded, _LOG_ROWS // at_once, 1) if recorded else 1
        self.recorded = recorded

    def run(self) -> NDArray[np.int32]:
        """Run all steps of all copies."""
        stretch, backend, fixed = self.stretch, self.backend, self.backend._fixed
        compiled = backend.compiled
        self._require()
        weights = stretch.weights
        synapses = backend._synapses
        if weights is not None:
            synapses = synapses._replace(weights=_on_card(weights))
        tables = Tables(
            _on_card(stretch.populations), fixed["projections"], fixed["stimuli"], _on_card(stretch.recorders),
            _on_card(stretch.timed_inputs), _on_card(stretch.regulations),
        )  # fmt: skip
        arrays = Arrays(
            _on_card(stretch.constants), *synapses, fixed["delays"],
            fixed["thresholds"], _on_card(stretch.picked), fixed["stimulus_weights"], fixed["regulation_values"],
            _on_card(stretch.schedule), _on_card(stretch.timed_values),
        )  # fmt: skip
        learning = stretch.learning._replace(
            **{name: _on_card(array) for name, array in stretch.learning._asdict().items() if name != "state"},
            state=LearningState(*(_on_card(array) for array in stretch.learning.state)),
        )
        state = State(*(_on_card(array) for array in stretch.state))
        counters = Counters(*(_on_card(array) for array in stretch.counters))
        trains = Trains(*(_on_card(array) for array in stretch.trains))
        traces = _on_card(stretch.traces)
        steps = np.full(self.copies, stretch.first, np.int64)
        run = Run(
            _on_card(steps),
            cuda.device_array((self.copies, self.capacity, 2), np.int32),
            _on_card(np.zeros(self.copies, np.int32)),
            traces,
            _on_card(np.zeros(4 * len(stretch.populations), np.int32)),
            _on_card(np.zeros(self._widest_normalised(), stretch.state.values.dtype)),
        )
        arguments = (
            tables, arrays, learning, None, state, trains, counters, run, np.uint64(stretch.seed), stretch.first_sample
        )  # fmt: skip
        log = self._by_block(arguments) if self.by_block else self._by_grid(arguments)
        for own, card in zip(stretch.state, state, strict=True):
            card.copy_to_host(own)
        for own, card in zip(stretch.counters, counters, strict=True):
            card.copy_to_host(own)
        traces.copy_to_host(stretch.traces)
        for own, card in zip(stretch.learning.state, learning.state, strict=True):
            card.copy_to_host(own)
        learning.counts.copy_to_host(stretch.learning.counts)
        if weights is not None and compiled.changes_weights:
            synapses.weights.copy_to_host(weights)
        _sort_lists(stretch.populations, stretch.state)
        return np.asarray(log[np.lexsort((log[:, 2], log[:, 1], log[:, 0]))])

    def _require(self) -> None:
        """Raise SimulationError where the card has not enough memory."""
        stretch = self.stretch
        require_memory(
            f"run: {self.copies} copies on {self.device.name}",
            {
                "state": sum(array.nbytes for array in stretch.state),
                "operation counts": sum(array.nbytes for array in stretch.counters),
                "recorded states": stretch.traces.nbytes,
                "input": stretch.timed_values.nbytes + sum(array.nbytes for array in stretch.trains),
                "log of spikes": 8 * self.copies * self.capacity,
            },
            self.device.free_bytes(),
        )

    def _widest_normalised(self) -> int:
        compiled = self.backend.compiled
        rules = compiled.regulations[compiled.regulations[:, Reg.KIND] == Reg.NORMALISATION, Reg.WHAT]
        return int(compiled.projections[rules, Proj.TARGET_SIZE].max(initial=1))

    def _work(self, warps: int) -> Work:
        stretch, compiled = self.stretch, self.backend.compiled
        trains = np.array([issubclass(kind.model, SpikeArray) for kind in stretch.kinds])[
            stretch.populations[:, Pop.KIND]
        ]
        given = np.flatnonzero(trains & (stretch.populations[:, Pop.TRAIN] >= 0))
        tasks = tasks_of(compiled.projections, compiled.deliveries, self.backend._events_per_source, warps)
        return Work(
            _on_card(chunks_of(stretch.populations, stretch.regulations, ~trains)),
            _on_card(tasks),
            _on_card(rounds_of(compiled.projections, compiled.deliveries, tasks)),
            _on_card(given.astype(np.int32)),
        )

    def _by_block(self, arguments: tuple[Any, ...]) -> NDArray[np.int32]:
        """Give each copy a block of its own."""
        stretch, threads = self.stretch, self.device.block_threads
        kernel = self.kernels.staged if self.staged else self.kernels.block
        shared = self.shared if self.staged else shared_bytes(0, 0, len(stretch.populations), 4)
        arguments = (*arguments[:3], self._work(threads // LANES), *arguments[4:])

        def launch(until: int) -> None:
            kernel[self.copies, threads, 0, shared](*arguments, stretch.first, stretch.per_bin, until)

        return self._rounds(arguments[7], range(self.copies), launch)

    def _by_grid(self, arguments: tuple[Any, ...]) -> NDArray[np.int32]:
        """Give each copy the whole card, one after the other."""
        stretch = self.stretch
        fixed = (stretch.first, stretch.per_bin)
        logs = [np.zeros((0, 3), np.int32)]
        probe = (*arguments[:3], self._work(1), *arguments[4:], *fixed, stretch.last, 0)
        blocks, threads, waits = self._grid(probe)
        arguments = (*arguments[:3], self._work(blocks * threads // LANES), *arguments[4:])
        for number in range(self.copies):

            def launch(until: int, number: int = number) -> None:
                if waits:
                    self.kernels.grid[blocks, threads](*arguments, *fixed, until, number)
                else:
                    self._phase_by_phase(arguments, number, until, blocks, threads)

            logs.append(self._rounds(arguments[7], [number], launch))
        return np.concatenate(logs)

    def _grid(self, arguments: tuple[Any, ...]) -> tuple[int, int, bool]:
        """Return blocks, threads of each, and whether the blocks can wait for each other."""
        if self.device.cooperative:
            for threads in self.device.grid_threads:
                if blocks := self.kernels.grid.most_blocks(arguments, threads):
                    return blocks, threads, True
        return self.device.multiprocessors, self.device.grid_threads[-1], False

    def _rounds(self, run: Run, numbers: Any, launch: Any) -> NDArray[np.int32]:
        """Launch until the copies ``numbers`` are at the end, and empty their logs in between."""
        stretch, parts, numbers = self.stretch, [np.zeros((0, 3), np.int32)], list(numbers)
        todo, until, per_launch = stretch.last - stretch.first, stretch.first, _FIRST_STEPS
        size, begun = 0, time.perf_counter()
        while True:
            steps = run.steps.copy_to_host()[numbers]
            done = int(steps.min())
            if done >= stretch.last:
                return np.concatenate(parts)
            if done >= until:  # all of a launch, and not only what the log could hold
                elapsed = time.perf_counter() - begun
                if done > stretch.first:
                    per_launch = max(1, min(int(per_launch * _SLICE_S / max(elapsed, 1e-6)), 4 * per_launch))
                until = min(until + per_launch, stretch.last)
                begun = time.perf_counter()
            launch(until)
            if self.recorded:
                for number, rows in zip(numbers, run.logged.copy_to_host()[numbers].tolist(), strict=True):
                    if rows:
                        part = np.empty((rows, 3), np.int32)
                        part[:, 0] = number
                        part[:, 1:] = run.log[number, :rows].copy_to_host()
                        size += part.nbytes
                        require_memory("the log of recorded spikes", {"spikes so far": 2 * size}, stretch.log_bytes)
                        parts.append(part)
            if stretch.progress is not None:
                here = float(run.steps.copy_to_host()[numbers].mean() - stretch.first) / todo
                before = 0 if len(numbers) == self.copies else numbers[0]
                stretch.progress((before + here * len(numbers)) / self.copies)

    def _phase_by_phase(self, arguments: tuple[Any, ...], number: int, until: int, blocks: int, threads: int) -> None:
        """Run a copy with a launch per phase, on a card whose blocks cannot wait for each other."""
        stretch, run = self.stretch, arguments[7]
        rules, plastic = stretch.regulations, stretch.learning.rules
        competing = np.flatnonzero(rules[:, Reg.KIND] == Reg.WINNER_TAKE_ALL)
        normalising = np.flatnonzero(rules[:, Reg.KIND] == Reg.NORMALISATION)
        step, side, begun = int(run.steps.copy_to_host()[number]), 0, False

        def do(phase: int, rule: int = 0) -> None:
            self.kernels.phase[blocks, threads](
                int(phase), rule, *arguments, stretch.first, stretch.per_bin, number, step, side, begun
            )

        if self.recorded:
            until = min(until, step + self.capacity // self.recorded)
        do(PhaseNumber.START)
        while step < until:
            do(PhaseNumber.VISIT)
            for rule in competing:
                do(PhaseNumber.COMPETE, int(rule))
            if len(competing):
                do(PhaseNumber.LIST_WINNERS)
            if len(stretch.recorders):
                do(PhaseNumber.RECORD)
            for rule in np.flatnonzero(plastic[:, Plastic.ELIGIBILITY] >= 0):
                do(PhaseNumber.LEARN + LearningPhase.SETTLE_DELIVERED, int(rule))
            for round_ in range(arguments[3].rounds.shape[0] - 1):
                do(PhaseNumber.DELIVER, round_)
            if self.recorded:
                do(PhaseNumber.COMMIT)
            for rule, row in enumerate(plastic):
                for learning_phase in self._learning_phases(row, step):
                    do(PhaseNumber.LEARN + learning_phase, rule)
            for rule in normalising:
                if (step + 1) % rules[rule, Reg.EVERY] == 0:
                    if rules[rule, Reg.DENSE]:
                        do(PhaseNumber.NORMALISE_DENSE, int(rule))
                    else:
                        for phase in (PhaseNumber.CLEAR_SUMS, PhaseNumber.ADD_WEIGHTS, PhaseNumber.SCALE_WEIGHTS):
                            do(phase, int(rule))
            step, side, begun = step + 1, 1 - side, True
        do(PhaseNumber.FINISH)
        steps = run.steps.copy_to_host()
        steps[number] = step
        run.steps.copy_to_device(steps)

    def _learning_phases(self, row: NDArray[np.int64], step: int) -> Iterator[LearningPhase]:
        """Yield the phases in which a plastic projection learns from a step, as far as the host knows."""
        which, settle = row[Plastic.WHICH], row[Plastic.SETTLE]
        impulse = which >= 0 and self.stretch.learning.schedule[which + step - self.stretch.first] >= 0
        due = settle > 0 and (step + 1) % settle == 0
        for phase in LearningPhase:
            if phase == LearningPhase.SETTLE_DELIVERED:
                continue
            if (phase != LearningPhase.SIGNAL or impulse) and (phase != LearningPhase.SETTLE_ALL or due):
                yield phase


def _on_card(array: NDArray[Any]) -> Any:
    return cuda.to_device(np.ascontiguousarray(array))


def _events_per_source(compiled: CompiledNetwork) -> NDArray[np.float64]:
    """Return about how many synapses a spike reaches in each projection, all delays taken together."""
    reached = [
        projection.n_synapses / len(projection.source) if projection.n_synapses else 0.0
        for projection in compiled.network.projections
    ]
    return np.array(reached, np.float64)


def _sort_lists(populations: NDArray[np.int64], state: State) -> None:
    """Sort the spikes under way by neuron, as the CPU lists them."""
    for row in populations:
        size, slots = int(row[Pop.SIZE]), int(row[Pop.SLOTS])
        lengths = state.lengths[:, row[Pop.LENGTHS] : row[Pop.LENGTHS] + slots]
        if slots == 1:  # nobody reads a list that nothing waits for
            lengths[:] = 0
            continue
        for copy, slot in zip(*np.nonzero(lengths > 1), strict=True):
            first = int(row[Pop.HISTORY]) + int(slot) * size
            state.history[copy, first : first + lengths[copy, slot]].sort()
