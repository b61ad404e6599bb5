"""One network on one thread and on several, in turn: where more threads help, and that they never hurt much.

    python benchmarks/threads.py [--threads 2] [--repeats 7] [--time 300] [--json FILE]

Times are wall times of a run in which all spikes are recorded, medians of paired runs; every pair emits the same spikes, which is
checked. Below some 16,000 neurons per thread the CPU backend uses fewer threads than it may.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import snnsim as sn
from snnsim.networks import brunel, cuba, microcircuit

NETWORKS: dict[str, Callable[[], sn.Network]] = {
    "CUBA, 4,000": lambda: cuba(1.0),
    "CUBA, 40,000": lambda: cuba(10.0),
    "CUBA, 160,000": lambda: cuba(40.0),
    "Brunel, 12,500": lambda: brunel(1.0, fixed_in_degree=True),
    "Brunel, 50,000": lambda: brunel(4.0, fixed_in_degree=True),
    "microcircuit, 0.1": lambda: microcircuit(0.1),
    "microcircuit, 0.5": lambda: microcircuit(0.5),
}


def measure(net: sn.Network, threads: int, repeats: int, duration: float) -> tuple[float, float, float]:
    """Return the median seconds on one thread and on several, and the median of the ratios of the pairs."""
    record = {name: "spikes" for name in net.populations}
    pair = [sn.Simulator(net, threads=n, precision="float32") for n in (1, threads)]
    took: list[list[float]] = []
    for repeat in range(repeats + 1):
        runs, seconds = [], []
        for simulator in pair:
            simulator.reset()
            begun = time.perf_counter()
            runs.append(simulator.run(duration, record=record))
            seconds.append(time.perf_counter() - begun)
        if any(runs[0].spikes[name] != runs[1].spikes[name] for name in net.populations):
            raise SystemExit("the number of threads changed the spikes")
        if repeat:  # the first warms caches
            took.append(seconds)
    one, several = (statistics.median(column) for column in zip(*took, strict=True))
    return one, several, statistics.median(seconds[1] / seconds[0] for seconds in took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--time", type=float, default=300.0, help="biological time of a run in ms")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print(f"| network | neurons | s on 1 thread | s on {options.threads} | median ratio |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, make in NETWORKS.items():
        net = make()
        one, several, ratio = measure(net, options.threads, options.repeats, options.time)
        rows.append({"network": name, "neurons": net.n_neurons, "one_s": one, "several_s": several, "ratio": ratio})
        print(f"| {name} | {net.n_neurons:,} | {one:.3f} | {several:.3f} | {ratio:.2f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"threads": options.threads, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
