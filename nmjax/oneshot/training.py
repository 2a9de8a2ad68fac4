"""Run supernet searches as one scan, from a state or for each key."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.live import Dataset
from nmjax.live.data import check_classes, count_logits, shapes_of
from nmjax.oneshot.search import SupernetSearch
from nmjax.oneshot.settings import SupernetHyper, SupernetInfo, SupernetParams, SupernetState
from nmjax.setting_checks import check_keys, check_sizes
from nmjax.types import Array


def train_supernet(
    state: SupernetState,
    data: Dataset,
    search: SupernetSearch,
    hyper: SupernetHyper,
    *,
    steps: int,
) -> tuple[SupernetState, SupernetInfo]:
    """Take a number of steps in one scan. Steps past `hyper.steps` change nothing.

    Args:
      state: State from `search.init` or an earlier call.
      data: Rows of the task. The weights learn from the training rows, the strengths from the
        selection rows; the test rows are not read.
      search: Search, as `darts` and others return it.
      hyper: Traced numbers.
      steps: Number of steps of the scan.

    Returns:
      The state, and a `SupernetInfo` whose leaves have a leading axis of `steps`.

    Raises:
      NmjaxError: The rows do not fit the supernet, or `steps` is not positive.

    Example:
      >>> import jax
      >>> from nmjax.live import load_task
      >>> from nmjax.oneshot import MLPSupernet, darts, train_supernet
      >>> search, hyper = darts(MLPSupernet(4, 3), steps=2)
      >>> state, data = search.init(jax.random.key(0)), load_task("iris").data
      >>> state, infos = train_supernet(state, data, search, hyper, steps=2)
      >>> search.discretize(state).shape, infos.train_loss.shape
      ((3,), (2,))
    """
    _check(data, search, steps)
    trained: tuple[SupernetState, SupernetInfo] = _train(state, data, search, hyper, steps=steps)
    return trained


def train_supernets(
    keys: Array,
    data: Dataset,
    search: SupernetSearch,
    hyper: SupernetHyper,
    *,
    steps: int,
    params: SupernetParams | None = None,
) -> tuple[SupernetState, SupernetInfo]:
    """Run a search for each key[S] side by side, in one compiled scan.

    Args:
      keys: Random keys, one for each search.
      data: Rows of the task, as for `train_supernet`.
      search: Search, as `darts` and others return it.
      hyper: Traced numbers, the same for all.
      steps: Number of steps.
      params: Weights and strengths to start from, the same for all; random ones by default.

    Returns:
      The states, with leaves [S, ...], and a `SupernetInfo` with leaves [S, steps, ...].

    Raises:
      NmjaxError: There is not one axis of keys, the rows do not fit the supernet, or `steps` is not
        positive.

    Example:
      >>> import jax
      >>> from nmjax.live import load_task
      >>> from nmjax.oneshot import MLPSupernet, single_path, train_supernets
      >>> search, hyper = single_path(MLPSupernet(4, 3), steps=2)
      >>> keys = jax.random.split(jax.random.key(0), 2)
      >>> _, infos = train_supernets(keys, load_task("iris").data, search, hyper, steps=2)
      >>> infos.train_loss.shape
      (2, 2)
    """
    check_keys(keys)
    _check(data, search, steps)
    # The initial weights are drawn outside, by a program that all searches of a supernet share.
    states = jax.vmap(search.init, in_axes=(0, None))(keys, params)
    trained: tuple[SupernetState, SupernetInfo] = _train_batch(
        states, data, search, hyper, steps=steps
    )
    return trained


@partial(jax.jit, static_argnames=("search", "steps"))
def _train(
    state: SupernetState,
    data: Dataset,
    search: SupernetSearch,
    hyper: SupernetHyper,
    *,
    steps: int,
) -> tuple[SupernetState, SupernetInfo]:
    return jax.lax.scan(lambda carry, _: search.step(carry, data, hyper), state, length=steps)


@partial(jax.jit, static_argnames=("search", "steps"))
def _train_batch(
    states: SupernetState,
    data: Dataset,
    search: SupernetSearch,
    hyper: SupernetHyper,
    *,
    steps: int,
) -> tuple[SupernetState, SupernetInfo]:
    def one(state: SupernetState) -> tuple[SupernetState, SupernetInfo]:
        trained: tuple[SupernetState, SupernetInfo] = _train(
            state, data, search, hyper, steps=steps
        )
        return trained

    return jax.vmap(one)(states)


def _check(data: Dataset, search: SupernetSearch, steps: int) -> None:
    """Refuse rows that the supernet cannot read, or classes that it has no logits for."""
    check_sizes(steps=steps)
    supernet, space = search.supernet, search.supernet.space

    def forward(x: Array) -> Array:
        choices = jnp.zeros((space.num_choices, space.max_options))
        return supernet.apply(supernet.init(jax.random.key(0)), choices, x)

    classes = count_logits("supernet", supernet, forward, shapes_of(data.train.x))
    check_classes("supernet", classes, (data.train, data.selection))
