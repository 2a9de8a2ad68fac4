"""What commands that look at a past are told of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import Positional, arg

from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from nmjax.tasks.past_searches import PastSearches
    from nmjax.types import Array


@dataclass(frozen=True)
class PastConfig:
    """Which past, and how much of it.

    Attributes:
      past: A folder made by `nmjax history import`, or its URL; or a benchmark, whose past is drawn
        at random.
      score: Metric to look at; by default the folder's first one, or the benchmark's own.
      direction: Which way the score of a folder is better; a benchmark's is known.
      tasks: Restrict to these tasks.
      evaluations: Evaluations of each task at the most, drawn at random.
      seed: Random seed.
      data: Folder with the data of benchmarks that no package ships.
    """

    past: Annotated[Positional[str], arg(metavar="PAST")]
    score: Annotated[str | None, arg(metavar="METRIC", help_behavior_hint="")] = None
    direction: Literal["max", "min"] = "max"
    tasks: Annotated[
        tuple[str, ...], arg(metavar="[TASK [TASK ...]]", help_behavior_hint="(default: all)")
    ] = ()
    evaluations: int = 1000
    seed: int = 0
    data: Annotated[Path | None, arg(help_behavior_hint="(default: $NMJAX_DATA)")] = None


def draw_past(config: PastConfig, cost: str | None = None) -> tuple["PastSearches", "Array"]:
    """The past, and a key for what else is random.

    Args:
      config: which past, and how much of it.
      cost: the metric that the score is traded for, as of `sample_store` or `sample_suite`.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, or data are not installed.
    """
    import jax

    from nmjax.tasks import sample_store, sample_suite

    if config.seed < 0:
        raise NmjaxError(f"Got --seed {config.seed}; give one from 0.")
    past_key, key = jax.random.split(jax.random.key(config.seed))
    drawn: dict[str, Any] = {"tasks": config.tasks, "evaluations": config.evaluations}
    names = (config.score, cost)
    if "://" in config.past or Path(config.past).is_dir():
        drawn["direction"] = config.direction
        return sample_store(past_key, config.past, *names, **drawn), key
    return sample_suite(past_key, config.past, *names, **drawn, data=config.data), key
