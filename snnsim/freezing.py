"""What a frozen network runs with: nothing that it has learned changes, its homeostasis included."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.layout import PopulationColumn as Pop
from snnsim_kernels.layout import RegulationColumn as Reg

from .compilation import CompiledNetwork

__all__ = ["frozen_constants", "frozen_regulations"]


def frozen_constants(compiled: CompiledNetwork) -> NDArray[Any]:
    """Return the constants with which adaptive thresholds stay where they are."""
    constants = compiled.constants.copy()
    for row, population in zip(compiled.populations, compiled.network.populations.values(), strict=True):
        own = population.model.frozen_constants(compiled.network.dt)
        width = population.size if compiled.neuron_kinds[row[Pop.KIND]].per_neuron else 1
        held = constants[row[Pop.CONSTANTS] : row[Pop.CONSTANTS] + len(own) * width].reshape(len(own), width)
        for line, value in zip(held, own, strict=True):
            line[:] = value
    return constants


def frozen_regulations(compiled: CompiledNetwork) -> NDArray[np.int64]:
    """Return the regulations that are part of the dynamics, and no homeostasis: competition."""
    kept: NDArray[np.int64] = compiled.regulations[compiled.regulations[:, Reg.KIND] == Reg.WINNER_TAKE_ALL]
    return kept
