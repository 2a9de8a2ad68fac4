"""Distributions as Optuna stores them in JSON, as specifications of choices."""

import json
from collections.abc import Iterable
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces.description.options import to_option
from nmjax.tasks.inference.numbers import float_range, integer_range


def read_domain(distributions: Iterable[str]) -> Any:
    """Return the specification that holds the values of all distributions of a parameter.

    Ranges that differ are joined.

    Args:
      distributions: JSON of each distribution, also of versions of Optuna before 3.

    Returns:
      A list of options, `Ordinal`, `Integer` or `Real`; None if there is no such choice.
    """
    described = [json.loads(text) for text in dict.fromkeys(distributions)]
    if len({each["name"] for each in described}) != 1:
        return None
    name, attributes = described[0]["name"], [each["attributes"] for each in described]
    if name == "CategoricalDistribution":
        return list(dict.fromkeys(to_option(c) for each in attributes for c in each["choices"]))
    low, high = min(each["low"] for each in attributes), max(each["high"] for each in attributes)
    log = "Log" in name or bool(attributes[0].get("log"))
    steps = {each.get("step", each.get("q")) for each in attributes}
    step = steps.pop() if len(steps) == 1 else None
    try:
        if name.startswith("Int"):
            return integer_range(low, high, log=log, step=step or 1)
        return float_range(low, high, log=log, step=step)
    except NmjaxError:
        return None
