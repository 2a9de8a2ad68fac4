import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.search import Robust, UpperConfidenceBound, build_acquisition, get_acquisition
from nmjax.search.acquisitions import ACQUISITIONS
from nmjax.testing import check_acquisition


def key():
    return jax.random.key(0)


DEFAULT = "log_expected_improvement"


@pytest.mark.parametrize(
    "name", [n if n == DEFAULT else pytest.param(n, marks=pytest.mark.slow) for n in ACQUISITIONS]
)
def test_conformance(name, world):
    check_acquisition(get_acquisition(name), world.posterior(), world.context())


@pytest.mark.slow
def test_conformance_of_sums(world):
    sums = build_acquisition({"log_expected_improvement": 1.0, "log_cheapness": 0.5})
    check_acquisition(sums, world.posterior(), world.context())


class TestBroken:
    """Acquisitions that the conformance check must reject."""

    def check(self, world, acquire, message):
        with pytest.raises(AssertionError, match=message):
            check_acquisition(acquire, world.posterior(), world.context())

    def test_components_taken_apart(self, world):
        self.check(
            world, lambda key, p, c: jnp.max(p.components.mean, 0) + p.log_weights[0], "halves"
        )

    def test_an_acquisition_that_needs_a_score_is_reported(self, world):
        self.check(world, lambda key, p, c: p.components.mean[0] - c.best, "before any evaluation")

    def test_one_value_for_all(self, world):
        self.check(world, lambda key, p, c: jnp.mean(p.components.mean), "shape")

    def test_batch_items_that_are_mixed(self, world):
        @jax.custom_batching.custom_vmap
        def below_the_best(value):
            return value - jnp.max(value)

        @below_the_best.def_vmap
        def below_the_best_of_the_batch(size, batched, value):
            return value - jnp.max(value), True

        def acquire(key, posterior, context):
            highest = jnp.max(posterior.components.mean, axis=0)
            return below_the_best(jax.lax.stop_gradient(highest))

        self.check(world, acquire, "with and without vmap")


def test_improvement_for_its_cost(world):
    """Twice the cost has to bring twice the improvement."""
    posterior, context = world.posterior(), world.context()
    acquire = build_acquisition({"log_expected_improvement": 1, "log_cheapness": 1})
    improvement = get_acquisition("expected_improvement")(key(), posterior, context)
    ours = np.exp(acquire(key(), posterior, context))
    np.testing.assert_allclose(ours, improvement / context.cost, rtol=1e-4)
    assert np.argmax(ours) != np.argmax(improvement)


def test_user_acquisitions_can_be_weighted(world):
    own = UpperConfidenceBound()
    acquire = build_acquisition({own: 2.0, "information_about_affinity": 0.1})
    inputs = key(), world.posterior(), world.context()
    theirs = 2 * own(*inputs) + 0.1 * get_acquisition("information_about_affinity")(*inputs)
    np.testing.assert_allclose(acquire(*inputs), theirs, rtol=1e-6)


def test_a_probability_is_weighted_on_its_own_scale(world):
    inputs = key(), world.posterior(), world.context()
    value = build_acquisition({"probability_of_improvement": 3.0})(*inputs)
    logs = get_acquisition("log_probability_of_improvement")(*inputs)
    np.testing.assert_allclose(value, 3 * np.exp(logs), rtol=1e-6)
    assert np.all(value > 0)


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_compound_acquisitions_with_equal_fields_are_equal(name):
    acquisition = get_acquisition(name)
    assert Robust(acquisition, weight=0.3) == Robust(get_acquisition(name), weight=0.3)
    assert Robust(acquisition, weight=0.3) != Robust(acquisition, weight=0.4)
    weights = {name: 2, "log_cheapness": 0.5}
    assert build_acquisition(weights) == build_acquisition(dict(weights))
    assert hash(build_acquisition(weights)) == hash(build_acquisition(dict(weights)))
    assert build_acquisition(weights) != build_acquisition({**weights, name: 3})


def test_unknown_names_are_refused():
    with pytest.raises(NmjaxError, match="expected_improvement"):
        get_acquisition("expected improvement")
    with pytest.raises(NmjaxError, match="gp_ucb"):
        build_acquisition({"ucb": 1.0})


@pytest.mark.parametrize("weights", [{}, {"gp_ucb": float("nan")}])
def test_weights_are_checked(weights):
    with pytest.raises(NmjaxError, match="finite number"):
        build_acquisition(weights)
