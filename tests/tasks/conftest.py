import numpy as np
import pytest

from nmjax.spaces import Choice, Space
from nmjax.tasks import Suite
from nmjax.types import Metric


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NMJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def space():
    return Space.build(
        "toy",
        (
            Choice("link", ("0012", "0123")),
            Choice("op", ("gat", "skip", "none")),
            Choice("width", (16, 64, 256), kind="ordinal", scale="log"),
            Choice("rate", (1e-8, 7.742637e-8), kind="ordinal", scale="log"),
        ),
    )


@pytest.fixture
def suite(space):
    pool = np.stack(np.unravel_index(np.arange(36), space.num_options), -1).astype(np.int32)
    grid = np.arange(5 * 36, dtype=np.float32).reshape(5, 36)
    accuracy = grid / 200
    accuracy[1, 7] = np.nan
    return Suite(
        name="toy",
        space=space,
        tasks=("a", "b", "c", "d", "e"),
        families=(("a", "b"), ("c", "d"), ("e",)),
        pool=pool,
        metrics={"acc": accuracy, "time": 1 + grid},
        metric_info={
            "acc": Metric("acc", "accuracy", "max", "log_error"),
            "time": Metric("time", "s", "min", "log"),
        },
        score_metric="acc",
        test_metric=None,
        license="none",
        citation="none",
        package="toy 0",
    )
