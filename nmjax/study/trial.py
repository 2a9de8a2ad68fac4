"""One evaluation of a study: its configuration and its result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


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
      >>> Trial(0, {"width": 64}, "complete", 0.5)
      Trial(number=0, config={'width': 64}, state='complete', value=0.5)
    """

    number: int
    config: Mapping[str, Any]
    state: Literal["running", "complete", "failed"] = "running"
    value: float | None = None
