"""Trained networks as they travel: small files that come with snnsim, with what training took and the command that repeats it.

Weights are in half precision, of the rest only what answers need is kept. Nothing that a file says of accuracy is taken for
granted: who shows such a network tests it. The record tells what a test cannot find out:

command : which trains the network
accuracy : on the test images, before weights were rounded; control_accuracy : that of the same network with random weights, None
    where there is no such control; tested : how many images these are of
training : operations of the training, as :attr:`Learner.operations`
backpropagation : what it took backpropagation to be as accurate (see ``backpropagation``), None where that is not known
"""

import dataclasses
import json
import os
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

from snnsim._errors import ResultsError, SnnsimError

from .learner import Learner
from .models import MODELS
from .session import RESULTS, TRAINED
from .trained import Provenance, load_learner, load_recorded, save_learner

__all__ = ["Learned", "export_learned", "load_learned", "shipped_learned"]


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """A trained network, what it learned from, and the record of its training; ``shipped``: it came with snnsim."""

    learner: Learner
    provenance: Provenance
    record: dict[str, Any]
    source: Path
    shipped: bool = False

    @property
    def name(self) -> str:
        """Model and number of neurons, and the seed where it is not 0."""
        seed = f" seed {self.learner.seed}" if self.learner.seed else ""
        return f"{self.learner.MODEL} {self.learner.neurons}{seed}"


def export_learned(folder: str | os.PathLike[str], path: str | os.PathLike[str]) -> Learned:
    """Write the trained network of a result folder of ``snnsim learn`` to a file, and return it as it is there, rounded.

    Of a run of several seeds it is the first; for another one, name the folder of that seed.
    Raises ResultsError or SimulationError as :func:`load_learned`, and where the file cannot be written.
    """
    found = load_learned(folder)
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{target.parent}: cannot be made ({error.strerror})") from error
    save_learner(target, found.learner, found.provenance, found.record)
    return load_learned(target)


def load_learned(source: str | os.PathLike[str]) -> Learned:
    """Read an exported file, or a result folder of ``snnsim learn``.

    Raises SimulationError where a network is missing, damaged, or none; ResultsError where its training has not come to an end,
    was tested on validation images, or has no results that belong to it. The message names the file.
    """
    path = Path(source)
    if path.is_dir():
        learner, provenance, record = _of_folder(path)
    else:
        learner, provenance, found = load_recorded(path, MODELS)
        if found is None:
            raise ResultsError(f"{path}: a trained network without a record of its training; name the folder it is in")
        record = found
    if not provenance.finished:
        raise ResultsError(f"{path}: the training of its network has not come to an end")
    return Learned(learner, provenance, record, path)


def shipped_learned(dataset_name: str) -> list[Learned]:
    """Return the locally learned networks that come with snnsim for a data set, by name; none for most data sets."""
    folder = Path(str(resources.files("snnsim"))) / "weights"
    paths = [path for path in folder.glob("*/learned/*.npz") if path.parent.parent.name == dataset_name]
    return [dataclasses.replace(load_learned(path), shipped=True) for path in sorted(paths)]


def _of_folder(folder: Path) -> tuple[Learner, Provenance, dict[str, Any]]:
    path = folder / RESULTS
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if results.get("seeds") and not (folder / TRAINED).exists():
            return _of_folder(folder / f"seed-{results['seeds'][0]}")
        learner, provenance = load_learner(folder / TRAINED, MODELS)
        settings = json.loads(json.dumps(dataclasses.asdict(learner.settings)))
        belongs = (results["model"], results["seed"], results["settings"]) == (learner.MODEL, learner.seed, settings)
        if not belongs or results["dataset"]["md5"] != provenance.md5:
            raise ResultsError(f"{path}: results of another network than that beside it")
        if results["dataset"]["tested_on"] != "test":
            raise ResultsError(f"{path}: tested on validation images; train without --validation")
        record = {
            "command": _command(learner, results["dataset"]),
            "accuracy": results["accuracy"],
            "control_accuracy": results["control_accuracy"],
            "tested": results["dataset"]["test"],
            "training": results["operations"]["training"],
            "backpropagation": results["operations"]["backpropagation"],
        }
    except SnnsimError:
        raise
    except FileNotFoundError as error:
        raise ResultsError(f"{path}: no such file; {folder} is no result folder of snnsim learn") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{path}: not the results of snnsim learn ({error!r})") from error
    return learner, provenance, record


def _command(learner: Learner, dataset: dict[str, Any]) -> str:
    words = ["snnsim", "learn", dataset["name"], "--model", learner.MODEL, "--neurons", str(learner.neurons)]
    words += ["--seed", str(learner.seed)]
    words += ["--limit", str(dataset["limit"])] if dataset.get("limit") else []
    usual = dataclasses.asdict(learner.settings_for(learner.neurons, {}))
    for name, value in dataclasses.asdict(learner.settings).items():
        if value != usual[name]:
            said = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += ["--set", f"{name}={said}"]
    return shlex.join(words)
