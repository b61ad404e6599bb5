"""Compiled kernels by role, model and precision: bound from the templates on first use, never at import.

A kernel is a template under a name of its own with its free names bound: that is a module-level function to Numba, so it can be
cached on disk, which closures and generated source cannot.
"""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core.errors import NumbaExperimentalFeatureWarning
from snnsim_models import Model, Receptor, SpikeArray
from snnsim_models import __name__ as MODEL_PACKAGE  # noqa: N812

from . import loop, neurons, propagation, random, receptors, regulation, stimulation, tuples
from ._jit import jit
from .binding import array_of as _array
from .binding import bind as _bind
from .binding import of_rows as _of_rows
from .binding import real_array as _real

__all__ = [
    "PRECISIONS",
    "DeliveryKind",
    "NeuronKind",
    "ReceptorKind",
    "advance",
    "delivery_kernel",
    "draw",
    "reset_kernel",
    "scalar",
    "single_kernels",
    "update_kernel",
]

PRECISIONS: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float64": np.float64}
"""Names of the precisions in which states, constants and weights are kept."""

# Numba calls first-class functions experimental each time that the run loop compiles; tests cover what is used of them here.
warnings.filterwarnings("ignore", "First-class function type", NumbaExperimentalFeatureWarning)

_I64, _I32 = types.int64, types.int32


def _update_signature(precision: str) -> Any:
    real = _real(precision)
    return _I64(
        _I64, _I64, _array(_I64), _I64, _I64, real, _array(_I32), _array(types.uint8), _array(_I32), _array(_I32),
        _array(_I64), _array(types.uint8), _array(_I32), real, _array(types.uint32), _array(_I64), _array(_I32),
    )  # fmt: skip


def _reset_signature(precision: str) -> Any:
    real = _real(precision)
    return types.void(
        _I64, _array(_I64), _I64, _I64, real, _array(_I32), _array(types.uint8), _array(_I32), _array(_I32), _array(_I64),
        _array(_I32), _I64, real,
    )  # fmt: skip


def _delivery_signature(precision: str) -> Any:
    real = _real(precision)
    return _I64(
        _array(_I64),
        _I64,
        _I64,
        _I64,
        real,
        _array(_I32),
        _I64,
        _array(_I64),
        _array(_I32),
        _array(types.uint16),
        real,
        real.dtype,
    )


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
    dormant: bool = False  # whether the state variable that the model names DORMANT is zero throughout
    method: str = "exact"  # of integration
    scaled: bool = False  # whether the rows of the receptors are kept scaled

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
        flags = [flag for flag in ("dormant", "scaled") if getattr(self, flag)]
        return "_".join([*parts, self.method, *flags, precision])


@cache
def _of_rows_without(action: str, k: int, left_out: int, precision: str) -> Any:
    """Return the same for k rows of which one is zero throughout."""
    names = {
        "first": _of_rows(action, left_out),
        "second": _of_rows(action, k - left_out - 1),
        "SPLIT": left_out,
        "AFTER": left_out + 1,
        "ZERO": PRECISIONS[precision](0),
    }
    return _bind(getattr(tuples, f"{action}_without"), f"{action}_{k}_without_{left_out}_{precision}", None, **names)


def _receive(kind: NeuronKind, n: int, precision: str) -> Any:
    """Return one function that advances the first ``n`` receptors."""
    exact = kind.method == "exact"
    scalars = [part.receptor.RECEIVE if exact else part.receptor.RECEIVE_EULER for part in kind.receptors[:n]]
    if n == 1:
        return scalars[0]
    suffix = "_".join([*(part.receptor.__name__ for part in kind.receptors[:n]), kind.method, precision])
    if n == 0:
        zero = PRECISIONS[precision](0)
        return _bind(receptors.receive_nothing, f"receive_{suffix}", None, cached=kind.cached, ZERO=zero)
    names = {
        "first": _receive(kind, n - 1, precision),
        "second": scalars[-1],
        "add": receptors.add_drives if exact else receptors.add_pairs,
        "STATES": sum(len(part.receptor.STATES) for part in kind.receptors[: n - 1]),
        "CONSTANTS": sum(part.n_constants for part in kind.receptors[: n - 1]),
    }
    return _bind(receptors.receive_pair, f"receive_{suffix}", None, cached=kind.cached, **names)


@cache
def _weigh(n: int) -> Any:
    """Return the function that adds up n scaled currents."""
    if n == 1:
        return _bind(receptors.weigh_one, "weigh_1", None)
    return _bind(receptors.weigh_pair, f"weigh_{n}", None, first=_weigh(n - 1), STATES=n - 1)


def scalar(kind: NeuronKind, precision: str) -> Any:
    """Return the equations of a neuron and its receptors as one function."""
    if not kind.model.MOVES:
        return kind.model.UPDATE
    n = len(kind.receptors)
    template = receptors.update_receiving_randomly if kind.model.STOCHASTIC else receptors.update_receiving
    if kind.scaled:
        template = receptors.update_scaled
    names = {
        "receive": _weigh(n) if kind.scaled else _receive(kind, n, precision),
        "move": kind.model.MOVES[kind.method],
        "neuron": kind.model.UPDATE,
        "STATES": len(kind.model.STATES),
        "CONSTANTS": kind.n_constants,
    }
    return _bind(template, f"{template.__name__}_{kind.name(precision)}", None, cached=kind.cached, **names)


def draw(distribution: str, precision: str) -> Any:
    """Return the function that makes a random number of the precision from a word; a uniform one is exact in each."""
    scalar = getattr(random, distribution)
    if precision == "float64" or distribution == "uniform":
        return scalar
    return _bind(random.single, f"{distribution}_{precision}", None, draw=scalar)


def _access(n_states: int, n_constants: int) -> dict[str, Any]:
    return {
        "state_rows": _of_rows("rows", n_states),
        "state_of": _of_rows("load", n_states),
        "store": _of_rows("store", n_states),
        "constant_rows": _of_rows("rows", n_constants),
        "constants_of": _of_rows("load", n_constants),
        "scalars": _of_rows("scalars", n_constants),
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
    own = len(kind.model.STATES)
    names = {
        "scalar": scalar(kind, precision),
        "cached": kind.cached,
        "draw": draw(kind.model.DRAW, precision),
        **_access(kind.all_states, kind.all_constants),
    }
    store = _of_rows("store", own)
    if kind.dormant:
        left_out = kind.model.STATES.index(kind.model.DORMANT)
        for name, action in (("state_rows", "rows"), ("state_of", "load"), ("store", "store")):
            names[name] = _of_rows_without(action, kind.all_states, left_out, precision)
        store = _of_rows_without("store", own, left_out, precision)
    if kind.scaled:
        update, n = neurons.update_scaled, len(kind.receptors)
        written = own - 1 if kind.dormant else own
        stored = f"store_{own}_of_{kind.all_states}" + ("_dormant" if kind.dormant else "") + f"_{precision}"
        names |= {
            "store": _bind(tuples.store_own, stored, None, first=store, SPLIT=written),
            "scalars": _of_rows("scalars", kind.n_constants),
            "gains_of": _of_rows("scalars", n),
            "FIRST": own,
        }
    suffix = kind.name(precision)
    loop = _bind(sweep, f"{sweep.__name__}_{suffix}", None, **names)
    release = _of_spiking(kind, neurons.release_due, kind.model.RELEASE, precision, None)
    return _bind(update, f"{update.__name__}_{suffix}", signature, sweep=loop, release=release, **names)


@cache
def reset_kernel(kind: NeuronKind, precision: str) -> Any:
    """Return the compiled reset loop of a kind of population; it does nothing where a spike resets nothing."""
    return _of_spiking(kind, neurons.reset, kind.model.RESET, precision, _reset_signature(precision))


def _of_spiking(
    kind: NeuronKind, template: Callable[..., Any], scalar: Callable[..., Any] | None, precision: str, signature: Any
) -> Any:
    """Return a loop over the few neurons that spike, or are released, in a step."""
    if scalar is None:
        nothing = neurons.reset_nothing if template is neurons.reset else neurons.release_nothing
        return _bind(nothing, f"{nothing.__name__}_{precision}", signature)
    # The neuron's own states and constants come first, and a reset touches no others.
    access = _access(len(kind.model.STATES), kind.n_constants)
    each = "per_neuron" if kind.per_neuron else "uniform"
    name = f"{template.__name__}_{each}_{kind.model.__name__}_{precision}"
    return _bind(template, name, signature, scalar=scalar, cached=kind.cached, PER_NEURON=kind.per_neuron, **access)


class DeliveryKind(NamedTuple):
    """What projections must share to be served by one kernel."""

    connectivity: str  # "dense", "sparse", "convolution" or "pooling"
    graded: bool  # whether events carry a value
    one_weight: bool = False  # whether all synapses share a weight (sparse only)
    narrow: bool = False  # whether targets have 16 bits (sparse only)
    scaled: bool = False  # whether the receptor's row is kept scaled


@cache
def delivery_kernel(kind: DeliveryKind, precision: str) -> Any:
    """Return the compiled delivery loop of a kind of projection."""
    template = getattr(propagation, f"deliver_{kind.connectivity}")
    event = ("graded" if kind.graded else "spike") + ("_to_scaled" if kind.scaled else "")
    weight = "one_weight" if kind.one_weight else "own_weight"
    width = "narrow" if kind.narrow else "wide"
    names = {
        "payload": getattr(propagation, f"{event}_payload"),
        "scaled": propagation.weighted if kind.graded or kind.scaled else propagation.plain,
        "weight_of": getattr(propagation, weight),
        "weights_of": getattr(propagation, f"{weight}s"),
        "reached_of": getattr(propagation, width),
        "prefetch_targets": getattr(propagation, f"{width}_prefetch"),
    }
    name = f"{template.__name__}_{event}_{weight}_{width}_{precision}"
    return _bind(template, name, _delivery_signature(precision), **names)


@cache
def single_kernels(precision: str, stimulated: bool, regulated: bool) -> tuple[Any, ...]:
    """Return the kernels of which a network needs one each; those that it does not need do nothing."""
    real, flags, counts = _real(precision), _array(types.uint8), _array(_I32)
    words, whole, table = _array(types.uint32), _array(_I64), _array(_I64, 2)
    stimulate = stimulation.stimulate if stimulated else stimulation.stimulate_nobody
    compete = regulation.compete if regulated else regulation.compete_nobody
    after = regulation.after_delivery if regulated else regulation.after_delivery_nothing
    signatures = (
        (random.fill_words.py_func, types.void(words, _I64, _I64, types.uint64, _I64, _I64, _I64)),
        (stimulate, _I64(whole, _I64, _I64, real, words, counts, words, real.dtype)),
        (compete, _I64(table, _I64, whole, _I64, real, counts, flags, counts, counts, whole, counts, _I64, counts)),
        (
            after,
            types.void(
                table, real, table, table, table, whole, counts, _I64, real, whole, counts, _array(types.uint16), real
            ),
        ),
    )
    return tuple(_bind(kernel, f"{kernel.__name__}_{precision}", signature) for kernel, signature in signatures)


@cache
def advance() -> Any:
    """Return the compiled run loop."""
    return jit()(loop.advance)
