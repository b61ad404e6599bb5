"""Networks that learn images by local rules: what ``snnsim learn`` trains, tests, keeps and shows."""

from .learner import Answers, History, Learner, Progress, restore_arrays

__all__ = ["Answers", "History", "Learner", "Progress", "restore_arrays"]
