"""``snnsim info``: what this installation has and uses."""

import typer

from snnsim.cli._console import clear_errors


def info() -> None:
    """Print versions, cores, threading layer, GPU, data sets and shipped weights."""
    with clear_errors():
        for title, lines in _sections():
            typer.echo(f"{title}:")
            for line in lines:
                typer.echo(f"  {line}")


def _sections() -> list[tuple[str, list[str]]]:
    # Imported here: these take longer than --help should.
    from snnsim_kernels._jit import cache_folder as kernels_folder

    from snnsim._cores import cores
    from snnsim.comparison.environment import versions
    from snnsim.datasets import find
    from snnsim.datasets._sources import cache_folder

    return [
        ("versions", [f"{name} {version or 'not installed'}" for name, version in versions().items()]),
        (
            "threads",
            [f"{cores()} cores; snnsim runs the copies of a network on threads of its own", _threading_layer()],
        ),
        ("GPU", [_gpu()]),
        ("data sets on this machine", [f"{name}: {where}" for name, where in find()]),
        ("shipped weights", _weights()),
        ("folders", [f"data: {cache_folder('mnist').parent}", f"compiled kernels: {kernels_folder()}"]),
    ]


def _threading_layer() -> str:
    """Numba's setting, and the layers that can be loaded; nothing is compiled to find out."""
    from importlib import import_module

    from numba import config

    loadable = []
    for name, module in (("tbb", "tbbpool"), ("omp", "omppool"), ("workqueue", "workqueue")):
        try:
            import_module(f"numba.np.ufunc.{module}")
        except ImportError:
            continue
        loadable.append(name)
    return f"Numba's threading layer: {config.THREADING_LAYER}, of {', '.join(loadable)}; snnsim's kernels use none"


def _gpu() -> str:
    from snnsim._card import NoCard
    from snnsim.backend_choice import usable_card

    try:
        return f"{usable_card()}: used where it pays, or with backend='cuda'"
    except NoCard as reason:
        return f"none is used: {reason}"


def _weights() -> list[str]:
    from snnsim.ann import shipped
    from snnsim.datasets import DATASETS

    lines = []
    for name in DATASETS:
        lines += [f"{name}: {ann.name}, {ann.dense_macs:,} MACs" for ann in shipped(name)]
    return lines or ["none"]
