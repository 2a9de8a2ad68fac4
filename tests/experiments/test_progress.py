import io
import time

import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import make_progress
from nmjax.experiments.progress import PlainProgress, RichProgress, SilentProgress, StageTimer


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def plain(times, total, *, interval=0.0, start=0):
    stream, clock = io.StringIO(), Clock()
    with PlainProgress(stream, interval, clock) as progress:
        for done, now in enumerate(times, start):
            clock.now = now
            progress.update("search", done, total)
    return stream.getvalue().splitlines()


def test_plain_lines_have_stage_count_and_time_left():
    assert plain([0, 10, 30, 40], 3) == [
        "search: 0/3",
        "search: 1/3, 0:20 left",
        "search: 2/3, 0:15 left",
        "search: 3/3",
    ]


def test_time_left_counts_only_what_this_run_did():
    assert plain([0, 3600], 4, start=2) == ["search: 2/4", "search: 3/4, 1 h 00 min left"]


def test_plain_lines_are_few():
    lines = plain(range(101), 100, interval=25)
    assert [line.split(",")[0] for line in lines] == [f"search: {n}/100" for n in range(0, 101, 25)]


def test_a_stage_of_one_unit_has_one_line():
    assert plain([0, 10], 1) == ["search"]
    assert plain([10], 1, start=1) == ["search"]


def test_stages_have_clocks_of_their_own():
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, 0.0, clock)
    for stage, done, now in [("a", 0, 0), ("a", 1, 5), ("b", 0, 100), ("b", 1, 102)]:
        clock.now = now
        progress.update(stage, done, 2)
    assert stream.getvalue().splitlines() == [
        "a: 0/2",
        "a: 1/2, 0:05 left",
        "b: 0/2",
        "b: 1/2, 0:02 left",
    ]


def test_rich_bars_show_stage_and_count():
    stream = Terminal()
    with make_progress("rich", stream) as progress:
        assert isinstance(progress, RichProgress)
        for done in range(4):
            progress.update("search", done, 3)
        progress.update("analysis", 1, 2)
    assert "search" in stream.getvalue()
    assert "3/3" in stream.getvalue()
    assert "1/2" in stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "stream", "expected"),
    [
        ("auto", Terminal(), RichProgress),
        ("auto", io.StringIO(), PlainProgress),
        ("plain", Terminal(), PlainProgress),
        ("silent", Terminal(), SilentProgress),
    ],
)
def test_kinds(kind, stream, expected):
    assert type(make_progress(kind, stream)) is expected


def test_silent_draws_nothing(capfd):
    with make_progress("silent") as progress:
        progress.update("search", 1, 2)
    assert capfd.readouterr() == ("", "")


def test_unknown_kinds_are_refused():
    with pytest.raises(NmjaxError, match="did you mean 'plain'"):
        make_progress("plane")


def test_a_stage_ends_when_the_next_begins():
    updates = []

    class RecordedProgress(SilentProgress):
        def update(self, stage, done, total):
            updates.append((stage, done, total))

    stages = StageTimer(RecordedProgress())
    stages.begin("load")
    time.sleep(0.02)
    stages.begin("learn")
    assert list(stages.seconds) == ["load"]
    stages.end()
    stages.end()
    assert updates == [("load", 0, 1), ("load", 1, 1), ("learn", 0, 1), ("learn", 1, 1)]
    assert stages.seconds["load"] >= 0.02 > stages.seconds["learn"] >= 0
