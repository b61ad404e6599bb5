"""What is claimed for spiking networks, tested against conventional ones of equal accuracy: ``snnsim experiment``."""

from .run import EXPERIMENTS, held_out, limited, run_experiment

__all__ = ["EXPERIMENTS", "held_out", "limited", "run_experiment"]
