"""The errors that snnsim raises on purpose.

- SnnsimError
  - DatasetError       a data set is missing, damaged or mislabelled
  - AnnError           a weight file or an ANN description is unusable
  - NetworkError       a network description is impossible
  - SimulationError    inputs or recorders do not fit the network, or a run cannot go on
  - ResultsError       an output folder holds something else than this run can use

``ValueError`` is a base of each, so that code which knows nothing of snnsim can catch them. Neuron models, receptors and
sources, which stand below snnsim, raise a plain ``ValueError`` for a parameter out of bounds.
"""


class SnnsimError(ValueError):
    """Base of all errors that snnsim raises on purpose."""


class DatasetError(SnnsimError):
    """A data set is missing, damaged or mislabelled."""


class AnnError(SnnsimError):
    """A weight file or an ANN description is unusable."""


class NetworkError(SnnsimError):
    """A network description is impossible: the message names the object, the attribute and the bound."""


class SimulationError(SnnsimError):
    """Inputs or recorders do not fit the network, or a run cannot go on."""


class ResultsError(SnnsimError):
    """An output folder holds something else than this run can use."""
