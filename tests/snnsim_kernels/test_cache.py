"""The compiled kernels on disk: found again by the next process, and never those of other sources."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numba
import pytest
import snnsim_kernels
import snnsim_models
from snnsim_kernels import _jit, registry
from snnsim_kernels.registry import NeuronKind
from snnsim_models import IF

import snnsim

SCRIPT = """
from snnsim import IF, Network, Simulator
from snnsim_kernels import registry
import snnsim_models
net = Network(dt=1.0)
net.population("n", 1, IF(v_threshold=1e9, bias=1.0))
v = Simulator(net, threads=1).run(4.0, record={"n": ["v"]}).v("n")[0, -1, 0]
stats = registry.advance().stats
print(snnsim_models.__file__, v, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), sep="\\n")
"""

CUSTOM_MODEL = """
import dataclasses
from numba import njit
from snnsim import Network, Simulator
from snnsim_models import Model

@njit
def update(state, held, step, constants):
    (v,) = state
    return (v + {gain},), False

@dataclasses.dataclass(frozen=True, eq=False)
class Ramp(Model):
    STATES = ("v",)
    INPUT = "v"
    UPDATE = update

    def constants(self, dt):
        return (dt,)

net = Network(dt=1.0)
net.population("n", 1, Ramp())
print(Simulator(net, threads=1).run(4.0, record={{"n": ["v"]}}).v("n")[0, -1, 0])
"""


def run(folder: Path, script: str, *path: Path) -> list[str]:
    """Run a script from ``folder`` in a process with a kernel cache of its own there; return what it printed."""
    (folder / "script.py").write_text(script)
    environment = os.environ | {"SNNSIM_CACHE": str(folder / "cache"), "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, str(folder / "script.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def cached(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in (folder / "cache").rglob("*") if file.is_file()}


@pytest.fixture
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the three packages in one folder, whose sources tests may edit."""
    folder = tmp_path_factory.mktemp("sources")
    for package in (snnsim, snnsim_kernels, snnsim_models):
        origin = Path(package.__file__).parent
        shutil.copytree(origin, folder / origin.name, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    return folder


def test_a_second_process_hits_and_an_edited_equation_misses(sources: Path) -> None:
    equation = sources / "snnsim_models" / "integrate_and_fire.py"
    origin, v, _, misses = run(sources, SCRIPT, sources)
    assert Path(origin).parent == equation.parent
    assert (v, misses) == ("4.0", "1")
    files = cached(sources)
    assert files

    _, v, hits, misses = run(sources, SCRIPT, sources)
    assert (v, hits, misses) == ("4.0", "1", "0")
    assert cached(sources) == files

    # As long as before and as old as before: a cache that asks for size and time of the file would not notice.
    text, stat = equation.read_text(), equation.stat()
    assert text.count("moved = v + (i * dt + drift)") == 1
    equation.write_text(text.replace("moved = v + (i * dt + drift)", "moved = v + (i * dt - drift)"))
    os.utime(equation, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert equation.stat().st_size == stat.st_size
    shutil.rmtree(equation.parent / "__pycache__", ignore_errors=True)  # Python's own bytecode would not notice either

    assert run(sources, SCRIPT, sources)[1] == "-4.0"
    assert set(cached(sources)) > set(files)


def test_a_model_of_the_users_own_is_not_served_by_a_stale_kernel(tmp_path: Path) -> None:
    assert run(tmp_path, CUSTOM_MODEL.format(gain="1.0")) == ["4.0"]
    assert run(tmp_path, CUSTOM_MODEL.format(gain="2.0")) == ["8.0"]


def test_a_cache_folder_that_cannot_be_written_stops_nobody(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert run(tmp_path, SCRIPT, sources)[1] == "4.0"


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNSIM_CACHE", str(tmp_path))
    _jit.cache_folder.cache_clear()
    try:
        folder = _jit.cache_folder()
        assert folder.parent == tmp_path / "kernels"
        assert len(folder.name) == 16
        monkeypatch.setenv("SNNSIM_CACHE", "")
        _jit.cache_folder.cache_clear()
        assert tmp_path not in _jit.cache_folder().parents
    finally:
        _jit.cache_folder.cache_clear()


def test_the_cache_setting_of_others_is_left_alone() -> None:
    before = numba.config.CACHE_DIR
    registry.update_kernel(NeuronKind(IF, 6, False), "float64")
    assert before == numba.config.CACHE_DIR


def test_kernels_bound_by_several_threads_leave_the_cache_setting_alone() -> None:
    """Simulators may be made in threads; the setting is swapped while a kernel is bound."""
    before, interval = numba.config.CACHE_DIR, sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    barrier = threading.Barrier(8)

    def bind() -> None:
        barrier.wait()
        for _ in range(25):
            _jit.jit()(registry.loop.advance)

    threads = [threading.Thread(target=bind) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert before == numba.config.CACHE_DIR
    finally:
        sys.setswitchinterval(interval)
        numba.config.CACHE_DIR = before
