"""Write the tables of README.md and docs/ from the result files; a test checks them.

python -m benchmarks.tables.readme
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.script import require
from benchmarks.tables import (
    cost_tables,
    gradient_tables,
    knowledge_tables,
    live_search_tables,
    live_tables,
    markdown,
    meta_tables,
    past_tables,
    reference_tables,
    reproduction_tables,
    scale_tables,
    search_tables,
)
from nmjax.evaluation.protocol import SUITES
from nmjax.experiments import is_met

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "benchmarks").glob("*.md")))


def misses() -> str:
    """Number of targets met, and a table of those missed."""
    names = [f"transfer_{suite}" for suite in SUITES]
    names += ["overhead", "large_space", "search_throughput", "startup"]
    results = [require(f"search/{name}") for name in names]
    targets = [target for result in results for target in result.targets]
    met = sum(map(is_met, targets))
    count = (
        f"Of {len(targets)} targets for the quality and cost of searches, {met} are met. Missed:"
    )
    return f"{count}\n\n{markdown.targets_table(results, missed_only=True)}"


TABLES: dict[str, Callable[[], str]] = {
    "speedups": search_tables.speedups,
    "transfer-suites": search_tables.suites,
    "throughput": cost_tables.throughput,
    "startup": cost_tables.startup,
    "misses": misses,
    "search-regret": search_tables.regret,
    "search-ranks": search_tables.ranks,
    "search-claims": search_tables.claims,
    "search-pasts": search_tables.pasts,
    "search-targets": search_tables.targets,
    "search-target-oracle": reference_tables.target_oracle,
    "search-many-tasks": past_tables.many_tasks,
    "search-past-sizes": past_tables.past_sizes,
    "search-many-targets": past_tables.targets,
    "search-learned-components": past_tables.learned_components,
    "search-ablation": reference_tables.ablation,
    "search-failures": reference_tables.failures,
    "search-space": reference_tables.large_space,
    "search-scan": cost_tables.space_scan,
    "search-scaling": cost_tables.scaling,
    "search-pod": scale_tables.pod_model,
    "search-budgets": scale_tables.budgets,
    "search-precision": scale_tables.precision,
    "gradient-estimators": gradient_tables.estimators,
    "gradient-search": gradient_tables.search,
    "search-maximizers": gradient_tables.maximizers,
    "search-overhead": cost_tables.overhead,
    "search-optimum": reproduction_tables.optimum,
    "optimum": reproduction_tables.optimum_short,
    "search-hpob": reproduction_tables.hpob,
    "live-throughput": live_tables.throughput,
    "live-targets": live_tables.throughput_targets,
    "live-equivalence": live_tables.equivalence,
    "live-multi-fidelity": live_search_tables.multi_fidelity,
    "live-search": live_search_tables.live_search,
    "live-oneshot-search": live_tables.oneshot_search,
    "live-oneshot-start": live_tables.oneshot_start,
    "live-collapse": live_tables.collapse,
    "meta-cost": meta_tables.cost,
    "task-sampling": meta_tables.task_sampling,
    "sinusoids": meta_tables.sinusoids,
    "families": meta_tables.families,
    "ablations": meta_tables.ablations,
    "accuracy": meta_tables.accuracy,
    "latency": meta_tables.latency,
    "meta-speed": meta_tables.speed,
    "meta-targets": meta_tables.targets,
    "other-spaces": knowledge_tables.other_spaces,
    "pruning-risk": knowledge_tables.pruning_risk,
    "advice": knowledge_tables.advice,
    "similarity": knowledge_tables.similarity,
    "history": knowledge_tables.history,
    "history-learning": knowledge_tables.history_learning,
    "predictions": knowledge_tables.predictions,
    "knowledge-targets": knowledge_tables.targets,
}


def render(text: str) -> str:
    """Replace each block between `<!-- NAME -->` and `<!-- /NAME -->` in a text."""
    for name, table in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text = re.sub(pattern, partial(_fill, table()), text, flags=re.DOTALL)
    return text


def _fill(content: str, block: re.Match[str]) -> str:
    """Put a table between the two comments of a block."""
    return f"{block[1]}{content}\n{block[2]}"


def main() -> None:
    """Rewrite the pages."""
    for page in PAGES:
        page.write_text(render(page.read_text()))


if __name__ == "__main__":
    main()
