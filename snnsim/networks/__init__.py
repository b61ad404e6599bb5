"""Benchmark networks of the field: each one short file that doubles as an example of the API."""

from collections.abc import Callable

from ..network import Network
from .brunel import brunel
from .coba import coba
from .cuba import cuba
from .diehl_cook import diehl_cook
from .microcircuit import microcircuit
from .stdp import stdp

__all__ = ["NETWORKS", "brunel", "coba", "cuba", "diehl_cook", "microcircuit", "stdp"]

NETWORKS: dict[str, Callable[..., Network]] = {
    "cuba": cuba,
    "coba": coba,
    "brunel": brunel,
    "microcircuit": microcircuit,
    "stdp": stdp,
}
"""Networks by name; each takes ``scale`` (above 0) and ``seed``. (:func:`diehl_cook` is run with images.)"""
