"""CUDA kernels compile to PTX and assemble without a GPU, and stay within the committed table (see ``ptx_table.py``)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from importlib.util import find_spec
from typing import Any

import ptx_table
import pytest
from ptx_table import DOUBLE_MEANT, JOBS, LIBRARY, REGISTERS, SHAPES, Job, Kernel

from snnsim._cores import cores

if find_spec("numba_cuda") is None:
    pytest.skip("numba-cuda is not installed (extra gpu)", allow_module_level=True)
if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") != "0":
    pytest.skip("NUMBA_ENABLE_CUDASIM is set: the simulator compiles nothing", allow_module_level=True)
try:
    ptx_table.assembler()
except FileNotFoundError as missing:
    pytest.skip(str(missing), allow_module_level=True)

TABLE = ptx_table.read()

SLACK = 8
"""Registers more than in the table that are let pass: the unit in which a multiprocessor gives them out."""


@pytest.fixture(scope="module")
def compiling(request: pytest.FixtureRequest) -> Iterator[dict[Job, Future[dict[str, Kernel]]]]:
    """The kernels of all networks that the selected tests look at, while other processes compile them."""
    items = [item for item in request.session.items if item.getparent(pytest.Module) is request.node]
    wanted = dict.fromkeys(item.callspec.params["job"] for item in items if "job" in getattr(item, "fixturenames", ()))
    pool = ptx_table.workers(cores())
    try:
        yield {job: pool.submit(ptx_table.kernels_of, job) for job in wanted}
    finally:
        pool.shutdown(cancel_futures=True)


all_jobs = pytest.mark.parametrize("job", JOBS, ids=[f"{job.network}-{job.precision}" for job in JOBS])


def test_ptx_table_has_a_row_for_each_network() -> None:
    assert list(TABLE) == JOBS


@all_jobs
def test_ptx_assembles_without_spilling_into_the_registers_of_the_table(job: Job, compiling: Any) -> None:
    threads = ptx_table.threads()
    for shape, kernel in compiling[job].result().items():
        assert kernel.spilled == kernel.stack == 0, shape
        assert kernel.registers <= TABLE[job][shape] + SLACK, shape
        assert kernel.registers * threads[shape] <= REGISTERS, shape


@all_jobs
def test_ptx_rounds_every_product_as_the_cpu_does(job: Job, compiling: Any) -> None:
    """Only library functions fuse: nothing is left to the assembler's choice, and nothing is flushed to zero."""
    for shape, kernel in compiling[job].result().items():
        assert kernel.loose == 0, shape
        if job.network in LIBRARY:
            assert kernel.fused <= TABLE[job]["fused"], shape
            assert kernel.flushing <= TABLE[job]["flushing"], shape
        else:
            assert kernel.fused == kernel.flushing == 0, shape


@all_jobs
def test_ptx_of_single_precision_computes_in_it(job: Job, compiling: Any) -> None:
    for shape, kernel in compiling[job].result().items():
        if job.precision == "float64":
            assert kernel.float64 > 0, shape
        elif job.network in DOUBLE_MEANT:
            assert kernel.float64 <= TABLE[job]["float64"], shape
        else:
            assert kernel.float64 == 0, shape


def described(argument: Any) -> Any:
    """Return a Numba type as :data:`LAUNCHED` describes what it launches a kernel with."""
    if hasattr(argument, "instance_class"):
        return [described(each) for each in argument.types]
    if hasattr(argument, "ndim"):
        return [str(argument.dtype), argument.ndim]
    return {"bool": "bool", "int64": "int", "uint64": "uint64"}[str(argument)]


LAUNCHED = """
import json, sys
import snnsim as sn
from snnsim import cuda_backend
from snnsim_kernels.cuda.loop import Kernels

class Launched(Exception):
    pass

def described(argument):
    if isinstance(argument, tuple):
        return [described(each) for each in argument]
    if hasattr(argument, "ndim") and argument.ndim:
        return [str(argument.dtype), argument.ndim]
    return type(argument).__name__

class Kernel:
    def __init__(self, shape):
        self.shape = shape
    def most_blocks(self, *_):
        return 1
    def __getitem__(self, configuration):
        def launch(*arguments):
            raise Launched(self.shape, [described(argument) for argument in arguments])
        return launch

cuda_backend.kernels = lambda *_: Kernels(*map(Kernel, Kernels._fields))
device = cuda_backend.Device
net = sn.Network(dt=1.0)
cells = net.population("cells", 5, sn.LIF())
net.connect(cells, cells, sn.FixedInDegree(2), weight=0.1)
told = {}
for in_blocks, shared, cooperative in ((True, 1000, True), (True, 0, True), (False, 0, True), (False, 0, False)):
    device.runs_in_blocks = lambda *_: in_blocks
    device.shared_bytes, device.cooperative = shared, cooperative
    try:
        sn.Simulator(net, backend="cuda", precision=sys.argv[1]).run(2.0)
    except Launched as launched:
        told.update([launched.args])
print(json.dumps(told))
"""
"""Prints the types of the arguments of each kernel, found in Numba's simulator of a card."""


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_ptx_is_compiled_for_the_arguments_of_a_launch(precision: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHED, precision], capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        shape: [described(argument) for argument in ptx_table.signature(shape, precision)] for shape in SHAPES
    }
