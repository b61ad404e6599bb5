"""The synapses of a compiled network, as they lie in its flat arrays: read back, and their weights changed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_kernels.layout import ProjectionColumn as Proj
from snnsim_kernels.plasticity_layout import LearningState
from snnsim_kernels.plasticity_layout import PlasticityColumn as Plastic

from ._checks import real_array
from ._errors import SimulationError
from .compilation import CompiledNetwork
from .connections import Dense, OrPooling, Sparse
from .network import Projection

__all__ = ["Synapses", "changed_weights", "current_weights", "number_of", "settle", "synapses_of", "weights_of"]


class Synapses(NamedTuple):
    """Synapses in the order in which they are stored and recorded: by source, then delay, then target.

    Dense weights are stored for all pairs: one of 0 stands where there is no synapse.
    """

    sources: NDArray[np.int64]
    """Neurons of the source population."""
    targets: NDArray[np.int64]
    """Neurons of the target population."""
    weights: NDArray[Any]
    """In the unit of the receptor."""
    delays: NDArray[np.float64]
    """In ms."""


def number_of(compiled: CompiledNetwork, projection: Projection | str, what: str) -> int:
    """Return the row of a projection, given itself or its name. Raises SimulationError where the network has none such."""
    for number, known in enumerate(compiled.network.projections):
        if projection is known or projection == known.name:
            return number
    names = ", ".join(known.name for known in compiled.network.projections) or "none"
    shown = projection.name if isinstance(projection, Projection) else projection
    raise SimulationError(f"{what}: no projection {shown!r}, the network has {names}")


def weights_of(compiled: CompiledNetwork, weights: NDArray[Any] | None, number: int) -> NDArray[Any]:
    """Return the part of the flat array ``weights`` that a projection stores: one entry where all synapses share their weight.

    None stands for the weights that were compiled, here and in the following functions.
    """
    weights = compiled.weights if weights is None else weights
    start = int(compiled.projections[number, Proj.WEIGHTS])
    return weights[start : start + compiled.n_weights[number]]


def current_weights(
    compiled: CompiledNetwork, weights: NDArray[Any] | None, number: int, learned: LearningState
) -> NDArray[Any]:
    """Return what :func:`weights_of` does as it is by now: with an eligibility, weights move between spikes."""
    own, plastic = weights_of(compiled, weights, number), compiled.plasticity.number_of(number)
    return own if plastic is None else compiled.plasticity.current(plastic, own, learned)


def settle(compiled: CompiledNetwork, weights: NDArray[Any] | None, learned: LearningState) -> None:
    """Bring all stored weights up to date."""
    for plastic, row in enumerate(compiled.plasticity.rules):
        own = weights_of(compiled, weights, int(row[Plastic.PROJECTION]))
        own[:] = compiled.plasticity.current(plastic, own, learned)
        compiled.plasticity.stand(plastic, learned)


def synapses_of(compiled: CompiledNetwork, own: NDArray[Any], number: int) -> Synapses:
    """Return the synapses of a dense or sparse projection, whose stored weights are ``own``.

    Raises SimulationError for shared weights, as of a convolution.
    """
    row, projection = compiled.projections[number], compiled.network.projections[number]
    connectivity = compiled.deliveries[row[Proj.KIND]].connectivity
    n_sources, n_targets = int(row[Proj.SOURCE_SIZE]), int(row[Proj.TARGET_SIZE])
    delays = compiled.delays[row[Proj.DELAYS] : row[Proj.DELAYS] + row[Proj.N_DELAYS]] * compiled.network.dt
    if connectivity == Dense.connectivity:
        sources, targets = np.divmod(np.arange(n_sources * n_targets), n_targets)
        each = np.full(len(own), delays[0])
    elif connectivity == Sparse.connectivity:
        pointers = compiled.pointers[row[Proj.POINTERS] :][: n_sources * len(delays) + 1]
        counts, first = np.diff(pointers), int(row[Proj.SYNAPSES])
        stored = compiled.narrow_targets if compiled.deliveries[row[Proj.KIND]].narrow else compiled.targets
        targets = stored[first : first + int(pointers[-1])].astype(np.int64)
        sources = np.repeat(np.arange(len(counts)) // len(delays), counts)
        each = np.repeat(np.tile(delays, n_sources), counts)
        own = np.broadcast_to(own, len(targets))
    else:
        raise SimulationError(f"synapses: projection {projection.name!r} shares its weights and stores no synapses")
    return Synapses(sources + projection.source.start, targets + projection.target.start, own.copy(), each)


def changed_weights(
    compiled: CompiledNetwork, weights: NDArray[Any] | None, number: int, values: ArrayLike
) -> NDArray[Any]:
    """Return ``weights`` with new ones for a projection, shaped as it stores them or one value for all.

    Places without a synapse, the zeros of Dense and of a kernel, stay at 0, also under one value for all. Raises SimulationError
    where the shape does not fit, a value is not finite, too large for the precision or out of the connection's bounds, or would
    make a synapse.
    """
    name = compiled.network.projections[number].name
    array = real_array(f"set_weights: the weights of {name!r}", values, SimulationError).ravel()
    size = compiled.n_weights[number]
    if array.size not in (1, size):
        raise SimulationError(f"set_weights: projection {name!r} stores {size} weights, got shape {np.shape(values)}")
    if np.abs(array).max(initial=0) > np.finfo(compiled.precision).max:
        raise SimulationError(f"set_weights: the weights of {name!r} exceed {compiled.precision}")
    kind = compiled.deliveries[compiled.projections[number, Proj.KIND]]
    if kind.connectivity == OrPooling.connectivity and not (array > 0).all():
        raise SimulationError(f"set_weights: the weight of {name!r}, an OrPooling, must be above 0")
    plastic = compiled.plasticity.number_of(number)
    if plastic is not None:
        rule = compiled.plasticity.models[plastic]
        low, high = (np.dtype(compiled.precision).type(bound) for bound in (rule.w_min, rule.w_max))
        if array.size and (array.min() < low or array.max() > high):
            raise SimulationError(
                f"set_weights: the weights of {name!r} must lie within {rule.w_min:g} and {rule.w_max:g}, the bounds of its "
                f"{type(rule).__name__}, got {array.min():g} to {array.max():g}"
            )
    # Where no synapse was, none was counted.
    missing = weights_of(compiled, None, number) == 0
    if array.size == 1:
        array = np.where(missing, 0.0, array)
    if array[missing].any():
        raise SimulationError(
            f"set_weights: projection {name!r} has no synapse, and so must keep a weight of 0, at "
            f"{np.count_nonzero(array[missing])} of the places given"
        )
    changed = compiled.weights.copy() if weights is None else weights
    weights_of(compiled, changed, number)[:] = array
    return changed
