import os
import pickle
import struct

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.tasks.suites.unpickle import read_pickle

pytestmark = pytest.mark.faults


class Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.parts = (function, arguments)

    def __reduce__(self):
        return self.parts


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


RAW = struct.pack("<d", 2.5)


def number(code=b"f8", order=b"<", raw=RAW, fields=b"N"):
    """A numpy scalar as the benchmarks' pickles hold it."""
    dtype = b"cnumpy\ndtype\n" + text(code) + b"\x89\x88\x87R"
    state = b"(K\x03" + text(order) + b"N" + fields + b"NJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    scalar = b"cnumpy.core.multiarray\nscalar\n"
    return b"\x80\x03" + scalar + dtype + state + b"C" + bytes([len(raw)]) + raw + b"\x86R."


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_tables_are_read(tmp_path, protocol):
    table = {"0123": {"acc": [0.1, 0.2], "n": 3}, 17: (None, True, "text", 2**70)}
    path = tmp_path / "table"
    path.write_bytes(pickle.dumps(table, protocol))
    assert read_pickle(path) == table


@pytest.mark.parametrize(
    ("code", "order", "value"),
    [("f8", "<", -2.5), ("f4", ">", 0.5), ("i8", "<", -(2**40)), ("i4", ">", 7)],
)
def test_numpy_scalars_become_numbers(tmp_path, code, order, value):
    raw = np.array(value, order + code).tobytes()
    path = tmp_path / "scalar"
    path.write_bytes(number(code.encode(), order.encode(), raw))
    assert read_pickle(path) == value
    assert type(read_pickle(path)) is type(value)


MALICIOUS = {
    "eval": lambda mark: Calls(eval, f"open({mark!r}, 'w')"),
    "exec": lambda mark: Calls(exec, f"open({mark!r}, 'w')"),
    "system": lambda mark: Calls(os.system, f"touch {mark}"),
    "open": lambda mark: Calls(open, mark, "w"),
    "getattr": lambda mark: Calls(getattr, "a", "upper"),
    "import": lambda mark: Calls(__import__, "os"),
    "nested": lambda mark: {"a": {"acc": [1.0, Calls(os.mkdir, mark)]}},
    "object array": lambda mark: np.array([Calls(os.mkdir, mark)], dtype=object),
    "array": lambda mark: np.zeros(3),
    "object dtype": lambda mark: np.dtype(object),
    "record dtype": lambda mark: np.dtype([("a", "f8")]),
    "text scalar": lambda mark: np.str_("a"),
    "a class": lambda mark: Calls,
    "bytearray": lambda mark: Calls(bytearray, 3),
}


@pytest.mark.parametrize("kind", MALICIOUS)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_else_is_called(tmp_path, kind, protocol):
    mark = tmp_path / "mark"
    path = tmp_path / "table"
    content = MALICIOUS[kind](str(mark))
    if kind == "bytearray" and protocol == 5:
        content = Calls(complex, 1, 2)
    path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(NmjaxError, match="not a table of plain numbers"):
        read_pickle(path)
    assert not mark.exists()


CRAFTED = {
    "object scalar": number(b"O8", raw=pickle.dumps(os.getcwd)[:8]),
    "object order": number(order=b"|"),
    "fields": number(fields=b"]"),
    "too few bytes": number(raw=b"123"),
    "too many bytes": number(raw=b"123456789"),
    "scalar of no dtype": b"\x80\x03cnumpy.core.multiarray\nscalar\nK\x01C\x01a\x86R.",
    "copied dtype": b"\x80\x03cnumpy\ndtype\nX\x02\x00\x00\x00f8\x88\x88\x87R.",
    "state of a function": b"\x80\x03cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb.",
    "slots of a function": b"\x80\x03cnumpy\ndtype\nN}X\x09\x00\x00\x00_functionK\x01s\x86b.",
    "new object": b"\x80\x03cnumpy\ndtype\n)\x81.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x12dtype.__class__.mro\x93.",
    "private module": b"\x80\x04\x8c\x17numpy._core.multiarray\x8c\x0c_reconstruct\x93.",
    "persistent": b"\x80\x03K\x01Q.",
    "persistent text": b"Pname\n.",
    "extension": b"\x80\x03\x82\x01.",
    "out of band": b"\x80\x05\x97.",
    "empty": b"",
    "cut": pickle.dumps({"a": [1.0]})[:-3],
    "not a pickle": b"acc,0.5\n",
}


@pytest.mark.parametrize("kind", CRAFTED)
def test_crafted_streams_are_refused(tmp_path, kind):
    path = tmp_path / "table"
    path.write_bytes(CRAFTED[kind])
    with pytest.raises(NmjaxError, match="not a table of plain numbers"):
        read_pickle(path)


def test_reading_still_works_after_an_attack(tmp_path):
    path = tmp_path / "table"
    for stream in CRAFTED.values():
        path.write_bytes(stream)
        with pytest.raises(NmjaxError):
            read_pickle(path)
    path.write_bytes(number())
    assert read_pickle(path) == 2.5
