"""Save and load knowledge and studies as one file of arrays with a JSON description.

The file is a ZIP archive with a member `description.json` and one `.npy` member for each array. It
contains no pickled objects, so loading a file never executes code from it.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge import FeatureParams, MetaKnowledge
from nmjax.knowledge.state import SourceModels
from nmjax.predictors import KernelParams, PoolPrior
from nmjax.spaces import Choice, RealChoice, Space, encoding_size, get_space
from nmjax.spaces.catalog import names as catalog_names
from nmjax.tasks.files.array_cache import whole_file
from nmjax.types import Categorical, Metric
from nmjax.version import __version__

FORMAT, VERSION = "nmjax", 1
_DESCRIPTION = "description.json"

Arrays = dict[str, np.ndarray]


class State(NamedTuple):
    """Serialized form of an object.

    Attributes:
      description: JSON-compatible values.
      arrays: NumPy arrays by name.
    """

    description: dict[str, Any]
    arrays: Arrays


class Kind(NamedTuple):
    """Serialization of a class.

    Attributes:
      type: The class.
      to_state: Function from an object to its `State`.
      from_state: Function from a `State`, and a `Space` or None, to the object.
    """

    type: type
    to_state: Callable[[Any], State]
    from_state: Callable[[State, Space | None], Any]


_KINDS: dict[str, Kind] = {}


def register_kind(name: str, kind: Kind) -> None:
    """Register a class for `save` and `load`.

    Args:
      name: Name of the kind in files.
      kind: Serialization of the class.
    """
    _KINDS[name] = kind


def save(item: Any, path: str | os.PathLike[str]) -> None:
    """Write knowledge, a study, or another object of a registered kind to one file.

    The write is atomic and replaces an existing file.

    Args:
      item: What to save, such as the result of `learn`.
      path: Path of the file; missing folders are created.

    Raises:
      NmjaxError: The class of the object is not registered, or the file cannot be written.

    Example:
      >>> import tempfile
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import Space
      >>> from nmjax.storage import load, save
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(default_knowledge(Space(width=[8, 16])), f"{folder}/knowledge.nmjax")
      ...     load(f"{folder}/knowledge.nmjax").space.names
      ('width',)
    """
    found = [(name, kind) for name, kind in _KINDS.items() if isinstance(item, kind.type)]
    if not found:
        classes = sorted(kind.type.__name__ for kind in _KINDS.values())
        raise NmjaxError(
            f"Got a {type(item).__name__} to save; give an object of {' or '.join(classes)}."
        )
    name, kind = found[-1]
    state = kind.to_state(item)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "nmjax": __version__,
        "kind": name,
        "shapes": {key: [str(a.dtype), list(a.shape)] for key, a in state.arrays.items()},
        "content": state.description,
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    try:
        with whole_file(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_DESCRIPTION, text)
            for key, array in state.arrays.items():
                archive.writestr(f"{key}.npy", _to_bytes(array), zipfile.ZIP_DEFLATED)
    except OSError as error:
        raise NmjaxError(f"Cannot write {path}: {error}. Give a writable path.") from None


def load(path: str | os.PathLike[str], *, space: Space | None = None) -> Any:
    """Load an object that `save` wrote.

    Args:
      path: Path of the file.
      space: The space, required only if it is not in the catalog and has a custom cell or custom
        functions; its choices must equal the saved ones.

    Raises:
      NmjaxError: The file does not exist, was not written by `save`, is incomplete, was written by
        a newer version, or requires `space`.

    Example:
      >>> import tempfile
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.spaces import get_space
      >>> from nmjax.storage import load, save
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     save(default_knowledge(get_space("nas-bench-201")), f"{folder}/knowledge.nmjax")
      ...     load(f"{folder}/knowledge.nmjax").space == get_space("nas-bench-201")
      True
    """
    try:
        name, state = _read(Path(path))
    except NmjaxError:
        raise
    except OSError as error:
        raise NmjaxError(f"Cannot read {path}: {error}.") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, NotImplementedError):
        raise NmjaxError(
            f"{path} is not a file that nmjax.save wrote, or it is incomplete; save it again."
        ) from None
    if name not in _KINDS:
        raise NmjaxError(
            f"{path} holds a {name!r}; this version of nmjax reads {sorted(_KINDS)}, so import the "
            "module that saves it, or update nmjax."
        )
    try:
        return _KINDS[name].from_state(state, space)
    except NmjaxError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NmjaxError(
            f"The content of {path} does not fit its kind, {name!r}; save it again."
        ) from None


def _read(path: Path) -> tuple[str, State]:
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read(_DESCRIPTION))
        if content["format"] != FORMAT:
            raise ValueError
        if content["version"] > VERSION:
            raise NmjaxError(
                f"{path} was written by nmjax {content['nmjax']} in format {content['version']}; "
                f"this is nmjax {__version__}, which reads up to {VERSION}: update nmjax."
            )
        arrays = {key: _from_bytes(archive.read(f"{key}.npy")) for key in content["shapes"]}
    shapes = {key: [str(a.dtype), list(a.shape)] for key, a in arrays.items()}
    if shapes != content["shapes"]:
        raise ValueError
    return content["kind"], State(content["content"], arrays)


def _to_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()


def _from_bytes(content: bytes) -> np.ndarray:
    array: np.ndarray = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array


def space_to_json(space: Space) -> dict[str, Any]:
    """JSON-compatible description of a space, the inverse of `space_from_json`."""
    if space.name in catalog_names() and get_space(space.name) == space:
        return {"catalog": space.name}
    return {
        "name": space.name,
        "choices": [
            {
                "name": choice.name,
                "options": list(choice.options),
                "kind": choice.kind,
                "scale": choice.scale,
                "conditions": _conditions_to_json(choice),
            }
            for choice in space.choices
        ],
        "continuous": [
            {
                "name": real.name,
                "low": real.low,
                "high": real.high,
                "scale": real.scale,
                "conditions": _conditions_to_json(real),
            }
            for real in space.continuous
        ],
        "is_plain": space.cell is None and space.valid is None and space.canonical is None,
    }


def space_from_json(description: Mapping[str, Any], space: Space | None = None) -> Space:
    """Restore a space from its description.

    Args:
      description: Result of `space_to_json`.
      space: The space itself, if it has a custom cell or custom functions.

    Raises:
      NmjaxError: `space` is required, or has other choices.
    """
    if "catalog" in description:
        saved = get_space(description["catalog"])
    else:
        saved = Space.build(
            description["name"],
            [Choice(**_with_conditions(choice)) for choice in description["choices"]],
            [RealChoice(**_with_conditions(real)) for real in description["continuous"]],
        )
        if space is None and not description["is_plain"]:
            raise NmjaxError(
                f"Space {saved.name!r} was saved without its cell and functions, which files do "
                "not contain; give it as load(path, space=...)."
            )
    if space is None:
        return saved
    if (space.choices, space.continuous) != (saved.choices, saved.continuous):
        raise NmjaxError(
            f"Got space {space.name!r} whose choices differ from those of the saved space "
            f"{saved.name!r}; give the space that was saved."
        )
    return space


def _conditions_to_json(choice: Choice | RealChoice) -> list[list[Any]]:
    return [[condition.parent, list(condition.options)] for condition in choice.conditions]


def _with_conditions(fields: Mapping[str, Any]) -> dict[str, Any]:
    conditions = tuple((parent, tuple(options)) for parent, options in fields["conditions"])
    options = {"options": tuple(fields["options"])} if "options" in fields else {}
    return {**fields, **options, "conditions": conditions}


def metric_to_json(metric: Metric | None) -> dict[str, str] | None:
    """JSON-compatible description of a metric; None for None."""
    return None if metric is None else {**vars(metric)}


def metric_from_json(description: Mapping[str, Any] | None) -> Metric | None:
    """Restore a metric from its description; None for None."""
    return None if description is None else Metric(**description)


def knowledge_to_state(knowledge: MetaKnowledge) -> State:
    """Serialize knowledge."""
    leaves = jax.tree_util.tree_leaves_with_path(knowledge)
    arrays = {"/".join(map(_key_name, path)): np.asarray(leaf) for path, leaf in leaves}
    description = {
        "space": space_to_json(knowledge.space),
        "metric": metric_to_json(knowledge.metric),
        "outcome_transform": knowledge.outcome_transform,
    }
    return State(description, arrays)


def knowledge_from_state(state: State, space: Space | None = None) -> MetaKnowledge:
    """Restore knowledge from its serialized form."""
    tree: dict[str, Any] = {}
    for name, array in state.arrays.items():
        *folders, last = name.split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = jnp.asarray(array)
    params = {"network": None, **tree.pop("params")}
    kernel = KernelParams(**params.pop("kernel"))
    knowledge = MetaKnowledge(
        params=FeatureParams(kernel=kernel, **params),
        prior=PoolPrior(**tree.pop("prior")),
        sources=SourceModels(**tree.pop("sources")),
        sampling=Categorical(**tree.pop("sampling")),
        **tree,
        space=space_from_json(state.description["space"], space),
        metric=metric_from_json(state.description["metric"]),
        outcome_transform=state.description["outcome_transform"],
    )
    if knowledge.params.location.shape != (encoding_size(knowledge.space),):
        raise ValueError
    return knowledge


def _key_name(key: Any) -> str:
    return str(getattr(key, "name", getattr(key, "key", None)))


register_kind("knowledge", Kind(MetaKnowledge, knowledge_to_state, knowledge_from_state))
