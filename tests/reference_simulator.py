"""A plain float64 NumPy simulator, written from the equations alone: what the compiled one is held against.

It reads a network's description (populations, parameters, weights) and shares no code with the engine: matrices are unrolled by
explicit loops, random numbers come from a Philox of its own, operations are counted from the matrices' nonzero entries.

A step: update and threshold (strictly above) of all populations, then all deliveries, then all resets. A spike is delivered as many
steps after its own as its synapse delays it. Currents follow the closed forms of Rotter & Diesmann 1999 as they stand there, with
differences of exponentials: good where two time constants are equal or well apart, and another way than the engine's.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snnsim import (
    IF,
    LIF,
    TTFS,
    AlphaCurrent,
    Convolution,
    Delta,
    Dense,
    ExponentialCurrent,
    Graded,
    Latency,
    Network,
    Poisson,
    Sparse,
    SpikeArray,
    StepCurrent,
)

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def philox(counter: list[Any], key: list[int]) -> list[NDArray[np.uint64]]:
    """Return the four 32-bit words of Philox4x32-10 for arrays of counters (Salmon et al. 2011, figure 3)."""
    c = np.broadcast_arrays(*(np.asarray(word, dtype=np.uint64) for word in counter))
    k0, k1 = key
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    for _ in range(10):
        left, right = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (right >> shift) ^ c[1] ^ np.uint64(k0),
            right & low,
            (left >> shift) ^ c[3] ^ np.uint64(k1),
            left & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return list(c)


def random_words(seed: int, step: int, stream: int, samples: NDArray[np.int64], n: int) -> NDArray[np.uint64]:
    """Return one 32-bit word per sample and neuron, shape (samples, n): neuron 64 g + 16 w + j reads word w of block 16 g + j."""
    blocks = 16 * -(-n // 64)
    words = philox([np.arange(blocks), step, stream, samples[:, None]], [seed % 2**32, seed >> 32])
    by_group = np.stack(words).reshape(4, len(samples), -1, 16).transpose(1, 2, 0, 3)
    return by_group.reshape(len(samples), -1)[:, :n]


def uniforms(seed: int, step: int, population: int, samples: NDArray[np.int64], n: int) -> Floats:
    """Return one number in [0, 1) per sample and neuron, shape (samples, n).

    ``population`` is the number of the population's first neuron in the network.
    """
    return (random_words(seed, step, population, samples, n) >> np.uint64(8)).astype(np.float64) / 2**24


def synapses(connection: Sparse) -> Iterator[tuple[int, int, float, float]]:
    """Yield (source, target, weight, delay in ms) of each synapse; the delay is 0 where it has none of its own."""
    for j in range(connection.n_sources):
        for k in range(connection.pointers[j], connection.pointers[j + 1]):
            delay = 0.0 if connection.delays is None else float(connection.delays[k])
            yield j, int(connection.targets[k]), float(connection.weights[k]), delay


def matrix(connection: Any) -> Floats:
    """Return a connection's weights as an explicit matrix (sources, targets); several synapses of a pair are summed."""
    w = np.zeros((connection.n_sources, connection.n_targets))
    if isinstance(connection, Dense):
        w[:] = connection.weights
    elif isinstance(connection, Sparse):
        for j, target, weight, _ in synapses(connection):
            w[j, target] += weight
    else:
        assert isinstance(connection, Convolution)
        c_in, kernel, _, c_out = connection.weights.shape
        height = len(range(0, connection.height - kernel + 1, connection.stride))
        width = len(range(0, connection.width - kernel + 1, connection.stride))
        for oy in range(height):
            for ox in range(width):
                for ky in range(kernel):
                    for kx in range(kernel):
                        y, x = oy * connection.stride + ky, ox * connection.stride + kx
                        source, target = (y * connection.width + x) * c_in, (oy * width + ox) * c_out
                        w[source : source + c_in, target : target + c_out] = connection.weights[:, ky, kx]
    return w


def parts(projection: Any, dt: float) -> dict[int, tuple[Floats, Floats]]:
    """Return for each delay of a projection, in steps, its weights (sources, targets) and its synapses per source."""
    connection = projection.connection
    found: dict[int, tuple[Floats, Floats]] = {}
    if isinstance(connection, Sparse):
        empty = np.zeros((connection.n_sources, connection.n_targets))
        for j, target, weight, own in synapses(connection):
            steps = round((projection.delay + own) / dt)
            w, fan_out = found.setdefault(steps, (empty.copy(), np.zeros(len(empty))))
            w[j, target] += weight
            fan_out[j] += 1
    else:
        w = matrix(connection)
        found[round(projection.delay / dt)] = w, (w != 0).sum(axis=1).astype(np.float64)
    return found


@dataclasses.dataclass
class Trace:
    """What a reference run gives: spikes and states (copies, steps, neurons) by population, counts (copies, steps)."""

    spikes: dict[str, Bools]
    states: dict[tuple[str, str], Floats]
    acs: NDArray[np.int64]
    macs: NDArray[np.int64]
    membrane_updates: NDArray[np.int64]
    encoder_operations: NDArray[np.int64]
    fired: NDArray[np.int64]

    def events(self, name: str) -> list[NDArray[np.int64]]:
        """Return the spikes of a population as arrays of copies, steps and neurons, sorted."""
        return [index.astype(np.int64) for index in np.nonzero(self.spikes[name])]


class Reference:
    """Simulates copies of a network in float64."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.parts = [parts(projection, network.dt) for projection in network.projections]

    def run(
        self, steps: int, copies: int, inputs: dict[str, Floats], *, seed: int = 0, first_sample: int = 0,
        record: tuple[tuple[str, str], ...] = (),
    ) -> Trace:  # fmt: skip
        """Run from rest: ``inputs`` are analog values (copies, neurons), or for a SpikeArray bools (copies, steps, neurons)."""
        net, dt = self.network, self.network.dt
        populations = net.populations
        state: dict[str, dict[str, Any]] = {}
        for name, population in populations.items():
            shape = (copies, population.size)
            if isinstance(population.model, IF | LIF | TTFS):
                v = np.zeros(shape) + population.model.v_initial
                state[name] = {"v": v, "i": np.zeros(shape), "last": np.full(shape, -math.inf)}
                for receptor, kind in population.model.receptor_map.items():
                    for variable in {ExponentialCurrent: ("i",), AlphaCurrent: ("i", "h")}.get(type(kind), ()):
                        state[name][f"{receptor}.{variable}"] = np.zeros(shape)
                if name in inputs:
                    state[name]["i"] += inputs[name]
            elif not isinstance(population.model, SpikeArray):
                one = 1.0 if isinstance(population.model, Poisson) else 0.0
                state[name] = {"x": np.broadcast_to(inputs.get(name, one), shape), "sent": np.zeros(shape, dtype=bool)}
        trace = Trace(
            {name: np.zeros((copies, steps, p.size), dtype=bool) for name, p in populations.items()},
            {key: np.zeros((copies, steps, populations[key[0]].size)) for key in record},
            *(np.zeros((copies, steps), dtype=np.int64) for _ in range(5)),
        )
        samples = first_sample + np.arange(copies)
        for step in range(steps):
            spikes: dict[str, Any] = {}
            offset = 0
            for name, p in populations.items():
                start, stop = p.active
                if not start <= step * dt < stop:
                    spikes[name] = np.zeros((copies, p.size), dtype=bool)
                elif isinstance(p.model, SpikeArray):
                    spikes[name] = inputs[name][:, step] if name in inputs else np.zeros((copies, p.size), dtype=bool)
                else:
                    numbers = lambda n=p.size, o=offset: uniforms(seed, step, o, samples, n)  # noqa: E731, B023
                    spikes[name] = self._update(p.model, state[name], step, numbers)
                    counter = trace.encoder_operations if p.encoder else trace.membrane_updates
                    counter[:, step] += p.size
                offset += p.size
                trace.spikes[name][:, step] = spikes[name]
                if not isinstance(p.model, Graded):
                    trace.fired[:, step] += spikes[name].sum(axis=1)
            for population, variable in record:
                trace.states[population, variable][:, step] = state[population][variable]
            for projection, delays in zip(net.projections, self.parts, strict=True):
                for delay, (w, fan_out) in delays.items():
                    self._deliver(projection, step, delay, w, fan_out, state, trace)
            for name, p in populations.items():
                if isinstance(p.model, IF | LIF):
                    fired, v = spikes[name], state[name]["v"]
                    if p.model.reset == "soft":
                        v -= fired * np.where(fired, p.model.v_threshold - np.asarray(p.model.v_reset), 0.0)
                    else:
                        v[:] = np.where(fired, p.model.v_reset, v)
        return trace

    def _deliver(
        self, projection: Any, step: int, delay: int, w: Floats, fan_out: Floats, state: dict[str, Any], trace: Trace
    ) -> None:  # fmt: skip
        source, target = projection.source, projection.target
        name, model = source.population.name, target.population.model
        if step < delay:
            return
        sent = trace.spikes[name][:, step - delay, source.start : source.stop].astype(np.float64)
        graded = isinstance(source.population.model, Graded)
        (trace.macs if graded else trace.acs)[:, step] += np.rint(sent @ fan_out).astype(np.int64)
        if graded:
            sent = sent * state[name]["x"][:, source.start : source.stop]
        variable = {
            Delta: "v", StepCurrent: "i", ExponentialCurrent: f"{projection.receptor}.i", AlphaCurrent: f"{projection.receptor}.h",
        }[type(model.receptor_map[projection.receptor])]  # fmt: skip
        state[target.population.name][variable][:, target.start : target.stop] += sent @ w

    def _drive(self, model: LIF, s: dict[str, Any]) -> Any:
        """Advance the currents of the receptors by a step and return what they add to v in it."""
        dt, total = self.network.dt, 0.0
        m = np.asarray(model.tau_m)
        for name, receptor in model.receptors.items():
            if not isinstance(receptor, ExponentialCurrent | AlphaCurrent):
                continue
            tau = np.asarray(receptor.tau)
            decay, leak = np.exp(-dt / tau), np.exp(-dt / m)
            # The integrals over a step of exp(-s / tau) and s exp(-s / tau), each times exp(-(dt - s) / tau_m) / tau_m.
            same = tau == m
            a = np.where(same, 1.0, 1 / m - 1 / tau)
            flat = np.where(same, dt / m * leak, (decay - leak) / (a * m))
            rising = np.where(same, dt**2 / (2 * m) * leak, (dt * decay / a - (decay - leak) / a**2) / m)
            i = s[f"{name}.i"]
            total = total + model.r_m * flat * i
            i *= decay
            if isinstance(receptor, AlphaCurrent):
                h = s[f"{name}.h"]
                total = total + model.r_m * math.e / tau * rising * h
                i += math.e * dt / tau * decay * h
                h *= decay
        return total

    def _update(self, model: Any, s: dict[str, Any], step: int, numbers: Any) -> Bools:
        dt = self.network.dt
        t = step * dt
        if isinstance(model, IF):
            s["v"] += s["i"] * dt + np.asarray(model.bias) * dt
            return (s["v"] > model.v_threshold) & (t > np.asarray(model.t_open) - dt / 2)
        if isinstance(model, TTFS):
            opened = t > np.asarray(model.t_open) - dt / 2
            s["v"] += np.where(opened, np.asarray(model.ramp) * dt, s["i"] * dt)
            spikes = opened & (s["v"] > model.v_threshold) & np.isneginf(s["last"])
            s["last"][spikes] = t
            return spikes
        if isinstance(model, LIF):
            drive = self._drive(model, s)
            # Refractory while less than t_ref has passed since the last spike; what arrived until now is then void.
            elapsed = np.rint((t - s["last"]) / dt) * dt
            free = elapsed > np.asarray(model.t_ref) - dt / 2
            void = elapsed <= np.asarray(model.t_ref) + dt / 2
            v = np.where(void & (np.asarray(model.t_ref) > 0), model.v_reset, s["v"])
            v_inf = model.v_rest + np.asarray(model.r_m) * s["i"]
            s["v"] = np.where(free, v_inf + (v - v_inf) * np.exp(-dt / np.asarray(model.tau_m)) + drive, v)
            spikes = free & (s["v"] > model.v_threshold)
            s["last"][spikes] = t
            return spikes
        if isinstance(model, Poisson):
            return numbers() < s["x"] * (np.asarray(model.rate) * dt / 1000.0)
        if isinstance(model, Latency):
            n = round(float(model.window) / dt)
            level = np.floor(s["x"] * n + 0.5)
            return (level > 0) & (step == n - level)
        assert isinstance(model, Graded)
        spikes = (s["x"] != 0) & ~s["sent"]
        s["sent"] |= spikes
        return spikes
