"""Networks of patch detectors: the compiled loops against the general simulator, and what training, saving and resuming promise."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from snnsim_kernels.detectors import DetectorCount
from snnsim_kernels.read_out import LANES, ReadOutCount, learn_read_out
from snnsim_kernels.volleys import VolleyCount, learn_volleys

from snnsim import (
    IF,
    AdaptiveThresholdLIF,
    DeltaRule,
    Dense,
    Homeostasis,
    Network,
    NetworkError,
    SimulationError,
    Simulator,
    SpikeArray,
    SpikeTrain,
    TimedInput,
    VolleySTDP,
    WinnerTakeAll,
)
from snnsim.datasets import Split, load
from snnsim.learning.mcnemar import mcnemar
from snnsim.learning.models import MODELS
from snnsim.learning.patch_network import PatchNetwork, PatchSettings
from snnsim.learning.patch_pictures import causes, decide
from snnsim.learning.patches import PatchLearner
from snnsim.learning.session import learn
from snnsim.learning.trained import Provenance, load_learner, save_learner

SMALL = PatchSettings(
    maps=24, kernel=4, stride=1, padding=1, latencies=(0.8, 0.5, 0.2), patches=4000, passes=2, least=3, theta=2.5, target=3.0,
    threshold_images=600, epochs=8, read_out_rate=0.03,
)  # fmt: skip

# --- the loops against the general simulator --------------------------------------------------------------------------


def test_the_competition_is_that_of_the_simulator() -> None:
    """Volleys 300 ms apart, in one run of a network of adaptive neurons under the general rules."""
    n, n_inputs, n_neurons, steps, period, eta = 60, 12, 5, 3, 300, 0.2
    rng = np.random.default_rng(5)
    volleys = rng.integers(0, 6, (n, n_inputs)).astype(np.uint8)  # 3 to 5: silent
    first, tau_m, theta, rise = rng.uniform(-0.2, 1.0, (n_inputs, n_neurons)), 9.5, 1.5, 0.07

    net = Network(dt=1.0)
    inputs = net.population("in", n_inputs, SpikeArray())
    model = AdaptiveThresholdLIF(
        tau_m=tau_m, v_threshold=0.0, theta_initial=theta, theta_plus=rise, tau_theta=math.inf, t_ref=period - 20.0
    )
    neurons = net.population("n", n_neurons, model)
    rule = VolleySTDP(w_min=-1.0, w_max=1.0, eta=eta, window=10.0)
    net.connect(inputs, neurons, first, plasticity=rule)
    net.regulate(neurons, WinnerTakeAll(inhibition=period - 20.0))
    net.regulate(neurons, Homeostasis(rise / n_neurons))
    simulator = Simulator(net)
    spikes = [(i * period + int(volleys[i, j]), j) for i in range(n) for j in range(n_inputs) if volleys[i, j] < steps]
    at, who = np.array(sorted(spikes)).T
    train = SpikeTrain.from_times(at.astype(float), who, size=n_inputs, dt=1.0, duration=float(n * period))
    result = simulator.run(n * period, inputs={"in": train}, record={"n": ["spikes", "theta"]})

    weights, thetas = first.copy(), np.full(n_neurons, theta)
    wins, counts = np.zeros(n_neurons, np.int64), np.zeros(VolleyCount.COUNT, np.int64)
    learn_volleys(
        volleys, steps, weights, thetas, math.exp(-1 / tau_m), np.full(n, eta), np.array([-1.0, 1.0]), rise,
        rise / n_neurons, wins, counts,
    )  # fmt: skip
    np.testing.assert_allclose(simulator.weights("in->n").reshape(n_inputs, n_neurons), weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.states["n", "theta"][0, -1], thetas, rtol=0, atol=1e-12)
    assert np.array_equal(np.bincount(result.spikes["n"].neurons, minlength=n_neurons), wins)
    assert np.count_nonzero(wins) > 2  # a real competition ...
    assert 0 < counts[VolleyCount.SPIKES] < n  # ... that not every volley decides ...
    assert counts[VolleyCount.LATENCY] > 0  # ... nor its first spikes
    late = (volleys < steps)[:, :, None] & (volleys[:, :, None] > 0)
    assert late.any()


@pytest.fixture(scope="module")
def trained() -> PatchLearner:
    split = load("digits").train
    learner = PatchLearner(SMALL, (8, 8), 10, seed=1)
    assert list(learner.train(split, 700))[-1].done == SMALL.epochs * len(split)
    return learner


def test_detectors_pooling_and_answers_are_those_of_the_simulator(trained: PatchLearner) -> None:
    test = load("digits").test
    network = trained.network
    weights = network.weights.copy()
    network.weights[np.abs(weights) < 0.1] = 0  # a zero is not a synapse
    simulator = Simulator(network.network(), precision="float32")
    for image in test.images[:12]:
        simulator.reset()
        record = {"detectors": "spikes", "pooled": "spikes", "classes": "v"}
        result = simulator.run(
            SMALL.steps + 3.0, inputs={"pixels": network.volley(image, test.full_scale)}, record=record
        )
        features, counts = network.detect(network.encode(image[None], test.full_scale))
        answer, _ = network.answers(image[None], test.full_scale)
        bits = np.unpackbits(features.view(np.uint8), bitorder="little")
        assert np.array_equal(np.flatnonzero(bits), np.sort(result.spikes["pooled"].neurons))
        events = dict(zip(result.operations.projections, result.operations.events.sum(axis=(0, 1)), strict=True))
        assert (
            counts[DetectorCount.EVENTS] == events["pixels->detectors"] < 24 * 16 * counts[DetectorCount.INPUT_SPIKES]
        )
        assert counts[DetectorCount.POOLING_EVENTS] == events["detectors->pooled"]
        assert counts[DetectorCount.SPIKES] == len(result.spikes["detectors"].neurons) > 0
        assert counts[DetectorCount.POOLED_SPIKES] == len(result.spikes["pooled"].neurons)
        assert int(np.argmax(result.v("classes")[0, -1])) == answer[0]
    network.weights[...] = weights


@pytest.mark.parametrize("least_error", [0.0, 0.4])
def test_the_read_out_learns_by_the_delta_rule_of_the_simulator(least_error: float) -> None:
    n_inputs, n_classes, n, eta = 20, 4, 15, 0.3
    rng = np.random.default_rng(2)
    spiking, labels = rng.random((n, n_inputs)) < 0.4, rng.integers(0, n_classes, n)
    net = Network(dt=1.0)
    inputs = net.population("in", n_inputs, SpikeArray())
    classes = net.population("out", n_classes, IF(v_threshold=math.inf))
    net.connect(
        inputs,
        classes,
        Dense(np.full((n_inputs, n_classes), 1e-9)),
        plasticity=DeltaRule(eta=eta, own=0.0, tau=math.inf),
    )
    simulator, updates = Simulator(net), 0
    for pattern, label in zip(spiking, labels, strict=True):
        simulator.reset()
        (who,) = np.nonzero(pattern)
        train = SpikeTrain.from_times(np.zeros(len(who)), who, size=n_inputs, dt=1.0, duration=2.0)
        v = simulator.run(2.0, inputs={"in": train}, record={"out": "v"}).v("out")[0, -1]
        error = (np.arange(n_classes) == label) - 1 / (1 + np.exp(-v))
        error[np.abs(error) < least_error] = 0
        updates += int(np.count_nonzero(error)) * len(who)
        simulator.run(2.0, modulators={"in->out": TimedInput([0.0], error[None])})
    words = np.zeros((n, 1), np.uint64)
    for i, j in itertools.product(range(n), range(n_inputs)):
        words[i, 0] |= np.uint64(int(spiking[i, j]) << j)
    weights, counts = np.zeros((64, LANES)), np.zeros(ReadOutCount.COUNT, np.int64)
    learn_read_out(words, labels, np.arange(n), n_classes, weights, np.full(n, eta), least_error, counts)
    found = simulator.weights("in->out").reshape(n_inputs, n_classes)
    np.testing.assert_allclose(found, weights[:n_inputs, :n_classes], rtol=0, atol=1e-6)  # it starts at 1e-9
    assert np.abs(found).max() > 0.1
    assert not weights[n_inputs:].any()
    assert not weights[:, n_classes:].any()
    assert counts[ReadOutCount.EVENTS] == spiking.sum() * n_classes
    assert counts[ReadOutCount.PLASTICITY_UPDATES] == updates > 0
    assert (updates < spiking.sum() * n_classes) == (least_error > 0)


# --- training ---------------------------------------------------------------------------------------------------------


def test_it_learns_digits_and_every_map_takes_part(trained: PatchLearner) -> None:
    split = load("digits").test
    answers = trained.answers(split)
    assert np.mean(answers.classes == split.labels) > 0.88  # a tenth by chance
    _, counts = trained.network.detect(trained.network.encode(split.images, split.full_scale))
    per_map = counts[DetectorCount.SPIKES] / len(split) / SMALL.maps
    assert per_map == pytest.approx(SMALL.target, rel=0.25)
    pooled = int(counts[DetectorCount.POOLED_SPIKES])
    expected = counts[DetectorCount.EVENTS] + counts[DetectorCount.POOLING_EVENTS] + 10 * pooled
    assert answers.operations["synaptic_events"] == expected


def test_an_interrupted_training_goes_on_to_the_same_network(trained: PatchLearner) -> None:
    """Interrupted in each stage, and cut into other parts."""
    split = load("digits").train
    parts = len(list(PatchLearner(SMALL, (8, 8), 10, seed=1).train(split, 700)))
    assert parts > 8
    for stop in (1, 4, parts - 5, parts - 1):
        first = PatchLearner(SMALL, (8, 8), 10, seed=1)
        list(itertools.islice(first.train(split, 700), stop))
        second = PatchLearner(SMALL, (8, 8), 10, seed=1)
        second.restore({name: array.copy() for name, array in first.state.items()})
        list(second.train(split, 1000))
        for name, array in second.network.learned.items():
            assert np.array_equal(array, trained.network.learned[name]), (stop, name)
        assert {**second.operations} == {**trained.operations}


def test_deformed_copies_are_others_each_epoch_and_the_same_after_an_interruption() -> None:
    pytest.importorskip("torch")
    split = load("digits").train.first(400)
    settings = dataclasses.replace(SMALL, epochs=4, augmented=2, least_error=0.1, threshold_images=200)

    def shown(learner: PatchLearner, epoch: int) -> NDArray[np.uint64]:
        features, labels, order = learner._shown(split, epoch, np.arange(len(split)))
        assert np.array_equal(labels[order], split.labels)
        return features[order]

    whole = PatchLearner(settings, (8, 8), 10, seed=2)
    parts = len(list(whole.train(split, 150)))
    found = [shown(whole, epoch) for epoch in range(4)]
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])
    assert np.array_equal(found[2], found[3])  # the images as they are
    whole = PatchLearner(settings, (8, 8), 10, seed=2)
    list(whole.train(split, 150))
    for stop in (parts - 8, parts - 4, parts - 1):
        first = PatchLearner(settings, (8, 8), 10, seed=2)
        list(itertools.islice(first.train(split, 150), stop))
        second = PatchLearner(settings, (8, 8), 10, seed=2)
        second.restore({name: array.copy() for name, array in first.state.items()})
        list(second.train(split, 150))
        assert np.array_equal(second.network.read_out, whole.network.read_out), stop
        assert second.operations == whole.operations
    read_out = whole.operations["synaptic_events_read_out"]
    assert 0 < whole.operations["plasticity_updates"] - whole.operations["plasticity_updates_detectors"] < read_out


def test_a_saved_network_answers_alike_and_any_number_of_threads_does(trained: PatchLearner, tmp_path: Path) -> None:
    split = load("digits").test
    save_learner(tmp_path / "network.npz", trained, Provenance("digits", "", 5, finished=True))
    loaded, _ = load_learner(tmp_path / "network.npz", MODELS)
    assert (loaded.settings, loaded.seed) == (trained.settings, trained.seed)
    first = trained.answers(split)
    for threads in (1, 2, 5):
        for learner in (trained, loaded):
            answers = learner.answers(split, threads)
            assert np.array_equal(answers.classes, first.classes)
            assert answers.operations == first.operations


def test_the_control_keeps_its_random_detectors(trained: PatchLearner) -> None:
    control = trained.control()
    assert control is not None
    assert control.control() is None
    before = control.network.weights.copy()
    stages = {progress.stage for progress in control.train(load("digits").train.first(300), 100)}
    assert stages == {"thresholds", "read-out"}
    assert np.array_equal(control.network.weights, before)
    assert control.operations["plasticity_updates_detectors"] == 0 < control.operations["plasticity_updates"]


def test_every_number_of_maps_has_settings() -> None:
    for maps in (None, 16, 128, 300, 2000):
        settings = PatchLearner.defaults(maps)
        assert settings.maps == (maps or 128)
        assert PatchLearner(settings, (28, 28), 10).neurons == settings.maps


def test_pictures_have_a_field_for_each_map_and_a_history(trained: PatchLearner) -> None:
    assert trained.receptive_fields().shape == (24, 4, 4)
    np.testing.assert_array_equal(trained.receptive_fields()[3], trained.network.weights[:, :, 3])
    history = trained.history
    assert history.done[0] == 0 < history.done[-1]
    assert len(history.done) == len(history.thresholds) == len(history.weights) > 10
    assert (history.weights.sum(axis=1) == trained.network.weights.size).all()
    control = trained.control()
    assert control is not None
    assert len(control.history.done) == 1


def test_a_decision_is_traced_to_detectors_and_pixels(trained: PatchLearner) -> None:
    """All votes are the potentials of the read-out, and the pixels of a detector explain when it spiked and why not before."""
    test, network = load("digits").test, trained.network
    answers = trained.answers(test.first(4)).classes
    for image, answer in zip(test.images[:4], answers, strict=True):
        found = decide(network, image, test.full_scale)
        assert found.answer == answer != found.runner_up
        np.testing.assert_allclose(found.votes.sum(axis=0), found.potentials, rtol=0, atol=1e-4)
        assert len(found.detectors) == len(found.result.spikes["detectors"].neurons) > 20
        lead = (found.votes[:, found.answer] - found.votes[:, found.runner_up])[found.strongest]
        assert lead[0] == lead.max() > 0
        for detector in found.detectors:
            pixels, threshold = causes(network, image, test.full_scale, detector), network.thresholds[detector[3]]
            assert pixels.sum() > threshold
            assert not pixels[image == 0].any()
            earlier = causes(network, image, test.full_scale, detector - [1, 0, 0, 0])
            assert earlier.sum() <= threshold


def test_pictures_of_one_image_are_drawn(trained: PatchLearner, tmp_path: Path) -> None:
    pictures = trained.pictures(load("digits").test)
    assert set(pictures) == {"raster.png", "decision.png"}
    for name, figure in pictures.items():
        figure.savefig(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    above = pictures["decision.png"].axes[:9]
    assert [len(axes.images) for axes in above] == [1] * 9  # the image, and eight detectors


def test_inputs_after_the_winner_are_learned() -> None:
    """What a window that ends at the post spike would forget: the late spikes of the volley."""
    volley = np.array([[0, 0, 1, 2, 3, 3]], np.uint8)
    weights = np.full((6, 1), 0.5, np.float32)
    learn_volleys(
        volley, 3, weights, np.full(1, 0.6, np.float32), np.float32(0.9), np.full(1, 0.1, np.float32),
        np.array([-1, 1], np.float32), np.float32(0), np.float32(0), np.zeros(1, np.int64),
        counts := np.zeros(VolleyCount.COUNT, np.int64),
    )  # fmt: skip
    assert counts[VolleyCount.LATENCY] == 0  # it won at once
    np.testing.assert_allclose(weights[:, 0], [0.55, 0.55, 0.55, 0.55, 0.35, 0.35], atol=1e-6)


def test_results_stand_beside_their_control(tmp_path: Path) -> None:
    digits = load("digits")
    results = learn(PatchLearner(SMALL, (8, 8), 10, seed=1), digits, tmp_path)
    assert (results["model"], results["neurons"]) == ("patches", 24)
    compared = results["mcnemar"]
    gain = (compared["first_only"] - compared["second_only"]) / len(digits.test)
    assert results["accuracy"] - results["control_accuracy"] == pytest.approx(gain, abs=1e-12)
    for name in ("network.npz", "control.npz", "receptive_fields.png", "history.png"):
        assert (tmp_path / name).stat().st_size > 1000
    updates = results["operations"]["training"]
    assert 0 < updates["plasticity_updates_detectors"] < updates["plasticity_updates"] < updates["synaptic_events"]


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"), [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 2 / 32), (9, 1, 22 / 1024)]
)
def test_mcnemar_counts_only_where_they_differ(first_only: int, second_only: int, p: float) -> None:
    """Two-sided binomial probabilities by hand: with 10 of which 9 or more agree, 2 (1 + 10) / 2^10."""
    both = [True] * 7 + [False] * 4
    first = np.array(both + [True] * first_only + [False] * second_only)
    second = np.array(both + [False] * first_only + [True] * second_only)
    found = mcnemar(first, second)
    assert (found.first_only, found.second_only) == (first_only, second_only)
    assert found.p == pytest.approx(p, abs=1e-12)


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maps", 0), ("stride", 0), ("padding", -1), ("tau_m", 0.0), ("theta", math.nan), ("eta", 1.5), ("target", math.inf),
        ("latencies", (0.3, 0.6)), ("latencies", ()), ("augmented", 9), ("read_out_rate", -1.0), ("kernel", 40), ("pool", 30),
        ("least_error", 1.5), ("detectors", "none"),
    ],
)  # fmt: skip
def test_values_out_of_bounds(name: str, value: object) -> None:
    with pytest.raises(NetworkError, match=rf"PatchSettings\.{name}"):
        PatchNetwork(dataclasses.replace(PatchSettings(), **{name: value}), (28, 28), 10)  # type: ignore[arg-type]


def test_states_that_do_not_fit() -> None:
    other = PatchLearner(dataclasses.replace(SMALL, maps=8), (8, 8), 10)
    with pytest.raises(SimulationError, match="weights"):
        other.restore(PatchLearner(SMALL, (8, 8), 10).state)
    with pytest.raises(SimulationError, match="theta"):
        other.restore(other.network.learned)


def test_images_without_structure_have_no_patches() -> None:
    empty = Split(np.zeros((5, 8, 8), np.uint8), np.zeros(5, np.int64), 16)
    with pytest.raises(SimulationError, match="none of 4000 patches"):
        list(PatchLearner(SMALL, (8, 8), 10).train(empty, 100))
