"""Comparisons of searches with known curves and hand-made ranks in the pool."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from nmjax.analysis import pool_summary
from nmjax.analysis.speed_up import speed_up_text
from nmjax.evaluation.comparison import (
    RIVALS,
    compare,
    measures,
    rank_methods,
)
from nmjax.evaluation.methods import METHODS
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments.results import json_ready

BUDGET, SEEDS = 20, 4
PLACES = {
    "quick": [40, 0, *range(41, 59)],
    "slow": [*range(30, 49), 0],
    "middle": list(range(20, 40)),
    "random": list(range(34, 54)),
}


@pytest.fixture(scope="module")
def order(suite):
    """int[T, N]: the pool of each task, its best first."""
    return np.argsort(-suite.metrics["acc"], axis=1)


@pytest.fixture(scope="module")
def found(order):
    """Methods with a past, with two seeds only, and with failures in every other search."""
    rows = {name: np.tile(order[:, None, places], (1, SEEDS, 1)) for name, places in PLACES.items()}
    rows["slow"] = rows["slow"][:, :2]
    rows["uneven"] = rows["middle"].copy()
    rows["uneven"][:, ::2] = order[:, None, -BUDGET:][:, :, ::-1]
    rows["random"][:, 0] = order[:, 30:50]
    return {
        name: Trajectories(of, name == "quick", "baseline", 0.5, "here")
        for name, of in rows.items()
    }


@pytest.fixture(scope="module")
def compared(suite, found):
    return compare(suite, found, focus="quick")


def test_measures_are_those_of_the_incumbent(suite, order, found):
    values = measures(suite, found["quick"].rows)
    table, (best, median) = suite.metrics["acc"], pool_summary(suite.metrics["acc"])
    at_first = table[np.arange(3), order[:, 40]]
    regret = (best - at_first) / (best - median)
    np.testing.assert_allclose(values["regret"][:, 1, 0], regret, rtol=1e-5)
    np.testing.assert_array_equal(values["regret"][..., 1:], 0)
    np.testing.assert_allclose(10 ** values["log10_rank"][0, 0, :3], [41, 1, 1])
    np.testing.assert_allclose(values["quantile"][0, 0, :2], [1 - 40 / 64, 1])
    test = suite.metrics["test"][np.arange(3), order[:, 0]]
    np.testing.assert_array_equal(values["test"][:, 2, -1], test)


@pytest.mark.slow
def test_a_row_for_each_method_and_task(suite, compared):
    rows = [row for row in compared if row.get("method") == "slow"]
    assert [row["task"] for row in rows] == ["all", *suite.tasks]
    assert [row["n"] for row in rows] == [6, 2, 2, 2]
    assert (rows[0]["seeds"], rows[0]["transfer"], rows[0]["seconds_per_search"]) == (2, False, 0.5)
    assert rows[0]["steps"] == [1, 5, 10, 20]
    assert rows[0]["regret"][-1] == rows[0]["worst_regret"] == 0
    each = np.mean([row["regret"] for row in rows[1:]], axis=0)
    np.testing.assert_allclose(rows[0]["regret"], each, rtol=1e-5)
    json_ready(compared)


@pytest.mark.slow
def test_evaluations_to_reach_and_speed_up(suite, found, compared):
    reach = {row["reach"]: row for row in compared if "reach" in row}
    assert set(reach) == {"slow", "middle", "random", "uneven"}
    assert reach["slow"]["evaluations"] == 2
    assert reach["slow"]["speed_up"] == 10
    assert reach["slow"]["ci"] == [2, 2]
    assert speed_up_text(reach["slow"]["speed_up"]) == "10.0"
    two = {name: found[name] for name in ("middle", "quick")}
    (never,) = (row for row in compare(suite, two, focus="middle") if "reach" in row)
    assert never["evaluations"] == BUDGET + 1
    assert never["speed_up"] is None
    assert never["speed_up_ci"] == [None, None]
    assert speed_up_text(never["speed_up"]) == "<1"


def test_a_rival_that_was_done_early_is_held_to_when_it_was(suite, found):
    """One that has the best at its 5th of 20 evaluations, and ours at the 2nd."""
    early = found["slow"].rows[:, :, [*range(4), -1, *range(4, 19)]]
    two = {"quick": found["quick"], "early": dataclasses.replace(found["slow"], rows=early)}
    (reach,) = (row for row in compare(suite, two, focus="quick") if "reach" in row)
    assert reach["evaluations"] == 2
    assert reach["speed_up"] == 2.5
    assert reach["speed_up_ci"] == [2.5, 2.5]
    (back,) = (row for row in compare(suite, two, focus="early") if "reach" in row)
    np.testing.assert_allclose(back["speed_up"], 0.4)


def test_those_that_tie_share_a_rank(suite, order, found):
    table = suite.metrics["acc"].copy()
    table[0, order[0, :40]] = table[0].max()
    tied = dataclasses.replace(suite, metrics={**suite.metrics, "acc": table})
    values = measures(tied, found["quick"].rows)
    np.testing.assert_allclose(10 ** values["log10_rank"][0, 0, 0], 41, rtol=1e-5)
    middle = measures(tied, found["middle"].rows)
    np.testing.assert_array_equal(middle["log10_rank"][0], 0)
    np.testing.assert_array_equal(middle["quantile"][0], 1)


@pytest.mark.slow
def test_ranks_are_over_all_seeds_that_each_has(suite, found, compared):
    (row,) = (row for row in compared if "ranked_at" in row)
    assert (row["ranked_at"], row["tasks"]) == (20, 3)
    seeds = dict(zip(row["methods"], row["seeds"], strict=True))
    assert (seeds["slow"], seeds["quick"]) == (2, SEEDS)
    ranks = dict(zip(row["methods"], row["average_rank"], strict=True))
    assert (ranks["quick"], ranks["slow"], ranks["middle"]) == (1.5, 1.5, 3)
    regret = {name: measures(suite, of.rows)["regret"][..., -1] for name, of in found.items()}
    means = np.stack([of.mean(1) for of in regret.values()], axis=1)
    np.testing.assert_allclose(row["task_regret"], means, atol=1e-6)
    theirs = scipy.stats.friedmanchisquare(*means.T)
    np.testing.assert_allclose([row["friedman"], row["p_value"]], theirs, rtol=1e-4)
    assert ["quick", "slow"] in row["regret_groups"]
    assert not any({"quick", "middle"} <= set(group) for group in row["regret_groups"])


@pytest.mark.slow
def test_two_methods_that_tie_everywhere():
    row = rank_methods({"one": np.ones((3, 2), np.float32), "other": np.ones((3, 2))}, 20)
    assert row["average_rank"] == [1.5, 1.5]
    assert row["rank_groups"] == row["regret_groups"] == [["one", "other"]]


def test_methods_that_friedmans_test_holds_alike_are_one_group():
    """The ranks of two of six differ by more than Nemenyi's test asks for."""
    places = np.array(
        [
            [1, 4, 2, 3, 0, 5],
            [3, 1, 4, 2, 0, 5],
            [3, 1, 5, 0, 2, 4],
            [1, 4, 2, 3, 0, 5],
            [4, 2, 0, 5, 1, 3],
            [0, 4, 3, 5, 1, 2],
        ],
        np.float32,
    )
    assert scipy.stats.friedmanchisquare(*places.T).pvalue > 0.05
    row = rank_methods({name: places[:, [i]] for i, name in enumerate("abcdef")}, 20)
    assert np.ptp(row["average_rank"]) > row["critical_difference"]
    (group,) = row["rank_groups"]
    assert sorted(group) == list("abcdef")


@pytest.mark.slow
def test_five_claims(suite, found):
    rows = compare(suite, found, focus="uneven")
    of_kind = {kind: [r for r in rows if r.get("rival_kind") == kind] for kind in RIVALS}
    assert [len(claims) for claims in of_kind.values()] == [5, 5]
    claims = {row["claim"]: row for row in of_kind[RIVALS[0]]}
    assert {row["rival"] for row in claims.values()} == {"slow"}
    assert claims["faster convergence"]["ours"] is None
    failures = claims["fewer failures"]
    assert (failures["ours"], failures["theirs"]) == (0.5, 0)
    regret = measures(suite, found["uneven"].rows)["regret"][..., -1]
    spread = claims["more robust to seeds"]["ours"]
    np.testing.assert_allclose(spread, regret[:, :2].std(1, ddof=1).mean(), rtol=1e-5)
    worst = claims["more robust to tasks"]
    np.testing.assert_allclose(worst["ours"], regret[:, :2].mean(1).max(), rtol=1e-5)
    low, high = claims["better final results"]["ci"]
    assert 0 < low < regret[:, :2].mean() < high


def test_a_method_with_one_seed_is_listed_but_not_ranked_or_a_rival(suite, found):
    """It is the best of all."""
    once = dataclasses.replace(found["quick"], rows=found["quick"].rows[:, :1], transfer=False)
    few = {name: found[name] for name in ("quick", "middle", "random")} | {"once": once}
    rows = compare(suite, few, focus="quick")
    (row,) = (row for row in rows if (row.get("method"), row.get("task")) == ("once", "all"))
    assert row["regret"][-1] == 0
    assert row["regret_ci"][-1] is None
    ranked = [row for row in rows if "ranked_at" in row]
    assert ranked
    assert all("once" not in row["methods"] for row in ranked)
    assert "once" not in {row.get("rival") for row in rows}


def test_the_rival_without_transfer_is_never_kernel_transfer(suite, found):
    kernel = dataclasses.replace(found["slow"], transfer=True, kind="ours")
    ours = {name: of for name, of in found.items() if name != "slow"} | {"kernel-transfer": kernel}
    rows = [row for row in compare(suite, ours, focus="uneven") if "claim" in row]
    second = {row["rival"] for row in rows if row["rival_kind"] == RIVALS[1]}
    assert second == {"kernel-transfer"}
    without = {row["rival"] for row in rows if row["rival_kind"] == RIVALS[0]}
    assert len(without) == 1
    assert not without & {"kernel-transfer", "quick", "uneven"}


def test_kernel_transfer_counts_as_a_method_with_transfer():
    assert (METHODS["kernel-transfer"].transfer, METHODS["kernel-transfer"].ours) == (True, True)
    without = {name for name, method in METHODS.items() if not method.transfer}
    assert without == {"gp", "bananas", "evolution", "local-search", "random"}
