"""Compiled kernels by role, model and precision: bound from the templates on first use, never at import.

A kernel is a template under a name of its own with its free names bound: that is a module-level function to Numba, so it can be
cached on disk, which closures and generated source cannot.
"""

import types as python_types
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaExperimentalFeatureWarning
from snnsim_models import Model, SpikeArray
from snnsim_models import __name__ as MODEL_PACKAGE  # noqa: N812

from . import loop, neurons, propagation
from ._jit import jit
from .tuples import LOAD, ROWS, STORE

__all__ = ["PRECISIONS", "NeuronKind", "advance", "delivery_kernel", "reset_kernel", "update_kernel"]

PRECISIONS: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float64": np.float64}
"""Names of the precisions in which states, constants and weights are kept."""

# Numba calls first-class functions experimental each time that the run loop compiles; tests cover what is used of them here.
warnings.filterwarnings("ignore", "First-class function type", NumbaExperimentalFeatureWarning)

_I64, _I32 = types.int64, types.int32


def _array(dtype: Any, ndim: int = 1) -> Any:
    return types.Array(dtype, ndim, "C")


def _real(precision: str) -> Any:
    return _array(types.float32 if precision == "float32" else types.float64)


def _update_signature(precision: str) -> Any:
    real = _real(precision)
    return _I64(
        _I64, _I64, _I64, _array(_I64), real, _array(_I32), _array(types.uint8), _array(_I32), real, _array(types.uint32),
        types.uint64, _array(_I64), _array(_I32),
    )  # fmt: skip


def _reset_signature(precision: str) -> Any:
    return types.void(_array(_I64), _real(precision), _array(_I32), _I64, _real(precision))


def _delivery_signature(precision: str) -> Any:
    real = _real(precision)
    return _I64(_array(_I64), real, _array(_I32), _I64, _array(_I64), _array(_I32), real)


def _bind(template: Callable[..., Any], name: str, signature: Any, *, cached: bool = True, **names: Any) -> Any:
    bound = python_types.FunctionType(template.__code__, {**template.__globals__, **names}, name)
    bound.__qualname__, bound.__module__ = name, template.__module__
    return jit(signature, cached=cached)(bound)


class NeuronKind(NamedTuple):
    """What populations must share to be served by one kernel: model, number of constants, whether these are per neuron."""

    model: type[Model]
    n_constants: int
    per_neuron: bool


def _model_names(kind: NeuronKind, scalar: Any) -> dict[str, Any]:
    n_states = len(kind.model.STATES)
    return {
        # The cache folder knows the sources of these packages only: a model from elsewhere is compiled anew in each process.
        "cached": kind.model.__module__.split(".")[0] == MODEL_PACKAGE,
        "scalar": scalar,
        "state_rows": ROWS[n_states],
        "state_of": LOAD[n_states],
        "store": STORE[n_states],
        "constant_rows": ROWS[kind.n_constants],
        "constants_of": LOAD[kind.n_constants],
    }


@cache
def update_kernel(kind: NeuronKind, precision: str) -> Any:
    """Return the compiled update loop of a kind of population."""
    signature = _update_signature(precision)
    if issubclass(kind.model, SpikeArray):
        return _bind(neurons.list_train, f"list_train_{precision}", signature)
    if kind.model.STOCHASTIC:
        sweep: Callable[..., None] = neurons.sweep_stochastic
        update = neurons.update_stochastic
    elif kind.per_neuron:
        sweep, update = neurons.sweep_per_neuron, neurons.update_per_neuron
    else:
        sweep, update = neurons.sweep_uniform, neurons.update_uniform
    names = _model_names(kind, kind.model.UPDATE)
    suffix = f"{kind.model.__name__}_{precision}"
    loop = _bind(sweep, f"{sweep.__name__}_{suffix}", None, **names)
    return _bind(update, f"{update.__name__}_{suffix}", signature, sweep=loop, **names)


@cache
def reset_kernel(kind: NeuronKind, precision: str) -> Any:
    """Return the compiled reset loop of a kind of population; it does nothing where a spike resets nothing."""
    if kind.model.RESET is None:
        return _bind(_nothing, f"reset_nothing_{precision}", _reset_signature(precision))
    template = neurons.reset_per_neuron if kind.per_neuron else neurons.reset_uniform
    name = f"{template.__name__}_{kind.model.__name__}_{precision}"
    return _bind(template, name, _reset_signature(precision), **_model_names(kind, kind.model.RESET))


def _nothing(row: Any, state: Any, spikes: Any, n_spikes: Any, constants: Any) -> None:
    pass


@cache
def delivery_kernel(connectivity: str, precision: str, graded: bool) -> Any:
    """Return the compiled delivery loop for "dense", "sparse" or "convolution", for spikes or for graded events."""
    template = getattr(propagation, f"deliver_{connectivity}")
    kind = "graded" if graded else "spike"
    names = {"payload": getattr(propagation, f"{kind}_payload"), "scaled": getattr(propagation, f"{kind}_scaled")}
    return _bind(template, f"{template.__name__}_{kind}_{precision}", _delivery_signature(precision), **names)


@cache
def advance() -> Any:
    """Return the compiled run loop."""
    return jit()(loop.advance)
