"""Past searches of other tools, into histories and back; each needs its own extra."""

from nmjax.integrations.optuna import read_studies, write_studies

__all__ = ["read_studies", "write_studies"]
