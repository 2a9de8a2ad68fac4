import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from nmjax.errors import NmjaxError
from nmjax.predictors import init_moments, ridge_weights, update_moments


@pytest.mark.parametrize("batch", [7, 100, 500])
def test_batches_give_the_ridge_of_all(batch):
    """Scores far from zero, failures among them, and a last batch that is padded."""
    rng = np.random.default_rng(0)
    x = rng.normal(3, 1, size=(500, 5)).astype(np.float32)
    y = (1000 + x @ rng.normal(size=5) + rng.normal(size=500)).astype(np.float32)
    y[rng.permutation(500)[:40]] = np.nan
    short = -len(x) % batch
    padded = np.pad(x, [(0, short), (0, 0)]), np.pad(y, (0, short), constant_values=np.nan)
    state = init_moments(5)
    for rows, scores in zip(
        *(np.split(part, len(padded[0]) // batch) for part in padded), strict=True
    ):
        state = update_moments(state, rows, scores)
    weights, intercept = ridge_weights(state, jnp.float32(2.0))
    known = ~np.isnan(y)
    exact = Ridge(alpha=2.0).fit(x[known].astype(float), y[known].astype(float))
    assert float(state.number) == known.sum()
    np.testing.assert_allclose(weights, exact.coef_, atol=2e-3)
    np.testing.assert_allclose(intercept, exact.intercept_, rtol=1e-5)


def test_batches_without_a_success_change_nothing():
    failed = jnp.full((4,), jnp.nan)
    for state in (init_moments(2), update_moments(init_moments(2), jnp.eye(2), jnp.ones(2))):
        after = update_moments(state, jnp.ones((4, 2)), failed)
        for old, new in zip(state, after, strict=True):
            np.testing.assert_allclose(new, old, atol=1e-6)


def test_batches_of_another_shape_are_refused():
    with pytest.raises(NmjaxError, match="y of shape"):
        update_moments(init_moments(2), jnp.zeros((3, 2)), jnp.zeros(1))
