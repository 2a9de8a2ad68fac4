"""Tables of large budgets and of precisions, and a model of a pod from counted work."""

from benchmarks.script import stored
from benchmarks.tables import markdown

CHIP_FLOPS, PASSES, CHIP_BYTES = 197e12, 6, 819e9
"""A TPU v5e chip: bfloat16 operations and bytes per second, and the passes of a float32 product."""
CHIPS, STEPS = (1, 8, 64, 256), 100


def budgets() -> str:
    """Seconds and memory of a step by the capacity of a search."""
    if (result := stored("search/budgets")) is None:
        return markdown.UNMEASURED
    header = ("capacity", "seconds per step", "state, MB", "temporaries, MB")
    rows = [
        (
            f"{row['capacity']:,}",
            markdown.number(row["seconds_per_step"]),
            markdown.number(row["state_megabytes"]),
            markdown.number(row["temporary_megabytes"]),
        )
        for row in result.rows
    ]
    return markdown.with_origin(result, header, rows)


def precision() -> str:
    """Regret of searches by precision, and how long they evaluate the rows of float32."""
    if (result := stored("search/precision")) is None:
        return markdown.UNMEASURED
    header = (
        "method",
        "precision",
        "regret at 100",
        "minus that of float32",
        "evaluations until the rows differ from those of float32",
    )
    rows = []
    for row in result.rows:
        cells = [
            markdown.with_interval(row[name], row[f"{name}_ci"])
            for name in ("regret", "regret_minus_float32")
        ]
        apart = f"{row['evaluations_until_they_part']:.0f}"
        if row["precision"] == "float32":
            cells[1], apart = "", ""
        rows.append((row["method"], row["precision"], *cells, apart))
    return markdown.with_origin(result, header, rows)


def pod_model() -> str:
    """Bounds on the time of searches on TPU v5e chips, modeled from one device's counted work."""
    if (result := stored("search/scaling")) is None:
        return markdown.UNMEASURED
    one = next(row for row in result.rows if row["scaling"] == "strong" and row["devices"] == 1)
    arithmetic = PASSES * 1e6 * one["megaflops_per_step"] / CHIP_FLOPS
    moved = 1e6 * (one["megabytes_of_arguments"] + 2 * one["megabytes_of_temporaries"])
    memory = moved / CHIP_BYTES
    header = (
        "chips",
        "searches",
        "arithmetic, µs per step",
        "memory, µs per step",
        "searches per second, at most",
    )
    rows = [
        (
            str(chips),
            f"{chips * one['searches']:,}",
            f"{1e6 * arithmetic:.1f}",
            f"{1e6 * memory:.1f}",
            f"{chips * one['searches'] / (STEPS * max(arithmetic, memory)):,.0f}",
        )
        for chips in CHIPS
    ]
    return markdown.with_origin(result, header, rows)
