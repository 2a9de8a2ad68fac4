"""Memory of compiled programs."""

from typing import Any

from jax.stages import Compiled

from nmjax.errors import NmjaxError


def planned_memory(program: Compiled) -> Any:
    """Bytes of arguments, outputs and temporaries of a program, as XLA plans them.

    Raises:
      NmjaxError: The backend does not tell.
    """
    planned = program.memory_analysis()
    if planned is None:
        raise NmjaxError("This backend does not report planned memory; run on a CPU.")
    return planned
