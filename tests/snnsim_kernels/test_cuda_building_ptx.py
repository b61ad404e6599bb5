"""The kernels that build synapses compile for every card that is served, and fit it: no GPU is needed for that."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba import config

pytest.importorskip("numba.cuda", reason="numba-cuda is not installed")
if config.ENABLE_CUDASIM:
    pytest.skip("Numba's CUDA simulator compiles nothing", allow_module_level=True)

from numba import cuda
from numba.cuda import dispatcher
from snnsim_kernels.cuda import building
from snnsim_kernels.cuda._jit import exact_rounding

KERNELS = building.compositions()
MOST_REGISTERS = 40


def ptx_of(name: str, capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> str:
    """Compile a kernel for a compute capability, without asking a driver for a device."""
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=capability, id=0))
    kernel, signature = KERNELS[name]
    with exact_rounding():
        return str(cuda.compile_ptx(kernel.dispatcher.py_func, signature, cc=capability)[0])


def ptxas() -> str:
    """Return the assembler: of the wheel nvidia-cuda-nvcc, or one on the path."""
    folders = (Path(folder) for folder in sys.path if folder.endswith("site-packages"))
    found = [str(path) for folder in folders for path in folder.glob("nvidia/**/bin/ptxas")]
    if path := next(iter(found), shutil.which("ptxas")):
        return path
    pytest.skip("no ptxas: it comes with the extra gpu")


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)], ids=["ptx75", "ptx80", "ptx90"])
@pytest.mark.parametrize("name", KERNELS)
def test_it_compiles(name: str, capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    ptx = ptx_of(name, capability, monkeypatch)
    # Weights are drawn in double precision, whatever they are kept in: the CPU's are, and they agree to 1e-6.
    assert (".f64" in ptx) == name.startswith("fill_weights")
    assert len(re.findall(r"(?:div|rem)\.[su]64", ptx)) <= (3 if name == "count_total" else 0)


@pytest.mark.parametrize("name", KERNELS)
def test_ptx_is_assembled_without_spills(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "kernel.ptx"
    source.write_text(ptx_of(name, (9, 0), monkeypatch))
    command = [ptxas(), "-v", "-arch=sm_90", "-o", str(tmp_path / "kernel.cubin"), str(source)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)
    assert frames
    assert all((stores, loads) == ("0", "0") for _, stores, loads in frames)
    # The library's sine and cosine keep an array for arguments that are none of ours.
    assert max(int(frame) for frame, _, _ in frames) <= (40 if name.startswith("fill_weights") else 0)
    assert max(int(n) for n in re.findall(r"Used (\d+) registers", said)) <= MOST_REGISTERS
