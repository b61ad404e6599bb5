"""The CPU backend: compiled loops over threads, which share out the copies of a network, or the neurons of a large one."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.kernel_set import kernel_set
from snnsim_kernels.layout import Arrays, Counters, Scratch, State, Tables
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.plasticity_registry import learning_kernel
from snnsim_kernels.registry import NeuronKind
from snnsim_kernels.team import ABANDONED, BARRIER_SIZE

from ._cores import cores
from ._memory import aligned, require_memory
from .backend import Backend, Stretch
from .compilation import CompiledNetwork

__all__ = ["CpuBackend"]

_SLICE_S = 0.05
"""Seconds after which compiled code comes back to Python, for progress and Ctrl-C."""

_GUESS_S = 1e-8
"""Seconds that a neuron-step is taken to cost before the first has been timed."""

_NEURONS_PER_WORKER = 16_384
"""Neurons from which on a further worker pays: below, waiting for each other once a step costs more than it saves."""

_SPARE = [registry.DeliveryKind("dense", False)]
"""What fills the delivery kernels of a network without projections."""

_NO_RULE = [None]
"""What fills the learning kernels of a network without plasticity."""

_SHARE = 64
"""Neurons are shared out in multiples of this: a cache line of flags, and of random words."""


class CpuBackend(Backend):
    """Runs a compiled network on the CPU. The number of threads changes no result.

    Copies are independent and are shared out among threads; a single copy of many neurons is run by several threads together.
    """

    name = "cpu"
    continues = True

    def __init__(self, compiled: CompiledNetwork, threads: int | None) -> None:
        self.compiled = compiled
        self._advance = registry.advance()
        self.threads = threads or cores()
        self._kernel_sets: dict[tuple[NeuronKind, ...], Any] = {}

    def _kernels(self, kinds: tuple[NeuronKind, ...]) -> Any:
        if kinds not in self._kernel_sets:
            precision = self.compiled.precision
            self._kernel_sets[kinds] = kernel_set(
                [registry.update_kernel(kind, precision) for kind in kinds],
                [registry.reset_kernel(kind, precision) for kind in kinds],
                [registry.delivery_kernel(kind, precision) for kind in self.compiled.deliveries or _SPARE],
                [learning_kernel(kind, precision) for kind in self.compiled.plasticity.kinds or _NO_RULE],
                registry.single_kernels(precision, len(self.compiled.stimuli) > 0, len(self.compiled.regulations) > 0),
            )
        return self._kernel_sets[kinds]

    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch and return the spike log."""
        workers = min(self.threads, self.compiled.n_neurons // _NEURONS_PER_WORKER)
        # What all workers read must not change under them: weights, and the value of a graded event, which is read at delivery,
        # when the worker that owns its source may be a step ahead.
        graded = any(kind.graded for kind in self.compiled.deliveries)
        if self.compiled.changes_weights or graded:
            workers = 1
        if len(stretch.state.values) == 1 and workers > 1:
            return self._together(stretch, workers)
        return self._side_by_side(stretch)

    def _arguments(self, stretch: Stretch) -> tuple[Any, ...]:
        """Return what all calls of the run loop share: kernels, tables and arrays."""
        compiled = self.compiled
        tables = Tables(
            stretch.populations, compiled.projections, compiled.stimuli, stretch.recorders, stretch.timed_inputs,
            stretch.regulations,
        )  # fmt: skip
        weights = compiled.weights if stretch.weights is None else stretch.weights
        arrays = Arrays(
            stretch.constants, compiled.pointers, compiled.targets, compiled.narrow_targets, weights, compiled.delays,
            compiled.thresholds, stretch.picked, compiled.stimulus_weights, compiled.regulation_values,
            stretch.schedule, stretch.timed_values,
        )  # fmt: skip
        return self._kernels(stretch.kinds), tables, arrays, stretch.learning

    def _side_by_side(self, stretch: Stretch) -> NDArray[np.int32]:
        """Share out the copies among threads."""
        copies, first, last, progress = len(stretch.state.values), stretch.first, stretch.last, stretch.progress
        arguments = self._arguments(stretch)
        todo = copies * (last - first)
        stop = threading.Event()
        caller = threading.current_thread()
        lock = threading.Lock()
        finished, next_copy = 0, 0
        threads = min(self.threads, copies)
        logs = _SpikeLog(stretch)

        def work() -> None:
            nonlocal finished, next_copy
            scratch = self._scratch(stretch)
            # Steps per call follow the clock: whole copies where they are short, parts of one where it is long.
            per_call = max(1, int(_SLICE_S / _GUESS_S / self.compiled.n_neurons))
            while not stop.is_set():
                with lock:
                    copy = next_copy
                    # No more than a worker's share of the rest, so that all end together.
                    share = -(-(copies - copy) // (2 * threads))
                    last_copy = min(copy + max(1, min(per_call // (last - first), share)), copies)
                    next_copy = last_copy
                if copy >= copies:
                    return
                step = first
                while copy < last_copy and not stop.is_set():
                    until = last if last_copy - copy > 1 else min(last, step + per_call)
                    begun, before = time.perf_counter(), (copy, step)
                    copy, step, used = self._advance(
                        *arguments, stretch.state, stretch.trains, stretch.counters, stretch.traces, scratch, 0, 1,
                        np.uint64(stretch.seed), stretch.first_sample, first, stretch.per_bin, copy, last_copy, step, until,
                    )  # fmt: skip
                    if copy == last_copy and until < last:
                        copy, step = last_copy - 1, until
                    advanced = (copy - before[0]) * (last - first) + step - before[1]
                    per_call = _next_slice(advanced, time.perf_counter() - begun, per_call)
                    with lock:
                        finished += advanced
                        if used:
                            logs.append(scratch.spike_log[:used])
                    if progress is not None and threading.current_thread() is caller:
                        progress(finished / todo)

        with _pool(threads) as pool:
            futures = [pool.submit(work) for _ in range(threads - 1)] if pool else []
            try:
                work()
                for future in futures:
                    future.result()
            finally:
                stop.set()
        if progress is not None:
            progress(1.0)
        return logs.joined()

    def _together(self, stretch: Stretch, workers: int) -> NDArray[np.int32]:
        """Share out the neurons of one copy among threads."""
        first, last, state = stretch.first, stretch.last, stretch.state
        arguments = self._arguments(stretch)
        # The lists of spikes under way are every worker's own; the state's are those of the first.
        shared = State(
            state.values, state.held, np.tile(state.history, (workers, 1)), np.tile(state.lengths, (workers, 1))
        )
        team = [self._scratch(stretch, worker, workers) for worker in range(workers)]
        team = [
            own._replace(masked=team[0].masked, found=team[0].found, counts=team[0].counts, barrier=team[0].barrier)
            for own in team
        ]
        events = [stretch.counters.events, *(np.zeros_like(stretch.counters.events) for _ in team[1:])]
        updates, fired, _ = stretch.counters
        logs = _SpikeLog(stretch)
        step, per_call = first, max(1, int(_SLICE_S / _GUESS_S / self.compiled.n_neurons))

        def work(worker: int, until: int) -> Any:
            return self._advance(
                *arguments, shared, stretch.trains, Counters(updates, fired, events[worker]), stretch.traces, team[worker],
                worker, workers, np.uint64(stretch.seed), stretch.first_sample, first, stretch.per_bin, 0, 1, step, until,
            )  # fmt: skip

        with _pool(workers) as pool:
            while step < last:
                until, begun, before = min(last, step + per_call), time.perf_counter(), step
                futures = [pool.submit(work, worker, until) for worker in range(1, workers)] if pool else []
                try:
                    copy, step, used = work(0, until)
                    for future in futures:
                        future.result()
                except BaseException:  # Ctrl-C before this worker came to the barrier, say
                    team[0].barrier[ABANDONED] = 1
                    raise
                if copy == 1:
                    step = until
                per_call = _next_slice(step - before, time.perf_counter() - begun, per_call)
                if used:
                    logs.append(team[0].spike_log[:used])
                if stretch.progress is not None:
                    stretch.progress((step - first) / (last - first))
        state.history[:], state.lengths[:] = shared.history[:1], shared.lengths[:1]
        stretch.counters.events[:] = sum(events)
        return logs.joined()

    def _scratch(self, stretch: Stretch, worker: int = 0, workers: int = 1) -> Scratch:
        """Return what one worker writes to."""
        n_neurons, populations = self.compiled.n_neurons, stretch.populations
        ranges = np.zeros((len(populations), 2), np.int64)
        for row, population in zip(ranges, populations, strict=True):
            size = int(population[Pop.SIZE])
            if population[Pop.WHOLE]:
                row[1] = size if worker == 0 else 0
            else:
                row[:] = [min(size, -(-size * w // (workers * _SHARE)) * _SHARE) for w in (worker, worker + 1)]
        largest = int((ranges[:, 1] - ranges[:, 0]).max()) + 2 * _SHARE
        together = workers > 1
        return Scratch(
            # The loop returns when one more step might not fit; without recording nothing is ever written.
            spike_log=np.empty((max(65536, 4 * n_neurons) if stretch.log_spikes else n_neurons, 3), np.int32),
            flags=aligned(np.zeros(largest, np.uint8)),
            words=aligned(np.zeros(largest, np.uint32)),
            draws=aligned(np.zeros(largest, np.int32)),
            calendar=np.full(self.compiled.calendar, -1, np.int32),
            following=np.zeros(n_neurons, np.int32),
            due=np.zeros(n_neurons, np.int64),
            masked=aligned(np.zeros(n_neurons, np.uint8)),
            ranges=ranges,
            found=np.zeros(2 * n_neurons if together else 0, np.int32),
            counts=np.zeros((2, workers, len(populations), 2), np.int64),
            barrier=np.zeros(BARRIER_SIZE, np.int64),
        )


class _SpikeLog:
    """The parts of a spike log, within the memory that they may take."""

    def __init__(self, stretch: Stretch) -> None:
        self._parts: list[NDArray[np.int32]] = [np.zeros((0, 3), np.int32)]
        self._size, self._limit = 0, stretch.log_bytes

    def append(self, part: NDArray[np.int32]) -> None:
        """Keep a copy of a part. Raises SimulationError where it does not fit; the run has come to an end then."""
        self._size += part.nbytes
        # Joining the parts takes as much again.
        require_memory("the log of recorded spikes", {"spikes so far": 2 * self._size}, self._limit)
        self._parts.append(part.copy())

    def joined(self) -> NDArray[np.int32]:
        """Return the whole log."""
        return np.concatenate(self._parts)


def _next_slice(advanced: int, elapsed: float, per_call: int) -> int:
    """Return for how many steps the next call may run."""
    return max(1, min(int(advanced * _SLICE_S / max(elapsed, 1e-9)), 4 * per_call))


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor | None]:
    """Threads beside the caller's own, if any."""
    if threads == 1:
        yield None
    else:
        with ThreadPoolExecutor(threads - 1) as pool:
            yield pool
