"""Long runs: chunks, checkpoints, many devices, progress displays and result files."""

from nmjax.experiments.checkpoint import (
    Restored,
    fingerprint,
    latest_step,
    restore_checkpoint,
    save_checkpoint,
)
from nmjax.experiments.processes import initialize_distributed, run_on_first
from nmjax.experiments.progress import Progress, make_progress
from nmjax.experiments.provenance import collect_provenance
from nmjax.experiments.results import Result, Target, is_met, read_result, write_result
from nmjax.experiments.runner import run_chunked
from nmjax.experiments.sharding import (
    batch_mesh,
    gather_batch,
    replicate,
    shard_batch,
)

__all__ = [
    "Progress",
    "Restored",
    "Result",
    "Target",
    "batch_mesh",
    "collect_provenance",
    "fingerprint",
    "gather_batch",
    "initialize_distributed",
    "is_met",
    "latest_step",
    "make_progress",
    "read_result",
    "replicate",
    "restore_checkpoint",
    "run_chunked",
    "run_on_first",
    "save_checkpoint",
    "shard_batch",
    "write_result",
]
