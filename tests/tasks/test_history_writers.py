"""Several processes write one history."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.tasks import append_evaluations, create_store, list_tasks, load_history, open_store
from nmjax.tasks.files.store_reader import load_task
from tests.tasks import killed_writers
from tests.tasks.writers import SPACE

WRITERS = Path(__file__).with_name("writers.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bucket(monkeypatch):
    """The URL of a new bucket; needs moto[server] and s3fs."""
    moto, boto3 = pytest.importorskip("moto.server"), pytest.importorskip("boto3")
    pytest.importorskip("s3fs").S3FileSystem.clear_instance_cache()
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    for name, value in {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = uuid.uuid4().hex
    boto3.client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    server.stop()


@pytest.fixture(params=["file", "s3"])
def shared(request, tmp_path):
    """A folder that several processes reach."""
    s3 = request.param == "s3"
    return f"{request.getfixturevalue('bucket')}/past" if s3 else f"file://{tmp_path}/past"


def run_writers(mode, folder, logs):
    """Run the writers, and return the batches whose append returned."""
    subprocess.run([sys.executable, WRITERS, mode, folder, logs], check=True)
    return {int(line) for log in logs.glob("*.log") for line in log.read_text().split()}


@pytest.mark.slow
def test_killed_writers_lose_at_most_what_was_in_flight(tmp_path, shared):
    acknowledged = run_writers("killed", shared, tmp_path)
    found = load_history(open_store(shared)).history
    numbers, counts = np.unique(found.metrics["acc"], return_counts=True)
    assert {number // 1000 for number in acknowledged} == set(range(8))
    np.testing.assert_array_equal(counts, 3000)
    assert acknowledged <= set(numbers)
    unacknowledged = set(numbers) - acknowledged
    assert len({number // 1000 for number in unacknowledged}) == len(unacknowledged)


@pytest.mark.slow
def test_writers_at_once_lose_nothing_of_each_other(tmp_path, shared):
    store = create_store(shared, SPACE, metrics=("acc",))
    assert list_tasks(store) == ()
    run_writers("together", shared, tmp_path)
    past = load_history(store)
    found, tasks = past.history, past.tasks
    assert tasks == ("t",)
    numbers, counts = np.unique(found.metrics["acc"], return_counts=True)
    np.testing.assert_array_equal(numbers, [*range(1000, 1015), *range(2000, 2015)])
    np.testing.assert_array_equal(counts, 3000)
    for writer in (1, 2):
        mine = found.metrics["acc"][0][found.metrics["acc"][0] // 1000 == writer]
        assert (np.diff(mine) >= 0).all()


def numbers_by_task(folder):
    """{task: numbers of its evaluations} in a folder that a writer left."""
    try:
        store = open_store(folder)
    except NmjaxError:
        return {}
    return {task: load_task(store, task).metrics["acc"] for task in list_tasks(store)}


@pytest.mark.slow
def test_what_killed_writers_leave_is_whole(tmp_path):
    kills, imports = 50, 5
    script = Path(__file__).with_name("killed_writers.py")
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, tmp_path, str(kills), str(imports)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment)
    unacknowledged = 0
    for number in range(kills):
        folder, log = tmp_path / str(number), (tmp_path / f"{number}.log").read_text().split()
        found = numbers_by_task(folder)
        assert len(found) in (0, len(killed_writers.TASKS))
        assert len({tuple(sorted(values)) for values in found.values()}) < 2
        written = np.unique(next(iter(found.values()), []))
        if number < imports:
            assert len(written) == killed_writers.ROWS * (len(found) > 0)
            assert len(found) or not log
        else:
            assert len(written) - len(log) in (0, 1)
            np.testing.assert_array_equal(written, range(len(written)))
            unacknowledged += len(written) - len(log)
        store = create_store(folder, killed_writers.SPACE, metrics=("acc",))
        append_evaluations(store, "new", [[0]], {"acc": [7.0]})
        assert numbers_by_task(folder).keys() == {*found, "new"}
        assert not list(folder.glob(".*"))
    assert unacknowledged > 0
