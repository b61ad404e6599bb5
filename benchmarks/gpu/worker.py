"""A process of its own for a group of benchmarks: what breaks here, a device's context included, breaks nothing else."""

import json
import sys
import time
import traceback

from . import mnist, network
from .cases import CASES, MNIST, expected_s
from .timing import Task, say, timed

__all__ = ["main"]


def main() -> None:
    """Run the benchmarks of the task that the command line holds; print their figures, a line of JSON each time."""
    task = Task(**json.loads(sys.argv[1]))
    for name in task.names:
        left, needed = task.until - time.time(), expected_s(name) * (0.1 if task.quick else 1.0)
        if needed > left:
            say(name, not_run=f"takes about {needed:.0f} s, {max(left, 0):.0f} s are left of the budget")
            continue
        try:
            _, seconds = timed(lambda name=name: _measure(name, task))
        except Exception as error:  # any error of a backend is a result of this benchmark
            traceback.print_exc()
            say(name, error=f"{type(error).__name__}: {error}")
            if "cuda" in f"{type(error).__module__} {error}".lower():
                sys.exit(1)  # the context may be lost: what follows begins anew
        else:
            say(name, took_s=seconds)


def _measure(name: str, task: Task) -> None:
    if name == MNIST:
        mnist.measure(task)
    else:
        network.measure(CASES[name], task)


if __name__ == "__main__":
    main()
