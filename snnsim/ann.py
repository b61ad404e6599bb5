"""Conventional ReLU networks in plain NumPy: inference, and the multiply-accumulates that it costs.

``a_0 = x``,  ``a_l = max(0, W_l a_{l-1} + b_l)``,  ``logits = W_L a_{L-1} + b_L``

These are the opponents of every spiking network and the sources that are converted into them. Training lives in
:mod:`snnsim.training` and needs PyTorch; nothing here does.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from snnsim._errors import AnnError

__all__ = ["Ann", "Conv2d", "Dense", "shipped"]

FORMAT_VERSION = 1

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]

# What NumPy raises on damaged or foreign files; TypeError: a bare array has no context manager.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)

# Images per block of inference: the unfolded patches of a block stay within a few tens of megabytes.
_BLOCK = 1000


def _parameter(value: ArrayLike, owner: str, ndim: int) -> Float32:
    """Return `value` as a contiguous, finite float32 array of `ndim` dimensions."""
    array = np.ascontiguousarray(value, dtype=np.float32)
    if array.ndim != ndim or 0 in array.shape:
        raise AnnError(f"{owner} must have {ndim} non-empty dimensions, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise AnnError(f"{owner} must be finite")
    return array


@dataclass(frozen=True, eq=False)
class Dense:
    """A fully connected layer, ``y = x W + b``.

    Parameters
    ----------
    weight
        float32, shape (n_in, n_out). Exact zeros are absent synapses (pruned).
    bias
        float32, shape (n_out,).

    Raises
    ------
    AnnError
        Shapes that do not fit each other, or values that are not finite.
    """

    weight: Float32
    bias: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _parameter(self.weight, "Dense.weight", 2))
        object.__setattr__(self, "bias", _parameter(self.bias, "Dense.bias", 1))
        if self.bias.shape != (self.n_out,):
            raise AnnError(f"Dense.bias must have shape ({self.n_out},), got {self.bias.shape}")

    @property
    def n_in(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[0])

    @property
    def n_out(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[1])

    @property
    def n_synapses(self) -> int:
        """Dense multiply-accumulates per image: every connection, zero or not."""
        return int(self.weight.size)

    @property
    def n_parameters(self) -> int:
        """Nonzero weights plus biases."""
        return int(np.count_nonzero(self.weight)) + self.n_out

    def fan_out(self) -> Int64:
        """Return, for each input, the number of its synapses with a nonzero weight; int64, shape (n_in,)."""
        return np.asarray(np.count_nonzero(self.weight, axis=1), dtype=np.int64)

    def forward(self, x: Float32) -> Float32:
        """Return the pre-activations, float32 (n, n_out), of the inputs `x`, float32 (n, n_in).

        Summed in float64 and rounded once: how a BLAS splits a sum over threads then hardly ever shows.
        """
        return np.asarray(x.astype(np.float64) @ self.weight.astype(np.float64) + self.bias, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Conv2d:
    """A two-dimensional convolution without padding; inputs and outputs are flattened channel-major (c, y, x).

    ``y[o, i, j] = b[o] + sum_{c, u, v} W[o, c, u, v] x[c, i s + u, j s + v]``

    Parameters
    ----------
    weight
        float32, shape (c_out, c_in, k, k).
    bias
        float32, shape (c_out,).
    stride
        Step s of the kernel in pixels, at least 1.
    input_shape
        (c_in, height, width) of the input; height and width at least k.

    Raises
    ------
    AnnError
        Shapes that do not fit each other, or values that are not finite.
    """

    weight: Float32
    bias: Float32
    stride: int
    input_shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _parameter(self.weight, "Conv2d.weight", 4))
        object.__setattr__(self, "bias", _parameter(self.bias, "Conv2d.bias", 1))
        c_out, c_in, k, k_x = self.weight.shape
        if k != k_x:
            raise AnnError(f"Conv2d.weight must have square kernels, got {k} x {k_x}")
        if self.bias.shape != (c_out,):
            raise AnnError(f"Conv2d.bias must have shape ({c_out},), got {self.bias.shape}")
        if self.stride < 1:
            raise AnnError(f"Conv2d.stride must be at least 1, got {self.stride}")
        if len(self.input_shape) != 3 or self.input_shape[0] != c_in or min(self.input_shape[1:]) < k:
            raise AnnError(f"Conv2d.input_shape must be ({c_in}, >= {k}, >= {k}), got {self.input_shape}")

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(c_out, height, width) of the output."""
        c_out, _, k, _ = self.weight.shape
        _, height, width = self.input_shape
        return int(c_out), (height - k) // self.stride + 1, (width - k) // self.stride + 1

    @property
    def n_in(self) -> int:
        """Number of inputs, c_in x height x width."""
        c, h, w = self.input_shape
        return c * h * w

    @property
    def n_out(self) -> int:
        """Number of outputs, c_out x height x width."""
        c, h, w = self.output_shape
        return c * h * w

    @property
    def n_synapses(self) -> int:
        """Dense multiply-accumulates per image: the kernel's weights at every output position."""
        _, h, w = self.output_shape
        return int(self.weight.size) * h * w

    @property
    def n_parameters(self) -> int:
        """Nonzero weights plus biases, each counted once however often it is used."""
        return int(np.count_nonzero(self.weight)) + len(self.bias)

    def fan_out(self) -> Int64:
        """Return, for each input, the number of its synapses with a nonzero weight; int64, shape (n_in,)."""
        _, h, w = self.output_shape
        k = self.weight.shape[2]
        per_tap = np.count_nonzero(self.weight, axis=0).astype(np.int64)
        fan_out = np.zeros(self.input_shape, np.int64)
        for u in range(k):
            for v in range(k):
                rows = slice(u, u + self.stride * (h - 1) + 1, self.stride)
                columns = slice(v, v + self.stride * (w - 1) + 1, self.stride)
                fan_out[:, rows, columns] += per_tap[:, u, v, None, None]
        return fan_out.ravel()

    def forward(self, x: Float32) -> Float32:
        """Return the pre-activations, float32 (n, n_out), of the inputs `x`, float32 (n, n_in); summed in float64."""
        c_out, c_in, k, _ = self.weight.shape
        _, h, w = self.output_shape
        windows = sliding_window_view(x.reshape(len(x), *self.input_shape), (k, k), axis=(2, 3))  # type: ignore[call-overload, unused-ignore]
        windows = windows[:, :, :: self.stride, :: self.stride]
        patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, c_in * k * k)
        y = patches.astype(np.float64) @ self.weight.reshape(c_out, -1).T.astype(np.float64) + self.bias
        return np.ascontiguousarray(y.reshape(len(x), h * w, c_out).transpose(0, 2, 1).reshape(len(x), -1), np.float32)


@dataclass(frozen=True, eq=False)
class Ann:
    """A trained feed-forward ReLU network: ReLU between the layers, none after the last.

    Parameters
    ----------
    name
        The architecture, input to output: ``"784-1200-1200-10"``, ``"784-12c5s2-32c5s2-10"`` (12 channels of 5 x 5
        kernels with stride 2), ``"784-256-10-pruned"``.
    layers
        The layers in order, each as wide as the next one's input.
    provenance
        Where the weights come from: recipe, seed, versions, data set and its md5, validation and test accuracy.
        JSON values only.

    Raises
    ------
    AnnError
        No layers, or layers that do not fit each other.
    """

    name: str
    layers: tuple[Dense | Conv2d, ...]
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise AnnError(f"Ann {self.name!r} must have at least one layer")
        for i in range(1, len(self.layers)):
            n_out, n_in = self.layers[i - 1].n_out, self.layers[i].n_in
            if n_out != n_in:
                raise AnnError(f"Ann {self.name!r}: layer {i} takes {n_in} inputs, but layer {i - 1} gives {n_out}")

    @property
    def widths(self) -> list[int]:
        """Numbers of units from the input to the output, e.g. [784, 1200, 1200, 10]."""
        return [self.layers[0].n_in, *(layer.n_out for layer in self.layers)]

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates per image with every connection computed."""
        return sum(layer.n_synapses for layer in self.layers)

    @property
    def n_parameters(self) -> int:
        """Stored parameters: nonzero weights plus biases."""
        return sum(layer.n_parameters for layer in self.layers)

    def activations(self, x: ArrayLike) -> list[Float32]:
        """Return the output of each hidden layer after its ReLU, then the logits.

        Parameters
        ----------
        x
            Pixels in [0, 1], shape (n, n_in).

        Returns
        -------
        One float32 array (n, n_out) per layer.

        Raises
        ------
        AnnError
            `x` is not (n, n_in).
        """
        blocks = [block[1:] for block in self._blocks(x)]
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def logits(self, x: ArrayLike) -> Float32:
        """Return the outputs, float32 (n, n_classes), of the pixels `x` in [0, 1], shape (n, n_in)."""
        return np.concatenate([block[-1] for block in self._blocks(x)])

    def accuracy(self, x: ArrayLike, labels: NDArray[np.int64]) -> float:
        """Return the share, 0..1, of the images `x` (n, n_in) whose largest logit is that of their label."""
        return float(np.mean(self.logits(x).argmax(axis=1) == labels))

    def effective_macs(self, x: ArrayLike) -> Int64:
        """Return per image the multiply-accumulates whose weight and input are both nonzero; int64, shape (n,).

        Counted on the real activations of the pixels `x`, shape (n, n_in): a zero pixel, a silent hidden unit and a
        pruned weight cost nothing.
        """
        # float64 sums of integers are exact up to 2**53, and its matrix product is far faster than that of int64.
        fan_outs = [layer.fan_out().astype(np.float64) for layer in self.layers]
        counts = [
            sum((a != 0) @ fan_out for a, fan_out in zip(block[:-1], fan_outs, strict=True))
            for block in self._blocks(x)
        ]
        return np.asarray(np.concatenate(counts), dtype=np.int64)

    def _blocks(self, x: ArrayLike) -> Iterator[list[Float32]]:
        """Yield, block by block of images, the input of every layer and then the logits."""
        x = np.asarray(x, dtype=np.float32)
        if x.ndim != 2 or x.shape[1] != self.layers[0].n_in:
            raise AnnError(f"Ann {self.name!r} takes inputs of shape (n, {self.layers[0].n_in}), got {x.shape}")
        for start in range(0, max(len(x), 1), _BLOCK):
            block = [x[start : start + _BLOCK]]
            for layer in self.layers[:-1]:
                block.append(np.maximum(layer.forward(block[-1]), 0))
            yield [*block, self.layers[-1].forward(block[-1])]

    def _header(self) -> str:
        layers = [
            {"kind": "dense"}
            if isinstance(layer, Dense)
            else {"kind": "conv2d", "stride": layer.stride, "input_shape": list(layer.input_shape)}
            for layer in self.layers
        ]
        return json.dumps({"name": self.name, "layers": layers, "provenance": dict(self.provenance)})

    def rounded(self) -> "Ann":
        """Return the network with its weights rounded to float16, the precision in which :meth:`save` stores them.

        Raises
        ------
        AnnError
            A weight beyond float16's range of 65504.
        """
        layers: list[Dense | Conv2d] = []
        for i, layer in enumerate(self.layers):
            if np.abs(layer.weight).max() > np.finfo(np.float16).max:
                raise AnnError(f"Ann {self.name!r}: layer {i} has a weight beyond float16's range of 65504")
            weight = layer.weight.astype(np.float16).astype(np.float32)
            if isinstance(layer, Dense):
                layers.append(Dense(weight, layer.bias))
            else:
                layers.append(Conv2d(weight, layer.bias, layer.stride, layer.input_shape))
        return Ann(self.name, tuple(layers), self.provenance)

    def save(self, path: str | PathLike[str]) -> None:
        """Write one compressed .npz: weights in float16, biases in float32, name and provenance as JSON.

        What :meth:`load` returns equals :meth:`rounded`.

        Raises
        ------
        AnnError
            A weight beyond float16's range, or a provenance that is not JSON.
        """
        path = Path(path)
        arrays: dict[str, Any] = {}
        for i, layer in enumerate(self.rounded().layers):
            arrays[f"weight_{i}"] = layer.weight.astype(np.float16)
            arrays[f"bias_{i}"] = layer.bias
        try:
            header = self._header()
        except TypeError as error:
            raise AnnError(f"Ann {self.name!r}: provenance must hold JSON values only: {error}") from error
        # Written beside it and moved: who looks for the file finds the whole of it or none.
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with temporary.open("wb") as file:  # an open file, because NumPy appends .npz to other names
                np.savez_compressed(file, format=np.int64(FORMAT_VERSION), header=np.str_(header), **arrays)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Ann":
        """Read a network that :meth:`save` wrote.

        Raises
        ------
        AnnError
            The file is missing, damaged, no network of snnsim's, or of another format version.
        """
        path = Path(path)
        if not path.is_file():
            raise AnnError(f"{path}: no such file")
        # Asked first: NumPy takes what is no archive for a pickle.
        if not zipfile.is_zipfile(path):
            raise AnnError(f"{path}: not a readable .npz file of weights (no archive, or not a whole one)")
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {key: data[key] for key in data.files}
        except _UNREADABLE as error:
            raise AnnError(f"{path}: not a readable .npz file of weights ({error})") from error
        if "format" not in arrays or "header" not in arrays:
            raise AnnError(f"{path}: an .npz file, but not a network saved by snnsim (no format and header)")
        if arrays["format"] != FORMAT_VERSION:
            raise AnnError(f"{path}: format version {arrays['format']}, this snnsim reads {FORMAT_VERSION}")
        try:
            header = json.loads(str(arrays["header"]))
            layers: list[Dense | Conv2d] = []
            for i, description in enumerate(header["layers"]):
                weight, bias = arrays[f"weight_{i}"], arrays[f"bias_{i}"]
                if description["kind"] == "dense":
                    layers.append(Dense(weight, bias))
                else:
                    layers.append(Conv2d(weight, bias, description["stride"], tuple(description["input_shape"])))
            return cls(header["name"], tuple(layers), header["provenance"])
        except (KeyError, TypeError, ValueError) as error:
            raise AnnError(f"{path}: the description of the network is damaged ({error})") from error


def shipped(dataset_name: str) -> list[Ann]:
    """Return the trained baselines that come with snnsim for a data set, cheapest (in dense MACs) first.

    The list is empty where none were trained for that name.
    """
    folder = Path(str(resources.files("snnsim"))) / "weights"
    paths = folder.glob("*/*.npz")
    anns = [Ann.load(path) for path in paths if path.parent.name == dataset_name]
    return sorted(anns, key=lambda ann: (ann.dense_macs, ann.n_parameters, ann.name))
