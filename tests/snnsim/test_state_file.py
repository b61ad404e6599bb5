"""Saved states: what they hold, whose they are, and what happens to files that are damaged, foreign or cannot be written."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnsim import (
    IF,
    LIF,
    Convolution,
    DistanceDependent,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Network,
    OrPooling,
    Poisson,
    PoissonInput,
    SimulationError,
    Simulator,
    Sparse,
    Uniform,
    state_file,
)


def network(
    *, seed: int = 1, weight: float = 0.3, tau_m: float = 10.0, dt: float = 0.5, rate: float = 100.0
) -> Network:
    net = Network(dt=dt, seed=seed)
    noise = net.population("noise", 30, Poisson(rate=300.0))
    n = net.population("n", 40, LIF(tau_m=tau_m, v_threshold=1.0, t_ref=4.0))
    net.connect(noise, n, FixedProbability(0.3), weight=weight, delay=Uniform(0.0, 8.0))
    net.stimulate(n[5:], PoissonInput(rate), weight=0.2)
    return net


def started(**options: Any) -> Simulator:
    simulator = Simulator(network(), **options)
    simulator.run(12.5)
    return simulator


def rest(simulator: Simulator) -> np.ndarray:
    return simulator.run(20.0, record={"n": "v"}).v("n")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "state.npz"
    started().save(path)
    return path


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return rest(started())


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_it_holds_potentials_refractoriness_spikes_under_way_and_random_streams(
    saved: Path, expected: np.ndarray
) -> None:
    with np.load(saved) as data:
        assert set(data.files) == {
            "format", "digest", "values", "held", "history", "lengths", "step", "seed", "first_sample",
        }  # fmt: skip
        assert data["held"].any()
        assert data["lengths"].any()
        assert (data["step"], data["seed"], data["first_sample"]) == (25, 1, 0)
    simulator = Simulator(network())
    simulator.load(saved)
    assert np.array_equal(rest(simulator), expected)


def test_seed_and_sample_come_back_with_it(tmp_path: Path) -> None:
    simulator = Simulator(network())
    simulator.reset(seed=2**64 - 1, first_sample=2**32 - 1)
    simulator.run(3.5)
    simulator.save(tmp_path / "state.npz")
    expected = rest(simulator)
    other = Simulator(network())
    other.load(str(tmp_path / "state.npz"))
    assert np.array_equal(rest(other), expected)
    other.reset()
    assert not np.array_equal(rest(other), expected)


def test_it_may_be_loaded_any_number_of_times_and_a_run_does_not_reach_it(saved: Path, expected: np.ndarray) -> None:
    simulator = Simulator(network())
    for _ in range(3):
        simulator.load(saved)
        assert np.array_equal(rest(simulator), expected)


def test_a_file_is_replaced_as_a_whole_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_text("what was there before")
    simulator = started()
    simulator.save(path)
    simulator.run(1.0)
    simulator.save(path)
    assert list(tmp_path.iterdir()) == [path]
    simulator.load(path)
    assert simulator.time == 13.5


# --- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("other", "word"), [
    (lambda: Simulator(network(weight=0.31)), "another network"), (lambda: Simulator(network(tau_m=11.0)), "another network"),
    (lambda: Simulator(network(dt=0.25)), "time step"), (lambda: Simulator(network(rate=101.0)), "another network"),
    (lambda: Simulator(network(seed=2)), "another network"),  # its wiring differs
    (lambda: Simulator(network(), precision="float32"), "precision"), (lambda: Simulator(network(), copies=2), "(2, "),
])  # fmt: skip
def test_the_state_of_another_network_is_refused(saved: Path, other: Callable[[], Simulator], word: str) -> None:
    simulator = other()
    before = [array.copy() for array in simulator._state]
    with pytest.raises(SimulationError) as raised:
        simulator.load(saved)
    assert str(saved) in str(raised.value)
    assert word in str(raised.value)
    assert all(np.array_equal(a, b) for a, b in zip(simulator._state, before, strict=True))


ONES = np.ones((4, 4))
CONNECTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "in 2": (FixedInDegree(2), {"weight": 1.0}), "in 3": (FixedInDegree(3), {"weight": 1.0}),
    "in 2 of others": (FixedInDegree(2, autapses=False), {"weight": 1.0}), "out 2": (FixedOutDegree(2), {"weight": 1.0}),
    "total 8": (FixedTotalNumber(8), {"weight": 1.0}), "total 9": (FixedTotalNumber(9), {"weight": 1.0}),
    "p": (FixedProbability(0.5), {"weight": 1.0}), "other p": (FixedProbability(0.5 + 2**-20), {"weight": 1.0}),
    "weight": (FixedInDegree(2), {"weight": -1.0}), "drawn": (FixedInDegree(2), {"weight": Uniform(0.5, 1.0)}),
    "drawn elsewhere": (FixedInDegree(2), {"weight": Uniform(0.5, 1.0 + 2**-20)}),
    "delay": (FixedInDegree(2), {"weight": 1.0, "delay": 1.0}),
    "delays": (FixedInDegree(2), {"weight": 1.0, "delay": Uniform(0.6, 2.4)}),
    "other delays": (FixedInDegree(2), {"weight": 1.0, "delay": Uniform(0.6, 2.3)}),
    "sheet": (DistanceDependent(0.5, 1.0, (2, 2), (2, 2)), {"weight": 1.0}),
    "wider sheet": (DistanceDependent(0.5, 1.1, (2, 2), (2, 2)), {"weight": 1.0}),
    "dense": (ONES, {}), "other dense": (np.arange(1.0, 17.0).reshape(4, 4), {}), "sparse": (Sparse.from_matrix(ONES), {}),
    "other sparse": (Sparse.from_matrix(np.eye(4)), {}), "other weights": (Sparse.from_matrix(2 * np.eye(4)), {}),
    "own delays": (Sparse([0, 1, 2, 3, 4], [0, 1, 2, 3], np.ones(4), 4, [0.5, 1.0, 0.5, 1.0]), {}),
    "other own delays": (Sparse([0, 1, 2, 3, 4], [0, 1, 2, 3], np.ones(4), 4, [1.0, 0.5, 0.5, 1.0]), {}),
    "convolution": (Convolution(np.ones((1, 1, 1, 1)), 2, 2), {}), "kernel": (Convolution(2 * np.ones((1, 1, 1, 1)), 2, 2), {}),
    "pooling": (OrPooling(1, 1, 1, 2, 2, 1.0), {}), "channels": (OrPooling(1, 1, 4, 1, 1, 1.0), {}),
}  # fmt: skip


def test_everything_about_its_synapses_tells_a_network_from_others(tmp_path: Path) -> None:
    """Drawn synapses are told by their recipe: each part of it counts, and nothing but what decides them."""

    def simulator(name: str) -> Simulator:
        connection, values = CONNECTIONS[name]
        net = Network(dt=0.5, seed=3)
        n = net.population("n", 4, IF())
        net.connect(n, n, connection, **values)
        return Simulator(net)

    for name in CONNECTIONS:
        simulator(name).save(tmp_path / name)
    for name in CONNECTIONS:
        loads = simulator(name)
        for other in CONNECTIONS:
            if other == name:
                loads.load(tmp_path / other)
                continue
            with pytest.raises(SimulationError, match="another network"):
                loads.load(tmp_path / other)


def test_equal_descriptions_share_states_whatever_their_numbers_are_called(tmp_path: Path) -> None:
    for number in (np.float64, float):
        net = Network(dt=0.5, seed=np.int64(3))
        n = net.population("n", 4, IF())
        values: dict[str, Any] = {
            "weight": Uniform(number(0.5), number(1.0)),
            "delay": Uniform(number(0.5), number(2.0)),
        }
        net.connect(n, n, FixedProbability(number(0.5)), **values)
        simulator = Simulator(net)
        if number is np.float64:
            simulator.save(tmp_path / "state.npz")
    simulator.load(tmp_path / "state.npz")


# --- damage -----------------------------------------------------------------------------------------------------------


def test_no_damaged_byte_goes_unnoticed(saved: Path, expected: np.ndarray, tmp_path: Path) -> None:
    """Every 7th byte of the file flipped, one after the other: refused by name, or of no consequence."""
    content, path = saved.read_bytes(), tmp_path / "state.npz"
    simulator = Simulator(network())
    simulator.load(saved)
    good = [array.copy() for array in simulator._state]
    refused = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            simulator.load(path)
        except SimulationError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017
        assert all(np.array_equal(a, b) for a, b in zip(simulator._state, good, strict=True)), place
        assert simulator.step == 25
    assert refused > len(content) / 7 / 2
    assert np.array_equal(rest(simulator), expected)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_file_is_refused(saved: Path, share: float, tmp_path: Path) -> None:
    content, path = saved.read_bytes(), tmp_path / "state.npz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SimulationError, match=r"state\.npz: not a readable state file"):
        Simulator(network()).load(path)


@pytest.mark.parametrize(("change", "words"), [
    ({"held": None}, ("held", "nothing")), ({"step": None}, ("step", "nothing")), ({"seed": None}, ("seed", "nothing")),
    ({"values": np.zeros((1, 3))}, ("values", "(1, 3)")), ({"held": np.zeros((1, 70), np.int64)}, ("held", "int32", "int64")),
    ({"history": np.zeros(0, np.int32)}, ("history", "(0,)")), ({"format": np.int64(99)}, ("format version 99", "reads")),
    ({"format": None}, ("not a state saved by snnsim",)), ({"digest": np.str_("other")}, ("another network",)),
    ({"step": np.array([1, 2], np.uint64)}, ("step", "(2,)")), ({"step": np.float64(2.5)}, ("step", "float64")),
    ({"format": np.array([2, 2])}, ("format",)),
    ({"held": np.full((1, 70), -1, np.int32)}, ("held", "'noise'")), ({"held": np.full((1, 70), 1, np.int32)}, ("held", "'noise'")),
    ({"lengths": "one more"}, ("lengths", "'noise'", "30")), ({"history": "one more"}, ("history", "'noise'", "29")),
])  # fmt: skip
def test_a_file_with_other_contents_is_refused_by_name(
    saved: Path, change: dict[str, Any], words: tuple[str, ...], tmp_path: Path
) -> None:
    with np.load(saved) as data:
        arrays = {key: data[key] for key in data.files}
    for key, value in change.items():
        arrays[key] = np.full_like(arrays[key], 31) if isinstance(value, str) else value
    np.savez(tmp_path / "odd.npz", **{key: value for key, value in arrays.items() if value is not None})
    simulator = started()
    before = [array.copy() for array in simulator._state]
    with pytest.raises(SimulationError) as raised:
        simulator.load(tmp_path / "odd.npz")
    for word in ("odd.npz", *words):
        assert word in str(raised.value)
    assert all(np.array_equal(a, b) for a, b in zip(simulator._state, before, strict=True))
    assert simulator.step == 25


def test_spikes_under_way_must_be_in_the_order_of_the_neurons(saved: Path, tmp_path: Path) -> None:
    """Kernels look for the part of a list that a slice sends by its ends."""
    with np.load(saved) as data:
        arrays = {key: data[key] for key in data.files}
    size = 30  # of the noise, whose lists come first
    full = int(np.argmax(arrays["lengths"][0, : arrays["history"].shape[1] // size - 1] >= 2))
    spikes = arrays["history"][0, full * size :][: arrays["lengths"][0, full]]
    assert len(spikes) >= 2
    spikes[:] = spikes[::-1].copy()
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(
        SimulationError, match=r"odd\.npz: history of population 'noise' must list the spikes of a step in"
    ):
        Simulator(network()).load(tmp_path / "odd.npz")


def _pickled(path: Path) -> None:
    np.savez(path, state=np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("write", [
    lambda path: path.write_text("a text"), lambda path: path.write_bytes(b""), lambda path: path.mkdir(), lambda path: None,
    lambda path: path.write_bytes(b"PK\x03\x04" + bytes(200)), _pickled, lambda path: np.savez(path, weights=np.ones(3)),
    lambda path: np.save(path.open("wb"), np.ones(3)),
], ids=["text", "empty", "folder", "missing", "zip header", "pickle", "other arrays", "one array"])  # fmt: skip
def test_what_is_no_state_is_refused(write: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "what.npz"
    write(path)
    simulator = started()
    with pytest.raises(SimulationError, match=r"what\.npz: (no such file|not a readable state file|.*not a state)"):
        simulator.load(path)
    assert simulator.step == 25
    rest(simulator)


# --- what cannot be written -------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_file_that_was_there_and_no_other(tmp_path: Path, saved: Path) -> None:
    """The limit on the size of a file makes the kernel refuse to write, as a full disk does."""
    resource = pytest.importorskip("resource", reason="limits on the size of a file are those of Unix")
    path = tmp_path / "state.npz"
    path.write_bytes(saved.read_bytes())
    simulator = started()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(SimulationError, match=r"the state cannot be written to .*state\.npz: File too large"):
            simulator.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == saved.read_bytes()
    simulator.save(path)
    simulator.load(path)


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()], ids=repr
)
def test_whatever_stops_a_save_leaves_no_part_of_a_file(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(file: Any, **_: Any) -> None:
        file.write(b"half of it")
        raise error

    simulator = started()
    monkeypatch.setattr(state_file.np, "savez_compressed", stopped)
    with pytest.raises(SimulationError if isinstance(error, OSError) else type(error)) as raised:
        simulator.save(tmp_path / "state.npz")
    assert list(tmp_path.iterdir()) == []
    if isinstance(error, OSError):
        assert "No space left on device" in str(raised.value)
    monkeypatch.undo()
    simulator.save(tmp_path / "state.npz")


@pytest.mark.parametrize("path", ["missing/state.npz", "folder", "file/state.npz"])
def test_a_place_that_takes_no_file_is_named(path: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    simulator = started()
    with pytest.raises(SimulationError, match=f"the state cannot be written to .*{path}"):
        simulator.save(tmp_path / path)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["file", "folder"]
    rest(simulator)


def test_a_run_that_was_interrupted_is_not_saved(tmp_path: Path) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    net = Network(dt=1.0)
    net.population("n", 2, IF())
    simulator = Simulator(net, copies=64, threads=1)
    with pytest.raises(KeyboardInterrupt):
        simulator.run(1000.0, progress=interrupt)
    with pytest.raises(SimulationError, match="save: an earlier run was interrupted"):
        simulator.save(tmp_path / "state.npz")
    assert not list(tmp_path.iterdir())


def test_a_state_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    state_file.write_arrays(tmp_path / "state.npz", "some", {"a": np.zeros(3)})
    assert (tmp_path / "state.npz").stat().st_mode == ordinary.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ordinary", "state.npz"]
