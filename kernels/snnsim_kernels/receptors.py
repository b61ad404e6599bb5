"""Templates that join a neuron's scalar equations with those of its receptors, for any set of receptors.

The registry binds the free names. States and constants of a neuron come first, then those of its receptors in order.
"""

from typing import Any

__all__ = ["receive_nothing", "receive_pair", "update_receiving"]

first: Any
second: Any
neuron: Any
receive: Any
ZERO: Any  # of the precision of the states
STATES: int  # of the first part
CONSTANTS: int  # of the first part


def receive_nothing(states: Any, constants: Any) -> Any:
    """No receptor has dynamics of its own: no states, no drive."""
    return (), ZERO


def receive_pair(states: Any, constants: Any) -> Any:
    """Advance two (sets of) receptors; their drives add up."""
    a, x = first(states[:STATES], constants[:CONSTANTS])
    b, y = second(states[STATES:], constants[CONSTANTS:])
    return a + b, x + y


def update_receiving(state: Any, held: Any, step: Any, constants: Any) -> Any:
    """Advance the receptors, then the neuron with their drive."""
    received, drive = receive(state[STATES:], constants[CONSTANTS:])
    own, spike = neuron(state[:STATES], drive, held, step, constants[:CONSTANTS])
    return own + received, spike
