"""Train user-defined Flax modules whose constructor arguments are the choices of a space."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.live.children import train_groups
from nmjax.live.data import Dataset
from nmjax.live.graphs.nodes import Nodes
from nmjax.live.settings import TrainingConfig, TrainingHyper
from nmjax.live.training import TrainingResult
from nmjax.spaces import Space
from nmjax.types import Array, PyTree


def train_modules(
    key: Array,
    make: Callable[..., Any],
    space: Space,
    architectures: ArrayLike,
    data: Dataset,
    *,
    config: TrainingConfig | None = None,
    keep_params: bool = False,
) -> list[TrainingResult]:
    """Train user-defined Flax modules of any architecture, Linen or NNX.

    Choices with the name of a field of `TrainingHyper`, such as `learning_rate`, are training
    numbers; `make` receives the others as keywords. Architectures that differ only in
    training numbers have equal shapes and train together in one compiled call. Different modules
    are compiled separately, which takes seconds each, and train one after the other. A family such
    as `MLPFamily`, whose children are masks of one network, compiles once.

    Args:
      key: Random key; child n trains as child n of `train_children` does.
      make: A subclass of `flax.linen.Module`; or of `flax.nnx.Module`, which is called with
        `rngs` too; or a function that returns a Linen module. Called on float[B, D], the module
        returns logits float[B, classes]. It has parameters only: no dropout, no running statistics.
      space: Space of the constructor's arguments and of training numbers.
      architectures: int32[N, C] of the space.
      data: Rows of the task.
      config: Static settings; the defaults of `TrainingConfig` if None.
      keep_params: Whether to return the weights.

    Returns:
      A `TrainingResult` for each architecture, in their order.

    Raises:
      NmjaxError: An architecture does not belong to the space, the rows are nodes of a graph, or
        a module is of another kind or has variables that are not parameters.

    Example:
      >>> import flax.linen as nn, jax
      >>> from nmjax.live import TrainingConfig, load_task, train_modules
      >>> from nmjax.spaces import Ordinal, Space
      >>> class Mine(nn.Module):
      ...     width: int
      ...     @nn.compact
      ...     def __call__(self, x):
      ...         return nn.Dense(3)(nn.relu(nn.Dense(self.width)(x)))
      >>> space = Space(width=Ordinal(4, 8), learning_rate=Ordinal(0.01, 0.1))
      >>> results = train_modules(jax.random.key(0), Mine, space, [[0, 0], [0, 1]],
      ...                         load_task("iris").data, config=TrainingConfig(epochs=3))
      >>> len(results), results[0].curve.shape
      (2, (3,))
    """
    config = TrainingConfig() if config is None else config
    if isinstance(data.train.x, Nodes):
        raise NmjaxError("Got Nodes of a graph; give rows of features, or train a GraphFamily.")
    configs = [space.to_config(row) for row in np.asarray(architectures)]
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    for number, choices in enumerate(configs):
        fixed = tuple((n, v) for n, v in choices.items() if n not in TrainingHyper._fields)
        groups[fixed].append(number)
    found: dict[int, TrainingResult] = {}
    for fixed, numbers in groups.items():
        hyper = TrainingHyper(
            *(
                jnp.array([configs[n].get(field, default) for n in numbers], jnp.float32)
                for field, default in TrainingHyper()._asdict().items()
            )
        )
        module = _OneModule(make, fixed, data.train.x.shape[1])
        no_choices = jnp.zeros((len(numbers), 0), jnp.int32)
        result = train_groups(
            jax.random.clone(key),
            [(module, np.arange(len(numbers)))],
            (jnp.array(numbers, jnp.int32), no_choices, hyper),
            data,
            config=config,
            keep_params=keep_params,
        )
        for place, number in enumerate(numbers):
            found[number] = jax.tree.map(lambda leaf, place=place: leaf[place], result)
    return [found[number] for number in range(len(configs))]


@dataclass(frozen=True)
class _OneModule:
    """A module of fixed arguments; equal ones share compiled programs."""

    make: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...]
    features: int

    @property
    def _is_nnx(self) -> bool:
        return isinstance(self.make, type) and issubclass(self.make, nnx.Module)

    def _linen(self) -> nn.Module:
        module = self.make(**dict(self.arguments))
        if not isinstance(module, nn.Module):
            raise NmjaxError(
                f"Got {type(module).__name__}, expected a flax.linen.Module: give a class of Linen "
                "or NNX modules, or a function that returns a Linen module."
            )
        return module

    def init(self, key: Array, architecture: Array) -> PyTree:
        """Variables of the module."""
        del architecture
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            if self._is_nnx:
                module = self.make(**dict(self.arguments), rngs=nnx.Rngs(key))
                found, others = nnx.state(module, nnx.Param, ...)
                parameters: PyTree = found
                extra = [] if not jax.tree.leaves(others) else ["other state"]
            else:
                x = jnp.zeros((1, self.features), jnp.float32)
                parameters = self._linen().init(key, x)
                extra = sorted(set(parameters) - {"params"})
        if extra:
            raise NmjaxError(
                f"The module {dict(self.arguments)} has {', '.join(extra)} beside its parameters; "
                "give one without dropout or running statistics."
            )
        return parameters

    def apply(self, params: PyTree, architecture: Array, x: Array) -> Array:
        """Logits float[B, classes] of inputs float[B, D]."""
        del architecture
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            if not self._is_nnx:
                logits: Array = self._linen().apply(params, x)  # type: ignore[assignment]
                return logits
            abstract = nnx.eval_shape(lambda: self.make(**dict(self.arguments), rngs=nnx.Rngs(0)))
            output: Array = nnx.merge(nnx.graphdef(abstract), params)(x)
            return output
