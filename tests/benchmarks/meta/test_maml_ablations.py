from dataclasses import replace

import jax
import numpy as np
import pytest

from benchmarks.meta.maml_ablations import BASE, FACTORS, measure_errors, row_of

TINY = replace(BASE, tasks=30, updates=20)


def test_the_base_is_a_level_of_every_factor():
    for factor, levels in FACTORS.items():
        assert getattr(BASE, factor) in levels


@pytest.mark.slow
def test_a_row_is_over_all_seeds_and_test_tasks():
    row = row_of("tasks", TINY, 2)
    assert row["level"] == 30
    assert row["n"] == 2 * 1000
    assert row["mse"] == np.mean(row["mse_of_seeds"])
    assert row["mse_ci"][0] < row["mse"] < row["mse_ci"][1]
    assert row["mse_of_seeds"][0] != row["mse_of_seeds"][1]


@pytest.mark.slow
def test_choices_reach_the_training():
    errors = [
        np.asarray(measure_errors(jax.random.split(jax.random.key(0), 1), choices)[0])
        for choices in (TINY, replace(TINY, order=1), replace(TINY, inner_rate=0.03))
    ]
    assert not np.allclose(errors[0], errors[1])
    assert not np.allclose(errors[0], errors[2])
