"""Examples in docstrings import what they use, so that a reader can paste them."""

import ast
import builtins
import doctest
from pathlib import Path

import nmjax

ROOT = Path(nmjax.__file__).parent
CONVENTIONS = {"jax", "jnp", "np"}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef


def documented(tree):
    """The name and the docstring of everything public in a module."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


def undefined_names(text):
    """Names that the examples in a docstring use, and neither import nor define."""
    source = "".join(example.source for example in doctest.DocTestParser().get_examples(text))
    used, defined = set(), {*dir(builtins), *CONVENTIONS}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
    return used - defined


def test_examples_import_what_they_use():
    missing = {
        f"{path.relative_to(ROOT)}, {name}": names
        for path in ROOT.rglob("*.py")
        for name, text in documented(ast.parse(path.read_text()))
        if (names := undefined_names(text))
    }
    assert missing == {}


def test_a_name_that_is_neither_imported_nor_defined_is_found():
    text = ">>> from nmjax import Space\n>>> space = Space(a=[1])\n>>> Study(space, f=lambda x: x)"
    assert undefined_names(text) == {"Study"}
