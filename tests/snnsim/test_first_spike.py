"""The first-spike network: its compiled loop against the general simulator, and what it learns."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from snnsim import NetworkError, Simulator
from snnsim.datasets import Dataset, Split, load
from snnsim.learning.assignment import class_evidence, class_log_ratios, first_spike_votes
from snnsim.learning.first_spike import FirstSpikeLearner, FirstSpikeSettings
from snnsim.learning.learner import Learner

SMALL = FirstSpikeSettings(neurons=12, passes=1, threshold=40.0, rise=2.0, rise_last=0.5, eta=0.2, eta_last=0.2)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def trained(learner: Learner, split: Split, every: int = 500) -> Learner:
    for _ in learner.train(split, every):
        pass
    return learner


def first_spikes_of_simulator(learner: FirstSpikeLearner, latencies: NDArray[np.uint8], k: int) -> list[int]:
    """The neurons that fire first in the general simulator; within a step that of the highest potential."""
    result = Simulator(learner.network(), precision="float32").run(
        float(learner.settings.longest),
        inputs={"pixels": learner.volley(latencies)},
        record={"neurons": ["spikes", "v"]},
    )
    train, v = result.spikes["neurons"], result.v("neurons")[0]
    order = sorted(
        zip(train.steps.tolist(), train.neurons.tolist(), strict=True), key=lambda s: (s[0], -v[s[0], s[1]], s[1])
    )
    return list(dict.fromkeys(neuron for _, neuron in order))[:k]


def test_the_loop_fires_the_spikes_of_the_general_simulator(digits: Dataset) -> None:
    learner = trained(FirstSpikeLearner(SMALL, digits.shape, 10, 1), digits.train.first(300))
    assert isinstance(learner, FirstSpikeLearner)
    latencies = learner.encode(digits.test.first(40))
    winners, counts = learner.first_spikes(latencies)
    assert (winners >= 0).all()
    for own, volley in zip(winners, latencies, strict=True):
        assert own.tolist() == first_spikes_of_simulator(learner, volley, SMALL.votes)
    assert counts[3] == winners.size


def test_the_loop_learns_as_the_general_simulator_does(digits: Dataset) -> None:
    """Image by image: the winner, its weights by the rule, their norm, and all thresholds."""
    images = digits.train.first(25)
    learner = FirstSpikeLearner(SMALL, digits.shape, 10, 3)
    order = np.random.default_rng([3, 1, 0]).permutation(len(images))
    other = FirstSpikeLearner(SMALL, digits.shape, 10, 3)
    passed = np.arange(len(images)) / len(images)
    rises = SMALL.rise * (SMALL.rise_last / SMALL.rise) ** passed
    for image, rise in zip(order, rises, strict=True):
        sim = Simulator(other.network(plastic=True), precision="float32")
        volley = other.volley(other.encode(images)[image])
        step = 1
        while not len(
            fired := sim.run(1.0, inputs={"pixels": part(volley, step - 1)}, record={"neurons": ["spikes"]}).spikes[
                "neurons"
            ]
        ):
            step += 1
        (winner,) = fired.neurons
        weights = sim.weights("pixels->neurons").reshape(other.weights.shape)
        weights[:, winner] /= np.linalg.norm(weights[:, winner])
        other.weights[...] = weights
        other.thresholds -= np.float32(rise / SMALL.neurons)
        other.thresholds[winner] += np.float32(rise)
    *_, last = learner.train(images, 25)
    assert last.stage == "labels"
    np.testing.assert_allclose(learner.weights, other.weights, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(learner.thresholds, other.thresholds, rtol=1e-6)


def part(train: object, step: int) -> object:
    """One step of a train, as a train for a run of one step."""
    from snnsim import SpikeTrain

    assert isinstance(train, SpikeTrain)
    now = train.neurons[train.steps == step]
    return SpikeTrain.from_times(np.zeros(len(now)), now, size=train.size, dt=train.dt, duration=train.dt)


def test_weights_stay_normalised_and_thresholds_keep_their_mean(digits: Dataset) -> None:
    learner = trained(FirstSpikeLearner(SMALL, digits.shape, 10, 0), digits.train)
    assert isinstance(learner, FirstSpikeLearner)
    np.testing.assert_allclose(np.linalg.norm(learner.weights, axis=0), 1, rtol=1e-5)
    assert learner.thresholds.mean() == pytest.approx(SMALL.threshold, rel=1e-4)
    assert learner.thresholds.std() > 0.1
    assert learner.operations["plasticity_updates"] == len(digits.train) * 64


def test_it_learns_the_digits_and_beats_random_weights(digits: Dataset) -> None:
    settings = FirstSpikeSettings(neurons=60, passes=8, threshold=60.0, rise=5.0, rise_last=0.5)
    learner = FirstSpikeLearner(settings, digits.shape, 10, 0)
    right = [
        (trained(each, digits.train).answers(digits.test).classes == digits.test.labels).mean()
        for each in (learner, learner.control())
    ]
    assert right[0] > 0.88
    assert right[0] > right[1] + 0.1


def test_votes_are_those_of_naive_bayes() -> None:
    """Without decay and with much evidence: log P(class | both neurons), up to a constant, by Bayes' rule."""
    evidence = np.array([[6e9, 3e9, 1e9], [2e9, 5e9, 3e9], [1e9, 1e9, 8e9]])
    fires = evidence / evidence.sum(axis=0)  # P(neuron | class)
    classes, votes = first_spike_votes(np.array([[0, 1], [2, -1], [-1, -1]], np.int32), class_log_ratios(evidence), 1.0)
    for own, expected in zip(votes, (np.log(fires[0] * fires[1]), np.log(fires[2]), np.zeros(3)), strict=True):
        np.testing.assert_allclose(own - own[0], expected - expected[0], rtol=0, atol=1e-8)
    assert classes.tolist() == [1, 2, -1]


def test_little_evidence_says_little() -> None:
    """A neuron that never fired says nothing, one that fired twice less than one that fired often; no logarithm is infinite."""
    winners = np.array([[0]] * 2 + [[1]] * 50 + [[2]] * 50, np.int32)
    labels = np.array([1] * 2 + [1] * 50 + [0] * 50)
    ratios = class_log_ratios(class_evidence(winners, labels, 4, 3, 0.5))
    assert np.isfinite(ratios).all()
    assert not ratios[3].any()
    assert 0 < ratios[0, 1] < ratios[1, 1]
    assert ratios[1, 0] < ratios[0, 0] < 0
    np.testing.assert_array_equal(class_log_ratios(np.zeros((4, 3))), np.zeros((4, 3)))


def test_later_spikes_count_less() -> None:
    evidence = class_evidence(np.array([[1, 0], [0, -1]], np.int32), np.array([0, 2]), 2, 3, 0.5)
    np.testing.assert_array_equal(evidence, [[0.5, 0, 1], [1, 0, 0]])
    _, votes = first_spike_votes(np.array([[1, 0]], np.int32), np.array([[0.0, 8, 0], [4, 0, 0]]), 0.5)
    np.testing.assert_array_equal(votes, [[4, 4, 0]])


def test_labels_of_what_is_answered_are_not_looked_at(digits: Dataset) -> None:
    learner = trained(FirstSpikeLearner(SMALL, digits.shape, 10, 0), digits.train.first(300))
    blind = Split(digits.test.images, np.full(len(digits.test), 9), digits.test.full_scale)
    assert np.array_equal(learner.answers(digits.test).classes, learner.answers(blind).classes)


def test_labels_do_not_reach_the_weights(digits: Dataset) -> None:
    some = digits.train.first(300)
    other = dataclasses.replace(some, labels=some.labels[::-1].copy())
    a, b = (trained(FirstSpikeLearner(SMALL, digits.shape, 10, 0), split).state for split in (some, other))
    assert np.array_equal(a["weights"], b["weights"])
    assert np.array_equal(a["thresholds"], b["thresholds"])
    assert not np.array_equal(a["evidence"], b["evidence"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("neurons", 1),
        ("eta", 1.5),
        ("threshold", 0.0),
        ("rise", -1.0),
        ("window", 300),
        ("mu", math.inf),
        ("label_decay", 2.0),
    ],
)
def test_settings_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(NetworkError, match=f"FirstSpikeSettings.{name}"):
        FirstSpikeSettings(**{name: value})
