"""Templates that join a neuron's scalar equations with those of its receptors, for any set of receptors.

The registry binds the free names. States and constants of a neuron come first, then those of its receptors in order.
"""

from typing import Any

from numba import njit

__all__ = [
    "add_drives",
    "add_pairs",
    "receive_nothing",
    "receive_pair",
    "update_receiving",
    "update_receiving_randomly",
    "update_scaled",
    "weigh_one",
    "weigh_pair",
]

first: Any
second: Any
add: Any  # two drives
neuron: Any
receive: Any
move: Any  # of the membrane, by the method of integration
ZERO: Any  # of the precision of the states
STATES: int  # of the first part
CONSTANTS: int  # of the first part


@njit
def add_drives(x: Any, y: Any) -> Any:
    """Add changes of v."""
    return x + y


@njit
def add_pairs(x: Any, y: Any) -> Any:
    """Add conductances and currents."""
    return x[0] + y[0], x[1] + y[1]


def receive_nothing(states: Any, constants: Any) -> Any:
    """No receptor has dynamics of its own: no states, no drive."""
    return (), ZERO


def receive_pair(states: Any, constants: Any) -> Any:
    """Advance two (sets of) receptors; their drives add up."""
    a, x = first(states[:STATES], constants[:CONSTANTS])
    b, y = second(states[STATES:], constants[CONSTANTS:])
    return a + b, add(x, y)


def weigh_one(states: Any, gains: Any) -> Any:
    """Return what one scaled current adds to v."""
    return states[0] * gains[0]


def weigh_pair(states: Any, gains: Any) -> Any:
    """Return what scaled currents add to v, in the order of ``receive_pair``."""
    return first(states[:STATES], gains[:STATES]) + states[STATES] * gains[STATES]


def update_scaled(state: Any, held: Any, step: Any, constants: Any) -> Any:
    """Advance the neuron, whose membrane scaled currents move; they themselves stay as they are."""
    mine, own = state[:STATES], constants[:CONSTANTS]
    return neuron(mine, move(mine, receive(state[STATES:], constants[CONSTANTS:]), own), held, step, own)


def update_receiving(state: Any, held: Any, step: Any, constants: Any) -> Any:
    """Advance the receptors, then the neuron, whose membrane they move."""
    mine, own = state[:STATES], constants[:CONSTANTS]
    received, drive = receive(state[STATES:], constants[CONSTANTS:])
    new, spike = neuron(mine, move(mine, drive, own), held, step, own)
    return new + received, spike


def update_receiving_randomly(state: Any, held: Any, step: Any, number: Any, constants: Any) -> Any:
    """Advance the receptors, then the neuron, whose membrane they move and which takes a random number."""
    mine, own = state[:STATES], constants[:CONSTANTS]
    received, drive = receive(state[STATES:], constants[CONSTANTS:])
    new, spike = neuron(mine, move(mine, drive, own), held, step, number, own)
    return new + received, spike
