"""``snnsim experiment``: what is done to networks and images, and that runs are complete, the same for a seed, and go on."""

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import NetworkError, ResultsError
from snnsim._errors import DatasetError
from snnsim.ann import Ann, Conv2d, Dense
from snnsim.datasets import Dataset, Split, load
from snnsim.experiments import EXPERIMENTS, held_out, limited, run_experiment
from snnsim.experiments.arena import FIRST_SPIKE, PATCHES, Arena
from snnsim.experiments.backpropagated import Backpropagated
from snnsim.experiments.baselines import ClassCentres, KMeansFeatures, nearest_neighbour, votes_of_centres
from snnsim.experiments.changed_world import CHANGES, changed
from snnsim.experiments.contenders import Contender, SpikingContender
from snnsim.experiments.damage import deleted, quantised, silent
from snnsim.experiments.report import compared, markdown
from snnsim.experiments.splits import few_of_each, joined, of_classes, repeated
from snnsim.experiments.spreading import LabelSpreading

pytest.importorskip("torch", reason="experiments train ANNs with PyTorch")


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def arena(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return Arena(limited(digits, 400), tmp_path_factory.mktemp("networks"), lambda line: None)


def contenders(arena: Arena) -> list[Contender]:
    return [arena.trained(name, 0) for name in arena.names]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("signed", [True, False])
def test_weights_in_few_bits_have_so_many_even_levels_and_zero_among_them(bits: int, signed: bool) -> None:
    weights = np.random.default_rng(1).standard_normal((80, 50)).astype(np.float32)
    weights = weights if signed else np.abs(weights)
    found = quantised(weights, bits)
    levels = np.unique(found)
    step = np.diff(levels).min()
    most = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    places = levels / step
    np.testing.assert_allclose(places, np.rint(places), atol=0.02)
    assert np.rint(np.abs(places)).max() == most
    assert signed or places.min() == 0
    assert len(levels) == (2 * most + 1 if signed else most + 1) or bits == 8  # of so many levels some are empty
    # No other spacing that was tried does better, and none by much: a scan twice as fine.
    errors = []
    for scale in np.linspace(0.2, 1.0, 81):
        other = scale * np.abs(weights).max() / most
        errors.append(float(((np.clip(np.rint(weights / other), -most, most) * other - weights) ** 2).sum()))
    assert float(((found - weights) ** 2).sum()) <= 1.02 * min(errors)


def test_weights_that_are_levels_already_stay_and_zeros_too() -> None:
    weights = np.array([[-3, 0, 1], [2, -1, 3]], np.float32)
    assert np.array_equal(quantised(weights, 3), weights)
    assert not quantised(np.zeros((2, 2), np.float32), 4).any()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_that_is_deleted_or_silenced_is_exact(share: float) -> None:
    weights = np.ones((40, 25), np.float32)
    found = deleted(weights, share, np.random.default_rng(0))
    assert np.count_nonzero(found == 0) == round(1000 * share)
    assert weights.all()
    chosen = silent(40, share, np.random.default_rng(0))
    assert len(np.unique(chosen)) == round(40 * share)


def test_damage_out_of_bounds_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"within 0 and 1, got 1\.5"):
        deleted(np.ones(3, np.float32), 1.5, np.random.default_rng(0))
    with pytest.raises(NetworkError, match="at least 2, got 1"):
        quantised(np.ones(3, np.float32), 1)


def test_all_contenders_take_damage_alike(arena: Arena) -> None:
    test = arena.dataset.test
    for one in contenders(arena):
        before = one.answers(test)
        same = one.with_weights(one.weights)
        assert np.array_equal(same.answers(test), before), one.name
        assert np.array_equal(one.silenced([np.zeros(0, np.int64) for _ in one.hidden]).answers(test), before)
        none = one.with_weights([np.zeros_like(weights) for weights in one.weights])
        assert len(np.unique(none.answers(test))) == 1, one.name
        silenced = one.silenced([np.arange(n) for n in one.hidden])
        assert len(np.unique(silenced.answers(test))) == 1, one.name
        assert np.array_equal(one.answers(test), before), f"{one.name} has changed"


def test_a_silent_unit_of_an_ann_gives_nothing_to_the_next_layer() -> None:
    rng = np.random.default_rng(2)
    convolution = Conv2d(rng.standard_normal((3, 1, 2, 2)), rng.standard_normal(3), 1, (1, 4, 4))
    dense = Dense(rng.standard_normal((27, 5)), rng.standard_normal(5))
    ann = Ann("16-3c2s1-5-4", (convolution, dense, Dense(rng.standard_normal((5, 4)), rng.standard_normal(4))))
    one = Backpropagated("16-3c2s1-5-4", (4, 4), ann=ann).silenced([np.array([1]), np.array([0, 4])])
    assert one.ann is not None
    first, second, _ = one.ann.activations(rng.random((6, 16)))
    assert not first.reshape(6, 3, 9)[:, 1].any()
    assert first.reshape(6, 3, 9)[:, [0, 2]].any()
    assert not second[:, [0, 4]].any()
    assert second[:, [1, 2, 3]].any()


# --- a changed world --------------------------------------------------------------------------------------------------


def images(values: Any) -> Split:
    return Split(np.asarray(values, np.uint8), np.zeros(len(values), np.int64), 200)


def of(change: str, level: float, values: Any) -> list[Any]:
    found: list[Any] = changed(images(values), change, level, np.random.default_rng(3)).images.tolist()
    return found


def test_brightness_gain_and_contrast_do_what_they_say() -> None:
    image = [[[0, 40], [100, 200]]]
    assert of("brightness", 0.2, image) == [[[40, 80], [140, 200]]]
    assert of("gain", 0.5, image) == [[[0, 20], [50, 100]]]
    assert of("gain", 1.5, image) == [[[0, 60], [150, 200]]]
    assert of("contrast", 0.2, image) == [[[68, 76], [88, 108]]]


def test_noise_has_its_spread_and_keeps_labels() -> None:
    grey = Split(np.full((50, 20, 20), 100, np.uint8), np.arange(50), 200)
    found = changed(grey, "noise", 0.1, np.random.default_rng(4))
    assert abs(found.images.mean() - 100) < 1
    assert abs(found.images.std() - 20) < 1
    assert np.array_equal(found.labels, grey.labels)


def test_a_shift_moves_every_image_by_so_many_pixels_in_one_of_four_directions() -> None:
    dots = np.zeros((60, 7, 7), np.uint8)
    dots[:, 3, 3] = 200
    found = changed(images(dots), "shift", 2, np.random.default_rng(5)).images
    places = {tuple(np.argwhere(image)[0].tolist()) for image in found}
    assert places == {(1, 3), (5, 3), (3, 1), (3, 5)}
    assert (np.count_nonzero(found, axis=(1, 2)) == 1).all()


def test_a_change_that_there_is_not_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"'fog'.*brightness"):
        changed(images([[[0]]]), "fog", 1, np.random.default_rng(0))


# --- what is learned from ---------------------------------------------------------------------------------------------


def test_splits_hold_what_they_say(digits: Dataset) -> None:
    train = digits.train
    few = few_of_each(train, 3, [4, 7], np.random.default_rng(6))
    assert few.labels.tolist() == [4, 4, 4, 7, 7, 7]
    assert len(np.unique(few.images.reshape(6, -1), axis=0)) == 6
    assert set(of_classes(train, [1, 2]).labels.tolist()) == {1, 2}
    assert len(repeated(few, 20)) == 24
    assert len(joined([few, train])) == len(train) + 6
    with pytest.raises(DatasetError, match="class 4"):
        few_of_each(train, 10_000, [4], np.random.default_rng(0))


def test_settings_are_chosen_without_a_look_at_the_test_split(digits: Dataset) -> None:
    found = held_out(digits)
    assert np.array_equal(found.test.images, digits.validation.images)
    assert np.array_equal(joined([found.train, found.validation]).images, digits.train.images)


def test_labels_of_a_few_images_are_all_that_a_network_keeps_of_labels(arena: Arena) -> None:
    """With all labels but those of the few changed, the features and hence the answers are the same."""
    few = few_of_each(arena.dataset.train, 2, range(10), np.random.default_rng(1))
    train = arena.dataset.train
    relabelled = Split(train.images, (train.labels + 3) % 10, train.full_scale)
    for name in (FIRST_SPIKE, PATCHES):
        one = arena.spiking[name]
        given, other = (one.learned(split, 3).labelled_by(few, 3) for split in (train, relabelled))
        assert np.array_equal(given.answers(arena.dataset.test), other.answers(arena.dataset.test)), name
        assert given.accuracy(arena.dataset.test) > 0.2
        if name == FIRST_SPIKE:
            used = given.learner.settings  # type: ignore[union-attr]
            assert all(getattr(used, key) == getattr(one.few, key) for key in ("votes", "vote_decay", "label_decay"))


def test_going_on_starts_from_what_was_learned_and_learns(arena: Arena) -> None:
    train, test = arena.dataset.train, arena.dataset.test
    low, high = of_classes(train, range(5)), of_classes(train, range(5, 10))
    for name in (FIRST_SPIKE, PATCHES, "64-40-10"):
        first = arena.trained(name, 0).learned(low, 0)
        nothing = first.gone_on(low, 0, 1, rate=1e-9)
        assert first.accuracy(of_classes(test, range(5))) > 0.5
        assert nothing.accuracy(of_classes(test, range(5))) > 0.5, f"{name} started anew"
        more = first.gone_on(high, 0, 20)
        assert first.accuracy(of_classes(test, range(5, 10))) == 0
        assert more.accuracy(of_classes(test, range(5, 10))) > 0.2, name
        assert more.operations > 0
        assert more.updates > 0


def test_an_ann_stops_where_it_is_equal_and_counts_what_it_took(arena: Arena) -> None:
    one = arena.trained("64-40-10", 0)
    assert isinstance(one, Backpropagated)
    validation = arena.dataset.validation
    spiking = arena.trained(FIRST_SPIKE, 0).accuracy(validation)
    assert one.passes < 30
    assert one.accuracy(validation) >= spiking - 0.005  # weights are rounded to half precision when they are kept
    assert one.operations == round(one.passes * len(arena.dataset.train)) * (3 * (64 * 40 + 400) - 64 * 40)


def test_conventional_ways_with_few_labels_are_right_on_easy_images() -> None:
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(3), 60)
    pixels = np.clip(rng.normal(20, 10, (180, 6, 6)), 0, 255)
    for label in range(3):
        pixels[labels == label, 2 * label : 2 * label + 2] += 150
    order = rng.permutation(180)
    easy = Split(pixels.astype(np.uint8)[order], labels[order], 255)
    few = few_of_each(easy, 1, range(3), rng)
    features = KMeansFeatures(easy, 9, 0)
    assert (nearest_neighbour(few, easy) == easy.labels).all()
    assert (votes_of_centres(features, 5, 0.7, few, easy) == easy.labels).mean() > 0.9
    assert (LabelSpreading(easy, 5, 10, 0)(few, easy) == easy.labels).mean() > 0.95
    centres = ClassCentres(2).with_classes(of_classes(easy, [0, 1]), 0).with_classes(of_classes(easy, [2]), 0)
    assert (centres.answers(easy) == easy.labels).all()


# --- reports ----------------------------------------------------------------------------------------------------------


def row(seed: int, contender: str, accuracy: float, level: str = "1", **more: Any) -> dict[str, Any]:
    return {"seed": seed, "contender": contender, "test": "t", "level": level, "accuracy": accuracy, "operations": None,
            "updates": None, "episodes": None, **more}  # fmt: skip


def results_of(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "title": "T", "question": "Q", "command": "C", "seeds": [0, 1, 2],
        "tests": {row["test"]: "u" for row in rows}, "comparisons": [], "measurements": rows,
        "equality": {"0": {"snn": {"validation_accuracy": 0.9}}},
        "contenders": {"snn": {}, "ann": {"equal to": "snn"}},
        "dataset": {"name": "d", "md5": "m", "train": 5, "test": 5, "tested_on": "validation"}, **more,
    }  # fmt: skip


def test_verdicts_are_those_of_a_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    own, other = [0.90, 0.92, 0.91, 0.93], [0.88, 0.91, 0.885, 0.915]
    rows = [row(s, "snn", a) for s, a in enumerate(own)] + [row(s, "ann", a) for s, a in enumerate(other)]
    (found,) = compared(rows, {"snn": ["ann"]})
    assert found.p == pytest.approx(ttest_rel(own, other).pvalue)
    assert found.p is not None
    assert found.p < 0.05
    assert found.points == pytest.approx(1.75)
    assert found.outcome == "ahead"
    (turned,) = compared(rows, {"ann": ["snn"]})
    assert turned.outcome == "behind"


def test_no_verdict_without_a_difference_that_seeds_agree_on() -> None:
    rows = [row(s, "snn", 0.9 + 0.05 * (-1) ** s) for s in range(4)] + [row(s, "ann", 0.9) for s in range(4)]
    (found,) = compared(rows, {"snn": ["ann"]})
    assert found.outcome == "even"
    equal = [row(s, name, 0.9) for s in range(3) for name in ("snn", "ann")]
    assert [(c.p, c.outcome) for c in compared(equal, {"snn": ["ann"]})] == [(1.0, "even")]


def test_episodes_are_paired_one_by_one() -> None:
    rows = [row(0, "snn", 0.5, episodes=[0.4, 0.6, 0.5]), row(0, "ann", 0.4, episodes=[0.31, 0.5, 0.39])]
    (found,) = compared(rows, {"snn": ["ann"]})
    assert found.outcome == "ahead"
    assert found.p is not None


def test_a_report_counts_verdicts_and_says_who_is_not_equal() -> None:
    levels = {"a": 0.95, "b": 0.85, "c": 0.90}
    rows = [row(s, "snn", value + 0.001 * s, level) for s in range(3) for level, value in levels.items()]
    rows += [row(s, "ann", 0.90 + 0.001 * s, level) for s in range(3) for level in levels]
    comparisons = [dataclasses.asdict(one) for one in compared(rows, {"snn": ["ann"]})]
    equality = {"0": {"snn": {"validation_accuracy": 0.9}, "ann": {"validation_accuracy": 0.89, "passes": 2.5}}}
    report = markdown(results_of(rows, equality=equality, comparisons=comparisons))
    assert "| snn | ann | 1 / 1 / 1 |" in report
    assert "| ann | 89.00 | 2.50 |" in report
    assert "**ann has not become as accurate as snn**" in report
    assert "| snn | 95.10 ± 0.10 | 85.10 ± 0.10 | 90.10 ± 0.10 |" in report
    assert (
        "**ahead** at a (+5.00 points, p < 0.001); **behind** at b (-5.00 points, p < 0.001); no difference at c"
        in report
    )
    assert "validation images: to choose settings by" in report


def test_a_report_tells_once_what_a_learning_took_and_leaves_out_those_of_whom_it_is_not_known() -> None:
    """Two tests of the same learning, and one of another; "free" is not counted."""
    taken = {"first": 4000, "again": 4000, "rehearsed": 9000}
    rows = [
        row(seed, "snn", 0.9, test=test, operations=operations + 200 * seed, updates=7)
        for seed in range(3)
        for test, operations in taken.items()
    ] + [row(seed, "free", 0.9, test=test) for seed in range(3) for test in taken]
    report = markdown(results_of(rows))
    first, again, rehearsed = (part.split("\n## ")[0] for part in report.split("\n## ")[1:])
    assert "| snn | 4.2e+03 + 7 |" in first
    assert "| snn | 9.2e+03 + 7 |" in rehearsed
    assert "e+03" not in again
    assert "*first*" in again
    for part in (first, again, rehearsed):
        assert part.count("| free |") == 1
    assert "updates" not in markdown(results_of([one for one in rows if one["contender"] == "free"]))


# --- whole runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    out = tmp_path_factory.mktemp("experiments")
    small = limited(digits, 300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snnsim.experiments.few_examples._EPISODES", 3)
        return out, {
            name: run_experiment(name, small, out, [0, 1], command=f"experiment {name}") for name in EXPERIMENTS
        }


@pytest.mark.parametrize("name", ["continual", "changed-world", "few-examples", "damage"])
def test_an_experiment_measures_every_contender_in_every_test(
    whole: tuple[Path, dict[str, dict[str, Any]]], name: str
) -> None:
    out, found = whole
    results = json.loads((out / f"{name}.json").read_text())
    assert results == json.loads(json.dumps(found[name]))
    rows = results["measurements"]
    for test in results["tests"]:
        there = [row for row in rows if row["test"] == test]
        names = {row["contender"] for row in there}
        levels = {row["level"] for row in there}
        assert {FIRST_SPIKE, PATCHES} <= names
        assert len(names) >= 5
        keys = [(row["seed"], row["contender"], row["level"]) for row in there]
        assert sorted(keys) == sorted(itertools.product((0, 1), names, levels))
        assert all(0 <= row["accuracy"] <= 1 for row in there)
        assert any(c["test"] == test for c in results["comparisons"])
    report = (out / f"{name}.md").read_text()
    assert report == markdown(results)
    assert all(f"## {test[0].upper()}{test[1:]}" in report for test in results["tests"])
    assert results["dataset"]["md5"] in report
    assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_undamaged_networks_are_the_same_in_all_experiments(whole: tuple[Path, dict[str, dict[str, Any]]]) -> None:
    _, found = whole
    accuracies = [
        {(r["seed"], r["contender"]): r["accuracy"] for r in found[name]["measurements"] if r["level"] in levels}
        for name, levels in (
            ("damage", ("none", "all")),
            ("changed-world", ("none",)),
            ("continual", ("all from scratch",)),
        )
    ]
    for other in accuracies[1:]:
        shared = accuracies[0].keys() & other.keys()
        assert len(shared) >= 2 * 5
        assert all(other[key] == accuracies[0][key] for key in shared)


class KilledError(Exception):
    """Stands for a kill."""


def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(
    whole: tuple[Path, dict[str, dict[str, Any]]], digits: Dataset, tmp_path: Path
) -> None:
    _, found = whole
    small = limited(digits, 300)
    for kill in (2, 9):
        lines = 0

        def tell(line: str, kill: int = kill) -> None:
            nonlocal lines
            lines += 1
            if lines == kill:
                raise KilledError

        with pytest.raises(KilledError):
            run_experiment("damage", small, tmp_path, [0, 1], command="experiment damage", tell=tell)
    assert run_experiment("damage", small, tmp_path, [0, 1], command="experiment damage") == found["damage"]
    told: list[str] = []
    run_experiment("damage", small, tmp_path, [0, 1], command="experiment damage", tell=told.append)
    assert told == []
    with pytest.raises(ResultsError, match="dataset"):
        run_experiment("damage", limited(digits, 200), tmp_path, [0], command="")
    (tmp_path / "parts" / "damage-seed0.json").unlink()
    with pytest.raises(ResultsError, match="other data"):
        run_experiment("damage", limited(digits, 200), tmp_path, [0], command="")
    forced = run_experiment("damage", small, tmp_path, [0], command="", force=True, tell=told.append)
    assert any("training" in line for line in told)
    assert forced["measurements"] == [row for row in found["damage"]["measurements"] if row["seed"] == 0]


def snnsim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snnsim", *arguments], capture_output=True, text=True, env=dict(os.environ), check=False
    )


def test_the_command_gives_the_figures_of_the_function_in_a_new_process(
    whole: tuple[Path, dict[str, dict[str, Any]]], tmp_path: Path
) -> None:
    done = snnsim(
        "experiment", "changed-world", "--dataset", "digits", "--limit", "300", "--seeds", "1", "--out", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "changed-world.json").read_text())
    assert results["command"] == "snnsim experiment changed-world --dataset digits --seed 0 --seeds 1 --limit 300"
    assert results["measurements"] == [row for row in whole[1]["changed-world"]["measurements"] if row["seed"] == 0]
    assert "# A changed world" in done.stdout


def test_an_experiment_that_there_is_not_is_a_clear_error(tmp_path: Path) -> None:
    done = snnsim("experiment", "magic", "--dataset", "digits", "--out", str(tmp_path))
    assert done.returncode == 2
    assert all(word in done.stderr for word in ("'magic'", "continual", "changed-world", "few-examples", "damage"))


def test_contenders_know_when_they_have_not_learned(arena: Arena) -> None:
    untrained: list[Contender] = [arena.spiking[FIRST_SPIKE], next(iter(arena.conventional.values()))]
    for one in untrained:
        with pytest.raises(ResultsError, match="has not learned"):
            one.answers(arena.dataset.test)
    with pytest.raises(ResultsError, match="'nobody'"):
        arena.trained("nobody", 0)
    assert all(dataclasses.is_dataclass(change) for change in CHANGES.values())
    assert isinstance(arena.trained(PATCHES, 0), SpikingContender)
