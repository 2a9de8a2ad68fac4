"""Save knowledge and studies to files, and load them."""

from nmjax.storage.archive import Serialized, Serializer, load, register_serializer, save
from nmjax.storage.descriptions import (
    metric_from_json,
    metric_to_json,
    space_from_json,
    space_to_json,
)
from nmjax.storage.knowledge import deserialize_knowledge, serialize_knowledge

__all__ = [
    "Serialized",
    "Serializer",
    "deserialize_knowledge",
    "load",
    "metric_from_json",
    "metric_to_json",
    "register_serializer",
    "save",
    "serialize_knowledge",
    "space_from_json",
    "space_to_json",
]
