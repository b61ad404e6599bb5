"""A run of ``snnsim learn``: train from where an earlier run was stopped, test, write results, pictures and the network."""

import dataclasses
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim._errors import ResultsError
from snnsim.datasets import Dataset, Split

from .backpropagation import cheapest_backpropagation, convolutional_backpropagation
from .learner import Answers, Learner
from .mcnemar import mcnemar
from .models import MODELS
from .pictures import draw_history, draw_receptive_fields
from .progress import Report, silent
from .trained import Provenance, load_learner, save_learner

__all__ = ["CONTROL", "RESULTS", "TRAINED", "accuracy_of", "learn", "learn_seeds"]

RESULTS, TRAINED, CONTROL = "results.json", "network.npz", "control.npz"
_PARTS = 50
"""Parts in which a training is reported, at least."""


def accuracy_of(answers: Answers, split: Split) -> float:
    """Return the share of right answers, 0 to 1."""
    return float((answers.classes == split.labels).mean())


def splits(dataset: Dataset, *, validation: bool) -> tuple[Split, Split]:
    """Return what is learned from and what is tested on: all training images and the test images, or, to choose parameters by,
    the training split and the validation split."""
    if validation:
        return dataset.train, dataset.validation
    images = np.concatenate([dataset.train.images, dataset.validation.images])
    labels = np.concatenate([dataset.train.labels, dataset.validation.labels])
    return Split(images, labels, dataset.train.full_scale), dataset.test


def learn(
    learner: Learner,
    dataset: Dataset,
    out: str | os.PathLike[str],
    *,
    validation: bool = False,
    control: bool = True,
    every: int = 10_000,
    limit: int | None = None,
    threads: int | None = None,
    report: Report = silent,
) -> dict[str, Any]:
    """Train and test ``learner``, and its control, and return what ``results.json`` then holds.

    out : folder; a training of the same network that was stopped there goes on, one that is finished is only tested again
    validation : train on the training split and test on the validation split, instead of on all training images and the test split
    every : images after which the network is kept at the latest; so many are lost at most when the run is killed
    limit : only the first so many training images, and as many test images
    threads : of the test and of whatever else they do not change the result of; one per core by default

    Raises ResultsError where the folder holds another run, SimulationError where a file cannot be read or written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    train, test = splits(dataset, validation=validation)
    if limit is not None:
        train, test = train.first(limit), test.first(limit)
    learner, provenance = _trained(learner, dataset, train, folder / TRAINED, every, report)
    begun = time.perf_counter()
    answers = learner.answers(test, threads)
    test_s = time.perf_counter() - begun
    opponent = learner.control() if control else None
    control_accuracy = compared = None
    if opponent is not None:
        opponent, _ = _trained(opponent, dataset, train, folder / CONTROL, every, _titled("control, ", report))
        random = opponent.answers(test, threads)
        control_accuracy = accuracy_of(random, test)
        compared = dataclasses.asdict(mcnemar(answers.classes == test.labels, random.classes == test.labels))
    accuracy = accuracy_of(answers, test)
    ann = cheapest_backpropagation(train, accuracy, dataset.n_classes)
    ann = ann or (convolutional_backpropagation(dataset, accuracy) if limit is None else None)
    results = {
        "model": learner.MODEL,
        "neurons": learner.neurons,
        "accuracy": accuracy,
        "control_accuracy": control_accuracy,
        "seed": learner.seed,
        "train_s": round(provenance.seconds, 3),
        "test_s": round(test_s, 3),
        "operations": {
            "training": learner.operations,
            "inference_per_image": {name: count / len(test) for name, count in answers.operations.items()},
            "backpropagation": None if ann is None else dataclasses.asdict(ann),
        },
        "mcnemar": compared,
        "settings": dataclasses.asdict(learner.settings),
        "dataset": {"name": dataset.name, "md5": dataset.md5, "train": len(train), "test": len(test),
                    "limit": limit, "tested_on": "validation" if validation else "test"},
    }  # fmt: skip
    (folder / RESULTS).write_text(json.dumps(results, indent=2) + "\n")
    _draw(learner, test, folder, f"{learner.MODEL}, {learner.neurons:,} neurons: {accuracy:.2%}")
    return results


def _titled(title: str, report: Report) -> Report:
    """Report stages under a title."""
    return lambda progress: report(dataclasses.replace(progress, stage=title + progress.stage))


def learn_seeds(
    learners: Sequence[Learner],
    dataset: Dataset,
    out: str | os.PathLike[str],
    *,
    report: Report = silent,
    **options: Any,
) -> dict[str, Any]:
    """Do the same for several seeds, each in a folder of its own, and return what ``results.json`` then holds of them all.

    Its figures are means; ``accuracies`` and ``control_accuracies`` are those of each seed, ``accuracy_sd`` their spread.
    """
    folder = Path(out)
    runs = [
        learn(
            learner,
            dataset,
            folder / f"seed-{learner.seed}",
            report=_titled(f"seed {learner.seed}, ", report),
            **options,
        )
        for learner in learners
    ]
    accuracies, controls = ([run[name] for run in runs] for name in ("accuracy", "control_accuracy"))
    results = {
        **runs[0],
        "accuracy": float(np.mean(accuracies)),
        "control_accuracy": None if controls[0] is None else float(np.mean(controls)),
        "train_s": round(float(np.mean([run["train_s"] for run in runs])), 3),
        "test_s": round(float(np.mean([run["test_s"] for run in runs])), 3),
        "seeds": [run["seed"] for run in runs],
        "accuracies": accuracies,
        "accuracy_sd": float(np.std(accuracies, ddof=1)) if len(runs) > 1 else 0.0,
        "control_accuracies": controls,
    }
    (folder / RESULTS).write_text(json.dumps(results, indent=2) + "\n")
    return results


def _trained(
    learner: Learner, dataset: Dataset, train: Split, path: Path, every: int, report: Report
) -> tuple[Learner, Provenance]:
    """Return the learner at the end of its training, of which an earlier run may have left a part."""
    fresh = Provenance(dataset.name, dataset.md5, len(train))
    provenance = fresh
    if path.exists():
        kept, provenance = load_learner(path, MODELS)
        same = (kept.MODEL, kept.settings, kept.seed) == (learner.MODEL, learner.settings, learner.seed)
        if not same or dataclasses.replace(provenance, finished=False, seconds=0.0) != fresh:
            raise ResultsError(f"{path}: another network, or other data; choose another folder or give --force")
        learner = kept
    if provenance.finished:
        return learner, provenance
    begun, before, since = time.perf_counter(), provenance.seconds, 0
    last: tuple[str, int] = ("", 0)
    for progress in learner.train(train, max(1, min(every, len(train) // _PARTS))):
        since += progress.done - (last[1] if last[0] == progress.stage else 0)
        last = progress.stage, progress.done
        report(progress)
        if since >= every:
            provenance = dataclasses.replace(fresh, seconds=before + time.perf_counter() - begun)
            save_learner(path, learner, provenance)
            since = 0
    provenance = dataclasses.replace(fresh, finished=True, seconds=before + time.perf_counter() - begun)
    save_learner(path, learner, provenance)
    return learner, provenance


def _draw(learner: Learner, test: Split, folder: Path, title: str) -> None:
    figures = {
        "receptive_fields.png": draw_receptive_fields(learner.receptive_fields(), title),
        "history.png": draw_history(learner.history, title),
        **learner.pictures(test),
    }
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=120)
