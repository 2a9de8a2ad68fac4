"""Random sequences of calls to a study: nothing is lost, invented or silently wrong."""

import math
import os

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import nmjax
from nmjax import NmjaxError

pytestmark = pytest.mark.faults

SPACE = nmjax.Space("faults", op=["a", "b", "c"], depth=nmjax.Integer(1, 4))
CONFIGS = [{"op": op, "depth": depth} for op in "abc" for depth in (1, 2, 3, 4)]
ALGORITHMS = (
    None,
    nmjax.RandomSearch(capacity=32),
    nmjax.RegularizedEvolution(capacity=32, population_size=3, tournament_size=2),
    nmjax.LocalSearch(capacity=32),
)
VALUES = st.one_of(
    st.floats(-1e3, 1e3),
    st.sampled_from([math.nan, math.inf, -math.inf, None, 1e30, 0, np.float32(0.5), np.int64(3)]),
)
REFUSED = st.sampled_from(
    [
        {"op": "a"},
        {"op": "d", "depth": 1},
        {"op": "a", "depth": 9},
        {"op": "a", "depth": 1, "width": 2},
        ["a", 1],
        None,
        7,
    ]
)


def is_success(value):
    return value is not None and math.isfinite(value) and abs(value) < 1.8e16


class StudySequence(RuleBasedStateMachine):
    """A study beside a plain list of what it was told."""

    def __init__(self):
        super().__init__()
        self.configs = []
        self.results = {}

    @initialize(algorithm=st.sampled_from(ALGORITHMS))
    def begin(self, algorithm):
        self.study = nmjax.Study(SPACE, budget=4, direction="minimize", algorithm=algorithm)

    def running(self):
        return [n for n in range(len(self.configs)) if n not in self.results]

    def record(self, trial):
        assert trial.config not in self.configs
        assert trial.number == len(self.configs)
        self.configs.append(trial.config)

    @rule()
    def ask(self):
        if len(self.configs) < min(self.study.budget, len(CONFIGS)):
            self.record(self.study.ask())
        else:
            with pytest.raises(NmjaxError, match="no evaluations left"):
                self.study.ask()

    @precondition(running)
    @rule(data=st.data(), value=VALUES, by_config=st.booleans())
    def tell(self, data, value, by_config):
        number = data.draw(st.sampled_from(self.running()))
        trial = self.study.trials[number]
        self.study.tell(trial.config if by_config else trial, value)
        self.results[number] = value

    @precondition(lambda self: self.results)
    @rule(data=st.data())
    def tell_again(self, data):
        number = data.draw(st.sampled_from(sorted(self.results)))
        with pytest.raises(NmjaxError, match="already has a result"):
            self.study.tell(self.study.trials[number], 0.0)

    @rule(config=st.sampled_from(CONFIGS), value=VALUES)
    def tell_unasked(self, config, value):
        if config not in self.configs:
            trial = self.study.tell(config, value)
            self.configs.append(config)
            self.results[trial.number] = value

    @rule(config=st.sampled_from(CONFIGS))
    def attach(self, config):
        if config in self.configs:
            with pytest.raises(NmjaxError, match="already"):
                self.study.attach(config)
        else:
            self.record(self.study.attach(config))

    @rule(item=REFUSED, value=VALUES)
    def tell_what_does_not_fit(self, item, value):
        with pytest.raises(NmjaxError):
            self.study.tell(item, value)

    @precondition(running)
    @rule(value=st.sampled_from(["0.1", [0.1], {}, True, 1j]))
    def tell_no_number(self, value):
        with pytest.raises(NmjaxError, match="Expected a number"):
            self.study.tell(self.study.trials[self.running()[0]], value)

    @rule(evaluations=st.integers(1, 3))
    def extend(self, evaluations):
        self.study.extend(evaluations)

    @rule()
    def restart(self):
        saved = nmjax.study.serialize_study(self.study)
        self.study = nmjax.study.deserialize_study(saved, None)

    @invariant()
    def trials_are_those_recorded(self):
        trials = self.study.trials
        assert [trial.config for trial in trials] == self.configs
        for trial in trials:
            if trial.number not in self.results:
                assert (trial.state, trial.value) == ("running", None)
            elif is_success(self.results[trial.number]):
                assert (trial.state, trial.value) == ("complete", self.results[trial.number])
            else:
                assert (trial.state, trial.value) == ("failed", None)

    @invariant()
    def best_is_the_smallest_result(self):
        values = [value for value in self.results.values() if is_success(value)]
        if values:
            assert self.study.best.value == min(values)
        else:
            assert self.study.best is None


TestStudySequence = StudySequence.TestCase
TestStudySequence.settings = settings(
    max_examples=int(os.environ.get("NMJAX_SEQUENCES", "20")), stateful_step_count=15, deadline=None
)
