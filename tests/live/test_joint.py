"""Spaces that join a family's choices with training numbers."""

import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.live import MLPFamily, TrainingHyper, split_architecture, training_space
from nmjax.spaces import Ordinal, Space, get_space

FAMILY = MLPFamily(4, 3)


def test_numbers_and_choices_go_to_their_places():
    space = training_space(FAMILY, momentum=Ordinal(0.0, 0.5), learning_rate=Ordinal(0.1, 0.3))
    rows = jnp.array([[0, 1, 2, 0, 1, 0], [2, 3, 1, 1, 0, 1]])
    own, hyper = split_architecture(space, FAMILY, rows)
    np.testing.assert_array_equal(own, rows[:, :4])
    np.testing.assert_allclose(hyper.momentum, [0.5, 0.0])
    np.testing.assert_allclose(hyper.learning_rate, [0.1, 0.3])
    assert hyper.weight_decay == TrainingHyper().weight_decay


def test_the_suites_space_is_the_familys_with_an_optimizer_and_a_learning_rate():
    space = get_space("live-mlp")
    assert space.choices[:4] == FAMILY.space.choices
    assert space.names[4:] == ("optimizer", "learning_rate")


def test_other_numbers_and_spaces_are_refused():
    with pytest.raises(NmjaxError, match="training numbers"):
        training_space(FAMILY, dropout=Ordinal(0.1, 0.2))
    with pytest.raises(NmjaxError, match=r"'depth'.*\(1, 2, 3\)"):
        split_architecture(Space(depth=Ordinal(1, 2)), FAMILY, [0])
