"""Parts of arrays without reference counting, and the treatment of denormal numbers.

A slice in compiled code takes part in reference counting, which is atomic: ten of them cost more than the update of a thousand
neurons. A view does not; the array that it shows must outlive it.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

__all__ = ["flush_denormals", "restore_denormals", "view"]


@intrinsic
def view(typingctx: Any, array: Any, offset: Any, n: Any) -> Any:
    """Return ``n`` entries from the flat index ``offset`` on of a C-ordered array, one-dimensional."""
    shown = types.Array(array.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = make_array(array)(context, builder, arguments[0])
        start, length = (
            context.cast(builder, argument, given, types.intp)
            for argument, given in zip(arguments[1:], signature.args[1:], strict=True)
        )
        part = make_array(shown)(context, builder)
        populate_array(
            part,
            data=builder.gep(whole.data, [start]),
            shape=cgutils.pack_array(builder, [length]),
            strides=cgutils.pack_array(builder, [whole.itemsize]),
            itemsize=whole.itemsize,
            meminfo=None,
        )
        return part._getvalue()

    return shown(array, offset, n), codegen


_MODE = {"x86_64": "sse", "AMD64": "sse", "arm64": "fpcr", "aarch64": "fpcr"}.get(platform.machine())
_FLUSH = {"sse": 0x8040, "fpcr": 1 << 24}  # flush to zero, and for SSE denormals are zero


@intrinsic
def _floating_point_mode(typingctx: Any) -> Any:
    """Return the control word of the floating-point unit; 0 where it is not known."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _MODE == "sse":
            word = cgutils.alloca_once(builder, ir.IntType(32))
            pointer = builder.bitcast(word, ir.IntType(8).as_pointer())
            kind = ir.FunctionType(ir.VoidType(), [pointer.type])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.stmxcsr"), [pointer])
            return builder.zext(builder.load(word), ir.IntType(64))
        if _MODE == "fpcr":
            assembly = ir.InlineAsm(ir.FunctionType(ir.IntType(64), []), "mrs $0, fpcr", "=r", side_effect=True)
            return builder.call(assembly, [])
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(), codegen


@intrinsic
def _set_floating_point_mode(typingctx: Any, mode: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _MODE == "sse":
            word = cgutils.alloca_once(builder, ir.IntType(32))
            builder.store(builder.trunc(arguments[0], ir.IntType(32)), word)
            pointer = builder.bitcast(word, ir.IntType(8).as_pointer())
            kind = ir.FunctionType(ir.VoidType(), [pointer.type])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.ldmxcsr"), [pointer])
        elif _MODE == "fpcr":
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)])
            builder.call(ir.InlineAsm(kind, "msr fpcr, $0", "r", side_effect=True), [arguments[0]])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


_FLUSH_BITS = _FLUSH.get(_MODE or "", 0)


@njit
def flush_denormals() -> Any:
    """Let this thread round denormal numbers to zero and return what :func:`restore_denormals` takes.

    The current of a neuron without input decays into them, and there arithmetic is twenty times slower.
    """
    before = _floating_point_mode()
    _set_floating_point_mode(before | _FLUSH_BITS)
    return before


@njit
def restore_denormals(before: Any) -> None:
    """Undo :func:`flush_denormals`."""
    _set_floating_point_mode(before)
