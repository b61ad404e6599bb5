"""Seconds and memory that it takes to build the synapses of the microcircuit of Potjans & Diesmann, through the public API.

    python benchmarks/building.py [--scale 1.0] [--precision float32] [--json FILE]

64 projections less those of probability 0, each a fixed total number of synapses with normal weights and normal delays on a grid of
0.1 ms; at scale 1, 77,169 neurons and 299 million synapses. A scale below 1 takes that share of neurons and of inputs per neuron.
The network is built in a process of its own, after a small one has loaded (or compiled) the kernels: time and memory of both are
shown. The peak is the whole process's, interpreter and compiler included.

References: Potjans & Diesmann 2014, The cell-type specific cortical microcircuit, Cereb. Cortex 24:785.
"""

import argparse
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import snnsim as sn

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = (20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948)
# Rows: targets, columns: sources.
PROBABILITIES = (
    (0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0),
    (0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0),
    (0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0),
    (0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0),
    (0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0),
    (0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0),
    (0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252),
    (0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443),
)


def microcircuit(scale: float) -> sn.Network:
    """The populations and projections, without background input."""
    net = sn.Network(dt=0.1, seed=1)
    model = sn.LIF(
        tau_m=10.0, v_rest=-65.0, v_reset=-65.0, v_threshold=-50.0, t_ref=2.0, r_m=0.04,  # GOhm: 10 ms / 250 pF
        receptors={"syn": sn.ExponentialCurrent(tau=0.5)},
    )  # fmt: skip
    populations = [net.population(name, round(n * scale), model) for name, n in zip(NAMES, SIZES, strict=True)]
    for t, target in enumerate(populations):
        for s, source in enumerate(populations):
            p = PROBABILITIES[t][s]
            if p == 0:
                continue
            synapses = math.log1p(-p) / math.log1p(-1 / (SIZES[s] * SIZES[t]))
            excitatory = s % 2 == 0
            weight = 87.8 * (1.0 if excitatory else -4.0) * (2.0 if (NAMES[s], NAMES[t]) == ("L4E", "L23E") else 1.0)
            bounds = {"low": 0.0} if excitatory else {"high": 0.0}
            delay = 1.5 if excitatory else 0.75
            net.connect(
                source, target, sn.FixedTotalNumber(round(synapses * scale**2)),
                weight=sn.Normal(weight, 0.1 * abs(weight), **bounds), delay=sn.Normal(delay, 0.5 * delay, low=0.1),
            )  # fmt: skip
    return net


def measure(scale: float, precision: str) -> dict[str, Any]:
    """Build in this process."""
    begun = time.perf_counter()
    sn.Simulator(microcircuit(0.01), precision=precision)
    warm_s, warm_mb = time.perf_counter() - begun, peak_mb()
    cpu, begun = time.process_time(), time.perf_counter()
    net = microcircuit(scale)
    simulator = sn.Simulator(net, precision=precision)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "scale": scale, "precision": precision, "neurons": net.n_neurons, "synapses": simulator.network.n_synapses,
        "seconds": seconds, "cpu_s": cpu, "synapses_per_s": net.n_synapses / seconds, "peak_mb": peak_mb(),
        "kernels_s": warm_s, "before_mb": warm_mb,
    }  # fmt: skip


def peak_mb() -> float:
    """The highest memory of this process so far."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--precision", default="float32", choices=["float32", "float64"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--here", action="store_true", help="build in this process and print JSON alone")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.scale, options.precision)))
        return
    command = [sys.executable, __file__, "--here", "--scale", str(options.scale), "--precision", options.precision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    row = json.loads(done.stdout.strip().splitlines()[-1])
    row |= {"cores": os.cpu_count(), "numpy": np.__version__, "python": platform.python_version()}
    print(
        "| scale | precision | neurons | synapses | build s | core s | M synapses/s | peak MB | MB before | kernels s |"
    )
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    print(
        f"| {row['scale']:g} | {row['precision']} | {row['neurons']:,} | {row['synapses']:,} | {row['seconds']:.1f} "
        f"| {row['cpu_s']:.1f} | {row['synapses_per_s'] / 1e6:.1f} | {row['peak_mb']:,.0f} | {row['before_mb']:,.0f} "
        f"| {row['kernels_s']:.1f} |"
    )
    print(json.dumps(row))
    if options.json:
        options.json.write_text(json.dumps(row, indent=1) + "\n")


if __name__ == "__main__":
    main()
