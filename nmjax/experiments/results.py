"""Result files: what was measured, by which code, on what, and which marks it meets."""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import numpy as np

from nmjax.errors import NmjaxError

SCHEMA = 1
Direction = Literal["at least", "at most"]


@dataclass(frozen=True)
class Mark:
    """A number held against a target.

    Attributes:
      name: what is measured, and on what.
      value: the measured number; NaN where there is none.
      unit: for instance "evaluations", "s", "normalized regret".
      direction: on which side of the target the mark is met.
      target: the number to reach; a tie counts as reached.
      n: how many measurements (lanes, repeats) stand behind the value.
      ci: low and high end of the value's 95% interval, None where there is none.
    """

    name: str
    value: float
    unit: str
    direction: Direction
    target: float
    n: int
    ci: tuple[float, float] | None = None

    def __post_init__(self):
        if self.direction not in get_args(Direction):
            raise NmjaxError(
                f"Mark {self.name!r} has direction {self.direction!r}; expected 'at least' or "
                "'at most'."
            )
        if self.target is None or not math.isfinite(self.target):
            raise NmjaxError(f"Mark {self.name!r} has target {self.target}; expected a number.")


@dataclass(frozen=True)
class Result:
    """The content of a result file. The first five fields are what `provenance` returns.

    Attributes:
      commit: git commit of the project checkout, None where there is none.
      dirty: whether that checkout had changes of its own, None without a commit.
      command: the program's name and its arguments, paths relative to the checkout.
      versions: {package: version}.
      device: platform, kind and count of the accelerators, and count of CPUs.
      split: which tasks were sources and which targets.
      seeds: of all runs behind the rows.
      config: every setting, by name.
      seconds: wall-clock time of the whole run, or of each stage by name.
      rows: the measurements, one mapping each.
      marks: numbers held against targets.
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
    marks: tuple[Mark, ...] = ()


def mark_met(mark: Mark) -> bool:
    """Whether a mark's value is on the right side of its target; NaN is not."""
    if mark.direction == "at least":
        return mark.value >= mark.target
    return mark.value <= mark.target


def write_result(path: str | os.PathLike, result: Result) -> None:
    """Write a result as JSON, whole or not at all; NaN and infinities become null.

    Raises:
      NmjaxError: if something in it has no form in JSON.
    """
    path = Path(path)
    content = json_ready({"schema": SCHEMA} | {f.name: getattr(result, f.name) for f in _FIELDS})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as file:
        file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)


def read_result(path: str | os.PathLike) -> Result:
    """Read a result file; a mark's null value or interval end is NaN again.

    Raises:
      NmjaxError: if the file is not a result file of this schema.
    """
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise NmjaxError(f"{path} cannot be read as a result file: {error}.") from error
    schema = content.pop("schema", None) if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise NmjaxError(
            f"{path} has schema {schema!r}; expected {SCHEMA}: write it anew with this version."
        )
    _check_names(content, _FIELDS, f"{path}")
    for mark in content["marks"]:
        _check_names(mark, fields(Mark), f"A mark of {path}")
    marks = tuple(
        Mark(**{k: _restored(k, v) for k, v in mark.items()}) for mark in content["marks"]
    )
    lists = {name: tuple(content[name]) for name in ("command", "seeds", "rows")}
    return Result(**(content | lists | {"marks": marks}))


def json_ready(value: Any, where: str = "result") -> Any:
    """`value` in JSON's own types: arrays become lists, dataclasses dicts, NaN and inf None.

    Raises:
      NmjaxError: naming the place, if something has no form in JSON.
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


def _check_names(content: Any, expected: tuple, where: str) -> None:
    names = {field.name for field in expected}
    if not isinstance(content, dict) or set(content) != names:
        differing = sorted(names.symmetric_difference(content))
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
