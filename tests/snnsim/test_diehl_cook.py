"""Diehl & Cook's network: its compiled loop against the general simulator, and what it learns."""

import dataclasses
import math

import numpy as np
import pytest

from snnsim import NetworkError, Normalisation, Simulator
from snnsim.datasets import Dataset, Split, load
from snnsim.learning.diehl_cook import DiehlCookLearner, DiehlCookSettings
from snnsim.networks import diehl_cook

# 64 pixels instead of 784: weights and rates that make up for it.
SMALL = DiehlCookSettings(
    neurons=10, duration=100.0, rate=150.0, rate_step=50.0, attempts=6, theta_plus=0.3, eta_post=0.05, eta_pre=1e-3,
    total=20.0, theta=14.0, label_images=300, least=12,
)  # fmt: skip

# After so short a rest much of the state is left.
PAPER = dataclasses.replace(SMALL, inhibitory="neurons", inhibition=17.0, pause=20.0, tau_theta=1e5, eta_post=0.01)


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


def test_the_loop_learns_as_the_general_simulator_does_with_inhibitory_neurons(digits: Dataset) -> None:
    """One run of the general simulator that goes on from attempt to attempt, and a loop that is restored halfway."""
    images = digits.train.first(14)
    loop, other = (DiehlCookLearner(PAPER, digits.shape, 10, 2) for _ in range(2))
    net = other.network(plastic=True)
    net.regulate(net.projections[0], Normalisation(total=PAPER.total, every=PAPER.duration + PAPER.pause))
    sim = Simulator(net, precision="float32")
    record = {"neurons": ["spikes", "theta"], "inhibitory": ["spikes"]}
    expected, spikes, inhibiting, late, inputs, repeated = [], 0, 0, 0, 0, 0
    for image in range(len(images)):
        for attempt in range(PAPER.attempts):
            repeated += attempt > 0
            train = other.trains(images.images[image].ravel(), images.full_scale, image, attempt, 0)
            result = sim.run(PAPER.duration + PAPER.pause, inputs={"pixels": train}, record=record)
            fired = result.spikes["neurons"]
            spikes += len(fired)
            inhibiting += len(result.spikes["inhibitory"])
            late += int((fired.steps % round((PAPER.duration + PAPER.pause) / PAPER.dt) >= PAPER.steps).sum())
            inputs += len(train)
            if len(fired) >= PAPER.least:
                break
        expected.append(np.bincount(fired.neurons, minlength=PAPER.neurons))
    found = []
    for numbers in (np.arange(8), np.arange(8, 14)):
        found.append(loop._present(images, numbers, numbers, 0, loop._counts[0]))
        resumed = DiehlCookLearner(PAPER, digits.shape, 10, 2)
        resumed.restore(loop.state)
        loop = resumed
    assert np.array_equal(np.concatenate(found), expected)
    assert repeated > 0
    assert spikes > 100
    assert late > 0  # some fire in the rest
    done = loop.operations
    assert (done["spikes"], done["input_spikes"]) == (spikes, inputs)
    assert done["presentations"] == len(images) + repeated
    assert done["synaptic_events"] == 10 * inputs + spikes + 9 * inhibiting
    # Inhibitory neurons sleep most of the time.
    updates = done["presentations"] * round((PAPER.duration + PAPER.pause) / PAPER.dt) * PAPER.neurons
    assert updates < done["membrane_updates"] < 1.9 * updates
    weights = sim.weights("pixels->neurons").reshape(other.weights.shape)
    theta = result.states["neurons", "theta"][0, -1]
    np.testing.assert_allclose(loop.theta, theta, rtol=5e-6)
    np.testing.assert_allclose(loop.weights, weights, rtol=1e-4, atol=1e-6)


def test_the_loop_has_the_parameters_of_the_published_network() -> None:
    settings = DiehlCookLearner.settings_for(10, {"inhibitory": "neurons"})
    learner = DiehlCookLearner(dataclasses.replace(settings, theta_plus=0.05), (28, 28), 10)
    ours, published = learner.network(plastic=True), diehl_cook(10, weights=learner.weights, theta=learner.theta)
    assert (ours.dt, settings.duration, settings.pause) == (published.dt, 350.0, 150.0)
    for mine, other in (("neurons", "exc"), ("inhibitory", "inh")):
        model, theirs = ours.populations[mine].model, published.populations[other].model
        assert type(model) is type(theirs)
        receptors = [{name: (r.tau, r.e_rev) for name, r in one.receptors.items()} for one in (model, theirs)]
        assert receptors[0] == receptors[1]
        for name in {field.name for field in dataclasses.fields(model)} - {"receptors"}:
            assert np.array_equal(getattr(model, name), getattr(theirs, name)), name
    for one, two in zip(ours.projections, published.projections, strict=True):
        np.testing.assert_array_equal(one.connection.weights, two.connection.weights)
        assert one.receptor == two.receptor
    rules = [net.projections[0].plasticity for net in (ours, published)]
    assert rules[0].constants() == rules[1].constants()
    assert rules[0].pairing == rules[1].pairing


@pytest.mark.parametrize("settings", [SMALL, PAPER], ids=["direct", "neurons"])
def test_a_frozen_loop_answers_as_the_general_simulator_does(settings: DiehlCookSettings, digits: Dataset) -> None:
    learner = trained(DiehlCookLearner(settings, digits.shape, 10, 0), digits.train.first(200))
    shown = (settings.steps + settings.rest_steps) * settings.dt
    images = np.arange(12)
    answers, _ = learner._answers(digits.test, images, 2)
    for number, answer in zip(images, answers, strict=True):
        sim = Simulator(learner.network(), precision="float32", frozen=True)
        for attempt in range(settings.attempts):
            if not settings.explicit:
                sim.reset()
            train = learner.trains(digits.test.images[number].ravel(), digits.test.full_scale, int(number), attempt, 2)
            fired = sim.run(shown, inputs={"pixels": train}, record={"neurons": ["spikes"]}).spikes["neurons"]
            if len(fired) >= settings.least:
                break
        assert np.bincount(fired.neurons, minlength=settings.neurons).tolist() == answer.tolist()


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


@pytest.mark.parametrize("settings", [SMALL, PAPER], ids=["direct", "neurons"])
def test_a_test_changes_nothing_and_threads_neither(settings: DiehlCookSettings, digits: Dataset) -> None:
    learner = trained(DiehlCookLearner(settings, digits.shape, 10, 0), digits.train.first(200))
    before = {name: array.copy() for name, array in learner.state.items()}
    found = [learner.answers(digits.test, threads).classes for threads in (1, 2)]
    assert np.array_equal(*found)
    assert all(np.array_equal(before[name], array) for name, array in learner.state.items())
    images = np.arange(10, 20)
    alone = [learner._answers(digits.test, images[k : k + 1], 2)[0][0] for k in range(10)]
    assert np.array_equal(learner._answers(digits.test, images, 2)[0], alone)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("neurons", 1), ("rate", 2500.0), ("duration", 10.3), ("inhibition", -1.0), ("theta", 5.0), ("total", 0.0),
        ("inhibitory", "none"), ("pause", 10.3), ("pause", -10.0),
    ],
)  # fmt: skip
def test_settings_out_of_bounds_are_refused(name: str, value: float | str) -> None:
    with pytest.raises(NetworkError, match=f"DiehlCookSettings.{name}"):
        dataclasses.replace(PAPER, **{name: value})


def test_inhibitory_neurons_inhibit_as_published_unless_told_otherwise() -> None:
    def inhibition(**given: str) -> float:
        return DiehlCookLearner.settings_for(10, given).inhibition

    assert (inhibition(), inhibition(inhibitory="direct")) == (34.0, 34.0)
    assert inhibition(inhibitory="neurons") == 17.0
    assert inhibition(inhibitory="neurons", inhibition="20") == 20.0
    assert dataclasses.replace(SMALL, pause=10.3).rest_steps == 0  # only a time in which theta decays
