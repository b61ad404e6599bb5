"""``snnsim learn``: a network that learns images by local rules, tested, kept and pictured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnsim.cli._console import MAX_SEED, clear_errors, tell
from snnsim.cli.mnist import Data

# The imports of a command that runs stand in its functions: NumPy and Numba would make --help wait a second.
if TYPE_CHECKING:
    from snnsim.datasets import Dataset


def learn(
    dataset: Annotated[str, typer.Argument(help="mnist, fashion, kmnist, digits or auto.")] = "mnist",
    model: Annotated[
        str, typer.Option(help="first-spike or diehl-cook (without labels), patches (with).")
    ] = "first-spike",
    neurons: Annotated[
        int | None, typer.Option(min=2, help="How many learn; the model's own choice by default.")
    ] = None,
    data: Data = None,
    out: Annotated[Path, typer.Option(help="Result folder; an interrupted run in it is resumed.")] = Path("out"),
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of everything that is random.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="So many runs, with successive seeds, and their mean.")] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the model, repeatable, as passes=3.")
    ] = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Learn from 5/6 of the training images, test on the rest.")
    ] = False,
    control: Annotated[
        bool,
        typer.Option(
            "--control/--no-control", help="Beside it the same network with random weights, where there is one."
        ),
    ] = True,
    every: Annotated[int, typer.Option(min=1, help="Images after which the network is kept.")] = 10_000,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N training and test images.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Threads; they change no result; one per core by default.")
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Only test this trained network, twice, and train nothing.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Only write the trained network of --out to this file, small, for snnsim mnist --learned."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Delete an earlier run in the result folder first.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no table.")] = False,
) -> None:
    """Train a spiking network by local rules alone, test it once; write results, pictures and the trained network.

    Exit codes: 0 done, 2 an error, 130 interrupted (the same command goes on from where the network was last kept).
    """
    with clear_errors(f"interrupted; the network as last kept is in {out}, and the same command goes on from there"):
        if export is not None:
            _export(out, export)
            return
        from contextlib import nullcontext

        from snnsim.datasets import load
        from snnsim.learning.progress import bar, silent
        from snnsim.learning.session import learn as run_one
        from snnsim.learning.session import learn_seeds

        loaded = load(dataset, data, progress=not quiet)
        if loaded.notice:
            tell(loaded.notice)
        if test is not None:
            _test(test, loaded, limit, jobs)
            return
        if force:
            _clear(out)
        learners = [_learner(model, neurons, set_ or [], loaded, seed + k) for k in range(seeds)]
        options: dict[str, Any] = {
            "validation": validation,
            "control": control,
            "every": every,
            "limit": limit,
            "threads": jobs,
        }
        with nullcontext(silent) if quiet else bar() as report:
            if seeds == 1:
                results = run_one(learners[0], loaded, out, report=report, **options)
            else:
                results = learn_seeds(learners, loaded, out, report=report, **options)
    if not quiet:
        _print(results, out)


def _learner(model: str, neurons: int | None, given: list[str], dataset: "Dataset", seed: int) -> Any:
    from snnsim._errors import NetworkError
    from snnsim.learning.models import MODELS

    if model not in MODELS:
        raise NetworkError(f"no model is called {model!r}: expected one of {', '.join(MODELS)}")
    settings = MODELS[model].settings_for(neurons, dict(_pair(text) for text in given))
    return MODELS[model](settings, dataset.shape, dataset.n_classes, seed)


def _pair(text: str) -> tuple[str, str]:
    from snnsim._errors import NetworkError

    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise NetworkError(f"--set takes name=value, got {text!r}")
    return name, value


def _test(path: Path, dataset: "Dataset", limit: int | None, jobs: int | None) -> None:
    """Print the accuracy of a trained network, found twice."""
    from snnsim._errors import ResultsError
    from snnsim.learning.models import MODELS
    from snnsim.learning.session import accuracy_of
    from snnsim.learning.trained import load_learner

    learner, provenance = load_learner(path, MODELS)
    if not provenance.finished:
        raise ResultsError(f"{path}: its training has not come to an end")
    if (learner.shape, learner.n_classes) != (dataset.shape, dataset.n_classes):
        raise ResultsError(f"{path}: a network for other images than those of {dataset.name}")
    split = dataset.test if limit is None else dataset.test.first(limit)
    for _ in range(2):
        typer.echo(repr(accuracy_of(learner.answers(split, jobs), split)))


def _export(out: Path, path: Path) -> None:
    from snnsim.learning.exported import export_learned

    found = export_learned(out, path)
    typer.echo(f"{path}: {found.name}, {path.stat().st_size:,} bytes, trained by {found.record['command']}")


def _clear(out: Path) -> None:
    from snnsim.learning.session import CONTROL, RESULTS, TRAINED

    for folder in (out, *out.glob("seed-*")):
        for name in (RESULTS, TRAINED, CONTROL):
            (folder / name).unlink(missing_ok=True)


def _print(results: dict[str, Any], out: Path) -> None:
    from rich.console import Console

    console = Console()
    line = f"{results['model']}, {results['neurons']:,} neurons: {results['accuracy']:.2%} right"
    if results["control_accuracy"] is not None:
        line += f" (random weights: {results['control_accuracy']:.2%})"
    console.print(
        f"{line}, seed {results['seed']}; trained in {results['train_s']:.1f} s, tested in {results['test_s']:.1f} s"
    )
    training = results["operations"]["training"]
    console.print(
        f"training: {training['synaptic_events']:.3g} synaptic events, {training['plasticity_updates']:.3g} plasticity updates; "
        f"inference: {results['operations']['inference_per_image']['synaptic_events']:,.0f} synaptic events an image"
    )
    if ann := results["operations"]["backpropagation"]:
        effective = ann["effective_training_macs"]
        without = "" if effective is None else f" ({effective:.3g} without zeros)"
        console.print(
            f"backpropagation, {ann['network']} to {ann['accuracy']:.2%}: {ann['training_macs']:.3g} MACs{without}; "
            f"inference {ann['inference_macs']:,} MACs an image"
        )
    console.print(f"results: {out}", soft_wrap=True)
