"""Ask for configurations, evaluate them anywhere, tell the results."""

from nmjax.study.study import Study
from nmjax.study.trial import Trial

__all__ = ["Study", "Trial"]
