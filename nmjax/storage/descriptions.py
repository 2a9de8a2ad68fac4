"""Spaces and metrics as JSON-compatible values."""

from collections.abc import Mapping
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space, get_space
from nmjax.spaces.catalog import names as catalog_names
from nmjax.types import Metric


def space_to_json(space: Space) -> dict[str, Any]:
    """Describe a space by JSON-compatible values.

    Example:
      >>> from nmjax.spaces import get_space
      >>> from nmjax.storage import space_to_json
      >>> space_to_json(get_space("hpolib"))
      {'catalog': 'hpolib'}
    """
    if space.name in catalog_names() and get_space(space.name) == space:
        return {"catalog": space.name}
    return {
        "name": space.name,
        "choices": [
            {
                "name": choice.name,
                "options": list(choice.options),
                "kind": choice.kind,
                "scale": choice.scale,
                "conditions": _conditions_to_json(choice),
            }
            for choice in space.choices
        ],
        "continuous": [
            {
                "name": real.name,
                "low": real.low,
                "high": real.high,
                "scale": real.scale,
                "conditions": _conditions_to_json(real),
            }
            for real in space.continuous
        ],
        "is_plain": space.cell is None and space.valid is None and space.canonical is None,
    }


def space_from_json(description: Mapping[str, Any], space: Space | None = None) -> Space:
    """Restore a space from its description.

    Args:
      description: Result of `space_to_json`.
      space: The space itself, if it has a custom cell or custom functions.

    Raises:
      NmjaxError: `space` is required, or has other choices.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.storage import space_from_json, space_to_json
      >>> space_from_json(space_to_json(Space(width=[8, 16]))).names
      ('width',)
    """
    if "catalog" in description:
        saved = get_space(description["catalog"])
    else:
        saved = Space.build(
            description["name"],
            [Choice(**_with_conditions(choice)) for choice in description["choices"]],
            [RealChoice(**_with_conditions(real)) for real in description["continuous"]],
        )
        if space is None and not description["is_plain"]:
            raise NmjaxError(
                f"Space {saved.name!r} was saved without its cell and functions, which files do "
                "not contain; give it as load(path, space=...)."
            )
    if space is None:
        return saved
    if (space.choices, space.continuous) != (saved.choices, saved.continuous):
        raise NmjaxError(
            f"Got space {space.name!r} whose choices differ from those of the saved space "
            f"{saved.name!r}; give the space that was saved."
        )
    return space


def _conditions_to_json(choice: Choice | RealChoice) -> list[list[Any]]:
    return [[condition.parent, list(condition.options)] for condition in choice.conditions]


def _with_conditions(fields: Mapping[str, Any]) -> dict[str, Any]:
    conditions = tuple((parent, tuple(options)) for parent, options in fields["conditions"])
    options = {"options": tuple(fields["options"])} if "options" in fields else {}
    return {**fields, **options, "conditions": conditions}


def metric_to_json(metric: Metric | None) -> dict[str, str] | None:
    """Describe a metric by JSON-compatible values; None for None.

    Example:
      >>> from nmjax.storage import metric_to_json
      >>> from nmjax.types import Metric
      >>> metric_to_json(Metric("loss", direction="min"))["direction"]
      'min'
    """
    return None if metric is None else {**vars(metric)}


def metric_from_json(description: Mapping[str, Any] | None) -> Metric | None:
    """Restore a metric from its description; None for None.

    Example:
      >>> from nmjax.storage import metric_from_json
      >>> metric_from_json({"name": "loss", "direction": "min"}).name
      'loss'
    """
    return None if description is None else Metric(**description)
