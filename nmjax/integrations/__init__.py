"""Past searches of other tools, into histories and back; each needs its own extra."""

from nmjax.integrations.optuna_studies.reader import read_studies
from nmjax.integrations.optuna_studies.writer import write_studies

__all__ = ["read_studies", "write_studies"]
