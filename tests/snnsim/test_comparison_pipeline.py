"""The whole comparison on a stand-in for the simulator: contract, resume, refusal, repeatability."""

import copy
import csv
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from snnsim import ResultsError, SnnsimError
from snnsim.ann import Ann, Dense
from snnsim.comparison import compare, pipeline
from snnsim.conversion import Responses
from snnsim.datasets import Dataset, Split

N_STEPS, CLASSES, SIDE = 6, 3, 4
FILES = {"results.json", "points.csv", "accuracy_vs_ops.png", "accuracy_vs_ops.svg", "report.md", "parts"}


@dataclass(frozen=True)
class FakeTwin:
    """Answers like a spiking network: better with every step, a function of sample, seed and step only."""

    ann: Ann
    code: str

    n_steps = N_STEPS
    n_neurons = 11
    n_synapses = 88

    @property
    def name(self):
        return f"{self.ann.name} {self.code}"

    def run(self, pixels, *, seed=0, first_sample=0, threads=None, batch=500, progress=None):
        steps = np.arange(1, N_STEPS + 1)
        noise = np.stack(
            [
                np.random.default_rng([seed, first_sample + i]).normal(size=(N_STEPS, CLASSES))
                for i in range(len(pixels))
            ]
        )
        scores = (self.ann.logits(pixels)[:, None, :] * steps[:, None] + 0.1 * noise).astype(np.float32)
        spikes = np.round(pixels.sum(axis=1)).astype(np.int64)[:, None] * np.ones(N_STEPS, np.int64)
        if progress:
            for first in range(0, len(pixels), batch):
                progress(min(batch, len(pixels) - first))
        graded = self.code == "current"
        return Responses(
            scores, spikes * (not graded) * 8, spikes * graded * 8, spikes * 0 + 11, spikes, spikes * 0 + 16
        )


@pytest.fixture(autouse=True)
def fake_simulator(monkeypatch):
    monkeypatch.setattr(pipeline, "convert", lambda ann, code, *, calibration: FakeTwin(ann, code))


@pytest.fixture(autouse=True)
def quick_figure(monkeypatch, request):
    """Drawing takes most of a second: a stand-in where the figure is not looked at."""
    if "real_figure" not in request.fixturenames:
        monkeypatch.setattr(
            pipeline,
            "save_figure",
            lambda _, out: [(out / name).write_bytes(b"") for name in FILES if "vs_ops" in name],
        )


@pytest.fixture
def real_figure():
    """Draw for once."""


def make_split(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, SIDE, SIDE), np.uint8)
    labels = make_ann("teacher", 0).logits(images.reshape(n, -1).astype(np.float32) / 255).argmax(axis=1)
    return Split(images, labels.astype(np.int64), 255)


def make_ann(name, seed):
    rng = np.random.default_rng(seed)
    layers = [Dense(rng.normal(size=s).astype(np.float32), np.zeros(s[1], np.float32)) for s in ((16, 8), (8, CLASSES))]
    return Ann(name, tuple(layers), {})


@pytest.fixture(scope="module")
def dataset():
    train, validation, test = (make_split(n, i) for i, n in enumerate((40, 90, 110)))
    return Dataset("fake", train, validation, test, CLASSES, md5="0" * 32, source="made up")


@pytest.fixture(scope="module")
def anns():
    return [make_ann("16-8-3", 0), make_ann("16-8-3-pruned", 1)]


def run(dataset, anns, out, codes=("rate", "current"), **options):
    return compare(dataset, anns, codes, out, **{"progress": False} | options)


def content(out, *, timeless=True):
    """Every file of a result folder but for what the clock writes."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    if timeless:
        for name in found:
            if name.endswith(".json"):
                found[name] = {key: v for key, v in json.loads(found[name]).items() if key != "wall_s"}
    return found


def test_results_keep_the_contract(dataset, anns, tmp_path):
    results = run(dataset, anns, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    assert json.loads((tmp_path / "out/results.json").read_text()) == results
    assert results["schema"] == 1
    assert results["complete"] is True
    assert results["dataset"]["name"] == "fake"
    assert (results["dataset"]["n_test"], results["dataset"]["md5"]) == (110, "0" * 32)
    assert results["seed"] == 0
    assert isinstance(results["environment"], dict)
    assert results["wall_s"] > 0
    assert [ann["name"] for ann in results["ann"]] == ["16-8-3", "16-8-3-pruned"]
    for ann in results["ann"]:
        assert ann["layers"] == [16, 8, 3]
        assert ann["dense_macs"] == 16 * 8 + 8 * 3
        assert 0 < ann["effective_macs"] < ann["dense_macs"]
        assert ann["parameters"] == 16 * 8 + 8 + 8 * 3 + 3
    assert results["ann"][0]["accuracy"] == 1.0
    assert [(snn["source"], snn["code"]) for snn in results["snn"]] == [
        (ann.name, code) for ann in anns for code in ("rate", "current")
    ]
    for snn in results["snn"]:
        assert (snn["neurons"], snn["synapses"]) == (11, 88)
        assert len(snn["curve"]) == N_STEPS
        last = snn["curve"][-1]
        for name in ("acs", "macs", "membrane_updates", "spikes", "encoder_operations", "accuracy"):
            assert snn[name] == last[name]
        assert last["ops"] == snn["acs"] + snn["macs"] > 0
        assert (snn["macs"] > 0) == (snn["code"] == "current")
        assert snn["membrane_updates"] == 11 * N_STEPS
        assert snn["early_exit"]
        for point in (*snn["curve"], *snn["early_exit"]):
            assert 0 <= point["accuracy"] <= 1
            assert {"ops", "accuracy"} <= set(point)
        assert all("threshold" in point for point in snn["early_exit"])
        assert "wall" not in json.dumps(snn)
    assert set(results["at"]) == {"0.98", "0.985", "0.99"}
    assert results["at"]["0.98"] is not None
    for point in filter(None, results["at"].values()):
        assert {"snn", "ops", "accuracy", "validation_accuracy"} <= set(point)
        assert {"ratio_own_ann", "ratio_cheapest_ann", "ratio_effective"} <= set(point)
        assert point["ratio_reference"] is None


def test_points_are_all_in_the_csv(dataset, anns, tmp_path):
    results = run(dataset, anns, tmp_path)
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    n_cascades = sum(len(points) for points in results["cascades"].values())
    assert len(rows) == 2 * n_cascades + sum(2 * (len(snn["curve"]) + len(snn["early_exit"])) for snn in results["snn"])
    point = results["snn"][1]["early_exit"][0]
    (row,) = [
        row
        for row in rows
        if (row["network"], row["kind"], row["split"]) == ("16-8-3 current", "early_exit", "test")
        and float(row["step_or_threshold"]) == point["threshold"]
    ]
    assert (float(row["ops"]), float(row["accuracy"])) == (point["ops"], point["accuracy"])


def test_test_labels_do_not_move_the_candidates(dataset, anns, tmp_path):
    shuffled = Split(dataset.test.images, np.roll(dataset.test.labels, 1), 255)
    before = run(dataset, anns, tmp_path / "a")
    after = run(replace(dataset, test=shuffled), anns, tmp_path / "b")
    assert before["candidates"] == after["candidates"]
    assert before["snn"][0]["accuracy"] != after["snn"][0]["accuracy"]


def test_twice_the_same_bytes(dataset, anns, tmp_path, real_figure):
    run(dataset, anns, tmp_path / "a")
    run(dataset, anns, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_batches_and_threads_change_no_figure(dataset, anns, tmp_path, monkeypatch):
    run(dataset, anns, tmp_path / "a")
    monkeypatch.setattr(pipeline, "_CHUNK", 7)
    run(dataset, anns, tmp_path / "b", batch=3, jobs=1)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize("stop_after", [0, 1, 330, 799])
def test_an_interrupted_run_leaves_readable_results_and_resumes(dataset, anns, tmp_path, stop_after):
    def interrupt(name, done, total):
        assert total == 4 * (90 + 110)
        if done >= stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(dataset, anns, tmp_path / "a", progress=interrupt, batch=10)
    partial = json.loads((tmp_path / "a/results.json").read_text())
    assert partial["complete"] is False
    assert len(partial["snn"]) == stop_after // 200
    assert set(partial["at"]) == {"0.98", "0.985", "0.99"}
    assert "interrupted" in (tmp_path / "a/report.md").read_text()
    assert {path.name for path in (tmp_path / "a").iterdir()} == FILES
    run(dataset, anns, tmp_path / "a")
    run(dataset, anns, tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_finished_run_is_not_simulated_again(dataset, anns, tmp_path, monkeypatch):
    before = run(dataset, anns, tmp_path)
    monkeypatch.setattr(pipeline, "convert", None)
    assert run(dataset, anns, tmp_path, batch=9, jobs=2) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"limit": 50}, "limit was null and is 50"),
        ({"codes": ("rate",)}, 'codes was ["rate", "current"] and is ["rate"]'),
        ({"md5": "1" * 32}, "dataset differ in md5"),
        ({"version": "9.9.9"}, 'snnsim was "0.1.0" and is "9.9.9"'),
        ({"weights": 5}, "networks differ in 16-8-3-pruned"),
    ],
)
def test_another_run_in_the_folder_is_refused_by_field_until_forced(dataset, anns, tmp_path, monkeypatch, change, said):
    monkeypatch.setattr(pipeline, "__version__", "0.1.0")
    run(dataset, anns, tmp_path)
    before = content(tmp_path, timeless=False)
    change = dict(change)
    if "md5" in change:
        dataset = replace(dataset, md5=change.pop("md5"))
    if "version" in change:
        monkeypatch.setattr(pipeline, "__version__", change.pop("version"))
    if "weights" in change:
        anns = [anns[0], make_ann("16-8-3-pruned", change.pop("weights"))]
    with pytest.raises(ResultsError) as caught:
        run(dataset, anns, tmp_path, **change)
    assert said in str(caught.value)
    assert "--out" in str(caught.value)
    assert "--force" in str(caught.value)
    assert content(tmp_path, timeless=False) == before
    run(dataset, anns, tmp_path, force=True, **change)
    run(dataset, anns, tmp_path / ".other", **change)
    fresh = content(tmp_path / ".other")
    assert {name: value for name, value in content(tmp_path).items() if not name.startswith(".")} == fresh


def test_foreign_files_are_neither_joined_nor_deleted(dataset, anns, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(ResultsError, match=r"thesis\.txt"):
            run(dataset, anns, tmp_path, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_results_of_another_program_are_foreign(dataset, anns, tmp_path):
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(ResultsError, match=r"results\.json"):
        run(dataset, anns, tmp_path, force=True)
    assert (tmp_path / "results.json").read_text() == "{}"


def test_force_spares_foreign_files_beside_a_run(dataset, anns, tmp_path):
    run(dataset, anns, tmp_path)
    (tmp_path / "parts/notes.md").write_text("mine")
    before = content(tmp_path, timeless=False)
    with pytest.raises(ResultsError, match=r"notes\.md"):
        run(dataset, anns, tmp_path, force=True, seed=1)
    assert content(tmp_path, timeless=False) == before
    run(dataset, anns, tmp_path)
    assert (tmp_path / "parts/notes.md").read_text() == "mine"


@pytest.mark.parametrize("pattern", ["snn-*.json", "ann-*.json"])
@pytest.mark.parametrize(
    "damage", ['{"entry"', "[]", "null", "{}", '{"wall_s": 1}', '{"entry": {"name": "16-8-3 rate"}}', '{"entry": []}']
)
def test_a_damaged_part_is_named(dataset, anns, tmp_path, pattern, damage):
    run(dataset, anns, tmp_path)
    part = next((tmp_path / "parts").glob(pattern))
    part.write_text(damage)
    with pytest.raises(ResultsError, match=f"{part.name}: damaged"):
        run(dataset, anns, tmp_path)


def test_a_damaged_record_is_named(dataset, anns, tmp_path):
    run(dataset, anns, tmp_path)
    for damage in ("[]", "3", "{", ""):
        (tmp_path / "parts/run.json").write_text(damage)
        with pytest.raises(ResultsError, match=r"run\.json: damaged"):
            run(dataset, anns, tmp_path)


def test_the_order_of_the_codes_does_not_matter(dataset, anns, tmp_path, monkeypatch):
    before = run(dataset, anns, tmp_path, codes=("ttfs", "current", "rate"))
    assert before["codes"] == ["rate", "ttfs", "current"]
    assert [network["code"] for network in before["snn"][:3]] == before["codes"]
    monkeypatch.setattr(pipeline, "convert", None)
    assert run(dataset, anns, tmp_path, codes=("current", "rate", "ttfs")) == before


def test_the_results_tell_how_to_choose_data_and_networks_again(dataset, anns, tmp_path, monkeypatch):
    own = {"data": "made up", "networks": ["16-8-3", "16-8-3-pruned"], "own_weights": True}
    assert run(dataset, anns, tmp_path / "own")["selection"] == own
    provenance = {"dataset": {"name": "fake", "md5": dataset.md5}, "seed": 3}
    trained = [replace(ann, provenance=provenance) for ann in anns]
    again = run(dataset, trained, tmp_path / "trained", seed=3)["selection"]
    assert again == own | {"own_weights": False}  # snnsim would train these two, but others by default
    assert run(dataset, trained, tmp_path / "other", seed=4)["selection"]["own_weights"]
    monkeypatch.setattr(pipeline, "shipped", lambda name: trained if name == "digits" else [])
    digits = replace(dataset, name="digits")
    chosen = [run(digits, some, tmp_path / f"{len(some)}")["selection"] for some in (anns, anns[:1])]
    assert chosen == [{"data": None, "networks": names, "own_weights": False} for names in (None, ["16-8-3"])]
    edited = [anns[0], make_ann("16-8-3-pruned", 9)]
    assert run(digits, edited, tmp_path / "edited")["selection"] == own | {"data": None}


def test_damaged_answers_are_named_and_missing_ones_simulated_again(dataset, anns, tmp_path):
    before = run(dataset, anns, tmp_path)
    answers = next((tmp_path / "parts").glob("snn-*.npz"))
    kept = answers.read_bytes()
    for damage in (b"", b"no archive", kept[: len(kept) // 2]):
        answers.write_bytes(damage)
        with pytest.raises(ResultsError, match=f"{answers.name}: damaged") as caught:
            run(dataset, anns, tmp_path)
        assert "pickle" not in str(caught.value)
    answers.unlink()
    after = run(dataset, anns, tmp_path)
    assert answers.read_bytes() == kept
    assert {**after, "wall_s": 0} == {**before, "wall_s": 0}


def test_cascades_are_searched_on_both_sides_and_resumed_from_the_parts(dataset, anns, tmp_path, monkeypatch):
    weak, good = anns[1], anns[0]
    before = run(dataset, [good, weak], tmp_path)
    assert before["cascades"]["ann"]
    assert {point["code"] for point in before["cascades"]["snn"]} == {"rate", "current"}
    for point in before["cascades"]["ann"]:
        assert point["stages"] == [weak.name, good.name]
        assert len(point["thresholds"]) == 1
    for point in before["cascades"]["snn"]:
        assert point["stages"] == [f"{ann.name} {point['code']}" for ann in (weak, good)]
        assert len(point["thresholds"]) == 2
    assert {"ann", "ann_ops", "ann_accuracy", "ratio"} <= set(before["at_cascades"]["0.98"])
    assert before["at"]["0.98"]["ratio_cascade"] >= before["at"]["0.98"]["ratio_effective"]
    monkeypatch.setattr(pipeline, "convert", None)
    for name in FILES - {"parts"}:
        (tmp_path / name).unlink()
    assert run(dataset, [good, weak], tmp_path) == before


def test_networks_stand_in_the_order_of_their_cost(dataset, anns, tmp_path):
    results = run(dataset, anns[::-1], tmp_path)
    assert [ann["name"] for ann in results["ann"]] == ["16-8-3", "16-8-3-pruned"]
    assert results["snn"][0]["source"] == "16-8-3"


def test_out_that_is_a_file_is_refused(dataset, anns, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ResultsError, match="is a file"):
        run(dataset, anns, tmp_path / "out")


def test_limit_takes_the_first_images_of_both_splits(dataset, anns, tmp_path):
    cut = replace(dataset, validation=dataset.validation.first(20), test=dataset.test.first(20))
    limited, whole = run(dataset, anns, tmp_path / "a", limit=20), run(cut, anns, tmp_path / "b")
    assert limited["snn"] == whole["snn"]
    assert limited["ann"] == whole["ann"]
    assert limited["dataset"]["n_test"] == 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"codes": ("morse",)}, "unknown code 'morse'"),
        ({"codes": ()}, "at least one"),
        ({"codes": ("rate", "rate")}, "more than once"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"seed": -1}, "seed must be from 0"),
        ({"seed": 2**63}, "seed must be from 0"),
    ],
)
def test_impossible_options_are_named(dataset, anns, tmp_path, options, said):
    with pytest.raises(SnnsimError, match=said):
        run(dataset, anns, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_networks_must_fit_the_images(dataset, tmp_path):
    wide = Ann("17-3", (Dense(np.ones((17, 3), np.float32), np.zeros(3, np.float32)),), {})
    with pytest.raises(SnnsimError, match="maps 17 inputs to 3 classes, but fake has 16 pixels and 3 classes"):
        run(dataset, [wide], tmp_path)
    ann = make_ann("16-8-3", 0)
    with pytest.raises(SnnsimError, match="more than once"):
        run(dataset, [ann, copy.copy(ann)], tmp_path)
