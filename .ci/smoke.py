"""Search a small space with the installed package, from outside the repository."""

import sys
from importlib import metadata
from pathlib import Path

import nmjax

space = nmjax.Space(block=["conv", "attention"], depth=nmjax.Ordinal(2, 4, 6, 8))
study = nmjax.Study(space, budget=4, seed=0)
for trial in study:
    study.tell(trial, trial.config["depth"] / 8 + (trial.config["block"] == "conv"))

assert study.best is not None
assert nmjax.__version__ == metadata.version("nmjax")
assert (Path(nmjax.__file__).parent / "py.typed").is_file()
assert "site-packages" in nmjax.__file__, nmjax.__file__
print(f"nmjax {nmjax.__version__} on Python {sys.version.split()[0]}: {study.best}")
