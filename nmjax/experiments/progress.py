"""Progress displays, updated by the host between chunks, and a timer of stages."""

import sys
import time
from collections.abc import Callable
from typing import Literal, Protocol, Self, TextIO

import jax

from nmjax.errors import unknown_name

Kind = Literal["auto", "rich", "plain", "silent"]


class Progress(Protocol):
    """A progress display: a context manager that is updated stage by stage.

    Example:
      >>> from nmjax.experiments import Progress, make_progress
      >>> def work(progress: Progress) -> None:
      ...     for done in range(3):
      ...         progress.update("work", done + 1, 3)
      >>> with make_progress("silent") as progress:
      ...     work(progress)
    """

    def update(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of a stage are complete; a new name starts a stage."""

    def __enter__(self) -> Self:
        """Start drawing."""

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""


class SilentProgress:
    """Draws nothing."""

    def update(self, stage: str, done: int, total: int) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class PlainProgress(SilentProgress):
    """Prints a line at a stage's start and end, and at most one every `interval` seconds.

    A stage of one unit has a line at its start only.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._stream = sys.stderr if stream is None else stream
        self._interval = interval
        self._clock = clock
        self._begun: dict[str, tuple[float, int]] = {}
        self._drawn = -float("inf")

    def update(self, stage: str, done: int, total: int) -> None:
        """Print "stage: done/total, time left" if it is due; only the stage if it is one unit."""
        now = self._clock()
        if total == 1:
            if stage not in self._begun:
                print(stage, file=self._stream, flush=True)
            self._begun.setdefault(stage, (now, done))
            return
        begun, first = self._begun.setdefault(stage, (now, done))
        if first != done < total and now - self._drawn < self._interval:
            return
        self._drawn = now
        left = ""
        if first < done < total:
            left = f", {_duration((now - begun) * (total - done) / (done - first))} left"
        print(f"{stage}: {done}/{total}{left}", file=self._stream, flush=True)


class RichProgress:
    """Draws a bar per stage on a terminal, with the time left."""

    def __init__(self, stream: TextIO | None = None):
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TaskID,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=sys.stderr if stream is None else stream),
        )
        self._tasks: dict[str, TaskID] = {}

    def update(self, stage: str, done: int, total: int) -> None:
        """Move the stage's bar."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()


class StageTimer:
    """Times stages, and updates a progress display when a stage begins and ends.

    Attributes:
      seconds: {stage: wall-clock seconds} of stages that have ended.
      progress: progress display.

    Example:
      >>> from nmjax.experiments.progress import StageTimer
      >>> stages = StageTimer()
      >>> stages.begin("learn")
      >>> stages.begin("search")
      >>> stages.end()
      >>> list(stages.seconds)
      ['learn', 'search']
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


def make_progress(kind: Kind = "auto", stream: TextIO | None = None) -> Progress:
    """Create a progress display.

    Args:
      kind: "rich" bars, "plain" lines or "silent"; "auto" is rich on a terminal, plain elsewhere,
        and silent on all processes of a multi-host run except the first.
      stream: stream to draw on; standard error by default.

    Raises:
      NmjaxError: the kind is unknown.

    Example:
      >>> import sys
      >>> from nmjax.experiments import make_progress
      >>> with make_progress("plain", sys.stdout) as progress:
      ...     progress.update("search", 2, 2)
      search: 2/2
    """
    kinds: dict[str, Callable[[TextIO | None], Progress]] = {
        "rich": RichProgress,
        "plain": PlainProgress,
        "silent": lambda _: SilentProgress(),
    }
    if kind == "auto":
        terminal = (sys.stderr if stream is None else stream).isatty()
        kind = "silent" if jax.process_index() else "rich" if terminal else "plain"
    if kind not in kinds:
        raise unknown_name("progress kind", kind, ["auto", *kinds])
    return kinds[kind](stream)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes}:{rest:02d}"
