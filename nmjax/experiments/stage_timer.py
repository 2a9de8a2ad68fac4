"""How long each stage of a run takes."""

import time

from nmjax.experiments.progress import Progress, SilentProgress


class StageTimer:
    """Seconds of each stage; a progress display is told as one begins and ends.

    Attributes:
      seconds: {stage: wall-clock seconds}, of stages that have ended.
      progress: the display.
    """

    def __init__(self, progress: Progress | None = None):
        self.progress = SilentProgress() if progress is None else progress
        self.seconds: dict[str, float] = {}
        self._current: tuple[str, float] | None = None

    def begin(self, stage: str) -> None:
        """End the current stage, if any, and begin another."""
        self.end()
        self._current = stage, time.perf_counter()
        self.progress.update(stage, 0, 1)

    def end(self) -> None:
        """End the current stage, if any."""
        if self._current is not None:
            stage, begun = self._current
            self.seconds[stage] = time.perf_counter() - begun
            self.progress.update(stage, 1, 1)
            self._current = None
