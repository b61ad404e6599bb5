"""What compiled code does with single bits."""

from typing import Any

from numba import types
from numba.extending import intrinsic

__all__ = ["trailing_zeros"]


@intrinsic
def trailing_zeros(typingctx: Any, word: Any) -> Any:
    """Return the number of zero bits below the lowest set bit of a uint64; 64 where none is set."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), codegen
