import bz2
import codecs
import gzip
import io
import json
import lzma
import zipfile

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nmjax.errors import NmjaxError
from nmjax.spaces import Ordinal, Real, Space
from nmjax.tasks import history_from_frame, read_history
from nmjax.tasks.tables.delimited import read_delimited
from nmjax.tasks.tables.values import parse_numbers

SPACE = Space(op=["conv", "pool"], width=Ordinal(16, 64), rate=Real(0.0, 1.0))
COLUMNS = {
    "task": ["cora", "cs", "cora"],
    "op": ["pool", "conv", "conv"],
    "width": [64, 16, 64],
    "rate": [0.25, 0.5, 1.0],
    "note": [3, "out of memory; é", None],
    "loss": [0.5, None, 0.125],
}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


def delimited(delimiter, decimal="."):
    def cell(value):
        text = "" if value is None else str(value)
        text = text.replace(".", decimal) if isinstance(value, float) else text
        return f'"{text}"' if delimiter in text else text

    rows = [list(COLUMNS), *zip(*COLUMNS.values(), strict=True)]
    return "".join(delimiter.join(map(cell, row)) + "\n" for row in rows)


def zipped(content, *others):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.csv", content)
        for name in others:
            archive.writestr(name, b"\x00\x05")
    return buffer.getvalue()


def arrow(write):
    import pyarrow as pa

    buffer = io.BytesIO()
    columns = {name: column for name, column in COLUMNS.items() if name != "note"}
    write(pa.table(columns), buffer)
    return buffer.getvalue()


def stream(table, buffer):
    from pyarrow import ipc

    with ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)


def feather(table, buffer):
    from pyarrow import feather

    feather.write_feather(table, buffer)


def parquet(table, buffer):
    from pyarrow import parquet

    parquet.write_table(table, buffer)


CSV = delimited(",")
CONTENTS = {
    "commas": CSV.encode(),
    "commas, Windows": CSV.replace("\n", "\r\n").encode(),
    "tabs": delimited("\t").encode(),
    "semicolons": delimited(";").encode(),
    "bars": delimited("|").encode(),
    "decimal commas": delimited(";", ",").encode(),
    "tabs and decimal commas": delimited("\t", ",").encode(),
    "a line that names the separator": b"sep=;\r\n" + delimited(";", ",").encode(),
    "UTF-8 with a mark": codecs.BOM_UTF8 + CSV.encode(),
    "UTF-16": CSV.encode("utf-16"),
    "UTF-16 without a mark": CSV.encode("utf-16-be"),
    "gzip": gzip.compress(CSV.encode()),
    "bzip2": bz2.compress(CSV.encode()),
    "xz": lzma.compress(CSV.encode()),
    "zip": zipped(CSV),
    "zip of macOS": zipped(CSV, "__MACOSX/._past.csv"),
    "JSON lines": "\n".join(map(json.dumps, RECORDS)).encode(),
    "JSON lines by gzip": gzip.compress("\n".join(map(json.dumps, RECORDS)).encode()),
    "JSON array": json.dumps(RECORDS, indent=1).encode(),
    "JSON columns": json.dumps(COLUMNS).encode(),
    "JSON columns of pandas": json.dumps(
        {name: dict(enumerate(column)) for name, column in COLUMNS.items()}
    ).encode(),
    "JSON split": json.dumps(
        {"columns": list(COLUMNS), "data": [list(row.values()) for row in RECORDS]}
    ).encode(),
    "JSON rows of pandas": json.dumps(dict(enumerate(RECORDS))).encode(),
    "JSON table of pandas": json.dumps({"schema": {}, "data": RECORDS}).encode(),
    "nested JSON": "\n".join(
        json.dumps({"task": r["task"], "loss": r["loss"], "config": r}) for r in RECORDS
    ).encode(),
    "Parquet": arrow(parquet),
    "Feather": arrow(feather),
    "Arrow stream": arrow(stream),
}


def assert_same(past):
    assert past.tasks == ("cora", "cs")
    np.testing.assert_array_equal(past.history.architecture, [[[1, 1], [0, 1]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(past.history.continuous[0], [[0.25], [1.0]])
    loss = past.history.metrics["loss"]
    np.testing.assert_array_equal(loss, [[0.5, 0.125], [np.nan, np.nan]])


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_the_format_is_detected_from_the_content(tmp_path, content):
    path = tmp_path / "past.txt"
    path.write_bytes(content)
    assert_same(read_history(path, SPACE, minimize="loss"))


def test_frames_of_every_kind_hold_the_same():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame(COLUMNS)
    typed = polars.DataFrame({name: c for name, c in COLUMNS.items() if name != "note"})
    for same in (COLUMNS, RECORDS, frame, frame.convert_dtypes(), typed, typed.lazy()):
        assert_same(history_from_frame(same, SPACE, minimize="loss"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (delimited(",").encode("latin-1"), "not encoded as UTF-8: line 3 has the byte 0xe9"),
        (b"\xff\xfe" + b"a,b\n1", "not encoded as UTF-16"),
        (b"task op width\nt conv 64\n", "only column 'task op width', expected several, separ"),
        (b"task,op\nt,conv\nt,conv,64,x\n", r"row 2 has 4 values, expected 2, separated by comm"),
        (b"a,b\n1,\x00\n", "bytes of 0"),
        (b"a,b", "has no rows"),
        (b'a,"b', "a quote without an end"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "compressed and damaged"),
        (zipped("a,b")[:-8], "damaged or protected ZIP archive"),
        (zipped("a,b", "c.csv"), " holds 2 files, expected one: extract them.$"),
        (zipped("a,b", "[Content_Types].xml"), " is an Excel workbook. Save"),
        (b"\x80\x04\x95abc", "is a pickle"),
        (b"PAR1nothing", "cannot be read as Parquet"),
        (b"ARROW1nothing", "cannot be read as an Arrow file"),
        (b" \n", "is empty"),
        (b'{"a": 1}\n{"a": \n', "line 2 is not JSON: .* Its text is '{\"a\": '"),
        (b"[1, 2]", "row 1 is '1', expected a JSON object"),
        (b'{"a": [1, 2], "b": [1]}', "columns of different lengths: {'a': 2, 'b': 1}"),
        (b"[" * 100_000, "nested too deeply|cannot be read as JSON"),
        (b'{"columns": ["a", "b"], "data": [[1]]}', "row 1 has not 2 values"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_its_name(tmp_path, content, says):
    path = tmp_path / "past.csv"
    path.write_bytes(content)
    with pytest.raises(NmjaxError, match=f"^past.csv.*{says}"):
        read_history(path, SPACE, minimize="loss")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(NmjaxError, match="absent cannot be read: No such file"):
        read_history(tmp_path / "absent", SPACE, minimize="loss")
    with pytest.raises(NmjaxError, match="folder"):
        read_history(tmp_path, SPACE, minimize="loss")
    assert not list(tmp_path.iterdir())


def test_commas_of_thousands_are_no_decimal_commas(tmp_path):
    path = tmp_path / "past.csv"
    for first, row in (("0.5", 2), ("12,500", 1)):
        path.write_text(f"task\twidth\tloss\nt\t16\t{first}\nt\t16\t1,234\n")
        with pytest.raises(NmjaxError, match=f"past.csv, row {row}: loss is '.*', expected a num"):
            read_history(path, Space(width=[16]), minimize="loss")
    path.write_text("task\twidth\tloss\nt\t16\t0,500\nt\t16\t1,234\n")
    past = read_history(path, Space(width=[16]), minimize="loss")
    np.testing.assert_allclose(past.history.metrics["loss"], [[0.5, 1.234]])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e30, 1e30), min_size=1), st.sampled_from(";\t"))
def test_numbers_with_decimal_commas_come_back(numbers, delimiter):
    rows = [f"t{delimiter}{number!r}".replace(".", ",") for number in [0.5, *numbers]]
    table = read_delimited(f"task{delimiter}loss\n" + "\n".join(rows), "past.csv")
    found = parse_numbers(table.read("loss"), np.arange(table.size), table, "loss")
    np.testing.assert_array_equal(found[1:], numbers)


def test_values_of_several_lines_and_quoted_separators_are_read(tmp_path):
    path = tmp_path / "past.csv"
    path.write_text('task,log,"kernel size",loss\nt,"a\n""b"", c","[3, 5]",0.5\n')
    past = read_history(
        path, Space(kernel=["3,3", "3,5"]), minimize="loss", columns={"kernel": "kernel size"}
    )
    assert past.history.architecture.tolist() == [[[1]]]


def test_names_of_columns_may_have_several_lines(tmp_path):
    path = tmp_path / "past.csv"
    path.write_text('"task";"batch\r\nsize";"loss\n (mean)"\nt;64;x\n')
    space = Space(batch_size=[16, 64])
    with pytest.raises(NmjaxError, match=r"^past.csv, row 1: loss \(mean\) is 'x'"):
        read_history(path, space, minimize="loss (mean)")


def test_lines_of_json_may_hold_other_line_breaks(tmp_path):
    path = tmp_path / "past.jsonl"
    lines = [{"task": f"a\u2028{n}", "width": 64, "loss": n} for n in range(2)]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines))
    past = read_history(path, Space(width=[16, 64]), minimize="loss")
    assert past.tasks == ("a\u20280", "a\u20281")


def test_a_column_may_be_called_data(tmp_path):
    path = tmp_path / "past.json"
    path.write_text(json.dumps({"task": ["t", "t"], "data": [16, 64], "loss": [0.5, 0.25]}))
    past = read_history(path, Space(data=[16, 64]), minimize="loss")
    assert past.history.architecture.tolist() == [[[0], [1]]]
