"""`--space auto`: the space that a folder stores, or one proposed from a file."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks import HistoryStore, open_store, propose_space
from nmjax.tasks.files.folders import folder_at, locate
from nmjax.tasks.files.history_store import MANIFEST
from nmjax.tasks.tables.table import Table

AUTO = "auto"


class Chosen(NamedTuple):
    """A space for a table.

    Attributes:
      space: The space.
      renamed: {choice: column} where the names differ.
      source: Python text that defines the space if it was proposed, or "".
    """

    space: Space
    renamed: Mapping[str, str]
    source: str


def choose_space(
    name: str | None,
    store: HistoryStore | None,
    table: Table,
    *,
    metrics: Sequence[str],
    task: str = "task",
    context: Sequence[str] = (),
    choices: Sequence[str] = (),
    exclude: Sequence[str] = (),
    state: str | None = None,
) -> Chosen:
    """Return the space called `name`, that of a folder, or one proposed from the table.

    Args:
      name: Space of the catalog, MODULE:NAME, "auto", or None.
      store: Store with a space, or None.
      table: Table to read.
      metrics: Columns that are metrics; these and the arguments that follow are for a proposal.
      task: Column that names the task.
      context: Columns that describe a task.
      choices: Columns that are choices.
      exclude: Columns to leave out.
      state: Column with the states of trials.

    Raises:
      NmjaxError: There is no such space, no space can be proposed, or none is named and the folder
        stores none.
    """
    from nmjax.evaluation.plugins import load_space

    if name not in (None, AUTO):
        return Chosen(load_space(str(name)), {}, "")
    if store is not None:
        return Chosen(store.space, {}, "")
    if name is None:
        raise NmjaxError(
            f"Got {table.source} without its space; give --space MODULE:NAME, or --space auto to "
            "propose one from its columns."
        )
    proposal = propose_space(
        table,
        metrics=metrics,
        task=task,
        context=context,
        choices=choices,
        exclude=exclude,
        state=state,
    )
    return Chosen(proposal.space, proposal.renamed, proposal.source())


def find_store(folder: str) -> HistoryStore | None:
    """Return the store in a folder, or None if there is none.

    Raises:
      NmjaxError: The store cannot be read.
    """
    try:
        with folder_at(locate(folder)).open(MANIFEST):
            pass
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # `open_store` says what is wrong.
    return open_store(folder)
