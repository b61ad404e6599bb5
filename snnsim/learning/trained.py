"""Files of trained networks: everything that was learned, weights, thresholds and labels together, and how far training is.

The same file is the checkpoint of a training under way and, at its end, the trained network. It belongs to one model, with its
settings, seed, and the data that it learned from, all of which stand in it.
"""

import dataclasses
import json
import os
from typing import Any

import numpy as np

from snnsim._errors import SimulationError
from snnsim.state_file import read_arrays, write_arrays

from .learner import Learner

__all__ = ["Provenance", "load_learner", "save_learner"]

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


def save_learner(path: str | os.PathLike[str], learner: Learner, provenance: Provenance) -> None:
    """Write a network. Raises SimulationError where it cannot; an earlier file is intact then."""
    about = {
        "model": learner.MODEL,
        "settings": dataclasses.asdict(learner.settings),
        "shape": learner.shape,
        "n_classes": learner.n_classes,
        "seed": learner.seed,
        "provenance": dataclasses.asdict(provenance),
    }
    state = {_STATE + name: array for name, array in learner.state.items()}
    write_arrays(path, _KIND, {"about": np.str_(json.dumps(about)), **state})


def load_learner(path: str | os.PathLike[str], models: dict[str, type[Learner]]) -> tuple[Learner, Provenance]:
    """Read what :func:`save_learner` wrote, a network of one of the ``models``.

    Raises SimulationError where the file is missing, damaged or another one.
    """
    arrays = read_arrays(path, _KIND)
    try:
        about: dict[str, Any] = json.loads(str(arrays["about"]))
        model = models[about["model"]]
        values = {name: tuple(v) if isinstance(v, list) else v for name, v in about["settings"].items()}
        height, width = about["shape"]
        learner = model(model.SETTINGS(**values), (height, width), about["n_classes"], about["seed"])
        provenance = Provenance(**about["provenance"])
    except (KeyError, TypeError, ValueError) as error:
        raise SimulationError(f"{os.fspath(path)}: not a network that this snnsim can read ({error})") from error
    learner.restore({name.removeprefix(_STATE): array for name, array in arrays.items() if name.startswith(_STATE)})
    return learner, provenance
