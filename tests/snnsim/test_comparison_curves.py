"""Anytime and early-exit points against plain loops over samples and steps."""

from types import SimpleNamespace

import numpy as np
import pytest

from snnsim.comparison.curves import (
    COUNTERS,
    Readout,
    anytime,
    decide,
    early_exit,
    exit_steps,
    exit_thresholds,
)

N, T, CLASSES = 57, 13, 5


@pytest.fixture
def responses():
    rng = np.random.default_rng(7)
    # Multiples of 1/4: ties between classes and margins equal to thresholds do occur.
    scores = (rng.integers(-8, 9, (N, T, CLASSES)) / 4).astype(np.float32).cumsum(axis=1, dtype=np.float32)
    counts = {name: rng.integers(0, 50, (N, T)) for name in COUNTERS}
    return SimpleNamespace(scores=scores, **counts)


@pytest.fixture
def labels():
    return np.random.default_rng(8).integers(0, CLASSES, N)


def test_decisions_equal_sorting(responses):
    predictions, margins = decide(responses.scores)
    ordered = np.sort(responses.scores, axis=-1)
    np.testing.assert_array_equal(predictions, responses.scores.argmax(axis=-1))
    np.testing.assert_array_equal(margins, ordered[..., -1] - ordered[..., -2])
    assert (margins == 0).any()


def test_anytime_equals_loops(responses, labels):
    points = anytime(Readout.of(responses), labels)
    assert [point["step"] for point in points] == list(range(1, T + 1))
    for step, point in enumerate(points):
        correct = sum(int(responses.scores[i, step].argmax() == labels[i]) for i in range(N))
        assert point["accuracy"] == correct / N
        for name in COUNTERS:
            spent = sum(int(getattr(responses, name)[i, t]) for i in range(N) for t in range(step + 1))
            assert point[name] == spent / N
        assert point["ops"] == pytest.approx(point["acs"] + point["macs"], rel=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.25, 1.0, 3.5, 1e9])
def test_early_exit_equals_loops(responses, labels, threshold):
    (point,) = early_exit(Readout.of(responses), labels, [threshold])
    correct, steps, ops, spikes = 0, [], [], 0
    for i in range(N):
        for t in range(T):
            best, second = sorted(responses.scores[i, t].tolist(), reverse=True)[:2]
            if best - second > threshold or t == T - 1:
                break
        correct += int(responses.scores[i, t].argmax() == labels[i])
        steps.append(t + 1)
        ops.append(int((responses.acs + responses.macs)[i, : t + 1].sum()))
        spikes += int(responses.spikes[i, : t + 1].sum())
    assert point["accuracy"] == correct / N
    assert point["steps"] == sum(steps) / N
    assert point["ops"] == sum(ops) / N
    assert point["spikes"] == spikes / N
    assert point["median_ops"] == sorted(ops)[N // 2]
    assert point["max_ops"] == max(ops)
    assert sum(cost <= point["p95_ops"] for cost in ops) >= 0.95 * N


def test_exit_is_strictly_above_the_threshold_and_never_later_than_the_last_step():
    margins = np.array([[0.5, 1.0, 1.5, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]], np.float32)
    before = margins.copy()
    np.testing.assert_array_equal(exit_steps(margins, 1.0), [2, 3, 0])
    np.testing.assert_array_equal(margins, before)


def test_a_threshold_that_nothing_passes_is_the_last_step(responses, labels):
    readout = Readout.of(responses)
    (point,) = early_exit(readout, labels, [float(readout.margins.max())])
    last = anytime(readout, labels)[-1]
    assert {name: point[name] for name in ("ops", "accuracy", *COUNTERS)} == {
        name: last[name] for name in ("ops", "accuracy", *COUNTERS)
    }


def test_thresholds_are_the_lowest_that_keep_enough_final_decisions(responses):
    readout = Readout.of(responses)
    thresholds = exit_thresholds(readout)
    assert thresholds == sorted(set(thresholds))
    occurring = np.unique(readout.margins).tolist()
    wanted = set()
    for share in np.geomspace(0.5, 0.0005, 40):
        for threshold in occurring:
            steps = exit_steps(readout.margins, threshold)
            if np.mean(readout.predictions[np.arange(N), steps] != readout.predictions[:, -1]) <= share:
                wanted.add(threshold)
                break
    assert thresholds == sorted(wanted)
    assert len(thresholds) > 3


def test_thresholds_lie_where_decisions_change_whatever_the_margins_scale():
    rng = np.random.default_rng(3)
    n, n_steps = 5000, 64
    # Decisions settle early on small margins, which then grow and grow.
    settled = rng.geometric(0.3, (n, 1))
    steps = np.arange(1, n_steps + 1)
    margins = np.where(steps < settled, 0.3, 1.0) * rng.gamma(2.0, 1.0, (n, 1)) * steps**2
    predictions = (steps >= settled).astype(np.int16)
    readout = Readout(predictions, margins.astype(np.float32), np.ones((5, n, n_steps), np.int64))
    points = early_exit(readout, np.ones(n, np.int64), exit_thresholds(readout))
    assert len(points) > 30
    assert points[0]["accuracy"] < 0.75
    assert points[-1]["accuracy"] > 0.999
    assert max(np.diff([point["accuracy"] for point in points])) < 0.15


@pytest.mark.parametrize("n_steps", [1, 3])
def test_a_silent_network_has_one_threshold(n_steps):
    shape = 4, n_steps
    silent = Readout(np.zeros(shape, np.int16), np.zeros(shape, np.float32), np.zeros((5, *shape), np.int64))
    assert exit_thresholds(silent) == [0.0]


def test_chunks_join_to_the_whole(responses, labels):
    whole = Readout.of(responses)
    parts = [
        Readout.of(SimpleNamespace(**{name: value[rows] for name, value in vars(responses).items()}))
        for rows in (slice(0, 10), slice(10, 11), slice(11, N))
    ]
    joined = Readout.concatenate(parts)
    assert anytime(joined, labels) == anytime(whole, labels)
    assert early_exit(joined, labels, [0.5, 2.0]) == early_exit(whole, labels, [0.5, 2.0])
