"""The import of Optuna, which is optional."""

from types import ModuleType

from nmjax.errors import NmjaxError


def import_optuna() -> ModuleType:
    """Return the module, or raise an NmjaxError that says how to install it."""
    try:
        import optuna
    except ImportError as error:
        raise NmjaxError('Optuna is not installed: pip install "nmjax[optuna]".') from error
    return optuna
