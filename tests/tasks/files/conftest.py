"""Folders of histories, local and on an object store, and a history to write."""

import fsspec
import jax
import pytest

from nmjax.tasks import (
    create_store,
    sample_history,
    stack_tasks,
)


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    """A folder of a file system, and the URL of one of an object store."""
    if request.param == "local":
        yield str(tmp_path)
    else:
        yield f"memory:/{tmp_path}"
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def store(place, space):
    return create_store(f"{place}/past", space, metrics=("acc", "time"))


@pytest.fixture
def history(suite):
    """Tasks of 36 and 20 evaluations, one of them failed."""
    drawn = sample_history(jax.random.key(0), suite, ("b", "e"), 36)
    return stack_tasks(
        [drawn.architecture[0], drawn.architecture[1, :20]],
        [{n: v[i, :m] for n, v in drawn.metrics.items()} for i, m in ((0, 36), (1, 20))],
    )
