import numpy as np
import pytest

from benchmarks import script
from nmjax.tasks import Suite
from tests.related import METRIC, SPACE, related_tasks


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty folder in the place of the result files."""
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def related():
    """A suite of six related tasks; one evaluation of the last one failed."""
    tasks = related_tasks()
    score = tasks.scores.copy()
    score[-1, 7] = np.nan
    names = tuple(f"task {i}" for i in range(len(score)))
    return Suite(
        name="related",
        space=SPACE,
        tasks=names,
        families=tuple((name,) for name in names),
        pool=tasks.pool,
        metrics={METRIC.name: score},
        metric_info={METRIC.name: METRIC},
        score_metric=METRIC.name,
        test_metric=None,
        license="none",
        citation="none",
        package="related 0",
    )
