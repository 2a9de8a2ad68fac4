"""Spaces of ConfigSpace, Optuna, Ray Tune, Syne Tune, W&B and Ax as spaces of nmjax."""

import json

import jax
import numpy as np
import pytest

import nmjax
from nmjax.errors import NmjaxError
from nmjax.integrations import read_studies
from nmjax.spaces import Condition, Integer, Ordinal, Real, Space, is_valid, when
from nmjax.tasks import infer_space, read_history
from nmjax.tasks.exports.optuna_distributions import read_domain


def test_a_configuration_space_keeps_its_choices_and_conditions():
    cs = pytest.importorskip("ConfigSpace")
    theirs = cs.ConfigurationSpace(
        name="theirs",
        space={
            "depth": (1, 8),
            "rate": cs.Float("rate", (1e-4, 1e-1), log=True),
            "op": ["conv", "pool", "skip"],
            "size": cs.OrdinalHyperparameter("size", [16, 32, 64]),
            "grade": cs.OrdinalHyperparameter("grade", ["low", "high"]),
            "epochs": 3,
            "many": (1, 10**6),
            "kernel": cs.Categorical("kernel", [3, None]),
        },
    )
    theirs.add(
        cs.AndConjunction(
            cs.InCondition(theirs["rate"], theirs["op"], ["conv", "pool"]),
            cs.GreaterThanCondition(theirs["rate"], theirs["depth"], 3),
        ),
        cs.NotEqualsCondition(theirs["size"], theirs["op"], "skip"),
        cs.OrConjunction(
            cs.EqualsCondition(theirs["kernel"], theirs["op"], "conv"),
            cs.EqualsCondition(theirs["kernel"], theirs["op"], "skip"),
        ),
    )
    space = infer_space(theirs)
    expected = Space(
        "theirs",
        depth=Integer(1, 8),
        op=["conv", "pool", "skip"],
        size=when(Ordinal(16, 32, 64), op=["conv", "pool"]),
        grade=["low", "high"],
        epochs=[3],
        kernel=when([3, None], op=["conv", "skip"]),
        rate=when(Real(1e-4, 1e-1, log=True), op=["conv", "pool"], depth=[4, 5, 6, 7, 8]),
        many=Real(1, 10**6),
    )
    assert {c.name: c for c in space.choices} == {c.name: c for c in expected.choices}
    assert {c.name: c for c in space.continuous} == {c.name: c for c in expected.continuous}
    assert (space.name, space.valid) == ("theirs", None)
    for configuration in theirs.sample_configuration(50):
        config = dict(configuration)
        assert space.to_config(*space.from_config(config)).keys() == config.keys()


def test_forbidden_clauses_decide_which_architectures_are_valid():
    cs = pytest.importorskip("ConfigSpace")
    theirs = cs.ConfigurationSpace(space={"op": ["a", "b", "c"], "depth": (1, 4), "size": (1, 3)})
    theirs.add(cs.EqualsCondition(theirs["size"], theirs["op"], "a"))
    theirs.add(
        cs.ForbiddenAndConjunction(
            cs.ForbiddenInClause(theirs["op"], ["b", "c"]),
            cs.ForbiddenEqualsClause(theirs["depth"], 4),
        ),
        cs.ForbiddenEqualsClause(theirs["size"], 1),
        cs.ForbiddenGreaterThanRelation(theirs["size"], theirs["depth"]),
    )
    space = infer_space(theirs)
    for op in "abc":
        for depth in range(1, 5):
            for size in range(1, 4) if op == "a" else [None]:
                config = {"op": op, "depth": depth} | ({} if size is None else {"size": size})
                allowed = not (op in "bc" and depth == 4) and (
                    size is None or (size != 1 and size <= depth)
                )
                rows, _ = space.from_config(config)
                assert bool(is_valid(space, rows)) == allowed, config
    assert infer_space(theirs) == space
    assert hash(infer_space(theirs)) == hash(space)
    drawn = nmjax.spaces.sample(jax.random.key(0), space, (64,))
    assert np.asarray(is_valid(space, drawn)).all()


def test_unsupported_clauses_and_conditions_are_refused():
    cs = pytest.importorskip("ConfigSpace")
    theirs = cs.ConfigurationSpace(
        space={"op": ["a", "b"], "x": (0.0, 1.0), "y": (1, 3), "z": (1, 2)}
    )
    theirs.add(
        cs.OrConjunction(
            cs.EqualsCondition(theirs["z"], theirs["op"], "a"),
            cs.EqualsCondition(theirs["z"], theirs["y"], 1),
        )
    )
    with pytest.raises(NmjaxError, match="'or' over several parents"):
        infer_space(theirs)
    theirs = cs.ConfigurationSpace(space={"x": (0.0, 1.0), "y": (1, 3)})
    theirs.add(cs.GreaterThanCondition(theirs["y"], theirs["x"], 0.5))
    with pytest.raises(NmjaxError, match="'x', which is real-valued"):
        infer_space(theirs)
    theirs = cs.ConfigurationSpace(space={"x": (0.0, 1.0), "y": (1, 3)})
    theirs.add(cs.ForbiddenEqualsClause(theirs["x"], 0.25))
    with pytest.raises(NmjaxError, match="'x', which is real-valued"):
        infer_space(theirs)


@pytest.fixture
def study():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        optimizer = trial.suggest_categorical("optimizer", ["adam", "sgd"])
        if optimizer == "sgd":
            trial.suggest_float("momentum", 0.5, 0.9)
            if trial.suggest_categorical("nesterov", [False, True]):
                trial.suggest_int("warmup", 1, 3)
        layers = trial.suggest_int("layers", 1, 3)
        for layer in range(2, layers + 1):
            trial.suggest_int(f"width{layer}", 16, 64, step=16)
        trial.suggest_categorical("features", ["sqrt", None, 0.5])
        trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        trial.suggest_float("dropout", 0.0, 0.5, step=0.1)
        trial.suggest_int("steps", 1, 10**5, log=True)
        if trial.number in (4, 9):
            raise optuna.TrialPruned
        return trial.params["rate"]

    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(sampler=sampler, study_name="mine")
    study.optimize(objective, n_trials=40)
    return study


OF_STUDY = Space(
    "mine",
    optimizer=["adam", "sgd"],
    nesterov=when([False, True], optimizer="sgd"),
    warmup=when(Integer(1, 3), nesterov=True),
    layers=Integer(1, 3),
    width2=when(Ordinal(16, 32, 48, 64), layers=[2, 3]),
    width3=when(Ordinal(16, 32, 48, 64), layers=3),
    features=["sqrt", None, 0.5],
    dropout=Ordinal(0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    momentum=when(Real(0.5, 0.9), optimizer="sgd"),
    rate=Real(1e-4, 1e-1, log=True),
    steps=Real(1, 10**5, log=True),
)


def test_a_study_keeps_its_distributions_and_branches_become_conditions(study):
    space = infer_space(study)
    assert space.name == "mine"
    assert {c.name: c for c in space.choices} == {c.name: c for c in OF_STUDY.choices}
    assert {c.name: c for c in space.continuous} == {c.name: c for c in OF_STUDY.continuous}
    assert infer_space([study, study], name="mine") == space
    for trial in study.trials:
        space.from_config(trial.params)


def test_a_trial_and_distributions_have_a_space_without_conditions(study):
    optuna = pytest.importorskip("optuna")
    best = infer_space(study.best_trial)
    assert set(best.names) == set(study.best_trial.params)
    assert not best.is_conditional
    assert infer_space({"x": optuna.distributions.IntDistribution(1, 4)}).num_options == (4,)


def test_names_of_parameters_lose_their_blanks_and_the_study_is_read_by_them():
    optuna = pytest.importorskip("optuna")
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="blanks")

    def objective(trial):
        if trial.suggest_categorical("my op", ["conv", "pool"]) == "conv":
            return trial.suggest_float("kernel size", 1, 7)
        return 0.0

    for op in ("conv", "pool") * 2:
        study.enqueue_trial({"my op": op})
    study.optimize(objective, n_trials=4)
    space = infer_space(study)
    assert space == Space(
        "blanks", my_op=["conv", "pool"], kernel_size=when(Real(1, 7), my_op="conv")
    )
    past = read_studies(storage, space, objectives=["loss"])
    loss = past.history.metrics["loss"]
    np.testing.assert_array_equal(past.history.continuous[0, ::2, 0], loss[0, ::2])
    distributions = {"a b": optuna.distributions.IntDistribution(1, 3)}
    assert infer_space(distributions).names == ("a_b",)
    with pytest.raises(NmjaxError, match="'a_b'] differ only by blanks"):
        infer_space(distributions | {"a_b": distributions["a b"]})


def test_ranges_that_changed_during_a_study_are_joined():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_int("x", 1, 4 + trial.number), n_trials=3)
    assert infer_space(study).choices[0].options == (1, 2, 3, 4, 5, 6)
    with pytest.raises(NmjaxError, match="none"):
        infer_space(optuna.create_study())


def domain(module, kind, **attributes):
    """An object with the class name and the attributes of a domain of Ray Tune or Syne Tune."""
    made = type(kind, (), {"__module__": module})()
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def ranged(module, kind, lower, upper, sampler="_Uniform", q=None):
    inner = domain(module, sampler)
    sampler = inner if q is None else domain(module, "Quantized", q=q, sampler=inner)
    return domain(module, kind, lower=lower, upper=upper, get_sampler=lambda: sampler)


RAY, SYNE = "ray.tune.search.sample", "syne_tune.config_space"
DOMAINS = {
    "list": (["a", "b"], ["a", "b"]),
    "set": ({"b", "a"}, ["a", "b"]),
    "range": (range(2, 6), Integer(2, 5)),
    "steps": (range(2, 9, 2), Ordinal(2, 4, 6, 8)),
    "integers": ((1, 4), Integer(1, 4)),
    "reals": ((0.0, 1), Real(0, 1)),
    "log": ((1e-4, 1e-1, "log-uniform"), Real(1e-4, 1e-1, log=True)),
    "constant": (7, [7]),
    "none": (None, [None]),
    "spec": (when(Integer(1, 2), list="a"), when(Integer(1, 2), list="a")),
    "ray.choice": (domain(RAY, "Categorical", categories=[1, "a"]), [1, "a"]),
    "ray.uniform": (ranged(RAY, "Float", 0, 1), Real(0, 1)),
    "ray.loguniform": (ranged(RAY, "Float", 1e-4, 1, "_LogUniform"), Real(1e-4, 1, log=True)),
    "ray.quniform": (ranged(RAY, "Float", 0, 1, q=0.25), Ordinal(0.0, 0.25, 0.5, 0.75, 1.0)),
    "ray.randint": (ranged(RAY, "Integer", 1, 5), Integer(1, 4)),
    "ray.qrandint": (ranged(RAY, "Integer", 2, 8, q=2), Ordinal(2, 4, 6, 8)),
    "ray.lograndint": (ranged(RAY, "Integer", 1, 5, "_LogUniform"), Integer(1, 4, log=True)),
    "ray.grid": ({"grid_search": [1, 2]}, [1, 2]),
    "syne.randint": (ranged(SYNE, "Integer", 1, 5), Integer(1, 5)),
    "syne.finrange": (
        domain(SYNE, "FiniteRange", values=[1, 10, 100], log_scale=True),
        Ordinal(1, 10, 100, log=True),
    ),
    "syne.ordinal": (domain(SYNE, "Ordinal", categories=[1, 2, 4]), Ordinal(1, 2, 4)),
    "syne.words": (domain(SYNE, "Ordinal", categories=["a", "b"]), ["a", "b"]),
    "wandb.values": ({"values": [1, 2]}, [1, 2]),
    "wandb.value": ({"value": 3}, [3]),
    "wandb.log": (
        {"min": 1e-4, "max": 1.0, "distribution": "log_uniform_values"},
        Real(1e-4, 1, log=True),
    ),
    "wandb.q": ({"min": 2, "max": 8, "q": 2, "distribution": "q_uniform"}, Ordinal(2, 4, 6, 8)),
    "ax.range": ({"type": "range", "bounds": [1, 4], "value_type": "float"}, Real(1, 4)),
    "ax.log": ({"type": "range", "bounds": [1, 4], "log_scale": True}, Integer(1, 4, log=True)),
    "ax.choice": ({"type": "choice", "values": [1, 2], "is_ordered": True}, Ordinal(1, 2)),
}


def test_dictionaries_of_domains_are_spaces():
    space = infer_space({name: theirs for name, (theirs, _) in DOMAINS.items()}, name="s")
    assert space == Space("s", **{name: mine for name, (_, mine) in DOMAINS.items()})


def test_nested_dictionaries_and_sweeps_are_spaces():
    assert infer_space({"model": {"width": [1, 2], "head": {"size": (1, 3)}}}) == Space(
        **{"model/width": [1, 2], "model/head/size": Integer(1, 3)}
    )
    sweep = {
        "method": "random",
        "metric": {"name": "loss"},
        "parameters": {
            "rate": {"min": 0.0, "max": 1.0},
            "model": {"parameters": {"depth": {"value": 2}}},
        },
    }
    assert infer_space(sweep) == Space(**{"rate": Real(0, 1), "model/depth": [2]})


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ((1, 2, 3), "Domain of 'x': Got"),
        (("a", "b"), "list of options"),
        ((0.5, 0.1), "low < high"),
        (object(), "type object"),
        ({"min": 0}, "give min and max"),
        ({"distribution": "normal", "min": 0, "max": 1}, "no bounds of its own"),
        (domain(RAY, "Function"), "no bounds"),
        (ranged(RAY, "Float", -np.inf, np.inf), "two finite numbers"),
    ],
)
def test_unsupported_domains_are_refused(theirs, message):
    with pytest.raises(NmjaxError, match=message):
        infer_space({"x": theirs})


def test_conditions_of_a_dictionary_are_kept():
    space = infer_space({"op": ["a", "b"], "x": when(Real(0, 1), op="a")})
    assert space.continuous[0].conditions == (Condition("op", ("a",)),)


@pytest.mark.parametrize("kind", ["database", "journal"])
def test_optuna_files_hold_the_ranges_of_parameters(study, tmp_path, kind):
    optuna = pytest.importorskip("optuna")
    path = tmp_path / kind
    if kind == "database":
        storage = f"sqlite:///{path}"
    else:
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        storage = optuna.storages.JournalStorage(backend)
    stored = optuna.create_study(storage=storage, study_name="mine")
    stored.add_trials(study.trials[:24])
    space = infer_space(path, name="mine")
    assert {c.name: c for c in space.choices} == {c.name: c for c in OF_STUDY.choices}
    assert {c.name: c for c in space.continuous} == {c.name: c for c in OF_STUDY.continuous}
    past = read_history(path, space)
    assert int(past.history.mask.sum()) == 24


@pytest.mark.parametrize(
    ("described", "domain"),
    [
        ([{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}}], Real(0, 1)),
        (
            [{"name": "LogUniformDistribution", "attributes": {"low": 1e-4, "high": 1.0}}],
            Real(1e-4, 1, log=True),
        ),
        (
            [
                {
                    "name": "DiscreteUniformDistribution",
                    "attributes": {"low": 0, "high": 1, "q": 0.5},
                }
            ],
            Ordinal(0.0, 0.5, 1.0),
        ),
        (
            [
                {"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 3, "step": 1}},
                {"name": "IntUniformDistribution", "attributes": {"low": 2, "high": 5, "step": 1}},
            ],
            Integer(1, 5),
        ),
        (
            [
                {"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 3, "step": 1}},
                {"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1.0}},
            ],
            None,
        ),
        ([{"name": "UniformDistribution", "attributes": {"low": 0.0, "high": 1e300}}], None),
    ],
)
def test_distributions_of_older_versions_are_domains(described, domain):
    assert read_domain(map(json.dumps, described)) == domain
