"""The frozen protocol: what of a search is random."""

import jax
import numpy as np

from nmjax.evaluation import protocol
from nmjax.evaluation.leave_one_out import past_keys


def test_a_search_has_no_key_of_its_past(monkeypatch, suite):
    monkeypatch.setattr(protocol, "prepare", lambda key, *arguments, **more: key)
    key, (search,) = protocol.prepare_search(suite, suite.tasks[0], 3)
    past = past_keys(key)
    known = [*past, *(jax.random.fold_in(k, i) for k in past for i in range(3))]
    bits = {np.asarray(jax.random.key_data(k)).tobytes() for k in known}
    assert np.asarray(jax.random.key_data(search)).tobytes() not in bits
