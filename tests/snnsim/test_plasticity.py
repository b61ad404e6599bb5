"""Every rule on dense and sparse projections, with delays of either side, against synapses that are followed one by one."""

from typing import Any

import numpy as np
import pytest
from plastic_networks import DT, INITIAL, RULES, network, train
from reference_plasticity import learned

from snnsim import Dense, Network, Simulator, Sparse, TimedInput

N_PRE, N_POST, STEPS = 12, 9, 1200


def spikes(n: int, seed: int, rate: float = 30.0, steps: int = STEPS) -> np.ndarray:
    """Return pairs of step and neuron; none fires twice in a row, since a reset would discard what made it."""
    rng = np.random.default_rng(seed)
    fires = rng.random((steps - 1, n)) < rate * DT / 1000
    fires[1:] &= ~fires[:-1]
    return np.argwhere(fires)


def connection(kind: str, delays: Any, sign: float) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(9)
    weights = sign * INITIAL * rng.uniform(0.5, 1.5, (N_PRE, N_POST))
    if kind == "dense":
        return weights, {"delay": delays}
    there = rng.random(weights.shape) < 0.6
    if kind == "dense with gaps":
        return Dense(weights * there), {"delay": delays}
    source, target = np.nonzero(there)
    every = np.concatenate([source, source[:7]]), np.concatenate([target, target[:7]])  # some pairs are joined twice
    each = rng.choice(delays, len(every[0])) if np.ndim(delays) else None
    made = Sparse.from_arrays(
        *every, sign * INITIAL * rng.uniform(0.5, 1.5, len(every[0])), each, n_sources=N_PRE, n_targets=N_POST
    )
    return made, {} if np.ndim(delays) else {"delay": delays}


def modulator(net: Network, steps: int = STEPS) -> tuple[dict[str, TimedInput], np.ndarray, np.ndarray]:
    """Return the modulators of a run, the steps of the impulses, and their values (impulses, targets)."""
    kind = net.projections[1].plasticity.MODULATOR  # type: ignore[union-attr]
    rng = np.random.default_rng(5)
    at = np.sort(rng.choice(steps, 40, replace=False))
    if kind is None:
        return {}, at[:0], np.zeros((0, N_POST))
    values = rng.uniform(-1.0, 3.0, (len(at), N_POST if kind == "teaching" else 1))
    given = TimedInput(at * DT, values if kind == "teaching" else values[:, 0])
    return {"pre->post": given}, at, np.broadcast_to(values, (len(at), N_POST))


def expected(net: Network, simulator: Simulator, pre: np.ndarray, post: np.ndarray, steps: int) -> np.ndarray:
    """Return the weights that synapses followed one by one have after so many steps."""
    projection = net.projections[1]
    rule, before = projection.plasticity, Simulator(net).synapses("pre->post")
    _, at, values = modulator(net)
    weights = []
    for source, target, weight, delay in zip(*before, strict=True):
        late = round(delay / DT)
        axonal, dendritic = (late, 0) if projection.delay_side == "axonal" else (0, late)
        signals = dict(zip(at.tolist(), values[:, target].tolist(), strict=True))
        arriving = (pre[pre[:, 1] == source, 0] + axonal).tolist()
        coming = (post[post[:, 1] == target, 0] + 1 + dendritic).tolist()
        weights.append(
            0.0 if weight == 0 else learned(rule, float(weight), arriving, coming, signals, dt=DT, stop=steps)  # type: ignore[arg-type]
        )
    return np.array(weights)


@pytest.mark.parametrize("delay_side", ["axonal", "dendritic"])
@pytest.mark.parametrize(
    ("kind", "delays"), [("dense", 0.0), ("dense with gaps", 1.5), ("sparse", 1.0), ("sparse", (0.0, 0.5, 4.0, 11.5))]
)
@pytest.mark.parametrize("name", RULES)
def test_weights_are_those_of_synapses_followed_one_by_one(name: str, kind: str, delays: Any, delay_side: str) -> None:
    rule = RULES[name]
    sign = -1.0 if name == "anti-Hebbian" else 1.0
    made, options = connection(kind, delays, sign)
    net = network(rule, made, N_PRE, N_POST, delay_side=delay_side, **options)
    pre, post = spikes(N_PRE, 1), spikes(N_POST, 2)
    simulator = Simulator(net, threads=1)
    inputs = {"pre": train(pre, N_PRE, STEPS), "driver": train(post, N_POST, STEPS)}
    result = simulator.run(STEPS * DT, inputs=inputs, modulators=modulator(net)[0], record={"post": "spikes"})
    fired = np.column_stack([result.spikes["post"].steps - 1, result.spikes["post"].neurons])
    assert np.array_equal(fired, post)  # nothing but the driver makes them fire
    want = expected(net, simulator, pre, post, STEPS)
    np.testing.assert_allclose(simulator.weights("pre->post"), want, rtol=0, atol=1e-14)
    assert np.abs(want - Simulator(net).weights("pre->post")).max() > 1e-4
