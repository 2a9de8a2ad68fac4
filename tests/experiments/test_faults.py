"""Disks that are full or read-only: a clear error, and what was written before stays whole."""

import os
import resource
import subprocess
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nmjax
from nmjax.cli.__main__ import main
from nmjax.errors import NmjaxError
from nmjax.experiments import (
    Result,
    collect_provenance,
    latest_step,
    read_result,
    restore_checkpoint,
    run_chunked,
    save_checkpoint,
    write_result,
)
from nmjax.tasks import append_evaluations, count_evaluations, create_store

pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
MODULE = """
import nmjax
space = nmjax.Space(op=["conv", "pool", "skip"], width=[16, 32, 64])

def train(op, width):
    return (op == "conv") + width / 64
"""


@contextmanager
def full_disk(free=4096):
    """Let every write fail beyond `free` bytes of a file, as on a disk without space."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of 160 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", place]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def make_read_only():
    """Function that makes a folder read-only, also for root, who ignores permissions."""
    mounted = []

    def make(folder):
        folder.chmod(0o500)
        if os.geteuid() == 0:
            for mount in (["--bind", folder, folder], ["-o", "remount,bind,ro", folder]):
                if subprocess.run(["mount", *mount], capture_output=True).returncode:
                    pytest.skip("needs the right to mount")
                mounted.append(folder)
        return folder

    yield make
    for folder in set(mounted):
        subprocess.run(["umount", "-l", folder], check=True)


def noise(size):
    """Numbers that do not compress."""
    return np.random.default_rng(0).normal(size=size)


@jax.jit
def grow(state, chunk):
    """Infos are noise, so that checkpoints grow."""
    key = jax.random.fold_in(jax.random.key(0), chunk)
    return state + 1, jax.random.normal(key, (500, 8)) + state


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path):
    save_checkpoint(tmp_path, 1, jnp.arange(3.0))
    with full_disk(), pytest.raises(NmjaxError, match=r"step 2 cannot be written.*free space"):
        save_checkpoint(tmp_path, 2, noise(100_000))
    assert latest_step(tmp_path) == 1
    np.testing.assert_array_equal(restore_checkpoint(tmp_path, jnp.zeros(3)).pytree, jnp.arange(3))
    save_checkpoint(tmp_path, 2, noise(10))
    assert restore_checkpoint(tmp_path, noise(10)).step == 2


def test_a_run_on_a_disk_that_fills_up_continues_with_the_same_bits_once_there_is_space(
    tmp_path, tiny_disk
):
    expected = run_chunked(grow, jnp.zeros(()), num_chunks=5)[1]
    with pytest.raises(NmjaxError, match=r"cannot be written.*the checkpoint before is kept"):
        run_chunked(grow, jnp.zeros(()), num_chunks=5, folder=tiny_disk)
    saved = latest_step(tiny_disk)
    assert 1 <= saved < 5
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-r", tiny_disk, moved], check=True)
    _, infos = run_chunked(grow, jnp.zeros(()), num_chunks=5, folder=moved)
    assert infos.tobytes() == expected.tobytes()


def test_a_run_in_a_read_only_folder_is_refused_before_its_first_chunk(tmp_path, make_read_only):
    def never(state, chunk):
        raise AssertionError("ran before the folder was checked")

    folder = make_read_only(tmp_path)
    for place in (folder, folder / "new"):
        with pytest.raises(NmjaxError, match="cannot be made or written to"):
            run_chunked(never, jnp.zeros(()), num_chunks=2, folder=place, info_like=())


def test_a_finished_run_is_read_back_from_a_read_only_folder(tmp_path, make_read_only):
    state, infos = run_chunked(grow, jnp.zeros(()), num_chunks=2, folder=tmp_path)
    make_read_only(tmp_path)
    again = run_chunked(grow, jnp.zeros(()), num_chunks=2, folder=tmp_path)
    assert float(again[0]) == float(state)
    np.testing.assert_array_equal(again[1], infos)
    with pytest.raises(NmjaxError, match="cannot be made or written to"):
        save_checkpoint(tmp_path, 3, state)


def test_a_result_that_does_not_fit_leaves_the_file_before(tmp_path):
    def result(rows):
        return Result(
            **collect_provenance(["numpy"]),
            split="none",
            seeds=(0,),
            config={},
            seconds=1.0,
            rows=rows,
        )

    path = tmp_path / "results.json"
    write_result(path, result(({"x": 1},)))
    with full_disk(), pytest.raises(NmjaxError, match="Cannot write"):
        write_result(path, result(tuple({"x": float(x)} for x in noise(1000))))
    assert read_result(path).rows == ({"x": 1},)
    assert list(tmp_path.iterdir()) == [path]


def test_an_append_that_does_not_fit_adds_no_row(tmp_path):
    store = create_store(tmp_path / "past", nmjax.Space(op=["a", "b"]), metrics=["loss"])
    append_evaluations(store, "mnist", np.zeros((3, 1), int), {"loss": noise(3)})
    with full_disk(), pytest.raises(NmjaxError, match="cannot be written"):
        append_evaluations(store, "mnist", np.zeros((5000, 1), int), {"loss": noise(5000)})
    assert count_evaluations(store) == {"mnist": 3}


def test_a_study_that_does_not_fit_leaves_the_file_before(tmp_path):
    path = tmp_path / "study.nmjax"
    study = nmjax.Study(nmjax.Space(op=["a", "b"]), 2)
    nmjax.save(study, path)
    with full_disk(200), pytest.raises(NmjaxError, match="Cannot write"):
        nmjax.save(study, path)
    assert len(nmjax.load(path).trials) == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "command",
    [
        ("search", "--benchmark", "live-mlp"),
        ("search", "--space", "problem_of_faults:space", "--objective", "problem_of_faults:train"),
        ("bench", "live-mlp"),
    ],
)
def test_a_command_refuses_a_read_only_folder_in_one_line(
    command, tmp_path, make_read_only, capsys, monkeypatch
):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))
    (tmp_path / "problem_of_faults.py").write_text(MODULE)
    (tmp_path / "folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    folder = make_read_only(tmp_path / "folder")
    for place in (folder, folder / "new"):
        assert main([*command, "--out", str(place)]) == 2
        printed = capsys.readouterr()
        assert "cannot be made or written to" in printed.err
        assert (printed.out, printed.err.count("\n")) == ("", 1)
