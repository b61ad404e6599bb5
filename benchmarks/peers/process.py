"""What every program shares: the task that it is given, its peak memory, and what it hands back.

A task: ``network`` and ``sizes`` (neurons by population), ``seed``, ``delay`` (ms; CUBA), ``precision`` (snnsim), ``scale`` and
``tables`` (microcircuit), ``discard`` and ``duration`` (ms, simulated before the clock starts and while it runs), ``folder`` (where
compiled code may stay) and ``spikes`` (the file for what is recorded). ``traces`` (Brian2, plastic network): where those of the
post trains are, "synapses" or "neurons".
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

DT = 0.1  # ms


def read_task() -> dict[str, Any]:
    """Return the task that the command line names."""
    task: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    return task


def peak_mb() -> float:
    """Return the peak memory of this process. Linux's ru_maxrss would be the parent's where that was larger."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def hand_back(
    task: dict[str, Any],
    build_s: float,
    sim_s: float,
    peak: float,
    steps: np.ndarray,
    neurons: np.ndarray,
    weights: np.ndarray | None = None,
    cpu_s: float | None = None,
) -> None:
    """Write the spikes (steps of DT since the clock started; neurons numbered through all populations), print the rest as JSON."""
    np.savez(task["spikes"], steps=np.asarray(steps, np.int64), neurons=np.asarray(neurons, np.int64))
    measured = {"build_s": build_s, "sim_s": sim_s, "peak_mb": peak}
    if cpu_s is not None:
        measured["cpu_s"] = cpu_s
    if weights is not None:  # those that have learned, mV
        measured |= {"weight_mean": float(np.mean(weights)), "weight_std": float(np.std(weights))}
    print(json.dumps(measured))
