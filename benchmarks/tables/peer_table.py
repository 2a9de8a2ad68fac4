"""Write the table of benchmarks/peers/README.md from the stored trajectories.

python -m benchmarks.tables.peer_table
"""

import re
from collections.abc import Iterable
from pathlib import Path

import jax
import numpy as np
from scipy.special import gammaln

from benchmarks.peers.harness import read_trajectories, stored_peers
from benchmarks.tables import markdown
from nmjax.analysis import pool_rank
from nmjax.tasks import Suite, list_suites, load_suite, scores

README = Path(__file__).parents[1] / "peers" / "README.md"
STEPS = (20, 50, 100)
HEADER = ("suite", "name", "seeds", *(str(step) for step in STEPS), "repeated", "CPU s per search")


def log10_ranks(score: np.ndarray) -> np.ndarray:
    """log10 rank of each row of a pool, float[T, N]; failed rows rank last."""
    return np.log10(jax.vmap(pool_rank)(score, score))


def random_search(log_rank: np.ndarray, evaluations: int) -> float:
    """Expected log10 rank of the best of distinct uniform draws, mean over tasks."""
    better = np.arange(log_rank.shape[1] + 1)
    rest = log_rank.shape[1] - better
    free = np.maximum(rest - evaluations, 0)
    ways = gammaln(rest + 1) - gammaln(free + 1)
    none_better = np.where(rest >= evaluations, np.exp(ways - ways[0]), 0)
    return float((np.sort(log_rank, axis=1) @ -np.diff(none_better)).mean())


def suite_rows(suite: Suite) -> list[tuple[str, ...]]:
    """Rows of random search and of each peer with stored trajectories."""
    log_rank = log10_ranks(np.asarray(scores(suite)))
    found = [f"{random_search(log_rank, step):.2f}" for step in STEPS]
    rows = [(suite.name, "random, expected", "", *found, "", "")]
    for name in stored_peers(suite):
        indices, record = read_trajectories(name, suite)
        evaluated = np.take_along_axis(log_rank[:, None], indices, axis=-1)
        best = np.minimum.accumulate(evaluated, axis=-1).mean((0, 1))
        found = [f"{best[step - 1]:.2f}" for step in STEPS]
        repeated = f"{100 * record.repeated / record.suggestions:.0f}%"
        seconds = (
            f"{record.cpu_seconds:#.2g}" if record.cpu_seconds < 10 else f"{record.cpu_seconds:.0f}"
        )
        rows.append(("", f"`{name}`", str(record.seeds), *found, repeated, seconds))
    return rows


def render(text: str, rows: Iterable[tuple[str, ...]]) -> str:
    """Replace the table between `<!-- searches -->` and `<!-- /searches -->` in a text."""
    table = markdown.table(HEADER, rows)
    pattern = r"(<!-- searches -->\n).*?(<!-- /searches -->)"
    return re.sub(pattern, lambda m: m[1] + table + "\n" + m[2], text, flags=re.DOTALL)


def main() -> None:
    """Rewrite the page; requires the data of every suite with stored trajectories."""
    suites = [load_suite(info.name) for info in list_suites() if stored_peers(info)]
    rows = [row for suite in suites for row in suite_rows(suite)]
    README.write_text(render(README.read_text(), rows))


if __name__ == "__main__":
    main()
