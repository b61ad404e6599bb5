"""What the project promises of MNIST: the published ratio of operations, and figures that depend on no thread of a BLAS."""

import os
import subprocess
import sys
from pathlib import Path

from snnsim.ann import shipped
from snnsim.comparison import compare
from snnsim.datasets import load


def test_98_percent_at_a_quarter_of_its_own_ann_and_a_twentieth_of_the_reference(
    mnist_dir: Path, tmp_path: Path
) -> None:
    dataset = load("mnist", mnist_dir, progress=False)
    anns = [ann for ann in shipped("mnist") if ann.name in ("784-1200-1200-10", "784-128-10", "784-128-10-pruned")]
    results = compare(dataset, anns, ["rate", "ttfs"], tmp_path / "out", limit=2000, progress=False)
    # A standard error of 2,000 images is 0.3 points: accuracy is asked for on all 10,000 in the full run, here near it.
    points = {
        network["name"]: min(
            (point["ops"] for point in network["early_exit"] if point["accuracy"] >= 0.978), default=float("inf")
        )
        for network in results["snn"]
    }
    assert points["784-1200-1200-10 rate"] <= 2_392_800 / 4
    assert points["784-1200-1200-10 ttfs"] <= 2_392_800 / 4
    assert min(points.values()) <= 2_392_800 / 20
    reference = next(ann for ann in results["ann"] if ann["name"] == "784-1200-1200-10")
    assert reference["dense_macs"] == 2_392_800


def test_no_twin_depends_on_the_threads_of_the_blas() -> None:
    program = (
        "import hashlib, numpy as np\n"
        "from snnsim import convert\n"
        "from snnsim.ann import shipped\n"
        "pixels = np.random.default_rng(3).random((3000, 784)) * (np.random.default_rng(4).random((3000, 784)) < 0.2)\n"
        "ann = next(ann for ann in shipped('mnist') if ann.name == '784-512-10')\n"
        "for code in ('rate', 'ttfs'):\n"
        "    twin = convert(ann, code, calibration=pixels)\n"
        "    digest = hashlib.sha256()\n"
        "    for projection in twin.network.projections:\n"
        "        digest.update(projection.connection.weights.tobytes())\n"
        "    print(digest.hexdigest())\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert len(printed[0].split()) == 2
