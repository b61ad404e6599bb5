"""The one way in which CUDA code is compiled.

Two rules make a GPU compute what the CPU computes, bit for bit, wherever only +, -, x, / and comparisons are involved: no
contraction of a product and a sum into one rounding (NVVM contracts unless it is told not to, and numba-cuda cannot tell it), and
no link-time optimisation, which would decide that anew.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import config, cuda

__all__ = ["SIMULATED", "device", "exact_rounding", "kernel"]

SIMULATED = bool(config.ENABLE_CUDASIM)
"""Whether Numba's CUDA simulator runs kernels, thread by thread in Python: one block at a time, no warps."""

_compiling = threading.RLock()


@contextmanager
def exact_rounding() -> Iterator[None]:
    """Have NVVM round every product: to be entered around all that compiles a kernel."""
    if SIMULATED:
        yield
        return
    from numba.cuda.cudadrv import nvvm

    with _compiling:
        before = nvvm.compile_ir

        def compile_ir(llvmir: Any, **options: Any) -> Any:
            return before(llvmir, **{"fma": 0, **options})

        nvvm.compile_ir = compile_ir
        try:
            yield
        finally:
            nvvm.compile_ir = before


def device(function: Callable[..., Any]) -> Any:
    """Return a function that kernels call."""
    if SIMULATED and "cuda" not in function.__code__.co_names:
        return function  # there each call through the decorator costs as much as twenty
    return cuda.jit(device=True)(function)


class _Kernel:
    """A kernel that compiles as :func:`exact_rounding` demands, on its first launch with arguments of these types."""

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher

    def __getitem__(self, configuration: tuple[int, ...]) -> Callable[..., None]:
        """Return what launches ``configuration``: (blocks, threads) or (blocks, threads, stream, bytes of shared memory)."""
        configured = self.dispatcher[configuration]

        def launch(*arguments: Any) -> None:
            with exact_rounding():
                configured(*arguments)

        return launch

    def most_blocks(self, arguments: tuple[Any, ...], threads: int, shared: int = 0) -> int:
        """Return how many blocks can run at the same time, as a grid that waits for itself needs them."""
        if SIMULATED:
            return 1
        from numba import typeof

        signature = tuple(typeof(argument) for argument in arguments)
        with exact_rounding():
            compiled = self.dispatcher.compile(signature)
        return int(compiled.max_cooperative_grid_blocks(threads, shared))


def kernel(function: Callable[..., Any]) -> _Kernel:
    """Return a kernel."""
    return _Kernel(cuda.jit(function) if SIMULATED else cuda.jit(function, lto=False))
