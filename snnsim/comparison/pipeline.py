"""Every ANN and every spiking network made from it, over validation and test images, into one result folder.

Networks that learned by local rules are tested beside them.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snnsim import __version__
from snnsim._errors import SnnsimError
from snnsim.ann import Ann, shipped
from snnsim.comparison import progress as _progress
from snnsim.comparison.candidates import at_cascades, at_levels, candidates
from snnsim.comparison.cascades import Answers, Stage, frontier, hand_over_thresholds
from snnsim.comparison.curves import COUNTERS, Readout, anytime, decide, early_exit, exit_thresholds
from snnsim.comparison.energy import ann_energy, critics, snn_energy
from snnsim.comparison.environment import environment, sources_digest
from snnsim.comparison.figure import save_figure
from snnsim.comparison.learned import check as check_learned
from snnsim.comparison.learned import digest as learned_digest
from snnsim.comparison.learned import run_learned
from snnsim.comparison.report import points_csv, report
from snnsim.comparison.store import Store, to_json, write
from snnsim.conversion import CALIBRATION_IMAGES, CODES, SpikingTwin, convert
from snnsim.datasets import DATASETS, Dataset, Split
from snnsim.learning.exported import Learned
from snnsim.training import baselines

# Images simulated at once are reduced to decisions, margins and counts before the next ones: bounds the memory.
_CHUNK = 2000


def compare(
    dataset: Dataset,
    anns: Sequence[Ann],
    codes: Sequence[str],
    out: str | PathLike[str],
    *,
    learned: Sequence[Learned] = (),
    limit: int | None = None,
    seed: int = 0,
    batch: int = 500,
    jobs: int | None = None,
    force: bool = False,
    progress: bool | _progress.Report = True,
) -> dict[str, Any]:
    """Run every ANN and its spiking twins and write results, points, figure and report to a folder.

    What is finished is kept at once; a second run with the same folder goes on from there. An interrupt
    (KeyboardInterrupt) is passed on after the results so far are written, marked as incomplete.

    Parameters
    ----------
    dataset
        Images and labels; conversion is calibrated on training, operating points are fixed on validation, and
        everything is reported on test images.
    anns
        Networks with as many inputs as the images have pixels, names all different.
    codes
        Spike codes of `snnsim.conversion.CODES`, in any order.
    out
        Result folder; made where missing. It may hold an earlier run of the same options, data and version.
    learned
        Locally learned networks of the same data, tested beside the others, names all different.
    limit
        Use only the first `limit` validation and test images, at least 1.
    seed
        Of the random encoders, 0 to 2**63 - 1.
    batch
        Images simulated together. Like `jobs`, it changes speed and memory, and no figure.
    jobs
        Threads of the simulation, all cores where None.
    force
        Delete the files of an earlier run in `out` first.
    progress
        A bar on stderr, or a function called with the network's name, the images finished and the images in all.

    Returns
    -------
    The content of `results.json`.

    Raises
    ------
    ResultsError
        `out` holds another run or foreign files.
    SnnsimError
        Networks or options that do not fit.
    """
    out = Path(out)
    codes = ordered(codes)
    _check(dataset, anns, limit, seed, batch, jobs)
    check_learned(learned, dataset)
    networks = {ann.name: _digest(ann) for ann in anns}
    run = describe(dataset, codes, limit, seed) | {"networks": networks}
    run |= {"learned": {one.name: learned_digest(one) for one in learned}}
    selection = _selection(dataset, anns, networks, seed)
    store = Store(out, run, force=force)
    images = _Images(dataset, limit)
    converted = images.n * len(anns) * len(codes)
    total = converted + len(images.test) * len(learned)
    ann_parts: list[_Part] = []
    snn_parts: list[_Part] = []
    learned_parts: list[_Tested] = []
    shown = _progress.bar() if progress is True else nullcontext(progress or _progress.silent)
    try:
        with shown as tell:
            # In the order of their cost, whatever the order in which they were given.
            for ann in sorted(anns, key=lambda ann: (ann.dense_macs, ann.name)):
                ann_parts.append(_kept(store, "ann", ann.name, partial(_run_ann, ann, images)))
                for code in codes:
                    before = images.n * len(snn_parts)
                    tell(f"{ann.name} {code}", before, total)
                    advance = partial(_advance, tell, f"{ann.name} {code}", before, total)
                    simulate = partial(_run_snn, ann, code, images, seed, batch, jobs, advance)
                    snn_parts.append(_kept(store, "snn", f"{ann.name} {code}", simulate))
                    advance(images.n)
            for one in sorted(learned, key=lambda one: (one.learner.MODEL, one.learner.neurons, one.name)):
                tell(one.name, converted + len(images.test) * len(learned_parts), total)
                learned_parts.append(_tested(store, one, images.test, jobs))
            tell("cascades", total, total)
            results = _results(run, selection, images, ann_parts, snn_parts, learned_parts, complete=True)
    except KeyboardInterrupt:
        _write(out, _results(run, selection, images, ann_parts, snn_parts, learned_parts, complete=False))
        raise
    _write(out, results)
    return results


def describe(dataset: Dataset, codes: Sequence[str], limit: int | None, seed: int) -> dict[str, Any]:
    """What a run must share with the one that it resumes, but for the networks."""
    return {
        "schema": 1,
        "snnsim": __version__,
        "sources": sources_digest(),
        "dataset": {"name": dataset.name, "md5": dataset.md5},
        "limit": limit,
        "seed": seed,
        "codes": list(codes),
    }


def ordered(codes: Sequence[str]) -> list[str]:
    """The codes in the order of `snnsim.conversion.CODES`; SnnsimError where one is unknown, given twice, or none is."""
    if not codes:
        raise SnnsimError("a comparison needs at least one code")
    for code in codes:
        if code not in CODES:
            raise SnnsimError(f"unknown code {code!r}, known are {', '.join(CODES)}")
        if codes.count(code) > 1:
            raise SnnsimError(f"the code {code!r} is given more than once")
    return [code for code in CODES if code in codes]


def trained_on(ann: Ann, dataset: Dataset) -> bool:
    """Whether the network was trained on these very data."""
    source = ann.provenance.get("dataset")
    return isinstance(source, dict) and source.get("md5") == dataset.md5


def _selection(dataset: Dataset, anns: Sequence[Ann], digests: Mapping[str, str], seed: int) -> dict[str, Any]:
    """What ``snnsim mnist`` needs to choose these data and networks again.

    `data` is the folder of a set of one's own, `networks` the names where they are not all that would run by default,
    and `own_weights` whether they are others than those that come with snnsim or that it would train.
    """
    known = {ann.name: _digest(ann) for ann in shipped(dataset.name) if trained_on(ann, dataset)}
    if known:
        own_weights = any(known.get(name) != digest for name, digest in digests.items())
        default = list(known)
    else:
        own_weights = not all(trained_on(ann, dataset) and ann.provenance.get("seed") == seed for ann in anns)
        default = [recipe.name for recipe in baselines(dataset)]
    return {
        "data": None if dataset.name in DATASETS else dataset.source,
        "networks": sorted(digests) if own_weights or set(digests) != set(default) else None,
        "own_weights": own_weights,
    }


class _Images:
    """The images of a comparison as pixels, made when first needed: a run that only resumes needs none."""

    def __init__(self, dataset: Dataset, limit: int | None) -> None:
        self.validation = dataset.validation.first(limit) if limit else dataset.validation
        self.test = dataset.test.first(limit) if limit else dataset.test
        self.n = len(self.validation) + len(self.test)
        self._train = dataset.train

    @cached_property
    def calibration(self) -> npt.NDArray[np.float32]:
        return self._train.first(CALIBRATION_IMAGES).pixels

    @cached_property
    def validation_pixels(self) -> npt.NDArray[np.float32]:
        return self.validation.pixels

    @cached_property
    def test_pixels(self) -> npt.NDArray[np.float32]:
        return self.test.pixels


@dataclass(frozen=True)
class _Part:
    """A finished network: its entry of `results.json`, the seconds it took, and how it serves as a cascade's stage."""

    entry: dict[str, Any]
    wall_s: float
    stage: Stage


@dataclass(frozen=True)
class _Tested:
    """A locally learned network that has been tested: its entry of `results.json`, and the seconds it took."""

    entry: dict[str, Any]
    wall_s: float


def _run_ann(ann: Ann, images: _Images) -> tuple[dict[str, Any], Stage]:
    validation, test = (_decided(ann, pixels) for pixels in (images.validation_pixels, images.test_pixels))
    (on_validation,), (on_test,) = anytime(validation, images.validation.labels), anytime(test, images.test.labels)
    entry = {
        "name": ann.name,
        "layers": ann.widths,
        "accuracy": on_test["accuracy"],
        "validation_accuracy": on_validation["accuracy"],
        "dense_macs": ann.dense_macs,
        "effective_macs": on_test["macs"],
        "parameters": ann.n_parameters,
    }
    return entry | {"energy": ann_energy(entry)}, _stage(ann.name, validation, test)


def _decided(ann: Ann, pixels: npt.NDArray[np.float32]) -> Readout:
    """An ANN's decisions as the readout of a network of a single step, with effective MACs for operations."""
    predictions, margins = decide(ann.logits(pixels)[:, None, :])
    counts = np.zeros((len(COUNTERS), len(pixels), 1), np.int64)
    counts[COUNTERS.index("macs"), :, 0] = ann.effective_macs(pixels)
    return Readout(predictions, margins, counts)


def _stage(name: str, validation: Readout, test: Readout) -> Stage:
    thresholds = hand_over_thresholds(validation)
    return Stage(name, thresholds, Answers.of(validation, thresholds), Answers.of(test, thresholds))


def _run_snn(
    ann: Ann, code: str, images: _Images, seed: int, batch: int, jobs: int | None, advance: Callable[[int], None]
) -> tuple[dict[str, Any], Stage]:
    twin = convert(ann, code, calibration=images.calibration)
    n_validation = len(images.validation)
    on_validation = _simulate(twin, images.validation_pixels, seed, batch, jobs, advance)
    on_test = _simulate(twin, images.test_pixels, seed, batch, jobs, lambda done: advance(n_validation + done))
    thresholds = exit_thresholds(on_validation)
    curve, exits = (
        _beside(points(on_test, images.test.labels), points(on_validation, images.validation.labels))
        for points in (anytime, partial(early_exit, thresholds=thresholds))
    )
    last = curve[-1]
    entry = {
        "name": twin.name,
        "source": ann.name,
        "code": code,
        "neurons": twin.n_neurons,
        "synapses": twin.n_synapses,
        "steps": twin.n_steps,
        "accuracy": last["accuracy"],
        "validation_accuracy": last["validation_accuracy"],
        **{name: last[name] for name in COUNTERS},
        "energy": snn_energy(last),
        "critics": critics(last, synapses=twin.n_synapses, neurons=twin.n_neurons),
        "curve": curve,
        "early_exit": exits,
    }
    return entry, _stage(twin.name, on_validation, on_test)


def _simulate(
    twin: SpikingTwin,
    pixels: npt.NDArray[np.float32],
    seed: int,
    batch: int,
    jobs: int | None,
    advance: Callable[[int], None],
) -> Readout:
    readouts = []
    for first in range(0, len(pixels), _CHUNK):
        finished = 0

        def count(done: int, first: int = first) -> None:
            nonlocal finished
            finished += done
            advance(first + finished)

        responses = twin.run(
            pixels[first : first + _CHUNK],
            seed=seed,
            first_sample=first,
            threads=jobs,
            batch=batch,
            progress=count,
        )
        readouts.append(Readout.of(responses))
    return Readout.concatenate(readouts)


def _beside(test: list[dict[str, Any]], validation: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Test points with the cost and accuracy of the same points on validation, on which candidates are chosen."""
    return [
        point | {"validation_ops": other["ops"], "validation_accuracy": other["accuracy"]}
        for point, other in zip(test, validation, strict=True)
    ]


def _kept(store: Store, kind: str, name: str, compute: Callable[[], tuple[dict[str, Any], Stage]]) -> _Part:
    """The part from the folder, or computed and kept there; `wall_s` is the seconds that it took at the time."""
    kept = store.read(kind, name)
    if kept is not None:
        part, arrays = kept
        return _Part(part["entry"], part["wall_s"], Stage.of(name, arrays))
    begun = time.perf_counter()
    entry, stage = compute()
    wall_s = time.perf_counter() - begun
    store.add(kind, name, {"wall_s": wall_s, "entry": entry}, stage.arrays)
    return _Part(entry, wall_s, stage)


def _tested(store: Store, learned: Learned, test: Split, jobs: int | None) -> _Tested:
    """The same of a locally learned network, which has no answers to keep: it is no stage of a cascade."""
    kept = store.read("learned", learned.name)
    if kept is not None:
        return _Tested(kept[0]["entry"], kept[0]["wall_s"])
    begun = time.perf_counter()
    entry = run_learned(learned, test, jobs)
    wall_s = time.perf_counter() - begun
    store.add("learned", learned.name, {"wall_s": wall_s, "entry": entry}, {})
    return _Tested(entry, wall_s)


def _advance(tell: _progress.Report, name: str, before: int, total: int, done: int) -> None:
    tell(name, before + done, total)


def _results(
    run: dict[str, Any],
    selection: dict[str, Any],
    images: _Images,
    ann_parts: list[_Part],
    snn_parts: list[_Part],
    learned_parts: list[_Tested],
    *,
    complete: bool,
) -> dict[str, Any]:
    anns = [part.entry for part in ann_parts]
    by_name = {ann["name"]: ann for ann in anns}
    snns = [
        part.entry | {"accuracy_loss": by_name[part.entry["source"]]["accuracy"] - part.entry["accuracy"]}
        for part in snn_parts
    ]
    cascades = _cascades(images, ann_parts, snn_parts) if complete else {"ann": [], "snn": []}
    at, per_network_at = at_levels(anns, snns, cascades["ann"])
    seconds = [part.wall_s for part in ann_parts + snn_parts] + [part.wall_s for part in learned_parts]
    return {
        "schema": run["schema"],
        "complete": complete,
        "dataset": run["dataset"]
        | {"n_validation": len(images.validation), "n_test": len(images.test), "limit": run["limit"]},
        "environment": environment(),
        "seed": run["seed"],
        "codes": run["codes"],
        "selection": selection,
        "ann": anns,
        "snn": snns,
        "learned": [part.entry for part in learned_parts],
        "candidates": candidates(snns),
        "cascades": cascades,
        "at": at,
        "per_network_at": per_network_at,
        "at_cascades": at_cascades(anns, snns, cascades),
        "wall_s": round(sum(seconds), 3),
    }


def _cascades(images: _Images, ann_parts: list[_Part], snn_parts: list[_Part]) -> dict[str, list[dict[str, Any]]]:
    """The cascades of the ANNs, and those of the spiking networks of each code."""
    labels = images.validation.labels, images.test.labels
    codes = dict.fromkeys(part.entry["code"] for part in snn_parts)
    return {
        "ann": frontier((part.stage for part in ann_parts), *labels),
        "snn": [
            {"code": code, **point}
            for code in codes
            for point in frontier((part.stage for part in snn_parts if part.entry["code"] == code), *labels)
        ],
    }


def _write(out: Path, results: dict[str, Any]) -> None:
    # results.json comes last: where it is, everything else is of the same state.
    write(out / "points.csv", points_csv(results))
    write(out / "report.md", report(results))
    save_figure(results, out)
    write(out / "results.json", to_json(results))


def _digest(ann: Ann) -> str:
    """One sha256 over the name and every layer's kind, shape and parameters."""
    digest = hashlib.sha256(ann.name.encode())
    for layer in ann.layers:
        geometry = f"{type(layer).__name__} {layer.weight.shape} {getattr(layer, 'stride', None)} {layer.n_in}"
        digest.update(geometry.encode())
        digest.update(np.ascontiguousarray(layer.weight, np.float32).tobytes())
        digest.update(np.ascontiguousarray(layer.bias, np.float32).tobytes())
    return digest.hexdigest()


def _check(dataset: Dataset, anns: Sequence[Ann], limit: int | None, seed: int, batch: int, jobs: int | None) -> None:
    if not anns:
        raise SnnsimError("a comparison needs at least one network")
    names = [ann.name for ann in anns]
    for name in names:
        if names.count(name) > 1:
            raise SnnsimError(f"the network {name!r} is given more than once")
    if not 0 <= seed < 2**63:
        raise SnnsimError(f"seed must be from 0 to 2**63 - 1, not {seed}")
    for option, number in (("limit", limit), ("batch", batch), ("jobs", jobs)):
        if number is not None and number < 1:
            raise SnnsimError(f"{option} must be at least 1, not {number}")
    height, width = dataset.shape
    for ann in anns:
        n_in, n_out = ann.layers[0].n_in, ann.layers[-1].n_out
        if (n_in, n_out) != (height * width, dataset.n_classes):
            raise SnnsimError(
                f"ANN {ann.name!r} maps {n_in} inputs to {n_out} classes, "
                f"but {dataset.name} has {height * width} pixels and {dataset.n_classes} classes"
            )
