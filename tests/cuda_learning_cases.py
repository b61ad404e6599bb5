"""Cases of learning: every rule, on dense and on sparse synapses, with delays of either side, signals, and what goes with it."""

import numpy as np
from cuda_cases import Outcome, case, everything, outcome
from cuda_run_cases import CASES, moved

import snnsim as sn
from snnsim import LIF, Network, Simulator, TimedInput

__all__ = ["CASES"]


def two_layers(seed: int = 1) -> tuple[Network, sn.Population, sn.Population]:
    net = Network(dt=1.0, seed=seed)
    source = net.population("source", 36, sn.Poisson(rate=150.0))
    return net, source, net.population("cells", 12, LIF(tau_m=10.0, t_ref=1.0))


def learned(net: Network, *, modulators: dict[str, TimedInput] | None = None, **options: str) -> Outcome:
    """The outcome of one run of which everything is recorded, weights included."""
    simulator = Simulator(net, **options)
    record = everything(net) | {projection.name: ["weights"] for projection in net.projections}
    return outcome(simulator, simulator.run(20.0, record=record, modulators=modulators))


@case(exact=(), library=True)
def learning_from_pairs(**options: str) -> Outcome:
    """Dense with gaps, sparse with delays of the axon and of the dendrite; the last has a new t0 every few steps."""
    net, source, cells = two_layers()
    gaps = np.random.default_rng(40).uniform(0.05, 0.3, (36, 12))
    gaps[gaps < 0.1] = 0
    net.connect(source, cells, gaps, plasticity=sn.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=0.4))
    drawn = {"weight": sn.Uniform(0.05, 0.3), "delay": sn.Uniform(0.0, 3.0)}
    nearest = sn.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=0.4, pairing="nearest", dependence="multiplicative")
    net.connect(source, cells, sn.FixedProbability(0.3), plasticity=nearest, **drawn)
    brief = sn.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=0.4, tau_plus=0.05, tau_minus=0.05)
    net.connect(cells, cells, sn.FixedProbability(0.5), plasticity=brief, delay_side="dendritic", **drawn)
    return learned(net, **options)


@case(exact=(), library=True)
def learning_from_more_than_pairs(**options: str) -> Outcome:
    """Rules with one to four traces, two of them under a normalisation."""
    net, source, cells = two_layers(2)
    w, drawn = np.random.default_rng(41).uniform(0.05, 0.2, (36, 12)), {"weight": sn.Uniform(0.05, 0.2)}
    dense = net.connect(source, cells, w, plasticity=sn.PostTriggeredSTDP(w_max=0.4))
    sparse = net.connect(source, cells, sn.FixedProbability(0.2), plasticity=sn.TripletSTDP(w_max=0.4), **drawn)
    net.connect(source, cells, sn.FixedProbability(0.2), plasticity=sn.Oja(w_max=0.4), **drawn)
    net.connect(source, cells, sn.FixedProbability(0.2), plasticity=sn.BCM(w_max=0.4), **drawn)
    net.connect(source, cells, sn.FixedProbability(0.2), plasticity=sn.Covariance(w_max=0.4), **drawn)
    for projection in (dense, sparse):
        net.regulate(projection, sn.Normalisation(total=3.0, every=6.0))
    return learned(net, **options)


@case(exact=(), library=True)
def learning_from_signals(**options: str) -> Outcome:
    """A reward, by way of eligibilities, normalised; and a teaching signal, one value for all and one for each."""
    net, source, cells = two_layers(3)
    reward = sn.RewardSTDP(a_plus=0.05, a_minus=0.03, w_max=0.5)
    rewarded = net.connect(source, cells, sn.FixedProbability(0.4), weight=sn.Uniform(0.1, 0.3), plasticity=reward)
    net.regulate(rewarded, sn.Normalisation(total=4.0, every=7.0))
    taught = net.connect(
        source, cells, np.full((36, 12), 0.1), plasticity=sn.DeltaRule(w_min=-1.0, w_max=1.0), delay=1.0
    )
    errors = np.random.default_rng(42).normal(0, 1, (3, 12))
    modulators = {
        rewarded.name: TimedInput([3.0, 11.0], [1.0, -0.5]), taught.name: TimedInput([0.0, 5.0, 12.0], errors)
    }  # fmt: skip
    return learned(net, modulators=modulators, **options)


@case(exact=(), library=True)
def learning_frozen_and_moved(**options: str) -> Outcome:
    """Frozen, thawed, and gone on with on the CPU."""
    net, source, cells = two_layers(4)
    rule = sn.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=0.4)
    net.connect(source, cells, sn.FixedProbability(0.5), weight=0.2, delay=1.0, plasticity=rule)
    simulator = Simulator(net, **options)
    results = [simulator.run(6.0, record=everything(net))]
    simulator.freeze()
    results.append(simulator.run(6.0, record=everything(net)))
    simulator.thaw()
    results.append(simulator.run(6.0, record=everything(net)))
    return outcome(simulator, *results) | {
        f"moved/{name}": values for name, values in moved(net, options, options | {"backend": "cpu"}).items()
    }
