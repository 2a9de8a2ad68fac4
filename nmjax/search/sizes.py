"""Which sizes a search takes, and which it refuses."""

from nmjax.errors import NmjaxError
from nmjax.search.record import Record
from nmjax.types import PyTree


def check_sizes(**sizes: int) -> None:
    """Refuses sizes that are not positive.

    Raises:
      NmjaxError: one is not.
    """
    wrong = ", ".join(f"{name}={size}" for name, size in sizes.items() if size < 1)
    if wrong:
        raise NmjaxError(f"Got {wrong}; give 1 or more.")


def check_capacity(state: PyTree, **asked: int) -> None:
    """Refuses more evaluations than a search has room for; what it has is read off its record.

    Raises:
      NmjaxError: one that is asked for is larger than the capacity.
    """
    record = getattr(state, "record", None)
    if not isinstance(record, Record):
        return
    capacity = record.row.shape[-1]
    for name, number in asked.items():
        if number > capacity:
            raise NmjaxError(
                f"Got {name}={number} for a search of capacity={capacity}; make the search with "
                f"capacity={number}, or ask for {capacity} at most."
            )
