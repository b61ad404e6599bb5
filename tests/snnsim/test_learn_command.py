"""``snnsim learn``: results, resumption, and trained networks in new processes."""

import dataclasses
import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import ResultsError, SimulationError
from snnsim.datasets import Split, load
from snnsim.learning.backpropagation import cheapest_backpropagation, convolutional_backpropagation
from snnsim.learning.diehl_cook import DiehlCookLearner, DiehlCookSettings
from snnsim.learning.first_spike import FirstSpikeLearner, FirstSpikeSettings
from snnsim.learning.learner import Learner, Progress
from snnsim.learning.models import MODELS
from snnsim.learning.session import learn
from snnsim.learning.trained import load_learner

BRIGHT = {"rate": 200.0, "total": 12.0, "eta_post": 0.1}
"""What makes up for the few pixels of the digits in Diehl & Cook's network."""
OPTIONS = ["learn", "digits", "--model", "first-spike", "--neurons", "20", "--set", "passes=2", "--set", "threshold=60"]


def snnsim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "snnsim", *arguments], capture_output=True, text=True, env=dict(os.environ), check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("learn")
    done = snnsim(*OPTIONS, "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


def test_results_have_the_promised_keys(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    assert list(results)[:8] == [
        "model", "neurons", "accuracy", "control_accuracy", "seed", "train_s", "test_s", "operations",
    ]  # fmt: skip
    assert (results["model"], results["neurons"], results["seed"]) == ("first-spike", 20, 0)
    assert 0.5 < results["accuracy"] < 1
    assert 0 < results["control_accuracy"] < results["accuracy"]
    n = results["dataset"]["train"]
    operations = results["operations"]
    assert operations["training"]["plasticity_updates"] == 2 * n * 64
    assert operations["inference_per_image"]["plasticity_updates"] == 0
    assert operations["inference_per_image"]["synaptic_events"] <= 64 * 20
    assert operations["backpropagation"]["accuracy"] >= results["accuracy"]


@pytest.mark.parametrize("name", ["receptive_fields.png", "history.png"])
def test_pictures_are_drawn(run: Path, name: str) -> None:
    assert (run / name).read_bytes().startswith(b"\x89PNG")


def test_a_trained_network_gives_the_same_accuracy_in_a_new_process_twice(run: Path) -> None:
    done = snnsim("learn", "digits", "--test", str(run / "network.npz"))
    assert done.returncode == 0, done.stderr
    accuracy = json.loads((run / "results.json").read_text())["accuracy"]
    assert done.stdout.split() == [repr(accuracy), repr(accuracy)]


def test_a_finished_run_is_not_trained_again_and_another_is_refused(run: Path, tmp_path: Path) -> None:
    before = (run / "network.npz").stat().st_mtime_ns
    results = json.loads((run / "results.json").read_text())
    assert snnsim(*OPTIONS, "--out", str(run), "--quiet").returncode == 0
    assert (run / "network.npz").stat().st_mtime_ns == before
    assert json.loads((run / "results.json").read_text())["accuracy"] == results["accuracy"]
    refused = snnsim(*OPTIONS, "--out", str(run), "--seed", "1")
    assert refused.returncode == 2
    assert "--force" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nothing"], ("nothing", "first-spike")),
        (["--set", "etta=1"], ("etta", "eta")),
        (["--set", "eta"], ("name=value",)),
        (["--set", "eta=high"], ("eta", "high")),
        (["--test", "missing.npz"], ("missing.npz", "no such file")),
    ],
)
def test_errors_name_what_is_wrong(arguments: list[str], words: tuple[str, ...]) -> None:
    done = snnsim("learn", "digits", *arguments)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr


def test_diehl_and_cooks_network_in_a_new_process(tmp_path: Path) -> None:
    """All pictures, a control, and the same accuracy from the file, twice."""
    options = ["--neurons", "20", "--set", "duration=100", *(f"--set={name}={value}" for name, value in BRIGHT.items())]
    done = snnsim("learn", "digits", "--model", "diehl-cook", *options, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["model"], results["neurons"], results["settings"]["duration"]) == ("diehl-cook", 20, 100.0)
    assert 0.1 < results["control_accuracy"] < results["accuracy"] < 1
    assert results["operations"]["training"]["presentations"] >= results["dataset"]["train"]
    assert results["operations"]["inference_per_image"]["plasticity_updates"] == 0
    for name in ("receptive_fields", "history", "raster", "decision"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    again = snnsim("learn", "digits", "--test", str(tmp_path / "network.npz"))
    assert again.stdout.split() == [repr(results["accuracy"])] * 2, again.stderr


class KilledError(Exception):
    """Stands for a kill at any moment."""


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (FirstSpikeLearner, FirstSpikeSettings(neurons=20, passes=2, threshold=60.0)),
        (DiehlCookLearner, DiehlCookSettings(neurons=10, passes=2, duration=50.0, label_images=600, **BRIGHT)),
        (
            DiehlCookLearner,
            DiehlCookSettings(
                neurons=10, duration=50.0, pause=20.0, label_images=600, inhibitory="neurons", inhibition=17.0, **BRIGHT
            ),
        ),
    ],
    ids=lambda one: getattr(one, "MODEL", ""),
)
def test_a_run_that_is_killed_goes_on_and_ends_as_one_that_was_not(
    model: type[Learner], settings: Any, tmp_path: Path
) -> None:
    digits = load("digits")

    def make() -> Learner:
        return model(settings, digits.shape, digits.n_classes, 5)

    whole = learn(make(), digits, tmp_path / "whole", control=False)
    learned = 0
    for kill in itertools.count(3, 7):
        parts = 0
        first: list[int] = []

        def report(progress: Progress, kill: int = kill, first: list[int] = first) -> None:
            nonlocal parts
            parts += 1
            if progress.stage == "learning":
                first.append(progress.done)
            if parts == kill:
                raise KilledError

        try:
            results = learn(make(), digits, tmp_path / "killed", control=False, every=100, report=report)
            break
        except KilledError:
            if first:
                assert first[0] >= learned - 100  # at most so many images are lost
                learned = first[-1]
    a, b = (dict(np.load(tmp_path / name / "network.npz")) for name in ("whole", "killed"))
    for name in a.keys() - {"about"}:
        assert np.array_equal(a[name], b[name]), name
    assert results["accuracy"] == whole["accuracy"]
    assert kill > 10


def test_files_that_are_no_networks_are_refused(tmp_path: Path) -> None:
    digits = load("digits").train.first(50)
    path = tmp_path / "network.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(SimulationError, match="not a readable"):
        load_learner(path, MODELS)
    learner = FirstSpikeLearner(FirstSpikeSettings(neurons=20), (8, 8), 10)
    with pytest.raises(SimulationError, match="without weights"):
        learner.restore({})
    with pytest.raises(SimulationError, match="thresholds must be finite"):
        learner.restore({**learner.state, "thresholds": np.full(20, np.nan, np.float32)})
    with pytest.raises(SimulationError, match="weights must be float32"):
        learner.restore(FirstSpikeLearner(FirstSpikeSettings(neurons=21), (8, 8), 10).state)
    assert len(digits) == 50


def test_an_unfinished_network_is_not_tested(tmp_path: Path) -> None:
    digits = load("digits")
    learner = FirstSpikeLearner(FirstSpikeSettings(neurons=20, threshold=60.0), digits.shape, 10)

    def stop(progress: Progress) -> None:
        if progress.done > 300:
            raise KilledError

    with pytest.raises(KilledError):
        learn(learner, digits, tmp_path, every=100, report=stop)
    done = snnsim("learn", "digits", "--test", str(tmp_path / "network.npz"))
    assert done.returncode == 2
    assert "not come to an end" in done.stderr


def test_other_data_are_refused(tmp_path: Path) -> None:
    digits = load("digits")
    learner = FirstSpikeLearner(FirstSpikeSettings(neurons=20, passes=1, threshold=60.0), digits.shape, 10)
    learn(learner, digits, tmp_path, control=False, limit=200)
    with pytest.raises(ResultsError, match="other data"):
        learn(learner, digits, tmp_path, control=False, limit=300)


def test_the_opponent_is_trained_no_longer_than_it_must() -> None:
    digits = load("digits").train
    easy, hard = (cheapest_backpropagation(digits, accuracy, 10) for accuracy in (0.5, 0.85))
    assert easy is not None
    assert hard is not None
    assert easy.accuracy >= 0.5
    assert hard.accuracy >= 0.85
    assert easy.training_macs <= hard.training_macs
    assert easy.effective_training_macs is not None
    assert 0 < easy.effective_training_macs < easy.training_macs
    assert cheapest_backpropagation(digits, math.inf, 10) is None


def test_what_no_perceptron_reaches_is_left_to_convolutional_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three products a weight and image, two in the first layer; the costs of the candidates rise."""
    pytest.importorskip("torch")
    digits = load("digits")
    assert convolutional_backpropagation(digits, 0.1) is None  # too small for two strided convolutions

    def enlarged(split: Split) -> Split:
        return Split(np.kron(split.images, np.ones((3, 3), np.uint8))[:600], split.labels[:600], split.full_scale)

    parts = {name: enlarged(getattr(digits, name)) for name in ("train", "validation", "test")}
    large = dataclasses.replace(digits, name="enlarged", **parts)  # type: ignore[arg-type]
    opponent = convolutional_backpropagation(large, 0.2)
    assert opponent is not None
    assert opponent.accuracy >= 0.2
    assert opponent.images % 600 == 0
    first, second = 10 * 10 * 6 * 25, 3 * 3 * 12 * 6 * 25
    assert opponent.inference_macs == first + second + 3 * 3 * 12 * 10
    assert opponent.training_macs == opponent.images * (3 * opponent.inference_macs - first)
    monkeypatch.setattr("snnsim.learning.backpropagation._CONVOLUTIONS", (("6c5s2-12c5s2", 1, False),))
    assert convolutional_backpropagation(large, 1.1) is None
