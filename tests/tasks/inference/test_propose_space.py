"""Spaces proposed from tables: kinds, ranges, scales, conditions, and what is left out."""

import numpy as np
import pytest

import nmjax
from nmjax.errors import NmjaxError
from nmjax.spaces import Condition, Ordinal, Real, Space, when
from nmjax.tasks import history_from_frame, infer_space, propose_space, read_history

RNG = np.random.default_rng(0)
ROWS = 24
LOSS = RNG.random(ROWS).tolist()


def cycle(*values):
    return [values[row % len(values)] for row in range(ROWS)]


def propose(column, **arguments):
    """The choice and the report of one column, beside an ordinary one."""
    frame = {"x": column, "op": cycle("conv", "pool"), "loss": LOSS[: len(column)]}
    frame["op"] = frame["op"][: len(column)]
    proposal = propose_space(frame, minimize="loss", **arguments)
    report = next(report for report in proposal.columns if report.column == "x")
    found = [c for c in (*proposal.space.choices, *proposal.space.continuous) if c.name == "x"]
    return (found[0] if found else None), report


@pytest.mark.parametrize(
    ("column", "kind", "options"),
    [
        (cycle("relu", "tanh", "gelu"), "categorical", ("relu", "tanh", "gelu")),
        (cycle(True, False), "categorical", (False, True)),
        (cycle("True", "FALSE"), "categorical", (False, True)),
        (cycle("64", "128", "32"), "ordinal", (32, 64, 128)),
        (cycle("64.0", "128.0"), "ordinal", (64, 128)),
        (cycle(0.5, 0.1, 0.25), "ordinal", (0.1, 0.25, 0.5)),
        (cycle(2, 4, 3), "integer", (2, 3, 4)),
        (cycle(*range(1, 13)), "integer", tuple(range(1, 13))),
        (cycle(16, 64, 32, 48), "ordinal", (16, 32, 48, 64)),
        (cycle(2, 4, 6), "ordinal", (2, 4, 6)),
        (cycle(2, 4, 8), "ordinal", (2, 4, 8)),
        (cycle(1, 2, 3, 4, 5, 6, 8, 9), "integer", tuple(range(1, 10))),
        (list(range(3, 300, 13)), "ordinal", tuple(range(3, 300, 13))),
        (cycle("sqrt", "0.5", "1"), "categorical", ("sqrt", 0.5, 1)),
        (cycle("[3, 5]", "(7, 7)"), "categorical", ((3, 5), (7, 7))),
        (cycle([3, 5], [7, 7, "same"]), "categorical", ((3, 5), (7, 7, "same"))),
        (cycle("0012", "0112", "0000"), "categorical", ("0012", "0112", "0000")),
        (cycle("none", "-", "cosine"), "categorical", ("none", "-", "cosine")),
        (cycle("batch norm", "layer norm"), "categorical", ("batch norm", "layer norm")),
        (cycle("宽", "窄"), "categorical", ("宽", "窄")),
        (cycle(*"abc", None, "d"), "categorical", (*"abcd", None)),
        (cycle(3, 10, None, 5, 7), "categorical", (3, 5, 7, 10, None)),
        (cycle("3", "10", "", "5", "None"), "categorical", (3, 5, 10, None)),
        (cycle("only"), "constant", ("only",)),
        (cycle(3), "constant", (3,)),
    ],
)
def test_kinds_of_discrete_choices(column, kind, options):
    choice, report = propose(column)
    assert report.kind == kind
    assert choice.options == options
    assert list(map(type, choice.options)) == list(map(type, options))
    assert choice.kind == ("ordinal" if kind in ("ordinal", "integer") else "categorical")


@pytest.mark.parametrize(
    ("column", "low", "high", "scale"),
    [
        (np.linspace(0.1, 0.9, ROWS), 0.1, 0.9, "linear"),
        (np.geomspace(1e-3, 0.1, ROWS), 1e-3, 0.1, "log"),
        (np.geomspace(2e-3, 0.1, ROWS), 2e-3, 0.1, "linear"),
        ([0.0, *np.geomspace(1e-6, 0.1, ROWS - 1)], 0.0, 0.1, "linear"),
        (-np.geomspace(1e-6, 0.1, ROWS), -0.1, -1e-6, "linear"),
        (np.arange(ROWS) * 1733 + RNG.integers(0, 99, ROWS) + 1, None, None, "log"),
    ],
)
def test_ranges_are_those_of_the_data_and_decades_make_the_scale_logarithmic(
    column, low, high, scale
):
    choice, report = propose(list(column))
    assert report.kind == "real"
    assert (choice.low, choice.high, choice.scale) == (
        pytest.approx(min(column) if low is None else low),
        pytest.approx(max(column) if high is None else high),
        scale,
    )
    assert ("decades" in report.reason) == (scale == "log")


@pytest.mark.parametrize("options", [(1, 10, 100), (0.001, 0.01, 0.1)])
def test_ordinal_options_over_decades_are_compared_on_a_log_scale(options):
    assert propose(cycle(*options))[0].scale == "log"


def test_random_numbers_that_repeat_in_several_tasks_are_real_valued():
    choice, _ = propose(cycle(*RNG.random(5).tolist()))
    assert isinstance(choice, nmjax.spaces.RealChoice)


def test_powers_of_two_are_not_a_grid():
    choice, _ = propose([16, 32, 64, 128, 256, 512])
    assert choice.options == (16, 32, 64, 128, 256, 512)


@pytest.mark.parametrize(
    ("name", "column", "reason"),
    [
        ("row", list(range(ROWS)), "counts the rows"),
        ("trial_id", [f"t{row * 7}" for row in range(ROWS)], "bookkeeping"),
        ("seed", cycle(0, 1, 2), "bookkeeping"),
        ("run", [f"{row * 97 + 2**30:x}" for row in range(ROWS)], "identifiers"),
        ("file", [f"/data/run {row}" for row in range(ROWS)], "different text"),
        ("began", cycle("2024-01-02 10:00:00", "2024-01-03 11:30:01"), "dates or times"),
        ("train_seconds", LOSS, "is a result by its name"),
        ("valAccuracy", LOSS, "is a result by its name"),
        ("note", cycle("x" * 201, "y"), "more than 200 characters"),
        ("empty", cycle(None), "no values"),
        ("info", cycle({"a": 1}), "records"),
        ("deep", cycle([{"a": 1}]), "no option"),
    ],
)
def test_columns_that_are_no_choices_are_left_out_with_the_reason(name, column, reason):
    frame = {"op": cycle("conv", "pool"), name: column, "loss": LOSS}
    proposal = propose_space(frame, minimize="loss")
    assert proposal.space.names == ("op",)
    report = next(report for report in proposal.columns if report.column == name)
    assert (report.choice, report.kind) == (None, "excluded")
    assert reason in report.reason
    assert reason in str(proposal)
    assert name in proposal.source()


def test_values_of_any_type_are_choices_or_left_out():
    pandas = pytest.importorskip("pandas")
    frame = {
        "op": cycle("a\0b", "\ud800", "c"),
        "when": cycle(pandas.NaT, pandas.Timestamp(2024, 1, 2, 3), None),
        "never": cycle(pandas.NaT, pandas.NA),
        "big": cycle(10**400, 1),
        "digits": cycle("9" * 5000, "1"),
        "nested": cycle([[float("nan")]], [1]),
        "object": cycle(object(), 1),
        "arrays": cycle(np.array([1, 2]), np.array([3.0])),
        "loss": LOSS,
    }
    proposal = propose_space(frame, minimize="loss")
    assert proposal.space.names == ("op", "arrays")
    assert proposal.space.choices[1].options == ((1, 2), (3.0,))
    names = {}
    exec(proposal.source(), names)
    assert names["space"] == proposal.space


def test_columns_that_describe_tasks_are_left_out():
    frame = {
        "task": cycle("a", "b"),
        "classes": cycle(10, 100),
        "op": cycle("conv", "conv", "pool"),
        "loss": LOSS,
    }
    assert infer_space(frame, minimize="loss").names == ("op",)


def test_named_columns_are_choices_and_all_others_are_not():
    frame = {"seed": cycle(0, 1, 2), "op": cycle("conv", "pool"), "loss": LOSS}
    assert infer_space(frame, minimize="loss", choices=["seed"]).names == ("seed",)
    assert infer_space(frame, minimize="loss", exclude=["seed"]).names == ("op",)
    with pytest.raises(NmjaxError, match="records, so it is no choice"):
        infer_space({"x": cycle({"a": 1}), "loss": LOSS}, minimize="loss", choices=["x"])


def test_conditions_are_found_by_the_missing_values():
    optimizer, layers = cycle("adam", "sgd", "lion"), cycle(1, 2, 3, 1, 2)
    nesterov = [
        cycle(True, True, False)[row // 3] if o == "sgd" else None
        for row, o in enumerate(optimizer)
    ]
    frame = {
        "momentum": [row / 24 if o == "sgd" else None for row, o in enumerate(optimizer)],
        "optimizer": optimizer,
        "nesterov": nesterov,
        "decay": [row / 24 if n else None for row, n in enumerate(nesterov)],
        "beta": [1 - row / 99 if o != "sgd" else np.nan for row, o in enumerate(optimizer)],
        "layers": layers,
        "units2": [cycle(8, 16)[row // 2] if n > 1 else None for row, n in enumerate(layers)],
        "both": [
            row / 3 if n > 1 and o == "sgd" else None
            for row, (n, o) in enumerate(zip(layers, optimizer, strict=True))
        ],
        "loss": LOSS,
    }
    proposal = propose_space(frame, minimize="loss")
    space = proposal.space
    found = {c.name: dict(c.conditions) for c in (*space.choices, *space.continuous)}
    assert found == {
        "optimizer": {},
        "nesterov": {"optimizer": ("sgd",)},
        "layers": {},
        "units2": {"layers": (2, 3)},
        "momentum": {"optimizer": ("sgd",)},
        "decay": {"nesterov": (True,)},
        "beta": {"optimizer": ("adam", "lion")},
        "both": {"layers": (2, 3), "optimizer": ("sgd",)},
    }
    assert "given exactly where optimizer is sgd" in str(proposal)
    past = history_from_frame(frame, space, minimize="loss", task_name="a")
    assert int(past.history.mask.sum()) == ROWS


def test_a_parent_that_differs_in_each_row_explains_nothing():
    frame = {
        "x": [0.5 if row % 7 == 3 else None for row in range(ROWS)],
        "y": RNG.permutation(ROWS).tolist(),
        "loss": LOSS,
    }
    proposal = propose_space(frame, minimize="loss")
    assert not proposal.space.is_conditional
    assert proposal.space.choices[0].options == (0.5, None)


def test_real_values_that_are_missing_for_no_reason_are_named_by_row():
    column = np.linspace(0.1, 0.9, ROWS).tolist()
    column[4] = None
    choice, report = propose(column)
    assert isinstance(choice, nmjax.spaces.RealChoice)
    assert "missing in row 5, which are outside the space" in report.reason


def test_failed_trials_do_not_hide_a_condition_and_unfinished_ones_do_not_count():
    frame = {
        "optimizer": cycle("adam", "sgd"),
        "momentum": [None if row % 2 == 0 or row == 3 else row / 99 for row in range(ROWS)],
        "state": [
            "FAIL" if row == 3 else "RUNNING" if row == 5 else "COMPLETE" for row in range(ROWS)
        ],
        "loss": LOSS,
    }
    space = infer_space(frame, minimize="loss")
    assert space.continuous[0].conditions == (Condition("optimizer", ("sgd",)),)
    assert space.continuous[0].low == pytest.approx(1 / 99)
    past = history_from_frame(frame, space, minimize="loss", task_name="a")
    assert int(past.history.mask.sum()) == ROWS - 2


def test_only_the_parameters_of_an_export_are_choices_and_names_lose_prefixes():
    frame = {
        "config/width": cycle(8, 16),
        "config/learning rate": np.geomspace(1e-4, 1, ROWS),
        "config/loss": cycle("mse", "mae"),
        "iterations": cycle(10, 20, 30),
        "loss": LOSS,
    }
    proposal = propose_space(frame, minimize="loss")
    assert proposal.space.names == ("width", "config/loss", "learning_rate")
    assert proposal.renamed == {}
    past = history_from_frame(frame, proposal.space, minimize="loss", task_name="a")
    np.testing.assert_allclose(
        past.history.continuous[0, :, 0], frame["config/learning rate"], rtol=1e-6
    )


def test_numbers_that_are_spread_evenly_have_no_log_scale():
    size, rng = 600, np.random.default_rng(0)
    frame = {
        "even": rng.uniform(0, 1, size),
        "whole": np.arange(1, size + 1),
        "logarithmic": 10 ** rng.uniform(-2.1, 0, size),
        "mostly_large": np.r_[10 ** rng.uniform(-5, -1, 60), rng.uniform(0.01, 0.1, size - 60)],
        "loss": rng.normal(size=size),
    }
    assert frame["even"].min() < 0.01 * frame["even"].max()
    columns = ["even", "whole", "logarithmic", "mostly_large"]
    space = infer_space(frame, minimize="loss", choices=columns)
    logs = {real.name: real.scale == "log" for real in space.continuous}
    assert logs == {"even": False, "logarithmic": True, "mostly_large": True}
    assert space.choices[0].scale == "linear"


def test_a_choice_with_the_name_of_two_columns_keeps_its_column():
    frame = {"config/width": cycle(8, 16), "summary.width": cycle(1, 2), "loss": LOSS}
    proposal = propose_space(frame, minimize="loss")
    assert proposal.space.names == ("width",)
    assert proposal.renamed == {"width": "config/width"}


def test_numbers_with_decimal_commas_are_numbers(tmp_path):
    path = tmp_path / "past.csv"
    rows = [f"{'conv' if row % 2 else 'pool'};0,{row + 1};0,{row}5" for row in range(9)]
    path.write_text("\n".join(["op;x;loss", *rows]))
    space = infer_space(path, minimize="loss")
    assert space.name == "past"
    assert (space.continuous[0].low, space.continuous[0].high) == (0.1, 0.9)
    assert read_history(path, space, minimize="loss", task_name="a").scores.shape == (1, 9)


def test_the_source_of_a_proposal_defines_its_space():
    frame = {"width": cycle(8, 16, 32), "rate": np.geomspace(1e-4, 1, ROWS), "loss": LOSS}
    proposal = propose_space(frame, minimize="loss", name="mine")
    names = {}
    exec(proposal.source("mine"), names)
    assert names["mine"] == proposal.space
    assert proposal.space == Space("mine", width=Ordinal(8, 16, 32), rate=Real(1e-4, 1, log=True))
    assert "# Has 24 different numbers from 0.0001 to 1, 4 decades" in proposal.source()


@pytest.mark.parametrize(
    ("frame", "arguments", "message"),
    [
        ({"x": [1, 2], "loss": [1, 2]}, {"minimize": "los"}, "did you mean 'loss'"),
        ({"x": [1, 2], "loss": [1, 2]}, {"minimize": "loss", "task": "data"}, "column of"),
        ({"x": [1, 2], "loss": [1, 2]}, {"minimize": "loss", "exclude": ["y"]}, "'y'"),
        ({"x": [1, 2], "loss": [1, 2]}, {"minimize": "loss", "exclude": ["x"]}, "no column that"),
        ({"loss": [1, 2]}, {"minimize": "loss"}, "no column that can be a choice"),
        ({"x": [], "loss": []}, {"minimize": "loss"}, "no rows"),
        ({"x": [1, 2], "loss": [1, 2]}, {"metrics": "loss"}, "list of column names as metrics"),
        ([{"x": 1, "loss": 2}], {}, "Expected a metric"),
    ],
)
def test_wrong_tables_are_refused(frame, arguments, message):
    with pytest.raises(NmjaxError, match=message):
        propose_space(frame, **arguments)


def test_a_conditional_space_is_found_again():
    space = Space(
        "past",
        optimizer=["adam", "sgd"],
        depth=Ordinal(2, 4, 8),
        nesterov=when([False, True], optimizer="sgd"),
        width=when(Ordinal(16, 64, 256), depth=[4, 8]),
        rate=Real(1e-4, 1.0, log=True),
        momentum=when(Real(0.0, 1.0), optimizer="sgd"),
    )
    rows = [
        space.to_config([o, d, n, w], [10 ** (-x * 4), x])
        for o in (0, 1)
        for d in (0, 1, 2)
        for n in (0, 1)
        for w in (0, 1, 2)
        for x in np.linspace(0, 1, 21)
    ]
    frame = [row | {"loss": number} for number, row in enumerate(rows)]
    found = infer_space(frame, minimize="loss", name="past")
    assert {c.name: c for c in found.choices} == {c.name: c for c in space.choices}
    assert {c.name: c for c in found.continuous} == {c.name: c for c in space.continuous}
