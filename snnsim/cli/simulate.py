"""``snnsim simulate``: a benchmark network, its activity and its operations."""

from pathlib import Path
from typing import Annotated

import typer

from snnsim.cli._console import clear_errors, tell


def simulate(
    name: Annotated[str, typer.Argument(help="cuba, coba, brunel, microcircuit or stdp.")],
    scale: Annotated[
        float, typer.Option(help="Of the number of neurons; of the microcircuit's inputs per neuron, too.")
    ] = 1.0,
    time: Annotated[float, typer.Option(help="Biological time in ms.")] = 1000.0,
    discard: Annotated[float, typer.Option(help="Biological time in ms before that, in no figure.")] = 0.0,
    background: Annotated[
        str | None, typer.Option(help="Outside input of the microcircuit: poisson (by default) or dc.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of wiring and initial state.")] = 0,
    precision: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    plot: Annotated[Path | None, typer.Option(help="Write a raster and the rates to this picture.")] = None,
) -> None:
    """Run a network of `snnsim.networks` and print rates, irregularity, operations and speed."""
    with clear_errors():
        from time import perf_counter

        import numpy as np
        from rich.console import Console
        from rich.table import Table

        from snnsim import NetworkError, Simulator
        from snnsim.networks import NETWORKS
        from snnsim.raster import draw_raster

        if name not in NETWORKS:
            raise NetworkError(f"unknown network {name!r}, there are {', '.join(NETWORKS)}")
        if background is not None and name != "microcircuit":
            raise NetworkError(f"--background is an option of the microcircuit, {name} has none")
        begun = perf_counter()
        net = NETWORKS[name](scale, seed, **({} if background is None else {"background": background}))
        simulator = Simulator(net, precision=precision)
        built = perf_counter()
        tell(f"{name}: {net.n_neurons:,} neurons, {net.n_synapses:,} synapses, built in {built - begun:.2f} s")
        if discard:
            simulator.run(discard)
        begun = perf_counter()
        neurons = [population.name for population in net.populations.values() if population.model.receptor_map]
        result = simulator.run(time, record={population: ["spikes"] for population in neurons})
        wall = perf_counter() - begun
        table = Table(title=f"{name}, {time:g} ms")
        for column in ("population", "neurons", "rate (Hz)", "CV of intervals"):
            table.add_column(column, justify="left" if column == "population" else "right")
        for population, train in result.spikes.items():
            intervals = train.interval_cv()
            shown = f"{np.nanmean(intervals):.2f}" if np.isfinite(intervals).any() else "too few spikes"
            table.add_row(population, f"{train.size:,}", f"{train.rates().mean():.2f}", shown)
        console = Console()
        console.print(table)
        counted = result.operations
        console.print(
            f"{counted.spikes.sum():,} spikes, {counted.acs.sum():,} synaptic events, "
            f"{counted.membrane_updates.sum():,} membrane updates",
            highlight=False,
        )
        first = "" if discard else ", first compilation included"
        console.print(f"{wall:.3f} s for {time / 1000:g} s of biological time{first}", highlight=False)
        if plot is not None:
            draw_raster(result, f"{name}, {net.n_neurons:,} neurons").savefig(plot, dpi=150)
            console.print(f"figure: {plot}", highlight=False, soft_wrap=True)
