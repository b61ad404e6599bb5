"""The command line: what it prints where, its exit codes, and one whole run in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

import snnsim
from snnsim.ann import shipped
from snnsim.cli import app
from snnsim.cli._console import clear_errors
from snnsim.cli.mnist import _print as print_table
from snnsim.comparison.candidates import LEVELS, best_reached
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


@pytest.mark.parametrize("below", ["", "below"])
@pytest.mark.parametrize("command", ["train", "mnist"])
def test_a_result_folder_that_cannot_be_one_is_named_in_one_line(tmp_path, command, below):
    (tmp_path / "file").write_text("mine")
    failed = invoke(command, "--dataset", "digits", "--out", tmp_path / "file" / below)
    assert failed.exit_code == 2
    assert failed.stderr.count("\n") == 1
    assert str(tmp_path / "file") in failed.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_errors_of_the_file_system_are_one_line(tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended, clear_errors():
        (tmp_path / "missing").read_bytes()
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == f"snnsim: {tmp_path / 'missing'}: No such file or directory\n"


@pytest.mark.parametrize("command", ["train", "mnist"])
def test_a_seed_beyond_64_bits_is_refused_before_anything_is_written(tmp_path, command):
    refused = invoke(command, "--dataset", "digits", "--seed", 2**63, "--out", tmp_path / "out")
    assert refused.exit_code == 2
    assert "--seed" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_the_codes_may_be_given_in_any_order(finished):
    _, out = finished
    again = invoke(*SMALL, "--out", out, "--code", "ttfs", "--code", "rate", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["codes"] == ["rate", "ttfs"]


@pytest.mark.parametrize("name", ["784-512-10-pruned", "784-12c5s2-32c5s2-10"])
def test_the_table_of_80_columns_breaks_no_word(finished, monkeypatch, capsys, name):
    _, out = finished
    results = json.loads((out / "results.json").read_text())
    best = best_reached(results)
    point = best | {"snn": f"{name} rate", "accuracy": 0.9893, "validation_accuracy": 0.989, "ops": 1_234_567.0}
    for key in ("cheapest_ann", "effective", "cascade"):
        point |= {f"ratio_{key}": 1.234, f"{key}_name": name}
    results["at"] = dict.fromkeys(LEVELS, point | {"ratio_reference": 0.0256, "ratio_own_ann": 0.5})
    monkeypatch.setenv("COLUMNS", "80")
    print_table(results, out)
    lines = capsys.readouterr().out.splitlines()
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("Early exit"))]
    assert max(map(len, table)) <= 80
    for words, times in ((name, 12), ("98.93% / 98.90%", 3), ("1,234,567", 3), ("rate", 3), ("LOSES", 9)):
        assert "\n".join(table).count(words) == times
    results["at"] = dict.fromkeys(LEVELS)
    print_table(results, out)
    shown = capsys.readouterr().out
    assert f"best: {best['accuracy']:.2%}" in shown
    assert "No single spiking network reaches 98.00%, 98.50%, 99.00%." in shown


def test_data_without_shipped_weights_are_trained_on_first_and_once(tmp_path, monkeypatch):
    import dataclasses

    from snnsim import training

    digits = load("digits")
    strange = dataclasses.replace(digits, name="strange", md5="f" * 32)
    monkeypatch.setattr("snnsim.datasets.load", lambda name, data, progress=True: strange)
    trained = []

    def train_all(dataset, folder, *, seed, only, threads, progress):
        assert threads == 1
        trained.extend(only)
        folder.mkdir(parents=True, exist_ok=True)
        for ann in shipped("digits"):
            if ann.name in only:
                provenance = {"dataset": {"name": dataset.name, "md5": dataset.md5}, "seed": seed}
                dataclasses.replace(ann, provenance=provenance).save(folder / f"{ann.name}.npz")

    monkeypatch.setattr(training, "train_all", train_all)
    arguments = ["mnist", "--limit", 30, "--network", "64-32-10", "--out", tmp_path / "out", "--code", "ttfs"]
    arguments += ["--jobs", 1]
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
    # An unreadable file is as good as none.
    (tmp_path / "out/weights/64-32-10.npz").write_bytes(b"half")
    third = invoke(*arguments)
    assert third.exit_code == 0, third.output
    assert "64-32-10.npz: cannot be read, so the network is trained anew\n" in third.stderr
    assert trained == ["64-32-10"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing on Windows")
def test_ctrl_c_keeps_what_had_finished(tmp_path):
    out = tmp_path / "out"
    # What a shell starts in the background ignores Ctrl-C, and so would its children.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from snnsim.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "mnist", "--dataset", "digits", "--out", out, "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("parts/snn-*.json")) and process.poll() is None and time.monotonic() < deadline:
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
    for word in (
        "numba",
        "cores; snnsim",
        "threading layer: ",
        "data: ",
        "compiled kernels: ",
        "CPU only",
        "digits",
        "64-32-10",
        f"snnsim {snnsim.__version__}",
    ):
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


@pytest.mark.parametrize(
    ("network", "options", "populations"),
    [
        ("cuba", ("--scale", 0.05, "--precision", "float32"), ("exc", "inh")),
        ("coba", ("--scale", 0.05), ("exc", "inh")),
        ("brunel", ("--scale", 0.1), ("exc", "inh")),
        ("microcircuit", ("--scale", 0.02, "--discard", 20, "--background", "dc"), ("L23E", "L6I")),
    ],
)
def test_simulate_prints_a_row_for_each_population_of_neurons(network, options, populations, tmp_path):
    done = invoke("simulate", network, *options, "--time", 50, "--plot", tmp_path / "raster.png")
    assert done.exit_code == 0, done.output
    for population in populations:
        assert population in done.stdout
    assert "start" not in done.stdout  # sources have no row
    assert "synaptic events" in done.stdout
    assert ("first compilation" in done.stdout) == (network != "microcircuit")
    assert (tmp_path / "raster.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "there are cuba, coba, brunel, microcircuit, stdp"),
        (("cuba", "--background", "dc"), "--background is an option of the microcircuit, cuba has none"),
        (("microcircuit", "--scale", 0.05, "--background", "noise"), "background must be 'poisson' or 'dc'"),
        (("cuba", "--scale", 0.05, "--discard", -1), "duration"),
        (("brunel", "--scale", 0.01), "scale must be at least 0.1"),
    ],
)
def test_simulate_refuses_in_one_line(arguments, words):
    refused = invoke("simulate", *arguments)
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("snnsim: ")
