"""Conversion: what the spiking twin of an ANN is, that it computes what the ANN computes, and what is refused."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference_simulator import Reference, matrix

import snnsim
from snnsim import AnnError, Graded, Latency, Poisson, SimulationError, Simulator, Sparse
from snnsim.ann import Ann, Conv2d, Dense, shipped
from snnsim.connections import Convolution
from snnsim.conversion import CALIBRATION_IMAGES, CODES, RateCode, Responses, SpikingTwin, TTFSCode, convert
from snnsim.datasets import load

# Fine enough that what is left is an error of the conversion: no clipping (the largest activation is within range), many steps.
_RATE = RateCode(steps=1500, gain=0.5, percentile=100.0, headroom=0.9)
FINE: dict[str, RateCode | TTFSCode] = {
    "rate": _RATE,
    "current": _RATE,
    "poisson": RateCode(steps=6000, gain=0.5, percentile=100.0, headroom=0.9),
    "ttfs": TTFSCode(window=1024, percentile=100.0, headroom=0.9),
}


def dense(*widths: int, seed: int = 0) -> Ann:
    rng = np.random.default_rng(seed)
    layers = [
        Dense(rng.normal(0, 1.5 / np.sqrt(n), (n, m)).astype(np.float32), rng.normal(0, 0.1, m).astype(np.float32))
        for n, m in itertools.pairwise(widths)
    ]
    return Ann("-".join(map(str, widths)), tuple(layers))


def conv_layer(
    rng: np.random.Generator, c_out: int, kernel: int, stride: int, input_shape: tuple[int, int, int]
) -> Conv2d:
    fan_in = input_shape[0] * kernel**2
    weight = rng.normal(0, 1.5 / np.sqrt(fan_in), (c_out, input_shape[0], kernel, kernel)).astype(np.float32)
    return Conv2d(weight, rng.normal(0, 0.1, c_out).astype(np.float32), stride, input_shape)


def dense_layer(rng: np.random.Generator, n_in: int, n_out: int) -> Dense:
    weight = rng.normal(0, 1.5 / np.sqrt(n_in), (n_in, n_out)).astype(np.float32)
    return Dense(weight, rng.normal(0, 0.1, n_out).astype(np.float32))


def convolutional() -> Ann:
    """One channel in, two convolutions over a rectangle, then dense."""
    rng = np.random.default_rng(1)
    first = conv_layer(rng, 3, 3, 2, (1, 9, 7))
    second = conv_layer(rng, 4, 2, 1, first.output_shape)
    return Ann("conv", (first, second, dense_layer(rng, second.n_out, 5)))


def colour() -> Ann:
    """Three channels in: the pixels come channel by channel, as the ANN takes them."""
    rng = np.random.default_rng(2)
    first = conv_layer(rng, 4, 3, 1, (3, 5, 6))
    return Ann("colour", (first, dense_layer(rng, first.n_out, 5)))


def dense_then_convolution() -> Ann:
    rng = np.random.default_rng(3)
    convolution = conv_layer(rng, 3, 2, 1, (2, 4, 3))
    return Ann("decoder", (dense_layer(rng, 20, 24), convolution, dense_layer(rng, convolution.n_out, 5)))


def pixels(ann: Ann, n: int = 40, seed: int = 5) -> np.ndarray:
    """Pixels that 8 bits hold exactly, some of them 0."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 257, (n, ann.widths[0])) * (rng.random((n, ann.widths[0])) < 0.7) / 256
    return x.astype(np.float32)


def small() -> tuple[Ann, np.ndarray]:
    ann = dense(12, 16, 4)
    return ann, pixels(ann)


# --- the function that is computed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "make", [lambda: dense(12, 16, 16, 4), convolutional, colour, dense_then_convolution, lambda: dense(9, 4)],
    ids=["dense", "convolutional", "colour", "dense then convolution", "one layer"],
)  # fmt: skip
def test_the_twin_computes_what_the_ann_computes(make: Callable[[], Ann], code: str) -> None:
    """With many steps the scores are proportional to the logits; a wrong order, scale or bias shows at once."""
    ann = make()
    x = pixels(ann)
    twin = convert(ann, code, calibration=x, settings=FINE[code])
    logits, scores = ann.logits(x).astype(np.float64), twin.run(x, threads=1).scores[:, -1].astype(np.float64)
    # The last layer speaks in its own unit; the time over which it integrated scales it.
    scale = (scores * logits).sum() / (logits**2).sum()
    assert scale > 0
    error = np.abs(scores / scale - logits).max() / np.abs(logits).max()
    assert error < (0.12 if code == "poisson" else 0.04), error


def test_more_steps_come_closer() -> None:
    ann, x = small()
    logits = ann.logits(x)
    for code, settings in (
        ("rate", [RateCode(n, 0.5, 100.0, 0.9) for n in (20, 2000)]),
        ("ttfs", [TTFSCode(n, 100.0, 0.9) for n in (8, 1024)]),
    ):
        errors = []
        for setting in settings:
            scores = convert(ann, code, calibration=x, settings=setting).run(x, threads=1).scores[:, -1]
            errors.append(np.abs(scores * (scores * logits).sum() / (scores**2).sum() - logits).max())
        assert errors[1] < errors[0] / 4, code


def test_a_layer_that_is_never_active_is_no_obstacle() -> None:
    ann = Ann("dead", (Dense(-np.ones((3, 4)), -np.ones(4)), Dense(np.ones((4, 2)), np.array([0.25, 0.75]))))
    for code in CODES:
        twin = convert(ann, code, calibration=np.ones((5, 3)))
        responses = twin.run(np.ones((2, 3)), threads=1)
        assert (responses.scores[:, -1].argmax(axis=1) == 1).all()


# --- exactness -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("headroom", [0.05, 0.5, 2.0, 20.0])
@pytest.mark.parametrize("length", [7, 100])
def test_no_sum_rounds_whatever_the_settings(code: str, headroom: float, length: int) -> None:
    ann = dense(12, 16, 16, 4, seed=3)
    x = pixels(ann, 8)
    settings = (
        TTFSCode(window=length, headroom=headroom)
        if code == "ttfs"
        else RateCode(steps=length, gain=0.3, headroom=headroom, percentile=80)
    )
    twin = convert(ann, code, calibration=x, settings=settings)
    names = list(twin.network.populations)
    values = {"pixels": twin.input_values(x)}
    simulator = Simulator(twin.network, copies=8, precision=twin.precision, threads=1)
    result = simulator.run(
        twin.n_steps * 1.0,
        inputs=values,
        record={name: ["spikes", *(["v"] if name != "pixels" else [])] for name in names},
    )
    record = tuple((name, "v") for name in names if name != "pixels")
    reference = Reference(twin.network).run(twin.n_steps, 8, values, record=record)
    for name in names:
        train = result.spikes[name]
        for ours, theirs in zip((train.copies, train.steps, train.neurons), reference.events(name), strict=True):
            assert np.array_equal(ours, theirs), name
    for key, expected in reference.states.items():
        assert np.array_equal(result.states[key], expected), key


def test_weights_and_biases_are_binary_fractions_close_to_the_scaled_ones() -> None:
    ann, x = small()
    for code in CODES:
        twin = convert(ann, code, calibration=x)
        for projection, layer in zip(twin.network.projections, ann.layers, strict=True):
            w = matrix(projection.connection)
            assert np.array_equal(np.ldexp(w, 30), np.rint(np.ldexp(w, 30))) or code == "current"
            ratio = w[layer.weight != 0] / layer.weight[layer.weight != 0]
            np.testing.assert_allclose(ratio, np.median(ratio), rtol=2e-2)


# --- structure -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_the_twin_has_the_architecture_of_the_ann(code: str) -> None:
    ann = convolutional()
    twin = convert(ann, code, calibration=pixels(ann))
    populations = twin.network.populations
    assert [population.size for population in populations.values()] == ann.widths
    assert list(populations) == ["pixels", "hidden1", "hidden2", "output"]
    assert [population.encoder for population in populations.values()] == [True, False, False, False]
    assert twin.name == f"conv {code}"
    assert twin.n_neurons == sum(ann.widths)
    assert twin.n_synapses == ann.dense_macs
    kinds = {"rate": snnsim.IF, "ttfs": Latency, "poisson": Poisson, "current": Graded}
    assert isinstance(populations["pixels"].model, kinds[code])
    assert isinstance(twin.network.projections[0].connection, Convolution)


def test_pruned_layers_become_sparse() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(20, 30)) * (rng.random((20, 30)) < 0.1)
    ann = Ann("pruned", (Dense(weight, np.zeros(30)), dense_layer(rng, 30, 3)))
    twin = convert(ann, "rate", calibration=pixels(ann))
    first, second = (projection.connection for projection in twin.network.projections)
    assert isinstance(first, Sparse)
    assert not isinstance(second, Sparse)
    assert twin.n_synapses == np.count_nonzero(weight) + 90


def test_ttfs_neurons_fire_once_within_the_window_of_their_layer() -> None:
    ann = dense(12, 16, 16, 4)
    x = pixels(ann)
    twin = convert(ann, "ttfs", calibration=x, settings=TTFSCode(window=20))
    assert twin.n_steps == 3 * 21
    simulator = Simulator(twin.network, copies=len(x), precision=twin.precision)
    record = {name: ["spikes"] for name in twin.network.populations}
    spikes = simulator.run(63.0, inputs={"pixels": twin.input_values(x)}, record=record).spikes
    for k, name in enumerate(("pixels", "hidden1", "hidden2")):
        assert spikes[name].counts().max() == 1
        assert spikes[name].steps.min() >= 21 * k
        assert spikes[name].steps.max() < 21 * k + 20
    assert len(spikes["output"]) == 0
    active_units = [x > 0, *(a > 0 for a in ann.activations(x)[:-1])]
    for name, active in zip(("pixels", "hidden1"), active_units, strict=False):
        assert not (spikes[name].counts()[~active]).any(), name


# --- runs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_batches_threads_and_repetition_change_nothing(code: str) -> None:
    ann, x = small()
    twin = convert(ann, code, calibration=x)
    expected = twin.run(x, seed=3, first_sample=50, threads=1)
    done: list[int] = []
    for options in ({"batch": 1}, {"batch": 7, "threads": 2, "progress": done.append}, {"threads": 4}, {"batch": 1000}):
        again = twin.run(x, seed=3, first_sample=50, **options)
        for field in dataclasses.fields(Responses):
            assert np.array_equal(getattr(again, field.name), getattr(expected, field.name)), (options, field.name)
    assert done == [7] * 5 + [5]
    parts = [twin.run(x[:11], seed=3, first_sample=50), twin.run(x[11:], seed=3, first_sample=61)]
    joined = Responses.concatenate(parts)
    for field in dataclasses.fields(Responses):
        assert np.array_equal(getattr(joined, field.name), getattr(expected, field.name)), field.name
    other = twin.run(x, seed=4, first_sample=50)
    assert np.array_equal(other.spikes, expected.spikes) == (code != "poisson")


def test_responses_have_the_promised_shapes() -> None:
    ann, x = small()
    twin = convert(ann, "current", calibration=x)
    responses = twin.run(x)
    assert responses.scores.shape == (40, twin.n_steps, 4)
    assert responses.scores.dtype == np.float32
    for name in ("acs", "macs", "membrane_updates", "spikes", "encoder_operations"):
        counts = getattr(responses, name)
        assert (counts.shape, counts.dtype) == ((40, twin.n_steps), np.int64), name
    assert responses.macs[:, 0].tolist() == (np.count_nonzero(x, axis=1) * 16).tolist()
    assert not responses.macs[:, 1:].any()


def test_no_samples_give_empty_responses() -> None:
    ann, x = small()
    twin = convert(ann, "rate", calibration=x)
    responses = twin.run(x[:0])
    assert responses.scores.shape == (0, twin.n_steps, 4)
    assert responses.acs.shape == (0, twin.n_steps)


def test_a_run_does_not_change_the_description() -> None:
    ann, x = small()
    twin = convert(ann, "poisson", calibration=x)
    before = twin.network.seed
    twin.run(x, seed=before + 17)
    assert twin.network.seed == before


# --- what is refused -----------------------------------------------------------------------------------------------------


def refused(**changes: Any) -> SpikingTwin:
    ann, x = small()
    given = {"ann": ann, "code": "rate", "calibration": x, "settings": None} | changes
    return convert(given["ann"], given["code"], calibration=given["calibration"], settings=given["settings"])


def refused_run(**changes: Any) -> Responses:
    ann, x = small()
    given = {"pixels": x} | changes
    return convert(ann, "poisson", calibration=x).run(**given)


BAD: list[tuple[str, Callable[[], Any], type[ValueError], tuple[str, ...]]] = [
    ("code", lambda: refused(code="morse"), AnnError, ("code", "rate", "morse")),
    ("settings", lambda: refused(settings=TTFSCode()), AnnError, ("'rate'", "TTFSCode")),
    ("settings of ttfs", lambda: refused(code="ttfs", settings=RateCode()), AnnError, ("'ttfs'", "RateCode")),
    ("calibration shape", lambda: refused(calibration=np.ones((3, 5))), AnnError, ("12", "(3, 5)")),
    ("calibration flat", lambda: refused(calibration=np.ones(12)), AnnError, ("12", "(12,)")),
    ("calibration empty", lambda: refused(calibration=np.ones((0, 12))), AnnError, ("calibration",)),
    ("calibration nan", lambda: refused(calibration=np.full((3, 12), np.nan)), AnnError, ("calibration",)),
    ("calibration in bytes", lambda: refused(calibration=np.full((3, 12), 255)), AnnError, ("calibration", "0", "1")),
    ("steps", lambda: RateCode(steps=0), AnnError, ("RateCode", "steps", "at least 1", "0")),
    ("fractional steps", lambda: RateCode(steps=1.5), AnnError, ("RateCode", "steps", "1.5")),
    ("gain", lambda: RateCode(gain=1.5), AnnError, ("RateCode", "gain", "1.5")),
    ("gain zero", lambda: RateCode(gain=0.0), AnnError, ("RateCode", "gain", "0")),
    ("percentile", lambda: RateCode(percentile=101.0), AnnError, ("RateCode", "percentile", "100", "101")),
    ("headroom", lambda: TTFSCode(headroom=0.0), AnnError, ("TTFSCode", "headroom", "above 0")),
    ("window", lambda: TTFSCode(window=1), AnnError, ("TTFSCode.window", "at least 2", "1")),
    ("fractional window", lambda: TTFSCode(window=2.5), AnnError, ("TTFSCode.window", "2.5")),
    ("pixels shape", lambda: refused_run(pixels=np.ones((2, 11))), SimulationError, ("(n, 12)", "(2, 11)")),
    ("pixels above 1", lambda: refused_run(pixels=np.full((2, 12), 1.5)), SimulationError, ("pixels", "0 and 1")),
    ("pixels nan", lambda: refused_run(pixels=np.full((2, 12), np.nan)), SimulationError, ("pixels", "finite")),
    ("batch", lambda: refused_run(batch=0), SimulationError, ("batch", "at least 1", "0")),
    ("threads", lambda: refused_run(threads=0), SimulationError, ("threads", "at least 1", "0")),
    ("seed", lambda: refused_run(seed=-1), SimulationError, ("seed", "-1")),
    ("seed too large", lambda: refused_run(seed=2**64), SimulationError, ("seed", "2**64 - 1")),
]


@pytest.mark.parametrize(("make", "error", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_does_not_fit_is_named(make: Callable[[], Any], error: type[ValueError], words: tuple[str, ...]) -> None:
    with pytest.raises(error) as raised:
        make()
    for word in words:
        assert word in str(raised.value)


# --- calibration on what the network was trained on ------------------------------------------------------------------------


def test_convert_finds_the_training_data_by_itself() -> None:
    ann = shipped("digits")[0]
    found, given = convert(ann), convert(ann, calibration=load("digits").train.first(CALIBRATION_IMAGES).pixels)
    for mine, theirs in zip(found.network.projections, given.network.projections, strict=True):
        assert np.array_equal(mine.connection.weights, theirs.connection.weights)


@pytest.mark.parametrize(
    ("provenance", "words"),
    [({}, "names no data set"), ({"dataset": {"name": "digits", "md5": "0" * 32}}, "trained on another digits")],
)
def test_convert_refuses_to_guess_the_training_data(provenance: dict[str, Any], words: str) -> None:
    ann = shipped("digits")[0]
    with pytest.raises(AnnError, match=f"{words}.*calibration must be given"):
        convert(Ann(ann.name, ann.layers, provenance))
