"""How templates become kernels: their free names are bound, under a name of their own.

That is a module-level function to Numba, so it can be cached on disk, which closures and generated source cannot.
"""

import types as python_types
from collections.abc import Callable
from functools import cache
from typing import Any

from numba import types

from . import traces, tuples
from ._jit import jit

__all__ = ["array_of", "bind", "of_rows", "real_array"]


def array_of(dtype: Any, ndim: int = 1) -> Any:
    """Return the type of a C-ordered array."""
    return types.Array(dtype, ndim, "C")


def real_array(precision: str) -> Any:
    """Return the type of a flat array of a precision."""
    return array_of(types.float32 if precision == "float32" else types.float64)


def bind(template: Callable[..., Any], name: str, signature: Any, *, cached: bool = True, **names: Any) -> Any:
    """Compile a template under a name of its own, with its free names bound."""
    bound = python_types.FunctionType(template.__code__, {**template.__globals__, **names}, name)
    bound.__qualname__, bound.__module__ = name, template.__module__
    return jit(signature, cached=cached)(bound)


@cache
def of_rows(action: str, k: int) -> Any:
    """Return the function that does to k rows what the templates ``action`` of ``tuples`` or ``traces`` do to none, one or two.

    "rows" gets rows, "load" reads and "store" writes an entry of each, "scalars" reads them from an array; "powers", "read" and
    "raise" are of traces.
    """
    module = tuples if hasattr(tuples, f"{action}_none") else traces
    if k < 2:
        return bind(getattr(module, f"{action}_{('none', 'one')[k]}"), f"{action}_{k}", None)
    half = k // 2
    halves = {"first": of_rows(action, half), "second": of_rows(action, k - half), "SPLIT": half}
    return bind(getattr(module, f"{action}_pair"), f"{action}_{k}", None, **halves)
