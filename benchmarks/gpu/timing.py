"""What measurements share: where they run, when they have to end, and how they are handed over as they come."""

import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from snnsim._cores import cores

__all__ = ["Arm", "Task", "arms", "repeated", "say"]


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to run: ``options`` for the simulator, and the seconds that its timed runs may take."""

    name: str
    options: dict[str, Any]
    allowance_s: float


@dataclasses.dataclass(frozen=True)
class Task:
    """What a process is told.

    names : of the benchmarks; backend : what is measured beside the CPU backend; quick : small networks and short runs
    until : the time (as ``time.time()`` tells it) after which nothing more is begun
    copy_bytes_per_s : the bandwidth that bytes moved are compared with
    """

    names: list[str]
    backend: str
    quick: bool
    until: float
    copy_bytes_per_s: float | None
    data: str | None


def arms(task: Task) -> list[Arm]:
    """Return the backend first, so that its figures are there should the time run out; then the CPU on all cores and on two."""
    scale = 0.05 if task.quick else 1.0
    return [
        Arm("device", {"backend": task.backend}, 60.0 * scale),
        Arm("cpu", {"backend": "cpu", "threads": cores()}, 4.0 * scale),
        Arm("cpu_2", {"backend": "cpu", "threads": 2}, 4.0 * scale),
    ]


def say(name: str, **figures: Any) -> None:
    """Hand over figures of a benchmark: they are added to what is known of it."""
    print(json.dumps({name: figures}), flush=True)


def repeated(run: Callable[[], float], most: int = 5, enough_s: float = 2.0) -> dict[str, Any]:
    """Return the median of the seconds that ``run`` reports, of up to ``most`` runs, fewer where they are long."""
    taken: list[float] = []
    while not taken or (len(taken) < most and sum(taken) < enough_s):
        taken.append(run())
    return {"sim_s": statistics.median(taken), "runs_s": taken}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` returns and the seconds that it took."""
    begun = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begun
