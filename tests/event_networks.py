"""Small networks and spikes for tests of the event method."""

from typing import Any

from snnsim import EventSimulator, EventTrain, Network, SpikeArray


def run(net: Network, duration: float, **options: Any) -> Any:
    return EventSimulator(net).run(duration, **options)


def alone(model: Any, duration: float = 100.0, **options: Any) -> list[float]:
    """Spike times of one neuron."""
    net = Network(dt=0.1)
    net.population("n", 1, model)
    found: list[float] = run(net, duration, record={"n": ["spikes"]}, **options).spikes["n"].times.tolist()
    return found


def driven(model: Any, weights: list[float], *, receptors: list[str] | None = None, delay: float = 0.0) -> Network:
    """One source per weight onto one neuron."""
    net = Network(dt=0.1)
    source, n = net.population("in", len(weights), SpikeArray()), net.population("n", 1, model)
    for j, weight in enumerate(weights):
        net.connect(source[j : j + 1], n, [[weight]], delay=delay, receptor=receptors[j] if receptors else None)
    return net


def given_times(
    times: list[float], neurons: list[int] | None = None, size: int = 1, duration: float = 100.0
) -> EventTrain:
    return EventTrain.from_times(
        times, [0] * len(times) if neurons is None else neurons, size=size, dt=0.1, duration=duration
    )


def fired(net: Network, train: EventTrain, duration: float = 100.0) -> list[float]:
    found: list[float] = run(net, duration, inputs={"in": train}, record={"n": ["spikes"]}).spikes["n"].times.tolist()
    return found
