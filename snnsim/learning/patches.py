"""A network of patch detectors and a spiking read-out, trained in three stages, each by local rules.

1. Detectors compete for random patches of the training images and learn by volley STDP; no label is seen.
2. As a layer, without competition, they find thresholds at which each map spikes as often as it should.
3. The read-out learns by the delta rule, image by image; detectors and thresholds are frozen.

The control is the same network with random detectors: weights from a normal distribution, and no stage 1.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.detectors import DetectorCount
from snnsim_kernels.read_out import ReadOutCount, learn_read_out
from snnsim_kernels.volleys import VolleyCount, learn_volleys

from snnsim._errors import SimulationError
from snnsim.datasets import Split

from .learner import Answers, History, Learner, Progress, restore_arrays
from .notes import Notes
from .patch_network import PatchNetwork, PatchSettings
from .patch_pictures import patch_pictures

__all__ = ["PatchLearner"]

_BOUNDS = np.array([-1.0, 1.0], np.float32)
_MOST_KEPT = 2**30
"""Bytes of detectors' answers that are kept for further epochs, where these show the same images."""
_BINS = np.linspace(-1.0, 1.0, 51)

_CHOSEN: dict[int, dict[str, Any]] = {
    128: {},
    256: {"passes": 12, "theta_plus": 0.02, "epochs": 10, "augmented": 8, "read_out_rate": 0.002, "least_error": 0.1},
    512: {
        "patches": 300_000, "passes": 12, "theta_plus": 0.04, "epochs": 10, "augmented": 8, "read_out_rate": 0.0015,
        "least_error": 0.1,
    },
}  # fmt: skip
"""The thresholds of all maps fall by ``theta_plus`` over the number of maps: it grows with that, lest some never come to win."""


class PatchLearner(Learner):
    """Trains a network of patch detectors; see :class:`Learner`. ``network`` is that network, with weights and thresholds."""

    MODEL: ClassVar[str] = "patches"
    SETTINGS: ClassVar[type[Any]] = PatchSettings
    SUPERVISED: ClassVar[bool] = True
    ANSWERING: ClassVar[tuple[str, ...]] = ("weights", "thresholds", "read_out")
    settings: PatchSettings

    def __init__(self, settings: PatchSettings, shape: tuple[int, int], n_classes: int, seed: int = 0) -> None:
        super().__init__(settings, shape, n_classes, seed)
        self.network = PatchNetwork(settings, shape, n_classes)
        generator = np.random.default_rng([seed, 0])
        weights = self.network.weights
        if settings.detectors == "random":
            weights[...] = generator.standard_normal(weights.shape, np.float32)
        else:
            weights[...] = generator.random(weights.shape, np.float32) * 2 - 1
        self._theta = np.full(settings.maps, settings.theta, np.float32)  # while the detectors compete
        self._place = np.zeros(2, np.int64)  # stage, and patches or images done in it
        self._wins = np.zeros(settings.maps, np.int64)
        self._volley_counts = np.zeros(VolleyCount.COUNT, np.int64)
        self._detector_counts = np.zeros(DetectorCount.COUNT, np.int64)
        self._read_out_counts = np.zeros(ReadOutCount.COUNT, np.int64)
        self._notes = Notes(settings.maps, _BINS)
        self._kept: NDArray[np.uint64] | None = None
        self._copy: tuple[int, NDArray[np.uint8]] | None = None

    @classmethod
    def defaults(cls, neurons: int | None) -> PatchSettings:
        """Return settings that were chosen on validation images of MNIST: those of the nearest number of maps that was tried."""
        maps = 128 if neurons is None else neurons
        nearest = min(_CHOSEN, key=lambda size: abs(math.log(maps / size)))
        return PatchSettings(maps=maps, **_CHOSEN[nearest])

    @property
    def neurons(self) -> int:
        """How many maps of detectors there are."""
        return self.settings.maps

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes."""
        return {
            **self.network.learned, "theta": self._theta, "place": self._place, "wins": self._wins,
            "volley_counts": self._volley_counts, "detector_counts": self._detector_counts,
            "read_out_counts": self._read_out_counts, **self._notes.state,
        }  # fmt: skip

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state. Raises SimulationError where something is missing or does not fit."""
        restore_arrays(type(self).__name__, self.state, state)

    def control(self) -> "PatchLearner | None":
        """Return the same network with random detectors."""
        if self.settings.detectors == "random":
            return None
        settings = dataclasses.replace(self.settings, detectors="random")
        return PatchLearner(settings, self.shape, self.n_classes, self.seed)

    # --- answers ------------------------------------------------------------------------------------------------------

    def answers(self, split: Split, threads: int | None = None) -> Answers:
        """Return the class of the read-out neuron with the highest potential."""
        classes, counts = self.network.answers(split.images, split.full_scale, threads)
        read_out = int(counts[DetectorCount.POOLED_SPIKES]) * self.n_classes
        return Answers(classes, {**_named(counts, read_out), "plasticity_updates": 0})

    @property
    def operations(self) -> dict[str, int]:
        """What training took so far, by all stages."""
        named = _named(self._detector_counts, int(self._read_out_counts[ReadOutCount.EVENTS]))
        named["synaptic_events"] += int(self._volley_counts[VolleyCount.EVENTS])
        named["membrane_updates"] += int(self._volley_counts[VolleyCount.MEMBRANE_UPDATES])
        named["spikes"] += int(self._volley_counts[VolleyCount.SPIKES])
        detectors = int(self._volley_counts[VolleyCount.PLASTICITY_UPDATES])
        read_out = int(self._read_out_counts[ReadOutCount.PLASTICITY_UPDATES])
        return {**named, "plasticity_updates": detectors + read_out, "plasticity_updates_detectors": detectors}

    # --- looking inside -----------------------------------------------------------------------------------------------

    def receptive_fields(self) -> NDArray[Any]:
        """Return the weights of each map as an image of its patch."""
        return np.ascontiguousarray(np.moveaxis(self.network.weights, 2, 0))

    @property
    def history(self) -> History:
        """Thresholds and weights while the detectors compete; of random ones, what they are."""
        if not self._notes:
            histogram = np.histogram(self.network.weights, _BINS)[0]
            return History(np.zeros(1, np.int64), self.network.thresholds[None], histogram[None], _BINS)
        return self._notes.history()

    def pictures(self, split: Split) -> dict[str, Any]:
        """Return the raster of the first image, and the detector spikes that decided its class."""
        return patch_pictures(self.network, split)

    # --- training -----------------------------------------------------------------------------------------------------

    def train(self, split: Split, every: int) -> Iterator[Progress]:
        """Train all stages; see :class:`Learner`. The unit of the first is patches."""
        self._kept = self._copy = None
        for number, stage in enumerate((self._learn_detectors, self._find_thresholds, self._learn_read_out)):
            if self._place[0] == number:
                yield from stage(split, every)
                self._place[:] = number + 1, 0

    def _learn_detectors(self, split: Split, every: int) -> Iterator[Progress]:
        if self.settings.detectors == "random":
            return
        settings, n_inputs = self.settings, self.settings.kernel**2
        volleys = self._volleys(split)
        total = len(volleys) * settings.passes
        weights, rise = self.network.weights.reshape(n_inputs, -1), np.float32(settings.theta_plus)
        while (done := int(self._place[1])) < total:
            self._notes.take(done, total, self._theta, self.network.weights)
            # A part ends where a pass does.
            first = done % len(volleys)
            part = volleys[first : first + every]
            left = 1 - (done + np.arange(len(part))) / total
            eta = (settings.eta_last + (settings.eta - settings.eta_last) * left).astype(np.float32)
            learn_volleys(
                part, settings.steps, weights, self._theta, settings.decay, eta, _BOUNDS, rise,
                np.float32(settings.theta_plus / settings.maps), self._wins, self._volley_counts,
            )  # fmt: skip
            self._place[1] += len(part)
            yield Progress("detectors", int(self._place[1]), total, "patches")
        self._notes.take(total, total, self._theta, self.network.weights)

    def _volleys(self, split: Split) -> NDArray[np.uint8]:
        """Return random patches of training images as volleys, (patches, kernel * kernel)."""
        settings, kernel, n = self.settings, self.settings.kernel, self.settings.patches
        generator = np.random.default_rng([self.seed, 1])
        height, width = (side + 2 * settings.padding for side in self.network.shape)
        images = generator.integers(0, len(split), n)
        y, x = generator.integers(0, height + 1 - kernel, n), generator.integers(0, width + 1 - kernel, n)
        encoded = self.network.encode(split.images, split.full_scale)
        rows, columns = np.divmod(np.arange(kernel**2), kernel)
        volleys = encoded[images[:, None], y[:, None] + rows, x[:, None] + columns]
        spikes = np.count_nonzero(volleys < settings.steps, axis=1)
        chosen = (spikes >= settings.least) & (spikes <= kernel**2 - settings.least)
        if not chosen.any():
            raise SimulationError(
                f"PatchLearner: none of {n} patches has {settings.least} spikes and as many silent pixels"
            )
        return np.ascontiguousarray(volleys[chosen])

    def _find_thresholds(self, split: Split, every: int) -> Iterator[Progress]:
        settings = self.settings
        total = min(settings.threshold_images, len(split))
        generator = np.random.default_rng([self.seed, 2])
        chosen = generator.permutation(len(split))[:total]
        ends = np.linspace(0, total, len(settings.threshold_rates) + 1).astype(int)
        while (done := int(self._place[1])) < total:
            own = int(np.searchsorted(ends, done, side="right")) - 1
            images = chosen[done : min(done + every, ends[own + 1])]
            latencies = self.network.encode(split.images[images], split.full_scale)
            self._detector_counts += self.network.detect(latencies, rate=settings.threshold_rates[own])[1]
            self._place[1] += len(images)
            yield Progress("thresholds", int(self._place[1]), total, "images")

    def _learn_read_out(self, split: Split, every: int) -> Iterator[Progress]:
        settings, n = self.settings, len(split)
        total = n * settings.epochs
        while (done := int(self._place[1])) < total:
            epoch, first = divmod(done, n)
            images = np.random.default_rng([self.seed, 3, epoch]).permutation(n)[first : first + every]
            features, labels, order = self._shown(split, epoch, images)
            left = 1 - (done + np.arange(len(images))) / total
            before = int(self._read_out_counts[ReadOutCount.RIGHT])
            learn_read_out(
                features, labels, order, self.network.n_classes, self.network.read_out,
                (settings.read_out_rate * left).astype(np.float32), np.float32(settings.least_error), self._read_out_counts,
            )  # fmt: skip
            self._place[1] += len(images)
            right = int(self._read_out_counts[ReadOutCount.RIGHT]) - before
            yield Progress("read-out", int(self._place[1]), total, "images", right / len(images))

    def _shown(
        self, split: Split, epoch: int, images: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Return what the detectors answer to some images in an epoch: features, labels, and the order in which to take them."""
        labels = split.labels
        if epoch < self.settings.augmented:
            return self._detected(split, self._deformed(split, epoch)[images]), labels[images], np.arange(len(images))
        if len(split) * self.network.words * 8 > _MOST_KEPT:
            return self._detected(split, split.images[images]), labels[images], np.arange(len(images))
        if self._kept is None:
            before = self._detector_counts.copy()
            self._kept = self._detected(split, split.images)
            if self._place[1] > self.settings.augmented * len(split):
                # They had been counted before the training was interrupted.
                self._detector_counts[...] = before
        return self._kept, labels, images

    def _detected(self, split: Split, images: NDArray[np.uint8]) -> NDArray[np.uint64]:
        latencies = self.network.encode(images, split.full_scale)
        features, counts = self.network.detect(latencies)
        self._detector_counts += counts
        return features

    def _deformed(self, split: Split, epoch: int) -> NDArray[np.uint8]:
        """Return a deformed copy of all images, another one in each epoch."""
        if self._copy is None or self._copy[0] != epoch:
            # PyTorch, which not every installation has, is needed here only.
            try:
                from snnsim.training.augmentation import augmented_copies
            except ModuleNotFoundError as error:
                if error.name != "torch":
                    raise
                raise SimulationError(
                    "PatchSettings.augmented above 0 needs PyTorch: python -m pip install 'snnsim[train]'"
                ) from error
            from snnsim.training.recipes import Augmentation

            seed = int(np.random.default_rng([self.seed, 4, epoch]).integers(2**62))
            copies = augmented_copies(split, Augmentation(copies=1), seed)
            pixels = np.rint(copies[0].numpy() * (split.full_scale / 255)).astype(np.uint8)
            self._copy = epoch, pixels.reshape(split.images.shape)
        return self._copy[1]


def _named(counts: NDArray[np.int64], read_out: int) -> dict[str, int]:
    """Return what detectors and pooling count, and the events of the read-out, by name."""
    convolution, pooling = int(counts[DetectorCount.EVENTS]), int(counts[DetectorCount.POOLING_EVENTS])
    return {
        "synaptic_events": convolution + pooling + read_out,
        "synaptic_events_pooling": pooling,
        "synaptic_events_read_out": read_out,
        "membrane_updates": int(counts[DetectorCount.MEMBRANE_UPDATES]),
        "spikes": int(counts[DetectorCount.SPIKES] + counts[DetectorCount.POOLED_SPIKES]),
        "input_spikes": int(counts[DetectorCount.INPUT_SPIKES]),
    }
