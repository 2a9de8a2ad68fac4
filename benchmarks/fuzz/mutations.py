"""Random changes of bytes, texts and lists of arguments, decided by a generator."""

import re
from collections.abc import Callable, Sequence
from random import Random

TOKENS = (
    *("", " ", "nan", "NaN", "None", "null", "-", "inf", "-inf", "1e999", "1e38", "-1e17", "0"),
    *("-1", "64.0", "0,5", "1e-320", "True", "true", "[3, 5]", "{}", '"', '""', "'", "\\", "\n"),
    *(
        "\r\n",
        "\t",
        ",",
        ";",
        "|",
        "\x00",
        "\ufeff",
        "\u2028",
        "é",
        "数据集",
        "\U0001f600",
        "%",
        "=",
    ),
    *("task", "op", "width", "9" * 400, "[" * 2000, "a" * 5000, "2024-01-01", "1_000", "0x10"),
    *("COMPLETE", "TrialState.FAIL", "4.5.6", "1e", "++1", "\u0661", "½"),
)
"""Texts that stand for kinds of content."""


def mutate(random: Random, content: bytes, others: Sequence[bytes]) -> bytes:
    """Return the content after one to four random changes.

    Args:
      random: Generator that decides everything.
      content: Bytes to change.
      others: Contents to take pieces from.
    """
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        content = random.choice(_CHANGES)(random, content, random.choice(others))
    return content


def mutate_arguments(random: Random, arguments: Sequence[str]) -> list[str]:
    """Return the arguments after one to three are left out, repeated, moved or replaced."""
    changed = list(arguments)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(changed) + 1)
        kind = random.randrange(5)
        if kind == 0:
            del changed[place : place + 1]
        elif kind == 1:
            changed[place:place] = changed[place - 1 : place]
        elif kind == 2 and changed:
            changed.insert(place, changed.pop(random.randrange(len(changed))))
        elif kind == 3:
            changed[place : place + 1] = [random.choice(TOKENS)]
        elif place < len(changed):
            text = changed[place].encode("utf-8", "surrogateescape")
            text = random.choice(_CHANGES)(random, text, b"--metrics=acc")
            changed[place] = text.decode("utf-8", "surrogateescape")
    return changed


def _span(random: Random, content: bytes, longest: int) -> slice:
    start = random.randrange(len(content) + 1)
    return slice(start, start + random.randrange(longest + 1))


def _flip(random: Random, content: bytes, _: bytes) -> bytes:
    changed = bytearray(content)
    for _turn in range(random.choice((1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _truncate(random: Random, content: bytes, _: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _delete(random: Random, content: bytes, _: bytes) -> bytes:
    gone = _span(random, content, 32)
    return content[: gone.start] + content[gone.stop :]


def _repeat(random: Random, content: bytes, _: bytes) -> bytes:
    piece = _span(random, content, 64)
    return content[: piece.stop] + content[piece] * random.choice((1, 3)) + content[piece.stop :]


def _splice(random: Random, content: bytes, other: bytes) -> bytes:
    place, piece = _span(random, content, 16), _span(random, other, 64)
    return content[: place.start] + other[piece] + content[place.stop :]


def _join(random: Random, content: bytes, other: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)] + other


def _insert(random: Random, content: bytes, _: bytes) -> bytes:
    place = _span(random, content, 8)
    token = random.choice(TOKENS).encode()
    return content[: place.start] + token + content[place.stop :]


def _replace_cell(random: Random, content: bytes, _: bytes) -> bytes:
    found = re.findall(rb"[^,;\t\r\n:{}\[\]\" ]+", content)
    if not found:
        return content
    cell, token = random.choice(found), random.choice(TOKENS).encode()
    places = [match.start() for match in re.finditer(re.escape(cell), content)]
    place = random.choice(places)
    return content[:place] + token + content[place + len(cell) :]


def _recode(random: Random, content: bytes, _: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-16-le", "latin-1", "utf-32")), "replace")


_CHANGES: tuple[Callable[[Random, bytes, bytes], bytes], ...] = (
    *(_flip, _truncate, _delete, _repeat, _splice, _join, _recode),
    *(_insert,) * 4,
    *(_replace_cell,) * 9,
)
