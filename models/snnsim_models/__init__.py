"""What a neuron or a source IS: parameters with units and scalar equations. A new model is one file and one line here."""

from ._model import Model, Parameter
from .integrate_and_fire import IF
from .leaky_integrate_and_fire import LIF
from .sources import Graded, Latency, Poisson, SpikeArray
from .time_to_first_spike import TTFS

__all__ = ["IF", "LIF", "MODELS", "TTFS", "Graded", "Latency", "Model", "Parameter", "Poisson", "SpikeArray"]

MODELS: tuple[type[Model], ...] = (SpikeArray, IF, LIF, TTFS, Poisson, Latency, Graded)
