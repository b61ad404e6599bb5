"""The benchmark networks in snnsim."""

import time

begun = time.perf_counter()

import numpy as np  # noqa: E402

import snnsim as sn  # noqa: E402
from peers.process import hand_back, peak_mb, read_task  # noqa: E402
from snnsim.networks import brunel, cuba, microcircuit, stdp  # noqa: E402


def main() -> None:
    task = read_task()
    neurons, seed = sum(task["sizes"].values()), task["seed"]
    if task["network"] == "cuba":
        net = cuba(neurons / 4000, seed, delay=task["delay"])
    elif task["network"] == "brunel":
        net = brunel(neurons / 12_500, seed, fixed_in_degree=True)
    elif task["network"] == "stdp":
        net = stdp(neurons / 5000, seed, fixed_in_degree=True)
    else:
        net = microcircuit(task["scale"], seed)
    simulator = sn.Simulator(net, threads=1, precision=task["precision"])
    simulator.run(0.1)  # loads the compiled kernels
    simulator.reset()
    built = time.perf_counter()
    if task["discard"]:
        simulator.run(task["discard"])
    started, worked = time.perf_counter(), time.process_time()
    result = simulator.run(task["duration"], record={name: ["spikes"] for name in task["sizes"]})
    done, worked = time.perf_counter(), time.process_time() - worked
    peak = peak_mb()
    first = np.cumsum([0, *task["sizes"].values()])
    trains = [result.spikes[name] for name in task["sizes"]]
    hand_back(
        task,
        built - begun,
        done - started,
        peak,
        np.concatenate([train.steps - result.start for train in trains]),
        np.concatenate([train.neurons + start for train, start in zip(trains, first, strict=False)]),
        simulator.weights("exc->exc") if task["network"] == "stdp" else None,
        worked,
    )


if __name__ == "__main__":
    main()
