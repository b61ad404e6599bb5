"""The benchmarks: a name such as cuba-4000, brunel-12500, stdp-5000 (neurons) or microcircuit-0.1 (scale) makes a case."""

import dataclasses
import math
from typing import Any

import numpy as np

from snnsim.networks.microcircuit import (
    BACKGROUND_INPUTS,
    BACKGROUND_RATE,
    DELAYS,
    NEURONS,
    POPULATIONS,
    V_MEAN,
    V_STD,
    compensation,
    psc,
    synapses,
    weights,
)

__all__ = ["Case", "case"]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is simulated: neurons by population, and the mean number of synapses that a neuron of each has onto others."""

    name: str
    network: str
    sizes: dict[str, int]
    out_degrees: tuple[float, ...]
    scale: float
    discard: float = 0.0  # ms
    tables: dict[str, Any] = dataclasses.field(default_factory=dict)

    def task(self) -> dict[str, Any]:
        """Return what all programs are told."""
        own = {"network": self.network, "sizes": self.sizes, "scale": self.scale, "tables": self.tables}
        return own | {"discard": self.discard, "duration": 1000.0}


def case(name: str) -> Case:
    """Return the case of that name. Raises ValueError where there is none."""
    network, _, number = name.rpartition("-")
    try:
        if network == "microcircuit":
            return _microcircuit(name, float(number))
        n = int(number)
    except ValueError:
        n = 0
    if n <= 0 or network not in ("cuba", "brunel", "stdp"):
        raise ValueError(
            f"no benchmark {name!r}: cuba-4000, brunel-12500, stdp-5000, microcircuit-0.1, or other sizes of these"
        )
    sizes = {"exc": round(0.8 * n), "inh": n - round(0.8 * n)}
    degree, size = {"cuba": (80.0, 4000), "brunel": (1250.0, 12_500), "stdp": (500.0, 5000)}[network]
    return Case(name, network, sizes, (degree, degree), n / size)


def _microcircuit(name: str, scale: float) -> Case:
    sizes = np.rint(NEURONS * scale).astype(int)
    numbers = np.rint(synapses() * scale * scale).astype(int)
    tables = {
        "synapses": numbers.tolist(),
        "weights": (weights() / math.sqrt(scale)).tolist(),
        "delays": [DELAYS[j % 2] for j in range(len(sizes))],
        "currents": compensation(scale, "poisson").tolist(),
        "v_mean": V_MEAN.tolist(),
        "v_std": V_STD.tolist(),
        "background_hz": (BACKGROUND_RATE * np.rint(BACKGROUND_INPUTS * scale)).tolist(),
        "background_weight": psc(0.15) / math.sqrt(scale),
    }
    by_name = dict(zip(POPULATIONS, sizes.tolist(), strict=True))
    out_degrees = tuple((numbers.sum(axis=0) / sizes).tolist())
    return Case(name, "microcircuit", by_name, out_degrees, scale, discard=500.0, tables=tables)
