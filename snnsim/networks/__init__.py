"""Benchmark networks of the field: each one short file that doubles as an example of the API."""

from collections.abc import Callable

from ..network import Network
from .cuba import cuba

__all__ = ["NETWORKS", "cuba"]

NETWORKS: dict[str, Callable[..., Network]] = {"cuba": cuba}
"""Networks by name; each takes ``scale`` (above 0) and ``seed``."""
