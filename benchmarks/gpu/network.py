"""One large network: the device against the CPU backend on all cores and on two."""

import time
from typing import Any

import numpy as np

from snnsim import Network, Result, Simulator

from .cases import NetworkCase
from .timing import Arm, Task, arms, repeated, say, timed
from .traffic import bytes_moved

__all__ = ["measure"]

PRECISION = "float32"
BIN_MS = 50.0
"""Spikes are counted in bins of this width, so that runs of different length can be compared over the time that both cover."""


def measure(case: NetworkCase, task: Task) -> None:
    """Run a case on every arm and hand the figures over, one arm after the other."""
    net, describe_s = timed(case.quickly if task.quick else case.describe)
    say(case.name, neurons=net.n_neurons, synapses=net.n_synapses, describe_s=describe_s, goals=case.goals)
    # A quick run still fills two bins.
    duration = max(case.duration / 10, 2 * BIN_MS) if task.quick else case.duration
    discard = min(case.discard, BIN_MS) if task.quick else case.discard
    counts: dict[str, np.ndarray] = {}
    learned: dict[str, dict[str, list[float]]] = {}
    for arm in arms(task):
        if time.time() > task.until:
            say(case.name, **{arm.name: {"not_run": "the time was over"}})
            continue
        figures, counts[arm.name] = _run(net, arm, duration, discard)
        learned[arm.name] = figures["learned"]
        moved = figures.pop("bytes") / figures["sim_s"]
        figures["bytes_per_s"] = moved
        if arm.name == "device" and task.copy_bytes_per_s:
            figures["of_copy_bandwidth"] = moved / task.copy_bytes_per_s
        say(case.name, **{arm.name: figures})
    for other in ("cpu", "cpu_2"):
        if "device" in counts and other in counts:
            say(case.name, **{f"against_{other}": _compared(net, counts["device"], counts[other])})
            if learned["device"] and len(counts["device"]) == len(counts[other]):
                apart = _weights_apart(learned["device"], learned[other])
                say(case.name, **{f"against_{other}": {"largest_difference_of_mean_weights": apart}})


def _run(net: Network, arm: Arm, duration: float, discard: float) -> tuple[dict[str, Any], np.ndarray]:
    """Return the figures of an arm, and its spikes in each bin and population."""
    simulator, build_s = timed(lambda: Simulator(net, precision=PRECISION, **arm.options))
    untaught = {p.name: simulator.weights(p) for p in net.projections if p.plasticity is not None}
    _, first_run_s = timed(lambda: simulator.run(net.dt))  # compiles what is not compiled yet
    _start_again(simulator, untaught)
    probe = discard or BIN_MS
    _, probe_s = timed(lambda: simulator.run(probe, count_every=probe))
    # Biological time for which the allowance suffices, whole bins, at least one.
    within = arm.allowance_s / max(probe_s / probe, 1e-9)
    shown = min(duration, max(within // BIN_MS * BIN_MS, BIN_MS))
    result: Result | None = None

    def once() -> float:
        nonlocal result
        if not discard or result is not None:  # the first time, what was discarded has just run
            _start_again(simulator, untaught)
            if discard:
                simulator.run(discard, count_every=discard)
        result, seconds = timed(lambda: simulator.run(shown, count_every=BIN_MS))
        return seconds

    figures = {"build_s": build_s, "first_run_s": first_run_s, "biological_ms": shown}
    figures |= repeated(once, enough_s=min(2.0, arm.allowance_s))
    assert result is not None
    taught = {name: simulator.weights(name) for name in untaught}
    figures["learned"] = {name: [float(w.mean()), float(w.std())] for name, w in taught.items()}  # mV
    return figures | _counted(net, result, shown, figures["sim_s"]), result.operations.fired[0]


def _start_again(simulator: Simulator, untaught: dict[str, np.ndarray]) -> None:
    """Go back to time 0 and to the weights before learning, which a reset alone keeps as they are."""
    simulator.reset()
    for name, weights in untaught.items():
        simulator.set_weights(name, weights)


def _weights_apart(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> float:
    """Return how far the mean weights of a projection lie apart at the most, as a share."""
    return max(abs(ours[name][0] / theirs[name][0] - 1) for name in ours)


def _counted(net: Network, result: Result, shown: float, sim_s: float) -> dict[str, Any]:
    """Return what a run counted: per second of the machine, and per second of the network."""
    counted = result.operations
    per_projection = counted.events[0].sum(axis=0)
    n_projections = len(net.projections)
    events = dict(zip(counted.projections[:n_projections], per_projection.tolist(), strict=False))
    updates = int(counted.membrane_updates.sum() + counted.encoder_operations.sum())
    fired = counted.fired[0].sum(axis=0)
    seconds = shown / 1000.0
    return {
        "real_time_factor": sim_s / seconds,
        "s_per_biological_s": sim_s / seconds,
        "events": sum(events.values()),
        "stimulus_events": int(per_projection[n_projections:].sum()),
        "events_per_s": sum(events.values()) / sim_s,
        "neuron_updates_per_s": updates / sim_s,
        "plasticity_updates_per_s": int(counted.plasticity_updates.sum()) / sim_s,
        "spikes": int(fired.sum()),
        "rate_hz": float(fired.sum() / sum(counted.sizes) / seconds),
        "rates_hz": {
            name: float(n / size / seconds)
            for name, n, size in zip(counted.populations, fired, counted.sizes, strict=True)
        },
        "bytes": bytes_moved(net, PRECISION, updates, events),
    }


def _compared(net: Network, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Return the spikes of two runs over the bins that both have, and how far rates of populations lie apart."""
    bins = min(len(ours), len(theirs))
    (mine, other), sizes = (
        (fired[:bins].sum(axis=0) for fired in (ours, theirs)),
        [p.size for p in net.populations.values()],
    )
    seconds = bins * BIN_MS / 1000.0
    apart = np.abs(mine - other) / np.maximum(other, 1)
    return {
        "window_ms": bins * BIN_MS,
        "spikes": [int(mine.sum()), int(other.sum())],
        "rate_hz": [float(n.sum() / sum(sizes) / seconds) for n in (mine, other)],
        "largest_difference_of_a_population": float(apart.max()),
        "equal_counts": bool((ours[:bins] == theirs[:bins]).all()),
    }
