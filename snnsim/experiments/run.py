"""A run of ``snnsim experiment``: measure seed by seed, from where an earlier run was stopped, then tables, verdicts and figure.

A finished seed is a file under ``parts``, a trained network one under ``networks``, which experiments with one folder share.
"""

import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snnsim._errors import ResultsError
from snnsim.comparison.environment import versions
from snnsim.comparison.store import write
from snnsim.datasets import Dataset
from snnsim.datasets._types import split_training

from .arena import Arena
from .changed_world import CHANGED_WORLD
from .continual import CONTINUAL
from .damage import DAMAGE
from .few_examples import FEW_EXAMPLES
from .figure import draw
from .measurement import Experiment
from .report import compared, markdown

__all__ = ["EXPERIMENTS", "held_out", "limited", "run_experiment"]

EXPERIMENTS: dict[str, Experiment] = {one.name: one for one in (CONTINUAL, CHANGED_WORLD, FEW_EXAMPLES, DAMAGE)}


def held_out(dataset: Dataset) -> Dataset:
    """Return the data to choose settings by: the validation split is what is tested on; the test split is not looked at."""
    images = dataset.train
    train, validation = split_training(images.images, images.labels, images.full_scale)
    return dataclasses.replace(dataset, train=train, validation=validation, test=dataset.validation)


def limited(dataset: Dataset, n: int) -> Dataset:
    """Return the first ``n`` images of each split."""
    return dataclasses.replace(
        dataset, train=dataset.train.first(n), validation=dataset.validation.first(n), test=dataset.test.first(n)
    )


def run_experiment(
    name: str,
    dataset: Dataset,
    out: Path,
    seeds: Sequence[int],
    *,
    command: str,
    tested_on: str = "test",
    force: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run an experiment, write ``<name>.json``, ``.md`` and ``.png`` under ``out``, and return what the first holds.

    command, tested_on : what the results say of how they came about
    force : measure and train anew what is kept of these seeds

    Raises ResultsError for an experiment that there is not, and where the folder holds another run.
    """
    if name not in EXPERIMENTS:
        raise ResultsError(f"no experiment is called {name!r}: expected one of {', '.join(EXPERIMENTS)}")
    experiment = EXPERIMENTS[name]
    arena = Arena(dataset, out / "networks", tell)
    run = {
        **experiment.about(arena),
        "dataset": {"name": dataset.name, "md5": dataset.md5, "train": len(dataset.train),
                    "validation": len(dataset.validation), "test": len(dataset.test), "tested_on": tested_on},
        "versions": versions(),
    }  # fmt: skip
    try:
        (out / "parts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{out / 'parts'}: cannot be made ({error.strerror})") from error
    paths = {seed: out / "parts" / f"{name}-seed{seed}.json" for seed in seeds}
    if force:
        for seed, path in paths.items():
            path.unlink(missing_ok=True)
            arena.delete(seed)
    parts = [_part(experiment, arena, seed, path, run) for seed, path in paths.items()]
    rows = [{"seed": seed, **row} for seed, part in zip(seeds, parts, strict=True) for row in part["measurements"]]
    results = {
        "experiment": name,
        "title": experiment.title,
        "question": experiment.question,
        "command": command,
        "seeds": list(seeds),
        **{key: run[key] for key in ("dataset", "versions", "contenders")},
        "spiking": list(arena.spiking),
        "tests": dict(experiment.tests),
        "equality": {str(seed): part["equality"] for seed, part in zip(seeds, parts, strict=True)},
        "comparisons": [dataclasses.asdict(one) for one in compared(rows, experiment.rivals(arena))],
        "measurements": rows,
    }
    write(out / f"{name}.json", _to_json(results))
    write(out / f"{name}.md", markdown(results))
    picture = io.BytesIO()
    draw(results).savefig(picture, format="png", dpi=120)
    write(out / f"{name}.png", picture.getvalue())
    return results


def _part(experiment: Experiment, arena: Arena, seed: int, path: Path, run: dict[str, Any]) -> dict[str, Any]:
    """Return what a seed gives: what is kept of it, or what is measured now, and kept then."""
    if path.exists():
        try:
            part: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            earlier = part["run"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{path}: damaged ({error}); start over with --force or another --out") from error
        # As JSON, in which tuples are lists.
        if earlier != (now := json.loads(json.dumps(run))):
            differing = ", ".join(key for key in now if now[key] != earlier.get(key))
            raise ResultsError(
                f"{path}: from another run, which differs in {differing}; give another folder with --out, or --force"
            )
        return part
    measurements = [_plain(dataclasses.asdict(one)) for one in experiment.measure(arena, seed)]
    part = {"run": run, "equality": arena.equality(experiment.contenders(arena), seed), "measurements": measurements}
    write(path, json.dumps(part))
    arena.forget()
    return part


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    episodes = row["episodes"]
    return {**row, "episodes": None if episodes is None else [round(value, 6) for value in episodes]}


def _to_json(results: dict[str, Any]) -> str:
    """Return readable JSON with one line for each measurement."""
    head = json.dumps({key: value for key, value in results.items() if key != "measurements"}, indent=1)
    lines = ",\n".join("  " + json.dumps(row) for row in results["measurements"])
    return head.removesuffix("\n}") + ',\n "measurements": [\n' + lines + "\n ]\n}\n"
