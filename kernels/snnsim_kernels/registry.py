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
from snnsim_models import Model, Receptor, SpikeArray
from snnsim_models import __name__ as MODEL_PACKAGE  # noqa: N812

from . import loop, neurons, propagation, receptors, tuples
from ._jit import jit

__all__ = [
    "PRECISIONS",
    "DeliveryKind",
    "NeuronKind",
    "ReceptorKind",
    "advance",
    "delivery_kernel",
    "reset_kernel",
    "update_kernel",
]

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
    return _I64(_array(_I64), _I64, real, _array(_I32), _I64, _array(_I64), _array(_I32), _array(types.uint16), real)


def _bind(template: Callable[..., Any], name: str, signature: Any, *, cached: bool = True, **names: Any) -> Any:
    bound = python_types.FunctionType(template.__code__, {**template.__globals__, **names}, name)
    bound.__qualname__, bound.__module__ = name, template.__module__
    return jit(signature, cached=cached)(bound)


class ReceptorKind(NamedTuple):
    """A receptor with states of its own, and the number of its constants."""

    receptor: type[Receptor]
    n_constants: int


class NeuronKind(NamedTuple):
    """What populations must share to be served by one kernel."""

    model: type[Model]
    n_constants: int  # of the neuron alone
    per_neuron: bool  # whether the constants are given per neuron
    receptors: tuple[ReceptorKind, ...] = ()  # those with states of their own

    @property
    def all_states(self) -> int:
        """The number of state variables, those of the receptors included."""
        return len(self.model.STATES) + sum(len(kind.receptor.STATES) for kind in self.receptors)

    @property
    def all_constants(self) -> int:
        """The number of constants, those of the receptors included."""
        return self.n_constants + sum(kind.n_constants for kind in self.receptors)

    @property
    def cached(self) -> bool:
        """Whether all sources are known to the cache folder: what a user defines is compiled anew in each process."""
        classes = [self.model, *(kind.receptor for kind in self.receptors)]
        return all(c.__module__.split(".")[0] == MODEL_PACKAGE for c in classes)

    def name(self, precision: str) -> str:
        """The suffix that tells its kernels from others."""
        parts = [self.model.__name__, *(kind.receptor.__name__ for kind in self.receptors)]
        return "_".join([*parts, precision])


@cache
def _of_rows(action: str, k: int) -> Any:
    """Return the function that gets ("rows"), reads ("load") or writes ("store") k rows."""
    if k < 2:
        return _bind(getattr(tuples, f"{action}_{('none', 'one')[k]}"), f"{action}_{k}", None)
    half = k // 2
    halves = {"first": _of_rows(action, half), "second": _of_rows(action, k - half), "SPLIT": half}
    return _bind(getattr(tuples, f"{action}_pair"), f"{action}_{k}", None, **halves)


def _receive(kinds: tuple[ReceptorKind, ...], precision: str, cached: bool) -> Any:
    """Return one function that advances all receptors."""
    suffix = "_".join([*(kind.receptor.__name__ for kind in kinds), precision])
    if not kinds:
        zero = PRECISIONS[precision](0)
        return _bind(receptors.receive_nothing, f"receive_{suffix}", None, cached=cached, ZERO=zero)
    last = kinds[-1]
    if len(kinds) == 1:
        return last.receptor.RECEIVE
    names = {
        "first": _receive(kinds[:-1], precision, cached),
        "second": last.receptor.RECEIVE,
        "STATES": sum(len(kind.receptor.STATES) for kind in kinds[:-1]),
        "CONSTANTS": sum(kind.n_constants for kind in kinds[:-1]),
    }
    return _bind(receptors.receive_pair, f"receive_{suffix}", None, cached=cached, **names)


def _scalar(kind: NeuronKind, precision: str) -> Any:
    """Return the equations of a neuron and its receptors as one function."""
    if not kind.model.RECEIVES:
        return kind.model.UPDATE
    names = {
        "receive": _receive(kind.receptors, precision, kind.cached),
        "neuron": kind.model.UPDATE,
        "STATES": len(kind.model.STATES),
        "CONSTANTS": kind.n_constants,
    }
    name = f"update_receiving_{kind.name(precision)}"
    return _bind(receptors.update_receiving, name, None, cached=kind.cached, **names)


def _access(n_states: int, n_constants: int) -> dict[str, Any]:
    return {
        "state_rows": _of_rows("rows", n_states),
        "state_of": _of_rows("load", n_states),
        "store": _of_rows("store", n_states),
        "constant_rows": _of_rows("rows", n_constants),
        "constants_of": _of_rows("load", n_constants),
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
    names = {
        "scalar": _scalar(kind, precision),
        "cached": kind.cached,
        **_access(kind.all_states, kind.all_constants),
    }
    suffix = kind.name(precision)
    loop = _bind(sweep, f"{sweep.__name__}_{suffix}", None, **names)
    return _bind(update, f"{update.__name__}_{suffix}", signature, sweep=loop, **names)


@cache
def reset_kernel(kind: NeuronKind, precision: str) -> Any:
    """Return the compiled reset loop of a kind of population; it does nothing where a spike resets nothing."""
    if kind.model.RESET is None:
        return _bind(_nothing, f"reset_nothing_{precision}", _reset_signature(precision))
    # The neuron's own states and constants come first, and a reset touches no others.
    template = neurons.reset_per_neuron if kind.per_neuron else neurons.reset_uniform
    name = f"{template.__name__}_{kind.model.__name__}_{precision}"
    names = {"scalar": kind.model.RESET, "cached": kind.cached, **_access(len(kind.model.STATES), kind.n_constants)}
    return _bind(template, name, _reset_signature(precision), **names)


def _nothing(row: Any, state: Any, spikes: Any, n_spikes: Any, constants: Any) -> None:
    pass


class DeliveryKind(NamedTuple):
    """What projections must share to be served by one kernel."""

    connectivity: str  # "dense", "sparse", "convolution" or "pooling"
    graded: bool  # whether events carry a value
    one_weight: bool = False  # whether all synapses share a weight (sparse only)
    narrow: bool = False  # whether its targets are uint16 (sparse only)


@cache
def delivery_kernel(kind: DeliveryKind, precision: str) -> Any:
    """Return the compiled delivery loop of a kind of projection."""
    template = getattr(propagation, f"deliver_{kind.connectivity}")
    event = "graded" if kind.graded else "spike"
    weight = "one_weight" if kind.one_weight else "own_weight"
    pool = "narrow_pool" if kind.narrow else "wide_pool"
    names = {
        "payload": getattr(propagation, f"{event}_payload"),
        "scaled": getattr(propagation, f"{event}_scaled"),
        "weight_of": getattr(propagation, weight),
        "pool": getattr(propagation, pool),
    }
    name = f"{template.__name__}_{event}_{weight}_{pool}_{precision}"
    return _bind(template, name, _delivery_signature(precision), **names)


@cache
def advance() -> Any:
    """Return the compiled run loop."""
    return jit()(loop.advance)
