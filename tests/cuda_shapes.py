"""Runs the cases on the CPU and on a card, or in Numba's simulator of one, in every shape of work that the backend knows.

As a program it does so in a process of its own, where the simulator can be switched on:

    python cuda_shapes.py FILE NUMBER OF

runs each OF-th case, from NUMBER on, and leaves the outcomes in FILE.
"""

import dataclasses
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache, partial
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from cuda_cases import Case, Outcome, once
from cuda_learning_cases import CASES
from random_networks import inputs_of

RANDOM = 12
"""How many random networks are run."""
_RANDOM_STEPS = 16


@dataclasses.dataclass(frozen=True)
class Shape:
    """How the work is to be laid out; limits are set low, so that a run takes several launches."""

    blocks: bool
    """A block per copy, or the whole grid for each."""
    shared: bool = False
    """Whether a block keeps the state in shared memory."""
    cooperative: bool = True
    """Whether a grid can wait for itself."""
    threads: int = 32
    """Of a block; what is shared out among warps needs more than one."""
    multiprocessors: int = 1
    """Blocks of a grid that cannot wait."""
    limits: dict[str, int] = dataclasses.field(default_factory=dict)


_LOW = {"_LOG_ROWS": 1, "_FIRST_STEPS": 3}
SHAPES = {
    "staged": Shape(blocks=True, shared=True),
    "block": Shape(blocks=True, threads=64, limits=_LOW),
    "grid": Shape(blocks=False, threads=64),
    "phases": Shape(blocks=False, cooperative=False, multiprocessors=2, limits=_LOW),
}


class Wanted(NamedTuple):
    """One run: which case, in which shape and precision."""

    shape: str
    precision: str
    case: str

    @property
    def id(self) -> str:
        return "-".join(self)


def wanted() -> list[Wanted]:
    """All runs: every case where states lie in shared memory, and in two of the other ways in turn, one of them in float32; random
    networks in one each.
    """
    others = (("staged", "float32"), ("grid", "float64"), ("block", "float32"), ("phases", "float64"))
    runs = []
    for number, case in enumerate(CASES):
        turn = 2 * number % 4
        laid_out = (("staged", "float64"), others[turn], others[(turn + 1 + 2 * (number // 2 % 2)) % 4])
        runs += [Wanted(*how, case) for how in laid_out]
    return runs + [Wanted([*SHAPES][k % len(SHAPES)], "float64", f"random{k}") for k in range(RANDOM)]


@contextmanager
def forced(name: str) -> Iterator[None]:
    """Have the CUDA backend run in this shape."""
    from snnsim import cuda_backend, cuda_device

    shape = SHAPES[name]

    members: dict[str, Any] = {
        "runs_in_blocks": lambda self, n_neurons, copies: shape.blocks,
        "block_threads": shape.threads,
        "grid_threads": (shape.threads,),
        "multiprocessors": shape.multiprocessors,
    }
    if not shape.shared:
        members["shared_bytes"] = 0
    device = partial(type("Forced", (cuda_device.Device,), members), cooperative=None if shape.cooperative else False)
    with ExitStack() as stack:
        stack.enter_context(patch.object(cuda_device, "Device", device))
        for limit, value in shape.limits.items():
            stack.enter_context(patch.object(cuda_backend, limit, value))
        yield


@cache
def random_networks() -> list[Any]:
    """Networks that hypothesis draws, always the same, in which no sum rounds."""
    from hypothesis import Phase, given, settings
    from random_networks import networks

    made: list[Any] = []

    @settings(max_examples=RANDOM, phases=[Phase.generate], deadline=None, derandomize=True, database=None)
    @given(networks(exact=True, largest=40))
    def collect(net: Any) -> None:
        made.append(net)

    collect()
    return made


def outcome(run: Wanted, backend: str) -> Outcome:
    """What a run on the backend "cpu" or "cuda" returns."""
    options = {"backend": backend, "precision": run.precision}
    with forced(run.shape) if backend == "cuda" else nullcontext():
        if run.case in CASES:
            return CASES[run.case].run(**options)
        net = random_networks()[int(run.case.removeprefix("random"))]
        inputs = inputs_of(net, 2, 0, _RANDOM_STEPS)
        return once(net, inputs, steps=_RANDOM_STEPS, copies=2, **options)


def differences(run: Wanted, found: Outcome, expected: Outcome, *, card: bool) -> list[str]:
    """In which arrays two outcomes differ: to the last bit, or more than rounding explains where sums or a library round.

    Whatever is counted, spikes included, has to be equal everywhere.
    """
    known = CASES.get(run.case, Case(once, ("float64",), False))
    exact = run.precision in known.exact and not (card and known.library)
    tolerance = {"float64": 1e-12, "float32": 1e-4}[run.precision]
    wrong = sorted(found.keys() ^ expected.keys())
    for name in found.keys() & expected.keys():
        a, b = found[name], expected[name]
        near = a.shape == b.shape and a.dtype == b.dtype
        if exact or a.dtype.kind != "f":
            near = near and np.array_equal(a, b)
        else:
            near = near and np.allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))
        if not near:
            wrong.append(name)
    return wrong


def main(path: str, number: int, of: int) -> None:
    """Run each ``of``-th case and leave the outcomes in a file: arrays by run, backend and name; what was raised as "error"."""
    sys.setswitchinterval(5e-4)  # the simulator polls its threads, and each waits for the interpreter's lock
    expected: set[tuple[str, str]] = set()
    arrays: dict[str, np.ndarray] = {}
    cases = list(dict.fromkeys(run.case for run in wanted()))[number::of]  # whole cases: each has kernels to compile
    for run in (run for run in wanted() if run.case in cases):
        begun = time.perf_counter()
        try:
            if run[1:] not in expected:
                expected.add(run[1:])
                arrays |= {f"cpu/{'-'.join(run[1:])}/{name}": array for name, array in outcome(run, "cpu").items()}
            arrays |= {f"cuda/{run.id}/{name}": array for name, array in outcome(run, "cuda").items()}
        except Exception:
            arrays[f"cuda/{run.id}/error"] = np.array(traceback.format_exc())
        print(f"{time.perf_counter() - begun:6.2f} s  {run.id}", flush=True)
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
