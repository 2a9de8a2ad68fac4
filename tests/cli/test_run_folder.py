import pytest

from nmjax.cli.run_folder import check_run_folder, make_run_folder
from nmjax.errors import NmjaxError


def test_a_run_folder_is_the_next_free_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [make_run_folder(None, benchmark="b", target="t").as_posix() for _ in range(3)]
    assert names == ["runs/b-t-1", "runs/b-t-2", "runs/b-t-3"]
    assert make_run_folder(tmp_path / "x" / "y", benchmark="b", target="t").is_dir()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    check_run_folder(None)
    check_run_folder(tmp_path)
    (tmp_path / "results.json").touch()
    for taken in (tmp_path, tmp_path / "results.json"):
        with pytest.raises(NmjaxError, match="is not empty: give --out"):
            make_run_folder(taken, benchmark="b", target="t")
    with pytest.raises(NmjaxError, match="No run folder could be made"):
        make_run_folder(tmp_path / "results.json" / "x", benchmark="b", target="t")
