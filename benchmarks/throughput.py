"""Speed of converted networks, beside the same equations stepped densely in PyTorch, in the same run on the same cores.

    python benchmarks/throughput.py [--data DIR] [--images 1000] [--threads 1] [--repeats 5]

Both sides simulate the same rate-coded twin for the same steps and must give the same scores to the last bit (weights are binary
fractions, so no sum rounds). PyTorch stands for a framework that computes every synapse in every step; the ratio is the median of
its time over snnsim's.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np
import torch

from snnsim import convert, datasets
from snnsim.ann import shipped
from snnsim.connections import Dense, Sparse
from snnsim.conversion import SpikingTwin

NETWORKS = ("784-64-10", "784-256-10-pruned", "784-512-10", "784-1200-1200-10")


def dense_weights(connection: Any) -> torch.Tensor:
    """Return a connection's weights as a matrix."""
    if isinstance(connection, Dense):
        return torch.tensor(connection.weights, dtype=torch.float32)
    assert isinstance(connection, Sparse)
    matrix = np.zeros((connection.n_sources, connection.n_targets), np.float32)
    sources = np.repeat(np.arange(connection.n_sources), np.diff(connection.pointers))
    matrix[sources, connection.targets] = connection.weights
    return torch.tensor(matrix)


@torch.inference_mode()
def step_in_torch(twin: SpikingTwin, pixels: np.ndarray) -> np.ndarray:
    """Simulate a rate-coded twin step by step with dense matrix products; returns scores (n, steps, classes)."""
    weights = [dense_weights(projection.connection) for projection in twin.network.projections]
    models = [population.model for population in twin.network.populations.values()][1:]
    biases = [torch.tensor(np.asarray(model.bias), dtype=torch.float32) for model in models]
    drive = torch.tensor(twin.input_values(pixels), dtype=torch.float32)
    encoder = torch.full_like(drive, 0.5)
    potentials = [torch.full((len(pixels), w.shape[1]), 0.5) for w in weights]
    potentials[-1].zero_()
    scores = []
    for _ in range(twin.n_steps):
        encoder += drive
        spikes = [(encoder > 1).float()]
        encoder -= spikes[0]
        for v, bias in zip(potentials[:-1], biases[:-1], strict=True):
            v += bias
            spikes.append((v > 1).float())
        potentials[-1] += biases[-1]
        scores.append(potentials[-1].clone())
        for v, w, s in zip(potentials, weights, spikes, strict=True):
            v += s @ w
        for v, s in zip(potentials[:-1], spikes[1:], strict=True):
            v -= s
    return torch.stack(scores, dim=1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dataset = datasets.load("mnist", options.data, progress=False)
    pixels, calibration = dataset.validation.first(options.images).pixels, dataset.train.first(10_000).pixels
    print(f"{len(pixels)} images, {options.threads} thread(s), medians of {options.repeats} paired runs\n")
    print("| network | snnsim, images/s | accumulates/s | PyTorch dense steps, images/s | ratio | same scores |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for ann in shipped("mnist"):
        if ann.name not in NETWORKS:
            continue
        twin = convert(ann, "rate", calibration=calibration)
        responses = twin.run(pixels, threads=options.threads)  # compiles
        same = np.array_equal(step_in_torch(twin, pixels), responses.scores)
        ours, theirs = [], []
        for _ in range(options.repeats):
            begun = time.perf_counter()
            twin.run(pixels, threads=options.threads)
            ours.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            step_in_torch(twin, pixels)
            theirs.append(time.perf_counter() - begun)
        seconds, dense = statistics.median(ours), statistics.median(theirs)
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        print(
            f"| {ann.name} | {len(pixels) / seconds:,.0f} | {responses.acs.sum() / seconds / 1e9:.2f} G "
            f"| {len(pixels) / dense:,.0f} | {ratio:.1f} | {'yes' if same else 'NO'} |"
        )


if __name__ == "__main__":
    main()
