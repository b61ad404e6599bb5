"""MNIST's test images through the converted networks that ship: many small networks, one per image, side by side."""

import time
from typing import Any

import numpy as np

from snnsim import DatasetError, convert, datasets
from snnsim.ann import Ann, shipped
from snnsim.conversion import Responses, SpikingTwin

from .cases import MNIST
from .timing import Arm, Task, arms, repeated, say, timed
from .traffic import bytes_moved

__all__ = ["measure"]

CODES = ("rate", "ttfs")
CALIBRATION = 5_000
COPIES = 10_000
"""Images at a time on a device. The CPU takes its own number: it works on as many as it has cores."""

TWO_CORE_IMAGES = 2_000
GOAL = 20.0
"""Times the speed of the CPU backend on two cores."""

QUICK_IMAGES, QUICK_NETWORKS = 200, 2


def measure(task: Task) -> None:
    """Run every network and code on every arm; hand the figures over, one twin after the other, and the totals at the end."""
    try:
        dataset = datasets.load(MNIST, task.data, progress=False)
    except (DatasetError, ImportError) as error:  # without data, what downloads them may be missing, too
        say(MNIST, not_run=f"no MNIST in --data, $SNNSIM_DATA or data/mnist: {error}")
        return
    test, calibration = dataset.test, dataset.train.first(CALIBRATION).pixels
    networks: list[Ann] = list(shipped(MNIST))
    if task.quick:
        test, networks = test.first(QUICK_IMAGES), networks[:QUICK_NETWORKS]
    done: list[dict[str, Any]] = []
    for ann in networks:
        for code in CODES:
            if time.time() > task.until:
                say(MNIST, left_out=f"the time was over before {ann.name} {code}")
                return
            row = _twin(convert(ann, code, calibration=calibration), test.pixels, test.labels, task)
            done.append(row)
            say(MNIST, twins={f"{ann.name} {code}": row}, total=_total(done))


def _twin(twin: SpikingTwin, pixels: np.ndarray, labels: np.ndarray, task: Task) -> dict[str, Any]:
    """Return the figures of a twin on every arm, scaled to all images where fewer ran."""
    row: dict[str, Any] = {"images": len(pixels), "neurons": twin.n_neurons, "synapses": twin.n_synapses}
    answers: dict[str, Responses] = {}
    for arm in arms(task):
        images = pixels[:TWO_CORE_IMAGES] if arm.name == "cpu_2" else pixels
        # Scores of few images first: they compile, and bring arrays into memory.
        _, first_run_s = timed(lambda arm=arm, images=images: _answer(twin, images[: min(len(images), 500)], arm))

        def once(arm: Arm = arm, images: np.ndarray = images) -> float:
            answers[arm.name], seconds = timed(lambda: _answer(twin, images, arm))
            return seconds * len(pixels) / len(images)

        figures: dict[str, Any] = {"first_run_s": first_run_s, "images_run": len(images)}
        figures |= repeated(once, most=3, enough_s=1.0 if arm.name == "device" else 0.2)
        figures["images_per_s"] = len(pixels) / figures["sim_s"]
        seconds = figures["sim_s"] * len(images) / len(pixels)
        row[arm.name] = figures | _counted(twin, answers[arm.name], seconds, labels[: len(images)])
    device, cpu = answers["device"], answers["cpu"]
    if task.copy_bytes_per_s:
        row["device"]["of_copy_bandwidth"] = row["device"]["bytes_per_s"] / task.copy_bytes_per_s
    row["same_accuracy"] = row["device"]["accuracy"] == row["cpu"]["accuracy"]
    row["same_scores"] = bool(np.array_equal(device.scores, cpu.scores))
    row["same_counts"] = bool(np.array_equal(device.acs, cpu.acs) and np.array_equal(device.spikes, cpu.spikes))
    row["speed_of_two_cores"] = row["cpu_2"]["sim_s"] / row["device"]["sim_s"]
    return row


def _answer(twin: SpikingTwin, pixels: np.ndarray, arm: Arm) -> Responses:
    batch = {} if arm.options["backend"] == "cpu" else {"batch": COPIES}
    return twin.run(pixels, **arm.options, **batch)


def _counted(twin: SpikingTwin, answer: Responses, seconds: float, labels: np.ndarray) -> dict[str, Any]:
    """Return the accuracy of an answer that took so long, and its events and bytes per second."""
    events = int(answer.acs.sum() + answer.macs.sum())
    updates = int(answer.membrane_updates.sum() + answer.encoder_operations.sum())
    return {
        "accuracy": float((answer.scores[:, -1].argmax(axis=1) == labels).mean()),
        "events": events,
        "spikes": int(answer.spikes.sum()),
        "events_per_s": events / seconds,
        "bytes_per_s": bytes_moved(twin.network, twin.precision, updates, events) / seconds,
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all twins together."""
    spent = {name: sum(row[name]["sim_s"] for row in rows) for name in ("device", "cpu", "cpu_2")}
    images = sum(row["images"] for row in rows)
    return {
        "twins": len(rows),
        "sim_s": spent,
        "images_per_s": {name: images / seconds for name, seconds in spent.items()},
        "events_per_s": sum(row["device"]["events"] for row in rows) / spent["device"],
        "speed_of_two_cores": spent["cpu_2"] / spent["device"],
        "least_speed_of_two_cores": min(row["speed_of_two_cores"] for row in rows),
        "goal": GOAL,
        **{key: all(row[key] for row in rows) for key in ("same_accuracy", "same_scores", "same_counts")},
    }
