import dataclasses
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import Result, Target, collect_provenance, is_met, read_result, write_result

TARGET = Target("regret at 50", 0.03, "normalized regret", "at most", 0.05, 80, (0.02, 0.04))
RESULT = Result(
    **collect_provenance(["python", "-m", "benchmarks.search"]),
    split="leave one task out",
    seeds=(0, 1, 2),
    config={"budget": 100, "rates": [0.1, 0.2]},
    seconds=12.5,
    rows=({"task": "cora", "regret": [0.5, 0.1]},),
    targets=(TARGET, Target("speed", 2.0, "searches/s", "at least", 1.0, 5)),
)
FIELDS = [
    *("schema", "commit", "dirty", "command", "versions", "device"),
    *("split", "seeds", "config", "seconds", "rows", "targets"),
]


def test_a_result_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "results" / "search.json"
    write_result(path, RESULT)
    assert read_result(path) == RESULT
    write_result(path, dataclasses.replace(RESULT, seconds=1.0))
    assert read_result(path).seconds == 1.0
    assert list(path.parent.iterdir()) == [path]


def test_a_file_has_the_fields_of_the_schema(tmp_path):
    write_result(tmp_path / "a.json", RESULT)
    content = json.loads((tmp_path / "a.json").read_text())
    assert list(content) == FIELDS
    names = {"name", "value", "unit", "direction", "threshold", "n", "ci"}
    assert set(content["targets"][0]) == names


def test_nan_and_infinity_become_null_and_arrays_become_lists(tmp_path):
    rows = ({"a": np.array([1.0, np.nan]), "b": jnp.inf, "c": np.int64(3), "d": jnp.arange(2)},)
    target = dataclasses.replace(TARGET, value=np.float32(np.nan), ci=(0.0, math.inf))
    write_result(tmp_path / "a.json", dataclasses.replace(RESULT, rows=rows, targets=(target,)))
    text = (tmp_path / "a.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    read = read_result(tmp_path / "a.json")
    assert read.rows == ({"a": [1.0, None], "b": None, "c": 3, "d": [0, 1]},)
    assert math.isnan(read.targets[0].value)
    assert read.targets[0].ci[0] == 0.0
    assert math.isnan(read.targets[0].ci[1])


def test_values_without_a_json_form_are_named_and_nothing_is_written(tmp_path):
    wrong = dataclasses.replace(RESULT, config={"optimizer": {"schedule": [1, len]}})
    with pytest.raises(NmjaxError, match=r"config\.optimizer\.schedule\[1\] is a builtin"):
        write_result(tmp_path / "a.json", wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("direction", "value", "met"),
    [
        ("at least", 0.6, True),
        ("at least", 0.5, True),
        ("at least", 0.4, False),
        ("at most", 0.6, False),
        ("at most", 0.5, True),
        ("at most", 0.4, True),
        ("at least", math.nan, False),
        ("at most", math.nan, False),
    ],
)
def test_is_met(direction, value, met):
    assert is_met(Target("m", value, "", direction, 0.5, 1)) is met


def test_targets_are_checked():
    with pytest.raises(NmjaxError, match="'at least' or 'at most'"):
        dataclasses.replace(TARGET, direction="below")
    with pytest.raises(NmjaxError, match="expected a finite number"):
        dataclasses.replace(TARGET, threshold=math.nan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("rows"), "differs from the schema at rows"),
        (lambda c: c.update(extra=1), "differs from the schema at extra"),
        (lambda c: c.update(schema=99), "has schema 99; expected 2"),
        (lambda c: c["targets"][0].pop("threshold"), "A target of .* at threshold"),
        (lambda c: c["targets"][0].update(direction="under"), "'at least' or 'at most'"),
        (lambda c: c["targets"][0].update(threshold=None), "expected a finite number"),
    ],
)
def test_files_of_another_schema_are_refused(tmp_path, change, message):
    path = tmp_path / "a.json"
    write_result(path, RESULT)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(NmjaxError, match=message):
        read_result(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_files_that_are_no_result_are_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(NmjaxError):
        read_result(path)
    with pytest.raises(NmjaxError, match="cannot be read"):
        read_result(tmp_path / "none.json")


def test_digits_round_floats_and_leave_integers(tmp_path):
    rows = ({"a": 0.123456789, "b": [12345678.9, 1e-12 / 3], "c": 123456789, "d": True},)
    write_result(tmp_path / "a.json", dataclasses.replace(RESULT, rows=rows), digits=3)
    read = read_result(tmp_path / "a.json")
    assert read.rows == ({"a": 0.123, "b": [12300000.0, 3.33e-13], "c": 123456789, "d": True},)
    with pytest.raises(NmjaxError, match="digits is 0; expected a positive number"):
        write_result(tmp_path / "a.json", RESULT, digits=0)


def test_a_file_has_a_line_for_each_field_row_and_target(tmp_path):
    rows = ({"task": "cora", "regret": [0.5, 0.1]}, {"task": "photo", "regret": [0.4, 0.2]})
    write_result(tmp_path / "a.json", dataclasses.replace(RESULT, rows=rows))
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert '  {"task": "cora", "regret": [0.5, 0.1]},' in lines
    assert sum(line.startswith("  {") for line in lines) == len(rows) + len(RESULT.targets)
    assert len(lines) == 2 + len(FIELDS) + len(rows) + len(RESULT.targets) + 2
