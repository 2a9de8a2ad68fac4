import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import adapt_limit

COST = np.random.default_rng(0).gamma(2.0, 1.0, 400).astype(np.float32)


def test_a_device_that_ranks_alike_has_the_same_feasible_set():
    target = (0.3 * COST**1.7 + 0.1)[::-1]
    for limit in (0.5, 2.0, 5.0):
        ours = adapt_limit(limit, COST, target)
        np.testing.assert_allclose(ours, 0.3 * limit**1.7 + 0.1, rtol=0.02)
        assert abs(int(np.sum(target <= ours)) - int(np.sum(limit >= COST))) <= 1


def test_as_many_meet_it_where_devices_disagree():
    rng = np.random.default_rng(1)
    target = rng.lognormal(size=1000).astype(np.float32)
    ours = jax.vmap(adapt_limit, in_axes=(0, None, None))(
        jnp.array([1.0, 3.0]), jnp.asarray(COST), jnp.asarray(target)
    )
    for limit, moved in zip([1.0, 3.0], ours, strict=True):
        assert abs(np.mean(target <= moved) - np.mean(limit >= COST)) < 0.003


def test_the_same_device_keeps_its_limit_and_ends_are_ends():
    np.testing.assert_allclose(adapt_limit(1.3, COST, COST), 1.3, rtol=1e-5)
    np.testing.assert_allclose(adapt_limit(1e9, COST, 2 * COST), 2 * COST.max(), rtol=1e-6)


def test_costs_are_vectors():
    with pytest.raises(NmjaxError, match=r"\[20, 20\]"):
        adapt_limit(1.0, COST.reshape(20, 20), COST)
