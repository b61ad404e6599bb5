"""The CPU backend: compiled loops, copies of the network spread over threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels import registry
from snnsim_kernels.kernel_set import kernel_set

from ._cores import cores
from .backend import Backend, Stretch
from .compilation import CompiledNetwork

__all__ = ["CpuBackend"]

_SLICE_S = 0.05
"""Seconds after which compiled code comes back to Python, for progress and Ctrl-C."""

_GUESS_S = 1e-8
"""Seconds that a neuron-step is taken to cost before the first has been timed."""

_SPARE = [registry.DeliveryKind("dense", False)]
"""What fills the delivery kernels of a network without projections."""


class CpuBackend(Backend):
    """Runs a compiled network on the CPU. Copies are independent: the number of threads changes no result."""

    name = "cpu"
    continues = True

    def __init__(self, compiled: CompiledNetwork, threads: int | None) -> None:
        self.compiled = compiled
        self._advance = registry.advance()
        self.threads = threads or cores()
        precision, kinds = compiled.precision, compiled.neuron_kinds
        self._kernels = kernel_set(
            [registry.update_kernel(kind, precision) for kind in kinds],
            [registry.reset_kernel(kind, precision) for kind in kinds],
            [registry.delivery_kernel(kind, precision) for kind in compiled.deliveries or _SPARE],
        )

    def advance(self, stretch: Stretch) -> NDArray[np.int32]:
        """Run a stretch and return the spike log."""
        copies, first, last, progress = len(stretch.state.values), stretch.first, stretch.last, stretch.progress
        todo = copies * (last - first)
        stop = threading.Event()
        caller = threading.current_thread()
        lock = threading.Lock()
        finished, next_copy = 0, 0
        threads = min(self.threads, copies)
        log: list[NDArray[np.int32]] = []

        def work() -> None:
            nonlocal finished, next_copy
            scratch = _Scratch(self.compiled.n_neurons, stretch.log_spikes)
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
                        self._kernels, stretch.populations, self.compiled.projections, stretch.recorders, *stretch.state,
                        self.compiled.constants, self.compiled.pointers, self.compiled.targets,
                        self.compiled.narrow_targets, self.compiled.weights, self.compiled.delays, *stretch.trains,
                        *stretch.counters, stretch.traces, *scratch.arrays,
                        np.uint64(stretch.seed), stretch.first_sample, first, copy, last_copy, step, until,
                    )  # fmt: skip
                    if copy == last_copy and until < last:
                        copy, step = last_copy - 1, until
                    advanced = (copy - before[0]) * (last - first) + step - before[1]
                    elapsed = time.perf_counter() - begun
                    per_call = max(1, min(int(advanced * _SLICE_S / max(elapsed, 1e-9)), 4 * per_call))
                    with lock:
                        finished += advanced
                        if used:
                            log.append(scratch.log[:used].copy())
                    if progress is not None and threading.current_thread() is caller:
                        progress(finished / todo)

        if threads == 1:
            work()
        else:
            with ThreadPoolExecutor(threads - 1) as pool:
                futures = [pool.submit(work) for _ in range(threads - 1)]
                try:
                    work()
                    for future in futures:
                        future.result()
                finally:
                    stop.set()
        if progress is not None:
            progress(1.0)
        return np.concatenate(log) if log else np.zeros((0, 3), np.int32)


class _Scratch:
    """What one worker writes to and nobody else reads."""

    def __init__(self, n_neurons: int, log_spikes: bool) -> None:
        padded = (n_neurons + 7) // 8 * 8 + 8
        # The loop returns when one more step might not fit; without recording nothing is ever written.
        self.log = np.empty((max(65536, 4 * n_neurons) if log_spikes else n_neurons, 3), np.int32)
        self.arrays = (
            self.log,
            np.zeros(padded, np.uint8),
            np.zeros(padded, np.uint32),
        )
