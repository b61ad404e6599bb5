"""What a user may get wrong, from a parameter to a full disk: the error names the object, the attribute and the bound.

After each of them the simulator that was at hand goes on as if nothing had happened, and no part of a file lies about.
"""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnsim as sn
from snnsim import (
    IF,
    LIF,
    TTFS,
    AlphaCurrent,
    Convolution,
    ExponentialCurrent,
    FixedProbability,
    Latency,
    Network,
    OneToOne,
    Poisson,
    PoissonInput,
    Record,
    Simulator,
    SnnsimError,
    Sparse,
    SpikeArray,
    SpikeTrain,
    TimedInput,
    Uniform,
    state_file,
)

SIZE, STEPS = 40, 30


def network(dt: float = 0.5) -> Network:
    net = Network(dt=dt, seed=3)
    source = net.population("in", 3, SpikeArray())
    noise = net.population("noise", 20, Poisson(rate=300.0))
    n = net.population("n", SIZE, LIF(tau_m=10.0, v_threshold=1.0, t_ref=2.0))
    net.connect(noise, n, FixedProbability(0.5), weight=0.2, delay=Uniform(0.0, 4.0))
    net.connect(source, n, np.full((3, SIZE), 0.3))
    net.stimulate(n, PoissonInput(100.0), weight=0.1)
    return net


@dataclasses.dataclass
class Bench:
    """A network, a simulator of it that has run for a while, and a folder with a state of it."""

    net: Network
    simulator: Simulator
    folder: Path
    patch: pytest.MonkeyPatch

    @property
    def n(self) -> sn.Population:
        return self.net.populations["n"]

    @property
    def source(self) -> sn.Population:
        return self.net.populations["in"]

    def connect(self, connection: Any, **options: Any) -> Any:
        return self.net.connect(self.source, self.n, connection, **options)

    def compile(self, model: Any, size: int = 3, **options: Any) -> Simulator:
        self.net.population("m", size, model)
        return Simulator(self.net, **options)

    def run(self, duration: Any = 5.0, **options: Any) -> Any:
        return self.simulator.run(duration, **options)

    def damaged(self, change: Callable[[bytes], bytes]) -> Path:
        path = self.folder / "state.npz"
        path.write_bytes(change(path.read_bytes()))
        return path

    def of_another(self, **options: Any) -> Path:
        net = Network(dt=0.5)
        net.population("n", SIZE, IF(**options))
        Simulator(net).save(self.folder / "state.npz")
        return self.folder / "state.npz"

    def on_a_full_disk(self) -> None:
        def full(file: Any, **_: Any) -> None:
            file.write(b"the first block")
            raise OSError(28, "No space left on device")

        self.patch.setattr(state_file.np, "savez_compressed", full)
        try:
            self.simulator.save(self.folder / "state.npz")
        finally:
            self.patch.undo()


def train(**changes: Any) -> SpikeTrain:
    given = {"copies": [0], "steps": [1], "neurons": [0], "size": 3, "n_copies": 1, "dt": 0.5, "start": 0, "stop": 4}
    return SpikeTrain(**(given | changes))


ONES = np.ones((3, SIZE))
MEMORY = 300_000

CASES: dict[str, tuple[Callable[[Bench], Any], tuple[str, ...]]] = {
    # --- models
    "tau_m negative": (lambda b: LIF(tau_m=-5.0), ("LIF.tau_m", "above 0 ms", "-5")),
    "tau_m zero for one neuron": (lambda b: LIF(tau_m=[10.0, 0.0]), ("LIF.tau_m", "above 0 ms", "got 0")),
    "tau_m nan": (lambda b: LIF(tau_m=math.nan), ("LIF.tau_m", "NaN")),
    "tau_m infinite": (lambda b: LIF(tau_m=math.inf), ("LIF.tau_m", "finite", "inf")),
    "tau_m a word": (lambda b: LIF(tau_m="slow"), ("LIF.tau_m", "number", "'slow'")),
    "t_ref negative": (lambda b: LIF(t_ref=-1.0), ("LIF.t_ref", "at least 0 ms", "-1")),
    "t_ref off the grid": (
        lambda b: b.compile(LIF(t_ref=0.7)),
        ("'m'", "LIF.t_ref", "multiple of the time step", "0.5 ms"),
    ),
    "t_ref of 2**31 steps": (lambda b: b.compile(LIF(t_ref=2.0**31)), ("'m'", "LIF.t_ref", "less than 2**31 steps")),
    "t_ref with a soft reset": (lambda b: LIF(t_ref=1.0, reset="soft"), ("LIF.t_ref", "0 ms", "soft")),
    "threshold at the reset": (
        lambda b: LIF(v_threshold=1.0, v_reset=1.0),
        ("LIF.v_threshold", "above v_reset", "1 and 1 mV"),
    ),
    "a reset of no kind": (lambda b: IF(reset="gentle"), ("IF.reset", "hard", "soft", "'gentle'")),
    "t_open negative": (lambda b: TTFS(t_open=-1.0), ("TTFS.t_open", "at least 0 ms", "-1")),
    "window zero": (lambda b: Latency(window=0.0), ("Latency.window", "above 0 ms", "0")),
    "more than a spike a step": (lambda b: b.compile(Poisson(rate=2001.0)), ("'m'", "Poisson.rate", "2000 Hz", "2001")),
    "tau of a receptor": (lambda b: ExponentialCurrent(tau=-2.0), ("ExponentialCurrent.tau", "above 0 ms", "-2")),
    "parameters that disagree": (
        lambda b: LIF(tau_m=[1.0, 2.0], receptors={"a": AlphaCurrent(tau=[1.0] * 3)}),
        ("LIF", "tau_m", "a.tau", "2", "3"),
    ),
    "parameters for another size": (lambda b: b.compile(LIF(tau_m=[1.0, 2.0])), ("'m'", "3 neurons", "LIF", "2")),
    "a parameter beyond float32": (
        lambda b: b.compile(LIF(v_rest=1e300), precision="float32"),
        ("'m'", "LIF", "parameters", "float32"),
    ),
    # --- networks
    "dt zero": (lambda b: Network(dt=0.0), ("Network.dt", "above 0 ms", "0")),
    "dt a word": (lambda b: Network(dt="fine"), ("Network.dt", "above 0 ms", "'fine'")),
    "seed negative": (lambda b: Network(seed=-1), ("Network.seed", "at least 0", "-1")),
    "population empty": (lambda b: b.net.population("m", 0, IF()), ("'m'", "size", "at least 1", "0")),
    "population of a part": (lambda b: b.net.population("m", 2.5, IF()), ("'m'", "size", "whole number", "2.5")),
    "population too large": (lambda b: b.net.population("m", 2**31, IF()), ("'m'", "size", "2**31 - 1")),
    "population twice": (lambda b: b.net.population("n", 3, IF()), ("'n'", "taken")),
    "population without a name": (lambda b: b.net.population("", 3, IF()), ("name", "empty")),
    "name a number": (lambda b: b.net.population(5, 3, IF()), ("population", "name", "5")),
    "no model": (lambda b: b.net.population("m", 3, "LIF"), ("'m'", "model", "LIF()", "'LIF'")),
    "awake at no time": (
        lambda b: b.net.population("m", 3, IF(), active=(2.0, 2.0)),
        ("'m'", "active", "start < stop", "(2.0, 2.0)"),
    ),
    "awake off the grid": (
        lambda b: b.net.population("m", 3, IF(), active=(0.3, 2.0)),
        ("'m'", "active", "0.3 ms", "dt = 0.5 ms"),
    ),
    "awake at one time": (
        lambda b: b.net.population("m", 3, IF(), active=5.0),
        ("'m'", "active", "(start, stop)", "5.0"),
    ),
    "awake three times": (
        lambda b: b.net.population("m", 3, IF(), active=(1.0, 2.0, 3.0)),
        ("'m'", "active", "(start, stop)", "(1.0, 2.0, 3.0)"),
    ),
    "awake at words": (lambda b: b.net.population("m", 3, IF(), active=("now", "then")), ("'m'", "active", "'now'")),
    "slice empty": (lambda b: b.n[SIZE:], ("'n'", "slice", "at least one neuron")),
    # --- connections
    "weight nan": (lambda b: b.connect(np.where(ONES, math.nan, 0)), ("Dense.weights", "finite", "120 of 120")),
    "weights of another shape": (lambda b: b.connect(np.ones((3, 4))), ("in->n", "3 to 4", f"3 and {SIZE}")),
    "a weight beyond float32": (
        lambda b: (b.connect(1e39 * ONES), Simulator(b.net, precision="float32")),
        ("in->n#2", "weights", "float32"),
    ),
    "delay negative": (lambda b: b.connect(ONES, delay=-0.5), ("in->n", "delay", "at least 0 ms", "-0.5")),
    "delay off the grid": (lambda b: b.connect(ONES, delay=0.7), ("in->n", "delay", "multiple of dt = 0.5 ms", "0.7")),
    "delay nan": (lambda b: b.connect(ONES, delay=math.nan), ("in->n", "delay", "at least 0 ms", "nan")),
    "delay for ever": (lambda b: b.connect(ONES, delay=1e9), ("in->n", "delay", "at most 16777216 steps")),
    "own delays off the grid": (
        lambda b: b.connect(Sparse([0, 1, 1, 1], [0], [1.0], SIZE, [0.3])),
        ("in->n", "delay", "multiple of dt = 0.5 ms", "0.3"),
    ),
    "unknown receptor": (lambda b: b.connect(ONES, receptor="gaba"), ("in->n", "'gaba'", "delta", "step")),
    "to a source": (lambda b: b.net.connect(b.n, b.source, ONES.T), ("n->in", "SpikeArray", "no receptor")),
    "of another network": (
        lambda b: b.net.connect(network().populations["in"], b.n, ONES),
        ("'in'", "no population of this"),
    ),
    "probability above 1": (
        lambda b: b.connect(FixedProbability(1.5), weight=1.0),
        ("FixedProbability.p", "0 and 1", "1.5"),
    ),
    "one to one of two sizes": (lambda b: b.connect(OneToOne(), weight=1.0), ("in->n", "OneToOne", "3", str(SIZE))),
    "a rule without a weight": (lambda b: b.connect(FixedProbability(0.5)), ("in->n", "FixedProbability", "weight")),
    "target out of range": (
        lambda b: Sparse([0, 1], [SIZE], [1.0], SIZE),
        ("Sparse.targets", f"0 and {SIZE - 1}", str(SIZE)),
    ),
    "kernel larger than its layer": (
        lambda b: Convolution(np.ones((1, 5, 5, 1)), 4, 8),
        ("Convolution", "kernel of 5", "4 x 8"),
    ),
    # --- stimuli
    "rate negative": (lambda b: PoissonInput(-1.0), ("PoissonInput.rate", "at least 0 Hz", "-1")),
    "stimulus of weight 0": (
        lambda b: b.net.stimulate(b.n, PoissonInput(1.0), weight=0),
        ("stimulus->n", "weight", "not 0"),
    ),
    "stimulus to a source": (
        lambda b: b.net.stimulate(b.source, PoissonInput(1.0), weight=1),
        ("stimulus->in", "no receptor"),
    ),
    # --- simulators
    "precision": (lambda b: Simulator(b.net, precision="half"), ("precision", "float32", "float64", "'half'")),
    "copies none": (lambda b: Simulator(b.net, copies=0), ("Simulator.copies", "at least 1", "0")),
    "threads none": (lambda b: Simulator(b.net, threads=0), ("Simulator.threads", "at least 1", "0")),
    "backend of no kind": (lambda b: Simulator(b.net, backend="tpu"), ("Simulator.backend", "cpu", "'tpu'")),
    "memory negative": (lambda b: Simulator(b.net, memory=-1), ("Simulator.memory", "at least 1", "-1")),
    "network empty": (lambda b: Simulator(Network()), ("network", "no population")),
    "network none": (lambda b: Simulator(None), ("Simulator", "Network", "None")),
    "seed of a reset": (lambda b: b.simulator.reset(seed=2**64), ("Simulator.reset: seed", "2**64 - 1")),
    "sample of a reset": (lambda b: b.simulator.reset(first_sample=-1), ("first_sample", "at least 0", "-1")),
    # --- runs
    "duration off the grid": (lambda b: b.run(1.2), ("run: duration", "positive multiple of dt = 0.5 ms", "1.2")),
    "duration negative": (lambda b: b.run(-1.0), ("run: duration", "positive multiple", "-1")),
    "duration a word": (lambda b: b.run("long"), ("run: duration", "positive multiple", "'long'")),
    "bins off the grid": (lambda b: b.run(count_every=0.7), ("count_every", "0.5 ms", "0.7")),
    "input for nobody": (lambda b: b.run(inputs={"m": [1.0]}), ("inputs", "'m'", "in, noise, n")),
    "input of another size": (lambda b: b.run(inputs={"n": [1.0]}), ("inputs", "'n'", f"({SIZE},)", "(1,)")),
    "input nan": (lambda b: b.run(inputs={"noise": [math.nan] * 20}), ("inputs", "'noise'", "finite", "20 of 20")),
    "values for a train": (lambda b: b.run(inputs={"in": [1.0] * 3}), ("inputs", "'in'", "SpikeTrain", "list")),
    "train of another size": (lambda b: b.run(inputs={"in": train(size=4)}), ("inputs", "'in'", "4 neurons", "3")),
    "train beyond the run": (
        lambda b: b.run(0.5, inputs={"in": train()}),
        ("inputs", "'in'", "1 spikes after the end"),
    ),
    "train of another step": (
        lambda b: b.run(inputs={"in": train(dt=0.1)}),
        ("inputs", "'in'", "dt = 0.1 ms", "0.5 ms"),
    ),
    "spike before the train": (lambda b: train(steps=[-1]), ("SpikeTrain.steps", "0 and 3", "-1")),
    "spike of no neuron": (lambda b: train(neurons=[3]), ("SpikeTrain.neurons", "0 and 2", "3")),
    "spike at half a step": (
        lambda b: SpikeTrain.from_times([0.7], [0], size=3, dt=0.5, duration=2.0),
        ("SpikeTrain.times", "multiples", "0.5 ms"),
    ),
    "times that fall": (lambda b: TimedInput([1.0, 0.5], [1.0, 2.0]), ("TimedInput.times", "rising", "0 ms")),
    "times off the grid": (
        lambda b: b.run(inputs={"n": TimedInput([0.3], [1.0])}),
        ("'n'", "multiples of dt = 0.5 ms"),
    ),
    "record nobody": (lambda b: b.run(record={"m": "v"}), ("record", "'m'", "in, noise, n")),
    "record nothing known": (lambda b: b.run(record={"n": "w"}), ("record", "'n'", "'w'", "'v'")),
    "record a neuron too far": (
        lambda b: b.run(record={"n": Record("v", [SIZE])}),
        ("'n'", f"0 and {SIZE - 1}", str(SIZE)),
    ),
    "record off the grid": (
        lambda b: b.run(record={"n": Record("v", every=0.7)}),
        ("every", "'n'", "dt = 0.5 ms", "0.7"),
    ),
    "record no name": (lambda b: b.run(record={"n": 5}), ("record", "'n'", "5")),
    "memory for a state": (
        lambda b: Simulator(b.net, copies=10_000, memory=MEMORY),
        ("the state needs", "MiB", "budget"),
    ),
    "memory for a run": (
        lambda b: Simulator(b.net, memory=MEMORY).run(1e6, record={"n": "v"}),
        ("run: 1e+06 ms needs", "recorded states", "operation counts", "budget"),
    ),
    # --- files
    "state missing": (lambda b: b.simulator.load(b.folder / "none.npz"), ("none.npz", "no such file")),
    "state empty": (lambda b: b.simulator.load(b.damaged(lambda _: b"")), ("state.npz", "not a readable state file")),
    "state truncated": (
        lambda b: b.simulator.load(b.damaged(lambda c: c[:-50])),
        ("state.npz", "not a readable state file"),
    ),
    "state corrupt": (
        lambda b: b.simulator.load(b.damaged(lambda c: c[:300] + bytes(40) + c[340:])),
        ("state.npz", "not a readable state file"),
    ),
    "state of another network": (lambda b: b.simulator.load(b.of_another()), ("state.npz", "another network")),
    "no folder to save in": (
        lambda b: b.simulator.save(b.folder / "none/state.npz"),
        ("none/state.npz", "cannot be written"),
    ),
    "disk full": (lambda b: b.on_a_full_disk(), ("state.npz", "cannot be written", "No space left on device")),
}


@pytest.mark.parametrize(("make", "words"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_named_and_does_no_harm(
    make: Callable[[Bench], Any], words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, untouched = network(), Simulator(network())
    bench = Bench(net, Simulator(net), tmp_path, monkeypatch)
    for simulator in (bench.simulator, untouched):
        simulator.run(STEPS * 0.5, inputs={"in": train(), "n": np.linspace(0, 1, SIZE)})
    bench.simulator.save(tmp_path / "state.npz")
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        make(bench)
    assert isinstance(raised.value, SnnsimError) or type(raised.value) is ValueError
    for word in words:
        assert word in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    assert bench.simulator.step == STEPS
    record = {"n": ["v", "i", "spikes"], "noise": "spikes"}
    found, expected = (simulator.run(10.0, record=record) for simulator in (bench.simulator, untouched))
    for key, values in expected.states.items():
        assert np.array_equal(found.states[key], values), key
    assert found.spikes["noise"] == expected.spikes["noise"]
    assert expected.v("n").any()
