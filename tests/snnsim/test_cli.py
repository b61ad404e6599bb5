"""The command line: what it prints where, its exit codes, and one whole run in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import snnsim
from snnsim.ann import shipped
from snnsim.cli import app
from snnsim.datasets import load

SMALL = ["mnist", "--dataset", "digits", "--limit", "40", "--network", "64-32-10"]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def spawn(*arguments, **options):
    command = [sys.executable, "-m", "snnsim", *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run in a process of its own, with --json: (process, result folder)."""
    out = tmp_path_factory.mktemp("cli") / "out"
    return spawn(*SMALL, "--out", out, "--json", "--jobs", 1), out


def test_json_is_all_that_stdout_holds(finished):
    process, out = finished
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == json.loads((out / "results.json").read_text())


def test_the_simulated_results_are_whole(finished):
    _, out = finished
    results = json.loads((out / "results.json").read_text())
    assert results["complete"] is True
    assert results["dataset"]["name"] == "digits"
    assert [network["code"] for network in results["snn"]] == ["rate", "ttfs"]
    for network in results["snn"]:
        assert network["source"] == "64-32-10"
        assert network["accuracy"] > 0.7
        assert network["synapses"] <= 64 * 32 + 32 * 10
        assert network["macs"] == 0
        ops = [point["ops"] for point in network["curve"]]
        assert ops == sorted(ops)
        assert ops[-1] > 0
        # The dearest image of an exit point cannot pay more than all steps of the dearest image.
        assert max(point["ops"] for point in network["early_exit"]) <= ops[-1]
    assert "digits" in (out / "report.md").read_text()


def test_a_second_run_resumes_and_prints_the_table(finished):
    _, out = finished
    before = (out / "results.json").read_bytes()
    again = invoke(*SMALL, "--out", out)
    assert again.exit_code == 0, again.output
    assert "accuracy_vs_ops.png" in again.stdout
    assert "cheapest" in again.stdout
    assert "both sides" in again.stdout
    assert (out / "results.json").read_bytes() == before


def test_another_seed_in_the_same_folder_is_refused_in_one_line(finished):
    _, out = finished
    refused = invoke(*SMALL, "--out", out, "--seed", 1)
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "seed was 0 and is 1" in refused.stderr
    assert "--force" in refused.stderr


def test_quiet_prints_nothing(finished):
    _, out = finished
    quiet = invoke(*SMALL, "--out", out, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_the_code_and_weights_can_be_chosen(finished, tmp_path):
    _, earlier = finished
    (tmp_path / "weights").mkdir()
    ann = next(ann for ann in shipped("digits") if ann.name == "64-32-10")
    ann.save(tmp_path / "weights/mine.npz")
    chosen = ["mnist", "--dataset", "digits", "--limit", 40, "--weights", tmp_path / "weights"]
    done = invoke(*chosen, "--code", "ttfs", "--out", tmp_path / "out", "--batch", 7, "--quiet")
    assert done.exit_code == 0, done.output
    results = json.loads((tmp_path / "out/results.json").read_text())
    (network,) = results["snn"]
    before = json.loads((earlier / "results.json").read_text())
    assert network == before["snn"][1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mnist", "--data", "nowhere"], "nowhere"),
        (["mnist", "--dataset", "imagenet"], "imagenet"),
        (["mnist", "--dataset", "digits", "--network", "64-7-10"], "no network '64-7-10'"),
        (["mnist", "--dataset", "digits", "--code", "morse"], "morse"),
        (["mnist", "--dataset", "digits", "--weights", "nowhere"], "nowhere"),
        (["train", "--data", "nowhere"], "nowhere"),
    ],
)
def test_errors_are_one_line_on_stderr(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    failed = invoke(*arguments)
    assert failed.exit_code == 2
    assert failed.stdout == ""
    assert failed.stderr.startswith("snnsim: ")
    assert failed.stderr.count("\n") == 1
    assert said in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_data_without_shipped_weights_are_trained_on_first_and_once(tmp_path, monkeypatch):
    import dataclasses

    from snnsim import training

    digits = load("digits")
    strange = dataclasses.replace(digits, name="strange", md5="f" * 32)
    monkeypatch.setattr("snnsim.datasets.load", lambda name, data, progress=True: strange)
    trained = []

    def train_all(dataset, folder, *, seed, only, progress):
        trained.extend(only)
        folder.mkdir(parents=True)
        for ann in shipped("digits"):
            if ann.name in only:
                provenance = {"dataset": {"name": dataset.name, "md5": dataset.md5}, "seed": seed}
                dataclasses.replace(ann, provenance=provenance).save(folder / f"{ann.name}.npz")

    monkeypatch.setattr(training, "train_all", train_all)
    arguments = ["mnist", "--limit", 30, "--network", "64-32-10", "--out", tmp_path / "out", "--code", "ttfs"]
    first = invoke(*arguments)
    assert first.exit_code == 0, first.output
    assert "no shipped weights were trained on these data (strange)" in first.stderr
    assert trained == ["64-32-10"]
    second = invoke(*arguments)
    assert second.exit_code == 0, second.output
    assert trained == ["64-32-10"]
    # Refused before training, not after it.
    refused = invoke(*arguments, "--seed", 4)
    assert refused.exit_code == 2
    assert "seed was 0 and is 4" in refused.stderr
    assert trained == ["64-32-10"]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing on Windows")
def test_ctrl_c_keeps_what_had_finished(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "snnsim", "mnist", "--dataset", "digits", "--out", out, "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("parts/snn-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "the same command goes on from there" in errors
    results = json.loads((out / "results.json").read_text())
    assert results["complete"] is False
    assert 1 <= len(results["snn"]) < 12


def test_info_is_honest_about_the_gpu():
    said = spawn("info")
    assert said.returncode == 0, said.stderr
    for word in ("numba", "cores, threading layer", "CPU only", "digits", "64-32-10", f"snnsim {snnsim.__version__}"):
        assert word in said.stdout


def test_version_and_help():
    assert invoke("--version").stdout == f"snnsim {snnsim.__version__}\n"
    told = invoke("--help")
    assert told.exit_code == 0
    for command in ("mnist", "train", "info"):
        assert command in told.stdout


def test_help_loads_no_heavy_library():
    code = "import sys, snnsim.cli; print(sorted({'torch', 'sklearn', 'matplotlib', 'pooch'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert process.stdout == "[]\n"
