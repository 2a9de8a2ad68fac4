"""Connections to other tools; each needs its own extra.

`OptunaSampler` and `RaySearch` are imported on first use, as they derive from classes of Optuna and
of Ray.
"""

import importlib
from typing import TYPE_CHECKING, Any

from nmjax.errors import NmjaxError
from nmjax.integrations.optuna_studies.reader import read_studies
from nmjax.integrations.optuna_studies.writer import write_studies

if TYPE_CHECKING:
    from nmjax.integrations.optuna_studies.sampler import OptunaSampler
    from nmjax.integrations.ray_search import RaySearch

__all__ = ["OptunaSampler", "RaySearch", "read_studies", "write_studies"]

_LAZY = {
    "OptunaSampler": ("nmjax.integrations.optuna_studies.sampler", "Optuna", "optuna"),
    "RaySearch": ("nmjax.integrations.ray_search", "Ray Tune", "ray"),
}


def __getattr__(name: str) -> Any:
    """Import a class on its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'nmjax.integrations' has no attribute {name!r}")
    module, library, extra = _LAZY[name]
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise NmjaxError(f'{library} is not installed: pip install "nmjax[{extra}]".') from error
