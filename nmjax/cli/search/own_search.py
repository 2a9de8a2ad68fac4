"""`nmjax search --history` or `--space`: search a user's own problem, or suggest what to try."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nmjax.cli.console import counted, make_console, plain_table
from nmjax.cli.history.auto_space import AUTO
from nmjax.cli.long_run import CONFIG, RESULTS, settings_of
from nmjax.cli.search.command import SearchConfig
from nmjax.errors import NmjaxError

if TYPE_CHECKING:
    from nmjax.study import Study, Trial
    from nmjax.tasks import PastSearches

STUDY = "study.nmjax"
FAILURES = 3
"""Number of failed evaluations, counted from the start, after which a search stops."""


def search_own(config: SearchConfig) -> None:
    """Search with the user's objective, or print the next configurations if there is none.

    Raises:
      NmjaxError: a flag is missing or does not apply, a name or a file is unknown, the folder
        cannot be made, or the objective raises an error on each of its first evaluations.
    """
    from nmjax.cli.reports.search import write_config
    from nmjax.cli.run_folder import run_folder
    from nmjax.evaluation.plugins import load_named

    _check_flags(config)
    objective: Callable[..., Any] | None = None
    if config.objective is not None:
        example = "MODULE:FUNCTION, a function of the choices as keywords that returns the metric"
        objective = load_named(config.objective, "function", callable, example)
    if objective is None:
        _print_suggestions(_make_study(config), config)
        return
    name = Path(config.history or "").stem or (config.space or "").split(":")[-1]
    resume = config.resume is not None
    with run_folder(config.out, benchmark=name, target="search", resume=resume) as folder:
        begun = time.perf_counter()
        write_config(folder / CONFIG, settings_of(config))
        study = _open_study(config, folder / STUDY)
        _evaluate(study, objective, config.objective or "", folder)
        _write_results(folder, study, config, time.perf_counter() - begun)
    if config.json:
        print((folder / RESULTS).read_text(), end="")
        return
    console = make_console()
    for line in _found_lines(study):
        console.print(line)
    console.print(f"Wrote {folder}.", soft_wrap=True)


def _check_flags(config: SearchConfig) -> None:
    given = {
        "--target": config.target,
        "--benchmark": config.benchmark != type(config).benchmark,
        "--methods": config.methods != type(config).methods,
        "--seeds": config.seeds != type(config).seeds,
        "--history-size": config.history_size != type(config).history_size,
        "--data": config.data,
        "--distributed": config.distributed,
    }
    if wrong := [flag for flag, value in given.items() if value]:
        raise NmjaxError(
            f"Got {wrong[0]}, which belongs to the search of a benchmark; leave it out with "
            "--history and --space."
        )
    if config.objective is None and config.out is not None:
        raise NmjaxError(
            "Got --out without --objective: suggestions are only printed, so leave it out, or give "
            "the function to search."
        )
    if config.objective is not None and config.suggestions != type(config).suggestions:
        raise NmjaxError("Got --suggestions with --objective; give one of them.")
    if config.space == AUTO and config.history is None:
        raise NmjaxError("Got --space auto without a file to take it from; give --history FILE.")
    if config.maximize is not None and config.minimize is not None:
        raise NmjaxError("Got both --maximize and --minimize; give one of them.")
    if config.budget is not None and config.budget < 1:
        raise NmjaxError(f"Got --budget {config.budget}; give at least 1.")
    limits = {"--max-tasks": config.max_tasks, "--rows-per-task": config.rows_per_task}
    for flag, limit in limits.items():
        if limit is not None and (limit < 1 or config.history is None):
            raise NmjaxError(f"Got {flag} {limit}; give at least 1, and --history.")
    if config.suggestions < 1:
        raise NmjaxError(f"Got --suggestions {config.suggestions}; give at least 1.")
    if config.seed < 0:
        raise NmjaxError(f"Got --seed {config.seed}; give at least 0.")


def _open_study(config: SearchConfig, path: Path) -> "Study":
    """Return the study of an interrupted search, or a new one if there is none."""
    from nmjax.evaluation.plugins import load_space
    from nmjax.storage import load

    if not path.exists():
        return _make_study(config)
    space = None if config.space in (None, AUTO) else load_space(str(config.space))
    study: Study = load(path, space=space)
    print(f"Continuing after {counted(len(study.trials), 'evaluation')}.", file=sys.stderr)
    return study


def _make_study(config: SearchConfig) -> "Study":
    """Learn from the past, if there is one, and start a study."""
    from nmjax.evaluation.plugins import load_space
    from nmjax.knowledge import config_for, learn
    from nmjax.study import Study

    number = config.suggestions if config.objective is None else 30
    budget = config.budget or number
    if config.history is not None:
        past = _read_past(config.history, config)
        print(f"Learning from {counted(len(past.tasks), 'past task')}.", file=sys.stderr)
        settings = None
        if limits := _limits(config):
            settings = replace(config_for(past.history, past.required_metric), **limits)
        knowledge = learn(past, seed=config.seed, config=settings)
        return Study(knowledge, budget, seed=config.seed)
    space = load_space(config.space or "")
    direction: Literal["max", "min"] = "min" if config.minimize is not None else "max"
    return Study(space, budget, seed=config.seed, direction=direction)


def _limits(config: SearchConfig) -> dict[str, Any]:
    """Return the given limits of the past, by their names in `LearnConfig`."""
    limits = {"max_tasks": config.max_tasks, "task_rows": config.rows_per_task}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _read_past(history: str, config: SearchConfig) -> "PastSearches":
    import jax

    from nmjax.cli.history.auto_space import choose_space, find_store
    from nmjax.cli.past_options import metric_to_improve
    from nmjax.evaluation.plugins import load_space
    from nmjax.tasks import open_store
    from nmjax.tasks.bounded_past import load_sample, sample_table
    from nmjax.tasks.tables.opening import open_table
    from nmjax.tasks.tables.rows import Request, read_rows

    key = jax.random.key(config.seed)
    name = config.maximize or config.minimize
    if "://" in history or find_store(history) is not None:
        given = None if config.space in (None, AUTO) else load_space(str(config.space))
        store = open_store(history, given)
        maximize, minimize = metric_to_improve(store, config.maximize, config.minimize)
        return load_sample(key, store, maximize=maximize, minimize=minimize, **_limits(config))
    table = open_table(history)
    if name is None and None in (list(table.objectives.values()) or [None]):
        raise NmjaxError(
            f"Got {history} without the metric to improve; give --maximize or --minimize NAME."
        )
    space, renamed, source = choose_space(
        config.space, None, table, metrics=() if name is None else (name,), task=config.task
    )
    if source:
        print(source, file=sys.stderr)
    table = sample_table(key, table, task=config.task, **_limits(config))
    request = Request(
        maximize=config.maximize,
        minimize=config.minimize,
        task=config.task,
        task_name=config.task_name,
        columns=renamed,
    )
    return read_rows(table, space, request).past.replace(name=Path(history).stem)


def _evaluate(study: "Study", objective: Callable[..., Any], name: str, folder: Path) -> None:
    """Run the objective until the budget is used up; keep each trial when it ends."""
    from nmjax.evaluation.plugins import reraise_user_error
    from nmjax.storage import save

    with (folder / "trials.jsonl").open("w") as file:
        for trial in study.trials:
            file.write(json.dumps(_trial_row(trial), default=str) + "\n")
        for trial in study:
            value: Any = None
            failure: NmjaxError | None = None
            try:
                with reraise_user_error(name):
                    value = objective(**trial.config)
            except NmjaxError as error:
                failure = error
            ended = study.tell(trial, value)
            save(study, folder / STUDY)
            file.write(json.dumps(_trial_row(ended), default=str) + "\n")
            file.flush()
            _print_trial(study, ended, failure)
            if failure is not None and trial.number + 1 == FAILURES and study.best is None:
                raise failure


def _print_trial(study: "Study", trial: "Trial", failure: NmjaxError | None) -> None:
    if failure is not None:
        print(str(failure).splitlines()[0], file=sys.stderr)
    value = "failed" if trial.value is None else f"{trial.value:.6g}"
    best = "none" if study.best is None else f"{study.best.value:.6g}"
    place = f"{trial.number + 1}/{study.budget}"
    print(f"{place}: {study.metric.name} {value}, best {best}", file=sys.stderr, flush=True)


def _trial_row(trial: "Trial") -> dict[str, Any]:
    return {
        "evaluation": trial.number + 1,
        "state": trial.state,
        "value": trial.value,
        "config": _plain(trial.config),
    }


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with values that JSON can hold."""
    return {
        name: value if isinstance(value, str | int | float | tuple | None) else str(value)
        for name, value in config.items()
    }


def _write_results(folder: Path, study: "Study", config: SearchConfig, seconds: float) -> None:
    from nmjax.experiments import Result, collect_provenance, write_result

    best = None
    if study.best is not None:
        best = _trial_row(study.best) | {
            "metric": study.metric.name,
            "unit": study.metric.unit,
            "direction": study.metric.direction,
        }
    result = Result(
        **collect_provenance(),
        split="past searches of the user" if config.history else "no past",
        seeds=(config.seed,),
        config=settings_of(config),
        seconds=seconds,
        rows=({"best_architecture": best}, *map(_trial_row, study.trials)),
    )
    write_result(folder / RESULTS, result)


def _found_lines(study: "Study") -> list[str]:
    if study.best is None:
        return [f"All {len(study.trials)} evaluations failed."]
    metric, best = study.metric, study.best
    unit = f" {metric.unit}" if metric.unit else ""
    better = "higher" if metric.direction == "max" else "lower"
    return [
        f"Best of {len(study.trials)} evaluations: {_words(best.config)}",
        f"{metric.name} {best.value:.6g}{unit} ({better} is better), found at evaluation "
        f"{best.number + 1}",
    ]


def _print_suggestions(study: "Study", config: SearchConfig) -> None:
    trials: list[Trial] = []
    while len(trials) < config.suggestions and not study.is_finished:
        trials.append(study.ask())
    if config.json:
        print(json.dumps([_plain(trial.config) for trial in trials], indent=1))
        return
    table = plain_table(f"Next architectures to evaluate for {study.metric.name}")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    for trial in trials:
        table.add_row(str(trial.number + 1), _words(trial.config))
    make_console().print(table)


def _words(config: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in config.items()
    )
