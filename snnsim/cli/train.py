"""``snnsim train``: the ANN baselines, by backpropagation."""

from pathlib import Path
from typing import Annotated

import typer

from snnsim.cli._console import MAX_SEED, clear_errors, tell
from snnsim.cli.mnist import Data, DatasetName


def train(
    data: Data = None,
    dataset: DatasetName = "auto",
    out: Annotated[Path, typer.Option(help="Folder for one .npz file per network.")] = Path("weights"),
    only: Annotated[list[str] | None, typer.Option(help="Only this network, repeatable, as 784-128-10.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of weights, order, dropout and augmentation.")
    ] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Threads of PyTorch; its own choice by default.")] = None,
) -> None:
    """Train the conventional networks of a data set; needs PyTorch (the extra `train`)."""
    with clear_errors("interrupted; the networks that had finished are kept"):
        from snnsim.datasets import load
        from snnsim.training import train_all

        loaded = load(dataset, data)
        if loaded.notice:
            tell(loaded.notice)
        for path in train_all(loaded, out, seed=seed, only=only, threads=jobs):
            typer.echo(str(path))
