"""Files of trained networks: everything that was learned, weights, thresholds and labels together, and how far training is.

The same file is the checkpoint of a training under way and, at its end, the trained network. It belongs to one model, with its
settings, seed, and the data that it learned from, all of which stand in it. An exported one (see ``exported``) holds what answers
need, rounded, and a record of its training; it is read likewise, but no training can go on from it.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnsim._errors import SimulationError
from snnsim.state_file import read_arrays, write_arrays

from .learner import Learner

__all__ = ["Provenance", "load_learner", "load_recorded", "save_learner"]

_KIND = "a network that learned images"
_STATE = "state_"


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What a network learned from, and how far.

    dataset, md5 : see Dataset; images : how many it was given to learn from; finished : whether training has come to its end
    seconds : of training so far
    """

    dataset: str
    md5: str
    images: int
    finished: bool = False
    seconds: float = 0.0


def save_learner(
    path: str | os.PathLike[str], learner: Learner, provenance: Provenance, record: Mapping[str, Any] | None = None
) -> None:
    """Write a network: all of it, or with a ``record`` (JSON values) what answers need, in half precision.

    Raises SimulationError where it cannot; an earlier file is intact then.
    """
    about = {
        "model": learner.MODEL,
        "settings": dataclasses.asdict(learner.settings),
        "shape": learner.shape,
        "n_classes": learner.n_classes,
        "seed": learner.seed,
        "provenance": dataclasses.asdict(provenance),
    }
    state = learner.state
    if record is not None:
        about["record"] = dict(record)
        state = {name: _rounded(state[name]) for name in learner.ANSWERING or state}
    write_arrays(
        path, _KIND, {"about": np.str_(json.dumps(about)), **{_STATE + name: array for name, array in state.items()}}
    )


def load_learner(path: str | os.PathLike[str], models: dict[str, type[Learner]]) -> tuple[Learner, Provenance]:
    """Read what :func:`save_learner` wrote, a network of one of the ``models``.

    Raises SimulationError where the file is missing, damaged or another one.
    """
    learner, provenance, _ = load_recorded(path, models)
    return learner, provenance


def load_recorded(
    path: str | os.PathLike[str], models: dict[str, type[Learner]]
) -> tuple[Learner, Provenance, dict[str, Any] | None]:
    """Do the same, and return the record of an exported network as well, None for one that was not exported."""
    arrays = read_arrays(path, _KIND)
    try:
        about: dict[str, Any] = json.loads(str(arrays["about"]))
        model = models[about["model"]]
        values = {name: tuple(v) if isinstance(v, list) else v for name, v in about["settings"].items()}
        height, width = about["shape"]
        learner = model(model.SETTINGS(**values), (height, width), about["n_classes"], about["seed"])
        provenance = Provenance(**about["provenance"])
        record: dict[str, Any] | None = about.get("record")
    except (KeyError, TypeError, ValueError) as error:
        raise SimulationError(f"{os.fspath(path)}: not a network that this snnsim can read ({error})") from error
    state = {name.removeprefix(_STATE): array for name, array in arrays.items() if name.startswith(_STATE)}
    if record is not None:
        state = _completed(learner, state)
    try:
        learner.restore(state)
    except SimulationError as error:
        raise SimulationError(f"{os.fspath(path)}: {error}") from error
    return learner, provenance, record


def _rounded(array: NDArray[Any]) -> NDArray[Any]:
    """Return weights (whatever has a row and a column) in half precision, in single where they exceed its range."""
    if array.ndim < 2 or array.dtype.kind != "f":
        return array
    fits = np.abs(array).max(initial=0.0) <= np.finfo(np.float16).max
    return array.astype(np.float16 if fits else np.float32)


def _completed(learner: Learner, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return an exported state in the precision of the model; what training alone needs is that of a new network."""
    own = learner.state
    given = {name: array.astype(own[name].dtype) for name, array in state.items() if name in own}
    needed = learner.ANSWERING or tuple(own)
    return {**{name: array for name, array in own.items() if name not in needed}, **given}
