"""Workers that run one network together: a barrier between threads, in compiled code.

Each worker is a Python thread inside the run loop, which holds no lock on the interpreter. A barrier costs a tenth of a
microsecond where every worker has a core; where it has none, it gives its turn away.
"""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = ["ABANDONED", "BARRIER_SIZE", "wait_for_all"]

BARRIER_SIZE = 16
"""Entries (int64) of a barrier: the number of arrivals and that of passages, on cache lines of their own."""

ABANDONED = 9
"""The entry that is not 0 once a worker will not come any more: then nobody waits."""

_ARRIVED, _PASSED = 0, 8
_SPINS = 4096


def _entry(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(make_array(array_type)(context, builder, array).data, [index])


@intrinsic
def _add(typingctx: Any, array: Any, index: Any, amount: Any) -> Any:
    """Add to an int64 entry and return what it was before, as one indivisible action."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.intp)
        amount = context.cast(builder, arguments[2], signature.args[2], types.int64)
        return builder.atomic_rmw("add", _entry(context, builder, array, arguments[0], at), amount, "seq_cst")

    return types.int64(array, index, amount), codegen


@intrinsic
def _yield_turn(typingctx: Any) -> Any:
    """Let another thread have this core."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])

    return types.int32(), codegen


@intrinsic
def _load(typingctx: Any, array: Any, index: Any) -> Any:
    """Read an int64 entry that another thread may write."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return builder.load_atomic(_entry(context, builder, array, arguments[0], at), "seq_cst", 8)

    return types.int64(array, index), codegen


@njit
def wait_for_all(barrier: Any, workers: Any) -> None:
    """Return when all workers have called this; ``barrier`` (int64, BARRIER_SIZE entries) starts at zeros."""
    passage = _load(barrier, _PASSED)
    if _add(barrier, _ARRIVED, 1) == workers - 1:
        _add(barrier, _ARRIVED, -workers)
        _add(barrier, _PASSED, 1)
        return
    spins = 0
    while _load(barrier, _PASSED) == passage and _load(barrier, ABANDONED) == 0:
        spins += 1
        if spins >= _SPINS:
            _yield_turn()
