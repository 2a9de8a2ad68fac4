"""The command `history` in an empty folder with a file of past evaluations."""

import pytest

from nmjax.cli.__main__ import main

HEADER = "data,rows,link,op1,op2,op3,op4,top1\n"
LINES = (
    "cora,2708,0000,gat,gcn,gin,fc,0.8",
    "cora,2708,0000,gat,gcn,gin,skip,nan",
    "cora,2708,0000,gat,gcn,gin,fc,0.8",
    "cs,18333,0012,gat,gcn,gin,fc,0.9",
)
FLAGS = (
    *("--space", "nas-bench-graph", "--metrics", "acc", "--task", "data"),
    *("--context", "rows", "--columns", "acc=top1"),
)


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """A file of four evaluations, one failed and one a duplicate."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "past.csv").write_text(HEADER + "".join(f"{line}\n" for line in LINES))


def nmjax(capsys, *arguments, code=0):
    """The text on standard output or, for refused arguments, on standard error."""
    assert main(["history", *arguments]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err
