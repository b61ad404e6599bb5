"""Which points compete, which wins, and what it is compared with."""

import copy

import pytest

from snnsim.comparison.candidates import at_levels, candidates, cheapest_ann, pareto_front
from snnsim.comparison.curves import COUNTERS

ANNS = [
    {
        "name": "784-1200-1200-10",
        "accuracy": 0.991,
        "validation_accuracy": 0.99,
        "dense_macs": 2_392_800,
        "effective_macs": 400_000.0,
    },
    {
        "name": "784-128-10",
        "accuracy": 0.983,
        "validation_accuracy": 0.98,
        "dense_macs": 101_632,
        "effective_macs": 20_000.0,
    },
    {
        "name": "784-144-10-pruned",
        "accuracy": 0.9826,
        "validation_accuracy": 0.98,
        "dense_macs": 114_336,
        "effective_macs": 1_362.0,
    },
    {
        "name": "784-32-10",
        "accuracy": 0.96,
        "validation_accuracy": 0.96,
        "dense_macs": 25_408,
        "effective_macs": 5_000.0,
    },
]


def point(ops, accuracy, validation_ops=None, validation_accuracy=None, **where):
    counts = dict.fromkeys(COUNTERS, 1.0)
    return {
        **where,
        "steps": 3,
        "ops": ops,
        "accuracy": accuracy,
        **counts,
        "validation_ops": ops if validation_ops is None else validation_ops,
        "validation_accuracy": accuracy if validation_accuracy is None else validation_accuracy,
    }


def network(source, curve, early_exit):
    return {"name": f"{source} rate", "source": source, "code": "rate", "curve": curve, "early_exit": early_exit}


@pytest.fixture
def networks():
    return [
        network(
            "784-1200-1200-10",
            [point(100_000.0, 0.90, step=1), point(598_200.0, 0.985, step=2), point(900_000.0, 0.985, step=3)],
            [point(299_100.0, 0.981, threshold=1.0), point(400_000.0, 0.986, threshold=2.0)],
        ),
        network("784-32-10", [point(50.0, 0.5, step=1), point(3_000.0, 0.955, step=2)], []),
    ]


def test_front_keeps_what_nothing_beats():
    points = [(3, 0.9), (1, 0.5), (2, 0.9), (2, 0.8), (4, 0.9), (5, 0.95), (2, 0.9)]
    assert pareto_front(points) == [1, 2, 5]
    front = set(pareto_front(points))
    for i, (ops, accuracy) in enumerate(points):
        beaten = any(o <= ops and a >= accuracy and (o, a) != (ops, accuracy) for o, a in points)
        assert not (beaten and i in front)
    assert pareto_front([]) == []


def test_candidates_read_validation_only(networks):
    before = candidates(networks)
    altered = copy.deepcopy(networks)
    for entry in altered:
        for p in entry["curve"] + entry["early_exit"]:
            p["ops"], p["accuracy"] = 1.0 / p["ops"], 1.0 - p["accuracy"]
            for name in COUNTERS:
                p[name] = -1.0
    assert candidates(altered) == before
    assert {(c["snn"], c["kind"], c["at"]) for c in before} == {
        ("784-1200-1200-10 rate", "anytime", 1),
        ("784-1200-1200-10 rate", "early_exit", 1.0),
        ("784-1200-1200-10 rate", "early_exit", 2.0),
        ("784-32-10 rate", "anytime", 1),
        ("784-32-10 rate", "anytime", 2),
    }


def test_table_names_the_cheapest_candidate_and_its_opponents(networks):
    at, per_network = at_levels(ANNS, networks)
    best = at["0.98"]
    assert (best["snn"], best["kind"], best["at"]) == ("784-1200-1200-10 rate", "early_exit", 1.0)
    assert (best["ops"], best["accuracy"], best["validation_accuracy"]) == (299_100.0, 0.981, 0.981)
    assert (best["n_candidates"], best["n_reaching"]) == (5, 2)
    assert best["ratio_own_ann"] == best["ratio_reference"] == 0.125
    assert best["ratio_cheapest_ann"] == 299_100.0 / 101_632
    assert best["cheapest_ann_name"] == "784-128-10"
    assert best["ratio_effective"] == 299_100.0 / 1_362.0
    assert (best["effective_name"], best["effective_macs"]) == ("784-144-10-pruned", 1_362.0)
    assert at["0.985"]["at"] == 2.0
    assert at["0.985"]["cheapest_ann_name"] == at["0.985"]["effective_name"] == "784-1200-1200-10"
    assert at["0.99"] is None
    assert [entry["snn"] for entry in per_network["0.98"]] == ["784-1200-1200-10 rate"]
    assert per_network["0.98"][0]["ratio_own_ann"] == 0.125
    assert per_network["0.99"] == []


def test_the_level_is_met_on_test_even_if_not_on_validation():
    lucky = network("784-128-10", [point(10.0, 0.98, validation_accuracy=0.97, step=1)], [])
    at, _ = at_levels(ANNS, [lucky])
    assert (at["0.98"]["accuracy"], at["0.98"]["validation_accuracy"]) == (0.98, 0.97)


def test_a_point_beaten_on_validation_is_no_candidate_however_good_on_test():
    entry = network(
        "784-128-10",
        [point(10.0, 0.99, validation_ops=30.0, validation_accuracy=0.9, step=1), point(20.0, 0.98, step=2)],
        [],
    )
    at, _ = at_levels(ANNS, [entry])
    assert at["0.98"]["at"] == 2
    assert at["0.985"] is None


def test_ratios_without_an_ann_are_none():
    entry = network("64-32-10", [point(10.0, 0.995, step=1)], [])
    anns = [
        {"name": "64-32-10", "accuracy": 0.97, "validation_accuracy": 0.97, "dense_macs": 2368, "effective_macs": 900.0}
    ]
    at, _ = at_levels(anns, [entry])
    for key in ("0.98", "0.985", "0.99"):
        assert at[key]["ratio_own_ann"] == 10.0 / 2368
        for name in ("ratio_reference", "ratio_cheapest_ann", "ratio_effective", "cheapest_ann_name", "effective_macs"):
            assert at[key][name] is None


def test_nothing_run_gives_nulls():
    at, per_network = at_levels([], [])
    assert at == {"0.98": None, "0.985": None, "0.99": None}
    assert per_network == {"0.98": [], "0.985": [], "0.99": []}


def test_cheapest_ann_reaches_the_level_and_not_more():
    assert cheapest_ann(ANNS, 0.95, "dense_macs")["name"] == "784-32-10"
    assert cheapest_ann(ANNS, 0.983, "effective_macs")["name"] == "784-128-10"
    assert cheapest_ann(ANNS, 0.992, "dense_macs") is None
