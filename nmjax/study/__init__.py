"""Ask-and-tell interface: suggest configurations, and record the results of evaluations."""

from nmjax.study.arguments import Direction
from nmjax.study.saving import deserialize_study, serialize_study
from nmjax.study.study import Study
from nmjax.study.trial import Trial

__all__ = ["Direction", "Study", "Trial", "deserialize_study", "serialize_study"]
