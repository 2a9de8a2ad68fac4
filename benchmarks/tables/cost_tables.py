"""Tables of what searches cost, from the result files."""

from benchmarks.script import require, stored
from benchmarks.tables import markdown


def overhead() -> str:
    """CPU seconds of searches on one core, without their evaluations."""
    if (result := stored("search/overhead")) is None:
        return markdown.UNMEASURED
    columns = ("", "_with_compilation", "_one_more_seed", "_to_learn", "_to_learn_with_compilation")
    rows = []
    for row in result.rows:
        times = (row.get(f"cpu_seconds{name}") for name in columns)
        cells = ["" if seconds is None else markdown.number(seconds) for seconds in times]
        cells[0] = ">" * row.get("stopped", False) + cells[0]
        regret = markdown.number(row["regret"]) if "regret" in row else ""
        rows.append((row["method"], *cells, regret))
    header = (
        "method",
        "CPU seconds per search",
        "with compilation",
        "per further seed",
        "learning the past",
        "learning with compilation",
        "regret at 100",
    )
    costs = markdown.with_origin(result, header, rows)
    return f"{costs}\n\n{markdown.targets_table([result])}"


def throughput() -> str:
    """Time, memory and compilations of a search."""
    result = require("search/search_throughput")
    row = result.rows[0]
    measured = [
        ("wall-clock seconds per search, all in one call", f"{row['seconds_per_search']:.3f}"),
        ("wall-clock seconds per search, one at a time", f"{row['seconds_per_search_alone']:.3f}"),
        (
            "the same, refitted at each step",
            f"{row['seconds_per_search_alone_refit']:.3f}",
        ),
        ("CPU seconds per search, Optuna's TPE", f"{row['optuna_tpe_cpu_seconds_per_search']:.2f}"),
        ("seconds to compile", f"{row['compile_seconds']:.1f}"),
        ("compilations", str(row["traces"])),
        ("peak memory of the process", f"{row['peak_process_bytes'] / 2**30:.1f} GiB"),
        ("fraction of the roofline bound", f"{100 * row['share_of_roofline']:.0f}%"),
    ]
    header = (f"{row['tasks']} tasks x {row['seeds']} seeds, {row['pool']:,} architectures", "")
    return markdown.with_origin(result, header, measured)


def startup() -> str:
    """Seconds of `nmjax search`, of a study's first suggestion, and of imports."""
    result = require("search/startup")
    header = ("command, without installation", "seconds", "CPU seconds", "programs compiled")
    runs = [
        (
            row["run"],
            f"{row['seconds']:.1f}",
            f"{row['cpu_seconds']:.1f}",
            str(row.get("programs", "-")),
        )
        for row in result.rows
    ]
    return markdown.with_origin(result, header, runs)


def space_scan() -> str:
    """Seconds and memory of steps that score every architecture of a space."""
    if (result := stored("search/space_scan")) is None:
        return markdown.UNMEASURED
    header = ("architectures", "devices", "seconds per step", "megabytes")
    rows = [
        (
            f"{row['architectures']:,}",
            str(row["devices"]),
            markdown.number(row["seconds_per_step"]),
            markdown.number(row["megabytes"]),
        )
        for row in result.rows
    ]
    return markdown.with_origin(result, header, rows)


def scaling() -> str:
    """Work, memory and communication of one device, as the number of devices grows."""
    results = [stored("search/scaling"), stored("search/scaling_x64")]
    if None in results:
        return markdown.UNMEASURED
    single, double = (result for result in results if result is not None)
    header = (
        "scaling",
        "devices",
        "searches",
        "megaflops per step",
        "arguments, MB",
        "temporaries, MB",
        "collectives",
        "searches as on one device",
    )
    rows = []
    pairs = zip(single.rows, double.rows, strict=True)
    for row, same in sorted(pairs, key=lambda pair: (pair[0]["scaling"], pair[0]["devices"])):
        equal = ""
        if row["scaling"] == "strong":
            equal = (
                f"{row['searches_as_on_one_device']} of {row['searches']}, in double precision "
                f"{same['searches_as_on_one_device']}"
            )
        numbers = ("megaflops_per_step", "megabytes_of_arguments", "megabytes_of_temporaries")
        rows.append(
            (
                row["scaling"],
                str(row["devices"]),
                str(row["searches"]),
                *(f"{row[name]:.1f}" for name in numbers),
                str(row["collectives"]),
                equal,
            )
        )
    return markdown.with_origin(single, header, rows)
