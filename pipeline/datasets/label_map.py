"""label_map.pbtxt: class names and their ids, as the Object Detection API reads them.

    item {
      id: 1
      name: "caf\\303\\251"
    }

Names stay intact: quotes, backslashes and line breaks are escaped, other characters are written as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import DataError

_TOKEN = re.compile(
    r"""(?P<space>[\s,;]+|\#[^\n]*)
      |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      |(?P<punctuation>[{}<>:\[\]])
      |(?P<word>[^\s,;#"'{}<>:\[\]]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_LONGEST_ID = 9
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def format_label_map(labels: tuple[str, ...]) -> str:
    """Format labels as pbtxt; the first has id 1."""
    return "".join(
        f'item {{\n  id: {number}\n  name: "{_escape(label)}"\n}}\n' for number, label in enumerate(labels, start=1)
    )


def _escape(text: str) -> str:
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(named.get(c) or (f"\\{ord(c):03o}" if ord(c) < 32 or ord(c) == 127 else c) for c in text)


def read_label_map(path: Path) -> list[str]:
    """Read the names in the order of their ids, which must be 1, 2, 3, ... without a gap. Raises DataError."""
    labels = read_label_ids(path)
    ids = sorted(labels.values())
    if ids != list(range(1, len(ids) + 1)):
        raise DataError(
            f"{path}: label ids must be 1, 2, 3, ... without a gap; found: {', '.join(map(str, ids))}",
            hint="number the items from 1 and write the records again",
        )
    return sorted(labels, key=labels.__getitem__)


def read_label_ids(path: Path) -> dict[str, int]:
    """Read {name: id} in the file's order; ids may have gaps.

    Raises DataError for id 0, a second use of a name or id, or bad syntax.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"no label map at {path}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from error
    labels: dict[str, int] = {}
    for number, item in enumerate(parse_items(text, path), start=1):
        name, identifier = item.get("name"), item.get("id", "")
        if not name:
            raise DataError(f"{path}: item {number} has no name")
        if not identifier.isdecimal() or len(identifier) > _LONGEST_ID or int(identifier) < 1:
            raise DataError(
                f"{path}: item {number} ({name!r}) has id {identifier[:20] or 'nothing'}; "
                "ids start at 1, 0 is the background",
                hint="number the items 1, 2, 3, ...",
            )
        if name in labels:
            raise DataError(f"{path}: two items are called {name!r}")
        if int(identifier) in labels.values():
            raise DataError(f"{path}: two items have id {identifier}")
        labels[name] = int(identifier)
    if not labels:
        raise DataError(f"{path}: no item in it; wanted item {{ id: 1 name: '...' }}")
    return labels


def parse_items(text: str, path: Path) -> list[Mapping[str, str]]:
    """Parse the top-level item blocks into {field: value}, in order; nested blocks (keypoints) are left out.

    `path` is for errors. Raises DataError, with the line, for text that is no label map.
    """
    items: list[Mapping[str, str]] = []
    current: dict[str, str] = {}
    depth, field, position, value_wanted = 0, "", 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        line = text.count("\n", 0, position) + 1
        if match is None:
            raise DataError(f"{path}:{line}: a quote that does not end")
        position = match.end()
        token = match.group()
        if match.lastgroup == "space":
            continue
        if token in ("{", "<"):
            if depth == 0 and field != "item":
                raise DataError(f"{path}:{line}: found {(field or token)!r}, wanted item {{ ... }}")
            depth, value_wanted = depth + 1, False
        elif token in ("}", ">"):
            depth -= 1
            if depth < 0:
                raise DataError(f"{path}:{line}: a closing bracket too many")
            if depth == 0:
                items.append(current)
                current = {}
            value_wanted = False
        elif token == ":":
            value_wanted = True
        elif match.lastgroup == "string":
            if depth == 1:
                # Neighbouring strings are one value, as in every protobuf text.
                current[field] = ("" if value_wanted else current.get(field, "")) + _unescape(token[1:-1], path, line)
            value_wanted = False
        elif match.lastgroup == "word":
            if value_wanted and depth == 1:
                current[field] = token
            elif not value_wanted:
                field = token
            value_wanted = False
    if depth:
        raise DataError(f"{path}: an item that does not end: a closing bracket is missing")
    return items


def _unescape(text: str, path: Path, line: int) -> str:
    def replace(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, short, long, simple = match.groups()
        if octal:
            return bytes([int(octal, 8) & 0xFF])
        if hexadecimal:
            return bytes([int(hexadecimal, 16)])
        if short or long:
            return chr(int(short or long, 16)).encode()
        return _SIMPLE.get(simple, simple)

    try:
        return _ESCAPE.sub(replace, text.encode()).decode()
    except (UnicodeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}:{line}: a name that is not UTF-8") from error
