"""Knowledge written to one file and read back, in this process and in a new one."""

import json
import os
import subprocess
import sys
import zipfile

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge
from nmjax.spaces import Choice, RealChoice, Space, get_space
from nmjax.storage import (
    load,
    metric_from_json,
    metric_to_json,
    save,
    space_from_json,
    space_to_json,
)
from nmjax.types import Metric
from tests.related import METRIC, SPACE, plain_knowledge

NAMES = st.text("abcdefgh_", min_size=1, max_size=5)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)
)
OPTIONS = st.lists(st.one_of(NAMES, st.integers(-9, 9)), min_size=1, max_size=4, unique_by=str)


@st.composite
def spaces(draw):
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    choices = []
    for place, name in enumerate(names[1:]):
        options = tuple(draw(OPTIONS))
        parent = choices[0] if place and draw(st.booleans()) else None
        conditions = ((parent.name, (parent.options[-1],)),) if parent else ()
        choices.append(Choice(name, options, conditions=conditions))
    low = draw(st.floats(1e-3, 1e3))
    scale = draw(st.sampled_from(["linear", "log"]))
    return Space.build(draw(NAMES), choices, [RealChoice(names[0], low, 2 * low, scale)])


@given(spaces())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_spaces_survive_json(space):
    again = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert again == space
    assert hash(again) == hash(space)


def same(ours, theirs):
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [lambda: plain_knowledge(3), lambda: default_knowledge(SPACE)])
def test_knowledge_survives_a_file(tmp_path, make):
    knowledge, path = make(), tmp_path / "new" / "folder" / "knowledge.nmjax"
    save(knowledge, path)
    same(load(path), knowledge)
    save(knowledge.replace(wins=knowledge.wins + 1), path)
    np.testing.assert_array_equal(load(path).wins, knowledge.wins + 1)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_knowledge_is_read_in_a_new_process(tmp_path):
    save(plain_knowledge(3), tmp_path / "knowledge")
    program = (
        "import nmjax.storage, numpy, sys; k = nmjax.storage.load(sys.argv[1]); "
        "print(k.space.names, k.metric.name, numpy.asarray(k.prior.mean).tobytes().hex())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "knowledge")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    expected = np.asarray(plain_knowledge(3).prior.mean).tobytes().hex()
    assert answer.stdout.strip() == f"{SPACE.names} {METRIC.name} {expected}"


def test_spaces_with_functions_come_from_the_catalog_or_the_caller(tmp_path):
    bench = get_space("nas-bench-201")
    save(default_knowledge(bench), tmp_path / "catalog")
    assert load(tmp_path / "catalog").space == bench
    own = SPACE.replace(valid=lambda architecture: architecture[..., 0] < 2)
    save(plain_knowledge(3).replace(space=own), tmp_path / "own")
    with pytest.raises(NmjaxError, match=r"load\(path, space=\.\.\.\)"):
        load(tmp_path / "own")
    with pytest.raises(NmjaxError, match="whose choices differ"):
        load(tmp_path / "own", space=bench)
    assert load(tmp_path / "own", space=own).space == own


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "knowledge"
    save(plain_knowledge(3), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(NmjaxError, match="not a file that nmjax") as error:
        load(path)
    assert error.value.__suppress_context__


def rewritten(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(members["description.json"])
    change(content, members)
    members["description.json"] = json.dumps(content).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, m: c.update(version=99), "update nmjax"),
        (lambda c, m: c.update(kind="dream"), "holds a 'dream'"),
        (lambda c, m: c.update(format="other"), "not a file that nmjax.save wrote"),
        (lambda c, m: m.pop("wins.npy"), "not a file that nmjax.save wrote"),
        (lambda c, m: c["shapes"].pop("prior/mean"), "is not a valid 'knowledge'"),
        (
            lambda c, m: c["content"].update(space={"catalog": "fbnet"}),
            "is not a valid 'knowledge'",
        ),
        (lambda c, m: c["content"].update(metric={"name": "a", "unit": 1}), "unit"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, change, message):
    path = tmp_path / "knowledge"
    save(plain_knowledge(3), path)
    rewritten(path, change)
    with pytest.raises(NmjaxError, match=message):
        load(path)


def test_other_objects_and_places_are_refused(tmp_path):
    with pytest.raises(NmjaxError, match="Got a dict to save; give an object of MetaKnowledge"):
        save({}, tmp_path / "knowledge")
    with pytest.raises(NmjaxError, match="Cannot read"):
        load(tmp_path / "missing")
    (tmp_path / "file").write_text("text")
    with pytest.raises(NmjaxError, match="Cannot write"):
        save(plain_knowledge(3), tmp_path / "file" / "knowledge")


def test_metrics_survive_json():
    metric = Metric("loss", "nats", "min", "log")
    assert metric_from_json(json.loads(json.dumps(metric_to_json(metric)))) == metric
    assert metric_from_json(metric_to_json(None)) is None
