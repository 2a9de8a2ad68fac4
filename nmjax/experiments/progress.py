"""How far a run is: drawn by the host between chunks, never from within compiled code."""

import sys
import time
from collections.abc import Callable
from typing import Literal, Protocol, Self, TextIO

import jax

from nmjax.errors import unknown_name

Kind = Literal["auto", "rich", "plain", "silent"]


class Progress(Protocol):
    """Something that is told how far each stage is; a context, so that it can tidy up."""

    def update(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` units of a stage are behind us; a new name starts a new stage."""

    def __enter__(self) -> Self:
        """Start drawing."""

    def __exit__(self, *_) -> None:
        """Stop drawing."""


class SilentProgress:
    """Draws nothing."""

    def update(self, stage: str, done: int, total: int) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        pass


class PlainProgress(SilentProgress):
    """A line at a stage's start and end and, between them, at most one every `interval` seconds."""

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
        """Print "stage: done/total, time left" if it is due."""
        now = self._clock()
        begun, first = self._begun.setdefault(stage, (now, done))
        if first != done < total and now - self._drawn < self._interval:
            return
        self._drawn = now
        left = ""
        if first < done < total:
            left = f", {_duration((now - begun) * (total - done) / (done - first))} left"
        print(f"{stage}: {done}/{total}{left}", file=self._stream, flush=True)


class RichProgress:
    """Bars on a terminal, one a stage, with the time left."""

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

    def __exit__(self, *_) -> None:
        self._bars.stop()


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


def make_progress(kind: Kind = "auto", stream: TextIO | None = None) -> Progress:
    """A progress display on `stream`, by default standard error.

    Args:
      kind: "rich" bars, "plain" lines, "silent"; "auto" is rich on a terminal, plain elsewhere, and
        silent on every process of a multi-host run but the first.
      stream: where to draw.

    Raises:
      NmjaxError: for an unknown kind.
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
