"""Knowledge carries its space, its metric and its outcome transform, and refuses others."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    predicted_history,
    require_metric,
    require_space,
    update,
    with_capacity,
    zero_shot_prior,
)
from nmjax.spaces import Choice, Space
from nmjax.types import Metric
from tests.related import METRIC, SPACE, plain_knowledge, related_history, related_tasks

CHOICES = SPACE.choices
OTHERS = {
    "options reordered": Space.build("related", (Choice("c0", ("b", "a", "c")), *CHOICES[1:])),
    "choices reordered": Space.build("related", CHOICES[::-1]),
    "one more option": Space.build("related", (Choice("c0", ("a", "b", "c", "d")), *CHOICES[1:])),
    "one choice fewer": Space.build("related", CHOICES[:-1]),
    "other names": Space.build(
        "related", tuple(Choice(f"d{i}", ("a", "b", "c")) for i in range(5))
    ),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_knowledge_of_another_space_is_refused(other):
    knowledge, history = with_capacity(plain_knowledge(3), 4), related_history()
    pool, key = related_tasks().pool[:, : other.num_choices], jax.random.key(0)
    for use in (
        lambda: require_space(knowledge, other),
        lambda: predicted_history(knowledge, pool, space=other),
        lambda: zero_shot_prior(knowledge, history, METRIC, jnp.zeros(0), space=other),
        lambda: update(key, knowledge, history, METRIC, space=other, replay_size=16),
    ):
        with pytest.raises(NmjaxError, match="Got knowledge of space 'related' for space"):
            use()


def test_the_error_names_what_differs():
    with pytest.raises(NmjaxError, match=r"'b', 'a', 'c'"):
        require_space(plain_knowledge(3), OTHERS["options reordered"])
    with pytest.raises(NmjaxError, match="5 choices became 4"):
        require_space(plain_knowledge(3), OTHERS["one choice fewer"])


def test_only_what_is_encoded_counts():
    require_space(plain_knowledge(3), SPACE.replace(name="other", valid=lambda a: a[..., 0] < 2))


def test_knowledge_of_another_metric_is_refused():
    knowledge, key = with_capacity(plain_knowledge(3), 4), jax.random.key(0)
    history = related_history()
    upside_down = replace(METRIC, direction="min")
    for use in (
        lambda: require_metric(knowledge, upside_down),
        lambda: zero_shot_prior(knowledge, history, upside_down, jnp.zeros(0), space=SPACE),
        lambda: update(key, knowledge, history, upside_down, space=SPACE, replay_size=16),
    ):
        with pytest.raises(NmjaxError, match="give the same metric"):
            use()
    require_metric(knowledge.replace(metric=None), Metric("any", ""))


def test_knowledge_is_a_pytree_with_static_meaning():
    knowledge = plain_knowledge(3)
    doubled = jax.jit(lambda k: jax.tree.map(lambda leaf: leaf + leaf, k))(knowledge)
    assert (doubled.space, doubled.metric) == (SPACE, METRIC)
    np.testing.assert_array_equal(doubled.prior.mean, 2 * knowledge.prior.mean)
    changed = knowledge.replace(wins=jnp.ones(()))
    assert changed.wins == 1
    assert changed.sources is knowledge.sources
    other = knowledge.replace(space=OTHERS["options reordered"])
    with pytest.raises(ValueError, match="metadata"):
        jax.tree.map(lambda a, b: a, knowledge, other)
