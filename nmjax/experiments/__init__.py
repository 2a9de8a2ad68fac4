"""Long runs: chunks, checkpoints, progress displays and result files."""

from nmjax.experiments.checkpoint import (
    Restored,
    fingerprint,
    latest_step,
    restore_checkpoint,
    save_checkpoint,
)
from nmjax.experiments.progress import Progress, make_progress
from nmjax.experiments.provenance import collect_provenance
from nmjax.experiments.results import Result, Target, is_met, read_result, write_result
from nmjax.experiments.runner import run_chunked

__all__ = [
    "Progress",
    "Restored",
    "Result",
    "Target",
    "collect_provenance",
    "fingerprint",
    "is_met",
    "latest_step",
    "make_progress",
    "read_result",
    "restore_checkpoint",
    "run_chunked",
    "save_checkpoint",
    "write_result",
]
