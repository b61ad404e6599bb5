"""``snnsim experiment``: a claim about spiking networks, tested against conventional ones of equal accuracy."""

from pathlib import Path
from typing import Annotated

import typer

from snnsim.cli._console import MAX_SEED, clear_errors, tell
from snnsim.cli.mnist import Data, DatasetName


def experiment(
    name: Annotated[str, typer.Argument(help="continual, changed-world, few-examples or damage.")],
    data: Data = None,
    dataset: DatasetName = "auto",
    out: Annotated[
        Path,
        typer.Option(help="Result folder; an interrupted run in it is resumed, trained networks in it are shared."),
    ] = Path("out"),
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="The first seed.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="So many successive seeds.")] = 5,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N images of each split.")] = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Test on the validation split, to choose settings by.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Measure and train anew what the folder holds of these seeds.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, and no report.")] = False,
) -> None:
    """Test a claim with several seeds; write <name>.json, a report <name>.md with verdicts, and a figure <name>.png.

    Exit codes: 0 done, 2 an error, 130 interrupted (the same command goes on from the last finished seed).
    """
    with clear_errors(f"interrupted; finished seeds are in {out}, and the same command goes on from there"):
        from snnsim._errors import ResultsError
        from snnsim.datasets import load
        from snnsim.experiments import EXPERIMENTS, held_out, limited, run_experiment
        from snnsim.experiments.report import markdown

        if name not in EXPERIMENTS:
            raise ResultsError(f"no experiment is called {name!r}: expected one of {', '.join(EXPERIMENTS)}")
        loaded = load(dataset, data, progress=not quiet)
        if loaded.notice:
            tell(loaded.notice)
        command = f"snnsim experiment {name} --dataset {loaded.name} --seed {seed} --seeds {seeds}"
        if validation:
            loaded, command = held_out(loaded), f"{command} --validation"
        if limit is not None:
            loaded, command = limited(loaded, limit), f"{command} --limit {limit}"
        results = run_experiment(
            name,
            loaded,
            out,
            range(seed, seed + seeds),
            command=command,
            tested_on="validation" if validation else "test",
            force=force,
            tell=(lambda line: None) if quiet else tell,
        )
    if not quiet:
        typer.echo(markdown(results))
        typer.echo(f"report: {out / f'{name}.md'}, figure: {out / f'{name}.png'}")
