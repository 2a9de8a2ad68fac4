"""Result files: measurements, the code and machine behind them, and the targets they meet."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.tasks.files.array_cache import whole_file

SCHEMA = 2
Direction = Literal["at least", "at most"]


@dataclass(frozen=True)
class Target:
    """A measured value and the threshold that it should reach.

    Attributes:
      name: what is measured, and on what data.
      value: measured value; NaN if there is none.
      unit: unit of the value, such as "evaluations", "s" or "normalized regret".
      direction: side of the threshold on which the target is met.
      threshold: value to reach; a tie meets the target.
      n: number of measurements (searches, repeats) behind the value.
      ci: low and high end of the value's 95% interval, None if there is none.

    Raises:
      NmjaxError: the direction is unknown, or the threshold is not a finite number.

    Example:
      >>> from nmjax.experiments import Target, is_met
      >>> is_met(Target("startup", 21.0, "s", "at most", 45.0, n=3))
      True
    """

    name: str
    value: float
    unit: str
    direction: Direction
    threshold: float
    n: int
    ci: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise NmjaxError(
                f"Target {self.name!r} has direction {self.direction!r}; expected 'at least' or "
                "'at most'."
            )
        if self.threshold is None or not math.isfinite(self.threshold):
            raise NmjaxError(
                f"Target {self.name!r} has threshold {self.threshold}; expected a finite number."
            )


@dataclass(frozen=True)
class Result:
    """Content of a result file. `collect_provenance` returns the first five fields.

    Attributes:
      commit: git commit of the project checkout, None outside of one.
      dirty: whether that checkout had uncommitted changes, None without a commit.
      command: name of the program and its arguments, with paths relative to the checkout.
      versions: {package: version}.
      device: platform, kind and count of the accelerators, and count of CPUs.
      split: which tasks were sources and which were targets.
      seeds: seeds of all runs behind the rows.
      config: every setting, by name.
      seconds: wall-clock time of the whole run, or of each stage by name.
      rows: measurements, one mapping each.
      targets: measured values with the thresholds that they should reach.

    Example:
      >>> import tempfile
      >>> from nmjax.experiments import Result, collect_provenance
      >>> Result(**collect_provenance(["python"]), split="leave one task out", seeds=(0,),
      ...        config={}, seconds=1.5, rows=({"task": "cora", "regret": 0.1},)).seeds
      (0,)
    """

    commit: str | None
    dirty: bool | None
    command: tuple[str, ...]
    versions: Mapping[str, str]
    device: Mapping[str, Any]
    split: str
    seeds: tuple[int, ...]
    config: Mapping[str, Any]
    seconds: float | Mapping[str, float]
    rows: tuple[Mapping[str, Any], ...]
    targets: tuple[Target, ...] = ()


def is_met(target: Target) -> bool:
    """Return whether a target's value is on the right side of its threshold; NaN is not.

    Example:
      >>> from nmjax.experiments import Target, is_met
      >>> is_met(Target("speed", 1.5, "searches/s", "at least", 2.0, n=5))
      False
    """
    if target.direction == "at least":
        return target.value >= target.threshold
    return target.value <= target.threshold


def write_result(
    path: str | os.PathLike[str], result: Result, *, digits: int | None = None
) -> None:
    """Write a result as compact JSON, one row and one target a line.

    The file is complete or not written at all. NaN and infinities become null.

    Args:
      path: file to write; missing folders are made.
      result: content of the file.
      digits: number of significant digits to which floats are rounded; None keeps them exact.

    Raises:
      NmjaxError: something in the result has no JSON form, `digits` is not positive, or the file
        cannot be written.

    Example:
      >>> import tempfile
      >>> from nmjax.experiments import Result, collect_provenance, read_result, write_result
      >>> result = Result(**collect_provenance(["python"]), split="none", seeds=(0,), config={},
      ...                 seconds=1.0, rows=({"regret": 0.123456789},))
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_result(f"{folder}/result.json", result, digits=3)
      ...     read_result(f"{folder}/result.json").rows
      ({'regret': 0.123},)
    """
    if digits is not None and digits < 1:
        raise NmjaxError(f"digits is {digits}; expected a positive number, or None.")
    path = Path(path)
    content = json_ready({"schema": SCHEMA} | {f.name: getattr(result, f.name) for f in _FIELDS})
    text = _compact(content if digits is None else _rounded(content, digits))
    try:
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise NmjaxError(f"Cannot write {path}: {error}. Give a writable path.") from error


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result file. A null value or interval end of a target becomes NaN again.

    Raises:
      NmjaxError: the file is not a result file of this schema.

    Example:
      >>> import tempfile
      >>> from nmjax.experiments import Result, collect_provenance, read_result, write_result
      >>> result = Result(**collect_provenance(["python"]), split="none", seeds=(0,), config={},
      ...                 seconds=1.0, rows=())
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     write_result(f"{folder}/result.json", result)
      ...     read_result(f"{folder}/result.json") == result
      True
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise NmjaxError(f"{path} cannot be read as a result file: {error}.") from error
    schema = content.pop("schema", None) if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise NmjaxError(
            f"{path} has schema {schema!r}; expected {SCHEMA}: run its benchmark again with this "
            "version."
        )
    _check_names(content, _FIELDS, f"{path}")
    try:
        for target in content["targets"]:
            _check_names(target, fields(Target), f"A target of {path}")
        targets = tuple(
            Target(**{k: _restored(k, v) for k, v in target.items()})
            for target in content["targets"]
        )
        lists = {name: tuple(content[name]) for name in ("command", "seeds", "rows")}
        return Result(**(content | lists | {"targets": targets}))
    except (TypeError, OverflowError) as error:
        raise NmjaxError(f"{path} cannot be read as a result file: {error}.") from error


def json_ready(value: Any, where: str = "result") -> Any:
    """Convert to JSON types: arrays become lists, dataclasses dicts, NaN and infinities None.

    Args:
      value: any nesting of numbers, strings, arrays, sequences, dataclasses and mappings.
      where: name of the value in error messages.

    Raises:
      NmjaxError: something has no JSON form; the message says where.
    """
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        value = np.asarray(value).tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: json_ready(item, f"{where}.{name}") for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise NmjaxError(
        f"{where} is a {type(value).__name__}, which has no form in JSON; expected numbers, "
        "strings, arrays, sequences, dataclasses or mappings with string keys."
    )


_FIELDS = fields(Result)


def _compact(content: Mapping[str, Any]) -> str:
    """JSON with a line for each field, and for each row and target within theirs."""
    lines = []
    for name, value in content.items():
        text = json.dumps(value, allow_nan=False)
        if name in ("rows", "targets") and value:
            items = ",\n".join(f"  {json.dumps(item, allow_nan=False)}" for item in value)
            text = f"[\n{items}\n ]"
        lines.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _rounded(value: Any, digits: int) -> Any:
    """JSON content with floats rounded to `digits` significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {name: _rounded(item, digits) for name, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item, digits) for item in value]
    return value


def _check_names(content: Any, expected: tuple[Any, ...], where: str) -> None:
    names = {field.name for field in expected}
    if not isinstance(content, dict) or set(content) != names:
        given = content if isinstance(content, dict) else {}
        differing = sorted(names.symmetric_difference(given))
        raise NmjaxError(
            f"{where} differs from the schema at {', '.join(differing)}; expected exactly "
            f"{', '.join(sorted(names))}."
        )


def _restored(name: str, value: Any) -> Any:
    if name == "value" and value is None:
        return math.nan
    if name == "ci" and value is not None:
        return tuple(math.nan if end is None else end for end in value)
    return value
