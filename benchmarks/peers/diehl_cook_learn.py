"""Diehl & Cook's network in the loop of ``snnsim learn``: as many images, each once, whether they are answered or not."""

import time

begun = time.perf_counter()

from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from peers.process import hand_back, peak_mb, read_task  # noqa: E402
from snnsim.datasets import Split  # noqa: E402
from snnsim.learning.diehl_cook import DiehlCookLearner, DiehlCookSettings  # noqa: E402
from snnsim.networks.diehl_cook import TO_OTHERS  # noqa: E402

FULL_SCALE = 255


def learner(task: dict[str, Any], weights: np.ndarray, theta: np.ndarray) -> DiehlCookLearner:
    settings = DiehlCookSettings(
        neurons=weights.shape[1], dt=task["dt"], duration=task["image"], pause=task["rest"], rate=task["rate"],
        total=task["total"], theta_plus=0.05, attempts=1, inhibitory="neurons", inhibition=TO_OTHERS,
    )  # fmt: skip
    made = DiehlCookLearner(settings, (1, len(weights)), 10, task["seed"])
    made.weights[...] = weights
    made.theta[...] = theta
    return made


def main() -> None:
    task = read_task()
    given = np.load(task["images"])
    images, weights, theta = given["images"], given["weights"], given["theta"]
    grey = np.rint(FULL_SCALE * images).astype(np.uint8)[:, None, :]
    split = Split(grey, np.arange(len(grey)) % 10, FULL_SCALE)  # labels, of which learning knows nothing
    next(learner(task, weights, theta).train(split.first(1), 1))  # loads the compiled loop
    network = learner(task, weights, theta)
    built = time.perf_counter()
    worked = time.process_time()
    next(network.train(split, len(split)))
    done, worked = time.perf_counter(), time.process_time() - worked
    spikes = np.zeros(network.operations["spikes"])  # of which the loop counts how many there are, not when
    hand_back(task, built - begun, done - built, peak_mb(), spikes, spikes, network.weights, worked)


if __name__ == "__main__":
    main()
