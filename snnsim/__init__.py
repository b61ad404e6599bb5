"""snnsim: an event-driven simulator of spiking neural networks, with every operation counted.

Describe a network (:class:`Network`), run copies of it (:class:`Simulator`), read out spikes, potentials and operations
(:class:`Result`). :func:`convert` makes a spiking network from a trained ANN.
"""

from snnsim_models import IF, LIF, TTFS, Graded, Latency, Poisson, SpikeArray

from ._errors import AnnError, DatasetError, NetworkError, ResultsError, SimulationError, SnnsimError
from .connections import Convolution, Dense, Sparse
from .conversion import convert
from .network import Network, Population, Projection, Slice
from .results import Operations, Result
from .simulator import Simulator
from .spikes import SpikeTrain

__version__ = "0.1.0"

__all__ = [
    "IF",
    "LIF",
    "TTFS",
    "AnnError",
    "Convolution",
    "DatasetError",
    "Dense",
    "Graded",
    "Latency",
    "Network",
    "NetworkError",
    "Operations",
    "Poisson",
    "Population",
    "Projection",
    "Result",
    "ResultsError",
    "SimulationError",
    "Simulator",
    "Slice",
    "SnnsimError",
    "Sparse",
    "SpikeArray",
    "SpikeTrain",
    "convert",
]
