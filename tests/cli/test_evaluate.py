"""`nmjax evaluate` on transnas-like toys: what it prints, writes and refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

import nmjax.tasks
from nmjax.cli.__main__ import main
from nmjax.evaluation import protocol, step_search, trajectories, user_search
from nmjax.evaluation.trajectories import Trajectories, read_trajectories, write_trajectories
from nmjax.spaces import Choice, Space
from nmjax.tasks import Suite
from nmjax.types import Metric

SPACE = Space.build("toy", tuple(Choice(name, "xyz") for name in "abcd"))
BUDGET = 20
USER = """
import numpy

class Random:
    def __init__(self, task):
        self.pool, self.random = task.pool, numpy.random.default_rng(task.seed)

    def ask(self):
        return self.random.choice(self.pool)

    def tell(self, architecture, score):
        if numpy.isnan(score):
            raise RuntimeError("broken search")
"""


@pytest.fixture(autouse=True)
def suite(tmp_path, monkeypatch):
    """A suite of three tasks, of which the searches of two methods are kept."""
    pool = np.stack(np.unravel_index(np.arange(81), SPACE.num_options), -1).astype(np.int32)
    rng = np.random.default_rng(0)
    made = Suite(
        name="toy",
        space=SPACE,
        tasks=("a", "b", "c"),
        families=(("a",), ("b",), ("c",)),
        pool=pool,
        metrics={"score": rng.normal(size=(3, 81)).astype(np.float32)},
        metric_info={"score": Metric("score", "points")},
        score_metric="score",
        test_metric=None,
        license="none",
        citation="none",
        package="toy 0",
    )
    rows = rng.permuted(np.tile(np.arange(81), (2, 3, 2, 1)), axis=-1)[..., :BUDGET]
    kept = {
        "random": Trajectories(rows[0], False, "baseline", 0.1),
        "rival": Trajectories(rows[1, :, :1], True, "peer", 9.0),
    }
    write_trajectories(tmp_path / "toy.npz", made, kept)
    monkeypatch.setattr(trajectories, "PACKAGED", tmp_path)
    for module in (user_search, step_search):
        monkeypatch.setattr(module, "BUDGET", BUDGET)
    monkeypatch.setattr(protocol, "HISTORY_SIZE", 30)
    monkeypatch.setattr(nmjax.tasks, "load_suite", lambda name, data: made)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    (tmp_path / "user_module.py").write_text(USER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return made


@pytest.mark.slow
def test_a_user_search_stands_among_the_others(suite, tmp_path, capsys):
    flags = ("--benchmark", "toy", "--seeds", "2", "--out", "new")
    assert main(["evaluate", "user_module:Random", *flags]) == 0
    text = capsys.readouterr().out
    assert "Average rank after 20 evaluations over 3 tasks" in text
    lines = text.splitlines()
    for name in ("random", "rival", "user_module:Random"):
        assert any(line.startswith(name) for line in lines)
    assert text.rstrip().endswith("Wrote new.")
    found = read_trajectories(tmp_path / "new" / "trajectories.npz", suite)
    assert found["user_module:Random"].rows.shape == (3, 2, BUDGET)
    results = json.loads((tmp_path / "new" / "results.json").read_text())
    assert {row["reach"] for row in results["rows"] if "reach" in row} == {"random", "rival"}
    assert (tmp_path / "new" / "ranks.png").stat().st_size > 5000


def test_an_interrupted_run_continues_with_the_same_search_only(tmp_path, capsys, monkeypatch):
    calls = []

    def interrupted(name, *_, seeds, path, **__):
        calls.append((name, seeds, path))
        raise KeyboardInterrupt

    monkeypatch.setattr(user_search, "evaluate_user_search", interrupted)
    begun = ("--benchmark", "toy", "--seeds", "3", "--out", "run")
    for flags in (begun, ("--resume", "run")):
        with pytest.raises(KeyboardInterrupt):
            main(["evaluate", "user_module:Random", *flags])
    assert calls == [("user_module:Random", 3, Path("run/finished.npz"))] * 2
    assert main(["evaluate", "user_module:Other", "--resume", "run"]) == 2
    assert "run holds a run of user_module:Random" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "flags", "says"),
    [
        ("user_module:Random", ("--seeds", "0"), "--seeds 0"),
        ("user_module:none", (), "has no function 'none'"),
        ("user_module:USER", ("--out", "."), "not empty"),
    ],
)
def test_invalid_input_is_reported(capsys, name, flags, says):
    assert main(["evaluate", name, "--benchmark", "toy", *flags]) == 2
    assert says in capsys.readouterr().err


def test_a_suite_without_stored_searches_is_refused(tmp_path, capsys):
    (tmp_path / "toy.npz").rename(tmp_path / "other.npz")
    assert main(["evaluate", "user_module:Random", "--benchmark", "toy"]) == 2
    assert "choose one of other" in capsys.readouterr().err
