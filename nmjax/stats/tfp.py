"""TensorFlow Probability, imported only where it is used: it costs most of a second."""

import importlib
from importlib import metadata
from types import ModuleType

from nmjax.errors import NmjaxError


def import_tfp() -> ModuleType:
    """The JAX substrate of TensorFlow Probability.

    Raises:
      NmjaxError: it is missing, or the stable release has overwritten `tfp-nightly` and fails to
        import on this JAX.
    """
    try:
        return importlib.import_module("tensorflow_probability.substrates.jax")
    except Exception as error:
        try:
            found = f"tensorflow-probability {metadata.version('tensorflow-probability')}"
        except metadata.PackageNotFoundError:
            found = "no stable tensorflow-probability"
        raise NmjaxError(
            f"TensorFlow Probability failed to import ({type(error).__name__}: {error}; {found} is "
            "installed), but nmjax needs `tfp-nightly`, and the two overwrite each other: run "
            "`pip uninstall tensorflow-probability tfp-nightly`, then `pip install tfp-nightly`."
        ) from error
