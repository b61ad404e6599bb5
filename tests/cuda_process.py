"""Programs in a process of their own: Numba's CUDA simulator has to be chosen before Numba is imported."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["result_of", "start"]

_TESTS = Path(__file__).parent


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start Python with these arguments in the simulator; what stands beside the tests can be imported."""
    path = os.pathsep.join([str(_TESTS), str(_TESTS / "snnsim"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *arguments], stdout=pipe, stderr=pipe, text=True, env=environment)


def result_of(process: subprocess.Popen[str], seconds: float) -> str:
    """Wait for it and return what it printed. Raises AssertionError where it failed or took longer."""
    try:
        printed, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, errors = process.communicate()
        raise AssertionError(f"not done after {seconds:g} s\n{printed[-4000:]}{errors[-4000:]}") from None
    assert process.returncode == 0, printed[-4000:] + errors[-4000:]
    return printed
