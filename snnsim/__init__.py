"""snnsim: an event-driven simulator of spiking neural networks, with every operation counted.

Describe a network (:class:`Network`), run copies of it (:class:`Simulator`), read out spikes, potentials and operations
(:class:`Result`). :func:`convert` makes a spiking network from a trained ANN.
"""

from snnsim_models import (
    IF,
    LIF,
    TTFS,
    AlphaCurrent,
    Delta,
    ExponentialCurrent,
    Graded,
    Latency,
    Poisson,
    SpikeArray,
    StepCurrent,
)

from ._errors import AnnError, DatasetError, NetworkError, ResultsError, SimulationError, SnnsimError
from .connections import Convolution, Dense, Sparse
from .conversion import convert
from .distributions import Lognormal, Normal, Uniform
from .event_train import EventTrain
from .network import Network, Population, Projection, Slice
from .results import Operations, Result
from .rules import AllToAll, FixedInDegree, FixedOutDegree, FixedProbability, FixedTotalNumber, OneToOne
from .simulator import Simulator
from .spikes import SpikeTrain

__version__ = "0.1.0"

__all__ = [
    "IF",
    "LIF",
    "TTFS",
    "AllToAll",
    "AlphaCurrent",
    "AnnError",
    "Convolution",
    "DatasetError",
    "Delta",
    "Dense",
    "EventTrain",
    "ExponentialCurrent",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "Graded",
    "Latency",
    "Lognormal",
    "Network",
    "NetworkError",
    "Normal",
    "OneToOne",
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
    "StepCurrent",
    "Uniform",
    "convert",
]
