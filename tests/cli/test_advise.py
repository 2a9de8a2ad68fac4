import itertools

import numpy as np
import pytest

from nmjax.cli.__main__ import main
from nmjax.spaces import Choice, Space
from nmjax.tasks import append_evaluations, create_store, make_history, write_history

SPACE = Space.build("toy", tuple(Choice(name, "xyz") for name in "abcd"))
POOL = np.array(list(itertools.product(range(3), repeat=4)), np.int32)
TASKS = ("cora", "cs", "photo")


def loss(seed):
    return POOL @ [3, 1, 1, 0] + np.random.default_rng(seed).normal(0, 0.3, len(POOL))


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """Three related tasks, and a file with evaluations of a fourth."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    store = create_store("kept", SPACE, metrics=("loss",))
    for seed, task in enumerate(TASKS):
        append_evaluations(store, task, POOL, {"loss": loss(seed)})
    rows = np.random.default_rng(9).permutation(len(POOL))
    for name, number in (("few.csv", 6), ("many.csv", 11)):
        values = loss(7)[rows[:number]]
        values[1] = np.nan
        history = make_history(POOL[rows[:number]][None], {"loss": values[None]}, space=SPACE)
        write_history(name, history, SPACE, tasks=["new"])


def nmjax(capsys, *arguments, code=0):
    assert main(["advise", *arguments]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err


@pytest.mark.slow
def test_a_file_gets_its_advice(capsys):
    text = nmjax(
        *(capsys, "kept", "--minimize", "loss", "--new", "few.csv"),
        *("--budget", "6", "--replays", "2"),
    )
    assert "will 3 past tasks help with new?" in text
    assert "Estimated from 6 evaluations of new, 1 of them failed." in text
    line = next(line for line in text.splitlines() if line.startswith("probability"))
    estimate, low, _, high = (word if word == "to" else float(word) for word in line.split()[4:])
    assert 0 < low <= estimate <= high < 1
    assert "the best score of 6 evaluations without the past" in text
    assert "uncalibrated" in text
    assert "saves" not in text
    similar = {
        line.split()[0]: float(line.split()[1])
        for line in text.splitlines()
        if line.startswith(TASKS)
    }
    assert set(similar) == set(TASKS)
    assert min(similar.values()) > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "neither or both of --target and --new"),
        (("--target", "cs", "--new", "few.csv"), "neither or both of --target and --new"),
        (("--target", "corra"), "did you mean 'cora'"),
        (("--target", "cs", "--first", "11"), "--first 11"),
        (("--target", "cs", "--tasks", "cs", "cora"), "Got 1 past task"),
        (("--target", "cs", "--budget", "0"), "--budget 0"),
        (("--target", "cs", "--replays", "0"), "--replays 0"),
        (("--target", "cs", "--evaluations", "30", "--budget", "15"), "give from 1 to 14"),
        (("--target", "cs", "--evaluations", "9"), "at least 10 of each past task"),
        (("--new", "many.csv"), "11 evaluations of 1 task"),
        (("--new", "none.csv"), "none.csv"),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(capsys, arguments, says):
    message = nmjax(capsys, "kept", "--minimize", "loss", *arguments, code=2)
    assert says in message
    assert message.count("\n") == 1
