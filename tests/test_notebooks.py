"""Every notebook runs from a clean kernel on a small run made here, and is committed without outputs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("notebooks") / "out"
    learned = out.with_name("learned")
    command = [sys.executable, "-m", "snnsim", "learn", "digits", "--neurons", "20", "--set", "passes=1"]
    subprocess.run([*command, "--set", "threshold=60", "--out", str(learned), "--no-control", "--quiet"], check=True)
    command = [sys.executable, "-m", "snnsim", "mnist", "--dataset", "digits", "--limit", "60", "--network", "64-32-10"]
    subprocess.run([*command, "--learned", str(learned), "--out", str(out), "--quiet"], check=True)
    return out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_a_clean_kernel(path, results, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="the extra 'notebooks' is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra 'notebooks' is not installed")
    pytest.importorskip("ipykernel", reason="the extra 'notebooks' is not installed")
    monkeypatch.setenv("SNNSIM_RESULTS", os.fspath(results))
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    text = "".join(output["data"].get("text/markdown", "") for output in shown if "data" in output)
    pictures = sum("image/png" in output.get("data", {}) for output in shown)
    if path.stem == "accuracy_vs_operations":
        assert "none reaches it" in text or "of it" in text or "LOSES" in text
        assert "first-spike 20" in text
        assert pictures == 1
    else:
        # The window, receptive fields, history, raster and decision; results of its own and those committed.
        assert pictures == 5
        assert "first-spike 50, seed 0" in text
        assert text.count("patches 128") >= 3
        plain = "".join(output["data"].get("text/plain", "") for output in shown if "data" in output)
        (difference,) = re.findall(r"simulator and closed form: ([\d.e-]+) mV", plain)
        assert float(difference) < 1e-12


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_holds_no_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_there_is_a_notebook():
    assert NOTEBOOKS
