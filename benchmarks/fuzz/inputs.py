"""The corpus that random inputs are made of, and what reads them."""

import bz2
import contextlib
import gzip
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from benchmarks.fuzz.command import run_command
from benchmarks.fuzz.mutations import TOKENS, mutate, mutate_arguments
from nmjax import NmjaxError
from nmjax.experiments import read_result
from nmjax.knowledge import default_knowledge
from nmjax.spaces import Ordinal, Real, Space, parse, when
from nmjax.storage import load, save
from nmjax.tasks import (
    append_history,
    count_evaluations,
    create_store,
    history_from_frame,
    load_history,
    make_history,
    open_store,
    propose_space,
    read_history,
    read_hpob,
    write_history,
)

CORPUS = Path(__file__).with_name("corpus")
EXPORTS = Path(__file__).parents[2] / "tests" / "tasks" / "exports" / "files"
"""Exports of other tools, which those tools have made."""
FOLDERS = ("keras_tuner", "ray_tune", "smac", "syne_tune")
"""Exports that are folders."""
SPACE = Space(
    "fuzz",
    op=["conv", "sqrt", 0.5, None],
    width=Ordinal(64, 128, 256, log=True),
    depth=[1, 2, 3],
    rate=Real(1e-4, 1.0, log=True),
    momentum=when(Real(0, 1), depth=1),
)
PLAIN = Space("plain", op=["conv", "sqrt", 0.5, None], width=[64, 128, 256], depth=[1, 2, 3])
REQUESTS: tuple[dict[str, Any], ...] = (
    {"maximize": "acc"},
    {"metrics": ["acc"], "context": ["classes"]},
    {"metrics": ["loss"], "columns": {"loss": "acc"}},
    {"minimize": "value", "task_name": "study"},
    {"metrics": ["loss"], "columns": {"loss": "value"}},
)
ARGUMENTS = (
    ("import", "table", "past", "--space", "benchmarks.fuzz.inputs:SPACE", "--metrics", "acc"),
    ("import", "table", "new", "--space", "auto", "--metrics", "acc", "--context", "classes"),
    ("import", "table", "--space", "auto"),
    ("import", "table", "past", "--task-name", "study", "--columns", "acc=value", "--drop", "few"),
    ("show", "past", "--findings"),
    ("export", "past", "out.csv", "--tasks", "cora", "--overwrite"),
    ("merge", "all", "past"),
)
PARSED = (
    ("search", "--benchmark", "nas-bench-graph", "--target", "cora", "--methods", "gp"),
    ("evaluate", "m:s", "--benchmark", "hpobench", "--seeds", "2"),
    ("patterns", "past", "--maximize", "acc", "--out", "new"),
    ("similarity", "past", "--minimize", "acc", "--tasks", "cora", "cs"),
    ("advise", "past", "--maximize", "acc", "--seed", "3"),
    ("benchmarks", "--data", "folder"),
    ("--version",),
    ("--help",),
)


class Input(NamedTuple):
    """A random input.

    Attributes:
      target: Name of what reads it.
      content: What is read, for the report.
      read: Function that reads it; its only allowed errors are `NmjaxError` and an exit with 2.
    """

    target: str
    content: object
    read: Callable[[], object]


class Corpus(NamedTuple):
    """Files to change.

    Attributes:
      texts: Tables of evaluations as text.
      binaries: Tables in binary formats, and compressed.
      documents: {name: content} of the other files that nmjax reads.
      exports: Names of the files of other tools' exports.
      folder: Folder to work in, with the history `past`.
    """

    texts: list[bytes]
    binaries: list[bytes]
    documents: Mapping[str, bytes]
    exports: list[str]
    folder: Path


def make_corpus(folder: Path) -> Corpus:
    """Return the files of the corpus, and binary ones that nmjax writes into `folder`."""
    history = make_history(
        np.array([[[0, 0, 1], [1, 2, 0]]] * 2),
        {"acc": np.array([[0.5, np.nan], [0.25, 0.75]])},
        np.array([[7.0], [np.nan]]),
        continuous=np.array([[[0.01, 0.0], [0.1, 0.5]]] * 2),
        space=SPACE,
    )
    tasks, context = ("cora", "cs"), ("classes",)
    store = create_store(folder / "past", SPACE, metrics=("acc",), context=context)
    append_history(store, history, tasks)
    save(default_knowledge(SPACE), folder / "knowledge.nmjax")
    texts = [path.read_bytes() for path in sorted((CORPUS / "tables").iterdir())]
    for suffix, contents in {"jsonl": texts, "csv": texts, "parquet": (binaries := [])}.items():
        path = folder / f"corpus.{suffix}"
        write_history(path, history, SPACE, tasks=tasks, context=context)
        contents.append(path.read_bytes())
    with contextlib.closing(sqlite3.connect(folder / "corpus.db")) as connection:
        connection.executescript((CORPUS / "optuna.sql").read_text())
    binaries += [(folder / "corpus.db").read_bytes()]
    binaries += [path.read_bytes() for path in sorted(EXPORTS.rglob("*.gz"))]
    texts += [gzip.decompress(content) for content in binaries[2:]]
    documents = {
        "manifest": (folder / "past" / "manifest.json").read_bytes(),
        "rows": next((folder / "past").glob("task=cora/*")).read_bytes(),
        "knowledge": (folder / "knowledge.nmjax").read_bytes(),
        "hpob": (CORPUS / "hpob.json").read_bytes(),
        "result": (CORPUS / "result.json").read_bytes(),
    }
    exports = [str(p.relative_to(EXPORTS)) for p in sorted(EXPORTS.rglob("*/*.*")) if p.is_file()]
    return Corpus(texts, binaries, documents, exports, folder)


def make_input(corpus: Corpus, seed: int, number: int) -> Input:
    """Return input `number` of a seed; no other input changes it."""
    random = Random(f"{seed} {number}")
    kinds = (_table, _export, _document, _frame, _text, _arguments, _parsed)
    kind = random.choices(kinds, (62, 10, 12, 8, 4, 2, 2))[0]
    return kind(random, corpus)


def _changed_table(random: Random, corpus: Corpus) -> bytes:
    if random.random() < 0.15:
        return mutate(random, random.choice(corpus.binaries), corpus.binaries)
    text = mutate(random, random.choice(corpus.texts), corpus.texts)
    compress = random.choices((bytes, gzip.compress, bz2.compress), (18, 1, 1))[0]
    return compress(text)


def _table(random: Random, corpus: Corpus) -> Input:
    content = _changed_table(random, corpus)
    path = corpus.folder / "table"
    path.write_bytes(content)
    request = random.choice(REQUESTS[:3] if b"acc" in content else REQUESTS[3:])
    if random.random() < 0.25:
        metric = random.choice(("acc", "acc", None))
        return Input("propose_space", content, lambda: propose_space(path, maximize=metric))
    space = SPACE if b"momentum" in content else PLAIN
    return Input("read_history", content, lambda: read_history(path, space, **request))


def _export(random: Random, corpus: Corpus) -> Input:
    name = random.choice(corpus.exports)
    tool, place = name.partition("/")[0], corpus.folder / "export"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(EXPORTS / tool, place)
    changed = place / name.partition("/")[2]
    content = mutate(random, changed.read_bytes(), corpus.texts)
    changed.write_bytes(content)
    source = place if tool in FOLDERS and random.random() < 0.7 else changed
    metric = random.choice(("loss", "loss", None))
    return Input(
        "propose_space of an export",
        (name, content),
        lambda: propose_space(source, minimize=metric),
    )


def _document(random: Random, corpus: Corpus) -> Input:
    name = random.choice(list(corpus.documents))
    content = mutate(random, corpus.documents[name], list(corpus.documents.values()))
    place = corpus.folder / "document"
    shutil.rmtree(place, ignore_errors=True)
    manifest, rows = (corpus.documents[name] for name in ("manifest", "rows"))
    files: dict[str, dict[str, bytes]] = {
        "manifest": {"manifest.json": content, "task=cora/1.parquet": rows},
        "rows": {"manifest.json": manifest, "task=cora/1.parquet": content},
        "knowledge": {"file": content},
        "hpob": {"meta-train-dataset.json": content},
        "result": {"file": content},
    }
    for file, data in files[name].items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(data)
    read: dict[str, Callable[[], object]] = {
        "manifest": lambda: load_history(open_store(place)),
        "rows": lambda: (count_evaluations(open_store(place)), load_history(open_store(place))),
        "knowledge": lambda: load(place / "file"),
        "hpob": lambda: read_hpob(place, part="train"),
        "result": lambda: read_result(place / "file"),
    }
    return Input(f"read {name}", content, read[name])


def _frame(random: Random, _: Corpus) -> Input:
    values: tuple[object, ...] = (
        *(*TOKENS, None, True, False, 1, 64, 0.5, np.nan, np.inf, 1e300, 10**400, b"x", (1, 2)),
        *([], {}, 1j, np.float32(0.5), np.int64(64), np.datetime64("2024-01-01")),
    )
    columns = ("task", "op", "width", "depth", "rate", "momentum", "acc", "classes")
    good = ("cora", "conv", 64, 1, 0.01, 0.5, 0.5, 7.0)
    length = random.choice((0, 1, 2, 3))
    frame = {
        name: [random.choice(values) if random.random() < 0.15 else value for _ in range(length)]
        for name, value in zip(columns, good, strict=True)
        if random.random() < 0.97
    }
    request = random.choice(REQUESTS[:2])
    return Input("history_from_frame", frame, lambda: history_from_frame(frame, SPACE, **request))


def _text(random: Random, _: Corpus) -> Input:
    content = mutate(random, b"op=conv width=64 depth=1 rate=0.01", [b"op='x y'"])
    text = content.decode("utf-8", "replace")
    token = random.choice(TOKENS)

    def read() -> None:
        with contextlib.suppress(NmjaxError):
            parse(SPACE, text)
        for choice in SPACE.choices:
            with contextlib.suppress(NmjaxError):
                choice.index_of_text(token)
            with contextlib.suppress(NmjaxError):
                choice.index_of(token)
        SPACE.from_config({"op": token, "width": 64, "depth": text, "rate": token})

    return Input("parse", (text, token), read)


def _arguments(random: Random, corpus: Corpus) -> Input:
    unchanged = random.random() < 0.5
    content = random.choice(corpus.texts) if unchanged else _changed_table(random, corpus)
    (corpus.folder / "table").write_bytes(content)
    arguments = ["history", *mutate_arguments(random, random.choice(ARGUMENTS))]
    kept = {"table", "past", "knowledge.nmjax"}

    def read() -> None:
        try:
            run_command(arguments)
        finally:
            for path in corpus.folder.iterdir():
                if path.name not in kept and not path.name.startswith("corpus."):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    return Input("nmjax history", arguments, read)


def _parsed(random: Random, _: Corpus) -> Input:
    arguments = mutate_arguments(random, random.choice(PARSED))
    return Input("nmjax", arguments, lambda: run_command(arguments, only_parse=True))


def describe(content: object) -> str:
    """Return the content as text of a report."""
    return json.dumps(repr(content)[:2000])
