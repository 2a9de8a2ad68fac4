"""The commands of the page "Bring your past searches", run on exports of each tool."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from nmjax.cli.__main__ import main
from nmjax.knowledge import default_knowledge
from nmjax.tasks import count_evaluations, load_history, open_store

ROOT = Path(__file__).parent.parent
EXPORTS = ROOT / "tests" / "tasks" / "exports" / "files"
TEXT = (ROOT / "docs" / "how-to" / "past-searches.md").read_text()
COMMANDS = re.findall(r"(?:^\$ |`)(nmjax [^`\n]*)", TEXT, re.MULTILINE)
IMPORTS = [command for command in COMMANDS if " import " in command]
SEARCHES = [command for command in COMMANDS if command.startswith("nmjax search")]
WANDB = """Name,State,Notes,User,Tags,Created,Runtime,Sweep,depth,optim.lr,val_loss
brisk-1,finished,-,me,,2026-01-01T00:00:00.000Z,12,abc,1,0.1,0.5
brisk-2,finished,-,me,,2026-01-01T00:01:00.000Z,13,abc,2,0.01,0.4
brisk-3,crashed,-,me,,2026-01-01T00:02:00.000Z,2,abc,3,0.001,
"""
RUNS = "dataset,width,rate,accuracy\n" + "".join(
    f"{data},{8 * (row % 3 + 1)},{10 ** -(row / 4)},{row / 20}\n"
    for data in "ab"
    for row in range(12)
)
COPIES = {
    "ray_results/cora": "ray_tune/cora",
    "ray.csv": "ray_tune/results.csv",
    "keras_tuner/cora": "keras_tuner/cora",
    "smac3_output/cora": "smac/cora",
    "syne-tune/cora": "syne_tune/cora",
    "ax.json.gz": "ax/experiment.json.gz",
}


def objective(trial):
    optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd"])
    rate = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 3)
    momentum = trial.suggest_float("momentum", 0, 0.99) if optimizer == "sgd" else 0.5
    return abs(rate - 1e-3) + momentum / 10 + layers / 100


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A folder with the files that the page names."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = tmp_path_factory.mktemp("exports")
    for name, source in COPIES.items():
        place = folder / name
        place.parent.mkdir(exist_ok=True)
        (shutil.copytree if (EXPORTS / source).is_dir() else shutil.copy)(EXPORTS / source, place)
    (folder / "wandb.csv").write_text(WANDB)
    (folder / "runs.csv").write_text(RUNS)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=30)
    study.trials_dataframe().to_csv(folder / "optuna.csv", index=False)
    for name, trials in (("cifar", study.trials[:8]), ("svhn", study.trials[8:16])):
        stored = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name=name)
        stored.add_trials(trials)
    return folder


@pytest.fixture(autouse=True)
def inside(exports, monkeypatch):
    monkeypatch.chdir(exports)


def run(command):
    assert main(shlex.split(command)[1:]) == 0


def test_the_page_has_a_command_for_each_tool():
    assert len(IMPORTS) == 12
    assert len(SEARCHES) == 2


@pytest.mark.parametrize("command", sorted(set(IMPORTS)))
def test_an_export_is_imported_by_one_command(command, capsys, exports):
    run(command)
    words = shlex.split(command)
    if words[4].startswith("--"):
        page = re.search(r"```python\n(import nmjax\n.*?)```", TEXT, re.DOTALL)
        assert without_comments(capsys.readouterr().out) == without_comments(page[1])
        return
    store = open_store(words[4])
    counts = count_evaluations(store)
    assert sum(counts.values()) >= 3
    assert len(counts) == {"past": 2, "optuna-past": 2, "runs-past": 2}.get(words[4], 1)
    assert load_history(store).history.mask.any()


def test_a_folder_prints_its_space(capsys):
    run(IMPORTS[0])
    capsys.readouterr()
    run(next(command for command in COMMANDS if " show " in command))
    assert "momentum=nmjax.when(nmjax.Real(" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("command", SEARCHES)
def test_the_searches_of_the_page_print_suggestions(command, capsys, monkeypatch):
    def learn(past, seed, config):
        assert config is None
        return default_knowledge(past.space, past.metric)

    monkeypatch.setattr("nmjax.knowledge.learn", learn)  # Learning is not what is tested here.
    run(IMPORTS[0])
    capsys.readouterr()
    run(f"{command} --json")
    suggested = json.loads(capsys.readouterr().out)
    assert len(suggested) == 5
    assert all({"optimizer", "lr", "layers"} <= set(config) for config in suggested)
    assert all(("momentum" in config) == (config["optimizer"] == "sgd") for config in suggested)


def without_comments(source):
    return [line for line in source.splitlines() if line.strip() and line.strip()[0] != "#"]
