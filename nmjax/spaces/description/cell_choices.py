"""The fit of a cell and the choices of its space."""

from collections.abc import Sequence

from nmjax.errors import NmjaxError
from nmjax.spaces.cells.cell import Cell
from nmjax.spaces.description.choices import Choice


def check_cell(what: str, cell: Cell, choices: Sequence[Choice]) -> None:
    """Raises an NmjaxError unless the cell uses existing, unconditional choices that fit it."""
    used = [*cell.labels, *([] if cell.topology is None else [cell.topology])]
    if not all(0 <= index < len(choices) for index in used):
        raise NmjaxError(f"{what} uses the choices {used}; there are {len(choices)}.")
    conditional = [choices[index].name for index in used if choices[index].conditions]
    if conditional:
        raise NmjaxError(
            f"{what} uses the conditional choices {conditional}; only choices outside of the "
            "cell can be conditional."
        )
    if len({choices[index].options for index in cell.labels}) != 1:
        raise NmjaxError(f"{what} has nodes with different options; give all the same.")
    if cell.topology is not None:
        options = choices[cell.topology].options
        if len(options) != len(cell.topologies):
            raise NmjaxError(
                f"{what} has {len(cell.topologies)} topologies for the {len(options)} options "
                f"of {choices[cell.topology].name!r}; give one for each."
            )
