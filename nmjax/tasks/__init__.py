"""What was observed: histories, real benchmarks, files, and splits into past and new."""

from nmjax.tasks.episodes import (
    Episode,
    Split,
    leave_family_out,
    leave_one_out,
    make_split,
    sample_episode,
    split_meta_validation,
    support_query_masks,
)
from nmjax.tasks.families import (
    CURVES,
    CurveRanges,
    sample_curves,
)
from nmjax.tasks.history import (
    history_scores,
    make_history,
    num_evaluations,
    sample_history,
    select_tasks,
    stack_tasks,
)
from nmjax.tasks.identical import (
    refuse_identical_tasks,
)
from nmjax.tasks.importers import (
    read_history,
    write_history,
)
from nmjax.tasks.metrics import (
    raw_to_score,
    score_to_raw,
)
from nmjax.tasks.suites import (
    Suite,
    SuiteInfo,
    list_suites,
    load_suite,
    oriented_metric,
    scores,
)

__all__ = [
    "CURVES",
    "CurveRanges",
    "Episode",
    "Split",
    "Suite",
    "SuiteInfo",
    "history_scores",
    "leave_family_out",
    "leave_one_out",
    "list_suites",
    "load_suite",
    "make_history",
    "make_split",
    "num_evaluations",
    "oriented_metric",
    "raw_to_score",
    "read_history",
    "refuse_identical_tasks",
    "sample_curves",
    "sample_episode",
    "sample_history",
    "score_to_raw",
    "scores",
    "select_tasks",
    "split_meta_validation",
    "stack_tasks",
    "support_query_masks",
    "write_history",
]
