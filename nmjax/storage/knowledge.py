"""Knowledge as JSON-compatible values and arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge import FeatureParams, MetaKnowledge
from nmjax.knowledge.state import SourceModels
from nmjax.meta import LastLayerParams, ProcessParams
from nmjax.predictors import FailureRates, KernelParams, PoolPrior
from nmjax.spaces import Space, encoding_size
from nmjax.storage.archive import Serialized, Serializer, register_serializer
from nmjax.storage.descriptions import (
    metric_from_json,
    metric_to_json,
    space_from_json,
    space_to_json,
)
from nmjax.types import Categorical


def serialize_knowledge(knowledge: MetaKnowledge) -> Serialized:
    """Convert knowledge to its serialized form.

    Example:
      >>> from nmjax.storage import serialize_knowledge
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> serialize_knowledge(default_knowledge(Space(width=[8, 16]))).arrays["wins"].shape
      (2,)
    """
    leaves = jax.tree_util.tree_leaves_with_path(knowledge)
    arrays = {"/".join(map(_key_name, path)): np.asarray(leaf) for path, leaf in leaves}
    description = {
        "space": space_to_json(knowledge.space),
        "metric": metric_to_json(knowledge.metric),
        "outcome_transform": knowledge.outcome_transform,
    }
    return Serialized(description, arrays)


def deserialize_knowledge(serialized: Serialized, space: Space | None = None) -> MetaKnowledge:
    """Restore knowledge from its serialized form.

    Args:
      serialized: Result of `serialize_knowledge`.
      space: The space, as for `load`.

    Raises:
      NmjaxError: `space` is required, or has other choices.

    Example:
      >>> from nmjax.storage import deserialize_knowledge, serialize_knowledge
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> serialized = serialize_knowledge(default_knowledge(Space(width=[8, 16])))
      >>> deserialize_knowledge(serialized).space.names
      ('width',)
    """
    tree: dict[str, Any] = {}
    for name, array in serialized.arrays.items():
        *folders, last = name.split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = jnp.asarray(array)
    params = tree.pop("params")
    kernel = KernelParams(**params.pop("kernel"))
    network = params.pop("network", None)
    failures, process = tree.pop("failures", None), tree.pop("process", None)
    knowledge = MetaKnowledge(
        params=FeatureParams(
            kernel=kernel,
            network=None if network is None else LastLayerParams(**network),
            **params,
        ),
        prior=PoolPrior(**tree.pop("prior")),
        sources=SourceModels(**tree.pop("sources")),
        sampling=Categorical(**tree.pop("sampling")),
        **tree,
        space=space_from_json(serialized.description["space"], space),
        metric=metric_from_json(serialized.description["metric"]),
        outcome_transform=serialized.description["outcome_transform"],
        failures=None if failures is None else FailureRates(**failures),
        process=None if process is None else ProcessParams(**process),
    )
    if knowledge.params.location.shape != (encoding_size(knowledge.space),):
        raise ValueError(knowledge.params.location.shape)
    return knowledge


def _key_name(key: Any) -> str:
    return str(getattr(key, "name", getattr(key, "key", None)))


register_serializer(
    "knowledge", Serializer(MetaKnowledge, serialize_knowledge, deserialize_knowledge)
)
