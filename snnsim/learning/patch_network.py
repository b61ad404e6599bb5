"""Patch detectors over volleys of first spikes: what such a network is, and what it answers. Its training is in ``patches``.

    pixels -> latencies -> detectors (LIF, shared weights, one spike each) -> or-pooling -> read-out (no leak, the highest wins)

A pixel spikes once, the earlier the brighter it is. A detector leaks, spikes when it reaches the threshold of its map, and is
silent from then on, as is a pooled neuron. The volley ends when the last inputs have acted. :meth:`PatchNetwork.network` is the
same network for the general simulator, spike for spike.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from snnsim_kernels.detectors import DetectorCount, detect
from snnsim_kernels.read_out import LANES, read
from snnsim_models import IF, LIF, SpikeArray

from snnsim._errors import NetworkError
from snnsim.connections import Convolution, Dense, OrPooling
from snnsim.network import Network
from snnsim.spikes import SpikeTrain

from .blocks import in_blocks

__all__ = ["PatchNetwork", "PatchSettings"]

_DT = 1.0
_BLOCK = 250
_WORD = 64


@dataclasses.dataclass(frozen=True)
class PatchSettings:
    """What makes a network of patch detectors, and how it is trained.

    maps, kernel, stride : detectors: how many at a position, side of a patch in pixels, pixels from patch to patch
    padding : silent pixels around the image
    latencies : brightness (of 0 to 1, falling) above which a pixel spikes in the first, second ... step of 1 ms
    tau_m : ms, above 0, of the detectors
    pool, pool_stride : or-pooling: side of a window in positions, positions from window to window
    patches, passes : volleys that the detectors learn from, and how often these are shown
    least : a volley is learned from with at least so many spikes and so many silent pixels
    eta, eta_last : 0 to 1, learning rate of the detectors' weights, which falls linearly; the weights lie in -1 to 1 mV
    theta, theta_plus : mV, their thresholds while they compete: initial value, and rise at a spike, by which the mean stays
    target : spikes of a map in an image, to which its threshold is driven before the read-out learns
    threshold_images, threshold_rates : images for that, and mV per spike too many, in as many equal parts as rates
    epochs : in which the read-out sees all images
    read_out_rate : learning rate of the read-out, which falls linearly to 0
    least_error : 0 to 1; a read-out neuron with a smaller error does not learn from an image
    augmented : of these epochs, how many show deformed copies, new ones each time; needs PyTorch
    detectors : "learned", or "random": weights from a normal distribution, which is the control

    Raises NetworkError for values out of bounds.
    """

    maps: int = 128
    kernel: int = 7
    stride: int = 2
    padding: int = 2
    latencies: tuple[float, ...] = (0.9, 0.6, 0.3)
    tau_m: float = 9.5
    pool: int = 2
    pool_stride: int = 1
    patches: int = 150_000
    passes: int = 4
    least: int = 4
    eta: float = 0.05
    eta_last: float = 0.002
    theta: float = 7.0
    theta_plus: float = 0.005
    target: float = 6.0
    threshold_images: int = 10_000
    threshold_rates: tuple[float, ...] = (0.02, 0.004, 0.001)
    epochs: int = 8
    read_out_rate: float = 0.002
    least_error: float = 0.0
    augmented: int = 0
    detectors: str = "learned"

    def __post_init__(self) -> None:
        least = dict.fromkeys(("maps", "kernel", "stride", "pool", "pool_stride", "patches", "passes", "epochs"), 1)
        for name, bound in {**least, "padding": 0, "least": 0, "threshold_images": 1, "augmented": 0}.items():
            if getattr(self, name) < bound:
                raise NetworkError(f"PatchSettings.{name} must be at least {bound}, got {getattr(self, name)}")
        for name in ("tau_m", "theta", "target"):
            if not 0 < getattr(self, name) < math.inf:
                raise NetworkError(f"PatchSettings.{name} must be finite and above 0, got {getattr(self, name):g}")
        for name in ("eta", "eta_last", "least_error"):
            if not 0 <= getattr(self, name) <= 1:
                raise NetworkError(f"PatchSettings.{name} must lie within 0 and 1, got {getattr(self, name):g}")
        for name in ("theta_plus", "read_out_rate"):
            if not 0 <= getattr(self, name) < math.inf:
                raise NetworkError(f"PatchSettings.{name} must be finite and at least 0, got {getattr(self, name):g}")
        falling = list(self.latencies) == sorted(set(self.latencies), reverse=True)
        if not (falling and 1 <= len(self.latencies) < 255 and self.latencies[-1] >= 0 and self.latencies[0] < 1):
            raise NetworkError(f"PatchSettings.latencies must fall within 0 and 1, got {self.latencies}")
        if self.detectors not in ("learned", "random"):
            raise NetworkError(f"PatchSettings.detectors must be 'learned' or 'random', got {self.detectors!r}")
        if self.augmented > self.epochs:
            raise NetworkError(f"PatchSettings.augmented must be at most epochs = {self.epochs}, got {self.augmented}")

    @property
    def steps(self) -> int:
        """How many steps a volley has."""
        return len(self.latencies)

    @property
    def decay(self) -> np.float32:
        """The share of a detector's potential that is left after a step."""
        return np.float32(math.exp(-_DT / self.tau_m))


class PatchNetwork:
    """A network of patch detectors for images of one shape, with everything that training changes.

    settings : see there
    shape : height and width of an image
    n_classes : at most 16

    ``weights`` : float32 (kernel, kernel, maps), mV; ``thresholds`` : float32 (maps,), mV; ``read_out`` : float32 (pooled neurons,
    rounded up to a multiple of 64, 16), mV, pooled neurons ordered (y, x, map). Raises NetworkError where a window does not fit.
    """

    def __init__(self, settings: PatchSettings, shape: tuple[int, int], n_classes: int) -> None:
        self.settings, self.shape, self.n_classes = settings, shape, n_classes
        if not 2 <= n_classes <= LANES:
            raise NetworkError(f"PatchNetwork.n_classes must lie within 2 and {LANES}, got {n_classes}")
        height, width = (side + 2 * settings.padding for side in shape)
        if settings.kernel > min(height, width):
            raise NetworkError(f"PatchSettings.kernel = {settings.kernel} does not fit images of {height} x {width}")
        rows, columns = ((side - settings.kernel) // settings.stride + 1 for side in (height, width))
        self.positions = rows, columns
        if settings.pool > min(self.positions):
            raise NetworkError(f"PatchSettings.pool = {settings.pool} does not fit {self.positions} positions")
        pooled = [(side - settings.pool) // settings.pool_stride + 1 for side in self.positions]
        self._pooled = pooled[0], pooled[1]
        self.n_pooled = pooled[0] * pooled[1] * settings.maps
        self.words = -(-self.n_pooled // _WORD)
        self.weights = np.zeros((settings.kernel, settings.kernel, settings.maps), np.float32)
        self.thresholds = np.full(settings.maps, settings.theta, np.float32)
        self.read_out = np.zeros((self.words * _WORD, LANES), np.float32)

    def encode(self, images: NDArray[np.uint8], full_scale: int) -> NDArray[np.uint8]:
        """Return the step in which each pixel of the padded images spikes; ``settings.steps``: it does not."""
        steps = np.zeros(images.shape, np.uint8)
        for least in self.settings.latencies:
            steps += images <= least * full_scale
        margin = (self.settings.padding,) * 2
        return np.pad(steps, ((0, 0), margin, margin), constant_values=self.settings.steps)

    def detect(
        self, latencies: NDArray[np.uint8], *, rate: float = 0.0, threads: int | None = None
    ) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return which pooled neurons spike, (n, words), and the operations (DetectorCount.COUNT,).

        With a ``rate`` the thresholds learn, image by image on one thread; else ``threads`` change no result.
        """
        settings = self.settings
        features = np.empty((len(latencies), self.words), np.uint64)

        def work(first: int, last: int, counts: NDArray[np.int64]) -> None:
            detect(
                latencies[first:last], settings.steps, self.weights, self.thresholds, settings.decay, settings.stride,
                settings.pool, settings.pool_stride, np.float32(rate), np.float32(settings.target), _FLOOR,
                features[first:last], counts,
            )  # fmt: skip

        counts = in_blocks(work, len(latencies), _BLOCK, DetectorCount.COUNT, 1 if rate > 0 else threads)
        return features, counts

    def answers(
        self, images: NDArray[np.uint8], full_scale: int, threads: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the class of each image and the operations of the detectors. Nothing learns."""
        found = np.empty(len(images), np.int64)
        counts = np.zeros(DetectorCount.COUNT, np.int64)
        for first in range(0, len(images), _BLOCK * 40):
            part = slice(first, first + _BLOCK * 40)
            features, own = self.detect(self.encode(images[part], full_scale), threads=threads)
            read(features, self.n_classes, self.read_out, found[part])
            counts += own
        return found, counts

    def network(self) -> Network:
        """Return the same network for a :class:`Simulator`: populations "pixels", "detectors", "pooled" and "classes".

        A run of ``settings.steps`` + 3 ms with the spikes of :meth:`volley` as the input of the pixels is one image; the highest
        potential of "classes" at its end is the answer.
        """
        settings = self.settings
        net = Network(dt=_DT)
        height, width = (side + 2 * settings.padding for side in self.shape)
        n_positions = self.positions[0] * self.positions[1]
        pixels = net.population("pixels", height * width, SpikeArray())
        forever = 1e6
        detectors = net.population(
            "detectors",
            n_positions * settings.maps,
            LIF(tau_m=settings.tau_m, v_threshold=np.tile(self.thresholds.astype(float), n_positions), t_ref=forever),
        )
        pooled = net.population("pooled", self.n_pooled, LIF(v_threshold=0.5, t_ref=forever))
        classes = net.population("classes", self.n_classes, IF(v_threshold=math.inf))
        net.connect(
            pixels, detectors, Convolution(self.weights[None].astype(np.float64), height, width, settings.stride)
        )
        net.connect(
            detectors,
            pooled,
            OrPooling(settings.pool, settings.pool_stride, settings.maps, *self.positions, weight=1.0),
        )
        net.connect(pooled, classes, Dense(self.read_out[: self.n_pooled, : self.n_classes].astype(np.float64)))
        return net

    def volley(self, image: NDArray[np.uint8], full_scale: int) -> SpikeTrain:
        """Return the spikes of the pixels of one image, shape ``shape``."""
        steps = self.encode(image[None], full_scale).ravel()
        (spiking,) = np.nonzero(steps < self.settings.steps)
        order = spiking[np.argsort(steps[spiking], kind="stable")]
        times = steps[order] * _DT
        return SpikeTrain.from_times(times, order, size=len(steps), dt=_DT, duration=(self.settings.steps + 3) * _DT)

    def windows(self, row: int, column: int) -> list[int]:
        """Return the windows of the or-pooling, numbered by rows, that a position of detectors lies in."""
        pool, stride = self.settings.pool, self.settings.pool_stride
        down, across = (
            range(max(0, (place - pool) // stride + 1), min(n, place // stride + 1))
            for place, n in zip((row, column), self._pooled, strict=True)
        )
        return [y * self._pooled[1] + x for y in down for x in across]

    @property
    def learned(self) -> dict[str, NDArray[Any]]:
        """Everything that training changes, by name."""
        return {"weights": self.weights, "thresholds": self.thresholds, "read_out": self.read_out}


_FLOOR = np.float32(0.01)
"""mV. A threshold stays above the reset potential."""
