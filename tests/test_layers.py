"""The layers of the packages, checked by their imports."""

import ast
import graphlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import nmjax.version

ROOT = Path(nmjax.version.__file__).parent
LAYERS = (
    ("errors", "threefry", "version"),
    ("compilation_cache", "setting_checks"),
    ("types",),
    ("optimize",),
    ("stats",),
    ("spaces",),
    ("relax",),
    ("tasks",),
    ("predictors",),
    ("meta",),
    ("knowledge",),
    ("patterns", "storage"),
    ("search",),
    ("study",),
    ("live",),
    ("oneshot",),
    ("analysis",),
    ("experiments",),
    ("evaluation",),
    ("integrations",),
    ("testing",),
    ("cli",),
    ("__main__",),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
Sources = dict[str, str]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
PACKAGES = {name for name, path in PATHS.items() if path.name == "__init__.py"}
SOURCES = {name: path.read_text() for name, path in PATHS.items()}


parsed = lru_cache(maxsize=None)(ast.parse)


def imports(source: str, *, top_level: bool = False) -> Iterator[tuple[str, str | None]]:
    """(module, name) of each import; with `top_level`, those that run when the module is loaded."""
    waiting = list(parsed(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from ((prefix, alias.name) for alias in node.names)
        elif top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        else:
            waiting.extend(ast.iter_child_nodes(node))


def targets(source: str, known: set[str], *, top_level: bool = False) -> set[str]:
    """The modules of nmjax that a source imports."""
    found = set()
    for module, name in imports(source, top_level=top_level):
        deeper = f"{module}.{name}"
        target = deeper if deeper in known else module
        if target.split(".")[0] == "nmjax":
            found.add(target)
    return found


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def layer_faults(sources: Sources) -> list[str]:
    faults = []
    for name, source in sources.items():
        faults += [f"{name}: relative import" for m, _ in imports(source) if m.startswith(".")]
        if room(name) is None:
            continue
        if room(name) not in RANK:
            faults.append(f"{name}: room is not in the order")
            continue
        for target in targets(source, set(sources)):
            if room(target) is None:
                faults.append(f"{name}: imports the public face")
            elif room(target) not in RANK:
                faults.append(f"{name}: imports {target}, which is no room")
            elif room(target) != room(name) and RANK[room(target)] >= RANK[room(name)]:
                faults.append(f"{name}: imports {target}, which is not above it")
    return faults


def cycle(sources: Sources) -> list[str]:
    """Modules that wait for one another when loaded, empty if there are none."""
    known = set(sources)
    graph = {name: targets(source, known, top_level=True) for name, source in sources.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def defined(source: str) -> set[str]:
    """Names that the top level of a module defines itself."""
    names = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def used(source: str) -> set[str]:
    """Names that a module reads."""
    return {
        node.id
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def public(source: str) -> set[str] | None:
    """The names in `__all__`, None if there is none."""
    for node in parsed(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return None


def reexport_faults(sources: Sources, packages: set[str]) -> list[str]:
    faults = []
    for name, source in sources.items():
        faults += [f"{name}: star import from {m}" for m, what in imports(source) if what == "*"]
        offered = public(source)
        if name in packages:
            brought = {what for _, what in imports(source, top_level=True) if what}
            unoffered = brought - (offered or set()) - used(source)
            missing = (offered or set()) - brought - defined(source)
            if stray := unoffered | missing:
                faults.append(f"{name}: __all__ and what is there differ: {stray}")
            continue
        if offered and offered - defined(source):
            faults.append(f"{name}: re-exports {offered - defined(source)}")
        for module, what in imports(source):
            if module in sources and module not in packages and what not in {None, "*"}:
                taken_from = defined(sources[module])
                if what not in taken_from:
                    faults.append(f"{name}: takes {what} from {module}, which does not define it")
    return faults


def loads_probability(sources: Sources) -> list[str]:
    return [
        name
        for name, source in sources.items()
        for module, _ in imports(source, top_level=True)
        if module.split(".")[0] == "tensorflow_probability"
    ]


def test_sources_are_found():
    assert {"nmjax.errors", "nmjax.analysis.convergence"} <= set(SOURCES)
    assert {"nmjax.analysis", "nmjax.experiments"} <= PACKAGES


def test_rooms_import_only_from_rooms_above():
    assert layer_faults(SOURCES) == []


def test_no_modules_wait_for_one_another():
    assert cycle(SOURCES) == []


def test_only_package_inits_reexport():
    assert reexport_faults(SOURCES, PACKAGES) == []


def test_tensorflow_probability_is_imported_lazily():
    assert loads_probability(SOURCES) == []


BELOW = "nmjax.stats.divergence"


@pytest.mark.parametrize(
    "source",
    [
        "from nmjax.search.loop import run",
        "import nmjax.search",
        "from nmjax import search",
        "def f():\n    from nmjax.spaces.space import Space",
        "if True:\n    import nmjax.cli.main",
        "from nmjax import Gaussian",
        "from nmjax.attic import thing",
        "from .ranking import spearman",
    ],
)
def test_a_wrong_import_is_seen(source):
    sources = {"nmjax.search": "", "nmjax.search.loop": "run = 1", BELOW: source}
    assert len(layer_faults(sources)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from nmjax.types import Gaussian",
        "from nmjax.stats.ranking import spearman",
        "import jax.numpy as jnp",
    ],
)
def test_a_right_import_is_not(source):
    assert layer_faults({BELOW: source}) == []


def test_a_room_outside_the_order_is_seen():
    assert layer_faults({"nmjax.attic.old": ""}) != []


def test_a_cycle_is_seen():
    sources = {
        "nmjax.stats.a": "from nmjax.stats.b import x",
        "nmjax.stats.b": "from nmjax.stats import a",
    }
    assert set(cycle(sources)) == set(sources)
    lazy = sources | {"nmjax.stats.b": "def f():\n    from nmjax.stats import a"}
    assert cycle(lazy) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("nmjax.stats.a", "from nmjax.types import *"),
        ("nmjax.stats.a", "from nmjax.types import Gaussian\n__all__ = ['Gaussian']"),
        ("nmjax.stats.a", "from nmjax.types import Any"),
        ("nmjax.stats", "from nmjax.types import Gaussian"),
        ("nmjax.stats", "from nmjax.types import Gaussian\n__all__ = ['Gaussian', 'Dirichlet']"),
    ],
)
def test_a_reexport_is_seen(name, source):
    types = "from typing import Any\nclass Gaussian: pass\nclass Dirichlet: pass"
    assert reexport_faults({"nmjax.types": types, name: source}, {"nmjax.stats"}) != []


def test_an_early_import_of_tensorflow_probability_is_seen():
    line = "from tensorflow_probability.substrates import jax as tfp"
    assert loads_probability({BELOW: line}) == [BELOW]
    assert loads_probability({BELOW: f"class A:\n    {line}"}) == [BELOW]
    assert loads_probability({BELOW: f"def f():\n    {line}"}) == []
