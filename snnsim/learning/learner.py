"""What every network that learns a data set of images has in common, as ``snnsim learn`` needs it."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import NetworkError, SimulationError
from snnsim.datasets import Split

__all__ = ["Answers", "History", "Learner", "Progress", "restore_arrays"]


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands.

    stage : what is going on, such as "learning" or "labels"
    done, total : how much of it is done, of how much, in ``unit``
    accuracy : the share of right answers to training images in the last part, 0 to 1; NaN where there are none yet. Of a network
        that learns without labels: with labels that are assigned from the part before, for this display only
    """

    stage: str
    done: int
    total: int
    unit: str = "images"
    accuracy: float = math.nan


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What a network answered: ``classes``, int64 (images,), -1 where it did not; ``operations``, what all of them took."""

    classes: NDArray[np.int64]
    operations: dict[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """What became of a network during training.

    done : (parts,), images (or whatever a stage counts) learned at each part
    thresholds : (parts, neurons), in ``threshold_unit``
    weights : (parts, bins), how many weights lie in each bin; ``bins`` : (bins + 1,), their edges, in ``weight_unit``
    """

    done: NDArray[np.int64]
    thresholds: NDArray[Any]
    weights: NDArray[Any]
    bins: NDArray[np.float64]
    threshold_unit: str = "mV"
    weight_unit: str = "mV"


class Learner(ABC):
    """Base of the networks that ``snnsim learn`` trains. :attr:`state` and :meth:`restore` carry one over to another process.

    settings : a frozen dataclass of numbers, strings and tuples of these, an instance of ``SETTINGS``
    shape : height and width of an image
    n_classes : at least 2
    seed : at least 0, of everything that is random in training and test
    """

    MODEL: ClassVar[str]
    """Its name on the command line."""
    SETTINGS: ClassVar[type[Any]]
    SUPERVISED: ClassVar[bool] = False
    """Whether a layer learns from labels; else these only name neurons that have learned."""
    ANSWERING: ClassVar[tuple[str, ...]] = ()
    """What :meth:`answers` needs of the :attr:`state`, all of it where empty: so much is exported."""

    def __init__(self, settings: Any, shape: tuple[int, int], n_classes: int, seed: int = 0) -> None:
        self.settings, self.shape, self.n_classes, self.seed = settings, shape, n_classes, seed

    @classmethod
    def settings_for(cls, neurons: int | None, given: Mapping[str, str]) -> Any:
        """Return the settings for a number of neurons (None: the model's own choice), with those in ``given``, as text, changed.

        Raises NetworkError for a setting that there is not, or a value that is none.
        """
        defaults = cls.defaults(neurons)
        kinds = {field.name: getattr(defaults, field.name) for field in dataclasses.fields(defaults)}
        values = {}
        for name, text in given.items():
            if name not in kinds:
                raise NetworkError(f"{cls.MODEL} has no setting {name!r}, it has {', '.join(kinds)}")
            values[name] = _read(f"{cls.SETTINGS.__name__}.{name}", kinds[name], text)
        return dataclasses.replace(defaults, **values)

    @classmethod
    @abstractmethod
    def defaults(cls, neurons: int | None) -> Any:
        """Return the settings that were chosen for so many neurons; None: for as many as the model has by default."""

    @property
    @abstractmethod
    def neurons(self) -> int:
        """How many neurons (or detectors that share weights) learn."""

    @property
    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes, by name: the arrays themselves, weights, thresholds, labels and its own place."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a :attr:`state`. Raises SimulationError where something is missing or does not fit."""

    @abstractmethod
    def train(self, split: Split, every: int) -> Iterator[Progress]:
        """Train from where the state is until the end, labels included, and pause after about so many images.

        In a pause the state may be kept: a learner that is restored from it ends as one that was never interrupted.
        """

    @abstractmethod
    def answers(self, split: Split, threads: int | None = None) -> Answers:
        """Return the answers to images. Nothing learns, no homeostasis goes on, and the labels of ``split`` are not looked at.

        The same network and images give the same answers, each time, with any number of ``threads`` (one per core by default).
        """

    @property
    @abstractmethod
    def operations(self) -> dict[str, int]:
        """What training took so far: "synaptic_events", "plasticity_updates", "membrane_updates", "spikes" and others."""

    @abstractmethod
    def receptive_fields(self) -> NDArray[Any]:
        """Return the weights of each neuron (or detector) as an image, shape (neurons, height, width)."""

    @property
    @abstractmethod
    def history(self) -> History:
        """Thresholds and weights over training."""

    def control(self) -> "Learner | None":
        """Return the same network, untrained, whose weights will stay random; None where there is no such control."""
        return None

    def pictures(self, split: Split) -> dict[str, Any]:
        """Return further pictures of the trained network by file name: a Matplotlib figure each."""
        return {}


def _read(name: str, like: Any, text: str) -> Any:
    """Return what a text says, as a value of the kind of ``like``."""
    kind = type(like)
    try:
        if kind is tuple:
            return tuple(type(like[0])(part) for part in text.split(","))
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        raise NetworkError(f"{name} must be {kind.__name__}, got {text!r}") from None


def restore_arrays(kind: str, own: Mapping[str, NDArray[Any]], state: Mapping[str, NDArray[Any]]) -> None:
    """Copy a state into arrays of the same names. Raises SimulationError where one is missing, or of another shape or type."""
    for name, array in own.items():
        given = state.get(name)
        if given is None:
            raise SimulationError(f"{kind}: a state without {name}")
        if given.shape != array.shape or given.dtype != array.dtype:
            raise SimulationError(f"{kind}.{name} must be {array.dtype} {array.shape}, got {given.dtype} {given.shape}")
        if array.dtype.kind == "f" and not np.isfinite(given).all():
            raise SimulationError(f"{kind}.{name} must be finite")
    for name, array in own.items():
        array[...] = state[name]
