"""The tables of docs/benchmarks/meta-learning.md, out of the result files."""

from pathlib import Path

from benchmarks import tables
from benchmarks.reproductions.sinusoid_methods import TRIVIAL
from nmjax.experiments import Result, read_result

RESULTS = Path(__file__).parent / "results"
IMPLEMENTATIONS = {
    "maml_iterations": "nmjax, against itself",
    "maml_jax_meta": "jax-meta",
    "maml_jax_meta-scan": "jax-meta within a scan",
    "maml_torch-bmm": "PyTorch, batched by hand",
    "maml_torch-func": "PyTorch, torch.func",
    "maml_torch-higher": "PyTorch, higher",
    "learn2learn": "learn2learn",
}
SETS = ("FD", "F1", "F2", "F3", "F4", "FA", "mean")


def cost() -> str:
    """What every meta-learner learns, adapts and costs."""
    result = read_result(RESULTS / "meta_cost.json")
    header = ("learner", "learns", "adapts", "inner steps", "Mflop a meta-update", "MiB")
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
    return tables.with_origin(result, (*header, "Mflop to adapt", "take it where"), rows)


def sinusoids() -> str:
    """Errors after adapting to sinusoids, beside what was published."""
    rows = []
    for result in _curves("sinusoids"):
        for row in result.rows:
            if not (_shown(row) or row["published"] or row["mark"]):
                continue
            published = ", ".join(f"{value:.2f} {name}" for name, value in row["published"].items())
            rows.append(
                (
                    f"`{row['method']}`, {row['setting']}",
                    f"{row['trained']['updates']:,}",
                    str(row["shots"]),
                    str(row["steps"]),
                    tables.with_interval(row["mse"], row["mse_ci"]),
                    f"{row['median']:.3f}",
                    f"{100 * row['diverged']:.2f}%",
                    published,
                )
            )
    header = ("learner", "meta-updates", "shots", "steps", "mean squared error", "median")
    return tables.table((*header, "diverged", "published"), rows)


def families() -> str:
    """Errors and log-likelihoods after adapting to noisy and to mixed curves, by shots."""
    found = []
    for family in ("noisy", "mixed"):
        rows = []
        for result in _curves(family):
            by_shots = [row for row in result.rows if _shown(row)]
            shots = [str(row["shots"]) for row in by_shots]
            errors = (tables.with_interval(row["mse"], row["mse_ci"]) for row in by_shots)
            likelihoods = (
                tables.with_interval(row["log_likelihood"], row["log_likelihood_ci"])
                for row in by_shots
            )
            name, updates = by_shots[0]["method"], by_shots[0]["trained"]["updates"]
            rows.append((f"`{name}`", f"{updates:,}", *errors, *likelihoods))
        if rows:
            of_shots = [f"{what} at {k}" for what in ("error", "log-likelihood") for k in shots]
            found.append(tables.table((f"{family} curves", "meta-updates", *of_shots), rows))
    return "\n\n".join(found) or tables.UNMEASURED


def _shown(row: dict) -> bool:
    """Adapted by as many steps as it was trained with, or untrained and by the most."""
    most = TRIVIAL[row["method"]][0].test_steps[-1] if row["method"] in TRIVIAL else None
    return row["steps"] == (row["trained"]["steps"] if most is None else most)


def task_sampling() -> str:
    """What choosing the tasks of meta-training is worth, beside choosing none."""
    if (result := tables.stored(RESULTS / "task_sampling.json")) is None:
        return tables.UNMEASURED
    header = ("tasks", "chosen", "n", "mean squared error", "less uniform", "hardest tenth")

    def cell(row: dict, name: str) -> str:
        return tables.with_interval(row[name], row[f"{name}_ci"])

    rows = (
        (
            row["family"],
            row["sampling"],
            str(row["n"]),
            cell(row, "mse"),
            cell(row, "mse_less_uniform"),
            f"{row['mse_of_hardest_tenth']:.3f}",
            cell(row, "spearman"),
            cell(row, "spearman_less_uniform"),
        )
        for row in result.rows
    )
    return tables.with_origin(result, (*header, "Spearman", "less uniform"), rows)


def ablations() -> str:
    """What each choice of meta-training is worth."""
    if (result := tables.stored(RESULTS / "ablations_maml.json")) is None:
        return tables.UNMEASURED
    header = ("varied", "to", "mean squared error", "median", "by seed", "generalization gap")
    rows = (
        (
            row["factor"].replace("_", " "),
            f"{row['level']:g}",
            tables.with_interval(row["mse"], row["mse_ci"]),
            f"{row['median']:.3f}",
            f"{min(row['mse_of_seeds']):.3f} to {max(row['mse_of_seeds']):.3f}",
            f"{row['generalization_gap']:.3f}",
        )
        for row in result.rows
    )
    return tables.with_origin(result, header, rows)


def accuracy() -> str:
    """Rank correlations of new tasks' scores by suite, method and shots, over all tasks."""

    def cells(row: dict) -> tuple[str, ...]:
        correlations = (
            "" if value is None else tables.with_interval(value, ci)
            for value, ci in zip(row["spearman"], row["spearman_ci"], strict=True)
        )
        return (row["method"], *correlations)

    found = []
    for path in sorted(RESULTS.glob("accuracy_*.json")):
        result = read_result(path)
        overall = [row for row in result.rows if row["task"] == "all"]
        shots = map(str, overall[0]["shots"])
        header = (path.stem.removeprefix("accuracy_"), *shots)
        found.append(tables.with_origin(result, header, map(cells, overall)))
    return "\n\n".join(found) or tables.UNMEASURED


def latency() -> str:
    """Rank correlations on unseen devices with 20 labels, beside what was published."""
    result = read_result(RESULTS / "latency_fbnet.json")
    by_method: dict[str, dict[str, float]] = {}
    for row in result.rows:
        by_method.setdefault(row["method"], {})[row["set"]] = row["spearman"]
    rows = ((name, *(f"{found[s]:.3f}" for s in SETS)) for name, found in by_method.items())
    return tables.with_origin(result, ("Spearman", *SETS), rows)


def speed() -> str:
    """Meta-iterations a second beside peers."""
    result = read_result(RESULTS / "meta_throughput.json")
    rows = []
    for row in result.rows:
        if "failed" in row:
            cells = (row["failed"], "", "", "")
        else:
            cells = (
                f"{row['iterations_s']:.0f}",
                tables.with_interval(row["nmjax_times_as_fast"], row["nmjax_times_as_fast_ci"]),
                f"{100 * row['share_of_ceiling']:.1f}%",
                f"{row['compile_seconds']:.1f}",
            )
        rows.append((row["setting"], IMPLEMENTATIONS[row["implementation"]], *cells))
    header = ("setting", "", "meta-iterations a second", "nmjax is times as fast")
    header += ("share of a core's products", "seconds to compile")
    return tables.with_origin(result, header, rows)


def marks() -> str:
    """Every mark of meta-learning, met or not."""
    names = ("latency_fbnet", "latency_help", "meta_throughput")
    paths = [
        *(RESULTS / f"{name}.json" for name in names),
        *sorted(RESULTS.glob("accuracy_*.json")),
    ]
    return tables.marks([*_curves("sinusoids"), *map(read_result, paths)])


def _curves(family: str) -> list[Result]:
    """Those of a family of curves, a file a method."""
    found = [read_result(path) for path in sorted(RESULTS.glob("sinusoids_*.json"))]
    return [result for result in found if result.rows[0]["family"] == family]
