import itertools

import numpy as np
import pytest
from pyarrow import parquet

from nmjax.cli.__main__ import main
from nmjax.cli.past_options import PastConfig, draw_past
from nmjax.spaces import Choice, Space
from nmjax.tasks import append_evaluations, create_store, open_store

SPACE = Space.build(
    "toy", (Choice("a", "wxyz"), Choice("b", "uv"), Choice("c", (1, 2, 4, 8), "ordinal"))
)
POOL = np.array(list(itertools.product(range(4), range(2), range(4))), np.int32)


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """Two tasks over all 32 architectures: a=z is good on both, c=8 fails on both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    store = create_store("kept", SPACE, metrics=("seconds", "loss"))
    for seed, task in enumerate(("cora", "cs")):
        noise = np.random.default_rng(seed).uniform(0, 0.2, len(POOL))
        loss = np.where(POOL[:, 2] == 3, np.nan, 1 - (POOL[:, 0] == 3) + noise)
        seconds = 1.0 + POOL[:, 2] + 2 * (POOL[:, 0] == 3)
        append_evaluations(store, task, POOL, {"seconds": seconds, "loss": loss})


def nmjax(capsys, *arguments, code=0):
    assert main(["patterns", *arguments]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err


@pytest.mark.slow
def test_a_store_has_its_patterns_printed_and_drawn(capsys, tmp_path):
    text = nmjax(
        *(capsys, "kept", "--minimize", "loss", "--cost", "seconds"),
        *("--share", "0.25", "--out", "found"),
    )
    best, failed = text.split("Enriched among the failed")
    row = next(line.split() for line in best.splitlines() if line.startswith("a=z "))
    assert row[-1] == "all"
    assert not any(line.startswith(("a=w ", "b=u ", "c=8 ")) for line in best.splitlines())
    assert any(line.startswith("c=8 ") for line in failed.splitlines())
    shares = failed.split("Share of the variance")[1].splitlines()
    order = [line.split()[0] for line in shares if line.startswith(("a ", "b ", "c "))]
    assert order[0] == "a"
    fronts = failed.split("the front, and")[1]
    for task, volume in (("cora", 0.421), ("cs", 0.418)):  # by hand, slab by slab
        row = next(line.split() for line in fronts.splitlines() if line.startswith(task))
        assert row == [task, "3", f"{volume:.3f}"]
    assert "Wrote found." in text
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert names == {"motifs.parquet", "motifs.png", "sensitivity.png", "tradeoffs.png"}
    table = parquet.read_table(tmp_path / "found" / "motifs.parquet").to_pylist()
    assert {row["among"] for row in table} == {"the best 25%", "the failed"}
    lift = next(row for row in table if row["motif"] == "a=z" and "best" in row["among"])
    assert max(lift["everywhere"], lift["rate cora"], lift["rate cs"]) < 0.05


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("kept", "--maximize", "los"), "did you mean 'loss'"),
        (("kept", "--minimize", "loss", "--cost", "second"), "did you mean 'seconds'"),
        (("kept", "--minimize", "loss", "--tasks", "corra"), "did you mean 'cora'"),
        (("kept", "--minimize", "loss", "--evaluations", "0"), "Got evaluations=0"),
        (("kept", "--share", "1"), "--share 1"),
        (("kept", "--minimize", "loss", "--out", "kept"), "is not empty"),
        (("absent",), "Unknown suite 'absent'"),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(capsys, arguments, says):
    message = nmjax(capsys, *arguments, code=2)
    assert says in message
    assert message.count("\n") == 1


def test_tasks_without_a_success_are_left_out(capsys):
    store = open_store("kept")
    nothing = {"seconds": np.ones(32), "loss": np.full(32, np.nan)}
    append_evaluations(store, "photo", POOL, nothing)
    past, _ = draw_past(PastConfig("kept", minimize="loss"))
    assert past.tasks == ("cora", "cs")
    assert "Left out, as 'loss' is NaN in all evaluations: photo" in capsys.readouterr().err
    message = nmjax(capsys, "kept", "--minimize", "loss", "--tasks", "photo", code=2)
    assert "No task of 'kept' has a successful evaluation of 'loss'" in message
    assert message.count("\n") == 1
