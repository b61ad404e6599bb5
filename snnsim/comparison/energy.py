"""An estimate of energy from counted operations and published prices, and what the critics' thresholds say.

An estimate, never a measurement: the prices are of different chips and processes, and leave out the memory traffic,
which often costs more than the arithmetic. `memory_pj` stands beside them: what 32-bit weights cost where none stays
on the chip, each fetched once per image by an ANN, and once per accumulate by an event-driven network.

References
----------
Horowitz 2014 (45 nm, DRAM); Davies et al. 2018 (Loihi); Merolla et al. 2014 (TrueNorth); Davidson & Furber 2021;
Dampfhoffer et al. 2022; Yan, Bai & Wong 2024.
"""

from collections.abc import Mapping
from typing import Any

MAC_PJ = 4.6
AC_PJ = 0.9
LOIHI_PJ = 23.6
TRUENORTH_PJ = 26.0
DRAM_PJ = 640.0

SPIKES_PER_SYNAPSE = 1.72
"""Most spikes per synapse and inference with which a rate-coded network can win (Davidson & Furber 2021)."""
SPIKES_PER_SYNAPSE_RANGE = (0.15, 1.38)
"""The same by Dampfhoffer et al. 2022: the bound lies in this range, depending on the data reuse of the ANN."""
SPIKE_RATE = 0.064
"""Most spikes per neuron and step with which a network can win against a quantised ANN (Yan, Bai & Wong 2024)."""


def ann_energy(ann: Mapping[str, Any]) -> dict[str, float]:
    """Picojoules per image of an `ann` entry: `dense`, `effective` (zeros skipped) and, beside them, `memory_pj`."""
    return {
        "dense_45nm_pj": ann["dense_macs"] * MAC_PJ,
        "effective_45nm_pj": ann["effective_macs"] * MAC_PJ,
        "memory_pj": ann["parameters"] * DRAM_PJ,
    }


def snn_energy(point: Mapping[str, Any]) -> dict[str, float]:
    """Picojoules per image of an operating point with `acs` and `macs`, on 45 nm, Loihi and TrueNorth prices."""
    events = point["acs"] + point["macs"]
    return {
        "45nm_pj": point["acs"] * AC_PJ + point["macs"] * MAC_PJ,
        "loihi_pj": events * LOIHI_PJ,
        "truenorth_pj": events * TRUENORTH_PJ,
        "memory_pj": events * DRAM_PJ,
    }


def critics(point: Mapping[str, Any], *, synapses: int, neurons: int) -> dict[str, Any]:
    """The measures of the critical papers at an operating point, and their verdicts.

    `point` holds means per image: `acs`, `macs`, `spikes` and the `steps` simulated. `davidson_furber` and
    `yan_bai_wong` are True where the network stays below the bound; `dampfhoffer` is "below", "within" or "above".
    """
    per_synapse = (point["acs"] + point["macs"]) / synapses
    rate = point["spikes"] / (neurons * point["steps"])
    low, high = SPIKES_PER_SYNAPSE_RANGE
    return {
        "spikes_per_synapse": per_synapse,
        "spike_rate": rate,
        "davidson_furber": per_synapse < SPIKES_PER_SYNAPSE,
        "dampfhoffer": "below" if per_synapse < low else "within" if per_synapse <= high else "above",
        "yan_bai_wong": rate < SPIKE_RATE,
    }
