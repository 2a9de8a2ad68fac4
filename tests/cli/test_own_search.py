"""`nmjax search` on a user's own problem: with an objective, and without one."""

import csv
import importlib
import itertools
import json

import pytest

from nmjax.cli.__main__ import main
from nmjax.knowledge import default_knowledge

MODULE = """
from nmjax.spaces import Space

space = Space(op=["conv", "pool", "skip"], width=[16, 32, 64])
calls = []

def train(op, width):
    calls.append((op, width))
    if op == "skip":
        raise RuntimeError("no gradient")
    return 1.0 - (op == "conv") * 0.5 + 4.0 / width

def broken(**choices):
    raise KeyError("no data")
"""
OPS, WIDTHS = ("conv", "pool", "skip"), (16, 32, 64)


def loss(op, width, task):
    return 1.0 - (op == "conv") * 0.5 + 4.0 / width + 0.01 * task


@pytest.fixture(autouse=True)
def problem(tmp_path, monkeypatch):
    """A space, an objective, and a file with two past tasks, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    monkeypatch.syspath_prepend(tmp_path)
    name = f"problem_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    with (tmp_path / "past.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("task", "op", "width", "loss"))
        for task, op, width in itertools.product((0, 1), OPS, WIDTHS):
            writer.writerow((f"t{task}", op, width, loss(op, width, task)))
    return name


def search(capsys, *arguments, code=0):
    assert main(["search", *arguments]) == code
    return capsys.readouterr()


@pytest.mark.slow
def test_an_objective_is_minimized_and_what_was_found_is_said(problem, capsys, tmp_path):
    flags = ("--space", f"{problem}:space", "--minimize", "loss", "--budget", "9")
    printed = search(capsys, *flags, "--objective", f"{problem}:train", "--out", "found")
    assert "Best of 9 evaluations: op=conv width=64" in printed.out
    assert "0.5625 (lower is better)" in printed.out
    assert "Wrote found." in printed.out
    assert "RuntimeError: no gradient" in printed.err
    result = json.loads((tmp_path / "found" / "results.json").read_text())
    best = result["rows"][0]["best_architecture"]
    assert (best["config"], best["value"]) == ({"op": "conv", "width": 64}, 0.5625)
    assert best["direction"] == "min"
    assert len(result["rows"]) == 10
    lines = (tmp_path / "found" / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line)["evaluation"] for line in lines] == list(range(1, 10))
    assert sum(json.loads(line)["state"] == "failed" for line in lines) == 3


@pytest.mark.slow
def test_without_an_objective_the_next_architectures_are_printed(problem, capsys, tmp_path):
    flags = ("--history", "past.csv", "--space", f"{problem}:space", "--minimize", "loss")
    suggested = json.loads(search(capsys, *flags, "--suggestions", "3", "--json").out)
    assert len(suggested) == len({tuple(config.items()) for config in suggested}) == 3
    assert {"op": "conv", "width": 64} in suggested
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_limits_of_the_past_are_kept(problem, capsys, monkeypatch):
    asked = {}

    def learn(past, *, seed, config):
        asked.update(past=past, config=config)
        return default_knowledge(past.space, past.metric)

    monkeypatch.setattr("nmjax.knowledge.learn", learn)
    flags = ("--history", "past.csv", "--space", f"{problem}:space", "--minimize", "loss")
    limits = ("--max-tasks", "1", "--rows-per-task", "4")
    printed = search(capsys, *flags, *limits, "--suggestions", "1", "--json")
    assert "Learning from 1 past task." in printed.err
    assert asked["past"].scores.shape == (1, 4)
    assert (asked["config"].max_tasks, asked["config"].task_rows) == (1, 4)


@pytest.mark.slow
def test_an_objective_that_always_fails_stops_early(problem, capsys):
    flags = ("--space", f"{problem}:space", "--objective", f"{problem}:broken", "--out", "found")
    assert "KeyError: 'no data'" in search(capsys, *flags, code=2).err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--history", "past.csv"), "give --maximize or --minimize NAME"),
        (("--history", "past.csv", "--maximize", "loss"), "give --space MODULE:NAME"),
        (("--history", "past.csv", "--maximize", "a", "--minimize", "b"), "Got both"),
        (("--space", "nas-bench-graph", "--target", "cora"), "Got --target"),
        (("--space", "nas-bench-graph", "--seeds", "2"), "Got --seeds"),
        (("--space", "nas-bench-graph", "--budget", "0"), "--budget 0"),
        (("--space", "nas-bench-graph", "--suggestions", "0"), "--suggestions 0"),
        (("--space", "nas-bench-graph", "--objective", "math:none"), "no function 'none'"),
        (("--space", "nas-bench-grap"), "did you mean 'nas-bench-graph'"),
        (("--objective", "math:sqrt"), "Got --objective without --history or --space"),
        (("--suggestions", "3"), "Got --suggestions without --history or --space"),
        (("--task-name", "a"), "Got --task-name without --history or --space"),
        (("--space", "nas-bench-graph", "--out", "found"), "Got --out without --objective"),
        (("--space", "nas-bench-graph", "--distributed"), "Got --distributed"),
        (("--space", "nas-bench-graph", "--max-tasks", "2"), "Got --max-tasks 2"),
        (("--history", "past.csv", "--rows-per-task", "0"), "Got --rows-per-task 0"),
        (("--rows-per-task", "2"), "Got --rows-per-task without --history or --space"),
        (
            ("--space", "nas-bench-graph", "--objective", "math:sqrt", "--suggestions", "2"),
            "Got --suggestions with --objective",
        ),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(capsys, flags, says):
    captured = search(capsys, *flags, code=2)
    assert says in captured.err
    assert captured.out == ""


def test_the_folder_is_made_before_anything_is_learned(problem, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("nmjax.cli.search.own_search._make_study", None)
    (tmp_path / "file").touch()
    flags = ("--space", f"{problem}:space", "--objective", f"{problem}:train", "--out", "file/x")
    assert "cannot be made or written to" in search(capsys, *flags, code=2).err


@pytest.mark.slow
def test_an_interrupted_search_is_continued_as_if_it_had_not_been(problem, capsys, tmp_path):
    flags = ("--space", f"{problem}:space", "--minimize", "loss", "--budget", "7")
    flags = (*flags, "--objective", f"{problem}:train")
    search(capsys, *flags, "--out", "whole")
    module = importlib.import_module(problem)
    train, stop_at = module.train, len(module.calls) + 4

    def interrupted(**choices):
        if len(module.calls) == stop_at:
            raise KeyboardInterrupt
        return train(**choices)

    module.train = interrupted
    with pytest.raises(KeyboardInterrupt):
        main(["search", *flags, "--out", "part"])
    assert len((tmp_path / "part" / "trials.jsonl").read_text().splitlines()) == 4
    module.train = train
    printed = search(capsys, "--resume", "part")
    assert "Continuing after 4 evaluations." in printed.err
    trials = [(tmp_path / name / "trials.jsonl").read_text() for name in ("whole", "part")]
    assert trials[0] == trials[1]
    assert len(module.calls) == 14


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--resume", "none"), "none/config.json is not that of an interrupted run"),
        (("--resume", "bad"), "bad/config.json is not that of an interrupted run"),
        (("--resume", "done"), "done holds a finished run"),
        (("--resume", "bad", "--budget", "7"), "Got --budget with --resume"),
        (("--resume", "bad", "--out", "x"), "Got --out with --resume"),
    ],
)
def test_searches_that_cannot_resume_are_refused_in_one_line(capsys, tmp_path, flags, says):
    for name, file in (("bad", "config.json"), ("done", "results.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("[]")
    printed = search(capsys, *flags, code=2)
    assert says in printed.err
    assert printed.err.count("\n") == 1
