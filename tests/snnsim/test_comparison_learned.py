"""Locally learned networks in the comparison: exported and read, tested in the run, in every output, and nothing else changed."""

import csv
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import ResultsError, SimulationError
from snnsim.ann import shipped
from snnsim.comparison import compare, draw, learned_rows, pipeline, report, training_rows
from snnsim.datasets import Dataset, load
from snnsim.learning import exported
from snnsim.learning.exported import Learned, export_learned, load_learned, shipped_learned
from snnsim.learning.first_spike import FirstSpikeLearner, FirstSpikeSettings
from snnsim.learning.models import MODELS
from snnsim.learning.patches import PatchLearner, PatchSettings
from snnsim.learning.session import learn
from snnsim.learning.trained import load_learner

FIRST_SPIKE = FirstSpikeSettings(neurons=20, passes=1, threshold=60.0)
PATCHES = PatchSettings(
    maps=8,
    kernel=3,
    stride=1,
    padding=1,
    patches=2000,
    passes=1,
    theta=3.0,
    target=10.0,
    threshold_images=200,
    epochs=2,
)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def folders(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Result folders of a network of each kind, and of two seeds."""
    root = tmp_path_factory.mktemp("trained")
    learn(FirstSpikeLearner(FIRST_SPIKE, digits.shape, 10), digits, root / "first-spike")
    learn(PatchLearner(PATCHES, digits.shape, 10, 3), digits, root / "patches", control=False)
    return {path.name: path for path in root.iterdir()}


@pytest.fixture(scope="module")
def networks(folders: dict[str, Path]) -> list[Learned]:
    return [load_learned(folder) for folder in folders.values()]


def run(digits: Dataset, out: Path, networks: list[Learned], **options: Any) -> dict[str, Any]:
    anns = [ann for ann in shipped("digits") if ann.name in ("64-32-10", "64-64-10-pruned")]
    return compare(digits, anns, ["ttfs"], out, learned=networks, limit=60, **{"progress": False} | options)


@pytest.fixture(scope="module")
def compared(digits: Dataset, networks: list[Learned], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("compared")
    run(digits, out, networks)
    return out


def results_of(out: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    return results


# --- in the results ---------------------------------------------------------------------------------------------------


def test_entries_are_tested_and_counted_in_the_run(compared: Path, networks: list[Learned], digits: Dataset) -> None:
    entries = {entry["name"]: entry for entry in results_of(compared)["learned"]}
    assert list(entries) == ["first-spike 20", "patches 8 seed 3"]  # by model and size
    test = digits.test.first(60)
    for one in networks:
        entry, answers = entries[one.name], one.learner.answers(test)
        assert entry["accuracy"] == (answers.classes == test.labels).mean()
        assert entry["operations"] == {name: total / 60 for name, total in answers.operations.items()}
        assert entry["ops"] == answers.operations["synaptic_events"] / 60 > 0
        assert entry["training"] == one.learner.operations
        assert entry["training"]["plasticity_updates"] > 0
        assert entry["training_images"] == len(digits.train) + len(digits.validation)
    assert [entry["supervised"] for entry in entries.values()] == [False, True]
    assert entries["first-spike 20"]["control_accuracy"] < entries["first-spike 20"]["accuracy"]
    assert entries["patches 8 seed 3"]["control_accuracy"] is None


def test_nothing_else_changes_in_the_results(digits: Dataset, compared: Path, tmp_path: Path) -> None:
    run(digits, tmp_path, [])
    (with_them, without) = results_of(compared), results_of(tmp_path)
    assert without["learned"] == []
    for results in (with_them, without):
        del results["learned"], results["wall_s"]
    assert with_them == without
    lines, others = (list(csv.reader((out / "points.csv").open())) for out in (compared, tmp_path))
    assert lines[: len(others)] == others
    added = [
        [e["name"], "", "", "learned", "test", "", str(e["ops"]), str(e["accuracy"])]
        for e in results_of(compared)["learned"]
    ]
    assert lines[len(others) :] == added


def test_a_finished_test_is_not_repeated_and_threads_change_nothing(
    digits: Dataset, networks: list[Learned], compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        if name.startswith("patches"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(digits, tmp_path, networks, jobs=1, progress=interrupt)
    assert [entry["name"] for entry in results_of(tmp_path)["learned"]] == ["first-spike 20"]
    assert run(digits, tmp_path, networks, jobs=2)["complete"]
    assert results_of(tmp_path) | {"wall_s": 0} == results_of(compared) | {"wall_s": 0}
    monkeypatch.setattr(pipeline, "run_learned", None)
    before = results_of(tmp_path)
    assert run(digits, tmp_path, networks) == before
    with pytest.raises(ResultsError, match="learned differ in patches 8 seed 3"):
        run(digits, tmp_path, networks[:1] if networks[0].learner.MODEL == "first-spike" else networks[1:])


def test_the_report_says_what_they_and_backpropagation_cost(compared: Path) -> None:
    results = results_of(compared)
    text = report(results)
    assert text == (compared / "report.md").read_text()
    for entry, row, training in zip(results["learned"], learned_rows(results), training_rows(results), strict=True):
        assert row[0] == training[0] == entry["name"]
        assert row[2] == f"{100 * entry['accuracy']:.2f} %"
        assert row[4] == f"{entry['ops']:,.0f}"
        macs = [ann["effective_macs"] for ann in results["ann"] if ann["accuracy"] >= entry["accuracy"]]
        ratio = entry["ops"] / min(macs)
        assert row[6].startswith(f"{ratio:.3g} of it" if ratio <= 1 else f"{ratio:.3g} times as many: LOSES")
        assert training[3] == f"{entry['training']['plasticity_updates']:.3g}"
        assert training[5] == f"{entry['backpropagation']['training_macs']:.3g}"
        assert f"\n{entry['command']}\n" in text
        assert "| " + " | ".join(row) + " |" in text
    assert "--learned LEARNED" in text  # these do not come with snnsim
    unknown = {**results["learned"][0], "backpropagation": None, "accuracy": 1.5, "shipped": True}
    (row,), (training,) = (rows(results | {"learned": [unknown]}) for rows in (learned_rows, training_rows))
    assert row[6] == "no such ANN"
    assert training[4:] == ["not known", "", ""]
    assert "--learned" not in report(results | {"learned": [unknown]})
    assert "None was tested." in report(results | {"learned": []})


def test_the_figure_marks_them_in_every_panel(compared: Path) -> None:
    results = results_of(compared)
    results["codes"] = ["rate", "ttfs"]
    low = {**results["learned"][0], "name": "weak", "accuracy": 0.3, "ops": 7.0}
    results["learned"].append(low)
    figure = draw(results)
    for panel in figure.axes:
        stars = [line for line in panel.lines if isinstance(line.get_marker(), tuple)]
        drawn = [(float(star.get_xdata()[0]), float(star.get_ydata()[0])) for star in stars]
        assert drawn == [(entry["ops"], 100 * entry["accuracy"]) for entry in results["learned"]]
        assert [star.get_marker()[1] for star in stars] == [1, 1, 1]  # star polygons, which no ANN is
        assert stars[0].get_marker() == stars[2].get_marker() != stars[1].get_marker()  # a model, a number of rays
        assert tuple(stars[0].get_markerfacecolor()) != tuple(stars[2].get_markerfacecolor())
        assert panel.get_ylim()[0] < 30
        assert panel.get_xlim()[0] <= 10
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert [label for label in labels if label.startswith("locally learned: ")] == [
        f"locally learned: {entry['name']}" for entry in results["learned"]
    ]


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["first-spike", "patches"])
def test_an_exported_network_holds_what_answers_need_in_half_precision(
    model: str, folders: dict[str, Path], digits: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "network.npz"
    found = export_learned(folders[model], path)
    whole = load_learned(folders[model])
    again = load_learned(path)
    assert path.stat().st_size < 0.6 * (folders[model] / "network.npz").stat().st_size
    assert again.record == found.record == whole.record
    assert again.provenance == whole.provenance
    assert again.learner.settings == whole.learner.settings
    for name in whole.learner.ANSWERING:
        own, given = again.learner.state[name], whole.learner.state[name]
        assert own.dtype == given.dtype
        assert np.array_equal(own, given if given.ndim < 2 else given.astype(np.float16))
    first, second = (one.learner.answers(digits.test) for one in (found, again))
    assert np.array_equal(first.classes, second.classes)
    assert first.operations == second.operations
    accuracy = float((second.classes == digits.test.labels).mean())
    assert accuracy == pytest.approx(json.loads((folders[model] / "results.json").read_text())["accuracy"], abs=0.02)
    # A rounded network is a network: it is tested as any other.
    learner, _ = load_learner(path, MODELS)
    assert np.array_equal(learner.answers(digits.test).classes, second.classes)


def test_weights_beyond_the_range_of_half_precision_stay_in_single(folders: dict[str, Path], tmp_path: Path) -> None:
    one = load_learned(folders["first-spike"])
    one.learner.state["evidence"][0, 0] = 70_001.0
    exported.save_learner(tmp_path / "a.npz", one.learner, one.provenance, one.record)
    assert load_learned(tmp_path / "a.npz").learner.state["evidence"][0, 0] == 70_001.0


def test_a_model_that_says_nothing_of_its_answers_is_exported_whole(
    folders: dict[str, Path], digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slim = export_learned(folders["first-spike"], tmp_path / "slim.npz").learner
    monkeypatch.setattr(FirstSpikeLearner, "ANSWERING", ())
    whole = export_learned(folders["first-spike"], tmp_path / "whole.npz").learner
    assert whole.operations["plasticity_updates"] > 0 == slim.operations["plasticity_updates"]
    assert np.array_equal(whole.answers(digits.test).classes, slim.answers(digits.test).classes)


def test_the_command_trains_the_network_again(folders: dict[str, Path], tmp_path: Path) -> None:
    one = load_learned(folders["first-spike"])
    command = one.record["command"]
    assert command.startswith("snnsim learn digits --model first-spike --neurons 20 --seed 0 --set ")
    words = [sys.executable, "-m", *command.split(), "--no-control", "--quiet", "--out", str(tmp_path / "out")]
    assert subprocess.run(words, check=False, env=dict(os.environ)).returncode == 0
    again = load_learned(tmp_path / "out").learner
    assert np.array_equal(again.state["weights"], one.learner.state["weights"])


def test_of_several_seeds_the_first_is_taken(folders: dict[str, Path], tmp_path: Path) -> None:
    results = json.loads((folders["first-spike"] / "results.json").read_text())
    (tmp_path / "results.json").write_text(json.dumps(results | {"accuracy": 0.1, "seeds": [0, 1]}))
    (tmp_path / "seed-0").symlink_to(folders["first-spike"])
    assert load_learned(tmp_path).record["accuracy"] == results["accuracy"]


def _copied(folders: dict[str, Path], tmp_path: Path, **changes: Any) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "network.npz").write_bytes((folders["first-spike"] / "network.npz").read_bytes())
    results = json.loads((folders["first-spike"] / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(results | changes))
    return folder


def _written(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


Made = Callable[[dict[str, Path], Path], Path]
UNREADABLE: dict[str, tuple[Made, str]] = {
    "missing": (lambda _, tmp: tmp / "none.npz", r"none\.npz: no such file"),
    "text": (lambda _, tmp: _written(tmp / "a.npz", "hello"), r"a\.npz: not a readable"),
    "an ANN": (
        lambda *_: next((Path(exported.__file__).parents[1] / "weights/digits").glob("*.npz")),
        r"64-.*\.npz: an \.npz",
    ),
    "no record": (
        lambda folders, _: folders["patches"] / "network.npz",
        r"network\.npz: a trained network without a record",
    ),
    "an empty folder": (lambda _, tmp: tmp, r"results\.json: no such file"),
    "other results": (lambda folders, tmp: _copied(folders, tmp, operations={}), r"results\.json: not the results"),
    "a list": (lambda _, tmp: _written(tmp / "results.json", "[]").parent, r"results\.json: not the results"),
    "no network": (lambda _, tmp: _written(tmp / "results.json", "{}").parent, r"network\.npz: no such file"),
    "another seed's": (
        lambda folders, tmp: _copied(folders, tmp, seed=9),
        r"results\.json: results of another network",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_trained_network_is_named(case: str, folders: dict[str, Path], tmp_path: Path) -> None:
    make, said = UNREADABLE[case]
    source = make(folders, tmp_path)
    with pytest.raises((ResultsError, SimulationError), match=said) as caught:
        load_learned(source)
    assert str(source) in str(caught.value)


def test_a_network_of_validation_or_half_trained_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    dataset = json.loads((folders["first-spike"] / "results.json").read_text())["dataset"]
    folder = _copied(folders, tmp_path, dataset=dataset | {"tested_on": "validation"})
    with pytest.raises(ResultsError, match=r"results\.json: tested on validation images"):
        load_learned(folder)
    one = load_learned(folders["first-spike"])
    half = dataclasses.replace(one.provenance, finished=False)
    exported.save_learner(tmp_path / "half.npz", one.learner, half, one.record)
    with pytest.raises(ResultsError, match=r"half\.npz: the training of its network has not come to an end"):
        load_learned(tmp_path / "half.npz")


def test_networks_of_other_data_and_equal_names_are_refused(
    digits: Dataset, networks: list[Learned], tmp_path: Path
) -> None:
    other = dataclasses.replace(digits, md5="0" * 32)
    with pytest.raises(
        ResultsError, match=r"first-spike: a network that learned digits, not digits|patches: a network"
    ):
        run(other, tmp_path / "out", networks)
    with pytest.raises(ResultsError, match=r"is in .* already"):
        run(digits, tmp_path / "out", [networks[0], networks[0]])
    assert not (tmp_path / "out").exists()


def test_the_command_line_exports_and_compares(folders: dict[str, Path], tmp_path: Path) -> None:
    def snnsim(*arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "snnsim", *arguments]
        return subprocess.run(words, capture_output=True, text=True, check=False, env=dict(os.environ))

    path = tmp_path / "exported.npz"
    done = snnsim("learn", "--out", str(folders["first-spike"]), "--export", str(path))
    assert done.returncode == 0, done.stderr
    assert "first-spike 20" in done.stdout
    small = ["mnist", "--dataset", "digits", "--limit", "40", "--network", "64-32-10", "--code", "ttfs"]
    both = ["--learned", str(path), "--learned", str(folders["patches"])]
    done = snnsim(*small, *both, "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "locally learned, first-spike 20: " in done.stdout
    exported_one, whole = results_of(tmp_path / "out")["learned"]
    assert (exported_one["neurons"], whole["neurons"]) == (20, 8)
    # What is reported is what the rounded weights answer.
    test = load("digits").test.first(40)
    answers = load_learned(path).learner.answers(test)
    assert exported_one["accuracy"] == (answers.classes == test.labels).mean()
    assert exported_one["ops"] == answers.operations["synaptic_events"] / 40
    refused = snnsim(*small, "--learned", str(tmp_path / "none.npz"), "--out", str(tmp_path / "other"))
    assert refused.returncode == 2
    assert "none.npz: no such file" in refused.stderr
    assert not (tmp_path / "other").exists()


# --- those that come with snnsim --------------------------------------------------------------------------------------


def test_shipped_networks_are_small_and_tell_how_they_were_made() -> None:
    assert shipped_learned("no-such-data") == []
    assert shipped_learned("../weights/mnist") == []
    networks = shipped_learned("mnist")
    assert {one.learner.MODEL for one in networks} >= {"first-spike", "patches"}
    assert len({one.name for one in networks}) == len(networks)
    assert sum(one.source.stat().st_size for one in networks) <= 6_000_000
    for one in networks:
        assert one.shipped
        assert one.provenance.images == 60_000
        assert one.record["tested"] == 10_000
        assert one.record["training"]["synaptic_events"] > one.record["training"]["plasticity_updates"] > 0
        assert one.record["command"].startswith(f"snnsim learn mnist --model {one.learner.MODEL} --neurons ")


def test_shipped_networks_are_as_accurate_as_they_were(mnist_dir: Path) -> None:
    """Of 1,000 images, the first of which are the harder ones: three standard errors and a point."""
    mnist = load("mnist", mnist_dir, progress=False)
    test = mnist.test.first(1000)
    for one in shipped_learned("mnist"):
        assert one.provenance.md5 == mnist.md5
        accuracy = float((one.learner.answers(test).classes == test.labels).mean())
        recorded = one.record["accuracy"]
        assert abs(accuracy - recorded) < 3 * (recorded * (1 - recorded) / 1000) ** 0.5 + 0.01, one.name
