"""``snnsim mnist``: the main job, from images to the accuracy-versus-operations figure."""

import json
import re
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from snnsim.cli._console import MAX_SEED, clear_errors, tell

# The imports of a command that runs stand in its functions: NumPy and Numba would make --help wait a second.
if TYPE_CHECKING:
    from collections.abc import Sequence

    from snnsim.ann import Ann
    from snnsim.datasets import Dataset
    from snnsim.learning.exported import Learned

Data = Annotated[Path | None, typer.Option(help="Folder of four IDX files; an error where it cannot be used.")]
DatasetName = Annotated[str, typer.Option("--dataset", help="auto, mnist, fashion, kmnist or digits.")]


def mnist(
    data: Data = None,
    dataset: DatasetName = "auto",
    out: Annotated[Path, typer.Option(help="Result folder; an interrupted run in it is resumed.")] = Path("out"),
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N test and validation images.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MAX_SEED, help="Seed of random encoders, and of training where it is needed.")
    ] = 0,
    batch: Annotated[int, typer.Option(min=1, help="Images simulated together; changes speed, no figure.")] = 500,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads of the simulation, and of training where it is needed; all cores by default."
        ),
    ] = None,
    code: Annotated[
        list[str] | None, typer.Option(help="Spike code, repeatable: rate, ttfs, poisson, current.")
    ] = None,
    network: Annotated[list[str] | None, typer.Option(help="Only this ANN, repeatable, as 784-128-10.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Folder of .npz weights instead of the shipped ones.")] = None,
    learned: Annotated[
        list[Path] | None,
        typer.Option(help="A further locally learned network, repeatable: a result folder or exported file of learn."),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print results.json on stdout, and nothing else there.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Delete an earlier run in the result folder first.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no table.")] = False,
) -> None:
    """Run every ANN and its spiking twins over the test set, and networks that learned by local rules; write figure,
    report and results.

    Exit codes: 0 done, 2 an error, 130 interrupted (what had finished is kept, the same command goes on from there).
    """
    with clear_errors(f"interrupted; what had finished is in {out}, and the same command goes on from there"):
        from snnsim.comparison import compare
        from snnsim.comparison.pipeline import ordered
        from snnsim.datasets import load

        codes = ordered(code or ["rate", "ttfs"])
        loaded = load(dataset, data, progress=not quiet)
        if loaded.notice:
            tell(loaded.notice)
        own = _learned(loaded, learned or [])
        anns = _networks(
            loaded, codes, out, weights, network, limit=limit, seed=seed, jobs=jobs, force=force, quiet=quiet
        )
        results = compare(
            loaded,
            anns,
            codes,
            out,
            learned=own,
            limit=limit,
            seed=seed,
            batch=batch,
            jobs=jobs,
            force=force,
            progress=not quiet,
        )
    if json_:
        typer.echo(json.dumps(results))
    elif not quiet:
        _print(results, out)


def _networks(
    dataset: "Dataset",
    codes: "Sequence[str]",
    out: Path,
    weights: Path | None,
    names: list[str] | None,
    *,
    limit: int | None,
    seed: int,
    jobs: int | None,
    force: bool,
    quiet: bool,
) -> "list[Ann]":
    """The ANNs to compare: those in `weights`, else those shipped for these very data, else newly trained ones."""
    from snnsim.ann import Ann, shipped
    from snnsim.comparison.pipeline import describe, trained_on
    from snnsim.comparison.store import refuse

    if weights:
        paths = sorted(weights.glob("*.npz"))
        return _chosen([Ann.load(path) for path in paths], names, f"in {weights}")
    known = [ann for ann in shipped(dataset.name) if trained_on(ann, dataset)]
    if known:
        return _chosen(known, names, f"among those shipped for {dataset.name}")
    # Better refused now than after an hour of training.
    refuse(out, describe(dataset, codes, limit, seed), force=force)
    return _train(dataset, out / "weights", names, seed, jobs, quiet)


def _learned(dataset: "Dataset", given: list[Path]) -> "list[Learned]":
    """The locally learned networks that are given, and those shipped for these very data, but for names that are given."""
    from snnsim.comparison.learned import check
    from snnsim.learning.exported import load_learned, shipped_learned

    own = [load_learned(path) for path in given]
    check(own, dataset)
    names = {one.name for one in own}
    shipped = [one for one in shipped_learned(dataset.name) if one.provenance.md5 == dataset.md5]
    return [*own, *(one for one in shipped if one.name not in names)]


def _train(
    dataset: "Dataset", folder: Path, names: list[str] | None, seed: int, jobs: int | None, quiet: bool
) -> "list[Ann]":
    from snnsim._errors import AnnError
    from snnsim.ann import Ann
    from snnsim.comparison.pipeline import trained_on
    from snnsim.training import baselines, train_all

    wanted = names or [recipe.name for recipe in baselines(dataset)]
    paths = {name: folder / f"{name}.npz" for name in wanted}
    missing = []
    for name, path in paths.items():
        try:
            ann = Ann.load(path) if path.exists() else None
        except AnnError:
            tell(f"{path}: cannot be read, so the network is trained anew")
            ann = None
        if ann is None or not trained_on(ann, dataset) or ann.provenance.get("seed") != seed:
            missing.append(name)
    if missing:
        tell(f"no shipped weights were trained on these data ({dataset.name}): training {len(missing)} into {folder}")
        train_all(dataset, folder, seed=seed, only=missing, threads=jobs, progress=not quiet)
    return [Ann.load(path) for path in paths.values()]


def _chosen(anns: "list[Ann]", names: list[str] | None, where: str) -> "list[Ann]":
    from snnsim._errors import AnnError

    known = {ann.name: ann for ann in anns}
    if not known:
        raise AnnError(f"there are no .npz weights {where}")
    for name in names or ():
        if name not in known:
            raise AnnError(f"no network {name!r} {where}; there are {', '.join(known)}")
    return [known[name] for name in names] if names else anns


def _broken(cell: str) -> str:
    """A cell with its line breaks where a narrow column should have them: a spike code and an opponent's name apart."""
    from snnsim.conversion import CODES

    cell = cell.replace(" %", "%")
    return re.sub(rf" \((.+)\)$| ({'|'.join(CODES)})$", lambda found: f"\n{found[1] or found[2]}", cell)


def _print(results: dict[str, Any], out: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from snnsim.comparison import LEVEL_COLUMNS, cascade_rows, level_rows, verdict
    from snnsim.comparison.tables import count, percent

    dataset, rows = results["dataset"], level_rows(results)
    # One column per level: three are legible in a terminal of 80 characters, the report's thirteen are not.
    columns = [[*LEVEL_COLUMNS, "cascades on both sides"]]
    for row, both_sides in zip_longest(rows, cascade_rows(results), fillvalue=[""]):
        if row[2]:  # where nothing reaches the level, the line below says so
            columns.append([_broken(cell) for cell in (*row, both_sides[-1])])
    console = Console()
    # Rich would give narrow columns less than their longest word, and cut it.
    widths = [max(15, *(len(word) for cell in column for word in cell.split())) for column in columns]
    table = Table(
        title=f"{dataset['name']}, {dataset['n_test']:,} test images",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, int(sum(widths) + 2 * len(widths) <= console.width), 0, 0),
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column[0], width=width, overflow="fold")
    for cells in zip(*(column[1:] for column in columns), strict=True):
        if any(cells[1:]):
            table.add_row(*cells)
    console.print(table)
    if missed := [row[0] for row in rows if not row[2]]:
        console.print(
            f"No single spiking network reaches {', '.join(_broken(level) for level in missed)}.", highlight=False
        )
    console.print(verdict(results).replace("**", "").replace(" %", "%"), highlight=False)
    for entry in results["learned"]:
        said = f"{entry['name']}: {percent(entry['accuracy'])} with {count(entry['ops'])} operations"
        console.print(f"locally learned, {said}".replace(" %", "%"), highlight=False)
    console.print(f"report: {out / 'report.md'}", highlight=False, soft_wrap=True)
    console.print(f"figure: {out / 'accuracy_vs_ops.png'}", highlight=False, soft_wrap=True)
