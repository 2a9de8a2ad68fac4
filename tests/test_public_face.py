"""What `import nmjax` offers, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import nmjax

PACKAGES = sorted(path.parent.name for path in Path(nmjax.__file__).parent.glob("*/__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_sub_packages_are_there_after_a_plain_import(package):
    program = f"import nmjax; print(nmjax.{package}.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == f"nmjax.{package}", done.stderr


def test_what_the_documentation_names_is_there():
    assert callable(nmjax.experiments.save_checkpoint)
    with pytest.raises(AttributeError, match="no attribute 'attic'"):
        nmjax.attic  # noqa: B018


def test_a_plain_import_leaves_slow_packages_alone():
    slow = ("matplotlib", "pyarrow", "orbax", "tensorflow_probability", "optuna", "pandas")
    program = f"import sys, nmjax; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
