"""Inhibitory neurons that sleep against the same neurons that are always updated."""

import math

import numpy as np
import pytest
from snnsim_kernels.inhibitors import RESET, advance_awake, list_awake, wake
from snnsim_kernels.views import flush_denormals, restore_denormals

from snnsim.networks.diehl_cook import INHIBITORY, TO_INHIBITORY

N = 30


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_to_let_neurons_sleep_changes_nothing(real: type[np.floating]) -> None:
    leak, rest, share, threshold, reset, held_for, _ = (float(c) for c in INHIBITORY.constants(0.5)[:7])
    decay = math.exp(-0.5 / INHIBITORY.receptors["exc"].tau)
    cell = tuple(real(c) for c in (leak, rest, share, reset, threshold, decay, 0.0, INHIBITORY.v_initial))
    rng = np.random.default_rng(0)
    spikes = rng.random((4000, N)) < 0.01
    spikes[:, 0] = False
    spikes[1000:] = False
    found = []
    mode = flush_denormals()
    for lazy in (True, False):
        v, g = np.full(N, INHIBITORY.v_initial, real), np.zeros(N, real)
        held, awake = np.zeros(N, np.int32), np.ones(N, np.uint8)
        listed, fired = np.empty(N, np.int64), np.empty(N, np.int64)
        count, updates, times = list_awake(awake, listed), 0, []
        for t, given in enumerate(spikes):
            updates += count
            count, n_fired = advance_awake(v, g, held, awake, listed, count, cell, fired)
            for i in np.flatnonzero(given):
                count = wake(i, real(TO_INHIBITORY), g, awake, listed, count)
            for i in sorted(fired[:n_fired].tolist()):
                times.append((t, i))
                v[i], held[i] = cell[RESET], int(held_for)
            if not lazy:
                awake[:] = 1
                count = list_awake(awake, listed)
        found.append((v, g, held, times))
        if lazy:
            assert count == 0
            assert updates < 0.6 * spikes.size
        else:
            assert updates == spikes.size
    restore_denormals(mode)
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)
    assert len(times) > 100
