"""`nmjax bench` on a toy suite: what it writes, continues and refuses."""

import json
from functools import partial

import numpy as np
import pytest

import nmjax.evaluation
import nmjax.tasks
from nmjax.cli.__main__ import main
from nmjax.evaluation import run_suite, suite_runs
from tests.experiments.two_processes import prepare_toy

FLAGS = ("bench", "toy", "--methods", "random", "evolution", "--seeds", "2", "--budget", "20")


@pytest.fixture(autouse=True)
def toy(suite, tmp_path, monkeypatch):
    monkeypatch.setattr(nmjax.tasks, "load_suite", lambda name, data: suite)
    monkeypatch.setattr(nmjax.evaluation, "run_suite", partial(run_suite, prepare=prepare_toy))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_an_interrupted_run_is_resumed_and_has_the_rows_of_an_uninterrupted_one(
    tmp_path, capsys, monkeypatch
):
    assert main([*FLAGS, "--out", "whole"]) == 0
    assert "Average rank after 20 evaluations over 3 tasks" in capsys.readouterr().out

    def write_then_stop(*arguments, **settings):
        write(*arguments, **settings)
        raise KeyboardInterrupt

    write = suite_runs.write_finished
    monkeypatch.setattr(suite_runs, "write_finished", write_then_stop)
    with pytest.raises(KeyboardInterrupt):
        main([*FLAGS, "--out", "part"])
    monkeypatch.setattr(suite_runs, "write_finished", write)
    assert {path.name for path in (tmp_path / "part").iterdir()} == {"config.json", "finished.npz"}
    assert main(["bench", "--resume", "part"]) == 0
    found = [np.load(tmp_path / name / "trajectories.npz") for name in ("whole", "part")]
    for name in ("random", "evolution"):
        np.testing.assert_array_equal(found[0][name], found[1][name])
    config = json.loads((tmp_path / "part" / "results.json").read_text())["config"]
    assert (config["suite"], config["processes"]) == ("toy", 1)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--budget", "10"), "20 evaluations and one seed"),
        (("--seeds", "0"), "--seeds 0"),
        (("--methods", "random"), "give two methods to compare"),
        (("--methods", "random", "rndom"), "did you mean 'random'"),
        (("--process-id", "0"), "without --distributed"),
        (("--resume", "none"), "with --resume, which continues"),
    ],
)
def test_invalid_runs_are_refused_before_a_folder_is_made(tmp_path, capsys, flags, says):
    assert main([*FLAGS, *flags]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert not (tmp_path / "runs").exists()


def test_what_another_command_wrote_is_not_resumed(tmp_path, capsys):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"search": "mine", "seeds": 2}')
    assert main(["bench", "--resume", "other"]) == 2
    assert "give --resume a folder that `nmjax bench` wrote" in capsys.readouterr().err
