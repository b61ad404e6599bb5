"""Words, figure and energy made of results: losses said as plainly as wins, nothing hidden."""

import copy
import shlex
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from snnsim.comparison import (
    CASCADE_COLUMNS,
    LEVEL_COLUMNS,
    cascade_rows,
    draw,
    headline,
    level_rows,
    report,
    verdict,
)
from snnsim.comparison.candidates import LEVELS, at_cascades, at_levels, best_reached, candidates
from snnsim.comparison.curves import COUNTERS
from snnsim.comparison.energy import ann_energy, critics, snn_energy
from snnsim.comparison.figure import save_figure
from snnsim.comparison.report import points_csv

LAST = {"acs": 700.0, "macs": 300.0, "membrane_updates": 70_001.0, "spikes": 50.0, "encoder_operations": 7_840.0}


def make_results(accuracy=0.985, ops=1000.0, code="rate", cascades=None):
    ann = {"name": "784-32-10", "layers": [784, 32, 10], "accuracy": 0.99, "dense_macs": 25_408}
    ann |= {"validation_accuracy": 0.99}
    ann |= {"effective_macs": 400.0, "parameters": 25_450}
    ann["energy"] = ann_energy(ann)
    counts = {name: LAST[name] for name in COUNTERS}
    shared = {"accuracy": accuracy, "ops": ops, "steps": 4, "validation_ops": ops, "validation_accuracy": accuracy}
    early = {"threshold": 1.5, "median_ops": 500.0, "p95_ops": 4_321.0, "max_ops": 98_765.0}
    entry = {"name": f"784-32-10 {code}", "source": "784-32-10", "code": code, "neurons": 42, "synapses": 25_408}
    entry |= {"steps": 8, "accuracy": accuracy, "validation_accuracy": accuracy, **counts}
    entry |= {"accuracy_loss": 0.99 - accuracy, "energy": snn_energy(LAST)}
    entry |= {"critics": critics(LAST | {"steps": 8}, synapses=25_408, neurons=42)}
    entry["early_exit"] = [early | shared | counts]
    entry["curve"] = [
        {**shared, **counts, "step": i, "steps": i, "ops": 2 * ops * i, "validation_ops": 2 * ops * i}
        for i in (1, 2, 8)
    ]
    cascades = {"ann": [], "snn": []} | (cascades or {})
    at, per_network_at = at_levels([ann], [entry], cascades["ann"])
    return {
        "schema": 1,
        "complete": True,
        "dataset": {"name": "mnist", "md5": "0" * 32, "n_validation": 100, "n_test": 100, "limit": None},
        "environment": {"versions": {"snnsim": "0.1.0"}},
        "seed": 0,
        "codes": [code],
        "selection": {"data": None, "networks": None, "own_weights": False},
        "ann": [ann],
        "snn": [entry],
        "candidates": candidates([entry]),
        "at": at,
        "cascades": cascades,
        "per_network_at": per_network_at,
        "at_cascades": at_cascades([ann], [entry], cascades),
        "wall_s": 1.0,
    }


def test_headline_says_wins_and_losses():
    said = headline(make_results())
    assert "784-32-10 rate" in said
    assert "0.0394 of the dense MACs of its own ANN" in said
    assert "2.5 times MORE than the lowest effective MACs" in said
    assert "reference" not in said
    for figure in ("500", "4,321", "98,765"):
        assert figure in said


def test_a_level_that_nothing_reaches_is_said():
    rows = level_rows(make_results())
    assert [row[0] for row in rows] == ["98.00 %", "98.50 %", "99.00 %", "best: 98.50 %"]
    assert rows[2][1] == "none reaches it, best 98.50 %"
    assert [row[0] for row in level_rows(make_results(accuracy=0.99))] == ["98.00 %", "98.50 %", "99.00 %"]
    assert "LOSES" in rows[0][-1]
    assert "LOSES" not in rows[0][4]


def test_where_no_level_is_reached_the_best_candidate_is_compared():
    results = make_results(accuracy=0.9)
    said = headline(results)
    assert "No spiking network reaches 98.00 % of test accuracy. The most accurate" in said
    assert "**1,000 operations per image** (90.00 % on test" in said
    assert "0.0394 of the dense MACs of its own ANN" in said
    assert "2.5 times MORE than the lowest effective MACs" in said
    (row,) = (dict(zip(LEVEL_COLUMNS, row, strict=True)) for row in level_rows(results)[3:])
    assert (row["cheapest spiking network"], row["stopped at"]) == ("784-32-10 rate", "margin 1.5")
    assert row["a: own ANN, dense"] == "0.0394 of it"
    assert row["d: fewest effective MACs"] == "2.5 times as many: LOSES (784-32-10)"
    # An ANN that is less accurate than the best spiking point is no opponent.
    results["ann"][0]["accuracy"] = 0.89
    assert level_rows(results)[3][-3:] == ["no such ANN"] * 3
    assert "more accurate than every ANN: none reaches 90.00 %" in headline(results)
    assert "none has been run yet" in headline(results | {"snn": [], "candidates": []})


def test_the_best_is_the_most_accurate_candidate_and_the_cheapest_of_equals():
    results = make_results(accuracy=0.9)
    network = results["snn"][0]
    network["curve"][1]["accuracy"] = network["curve"][2]["accuracy"] = 0.95
    kinds = [{"snn": network["name"], "kind": "anytime", "at": step} for step in (1, 8, 2)]
    results["candidates"] = [c | {"validation_ops": 1.0, "validation_accuracy": 0.9} for c in kinds]
    best = best_reached(results)
    assert (best["at"], best["ops"], best["n_candidates"], best["n_reaching"]) == (2, 4000.0, 3, 2)


def test_counts_beside_the_operations_stand_at_every_level():
    row = dict(zip(LEVEL_COLUMNS, level_rows(make_results())[0], strict=True))
    shown = [row[name] for name in ("operations", "membrane updates", "spikes", "encoder operations")]
    assert shown == ["1,000", "70,001", "50", "7,840"]


def test_the_command_of_a_run_can_be_given_to_a_shell():
    results = make_results()
    assert "\nsnnsim mnist --dataset mnist --seed 0 --code rate --out out\n" in report(results)
    results["dataset"] |= {"name": "my letters", "limit": 7}
    results["selection"] = {"data": "/data/my letters", "networks": ["784-32-10", "a b"], "own_weights": True}
    text = report(results)
    (line,) = (line for line in text.splitlines() if line.startswith("snnsim mnist"))
    assert shlex.split(line)[2:] == [
        *("--data", "/data/my letters", "--seed", "0", "--limit", "7", "--code", "rate"),
        *("--network", "784-32-10", "--network", "a b", "--weights", "WEIGHTS", "--out", "out"),
    ]
    assert "`WEIGHTS` is the folder" in text


def make_cascade(stages, ops, accuracy, **more):
    shared = {"validation_ops": ops, "validation_accuracy": accuracy, "thresholds": [1.25, 2.5][: len(stages) - 1]}
    return {"stages": stages, "ops": ops, "accuracy": accuracy, **shared, **more}


def test_verdict_says_who_wins_with_cascades_on_both_sides():
    anns = [
        make_cascade(["784-32-10", "784-64-10"], ops, accuracy) for ops, accuracy in ((200.0, 0.983), (900.0, 0.986))
    ]
    spiking = [make_cascade(["784-32-10 rate", "784-64-10 rate"], 300.0, 0.987, code="rate", thresholds=[3.5, 4.5])]
    results = make_results(cascades={"ann": anns, "snn": spiking})
    said = verdict(results)
    assert "**1.5 times as many: LOSES** at 98.00 %" in said
    assert "**0.75 of it** at 98.50 %" in said
    assert "**LOSES** at 99.00 %, which no spiking network reaches and 784-32-10 does" in said
    text = report(results)
    assert text.index(said) < text.index("That is")
    assert "## Both sides with cascades" in text
    assert "columns a to d run to" in text
    assert level_rows(results)[0][-1] == "5 times as many: LOSES (784-32-10 > 784-64-10)"
    assert "5 times MORE than the lowest effective MACs of ANNs that reach it and may exit early" in headline(results)
    first, second, third = (dict(zip(CASCADE_COLUMNS, row, strict=True)) for row in cascade_rows(results))
    assert first["cheapest spiking cascade"] == "784-32-10 > 784-64-10 rate"
    assert (first["stopped at"], first["handed over at"]) == ("margin 3.5, 4.5", "margin 1.25")
    assert (second["effective MACs"], second["spiking / ANN"]) == ("400", "0.75 of it")
    assert third["cheapest spiking cascade"] == "no spiking network reaches it"
    assert (third["cheapest ANN cascade"], third["handed over at"]) == ("784-32-10", "its end")
    rows = points_csv(results).splitlines()
    assert "784-32-10 rate > 784-64-10 rate,,rate,snn_cascade,test,3.5 4.5,300.0,0.987" in rows
    assert "784-32-10 > 784-64-10,,,ann_cascade,validation,1.25,200.0,0.983" in rows


def test_verdict_where_there_is_nothing_to_compare():
    assert "neither side reaches 98.00 %" in verdict(make_results() | {"at_cascades": dict.fromkeys(LEVELS)})
    interrupted = make_results() | {"complete": False}
    assert "not compared yet, the run was interrupted" in verdict(interrupted)
    assert "not compared yet" in report(interrupted)
    assert "there is no cascade" in report(make_results())
    lone = make_results()
    for point in filter(None, lone["at_cascades"].values()):
        point |= {"ann": None, "ratio": None}
    assert "**wins** at 98.00 %, which no ANN reaches" in verdict(lone)


def test_report_has_every_count_in_its_own_column():
    text = report(make_results())
    for figure in ("1,000", "700", "300", "70,001", "7,840", "0.50", "25,408", "400", "25,450"):
        assert f" {figure} |" in text
    for word in (
        "ACs",
        "membrane updates",
        "encoder operations",
        "Davidson & Furber",
        "DRAM",
        "snnsim mnist --dataset",
    ):
        assert word in text
    assert "interrupted" not in text


def test_energy_is_counts_times_prices():
    energy = snn_energy({"acs": 1000.0, "macs": 10.0})
    assert energy == {
        "45nm_pj": pytest.approx(946.0),
        "loihi_pj": pytest.approx(23_836.0),
        "truenorth_pj": pytest.approx(26_260.0),
        "memory_pj": pytest.approx(646_400.0),
    }
    ann = ann_energy({"dense_macs": 100, "effective_macs": 10.0, "parameters": 5})
    assert ann["dense_45nm_pj"] == pytest.approx(460.0)
    assert ann["effective_45nm_pj"] == pytest.approx(46.0)
    assert ann["memory_pj"] == 3200.0


@pytest.mark.parametrize(
    ("acs", "davidson_furber", "dampfhoffer"),
    [
        (14.0, True, "below"),
        (15.0, True, "within"),
        (138.0, True, "within"),
        (150.0, True, "above"),
        (172.0, False, "above"),
    ],
)
def test_verdicts_change_at_the_published_bounds(acs, davidson_furber, dampfhoffer):
    said = critics({"acs": acs, "macs": 0.0, "spikes": 64.0, "steps": 10}, synapses=100, neurons=100)
    assert (said["spikes_per_synapse"], said["davidson_furber"], said["dampfhoffer"]) == (
        acs / 100,
        davidson_furber,
        dampfhoffer,
    )
    assert said["spike_rate"] == 0.064
    assert said["yan_bai_wong"] is False


def test_figure_has_a_panel_per_code_and_every_network():
    results = make_results()
    other = make_results(code="ttfs", accuracy=0.92)
    results["codes"] += other["codes"]
    results["snn"] += other["snn"]
    figure = draw(results)
    panels = figure.axes
    assert [panel.get_title() for panel in panels] == ["rate code", "time to first spike"]
    for panel in panels:
        lines = [line for line in panel.lines if len(line.get_xdata()) > 2]
        assert len(lines) == 1  # the anytime curve; the early-exit one has a single point here
        verticals = {float(line.get_xdata()[0]) for line in panel.lines if len(set(line.get_xdata())) == 1}
        assert 25_408.0 in verticals
    assert "10" in panels[0].get_xscale() or panels[0].get_xscale() == "log"


def test_figure_shows_the_cascades_of_both_sides_that_nothing_beats():
    anns = [make_cascade(["a", "b"], ops, accuracy) for ops, accuracy in ((900.0, 0.98), (320.0, 0.97), (950.0, 0.975))]
    spiking = [
        make_cascade(["a rate", "b rate"], ops, 0.98, code=code) for ops, code in ((500.0, "rate"), (1.0, "ttfs"))
    ]
    (panel,) = draw(make_results(cascades={"ann": anns, "snn": spiking})).axes
    drawn = [
        (line.get_xdata().tolist(), line.get_ydata().tolist())
        for line in panel.lines
        if np.array_equal(line.get_color(), "black")
    ]
    assert drawn == [([500.0], [98.0]), ([320.0, 900.0], [97.0, 98.0])]


@pytest.mark.parametrize("n_codes", [1, 2, 3, 4])
@pytest.mark.parametrize("accuracy", [0.05, 0.88, 0.97, 1.0])
def test_every_network_is_within_the_axes(n_codes, accuracy):
    results = make_results(accuracy=accuracy)
    results["codes"] = ["rate", "ttfs", "poisson", "current"][:n_codes]
    panels = [panel for panel in draw(results).axes if panel.get_visible()]
    assert len(panels) == n_codes
    bottom, top = panels[0].get_ylim()
    assert bottom < 100 * accuracy <= top
    assert top > 98


def test_figure_of_an_empty_partial_run(tmp_path):
    results = copy.deepcopy(make_results())
    results |= {"complete": False, "ann": [], "snn": []}
    save_figure(results, tmp_path)
    assert (tmp_path / "accuracy_vs_ops.png").read_bytes().startswith(b"\x89PNG")


def test_figure_files_are_repeatable_and_labelled(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_figure(make_results(), tmp_path / name)
    for kind in ("png", "svg"):
        first, second = ((tmp_path / name / f"accuracy_vs_ops.{kind}").read_bytes() for name in ("a", "b"))
        assert first == second
    assert ET.fromstring(first).tag.endswith("svg")
