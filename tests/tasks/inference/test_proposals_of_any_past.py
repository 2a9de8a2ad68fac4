"""The space proposed from any written past reads the same configurations again."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax.errors import NmjaxError
from nmjax.spaces.description.options import is_equal, option_text, reads_as
from nmjax.tasks import propose_space, read_history, stack_tasks, write_history
from tests.spaces.test_properties import any_space, draw_architecture

ROWS = 12


@st.composite
def any_rows(draw):
    """A space and some of its architectures, with duplicates."""
    space = draw(any_space())
    data = type("Data", (), {"draw": staticmethod(draw)})
    different = [draw_architecture(data, space) for _ in range(ROWS // 2)]
    return space, [different[place % len(different)] for place in range(ROWS)]


def check(space, rows, path):
    architecture, continuous = map(np.stack, zip(*rows, strict=True))
    numbers = {"the row": np.arange(ROWS)}
    history = stack_tasks([architecture], [numbers], continuous=[continuous], space=space)
    write_history(path, history, space, tasks=["a"], task="the task")
    arguments = {"metrics": ["the row"], "task": "the task"}
    try:
        proposal = propose_space(path, **arguments)
    except NmjaxError:  # No column is a choice.
        return
    names = {}
    exec(proposal.source(), names)
    assert names["space"] == proposal.space
    if "which are outside the space" in str(proposal):
        arguments["drop_outside"] = True
    past = read_history(path, proposal.space, columns=proposal.renamed, **arguments)
    found = past.history
    for place, row in enumerate(np.asarray(found.metrics["the row"][0], int)):
        mine = space.to_config(*rows[row])
        theirs = proposal.space.to_config(found.architecture[0, place], found.continuous[0, place])
        for name, value in theirs.items():
            column = proposal.renamed.get(name, name)
            assert alike(mine.get(column), value), (space, proposal, name)
        for name, value in mine.items():
            assert name in theirs or value is None or left_out(proposal, name)


def alike(mine, theirs):
    """Whether two options have equal text, or are equal in float32."""
    if isinstance(mine, int | float) and isinstance(theirs, int | float):
        return mine == pytest.approx(theirs, rel=1e-6)
    text = option_text(mine)
    return is_equal(mine, theirs) or text == option_text(theirs) or reads_as(text.strip(), theirs)


def left_out(proposal, name):
    return any(report.column == name and report.choice is None for report in proposal.columns)


@pytest.mark.parametrize(
    ("suffix", "examples"),
    [
        ("csv", 2),
        pytest.param("csv", 30, marks=pytest.mark.slow),
        pytest.param("jsonl", 30, marks=pytest.mark.slow),
    ],
)
def test_the_proposed_space_reads_the_same_configurations(suffix, examples):
    @settings(deadline=None, max_examples=examples, derandomize=True)
    @given(any_rows())
    def run(given_rows):
        with tempfile.TemporaryDirectory() as folder:
            check(*given_rows, Path(folder) / f"past.{suffix}")

    run()
