"""Cascades against plain loops over images, stages and thresholds; how they are chosen and compared."""

import io
import itertools

import numpy as np
import pytest

from snnsim.comparison.candidates import at_cascades, at_levels
from snnsim.comparison.cascades import (
    SHARES,
    Answers,
    Cascade,
    Stage,
    evaluate,
    frontier,
    hand_over_thresholds,
    search,
)
from snnsim.comparison.curves import COUNTERS, Readout

N, CLASSES = 60, 4
LABELS = {split: np.random.default_rng(i).integers(0, CLASSES, N) for i, split in enumerate(("validation", "test"))}


def make_readout(labels, n_steps, quality, price, rng):
    """Right with the probability `quality`, and more so where the margin is large; quarters, so that ties occur."""
    margins = (rng.integers(0, 13, (N, n_steps)) / 4).astype(np.float32)
    right = rng.random((N, n_steps)) < np.minimum(1, quality + margins / 12)
    predictions = np.where(right, labels[:, None], rng.integers(0, CLASSES, (N, n_steps))).astype(np.int16)
    counts = np.zeros((len(COUNTERS), N, n_steps), np.int64)
    counts[:2] = rng.integers(0, price, (2, N, n_steps)).cumsum(axis=2)
    counts[2:] = 10**6
    return Readout(predictions, margins, counts)


def make_networks(spiking, n_networks=4, seed=1):
    """Name -> readouts of both splits, better and dearer from one to the next."""
    rng = np.random.default_rng(seed)
    return {
        f"net{i}": {
            split: make_readout(labels, 6 if spiking else 1, 0.3 + 0.15 * i, 4 ** (i + 1), rng)
            for split, labels in LABELS.items()
        }
        for i in range(n_networks)
    }


def make_stage(name, readouts, count=4):
    thresholds = hand_over_thresholds(readouts["validation"])[:: max(1, len(SHARES) // count)]
    return Stage(name, thresholds, *(Answers.of(readouts[split], thresholds) for split in ("validation", "test")))


def by_loops(readouts, thresholds, labels):
    """Mean cost and accuracy of a cascade, image by image and step by step; the last threshold may be None."""
    spent, right = 0, 0
    for image in range(N):
        for position, (readout, threshold) in enumerate(zip(readouts, thresholds, strict=True)):
            last_step = readout.margins.shape[1] - 1
            sure = False
            for step in range(last_step + 1):
                sure = threshold is not None and bool(readout.margins[image, step] > threshold)
                if sure or step == last_step:
                    break
            spent += int(readout.counts[0, image, step] + readout.counts[1, image, step])
            if sure or position == len(readouts) - 1:
                right += int(readout.predictions[image, step] == labels[image])
                break
    return spent / N, right / N


@pytest.mark.parametrize("spiking", [False, True])
def test_the_search_finds_the_frontier_that_loops_find(spiking):
    networks = make_networks(spiking)
    stages = {name: make_stage(name, readouts) for name, readouts in networks.items()}
    alone = {
        name: by_loops(
            [networks[name]["validation"]], [stage.thresholds[-1] if spiking else None], LABELS["validation"]
        )
        for name, stage in stages.items()
    }
    points = []
    for length in (2, 3):
        for names in itertools.permutations(networks, length):
            rising = all(alone[a][0] < alone[b][0] and alone[a][1] < alone[b][1] for a, b in itertools.pairwise(names))
            if not rising:
                continue
            choices = [stages[name].thresholds for name in names]
            if not spiking:
                choices[-1] = [None]
            for thresholds in itertools.product(*choices):
                readouts = [networks[name]["validation"] for name in names]
                points.append(by_loops(readouts, thresholds, LABELS["validation"]))
    best = {
        (ops, accuracy)
        for ops, accuracy in points
        if not any(o <= ops and a >= accuracy and (o, a) != (ops, accuracy) for o, a in points)
    }
    found = frontier(stages.values(), LABELS["validation"], LABELS["test"])
    assert [(p["validation_ops"], p["validation_accuracy"]) for p in found] == sorted(best)
    assert len(found) > 3
    assert {len(point["stages"]) for point in found} == {2, 3}
    for point in found:
        thresholds = point["thresholds"] if spiking else [*point["thresholds"], None]
        readouts = [networks[name]["test"] for name in point["stages"]]
        assert (point["ops"], point["accuracy"]) == by_loops(readouts, thresholds, LABELS["test"])


@pytest.mark.parametrize("spiking", [False, True])
def test_every_cascade_costs_what_a_loop_counts(spiking):
    networks = make_networks(spiking, n_networks=3)
    stages = tuple(make_stage(name, readouts) for name, readouts in networks.items())
    for indices in itertools.product(*(range(len(stage.thresholds)) for stage in stages)):
        point = evaluate(Cascade(stages, indices), "test", LABELS["test"])
        thresholds = [stage.thresholds[index] for stage, index in zip(stages, indices, strict=True)]
        readouts = [readouts["test"] for readouts in networks.values()]
        assert (point["ops"], point["accuracy"]) == by_loops(readouts, thresholds, LABELS["test"])
        assert point["reached"][0] == 1.0
        assert point["reached"] == sorted(point["reached"], reverse=True)
        assert point["median_ops"] <= point["p95_ops"] <= point["max_ops"]


def test_thresholds_hand_over_the_given_shares_of_distinct_margins():
    margins = np.random.default_rng(0).permutation(1000).astype(np.float32)[:, None]
    readout = Readout(np.zeros((1000, 1), np.int16), margins, np.zeros((5, 1000, 1), np.int64))
    shares = [np.mean(margins <= threshold) for threshold in hand_over_thresholds(readout)]
    assert len(shares) == len(SHARES)
    np.testing.assert_allclose(shares, SHARES, atol=1e-3)


def test_equal_margins_have_one_threshold():
    readout = Readout(np.zeros((9, 3), np.int16), np.ones((9, 3), np.float32), np.zeros((5, 9, 3), np.int64))
    assert hand_over_thresholds(readout) == [1.0]


def test_choices_read_no_test_figure():
    networks = make_networks(spiking=True)
    labels = LABELS["validation"]
    before = search([make_stage(name, readouts) for name, readouts in networks.items()], labels)
    others = make_networks(spiking=True, seed=6)
    altered = [
        make_stage(name, {"validation": networks[name]["validation"], "test": others[name]["test"]})
        for name in networks
    ]

    def chosen(cascades):
        return [([stage.name for stage in cascade.stages], cascade.indices) for cascade in cascades]

    assert chosen(search(altered, labels)) == chosen(before)
    stages = [stage for stage in altered if stage.name in networks]
    points, shuffled = (frontier(stages, labels, test) for test in (LABELS["test"], np.roll(LABELS["test"], 1)))
    fixed = ("stages", "thresholds", "ops", "validation_ops", "validation_accuracy")
    assert [[point[name] for name in fixed] for point in points] == [[p[name] for name in fixed] for p in shuffled]
    assert [point["accuracy"] for point in points] != [point["accuracy"] for point in shuffled]


def test_the_order_of_the_networks_does_not_matter():
    stages = [make_stage(name, readouts) for name, readouts in make_networks(spiking=True).items()]
    labels = LABELS.values()
    assert frontier(stages[::-1], *labels) == frontier(stages, *labels)


def test_a_stage_survives_its_file():
    stage = make_stage("net", make_networks(spiking=True)["net2"])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **stage.arrays)
    buffer.seek(0)
    with np.load(buffer) as data:
        again = Stage.of("net", dict(data))
    assert (again.name, again.thresholds) == (stage.name, stage.thresholds)
    for split in ("validation", "test"):
        for name, array in vars(getattr(stage, split)).items():
            np.testing.assert_array_equal(getattr(getattr(again, split), name), array)


@pytest.mark.parametrize("n_networks", [0, 1])
def test_one_network_makes_no_cascade(n_networks):
    stages = [make_stage(name, readouts) for name, readouts in make_networks(False, n_networks).items()]
    assert frontier(stages, LABELS["validation"], LABELS["test"]) == []


def test_a_dearer_network_that_is_no_better_is_no_stage():
    readouts = make_networks(spiking=False)["net1"]
    dearer = {split: Readout(r.predictions, r.margins, 2 * r.counts) for split, r in readouts.items()}
    assert frontier([make_stage("a", readouts), make_stage("b", dearer)], *LABELS.values()) == []


def entry(stages, ops, accuracy, **more):
    return {"stages": stages, "thresholds": [1.0], "ops": ops, "accuracy": accuracy, "validation_accuracy": 0.5} | more


ANN = {"name": "784-32-10", "accuracy": 0.981, "validation_accuracy": 0.979}
ANN |= {"dense_macs": 25_408, "effective_macs": 5_000.0}
POINT = {"step": 1, "steps": 1, "ops": 4_000.0, "accuracy": 0.981, "validation_ops": 4_100.0}
POINT |= {"validation_accuracy": 0.98, **dict.fromkeys(COUNTERS, 1.0)}
SNN = {"name": "784-32-10 rate", "source": "784-32-10", "code": "rate", "curve": [POINT], "early_exit": []}


def test_single_networks_and_cascades_compete_on_both_sides():
    cascades = {
        "ann": [entry(["784-32-10", "784-64-10"], 2_000.0, 0.985), entry(["784-32-10", "784-128-10"], 1.0, 0.97)],
        "snn": [entry(["784-32-10 rate", "784-64-10 rate"], 5_000.0, 0.986, code="rate")],
    }
    at = at_cascades([ANN], [SNN], cascades)
    first, second = at["0.98"], at["0.985"]
    assert (first["snn"], first["ops"], first["accuracy"]) == ("784-32-10 rate", 4_000.0, 0.981)
    assert (first["ann"], first["ann_ops"], first["ann_accuracy"]) == ("784-32-10 > 784-64-10", 2_000.0, 0.985)
    assert first["ratio"] == 2.0
    assert (first["n_candidates"], first["n_ann_candidates"]) == (2, 3)
    assert (second["snn"], second["at"], second["code"]) == ("784-32-10 rate > 784-64-10 rate", [1.0], "rate")
    assert second["ratio"] == 2.5
    assert at["0.99"] is None
    overall, per_network = at_levels([ANN], [SNN], cascades["ann"])
    assert overall["0.98"]["ratio_cascade"] == per_network["0.98"][0]["ratio_cascade"] == 2.0
    assert overall["0.98"]["cascade_name"] == "784-32-10 > 784-64-10"
    assert overall["0.98"]["cascade_macs"] == 2_000.0
    assert overall["0.98"]["ratio_effective"] == 0.8


def test_without_cascades_single_networks_are_compared():
    at = at_cascades([ANN], [SNN], {"ann": [], "snn": []})
    assert (at["0.98"]["ann"], at["0.98"]["ratio"]) == ("784-32-10", 0.8)
    assert at["0.985"] is None


def test_a_side_that_does_not_reach_a_level_has_no_entries():
    lone_ann = at_cascades([ANN], [], {"ann": [], "snn": []})["0.98"]
    assert (lone_ann["snn"], lone_ann["ops"], lone_ann["ratio"]) == (None, None, None)
    assert lone_ann["ann"] == "784-32-10"
    lone_snn = at_cascades([], [SNN], {"ann": [], "snn": []})["0.98"]
    assert (lone_snn["ann"], lone_snn["ann_ops"], lone_snn["ratio"]) == (None, None, None)
    assert lone_snn["ops"] == 4_000.0
