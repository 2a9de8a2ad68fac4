"""Past evaluations: histories, files and stores, benchmarks, and splits of tasks."""

from nmjax.tasks.episodes import (
    Episode,
    Split,
    fold_tasks,
    leave_family_out,
    leave_one_out,
    make_split,
    sample_episode,
    support_query_masks,
)
from nmjax.tasks.families import (
    CURVES,
    CurveRanges,
    sample_curves,
)
from nmjax.tasks.files.history_store import (
    HistoryStore,
    create_store,
    open_store,
)
from nmjax.tasks.files.store_reader import (
    count_evaluations,
    iter_batches,
    list_tasks,
    load_history,
)
from nmjax.tasks.files.store_writer import (
    append_evaluations,
    append_history,
    drop_stored,
    stored_rows,
)
from nmjax.tasks.history import (
    encode_history,
    history_scores,
    make_history,
    num_evaluations,
    sample_history,
    select_tasks,
    stack_tasks,
)
from nmjax.tasks.inference.infer import (
    infer_space,
)
from nmjax.tasks.inference.proposal import (
    ColumnReport,
    SpaceProposal,
)
from nmjax.tasks.inference.table_space import (
    propose_space,
)
from nmjax.tasks.leakage import (
    refuse_leakage,
)
from nmjax.tasks.metrics import (
    raw_to_score,
    score_to_raw,
)
from nmjax.tasks.past_searches import (
    PastSearches,
)
from nmjax.tasks.quality import (
    Finding,
    check_quality,
    drop_findings,
)
from nmjax.tasks.sampled_past import (
    sample_store,
    sample_suite,
)
from nmjax.tasks.suites import (
    HpobTask,
    Suite,
    SuiteInfo,
    hpob_ranks,
    hpob_regret,
    list_suites,
    load_suite,
    oriented_metric,
    read_hpob,
    scores,
)
from nmjax.tasks.tables.history_reader import (
    history_from_frame,
    read_history,
)
from nmjax.tasks.tables.history_writer import (
    history_to_frame,
    write_history,
)

__all__ = [
    "CURVES",
    "ColumnReport",
    "CurveRanges",
    "Episode",
    "Finding",
    "HistoryStore",
    "HpobTask",
    "PastSearches",
    "SpaceProposal",
    "Split",
    "Suite",
    "SuiteInfo",
    "append_evaluations",
    "append_history",
    "check_quality",
    "count_evaluations",
    "create_store",
    "drop_findings",
    "drop_stored",
    "encode_history",
    "history_from_frame",
    "history_scores",
    "history_to_frame",
    "hpob_ranks",
    "hpob_regret",
    "infer_space",
    "iter_batches",
    "leave_family_out",
    "leave_one_out",
    "list_suites",
    "list_tasks",
    "load_history",
    "load_suite",
    "make_history",
    "make_split",
    "num_evaluations",
    "open_store",
    "oriented_metric",
    "propose_space",
    "raw_to_score",
    "read_history",
    "read_hpob",
    "refuse_leakage",
    "sample_curves",
    "sample_episode",
    "sample_history",
    "sample_store",
    "sample_suite",
    "score_to_raw",
    "scores",
    "select_tasks",
    "fold_tasks",
    "stack_tasks",
    "stored_rows",
    "support_query_masks",
    "write_history",
]
