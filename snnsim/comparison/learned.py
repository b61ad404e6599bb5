"""Locally learned networks beside the converted ones: tested in the run, their operations counted in the kernels.

They have one operating point each, on the test images: they learned from the validation images, too. They are no candidates of
`candidates`, which are chosen on these. Of training a record tells what it took, and what backpropagation took for as much.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim._errors import ResultsError
from snnsim.comparison.candidates import cheapest_ann
from snnsim.comparison.tables import count, markdown, percent, versus
from snnsim.datasets import Dataset, Split
from snnsim.learning.exported import Learned

LEARNED_COLUMNS = (
    "network",
    "labels",
    "test accuracy",
    "with random weights",
    "synaptic events",
    "membrane updates",
    "fewest effective MACs of an ANN as accurate",
)
"""Column names of `learned_rows`."""

TRAINING_COLUMNS = (
    "network",
    "training images",
    "synaptic events",
    "plasticity updates",
    "by backpropagation",
    "its training MACs",
    "zeros skipped",
)
"""Column names of `training_rows`."""

_NOTE = """\
No backpropagation: every weight was changed by a local rule. *Labels*: they only name neurons that have learned without
them, or a layer learns from them by the delta rule. *With random weights*: the same network, whose neurons (or detectors)
did not learn but stayed random, as found when it was trained (on {tested} test images); what learning without labels has
earned is the difference. Synaptic events and membrane updates are means per image, counted in this run. The last column
is the ratio of the synaptic events to the fewest effective MACs of an ANN that is at least as accurate on the test images.
"""

_TRAINING_NOTE = """\
What training took, counted while it went on, the assignment of labels included. A plasticity update is a change of one
weight. Beside it the multiply-accumulates that backpropagation spends until a conventional network is as accurate on
held-out training images, the cheapest of those that were tried.
"""


def run_learned(learned: Learned, test: Split, jobs: int | None) -> dict[str, Any]:
    """Test a network and return its entry of `results.json`; `ops` and `operations` are means per image.

    `test` holds the test images, `jobs` is the number of threads, which changes no figure.
    """
    learner, record = learned.learner, learned.record
    answers = learner.answers(test, jobs)
    operations = {name: total / len(test) for name, total in answers.operations.items()}
    return {
        "name": learned.name,
        "model": learner.MODEL,
        "neurons": learner.neurons,
        "seed": learner.seed,
        "supervised": learner.SUPERVISED,
        "shipped": learned.shipped,
        "accuracy": float((answers.classes == test.labels).mean()),
        "control_accuracy": record["control_accuracy"],
        "control_tested": record["tested"],
        "ops": operations["synaptic_events"],
        "operations": operations,
        "training": record["training"],
        "backpropagation": record["backpropagation"],
        "training_images": learned.provenance.images,
        "settings": dataclasses.asdict(learner.settings),
        "command": record["command"],
    }


def digest(learned: Learned) -> str:
    """One sha256 over everything that an entry depends on."""
    learner = learned.learner
    about = [learner.MODEL, dataclasses.asdict(learner.settings), learner.seed, learned.record, learned.shipped]
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(learner.state.items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def check(learned: Sequence[Learned], dataset: Dataset) -> None:
    """Raise ResultsError, naming the file, for a network of other data, or a name that is given twice."""
    seen: dict[str, Learned] = {}
    for one in learned:
        if one.provenance.md5 != dataset.md5:
            raise ResultsError(f"{one.source}: a network that learned {one.provenance.dataset}, not {dataset.name}")
        if one.name in seen:
            raise ResultsError(f"{one.source}: the network {one.name!r} is in {seen[one.name].source} already")
        seen[one.name] = one


def learned_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """One row per locally learned network, in the order of `LEARNED_COLUMNS`."""
    rows = []
    for entry in results.get("learned", ()):
        ann = cheapest_ann(results["ann"], entry["accuracy"], "effective_macs")
        control = entry["control_accuracy"]
        rows.append(
            [
                entry["name"],
                "a layer learns from them" if entry["supervised"] else "name the neurons",
                percent(entry["accuracy"]),
                "" if control is None else percent(control),
                count(entry["ops"]),
                count(entry["operations"]["membrane_updates"]),
                versus(entry["ops"] / ann["effective_macs"], ann["name"]) if ann else versus(None),
            ]
        )
    return rows


def training_rows(results: Mapping[str, Any]) -> list[list[str]]:
    """One row per locally learned network, in the order of `TRAINING_COLUMNS`."""
    rows = []
    for entry in results.get("learned", ()):
        training, ann = entry["training"], entry["backpropagation"]
        row = [entry["name"], count(entry["training_images"])]
        row += [f"{training[name]:.3g}" for name in ("synaptic_events", "plasticity_updates")]
        if ann is None:
            row += ["not known", "", ""]
        else:
            effective = ann["effective_training_macs"]
            row += [f"{ann['network']} to {percent(ann['accuracy'])}", f"{ann['training_macs']:.3g}"]
            row += ["" if effective is None else f"{effective:.3g}"]
        rows.append(row)
    return rows


def learned_section(results: Mapping[str, Any]) -> str:
    """The section of `report.md`; where there is no such network, it says so."""
    entries = results.get("learned", ())
    if not entries:
        return "None was tested."
    tested = " or ".join(count(n) for n in sorted({entry["control_tested"] for entry in entries}))
    commands = "\n".join(entry["command"] for entry in entries)
    return "\n\n".join(
        [
            _NOTE.format(tested=tested).rstrip(),
            markdown(LEARNED_COLUMNS, learned_rows(results)),
            _TRAINING_NOTE.rstrip(),
            markdown(TRAINING_COLUMNS, training_rows(results)),
            f"They were trained by\n\n```\n{commands}\n```",
        ]
    )
