"""From a trained ReLU network to a spiking network that computes the same function with spikes.

Rate code: a unit's activation a becomes a spike rate of gain x a / lambda spikes a step, from integrate-and-fire neurons with
soft reset. Time to first spike: it becomes the time of one spike, lambda at the start of the layer's window and 0 at its end;
a layer fires only after the window of its inputs (phase gating). In both, lambda balances weights against thresholds: it is a
high percentile of the layer's positive activations on training data, so that a rate or a time can express almost all of them.

Weights, biases and inputs become binary fractions, few enough bits that no sum can round in single precision: the order of
addition, hence the backend and its parallelism, changes nothing.

References
----------
Diehl et al. 2015, Fast-classifying, high-accuracy spiking deep networks through weight and threshold balancing, IJCNN.
Rueckauer et al. 2017, Frontiers in Neuroscience 11:682 (percentile, soft reset, analog first layer).
Rueckauer & Liu 2018, ISCAS (time to first spike).
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from snnsim_models import IF, TTFS, Graded, Latency, Model, Poisson

from ._checks import real_array, whole_number
from ._errors import AnnError, SimulationError, SnnsimError
from .ann import Ann, Conv2d
from .ann import Dense as DenseLayer
from .connections import Connection, Convolution, Dense, Sparse
from .network import Network
from .simulator import Simulator

__all__ = ["CALIBRATION_IMAGES", "CODES", "RateCode", "Responses", "SpikingTwin", "TTFSCode", "convert"]

CODES = ("rate", "ttfs", "poisson", "current")
"""Regular rate code, time to first spike, Poisson rate code, and rate code behind an analog (constant-current) first layer."""

CALIBRATION_IMAGES = 5_000
"""Conversion is calibrated on so many training images, the first, or on all where there are fewer."""

_DT = 1.0  # ms; nothing in a converted network depends on it, since its neurons do not leak
_INPUT_BITS = 8  # pixels have 8 bits
_SCALE_BITS = 12  # significant bits of lambda
_MANTISSA_BITS = {"float32": 24, "float64": 53}
_SPARSE_BELOW = 0.25  # density under which a weight matrix is delivered synapse by synapse


@dataclasses.dataclass(frozen=True)
class RateCode:
    """Settings of the rate codes; the defaults were chosen on validation images (``benchmarks/code_settings.py``).

    steps : simulated steps, at least 1
    gain : input spikes a step for a pixel of 1, above 0 and at most 1
    percentile, headroom : lambda is that percentile of a layer's positive activations, divided by the headroom (above 0)
    """

    steps: int = 48
    gain: float = 0.25
    percentile: float = 99.9
    headroom: float = 2.0

    def __post_init__(self) -> None:
        whole_number("RateCode.steps", self.steps, 1, 2**20 - 1, AnnError)
        if not 0 < self.gain <= 1:
            raise AnnError(f"RateCode.gain must lie within (0, 1], got {self.gain}")
        _check_balance(self)


@dataclasses.dataclass(frozen=True)
class TTFSCode:
    """Settings of the time-to-first-spike code; the defaults were chosen like those of :class:`RateCode`.

    window : steps in which a layer's spikes fall, at least 2
    percentile, headroom : as in RateCode
    """

    window: int = 32
    percentile: float = 99.9
    headroom: float = 1.0

    def __post_init__(self) -> None:
        whole_number("TTFSCode.window", self.window, 2, 2**20 - 1, AnnError)
        _check_balance(self)


def _check_balance(code: RateCode | TTFSCode) -> None:
    if not (0 < code.percentile <= 100 and code.headroom > 0):
        raise AnnError(
            f"{type(code).__name__}: percentile must lie within (0, 100] and headroom above 0, "
            f"got {code.percentile} and {code.headroom}"
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Responses:
    """What a converted network answered to n samples, and what it cost in each step (not accumulated).

    scores : float32 (n, steps, classes), output potentials after each step
    acs, macs, membrane_updates, spikes, encoder_operations : int64 (n, steps)
    """

    scores: NDArray[np.float32]
    acs: NDArray[np.int64]
    macs: NDArray[np.int64]
    membrane_updates: NDArray[np.int64]
    spikes: NDArray[np.int64]
    encoder_operations: NDArray[np.int64]

    @staticmethod
    def concatenate(parts: "list[Responses]") -> "Responses":
        """Join the responses to successive samples."""
        return Responses(
            *(np.concatenate([getattr(part, f.name) for part in parts]) for f in dataclasses.fields(Responses))
        )


@dataclasses.dataclass(frozen=True, eq=False)
class SpikingTwin:
    """A spiking network made from an ANN. Its populations are ``pixels``, ``hidden1`` ... and ``output``."""

    ann: Ann
    code: str
    network: Network
    n_steps: int
    precision: str
    input_gain: float

    @property
    def name(self) -> str:
        """The architecture of the ANN and the code."""
        return f"{self.ann.name} {self.code}"

    @property
    def n_neurons(self) -> int:
        """The number of neurons, encoder included."""
        return self.network.n_neurons

    @property
    def n_synapses(self) -> int:
        """The number of synapses with a nonzero weight."""
        return self.network.n_synapses

    def input_values(self, pixels: ArrayLike) -> NDArray[np.float64]:
        """Return what the encoder is given for pixels in [0, 1], shape (n, n_in): binary fractions."""
        pixels = _pixels(f"{self.name}: pixels", pixels, self.ann, SimulationError)
        return _binary(pixels[:, _neuron_order(self.ann, 0)] * self.input_gain, _INPUT_BITS)

    def run(
        self,
        pixels: ArrayLike,
        *,
        seed: int = 0,
        first_sample: int = 0,
        threads: int | None = None,
        backend: str = "auto",
        batch: int = 500,
        progress: Callable[[int], None] | None = None,
    ) -> Responses:
        """Simulate every sample from rest and return the responses.

        pixels : (n, n_in) in [0, 1]; seed and first_sample choose the random numbers (Poisson code only)
        batch : copies of the network at a time; neither it, ``threads`` nor ``backend`` changes a result
        progress : called with the number of samples just finished
        """
        batch = whole_number("batch", batch, 1, None, SimulationError)
        values = self.input_values(pixels)
        n_classes = self.ann.widths[-1]
        none = np.zeros((0, self.n_steps), np.int64)
        parts = [Responses(np.zeros((0, self.n_steps, n_classes), np.float32), none, none, none, none, none)]
        simulator: Simulator | None = None
        for start in range(0, len(values), batch):
            part = values[start : start + batch]
            if simulator is None or simulator.copies != len(part):
                simulator = Simulator(
                    self.network, copies=len(part), precision=self.precision, backend=backend, threads=threads
                )
            simulator.reset(first_sample=first_sample + start, seed=seed)
            result = simulator.run(self.n_steps * _DT, inputs={"pixels": part}, record={"output": ["v"]})
            counted = result.operations
            parts.append(
                Responses(
                    result.v("output").astype(np.float32),
                    counted.acs,
                    counted.macs,
                    counted.membrane_updates,
                    counted.spikes,
                    counted.encoder_operations,
                )
            )
            if progress is not None:
                progress(len(part))
        return Responses.concatenate(parts)


def convert(
    ann: Ann, code: str = "rate", *, calibration: ArrayLike | None = None, settings: RateCode | TTFSCode | None = None
) -> SpikingTwin:
    """Return the spiking network that computes what ``ann`` computes, in one of CODES.

    calibration : training pixels in [0, 1], shape (n, n_in), from which weights and thresholds are balanced; by default the first
        CALIBRATION_IMAGES of the data that ``ann`` was trained on, found as :func:`snnsim.datasets.load` finds them
    settings : TTFSCode for "ttfs", RateCode for the others; their defaults if None

    Raises AnnError for an unknown code, settings of the other code, or calibration data that do not fit or cannot be told, and
    DatasetError where they are not to be had.
    """
    if code not in CODES:
        raise AnnError(f"code must be one of {CODES}, got {code!r}")
    if settings is None:
        settings = TTFSCode() if code == "ttfs" else RateCode()
    pixels = _pixels("calibration", _training_pixels(ann) if calibration is None else calibration, ann, AnnError)
    if not len(pixels):
        raise AnnError("calibration must hold at least one sample")
    activations = ann.activations(pixels)
    if code == "ttfs" and isinstance(settings, TTFSCode):
        return _ttfs(ann, activations, settings)
    if code != "ttfs" and isinstance(settings, RateCode):
        return _rate(ann, activations, code, settings)
    raise AnnError(f"code {code!r} does not take {type(settings).__name__}")


def _training_pixels(ann: Ann) -> NDArray[np.float32]:
    """Return the first training images of the data set that a network's provenance names."""
    # Imported here: what loads data sets is not needed by those who bring their own.
    from .datasets import load

    source = ann.provenance.get("dataset")
    if not isinstance(source, dict) or not {"name", "md5"} <= source.keys():
        raise AnnError(f"{ann.name}: its provenance names no data set, so calibration must be given")
    dataset = load(source["name"], progress=False)
    if dataset.md5 != source["md5"]:
        raise AnnError(
            f"{ann.name}: was trained on another {source['name']} than is here, so calibration must be given"
        )
    return dataset.train.first(CALIBRATION_IMAGES).pixels


def _rate(ann: Ann, activations: list[NDArray[np.float32]], code: str, settings: RateCode) -> SpikingTwin:
    steps, gain = settings.steps, settings.gain
    scales = _scales(activations, settings.percentile, settings.headroom)
    # A weight times an 8-bit value needs more bits than single precision has.
    precision = "float64" if code == "current" else "float32"
    bits = _MANTISSA_BITS[precision] - (_INPUT_BITS if code == "current" else 0)
    network = Network(dt=_DT)
    encoders: dict[str, Model] = {
        "rate": IF(v_threshold=1.0, v_initial=0.5, reset="soft"),
        "poisson": Poisson(rate=1000.0 / _DT * gain),
        "current": Graded(),
    }
    before = network.population("pixels", ann.widths[0], encoders[code], encoder=True)
    for k, layer in enumerate(ann.layers):
        last = k == len(ann.layers) - 1
        # The analog layer's current stands for input of 1 x the pixel in each step: it carries the gain itself.
        drive = gain if k == 0 and code == "current" else 1.0
        weights = _weights(layer, k, ann, drive * scales[k] / scales[k + 1])
        bias = _bias(layer, k, ann) * gain / scales[k + 1]
        fraction = _fraction_bits(weights, bias, steps, 2.0, bits)
        bias = _binary(bias, fraction)
        model = (
            IF(v_threshold=math.inf, bias=bias) if last else IF(v_threshold=1.0, v_initial=0.5, bias=bias, reset="soft")
        )
        after = network.population("output" if last else f"hidden{k + 1}", layer.n_out, model)
        receptor = "step" if k == 0 and code == "current" else "delta"
        network.connect(before, after, _connection(weights, fraction), receptor=receptor)
        before = after
    return SpikingTwin(ann, code, network, steps, precision, gain if code == "rate" else 1.0)


def _ttfs(ann: Ann, activations: list[NDArray[np.float32]], settings: TTFSCode) -> SpikingTwin:
    window = settings.window
    period = window + 1  # a spike of the last step of a window still has to be delivered and integrated
    scales = _scales(activations, settings.percentile, settings.headroom)
    network = Network(dt=_DT)
    before = network.population(
        "pixels", ann.widths[0], Latency(window=window * _DT), active=(0.0, window * _DT), encoder=True
    )
    for k, layer in enumerate(ann.layers):
        last = k == len(ann.layers) - 1
        weights = _weights(layer, k, ann, scales[k] / scales[k + 1])
        bias = _bias(layer, k, ann) * window / scales[k + 1]
        fraction = _fraction_bits(weights, bias / window, window, window + 2.0, _MANTISSA_BITS["float32"])
        # Half a step less rounds to the nearest spike time instead of up.
        v_initial = _binary(bias, fraction) - (0.0 if last else 0.5)
        opened, begun = (k + 1) * period * _DT, (k * period + 1) * _DT
        model = TTFS(
            v_threshold=math.inf if last else window,
            ramp=0.0 if last else 1.0 / _DT,
            v_initial=v_initial,
            t_open=opened,
        )
        active = (begun, opened + (0.0 if last else window * _DT))
        after = network.population("output" if last else f"hidden{k + 1}", layer.n_out, model, active=active)
        network.connect(before, after, _connection(weights, fraction), receptor="step")
        before = after
    return SpikingTwin(ann, "ttfs", network, len(ann.layers) * period, "float32", 1.0)


def _scales(activations: list[NDArray[np.float32]], percentile: float, headroom: float) -> list[float]:
    """Return the activation that one unit stands for, for the input (1), each hidden layer (lambda) and the output (1)."""
    scales = [1.0]
    for values in activations[:-1]:
        positive = values[values > 0].astype(np.float64)
        scale = float(np.percentile(positive, percentile)) / headroom if positive.size else 1.0
        # Few bits: a last digit that differs between machines must not reach the weights.
        scales.append(float(_binary(scale, _SCALE_BITS - math.frexp(scale)[1])))
    return [*scales, 1.0]


def _pixels(name: str, pixels: ArrayLike, ann: Ann, error: type[SnnsimError]) -> NDArray[np.float64]:
    """Return pixels as an array (n, n_in) within [0, 1]."""
    array = real_array(name, pixels, error)
    if array.ndim != 2 or array.shape[1] != ann.widths[0]:
        raise error(f"{name} must have shape (n, {ann.widths[0]}), got {array.shape}")
    if array.size and (array.min() < 0 or array.max() > 1):
        raise error(f"{name} must lie within 0 and 1, got {array.min():g} to {array.max():g}")
    return array


def _neuron_order(ann: Ann, k: int) -> NDArray[np.intp]:
    """Return the order of the neurons at the input of layer k (its units, channel-major, as the ANN numbers them).

    A convolution wants (y, x, channel) on both sides, whatever kind of layer the other side has.
    """
    shape = None
    if k < len(ann.layers) and isinstance(after := ann.layers[k], Conv2d):
        shape = after.input_shape
    elif k > 0 and isinstance(before := ann.layers[k - 1], Conv2d):
        shape = before.output_shape
    order = np.arange(ann.widths[k])
    return order if shape is None else order.reshape(shape).transpose(1, 2, 0).ravel()


def _weights(layer: DenseLayer | Conv2d, k: int, ann: Ann, scale: float) -> Dense | Convolution:
    """Return the weights of layer k times ``scale``, between neurons in :func:`_neuron_order`."""
    weight = layer.weight.astype(np.float64) * scale
    if isinstance(layer, Conv2d):
        _, height, width = layer.input_shape
        return Convolution(weight.transpose(1, 2, 3, 0), height, width, layer.stride)
    return Dense(weight[_neuron_order(ann, k)][:, _neuron_order(ann, k + 1)])


def _bias(layer: DenseLayer | Conv2d, k: int, ann: Ann) -> NDArray[np.float64]:
    """Return the bias of layer k per neuron, in :func:`_neuron_order`."""
    bias = layer.bias.astype(np.float64)
    if isinstance(layer, Conv2d):
        bias = np.repeat(bias, layer.n_out // len(bias))
    return bias[_neuron_order(ann, k + 1)]


def _fraction_bits(
    weights: Dense | Convolution, bias: NDArray[np.float64], steps: int, offset: float, bits: int
) -> int:
    """Return how many binary places every weight may have so that no potential can outgrow a mantissa of ``bits`` bits.

    ``offset`` bounds what besides weights and bias moves a potential: threshold, ramp, initial value. The bound is safe, not
    typical: every source fires in every step, all weights of one sign.
    """
    array = weights.weights
    axes = tuple(range(array.ndim - 1))
    drive = max(np.maximum(array, 0).sum(axis=axes).max(), np.maximum(-array, 0).sum(axis=axes).max())
    largest = steps * (drive + np.abs(bias).max()) + offset
    return bits - math.ceil(math.log2(largest))


def _binary(values: ArrayLike, places: int) -> NDArray[np.float64]:
    """Round to multiples of 2**-places."""
    return np.asarray(np.rint(np.ldexp(np.asarray(values, dtype=np.float64), places)) * 2.0**-places)


def _connection(weights: Dense | Convolution, fraction: int) -> Connection:
    """Return the weights rounded to binary fractions, as a sparse connection where most are zero."""
    if isinstance(weights, Convolution):
        return dataclasses.replace(weights, weights=_binary(weights.weights, fraction))
    rounded = Dense(_binary(weights.weights, fraction))
    if rounded.n_synapses < _SPARSE_BELOW * rounded.weights.size:
        return Sparse.from_matrix(rounded.weights)
    return rounded
