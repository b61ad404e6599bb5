"""Diehl & Cook's network: its compiled loop against the general simulator, and what it learns."""

import dataclasses
import math

import numpy as np
import pytest

from snnsim import NetworkError, Simulator
from snnsim.datasets import Dataset, Split, load
from snnsim.learning.diehl_cook import DiehlCookLearner, DiehlCookSettings

# 64 pixels instead of 784: weights and rates that make up for it.
SMALL = DiehlCookSettings(
    neurons=10, duration=100.0, rate=150.0, rate_step=50.0, attempts=6, theta_plus=0.3, eta_post=0.05, eta_pre=1e-3,
    total=20.0, theta=14.0, label_images=300, least=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def trained(learner: DiehlCookLearner, split: Split) -> DiehlCookLearner:
    for _ in learner.train(split, 400):
        pass
    return learner


def test_the_loop_learns_as_the_general_simulator_does(digits: Dataset) -> None:
    """Attempt by attempt: spikes, weights and thresholds; normalisation and decay are what happens between attempts."""
    images = digits.train.first(12)
    # With a larger rate weights pass their bound when they are normalised: the loop leaves those of silent neurons there.
    settings = dataclasses.replace(SMALL, eta_post=0.01)
    loop, other = (DiehlCookLearner(settings, digits.shape, 10, 2) for _ in range(2))
    order = np.random.default_rng([2, 1, 0]).permutation(len(images))
    spikes, inputs, repeated = 0, 0, 0
    for number, image in enumerate(order):
        for attempt in range(SMALL.attempts):
            sim = Simulator(other.network(plastic=True), precision="float32")
            repeated += attempt > 0
            train = other.trains(images.images[image].ravel(), images.full_scale, number, attempt, 0)
            result = sim.run(
                SMALL.duration,
                inputs={"pixels": train},
                record={"neurons": ["spikes", "theta"], "pixels->neurons": ["weights"]},
            )
            fired = result.spikes["neurons"]
            weights = sim.weights("pixels->neurons").reshape(other.weights.shape)
            other.weights[...] = weights * (SMALL.total / weights.sum(axis=0))
            other.theta += SMALL.theta_plus * np.bincount(fired.neurons, minlength=SMALL.neurons)
            other.theta *= math.exp(-(SMALL.duration + SMALL.pause) / SMALL.tau_theta)
            spikes += len(fired)
            inputs += len(train)
            if len(fired) >= SMALL.least:
                break
    next(iter(loop.train(images, len(images))))
    assert spikes > 60
    assert repeated > 0
    done = loop.operations
    assert (done["spikes"], done["input_spikes"]) == (spikes, inputs)
    assert done["presentations"] == len(images) + repeated
    assert done["synaptic_events"] == 10 * inputs + 9 * spikes
    assert other.weights.max() < 1
    # A presentation takes 2.5e-5 of theta, a spike adds a hundredth.
    np.testing.assert_allclose(loop.theta, other.theta, rtol=5e-6)
    np.testing.assert_allclose(loop.weights, other.weights, rtol=1e-4, atol=1e-6)


def test_a_frozen_loop_answers_as_the_general_simulator_does(digits: Dataset) -> None:
    learner = trained(DiehlCookLearner(SMALL, digits.shape, 10, 0), digits.train.first(200))
    images = np.arange(12)
    answers, _ = learner._answers(digits.test, images, 2)
    for number, answer in zip(images, answers, strict=True):
        for attempt in range(SMALL.attempts):
            train = learner.trains(digits.test.images[number].ravel(), digits.test.full_scale, int(number), attempt, 2)
            sim = Simulator(learner.network(), precision="float32", frozen=True)
            fired = sim.run(SMALL.duration, inputs={"pixels": train}, record={"neurons": ["spikes"]}).spikes["neurons"]
            if len(fired) >= SMALL.least:
                break
        assert np.bincount(fired.neurons, minlength=SMALL.neurons).tolist() == answer.tolist()


def test_input_is_poisson_with_the_rate_of_the_brightness() -> None:
    learner = DiehlCookLearner(dataclasses.replace(SMALL, duration=1000.0), (8, 8), 10, 0)
    image = np.repeat(np.arange(8), 8).astype(np.uint8)
    counts = np.array(
        [np.bincount(learner.trains(image, 16, n, 1, 0).neurons, minlength=64).reshape(8, 8) for n in range(60)]
    )
    mean = 200.0 * np.arange(8) / 16
    by_row = counts.transpose(1, 0, 2).reshape(8, -1)
    assert (abs(by_row.mean(axis=1) - mean) <= 4 * np.sqrt(mean / by_row.shape[1])).all()
    bernoulli = mean * (1 - mean / 2000)
    np.testing.assert_allclose(by_row.var(axis=1), bernoulli, rtol=0.3)
    a, b = (learner.trains(image, 16, 0, 0, purpose) for purpose in (0, 1))
    assert a == learner.trains(image, 16, 0, 0, 0)
    assert a != b


def test_it_learns_the_digits_better_than_random_weights(digits: Dataset) -> None:
    settings = dataclasses.replace(
        SMALL, neurons=40, passes=4, duration=200.0, rate=200.0, total=12.0, theta=20.0, theta_plus=0.05, eta_post=0.1,
        eta_pre=1e-4, least=5, label_images=900,
    )  # fmt: skip
    learner = trained(DiehlCookLearner(settings, digits.shape, 10, 0), digits.train)
    control = trained(learner.control(), digits.train)
    right, by_chance = ((one.answers(digits.test).classes == digits.test.labels).mean() for one in (learner, control))
    assert right > 0.7
    assert right > by_chance + 0.2
    fired = learner.answered.any(axis=1)
    np.testing.assert_allclose(learner.weights[:, fired].sum(axis=0), settings.total, rtol=1e-4)
    assert learner.weights.min() >= 0
    assert learner.weights.max() <= 1.5  # clipped to 1 before they are normalised
    # Of the control only thresholds and labels were found.
    fresh = DiehlCookLearner(settings, digits.shape, 10, 0)
    np.testing.assert_allclose(control.weights, fresh.weights, rtol=1e-4)
    assert (control.theta > fresh.theta).all()


def test_a_test_changes_nothing_and_threads_neither(digits: Dataset) -> None:
    learner = trained(DiehlCookLearner(SMALL, digits.shape, 10, 0), digits.train.first(200))
    before = {name: array.copy() for name, array in learner.state.items()}
    found = [learner.answers(digits.test, threads).classes for threads in (1, 2)]
    assert np.array_equal(*found)
    assert all(np.array_equal(before[name], array) for name, array in learner.state.items())


@pytest.mark.parametrize(
    ("name", "value"),
    [("neurons", 1), ("rate", 2500.0), ("duration", 10.3), ("inhibition", -1.0), ("theta", 5.0), ("total", 0.0)],
)
def test_settings_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(NetworkError, match=f"DiehlCookSettings.{name}"):
        dataclasses.replace(SMALL, **{name: value})
