"""Several processes write one history."""

import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np
import pytest

from nmjax.tasks import create_store, list_tasks, load_history, open_store
from tests.tasks.writers import SPACE

WRITERS = Path(__file__).with_name("writers.py")


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
    """Let them write; which batches they were told had arrived."""
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
