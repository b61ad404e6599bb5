"""The networks that ``snnsim learn --model`` knows, by name."""

from .diehl_cook import DiehlCookLearner
from .first_spike import FirstSpikeLearner
from .learner import Learner
from .patches import PatchLearner

__all__ = ["MODELS"]

MODELS: dict[str, type[Learner]] = {model.MODEL: model for model in (DiehlCookLearner, FirstSpikeLearner, PatchLearner)}
