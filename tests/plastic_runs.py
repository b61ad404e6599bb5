"""Runs of a plastic projection between fixed trains, whole or in parts."""

from typing import Any

import numpy as np
from plastic_networks import DT, INITIAL, RULES, network, train

from snnsim import (
    FixedProbability,
    Network,
    Simulator,
    TimedInput,
    Uniform,
)

__all__ = [
    "INITIAL",
    "N_POST",
    "N_PRE",
    "POST",
    "PRE",
    "SOME",
    "STEPS",
    "final",
    "inputs",
    "made",
    "modulators",
    "reward",
    "run",
]

N_PRE, N_POST, STEPS = 10, 8, 400


def spikes(n: int, seed: int) -> np.ndarray:
    fires = np.random.default_rng(seed).random((STEPS - 1, n)) < 0.02
    fires[1:] &= ~fires[:-1]
    return np.argwhere(fires)


PRE, POST = spikes(N_PRE, 1), spikes(N_POST, 2)


def inputs(first: int = 0, last: int = STEPS) -> dict[str, Any]:
    """Return the trains of these steps."""

    def part(which: np.ndarray, n: int) -> Any:
        mine = which[(which[:, 0] >= first) & (which[:, 0] < last)]
        return train(mine - [first, 0], n, last - first)

    return {"pre": part(PRE, N_PRE), "driver": part(POST, N_POST)}


def reward(first: int = 0, last: int = STEPS) -> dict[str, TimedInput]:
    at = np.array([30, 31, 120, 250, 333])
    mine = (at >= first) & (at < last)
    return {"pre->post": TimedInput((at[mine] - first) * DT, np.array([1.0, -0.5, 2.0, 1.0, 0.7])[mine])}


SOME = ["pair, additive", "pair, additive, nearest", "triplet", "reward", "reward, nearest", "delta"]


def made(name: str, **options: Any) -> Network:
    rule = RULES[name]
    return network(rule, FixedProbability(0.7), N_PRE, N_POST, weight=INITIAL, delay=Uniform(0.0, 6.0), **options)


def modulators(name: str, first: int = 0, last: int = STEPS) -> dict[str, TimedInput] | None:
    return reward(first, last) if RULES[name].MODULATOR else None


def run(simulator: Simulator, name: str, first: int = 0, last: int = STEPS, **options: Any) -> Any:
    return simulator.run(
        (last - first) * DT, inputs=inputs(first, last), modulators=modulators(name, first, last), **options
    )


def final(name: str, **options: Any) -> np.ndarray:
    simulator = Simulator(made(name), threads=1, **options)
    run(simulator, name)
    return simulator.weights("pre->post")
