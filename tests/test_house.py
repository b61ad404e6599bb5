"""The rules of the house that a tool can check."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [
    path for folder in ("snnsim", "kernels", "models", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
]


def test_imports_point_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_holds_more_than_one_concept(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500


def test_networks_need_only_numpy_and_numba() -> None:
    """Networks run where neither matplotlib, scikit-learn, SciPy, pooch, typer nor rich is installed."""
    program = (
        "import sys\n"
        "for name in ('matplotlib', 'sklearn', 'scipy', 'pooch', 'typer', 'rich', 'torch', 'platformdirs'):\n"
        "    sys.modules[name] = None\n"
        "import snnsim as sn\n"
        "net = sn.Network(dt=1.0)\n"
        "net.population('a', 3, sn.IF(bias=0.6))\n"
        "run = sn.Simulator(net).run(4.0, record={'a': ['spikes']})\n"
        "assert len(run.spikes['a']) == 6, len(run.spikes['a'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
