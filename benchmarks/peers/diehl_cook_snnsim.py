"""Diehl & Cook's network in snnsim: a whole sequence of images in one run."""

import time

begun = time.perf_counter()

import numpy as np  # noqa: E402

import snnsim as sn  # noqa: E402
from peers.process import hand_back, peak_mb, read_task  # noqa: E402
from snnsim.networks.diehl_cook import IMAGE, REST, diehl_cook, shown  # noqa: E402


def main() -> None:
    task = read_task()
    given = np.load(task["images"])
    images, weights = given["images"], given["weights"]
    net = diehl_cook(weights.shape[1], task["seed"], dt=task["dt"], weights=weights, theta=given["theta"])
    simulator = sn.Simulator(net, threads=1, precision=task["precision"], backend="cpu")
    simulator.run(task["dt"])  # loads the compiled kernels
    simulator.reset()
    built = time.perf_counter()
    worked = time.process_time()
    result = simulator.run(
        len(images) * (IMAGE + REST),
        inputs={"pixels": shown(images)},
        record={"exc": ["spikes"]},
        count_every=IMAGE + REST,
    )
    done, worked = time.perf_counter(), time.process_time() - worked
    train = result.spikes["exc"]
    learned = simulator.weights("pixels->exc")
    hand_back(task, built - begun, done - built, peak_mb(), train.steps, train.neurons, learned, worked)


if __name__ == "__main__":
    main()
