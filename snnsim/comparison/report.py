"""The comparison in words and tables: `report.md`, `points.csv`, and the rows that the command line prints."""

import csv
import io
import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from snnsim.comparison.candidates import LEVELS, REFERENCE, best_reached, cascade_name
from snnsim.comparison.cascades import SHARES
from snnsim.comparison.energy import (
    AC_PJ,
    DRAM_PJ,
    LOIHI_PJ,
    MAC_PJ,
    SPIKE_RATE,
    SPIKES_PER_SYNAPSE,
    SPIKES_PER_SYNAPSE_RANGE,
    TRUENORTH_PJ,
    critics,
    snn_energy,
)
from snnsim.comparison.learned import learned_section
from snnsim.comparison.tables import count, markdown, percent, versus

Results = Mapping[str, Any]

LEVEL_COLUMNS = (
    "test accuracy",
    "cheapest spiking network",
    "stopped at",
    "operations",
    "membrane updates",
    "spikes",
    "encoder operations",
    "on test / validation",
    "a: own ANN, dense",
    f"b: reference {REFERENCE}",
    "c: cheapest dense ANN",
    "d: fewest effective MACs",
    "e: ANN cascade",
)
"""Column names of `level_rows`."""

CASCADE_COLUMNS = (
    "test accuracy",
    "cheapest spiking cascade",
    "stopped at",
    "operations",
    "on test / validation",
    "cheapest ANN cascade",
    "handed over at",
    "effective MACs",
    "ANN on test / validation",
    "spiking / ANN",
)
"""Column names of `cascade_rows`."""

_LEVELS_NOTE = """\
Ratios of the spiking network's operations to the MACs of five opponents. The ANN opponents of columns a to d run to
their end on every image, while the spiking network stops where it is sure. The opponent of column e may do so too: it
is the cheapest cascade of ANNs, or single ANN, that reaches the accuracy. Where no spiking network reaches a level, the
last row has the most accurate candidate, the cheapest of equals, against the ANNs that are as accurate on test.
"""

_CASCADES_NOTE = f"""\
A cascade runs one network, and where the margin of its two highest scores is not above a threshold the next one, which
costs more and is better, and so on; an image pays for every network that it went through. Spiking networks stop at the
first step at which the margin is above the threshold and hand over at their last step; ANNs decide once, zeros skipped.
Single networks compete on both sides. Searched were all pairs and triples of networks of one code, or of ANNs, that
rise in validation cost and in validation accuracy from stage to stage, at up to {len(SHARES)} thresholds per stage on both
sides: quantiles of the validation margins, no label used. The Pareto-optimal cascades on the validation images were then
evaluated once on the test images.
"""

_UNITS = """\
- **operations**: ACs + MACs, mean per image, counted in the simulation at every synaptic event. AC: one spike delivered
  through one nonzero synapse (an accumulate). MAC: the same with a graded input, which needs a multiply.
- **membrane updates**, **spikes** and **encoder operations** are counted apart and are not in *operations*; a bias
  belongs to the membrane update.
- **dense MACs**: every connection of an ANN. **effective MACs**: zero weights and zero activations skipped, counted on
  the real activations of the test images. About four fifths of MNIST's pixels are zero: much of what a spiking network
  saves is that zeros cost nothing, and an ANN that skips zeros saves it too.
- **every step** (anytime): all images stop at the same step. **early exit**: an image stops at the first step at which
  the margin of its two highest scores is above a threshold; comparing margins costs one comparison a step and class,
  which is not counted.
- **candidates**: of each network the steps and exit thresholds that are Pareto-optimal on the validation images. The
  cheapest one that reaches a level on the test images is shown; it is the best of many, so a little lucky: its
  validation accuracy stands beside it.
- **cascade**: networks run one after the other, each only where the one before was not sure; the counts of all that ran
  add up.
- **locally learned**: networks of `snnsim learn`; their operations are synaptic events, one accumulate each.
- **ratio**: operations of the spiking point / MACs of the ANN. Below 1 the spiking network needs fewer operations.
"""


def level_rows(results: Results) -> list[list[str]]:
    """One row per level, in the order of `LEVEL_COLUMNS`; where a level is not reached, a last row for the best point."""
    best = best_reached(results)
    missed = "none reaches it" + (f", best {percent(best['accuracy'])}" if best else "")
    rows = []
    for key in LEVELS:
        point, level = results["at"][key], percent(float(key))
        rows.append(_level_row(level, point) if point else [level, missed, *[""] * (len(LEVEL_COLUMNS) - 2)])
    if best and not all(results["at"].values()):
        rows.append(_level_row(f"best: {percent(best['accuracy'])}", best))
    return rows


def _level_row(level: str, point: Mapping[str, Any]) -> list[str]:
    return [
        level,
        point["snn"],
        _where(point),
        *(count(point[name]) for name in ("ops", "membrane_updates", "spikes", "encoder_operations")),
        f"{percent(point['accuracy'])} / {percent(point['validation_accuracy'])}",
        versus(point["ratio_own_ann"]),
        versus(point["ratio_reference"]),
        versus(point["ratio_cheapest_ann"], point["cheapest_ann_name"]),
        versus(point["ratio_effective"], point["effective_name"]),
        versus(point["ratio_cascade"], point["cascade_name"]),
    ]


def cascade_rows(results: Results) -> list[list[str]]:
    """One row per level, in the order of `CASCADE_COLUMNS`."""
    rows = []
    for key in LEVELS:
        point = results["at_cascades"][key]
        row = [percent(float(key))]
        for prefix, name, none in (("", "snn", "no spiking network reaches it"), ("ann_", "ann", "no ANN reaches it")):
            if point is None or point[name] is None:
                row += [none, "", "", ""]
                continue
            if name == "ann":
                called, where = (
                    point["ann"],
                    _margins(point["ann_thresholds"]) if point["ann_thresholds"] else "its end",
                )
            else:
                called, where = _short(point), _where(point)
            accuracies = (percent(point[f"{prefix}{split}accuracy"]) for split in ("", "validation_"))
            row += [called, where, count(point[f"{prefix}ops"]), " / ".join(accuracies)]
        rows.append([*row, versus(point["ratio"]) if point and point["ratio"] is not None else ""])
    return rows


def verdict(results: Results) -> str:
    """One sentence on who needs fewer operations where both sides may exit early and cascade."""
    if not results["complete"]:
        return "Early exit and cascades on both sides: not compared yet, the run was interrupted."
    said = []
    for key in LEVELS:
        point, level = results["at_cascades"][key], percent(float(key))
        if point is None:
            continue
        if point["ratio"] is not None:
            said.append(f"**{versus(point['ratio'])}** at {level}")
        elif point["snn"] is None:
            said.append(f"**LOSES** at {level}, which no spiking network reaches and {point['ann']} does")
        else:
            said.append(f"**wins** at {level}, which no ANN reaches")
    if not said:
        return f"Early exit and cascades on both sides: neither side reaches {percent(float(LEVELS[0]))}."
    return (
        "With early exit and cascades on both sides, the cost of the spiking side (operations) against that of the ANN "
        f"side (effective MACs): {'; '.join(said)}."
    )


def headline(results: Results) -> str:
    """The operating point of the lowest level that is reached, or the best one where none is, against the ANNs."""
    key = next((key for key in LEVELS if results["at"][key]), None)
    point = results["at"][key] if key else best_reached(results)
    missed = f"No spiking network reaches {percent(float(LEVELS[0]))} of test accuracy"
    if point is None:
        return f"{missed}: none has been run yet."
    opening = f"At {percent(float(key))} of test accuracy the cheapest" if key else f"{missed}. The most accurate"
    sentences = [
        f"{opening} spiking candidate is **{point['snn']}** "
        f"(stopped at {_where(point)}) with **{count(point['ops'])} operations per image** "
        f"({percent(point['accuracy'])} on test, {percent(point['validation_accuracy'])} on validation; "
        f"{point['n_reaching']} of {point['n_candidates']} candidates reach the {'level' if key else 'same'}), beside "
        f"{count(point['membrane_updates'])} membrane updates, {count(point['spikes'])} spikes and "
        f"{count(point['encoder_operations'])} encoder operations."
    ]
    opponents = [
        (point["ratio_own_ann"], f"the dense MACs of its own ANN, {point['source']}"),
        (point["ratio_reference"], f"the dense MACs of the published reference, {REFERENCE}"),
        (
            point["ratio_cheapest_ann"],
            f"the MACs of the cheapest dense ANN that reaches it, {point['cheapest_ann_name']}",
        ),
        (
            point["ratio_effective"],
            f"the lowest effective MACs (zeros skipped) of an ANN that reaches it, {point['effective_name']}",
        ),
        (
            point["ratio_cascade"],
            f"the lowest effective MACs of ANNs that reach it and may exit early, too, {point['cascade_name']}",
        ),
    ]
    sentences += [f"- {_amount(ratio)} {opponent}" for ratio, opponent in opponents if ratio is not None]
    if point["ratio_cheapest_ann"] is None:
        sentences.append(f"- more accurate than every ANN: none reaches {percent(float(key or point['accuracy']))}")
    if point["kind"] == "early_exit":
        sentences[0] += (
            f" Over the images: median {count(point['median_ops'])}, 95 % of the images within "
            f"{count(point['p95_ops'])}, the dearest {count(point['max_ops'])}."
        )
    return "\n".join([sentences[0], "", "That is", "", *sentences[1:]])


def report(results: Results) -> str:
    """The whole of `report.md`."""
    dataset = results["dataset"]
    state = "" if results["complete"] else "\n**The run was interrupted: this is what had finished.**\n"
    sections = [
        f"# {dataset['name']}: accuracy against operations\n{state}\n"
        f"{dataset['n_test']:,} test images, {dataset['n_validation']:,} validation images, seed {results['seed']}, "
        f"snnsim {results['environment']['versions']['snnsim']}.\n\n{verdict(results)}\n\n{headline(results)}\n\n"
        "![accuracy against operations](accuracy_vs_ops.png)",
        f"## The cheapest spiking point at each accuracy\n\n{_LEVELS_NOTE}\n"
        + markdown(LEVEL_COLUMNS, level_rows(results)),
        "## Both sides with cascades\n\n" + _cascades(results),
        "## Each network against its own ANN\n\nThe cheapest candidate of every network, and its ratio to the "
        "dense MACs of the ANN that it was converted from.\n\n" + _per_network(results),
        "## ANNs\n\n" + _anns(results),
        "## Spiking networks, run to the last step\n\nMeans per image; *lost* is in points of test accuracy, "
        "against the ANN that was converted.\n\n" + _networks(results),
        "## Locally learned networks\n\n" + learned_section(results),
        "## Energy: an estimate\n\n" + _energy(results),
        "## What the critics' bounds say\n\n" + _critics(results),
        "## Units\n\n" + _UNITS.rstrip(),
        "## Again\n\n" + _again(results),
    ]
    return "\n\n".join(sections) + "\n"


def points_csv(results: Results) -> str:
    """Every point of every curve and every cascade, on both splits, one per line; a cascade has several thresholds.

    Locally learned networks have one point, on the test split.
    """
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["network", "source", "code", "kind", "split", "step_or_threshold", "ops", "accuracy"])
    for network in results["snn"]:
        for kind, points, key in (
            ("anytime", network["curve"], "step"),
            ("early_exit", network["early_exit"], "threshold"),
        ):
            for split, prefix in (("validation", "validation_"), ("test", "")):
                for point in points:
                    described = [network["name"], network["source"], network["code"], kind, split, point[key]]
                    table.writerow([*described, point[f"{prefix}ops"], point[f"{prefix}accuracy"]])
    for side, kind in (("snn", "snn_cascade"), ("ann", "ann_cascade")):
        for split, prefix in (("validation", "validation_"), ("test", "")):
            for point in results["cascades"][side]:
                name, thresholds = cascade_name(point["stages"]), " ".join(str(t) for t in point["thresholds"])
                described = [name, "", point.get("code", ""), kind, split, thresholds]
                table.writerow([*described, point[f"{prefix}ops"], point[f"{prefix}accuracy"]])
    for entry in results.get("learned", ()):
        table.writerow([entry["name"], "", "", "learned", "test", "", entry["ops"], entry["accuracy"]])
    return buffer.getvalue()


def _cascades(results: Results) -> str:
    if not results["complete"]:
        return verdict(results)
    n_spiking, n_ann = (len(results["cascades"][side]) for side in ("snn", "ann"))
    if not n_spiking and not n_ann:
        found = "No two networks rise in cost and in accuracy, so there is no cascade: single networks are compared."
    else:
        found = f"That left {n_spiking} spiking cascades and {n_ann} of ANNs."
    n_test = results["dataset"]["n_test"]
    errors = " / ".join(f"{100 * math.sqrt(float(k) * (1 - float(k)) / n_test):.2f}" for k in LEVELS)
    luck = (
        f"One standard error of a test accuracy over {n_test:,} images is {errors} points at the three levels: a ratio\n"
        "near 1 is no difference."
    )
    return (
        f"{verdict(results)}\n\n{_CASCADES_NOTE}{found}\n{luck}\n\n{markdown(CASCADE_COLUMNS, cascade_rows(results))}"
    )


def _per_network(results: Results) -> str:
    columns = ["network"]
    for key in LEVELS:
        columns += [f"operations at {percent(float(key))}", "own ANN, dense"]
    reached = {key: {point["snn"]: point for point in results["per_network_at"][key]} for key in LEVELS}
    rows = []
    for network in results["snn"]:
        row = [network["name"]]
        for key in LEVELS:
            point = reached[key].get(network["name"])
            row += [count(point["ops"]), versus(point["ratio_own_ann"])] if point else ["never", ""]
        rows.append(row)
    return markdown(columns, rows)


def _anns(results: Results) -> str:
    columns = ("ANN", "test accuracy", "dense MACs", "effective MACs", "parameters")
    return markdown(
        columns,
        [[ann["name"], percent(ann["accuracy"]), *(count(ann[key]) for key in _ANN_COUNTS)] for ann in results["ann"]],
    )


_ANN_COUNTS = ("dense_macs", "effective_macs", "parameters")


def _networks(results: Results) -> str:
    columns = (
        "network",
        "test accuracy",
        "lost",
        "steps",
        "operations",
        "ACs",
        "MACs",
        "membrane updates",
        "spikes",
        "encoder operations",
    )
    rows = []
    for network in results["snn"]:
        counts = [network[key] for key in ("acs", "macs", "membrane_updates", "spikes", "encoder_operations")]
        row = [network["name"], percent(network["accuracy"]), f"{100 * network['accuracy_loss']:.2f}"]
        rows.append([*row, str(network["steps"]), *(count(value) for value in (counts[0] + counts[1], *counts))])
    return markdown(columns, rows)


def _energy(results: Results) -> str:
    prices = (
        f"Counts x published prices, nanojoules per image: 45 nm, MAC {MAC_PJ} pJ and AC {AC_PJ} pJ; Loihi {LOIHI_PJ} "
        f"pJ and TrueNorth {TRUENORTH_PJ:g} pJ per synaptic event. Not measured on any chip. They leave out membrane "
        "updates, encoders and the memory traffic; the last column says what 32-bit weights alone would cost where "
        f"none stays on the chip (DRAM, {DRAM_PJ:g} pJ each): an ANN fetches each parameter once, an event-driven "
        "network one weight per operation."
    )
    rows = []
    for ann in results["ann"]:
        energy = ann["energy"]
        rows.append([ann["name"], "dense", _nano(energy["dense_45nm_pj"]), "", "", _nano(energy["memory_pj"])])
        rows.append([ann["name"], "zeros skipped", _nano(energy["effective_45nm_pj"]), "", "", ""])
    for network, where, point in _operating_points(results):
        energy = snn_energy(point)
        rows.append(
            [network["name"], where, *(_nano(energy[k]) for k in ("45nm_pj", "loihi_pj", "truenorth_pj", "memory_pj"))]
        )
    return prices + "\n\n" + markdown(("network", "at", "45 nm", "Loihi", "TrueNorth", "weights from DRAM"), rows)


def _critics(results: Results) -> str:
    low, high = SPIKES_PER_SYNAPSE_RANGE
    bounds = (
        f"A spiking network can win only below {SPIKES_PER_SYNAPSE} spikes per synapse and inference (Davidson & "
        f"Furber 2021); below a bound from {low} to {high}, depending on how well the ANN reuses its data (Dampfhoffer "
        f"2022); and below a spike rate of {100 * SPIKE_RATE:g} % per neuron and step against a quantised ANN (Yan, "
        "Bai & Wong 2024)."
    )
    rows = []
    for network, where, point in _operating_points(results):
        said = critics(point, synapses=network["synapses"], neurons=network["neurons"])
        rows.append(
            [
                network["name"],
                where,
                f"{said['spikes_per_synapse']:.3g}",
                "can win" if said["davidson_furber"] else "loses",
                {"below": "can win", "within": "depends", "above": "loses"}[said["dampfhoffer"]],
                f"{100 * said['spike_rate']:.2f} %",
                "can win" if said["yan_bai_wong"] else "loses",
            ]
        )
    columns = (
        "network",
        "at",
        "spikes per synapse",
        "Davidson & Furber",
        "Dampfhoffer",
        "spike rate",
        "Yan, Bai & Wong",
    )
    return bounds + "\n\n" + markdown(columns, rows)


def _operating_points(results: Results) -> list[tuple[Mapping[str, Any], str, Mapping[str, Any]]]:
    """Of each network its cheapest candidate at the lowest level, or its last step where it does not reach it."""
    reached = {point["snn"]: point for point in results["per_network_at"][LEVELS[0]]}
    points = []
    for network in results["snn"]:
        point = reached.get(network["name"])
        where = f"{percent(float(LEVELS[0]))}: {_where(point)}" if point else "last step"
        points.append((network, where, point or network["curve"][-1]))
    return points


def _again(results: Results) -> str:
    dataset, selection = results["dataset"], results["selection"]
    words = ["snnsim", "mnist"]
    words += ["--data", selection["data"]] if selection["data"] is not None else ["--dataset", dataset["name"]]
    words += ["--seed", str(results["seed"])]
    words += ["--limit", str(dataset["limit"])] if dataset["limit"] else []
    for option, values in (("--code", results["codes"]), ("--network", selection["networks"] or ())):
        for value in values:
            words += [option, value]
    words += ["--weights", "WEIGHTS"] if selection["own_weights"] else []
    own_learned = not all(entry["shipped"] for entry in results.get("learned", ()))
    words += ["--learned", "LEARNED"] if own_learned else []
    command = f"```\n{shlex.join([*words, '--out', 'out'])}\n```"
    own = "`WEIGHTS` is the folder of the networks' .npz files, which are not those that come with snnsim. "
    learned = "`LEARNED` is a result folder of `snnsim learn`; the option is given once for each. "
    same = "The same options, data and version give the same figures."
    return f"{command}\n\n{own if selection['own_weights'] else ''}{learned if own_learned else ''}{same}"


def _where(point: Mapping[str, Any]) -> str:
    if point["kind"] == "anytime":
        return f"step {point['at']}"
    return _margins(point["at"] if point["kind"] == "cascade" else [point["at"]])


def _short(point: Mapping[str, Any]) -> str:
    # The stages of a spiking cascade have one code, which need be said once only.
    name: str = point["snn"]
    return name.replace(f" {point['code']} > ", " > ")


def _margins(thresholds: Sequence[float]) -> str:
    return f"margin {', '.join(f'{threshold:.4g}' for threshold in thresholds)}"


def _nano(picojoules: float) -> str:
    return f"{picojoules / 1000:,.1f}"


def _amount(ratio: float) -> str:
    return f"{ratio:.3g} of" if ratio <= 1 else f"{ratio:.3g} times MORE than"
