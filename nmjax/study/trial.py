"""One evaluation of a study: its configuration and its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from nmjax.errors import missing_attribute
from nmjax.study.optuna_names import TRIAL_NAMES


@dataclass(frozen=True)
class Trial:
    """Configuration with its result.

    Attributes:
      number: Position among the trials of the study, from 0.
      config: Chosen option of each choice, by name; conditional choices that are inactive are
        left out.
      state: "running" until a result is recorded; "complete" or "failed" afterwards.
      value: Raw value of the metric; None unless complete.

    Example:
      >>> from nmjax.study import Trial
      >>> Trial(0, {"width": 64}, "complete", 0.5)
      Trial(number=0, config={'width': 64}, state='complete', value=0.5)
    """

    number: int
    config: Mapping[str, Any]
    state: Literal["running", "complete", "failed"] = "running"
    value: float | None = None

    if not TYPE_CHECKING:  # A type checker would accept every attribute.

        def __getattr__(self, name: str) -> Any:
            raise missing_attribute("Trial", name, TRIAL_NAMES)
