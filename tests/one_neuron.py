"""One neuron behind one spike source, for tests that follow it step by step."""

import numpy as np

from snnsim import IF, LIF, Network, Simulator, SpikeArray, SpikeTrain


def driven(model: IF | LIF, weight: float = 1.0, *, dt: float = 1.0) -> Network:
    """A spike source of one neuron onto one neuron of a model."""
    net = Network(dt=dt)
    net.connect(net.population("in", 1, SpikeArray()), net.population("n", 1, model), [[weight]])
    return net


def train(steps: list[int], *, duration: int = 20) -> SpikeTrain:
    return SpikeTrain.from_times(steps, np.zeros(len(steps), int), size=1, dt=1.0, duration=float(duration))


def simulate(
    model: IF | LIF, steps: list[int], weight: float = 1.0, *, duration: int = 20
) -> tuple[np.ndarray, list[int]]:
    """Potentials per step and spike steps of one neuron that gets ``weight`` at the given steps."""
    sim = Simulator(driven(model, weight))
    result = sim.run(float(duration), inputs={"in": train(steps, duration=duration)}, record={"n": ["v", "spikes"]})
    return result.v("n")[0, :, 0], result.spikes["n"].steps.tolist()
