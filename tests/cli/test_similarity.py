import itertools

import numpy as np
import pytest
from pyarrow import parquet

from nmjax.cli.__main__ import main
from nmjax.spaces import Choice, Space
from nmjax.tasks import append_evaluations, create_store

SPACE = Space.build("toy", tuple(Choice(name, "xyz") for name in "abcd"))
POOL = np.array(list(itertools.product(range(3), repeat=4)), np.int32)


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """Two related tasks, their opposite, and two of noise."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    store = create_store("kept", SPACE, metrics=("loss",))
    signs = {"cora": 1, "cs": 1, "opposite": -1, "constant": 0, "failed": np.nan}
    for seed, (task, sign) in enumerate(signs.items()):
        noise = np.random.default_rng(seed).normal(0, 0.1, len(POOL))
        append_evaluations(store, task, POOL, {"loss": sign * (POOL.sum(1) + noise)})


def nmjax(capsys, *arguments, code=0):
    assert main(["similarity", *arguments]) == code
    captured = capsys.readouterr()
    if code == 0:
        assert captured.err in ("", "Left out, as 'loss' is NaN in all evaluations: failed\n")
        return captured.out
    assert captured.out == ""
    return captured.err


@pytest.mark.slow
def test_a_store_has_its_similarities_printed_and_drawn(capsys, tmp_path):
    text = nmjax(capsys, "kept", "--minimize", "loss", "--out", "found")
    assert {path.name for path in (tmp_path / "found").iterdir()} == {
        "similarity.parquet",
        "similarity.png",
    }
    rows = parquet.read_table(tmp_path / "found" / "similarity.parquet").to_pylist()
    assert len(rows) == 6
    found = {frozenset((row["task"], row["other"])): row for row in rows}
    assert found[frozenset(("cora", "cs"))]["low"] > 0.9
    assert found[frozenset(("cora", "opposite"))]["high"] < -0.9
    unknown = found[frozenset(("cora", "constant"))]
    assert unknown["low"] < 0 < unknown["high"]
    line = next(line for line in text.splitlines() if line.startswith("cora "))
    assert line.split()[1] == "cs"
    assert "opposite" in line.split()
    assert "Wrote found." in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("kept", "--minimize", "loss", "--measure", "ranks"), "did you mean 'rank'"),
        (("kept", "--minimize", "los"), "did you mean 'loss'"),
        (("kept", "--minimize", "loss", "--maximize", "loss"), "Got both"),
        (("nas-bench-graph", "--minimize", "valid_perf"), "give --maximize valid_perf"),
        (("kept",), "give --maximize or --minimize with one of loss"),
        (("kept", "--minimize", "loss", "--tasks", "cora"), "at least two"),
        (("kept", "--minimize", "loss", "--seed", "-1"), "--seed -1"),
        (("kept", "--minimize", "loss", "--out", "kept"), "is not empty"),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(capsys, arguments, says):
    *notes, message = nmjax(capsys, *arguments, code=2).splitlines()
    assert says in message
    assert all(note.startswith("Left out") for note in notes)
