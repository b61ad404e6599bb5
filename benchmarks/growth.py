"""How the cost of the grid method grows: with neurons, with synapses per neuron, and with the rate, each over three decades.

    python benchmarks/growth.py [--precision float64] [--repeats 9] [--core 0] [--json FILE]

LIF neurons with two exponential currents (those of CUBA) receive Poisson spike trains of as many sources through random synapses
with a delay of 1 ms, one thread, step 0.1 ms. The sources' rate is given and the weights are too small to make a neuron fire, so
that neurons, synapses and rate vary one at a time. Each network also runs without spikes: that is the time of the neurons, and the
difference is that of the events. Processor time, medians of paired runs; "-" where the difference is not above twice its median
deviation, because neurons take nearly all the time.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import snnsim as sn

DT = 0.1  # ms
SERIES: dict[str, list[tuple[int, int, float]]] = {
    "neurons": [(n, 100, 100.0) for n in (100, 1_000, 10_000, 100_000)],
    "synapses per neuron": [(1_000, k, 100.0) for k in (1, 10, 100, 1_000)],
    "rate": [(1_000, 1_000, rate) for rate in (0.1, 1.0, 10.0, 100.0)],
}
"""(neurons, synapses per neuron, rate in Hz) of every network."""


def network(neurons: int, synapses: int) -> sn.Network:
    net = sn.Network(dt=DT, seed=1)
    receptors = {"exc": sn.ExponentialCurrent(tau=5.0), "inh": sn.ExponentialCurrent(tau=10.0)}
    lif = sn.LIF(tau_m=20.0, v_rest=-60.0, v_threshold=-50.0, v_reset=-60.0, t_ref=5.0, receptors=receptors)
    sources, targets = net.population("sources", neurons, sn.SpikeArray()), net.population("targets", neurons, lif)
    net.connect(sources, targets, sn.FixedInDegree(synapses), weight=1e-6, delay=1.0, receptor="exc")
    return net


def poisson(neurons: int, rate: float, steps: int) -> sn.SpikeTrain:
    """Return trains of independent sources, at most one spike of a source per step."""
    rng = np.random.default_rng(2)
    drawn = rng.integers(0, neurons * steps, rng.poisson(neurons * rate * steps * DT / 1000.0))
    step, neuron = np.divmod(np.unique(drawn), neurons)
    return sn.SpikeTrain(np.zeros(len(step), np.int32), step, neuron, neurons, 1, DT, 0, steps)


def timed(simulator: sn.Simulator, train: sn.SpikeTrain) -> tuple[float, int]:
    """Run from the initial state; return the seconds that it took and the synaptic events."""
    simulator.reset()
    begun = time.process_time()
    result = simulator.run(train.duration, inputs={"sources": train})
    return time.process_time() - begun, int(result.operations.acs.sum())


def measure(neurons: int, synapses: int, rate: float, precision: str, repeats: int) -> dict[str, Any]:
    # About 0.2 s of work at 1 ns per neuron and step and 2 ns per event, between 0.1 s and 20 s of biological time.
    per_step = 1e-9 * neurons + 2e-9 * neurons * synapses * rate * DT / 1000.0
    steps = int(np.clip(0.2 / per_step, 1_000, 200_000)) // 1_000 * 1_000
    simulator = sn.Simulator(network(neurons, synapses), threads=1, precision=precision)
    spikes, silence = poisson(neurons, rate, steps), poisson(neurons, 0.0, steps)
    timed(simulator, spikes)  # compiles, and brings the arrays into memory
    active, silent, events = [], [], 0
    for _ in range(repeats):
        seconds, events = timed(simulator, spikes)
        active.append(seconds)
        silent.append(timed(simulator, silence)[0])
    difference = [a - b for a, b in zip(active, silent, strict=True)]
    middle = statistics.median(difference)
    noise = statistics.median(abs(value - middle) for value in difference)
    return {
        "neurons": neurons,
        "synapses_per_neuron": synapses,
        "rate_hz": rate,
        "s_per_biological_s": statistics.median(active) / (steps * DT / 1000.0),
        "ns_per_neuron_step": statistics.median(silent) / (neurons * steps) * 1e9,
        "ns_per_event": middle / events * 1e9 if events and middle > 2 * noise else None,
        "events": events,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", default="float64", choices=["float32", "float64"])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--core", type=int, default=0, help="the core to run on (Linux)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    rows = []
    print(
        "| grows | neurons | synapses per neuron | rate Hz | s per biological s | ns per neuron-step | ns per event |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for grows, networks in SERIES.items():
        for neurons, synapses, rate in networks:
            row = measure(neurons, synapses, rate, options.precision, options.repeats)
            rows.append({"grows": grows, "precision": options.precision} | row)
            event = "-" if row["ns_per_event"] is None else f"{row['ns_per_event']:.2f}"
            print(
                f"| {grows} | {neurons:,} | {synapses:,} | {rate:g} | {row['s_per_biological_s']:.4f} "
                f"| {row['ns_per_neuron_step']:.2f} | {event} |",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
