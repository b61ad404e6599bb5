"""What the compiler makes of the CUDA kernels, found out without a GPU: the program that writes the committed table.

    python tests/ptx_table.py [--jobs 2]

Each kernel is compiled to PTX as a run compiles it, then assembled for compute capability 9.0.
"""

import argparse
import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from ptx_networks import NETWORKS

from snnsim import Simulator

__all__ = [
    "DOUBLE_MEANT",
    "JOBS",
    "LIBRARY",
    "PATH",
    "REGISTERS",
    "SHAPES",
    "Job",
    "Kernel",
    "assembler",
    "kernels_of",
    "read",
    "signature",
    "threads",
    "workers",
]

PATH = Path(__file__).parent.parent / "benchmarks" / "results" / "cuda-kernels.md"
REGISTERS = 65_536
"""Of a multiprocessor: a block that takes more cannot be launched."""

SHAPES = ("staged", "block", "grid", "phase")
DOUBLE = ("CUBA", "microcircuit", "noise")
"""Networks that are compiled in float64 too."""

OLDER = ("microcircuit", "convolution and pooling")
"""Networks that are compiled for compute capability 7.5 and 8.0, too; only that it can be done is shown."""

DOUBLE_MEANT = {
    "MNIST first spikes": "the first open step is compared with the step",
    "MNIST rates": "the first open step is compared with the step",
    "convolution and pooling": "the first open step is compared with the step",
    "noise": "random numbers are drawn",
    "learning": "powers of traces, modulator and its integral are kept",
}
"""What is computed in float64 in networks of float32, and why: there it is exact, or the same in both precisions."""

LIBRARY = {"COBA": "exp", "noise": "exp, expm1, log", "learning": "exp"}
"""Networks whose equations call functions of CUDA's library, which fuse, and approximate on the way."""


class Job(NamedTuple):
    """All kernels of a network in one precision."""

    network: str
    precision: str


JOBS = [Job(network, precision) for network in NETWORKS for precision in ("float32", "float64")
        if precision == "float32" or network in DOUBLE]  # fmt: skip


class Kernel(NamedTuple):
    """What became of one kernel."""

    registers: int
    """Per thread."""
    stack: int
    """Bytes of a thread's stack."""
    spilled: int
    """Bytes written to and read from it for want of registers."""
    float64: int
    """PTX instructions on float64."""
    fused: int
    """PTX instructions that round a product and a sum at once."""
    loose: int
    """PTX instructions that leave it to the assembler to do so."""
    flushing: int
    """PTX instructions that flush denormal numbers to zero, or approximate."""


@contextmanager
def _as_if_on(capability: tuple[int, int]) -> Iterator[None]:
    """Have device functions compile where no driver is: they ask for the card that they are compiled for."""
    from numba.cuda import dispatcher

    before = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = before


def signature(shape: str, precision: str) -> tuple[Any, ...]:
    """Return the types of the arguments with which the backend launches a kernel."""
    from numba import types
    from snnsim_kernels.cuda.layout import Run, Work
    from snnsim_kernels.layout import Arrays, Counters, State, Tables, Trains
    from snnsim_kernels.plasticity_layout import Learning, LearningState

    real = types.float32 if precision == "float32" else types.float64
    i64, i32, u32, u16 = types.int64, types.int32, types.uint32, types.uint16

    def arrays(cls: Any, *fields: Any) -> Any:
        made = [types.Array(*field, "C") if isinstance(field, tuple) else field for field in fields]
        return types.NamedTuple(made, cls)

    common = (
        arrays(Tables, *[(i64, 2)] * 6),
        arrays(
            Arrays, (real, 1), (u32, 1), (i32, 1), (u16, 1), (real, 1), (i64, 1), (u32, 1), (i64, 1), (real, 1), (real, 1),
            (i32, 1), (real, 1),
        ),
        arrays(
            Learning, (i64, 2), (real, 1), (types.float64, 1), (i64, 1), (i32, 1), (i32, 1), (types.uint8, 1), (i32, 1), (real, 1),
            (i64, 3), arrays(LearningState, (real, 1), (real, 1), (i64, 1), (types.float64, 1)),
        ),
        arrays(Work, (i32, 2), (i32, 2), (i32, 1), (i32, 1)),
        arrays(State, (real, 2), (i32, 2), (i32, 2), (i32, 2)),
        arrays(Trains, (i64, 1), (i32, 1)),
        arrays(Counters, *[(i64, 3)] * 3),
        arrays(Run, (i64, 1), (i32, 3), (i32, 1), (real, 2), (i32, 1), (real, 1)),
        types.uint64, i64, i64, i64,
    )  # fmt: skip
    return {
        "staged": (*common, i64),
        "block": (*common, i64),
        "grid": (*common, i64, i64),
        "phase": (i64, i64, *common, i64, i64, i64, types.boolean),
    }[shape]


def assembler() -> str:
    """Return the path of ptxas, from its wheel or else from the PATH. Raises FileNotFoundError where there is none."""
    try:
        files = importlib.metadata.files("nvidia-cuda-nvcc") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found = [str(file.locate()) for file in files if file.name == "ptxas"] or [shutil.which("ptxas")]
    if found[0] is None:
        raise FileNotFoundError("ptxas is neither in the wheel nvidia-cuda-nvcc (extra gpu) nor on the PATH")
    return found[0]


def _assemble(ptx: str) -> tuple[int, int, int]:
    """Return registers, bytes of stack, and bytes spilled."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(ptx)
        # -c: the barrier of a grid is a function of CUDA's device library, which is linked when the kernel is loaded.
        command = [assembler(), "-v", "-c", "-arch=sm_90", str(source), "-o", str(source.with_suffix(".o"))]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    stack, stores, loads = re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", said)
    (registers,) = re.findall(r"Used (\d+) registers", said)
    return int(registers), int(stack), int(stores) + int(loads)


_INSTRUCTION = re.compile(r"^\s*(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[a-z0-9_:]+)+)", re.MULTILINE)


def _counts(ptx: str) -> tuple[int, int, int, int]:
    """Return the numbers of instructions on float64, fused ones, ones that may be fused, and ones that flush or approximate."""
    names = _INSTRUCTION.findall(ptx)
    return (
        sum(".f64" in name for name in names),
        sum(name.startswith(("fma.", "mad.")) and ".f" in name for name in names),
        sum(re.fullmatch(r"(add|sub|mul)(\.ftz)?\.f(32|64)", name) is not None for name in names),
        sum(".ftz" in name or ".approx" in name or ".full" in name for name in names),
    )


def kernels_of(job: Job) -> dict[str, Kernel]:
    """Compile the kernels of a job and return what became of each shape.

    Raises what the compiler raises, and FileNotFoundError where there is no assembler.
    """
    from numba import cuda
    from snnsim_kernels.cuda._jit import exact_rounding
    from snnsim_kernels.cuda.loop import kernels

    simulator = Simulator(NETWORKS[job.network](), precision=job.precision, backend="cpu")
    compiled = simulator._compiled
    kinds = simulator._kinds(compiled.populations.copy(), set())
    made = kernels(kinds, compiled.deliveries, compiled.plasticity.kinds, len(compiled.regulations) > 0, job.precision)
    became = {}
    for shape in SHAPES:
        function, types = getattr(made, shape).dispatcher.py_func, signature(shape, job.precision)
        with _as_if_on((9, 0)), exact_rounding():
            ptx, _ = cuda.compile_ptx(function, types, cc=(9, 0))
            if job.network in OLDER:
                for capability in ((7, 5), (8, 0)):
                    older, _ = cuda.compile_ptx(function, types, cc=capability)
                    assert f".target sm_{capability[0]}{capability[1]}" in older
        became[shape] = Kernel(*_assemble(ptx), *_counts(ptx))
    return became


def workers(jobs: int) -> ProcessPoolExecutor:
    """Return processes that compile side by side; each starts anew, so that nothing of this one's state is theirs."""
    return ProcessPoolExecutor(jobs, get_context("spawn"))


_COLUMNS = ("float64", "fused", "flushing")


def threads() -> dict[str, int]:
    """Return the threads of a block in which each shape is launched; those of a grid depend on its registers, so the fewest."""
    from snnsim.cuda_device import Device

    device = Device()
    return dict(zip(SHAPES, (device.block_threads,) * 2 + (device.grid_threads[-1],) * 2, strict=True))


def _written(became: dict[Job, dict[str, Kernel]]) -> str:
    version, every = importlib.metadata.version, [kernel for kernels in became.values() for kernel in kernels.values()]
    worst = Kernel(*(max(column) for column in zip(*every, strict=True)))
    reasons = {why: [name for name in DOUBLE_MEANT if DOUBLE_MEANT[name] == why] for why in DOUBLE_MEANT.values()}
    doubles = "; ".join(f"{why} ({', '.join(names)})" for why, names in reasons.items())
    functions = "; ".join(f"{network}: {called}" for network, called in LIBRARY.items())
    lines = [
        f"Every kernel of {len(NETWORKS)} kinds of networks, compiled without a GPU for compute capability 9.0 by Numba "
        f"{version('numba')},",
        f"numba-cuda {version('numba-cuda')} and CUDA {version('nvidia-cuda-nvcc')}: `python tests/ptx_table.py`.",
        "",
        f"- Registers per thread. A multiprocessor has {REGISTERS:,}; threads of a block: "
        + ", ".join(f"{shape} {n}" for shape, n in threads().items())
        + ".",
        "  Blocks of a grid are as large as their registers allow: 512, 256 or 128 threads.",
        f"- At most {worst.stack} bytes of stack, {worst.spilled} bytes spilled, "
        f"{worst.loose} products that the assembler may fuse with a sum.",
        "- The last columns count PTX instructions, of the shape that has most of them.",
        f"- On float64 in networks of float32: {doubles}.",
        f"- Fused, and approximate on the way: within library functions only ({functions}).",
        "",
        "| network | precision | " + " | ".join(SHAPES) + " | on float64 | fused | approximate |",
        "| --- | --- |" + " ---: |" * (len(SHAPES) + len(_COLUMNS)),
    ]
    for job, kernels in became.items():
        counted = [max(getattr(kernel, name) for kernel in kernels.values()) for name in _COLUMNS]
        numbers = [*(kernels[shape].registers for shape in SHAPES), *counted]
        lines.append(f"| {job.network} | {job.precision} | " + " | ".join(map(str, numbers)) + " |")
    return "\n".join(lines) + "\n"


def read() -> dict[Job, dict[str, int]]:
    """Return the numbers of each row of the table: registers by shape, the most instructions of a sort by its name in Kernel."""
    rows = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in PATH.read_text().splitlines()]
    return {
        Job(row[0], row[1]): dict(zip((*SHAPES, *_COLUMNS), map(int, row[2:]), strict=True))
        for row in rows
        if len(row) > 2 and row[1] in ("float32", "float64")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that compile side by side")
    with workers(parser.parse_args().jobs) as pool:
        became = dict(zip(JOBS, pool.map(kernels_of, JOBS), strict=True))
    for job, kernels in became.items():
        for shape, kernel in kernels.items():
            print(f"{job.network}, {job.precision}, {shape}: {kernel}")
    PATH.write_text(_written(became))


if __name__ == "__main__":
    main()
