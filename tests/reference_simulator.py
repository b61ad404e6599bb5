"""A plain float64 NumPy simulator, written from the equations alone: what the compiled one is held against.

It reads a network's description (populations, parameters, weights) and shares no code with the engine: matrices are unrolled by
explicit loops, random numbers come from a Philox of its own (normal ones by SciPy's inverse of the normal distribution), operations
are counted from the matrices' nonzero entries.

A step: update and threshold (strictly above) of all populations, then all deliveries, then all resets. A spike is delivered as many
steps after its own as its synapse delays it. Currents follow the closed forms of Rotter & Diesmann 1999 as they stand there, with
differences of exponentials: good where two time constants are equal or well apart, and another way than the engine's. A neuron with
a conductance follows exponential Euler as Brian2 documents it.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from snnsim import (
    IF,
    LIF,
    TTFS,
    AdaptiveCurrentLIF,
    AdaptiveThresholdLIF,
    AlphaCurrent,
    Convolution,
    Delta,
    Dense,
    EscapeNoiseLIF,
    ExponentialConductance,
    ExponentialCurrent,
    Graded,
    Latency,
    Network,
    NoisyLIF,
    Poisson,
    Sparse,
    SpikeArray,
    StepCurrent,
)

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

VARIABLES: dict[type, tuple[str, ...]] = {
    ExponentialCurrent: ("i",),
    AlphaCurrent: ("i", "h"),
    ExponentialConductance: ("g",),
}
"""The state variables of receptors; the last decays alone."""


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


def words(seed: int, step: int, stream: int, samples: NDArray[np.int64], n: int) -> NDArray[np.uint64]:
    """Return one 32-bit word per sample and neuron, shape (samples, n): neuron 64 g + 16 w + j reads word w of block 16 g + j.

    ``stream`` is that of a stimulus, or the number of the population's first neuron in the network.
    """
    blocks = 16 * -(-n // 64)
    found = philox([np.arange(blocks), step, stream, samples[:, None]], [seed % 2**32, seed >> 32])
    by_group = np.stack(found).reshape(4, len(samples), -1, 16).transpose(1, 2, 0, 3)
    return by_group.reshape(len(samples), -1)[:, :n]


def uniforms(*which: Any) -> Floats:
    """Return numbers in [0, 1) from the upper 24 bits of words; arguments as those of ``words``."""
    return (words(*which) >> np.uint64(8)).astype(np.float64) / 2**24


def open_uniforms(*which: Any) -> Floats:
    """Return numbers in (0, 1), the middles of 2**32 equal parts; arguments as those of ``words``."""
    return (2 * words(*which) + np.uint64(1)).astype(np.float64) / 2**33


def normals(*which: Any) -> Floats:
    """Return standard normal numbers, by inversion; arguments as those of ``words``."""
    return np.asarray(ndtri(open_uniforms(*which)))


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
                    for variable in VARIABLES.get(type(kind), ()):
                        state[name][f"{receptor}.{variable}"] = np.zeros(shape)
                if isinstance(population.model, AdaptiveThresholdLIF):
                    state[name]["theta"] = np.zeros(shape) + population.model.theta_initial
                    state[name]["theta_carry"] = np.zeros(
                        shape
                    )  # the engine's remainder of rounding: nothing, in exact numbers
                if isinstance(population.model, AdaptiveCurrentLIF):
                    state[name]["w"] = np.zeros(shape)
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
                    numbers = lambda kind, n=p.size, o=offset: kind(seed, step, o, samples, n)  # noqa: E731, B023
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
                    self._reset(p.model, state[name], spikes[name])
        return trace

    def _reset(self, model: IF | LIF, s: dict[str, Any], fired: Bools) -> None:
        threshold = np.asarray(model.v_threshold) + s.get("theta", 0.0)
        if model.reset == "soft":
            s["v"] -= np.where(fired, threshold - np.asarray(model.v_reset), 0.0)
        else:
            s["v"][:] = np.where(fired, model.v_reset, s["v"])
        if isinstance(model, AdaptiveThresholdLIF):
            s["theta"] += fired * np.asarray(model.theta_plus)
        if isinstance(model, AdaptiveCurrentLIF):
            s["w"] += fired * np.asarray(model.b)

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
            ExponentialConductance: f"{projection.receptor}.g",
        }[type(model.receptor_map[projection.receptor])]  # fmt: skip
        state[target.population.name][variable][:, target.start : target.stop] += sent @ w

    def _drive(self, model: LIF, s: dict[str, Any]) -> Any:
        """Advance the currents of the receptors, and of adaptation, by a step and return what they add to v in it."""
        dt, total = self.network.dt, 0.0
        m = np.asarray(model.tau_m)

        def effects(tau: Any) -> tuple[Any, Any, Any]:
            # exp(-dt / tau), and the integrals over a step of exp(-s / tau) and s exp(-s / tau), each times
            # exp(-(dt - s) / tau_m) / tau_m.
            decay, leak = np.exp(-dt / tau), np.exp(-dt / m)
            same = tau == m
            a = np.where(same, 1.0, 1 / m - 1 / tau)
            flat = np.where(same, dt / m * leak, (decay - leak) / (a * m))
            rising = np.where(same, dt**2 / (2 * m) * leak, (dt * decay / a - (decay - leak) / a**2) / m)
            return decay, flat, rising

        for name, receptor in model.receptors.items():
            if not isinstance(receptor, ExponentialCurrent | AlphaCurrent):
                continue
            tau = np.asarray(receptor.tau)
            decay, flat, rising = effects(tau)
            i = s[f"{name}.i"]
            total = total + model.r_m * flat * i
            i *= decay
            if isinstance(receptor, AlphaCurrent):
                h = s[f"{name}.h"]
                total = total + model.r_m * math.e / tau * rising * h
                i += math.e * dt / tau * decay * h
                h *= decay
        if isinstance(model, AdaptiveCurrentLIF):
            decay, flat, _ = effects(np.asarray(model.tau_w))
            total = total - model.r_m * flat * s["w"]
            s["w"] *= decay
        return total

    def _conducting(self, model: LIF, s: dict[str, Any]) -> tuple[Any, Any]:
        """Advance receptors and adaptation by a step of exponential Euler; return A and B of dv/dt = A v + B at its start."""
        dt, conductance = self.network.dt, 0.0
        current = s["i"] + model.i_offset - s.get("w", 0.0)
        for name, receptor in model.receptors.items():
            if isinstance(receptor, ExponentialCurrent | AlphaCurrent):
                current = current + s[f"{name}.i"]
            elif isinstance(receptor, ExponentialConductance):
                conductance = conductance + s[f"{name}.g"]
                current = current + s[f"{name}.g"] * receptor.e_rev
        for name, receptor in model.receptors.items():
            if not isinstance(receptor, Delta | StepCurrent):
                decay = np.exp(-dt / np.asarray(receptor.tau))
                if isinstance(receptor, AlphaCurrent):
                    towards = math.e * s[f"{name}.h"]
                    s[f"{name}.i"] = towards + (s[f"{name}.i"] - towards) * decay
                s[f"{name}.{VARIABLES[type(receptor)][-1]}"] *= decay
        if "w" in s:
            s["w"] = s["w"] * np.exp(-dt / np.asarray(model.tau_w))
        return -(1 + model.r_m * conductance) / model.tau_m, (model.v_rest + model.r_m * current) / model.tau_m

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
            return self._leaky(model, s, t, numbers)
        if isinstance(model, Poisson):
            return numbers(uniforms) < s["x"] * (np.asarray(model.rate) * dt / 1000.0)
        if isinstance(model, Latency):
            n = round(float(model.window) / dt)
            level = np.floor(s["x"] * n + 0.5)
            return (level > 0) & (step == n - level)
        assert isinstance(model, Graded)
        spikes = (s["x"] != 0) & ~s["sent"]
        s["sent"] |= spikes
        return spikes

    def _leaky(self, model: LIF, s: dict[str, Any], t: float, numbers: Any) -> Bools:
        dt = self.network.dt
        # Refractory while less than t_ref has passed since the last spike; what arrived until now is then void.
        elapsed = np.rint((t - s["last"]) / dt) * dt
        free = elapsed > np.asarray(model.t_ref) - dt / 2
        void = elapsed <= np.asarray(model.t_ref) + dt / 2
        start = np.where(void & (np.asarray(model.t_ref) > 0), model.v_reset, s["v"])
        if any(isinstance(receptor, ExponentialConductance) for receptor in model.receptors.values()):
            a, b = self._conducting(model, s)
            moved = -b / a + (start + b / a) * np.exp(a * dt)
        else:
            v_inf = model.v_rest + np.asarray(model.r_m) * (s["i"] + model.i_offset)
            moved = v_inf + (start - v_inf) * np.exp(-dt / np.asarray(model.tau_m)) + self._drive(model, s)
        if isinstance(model, NoisyLIF):
            moved = moved + model.sigma * np.sqrt(1 - np.exp(-2 * dt / np.asarray(model.tau_m))) * numbers(normals)
        s["v"] = np.where(free, moved, start)
        threshold = np.asarray(model.v_threshold)
        if isinstance(model, AdaptiveThresholdLIF):
            s["theta"] = s["theta"] * np.exp(-dt / np.asarray(model.tau_theta))
            threshold = threshold + s["theta"]
        if isinstance(model, EscapeNoiseLIF):
            with np.errstate(over="ignore"):  # certain, then
                hazard = np.asarray(model.rho_0) / 1000.0 * np.exp((s["v"] - threshold) / model.delta_v)  # per ms
            spikes = free & (numbers(open_uniforms) < 1 - np.exp(-hazard * dt))
        else:
            spikes = free & (s["v"] > threshold)
        s["last"][spikes] = t
        return spikes
