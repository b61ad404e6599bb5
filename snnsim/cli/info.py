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
    from snnsim.comparison.environment import cores, versions
    from snnsim.datasets import find

    return [
        ("versions", [f"{name} {version or 'not installed'}" for name, version in versions().items()]),
        ("threads", [f"{cores()} cores, threading layer {_threading_layer()}"]),
        ("GPU", [_gpu()]),
        ("data sets on this machine", [f"{name}: {where}" for name, where in find()]),
        ("shipped weights", _weights()),
    ]


def _threading_layer() -> str:
    import numba

    # The layer is chosen when the first parallel function runs.
    @numba.njit(parallel=True)  # type: ignore[untyped-decorator, unused-ignore]
    def touch(n: int) -> int:
        total = 0
        for i in numba.prange(n):
            total += i
        return total

    touch(2)
    return str(numba.threading_layer())


def _gpu() -> str:
    from importlib.util import find_spec

    cpu_only = "not used: this version runs on the CPU only"
    if find_spec("numba_cuda") is None:
        return f"{cpu_only} (numba-cuda is not installed, so whether there is one is not known)"
    from numba import cuda

    try:
        names = [gpu.name.decode() if isinstance(gpu.name, bytes) else str(gpu.name) for gpu in cuda.gpus]
    except Exception as error:  # a missing or broken driver raises many kinds
        return f"{cpu_only} (no CUDA device is visible: {' '.join(str(error).split())[:120]})"
    return f"{cpu_only} (visible to CUDA: {', '.join(names) or 'none'})"


def _weights() -> list[str]:
    from snnsim.ann import shipped
    from snnsim.datasets import DATASETS

    lines = []
    for name in DATASETS:
        lines += [f"{name}: {ann.name}, {ann.dense_macs:,} MACs" for ann in shipped(name)]
    return lines or ["none"]
