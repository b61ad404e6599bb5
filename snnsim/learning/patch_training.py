"""Training of a network of patch detectors in three stages, each by local rules: detectors, thresholds, read-out.

1. Detectors compete for random patches of the training images and learn by volley STDP; no label is seen.
2. As a layer, without competition, they find thresholds at which each map spikes as often as it should.
3. The read-out learns by the delta rule, image by image; detectors and thresholds are frozen.

The control is the same network with random detectors: stage 1 draws weights from a normal distribution and learns nothing.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.detectors import DetectorCount
from snnsim_kernels.read_out import ReadOutCount, learn_read_out
from snnsim_kernels.volleys import VolleyCount, learn_volleys

from snnsim._errors import SimulationError
from snnsim.datasets import Split

from .patches import PatchNetwork, PatchSettings

__all__ = ["PatchTraining", "Progress"]

_BOUNDS = np.array([-1.0, 1.0], np.float32)
_INITIAL = 1.0
_MOST_KEPT = 2**30
"""Bytes of detectors' answers that are kept for further epochs, where these show the same images."""

BINS = np.linspace(-1.0, 1.0, 51)
"""Of the histograms of weights."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a training stands: its stage ("detectors", "thresholds" or "read-out"), how much of it is done, of how much, the
    unit of these ("patches" or "images"), and the share of right answers on training images in the last part, before each
    was learned (NaN in the first two stages).
    """

    stage: str
    done: int
    total: int
    unit: str
    accuracy: float


class PatchTraining:
    """Trains a :class:`PatchNetwork` on labelled images; :attr:`state` and :meth:`restore` carry it over to another process.

    settings, split, n_classes : see there
    seed : of initial weights, patches and the order of images
    control : whether detectors stay random
    threads : None for one per core; they change no result

    ``history`` : what became of thresholds and weights while the detectors learned: (parts, maps) and (parts, 50 bins of ``BINS``).
    """

    def __init__(
        self,
        settings: PatchSettings,
        split: Split,
        n_classes: int,
        *,
        seed: int = 0,
        control: bool = False,
        threads: int | None = None,
    ) -> None:
        height, width = split.images.shape[1:]
        self.settings, self.split, self.seed, self.control = settings, split, seed, control
        self.network = PatchNetwork(settings, (height, width), n_classes)
        self.threads = threads
        generator = np.random.default_rng([seed, 0])
        weights = self.network.weights
        if control:
            weights[...] = generator.standard_normal(weights.shape, np.float32)
        else:
            weights[...] = (generator.random(weights.shape, np.float32) * 2 - 1) * _INITIAL
        self._theta = np.full(settings.maps, settings.theta, np.float32)
        self._place = np.zeros(2, np.int64)  # stage, and patches or images done in it
        self._volley_counts = np.zeros(VolleyCount.COUNT, np.int64)
        self._wins = np.zeros(settings.maps, np.int64)
        self._detector_counts = np.zeros(DetectorCount.COUNT, np.int64)
        self._read_out_counts = np.zeros(ReadOutCount.COUNT, np.int64)
        self.history: dict[str, list[NDArray[Any]]] = {"theta": [], "weights": []}
        self._kept: NDArray[np.uint64] | None = None
        self._copy: tuple[int, NDArray[np.uint8]] | None = None

    # --- carrying over ------------------------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that a training changes."""
        history = {f"history_{name}": np.array(parts) for name, parts in self.history.items()}
        return {**self.network.learned, **self._own, **history}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go on from a state of the same settings, images and seed. Raises SimulationError where something is missing or differs."""
        try:
            self.network.restore(state)
            for name, own in self._own.items():
                if state[name].shape != own.shape or state[name].dtype != own.dtype:
                    raise SimulationError(f"PatchTraining: {name} must be {own.dtype} {own.shape}")
                own[...] = state[name]
            for name in self.history:
                self.history[name] = list(state[f"history_{name}"])
        except KeyError as missing:
            raise SimulationError(f"PatchTraining: a state without {missing}") from None

    @property
    def _own(self) -> dict[str, NDArray[Any]]:
        return {
            "theta": self._theta, "place": self._place, "wins": self._wins, "volley_counts": self._volley_counts,
            "detector_counts": self._detector_counts, "read_out_counts": self._read_out_counts,
        }  # fmt: skip

    # --- training -----------------------------------------------------------------------------------------------------

    def run(self, every: int = 10_000) -> Iterator[Progress]:
        """Train, and pause after every so many patches or images, where :attr:`state` may be kept."""
        for number, stage in enumerate((self._detectors, self._thresholds, self._read_out)):
            if self._place[0] == number:
                yield from stage(every)
                self._place[:] = number + 1, 0

    def _detectors(self, every: int) -> Iterator[Progress]:
        if self.control:
            return
        settings, n_inputs = self.settings, self.settings.kernel**2
        volleys = self._volleys()
        total = len(volleys) * settings.passes
        weights, rise = self.network.weights.reshape(n_inputs, -1), np.float32(settings.theta_plus)
        while (done := int(self._place[1])) < total:
            self._remember(done, total)
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
            yield Progress("detectors", int(self._place[1]), total, "patches", float("nan"))
        self._remember(total, total)

    def _volleys(self) -> NDArray[np.uint8]:
        """Return random patches of the training images as volleys, (patches, kernel * kernel)."""
        settings, kernel, n = self.settings, self.settings.kernel, self.settings.patches
        generator = np.random.default_rng([self.seed, 1])
        height, width = (side + 2 * settings.padding for side in self.network.shape)
        images = generator.integers(0, len(self.split), n)
        y, x = generator.integers(0, height + 1 - kernel, n), generator.integers(0, width + 1 - kernel, n)
        encoded = self.network.encode(self.split.images, self.split.full_scale)
        windows = np.lib.stride_tricks.sliding_window_view(encoded, (kernel, kernel), (1, 2))
        volleys = windows[images, y, x].reshape(n, -1)
        spikes = np.count_nonzero(volleys < settings.steps, axis=1)
        chosen = (spikes >= settings.least) & (spikes <= kernel**2 - settings.least)
        if not chosen.any():
            raise SimulationError(f"PatchTraining: none of {n} patches has {settings.least} spikes and as many silent pixels")
        return np.ascontiguousarray(volleys[chosen])

    def _remember(self, done: int, total: int) -> None:
        """Note thresholds and weights about twenty times over the stage."""
        if done >= len(self.history["theta"]) * total // 20:
            self.history["theta"].append(self._theta.copy())
            self.history["weights"].append(np.histogram(self.network.weights, BINS)[0])

    def _thresholds(self, every: int) -> Iterator[Progress]:
        settings = self.settings
        total = min(settings.threshold_images, len(self.split))
        generator = np.random.default_rng([self.seed, 2])
        chosen = generator.permutation(len(self.split))[:total]
        ends = np.linspace(0, total, len(settings.threshold_rates) + 1).astype(int)
        while (done := int(self._place[1])) < total:
            own = int(np.searchsorted(ends, done, side="right")) - 1
            images = chosen[done : min(done + every, ends[own + 1])]
            latencies = self.network.encode(self.split.images[images], self.split.full_scale)
            self._detector_counts += self.network.detect(latencies, rate=settings.threshold_rates[own])[1]
            self._place[1] += len(images)
            yield Progress("thresholds", int(self._place[1]), total, "images", float("nan"))

    def _read_out(self, every: int) -> Iterator[Progress]:
        settings, n = self.settings, len(self.split)
        total = n * settings.epochs
        while (done := int(self._place[1])) < total:
            epoch, first = divmod(done, n)
            images = np.random.default_rng([self.seed, 3, epoch]).permutation(n)[first : first + every]
            features, labels, order = self._shown(epoch, images)
            left = 1 - (done + np.arange(len(images))) / total
            before = int(self._read_out_counts[ReadOutCount.RIGHT])
            learn_read_out(
                features, labels, order, self.network.n_classes, self.network.read_out,
                (settings.read_out_rate * left).astype(np.float32), self._read_out_counts,
            )  # fmt: skip
            self._place[1] += len(images)
            right = int(self._read_out_counts[ReadOutCount.RIGHT]) - before
            yield Progress("read-out", int(self._place[1]), total, "images", right / len(images))

    def _shown(
        self, epoch: int, images: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
        """Return what the detectors answer to some images in an epoch: features, labels, and the order in which to take them."""
        labels = self.split.labels
        if epoch < self.settings.augmented:
            return self._detected(self._deformed(epoch)[images]), labels[images], np.arange(len(images))
        if len(self.split) * self.network.words * 8 > _MOST_KEPT:
            return self._detected(self.split.images[images]), labels[images], np.arange(len(images))
        if self._kept is None:
            self._kept = self._detected(self.split.images)
        return self._kept, labels, images

    def _detected(self, images: NDArray[np.uint8]) -> NDArray[np.uint64]:
        latencies = self.network.encode(images, self.split.full_scale)
        features, counts = self.network.detect(latencies, threads=self.threads)
        self._detector_counts += counts
        return features

    def _deformed(self, epoch: int) -> NDArray[np.uint8]:
        """Return a deformed copy of all images, another one in each epoch."""
        if self._copy is None or self._copy[0] != epoch:
            # PyTorch, which not every installation has, is needed here only.
            from snnsim.training.augmentation import augmented_copies
            from snnsim.training.recipes import Augmentation

            seed = int(np.random.default_rng([self.seed, 4, epoch]).integers(2**62))
            copies = augmented_copies(self.split, Augmentation(copies=1), seed)
            pixels = np.rint(copies[0].numpy() * (self.split.full_scale / 255)).astype(np.uint8)
            self._copy = epoch, pixels.reshape(self.split.images.shape)
        return self._copy[1]
