import os
from pathlib import Path

import pytest

from nmjax.cli.__main__ import main
from nmjax.cli.run_folder import run_folder
from nmjax.errors import NmjaxError
from nmjax.tasks import list_suites

pytestmark = pytest.mark.faults


def make(folder):
    with run_folder(folder, benchmark="b", target="t") as made:
        return made


def test_a_run_folder_is_the_next_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [make(None).as_posix() for _ in range(3)]
    assert names == ["runs/b-t-1", "runs/b-t-2", "runs/b-t-3"]
    assert make(tmp_path / "x" / "y").is_dir()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    assert make(tmp_path) == tmp_path
    (tmp_path / "results.json").touch()
    for taken in (tmp_path, tmp_path / "results.json"):
        with pytest.raises(NmjaxError, match="is not empty: give --out"):
            make(taken)
    with pytest.raises(NmjaxError, match="cannot be made or written to"):
        make(tmp_path / "results.json" / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a file system without new folders")
def test_a_folder_that_cannot_be_made_is_refused():
    with pytest.raises(NmjaxError, match="/proc/x"):
        make(Path("/proc/x"))


def test_a_run_that_fails_before_writing_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def fail(folder, *, writing):
        with run_folder(folder, benchmark="b", target="t") as made:
            assert made.is_dir()
            if writing:
                (made / "trace").touch()
            raise RuntimeError

    for folder in (None, tmp_path / "x" / "y"):
        with pytest.raises(RuntimeError):
            fail(folder, writing=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError):
        fail(None, writing=True)
    assert (tmp_path / "runs" / "b-t-1" / "trace").exists()


@pytest.fixture
def never(monkeypatch):
    """Fail the test if its command starts computing."""

    def refuse(*_, **__):
        raise AssertionError("computed before the folder was made")

    for name in (
        "nmjax.evaluation.leave_one_out.prepare",
        "nmjax.evaluation.user_search.evaluate_user_search",
        "nmjax.patterns.find_patterns",
        "nmjax.knowledge.pairwise_similarity",
    ):
        monkeypatch.setattr(name, refuse)


@pytest.mark.parametrize(
    "arguments",
    [
        ("search",),
        ("evaluate", "nmjax.search:RandomSearch"),
        ("patterns", "nas-bench-graph", "--evaluations", "20"),
        ("similarity", "nas-bench-graph", "--evaluations", "20"),
    ],
)
def test_a_command_makes_its_folder_before_it_computes(
    arguments, capsys, tmp_path, monkeypatch, never
):
    if not any(info.name == "nas-bench-graph" and info.installed for info in list_suites()):
        pytest.skip("nas-bench-graph is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    (tmp_path / "file").touch()
    assert main([*arguments, "--out", "file/x"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cannot be made or written to" in captured.err
    assert "--out" in captured.err


def test_a_folder_in_use_is_refused_until_its_run_ends(tmp_path):
    folder = tmp_path / "run"
    with run_folder(folder, benchmark="b", target="t"):
        with pytest.raises(NmjaxError, match="in use by another run"):
            make(folder)
        (folder / "trace").touch()
    with run_folder(folder, benchmark="b", target="t", resume=True) as again:
        assert (again / "trace").exists()
