"""snnsim: an event-driven simulator of spiking neural networks, with every operation counted.

Describe a network (:class:`Network`), run copies of it (:class:`Simulator`), read out spikes, potentials and operations
(:class:`Result`). :func:`convert` makes a spiking network from a trained ANN.
"""

from snnsim_models import (
    BCM,
    IF,
    LIF,
    TTFS,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    AntiHebbian,
    ChargeSTDP,
    Covariance,
    Delta,
    DeltaRule,
    Eligibility,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Graded,
    Latency,
    NoisyLIF,
    Oja,
    PairSTDP,
    Plasticity,
    Poisson,
    PostTriggeredSTDP,
    RewardSTDP,
    SpikeArray,
    StepCurrent,
    Trace,
    TripletSTDP,
    VolleySTDP,
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
    "BCM",
    "IF",
    "LIF",
    "TTFS",
    "AdaptiveCurrentLIF",
    "AdaptiveThresholdLIF",
    "AllToAll",
    "AlphaCurrent",
    "AnnError",
    "AntiHebbian",
    "ChargeSTDP",
    "Convolution",
    "Covariance",
    "DatasetError",
    "Delta",
    "DeltaRule",
    "Dense",
    "DistanceDependent",
    "Eligibility",
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
    "Oja",
    "OneToOne",
    "Operations",
    "OrPooling",
    "PairSTDP",
    "Plasticity",
    "Poisson",
    "PoissonInput",
    "Population",
    "PostTriggeredSTDP",
    "Projection",
    "Record",
    "Result",
    "ResultsError",
    "RewardSTDP",
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
    "Trace",
    "TripletSTDP",
    "Uniform",
    "VolleySTDP",
    "WinnerTakeAll",
    "convert",
]
