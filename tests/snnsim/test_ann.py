"""The NumPy networks: inference, counted operations, weight files, and the weights that ship."""

import itertools
import json
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from snnsim import ann as ann_module
from snnsim import datasets
from snnsim._errors import AnnError
from snnsim.ann import Ann, Conv2d, Dense, shipped

MNIST_NAMES = {
    "784-32-10",
    "784-64-10",
    "784-128-10",
    "784-256-10",
    "784-512-10",
    "784-1200-1200-10",
    "784-128-10-pruned",
    "784-144-10-pruned",
    "784-256-10-pruned",
    "784-512-10-pruned",
    "784-4c5s2-8c5s2-10",
    "784-6c5s2-12c5s2-10",
    "784-12c5s3-24c3s1-10",
    "784-12c5s2-32c5s2-10",
}


def sparse(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Weights of which about a third are zero, in float16's precision."""
    values = rng.normal(size=shape) * (rng.random(shape) > 0.33)
    return values.astype(np.float16).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def mlp(rng: np.random.Generator) -> Ann:
    layers = (Dense(sparse(rng, 6, 5), sparse(rng, 5)), Dense(sparse(rng, 5, 3), sparse(rng, 3)))
    return Ann("6-5-3", layers, {"seed": 3, "dataset": {"name": "none", "md5": "0" * 32}})


@pytest.fixture
def cnn(rng: np.random.Generator) -> Ann:
    first = Conv2d(sparse(rng, 3, 2, 3, 3), sparse(rng, 3), 2, (2, 8, 7))
    second = Conv2d(sparse(rng, 4, 3, 2, 2), sparse(rng, 4), 1, first.output_shape)
    return Ann("112-3c3s2-4c2s1-5", (first, second, Dense(sparse(rng, second.n_out, 5), sparse(rng, 5))), {})


def synapses(layer: Dense | Conv2d) -> list[tuple[int, int, float]]:
    """Every connection (input, output, weight) of a layer, one by one, from its definition."""
    if isinstance(layer, Dense):
        return [(i, o, float(layer.weight[i, o])) for i in range(layer.n_in) for o in range(layer.n_out)]
    c_out, c_in, k, _ = layer.weight.shape
    _, height, width = layer.input_shape
    out_height, out_width = (height - k) // layer.stride + 1, (width - k) // layer.stride + 1
    found = []
    for o, i, j in itertools.product(range(c_out), range(out_height), range(out_width)):
        for c, u, v in itertools.product(range(c_in), range(k), range(k)):
            source = (c * height + i * layer.stride + u) * width + j * layer.stride + v
            found.append((source, (o * out_height + i) * out_width + j, float(layer.weight[o, c, u, v])))
    return found


def brute_force(ann: Ann, x: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Activations and effective multiply-accumulates of one image, synapse by synapse in float64."""
    a, macs, outputs = x.astype(np.float64), 0, []
    for depth, layer in enumerate(ann.layers):
        per_output = layer.n_out // len(layer.bias)
        y = np.repeat(layer.bias.astype(np.float64), per_output)
        for source, target, weight in synapses(layer):
            y[target] += weight * a[source]
            macs += weight != 0 and a[source] != 0
        a = y if depth == len(ann.layers) - 1 else np.maximum(y, 0)
        outputs.append(a)
    return outputs, macs


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_activations_and_effective_macs_equal_brute_force(
    kind: str, request: pytest.FixtureRequest, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann: Ann = request.getfixturevalue(kind)
    monkeypatch.setattr(ann_module, "_BLOCK", 4)  # 6 images: a full block and a part
    x = (rng.random((6, ann.widths[0])) * (rng.random((6, ann.widths[0])) > 0.5)).astype(np.float32)
    activations, macs = ann.activations(x), ann.effective_macs(x)
    assert macs.dtype == np.int64
    for n in range(len(x)):
        expected, expected_macs = brute_force(ann, x[n])
        assert macs[n] == expected_macs
        for a, e in zip(activations, expected, strict=True):
            np.testing.assert_allclose(a[n], e, rtol=1e-5, atol=1e-5)
    assert np.array_equal(ann.logits(x), activations[-1])
    assert [a.shape[1] for a in activations] == ann.widths[1:]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_sizes_count_connections_and_fan_out_skips_zeros(kind: str, request: pytest.FixtureRequest) -> None:
    ann: Ann = request.getfixturevalue(kind)
    for layer in ann.layers:
        listed = synapses(layer)
        assert layer.n_synapses == len(listed)
        fan_out = np.zeros(layer.n_in, np.int64)
        for source, _, weight in listed:
            fan_out[source] += weight != 0
        assert np.array_equal(layer.fan_out(), fan_out)
        assert 0 < fan_out.sum() < len(listed)
        assert layer.n_parameters == np.count_nonzero(layer.weight) + layer.bias.size
    assert ann.dense_macs == sum(layer.n_synapses for layer in ann.layers)
    assert ann.n_parameters == sum(layer.n_parameters for layer in ann.layers)


def test_no_images_give_empty_results(mlp: Ann) -> None:
    assert mlp.logits(np.empty((0, 6))).shape == (0, 3)
    assert mlp.effective_macs(np.empty((0, 6))).shape == (0,)


def test_accuracy_is_the_share_of_largest_logits(mlp: Ann, rng: np.random.Generator) -> None:
    x = rng.random((10, 6))
    labels = mlp.logits(x).argmax(axis=1)
    labels[:3] = (labels[:3] + 1) % 3
    assert mlp.accuracy(x, labels) == 0.7


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_save_and_load_round_trip(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    ann: Ann = request.getfixturevalue(kind)
    path = tmp_path / "weights.other"
    ann.save(path)
    loaded = Ann.load(path)
    assert (loaded.name, loaded.provenance, loaded.widths) == (ann.name, ann.provenance, ann.widths)
    for a, b in zip(loaded.layers, ann.layers, strict=True):
        assert type(a) is type(b)
        assert a.weight.dtype == a.bias.dtype == np.float32
        assert np.array_equal(a.weight, b.weight)
        assert np.array_equal(a.bias, b.bias)
        if isinstance(a, Conv2d) and isinstance(b, Conv2d):
            assert (a.stride, a.input_shape) == (b.stride, b.input_shape)
    again = tmp_path / "again.npz"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_weights_are_stored_rounded_to_float16(tmp_path: Path) -> None:
    ann = Ann("1-1", (Dense(np.array([[1 / 3]]), np.array([1 / 3])),))
    ann.save(tmp_path / "a.npz")
    layer = Ann.load(tmp_path / "a.npz").layers[0]
    assert layer.weight[0, 0] == np.float16(1 / 3) == ann.rounded().layers[0].weight[0, 0]
    assert layer.bias[0] == np.float32(1 / 3)


def test_what_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnError, match="65504"):
        Ann("1-1", (Dense(np.array([[1e5]]), np.zeros(1)),)).save(tmp_path / "a.npz")
    with pytest.raises(AnnError, match="JSON"):
        Ann("1-1", (Dense(np.ones((1, 1)), np.zeros(1)),), {"when": object()}).save(tmp_path / "a.npz")
    assert not (tmp_path / "a.npz").exists()


def test_an_interrupted_save_leaves_the_earlier_file(mlp: Ann, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.npz"
    mlp.save(path)
    before = path.read_bytes()

    def interrupted(file: BinaryIO, **arrays: object) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mlp.save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.npz"]


def test_damaged_files_are_named(mlp: Ann, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    mlp.save(path)
    whole = path.read_bytes()
    refused = []
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        with pytest.raises(AnnError, match=r"weights\.npz"):
            Ann.load(path)
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:  # a byte that nobody reads, a date for instance, may be anything
            Ann.load(path)
        except AnnError as error:
            refused.append(str(error))
    assert len(refused) > len(whole) // 10
    assert all("weights.npz" in message for message in refused)


def test_foreign_files_are_refused(mlp: Ann, tmp_path: Path) -> None:
    with pytest.raises(AnnError, match=r"missing\.npz: no such file"):
        Ann.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(AnnError, match=r"text\.npz: not a readable"):
        Ann.load(tmp_path / "text.npz")
    np.save(tmp_path / "bare.npy", np.ones(3))
    with pytest.raises(AnnError, match=r"bare\.npy: not a readable"):
        Ann.load(tmp_path / "bare.npy")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(AnnError, match=r"other\.npz: an \.npz file, but not"):
        Ann.load(tmp_path / "other.npz")
    mlp.save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as data:
        arrays = dict(data)
    np.savez(tmp_path / "newer.npz", **{**arrays, "format": np.int64(99)})
    with pytest.raises(AnnError, match=r"newer\.npz: format version 99, this snnsim reads 1"):
        Ann.load(tmp_path / "newer.npz")
    header = json.loads(str(arrays["header"]))
    for change in ({"layers": header["layers"] * 2}, {"layers": [{}]}, {"layers": 3}, {"layers": []}):
        np.savez(tmp_path / "odd.npz", **{**arrays, "header": json.dumps({**header, **change})})
        with pytest.raises(AnnError, match=r"odd\.npz: the description"):
            Ann.load(tmp_path / "odd.npz")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Dense(np.ones(3), np.ones(3)), r"Dense\.weight must have 2 non-empty dimensions"),
        (lambda: Dense(np.ones((3, 0)), np.ones(0)), r"Dense\.weight must have 2 non-empty dimensions"),
        (lambda: Dense(np.ones((3, 2)), np.ones(3)), r"Dense\.bias must have shape \(2,\)"),
        (lambda: Dense(np.full((3, 2), np.nan), np.ones(2)), r"Dense\.weight must be finite"),
        (lambda: Conv2d(np.ones((1, 1, 3, 2)), np.ones(1), 1, (1, 5, 5)), "square kernels, got 3 x 2"),
        (lambda: Conv2d(np.ones((2, 1, 3, 3)), np.ones(1), 1, (1, 5, 5)), r"Conv2d\.bias must have shape \(2,\)"),
        (lambda: Conv2d(np.ones((1, 1, 3, 3)), np.ones(1), 0, (1, 5, 5)), r"Conv2d\.stride must be at least 1"),
        (lambda: Conv2d(np.ones((1, 1, 3, 3)), np.ones(1), 1, (1, 5, 2)), r"Conv2d\.input_shape must be \(1, >= 3"),
        (lambda: Conv2d(np.ones((1, 1, 3, 3)), np.ones(1), 1, (2, 5, 5)), r"Conv2d\.input_shape must be \(1, >= 3"),
        (lambda: Ann("none", ()), "'none' must have at least one layer"),
        (
            lambda: Ann("bad", (Dense(np.ones((3, 2)), np.ones(2)), Dense(np.ones((3, 2)), np.ones(2)))),
            "'bad': layer 1 takes 3 inputs, but layer 0 gives 2",
        ),
    ],
)
def test_impossible_layers_are_refused(build: object, message: str) -> None:
    with pytest.raises(AnnError, match=message):
        build()  # type: ignore[operator]


def test_inputs_of_another_width_are_refused(mlp: Ann) -> None:
    for x in (np.ones(6), np.ones((2, 5)), np.ones((2, 2, 3))):
        for method in (mlp.logits, mlp.activations, mlp.effective_macs):
            with pytest.raises(AnnError, match=r"'6-5-3' takes inputs of shape \(n, 6\)"):
                method(x)


def test_nothing_is_shipped_for_an_unknown_data_set() -> None:
    assert shipped("no-such-data") == []
    assert shipped("../weights/mnist") == []


def test_shipped_weights_are_complete_and_small() -> None:
    assert {ann.name for ann in shipped("mnist")} == MNIST_NAMES
    assert len(shipped("digits")) >= 6
    folder = Path(ann_module.__file__).parent / "weights"
    assert sum(path.stat().st_size for path in folder.glob("*/*.npz")) <= 8_000_000
    macs = [ann.dense_macs for ann in shipped("mnist")]
    assert macs == sorted(macs)


def check_shipped(dataset: datasets.Dataset) -> None:
    """Every shipped network gives exactly the accuracies of its record, on the data that the record names."""
    for ann in shipped(dataset.name):
        record = ann.provenance
        assert record["dataset"] == {"name": dataset.name, "md5": dataset.md5}
        assert ann.accuracy(dataset.test.pixels, dataset.test.labels) == record["test_accuracy"], ann.name
        validation = ann.accuracy(dataset.validation.pixels, dataset.validation.labels)
        assert validation == record["validation_accuracy"], ann.name


def test_shipped_digits_weights_reach_their_recorded_accuracy() -> None:
    check_shipped(datasets.load("digits"))


def test_shipped_mnist_weights_reach_their_recorded_accuracy(mnist_dir: Path) -> None:
    dataset = datasets.load("mnist", mnist_dir)
    check_shipped(dataset)
    anns = {ann.name: ann for ann in shipped("mnist")}
    assert anns["784-1200-1200-10"].dense_macs == 2_392_800
    # The opponents that the comparison is worth nothing without: cheap dense networks and cheap pruned ones.
    x, labels = dataset.test.pixels, dataset.test.labels
    assert anns["784-4c5s2-8c5s2-10"].accuracy(x, labels) >= 0.98
    assert anns["784-144-10-pruned"].accuracy(x, labels) >= 0.98
    assert anns["784-144-10-pruned"].effective_macs(x).mean() < 2000
