"""The command line: ``snnsim mnist``, ``train``, ``learn``, ``experiment``, ``simulate``, ``info``, ``crosscheck``."""

from typing import Annotated

import typer

from snnsim import __version__
from snnsim.cli.crosscheck import crosscheck
from snnsim.cli.experiment import experiment
from snnsim.cli.info import info
from snnsim.cli.learn import learn
from snnsim.cli.mnist import mnist
from snnsim.cli.simulate import simulate
from snnsim.cli.train import train

__all__ = ["app", "main"]

app = typer.Typer(
    name="snnsim",
    help="Spiking neural networks, simulated event by event, and what they cost beside conventional ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(mnist)
app.command()(train)
app.command()(learn)
app.command()(experiment)
app.command()(simulate)
app.command()(info)
app.command()(crosscheck)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"snnsim {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the ``snnsim`` command."""
    app()
