"""Dictionaries of domains, in the forms that other tools take, as a `Space`."""

from collections.abc import Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import Integer, Ordinal, Real, Space
from nmjax.spaces.description.checks import is_number
from nmjax.spaces.description.specs import Conditional
from nmjax.tasks.inference.numbers import float_range, integer_range

LOG_WORDS = ("log", "log-uniform", "loguniform", "log_uniform", "log_uniform_values")


def read_domains(domains: Mapping[str, Any], name: str | None = None) -> Space:
    """Return the space of a dictionary {name: domain}; nested dictionaries are joined by "/".

    A domain is one of:

    - a list or set of options, a `range`, or a constant;
    - a tuple (low, high) of numbers, of integers if both are, or (low, high, "log");
    - `Ordinal`, `Integer`, `Real` or `when(...)`;
    - a domain of Ray Tune or Syne Tune, such as `tune.loguniform(1e-4, 1e-1)`;
    - a dictionary as in a sweep of Weights & Biases, {"min": 0, "max": 1}, {"values": [...]}, or as
      of Ax, {"type": "range", "bounds": [0, 1], "log_scale": True}, {"grid_search": [...]}.

    Raises:
      NmjaxError: A value is none of them.
    """
    nested = domains.get("parameters")
    if isinstance(nested, Mapping) and ("method" in domains or len(domains) == 1):
        domains = nested  # A sweep configuration of Weights & Biases.
    specs: dict[str, Any] = {}
    waiting = [(str(key), value) for key, value in domains.items()]
    while waiting:
        key, domain = waiting.pop(0)
        if isinstance(domain, Mapping) and not _is_described(domain):
            inner = domain.get("parameters", domain)
            waiting = [*((f"{key}/{k}", value) for k, value in inner.items()), *waiting]
            continue
        try:
            specs[key] = _spec(domain)
        except NmjaxError as error:
            raise NmjaxError(f"Domain of {key!r}: {error}") from None
    return Space(name or "space", **specs)


def _spec(domain: Any) -> Any:
    if isinstance(domain, Ordinal | Integer | Real | Conditional):
        return domain
    if isinstance(domain, Mapping):
        return _described(domain)
    if isinstance(domain, range):
        return integer_range(domain.start, domain.stop - 1, step=domain.step)
    if isinstance(domain, list):
        return domain
    if isinstance(domain, set | frozenset):
        return sorted(domain, key=lambda option: (str(type(option)), option))
    if isinstance(domain, tuple) and domain:
        return _tuple(domain)
    if domain is None or isinstance(domain, str | int | float):
        return [domain]
    return _object(domain)


def _tuple(domain: tuple[Any, ...]) -> Any:
    *bounds, last = domain
    is_log = isinstance(last, str) and last in LOG_WORDS
    uniform = isinstance(last, str) and last in ("uniform", "linear")
    numbers = bounds if is_log or uniform else list(domain)
    if len(numbers) != 2 or not all(map(is_number, numbers)):
        raise NmjaxError(
            f"Got {domain!r}; give a list of options, (low, high) or (low, high, 'log')."
        )
    return _range(*numbers, log=is_log)


def _range(low: Any, high: Any, *, log: bool, step: Any = None) -> Any:
    if isinstance(low, int) and isinstance(high, int) and isinstance(step, int | None):
        return integer_range(low, high, log=log, step=step or 1)
    return float_range(low, high, log=log, step=step)


def _is_described(domain: Mapping[str, Any]) -> bool:
    return bool({"values", "value", "min", "bounds", "grid_search", "distribution"} & set(domain))


def _described(domain: Mapping[str, Any]) -> Any:
    """Return the specification of a domain of a sweep of W&B, of Ax, or of a grid of Ray Tune."""
    for key in ("values", "grid_search"):
        if key in domain:
            options = list(domain[key])
            ordered = domain.get("is_ordered") and all(map(is_number, options))
            return Ordinal(*options) if ordered else options
    if "value" in domain:
        return [domain["value"]]
    low, high = domain.get("bounds", (domain.get("min"), domain.get("max")))
    if not (is_number(low) and is_number(high)):
        raise NmjaxError(f"Got {dict(domain)!r}; give min and max, or values.")
    distribution = str(domain.get("distribution", ""))
    if "normal" in distribution or distribution in ("log_uniform", "q_log_uniform"):
        raise NmjaxError(
            f"Got the distribution {distribution!r}, which has no bounds of its own; "
            " give min and max with 'uniform' or 'log_uniform_values'."
        )
    if domain.get("value_type") == "float":
        low, high = float(low), float(high)
    log = bool(domain.get("log_scale")) or "log" in distribution
    return _range(low, high, log=log, step=domain.get("q"))


def _object(domain: Any) -> Any:
    """Return the specification of a domain of Ray Tune or Syne Tune, by its attributes."""
    module, kind = type(domain).__module__, type(domain).__name__
    if not module.startswith(("ray.tune", "syne_tune")):
        raise NmjaxError(
            f"Got {domain!r} of type {kind}; give a list of options, "
            "(low, high), Ordinal, Integer or Real."
        )
    if hasattr(domain, "values") and not callable(domain.values):  # FiniteRange of Syne Tune.
        return Ordinal(*domain.values, log=bool(getattr(domain, "log_scale", False)))
    if hasattr(domain, "categories"):
        options = list(domain.categories)
        if "Ordinal" in kind and all(map(is_number, options)):
            return Ordinal(*options, log=bool(getattr(domain, "log_scale", False)))
        return options
    if not (hasattr(domain, "lower") and hasattr(domain, "upper")):
        raise NmjaxError(f"Got {domain!r}, which has no bounds; give low and high.")
    sampler = domain.get_sampler() if hasattr(domain, "get_sampler") else None
    step = getattr(sampler, "q", None)
    inner = getattr(sampler, "sampler", None) if step is not None else sampler
    log = "Log" in type(inner).__name__
    if kind == "Integer":
        # The upper bound of Ray Tune is exclusive, except for quantized integers.
        last = domain.upper - (module.startswith("ray") and step is None)
        return integer_range(domain.lower, last, log=log, step=step or 1)
    return float_range(domain.lower, domain.upper, log=log, step=step)
