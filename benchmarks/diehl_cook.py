"""Diehl & Cook's own network learning MNIST, in snnsim and in Brian2's C++ standalone mode: the time that an image takes.

    python benchmarks/diehl_cook.py [--data DIR] [--neurons 400] [--learned 3000] [--images 200] [--repeats 5] [--core 0]
                                    [--json FILE]

784 Poisson pixels, excitatory neurons with adaptive thresholds, as many inhibitory ones; an image is shown for 350 ms, 150 ms of
rest follow, then weights are normalised; time step 0.5 ms. Both start from the weights and thresholds of a network that snnsim has
taught ``--learned`` images before, and go on learning the next ``--images``: in the first images after random weights nearly all
neurons fire at once, and how many do depends on the method of integration.

One thread, each simulator in a process of its own, in turn, on the same core. Times are CPU seconds: of the whole call of ``run``
in snnsim (of ``train`` in the loop of ``snnsim learn``, which shows the same images in another order, and of which no spike times
are recorded), of its loop alone in Brian2, which reports no other time. Figures are medians; each repeat has a seed of its own; a
first run, which compiles, does not count. snnsim takes backward Euler steps; Brian2 does so in one row and takes its own
exponential Euler steps in the other. (The Euler steps of the published programs are unstable here.) A ratio is the CPU time over
that of a Brian2 row in the same repeat, and counts only where spikes per image and the deviation of the learned weights agree
within 10 %.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from simulators import call, missing

import snnsim as sn
from snnsim.datasets import load
from snnsim.networks.diehl_cook import IMAGE, REST, TOTAL, diehl_cook, shown

TOLERANCE = 0.1
DT = 0.5  # ms
ROWS: dict[str, dict[str, Any]] = {
    "snnsim": {"program": "diehl_cook_snnsim", "precision": "float64"},
    "snnsim float32": {"program": "diehl_cook_snnsim", "precision": "float32"},
    "snnsim learn, float32": {"program": "diehl_cook_learn"},
    "brian2 standalone, backward Euler": {"program": "diehl_cook_brian2", "method": "backward_euler"},
    "brian2 standalone, exponential Euler": {"program": "diehl_cook_brian2", "method": "exponential_euler"},
}


def teach(neurons: int, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (pixels, neurons) and theta of a network that has learned some images."""
    simulator = sn.Simulator(diehl_cook(neurons, dt=DT), precision="float32", threads=1, backend="cpu")
    pause = IMAGE + REST
    simulator.run((len(images) - 1) * pause, inputs={"pixels": shown(images[:-1])}, count_every=pause)
    last = simulator.run(pause, inputs={"pixels": shown(images[-1:])}, record={"exc": ["theta"]})
    weights = simulator.weights("pixels->exc").reshape(images.shape[1], neurons).astype(float)
    return np.clip(weights, 0, 1), last.states["exc", "theta"][0, -1].astype(float)


def alike(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> bool:
    """Whether activity and learned weights of two sets of runs lie within the tolerance."""
    means = ([statistics.mean(m[key] for m in runs) for key in ("spikes", "weight_std")] for runs in (ours, theirs))
    return all(abs(one / other - 1) <= TOLERANCE for one, other in zip(*means, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of MNIST; by default SNNSIM_DATA, or a download")
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--learned", type=int, default=3000)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=0, help="the core that all programs run on (Linux)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    for name, least in (("learned", 2), ("images", 1), ("repeats", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}")
    rows = ROWS
    if reason := missing("brian2"):
        print(f"{reason}: its rows are left out\n")
        rows = {name: row for name, row in ROWS.items() if "method" not in row}
    split = load("mnist", options.data).train
    images = split.images.reshape(len(split), -1)[: options.learned + options.images] / split.full_scale
    weights, theta = teach(options.neurons, images[: options.learned])
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        given, spikes = folder / "images.npz", folder / "spikes.npz"
        np.savez(given, images=images[options.learned :], weights=weights, theta=theta)
        for repeat in range(options.repeats + 1):
            for name, row in rows.items():
                task = row | {
                    "seed": repeat, "dt": DT, "image": IMAGE, "rest": REST, "rate": 63.75, "total": TOTAL,
                    "images": str(given), "spikes": str(spikes), "folder": str(folder / row.get("method", "snnsim")),
                }  # fmt: skip
                found = call(row["program"], task, options.core, folder)
                found["ms"] = 1000 * found["cpu_s"] / options.images
                with np.load(spikes) as fired:
                    found["spikes"] = len(fired["steps"]) / options.images
                print(
                    f"{repeat} of {options.repeats}: {name} {found['ms']:.2f} ms an image", file=sys.stderr, flush=True
                )
                if repeat:
                    runs[name].append(found)
    peers = [name for name, row in rows.items() if "method" in row]
    titles = [*(f"time / {name.removeprefix('brian2 standalone, ')}'s" for name in peers)]
    print(
        f"| simulator | build s | ms per image | lowest | {' | '.join([*titles, 'peak MB', 'spikes per image', 'weight nS'])} |"
    )
    print(f"| --- |{' ---: |' * (6 + len(peers))}")
    results = []
    for name, mine in runs.items():
        result: dict[str, Any] = {"simulator": name, "neurons": options.neurons, "images": options.images}
        result |= {key: statistics.median(m[key] for m in mine) for key in ("build_s", "ms", "peak_mb")}
        result |= {key: statistics.mean(m[key] for m in mine) for key in ("spikes", "weight_mean", "weight_std")}
        result["runs_ms"] = [m["ms"] for m in mine]
        result["ratios"] = {
            peer: statistics.median(a["ms"] / b["ms"] for a, b in zip(mine, runs[peer], strict=True))
            for peer in peers
            if name not in peers and alike(mine, runs[peer])
        }
        results.append(result)
        ratios = [
            "-" if name in peers else f"{result['ratios'][peer]:.3f}" if peer in result["ratios"] else "differs"
            for peer in peers
        ]
        cells = [
            name, f"{result['build_s']:.2f}", f"{result['ms']:.2f}", f"{min(result['runs_ms']):.2f}", *ratios,
            f"{result['peak_mb']:,.0f}", f"{result['spikes']:.1f}",
            f"{result['weight_mean']:.4f} +- {result['weight_std']:.4f}",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |")
    if options.json:
        options.json.write_text(json.dumps({"rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
