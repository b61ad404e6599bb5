"""The event method: what an event costs over three decades of rates and of neurons, and where the grid method becomes faster.

    python benchmarks/event_method.py [--repeats 5] [--out benchmarks/results/event-method.md]

The network: n LIF neurons (tau_m 20 ms, delta synapses, delay 1 ms), each with 5 recurrent inputs and one source that makes it fire
at the given rate. The sources are given spike trains, which cost the grid method next to nothing, or Poisson. Both methods run the
same network in turn on one thread in float64; times are processor times of a run of 1 s (shorter at high rates) without recording,
medians of ``--repeats`` runs after one that is not counted.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import snnsim as sn

DT = 0.1
RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES = (100, 1_000, 10_000, 100_000)
IN_DEGREE = 5


def network(n: int, rate: float, *, poisson: bool = False, current: bool = False) -> sn.Network:
    """Return n neurons that fire at ``rate``; ``current``: the recurrent synapses are exponential currents (5 ms)."""
    net = sn.Network(dt=DT, seed=3)
    source = net.population("source", n, sn.Poisson(rate=rate) if poisson else sn.SpikeArray())
    receptors: dict[str, Any] = {"v": sn.Delta(), "i": sn.ExponentialCurrent(tau=5.0)} if current else {"v": sn.Delta()}
    neurons = net.population("n", n, sn.LIF(tau_m=20.0, v_threshold=1.0, t_ref=2.0, receptors=receptors))
    net.connect(source, neurons, sn.OneToOne(), weight=1.5, delay=1.0, receptor="v")
    net.connect(neurons, neurons, sn.FixedInDegree(IN_DEGREE), weight=0.05, delay=1.0, receptor="i" if current else "v")
    return net


def given(n: int, rate: float, duration: float) -> sn.SpikeTrain:
    """Return Poisson spikes on the grid."""
    rng, steps = np.random.default_rng(0), round(duration / DT)
    slots = np.unique(rng.integers(0, n * steps, rng.poisson(n * rate * duration / 1000.0)))
    return sn.SpikeTrain(np.zeros(len(slots), int), slots // n, slots % n, n, 1, DT, 0, steps)


def measure(method: str, net: sn.Network, inputs: dict[str, Any], duration: float, repeats: int) -> tuple[float, int]:
    """Return the median processor time of a run in seconds, and its events: spikes and synaptic events."""
    simulator = sn.EventSimulator(net) if method == "event" else sn.Simulator(net, threads=1)
    took, events = [], 0
    for _ in range(repeats + 1):
        simulator.reset()
        begun = time.process_time()
        operations = simulator.run(duration, inputs=inputs).operations
        took.append(time.process_time() - begun)
        events = int(operations.spikes.sum() + operations.acs.sum())
    return statistics.median(took[1:]), events


def row(n: int, rate: float, repeats: int, **options: bool) -> tuple[str, float]:
    """Measure both methods; return a row of a table and how many times faster the event method is."""
    duration = 1000.0 if n * rate <= 1e5 else 100.0
    net = network(n, rate, **options)
    inputs = {} if options.get("poisson") else {"source": given(n, rate, duration)}
    event, events = measure("event", net, inputs, duration, repeats)
    grid, _ = measure("grid", net, inputs, duration, repeats)
    ratio = grid / event
    cells = (f"{n:,}", f"{rate:g}", f"{events:,}", f"{event * 1e3:,.2f}", f"{event / events * 1e9:,.0f}",
             f"{grid * 1e3:,.2f}", f"{ratio:,.2f}")  # fmt: skip
    return f"| {' | '.join(cells)} |", ratio


HEAD = (
    "| neurons | rate Hz | events | event ms | ns an event | grid ms | grid / event |\n"
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def crossover(rates: tuple[float, ...], ratios: list[float]) -> str:
    """Return the rate at which both methods take as long, interpolated between logarithms."""
    for (low, before), (high, after) in zip(
        zip(rates, ratios, strict=True), list(zip(rates, ratios, strict=True))[1:], strict=False
    ):
        if before >= 1 > after:
            part = np.log(before) / (np.log(before) - np.log(after))
            return f"Both take as long at {np.exp(np.log(low) + part * (np.log(high) - np.log(low))):.1f} Hz."
    return f"No crossover between {rates[0]:g} and {rates[-1]:g} Hz."


def report(repeats: int) -> Iterator[str]:
    yield f"`python benchmarks/event_method.py`: medians of {repeats} runs, {platform.machine()}, {os.cpu_count()} cores, one used."
    for title, options in (
        ("given spikes, delta synapses", {}),
        ("given spikes, exponential currents", {"current": True}),
    ):
        yield f"\n## 10,000 neurons, {title}\n\n{HEAD}"
        ratios = []
        for rate in RATES:
            line, ratio = row(10_000, rate, repeats, **options)
            ratios.append(ratio)
            yield line
        yield f"\n{crossover(RATES, ratios)}"
    for title, options in (("given spikes", {}), ("Poisson sources", {"poisson": True})):
        yield f"\n## 1 Hz, {title}, delta synapses\n\n{HEAD}"
        for n in SIZES:
            yield row(n, 1.0, repeats, **options)[0]
    yield f"\n## The same 1,000 active neurons at 1 Hz among silent ones\n\n{HEAD}"
    for n in (1_000, 10_000, 100_000):
        yield silent(n, repeats)


def silent(n: int, repeats: int) -> str:
    """Measure n neurons of which the first 1,000 get spikes; their targets are among themselves."""
    net = sn.Network(dt=DT, seed=3)
    source, neurons = net.population("source", 1000, sn.SpikeArray()), net.population("n", n, sn.LIF(t_ref=2.0))
    net.connect(source, neurons[:1000], sn.OneToOne(), weight=1.5, delay=1.0)
    net.connect(neurons[:1000], neurons[:1000], sn.FixedInDegree(IN_DEGREE), weight=0.05, delay=1.0)
    inputs = {"source": given(1000, 1.0, 1000.0)}
    event, events = measure("event", net, inputs, 1000.0, repeats)
    grid, _ = measure("grid", net, inputs, 1000.0, repeats)
    return (
        f"| {n:,} | 1 | {events:,} | {event * 1e3:,.2f} | {event / events * 1e9:,.0f} | {grid * 1e3:,.2f} "
        f"| {grid / event:,.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    for line in report(options.repeats):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
