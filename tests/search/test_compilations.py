"""Programs of a search are compiled once and not kept for each call."""

import gc

import jax
import pytest

from nmjax.search import BayesianSearch, default_hyper, observe, start, suggest

EVENT = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiled():
    """The names of programs as they are compiled."""
    names = []

    def listen(event, _, **details):
        if event == EVENT:
            names.append(details.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    jax.monitoring.unregister_event_duration_listener(listen)


@pytest.mark.slow
def test_restarting_a_search_does_not_recompile_or_leak_memory(problem, compiled):
    algorithm = BayesianSearch(capacity=4)

    def run(seed):
        arguments = problem, algorithm, default_hyper(4)
        state = start(jax.random.key(seed), *arguments)
        observe(state, *arguments, int(suggest(state, *arguments)), 0.5)

    run(0)
    assert compiled
    compiled.clear()
    gc.collect()
    before = len(jax.live_arrays())
    for seed in range(5):
        run(seed)
    gc.collect()
    assert compiled == []
    assert len(jax.live_arrays()) == before
