"""Ask-and-tell interface: suggest configurations, and record the results of evaluations."""

from nmjax.study import saving as saving
from nmjax.study.study import Study
from nmjax.study.trial import Trial

__all__ = ["Study", "Trial"]
