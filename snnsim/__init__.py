"""snnsim: an event-driven simulator of spiking neural networks, with every operation counted.

Describe a network (:class:`Network`), run copies of it (:class:`Simulator`), read out spikes, potentials and operations
(:class:`Result`). :func:`convert` makes a spiking network from a trained ANN.
"""

from snnsim_models import (
    IF,
    LIF,
    TTFS,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Delta,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Graded,
    Latency,
    NoisyLIF,
    Poisson,
    SpikeArray,
    StepCurrent,
)

from ._errors import AnnError, DatasetError, NetworkError, ResultsError, SimulationError, SnnsimError
from .connections import Convolution, Dense, OrPooling, Sparse
from .conversion import convert
from .distributions import Lognormal, Normal, Uniform
from .event_method import EventSimulator
from .event_train import EventTrain
from .inputs import TimedInput
from .network import Network, Population, Projection, Slice, Stimulus
from .recording import Record
from .regulation import Homeostasis, Normalisation, WinnerTakeAll
from .results import Operations, Result
from .rules import (
    AllToAll,
    DistanceDependent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
)
from .simulator import Simulator
from .spikes import SpikeTrain
from .stimuli import PoissonInput

__version__ = "0.1.0"

__all__ = [
    "IF",
    "LIF",
    "TTFS",
    "AdaptiveCurrentLIF",
    "AdaptiveThresholdLIF",
    "AllToAll",
    "AlphaCurrent",
    "AnnError",
    "Convolution",
    "DatasetError",
    "Delta",
    "Dense",
    "DistanceDependent",
    "EscapeNoiseLIF",
    "EventSimulator",
    "EventTrain",
    "ExponentialConductance",
    "ExponentialCurrent",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "Graded",
    "Homeostasis",
    "Latency",
    "Lognormal",
    "Network",
    "NetworkError",
    "NoisyLIF",
    "Normal",
    "Normalisation",
    "OneToOne",
    "Operations",
    "OrPooling",
    "Poisson",
    "PoissonInput",
    "Population",
    "Projection",
    "Record",
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
    "Stimulus",
    "TimedInput",
    "Uniform",
    "WinnerTakeAll",
    "convert",
]
