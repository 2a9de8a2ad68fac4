import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.evaluation.leave_one_out import Prepared
from nmjax.knowledge import LearnConfig
from nmjax.predictors import Pool, PoolPrior
from nmjax.search import Problem
from nmjax.spaces import Choice, Space, pool_neighbors
from nmjax.tasks import Suite, leave_one_out, scores
from nmjax.types import Metric

SIZE = 64
FEATURES = 4


@pytest.fixture(scope="session")
def suite():
    """The toy suite."""
    return make_suite()


@pytest.fixture(scope="session")
def prepared(suite):
    """Set up by hand: what was learned is not from the past but made up."""
    return make_prepared(suite)


def make_suite():
    """Three tasks on a pool of 64 architectures."""
    space = Space.build("toy", tuple(Choice(name, (1, 2, 3, 4), kind="ordinal") for name in "abc"))
    pool = np.stack(np.unravel_index(np.arange(SIZE), space.num_options), -1).astype(np.int32)
    generator = np.random.default_rng(0)
    trend = 0.5 + 0.04 * (pool @ np.array([1.0, 2.0, -1.0]))
    accuracy = (trend + 0.01 * generator.normal(size=(3, SIZE))).astype(np.float32)
    return Suite(
        name="toy",
        space=space,
        tasks=("one", "two", "three"),
        families=(("one", "two"), ("three",)),
        pool=pool,
        metrics={
            "acc": accuracy,
            "test": accuracy[:, ::-1].copy(),
            "time": generator.uniform(1, 2, (3, SIZE)).astype(np.float32),
        },
        metric_info={
            "acc": Metric("acc", "accuracy", "max", "log_error"),
            "test": Metric("test", "accuracy", "max", "log_error"),
            "time": Metric("time", "s", "min", "log"),
        },
        score_metric="acc",
        test_metric="test",
        license="none",
        citation="none",
        package="toy 0",
    )


def make_prepared(suite):
    """The third task held out, with made-up knowledge."""
    split = leave_one_out(suite, "three")
    generator = np.random.default_rng(1)
    features = generator.normal(size=(SIZE, FEATURES)).astype(np.float32)
    ones = jnp.ones((2,))
    prior = PoolPrior(
        jnp.asarray(generator.normal(size=(2, FEATURES)), jnp.float32),
        jnp.asarray(generator.uniform(0.5, 2, (2, FEATURES)), jnp.float32),
        0.5 * ones,
        0.1 * ones,
        3 * ones,
        2 * ones,
    )
    problem = Problem(
        score=scores(suite)[split.target_index],
        pool=Pool(jnp.asarray(features), jnp.asarray(features)),
        prior=prior,
        log_weights=jnp.log(jnp.array([0.7, 0.3])),
        past_mean=jnp.asarray(features[:, 0]),
        cost=jnp.ones(SIZE),
        neighbors=pool_neighbors(suite.space, jnp.asarray(suite.pool)),
    )
    return Prepared(
        suite,
        split,
        np.array([0, 1]),
        history=None,
        knowledge=None,
        config=LearnConfig(),
        info=None,
        problem=problem,
    )
