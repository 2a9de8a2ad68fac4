"""Tables of docs/benchmarks/meta-learning.md, from the result files."""

from collections.abc import Mapping
from typing import Any

from benchmarks.reproductions.sinusoid_methods import TRIVIAL
from benchmarks.script import require, stored, stored_variants
from benchmarks.tables import markdown
from nmjax.experiments import Result

IMPLEMENTATIONS = {
    "maml_iterations": "nmjax, control",
    "maml_jax_meta": "jax-meta",
    "maml_jax_meta-scan": "jax-meta within a scan",
    "maml_torch-bmm": "PyTorch, batched by hand",
    "maml_torch-func": "PyTorch, torch.func",
    "maml_torch-higher": "PyTorch, higher",
    "learn2learn": "learn2learn",
}
SETS = ("FD", "F1", "F2", "F3", "F4", "FA", "mean")


def cost() -> str:
    """What each meta-learner learns, adapts and costs."""
    result = require("meta/meta_cost")
    header = ("learner", "learns", "adapts", "inner steps", "Mflop per meta-update", "MiB")
    rows = (
        (
            f"`{row['method']}`",
            row["learned"],
            row["adapted"],
            str(row["inner_steps"] or ""),
            f"{row['update_flops'] / 1e6:.1f}",
            f"{row['update_bytes'] / 2**20:.1f}",
            f"{row['adapt_flops'] / 1e6:.2f}",
            row["when"],
        )
        for row in sorted(result.rows, key=lambda row: row["update_flops"])
    )
    return markdown.with_origin(result, (*header, "Mflop to adapt", "choose it when"), rows)


def sinusoids() -> str:
    """Errors after adapting to sinusoids, and published errors."""
    rows = []
    for result in _curves("sinusoids"):
        for row in result.rows:
            if not (_shown(row) or row["published"] or row["target"]):
                continue
            published = ", ".join(f"{value:.2f} {name}" for name, value in row["published"].items())
            rows.append(
                (
                    f"`{row['method']}`, {row['setting']}",
                    f"{row['trained']['updates']:,}",
                    str(row["shots"]),
                    str(row["steps"]),
                    markdown.with_interval(row["mse"], row["mse_ci"]),
                    f"{row['median']:.3f}",
                    f"{100 * row['diverged']:.2f}%",
                    published,
                )
            )
    header = ("learner", "meta-updates", "shots", "steps", "mean squared error", "median")
    return markdown.table((*header, "diverged", "published"), rows)


def families() -> str:
    """Errors and log-likelihoods by shots, on noisy and on mixed curves."""
    found = []
    for family in ("noisy", "mixed"):
        rows = []
        for result in _curves(family):
            by_shots = [row for row in result.rows if _shown(row)]
            shots = [str(row["shots"]) for row in by_shots]
            errors = (markdown.with_interval(row["mse"], row["mse_ci"]) for row in by_shots)
            likelihoods = (
                markdown.with_interval(row["log_likelihood"], row["log_likelihood_ci"])
                for row in by_shots
            )
            name, updates = by_shots[0]["method"], by_shots[0]["trained"]["updates"]
            rows.append((f"`{name}`", f"{updates:,}", *errors, *likelihoods))
        if rows:
            of_shots = [f"{what} at {k}" for what in ("error", "log-likelihood") for k in shots]
            found.append(markdown.table((f"{family} curves", "meta-updates", *of_shots), rows))
    return "\n\n".join(found) or markdown.UNMEASURED


def _shown(row: Mapping[str, Any]) -> bool:
    """Whether a row has the training number of steps, or for trivial methods the largest."""
    most = TRIVIAL[row["method"]][0].test_steps[-1] if row["method"] in TRIVIAL else None
    return row["steps"] == (row["trained"]["steps"] if most is None else most)


def task_sampling() -> str:
    """Errors by how the tasks of meta-training are sampled."""
    if (result := stored("meta/task_sampling")) is None:
        return markdown.UNMEASURED
    header = ("tasks", "sampling", "n", "mean squared error", "minus uniform", "hardest tenth")

    def cell(row: Mapping[str, Any], name: str) -> str:
        return markdown.with_interval(row[name], row[f"{name}_ci"])

    rows = (
        (
            row["family"],
            row["sampling"],
            str(row["n"]),
            cell(row, "mse"),
            cell(row, "mse_minus_uniform"),
            f"{row['mse_of_hardest_tenth']:.3f}",
            cell(row, "spearman"),
            cell(row, "spearman_minus_uniform"),
        )
        for row in result.rows
    )
    return markdown.with_origin(result, (*header, "Spearman", "minus uniform"), rows)


def ablations() -> str:
    """Errors by level of each factor of meta-training."""
    if (result := stored("meta/maml_ablations")) is None:
        return markdown.UNMEASURED
    header = (
        "factor",
        "level",
        "mean squared error",
        "median",
        "range over seeds",
        "generalization gap",
    )
    rows = (
        (
            row["factor"].replace("_", " "),
            f"{row['level']:g}",
            markdown.with_interval(row["mse"], row["mse_ci"]),
            f"{row['median']:.3f}",
            f"{min(row['mse_of_seeds']):.3f} to {max(row['mse_of_seeds']):.3f}",
            f"{row['generalization_gap']:.3f}",
        )
        for row in result.rows
    )
    return markdown.with_origin(result, header, rows)


def accuracy() -> str:
    """Rank correlations of new tasks' scores by suite, method and shots, over all tasks."""

    def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
        correlations = (
            "" if value is None else markdown.with_interval(value, ci)
            for value, ci in zip(row["spearman"], row["spearman_ci"], strict=True)
        )
        return (row["method"], *correlations)

    found = []
    for suite, result in stored_variants("reproductions/accuracy_").items():
        overall = [row for row in result.rows if row["task"] == "all"]
        shots = map(str, overall[0]["shots"])
        header = (suite, *shots)
        found.append(markdown.with_origin(result, header, map(cells, overall)))
    return "\n\n".join(found) or markdown.UNMEASURED


def latency() -> str:
    """Rank correlations on unseen devices with 20 labels, and published ones."""
    result = require("reproductions/latency_fbnet")
    by_method: dict[str, dict[str, float]] = {}
    for row in result.rows:
        by_method.setdefault(row["method"], {})[row["set"]] = row["spearman"]
    rows = ((name, *(f"{found[s]:.3f}" for s in SETS)) for name, found in by_method.items())
    return markdown.with_origin(result, ("Spearman", *SETS), rows)


def speed() -> str:
    """Meta-iterations per second of nmjax and of peers."""
    result = require("meta/meta_throughput")
    rows = []
    for row in result.rows:
        if "failed" in row:
            cells = (row["failed"], "", "", "")
        else:
            cells = (
                f"{row['iterations_s']:.0f}",
                markdown.with_interval(row["nmjax_times_as_fast"], row["nmjax_times_as_fast_ci"]),
                f"{100 * row['share_of_ceiling']:.1f}%",
                f"{row['compile_seconds']:.1f}",
            )
        rows.append((row["setting"], IMPLEMENTATIONS[row["implementation"]], *cells))
    header = (
        "setting",
        "",
        "meta-iterations per second",
        "speed of nmjax relative to it",
        "share of a core's peak rate",
        "seconds to compile",
    )
    return markdown.with_origin(result, header, rows)


def targets() -> str:
    """All targets of meta-learning."""
    names = ("reproductions/latency_fbnet", "reproductions/latency_help", "meta/meta_throughput")
    accuracy = stored_variants("reproductions/accuracy_").values()
    return markdown.targets_table([*_curves("sinusoids"), *map(require, names), *accuracy])


def _curves(family: str) -> list[Result]:
    """Results on a family of curves, one for each method."""
    found = stored_variants("reproductions/sinusoids_").values()
    return [result for result in found if result.rows[0]["family"] == family]
