"""Sphinx configuration. Build: sphinx-build -W --keep-going docs docs/_build."""

import importlib
import inspect
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))

import nmjax  # noqa: E402

project = "nmjax"
author = "The nmjax developers"
copyright = "2026, The nmjax developers"
version = release = nmjax.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
suppress_warnings = ["config.cache", "autosummary.import_cycle"]

html_theme = "sphinx_book_theme"
html_title = "nmjax"
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "show_toc_level": 2,
    "use_download_button": False,
}
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

autosummary_generate = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88
add_module_names = False

PACKAGES = {
    "spaces": "Spaces",
    "relax": "Relaxations",
    "tasks": "Tasks and histories",
    "predictors": "Predictors",
    "meta": "Meta-learning",
    "knowledge": "Knowledge",
    "patterns": "Patterns",
    "search": "Search",
    "live": "Children that train",
    "oneshot": "One-shot search",
    "evaluation": "Evaluation",
    "experiments": "Experiments",
    "analysis": "Analysis",
    "analysis.plots": "Plots",
    "stats": "Statistics",
    "integrations": "Integrations",
    "testing": "Conformance checks",
}


def public_names(module) -> list[str]:
    """Names in `__all__` other than modules, in alphabetical order."""
    names = [name for name in getattr(module, "__all__", ()) if not name.startswith("_")]
    return sorted((n for n in names if not inspect.ismodule(getattr(module, n))), key=str.lower)


FACE = {name: getattr(nmjax, name) for name in public_names(nmjax)}


def directive(module, name: str) -> str:
    """Autodoc directive for one object."""
    thing = getattr(module, name)
    path = f"{module.__name__}.{name}"
    if inspect.isclass(thing):
        return f".. autoclass:: {path}\n   :members:\n"
    if callable(thing):
        return f".. autofunction:: {path}\n"
    return f".. autodata:: {path}\n   :no-value:\n"


def write_page(module, title: str, file: Path) -> None:
    """Write a page with the docstring of a package, a table of its names, and their entries.

    A name that `nmjax` itself exports is documented there and linked here.
    """
    own, table = [], []
    for name in public_names(module):
        shared = module is not nmjax and FACE.get(name) is getattr(module, name)
        table.append(f"   ~nmjax.{name}" if shared else f"   ~{module.__name__}.{name}")
        if not shared:
            own.append(directive(module, name))
    lines = [title, "=" * len(title), "", f".. automodule:: {module.__name__}", "   :no-members:"]
    lines += ["", ".. autosummary::", "   :nosignatures:", "", *table, "", *own]
    text = "\n".join(lines)
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def write_reference() -> dict[str, str]:
    """Write a page for each package; return the documented path of each public name."""
    folder = DOCS / "api" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    write_page(nmjax, "nmjax", folder / "nmjax.rst")
    places = {name: f"nmjax.{name}" for name in FACE}
    for package, title in PACKAGES.items():
        module = importlib.import_module(f"nmjax.{package}")
        write_page(module, f"nmjax.{package}: {title}", folder / f"{package}.rst")
        for name in public_names(module):
            places.setdefault(name, f"nmjax.{package}.{name}")
            shared = FACE.get(name) is getattr(module, name)
            places[f"{package}.{name}"] = f"nmjax.{name if shared else f'{package}.{name}'}"
    return places


PLACES = write_reference()
_CODE = re.compile(r"(?<![`:\w])`([^`]+)`(?!`|_)")


def link_names(_app, what, _name, thing, _options, lines: list[str]) -> None:
    """Convert docstrings with code in single backticks; link public names."""
    if what == "data" and thing.__doc__ == type(thing).__doc__:
        lines.clear()
    paragraphs = re.split(r"(\n\s*\n)", "\n".join(lines))
    lines[:] = "".join(map(_to_rst, paragraphs)).split("\n")


def _to_rst(paragraph: str) -> str:
    if paragraph.lstrip().startswith(">>>") or "``" in paragraph:
        return paragraph
    first, example, rest = paragraph.partition(">>>")
    pieces = _CODE.split(first)  # Prose and code by turns.
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            piece = re.sub(r"([*|]|(?<=\w)_(?=\W|$))", r"\\\1", piece)
            # Text that touches a role must be separated from it.
            pieces[number] = f"\\ {piece}" if number and piece[:1].isalnum() else piece
            continue
        place = PLACES.get(piece.removeprefix("nmjax.").removesuffix("()"))
        pieces[number] = f":py:obj:`{piece} <{place}>`" if place else f"``{piece}``"
    return "".join(pieces) + example + rest


def skip_fields(_app, _what, _name, thing, skip: bool, _options) -> bool | None:
    """Leave out the fields of named tuples, which the class's docstring describes."""
    if type(thing).__name__ == "_tuplegetter":
        return True
    return skip or None


def setup(app) -> None:
    """Connect the hooks."""
    app.connect("autodoc-process-docstring", link_names, priority=400)
    app.connect("autodoc-skip-member", skip_fields)
